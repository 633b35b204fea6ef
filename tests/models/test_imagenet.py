"""ImageNet weights for ResNet18, with a stand-in for keras-hub and, where it is installed, its own backbone."""

import sys
import types

import keras
import numpy as np
import pytest

from tests.layer_checks import randomize
from tfslim.models import ResNet18
from tfslim.models.resnet18 import PRESET, backbone_layers


def hub(monkeypatch, from_preset) -> None:
    """Puts a keras_hub in place whose presets come from `from_preset`."""
    backbone = types.SimpleNamespace(from_preset=from_preset)
    fake = types.SimpleNamespace(models=types.SimpleNamespace(Backbone=backbone))
    monkeypatch.setitem(sys.modules, "keras_hub", fake)


def test_every_backbone_layer_gets_its_weights(monkeypatch):
    source = ResNet18((32, 32, 3), head=())
    randomize(source)
    theirs = dict(backbone_layers())
    renamed = types.SimpleNamespace(get_layer=lambda name: next(x for x in source.layers if theirs.get(x.name) == name))
    asked = []
    hub(monkeypatch, lambda name, dtype: asked.append((name, dtype)) or renamed)
    model = ResNet18((32, 32, 3), classes=3, weights="imagenet")
    assert asked == [(PRESET, "float32")]
    weighted = {layer.name for layer in source.layers if layer.weights} - {"logits"}
    assert set(theirs) == weighted
    pixels = np.random.default_rng(0).integers(0, 256, size=(2, 32, 32, 3)).astype("float32")
    found, expected = (np.asarray(pooled(each)(pixels)) for each in (model, source))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_without_keras_hub_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ImportError, match=r"needs keras_hub, which is not installed: pip install .*imagenet"):
        ResNet18((32, 32, 3), weights="imagenet")


def test_a_preset_that_cannot_be_fetched_is_an_error_with_its_cause(monkeypatch):
    def from_preset(name, dtype):
        raise OSError("no route to host")

    hub(monkeypatch, from_preset)
    with pytest.raises(RuntimeError, match="could not download the preset 'resnet_18_imagenet' .*no route to host"):
        ResNet18((32, 32, 3), weights="imagenet")


@pytest.mark.parametrize("size", [(64, 64), (75, 61)])
def test_outputs_equal_keras_hub_s_own_backbone(monkeypatch, size):
    keras_hub = pytest.importorskip("keras_hub", reason="keras-hub is not installed")
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[2, 2, 2, 2],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
    )
    randomize(backbone)
    hub(monkeypatch, lambda name, dtype: backbone)
    model = ResNet18((*size, 3), weights="imagenet")
    pixels = np.random.default_rng(0).integers(0, 256, size=(2, *size, 3)).astype("float32")
    normalised = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    expected = np.asarray(backbone(normalised.astype("float32"))).mean((1, 2))
    np.testing.assert_allclose(np.asarray(pooled(model)(pixels)), expected, rtol=1e-3, atol=1e-3 * expected.max())


def pooled(model: keras.Model) -> keras.Model:
    return keras.Model(model.input, model.get_layer("global_pool").output)
