"""Run, time and compare .tflite files."""
