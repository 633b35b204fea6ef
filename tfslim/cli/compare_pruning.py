"""`tfslim compare-pruning`: compare prunings by different importance scores."""

from functools import partial

from tfslim.cli import app

DESCRIPTION = """\
Compares runs of `tfslim prune` that differ in the importance score (--pruning.importance) and in their seeds: a
Markdown table of every accuracy and error rate by the filters, parameters, MACs or bytes that each cut left (whichever
the runs counted), mean and standard deviation over each score's runs, the same as JSON, and a picture of each figure.

examples:
  tfslim compare-pruning runs/taylor-* runs/l2-* runs/random-* --out runs/compared
"""


def main(runs: list[str], out: str) -> None:
    """Print the table and draw the curves.

    Args:
        runs: run folders of `tfslim prune`.
        out: the folder to write.
    """
    from tfslim.workflows.experiments.pruning_comparison import write_comparison

    write_comparison(runs, out)


run = partial(app.run, main, DESCRIPTION, positional={"runs": "run folders of tfslim prune"})
