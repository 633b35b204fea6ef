"""`tfslim export`: the .tflite files of a model.

Each file is compared with the model.
"""

from functools import partial

from tfslim.cli import app
from tfslim.workflows.tflite_files import export_tflite as main

DESCRIPTION = """\
Makes the .tflite files of a model (float32, float16, dynamic range, full int8, int16x8) and compares each with it.

A model with a people.json beside it is an identity model, whose images are cropped as that file says; any other is an
attribute model. Images of the train part, but none of people held out of training, set the ranges of the integer files;
those of another part are given to the Keras model and to each file. Answers: largest and mean logit error, answers that
flip, accuracy of both, on people that the model knows. Embeddings, from the model cut at its layer "embedding" or
before its last dense layer: largest and mean error, lowest and mean cosine of the two.

Each file says in its metadata, as Android's tools read it, what it takes and what its outputs mean.

Writes model-float32.tflite and so on and tflite.json, or embedding-float32.tflite and so on and tflite-embedding.json,
and beside them the model's labels.json or people.json, so a folder holds files of one model's meaning. The exit code is
1 if a file could not be made or lost too much.

examples:
  tfslim export runs/slimnet --data celeba
  tfslim export face.keras --data celeba --part test --out files --max-drop 0.3
  tfslim export runs/slimnet --data celeba --kinds int8 --target edgetpu --dry-run
  tfslim export runs/flame --data celeba --outputs embedding --kinds float32,int8
"""


run = partial(
    app.run,
    main,
    DESCRIPTION,
    positional={"model": "run folder (its model.keras) or .keras file"},
    flags={"dry_run": "check everything and say what would be made"},
)
