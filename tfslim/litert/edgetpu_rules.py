"""What the Edge TPU compiler (16.0) asks of a .tflite file: a row for each rule, without the code that checks it."""

from tfslim.litert.edgetpu_errors import ERRORS
from tfslim.litert.edgetpu_rule import Rule
from tfslim.litert.edgetpu_warnings import WARNINGS

RULES: dict[str, Rule] = {rule.id: rule for rule in ERRORS + WARNINGS}

# What to write in place of an operator that E4, E5 or E19 names.
REPLACEMENTS = {
    "LEAKY_RELU": "keras.layers.PReLU(shared_axes=[1, 2]) with the slope as its weights, or maximum(x, slope * x)",
    "HARD_SWISH": "x * relu6(x + 3) / 6 is folded back into HARD_SWISH: write x * (relu(y) - relu(y - 3)) / 3 with "
    "y = 0.5 * x + 1.5, or use ReLU",
    "GELU": "ReLU, or x * sigmoid(1.702 * x), which is LOGISTIC and MUL",
    "ELU": "ReLU or PReLU",
    "EXP": "softplus and mish need EXP and LOG: use ReLU, or silu, which is LOGISTIC and MUL",
    "LOG": "softplus and mish need EXP and LOG: use ReLU, or silu, which is LOGISTIC and MUL",
    "TILE": 'a nearest UpSampling2D becomes TILE: use keras.layers.Resizing(h, w, interpolation="nearest")',
    "PADV2": "pad with the zero point (ZeroPadding2D), which is PAD",
    "DEPTH_TO_SPACE": "Conv2DTranspose, or Resizing and a convolution",
    "GATHER": "slices (SLICE, SPLIT) or a 1x1 convolution that selects",
    "GATHER_ND": "slices (SLICE, SPLIT) or a 1x1 convolution that selects",
    "BATCH_MATMUL": "convolutions or FULLY_CONNECTED with constant weights; attention does not map",
    "DIV": "multiply by the inverse",
    "ARG_MAX": "let the file give scores, and take the largest in the app",
    "CAST": "let the file take and give int8 or uint8",
    "RELU_0_TO_1": "hard_sigmoid as relu6(x + 3) / 6, or sigmoid",
    "QUANTIZE": 'one scale at the file\'s ends: io="int8" adds no QUANTIZE',
    "CONV_2D": "a grouped convolution (version 6): split the channels, convolve each part and concatenate",
}
