"""The zoo's trainable parameters, against the papers'."""

import keras
import pytest

import tfslim.models
from tests.layer_checks import count
from tfslim.models import CATALOG, VGG11, MobileNet, ResNet18, SlimNet, SqueezeNet, list_models


def trainable(model: keras.Model, prefix: str = "") -> int:
    return sum(count(layer.trainable_weights) for layer in model.layers if layer.name.startswith(prefix))


def paper_rule(model: keras.Model) -> int:
    """Weights as the Flame paper counts them: of convolutions, dense layers, and the gammas of batch normalisation."""
    return count([weight for weight in model.weights if weight.name in ("kernel", "gamma")])


def test_slim_net_and_its_stages():
    model = SlimNet()
    stages = {name: trainable(model, name) for name in ("stem", "slim1", "slim2", "slim3", "slim4", "logits")}
    assert stages == {
        "stem": 14_400,
        "slim1": 28_960,
        "slim2": 68_672,
        "slim3": 160_608,
        "slim4": 290_944,
        "logits": 7_720,
    }
    assert trainable(model) == 571_304
    assert model.count_params() == 583_976


@pytest.mark.parametrize(("alpha", "expected"), [(1.0, 3_247_976), (0.75, 1_847_320), (0.5, 839_112), (0.25, 223_352)])
def test_mobilenet_by_width(alpha, expected):
    assert trainable(MobileNet(alpha=alpha)) == expected


def test_mobilenet_by_kind_of_layer():
    model = MobileNet()
    kinds = {"pointwise_conv": 3_139_584, "depthwise_conv": 44_640, "stem_conv": 864, "bn": 21_888, "logits": 41_000}
    for kind, expected in kinds.items():
        assert count([w for x in model.layers if x.name.endswith(kind) for w in x.trainable_weights]) == expected, kind
    assert model.count_params() == 3_269_864
    assert trainable(MobileNet(classes=1000)) == 4_231_976


def test_resnet18_backbone_and_head():
    model = ResNet18()
    head = trainable(model, "head") + trainable(model, "logits")
    assert head == 333_480
    assert trainable(model) - head == 11_176_512


def test_squeezenet():
    model = SqueezeNet()
    assert trainable(model) == 1_243_384
    assert model.count_params() - trainable(model) == 7_888
    assert trainable(SqueezeNet(pool_after=(4, 8))) == 1_243_384
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == 26
    assert sum(layer.filters for layer in convolutions) == 3_944
    assert trainable(SqueezeNet(classes=8631), "logits") == 8_639_631


def test_squeezenet_pools_where_v1_1_does():
    model = SqueezeNet()
    extents = {name: model.get_layer(name).output.shape[1] for name in ("conv1_relu", "fire2_concat", "fire4_concat")}
    assert extents == {"conv1_relu": 113, "fire2_concat": 56, "fire4_concat": 27}
    assert model.get_layer("conv10_relu").output.shape == (None, 13, 13, 1000)


@pytest.mark.parametrize(
    ("module", "counted", "all_trainable", "all_values"),
    [
        ("standard", 10_735_872, 10_745_016, 10_752_312),
        ("fire", 1_538_136, 1_549_704, 1_561_096),
        ("separable", 2_567_518, None, None),
        ("flame", 910_568, 922_512, 937_664),
    ],
)
def test_vgg11_by_module(module, counted, all_trainable, all_values):
    model = VGG11(module=module)
    assert paper_rule(model) == counted
    assert all_trainable in (None, trainable(model))
    assert all_values in (None, model.count_params())


@pytest.mark.parametrize(
    ("shrink", "shallow", "counted"), [(True, False, 781_588), (False, True, 759_592), (True, True, 693_108)]
)
def test_flame_vgg11_made_smaller(shrink, shallow, counted):
    assert paper_rule(VGG11(module="flame", shrink=shrink, shallow=shallow)) == counted


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
def test_the_catalog_says_what_the_constructor_builds(entry):
    model = getattr(tfslim.models, entry.name)()
    assert model.input_shape == (None, *entry.size, 3)
    assert trainable(model) == entry.trainable_params


def test_list_models():
    assert list_models() == ["MobileNet", "ResNet18", "SlimNet", "SqueezeNet", "VGG11"]
    assert list_models("slim") == ["SlimNet"]
    assert list_models("transformer") == []
