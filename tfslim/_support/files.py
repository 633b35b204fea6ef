"""Atomic file writing, folder locks, and JSON and CSV files."""

import contextlib
import csv
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import filelock

Kind = TypeVar("Kind", dict, list)


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[str]:
    """Yield a temporary path that replaces `path` on success.

    The temporary file lies in the same folder and is renamed to `path` if the block ends without an exception, so
    `path` never holds a partial file.

    Args:
        path: the file to write; its folder must exist. The temporary file has the same suffix.

    Raises:
        FileNotFoundError: if the folder does not exist.

    Example:
        >>> with replacing("report.json") as beside, open(beside, "w") as file:
        ...     json.dump({"images": 200}, file)
    """
    path = os.fspath(path)
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{path}: the folder {folder} does not exist; make it first")
    stem, suffix = os.path.splitext(name)
    handle, beside = tempfile.mkstemp(suffix=suffix, prefix=f".{stem}-", dir=folder)
    os.close(handle)
    try:
        # mkstemp makes the file readable by its owner only; set the mode that open() would set.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(beside, 0o666 & ~umask)
        yield beside
        flush_to_disk(beside)
        os.replace(beside, path)
        flush_to_disk(folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(beside)
        raise


def check_path(path: object, expected: str, model_advice: str) -> None:
    """Raise a TypeError unless this is a path.

    Args:
        path: what was given.
        expected: what the path should lead to, such as "a .tflite file".
        model_advice: what to do if it is a Keras model.

    Example:
        >>> check_path(3, "a .tflite file", "convert it first")
        Traceback (most recent call last):
            ...
        TypeError: expected the path of a .tflite file, got int
    """
    if isinstance(path, str | os.PathLike):
        return
    kind = type(path)
    packages = {base.__module__.partition(".")[0] for base in kind.__mro__}  # Keras itself need not be loaded
    if hasattr(path, "layers") and packages & {"keras", "tf_keras"}:
        raise TypeError(f"expected the path of {expected}, got a Keras model ({kind.__name__}); {model_advice}")
    raise TypeError(f"expected the path of {expected}, got {kind.__name__}")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder against other processes while the block runs.

    The lock is released if the process is killed. A file system without locks keeps nobody out.

    Raises:
        BlockingIOError: if another process holds the lock.

    Example:
        >>> with locked(Path("kept")):
        ...     (Path("kept") / "file").write_text("mine alone")
    """
    # The file stays: removing it would let two processes hold locks of the same name.
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise BlockingIOError(f"{folder}: another process is writing into it; wait until it is done") from error
    except NotImplementedError:  # a file system without locks
        yield
        return
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP):  # a file system without locks
            raise
    try:
        yield
    finally:
        lock.release()


def flush_to_disk(path: str | os.PathLike) -> None:
    """Flush a file or a folder to the disk.

    A folder's list of files is flushed. Without a flush a power cut after the rename may leave an empty file under the
    name.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # not supported here
            raise
    finally:
        os.close(handle)


def write_json(path: Path, content: dict | list) -> None:
    """Write JSON atomically."""
    with replacing(path) as beside:
        Path(beside).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path, kind: type[Kind]) -> Kind:
    """Read a file written by `write_json`.

    Args:
        path: the JSON file.
        kind: `dict` or `list`, the expected type of its content.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if the file is not valid JSON, or its content is not a `kind`.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: damaged: {error}") from error
    if not isinstance(content, kind):
        raise ValueError(f"{path}: damaged: expected a {kind.__name__}, found a {type(content).__name__}")
    return content


def write_rows(path: Path, rows: list[dict]) -> None:
    """Write rows with equal keys as CSV, atomically."""
    with replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
