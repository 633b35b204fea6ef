"""Head of a drawn face: measures, outline, neck, ears, skin."""

import dataclasses

import numpy as np

from tfslim.data.drawn_faces.pen import Color, Pen, mirrored
from tfslim.data.drawn_faces.traits import HAIR_COLORS, Person, Shot

PALE = (255, 243, 236)
BLOOD = (206, 62, 62)


@dataclasses.dataclass(frozen=True)
class Head:
    """Measures of a person's head, in pixels of CelebA's frame."""

    pen: Pen
    person: Person
    shown: frozenset[str]
    shot: Shot
    skin: Color
    hair: Color
    bare: bool  # no hair at all
    cheek: float  # half widths of the face
    jaw: float
    chin: float
    bottom: float  # y of the chin

    def has(self, name: str) -> bool:
        return name in self.shown

    @property
    def eye(self) -> float:
        """Return the x coordinate of the right-hand eye."""
        return 19.5 * self.person.eye_distance

    @property
    def mouth(self) -> float:
        """Return the y coordinate of the line between the lips."""
        return 41.0 * self.person.face_length

    @property
    def nose(self) -> float:
        """Return the y coordinate of the nostrils."""
        return 25.5 * self.person.nose_length


def mix(first: Color, second: Color, share: float) -> Color:
    """Blend two colors with a fraction `share` of the second."""
    return tuple(int(a + (b - a) * share) for a, b in zip(first[:3], second[:3], strict=True))


def darker(color: Color, factor: float = 0.8) -> Color:
    """Return the color in shadow."""
    return tuple(int(c * factor) for c in color[:3])


def pose_head(pen: Pen, person: Person, shown: frozenset[str], shot: Shot) -> Head:
    """Measure the head of a person who shows these attributes."""
    male = "Male" in shown
    cheek, jaw, chin, bottom = (42.0, 35.0, 18.0, 65.0) if male else (40.0, 29.5, 11.0, 60.0)
    if "Oval_Face" in shown:
        cheek, jaw, chin, bottom = cheek - 3.0, jaw - 6.5, chin - 1.5, bottom + 4.0
    if "Chubby" in shown:
        cheek, jaw, chin, bottom = cheek + 6.0, jaw + 10.0, chin + 6.0, bottom + 1.0
    colors = shown & set(HAIR_COLORS)
    own = colors == person.attributes & set(HAIR_COLORS)
    return Head(
        pen=pen,
        person=person,
        shown=shown,
        shot=shot,
        skin=mix(person.skin, PALE, 0.7) if "Pale_Skin" in shown else person.skin,
        hair=person.hair if own else HAIR_COLORS[min(colors, default="")],
        bare="Bald" in shown or ("Wearing_Hat" in shown and "Bald" in person.attributes),
        cheek=cheek,
        jaw=jaw * person.jaw,
        chin=chin * person.jaw,
        bottom=bottom * person.face_length,
    )


def outline(head: Head) -> np.ndarray:
    """Return the face outline, (16, 2), clockwise from the top."""
    return mirrored(
        [
            (0, -57),
            (21, -53),
            (35, -38),
            (40, -16),
            (head.cheek, 6),
            (head.cheek * 0.95, 24),
            (head.jaw, 43),
            (head.chin, head.bottom - 5),
            (0, head.bottom),
        ]
    )


def paint_neck(head: Head) -> None:
    """Paint neck and chest with the shadow of the chin."""
    width = 25.0 if head.has("Male") else 18.0
    width += 5.0 * head.has("Chubby")
    right = [(width, 30), (width, 66), (width + 3, 78), (width + 26, 92), (0, 125)]
    head.pen.shape(mirrored([(0, 30), *right]), darker(head.skin, 0.9), depth=0.1)
    shadow = (*darker(head.skin, 0.55), 110)
    head.pen.shape(
        mirrored([(0, 30), (width, 40), (width - 0.5, head.bottom + 1), (0, head.bottom + 13)]), shadow, depth=0.1
    )
    if head.has("Double_Chin"):
        y, half = head.bottom + 8, min(head.chin + 9, width - 1)
        bulge = [(0, 40), (half + 2, y - 16), (half, y - 5), (half * 0.6, y + 1), (0, y + 3)]
        head.pen.shape(mirrored(bulge), darker(head.skin, 0.93), depth=0.4)
        head.pen.stroke(
            [(-half, y - 4), (-half * 0.5, y + 2), (0, y + 4), (half * 0.5, y + 2), (half, y - 4)],
            1.8,
            darker(head.skin, 0.6),
            0.4,
        )


def paint_ears(head: Head) -> None:
    """Paint both ears, unless longer hair covers them."""
    if head.person.hair_length != "short" and not head.bare:
        return
    for side in (-1, 1):
        x = side * (head.cheek + 1.5)
        head.pen.ellipse(x, 9, 6.5, 12, darker(head.skin, 0.94), depth=-0.3)
        head.pen.ellipse(x + side * 1.2, 9, 3.4, 8, darker(head.skin, 0.78), depth=-0.3)


def paint_face(head: Head) -> None:
    """Paint the face: shape, shading, cheeks, marks and wrinkles."""
    pen, shade = head.pen, darker(head.skin, 0.62)
    face = outline(head)
    pen.shape(face, darker(head.skin, 0.93), depth=0.4)
    pen.shape(face * (0.94, 0.965) + (0, 0.5), head.skin, depth=0.6)
    for side in (-1, 1):
        pen.glow(side * head.eye, -1, 14, 10, (*shade, 60))
        if head.has("High_Cheekbones"):
            hollow = [(38, 20), (30, 25), (22, 33), (19, 40), (27, 38), (35, 30)]
            pen.shape(np.array(hollow) * (side, 1), (*shade, 85))
            pen.glow(side * 28, 17, 10, 6, (255, 246, 226, 100))
        if head.has("Rosy_Cheeks"):
            pen.glow(side * 25, 23, 14, 12, (236, 64, 80, 150))
        if head.has("Bags_Under_Eyes"):
            x = side * head.eye
            pen.glow(x, 10.5, 10, 4.5, (*mix(shade, (84, 52, 96), 0.5), 150))
            pen.stroke([(x - 9, 9), (x - 3, 13), (x + 4, 13), (x + 9, 9.5)], 1.3, (*darker(shade, 0.8), 200))
        if not head.has("Young"):
            paint_wrinkles(head, side)
    for x, y in head.person.freckles:
        pen.ellipse(x, y, 0.8, 0.7, (*mix(head.skin, (150, 76, 40), 0.7), 150))
    for x, y in head.person.moles:
        pen.ellipse(x, y, 1.6, 1.5, darker(head.skin, 0.35))


def paint_wrinkles(head: Head, side: int) -> None:
    """Paint wrinkles on one side: eyes, forehead, nose to mouth."""
    pen, line = head.pen, (*darker(head.skin, 0.55), 210)
    corner = head.eye + 11
    for end in (-5, 0, 5):
        pen.stroke(
            [(side * corner, end * 0.4), (side * (corner + 3.5), end * 0.7), (side * (corner + 6), end)], 0.9, line
        )
    for y in (-31, -26):
        pen.stroke([(side * 1, y), (side * 9, y - 1.5), (side * 19, y + 0.5)], 1.0, line, 0.8)
    mouth = head.mouth
    pen.stroke([(side * 13, 25), (side * 19, mouth - 8), (side * 21, mouth + 1)], 1.4, line)
