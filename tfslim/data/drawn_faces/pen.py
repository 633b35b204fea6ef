"""A pen that draws smooth shapes in the coordinates of an aligned face, as the head is turned."""

import dataclasses
import functools
import math

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

FRAME = (218, 178)  # CelebA's aligned frame, (height, width) in pixels: the unit that all shapes are given in
ORIGIN = (89.0, 111.0)  # x and y, in that frame, of the point between the eyes: the shapes' (0, 0)
SUPERSAMPLING = 2
STEPS = 6  # points drawn for each point given

Color = tuple[int, ...]  # red, green, blue and, for a translucent shape, alpha


@dataclasses.dataclass(frozen=True)
class Pose:
    """How the head is held: `yaw` and `pitch` in pixels that the features move, `roll` in degrees, `zoom` a factor."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    zoom: float = 1.0


@functools.lru_cache
def spline(count: int, closed: bool) -> np.ndarray:
    """Returns the matrix that turns `count` points into a Catmull-Rom curve through them (STEPS points for each)."""
    t = np.arange(STEPS)[:, None] / STEPS
    weights = np.hstack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]) / 2
    segments = count if closed else count - 1
    matrix = np.zeros((segments * STEPS + (not closed), count))
    for segment in range(segments):
        for neighbour in range(4):
            point = segment + neighbour - 1
            point = point % count if closed else min(max(point, 0), count - 1)
            matrix[segment * STEPS : (segment + 1) * STEPS, point] += weights[:, neighbour]
    if not closed:
        matrix[-1, -1] = 1
    return matrix


def curve(points: ArrayLike, closed: bool = False) -> np.ndarray:
    """Returns the smooth curve, (M, 2) floats, through (N, 2) points."""
    points = np.asarray(points, float)
    return spline(len(points), closed) @ points


def mirrored(points: ArrayLike) -> np.ndarray:
    """Returns the closed outline, (2N - 2, 2), of a right half given from the top (x = 0) to the bottom (x = 0)."""
    points = np.asarray(points, float)
    return np.concatenate([points, points[-2:0:-1] * (-1, 1)])


class Pen:
    """Draws on a canvas in pixels of CelebA's frame, whatever the canvas' size; (0, 0) lies between the eyes.

    Args:
        canvas: The RGB image drawn on.
        pose: How the head is held.
    """

    def __init__(self, canvas: Image.Image, pose: Pose):
        width, height = canvas.size
        self.draw = ImageDraw.Draw(canvas, "RGBA")
        self.pose = pose
        self.unit = min(height / FRAME[0], width / FRAME[1])
        self.centre = np.array(
            [
                width / 2 + (ORIGIN[0] - FRAME[1] / 2) * self.unit,
                height / 2 + (ORIGIN[1] - FRAME[0] / 2) * self.unit,
            ]
        )
        angle = math.radians(pose.roll)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        self.turn = turn * (pose.zoom * self.unit)

    def place(self, points: np.ndarray, depth: float) -> list[float]:
        """Returns x, y, x, y, ... on the canvas; `depth` says how much the points move as the head turns.

        1 is the plane of the eyes, 1.6 the tip of the nose, 0 the axis of the head, below 0 what is behind it.
        """
        points = points + (self.pose.yaw * depth, self.pose.pitch * depth)
        return (points @ self.turn + self.centre).ravel().tolist()

    def shape(self, points, colour: Color, depth: float = 1.0, smooth: bool = True) -> None:
        """Fills the closed outline through (N, 2) points."""
        outline = curve(points, closed=True) if smooth else np.asarray(points, float)
        self.draw.polygon(self.place(outline, depth), fill=colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Color, depth: float = 1.0) -> None:
        """Fills the ellipse around (x, y)."""
        self.draw.polygon(self.place(CIRCLE * (rx, ry) + (x, y), depth), fill=colour)

    def glow(self, x: float, y: float, rx: float, ry: float, colour: Color, depth: float = 1.0) -> None:
        """Fills the ellipse around (x, y) with a translucent colour that fades towards its edge."""
        faint = (*colour[:3], colour[3] // 5)
        for part in (1.0, 0.84, 0.68, 0.52, 0.34):
            self.ellipse(x, y, rx * part, ry * part, faint, depth)

    def stroke(self, points, width: float, colour: Color, depth: float = 1.0, ends: float = 0.15) -> None:
        """Draws a smooth line through (N, 2) points, `width` units in its middle and `ends` of that at its ends."""
        line = curve(points)
        along = np.gradient(line, axis=0)
        across = along[:, ::-1] * (-1, 1) / (np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-6)
        swell = np.sin(np.linspace(0, math.pi, len(line))) ** 0.6
        half = width / 2 * (ends + (1 - ends) * swell)[:, None]
        self.draw.polygon(
            self.place(np.concatenate([line + across * half, (line - across * half)[::-1]]), depth), colour
        )


CIRCLE = np.array([(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 28, endpoint=False)])
