"""The loop of a training, on a tiny model."""

import keras
import numpy as np

from tests.tiny_model import NAMES, tiny_model
from tests.tiny_recipe import tiny_recipe
from tfslim.data import CelebA
from tfslim.layers import L2Normalization
from tfslim.training import trainer


def test_a_dead_embedding_does_not_end_a_training(faces):
    """Keras' unit length has a gradient of 1e12 there; what is trained must not, and what is saved stays stock."""
    recipe = tiny_recipe(faces)
    trunk = tiny_model()
    features = L2Normalization(16.0, name="features").flat(trunk.output)
    plain = keras.Model(trunk.input, keras.layers.Dense(len(NAMES), name="answers")(features))
    plain.get_layer("logits").set_weights([np.zeros(shape) for shape in ((60, len(NAMES)), (len(NAMES),))])
    training = trainer.prepare_training(recipe, CelebA(faces, attributes=NAMES), plain=plain)
    training.fitted.compile(keras.optimizers.SGD(0.01), training.task.loss())
    images, answers = next(iter(training.batches(recipe.stages[0], range(1))))[:2]
    training.fitted.fit(images, answers, verbose=0)
    assert np.abs(training.copy.get_layer("logits").bias.numpy()).max() < 1
    assert all(type(layer).__module__.startswith("keras.") for layer in plain.layers)


def test_a_learned_scale_is_not_decayed(faces):
    recipe = tiny_recipe(faces, learning_rate=0.1, weight_decay=0.5)
    trunk = tiny_model()
    features = L2Normalization(16.0, learned=True, name="features").flat(trunk.output)
    plain = keras.Model(trunk.input, keras.layers.Dense(len(NAMES), name="answers")(features))
    training = trainer.prepare_training(recipe, CelebA(faces, attributes=NAMES), plain=plain)
    before = {name: training.copy.get_layer(name).kernel.numpy() for name in ("answers", "features_scale_factor")}
    variables = training.copy.trainable_variables
    training.fitted.optimizer.apply([keras.ops.zeros(each.shape) for each in variables], variables)
    assert training.copy.get_layer("features_scale_factor").kernel.numpy() == 16 == before["features_scale_factor"]
    assert (np.abs(training.copy.get_layer("answers").kernel.numpy()) < np.abs(before["answers"])).all()


def test_a_run_killed_in_its_first_epoch_is_resumed_from_its_beginning(faces, tmp_path):
    recipe = tiny_recipe(faces)
    celeba = CelebA(faces, attributes=NAMES)
    states = []
    for name, resume in (("whole", False), ("resumed", True)):
        (tmp_path / name).mkdir()
        trainer.fit_training(
            trainer.prepare_training(recipe, celeba, plain=tiny_model()), tmp_path / name, resume, verbose=0
        )
        with np.load(tmp_path / name / "state.npz") as file:
            states.append({each: file[each] for each in file.files if each != "record"})
    for each, values in states[0].items():
        np.testing.assert_array_equal(states[1][each], values)
