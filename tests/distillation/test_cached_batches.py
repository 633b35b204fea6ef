"""Training on kept outputs is training with the teacher, on the same augmented stream."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.distillation.networks import LOSS, assert_same_weights, student, teacher
from tfslim.data import Augmentation, CelebA, draw_faces, training_batches
from tfslim.distillation import Distiller, FeatureDistance, SoftTargets, teacher_layers, write_teacher_outputs
from tfslim.distillation.cached_batches import taught_batches

SIZE, BATCH, VIEWS = (12, 10), 8, 2
LOSSES = [SoftTargets(temperature=2.0), FeatureDistance("embedding", "embedding")]


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    celeba = CelebA(draw_faces(tmp_path_factory.mktemp("data") / "faces", count=32, size=(36, 32)))
    augmentation = Augmentation(flip=True, shift=0.1)

    def batches(epochs):
        found = training_batches(celeba, SIZE, BATCH, augmentation=augmentation, seed=3, epochs=epochs)
        return found.map(lambda images, labels: (images, tf.cast(tf.reduce_sum(labels, axis=1), tf.int32) % 4))

    return batches


@pytest.fixture(scope="module")
def outputs(stream, tmp_path_factory):
    steps = sum(1 for _ in stream(range(1)))
    return write_teacher_outputs(
        tmp_path_factory.mktemp("kept"),
        teacher(),
        teacher_layers(LOSSES),
        lambda epoch: stream(range(epoch, epoch + 1)),
        stream={"seed": 3},
        steps=steps,
        batch_size=BATCH,
        views=VIEWS,
    )


def test_images_and_outputs_belong_together(stream, outputs):
    master = teacher()
    for epochs in (range(5), range(3, 5)):
        elements = list(taught_batches(stream, outputs, epochs))
        assert len(elements) == len(epochs) * outputs.steps
        for number, (images, targets) in enumerate(elements):
            epoch, step = epochs[number // outputs.steps] % VIEWS, number % outputs.steps
            wanted, labels = list(stream(range(epoch, epoch + 1)))[step]
            np.testing.assert_array_equal(images, wanted)
            np.testing.assert_array_equal(targets["labels"], labels)
            np.testing.assert_allclose(targets["teacher"]["output"], master(images), rtol=2e-3, atol=1e-3)


def test_the_same_losses_and_weights_as_with_the_teacher_there(stream, outputs):
    def trained(master, batches, **arguments):
        keras.utils.set_random_seed(7)
        pupil = student(dropout=0.2)
        model = Distiller(pupil, master, LOSSES, **arguments)
        model.compile(keras.optimizers.SGD(0.005), LOSS, metrics=["accuracy"])
        history = model.fit(batches, steps_per_epoch=outputs.steps, epochs=3, shuffle=False, verbose=0).history
        return pupil, history

    cycle = stream(range(VIEWS)).repeat()
    online, expected = trained(teacher(), cycle)
    kept = taught_batches(stream, outputs, range(3))
    cached, found = trained(None, kept, teacher_shapes=outputs.shapes)
    assert set(found) == set(expected)
    for name in ("loss", "label_loss", "soft_targets", "embedding_distance"):
        assert found[name] == pytest.approx(expected[name], rel=2e-3), name
    assert_same_weights(cached, online, rtol=0.01, atol=1e-3)


def test_streams_with_sample_weights_and_without_labels(stream, outputs):
    def weighted(epochs):
        return stream(epochs).map(lambda images, labels: (images, labels, tf.ones(BATCH)))

    images, targets, weights = next(iter(taught_batches(weighted, outputs, range(1))))
    assert set(targets) == {"labels", "teacher"} and weights.shape == (BATCH,)
    unlabelled = taught_batches(lambda epochs: stream(epochs).map(lambda images, _: images), outputs, range(1))
    images, targets = next(iter(unlabelled))
    assert images.shape == (BATCH, *SIZE, 3) and set(targets) == {"teacher"}


def test_a_damaged_file_is_told_of_before_training(stream, outputs, tmp_path):
    from tfslim.distillation import read_teacher_outputs

    for file in outputs.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "epoch001_output.npy").write_bytes(b"")
    broken = read_teacher_outputs(tmp_path)
    assert taught_batches(stream, broken, range(2, 3))  # epoch 0 again, which is whole
    with pytest.raises(ValueError, match="epoch001_output.npy: damaged"):
        taught_batches(stream, broken, range(2))
