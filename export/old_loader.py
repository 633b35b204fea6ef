"""`tfslim old-loader`: run .tflite files in TensorFlow 2.6, and compare."""

from tfslim.cli.old_loader import run

if __name__ == "__main__":
    run()
