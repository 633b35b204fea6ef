"""The diagnosis of a layer agrees with the lint of the file that the layer becomes."""

import keras
import pytest

import tfslim.litert
from tests.litert.quick_conversion import int8_file, one_layer
from tfslim.litert.edgetpu.keras_operations import ACTIVATIONS, OPERATIONS

K, L = keras.ops, keras.layers


def conv(x, **settings):
    return L.Conv2D(8, 3, padding="same", **settings)(x)


def sequence(x):
    return L.Reshape((16, 48))(x)


# Each gives the Edge TPU what it takes.
CLEAN = {
    **{
        f"activation {name}": lambda x, name=name: conv(x, activation=name)
        for name in ("relu", "relu6", "sigmoid", "silu", "tanh", "hard_sigmoid", "hard_tanh", "glu", "tanh_shrink")
    },
    "softmax": lambda x: L.Dense(5, activation="softmax")(L.Flatten()(x)),
    "depthwise": lambda x: L.DepthwiseConv2D(3, depth_multiplier=2, dilation_rate=2)(x),
    "separable": lambda x: L.SeparableConv2D(4, 3)(x),
    "transposed": lambda x: L.Conv2DTranspose(4, 3, strides=2)(conv(x)),
    "conv1d": lambda x: L.Conv1D(4, 3, strides=2)(sequence(x)),
    "pools": lambda x: L.Concatenate()([L.MaxPooling2D(2)(conv(x)), L.AveragePooling2D(2)(x)]),
    "global pools": lambda x: L.Add()([L.GlobalMaxPooling2D()(conv(x)), L.GlobalAveragePooling2D()(conv(x))]),
    "relu after global": lambda x: L.ReLU()(L.GlobalAveragePooling2D()(conv(x))),
    "relu after concat": lambda x: L.ReLU()(L.Concatenate()([conv(x), conv(x)])),
    "relu of 1": lambda x: L.ReLU(max_value=1.0)(conv(x)),
    "prelu": lambda x: L.PReLU(shared_axes=[1, 2])(L.MaxPooling2D(2)(conv(x))),
    "resizing": lambda x: L.Resizing(24, 24)(conv(x)),
    "bilinear": lambda x: L.UpSampling2D(2, interpolation="bilinear")(conv(x)),
    "cropping": lambda x: L.ZeroPadding2D(1)(L.Cropping2D(1)(conv(x))),
    "slice": lambda x: conv(x)[:, 2:8, :, :4],
    "permute": lambda x: L.Permute((2, 1, 3))(conv(x)),
    "normalisation": lambda x: L.BatchNormalization()(L.Normalization(mean=[1.0, 2, 3], variance=[1.0, 2, 3])(x)),
    "arithmetic": lambda x: L.Average()([conv(x), L.Subtract()([conv(x), 1.0 - conv(x)])]) * 0.5,
    "constant divisor": lambda x: conv(x) / 3.0,
    "square as power": lambda x: K.power(K.relu(conv(x)), 2),
    "mean of channels": lambda x: K.mean(conv(x), axis=-1),
    "variance": lambda x: K.var(conv(x), axis=-1),
    "padding": lambda x: K.pad(conv(x), ((0, 0), (1, 1), (1, 1), (0, 0))),
    "split": lambda x: K.concatenate(K.split(conv(x), 2, axis=-1)[::-1], axis=-1),
    "minimum": lambda x: L.Minimum()([conv(x), conv(x)]),
}
# name -> (layers, the rule, whether prepare_for_edgetpu cures it)
BROKEN = {
    **{
        name: (lambda x, name=name: L.Activation(name)(conv(x)), rule, name in ("hard_silu", "leaky_relu"))
        for name, (rule, *_) in ACTIVATIONS.items()
        if name not in ("threshold", "sparsemax")
    },
    **{
        f"keras.ops.{name}": (lambda x, name=name: getattr(K, name)(conv(x)), OPERATIONS[kind].rule, False)
        for name, kind in {
            "abs": "Absolute",
            "sign": "Sign",
            "floor": "Floor",
            "sin": "Sin",
            "negative": "Negative",
            "square": "Square",
            "sqrt": "Sqrt",
            "exp": "Exp",
            "log1p": "Log1p",
            "reciprocal": "Reciprocal",
        }.items()
    },
    "keras.ops.gelu": (lambda x: K.gelu(conv(x)), "E4", False),
    "keras.ops.hard_swish": (lambda x: K.hard_swish(conv(x)), "E19", True),
    "fused hard_swish": (lambda x: conv(x, activation="hard_swish"), "E19", True),
    "LeakyReLU": (lambda x: L.LeakyReLU(0.3)(conv(x)), "E19", True),
    "ELU": (lambda x: L.ELU()(conv(x)), "E12", False),
    "ReLU with a slope": (lambda x: L.ReLU(negative_slope=0.1)(conv(x)), "E19", True),
    "ReLU with a threshold": (lambda x: L.ReLU(threshold=0.5)(conv(x)), "E19", False),
    "PReLU": (lambda x: L.PReLU()(conv(x)), "E24", False),
    "groups": (lambda x: L.Conv2D(8, 3, groups=2)(conv(x)), "E17", True),
    "dilation": (lambda x: L.Conv2D(8, 3, dilation_rate=(1, 2), padding="same")(x), "E18", True),
    "dense on a map": (lambda x: L.Dense(5)(conv(x)), "E16", True),
    "dense on a sequence": (lambda x: L.Dense(5)(sequence(x)), "E16", True),
    "nearest": (lambda x: L.UpSampling2D(2)(conv(x)), "E5", True),
    "up-sampling in time": (lambda x: L.UpSampling1D(2)(sequence(x)), "E5", False),
    "repeated": (lambda x: L.RepeatVector(3)(L.Flatten()(x)), "E5", False),
    "softmax of a map": (lambda x: L.Softmax()(conv(x)), "E22", False),
    "softmax of many": (lambda x: L.Softmax()(L.Reshape((17408,))(L.Conv2D(68, 1)(x))), "E22", False),
    "relu after max pooling": (lambda x: L.ReLU()(L.MaxPooling2D(2)(conv(x))), "E20", True),
    "relu after average pooling": (lambda x: L.ReLU(6.0)(L.AveragePooling2D(2)(conv(x))), "E20", True),
    "steps": (lambda x: conv(x)[:, ::2, ::2], "E23", True),
    "backwards": (lambda x: conv(x)[:, ::-1], "E23", False),
    "reflected": (lambda x: K.pad(conv(x), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"), "E19", False),
    "padded by 1": (lambda x: K.pad(conv(x), ((0, 0), (1, 1), (0, 0), (0, 0)), constant_values=1.0), "E19", False),
    "division": (lambda x: conv(x) / (conv(x) + 2.0), "E19", False),
    "matmul": (lambda x: K.matmul(conv(x), K.transpose(conv(x), (0, 1, 3, 2))), "E19", False),
    "einsum": (lambda x: K.einsum("bhwc,bhwd->bhcd", conv(x), conv(x)), "E19", False),
    "where": (lambda x: K.where(conv(x) > 0, conv(x), conv(x) * 2), "E19", False),
    "flip": (lambda x: K.flip(conv(x), axis=2), "E19", False),
    "cast": (lambda x: K.cast(K.cast(conv(x), "int32"), "float32"), "E12", False),
    "tile": (lambda x: K.tile(conv(x), (1, 2, 1, 1)), "E5", False),
    "take": (lambda x: K.take(conv(x), K.array([0, 2]), axis=-1), "E19", False),
    "cumsum": (lambda x: K.cumsum(conv(x), axis=1), "E12", False),
    "standard deviation": (lambda x: K.std(conv(x), axis=-1), "E5", False),
    "mean of three channels": (lambda x: K.mean(x, axis=-1), "E21", False),
    "stack": (lambda x: K.stack([conv(x), conv(x)], axis=1), "E27", False),
    "shuffle": (lambda x: L.Reshape((16, 16, 2, 4))(conv(x)), "E27", False),
    "layer norm": (lambda x: L.LayerNormalization()(conv(x)), "E12", False),
    "group norm": (lambda x: L.GroupNormalization(2)(conv(x)), "E12", False),
    "unit norm": (lambda x: L.UnitNormalization()(L.Dense(5)(L.Flatten()(conv(x)))), "E12", False),
    "attention": (lambda x: L.MultiHeadAttention(2, 8)(sequence(x), sequence(x)), "E19", False),
    "conv3d": (lambda x: L.Conv3D(4, (3, 3, 1))(L.Reshape((16, 16, 3, 1))(x)), "E12", False),
    "adaptive pooling": (lambda x: L.AdaptiveAveragePooling2D(5)(conv(x)), "E19", False),
    "unrolled recurrence": (lambda x: L.SimpleRNN(4, unroll=True)(L.Reshape((4, 192))(x)), None, False),
}


@pytest.mark.parametrize("name", CLEAN)
def test_what_the_linter_passes_the_doctor_passes(name, tmp_path):
    model = one_layer(CLEAN[name])
    assert tfslim.litert.lint(int8_file(model, tmp_path / "x.tflite")).errors == []
    diagnosis = tfslim.litert.diagnose(model)
    assert diagnosis.ok and diagnosis.findings == [] and "no findings for the Edge TPU" in str(diagnosis)


@pytest.mark.parametrize("name", BROKEN)
def test_what_the_doctor_finds_the_linter_finds(name, tmp_path):
    layers, rule, exact = BROKEN[name]
    model = one_layer(layers)
    diagnosis = tfslim.litert.diagnose(model)
    found = {finding.rule.id: finding for finding in diagnosis.findings}
    errors = {finding.rule.id for finding in tfslim.litert.lint(int8_file(model, tmp_path / "x.tflite")).errors}
    assert errors
    if rule:
        assert rule in errors and rule in found, (sorted(errors), sorted(found))
        assert found[rule].cured_by == ("prepare_for_edgetpu" if exact else "")
        assert diagnosis.ok == exact
        shown = str(diagnosis)
        assert found[rule].layer in shown and found[rule].rule.why in shown
        assert found[rule].cure and (exact or found[rule].cure in shown)


def test_open_batch_is_said_once_and_convert_cures_it():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, L.Dense(4)(L.Flatten()(L.Conv2DTranspose(2, 2, name="up")(inputs))), name="open")
    (finding,) = tfslim.litert.diagnose(model).findings
    assert (finding.rule.id, finding.layer, finding.cured_by) == ("E7", "", "convert")
    assert finding.found.startswith("the batch is open, so that up, flatten")


def test_layers_inside_models_and_composite_layers_are_named_by_their_path():
    inner = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3, activation="gelu", name="conv")], name="body")
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, L.LeakyReLU(name="leak")(inner(inputs)))
    findings = tfslim.litert.diagnose(model).findings
    assert [(finding.layer, finding.rule.id) for finding in findings] == [("body/conv", "E4"), ("leak", "E19")]


def test_recurrent_layers_are_known_without_conversion():
    inputs = keras.Input((8, 4))
    model = keras.Model(inputs, L.LSTM(3, name="memory")(inputs))
    (finding,) = tfslim.litert.diagnose(model).findings
    assert (finding.layer, finding.rule.id) == ("memory", "E2") and "crashes" in finding.found


def test_layer_whose_code_cannot_be_read_is_unknown_not_clean():
    class Odd(L.Layer):
        def call(self, x):
            return x if bool(K.convert_to_numpy(x).any()) else -x

        def compute_output_shape(self, shape):
            return shape

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, x.dtype)

    inputs = keras.Input((4,))
    diagnosis = tfslim.litert.diagnose(keras.Model(inputs, Odd(name="odd")(inputs)))
    assert diagnosis.unread == ["odd"] and not diagnosis.ok and "odd: its code can't be read" in str(diagnosis)


def test_subclassed_models_and_others_are_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(TypeError, match=r"\(Own\) is a subclassed keras.Model, whose graph of layers can't be read"):
        tfslim.litert.diagnose(Own())
    with pytest.raises(TypeError, match="model must be a keras.Model, got 'model.keras'"):
        tfslim.litert.diagnose("model.keras")


def test_findings_are_plain_values():
    model = one_layer(lambda x: L.LeakyReLU(0.3, name="leak")(x))
    shown = tfslim.litert.diagnose(model).to_dict()
    assert shown["model"] == "tiny" and shown["ok"]
    (finding,) = shown["findings"]
    assert (finding["layer"], finding["rule"], finding["cured_by"]) == ("leak", "E19", "prepare_for_edgetpu")
