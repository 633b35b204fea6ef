"""Says whether .tflite files would run on a Coral Edge TPU, and what to do where they would not."""

from tfslim.cli.lint import run

if __name__ == "__main__":
    run()
