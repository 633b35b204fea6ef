"""Small face networks as flat graphs of stock Keras layers.

They take pixels in 0..255, return logits or an embedding, and load without tfslim once saved. `CATALOG` lists them.
"""

from tfslim._support.extras import naming_extra

with naming_extra(__name__):
    import keras  # noqa: F401  first, so that without a backend the extra is named

from tfslim.models.catalog import CATALOG, list_models
from tfslim.models.mobilenet import MobileNet
from tfslim.models.resnet18 import ResNet18
from tfslim.models.slimnet import SlimNet
from tfslim.models.squeezenet import SqueezeNet
from tfslim.models.vgg11 import VGG11

__all__ = ["CATALOG", "MobileNet", "ResNet18", "SlimNet", "SqueezeNet", "VGG11", "list_models"]
