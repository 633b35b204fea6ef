"""The zoo on small images: what comes out, what the layers are called, what is refused."""

import re

import keras
import numpy as np
import pytest

from tests.layer_checks import randomize
from tfslim.models import VGG11, MobileNet, ResNet18, SlimNet, SqueezeNet

SMALL = {
    "slimnet": lambda: SlimNet((64, 64, 3), classes=5),
    "mobilenet": lambda: MobileNet((32, 48, 3), classes=5, alpha=0.25),
    "resnet18": lambda: ResNet18((33, 32, 3), classes=5, head=(8,)),
    "squeezenet": lambda: SqueezeNet((32, 32, 3), embedding=16),
    "squeezenet-classes": lambda: SqueezeNet((15, 15, 3), classes=5, embedding=16),
    **{
        f"vgg11-{module}": lambda module=module: VGG11((32, 40, 3), classes=5, module=module, shrink=True)
        for module in ("standard", "fire", "separable", "flame")
    },
}
# What Keras calls a layer that was given no name: the snake case of its class, and perhaps a number.
UNNAMED = re.compile(
    r"(conv2d|depthwise_conv2d|batch_normalization|re_lu|dense|dropout|flatten_\d|concatenate|input_layer|rescaling_\d|"
    r"max_pooling2d|global_average_pooling2d|zero_padding2d)(_\d+)?"
)


@pytest.fixture(params=SMALL, scope="module")
def model(request):
    return SMALL[request.param]()


def test_pixels_in_finite_float32_logits_out(model):
    randomize(model)
    pixels = np.random.default_rng(0).integers(0, 256, size=(2, *model.input_shape[1:]), dtype="uint8")
    pixels[1] //= 4
    outputs = np.asarray(model(pixels))
    assert outputs.shape == (2, *model.output_shape[1:])
    assert outputs.dtype == "float32"
    assert np.isfinite(outputs).all()
    assert not np.allclose(outputs[0], outputs[1]), "two images give one answer"


def test_layers_are_stock_and_have_names_of_their_own(model):
    names = [layer.name for layer in model.layers]
    assert len(set(names)) == len(names)
    assert not [name for name in names if UNNAMED.fullmatch(name)]
    assert all(getattr(keras.layers, type(layer).__name__) is type(layer) for layer in model.layers)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)


def test_a_white_and_a_black_image_are_normalised_in_the_graph(model):
    normalised = keras.Model(model.input, model.layers[1].output)
    black, white = (np.asarray(normalised(np.full((1, *model.input_shape[1:]), value))) for value in (0.0, 255.0))
    if model.name == "resnet18":
        np.testing.assert_allclose(black[0, 0, 0], -np.array([0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], rtol=1e-4)
        np.testing.assert_allclose(white[0, 0, 0], np.array([0.515, 0.544, 0.594]) / [0.229, 0.224, 0.225], rtol=1e-4)
    else:
        np.testing.assert_allclose(black, -1.0, atol=1e-6)
        np.testing.assert_allclose(white, 1.0, atol=1e-6)


def test_mixed_precision_keeps_float32_outputs():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        models = [build() for build in SMALL.values()]
    finally:
        keras.config.set_dtype_policy("float32")
    for model in models:
        assert model.outputs[0].dtype == "float32", model.name
        assert {layer.compute_dtype for layer in model.layers if "conv" in layer.name} == {"bfloat16"}, model.name
        assert all(weight.dtype == "float32" for weight in model.weights), model.name


@pytest.mark.parametrize(
    ("size", "padding", "left"),
    [((218, 178), "valid", (2, 1)), ((109, 89), "same", (2, 2)), ((64, 64), "same", (1, 1))],
)
def test_slim_net_pads_its_pools_where_the_image_is_small(size, padding, left):
    model = SlimNet((*size, 3))
    pools = [layer for layer in model.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    assert {pool.padding for pool in pools} == {padding}
    assert pools[-1].output.shape[1:3] == left
    assert model.output_shape == (None, 40)


def test_slim_net_at_the_aligned_size_has_the_paper_s_maps():
    model = SlimNet()
    names = ("stem_conv", "stem_pool", "slim1_pool", "slim2_pool", "slim3_pool", "slim4_pool")
    maps = [model.get_layer(name).output.shape[1:] for name in names]
    assert maps == [(106, 86, 96), (52, 42, 96), (25, 20, 48), (12, 9, 96), (5, 4, 144), (2, 1, 192)]


@pytest.mark.parametrize(
    ("size", "module", "flattened"),
    [
        ((120, 120), "standard", 256),
        ((120, 120), "flame", 2304),
        ((80, 64), "standard", 256),
        ((80, 64), "separable", 256),
        ((80, 64), "fire", 1024),
        ((128, 160), "standard", 256 * 2 * 3),
    ],
)
def test_what_the_head_of_vgg11_leaves(size, module, flattened):
    model = VGG11((*size, 3), classes=2, module=module, shrink=True, shallow=True)
    assert model.get_layer("flatten").output.shape == (None, flattened)
    assert model.get_layer("embedding").output.shape == (None, 128)


@pytest.mark.parametrize(
    "build", [lambda shape: MobileNet(shape, alpha=0.25), lambda shape: ResNet18(shape, head=()), SqueezeNet]
)
def test_models_with_a_global_pool_take_any_resolution(build):
    anyhow, fixed = build((None, None, 3)), build((40, 35, 3))
    randomize(fixed)
    anyhow.set_weights(fixed.get_weights())
    pixels = np.random.default_rng(0).integers(0, 256, size=(1, 40, 35, 3)).astype("float32")
    np.testing.assert_allclose(np.asarray(anyhow(pixels)), np.asarray(fixed(pixels)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SlimNet((64, 64)), r"SlimNet: input_shape=\(64, 64\); expected \(height, width, channels\)"),
        (lambda: SlimNet(64), r"SlimNet: input_shape=64; expected \(height, width, channels\)"),
        (lambda: SlimNet((6, 64, 3)), "SlimNet: .* at least 7 pixels"),
        (lambda: SlimNet((None, 64, 3)), r"SlimNet: input_shape=\(None, 64, 3\); .* need a known height and width"),
        (lambda: SqueezeNet((14, 20, 3)), "SqueezeNet: .*(14, 20, 3).* at least 15 pixels"),
        (lambda: VGG11((31, 64, 3)), "VGG11: .* at least 32 pixels"),
        (lambda: VGG11((None, 64, 3)), r"VGG11: input_shape=\(None, 64, 3\); .* needs a known height and width"),
        (lambda: MobileNet((64, 64)), r"MobileNet: .*expected \(height, width, channels\)"),
        (lambda: MobileNet(alpha=0.01), "MobileNet: alpha=0.01 leaves no filter"),
        (lambda: ResNet18((64, 64, 1)), "ResNet18: .* 3 channels"),
        (lambda: VGG11(module="flames"), "module='flames'; expected one of standard, fire, separable, flame"),
        (lambda: VGG11(module="flame", squeeze_ratio=0.001), "leaves no channel"),
        (lambda: SqueezeNet(pool_after=(1, 5)), "pool_after=.*Fire modules 2 to 9"),
    ],
)
def test_what_cannot_be_built_is_refused_with_a_reason(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="MobileNet: Keras is set to 'channels_first'"):
            MobileNet()
    finally:
        keras.config.set_image_data_format("channels_last")
