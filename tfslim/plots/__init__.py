"""Charts of metrics, model sizes and latencies."""

from typing import TYPE_CHECKING

from tfslim._support.lazy import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, which do not run lazy_names
    from tfslim.plots.charts import (
        attribute_bars as attribute_bars,
        bits_curve as bits_curve,
        prediction_card as prediction_card,
        pruning_curve as pruning_curve,
        size_against_accuracy as size_against_accuracy,
    )
    from tfslim.plots.latency import draw_timings as draw_timings
    from tfslim.plots.verification import (
        det_plot as det_plot,
        roc_plot as roc_plot,
    )

_HOMES = {
    "attribute_bars": ".charts",
    "bits_curve": ".charts",
    "det_plot": ".verification",
    "draw_timings": ".latency",
    "prediction_card": ".charts",
    "pruning_curve": ".charts",
    "roc_plot": ".verification",
    "size_against_accuracy": ".charts",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
