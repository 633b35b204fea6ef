"""`tfslim.tfmot.cluster`: a model of tf_keras whose kernels hold few different values while it trains."""

from collections.abc import Iterable
from typing import Any, Literal

import keras
import numpy as np

from tfslim.report import Report
from tfslim.tfmot.packages import experimental_clustering, tfmot
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
        keep_zeros: whether weights that are 0 stay 0, in the kernels that are clustered.
        depthwise: whether depthwise kernels are clustered as well.
        skip: names of layers that stay as they are.

    Returns:
        A `tf_keras.Model` to compile and fit, and a report: which kernels, and which not and why; kernels with hardly
        any weights, or weights other than 0, are not.

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

    def choice(layer: Any) -> tuple[int, bool]:
        """How many clusters, and whether zeros have to be kept; where there are none, TF-MOT would make some."""
        kernels = [getattr(layer, name).numpy() for name in chosen_kernels(layer, depthwise)]
        zeros = keep_zeros and any((kernel == 0).any() for kernel in kernels)
        # The few values of a kernel that has hardly any are its clusters, or its zeros would be lost.
        values = [int(np.count_nonzero(kernel)) + 1 if zeros else kernel.size for kernel in kernels]
        return min(clusters, *values), zeros

    def reason_to_skip(layer: Any) -> str | None:
        names = chosen_kernels(layer, depthwise)
        if not names:
            return "depthwise kernels were not asked for"
        number, zeros = choice(layer)
        size = min(int(getattr(layer, name).shape.num_elements()) for name in names)
        freely = "which train freely, so that its zeros may be lost" if zeros else "which train freely"
        if size <= number:
            return f"it has {size} weights, {freely}"
        return f"it has {number - 1} weights other than 0, {freely}" if zeros and number < 3 else None

    def wrapped(layer: Any) -> Any:
        number, zeros = choice(layer)
        wrapper = experimental_clustering().cluster_weights(layer, number, how, preserve_sparsity=zeros)
        # TF-MOT asks the layer, and itself answers nothing for depthwise kernels.
        names = chosen_kernels(layer, depthwise)
        layer.get_clusterable_weights = lambda: [(name, getattr(layer, name)) for name in names]
        return wrapper

    return wrap_kernels(model, "cluster", wrapped, reason_to_skip, skip)
