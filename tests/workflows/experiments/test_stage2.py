"""Stage 2 on an untrained network: its table where people are held out, and runs that are not its own."""

import dataclasses
import json

import numpy as np
import pytest
import yaml

from tests.identity_faces import identity_model, pixels
from tests.programs import check_mistake, program_command, run_here
from tests.tiny_model import SIZE
from tfslim.data import CelebA, draw_faces
from tfslim.data.celeba.people import People, write_people
from tfslim.distillation import fingerprint
from tfslim.training.recipe import Network, Optimization, Quantization, Recipe, Stage

RECIPE = Recipe(
    data="faces",
    model=Network("VGG11"),
    stages=[Stage(1, SIZE)],
    task="identity",
    optimization=Optimization(average=0.0),
    split="random",
    hold_out=1,
).written()
ROWS = {"teacher": "net", "rows": [{"name": "few", "trained": "net", "bits": 4}], "curve": ["net"], "curve_bits": [8]}


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage2")
    draw_faces(folder / "faces", count=60, identities=6, seed=0, size=(48, 40))
    (folder / "stage2.yaml").write_text(yaml.safe_dump(RECIPE | ROWS))
    (folder / "net").mkdir()
    identity_model().save(folder / "net" / "model.keras")
    (folder / "net" / "report.json").write_text("{}")
    celeba = CelebA(folder / "faces", split="random", hold_out=1)
    known = tuple(old for old, new in sorted(celeba.identity_map.items(), key=lambda pair: pair[1]) if new < 5)
    write_people(folder / "net", People(known, celeba.held_out, split="random"))
    return folder


def command(setting, out, *more):
    return program_command(setting, "stage2.py", "stage2", out, "--trained", setting, *more)


def test_the_table_counts_those_it_knows_where_people_are_held_out(setting):
    done = run_here(command(setting, "table", "--table"))
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads((setting / "table" / "stage2.json").read_text())["rows"]
    known = json.loads((setting / "net" / "people.json").read_text())["identities"]
    test = CelebA(setting / "faces", split="random").part("test")
    chosen = np.isin(test.identities, known)
    answers = identity_model().predict(pixels(setting / "faces", test.files[chosen], crop=None), verbose=0)
    right = np.array(known)[answers.argmax(axis=1)] == test.identities[chosen]
    assert chosen.any() and row["float"] == pytest.approx(100 * right.mean())


def test_other_people_are_said_before_anything_is_trained(setting):
    message = "net/model.keras: knows 5 people, who are not the 4 of"
    check_mistake(command(setting, "other", "--hold_out", "2"), message)
    message = "net/model.keras: was trained with the random split of seed 0, which is the 7:2:1 split here"
    check_mistake(command(setting, "other", "--split", "7:2:1"), message)
    assert not (setting / "other").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 7, "validate_every": 3}, "few: was begun with another seed, validate_every; name another folder"),
        ({"trained": "abc"}, "few: was begun with another network than"),
        ({}, None),
    ],
)
def test_a_run_of_another_recipe_or_network_is_not_taken_for_its_own(setting, tmp_path, changed, message):
    asked = dataclasses.asdict(Quantization(bits=4, scope="all"))
    begun = RECIPE | {"trained": fingerprint(identity_model()), "quantization": asked} | changed
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "recipe.yaml").write_text(yaml.safe_dump(begun))
    (tmp_path / "few" / "quantization.json").write_text("[]")
    words = command(setting, tmp_path, "--dry-run")
    if message:
        check_mistake(words, message)
    else:
        assert f"done   {tmp_path / 'few'}" in run_here(words).stdout
