"""Pictures of how well faces are told apart: DET and ROC curves, several systems in one."""

import os
from collections.abc import Mapping

import numpy as np

from tfslim._support.files import replacing
from tfslim._support.text import plotted
from tfslim.metrics.error_rates import ErrorCurve, eer
from tfslim.plots.charts import BAR, INK, MARK, PALE, WORSE

COLORS = (BAR, WORSE, MARK, "#4d8b57", "#7b5aa6", "#5f6b7a")
DASHES = ("-", "--", ":", "-.")  # a turn of the colours each
RATES = (1e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6)  # marks of the DET plot's axes
STEPS = 1500  # across the picture; a curve of a million pairs is thinned to points that can be told apart


def det_plot(curves: Mapping[str, ErrorCurve], path: str | os.PathLike, title: str = "") -> None:
    """Draws false rejects over false accepts on normal-deviate axes, where a normal system is a straight line.

    A dot marks the equal error rate. A curve stops where no pair is accepted or none refused in error; the axes reach
    from the lowest rate there is, but not below 0.01 %, to 60 %.

    Args:
        curves: a name for each system -> what `error_curve` made.
        path: the picture to write (.png, .svg, .pdf); written beside and then renamed.
        title: a line above it.

    Raises:
        ValueError: there is no curve.

    Example:
        >>> det_plot({"VGG11": error_curve(scores, genuine)}, "det.png", title="held-out people")

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
        rows = _told_apart((x - ends[0]) / np.ptp(ends), (y - ends[0]) / np.ptp(ends))
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
    """Draws true accepts over false accepts, the latter on a logarithmic axis that begins at one impostor pair.

    Args:
        curves: a name for each system -> what `error_curve` made.
        path: the picture to write (.png, .svg, .pdf); written beside and then renamed.
        title: a line above it.

    Raises:
        ValueError: there is no curve.

    Example:
        >>> roc_plot({"VGG11": error_curve(scores, genuine)}, "roc.png", title="held-out people")
    """
    figure, axes = _figure(curves)
    lowest = min(1 / curve.impostor for curve in curves.values())
    for (name, curve), style in zip(curves.items(), _styles(), strict=False):
        # Up to one impostor pair the curve says the same as at none.
        x, y = np.log10(np.maximum(curve.far, 1 / curve.impostor)), 100 * (1 - curve.frr)
        rows = _told_apart(1 - x / np.log10(lowest) if lowest < 1 else x, y / 100)
        axes.plot(10 ** x[rows], y[rows], label=plotted(name), **style)
    axes.set_xscale("log")
    axes.set(xlim=(lowest if lowest < 1 else 0.1, 1), ylim=(0, 101))
    axes.set_xlabel("false accepts, share of the impostor pairs", fontsize=9, color=INK)
    axes.set_ylabel("true accepts, % of the genuine pairs", fontsize=9, color=INK)
    _finish(figure, axes, path, title, "lower right")


def _lowest_rate(curves: Mapping[str, ErrorCurve]) -> float:
    """The mark at or below the lowest rate above 0 that any curve has while its other rate is in the picture."""
    lowest = RATES[-2]
    for curve in curves.values():
        seen = (curve.far <= RATES[-1]) & (curve.frr <= RATES[-1])
        rates = np.concatenate([curve.far[seen], curve.frr[seen]])
        lowest = min(lowest, rates.min(where=rates > 0, initial=1))
    return max(rate for rate in RATES if rate <= max(lowest, RATES[0]))


def _told_apart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The points, of those with places in 0..1 of the picture, that lie on another grid point than the one before."""
    grid = np.round(STEPS * np.stack([x, y], axis=1))
    changed = np.flatnonzero((grid[1:] != grid[:-1]).any(axis=1))
    # Both ends of a step are kept, else a long flat stretch would become a slope.
    return np.unique(np.concatenate([[0] if len(x) else [], changed, changed + 1])).astype(np.intp)


def _styles():
    for dashes in DASHES:
        for color in COLORS:
            yield {"color": color, "linestyle": dashes, "linewidth": 1.8}


def _figure(curves: Mapping[str, ErrorCurve]):
    if not curves:
        raise ValueError("there is no curve to draw")
    if len(curves) > len(COLORS) * len(DASHES):
        raise ValueError(f"{len(curves)} systems can't be told apart in one picture; draw {len(COLORS)} or so")
    # As in tfslim.plots: matplotlib takes half a second to import, and pyplot would keep every figure alive.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 6.4), dpi=150, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
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
    with replacing(path) as beside:
        figure.savefig(beside)
