"""Smooth shapes in the coordinates of an aligned, turned face."""

import dataclasses
import functools
import math

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

FRAME = (218, 178)  # CelebA's aligned frame, (height, width) in pixels: the unit of all shapes
ORIGIN = (89.0, 111.0)  # x and y in that frame of the point between the eyes: the origin of all shapes
SUPERSAMPLING = 2
STEPS = 6  # curve points per control point

Color = tuple[int, ...]  # red, green, blue and, for translucent shapes, alpha


@dataclasses.dataclass(frozen=True)
class Pose:
    """Pose of the head.

    `yaw` and `pitch` are the pixels by which the features move, `roll` is in degrees, `zoom` is a factor.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    zoom: float = 1.0


@functools.lru_cache
def spline(count: int, closed: bool) -> np.ndarray:
    """Return the matrix from points to their Catmull-Rom curve.

    The curve has STEPS points per control point.
    """
    t = np.arange(STEPS)[:, None] / STEPS
    weights = np.hstack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]) / 2
    segments = count if closed else count - 1
    matrix = np.zeros((segments * STEPS + (not closed), count))
    for segment in range(segments):
        for neighbor in range(4):
            point = segment + neighbor - 1
            point = point % count if closed else min(max(point, 0), count - 1)
            matrix[segment * STEPS : (segment + 1) * STEPS, point] += weights[:, neighbor]
    if not closed:
        matrix[-1, -1] = 1
    return matrix


def curve(points: ArrayLike, closed: bool = False) -> np.ndarray:
    """Return the smooth curve, (M, 2), through (N, 2) points."""
    points = np.asarray(points, float)
    return spline(len(points), closed) @ points


def mirrored(points: ArrayLike) -> np.ndarray:
    """Mirror a right half to a closed outline.

    The (N, 2) points go from top to bottom, both at x = 0; the outline is (2N - 2, 2).
    """
    points = np.asarray(points, float)
    return np.concatenate([points, points[-2:0:-1] * (-1, 1)])


class Pen:
    """Pen that draws in coordinates of CelebA's frame.

    The canvas may have any size; (0, 0) is the point between the eyes.

    Args:
        canvas: the RGB image to draw on.
        pose: pose of the head.
    """

    def __init__(self, canvas: Image.Image, pose: Pose):
        width, height = canvas.size
        self.draw = ImageDraw.Draw(canvas, "RGBA")
        self.pose = pose
        self.unit = min(height / FRAME[0], width / FRAME[1])
        self.center = np.array(
            [
                width / 2 + (ORIGIN[0] - FRAME[1] / 2) * self.unit,
                height / 2 + (ORIGIN[1] - FRAME[0] / 2) * self.unit,
            ]
        )
        angle = math.radians(pose.roll)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        self.turn = turn * (pose.zoom * self.unit)

    def place(self, points: np.ndarray, depth: float) -> list[float]:
        """Return canvas coordinates x, y, x, y, ... of points.

        `depth` is how far the points move as the head turns: 1 is the plane of the eyes, 1.6 the tip of the nose, 0 the
        axis of the head, and points behind it are below 0.
        """
        points = points + (self.pose.yaw * depth, self.pose.pitch * depth)
        return (points @ self.turn + self.center).ravel().tolist()

    def shape(self, points, color: Color, depth: float = 1.0, smooth: bool = True) -> None:
        """Fill the closed outline through (N, 2) points."""
        outline = curve(points, closed=True) if smooth else np.asarray(points, float)
        self.draw.polygon(self.place(outline, depth), fill=color)

    def ellipse(self, x: float, y: float, rx: float, ry: float, color: Color, depth: float = 1.0) -> None:
        """Fill the ellipse around (x, y)."""
        self.draw.polygon(self.place(CIRCLE * (rx, ry) + (x, y), depth), fill=color)

    def glow(self, x: float, y: float, rx: float, ry: float, color: Color, depth: float = 1.0) -> None:
        """Fill an ellipse with a translucent color that fades outward."""
        faint = (*color[:3], color[3] // 5)
        for part in (1.0, 0.84, 0.68, 0.52, 0.34):
            self.ellipse(x, y, rx * part, ry * part, faint, depth)

    def stroke(self, points, width: float, color: Color, depth: float = 1.0, ends: float = 0.15) -> None:
        """Draw a smooth line through (N, 2) points.

        It is `width` units wide in the middle and that times `ends` at the ends.
        """
        line = curve(points)
        along = np.gradient(line, axis=0)
        across = along[:, ::-1] * (-1, 1) / (np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-6)
        swell = np.sin(np.linspace(0, math.pi, len(line))) ** 0.6
        half = width / 2 * (ends + (1 - ends) * swell)[:, None]
        self.draw.polygon(
            self.place(np.concatenate([line + across * half, (line - across * half)[::-1]]), depth), color
        )


CIRCLE = np.array([(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 28, endpoint=False)])
