"""Python files in processes of their own: what they see, and what is told of their end."""

import json
import os
import subprocess
import sys

import pytest

from tfslim._support.child_process import crash_signal, last_words, printed_answer, run_child

SEEN = """
import json, os, sys
print("some words")
print(json.dumps({"arguments": sys.argv[1:], "path": sys.path, "input": sys.stdin.read(), **os.environ}))
"""


@pytest.fixture
def worker(tmp_path):
    """Writes a worker of some code."""

    def written(code: str):
        path = tmp_path / "workers" / "worker.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
        return path

    return written


def test_a_worker_sees_the_packages_of_this_process_and_not_its_neighbours(worker, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    path = worker(SEEN)
    here = run_child(path, "a b", tmp_path)
    seen = printed_answer(here)
    assert here.returncode == 0 and seen["arguments"] == ["a b", str(tmp_path)] and seen["input"] == ""
    assert seen["CUDA_VISIBLE_DEVICES"] == "-1" and seen["TF_CPP_MIN_LOG_LEVEL"] == "3"
    assert str(tmp_path / "packages") in seen["path"]
    other = printed_answer(run_child(path, python=sys.executable))
    assert str(tmp_path / "packages") not in other["path"]
    assert all(str(path.parent) not in found["path"] and os.getcwd() not in found["path"] for found in (seen, other))


def test_a_worker_that_does_not_end_is_stopped(worker):
    with pytest.raises(subprocess.TimeoutExpired):
        run_child(worker("import time; time.sleep(60)"), timeout=0.5)


def test_crashes_and_last_words(worker):
    crashed = run_child(worker("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
    assert crash_signal(crashed) == "SIGSEGV" and printed_answer(crashed) == {}
    assert last_words(crashed) == "it printed no error"
    left = run_child(worker(f"import sys; sys.stderr.write({'x' * 400!r} + 'because '); sys.exit(3)"))
    assert left.returncode == 3 and crash_signal(left) is None
    assert last_words(left) == "x" * 293 + "because"


@pytest.mark.parametrize("printed", ["", "words", "[1]", "3", "NaN", '{"a": 1}\nwords'])
def test_what_is_no_answer(printed):
    assert printed_answer(subprocess.CompletedProcess([], 0, printed, "")) == {}
    assert printed_answer(subprocess.CompletedProcess([], 0, printed + "\n" + json.dumps({"a": 1}), "")) == {"a": 1}
