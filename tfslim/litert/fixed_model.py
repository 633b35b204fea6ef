"""Copy of a model with fixed sizes, for conversion.

The copy is in float32.
"""

import keras

from tfslim.graph.checks import as_functional
from tfslim.graph.cloning import clone_model

__all__ = ["fixed_float32"]


def fixed_float32(model: keras.Model) -> keras.Model:
    """Copy a model with batch 1 and float32 layers.

    Names and weights stay the same. With an open batch, the converter would write chains of SHAPE and RESHAPE, which
    no accelerator supports; float16 layers would be cast back and forth at run time.

    Args:
        model: a functional or a built Sequential model; every input axis but the batch has a fixed size.

    Returns:
        A new functional model; `model` is not changed.

    Raises:
        TypeError: if it is a Keras 2 model (tf_keras), or its graph of layers can't be read.
        ValueError: if an input has an open height, width or channel axis, a layer holds Keras-quantized weights, or a
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
