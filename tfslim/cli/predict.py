"""`tfslim predict`: say which attributes a model sees in photos."""

from functools import partial

from tfslim.cli import app
from tfslim.workflows.prediction import SKIPPED, predict_photos as main

__all__ = ["DESCRIPTION", "SKIPPED", "main", "run"]

DESCRIPTION = """\
Says which attributes a model sees in photos: prints each attribute's probability and draws a card (photo and bars).

A photo is resized to the model's input as in training, so frame it like the training images: for CelebA the aligned
face with hair and neck. Cards and predictions.json go to the --out folder. The exit code is 1 if photos were skipped.

examples:
  tfslim predict runs/slimnet photo.jpg
  tfslim predict face-int8.tflite photos/ --crop centre --top 8 --out cards
  tfslim predict runs/slimnet photos/ --on-error skip --json > answers.json
"""


run = partial(
    app.run,
    main,
    DESCRIPTION,
    positional={
        "model": "run folder (its model.keras), .keras, .tflite or .tfslim file",
        "photos": "photos, or folders of them",
    },
    flags={"json": "print JSON in place of tables"},
)
