"""CelebA's 40 attributes, and the ``labels.json`` beside a model.

Source: Liu, Luo, Wang, Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015; the order is that of
``list_attr_celeba.txt``.
"""

import dataclasses
import difflib
import json
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from tfslim._support.files import replacing

__all__ = ["ATTRIBUTES", "read_labels", "write_labels"]

ATTRIBUTES: tuple[str, ...] = (
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
)


@dataclasses.dataclass(frozen=True)
class Labels:
    """Attribute name and logit threshold of each model output."""

    attributes: tuple[str, ...]
    thresholds: tuple[float, ...]


def attribute_columns(wanted: Sequence[str], known: Sequence[str] = ATTRIBUTES) -> list[int]:
    """Return the column index of each wanted attribute.

    Args:
        wanted: attribute names, without repeats.
        known: names of all columns, in order.

    Raises:
        ValueError: if a name is unknown (near matches are suggested) or repeated, or `wanted` is empty.

    Example:
        >>> attribute_columns(["Smiling", "Male"])
        [31, 20]
    """
    if isinstance(wanted, str):
        raise ValueError(f"attributes must be a list of names, found the single string {wanted!r}; use [{wanted!r}]")
    if not wanted:
        raise ValueError("attributes is an empty list; name at least one, or use None for all")
    column = {name: index for index, name in enumerate(known)}
    for position, name in enumerate(wanted):
        if name not in column:
            raise ValueError(f"unknown attribute {name!r}{_suggestion(str(name), known)}")
        if name in wanted[:position]:
            raise ValueError(f"duplicate attribute {name!r}; list each attribute once")
    return [column[name] for name in wanted]


def _suggestion(name: str, known: Sequence[str]) -> str:
    plain = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower().replace(" ", "_").replace("-", "_"), plain, n=3, cutoff=0.5)
    if near:
        return "; did you mean " + " or ".join(repr(plain[n]) for n in near) + "?"
    return f"; the names are: {', '.join(known)}"


def write_labels(
    path: str | os.PathLike, attributes: Sequence[str], thresholds: Sequence[float] | None = None
) -> pathlib.Path:
    """Write ``labels.json`` beside a model file or into its folder.

    Args:
        path: a model file, or its folder.
        attributes: name of each output.
        thresholds: logit above which each output is positive; None means 0.0 for all.

    Returns:
        The path of the written ``labels.json``.

    Raises:
        ValueError: if `thresholds` does not hold one finite number per attribute, or a name is repeated.
    """
    thresholds = [0.0] * len(attributes) if thresholds is None else [float(t) for t in thresholds]
    target = _labels_path(path)
    labels = _checked(target, list(attributes), thresholds, outputs=None)
    with replacing(target) as temporary:
        pathlib.Path(temporary).write_text(json.dumps(dataclasses.asdict(labels), indent=1) + "\n", encoding="utf-8")
    return target


def read_labels(path: str | os.PathLike, outputs: int | None = None) -> Labels:
    """Read the ``labels.json`` beside a model file.

    If the file does not exist, 40 outputs are taken as CelebA's 40 attributes.

    Args:
        path: a model file (``.keras``, ``.tflite``), or its folder.
        outputs: number of outputs of the model, to be compared with the file; None skips the check.

    Raises:
        ValueError: if the file is damaged or does not match the number of outputs, or if it does not exist and the
            number of outputs is not 40.
    """
    target = _labels_path(path)
    if not target.is_file():
        if outputs not in (None, len(ATTRIBUTES)):
            raise ValueError(
                f"{target} does not exist and the model has {outputs} outputs, not CelebA's {len(ATTRIBUTES)}; "
                f'put a labels.json beside the model: {{"attributes": [...], "thresholds": [...]}}'
            )
        return Labels(ATTRIBUTES, (0.0,) * len(ATTRIBUTES))
    try:
        content = json.loads(target.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{target} is not JSON in UTF-8: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("attributes"), list):
        raise ValueError(f'{target}: expected {{"attributes": [names], "thresholds": [numbers]}}')
    attributes = content["attributes"]
    return _checked(target, attributes, content.get("thresholds", [0.0] * len(attributes)), outputs)


def _labels_path(path: str | os.PathLike) -> pathlib.Path:
    path = pathlib.Path(path)
    return (path if path.is_dir() else path.parent) / "labels.json"


def _checked(target: pathlib.Path, attributes: list, thresholds: Any, outputs: int | None) -> Labels:
    if not attributes or not all(isinstance(name, str) and name for name in attributes):
        raise ValueError(f"{target}: attributes must be a list of names, found {attributes!r}")
    if len(set(attributes)) != len(attributes):
        raise ValueError(f"{target}: duplicate attribute names; name each attribute once")
    numbers = isinstance(thresholds, list) and all(
        isinstance(t, int | float) and not isinstance(t, bool) and math.isfinite(t) for t in thresholds
    )
    if not numbers or len(thresholds) != len(attributes):
        raise ValueError(f"{target}: thresholds must be {len(attributes)} finite numbers, one per attribute")
    if outputs is not None and outputs != len(attributes):
        raise ValueError(f"{target} names {len(attributes)} attributes, but the model has {outputs} outputs")
    return Labels(tuple(attributes), tuple(float(t) for t in thresholds))
