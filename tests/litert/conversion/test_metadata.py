"""The metadata of a file, read field by field by the offsets of the schema, by hand."""

import dataclasses
import io
import json
import struct
import zipfile

import numpy as np
import pytest

import tfslim.litert
from tests import foreign_metadata
from tfslim.litert.conversion.metadata import FACTS, LABELS, Metadata, read_metadata, with_metadata

NAMES = ["Bald", "Eyeglasses", "Lächelnd", "Male", "Young"]
WHOLE = Metadata(
    "branching",
    description="Five attributes of a face.",
    labels=NAMES,
    licence="Apache-2.0",
    training_data="CelebA, for research only",
    author="tfslim",
    version="1.2",
)


class Fields:
    """A table of a flatbuffer: its fields by slot, as https://flatbuffers.dev/internals says they lie."""

    def __init__(self, data: bytes, start: int):
        self.data, self.start = data, start
        self.vtable = start - struct.unpack_from("<i", data, start)[0]

    def place(self, slot: int) -> int | None:
        size = struct.unpack_from("<H", self.data, self.vtable)[0]
        where = 4 + 2 * slot
        offset = struct.unpack_from("<H", self.data, self.vtable + where)[0] if where < size else 0
        return self.start + offset if offset else None

    def target(self, slot: int) -> int | None:
        place = self.place(slot)
        return None if place is None else place + struct.unpack_from("<I", self.data, place)[0]

    def table(self, slot: int) -> "Fields":
        return Fields(self.data, self.target(slot))

    def tables(self, slot: int) -> list["Fields"]:
        start = self.target(slot)
        places = [start + 4 + 4 * number for number in range(struct.unpack_from("<I", self.data, start)[0])]
        return [Fields(self.data, place + struct.unpack_from("<I", self.data, place)[0]) for place in places]

    def text(self, slot: int) -> str | None:
        start = self.target(slot)
        if start is None:
            return None
        size = struct.unpack_from("<I", self.data, start)[0]
        assert self.data[start + 4 + size] == 0  # strings end in a zero
        return self.data[start + 4 : start + 4 + size].decode()

    def floats(self, slot: int) -> tuple[float, ...]:
        start = self.target(slot)
        return struct.unpack_from(f"<{struct.unpack_from('<I', self.data, start)[0]}f", self.data, start + 4)

    def number(self, slot: int, kind: str = "B") -> int:
        return struct.unpack_from(f"<{kind}", self.data, self.place(slot))[0]


@pytest.fixture(scope="module")
def described(files) -> bytes:
    return with_metadata(files["int8"][0].read_bytes(), WHOLE)


def metadata_buffer(content: bytes, tmp_path) -> bytes:
    """Return what the metadata entry of that name leads to, read by TensorFlow's own schema classes."""
    from tests.generated_model import open_flatfile

    path = tmp_path / "described.tflite"
    path.write_bytes(content)
    model = open_flatfile(path)
    (entry,) = [entry for entry in model.metadata if entry.name == b"TFLITE_METADATA"]
    return bytes(model.buffers[entry.buffer].data)


def test_every_field_lies_where_the_schema_says(described, tmp_path):
    data = metadata_buffer(described, tmp_path)
    assert data[4:8] == b"M001"
    root = Fields(data, struct.unpack_from("<I", data, 0)[0])
    assert [root.text(slot) for slot in (0, 2, 4, 5, 7)] == ["branching", "1.2", "tfslim", "Apache-2.0", "1.0.0"]
    assert root.text(1) == "Five attributes of a face.\nTrained on: CelebA, for research only"
    (graph,) = root.tables(3)
    (taken,), (given,) = graph.tables(2), graph.tables(3)
    assert (taken.text(0), given.text(0)) == ("image", "logits")
    content = taken.table(3)
    assert content.number(0) == 2  # ContentProperties: ImageProperties
    assert content.table(1).number(0) == 1  # ColorSpaceType: RGB
    size = content.table(1).table(1)
    assert (size.number(0, "I"), size.number(1, "I")) == (16, 16)
    (unit,) = taken.tables(4)
    assert unit.number(0) == 1  # ProcessUnitOptions: NormalizationOptions
    assert (unit.table(1).floats(0), unit.table(1).floats(1)) == ((0.0,), (1.0,))
    assert given.table(3).number(0) == 1  # FeatureProperties
    (labels,) = given.tables(6)
    assert (labels.text(0), labels.number(2)) == (LABELS, 2)  # TENSOR_AXIS_LABELS
    assert root.text(6) is None and taken.target(6) is None


def test_labels_lie_uncompressed_in_a_zip_that_any_tool_opens(described):
    with zipfile.ZipFile(io.BytesIO(described)) as archive:
        assert archive.namelist() == [LABELS] and archive.testzip() is None
        assert archive.read(LABELS).decode() == "Bald\nEyeglasses\nLächelnd\nMale\nYoung\n"
        (entry,) = archive.infolist()
        assert entry.compress_type == zipfile.ZIP_STORED
        # The offset counts from the beginning of the whole file.
        assert described[entry.header_offset : entry.header_offset + 4] == b"PK\x03\x04"


def test_file_computes_the_same_and_the_linter_reads_it(described, files, pictures, tmp_path):
    path = tmp_path / "described.tflite"
    path.write_bytes(described)
    np.testing.assert_array_equal(
        tfslim.litert.predict(path, pictures[:8]), tfslim.litert.predict(files["int8"][0], pictures[:8])
    )
    summary = tfslim.litert.read(path)
    assert "TFLITE_METADATA" in summary.metadata and "min_runtime_version" in summary.metadata
    assert tfslim.litert.slim_file(path, tmp_path / "slim.tflite").figures["bytes"] < len(described)
    with zipfile.ZipFile(tmp_path / "slim.tflite") as archive:
        assert archive.namelist() == [LABELS]


def test_second_metadata_replaces_the_first_and_the_bytes_are_always_the_same(described, files, tmp_path):
    assert with_metadata(files["int8"][0].read_bytes(), WHOLE) == described == with_metadata(described, WHOLE)
    bare = with_metadata(described, Metadata("bare", mean=(103.9, 116.8, 123.7), std=(58.4, 57.1, 57.4)))
    assert not zipfile.is_zipfile(io.BytesIO(bare))
    data = metadata_buffer(bare, tmp_path)
    root = Fields(data, struct.unpack_from("<I", data, 0)[0])
    assert root.text(0) == "bare" and root.text(1) is None
    (unit,) = root.tables(3)[0].tables(2)[0].tables(4)
    assert unit.table(1).floats(0) == pytest.approx((103.9, 116.8, 123.7))
    assert unit.table(1).floats(1) == pytest.approx((58.4, 57.1, 57.4))


def test_what_does_not_fit_is_refused(files):
    content = files["none"][0].read_bytes()
    with pytest.raises(ValueError, match="2 labels for outputs of shape 1x5; expected one output of that many"):
        with_metadata(content, Metadata("x", labels=["a", "b"]))
    for settings, message in (
        ({"mean": (0.0,), "std": (1.0, 1.0)}, "mean of 1 and std of 2 values"),
        ({"std": (0.0,)}, "expected values above 0"),
        ({"labels": ["a\nb"]}, "labels must be of one line each"),
    ):
        with pytest.raises(ValueError, match=message):
            Metadata("x", **settings)


FULL = dataclasses.replace(WHOLE, task="attributes", thresholds=(0.5, 0.0, -1.25, 0.0, 2.0), crop=(12, 14))


@pytest.fixture(scope="module")
def full(files, tmp_path_factory):
    path = tmp_path_factory.mktemp("full") / "full.tflite"
    path.write_bytes(with_metadata(files["int8"][0].read_bytes(), FULL))
    return path


def assert_same_metadata(found, expected):
    for field in dataclasses.fields(Metadata):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        assert (tuple(one) if isinstance(one, list | tuple) else one) == (
            tuple(other) if isinstance(other, list | tuple) else other
        ), field.name


def test_task_thresholds_and_crop_lie_in_a_json_that_the_metadata_names(full, tmp_path):
    with zipfile.ZipFile(full) as archive:
        assert archive.namelist() == [LABELS, FACTS]
        assert json.loads(archive.read(FACTS)) == {
            "version": 1,
            "task": "attributes",
            "input_size": [16, 16],
            "pixel_range": [0.0, 255.0],
            "crop": [12, 14],
            "thresholds": [0.5, 0.0, -1.25, 0.0, 2.0],
        }
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    data = metadata_buffer(full.read_bytes(), tmp_path)
    root = Fields(data, struct.unpack_from("<I", data, 0)[0])
    (facts,) = root.tables(6)  # Android's tools refuse a file that is named and missing, and warn of the reverse
    assert (facts.text(0), facts.number(2)) == (FACTS, 1)  # DESCRIPTIONS
    (labels,) = root.tables(3)[0].tables(3)[0].tables(6)
    assert labels.text(0) == LABELS


def test_what_is_written_is_read_back_also_from_a_slim_file(full, described, files, tmp_path):
    assert_same_metadata(read_metadata(full), FULL)
    tfslim.litert.slim_file(full, tmp_path / "slim.tflite")
    assert_same_metadata(tfslim.litert.read_metadata(tmp_path / "slim.tflite"), FULL)
    for path in (full, tmp_path / "slim.tflite"):
        sizes = tfslim.litert.read(path).associated_files
        assert list(sizes) == [LABELS, FACTS] and f"{FACTS} ({sizes[FACTS]:,} bytes)" in str(tfslim.litert.read(path))
    other = dataclasses.replace(read_metadata(full), licence="MIT")
    (tmp_path / "again.tflite").write_bytes(with_metadata(full.read_bytes(), other))
    assert_same_metadata(read_metadata(tmp_path / "again.tflite"), dataclasses.replace(FULL, licence="MIT"))
    (tmp_path / "plain.tflite").write_bytes(described)
    assert_same_metadata(read_metadata(tmp_path / "plain.tflite"), WHOLE)
    assert read_metadata(files["int8"][0]) is None


@pytest.mark.parametrize(
    "metadata",
    [
        Metadata("x", training_data="drawn faces"),
        Metadata("x", description="Two\nlines."),
        Metadata("x", mean=(127.5,), std=(127.5,), task="embeddings"),
        Metadata("x", mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0), task="embeddings", crop=(85, 85)),
        Metadata(""),
    ],
)
def test_every_field_survives_alone(metadata, files, tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(with_metadata(files["none"][0].read_bytes(), metadata))
    assert_same_metadata(read_metadata(path), metadata)


def test_pixel_range_is_that_of_the_normalized_pixels():
    assert Metadata("x").pixel_range == (0, 255) and not Metadata("x").normalizes
    one = Metadata("x", mean=(127.5,), std=(127.5,))
    assert one.pixel_range == (-1, 1) and one.normalizes
    three = Metadata("x", mean=(0.0, 100.0, 50.0), std=(255.0, 50.0, 1.0))
    assert three.pixel_range == (-50, 205)  # worked out by hand: 0..1, -2..3.1, -50..205


def test_metadata_of_another_tool_is_read(files, tmp_path):
    content = files["none"][0].read_bytes()
    buffer = foreign_metadata.metadata_buffer(["names.txt", "namen.txt"], mean=[127.5], std=[127.5, 128.0, 64.0])
    path = tmp_path / "theirs.tflite"
    texts = {"namen.txt": "a\n", "names.txt": "\ufeffBald\r\nEyeglasses\r\nLächelnd\r\nMale\r\nYoung"}
    path.write_bytes(foreign_metadata.with_buffer(content, buffer, texts))
    found = read_metadata(path)
    assert found.labels == tuple(NAMES) and found.name == "theirs"
    assert (found.mean, found.std) == ((127.5, 127.5, 127.5), (127.5, 128.0, 64.0))
    assert (found.task, found.thresholds, found.crop) == ("", (), None)


@pytest.mark.parametrize(
    ("buffer", "texts", "message"),
    [
        (b"\x04\0\0\0M002" + bytes(8), {}, "bytes 4 to 8 are b'M002', expected b'M001'"),
        (b"", {}, "bytes 4 to 8 are b''"),
        (b"\xff\0\0\0M001" + bytes(8), {}, "lies outside the 16 bytes"),
        (foreign_metadata.metadata_buffer(["l.txt"]), {}, "it names l.txt, which is not among .* files .none"),
        (foreign_metadata.metadata_buffer(["l.txt"]), {"m.txt": "a"}, "not among its associated files .m.txt"),
        (foreign_metadata.metadata_buffer(["l.txt"]), {"l.txt": "a\n\nb"}, "labels must be of one line each"),
        (foreign_metadata.metadata_buffer(["l.txt"]), {"l.txt": "a" * 2**24 + "b"}, "unpacks to 16,777,217 bytes"),
        (foreign_metadata.metadata_buffer(mean=[0.0], std=[0.0]), {}, "std: expected values above 0"),
        (foreign_metadata.metadata_buffer(mean=[0.0, 1.0], std=[1.0] * 3), {}, "mean of 2 and std of 3 values"),
        (foreign_metadata.metadata_buffer(), {FACTS: "{"}, "tfslim.json: JSONDecodeError"),
        (foreign_metadata.metadata_buffer(), {FACTS: "[]"}, "tfslim.json: TypeError"),
        (foreign_metadata.metadata_buffer(), {FACTS: '{"version": 2}'}, "version 2, expected 1: update tfslim"),
        (foreign_metadata.metadata_buffer(), {FACTS: '{"version": 1, "task": "x"}'}, "task must be one of"),
        (foreign_metadata.metadata_buffer(), {FACTS: '{"version": 1, "task": "embeddings", "crop": [9]}'}, "crop must"),
    ],
)
def test_damaged_metadata_is_named(files, tmp_path, buffer, texts, message):
    path = tmp_path / "odd.tflite"
    path.write_bytes(foreign_metadata.with_buffer(files["none"][0].read_bytes(), buffer, texts))
    with pytest.raises(tfslim.litert.ModelFileError, match=rf"odd\.tflite: its metadata can't be read: .*{message}"):
        read_metadata(path)
    tfslim.litert.read(path)  # the rest of the file is sound


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task": "faces"}, "task must be one of 'attributes', 'identities', 'embeddings' or empty, got 'faces'"),
        ({"crop": (8, 8)}, "stored with the task"),
        ({"task": "attributes", "thresholds": (1.0,)}, "1 thresholds for 0 labels"),
        ({"task": "attributes", "thresholds": (float("nan"),), "labels": ["a"]}, "thresholds must be finite"),
        ({"task": "embeddings", "crop": (8, 0)}, "crop must be a height and a width in pixels, got"),
        ({"mean": (float("inf"),)}, "mean .inf"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Metadata("x", **settings)
