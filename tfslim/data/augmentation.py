"""How far training images are changed at random."""

from dataclasses import dataclass

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """How far training images are changed at random; everything at its default leaves them as they are.

    Args:
        flip: mirror left and right with probability one half.
        shift: largest shift in either direction, as a share of the image's side.
        rotation: largest rotation to either side, in degrees.
        zoom: largest relative change of scale, up or down.
        brightness: largest change added to all pixels, as a share of the pixel range.
        contrast: largest relative change of the distance from the image's mean.
        saturation: largest relative change of the distance from grey.
        mixup: blend each image and its targets with another of the batch, by a share drawn from Beta(mixup, mixup).
    """

    flip: bool = False
    shift: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    mixup: float = 0.0

    def __post_init__(self):
        limits = {
            "shift": 1,
            "rotation": 180,
            "zoom": 0.9,
            "brightness": 1,
            "contrast": 1,
            "saturation": 1,
            "mixup": 10,
        }
        for name, highest in limits.items():
            if not 0 <= getattr(self, name) <= highest:
                raise ValueError(f"augmentation: {name}={getattr(self, name)} is not between 0 and {highest}")
