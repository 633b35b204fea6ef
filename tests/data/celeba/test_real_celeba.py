"""The real subsets of CelebA, where they are at hand (``TFSLIM_DATA`` or ``../shared/data`` beside the checkout)."""

import os
import pathlib

import numpy as np
import pytest

from tfslim.data import CelebA

DATA = pathlib.Path(os.environ.get("TFSLIM_DATA", pathlib.Path(__file__).parents[4] / "shared" / "data"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real faces at {DATA}; set TFSLIM_DATA")


def test_the_attribute_set():
    celeba = CelebA(DATA / "celeba-attributes")
    assert [len(celeba.part(part)) for part in ("train", "validation", "test")] == [6000, 1000, 1000]
    share = celeba.part("test").attributes.mean(axis=0)
    assert np.maximum(share, 1 - share).mean() == pytest.approx(0.80, abs=0.01)  # "always the majority: about 80 %"
    images, attributes, identities = celeba.arrays("validation", (109, 89))
    assert images.shape == (1000, 109, 89, 3) and attributes.shape == (1000, 40) and identities.shape == (1000,)


def test_the_identity_set_has_no_attributes():
    celeba = CelebA(DATA / "celeba-identity", min_images=15)
    assert celeba.part("test").attributes is None and celeba.attribute_names == ()
    assert [len(celeba.part(part)) for part in ("train", "validation", "test")] == [3153, 439, 899]
    assert sorted(celeba.identity_map.values()) == list(range(200))
    assert celeba.check_images("validation", progress=False).sizes == {(157, 128): 439}
