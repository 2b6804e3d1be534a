"""How the parts of a bird look, for `lecture_lib.birds`.

The bird looks to the right; its body reaches from -1 to 1. A part starts at (0, 0), where it joins the bird.
The first piece of a part is its outline, the other pieces lie inside.
"""

from matplotlib.path import Path

from lecture_lib.birds.drawing import BLACK, WHITE, Piece, ellipse, line, polygon, smooth, together


def hook() -> list[Piece]:
    """A beak: short and bent down like an eagle's, yellow."""
    back = [(-0.1, 0.26), (0.3, 0.27), (0.64, 0), (0.58, -0.46)]
    outline = smooth(*back, (0.34, -0.15), (-0.1, -0.2), sharp=[0, 3, 5])
    return [(outline, (1.0, 0.78, 0.1)), (polygon((0, 0.03), (0.4, -0.05), (0, -0.04)), (0.6, 0.4, 0.0))]


def spear() -> list[Piece]:
    """A beak: long, straight and thin like a kingfisher's, red."""
    lower_half = polygon((-0.1, 0), (0.85, -0.02), (-0.1, -0.17))
    return [(polygon((-0.1, 0.18), (0.85, -0.02), (-0.1, -0.17)), (0.92, 0.22, 0.12)), (lower_half, (0.7, 0.1, 0.08))]


def cone() -> list[Piece]:
    """A beak: short and thick like a finch's, slate gray."""
    outline = smooth((-0.1, 0.34), (0.25, 0.22), (0.54, -0.06), (0.2, -0.22), (-0.1, -0.32), sharp=[0, 2, 4])
    return [(outline, (0.22, 0.23, 0.28)), (polygon((0, 0.05), (0.5, -0.05), (0, -0.03)), (0.6, 0.62, 0.68))]


def spoon() -> list[Piece]:
    """A beak: long, with a round end, pink."""
    upper, lower = [(-0.1, 0.13), (0.35, 0.09), (0.62, 0.25)], [(0.62, -0.25), (0.35, -0.11), (-0.1, -0.13)]
    outline = smooth(*upper, (0.87, 0), *lower, sharp=[0, 6])
    return [(outline, (0.98, 0.62, 0.64)), (ellipse(0.64, 0, 0.13, 0.1), (0.78, 0.36, 0.42))]


def folded_wing() -> Path:
    """The outline of a wing that lies against the body."""
    points = [(0.62, 0.1), (0.35, 0.42), (-0.3, 0.36), (-1.1, -0.12), (-0.4, -0.42), (0.3, -0.36)]
    return smooth(*points, sharp=[3])


def plain() -> list[Piece]:
    """A wing: folded, of one colour."""
    return [(folded_wing(), "dark")]


def barred() -> list[Piece]:
    """A wing: folded, with two pale bars."""
    bars = [line((0.2, 0.28), (0.06, -0.32), width=0.16), line((-0.24, 0.24), (-0.38, -0.3), width=0.16)]
    return [(folded_wing(), "dark"), (together(*bars), "pale")]


def spotted() -> list[Piece]:
    """A wing: folded, with six pale spots."""
    places = [(0.36, 0.14), (0, 0.2), (-0.38, 0.12), (0.18, -0.18), (-0.2, -0.16), (-0.6, -0.08)]
    return [(folded_wing(), "dark"), (together(*(ellipse(x, y, 0.11) for x, y in places)), "pale")]


def waving() -> list[Piece]:
    """A wing: raised, with its feathers spread."""
    front = [(0.3, -0.26), (0.46, 0.2), (0.2, 1.0), (-0.1, 1.55)]
    feathers = [(-0.24, 1.2), (-0.52, 1.35), (-0.5, 0.95), (-0.8, 1.0), (-0.7, 0.6), (-0.95, 0.55), (-0.5, -0.06)]
    arm = smooth((0.26, -0.14), (0.32, 0.28), (0.0, 1.05), (-0.12, 0.5), (-0.3, 0.02), sharp=[2])
    return [(smooth(*front, *feathers, (-0.1, -0.36), sharp=range(3, 10)), "dark"), (arm, "plumage")]


def ringed() -> list[Piece]:
    """An eye: dark in a white ring."""
    pupil, glint = ellipse(0.03, 0, 0.17), ellipse(0.09, 0.07, 0.055)
    return [(ellipse(0, 0, 0.27), WHITE), (pupil, (0.05, 0.05, 0.08)), (glint, WHITE)]


def masked() -> list[Piece]:
    """An eye: yellow in a black stripe."""
    stripe = smooth((-0.62, 0.16), (-0.2, 0.2), (0.3, 0.14), (0.3, -0.14), (-0.2, -0.17), sharp=[0, 2, 3])
    iris, pupil = ellipse(0, 0.01, 0.13), ellipse(0.02, 0.01, 0.06)
    return [(stripe, (0.07, 0.06, 0.09)), (iris, (1.0, 0.85, 0.25)), (pupil, BLACK)]


def fork() -> list[Piece]:
    """A tail: two points like a swallow's."""
    return [(polygon((0.2, 0.2), (-1.1, 0.52), (-0.5, 0), (-1.1, -0.52), (0.2, -0.2)), "dark")]


def fan() -> list[Piece]:
    """A tail: spread wide, with a pale rim."""
    outline, inside = _spread(0.75, 0.68, 1.0), _spread(0.53, 0.5, 0.72)
    return [(outline, "pale"), (inside, "dark")]


def _spread(x: float, y: float, end: float) -> Path:
    return smooth((0.1, 0.1), (-x, y), (-end, 0.2), (-end, -0.2), (-x, -y), (0.1, -0.1), sharp=[0, 1, 4, 5])


def plume() -> list[Piece]:
    """A tail: one long bent feather like a pheasant's."""
    back = [(0.2, 0.16), (-0.5, 0.26), (-1.05, 0.02), (-1.35, -0.62)]
    return [(smooth(*back, (-0.85, -0.24), (-0.4, -0.1), (0.2, -0.16), sharp=[0, 3, 6]), "dark")]


def cocked() -> list[Piece]:
    """A tail: short and turned up like a wren's."""
    return [(polygon((0.3, 0.05), (-0.3, 1.02), (-0.74, 0.84), (-0.25, -0.15)), "dark")]


def webbed() -> list[Piece]:
    """Feet: wide like a duck's, orange."""
    legs = [line((x, 0.3), (x, -0.25), width=0.13) for x in (-0.22, 0.26)]
    webs = [polygon((x - 0.12, -0.2), (x + 0.4, -0.3), (x + 0.34, -0.42), (x - 0.12, -0.42)) for x in (-0.22, 0.26)]
    return [(together(*legs, *webs), (1.0, 0.55, 0.1))]


def clawed() -> list[Piece]:
    """Feet: three thin toes, purple."""
    legs = [line((x, 0.3), (x - 0.06, -0.22), (x + 0.26, -0.4), width=0.09) for x in (-0.22, 0.26)]
    toes = [line((x - 0.06, -0.22), (x + dx, -0.42), width=0.09) for x in (-0.22, 0.26) for dx in (-0.26, 0.02)]
    return [(together(*legs, *toes), (0.5, 0.3, 0.5))]


PARTS: dict[str, dict[str, list[Piece]]] = {
    "beak": {"hook": hook(), "spear": spear(), "cone": cone(), "spoon": spoon()},
    "wing": {"plain": plain(), "barred": barred(), "spotted": spotted(), "waving": waving()},
    "eye": {"ringed": ringed(), "masked": masked()},
    "tail": {"fork": fork(), "fan": fan(), "plume": plume(), "cocked": cocked()},
    "feet": {"webbed": webbed(), "clawed": clawed()},
}
TORSO = together(ellipse(0, 0, 1.02, 0.7, 18), ellipse(0.62, 0.38, 0.45, 0.48, -20))
BODY: dict[str, list[Piece]] = {
    "torso": [(TORSO, "plumage"), (ellipse(0.28, -0.24, 0.62, 0.36, 22), "pale")],
    "head": [(ellipse(0, 0, 0.55, 0.52), "plumage"), (ellipse(0.18, -0.2, 0.22, 0.16), "pale")],
}
SHADOW: list[Piece] = [(ellipse(0.05, -1.08, 0.95, 0.13), (0.0, 0.0, 0.0, 0.25))]
