"""Multiply-accumulates of each kind of layer against counts worked out by hand."""

import keras
import pytest

import tfslim

layers = keras.layers


def macs_of(layer: keras.layers.Layer, *shapes: tuple[int, ...]) -> int:
    inputs = [keras.Input(shape) for shape in shapes]
    cost = tfslim.measure(keras.Model(inputs, layer(*inputs)))
    assert not cost.uncounted
    return cost.macs


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        # 8x8 outputs, 9 taps, 3 -> 5 channels
        (layers.Conv2D(5, 3, padding="same"), (8, 8, 3), 64 * 9 * 3 * 5),
        # valid, stride 2: (9 - 3) // 2 + 1 = 4
        (layers.Conv2D(5, 3, strides=2), (9, 9, 3), 16 * 9 * 3 * 5),
        # two groups: each filter sees 2 of the 4 channels
        (layers.Conv2D(6, (1, 3), padding="same", groups=2), (8, 8, 4), 64 * 3 * 2 * 6),
        # dilation 2: the 3-tap kernel spans 5, which leaves 8 - 4 = 4
        (layers.Conv2D(5, 3, dilation_rate=2), (8, 8, 3), 16 * 9 * 3 * 5),
        (layers.Conv1D(4, 5, padding="causal"), (10, 3), 10 * 5 * 3 * 4),
        (layers.Conv3D(2, 3), (4, 5, 6, 3), (2 * 3 * 4) * 27 * 3 * 2),
        (layers.DepthwiseConv1D(3, depth_multiplier=2), (10, 4), 8 * 3 * 4 * 2),
        (layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=4), (7, 7, 3), 16 * 9 * 3 * 4),
        (layers.SeparableConv1D(6, 3, depth_multiplier=2), (10, 4), 8 * (3 * 8 + 8 * 6)),
        (layers.SeparableConv2D(5, 3, padding="same"), (8, 8, 3), 64 * (9 * 3 + 3 * 5)),
        # each of the 4x4 inputs is spread over 9 taps of 5 filters
        (layers.Conv2DTranspose(5, 3, strides=2, padding="same"), (4, 4, 3), 16 * 9 * 3 * 5),
        (layers.Conv1DTranspose(2, 4, strides=2), (6, 3), 6 * 4 * 3 * 2),
        (layers.Conv3DTranspose(2, 2), (2, 3, 4, 5), 24 * 8 * 5 * 2),
        (layers.Dense(7), (5,), 35),
        (layers.Dense(7), (4, 3, 5), 12 * 35),
        (layers.EinsumDense("abc,cd->abd", output_shape=(None, 7)), (4, 5), 4 * 5 * 7),
        (layers.EinsumDense("...x,xy->...y", output_shape=7), (3, 5), 3 * 5 * 7),
        (layers.EinsumDense("abcd,cde->abe", output_shape=(2, 7)), (2, 3, 5), 2 * 3 * 5 * 7),
        (layers.Embedding(10, 4), (6,), 0),
        (layers.BatchNormalization(), (4, 4, 3), 0),
        (layers.GroupNormalization(3), (4, 4, 3), 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, keras.layers.Layer) else None,
)
def test_one_layer_against_a_hand_count(layer, shape, macs):
    assert macs_of(layer, shape) == macs


def test_attention_against_a_hand_count():
    # 2 heads of 3 (values of 4); 5 queries of width 7, 6 keys of width 8.
    attention = layers.MultiHeadAttention(num_heads=2, key_dim=3, value_dim=4)
    projections = 5 * 7 * 2 * 3 + 6 * 8 * 2 * 3 + 6 * 8 * 2 * 4
    scores, mix, output = 2 * 5 * 6 * 3, 2 * 5 * 6 * 4, 5 * 2 * 4 * 7
    assert macs_of(attention, (5, 7), (6, 8)) == projections + scores + mix + output


def test_attention_s_outputs_may_be_of_several_axes():
    # 2 heads of 4 (values of 3); 6 queries and values of width 8; 4x5 outputs a query.
    attention = layers.MultiHeadAttention(num_heads=2, key_dim=4, value_dim=3, output_shape=(4, 5))
    projections = 2 * 6 * 8 * 2 * 4 + 6 * 8 * 2 * 3
    assert macs_of(attention, (6, 8), (6, 8)) == projections + 2 * 6 * 6 * 4 + 2 * 6 * 6 * 3 + 6 * 2 * 3 * 4 * 5


def test_attention_called_with_keywords_counts_the_same():
    query, value = keras.Input((5, 7)), keras.Input((6, 8))
    attention = layers.MultiHeadAttention(num_heads=2, key_dim=3)
    by_keyword = keras.Model([query, value], attention(query, key=value, value=value))
    assert tfslim.measure(by_keyword).macs == macs_of(layers.MultiHeadAttention(2, 3), (5, 7), (6, 8))
