"""`tfslim.tfmot.cluster`: training of kernels with few distinct values.

The model is one of tf_keras.
"""

from collections.abc import Iterable
from typing import Any, Literal

import keras
import numpy as np

from tfslim.report import Report
from tfslim.tfmot.packages import experimental_clustering, tfmot
from tfslim.tfmot.sparse_training import chosen_kernels, wrap_kernels

__all__ = ["cluster"]

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
    """Make a trainable tf_keras model with few values per kernel.

    TF-MOT's wrappers hold the values together. Fitting moves them; `strip` then returns the Keras 3 model.

    Args:
        model: a functional or a built Sequential Keras 3 model, trained; it is not changed.
        clusters: distinct values per kernel, 2 or more; 3 or more with `keep_zeros`, in which case 0 is one of them.
        start: the initial values: drawn by k-means++, evenly spaced, at equal shares of the weights, or random (by the
            seed of `keras.utils.set_random_seed`).
        keep_zeros: whether weights that are 0 stay 0 in the clustered kernels.
        depthwise: whether depthwise kernels are clustered as well.
        skip: names of layers that are not clustered.

    Returns:
        A `tf_keras.Model` to compile and fit, and a report: the clustered kernels, and the others with the reason;
        kernels with hardly any weights, or hardly any other than 0, are not clustered.

    Raises:
        ValueError: an argument is out of range, or `skip` names a layer that is not in the model or has no kernel.
        UnsupportedLayer: a layer can't be expressed in tf_keras.

    Example:
        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(2)])
        >>> x, y = np.random.default_rng(0).normal(size=(64, 8)), np.ones((64, 2))
        >>> training, _ = tfslim.tfmot.cluster(model, 16)
        >>> training.compile("adam", "mse")
        >>> history = training.fit(x, y, verbose=0)
        >>> clustered, report = tfslim.tfmot.strip(training)
        >>> report.figures["most values a kernel"]
        16
    """
    least = 3 if keep_zeros else 2
    if clusters < least:
        raise ValueError(f"clusters={clusters} must be {least} or more")
    if start not in _STARTS:
        raise ValueError(f"start={start!r}; expected one of {', '.join(map(repr, _STARTS))}")
    how = getattr(tfmot().clustering.keras.CentroidInitialization, _STARTS[start])

    def choice(layer: Any) -> tuple[int, bool]:
        """Return the number of clusters, and whether to keep zeros.

        TF-MOT would create zeros in a kernel that has none.
        """
        kernels = [getattr(layer, name).numpy() for name in chosen_kernels(layer, depthwise)]
        zeros = keep_zeros and any((kernel == 0).any() for kernel in kernels)
        # A kernel with few values keeps them as its clusters; otherwise its zeros would be lost.
        values = [int(np.count_nonzero(kernel)) + 1 if zeros else kernel.size for kernel in kernels]
        return min(clusters, *values), zeros

    def reason_to_skip(layer: Any) -> str | None:
        names = chosen_kernels(layer, depthwise)
        if not names:
            return "depthwise=False leaves depthwise kernels as they are"
        number, zeros = choice(layer)
        size = min(int(getattr(layer, name).shape.num_elements()) for name in names)
        consequence = "which train freely, so that its zeros may be lost" if zeros else "which train freely"
        if size <= number:
            return f"it has {size} weights, {consequence}"
        return f"it has {number - 1} weights other than 0, {consequence}" if zeros and number < 3 else None

    def wrapped(layer: Any) -> Any:
        number, zeros = choice(layer)
        wrapper = experimental_clustering().cluster_weights(layer, number, how, preserve_sparsity=zeros)
        # TF-MOT asks the layer; by itself it finds none for depthwise kernels.
        names = chosen_kernels(layer, depthwise)
        layer.get_clusterable_weights = lambda: [(name, getattr(layer, name)) for name in names]
        return wrapper

    return wrap_kernels(model, "cluster", wrapped, reason_to_skip, skip)
