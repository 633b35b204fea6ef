"""`tfslim prune`: remove the filters of a trained network while it trains on."""

from tfslim.cli.prune import run

if __name__ == "__main__":
    run()
