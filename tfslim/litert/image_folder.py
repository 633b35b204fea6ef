"""The images of a folder, at the size that a model takes."""

from pathlib import Path

import numpy as np

from tfslim.data.images import decode

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def read_image_folder(folder: str | Path, size: tuple[int, int], most: int) -> np.ndarray:
    """Reads images of a folder and the folders in it, spread evenly over the names in their order.

    Args:
        folder: The folder; files with other suffixes than those of images are passed over.
        size: (height, width) in pixels that each image is resized to, whatever its proportions.
        most: The largest number of images to read.

    Returns:
        (N, height, width, 3) uint8 RGB pixels.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds no image, or one can't be decoded.

    Example:
        >>> read_image_folder("faces", (218, 178), most=200).shape  # doctest: +SKIP
        (200, 218, 178, 3)
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder of representative images")
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise ValueError(f"{folder}: holds no image ({', '.join(SUFFIXES)})")
    chosen = [files[place] for place in np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int)]
    return np.stack([decode(file.read_bytes(), str(file), size) for file in chosen])
