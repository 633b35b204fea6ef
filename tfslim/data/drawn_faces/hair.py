"""Hair, beard and hat of a drawn face."""

import math

import numpy as np

from tfslim.data.drawn_faces.head import Head, darker, mix
from tfslim.data.drawn_faces.pen import curve, mirrored


def texture(head: Head) -> float:
    """Return the amplitude of the hair's waves in pixels."""
    return 2.4 if head.has("Wavy_Hair") else 0.0


def waved(line: np.ndarray, amount: float, length: float = 11.0) -> np.ndarray:
    """Add waves of given amplitude and period to a line."""
    if not amount:
        return line
    step = np.hypot(*np.diff(line, axis=0).T)
    distance = np.concatenate([[0.0], np.cumsum(step)])
    samples = np.linspace(0, distance[-1], int(distance[-1] / length * 7) + 2)
    line = np.stack([np.interp(samples, distance, line[:, 0]), np.interp(samples, distance, line[:, 1])], -1)
    along = np.diff(line, axis=0, prepend=line[:1] * 2 - line[1:2])
    step = np.hypot(along[:, 0], along[:, 1])
    across = along[:, ::-1] * (1, -1) / (step[:, None] + 1e-6)
    return line + across * (amount * np.sin(samples * (2 * math.pi / length)))[:, None]


def crown(head: Head) -> np.ndarray:
    """Return the hair's outer edge from left to right temple."""
    lift = 9.0 * head.person.hair_volume
    side = head.cheek + 2.0 + lift * 0.35
    return curve(
        [
            (-side, 6),
            (-side, -16),
            (-37 - lift * 0.4, -40),
            (-20, -57 - lift),
            (0, -61 - lift),
            (20, -57 - lift),
            (37 + lift * 0.4, -40),
            (side, -16),
            (side, 6),
        ]
    )


def paint_back_hair(head: Head) -> None:
    """Paint the hair that falls behind the neck."""
    if head.bare or head.person.hair_length == "short":
        return
    end = 92 if head.person.hair_length == "long" else 52
    edge = head.cheek + 10 * head.person.hair_volume
    right = curve(
        [
            (0, -60),
            (30, -56),
            (edge, -28),
            (edge + 3, 10),
            (edge + 4, end * 0.6),
            (edge, end),
            (edge - 16, end + 4),
            (0, end - 6),
        ]
    )
    right = waved(right, texture(head) * 1.6, 24.0)
    head.pen.shape(np.concatenate([right, right[::-1] * (-1, 1)]), darker(head.hair, 0.72), depth=-0.4, smooth=False)


def hairline(head: Head) -> np.ndarray:
    """Return the hairline from the right to the left temple."""
    part = head.person.parting * 12
    inner = head.cheek - 3
    if head.has("Receding_Hairline"):
        return curve(
            [
                (inner, 4),
                (inner - 1, -14),
                (29, -34),
                (24, -54),
                (12, -49),
                (part * 0.3, -43),
                (-12, -49),
                (-24, -54),
                (-29, -34),
                (1 - inner, -14),
                (-inner, 4),
            ]
        )
    return curve(
        [
            (inner, 4),
            (inner - 2, -12),
            (31, -28),
            (18, -37),
            (part, -42),
            (-18, -37),
            (-31, -28),
            (2 - inner, -12),
            (-inner, 4),
        ]
    )


def paint_hair(head: Head) -> None:
    """Paint the front hair: crown, side locks, strands, bangs."""
    if head.bare:
        return
    pen, wave, bright = head.pen, texture(head), mix(head.hair, (255, 244, 226), 0.24)
    outer, inner = waved(crown(head), wave, 21.0), hairline(head)
    pen.shape(np.concatenate([outer, inner]), head.hair, depth=0.3, smooth=False)
    if head.person.hair_length != "short":
        paint_locks(head)
    if head.has("Straight_Hair") or head.has("Wavy_Hair"):
        edge = inner[::-1]
        for share in np.linspace(0.1, 0.9, 11):
            tip = outer[int(share * (len(outer) - 1))]
            root = edge[int(share * (len(edge) - 1))]
            strand = np.linspace(root, root + (tip - root) * 0.85, 3)
            dark = int(share * 100) % 3 == 0
            pen.stroke(waved(strand, wave * 0.8, 14.0), 1.2, darker(head.hair, 0.62) if dark else bright, 0.3)
    if head.has("Bangs"):
        paint_bangs(head)


def paint_locks(head: Head) -> None:
    """Paint the locks of longer hair that cover the ears."""
    wave = texture(head)
    end = 84 if head.person.hair_length == "long" else 46
    edge = head.cheek + 9 * head.person.hair_volume
    outer = curve([(36, -40), (edge, -18), (edge + 2, 14), (edge + 2, end * 0.7), (edge - 5, end)])
    inner = curve(
        [(30, -34), (head.cheek - 5, -14), (head.cheek - 2, 14), (head.cheek - 1, end * 0.7), (edge - 7, end)]
    )
    lock = np.concatenate([waved(outer, wave * 1.3, 22.0), waved(inner, wave, 22.0)[::-1]])
    strands = []
    if head.has("Straight_Hair") or wave:
        for share, color in ((0.3, darker(head.hair, 0.62)), (0.65, mix(head.hair, (255, 244, 226), 0.24))):
            line = outer[3::2] * share + inner[3::2] * (1 - share)
            strands.append((waved(line, wave * 0.6, 22.0), color))
    for side in (-1, 1):
        head.pen.shape(lock * (side, 1), head.hair, depth=0.1, smooth=False)
        for line, color in strands:
            head.pen.stroke(line * (side, 1), 1.3, color, 0.1)


def paint_bangs(head: Head) -> None:
    """Paint bangs down to the brows."""
    pen, wave = head.pen, texture(head)
    low = -17.0
    xs = np.linspace(-36, 36, 10)
    fringe = [(x, low - abs(x) * 0.12 + (2.8 if number % 2 else -2.2)) for number, x in enumerate(xs)]
    top = [(37, -34), (20, -52), (0, -57), (-20, -52), (-37, -34)]
    pen.shape(np.concatenate([curve(fringe), curve(top)]), head.hair, depth=0.7, smooth=False)
    for number, x in enumerate(xs[1:-1]):
        line = np.linspace((x * 0.6, -54), (x, low - 5), 3)
        color = darker(head.hair, 0.66) if number % 2 else mix(head.hair, (255, 244, 226), 0.2)
        pen.stroke(waved(line, wave * 0.5, 14.0), 1.3, color, 0.7)


def paint_beard(head: Head) -> None:
    """Paint stubble, sideburns, goatee or full beard, and mustache.

    The mouth is painted over them.
    """
    pen, y, low = head.pen, head.mouth, head.bottom
    color = darker(mix(head.hair, head.skin, 0.12), 0.85)
    wide = 15.0 * head.person.mouth_width + 6
    if head.has("5_o_Clock_Shadow"):
        right = [
            (0, 31),
            (16, 30),
            (27, 30),
            (head.cheek - 5, 20),
            (head.jaw - 1, 43),
            (head.chin, low - 6),
            (0, low - 2),
        ]
        pen.shape(mirrored(right), (*mix(darker(head.skin, 0.4), (58, 66, 84), 0.5), 120), 0.6)
    if head.has("Sideburns"):
        for side in (-1, 1):
            burn = [
                (head.cheek + 0.5, -8),
                (head.cheek + 1, 12),
                (head.cheek - 2, 30),
                (head.cheek - 10, 33),
                (head.cheek - 8, 14),
                (head.cheek - 5, -8),
            ]
            pen.shape(np.array(burn) * (side, 1), color, 0.4, smooth=False)
    if head.has("Goatee"):
        right = [(wide, y - 4), (wide + 1, y + 8), (head.chin + 5, low - 4), (9, low + 7), (0, low + 8)]
        inner = [(0, y + 11), (8, y + 10), (wide - 5, y + 2), (wide - 4, y - 4)]
        for side in (-1, 1):
            pen.shape(np.array([*right, *inner]) * (side, 1), color, 0.8, smooth=False)
    elif not head.has("No_Beard"):
        right = [(head.cheek + 1, 0), (head.cheek + 2, 20), (head.jaw + 4, 46), (head.chin + 5, low + 3), (0, low + 8)]
        inner = [(0, y + 8), (14, y + 9), (wide, y), (wide + 1, y - 8), (head.cheek - 9, 26), (head.cheek - 5, 0)]
        for side in (-1, 1):
            pen.shape(np.concatenate([curve(right), curve(inner)]) * (side, 1), color, 0.5, smooth=False)
    if head.has("Mustache"):
        right = [
            (0, y - 10),
            (7, y - 11),
            (wide - 3, y - 4),
            (wide + 1, y + 3),
            (wide - 6, y - 0.5),
            (6, y - 3),
            (0, y - 4),
        ]
        for side in (-1, 1):
            pen.shape(curve(right) * (side, 1), darker(color, 0.92), 1.2, smooth=False)


def paint_hat(head: Head) -> None:
    """Paint a knitted cap, brimmed hat or peaked cap."""
    pen, color = head.pen, head.shot.accent
    side = head.cheek + 5 + 3 * head.person.hair_volume
    top = -86.0
    dome = [(-side, -28), (-side + 1, -50), (-30, top + 8), (0, top), (30, top + 8), (side - 1, -50), (side, -28)]
    kind = head.shot.variant % 3
    band = darker(color, 0.72)
    pen.shape(np.concatenate([curve(dome), curve([(side, -28), (0, -36), (-side, -28)])]), color, 0.3, smooth=False)
    if kind == 0:
        for x in np.linspace(-0.8, 0.8, 9):
            pen.stroke([(x * side, -34), (x * side * 0.9, -60), (x * 26, top + 9)], 1.5, band, 0.3)
        cuff = [(-side - 2, -22), (-side - 1, -40), (0, -48), (side + 1, -40), (side + 2, -22), (0, -31)]
        pen.shape(cuff, mix(color, (255, 255, 255), 0.25), 0.4)
        pen.ellipse(0, top - 3, 9, 8, mix(color, (255, 255, 255), 0.35), 0.2)
    elif kind == 1:
        pen.shape([(-side, -34), (-side, -44), (0, -52), (side, -44), (side, -34), (0, -42)], band, 0.4)
        pen.shape(
            [
                (-side - 24, -22),
                (-side, -38),
                (0, -43),
                (side, -38),
                (side + 24, -22),
                (side, -25),
                (0, -31),
                (-side, -25),
            ],
            darker(color, 0.86),
            0.6,
        )
    else:
        for x in (-0.5, 0.5):
            pen.stroke([(x * side, -36), (x * side * 0.9, -66), (0, top + 1)], 1.3, band, 0.3)
        pen.ellipse(0, top, 3.5, 2.5, band, 0.3)
        pen.shape(
            [(-side + 3, -33), (-20, -44), (20, -44), (side - 3, -33), (28, -24), (0, -21), (-28, -24)], band, 1.4
        )
