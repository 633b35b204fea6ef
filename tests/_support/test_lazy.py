"""Packages whose names are loaded on first use: each name is there, and no module hides one."""

import importlib
import importlib.util

import pytest


@pytest.mark.parametrize("package", ["tfslim.data", "tfslim.litert", "tfslim.quantization", "tfslim.tfmot"])
def test_every_name_is_there_and_no_module_is_called_like_one(package):
    room = importlib.import_module(package)
    assert dir(room) == sorted(room.__all__)
    for name in room.__all__:
        assert importlib.util.find_spec(f"{package}.{name}") is None, "importing the module would hide the name"
        assert getattr(room, name) is getattr(room, name)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = room.nothing
