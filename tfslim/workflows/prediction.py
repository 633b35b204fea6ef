"""Attributes that a model predicts for photos.

A card is drawn of each photo.
"""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from tfslim.inference.predictor import Predictor

__all__ = ["predict_photos"]

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
SKIPPED = 1  # exit code
BATCH = 32
CARD_PIXELS = 512  # longer side of the photo on its card


def predict_photos(
    model: str,
    photos: list[str],
    out: str = "predictions",
    top: int | None = None,
    crop: Literal["none", "centre"] = "none",
    on_error: Literal["raise", "skip"] = "raise",
    json: bool = False,
) -> int:
    """Predict the attributes in photos and write them.

    They are printed, drawn on cards and written to predictions.json.

    Args:
        model: run folder, .keras, .tflite or .tfslim file.
        photos: image files, or folders of them.
        out: folder for the cards and predictions.json
        top: only the so many likeliest attributes; by default all
        crop: whether to cut the photo's middle to the model's shape before resizing; otherwise it is stretched
        on_error: whether a photo that can't be decoded stops the program or is left out
        json: whether to print JSON in place of tables

    Returns:
        The exit code: 1 if photos were skipped.

    Raises:
        FileNotFoundError: a photo or the model does not exist.
        ImageError: a photo can't be decoded and `on_error` is "raise".
        ValueError: the model gives NaN or infinite logits, or the cards would overwrite a photo.

    Example:
        >>> predict_photos("runs/slimnet", ["photo.jpg"], out="cards")
        0
    """
    from tfslim._support.terminal import progress_bar
    from tfslim.inference.model_files import model_file
    from tfslim.inference.predictor import load_predictor

    file = model_file(model)
    files = _photo_files(photos)
    cards = _card_files(files, Path(out))
    if top is not None and top < 1:
        raise ValueError(f"--top must be 1 or more, found {top}")

    predictor = load_predictor(file, BATCH)
    Path(out).mkdir(parents=True, exist_ok=True)
    answers: list[dict] = []
    skipped: dict[str, str] = {}
    with progress_bar("photos") as move:
        for start in range(0, len(files), BATCH):
            batch = _read(files[start : start + BATCH], predictor.size, crop == "centre", on_error, skipped)
            for photo, image, logits in _answered(predictor, batch):
                answers.append(_answer(photo, cards[photo], logits, predictor, top))
                _draw(answers[-1], image)
            move(min(start + BATCH, len(files)), len(files))
    result = {"model": str(file), "photos": answers, "skipped": skipped}
    _write_json(result, Path(out) / "predictions.json")
    _print(result, json, out)
    return SKIPPED if skipped else 0


def _photo_files(photos: list[str]) -> list[Path]:
    """List the photos, each once.

    These are files as they were given, and the images of folders by name.
    """
    files: dict[Path, None] = {}
    for photo in map(Path, photos):
        if photo.is_dir():
            found = sorted(file for file in photo.iterdir() if file.suffix.lower() in ENDINGS and file.is_file())
            if not found:
                raise ValueError(f"{photo}: this folder holds no image ({', '.join(ENDINGS)})")
            files.update(dict.fromkeys(found))
        elif photo.exists():
            files[photo] = None
        else:
            raise FileNotFoundError(f"{photo}: no such file; give photos, or folders of them")
    return list(files)


def _card_files(photos: list[Path], folder: Path) -> dict[Path, Path]:
    """Return the card file of each photo.

    It is named after the photo, with a number if several photos have one name.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {folder}: there is a file of this name; give a folder")
    cards: dict[Path, Path] = {}
    taken: set[str] = set()
    for photo in photos:
        name, number = photo.stem, 1
        while name in taken:
            number += 1
            name = f"{photo.stem}-{number}"
        taken.add(name)
        cards[photo] = folder / f"{name}.png"
    overwritten = {card.resolve() for card in cards.values()} & {photo.resolve() for photo in photos}
    if overwritten:
        raise ValueError(f"--out {folder}: the cards would overwrite the photo {min(overwritten)}; give another folder")
    return cards


def _read(
    files: list[Path], size: tuple[int, int], crop: bool, on_error: str, skipped: dict[str, str]
) -> "list[tuple[Path, Image.Image]]":
    from tfslim.data.images import ImageError, center_crop, open_rgb

    read = []
    for file in files:
        try:
            image = open_rgb(file.read_bytes(), str(file))
        except (ImageError, OSError) as error:
            if on_error == "raise":
                raise
            skipped[str(file)] = str(error)
        else:
            read.append((file, center_crop(image, size) if crop else image))
    return read


def _answered(predictor: "Predictor", batch: "list[tuple[Path, Image.Image]]"):
    """Yield photo, image and logits."""
    import numpy as np

    from tfslim.data.images import resize

    if batch:
        logits = predictor.logits(np.stack([resize(image, predictor.size) for _, image in batch]))
        for (photo, image), row in zip(batch, logits, strict=True):
            if not np.isfinite(row).all():
                raise ValueError(f"{predictor.path} returned a NaN or infinite logit for {photo}")
            yield photo, image, row


def _answer(photo: Path, card: Path, logits: "np.ndarray", predictor: "Predictor", top: int | None) -> dict:
    rows: list[dict[str, Any]] = [
        {
            "attribute": name,
            "probability": _sigmoid(logit),
            "cut": _sigmoid(threshold),
            "there": bool(logit > threshold),
        }
        for name, logit, threshold in zip(
            predictor.labels.attributes, logits.tolist(), predictor.labels.thresholds, strict=True
        )
    ]
    rows.sort(key=lambda row: -row["probability"])
    return {"file": str(photo), "card": str(card), "attributes": rows[:top]}


def _sigmoid(logit: float) -> float:
    from math import exp

    return 1 / (1 + exp(-logit)) if logit >= 0 else exp(logit) / (1 + exp(logit))


def _draw(answer: dict, image: "Image.Image") -> None:
    import numpy as np

    from tfslim.plots.charts import prediction_card

    image.thumbnail((CARD_PIXELS, CARD_PIXELS))
    names, probabilities, cuts = (
        [row[key] for row in answer["attributes"]] for key in ("attribute", "probability", "cut")
    )
    marked = cuts if any(cut != 0.5 for cut in cuts) else None
    title = Path(answer["file"]).name
    prediction_card(np.asarray(image), names, probabilities, answer["card"], title=title, cuts=marked)


def _write_json(result: dict, path: Path) -> None:
    from tfslim._support.files import replacing

    with replacing(path) as beside:
        Path(beside).write_text(json_format.dumps(result, indent=1) + "\n", encoding="utf-8")


def _print(result: dict, json: bool, out: str) -> None:
    if json:
        print(json_format.dumps(result, indent=1))
        return
    import rich.table
    from rich.markup import escape

    from tfslim._support.terminal import print_table

    for answer in result["photos"]:
        table = rich.table.Table(title=escape(answer["file"]))
        table.add_column("attribute", no_wrap=True)
        table.add_column("probability", justify="right")
        table.add_column("there")
        for row in answer["attributes"]:
            table.add_row(escape(row["attribute"]), f"{row['probability']:.1%}", "yes" if row["there"] else "")
        print_table(table)
    if result["skipped"]:
        print(f"{len(result['skipped'])} skipped:")
    for why in result["skipped"].values():
        print(f"  {why}")
    cards = len(result["photos"])
    print(f"wrote {cards} card{'' if cards == 1 else 's'} and predictions.json to {out}")
