"""Unit scores that know which network they were taken from."""

import dataclasses
import zlib

import keras
import numpy as np

from tfslim.pruning.dependency.channel_graph import ChannelGraph

__all__ = ["Scores"]


@dataclasses.dataclass(frozen=True)
class Scores:
    """Importance of each unit of one network.

    `taylor_scores` returns them, for the network as it was then.

    Args:
        values: (units,) float64, higher for more important units.
        filters: layer name -> the unit of each of its filters, of the graph that they were taken with.
        weights: checksum of the network's trained weights.

    Example:
        >>> model = tfslim.models.SlimNet((64, 64, 3), classes=2)
        >>> scores = taylor_scores(model, [(np.ones((4, 64, 64, 3)), np.eye(2)[[0, 1, 0, 1]])], "mse")
        >>> scores.of(channel_graph(model)) is scores.values
        True
    """

    values: np.ndarray
    filters: dict[str, np.ndarray]
    weights: int

    def of(self, graph: ChannelGraph) -> np.ndarray:
        """Return the values after checking that they fit a graph.

        Raises:
            ValueError: the scores are of another network or of another `keep`, or the network was trained since.
        """
        same = self.filters.keys() == graph.filters.keys() and all(
            np.array_equal(units, graph.filters[name]) for name, units in self.filters.items()
        )
        if not same:
            raise ValueError(
                f"importance: the scores are not of {graph.model.name}, or were taken with another `keep` or "
                "`prune_outputs`; compute them again"
            )
        if self.weights != checksum(graph.model):
            raise ValueError(
                f"importance: the scores are stale: {graph.model.name}'s weights have changed since; compute them again"
            )
        return self.values


def checksum(model: keras.Model) -> int:
    """Return the CRC-32 of a model's trained weights."""
    crc = 0
    for variable in model.trainable_variables:
        crc = zlib.crc32(np.ascontiguousarray(variable).tobytes(), crc)
    return crc
