"""Makes the .tflite files of a model and compares each with it on real images."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))  # what all programs share lies there
import program  # noqa: E402

if TYPE_CHECKING:
    import keras
    import numpy as np

    from tfslim.data import CelebA
    from tfslim.data.names import Labels
    from tfslim.data.records import Records

DESCRIPTION = """\
Makes the .tflite files of a model (float32, float16, dynamic range, full int8) and compares each with it.

Images of the train part set the ranges of the int8 file; those of another part are answered by the Keras model and by
each file: largest and mean logit error, answers that flip, accuracy of both. Writes model-float32.tflite and so on,
tflite.json and, where there is none, labels.json. The exit code is 1 if a file could not be made or lost too much.

Examples:
  python export/tflite.py runs/slimnet --data celeba
  python export/tflite.py face.keras --data celeba --part test --out files --max_drop 0.3
  python export/tflite.py runs/slimnet --data celeba --kinds '[int8]' --target edgetpu --dry_run
"""
FAILED = 1  # exit code
KINDS = {"float32": "none", "float16": "float16", "dynamic": "dynamic", "int8": "int8"}
Kind = Literal["float32", "float16", "dynamic", "int8"]


def main(
    model: str,
    data: str,
    out: str | None = None,
    kinds: tuple[Kind, ...] = tuple(KINDS),
    target: Literal["mobile", "edgetpu"] = "mobile",
    io: Literal["float32", "int8", "uint8"] = "int8",
    representative: int = 200,
    part: Literal["train", "validation", "test"] = "validation",
    limit: int = 5000,
    split: Literal["official", "7:2:1", "random"] = "official",
    seed: int = 0,
    threads: int = 1,
    on_error: Literal["raise", "skip"] = "raise",
    max_drop: float | None = None,
    dry_run: bool = False,
) -> int:
    """Makes the .tflite files of a model.

    Args:
        model: run folder or .keras file.
        data: folder with CelebA's label files and images
        out: folder for the files; by default where the model lies
        kinds: the files to make
        target: what the int8 file is for; edgetpu makes only that kind
        io: inputs and outputs of the int8 file
        representative: images of the train part that set the ranges of the int8 file, 20 to 500
        part: the part to compare on
        limit: at most so many images of that part, drawn by the seed
        split: how the images are parted: by CelebA's file, 7:2:1 in file order, or 7:2:1 at random
        seed: of the drawing of images and of the random split
        threads: CPU threads a file runs on
        on_error: whether a wrong label row or an image that can't be decoded stops the program or is left out
        max_drop: points (hundredths) of accuracy that a file may lose before the exit code says so
        dry_run: check everything and say what would be made.
    """
    from tfslim.predictor import model_file

    file = model_file(model)
    _check_arguments(file, out, kinds, target, representative, limit, threads)
    folder = Path(out) if out else file.parent

    from tfslim.data import CelebA
    from tfslim.data.names import attribute_columns, read_labels

    celeba = CelebA(data, split=split, seed=seed, on_error=on_error)
    chosen = _drawn(celeba.part("train"), representative, seed)
    compared = _drawn(celeba.part(part), limit, seed)
    network = _load(file)
    labels = read_labels(file, outputs=network.output_shape[-1])
    columns = attribute_columns(labels.attributes, celeba.attribute_names) if celeba.attribute_names else None
    paths = {kind: folder / f"model-{kind}.tflite" for kind in kinds}
    plan = f"{file}: {', '.join(path.name for path in paths.values())} into {folder}"
    print(f"{plan}; {len(chosen)} representative images, compared on {len(compared)} of the {part} part")
    if dry_run:
        return 0

    folder.mkdir(parents=True, exist_ok=True)
    size = tuple(network.input_shape[1:3])
    representatives = _decoded(celeba, chosen, size)[0] if "int8" in kinds else None
    images, rows = _decoded(celeba, compared, size)
    truth = None if columns is None else compared.attributes[rows][:, columns]
    results = {}
    for kind, path in paths.items():
        options = {"target": target, "io": io, "representative": representatives} if kind == "int8" else {}
        results[kind] = _made(network, path, KINDS[kind], options, (images, truth), labels, threads)
    if not (folder / "labels.json").exists():
        from tfslim.data.names import write_labels

        write_labels(folder, labels.attributes, labels.thresholds)
    _show(results, f"{file}, {len(images):,} images of the {part} part")
    settings = {"model": str(file), "data": data, "split": split, "part": part, "seed": seed, "skipped": celeba.skipped}
    _write_json(folder / "tflite.json", {**settings, "files": results})
    return _verdict(results, max_drop)


def _check_arguments(
    file: Path, out: str | None, kinds, target: str, representative: int, limit: int, threads: int
) -> None:
    from tfslim.litert.calibration import MAXIMUM, MINIMUM

    if file.suffix != ".keras":
        raise ValueError(f"{file}: files are made from a .keras model, or from a run folder that holds one")
    if not kinds or len(set(kinds)) < len(kinds):
        raise ValueError(f"--kinds {kinds}: name each kind of file once, at least one of {', '.join(KINDS)}")
    if target == "edgetpu" and list(kinds) != ["int8"]:
        raise ValueError(f"--target edgetpu runs int8 only, --kinds are {', '.join(kinds)}: add --kinds '[int8]'")
    if not MINIMUM <= representative <= MAXIMUM:
        raise ValueError(f"--representative must be {MINIMUM} to {MAXIMUM} images, found {representative}")
    for name, value in {"limit": limit, "threads": threads}.items():
        if value < 1:
            raise ValueError(f"--{name} must be 1 or more, found {value}")
    if out and Path(out).exists() and not Path(out).is_dir():
        raise ValueError(f"--out {out}: there is a file of this name; give a folder")


def _drawn(records: "Records", count: int, seed: int) -> "Records":
    import numpy as np

    if len(records) <= count:
        return records
    return records[np.sort(np.random.default_rng(seed).choice(len(records), count, replace=False))]


def _load(file: Path) -> "keras.Model":
    import keras

    import tfslim.layers  # noqa: F401  registers our layers, for a person's own model that uses them

    try:
        network = keras.models.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file ends in whatever exception the first part to read it meets
        raise ValueError(f"{file}: Keras can't load it: {type(error).__name__}: {error}") from error
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise ValueError(
            f"{file}: {len(network.inputs)} inputs and {len(network.outputs)} outputs; expected one of each"
        )
    shape = network.input_shape
    if len(shape) != 4 or shape[3] != 3 or None in shape[1:] or len(network.output_shape) != 2:
        raise ValueError(
            f"{file}: takes {shape} and gives {network.output_shape}; expected (N, height, width, 3) of a fixed size "
            "and (N, attributes)"
        )
    return network


def _decoded(celeba: "CelebA", records: "Records", size: tuple[int, int]) -> tuple["np.ndarray", list[int]]:
    """The images that can be decoded, (N, height, width, 3) uint8, and the row of each; others as `on_error` says."""
    import numpy as np

    from tfslim.data.images import ImageError
    from tfslim.data.loading import each_image

    images, rows = np.empty((len(records), *size, 3), "uint8"), []
    for row, found in each_image(celeba.source, records.files.tolist(), lambda _, image: celeba.fit(image, size)):
        if not isinstance(found, ImageError):
            images[len(rows)] = found
            rows.append(row)
        elif celeba.on_error == "raise":
            raise found
        else:
            celeba.skip(str(records.files[row]), str(found))
    return images[: len(rows)], rows


def _made(network, path: Path, quantization: str, options: dict, images, labels: "Labels", threads: int) -> dict:
    """Makes one file and compares it; gives its figures, or why there are none."""
    from tfslim.litert import ConversionError, convert, verify

    print(f"making {path.name}", file=sys.stderr)
    try:
        made = convert(network, path, quantization, **options)
    except ConversionError as error:
        return {"error": str(error)}
    found = verify(network, path, *images, thresholds=labels.thresholds, names=labels.attributes, threads=threads)
    figures = {**made.figures, **found.figures}
    return {"file": path.name, **figures, "in_float": made.skipped, "per_attribute": found.per_attribute}


def _show(results: dict[str, dict], title: str) -> None:
    import rich.box
    import rich.table
    from rich.markup import escape

    heads = ("bytes", "gzipped", "largest\nerror", "mean\nerror", "flips", "flips,\n%", "Keras,\n%", "file,\n%")
    columns = [rich.table.Column(head, justify="right", no_wrap=True) for head in heads]
    first = rich.table.Column("file", no_wrap=True)
    table = rich.table.Table(
        first, *columns, title=escape(title), box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False
    )
    for kind, row in results.items():
        if "error" in row:
            table.add_row(kind, "not made")
            continue
        accuracies = [f"{100 * row[key]:.2f}" if key in row else "" for key in ("accuracy_keras", "accuracy_tflite")]
        errors = [f"{row[key]:.1e}" for key in ("max_abs_logit_error", "mean_abs_logit_error")]
        sizes = [f"{row[key]:,}" for key in ("bytes", "gzipped", "flips")]
        table.add_row(kind, *sizes[:2], *errors, sizes[2], f"{100 * row['flip_share']:.3f}", *accuracies)
    rich.print(table)
    for kind, row in results.items():
        for tensor, why in row.get("in_float", {}).items():
            print(f"{kind}: {tensor}: {why}")


def _write_json(path: Path, content: dict) -> None:
    from tfslim.atomic import replacing

    with replacing(path) as beside:
        Path(beside).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def _verdict(results: dict[str, dict], max_drop: float | None) -> int:
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


if __name__ == "__main__":
    program.run(
        main,
        DESCRIPTION,
        positional={"model": "run folder (its model.keras) or .keras file"},
        flags={"dry_run": "check everything and say what would be made"},
    )
