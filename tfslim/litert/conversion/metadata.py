"""Metadata of a .tflite file as Android's tools read it: a TFLITE_METADATA buffer and files in an appended zip.

Source: metadata_schema.fbs of tensorflow/tflite-support, schema 1.1.0, file identifier "M001".
"""

import dataclasses
import io
import zipfile
from collections.abc import Sequence

import flatbuffers
import numpy as np

from tfslim.litert.flatbuffer.reader import Table, read_tables
from tfslim.litert.flatbuffer.summary import associated_files
from tfslim.litert.flatbuffer.writer import write_tables

_IDENTIFIER = b"M001"
_PARSER_VERSION = "1.0.0"  # the oldest schema that has all fields written here
_AXIS_LABELS = 2  # AssociatedFileType.TENSOR_AXIS_LABELS
_FEATURE, _IMAGE = 1, 2  # ContentProperties
_NORMALIZATION = 1  # ProcessUnitOptions
_COLOURS = {3: 1, 1: 2}  # channels -> ColorSpaceType: RGB, GRAYSCALE
_FOUR_BYTES = 4


@dataclasses.dataclass(frozen=True)
class TensorText:
    """What is said of an input or output: `image` for one of (1, H, W, 1 or 3)."""

    name: str
    description: str
    shape: list[int]
    image: bool


class MetadataWriter:
    """Writes the ModelMetadata table; slots are numbered as the schema lists the fields."""

    def __init__(self, metadata: "Metadata"):
        self._metadata = metadata
        self._builder = flatbuffers.Builder(1024)

    def write(self, inputs: Sequence[TensorText], outputs: Sequence[TensorText], labels: str | None) -> bytes:
        """The bytes of the flatbuffer.

        Args:
            inputs: in the order of the graph.
            outputs: in the order of the graph.
            labels: name of the file that says what the values of the one output mean, or None.
        """
        metadata = self._metadata
        taken = self._vector([self._tensor(text, None) for text in inputs])
        given = self._vector([self._tensor(text, labels) for text in outputs])
        # SubGraphMetadata: name 0, description 1, input_tensor_metadata 2, output_tensor_metadata 3
        graph = self._table({2: taken, 3: given}, 4)
        description = metadata.description
        if metadata.training_data:
            description = f"{description}\nTrained on: {metadata.training_data}".strip()
        # ModelMetadata: name 0, description 1, version 2, subgraph_metadata 3, author 4, license 5,
        # associated_files 6, min_parser_version 7
        root = self._table(
            {
                0: self._text(metadata.name),
                1: self._text(description),
                2: self._text(metadata.version),
                3: self._vector([graph]),
                4: self._text(metadata.author),
                5: self._text(metadata.licence),
                7: self._text(_PARSER_VERSION),
            },
            8,
        )
        self._builder.Finish(root, file_identifier=_IDENTIFIER)
        return bytes(self._builder.Output())

    def _tensor(self, text: TensorText, labels: str | None) -> int:
        # TensorMetadata: name 0, description 1, dimension_names 2, content 3, process_units 4, stats 5,
        # associated_files 6
        fields = {0: self._text(text.name), 1: self._text(text.description), 3: self._content(text)}
        if text.image:
            fields[4] = self._vector([self._normalization()])
        if labels:
            # AssociatedFile: name 0, description 1, type 2
            name, about = self._text(labels), self._text("the meaning of each value of the output, in their order")
            fields[6] = self._vector([self._table({0: name, 1: about}, 4, {2: _AXIS_LABELS})])
        return self._table(fields, 7)

    def _content(self, text: TensorText) -> int:
        # Content: content_properties_type 0, content_properties 1, range 2
        if not text.image:
            return self._table({1: self._table({}, 0)}, 3, {0: _FEATURE})
        # ImageSize: width 0, height 1. ImageProperties: color_space 0, default_size 1
        self._builder.StartObject(2)
        self._builder.PrependUint32Slot(0, text.shape[2], 0)
        self._builder.PrependUint32Slot(1, text.shape[1], 0)
        size = self._builder.EndObject()
        image = self._table({1: size}, 2, {0: _COLOURS[text.shape[3]]})
        return self._table({1: image}, 3, {0: _IMAGE})

    def _normalization(self) -> int:
        # NormalizationOptions: mean 0, std 1. ProcessUnit: options_type 0, options 1
        fields = {slot: self._floats(values) for slot, values in enumerate((self._metadata.mean, self._metadata.std))}
        return self._table({1: self._table(fields, 2)}, 2, {0: _NORMALIZATION})

    def _table(self, offsets: dict[int, int | None], slots: int, bytes_: dict[int, int] | None = None) -> int:
        """A table of `slots` fields: other tables, strings and vectors by slot, then single bytes."""
        self._builder.StartObject(slots)
        for slot, offset in offsets.items():
            if offset is not None:
                self._builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        for slot, value in (bytes_ or {}).items():
            self._builder.PrependUint8Slot(slot, value, 0)
        return self._builder.EndObject()

    def _text(self, value: str) -> int | None:
        return self._builder.CreateString(value) if value else None

    def _vector(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(_FOUR_BYTES, len(offsets), _FOUR_BYTES)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return self._builder.EndVector()

    def _floats(self, values: Sequence[float]) -> int:
        self._builder.StartVector(_FOUR_BYTES, len(values), _FOUR_BYTES)
        for value in reversed(values):
            self._builder.PrependFloat32(float(value))
        return self._builder.EndVector()


ENTRY = b"TFLITE_METADATA"
LABELS = "labels.txt"
_CHANNELS = {1: "grey", 3: "RGB"}
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # a zip has to say when; the same file is the same bytes


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What a .tflite file says of itself.

    Args:
        name: the model's name.
        description: what it does.
        labels: the meaning of each value of its one output, in their order; written as labels.txt.
        mean, std: how the app has to normalise pixels, (x - mean) / std, one value or one a channel. The default
            leaves pixels 0..255 as they are, for models that normalise them in the graph, as those of tfslim do.
        licence: the licence of the file.
        training_data: what it was trained on, and under which terms; appended to the description.
        author: who made it.
        version: of the model.

    Example:
        >>> Metadata("face", labels=["Smiling", "Young"], licence="Apache-2.0").labels
        ['Smiling', 'Young']
    """

    name: str
    description: str = ""
    labels: Sequence[str] = ()
    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)
    licence: str = ""
    training_data: str = ""
    author: str = ""
    version: str = ""

    def __post_init__(self):
        if len(self.mean) != len(self.std) or not self.mean:
            raise ValueError(f"mean of {len(self.mean)} and std of {len(self.std)} values; expected as many of both")
        if not all(value > 0 for value in self.std):
            raise ValueError(f"std {tuple(self.std)}; expected values above 0")
        if any("\n" in label or not label for label in self.labels):
            raise ValueError("labels must be of one line each, and not empty")


def with_metadata(content: bytes, metadata: Metadata) -> bytes:
    """The bytes of a .tflite file with metadata in it; what it computes stays the same.

    Args:
        content: A whole .tflite file; metadata and appended files that it has are replaced.
        metadata: What it shall say of itself.

    Returns:
        The bytes of the new file.

    Raises:
        ValueError: If buffers lie outside the flatbuffer, or the labels do not fit the file's outputs.

    Example:
        >>> path.write_bytes(with_metadata(path.read_bytes(), Metadata("face", labels=names)))  # doctest: +SKIP
    """
    model, _ = read_tables(content)
    if any(buffer["offset"] > 1 for buffer in model["buffers"]):
        raise ValueError("buffers of this file lie outside its flatbuffer; bring them inside with slim_file first")
    if associated_files(content)[0]:
        content = content[: associated_files(content)[1]]
    graph = model["subgraphs"][0]
    inputs, outputs = (_ends(model, graph, end) for end in ("inputs", "outputs"))
    _check_labels(metadata, outputs)
    buffer = MetadataWriter(metadata).write(inputs, outputs, LABELS if metadata.labels else None)
    _store(model, buffer)
    written = io.BytesIO(write_tables(model))
    if metadata.labels:
        with zipfile.ZipFile(written, "a") as archive:
            # Stored as it is: readers on phones map it from the file.
            entry = zipfile.ZipInfo(LABELS, _LONG_AGO)
            archive.writestr(entry, "\n".join(metadata.labels) + "\n")
    return written.getvalue()


def _store(model: Table, content: bytes) -> None:
    """Puts the metadata in the buffer that older metadata has, or in a new one."""
    data = Table("Buffer", {"data": np.frombuffer(content, "u1")})
    entries = list(model["metadata"] or [])
    old = [entry["buffer"] for entry in entries if entry["name"] == ENTRY]
    buffers = list(model["buffers"])
    if old:
        buffers[old[0]] = data
    else:
        entries.append(Table("Metadata", {"name": ENTRY, "buffer": len(buffers)}))
        buffers.append(data)
    model["metadata"], model["buffers"] = entries, buffers


def _ends(model: Table, graph: Table, end: str) -> list[TensorText]:
    """What is said of each input or output of the graph, in the order of the graph."""
    signatures = model["signature_defs"] or [{end: None}]
    names = {item["tensor_index"]: item["name"].decode() for item in signatures[0][end] or ()}
    texts = []
    for index in graph[end]:
        tensor = graph["tensors"][index]
        shape = [int(size) for size in (tensor["shape"] if tensor["shape"] is not None else ())]
        name = names.get(int(index)) or (tensor["name"] or b"").decode("utf-8", "replace")
        image = end == "inputs" and len(shape) == 4 and shape[3] in _CHANNELS
        description = f"{_CHANNELS[shape[3]]} image, {shape[1]}x{shape[2]} (height x width)" if image else ""
        texts.append(TensorText(name, description, shape, image))
    return texts


def _check_labels(metadata: Metadata, outputs: list[TensorText]) -> None:
    if metadata.labels and (len(outputs) != 1 or outputs[0].shape[-1:] != [len(metadata.labels)]):
        shapes = ", ".join("x".join(map(str, output.shape)) for output in outputs)
        raise ValueError(
            f"{len(metadata.labels)} labels for outputs of shape {shapes}; expected one output of that many"
        )
