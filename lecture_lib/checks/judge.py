"""Feedback on exercises: run a student's function, compare it with the reference, and name the mistake.

A `Task` holds the contract, a reference, inputs to try, and a catalogue of mistakes. A mistake is a small wrong
function too: where a student's function returns what the wrong one returns, its message says what went wrong. What no
catalogue foresaw is looked for in the student's own text (`mistakes`), then among `relations`.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lecture_lib.checks import source, trial
from lecture_lib.checks.explain import Wrong, explained
from lecture_lib.checks.source import Written
from lecture_lib.checks.state import changed, snapshot
from lecture_lib.checks.task import Arguments, Mistake, NotYet, Task
from lecture_lib.checks.values import close

__all__ = ["Mistake", "NotYet", "Task", "changed", "check", "snapshot"]

DRAWS = 3  # sets of cases for each check
SECONDS = 1.7  # for a check that fails, with the search for the mistake


def check(task: Task, answer: Callable[..., Any], *, seed: int = 0) -> None:
    """Compare a student's function with the reference; print one line if it is right.

    The check that students see and the hidden test are this one function, on other draws from the same generators.

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
    deadline = time.monotonic() + SECONDS
    if not callable(answer):
        raise NotYet(f"{task.name} should be a function, but it is {type(answer).__name__}.")
    text = source.written(answer, task.name)
    _look_at_the_text(task, answer, text)
    trials = [
        trial.run(task, answer, case, text) for draw in range(DRAWS) for case in task.cases(DRAWS * seed + draw)
    ]
    wrong = Wrong(task, answer, text, trials, deadline)
    print((wrong.failed or trials)[0].printed, end="")
    if wrong.failed:
        raise NotYet(explained(wrong))
    _demand_a_graph(task, answer, text, trials[0].case)
    print(f"✔ {task.name} is right.")


def _look_at_the_text(task: Task, answer: Callable[..., Any], text: Written | None) -> None:
    """What can be said before anything runs."""
    if (old := source.stale(answer, task.name)) is not None:
        raise NotYet(old)
    if text is None:
        return
    if source.untouched(text.tree, task.name):
        raise NotYet(f"{task.name} is still empty: write it in the cell above, then run this cell again.")
    if (name := source.forbidden(text.tree, task.library)) is not None:
        raise NotYet(f"{task.name}: this is the task itself, so please write it yourself in place of calling {name}.")


def _demand_a_graph(task: Task, answer: Callable[..., Any], text: Written | None, case: Arguments) -> None:
    """Where the contract says so: the result can be differentiated, and rightly."""
    if not task.differentiable or not (hasattr(answer, "variant") or hasattr(answer, "__code__")):
        return
    wanted = _slope(task, task.reference, case)
    try:
        slope = _slope_elsewhere(task, text, case) if hasattr(answer, "variant") else _slope(task, answer, case)
    except Exception:
        slope = torch.zeros(())
    if slope is not None and not (wanted is not None and close(slope.double(), wanted.double())):
        raise NotYet(
            f"{task.name}: the numbers are right, but they are cut off from `{task.differentiable}`, "
            f"so later cells can't "
            "differentiate them: look for .detach(), .item(), .tolist() or torch.no_grad()."
        )


def _slope(task: Task, function: Callable[..., Any], case: Arguments) -> Tensor | None:
    place = [part.name for part in task.parameters].index(task.differentiable)
    leaf = case[place].detach().clone().requires_grad_()
    value = function(*case[:place], leaf, *case[place + 1 :])
    return torch.autograd.grad(value.sum(), leaf)[0]


SLOPE = """
_written = {name}
def {name}(*arguments):
    import torch
    arguments = list(arguments)
    leaf = arguments[{place}] = arguments[{place}].detach().clone().requires_grad_()
    return torch.autograd.grad(_written(*arguments).sum(), leaf)[0]
"""


def _slope_elsewhere(task: Task, text: Written | None, case: Arguments) -> Tensor | None:
    """The same for a function that runs in another process: only plain values come from there."""
    if text is None:
        return None
    place = [part.name for part in task.parameters].index(task.differentiable)
    variant = text.variant(source.extended(text, SLOPE.format(name=task.name, place=place)))
    return None if variant is None else variant(*trial.copied(case))
