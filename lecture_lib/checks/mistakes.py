"""Mistakes that nobody wrote down: find the small edit of the student's own program that makes it right.

Where a single edit (or the same one at several places) repairs the function, its place and kind are the mistake. The
search has a time; what it finds is tried on further inputs before it is said.
"""

import ast
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from types import FrameType
from typing import Any

from lecture_lib.checks.edits import Edit, edits
from lecture_lib.checks.source import COMPILED, Written

LONGEST_TRY = 0.25  # seconds for one call; an edited loop may have no end
Accepts = Callable[[Callable[..., Any]], bool]


class TooLong(BaseException):
    """The time of a try is up."""


def find(text: Written, accepts: Accepts, confirms: Accepts, deadline: float) -> str | None:
    """The mistake in a function: the line, and what is wrong there.

    Parameters
    ----------
    text : Written
        The student's program.
    accepts : function
        Whether a function is right; has to be quick.
    confirms : function
        Whether one that was accepted is right for further inputs, too.
    deadline : float
        When the search ends, by ``time.monotonic``.

    Returns
    -------
    str or None
        A sentence for the student, without what would be right; None if no edit was found in time.
    """
    seen: set[str] = set()
    found = edits(text.tree)
    with warnings.catch_warnings():  # of Python itself, about a strange program
        warnings.simplefilter("ignore")
        for group in chain(([edit] for edit in found), _everywhere(found)):
            if time.monotonic() > deadline:
                return None
            if _repairs(group, text, accepts, confirms, deadline, seen):
                return _sentence(group, text)
    return None


def _repairs(
    group: list[Edit], text: Written, accepts: Accepts, confirms: Accepts, deadline: float, seen: set[str]
) -> bool:
    """Whether the program is right with these edits."""
    with ExitStack() as made:
        for edit in group:
            made.enter_context(edit.made())
        program = ast.dump(text.tree)
        if program in seen:
            return False
        seen.add(program)
        with suppress(Exception, TooLong):
            with time_limit(min(deadline, time.monotonic() + LONGEST_TRY)):
                variant = text.variant(text.tree)
                accepted = variant is not None and accepts(variant)
            with time_limit(time.monotonic() + LONGEST_TRY):
                return accepted and variant is not None and confirms(variant)
    return False


def _everywhere(found: list[Edit]) -> Iterator[list[Edit]]:
    """Edits of one kind, made at all their places at once, and at every two of them."""
    kinds: dict[str, list[Edit]] = defaultdict(list)
    for edit in found:
        kinds[edit.kind].append(edit)
    several = [group for group in kinds.values() if 1 < len(group) <= 12]
    for group in several:
        if len({_place(edit) for edit in group}) == len(group):
            yield group
    for group in several:
        for place, one in enumerate(group):
            yield from ([one, other] for other in group[place + 1 :] if _place(one) != _place(other))


def _place(edit: Edit) -> tuple[int, str, int | None]:
    return id(edit.slot[0]), edit.slot[1], edit.slot[2]


def _sentence(group: list[Edit], text: Written) -> str:
    lines = sorted({edit.line for edit in group})
    which = " and ".join(f"line {number}" for number in lines)
    return f"Look at {which}, `{_cut(text.line(lines[0]))}`: {group[0].words}."


def _cut(line: str) -> str:
    return line if len(line) <= 60 else line[:59] + "…"


@contextmanager
def time_limit(deadline: float) -> Iterator[None]:
    """Stop code of the variants that runs past a time, wherever it is called from.

    Parameters
    ----------
    deadline : float
        By ``time.monotonic``.

    Yields
    ------
    None
        For the block in which it holds.

    Raises
    ------
    TooLong
        In the code that runs.
    """

    def in_line(frame: FrameType, event: str, argument: Any) -> Any:
        """Asked before every line of a variant."""
        if time.monotonic() > deadline:
            raise TooLong
        return in_line

    def in_call(frame: FrameType, event: str, argument: Any) -> Any:
        """Asked at every call: only the variants' own lines are watched."""
        return in_line if frame.f_code.co_filename == COMPILED else None

    before = sys.gettrace()
    sys.settrace(in_call)
    try:
        yield
    finally:
        sys.settrace(before)
