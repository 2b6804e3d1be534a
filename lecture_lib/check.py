"""Feedback on exercises: run a student's function, compare it with the reference, and name the mistake.

A `Task` holds the reference, inputs to try, and a catalogue of mistakes. A mistake is a small wrong function
too: where a student's function returns what the wrong one returns, its message says what went wrong.
"""

import io
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Arguments = tuple[Any, ...]
TOLERANCE = 1e-4  # of the largest value: far above rounding, far below any mistake


class NotYet(AssertionError):  # noqa: N818 - students read the name
    """The answer is not right yet; the message says what it looks like. Shown without a traceback."""

    def _render_traceback_(self) -> list[str]:  # asked for by IPython
        return [f"Not yet. {self}"]


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


def check(task: Task, answer: Callable[..., Any], *, seed: int = 0) -> None:
    """Compare a student's function with the reference; print one line if it is right.

    Parameters
    ----------
    task : Task
        What was to be written.
    answer : function
        What the student wrote.
    seed : int
        Draws the inputs that are tried.

    Raises
    ------
    NotYet
        If the function is not right; the message says which mistake it looks like.
    """
    if not callable(answer):
        raise NotYet(f"{task.name} should be a function, but it is {type(answer).__name__}.")
    cases = task.cases(seed)
    returned = [_run(task, answer, arguments) for arguments in cases]
    expected = [_tensors(task.reference(*arguments)) for arguments in cases]
    if all(map(_agree, returned, expected)):
        print(f"✔ {task.name} is right.")
        return
    hint = _catalogued(task, cases, returned) or _relation(returned, expected) or "The numbers differ."
    raise NotYet(f"{task.name}: {hint} See {task.section}.")


def _run(task: Task, answer: Callable[..., Any], arguments: Arguments) -> list[Tensor]:
    """Call the student's function on copies; nothing that it prints or warns about gets out."""
    copies = [value.clone() if isinstance(value, Tensor) else value for value in arguments]
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            returned = answer(*copies)
    except NotImplementedError:
        raise NotYet(f"{task.name} is still empty: write it in the cell above, then run this cell again.") from None
    except Exception as error:
        raise NotYet(f"{task.name} stopped with {type(error).__name__}: {error}. See {task.section}.") from error
    for before, after in zip(arguments, copies, strict=True):
        if isinstance(before, Tensor) and (after.requires_grad or not torch.equal(before, after)):
            raise NotYet(f"{task.name} changes its input: work on a copy (`.detach().clone()`). See {task.section}.")
    return _tensors(returned, task.name)


def _tensors(value: Any, name: str = "the reference") -> list[Tensor]:
    parts = list(value) if isinstance(value, (tuple, list)) else [value]
    if any(part is None for part in parts):
        raise NotYet(f"{name} returns None: did you forget `return`?")
    if not all(type(part) is Tensor or isinstance(part, (float, int)) for part in parts):
        raise NotYet(f"{name} should return torch tensors, but it returns {type(parts[0]).__name__}.")
    return [torch.as_tensor(part).detach().double() for part in parts]


def _agree(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(map(_close, one, other))


def _close(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or not torch.isfinite(one).all():
        return False
    return one.numel() == 0 or bool((one - other).abs().max() <= TOLERANCE * other.abs().max())


def _catalogued(task: Task, cases: list[Arguments], returned: list[list[Tensor]]) -> str | None:
    """The message of the first mistake that returns the same as the student's function, in every case."""
    for mistake in task.mistakes:
        if all(_fails_alike(mistake, case, values) for case, values in zip(cases, returned, strict=True)):
            return mistake.message
    return None


def _fails_alike(mistake: Mistake, case: Arguments, returned: list[Tensor]) -> bool:
    copies = [value.clone() if isinstance(value, Tensor) else value for value in case]
    return _agree(returned, _tensors(mistake.wrong(*copies)))


def _relation(returned: list[list[Tensor]], expected: list[list[Tensor]]) -> str | None:
    """What no catalogue foresaw: the plain relation of the numbers to the right ones."""
    if len(returned[0]) != len(expected[0]):
        return f"It should return {len(expected[0])} values, but it returns {len(returned[0])}."
    pairs = [pair for ours in zip(returned, expected, strict=True) for pair in zip(*ours, strict=True)]
    for one, other in pairs:
        if one.shape != other.shape:
            return f"It should return the shape {tuple(other.shape)}, but it returns {tuple(one.shape)}."
        if not torch.isfinite(one).all():
            return "It returns NaN or infinity."
    for relation, message in RELATIONS:
        if all(relation(one, other) for one, other in pairs):
            return message
    return None


def _is_multiple(one: Tensor, other: Tensor) -> bool:
    factor = (one * other).sum() / other.square().sum()
    return bool(one.abs().max() > 0) and _close(one, factor * other)


def _is_shifted(one: Tensor, other: Tensor) -> bool:
    return one.numel() > 1 and _close(one - one.mean(), other - other.mean())


RELATIONS: tuple[tuple[Callable[[Tensor, Tensor], bool], str], ...] = (
    (lambda one, other: _close(one, -other), "The sign is reversed."),
    (lambda one, other: _close(one, other.abs()), "It is the absolute value of the right answer."),
    (_is_multiple, "It is the right answer times a constant: look for a factor, a mean or a sum too much."),
    (_is_shifted, "It is the right answer plus a constant."),
    (lambda one, other: not one.any(), "It is 0 everywhere."),
)
