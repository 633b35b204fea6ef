"""Files timed beside each other; damaged ones end in a clear error and leave the caller alive."""

import gzip
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import flatbuffers
import keras
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfslim.litert
from tests.generated_model import open_flatfile
from tfslim.litert import ModelFileError
from tfslim.litert.runtime.timing import short_names

PROGRAM = Path(__file__).resolve().parents[3] / "export" / "benchmark.py"
timing_module = importlib.import_module("tfslim.litert.runtime.timing")


@pytest.fixture(scope="module")
def found(files):
    paths = [files["none"][0], files["int8"][0]]
    return tfslim.litert.benchmark(paths, threads=(1, 2), xnnpack=(True, False), runs=7, warmup=2, rounds=2)


def test_there_is_a_row_for_each_file_and_setting(found, files):
    rows = [(timing.path.name, timing.threads, timing.xnnpack) for timing in found.timings]
    assert rows == [
        (f"{name}.tflite", count, on) for name in ("none", "int8") for count in (1, 2) for on in (True, False)
    ]
    for timing in found.timings:
        content = timing.path.read_bytes()
        assert (timing.bytes, timing.gzipped) == (len(content), len(gzip.compress(content, 9, mtime=0)))
        assert timing.runs == 14 and 0 < timing.min_ms <= timing.median_ms <= timing.p95_ms
        assert timing.load_ms > 0 and timing.first_ms > 0 and 0 <= timing.memory < 2**30


def test_table_and_json_say_the_same(found):
    lines = str(found).splitlines()
    assert len(lines) == 2 + len(found.timings) and "XNNPACK" in lines[0]
    assert f"{found.timings[0].median_ms:.2f}" in lines[2] and lines[3].split()[4] == "off"
    assert any(line.split()[-2] == "1.00" for line in lines[2:])  # the fastest is the measure of all
    (first, *_) = json.loads(json.dumps(found.to_dict()))["timings"]
    assert first["median_ms"] == found.timings[0].median_ms and first["path"].endswith("none.tflite")


def test_chart_is_a_picture(found, tmp_path):
    from PIL import Image

    from tfslim.plots.latency import draw_timings

    draw_timings(found, tmp_path / "latency.png")
    with Image.open(tmp_path / "latency.png") as picture:
        assert picture.size[0] > 600 and len(picture.convert("RGB").getcolors(2**24)) > 20


def test_files_of_one_name_are_told_apart_by_their_folders():
    assert set(short_names([Path("a/x.tflite"), Path("b/x.tflite")]).values()) == {"a/x.tflite", "b/x.tflite"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threads": ()}, "at least one"),
        ({"threads": (0,)}, "threads \\(0,\\)"),
        ({"runs": 0}, "runs 0"),
        ({"warmup": -1}, "warmup -1"),
        ({"timeout": 0}, "timeout 0"),
    ],
)
def test_numbers_out_of_range_are_refused(files, settings, message):
    with pytest.raises(ValueError, match=message):
        tfslim.litert.benchmark(files["none"][0], **settings)
    with pytest.raises(ValueError, match="at least one file"):
        tfslim.litert.benchmark([])


@pytest.mark.parametrize("several", [False, True])
def test_a_model_in_place_of_a_path_is_refused(several):
    model = keras.Sequential([keras.Input((4,))])
    with pytest.raises(
        TypeError, match=r"expected the path of a .tflite file, got a Keras model \(Sequential\); write"
    ):
        tfslim.litert.benchmark([model] if several else model)
    with pytest.raises(TypeError, match=r"expected the path of a .tflite file, got NoneType$"):
        tfslim.litert.benchmark(None)


def test_damaged_files_are_errors_before_anything_is_timed(files, tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("timed"))
    content = files["none"][0].read_bytes()
    for name, data in {"short": content[:300], "empty": b"", "noise": bytes(range(256)) * 40}.items():
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(data)
        with pytest.raises(ModelFileError, match=f"{name}.tflite"):
            tfslim.litert.benchmark([files["none"][0], path])
    with pytest.raises(ModelFileError, match="no such file"):
        tfslim.litert.benchmark(tmp_path / "nowhere.tflite")
    large = tmp_path / "large.tflite"
    with open(large, "wb") as file:
        file.truncate(2**31 + 8)
    with pytest.raises(ModelFileError, match="2 GiB"):
        tfslim.litert.benchmark(large)


def edited(source: Path, target: Path, change) -> Path:
    """The file with a change made to its parsed model."""
    model = open_flatfile(source)
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    target.write_bytes(bytes(builder.Output()))
    return target


def test_files_that_only_the_interpreter_can_judge(files, tmp_path):
    def huge(model: schema.ModelT):
        model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].shape = [1, 2**15, 2**15, 2**10]

    def unknown(model: schema.ModelT):
        for code in model.operatorCodes:
            code.version = 99

    for name, change in {"huge": huge, "unknown": unknown}.items():
        path = edited(files["none"][0], tmp_path / f"{name}.tflite", change)
        with pytest.raises(ModelFileError, match=f"{name}.tflite: the interpreter (refuses|crashes on) this file"):
            tfslim.litert.benchmark(path, runs=1, rounds=1)


def test_crash_silence_and_delay_are_named(files, tmp_path, monkeypatch):
    worker = tmp_path / "worker.py"
    monkeypatch.setattr(timing_module.Path, "with_name", lambda self, name: worker)
    for code, message in (
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashes on this file with SIGSEGV"),
        ("import sys; print('odd'); sys.exit('last words')", "ended without a result: last words"),
        ("import time; time.sleep(60)", "did not end within 0.5 s; it was stopped; pass a longer timeout"),
    ):
        worker.write_text(code)
        with pytest.raises(ModelFileError, match=message):
            tfslim.litert.benchmark(files["none"][0], runs=1, rounds=1, timeout=0.5 if "sleep" in code else 60)


def test_program(files, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(*arguments):
        command = [sys.executable, str(PROGRAM), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    quick = ("--runs", 3, "--rounds", 1, "--warmup", 1)
    picture = tmp_path / "latency.svg"
    done = run(files["int8"][0], *quick, "--xnnpack", "both", "--format", "json", "--picture", picture)
    assert done.returncode == 0, done.stderr
    assert [row["xnnpack"] for row in json.loads(done.stdout)["timings"]] == [True, False]
    assert picture.read_text().startswith("<?xml")
    (tmp_path / "bad.tflite").write_bytes(b"TFL3" * 10)
    done = run(tmp_path / "bad.tflite", *quick)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and "bad.tflite" in done.stderr
    assert "examples:" in run("--help").stdout
