"""The answers of `tfslim predict` against plain numpy, and photos that it can't read."""

import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny_model import NAMES, SIZE, reference_logits, tiny_model
from tfslim.cli import predict
from tfslim.data.celeba.attributes import write_labels
from tfslim.workflows import prediction


@pytest.fixture
def photos(faces, tmp_path):
    """A folder of three photos, one of them a PNG, and a text that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    first, second, third, *_ = sorted((faces / "img_align_celeba").iterdir())
    shutil.copy(first, folder / "a.jpg")
    shutil.copy(second, folder / "B.JPEG")
    with Image.open(third) as image:
        image.save(folder / "c.png")
    (folder / "notes.txt").write_text("not a photo")
    return folder


def expected_answers(model, file):
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB").resize(SIZE[::-1], Image.Resampling.BILINEAR))
    logits = reference_logits(model, pixels[None])[0]
    return {name: 1 / (1 + math.exp(-logit)) for name, logit in zip(NAMES, logits, strict=True)}


def answers(folder):
    return json.loads((folder / "predictions.json").read_text())


@pytest.mark.parametrize("file", ["", "tiny.tflite"])
def test_probabilities_are_those_of_the_model(trained, photos, model, tmp_path, file, capsys):
    out = tmp_path / "cards"
    assert predict.main(str(trained / file), [str(photos)], out=str(out)) == 0
    found = answers(out)["photos"]
    assert [answer["file"] for answer in found] == [str(photos / name) for name in ("B.JPEG", "a.jpg", "c.png")]
    for answer in found:
        probabilities = {row["attribute"]: row["probability"] for row in answer["attributes"]}
        assert probabilities == pytest.approx(expected_answers(model, answer["file"]), abs=1e-5)
        assert list(probabilities.values()) == sorted(probabilities.values(), reverse=True)
        assert all(row["there"] == (row["probability"] > 0.5) and row["cut"] == 0.5 for row in answer["attributes"])
    assert sorted(card.name for card in out.iterdir()) == ["B.png", "a.png", "c.png", "predictions.json"]
    shown = capsys.readouterr().out
    for row in found[0]["attributes"]:
        line = next(line for line in shown.splitlines() if row["attribute"] in line)
        assert f"{row['probability']:.1%}" in line
        assert ("yes" in line) == row["there"]
    assert "wrote 3 cards" in shown


def test_the_card_shows_the_photo(trained, tmp_path):
    Image.new("RGB", (64, 80), (250, 10, 130)).save(tmp_path / "pink.png")
    predict.main(str(trained), [str(tmp_path / "pink.png")], out=str(tmp_path / "cards"))
    with Image.open(tmp_path / "cards" / "pink.png") as card:
        pixels = np.asarray(card.convert("RGB"))
    assert (np.abs(pixels.astype(int) - (250, 10, 130)).max(axis=-1) < 5).sum() > 80 * 64


def test_thresholds_of_the_labels_say_what_is_there(run_folder, photos, tmp_path):
    thresholds = [-20.0, 20.0, 0.0, math.log(3), -20.0]
    write_labels(run_folder, NAMES, thresholds)
    predict.main(str(run_folder), [str(photos / "a.jpg")], out=str(tmp_path / "cards"))
    rows = {row["attribute"]: row for row in answers(tmp_path / "cards")["photos"][0]["attributes"]}
    assert [rows[name]["there"] for name in ("Smiling", "Male", "Bald")] == [True, False, True]
    assert rows["Eyeglasses"]["cut"] == pytest.approx(0.75)
    assert rows["Eyeglasses"]["there"] == (rows["Eyeglasses"]["probability"] > 0.75)


def test_top_keeps_the_likeliest_and_json_is_all_that_is_printed(trained, photos, model, tmp_path, capsys):
    code = predict.main(str(trained), [str(photos / "a.jpg")], out=str(tmp_path / "cards"), top=2, json=True)
    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert printed == answers(tmp_path / "cards")
    expected = expected_answers(model, photos / "a.jpg")
    assert [row["attribute"] for row in printed["photos"][0]["attributes"]] == sorted(
        expected, key=expected.get, reverse=True
    )[:2]


def test_centre_crop_answers_for_the_middle_alone(trained, faces, tmp_path):
    with Image.open(min((faces / "img_align_celeba").iterdir())) as face:
        face.save(tmp_path / "face.png")
        wide = Image.new("RGB", (face.width + 60, face.height), "green")
        wide.paste(face, (30, 0))
        wide.save(tmp_path / "wide.png")
    files = [str(tmp_path / "face.png"), str(tmp_path / "wide.png")]
    found = {}
    for crop in ("none", "centre"):
        predict.main(str(trained), files, out=str(tmp_path / crop), crop=crop)
        found[crop] = [answer["attributes"] for answer in answers(tmp_path / crop)["photos"]]
    assert found["centre"][1] == found["centre"][0]
    assert found["none"][1] != found["none"][0]


def test_a_corrupt_photo_stops_it_by_name_or_is_skipped_and_told(trained, photos, tmp_path, capsys):
    (photos / "broken.jpg").write_bytes((photos / "a.jpg").read_bytes()[:700])
    out = tmp_path / "cards"
    with pytest.raises(ValueError, match=r"broken\.jpg: can't be decoded"):
        predict.main(str(trained), [str(photos)], out=str(out))
    assert not (out / "predictions.json").exists()
    assert predict.main(str(trained), [str(photos)], out=str(out), on_error="skip") == predict.SKIPPED == 1
    assert list(answers(out)["skipped"]) == [str(photos / "broken.jpg")]
    assert len(answers(out)["photos"]) == 3
    shown = capsys.readouterr().out
    assert "1 skipped" in shown
    assert "broken.jpg: can't be decoded" in shown
    only_broken = [str(photos / "broken.jpg")]
    assert predict.main(str(trained), only_broken, out=str(out), on_error="skip") == 1
    assert answers(out)["photos"] == []


def test_photos_of_odd_names_get_their_cards(trained, photos, tmp_path, capsys):
    odd = tmp_path / "odd"
    odd.mkdir()
    names = ["a$_$.jpg", os.fsdecode(b"\xff.jpg")]
    for name in names:
        shutil.copy(photos / "a.jpg", odd / name)
    predict.main(str(trained), [str(odd)], out=str(tmp_path / "cards"), json=True)
    printed = json.loads(capsys.readouterr().out)
    assert {Path(answer["file"]).name for answer in printed["photos"]} == set(names)
    assert all(Path(answer["card"]).exists() for answer in printed["photos"])


def test_photos_of_one_name_get_cards_of_their_own(trained, photos, tmp_path):
    other = shutil.copytree(photos, tmp_path / "other")
    files = [str(folder / "a.jpg") for folder in (photos, other, photos)]
    predict.main(str(trained), files, out=str(tmp_path / "cards"))
    assert [answer["card"] for answer in answers(tmp_path / "cards")["photos"]] == [
        str(tmp_path / "cards" / name) for name in ("a.png", "a-2.png")
    ]


def test_more_photos_than_fill_a_batch_keep_their_order(trained, faces, model, tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "BATCH", 2)
    files = sorted((faces / "img_align_celeba").iterdir())[:5]
    predict.main(str(trained), [str(file) for file in files], out=str(tmp_path / "cards"), top=1)
    found = answers(tmp_path / "cards")["photos"]
    assert [answer["file"] for answer in found] == [str(file) for file in files]
    for answer in found:
        best = max(expected_answers(model, answer["file"]).values())
        assert answer["attributes"][0]["probability"] == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"photos": ["nowhere.jpg"]}, r"nowhere\.jpg: no such file"),
        ({"photos": ["empty"]}, "empty: this folder holds no image"),
        ({"photos": ["photos"], "out": "photos"}, r"the cards would overwrite the photo .*c\.png"),
        ({"photos": ["photos"], "out": "photos/a.jpg"}, "there is a file of this name"),
        ({"photos": ["photos"], "top": 0}, "--top must be 1 or more, found 0"),
        ({"photos": ["photos"], "model": "photos"}, "this folder holds no model.keras"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(trained, photos, monkeypatch, settings, message):
    monkeypatch.chdir(photos.parent)
    (photos.parent / "empty").mkdir()
    before = sorted(photos.parent.rglob("*"))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        predict.main(**{"model": str(trained)} | settings)
    assert sorted(photos.parent.rglob("*")) == before


def test_a_model_that_answers_nan_is_said(photos, tmp_path):
    model = tiny_model()
    kernel, bias = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([kernel, bias * np.nan])
    model.save(tmp_path / "broken.keras")
    write_labels(tmp_path, NAMES)
    with pytest.raises(ValueError, match=r"broken\.keras returned a NaN or infinite logit for .*a\.jpg"):
        predict.main(str(tmp_path / "broken.keras"), [str(photos / "a.jpg")], out=str(tmp_path / "cards"))
