"""Charts of metrics, model sizes and latencies."""

from tfslim._support.lazy import lazy_names

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
