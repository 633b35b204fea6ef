"""Writing a file so that its name only ever holds a whole file: written beside, then renamed."""

import contextlib
import csv
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


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
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(beside)
        raise


try:
    import fcntl
except ImportError:  # Windows, where an open file can't be replaced by another process anyway
    fcntl = None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes out of the folder while the block runs; the lock goes with a process that is killed.

    Raises:
        BlockingIOError: another process is writing into it.

    Example:
        >>> with locked(Path("kept")):
        ...     (Path("kept") / "file").write_text("mine alone")
    """
    with open(folder / ".lock", "w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BlockingIOError(f"{folder}: another process is writing into it; wait until it is done") from error
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP):  # of a file system that has no locks
                    raise
        yield


def write_json(path: Path, content: dict | list) -> None:
    """Writes JSON; the file is written beside and then renamed."""

    with replacing(path) as beside:
        Path(beside).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path, kind: type) -> dict | list:
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
