"""Every recipe says only what its program knows, and asks for a network that can be made."""

import inspect
from pathlib import Path

import pytest
import yaml

import tfslim
from tfslim.cli import app, distill, prune, quantize, stage1, stage2, train
from tfslim.training.recipe import Network, Recipe
from tfslim.training.recipe_files import FOLDER

RECIPES = sorted(FOLDER.glob("*.yaml"))


def parsed(path: Path):
    content = yaml.safe_load(path.read_text())
    main, more = train.main, []
    if "curve" in content:
        main, more = stage2.main, ["--trained", "runs/stage1"]
    elif "rows" in content:
        main = stage1.main
    elif "pruning" in content:
        main, more = prune.main, ["--trained", "runs/trained"]
    elif content.keys() & {"quantization", "sparsity", "int8"}:
        main, more = quantize.main, ["--trained", "runs/trained"]
    elif "distillation" in content:
        main, more = distill.main, ["--teacher", "runs/teacher"]
    flags = {stage1.main: stage1.FLAGS, stage2.main: stage2.FLAGS}.get(main, app.RUN_FLAGS)
    parser = app.parser(main, "", {}, flags, "recipe")
    return parser.instantiate(parser.parse_args(["--config", str(path), "--data", "celeba", *more]))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_understood(path):
    values = parsed(path)
    recipe = Recipe(**{name: getattr(values, name) for name in Recipe.__dataclass_fields__})
    assert isinstance(recipe.model, Network) and recipe.model.name in tfslim.models.list_models()
    for row in getattr(values, "rows", [None]):
        arguments = recipe.model.arguments | getattr(row, "arguments", {})
        inspect.signature(getattr(tfslim.models, recipe.model.name)).bind(classes=2, **arguments)
    assert sum(stage.epochs for stage in recipe.stages) > 0


def test_stage_2_takes_what_stage_1_trains():
    one, two = (parsed(path.with_stem(f"flame-stage{number}")) for number, path in ((1, RECIPES[0]), (2, RECIPES[0])))
    trained = {f"{row.name}{kind}-0" for row in one.rows for kind in ("", "-taught")}
    assert {row.trained for row in two.rows} | {two.teacher, *two.curve} <= trained


def test_each_row_of_stage_1_has_a_recipe_of_the_same_network_at_full_size():
    rows = {str(row.arguments) for row in parsed(next(path for path in RECIPES if path.stem == "flame-stage1")).rows}
    full = {str(parsed(path).model.arguments) for path in RECIPES if path.stem.endswith("-identity")}
    assert rows == full
