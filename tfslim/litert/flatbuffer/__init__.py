"""The .tflite format: reading, writing, summaries, slimming."""
