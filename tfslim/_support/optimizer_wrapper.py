"""An optimizer that puts something around the step of another, which does the training."""

import keras


class OptimizerWrapper(keras.optimizers.Optimizer):
    """Base of those that change what a step does: rate, loss scale and configuration are the inner optimizer's.

    A model that is saved while it is trained opens with the inner optimizer. A subclass adds its own variables, builds
    the inner optimizer in `build`, and calls its `apply`.

    Args:
        inner: the optimizer that trains.

    Raises:
        ValueError: `inner` is a LossScaleOptimizer, which goes around this one.
    """

    def __init__(self, inner: keras.optimizers.Optimizer):
        if isinstance(inner, keras.optimizers.LossScaleOptimizer):
            raise ValueError(f"a LossScaleOptimizer goes around a {type(self).__name__}, not into it")
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
        """The inner optimizer's, in whose place the saved model has it."""
        return {"inner": keras.saving.serialize_keras_object(self.inner_optimizer)}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None) -> keras.optimizers.Optimizer:
        return keras.saving.deserialize_keras_object(config["inner"], custom_objects=custom_objects)
