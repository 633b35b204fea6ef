"""Trains a student on labels and a teacher's answers."""

from tfslim.cli.distill import run

if __name__ == "__main__":
    run()
