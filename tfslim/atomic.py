"""Writing a file so that its name only ever holds a whole file: written beside, then renamed."""

import contextlib
import os
import tempfile
from collections.abc import Iterator


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
