"""Compiles .tflite files for a Coral Edge TPU where edgetpu_compiler is installed, and lints them in any case."""

from tfslim.cli.edgetpu import run

if __name__ == "__main__":
    run()
