"""The manifest of a folder of kept teacher's outputs: what they are of, and which files are whole."""

import json
from pathlib import Path

from tfslim.atomic import replacing

VERSION = 2  # 1 told teachers apart by their weights alone
MANIFEST = "manifest.json"
KEYS = {"version", "teacher", "stream", "steps", "batch_size", "views", "dtype", "outputs", "files"}


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
    return manifest


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
    described = "; ".join(f"{key}: found {found[key]}, expected {expected[key]}" for key in wrong)
    raise ValueError(f"{folder}: holds a teacher's outputs for something else ({described}); name another folder")
