"""Usage errors: two lines, the nearest right name, exit code 2; and a missing extra."""

import subprocess
import sys

import pytest

from tests.programs import TRAINING
from tfslim.cli.app.usage import explain, nearest, recipe_hint

TFSLIM = (sys.executable, "-m", "tfslim")


def run(*words: object, **settings) -> subprocess.CompletedProcess:
    return subprocess.run([*map(str, words)], capture_output=True, text=True, **settings)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train --bach_size 3", "unknown option --bach_size; did you mean --optimization.batch_size?"),
        ("train --dry-rum", "unknown option --dry-rum; did you mean --dry_run?"),
        ("train", "missing --data, --model.name, --stages"),
        ("train --config demo --data x --seed y", "--seed: expected int, got y"),
        ("train --config demo --data x --crop 3", "--crop: expected tuple[int, int], null, got [3]"),
        ("train --config demo --data x --split odd", "--split: expected one of 'official', '7:2:1', 'random', got odd"),
        (
            "quantize --config demo-pruned --data x --trained y",
            "unknown option pruning.macs; demo-pruned is a recipe of `tfslim prune`",
        ),
        (
            "train --config=demo-pruned --data x",
            "unknown option pruning.macs; demo-pruned is a recipe of `tfslim prune`",
        ),
        ("export m --data x --kinds [int8", "--kinds: expected int8 or '[int8]', got [int8"),
        (
            "export m --data x --kinds [int8,float16",
            "--kinds: expected int8,float16 or '[int8,float16]', got [int8,float16",
        ),
        ("predict", "missing model, photos"),
        ("draw-faces a b", "unexpected 'b': no option or argument takes it"),
        ("draw-faces a --count", "argument --count: expected one argument"),
    ],
)
def test_a_wrong_command_line_is_told_in_two_lines(words, said):
    done = run(*TFSLIM, *words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {said}\nsee `tfslim {words.split()[0]} --help`\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "prune --config demo",
            "pruning: give one of ratio, params, macs and bytes; found none; demo is a recipe of `tfslim train`",
        ),
        (
            "quantize --config demo",
            "give either quantization (few bits), or some of sparsity, clustering and int8; "
            "demo is a recipe of `tfslim train`",
        ),
        ("distill --config demo --teacher y", "x is not a folder; pass the folder with CelebA's label files"),
    ],
)
def test_the_recipe_of_another_program_is_named(words, said):
    trained = [] if "--teacher" in words else ["--trained", "y"]
    done = run(*TFSLIM, *words.split(), "--data", "x", *trained)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"error: {said}")


def test_a_recipe_of_another_program_may_be_completed_by_options(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tfslim prune"])
    given = ["--config", "demo", "--pruning.ratio", "2"]
    assert recipe_hint("pruning.ratio=2.0 must be below 1", given) == ""
    assert recipe_hint("pruning: give one of ratio", given[:2]) == "; demo is a recipe of `tfslim train`"
    assert recipe_hint("pruning: give one of ratio", ["--config", "no-such-recipe"]) == ""
    assert recipe_hint("--seed: expected int, got y", given[:2]) == ""


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("sead: 7", "unknown option sead; did you mean seed?"),
        (
            "optimization: {bach_size: 3}",
            "unknown option optimization.bach_size; did you mean optimization.batch_size?",
        ),
        ("stages: [{epochs: 3, sze: [8, 8]}]", "unknown option sze; did you mean stages.size?"),
    ],
)
def test_a_misspelt_name_in_a_recipe_has_its_neighbour_named(recipe, said, tmp_path):
    (tmp_path / "recipe.yaml").write_text(recipe)
    done = run(*TFSLIM, "train", "--config", tmp_path / "recipe.yaml", "--data", "x", "--model.name", "SlimNet")
    assert (done.returncode, done.stderr) == (2, f"error: {said}\nsee `tfslim train --help`\n")


def test_a_recipe_that_is_not_there_has_its_neighbours_named():
    done = run(*TFSLIM, "train", "--config", "slimnet-atributes", "--data", "x")
    first, second = done.stderr.splitlines()
    assert done.returncode == 2 and second == "see `tfslim recipes`"
    assert first.startswith("error: slimnet-atributes: expected a YAML file or the name of a recipe, found neither; ")
    assert "did you mean slimnet-attributes, slimnet-attributes-small" in first


def test_the_programs_of_training_say_the_same():
    done = run(sys.executable, "training/train.py", "--bach_size", 3, cwd=TRAINING.parent)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: unknown option --bach_size; did you mean --optimization.batch_size?",
        "see `python training/train.py --help`",
    ]


@pytest.mark.parametrize("package", ["jsonargparse", "yaml"])
def test_without_the_extra_it_is_named(package):
    code = (
        f"import sys; sys.modules[{package!r}] = None; sys.argv = ['tfslim train', '--help']; "
        "from tfslim.cli.train import run; run()"
    )
    done = run(sys.executable, "-c", code)
    name = {"yaml": "pyyaml"}.get(package, package)
    assert done.returncode == 2 and done.stderr == (
        f"error: tfslim train needs {name}: pip install 'tfslim-edge[programs]', "
        "from a checkout: pip install '.[programs]'\n"
    )


def test_the_whole_name_counts_before_its_last_part():
    names = ["model.name", "rows.name", "seed", "split_seed"]
    assert nearest("sed", names) == "seed"
    assert nearest("row.name", names) == "rows.name"
    assert nearest("nothing_like_it", names) is None


def test_an_error_that_is_not_known_is_one_line():
    assert explain("something\n  else", [], []) == "something else"
