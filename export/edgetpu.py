"""`tfslim edgetpu`: compile .tflite files for a Coral Edge TPU, and lint them."""

from tfslim.cli.edgetpu import run

if __name__ == "__main__":
    run()
