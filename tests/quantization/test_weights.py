"""`tfslim.quantize_weights` and its plans: what is snapped, what is left, and what the report counts."""

import re

import keras
import numpy as np
import pytest

import tfslim
from tests.quantization.packed_models import MODELS, half_precision
from tfslim.quantization import Float16, Float32, LogMinMax, QuantizingOptimizer, Ternary, Uniform, plan_codecs
from tfslim.quantization.model_tensors import model_variables, weight_tensors


def model_with_everything() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, name="stem")(layers.Rescaling(1 / 255)(inputs))
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.PReLU(shared_axes=[1, 2], name="slopes")(x)
    x = layers.SeparableConv2D(6, 3, name="separable")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    x = layers.Conv2DTranspose(4, 2, name="up")(x)
    x = tfslim.layers.Flame(16, name="flame")(x)
    return keras.Model(inputs, layers.Dense(5, name="answers")(layers.GlobalAveragePooling2D()(x)))


def test_tensors_by_path_with_their_roles_and_filters():
    found = weight_tensors(model_with_everything())
    assert found["stem/kernel"].role == "convolution" and found["stem/kernel"].filter_axes == (-1,)
    assert found["stem/bias"].role == "vector" and found["norm/moving_mean"].role == "vector"
    assert found["separable/depthwise_kernel"].filter_axes == (-2, -1)
    assert found["separable/pointwise_kernel"].filter_axes == (-1,)
    assert found["depthwise/kernel"].filter_axes == (-2, -1)
    assert found["up/kernel"].filter_axes == (-2,)
    assert found["answers/kernel"].role == "matrix"
    assert sum(each.role == "convolution" for each in found.values()) == 5 + 4  # the Flame module has four
    assert sum(each.size for each in found.values()) == model_with_everything().count_params()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({}, lambda path: "kernel" in path),
        ({"scope": "convolutions"}, lambda path: "kernel" in path and "answers" not in path),
        ({"scope": "all"}, lambda path: True),
        ({"layers": ["stem"]}, lambda path: path == "stem/kernel"),
        ({"layers": [keras.layers.Dense]}, lambda path: path == "answers/kernel"),
        ({"layers": [re.compile("s.*m|up")]}, lambda path: path in ("stem/kernel", "up/kernel")),
        ({"skip": ["up", keras.layers.Dense]}, lambda path: "kernel" in path and path[:2] not in ("up", "an")),
        ({"scope": "all", "layers": ["norm", "slopes"]}, lambda path: path.startswith(("norm/", "slopes/"))),
    ],
)
def test_scope_and_names_choose_what_is_snapped(arguments, wanted):
    model = model_with_everything()
    plan = plan_codecs(model, "uniform", 3, **arguments)
    assert plan == {path: Uniform(3) if wanted(path) else Float32() for path in weight_tensors(model)}


def test_small_variances_keep_their_size():
    """A least squared error would let the small ones become zero, and their channels explode."""
    model = model_with_everything()
    variances = np.geomspace(1e-4, 10, 8).astype(np.float32)
    model.get_layer("norm").moving_variance.assign(variances)
    plan = plan_codecs(model, "log_min_max", 6, scope="all")
    assert plan["norm/moving_variance"] == LogMinMax(6, floor=2.0**-20) and plan["stem/kernel"] == LogMinMax(6)
    smaller, _ = tfslim.quantize_weights(model, plan)
    np.testing.assert_allclose(smaller.get_layer("norm").moving_variance, variances, rtol=0.11)
    # An explicit floor is kept.
    assert plan_codecs(model, LogMinMax(6, floor=0.5), scope="all")["norm/gamma"] == LogMinMax(6, floor=0.5)


def test_weights_are_the_codecs_and_the_model_is_left_alone():
    model = model_with_everything()
    before = model.get_weights()
    smaller, report = tfslim.quantize_weights(model, "log_min_max", 5, rest="float16")
    for weight, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)
    pairs = zip(weight_tensors(model).items(), weight_tensors(smaller).values(), strict=True)
    bits = 0
    for (path, tensor), after in pairs:
        codec = Float16() if tensor.role == "vector" else LogMinMax(5)
        values = np.asarray(tensor.variable)
        encoded = codec.encode(values, tensor.filter_axes)
        np.testing.assert_array_equal(np.asarray(after.variable), codec.decode(encoded), err_msg=path)
        bits += encoded.bits
    assert report.figures["weight bytes"] == -(-bits // 8)
    assert report.before.total_bytes == 4 * model.count_params()
    assert abs(report.after.total_bytes - bits / 8) < 2
    images = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3))
    difference = np.abs(smaller.predict(images, verbose=0) - model.predict(images, verbose=0)).max()
    assert 0 < difference < 0.2


def test_a_plan_says_it_all():
    model = model_with_everything()
    plan = plan_codecs(model, Ternary(), scope="convolutions")
    first = next(path for path, codec in plan.items() if codec == Ternary())
    smaller, report = tfslim.quantize_weights(model, plan)
    kernel = np.asarray(weight_tensors(smaller)[first].variable)
    assert first == "stem/kernel"
    assert all(len(np.unique(np.abs(kernel[..., number]))) <= 2 for number in range(kernel.shape[-1]))
    assert f"{first}: ternary" in "\n".join(report.done)
    again, _ = tfslim.quantize_weights(smaller, plan)
    for one, other in zip(smaller.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_moving_statistics_of_normalisation_layers_count():
    inputs = keras.Input((4, 4, 3))
    norm = keras.layers.Normalization(name="pixels")
    norm.adapt(np.random.default_rng(0).normal(5, 3, (50, 4, 4, 3)))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3, name="conv")(norm(inputs)))
    smaller, _ = tfslim.quantize_weights(model, Uniform(2), scope="all")
    mean = np.asarray(weight_tensors(smaller)["pixels/mean"].variable).reshape(-1)
    expected = keras.layers.Normalization(
        mean=mean, variance=np.asarray(smaller.get_layer("pixels").variance).reshape(-1)
    )
    images = np.ones((1, 4, 4, 3), np.float32)
    np.testing.assert_allclose(smaller.get_layer("pixels")(images), expected(images), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: tfslim.quantize_weights(m, "log_min_max"), ValueError, "codec 'log_min_max' needs bits"),
        (lambda m: tfslim.quantize_weights(m, LogMinMax(3), 3), ValueError, "bits=3 needs a codec's name"),
        (lambda m: tfslim.quantize_weights(m, "uniform", 3, scope="conv"), ValueError, "scope='conv'; expected one of"),
        (lambda m: tfslim.quantize_weights(m, "uniform", 3, rest="int8"), ValueError, "rest='int8'"),
        (lambda m: tfslim.quantize_weights(m, "uniform", 3, skip=["stm"]), ValueError, "no layer with weights 'stm'"),
        (lambda m: tfslim.quantize_weights(m, "uniform", {"stem/kernal": 3}), ValueError, "mean 'stem/kernel'"),
        (lambda m: plan_codecs(m, "uniform", {"stem/bias": 3}), ValueError, "bits: 'stem/bias' is excluded by"),
        (lambda m: plan_codecs(m, "uniform", {"up/kernel": 3}, skip=["up"]), ValueError, "'up/kernel' is excluded by"),
        (lambda m: tfslim.quantize_weights(m, {"stem/kernel": Uniform(3)}), ValueError, "the plan has no codec for it"),
        (lambda m: tfslim.quantize_weights(m, plan_codecs(m, Uniform(3)), 3), ValueError, "a plan is complete"),
        (lambda m: tfslim.quantize_weights(keras.Model(), "uniform", 3), TypeError, "is a subclassed keras.Model"),
    ],
)
def test_wrong_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call(model_with_everything())


@pytest.mark.parametrize("policy", ["bfloat16", "float16", "float64"])
def test_weights_of_other_types_are_refused_by_name(policy):
    """A bfloat16 variable would round what a codebook has."""
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3, dtype=policy, name="answers")(inputs))
    plan = plan_codecs(model, Uniform(3))
    for use in (tfslim.quantize_weights, lambda model, plan: QuantizingOptimizer(keras.optimizers.SGD(), model, plan)):
        with pytest.raises(ValueError, match=f"answers/kernel is a {policy} variable, .*layer 'answers' with dtype="):
            use(model, plan)


def test_mixed_precision_keeps_the_values_of_the_codebook():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3, dtype="mixed_bfloat16")(inputs))
    smaller, _ = tfslim.quantize_weights(model, LogMinMax(10))
    kernel = model.layers[1].get_weights()[0]
    expected = LogMinMax(10).decode(LogMinMax(10).encode(kernel))
    np.testing.assert_array_equal(smaller.layers[1].get_weights()[0], expected)


def test_a_tensor_that_is_not_finite_is_named():
    model = model_with_everything()
    kernel = np.array(model.get_layer("stem").kernel)
    kernel[0, 0, 0, 0] = np.nan
    model.get_layer("stem").kernel.assign(kernel)
    with pytest.raises(ValueError, match="stem/kernel: 1 of 216 values are NaN or infinite, the first at index 0"):
        tfslim.quantize_weights(model, "uniform", 4)


def test_a_model_of_open_image_size_is_snapped_and_packed(tmp_path):
    x = inputs = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, name="conv")(x))
    model = keras.Model(inputs, x)
    smaller, report = tfslim.quantize_weights(model, "uniform", np.int64(4))
    assert report.before is None and report.figures["weight bytes"] == 3 * 3 * 3 * 4 // 2 + 4 + 4 * 4  # codes, scale
    packed = tfslim.save_packed(smaller, tmp_path / "open.tfslim")
    assert packed.figures["share of the float32 weights"] == packed.figures["file bytes"] / (4 * model.count_params())
    report.save(tmp_path / "report.json")
    again = tfslim.load_packed(tmp_path / "open.tfslim")
    np.testing.assert_array_equal(again.get_weights()[0], smaller.get_weights()[0])


def test_a_number_of_bits_from_numpy_makes_a_report_for_json(tmp_path):
    _, report = tfslim.quantize_weights(model_with_everything(), "uniform", np.int64(4))
    report.save(tmp_path / "report.json")
    assert report.after.total_bytes == report.figures["weight bytes"]


def one_name_twice() -> keras.Model:
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="same")])
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(2, name="same")(inner(inputs)))


def wrapped() -> keras.Model:
    layers = keras.layers
    inputs = keras.Input((2, 8, 8, 3))
    x = layers.TimeDistributed(layers.Conv2D(4, 3), name="frames")(inputs)
    x = layers.TimeDistributed(layers.DepthwiseConv2D(3, depth_multiplier=2), name="deep")(x)
    x = layers.TimeDistributed(layers.Conv2DTranspose(3, 2), name="up")(x)
    x = layers.TimeDistributed(layers.Flatten())(x)
    x = layers.Bidirectional(layers.LSTM(2, name="memory"), name="both_ways")(x)
    return keras.Model(inputs, layers.SpectralNormalization(layers.Dense(3), name="normed")(x))


def test_a_wrapped_layers_tensors_are_its_own():
    """Their filters' axes are those of the tests of layers that aren't wrapped."""
    found = weight_tensors(wrapped())
    roles = {path: (each.role, each.filter_axes) for path, each in found.items() if each.role != "vector"}
    lstm = {f"both_ways/{name}": ("matrix", (-1,)) for name in ("kernel", "recurrent_kernel")}
    assert roles == {
        "frames/kernel": ("convolution", (-1,)),
        "deep/kernel": ("convolution", (-2, -1)),
        "up/kernel": ("convolution", (-2,)),
        **lstm,
        **{f"{path}_1": role for path, role in lstm.items()},
        "normed/kernel": ("matrix", (-1,)),
    }
    for layers in (["frames"], [keras.layers.Conv2D], [re.compile("conv2d(_\\d+)?")]):
        plan = plan_codecs(wrapped(), Uniform(3), layers=layers)
        assert [path for path, codec in plan.items() if codec == Uniform(3)] == ["frames/kernel"]


@pytest.mark.parametrize("make", [each for each in MODELS if each is not half_precision] + [one_name_twice, wrapped])
def test_any_model_is_snapped_and_a_plan_serves_its_copies(make, tmp_path):
    model = make()
    plan = plan_codecs(model, Uniform(3))
    assert set(plan) <= set(model_variables(model)) and Uniform(3) in plan.values()
    smaller, _ = tfslim.quantize_weights(model, plan)
    model.save(tmp_path / "model.keras")
    again, _ = tfslim.quantize_weights(keras.models.load_model(tmp_path / "model.keras"), plan)
    for path, tensor in weight_tensors(model).items():
        expected = plan[path].decode(plan[path].encode(np.asarray(tensor.variable), tensor.filter_axes))
        for copy in (smaller, again):
            np.testing.assert_array_equal(np.asarray(model_variables(copy)[path]), expected, err_msg=path)


def test_what_is_too_large_for_float16_stays_float32(tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.BatchNormalization(name="bn")(keras.layers.Dense(4, name="d")(inputs)))
    variance = model.get_layer("bn").moving_variance
    variance.assign(np.float32([1e5, 1, 2, 3]))
    smaller, report = tfslim.quantize_weights(model, "uniform", 4, rest="float16")
    assert report.skipped == {"bn/moving_variance": "stays float32"}
    np.testing.assert_array_equal(smaller.get_layer("bn").moving_variance, variance)
    # 12 codes of 4 bits and a peak; bias, gamma, beta, mean in float16; the variance.
    assert report.figures["weight bytes"] == (12 * 4 + 32 + 4 * 4 * 16 + 4 * 32) // 8


def test_a_layer_of_another_type_can_be_left_out():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, name="hidden", dtype="bfloat16")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="answers")(hidden))
    before = np.asarray(keras.ops.cast(model.get_layer("hidden").kernel, "float32"))
    smaller, report = tfslim.quantize_weights(model, "uniform", 4, skip=["hidden"])
    assert "hidden/kernel" in report.skipped
    assert smaller.get_layer("hidden").kernel.dtype == "bfloat16"
    np.testing.assert_array_equal(np.asarray(keras.ops.cast(smaller.get_layer("hidden").kernel, "float32")), before)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_weights_a_rounding_off_their_codebook_come_back_to_it(bits):
    """As after training, where the backend's exponential gave them."""
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=(40, 30)), np.abs(rng.normal(size=(40, 30)))):
        codec = LogMinMax(bits)
        snapped = codec.decode(codec.encode(values))
        near = snapped * (1 + rng.uniform(-3e-7, 3e-7, snapped.shape)).astype(np.float32)
        np.testing.assert_allclose(codec.decode(codec.encode(near)), snapped, rtol=1e-6)
