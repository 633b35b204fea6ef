"""`tfslim stage2`: store these in few bits: the Flame paper's second table."""

from tfslim.cli.stage2 import run

if __name__ == "__main__":
    run()
