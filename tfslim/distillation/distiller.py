"""A student and its teacher as one model that is compiled and fitted like any other."""

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


class Distiller(keras.Model):
    """Trains a student on the labels and on a teacher's outputs; the student stays a plain model all the while.

    What is minimised is `label_weight` times the compiled loss, plus each distillation loss times its weight, plus the
    student's own regularisation. Sample weights count in all but the last, as Keras counts them: sum(w * value) / N.
    While it trains, `label_loss` and the mean of each distillation loss are shown beside `loss` and the compiled
    metrics. `evaluate`, `predict` and `save` are those of the student alone. `save_weights` and `load_weights` hold
    adapters and optimizer too, as `keras.callbacks.BackupAndRestore` needs them; for the student's, call its own.

    The teacher is copied when the Distiller is made, and the copy runs in inference mode. Either model gets a resized
    (antialiased) copy of the batch where its input size is another. Widths that differ are met by adapters, trained
    with the student and no part of it; they come after the student's in `variables`, and the teacher's are not there,
    so a checkpoint of `variables` and of the optimizer's is all that a resumed run needs.

    With `teacher=None` the targets carry the teacher's outputs, made beforehand by `write_teacher_outputs`: {"labels":
    labels, "teacher": {layer name or "output": values}}.

    Args:
        student: functional or Sequential model with one input and one output; it is trained in place.
        teacher: the same kind of model, or None.
        losses: what to copy; at least one.
        label_weight: share of the compiled loss; 0 learns from the teacher alone, and needs no labels.
        teacher_shapes: with `teacher=None`, the shape of each kept output without the batch (`TeacherOutputs.shapes`),
            by which adapters are made.
        name: the Distiller's name.

    Attributes:
        student: the student.
        distillation_losses: the losses.
        adapters: name of the loss -> layer.

    Raises:
        TypeError: if a model is not a keras.Model with a graph of layers.
        ValueError: if a model has several inputs or outputs, has no such layer, ends in a softmax or sigmoid where a
            loss needs logits, or the shapes don't fit.

    Example:
        >>> losses = [SoftTargets(temperature=4.0), FeatureDistance("embedding", "embedding")]
        >>> distiller = tfslim.distillation.Distiller(student, teacher, losses)
        >>> distiller.compile(
        ...     "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
        ... )
        >>> distiller.fit(images, identities)
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
        # In float32 whatever the global policy, or uint8-range pixels would be rounded on their way in.
        super().__init__(name=name, dtype="float32")
        check_parts(student, teacher, losses, label_weight, teacher_shapes)
        self.label_weight = float(label_weight)
        self.distillation_losses = tuple(losses)
        self.student = student
        self._student_size = tuple(student.inputs[0].shape[1:3])
        self._student_view = keras.Model(student.inputs[0], layer_outputs(student, student_layers(losses), "student"))
        self._loss_names = _distinct([loss.name for loss in losses])
        # Before the teacher is copied, so that with a seed they begin the same with and without a teacher here.
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
                    f"teacher_shapes: there is none for {loss.teacher or OUTPUT!r}, which {name} compares with; "
                    f"found {', '.join(shapes)}"
                )
            given = tuple(self._student_view.output[loss.student or OUTPUT].shape[1:])
            wanted = tuple(shapes[loss.teacher or OUTPUT])
            loss.check(given, wanted)
            adapter = loss.adapter(given, wanted)
            if adapter is not None:
                adapter.build((None, *given))  # now, so that an optimizer can be built before the first step
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
        """Configures the training as `keras.Model.compile` does; `loss` may be None where `label_weight` is 0.

        The arguments are Keras' in Keras' order. `auto_scale_loss` goes by the student, as the Distiller itself is in
        float32: an optimizer for a student that computes in float16 is put into a `LossScaleOptimizer`.

        Raises:
            ValueError: if there is no loss for the labels, `loss_weights` are given, or a metric has the name of what
                the Distiller shows itself.
        """
        if loss_weights is not None:
            raise ValueError(
                f"{self.name}: loss_weights={loss_weights!r} are for several outputs, and a student has one; "
                "label_weight is the share of its loss"
            )
        if isinstance(loss, dict):
            raise ValueError(
                f"{self.name}: loss={loss!r} names the outputs of several, and a student has one: give the loss itself"
            )
        if loss is None and self.label_weight:
            raise ValueError(
                f"{self.name}: label_weight is {self.label_weight}, and compile has no loss for the labels; give one, "
                "or label_weight=0 to learn from the teacher alone"
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
        # The teacher is not among the `variables`, but a backend without state of its own must be handed its weights.
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
        taught = self._taught(x, kept)
        for name, loss, mean in zip(self._loss_names, self.distillation_losses, self._means, strict=True):
            given = y_pred[loss.student or OUTPUT]
            if name in self.adapters:
                given = self.adapters[name](keras.ops.cast(given, "float32"))
            values = loss(given, taught[loss.teacher or OUTPUT])
            if weights is not None:
                values *= weights
            mean.update_state(values)
            total += loss.weight * self._over_batch(values, values)
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        labels, _ = _split(y)
        if labels is None and self._measures:
            raise ValueError(f"{self.name}: the compiled metrics need labels, and the targets hold none")
        training = isinstance(y_pred, dict)
        outputs = y_pred[OUTPUT] if training else y_pred
        results = super().compute_metrics(x, labels, outputs, _one_per_image(sample_weight))
        only_training = () if training else ("label_loss", *self._loss_names)
        return {name: value for name, value in results.items() if name not in only_training}

    def save(self, filepath, overwrite: bool = True, zipped: bool | None = None) -> None:
        """Saves the student alone, as a plain model that opens without the teacher."""
        self.student.save(filepath, overwrite=overwrite, zipped=zipped)

    def _evaluation_loss(self, x, labels, outputs, weights):
        if self.loss is None or labels is None:
            return self._extra_losses()
        return super().compute_loss(x=x, y=labels, y_pred=outputs, sample_weight=weights, training=False)

    def _label_loss(self, x, labels, outputs, weights):
        if labels is None:
            raise ValueError(
                f"{self.name}: label_weight is {self.label_weight}, and the targets hold no labels; give "
                "label_weight=0 to learn from the teacher alone"
            )
        # Keras gives the sum of both.
        loss = super().compute_loss(x=x, y=labels, y_pred=outputs, sample_weight=weights) - self._extra_losses()
        ones = keras.ops.ones_like(keras.ops.reshape(outputs, (keras.ops.shape(outputs)[0], -1))[:, 0], "float32")
        # Under tf.distribute a mean is this replica's part of the whole batch's, which is not what to show.
        self._label_mean.update_state(loss / self._over_batch(ones, ones), sample_weight=keras.ops.sum(ones))
        return loss

    def _extra_losses(self):
        total = sum((keras.ops.sum(loss) for loss in self.losses), keras.ops.zeros(()))
        # Under tf.distribute each replica counts its part, as Keras counts it.
        return self._over_batch(total[None], total[None])

    def _taught(self, images, kept: Mapping | None) -> Mapping:
        if self._teacher is not None:
            if kept is not None:
                raise ValueError(f"{self.name}: the targets carry a teacher's outputs; make it with teacher=None")
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
    """Keras' own mean over the batch, which under tf.distribute is over the batches of all replicas."""

    def call(self, y_true, y_pred):
        return y_pred


def _split(targets):
    """Labels and the teacher's kept outputs; either may be None."""
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
    """The names, those met before with a number."""
    met = [names[:index].count(name) for index, name in enumerate(names)]
    return tuple(f"{name}_{count + 1}" if count else name for name, count in zip(names, met, strict=True))


def _computes_in_float16(model: keras.Model) -> bool:
    # Its own policy is the global one of when it was made, whatever its layers were given.
    every = iter_layer_calls(model, model.inputs, opened=True)
    return any(getattr(call.operation, "compute_dtype", None) == "float16" for call in every)
