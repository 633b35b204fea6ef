"""`tfslim.prune_filters`: the right filters go, targets are met, the model is a plain smaller one, errors are clear."""

import keras
import numpy as np
import pytest

import tfslim
from tests.pruning.branching_model import branching_model
from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.surgery import silence


def test_dead_filters_are_what_goes_and_the_answers_stay():
    model = branching_model()
    graph = channel_graph(model)
    dead = np.concatenate([graph.filters["stem"][[1, 6]], graph.filters["right"][[0, 2, 5]], graph.filters["left"][:1]])
    silence(graph, dead)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    smaller, report = tfslim.prune_filters(model, ratio=(3 * 2 + 3 + 1) / 39, round_to=1)
    np.testing.assert_allclose(np.asarray(smaller(x)), np.asarray(model(x)), rtol=1e-5, atol=1e-6)
    assert smaller.get_layer("stem").filters == smaller.get_layer("twice").filters == 6
    assert smaller.get_layer("left").filters == 3
    assert smaller.get_layer("right").filters == 3
    assert report.figures == {"filters before": 39, "filters after": 29, "prunable filters": 39}
    assert report.done == [
        "stem: 8 -> 6 filters",
        "twice: 8 -> 6 filters",
        "depthwise: 8 -> 6 filters",
        "left: 4 -> 3 filters",
        "right: 6 -> 3 filters",
    ]
    assert (report.before.params, report.after.params) == (model.count_params(), smaller.count_params())


@pytest.mark.parametrize(("target", "measured"), [("params", "params"), ("macs", "macs"), ("bytes", "total_bytes")])
def test_a_target_is_hit_within_two_percent(target, measured):
    model = tfslim.models.SqueezeNet((15, 15, 3), classes=10, embedding=100)
    whole = getattr(tfslim.measure(model), measured)
    for share, asked in ((0.7, 0.7), (0.4, round(0.4 * whole))):
        smaller, _ = tfslim.prune_filters(model, **{target: asked})
        assert 0.98 * share * whole <= getattr(tfslim.measure(smaller), measured) <= share * whole + 1


@pytest.mark.parametrize(
    ("importance", "scope"), [("l1", "global"), ("l2", "per-layer"), ("bn_scale", "global"), ("random", "global")]
)
def test_every_importance_and_scope(importance, scope):
    model = tfslim.models.SqueezeNet((15, 15, 3), embedding=40)
    before = [np.asarray(each) for each in model.variables]
    smaller, report = tfslim.prune_filters(model, 0.25, importance=importance, scope=scope)
    removed = report.figures["filters before"] - report.figures["filters after"]
    assert 0.25 * 2944 <= removed <= 0.27 * 2944
    assert smaller.output_shape == (None, 40)
    assert all(layer.filters % 8 == 0 for layer in smaller.layers[:-6] if hasattr(layer, "filters"))
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, np.asarray(variable))


def test_an_embedding_loses_channels_on_request_alone():
    model = tfslim.models.SqueezeNet((15, 15, 3), embedding=400)
    scores = np.ones(channel_graph(model, prune_outputs=True).unit_count)
    smaller, _ = tfslim.prune_filters(model, 0.2, importance=scores, scope="per-layer", round_to=1, prune_outputs=True)
    assert 317 <= smaller.output_shape[1] <= 320  # a fifth of 400, and a little more where a fifth of 16 was 3


def test_layers_to_keep_are_kept():
    smaller, report = tfslim.prune_filters(branching_model(), 0.3, round_to=1, keep=["twice"])
    assert smaller.get_layer("stem").filters == 8
    assert report.skipped["stem"] == "is listed in keep"


def test_optimizer_state_goes_along():
    model = branching_model()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(8, 8, 8, 3)), rng.normal(size=(8, 3)), verbose=0)
    smaller, _ = tfslim.prune_filters(model, 0.3, round_to=1, keep_compiled=True)
    assert int(smaller.optimizer.iterations) == 1
    assert smaller.optimizer.learning_rate == model.optimizer.learning_rate
    smaller.fit(rng.normal(size=(8, 8, 8, 3)), rng.normal(size=(8, 3)), verbose=0)
    assert int(smaller.optimizer.iterations) == 2


def test_a_model_of_tfslims_layers_is_opened():
    inputs = keras.Input((8, 8, 3))
    x = tfslim.layers.Flame(32, name="flame")(inputs)
    x = keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x))
    smaller, _ = tfslim.prune_filters(keras.Model(inputs, x), 0.3, round_to=1)
    assert smaller.get_layer("flame_expand1x1_conv").filters < 16


def open_size():
    x = inputs = keras.Input((None, None, 3))
    for filters in (8, 6):
        x = keras.layers.Conv2D(filters, 3)(x)
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))


def test_without_macs_the_report_says_parameters_and_bytes():
    model = open_size()
    smaller, report = tfslim.prune_filters(model, 0.5, scope="per-layer", round_to=1)
    # Of 3x3 convolutions of 8 and 6 filters and a dense layer of 2, and then of 4 and 3 filters.
    assert model.count_params() == 224 + 438 + 14 and smaller.count_params() == 112 + 111 + 8
    assert report.figures == {
        "filters before": 14,
        "filters after": 7,
        "prunable filters": 14,
        "parameters before": 676,
        "parameters after": 231,
        "weight bytes before": 4 * 676,
        "weight bytes after": 4 * 231,
    }


def own_loss(y, outputs):
    return keras.ops.mean(outputs)


def compiled_with_an_own_loss():
    model = branching_model()
    model.compile("sgd", own_loss)
    return model


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("model", "asked", "error", "message"),
    [
        (Subclassed, {"ratio": 0.5}, TypeError, "is a subclassed keras.Model"),
        (lambda: keras.Sequential([keras.layers.Dense(2)]), {"ratio": 0.5}, TypeError, "is not built"),
        (branching_model, {"ratio": 1.0}, ValueError, "ratio=1.0: the share of filters"),
        (branching_model, {"ratio": -0.1}, ValueError, "ratio=-0.1"),
        (branching_model, {}, ValueError, "set exactly one of ratio, params, macs and bytes; found none"),
        (branching_model, {"ratio": 0.5, "macs": 0.5}, ValueError, "found ratio, macs"),
        (branching_model, {"params": 0}, ValueError, "params=0: the amount to keep must be above 0"),
        (branching_model, {"params": 20}, ValueError, "at most 20 may be left, but"),
        (branching_model, {"ratio": 0.5, "keep": ["lefd"]}, ValueError, r"'lefd' is not a layer.*did you mean left"),
        (branching_model, {"ratio": 0.5, "keep": ["pool"]}, ValueError, "'pool' has no filters"),
        (branching_model, {"ratio": 0.5, "importance": "L2"}, ValueError, "importance='L2'"),
        (
            branching_model,
            {"ratio": 0.5, "keep_compiled": True},
            ValueError,
            "keep_compiled needs a compiled model; compile branching first",
        ),
        (
            compiled_with_an_own_loss,
            {"ratio": 0.5, "keep_compiled": True},
            ValueError,
            "can't deserialize the compile settings of .*; register its own classes",
        ),
        (open_size, {"macs": 0.5}, ValueError, "macs=0.5: the macs of .* a size that its inputs leave open"),
        (open_size, {"macs": 500}, ValueError, "macs=500: the macs of .* a size that its inputs leave open"),
    ],
)
def test_what_cant_be_done_is_said(model, asked, error, message):
    with pytest.raises(error, match=message):
        tfslim.prune_filters(model(), **asked)
