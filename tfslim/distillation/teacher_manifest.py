"""The manifest of a folder of kept teacher's outputs: what they are of, and which files are whole.

It loads no Keras, as training/runs.py looks at it too.
"""

import json
from pathlib import Path
from typing import Any

from tfslim._support.files import replacing

DTYPES = ("float16", "float32")
VERSION = 2  # 1 told teachers apart by their weights alone
MANIFEST = "manifest.json"
KEYS = {"version", "teacher", "stream", "steps", "batch_size", "views", "dtype", "outputs", "files"}
ABSENT = "nothing"  # said of a key of the stream that an older version did not write, or ours does not


def file_name(epoch: int, name: str) -> str:
    """The file of a layer's outputs in an epoch."""
    return f"epoch{epoch:03d}_{name}.npy"


def write_manifest(folder: Path, manifest: dict) -> None:
    """Writes the manifest beside and renames it."""
    with replacing(folder / MANIFEST) as beside:
        Path(beside).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict:
    """Reads the manifest; raises a ValueError if it is damaged or of another version."""
    path = folder / MANIFEST
    remedy = f"delete {folder} and run the teacher again"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: damaged ({error}); {remedy}") from error
    if not isinstance(manifest, dict) or not manifest.keys() >= KEYS:
        raise ValueError(f"{path}: is no list of a teacher's outputs; {remedy}")
    if manifest["version"] != VERSION:
        raise ValueError(f"{path}: version {manifest['version']}, expected {VERSION}; {remedy}")
    wrong = [key for key, is_right in RIGHT.items() if not is_right(manifest[key])]
    if wrong:
        raise ValueError(f"{path}: damaged ({wrong[0]} is {manifest[wrong[0]]!r}); {remedy}")
    return manifest


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def _is_shape(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


RIGHT = {
    **dict.fromkeys(("steps", "batch_size", "views"), _is_count),
    "outputs": lambda value: isinstance(value, dict) and bool(value) and all(map(_is_shape, value.values())),
    "files": lambda value: isinstance(value, dict),
    "stream": lambda value: isinstance(value, dict),
    "dtype": lambda value: value in DTYPES,
}


def missing_files(manifest: dict) -> list[str]:
    """The files that an interrupted run has not made yet."""
    every = [file_name(epoch, name) for epoch in range(manifest["views"]) for name in manifest["outputs"]]
    return [file for file in every if file not in manifest["files"]]


def is_whole(folder: Path) -> bool:
    """Whether all outputs are there, after which nobody writes into the folder any more; False if it is damaged."""
    try:
        return not missing_files(read_manifest(folder))
    except (OSError, ValueError):
        return False


def check_same(folder: Path, found: dict, expected: dict) -> None:
    """Raises a ValueError unless a manifest holds these values."""
    wrong = [key for key, value in expected.items() if found[key] != value]
    if not wrong:
        return
    if "teacher" in wrong:
        raise ValueError(
            f"{folder}: holds the outputs of another teacher (its weights, layers or input size differ); name another "
            "folder"
        )
    described = "; ".join(line for key in wrong for line in _differences(key, found[key], expected[key]))
    raise ValueError(f"{folder}: holds a teacher's outputs for something else ({described}); name another folder")


def _differences(key: str, found: Any, expected: Any) -> list[str]:
    """A line for each value in which two manifests differ, such as "stream.seed: found 1, expected 2"."""
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = dict.fromkeys([*found, *expected])
        pairs = [(f"{key}.{each}", found.get(each, ABSENT), expected.get(each, ABSENT)) for each in keys]
        return [line for pair in pairs if pair[1] != pair[2] for line in _differences(*pair)]
    return [f"{key}: found {found}, expected {expected}"]
