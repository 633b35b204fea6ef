"""Names, folders and formats of evaluation results."""

from pathlib import Path

LISTED = 20  # skipped images named on the screen
NO_IDENTITIES = "{}: has no identity_CelebA.txt, which tells who is on an image; put it there"


def display_names(models: list[str], files: list[Path]) -> list[str]:
    """Return distinct names of models for tables and result files.

    Args:
        models: run folders or files, as they were given.
        files: the model file of each.

    Returns:
        The names of run folders or files, with numbers if they are not distinct.

    Raises:
        ValueError: a model is given twice.
    """
    if len({file.resolve() for file in files}) < len(files):
        raise ValueError(f"a model is given twice: {', '.join(map(str, files))}")
    names = [Path(model).resolve().name for model in models]
    if len(set(names)) < len(names):
        names = [f"{file.resolve().parent.name}-{file.name}" for file in files]
    if len(set(names)) < len(names):
        names = [f"{number}-{name}" for number, name in enumerate(names, start=1)]
    return names


def result_folders(files: list[Path], out: str | None, name: str) -> list[Path]:
    """Create a folder for each model's results.

    It is `out`, or `name` beside the model.
    """
    folders = [Path(out) if out else file.parent / name for file in files]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return folders


def percent(share: float | None) -> str:
    """Format a share in 0..1 as a percentage.

    None becomes a dash.
    """
    return "-" if share is None else f"{100 * share:.2f}"


def print_skipped(skipped: dict[str, str]) -> None:
    """Print the number of skipped images and the first reasons."""
    if skipped:
        print(f"{len(skipped)} skipped:")
    for what, why in list(skipped.items())[:LISTED]:
        print(f"  {what}: {why}")
    if len(skipped) > LISTED:
        print(f"  and {len(skipped) - LISTED} more, listed in the JSON file")
