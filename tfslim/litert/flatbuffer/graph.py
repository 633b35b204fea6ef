"""Operators and graphs of a .tflite file, with their references to tensors and buffers resolved and checked."""

import dataclasses
import functools

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfslim.litert.flatbuffer.reader import Table
from tfslim.litert.flatbuffer.schema import names

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
_SHOWN_SCALES = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor of a graph.

    Attributes:
        index: its number in the graph.
        name: its name, which may be empty.
        dtype: as the schema calls it: "INT8", "FLOAT32", ...
        shape: the sizes of its axes; () for a scalar, and where the file gives none.
        shape_signature: the same with -1 where a size is open; None where nothing is open.
        scales, zero_points: float32 and int64 arrays, empty without quantisation, of length 1, or one for each index of
            the axis `quantised_dimension`.
        buffer: number of the buffer that holds its values; 0 usually for none.
        data: the bytes of its values, uint8; None for a tensor that is computed.
        outside: whether these bytes lie outside the flatbuffer.
        variable: whether it keeps its values between runs.
        sparse: whether only its values other than 0 are stored.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...] | None
    scales: np.ndarray = dataclasses.field(repr=False)
    zero_points: np.ndarray = dataclasses.field(repr=False)
    quantised_dimension: int
    buffer: int
    data: np.ndarray | None = dataclasses.field(repr=False)
    outside: bool
    variable: bool
    sparse: bool

    @property
    def constant(self) -> bool:
        """Whether the file holds its values."""
        return self.data is not None

    def values(self) -> np.ndarray | None:
        """Its constant values in its shape; None if it has none, or they do not fit its type and shape."""
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
        """Plain values for JSON; of many scales only the first and their number."""
        shown = {"index": self.index, "name": self.name, "dtype": self.dtype, "shape": list(self.shape)}
        if self.shape_signature:
            shown["shape_signature"] = list(self.shape_signature)
        if len(self.scales):
            shown |= {
                "scales": [float(scale) for scale in self.scales[:_SHOWN_SCALES]],
                "zero_points": [int(zero) for zero in self.zero_points[:_SHOWN_SCALES]],
                "scale_count": len(self.scales),
                "quantised_dimension": self.quantised_dimension,
            }
        if self.constant:
            shown |= {"buffer": self.buffer, "bytes": int(self.data.size)}
        flags = {"outside": self.outside, "variable": self.variable, "sparse": self.sparse}
        return shown | {name: True for name, is_set in flags.items() if is_set}


_OPERATORS = names(schema.BuiltinOperator)
_DTYPES = names(schema.TensorType)
# Options that are numbers in the file and names in the schema.
_NAMED_OPTIONS = {
    "padding": names(schema.Padding),
    "fused_activation_function": names(schema.ActivationFunctionType),
    "weights_format": names(schema.FullyConnectedOptionsWeightsFormat),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Operator:
    """One operator: its schema name ("CONV_2D"; "CUSTOM" has a `custom_code`), version, tensors and options.

    `inputs` may hold -1 for an operand that is left out. `activation` is the fused one, None for none.
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
        """Plain values for JSON."""
        return dataclasses.asdict(self) | {"inputs": list(self.inputs), "outputs": list(self.outputs)}


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """One subgraph; `operators` are in the order in which they are run."""

    index: int
    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @functools.cached_property
    def computed(self) -> frozenset[int]:
        """The tensors that an operator writes or that the graph takes."""
        return frozenset(self.inputs).union(*(operator.outputs for operator in self.operators))

    @functools.cached_property
    def unpacked(self) -> frozenset[int]:
        """The tensors that are constants in another form: what DEQUANTIZE or DENSIFY makes of a constant."""
        return frozenset(
            index
            for operator in self.operators
            if operator.name in ("DEQUANTIZE", "DENSIFY")
            and all(tensor is not None and tensor.constant for tensor in self.operands(operator))
            for index in operator.outputs
        )

    @functools.cached_property
    def ends(self) -> frozenset[int]:
        """The tensors that the graph takes or gives."""
        return frozenset(self.inputs) | frozenset(self.outputs)

    def operands(self, operator: Operator) -> list[Tensor | None]:
        """The tensors that an operator reads; None for one that is left out."""
        return [None if index < 0 else self.tensors[index] for index in operator.inputs]

    def results(self, operator: Operator) -> list[Tensor]:
        """The tensors that an operator writes."""
        return [self.tensors[index] for index in operator.outputs if index >= 0]

    def operand(self, operator: Operator, place: int) -> Tensor | None:
        """The tensor that an operator reads at a place; None if there is none."""
        index = operator.inputs[place] if place < len(operator.inputs) else -1
        return None if index < 0 else self.tensors[index]

    def to_dict(self) -> dict:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "tensors": [tensor.to_dict() for tensor in self.tensors],
            "operators": [operator.to_dict() for operator in self.operators],
        }


def operator_name(code: Table) -> str:
    """The schema's name of an operator code: "CONV_2D", or "OPERATOR_999" for one that it does not have."""
    # Old files have the number in a byte; new ones in both, as far as it fits the byte.
    number = max(code["builtin_code"], code["deprecated_builtin_code"])
    return _OPERATORS.get(number, f"OPERATOR_{number}")


def read_graphs(model: Table, data: bytes) -> tuple[Graph, ...]:
    """Resolves the graphs of a file.

    Args:
        model: The root table.
        data: The whole file, in which buffers outside the flatbuffer are looked up.

    Raises:
        ValueError: If a reference leads nowhere.
    """
    if not model["subgraphs"] or not model["buffers"]:
        raise ValueError("it holds no graph or no buffers")
    buffers = [buffer_content(buffer, data, number) for number, buffer in enumerate(model["buffers"])]
    codes = model["operator_codes"] or []
    return tuple(_graph(index, table, codes, buffers) for index, table in enumerate(model["subgraphs"]))


def buffer_content(buffer: Table, data: bytes, number: int) -> tuple[np.ndarray | None, bool]:
    """What a buffer holds (None for nothing), and whether it lies outside the flatbuffer.

    Raises:
        ValueError: If it lies outside the file.
    """
    # 0 and 1 are what converters write before they know where a buffer goes.
    if buffer["offset"] > 1:
        start, size = buffer["offset"], buffer["size"]
        if start + size > len(data):
            raise ValueError(f"buffer {number} lies at {start:,} with {size:,} bytes; the file has {len(data):,}")
        return (np.frombuffer(data, "u1", size, start), True) if size else (None, False)
    content = buffer["data"]
    return (None, False) if content is None or not content.size else (content, False)


def _graph(index: int, table: Table, codes: list[Table], buffers: list) -> Graph:
    tensors = tuple(_tensor(number, item, buffers) for number, item in enumerate(table["tensors"] or ()))
    operators = tuple(
        _operator(number, item, codes, len(tensors)) for number, item in enumerate(table["operators"] or ())
    )
    ends = [_indices(table[end], len(tensors), f"graph {index}") for end in ("inputs", "outputs")]
    for end in ends:
        if any(number < 0 for number in end):
            raise ValueError(f"an input or output of graph {index} is left out")
    return Graph(index, _text(table["name"]), tensors, operators, *ends)


def _tensor(index: int, table: Table, buffers: list) -> Tensor:
    if not table["buffer"] < len(buffers):
        raise ValueError(f"tensor {index} refers to buffer {table['buffer']} of {len(buffers)}")
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
        quantised_dimension=quantization["quantized_dimension"],
        buffer=table["buffer"],
        data=data,
        outside=outside or table["external_buffer"] > 0,
        variable=table["is_variable"],
        sparse=table["sparsity"] is not None,
    )


def _operator(index: int, table: Table, codes: list[Table], tensors: int) -> Operator:
    if not table["opcode_index"] < len(codes):
        raise ValueError(f"operator {index} refers to operator code {table['opcode_index']} of {len(codes)}")
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
    # -1 marks an operand that is left out, such as the bias of a convolution.
    for index in indices:
        if not -1 <= index < tensors:
            raise ValueError(f"{where} refers to tensor {index} of {tensors}")
    return indices


def _tuple(values: np.ndarray | None) -> tuple[int, ...]:
    return () if values is None else tuple(values.tolist())


def _array(values: np.ndarray | None, dtype: str) -> np.ndarray:
    return np.empty(0, dtype) if values is None else values


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")
