"""The table of a compression: bytes, zeros, values and accuracy of the network and of each step's result."""

import dataclasses
import gzip
from pathlib import Path

import keras
import rich
import rich.table
from judging import judge_of
from progress import progress_bar
from recipe import Recipe
from results import percent, write_json, write_rows

import tfslim
from tfslim.model_files import load_keras_file
from tfslim.tfmot import KernelContent, file_kernels, model_kernels


def write(
    recipe: Recipe, models: dict[str, Path], model: keras.Model, sparse: list[str], clustered: list[str], folder: Path
) -> None:
    """Prints the table and writes it as JSON (with every kernel) and CSV, and as a picture.

    Args:
        recipe: whose data and task it was.
        models: label -> file of a model, the original first.
        model: the original.
        sparse: names of the kernels that were to get zeros.
        clustered: names of those that were to get few values.
        folder: where to write.
    """
    judge = judge_of(recipe)
    layers = [kernel.name.split(" ")[0] for kernel in model_kernels(tfslim.flatten(model))]
    names = [name for layer in dict.fromkeys(layers) for name in kernel_names(layer, depthwise=True)]
    lines, kernels = [], {}
    with progress_bar("measuring") as move:
        for number, (label, path) in enumerate(models.items(), start=1):
            found = _kernels(path, names)
            content = path.read_bytes()
            sizes = {"bytes": len(content), "gzipped bytes": len(gzip.compress(content))}
            lines.append({"model": label, **sizes, **_contents(found, sparse, clustered), **judge(path)})
            kernels[label] = [dataclasses.asdict(kernel) for kernel in found]
            move(number, len(models))
    lines = [dict.fromkeys(lines[0]) | line for line in lines]
    write_rows(folder / "compression.csv", lines)
    write_json(folder / "compression.json", [line | {"kernels": kernels[line["model"]]} for line in lines])
    _print(lines)
    _draw(lines, folder / "compression.png")
    print(f"wrote {folder / 'compression'}.json, .csv and .png")


def _kernels(path: Path, names: list[str]) -> list[KernelContent]:
    if path.suffix == ".tflite":
        return [kernel for kernel in file_kernels(path, names) if kernel.name in names]
    return model_kernels(tfslim.flatten(load_keras_file(path)))


def _contents(kernels: list[KernelContent], sparse: list[str], clustered: list[str]) -> dict:
    """The least share of zeros among the kernels that were to have some, the most values of a filter likewise."""
    figures = {}
    if sparse:
        figures["least zeros"] = min((kernel.zeros for kernel in kernels if kernel.name in sparse), default=None)
    if clustered:
        values = (kernel.filter_values for kernel in kernels if kernel.name in clustered)
        figures["most values"] = max(values, default=None)
    return figures


def kernel_names(layer: str, depthwise: bool) -> list[str]:
    """What a layer's kernels may be called: those of a separable convolution apart, in a model and in an int8 file."""
    names = [layer, f"{layer} pointwise_kernel", f"{layer}_pointwise"]
    return [*names, f"{layer} depthwise_kernel", f"{layer}_depthwise"] if depthwise else names


def _print(lines: list[dict]) -> None:
    """What fits on a screen; the files have all."""
    title = f"compression; shares in %, always the commonest: {percent(lines[0]['majority'])}"
    shown = rich.table.Table("model", title=title)
    contents = [name for name in ("least zeros", "most values") if name in lines[0]]
    shares = [name for name in lines[0] if name.startswith(("accuracy", "balanced"))]
    for head in ("kB", "gzipped kB", *contents, *shares):
        shown.add_column(head, justify="right")
    for line in lines:
        sizes = (f"{line['bytes'] / 1e3:,.1f}", f"{line['gzipped bytes'] / 1e3:,.1f}")
        inside = (percent(line[name]) if name == "least zeros" else str(line[name]) for name in contents)
        shown.add_row(line["model"], *sizes, *inside, *(percent(line[name]) for name in shares))
    rich.print(shown)


def _draw(lines: list[dict], path: Path) -> None:
    from tfslim.plots import size_against_accuracy

    points = [
        (line["model"], line["gzipped bytes"], 100 * line["accuracy"], line["model"] == "trained int8")
        for line in lines
    ]
    size_against_accuracy(points, path, "compression: accuracy and size", "the gzipped file")
