"""The networks of `keras.applications` can be pruned, all their filters or all but some; what is left works."""

import pytest
from keras import applications

from tests.pruning.invariance import prunable, run_pruning_test
from tests.pruning.plain_model import Network, assert_converts, assert_trains, pruned

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
EACH = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NETWORKS]


@pytest.fixture(scope="module")
def network(request) -> Network:
    size, build = NETWORKS[request.param][0], getattr(applications, request.param)
    shape = (size, size, 3)
    return pruned(
        request.param,
        lambda: build(input_shape=shape, weights=None, classes=10, classifier_activation=None),
        count=4,  # of fewer, a block may be left out for all by its stochastic depth
    )


@pytest.mark.parametrize("network", EACH, indirect=True)
def test_dead_filters_go_without_a_trace(network):
    assert prunable(network.model) == NETWORKS[network.name][1:]
    smaller = run_pruning_test(network.model, network.x)
    assert smaller.count_params() < 0.8 * network.model.count_params()


@pytest.mark.parametrize("network", EACH, indirect=True)
def test_what_is_left_opens_without_tfslim_and_trains(network, without_tfslim, tmp_path):
    without_tfslim.assert_opens(network.smaller, tmp_path, network.x)
    assert_trains(network.smaller, network.x)


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS, indirect=True)
def test_what_is_left_converts_to_tflite(network, tmp_path):
    assert_converts(network.smaller, tmp_path / "smaller.tflite", network.x)
