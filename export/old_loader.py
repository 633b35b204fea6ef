"""Runs .tflite files in TensorFlow 2.6, of the Edge TPU compiler's age, and compares with LiteRT and the linter."""

from tfslim.cli.old_loader import run

if __name__ == "__main__":
    run()
