"""Names of a package that are loaded when they are first used."""

import importlib
import sys
from collections.abc import Callable, Mapping


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """What a package takes as its `__getattr__` and `__dir__`, so that importing it loads nothing else.

    No module may be called like a name that it offers: importing it would put the module in the place of the name.

    Args:
        package: the package's `__name__`.
        homes: name -> the module that has it, with a leading dot if it is in the package.

    Example:
        >>> __getattr__, __dir__ = lazy_names(__name__, {"KMeans": ".codecs.kmeans"})
    """

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        value = getattr(importlib.import_module(home, package), name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted(homes)
