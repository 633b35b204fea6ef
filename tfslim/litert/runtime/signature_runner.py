"""Runner of a .tflite file with named inputs and outputs."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfslim._support.extras import require
from tfslim._support.native_log import without_start_up_lines
from tfslim.litert.flatbuffer.model_file import ModelFileError
from tfslim.litert.flatbuffer.summary import read
from tfslim.litert.runtime.runner import dequantize, quantize

__all__ = ["SignatureRunner"]


class SignatureRunner:
    """Runner of a .tflite file with any inputs and outputs.

    Examples run one after another on the CPU.

    Args:
        path: The file; without a signature, its tensors' own names are used.
        threads: Number of CPU threads, 1 or more.

    Raises:
        ModelFileError: If the file is missing, truncated or damaged.
        ValueError: If `threads` is less than 1.

    Example:
        >>> SignatureRunner("face.tflite").run({"image": images})["logits"].shape  # doctest: +SKIP
        (100, 40)
    """

    def __init__(self, path: str | Path, threads: int = 1):
        if threads < 1:
            raise ValueError(f"threads must be 1 or more, got {threads}")
        signatures = read(path).signatures
        self.path = Path(path)
        interpreter = require("ai_edge_litert.interpreter", "running a .tflite file")
        try:
            with without_start_up_lines():
                self._interpreter = interpreter.Interpreter(model_path=str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise ModelFileError(f"{path}: the interpreter refuses this file: {error}") from error
        signature = next((each for each in signatures.values() if each["graph"] == 0), None)
        self._inputs = _by_name(inputs, signature["inputs"] if signature else {})
        self._outputs = _by_name(outputs, signature["outputs"] if signature else {})

    @property
    def inputs(self) -> list[str]:
        """Return the inputs' names, in the order of the graph."""
        return list(self._inputs)

    @property
    def outputs(self) -> list[str]:
        """Return the outputs' names, in the order of the graph."""
        return list(self._outputs)

    def run(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run the file on each example.

        Args:
            values: Input name -> (N, ...) array in the Keras model's range of values; the same N for each input.

        Returns:
            Output name -> (N, ...) float32 array.

        Raises:
            ValueError: If the names or shapes differ from the file's, or N differs between inputs.
        """
        if set(values) != set(self._inputs):
            raise ValueError(
                f"got values for {', '.join(values) or 'no input'}; {self.path} takes {', '.join(self._inputs)}"
            )
        values = {name: np.asarray(array) for name, array in values.items()}
        for name, array in values.items():
            shape = tuple(int(size) for size in self._inputs[name]["shape"])
            if array.shape[1:] != shape[1:] or shape[:1] != (1,):
                raise ValueError(f"{name} has shape {array.shape}; {self.path} takes {shape}, one example at a time")
        counts = {len(array) for array in values.values()}
        if len(counts) != 1:
            raise ValueError(
                f"got {' and '.join(map(str, sorted(counts)))} examples; expected the same number for each input"
            )
        rows = [self._run_one({name: array[i] for name, array in values.items()}) for i in range(counts.pop())]
        return {name: np.stack([row[name] for row in rows]) for name in self._outputs}

    def _run_one(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        for name, value in values.items():
            details = self._inputs[name]
            self._interpreter.set_tensor(details["index"], quantize(value[None], details))
        self._interpreter.invoke()
        return {
            name: dequantize(self._interpreter.get_tensor(details["index"]), details)[0]
            for name, details in self._outputs.items()
        }


def _by_name(details: list[dict], names: Mapping[str, int]) -> dict[str, dict]:
    by_index = {index: name for name, index in names.items()}
    return {by_index.get(each["index"], each["name"]): each for each in details}
