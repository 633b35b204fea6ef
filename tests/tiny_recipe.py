"""A recipe to test the programs' parts with: one epoch of the tiny model's attributes."""

from pathlib import Path

from tests.tiny_model import NAMES, SIZE
from tfslim.training.recipe import Network, Optimization, Recipe, Stage


def tiny_recipe(faces: Path, **optimization: float) -> Recipe:
    """One epoch in batches of 8."""
    asked = Optimization(**{"batch_size": 8} | optimization)
    return Recipe(str(faces), Network("any"), [Stage(1, SIZE)], optimization=asked, attributes=list(NAMES))
