"""Models to pack, and what is asked of every one that was packed and opened again."""

import keras
import numpy as np

import tfslim
from tests.pruning.branching_model import branching_model
from tfslim.quantization.model_tensors import model_variables
from tfslim.quantization.packed.model import load_packed
from tfslim.quantization.packed.writer import save_packed


def sequential():
    layers = [keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(), keras.layers.Dropout(0.1)]
    return keras.Sequential([keras.Input((8, 8, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(2)])


def built_by_a_call():
    model = keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(2)])
    model(np.zeros((1, 8, 8, 3), "float32"))
    return model


def nested():
    inputs = keras.Input((8, 8, 3))
    normalization = keras.layers.Normalization(name="conv_scale")
    inner = keras.Model(inputs, keras.layers.Conv2D(4, 3, name="conv")(normalization(inputs)), name="inner")
    normalization.adapt(np.random.default_rng(0).normal(3, 2, (20, 8, 8, 3)))
    outer = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(3, 3, padding="same", name="first")(outer)
    return keras.Model(outer, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(inner(x))))


def composite():
    inputs = keras.Input((8, 8, 3))
    x = tfslim.layers.SlimModule(4, name="slim")(tfslim.layers.Flame(8, name="flame")(inputs))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))


def cut_out():
    model = sequential()
    return keras.Model(model.inputs[0], model.layers[1].output)


def operations_and_two_outputs():
    inputs = keras.Input((8, 8, 3))
    a = keras.layers.Conv2D(4, 3, padding="same", name="z")(inputs)
    b = keras.layers.Conv2D(4, 1, name="a")(inputs)
    normalization = keras.layers.Normalization(name="norm")
    x = normalization(keras.ops.maximum(a * 2.0 + b, keras.layers.Add()([a, b])))
    normalization.adapt(np.random.default_rng(1).normal(size=(20, 8, 8, 4)))
    x = keras.layers.RandomFlip()(x)
    return keras.Model(inputs, {"answers": keras.layers.Dense(2)(keras.layers.Flatten()(x)), "map": x})


def unusual_layers():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.SeparableConv2D(4, 3)(inputs)
    x = keras.layers.PReLU(shared_axes=[1, 2])(keras.layers.DepthwiseConv2D(3)(x))
    x = keras.layers.Reshape((16, 4))(x)
    x = keras.layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    return keras.Model(inputs, keras.layers.TimeDistributed(keras.layers.Dense(3), name="each")(x))


def shared():
    inputs = keras.Input((8, 8, 3))
    conv = keras.layers.Conv2D(3, 3, padding="same")
    return keras.Model(inputs, conv(conv(inputs)))


def half_precision():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, dtype="bfloat16")(inputs)
    x = keras.layers.Conv2D(4, 3, dtype="mixed_float16")(x)
    return keras.Model(inputs, keras.layers.Dense(2, dtype="float64")(keras.layers.Flatten()(x)))


MODELS = [
    branching_model,
    sequential,
    built_by_a_call,
    nested,
    composite,
    cut_out,
    operations_and_two_outputs,
    unusual_layers,
    shared,
    half_precision,
]


def assert_packs(model, path, **arguments):
    """Saves and opens a model; asserts the same weights, bit for bit, and the same outputs."""
    before = {name: as_bytes(variable) for name, variable in model_variables(model).items()}
    report = save_packed(model, path, **arguments)
    loaded = load_packed(path)
    assert {name: as_bytes(variable) for name, variable in model_variables(loaded).items()} == before
    assert {name: as_bytes(variable) for name, variable in model_variables(model).items()} == before
    assert loaded.name == model.name and [each.name for each in loaded.layers] == [each.name for each in model.layers]
    assert report.figures["file bytes"] == path.stat().st_size
    shape = tuple(size or 64 for size in model.inputs[0].shape[1:])
    x = np.random.default_rng(0).uniform(0, 255, (2, *shape)).astype("float32")
    for found, expected in zip(*(keras.tree.flatten(each(x, training=False)) for each in (loaded, model)), strict=True):
        np.testing.assert_array_equal(as_array(found), as_array(expected))
    return loaded, report


def as_array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def as_bytes(variable):
    values = as_array(variable.value)
    return tuple(values.shape), str(values.dtype), values.tobytes()
