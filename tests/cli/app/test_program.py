"""Running a program: options, exit codes, errors in one line."""

import dataclasses
import os
import re
import subprocess
import sys

import pytest

from tfslim.cli import app
from tfslim.cli.app.commands import COMMANDS


def run(monkeypatch, main, *arguments, **settings):
    """Runs a program and gives its exit code."""
    monkeypatch.setattr(sys, "argv", ["program.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.run(main, "Says what it was given.\n\nExamples:\n  python program.py a b", **settings)
    return ended.value.code


def echo(models: list[str], count: int = 3, size: tuple[int, int] = (1, 2), fast: bool = False) -> None:
    """Says what it was given.

    Args:
        models: not shown.
        count: how many there are
        size: height and width
        fast: not shown.
    """
    print(models, count, size, fast)


POSITIONAL, FLAGS = {"models": "some models"}, {"fast": "be fast"}


def test_positions_options_and_flags_reach_the_function_with_their_types(monkeypatch, capsys):
    arguments = ("a", "b", "--count", "5", "--fast", "--size", "[3, 4]")
    assert run(monkeypatch, echo, *arguments, positional=POSITIONAL, flags=FLAGS) == 0
    assert capsys.readouterr().out == "['a', 'b'] 5 (3, 4) True\n"


def test_a_file_name_that_is_no_text_is_printed(monkeypatch, capsys):
    models = [os.fsdecode(b"\xff.jpg")]
    assert run(monkeypatch, lambda: print(*models)) == 0
    assert capsys.readouterr().out == "\\udcff.jpg\n"


def test_help_shows_the_examples_as_written_and_each_options_meaning(monkeypatch, capsys):
    assert run(monkeypatch, echo, "--help", positional=POSITIONAL, flags=FLAGS) == 0
    shown = capsys.readouterr().out
    assert "Examples:\n  python program.py a b\n" in shown
    assert all(text in shown for text in ("some models", "be fast", "how many there are", "default: 3"))


@pytest.mark.parametrize("arguments", [(), ("a", "--count", "x"), ("a", "--coun", "3"), ("a", "--nothing")])
def test_a_command_line_that_does_not_fit_ends_with_2(monkeypatch, capsys, arguments):
    assert run(monkeypatch, echo, *arguments, positional=POSITIONAL, flags=FLAGS) == 2
    assert "error:" in capsys.readouterr().err


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What to say.

    Args:
        count: how many there are
        size: height and width
    """

    count: int = 3
    size: tuple[int, int] = (1, 2)


def echo_recipe(recipe: Recipe, out: str = "here") -> None:
    """Says its recipe.

    Args:
        recipe: what to say
        out: where
    """
    print(recipe, out)


def test_a_recipe_from_a_file_gives_way_to_the_command_line(monkeypatch, capsys, tmp_path):
    (tmp_path / "recipe.yaml").write_text("count: 7\nsize: [5, 6]\n")
    arguments = ("--config", str(tmp_path / "recipe.yaml"), "--count", "8", "--out", "there")
    assert run(monkeypatch, echo_recipe, *arguments, recipe="recipe") == 0
    assert capsys.readouterr().out == "Recipe(count=8, size=(5, 6)) there\n"


def test_a_misspelt_name_in_a_recipe_is_refused(monkeypatch, capsys, tmp_path):
    (tmp_path / "recipe.yaml").write_text("cuont: 7\n")
    assert run(monkeypatch, echo_recipe, "--config", str(tmp_path / "recipe.yaml"), recipe="recipe") == 2
    assert "cuont" in capsys.readouterr().err


@pytest.mark.parametrize("mistake", [ValueError, FileNotFoundError, PermissionError, ModuleNotFoundError])
def test_a_users_mistake_is_one_line_and_exit_code_2(monkeypatch, capsys, mistake):
    def main() -> None:
        raise mistake("face.jpg: what is wrong\n  and what to do")

    assert run(monkeypatch, main) == 2
    assert capsys.readouterr() == ("", "error: face.jpg: what is wrong and what to do\n")


def test_a_users_mistake_keeps_its_traceback_when_asked_for(monkeypatch):
    def main() -> None:
        raise ValueError("what is wrong")

    monkeypatch.setenv("TFSLIM_TRACEBACK", "1")
    monkeypatch.setattr(sys, "argv", ["program.py"])
    with pytest.raises(ValueError, match="what is wrong"):
        app.run(main, "")


def test_our_own_mistake_is_not_hidden(monkeypatch):
    def main() -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(sys, "argv", ["program.py"])
    with pytest.raises(KeyError):
        app.run(main, "")


def test_what_the_function_returns_is_the_exit_code(monkeypatch):
    def main() -> int:
        return 1

    assert run(monkeypatch, main) == 1


def test_ctrl_c_ends_without_a_traceback(monkeypatch, capsys):
    def main() -> None:
        raise KeyboardInterrupt

    assert run(monkeypatch, main) == app.INTERRUPTED == 130
    assert capsys.readouterr().err == "stopped\n"


def test_a_reader_that_has_seen_enough_is_no_error():
    # Far more than a pipe holds, so that writing fails once the reader is gone.
    code = "from tfslim.cli import app; app.run(lambda: print('line\\n' * 100_000), '')"
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    writer.stdout.readline()
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait() == 0


SLOW = {"tensorflow", "keras", "tf_keras", "matplotlib", "sklearn", "scipy", "jax"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_program_loads_neither_tensorflow_nor_keras(name):
    command = [sys.executable, "-X", "importtime", "-m", "tfslim", name, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "jsonargparse" in loaded
    assert not loaded & {*SLOW, "numpy", "rich.table"}
    assert done.stdout.startswith(f"usage: tfslim {name} [options]")
    assert re.search(rf"^examples:\n  tfslim {name}\b", done.stdout, re.MULTILINE)
