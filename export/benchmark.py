"""Times .tflite files against each other on this machine."""

from tfslim.cli.benchmark import run

if __name__ == "__main__":
    run()
