"""Charts of attributes, predictions, model sizes, pruning and bit widths."""

import itertools
import os
from collections.abc import Mapping, Sequence

import numpy as np

from tfslim._support.files import replacing
from tfslim._support.text import plotted
from tfslim.metrics.attributes import AttributeTable

__all__ = ["attribute_bars", "bits_curve", "prediction_card", "pruning_curve", "size_against_accuracy"]

INK, PALE, FLOOR, BAR, WORSE, MARK = "#1f2933", "#d9dee4", "#aebccb", "#2f6f9f", "#c2543a", "#e09f1f"


def attribute_bars(table: AttributeTable, path: str | os.PathLike, title: str = "") -> None:
    """Plot the accuracy of each attribute above its majority baseline.

    The best attribute is on top. The gray part of a bar is the accuracy of always predicting the more frequent label,
    the blue part the model's gain (red: its deficit); a diamond marks the balanced accuracy.

    Args:
        table: the table from `attribute_table`.
        path: the image to write (.png, .svg, .pdf), atomically.
        title: a line above the chart.

    Example:
        >>> labels, logits = np.array([[1], [0], [0]]), np.array([[2.0], [-1.0], [0.5]])
        >>> attribute_bars(tfslim.metrics.attribute_table(labels, logits, ["Smiling"]), "attributes.png", title="test")
    """
    figure, axes = _figure(8.5, 1.6 + 0.24 * len(table.names))
    order = np.argsort(table.accuracy, kind="stable")
    rows = np.arange(len(order))
    accuracy, floor = 100 * table.accuracy[order], 100 * table.majority[order]
    balanced = 100 * table.balanced_accuracy[order]
    gain = accuracy - floor
    axes.barh(rows, np.minimum(accuracy, floor), color=FLOOR, height=0.72, label="majority baseline")
    axes.barh(rows, np.maximum(gain, 0), left=floor, color=BAR, height=0.72, label="gain of the model")
    if (gain < 0).any():
        axes.barh(rows, np.maximum(-gain, 0), left=accuracy, color=WORSE, height=0.72, label="deficit of the model")
    axes.plot(balanced, rows, "D", color=MARK, markeredgecolor="white", markeredgewidth=0.7, markersize=5.5,
              label="balanced accuracy", linestyle="none")  # fmt: skip
    for row, value in zip(rows, accuracy, strict=True):
        axes.text(100.8, row, f"{value:.1f}", va="center", ha="left", fontsize=8, color=INK)
    lowest = min(accuracy.min(), floor.min(), balanced.min())
    axes.set_xlim(max(0, 10 * np.floor((lowest - 3) / 10)), 100)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(rows, [_readable(table.names[index]) for index in order])
    axes.set_xlabel("accuracy, %", fontsize=9, color=INK)
    axes.grid(axis="x", color="white", linewidth=0.8, alpha=0.6)
    means = table.means()
    summary = (
        f"mean accuracy {means['accuracy']:.2%}   balanced {means['balanced_accuracy']:.2%}   "
        f"majority {means['majority']:.2%}   {table.images:,} images"
    )
    axes.set_title(f"{plotted(title)}\n" if title else "", fontsize=12, fontweight="bold", color=INK, loc="left")
    axes.text(0, 1.005, summary, transform=axes.transAxes, fontsize=8.5, color=INK, va="bottom")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8.5)
    _write(figure, path)


def prediction_card(
    image: np.ndarray,
    names: Sequence[str],
    probabilities: Sequence[float] | np.ndarray,
    path: str | os.PathLike,
    title: str = "",
    cuts: Sequence[float] | np.ndarray | None = None,
) -> None:
    """Plot a photo beside the probabilities of its attributes.

    The most probable attribute is on top.

    Args:
        image: (H, W, 3) uint8 RGB.
        names: A attribute names.
        probabilities: A floats in 0..1.
        path: the image to write, atomically.
        title: a line above the photo, such as its name.
        cuts: A probabilities above which an attribute is predicted as present (its bar is blue), marked on the bars;
            None means one half, unmarked.

    Raises:
        ValueError: if shapes don't match, or a probability is not in 0..1; names the attribute.

    Example:
        >>> photo = np.zeros((218, 178, 3), "uint8")
        >>> prediction_card(photo, ["Smiling", "Eyeglasses"], [0.93, 0.04], "card.png")
    """
    image, shares = np.asarray(image), np.asarray(probabilities, np.float64)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image is {image.shape} {image.dtype}, expected (height, width, 3) uint8 RGB")
    bounds = np.full(len(names), 0.5) if cuts is None else np.asarray(cuts, np.float64)
    if shares.shape != (len(names),) or bounds.shape != (len(names),):
        raise ValueError(
            f"got {len(names)} names, but probabilities of shape {shares.shape} and cuts of shape {bounds.shape}; "
            "expected one of each per name"
        )
    for name, share in zip(names, shares, strict=True):
        if not 0 <= share <= 1:
            raise ValueError(f"{name}: the probability is {share}, expected a number in 0..1")
    height = max(3.6, 1.0 + 0.21 * len(names))
    figure, (left, axes) = _figure(4.2 + 0.62 * height, height, columns=(0.62 * height, 4.2))
    left.imshow(image, interpolation="bicubic")
    left.set_anchor("N")
    left.axis("off")
    left.set_title(plotted(title), fontsize=11, fontweight="bold", color=INK, loc="left")
    order = np.argsort(shares, kind="stable")
    rows = np.arange(len(order))
    present = shares > bounds
    axes.barh(rows, 100, color=PALE, alpha=0.5, height=0.72)
    axes.barh(rows, 100 * shares[order], color=np.where(present, BAR, FLOOR)[order], height=0.72)
    if cuts is not None:
        axes.plot(100 * bounds[order], rows, "|", color=INK, markersize=7, markeredgewidth=1.2)
    for row, index in zip(rows, order, strict=True):
        weight = "bold" if present[index] else "normal"
        axes.text(101.5, row, f"{shares[index]:.0%}", va="center", fontsize=8, color=INK, fontweight=weight)
    axes.set_xlim(0, 100)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(rows, [_readable(names[index]) for index in order])
    for label, index in zip(axes.get_yticklabels(), order, strict=True):
        label.set_fontweight("bold" if present[index] else "normal")
    axes.set_xticks([])
    axes.set_title("probability (blue: predicted present)", fontsize=8.5, color=INK, loc="left")
    _write(figure, path)


def _figure(width: float, height: float, columns: tuple[float, ...] = (1,)):
    # Imported here because matplotlib takes half a second; Agg because pyplot would keep every figure alive.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(columns), width_ratios=columns)
    chart = axes[-1] if len(columns) > 1 else axes
    chart.set_axisbelow(False)
    chart.spines[:].set_visible(False)
    chart.tick_params(length=0, labelsize=8.5, labelcolor=INK)
    return figure, axes


def _readable(name: str) -> str:
    return plotted(name.replace("_", " "))


def _write(figure, path: str | os.PathLike) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary)


def size_against_accuracy(
    points: Sequence[tuple[str, float, float, bool]],
    path: str | os.PathLike,
    title: str = "",
    measured: str = "float32 weights",
) -> None:
    """Plot the accuracy of models over their size.

    The size axis is logarithmic.

    Args:
        points: (name, bytes, accuracy in %, highlighted) of each model; highlighted points are filled.
        path: the image to write, atomically.
        title: a line above the chart.
        measured: what the bytes count, for the axis label.

    Raises:
        ValueError: if there are no points, or a size is not above 0.

    Example:
        >>> size_against_accuracy([("VGG11", 43e6, 77.3, False), ("Flame", 3.7e6, 76.4, True)], "sizes.png")
    """
    if not points or min(size for _, size, _, _ in points) <= 0:
        raise ValueError(f"points: expected at least one, each of more than 0 bytes, got {list(points)}")
    figure, axes = _figure(7.5, 4.6)
    for name, size, accuracy, marked in points:
        color = MARK if marked else "white"
        axes.plot(size / 1e6, accuracy, "o", color=color, markeredgecolor=BAR, markersize=8, zorder=3)
        at, text = (size / 1e6, accuracy), {"fontsize": 8, "color": INK, "clip_on": False}
        axes.annotate(plotted(name), at, (6, 4), textcoords="offset points", **text)
    axes.set_xscale("log", subs=[])
    axes.xaxis.get_major_locator().set_params(subs=(1, 2, 5))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(f"MB of {measured} (logarithmic)", fontsize=9, color=INK)
    axes.set_ylabel("accuracy, %", fontsize=9, color=INK)
    axes.grid(color=PALE, linewidth=0.8)
    axes.margins(x=0.15, y=0.12)
    axes.set_title(plotted(title), fontsize=12, fontweight="bold", color=INK, loc="left")
    _write(figure, path)


def pruning_curve(
    removed: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    path: str | os.PathLike,
    title: str = "",
    spreads: Mapping[str, Sequence[float]] | None = None,
    counted: str = "filters",
) -> None:
    """Plot metrics of a network over the fraction pruned.

    Args:
        removed: fractions removed, 0..1, ascending.
        curves: name -> one value in 0..1 for each of `removed`, such as accuracies and EERs.
        path: the image to write, atomically.
        title: a line above the chart.
        spreads: name of a curve -> its spread to either side at each of `removed`, drawn as a band.
        counted: what is removed, for the axis label.

    Raises:
        ValueError: if there are no curves, or a curve or spread is not as long as `removed`.

    Example:
        >>> pruning_curve([0.0, 0.2, 0.4], {"EER": [0.10, 0.10, 0.12]}, "pruning.png")
    """
    _curves([100 * share for share in removed], curves, path, title, f"{counted} removed, %", "removed", spreads or {})


def bits_curve(
    bits: Sequence[int], curves: Mapping[str, Sequence[float]], path: str | os.PathLike, title: str = ""
) -> None:
    """Plot accuracy over the bits per weight.

    Args:
        bits: bits per weight, ascending.
        curves: name -> one value in 0..1 for each of `bits`.
        path: the image to write, atomically.
        title: a line above the chart.

    Raises:
        ValueError: if there are no curves, or a curve is not as long as `bits`.

    Example:
        >>> bits_curve([2, 4, 8], {"log min-max": [0.1, 0.8, 0.9], "float": [0.9] * 3}, "bits.png")
    """
    _curves(bits, curves, path, title, "bits per weight", "bits", {})


def _curves(positions, curves, path, title: str, label: str, argument: str, spreads) -> None:
    if not curves or any(len(values) != len(positions) for values in (*curves.values(), *spreads.values())):
        lengths = {name: len(values) for name, values in (*curves.items(), *spreads.items())}
        raise ValueError(f"curves: each needs {len(positions)} values, one for each of {argument}; found {lengths}")
    figure, axes = _figure(7.5, 4.6)
    styles = itertools.cycle(itertools.product(("-o", "--s"), (BAR, WORSE, MARK, INK)))
    for (name, values), (style, color) in zip(curves.items(), styles, strict=False):
        middle = 100 * np.array(values)
        axes.plot(positions, middle, style, color=color, markersize=4, label=plotted(name))
        if name in spreads:
            spread = 100 * np.array(spreads[name])
            axes.fill_between(positions, middle - spread, middle + spread, color=color, alpha=0.15, linewidth=0)
    axes.set_xlabel(label, fontsize=9, color=INK)
    axes.set_ylabel("%", fontsize=9, color=INK)
    axes.set_ylim(bottom=0)
    axes.grid(color=PALE, linewidth=0.8)
    axes.legend(fontsize=8.5, frameon=False)
    axes.set_title(plotted(title), fontsize=12, fontweight="bold", color=INK, loc="left")
    _write(figure, path)
