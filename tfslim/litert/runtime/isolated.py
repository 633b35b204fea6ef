"""Runs of .tflite files in a process of their own.

The interpreter may crash on the file, or may belong to another Python environment.
"""

import subprocess
import tempfile
from math import prod
from pathlib import Path

import numpy as np

from tfslim._support.child_process import crash_signal, last_words, printed_answer, run_child
from tfslim.litert.flatbuffer.graph import Graph
from tfslim.litert.flatbuffer.model_file import open_file

__all__ = ["Arrays", "CannotRun", "compare_files", "largest_difference", "random_inputs", "run_isolated"]

_TIMEOUT = 600  # seconds
_MAX_ELEMENTS = 2**28
_DTYPES = {"FLOAT32": "f4", "FLOAT16": "f2", "INT8": "i1", "UINT8": "u1", "INT16": "i2", "INT32": "i4", "INT64": "i8"}

Arrays = list[list[np.ndarray]]  # [run][input or output]


class CannotRun(RuntimeError):
    """Raised if the interpreter refuses a file, crashes or hangs."""


def random_inputs(graph: Graph, runs: int, seed: int = 0) -> Arrays:
    """Draw random values for the inputs of a graph.

    They cover the whole range for 8 and 16 bits, are 0 or 1 for integers that may be indices, and normally distributed
    for floating point.

    Args:
        graph: The graph.
        runs: Number of sets of inputs.
        seed: Seed of the random numbers.

    Returns:
        For each run the arrays of all inputs, in the order of the graph.

    Raises:
        CannotRun: If an input has another type or an open size, or the inputs are larger than a gibibyte.
    """
    tensors = [graph.tensors[index] for index in graph.inputs]
    for tensor in tensors:
        if tensor.dtype not in _DTYPES or any(size < 0 for size in tensor.shape):
            raise CannotRun(
                f"input {tensor.name!r} is {tensor.dtype} of shape {tensor.shape}; random values can be drawn for "
                f"{', '.join(_DTYPES)} of fixed sizes"
            )
    if runs * sum(prod(tensor.shape) for tensor in tensors) > _MAX_ELEMENTS:
        raise CannotRun(
            f"inputs of {sum(prod(tensor.shape) for tensor in tensors):,} elements in each of {runs} runs are too "
            f"large; expected at most {_MAX_ELEMENTS:,} elements in all runs"
        )
    rng = np.random.default_rng(seed)
    return [[_draw(rng, tensor.shape, np.dtype(_DTYPES[tensor.dtype])) for tensor in tensors] for _ in range(runs)]


def run_isolated(path: str | Path, inputs: Arrays, python: str | Path | None = None) -> Arrays:
    """Run a .tflite file in a process of its own.

    Args:
        path: The file.
        inputs: For each run the arrays of all inputs, in the order of the graph.
        python: Another Python interpreter to run it with, which has ai-edge-litert or TensorFlow.

    Returns:
        For each run the arrays of all outputs.

    Raises:
        CannotRun: If the interpreter refuses the file, crashes, or does not end within ten minutes.

    Example:
        >>> run_isolated("face-int8.tflite", [[np.zeros((1, 218, 178, 3), "int8")]])[0][0].shape  # doctest: +SKIP
        (1, 40)
    """
    path = Path(path)
    worker = Path(__file__).with_name("inference_worker.py")
    with tempfile.TemporaryDirectory(prefix="tfslim-run-") as folder:
        input_file, output_file = Path(folder) / "in.npz", Path(folder) / "out.npz"
        by_name = {
            f"{run}-{position}": array for run, arrays in enumerate(inputs) for position, array in enumerate(arrays)
        }
        np.savez(input_file, **by_name)  # type: ignore[arg-type]  # numpy's stub takes every name for allow_pickle
        try:
            outcome = run_child(
                worker, path, str(len(inputs)), input_file, output_file, python=python, timeout=_TIMEOUT
            )
        except subprocess.TimeoutExpired:
            raise CannotRun(f"the interpreter did not finish {path.name} within {_TIMEOUT} s") from None
        if outcome.returncode:
            raise CannotRun(f"{path.name}: {_reason(outcome)}")
        with np.load(output_file) as arrays:
            per_run = len(arrays.files) // max(len(inputs), 1)
            return [[arrays[f"{run}-{position}"] for position in range(per_run)] for run in range(len(inputs))]


def largest_difference(first: Arrays, second: Arrays) -> float:
    """Compute the largest absolute difference between outputs.

    Args:
        first: For each run the arrays of all outputs.
        second: The same of the other file.

    Returns:
        0.0 if all bits are equal; else the difference in the units that the file stores (quantization steps for int8),
        or infinity if dtypes, shapes or bits of NaN differ.

    Example:
        >>> largest_difference([[np.array([1, 5], "int8")]], [[np.array([1, 3], "int8")]])
        2.0
    """
    largest = 0.0
    for ones, others in zip(first, second, strict=True):
        if len(ones) != len(others):
            return float("inf")
        for one, other in zip(ones, others, strict=True):
            if one.dtype != other.dtype or one.shape != other.shape:
                return float("inf")
            if one.tobytes() != other.tobytes():
                with np.errstate(all="ignore"):
                    difference = float(np.abs(one.astype("float64") - other.astype("float64")).max())
                largest = max(largest, difference if difference > 0 else float("inf"))
    return largest


def compare_files(first: str | Path, second: str | Path, runs: int = 3) -> float:
    """Compute `largest_difference` of two files on the same random inputs.

    Args:
        first: A .tflite file.
        second: A .tflite file with the same inputs.
        runs: Number of random inputs.

    Raises:
        CannotRun: If the interpreter can't run one of them.
    """
    inputs = random_inputs(open_file(first).graphs[0], runs)
    return largest_difference(run_isolated(first, inputs), run_isolated(second, inputs))


def _draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "f":
        return rng.normal(size=shape).astype(dtype)
    if dtype.itemsize > 2:
        return rng.integers(0, 2, shape, dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def _reason(outcome: subprocess.CompletedProcess) -> str:
    if name := crash_signal(outcome):
        return f"the interpreter crashes with {name}"
    answer = printed_answer(outcome)
    if "error" in answer:
        return f"the interpreter refuses it: {answer['error']}"
    return f"the interpreter ended without a result: {last_words(outcome)}"
