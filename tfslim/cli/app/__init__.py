"""Parts of the programs of the `tfslim` command.

The names are loaded on first use, so that `tfslim --help` is quick.
"""

from typing import TYPE_CHECKING

from tfslim._support.lazy import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, which do not run lazy_names
    from tfslim.cli.app.program import (
        INTERRUPTED as INTERRUPTED,
        RUN_FLAGS as RUN_FLAGS,
        parser as parser,
        run as run,
    )

_HOMES = {"INTERRUPTED": ".program", "RUN_FLAGS": ".program", "parser": ".program", "run": ".program"}

__all__ = [*_HOMES]
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
