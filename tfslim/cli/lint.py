"""`tfslim lint`: Edge TPU findings for .tflite files.

The program says whether the files would run on a Coral Edge TPU.
"""

import json
import sys
from functools import partial
from typing import Literal

from tfslim.cli import app

DESCRIPTION = """\
Checks .tflite files, anybody's, against what the Edge TPU compiler 16.0 takes: without the compiler, the device and
TensorFlow. Says of each finding what is wrong, why it matters, what to do and where that is known from; which operators
would run on the Edge TPU and which are stranded behind which; and estimates cache and latency.

The exit code is 1 if a file has an error (an operator that stays on the CPU, or computes wrong numbers there) or can't
be read, so that it can guard a release.

examples:
  tfslim lint face-int8.tflite
  tfslim lint files/*.tflite --format json > lint.json
  tfslim lint face-int8.tflite --operators
"""
FAILED = 1  # exit code


def main(files: list[str], format: Literal["text", "json"] = "text", operators: bool = False) -> int:
    """Lint files.

    Args:
        files: .tflite files.
        format: text for people, json (a list with an object for each file) for programs
        operators: in text, show each operator and where it would run.
    """
    from tfslim.litert.edgetpu.linter import lint
    from tfslim.litert.flatbuffer.model_file import ModelFileError

    results, failed = [], False
    for file in files:
        try:
            result = lint(file)
        except ModelFileError as error:
            failed = True
            print(f"error: {error}", file=sys.stderr)
            results.append({"path": file, "ok": False, "error": str(error)})
            continue
        failed = failed or not result.ok
        results.append(result.to_dict())
        if format == "text":
            print(f"{result}\n{result.table()}\n" if operators else f"{result}\n")
    if format == "json":
        print(json.dumps(results, indent=2, ensure_ascii=False))
    return FAILED if failed else 0


run = partial(
    app.run,
    main,
    DESCRIPTION,
    positional={"files": ".tflite files"},
    flags={"operators": "in text, show each operator and where it would run"},
)
