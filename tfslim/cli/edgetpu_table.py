"""`tfslim edgetpu-table`: Edge TPU findings for the zoo's models."""

from functools import partial

from tfslim.cli import app
from tfslim.workflows.experiments.edgetpu_table import write_edgetpu_table as main

DESCRIPTION = """\
Converts every model of tfslim.models and of keras.applications MobileNet, MobileNetV2, MobileNetV3Small, ResNet50,
EfficientNetB0, DenseNet121 and NASNetMobile (random weights) for the Edge TPU, and says what tfslim.litert.lint
finds in each file: operators expected on the Edge TPU, bytes with and without overhead, and the time of a run by a
published fit. Writes a Markdown table and JSON. The exit code is 1 if a model of the zoo is not clean.

examples:
  tfslim edgetpu-table --out edgetpu.md
  tfslim edgetpu-table --models 'SlimNet,VGG11 flame' --keep files
"""


run = partial(app.run, main, DESCRIPTION)
