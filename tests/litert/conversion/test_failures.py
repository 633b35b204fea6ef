"""A failed conversion ends in a clear error, and with nothing under the file's name."""

import errno
import importlib
import os
import signal
import subprocess

import keras
import numpy as np
import pytest

import tfslim.litert
from tfslim.litert import ConversionError
from tfslim.litert.conversion.worker import ERROR_MARK

convert_module = importlib.import_module("tfslim.litert.conversion.converter")


@pytest.fixture
def path(tmp_path):
    """A file name under which nothing may lie, nor beside it, when the test is over."""
    yield tmp_path / "model.tflite"
    assert list(tmp_path.iterdir()) == []


def worker_ends_with(monkeypatch, returncode: int, stderr: str = "") -> None:
    def run(command, **_):
        return subprocess.CompletedProcess(command, returncode, "", stderr)

    monkeypatch.setattr(subprocess, "run", run)


def test_crash_of_the_converter_names_the_signal_and_the_model(path):
    inputs = keras.Input((8, 4))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.LSTM(3)(inputs)), name="listener")
    sequences = np.random.default_rng(0).random((24, 8, 4), "float32")
    with pytest.raises(ConversionError, match=r"crashed with SIGSEGV on model 'listener' to quantization='int8'"):
        tfslim.litert.convert(model, path, "int8", representative=sequences)


def test_operation_without_a_tflite_operator_is_named(path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.ops.erfinv(inputs), name="inverse")
    with pytest.raises(ConversionError, match=r"refuses model 'inverse'(.|\n)*Erfinv"):
        tfslim.litert.convert(model, path)


def test_an_output_that_is_there_twice_is_refused(path):
    inputs = keras.Input((4,))
    answers = keras.layers.Dense(2, name="answers")(inputs)
    model = keras.Model(inputs, {"first": answers, "second": answers}, name="twice")
    with pytest.raises(ValueError, match="twice: output 'answers_output_1' is the same tensor as 'answers'"):
        tfslim.litert.convert(model, path)


def test_killed_converter_is_said_to_lack_memory(path, branching, monkeypatch):
    worker_ends_with(monkeypatch, -signal.SIGKILL)
    with pytest.raises(ConversionError, match="SIGKILL.*branching.*memory"):
        tfslim.litert.convert(branching, path)


def test_worker_that_does_not_start_shows_its_last_words(path, branching, monkeypatch):
    worker_ends_with(monkeypatch, 2, "python: can't open file")
    with pytest.raises(ConversionError, match="exit status 2.*can't open file"):
        tfslim.litert.convert(branching, path)


def test_full_disk_in_the_worker(path, branching, monkeypatch):
    message = '{"type": "OSError", "message": "[Errno 28] No space left on device"}'
    worker_ends_with(monkeypatch, 1, ERROR_MARK + message)
    with pytest.raises(OSError, match=r"no space left to write .*model\.tflite \([\d,]+ bytes free") as caught:
        tfslim.litert.convert(branching, path)
    assert caught.value.errno == errno.ENOSPC


def test_full_disk_while_the_file_is_renamed(path, branching, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(convert_module, "run_converter", lambda *_: b"TFL3" * 100)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"no space left to write .*model\.tflite"):
        tfslim.litert.convert(branching, path)


def test_file_of_an_earlier_conversion_survives_a_failed_one(tmp_path, branching, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"earlier")
    worker_ends_with(monkeypatch, -signal.SIGSEGV)
    with pytest.raises(ConversionError):
        tfslim.litert.convert(branching, path)
    assert path.read_bytes() == b"earlier" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"quantization": "int4"},
            "quantization='int4'; expected one of 'none', 'float16', 'dynamic', 'int8', 'int16x8'",
        ),
        ({"target": "tpu"}, "target='tpu'; expected one of 'mobile', 'edgetpu'"),
        ({"io": "int4"}, "io='int4'; expected one of"),
        ({"io": "int16"}, "io='int16' needs quantization=\"int16x8\", got 'none'"),
        ({"io": "int8", "quantization": "int16x8"}, "io='int8' needs quantization=\"int8\", got 'int16x8'"),
        ({"quantization": "int16x8"}, "needs representative images"),
        ({"target": "edgetpu"}, "runs int8 only, got quantization='none'"),
        ({"quantization": "dynamic", "io": "int8"}, "io='int8' needs quantization=\"int8\", got 'dynamic'"),
        ({"quantization": "int8"}, "needs representative images"),
    ],
)
def test_arguments_are_checked_before_work(path, branching, monkeypatch, arguments, message):
    monkeypatch.setattr(convert_module, "run_converter", lambda *_: pytest.fail("work began"))
    with pytest.raises(ValueError, match=message):
        tfslim.litert.convert(branching, path, **arguments)


def test_another_backend_is_named(path, branching, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="this process runs 'jax'.*KERAS_BACKEND=tensorflow"):
        tfslim.litert.convert(branching, path)


def test_folder_that_does_not_exist_is_named(tmp_path, branching):
    with pytest.raises(FileNotFoundError, match="nowhere.*folder does not exist"):
        tfslim.litert.convert(branching, tmp_path / "nowhere" / "model.tflite")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        tfslim.litert.convert(branching, tmp_path)


def test_representative_values_of_two_inputs_go_by_name(path, pictures):
    inputs = [keras.Input((4,), name="left"), keras.Input((4,), name="right")]
    model = keras.Model(inputs, keras.layers.Add()(inputs), name="pair")
    values = np.random.default_rng(0).normal(size=(24, 4))
    for given, message in {
        "images": (pictures, r"'pair' has 2 inputs \(left, right\); pass representative values as a dictionary"),
        "rows": ([values], "each representative value must be a dictionary"),
        "names": ({"left": values, "wrong": values}, "representative values are named left, wrong"),
        "shape": ({"left": values, "right": values[:, :3]}, r"right: representative values have shape \(24, 3\)"),
        "number": ({"left": values, "right": values[:22]}, "got 22 and 24 representative values"),
        "few": ({"left": values[:5], "right": values[:5]}, "5 of them different"),
        "nan": ({"left": values, "right": values * np.nan}, "right: representative values hold NaN"),
    }.values():
        with pytest.raises(ValueError, match=message):
            tfslim.litert.convert(model, path, "int8", representative=given)
