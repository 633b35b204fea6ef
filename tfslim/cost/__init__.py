"""Parameters, MACs and bytes of a model."""

from typing import TYPE_CHECKING

from tfslim._support.lazy import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, which do not run lazy_names
    from tfslim.cost.model_cost import (
        Cost as Cost,
        LayerCost as LayerCost,
        measure as measure,
    )
    from tfslim.cost.paper_rule import paper_bytes as paper_bytes

_HOMES = {
    "Cost": ".model_cost",
    "LayerCost": ".model_cost",
    "measure": ".model_cost",
    "paper_bytes": ".paper_rule",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
