"""Quantization-aware training: quantized layers, the outputs, and the resulting file."""

import keras
import numpy as np
import pytest
from keras import layers

import tfslim
import tfslim.quantization
import tfslim.tfmot
from tests.layer_checks import randomize
from tests.tfmot.conftest import CLASSES, accuracy, branching_net, compiled
from tfslim.litert.flatbuffer.model_file import open_file
from tfslim.tfmot.packages import tf_keras


def every_kind() -> keras.Model:
    """Every layer that TF-MOT alone fails on, and most of those that it knows."""
    inputs = keras.Input((12, 12, 3), name="image", dtype="uint8")
    x = layers.Normalization(mean=[120.0, 110.0, 90.0], variance=[3000.0, 2000.0, 9000.0])(inputs)
    x = layers.BatchNormalization(name="first_norm")(x)
    x = layers.ReLU()(layers.Conv2D(8, 3, padding="same", name="plain")(x))
    y = layers.SeparableConv2D(8, 3, padding="same", activation="hard_swish", name="separable")(x)
    y = layers.PReLU(shared_axes=[1, 2])(y)
    excite = layers.Dense(8, activation="hard_sigmoid", name="excite")(layers.GlobalAveragePooling2D()(y))
    y = layers.Multiply()([y, layers.Reshape((1, 1, 8))(excite)])
    x = layers.BatchNormalization(name="norm_after_add")(layers.Add()([x, y]))
    x = layers.Average()([layers.MaxPooling2D()(x), layers.AveragePooling2D(2)(x)])
    x = layers.Conv2D(8, 3, activation="swish", name="swished")(layers.ZeroPadding2D(1)(x))
    x = layers.Conv2DTranspose(8, 3, name="up")(layers.UpSampling2D()(x))
    x = layers.Subtract()([x, layers.LeakyReLU(0.2)(x)])
    x = layers.Maximum()([x, layers.Conv2D(8, 1, name="other")(x) + 0.5])
    x = layers.BatchNormalization(name="vector_norm")(layers.Dense(12, name="features")(layers.GlobalMaxPooling2D()(x)))
    return keras.Model(inputs, layers.Dense(4, name="logits")(layers.UnitNormalization()(x) * 8.0), name="every_kind")


def test_a_net_of_every_kind_has_no_float_island(tmp_path):
    model = every_kind()
    randomize(model)
    x = np.random.default_rng(0).integers(0, 256, (64, 12, 12, 3)).astype("uint8")
    training, report = tfslim.tfmot.quantize_aware(model, x)
    assert report.skipped == {}
    logits, simulated = np.asarray(model(x)), np.asarray(training(x.astype("float32"), training=False))
    assert 0 < np.abs(simulated - logits).max() < 0.12 * np.ptp(logits)
    path = tmp_path / "every.tflite"
    found = tfslim.tfmot.convert(training, path)
    assert found.skipped == {} and found.figures["bytes"] == path.stat().st_size
    (graph,) = open_file(path).graphs
    assert {tensor.dtype for tensor in graph.tensors} <= {"INT8", "INT32"}
    answers = tfslim.litert.predict(path, x)
    assert np.abs(answers - simulated).mean() < 0.02 * np.ptp(logits)
    # Depthwise kernels have a scale a channel, which TF-MOT's own configuration does not give them.
    deep = [graph.operand(each, 1) for each in graph.operators if each.name == "DEPTHWISE_CONV_2D"]
    assert all(len(kernel.scales) == kernel.shape[-1] for kernel in deep)


def test_what_stays_in_float_is_said_and_the_rest_is_int8(tmp_path):
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.ELU(name="elu")(layers.Conv2D(6, 3, name="conv")(inputs))
    x = layers.LayerNormalization(name="norm")(x)
    model = keras.Model(inputs, layers.Dense(3, name="logits")(layers.Flatten()(x)))
    training, report = tfslim.tfmot.quantize_aware(model, np.random.default_rng(0).normal(size=(32, 8, 8, 3)))
    assert set(report.skipped) == {"elu", "norm"} and "float" in report.skipped["elu"]
    found = tfslim.tfmot.convert(training, tmp_path / "mixed.tflite")
    assert any("ELU" in reason for reason in found.skipped.values())
    kernels = [t for t in open_file(tmp_path / "mixed.tflite").graphs[0].tensors if t.constant and len(t.shape) > 1]
    assert sum(tensor.dtype == "INT8" for tensor in kernels) >= 2


def awkward() -> keras.Model:
    """A trunk called twice, and activations and normalisations of which int8 has some and others not."""
    inputs = keras.Input((8, 8, 4), name="image")
    rescaling, norm = layers.Rescaling(1 / 127.5, -1.0, name="rescaling"), layers.BatchNormalization(name="trunk_norm")
    conv, conv_norm = (
        layers.Conv2D(4, 3, padding="same", name="trunk_conv"),
        layers.BatchNormalization(name="conv_norm"),
    )
    average, separable = layers.Average(name="average"), layers.SeparableConv2D(4, 3, padding="same", name="separable")

    def trunk(x):
        x = norm(rescaling(x))
        return separable(average([x, layers.ReLU()(conv_norm(conv(x)))]))

    def conv_of(x, name, **settings):
        return layers.Conv2D(4, 3, padding="same", name=name, **settings)(x)

    x = layers.Concatenate()([trunk(inputs), trunk(layers.MaxPooling2D(3, 1, "same")(inputs))])
    x = layers.BatchNormalization(axis=1, name="odd_axis")(conv_of(x, "before_axis"))
    x = conv_of(x, "leaky", activation=layers.LeakyReLU(0.3))
    x = conv_of(x, "parametric", activation=layers.PReLU(shared_axes=[1, 2]))
    x = layers.ReLU(1.0, name="odd_end")(x)
    x = layers.ReLU(6.0, negative_slope=0.1, name="odd_slope")(conv_of(x, "before_slope"))
    x = layers.ReLU(negative_slope=0.1)(conv_of(x, "before_resizing"))
    x = layers.Flatten()(layers.Resizing(4, 4, "nearest")(layers.Resizing(6, 6)(x)))
    return keras.Model(inputs, layers.Dense(3, name="logits")(x), name="awkward")


@pytest.mark.parametrize("room", [tfslim.quantization, tfslim.tfmot])
def test_the_report_names_just_what_is_in_float_in_the_file(room, tmp_path):
    model = awkward()
    randomize(model)
    x = np.random.default_rng(0).uniform(0, 255, (64, 8, 8, 4)).astype("float32")
    training, report = room.quantize_aware(model, x)
    logits, simulated = np.asarray(model(x)), np.asarray(training(x, training=False))
    assert 0 < np.abs(simulated - logits).max() < 0.1 * np.ptp(logits)
    in_float = tfslim.tfmot.convert(training, tmp_path / "awkward.tflite").skipped
    names = ("odd_axis", "odd_end", "odd_slope")
    assert report.skipped.keys() == set(names)
    assert all(any(name in tensor for tensor in in_float) for name in names)
    assert all(any(name in tensor for name in names) for tensor in in_float)
    answers = tfslim.litert.predict(tmp_path / "awkward.tflite", x)
    assert np.abs(answers - simulated).mean() < 0.02 * np.ptp(logits)


@pytest.mark.parametrize("room", [tfslim.quantization, tfslim.tfmot])
def test_the_report_leaves_out_rescalings_alone(room, tmp_path):
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 1, name="frozen", trainable=False)(layers.Rescaling(1 / 127.5, -1.0)(inputs))
    x = layers.BatchNormalization()(layers.Average()([x, layers.ReLU()(x)]))
    x = layers.Conv1D(5, 3, name="line")(layers.Reshape((64, 4))(x))
    model = keras.Model(inputs, layers.Dense(2, name="logits")(layers.Flatten()(x)))
    images = np.random.default_rng(0).uniform(0, 255, (8, 8, 8, 3)).astype("float32")
    training, report = room.quantize_aware(model, images)
    assert report.skipped == {}
    done = [each.split(" weights")[0] for each in tfslim.tfmot.convert(training, tmp_path / "x.tflite").done]
    assert sorted(done) == ["frozen: 12", "line: 60", "logits: 620"]


def lines() -> keras.Model:
    """Everything along one axis, a permutation that a PReLU reads, and unit vectors."""
    inputs = keras.Input((16, 4), name="line")
    x = layers.ReLU()(layers.Conv1D(6, 3, padding="causal", name="first")(inputs))
    x = layers.Cropping1D(1)(layers.ZeroPadding1D(2)(layers.MaxPooling1D(2, 1, "same")(x)))
    x = layers.AveragePooling1D(3)(layers.SpatialDropout1D(0.1)(layers.UpSampling1D()(x)))
    x = layers.Conv1D(5, 3, dilation_rate=2, activation="swish", name="second")(x)
    x = layers.PReLU()(layers.Permute((2, 1))(x))
    mean, largest = layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)
    x = layers.Concatenate()([mean, largest, layers.Dot(1)([mean, largest])])
    return keras.Model(
        inputs, layers.UnitNormalization(name="unit")(layers.Dense(5, name="embedding")(x)), name="lines"
    )


@pytest.mark.parametrize("room", [tfslim.quantization, tfslim.tfmot])
def test_a_net_of_lines_has_no_float_island_that_the_report_does_not_name(room, tmp_path):
    model = lines()
    randomize(model)
    x = np.random.default_rng(0).normal(size=(64, 16, 4)).astype("float32")
    training, report = room.quantize_aware(model, x)
    simulated = np.asarray(training(x, training=False))
    assert 0 < np.abs(simulated - np.asarray(model(x))).max() < 0.1
    found = tfslim.tfmot.convert(training, tmp_path / "lines.tflite")
    assert report.skipped == {} and found.skipped == {}
    assert [each.split(" weights")[0] for each in found.done] == ["first: 72", "second: 90", "embedding: 85"]
    np.testing.assert_allclose(tfslim.litert.predict(tmp_path / "lines.tflite", x), simulated, atol=0.05)


@pytest.mark.parametrize("room", [tfslim.quantization, tfslim.tfmot])
def test_kernels_of_layers_that_have_no_names_of_their_own_are_told_apart(room, tmp_path):
    keras.backend.clear_session()  # so that layers are called conv2d, conv2d_1, ...
    inputs = x = keras.Input((8, 8, 4))
    for filters in (5, 6, 7):
        x = layers.ReLU()(layers.Conv2D(filters, 3, padding="same")(x))
    model = keras.Model(inputs, layers.Dense(3)(layers.Dense(9)(layers.GlobalAveragePooling2D()(x))))
    training, _ = room.quantize_aware(model, np.random.default_rng(0).normal(size=(8, 8, 8, 4)).astype("float32"))
    found = tfslim.tfmot.convert(training, tmp_path / "x.tflite")
    sizes = {"conv2d": 180, "conv2d_1": 270, "conv2d_2": 378, "dense_1": 63, "dense": 27}
    assert [each.split(" weights")[0] for each in found.done] == [f"{name}: {size}" for name, size in sizes.items()]


@pytest.mark.parametrize("step", ["quantize_aware", "sparsify", "cluster"])
def test_what_tf_mot_would_forget_is_refused(step):
    inputs = keras.Input((6, 6, 2))
    conv, head = layers.Conv2D(12, 1, activity_regularizer="l2", name="asked"), layers.ActivityRegularization(0.1)
    with pytest.raises(tfslim.tfmot.UnsupportedLayer, match=r"'asked' \(Conv2D\): TF-MOT drops its activity_reg"):
        getattr(tfslim.tfmot, step)(keras.Model(inputs, conv(inputs)))
    training = getattr(tfslim.tfmot, step)(keras.Model(inputs, head(layers.Dense(12)(inputs))))[0]
    training.compile("sgd", "mse")
    images = np.random.default_rng(0).normal(size=(8, 6, 6, 2)).astype("float32")
    outputs = training(images, training=False).numpy()  # tf_keras divides by the batch
    assert training.evaluate(images, outputs, verbose=0) == pytest.approx(0.1 * np.abs(outputs).sum() / 8, rel=1e-3)


def test_it_trains_to_the_float_models_accuracy_and_the_file_agrees(trained, patterns, tmp_path):
    training, _ = tfslim.tfmot.quantize_aware(trained, patterns["train"][0][:128])
    frozen = [np.asarray(variable) for variable in training.get_layer("rescaling").non_trainable_weights[:2]]
    assert not training.get_layer("rescaling").trainable_weights
    compiled(training).fit(*patterns["train"], batch_size=64, epochs=2, verbose=0)
    images = patterns["test"][0]
    simulated = training.predict(images, verbose=0)
    before = accuracy(trained.predict(images, verbose=0), patterns)
    assert accuracy(simulated, patterns) >= before - 0.02
    tfslim.tfmot.convert(training, tmp_path / "trained.tflite")
    answers = tfslim.litert.predict(tmp_path / "trained.tflite", images)
    assert (answers.argmax(-1) == simulated.argmax(-1)).mean() >= 0.985
    assert np.abs(answers - simulated).max() < 0.08 * np.ptp(simulated)
    for variable, value in zip(training.get_layer("rescaling").non_trainable_weights, frozen, strict=False):
        np.testing.assert_array_equal(variable, value)


def test_without_representative_inputs_the_first_batches_set_the_ranges(trained, patterns, tmp_path):
    training, _ = tfslim.tfmot.quantize_aware(trained)
    with pytest.raises(ValueError, match="'image_quantized': its output's range was never measured"):
        tfslim.tfmot.convert(training, tmp_path / "early.tflite")
    assert not (tmp_path / "early.tflite").exists()
    compiled(training, 0.0).fit(patterns["train"][0][:128], patterns["train"][1][:128], batch_size=32, verbose=0)
    ends = {
        v.name.split(":")[0].split("/")[-1]: float(v)
        for v in training.get_layer("image_quantized").variables
        if v.shape == ()
    }
    assert ends["output_batches"] == 4 and ends["output_least"] == 0 and 200 < ends["output_largest"] <= 255


def test_it_learns_from_a_teachers_outputs_carried_in_the_dataset(trained, patterns):
    import tensorflow as tf

    tk = tf_keras()
    images, labels = patterns["train"]
    teacher = trained.predict(images, verbose=0)
    targets = np.concatenate([np.eye(CLASSES)[labels], teacher], axis=1).astype("float32")
    batches = tf.data.Dataset.from_tensor_slices((images, targets)).batch(64)

    def loss(both, logits):
        answers, theirs = both[:, :CLASSES], both[:, CLASSES:]
        hard = 0.0 * tf.nn.softmax_cross_entropy_with_logits(answers, logits)
        soft = tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(theirs / 2.0), logits / 2.0)
        return hard + 4.0 * soft

    # A student that starts from nothing, and labels that count for nothing: what it learns is the teacher's.
    training, _ = tfslim.tfmot.quantize_aware(branching_net(), images[:64])
    training.compile(tk.optimizers.Adam(3e-3), loss)
    training.fit(batches, epochs=8, verbose=0)
    theirs = np.argmax(trained.predict(patterns["test"][0], verbose=0), -1)
    assert (np.argmax(training.predict(patterns["test"][0], verbose=0), -1) == theirs).mean() > 0.6


def test_wrong_arguments_say_so(trained, tmp_path):
    with pytest.raises(ValueError, match="'zeroes' is unknown"):
        tfslim.tfmot.quantize_aware(trained, keep=("zeroes",))
    with pytest.raises(
        ValueError, match=r"keep must be a list of names, got the string 'zeros'; pass keep=\['zeros'\]"
    ):
        tfslim.tfmot.quantize_aware(trained, keep="zeros")
    with pytest.raises(ValueError, match="representative has no batches"):
        tfslim.tfmot.quantize_aware(trained, np.zeros((0, 16, 16, 3)))
    legacy = tfslim.tfmot.to_tf_keras(trained)
    with pytest.raises(TypeError, match="has no quantized layer; pass the model"):
        tfslim.tfmot.convert(legacy, tmp_path / "x.tflite")
    with pytest.raises(TypeError, match="has nothing to strip; pass the model"):
        tfslim.tfmot.strip(legacy)
    with pytest.raises(FileNotFoundError, match="folder does not exist"):
        tfslim.tfmot.convert(legacy, tmp_path / "none" / "x.tflite")
    with pytest.raises(ValueError, match="io='int16'"):
        tfslim.tfmot.convert(legacy, tmp_path / "x.tflite", io="int16")
