"""Missing packages are named with the extra that installs them."""

import sys
import tomllib
from pathlib import Path

import pytest

from tfslim._support.extras import EXTRAS, name_extra, require

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]


def normalized(requirement: str) -> str:
    return requirement.split("[")[0].split(">")[0].replace("-", "_").lower()


def test_every_extra_installs_its_package():
    for package, extra in EXTRAS.items():
        listed = {normalized(line) for line in PYPROJECT["optional-dependencies"][extra]}
        assert {"yaml": "pyyaml"}.get(package, package) in listed


def test_what_files_are_written_with_needs_no_extra():
    """`slim_file` and `with_metadata` write by flatbuffers."""
    assert "flatbuffers" in {normalized(line) for line in PYPROJECT["dependencies"]}


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        require("constriction", "entropy coding")
    assert str(caught.value) == (
        'entropy coding needs constriction, which is not installed: pip install "tfslim-edge[packed]", '
        'or from a checkout pip install --editable ".[packed]"'
    )
    assert caught.value.name == "constriction"


def test_a_package_that_lacks_something_itself_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "constriction.py").write_text("import nothing_of_this_name")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "constriction", raising=False)
    with pytest.raises(ModuleNotFoundError, match="^No module named 'nothing_of_this_name'$"):
        require("constriction", "entropy coding")


def import_error(name: str, asked_by: str) -> ModuleNotFoundError:
    """Return the error of an import statement in a module of that name."""
    with pytest.raises(ModuleNotFoundError) as caught:
        exec(f"raise ModuleNotFoundError('No module named {name}', name={name!r})", {"__name__": asked_by})
    return caught.value


def test_where_keras_asks_for_tensorflow_the_other_backends_are_named():
    told = str(name_extra(import_error("tensorflow", "keras.src.backend"), "tfslim.models"))
    assert told.startswith("tfslim.models needs tensorflow, which is not installed: pip install ")
    assert '"tfslim-edge[tensorflow]"' in told and "KERAS_BACKEND" in told
    told = name_extra(import_error("tensorflow", "tfslim.data.pipeline"), "tfslim.data.training_batches")
    assert '"tfslim-edge[tensorflow]"' in str(told) and "KERAS_BACKEND" not in str(told)
    assert name_extra(told, "tfslim.data") is told
    other = import_error("numpy", "keras.src.backend")
    assert name_extra(other, "tfslim.models") is other
