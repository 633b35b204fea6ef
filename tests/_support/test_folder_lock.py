"""A folder's lock keeps other processes out, and goes with a process that is killed."""

import subprocess
import sys

import pytest

from tfslim._support.files import locked

HOLD = """
import pathlib, sys, time
from tfslim._support.files import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_it_keeps_others_out_until_its_process_is_killed(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError, match="another process is writing into it"), locked(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with locked(tmp_path):
        pass
    with locked(tmp_path):  # and it is given back
        pass
