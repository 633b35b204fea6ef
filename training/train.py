"""Trains a network on CelebA's attributes or identities from a recipe."""

from tfslim.cli.train import run

if __name__ == "__main__":
    run()
