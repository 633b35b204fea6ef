"""Models carried to tf_keras and back: every network of ours, those of keras.applications, and awkward graphs."""

import keras
import numpy as np
import pytest
from keras import applications, layers

import tfslim
from tests.layer_checks import randomize
from tfslim.graph.derived_state import refresh_cached_state
from tfslim.tfmot import UnsupportedLayer, from_tf_keras, to_tf_keras
from tfslim.tfmot.packages import tf_keras

MODELS = tfslim.models
ZOO = {
    "slimnet": lambda: MODELS.SlimNet((64, 64, 3), classes=7),
    "mobilenet": lambda: MODELS.MobileNet((32, 32, 3), classes=7, alpha=0.25),
    "resnet18": lambda: MODELS.ResNet18((32, 32, 3), classes=7, head=(32, 16)),
    "squeezenet": lambda: MODELS.SqueezeNet((15, 15, 3), classes=7, embedding=100),
    "squeezenet embedding": lambda: MODELS.SqueezeNet((15, 15, 3), embedding=100),
    "vgg11 standard": lambda: MODELS.VGG11((32, 32, 3), 7),
    "vgg11 fire": lambda: MODELS.VGG11((32, 32, 3), 7, "fire", shallow=True),
    "vgg11 separable": lambda: MODELS.VGG11((32, 32, 3), 7, "separable", shrink=True),
    "vgg11 flame": lambda: MODELS.VGG11((32, 32, 3), 7, "flame", shrink=True, shallow=True),
}
APPLICATIONS = {
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "VGG16": 32,
    "ResNet50V2": 32,
    "DenseNet121": 32,
    "EfficientNetB0": 32,
    "EfficientNetV2B0": 32,
    "Xception": 71,
    "InceptionV3": 75,
    "NASNetMobile": 32,
}
REFUSED = {"ConvNeXtTiny": "LayerScale"}
QUICK = ("slimnet", "mobilenet", "vgg11 flame")


def with_slow_ones_marked(names) -> list:
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in names]


def there_and_back(model: keras.Model, inputs) -> keras.Model:
    """Asserts that the model is the same on the other side and again on this one."""
    randomize(model)
    refresh_cached_state(model)
    before = [weights.copy() for weights in model.get_weights()]
    legacy = to_tf_keras(model)
    again = from_tf_keras(legacy)
    expected = keras.tree.flatten(model(inputs, training=False))
    for other in (legacy, again):
        for found, wanted in zip(keras.tree.flatten(other(inputs, training=False)), expected, strict=True):
            found, wanted = np.asarray(found), np.asarray(wanted)
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())
            assert np.ptp(found) > 0
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    return again


def pixels(model, count=2):
    shape = (count, *model.input_shape[1:])
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


def weights_by_name(model) -> dict[str, list[tuple]]:
    return {layer.name: [tuple(weight.shape) for weight in layer.weights] for layer in model.layers if layer.weights}


@pytest.mark.parametrize("name", with_slow_ones_marked(ZOO))
def test_every_network_of_ours_goes_there_and_back_with_its_names(name):
    model = ZOO[name]()
    again = there_and_back(model, pixels(model))
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert weights_by_name(again) == weights_by_name(model)


@pytest.mark.parametrize("name", with_slow_ones_marked(APPLICATIONS))
def test_networks_of_keras_applications_go_there_and_back(name):
    keras.utils.clear_session()
    size = APPLICATIONS[name]
    model = getattr(applications, name)(
        input_shape=(size, size, 3), weights=None, classes=10, classifier_activation=None
    )
    assert weights_by_name(there_and_back(model, pixels(model))) == weights_by_name(model)


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_networks_with_layers_of_their_own_are_refused(name):
    model = getattr(applications, name)(input_shape=(32, 32, 3), weights=None, classes=10)
    with pytest.raises(UnsupportedLayer, match=rf"\({REFUSED[name]}\): it is not a layer of keras.layers"):
        to_tf_keras(model)


def test_a_graph_with_all_that_differs_between_the_two():
    inputs = {"image": keras.Input((12, 12, 3), name="image"), "extra": keras.Input((6,), name="extra")}
    x = layers.Conv2D(8, 3, activation="hard_sigmoid", name="hard")(inputs["image"] / 255.0)
    x = layers.Activation("hard_swish", name="swish")(x)
    x = layers.LeakyReLU(0.3)(layers.GroupNormalization(4)(x) * 1.5 - 0.25)
    x = layers.PReLU(shared_axes=[1, 2])(keras.ops.relu(x) - x)
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same")(x)
    shared = layers.SeparableConv2D(8, 3, padding="same", activation="hard_sigmoid", name="shared")
    x = shared(shared(x)) + keras.ops.sigmoid(x)
    inner = keras.Sequential([keras.Input(x.shape[1:]), layers.Conv2D(8, 1, name="point"), layers.ELU()], name="inner")
    x = tfslim.layers.Fire(8, 0.5, name="fire")(inner(x))
    pooled = keras.ops.mean(x, axis=(1, 2))
    y = layers.Concatenate()([pooled, layers.Dense(4, kernel_regularizer="l2")(inputs["extra"])])
    outputs = {"b": layers.Dense(3)(layers.LayerNormalization()(y)), "a": layers.Softmax()(pooled)}
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(0)
    given = {"image": rng.uniform(0, 255, (2, 12, 12, 3)), "extra": rng.normal(size=(2, 6))}
    again = there_and_back(model, {name: value.astype("float32") for name, value in given.items()})
    assert set(again.output) == {"a", "b"} and set(again.input) == {"image", "extra"}
    assert again.get_layer("shared").count_params() == model.get_layer("shared").count_params()
    assert "inner_point" in {layer.name for layer in again.layers}
    assert all(isinstance(operation, keras.layers.Layer) for operation in again.operations)


def test_mixed_precision_comes_over_in_float32():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, dtype="mixed_bfloat16")(layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, layers.Dense(2, dtype="float32")(layers.Flatten(dtype="mixed_bfloat16")(x)))
    legacy = to_tf_keras(model)
    assert {layer.compute_dtype for layer in legacy.layers} == {"float32"}
    rough = np.asarray(model(pixels(model)))
    np.testing.assert_allclose(np.asarray(legacy(pixels(model))), rough, atol=0.05 * np.abs(rough).max())


def test_frozen_layers_stay_frozen():
    model = ZOO["vgg11 flame"]()
    model.layers[2].trainable = False
    again = from_tf_keras(to_tf_keras(model))
    assert [layer.trainable for layer in again.layers] == [layer.trainable for layer in model.layers]


def test_a_model_made_in_tf_keras_comes_here():
    tk = tf_keras()
    inputs = tk.Input((8, 8, 3), name="image")
    x = tk.layers.Conv2D(6, 3, activation="hard_sigmoid", name="hard")(inputs)
    x = tk.layers.Activation("hard_sigmoid", name="again")(tk.layers.LeakyReLU(0.1)(x))
    nested = tk.Sequential([tk.Input((6, 6, 6)), tk.layers.DepthwiseConv2D(3, name="deep")], name="nested")
    model = tk.Model(inputs, [tk.layers.Flatten()(nested(x)), tk.layers.GlobalMaxPooling2D()(x)])
    here = from_tf_keras(model)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32") * 3
    for found, expected in zip(here(x), model(x), strict=True):
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-4, atol=1e-5)
    assert here.get_layer("nested_deep").count_params() == 9 * 6 + 6


def test_layers_that_would_have_the_same_name_are_numbered():
    tk = tf_keras()
    twice = tk.layers.Dense(4, activation="hard_sigmoid", name="dense")
    again = tk.layers.Activation("hard_sigmoid", name="again")
    nested = tk.Sequential([tk.Input((4,)), tk.layers.Dense(4, name="x")], name="a")
    inputs = tk.Input((4,), name="image")
    x = again(tk.layers.Dense(4, name="a_x_2")(again(nested(twice(twice(inputs))))))
    model = tk.Model(inputs, tk.layers.Dense(4, name="a_x")(x))
    here = from_tf_keras(model)
    names = {layer.name for layer in here.layers}
    assert {"a_x", "a_x_2", "a_x_3", "dense_hard_sigmoid", "dense_hard_sigmoid_2", "again", "again_2"} < names
    np.testing.assert_array_equal(here.get_layer("a_x_3").get_weights()[0], nested.get_layer("x").get_weights()[0])
    np.testing.assert_array_equal(here.get_layer("a_x").get_weights()[0], model.get_layer("a_x").get_weights()[0])


@pytest.mark.parametrize("name", ["conv 1", "é", "_a", "conv(1)"])
@pytest.mark.parametrize("place", ["layer", "input"])
def test_names_that_the_other_side_has_not_are_refused(name, place):
    inputs = keras.Input((4,), name=name if place == "input" else "image")
    model = keras.Model(inputs, layers.Dense(2, name=name if place == "layer" else "dense")(inputs))
    with pytest.raises(UnsupportedLayer, match=r"layer '.*tf_keras needs names of letters.*; rename it"):
        to_tf_keras(model)


def test_names_that_keras_3_has_not_are_refused():
    inputs = tf_keras().Input((4,), name="a/b")
    with pytest.raises(UnsupportedLayer, match="'a/b' .InputLayer.: Keras 3 does not allow '/' in names; rename it"):
        from_tf_keras(tf_keras().Model(inputs, tf_keras().layers.Dense(2)(inputs)))


def test_a_model_whose_name_the_other_side_has_not_is_refused():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2)(inputs), name="my net")
    with pytest.raises(ValueError, match="model 'my net': tf_keras needs names of letters.*; rename it"):
        to_tf_keras(model)


def test_what_training_is_asked_to_do_goes_there_and_back():
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(
        4,
        3,
        strides=2,
        dilation_rate=1,
        padding="same",
        kernel_regularizer=keras.regularizers.L1L2(0.25, 0.5),
        bias_regularizer=keras.regularizers.L2(0.125),
        kernel_constraint=keras.constraints.MaxNorm(1.5, axis=[0, 1, 2]),
        bias_constraint="non_neg",
        name="conv",
    )(inputs)
    x = layers.BatchNormalization(
        momentum=0.75,
        epsilon=0.02,
        beta_regularizer=keras.regularizers.L1(0.5),
        gamma_constraint=keras.constraints.MinMaxNorm(0.25, 0.75, rate=0.5),
        name="norm",
    )(x)
    x = layers.SpatialDropout2D(0.25, name="maps")(layers.GaussianNoise(0.5, name="noise")(x))
    x = layers.SeparableConv2D(
        5,
        3,
        depthwise_regularizer=keras.regularizers.L2(0.25),
        pointwise_constraint=keras.constraints.UnitNorm(axis=2),
        name="separable",
    )(x)
    x = layers.Dropout(0.375, name="dropout")(layers.Flatten(name="flat")(x))
    x = layers.ActivityRegularization(0.5, 0.25, name="activity")(x)
    x = layers.Dense(2, kernel_regularizer=keras.regularizers.OrthogonalRegularizer(0.5), name="logits")(x)
    model = keras.Model(inputs, x)
    legacy = to_tf_keras(model)
    again = from_tf_keras(legacy)
    assert legacy.get_layer("norm").momentum == 0.75 and legacy.get_layer("norm").epsilon == 0.02
    assert legacy.get_layer("dropout").rate == 0.375 and legacy.get_layer("conv").kernel_constraint.max_value == 1.5
    assert legacy.get_layer("conv").kernel_regularizer.get_config() == {"l1": 0.25, "l2": 0.5}
    for layer in model.layers:
        there = again.get_layer(layer.name).get_config()
        for key, value in layer.get_config().items():
            if not key.endswith("_initializer") and key != "dtype":
                # tf_keras counts a normalisation's axis from the front.
                assert there[key] == (3 if key == "axis" else value), (layer.name, key)
    images = pixels(model)
    for other in (legacy, again):
        model(images), other(images)
        np.testing.assert_allclose(sum(map(float, other.losses)), sum(map(float, model.losses)), rtol=1e-4)


@keras.saving.register_keras_serializable("tests")
class Doubled(layers.Layer):
    """A layer of somebody's own."""

    def call(self, x):
        return 2.0 * keras.ops.softplus(x)


REFUSED_GRAPHS = {
    "own layer": (lambda x: Doubled(name="mine")(x), r"'mine' \(Doubled\): it is not a layer of keras.layers"),
    "operation": (lambda x: keras.ops.cumsum(x, axis=1), r"keras.ops Cumsum\): no Keras layer computes this"),
    "constant divided": (lambda x: 1.0 / x, "divides a constant"),
    "array": (lambda x: x * np.ones((4, 4, 3), "float32"), r"its constant has shape \(4, 4, 3\)"),
    "ranks": (lambda x: x + layers.GlobalAveragePooling2D()(x), "different numbers of axes"),
    "initial": (lambda x: keras.ops.max(x, axis=(1, 2), initial=9.0), r"keras.ops Max\): .* no initial value"),
    "reduction": (lambda x: keras.ops.mean(x, axis=3), "not over height and width"),
    "activation": (lambda x: layers.Activation("celu", name="celu")(x), r"'celu' \(Activation\)"),
    "no such layer": (lambda x: layers.RMSNormalization(name="rms")(x), "'rms'.*tf_keras has no layer of this name"),
    "wrapper": (lambda x: layers.TimeDistributed(layers.Dense(2), name="each")(x), "it wraps another layer"),
    "setting": (lambda x: layers.Resizing(2, 2, pad_to_aspect_ratio=True, name="fit")(x), "'fit'.*pad_to_aspect_ratio"),
}


@pytest.mark.parametrize("operation", [lambda x: x * 3, lambda x: x + 3, lambda x: 3 - x, lambda x: -x])
def test_arithmetic_of_whole_numbers_is_refused(operation):
    x = keras.Input((4, 4, 3), name="image", dtype="uint8")
    with pytest.raises(UnsupportedLayer, match=r"\(keras.ops \w+\): it computes in u?int\d+, but a layer would"):
        to_tf_keras(keras.Model(x, operation(x)))
    assert to_tf_keras(keras.Model(x, operation(keras.ops.cast(x, "float32")))).layers


@pytest.mark.parametrize("maker", ["words", "masking"])
def test_the_layer_that_makes_a_mask_is_named(maker):
    if maker == "words":
        inputs = keras.Input((5,), dtype="int32", name="ids")
        x = layers.Dense(4)(layers.Embedding(9, 4, mask_zero=True, name="words")(inputs))
    else:
        inputs = keras.Input((5, 4), name="rows")
        x = layers.Masking(name="masking")(inputs)
    with pytest.raises(
        UnsupportedLayer, match=f"layer '{maker}' .*it makes a mask, which 'memory' reads, and masks are not supported"
    ):
        to_tf_keras(keras.Model(inputs, layers.LSTM(3, name="memory")(x)))


def test_a_layer_for_an_activation_comes_over_and_that_of_a_recurrence_stays_inside():
    inputs = keras.Input((6, 6, 3), name="image")
    x = layers.Conv2D(4, 3, activation=layers.LeakyReLU(0.3), name="conv")(inputs)
    x = layers.SeparableConv2D(4, 3, activation=layers.ELU(0.5), name="separable")(x)
    x = layers.SimpleRNN(3, activation="relu6", name="memory")(layers.Reshape((4, 4))(x))
    model = keras.Model(inputs, x)
    again = there_and_back(model, pixels(model))
    kinds = [type(layer).__name__ for layer in again.layers]
    assert kinds[1:] == ["Conv2D", "LeakyReLU", "SeparableConv2D", "ELU", "Reshape", "SimpleRNN"]


@pytest.mark.parametrize("case", REFUSED_GRAPHS)
def test_what_cannot_be_expressed_is_refused_by_name(case):
    build, message = REFUSED_GRAPHS[case]
    x = keras.Input((4, 4, 3), name="image")
    with pytest.raises(UnsupportedLayer, match=message):
        to_tf_keras(keras.Model(x, build(x)))


def test_a_regulariser_of_somebodys_own_is_refused_on_the_way_back_too():
    @tf_keras().utils.register_keras_serializable("tests")
    class Own(tf_keras().regularizers.Regularizer):
        def get_config(self):
            return {}

    inputs = tf_keras().Input((4,))
    model = tf_keras().Model(inputs, tf_keras().layers.Dense(3, kernel_regularizer=Own(), name="mine")(inputs))
    with pytest.raises(UnsupportedLayer, match="'mine'.*its kernel_regularizer is a custom function or class"):
        from_tf_keras(model)


def test_models_without_a_graph_are_refused():
    class Subclassed(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(TypeError, match="is a subclassed keras.Model, whose graph of layers can't be read"):
        to_tf_keras(Subclassed())
    with pytest.raises(TypeError, match="must be a functional or built Sequential model of tf_keras"):
        from_tf_keras(tf_keras().Sequential([tf_keras().layers.Dense(2)]))
    with pytest.raises(TypeError, match="of tf_keras"):
        from_tf_keras(keras.Sequential([keras.Input((2,)), layers.Dense(2)]))


def test_a_layer_that_computes_something_else_over_there_is_named(monkeypatch):
    monkeypatch.setattr("tfslim.tfmot.layer_translation._RENAMED", {"ReLU": {"max_value": "threshold"}})
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(3)(layers.ReLU(2.0, name="capped")(layers.Rescaling(4.0)(x))))
    with pytest.raises(ValueError, match=r"differ by .* the first that differs is 'capped' \(ReLU\)"):
        to_tf_keras(model)


def test_roundings_that_a_network_makes_much_of_are_no_difference():
    x = keras.Input((16, 16, 3))
    far = layers.Rescaling(0.05, offset=1e3)(x)  # where float32 has steps of 0.00006
    norm = layers.BatchNormalization(name="norm")
    model = keras.Model(x, norm(far))
    norm.set_weights([np.ones(3), np.zeros(3), np.full(3, 1e3), np.full(3, 0.3)])
    inputs = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)).astype("float32")
    with pytest.warns(UserWarning, match="rounding the weights differently"):
        legacy = to_tf_keras(model)
    found, expected = (np.asarray(one(inputs)) for one in (legacy, model))
    assert 1e-4 < np.abs(found - expected).max() / np.abs(expected).max() < 1e-2
