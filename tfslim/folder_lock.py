"""A folder that one process at a time may write into."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

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
