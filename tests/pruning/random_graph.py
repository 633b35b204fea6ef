"""Random branching models of images of one, two or three dimensions."""

import keras
import numpy as np
from hypothesis import strategies as st
from keras import layers, ops

# Methods of `Builder`; a channel of zeros stays one in each.
KINDS = (
    "conv", "grouped", "depthwise", "separable", "transposed", "dense", "norm", "layer_norm", "normalise", "prelu",
    "act", "rescale", "op", "dropout", "merge", "multiply", "broadcast", "excite", "concat", "concat_places", "pool",
    "frame", "upsample", "resize", "nested", "share", "rms_norm",
)  # fmt: skip
# What makes something of a zero, so that it is not enough if filters make zeros.
AWAKE = ("spread", "shift", "norm_of_places")
SIZES = {1: 8, 2: 6, 3: 4}  # of each image axis


class Builder:
    """Adds random layers to random tensors, all of one image size.

    Args:
        draw: of Hypothesis.
        activations: names of those that layers may have.
        rank: number of image axes.
    """

    def __init__(self, draw, activations: tuple[str, ...], rank: int):
        self.draw, self.activations, self.rank = draw, activations, rank
        self.size = (SIZES[rank],) * rank
        self.inputs = [keras.Input((*self.size, 3))]
        self.tensors = [self.of_rank("Conv")(self.pick((4, 6, 8)), 3, padding="same")(self.inputs[0])]
        if draw(st.booleans()):
            self.inputs.append(keras.Input((*self.size, 4)))
            self.tensors.append(self.inputs[1])  # its channels stay, and all that are joined with them
        self.shared = {}  # number of channels -> convolution and normalisation of all that have so many

    def of_rank(self, name: str) -> type[keras.layers.Layer]:
        return getattr(layers, f"{name}{self.rank}D")

    def pick(self, choices):
        return self.draw(st.sampled_from(choices))

    def one(self):
        return self.tensors[self.draw(st.integers(0, len(self.tensors) - 1))]

    def alike(self, x):
        """Another tensor of the shape of `x`."""
        others = [tensor for tensor in self.tensors if tensor.shape == x.shape and tensor is not x]
        place = self.draw(st.integers(0, len(others)))
        return others[place] if place < len(others) else self.of_rank("Conv")(x.shape[-1], 1)(self.one())

    def grow(self, kind: str) -> None:
        x = self.one()
        self.tensors.append(getattr(self, kind)(x, x.shape[-1]))

    def conv(self, x, width):
        return self.of_rank("Conv")(self.pick((2, 4, 6)), self.pick((1, 3)), padding="same")(x)

    def grouped(self, x, width):
        groups = self.pick([n for n in (2, width) if width % n == 0] or [1])
        return self.of_rank("Conv")(2 * width, 3, groups=groups, padding="same")(x)

    def depthwise(self, x, width):
        if self.rank == 3:
            return layers.Conv3D(self.pick((1, 2)) * width, 3, groups=width, padding="same")(x)
        return self.of_rank("DepthwiseConv")(3, padding="same", depth_multiplier=self.pick((1, 2)))(x)

    def separable(self, x, width):
        if self.rank == 3:
            return layers.Conv3D(5, 1)(self.depthwise(x, width))
        return self.of_rank("SeparableConv")(5, 3, padding="same", depth_multiplier=self.pick((1, 2)))(x)

    def transposed(self, x, width):
        kind = getattr(layers, f"Conv{self.rank}DTranspose")
        return self.of_rank("AveragePooling")(2)(kind(5, self.pick((2, 3)), strides=2, padding="same")(x))

    def dense(self, x, width):
        return layers.Dense(self.pick((3, 6)))(x)

    def norm(self, x, width):
        if width % 2 == 0 and self.draw(st.booleans()):
            return layers.GroupNormalization(2)(x)
        return layers.BatchNormalization(scale=self.draw(st.booleans()))(x)

    def layer_norm(self, x, width):
        return layers.LayerNormalization()(x)

    def rms_norm(self, x, width):
        return layers.RMSNormalization()(x)

    def normalise(self, x, width):
        layer = layers.Normalization()
        layer.adapt(np.random.default_rng(width).normal(size=(2, *self.size, width)))
        return layer(x)

    def prelu(self, x, width):
        return layers.PReLU(shared_axes=self.pick((None, list(range(1, self.rank + 1)))))(x)

    def act(self, x, width):
        return layers.Activation(self.pick(self.activations))(x)

    def rescale(self, x, width):
        return layers.Rescaling(self.pick((0.5, [1.0 + n for n in range(width)])))(x)

    def op(self, x, width):
        return self.pick((ops.relu, ops.abs, ops.leaky_relu, lambda x: x * 0.5, lambda x: x / 3.0))(x)

    def dropout(self, x, width):
        return self.pick((layers.Dropout, layers.GaussianDropout, self.of_rank("SpatialDropout")))(0.3)(x)

    def merge(self, x, width):
        kinds = (layers.Add, layers.Subtract, layers.Maximum, layers.Minimum, layers.Average)
        return self.pick(kinds)()([x, self.alike(x)])

    def multiply(self, x, width):
        return layers.Multiply()([x, self.of_rank("Conv")(width, 1)(self.one())])

    def broadcast(self, x, width):
        pooled = self.of_rank("GlobalMaxPooling")(keepdims=True)(self.one())
        return self.pick((layers.Subtract, layers.Maximum, layers.Average))()([x, layers.Dense(width)(pooled)])

    def excite(self, x, width):
        pooled = self.of_rank("GlobalAveragePooling")(keepdims=self.draw(st.booleans()))(x)
        return layers.Multiply()([x, layers.Reshape((*[1] * self.rank, width))(layers.Dense(width)(pooled))])

    def concat(self, x, width):
        return self.of_rank("Conv")(4, 1)(layers.Concatenate()([x, self.one(), x]))

    def concat_places(self, x, width):
        axis = self.draw(st.integers(1, self.rank))
        halving = tuple(2 if place == axis else 1 for place in range(1, self.rank + 1))
        return self.of_rank("MaxPooling")(halving)(layers.Concatenate(axis=axis)([x, self.alike(x)]))

    def pool(self, x, width):
        return self.of_rank("MaxPooling")(3, 1, padding="same")(layers.ReLU()(x))

    def frame(self, x, width):
        padding, cropping = self.of_rank("ZeroPadding")(1), self.of_rank("Cropping")(1)
        return self.of_rank("AveragePooling")(3, 1)(padding(x)) if self.draw(st.booleans()) else padding(cropping(x))

    def upsample(self, x, width):
        return self.of_rank("MaxPooling")(3, 2, padding="same")(self.of_rank("UpSampling")(2)(x))

    def resize(self, x, width):
        if self.rank != 2:
            return self.upsample(x, width)
        return layers.Resizing(*self.size)(layers.Resizing(4, 9, self.pick(("bilinear", "nearest")))(x))

    def nested(self, x, width):
        inner = keras.Input((*self.size, width))
        y = layers.ReLU()(layers.BatchNormalization()(self.of_rank("Conv")(width, 1)(inner)))
        block = keras.Model(inner, layers.Add()([inner, y]))
        return block(block(x)) if self.draw(st.booleans()) else block(x)

    def share(self, x, width):
        if width not in self.shared:
            self.shared[width] = self.of_rank("Conv")(6, 1), layers.BatchNormalization()
        conv, norm = self.shared[width]
        return layers.Maximum()([norm(conv(x)), norm(conv(self.alike(x)))])

    def spread(self, x, width):
        merge = self.pick((layers.Add, layers.Maximum, layers.Average))
        return merge()([x, self.of_rank("Conv")(1, 1)(self.one())])

    def shift(self, x, width):
        means = [float(n) for n in range(width)]
        return self.pick(
            (
                layers.Normalization(mean=means, variance=[1.0 + n for n in range(width)]),
                layers.Rescaling(0.5, means),
                layers.Rescaling(0.5, 1.0),
                lambda x: 1.0 - x,
                ops.softplus,
            )
        )(x)

    def norm_of_places(self, x, width):
        return layers.LayerNormalization(axis=list(range(1, self.rank + 1)))(x)

    def places(self, x, width):
        return layers.Softmax(axis=tuple(range(1, self.rank + 1)))(x)

    def model(self) -> keras.Model:
        """A model of all inputs, of one or two answers."""
        axes = tuple(range(1, self.rank + 1))
        end = (layers.Flatten(), self.of_rank("GlobalAveragePooling")(), lambda x: ops.mean(x, axis=axes))
        ends = [self.pick(end)(self.tensors[-1]), self.of_rank("GlobalMaxPooling")()(self.one())]
        ends += [layers.Flatten()(self.of_rank("Conv")(2, 3)(other)) for other in self.inputs[1:]]
        answers = [layers.Dense(3)(layers.Concatenate()(ends))]
        if self.draw(st.booleans()):
            answers.append(self.one())
        return keras.Model(_alone(self.inputs), _alone(answers))

    def images(self, seed: int) -> np.ndarray | list[np.ndarray]:
        rng = np.random.default_rng(seed)
        return _alone([rng.normal(size=(2, *tensor.shape[1:])).astype("float32") for tensor in self.inputs])


def _alone(values: list):
    """One value without its list, as models of one input or output have it."""
    return values[0] if len(values) == 1 else values
