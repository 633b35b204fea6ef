"""A training that is stopped and gone on with ends with the same weights."""

import json

import numpy as np
import pytest

import tfslim.tfmot
from tests.tfmot.conftest import compiled

STEPS = {
    "quantize_aware": lambda m: tfslim.tfmot.quantize_aware(m, keep=("zeros", "clusters"))[0],
    "sparsify": lambda m: tfslim.tfmot.sparsify(m, 0.9, end_step=10, every=1)[0],
    "cluster": lambda m: tfslim.tfmot.cluster(m, 12, keep_zeros=True)[0],
}


def epoch(training, name, patterns, part):
    images, labels = (values[part * 256 : (part + 1) * 256] for values in patterns["train"])
    callbacks = tfslim.tfmot.pruning_callbacks() if name == "sparsify" else []
    training.fit(images, labels, batch_size=64, shuffle=False, verbose=0, callbacks=callbacks)


@pytest.mark.parametrize(
    "name", ["quantize_aware", *(pytest.param(name, marks=pytest.mark.slow) for name in ("sparsify", "cluster"))]
)
def test_a_resumed_training_ends_with_the_same_weights(name, clustered, patterns, tmp_path):
    path = tmp_path / "state.npz"
    whole = compiled(STEPS[name](clustered[0]))
    epoch(whole, name, patterns, 0)
    tfslim.tfmot.save_training(whole, path)
    epoch(whole, name, patterns, 1)

    resumed = compiled(
        tfslim.tfmot.load_quantize_aware(path) if name == "quantize_aware" else STEPS[name](clustered[0])
    )
    tfslim.tfmot.restore_training(resumed, path)
    epoch(resumed, name, patterns, 1)
    for one, other in zip(whole.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.name)
    assert [each.name for each in tmp_path.iterdir()] == ["state.npz"]


def test_damaged_and_hostile_files_are_refused(trained, tmp_path):
    path = tmp_path / "state.npz"
    with pytest.raises(FileNotFoundError, match="nothing to go on from"):
        tfslim.tfmot.load_quantize_aware(path)
    training, _ = tfslim.tfmot.quantize_aware(trained)
    tfslim.tfmot.save_training(training, path)
    content = path.read_bytes()
    sparse, _ = tfslim.tfmot.sparsify(trained, 0.5)
    with pytest.raises(ValueError, match="is the state of another model"):
        tfslim.tfmot.restore_training(sparse, path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="damaged"):
        tfslim.tfmot.load_quantize_aware(path)
    lambda_layer = {"class_name": "Functional", "config": {"layers": [{"class_name": "Lambda", "config": {}}]}}
    with open(path, "wb") as file:
        np.savez(file, architecture=json.dumps(lambda_layer), v0=np.zeros(2))
    with pytest.raises(ValueError, match="holds a 'Lambda', which quantize_aware never makes"):
        tfslim.tfmot.load_quantize_aware(path)
