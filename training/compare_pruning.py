"""`tfslim compare-pruning`: compare prunings by different importance scores."""

from tfslim.cli.compare_pruning import run

if __name__ == "__main__":
    run()
