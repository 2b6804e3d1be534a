"""How the landscapes look, for `lecture_lib.birds`: from (0, 0) at the lower left to (1, 1) at the upper right.

A landscape is painted like a theatre's: a sky, and before it props that can be pushed. Props that fill the width of
the picture are wider than it.
"""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from matplotlib.path import Path

from lecture_lib.birds.drawing import (
    BLACK,
    SIZE,
    WHITE,
    Canvas,
    Colour,
    Piece,
    Point,
    ellipse,
    line,
    mix,
    polygon,
    rectangle,
    together,
)


class Prop(NamedTuple):
    """A piece of scenery, and how far it may be pushed sideways and upwards."""

    pieces: Sequence[Piece]
    sideways: float
    upwards: float


class Landscape(NamedTuple):
    """A sky that changes from top to bottom, and the props from back to front."""

    top: Colour
    bottom: Colour
    props: list[Prop]


def paint(canvas: Canvas, landscape: Landscape, rng: Random) -> None:
    """Fill the canvas with a landscape, every prop at a random place."""
    canvas.gradient(landscape.top, landscape.bottom)
    for pieces, sideways, upwards in landscape.props:
        x, y = rng.uniform(-sideways, sideways), rng.uniform(-upwards, upwards)
        canvas.draw(pieces, np.array([[SIZE, 0, SIZE * x], [0, SIZE, SIZE * y], [0, 0, 1]]))


def sea() -> Landscape:
    """Blue water with a sailing boat behind a beach."""
    hull = polygon((0.44, 0.51), (0.62, 0.51), (0.58, 0.47), (0.47, 0.47))
    boat = [(polygon((0.5, 0.52), (0.5, 0.7), (0.61, 0.52)), WHITE), (hull, (0.5, 0.2, 0.15))]
    crests = [rectangle(x, y, x + 0.13, y + 0.012) for x, y in scattered(14, 0.26, 0.48)]
    props = [
        Prop([cloud(0.5, 0.83)], 0.4, 0.08),
        Prop([plain_ground(0.54, (0.1, 0.45, 0.7))], 0, 0.04),
        Prop(boat, 0.4, 0.02),
        Prop([(together(*crests), (0.6, 0.8, 0.92))], 0.4, 0.02),
        Prop([hills(0.24, 0.02, (0.9, 0.97, 1.0)), hills(0.21, 0.02, (0.93, 0.85, 0.65))], 0.5, 0.02),
    ]
    return Landscape((0.45, 0.72, 0.95), (0.85, 0.94, 1.0), props)


def desert() -> Landscape:
    """Dunes and a cactus under a pale sun."""
    left, right = [(0.41, 0.59), (0.41, 0.5), (0.5, 0.5)], [(0.59, 0.65), (0.59, 0.55), (0.5, 0.55)]
    arms = [line(*arm, width=0.035) for arm in (left, right)]
    props = [
        Prop([(ellipse(0.5, 0.83, 0.09), (1.0, 0.98, 0.85))], 0.4, 0.08),
        Prop([hills(0.47, 0.05, (0.88, 0.62, 0.35))], 0.5, 0.05),
        Prop([(together(line((0.5, 0.3), (0.5, 0.69), width=0.05), *arms), (0.3, 0.5, 0.28))], 0.42, 0.05),
        Prop([hills(0.31, 0.05, (0.93, 0.72, 0.42))], 0.5, 0.03),
        Prop([hills(0.15, 0.04, (0.85, 0.62, 0.34))], 0.5, 0.03),
    ]
    return Landscape((0.98, 0.8, 0.5), (1.0, 0.94, 0.8), props)


def forest() -> Landscape:
    """Two rows of conifers."""
    far = [conifer(0.14 * i - 0.6, 0.4, (0.9, 0.75, 1.0)[i % 3]) for i in range(16)]
    near = [conifer(0.19 * i - 0.6, 0.33, (1.25, 1.0, 1.4, 1.1)[i % 4]) for i in range(12)]
    props = [
        Prop([(together(*far), (0.38, 0.56, 0.44)), plain_ground(0.44, (0.38, 0.55, 0.42))], 0.5, 0.04),
        Prop([(together(*near), (0.13, 0.35, 0.22))], 0.5, 0.04),
        Prop([hills(0.39, 0.02, (0.36, 0.44, 0.2))], 0.5, 0.02),
    ]
    return Landscape((0.62, 0.78, 0.72), (0.85, 0.92, 0.8), props)


def mountains() -> Landscape:
    """Two rows of peaks with snow on them."""
    props = [
        Prop(peaks([0.8, 0.7, 0.84, 0.74], (0.5, 0.5, 0.6)), 0.4, 0.04),
        Prop(peaks([0.62, 0.76, 0.66, 0.72], (0.4, 0.4, 0.5)), 0.4, 0.04),
        Prop([hills(0.41, 0.03, (0.42, 0.52, 0.4))], 0.5, 0.04),
        Prop([hills(0.24, 0.03, (0.5, 0.58, 0.42))], 0.5, 0.04),
    ]
    return Landscape((0.35, 0.6, 0.9), (0.8, 0.9, 0.98), props)


def meadow() -> Landscape:
    """Green hills with flowers under clouds."""
    flowers = [[ellipse(x, y, 0.016) for x, y in scattered(n, 0.03, 0.3)] for n in (14, 11)]
    props = [
        Prop([cloud(0.25, 0.83)], 0.3, 0.08),
        Prop([cloud(0.75, 0.83)], 0.3, 0.08),
        Prop([hills(0.47, 0.05, (0.55, 0.78, 0.4))], 0.5, 0.05),
        Prop([hills(0.35, 0.04, (0.42, 0.7, 0.3))], 0.5, 0.04),
        Prop([(together(*flowers[0]), (1.0, 0.95, 0.4))], 0.5, 0.02),
        Prop([(together(*flowers[1]), (0.95, 0.45, 0.6))], 0.5, 0.02),
    ]
    return Landscape((0.5, 0.8, 1.0), (0.88, 0.97, 1.0), props)


def snow() -> Landscape:
    """White hills with a bare tree; it is snowing."""
    twigs = [line((0.5, 0.5), (0.4, 0.67), width=0.02), line((0.5, 0.55), (0.61, 0.71), width=0.02)]
    tree = together(line((0.5, 0.3), (0.5, 0.8), width=0.03), *twigs)
    flakes = [ellipse(x, y, 0.014) for x, y in scattered(30, 0.35, 1.05)]
    props = [
        Prop([hills(0.45, 0.05, (0.84, 0.89, 0.96))], 0.5, 0.05),
        Prop([(tree, (0.35, 0.28, 0.27))], 0.42, 0.04),
        Prop([hills(0.31, 0.04, (0.96, 0.98, 1.0))], 0.5, 0.04),
        Prop([(together(*flakes), WHITE)], 0.5, 0.04),
    ]
    return Landscape((0.62, 0.68, 0.77), (0.82, 0.86, 0.91), props)


def dusk() -> Landscape:
    """A low sun over violet hills."""
    props = [
        Prop([(ellipse(0.5, 0.53, 0.13), (1.0, 0.75, 0.3))], 0.38, 0.05),
        Prop([hills(0.46, 0.05, (0.52, 0.27, 0.48))], 0.5, 0.04),
        Prop([hills(0.31, 0.04, (0.4, 0.22, 0.43))], 0.5, 0.04),
    ]
    return Landscape((0.3, 0.18, 0.48), (1.0, 0.5, 0.25), props)


def city() -> Landscape:
    """Two rows of towers with lit windows behind a street."""
    pavement = [plain_ground(0.36, (0.5, 0.49, 0.5)), plain_ground(0.31, (0.68, 0.67, 0.66))]
    props = [
        Prop(towers([0.6, 0.78, 0.55, 0.86, 0.66], (0.56, 0.58, 0.64)), 0.4, 0.04),
        Prop(towers([0.52, 0.66, 0.6, 0.72], (0.36, 0.38, 0.46)), 0.4, 0.04),
        Prop(pavement, 0, 0.04),
    ]
    return Landscape((0.6, 0.68, 0.76), (0.92, 0.88, 0.82), props)


# ---- Props ------------------------------------------------------------------------------------------------------


def plain_ground(height: float, colour: Colour) -> Piece:
    """Flat land or water up to a straight horizon."""
    return rectangle(-1, -1, 2, height), colour


def hills(height: float, roughness: float, colour: Colour) -> Piece:
    """Land up to a wavy horizon."""
    xs = np.linspace(-1, 2, 100)
    ys = height + roughness * (0.6 * np.sin(7 * xs) + 0.4 * np.sin(12 * xs))
    return polygon((-1, -1), *zip(xs, ys, strict=True), (2, -1)), colour


def scattered(n: int, low: float, high: float) -> list[Point]:
    """Places that look random: n of them, two pictures wide, between two heights."""
    return [(2 * i / n - 0.5, low + (0.618 * i) % 1 * (high - low)) for i in range(n)]


def cloud(x: float, y: float) -> Piece:
    """A cloud of three puffs."""
    puffs = [ellipse(x - 0.09, y, 0.05), ellipse(x, y + 0.025, 0.07), ellipse(x + 0.09, y, 0.045)]
    return together(*puffs), (1.0, 1.0, 1.0, 0.85)


def conifer(x: float, y: float, size: float) -> Path:
    """A conifer of three tiers."""
    tiers = [(0.12, 0.0), (0.1, 0.13), (0.075, 0.26)]  # half width, height above the ground
    triangles = [
        polygon((x - w * size, y + h * size), (x, y + (h + 0.24) * size), (x + w * size, y + h * size))
        for w, h in tiers
    ]
    return together(*triangles)


def peaks(heights: list[float], rock: Colour) -> list[Piece]:
    """A row of mountains with a shaded side and a cap of snow."""
    tops = [(0.6 * i - 0.5, height) for i, height in enumerate(heights)]
    rim = [(0.12, -0.14), (0.04, -0.11), (-0.02, -0.19), (-0.07, -0.1), (-0.12, -0.14)]  # seen from the top
    slopes = [
        polygon((x - 0.34, 0), (x - 0.34, y - 0.4), (x, y), (x + 0.34, y - 0.4), (x + 0.34, 0)) for x, y in tops
    ]
    shaded = [polygon((x, 0), (x, y), (x + 0.34, y - 0.4), (x + 0.34, 0)) for x, y in tops]
    caps = [polygon((x, y), *((x + dx, y + dy) for dx, dy in rim)) for x, y in tops]
    return [
        (together(*slopes), rock),
        (together(*shaded), mix(rock, BLACK, 0.2)),
        (together(*caps), (0.97, 0.98, 1.0)),
    ]


def towers(heights: list[float], colour: Colour) -> list[Piece]:
    """A row of towers, two pictures wide, with four lit windows each."""
    tops = [(0.23 * i - 0.5, heights[i % len(heights)]) for i in range(9)]
    corners = [(x + dx, top - dy) for x, top in tops for dx in (0.03, 0.1) for dy in (0.06, 0.12)]
    windows = [rectangle(x, y, x + 0.03, y + 0.03) for x, y in corners]
    return [
        (together(*(rectangle(x, 0, x + 0.16, top) for x, top in tops)), colour),
        (together(*windows), (0.98, 0.9, 0.6)),
    ]


LANDSCAPES: dict[str, Landscape] = {
    make.__name__: make() for make in (sea, desert, forest, mountains, meadow, snow, dusk, city)
}
