"""Reader, checks, summary and writer of .tflite files."""
