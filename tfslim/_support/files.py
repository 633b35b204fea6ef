"""Writing a file so that its name only ever holds a whole file: written beside, then renamed."""

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
    """Gives the path of a new file beside `path`, which takes the name `path` if the block ends without an exception.

    Args:
        path: the file to write; its folder must exist. The new file has the same suffix.

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
        # mkstemp makes files that only their owner may read; give the file the rights that open() would have given.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(beside, 0o666 & ~umask)
        yield beside
        _to_disk(beside)
        os.replace(beside, path)
        _to_disk(folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(beside)
        raise


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder while the block runs.

    The lock goes with a process that is killed. On a file system without locks nobody is kept out.

    Raises:
        BlockingIOError: Another process is writing into it.

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
    except NotImplementedError:  # of a file system that has no locks
        yield
        return
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP):  # of a file system that has no locks
            raise
    try:
        yield
    finally:
        lock.release()


def _to_disk(path: str) -> None:
    """Flush a file or a folder to the disk, so that a power cut does not undo what is renamed afterwards."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # of a file system or OS that can't
            raise
    finally:
        os.close(handle)


def write_json(path: Path, content: dict | list) -> None:
    """Writes JSON; the file is written beside and then renamed."""

    with replacing(path) as beside:
        Path(beside).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path, kind: type[Kind]) -> Kind:
    """Reads what `write_json` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds something else than a dict or list, whichever `kind` is.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: damaged: {error}") from error
    if not isinstance(content, kind):
        raise ValueError(f"{path}: damaged: expected a {kind.__name__}, found a {type(content).__name__}")
    return content


def write_rows(path: Path, rows: list[dict]) -> None:
    """Writes rows of the same keys as CSV; the file is written beside and then renamed."""

    with replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
