"""`tfslim distill`: train a student on labels and a teacher's outputs."""

from tfslim.cli.distill import run

if __name__ == "__main__":
    run()
