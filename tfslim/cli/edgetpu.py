"""Compiles .tflite files for a Coral Edge TPU where edgetpu_compiler is installed, and lints them in any case."""

import sys
from pathlib import Path

from tfslim.cli import app

DESCRIPTION = """\
Lints each .tflite file and runs edgetpu_compiler on it, if that is on the PATH. Keeps the NAME_edgetpu.tflite that it
makes, and shows what it maps beside what the linter expects, operator by operator. Without the compiler the linter's
own table is shown, and the program says so.

edgetpu_compiler is Google's, for Linux on x86-64, and comes as a Debian package from the Coral archive
(coral.ai/docs/edgetpu/compiler).

The exit code is 1 if the compiler makes no file or leaves operators on the CPU; without the compiler, if the linter
finds an error.

Examples:
  python export/edgetpu.py face-int8.tflite
  python export/edgetpu.py files/*.tflite --out compiled --json compiled/edgetpu.json
"""
FAILED = 1  # exit code


def main(files: list[str], out: str | None = None, json: str | None = None) -> int:
    """Lints and compiles files.

    Args:
        files: .tflite files, int8.
        out: folder for the compiled files; by default where each file lies
        json: write what was found to this file as well
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
    rows = [_one(Path(file), Path(out) if out else Path(file).parent, compiler) for file in files]
    if json:
        write_json(Path(json), {"compiler": str(compiler) if compiler else None, "files": rows})
    return 0 if all(row["ok"] for row in rows) else FAILED


def _one(file: Path, out: Path, compiler: Path | None) -> dict:
    """Lints and compiles one file, prints what comes out of it, and gives it for JSON."""
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
    return row | _compiled(linted, compilation)


def _compiled(linted, compilation) -> dict:
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


def run() -> None:
    """Run the program with the command line's arguments."""
    app.run(main, DESCRIPTION, positional={"files": ".tflite files"})
