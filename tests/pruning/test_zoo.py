"""Every network of tfslim, in all its variants, can be pruned, and what is left is a network like any other."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import tfslim
from tests.pruning.invariance import prunable, run_pruning_test

# Builder -> filters that may go; worked out from papers.md's layer tables, the answers left out.
NETWORKS = {
    "slimnet": (lambda: tfslim.models.SlimNet((64, 64, 3), classes=7), 6336),
    "mobilenet": (lambda: tfslim.models.MobileNet((32, 32, 3), classes=7, alpha=0.25), 10_944 // 4),
    "mobilenet half": (lambda: tfslim.models.MobileNet((32, 32, 3), classes=7, alpha=0.5), 10_944 // 2),
    # Four convolutions a stage and a skip in all but the first; the head's two dense layers.
    "resnet18": (
        lambda: tfslim.models.ResNet18((32, 32, 3), classes=7, head=(32, 16)),
        64 + 4 * 64 + 5 * (128 + 256 + 512) + 32 + 16,
    ),
    "squeezenet": (lambda: tfslim.models.SqueezeNet((15, 15, 3), classes=7, embedding=1000), 3944),
    "squeezenet embedding": (lambda: tfslim.models.SqueezeNet((15, 15, 3), embedding=1000), 2944),
}
WIDTHS = {  # of VGG11's trunk and head convolution: shrink, shallow -> filters
    (False, False): 64 + 128 + 2 * 256 + 4 * 512 + 256,
    (True, False): 32 + 64 + 2 * 128 + 2 * 256 + 2 * 512 + 256,
    (False, True): 64 + 128 + 256 + 512 + 512 + 256,
    (True, True): 32 + 64 + 128 + 256 + 512 + 256,
}
# A Fire module squeezes to an eighth first; Flame filters that eighth by depth as well.
SHARES = {"standard": 1.0, "fire": 1.125, "flame": 1.25, "separable": None}
for module, share in SHARES.items():
    for (shrink, shallow), width in WIDTHS.items():

        def build(module=module, shrink=shrink, shallow=shallow):
            return tfslim.models.VGG11((32, 32, 3), 7, module, shrink=shrink, shallow=shallow)

        name = f"vgg11 {module}{' shrink' * shrink}{' shallow' * shallow}"
        NETWORKS[name] = (build, share and int(share * width) + 128)


def images(model, count=2):
    shape = (count, *model.input_shape[1:])
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


@pytest.mark.parametrize("name", NETWORKS)
def test_dead_filters_go_without_a_trace(name):
    build, expected = NETWORKS[name]
    model = build()
    may_go, filters = prunable(model)
    assert may_go >= 0.9 * filters and expected in (None, may_go)
    smaller = run_pruning_test(model, images(model))
    assert smaller.count_params() < 0.7 * model.count_params()
    assert all(getattr(keras.layers, type(layer).__name__) is type(layer) for layer in smaller.layers)


@pytest.mark.parametrize("name", ["slimnet", "vgg11 flame", "mobilenet"])
def test_what_is_left_trains(name):
    smaller, _ = tfslim.prune_filters(NETWORKS[name][0](), 0.3, importance="random")
    smaller.compile("sgd", "mse")
    before = [np.asarray(each) for each in smaller.trainable_variables]
    smaller.fit(images(smaller, 4), np.zeros((4, 7)), verbose=0)
    moved = [
        bool((np.asarray(each) != old).any()) for each, old in zip(smaller.trainable_variables, before, strict=True)
    ]
    assert np.mean(moved) > 0.9


def test_a_saved_one_opens_without_tfslim(tmp_path):
    smaller, _ = tfslim.prune_filters(NETWORKS["slimnet"][0](), 0.3)
    smaller.save(tmp_path / "smaller.keras")
    x = images(smaller)
    np.save(tmp_path / "x.npy", x)
    script = (
        "import sys, keras, numpy as np; sys.modules['tfslim'] = None;"
        "model = keras.models.load_model(sys.argv[1] + '/smaller.keras');"
        "np.save(sys.argv[1] + '/y.npy', model(np.load(sys.argv[1] + '/x.npy')))"
    )
    subprocess.run([sys.executable, "-I", "-c", script, str(tmp_path)], check=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.asarray(smaller(x)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "task"), [("slimnet", "attributes"), ("squeezenet embedding", "embeddings")])
def test_it_converts_to_tflite(name, task, tmp_path):
    smaller, _ = tfslim.prune_filters(NETWORKS[name][0](), 0.3, importance="random")
    tfslim.litert.convert(smaller, tmp_path / "smaller.tflite")
    found = tfslim.litert.verify(smaller, tmp_path / "smaller.tflite", images(smaller), task=task)
    assert next(value for name, value in found.figures.items() if name.startswith("max_abs")) < 1e-4
