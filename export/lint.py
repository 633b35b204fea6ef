"""`tfslim lint`: say whether .tflite files would run on a Coral Edge TPU."""

from tfslim.cli.lint import run

if __name__ == "__main__":
    run()
