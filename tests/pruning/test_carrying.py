"""An optimizer's momenta go on in the smaller model."""

import keras
import numpy as np
import pytest

from tests.pruning.branching_model import branching_model
from tfslim.distillation import Distiller, FeatureDistance
from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.surgery import carry_optimizer, remove_units


def compiled(optimizer):
    model = branching_model()
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 8, 8, 3)).astype("float32"), rng.integers(0, 3, 16)
    return model, x, y


@pytest.mark.parametrize(
    "optimizer",
    [keras.optimizers.SGD(0.05, momentum=0.9), keras.optimizers.Adam(0.01), keras.optimizers.RMSprop(0.01)],
    ids=["sgd", "adam", "rmsprop"],
)
def test_what_was_gathered_is_cut_like_the_weights(optimizer):
    model, x, y = compiled(optimizer)
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    graph = channel_graph(model)
    removed = graph.filters["hidden"][[1, 3]]
    smaller = remove_units(graph, removed)
    smaller.compile_from_config(model.get_compile_config())
    carry_optimizer(model.optimizer, graph, removed, smaller)

    cut = {"hidden_kernel": (slice(None), [0, 2, 4]), "hidden_bias": ([0, 2, 4],), "logits_kernel": ([0, 2, 4],)}
    old = {each.path: np.asarray(each) for each in model.optimizer.variables}
    moved = 0
    for variable in smaller.optimizer.variables:
        index = next((index for name, index in cut.items() if name in variable.path), ...)
        np.testing.assert_array_equal(np.asarray(variable), old[variable.path][index])
        moved += index is not ... and bool(np.asarray(variable).any())
    assert moved >= len(cut)
    assert int(smaller.optimizer.iterations) == 4


def test_without_it_the_first_step_would_differ():
    model, x, y = compiled(keras.optimizers.SGD(0.05, momentum=0.9))
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    graph = channel_graph(model)
    same = remove_units(graph, [])
    same.compile_from_config(model.get_compile_config())
    carry_optimizer(model.optimizer, graph, [], same)
    fresh = remove_units(graph, [])
    fresh.compile_from_config(model.get_compile_config())
    for each in (model, same, fresh):
        each.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    expected = np.asarray(model(x))
    np.testing.assert_allclose(np.asarray(same(x)), expected, rtol=1e-5, atol=1e-5)
    assert np.abs(np.asarray(fresh(x)) - expected).max() > 1e-3


def test_another_kind_of_optimizer_takes_nothing_over():
    model, x, y = compiled(keras.optimizers.SGD(0.05, momentum=0.9))
    model.fit(x, y, verbose=0)
    graph = channel_graph(model)
    same = remove_units(graph, [])
    same.compile("adam", "mse")
    with pytest.raises(ValueError, match="has Adam, expected SGD"):
        carry_optimizer(model.optimizer, graph, [], same)


def test_an_optimizer_that_took_no_step_has_nothing_to_carry():
    model, _, _ = compiled(keras.optimizers.SGD(0.05))
    graph = channel_graph(model)
    same = remove_units(graph, [])
    same.compile_from_config(model.get_compile_config())
    carry_optimizer(keras.optimizers.SGD(0.05), graph, [], same)
    assert int(same.optimizer.iterations) == 0


def test_momenta_of_nested_models_are_not_taken_for_each_others():
    def branch(name):
        inputs = keras.Input((4,))
        x = keras.layers.Dense(4, name=f"{name}1")(inputs)
        return keras.Model(inputs, keras.layers.Dense(4, name=f"{name}2")(x), name=name)

    inputs = keras.Input((4,))
    p, q = branch("p"), branch("q")
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Concatenate()([p(inputs), q(inputs)])))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    model.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    graph = channel_graph(model)
    same = remove_units(graph, [])
    same.compile_from_config(model.get_compile_config())
    with pytest.raises(
        ValueError, match=r"p1_kernel_momentum was not found; .* open nested models with tfslim.flatten"
    ):
        carry_optimizer(model.optimizer, graph, [], same)


@pytest.mark.parametrize("width", [5, 7], ids=["no adapter before", "another adapter before"])
def test_a_student_that_needs_another_adapter_keeps_its_own_momenta(width):
    def taught(student):
        distiller = Distiller(student, teacher, [FeatureDistance("hidden", "hidden")])
        distiller.compile(
            keras.optimizers.SGD(0.05, momentum=0.9), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        return distiller

    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Dense(width, name="hidden")(keras.layers.Flatten()(inputs))
    teacher = keras.Model(inputs, keras.layers.Dense(3)(hidden))
    student, x, y = compiled("sgd")
    before = taught(student)
    before.fit(x, y, verbose=0)
    graph = channel_graph(student)
    removed = graph.filters["hidden"][[1, 3]]
    after = taught(remove_units(graph, removed))
    carry_optimizer(before.optimizer, graph, removed, after)
    found = {each.path.rpartition("/")[2]: np.asarray(each) for each in before.optimizer.variables}
    carried = {each.path.rpartition("/")[2]: np.asarray(each) for each in after.optimizer.variables}
    np.testing.assert_array_equal(carried["hidden_kernel_momentum"], found["hidden_kernel_momentum"][:, [0, 2, 4]])
    assert carried["hidden_kernel_momentum"].any()
    assert carried["hidden_distance_adapter_kernel_momentum"].shape == (3, width)
    assert not carried["hidden_distance_adapter_kernel_momentum"].any()
