"""The order in which the files of tests are run."""

from pathlib import Path

import pytest

LONG = ("cli", "training", "workflows", "tfmot", "litert", "pruning")  # rooms whose files take minutes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, or one of several workers would be left with one of them when the others are done."""
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        room = item.path.relative_to(tests).parts[0]
        return LONG.index(room) if room in LONG else len(LONG)

    items.sort(key=place)
