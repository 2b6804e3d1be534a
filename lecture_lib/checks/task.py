"""What a task of an exercise is: its contract, a reference, inputs to try, and a catalogue of mistakes.

The contract is written once. `statement` makes the text of it that a student reads; `lecture_lib.checks.values` reads
what a student's function returns by it. So the text and the judge can't disagree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Arguments = tuple[Any, ...]
PLACES = ("first", "second", "third", "fourth")


class NotYet(AssertionError):  # noqa: N818 - students read the name
    """The answer is not right yet; the message says what it looks like. Shown without a traceback."""

    def _render_traceback_(self) -> list[str]:  # asked for by IPython
        return [f"Not yet. {self}"]


@dataclass(frozen=True)
class Parameter:
    """What the student's function gets: a name, a meaning in words, and the shape of a tensor, as "(N, C, H, W)"."""

    name: str
    meaning: str
    shape: str = ""


@dataclass(frozen=True)
class Result:
    """What the student's function returns: a meaning in words, and a shape; none for one number.

    Parameters
    ----------
    meaning : str
        In words, for the student.
    shape : str
        As "(N, C, H, W)"; "" for one number; in words where ``many``.
    dtype : torch.dtype or None
        Where the type of the numbers matters.
    many : bool
        Whether it is a list of tensors.
    """

    meaning: str
    shape: str = ""
    dtype: torch.dtype | None = None
    many: bool = False


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
    parameters : sequence of Parameter
        What the function gets, in this order.
    results : sequence of Result
        What it returns: one value, or several.
    reference : function
        A right answer.
    cases : function
        From a seed to a list of argument tuples. Every list covers the contract: both signs, one image and several,
        not square, and whatever else the contract allows.
    mistakes : sequence of Mistake
        The catalogue, the most specific first.
    notes : sequence of str
        Sentences of the contract that no table can say.
    differentiable : str
        The parameter by which the result must be differentiable, if it must.
    library : sequence of str
        Functions of ``lecture_lib`` that do the very task, as "gradients.gradient": they are not to be called.
    """

    name: str
    section: str
    parameters: Sequence[Parameter]
    results: Sequence[Result]
    reference: Callable[..., Any]
    cases: Callable[[int], list[Arguments]]
    mistakes: Sequence[Mistake]
    notes: Sequence[str] = ()
    differentiable: str = ""
    library: Sequence[str] = ()


def statement(task: Task) -> str:
    """The contract of a task as Markdown, for the student.

    Parameters
    ----------
    task : Task
        Whose contract it is.

    Returns
    -------
    str
        A table of what the function gets and returns, and what no table can say.
    """
    rows = [f"| `{part.name}` | {part.meaning} | {part.shape} |" for part in task.parameters]
    for place, part in enumerate(task.results):
        which = f", {PLACES[place]}" if len(task.results) > 1 else ""
        kind = f", `{part.dtype}`" if part.dtype else ""
        rows.append(f"| **you return**{which} | {part.meaning} | {part.shape or 'one number'}{kind} |")
    said = list(task.notes)
    if task.differentiable:
        said.append(f"Later cells differentiate the result by `{task.differentiable}`: don't cut it off.")
    head = ["| you get | what it is | shape |", "|---|---|---|"]
    return "\n".join([*head, *rows]) + ("\n\n" + " ".join(said) if said else "")
