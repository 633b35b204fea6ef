"""Tables of several seeds put together, by hand-worked means and deviations."""

import json
import sys

import pytest

from tests.programs import TRAINING, run_here
from tfslim.workflows.experiments import seeds

ROWS = [
    [
        {"model": "original", "bytes": 1000, "accuracy": 0.5, "EER": None},
        {"model": "pruned", "bytes": 500, "accuracy": 0.4, "EER": 0.1},
    ],
    [
        {"model": "original", "bytes": 1001, "accuracy": 0.5, "EER": 0.2},
        {"model": "pruned", "bytes": 503, "accuracy": 0.5, "EER": 0.2},
    ],
    [
        {"model": "original", "bytes": 1002, "accuracy": 0.5, "EER": 0.3},
        {"model": "pruned", "bytes": 506, "accuracy": 0.6, "EER": 0.3},
    ],
]


def run(*words):
    return run_here([sys.executable, str(TRAINING / "spread.py"), *map(str, words)])


@pytest.fixture
def runs(tmp_path):
    folders = [tmp_path / f"run-{seed}" for seed in range(3)]
    for seed, (folder, rows) in enumerate(zip(folders, ROWS, strict=True)):
        folder.mkdir()
        recipe = {"seed": seed, "trained": f"abc{seed}", "data": str(folder), "pruning": {"ratio": 0.5}}
        (folder / "recipe.yaml").write_text(json.dumps(recipe))  # which is YAML too
        (folder / "pruning.json").write_text(json.dumps(rows))
    return folders


def test_means_and_deviations(runs, tmp_path):
    done = run(*runs, "--out", tmp_path / "table.md")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "| model | bytes | accuracy, % | EER, % |",
        "| --- | --: | --: | --: |",
        "| original | 1,001 | 50.00 ± 0.00 | - |",
        "| pruned | 503 | 50.00 ± 10.00 | 20.00 ± 10.00 |",
        "",
        "3 runs",
    ]
    assert (tmp_path / "table.md").read_text() == done.stdout
    written = json.loads((tmp_path / "table.json").read_text())
    assert written["rows"][1]["EER"]["runs"] == [0.1, 0.2, 0.3] and written["rows"][0]["EER"] is None


def test_figures_of_some_rows_only(tmp_path):
    rows = [{"model": "original", "share": 1.0}, {"model": "few bits", "share": 0.25, "packed file bytes": 1234}]
    (tmp_path / "quantization.json").write_text(json.dumps(rows))
    done = run(tmp_path)
    assert done.stdout.splitlines()[2:4] == ["| original | 100.00 | - |", "| few bits | 25.00 | 1,234 |"]


def test_the_epochs_that_were_chosen_are_listed():
    merged = seeds.merge([{"model": "trained int8", "epoch": epoch} for epoch in (2, 0, 4)])
    assert seeds.format_figure("epoch", merged["epoch"]) == "2, 0, 4"


def test_one_run_has_no_spread(runs):
    assert "| pruned | 500 | 40.00 | 10.00 |" in run(runs[0]).stdout


def test_mistakes_are_one_line(runs, tmp_path):
    done = run(tmp_path)
    assert done.returncode == 2 and "holds none of compression.json, quantization.json, pruning.json" in done.stderr
    (runs[1] / "pruning.json").write_text(json.dumps(ROWS[1][:1]))
    done = run(*runs)
    assert done.returncode == 2 and "run-1: has the rows original, and" in done.stderr


def test_only_seeds_of_one_recipe_are_averaged_and_none_twice(runs, tmp_path):
    recipe = json.loads((runs[2] / "recipe.yaml").read_text())
    (runs[2] / "recipe.yaml").write_text(json.dumps(recipe | {"seed": 0}))
    done = run(runs[0], runs[2])
    assert done.returncode == 2
    assert f"duplicate seed 0 in runs {runs[0]} and {runs[2]}; give one run per seed" in done.stderr
    done = run(runs[0], tmp_path / "run-1" / ".." / "run-0")
    assert done.returncode == 2 and "a run is given twice" in done.stderr
    done = run(*runs, "--out", tmp_path / "table.json")
    assert done.returncode == 2 and "let it end in .md" in done.stderr and not (tmp_path / "table.json").exists()
    (runs[2] / "recipe.yaml").write_text(json.dumps({"seed": 2, "pruning": {"ratio": 0.4}, "crop": [8, 8]}))
    done = run(*runs)
    assert done.returncode == 2 and "run-2: differs from" in done.stderr and "in crop, pruning, not" in done.stderr
