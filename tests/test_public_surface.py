"""Fail by name for anything in public_surface.json that is gone or changed; additions pass."""

import ast
import json

import pytest

from tests.public_surface import RECORD, SECTIONS, surface


def parameters(signature: str) -> dict[str, tuple[str, str | None]]:
    """Return parameter name -> kind, and the default as text or None."""
    given = ast.parse(f"def f{signature}: ...").body[0].args
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + given.defaults
    rows = [(argument.arg, "positional", default) for argument, default in zip(positional, defaults, strict=True)]
    rows += [(arg.arg, "keyword", default) for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    rows += [(f"{stars}{more.arg}", stars, None) for stars, more in (("*", given.vararg), ("**", given.kwarg)) if more]
    return {name: (kind, default and ast.unparse(default)) for name, kind, default in rows}


def signature_changes(recorded: str, found: str, where: str) -> list[str]:
    """Compare signatures; new defaults and new optional parameters at the end pass."""
    old, new = parameters(recorded), parameters(found)
    lost = [f"{where}: parameter {name} is gone" for name in old if name not in new]
    for name in [name for name in old if name in new]:
        (kind, default), (new_kind, new_default) = old[name], new[name]
        if kind != new_kind or (default is not None and default != new_default):
            lost.append(f"{where}: parameter {name} was {kind} = {default}, is {new_kind} = {new_default}")
    places, new_places = ([n for n, (kind, _) in each.items() if kind == "positional"] for each in (old, new))
    if not lost and new_places[: len(places)] != places:
        lost.append(f"{where}: the order of parameters was {recorded}, is {found}")
    added = [name for name in new if name not in old and new[name][1] is None and not name.startswith("*")]
    return lost + [f"{where}: the new parameter {name} has no default" for name in added]


def changes(recorded: object, found: object, where: str) -> list[str]:
    """List what is gone or changed, each with its name."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        gone = [f"{where}: {name} is gone" for name in recorded if name not in found]
        if len(recorded) > 1 and len(gone) == len(recorded):
            return [f"{where}: all {len(gone)} are gone"]
        both = [name for name in recorded if name in found]
        return gone + [line for name in both for line in changes(recorded[name], found[name], f"{where}: {name}")]
    if isinstance(recorded, list) and isinstance(found, list):
        gone = [f"{where}: {item} is gone" for item in recorded if item not in found]
        if gone or [item for item in found if item in recorded] == recorded:
            return gone
    elif str(recorded).startswith("(") and str(found).startswith("(") and where.startswith("names"):
        return signature_changes(recorded, found, where)
    return [] if recorded == found else [f"{where}: was {recorded!r}, is {found!r}"]


@pytest.fixture(scope="module")
def now(tmp_path_factory):
    return surface(tmp_path_factory.mktemp("surface"))


@pytest.mark.parametrize("section", SECTIONS)
def test_all_that_was_recorded_is_still_there(now, section):
    recorded = json.loads(RECORD.read_text("utf-8"))[section]
    lost = changes(recorded, now[section], section)
    if section == "flags":  # a command line that was right must stay so
        new = {program: set(now[section].get(program, {})) - set(flags) for program, flags in recorded.items()}
        required = [(program, n) for program in new for n in new[program] if "optional" not in now[section][program][n]]
        # An option such as --rows.name is required within a group only.
        lost += [f"flags: {program}: the new {name} is required" for program, name in required if "." not in name]
    assert not lost, "\n".join(lost)


def test_a_signature_may_grow_and_not_change():
    old = "(model, ratio=0.3, *, seed=0)"
    assert not signature_changes(old, "(model, ratio=0.3, steps=1, *, seed=0, verbose=False)", "f")
    assert signature_changes(old, "(model, *, ratio=0.3, seed=0)", "f")
    assert signature_changes(old, "(model, ratio=0.5, *, seed=0)", "f")
    assert signature_changes(old, "(model, steps, ratio=0.3, *, seed=0)", "f")
    assert signature_changes(old, "(model, ratio=0.3)", "f") == ["f: parameter seed is gone"]
