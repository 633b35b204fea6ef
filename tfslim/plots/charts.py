"""Pictures of what a model answers: its attributes over the majority floor, and one photo's attributes beside it."""

import itertools
import os
from collections.abc import Mapping, Sequence

import numpy as np

from tfslim._support.files import replacing
from tfslim._support.text import plotted
from tfslim.metrics.attributes import AttributeTable

INK, PALE, FLOOR, BAR, WORSE, MARK = "#1f2933", "#d9dee4", "#aebccb", "#2f6f9f", "#c2543a", "#e09f1f"


def attribute_bars(table: AttributeTable, path: str | os.PathLike, title: str = "") -> None:
    """Draws each attribute's accuracy over the accuracy of always giving its commoner answer, best first.

    The grey part of a bar is the majority floor, the blue part what the model adds (red: what it lacks); a diamond
    marks the balanced accuracy.

    Args:
        table: what `attribute_table` made.
        path: the picture to write (.png, .svg, .pdf); written beside and then renamed.
        title: a line above it.

    Example:
        >>> attribute_bars(attribute_table(labels, logits, names), "attributes.png", title="Slim-Net, test part")
    """
    figure, axes = _figure(8.5, 1.6 + 0.24 * len(table.names))
    order = np.argsort(table.accuracy, kind="stable")
    rows = np.arange(len(order))
    accuracy, floor = 100 * table.accuracy[order], 100 * table.majority[order]
    balanced = 100 * table.balanced_accuracy[order]
    gain = accuracy - floor
    axes.barh(rows, np.minimum(accuracy, floor), color=FLOOR, height=0.72, label="always the commoner answer")
    axes.barh(rows, np.maximum(gain, 0), left=floor, color=BAR, height=0.72, label="what the model adds")
    if (gain < 0).any():
        axes.barh(rows, np.maximum(-gain, 0), left=accuracy, color=WORSE, height=0.72, label="what the model lacks")
    axes.plot(balanced, rows, "D", color=MARK, markeredgecolor="white", markeredgewidth=0.7, markersize=5.5,
              label="balanced accuracy", linestyle="none")  # fmt: skip
    for row, value in zip(rows, accuracy, strict=True):
        axes.text(100.8, row, f"{value:.1f}", va="center", ha="left", fontsize=8, color=INK)
    lowest = min(accuracy.min(), floor.min(), balanced.min())
    axes.set_xlim(max(0, 10 * np.floor((lowest - 3) / 10)), 100)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(rows, [_readable(table.names[index]) for index in order])
    axes.set_xlabel("% of the images answered correctly", fontsize=9, color=INK)
    axes.grid(axis="x", color="white", linewidth=0.8, alpha=0.6)
    means = table.means()
    summary = (
        f"mean accuracy {means['accuracy']:.2%}   balanced {means['balanced_accuracy']:.2%}   "
        f"floor {means['majority']:.2%}   {table.images:,} images"
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
    """Draws a photo with a bar for each attribute's probability beside it, likeliest first.

    Args:
        image: (H, W, 3) uint8 RGB.
        names: A names.
        probabilities: A shares in 0..1.
        path: the picture to write; written beside and then renamed.
        title: a line above it, such as the photo's name.
        cuts: A probabilities above which an attribute is taken as there (its bar is blue); None means one half. Where
            they are given, each is marked on its bar.

    Raises:
        ValueError: if the shapes don't fit or a probability is not in 0..1, naming the attribute.

    Example:
        >>> prediction_card(photo, ["Smiling", "Eyeglasses"], [0.93, 0.04], "card.png")
    """
    image, shares = np.asarray(image), np.asarray(probabilities, np.float64)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image is {image.shape} {image.dtype}, expected (height, width, 3) uint8 RGB")
    bounds = np.full(len(names), 0.5) if cuts is None else np.asarray(cuts, np.float64)
    if shares.shape != (len(names),) or bounds.shape != (len(names),):
        raise ValueError(f"there are {len(names)} names, but probabilities {shares.shape} and cuts {bounds.shape}")
    for name, share in zip(names, shares, strict=True):
        if not 0 <= share <= 1:
            raise ValueError(f"{name}: the probability is {share}, expected a share in 0..1")
    height = max(3.6, 1.0 + 0.21 * len(names))
    figure, (left, axes) = _figure(4.2 + 0.62 * height, height, columns=(0.62 * height, 4.2))
    left.imshow(image, interpolation="bicubic")
    left.set_anchor("N")
    left.axis("off")
    left.set_title(plotted(title), fontsize=11, fontweight="bold", color=INK, loc="left")
    order = np.argsort(shares, kind="stable")
    rows = np.arange(len(order))
    there = shares > bounds
    axes.barh(rows, 100, color=PALE, alpha=0.5, height=0.72)
    axes.barh(rows, 100 * shares[order], color=np.where(there, BAR, FLOOR)[order], height=0.72)
    if cuts is not None:
        axes.plot(100 * bounds[order], rows, "|", color=INK, markersize=7, markeredgewidth=1.2)
    for row, index in zip(rows, order, strict=True):
        weight = "bold" if there[index] else "normal"
        axes.text(101.5, row, f"{shares[index]:.0%}", va="center", fontsize=8, color=INK, fontweight=weight)
    axes.set_xlim(0, 100)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(rows, [_readable(names[index]) for index in order])
    for label, index in zip(axes.get_yticklabels(), order, strict=True):
        label.set_fontweight("bold" if there[index] else "normal")
    axes.set_xticks([])
    axes.set_title("probability (blue: taken as there)", fontsize=8.5, color=INK, loc="left")
    _write(figure, path)


def _figure(width: float, height: float, columns: tuple[float, ...] = (1,)):
    # matplotlib takes half a second to import, and pyplot would keep every figure alive; hence here, and hence Agg.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
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
    with replacing(path) as beside:
        figure.savefig(beside)


def size_against_accuracy(
    points: Sequence[tuple[str, float, float, bool]],
    path: str | os.PathLike,
    title: str = "",
    measured: str = "float32 weights",
) -> None:
    """Draws models by their bytes (logarithmic) and their accuracy, each with its name.

    Args:
        points: (name, bytes, accuracy in %, whether to mark it) of each model; marked ones are filled.
        path: the picture to write; written beside and then renamed.
        title: a line above it.
        measured: what the bytes are of.

    Raises:
        ValueError: there are no points, or a size is not above 0.

    Example:
        >>> size_against_accuracy([("VGG11", 43e6, 77.3, False), ("Flame", 3.7e6, 76.4, True)], "sizes.png")
    """
    if not points or min(size for _, size, _, _ in points) <= 0:
        raise ValueError(f"points: at least one is needed, each of more than 0 bytes, found {list(points)}")
    figure, axes = _figure(7.5, 4.6)
    for name, size, accuracy, marked in points:
        colour = MARK if marked else "white"
        axes.plot(size / 1e6, accuracy, "o", color=colour, markeredgecolor=BAR, markersize=8, zorder=3)
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
    """Draws how figures of a network change as filters go.

    Args:
        removed: shares removed of what is counted, 0..1, ascending.
        curves: name -> a share in 0..1 for each of `removed`, such as accuracies and EERs.
        path: the picture to write; written beside and then renamed.
        title: a line above it.
        spreads: name of a curve -> how far it spreads to either side at each of `removed`, drawn as a band.
        counted: what `removed` are shares of.

    Raises:
        ValueError: there are no curves, or one, or a spread, is not as long as `removed`.

    Example:
        >>> pruning_curve([0.0, 0.2, 0.4], {"EER": [0.10, 0.10, 0.12]}, "pruning.png")
    """
    _curves([100 * share for share in removed], curves, path, title, f"{counted} removed, %", "removed", spreads or {})


def bits_curve(
    bits: Sequence[int], curves: Mapping[str, Sequence[float]], path: str | os.PathLike, title: str = ""
) -> None:
    """Draws a network's accuracy against the bits of its weights.

    Args:
        bits: bits of a weight, ascending.
        curves: name -> a share in 0..1 for each of `bits`.
        path: the picture to write; written beside and then renamed.
        title: a line above it.

    Raises:
        ValueError: there are no curves, or one is not as long as `bits`.

    Example:
        >>> bits_curve([2, 4, 8], {"log min-max": [0.1, 0.8, 0.9], "float": [0.9] * 3}, "bits.png")
    """
    _curves(bits, curves, path, title, "bits of a weight", "bits", {})


def _curves(places, curves, path, title: str, label: str, argument: str, spreads) -> None:
    if not curves or any(len(values) != len(places) for values in (*curves.values(), *spreads.values())):
        lengths = {name: len(values) for name, values in (*curves.items(), *spreads.items())}
        raise ValueError(f"curves: each needs {len(places)} values, one for each of {argument}; found {lengths}")
    figure, axes = _figure(7.5, 4.6)
    styles = itertools.cycle(itertools.product(("-o", "--s"), (BAR, WORSE, MARK, INK)))
    for (name, values), (style, color) in zip(curves.items(), styles, strict=False):
        middle = 100 * np.array(values)
        axes.plot(places, middle, style, color=color, markersize=4, label=plotted(name))
        if name in spreads:
            spread = 100 * np.array(spreads[name])
            axes.fill_between(places, middle - spread, middle + spread, color=color, alpha=0.15, linewidth=0)
    axes.set_xlabel(label, fontsize=9, color=INK)
    axes.set_ylabel("%", fontsize=9, color=INK)
    axes.set_ylim(bottom=0)
    axes.grid(color=PALE, linewidth=0.8)
    axes.legend(fontsize=8.5, frameon=False)
    axes.set_title(plotted(title), fontsize=12, fontweight="bold", color=INK, loc="left")
    _write(figure, path)
