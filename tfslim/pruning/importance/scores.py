"""Scores of units that know which network they were taken of."""

import dataclasses
import zlib

import keras
import numpy as np

from tfslim.pruning.dependency.channel_graph import ChannelGraph


@dataclasses.dataclass(frozen=True)
class Scores:
    """How much each unit counts, as `taylor_scores` found for a network as it was then.

    Args:
        values: (units,) float64, higher for what counts more.
        filters: layer's name -> the unit of each of its filters, of the graph that they were taken with.
        weights: checksum of the network's trained weights.

    Example:
        >>> scores = taylor_scores(model, batches, "mse")
        >>> scores.values.argmin()
        17
    """

    values: np.ndarray
    filters: dict[str, np.ndarray]
    weights: int

    def of(self, graph: ChannelGraph) -> np.ndarray:
        """The values, for a graph that they hold for.

        Raises:
            ValueError: they are of another network or other layers to keep, or the network was trained since.
        """
        same = self.filters.keys() == graph.filters.keys() and all(
            np.array_equal(units, graph.filters[name]) for name, units in self.filters.items()
        )
        if not same:
            raise ValueError(
                f"importance: the scores are not of {graph.model.name}, or were taken with another `keep` or "
                "`prune_outputs`"
            )
        if self.weights != checksum(graph.model):
            raise ValueError(f"importance: the scores are stale: {graph.model.name}'s weights have changed since")
        return self.values


def checksum(model: keras.Model) -> int:
    """CRC-32 of a model's trained weights."""
    crc = 0
    for variable in model.trainable_variables:
        crc = zlib.crc32(np.ascontiguousarray(variable).tobytes(), crc)
    return crc
