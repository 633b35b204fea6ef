"""Settings of random image augmentation."""

from dataclasses import dataclass

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """Strengths of random image augmentation; the defaults change nothing.

    Args:
        flip: whether to mirror left and right with probability one half.
        shift: maximum shift in either direction, as a fraction of the image's side.
        rotation: maximum rotation in either direction, in degrees.
        zoom: maximum relative change of scale, up or down.
        brightness: maximum offset added to all pixels, as a fraction of the pixel range.
        contrast: maximum relative change of the distance from the image's mean.
        saturation: maximum relative change of the distance from gray.
        mixup: blend each image and its targets with another of the batch, weighted by Beta(mixup, mixup); 0 for none.

    Raises:
        ValueError: if a strength is out of range.
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
                raise ValueError(f"augmentation: {name} is {getattr(self, name)}, expected 0 to {highest}")
