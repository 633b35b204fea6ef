"""A stream of training batches joined with a teacher's kept outputs, for a Distiller without a teacher."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tfslim.distillation.teacher_outputs import TeacherOutputs

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["taught_batches"]


def taught_batches(
    stream: Callable[[range], tf.data.Dataset], outputs: TeacherOutputs, epochs: range
) -> tf.data.Dataset:
    """Streams batches with the teacher's outputs among the targets, epoch e being epoch e % views of the stream.

    Args:
        stream: epochs -> their batches, without a break: (images, labels), (images, labels, sample weights) or images.
            It must be the one that the outputs were made for.
        outputs: the teacher's outputs.
        epochs: which epochs to stream, `outputs.steps` batches each.

    Returns:
        A dataset of (images, {"labels": labels, "teacher": {layer name: values}}), with the sample weights as third
        where the stream has them.

    Raises:
        ValueError: a file of the outputs is damaged.

    Example:
        >>> stream = functools.partial(training_batches, celeba, (64, 64), 32, augmentation=Augmentation(flip=True))
        >>> batches = taught_batches(lambda epochs: stream(epochs=epochs), outputs, range(100))
        >>> distiller.fit(batches, steps_per_epoch=outputs.steps, epochs=100)
    """
    import tensorflow as tf

    for view in {epoch % outputs.views for epoch in epochs}:
        outputs.epoch(view)  # a damaged file should be told of now
    cycle = stream(range(outputs.views)).repeat()
    first = epochs.start % outputs.views
    batches = stream(range(first, outputs.views)).concatenate(cycle) if first else cycle
    signature = {
        name: tf.TensorSpec((outputs.batch_size, *shape), outputs.dtype) for name, shape in outputs.shapes.items()
    }
    taught = tf.data.Dataset.from_generator(lambda: outputs.batches(epochs), output_signature=signature)
    return tf.data.Dataset.zip(batches, taught).map(_join).prefetch(tf.data.AUTOTUNE)


def _join(element, taught: dict[str, tf.Tensor]) -> tuple:
    if not isinstance(element, tuple):
        return element, {"teacher": taught}
    images, labels, *weights = element
    return images, {"labels": labels, "teacher": taught}, *weights
