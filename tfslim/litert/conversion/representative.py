"""Representative values for integer quantization, collected and checked.

They come from arrays, a tf.data.Dataset or a folder of images.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import keras
import numpy as np

from tfslim.data.images import decode

__all__ = ["MAXIMUM", "MINIMUM", "Representative", "gather", "read_image_folder", "representative_samples"]

Representative = np.ndarray | Iterable | Mapping[str, np.ndarray] | str | Path | None
MINIMUM = 20
MAXIMUM = 500
_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def representative_samples(representative: Representative, model: keras.Model) -> dict[str, np.ndarray]:
    """Collect and check representative values for every input.

    Args:
        representative: For one input the images of `gather`, or the path of a folder of images; for several inputs a
            dictionary of (N, ...) arrays, or an iterable of dictionaries of single values, by input name.
        model: The model, with batch 1.

    Returns:
        Input name -> (N, ...) values in the dtype of that input; 20 <= N <= 500.

    Raises:
        ValueError: If values are missing, too few, alike, not finite or of another shape.
        FileNotFoundError: If the folder does not exist.
    """
    inputs = {tensor.name: tensor for tensor in model.inputs}
    if len(inputs) > 1:
        return _samples_of_inputs(representative, inputs, model.name)
    ((name, tensor),) = inputs.items()
    shape = tuple(tensor.shape[1:])
    if isinstance(representative, (str, Path)):
        if len(shape) != 3 or shape[2] != 3:
            raise ValueError(
                f"model '{model.name}' takes {shape}, not RGB images; pass representative values as an array, not as "
                "a folder"
            )
        representative = read_image_folder(representative, shape[:2], MAXIMUM)
    elif isinstance(representative, Mapping):
        if list(representative) != [name]:
            raise ValueError(
                f"representative values are named {', '.join(representative)}; model '{model.name}' takes {name}"
            )
        representative = representative[name]
    return {name: gather(representative, shape).astype(_dtype(tensor))}


def gather(representative: np.ndarray | Iterable | None, shape: tuple[int, ...]) -> np.ndarray:
    """Collect and check representative images.

    Args:
        representative: (N, H, W, C) array, or an iterable (a tf.data.Dataset too) of images (H, W, C), of batches
            (N, H, W, C), or of tuples that begin with one of these; in the model's pixel range (0..255 for the models
            of tfslim). At most the first 500 images are used.
        shape: The model's input shape (H, W, C).

    Returns:
        (N, H, W, C) array, uint8 if all images are uint8, else float32; 20 <= N <= 500.

    Raises:
        ValueError: If images have another shape or are not finite, or fewer than 20 are different and not constant.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3), dtype="uint8")
        >>> gather(images, (8, 8, 3)).shape
        (32, 8, 8, 3)
    """
    if representative is None:
        raise ValueError(
            'quantization="int8" needs representative images to find the range of every tensor; pass '
            f"representative=images, {MINIMUM} or more (100 to 500 are usual) from the training split"
        )
    batches, count = [], 0
    for batch in [representative] if isinstance(representative, np.ndarray) else representative:
        batch = _as_batch(batch, shape)[: MAXIMUM - count]
        batches.append(batch)
        count += len(batch)
        if count >= MAXIMUM:
            break
    images = np.concatenate(batches) if batches else np.empty((0, *shape), "uint8")
    if images.dtype != np.uint8:
        images = images.astype("float32")
    _check_variety(images)
    return images


def read_image_folder(folder: str | Path, size: tuple[int, int], most: int) -> np.ndarray:
    """Read images of a folder and its subfolders.

    If there are more than `most`, they are sampled evenly from the sorted paths.

    Args:
        folder: The folder; files without an image suffix are skipped.
        size: (height, width) in pixels to which each image is resized, without keeping its aspect ratio.
        most: The largest number of images to read.

    Returns:
        (N, height, width, 3) uint8 RGB pixels.

    Raises:
        FileNotFoundError: If the folder does not exist.
        ValueError: If it holds no image, or an image can't be decoded.

    Example:
        >>> read_image_folder("faces", (218, 178), most=200).shape  # doctest: +SKIP
        (200, 218, 178, 3)
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder of representative images")
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in _IMAGE_SUFFIXES and file.is_file())
    if not files:
        raise ValueError(f"{folder}: holds no images; expected files ending in {', '.join(_IMAGE_SUFFIXES)}")
    chosen = [files[index] for index in np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int)]
    return np.stack([decode(file.read_bytes(), str(file), size) for file in chosen])


def _samples_of_inputs(
    representative: Representative, inputs: Mapping[str, keras.KerasTensor], model: str
) -> dict[str, np.ndarray]:
    expected = f"model '{model}' has {len(inputs)} inputs ({', '.join(inputs)})"
    if representative is None or isinstance(representative, (str, Path, np.ndarray)):
        raise ValueError(f"{expected}; pass representative values as a dictionary of arrays by these names")
    if not isinstance(representative, Mapping):
        rows = [row for row, _ in zip(representative, range(MAXIMUM), strict=False)]
        if not rows or any(not isinstance(row, Mapping) for row in rows):
            raise ValueError(f"{expected}; each representative value must be a dictionary by these names")
        representative = {name: np.stack([row[name] for row in rows if name in row]) for name in rows[0]}
    if set(representative) != set(inputs):
        raise ValueError(f"{expected}; representative values are named {', '.join(map(str, representative))}")
    samples = {
        name: np.asarray(representative[name])[:MAXIMUM].astype(_dtype(tensor)) for name, tensor in inputs.items()
    }
    counts = {len(values) for values in samples.values()}
    for name, values in samples.items():
        if values.shape[1:] != tuple(inputs[name].shape[1:]):
            raise ValueError(
                f"{name}: representative values have shape {values.shape}; expected "
                f"(N, {', '.join(map(str, inputs[name].shape[1:]))})"
            )
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: representative values hold NaN or infinity")
    different = len({b"".join(value.tobytes() for value in row) for row in zip(*samples.values(), strict=False)})
    if len(counts) > 1 or different < MINIMUM:
        raise ValueError(
            f"{expected}; got {' and '.join(map(str, sorted(counts)))} representative values, {different} of them "
            f"different; expected the same number for each input, at least {MINIMUM} different ones"
        )
    return samples


def _as_batch(batch, shape: tuple[int, ...]) -> np.ndarray:
    images = np.asarray(batch[0] if isinstance(batch, tuple | list) else batch)
    if images.ndim == len(shape):
        images = images[None]
    if images.shape[1:] != tuple(shape):
        raise ValueError(
            f"representative images have shape {images.shape}, but the model takes (N, {', '.join(map(str, shape))})"
        )
    if not (np.issubdtype(images.dtype, np.floating) or np.issubdtype(images.dtype, np.integer)):
        raise ValueError(f"representative images have dtype {images.dtype}; expected numbers (uint8 or float32)")
    return images


def _check_variety(images: np.ndarray) -> None:
    bad = [number for number, image in enumerate(images) if not np.isfinite(image).all()]
    if bad:
        raise ValueError(f"representative image {bad[0]} holds NaN or infinity ({len(bad)} of {len(images)} images do)")
    # Every example of a model that takes a single number is constant.
    varied = [image for image in images if image.size == 1 or image.min() != image.max()]
    constant, different = len(images) - len(varied), len({image.tobytes() for image in varied})
    if different < MINIMUM:
        raise ValueError(
            f"{len(images)} representative images, of which {constant} are of one color and {different} of the others "
            f"are different; expected at least {MINIMUM} different images, else the ranges found on them clip others"
        )


def _dtype(tensor: keras.KerasTensor) -> str:
    return tensor.dtype if tensor.dtype in ("int32", "int64", "bool") else "float32"
