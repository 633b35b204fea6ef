"""Converts every model of the zoo and some of keras.applications for the Edge TPU, and lints the files: one table."""

from tfslim.cli.edgetpu_table import run

if __name__ == "__main__":
    run()
