"""One tensor of a .tflite file."""

import dataclasses

import numpy as np

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
