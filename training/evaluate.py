"""`tfslim evaluate`: measure models on attributes, identities or verification."""

from tfslim.cli.evaluate import run

if __name__ == "__main__":
    run()
