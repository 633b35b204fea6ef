"""Ranges measured on representative inputs, however these come."""

import keras
import numpy as np
import pytest

import tfslim.quantization
import tfslim.tfmot
from tfslim.quantization.int8.calibration import measure_ranges

P = np.arange(40.0).reshape(40, 1)
Q = -np.arange(80.0).reshape(40, 2)
# Batches of 32 and 8: p reaches 31 and 39, q -63 and -79.
RANGES = {"p_out": (0.0, 35.0), "q_out": (-71.0, 0.0)}


def model(structure):
    p, q = keras.Input((1,), name="p"), keras.Input((2,), name="q")
    outputs = [keras.layers.Identity(name=f"{x.name}_out")(x) for x in (p, q)]
    return keras.Model({"p": p, "q": q} if structure is dict else structure([p, q]), outputs)


def batches(kind):
    cut = [(P[:32], Q[:32]), (P[32:], Q[32:])]
    return [{"p": p, "q": q} if kind is dict else [p, q] for p, q in cut]


@pytest.mark.parametrize(
    ("structure", "given"),
    [
        (list, (P, Q)),
        (list, [P, Q]),
        (tuple, (P, Q)),
        (list, batches(list)),
        (list, [(batch, np.zeros(len(batch[0]))) for batch in batches(list)]),
        (list, batches(dict)),
        (dict, {"p": P, "q": Q}),
        (dict, iter(batches(dict))),
    ],
)
def test_several_inputs_come_as_the_model_takes_them(structure, given):
    found = measure_ranges(model(structure), ["p_out", "q_out"], given)
    assert found == {name: pytest.approx(ends) for name, ends in RANGES.items()}


def test_what_is_not_finite_is_refused_by_the_batch_and_input():
    odd = np.where(Q == -79, np.nan, Q)
    with pytest.raises(ValueError, match="batch 1 holds NaN or infinity for the input 'q'"):
        measure_ranges(model(list), ["p_out"], (P, odd))
    with pytest.raises(ValueError, match="batch 0 holds NaN or infinity for the input 'p'"):
        measure_ranges(model(dict), ["p_out"], {"p": np.where(P == 3, np.inf, P), "q": Q})


@pytest.mark.parametrize("room", [tfslim.quantization, tfslim.tfmot])
def test_pixels_on_another_scale_than_the_models_are_warned_of(room):
    inputs = keras.Input((4, 4, 3), name="image")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    net = keras.Model(inputs, keras.layers.Conv2D(2, 1)(x))
    images = np.random.default_rng(0).uniform(0, 1, (40, 4, 4, 3)).astype("float32")
    with pytest.warns(UserWarning, match="from 0.* to 0.99.*, but layer 'rescaling' of the model scales pixels"):
        room.quantize_aware(net, images)
    room.quantize_aware(net, images * 255)
    with pytest.raises(ValueError, match="batch 0 holds NaN or infinity for the input 'image'"):
        room.quantize_aware(net, np.full((8, 4, 4, 3), np.nan))


@pytest.mark.parametrize(
    ("structure", "given", "message"),
    [
        (list, P, "a batch holds 1 array, .* has the inputs 'p', 'q'"),
        (list, [(P, Q)], "a batch holds 1 array, .*a tuple is inputs and targets"),
        (list, (P, Q, Q), "a batch holds 3 arrays"),
        (dict, {"p": P, "r": Q}, "a batch holds a dictionary of 'p', 'r'"),
        (dict, (P, Q), "a batch holds 2 arrays"),
        (list, (P, Q[:8]), r"arrays of different lengths: \[8, 40\]"),
        (list, [], "representative has no batches"),
    ],
)
def test_what_is_not_the_models_inputs_is_refused(structure, given, message):
    with pytest.raises(ValueError, match=message):
        measure_ranges(model(structure), ["p_out"], given)
