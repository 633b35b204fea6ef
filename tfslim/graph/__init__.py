"""A Keras model as a graph.

It is traversed, copied, flattened and decomposed.
"""

from typing import TYPE_CHECKING

from tfslim._support.extras import naming_extra
from tfslim._support.lazy import lazy_names

with naming_extra(__name__):
    import keras  # noqa: F401  first, so that without a backend the extra is named

if TYPE_CHECKING:  # for type checkers and editors, which do not run lazy_names
    from tfslim.graph.cloning import clone_model as clone_model
    from tfslim.graph.layer_copier import copy_operation as copy_operation

_HOMES = {
    "clone_model": ".cloning",
    "copy_operation": ".layer_copier",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
