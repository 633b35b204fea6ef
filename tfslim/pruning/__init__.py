"""Removing filters for good: the channel graph, how much filters count, surgery, and pruning while training."""

from tfslim.pruning.aggregation import aggregate
from tfslim.pruning.budget import Budget
from tfslim.pruning.carrying import carry_optimizer
from tfslim.pruning.channel_graph import ChannelGraph, Group, channel_graph
from tfslim.pruning.importance import weight_importance
from tfslim.pruning.prune import prune_filters
from tfslim.pruning.pruning_optimizer import PruningOptimizer
from tfslim.pruning.scores import Scores
from tfslim.pruning.selection import select_units
from tfslim.pruning.shrink import shrink
from tfslim.pruning.silencing import silence
from tfslim.pruning.surgery import remove_units
from tfslim.pruning.targets import target
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
