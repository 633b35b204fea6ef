"""The names of a model's outputs: CelebA's 40 attributes, and the ``labels.json`` that lies beside a model file.

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

from tfslim._support.files import replacing

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
    """What a model's outputs mean: one attribute name and one threshold (on the logit) an output."""

    attributes: tuple[str, ...]
    thresholds: tuple[float, ...]


def attribute_columns(wanted: Sequence[str], known: Sequence[str] = ATTRIBUTES) -> list[int]:
    """Gives the column of each wanted attribute among the known ones.

    Args:
        wanted: attribute names, without repeats.
        known: the names there are, in column order.

    Raises:
        ValueError: a name that is not known (near matches are suggested), a repeated name, or no name at all.

    Example:
        >>> attribute_columns(["Smiling", "Male"])
        [31, 20]
    """
    if isinstance(wanted, str):
        raise ValueError(f"attributes must be a list of names, found the single string {wanted!r}: write [{wanted!r}]")
    if not wanted:
        raise ValueError("attributes is an empty list: name at least one, or give None for all of them")
    column = {name: index for index, name in enumerate(known)}
    for position, name in enumerate(wanted):
        if name not in column:
            raise ValueError(f"unknown attribute {name!r}{_suggestion(str(name), known)}")
        if name in wanted[:position]:
            raise ValueError(f"attribute {name!r} is asked for twice")
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
    """Writes ``labels.json`` beside a model file, or into a run folder.

    Args:
        path: a model file, or the folder it lies in.
        attributes: the name of each output.
        thresholds: the logit above which each output means yes; 0.0 for all when None.

    Returns:
        The path of the ``labels.json`` written.

    Raises:
        ValueError: not one finite threshold an attribute.
    """
    thresholds = [0.0] * len(attributes) if thresholds is None else [float(t) for t in thresholds]
    target = _labels_path(path)
    labels = _checked(target, list(attributes), thresholds, outputs=None)
    with replacing(target) as beside:
        pathlib.Path(beside).write_text(json.dumps(dataclasses.asdict(labels), indent=1) + "\n", encoding="utf-8")
    return target


def read_labels(path: str | os.PathLike, outputs: int | None = None) -> Labels:
    """Reads the ``labels.json`` beside a model file; without one, 40 outputs are CelebA's 40 attributes.

    Args:
        path: a model file (``.keras``, ``.tflite``), or the folder it lies in.
        outputs: the number of outputs of the model, checked against the file; None leaves it unchecked.

    Raises:
        ValueError: the file is damaged, or does not fit the number of outputs; or there is no file and the number
            of outputs is not 40.
    """
    target = _labels_path(path)
    if not target.is_file():
        if outputs not in (None, len(ATTRIBUTES)):
            raise ValueError(
                f"{target} does not exist and the model has {outputs} outputs, not CelebA's {len(ATTRIBUTES)}: "
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


def _checked(target: pathlib.Path, attributes: object, thresholds: object, outputs: int | None) -> Labels:
    if not attributes or not all(isinstance(name, str) and name for name in attributes):
        raise ValueError(f"{target}: attributes must be a list of names, found {attributes!r}")
    if len(set(attributes)) != len(attributes):
        raise ValueError(f"{target}: an attribute is named twice")
    numbers = isinstance(thresholds, list) and all(
        isinstance(t, int | float) and not isinstance(t, bool) and math.isfinite(t) for t in thresholds
    )
    if not numbers or len(thresholds) != len(attributes):
        raise ValueError(f"{target}: thresholds must be {len(attributes)} finite numbers, one an attribute")
    if outputs is not None and outputs != len(attributes):
        raise ValueError(f"{target} names {len(attributes)} attributes, but the model has {outputs} outputs")
    return Labels(tuple(attributes), tuple(float(t) for t in thresholds))
