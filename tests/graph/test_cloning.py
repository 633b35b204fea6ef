"""A clone computes the same, in variables of its own, whatever the model is made of."""

import warnings

import keras
import numpy as np
import pytest

from tests.layer_checks import randomize
from tfslim.distillation.frozen_teacher import FrozenTeacher
from tfslim.graph.cloning import clone_model
from tfslim.graph.layer_copier import UnsupportedLayer
from tfslim.layers.l2_normalization import L2Normalization
from tfslim.layers.slim_module import SlimModule

layers = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 8, 8, 3)).astype("float32")


def penalty(weights):
    return 0.01 * keras.ops.sum(keras.ops.square(weights))


def halves(shape, dtype=None):
    return keras.ops.full(shape, 0.5, dtype)


def at_most_one(weights):
    return keras.ops.clip(weights, -1.0, 1.0)


def doubled(x):
    return 2 * keras.ops.relu(x)


def relu(x):
    """One that has the name of Keras' own."""
    return keras.ops.relu(x) + 1.0


class Shift(layers.Layer):
    """A layer in the place of an activation, with a weight."""

    def build(self, shape):
        self.by = self.add_weight(shape=(), name="by")

    def call(self, x):
        return x + self.by


def chain():
    return [layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(), layers.Flatten(), layers.Dense(2)]


def sequential():
    return keras.Sequential([keras.Input((8, 8, 3)), *chain()])


def sequential_built():
    model = keras.Sequential(chain())
    model.build((None, 8, 8, 3))
    return model


def sequential_called():
    model = keras.Sequential(chain())
    model(X)
    return model


def sequential_of_models():
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 3), layers.BatchNormalization()], name="inner")
    return keras.Sequential([keras.Input((8, 8, 3)), inner, layers.Flatten(), layers.Dense(2)])


def sequential_that_begins_with_a_model():
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 3)], name="inner")
    return keras.Sequential([inner, layers.Flatten()])


def branching():
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Rescaling(1 / 127.5, offset=-1.0)(inputs))
    x = layers.Concatenate()([x, layers.Conv2D(3, 1)(x)])
    return keras.Model(inputs, layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(x)), name="branching")


def shared_with_a_nested_model():
    shared = layers.Dense(3, name="shared")
    inner = keras.Sequential([keras.Input((8, 8, 3)), shared, layers.ReLU()], name="inner")
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, shared(inner(shared(inputs))))


def nested_function():
    inputs = keras.Input((8, 8, 3))
    function = keras.Function(inputs, layers.Dense(4, name="within")(inputs), name="function")
    outside = keras.Input((8, 8, 3))
    return keras.Model(outside, layers.Flatten()(function(outside)))


def plain_functions():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(
        4,
        3,
        activation=doubled,
        kernel_initializer=halves,
        kernel_regularizer=penalty,
        bias_regularizer=lambda weights: 0.1 * keras.ops.sum(weights),
        kernel_constraint=at_most_one,
        activity_regularizer=lambda outputs: 1e-3 * keras.ops.sum(outputs),
        name="conv",
    )(inputs)
    x = layers.BatchNormalization(gamma_initializer=halves, beta_regularizer=penalty, name="norm")(x)
    x = layers.ReLU(activity_regularizer=penalty)(layers.Activation(lambda x: x - 1.0)(x))
    x = layers.Lambda(lambda x, by: by * x, arguments={"by": 3.0})(x)
    return keras.Model(inputs, layers.Dense(2, activation=relu, name="head")(layers.Flatten()(x)))


def attention():
    inputs = keras.Input((4, 6))
    x = layers.MultiHeadAttention(2, 3, kernel_regularizer=penalty, bias_constraint=at_most_one)(inputs, inputs)
    return keras.Model(inputs, layers.EinsumDense("abc,cd->abd", (4, 5), activation=doubled)(x))


def own_layer_as_activation():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(3, activation=Shift())(inputs))
    model(np.ones((1, 4), "float32"))  # Keras builds it when it is first called
    return model


def of_operations():
    inputs = keras.Input((8, 8, 3))
    x = keras.ops.relu(inputs[:, ::2]) * np.array([1.0, 2.0, 3.0], "float32") + 1.0
    return keras.Model(inputs, keras.ops.concatenate([keras.ops.mean(x, axis=(1, 2)), keras.ops.max(x, axis=(1, 2))]))


def composites():
    inputs = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(SlimModule(2, name="slim")(inputs))
    return keras.Model(inputs, L2Normalization(8.0, name="unit")(x))


def wrapped():
    inputs = keras.Input((4, 6))
    x = layers.TimeDistributed(layers.Dense(3), name="each")(inputs)
    return keras.Model(inputs, layers.Bidirectional(layers.LSTM(2))(x))


SINGLE = [
    sequential, sequential_built, sequential_called, sequential_of_models, sequential_that_begins_with_a_model,
    branching, shared_with_a_nested_model, nested_function, plain_functions, attention, own_layer_as_activation,
    of_operations, composites, wrapped,
]  # fmt: skip


def given(model):
    return RNG.normal(size=(3, *model.inputs[0].shape[1:])).astype("float32")


def outputs_of(model, values):
    return [np.asarray(output) for output in keras.tree.flatten(model(values))]


def assert_same(model, copy, values):
    for ours, theirs in zip(outputs_of(copy, values), outputs_of(model, values), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [(layer.name, type(layer)) for layer in copy.layers] == [(each.name, type(each)) for each in model.layers]
    assert copy.name == model.name and [w.shape for w in copy.weights] == [w.shape for w in model.weights]


@pytest.mark.parametrize("make", SINGLE)
def test_a_clone_computes_the_same_in_variables_of_its_own(make):
    model = make()
    randomize(model)
    values, before = given(model), model.get_weights()
    copy = clone_model(model)
    assert_same(model, copy, values)
    assert isinstance(copy, keras.Sequential) == isinstance(model, keras.Sequential) and not copy.compiled
    assert not {id(variable) for variable in model.variables} & {id(variable) for variable in copy.variables}
    expected = outputs_of(model, values)
    randomize(copy, seed=2)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(outputs_of(model, values)[0], expected[0])


@pytest.mark.parametrize("make", [sequential, sequential_built, sequential_called])
def test_a_sequential_model_from_a_file_is_cloned_and_opened(make, tmp_path):
    make().save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    assert_same(model, clone_model(model), X)
    opened = clone_model(model, batch_size=None)
    assert opened.inputs[0].shape == (None, 8, 8, 3) and opened.outputs[0].shape == (None, 2)


def test_a_sequential_model_that_is_not_built_stays_so_or_gets_a_shape():
    model = keras.Sequential(chain(), name="chain")
    copy = clone_model(model)
    assert not copy.built and [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    assert clone_model(model, input_shape=(8, 8, 3)).output_shape == (None, 2)
    model.layers[0].build((None, 8, 8, 3))
    randomize(model.layers[0])
    np.testing.assert_array_equal(clone_model(model).layers[0].kernel, model.layers[0].kernel)


@pytest.mark.parametrize("structure", [dict, list])
def test_several_inputs_and_outputs_keep_their_structure(structure):
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right", dtype="int32")
    both = layers.Add(name="both")([left, layers.Rescaling(1.0)(right)])
    heads = {"second": layers.Dense(2, name="a")(both), "first": layers.Dense(3, name="b")(both)}
    inputs, values = {"right": right, "left": left}, {"right": np.ones((3, 4), "int32"), "left": X[:, 0, :4, 0]}
    if structure is list:
        inputs, heads, values = [left, right], list(heads.values()), [values["left"], values["right"]]
    model = keras.Model(inputs, heads)
    copy = clone_model(model)
    assert_same(model, copy, values)
    assert [tensor.name for tensor in copy.inputs] == ["left", "right"] and type(copy.output) is type(model.output)
    shapes = clone_model(model, batch_size=1, input_dtype=lambda dtype: "int64" if dtype == "int32" else dtype).inputs
    assert [(tensor.shape, tensor.dtype) for tensor in shapes] == [((1, 4), "float32"), ((1, 4), "int64")]
    with pytest.raises(ValueError, match="has 2 inputs; give a dictionary from their names to their shapes: left"):
        clone_model(model, input_shape=(4,))
    with pytest.raises(ValueError, match="no input 'up'; it has left, right"):
        clone_model(model, input_shape={"up": (4,)})
    with pytest.raises(ValueError, match=r"\(4, 4\) for input 'left', whose shape is \(4,\)"):
        clone_model(model, input_shape={"left": (4, 4)})


def test_functions_of_the_users_own_work_on_in_training():
    model = plain_functions()
    copy = clone_model(model)
    losses = [sum(float(loss) for loss in (each(X), each.losses)[1]) for each in (model, copy)]
    assert losses[0] == losses[1] > 0 and len(copy.losses) == len(model.losses) == 5
    conv = copy.get_layer("conv")
    assert conv.kernel_initializer is halves and conv.kernel_regularizer is penalty
    conv.kernel.assign(keras.ops.full(conv.kernel.shape, 3.0))
    copy.compile("sgd", "mse")
    copy.fit(X, np.zeros((3, 2)), verbose=0)
    assert np.abs(conv.kernel).max() <= 1.0  # by its constraint
    assert attention().layers[1]._kernel_regularizer is clone_model(attention()).layers[1]._kernel_regularizer


def test_what_is_frozen_stays_so_layer_by_layer():
    model = sequential_of_models()
    inner = model.layers[0]
    inner.trainable = False
    inner.layers[1].trainable = True
    model.layers[2].kernel.trainable = False
    copy = clone_model(model)
    assert not copy.layers[0].trainable and [layer.trainable for layer in copy.layers[0].layers] == [False, True]
    assert [weight.trainable for weight in copy.weights] == [weight.trainable for weight in model.weights]
    slim = composites()
    slim.get_layer("slim").body.layers[1].trainable = False
    assert len(clone_model(slim).trainable_weights) == len(slim.trainable_weights)


def test_random_layers_draw_seeds_of_their_own():
    inputs = keras.Input((64,))
    model = keras.Model(inputs, layers.Dropout(0.5, seed=3, name="told")(layers.Dropout(0.5, name="free")(inputs)))
    ones = np.ones((1, 64), "float32")
    first = np.asarray(model.get_layer("told")(ones, training=True))
    copy = clone_model(model)
    np.testing.assert_array_equal(np.asarray(copy.get_layer("told")(ones, training=True)), first)
    states = [each.get_layer("free").seed_generator.state for each in (model, copy)]
    assert states[0] is not states[1] and not np.array_equal(*map(np.asarray, states))


def difference(y_true, y_pred):
    return keras.ops.mean(y_true - y_pred)


def test_a_clone_is_compiled_on_request_where_keras_can_compile_it_again():
    model = sequential()
    model.compile("adam", "mse")
    assert clone_model(model, keep_compiled=True).compiled and not clone_model(model).compiled
    model.compile("adam", difference)
    assert not clone_model(model, keep_compiled=True).compiled and model.compiled


def test_an_adapted_normalization_is_cloned_as_it_was_adapted():
    layer, inputs = layers.Normalization(), keras.Input((8, 8, 3))
    layer.adapt(X)
    chain, model = keras.Sequential([keras.Input((8, 8, 3)), layer]), keras.Model(inputs, layer(inputs))
    expected = (X - X.mean((0, 1, 2))) / X.std((0, 1, 2))
    copies = [clone_model(chain), clone_model(model), lambda x: FrozenTeacher(model, ["output"])(x)["output"]]
    for copy in copies:
        np.testing.assert_allclose(np.asarray(copy(X)), expected, rtol=1e-4, atol=1e-5)


def computing(model):
    return {layer.name: layer.compute_dtype for layer in model.layers if not isinstance(layer, layers.InputLayer)}


def test_mixed_precision_keeps_float32_variables_pixels_and_outputs():
    model = branching()
    copy = clone_model(model, dtype="mixed_bfloat16")
    found = computing(copy)
    kept = {name for name, dtype in found.items() if dtype == "float32"}
    assert kept == {"logits", *(name for name in found if name.startswith("rescaling"))}
    assert {weight.dtype for weight in copy.weights} == {"float32"}
    np.testing.assert_allclose(np.asarray(copy(X)), np.asarray(model(X)), rtol=0.03, atol=0.03)
    back = clone_model(copy, dtype="float32")
    assert set(computing(back).values()) == {"float32"}
    np.testing.assert_array_equal(np.asarray(back(X)), np.asarray(model(X)))


def test_all_from_unit_length_on_stays_float32_inside_nested_models_too():
    inputs = keras.Input((8,))
    x = layers.UnitNormalization(name="unit")(layers.Dense(4, name="embedding")(inputs))
    inner = keras.Model(inputs, x, name="inner")
    outer = keras.Input((8,))
    side = layers.Dense(4, name="side")(outer)
    long = L2Normalization(2.0, name="long")(layers.Dense(4, name="before")(side))
    x = layers.Add(name="sum")([layers.Dense(4, name="cosines")(inner(outer)), side])
    x = layers.Add(name="both")([x, layers.Dense(4, name="after")(long)])
    copy = clone_model(keras.Model(outer, layers.Rescaling(8.0, name="logits")(x)), dtype="mixed_bfloat16")
    found = computing(copy) | computing(copy.get_layer("inner"))
    exact = ("unit", "long", "after", "cosines", "sum", "both", "logits")
    found.pop("inner")
    assert found == {name: "float32" if name in exact else "bfloat16" for name in found}


def test_policies_inside_nested_models_wrappers_and_composites_are_replaced():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        body = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="inner")], name="body")
        inputs = keras.Input((8, 8, 3))
        x = layers.Reshape((6, -1))(SlimModule(4, name="slim")(body(inputs)))
        x = layers.TimeDistributed(layers.Dense(2), name="each")(x)
        x = layers.Lambda(lambda x, dtype: keras.ops.cast(x, dtype), arguments={"dtype": "bfloat16"})(x)
        model = keras.Model(inputs, layers.Dense(2, dtype="float32")(layers.Flatten()(x)))
        copy = clone_model(model, dtype="float32")
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)
    inside = [layer for layer in copy._flatten_layers(include_self=False) if not isinstance(layer, layers.InputLayer)]
    assert len(inside) > 15 and {layer.compute_dtype for layer in inside} == {"float32"}
    assert next(layer for layer in copy.layers if isinstance(layer, layers.Lambda)).arguments == {"dtype": "bfloat16"}
    np.testing.assert_allclose(np.asarray(copy(X), "float32"), np.asarray(model(X), "float32"), atol=0.1)


def test_layers_of_integers_keep_their_type():
    inputs = keras.Input((3,), dtype="int32")
    model = keras.Model(inputs, layers.Embedding(5, 2)(layers.Permute((1,), dtype="int32", name="order")(inputs)))
    copy = clone_model(model, dtype="mixed_bfloat16")
    assert copy.get_layer("order").compute_dtype == "int32" and copy.inputs[0].dtype == "int32"


class Louder(layers.ReLU):
    def call(self, x):
        return 2 * super().call(x)


def test_other_classes_and_open_sizes_inside_nested_models_too():
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same"), layers.ReLU()], name="inner")
    inputs = keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(inner(inputs))
    chained = keras.Sequential([keras.Input((8, 8, 3)), inner, layers.GlobalAveragePooling2D()])
    for model in (keras.Model(inputs, pooled), chained):
        copy = clone_model(model, input_shape=(None, None, 3), replace={layers.ReLU: Louder})
        np.testing.assert_array_equal(np.asarray(copy(X)), 2 * np.asarray(model(X)))
        assert copy(X[:, :5]).shape == (3, 3) and model.input_shape == (None, 8, 8, 3)
    assert type(inner.layers[1]) is layers.ReLU


def test_a_size_that_a_layer_cannot_take_is_said_by_the_layer():
    with pytest.raises(ValueError, match="dense"):
        clone_model(sequential(), input_shape=(9, 9, 3))


class Unwritten(layers.Layer):
    def __init__(self, factor):
        super().__init__(name="odd")
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def compute_output_shape(self, input_shape):
        return input_shape


class Forgetful(layers.Dense):
    def get_config(self):
        return {**super().get_config(), "units": 5}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            lambda: Unwritten(np.float32(2.0)),
            r"layer 'odd' \(Unwritten\): can't be copied, as its class has no get_conf",
        ),
        (lambda: Forgetful(3, name="other"), r"layer 'other' \(Forgetful\): can't be copied: .* expected \[\(6, 3\)"),
        (
            lambda: layers.TimeDistributed(Unwritten(np.float32(2.0)), name="each"),
            r"layer 'each' \(TimeDistributed\): can't be copied with .* layer 'odd' \(Unwritten\): can't be copied, as",
        ),
    ],
)
def test_a_layer_that_cannot_be_copied_is_named(layer, message):
    inputs = keras.Input((4, 6))
    with pytest.raises(UnsupportedLayer, match=message):
        clone_model(keras.Model(inputs, layer()(inputs)))


def test_weights_quantized_by_keras_have_no_other_type():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, layers.Dense(4, name="head")(inputs), name="small")
    with warnings.catch_warnings():
        # Keras' own: of the input layer that has no weights, and of numpy's copy keyword.
        warnings.simplefilter("ignore")
        model.quantize("int8")
    with pytest.raises(ValueError, match="layer 'head' of model 'small' holds Keras-quantized weights"):
        clone_model(model, dtype="float32")
    np.testing.assert_array_equal(clone_model(model).get_layer("head").kernel, model.get_layer("head").kernel)
