"""Filter for the start-up lines of TensorFlow and LiteRT.

It keeps them off stderr.
"""

import contextlib
import importlib.machinery
import os
import re
import sys
import tempfile
from collections.abc import Iterator

# TensorFlow's libraries write these while they are loaded, before they look at TF_CPP_MIN_LOG_LEVEL.
NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|[IWE]\d{4} [\d:.]+ +\d+ |INFO: Created TensorFlow Lite|"
    rb"\d{4}-\d\d-\d\d [\d:.]+: [IWE] |To enable the following instructions: "
)


@contextlib.contextmanager
def without_start_up_lines() -> Iterator[None]:
    """Drop known start-up lines of native code from stderr.

    Only lines known as start-up noise are dropped, and only while the block runs. All other lines are written when the
    block ends.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):  # there is no stderr
        yield
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            with contextlib.suppress(OSError):
                os.write(2, b"".join(line for line in file if not NOISE.match(line)))


class _QuietTensorFlow:
    """Import hook that loads `tensorflow` without its start-up lines.

    It finds the package as Python does.
    """

    @staticmethod
    def find_spec(name: str, path=None, target=None):
        if name != "tensorflow":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module) -> None:
                with without_start_up_lines():
                    load(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # for this one module
        return spec


def silence_tensorflow() -> None:
    """Keep TensorFlow's notes off stderr, whenever it is imported.

    This holds for this process and its children. A TF_CPP_MIN_LOG_LEVEL that is set and not empty stays, and with one
    below 2 nothing is hidden.
    """
    level = os.environ["TF_CPP_MIN_LOG_LEVEL"] = os.environ.get("TF_CPP_MIN_LOG_LEVEL") or "3"
    loud = level in ("0", "1")
    if not loud and "tensorflow" not in sys.modules and _QuietTensorFlow not in sys.meta_path:
        sys.meta_path.insert(0, _QuietTensorFlow)
