"""The table's figures of kernels are those worked out by hand."""

import pytest

from tfslim.tfmot import KernelContent
from tfslim.workflows.int8_table import kernel_names, least_zeros, most_values

ORIGINALS = [
    KernelContent("conv", 100, 0.0, 90, 60),
    KernelContent("apart pointwise_kernel", 50, 0.0, 40, 30),
    KernelContent("apart depthwise_kernel", 9, 0.0, 9, 9),
]
IN_FILE = [
    KernelContent("conv", 100, 0.7, 17, 16),
    KernelContent("apart_pointwise", 50, 0.6, 12, 11),
    KernelContent("apart_depthwise", 9, 0.0, 9, 9),
]


@pytest.mark.parametrize(
    ("kernels", "depthwise", "zeros", "values"),
    [
        (ORIGINALS, False, 0.0, 60),
        (IN_FILE, False, 0.6, 16),
        (IN_FILE, True, 0.0, 16),
        (IN_FILE[:1] + IN_FILE[2:], False, None, None),
        (IN_FILE[:2], True, None, None),
    ],
)
def test_the_worst_kernel_counts_and_one_that_is_not_found_is_not_passed_over(kernels, depthwise, zeros, values):
    layers = [kernel_names(layer, depthwise) for layer in ("conv", "apart")]
    assert least_zeros(kernels, layers, ORIGINALS) == zeros
    assert most_values(kernels, layers, ORIGINALS) == values
