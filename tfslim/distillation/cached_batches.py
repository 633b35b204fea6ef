"""Training batches joined with stored teacher outputs."""

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
    """Stream batches with the teacher's outputs among the targets.

    For a `Distiller` without a teacher. Epoch e is epoch e % views of the stream.

    Args:
        stream: function from a range of epochs to their batches as one dataset: (images, labels),
            (images, labels, sample weights) or images. It must be the stream that the outputs were made for.
        outputs: the stored teacher outputs.
        epochs: the epochs to stream, `outputs.steps` batches each.

    Returns:
        A dataset of (images, {"labels": labels, "teacher": {layer name: values}}), followed by the sample weights if
        the stream has them.

    Raises:
        ValueError: if a file of the outputs is damaged.

    Example:
        >>> stream = functools.partial(training_batches, celeba, (64, 64), 32, augmentation=Augmentation(flip=True))
        >>> batches = taught_batches(lambda epochs: stream(epochs=epochs), outputs, range(100))
        >>> distiller.fit(batches, steps_per_epoch=outputs.steps, epochs=100)
    """
    import tensorflow as tf

    for view in {epoch % outputs.views for epoch in epochs}:
        outputs.epoch(view)  # report a damaged file now, not in the middle of an epoch
    cycle = stream(range(outputs.views)).repeat()
    first = epochs.start % outputs.views
    batches = stream(range(first, outputs.views)).concatenate(cycle) if first else cycle
    signature = {
        name: tf.TensorSpec((outputs.batch_size, *shape), outputs.dtype) for name, shape in outputs.shapes.items()
    }
    teacher = tf.data.Dataset.from_generator(lambda: outputs.batches(epochs), output_signature=signature)
    return tf.data.Dataset.zip(batches, teacher).map(_join).prefetch(tf.data.AUTOTUNE)


def _join(element, teacher: dict[str, tf.Tensor]) -> tuple:
    if not isinstance(element, tuple):
        return element, {"teacher": teacher}
    images, labels, *weights = element
    return images, {"labels": labels, "teacher": teacher}, *weights
