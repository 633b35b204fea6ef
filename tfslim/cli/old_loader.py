"""`tfslim old-loader`: run .tflite files in TensorFlow 2.6, and compare."""

from functools import partial

from tfslim.cli import app
from tfslim.workflows.old_loader_check import run_in_old_loader as main

DESCRIPTION = """\
Runs each .tflite file in the loader of the Edge TPU compiler's age, TensorFlow 2.6.5, which this program installs into
an environment of its own (Python 3.9 is needed; about 1 GB). Each file runs in a process of its own, on random inputs,
and its outputs are compared with LiteRT's, in quantization steps.

The exit code is 1 if a file that the linter passes does not load, or answers otherwise by more than a few steps.

examples:
  tfslim old-loader face-int8.tflite
  tfslim old-loader files/*.tflite --environment ~/.cache/tf26 --python python3.9
"""


run = partial(app.run, main, DESCRIPTION, positional={"files": ".tflite files"})
