"""Names and types of a program's options.

The spellings that the command line accepts are here too.
"""

import dataclasses
import inspect
import json
import types as python_types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tfslim.training.recipe_files import find_recipe


def option_types(main: Callable, recipe: str | None, positional: Sequence[str] = ()) -> dict[str, object]:
    """List the options of `main` by their dotted names.

    A dotted name is such as `optimization.batch_size`.

    Args:
        main: the program.
        recipe: the parameter whose fields are options by their own names.
        positional: parameters that are not options.

    Returns:
        Name -> type; groups such as `optimization` are listed as well.
    """
    options: dict[str, object] = {}
    for name, kind in typing.get_type_hints(main).items():
        if name == recipe:
            _add_fields(options, "", kind)
        elif name != "return" and name not in positional:
            _add(options, name, kind)
    for name, parameter in inspect.signature(main).parameters.items():
        if parameter.annotation is inspect.Parameter.empty:
            options[name] = object
    return options


def _add(options: dict[str, object], name: str, kind: object) -> None:
    options[name] = kind
    for part in [kind, *typing.get_args(kind)]:
        if inspect.isclass(part) and dataclasses.is_dataclass(part):
            _add_fields(options, f"{name}.", part)


def _add_fields(options: dict[str, object], prefix: str, kind: type) -> None:
    for name, field in typing.get_type_hints(kind).items():
        _add(options, prefix + name, field)


def list_options(types: Mapping[str, object]) -> dict[str, bool]:
    """Return the options that take a list of plain values.

    Each is with whether its values are text.
    """
    found = {}
    for name, kind in types.items():
        union = typing.get_origin(kind) in (typing.Union, python_types.UnionType)
        for part in typing.get_args(kind) if union else (kind,):
            if typing.get_origin(part) not in (list, tuple):
                continue
            items = [item for item in typing.get_args(part) if item is not Ellipsis]
            if not any(dataclasses.is_dataclass(item) for item in items):
                found[name] = all(item is str or typing.get_origin(item) is typing.Literal for item in items)
    return found


def rewrite_arguments(arguments: Sequence[str], lists: Mapping[str, bool], recipes: bool) -> list[str]:
    """Rewrite a command line in the parser's own notation.

    `--dry-run` becomes `--dry_run`, the value `Smiling,Male` of an option that takes a list becomes a JSON list, and
    the value of `--config` the path of the recipe of that name.

    Args:
        arguments: the command line, without the program.
        lists: what `list_options` returned.
        recipes: whether the program takes `--config`.

    Raises:
        FileNotFoundError: `--config` names neither a file nor a recipe.

    Example:
        >>> rewrite_arguments(["--dry-run", "--threads", "1,2"], {"threads": False}, recipes=False)
        ['--dry_run', '--threads', '[1,2]']
    """
    rewritten, waiting = [], None  # the option whose value comes next
    for argument in arguments:
        if waiting is not None and not argument.startswith("--"):
            rewritten.append(_value(waiting, argument, lists, recipes))
            waiting = None
            continue
        waiting = None
        if not argument.startswith("--"):
            rewritten.append(argument)
            continue
        name, equals, value = argument[2:].partition("=")
        name = name.replace("-", "_")
        if equals:
            rewritten.append(f"--{name}={_value(name, value, lists, recipes)}")
        else:
            rewritten.append(f"--{name}")
            waiting = name
    return rewritten


def _value(name: str, value: str, lists: Mapping[str, bool], recipes: bool) -> str:
    if name == "config" and recipes:
        return str(find_recipe(value))
    if name not in lists or value[:1] in ("[", "(", "{", "") or value in ("null", "~", "None", "Null", "NULL"):
        return value
    if Path(value).suffix in (".yaml", ".yml", ".json") and Path(value).is_file():  # the parser reads the list there
        return value
    items = [item.strip() for item in value.split(",") if item.strip()]
    return json.dumps(items, ensure_ascii=False) if lists[name] else f"[{','.join(items)}]"
