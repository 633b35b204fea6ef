"""Models of the zoo and of keras.applications converted for the Edge TPU, linted and slimmed: a table."""

import json as jsonlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))  # what all programs share lies there
import program  # noqa: E402

if TYPE_CHECKING:
    import keras

DESCRIPTION = """\
Converts models with target="edgetpu", lints the files, writes them again without overhead, and says of each how many
operators the linter expects on the Edge TPU, which rules it breaks and which operators stay on the CPU. Weights are
random: none of this depends on them. Nothing is compiled and nothing is run on an Edge TPU; the milliseconds are a
published fit.

Examples:
  python benchmarks/edgetpu_models.py --out edgetpu-files --json edgetpu.json
  python benchmarks/edgetpu_models.py --models '[SlimNet, MobileNetV2]'
"""
# name -> model name, input, arguments of tfslim.models
ZOO: dict[str, tuple[str, tuple[int, int, int], dict]] = {
    "SlimNet": ("SlimNet", (218, 178, 3), {"classes": 40}),
    "MobileNet 0.5, attributes": ("MobileNet", (128, 128, 3), {"classes": 40, "alpha": 0.5}),
    "ResNet18, attributes": ("ResNet18", (224, 224, 3), {"classes": 40}),
    "SqueezeNet, embedding": ("SqueezeNet", (113, 113, 3), {}),
    "VGG11 standard": ("VGG11", (64, 64, 3), {"classes": 1000}),
    "VGG11 fire": ("VGG11", (64, 64, 3), {"classes": 1000, "module": "fire"}),
    "VGG11 separable": ("VGG11", (64, 64, 3), {"classes": 1000, "module": "separable"}),
    "VGG11 flame": ("VGG11", (64, 64, 3), {"classes": 1000, "module": "flame"}),
}
APPLICATIONS = (
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "ResNet50",
    "EfficientNetB0",
    "DenseNet121",
    "NASNetMobile",
)
SIZE = (96, 96, 3)  # of keras.applications
IMAGES = 20


def make(name: str) -> "keras.Model":
    """A model by its name in the table, with random weights."""
    import keras

    import tfslim

    if name in ZOO:
        kind, shape, arguments = ZOO[name]
        return getattr(tfslim.models, kind)(shape, **arguments)
    return getattr(keras.applications, name)(input_shape=SIZE, weights=None, classes=1000)


def measured(name: str, folder: Path) -> dict:
    """Converts, lints and slims one model; the figures of a row."""
    import keras
    import numpy as np

    import tfslim

    keras.utils.set_random_seed(0)
    model = make(name)
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, *model.inputs[0].shape[1:]), dtype="uint8")
    path = folder / f"{name.replace(' ', '-').replace(',', '')}.tflite"
    slim = path.with_suffix(".slim.tflite")
    tfslim.litert.convert(model, path, "int8", representative=images, target="edgetpu")
    report = tfslim.litert.slim_file(path, slim)
    result = tfslim.litert.lint(slim)
    return {
        "name": name,
        "input": "x".join(map(str, model.inputs[0].shape[1:])),
        "parameters": model.count_params(),
        "bytes": report.figures["bytes_before"],
        "slim_bytes": report.figures["bytes"],
        "operators": len(result.placements),
        "mapped": result.mapped,
        "errors": sorted({finding.rule.id for finding in result.errors}),
        "left": sorted({row.operator.name for row in result.placements if row.place == "CPU"}),
        "estimate_ms": result.estimates.latency_ms if result.estimates else None,
    }


def main(models: tuple[str, ...] = (*ZOO, *APPLICATIONS), out: str | None = None, json: str | None = None) -> None:
    """Prints the table.

    Args:
        models: names of models, of those that are there by default
        out: folder to keep the files in; by default they are not kept
        json: JSON file for the figures
    """
    unknown = [name for name in models if name not in (*ZOO, *APPLICATIONS)]
    if unknown:
        raise ValueError(f"--models {unknown}: expected some of {', '.join((*ZOO, *APPLICATIONS))}")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(out or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name in models:
            rows.append(measured(name, folder))
            print(f"{name}: {rows[-1]['mapped']} of {rows[-1]['operators']} mapped", file=sys.stderr)
    print(_table(rows))
    if json:
        from tfslim.atomic import replacing

        with replacing(json) as beside:
            Path(beside).write_text(jsonlib.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _table(rows: list[dict]) -> str:
    from tfslim.text_table import text_table

    cells = [
        [
            row["name"],
            row["input"],
            f"{row['parameters']:,}",
            f"{row['bytes']:,}",
            f"{row['slim_bytes']:,}",
            f"{row['mapped']} of {row['operators']}",
            ", ".join([*row["errors"], *row["left"]]),
            "-" if row["estimate_ms"] is None else f"{row['estimate_ms']:.2f}",
        ]
        for row in rows
    ]
    head = ["model", "input", "parameters", "bytes", "slimmed", "mapped", "not mapped", "estimate, ms"]
    return text_table(cells, align="<<>>>><>", head=head)


if __name__ == "__main__":
    program.run(main, DESCRIPTION)
