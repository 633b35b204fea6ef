"""`tfslim evaluate`: measure models on attributes, identities or verification."""

from functools import partial

from tfslim.cli import app
from tfslim.workflows.evaluation.tasks import evaluate_models as main

DESCRIPTION = """\
Evaluates models. Prints tables and writes them as JSON and CSV, with charts; several models are compared.

attributes: accuracy, balanced accuracy, F1, positive rate and majority floor by attribute, on a part of CelebA.
identity: top-1, top-5 and balanced accuracy of a classifier of people, beside the majority floor, on a part of CelebA.
verification: whether two images show one person, by a model's embeddings: EER, TAR at FAR 10 %, 1 % and 0.1 % or
others, AUC, 10-fold accuracy, DET and ROC curves. The pairs are drawn from people held out of training (by
people.json), within a part of CelebA or across two, or from a folder with a sub-folder of images for each person; or
they are listed in a file like LFW's.

examples:
  tfslim evaluate runs/slimnet --data celeba
  tfslim evaluate runs/slimnet/model.keras face-int8.tflite --data celeba --out comparison
  tfslim evaluate runs/slimnet --data celeba --thresholds balanced --save-thresholds
  tfslim evaluate runs/vgg11 runs/flame --data celeba
  tfslim evaluate runs/vgg11 runs/flame --task verification --data celeba --template 5
  tfslim evaluate runs/flame --task verification --data celeba --part test --against validation
  tfslim evaluate runs/flame --task verification --pairs pairs.txt --data lfw --fars 0.01,0.001
"""


run = partial(
    app.run,
    main,
    DESCRIPTION,
    positional={"models": "run folders (their model.keras), .keras, .tflite or .tfslim files"},
    flags={"save_thresholds": "write the chosen thresholds into the labels.json beside each model"},
)
