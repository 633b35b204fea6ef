"""The schema's tables against the generated code, and reading and writing against each other."""

import re

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.generated_model import open_flatfile
from tfslim.litert.flatbuffer.enumerations import ENUMERATIONS
from tfslim.litert.flatbuffer.model_file import open_file
from tfslim.litert.flatbuffer.reader import Table, read_tables
from tfslim.litert.flatbuffer.schema import FIELDS, UNIONS
from tfslim.litert.flatbuffer.writer import write_tables

_SCALARS = {"Bool": "|b1", "Int8": "|i1", "Uint8": "|u1", "Int32": "<i4", "Uint32": "<u4", "Int64": "<i8"}
_SCALARS |= {"Uint64": "<u8", "Float32": "<f4"}

# Tables of another schema, that of the metadata; tests/litert/conversion/test_metadata.py reads them by hand.
METADATA_KINDS = {"ModelMetadata", "SubGraphMetadata", "TensorMetadata", "AssociatedFile", "Content", "ValueRange"}
METADATA_KINDS |= {"ImageProperties", "ImageSize", "ProcessUnit", "NormalizationOptions", "Stats"}


class Recorder:
    """Takes the place of a flatbuffers.Builder and notes how it is called."""

    def __init__(self):
        self.called = []

    def __getattr__(self, name: str):
        return lambda *arguments: self.called.append((name, *arguments))


def generated_fields(kind: str) -> dict[int, tuple[str, str, object]]:
    """slot -> (name without underscores, builder's method, default), as the generated code writes a table."""
    fields = {}
    for name, function in vars(schema).items():
        if re.fullmatch(rf"{kind}Add[A-Z0-9]\w*", name):
            recorder = Recorder()
            function(recorder, 1)
            ((method, slot, _, default),) = recorder.called
            fields[slot] = (name.removeprefix(f"{kind}Add").lower(), method, default)
    return fields


def test_layout_is_that_of_the_generated_code():
    kinds = [kind for kind in FIELDS if not kind.startswith("Conversion") and kind not in METADATA_KINDS]
    assert len(kinds) > 90
    for kind in kinds:
        generated = generated_fields(kind)
        ours = {field.slot: field for field in FIELDS[kind] if not field.name.startswith("deprecated_")}
        extra = {field.slot for field in FIELDS[kind]} - set(generated)
        assert extra <= {field.slot for field in FIELDS[kind] if field.name.startswith("deprecated_")}, kind
        for slot, (name, method, default) in generated.items():
            if slot not in ours:
                assert kind == "OperatorCode" and slot == 0
                continue
            field = ours[slot]
            assert field.name.replace("_", "") == name, kind
            if field.kind == "scalar":
                assert _SCALARS[re.fullmatch(r"Prepend(\w+)Slot", method)[1]] == field.dtype.str, (kind, name)
                assert field.default == default, (kind, name)
            else:
                assert method == "PrependUOffsetTRelativeSlot", (kind, name)
            if field.kind in ("scalars", "strings", "tables"):
                recorder = Recorder()
                starts = {key.lower(): value for key, value in vars(schema).items()}
                starts[f"{kind}start{name}vector".lower()](recorder, 1)
                width = field.dtype.itemsize if field.kind == "scalars" else 4
                assert recorder.called == [("StartVector", width, 1, width)], (kind, name)


def test_enumerations_are_those_of_the_generated_code():
    assert len(ENUMERATIONS) == 9
    for name, ours in ENUMERATIONS.items():
        # Python 3.13 adds `__firstlineno__` to every class.
        members = {member: value for member, value in vars(getattr(schema, name)).items() if member[:2] != "__"}
        assert ours == {value: member for member, value in members.items()}, name


def test_every_table_with_fields_is_known():
    kinds = {name.removesuffix("Start") for name in vars(schema) if re.fullmatch(r"[A-Z]\w*[a-z0-9]Start", name)}
    unknown = {kind for kind in kinds if generated_fields(kind)} - set(FIELDS)
    assert unknown == set()
    assert set(UNIONS["builtin_options"].values()) - {"NONE"} <= kinds


def assert_same(ours, theirs, where: str) -> None:
    """Compares a table with an object of the generated classes, field by field."""
    if isinstance(ours, Table):
        attributes = {name.lower(): value for name, value in vars(theirs).items()}
        for name, value in ours.items():
            if not name.startswith("deprecated_new") and name != "deprecated_tag":
                assert_same(value, attributes[name.replace("_", "")], f"{where}.{name}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), where
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, f"{where}[{index}]")
    elif isinstance(ours, np.ndarray):
        # The generated code gives the number 0 for an empty vector.
        np.testing.assert_array_equal(ours, np.atleast_1d(theirs) if ours.size else ours[:0], err_msg=where)
    else:
        assert ours == theirs or (ours is None and not theirs), where


def test_reader_agrees_with_the_generated_reader(edge_files):
    paths = sorted(edge_files.glob("*.tflite"))
    assert len(paths) > 50
    for path in paths:
        assert_same(open_file(path).model, open_flatfile(path), path.stem)


def same(one, other) -> bool:
    """Whether two tables, or what is in them, are equal."""
    if isinstance(one, Table):
        return one.kind == other.kind and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return one == other


def test_what_is_written_reads_the_same_and_is_hardly_larger(edge_files):
    for path in sorted(edge_files.glob("*.tflite")):
        before = open_file(path)
        content = write_tables(before.model)
        after, _ = read_tables(content)
        assert same(before.model, after), path
        # Alignment may cost what sharing saves in the smallest files.
        assert len(content) <= len(before.data) + 32, path
        again = write_tables(after)
        assert again == content, path
        # Kernels load weights with wide loads.
        starts = [start + 4 for start, _, where in read_tables(content)[1] if where[-1:] == ("data",)]
        assert all(start % 16 == 0 for start in starts), path


def test_equal_parts_are_stored_once():
    scale = np.linspace(1, 2, 50, dtype="f4")
    tensors = [
        Table("Tensor", {"name": b"same", "quantization": Table("QuantizationParameters", {"scale": scale.copy()})})
        for _ in range(100)
    ]
    model = Table("Model", {"buffers": [Table("Buffer")], "subgraphs": [Table("SubGraph", {"tensors": tensors})]})
    content = write_tables(model)
    assert content.count(scale.tobytes()) == 1
    # 100 references of 4 bytes, one tensor, one scale, and what a file needs at least.
    assert len(content) < 100 * 4 + scale.nbytes + 200
    assert same(read_tables(content)[0], model)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "0 bytes"),
        (b"\xff\xff\xff\xff" + bytes(60), "lies outside the 64 bytes"),
        (b"\x08\0\0\0" + bytes(60), "declares sizes 0 and 0"),
        (b"\x10\0\0\0" + bytes(4) + b"\x06\0\x08\0\x60\0\0\0" + b"\x08\0\0\0" + bytes(40), "lies outside its table"),
    ],
)
def test_hostile_bytes_are_refused(content, message):
    with pytest.raises(ValueError, match=message):
        read_tables(content)


def test_a_length_beyond_the_end_is_refused(edge_files):
    data = bytearray((edge_files / "clean.tflite").read_bytes())
    _, regions = read_tables(bytes(data))
    starts = {start for start, _, where in regions if where[-1:] in (("data",), ("shape",), ("tensors",), ("name",))}
    for start in sorted(starts)[:40]:
        damaged = bytes(data[:start]) + b"\xff\xff\xff\xff" + bytes(data[start + 4 :])
        with pytest.raises(ValueError, match="elements"):
            read_tables(damaged)


def test_a_file_that_unfolds_without_end_is_refused():
    # 300 graphs of 300 tensors each, all of them the same one.
    tensors = Table("SubGraph", {"tensors": [Table("Tensor", {"name": b"x" * 40})] * 300})
    model = Table("Model", {"buffers": [Table("Buffer")], "subgraphs": [tensors] * 300})
    content = write_tables(model)
    assert len(content) < 3_000
    with pytest.raises(ValueError, match="unfolds to more"):
        read_tables(content)
