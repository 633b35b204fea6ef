"""`tfslim train`: train a network from a recipe."""

from tfslim.cli.train import run

if __name__ == "__main__":
    run()
