"""Activations that the Edge TPU does not have: the rule each breaks, and the TFLite operators it becomes.

Measured with TensorFlow 2.21: int8 files of one convolution and the activation, read by `tfslim.litert.lint`.
"""

# name -> (rule, what it becomes)
ACTIVATIONS: dict[str, tuple[str, str]] = {
    "gelu": ("E4", "GELU, operator code 150"),
    "hard_silu": ("E19", "HARD_SWISH"),
    "leaky_relu": ("E19", "LEAKY_RELU"),
    "elu": ("E12", "ELU, which stays in float"),
    "celu": ("E5", "EXP version 2"),
    "selu": ("E5", "EXP version 2, and SELECT"),
    "exponential": ("E5", "EXP version 2"),
    "softplus": ("E5", "EXP and LOG version 2"),
    "mish": ("E5", "EXP and LOG version 2"),
    "log_sigmoid": ("E5", "EXP and LOG version 2"),
    "log_softmax": ("E19", "LOG_SOFTMAX"),
    "softsign": ("E19", "ABS and DIV"),
    "squareplus": ("E5", "SQRT version 2, and SQUARE in float"),
    "hard_shrink": ("E19", "ABS, GREATER and SELECT_V2"),
    "soft_shrink": ("E19", "GREATER, LESS and SELECT"),
    "threshold": ("E19", "GREATER and SELECT"),
    "sparse_plus": ("E19", "LESS and SELECT"),
    "sparse_sigmoid": ("E19", "GREATER_EQUAL and SELECT"),
    "sparsemax": ("E19", "sorting and comparisons"),
}
CURES = {
    "gelu": "ReLU, or x * sigmoid(1.702 * x), and train on",
    "elu": "ReLU or PReLU(shared_axes=[1, 2]), and train on",
    "celu": "ReLU or PReLU(shared_axes=[1, 2]), and train on",
    "selu": "ReLU or PReLU(shared_axes=[1, 2]), and train on",
    "softplus": "ReLU or silu, and train on",
    "mish": "silu or ReLU, and train on",
    "log_softmax": "let the file give logits, and take it in the app",
    "log_sigmoid": "let the file give logits, and take it in the app",
}
