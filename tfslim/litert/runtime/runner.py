"""Runner of a .tflite file of one input and output."""

from pathlib import Path

import numpy as np

from tfslim._support.extras import require
from tfslim._support.native_log import without_start_up_lines
from tfslim.litert.flatbuffer.model_file import ModelFileError, open_file

__all__ = ["Runner", "dequantize", "predict", "quantize"]


class Runner:
    """Runner of a .tflite file of one input and output.

    Images run one after another on the CPU; values are quantized at the input and dequantized at the output.

    Args:
        path: The file; inputs and outputs may be float32, int8 or uint8.
        threads: Number of CPU threads, 1 or more.

    Raises:
        ModelFileError: If the file is missing, truncated, damaged, or does not have one input and one output of batch
            1.
        ValueError: If `threads` is less than 1.

    Example:
        >>> runner = Runner("face-int8.tflite")  # doctest: +SKIP
        >>> runner.predict(images).shape  # doctest: +SKIP
        (100, 40)
    """

    def __init__(self, path: str | Path, threads: int = 1):
        if threads < 1:
            raise ValueError(f"threads must be 1 or more, got {threads}")
        open_file(path)
        interpreter = require("ai_edge_litert.interpreter", "running a .tflite file")
        self.path = Path(path)
        self.threads = threads
        try:
            with without_start_up_lines():
                self._interpreter = interpreter.Interpreter(model_path=str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise ModelFileError(f"{path}: the interpreter refuses this file: {error}") from error
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelFileError(f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs; expected one of each")
        self._input, self._output = inputs[0], outputs[0]
        for end, details in (("input", self._input), ("output", self._output)):
            shape = tuple(int(size) for size in details["shape"])
            if shape[:1] != (1,):
                raise ModelFileError(
                    f"{path}: its {end} has shape {shape}; expected a first axis of 1, the batch; convert the model "
                    "with batch size 1"
                )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return the shape of one image, (H, W, C)."""
        return tuple(int(size) for size in self._input["shape"][1:])

    @property
    def input_dtype(self) -> str:
        """Return the input's dtype: "float32", "int8" or "uint8"."""
        return np.dtype(self._input["dtype"]).name

    @property
    def output_dtype(self) -> str:
        """Return the output's dtype: "float32", "int8" or "uint8"."""
        return np.dtype(self._output["dtype"]).name

    @property
    def input_range(self) -> tuple[float, float] | None:
        """Return the range of a quantized input.

        It is the least and the largest value that the input can hold; None for a float input.
        """
        scale, zero_point = self._input["quantization"]
        if scale == 0:
            return None
        limits = np.iinfo(self._input["dtype"])
        return (limits.min - zero_point) * float(scale), (limits.max - zero_point) * float(scale)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Run the file on each image.

        Args:
            images: (N, H, W, C) uint8 or float, in the Keras model's pixel range (0..255 for the models of tfslim).

        Returns:
            (N, A) float32 outputs, logits for the models of tfslim.

        Raises:
            ValueError: If the images have another shape than the file's input.
        """
        images = np.asarray(images)
        if images.shape[1:] != self.input_shape:
            raise ValueError(
                f"images of shape {images.shape}; {self.path} takes (N, {', '.join(map(str, self.input_shape))})"
            )
        outputs = np.empty((len(images), *self._output["shape"][1:]), "float32")
        for number, image in enumerate(images):
            self._interpreter.set_tensor(self._input["index"], quantize(image[None], self._input))
            self._interpreter.invoke()
            outputs[number] = dequantize(self._interpreter.get_tensor(self._output["index"]), self._output)[0]
        return outputs


def predict(path: str | Path, images: np.ndarray, threads: int = 1) -> np.ndarray:
    """Run a .tflite file on images: `Runner(path, threads).predict(images)`.

    Args:
        path: The file.
        images: (N, H, W, C) uint8 or float, pixels in 0..255.
        threads: Number of CPU threads, 1 or more.

    Returns:
        (N, A) float32 logits.

    Raises:
        ModelFileError: If the file is missing, truncated or damaged.
        ValueError: If the images have another shape than the file's input.

    Example:
        >>> tfslim.litert.predict("face-int8.tflite", images).shape  # doctest: +SKIP
        (100, 40)
    """
    return Runner(path, threads).predict(images)


def quantize(values: np.ndarray, details: dict) -> np.ndarray:
    """Quantize real values: round(value / scale) + zero point, clipped.

    Args:
        values: real values of any shape.
        details: the tensor's details from the interpreter, with "dtype" and "quantization".

    Returns:
        Values in the dtype of the tensor; only cast if the tensor has no scale.
    """
    dtype = np.dtype(details["dtype"])
    scale, zero_point = details["quantization"]
    if scale == 0:
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.round(values.astype("float32") / scale) + zero_point, limits.min, limits.max).astype(dtype)


def dequantize(stored: np.ndarray, details: dict) -> np.ndarray:
    """Dequantize stored values: (stored - zero point) * scale.

    Args:
        stored: values in the dtype of the tensor.
        details: the tensor's details from the interpreter, with "quantization".
    """
    scale, zero_point = details["quantization"]
    if scale == 0:
        return stored.astype("float32")
    return (stored.astype("float32") - zero_point) * np.float32(scale)
