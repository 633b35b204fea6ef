"""edgetpu_compiler's log read, a stand-in for the compiler run, and both programs from the command line."""

import json
import os
import runpy
import shutil
import sys
from pathlib import Path

import pytest

from tests.litert import flat_edit
from tfslim.litert import lint
from tfslim.litert.edgetpu.compiler import (
    STATUSES,
    CompilerFailed,
    compare,
    comparison_table,
    compiler_path,
    parse_compiler_log,
    run_compiler,
)

EXPORT = Path(__file__).resolve().parents[3] / "export"
# Written after the statuses and lines that reports of edgetpu_compiler 16.0 show.
WHOLE = """\
Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 812 ms.

Input model: clean.tflite
Input size: 142.02KiB
Output model: clean_edgetpu.tflite
Output size: 204.00KiB
On-chip memory used for caching model parameters: 160.50KiB
On-chip memory remaining for caching model parameters: 7.53MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 16
Operation log: clean_edgetpu.log

Operator                       Count      Status

ADD                            1          Mapped to Edge TPU
CONV_2D                        4          Mapped to Edge TPU
MEAN                           1          Mapped to Edge TPU
MEAN           1     Operation is otherwise supported, but not mapped due to some unspecified limitation
Compilation child process completed within timeout period.
Compilation succeeded!
"""
PARTLY = """\
Edge TPU Compiler version 16.0.384591198

Model compiled successfully in 12 ms.

Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will instead
run on the CPU, which is slower.
Number of operations that will run on Edge TPU: 1
Number of operations that will run on CPU: 1

Operator                       Count      Status

CONV_2D                        1          Mapped to Edge TPU
LEAKY_RELU                     1          Operation not supported
"""
REFUSED = """\
Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.
ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'

ERROR: Registration failed.

Invalid model: grouped.tflite
Model could not be parsed
"""


@pytest.fixture
def fake_compiler(tmp_path, monkeypatch):
    """Puts an edgetpu_compiler on the PATH that prints a text, makes a file of what it was given, and exits so."""

    def install(text: str, code: int = 0, makes_file: bool = True) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "log.txt").write_text(text)
        made = 'cp "$4" "$3/$(basename "$4" .tflite)_edgetpu.tflite"' if makes_file else "true"
        script = folder / "edgetpu_compiler"
        script.write_text(f'#!/bin/sh\ntest "$1 $2" = "-s -o" || exit 9\ncat {folder}/log.txt\n{made}\nexit {code}\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")

    return install


def run(program: str, monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", [program, *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(EXPORT / program), run_name="__main__")
    return caught.value.code


def test_log_of_a_file_that_maps():
    log = parse_compiler_log(WHOLE)
    assert log.version == "16.0.384591198" and log.succeeded and not log.failures
    assert log.operators[1] == ("CONV_2D", 4, "Mapped to Edge TPU") and len(log.operators) == 4
    assert log.mapped("MEAN") == 1 and log.mapped("ADD") == 1 and log.mapped("PAD") == 0
    assert log.figures == {
        "input_bytes": 145_428,
        "output_bytes": 208_896,
        "cached_bytes": 164_352,
        "cache_left_bytes": 7_895_777,
        "streamed_bytes": 0,
        "subgraphs": 1,
        "operations": 16,
    }


def test_logs_of_files_that_do_not_map():
    partly = parse_compiler_log(PARTLY)
    assert partly.succeeded and partly.figures == {"on_edgetpu": 1, "on_cpu": 1}
    assert partly.operators[1] == ("LEAKY_RELU", 1, "Operation not supported")
    refused = parse_compiler_log(REFUSED)
    assert not refused.succeeded and refused.operators == []
    assert refused.failures[0] == "ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'"
    for line in ("Model not quantized", "Compilation failed due to large activation tensors."):
        assert parse_compiler_log(line).failures == [line]
    assert parse_compiler_log("").failures == [] and not parse_compiler_log("").succeeded


@pytest.mark.parametrize("status", STATUSES)
def test_every_status(status):
    log = parse_compiler_log(f"Operator   Count   Status\n\nCONV_2D    12    {status}\nedgetpu-custom-op 1 {status}\n")
    assert log.operators == [("CONV_2D", 12, status), ("edgetpu-custom-op", 1, status)]
    assert log.mapped("CONV_2D") == (12 if status == "Mapped to Edge TPU" else 0)


def test_compiler_is_run_and_compared(edge_files, tmp_path, fake_compiler):
    fake_compiler(WHOLE)
    out = tmp_path / "compiled"
    out.mkdir()
    compilation = run_compiler(edge_files / "clean.tflite", out)
    assert compilation.compiled == out / "clean_edgetpu.tflite"
    assert compilation.compiled.read_bytes() == (edge_files / "clean.tflite").read_bytes()
    assert compilation.output == WHOLE and [entry.name for entry in out.iterdir()] == ["clean_edgetpu.tflite"]
    verdicts = {row.name: row for row in compare(lint(edge_files / "clean.tflite"), compilation.log)}
    assert verdicts["ADD"].agree and verdicts["ADD"].linter == verdicts["ADD"].compiler == 1
    assert not verdicts["MEAN"].agree and (verdicts["MEAN"].linter, verdicts["MEAN"].compiler) == (2, 1)
    table = comparison_table(list(verdicts.values()))
    assert "differ" in table and "1 Operation is otherwise supported" in table


def test_compiler_that_fails(edge_files, tmp_path, fake_compiler, monkeypatch):
    fake_compiler(REFUSED, code=1, makes_file=False)
    compilation = run_compiler(edge_files / "grouped.tflite", tmp_path)
    assert compilation.compiled is None and not compilation.log.succeeded and len(compilation.log.failures) == 3
    fake_compiler("it says nothing", code=139, makes_file=False)
    log = run_compiler(edge_files / "grouped.tflite", tmp_path).log
    assert log.failures == ["edgetpu_compiler ended with exit status 139 and wrote no file"]
    with pytest.raises(CompilerFailed, match="cannot be run"):
        run_compiler(edge_files / "grouped.tflite", tmp_path, tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiler_path() is None
    with pytest.raises(CompilerFailed, match="not on the PATH"):
        run_compiler(edge_files / "grouped.tflite", tmp_path)


def test_program_with_a_compiler(edge_files, tmp_path, fake_compiler, monkeypatch, capsys):
    fake_compiler(PARTLY)
    shutil.copy(edge_files / "leaky_relu.tflite", tmp_path)
    found = tmp_path / "found.json"
    assert run("edgetpu.py", monkeypatch, tmp_path / "leaky_relu.tflite", "--json", found) == 1
    shown = capsys.readouterr().out
    assert f"made {tmp_path / 'leaky_relu_edgetpu.tflite'}" in shown and "Operation not supported" in shown
    (row,) = json.loads(found.read_text())["files"]
    assert [verdict["agree"] for verdict in row["verdicts"]] == [True, True] and not row["ok"]
    assert Path(row["compiled"]).exists()
    # The compiler has the last word.
    fake_compiler(WHOLE.split("\nMEAN")[0])
    assert run("edgetpu.py", monkeypatch, edge_files / "dense.tflite", "--out", tmp_path / "new") == 0
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["dense_edgetpu.tflite"]
    fake_compiler(REFUSED, code=1, makes_file=False)
    assert run("edgetpu.py", monkeypatch, edge_files / "grouped.tflite", "--out", tmp_path / "new") == 1
    assert "made no file: ERROR: Didn't find op" in capsys.readouterr().out


def test_program_without_a_compiler(edge_files, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run("edgetpu.py", monkeypatch, edge_files / "clean.tflite") == 0
    shown = capsys.readouterr().out
    assert "edgetpu_compiler is not on the PATH" in shown and "16 of 16 operators expected" in shown
    assert run("edgetpu.py", monkeypatch, edge_files / "clean.tflite", edge_files / "gelu.tflite") == 1
    found = tmp_path / "compiled" / "edgetpu.json"
    assert run("edgetpu.py", monkeypatch, edge_files / "clean.tflite", "--out", found.parent, "--json", found) == 0
    assert json.loads(found.read_text())["compiler"] is None
    capsys.readouterr()
    assert run("edgetpu.py", monkeypatch, edge_files / "clean.tflite", "--json", tmp_path / "none" / "x.json") == 2
    shown = capsys.readouterr()
    assert not shown.out and "x.json: the folder" in shown.err
    (tmp_path / "out").write_text("")
    assert run("edgetpu.py", monkeypatch, edge_files / "clean.tflite", "--out", tmp_path / "out") == 2
    assert "there is a file of this name" in capsys.readouterr().err


def test_lint_program(edge_files, tmp_path, monkeypatch, capsys):
    clean, gelu = edge_files / "clean.tflite", edge_files / "gelu.tflite"
    assert run("lint.py", monkeypatch, clean) == 0
    assert "16 of 16 operators expected on the Edge TPU, 0 errors" in capsys.readouterr().out
    assert run("lint.py", monkeypatch, clean, gelu, "--operators") == 1
    shown = capsys.readouterr().out
    assert "E4 operator newer than the compiler" in shown and "runs on" in shown
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(clean.read_bytes()[:3000])
    assert run("lint.py", monkeypatch, clean, gelu, damaged, "--format", "json") == 1
    captured = capsys.readouterr()
    rows = json.loads(captured.out)
    assert [row["ok"] for row in rows] == [True, False, False] and "damaged.tflite" in rows[2]["error"]
    assert "error:" in captured.err
    with pytest.raises(SystemExit) as caught:
        monkeypatch.setattr(sys, "argv", ["lint.py", "--help"])
        runpy.run_path(str(EXPORT / "lint.py"), run_name="__main__")
    assert caught.value.code == 0 and "examples:" in capsys.readouterr().out


def test_a_compiled_file_is_told_from_its_source(edge_files, tmp_path):
    compiled = flat_edit.edited(
        edge_files / "clean.tflite",
        tmp_path / "clean_edgetpu.tflite",
        lambda model: model["operator_codes"][0].update(builtin_code=32, custom_code=b"edgetpu-custom-op"),
    )
    assert "lint the file that it was compiled from" in str(lint(compiled))
