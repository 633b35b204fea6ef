"""A student and its teacher as one trainable model."""

from collections.abc import Mapping, Sequence

import keras

from tfslim.distillation.distillation_loss import DistillationLoss
from tfslim.distillation.frozen_teacher import FrozenTeacher
from tfslim.distillation.layer_outputs import (
    OUTPUT,
    check_metric_names,
    check_parts,
    layer_outputs,
    student_layers,
    teacher_layers,
)
from tfslim.distillation.resizing import resize
from tfslim.graph.traversal import iter_layer_calls

__all__ = ["Distiller"]


class Distiller(keras.Model):
    """Model that trains a student on labels and a teacher.

    The student stays a plain model throughout. The total loss is `label_weight` times the compiled loss, plus each
    distillation loss times its weight, plus the student's regularization losses. Sample weights apply to all but the
    last, as in Keras: sum(w * value) / N. Training logs `label_loss` and the mean of each distillation loss beside
    `loss` and the compiled metrics. `evaluate`, `predict` and `save` use the student only. `save_weights` and
    `load_weights` include adapters and optimizer, as `keras.callbacks.BackupAndRestore` needs them; call the student's
    own for its weights alone.

    The teacher is copied on construction, and the copy runs in inference mode. If the input size of either model
    differs from the batch, that model gets a resized (antialiased) copy. If widths differ, adapters are trained with
    the student without becoming part of it. `variables` holds the student's variables, then the adapters', and not the
    teacher's, so a checkpoint of `variables` and of the optimizer's variables is all that a resumed run needs.

    With `teacher=None` the targets carry the teacher's outputs, made beforehand by `write_teacher_outputs`: {"labels":
    labels, "teacher": {layer name or "output": values}}.

    Args:
        student: functional or Sequential model with one input and one output; it is trained in place.
        teacher: a model of the same kind, or None.
        losses: one or more distillation losses.
        label_weight: weight of the compiled loss; with 0 the student learns from the teacher only and needs no labels.
        teacher_shapes: with `teacher=None`, the shape of each stored output without the batch axis
            (`TeacherOutputs.shapes`), from which adapters are built.
        name: name of this model.

    Attributes:
        student: the student.
        distillation_losses: the losses.
        adapters: name of the loss -> layer.

    Raises:
        TypeError: if a model is not a keras.Model with a graph of layers.
        ValueError: if a model does not have one input and one output, lacks a named layer, ends in a softmax or sigmoid
            although a loss needs logits, or if shapes don't match.

    Example:
        >>> teacher = tfslim.models.VGG11((32, 32, 3), classes=10)
        >>> student = tfslim.models.VGG11((32, 32, 3), classes=10, module="flame")
        >>> losses = [SoftTargets(temperature=4.0), FeatureDistance("embedding", "embedding")]
        >>> distiller = tfslim.distillation.Distiller(student, teacher, losses)
        >>> distiller.compile(
        ...     "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
        ... )
        >>> images, identities = np.zeros((8, 32, 32, 3)), np.zeros(8)
        >>> history = distiller.fit(images, identities, verbose=0)
        >>> student.save("student.keras")

    Reference: Hinton, Vinyals and Dean, arXiv 1503.02531.
    """

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model | None,
        losses: Sequence[DistillationLoss],
        label_weight: float = 1.0,
        teacher_shapes: Mapping[str, tuple[int | None, ...]] | None = None,
        name: str = "distiller",
    ):
        # Always float32: under a float16 policy Keras would round the input pixels.
        super().__init__(name=name, dtype="float32")
        check_parts(student, teacher, losses, label_weight, teacher_shapes)
        self.label_weight = float(label_weight)
        self.distillation_losses = tuple(losses)
        self.student = student
        self._student_size = tuple(student.inputs[0].shape[1:3])
        self._student_view = keras.Model(student.inputs[0], layer_outputs(student, student_layers(losses), "student"))
        self._loss_names = _distinct([loss.name for loss in losses])
        # Before the teacher is copied, so that a seed draws the same initial adapters with and without a teacher.
        self.adapters = self._adapters(teacher_shapes if teacher is None else _teacher_shapes(teacher, losses))
        self._teacher = None if teacher is None else FrozenTeacher(teacher, teacher_layers(losses))
        self._label_mean = keras.metrics.Mean(name="label_loss") if label_weight else None
        self._means = [keras.metrics.Mean(name=name) for name in self._loss_names]
        self._over_batch = _BatchMean(name="batch_mean", dtype="float32")
        self._measures = False
        self.built = True

    def _adapters(self, shapes: Mapping[str, tuple[int | None, ...]] | None) -> dict[str, keras.Layer]:
        adapters = {}
        for name, loss in zip(self._loss_names, self.distillation_losses, strict=True):
            if shapes is None:
                continue
            if (loss.teacher or OUTPUT) not in shapes:
                raise ValueError(
                    f"teacher_shapes: no shape for {loss.teacher or OUTPUT!r}, which {name} needs; "
                    f"found {', '.join(shapes)}"
                )
            student_shape = tuple(self._student_view.output[loss.student or OUTPUT].shape[1:])
            teacher_shape = tuple(shapes[loss.teacher or OUTPUT])
            loss.check(student_shape, teacher_shape)
            adapter = loss.adapter(student_shape, teacher_shape)
            if adapter is not None:
                adapter.build((None, *student_shape))  # now, so that an optimizer can be built before the first step
                adapters[name] = adapter
        return adapters

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile="auto",
        auto_scale_loss: bool = True,
    ):
        """Configure training like `keras.Model.compile`.

        The arguments are those of Keras; `loss` may be None if `label_weight` is 0. `auto_scale_loss` depends on the
        student, as the Distiller itself is float32: an optimizer for a student that computes in float16 is wrapped in a
        `LossScaleOptimizer`.

        Raises:
            ValueError: if the labels have no loss, `loss_weights` is set, or a metric has the name of a value that the
                Distiller logs.
        """
        if loss_weights is not None:
            raise ValueError(
                f"{self.name}: loss_weights={loss_weights!r} is for several outputs, but the student has one; set "
                "label_weight of the Distiller instead"
            )
        if isinstance(loss, dict):
            raise ValueError(
                f"{self.name}: loss={loss!r} is a dictionary, but the student has one output; pass the loss itself"
            )
        if loss is None and self.label_weight:
            raise ValueError(
                f"{self.name}: label_weight is {self.label_weight}, but compile got no loss for the labels; pass a "
                "loss, or set label_weight=0 to learn from the teacher only"
            )
        check_metric_names((metrics, weighted_metrics), self._loss_names, self.name)
        self._measures = bool(metrics or weighted_metrics)
        optimizer = keras.optimizers.get(optimizer)
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if auto_scale_loss and not scaled and _computes_in_float16(self.student):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        super().compile(
            optimizer,
            loss=loss,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=auto_scale_loss,
        )

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        # The teacher is not in `variables`, but stateless backends (JAX) need its weights passed in.
        return [*super().non_trainable_variables, *(self._teacher.variables if self._teacher else [])]

    def call(self, inputs, training=False):
        images = resize(inputs, self._student_size)
        if training:
            return self._student_view(images, training=True)
        return self.student(images, training=False)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        labels, kept = _split(y)
        weights = _one_per_image(sample_weight)
        if not isinstance(y_pred, dict):
            return self._evaluation_loss(x, labels, y_pred, weights)
        total = self._extra_losses()
        if self.label_weight:
            total += self.label_weight * self._label_loss(x, labels, y_pred[OUTPUT], weights)
        teacher_values = self._teacher_values(x, kept)
        for name, loss, mean in zip(self._loss_names, self.distillation_losses, self._means, strict=True):
            student_values = y_pred[loss.student or OUTPUT]
            if name in self.adapters:
                student_values = self.adapters[name](keras.ops.cast(student_values, "float32"))
            values = loss(student_values, teacher_values[loss.teacher or OUTPUT])
            if weights is not None:
                values *= weights
            mean.update_state(values)
            total += loss.weight * self._over_batch(values, values)
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        labels, _ = _split(y)
        if labels is None and self._measures:
            raise ValueError(
                f"{self.name}: the compiled metrics need labels, but the targets hold none; add labels or compile "
                "without metrics"
            )
        training = isinstance(y_pred, dict)
        outputs = y_pred[OUTPUT] if training else y_pred
        results = super().compute_metrics(x, labels, outputs, _one_per_image(sample_weight))
        only_training = () if training else ("label_loss", *self._loss_names)
        return {name: value for name, value in results.items() if name not in only_training}

    def save(self, filepath, overwrite: bool = True, zipped: bool | None = None) -> None:
        """Save the student only, as a plain model."""
        self.student.save(filepath, overwrite=overwrite, zipped=zipped)

    def _evaluation_loss(self, x, labels, outputs, weights):
        if self.loss is None or labels is None:
            return self._extra_losses()
        return super().compute_loss(x=x, y=labels, y_pred=outputs, sample_weight=weights, training=False)

    def _label_loss(self, x, labels, outputs, weights):
        if labels is None:
            raise ValueError(
                f"{self.name}: label_weight is {self.label_weight}, but the targets hold no labels; add labels, or set "
                "label_weight=0 to learn from the teacher only"
            )
        # Keras returns the sum of both.
        loss = super().compute_loss(x=x, y=labels, y_pred=outputs, sample_weight=weights) - self._extra_losses()
        ones = keras.ops.ones_like(keras.ops.reshape(outputs, (keras.ops.shape(outputs)[0], -1))[:, 0], "float32")
        assert self._label_mean is not None  # as there is a weight of labels
        # Under tf.distribute this is one replica's part of the batch mean, so divide before logging it.
        self._label_mean.update_state(loss / self._over_batch(ones, ones), sample_weight=keras.ops.sum(ones))
        return loss

    def _extra_losses(self):
        total = sum((keras.ops.sum(loss) for loss in self.losses), keras.ops.zeros(()))
        # Under tf.distribute each replica adds its part, as Keras does.
        return self._over_batch(total[None], total[None])

    def _teacher_values(self, images, kept: Mapping | None) -> Mapping:
        if self._teacher is not None:
            if kept is not None:
                raise ValueError(
                    f"{self.name}: the targets carry teacher outputs, but this Distiller has a teacher; construct it "
                    "with teacher=None"
                )
            return self._teacher(images)
        if kept is None:
            raise ValueError(
                f'{self.name}: has no teacher, so the targets must be {{"labels": ..., "teacher": {{name: values}}}}'
            )
        missing = [name for name in teacher_layers(self.distillation_losses) if name not in kept]
        if missing:
            raise ValueError(
                f"{self.name}: the targets lack the teacher's {', '.join(missing)}; found {', '.join(kept)}"
            )
        return kept


class _BatchMean(keras.losses.Loss):
    """Mean over the batch; under tf.distribute over all replicas' batches."""

    def call(self, y_true, y_pred):
        return y_pred


def _split(targets):
    """Split targets into labels and teacher outputs, either maybe None."""
    if isinstance(targets, dict) and "teacher" in targets:
        return targets.get("labels"), targets["teacher"]
    return targets, None


def _one_per_image(sample_weight):
    if sample_weight is None:
        return None
    # Keras repeats the weights for every array of nested targets.
    return keras.ops.cast(keras.ops.reshape(keras.tree.flatten(sample_weight)[0], (-1,)), "float32")


def _teacher_shapes(teacher: keras.Model, losses: Sequence[DistillationLoss]) -> dict[str, tuple[int | None, ...]]:
    outputs = layer_outputs(teacher, teacher_layers(losses), "teacher")
    return {name: tuple(tensor.shape[1:]) for name, tensor in outputs.items()}


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Make names unique by numbering repeated ones."""
    earlier = [names[:index].count(name) for index, name in enumerate(names)]
    return tuple(f"{name}_{count + 1}" if count else name for name, count in zip(names, earlier, strict=True))


def _computes_in_float16(model: keras.Model) -> bool:
    # The model's own policy is the global one at its creation, whatever policies its layers have.
    calls = iter_layer_calls(model, model.inputs, opened=True)
    return any(getattr(call.operation, "compute_dtype", None) == "float16" for call in calls)
