"""Manifest of a folder of stored teacher outputs.

It names the teacher and the stream, and the files that are complete. It does not import Keras, since
`tfslim.training.run_folder` reads it too.
"""

import json
from pathlib import Path
from typing import Any

from tfslim._support.files import replacing

__all__ = ["check_same", "file_name", "is_whole", "missing_files", "read_manifest", "write_manifest"]

DTYPES = ("float16", "float32")
VERSION = 2  # version 1 identified teachers by their weights only
MANIFEST = "manifest.json"
KEYS = {"version", "teacher", "stream", "steps", "batch_size", "views", "dtype", "outputs", "files"}
ABSENT = "nothing"  # value shown for a key of the stream that only one of two manifests has


def file_name(epoch: int, name: str) -> str:
    """Return the file name of one layer and epoch."""
    return f"epoch{epoch:03d}_{name}.npy"


def write_manifest(folder: Path, manifest: dict) -> None:
    """Write the manifest atomically."""
    with replacing(folder / MANIFEST) as temporary:
        Path(temporary).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict:
    """Read the manifest of a folder.

    Raises:
        FileNotFoundError: if the folder has no manifest.
        ValueError: if it is damaged or of another version.
    """
    path = folder / MANIFEST
    remedy = f"delete {folder} and run the teacher again"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: damaged ({error}); {remedy}") from error
    if not isinstance(manifest, dict) or not manifest.keys() >= KEYS:
        raise ValueError(f"{path}: not a manifest of teacher outputs; {remedy}")
    if manifest["version"] != VERSION:
        raise ValueError(f"{path}: version {manifest['version']}, expected {VERSION}; {remedy}")
    invalid = [key for key, is_valid in VALIDATORS.items() if not is_valid(manifest[key])]
    if invalid:
        raise ValueError(f"{path}: damaged ({invalid[0]} is {manifest[invalid[0]]!r}); {remedy}")
    return manifest


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def _is_shape(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


VALIDATORS = {
    **dict.fromkeys(("steps", "batch_size", "views"), _is_count),
    "outputs": lambda value: isinstance(value, dict) and bool(value) and all(map(_is_shape, value.values())),
    "files": lambda value: isinstance(value, dict),
    "stream": lambda value: isinstance(value, dict),
    "dtype": lambda value: value in DTYPES,
}


def missing_files(manifest: dict) -> list[str]:
    """Return the files that an interrupted run left out."""
    expected = [file_name(epoch, name) for epoch in range(manifest["views"]) for name in manifest["outputs"]]
    return [file for file in expected if file not in manifest["files"]]


def is_whole(folder: Path) -> bool:
    """Return whether a folder holds all outputs, undamaged.

    No process writes into a complete folder.
    """
    try:
        return not missing_files(read_manifest(folder))
    except (OSError, ValueError):
        return False


def check_same(folder: Path, found: dict, expected: dict) -> None:
    """Check that a manifest holds the expected values.

    Raises:
        ValueError: if it does not; names the differences.
    """
    different = [key for key, value in expected.items() if found[key] != value]
    if not different:
        return
    if "teacher" in different:
        raise ValueError(
            f"{folder}: holds the outputs of another teacher (its weights, layers or input size differ); use another "
            "folder"
        )
    described = "; ".join(line for key in different for line in _differences(key, found[key], expected[key]))
    raise ValueError(f"{folder}: holds teacher outputs for other settings ({described}); use another folder")


def _differences(key: str, found: Any, expected: Any) -> list[str]:
    """List differing values, such as "stream.seed: found 1, expected 2"."""
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = dict.fromkeys([*found, *expected])
        pairs = [(f"{key}.{each}", found.get(each, ABSENT), expected.get(each, ABSENT)) for each in keys]
        return [line for pair in pairs if pair[1] != pair[2] for line in _differences(*pair)]
    return [f"{key}: found {found}, expected {expected}"]
