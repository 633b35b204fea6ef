"""`tfslim.flatten`: people's own models as stock layers, with the same outputs."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import tfslim
from tests.layer_checks import count, randomize
from tfslim.layers import Composite, Fire, Flame, L2Normalization, SeparableConv, SlimModule

layers = keras.layers


def check_flat(model: keras.Model, training: bool | None = None) -> keras.Model:
    """Flattens a model with random weights and asserts what must hold for any model."""
    randomize(model)
    before = [weight.copy() for weight in model.get_weights()]
    flat = tfslim.flatten(model)
    assert all(getattr(layers, type(layer).__name__, None) is type(layer) for layer in flat.layers)
    assert len({layer.name for layer in flat.layers}) == len(flat.layers)
    assert count(flat.weights) == count(model.weights)
    assert count(flat.trainable_weights) == count(model.trainable_weights)
    assert flat.name == model.name
    assert not {id(weight) for weight in flat.weights} & {id(weight) for weight in model.weights}

    inputs = images(model)
    assert_same(flat(inputs, training=training), model(inputs, training=training))
    for found, expected in zip(model.get_weights(), before, strict=True):
        assert training or np.array_equal(found, expected), "flattening changes the model it was given"
    return flat


def images(model: keras.Model):
    rng = np.random.default_rng(0)
    return keras.tree.map_structure(
        lambda x: rng.normal(size=(2, *(extent or 6 for extent in x.shape[1:]))).astype("float32"), _inputs(model)
    )


def _inputs(model):
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def assert_same(found, expected):
    keras.tree.assert_same_structure(found, expected)
    for one, other in zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-5, atol=1e-5)


@pytest.fixture
def image():
    return keras.Input((8, 8, 3), name="image")


def test_every_layer_of_ours_in_one_model(image):
    x = SeparableConv(8, strides=2, name="separable")(image)
    x = Fire(8, name="fire")(x)
    x = Flame(16, name="flame")(x)
    x = SlimModule(2, name="slim")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = L2Normalization(4.0, name="l2")(x)
    flat = check_flat(keras.Model(image, outputs, name="mine"))
    names = [layer.name for layer in flat.layers]
    assert {"separable_depthwise_conv", "fire_concat", "flame_squeeze_conv", "slim_sse1_squeeze_conv", "pool"} < set(
        names
    )
    assert names[-2:] == ["l2_unit", "l2_scale"]
    assert flat.get_layer("slim_add").output.shape == (None, 4, 4, 16)


def test_a_sequential_model():
    check_flat(keras.Sequential([layers.Input((8, 8, 3)), Fire(8), layers.Dropout(0.5), layers.Flatten()]))


def test_several_inputs_and_outputs_keep_their_structure():
    left, right = keras.Input((8, 8, 3), name="left"), keras.Input((8, 8, 3), name="right")
    x = layers.Add(name="both")([Fire(8, name="fire")(left), Flame(8, name="flame")(right)])
    outputs = {"maps": x, "vector": layers.GlobalAveragePooling2D(name="vector")(x)}
    flat = check_flat(keras.Model({"left": left, "right": right}, outputs))
    assert set(flat.input) == {"left", "right"}
    assert set(flat.output) == {"maps", "vector"}


def test_shared_layers_stay_shared():
    left, right = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    fire, dense = Fire(8, name="fire"), layers.Dense(4, name="dense")
    pool = layers.GlobalAveragePooling2D(name="pool")
    outputs = layers.Subtract(name="difference")([dense(pool(fire(left))), dense(pool(fire(right)))])
    flat = check_flat(keras.Model([left, right], outputs))
    same = np.ones((1, 8, 8, 3), "float32")
    np.testing.assert_array_equal(np.asarray(flat([same, same])), np.zeros((1, 4)))
    assert len([layer for layer in flat.layers if isinstance(layer, layers.Conv2D)]) == 3


def test_nested_models_are_opened_and_named_after(image):
    inner = keras.Sequential(
        [layers.Input((8, 8, 3)), Fire(8, name="fire"), layers.BatchNormalization(name="bn")], name="inner"
    )
    features = keras.Input((8, 8, 3))
    outer = keras.Model(features, layers.ReLU(name="relu")(inner(features)), name="outer")
    model = keras.Model(image, layers.Flatten(name="flatten")(outer(image)))
    flat = check_flat(model)
    assert {"outer_inner_fire_squeeze_conv", "outer_inner_bn", "outer_relu", "flatten"} < {x.name for x in flat.layers}


def test_a_nested_model_called_twice_stays_one(image):
    other = keras.Input((8, 8, 3), name="other")
    features = keras.Input((8, 8, 3))
    backbone = keras.Model(features, layers.GlobalAveragePooling2D()(SeparableConv(4)(features)), name="backbone")
    flat = check_flat(keras.Model([image, other], layers.Dot(-1, name="dot")([backbone(image), backbone(other)])))
    assert len([layer for layer in flat.layers if isinstance(layer, layers.DepthwiseConv2D)]) == 1


def test_a_layer_shared_between_a_model_and_one_inside_it(image):
    fire = Fire(4, 0.5, name="fire")
    features = keras.Input((8, 8, 4))
    inner = keras.Model(features, fire(features), name="inner")
    flat = check_flat(keras.Model(image, inner(fire(layers.Conv2D(4, 1, name="four")(image)))))
    assert len([layer for layer in flat.layers if isinstance(layer, layers.Conv2D)]) == 4


def minus():
    first, second = keras.Input((8, 8, 4), name="z"), keras.Input((8, 8, 4), name="a")
    return keras.Model([first, second], layers.Subtract(name="minus")([first, 2 * second]), name="difference")


@pytest.mark.parametrize(
    "call",
    [
        lambda model, x, y: model([x, y]),
        lambda model, x, y: model(inputs=[x, y]),
        lambda model, x, y: model({"a": y, "z": x}),
        lambda model, x, y: model({"a": y, "z": x, "other": x}),
    ],
    ids=["list", "by keyword", "by name", "and more"],
)
def test_inputs_of_a_nested_model_go_where_keras_puts_them(call, image):
    x, y = layers.Conv2D(4, 3, padding="same", name="x")(image), layers.Conv2D(4, 1, name="y")(image)
    flat = check_flat(keras.Model(image, layers.Flatten(name="flatten")(call(minus(), x, y))))
    assert "difference_minus" in {layer.name for layer in flat.layers}


def test_a_function_in_a_model_is_opened(image):
    features = keras.Input((8, 8, 3))
    function = keras.Function(features, layers.Conv2D(4, 1, name="conv")(features), name="function")
    model = keras.Model(image, layers.Flatten(name="flatten")(function(image)))
    flat = tfslim.flatten(model)
    assert_same(flat(images(model)), model(images(model)))
    assert "function_conv" in {layer.name for layer in flat.layers}


def test_operations_of_keras_ops_are_kept(image):
    model = keras.Model(image, keras.ops.sqrt(keras.ops.abs(Fire(8, name="fire")(image) + 1.0)))
    randomize(model)
    flat = tfslim.flatten(model)
    assert_same(flat(images(model)), model(images(model)))
    assert len(flat.operations) == len(flat.layers) + 3


def test_a_zoo_model_stays_what_it_is():
    model = tfslim.models.SlimNet((32, 32, 3), classes=3)
    flat = check_flat(model)
    assert [layer.name for layer in flat.layers] == [layer.name for layer in model.layers]


def test_frozen_layers_stay_frozen(image):
    frozen, partly = Fire(8, batch_norm=True, name="frozen"), SeparableConv(8, name="partly")
    model = keras.Model(image, partly(frozen(image)))
    frozen.trainable = False
    partly.body.get_layer("depthwise_bn").trainable = False
    flat = check_flat(model)
    assert not flat.get_layer("frozen_squeeze_conv").trainable
    assert not flat.get_layer("partly_depthwise_bn").trainable
    assert flat.get_layer("partly_pointwise_bn").trainable


def test_training_uses_batch_statistics_as_before(image):
    check_flat(keras.Model(image, SlimModule(2)(SeparableConv(4)(image))), training=True)


def test_a_backbone_called_for_inference_stays_so(image):
    features = keras.Input((8, 8, 3))
    backbone = keras.Model(features, Fire(8, batch_norm=True)(features), name="backbone")
    x = SeparableConv(4, name="frozen")(backbone(image, training=False), training=False)
    model = keras.Model(image, layers.Dropout(0.5, name="dropout")(x))
    flat = check_flat(model)
    told = told_to_train(flat)
    assert {told[name] for name in told if name.endswith("_bn")} == {False}
    assert told["dropout"] == told_to_train(model)["dropout"]


def told_to_train(model: keras.Model) -> dict[str, bool | None]:
    """Layer name -> `training` that the graph calls it with."""
    calls = ((layer["name"], node) for layer in model.get_config()["layers"] for node in layer["inbound_nodes"])
    return {name: node["kwargs"].get("training") for name, node in calls}


def test_names_that_clash_are_numbered(image):
    x = layers.Conv2D(3, 1, name="fire_squeeze_conv")(image)
    model = keras.Model(image, Fire(8, name="fire")(x))
    flat = check_flat(model)
    assert flat.get_layer("fire_squeeze_conv").filters == 3, "a layer of the person's own keeps its name"
    assert flat.get_layer("fire_1_squeeze_conv").filters == 1


def test_mixed_precision_is_kept(image):
    x = Fire(8, dtype="mixed_bfloat16", name="fire")(image)
    flat = tfslim.flatten(keras.Model(image, layers.GlobalAveragePooling2D(dtype="float32", name="pool")(x)))
    assert flat.get_layer("fire_squeeze_conv").compute_dtype == "bfloat16"
    assert flat.get_layer("pool").compute_dtype == "float32"
    assert flat.outputs[0].dtype == "float32"


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_what_is_not_a_layer_computes_in_the_type_of_the_nested_model_s_input(policy):
    features = keras.Input((4,))  # float32
    inner = keras.Model(features, keras.ops.sqrt(keras.ops.abs(features) * 1e5))  # more than float16 can hold
    image = keras.Input((6,))
    half = layers.Dense(4, dtype=policy)(image)
    check_flat(keras.Model(image, layers.Dense(2, dtype="float32", name="answers")(inner(half))))
    only_layers = keras.Model(features, layers.Dense(3, dtype=policy)(features))
    flat = check_flat(keras.Model(image, layers.Dense(2, dtype="float32", name="answers")(only_layers(half))))
    assert len(flat.operations) == len(flat.layers)  # which cast by themselves


def test_whole_pixels_are_cast_as_before():
    pixels = keras.Input((8, 8, 3), dtype="uint8")
    model = keras.Model(pixels, Fire(8, name="fire")(pixels))
    randomize(model)
    x = np.random.default_rng(0).integers(0, 256, size=(2, 8, 8, 3), dtype="uint8")
    assert_same(tfslim.flatten(model)(x), model(x))


def test_a_compiled_model_with_a_metric_of_ones_own(image):
    model = keras.Model(image, layers.Flatten()(Fire(8)(image)))
    model.compile("sgd", loss=lambda true, predicted: keras.ops.mean(predicted), metrics=[lambda true, predicted: 0.0])
    assert not check_flat(model).compiled


def test_composites_made_of_composite_layers_are_opened_to_the_end(image):
    class Two(Composite):
        def layout(self, x, prefix):
            return Fire(8, name=f"{prefix}second")(SeparableConv(4, name=f"{prefix}first")(x))

    flat = check_flat(keras.Model(image, Two(name="two")(image)))
    assert {"two_first_depthwise_conv", "two_second_concat"} < {layer.name for layer in flat.layers}


def test_a_layer_of_ones_own_is_kept(image):
    class Twice(layers.Layer):
        def call(self, x):
            return 2 * x

    model = keras.Model(image, Twice(name="twice")(Fire(8)(image)))
    randomize(model)
    flat = tfslim.flatten(model)
    assert isinstance(flat.get_layer("twice"), Twice)
    assert_same(flat(images(model)), model(images(model)))


def doubled(x):
    return 2 * x


@pytest.mark.parametrize(
    "part",
    [
        lambda: layers.Lambda(lambda x: 2 * x, name="own"),
        lambda: layers.Lambda(doubled, arguments={}, output_shape=(8, 8, 3), name="own"),
        lambda: layers.Activation(doubled, name="own"),
        lambda: layers.Conv2D(4, 1, activation=doubled, kernel_regularizer=lambda w: 0.1, name="own"),
        lambda: lambda x: keras.ops.clip(x, -0.5, np.array([0.1, 0.2, 0.3], "float32")),
    ],
    ids=["lambda", "function", "activation", "layer", "array"],
)
def test_somebodys_own_code_is_kept(image, part):
    features = keras.Input((8, 8, 3))
    nested = keras.Model(features, part()(features), name="nested")
    model = keras.Model(image, nested(part()(image)) if nested.output.shape[-1] == 3 else nested(image))
    randomize(model)
    flat = tfslim.flatten(model)
    assert not any(isinstance(layer, keras.Model) for layer in flat.layers)
    assert len(flat.losses) == len(model.losses)
    assert_same(flat(images(model)), model(images(model)))


def test_the_saved_result_loads_where_tfslim_cannot_be_imported(image, tmp_path):
    flat = check_flat(keras.Model(image, Flame(8)(SlimModule(2)(image))))
    flat.save(tmp_path / "flat.keras")
    x = images(flat)
    np.save(tmp_path / "x.npy", x)
    program = (
        "import sys; sys.modules['tfslim'] = None\n"
        "import keras, numpy\n"
        "model = keras.models.load_model('flat.keras')\n"
        "numpy.save('y.npy', numpy.asarray(model(numpy.load('x.npy'))))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.asarray(flat(x)), rtol=1e-5, atol=1e-5)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="subclassed")
        self.fire = Fire(8)

    def call(self, x):
        return self.fire(x)


def test_a_subclassed_model_is_refused(image):
    with pytest.raises(TypeError, match=r"^model 'subclassed' \(Subclassed\) is a subclassed keras.Model"):
        tfslim.flatten(Subclassed())
    with pytest.raises(TypeError, match=r"^nested model 'subclassed' \(Subclassed\) is a subclassed keras.Model"):
        tfslim.flatten(keras.Model(image, Subclassed()(image)))


def test_a_sequential_model_without_a_shape_is_refused():
    with pytest.raises(TypeError, match="Sequential model that is not built; give it a keras.Input"):
        tfslim.flatten(keras.Sequential([Fire(8)], name="shapeless"))


def test_our_layer_inside_another_package_s_layer_is_refused():
    frames = keras.Input((2, 8, 8, 3))
    model = keras.Model(frames, layers.TimeDistributed(Fire(8, name="fire"), name="each")(frames))
    with pytest.raises(TypeError, match=r"layer 'each' \(TimeDistributed\) holds the Fire 'fire'"):
        tfslim.flatten(model)
