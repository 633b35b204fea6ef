"""`tfslim stage1`: train a teacher and its students: the Flame paper's table."""

from tfslim.cli.stage1 import run

if __name__ == "__main__":
    run()
