"""Makes the .tflite files of a model and compares each with it on real images."""

from tfslim.cli.export import run

if __name__ == "__main__":
    run()
