"""Puts the tables of several runs of one recipe together: mean and spread over the seeds; see `--help`."""

from pathlib import Path

from tfslim.cli import app
from tfslim.workflows.experiments.seeds import _markdown, aggregate_seeds

DESCRIPTION = """\
Puts the tables together that prune.py or quantize.py wrote for several seeds of one recipe: for every row and figure
the mean over the runs and, for shares, their standard deviation. A Markdown table, and JSON with all runs' figures.
Recipes may differ in seed, network, teacher and data's folder alone.

examples:
  python training/spread.py runs/slimnet-int8-0 runs/slimnet-int8-1 runs/slimnet-int8-2
  python training/spread.py runs/squeezer-* --out squeezer.md
"""


def main(runs: list[str], out: str | None = None) -> None:
    """Prints the table.

    Args:
        runs: run folders of prune.py or quantize.py.
        out: Markdown file to write; the same as JSON lies beside it.
    """
    if out and Path(out).suffix == ".json":
        raise ValueError(f"{out}: is the Markdown table's name, and the JSON lies beside it: let it end in .md")
    merged = aggregate_seeds(runs)
    text = _markdown(merged, len(runs))
    print(text)
    if out:
        from tfslim._support.files import replacing, write_json

        with replacing(out) as beside:
            Path(beside).write_text(text + "\n", encoding="utf-8")
        write_json(Path(out).with_suffix(".json"), {"runs": runs, "rows": merged})


def run() -> None:
    """Run the program with the command line's arguments."""
    app.run(main, DESCRIPTION, positional={"runs": "run folders of prune.py or quantize.py"})
