"""Linting and compilation of .tflite files for the Edge TPU.

The compiler is Google's.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfslim.litert.edgetpu.compiler import Compilation
    from tfslim.litert.edgetpu.linter import LintResult

__all__ = ["compile_files"]

FAILED = 1  # exit code


def compile_files(files: list[str], out: str | None = None, json: str | None = None) -> int:
    """Lint .tflite files, and compile them where edgetpu_compiler is installed.

    Args:
        files: .tflite files, int8.
        out: folder for the compiled files; by default where each file lies
        json: write what was found to this file as well

    Returns:
        The exit code: 1 if a file was not compiled whole, or, without the compiler, has a linter's error.

    Raises:
        ValueError: `out` or `json` can't be written.

    Example:
        >>> compile_files(["face-int8.tflite"], out="compiled")
        0
    """
    if out and Path(out).exists() and not Path(out).is_dir():
        raise ValueError(f"--out {out}: there is a file of this name; give a folder")
    if out:
        Path(out).mkdir(parents=True, exist_ok=True)
    if json and not Path(json).parent.is_dir():
        raise ValueError(f"--json {json}: the folder {Path(json).parent} does not exist; make it first")

    from tfslim._support.files import write_json
    from tfslim.litert.edgetpu.compiler import compiler_path

    compiler = compiler_path()
    if compiler is None:
        print("edgetpu_compiler is not on the PATH: nothing is compiled, what follows is the linter's expectation\n")
    rows = [_check_file(Path(file), Path(out) if out else Path(file).parent, compiler) for file in files]
    if json:
        write_json(Path(json), {"compiler": str(compiler) if compiler else None, "files": rows})
    return 0 if all(row["ok"] for row in rows) else FAILED


def _check_file(file: Path, out: Path, compiler: Path | None) -> dict:
    """Lint and compile one file.

    The outcome is printed, and returned for JSON.
    """
    from tfslim.litert.edgetpu.compiler import CompilerFailed, run_compiler
    from tfslim.litert.edgetpu.linter import lint
    from tfslim.litert.flatbuffer.model_file import ModelFileError

    try:
        linted = lint(file)
    except ModelFileError as error:
        print(f"error: {error}", file=sys.stderr)
        return {"path": str(file), "ok": False, "error": str(error)}
    print(linted)
    row = {"path": str(file), "ok": linted.ok, "linter": linted.to_dict()}
    if compiler is None:
        print(f"{linted.table()}\n")
        return row
    try:
        compilation = run_compiler(file, out, compiler)
    except CompilerFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return row | {"ok": False, "error": str(error)}
    return row | _describe(linted, compilation)


def _describe(linted: "LintResult", compilation: "Compilation") -> dict:
    """Print what the compiler did; return it for JSON."""
    import dataclasses

    from tfslim.litert.edgetpu.compiler import MAPPED, compare, comparison_table

    log = compilation.log
    verdicts = compare(linted, log)
    if log.succeeded:
        print(f"edgetpu_compiler {log.version} made {compilation.compiled}")
    for failure in log.failures:
        print(f"edgetpu_compiler {log.version} made no file: {failure}")
    print(f"{comparison_table(verdicts)}\n")
    whole = all(status.startswith(MAPPED) for _, _, status in log.operators)
    return {
        "ok": log.succeeded and whole,
        "compiler": log.to_dict(),
        "compiled": str(compilation.compiled) if compilation.compiled else None,
        "verdicts": [{**dataclasses.asdict(verdict), "agree": verdict.agree} for verdict in verdicts],
    }
