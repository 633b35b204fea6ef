"""A .tflite file opened as the flatbuffer it is, with checks that come before the C++ interpreter sees it."""

import struct
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
_FLOATS = {schema.TensorType.FLOAT32, schema.TensorType.FLOAT16, schema.TensorType.FLOAT64, schema.TensorType.BFLOAT16}


class ModelFileError(ValueError):
    """A .tflite file that is missing, truncated, or not one."""


def open_flatfile(path: str | Path) -> schema.ModelT:
    """Reads a whole .tflite file into Python objects, and so finds out whether all of it is there.

    Args:
        path: The file.

    Returns:
        The model as the classes of `ai_edge_litert.schema_py_generated`.

    Raises:
        ModelFileError: If the file is missing, cut short, is no .tflite file, or refers to parts that it does not have.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise ModelFileError(
            f"{path}: {len(data)} bytes that do not begin as a .tflite file does "
            f"(bytes 4 to 8 are {data[4:8]!r}, expected b'TFL3'); convert the model again"
        )
    try:
        model = schema.ModelT.InitFromPackedBuf(data)
        problem = _dangling(model)
    except (struct.error, ValueError, IndexError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise ModelFileError(f"{path}: a .tflite file of {len(data)} bytes cut short or damaged ({error})") from error
    if problem:
        raise ModelFileError(f"{path}: a damaged .tflite file: {problem}")
    return model


def _dangling(model: schema.ModelT) -> str | None:
    """Says which reference of the model leads nowhere; the interpreter would follow it out of its memory."""
    if not model.subgraphs or not model.buffers:
        return "it holds no graph or no buffers"
    for graph in model.subgraphs:
        tensors = len(graph.tensors or ())
        for tensor in graph.tensors or ():
            if not 0 <= tensor.buffer < len(model.buffers):
                return f"tensor {tensor.name!r} refers to buffer {tensor.buffer} of {len(model.buffers)}"
        for operator in graph.operators or ():
            if not 0 <= operator.opcodeIndex < len(model.operatorCodes or ()):
                return f"an operator refers to operator code {operator.opcodeIndex} of {len(model.operatorCodes or ())}"
        ends = [_indices(graph.inputs), _indices(graph.outputs)]
        for used in ends + [_indices(op.inputs) + _indices(op.outputs) for op in graph.operators or ()]:
            for index in used:
                # -1 marks an operand that is left out, such as the bias of a convolution.
                if not -1 <= index < tensors:
                    return f"an operator refers to tensor {index} of {tensors}"
    return None


def _indices(values) -> list[int]:
    return [] if values is None else [int(value) for value in values]


def float_islands(path: str | Path) -> dict[str, str]:
    """Lists the operators of a .tflite file that still compute in floating point, by the name of their output tensor.

    QUANTIZE and DEQUANTIZE, which lead to an island and back or are the file's own inputs and outputs, are not listed.

    Args:
        path: The file; of interest is one quantised to int8.

    Returns:
        Name of the output tensor -> name of the operator ("EXP"), in order of execution; empty for a full int8 file.

    Raises:
        ModelFileError: If the file is damaged.
    """
    model, islands = open_flatfile(path), {}
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            code = model.operatorCodes[operator.opcodeIndex]
            name = _NAMES.get(max(code.builtinCode, code.deprecatedBuiltinCode), "UNKNOWN")
            used = [index for index in _indices(operator.inputs) + _indices(operator.outputs) if index >= 0]
            if name not in ("QUANTIZE", "DEQUANTIZE") and any(graph.tensors[index].type in _FLOATS for index in used):
                islands[graph.tensors[_indices(operator.outputs)[0]].name.decode()] = name
    return islands
