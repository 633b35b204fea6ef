"""A training that is stopped and gone on with ends with the same weights."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

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
    with pytest.raises(FileNotFoundError, match="no training can be resumed from it"):
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


@pytest.mark.parametrize("step", STEPS)
def test_the_state_of_another_architecture_is_refused_though_its_shapes_agree(step, tmp_path):
    def net(activation, dropout=0.1):
        layers, inputs = keras.layers, keras.Input((6,))
        x = layers.Dropout(dropout)(activation(layers.Dense(12)(inputs)))
        model = keras.Model(inputs, layers.Dense(12)(x))
        for layer in model.layers:
            if layer.weights:
                layer.set_weights([np.arange(v.size, dtype="float32").reshape(v.shape) for v in layer.get_weights()])
        return model

    path = tmp_path / "state.npz"
    saved = compiled(STEPS[step](net(keras.layers.ReLU(6.0))))
    tfslim.tfmot.save_training(saved, path)
    same = compiled(STEPS[step](net(keras.layers.ReLU(6.0))))  # its layers have got other names
    tfslim.tfmot.restore_training(same, path)
    for other, message in (
        # The int8 range before a LeakyReLU, which no layer before it takes into itself, is the first that differs.
        (
            net(keras.layers.LeakyReLU()),
            r"('\w+' is a ReLU there, here a LeakyReLU|'\w+' \(Dense\) has other settings)",
        ),
        (net(keras.layers.ReLU(7.0)), r"'\w+' \(\w+\) has other settings or inputs there"),
        (net(keras.layers.ReLU(6.0), 0.2), r"'\w+' \(Dropout\) has other settings"),
    ):
        training = compiled(STEPS[step](other))
        before = [variable.numpy() for variable in training.variables]
        with pytest.raises(ValueError, match=f"state.npz: is the state of another model .layer {message}"):
            tfslim.tfmot.restore_training(training, path)
        for variable, value in zip(training.variables, before, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)


def test_a_training_goes_on_with_zeros_made_at_other_steps(tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(5)(inputs))
    saved, other = (tfslim.tfmot.sparsify(model, 0.5, end_step=end)[0] for end in (10, 20))
    for variable in saved.variables:
        variable.assign(variable + tf.ones_like(variable))
    tfslim.tfmot.save_training(saved, tmp_path / "state.npz")
    tfslim.tfmot.restore_training(other, tmp_path / "state.npz")
    for there, here in zip(saved.variables, other.variables, strict=True):
        np.testing.assert_array_equal(there.numpy(), here.numpy())


def stored(path, architecture, **values):
    with open(path, "wb") as file:
        np.savez(file, architecture=architecture, **values)
    return path


def holding(part) -> str:
    return json.dumps({"class_name": "Functional", "config": {"name": "m", "layers": [part]}})


HOSTILE = {
    "code": ({"class_name": "Lambda", "config": {}}, "'Lambda'"),
    "a file": ({"class_name": "StringLookup", "config": {"vocabulary": "secret.txt"}}, "'StringLookup'"),
    "a module": ({"class_name": "Dense", "module": "os", "config": {}}, "'os.Dense'"),
    "a function": ({"class_name": "function", "module": "os", "config": "system"}, "'os.function'"),
    "registered": ({"class_name": "Dense", "module": "keras.layers", "registered_name": "x>Y"}, "'keras.layers.Dense'"),
    "operation": ({"class_name": "TFOpLambda", "config": {"function": "io.read_file"}}, "'TFOpLambda'"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_runs_code_or_reads_others_is_refused(case, tmp_path):
    part, shown = HOSTILE[case]
    with pytest.raises(ValueError, match=f"state.npz: holds a {shown}, which quantize_aware never creates"):
        tfslim.tfmot.load_quantize_aware(stored(tmp_path / "state.npz", holding(part)))


@pytest.mark.parametrize(
    "architecture",
    ["3", "[]", "{", "[" * 9999, "{}", holding(1), holding({"class_name": "Dense", "config": {"units": "x"}})],
)
def test_an_architecture_that_is_none_is_refused_by_the_files_name(architecture, tmp_path):
    with pytest.raises(ValueError, match="state.npz: its architecture is damaged"):
        tfslim.tfmot.load_quantize_aware(stored(tmp_path / "state.npz", architecture))


def test_flipped_bits_are_refused_by_the_files_name_or_change_nothing(tmp_path):
    inputs = keras.Input((3,))
    training = compiled(tfslim.tfmot.quantize_aware(keras.Model(inputs, keras.layers.Dense(2)(inputs)))[0])
    path = tmp_path / "state.npz"
    tfslim.tfmot.save_training(training, path)
    before, content = [variable.numpy() for variable in training.variables], path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(content), 400):
        broken = bytearray(content)
        broken[place] ^= 1 << rng.integers(8)
        path.write_bytes(broken)
        try:
            tfslim.tfmot.restore_training(training, path)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
        for variable, value in zip(training.variables, before, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)
    assert refused > 200


def test_the_state_of_another_optimizer_leaves_the_model_as_it_was(tmp_path):
    inputs = keras.Input((3,))
    training = tfslim.tfmot.quantize_aware(keras.Model(inputs, keras.layers.Dense(2)(inputs)))[0]
    training.compile("adam", "mse")
    tfslim.tfmot.save_training(training, tmp_path / "state.npz")
    training.compile("sgd", "mse")
    for variable in training.variables:
        variable.assign(variable + 1)
    before = [variable.numpy() for variable in training.variables]
    with pytest.raises(ValueError, match="is the state of another optimizer"):
        tfslim.tfmot.restore_training(training, tmp_path / "state.npz")
    for variable, value in zip(training.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
