"""The report on a model prepared for int8 quantization-aware training."""

from collections.abc import Sequence

import keras

from tfslim.cost.model_cost import measured
from tfslim.report import Report


def int8_report(
    model: keras.Model, kernels: int, outputs: int, skipped: dict[str, str], done: Sequence[str] = ()
) -> Report:
    """Report which parts of a model are quantized.

    Args:
        model: the original model.
        kernels: number of layers whose kernels are rounded.
        outputs: number of layers whose outputs are rounded.
        skipped: layer name -> why it trains in float.
        done: other changes, a line each.

    Example:
        >>> int8_report(model, 8, 12, {"norm": "TFLite computes it in several steps"}).figures["layers in float32"]
        1
    """
    return Report(
        "quantize_aware",
        before=measured(model),
        done=list(done),
        # The converter may have int8 operators for layers without a rule here; its own report says what is in the file.
        skipped={name: f"trains in float32: {reason}" for name, reason in skipped.items()},
        figures={"quantised kernels": kernels, "quantised outputs": outputs, "layers in float32": len(skipped)},
    )
