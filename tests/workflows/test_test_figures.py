"""Figures of a model that names people and tells others apart, against the library's own way to each."""

import dataclasses

import numpy as np
import pytest

from tests.identity_faces import identity_model, labelled, pixels
from tests.tiny_model import SIZE
from tfslim.data import CelebA, draw_faces, pairs
from tfslim.data.celeba.people import People, write_people
from tfslim.data.celeba.records import Records
from tfslim.inference import model_files
from tfslim.inference.embedder import embed_files, load_embedder
from tfslim.inference.pair_scoring import pair_scores
from tfslim.metrics.verification import verification_table
from tfslim.training.recipe import Network, Recipe, Stage
from tfslim.workflows import test_figures


def test_people_are_judged_from_one_loaded_model_and_data_opened_once(tmp_path, monkeypatch):
    faces = draw_faces(tmp_path / "faces", count=90, identities=7, seed=0, size=(48, 40))
    held = CelebA(faces, hold_out=2)
    known = tuple(old for old, new in sorted(held.identity_map.items(), key=lambda pair: pair[1]) if new < 5)
    file = write_people(tmp_path, People(known, held.held_out)).with_name("model.keras")
    identity_model().save(file)

    right = [(image, person) for image, person, part in labelled(faces) if part == 2 and person in known]
    answers = identity_model().predict(pixels(faces, [image for image, _ in right], crop=None), verbose=0)
    accuracy = np.mean([known[answer] == person for answer, (_, person) in zip(answers.argmax(1), right, strict=True)])
    apart = held.part("held out")
    judged = pairs(apart, template=1, seed=0)
    embedded = embed_files(load_embedder(file), held.source, apart.files.tolist())
    expected = verification_table(pair_scores(embedded, judged), judged.genuine).eer

    loaded = []
    load = model_files.load_keras_file
    monkeypatch.setattr(model_files, "load_keras_file", lambda *given: loaded.append(given) or load(*given))
    judge = test_figures.judge_of(Recipe(str(faces), Network("any"), [Stage(1, SIZE)], "identity", hold_out=2))
    monkeypatch.setattr(test_figures, "CelebA", None)  # is not opened again
    figures = judge(file)
    assert len(loaded) == 1
    assert figures["accuracy"] == pytest.approx(accuracy) and figures["EER single images"] == pytest.approx(expected)


@pytest.mark.parametrize(("images", "given"), [((9, 9), {1}), ((9, 10), {1, 5}), ((1, 10), {1}), ((1, 1), set())])
def test_figures_that_the_people_held_out_have_too_few_images_for_are_left_out(images, given):
    people = np.repeat([3, 7], images)
    files = np.array([f"{number}.jpg" for number in range(len(people))])
    records = Records(files, None, people, np.zeros(len(people), "uint8"))
    assert {size for size in (1, 5) if test_figures._pairs(records, size, ()) is not None} == given
    alone = dataclasses.replace(records, identities=np.full(len(people), 3))
    assert test_figures._pairs(alone, 1, ()) is None
    broken = files[people == 3]  # that can't be decoded
    assert test_figures._pairs(records, 1, broken.tolist()) is None
