"""`tfslim.tfmot.strip`: plain Keras 3 models of training results.

A result is one of `sparsify` or `cluster`.
"""

from typing import Any

import keras

from tfslim.cost.model_cost import measured
from tfslim.report import Report
from tfslim.tfmot.bridge import from_tf_keras
from tfslim.tfmot.kernel_statistics import model_kernels
from tfslim.tfmot.packages import tfmot

__all__ = ["strip"]


def strip(training: Any) -> tuple[keras.Model, Report]:
    """Remove the wrappers of sparse or clustered training.

    Args:
        training: result of `sparsify` or `cluster`, fitted.

    Returns:
        A functional Keras 3 model, not compiled, and a report: each kernel's share of zeros and number of values; in
        `skipped` each layer with fewer zeros than `sparsify` was to make.

    Raises:
        TypeError: the model is quantized, or has none of the wrappers.

    Example:
        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(2)])
        >>> training, _ = tfslim.tfmot.sparsify(model, 0.5)
        >>> plain, report = tfslim.tfmot.strip(training)
        >>> sorted(report.figures)
        ['most values a kernel', 'zeros']
    """
    kinds = {type(layer).__name__ for layer in training.layers}
    if "Int8Wrapper" in kinds:
        raise TypeError(
            f"{training.name} is quantized, expected a model of sparsify or cluster; write it with tfslim.tfmot.convert"
        )
    if not kinds & {"PruneLowMagnitude", "ClusterWeights"}:
        raise TypeError(f"{training.name} has nothing to strip; pass the model that sparsify or cluster returned")
    from tfslim.tfmot.sparse_training import missing_zeros

    short: dict[str, str] = {}
    for layer in training.layers:
        if type(layer).__name__ == "PruneLowMagnitude":
            # The last step moved zeros as well if the callback did not run after it.
            for weight, mask, _ in layer.pruning_vars:
                weight.assign(weight * mask)
            if missing := missing_zeros(layer):
                short[layer.layer.name] = missing
    plain = tfmot().clustering.keras.strip_clustering(tfmot().sparsity.keras.strip_pruning(training))
    model = from_tf_keras(plain)
    kernels = model_kernels(model)
    size = sum(kernel.size for kernel in kernels)
    report = Report(
        "sparsify" if "PruneLowMagnitude" in kinds else "cluster",
        after=measured(model),
        done=[str(kernel) for kernel in kernels],
        skipped=short,
        figures={
            "zeros": sum(kernel.zeros * kernel.size for kernel in kernels) / size,
            "most values a kernel": max(kernel.values for kernel in kernels),
        },
    )
    return model, report
