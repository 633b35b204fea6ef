"""Composite layers for small face networks.

Each one is a single Keras layer that `flat` expands into stock layers. The classes are registered under the package
"tfslim", so a saved model that uses them loads without `custom_objects` once this module is imported.
"""

from tfslim._support.extras import naming_extra

with naming_extra(__name__):
    import keras  # noqa: F401  first, so that without a backend the extra is named

from tfslim.layers.composite import Composite
from tfslim.layers.fire import Fire
from tfslim.layers.flame import Flame
from tfslim.layers.l2_normalization import L2Normalization
from tfslim.layers.separable_conv import SeparableConv
from tfslim.layers.slim_module import SlimModule
from tfslim.layers.squeeze_expand import SqueezeExpand

__all__ = ["Composite", "Fire", "Flame", "L2Normalization", "SeparableConv", "SlimModule", "SqueezeExpand"]
