"""`tfslim benchmark`: time .tflite files on this machine."""

from tfslim.cli.benchmark import run

if __name__ == "__main__":
    run()
