"""Operations that count as element by element are: changing one channel changes no other."""

import keras
import numpy as np
import pytest

from tfslim.pruning.dependency import elementwise_rules

X = np.random.default_rng(0).uniform(0.1, 0.9, (2, 5)).astype("float32")
CHANGED = X + np.float32([0, 0, 0.05, 0, 0])
# Made from its settings and called by hand, or not public by the name of its class.
ARGUMENTS = {"Cast": ("float32",), "Clip": (0.2, 0.8), "Threshold": (0.5, 0.0)}
FUNCTIONS = {"Abs": "abs", "Absolute": "abs", "StopGradient": "stop_gradient", "OnesLike": "ones_like"}


def function_of(name: str):
    """The function of keras.ops that makes an operation of this class."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
    return getattr(keras.ops, FUNCTIONS.get(name, snake), None)


@pytest.mark.parametrize("name", sorted(elementwise_rules.ACTIVATIONS))
def test_activations(name):
    function = keras.activations.get(name) if name != "threshold" else lambda x: keras.activations.threshold(x, 0.5, 0)
    assert_only_its_place_changes(function)


@pytest.mark.parametrize("name", sorted(elementwise_rules.UNARY_OPERATIONS - {"Identity"}))
def test_operations_on_one_tensor(name):
    function = function_of(name)
    assert function is not None
    symbolic = function(keras.KerasTensor(X.shape), *ARGUMENTS.get(name, ()))
    assert type(symbolic._keras_history.operation).__name__ == name or name in ("Abs", "Absolute")
    assert_only_its_place_changes(lambda x: function(x, *ARGUMENTS.get(name, ())))


def assert_only_its_place_changes(function):
    before, after = (np.asarray(function(keras.ops.convert_to_tensor(x))) for x in (X, CHANGED))
    assert before.shape == X.shape
    np.testing.assert_array_equal(np.delete(before, 2, axis=1), np.delete(after, 2, axis=1))


@pytest.mark.parametrize("kind", elementwise_rules.SAME_SHAPE_LAYERS + elementwise_rules.DROPOUT_LAYERS)
def test_layers(kind):
    layer = kind(0.5) if "Dropout" in kind.__name__ or "Noise" in kind.__name__ else kind()
    rank = int(kind.__name__[-2]) if kind.__name__.endswith("D") else 1
    shape = (2, *(1,) * rank, 5)
    assert_only_its_place_changes(lambda x: keras.ops.reshape(layer(keras.ops.reshape(x, shape)), (2, 5)))


@pytest.mark.parametrize("name", sorted(elementwise_rules.BINARY_OPERATIONS))
def test_operations_that_broadcast_have_a_class_of_that_name(name):
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
    tensors = [keras.KerasTensor((2, 1, 5)), keras.KerasTensor((4, 1))]
    if name == "LogicalNot":
        tensors = tensors[:1]
    elif name == "Where":
        tensors = [keras.KerasTensor((1,), "bool"), *tensors]
    made = getattr(keras.ops, snake)(*tensors)
    assert type(made._keras_history.operation).__name__ in (name, "Divide")  # divide is true_divide
    assert made.shape == ((2, 1, 5) if name == "LogicalNot" else (2, 4, 5))
