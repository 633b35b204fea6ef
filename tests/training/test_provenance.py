"""A network is trained on, or teaches, only where it has not seen the test part and its answers mean the same."""

import shutil

import pytest
import yaml

from tests.identity_faces import identity_model
from tests.tiny_model import NAMES, SIZE
from tfslim.data import CelebA, draw_faces
from tfslim.data.celeba.people import People, write_people
from tfslim.training import teacher
from tfslim.training.provenance import written_with_data
from tfslim.training.recipe import Head, Network, Optimization, Recipe, Stage
from tfslim.training.run_folder import begin, differences, open_data


def recipe(faces, **options) -> Recipe:
    asked = {"attributes": list(NAMES), "optimization": Optimization(batch_size=8)} | options
    return Recipe(str(faces), Network("any"), [Stage(1, SIZE)], **asked)


def opened(opens, folder, asked):
    return opens(str(folder), asked, open_data(asked, check_images=False))


@pytest.mark.parametrize("opens", [teacher.open_to_train_on, teacher.load_teacher])
@pytest.mark.parametrize("part", ["", "cut-03"])
def test_images_that_an_attribute_network_was_trained_on_are_not_tested_on(run_folder, faces, opens, part, capsys):
    (run_folder / "recipe.yaml").write_text(yaml.safe_dump({"split": "random", "split_seed": 5}))
    folder = run_folder / part
    if part:
        shutil.copytree(run_folder, folder, ignore=shutil.ignore_patterns("recipe.yaml"))
    opened(opens, folder, recipe(faces, split="random", split_seed=5))
    assert "note" not in capsys.readouterr().out
    for other, said in (({}, "official split"), ({"split": "random"}, "random split of seed 0")):
        with pytest.raises(ValueError) as error:
            opened(opens, folder, recipe(faces, **other))
        expected = f"{folder / 'model.keras'}: was trained with the random split of seed 5, which is the {said} here"
        assert str(error.value).startswith(expected)
    (run_folder / "recipe.yaml").write_text("split: [")
    with pytest.raises(ValueError, match="recipe.yaml: damaged"):
        opened(opens, folder, recipe(faces))


def test_that_nothing_tells_how_images_were_parted_is_said(run_folder, faces, capsys):
    opened(teacher.open_to_train_on, run_folder, recipe(faces))
    said = capsys.readouterr().out
    assert f"note: {run_folder / 'model.keras'}: no recipe.yaml" in said and "assuming the official split" in said


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Faces of five people, and a run folder of a network that knows them by the random split of seed 5."""
    folder = tmp_path_factory.mktemp("people")
    draw_faces(folder / "faces", count=60, identities=5, size=(48, 40))
    (folder / "net").mkdir()
    identity_model().save(folder / "net" / "model.keras")
    write_people(folder / "net", People((1, 2, 3, 4, 5), split="random", split_seed=5))
    return folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, None),
        ({"split_seed": 6}, "the random split of seed 5, which is the random split of seed 6 here"),
        ({"split": "official", "split_seed": 5}, "the random split of seed 5, which is the official split here"),
        ({"crop": (8, 8)}, r"was trained with crop None, which is \(8, 8\) here"),
        ({"hold_out": 1}, "knows 5 people, who are not the 4 of"),
    ],
)
def test_an_identity_network_is_opened_with_the_data_of_its_training_alone(people, options, message):
    given = {"task": "identity", "attributes": None, "split": "random", "split_seed": 5}
    asked = recipe(people / "faces", **given | options)
    if message is None:
        opened(teacher.open_to_train_on, people / "net", asked)
        return
    with pytest.raises(ValueError, match=message):
        opened(teacher.open_to_train_on, people / "net", asked)


def test_the_seed_of_a_split_that_has_none_may_differ(people, tmp_path):
    folder = shutil.copytree(people / "net", tmp_path / "net")
    write_people(folder, People((1, 2, 3, 4, 5), split="official", split_seed=3))
    file, _ = opened(teacher.open_to_train_on, folder, recipe(people / "faces", task="identity", attributes=None))
    assert file == folder / "model.keras"


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (Head(), "head.kind=plain: .*model.keras was trained with cosine by .*recipe.yaml"),
        (Head("cosine"), "head.scale=16.0: .*model.keras was trained with 8 by"),
        (Head("cosine", 8.0, additive_margin=0.1), None),
    ],
)
def test_the_loss_is_that_of_the_networks_own_head(run_folder, faces, head, message):
    (run_folder / "recipe.yaml").write_text(yaml.safe_dump({"head": {"kind": "cosine", "scale": 8}}))
    if message is None:
        opened(teacher.open_to_train_on, run_folder, recipe(faces, head=head))
        return
    with pytest.raises(ValueError, match=message):
        opened(teacher.open_to_train_on, run_folder, recipe(faces, head=head))


def test_a_test_part_without_images_is_told_before_anything_is_trained(run_folder, own_faces):
    partition = own_faces / "list_eval_partition.txt"
    partition.write_text(partition.read_text().replace(" 2\n", " 0\n"))
    with pytest.raises(ValueError, match="the test part of .* has no image"):
        opened(teacher.open_to_train_on, run_folder, recipe(own_faces))
    opened(teacher.load_teacher, run_folder, recipe(own_faces))  # which takes no part in the table


def test_a_run_is_not_gone_on_with_on_other_images_or_labels(own_faces, tmp_path):
    def written(**asked):
        return written_with_data(asked := recipe(own_faces, **asked), open_data(asked, check_images=False))

    begin(tmp_path, written())
    assert differences(tmp_path, written()) == []
    assert differences(tmp_path, written(attributes=list(NAMES[:4]))) == ["attributes", "images"]
    learned = CelebA(own_faces).part("train").files[0]
    labels, partition = (own_faces / f"list_{name}.txt" for name in ("attr_celeba", "eval_partition"))
    before = labels.read_text()
    _, names, *rows = before.splitlines()
    row = next(row for row in rows if row.startswith(learned))
    values = row.split()
    place = 1 + names.split().index(NAMES[0])
    values[place] = str(-int(values[place]))
    labels.write_text(before.replace(row, " ".join(values)))
    assert differences(tmp_path, written()) == ["images"]
    labels.write_text(before)
    assert differences(tmp_path, written()) == []
    partition.write_text(partition.read_text().replace(f"{learned} 0", f"{learned} 2"))
    assert differences(tmp_path, written()) == ["images"]
