"""`tfslim edgetpu`: .tflite files compiled for a Coral Edge TPU.

The files are linted too.
"""

from functools import partial

from tfslim.cli import app
from tfslim.workflows.edgetpu_files import compile_files as main

DESCRIPTION = """\
Lints each .tflite file and runs edgetpu_compiler on it, if that is on the PATH. Keeps the NAME_edgetpu.tflite that it
makes, and shows what it maps beside what the linter expects, operator by operator. Without the compiler the linter's
own table is shown, and the program says so.

edgetpu_compiler is Google's, for Linux on x86-64, and comes as a Debian package from the Coral archive
(coral.ai/docs/edgetpu/compiler).

The exit code is 1 if the compiler makes no file or leaves operators on the CPU; without the compiler, if the linter
finds an error.

examples:
  tfslim edgetpu face-int8.tflite
  tfslim edgetpu files/*.tflite --out compiled --json compiled/edgetpu.json
"""


run = partial(app.run, main, DESCRIPTION, positional={"files": ".tflite files"})
