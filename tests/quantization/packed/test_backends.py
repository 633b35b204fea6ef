"""Packed files where there is no TensorFlow, or no Keras at all: in fresh processes."""

import os
import subprocess
import sys

import numpy as np

from tests.pruning.branching_model import branching_model
from tests.quantization.packed_bytes import packed_bytes
from tests.quantization.packed_models import as_array
from tfslim.quantization.packed.writer import save_packed
from tfslim.quantization.weights import quantize_weights

BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ModuleNotFoundError(name + " is not to be had here", name=name)
sys.meta_path.insert(0, Blocked())
"""
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def run(code, blocked, *arguments):
    code = BLOCKED.format(blocked=blocked) + code
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_from_here_opens_on_jax_without_tensorflow(tmp_path):
    model, _ = quantize_weights(branching_model(), "log_min_max", 5)
    save_packed(model, tmp_path / "here.tfslim")
    x = np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 3)).astype("float32")
    np.savez(
        tmp_path / "here.npz", x=x, y=as_array(model(x)), **{each.path: as_array(each) for each in model.variables}
    )
    code = """
import keras, numpy as np
from tfslim.quantization.packed.model import load_packed
from tfslim.quantization.packed.writer import save_packed
folder = sys.argv[1]
model, here = load_packed(folder + "/here.tfslim"), np.load(folder + "/here.npz")
for variable in model.variables:
    assert np.asarray(variable.value).tobytes() == here[variable.path].tobytes(), variable.path
assert np.allclose(np.asarray(model(here["x"])), here["y"], rtol=1e-4, atol=1e-4)
save_packed(model, folder + "/there.tfslim")
print(keras.backend.backend(), "tensorflow" in sys.modules)
"""
    assert run(code, ("tensorflow", "tf_keras"), tmp_path).split() == ["jax", "False"]
    assert (tmp_path / "there.tfslim").read_bytes() == (tmp_path / "here.tfslim").read_bytes()


def test_numpy_alone_reads_a_file(tmp_path):
    model, _ = quantize_weights(branching_model(), "uniform", 4)
    save_packed(model, tmp_path / "model.tfslim")
    code = """
from tfslim.quantization import read_packed
tensor = read_packed(sys.argv[1] + "/model.tfslim").tensors["hidden/kernel"]
print(tensor.codec.bits, float(tensor.values[1, 2]))
"""
    bits, value = run(code, ("tensorflow", "keras", "jax", "constriction"), tmp_path).split()
    assert (int(bits), float(value)) == (4, float(as_array(model.get_layer("hidden").kernel)[1, 2]))


def test_what_needs_constriction_says_so(tmp_path):
    code = """
import numpy as np
from tfslim.quantization.packed.reader import parse_packed
from tfslim.quantization.packed.entropy_coding import encode_entropy
for work in (lambda: encode_entropy(np.zeros(3, "uint16")), lambda: parse_packed(open(sys.argv[1], "rb").read(), "a")):
    try:
        work()
    except ImportError as error:
        print(error)
"""
    (tmp_path / "coded").write_bytes(packed_bytes())
    lines = run(code, ("tensorflow", "constriction"), tmp_path / "coded").splitlines()
    wanted = 'entropy coding needs constriction, which is not installed: pip install "tfslim-edge[packed]"'
    assert lines[0].startswith(wanted)
    assert lines[1:] in ([], [f"a: {lines[0]}"])
