"""A canvas and shapes to paint on it, for `lecture_lib.birds`. Coordinates are x to the right and y up."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

Colour = tuple[float, ...]  # red, green, blue and, where something shines through, opacity; all in [0, 1]
Point = tuple[float, float]
Piece = tuple[Path, Colour | str]  # a shape and its colour; "plumage", "dark" and "pale" are the bird's own colours

SIZE = 96  # side of an image in pixels
WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
BLANK = np.zeros((SIZE, SIZE, 4), np.uint8)  # black: no red, green and blue, but opaque
BLANK[..., 3] = 255
STEPS = np.linspace(0, 1, SIZE)[:, None, None]  # from the top row of an image to its bottom row
NO_NAMES: Mapping[str, Colour] = {}


class Canvas:
    """A picture in the making, black at first; Matplotlib's rasteriser Agg does the anti-aliasing."""

    def __init__(self) -> None:
        self._renderer = RendererAgg(SIZE, SIZE, dpi=72)
        self._pen = self._renderer.new_gc()
        self._pen.set_linewidth(0)
        self._pen.set_snap(False)  # Agg would shift upright edges to whole pixels
        self._pixels = np.asarray(self._renderer.buffer_rgba())  # not a copy: painting changes it
        self._pixels[:] = BLANK

    def gradient(self, top: Colour, bottom: Colour) -> None:
        """Fill the picture, from one colour at the top to the other at the bottom."""
        rows = 255 * (np.array(top) + STEPS * np.subtract(bottom, top)) + 0.5
        self._pixels[..., :3] = rows.astype(np.uint8)

    def draw(self, pieces: Sequence[Piece], to_pixels: np.ndarray, colours: Mapping[str, Colour] = NO_NAMES) -> None:
        """Paint pieces over what is there; a 3 × 3 matrix takes their coordinates to pixels."""
        transform = Affine2D(to_pixels)
        for path, colour in pieces:
            rgb = colours[colour] if isinstance(colour, str) else colour
            self._renderer.draw_path(self._pen, path, transform, rgb)

    def array(self) -> np.ndarray:
        """The picture as bytes, shape (96, 96, 3), top row first."""
        return self._pixels[..., :3]


# ---- Shapes ---------------------------------------------------------------------------------------------------


def polygon(*corners: Point) -> Path:
    """Straight lines from corner to corner, and back to the first."""
    return Path([*corners, corners[0]])


def rectangle(left: float, bottom: float, right: float, top: float) -> Path:
    """A rectangle with upright sides."""
    return polygon((left, bottom), (left, top), (right, top), (right, bottom))


def smooth(*points: Point, sharp: Sequence[int] = ()) -> Path:
    """A closed curve through the points, with a corner at those whose numbers are in ``sharp``.

    A Bézier curve runs from point to point. At a point it runs parallel to the line from the point before
    to the point after (a Catmull-Rom spline).
    """
    start = np.array(points)
    direction = (np.roll(start, -1, axis=0) - np.roll(start, 1, axis=0)) / 6
    direction[list(sharp)] = 0
    end, end_direction = np.roll(start, -1, axis=0), np.roll(direction, -1, axis=0)
    curves = np.stack([start + direction, end - end_direction, end], axis=1).reshape(-1, 2)
    return Path(np.concatenate([start[:1], curves]), [Path.MOVETO] + [Path.CURVE4] * len(curves))


def ellipse(x: float, y: float, width: float, height: float | None = None, angle: float = 0) -> Path:
    """An ellipse around (x, y): its half axes, turned by an angle in degrees. Without a height, a circle."""
    place = Affine2D().scale(width, width if height is None else height).rotate_deg(angle).translate(x, y)
    return Path.unit_circle().transformed(place)


def line(*points: Point, width: float) -> Path:
    """A line of some width through the points."""
    return together(*(_bar(start, end, width) for start, end in pairwise(points)))


def _bar(start: Point, end: Point, width: float) -> Path:
    (x, y), (u, v) = start, end
    scale = width / 2 / np.hypot(u - x, v - y)
    dx, dy = scale * (u - x), scale * (v - y)  # half a width along the bar, so that bars overlap where they meet
    return polygon(
        (x - dx - dy, y - dy + dx), (u + dx - dy, v + dy + dx), (u + dx + dy, v + dy - dx), (x - dx + dy, y - dy - dx)
    )


def together(*paths: Path) -> Path:
    """Several shapes as one, to be painted in one colour."""
    return Path.make_compound_path(*paths)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """A colour on the way to another: share 0 gives the first, 1 the other."""
    return tuple((1 - share) * a + share * b for a, b in zip(colour, other, strict=True))
