"""Usage errors in two lines.

The first says what was wrong, with the nearest right name, the second where to look.
"""

import difflib
import itertools
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from tfslim.training.recipe_files import PROGRAMS, recipe_program

CUTOFF = 0.65  # similarity in 0..1 from which a name is worth suggesting
EXTRA = "pip install 'tfslim-edge[programs]', from a checkout: pip install '.[programs]'"


def program() -> str:
    """Return the name that the running program was called by.

    For example "tfslim train", or "python training/train.py".
    """
    name = sys.argv[0]
    return f"python {os.path.relpath(name)}" if name.endswith(".py") else os.path.basename(name)


def exit_with(message: str, where: str | None = None) -> NoReturn:
    """Print a usage error and exit with code 2.

    The error has two lines.
    """
    print(f"error: {message}\nsee `{where or f'{program()} --help'}`", file=sys.stderr)
    sys.exit(2)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that resembles `name` most.

    The last part of a dotted name is compared too. None is returned if no name is near.

    Example:
        >>> nearest("bach_size", ["seed", "optimization.batch_size"])
        'optimization.batch_size'
    """
    whole = [*names]
    found = difflib.get_close_matches(name, whole, 1, CUTOFF)
    if found:
        return found[0]
    candidates = {each.rpartition(".")[2]: each for each in reversed(whole)}
    found = difflib.get_close_matches(name.rpartition(".")[2], candidates, 1, CUTOFF)
    return candidates[found[0]] if found else None


def did_you_mean(name: str, names: Iterable[str], dashes: str = "") -> str:
    """Return a "did you mean" hint, or an empty string.

    The hint is "; did you mean ...?" with the nearest of `names`.
    """
    close = nearest(name, names)
    return f"; did you mean {dashes}{close}?" if close else ""


def explain(message: str, arguments: Sequence[str], options: Sequence[str], positional: Iterable[str] = ()) -> str:
    """Rewrite a parser's error as one line.

    Args:
        message: the parser's.
        arguments: the command line that it refused.
        options: the names that it knows.
        positional: its arguments that are not options.

    Example:
        >>> explain('Parser key "seed": Expected an int. Got value: y', ["--seed", "y"], ["seed"])
        '--seed: expected int, got y'
    """
    message = " ".join(message.split())
    if "nrecognized arguments" in message:
        for argument in arguments:
            name = argument[2:].partition("=")[0]
            if argument.startswith("--") and name.removesuffix("+").replace("-", "_") not in options:
                return f"unknown option --{name}{did_you_mean(name.replace('-', '_'), options, '--')}"
        return f"unexpected {message.partition(':')[2].strip()!r}: no option or argument takes it"
    if missing := re.search(r"arguments are required: (.*)", message):
        names = [name if name in positional else f"--{name}" for name in missing[1].split(", ")]
        return f"missing {', '.join(names)}"
    if missing := re.search(r'(?:Key|Option) "([\w.]+)" is required', message):
        return f"missing --{missing[1]}"
    if unknown := re.search(r"Group '([\w.]+)' does not accept option '([\w.]+)'", message):
        name = f"{unknown[1]}.{unknown[2]}"
        return f"unknown option {name}{did_you_mean(name, options)}"
    if unknown := re.search(r"Option '([\w.]+)' is not accepted", message):
        return f"unknown option {unknown[1]}{did_you_mean(unknown[1], options)}"
    message = re.sub(r'(?:Problem with given class_path .*?: )?Parser key "([\w.]+)": ', r"--\1: ", message)
    message = message.replace(": --", ".")  # --stages: --size: is of one option
    message = re.sub(r"Does not .* Subtypes: \[(.*?)\] .*Given value: ", r"expected \1, got ", message)
    message = re.sub(r"<class '(\w+)'>", r"\1", message).replace("NoneType", "null")
    message = re.sub(r"typing\.Literal\[(.*?)\]", r"one of \1", message)
    message = re.sub(r"[Ee]xpected an? (.*?)\. [Gg]ot value: ", r"expected \1, got ", message)
    if unclosed := re.fullmatch(r"(--[\w.]+): expected (?:tuple|list).*?, got (\[[^\]]*)", message):
        items = unclosed[2].strip("[, ")
        return f"{unclosed[1]}: expected {items} or '[{items}]', got {unclosed[2]}"
    return message.replace("expected a one of", "expected one of")


def recipe_hint(message: str, arguments: Sequence[str]) -> str:
    """Return a hint at whose recipe `--config` names.

    It is empty if the error cannot come from the recipe.

    Args:
        message: the error.
        arguments: the command line.

    Returns:
        Such as "; demo is a recipe of `tfslim train`".
    """
    words = set(re.findall(r"\w+", message))
    configs = [after for before, after in itertools.pairwise(arguments) if before == "--config"]
    configs += [argument.partition("=")[2] for argument in arguments if argument.startswith("--config=")]
    if not configs or not words & set().union(*PROGRAMS.values()):
        return ""
    running, meant = Path(program().split()[-1]).stem, recipe_program(configs[-1])
    keys = PROGRAMS.get(running, set())
    if meant in (None, running) or any(argument.startswith(f"--{key}") for argument in arguments for key in keys):
        return ""
    return f"; {configs[-1]} is a recipe of `tfslim {meant}`" if words & (keys | PROGRAMS.get(meant, set())) else ""


def missing_extra(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return an error that names a missing package's extra."""
    package = {"yaml": "pyyaml"}.get(error.name or "", error.name)
    return ModuleNotFoundError(f"{program()} needs {package}: {EXTRA}", name=error.name)
