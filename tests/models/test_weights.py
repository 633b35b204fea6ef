"""Weights files, and zoo models in a program that has never heard of tfslim."""

import subprocess
import sys

import numpy as np
import pytest

from tests.layer_checks import randomize
from tfslim.models import VGG11, MobileNet, ResNet18, SlimNet, SqueezeNet

STRANGER = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tfslim":
            raise ImportError("tfslim is not here")

sys.meta_path.insert(0, Blocked())
try:
    import tfslim
except ImportError:
    pass
else:
    raise SystemExit("tfslim could be imported")

import keras, numpy
for path in sys.argv[1:]:
    model = keras.models.load_model(path)
    pixels = numpy.load(path + ".pixels.npy")
    numpy.save(path + ".outputs.npy", numpy.asarray(model(pixels)))
"""


def test_a_saved_zoo_model_loads_where_tfslim_cannot_be_imported(tmp_path):
    models = [
        SlimNet((32, 32, 3)),
        MobileNet((32, 32, 3), alpha=0.25),
        ResNet18((32, 32, 3), head=(8,)),
        SqueezeNet((32, 32, 3), embedding=16),
        *(
            VGG11((32, 32, 3), 5, module, shrink=True, shallow=True)
            for module in ("standard", "fire", "separable", "flame")
        ),
    ]
    pixels = np.random.default_rng(0).integers(0, 256, size=(1, 32, 32, 3)).astype("float32")
    expected = {}
    for model in models:
        randomize(model)
        path = str(tmp_path / f"{model.name}.keras")
        model.save(path)
        np.save(f"{path}.pixels.npy", pixels)
        expected[path] = np.asarray(model(pixels))
    subprocess.run([sys.executable, "-c", STRANGER, *expected], check=True, cwd=tmp_path, capture_output=True)
    assert len(expected) == 8
    for path, outputs in expected.items():
        np.testing.assert_allclose(np.load(f"{path}.outputs.npy"), outputs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_weights_come_back_from_a_file(tmp_path, suffix):
    model = MobileNet((32, 32, 3), classes=3, alpha=0.25)
    randomize(model)
    path = tmp_path / f"model{suffix}"
    model.save(path) if suffix == ".keras" else model.save_weights(path)
    for weights in (path, str(path)):
        again = MobileNet((32, 32, 3), classes=3, alpha=0.25, weights=weights)
        for found, expected in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("build", [SlimNet, MobileNet, ResNet18, SqueezeNet, VGG11])
def test_a_path_without_a_file_is_refused(build, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"weights='.*missing.weights.h5' is not a file"):
        build(weights=str(tmp_path / "missing.weights.h5"))


@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")
def test_weights_of_another_model_are_refused(tmp_path):
    path = tmp_path / "wide.weights.h5"
    MobileNet((32, 32, 3), classes=3, alpha=0.5).save_weights(path)
    with pytest.raises(ValueError, match="mobilenet: '.*wide.weights.h5' does not hold the weights of this model"):
        MobileNet((32, 32, 3), classes=3, alpha=0.25, weights=path)


def test_a_file_that_holds_no_weights_is_refused(tmp_path):
    path = tmp_path / "broken.weights.h5"
    path.write_bytes(b"not a weights file")
    with pytest.raises(ValueError, match="mobilenet: '.*broken.weights.h5' does not hold the weights"):
        MobileNet((32, 32, 3), alpha=0.25, weights=path)
