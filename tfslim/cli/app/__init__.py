"""Run a program of the `tfslim` command; the names are loaded on first use, so that `tfslim --help` is quick."""

from tfslim._support.lazy import lazy_names

_HOMES = {"INTERRUPTED": ".program", "RUN_FLAGS": ".program", "parser": ".program", "run": ".program"}

__all__ = [*_HOMES]
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
