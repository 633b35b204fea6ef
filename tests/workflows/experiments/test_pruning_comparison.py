"""Prunings by different scores side by side, by hand-worked means and deviations."""

import json
import sys

import pytest

from tests.programs import TRAINING, check_mistake, run_here

# score -> a seed's EER after the cut, of filters 100 -> 60
ERRORS = {"taylor": (0.10, 0.12, 0.14), "random": (0.20, 0.20, 0.20)}


def words(*more):
    return [sys.executable, str(TRAINING / "compare_pruning.py"), *map(str, more)]


@pytest.fixture
def runs(tmp_path):
    folders = []
    for score, errors in ERRORS.items():
        for seed, error in enumerate(errors):
            folder = tmp_path / f"{score}-{seed}"
            folder.mkdir()
            asked = {"ratio": 0.4, "params": None, "macs": None, "bytes": None, "importance": score}
            recipe = {"seed": seed, "trained": f"abc{seed}", "pruning": asked}
            (folder / "recipe.yaml").write_text(json.dumps(recipe))  # which is YAML too
            rows = [{"model": "original", "filters": 100, "EER": 0.1}, {"model": "cut-01", "filters": 60, "EER": error}]
            (folder / "pruning.json").write_text(json.dumps(rows))
            folders.append(folder)
    return folders


def test_scores_are_columns_and_seeds_a_spread(runs, tmp_path):
    done = run_here(words(*runs, "--out", tmp_path / "compared"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:4] == [
        "| EER, % | filters | taylor (3 runs) | random (3 runs) |",
        "| --- | --: | --: | --: |",
        "| original | 100 | 10.00 ± 0.00 | 10.00 ± 0.00 |",
        "| cut-01 | 60 | 12.00 ± 2.00 | 20.00 ± 0.00 |",
    ]
    written = json.loads((tmp_path / "compared" / "compared.json").read_text())
    assert written["taylor"][1]["EER"]["runs"] == [0.10, 0.12, 0.14]
    assert (tmp_path / "compared" / "EER.png").stat().st_size > 1000


def test_only_what_differs_in_score_and_seed_is_compared(runs, tmp_path):
    out = ("--out", tmp_path / "compared")
    check_mistake(words(tmp_path, *out), "pruning.json: not there; let `tfslim prune` finish first")
    recipe = json.loads((runs[5] / "recipe.yaml").read_text())
    (runs[5] / "recipe.yaml").write_text(json.dumps(recipe | {"trained": "another"}))
    check_mistake(words(runs[2], runs[5], *out), "random-2: began with another trained network than")
    recipe = json.loads((runs[3] / "recipe.yaml").read_text())
    (runs[3] / "recipe.yaml").write_text(json.dumps(recipe | {"pruning": recipe["pruning"] | {"step": 0.5}}))
    check_mistake(words(runs[0], runs[3], *out), "random-0: differs from")
    rows = json.loads((runs[4] / "pruning.json").read_text())
    (runs[4] / "pruning.json").write_text(json.dumps([rows[0], rows[1] | {"filters": 70}]))
    check_mistake(words(runs[0], runs[4], *out), "random: its cuts left 100, 70 filters, and those by taylor 100, 60")
    assert not (tmp_path / "compared").exists()
