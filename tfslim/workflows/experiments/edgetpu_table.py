"""Table of Edge TPU findings for the zoo.

Every model of the zoo and some of keras.applications are converted, and the files linted.
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["write_edgetpu_table"]

FAILED = 1  # exit code
APPLICATIONS = (
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "ResNet50",
    "EfficientNetB0",
    "DenseNet121",
    "NASNetMobile",
)
KERAS = "keras.applications"


def write_edgetpu_table(
    size: int = 96,
    models: tuple[str, ...] = (),
    images: int = 20,
    seed: int = 0,
    out: str | None = None,
    keep: str | None = None,
) -> int:
    """Convert and lint models, and write their Edge TPU table.

    The table is printed too.

    Args:
        size: height and width of the images, in pixels
        models: names of rows as the table has them; all by default
        images: representative images, drawn at random
        seed: of weights and images
        out: Markdown file to write; the same as JSON lies beside it
        keep: folder to keep the .tflite files in, as converted and without overhead (-slim)

    Returns:
        The exit code: 1 if a model of the zoo is not clean.

    Raises:
        ValueError: a name is not a row's, or `out` can't be written.

    Example:
        >>> write_edgetpu_table(models=("SlimNet",))
        0
    """
    if out and Path(out).suffix == ".json":
        raise ValueError(f"--out {out}: the JSON beside the table would have this name; name the table, as edgetpu.md")
    if out and not Path(out).parent.is_dir():
        raise ValueError(f"--out {out}: the folder {Path(out).parent} does not exist; make it first")

    import keras
    import numpy as np

    rows = _rows(size)
    if unknown := set(models) - set(rows):
        raise ValueError(f"--models {', '.join(sorted(unknown))}; the rows are {', '.join(rows)}")
    drawn = np.random.default_rng(seed).integers(0, 256, (images, size, size, 3), dtype="uint8")
    results = {}
    with _folder(keep) as folder:
        for name in models or rows:
            keras.utils.set_random_seed(seed)
            print(f"converting {name}", file=sys.stderr)
            stem = str(folder / name.replace(" ", "-"))
            results[name] = {"zoo": not name.startswith(KERAS), **_result(rows[name](), drawn, stem)}
            keras.backend.clear_session()
    table = _markdown(results, size)
    print(table)
    if out:
        from tfslim._support.files import replacing

        for path, text in ((Path(out), table), (Path(out).with_suffix(".json"), json.dumps(results, indent=2))):
            with replacing(path) as beside:
                Path(beside).write_text(text + "\n", encoding="utf-8")
    unclean = [name for name, row in results.items() if row["zoo"] and row["mapped"] < row["operators"]]
    for name in unclean:
        print(f"error: {name} is not clean: {', '.join(results[name]['errors'])}", file=sys.stderr)
    return FAILED if unclean else 0


def _rows(size: int) -> dict[str, Callable]:
    """Return functions that build the models, by row name."""
    import keras

    import tfslim
    from tfslim.models.vgg11 import MODULES

    shape = (size, size, 3)
    rows = {
        name: (lambda name=name: getattr(tfslim.models, name)(shape))
        for name in ("SlimNet", "MobileNet", "ResNet18", "SqueezeNet")
    }
    rows |= {f"VGG11 {module}": (lambda module=module: tfslim.models.VGG11(shape, module=module)) for module in MODULES}
    return rows | {
        f"{KERAS} {name}": (lambda name=name: getattr(keras.applications, name)(input_shape=shape, weights=None))
        for name in APPLICATIONS
    }


@contextlib.contextmanager
def _folder(keep: str | None) -> Iterator[Path]:
    if keep:
        Path(keep).mkdir(parents=True, exist_ok=True)
        yield Path(keep)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _result(model, images, stem: str) -> dict:
    from tfslim.litert import convert, lint, slim_file

    path = f"{stem}.tflite"
    report = convert(model, path, "int8", representative=images, target="edgetpu")
    result = lint(path)
    slim = slim_file(path, f"{stem}-slim.tflite")
    return {
        "params": report.figures["params"],
        "bytes": report.figures["bytes"],
        "gzipped": report.figures["gzipped"],
        "slim_bytes": slim.figures["bytes"],
        "operators": len(result.placements),
        "mapped": result.mapped,
        "errors": sorted({finding.rule.id for finding in result.errors}),
        "warnings": sorted({finding.rule.id for finding in result.findings if finding.rule.severity == "warning"}),
        "rewritten": len(report.done) - 1,
        "estimated_ms": result.estimates.latency_ms if result.estimates else None,
    }


def _markdown(results: dict[str, dict], size: int) -> str:
    lines = [
        f"| {size}x{size}, int8 | parameters | bytes | without overhead | layers rewritten | operators "
        "| on the Edge TPU | errors | warnings | estimated ms |",
        "|---|--:|--:|--:|--:|--:|--:|---|---|--:|",
    ]
    for name, row in results.items():
        estimate = "" if row["estimated_ms"] is None else f"{row['estimated_ms']:.2f}"
        lines.append(
            f"| {name} | {row['params']:,} | {row['bytes']:,} | {row['slim_bytes']:,} | {row['rewritten']} | "
            f"{row['operators']} | {row['mapped']} | {' '.join(row['errors']) or 'none'} | "
            f"{' '.join(row['warnings']) or 'none'} | {estimate} |"
        )
    return "\n".join(lines)
