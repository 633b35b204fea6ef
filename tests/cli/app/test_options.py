"""The options of a program: their names, types, and the ways in which they are written."""

import json
from pathlib import Path

import pytest

from tfslim.cli import app, benchmark, edgetpu_table, evaluate, export, quantize, stage2, train
from tfslim.cli.app.options import list_options, option_types, rewrite_arguments
from tfslim.training.recipe_files import find_recipe

NETWORK = ["--data", "faces", "--model.name", "SlimNet", "--stages", '[{"epochs": 1, "size": [32, 32]}]']


def parse(main, words, positional=None, flags=None, recipe=None):
    types = option_types(main, recipe, [*(positional or {})])
    built = app.parser(main, "", positional or {}, flags or {}, recipe)
    return built.parse_args(rewrite_arguments(words, list_options(types), bool(recipe)))


def test_options_are_named_by_their_dotted_path():
    types = option_types(train.main, "recipe")
    assert types["optimization.batch_size"] is int and types["dry_run"] is bool
    assert {"stages", "stages.size", "augmentation.flip", "model.arguments", "out"} <= types.keys()
    assert "recipe" not in types and "return" not in types


def test_lists_are_told_from_lists_of_groups():
    assert list_options(option_types(train.main, "recipe")) == {
        "stages.size": False,
        "attributes": True,
        "crop": False,
    }
    assert {"rows", "stages"}.isdisjoint(list_options(option_types(stage2.main, "recipe")))


@pytest.mark.parametrize(
    ("main", "name", "written", "expected", "more"),
    [
        (benchmark.main, "threads", "1,2", (1, 2), ["file"]),
        (benchmark.main, "threads", "2", (2,), ["file"]),
        (export.main, "kinds", "int8,float16", ("int8", "float16"), ["net", "--data", "faces"]),
        (evaluate.main, "fars", "0.1, 0.01", [0.1, 0.01], ["net", "--data", "faces"]),
        (edgetpu_table.main, "models", "VGG11 flame,SlimNet", ("VGG11 flame", "SlimNet"), []),
    ],
)
def test_a_list_is_written_with_and_without_brackets(main, name, written, expected, more):
    positional = {"files": ""} if main is benchmark.main else {"model": ""} if main is export.main else {}
    positional = {"models": ""} if main is evaluate.main else positional
    for value in (written, f"[{written}]"):
        for words in ([f"--{name}", value], [f"--{name}={value}"]):
            assert parse(main, [*more, *words], positional)[name] == expected


@pytest.mark.parametrize(
    ("name", "written", "expected"),
    [
        ("attributes", "Smiling,Male", ["Smiling", "Male"]),
        ("attributes", "5_o_Clock_Shadow", ["5_o_Clock_Shadow"]),
        ("attributes", "null", None),
        ("crop", "120,100", (120, 100)),
    ],
)
def test_lists_of_a_recipe(name, written, expected):
    parsed = parse(train.main, [*NETWORK, f"--{name}", written], recipe="recipe")
    assert parsed[name] == expected


def test_lists_in_a_group():
    words = [*NETWORK, "--trained", "net", "--quantization.skip", "logits,stem", "--quantization.choices", "2,4"]
    few = parse(quantize.main, [*words, "--quantization.budget", "9 kB"], flags=app.RUN_FLAGS, recipe="recipe")
    assert few.quantization.skip == ["logits", "stem"] and few.quantization.choices == [2, 4]


def test_a_file_of_values_is_left_to_the_parser(tmp_path):
    path = tmp_path / "names.json"
    path.write_text(json.dumps(["Smiling"]))
    words = rewrite_arguments(["--attributes", str(path)], {"attributes": True}, recipes=False)
    assert words == ["--attributes", str(path)]


@pytest.mark.parametrize("flag", ["--dry-run", "--dry_run"])
def test_a_flag_is_written_with_hyphens_or_underscores(flag):
    assert parse(train.main, [*NETWORK, flag], flags=app.RUN_FLAGS, recipe="recipe").dry_run is True


def test_values_are_not_rewritten():
    words = ["--out", "a-b,c", "--seed=1", "-h", "photo-1.jpg", "--", "x-y"]
    assert rewrite_arguments(words, {}, recipes=True) == words


@pytest.mark.parametrize("name", ["slimnet-attributes", "slimnet-attributes.yaml"])
def test_a_recipe_is_found_by_its_name(name):
    for words in (["--config", name], [f"--config={name}"]):
        parsed = parse(train.main, [*words, "--data", "faces"], flags=app.RUN_FLAGS, recipe="recipe")
        assert parsed.model.name == "SlimNet" and len(parsed.stages) == 3


def test_a_file_comes_before_a_recipe_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("demo.yaml").write_text("seed: 7\n")
    assert find_recipe("demo.yaml") == Path("demo.yaml")
    assert find_recipe("demo").parent.name == "recipes"
