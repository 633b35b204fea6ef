"""Classifiers on normalised features: the logits in plain numpy, stock layers only, and the cut at the embedding."""

import keras
import numpy as np
import pytest

from tests.layer_checks import randomize
from tfslim.models import VGG11, SlimNet, SqueezeNet
from tfslim.models.identity import embedding_model, normalized_classifier


def pixels(model, count=3):
    return np.random.default_rng(0).integers(0, 256, (count, *model.input_shape[1:]), dtype="uint8")


@pytest.fixture(scope="module")
def trunk():
    model = VGG11((32, 32, 3), classes=2, module="flame", shrink=True, shallow=True)
    randomize(model)
    return model


@pytest.mark.parametrize("unit_weights", [False, True])
@pytest.mark.parametrize("learned", [False, True])
def test_logits_are_those_of_numpy(trunk, unit_weights, learned):
    model = normalized_classifier(trunk, 5, scale=12.0, learned_scale=learned, unit_weights=unit_weights)
    x = pixels(model)
    features = np.asarray(embedding_model(model)(x), "float64")
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    weights = [
        np.asarray(weight, "float64") for weight in model.get_layer("cosines" if unit_weights else "logits").weights
    ]
    expected = 12 * features @ weights[0] + (0 if unit_weights else weights[1])
    np.testing.assert_allclose(np.asarray(model(x)), expected, rtol=1e-4, atol=1e-4)
    assert model.layers[-1].name == "logits" and model.output_shape == (None, 5)


def test_it_is_made_of_stock_layers(trunk):
    model = normalized_classifier(trunk, 5, learned_scale=True, unit_weights=True)
    assert all(getattr(keras.layers, type(layer).__name__) is type(layer) for layer in model.layers)


def test_class_weights_keep_unit_length_and_the_scale_is_learned(trunk):
    model = normalized_classifier(trunk, 3, scale=4.0, learned_scale=True, unit_weights=True)
    np.testing.assert_allclose(np.linalg.norm(model.get_layer("cosines").get_weights()[0], axis=0), 1, rtol=1e-5)
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(pixels(model, 6), np.arange(6) % 3, verbose=0)
    lengths = np.linalg.norm(model.get_layer("cosines").get_weights()[0], axis=0)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)
    assert model.get_layer("logits_factor").get_weights()[0] != 4.0


@pytest.mark.parametrize(
    ("build", "width"),
    [
        (lambda: VGG11((32, 32, 3), classes=7, module="flame"), 128),
        (lambda: SqueezeNet((32, 32, 3), classes=7, embedding=24), 24),
        (lambda: SqueezeNet((32, 32, 3), embedding=24), 24),
        (lambda: SlimNet((64, 64, 3), classes=7), 192),
    ],
)
def test_the_embedding_is_what_the_classifier_takes(build, width):
    model = build()
    cut = embedding_model(model)
    assert cut.output_shape == (None, width)
    again = normalized_classifier(model, 4)
    assert embedding_model(again).output_shape == (None, width)
    x = pixels(model)
    np.testing.assert_array_equal(np.asarray(embedding_model(again)(x)), np.asarray(cut(x)))


def test_a_model_whose_features_cannot_be_told_is_refused():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name="mean")(inputs), name="mine")
    with pytest.raises(ValueError, match="mine: has no layer named 'embedding', and its last layer mean"):
        embedding_model(model)


@pytest.mark.parametrize("unit_weights", [False, True])
@pytest.mark.parametrize("scale", [-1.0, 0.0, float("nan")])
def test_a_scale_that_is_not_above_0_is_refused(trunk, scale, unit_weights):
    with pytest.raises(ValueError, match=f"{trunk.name}: scale={scale} would invert the logits"):
        normalized_classifier(trunk, 3, scale=scale, unit_weights=unit_weights)
