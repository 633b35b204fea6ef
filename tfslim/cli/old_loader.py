"""Runs .tflite files in TensorFlow 2.6, of the Edge TPU compiler's age, and compares with LiteRT and the linter."""

import sys
from pathlib import Path

from tfslim.cli import app

DESCRIPTION = """\
Runs each .tflite file in the loader of the Edge TPU compiler's age, TensorFlow 2.6.5, which this program installs into
an environment of its own (Python 3.9 is needed; about 1 GB). Each file runs in a process of its own, on random inputs,
and its outputs are compared with LiteRT's, in quantisation steps.

The exit code is 1 if a file that the linter passes does not load, or answers otherwise by more than a few steps.

Examples:
  python export/old_loader.py face-int8.tflite
  python export/old_loader.py files/*.tflite --environment ~/.cache/tf26 --python python3.9
"""
FAILED = 1  # exit code


def main(files: list[str], environment: str = "old-loader", python: str = "python3.9") -> int:
    """Runs files in the old loader.

    Args:
        files: .tflite files.
        environment: folder of the environment; made there if it is missing
        python: an interpreter of Python 3.9
    """
    from tfslim._support.text import text_table
    from tfslim.litert.edgetpu.linter import lint
    from tfslim.litert.flatbuffer.model_file import ModelFileError
    from tfslim.litert.runtime.old_loader import make_environment, run_old

    try:
        inside = make_environment(environment, python)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    rows, failed = [], False
    for file in files:
        try:
            linted, ran = lint(file), run_old(file, inside)
        except ModelFileError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
            continue
        failed = failed or (linted.ok and not ran.agrees)
        verdict = "passes" if linted.ok else ", ".join(dict.fromkeys(found.rule.id for found in linted.errors))
        steps = "" if ran.steps is None else f"{ran.steps:g}"
        rows.append([Path(file).name, verdict, "runs" if not ran.error else ran.error, steps])
    if rows:
        print(text_table(rows, align="<<<>", head=["file", "linter", "TensorFlow 2.6.5", "steps apart"]))
    return FAILED if failed else 0


def run() -> None:
    """Run the program with the command line's arguments."""
    app.run(main, DESCRIPTION, positional={"files": ".tflite files"})
