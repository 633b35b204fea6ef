"""Base class of layers composed of stock Keras layers."""

import contextlib
from collections.abc import Iterator

import keras

__all__ = ["Composite"]


class Composite(keras.layers.Layer):
    """Layer whose subclasses define it in `layout` by stock layers.

    When called it is one ordinary serializable layer. `flat` adds the same stock layers to the caller's graph instead,
    so the models of `tfslim.models` load without tfslim; `tfslim.flatten` uses it too.

    `layout` may rely on the number of axes and on the channels of the last axis. All other extents may be unknown, so
    one layer serves images of any size. The layer's dtype policy applies to all of its stock layers.
    """

    def layout(self, x: keras.KerasTensor, prefix: str) -> keras.KerasTensor:
        """Apply the stock layers, named `prefix` + role, to `x`."""
        raise TypeError(f"{type(self).__name__} must define layout(x, prefix), which applies its stock layers to x")

    def flat(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Apply the stock layers to `x`, named after this layer."""
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
        # Only built stock layers know their output shape; temporary ones leave this layer unbuilt.
        return tuple(self.layout(keras.Input(batch_shape=input_shape), "").shape)


@contextlib.contextmanager
def _as_global_policy(policy: keras.DTypePolicy) -> Iterator[None]:
    # Stock layers made without a dtype take the global policy, so no layout has to pass ours on.
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
