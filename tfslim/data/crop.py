"""Cutting a photo to a model's shape."""

from PIL import Image


def centre_crop(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Cuts the largest middle part that has the height-to-width ratio of `size`; it is not resized.

    Args:
        image: a Pillow image.
        size: (height, width) whose ratio the part gets, to the nearest pixel.

    Example:
        >>> centre_crop(Image.new("RGB", (400, 218)), (109, 89)).size
        (178, 218)
    """
    height, width = size
    cut_width = max(1, min(image.width, round(image.height * width / height)))
    cut_height = max(1, min(image.height, round(image.width * height / width)))
    left, top = (image.width - cut_width) // 2, (image.height - cut_height) // 2
    return image.crop((left, top, left + cut_width, top + cut_height))


def middle(image: Image.Image, size: tuple[int, int] | None) -> Image.Image:
    """Cuts the middle part of a given size; a side that is shorter than asked for stays whole.

    Args:
        image: a Pillow image.
        size: (height, width) in pixels; None leaves the image whole.

    Example:
        >>> middle(Image.new("RGB", (178, 218)), (120, 120)).size
        (120, 120)
    """
    if size is None:
        return image
    height, width = min(size[0], image.height), min(size[1], image.width)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
