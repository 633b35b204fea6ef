"""The size of a model by the rule of the Flame paper, for its tables; `tfslim.measure` has the honest one."""

import math
from typing import Literal

import keras


def paper_bytes(model: keras.Model, bits: float = 32, scope: Literal["all", "convolutions"] = "all") -> float:
    """Counts as the authors of the 1.13 MB model do: kernels and batch normalisation's gammas, at so many bits each.

    Biases, betas, moving statistics, signs, codebooks and the file's own overhead are not counted.

    Args:
        model: any model.
        bits: bits a weight.
        scope: "convolutions", the paper's "CNN only": dense kernels and gammas stay at 32 bits.

    Returns:
        Bytes; the paper's MB are 10^6 of them.

    Raises:
        ValueError: `scope` is neither.

    Example:
        >>> paper_bytes(tfslim.models.VGG11(module="flame")) / 1e6
        3.642272

    Source: blacktomato/DLCV2018SPRING, final/test.py (Shih, Huang and Chung's own code).
    """
    if scope not in ("all", "convolutions"):
        raise ValueError(f"scope={scope!r}; expected 'all' or 'convolutions'")
    counted = [weight for weight in model.weights if weight.name.endswith(("kernel", "gamma"))]
    # A convolution's kernel has an axis of space at least.
    few = [weight for weight in counted if scope == "all" or len(weight.shape) > 2]
    total, in_few = (sum(math.prod(weight.shape) for weight in each) for each in (counted, few))
    return (in_few * bits + (total - in_few) * 32) / 8
