"""What every program here does around its work: read the command line, run, and turn a user's mistake into one line."""

import argparse
import dataclasses
import inspect
import io
import os
import sys
from collections.abc import Callable

import jsonargparse

INTERRUPTED = 130  # what shells report for a program stopped by Ctrl-C


class _Formatter(jsonargparse.DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """jsonargparse's help, with the examples of the description left as they are written."""


def parser(
    main: Callable, description: str, positional: dict[str, str], flags: dict[str, str], recipe: str | None = None
) -> jsonargparse.ArgumentParser:
    """The command line of `main`: its typed parameters are the options, its docstring's `Args:` their help."""
    built = jsonargparse.ArgumentParser(description=description, formatter_class=_Formatter, allow_abbrev=False)
    parameters = inspect.signature(main).parameters
    if recipe:
        built.add_argument("--config", action="config", help="a YAML file with values for these options")
        built.add_class_arguments(parameters[recipe].annotation, as_group=False)
    for name, explanation in positional.items():
        several = getattr(parameters[name].annotation, "__origin__", None) is list
        built.add_argument(name, type=str, nargs="+" if several else None, help=explanation)
    for name, explanation in flags.items():
        built.add_argument(f"--{name}", action="store_true", help=explanation)
    built.add_function_arguments(main, skip={*positional, *flags, recipe} - {None}, as_group=False)
    return built


def run(
    main: Callable,
    description: str,
    positional: dict[str, str] | None = None,
    flags: dict[str, str] | None = None,
    recipe: str | None = None,
) -> None:
    """Runs `main` with the command line's values and ends the process; never returns.

    The exit code is what `main` returns (None is 0), 2 after a user's mistake (`ValueError`, `OSError`, a missing
    package), 130 after Ctrl-C. With the environment variable TFSLIM_TRACEBACK set, such errors keep their traceback.

    Args:
        main: the program; it imports Keras and TensorFlow inside, so that `--help` answers at once.
        description: the text of `--help`, with examples.
        positional: parameters of `main` given by their place, and their help; `list[str]` takes one or more.
        flags: boolean parameters of `main` written as a bare `--name`, and their help.
        recipe: the parameter of `main` that is a dataclass with all that a recipe says: its fields are options by their
            own names, and `--config FILE.yaml` may give any of the values.

    Example:
        >>> run(main, "Evaluates models.", positional={"models": "run folders or model files"})
    """
    built = parser(main, description, positional or {}, flags or {}, recipe)
    parsed = built.parse_args([_underscored(argument) for argument in sys.argv[1:]])
    if isinstance(sys.stdout, io.TextIOWrapper):  # else what is printed is kept as it is
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold bytes that are no text
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # else TensorFlow's start-up notes bury the table
    try:
        values = vars(built.instantiate(parsed))
        values.pop("config", None)
        if recipe:
            kind = inspect.signature(main).parameters[recipe].annotation
            values[recipe] = kind(**{field.name: values.pop(field.name) for field in dataclasses.fields(kind)})
        code = main(**values)
        sys.stdout.flush()
        sys.exit(code or 0)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except (ValueError, OSError, ImportError) as error:
        if os.environ.get("TFSLIM_TRACEBACK"):
            raise
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def _underscored(argument: str) -> str:
    """Lets `--dry-run` be written for `--dry_run`; values are left alone."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value
