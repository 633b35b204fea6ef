"""A program that only runs a file loads the interpreter and numpy alone."""

import subprocess
import sys

import pytest


def loaded_after(statement: str) -> set[str]:
    """Top-level packages in a fresh process after a statement."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_room_loads_nothing_heavy():
    assert not loaded_after("import tfslim.litert") & {"keras", "tensorflow", "ai_edge_litert", "numpy"}


def test_running_a_file_needs_neither_keras_nor_tensorflow():
    """The interpreter itself is loaded with the first file; tests/test_imports.py runs one."""
    packages = loaded_after("from tfslim.litert import Runner")
    assert "numpy" in packages and not packages & {"keras", "tensorflow", "tf_keras"}


def test_names_stay_functions_when_their_modules_are_imported():
    import tfslim.litert.conversion.converter
    import tfslim.litert.runtime.comparison

    assert all(callable(getattr(tfslim.litert, name)) for name in dir(tfslim.litert))
    with pytest.raises(AttributeError, match="no attribute 'konvert'"):
        tfslim.litert.konvert  # noqa: B018
