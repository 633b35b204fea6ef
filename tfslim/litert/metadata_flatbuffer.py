"""The flatbuffer of a .tflite file's metadata, table by table as metadata_schema.fbs has them."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import flatbuffers

if TYPE_CHECKING:
    from tfslim.litert.metadata import Metadata

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
