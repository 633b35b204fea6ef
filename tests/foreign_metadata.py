"""Metadata as another tool writes it: by flatbuffers' own builder and the generated classes of LiteRT."""

import io
import zipfile
from collections.abc import Mapping, Sequence

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

NORMALIZATION, THRESHOLD = 1, 3  # ProcessUnitOptions
AXIS_LABELS = 2  # AssociatedFileType


def metadata_buffer(
    labels: Sequence[str] = (), mean: Sequence[float] | None = None, std: Sequence[float] = (1.0,)
) -> bytes:
    """Return a ModelMetadata flatbuffer of one input and one output; slots as metadata_schema.fbs numbers them.

    Args:
        labels: names of the output's label files.
        mean: normalization of the input, after a process unit of another kind; None for none.
        std: see `mean`.
    """
    builder = flatbuffers.Builder(256)

    def table(slots: int, offsets: Mapping[int, int], types: Mapping[int, int] | None = None) -> int:
        builder.StartObject(slots)
        for slot, offset in offsets.items():
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        for slot, value in (types or {}).items():
            builder.PrependUint8Slot(slot, value, 0)
        return builder.EndObject()

    def vector(items: Sequence[int]) -> int:
        builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            builder.PrependUOffsetTRelative(item)
        return builder.EndVector()

    def floats(values: Sequence[float]) -> int:
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            builder.PrependFloat32(value)
        return builder.EndVector()

    def tensor(files: Sequence[str], units: Sequence[int]) -> int:
        named = [(builder.CreateString(file), builder.CreateString("en")) for file in files]
        made = [table(5, {0: name, 3: locale}, {2: AXIS_LABELS}) for name, locale in named]
        return table(7, {4: vector(units), 6: vector(made)})

    units = []
    if mean is not None:
        units = [table(2, {1: table(1, {})}, {0: THRESHOLD})]
        units += [table(2, {1: table(2, {0: floats(mean), 1: floats(std)})}, {0: NORMALIZATION})]
    graph = table(5, {2: vector([tensor((), units)]), 3: vector([tensor(labels, ())])})
    name = builder.CreateString("theirs")
    builder.Finish(table(8, {0: name, 3: vector([graph])}), file_identifier=b"M001")
    return bytes(builder.Output())


def with_buffer(content: bytes, buffer: bytes, files: Mapping[str, str] | None = None) -> bytes:
    """Return a .tflite file without metadata with this buffer as its metadata, and files in an appended zip."""
    model = schema.ModelT.InitFromPackedBuf(content)
    entry, data = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer, data.data = b"TFLITE_METADATA", len(model.buffers), list(buffer)
    model.metadata = [*(model.metadata or []), entry]
    model.buffers.append(data)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    written = io.BytesIO(bytes(builder.Output()))
    if files:
        with zipfile.ZipFile(written, "a", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    return written.getvalue()
