"""Layers copied one by one: their settings, their functions, their names."""

import keras
import numpy as np
import pytest

from tfslim.graph.layer_copier import LayerCopier, UnsupportedLayer, copy_operation, new_inputs

layers = keras.layers


def penalty(weights):
    return keras.ops.sum(weights)


@keras.saving.register_keras_serializable("tests")
class Named(layers.Layer):
    """Writes its function by a name of its own, and takes nothing else."""

    KNOWN = {"sum": penalty}

    def __init__(self, weight_regularizer="sum", **kwargs):
        super().__init__(**kwargs)
        self.weight_regularizer = self.KNOWN[weight_regularizer]

    def get_config(self):
        return {**super().get_config(), "weight_regularizer": "sum"}


class Renamed(layers.Layer):
    """Has its activation under another name in its config."""

    def __init__(self, then, **kwargs):
        super().__init__(**kwargs)
        self.activation = then

    def get_config(self):
        return {**super().get_config(), "then": self.activation}


def test_name_settings_and_class_of_a_copy_can_be_others():
    layer = layers.Conv2D(4, 3, kernel_regularizer=penalty, name="conv")
    copy = copy_operation(layer, "again", change=lambda config: config.update(filters=2))
    assert (copy.name, copy.filters, copy.kernel_regularizer) == ("again", 2, penalty)
    assert (layer.name, layer.filters) == ("conv", 4)

    class Other(layers.Conv2D):
        pass

    assert type(copy_operation(layer, kind=Other)) is Other and type(copy_operation(layer)) is layers.Conv2D


def test_a_class_that_writes_its_functions_in_its_own_way_is_read_so():
    assert copy_operation(Named()).weight_regularizer is penalty
    assert copy_operation(Renamed(penalty)).activation is penalty


def relu(x):
    """Has the name of Keras' own and computes something else."""
    return keras.ops.relu(x) + 0.25


def inner_of(layer):
    return layer._flatten_layers(include_self=False)


def test_functions_of_layers_inside_others_are_the_same_ones():
    """Whatever their names; and the layer read keeps its own."""
    twice = lambda x: 2 * x  # noqa: E731 (Keras writes a lambda by its code)
    cells = [layers.GRUCell(3, activation=relu), layers.LSTMCell(3, kernel_regularizer=penalty)]
    chain = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=relu), layers.Lambda(twice)])
    for layer, key, functions in (
        (layers.TimeDistributed(layers.Dense(2, activation=relu)), "activation", [relu]),
        (layers.TimeDistributed(layers.TimeDistributed(layers.Lambda(twice))), "function", [twice]),
        (layers.SpectralNormalization(layers.Conv2D(2, 3, bias_constraint=relu)), "bias_constraint", [relu]),
        (layers.GRU(3, recurrent_regularizer=penalty), "recurrent_regularizer", [penalty]),
        (layers.RNN(cells), "activation", [relu, keras.activations.tanh]),
        (layers.RNN(cells), "kernel_regularizer", [None, penalty]),
        (layers.TimeDistributed(chain), "activation", [relu]),
        (layers.TimeDistributed(chain), "function", [twice]),
    ):
        for each in (copy_operation(layer), layer):
            found = [vars(inner)[key] for inner in inner_of(each) if key in vars(inner)]
            assert sorted(map(id, found)) == sorted(map(id, functions))


def test_a_class_that_deserializes_its_function_is_given_a_name_of_it():
    @keras.saving.register_keras_serializable("tests")
    class Deserializing(layers.Layer):
        def __init__(self, activation, **kwargs):
            super().__init__(**kwargs)
            self.activation = activation

        def get_config(self):
            return {**super().get_config(), "activation": keras.saving.serialize_keras_object(self.activation)}

        @classmethod
        def from_config(cls, config):
            return cls(keras.saving.deserialize_keras_object(config.pop("activation")), **config)

    assert copy_operation(Deserializing(relu)).activation is relu


def test_a_layer_that_serves_a_wrapped_layer_as_activation_is_copied():
    activation = Renamed(penalty)
    copy = copy_operation(layers.TimeDistributed(layers.Dense(2, activation=activation)))
    assert copy.layer.activation is not activation and copy.layer.activation.activation is penalty


def test_code_is_not_in_an_error():
    class Refusing(layers.Layer):
        @classmethod
        def from_config(cls, config):
            raise ValueError("can't read '" + 40 * "4wEA" + "' here")

    with pytest.raises(UnsupportedLayer, match=r"can't read '\.\.\.' here"):
        copy_operation(Refusing())


def test_operations_keep_their_names_and_are_not_shared():
    x = keras.Input((4, 6), name="x")
    for output in (x + 1.0, keras.ops.reshape(x, (-1, 24)), x[:, 0], keras.ops.einsum("abc->acb", x)):
        operation = output._keras_history.operation
        copy = copy_operation(operation)
        assert copy is not operation and copy.name == operation.name and not copy._inbound_nodes
        assert copy_operation(operation, "other").name == "other" != operation.name


def test_changes_of_a_layer_that_does_not_take_them_are_refused():
    with pytest.raises(UnsupportedLayer, match=r"layer 'relu' \(ReLU\): can't be copied"):
        LayerCopier().of(layers.ReLU(name="relu"), filters=3)


def test_each_layer_is_copied_once_by_the_function_given():
    seen = []

    def narrower(operation):
        seen.append(operation.name)
        return copy_operation(operation, change=lambda config: config.update(units=2))

    shared = layers.Dense(3, name="shared")
    inputs = keras.Input((3,))
    inner = keras.Model(inputs, shared(inputs), name="inner")
    model = keras.Model(inputs, layers.Add(name="sum")([inner(inputs), shared(inputs)]))
    copier = LayerCopier(lambda each: narrower(each) if each is shared else copy_operation(each))
    copy = copier.copy_graph(model, new_inputs(model))
    assert seen == ["shared"] and copier.of(shared) is copy.get_layer("shared") and copy.output_shape == (None, 2)


def test_weights_are_taken_by_those_copies_that_were_called():
    layer, unused = layers.Dense(2), layers.Dense(3)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layer(inputs))
    copier = LayerCopier()
    copier.of(unused)
    copy = keras.Model(inputs, copier.of(layer, activation="relu")(inputs))
    copier.take_weights(copy)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_array_equal(np.asarray(copy(x)), np.maximum(np.asarray(model(x)), 0))
