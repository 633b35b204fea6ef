"""The .tflite files of a model, made and compared.

Each is compared with the model on real images, and the findings are written.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from tfslim.data import CelebA, Records
    from tfslim.workflows.tflite_export import ExportedModel

__all__ = ["export_tflite"]

FAILED = 1  # exit code
KINDS = {"float32": "none", "float16": "float16", "dynamic": "dynamic", "int8": "int8", "int16x8": "int16x8"}
Kind = Literal["float32", "float16", "dynamic", "int8", "int16x8"]
QUANTIZED = ("int8", "int16x8")  # need representative images
REPRESENTATIVE = 200
# outputs -> what the names of its files begin with, and the file of figures
NAMES = {"answers": ("model", "tflite.json"), "embedding": ("embedding", "tflite-embedding.json")}


def export_tflite(
    model: str,
    data: str,
    out: str | None = None,
    outputs: Literal["answers", "embedding"] = "answers",
    kinds: tuple[Kind, ...] = ("float32", "float16", "dynamic", "int8"),
    target: Literal["mobile", "edgetpu"] = "mobile",
    io: Literal["float32", "int8", "uint8"] = "int8",
    representative: int = REPRESENTATIVE,
    part: Literal["train", "validation", "test"] = "validation",
    limit: int = 5000,
    split: Literal["auto", "official", "7:2:1", "random"] = "auto",
    seed: int = 0,
    threads: int = 1,
    licence: str = "",
    training_data: str = "",
    on_error: Literal["raise", "skip"] = "raise",
    max_drop: float | None = None,
    dry_run: bool = False,
) -> int:
    """Create a model's .tflite files and compare each with it.

    Args:
        model: run folder or .keras file.
        data: folder with CelebA's label files and images
        out: folder for the files; by default where the model lies
        outputs: the files' outputs: the model's answers, or the embedding that it computes them from
        kinds: the files to make; int16x8 has activations of 16 bits and weights of 8
        target: the device of the int8 file; edgetpu makes only that kind
        io: dtype of the int8 file's inputs and outputs
        representative: number of images of the train part that set the ranges of the integer files, 20 to 500
        part: the part to compare on
        limit: largest number of images of that part, drawn by the seed
        split: how the images are split: by CelebA's file, 7:2:1 in file order, or 7:2:1 at random; auto is as in the
            training by the people.json or recipe.yaml beside the model, else official
        seed: seed of the drawn images, and of the random split if auto finds none
        threads: CPU threads a file runs on
        licence: of the files, written in their metadata
        training_data: what the model was trained on and under which terms, written in their metadata
        on_error: whether a wrong label row or an image that can't be decoded stops the program or is left out
        max_drop: points (hundredths) of accuracy that a file may lose before the exit code says so
        dry_run: whether to check everything, say what would be made, and stop

    Returns:
        The exit code: 1 if a file could not be made or lost more than `max_drop`.

    Raises:
        ValueError: options do not fit one another, the model or the data.

    Example:
        >>> export_tflite("runs/slimnet", "celeba", kinds=("float32", "int8"))
        0
    """
    from tfslim.inference.model_files import model_file

    file = model_file(model)
    _check_arguments(file, out, outputs, kinds, target, io, representative, limit, threads, max_drop)
    folder = Path(out) if out else file.parent

    from tfslim._support.files import write_json
    from tfslim.data import CelebA
    from tfslim.data.celeba.people import read_people
    from tfslim.data.sampling import drawn
    from tfslim.training.provenance import trained_split
    from tfslim.workflows.evaluation.results import print_skipped
    from tfslim.workflows.tflite_export import read_exported

    people = read_people(file)
    split, split_seed = (trained_split(file) or ("official", seed)) if split == "auto" else (split, seed)
    crop = people.crop if people else None
    celeba = CelebA(data, split=split, seed=split_seed, on_error=on_error, crop=crop)
    train, whole = celeba.part("train"), celeba.part(part)
    exported = read_exported(file, outputs)
    exported.check_folder(folder)
    chosen = drawn(exported.trained_on(train), representative, seed)
    answerable = exported.answerable(whole, part)
    compared = drawn(answerable, limit, seed)
    truth = exported.truth(celeba, compared)
    if truth is None and max_drop is not None:
        raise ValueError(f"--max_drop: {celeba.folder} has no labels to measure the accuracy by; leave it out")
    stem, figures_file = NAMES[outputs]
    paths = {kind: folder / f"{stem}-{kind}.tflite" for kind in kinds}
    plan = f"{file}: {', '.join(path.name for path in paths.values())} into {folder}"
    unknown = len(whole) - len(answerable)
    left_out = f"; {unknown} images of people it does not know are left out" if unknown else ""
    print(f"{plan}; {len(chosen)} representative images, compared on {len(compared)} of the {part} part{left_out}")
    if dry_run:
        return 0

    folder.mkdir(parents=True, exist_ok=True)
    representatives = _read(celeba, chosen, exported)[0] if {*QUANTIZED} & {*kinds} else None
    metadata = exported.metadata(licence, training_data)
    images, rows = _read(celeba, compared, exported)
    truth = None if truth is None else truth[rows]
    exported.write_beside(folder)  # before the files, which would be read otherwise without it
    results: dict[str, dict] = {}
    for kind, path in paths.items():
        options: dict[str, Any] = {"metadata": metadata}
        options |= {"representative": representatives} if kind in QUANTIZED else {}
        options |= {"target": target, "io": io} if kind == "int8" else {}
        results[kind] = _make_file(exported, path, KINDS[kind], options, (images, truth), threads)

    from tfslim.workflows.tflite_table import show

    show(results, exported.task, f"{file}, {len(images):,} images of the {part} part")
    print_skipped(celeba.skipped)
    settings = {"model": str(file), "outputs": outputs, "data": data, "split": split, "part": part, "seed": seed}
    settings |= {"split_seed": split_seed, "crop": crop, "unknown_images": unknown, "skipped": celeba.skipped}
    write_json(folder / figures_file, {**settings, "files": results})
    print(f"wrote {folder / figures_file}")
    return _exit_code(results, max_drop)


def _check_arguments(
    file: Path,
    out: str | None,
    outputs: str,
    kinds: tuple[Kind, ...],
    target: str,
    io: str,
    representative: int,
    limit: int,
    threads: int,
    max_drop: float | None,
) -> None:
    from tfslim.litert.conversion.representative import MAXIMUM, MINIMUM

    if file.suffix != ".keras":
        raise ValueError(f"{file}: files are made from a .keras model, or from a run folder that holds one")
    if not kinds or len(set(kinds)) < len(kinds):
        raise ValueError(f"--kinds {kinds}: name each kind of file once, at least one of {', '.join(KINDS)}")
    if target == "edgetpu" and list(kinds) != ["int8"]:
        raise ValueError(f"--target edgetpu runs int8 only, --kinds are {', '.join(kinds)}: give --kinds int8")
    if io != "int8" and "int8" not in kinds:
        raise ValueError(f"--io is of the int8 file, --kinds are {', '.join(kinds)}: add int8, or leave it out")
    if representative != REPRESENTATIVE and not {*QUANTIZED} & {*kinds}:
        raise ValueError(f"--representative is for integer files, --kinds are {', '.join(kinds)}: leave it out")
    if not MINIMUM <= representative <= MAXIMUM:
        raise ValueError(f"--representative must be {MINIMUM} to {MAXIMUM} images, found {representative}")
    for name, value in {"limit": limit, "threads": threads}.items():
        if value < 1:
            raise ValueError(f"--{name} must be 1 or more, found {value}")
    if max_drop is not None and outputs == "embedding":
        raise ValueError("--max_drop is of accuracy, which an embedding does not have: leave it out")
    if out and Path(out).exists() and not Path(out).is_dir():
        raise ValueError(f"--out {out}: there is a file of this name; give a folder")


def _read(celeba: "CelebA", records: "Records", exported: "ExportedModel") -> "tuple[np.ndarray, list[int]]":
    """Decode images at the model's size.

    The images are returned with the row of each.
    """
    from tfslim._support.terminal import progress_bar
    from tfslim.data.sampling import decoded

    with progress_bar("decoding images") as move:
        return decoded(celeba, records, exported.size, move)


def _make_file(
    exported: "ExportedModel", path: Path, quantization: str, options: dict, images_and_truth: tuple, threads: int
) -> dict:
    """Create one file and compare it with the model.

    Its figures are returned, or the error that kept it from being made.
    """
    from tfslim.litert import ConversionError, convert, verify

    print(f"making {path.name}", file=sys.stderr)
    try:
        made = convert(exported.network, path, quantization, **options)
    except ConversionError as error:
        return {"error": str(error)}
    meaning: dict[str, Any] = {}
    if exported.labels:
        meaning = {"thresholds": exported.labels.thresholds, "names": exported.labels.attributes}
    found = verify(exported.network, path, *images_and_truth, task=exported.task, **meaning, threads=threads)
    figures = {"file": path.name, **made.figures, **found.figures, "in_float": made.skipped}
    return figures | ({"per_attribute": found.per_attribute} if exported.labels else {})


def _exit_code(results: dict[str, dict], max_drop: float | None) -> int:
    """Return the exit code, and print each file's error.

    A file that was not made or lost too much has one; the code is then 1.
    """
    code = 0
    for row in results.values():
        drop = 100 * (row.get("accuracy_keras", 0) - row.get("accuracy_tflite", 0))
        if "error" in row:
            print(f"error: {row['error']}", file=sys.stderr)
            code = FAILED
        elif max_drop is not None and drop > max_drop:
            print(f"error: {row['file']} loses {drop:.2f} points of accuracy, more than {max_drop}", file=sys.stderr)
            code = FAILED
    return code
