"""Tiny models, each with one thing that the Edge TPU takes or does not, converted one after the other in one process.

Run as a program by the fixture `edge_files` (conftest): python -m tests.litert.edge_models FOLDER
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

K, L = keras.ops, keras.layers


def clean(x):
    """Build a model of operators that the Edge TPU takes and zoo models are made of."""
    x = L.Conv2D(64, 3, strides=2, padding="same", activation="relu")(x)
    side = L.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    x = L.Add()([x, side])
    x = L.Concatenate()([L.MaxPooling2D(2)(x), L.AveragePooling2D(2)(side)])
    x = x * K.sigmoid(L.Conv2D(128, 1)(L.GlobalAveragePooling2D(keepdims=True)(x)))
    x = L.PReLU(shared_axes=[1, 2])(L.Conv2D(64, 3, dilation_rate=2, padding="same")(x))
    x = L.Conv2DTranspose(64, 3, strides=2, padding="same")(L.Cropping2D(1)(x))
    return L.Conv2D(4, 1)(L.GlobalAveragePooling2D(keepdims=True)(x))


def shuffled(x):
    x = K.reshape(L.Conv2D(8, 1)(x), (1, 16, 16, 2, 4))
    return K.reshape(K.transpose(x, (0, 1, 2, 4, 3)), (1, 16, 16, 8))


def looped(x):
    return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * 0.5), (tf.constant(0), x))[1]


def attention(x):
    rows = K.reshape(x, (1, 256, 3))
    return K.matmul(rows, K.transpose(rows, (0, 2, 1)))[:, :4]


def one_bias_of_two(x):
    bias = tf.constant(np.arange(4, dtype="float32"))
    filters = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype("float32")
    first, second = tf.nn.conv2d(x, filters, 1, "VALID"), tf.nn.conv2d(5.0 * x, 9.0 * filters, 1, "VALID")
    return tf.nn.bias_add(first, bias) + tf.nn.bias_add(second, bias)


def trained_for_int8(x):
    """As quantisation-aware training leaves it, with ranges for the filters' last axis: here that of the input."""
    filters = np.random.default_rng(0).normal(size=(3, 3, 8, 3)).astype("float32")
    filters = tf.quantization.fake_quant_with_min_max_vars_per_channel(filters, [-3.0] * 3, [3.0] * 3, 8, True)
    x = tf.nn.conv2d_transpose(tf.quantization.fake_quant_with_min_max_args(x), filters, (1, 16, 16, 8), 1)
    return tf.quantization.fake_quant_with_min_max_args(x)


# name -> what is done to an image of 16x16x3; "int8" unless another kind is named below
LAYERS: dict[str, Callable] = {
    "clean": clean,
    "grouped": lambda x: L.Conv2D(8, 3, groups=2)(L.Conv2D(4, 1)(x)),
    "gelu": lambda x: K.gelu(L.Conv2D(4, 3)(x)),
    "leaky_relu": lambda x: L.LeakyReLU(0.2)(L.Conv2D(4, 3)(x)),
    "hard_swish": lambda x: K.hard_swish(L.Conv2D(4, 3)(x)),
    "elu": lambda x: K.elu(L.Conv2D(4, 3)(x)),
    "layer_norm": lambda x: L.LayerNormalization()(L.Conv2D(4, 3)(x)),
    "softplus": lambda x: K.softplus(L.Conv2D(4, 3)(x)),
    "upsampling": lambda x: L.Conv2D(4, 3)(L.UpSampling2D(2)(x)),
    "shuffle": shuffled,
    "steps": lambda x: L.Conv2D(4, 3)(x)[:, ::2, ::2],
    "prelu": lambda x: L.PReLU()(L.Conv2D(4, 3)(x)),
    "dilation": lambda x: tf.nn.conv2d(x, np.ones((3, 3, 3, 4), "float32"), 1, "SAME", dilations=(1, 2)),
    "softmax_map": lambda x: K.softmax(L.Conv2D(4, 3)(x)),
    "softmax_long": lambda x: K.softmax(K.reshape(L.Conv2D(68, 1)(x), (1, 17408))),
    "softmax_vector": lambda x: K.softmax(L.Dense(8)(L.Flatten()(x))),
    "mean_channels": lambda x: K.mean(x, axis=-1),
    "mean_batch": lambda x: K.mean(L.Conv2D(4, 3)(x), axis=0),
    "stacked": lambda x: K.stack([L.Conv2D(4, 3)(x)[0], L.Conv2D(4, 3)(x)[0]], axis=0),
    "concat_ones": lambda x: K.concatenate([L.Conv2D(4, 3)(x), K.ones((1, 14, 14, 2))], axis=-1),
    "concat_zeros": lambda x: K.concatenate([L.Conv2D(4, 3)(x), K.zeros((1, 14, 14, 2))], axis=-1),
    "argmax": lambda x: tf.argmax(x, axis=-1),
    "gather": lambda x: K.take(L.Conv2D(4, 3)(x), K.array([0, 2]), axis=-1),
    "attention": attention,
    "division": lambda x: x / (1.0 + K.relu(L.Conv2D(3, 1)(x))),
    "dense_rows": lambda x: L.Dense(8)(L.Reshape((16, 48))(x)),
    "dense": lambda x: L.Dense(8)(L.Flatten()(x)),
    "dense_edgetpu": lambda x: L.Dense(8)(L.Flatten()(x)),
    "loop": looped,
    "resizing": lambda x: L.Resizing(32, 32)(L.Conv2D(4, 3)(x)),
    "large_map": lambda x: L.MaxPooling2D(2)(L.Conv2DTranspose(64, 3, strides=16)(x)),
    "large_output": lambda x: L.Conv2DTranspose(32, 3, strides=4)(x),
    "parameters": lambda x: L.Conv2D(2800, 1, kernel_initializer="ones")(L.Conv2D(2900, 1)(x[:, :1, :1])),
    "volume": lambda x: L.Conv3D(4, (3, 3, 1))(K.reshape(x, (1, 16, 16, 3, 1))),
    "lstm": lambda x: L.LSTM(4)(K.reshape(x, (1, 16, 48))),
    "float32": lambda x: L.Conv2D(4, 3)(x),
    "float16": lambda x: L.Conv2D(4, 3)(x),
    "dynamic": lambda x: L.Dense(8)(L.Flatten()(L.Conv2D(64, 3)(x))),
    "int16x8": lambda x: L.Conv2D(4, 3, activation="relu")(x),
    "float_ends": lambda x: L.Conv2D(4, 3)(x),
    "uint8_ends": lambda x: L.Conv2D(4, 3)(x),
    "sparse": lambda x: tf.matmul(tf.reshape(x, (1, 768)), np.eye(768, 32, dtype="float32")),
    "flex": lambda x: tf.linalg.det(x[0, :, :, 0]) + K.sum(x),
    "computed_filter": lambda x: tf.nn.conv2d(x, tf.reshape(x[:, :3, :3, :], (3, 3, 3, 1)), 1, "SAME"),
    "open_batch": lambda x: L.Conv2D(4, 3)(x),
    "open_flat": lambda x: L.Dense(8)(L.Flatten()(x)),
    "open_size": lambda x: L.Conv2D(4, 3, padding="same")(x),
    "batch": lambda x: L.Conv2D(4, 3)(x),
    "variables": lambda x: L.Conv2D(4, 3)(x),
    "two_signatures": lambda x: L.Conv2D(4, 3)(x),
    "split_batch": lambda x: tf.add(*tf.split(x, 2, axis=0)),
    "padded_batch": lambda x: tf.pad(x, [[0, 1], [0, 0], [0, 0], [0, 0]]),
    "max_pool_relu": lambda x: L.ReLU()(L.MaxPooling2D(2)(L.Conv2D(4, 3)(x))),
    "average_pool_relu6": lambda x: L.ReLU(6.0)(L.AveragePooling2D(2)(L.Conv2D(4, 3)(x))),
    "scalar": lambda x: K.reshape(L.Conv2D(1, 16)(x), ()),
    "cast": lambda x: tf.cast(x, tf.int8),
    "long_numbers": lambda x: tf.cast(x, tf.int64) * 3,
    "one_bias_of_two": one_bias_of_two,
    "trained_for_int8": trained_for_int8,
    "outside": lambda x: L.Conv2D(4, 3)(x),
}
SHAPE = (1, 16, 16, 3)
OPEN_SHAPES = {"open_batch": (None, 16, 16, 3), "open_flat": (None, 16, 16, 3), "open_size": (1, None, None, 3)}
OPEN_SHAPES |= {"batch": (2, 16, 16, 3), "split_batch": (2, 16, 16, 3)}
# Not made of Keras layers.
PLAIN = {"argmax", "loop", "flex", "dilation", "computed_filter", "sparse", "split_batch", "padded_batch"}
PLAIN |= {"cast", "long_numbers", "one_bias_of_two", "trained_for_int8"}
KINDS = {name: name for name in ("float32", "float16", "dynamic", "int16x8", "float_ends", "uint8_ends", "sparse")}
KINDS |= dict.fromkeys(("flex", "lstm", "loop", "volume", "variables", "two_signatures"), "float32")
KINDS |= dict.fromkeys(("cast", "long_numbers", "outside"), "float32") | {"trained_for_int8": "trained_for_int8"}
PER_CHANNEL_DENSE = {"dense", "dynamic"}


def converted(name: str) -> bytes:
    """The .tflite file of one of `LAYERS`."""
    keras.utils.set_random_seed(0)
    shape = OPEN_SHAPES.get(name, SHAPE)
    inputs = keras.Input(batch_shape=shape)
    call = LAYERS[name] if name in PLAIN else keras.Model(inputs, LAYERS[name](inputs))
    specification = [tf.TensorSpec(shape, tf.float32)]
    if name == "two_signatures":
        return _two_signatures(specification)
    functions = [tf.function(call, input_signature=specification).get_concrete_function()]
    # A Keras 3 model as the second argument loses the weights without a word.
    arguments = [functions, call] if name == "variables" else [functions]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(*arguments)
    _set_kind(converter, name)
    return converter.convert()


def _two_signatures(specification: list) -> bytes:
    module = tf.Module()
    module.twice = tf.function(lambda x: x * 2.0, input_signature=specification)
    module.more = tf.function(lambda x: x + 1.0, input_signature=specification)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"twice": module.twice, "more": module.more})
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def _set_kind(converter, name: str) -> None:
    kind = KINDS.get(name, "int8")
    ops = tf.lite.OpsSet
    if kind == "float32":
        if name == "flex":
            converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS, ops.SELECT_TF_OPS]
        # Buffers behind the flatbuffer, which files of over 2 GB need.
        converter._experimental_use_buffer_offset = name == "outside"
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif kind == "trained_for_int8":
        # The ranges are in the graph.
        converter.inference_input_type = converter.inference_output_type = tf.int8
    elif kind == "sparse":
        converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    elif kind != "dynamic":
        shape = [size or usual for size, usual in zip(OPEN_SHAPES.get(name, SHAPE), SHAPE, strict=True)]
        images = np.random.default_rng(0).uniform(-1, 1, (4, *shape)).astype("float32")
        converter.representative_dataset = lambda: ([image] for image in images)
        converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS_INT8]
        # The older one gives a bias of two convolutions the scale of one of them.
        converter.experimental_new_quantizer = name != "one_bias_of_two"
        if kind == "int16x8":
            chosen = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            converter.target_spec.supported_ops = [chosen]
        elif kind != "float_ends":
            dtype = tf.uint8 if kind == "uint8_ends" else tf.int8
            converter.inference_input_type = converter.inference_output_type = dtype
        converter._experimental_disable_per_channel_quantization_for_dense_layers = name not in PER_CHANNEL_DENSE


def main(folder: Path) -> None:
    """Writes NAME.tflite for each of `LAYERS`."""
    for name in LAYERS:
        (folder / f"{name}.tflite").write_bytes(converted(name))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
