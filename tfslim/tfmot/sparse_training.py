"""`tfslim.tfmot.sparsify`: training that sets small weights to zero.

The model is one of tf_keras.
"""

import difflib
from collections.abc import Callable, Iterable
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tfslim.report import Report
from tfslim.tfmot.bridge import to_tf_keras
from tfslim.tfmot.kernel_statistics import KERNELS
from tfslim.tfmot.layer_translation import check_activity, legacy_weight
from tfslim.tfmot.packages import tf_keras, tfmot

__all__ = ["pruning_callbacks", "sparsify"]


def sparsify(
    model: keras.Model,
    sparsity: float = 0.7,
    schedule: Literal["constant", "polynomial"] = "polynomial",
    *,
    begin_step: int = 0,
    end_step: int = 1000,
    every: int = 100,
    pattern: Literal["unstructured", "2:4"] | tuple[int, int] = "unstructured",
    depthwise: bool = False,
    skip: Iterable[str] = (),
) -> tuple[Any, Report]:
    """Make a trainable tf_keras model whose smallest weights become zero.

    It uses TF-MOT's wrappers. Fit it with `pruning_callbacks()`; `strip` then returns the Keras 3 model.

    Args:
        model: a functional or a built Sequential Keras 3 model, trained; it is not changed.
        sparsity: final share of each kernel's weights that are 0, above 0 and below 1; "2:4" makes it a half.
        schedule: "constant": all at once at `begin_step`; "polynomial": from none at `begin_step` to all at `end_step`,
            ever more slowly.
        begin_step: training steps before the first zeros.
        end_step: number of training steps after which no new zeros are made.
        every: steps between two rounds; a polynomial schedule always has a round at its end and a constant one at its
            beginning.
        pattern: "unstructured"; "2:4", two zeros in every four neighboring input channels; or (height, width) of blocks
            that are zeroed together, in dense layers.
        depthwise: whether depthwise kernels lose weights as well.
        skip: names of layers that keep all weights.

    Returns:
        A `tf_keras.Model` to compile and fit, and a report: the wrapped kernels, and the others with the reason.

    Raises:
        ValueError: an argument is out of range, or `skip` names a layer that is not in the model or has no kernel.
        UnsupportedLayer: a layer can't be expressed in tf_keras.

    Example:
        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(2)])
        >>> x, y = np.random.default_rng(0).normal(size=(64, 8)), np.ones((64, 2))
        >>> training, _ = tfslim.tfmot.sparsify(model, 0.75, end_step=2, every=1)
        >>> training.compile("adam", "mse")
        >>> history = training.fit(x, y, verbose=0, callbacks=tfslim.tfmot.pruning_callbacks())
        >>> sparse, report = tfslim.tfmot.strip(training)
        >>> report.figures["zeros"]
        0.75

    Source: Zhu and Gupta, "To prune, or not to prune", arXiv 1710.01878.
    """
    _check(sparsity, schedule, begin_step, end_step, every, pattern)
    pruning = tfmot().sparsity.keras

    if schedule == "constant":
        plan = ConstantFromTheStart(sparsity, begin_step, end_step, every)
    else:
        plan = DecayToTheEnd(0.0, sparsity, begin_step, end_step, frequency=every)
    structure = {"sparsity_m_by_n": (2, 4)} if pattern == "2:4" else {}
    if isinstance(pattern, tuple):
        structure["block_size"] = pattern

    def reason_to_skip(layer: Any) -> str | None:
        kernels = [getattr(layer, attribute) for attribute in chosen_kernels(layer, depthwise)]
        if not kernels:
            return "depthwise=False leaves depthwise kernels as they are"
        if isinstance(pattern, tuple) and any(len(kernel.shape) != 2 for kernel in kernels):
            return "blocks are supported in dense layers only"
        if pattern == "2:4" and any(len(kernel.shape) not in (2, 4) for kernel in kernels):
            return "2:4 is supported for kernels of two or four axes only"
        return None

    def wrapped(layer: Any) -> Any:
        attributes = chosen_kernels(layer, depthwise)
        wrapper = pruning.prune_low_magnitude(layer, pruning_schedule=plan, **structure)
        # TF-MOT asks the layer; by itself it finds none for depthwise kernels.
        layer.get_prunable_weights = lambda: [getattr(layer, attribute) for attribute in attributes]
        return wrapper

    return wrap_kernels(model, "sparsify", wrapped, reason_to_skip, skip)


def pruning_callbacks(log_dir: str | None = None) -> list:
    """Return the callbacks that fitting a model of `sparsify` needs.

    They count its steps and make the zeros.

    Args:
        log_dir: folder of TensorBoard's log of the sparsity, or None for no log.

    Raises:
        ImportError: TF-MOT is not installed; the message says what to install.

    Example:
        >>> [type(callback).__name__ for callback in tfslim.tfmot.pruning_callbacks()]
        ['UpdatePruningStep']
    """
    pruning = tfmot().sparsity.keras
    return [pruning.UpdatePruningStep(), *([pruning.PruningSummaries(log_dir)] if log_dir else [])]


def wrap_kernels(
    model: keras.Model,
    step: str,
    wrapped: Callable[[Any], Any],
    reason_to_skip: Callable[[Any], str | None],
    skip: Iterable[str],
) -> tuple[Any, Report]:
    """Translate a model to tf_keras and wrap its kernels.

    Args:
        model: the Keras 3 model.
        step: name of the report.
        wrapped: returns the wrapper of a layer.
        reason_to_skip: returns why a layer is not wrapped, or None.
        skip: names of layers that are not wrapped.
    """
    if isinstance(skip, str):
        raise ValueError(f"skip must be a list of names, got the string {skip!r}; pass skip=[{skip!r}]")
    legacy = to_tf_keras(model)
    with_kernels = [layer for layer in legacy.layers if type(layer).__name__ in KERNELS]
    skip = set(skip)
    for name in sorted(skip - {layer.name for layer in with_kernels}):
        near = difflib.get_close_matches(name, [layer.name for layer in with_kernels], n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ValueError(f"skip: {model.name} has no layer {name!r} with a kernel{hint}")
    skipped, done = {layer.name: _unknown(layer) for layer in legacy.layers if _has_unknown_kernel(layer)}, []
    for layer in with_kernels:
        reason = "is listed in skip" if layer.name in skip else reason_to_skip(layer)
        if reason:
            skipped[layer.name] = reason
        else:
            check_activity(layer)
            done.append(layer.name)
    if not done:
        raise ValueError(f"{step}: {model.name} has no kernel to wrap; all are skipped: {skipped}")
    training = tf_keras().models.clone_model(
        legacy, clone_function=lambda layer: wrapped(layer) if layer.name in done else layer
    )
    return training, Report(step, done=done, skipped=skipped, figures={"kernels": len(done)})


def chosen_kernels(layer: Any, depthwise: bool) -> tuple[str, ...]:
    """Return kernel attributes of a tf_keras layer, depthwise if requested."""
    kind = type(layer).__name__
    names = tuple(legacy_weight(kind, attribute) for attribute in KERNELS[kind])
    return names if depthwise else tuple(name for name in names if name != "depthwise_kernel")


def _has_unknown_kernel(layer: Any) -> bool:
    return type(layer).__name__ not in KERNELS and any(len(weight.shape) > 1 for weight in layer.weights)


def _unknown(layer: Any) -> str:
    return f"kernels of {type(layer).__name__} layers are not supported; expected {', '.join(KERNELS)}"


def _check(sparsity, schedule, begin_step, end_step, every, pattern) -> None:
    if not 0 < sparsity < 1:
        raise ValueError(f"sparsity={sparsity} must be above 0 and below 1")
    if schedule not in ("constant", "polynomial"):
        raise ValueError(f"schedule={schedule!r}; expected 'constant' or 'polynomial'")
    if not 0 <= begin_step < end_step or every < 1:
        raise ValueError(
            f"begin_step={begin_step}, end_step={end_step}, every={every}; expected 0 <= begin_step < end_step and "
            "every 1 or more"
        )
    block = isinstance(pattern, tuple) and len(pattern) == 2 and all(isinstance(n, int) and n > 0 for n in pattern)
    if pattern not in ("unstructured", "2:4") and not block:
        raise ValueError(f"pattern={pattern!r}; expected 'unstructured', '2:4' or (height, width) of a block")


_sparsity: Any = tfmot().sparsity.keras


class DecayToTheEnd(_sparsity.PolynomialDecay):
    """TF-MOT's polynomial schedule with a final round.

    TF-MOT's own reaches its target only if `frequency` divides the steps.

    Example:
        >>> made, share = DecayToTheEnd(0.0, 0.7, 0, 50, frequency=100)(50)
        >>> bool(made), round(float(share), 3)
        (True, 0.7)
    """

    def __call__(self, step):
        """Return whether a round is due, and its sparsity."""
        made, share = super().__call__(step)
        return tf.logical_or(made, tf.equal(step, self.end_step)), share


class ConstantFromTheStart(_sparsity.ConstantSparsity):
    """TF-MOT's constant schedule with an initial round.

    TF-MOT's own has its first round only when `frequency` divides the step, counted from 1.

    Example:
        >>> made, share = ConstantFromTheStart(0.7, 0, 50, frequency=100)(1)
        >>> bool(made), round(float(share), 3)
        (True, 0.7)
    """

    def __call__(self, step):
        """Return whether a round is due, and its sparsity."""
        made, share = super().__call__(step)
        return tf.logical_or(made, tf.equal(step, max(1, self.begin_step))), share


def missing_zeros(wrapper: Any) -> str | None:
    """Report a pruning wrapper whose kernels lack zeros.

    Returns:
        A message, or None if its kernels have as many zeros as requested.

    Example:
        >>> missing_zeros(training.get_layer("prune_low_magnitude_logits"))
        'has 0.0% zeros instead of 70.0%; train 1000 steps with pruning_callbacks()'
    """
    schedule = wrapper.pruning_schedule
    requested = getattr(schedule, "final_sparsity", None) or getattr(schedule, "target_sparsity", None)
    if requested is None:  # a custom schedule
        return None
    steps = schedule.end_step if hasattr(schedule, "final_sparsity") else max(1, schedule.begin_step)
    for weight, _, _ in wrapper.pruning_vars:
        kernel = weight.numpy()
        # Zeros come in blocks of one or more weights, of which one may be lost to rounding; those at the edge are
        # smaller if blocks don't divide the kernel.
        sides = np.array([1] * (kernel.ndim - 2) + list(wrapper.block_size))
        before_last = np.array(kernel.shape) - 1
        blocks, smallest = np.prod(before_last // sides + 1), np.prod(before_last % sides + 1)
        expected = (requested * blocks - 1) * smallest
        if wrapper.sparsity_m_by_n:
            zeros, group = wrapper.sparsity_m_by_n
            rest = kernel.shape[-2] % group
            share = (kernel.shape[-2] // group * zeros + max(0, rest - (group - zeros))) / kernel.shape[-2]
            requested, expected = share, share * kernel.size
        if (kernel == 0).sum() < expected:
            return (
                f"has {(kernel == 0).mean():.1%} zeros instead of {requested:.1%}; train {steps} steps with "
                "pruning_callbacks()"
            )
    return None
