"""Package attributes that are imported on first use."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tfslim._support.extras import name_extra


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make `__getattr__` and `__dir__` for a package with lazy imports.

    A submodule must not share its name with a public name: importing it would replace the name by the module.

    Args:
        package: `__name__` of the package.
        homes: public name -> the module that defines it, with a leading dot if it is in the package.

    Returns:
        The functions to assign to `__getattr__` and `__dir__`.

    Example:
        >>> __getattr__, __dir__ = lazy_names(__name__, {"KMeans": ".codecs.kmeans"})
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value = getattr(importlib.import_module(homes[name], package), name)
        except ModuleNotFoundError as error:
            raise name_extra(error, f"{package}.{name}") from error
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted(homes)
