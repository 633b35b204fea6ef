"""Metadata of a .tflite file as Android's tools read it: a TFLITE_METADATA buffer and files in an appended zip.

Source: metadata_schema.fbs of tensorflow/tflite-support, schema 1.1.0, file identifier "M001".
"""

import dataclasses
import io
import zipfile
from collections.abc import Sequence

import numpy as np

from tfslim.litert.file_summary import associated_files
from tfslim.litert.flat_reader import Table, read_tables
from tfslim.litert.flat_writer import write_tables
from tfslim.litert.metadata_flatbuffer import MetadataWriter, TensorText

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
