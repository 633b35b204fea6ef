"""Read, check, summarize and write .tflite files."""
