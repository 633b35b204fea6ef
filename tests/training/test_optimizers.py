"""The optimizer decays the kernels alone, in Keras 3 and in tf_keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfslim.layers.l2_normalization import learned_scales
from tfslim.tfmot.packages import tf_keras
from tfslim.training.optimizers import make_optimizer
from tfslim.training.recipe import Optimization

ASKED = Optimization(learning_rate=0.1, weight_decay=0.5)


def layers_of(package):
    """A dense layer, a normalisation, and a learned scale as `normalised_classifier` lays it out."""
    inputs = package.Input((3,))
    x = package.layers.Dense(4, bias_initializer="ones", name="logits_dense")(inputs)
    x = package.layers.Reshape((4, 1))(package.layers.BatchNormalization(name="norm", beta_initializer="ones")(x))
    x = package.layers.Dense(1, use_bias=False, kernel_initializer="ones", name="logits_factor")(x)
    return package.Model(inputs, x)


@pytest.mark.parametrize("legacy", [False, True])
def test_kernels_are_decayed_and_a_learned_scale_is_none(legacy):
    package = tf_keras() if legacy else keras
    model = layers_of(package)
    spared = [] if legacy else learned_scales(model)
    optimizer = make_optimizer(ASKED, 8, 5, "float32", package.optimizers, spared)
    before = [np.array(each) for each in model.trainable_variables]
    zeros = [tf.zeros(each.shape) for each in model.trainable_variables]
    optimizer.apply_gradients(zip(zeros, model.trainable_variables, strict=True))
    names = [each.name.split(":")[0] if legacy else each.path for each in model.trainable_variables]
    after = map(np.array, model.trainable_variables)
    moved = [name for name, old, new in zip(names, before, after, strict=True) if not np.array_equal(old, new)]
    assert moved == ["logits_dense/kernel"]
