"""Sets prunings by different scores side by side, each over its seeds."""

from tfslim.cli.compare_pruning import run

if __name__ == "__main__":
    run()
