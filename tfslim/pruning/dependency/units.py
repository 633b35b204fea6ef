"""Units: smallest sets of channels that can be removed.

Channels that must go together share one.
"""

import numpy as np


class Units:
    """Numbered channels that may be united or frozen.

    United channels are removed together; frozen ones stay. This is a union-find structure.

    Example:
        >>> units = Units()
        >>> a, b = units.new(2), units.new(2)
        >>> units.unite(a, b)
        >>> units.find(a) == units.find(b)
        array([ True,  True])
    """

    def __init__(self):
        self._parent = np.empty(0, np.int64)
        self._reasons: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._parent)

    def new(self, count: int) -> np.ndarray:
        """Return the numbers of `count` new units, (count,) int64."""
        numbers = np.arange(len(self), len(self) + count)
        self._parent = np.append(self._parent, numbers)
        return numbers

    def find(self, numbers: np.ndarray) -> np.ndarray:
        """Return the number that represents each unit's united set."""
        roots = self._parent[numbers]
        while True:
            above = self._parent[roots]
            if np.array_equal(above, roots):
                break
            roots = above
        self._parent[numbers] = roots
        return roots

    def unite(self, first: np.ndarray, second: np.ndarray) -> None:
        """Unite units pairwise; a frozen one freezes the other."""
        for one, other in zip(self.find(first).tolist(), self.find(second).tolist(), strict=True):
            one, other = self._root(one), self._root(other)
            if one == other:
                continue
            kept, joined = min(one, other), max(one, other)
            self._parent[joined] = kept
            if joined in self._reasons:
                reason = self._reasons.pop(joined)
                self._reasons.setdefault(kept, reason)

    def freeze(self, numbers: np.ndarray, reason: str, override: bool = False) -> None:
        """Mark units as frozen.

        Args:
            numbers: numbers of the units.
            reason: why they must stay; a unit keeps its first reason.
            override: replace an earlier reason.
        """
        for root in np.unique(self.find(numbers)).tolist():
            if override or root not in self._reasons:
                self._reasons[root] = reason

    def reason(self, number: int) -> str | None:
        """Return why a unit must stay, or None."""
        return self._reasons.get(self._root(int(number)))

    def frozen(self) -> np.ndarray:
        """Return whether each unit must stay, (len(self),) bool."""
        roots = np.zeros(len(self), bool)
        roots[list(self._reasons)] = True
        return roots[self.find(np.arange(len(self)))] if len(self) else roots

    def _root(self, number: int) -> int:
        while self._parent[number] != number:
            number = int(self._parent[number])
        return number
