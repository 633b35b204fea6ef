"""Reading of `.tfslim` files with numpy alone."""

import dataclasses
import json
import os
from collections.abc import Mapping

import numpy as np

from tfslim._support.files import check_path
from tfslim.quantization.codecs.encoded import Encoded
from tfslim.quantization.codecs.registry import Codec
from tfslim.quantization.packed.container import HEADER_BYTES, check_header, check_json, split_sections
from tfslim.quantization.packed.tensor import unpacked
from tfslim.quantization.packed.tensor_table import read_list

__all__ = ["PackedFile", "PackedTensor", "read_packed"]


@dataclasses.dataclass(frozen=True)
class PackedTensor:
    """A tensor of a `.tfslim` file.

    Attributes:
        values: float32, or the variable's own type if that is not a float.
        codec: its codec, or None if it is stored raw.
        encoded: its codes and codebook, or None.
        stored_bytes: its bytes in the file, codes and codebook.
    """

    values: np.ndarray
    codec: Codec | None
    encoded: Encoded | None
    stored_bytes: int


@dataclasses.dataclass(frozen=True)
class PackedFile:
    """Contents of a `.tfslim` file.

    Attributes:
        architecture: the model's Keras configuration, as returned by `keras.saving.serialize_keras_object`; not
            checked.
        tensors: by name, such as "conv1/kernel".
    """

    architecture: dict
    tensors: Mapping[str, PackedTensor]


def read_packed(path: str | os.PathLike) -> PackedFile:
    """Read a `.tfslim` file as numpy arrays.

    Neither Keras nor TensorFlow is needed.

    Args:
        path: the file.

    Raises:
        TypeError: `path` is not a path.
        FileNotFoundError: the file does not exist.
        ImportError: it is entropy-coded and constriction is not installed.
        ValueError: it is damaged, cut short, of another version, or not a `.tfslim` file; the message names the part.

    Example:
        >>> smaller, _ = tfslim.quantize_weights(tfslim.models.SlimNet(), "log_min_max", bits=10)
        >>> report = tfslim.save_packed(smaller, "face.tfslim")
        >>> tensors = read_packed("face.tfslim").tensors
        >>> tensors["stem_conv/kernel"].values.shape, tensors["stem_conv/kernel"].codec
        ((7, 7, 3, 96), LogMinMax(bits=10, rule='exact_zero', floor=None))
    """
    check_path(path, "a .tfslim file", "write one with tfslim.save_packed(model, path)")
    name = os.fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"{name}: no such file; pass the path of a file written by tfslim.save_packed")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(HEADER_BYTES)
        try:
            check_header(data, size)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        data += file.read(size - len(data))
    return parse_packed(data, name)


def parse_packed(data: bytes, name: str) -> PackedFile:
    """Parse the bytes of a `.tfslim` file, as `read_packed` does.

    Args:
        data: the whole file.
        name: the file's name in error messages.
    """
    try:
        sections = split_sections(data)
        architecture = _architecture(sections["architecture"])
        tensors = _tensors(sections["tensor list"], sections["tensor data"])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    except ImportError as error:
        raise ImportError(f"{name}: {error}") from error
    return PackedFile(architecture, tensors)


def _architecture(text: bytes) -> dict:
    check_json(text)
    try:
        found = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"architecture: not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"architecture: holds a {type(found).__name__}; expected a dictionary")
    return found


def _tensors(listed: bytes, data: bytes) -> dict[str, PackedTensor]:
    try:
        entries = read_list(listed, len(data))
    except ValueError as error:
        raise ValueError(f"tensor list: {error}") from None
    tensors, start = {}, 0
    for entry in entries:
        stored = entry.parameter_bytes + entry.code_bytes
        try:
            codec, encoded, values = unpacked(entry, data[start : start + stored])
        except ValueError as error:
            raise ValueError(f"tensor data: {entry.name}: {error}") from None
        tensors[entry.name] = PackedTensor(values, codec, encoded, stored)
        start += stored
    return tensors
