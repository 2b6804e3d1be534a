"""What a wrong answer has to do with the right one: for mistakes that nothing else names.

Every relation is a pair of a test on (student's values, right values), and the sentence that a student reads. It is
said only if it holds in all cases, those with one image, square images or a single channel included.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from lecture_lib.checks.task import PLACES, Arguments
from lecture_lib.checks.values import TOLERANCE, close

Relation = Callable[[Tensor, Tensor], bool]
Pairs = list[tuple[Tensor, Tensor]]


def describe(results: Sequence[Pairs], *, vague: bool = False) -> str | None:
    """The first relation that holds in all cases between what a function returned and what is right.

    Parameters
    ----------
    results : sequence of lists of (Tensor, Tensor)
        For every result, in every case, what the student's function returned and what is right.
    vague : bool
        Look for relations that say little, instead of those that say more.

    Returns
    -------
    str or None
        A sentence for the student; None if no relation holds.
    """
    wrong = [place for place, pairs in enumerate(results) if not all(close(*pair) for pair in pairs)]
    if len(results) > 1 and len(wrong) == 1:
        said = _described(results[wrong[0]], vague)
        return said and f"The {PLACES[wrong[0]]} result is wrong. {said}"
    return _described([pair for place in wrong for pair in results[place]], vague)


def _described(pairs: Pairs, vague: bool) -> str | None:
    if not vague and all(one.shape == other.shape for one, other in pairs):  # one constant for all cases
        joined = [torch.cat([part.flatten() for part in parts]) for parts in zip(*pairs, strict=True)]
        for relation, message in JOINT_RELATIONS:
            if relation(*joined):
                return message
    relations = VAGUE_RELATIONS if vague else RELATIONS
    return next((message for relation, message in relations if all(relation(*pair) for pair in pairs)), None)


def outside(results: Sequence[Pairs]) -> str | None:
    """What is wrong around the numbers: their shape, or that they are none.

    Parameters
    ----------
    results : sequence of lists of (Tensor, Tensor)
        As in `describe`.

    Returns
    -------
    str or None
        A sentence for the student.
    """
    for place, pairs in enumerate(results):
        which = f"The {PLACES[place]} result" if 1 < len(results) <= len(PLACES) else "The result"
        for one, other in pairs:
            if one.shape != other.shape:
                return f"{which} should have the shape {tuple(other.shape)} in this case, but has {tuple(one.shape)}."
            if not torch.isfinite(one).all():
                return f"{which} has NaN or infinity in it."
    return None


def _is_multiple(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.numel() < 2 or not one.any():
        return False
    factor = (one * other).sum() / other.square().sum()
    return close(one, factor * other)


def _is_multiple_per_image(one: Tensor, other: Tensor) -> bool:
    """A factor of its own for every entry of the first axis."""
    return one.ndim > 1 and one.shape == other.shape and all(map(_is_multiple, one, other))


def _scaled_to_one(measure: Callable[[Tensor], Tensor]) -> Relation:
    """The right answer times a constant such that a measure of it, overall or per image, is 1."""

    def relation(one: Tensor, other: Tensor) -> bool:
        """Whether it holds for a student's value and the right one."""
        if one.numel() < 2:
            return False
        whole = _is_multiple(one, other) and _is_one(measure(one))
        return whole or (_is_multiple_per_image(one, other) and all(_is_one(measure(part)) for part in one))

    return relation


def _is_one(value: Tensor) -> bool:
    return bool((value - 1).abs() <= TOLERANCE)


def _is_stretched(one: Tensor, other: Tensor) -> bool:
    """Min-max scaling, overall or per image."""

    def stretched(part: Tensor, right: Tensor) -> bool:
        """Whether a part is the right one, scaled from 0 to 1."""
        width = right.max() - right.min()
        return bool(width > 0) and close(part, (right - right.min()) / width)

    if one.shape != other.shape or one.numel() < 3:
        return False
    return stretched(one, other) or (one.ndim > 1 and all(map(stretched, one, other)))


def _has_offset(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.numel() < 2:
        return False
    offset = (one - other).mean()
    # Compared with the right values themselves: a huge offset would make everything look equal.
    return bool((one - other - offset).abs().max() <= TOLERANCE * other.abs().max())


def _is_transposed(one: Tensor, other: Tensor) -> bool:
    return other.ndim > 1 and close(one, other.transpose(-1, -2))


def _has_mixed(axis: int) -> Relation:
    """The entries of one axis are there, in another order."""

    def relation(one: Tensor, other: Tensor) -> bool:
        """Whether it holds for a student's value and the right one."""
        if one.shape != other.shape or other.ndim <= axis or other.shape[axis] > 5:
            return False
        orders = permutations(range(other.shape[axis]))
        return any(close(one, other.index_select(axis, torch.tensor(order))) for order in orders)

    return relation


def _is_same_along(axis: int) -> Relation:
    """Every entry of one axis is the same mean, sum, or single entry of the right answer."""

    def relation(one: Tensor, other: Tensor) -> bool:
        """Whether it holds for a student's value and the right one."""
        if one.shape != other.shape or other.ndim <= axis:
            return False
        entries = [*other.split(1, axis), other.mean(axis, keepdim=True), other.sum(axis, keepdim=True)]
        return any(close(one, entry.expand_as(other)) for entry in entries)

    return relation


def _is_shifted(one: Tensor, other: Tensor) -> bool:
    """By one place along some axis; what comes in at the edge does not matter."""
    if one.shape != other.shape:
        return False
    long_axes = [axis for axis in range(one.ndim) if one.shape[axis] > 2]
    pairs = [(one.narrow(axis, place, one.shape[axis] - 1), other.narrow(axis, 1 - place, one.shape[axis] - 1))
             for axis in long_axes for place in (0, 1)]  # fmt: skip
    return any(bool(theirs.any()) and close(theirs, right) for theirs, right in pairs)


def _is_reordered(one: Tensor, other: Tensor) -> bool:
    return 2 < one.numel() == other.numel() and close(one.flatten().sort()[0], other.flatten().sort()[0])


JOINT_RELATIONS: tuple[tuple[Relation, str], ...] = (
    (lambda one, _: not one.any(), "It is 0 everywhere."),
    (lambda one, other: close(one, -other), "The sign is reversed."),
    (
        lambda one, other: close(one, other.abs()),
        "It is the absolute value of the right answer: the sign is lost.",
    ),
    (
        lambda one, other: close(one, other.clamp_min(0)),
        "What is negative in the right answer is 0 here.",
    ),
    (_is_multiple, "It is the right answer times one constant: a factor is too much or missing."),
    (_has_offset, "It is the right answer plus one constant."),
)


RELATIONS: tuple[tuple[Relation, str], ...] = (
    (_scaled_to_one(lambda part: part.abs().max()), "It is scaled to a maximum of 1. Keep its unit."),
    (_scaled_to_one(lambda part: part.norm()), "It is scaled to length 1. Keep its unit."),
    (_scaled_to_one(lambda part: part.sum()), "It is scaled to a sum of 1. Keep its unit."),
    (_is_stretched, "It is stretched to the range from 0 to 1. Keep its unit and its zero."),
    (_is_transposed, "The last two axes are exchanged: look at the order of height and width."),
    (_has_mixed(1), "Axis 1 has the right entries in the wrong order."),
    (_has_mixed(0), "Axis 0 has the right entries in the wrong order."),
    (_is_same_along(1), "All entries of axis 1 are the same: each should have its own."),
    (_is_same_along(0), "All entries of axis 0 are the same: each should have its own."),
    (_is_shifted, "It is shifted by one place."),
    (_is_reordered, "These are the right numbers in the wrong places."),
)
VAGUE_RELATIONS: tuple[tuple[Relation, str], ...] = (
    (_is_multiple, "Every case has the right answer times a constant of its own: a factor is too much or missing."),
    (_is_multiple_per_image, "Every image has the right answer times a constant of its own."),
    (_has_offset, "Every case has the right answer plus a constant of its own."),
)


# --- what surrounds the numbers ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A kind of easier inputs: which images (N, C, H, W) are of it, and how others are cut down to it."""

    words: str
    has: Callable[[torch.Size], bool]
    cut: Callable[[Arguments, Tensor], Arguments] | None = None


def _first_image(arguments: Arguments, images: Tensor) -> Arguments:
    n = len(images)
    return _changed(arguments, lambda value: value[:1] if value.ndim > 0 and value.shape[0] == n else value)


def _square(arguments: Arguments, images: Tensor) -> Arguments:
    height, width = images.shape[2:]
    side = min(height, width)
    return _changed(arguments, lambda v: v[..., :side, :side] if v.shape[-2:] == (height, width) else v)


KINDS = (
    Kind("a single image, not for several", lambda shape: shape[0] == 1, _first_image),
    Kind("square images, not for others", lambda shape: shape[2] == shape[3], _square),
    Kind("three channels, not for one", lambda shape: shape[1] == 3),
    Kind("one channel, not for three", lambda shape: shape[1] == 1),
)


def images_of(arguments: Arguments) -> Tensor | None:
    """The first tensor of shape (N, C, H, W) among the arguments.

    Parameters
    ----------
    arguments : tuple
        A case.

    Returns
    -------
    Tensor or None
        None if there is none.
    """
    return next((value for value in arguments if isinstance(value, Tensor) and value.ndim == 4), None)


def right_only_for(
    cases: Sequence[Arguments], right: Sequence[bool], is_right: Callable[[Arguments], bool]
) -> str | None:
    """The kind of inputs for which a function is right, and it is wrong for all others.

    Parameters
    ----------
    cases : sequence of tuples
        All cases.
    right : sequence of bool
        Whether the function is right in each of them.
    is_right : function
        Whether it is right in another case.

    Returns
    -------
    str or None
        The end of a sentence that says for what it is right.
    """
    batches = [images for images in map(images_of, cases) if images is not None]
    if len(batches) < len(cases):
        return None
    for kind in KINDS:
        fits = [kind.has(images.shape) for images in batches]
        others = [pair for pair, fit in zip(zip(cases, batches, strict=True), fits, strict=True) if not fit]
        if fits != list(right) or not others or (kind.cut is None and not any(fits)):
            continue
        if kind.cut is None or all(is_right(kind.cut(case, images)) for case, images in others):
            return kind.words
    return None


def _changed(arguments: Arguments, change: Callable[[Tensor], Tensor]) -> Arguments:
    return tuple(change(value) if isinstance(value, Tensor) else value for value in arguments)


def varied(arguments: tuple[Any, ...], others: list[tuple[Any, ...]], place: int) -> Iterator[tuple[Any, ...]]:
    """The same case with another value of one argument.

    Parameters
    ----------
    arguments : tuple
        A case.
    others : list of tuples
        All cases: a name (of a class) is replaced by one of theirs.
    place : int
        Which argument to change.

    Yields
    ------
    tuple
        Arguments; none if the argument is of no kind that can be changed.
    """
    value = arguments[place]
    new: list[Any] = []
    if isinstance(value, str):
        new = [case[place] for case in others if isinstance(case[place], str) and case[place] != value]
    elif isinstance(value, bool):
        new = [not value]
    elif isinstance(value, int | float):
        new = [value + 1, value + 2, 2 * value + 1]
    elif isinstance(value, Tensor) and value.is_floating_point():
        new = [0.7 * value + 0.1, value.flip(0).flip(-1) if value.ndim else value + 0.1]
    for candidate in new:
        yield (*arguments[:place], candidate, *arguments[place + 1 :])
