"""How the images were parted when a model was trained, by what lies beside its file."""

from pathlib import Path

import yaml

from tfslim.data.people import read_people
from tfslim.data.splits import SPLITS


def trained_split(file: Path) -> tuple[str, int] | None:
    """The split and its seed, by the people.json beside a model file, else by its run's recipe.yaml; None without both.

    Args:
        file: a model file.

    Returns:
        "official", "7:2:1" or "random", and the seed of the last; 0 for the others, which have none.

    Raises:
        ValueError: the file that should tell is damaged.

    Example:
        >>> trained_split(Path("runs/slimnet/model.keras"))
        ('random', 5)
    """
    people = read_people(file)
    if people:
        return people.split, people.split_seed if people.split == "random" else 0
    recipe = file.parent / "recipe.yaml"
    if not recipe.is_file():
        return None
    try:
        said = yaml.safe_load(recipe.read_text(encoding="utf-8"))
        split, seed = said.get("split", "official"), int(said.get("split_seed", 0))
    except (yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{recipe}: damaged, so it can't tell how images were parted: {error}; say --split") from error
    if split not in SPLITS:
        raise ValueError(f"{recipe}: split {split!r}; expected one of {', '.join(SPLITS)}; or say --split")
    return split, seed if split == "random" else 0
