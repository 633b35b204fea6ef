"""`tfslim export`: make the .tflite files of a model, and compare each with it."""

from tfslim.cli.export import run

if __name__ == "__main__":
    run()
