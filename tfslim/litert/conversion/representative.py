"""Representative values for every input of a model, from arrays, a tf.data.Dataset or a folder of images."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import keras
import numpy as np

from tfslim.data.images import decode

MINIMUM = 20
MAXIMUM = 500


def gather(representative: np.ndarray | Iterable, shape: tuple[int, ...]) -> np.ndarray:
    """Collects and checks representative images.

    Args:
        representative: (N, H, W, C) array, or an iterable (a tf.data.Dataset too) of images (H, W, C), of batches
            (N, H, W, C), or of tuples that begin with one of these; on the scale that the model takes (pixels in 0..255
            for the models of tfslim). No more than the first 500 images are taken.
        shape: (H, W, C) that the model takes.

    Returns:
        (N, H, W, C) uint8 array where all images were uint8, else float32; 20 <= N <= 500.

    Raises:
        ValueError: If images are of another shape or not finite, or fewer than 20 are different and not constant.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3), dtype="uint8")
        >>> gather(images, (8, 8, 3)).shape
        (32, 8, 8, 3)
    """
    if representative is None:
        raise ValueError(
            'quantization="int8" needs representative images, from which the range of every tensor is read: '
            f"pass representative=images, {MINIMUM} or more (100 to 500 are usual) from the training part"
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


def _as_batch(batch, shape: tuple[int, ...]) -> np.ndarray:
    images = np.asarray(batch[0] if isinstance(batch, tuple | list) else batch)
    if images.ndim == len(shape):
        images = images[None]
    if images.shape[1:] != tuple(shape):
        raise ValueError(
            f"representative images have shape {images.shape}, the model takes (N, {', '.join(map(str, shape))})"
        )
    if not (np.issubdtype(images.dtype, np.floating) or np.issubdtype(images.dtype, np.integer)):
        raise ValueError(f"representative images are of dtype {images.dtype}; expected numbers (uint8 or float32)")
    return images


def _check_variety(images: np.ndarray) -> None:
    bad = [number for number, image in enumerate(images) if not np.isfinite(image).all()]
    if bad:
        raise ValueError(f"representative image {bad[0]} holds NaN or infinity ({len(bad)} of {len(images)} images do)")
    # A model that takes a single number is given nothing but such images.
    varied = [image for image in images if image.size == 1 or image.min() != image.max()]
    constant, different = len(images) - len(varied), len({image.tobytes() for image in varied})
    if different < MINIMUM:
        raise ValueError(
            f"{len(images)} representative images, of which {constant} are of one colour and {different} of the others "
            f"are different; expected at least {MINIMUM} different pictures, else the ranges read from them clip others"
        )


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


Given = np.ndarray | Iterable | Mapping[str, np.ndarray] | str | Path | None


def representative_samples(given: Given, model: keras.Model) -> dict[str, np.ndarray]:
    """Collects and checks representative values.

    Args:
        given: For one input what `gather` takes, or the path of a folder of images; for
            several inputs a dictionary of (N, ...) arrays, or an iterable of dictionaries of single values, by the
            inputs' names.
        model: The model with batch 1 that they are for.

    Returns:
        Input name -> (N, ...) values in the dtype of that input; 20 <= N <= 500.

    Raises:
        ValueError: If values are missing, too few, alike, not finite or of another shape.
        FileNotFoundError: If the folder is not there.
    """
    inputs = {tensor.name: tensor for tensor in model.inputs}
    if len(inputs) > 1:
        return _of_several(given, inputs, model.name)
    ((name, tensor),) = inputs.items()
    shape = tuple(tensor.shape[1:])
    if isinstance(given, (str, Path)):
        if len(shape) != 3 or shape[2] != 3:
            raise ValueError(f"model '{model.name}' takes {shape}, no RGB image: give arrays in place of a folder")
        given = read_image_folder(given, shape[:2], MAXIMUM)
    elif isinstance(given, Mapping):
        if list(given) != [name]:
            raise ValueError(f"representative values are named {', '.join(given)}; model '{model.name}' takes {name}")
        given = given[name]
    return {name: gather(given, shape).astype(_dtype(tensor))}


def _of_several(given: Given, inputs: Mapping[str, keras.KerasTensor], model: str) -> dict[str, np.ndarray]:
    expected = f"model '{model}' has {len(inputs)} inputs ({', '.join(inputs)})"
    if given is None or isinstance(given, (str, Path, np.ndarray)):
        raise ValueError(f"{expected}; give representative values as a dictionary of arrays by these names")
    if not isinstance(given, Mapping):
        rows = [row for row, _ in zip(given, range(MAXIMUM), strict=False)]
        if not rows or any(not isinstance(row, Mapping) for row in rows):
            raise ValueError(f"{expected}; each representative value must be a dictionary by these names")
        given = {name: np.stack([row[name] for row in rows if name in row]) for name in rows[0]}
    if set(given) != set(inputs):
        raise ValueError(f"{expected}; representative values are named {', '.join(map(str, given))}")
    samples = {name: np.asarray(given[name])[:MAXIMUM].astype(_dtype(tensor)) for name, tensor in inputs.items()}
    counts = {len(values) for values in samples.values()}
    for name, values in samples.items():
        if values.shape[1:] != tuple(inputs[name].shape[1:]):
            raise ValueError(
                f"{name}: representative values have shape {values.shape}, expected (N, *{inputs[name].shape[1:]})"
            )
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: representative values hold NaN or infinity")
    different = len({b"".join(value.tobytes() for value in row) for row in zip(*samples.values(), strict=False)})
    if len(counts) > 1 or different < MINIMUM:
        raise ValueError(
            f"{expected}; found {' and '.join(map(str, sorted(counts)))} representative values, {different} of them "
            f"different; expected as many for each, at least {MINIMUM} different ones"
        )
    return samples


def _dtype(tensor: keras.KerasTensor) -> str:
    return tensor.dtype if tensor.dtype in ("int32", "int64", "bool") else "float32"
