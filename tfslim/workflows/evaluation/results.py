"""What the parts of evaluate.py share: names of models, folders for their results, and the files in them."""

from pathlib import Path

LISTED = 20  # skipped images named on the screen


def display_names(models: list[str], files: list[Path]) -> list[str]:
    """Names to print and to call result files by: those of the run folder or file, told apart by numbers if need be."""
    if len({file.resolve() for file in files}) < len(files):
        raise ValueError(f"a model is given twice: {', '.join(map(str, files))}")
    names = [Path(model).resolve().name for model in models]
    if len(set(names)) < len(names):
        names = [f"{file.resolve().parent.name}-{file.name}" for file in files]
    if len(set(names)) < len(names):
        names = [f"{number}-{name}" for number, name in enumerate(names, start=1)]
    return names


def result_folders(files: list[Path], out: str | None, name: str) -> list[Path]:
    """Makes a folder for each model's results: `out`, or one of this name beside the model."""
    folders = [Path(out) if out else file.parent / name for file in files]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return folders


def percent(share: float | None) -> str:
    """A share in 0..1 as a table shows it; a dash for None."""
    return "-" if share is None else f"{100 * share:.2f}"


def print_skipped(skipped: dict[str, str]) -> None:
    """Says how many images were left out, and why the first of them."""
    if skipped:
        print(f"{len(skipped)} skipped:")
    for what, why in list(skipped.items())[:LISTED]:
        print(f"  {what}: {why}")
    if len(skipped) > LISTED:
        print(f"  and {len(skipped) - LISTED} more, listed in the JSON file")
