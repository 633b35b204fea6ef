"""Clothes, necktie, jewelry and glasses of a drawn face."""

import numpy as np

from tfslim.data.drawn_faces.head import Head, darker, mix
from tfslim.data.drawn_faces.pen import curve, mirrored

GOLD = (236, 190, 72)


def paint_clothes(head: Head) -> None:
    """Paint shoulders and collar, or shirt and necktie."""
    pen, color = head.pen, head.shot.clothes
    width = 92 if head.has("Male") else 76
    neck = 24 if head.has("Male") else 22
    shoulders = [(neck, 74), (neck + 24, 86), (width - 14, 96), (width + 6, 116), (width + 12, 200)]
    if head.has("Wearing_Necktie"):
        pen.shape(mirrored([(0, 92), *shoulders, (0, 200)]), darker(color, 0.7), 0, smooth=False)
        pen.shape(
            mirrored([(0, 88), (neck, 70), (neck + 8, 84), (16, 130), (0, 200)]), (244, 244, 246), 0, smooth=False
        )
        for side in (-1, 1):
            pen.shape(
                np.array([(0, 87), (neck, 68), (neck + 9, 82), (12, 103)]) * (side, 1), (255, 255, 255), 0, smooth=False
            )
            pen.stroke(np.array([(0, 87), (6, 95), (12, 103), (neck + 9, 82)]) * (side, 1), 1.0, (170, 172, 182), 0)
        tie = head.shot.accent
        pen.shape([(-7, 86), (7, 86), (5, 97), (-5, 97)], darker(tie, 0.85), 0, smooth=False)
        pen.shape([(-5, 97), (5, 97), (12, 160), (-12, 160)], tie, 0, smooth=False)
        for y in (104, 114, 124):
            pen.shape(
                [(-5.5, y), (6, y - 5), (6.5, y - 2), (-6, y + 3)], mix(tie, (255, 255, 255), 0.6), 0, smooth=False
            )
        return
    dip = 92 + head.shot.variant % 3 * 5
    pen.shape(
        np.concatenate(
            [
                curve([(-neck, 74), (-neck * 0.7, dip - 5), (0, dip), (neck * 0.7, dip - 5), (neck, 74)]),
                np.array(shoulders),
                np.array(shoulders)[::-1] * (-1, 1),
            ]
        ),
        color,
        0,
        smooth=False,
    )
    pen.stroke(
        [(-neck - 1, 75), (-neck * 0.7, dip - 4), (0, dip + 1.5), (neck * 0.7, dip - 4), (neck + 1, 75)],
        4.0,
        darker(color, 0.78),
        0,
        ends=0.8,
    )


def paint_necklace(head: Head) -> None:
    """Paint a string of beads with a pendant."""
    for x in np.linspace(-21, 21, 13):
        head.pen.ellipse(x, 90 - x * x * 0.034, 2.3, 2.3, darker(GOLD, 0.6), 0)
        head.pen.ellipse(x - 0.4, 89.6 - x * x * 0.034, 1.6, 1.6, mix(GOLD, (255, 255, 255), 0.35), 0)
    head.pen.ellipse(0, 96, 4.4, 5.2, darker(GOLD, 0.6), 0)
    head.pen.ellipse(0, 96, 3.2, 4.0, head.shot.accent, 0)


def paint_earrings(head: Head) -> None:
    """Paint drop or hoop earrings at both lobes."""
    for side in (-1, 1):
        x = side * (head.cheek + 3)
        if head.shot.variant % 2:
            head.pen.ellipse(x, 31, 5.2, 8.0, darker(GOLD, 0.65), 0.1)
            head.pen.ellipse(x, 31, 4.2, 7.0, GOLD, 0.1)
            head.pen.ellipse(x, 31.5, 2.4, 4.8, darker(head.skin, 0.7) if head.bare else darker(head.hair, 0.8), 0.1)
        else:
            head.pen.stroke([(x, 20), (x, 26), (x, 32)], 1.8, GOLD, 0.1, ends=1.0)
            head.pen.ellipse(x, 35, 4.2, 5.4, darker(GOLD, 0.65), 0.1)
            head.pen.ellipse(x, 35, 3.2, 4.4, mix(head.shot.accent, (255, 255, 255), 0.3), 0.1)
            head.pen.ellipse(x - 1, 33.4, 1.1, 1.3, (255, 255, 255), 0.1)
        head.pen.ellipse(x, 20.5, 2.0, 2.0, GOLD, 0.1)


def paint_glasses(head: Head) -> None:
    """Paint round or square glasses in one of four colors."""
    pen, kind = head.pen, head.shot.variant // 4 % 2
    frame = ((28, 26, 30), (96, 52, 30), (120, 34, 44), (44, 66, 104))[head.shot.variant % 4]
    rx, ry = (min(14.5, head.eye - 3.5), 12.0) if kind else (min(15.0, head.eye - 3.0), 10.5)
    for side in (-1, 1):
        x = side * (head.eye + 0.5)
        power = 1.0 if kind else 0.45  # below 1 the ellipse becomes a rounded square
        angle = np.linspace(0, 2 * np.pi, 33)
        ring = np.stack([np.cos(angle), np.sin(angle)], -1)
        ring = np.sign(ring) * np.abs(ring) ** power * (rx, ry) + (x, 1.5)
        pen.shape(ring[:-1], (235, 244, 255, 46), 1.2, smooth=False)
        pen.shape([(x - 6, 6), (x + 1, -6), (x + 5, -6), (x - 2, 6)], (255, 255, 255, 60), 1.2, smooth=False)
        pen.shape(
            np.concatenate([ring, (ring - (x, 1.5))[::-1] * (1 - 2.5 / rx, 1 - 2.5 / ry) + (x, 1.5)]),
            frame,
            1.2,
            smooth=False,
        )
        pen.stroke(
            [(side * (head.eye + rx - 1), -2), (side * (head.cheek - 2), -3), (side * (head.cheek + 2), 0)],
            2.8,
            frame,
            0.6,
            ends=0.8,
        )
    pen.stroke([(-head.eye + rx - 1.5, -1), (0, -3), (head.eye - rx + 1.5, -1)], 2.8, frame, 1.3, ends=0.9)
