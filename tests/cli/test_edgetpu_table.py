"""The program that converts and lints every model of the zoo."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import check_mistake

PROGRAM = Path(__file__).resolve().parents[2] / "export" / "edgetpu_table.py"


def run(*arguments):
    return subprocess.run([sys.executable, PROGRAM, *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.slow
def test_rows_are_clean_and_written_twice(tmp_path):
    out, keep = tmp_path / "table.md", tmp_path / "new" / "files"
    done = run("--size", 40, "--models", "[SlimNet, VGG11 flame]", "--out", out, "--keep", keep)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.with_suffix(".json").read_text())
    assert list(rows) == ["SlimNet", "VGG11 flame"]
    for row in rows.values():
        assert row["errors"] == [] and row["mapped"] == row["operators"] > 20 and row["zoo"]
        assert row["slim_bytes"] < row["bytes"]
    lines = out.read_text().splitlines()
    assert lines == done.stdout.splitlines() and len(lines) == 4
    assert lines[2].split(" | ")[1] == f"{rows['SlimNet']['params']:,}"
    slim, flame = rows["SlimNet"], rows["VGG11 flame"]
    assert {path.name: path.stat().st_size for path in keep.iterdir()} == {
        "SlimNet.tflite": slim["bytes"],
        "SlimNet-slim.tflite": slim["slim_bytes"],
        "VGG11-flame.tflite": flame["bytes"],
        "VGG11-flame-slim.tflite": flame["slim_bytes"],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "[SlimNet, Nothing]"], "--models Nothing; the rows are SlimNet, MobileNet"),
        (["--out", "edgetpu.json"], "--out edgetpu.json: the JSON beside the table would have this name"),
        (["--out", "none/edgetpu.md"], "--out none/edgetpu.md: the folder none does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_first(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    check_mistake([sys.executable, str(PROGRAM), *arguments], message)
    assert not list(tmp_path.iterdir())
