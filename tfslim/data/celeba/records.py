"""Records: images and what is known of each, as plain numpy arrays."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Records:
    """Images and what is known of each, row by row.

    ``len(records)`` counts them; ``records[rows]`` takes a slice, an array of row numbers or a boolean mask.

    Attributes:
        files: (N,) str, names within the image folder.
        attributes: (N, A) uint8 in {0, 1}, or None where the folder has no attribute file.
        identities: (N,) int32, or None where the folder has no identity file.
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
            raise TypeError("records are taken by a slice, row numbers or a mask: write records[i : i + 1] for one")
        if isinstance(rows, Sequence):
            rows = np.asarray(rows, np.intp if len(rows) == 0 else None)
        return Records(
            self.files[rows],
            None if self.attributes is None else self.attributes[rows],
            None if self.identities is None else self.identities[rows],
            self.parts[rows],
        )
