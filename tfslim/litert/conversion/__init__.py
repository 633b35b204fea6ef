"""Conversion of Keras models to .tflite files."""
