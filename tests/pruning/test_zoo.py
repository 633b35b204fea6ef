"""Every network of tfslim, in all its variants, can be pruned, and what is left is a network like any other."""

import keras
import pytest

import tfslim
from tests.pruning.invariance import prunable, run_pruning_test
from tests.pruning.plain_model import Network, assert_converts, assert_trains, pruned

# Builder -> filters that may go; worked out from papers.md's layer tables, the answers left out.
NETWORKS = {
    "slimnet": (lambda: tfslim.models.SlimNet((64, 64, 3), classes=7), 6336),
    "mobilenet": (lambda: tfslim.models.MobileNet((32, 32, 3), classes=7), 10_944),
    "mobilenet half": (lambda: tfslim.models.MobileNet((32, 32, 3), classes=7, alpha=0.5), 10_944 // 2),
    "mobilenet quarter": (lambda: tfslim.models.MobileNet((32, 32, 3), classes=7, alpha=0.25), 10_944 // 4),
    # Four convolutions a stage and a skip in all but the first; the head's two dense layers.
    "resnet18": (
        lambda: tfslim.models.ResNet18((32, 32, 3), classes=7, head=(32, 16)),
        64 + 4 * 64 + 5 * (128 + 256 + 512) + 32 + 16,
    ),
    "squeezenet": (lambda: tfslim.models.SqueezeNet((15, 15, 3), classes=7, embedding=1000), 3944),
    "squeezenet embedding": (lambda: tfslim.models.SqueezeNet((15, 15, 3), embedding=1000), 2944),
    "squeezenet as released": (lambda: tfslim.models.SqueezeNet((15, 15, 3), pool_after=(4, 8)), 2944),
}
WIDTHS = {  # of VGG11's trunk and head convolution: shrink, shallow -> filters
    (False, False): 64 + 128 + 2 * 256 + 4 * 512 + 256,
    (True, False): 32 + 64 + 2 * 128 + 2 * 256 + 2 * 512 + 256,
    (False, True): 64 + 128 + 256 + 512 + 512 + 256,
    (True, True): 32 + 64 + 128 + 256 + 512 + 256,
}
# A Fire module squeezes to an eighth first; Flame filters that eighth by depth as well. A separable convolution filters
# by depth what it takes: all but the last trunk convolution's 512 filters, which a plain head convolution takes.
COUNTS = {
    "standard": lambda width: width,
    "fire": lambda width: width + width // 8,
    "flame": lambda width: width + width // 4,
    "separable": lambda width: width + width - 512 - 256,
}
for module, count in COUNTS.items():
    for (shrink, shallow), width in WIDTHS.items():

        def build(module=module, shrink=shrink, shallow=shallow):
            return tfslim.models.VGG11((32, 32, 3), 7, module, shrink=shrink, shallow=shallow)

        name = f"vgg11 {module}{' shrink' * shrink}{' shallow' * shallow}"
        NETWORKS[name] = (build, count(width) + 128)
QUICK = ("slimnet", "vgg11 flame", "mobilenet quarter")


@pytest.fixture(scope="module")
def network(request) -> Network:
    return pruned(request.param, NETWORKS[request.param][0], count=4)


@pytest.mark.parametrize("network", NETWORKS, indirect=True)
def test_dead_filters_go_without_a_trace(network):
    may_go = NETWORKS[network.name][1]
    staying = 3 if "separable" in network.name else 0  # filters by depth of the image's own channels
    assert prunable(network.model) == (may_go, may_go + staying)
    smaller = run_pruning_test(network.model, network.x)
    assert smaller.count_params() < 0.7 * network.model.count_params()
    assert all(getattr(keras.layers, type(layer).__name__) is type(layer) for layer in smaller.layers)


@pytest.mark.parametrize(
    "network",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NETWORKS],
    indirect=True,
)
def test_what_is_left_opens_without_tfslim_and_trains(network, without_tfslim, tmp_path):
    without_tfslim.assert_opens(network.smaller, tmp_path, network.x)
    assert_trains(network.smaller, network.x)


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS, indirect=True)
def test_what_is_left_converts_to_tflite(network, tmp_path):
    assert_converts(network.smaller, tmp_path / "smaller.tflite", network.x)
