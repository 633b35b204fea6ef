"""Quantisation end to end on a few drawn faces: bits, zeros, clusters, int8, killed runs that go on, mistakes."""

import json
import re

import numpy as np
import pytest
import yaml
from ai_edge_litert.interpreter import Interpreter

from tests.killing import kill_after_an_epoch, kill_when_there_is
from tests.programs import check_mistake, program_command, run, run_here
from tfslim.data import CelebA, draw_faces
from tfslim.inference.model_files import load_keras_file
from tfslim.training import tfmot_trainer

COMMON = {
    "task": "identity",
    "model": {"name": "VGG11", "arguments": {"module": "separable", "shrink": True, "shallow": True, "dropout": 0.0}},
    "stages": [{"epochs": 2, "size": [32, 32]}],
    "split": "random",
    "optimization": {"batch_size": 8, "warmup_epochs": 0.5, "average": 0.0},
}
FEW_BITS = {"quantization": {"codec": "log_min_max", "bits": 4, "rest": "float16"}}
SPARSE = {
    "optimization": COMMON["optimization"] | {"average": 0.9},  # of the int8 step
    "sparsity": {"share": 0.7, "skip": ["logits"]},
    "clustering": {"clusters": 16},
    "int8": {"by": "tfmot", "representative": 40},
}


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantize")
    draw_faces(folder / "faces", count=90, identities=6, seed=0, size=(36, 32))
    (folder / "train.yaml").write_text(yaml.safe_dump(COMMON))
    (folder / "quantize.yaml").write_text(yaml.safe_dump(COMMON | FEW_BITS))
    (folder / "sparse.yaml").write_text(yaml.safe_dump(COMMON | SPARSE))
    done = run_here(program_command(folder, "train.py", "train", "trained"))
    assert done.returncode == 0, done.stderr
    return folder


def command(setting, out, *more, recipe="quantize"):
    return program_command(setting, "quantize.py", recipe, out, "--trained", setting / "trained", *more)


@pytest.fixture(scope="module")
def whole(setting):
    done = run(command(setting, "whole"))
    assert done.returncode == 0, done.stderr
    return setting / "whole"


def weights(path):
    import tfslim

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


def test_the_report_has_the_accuracy_of_the_file(setting):
    done = run_here(command(setting, "all", "--quantization.scope", "all", "--quantization.bits", "3"))
    assert done.returncode == 0, done.stderr
    model = load_keras_file(setting / "all" / "model.keras")
    celeba = CelebA(setting / "faces", split="random", min_images=1)
    images, _, people = celeba.arrays("validation", size=(32, 32))
    report = json.loads((setting / "all" / "report.json").read_text())
    expected = np.mean(np.argmax(model.predict(images, verbose=0), axis=1) == people)
    assert report["figures"]["validation accuracy of the file"] == pytest.approx(expected, abs=1e-5)


def test_in_float16_the_loss_is_scaled_around_the_few_bits(setting):
    once = ("--precision", "mixed_float16", "--stages", "[{epochs: 1, size: [32, 32]}]")
    done = run_here(command(setting, "half", *once))
    assert done.returncode == 0, done.stderr
    kernels = {path: values for path, values in weights(setting / "half" / "model.keras").items() if "kernel" in path}
    assert kernels and all(len(np.unique(values)) <= 16 for values in kernels.values())


def test_a_killed_run_resumed_ends_with_the_same_weights(setting, whole):
    kill_after_an_epoch(command(setting, "killed"), setting / "killed")
    done = run(command(setting, "killed", "--resume"))
    assert done.returncode == 0, done.stderr
    kept = weights(whole / "model.tfslim")
    for path, values in weights(setting / "killed" / "model.tfslim").items():
        np.testing.assert_array_equal(values, kept[path], err_msg=path)


@pytest.fixture(scope="module")
def compressed(setting):
    done = run(command(setting, "compressed", recipe="sparse"))
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"sparsify: \d+ kernels, \d+ left, as depthwise=False leaves depthwise kernels.*, 1 left, as is listed in skip",
        done.stdout,
    )
    return setting / "compressed"


def test_the_int8_file_keeps_zeros_and_clusters(compressed):
    rows = {row["model"]: row for row in json.loads((compressed / "compression.json").read_text())}
    assert [*rows] == ["original", "post-training int8", "sparse", "clustered", "trained int8"]
    for label in ("sparse", "clustered", "trained int8"):
        assert rows[label]["least zeros"] >= 0.69, label  # 67 of the 96 weights of the smallest kernel
    for label in ("clustered", "trained int8"):
        assert rows[label]["most values"] <= 17, label
    assert rows["post-training int8"]["most values"] > 100
    kernels = {kernel["name"]: kernel for kernel in rows["clustered"]["kernels"]}
    assert kernels["logits"]["zeros"] == 0 and kernels["logits"]["values"] <= 16
    assert kernels.keys() == {kernel["name"] for kernel in rows["trained int8"]["kernels"]}
    best = json.loads((compressed / "int8" / "best.json").read_text())["epoch"]
    assert (rows["clustered"]["epoch"], rows["trained int8"]["epoch"]) == (None, best)
    file = compressed / "model-int8.tflite"
    assert rows["trained int8"]["bytes"] == file.stat().st_size
    assert rows["trained int8"]["gzipped bytes"] < 0.6 * rows["post-training int8"]["gzipped bytes"]
    assert (compressed / "compression.png").stat().st_size > 10_000
    assert len((compressed / "compression.csv").read_text().splitlines()) == 6


@pytest.mark.slow
def test_a_killed_compression_resumed_ends_with_the_same_file(setting, compressed):
    killed = command(setting, "killed-sparse", recipe="sparse")
    kill_when_there_is(setting / "killed-sparse" / "clustered" / "state.npz", killed)
    check_mistake(killed, "holds a run already (clustered/state.npz): continue it")
    kill_when_there_is(setting / "killed-sparse" / "int8" / "state.npz", [*killed, "--resume"])
    done = run([*killed, "--resume"])
    assert done.returncode == 0, done.stderr
    assert "\nclustered: " not in done.stdout and "\nint8: " in done.stdout
    kept = (compressed / "model-int8.tflite").read_bytes()
    made = setting / "killed-sparse" / "model-int8.tflite"
    assert made.read_bytes() == kept
    made.unlink()  # as after a kill between the last epoch's state and the file
    done = run([*killed, "--resume"])
    assert done.returncode == 0 and "epoch 1" not in done.stdout and made.read_bytes() == kept


def test_files_of_others_are_not_taken_for_results(setting):
    folder = setting / "anothers"
    folder.mkdir()
    (folder / "model-int8.tflite").write_bytes(b"another's")
    check_mistake(command(setting, folder.name, recipe="sparse"), "holds a run already (model-int8.tflite)")
    assert [each.name for each in folder.iterdir()] == ["model-int8.tflite"]


@pytest.mark.slow
def test_int8_by_keras_alone_and_taught(setting, compressed):
    teacher = compressed / "sparse.keras"
    options = ["--int8.by", "native", "--int8.representative", "40", "--teacher", teacher]
    options += ["--optimization.average", "0.9"]
    done = run(program_command(setting, "quantize.py", "train", "native", "--trained", setting / "trained", *options))
    assert done.returncode == 0, done.stderr
    rows = json.loads((setting / "native" / "compression.json").read_text())
    assert [row["model"] for row in rows] == ["original", "post-training int8", "trained int8"]
    assert "soft_targets" in (setting / "native" / "int8" / "history.csv").read_text().splitlines()[0]
    assert "stays in float32" not in done.stdout and "trains in float32" not in done.stdout


@pytest.mark.slow
def test_training_that_gains_nothing_gives_the_file_of_int8_after_training(setting, monkeypatch):
    monkeypatch.setattr(tfmot_trainer, "fit_tfmot", lambda *given: 0)  # the best is the start
    options = ["--int8.by", "tfmot", "--int8.representative", "40", "--int8.io", "uint8"]
    options += ["--trained", setting / "trained"]
    done = run_here(program_command(setting, "quantize.py", "train", "gains-nothing", *options))
    assert done.returncode == 0, done.stderr
    assert "no epoch was better than none" in done.stdout
    folder = setting / "gains-nothing"
    file = (folder / "model-int8.tflite").read_bytes()
    assert file == (folder / "post-training-int8.tflite").read_bytes()
    assert Interpreter(model_content=file).get_input_details()[0]["dtype"] == np.uint8


def test_a_budget_is_kept_and_a_dry_run_writes_nothing(setting):
    options = ["--quantization.bits", "null", "--quantization.budget", "150 kB", "--dry-run"]
    options += ["--quantization.choices", "[2, 8]", "--quantization.images", "4"]
    done = run_here(command(setting, "budget", *options))
    assert done.returncode == 0, done.stderr
    found = re.search(r"([0-9,]+) as log_min_max, bits under a budget of 150,000 bytes", done.stdout)
    assert found and 100_000 < int(found[1].replace(",", "")) <= 150_000
    assert not (setting / "budget").exists()


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        ("quantize", ["--quantization.bits", "40"], "bits=40; expected a whole number from 1 to 16"),
        ("quantize", ["--quantization.bits", "null"], "codec 'log_min_max' needs bits"),
        (
            "quantize",
            ["--quantization.skip", "[logit]"],
            "skip: the model has no layer with weights 'logit'; did you mean 'logits'",
        ),
        (
            "quantize",
            ["--quantization.bits", "null", "--quantization.budget", "9 kB"],
            "9,000 bytes are too few for vgg11",
        ),
        ("quantize", ["--optimization.average", "0.9"], "averages of weights in few bits need more bits"),
        ("sparse", ["--int8", "null"], "only the int8 step averages weights"),
        (
            "quantize",
            ["--stages", "[{epochs: 1, size: [40, 40]}]"],
            "takes images of 32x32: give every stage that size",
        ),
        (
            "quantize",
            ["--int8.by", "tfmot"],
            "give either quantization (few bits), or some of sparsity, clustering and int8",
        ),
        (
            "quantize",
            ["--split", "official"],
            "was trained with the random split of seed 0, which is the official split here",
        ),
        ("quantize", ["--head.kind", "normalised"], "head.kind=normalised: "),
        ("quantize", ["--validate_every", "0"], "validate_every=0; expected 1 or more"),
        ("sparse", ["--int8.by", "native"], "int8.by=native keeps neither zeros nor clusters"),
        (
            "sparse",
            ["--sparsity.depthwise", "true"],
            "sparsity.depthwise needs clustering.depthwise, or depthwise kernels lose their zeros",
        ),
        ("sparse", ["--clustering.skip", "[embedding]"], "clustering.skip: embedding would lose its zeros"),
        ("sparse", ["--sparsity.skip", "[logit]"], "has no layer 'logit' with a kernel; did you mean logits"),
        (
            "sparse",
            ["--precision", "mixed_bfloat16"],
            "precision=mixed_bfloat16: int8, zeros and clusters are trained with",
        ),
        ("sparse", ["--sparsity.pattern", "2:4"], "sparsity.share=0.7: pattern 2:4 has 0.5: set share to that"),
        ("sparse", ["--optimization.batch_size", "1000", "--dry-run"], "batch_size=1000 is more than the"),
    ],
)
def test_mistakes_are_one_line(setting, recipe, options, message):
    check_mistake(command(setting, "wrong", *options, recipe=recipe), message)


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
    done = run_here([*words, "--dry-run"])
    assert done.returncode == 0 and f"to do  {out / 'few'}" in done.stdout and not out.exists()
    done = run_here(words)
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
