"""Eyes, brows, nose and mouth of a drawn face."""

import numpy as np

from tfslim.data.drawn_faces.head import BLOOD, Head, darker, mix
from tfslim.data.drawn_faces.pen import CIRCLE, curve

INK = (38, 28, 30)


def paint_eyes(head: Head) -> None:
    """Paint both eyes with lids, lashes and make-up."""
    pen, person = head.pen, head.person
    half = 9.6 * person.eye_size
    height = 5.6 * person.eye_size * (0.46 if head.has("Narrow_Eyes") else 1.0)
    made_up = head.has("Heavy_Makeup")
    for side in (-1, 1):
        scale = np.array([side, 1.0])
        place = np.array([side * head.eye, 0.0])
        inner, outer = (-half, 0.8), (half, -person.eye_slant)
        upper = curve(
            [inner, (-half * 0.45, -height * 0.85), (half * 0.25, -height), (half * 0.75, -height * 0.62), outer]
        )
        lower = curve([inner, (-half * 0.3, height * 0.62), (half * 0.35, height * 0.72), outer])
        crease = upper * (1.08, 1.0) + (0, -2.4)
        if made_up:
            lid = np.concatenate([upper * (1.1, 1) + (0.5, 0), (upper * (1.25, 1.2) + (1.2, -5.5))[::-1]])
            pen.shape(lid * scale + place, (104, 62, 128, 200), smooth=False)
        pen.shape(np.concatenate([upper, lower[::-1]]) * scale + place, (248, 245, 240), smooth=False)
        for radius, color in ((5.0, darker(person.iris, 0.6)), (4.2, person.iris), (2.1, (18, 14, 16))):
            # The lids cover the part of the iris outside the eye opening; both eyes look the same way.
            circle = CIRCLE * radius * person.eye_size + (head.shot.gaze * side, 0)
            low, high = np.interp(circle[:, 0], *upper.T), np.interp(circle[:, 0], *lower.T)
            circle[:, 1] = np.clip(circle[:, 1], low, np.maximum(low, high))
            pen.shape(circle * scale + place, color, smooth=False)
        if not head.has("Narrow_Eyes"):
            pen.ellipse(place[0] + head.shot.gaze + 1.4, -1.8, 1.1, 1.1, (255, 255, 255))
        lashes = 2.7 if made_up else 1.4 if head.has("Male") else 1.9
        pen.stroke(upper[::4] * scale + place, lashes, INK, ends=0.5)
        pen.stroke(crease[::4] * scale + place, 0.9, (*darker(head.skin, 0.55), 200))
        pen.stroke(
            lower[::3] * scale + place, 1.5 if made_up else 0.8, (*darker(head.skin, 0.45), 255 if made_up else 170)
        )
        if not head.has("Male") or made_up:
            length = 2.0 if made_up else 1.0
            for x, y in ((half, -person.eye_slant), (half * 0.85, -height * 0.5)):
                tip = (x + 2.2 * length, y - 2.2 * length)
                pen.stroke(
                    np.array([(x - 1, y), (x + length, y - 0.8 * length), tip]) * scale + place, 1.4, INK, ends=0.3
                )


def paint_brows(head: Head) -> None:
    """Paint the brows, darker than the hair to be visible."""
    person, bushy = head.person, head.has("Bushy_Eyebrows")
    thick = 7.6 if bushy else 4.2 if head.has("Male") else 2.5
    arch = 5.5 if head.has("Arched_Eyebrows") else 0.5
    y = -13.0 * person.brow_height
    gray = head.has("Gray_Hair")
    color = darker(head.hair, 0.72) if gray else mix(darker(head.hair, 0.7), INK, 0.35)
    for side in (-1, 1):
        x = head.eye
        line = np.array([(x - 11, y + 1.5), (x - 4, y - 0.6 - arch * 0.35), (x + 5, y - 1.2 - arch), (x + 13, y + 1.5)])
        head.pen.stroke(line * (side, 1), thick, color, ends=0.35)
        if bushy:
            for step in range(7):
                root = x - 10 + step * 3.3
                top = y - 3.2 - arch * np.interp(step, (0, 3, 5, 6), (0, 0.5, 1, 0.5))
                head.pen.stroke(
                    np.array([(root, top + 5), (root + 1, top), (root + 2.4, top - 2.6)]) * (side, 1), 1.7, color
                )


def paint_nose(head: Head) -> None:
    """Paint the nose: shadow beside the bridge, wings, nostrils, tip."""
    pen, person, y = head.pen, head.person, head.nose
    wide = 9.0 * person.nose_width * (1.6 if head.has("Big_Nose") else 1.0) * (0.72 if head.has("Pointy_Nose") else 1.0)
    tall = 1.4 if head.has("Big_Nose") else 1.0
    shade = darker(head.skin, 0.6)
    side = -1 if head.shot.pose.yaw > 0 else 1
    bridge = [(4.5, -6), (3.0, 6), (4.5, y - 7), (wide * 0.95, y), (2, y + 2), (2, 6)]
    pen.shape(np.array(bridge) * (side, 1), (*shade, 60), depth=1.3)
    if head.has("Pointy_Nose"):
        pen.shape([(-wide, y - 1), (0, y + 8), (wide, y - 1), (0, y - 5)], (*shade, 105), depth=1.6, smooth=False)
        pen.stroke(
            [(-wide, y - 1.5), (-3, y + 4), (0, y + 8), (3, y + 4), (wide, y - 1.5)], 1.7, darker(head.skin, 0.5), 1.6
        )
        pen.glow(0, y - 1, 2.4, 6, (255, 250, 240, 190), depth=1.6)
        return
    pen.glow(0, y + 1.5, wide + 2, 5.5 * tall, (*shade, 110), depth=1.5)
    for wing in (-1, 1):
        pen.ellipse(wing * wide * 0.45, y + 1.6, wide * 0.24, 1.5 * tall, darker(head.skin, 0.38), depth=1.5)
        edge = [(wing * wide * 0.92, y - 6 * tall), (wing * wide * 1.12, y - 1), (wing * wide * 0.75, y + 2.5)]
        pen.stroke(edge, 1.6, darker(head.skin, 0.52), 1.4)
    pen.stroke([(-wide * 0.3, y + 3.4), (0, y + 4.4 * tall), (wide * 0.3, y + 3.4)], 1.4, darker(head.skin, 0.55), 1.5)
    pen.glow(0, y - 4 * tall, wide * 0.42, 4.5 * tall, (255, 248, 236, 130), depth=1.6)


def paint_mouth(head: Head) -> None:
    """Paint lips and teeth, and the creases beside a smile."""
    pen, person, y = head.pen, head.person, head.mouth
    smiling, opened = head.has("Smiling"), head.has("Mouth_Slightly_Open")
    half = 15.0 * person.mouth_width * (1.28 if smiling else 1.0)
    full = 3.6 * person.lip_fullness * (1.9 if head.has("Big_Lips") else 1.0)
    corner = y - 5.5 if smiling else y + 0.8
    dip = 2.4 if smiling else 0.0  # how far the middle of the mouth lies below y
    gap = (9.0 if smiling else 7.0) if opened else 0.0
    lip = mix(head.skin, BLOOD, 0.3 if head.has("Male") else 0.38)
    lip = (198, 18, 52) if head.has("Wearing_Lipstick") else darker(lip, 0.9)
    left, right = (-half, corner), (half, corner)
    above = [left, (-half * 0.5, y + dip * 0.7 - 0.4), (0, y + dip), (half * 0.5, y + dip * 0.7 - 0.4), right]
    below = [
        left,
        (-half * 0.5, y + dip * 0.7 + gap * 0.75),
        (0, y + dip + gap),
        (half * 0.5, y + dip * 0.7 + gap * 0.75),
        right,
    ]
    top = [
        left,
        (-half * 0.5, y + dip * 0.5 - full * 0.75),
        (-half * 0.16, y + dip - full - 0.8),
        (0, y + dip - full),
        (half * 0.16, y + dip - full - 0.8),
        (half * 0.5, y + dip * 0.5 - full * 0.75),
        right,
    ]
    bottom = [
        left,
        (-half * 0.5, y + dip * 0.8 + gap * 0.8 + full),
        (0, y + dip + gap + full * 1.35),
        (half * 0.5, y + dip * 0.8 + gap * 0.8 + full),
        right,
    ]
    above, below, top, bottom = curve(above), curve(below), curve(top), curve(bottom)
    pen.glow(0, y + dip + gap + full * 1.4 + 4, 9, 3, (*darker(head.skin, 0.6), 110))
    if opened:
        pen.shape(np.concatenate([above, below[::-1]]), (88, 22, 30), smooth=False)
        teeth = np.minimum(above + (0, 4.2 if smiling else 2.8), below)
        pen.shape(np.concatenate([above, teeth[::-1]]), (250, 247, 240), smooth=False)
    pen.shape(np.concatenate([top, above[::-1]]), darker(lip, 0.9), smooth=False)
    pen.shape(np.concatenate([below, bottom[::-1]]), lip, smooth=False)
    pen.glow(0, (below[12, 1] + bottom[12, 1]) / 2, half * 0.3, full * 0.4, (255, 255, 255, 110))
    if not opened:
        pen.stroke(above[::4], 1.6, darker(lip, 0.45), ends=0.5)
    if smiling:
        for side in (-1, 1):
            crease = [(side * (half - 3), y - 15), (side * (half + 4), y - 8), (side * (half + 3.5), y)]
            pen.stroke(crease, 1.7, (*darker(head.skin, 0.58), 220))
