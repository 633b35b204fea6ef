"""Trains a teacher and its students, alone and taught, and makes the paper's table."""

from tfslim.cli.stage1 import run

if __name__ == "__main__":
    run()
