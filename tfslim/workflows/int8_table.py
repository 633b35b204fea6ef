"""Table of a compression, step by step.

It has bytes, zeros, values and accuracy of the network and of each step's result.
"""

import dataclasses
import gzip
from pathlib import Path
from typing import Any

import keras
import rich.table

import tfslim
from tfslim._support.files import write_json, write_rows
from tfslim._support.terminal import print_table, progress_bar
from tfslim.inference.model_files import load_keras_file
from tfslim.tfmot import KernelContent, file_kernels, model_kernels
from tfslim.training.recipe import Recipe
from tfslim.workflows.evaluation.results import percent
from tfslim.workflows.test_figures import judge_of


def write_int8_table(
    recipe: Recipe,
    models: dict[str, Path],
    model: keras.Model,
    sparse: list[list[str]],
    clustered: list[list[str]],
    epochs: dict[str, int],
    folder: Path,
) -> None:
    """Write the table as JSON, CSV and a picture.

    The table is printed too; the JSON has every kernel.

    Args:
        recipe: the recipe, for its data and task.
        models: label -> file of a model, the original first.
        model: the original.
        sparse: for each layer that was sparsified, the possible names of its kernels.
        clustered: likewise for each layer that was clustered.
        epochs: label -> the chosen epoch, for models that have one; 0 is the start.
        folder: the folder to write.
    """
    judge = judge_of(recipe)
    originals = model_kernels(tfslim.flatten(model))
    layers = [kernel.name.split(" ")[0] for kernel in originals]
    names = [name for layer in dict.fromkeys(layers) for name in kernel_names(layer, depthwise=True)]
    lines: list[dict[str, Any]] = []
    kernels = {}
    with progress_bar("measuring") as move:
        for number, (label, path) in enumerate(models.items(), start=1):
            found = _kernels(path, names)
            content = path.read_bytes()
            sizes = {"bytes": len(content), "gzipped bytes": len(gzip.compress(content))}
            contents = {}
            if sparse:
                contents["least zeros"] = least_zeros(found, sparse, originals)
            if clustered:
                contents["most values"] = most_values(found, clustered, originals)
            if epochs:
                contents["epoch"] = epochs.get(label)
            lines.append({"model": label, **sizes, **contents, **judge(path)})
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


def least_zeros(kernels: list[KernelContent], layers: list[list[str]], originals: list[KernelContent]) -> float | None:
    """Return the least share of zeros in the layers' kernels.

    None is returned if a kernel of the original's is not found.
    """
    found = _of_layers(kernels, layers, originals)
    return min(kernel.zeros for kernel in found) if found else None


def most_values(kernels: list[KernelContent], layers: list[list[str]], originals: list[KernelContent]) -> int | None:
    """Return the most values of a filter in the layers.

    None is returned if a kernel of the original's is not found.
    """
    found = _of_layers(kernels, layers, originals)
    return max(kernel.filter_values for kernel in found) if found else None


def _of_layers(
    kernels: list[KernelContent], layers: list[list[str]], originals: list[KernelContent]
) -> list[KernelContent]:
    """Return the layers' kernels, or none if one is missing.

    The figures of the others would mislead.
    """
    found = []
    for names in layers:
        own = [kernel for kernel in kernels if kernel.name in names]
        if len(own) < sum(kernel.name in names for kernel in originals):
            print(f"note: {names[0]}: not all of its kernels are found in a file; its zeros and values are not shown")
            return []
        found += own
    return found


def kernel_names(layer: str, depthwise: bool) -> list[str]:
    """List the possible names of a layer's kernels.

    They are names in a model and in an int8 file.
    """
    names = [layer, f"{layer} pointwise_kernel", f"{layer}_pointwise"]
    return [*names, f"{layer} depthwise_kernel", f"{layer}_depthwise"] if depthwise else names


def _print(lines: list[dict]) -> None:
    """Print the columns that fit on a screen.

    The files have all columns.
    """
    title = f"compression; shares in %, majority answer: {percent(lines[0]['majority'])}"
    shown = rich.table.Table("model", title=title)
    contents = [name for name in ("least zeros", "most values", "epoch") if name in lines[0]]
    shares = [name for name in lines[0] if name.startswith(("accuracy", "balanced"))]
    for head in ("kB", "gzipped kB", *contents, *shares):
        shown.add_column(head, justify="right")
    for line in lines:
        sizes = (f"{line['bytes'] / 1e3:,.1f}", f"{line['gzipped bytes'] / 1e3:,.1f}")
        inside = (percent(line[name]) if name == "least zeros" else _number(line[name]) for name in contents)
        shown.add_row(line["model"], *sizes, *inside, *(percent(line[name]) for name in shares))
    print_table(shown)


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _draw(lines: list[dict], path: Path) -> None:
    from tfslim.plots.charts import size_against_accuracy

    points = [
        (line["model"], line["gzipped bytes"], 100 * line["accuracy"], line["model"] == "trained int8")
        for line in lines
    ]
    size_against_accuracy(points, path, "compression: accuracy and size", "the gzipped file")
