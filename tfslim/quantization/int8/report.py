"""The report of a model made ready for training with the roundings of int8."""

from collections.abc import Sequence

import keras

from tfslim.cost.model_cost import measured
from tfslim.report import Report


def int8_report(
    model: keras.Model, kernels: int, outputs: int, skipped: dict[str, str], done: Sequence[str] = ()
) -> Report:
    """Says what of a model is quantised.

    Args:
        model: the model that was given.
        kernels: how many layers' kernels are rounded.
        outputs: how many layers' outputs are.
        skipped: layer's name -> why it trains in float.
        done: what else was done, a line each.

    Example:
        >>> int8_report(model, 8, 12, {"norm": "TFLite computes it in several steps"}).figures["layers in float32"]
        1
    """
    return Report(
        "quantize_aware",
        before=measured(model),
        done=list(done),
        # The converter may have an int8 operator for what no rule is known of; its own report says what is in the file.
        skipped={name: f"trains in float32: {reason}" for name, reason in skipped.items()},
        figures={"quantised kernels": kernels, "quantised outputs": outputs, "layers in float32": len(skipped)},
    )
