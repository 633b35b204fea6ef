"""`tfslim spread`: merge the tables of one recipe's seeds: mean and deviation."""

from tfslim.cli.spread import run

if __name__ == "__main__":
    run()
