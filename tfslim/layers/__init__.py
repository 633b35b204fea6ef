"""Composite layers for small face networks: each is one Keras layer, or laid out `flat` as stock layers.

A layer's class is registered under the package "tfslim", so a saved model that uses one loads without `custom_objects`
as soon as this module is imported.
"""

from tfslim.layers.composite import Composite
from tfslim.layers.fire import Fire
from tfslim.layers.flame import Flame
from tfslim.layers.l2_normalization import L2Normalization
from tfslim.layers.separable_conv import SeparableConv
from tfslim.layers.slim_module import SlimModule
from tfslim.layers.squeeze_expand import SqueezeExpand

__all__ = ["Composite", "Fire", "Flame", "L2Normalization", "SeparableConv", "SlimModule", "SqueezeExpand"]
