"""Copy a model as a .tflite file needs it: batch 1, every size fixed, float32 throughout."""

import keras

from tfslim.graph.checks import as_functional
from tfslim.graph.cloning import clone_model

__all__ = ["fixed_float32"]


def fixed_float32(model: keras.Model) -> keras.Model:
    """Copy a functional or Sequential model with batch 1 and float32 layers, same names, same weights.

    A batch left open makes the converter emit chains of SHAPE and RESHAPE that no accelerator takes, and float16
    compute would be cast back and forth at run time.

    Args:
        model: a functional or a built Sequential model; every input axis but the batch has a fixed size.

    Returns:
        A new functional model; `model` is not changed.

    Raises:
        TypeError: the model's graph can't be read.
        ValueError: an input has an open height, width or channel axis, a layer holds Keras-quantized weights, or a
            layer can't be copied.
    """
    model = as_functional(model)
    for tensor in model.inputs:
        if None in tensor.shape[1:]:
            raise ValueError(
                f"input '{tensor.name}' of model '{model.name}' has shape {tensor.shape}; a .tflite file needs every "
                "size but the batch fixed: build the model with keras.Input((height, width, channels))"
            )
    return clone_model(model, dtype="float32", batch_size=1, input_dtype=_input_dtype)


def _input_dtype(dtype: str) -> str:
    # Pixels may be declared uint8; the interpreter's own input type is chosen with `io`.
    return dtype if dtype in ("int32", "int64", "bool") else "float32"
