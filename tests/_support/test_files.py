"""A file's name only ever holds a whole file, on the disk as well."""

import errno
import os
import stat

import pytest

from tfslim._support.files import locked, read_json, replacing, write_json


def test_the_content_is_on_the_disk_before_the_file_gets_its_name(tmp_path, monkeypatch):
    done, sync, replace = [], os.fsync, os.replace

    def noted_sync(handle):
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else os.fstat(handle).st_size)
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("renamed"), replace(*paths)))
    write_json(tmp_path / "report.json", [1, 2])
    assert done == [len("[\n 1,\n 2\n]\n"), "renamed", "folder"]
    assert read_json(tmp_path / "report.json", list) == [1, 2]


def test_a_file_system_that_cannot_flush_is_no_error(tmp_path, monkeypatch):
    def refused(handle):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refused)
    write_json(tmp_path / "report.json", {})
    assert read_json(tmp_path / "report.json", dict) == {}


def test_a_disk_error_leaves_the_old_file(tmp_path, monkeypatch):
    def broken(handle):
        raise OSError(errno.EIO, "Input/output error")

    write_json(tmp_path / "report.json", {"images": 1})
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        write_json(tmp_path / "report.json", {"images": 2})
    assert read_json(tmp_path / "report.json", dict) == {"images": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_an_exception_leaves_no_file(tmp_path):
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a.txt") as beside:
        open(beside, "w").close()
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError, match="does not exist; make it first"), replacing(tmp_path / "no" / "a.txt"):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_without_locks_of_the_file_system_nobody_is_kept_out(tmp_path, monkeypatch, number):
    fcntl = pytest.importorskip("fcntl")

    def refused(handle, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    entered = []
    with locked(tmp_path):
        entered.append("first")
        with locked(tmp_path):
            entered.append("second")
    assert entered == ["first", "second"]


def test_the_lock_is_given_back_after_an_exception(tmp_path):
    with pytest.raises(ValueError), locked(tmp_path):
        raise ValueError
    with locked(tmp_path):
        pass
