"""Puts the tables of several runs of one recipe together: mean and spread over the seeds."""

from tfslim.cli.spread import run

if __name__ == "__main__":
    run()
