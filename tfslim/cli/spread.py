"""`tfslim spread`: mean and deviation over one recipe's seeds."""

from functools import partial

from tfslim.cli import app

DESCRIPTION = """\
Merges the tables that `tfslim prune` or `tfslim quantize` wrote for several seeds of one recipe: for every row and
figure the mean over the runs and, for shares, their standard deviation. A Markdown table, and JSON with all figures.
Recipes may differ in seed, network, teacher and data's folder alone.

examples:
  tfslim spread runs/slimnet-int8-0 runs/slimnet-int8-1 runs/slimnet-int8-2
  tfslim spread runs/squeezer-* --out squeezer.md
"""


def main(runs: list[str], out: str | None = None) -> None:
    """Print the table.

    Args:
        runs: run folders of `tfslim prune` or `tfslim quantize`.
        out: Markdown file to write; the same as JSON lies beside it.
    """
    from tfslim.workflows.experiments.seeds import write_seeds_table

    write_seeds_table(runs, out)


run = partial(app.run, main, DESCRIPTION, positional={"runs": "run folders of tfslim prune or tfslim quantize"})
