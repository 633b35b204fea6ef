"""Checks of run folders that are begun or resumed, and of runs that differ."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from tests.programs import check_mistake, program_command
from tfslim._support.files import replacing
from tfslim.data import CelebA
from tfslim.training import run_folder
from tfslim.training.recipe import (
    Clustering,
    Distillation,
    Int8,
    Network,
    Pruning,
    Quantization,
    Recipe,
    Sparsity,
    Stage,
    as_plain,
)

RECIPE = Recipe(data="celeba", model=Network("SlimNet"), stages=[Stage(2, (64, 64))])
MORE = {"prune.py": {"pruning": {"ratio": 0.5}}, "quantize.py": {"quantization": {"bits": 4}}}


@pytest.fixture
def begun(tmp_path):
    run_folder.begin(tmp_path, RECIPE.written())
    return tmp_path


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"data": "elsewhere"}, []),
        ({"teacher": "runs/teacher", "teacher_weights": "abc"}, ["teacher_weights"]),
        ({"seed": 1, "crop": [8, 8]}, ["crop", "seed"]),
        ({"stages": [{"epochs": 3, "size": [64, 64]}]}, ["stages"]),
        ({"images": 7}, []),  # a run of before these were noted
    ],
)
def test_differences(begun, change, expected):
    assert run_folder.differences(begun, RECIPE.written() | change) == expected


def test_what_only_the_run_has_counts_and_defaults_may_be_left_out(begun):
    without = {key: value for key, value in RECIPE.written().items() if key not in ("hold_out", "augmentation")}
    assert run_folder.differences(begun, without) == []
    run_folder.begin(begun, RECIPE.written() | {"distillation": {"answers": 1.0}})
    assert run_folder.differences(begun, RECIPE.written()) == ["distillation"]


def test_what_a_run_does_not_say_of_an_option_is_its_default_all_the_way_down(begun):
    """As if options had come since the run was begun."""
    steps = {
        "pruning": Pruning(ratio=0.5),
        "quantization": Quantization(bits=4),
        "distillation": Distillation(),
        "sparsity": Sparsity(),
        "clustering": Clustering(),
        "int8": Int8(),
    }
    now = RECIPE.written() | {name: as_plain(dataclasses.asdict(step)) for name, step in steps.items()}
    before = yaml.safe_load(yaml.safe_dump(now))
    for nested, option in (
        ("model", "arguments"),
        ("optimization", "weight_decay"),
        ("augmentation", "flip"),
        ("head", "scale"),
        ("pruning", "keep"),
        ("quantization", "choices"),
        ("distillation", "views"),
        ("sparsity", "share"),
        ("clustering", "start"),
        ("int8", "io"),
    ):
        del before[nested][option]
    run_folder.begin(begun, before)
    assert run_folder.differences(begun, now) == []
    before["int8"]["io"], before["head"]["scale"] = "uint8", 4.0
    run_folder.begin(begun, before)
    assert run_folder.differences(begun, now) == ["head", "int8"]
    assert run_folder.differences(begun, RECIPE.written()) == sorted([*steps, "head"])


@pytest.mark.parametrize("content", ["split: [", "a recipe", "", b"\xff\xfe"])
def test_a_damaged_recipe_is_named(begun, content):
    (begun / "recipe.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ValueError, match="recipe.yaml: damaged"):
        run_folder.check_same(begun, RECIPE.written())


@pytest.mark.parametrize(
    "name",
    [
        "state.npz",
        "int8/state.npz",
        "cut-05/state.npz",
        "cut-05/optimizer.npz",
        "model.keras",
        "report.json",
        "model.tfslim",
        "sparse.keras",
    ],
)
def test_a_run_is_not_overwritten(tmp_path, name):
    run_folder.check_folder(tmp_path, resume=False)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f"holds a run already \\({name}\\): continue it with --resume"):
        run_folder.check_folder(tmp_path, resume=False)


@pytest.mark.parametrize(
    "program", ["train.py", "distill.py --teacher x", "prune.py --trained x", "quantize.py --trained x"]
)
def test_that_is_said_before_anything_is_opened(tmp_path, program):
    program, *options = program.split()
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE.written() | MORE.get(program, {})))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "state.npz").touch()
    check_mistake(program_command(tmp_path, program, "recipe", "out", *options), "holds a run already")


def test_a_run_is_resumed_where_there_is_one_to_go_on_with(begun):
    with pytest.raises(FileNotFoundError, match="no run to resume"):
        run_folder.check_folder(begun / "nowhere", resume=True)
    run_folder.check_folder(begun, resume=True)  # killed in its first epoch
    (begun / "report.json").touch()
    with pytest.raises(FileNotFoundError, match="its run is done, and without state.npz there is nothing to resume"):
        run_folder.check_folder(begun, resume=True)
    (begun / "state.npz").touch()
    run_folder.check_folder(begun, resume=True)


def unfinished(folder, *names):
    """Yield the names of files while they are written."""
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        with replacing(folder / name) as beside:
            yield str(Path(beside).relative_to(folder))
        (folder / name).unlink()


def test_one_process_at_a_time_works_in_a_folder_and_what_a_killed_one_left_is_removed(tmp_path):
    own = {*unfinished(tmp_path, "history.csv", "bits.json", "model.tfslim", "table.png", "int8/state.npz")}
    own |= {*unfinished(tmp_path, "cut-01/model.keras", "clustered/state.npz")}
    own |= {*unfinished(tmp_path, *own)}  # as of files that are written in two steps
    others = {".lock", ".notes.json", ".model-old.keras", "model-a1b2c3d4.keras", "int8.tflite", "other/recipe.yaml"}
    others |= {*unfinished(tmp_path, "evaluation-test/tiny.json", "teacher-outputs/list.json", "other/state.npz")}
    for name in own | others:
        (tmp_path / name).touch()
    with run_folder.working(tmp_path, RECIPE.written(), resume=False):
        there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
        assert there == {"recipe.yaml", *others}
        with (
            pytest.raises(BlockingIOError, match="another process"),
            run_folder.working(tmp_path, RECIPE.written(), resume=False),
        ):
            pass
    shared = RECIPE.written() | {"strategy": "multi_worker_mirrored"}
    with run_folder.working(tmp_path, shared, resume=False), run_folder.working(tmp_path, shared, resume=False):
        pass


def test_what_others_did_before_the_folder_is_locked_is_seen(begun):
    with run_folder.working(begun, RECIPE.written(), resume=False):
        (begun / "state.npz").touch()
    with pytest.raises(ValueError, match="holds a run already"), run_folder.working(begun, RECIPE.written(), False):
        pass
    other = RECIPE.written() | {"seed": 3}
    differs = pytest.raises(ValueError, match="differs from what is asked for in seed")
    with differs, run_folder.working(begun, other, resume=True):
        pass
    with run_folder.working(begun, RECIPE.written(), resume=True):
        pass


def test_a_run_is_not_resumed_as_another(begun):
    run_folder.check_same(begun, RECIPE.written())
    with pytest.raises(ValueError, match="differs from what is asked for in seed: a run is resumed as it began"):
        run_folder.check_same(begun, RECIPE.written() | {"seed": 3})


def test_images_to_skip_are_known_before_anything_is_trained(own_faces):
    recipe = dataclasses.replace(RECIPE, data=str(own_faces), on_error="skip")
    name = str(CelebA(own_faces).part("train").files[3])
    path = own_faces / "img_align_celeba" / name
    path.write_bytes(path.read_bytes()[:-200])
    celeba = run_folder.open_data(recipe, check_images=False)
    assert list(celeba.skipped) == [name] and name not in celeba.part("train").files
