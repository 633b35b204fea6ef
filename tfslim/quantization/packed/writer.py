"""`tfslim.save_packed`: writer of `.tfslim` files.

Each tensor is stored in the fewest lossless bits.
"""

import json
import os
from collections.abc import Mapping

import keras
import numpy as np

from tfslim._support.files import replacing
from tfslim.cost.model_cost import measured
from tfslim.quantization.codecs.detection import detect_codec
from tfslim.quantization.codecs.floats import Float16, Float32
from tfslim.quantization.codecs.registry import Codec
from tfslim.quantization.model_tensors import model_variables, weight_tensors
from tfslim.quantization.packed.architecture import architecture_json, check_layout, shapes
from tfslim.quantization.packed.container import join_sections
from tfslim.quantization.packed.reader import PackedTensor, parse_packed
from tfslim.quantization.packed.tensor import Entry, packed_as_it_is, packed_codes
from tfslim.quantization.packed.tensor_table import write_list
from tfslim.quantization.plan import known_plan
from tfslim.report import Report

__all__ = ["save_packed"]


def save_packed(
    model: keras.Model,
    path: str | os.PathLike,
    entropy_coding: bool = False,
    *,
    plan: Mapping[str, Codec] | None = None,
) -> Report:
    """Save a model in the fewest lossless bits.

    Tensors that `tfslim.quantize_weights` quantized are detected and stored as codes; any other as float16 if that is
    lossless, else as float32. All loss is in `quantize_weights`, none is here: the bytes are read back and compared
    before the file gets its name. Compile settings and the optimizer are not saved.

    Args:
        model: a functional or a built Sequential model of layers of Keras and tfslim.
        path: the file, by convention with the suffix ".tfslim"; its folder must exist.
        entropy_coding: whether to code frequent codes shorter than rare ones, if that saves bytes. Reading such a file
            needs the library constriction.
        plan: each tensor's codec by its path, as `tfslim.quantization.plan_codecs` returns it, so that the codecs need
            not be searched for. A model that `quantize_weights` returned needs none in the same process. The file has
            the same bytes as without a plan, or fewer: a tensor that its codec does not keep is searched for.

    Returns:
        A report with the file's bytes and their parts. `information bytes` are codes, codebooks, floats and raw tensors
        (such as a dropout's seed), to the bit, without names, architecture and other overhead of a file. With
        `entropy_coding`, `entropy bytes` is the same with codes at each tensor's empirical entropy.

    Raises:
        FileNotFoundError: the folder does not exist.
        ImportError: `entropy_coding` is set and constriction is not installed.
        TypeError: the model is subclassed, or a value of `plan` is not a codec.
        ValueError: the model contains something that the format can't keep, such as a Lambda layer, or `plan` names a
            tensor that the model does not have; the message names it.

    Example:
        >>> smaller, _ = tfslim.quantize_weights(tfslim.models.SlimNet(), "log_min_max", bits=10)
        >>> report = tfslim.save_packed(smaller, "face.tfslim")
        >>> report.figures["share of the float32 weights"] < 0.4
        True
    """
    name = os.fspath(path)
    architecture = architecture_json(model)
    check_layout(json.loads(architecture), shapes(model))
    filter_axes = {path: each.filter_axes for path, each in weight_tensors(model).items()}
    codecs = known_plan(model, filter_axes, plan)
    values = {key: _values(variable) for key, variable in model_variables(model).items()}
    entries, stored = [], []
    for key, array in values.items():
        entry, data = _packed(key, array, filter_axes.get(key, (-1,)), entropy_coding, codecs.get(key))
        entries.append(entry)
        stored.append(data)
    listed = write_list(entries)
    data = join_sections(architecture, listed, b"".join(stored))
    packed = parse_packed(data, name).tensors
    _compare(values, packed)
    with replacing(path) as beside, open(beside, "wb") as file:
        file.write(data)
    report = _report(model, len(data), sum(map(len, stored)), entries, packed)
    if entropy_coding:
        report.figures["entropy bytes"] = -(-sum(_entropy_bits(each) for each in packed.values()) // 8)
    return report


def _values(variable: keras.Variable) -> np.ndarray:
    values = keras.ops.convert_to_numpy(variable.value)
    if keras.backend.is_float_dtype(variable.dtype) and values.dtype != np.float64:
        return values.astype(np.float32, copy=False)
    return values


def _packed(
    name: str, values: np.ndarray, filter_axes: tuple[int, ...], entropy_coding: bool, expected: Codec | None
) -> tuple[Entry, bytes]:
    if values.dtype != np.float32:
        return packed_as_it_is(name, values)
    codec, encoded = detect_codec(values, filter_axes, expected)
    return packed_codes(name, codec, encoded, filter_axes, entropy_coding)


def _compare(values: Mapping[str, np.ndarray], packed: Mapping[str, PackedTensor]) -> None:
    for name, expected in values.items():
        found = packed[name].values
        if found.shape != expected.shape or not np.array_equal(_patterns(found), _patterns(expected)):
            raise ValueError(
                f"{name}: values differ after packing and reading; this is a bug in tfslim, please report it"
            )


def _patterns(values: np.ndarray) -> np.ndarray:
    """Return the values' bits as integers.

    As such NaN equals itself, and 0 differs from -0.
    """
    return values.reshape(-1).view(f"u{values.dtype.itemsize}")


def _report(
    model: keras.Model, file_bytes: int, data_bytes: int, entries: list[Entry], packed: Mapping[str, PackedTensor]
) -> Report:
    parts: dict[str, list[int]] = {}
    bits = 0
    for entry in entries:
        codec = entry.codec
        label = "as it is" if codec is None else f"{codec.name}, {entry.code_bits} bits a value"
        total = parts.setdefault(label, [0, 0, 0])
        tensor = packed[entry.name]
        for index, figure in enumerate((1, entry.size, tensor.stored_bytes)):
            total[index] += figure
        bits += _bits(tensor)
    cost = measured(model)
    params = model.count_params()
    figures = {
        "file bytes": file_bytes,
        "tensor bytes": data_bytes,
        "information bytes": -(-bits // 8),
        "share of the float32 weights": file_bytes / (4 * params) if params else 0.0,
    }
    done = [
        f"{label}: {size:,} values of {count} tensors in {stored:,} bytes"
        for label, (count, size, stored) in sorted(parts.items(), key=lambda part: -part[1][2])
    ]
    return Report("save_packed", before=cost, after=cost, done=done, figures=figures)


def _bits(tensor: PackedTensor) -> int:
    return 8 * tensor.stored_bytes if tensor.encoded is None else tensor.encoded.bits


def _entropy_bits(tensor: PackedTensor) -> int:
    if tensor.encoded is None or isinstance(tensor.codec, Float16 | Float32 | None):
        return _bits(tensor)
    counts = np.bincount(tensor.encoded.codes)
    counts = counts[counts > 0]
    entropy = -(counts * np.log2(counts / counts.sum())).sum()
    return _bits(tensor) - tensor.values.size * tensor.encoded.code_bits + int(np.ceil(entropy))
