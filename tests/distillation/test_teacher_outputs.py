"""Kept outputs are the teacher's own, survive a kill, and are refused where they don't belong."""

import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.distillation.networks import student, teacher
from tfslim._support.files import locked
from tfslim.distillation import (
    FeatureDistance,
    SoftTargets,
    read_teacher_outputs,
    teacher_layers,
    write_teacher_outputs,
)

STEPS, BATCH, VIEWS = 3, 4, 2
STREAM = {"data": "noise", "seed": 1, "size": (12, 10)}
LAYERS = teacher_layers([SoftTargets(), FeatureDistance("embedding", "embedding")])


def images(epoch):
    return np.random.default_rng(epoch).integers(0, 256, (STEPS, BATCH, 12, 10, 3)).astype("uint8")


def write(folder, master=None, batches=images, stream=STREAM, **arguments):
    arguments = {"steps": STEPS, "batch_size": BATCH, "views": VIEWS, **arguments}
    return write_teacher_outputs(folder, master or teacher(), LAYERS, batches, stream=stream, **arguments)


def expected(epoch):
    master = teacher()
    view = keras.Model(master.input, {"output": master.output, "embedding": master.get_layer("embedding").output})
    return view.predict(images(epoch).reshape(-1, 12, 10, 3), verbose=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "outputs"
    return folder, write(folder)


@pytest.fixture
def own(whole, tmp_path):
    for file in whole[0].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_what_is_kept_is_what_the_teacher_gives(whole):
    folder, written = whole
    outputs = read_teacher_outputs(folder, teacher=teacher(), stream=STREAM)
    assert outputs.shapes == {"output": (4,), "embedding": (12,)} == written.shapes
    assert (outputs.steps, outputs.batch_size, outputs.views, outputs.dtype) == (3, 4, 2, "float16")
    for epoch in range(5):  # which go round after two
        for name, values in expected(epoch % 2).items():
            kept = outputs.epoch(epoch)[name]
            assert kept.dtype == "float16"
            np.testing.assert_allclose(kept, values, rtol=2e-3)
    batches = list(outputs.batches(range(1, 3)))
    assert len(batches) == 2 * STEPS
    for number, batch in enumerate(batches):
        rows = slice(number % STEPS * BATCH, (number % STEPS + 1) * BATCH)
        np.testing.assert_allclose(batch["output"], expected(1 - number // STEPS)["output"][rows], rtol=2e-3)
    with pytest.raises(IndexError, match="step 3 of an epoch of 3 steps"):
        outputs.batch(0, 3)


def test_files_are_mapped_not_read(whole):
    outputs = read_teacher_outputs(whole[0])
    assert isinstance(outputs.epoch(0)["output"], np.memmap) and not outputs.epoch(0)["output"].flags.writeable


def test_float32_and_images_of_another_size_and_tuples(tmp_path):
    def batches(epoch):
        return [(np.repeat(np.repeat(batch, 2, axis=1), 2, axis=2), "labels") for batch in images(epoch)]

    from tfslim.distillation.resizing import resize

    outputs = write(tmp_path, batches=batches, dtype="float32", views=1)
    given = resize(np.concatenate([batch for batch, _ in batches(0)]), (12, 10))
    np.testing.assert_allclose(outputs.epoch(0)["output"], teacher().predict(given, verbose=0), rtol=1e-5)


def test_whole_outputs_are_not_made_again(own):
    def never(epoch):
        raise AssertionError("the stream is opened")

    seen = []
    outputs = write(own, batches=never, progress=lambda done, total: seen.append((done, total)))
    assert outputs.views == VIEWS and seen == [(3, 6), (6, 6)]


def test_whole_outputs_are_opened_by_several_at_once_and_made_by_one(own):
    with locked(own):
        assert write(own).views == VIEWS
    manifest = json.loads((own / "manifest.json").read_text())
    del manifest["files"]["epoch001_output.npy"]
    (own / "manifest.json").write_text(json.dumps(manifest))
    with locked(own), pytest.raises(BlockingIOError, match="another process is writing into it"):
        write(own)


def test_an_interrupted_run_goes_on_where_it_was(tmp_path, whole):
    done = []

    def broken(epoch):
        for batch in images(epoch):
            if len(done) == 4:
                raise KeyboardInterrupt
            done.append(epoch)
            yield batch

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, batches=broken)
    assert done == [0, 0, 0, 1]
    with pytest.raises(ValueError, match="2 of 4 files are missing; run write_teacher_outputs again to resume"):
        read_teacher_outputs(tmp_path)
    opened = []
    write(tmp_path, batches=lambda epoch: opened.append(epoch) or images(epoch))
    assert opened == [1]
    for file in whole[0].iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name
    assert sorted(os.listdir(tmp_path)) == sorted(os.listdir(whole[0]))


def test_a_killed_run_leaves_whole_files_only(tmp_path, whole):
    code = f"""
import os, signal
from tests.distillation.test_teacher_outputs import write
def progress(done, total):
    if done == 5:
        os.kill(os.getpid(), signal.SIGKILL)
write({str(tmp_path)!r}, progress=progress)
"""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert any(name.startswith(".epoch001") for name in os.listdir(tmp_path))
    assert set(json.loads((tmp_path / "manifest.json").read_text())["files"]) == {
        "epoch000_output.npy",
        "epoch000_embedding.npy",
    }
    write(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(os.listdir(whole[0]))
    for name in ("epoch000_output.npy", "epoch001_embedding.npy"):
        np.testing.assert_allclose(np.load(tmp_path / name), np.load(whole[0] / name), rtol=2e-3)


def test_other_teachers_and_streams_are_refused(own):
    other = teacher()
    other.get_layer("logits").bias.assign_add([0, 0, 0, 1e-3])
    with pytest.raises(ValueError, match="holds the outputs of another teacher.*use another folder"):
        write(own, other)
    with pytest.raises(ValueError, match="another teacher"):
        read_teacher_outputs(own, teacher=student())
    with pytest.raises(ValueError, match=r"other settings \(stream.seed: found 1, expected 2\); use another folder"):
        write(own, stream={**STREAM, "seed": 2})
    with pytest.raises(ValueError, match=r"\(stream.seed: found 1, expected nothing; stream.part: found nothing, exp"):
        read_teacher_outputs(own, stream={"data": "noise", "size": (12, 10), "part": "train"})
    with pytest.raises(ValueError, match="views: found 2, expected 5"):
        write(own, views=5)
    with pytest.raises(ValueError, match="steps: found 3, expected 2; batch_size: found 4, expected 6"):
        write(own, steps=2, batch_size=6)


def test_damaged_files_are_named(own):
    file = own / "epoch001_embedding.npy"
    content = file.read_bytes()
    outputs = read_teacher_outputs(own)
    assert outputs.epoch(0)
    for damaged, why in (
        (content[:-10], "damaged"),
        (content[:5], "damaged"),
        (b"", "damaged"),
        (content[:-10] + bytes(10), "its checksum does not match"),
        ((own / "epoch001_output.npy").read_bytes(), r"holds float16 \(12, 4\), expected float16 \(12, 12\)"),
    ):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"epoch001_embedding.npy.*{why}.*delete .* and run the teacher again"):
            outputs.epoch(1)
    file.unlink()
    with pytest.raises(FileNotFoundError, match="epoch001_embedding.npy: missing"):
        outputs.epoch(1)


WRONG_VALUES = [("steps", None), ("views", -1), ("views", True), ("outputs", []), ("outputs", {}), ("files", None)]


def test_a_damaged_manifest(own):
    manifest = own / "manifest.json"
    content = manifest.read_text()
    for damaged, why in (
        (content[:-20], "damaged"),
        ("[]", "not a manifest of teacher outputs"),
        (content.replace('"version": 2', '"version": 1'), "version 1, expected 2"),
        *((json.dumps(json.loads(content) | {key: value}), f"damaged .{key} is ") for key, value in WRONG_VALUES),
    ):
        manifest.write_text(damaged)
        with pytest.raises(ValueError, match=f"manifest.json: {why}.*run the teacher again"):
            read_teacher_outputs(own)
        with pytest.raises(ValueError, match=why):
            write(own)
    with pytest.raises(FileNotFoundError, match="no manifest.json and so no teacher outputs"):
        read_teacher_outputs(own / "nowhere")


def test_epochs_that_are_not_as_said(tmp_path):
    with pytest.raises(ValueError, match="epoch 0 of the stream has only 2 batches; expected exactly 3 batches of 4"):
        write(tmp_path, batches=lambda epoch: images(epoch)[:2])
    with pytest.raises(ValueError, match="has more than 3 batches"):
        write(tmp_path, batches=lambda epoch: [*images(epoch), images(epoch)[0]])
    with pytest.raises(ValueError, match="has a batch of 2"):
        write(tmp_path, batches=lambda epoch: images(epoch)[:, :2])
    assert [name for name in os.listdir(tmp_path) if name.endswith(".npy")] == []


def test_values_beyond_float16(tmp_path):
    loud = teacher()
    loud.get_layer("logits").bias.assign([0, 0, 0, 1e6])
    with pytest.raises(ValueError, match="teacher's output holds 1000.* overflows float16; use dtype='float32'"):
        write(tmp_path / "half", loud)
    assert write(tmp_path / "single", loud, dtype="float32").epoch(0)["output"].max() > 9e5


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_no_matter_of_the_dtype(tmp_path, dtype, value):
    broken = teacher()
    broken.get_layer("logits").bias.assign([0, 0, 0, value])
    with pytest.raises(ValueError, match="the teacher's output is NaN or infinite in 4 of the 16 values") as raised:
        write(tmp_path, broken, dtype=dtype)
    assert "float32" not in str(raised.value)


def test_a_teacher_of_probabilities_is_refused_for_a_loss_that_needs_logits(tmp_path):
    master = teacher()
    probable = keras.Model(master.input, keras.layers.Softmax()(master.output), name="probable")
    with pytest.raises(ValueError, match="teacher probable: its output is a probability .* SoftTargets needs logits"):
        write(tmp_path / "refused", probable, losses=[FeatureDistance("embedding", "embedding"), SoftTargets()])
    assert not (tmp_path / "refused").exists()
    layers, losses = ["embedding"], [FeatureDistance("embedding", "embedding")]
    options = {"stream": STREAM, "steps": STEPS, "batch_size": BATCH, "losses": losses}
    assert write_teacher_outputs(tmp_path / "features", probable, layers, images, **options).shapes == {
        "embedding": (12,)
    }


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match="views is 0"):
        write(tmp_path, views=0)
    with pytest.raises(ValueError, match="dtype='int8'"):
        write(tmp_path, dtype="int8")
