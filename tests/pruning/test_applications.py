"""The networks of `keras.applications` can be pruned, all their filters or all but named ones."""

import keras
import numpy as np
import pytest
from keras import applications

import tfslim
from tests.pruning.invariance import assert_same, outputs_of, prunable, run_pruning_test

# Network -> least image, filters that may go, all filters (answers left out).
NETWORKS = {
    "MobileNet": (32, 10_944, 10_944),
    "MobileNetV2": (32, 17_056, 17_056),
    "MobileNetV3Small": (32, 9_968, 9_968),
    "VGG16": (32, 4_224 + 8_192, 4_224 + 8_192),
    "ResNet50V2": (32, 26_560, 26_560),
    "DenseNet121": (32, 10_240, 10_240),
    "EfficientNetB0": (32, 30_348, 30_348),
    "EfficientNetV2B0": (32, 43_824, 43_824),
    "Xception": (71, 27_264, 27_264),
    "InceptionV3": (75, 17_216, 17_216),
    "NASNetMobile": (32, 18_369, 18_369),
    # Layer normalisation takes its statistics over the channels that its blocks hand on: those stay.
    "ConvNeXtTiny": (32, 26_496, 41_184),
}
QUICK = ("MobileNetV2", "MobileNetV3Small")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NETWORKS]
)
def test_dead_filters_go_without_a_trace_and_what_is_left_trains(name, tmp_path):
    size, may_go, filters = NETWORKS[name]
    keras.utils.clear_session()
    model = getattr(applications, name)(input_shape=(size, size, 3), weights=None, classifier_activation=None)
    assert prunable(model) == (may_go, filters)
    x = np.random.default_rng(0).integers(0, 256, (2, size, size, 3)).astype("float32")
    smaller = run_pruning_test(model, x)
    assert smaller.count_params() < 0.8 * model.count_params()

    smaller.save(tmp_path / "smaller.keras")
    again = keras.models.load_model(tmp_path / "smaller.keras")
    assert_same(outputs_of(again, x), outputs_of(smaller, x))
    before = [np.asarray(each) for each in smaller.trainable_variables]
    smaller.compile(keras.optimizers.Adam(1e-3), "mse")
    loss = smaller.train_on_batch(x, np.zeros((2, 1000), "float32"))
    after = [np.asarray(each) for each in smaller.trainable_variables]
    assert np.isfinite(loss) and all(np.isfinite(value).all() for value in after)
    moved = [np.abs(new - old).max() > 1e-4 for old, new in zip(before, after, strict=True)]
    assert np.mean(moved) > 0.95, f"no gradient comes to {moved.count(False)} of {len(moved)} variables"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetB0"])
def test_they_convert_to_tflite(name, tmp_path):
    keras.utils.clear_session()
    model = getattr(applications, name)(input_shape=(32, 32, 3), weights=None, classes=10, classifier_activation=None)
    smaller, _ = tfslim.prune_filters(model, 0.3, importance="random")
    tfslim.litert.convert(smaller, tmp_path / "smaller.tflite")
    x = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("float32")
    found = tfslim.litert.verify(smaller, tmp_path / "smaller.tflite", x)
    assert found.figures["max_abs_logit_error"] < 1e-3
