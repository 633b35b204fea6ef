"""Recipes in the package, by their names."""

import pytest

from tests.programs import TRAINING
from tfslim.training.recipe_files import FOLDER, describe_recipe, find_recipe, recipe_names


def test_every_recipe_is_listed():
    assert recipe_names() == sorted(path.stem for path in (TRAINING / "recipes").glob("*.yaml"))
    assert len(recipe_names()) > 30 and (TRAINING / "recipes").resolve() == FOLDER.resolve()


def test_a_missing_recipe_names_its_neighbours():
    with pytest.raises(FileNotFoundError, match="vgg11-identty: expected .* did you mean vgg11-identity"):
        find_recipe("vgg11-identty")
    with pytest.raises(FileNotFoundError, match="nowhere/x.yaml: .* the recipes are demo, demo-few-bits"):
        find_recipe("nowhere/x.yaml")


@pytest.mark.parametrize(
    ("name", "described"),
    [
        ("mobilenet-attributes", ["train", "MobileNet 0.5", "128x128", "40"]),
        ("demo-student", ["distill", "VGG11 flame", "32x32", "10"]),
        ("demo-pruned", ["prune", "SlimNet", "109x89", "2"]),
        ("slimnet-int8", ["quantize", "SlimNet", "109x89", "12"]),
        ("flame-stage1", ["stage1", "VGG11", "64x64", "40"]),
        ("flame-stage2", ["stage2", "VGG11", "64x64", "10"]),
    ],
)
def test_a_recipe_is_described(name, described):
    assert [*describe_recipe(name).values()] == [name, *described]
