"""Sets prunings by different scores side by side, each over its seeds; see `--help`."""

from pathlib import Path

from tfslim.cli import app
from tfslim.workflows.experiments.pruning_comparison import FIGURES, _markdown, compare

DESCRIPTION = """\
Sets runs of prune.py side by side that differ in how filters were scored (--pruning.importance) and in their seeds: a
Markdown table of every accuracy and error rate by what each cut left (of filters, parameters, MACs or bytes, whichever
the runs counted), mean and standard deviation over each score's runs, the same as JSON, and a picture of each figure.

examples:
  python training/compare_pruning.py runs/taylor-* runs/l2-* runs/random-* --out runs/compared
"""


def main(runs: list[str], out: str) -> None:
    """Prints the table and draws the curves.

    Args:
        runs: run folders of prune.py.
        out: the folder to write.
    """
    from tfslim._support.files import replacing, write_json
    from tfslim.plots.charts import pruning_curve

    counted, compared = compare(runs)
    first = next(iter(compared.values()))
    left = [row[counted]["mean"] for row in first]
    names = [name for name in first[0] if name.startswith(FIGURES)]
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join(_markdown(name, counted, compared) for name in names)
    print(text)
    with replacing(folder / "compared.md") as beside:
        Path(beside).write_text(text + "\n", encoding="utf-8")
    write_json(folder / "compared.json", compared)
    removed = [1 - amount / left[0] for amount in left]
    for name in names:
        curves = {score: [row[name]["mean"] for row in rows] for score, rows in compared.items()}
        spreads = {score: [row[name]["deviation"] or 0 for row in rows] for score, rows in compared.items()}
        pruning_curve(removed, curves, folder / f"{name.replace(' ', '-')}.png", name, spreads, counted)
    print(f"wrote {folder / 'compared'}.md, .json and {len(names)} pictures")


def run() -> None:
    """Run the program with the command line's arguments."""
    app.run(main, DESCRIPTION, positional={"runs": "run folders of prune.py"})
