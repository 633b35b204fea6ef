"""How the images were parted when a model was trained, by what lies beside its file."""

from pathlib import Path
from typing import NamedTuple

from written_recipe import read_recipe, recipe_of

from tfslim.data.people import read_people
from tfslim.data.splits import SPLITS


class Split(NamedTuple):
    """How images are parted; only a random split has a seed."""

    kind: str
    seed: int

    def __str__(self) -> str:
        return f"random split of seed {self.seed}" if self.kind == "random" else f"{self.kind} split"


def split_of(kind: str, seed: int) -> Split:
    """The split of a kind; the seed is 0 where it has none, so that equal splits are equal."""
    return Split(kind, seed if kind == "random" else 0)


def trained_split(file: Path) -> Split | None:
    """The split by the people.json beside a model file, else by its run's recipe.yaml; None without both.

    Args:
        file: a model file.

    Raises:
        ValueError: the file that should tell is damaged.

    Example:
        >>> trained_split(Path("runs/slimnet/model.keras"))
        Split(kind='random', seed=5)
    """
    people = read_people(file)
    if people:
        return split_of(people.split, people.split_seed)
    path = recipe_of(file)
    if path is None:
        return None
    said = read_recipe(path)
    kind, seed = said.get("split", "official"), said.get("split_seed", 0)
    if kind not in SPLITS or not isinstance(seed, int):
        expected = f"one of {', '.join(SPLITS)}, and a whole number"
        raise ValueError(f"{path}: split {kind!r} and split_seed {seed!r}; expected {expected}")
    return split_of(kind, seed)


def split_asked_for(asked: str, seed: int, files: list[Path]) -> tuple[Split, str]:
    """How to part the images, and why so: left open, as when the models were trained.

    Args:
        asked: a kind of split, or "auto".
        seed: of a random split that is asked for.
        files: the models' files.

    Raises:
        ValueError: the models were trained on different splits, or a file that should tell is damaged.

    Example:
        >>> split_asked_for("random", 5, [])
        (Split(kind='random', seed=5), 'as asked for')
    """
    if asked != "auto":
        return split_of(asked, seed), "as asked for"
    try:
        found = {file: trained_split(file) for file in files}
    except ValueError as error:
        raise ValueError(f"{error}; mend it, or say --split") from error
    known = {file: split for file, split in found.items() if split}
    if len(set(known.values())) > 1:
        raise ValueError(f"{' and '.join(map(str, known))} were trained on other splits: evaluate them apart")
    untold = ", ".join(str(file) for file in found if file not in known)
    reasons = [f"as in the training of {', '.join(map(str, known))}"] if known else []
    reasons += [f"no people.json or recipe.yaml tells of the training of {untold}"] if untold else []
    return next(iter(known.values()), split_of("official", seed)), "; ".join(reasons)
