"""The `tfslim` command: help, version, and the choice of a subcommand."""

import importlib
import subprocess
import sys

import pytest

import tfslim
from tests.programs import TRAINING
from tfslim.cli.app.commands import COMMANDS, GROUPS, help_text


def tfslim_command(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "tfslim", *map(str, words)], capture_output=True, text=True)


def test_help_lists_every_subcommand_on_a_line_that_fits_80_columns():
    shown = help_text().splitlines()
    assert all(len(line) <= 80 for line in shown)
    for group, commands in GROUPS.items():
        heading = shown.index(f"{group}:")
        listed = shown[heading + 1 : heading + 1 + len(commands)]
        assert [line.split()[0] for line in listed] == [*commands]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_subcommand_is_a_short_module(name):
    module = importlib.import_module(f"tfslim.cli.{name.replace('-', '_')}")
    with open(module.__file__, encoding="utf-8") as file:
        assert len(file.readlines()) <= 80
    assert module.__doc__.startswith(f"`tfslim {name}`: ")
    assert callable(module.main) and callable(module.run) and module.DESCRIPTION


def test_every_program_of_training_and_export_is_a_subcommand():
    shims = {*TRAINING.glob("*.py"), *(TRAINING.parent / "export").glob("*.py")}
    modules = {line.split()[1] for shim in shims for line in shim.read_text().splitlines() if line.startswith("from ")}
    assert modules == {f"tfslim.cli.{name.replace('-', '_')}" for name in COMMANDS if name != "recipes"}


def test_help_loads_nothing_that_is_slow():
    command = [sys.executable, "-X", "importtime", "-m", "tfslim", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "tfslim.cli.app.commands" in loaded and done.stdout == help_text()
    assert not loaded & {"tensorflow", "keras", "numpy", "jsonargparse", "yaml", "argparse", "dataclasses", "rich"}


def test_without_a_subcommand_there_is_help():
    assert tfslim_command().stdout == help_text()


def test_version():
    assert tfslim_command("--version").stdout == f"tfslim {tfslim.__version__}\n"


@pytest.mark.parametrize("name", ["draw-faces", "draw_faces"])
def test_a_subcommand_is_written_with_a_hyphen_or_an_underscore(name):
    done = tfslim_command(name, "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: tfslim draw-faces [options] folder\n")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("trian", "unknown command trian; did you mean train?"),
        ("compare_prunning", "unknown command compare_prunning; did you mean compare-pruning?"),
        ("xyz", "unknown command xyz"),
        ("--versoin", "unknown option --versoin"),
    ],
)
def test_an_unknown_subcommand_is_told_in_two_lines(word, said):
    done = tfslim_command(word)
    assert (done.returncode, done.stderr) == (2, f"error: {said}\nsee `tfslim --help`\n")


def test_recipes_are_listed_and_printed():
    listed = tfslim_command("recipes").stdout.splitlines()
    assert all(len(line) <= 80 for line in listed)
    assert listed[0].split() == ["recipe", "program", "model", "size", "epochs"]
    assert ["slimnet-attributes", "train", "SlimNet", "218x178", "38"] in [line.split() for line in listed]
    recipe = TRAINING / "recipes" / "demo.yaml"
    assert tfslim_command("recipes", "demo").stdout == recipe.read_text()
    wrong = tfslim_command("recipes", "dmo")
    assert wrong.returncode == 2 and "did you mean demo" in wrong.stderr and len(wrong.stderr.splitlines()) == 1
