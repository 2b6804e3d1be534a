"""Drawn birds on drawn landscapes: a world in which we know which pixels make the class.

Eight species differ in five parts: beak, wing, eye, tail and feet. The colour of the plumage, pose, size, place,
light and landscape are drawn at random and say nothing about the species, unless a shortcut is asked for.
First a scene is *described*, then it is *drawn*. An intervention changes one thing in the description, so that
everything else in the picture stays as it was.
"""

import colorsys
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
import torch
from torch import Tensor

from lecture_lib.birds import landscapes, parts
from lecture_lib.birds.drawing import BLACK, WHITE, Canvas, Colour, Piece, mix
from lecture_lib.birds.drawing import SIZE as SIZE
from lecture_lib.words import choose

SPECIES: dict[str, dict[str, str]] = {
    "plain hookbill":    {"beak": "hook",  "wing": "plain",   "eye": "ringed", "tail": "fork",   "feet": "webbed"},
    "barred hookbill":   {"beak": "hook",  "wing": "barred",  "eye": "masked", "tail": "fan",    "feet": "webbed"},
    "spotted spearbill": {"beak": "spear", "wing": "spotted", "eye": "masked", "tail": "fork",   "feet": "clawed"},
    "waving spearbill":  {"beak": "spear", "wing": "waving",  "eye": "ringed", "tail": "fan",    "feet": "clawed"},
    "plain conebill":    {"beak": "cone",  "wing": "plain",   "eye": "masked", "tail": "plume",  "feet": "webbed"},
    "barred conebill":   {"beak": "cone",  "wing": "barred",  "eye": "ringed", "tail": "cocked", "feet": "webbed"},
    "spotted spoonbill": {"beak": "spoon", "wing": "spotted", "eye": "ringed", "tail": "plume",  "feet": "clawed"},
    "waving spoonbill":  {"beak": "spoon", "wing": "waving",  "eye": "masked", "tail": "cocked", "feet": "clawed"},
}  # fmt: skip
# No part alone tells the species: two species share each kind of beak, wing and tail, four each kind of eye and feet.
# Any two of beak, wing and tail tell it; so do eye and beak, eye and wing, eye and tail.

PARTS = ("beak", "wing", "eye", "tail", "feet")
MASKS = (*PARTS, "body", "background")
LANDSCAPES = tuple(landscapes.LANDSCAPES)

Choice = str | Sequence[str]  # one name for all scenes, or one name a scene


@dataclass(frozen=True)
class Scene:
    """All that is needed to draw one picture. Lengths are in pixels, angles in degrees, y is up."""

    species: str
    parts: Mapping[str, str]  # the kind of each part; a part that isn't named is left out
    landscape: str
    landscape_seed: int  # horizon, clouds, trees, …
    plumage: Colour
    wing_shade: float  # share of black in the colour of wing and tail
    facing: int  # 1: to the right, -1: to the left
    size: float  # half the length of the body
    place: tuple[float, float]  # the middle of the body
    plumpness: float
    tilt: float
    nod: float
    wing_angle: float
    tail_angle: float
    light: Colour  # factors for red, green and blue
    light_slope: tuple[float, float]  # how much brighter it is at the right edge and at the top than in the middle


def scenes(
    n: int,
    seed: int,
    *,
    species: Choice | None = None,
    landscape: Choice | None = None,
    shortcut: float | None = None,
    swap: Mapping[str, Choice] | None = None,
    without: str | Collection[str] = (),
) -> tuple[Tensor, Tensor, Tensor]:
    """Birds with labels and with a mask for every part.

    Scene number i depends on the seed and on i alone. With the same seed, ``species``, ``landscape``, ``shortcut``,
    ``swap`` and ``without`` change what they name and nothing else in the picture.

    Parameters
    ----------
    n : int
        How many scenes.
    seed : int
        The same seed gives the same scenes.
    species : str or sequence of n str, optional
        Names from `SPECIES`; by default each species is as probable as any other.
    landscape : str or sequence of n str, optional
        Names from `LANDSCAPES`; by default each landscape is as probable as any other, whatever the species.
    shortcut : float in [0, 1], optional
        Probability that a bird stands in its species' own landscape, ``LANDSCAPES[label]``; if it doesn't, it stands
        in one of the other seven. So 1 ties the landscape to the species, and 0 makes every landscape misleading.
    swap : mapping from parts to species, optional
        ``{"beak": "plain conebill"}`` gives every bird that beak; a sequence of n species gives each bird its own.
        The labels stay.
    without : str or collection of str
        Names from `PARTS` to leave out: what lies behind them is seen.

    Returns
    -------
    images : Tensor, shape (n, 3, 96, 96)
        Pixels in [0, 1].
    labels : Tensor of int64, shape (n,)
        Numbers of the species, in the order of `SPECIES`.
    masks : Tensor, shape (n, 7, 96, 96)
        The share in [0, 1] of each pixel that belongs to each of `MASKS`, as far as it is seen. The seven shares
        add up to 1 but for rounding (2/255 at most).

    Raises
    ------
    ValueError
        If n is negative, a name is unknown, a sequence has another length than n, ``shortcut`` is no probability,
        or both ``landscape`` and ``shortcut`` are given.
    """
    described = describe(n, seed, species=species, landscape=landscape, shortcut=shortcut, swap=swap, without=without)
    images, masks = draw(described)
    return images, labels(described), masks


def describe(
    n: int,
    seed: int,
    *,
    species: Choice | None = None,
    landscape: Choice | None = None,
    shortcut: float | None = None,
    swap: Mapping[str, Choice] | None = None,
    without: str | Collection[str] = (),
) -> list[Scene]:
    """The descriptions that `scenes` draws.

    Parameters
    ----------
    n, seed, species, landscape, shortcut, swap, without
        As in `scenes`.

    Returns
    -------
    list of n Scene
        To be changed, and drawn by `draw`.

    Raises
    ------
    ValueError
        As in `scenes`.
    """
    if n < 0:
        raise ValueError(f"Expected a number of scenes from 0 on, received {n}.")
    if shortcut is not None and not 0 <= shortcut <= 1:
        raise ValueError(f"Expected a probability from 0 to 1 as shortcut, received {shortcut}.")
    if shortcut is not None and landscape is not None:
        raise ValueError("Expected either landscape or shortcut, received both.")
    birds, places = _one_each(species, n, SPECIES, "species"), _one_each(landscape, n, LANDSCAPES, "landscape")
    described = [_random_scene(Random(f"{seed}, {i}"), birds[i], places[i], shortcut) for i in range(n)]
    for part, donor in (swap or {}).items():
        donors = _one_each(donor, n, SPECIES, "species")
        described = [with_part(scene, part, name) for scene, name in zip(described, donors, strict=True) if name]
    for part in [without] if isinstance(without, str) else without:
        described = [without_part(scene, part) for scene in described]
    return described


def labels(described: Sequence[Scene]) -> Tensor:
    """The number of each scene's species.

    Parameters
    ----------
    described : sequence of n Scene
        From `describe`.

    Returns
    -------
    Tensor of int64, shape (n,)
        In the order of `SPECIES`.
    """
    names = list(SPECIES)
    return torch.tensor([names.index(scene.species) for scene in described], dtype=torch.int64)


def with_part(scene: Scene, part: str, donor: str) -> Scene:
    """The same scene with one part of another species.

    Parameters
    ----------
    scene : Scene
        Stays as it is.
    part : str
        From `PARTS`.
    donor : str
        From `SPECIES`.

    Returns
    -------
    Scene
        A changed copy; the species that it names, its label, is still the old one.
    """
    kind = SPECIES[choose(donor, SPECIES, "species")][choose(part, PARTS, "part")]
    return replace(scene, parts={**scene.parts, part: kind})


def without_part(scene: Scene, part: str) -> Scene:
    """The same scene without one part.

    Parameters
    ----------
    scene, part
        As in `with_part`.

    Returns
    -------
    Scene
        A changed copy.
    """
    choose(part, PARTS, "part")
    return replace(scene, parts={name: kind for name, kind in scene.parts.items() if name != part})


def draw(described: Sequence[Scene]) -> tuple[Tensor, Tensor]:
    """Draw scenes from their descriptions.

    Parameters
    ----------
    described : sequence of n Scene
        From `describe`, changed or not.

    Returns
    -------
    images, masks : Tensors, shapes (n, 3, 96, 96) and (n, 7, 96, 96)
        As in `scenes`.
    """
    images = torch.empty(len(described), 3, SIZE, SIZE)
    masks = torch.empty(len(described), len(MASKS), SIZE, SIZE)
    for scene, image, mask in zip(described, images, masks, strict=True):
        picture, parts = (torch.from_numpy(array).permute(2, 0, 1) / 255 for array in _picture_and_masks(scene))
        image.copy_(_lit(picture, scene))
        mask[:-1] = parts
        mask[-1] = 1 - parts.sum(dim=0)
    return images, masks.clamp_(min=0)


# ---- Describing -------------------------------------------------------------------------------------------------


def _one_each(choice: Choice | None, n: int, known: Collection[str], kind: str) -> Sequence[str | None]:
    """A name, or nothing, for each of n scenes."""
    if choice is None:
        return [None] * n
    names = [choice] * n if isinstance(choice, str) else list(choice)
    if len(names) != n:
        raise ValueError(f"Expected one {kind} or {n} of them, received {len(names)}.")
    return [choose(name, known, kind) for name in names]


def _random_scene(rng: Random, species: str | None, landscape: str | None, shortcut: float | None) -> Scene:
    random_species, size = rng.choice(list(SPECIES)), rng.uniform(15, 20.5)
    species = species or random_species
    random_landscape = _random_landscape(rng, species, shortcut)
    plumage = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.5, 0.95))
    brightness = rng.uniform(0.75, 1.1)
    return Scene(
        species=species,
        parts=SPECIES[species],
        landscape=landscape or random_landscape,
        landscape_seed=rng.getrandbits(32),
        plumage=plumage,
        wing_shade=rng.uniform(0.3, 0.5),
        facing=rng.choice((-1, 1)),
        size=size,
        place=(rng.uniform(2.32 * size, SIZE - 2.32 * size), 1.15 * size + rng.uniform(3, 16)),
        plumpness=rng.uniform(0.88, 1.1),
        tilt=rng.uniform(-10, 15),
        nod=rng.uniform(-18, 15),
        wing_angle=rng.uniform(-10, 10),
        tail_angle=rng.uniform(-12, 12),
        light=(brightness * rng.uniform(0.93, 1.07), brightness, brightness * rng.uniform(0.93, 1.07)),
        light_slope=(rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2)),
    )


def _random_landscape(rng: Random, species: str, shortcut: float | None) -> str:
    # The same numbers are drawn in every case, so that the rest of the scene doesn't depend on the case.
    own = LANDSCAPES[list(SPECIES).index(species)]
    anywhere, chance = rng.choice(LANDSCAPES), rng.random()
    elsewhere = rng.choice([name for name in LANDSCAPES if name != own])
    if shortcut is None:
        return anywhere
    return own if chance < shortcut else elsewhere


# ---- Drawing ----------------------------------------------------------------------------------------------------

Layer = tuple[str, list[Piece], np.ndarray]  # which mask it belongs to, its shapes, from their coordinates to pixels


def _picture_and_masks(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Bytes: a picture (96, 96, 3) in even light, and masks (96, 96, 6) of the five parts and the body."""
    canvas, layers = Canvas(), _layers(scene)
    landscapes.paint(canvas, landscapes.LANDSCAPES[scene.landscape], Random(scene.landscape_seed))
    dark, pale = mix(scene.plumage, BLACK, scene.wing_shade), mix(scene.plumage, WHITE, 0.65)
    colours = {"plumage": scene.plumage, "dark": dark, "pale": pale}
    canvas.draw(parts.SHADOW, _stand(scene))
    for _, pieces, to_pixels in layers:
        canvas.draw(pieces, to_pixels, colours)
    return canvas.array(), _masks(layers)


def _layers(scene: Scene) -> list[Layer]:
    """The bird from back to front: every part hangs on the body or on the head at its joint."""
    stand = _stand(scene)
    pose = stand @ _joint(0, 0, scene.tilt)
    body, head = pose @ np.diag([1, scene.plumpness, 1]), pose @ _joint(0.82, 0.72, scene.nod)
    layers = [
        ("tail", body @ _joint(-0.85, -0.2, scene.tail_angle)),
        ("feet", stand @ _joint(0, -0.7)),
        ("torso", body),
        ("head", head),
        ("wing", body @ _joint(-0.1, 0.08, scene.wing_angle)),
        ("beak", head @ _joint(0.5, -0.06)),
        ("eye", head @ _joint(0.17, 0.12)),
    ]
    shapes = {**parts.BODY, **{part: parts.PARTS[part][kind] for part, kind in scene.parts.items()}}
    return [(name if name in PARTS else "body", shapes[name], at) for name, at in layers if name in shapes]


def _stand(scene: Scene) -> np.ndarray:
    """The matrix from the bird's coordinates to pixels."""
    (x, y), size = scene.place, scene.size
    return np.array([[scene.facing * size, 0, x], [0, size, y], [0, 0, 1]])


def _joint(x: float, y: float, degrees: float = 0) -> np.ndarray:
    """The matrix that turns a part by an angle and hangs it up at (x, y)."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]])


def _masks(layers: list[Layer]) -> np.ndarray:
    """How much of each pixel shows each of the first six `MASKS`, in bytes: shape (96, 96, 6).

    A canvas holds three colours, so two canvases hold six masks. Wing, beak and eye are drawn last: no other part
    covers them, but they cover other parts, so on the second canvas they are black.
    """
    front, rear, paints = Canvas(), Canvas(), np.eye(3)  # red, green and blue are the rows of the identity
    for name, pieces, to_pixels in layers:
        number, (outline, _) = MASKS.index(name), pieces[0]
        if number < 3:
            front.draw([(outline, tuple(paints[number]))], to_pixels)
        rear.draw([(outline, BLACK if number < 3 else tuple(paints[number - 3]))], to_pixels)
    return np.concatenate([front.array(), rear.array()], axis=2)


def _lit(image: Tensor, scene: Scene) -> Tensor:
    """The image (3, 96, 96) in the light of the scene."""
    right, up = scene.light_slope
    from_middle = torch.linspace(-1, 1, SIZE)
    shade = 1 + right * from_middle - up * from_middle[:, None]
    return (image * torch.tensor(scene.light)[:, None, None] * shade).clamp(max=1)
