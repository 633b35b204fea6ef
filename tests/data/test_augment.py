"""Each change compared with numpy, and the same seed gives the same images."""

import numpy as np
import pytest
import tensorflow as tf

from tfslim.data.augment import augment, mix
from tfslim.data.augmentation import Augmentation

IMAGES = np.random.default_rng(0).integers(0, 256, (32, 12, 10, 3)).astype("uint8")


def changed(augmentation, seed=(0, 1), images=IMAGES):
    numbered = tf.data.Dataset.from_tensor_slices(images).enumerate(start=1000 * seed[0])
    result = numbered.map(lambda number, image: augment(image, augmentation, tf.stack([number, seed[1]])))
    return np.stack(list(result.as_numpy_iterator()))


def test_nothing_asked_for_changes_nothing():
    np.testing.assert_array_equal(changed(Augmentation()), IMAGES)


def test_flip_mirrors_about_half_of_the_images_and_no_other_change():
    result = changed(Augmentation(flip=True))
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(result, IMAGES, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(result, IMAGES, strict=True)]
    assert all(m or s for m, s in zip(mirrored, same, strict=True))
    assert 8 <= sum(mirrored) <= 24


def test_shift_moves_whole_pixels_and_repeats_the_edge():
    result = changed(Augmentation(shift=0.2))
    height, width = 12, 10
    moved = 0
    for image, original in zip(result, IMAGES, strict=True):
        candidates = {
            (dy, dx): original[np.clip(np.arange(height) + dy, 0, height - 1)][
                :, np.clip(np.arange(width) + dx, 0, width - 1)
            ]
            for dy in range(-3, 4)
            for dx in range(-3, 4)
        }
        found = [offset for offset, candidate in candidates.items() if np.array_equal(candidate, image)]
        assert found, "not the image shifted by whole pixels"
        assert abs(found[0][0]) <= 3 and abs(found[0][1]) <= 2
        moved += found[0] != (0, 0)
    assert moved > 16


def test_flip_and_shift_together_still_mirror():
    result = changed(Augmentation(flip=True, shift=0.001))
    for image, original in zip(result, IMAGES, strict=True):
        assert np.array_equal(image, original) or np.array_equal(image, original[:, ::-1])


def test_rotation_turns_about_the_centre():
    rows = np.zeros((200, 21, 21, 3), np.uint8)
    rows[:, 10] = 240
    result = changed(Augmentation(rotation=30), images=rows)
    assert (result[:, 10, 10, 0] > 200).all()  # the centre stays
    slopes = []
    for image in result[..., 0].astype(float):
        left, right = image[:, 4].argmax(), image[:, 16].argmax()
        slopes.append(np.degrees(np.arctan2(right - left, 12.0)))
    assert 20 < max(slopes) < 35 and -35 < min(slopes) < -20


def test_zoom_scales_both_ways():
    squares = np.zeros((100, 31, 31, 3), np.uint8)
    squares[:, 10:21, 10:21] = 255
    areas = changed(Augmentation(zoom=0.3), images=squares)[..., 0].astype(float).sum(axis=(1, 2)) / 255
    assert areas.max() > 121 * 1.3 and areas.min() < 121 / 1.3
    assert areas.max() < 121 * 1.8 and areas.min() > 121 / 1.8


def test_brightness_contrast_saturation_against_numpy():
    grey = np.full((16, 4, 4, 3), 100, np.uint8)
    bright = changed(Augmentation(brightness=0.1), images=grey)
    assert bright.dtype == np.float32
    shifts = bright[:, 0, 0, 0] - 100
    assert np.abs(shifts).max() <= 25.6 and shifts.std() > 5
    assert (bright == bright[:, :1, :1, :1]).all()

    soft = (
        np.stack([np.full((4, 4, 3), 80), np.full((4, 4, 3), 120)], 1).reshape(1, 8, 4, 3).repeat(16, 0).astype("uint8")
    )
    contrast = changed(Augmentation(contrast=0.5), images=soft)
    np.testing.assert_allclose(contrast.mean(axis=(1, 2, 3)), 100, atol=1e-3)
    assert 0.5 <= (contrast.std(axis=(1, 2, 3)) / 20).min() < (contrast.std(axis=(1, 2, 3)) / 20).max() <= 1.5
    np.testing.assert_allclose(changed(Augmentation(saturation=0.5), images=grey), 100, atol=1e-3)


def test_same_seed_same_images_other_seed_others():
    everything = Augmentation(True, 0.1, 10, 0.1, 0.1, 0.2, 0.2)
    np.testing.assert_array_equal(changed(everything, (3, 4)), changed(everything, (3, 4)))
    assert not np.array_equal(changed(everything, (3, 4)), changed(everything, (4, 4)))


@pytest.mark.parametrize("wrong", [{"shift": -0.1}, {"rotation": 200}, {"zoom": 1}, {"contrast": 1.5}])
def test_reaches_outside_their_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Augmentation(**wrong)


def test_mixup_blends_images_and_targets_by_the_same_share():
    images = np.stack([np.full((4, 4, 3), value) for value in (10, 20, 200, 240)]).astype("uint8")
    targets = np.eye(4, dtype="float32")
    mixed, wanted = (t.numpy() for t in mix(tf.constant(images), tf.constant(targets), 1.0, tf.constant([5, 6])))
    share = np.diag(wanted)
    assert ((share >= 0.5) & (share <= 1)).all() and len(set(share)) == 4
    np.testing.assert_allclose(wanted, share[:, None] * targets + (1 - share[:, None]) * targets[::-1], rtol=1e-6)
    expected = share[:, None, None, None] * images + (1 - share)[:, None, None, None] * images[::-1]
    np.testing.assert_allclose(mixed, expected, rtol=1e-5)
