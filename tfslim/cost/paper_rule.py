"""Model size by the rule of the Flame paper.

`tfslim.measure` counts all bytes instead.
"""

import math
from typing import Literal

import keras

__all__ = ["paper_bytes"]


def paper_bytes(model: keras.Model, bits: float = 32, scope: Literal["all", "convolutions"] = "all") -> float:
    """Compute a model's size by the Flame paper's rule.

    The authors of the 1.13 MB model count kernels and batch normalization gammas only, at `bits` each. Biases, betas,
    moving statistics, signs, codebooks and file overhead are not counted.

    Args:
        model: any model.
        bits: bits per weight.
        scope: "convolutions" is the paper's "CNN only": dense kernels and gammas stay at 32 bits.

    Returns:
        Bytes; one MB in the paper is 10^6 bytes.

    Raises:
        ValueError: if `scope` is unknown.

    Example:
        >>> paper_bytes(tfslim.models.VGG11(module="flame")) / 1e6
        3.642272

    Source: blacktomato/DLCV2018SPRING, final/test.py (Shih, Huang and Chung's own code).
    """
    if scope not in ("all", "convolutions"):
        raise ValueError(f"scope={scope!r}; expected 'all' or 'convolutions'")
    counted = [weight for weight in model.weights if weight.name.endswith(("kernel", "gamma"))]
    # The kernel of a convolution has at least one spatial axis.
    few = [weight for weight in counted if scope == "all" or len(weight.shape) > 2]
    total, in_few = (sum(math.prod(weight.shape) for weight in each) for each in (counted, few))
    return (in_few * bits + (total - in_few) * 32) / 8
