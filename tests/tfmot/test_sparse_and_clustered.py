"""Zeros and clusters: made, kept by each other and by int8, and counted in the final file."""

import keras
import numpy as np
import pytest

import tfslim
import tfslim.tfmot
from tests.tfmot.conftest import accuracy, compiled
from tfslim.tfmot.packages import tf_keras

KERNELS = {"stem", "left", "deep", "right", "excite", "mix", "last", "logits"}
FEEDING_CONCATENATE = {"left", "right"}


def by_name(contents) -> dict:
    return {content.name: content for content in contents}


def test_every_kernel_has_the_zeros_asked_for_in_a_plain_keras_3_model(sparse, trained, patterns):
    model, report, wrapping = sparse
    assert isinstance(model, keras.Model) and [each.name for each in model.layers] == [e.name for e in trained.layers]
    assert set(wrapping.done) == KERNELS and wrapping.skipped == {}
    for content in tfslim.tfmot.model_kernels(model):
        assert abs(content.zeros - 0.7) <= 1 / content.size + 1e-9, content
    assert report.figures["zeros"] == pytest.approx(0.7, abs=0.005)
    assert accuracy(model.predict(patterns["test"][0], verbose=0), patterns) > 0.85


def test_clusters_keep_the_zeros(clustered, sparse, patterns):
    model, report = clustered
    for layer in ("left", "deep", "mix", "logits"):
        old, new = (m.get_layer(layer).get_weights()[0] for m in (sparse[0], model))
        assert (new[old == 0] == 0).all()
    assert all(content.values <= 16 and content.zeros >= 0.69 for content in tfslim.tfmot.model_kernels(model))
    assert report.figures["most values a kernel"] <= 16
    assert accuracy(model.predict(patterns["test"][0], verbose=0), patterns) > 0.85


def test_a_kernel_of_hardly_any_values_keeps_its_zeros_too():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(4, name="few")(inputs))
    kernel = np.zeros((8, 4), "float32")
    kernel[[0, 3, 5], [1, 2, 0]] = -0.5, 0.25, 1.0
    model.set_weights([kernel, np.zeros(4, "float32")])
    training, report = tfslim.tfmot.cluster(model, 16, keep_zeros=True)
    assert report.done == ["few"] and report.skipped == {}
    training.compile("sgd", "mse")
    images = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    training.fit(images, np.ones((64, 4), "float32"), epochs=2, verbose=0)
    found = tfslim.tfmot.strip(training)[0].get_layer("few").get_weights()[0]
    assert ((found == 0) == (kernel == 0)).all() and (found[kernel != 0] != kernel[kernel != 0]).all()

    model.set_weights([np.where(kernel == 1, kernel, 0), np.zeros(4, "float32")])
    with pytest.raises(
        ValueError, match="'few': 'it has 1 weights other than 0, which train freely, so that its zeros"
    ):
        tfslim.tfmot.cluster(model, 16, keep_zeros=True)


def test_int8_keeps_zeros_and_clusters_in_the_file(clustered, patterns, tmp_path):
    model = clustered[0]
    training, report = tfslim.tfmot.quantize_aware(model, patterns["train"][0][:128], keep=("zeros", "clusters"))
    assert len(report.done) == len(KERNELS) and all("zeros" in line for line in report.done)
    compiled(training).fit(*patterns["train"], batch_size=64, epochs=2, verbose=0)
    path = tmp_path / "pcqat.tflite"
    found = tfslim.tfmot.convert(training, path)
    assert found.skipped == {}
    contents = by_name(tfslim.tfmot.file_kernels(path, KERNELS))
    assert contents.keys() >= KERNELS and set(found.done) == {str(contents[name]) for name in KERNELS}
    for name in KERNELS:
        kernel = model.get_layer(name).get_weights()[0]
        assert contents[name].zeros >= (kernel == 0).mean() - 1e-9
        assert contents[name].zeros >= 0.69 and contents[name].filter_values <= 17
    simulated = training.predict(patterns["test"][0], verbose=0)
    assert accuracy(simulated, patterns) > 0.85
    answers = tfslim.litert.predict(path, patterns["test"][0])
    assert (answers.argmax(-1) == simulated.argmax(-1)).mean() > 0.97
    assert found.figures["gzipped"] < 0.5 * found.figures["bytes"]


def test_int8_keeps_zeros_and_many_clusters_of_a_convolution_along_one_axis(tmp_path):
    rng = np.random.default_rng(0)
    inputs = keras.Input((12, 8))
    x = keras.layers.Flatten()(keras.layers.Conv1D(32, 3, name="line")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))
    line, logits = model.get_layer("line"), model.get_layer("logits")
    kernel = rng.choice(np.linspace(-1, 1, 100), (3, 8, 32)).astype("float32") * (rng.random((3, 8, 32)) < 0.3)
    line.set_weights([kernel, np.zeros(32, "float32")])
    images, targets = rng.normal(size=(64, 12, 8)).astype("float32"), rng.normal(size=(64, 2)).astype("float32")
    training, report = tfslim.tfmot.quantize_aware(model, images, keep=("zeros", "clusters"))
    values = len(np.unique(kernel))
    assert report.done == [f"line: keeps zeros and {values} values"] and 64 < values <= 100
    training.compile(tf_keras().optimizers.Adam(1e-2), "mse")
    training.fit(images, targets, epochs=2, verbose=0)
    tfslim.tfmot.convert(training, tmp_path / "line.tflite")
    found = by_name(tfslim.tfmot.file_kernels(tmp_path / "line.tflite", ["line", "logits"]))
    assert found["line"].zeros >= (kernel == 0).mean() and found["line"].values <= values
    assert found["logits"].size == logits.kernel.shape[0] * 2


def test_zeros_alone_are_kept_while_the_others_move(sparse, patterns):
    training, _ = tfslim.tfmot.quantize_aware(sparse[0], patterns["train"][0][:64], keep=("zeros",))
    compiled(training).fit(*patterns["train"], batch_size=64, epochs=1, verbose=0)
    for name in FEEDING_CONCATENATE | {"deep"}:
        before = sparse[0].get_layer(name).get_weights()[0]
        after = training.get_layer(name).trainable_weights[0].numpy()
        assert (after[before == 0] == 0).all() and (after[before != 0] != before[before != 0]).mean() > 0.9


@pytest.mark.parametrize(("keep_zeros", "why"), [(True, ", so that its zeros may be lost'"), (False, "'")])
def test_a_kernel_of_no_more_weights_than_clusters_is_said_to_train_freely(keep_zeros, why):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="tiny")(inputs))
    model.set_weights([np.float32([[0, 1], [2, 3]]), np.zeros(2, "float32")])
    with pytest.raises(ValueError, match=f"'tiny': 'it has 4 weights, which train freely{why}"):
        tfslim.tfmot.cluster(model, 4, keep_zeros=keep_zeros)


@pytest.mark.parametrize(
    ("schedule", "end", "every", "trained_for", "zeros"),
    [
        ("polynomial", 5, 100, 5, 56),  # 70 % of 8 * 10
        ("polynomial", 7, 3, 7, 56),
        ("polynomial", 15, 4, 9, 50),  # at step 8 it is 0.7 * (1 - (7 / 15) ** 3) of them
        ("polynomial", 50, 100, 3, 0),
        ("constant", 50, 100, 1, 56),
    ],
)
def test_zeros_counted_by_hand_where_rounds_do_not_divide_the_steps(schedule, end, every, trained_for, zeros):
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(10, name="dense")(inputs))
    training, _ = tfslim.tfmot.sparsify(model, 0.7, schedule, end_step=end, every=every)
    training.compile("sgd", "mse")
    images = np.random.default_rng(0).normal(size=(trained_for, 8)).astype("float32")
    callbacks = tfslim.tfmot.pruning_callbacks()
    training.fit(images, np.ones((trained_for, 10)), batch_size=1, verbose=0, callbacks=callbacks)
    stripped, report = tfslim.tfmot.strip(training)
    assert (stripped.get_layer("dense").get_weights()[0] == 0).sum() == zeros
    missing = f"has {zeros / 80:.1%} zeros instead of 70.0%; train {end} steps with pruning_callbacks()"
    assert report.skipped == ({} if zeros == 56 else {"dense": missing})


def test_two_of_four_of_channels_that_fours_do_not_divide_are_not_missed():
    inputs = keras.Input((6, 6, 7))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 3, name="conv")(inputs))
    for steps, skipped in ((1, set()), (0, {"conv"})):
        training, _ = tfslim.tfmot.sparsify(model, pattern="2:4", schedule="constant", every=1)
        training.compile("sgd", "mse")
        if steps:
            images, callbacks = np.zeros((1, 6, 6, 7), "float32"), tfslim.tfmot.pruning_callbacks()
            training.fit(images, np.ones((1, 4, 4, 3)), verbose=0, callbacks=callbacks)
        stripped, report = tfslim.tfmot.strip(training)
        assert report.skipped.keys() == skipped
        kernel = stripped.get_layer("conv").get_weights()[0]
        assert two_of_four(kernel) == (not skipped)


@pytest.mark.parametrize("step", ["sparsify", "cluster"])
def test_layers_whose_kernels_stay_are_named(step):
    layers, inputs = keras.layers, keras.Input((8, 3))
    x = layers.Conv1D(8, 3, name="known")(inputs)
    x = layers.BatchNormalization()(layers.SeparableConv1D(4, 3, name="separable")(x))
    x = layers.LSTM(3, name="recurrent")(layers.DepthwiseConv1D(2, name="deep")(x))
    _, report = getattr(tfslim.tfmot, step)(keras.Model(inputs, x))
    assert report.done == ["known"] and list(report.skipped) == ["separable", "deep", "recurrent"]
    assert "kernels of LSTM layers are not supported; expected Conv1D, " in report.skipped["recurrent"]


@pytest.mark.slow
@pytest.mark.parametrize("start", ["linear", "density", "random"])
def test_every_start_of_clustering_ends_in_so_many_values(trained, patterns, start):
    keras.utils.set_random_seed(0)
    training, report = tfslim.tfmot.cluster(trained, 8, start, skip=["logits"])
    assert report.skipped.keys() == {"deep", "logits"} and "is listed in skip" in report.skipped["logits"]
    compiled(training).fit(*patterns["train"], batch_size=64, epochs=1, verbose=0)
    model, _ = tfslim.tfmot.strip(training)
    contents = by_name(tfslim.tfmot.model_kernels(model))
    assert all(contents[name].values <= 8 for name in KERNELS - {"deep", "logits"})
    assert contents["logits"].values > 100


def two_of_four(kernel: np.ndarray) -> bool:
    """Whether of each four neighbouring input channels at most two are not zero."""
    rows = np.moveaxis(kernel, -2, -1).reshape(-1, kernel.shape[-2])
    return all((row[at : at + 4] != 0).sum() <= 2 for row in rows for at in range(0, len(row) // 4 * 4, 4))


@pytest.mark.slow
def test_two_of_four(trained, patterns):
    training, _ = tfslim.tfmot.sparsify(trained, 0.5, "constant", pattern="2:4", every=1, depthwise=True)
    callbacks = tfslim.tfmot.pruning_callbacks()
    compiled(training).fit(*patterns["train"], batch_size=64, epochs=1, verbose=0, callbacks=callbacks)
    model, _ = tfslim.tfmot.strip(training)
    for name in KERNELS - {"deep"}:
        assert two_of_four(model.get_layer(name).get_weights()[0]), name
    deep = model.get_layer("deep").get_weights()[0]
    assert (deep == 0).mean() == 0.5


@pytest.mark.slow
def test_blocks_of_dense_layers(trained, patterns, tmp_path):
    training, report = tfslim.tfmot.sparsify(trained, 0.5, "constant", pattern=(4, 1), every=1)
    assert report.done == ["logits"] and "blocks are supported in dense layers only" in report.skipped["mix"]
    callbacks = tfslim.tfmot.pruning_callbacks(str(tmp_path))
    compiled(training).fit(*patterns["train"], batch_size=64, epochs=1, verbose=0, callbacks=callbacks)
    kernel = tfslim.tfmot.strip(training)[0].get_layer("logits").get_weights()[0]
    blocks = (kernel.reshape(6, 4, 5) != 0).sum(axis=1)
    assert set(np.unique(blocks)) == {0, 4} and (blocks == 0).mean() == 0.5
    assert list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: tfslim.tfmot.sparsify(m, 1.0), "sparsity=1.0 must be above 0 and below 1"),
        (lambda m: tfslim.tfmot.sparsify(m, 0.5, "cubic"), "schedule='cubic'"),
        (lambda m: tfslim.tfmot.sparsify(m, 0.5, end_step=0), "end_step=0"),
        (lambda m: tfslim.tfmot.sparsify(m, 0.5, pattern="1:4"), "pattern='1:4'"),
        (
            lambda m: tfslim.tfmot.sparsify(m, 0.5, skip=["logit"]),
            "no layer 'logit' with a kernel; did you mean logits",
        ),
        (
            lambda m: tfslim.tfmot.sparsify(m, 0.5, skip="logits"),
            r"skip must be a list of names, got the string 'logits'; pass skip=\['logits'\]",
        ),
        (lambda m: tfslim.tfmot.cluster(m, skip="logits"), "skip must be a list of names, got the string 'logits'"),
        (lambda m: tfslim.tfmot.cluster(m, 1), "clusters=1 must be 2 or more"),
        (lambda m: tfslim.tfmot.cluster(m, 2, keep_zeros=True), "clusters=2 must be 3 or more"),
        (lambda m: tfslim.tfmot.cluster(m, 8, "kmeans"), "start='kmeans'"),
    ],
)
def test_wrong_arguments_say_so(trained, make, message):
    with pytest.raises(ValueError, match=message):
        make(trained)
