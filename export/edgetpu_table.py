"""`tfslim edgetpu-table`: lint every model of the zoo for the Edge TPU."""

from tfslim.cli.edgetpu_table import run

if __name__ == "__main__":
    run()
