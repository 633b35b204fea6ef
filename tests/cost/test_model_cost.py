"""`tfslim.measure` against hand counts, published figures and the kernels' own shapes."""

import json
from math import prod

import keras
import numpy as np
import pytest

import tfslim
from tfslim.layers import SlimModule

layers = keras.layers


def macs_from_kernels(model: keras.Model) -> int:
    """An independent count: every kernel entry is used once at each output position."""
    total = 0
    for layer in model._flatten_layers():
        if isinstance(layer, keras.Model) or not layer.weights:
            continue
        kernels = [weight.shape for weight in layer.weights if len(weight.shape) > 1]
        total += sum(prod(kernel) for kernel in kernels) * prod(layer.output.shape[1:-1])
    return total


@pytest.mark.parametrize(
    ("build", "options", "millions"),
    [
        (keras.applications.MobileNet, {}, 568.7),
        (keras.applications.MobileNetV2, {}, 300.8),
        (keras.applications.ResNet50, {}, 3858.0),
        # Without the dense layers, whose 124 M weights would cost half a gigabyte here: 15,470 M - 123.6 M.
        (keras.applications.VGG16, {"include_top": False, "input_shape": (224, 224, 3)}, 15_346.6),
    ],
)
def test_keras_applications(build, options, millions):
    model = build(weights=None, **options)
    cost = tfslim.measure(model)
    assert round(cost.macs / 1e6, 1) == millions
    assert cost.macs == macs_from_kernels(model)
    assert cost.params == model.count_params() == sum(layer.params for layer in cost.layers)
    assert cost.uncounted == []


def test_slimnet_costs_what_the_paper_says():
    model = tfslim.models.SlimNet()
    cost = tfslim.measure(model)
    assert cost.trainable_params == 571_304
    assert cost.macs == macs_from_kernels(model) == 244_349_952
    assert cost.bytes == {"float32": 4 * 583_976}


@pytest.mark.parametrize(
    ("alpha", "trainable", "millions"),
    [
        (1.0, 3_247_976, {224: 567.8, 192: 417.1, 160: 289.7, 128: 185.4}),
        (0.75, 1_847_320, {224: 324.7, 192: 238.5, 160: 165.7, 128: 106.0}),
        (0.5, 839_112, {224: 149.0, 192: 109.5, 160: 76.0, 128: 48.7}),
        (0.25, 223_352, {224: 40.8, 192: 30.0, 160: 20.8, 128: 13.3}),
    ],
)
def test_mobilenet_at_every_width_and_resolution(alpha, trainable, millions):
    model = tfslim.models.MobileNet((None, None, 3), alpha=alpha)
    costs = {size: tfslim.measure(model, (size, size, 3)) for size in millions}
    assert {size: round(cost.macs / 1e6, 1) for size, cost in costs.items()} == millions
    assert {cost.trainable_params for cost in costs.values()} == {trainable}


@pytest.mark.parametrize(
    ("options", "millions"),
    [
        ({"module": "standard"}, 2115.6),
        ({"module": "fire"}, 267.7),
        ({"module": "separable"}, 244.0),
        ({"module": "flame"}, 80.0),
        ({"module": "flame", "shrink": True}, 25.3),
        ({"module": "flame", "shallow": True}, 46.9),
        ({"module": "flame", "shrink": True, "shallow": True}, 14.5),
    ],
)
def test_vgg11_variants(options, millions):
    assert round(tfslim.measure(tfslim.models.VGG11(**options)).macs / 1e6, 1) == millions


@pytest.mark.parametrize(("pool_after", "millions"), [((3, 5), 352.5), ((4, 8), 686.9)])
def test_squeezenet(pool_after, millions):
    cost = tfslim.measure(tfslim.models.SqueezeNet(pool_after=pool_after))
    assert round(cost.macs / 1e6, 1) == millions
    assert cost.trainable_params == 1_243_384


def test_a_layer_called_twice_costs_its_macs_twice_and_its_parameters_once():
    inputs = [keras.Input((4, 4, 2)), keras.Input((8, 8, 2))]
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    cost = tfslim.measure(keras.Model(inputs, [shared(x) for x in inputs]))
    (row,) = [row for row in cost.layers if row.name == "shared"]
    assert row.calls == 2
    assert row.macs == cost.macs == (16 + 64) * 9 * 2 * 3
    assert row.params == cost.params == 9 * 2 * 3 + 3


def test_a_call_outside_the_model_does_not_count():
    x = keras.Input((4, 4, 2))
    shared = layers.Conv2D(3, 3, padding="same")
    model = keras.Model(x, shared(x))
    shared(keras.Input((8, 8, 2)))
    assert tfslim.measure(model).macs == 16 * 9 * 2 * 3


def test_nested_models_are_counted_at_the_size_they_are_called_with():
    inner_input = keras.Input((None, None, 2))
    inner = keras.Model(inner_input, layers.Conv2D(3, 1, name="conv")(inner_input), name="inner")
    small, large = keras.Input((4, 4, 2)), keras.Input((8, 8, 2))
    sequence = keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(5, name="dense")], name="head")
    model = keras.Model([small, large], [inner(small), sequence(inner(large))])
    cost = tfslim.measure(model)
    rows = {row.name: row for row in cost.layers}
    assert rows["inner/conv"].macs == (16 + 64) * 2 * 3
    assert rows["head/dense"].macs == 15
    assert cost.macs == 80 * 6 + 15
    assert cost.params == (2 * 3 + 3) + (3 * 5 + 5) == sum(row.params for row in cost.layers)


def test_sequential_and_many_outputs():
    sequence = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dense(2)])
    assert tfslim.measure(sequence).macs == 6 * 4 + 4 * 2
    x = keras.Input((6,))
    trunk = layers.Dense(4)(x)
    heads = {"a": layers.Dense(1)(trunk), "b": layers.Dense(3)(trunk)}
    assert tfslim.measure(keras.Model(x, heads)).macs == 6 * 4 + 4 * 1 + 4 * 3


def test_our_own_layers_are_opened():
    x = keras.Input((20, 20, 3))
    as_layer = keras.Model(x, SlimModule(4, name="slim")(x))
    as_graph = keras.Model(x, SlimModule(4, name="slim").flat(x))
    one, flat = tfslim.measure(as_layer), tfslim.measure(as_graph)
    assert one.macs == flat.macs == macs_from_kernels(as_graph)
    assert one.params == flat.params == sum(row.params for row in one.layers)
    assert one.uncounted == []


@keras.saving.register_keras_serializable("test_cost")
class Scale(layers.Layer):
    """Somebody's own layer with a weight and no matrix product."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), name="scale")

    def call(self, x):
        return keras.ops.relu(x * self.scale)


@keras.saving.register_keras_serializable("test_cost")
class Mixing(layers.Layer):
    """Somebody's own layer that multiplies matrices by hand."""

    def build(self, input_shape):
        self.matrix = self.add_weight(shape=(input_shape[-1], 3), name="matrix")

    def call(self, x):
        return keras.ops.matmul(x, self.matrix)


class Unreadable(layers.Layer):
    """Somebody's own layer that does not work on symbolic tensors."""

    def call(self, x):
        return keras.ops.convert_to_tensor(np.zeros(x.shape[0], "float32")) + x

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


def test_what_no_rule_knows_is_named():
    x = keras.Input((6,), name="x")
    scaled = Scale(name="scale")(x)
    mixed = Mixing(name="mixing")(scaled)
    secret = Unreadable(name="secret")(mixed)
    recurrent = layers.LSTM(2, name="lstm")(layers.Reshape((3, 1))(secret))
    model = keras.Model(x, layers.Dense(1, name="dense")(recurrent))
    cost = tfslim.measure(model)
    assert cost.uncounted == ["mixing/Matmul", "secret", "lstm"]
    assert cost.macs == 2
    assert cost.params == model.count_params() == sum(row.params for row in cost.layers)
    assert "without the MACs of: mixing" in str(cost)
    assert "not counted" in cost.table()


def test_the_model_is_left_unchanged():
    x = keras.Input((12, 12, 3))
    y = layers.GlobalAveragePooling2D()(Scale()(SlimModule(2)(x)))
    model = keras.Model(x, layers.Dense(2)(y))

    def state():
        nodes = [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in model._flatten_layers()]
        return model.to_json(), nodes, len(model.losses), [layer.trainable for layer in model.layers]

    before, weights = state(), model.get_weights()
    first, second = tfslim.measure(model), tfslim.measure(model)
    assert first == second
    assert state() == before
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_open_extents_are_named_and_can_be_given():
    image, extra = keras.Input((None, None, 3), name="image"), keras.Input((4,), name="extra")
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, padding="same", name="conv")(image))
    model = keras.Model([image, extra], layers.Dense(1)(layers.Concatenate()([y, extra])))
    advice = r"'conv'.*image \(None, None, 3\).*measure\(model, input_shapes={\"image\": \(\.\.\., \.\.\., 3\)}\)"
    with pytest.raises(ValueError, match=advice):
        tfslim.measure(model)
    assert tfslim.measure(model, {"image": (8, 10, 3)}).macs == 80 * 9 * 3 * 2 + 6
    with pytest.raises(ValueError, match=r"names photo, but the inputs of .* are image, extra"):
        tfslim.measure(model, {"photo": (8, 8, 3)})
    with pytest.raises(ValueError, match="has 2 inputs; pass input_shapes as a dictionary with the keys image, extra"):
        tfslim.measure(model, (8, 8, 3))
    with pytest.raises(ValueError, match=r"got \(8, 8, 1\) for image, but the model expects \(None, None, 3\)"):
        tfslim.measure(model, {"image": (8, 8, 1)})
    with pytest.raises(ValueError, match=r"got \(8, 8\) for image"):
        tfslim.measure(model, {"image": (8, 8)})


def test_an_extent_lost_between_fixed_inputs_and_a_layer_has_advice_that_helps():
    x = keras.Input((4, 4, 2))
    lost = layers.Lambda(lambda value: value, output_shape=(None, None, 2))
    with pytest.raises(ValueError, match=r"'dense'.*All inputs have fixed shapes.*set output_shape on a Lambda"):
        tfslim.measure(keras.Model(x, layers.Dense(3, name="dense")(lost(x))))
    told = layers.Lambda(lambda value: value, output_shape=(4, 4, 2))
    assert tfslim.measure(keras.Model(x, layers.Dense(3, name="dense")(told(x)))).macs == 16 * 2 * 3


def test_only_the_inputs_that_are_still_open_are_named():
    image = keras.Input((None, None, 3), name="image")
    model = keras.Model(image, layers.Conv2D(2, 3, name="conv")(image))
    with pytest.raises(ValueError, match=r"image \(8, None, 3\). Pass them: .*input_shapes=\(8, \.\.\., 3\)\)"):
        tfslim.measure(model, (8, None, 3))


def test_a_nested_model_called_by_its_inputs_names_is_counted_at_their_sizes():
    wide, narrow = keras.Input((8,), name="z"), keras.Input((2,), name="a")
    inner = keras.Model([wide, narrow], layers.Add()([layers.Dense(3)(wide), layers.Dense(3)(narrow)]))
    first, second = keras.Input((8,)), keras.Input((2,))
    model = keras.Model([first, second], inner({"a": second, "z": first}))
    assert tfslim.measure(model).macs == 8 * 3 + 2 * 3


def test_an_open_extent_that_no_count_needs_is_no_error():
    tokens = keras.Input((None,), dtype="int32")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(10, 4)(tokens))
    assert tfslim.measure(keras.Model(tokens, layers.Dense(3)(x))).macs == 12


def test_a_fixed_batch_does_not_multiply_the_macs():
    x = keras.Input(batch_shape=(16, 4, 4, 2))
    assert tfslim.measure(keras.Model(x, layers.Conv2D(3, 1)(x))).macs == 16 * 2 * 3


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="subclassed")
        self.dense = layers.Dense(3, name="dense")

    def call(self, x):
        return self.dense(x)


def test_models_without_a_graph():
    with pytest.raises(TypeError, match=r"'subclassed' \(Subclassed\) is a subclassed keras.Model.* tfslim.measure"):
        tfslim.measure(Subclassed())
    with pytest.raises(TypeError, match="is a Sequential model that is not built"):
        tfslim.measure(keras.Sequential([layers.Dense(2)]))
    x = keras.Input((5,))
    assert tfslim.measure(keras.Model(x, Subclassed()(x))).macs == 15


def test_bytes_by_dtype_and_frozen_layers():
    x = keras.Input((5,))
    half = layers.Dense(3, dtype="float16", name="half")(x)
    brain = layers.Dense(3, dtype="bfloat16", use_bias=False)(half)
    mixed = layers.Dense(2, dtype="mixed_float16")(brain)
    model = keras.Model(x, mixed)
    model.get_layer("half").trainable = False
    cost = tfslim.measure(model)
    assert cost.bytes == {"float16": 2 * 18, "bfloat16": 2 * 9, "float32": 4 * 8}
    assert cost.total_bytes == 36 + 18 + 32
    assert (cost.params, cost.trainable_params) == (35, 17)
    assert {row.name: row.trainable_params for row in cost.layers}["half"] == 0


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_quantised_dense_keeps_its_macs_and_shrinks():
    x = keras.Input((64,))
    dense = layers.Dense(32, use_bias=False)
    model = keras.Model(x, dense(x))
    dense.quantize("int8")
    cost = tfslim.measure(model)
    assert cost.macs == 64 * 32
    assert cost.bytes["int8"] == 64 * 32


def test_channels_first():
    x = keras.Input((3, 8, 8))
    y = layers.Conv2D(5, 3, data_format="channels_first", padding="same")(x)
    y = layers.DepthwiseConv2D(3, data_format="channels_first")(y)
    assert tfslim.measure(keras.Model(x, y)).macs == 64 * 9 * 3 * 5 + 36 * 9 * 5


def test_text_and_json():
    x = keras.Input((4, 4, 2))
    cost = tfslim.measure(keras.Model(x, layers.Conv2D(500, 3, name="conv")(x), name="tiny"))
    assert str(cost).splitlines() == [
        "tiny",
        "parameters     9,500",
        "  trainable    9,500",
        "MACs          36,000  0.04 M per example",
        "weight bytes  38,000  float32",
    ]
    table = cost.table().splitlines()
    assert table[2].split() == ["conv", "Conv2D", "2x2x500", "1", "9,500", "36,000", "38,000"]
    assert table[-1].split() == ["total", "9,500", "36,000", "38,000"]
    assert json.loads(json.dumps(cost.to_dict()))["macs"] == 36_000
