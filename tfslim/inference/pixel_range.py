"""Signs that a model expects pixels outside 0..255."""

import numpy as np

from tfslim.litert import Metadata

PIXELS = (0.0, 255.0)
_SLACK = 0.2  # of the pixels' range; calibration on real photos misses the exact ends
_LEAST_SHARE = 0.25  # of the pixels' range; photos for calibration may have been dark
_LEAST_SHARE_OF_SYMMETRIC = 0.75  # half is what pixels less 128 would take
_FEWEST = 4  # images; two or three photos may be nearly the same


def quantization_warning(input_range: tuple[float, float] | None, metadata: Metadata | None) -> str | None:
    """Return a warning if a quantized input cannot hold pixels.

    None is returned if it can hold the pixels that it is given.

    Args:
        input_range: The least and the largest value of the input, as `Runner.input_range`.
        metadata: How pixels are normalized first, if the file says so.
    """
    if input_range is None:
        return None
    low, high = input_range
    least, most = metadata.pixel_range if metadata else PIXELS
    # A symmetric range, as int16 has to have, tells by its upper end alone.
    symmetric = abs(low + high) < abs(low) / 100
    lower = max(low, least) if symmetric else low
    share = (min(high, most) - max(lower, least)) / (most - least)
    slack = _SLACK * (most - least)
    inside = lower >= least - slack and high <= most + slack
    if inside and share >= (_LEAST_SHARE_OF_SYMMETRIC if symmetric else _LEAST_SHARE):
        return None
    if metadata and metadata.normalizes:
        return (
            f"its input is quantized for values of {low:.3g}..{high:.3g}, but its metadata normalizes pixels to "
            f"{least:.4g}..{most:.4g}: outputs may be wrong; correct the metadata or the quantization"
        )
    return (
        f"its input is quantized for values of {low:.3g}..{high:.3g}, but it is given pixels of 0..255: outputs may be "
        "wrong; normalize in the model, or state mean and std in the file by tfslim.litert.with_metadata"
    )


def normalization_warning(metadata: Metadata) -> str | None:
    """Return a note if the metadata asks for normalized pixels.

    Otherwise None is returned.
    """
    if not metadata.normalizes:
        return None
    low, high = metadata.pixel_range
    mean, std = (", ".join(f"{value:.4g}" for value in values) for values in (metadata.mean, metadata.std))
    return (
        f"takes pixels normalized to {low:.4g}..{high:.4g} in place of 0..255, by its metadata: (pixel - mean) / std "
        f"is applied, with mean {mean} and std {std}"
    )


def normalize(images: np.ndarray, metadata: Metadata) -> np.ndarray:
    """Normalize (N, H, W, C) pixels by the metadata.

    The result is (x - mean) / std in float32.
    """
    mean, std = np.asarray(metadata.mean, "float32"), np.asarray(metadata.std, "float32")
    return (images.astype("float32") - mean) / std


def constant_warning(images: np.ndarray, outputs: np.ndarray) -> str | None:
    """Return a warning if different images have the same outputs.

    Otherwise None is returned.

    Args:
        images: (N, H, W, C).
        outputs: (N, ...) floats, of the images.
    """
    if len(images) < _FEWEST or (images == images[:1]).all():
        return None
    spread = np.ptp(outputs, axis=0).max(initial=0.0)
    if not spread <= 1e-6 * max(1.0, float(np.abs(outputs).max(initial=0.0))):  # NaN has no spread
        return None
    return (
        f"its outputs are the same for all {len(images)} images: the model may expect another pixel range than 0..255, "
        "or was not trained"
    )
