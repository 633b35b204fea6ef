"""The full CelebA's label files, 202,599 rows each: quickly read, and no more memory than the tables."""

import time

import numpy as np

from tfslim.data.celeba.attributes import ATTRIBUTES
from tfslim.data.celeba.label_files import read_attributes, read_identities, read_partition

COUNT = 202_599


def test_the_label_files_of_the_full_set_are_read_in_three_seconds(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"{number:06d}.jpg" for number in range(1, COUNT + 1)]
    signs = [" ".join(f"{value:2d}" for value in row) for row in rng.choice([-1, 1], (500, 40)).tolist()]
    people, parts = rng.integers(1, 10_178, COUNT).tolist(), np.repeat([0, 1, 2], [162_770, 19_867, 19_962]).tolist()
    rows = "".join(f"{name} {signs[number % 500]}\n" for number, name in enumerate(names))
    (tmp_path / "a.txt").write_text(f"{COUNT}\n{' '.join(ATTRIBUTES)}\n{rows}")
    (tmp_path / "i.txt").write_text("".join(f"{name} {person}\n" for name, person in zip(names, people, strict=True)))
    (tmp_path / "p.txt").write_text("".join(f"{name} {part}\n" for name, part in zip(names, parts, strict=True)))

    start = time.process_time()  # of this process alone: what else the machine does is no matter
    attributes = read_attributes(tmp_path / "a.txt")
    identities = read_identities(tmp_path / "i.txt")
    partition = read_partition(tmp_path / "p.txt")
    assert time.process_time() - start < 3

    assert attributes.values.shape == (COUNT, 40) and attributes.problems == ()
    assert (attributes.values[499] == [sign == "1" for sign in signs[499].split()]).all()
    assert identities.values.tolist() == people
    assert np.bincount(partition.values).tolist() == [162_770, 19_867, 19_962]
    assert sum(table.values.nbytes + table.lines.nbytes for table in (attributes, identities, partition)) < 60 * COUNT
