"""`tfslim.tfmot.cluster`: a model of tf_keras whose kernels hold few different values while it trains."""

from collections.abc import Iterable
from typing import Any, Literal

import keras
import numpy as np

from tfslim.report import Report
from tfslim.tfmot.legacy import experimental_clustering, tfmot
from tfslim.tfmot.sparse_training import chosen_kernels, wrap_kernels

Start = Literal["kmeans++", "linear", "density", "random"]
_STARTS = {"kmeans++": "KMEANS_PLUS_PLUS", "linear": "LINEAR", "density": "DENSITY_BASED", "random": "RANDOM"}


def cluster(
    model: keras.Model,
    clusters: int = 16,
    start: Start = "kmeans++",
    *,
    keep_zeros: bool = False,
    depthwise: bool = False,
    skip: Iterable[str] = (),
) -> tuple[Any, Report]:
    """Makes a model of tf_keras whose kernels each hold so many different values, with TF-MOT's wrappers.

    Fitting it moves the values; `strip` then gives the Keras 3 model.

    Args:
        model: a functional or a built Sequential Keras 3 model, trained; it is not changed.
        clusters: values a kernel, 2 or more; 3 or more with `keep_zeros`, where 0 is one of them.
        start: the values to start from: drawn by k-means++, evenly spaced, at equal shares of the weights, or random
            (by the seed of `keras.utils.set_random_seed`).
        keep_zeros: whether weights that are 0 stay 0.
        depthwise: whether depthwise kernels are clustered as well.
        skip: names of layers that stay as they are.

    Returns:
        A `tf_keras.Model` to compile and fit, and a report: which kernels, and which not and why.

    Raises:
        ValueError: an argument is out of range, or `skip` names no layer with a kernel.
        UnsupportedLayer: a layer can't be expressed in tf_keras.

    Example:
        >>> training, _ = tfslim.tfmot.cluster(sparse, 16, keep_zeros=True)
        >>> training.compile("adam", tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        >>> training.fit(images, labels)
        >>> clustered, report = tfslim.tfmot.strip(training)
    """
    least = 3 if keep_zeros else 2
    if clusters < least:
        raise ValueError(f"clusters={clusters} must be {least} or more")
    if start not in _STARTS:
        raise ValueError(f"start={start!r}; expected one of {', '.join(map(repr, _STARTS))}")
    how = getattr(tfmot().clustering.keras.CentroidInitialization, _STARTS[start])

    def reason_to_skip(layer: Any) -> str | None:
        names = chosen_kernels(layer, depthwise)
        if not names:
            return "depthwise kernels were not asked for"
        smallest = min(_count(getattr(layer, name).numpy(), keep_zeros) for name in names)
        if keep_zeros:  # the few values of a kernel that has hardly any are its clusters, or its zeros would be lost
            return f"it has {smallest} weights other than 0" if smallest < least - 1 else None
        return f"it has {smallest} weights" if smallest <= clusters else None

    def wrapped(layer: Any) -> Any:
        names = chosen_kernels(layer, depthwise)
        smallest = min(_count(getattr(layer, name).numpy(), keep_zeros) for name in names)
        number = min(clusters, smallest + 1)
        wrapper = experimental_clustering().cluster_weights(layer, number, how, preserve_sparsity=keep_zeros)
        # TF-MOT asks the layer, and itself answers nothing for depthwise kernels.
        layer.get_clusterable_weights = lambda: [(name, getattr(layer, name)) for name in names]
        return wrapper

    return wrap_kernels(model, "cluster", wrapped, reason_to_skip, skip)


def _count(kernel: np.ndarray, keep_zeros: bool) -> int:
    return int(np.count_nonzero(kernel)) if keep_zeros else kernel.size
