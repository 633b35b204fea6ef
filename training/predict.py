"""`tfslim predict`: say which attributes a model sees in photos."""

from tfslim.cli.predict import run

if __name__ == "__main__":
    run()
