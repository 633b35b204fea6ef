"""Stores trained networks in few bits, before and after training on, and makes the paper's tables."""

from tfslim.cli.stage2 import run

if __name__ == "__main__":
    run()
