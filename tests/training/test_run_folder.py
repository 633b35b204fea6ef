"""What tells a run that is resumed from another one."""

import pytest
import run_folder
from recipe import Network, Recipe, Stage

RECIPE = Recipe(data="celeba", model=Network("SlimNet"), stages=[Stage(2, (64, 64))])


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
    ],
)
def test_differences(begun, change, expected):
    assert run_folder.differences(begun, RECIPE.written() | change) == expected


def test_what_only_the_run_has_counts_and_defaults_may_be_left_out(begun):
    without = {key: value for key, value in RECIPE.written().items() if key not in ("hold_out", "augmentation")}
    assert run_folder.differences(begun, without) == []
    run_folder.begin(begun, RECIPE.written() | {"distillation": {"answers": 1.0}})
    assert run_folder.differences(begun, RECIPE.written()) == ["distillation"]


def test_a_run_is_neither_overwritten_nor_resumed_as_another(begun):
    run_folder.check_folder(begun, RECIPE.written(), resume=True)
    with pytest.raises(ValueError, match="differs from what is asked for in seed: a run is resumed as it began"):
        run_folder.check_folder(begun, RECIPE.written() | {"seed": 3}, resume=True)
    (begun / "state.npz").touch()
    with pytest.raises(ValueError, match="holds a run already \\(state.npz\\): go on with --resume"):
        run_folder.check_folder(begun, RECIPE.written(), resume=False)
    with pytest.raises(FileNotFoundError, match="no run to resume"):
        run_folder.check_folder(begun / "nowhere", RECIPE.written(), resume=True)
