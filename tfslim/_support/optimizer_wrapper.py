"""Base class of optimizers that wrap another optimizer."""

import keras


class OptimizerWrapper(keras.optimizers.Optimizer):
    """Optimizer that adds work to each step of another.

    Learning rate, loss scale and configuration are those of the inner optimizer, and a model saved during training
    loads with the inner optimizer. A subclass adds its own variables, builds the inner optimizer in `build` and calls
    its `apply`.

    Args:
        inner: the optimizer to wrap.

    Raises:
        ValueError: if `inner` is a LossScaleOptimizer, which must wrap this one instead.
    """

    def __init__(self, inner: keras.optimizers.Optimizer):
        if isinstance(inner, keras.optimizers.LossScaleOptimizer):
            raise ValueError(
                f"{type(self).__name__} can't wrap a LossScaleOptimizer; wrap the {type(self).__name__} in the "
                "LossScaleOptimizer instead"
            )
        super().__init__(learning_rate=0.0)
        self.inner_optimizer = inner

    @property
    def variables(self) -> list[keras.Variable]:
        return self._variables + self.inner_optimizer.variables

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    def scale_loss(self, loss):
        return self.inner_optimizer.scale_loss(loss)

    def get_config(self) -> dict:
        """Return the configuration of the inner optimizer."""
        return {"inner": keras.saving.serialize_keras_object(self.inner_optimizer)}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None) -> keras.optimizers.Optimizer:
        return keras.saving.deserialize_keras_object(config["inner"], custom_objects=custom_objects)
