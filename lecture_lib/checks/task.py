"""What a task of an exercise is: a reference, inputs to try, and a catalogue of mistakes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Mistake:
    """A small wrong function, and what to say to a student whose function returns the same."""

    wrong: Callable[..., Any]
    message: str


@dataclass(frozen=True)
class Task:
    """One task of an exercise.

    Parameters
    ----------
    name : str
        The name of the function that the student writes.
    section : str
        Where the lecture teaches it.
    reference : function
        A right answer.
    cases : function
        From a seed to a list of argument tuples to try.
    mistakes : sequence of Mistake
        The catalogue, the most specific first.
    """

    name: str
    section: str
    reference: Callable[..., Any]
    cases: Callable[[int], list[Arguments]]
    mistakes: Sequence[Mistake]
