"""TensorFlow's start-up lines are dropped, all other lines on stderr stay."""

import os
import subprocess
import sys

import pytest

from tfslim._support.native_log import silence_tensorflow


def run(code: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_other_lines_stay_in_their_order():
    code = """
import os, sys
from tfslim._support.native_log import without_start_up_lines
print("before", file=sys.stderr)
with without_start_up_lines():
    os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\\n")
    os.write(2, b"I0000 00:00:1795969585.346409   32280 port.cc:153] oneDNN custom operations are on.\\n")
    print("within", file=sys.stderr)
    os.write(2, b"F0000 00:00:1795969585.346409   32280 x.cc:1] a crash\\n")
print("after", file=sys.stderr)
"""
    assert run(code).splitlines() == [
        "before",
        "within",
        "F0000 00:00:1795969585.346409   32280 x.cc:1] a crash",
        "after",
    ]


def test_tensorflow_is_loaded_without_a_word():
    code = """
from tfslim._support.native_log import silence_tensorflow
silence_tensorflow()
import keras
import tensorflow as tf
assert float(tf.zeros(())) == 0 and tf.__spec__.loader.name == "tensorflow"
"""
    assert run(code) == ""


@pytest.mark.parametrize(("given", "level"), [(None, "3"), ("", "3"), ("0", "0"), ("2", "2")])
def test_an_empty_level_counts_as_none(given, level, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if given is not None:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", given)
    silence_tensorflow()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == level
