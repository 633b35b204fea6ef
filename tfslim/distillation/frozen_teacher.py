"""A teacher that no training can change."""

from collections.abc import Sequence

import keras

from tfslim.distillation.layer_outputs import check_model, layer_outputs
from tfslim.distillation.resizing import resize
from tfslim.graph.cloning import clone_model


class FrozenTeacher:
    """Copies a model as far as some layers' outputs, in inference mode and without gradient.

    It is no Keras layer, so that a model that holds it does not count the copy's variables among its own. The model
    it was made from is not changed and may be trained on.

    Args:
        teacher: functional or Sequential model with one input.
        layers: names of the layers whose outputs it gives, "output" for the model's.

    Attributes:
        shapes: shape of each output, without the batch.
        variables: the copy's, frozen.

    Raises:
        TypeError: if the model has no graph of layers.
        ValueError: if it has several inputs or outputs, or no such layer.

    Example:
        >>> teacher = FrozenTeacher(tfslim.models.VGG11(), ["output", "embedding"])
        >>> teacher(np.zeros((1, 64, 64, 3)))["embedding"].shape
        TensorShape([1, 128])
    """

    def __init__(self, teacher: keras.Model, layers: Sequence[str]):
        check_model(teacher, "teacher")
        view = keras.Model(teacher.inputs[0], layer_outputs(teacher, layers, "teacher"))
        self._model = clone_model(view)
        self._model.trainable = False
        self._size = tuple(teacher.inputs[0].shape[1:3])
        self.shapes = {name: tuple(tensor.shape[1:]) for name, tensor in view.output.items()}

    @property
    def variables(self) -> list[keras.Variable]:
        return self._model.variables

    def __call__(self, images) -> dict:
        """The outputs by name for images (N, H, W, C), which are resized to the teacher's own size."""
        values = self._model(resize(images, self._size), training=False)
        return {name: keras.ops.stop_gradient(value) for name, value in values.items()}
