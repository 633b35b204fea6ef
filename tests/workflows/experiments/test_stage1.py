"""Stage 1 on a few drawn faces: teacher and student trained, the student taught, and the table of them."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.programs import check_mistake, program_command, run, run_here
from tfslim.data import CelebA, draw_faces
from tfslim.training.recipe import Distillation, Network, Recipe, Stage
from tfslim.workflows.experiments import stage1

SMALL = {"shrink": True, "shallow": True}
RECIPE = {
    "task": "identity",
    "model": {"name": "VGG11", "arguments": SMALL},
    "stages": [{"epochs": 1, "size": [32, 32]}],
    "split": "random",
    "optimization": {"batch_size": 8, "average": 0.9},
    "distillation": {"views": 1},
    "rows": [
        {"name": "VGG11", "paper_megabytes": 42, "paper_accuracy": 77.33},
        {"name": "Flame", "arguments": {"module": "flame"}, "learning_rate": 0.004, "paper_accuracy": 76.42},
    ],
}


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage1")
    draw_faces(folder / "faces", count=60, identities=4, seed=0, size=(36, 32))
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return folder


def command(setting, *more):
    return program_command(setting, "stage1.py", "recipe", "out", *more)


@pytest.mark.slow
def test_the_runs_and_their_table(setting):
    import keras

    assert "to do" in run_here(command(setting, "--dry-run")).stdout and not (setting / "out").exists()
    done = run(command(setting))
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads((setting / "out" / "stage1.json").read_text())
    teacher, student = content["rows"]
    celeba = CelebA(setting / "faces", split="random", min_images=1)
    images, _, identities = celeba.arrays("test", (32, 32))

    def accuracy(name):
        model = keras.models.load_model(setting / "out" / name / "model.keras")
        return 100 * (model.predict(images, verbose=0).argmax(axis=1) == identities).mean()

    assert teacher["alone"] == pytest.approx(accuracy("VGG11-0")) and teacher["taught"] is None
    assert student["alone"] == pytest.approx(accuracy("Flame-0"))
    assert student["taught"] == pytest.approx(accuracy("Flame-taught-0"))
    assert student["taught_change"] == pytest.approx(student["taught"] - teacher["alone"])
    assert student["paper_change"] == pytest.approx(76.42 - 77.33)
    assert student["million_macs"] < teacher["million_macs"] and student["file_bytes"] < teacher["file_bytes"]
    assert (setting / "out" / "stage1.png").stat().st_size > 5000 and (setting / "out" / "stage1.csv").exists()
    again = run_here(command(setting))
    assert "3 of 3 runs are done already" in again.stdout
    check_mistake(command(setting, "--optimization.batch_size", "4"), "was begun with another optimization")


def plan(rows, **changes):
    recipe = Recipe("celeba", Network("VGG11"), [Stage(1, (32, 32))], task="identity", seed=5)
    return stage1.plan_stage1(recipe, rows, Distillation(**changes), Path("out"))


def test_teachers_come_first_and_students_have_the_teacher_of_their_seed():
    runs = plan(
        [stage1.Stage1Row("T", seeds=2), stage1.Stage1Row("S", {"module": "flame"}, seeds=2), stage1.Stage1Row("Q")],
        views=3,
    )
    names = [run.folder.name for run in runs]
    assert names[:2] == ["T-5", "T-6"] and len(names) == len(set(names)) == 8
    by_name = {run.folder.name: run for run in runs}
    assert by_name["S-taught-6"].needs is by_name["T-6"] and by_name["S-6"].needs is None
    assert by_name["S-taught-6"].options["model"]["arguments"] == {"module": "flame"}
    assert by_name["S-taught-6"].shared == "out/teacher-outputs-6" != by_name["Q-taught-5"].shared
    assert all(run.shared is None for run in plan([stage1.Stage1Row("T"), stage1.Stage1Row("S")]))


def test_a_row_may_take_longer_and_the_rows_of_most_seeds_come_first():
    runs = plan(
        [stage1.Stage1Row("T", seeds=2), stage1.Stage1Row("Q"), stage1.Stage1Row("S", seeds=2, epochs=9)], views=3
    )
    assert [run.row for run in runs] == ["T", "T", "S", "S", "S", "S", "Q", "Q"]
    assert [run.options["stages"][0]["epochs"] for run in runs] == [1, 1, 9, 9, 9, 9, 1, 1]


def test_changes_are_taken_over_the_seeds_that_both_have():
    from tfslim.workflows.experiments import stage1 as stage1_table

    rows = [stage1.Stage1Row("T", seeds=3, paper_accuracy=77.0), stage1.Stage1Row("S", seeds=3, paper_accuracy=76.5)]
    runs = {(run.row, run.taught, run.seed): run for run in plan(rows)}
    done = {
        ("T", False, 5): 0.75,
        ("T", False, 6): 0.25,
        ("S", False, 5): 0.5,
        ("S", True, 6): 0.5,
        ("S", True, 7): 0.9,
    }
    judged = {runs[key]: SimpleNamespace(top_1=top_1) for key, top_1 in done.items()}
    lines = [{"row": row.name, "paper_accuracy": row.paper_accuracy} for row in rows]
    stage1_table._add_changes(lines, judged, rows[0])
    assert lines[0]["alone_change"] == 0 and lines[0]["taught_change"] is None
    assert lines[1]["alone_change"] == -25 and lines[1]["taught_change"] == 25 and lines[1]["paper_change"] == -0.5


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"name": "T"}], "a teacher and at least one student"),
        ([{"name": "T"}, {"name": "S", "seeds": 2}], "more seeds than its teacher"),
        ([{"name": "T"}, {"name": "T"}], "names must differ"),
        ([{"name": "T"}, {"name": "S-taught"}], "names must differ and have no -"),
    ],
)
def test_rows_that_do_not_fit_are_refused(setting, rows, message):
    check_mistake(command(setting, "--rows", json.dumps(rows)), message)


def test_more_views_than_epochs_are_refused(setting):
    check_mistake(
        command(setting, "--distillation.views", "9"), "distillation.views=9 is more than the epochs of Flame"
    )
