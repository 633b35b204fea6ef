"""Tiny models as int8 files by TensorFlow's converter in this process, a tenth of a second a file.

Not for layers that crash the converter.
"""

import contextlib
import io
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf


def int8_file(model: keras.Model, path: Path, per_tensor_dense: bool = True) -> Path:
    """Writes a model of float inputs and batch 1 as an int8 file with int8 ends."""
    signature = [tf.TensorSpec((1, *tensor.shape[1:]), tf.float32) for tensor in model.inputs]
    call = (lambda image: model(image)) if len(signature) == 1 else lambda *given: model(list(given))
    function = tf.function(call, input_signature=signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    rng = np.random.default_rng(0)
    given = [[rng.uniform(-4, 4, spec.shape).astype("float32") for spec in signature] for _ in range(3)]
    converter.representative_dataset = lambda: iter(given)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel_quantization_for_dense_layers = per_tensor_dense
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():  # the converter talks
        warnings.simplefilter("ignore")
        path.write_bytes(converter.convert())
    return path


def one_layer(layers, shape: tuple[int, ...] = (16, 16, 3), seed: int = 0) -> keras.Model:
    """A model of what `layers` makes of an input of batch 1, with weights that are not those it was made with."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(batch_shape=(1, *shape), name="image")
    model = keras.Model(inputs, layers(inputs), name="tiny")
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            (np.abs(w) + rng.uniform(0.1, 0.5, w.shape) if w.ndim == 1 else w + rng.uniform(-0.2, 0.2, w.shape)).astype(
                w.dtype
            )
            for w in model.get_weights()
        ]
    )
    return model
