"""A frozen copy of a teacher model."""

from collections.abc import Sequence

import keras

from tfslim.distillation.layer_outputs import check_model, layer_outputs
from tfslim.distillation.resizing import resize
from tfslim.graph.cloning import clone_model

__all__ = ["FrozenTeacher"]


class FrozenTeacher:
    """Frozen copy of a model up to some layers' outputs.

    It runs in inference mode and blocks gradients. It is not a Keras layer, so a model that holds it does not track its
    variables. The original model is not changed and may be trained further.

    Args:
        teacher: functional or Sequential model with one input.
        layers: names of the layers to output, "output" for the model's output.

    Attributes:
        shapes: layer name -> shape of its output, without the batch axis.
        variables: the frozen variables of the copy.

    Raises:
        TypeError: if the model has no graph of layers.
        ValueError: if it does not have one input and one output, or lacks a named layer.

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
        """Compute the outputs for images, by layer name.

        The images are (N, H, W, C) and are resized to the teacher's input size.
        """
        values = self._model(resize(images, self._size), training=False)
        return {name: keras.ops.stop_gradient(value) for name, value in values.items()}
