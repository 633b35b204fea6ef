"""Check of .tflite files in an old loader.

The loader is of the Edge TPU compiler's age.
"""

import sys
from pathlib import Path

__all__ = ["run_in_old_loader"]

FAILED = 1  # exit code


def run_in_old_loader(files: list[str], environment: str = "old-loader", python: str = "python3.9") -> int:
    """Run .tflite files in TensorFlow 2.6 and compare.

    The outputs are compared with LiteRT's, and the outcome with the linter's.

    Args:
        files: .tflite files.
        environment: folder of the environment; made there if it is missing
        python: an interpreter of Python 3.9

    Returns:
        The exit code: 1 if a file that the linter passes does not load, or answers otherwise.

    Raises:
        ValueError: the environment can't be made.

    Example:
        >>> run_in_old_loader(["face-int8.tflite"])
        0
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
