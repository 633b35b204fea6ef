"""A teacher's outputs kept for a recipe: in the number format that it asks for, and for its own pictures alone."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.tiny_model import NAMES, tiny_model
from tests.tiny_recipe import tiny_recipe
from tfslim.data import CelebA
from tfslim.training import teacher as teaching
from tfslim.training.recipe import Distillation


def keep(faces, folder, teacher=None, **asked):
    recipe, celeba = tiny_recipe(faces), CelebA(faces, attributes=NAMES)
    teacher = teacher or tiny_model()
    return teaching.keep_outputs(folder, teacher, Distillation(views=1, **asked), recipe, celeba, "attributes")


def test_loud_answers_are_kept_in_float32_where_the_recipe_says_so(faces, tmp_path):
    loud = tiny_model()
    loud.get_layer("logits").bias.assign(np.full(len(NAMES), 1e6))
    with pytest.raises(ValueError, match="which overflows float16; use dtype='float32'"):
        keep(faces, tmp_path / "half", loud)
    kept = keep(faces, tmp_path / "single", loud, kept_dtype="float32")
    assert kept.dtype == "float32" and kept.epoch(0)["output"].min() > 9e5
    with pytest.raises(ValueError, match=r"\(dtype: found float32, expected float16\)"):
        keep(faces, tmp_path / "single", loud)


def test_other_pictures_of_the_same_names_are_refused(own_faces, tmp_path):
    keep(own_faces, tmp_path / "kept")
    last = own_faces / "img_align_celeba" / CelebA(own_faces).part("train").files[-1]  # not in the first batch
    Image.open(last).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(last, quality=50)
    with pytest.raises(ValueError, match=r"\(stream.file_sizes: found \d+, expected \d+\); use another folder"):
        keep(own_faces, tmp_path / "kept")


def test_outputs_kept_before_sizes_were_noted_are_refused_by_name(faces, tmp_path):
    keep(faces, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["stream"]["file_sizes"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"\(stream.file_sizes: found nothing, expected \d+\); use another folder"):
        keep(faces, tmp_path)
