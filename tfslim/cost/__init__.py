"""Parameters, MACs and bytes of a model."""

from tfslim._support.lazy import lazy_names

_HOMES = {
    "Cost": ".model_cost",
    "LayerCost": ".model_cost",
    "measure": ".model_cost",
    "paper_bytes": ".paper_rule",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
