""".tflite files run, timed and compared with their model."""
