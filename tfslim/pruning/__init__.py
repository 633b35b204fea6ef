"""Structured pruning: channel graph, filter importance and surgery.

Filters are removed from a trained model or while it trains.
"""

from tfslim._support.extras import naming_extra

with naming_extra(__name__):
    import keras  # noqa: F401  first, so that without a backend the extra is named

from tfslim.pruning.budget import Budget, target
from tfslim.pruning.dead_filters import shrink
from tfslim.pruning.dependency.channel_graph import ChannelGraph, Group, channel_graph
from tfslim.pruning.importance.reduction import aggregate
from tfslim.pruning.importance.scores import Scores
from tfslim.pruning.importance.weights import weight_importance
from tfslim.pruning.prune import prune_filters
from tfslim.pruning.pruning_optimizer import PruningOptimizer
from tfslim.pruning.selection import select_units
from tfslim.pruning.surgery import carry_optimizer, remove_units, silence
from tfslim.pruning.taylor import taylor_scores
from tfslim.pruning.taylor_pruning import TaylorPruning

__all__ = [
    "Budget",
    "ChannelGraph",
    "Group",
    "PruningOptimizer",
    "Scores",
    "TaylorPruning",
    "aggregate",
    "carry_optimizer",
    "channel_graph",
    "prune_filters",
    "remove_units",
    "select_units",
    "shrink",
    "silence",
    "target",
    "taylor_scores",
    "weight_importance",
]
