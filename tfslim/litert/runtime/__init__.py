"""Runs, timings and comparisons of .tflite files."""
