"""A .tflite file changed at one place, for what no converter writes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfslim.litert.flatbuffer.graph import operator_name
from tfslim.litert.flatbuffer.model_file import open_file
from tfslim.litert.flatbuffer.reader import Table
from tfslim.litert.flatbuffer.writer import write_tables


def edited(path: Path, out: Path, change: Callable[[Table], None]) -> Path:
    """Writes `path` to `out` after `change` was done to its tables."""
    model = open_file(path).model
    change(model)
    out.write_bytes(write_tables(model))
    return out


def operator(model: Table, name: str) -> Table:
    """The first operator of a name."""
    codes = [operator_name(code) for code in model["operator_codes"]]
    return next(item for item in model["subgraphs"][0]["operators"] if codes[item["opcode_index"]] == name)


def code(model: Table, name: str) -> Table:
    """The operator code of a name."""
    return next(item for item in model["operator_codes"] if operator_name(item) == name)


def tensor(model: Table, name: str, place: int) -> Table:
    """An operand of the first operator of a name."""
    return model["subgraphs"][0]["tensors"][operator(model, name)["inputs"][place]]


def buffer(model: Table, name: str, place: int) -> Table:
    """The buffer of an operand of the first operator of a name."""
    return model["buffers"][tensor(model, name, place)["buffer"]]


def outside(path: Path, out: Path, name: str, place: int) -> Path:
    """The file with one buffer behind the flatbuffer."""
    model = open_file(path).model
    moved = buffer(model, name, place)
    content = moved["data"].tobytes()
    # An offset takes eight bytes whatever it says: the flatbuffer's size is known once it is written with any.
    moved.update({"data": None, "offset": 2**20, "size": len(content)})
    moved["offset"] = len(write_tables(model))
    out.write_bytes(write_tables(model) + content)
    return out


def int64(model: Table, name: str, place: int) -> None:
    """Makes a constant INT32 operand INT64."""
    values = buffer(model, name, place)["data"].tobytes()
    changed = np.frombuffer(values, "<i4").astype("<i8")
    buffer(model, name, place)["data"] = np.frombuffer(changed.tobytes(), "u1")
    tensor(model, name, place)["type"] = 4
