"""Stores a trained network in few bits, or in int8, and trains it on so that it loses little."""

from tfslim.cli.quantize import run

if __name__ == "__main__":
    run()
