"""Quantisation end to end on a few drawn faces: bits, budgets, a packed file, a killed run that goes on, mistakes."""

import json
import re

import numpy as np
import pytest
import yaml

from tests.training.killing import kill_after_an_epoch
from tests.training.programs import program_command, run
from tfslim.data import draw_faces

COMMON = {
    "task": "identity",
    "model": {"name": "VGG11", "arguments": {"module": "flame", "dropout": 0.0}},
    "stages": [{"epochs": 2, "size": [32, 32]}],
    "split": "random",
    "optimization": {"batch_size": 8, "warmup_epochs": 0.5, "average": 0.0},
}
FEW_BITS = {"quantization": {"codec": "log_min_max", "bits": 4, "rest": "float16"}}


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantize")
    draw_faces(folder / "faces", count=90, identities=6, seed=0, size=(36, 32))
    (folder / "train.yaml").write_text(yaml.safe_dump(COMMON))
    (folder / "quantize.yaml").write_text(yaml.safe_dump(COMMON | FEW_BITS))
    done = run(program_command(folder, "train.py", "train", "trained"))
    assert done.returncode == 0, done.stderr
    return folder


def command(setting, out, *more):
    return program_command(setting, "quantize.py", "quantize", out, "--trained", setting / "trained", *more)


@pytest.fixture(scope="module")
def whole(setting):
    done = run(command(setting, "whole"))
    assert done.returncode == 0, done.stderr
    return setting / "whole"


def weights(path):
    import tfslim
    from tfslim.model_files import load_keras_file

    model = tfslim.load_packed(path) if path.suffix == ".tfslim" else load_keras_file(path)
    return {variable.path: np.asarray(variable) for variable in model.weights}


def test_the_packed_file_holds_the_trained_model_in_few_bits(whole):
    kept, packed = weights(whole / "model.keras"), weights(whole / "model.tfslim")
    assert kept.keys() == packed.keys()
    for path, values in kept.items():
        np.testing.assert_array_equal(values, packed[path], err_msg=path)
        if path.endswith("kernel"):
            assert len(np.unique(values)) <= 16, path
    rows = json.loads((whole / "quantization.json").read_text())
    assert [row["model"] for row in rows] == ["original", "post-training", "trained in few bits"]
    assert rows[0]["weight bytes"] == 4 * sum(values.size for values in kept.values())
    assert rows[1]["weight bytes"] == rows[2]["weight bytes"] < 0.2 * rows[0]["weight bytes"]
    assert rows[2]["packed file bytes"] == (whole / "model.tfslim").stat().st_size < rows[2]["weight bytes"] + 8000
    assert len((whole / "quantization.csv").read_text().splitlines()) == 4
    post = weights(whole / "post-training.keras")
    assert any(not np.array_equal(post[path], kept[path]) for path in post if path.endswith("kernel"))


def test_a_killed_run_resumed_ends_with_the_same_weights(setting, whole):
    kill_after_an_epoch(command(setting, "killed"), setting / "killed")
    done = run(command(setting, "killed", "--resume"))
    assert done.returncode == 0, done.stderr
    kept = weights(whole / "model.tfslim")
    for path, values in weights(setting / "killed" / "model.tfslim").items():
        np.testing.assert_array_equal(values, kept[path], err_msg=path)


def test_a_budget_is_kept_and_a_dry_run_writes_nothing(setting):
    options = ["--quantization.bits", "null", "--quantization.budget", "150 kB", "--dry-run"]
    done = run(command(setting, "budget", *options))
    assert done.returncode == 0, done.stderr
    found = re.search(r"([0-9,]+) as log_min_max, in 150 kB bits", done.stdout)
    assert found and 100_000 < int(found[1].replace(",", "")) <= 150_000
    assert not (setting / "budget").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--quantization.bits", "40"], "bits=40; expected 1 to 16"),
        (["--quantization.bits", "null"], "codec 'log_min_max' needs bits"),
        (["--quantization.skip", "[logit]"], "skip: there is no layer with weights 'logit'; did you mean 'logits'"),
        (["--quantization.bits", "null", "--quantization.budget", "9 kB"], "9,000 bytes are too few for vgg11"),
        (["--optimization.average", "0.9"], "averages of weights have no few bits"),
        (["--stages", "[{epochs: 1, size: [40, 40]}]"], "takes images of 32x32, and so must the stages"),
    ],
)
def test_mistakes_are_one_line(setting, options, message):
    done = run(command(setting, "wrong", *options))
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_stage_2_tells_what_is_left_out_and_makes_its_tables(setting, whole):
    asked = COMMON | {
        "teacher": "trained",
        "rows": [
            {"name": "few", "trained": "trained", "bits": 4, "paper_megabytes": 1.5, "paper_accuracy": 70.0},
            {"name": "other", "trained": "not there", "bits": 4},
        ],
        "curve": ["trained", "not there"],
        "curve_bits": [2, 8],
    }
    (setting / "stage2.yaml").write_text(yaml.safe_dump(asked))
    out = setting / "stage2"
    words = program_command(setting, "stage2.py", "stage2", "stage2", "--trained", setting)
    done = run([*words, "--dry-run"])
    assert done.returncode == 0 and f"to do  {out / 'few'}" in done.stdout and not out.exists()
    done = run(words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"left out: other, as {setting / 'not there'} is not trained yet" in done.stdout
    written = json.loads((out / "stage2.json").read_text())
    (row,) = written["rows"]
    kernels = sum(
        values.size
        for path, values in weights(setting / "trained" / "model.keras").items()
        if path.endswith(("kernel", "gamma"))
    )
    assert row["paper_rule_megabytes"] == pytest.approx(kernels * 4 / 8 / 1e6)
    assert row["packed_file_bytes"] == (out / "few" / "model.tfslim").stat().st_size
    for name in ("float", "authors_rule", "post_training", "trained"):
        assert 0 <= row[name] <= 100
    assert all(len(values) == 2 for values in written["curves"]["trained"].values())
    assert written["curves"]["trained"]["float"] == [row["float"]] * 2
    assert (out / "bits-trained.png").stat().st_size > 10_000
