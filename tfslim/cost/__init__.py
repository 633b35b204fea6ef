"""Parameters, MACs and bytes of a model."""

from tfslim._support.lazy import lazy_names

_HOMES = {
    "bits_of": ".model_cost",
    "CONVOLUTIONS": ".macs",
    "Cost": ".model_cost",
    "DEPTHWISE": ".macs",
    "layer_macs": ".macs",
    "LayerCost": ".model_cost",
    "LAYERS_WITHOUT_A_RULE": ".macs",
    "measure": ".model_cost",
    "measured": ".model_cost",
    "OPERATIONS_WITHOUT_A_RULE": ".macs",
    "paper_bytes": ".paper_rule",
    "SEPARABLE": ".macs",
    "TRANSPOSED": ".macs",
    "UnknownExtent": ".macs",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
