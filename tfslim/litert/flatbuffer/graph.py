"""Tensors, operators and graphs of a .tflite file."""

import dataclasses
import functools

import numpy as np

from tfslim.litert.flatbuffer.enumerations import ENUMERATIONS
from tfslim.litert.flatbuffer.reader import Table

__all__ = ["Graph", "Operator", "Tensor", "buffer_content", "operator_name", "read_graphs"]

_NUMPY = {
    "FLOAT32": "<f4",
    "FLOAT16": "<f2",
    "FLOAT64": "<f8",
    "INT8": "i1",
    "UINT8": "u1",
    "INT16": "<i2",
    "UINT16": "<u2",
    "INT32": "<i4",
    "UINT32": "<u4",
    "INT64": "<i8",
    "UINT64": "<u8",
    "BOOL": "?",
}
_OPERATORS = ENUMERATIONS["BuiltinOperator"]
_DTYPES = ENUMERATIONS["TensorType"]
# Options stored as numbers that the schema names.
_NAMED_OPTIONS = {
    "padding": ENUMERATIONS["Padding"],
    "fused_activation_function": ENUMERATIONS["ActivationFunctionType"],
    "weights_format": ENUMERATIONS["FullyConnectedOptionsWeightsFormat"],
}
_LISTED_SCALES = 4  # of each tensor in `to_dict`


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor of a graph.

    Attributes:
        index: its number in the graph.
        name: its name, which may be empty.
        dtype: the schema's name: "INT8", "FLOAT32", ...
        shape: the sizes of its axes; () for a scalar or if the file states no shape.
        shape_signature: the same with -1 for each open size; None if no size is open.
        scales, zero_points: float32 and int64 arrays: empty without quantization, of length 1, or one value for each
            index of the axis `quantized_dimension`.
        quantized_dimension: the axis along which scales and zero points run.
        buffer: number of the buffer that holds its values; usually 0 for a computed tensor.
        data: the bytes of its values, uint8; None for a computed tensor.
        outside: whether these bytes lie outside the flatbuffer.
        variable: whether it keeps its values between runs.
        sparse: whether only its nonzero values are stored.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...] | None
    scales: np.ndarray = dataclasses.field(repr=False)
    zero_points: np.ndarray = dataclasses.field(repr=False)
    quantized_dimension: int
    buffer: int
    data: np.ndarray | None = dataclasses.field(repr=False)
    outside: bool
    variable: bool
    sparse: bool

    @property
    def constant(self) -> bool:
        """Return whether the file holds the tensor's values."""
        return self.data is not None

    @property
    def quantised_dimension(self) -> int:
        """Return `quantized_dimension`, by its name in earlier versions."""
        return self.quantized_dimension

    def values(self) -> np.ndarray | None:
        """Return the constant values in the tensor's shape.

        None if the tensor is computed or sparse, or if its data does not fit its type and shape.
        """
        if self.data is None or self.dtype not in _NUMPY or self.sparse:
            return None
        dtype = np.dtype(_NUMPY[self.dtype])
        if self.data.size % dtype.itemsize or any(size < 0 for size in self.shape):
            return None
        flat = np.frombuffer(self.data.tobytes(), dtype)
        try:
            return flat.reshape(self.shape)
        except ValueError:
            return None

    def to_dict(self) -> dict:
        """Return plain values for JSON, with the first scales only."""
        plain = {"index": self.index, "name": self.name, "dtype": self.dtype, "shape": list(self.shape)}
        if self.shape_signature:
            plain["shape_signature"] = list(self.shape_signature)
        if len(self.scales):
            plain |= {
                "scales": [float(scale) for scale in self.scales[:_LISTED_SCALES]],
                "zero_points": [int(zero) for zero in self.zero_points[:_LISTED_SCALES]],
                "scale_count": len(self.scales),
                "quantised_dimension": self.quantized_dimension,  # the key keeps its spelling for readers of the JSON
            }
        if self.data is not None:
            plain |= {"buffer": self.buffer, "bytes": int(self.data.size)}
        flags = {"outside": self.outside, "variable": self.variable, "sparse": self.sparse}
        return plain | {name: True for name, is_set in flags.items() if is_set}


@dataclasses.dataclass(frozen=True, eq=False)
class Operator:
    """One operator of a graph.

    Attributes:
        index: its number in the graph.
        name: the schema's name: "CONV_2D", ...; "CUSTOM" with a `custom_code`.
        version: version of the operator.
        custom_code: name of a custom operator, else "".
        inputs, outputs: numbers of its tensors; -1 for an omitted operand.
        activation: name of the fused activation, or None.
        options: its other options by name.
    """

    index: int
    name: str
    version: int
    custom_code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    activation: str | None
    options: dict

    def to_dict(self) -> dict:
        """Return plain values for JSON."""
        return dataclasses.asdict(self) | {"inputs": list(self.inputs), "outputs": list(self.outputs)}


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """One subgraph; `operators` are in order of execution."""

    index: int
    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @functools.cached_property
    def computed(self) -> frozenset[int]:
        """Return the numbers of all inputs and operator outputs.

        The inputs are those of the graph.
        """
        return frozenset(self.inputs).union(*(operator.outputs for operator in self.operators))

    @functools.cached_property
    def unpacked(self) -> frozenset[int]:
        """Return the numbers of tensors unpacked from constants.

        DEQUANTIZE or DENSIFY computes them.
        """
        return frozenset(
            index
            for operator in self.operators
            if operator.name in ("DEQUANTIZE", "DENSIFY")
            and all(tensor is not None and tensor.constant for tensor in self.operands(operator))
            for index in operator.outputs
        )

    @functools.cached_property
    def ends(self) -> frozenset[int]:
        """Return the numbers of the graph's inputs and outputs."""
        return frozenset(self.inputs) | frozenset(self.outputs)

    def operands(self, operator: Operator) -> list[Tensor | None]:
        """Return an operator's input tensors, None for an omitted one."""
        return [None if index < 0 else self.tensors[index] for index in operator.inputs]

    def results(self, operator: Operator) -> list[Tensor]:
        """Return the output tensors of an operator."""
        return [self.tensors[index] for index in operator.outputs if index >= 0]

    def operand(self, operator: Operator, position: int) -> Tensor | None:
        """Return an operator's input tensor at a position, or None."""
        index = operator.inputs[position] if position < len(operator.inputs) else -1
        return None if index < 0 else self.tensors[index]

    def to_dict(self) -> dict:
        """Return plain values for JSON."""
        return {
            "name": self.name,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "tensors": [tensor.to_dict() for tensor in self.tensors],
            "operators": [operator.to_dict() for operator in self.operators],
        }


def read_graphs(model: Table, data: bytes) -> tuple[Graph, ...]:
    """Resolve the graphs of a file.

    Args:
        model: The root table.
        data: The whole file, which may hold buffers outside the flatbuffer.

    Returns:
        The graphs in the order of the file.

    Raises:
        ValueError: If a graph, tensor or operator refers to a part that the file does not have.
    """
    if not model["subgraphs"] or not model["buffers"]:
        raise ValueError("the file holds no graphs or no buffers")
    buffers = [buffer_content(buffer, data, number) for number, buffer in enumerate(model["buffers"])]
    codes = model["operator_codes"] or []
    return tuple(_graph(index, table, codes, buffers) for index, table in enumerate(model["subgraphs"]))


def buffer_content(buffer: Table, data: bytes, number: int) -> tuple[np.ndarray | None, bool]:
    """Return a buffer's content and whether it lies outside.

    Args:
        buffer: The "Buffer" table.
        data: The whole file.
        number: The buffer's number, for messages.

    Returns:
        The bytes as a uint8 array, None for an empty buffer; and whether they lie outside the flatbuffer.

    Raises:
        ValueError: If the buffer lies outside the file.
    """
    # Converters write 0 or 1 before they know a buffer's offset.
    if buffer["offset"] > 1:
        start, size = buffer["offset"], buffer["size"]
        if start + size > len(data):
            raise ValueError(
                f"buffer {number} lies at byte {start:,} with {size:,} bytes; the file has {len(data):,} bytes"
            )
        return (np.frombuffer(data, "u1", size, start), True) if size else (None, False)
    content = buffer["data"]
    return (None, False) if content is None or not content.size else (content, False)


def operator_name(code: Table) -> str:
    """Return the schema's name of an operator code.

    A code that the schema does not list is named by its number: "OPERATOR_999".
    """
    # Old files store the number in a byte; new ones in both fields, if it fits the byte.
    number = max(code["builtin_code"], code["deprecated_builtin_code"])
    return _OPERATORS.get(number, f"OPERATOR_{number}")


def _graph(index: int, table: Table, codes: list[Table], buffers: list) -> Graph:
    tensors = tuple(_tensor(number, item, buffers) for number, item in enumerate(table["tensors"] or ()))
    operators = tuple(
        _operator(number, item, codes, len(tensors)) for number, item in enumerate(table["operators"] or ())
    )
    ends = [_indices(table[end], len(tensors), f"graph {index}") for end in ("inputs", "outputs")]
    for end in ends:
        if any(number < 0 for number in end):
            raise ValueError(f"an input or output of graph {index} is -1; expected the number of a tensor")
    return Graph(index, _text(table["name"]), tensors, operators, *ends)


def _tensor(index: int, table: Table, buffers: list) -> Tensor:
    if not table["buffer"] < len(buffers):
        raise ValueError(f"tensor {index} refers to buffer {table['buffer']}; the file has {len(buffers)} buffers")
    data, outside = buffers[table["buffer"]]
    quantization = table["quantization"] or Table("QuantizationParameters")
    signature = _tuple(table["shape_signature"])
    return Tensor(
        index=index,
        name=_text(table["name"]),
        dtype=_DTYPES.get(table["type"], f"TYPE_{table['type']}"),
        shape=_tuple(table["shape"]),
        shape_signature=signature if -1 in signature else None,
        scales=_array(quantization["scale"], "<f4"),
        zero_points=_array(quantization["zero_point"], "<i8"),
        quantized_dimension=quantization["quantized_dimension"],
        buffer=table["buffer"],
        data=data,
        outside=outside or table["external_buffer"] > 0,
        variable=table["is_variable"],
        sparse=table["sparsity"] is not None,
    )


def _operator(index: int, table: Table, codes: list[Table], tensors: int) -> Operator:
    if not table["opcode_index"] < len(codes):
        raise ValueError(
            f"operator {index} refers to operator code {table['opcode_index']}; the file has {len(codes)} codes"
        )
    code = codes[table["opcode_index"]]
    name = operator_name(code)
    where = f"operator {index} ({name})"
    options = {
        field: _option(field, value)
        for options in (table["builtin_options"], table["builtin_options2"])
        for field, value in (options or {}).items()
    }
    activation = options.pop("fused_activation_function", "NONE")
    return Operator(
        index=index,
        name=name,
        version=code["version"],
        custom_code=_text(code["custom_code"]),
        inputs=_indices(table["inputs"], tensors, where),
        outputs=_indices(table["outputs"], tensors, where),
        activation=None if activation == "NONE" else activation,
        options=options,
    )


def _option(name: str, value):
    if name in _NAMED_OPTIONS and isinstance(value, int):
        return _NAMED_OPTIONS[name].get(value, str(value))
    if isinstance(value, np.ndarray):
        return value.tolist()
    return _text(value) if isinstance(value, bytes) else value


def _indices(values: np.ndarray | None, tensors: int, where: str) -> tuple[int, ...]:
    indices = _tuple(values)
    # -1 marks an omitted operand, such as the bias of a convolution.
    for index in indices:
        if not -1 <= index < tensors:
            raise ValueError(f"{where} refers to tensor {index}; the graph has {tensors} tensors")
    return indices


def _tuple(values: np.ndarray | None) -> tuple[int, ...]:
    return () if values is None else tuple(values.tolist())


def _array(values: np.ndarray | None, dtype: str) -> np.ndarray:
    return np.empty(0, dtype) if values is None else values


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")
