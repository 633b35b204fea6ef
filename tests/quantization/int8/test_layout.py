"""A model laid out for int8 computes the same, and the plan puts ranges where TFLite needs them."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.layer_checks import randomize
from tfslim.graph.layer_copier import UnsupportedLayer
from tfslim.quantization.int8.layout import rewrite_for_int8
from tfslim.quantization.int8.scheme import QuantizedStep, int8_scheme


def silu(x):
    """Somebody's own, of a name that Keras has too."""
    return x * keras.ops.exp(-keras.ops.square(x))


def kinds(model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def laid_out(build, shape=(6, 6, 4), dtype="float32"):
    inputs = keras.Input(shape, name="image", dtype=dtype)
    model = keras.Model(inputs, build(inputs))
    randomize(model)
    arranged = rewrite_for_int8(model)
    x = np.random.default_rng(0).uniform(0, 255, (3, *shape)).astype(dtype)
    expected = np.asarray(model(x))
    np.testing.assert_allclose(np.asarray(arranged(x)), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    return arranged


CASES = {
    "rescaling": (lambda x: layers.Rescaling(1 / 127.5, -1.0)(x), ["DepthwiseConv2D"]),
    "by channel": (lambda x: layers.Rescaling([1.0, 2.0, 3.0, 4.0])(x), ["DepthwiseConv2D"]),
    "normalization": (lambda x: layers.Normalization(mean=[1.0] * 4, variance=[4.0, 9, 1, 2])(x), ["DepthwiseConv2D"]),
    "denormalization": (
        lambda x: layers.Normalization(mean=[1.0] * 4, variance=[4.0, 9, 1, 2], invert=True)(x),
        ["DepthwiseConv2D"],
    ),
    "of all pixels": (lambda x: layers.Normalization(axis=None, mean=100.0, variance=64.0)(x), ["DepthwiseConv2D"]),
    "by row": (
        lambda x: layers.Normalization(1, mean=[*range(6)], variance=[4.0, 9, 1, 2, 3, 5])(x),
        ["Rescaling", "Rescaling"],
    ),
    "by pixel": (
        lambda x: layers.Normalization((2, 3), mean=np.arange(24.0).reshape(6, 4), variance=np.ones((6, 4)))(x),
        ["Rescaling"],
    ),
    "scale by row": (lambda x: layers.Rescaling(np.arange(6.0).reshape(6, 1, 1), 1.0)(x), ["Rescaling", "Rescaling"]),
    "norm first": (lambda x: layers.BatchNormalization()(x), ["DepthwiseConv2D", "BatchNormalization"]),
    "norm of conv": (lambda x: layers.BatchNormalization()(layers.Conv2D(3, 1)(x)), ["Conv2D", "BatchNormalization"]),
    "norm of relu": (
        lambda x: layers.BatchNormalization()(layers.Conv2D(3, 1, activation="relu")(x)),
        ["Conv2D", "DepthwiseConv2D", "BatchNormalization"],
    ),
    "average": (lambda x: layers.Average()([x, layers.ReLU()(x), x]), ["ReLU", "Add", "DepthwiseConv2D"]),
    "separable": (
        lambda x: layers.SeparableConv2D(5, 3, depth_multiplier=2, activation="tanh")(x),
        ["DepthwiseConv2D", "Conv2D", "Activation"],
    ),
    "hard sigmoid": (
        lambda x: layers.Dense(3, activation="hard_sigmoid")(x),
        ["Dense", "DepthwiseConv2D", "ReLU", "DepthwiseConv2D"],
    ),
    "operations": (lambda x: 2.0 * (x - 3.0), ["DepthwiseConv2D", "DepthwiseConv2D"]),
}


@pytest.mark.parametrize("case", CASES)
def test_each_step_becomes_one_that_int8_has(case):
    build, expected = CASES[case]
    assert kinds(laid_out(build)) == ["InputLayer", "Activation", *expected]


def test_as_many_rows_as_channels_are_not_taken_for_channels():
    values = [1.0, 2.0, 3.0, 5.0]
    x = np.random.default_rng(0).uniform(0, 9, (2, 4, 4, 4)).astype("float32")
    for layer in (
        layers.Rescaling(np.reshape(values, (4, 1, 1))),
        layers.Normalization(1, mean=values, variance=values),
    ):
        inputs = keras.Input((4, 4, 4))
        found = np.asarray(rewrite_for_int8(keras.Model(inputs, layer(inputs)))(x))
        rows = np.reshape(values, (4, 1, 1))
        expected = x * rows if isinstance(layer, layers.Rescaling) else (x - rows) / np.sqrt(rows)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_vectors_are_normalised_as_images_of_one_pixel():
    arranged = laid_out(lambda x: layers.BatchNormalization()(layers.Dense(5)(x)), shape=(7,))
    assert kinds(arranged)[2:] == ["Dense", "Reshape", "DepthwiseConv2D", "BatchNormalization", "Reshape"]


def test_vectors_are_rescaled_in_two_steps():
    arranged = laid_out(lambda x: layers.Rescaling(2.0, offset=-1.0, name="scaled")(x), shape=(7,))
    assert [layer.name for layer in arranged.layers][2:] == ["scaled_scale", "scaled"]


def test_pixels_of_whole_numbers_come_in_as_floats():
    arranged = laid_out(lambda x: layers.Conv2D(2, 3)(layers.Rescaling(1 / 255)(x)), dtype="uint8")
    assert arranged.inputs[0].dtype == "float32"


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_every_layer_computes_in_float32(policy):
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((6, 6, 4), dtype="float16" if policy == "mixed_float16" else None)
        x = layers.BatchNormalization()(layers.Rescaling(1 / 4)(inputs))
        x = layers.SeparableConv2D(4, 3, activation="hard_swish", padding="same")(x)
        x = layers.Average()([x, layers.Conv2D(4, 1, activation="tanh")(x)])
        x = layers.BatchNormalization()(layers.Rescaling(0.5, 1.0)(layers.Flatten()(x)))
        model = keras.Model(inputs, layers.Dense(3)(x))
        randomize(model)
        arranged = rewrite_for_int8(model)
    finally:
        keras.config.set_dtype_policy("float32")
    computing = arranged.layers[1:]
    assert {layer.compute_dtype for layer in computing} | {layer.variable_dtype for layer in computing} == {"float32"}
    assert arranged.inputs[0].dtype == arranged.outputs[0].dtype == "float32"
    x = np.random.default_rng(0).uniform(0, 1, (3, 6, 6, 4)).astype("float32")
    expected = np.asarray(keras.ops.convert_to_numpy(model(x)), "float32")
    np.testing.assert_allclose(np.asarray(arranged(x)), expected, rtol=0, atol=0.05 * np.abs(expected).max())


def test_what_is_added_for_int8_is_not_trained():
    arranged = laid_out(lambda x: layers.BatchNormalization(name="norm")(layers.Rescaling(0.1, name="small")(x)))
    assert [v.path.split("/")[-2] for v in arranged.trainable_variables] == ["norm", "norm"]


def test_shared_layers_stay_shared_and_the_model_unchanged():
    shared = layers.Conv2D(4, 3, padding="same", name="twice", activation="swish")
    inputs = keras.Input((6, 6, 4))
    model = keras.Model(inputs, shared(shared(inputs)))
    arranged = rewrite_for_int8(model)
    assert kinds(arranged).count("Conv2D") == 1 and model.get_layer("twice").activation.__name__ == "silu"
    assert arranged.count_params() == model.count_params()


def siamese(x, trunk):
    return layers.Concatenate()([trunk(x), trunk(layers.MaxPooling2D(3, 1, "same")(x))])


@pytest.mark.parametrize(
    ("layer", "steps"),
    [
        (layers.Rescaling(0.5, -1.0), ["DepthwiseConv2D"]),
        (layers.Normalization(mean=[1.0] * 4, variance=[4.0, 9, 1, 2]), ["DepthwiseConv2D"]),
        (layers.Rescaling(np.arange(6.0).reshape(6, 1, 1), 1.0), ["Rescaling", "Rescaling"]),
        (layers.BatchNormalization(), ["DepthwiseConv2D", "BatchNormalization"]),
        (layers.SeparableConv2D(4, 3, padding="same"), ["DepthwiseConv2D", "Conv2D"]),
    ],
)
def test_a_layer_that_is_called_again_has_one_step_for_both_calls(layer, steps):
    arranged = laid_out(lambda x: siamese(x, layer))
    assert sorted(kinds(arranged)[2:]) == sorted(["MaxPooling2D", "Concatenate", *steps])


def test_an_average_that_is_called_again_has_one_step_for_each_number_of_tensors():
    average = layers.Average(name="average")
    arranged = laid_out(lambda x: average([average([x, layers.ReLU()(x)]), x, average([x, x])]))
    assert not set(kinds(arranged)) & {"Average", "Rescaling"}
    names = {layer.name for layer in arranged.layers if layer.name.startswith("average")}
    assert names == {"average_sum", "average_sum_2", "average", "average_2"}


def test_an_average_of_vectors_is_by_the_number_of_vectors():
    average = layers.Average(name="average")
    arranged = laid_out(lambda x: average([average([x, layers.ReLU()(x)]), x, average([x, x])]), shape=(5,))
    assert kinds(arranged).count("Rescaling") == 2


def test_a_trunk_that_is_called_again_folds_its_normalisation():
    conv, norm = layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()
    arranged = laid_out(lambda x: siamese(x, lambda each: norm(conv(each))))
    assert "DepthwiseConv2D" not in kinds(arranged)
    arranged = laid_out(lambda x: layers.Add()([norm(conv(x)), conv(x)]))
    assert "DepthwiseConv2D" in kinds(arranged)


def test_a_normalisation_along_another_axis_is_not_folded_and_said():
    plan, skipped = planned(lambda x: layers.BatchNormalization(1, name="odd")(layers.Conv2D(4, 1, name="conv")(x)))
    assert "last axis only" in skipped["odd"] and plan["conv"].output and plan["odd"].output


@pytest.mark.parametrize("layer", [layers.Conv2D, layers.SeparableConv2D])
@pytest.mark.parametrize("activation", [layers.LeakyReLU(0.3), layers.PReLU(shared_axes=[1, 2])])
def test_a_layer_for_an_activation_is_one_of_its_own(layer, activation):
    def build(x):
        return siamese(x, layer(4, 3, padding="same", activation=activation, name="conv"))

    arranged = laid_out(build)
    kind = type(activation).__name__
    assert kinds(arranged).count(kind) == 1
    assert arranged.get_layer(f"conv_{kind.lower()}").count_params() == (4 if kind == "PReLU" else 0)
    assert kinds(laid_out(lambda x: layers.Activation(layers.ReLU(3.0), name="end")(x)))[2:] == ["ReLU"]


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: layers.Resizing(3, 3, "bicubic", name="odd"), r"'odd' \(Resizing\): .*, not 'bicubic'"),
        (lambda: layers.Resizing(3, 3, antialias=True, name="odd"), "not 'bilinear' and with antialias"),
        (lambda: layers.UpSampling2D(interpolation="lanczos3", name="odd"), r"\(UpSampling2D\): .*, not 'lanczos3'"),
    ],
)
def test_what_would_make_the_converter_refuse_the_model_is_refused_by_name(layer, reason):
    inputs = keras.Input((6, 6, 4))
    with pytest.raises(UnsupportedLayer, match=reason):
        rewrite_for_int8(keras.Model(inputs, layer()(inputs)))


def planned(build):
    plan, skipped = int8_scheme(laid_out(build))
    return plan, skipped


def test_a_fused_layer_has_its_range_at_the_end():
    def build(x):
        x = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, padding="same", name="conv")(x))
        x = layers.ReLU(6.0, name="relu")(x)
        return layers.Activation("relu", name="end")(layers.Add(name="sum")([x, x]))

    plan, skipped = planned(build)
    assert skipped == {}
    assert plan["image_quantized"] == QuantizedStep(output=True)
    assert plan["conv"] == QuantizedStep("kernel", "filters", output=False)
    assert [plan[name].output for name in ("norm", "relu", "sum", "end")] == [False, True, False, True]


def test_what_a_concatenation_alone_reads_has_its_range():
    def build(x):
        one, other = layers.Conv2D(2, 1, name="one")(x), layers.Conv2D(2, 1, name="other")(x)
        return layers.Add()([layers.Concatenate(name="both")([one, other]), layers.Conv2D(4, 1)(other)])

    plan, _ = planned(build)
    assert [plan[name].output for name in ("one", "other", "both")] == [False, True, True]


def test_layers_that_hand_on_values_or_have_a_fixed_range_get_none():
    def build(x):
        x = layers.Activation("sigmoid", name="fixed")(layers.Dense(4, name="dense")(x))
        return layers.Flatten(name="flat")(layers.MaxPooling2D(name="pool")(x))

    plan, _ = planned(build)
    assert plan["dense"] == QuantizedStep("kernel", "tensor", output=True)
    assert not any(plan[name].output for name in ("fixed", "pool", "flat"))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: layers.ELU(name="odd"), "the converter leaves it in float"),
        (lambda: layers.GroupNormalization(2, name="odd"), "several steps"),
        (lambda: layers.Activation("softplus", name="odd"), "leaves softplus in float"),
        (lambda: layers.Conv2D(4, 1, name="odd", data_format="channels_last"), None),
        (lambda: layers.Softmax(name="odd"), None),
        (lambda: layers.UnitNormalization(axis=1, name="odd"), "along the last axis only"),
        (lambda: layers.BatchNormalization(axis=1, name="odd"), "along the last axis only"),
        (lambda: layers.ReLU(1.0, name="odd"), "a maximum other than 6"),
        (lambda: layers.ReLU(6.0, negative_slope=0.1, name="odd"), "a maximum and a slope"),
        (lambda: layers.ReLU(threshold=1.0, name="odd"), "ReLU with a threshold"),
        (lambda: layers.ReLU(negative_slope=0.1, name="odd"), None),
        (lambda: layers.ReLU(6.0, name="odd"), None),
        (lambda: layers.Activation(silu, name="odd"), "leaves silu in float"),
    ],
)
def test_what_stays_in_float_has_a_reason_and_a_range(layer, reason):
    plan, skipped = planned(lambda x: layers.ReLU()(layer()(x)))
    assert (reason is None) == ("odd" not in skipped)
    if reason:
        assert reason in skipped["odd"] and plan["odd"] == QuantizedStep(output=True)
