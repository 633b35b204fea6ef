"""Programs run from `main`: command line, call and exit code.

A user's mistake becomes a short message.
"""

import contextlib
import dataclasses
import inspect
import io
import os
import sys
import typing
from collections.abc import Callable, Iterator

from tfslim._support.native_log import silence_tensorflow
from tfslim.cli.app import usage
from tfslim.cli.app.options import list_options, option_types, rewrite_arguments

if typing.TYPE_CHECKING:
    import jsonargparse

__all__ = ["INTERRUPTED", "MISTAKE", "RUN_FLAGS", "parser", "run"]

INTERRUPTED = 130  # the exit code that shells report for a program stopped by Ctrl-C
MISTAKE = 2
RUN_FLAGS = {
    "resume": "continue the run in --out from its last whole epoch",
    "check_images": "decode every image before training, and name all that are broken",
    "dry_run": "check everything, print what would be done, and stop",
}
EPILOG = """\
Option names are written with _ or - (--dry_run, --dry-run), lists as Smiling,Male or as '[Smiling,Male]'.
"""
CONFIG_HELP = "a YAML file with values for these options, or the name of a recipe (list them: `tfslim recipes`)"


def parser(
    main: Callable, description: str, positional: dict[str, str], flags: dict[str, str], recipe: str | None = None
) -> "jsonargparse.ArgumentParser":
    """Build the parser of `main`'s command line.

    The typed parameters of `main` are the options, and the `Args:` of its docstring their help.

    Returns:
        The parser, which raises `jsonargparse.ArgumentError` for a wrong command line.
    """
    import argparse

    import jsonargparse

    parameters = inspect.signature(main).parameters

    def place(name: str) -> str:
        if parameters[name].default is not inspect.Parameter.empty:
            return f"[{name}]"
        return f"{name} [{name} ...]" if typing.get_origin(parameters[name].annotation) is list else name

    class Formatter(jsonargparse.DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
        """Help formatter that keeps the description's examples as written."""

    built = jsonargparse.ArgumentParser(
        prog=usage.program(),
        usage=" ".join(["%(prog)s [options]", *map(place, positional)]),
        description=description,
        epilog=EPILOG,
        formatter_class=Formatter,
        allow_abbrev=False,
        exit_on_error=False,
    )
    if recipe:
        built.add_argument("--config", action="config", help=CONFIG_HELP)
        built.add_class_arguments(parameters[recipe].annotation, as_group=False)
    for name, explanation in positional.items():
        several = typing.get_origin(parameters[name].annotation) is list
        optional = parameters[name].default is not inspect.Parameter.empty
        built.add_argument(name, type=str, nargs="+" if several else "?" if optional else None, help=explanation)
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
    """Call `main` with the command line's values and exit.

    The exit code is what `main` returns (None is 0), 2 after a user's mistake (`ValueError`, `OSError`, a missing
    package), 130 after Ctrl-C. With the environment variable TFSLIM_TRACEBACK set, such errors keep their traceback.

    Args:
        main: the program; it imports Keras and TensorFlow inside, so that `--help` is quick.
        description: the text of `--help`, with examples.
        positional: parameters of `main` given by their place, and their help; `list[str]` takes one or more.
        flags: boolean parameters of `main` written as a bare `--name`, and their help.
        recipe: the parameter of `main` that is a dataclass with all that a recipe says: its fields are options by their
            own names, and `--config` may set any of the values.

    Example:
        >>> run(main, "Evaluate models.", positional={"models": "run folders or model files"})
    """
    positional = positional or {}
    types = option_types(main, recipe, [*positional])
    silence_tensorflow()
    with _exit_codes():
        values = _parse(main, description, positional, flags or {}, recipe, types)
        if isinstance(sys.stdout, io.TextIOWrapper):  # a test's own stdout is kept as it is
            sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold bytes that are not text
        code = main(**values)
        sys.stdout.flush()
    sys.exit(code or 0)


def _parse(main: Callable, description: str, positional: dict, flags: dict, recipe: str | None, types: dict) -> dict:
    """Return the parameters of `main` by name.

    A usage error ends the process.
    """
    try:
        import jsonargparse
        import yaml  # noqa: F401  jsonargparse reads recipes with it
    except ModuleNotFoundError as error:
        raise usage.missing_extra(error) from error
    try:
        arguments = rewrite_arguments(sys.argv[1:], list_options(types), bool(recipe))
    except FileNotFoundError as error:
        usage.exit_with(str(error), "tfslim recipes")
    built = parser(main, description, positional, flags, recipe)
    try:
        parsed = built.parse_args(arguments)
    except jsonargparse.ArgumentError as error:
        names = [*types, *flags, *(["config"] if recipe else []), "help", "print_config"]
        message = usage.explain(str(error), sys.argv[1:], names, positional)
        usage.exit_with(message + usage.recipe_hint(message, sys.argv[1:]))
    values = vars(built.instantiate(parsed))
    values.pop("config", None)
    if recipe:
        kind = inspect.signature(main).parameters[recipe].annotation
        values[recipe] = kind(**{field.name: values.pop(field.name) for field in dataclasses.fields(kind)})
    return values


@contextlib.contextmanager
def _exit_codes() -> Iterator[None]:
    """End the process with an exit code after an error.

    After Ctrl-C and after a user's mistake there is one line on stderr.
    """
    try:
        yield
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except (ValueError, OSError, ImportError) as error:
        if os.environ.get("TFSLIM_TRACEBACK"):
            raise
        message = " ".join(str(error).split())
        print(f"error: {message}{usage.recipe_hint(message, sys.argv[1:])}", file=sys.stderr)
        sys.exit(MISTAKE)
