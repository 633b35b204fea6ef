"""Models rewritten for the Edge TPU: the same outputs, and files that the linter passes."""

import keras
import numpy as np
import pytest

import tfslim.litert
from tests.export_checks import with_statistics
from tests.litert.quick_conversion import int8_file, one_layer

K, L = keras.ops, keras.layers


def conv(x, **settings):
    return L.Conv2D(8, 3, padding="same", **settings)(x)


def head(x, activation=None):
    y = L.Dense(6, activation=activation, name="hidden")(L.GlobalAveragePooling2D()(conv(x)))
    y = L.Dropout(0.2)(L.ReLU()(L.BatchNormalization()(y)))
    return L.Dense(4, name="logits")(y)


def squeeze(x):
    x = conv(x)
    gate = L.Dense(8, activation="sigmoid")(L.Dense(4, activation="relu")(L.GlobalAveragePooling2D()(x)))
    return L.Multiply()([x, L.Reshape((1, 1, 8))(gate)])


def twice(x):
    pooled = L.MaxPooling2D(2)(conv(x))
    return L.Add()([L.ReLU()(pooled), pooled])


# name -> (layers, what the converted file must hold, what it must not)
CASES = {
    "dense after pooling": (head, {"CONV_2D", "MEAN"}, {"FULLY_CONNECTED"}),
    "dense with hard-swish": (lambda x: head(x, "hard_swish"), {"MINIMUM"}, {"FULLY_CONNECTED", "HARD_SWISH"}),
    "max pooling, dense": (lambda x: L.Dense(3)(L.GlobalMaxPooling2D()(x)), {"REDUCE_MAX"}, {"FULLY_CONNECTED"}),
    "dense and softmax": (
        lambda x: L.Dense(4, activation="softmax")(L.GlobalAveragePooling2D()(x)),
        {"FULLY_CONNECTED", "SOFTMAX"},
        {"RESHAPE"},
    ),
    "pooling alone": (lambda x: L.GlobalAveragePooling2D(name="features")(conv(x)), {"MEAN"}, {"RESHAPE"}),
    "squeeze and excite": (squeeze, {"LOGISTIC", "MUL"}, {"FULLY_CONNECTED", "RESHAPE"}),
    "groups": (lambda x: L.Conv2D(8, 3, groups=2, activation="relu")(conv(x)), {"SPLIT", "CONCATENATION"}, set()),
    "groups, softmax": (
        lambda x: L.Dense(2)(L.Flatten()(L.Conv2D(8, 15, groups=4, activation="silu", use_bias=False)(conv(x)))),
        {"SPLIT"},
        set(),
    ),
    "a group a channel": (lambda x: L.Conv2D(16, 3, 2, groups=8)(conv(x)), {"DEPTHWISE_CONV_2D"}, {"SPLIT"}),
    "groups in time": (
        lambda x: L.Conv1D(8, 3, groups=4, padding="causal")(L.Reshape((16, 48))(x)),
        {"SPLIT"},
        set(),
    ),
    "dilation": (lambda x: L.Conv2D(4, 3, dilation_rate=(1, 2), padding="same")(x), {"CONV_2D"}, set()),
    "dilated depthwise": (lambda x: L.DepthwiseConv2D(3, dilation_rate=(3, 1))(x), {"DEPTHWISE_CONV_2D"}, set()),
    "hard-swish": (lambda x: L.Activation("hard_swish")(conv(x)), {"MUL", "MINIMUM"}, {"HARD_SWISH"}),
    "fused hard-swish": (lambda x: conv(x, activation="hard_silu"), {"MUL", "MINIMUM"}, {"HARD_SWISH"}),
    "hard-swish of keras.ops": (lambda x: K.hard_swish(conv(x)), {"MUL", "MINIMUM"}, {"HARD_SWISH"}),
    "leaky": (lambda x: L.LeakyReLU(0.3)(conv(x)), {"PRELU"}, {"LEAKY_RELU"}),
    "leaky dense": (lambda x: L.Dense(4, activation="leaky_relu")(L.Flatten()(x)), {"PRELU"}, {"LEAKY_RELU"}),
    "leaky of keras.ops": (lambda x: K.leaky_relu(conv(x), 0.1), {"PRELU"}, {"LEAKY_RELU"}),
    "leaky and clipped": (lambda x: L.ReLU(2.0, negative_slope=0.1)(conv(x)), {"PRELU", "MINIMUM"}, {"LEAKY_RELU"}),
    "nearest": (lambda x: L.UpSampling2D((2, 3))(conv(x)), {"RESIZE_NEAREST_NEIGHBOR"}, {"TILE"}),
    "given by name": (lambda x: L.LeakyReLU(0.3)(inputs=conv(x)), {"PRELU"}, {"LEAKY_RELU"}),
    "steps": (lambda x: conv(x)[:, ::2, ::3], {"MAX_POOL_2D"}, {"STRIDED_SLICE"}),
    "relu after max pooling": (lambda x: L.ReLU()(L.MaxPooling2D(2)(conv(x))), {"MAX_POOL_2D"}, {"RELU"}),
    "relu beside": (twice, {"MAX_POOL_2D", "RELU"}, set()),
    "relu6 after mean pooling": (lambda x: L.ReLU(6.0)(L.AveragePooling2D(2)(conv(x))), {"PRELU", "MINIMUM"}, set()),
    "dense on a map": (lambda x: L.Dense(5, activation="relu")(conv(x)), {"CONV_2D"}, {"FULLY_CONNECTED"}),
    "dense on a sequence": (lambda x: L.Dense(5)(L.Reshape((16, 48))(x)), {"CONV_2D"}, {"FULLY_CONNECTED"}),
    "several outputs": (lambda x: {"a": conv(x), "b": L.LeakyReLU()(conv(x))}, {"PRELU"}, set()),
}


def largest_difference(first, second) -> float:
    """Of any output, as a share of its largest value."""
    return max(
        float(np.abs(np.asarray(one) - np.asarray(other)).max() / max(1.0, np.abs(np.asarray(one)).max()))
        for one, other in zip(keras.tree.flatten(first), keras.tree.flatten(second), strict=True)
    )


@pytest.mark.parametrize("name", CASES)
def test_outputs_stay_and_the_file_is_clean(name, tmp_path):
    layers, holds, lacks = CASES[name]
    model = one_layer(layers)
    weights = [value.copy() for value in model.get_weights()]
    calls = [len(operation._inbound_nodes) for operation in model.operations]
    ready, report = tfslim.litert.prepare_for_edgetpu(model)
    images = np.random.default_rng(0).normal(0, 3, (1, 16, 16, 3)).astype("float32")
    assert largest_difference(model(images), ready(images)) <= 1e-5
    assert report.skipped == {} and bool(report.done) == (name not in ("pooling alone", "dense and softmax"))
    result = tfslim.litert.lint(int8_file(ready, tmp_path / "x.tflite"))
    operators = {placement.operator.name for placement in result.placements}
    assert result.errors == [] and holds <= operators and not lacks & operators, operators
    assert calls == [len(operation._inbound_nodes) for operation in model.operations]
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_result_saves_and_loads_and_is_fixed_to_one_image(tmp_path):
    inputs = keras.Input((16, 16, 3), name="image")
    model = with_statistics(keras.Model(inputs, head(L.UpSampling2D(2)(inputs), "hard_swish")))
    ready, _ = tfslim.litert.prepare_for_edgetpu(model)
    assert ready.input_shape == (1, 16, 16, 3) and ready.output_shape == (1, 4)
    ready.save(tmp_path / "ready.keras")
    loaded = keras.models.load_model(tmp_path / "ready.keras")
    images = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype("float32")
    np.testing.assert_array_equal(loaded(images), ready(images))
    again, report = tfslim.litert.prepare_for_edgetpu(loaded)
    assert report.done == []
    assert largest_difference(again(images), ready(images)) == 0


def test_what_cannot_be_rewritten_is_listed_with_the_reason():
    def layers(x):
        x = L.LayerNormalization(name="norm")(L.Conv2D(8, 3, groups=4, activation="gelu", name="grouped")(conv(x)))
        return L.Softmax(name="soft")(x)

    _, report = tfslim.litert.prepare_for_edgetpu(one_layer(layers))
    assert report.done == ["grouped (Conv2D): 4 groups as 4 convolutions, concatenated"]
    assert report.skipped == {
        "grouped_activation": "E4 gelu becomes GELU, operator code 150",
        "norm": "E12 LayerNormalization becomes means and squares, some in float",
        "soft": "E22 softmax over a map of 14x14x8",
    }


def test_shared_layers_nested_models_and_own_layers():
    body = keras.Sequential([keras.Input((16, 16, 8)), L.Conv2D(8, 3, padding="same"), L.LeakyReLU()], name="body")

    def layers(x):
        shared = tfslim.layers.Flame(8, name="flame")
        x = shared(conv(x))
        return L.Dense(3)(L.GlobalAveragePooling2D()(L.Add()([body(shared(x)), body(x)])))

    model = one_layer(layers)
    ready, report = tfslim.litert.prepare_for_edgetpu(model)
    images = np.random.default_rng(1).normal(size=(1, 16, 16, 3)).astype("float32")
    assert largest_difference(model(images), ready(images)) <= 1e-5 and report.skipped == {}
    assert not any(isinstance(layer, (keras.Model, tfslim.layers.Flame)) for layer in ready.layers)


def test_names_of_operations_in_a_loaded_model_do_not_collide(tmp_path):
    """keras.ops are numbered by the process: a loaded "minimum" may meet a new one."""
    model = one_layer(lambda x: K.split(K.minimum(L.Activation("hard_swish")(conv(x)), 1.0), 2, axis=-1)[0])
    model.save(tmp_path / "x.keras")
    keras.utils.clear_session()
    loaded = keras.models.load_model(tmp_path / "x.keras")
    ready, _ = tfslim.litert.prepare_for_edgetpu(loaded)
    names = [operation.name for operation in ready.operations]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("module", ["standard", "fire", "separable", "flame"])
def test_vgg11_keeps_its_outputs(module):
    keras.utils.set_random_seed(0)
    model = with_statistics(tfslim.models.VGG11((32, 32, 3), classes=10, module=module))
    ready, report = tfslim.litert.prepare_for_edgetpu(model)
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype("uint8")
    assert largest_difference(model(images), ready(images)) <= 1e-5 and report.skipped == {}


@pytest.mark.parametrize("name", ["SlimNet", "MobileNet", "ResNet18", "SqueezeNet"])
def test_zoo_keeps_its_outputs(name):
    keras.utils.set_random_seed(0)
    model = with_statistics(getattr(tfslim.models, name)((48, 48, 3)))
    ready, report = tfslim.litert.prepare_for_edgetpu(model)
    images = np.random.default_rng(0).integers(0, 256, (1, 48, 48, 3)).astype("uint8")
    assert largest_difference(model(images), ready(images)) <= 1e-5 and report.skipped == {}
    assert not any(isinstance(layer, keras.layers.Dense) for layer in ready.layers)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetB0", "DenseNet121"])
def test_applications_keep_their_outputs(name):
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(input_shape=(64, 64, 3), weights=None, classes=10)
    ready, report = tfslim.litert.prepare_for_edgetpu(model)
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype("float32")
    assert largest_difference(model(images), ready(images)) <= 1e-5 and report.skipped == {}


def test_sequential_models_and_code_of_their_own():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            L.Conv2D(4, 3, activation="hard_swish"),
            L.Lambda(lambda x: x * 2.0),
            L.GlobalAveragePooling2D(),
            L.Dense(3),
        ],
        name="stack",
    )
    ready, report = tfslim.litert.prepare_for_edgetpu(model)
    images = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("float32")
    assert largest_difference(model(images), ready(images)) <= 1e-5 and len(report.done) == 2
