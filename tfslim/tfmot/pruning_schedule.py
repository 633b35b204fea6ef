"""When a polynomial schedule makes zeros, and how many of them were made in the end."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfslim.tfmot.legacy import tfmot


class DecayToTheEnd(tfmot().sparsity.keras.PolynomialDecay):
    """TF-MOT's schedule, which else has a round at its end, and reaches its target, if `frequency` divides the steps.

    Example:
        >>> made, share = DecayToTheEnd(0.0, 0.7, 0, 50, frequency=100)(50)
        >>> bool(made), float(share)
        (True, 0.7)
    """

    def __call__(self, step):
        """Whether there is a round at this step, and the share of zeros that it makes."""
        made, share = super().__call__(step)
        return tf.logical_or(made, tf.equal(step, self.end_step)), share


class ConstantFromTheStart(tfmot().sparsity.keras.ConstantSparsity):
    """TF-MOT's schedule, which else has its first round where `frequency` divides the step, counted from 1.

    Example:
        >>> made, share = ConstantFromTheStart(0.7, 0, 50, frequency=100)(1)
        >>> bool(made), float(share)
        (True, 0.7)
    """

    def __call__(self, step):
        """Whether there is a round at this step, and the share of zeros that it makes."""
        made, share = super().__call__(step)
        return tf.logical_or(made, tf.equal(step, max(1, self.begin_step))), share


def missing_zeros(wrapper: Any) -> str | None:
    """Says that kernels of one of TF-MOT's pruning wrappers have fewer zeros than were asked for; None if none has.

    Example:
        >>> missing_zeros(training.get_layer("prune_low_magnitude_logits"))
        'has 0.0% zeros, 70.0% were asked for: its training must have 1000 steps, with pruning_callbacks()'
    """
    schedule = wrapper.pruning_schedule
    asked = getattr(schedule, "final_sparsity", None) or getattr(schedule, "target_sparsity", None)
    if asked is None:  # somebody's own schedule
        return None
    steps = schedule.end_step if hasattr(schedule, "final_sparsity") else max(1, schedule.begin_step)
    for weight, _, _ in wrapper.pruning_vars:
        kernel = weight.numpy()
        # Zeros come in blocks, of a single weight or more, of which one may be rounded away; those at the edge are
        # smaller where blocks don't divide the kernel.
        sides = np.array([1] * (kernel.ndim - 2) + list(wrapper.block_size))
        before_last = np.array(kernel.shape) - 1
        blocks, smallest = np.prod(before_last // sides + 1), np.prod(before_last % sides + 1)
        expected = (asked * blocks - 1) * smallest
        if wrapper.sparsity_m_by_n:
            zeros, group = wrapper.sparsity_m_by_n
            rest = kernel.shape[-2] % group
            share = (kernel.shape[-2] // group * zeros + max(0, rest - (group - zeros))) / kernel.shape[-2]
            asked, expected = share, share * kernel.size
        if (kernel == 0).sum() < expected:
            return (
                f"has {(kernel == 0).mean():.1%} zeros, {asked:.1%} were asked for: its training must have {steps} "
                "steps, with pruning_callbacks()"
            )
    return None
