"""Truncated, mutated and hostile files given to `read` and `lint`: an answer or a clear error, soon, and no more."""

import contextlib
import json
import os
import resource
import struct
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import tfslim.litert
from tests.generated_model import open_flatfile
from tests.litert.flat_edit import Table, write_tables
from tfslim.litert import ModelFileError, lint, read
from tfslim.litert.flatbuffer.model_file import open_file
from tfslim.litert.flatbuffer.reader import read_tables
from tfslim.litert.flatbuffer.schema import FIELDS

# Small files of every kind: graphs of one operator, float and int8, several subgraphs, custom, sparse, variables.
SEEDS = (
    "elu",
    "loop",
    "flex",
    "sparse",
    "variables",
    "two_signatures",
    "open_flat",
    "concat_ones",
    "layer_norm",
    "uint8_ends",
)
NUMBERS = (0, 1, 2, 4, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC, 0x10000)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A file's bytes damaged in one of the ways in which files are: cut, overwritten, shifted, or with mad offsets."""
    content = bytearray(data)
    kind = rng.integers(0, 6)
    if kind == 0:
        return bytes(content[: rng.integers(0, len(content))])
    if kind == 1:
        for place in rng.integers(8, len(content), rng.integers(1, 9)):
            content[place] = rng.integers(0, 256)
    elif kind == 2:
        for place in rng.integers(2, len(content) // 4 - 1, rng.integers(1, 4)) * 4:
            struct.pack_into("<I", content, place, int(rng.choice(NUMBERS)))
    elif kind == 3:
        start, length = rng.integers(8, len(content)), rng.integers(1, 64)
        content[start : start + length] = rng.bytes(length)
    elif kind == 4:
        start, length = rng.integers(8, len(content)), rng.integers(1, 32)
        del content[start : start + length]
    else:
        # An offset that leads somewhere else in the file, where something of another kind is.
        place = rng.integers(0, len(content) // 4 - 1) * 4
        struct.pack_into("<I", content, place, int(rng.integers(0, len(content) - place)) // 4 * 4)
    return bytes(content)


def with_a_mad_field(path: Path, rng: np.random.Generator) -> bytes:
    """A file that is a sound flatbuffer, with a field or two of any table holding what no converter writes."""
    model = open_file(path).model
    tables = list(_tables(model))
    for _ in range(rng.integers(1, 4)):
        table = tables[rng.integers(len(tables))]
        fields = [
            field for field in FIELDS.get(table.kind, ()) if field.kind in ("scalar", "scalars", "tables", "string")
        ]
        if not fields:
            continue
        field = fields[rng.integers(len(fields))]
        if field.kind == "scalar" and not field.name.endswith("_type"):
            limits = np.iinfo(field.dtype) if field.dtype.kind in "iu" else None
            choices = [0, 1] if limits is None else [limits.min, limits.max, 0, 1, min(200, limits.max)]
            table[field.name] = field.dtype.type(choices[rng.integers(len(choices))]).item()
        elif field.kind == "scalars" and table.kind != "Buffer":
            values = rng.choice([-1, 0, 1, 2, 5, 127], rng.integers(0, 7))
            table[field.name] = np.asarray(values).astype(field.dtype)
        elif field.kind == "string":
            table[field.name] = rng.bytes(rng.integers(0, 9))
        elif field.kind == "tables" and table.kind != "Model" and table[field.name]:
            table[field.name] = table[field.name][: rng.integers(0, len(table[field.name]))]
    return write_tables(model)


def _tables(value):
    if isinstance(value, Table):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _tables(item)


def answered(path: Path) -> bool:
    """Whether `read` and `lint` answer (True) or refuse the file by its name (False); anything else fails the test."""
    try:
        summary = read(path)
    except ModelFileError as error:
        assert path.name in str(error)
        with pytest.raises(ModelFileError):
            lint(path)
        return False
    assert sum(summary.bytes_by_kind.values()) == summary.bytes
    str(summary)
    json.dumps(summary.to_dict())
    result = lint(path)
    str(result)
    result.table()
    json.dumps(result.to_dict())
    # What is sound here is so for the generated reader, which checks nothing itself, and can be written again.
    open_flatfile(path)
    again, _ = read_tables(write_tables(open_file(path).model))
    assert len(again["subgraphs"]) == len(summary.graphs)
    return True


def fuzz(edge_files: Path, path: Path, count: int, seed: int) -> int:
    """Gives `count` damaged files to `answered`; returns how many were answered."""
    rng = np.random.default_rng(seed)
    whole = [(edge_files / f"{name}.tflite") for name in SEEDS]
    answers = 0
    for number in range(count):
        source = whole[number % len(whole)]
        damaged = mutated(source.read_bytes(), rng) if number % 4 else with_a_mad_field(source, rng)
        path.write_bytes(damaged)
        start = time.process_time()
        answers += answered(path)
        assert time.process_time() - start < 5, f"seed {seed}, file {number}"
    return answers


def test_damaged_files(edge_files, tmp_path):
    answers = fuzz(edge_files, tmp_path / "damaged.tflite", 2_000, seed=0)
    # Both ends are reached: many are refused, and many are sound enough to be read.
    assert 200 < answers < 1_800


@pytest.mark.slow
def test_many_damaged_files(edge_files, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers = fuzz(edge_files, tmp_path / "damaged.tflite", 10_000, seed=1)
    assert 1_000 < answers < 9_000
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 200, f"{grown:.0f} MiB"


def test_every_length_of_a_file(edge_files, tmp_path):
    data = (edge_files / "leaky_relu.tflite").read_bytes()
    cut = tmp_path / "cut.tflite"
    for length in range(0, len(data), 3):
        cut.write_bytes(data[:length])
        # What a flatbuffer ends with may be padding that nothing refers to.
        assert not answered(cut) or length > len(data) - 8


def test_random_bytes(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "random.tflite"
    for size in (0, 1, 7, 8, 9, 64, 4096):
        for _ in range(20):
            path.write_bytes(rng.bytes(size))
            assert not answered(path)
            path.write_bytes(rng.bytes(4) + b"TFL3" + rng.bytes(size))
            assert not answered(path)


def test_offsets_that_overlap(tmp_path):
    # Every place in the file is the start of a vector of offsets to the next ones.
    path = tmp_path / "overlapping.tflite"
    words = 50_000
    body = np.full(words, 4, "<u4")
    body[::7] = 40
    path.write_bytes(struct.pack("<I", 8) + b"TFL3" + body.tobytes())
    start = time.process_time()
    assert not answered(path)
    assert time.process_time() - start < 5


def test_a_file_that_unfolds_far(tmp_path):
    # One operator of 200 operands, written once and listed 60,000 times.
    operator = Table("Operator", {"inputs": np.zeros(200, "i4"), "outputs": np.zeros(200, "i4")})
    graph = Table("SubGraph", {"tensors": [Table("Tensor")], "operators": [operator]})
    model = Table(
        "Model", {"buffers": [Table("Buffer")], "operator_codes": [Table("OperatorCode")], "subgraphs": [graph]}
    )
    path = tmp_path / "bomb.tflite"
    path.write_bytes(write_tables(model))
    assert answered(path)
    graph["operators"] = [operator] * 60_000
    path.write_bytes(write_tables(model))
    assert path.stat().st_size < 250_000
    start = time.process_time()
    with pytest.raises(ModelFileError, match="unfolds to more"):
        read(path)
    assert time.process_time() - start < 5


def test_mad_shapes_and_scales_are_only_said(edge_files, tmp_path):
    model = open_file(edge_files / "clean.tflite").model
    for tensor in model["subgraphs"][0]["tensors"]:
        tensor["shape"] = np.full(6, 2**31 - 1, "i4")
        if tensor["quantization"]:
            tensor["quantization"]["scale"] = np.array([np.nan, np.inf, 0, -1], "f4")
    path = tmp_path / "mad.tflite"
    path.write_bytes(write_tables(model))
    assert answered(path) and not lint(path).ok


@pytest.mark.parametrize("step", [read, lint, tfslim.litert.Runner, tfslim.litert.read_metadata])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            keras.Sequential([keras.Input((4,))]),
            r"expected the path of a \.tflite file, got a Keras model \(Sequential\); "
            r"write one with tfslim\.litert\.convert\(model, path\)",
        ),
        (None, r"expected the path of a \.tflite file, got NoneType$"),
    ],
)
def test_what_is_no_path(step, given, message):
    with pytest.raises(TypeError, match=message):
        step(given)


def test_what_is_no_file(tmp_path):
    with pytest.raises(ModelFileError, match="it is a folder"):
        read(tmp_path)
    with pytest.raises(ModelFileError, match="no such file"):
        lint(tmp_path / "gone.tflite")
    pipe = tmp_path / "pipe.tflite"
    os.mkfifo(pipe)
    with pytest.raises(ModelFileError, match="not a regular file"):
        read(pipe)
    huge = tmp_path / "huge.tflite"
    with open(huge, "wb") as file, contextlib.suppress(OSError):
        # A hole: no byte of it is on the disk.
        file.truncate(3 * 2**30)
    if huge.stat().st_size > 2**31:
        with pytest.raises(ModelFileError, match="at most 2 GiB"):
            lint(huge)
