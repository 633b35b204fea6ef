"""Evaluates models: attributes, whose face it is, or whether two faces are of one person."""

from tfslim.cli.evaluate import run

if __name__ == "__main__":
    run()
