"""`tfslim quantize`: train a network on in few bits, with zeros, or for int8."""

from tfslim.cli.quantize import run

if __name__ == "__main__":
    run()
