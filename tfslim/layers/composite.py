"""A layer that is written down once, as a graph of stock Keras layers."""

import contextlib
from collections.abc import Iterator

import keras

__all__ = ["Composite"]


class Composite(keras.layers.Layer):
    """Base of the modules: a subclass says in `layout` which stock layers it is made of.

    Called, it is one ordinary serialisable layer. `flat` lays the same stock layers out in the caller's graph instead,
    which is how the models of `tfslim.models` stay loadable without tfslim and how `tfslim.flatten` works.

    `layout` may rely on the number of axes and on the last of them, the channels; the others may be unknown, so that
    one layer serves images of any size. The dtype policy of the layer holds for every stock layer of it.
    """

    def layout(self, x: keras.KerasTensor, prefix: str) -> keras.KerasTensor:
        """Returns the output of the module's stock layers, each named `prefix` + its role, applied to `x`."""
        raise TypeError(f"{type(self).__name__} must say its stock layers in layout(x, prefix)")

    def flat(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Applies the module to the symbolic tensor `x` as stock layers named after this layer."""
        with _as_global_policy(self.dtype_policy):
            return self.layout(x, f"{self.name}_")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        with _as_global_policy(self.dtype_policy):
            shape = (None,) * (len(input_shape) - 1) + (input_shape[-1],)
            inputs = keras.Input(batch_shape=shape, dtype=self.compute_dtype)
            self.body = keras.Model(inputs, self.layout(inputs, ""), name="body")

    def call(self, inputs, training=None):
        return self.body(inputs, training=training)

    def compute_output_spec(self, inputs, training=None):
        if not self.built:
            self.build(inputs.shape)
        return self.body.compute_output_spec(inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        if self.built:
            return self.body.compute_output_shape(input_shape)
        # The stock layers must be made to be asked; made aside, they leave this layer free for another shape.
        return tuple(self.layout(keras.Input(batch_shape=input_shape), "").shape)


@contextlib.contextmanager
def _as_global_policy(policy: keras.DTypePolicy) -> Iterator[None]:
    # Stock layers made without a dtype take the global policy; so this hands ours on without a dtype in every layout.
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
