"""Metadata of a .tflite file as Android's tools read it.

It is a TFLITE_METADATA buffer and files in an appended zip. What the schema has no field for (task, crop, thresholds)
is in the appended tfslim.json, which those tools pass over.

Source: metadata_schema.fbs of tensorflow/tflite-support, schema 1.1.0, file identifier "M001".
"""

import dataclasses
import io
import json
import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfslim.litert.flatbuffer.graph import buffer_content
from tfslim.litert.flatbuffer.model_file import ModelFileError, OpenFile, open_file
from tfslim.litert.flatbuffer.reader import Table, read_tables
from tfslim.litert.flatbuffer.summary import associated_files
from tfslim.litert.flatbuffer.writer import write_tables

__all__ = ["Metadata", "read_metadata", "with_metadata"]
ENTRY = b"TFLITE_METADATA"
LABELS, FACTS = "labels.txt", "tfslim.json"
TASKS = ("attributes", "identities", "embeddings")  # as in `tfslim.litert.verify`
_IDENTIFIER = b"M001"
_PARSER_VERSION = "1.0.0"  # the oldest schema that has all fields written here
_FACTS_VERSION = 1
_DESCRIPTIONS, _AXIS_LABELS = 1, 2  # AssociatedFileType
_FEATURE, _IMAGE = 1, 2  # ContentProperties
_NORMALIZATION = 1  # ProcessUnitOptions
_COLORS = {3: 1, 1: 2}  # channels -> ColorSpaceType: RGB, GRAYSCALE
_CHANNELS = {1: "grey", 3: "RGB"}
_TRAINED_ON = "Trained on: "
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # a zip needs a date; a fixed one makes the same file the same bytes
_MOST_UNPACKED = 2**24  # bytes of an associated file; a hostile zip may unfold to far more than it holds


@dataclasses.dataclass(frozen=True)
class Metadata:
    """Description of a .tflite file for apps that read it.

    Args:
        name: The model's name.
        description: What it does.
        labels: The meaning of each value of its one output, in their order; written as labels.txt.
        mean: With `std`, how the app has to normalize pixels, (x - mean) / std; one value, or one per channel. The
            default leaves pixels 0..255 as they are, for models that normalize them in the graph, as tfslim's do.
        std: See `mean`; above 0.
        licence: The licence of the file.
        training_data: What it was trained on, and under which terms; appended to the description.
        author: Who made it.
        version: The version of the model.
        task: What its output holds: "attributes" (a logit per attribute), "identities" (a logit per person),
            "embeddings", or "" to leave it open. Written to tfslim.json, with thresholds, crop, size and pixel range.
        thresholds: The logit above which each label is present; empty for 0. Needs `labels` and a task.
        crop: (height, width) in pixels of the middle part of each photo that the model was trained on; None for the
            whole photo. Needs a task.

    Raises:
        ValueError: If values do not fit each other.

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
    task: str = ""
    thresholds: Sequence[float] = ()
    crop: tuple[int, int] | None = None

    def __post_init__(self):
        if len(self.mean) != len(self.std) or not self.mean:
            raise ValueError(f"mean of {len(self.mean)} and std of {len(self.std)} values; expected as many of both")
        if not all(map(math.isfinite, (*self.mean, *self.std))) or not all(value > 0 for value in self.std):
            raise ValueError(f"mean {tuple(self.mean)} and std {tuple(self.std)}; std: expected values above 0")
        if any("\n" in label or not label for label in self.labels):
            raise ValueError("labels must be of one line each, and not empty")
        if self.task not in ("", *TASKS):
            raise ValueError(f"task must be one of {', '.join(map(repr, TASKS))} or empty, got {self.task!r}")
        if (self.thresholds or self.crop) and not self.task:
            raise ValueError(f"thresholds and crop are stored with the task: give task, one of {', '.join(TASKS)}")
        if self.thresholds and len(self.thresholds) != len(self.labels):
            raise ValueError(f"{len(self.thresholds)} thresholds for {len(self.labels)} labels; expected one per label")
        if not all(map(math.isfinite, self.thresholds)):
            raise ValueError(f"thresholds must be finite numbers, got {tuple(self.thresholds)}")
        whole = self.crop is None or (len(self.crop) == 2 and all(type(size) is int and size > 0 for size in self.crop))
        if not whole:
            raise ValueError(f"crop must be a height and a width in pixels, got {self.crop!r}")

    @property
    def pixel_range(self) -> tuple[float, float]:
        """Return the range that pixels of 0..255 map to.

        It is the least and the largest value that the model takes for them.
        """
        ends = [(pixel - mean) / std for pixel in (0, 255) for mean, std in zip(self.mean, self.std, strict=True)]
        return min(ends), max(ends)

    @property
    def normalizes(self) -> bool:
        """Return whether the app has to normalize pixels first."""
        return any(self.mean) or any(value != 1 for value in self.std)


def with_metadata(content: bytes, metadata: Metadata) -> bytes:
    """Return a .tflite file's bytes with this metadata in it.

    Args:
        content: A whole .tflite file; metadata and appended files that it has are replaced. To change one field of
            what a file has, give `dataclasses.replace(read_metadata(path), licence="MIT")`.
        metadata: What the file is to say.

    Returns:
        The bytes of the new file, which computes the same.

    Raises:
        ValueError: If buffers lie outside the flatbuffer, or the labels do not fit the file's outputs.

    Example:
        >>> path.write_bytes(with_metadata(path.read_bytes(), Metadata("face", labels=names)))  # doctest: +SKIP
    """
    model, _ = read_tables(content)
    if any(buffer["offset"] > 1 for buffer in model["buffers"]):
        raise ValueError("buffers of this file lie outside its flatbuffer; bring them inside with slim_file first")
    graph = model["subgraphs"][0]
    inputs, outputs = (_ends(model, graph, end) for end in ("inputs", "outputs"))
    _check_labels(metadata, outputs)
    files = {LABELS: "\n".join(metadata.labels) + "\n"} if metadata.labels else {}
    if metadata.task:
        files[FACTS] = json.dumps(_facts(metadata, inputs)) + "\n"
    _store(model, write_tables(_metadata_table(metadata, inputs, outputs), _IDENTIFIER))
    written = io.BytesIO(write_tables(model))
    if files:
        with zipfile.ZipFile(written, "a") as archive:
            for name, text in files.items():
                # Uncompressed: readers on phones map it from the file.
                archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), text)
    return written.getvalue()


def read_metadata(path: str | Path) -> Metadata | None:
    """Read the metadata of a .tflite file, whoever wrote it.

    Args:
        path: The file.

    Returns:
        What the file says, with the labels of its first output; None if it has no metadata.

    Raises:
        ModelFileError: If the file or its metadata is missing parts or damaged.

    Example:
        >>> read_metadata("face-int8.tflite").labels[:2]  # doctest: +SKIP
        ('5_o_Clock_Shadow', 'Arched_Eyebrows')
    """
    return metadata_of(open_file(path))


def metadata_of(opened: OpenFile) -> Metadata | None:
    """Return the metadata of an open file, as `read_metadata`."""
    numbers = [entry["buffer"] for entry in opened.model["metadata"] or () if entry["name"] == ENTRY]
    if not numbers:
        return None
    try:
        data = buffer_content(opened.model["buffers"][numbers[0]], opened.data, numbers[0])[0]
        content = b"" if data is None else data.tobytes()
        if content[4:8] != _IDENTIFIER:
            raise ValueError(f"bytes 4 to 8 are {content[4:8]!r}, expected {_IDENTIFIER!r}")
        return _read(read_tables(content, "ModelMetadata")[0], opened)
    except ValueError as error:
        raise ModelFileError(
            f"{opened.path}: its metadata can't be read: {error}; write it again with tfslim.litert.with_metadata"
        ) from error


def _read(root: Table, opened: OpenFile) -> Metadata:
    graph = (root["subgraph_metadata"] or [Table("SubGraphMetadata")])[0]
    first = {end: (graph[f"{end}_tensor_metadata"] or [Table("TensorMetadata")])[0] for end in ("input", "output")}
    mean, std = _normalization(first["input"])
    names = [item["name"] for item in first["output"]["associated_files"] or () if item["type"] == _AXIS_LABELS]
    labels = _file_text(opened, _text(names[0])).splitlines() if names else []
    # Where `_metadata_table` put what it was trained on; a newline of ours ends the description before it.
    description, separator, training_data = f"\n{_text(root['description'])}".rpartition(f"\n{_TRAINED_ON}")
    description = description if separator else training_data
    facts = _read_facts(opened)
    return Metadata(
        _text(root["name"]),
        description.removeprefix("\n"),
        tuple(labels),
        mean,
        std,
        _text(root["license"]),
        training_data if separator else "",
        _text(root["author"]),
        _text(root["version"]),
        **facts,
    )


def _normalization(tensor: Table) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation of the normalization.

    Each is one number or one per channel; 0 and 1 if the file states none.
    """
    for unit in tensor["process_units"] or ():
        if unit["options_type"] == _NORMALIZATION and unit["options"]:
            given = (unit["options"][name] for name in ("mean", "std"))
            mean, std = ([] if values is None else values.tolist() for values in given)
            # One value stands for all channels, in either.
            channels = max(len(mean), len(std))
            return tuple(mean * channels if len(mean) == 1 else mean), tuple(std * channels if len(std) == 1 else std)
    return (0.0,), (1.0,)


def _read_facts(opened: OpenFile) -> dict:
    """Return the fields of `Metadata` that tfslim.json has."""
    if FACTS not in associated_files(opened.data)[0]:
        return {}
    try:
        facts = json.loads(_file_text(opened, FACTS))
        if facts["version"] != _FACTS_VERSION:
            raise ValueError(f"version {facts['version']!r}, expected {_FACTS_VERSION}: update tfslim")
        thresholds = tuple(float(value) for value in facts.get("thresholds") or ())
        crop = facts.get("crop")
        return {"task": facts["task"], "thresholds": thresholds, "crop": None if crop is None else tuple(crop)}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{FACTS}: {type(error).__name__}: {error}") from error


def _file_text(opened: OpenFile, name: str) -> str:
    """Return the text of a file in the appended zip."""
    sizes, _ = associated_files(opened.data)
    if name not in sizes:
        raise ValueError(f"it names {name}, which is not among its associated files ({', '.join(sizes) or 'none'})")
    if sizes[name] > _MOST_UNPACKED:
        raise ValueError(f"{name} unpacks to {sizes[name]:,} bytes, more than {_MOST_UNPACKED:,}")
    try:
        with zipfile.ZipFile(io.BytesIO(opened.data)) as archive:
            return archive.read(name).decode("utf-8-sig")
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError) as error:
        raise ValueError(f"{name} is damaged: {error}") from error


@dataclasses.dataclass(frozen=True)
class _TensorText:
    """Description of an input or output in words.

    `image` is true for one of (1, H, W, 1 or 3).
    """

    name: str
    description: str
    shape: list[int]
    image: bool


def _facts(metadata: Metadata, inputs: list[_TensorText]) -> dict:
    """Return the content of tfslim.json."""
    sizes = [text.shape[1:3] for text in inputs if text.image]
    return {
        "version": _FACTS_VERSION,
        "task": metadata.task,
        "input_size": sizes[0] if sizes else None,
        "pixel_range": list(metadata.pixel_range),
        "crop": None if metadata.crop is None else list(metadata.crop),
        "thresholds": [float(value) for value in metadata.thresholds] or None,
    }


def _metadata_table(metadata: Metadata, inputs: list[_TensorText], outputs: list[_TensorText]) -> Table:
    labels = _associated_file(LABELS, "the meaning of each value of the output, in their order", _AXIS_LABELS)
    given = [_tensor_table(text, metadata) for text in outputs]
    if metadata.labels:
        given[0]["associated_files"] = [labels]
    graph = {
        "input_tensor_metadata": [_tensor_table(text, metadata) for text in inputs],
        "output_tensor_metadata": given,
    }
    description = metadata.description
    if metadata.training_data:
        description = f"{description}\n{_TRAINED_ON}{metadata.training_data}".strip()
    facts = _associated_file(FACTS, "task, crop, input size, pixel range and thresholds for tfslim", _DESCRIPTIONS)
    texts = {"name": metadata.name, "description": description, "version": metadata.version}
    texts |= {"author": metadata.author, "license": metadata.licence, "min_parser_version": _PARSER_VERSION}
    return Table(
        "ModelMetadata",
        {name: text.encode() or None for name, text in texts.items()}
        | {"subgraph_metadata": [Table("SubGraphMetadata", graph)]}
        | {"associated_files": [facts] if metadata.task else None},
    )


def _tensor_table(text: _TensorText, metadata: Metadata) -> Table:
    said = {"name": text.name.encode() or None, "description": text.description.encode() or None}
    if not text.image:
        kind = {"content_properties_type": _FEATURE, "content_properties": Table("FeatureProperties")}
        return Table("TensorMetadata", said | {"content": Table("Content", kind)})
    _, height, width, channels = text.shape
    size = Table("ImageSize", {"width": width, "height": height})
    image = Table("ImageProperties", {"color_space": _COLORS[channels], "default_size": size})
    content = Table("Content", {"content_properties_type": _IMAGE, "content_properties": image})
    values = {name: np.array(getattr(metadata, name), "<f4") for name in ("mean", "std")}
    options = {"options_type": _NORMALIZATION, "options": Table("NormalizationOptions", values)}
    return Table("TensorMetadata", said | {"content": content, "process_units": [Table("ProcessUnit", options)]})


def _associated_file(name: str, description: str, kind: int) -> Table:
    return Table("AssociatedFile", {"name": name.encode(), "description": description.encode(), "type": kind})


def _store(model: Table, content: bytes) -> None:
    """Put the metadata in its buffer.

    It is the buffer of older metadata, or a new one.
    """
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


def _ends(model: Table, graph: Table, end: str) -> list[_TensorText]:
    """Describe the graph's inputs or outputs, in its order."""
    signatures = model["signature_defs"] or [{end: None}]
    names = {item["tensor_index"]: item["name"].decode() for item in signatures[0][end] or ()}
    texts = []
    for index in graph[end]:
        tensor = graph["tensors"][index]
        shape = [int(size) for size in (tensor["shape"] if tensor["shape"] is not None else ())]
        name = names.get(int(index)) or _text(tensor["name"])
        image = end == "inputs" and len(shape) == 4 and shape[3] in _CHANNELS
        description = f"{_CHANNELS[shape[3]]} image, {shape[1]}x{shape[2]} (height x width)" if image else ""
        texts.append(_TensorText(name, description, shape, image))
    return texts


def _check_labels(metadata: Metadata, outputs: list[_TensorText]) -> None:
    if metadata.labels and (len(outputs) != 1 or outputs[0].shape[-1:] != [len(metadata.labels)]):
        shapes = ", ".join("x".join(map(str, output.shape)) for output in outputs)
        raise ValueError(
            f"{len(metadata.labels)} labels for outputs of shape {shapes}; expected one output of that many"
        )


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")
