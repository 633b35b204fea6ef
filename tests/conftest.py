"""The order in which the files of tests are run."""

import pytest

LONG = ("training", "tfmot", "litert", "pruning")  # rooms whose files take minutes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, or one of several workers would be left with one of them when the others are done."""
    items.sort(key=lambda item: LONG.index(item.path.parent.name) if item.path.parent.name in LONG else len(LONG))
