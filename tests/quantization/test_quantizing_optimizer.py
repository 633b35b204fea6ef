"""Training at few bits: what the codecs do inside a step, against numpy's, and the straight-through step by hand."""

import keras
import numpy as np
import pytest

import tfslim
from tests.distillation import networks
from tfslim.quantization import (
    Binary,
    Float16,
    Float32,
    KMeans,
    LogMinMax,
    QuantizingOptimizer,
    Ternary,
    Uniform,
    plan_codecs,
)
from tfslim.quantization.codecs.fake_quantize import fake_quantize, fixed

RNG = np.random.default_rng(0)
TENSORS = {
    "normal": RNG.normal(size=(3, 3, 4, 8)),
    "positive": np.abs(RNG.normal(size=(5, 7))),
    "zeros": np.zeros((2, 3)),
    "constant": np.full(4, -2.0),
    # One negative one: backends that flush subnormals to zero lose its sign.
    "dead": np.concatenate([RNG.normal(size=400), [1e-40] * 9, [-1e-40]]),
    "steep": RNG.normal(size=200) ** 7,
}


@pytest.mark.parametrize("kind", TENSORS)
def test_in_a_step_the_codecs_do_what_they_do_in_numpy(kind):
    values = TENSORS[kind].astype(np.float32)
    codecs = [Ternary(), Ternary(False), Binary(), Binary(False), Float16(), Float32()]
    for bits in (1, 2, 3, 5, 8, 12):
        codecs += [LogMinMax(bits), LogMinMax(bits, "nearest"), LogMinMax(bits, "floor"), KMeans(bits)]
        codecs += [Uniform(bits), Uniform(bits, False), Uniform(bits, per_filter=True)]
    for codec in codecs:
        if kind == "zeros" and getattr(codec, "rule", "") in ("nearest", "floor"):
            continue  # the sign of zero is no level
        codec = fixed(codec, values)
        expected = codec.decode(codec.encode(values))
        found = keras.ops.convert_to_numpy(fake_quantize(codec, values)(keras.ops.convert_to_tensor(values)))
        far = np.abs(found - expected) > 1e-5 * np.abs(expected) + 1e-6 * np.abs(values).max()
        assert far.mean() < 0.004, (codec, values[far], expected[far], found[far])  # ties may fall either way


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_in_a_step_an_explicit_floor_is_kept_as_in_numpy(bits):
    values = RNG.normal(size=(40, 30)).astype(np.float32)
    for floor in (0.5, 0.25, 0.01):
        for each in (values, np.abs(values)):
            codec = LogMinMax(bits, floor=floor)
            found = keras.ops.convert_to_numpy(fake_quantize(codec, each)(keras.ops.convert_to_tensor(each)))
            np.testing.assert_allclose(found, codec.decode(codec.encode(each)), rtol=1e-4)


def test_levels_that_snapping_once_more_would_change_are_not_trained():
    model = linear_model(np.float32([[0.9], [-0.2]]))
    with pytest.raises(ValueError, match="dense/kernel: the levels of rule 'floor' stop short"):
        QuantizingOptimizer(keras.optimizers.SGD(0.1), model, plan_codecs(model, LogMinMax(3, "floor")))


def linear_model(kernel: np.ndarray) -> keras.Model:
    inputs = keras.Input((len(kernel),))
    model = keras.Model(inputs, keras.layers.Dense(kernel.shape[1], use_bias=False, name="dense")(inputs))
    model.set_weights([kernel])
    return model


def test_two_steps_by_hand():
    """The gradient is taken at the snapped weights and moves the float ones."""
    kernel = np.float32([[0.9], [-0.2]])
    model = linear_model(kernel)
    plan = plan_codecs(model, Uniform(2))
    model.compile(QuantizingOptimizer(keras.optimizers.SGD(0.1), model, plan), "mse")
    np.testing.assert_allclose(model.get_weights()[0], [[0.9], [0.0]])
    x, y = np.float32([[1.0, 2.0]]), np.float32([[3.0]])
    floats = kernel.astype(np.float64)
    for _ in range(2):
        model.fit(x, y, verbose=0)
        peak = np.abs(floats).max()
        snapped = peak * np.rint(floats / peak)
        floats -= 0.1 * 2 * (x @ snapped - y) * x.T
    peak = np.abs(floats).max()
    np.testing.assert_allclose(model.get_weights()[0], peak * np.rint(floats / peak), rtol=1e-5)
    np.testing.assert_allclose(model.optimizer.variables[2], floats, rtol=1e-5)


def test_a_constraint_holds_for_the_float_weights():
    """The gradient of x w is x: a step of 0.5 takes 1 from 0.9 and -0.2, gives 1 to 0.3; none stays below 0."""
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, kernel_constraint="non_neg")(inputs))
    model.set_weights([np.float32([[0.9], [-0.2], [0.3]])])
    model.compile(QuantizingOptimizer(keras.optimizers.SGD(0.5), model, plan_codecs(model, Uniform(4))), take_output)
    model.fit(np.float32([[2, 2, -2]]), np.zeros((1, 1)), verbose=0)
    np.testing.assert_allclose(model.optimizer.variables[2], [[0], [0], [1.3]], rtol=1e-6)
    np.testing.assert_allclose(model.get_weights()[0], [[0], [0], [1.3]], rtol=1e-6)


def take_output(y_true, y_pred):
    return y_pred


@pytest.mark.parametrize(("names", "kept"), [({"var_list": 0}, True), ({"var_names": ["kernel"]}, True), ({}, False)])
def test_weights_kept_from_decay_are_kept_from_it(names, kept):
    model = linear_model(np.float32([[1.0], [0.5]]))
    inner = keras.optimizers.SGD(0.5, weight_decay=0.2)
    inner.exclude_from_weight_decay(**({"var_list": model.weights} if "var_list" in names else names))
    model.compile(QuantizingOptimizer(inner, model, plan_codecs(model, Uniform(8))), take_output)
    model.fit(np.zeros((1, 2), np.float32), np.zeros((1, 1)), verbose=0)
    # Decay takes the learning rate's share of 0.2 of the weights.
    np.testing.assert_allclose(model.optimizer.variables[2], np.float32([[1.0], [0.5]]) * (1 if kept else 0.9))


@pytest.mark.parametrize("codec", [Ternary(), LogMinMax(3), KMeans(2), Uniform(3, per_filter=True)])
def test_a_model_learns_with_few_bits_and_comes_out_snapped(codec):
    keras.utils.set_random_seed(0)
    model = networks.student()
    images = np.random.default_rng(0).uniform(0, 255, (48, *model.input_shape[1:])).astype(np.float32)
    labels = np.arange(48) % 4
    images[..., 0] += 60 * labels.reshape(-1, 1, 1)
    plan = plan_codecs(model, codec)
    optimizer = QuantizingOptimizer(keras.optimizers.Adam(0.01), model, plan)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = model.fit(images, labels, batch_size=16, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.75 * losses[0]
    snapped, _ = tfslim.quantize_weights(model, optimizer.plan)
    for trained, exact in zip(model.get_weights(), snapped.get_weights(), strict=True):
        np.testing.assert_allclose(trained, exact, rtol=1e-5, atol=1e-6)


def test_the_weights_of_frozen_layers_are_snapped_from_the_start_and_stay():
    model = networks.student()
    images = networks.IMAGES
    for name in ("conv", "norm"):
        model.get_layer(name).trainable = False
    frozen = [*model.get_layer("conv").weights, *model.get_layer("norm").weights]
    plan = plan_codecs(model, "log_min_max", 4, rest="float16", scope="all")
    exact = tfslim.quantize_weights(model, plan)[0]
    optimizer = QuantizingOptimizer(keras.optimizers.Adam(1e-2), model, plan)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, networks.CLASSES, epochs=2, verbose=0)
    expected = [*exact.get_layer("conv").weights, *exact.get_layer("norm").weights]
    for variable, snapped in zip(frozen, expected, strict=True):
        np.testing.assert_array_equal(variable, snapped)
    assert len(np.unique(np.abs(frozen[0]))) <= 8


def test_a_distilled_student_learns_with_few_bits():
    keras.utils.set_random_seed(0)
    teacher, student = networks.teacher(), networks.student()
    distiller = tfslim.distillation.Distiller(student, teacher, [tfslim.distillation.SoftTargets()])
    optimizer = QuantizingOptimizer(keras.optimizers.Adam(0.01), student, plan_codecs(student, "ternary"))
    distiller.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images = np.random.default_rng(0).uniform(0, 255, (32, *student.input_shape[1:])).astype(np.float32)
    distiller.fit(images, np.arange(32) % 4, batch_size=16, epochs=2, verbose=0)
    kernel = next(np.asarray(weight) for weight in student.weights if weight.path.endswith("kernel"))
    assert all(len(np.unique(np.round(np.abs(kernel[..., k]), 5))) <= 2 for k in range(kernel.shape[-1]))


def test_a_killed_training_goes_on_from_the_optimizers_variables():
    x, y = RNG.normal(size=(32, 4)).astype(np.float32), RNG.normal(size=(32, 3)).astype(np.float32)
    start = RNG.normal(size=(4, 3)).astype(np.float32)

    def begin(kernel):
        model = linear_model(kernel)
        optimizer = QuantizingOptimizer(keras.optimizers.Adam(0.05), model, plan_codecs(model, Uniform(3)))
        model.compile(optimizer, "mse")
        optimizer.build(model.trainable_variables)
        return model

    whole = begin(start)
    whole.fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0)
    half = begin(start)
    half.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    resumed = begin(np.zeros_like(start) + 1)
    for variable, kept in zip(
        [*resumed.variables, *resumed.optimizer.variables], [*half.variables, *half.optimizer.variables], strict=True
    ):
        variable.assign(kept)
    resumed.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(resumed.get_weights()[0], whole.get_weights()[0])


def test_wrong_use_is_refused():
    model = linear_model(np.ones((2, 2), np.float32))
    plan = plan_codecs(model, Uniform(3))
    with pytest.raises(ValueError, match="wrap the QuantizingOptimizer in the LossScaleOptimizer"):
        QuantizingOptimizer(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), model, plan)
    with pytest.raises(ValueError, match="without use_ema"):
        QuantizingOptimizer(keras.optimizers.SGD(use_ema=True), model, plan)
    with pytest.raises(ValueError, match="dense/kernel: is not in both functional.* and the plan"):
        QuantizingOptimizer(keras.optimizers.SGD(), model, {})
    for codec in (Uniform(3), LogMinMax(3)):
        broken = linear_model(np.array([[1, np.nan], [1, 1]], np.float32))
        with pytest.raises(ValueError, match="dense/kernel: 1 of 4 values are NaN or infinite, the first at index 1"):
            QuantizingOptimizer(keras.optimizers.SGD(), broken, plan_codecs(broken, codec))
    other = linear_model(np.ones((2, 2), np.float32))
    other.compile(QuantizingOptimizer(keras.optimizers.SGD(), model, plan), "mse")
    with pytest.raises(ValueError, match="1 of the 1 weights to quantize are not among the variables to be trained"):
        other.fit(np.ones((2, 2)), np.ones((2, 2)), verbose=0)


def test_a_model_saved_in_training_opens_with_the_inner_optimizer(tmp_path):
    model = linear_model(np.ones((2, 2), np.float32))
    optimizer = QuantizingOptimizer(keras.optimizers.SGD(0.25), model, plan_codecs(model, Uniform(3)))
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is keras.optimizers.SGD and float(again.learning_rate) == 0.25
