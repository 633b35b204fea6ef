"""Drawing of one face: all parts, then light and blur."""

from PIL import Image, ImageChops, ImageFilter

from tfslim.data.drawn_faces.features import paint_brows, paint_eyes, paint_mouth, paint_nose
from tfslim.data.drawn_faces.hair import paint_back_hair, paint_beard, paint_hair, paint_hat
from tfslim.data.drawn_faces.head import paint_ears, paint_face, paint_neck, pose_head
from tfslim.data.drawn_faces.pen import SUPERSAMPLING, Pen
from tfslim.data.drawn_faces.traits import Person, Shot
from tfslim.data.drawn_faces.wear import paint_clothes, paint_earrings, paint_glasses, paint_necklace


def paint(person: Person, shown: frozenset[str], shot: Shot, size: tuple[int, int] = (218, 178)) -> Image.Image:
    """Draw a person who shows the given attributes.

    Args:
        person: the person's stable looks.
        shown: the attributes to show; they override the person's own.
        shot: pose, light and surroundings.
        size: (height, width) in pixels.

    Returns:
        An RGB image.
    """
    height, width = size
    backdrop = Image.new("RGB", (1, 2))
    backdrop.putdata(shot.backdrop)
    canvas = backdrop.resize((width * SUPERSAMPLING, height * SUPERSAMPLING), Image.Resampling.BILINEAR)
    head = pose_head(Pen(canvas, shot.pose), person, shown, shot)
    paint_back_hair(head)
    paint_neck(head)
    paint_clothes(head)
    if head.has("Wearing_Necklace"):
        paint_necklace(head)
    paint_ears(head)
    paint_face(head)
    paint_beard(head)
    paint_nose(head)
    paint_mouth(head)
    paint_eyes(head)
    paint_brows(head)
    paint_hair(head)
    if head.has("Wearing_Hat"):
        paint_hat(head)
    if head.has("Wearing_Earrings"):
        paint_earrings(head)
    if head.has("Eyeglasses"):
        paint_glasses(head)
    picture = lit(canvas.reduce(SUPERSAMPLING), shot)
    return picture.filter(ImageFilter.GaussianBlur(width / 60)) if "Blurry" in shown else picture


def lit(picture: Image.Image, shot: Shot) -> Image.Image:
    """Apply warm or cold light that varies over the image."""
    tints = (1 + shot.warmth, 1.0, 1 - shot.warmth)
    # A brightness of 1 is 200, so that light can also brighten; the product is scaled back by 255 / 200.
    corners = [tuple(min(255, int(200 * light * tint)) for tint in tints) for light in shot.light]
    lamp = Image.new("RGB", (2, 2))
    lamp.putdata(corners)
    light = ImageChops.multiply(picture, lamp.resize(picture.size, Image.Resampling.BILINEAR))
    return light.point([min(255, int(value * 255 / 200)) for value in range(256)] * 3)
