"""Collect what others rely on, from names to exit codes.

`python -m tests.public_surface --record` writes it to public_surface.json, which test_public_surface.py compares with.
Record after an addition that should stay, and read the diff. Few modules are named here, so that code can move.
"""

import ast
import hashlib
import importlib
import inspect
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import yaml

from tests.public_programs import (
    MISTAKES,
    OUTCOMES,
    ROOT,
    WITH_RECIPES,
    all_flags,
    exit_codes,
    recipe_keys,
    run,
    run_program,
)

RECORD = ROOT / "tests" / "public_surface.json"
SECTIONS = ("names", "registered", "recipe keys", "recipes", "flags", "exit codes", "formats", "file names")
ROOMS = "data distillation graph identity inference layers litert losses metrics models plots pruning quantization"
ROOMS += " tfmot verification"
# A module that its room tells people to import by its own name.
BY_OWN_NAME = ["tfslim.distillation.cached_batches"]
OPERATORS = ("__call__", "__contains__", "__enter__", "__exit__", "__getitem__", "__iter__", "__len__")
FILE_NAME = re.compile(r"[\w-]*\w\.(csv|json|keras|md|npz|png|tflite|tfslim|txt|yaml|zip)|TFSLIM_[A-Z_]+")
SCRATCH = {"in.npz", "out.npz", "job.json", "result.tflite"}  # files in temporary folders


def first_module(*names: str):
    """Import the first of these modules that exists, the newest place first."""
    for name in names[:-1]:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):
                raise
    return importlib.import_module(names[-1])


class Shown:
    """Show a default without addresses and without our module names."""

    def __init__(self, value: object):
        text = "<function>" if inspect.isfunction(value) else re.sub(r" at 0x\w+|\btfslim(\.\w+)+\.", "", repr(value))
        try:
            ast.parse(text, mode="eval")
        except SyntaxError:
            text = repr(text)
        self.text = text

    def __repr__(self) -> str:
        return self.text


def signature_text(function: object, bound: bool = False) -> str:
    parameters = list(inspect.signature(function).parameters.values())[1 if bound else 0 :]
    empty = inspect.Parameter.empty
    plain = [
        p.replace(annotation=empty, default=p.default if p.default is empty else Shown(p.default)) for p in parameters
    ]
    return str(inspect.Signature(plain))


def outside_base(kind: type) -> str:
    return next(base.__name__ for base in kind.__mro__ if base.__module__.split(".")[0] != "tfslim")


def described(value: object) -> dict:
    if inspect.isclass(value):
        own = [base for base in value.__mro__ if base.__module__.split(".")[0] == "tfslim"]
        members: dict[str, str] = {}
        for name, member in ((name, member) for base in own for name, member in vars(base).items()):
            if name in members or (name.startswith("_") and name not in OPERATORS):
                continue
            if isinstance(member, property | cached_property):
                members[name] = "property"
            elif isinstance(member, classmethod | staticmethod):
                members[name] = signature_text(getattr(value, name))
            elif inspect.isfunction(member):
                members[name] = signature_text(member, bound=True)
        makers = [vars(base)[name] for base in own for name in ("__init__", "__new__") if name in vars(base)]
        call = signature_text(makers[0], bound=True) if makers else "inherited"
        return {"kind": "class", "base": outside_base(value), "call": call, "members": members}
    if callable(value):
        return {"kind": "function", "call": signature_text(value)}
    if inspect.ismodule(value):
        return {"kind": "module"}
    items = value if isinstance(value, Mapping | list | tuple) else ()
    named = [getattr(item, "name", item) for item in items]
    return {"kind": "constant", "values": [name for name in named if isinstance(name, str)]}


def public_names(room: str, module, recorded: Mapping) -> set[str]:
    """List `__all__`, or else what the module defines, and recorded names that still resolve."""
    here = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    known = {name.rpartition(".")[2] for name in recorded if name.rpartition(".")[0] == room}
    listed = getattr(module, "__all__", [name for name in here if not name.startswith("_")])
    return {*listed, *(name for name in known if hasattr(module, name))}


def collect(folder: Path, recorded: Mapping) -> dict:
    """Describe what importing tfslim shows, and write .tflite files into `folder`."""
    names = {}
    for room in ("tfslim", *(f"tfslim.{room}" for room in ROOMS.split()), *BY_OWN_NAME):
        module = importlib.import_module(room)
        known = public_names(room, module, recorded.get("names", {}))
        names |= {f"{room}.{name}": described(getattr(module, name)) for name in known}
    import keras
    import numpy as np

    import tfslim

    first_module("tfslim.layers.fused_batch_norm", "tfslim.fused_norm")  # not loaded by any room
    ours = {name: kind for name, kind in keras.saving.get_custom_objects().items() if name.startswith("tfslim>")}
    image, mask = keras.Input((8, 8, 3), name="image"), keras.Input((8, 8, 3), name="mask")
    masked = keras.layers.Multiply(name="masked")([image, mask])
    logits = keras.layers.Conv2D(4, 3, name="logits")(masked)
    two = keras.Model([image, mask], [logits, keras.layers.ReLU(name="edges")(masked)])
    tfslim.litert.convert(two, folder / "float.tflite")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype("float32")
    one = keras.Model(image, keras.layers.Conv2D(4, 3, name="logits")(image))
    tfslim.litert.convert(one, folder / "clean.tflite", "int8", pixels, "edgetpu")
    tfslim.save_packed(one, folder / "packed.tfslim")
    header = (folder / "packed.tfslim").read_bytes()[:10]
    signatures = tfslim.litert.read(folder / "float.tflite").signatures
    builder = first_module("tfslim.data.tfds.builder", "tfslim.data.tfds_builder").CelebaIdentities
    rules = first_module("tfslim.litert.edgetpu.rules", "tfslim.litert.edgetpu_rules").RULES
    formats = {
        "packed file": {"magic": header[:8].hex(), "schema": int.from_bytes(header[8:], "little")},
        "signatures": {
            name: {end: [*found[end]] for end in ("inputs", "outputs")} for name, found in signatures.items()
        },
        "TFDS builder": {"name": builder.name, "version": str(builder.VERSION)},
        "Edge TPU rules": {rule.id: rule.severity for rule in rules.values()},
        "exit code of Ctrl-C": first_module("tfslim.cli.app", "program").INTERRUPTED,
    }
    return {"names": names, "registered": {name: outside_base(kind) for name, kind in ours.items()}, "formats": formats}


def recipes() -> dict[str, str]:
    """Return file name -> hash of the parsed content of each recipe."""
    files = [*ROOT.glob("training/recipes/*.yaml"), *ROOT.glob("tfslim/**/recipes/*.yaml")]
    texts = {file.name: json.dumps(yaml.safe_load(file.read_text("utf-8")), sort_keys=True) for file in files}
    return {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in texts.items()}


def file_names() -> list[str]:
    """List file names and environment variables that the code spells out."""
    sources = [file for top in ("tfslim", "training", "export") for file in (ROOT / top).rglob("*.py")]
    nodes = [node for file in sources for node in ast.walk(ast.parse(file.read_text("utf-8")))]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return sorted(text for text in texts - SCRATCH if FILE_NAME.fullmatch(text))


def surface(folder: Path) -> dict:
    """Return everything that is recorded, as it is now."""
    (folder / "file").write_text("not a model")
    with ThreadPoolExecutor(2) as pool:
        collecting = pool.submit(run, ROOT, "-m", "tests.public_surface", str(folder))
        flags = pool.map(lambda program: all_flags(folder, program), MISTAKES)
        keys = pool.map(lambda program: recipe_keys(folder, program), WITH_RECIPES)
        codes = pool.map(lambda program: exit_codes(folder, program), MISTAKES)
        collected = collecting.result()
        assert collected.returncode == 0, collected.stderr
        outcomes = pool.map(lambda tried: run_program(folder, *tried).returncode, OUTCOMES.values())
        found = json.loads((folder / "found.json").read_text("utf-8"))
        found["flags"] = dict(zip(MISTAKES, flags, strict=True))
        found["recipe keys"] = dict(zip(WITH_RECIPES, keys, strict=True))
        found["exit codes"] = dict(zip(MISTAKES, codes, strict=True))
        found["exit codes"]["single commands"] = dict(zip(OUTCOMES, outcomes, strict=True))
    return found | {"recipes": recipes(), "file names": file_names()}


def pretty(value: object, indent: str = "") -> str:
    """Format JSON sorted, with each innermost dict on one line if it fits."""
    line = json.dumps(value, ensure_ascii=False, sort_keys=True)
    flat_enough = not isinstance(value, dict) or not any(isinstance(inner, dict) for inner in value.values())
    if not isinstance(value, dict | list) or not value or (flat_enough and len(indent + line) < 120):
        return line
    rows = [pretty(inner, indent + " ") for inner in value] if isinstance(value, list) else []
    if isinstance(value, dict):
        rows = [f"{json.dumps(name)}: {pretty(value[name], indent + ' ')}" for name in sorted(value)]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n" + ",\n".join(f"{indent} {row}" for row in rows) + f"\n{indent}{closing}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        with tempfile.TemporaryDirectory() as scratch:
            RECORD.write_text(pretty(surface(Path(scratch))) + "\n", encoding="utf-8")
    else:
        before = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
        seen = collect(Path(sys.argv[1]), before)
        Path(sys.argv[1], "found.json").write_text(json.dumps(seen), encoding="utf-8")
