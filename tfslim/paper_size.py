"""The size of a model by the rule of the Flame paper, for its tables; `tfslim.measure` has the honest one."""

import math

import keras


def paper_bytes(model: keras.Model, bits: float = 32) -> float:
    """Counts as the authors of the 1.13 MB model do: kernels and batch normalisation's gammas, at so many bits each.

    Biases, betas, moving statistics, signs, codebooks and the file's own overhead are not counted.

    Args:
        model: any model.
        bits: bits a weight.

    Returns:
        Bytes; the paper's MB are 10^6 of them.

    Example:
        >>> paper_bytes(tfslim.models.VGG11(module="flame")) / 1e6
        3.642272

    Source: blacktomato/DLCV2018SPRING, final/test.py (Shih, Huang and Chung's own code).
    """
    counted = [weight for weight in model.weights if weight.name.endswith(("kernel", "gamma"))]
    return sum(math.prod(weight.shape) for weight in counted) * bits / 8
