"""Images and their labels as plain numpy arrays."""

import dataclasses
from collections.abc import Sequence

import numpy as np

__all__ = ["Records"]


@dataclasses.dataclass(frozen=True)
class Records:
    """Image names with their labels, one row per image.

    ``len(records)`` is the number of images; ``records[rows]`` selects by a slice, row indices or a boolean mask.

    Attributes:
        files: (N,) str, names within the image folder.
        attributes: (N, A) uint8 in {0, 1}, or None without an attribute file.
        identities: (N,) int32, or None without an identity file.
        parts: (N,) uint8, 0 train, 1 validation, 2 test, 3 held out.
    """

    files: np.ndarray
    attributes: np.ndarray | None
    identities: np.ndarray | None
    parts: np.ndarray

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, rows: slice | np.ndarray | Sequence[int]) -> "Records":
        if isinstance(rows, int | np.integer):
            raise TypeError("records are selected by a slice, row indices or a mask; use records[i : i + 1] for one")
        if isinstance(rows, Sequence):
            rows = np.asarray(rows, np.intp if len(rows) == 0 else None)
        return Records(
            self.files[rows],
            None if self.attributes is None else self.attributes[rows],
            None if self.identities is None else self.identities[rows],
            self.parts[rows],
        )
