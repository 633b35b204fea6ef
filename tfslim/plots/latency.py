"""Latency chart of .tflite files."""

from pathlib import Path

from tfslim._support.files import replacing
from tfslim._support.text import plotted
from tfslim.litert.runtime.timing import Benchmark, short_names

__all__ = ["draw_timings"]


def draw_timings(found: Benchmark, path: str | Path) -> None:
    """Plot the median latency of each file and setting.

    A line on each bar spans the fastest run to the 95th percentile.

    Args:
        found: the result of `tfslim.litert.benchmark`.
        path: the image to write; its suffix is the format (.png, .svg).

    Example:
        >>> draw_timings(tfslim.litert.benchmark(files), "latency.png")  # doctest: +SKIP
    """
    from matplotlib.figure import Figure

    names = short_names([timing.path for timing in found.timings])
    labels = [
        f"{plotted(names[timing.path])}, {timing.threads} thread{'s'[: timing.threads != 1]}"
        + ("" if timing.xnnpack else ", no XNNPACK")
        for timing in found.timings
    ]
    figure = Figure(figsize=(8, 0.8 + 0.4 * len(labels)), layout="constrained")
    axes = figure.subplots()
    rows = range(len(labels))
    axes.barh(rows, [timing.median_ms for timing in found.timings], color="#4477aa")
    for row, timing in zip(rows, found.timings, strict=True):
        axes.plot([timing.min_ms, timing.p95_ms], [row, row], color="#222222", linewidth=1)
        axes.annotate(f" {timing.median_ms:.2f}", (max(timing.p95_ms, timing.median_ms), row), va="center")
    axes.set_yticks(rows, labels)
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds: median, fastest run to 95th percentile")
    axes.set_xlim(0, 1.15 * max(timing.p95_ms for timing in found.timings))
    axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
