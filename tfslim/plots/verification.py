"""DET and ROC plots of one or more verification systems."""

import os
from collections.abc import Mapping

import numpy as np

from tfslim._support.files import replacing
from tfslim._support.text import plotted
from tfslim.metrics.error_rates import ErrorCurve, eer
from tfslim.plots.charts import BAR, INK, MARK, PALE, WORSE

__all__ = ["det_plot", "roc_plot"]

COLORS = (BAR, WORSE, MARK, "#4d8b57", "#7b5aa6", "#5f6b7a")
DASHES = ("-", "--", ":", "-.")  # one cycle of the colors each
RATES = (1e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6)  # ticks of the DET plot's axes
STEPS = 1500  # grid cells across the plot; curves of a million pairs are thinned to one point per cell


def det_plot(curves: Mapping[str, ErrorCurve], path: str | os.PathLike, title: str = "") -> None:
    """Plot a DET curve: false rejects over false accepts.

    The axes are normal deviates, on which normally distributed scores form a straight line. A dot marks the equal error
    rate. A curve ends at zero false accepts or zero false rejects; the axes span the lowest occurring rate, but not
    below 0.01 %, to 60 %.

    Args:
        curves: name of each system -> its curve from `error_curve`.
        path: the image to write (.png, .svg, .pdf), atomically.
        title: a line above the plot.

    Raises:
        ValueError: if `curves` is empty.

    Example:
        >>> curve = tfslim.metrics.error_curve(np.array([0.9, 0.4, 0.5, 0.1]), np.array([1, 1, 0, 0]))
        >>> det_plot({"VGG11": curve}, "det.png", title="held-out people")

    Source: Martin and others, "The DET Curve in Assessment of Detection Task Performance", Eurospeech 1997.
    """
    from scipy.special import ndtri

    figure, axes = _figure(curves)
    lowest = _lowest_rate(curves)
    ends = ndtri([lowest, RATES[-1]])
    for (name, curve), style in zip(curves.items(), _styles(), strict=False):
        rate = eer(curve)
        inside = (curve.far > 0) & (curve.frr > 0) & (curve.far < 1) & (curve.frr < 1)
        x, y = ndtri(curve.far[inside]), ndtri(curve.frr[inside])
        rows = _thinned((x - ends[0]) / np.ptp(ends), (y - ends[0]) / np.ptp(ends))
        axes.plot(x[rows], y[rows], label=f"{plotted(name)}   EER {rate:.2%}", **style)
        if rate > 0:
            axes.plot(*2 * [ndtri(rate)], "o", color=style["color"], markeredgecolor="white", markersize=6, zorder=4)
    axes.plot(ends, ends, color=INK, linewidth=0.7, alpha=0.5, zorder=1)
    rates = [rate for rate in RATES if rate >= lowest]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ndtri(rates), [f"{100 * rate:g}" for rate in rates])
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    axes.set_xlabel("false accepts, % of the impostor pairs", fontsize=9, color=INK)
    axes.set_ylabel("false rejects, % of the genuine pairs", fontsize=9, color=INK)
    _finish(figure, axes, path, title, "upper right")


def roc_plot(curves: Mapping[str, ErrorCurve], path: str | os.PathLike, title: str = "") -> None:
    """Plot a ROC curve: true accepts over false accepts.

    The axis of false accepts is logarithmic and begins at one impostor pair.

    Args:
        curves: name of each system -> its curve from `error_curve`.
        path: the image to write (.png, .svg, .pdf), atomically.
        title: a line above the plot.

    Raises:
        ValueError: if `curves` is empty.

    Example:
        >>> curve = tfslim.metrics.error_curve(np.array([0.9, 0.4, 0.5, 0.1]), np.array([1, 1, 0, 0]))
        >>> roc_plot({"VGG11": curve}, "roc.png", title="held-out people")
    """
    figure, axes = _figure(curves)
    lowest = min(1 / curve.impostor for curve in curves.values())
    for (name, curve), style in zip(curves.items(), _styles(), strict=False):
        # Below one impostor pair the curve is constant.
        x, y = np.log10(np.maximum(curve.far, 1 / curve.impostor)), 100 * (1 - curve.frr)
        rows = _thinned(1 - x / np.log10(lowest) if lowest < 1 else x, y / 100)
        axes.plot(10 ** x[rows], y[rows], label=plotted(name), **style)
    axes.set_xscale("log")
    axes.set(xlim=(lowest if lowest < 1 else 0.1, 1), ylim=(0, 101))
    axes.set_xlabel("false accepts, share of the impostor pairs", fontsize=9, color=INK)
    axes.set_ylabel("true accepts, % of the genuine pairs", fontsize=9, color=INK)
    _finish(figure, axes, path, title, "lower right")


def _lowest_rate(curves: Mapping[str, ErrorCurve]) -> float:
    """Return the tick below the lowest visible positive rate."""
    lowest = RATES[-2]
    for curve in curves.values():
        visible = (curve.far <= RATES[-1]) & (curve.frr <= RATES[-1])
        rates = np.concatenate([curve.far[visible], curve.frr[visible]])
        lowest = min(lowest, rates.min(where=rates > 0, initial=1))
    return max(rate for rate in RATES if rate <= max(lowest, RATES[0]))


def _thinned(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the indices of points that enter another grid cell.

    `x` and `y` are fractions of the plot's width and height.
    """
    grid = np.round(STEPS * np.stack([x, y], axis=1))
    changed = np.flatnonzero((grid[1:] != grid[:-1]).any(axis=1))
    # Keep both ends of a step, or a long flat segment would become a slope.
    return np.unique(np.concatenate([[0] if len(x) else [], changed, changed + 1])).astype(np.intp)


def _styles():
    for dashes in DASHES:
        for color in COLORS:
            yield {"color": color, "linestyle": dashes, "linewidth": 1.8}


def _figure(curves: Mapping[str, ErrorCurve]):
    if not curves:
        raise ValueError("curves is empty; expected at least one system")
    if len(curves) > len(COLORS) * len(DASHES):
        raise ValueError(
            f"got {len(curves)} systems, but one plot can distinguish {len(COLORS) * len(DASHES)}; use several plots"
        )
    # Imported here because matplotlib takes half a second; without pyplot, which would keep every figure alive.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 6.4), dpi=150, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=INK, which="both")
    axes.grid(color=PALE, linewidth=0.7, alpha=0.7)
    axes.set_axisbelow(True)
    return figure, axes


def _finish(figure, axes, path: str | os.PathLike, title: str, corner: str) -> None:
    axes.legend(loc=corner, frameon=True, framealpha=0.9, edgecolor="none", fontsize=8.5, labelcolor=INK)
    axes.set_title(plotted(title), fontsize=12, fontweight="bold", color=INK, loc="left")
    with replacing(path) as temporary:
        figure.savefig(temporary)
