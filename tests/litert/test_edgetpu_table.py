"""The program that converts and lints every model of the zoo."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_unknown_rows_are_named():
    done = run("--models", "[SlimNet, Nothing]")
    assert done.returncode == 2 and "--models Nothing; the rows are SlimNet, MobileNet" in done.stderr
