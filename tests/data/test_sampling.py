"""Images to measure a network by: drawn by the seed, in the part's order, and no more decoded than asked for."""

import numpy as np
import pytest

from tests.tiny_model import SIZE
from tfslim.data import CelebA
from tfslim.data.sampling import sample_images


def test_some_of_a_part_are_drawn_and_no_others_decoded(own_faces):
    every = CelebA(own_faces).arrays("validation", SIZE)[0]
    celeba = CelebA(own_faces)
    files, few = celeba.part("validation").files, len(every) - 1
    drawn = np.sort(np.random.default_rng(3).permutation(len(every))[:few])
    (left_out,) = set(range(len(every))) - set(drawn.tolist())
    (own_faces / "img_align_celeba" / files[left_out]).write_bytes(b"broken")
    np.testing.assert_array_equal(sample_images(celeba, "validation", few, SIZE, seed=3), every[drawn])
    with pytest.raises(ValueError, match=files[left_out]):
        sample_images(celeba, "validation", len(every), SIZE, seed=3)


def test_another_seed_draws_others(faces):
    celeba = CelebA(faces)
    first, again, other = (sample_images(celeba, "train", 5, SIZE, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
