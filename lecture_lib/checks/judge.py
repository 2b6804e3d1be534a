"""Feedback on exercises: run a student's function, compare it with the reference, and name the mistake.

A `Task` holds the contract, a reference, inputs to try, and a catalogue of mistakes. A mistake is a small wrong
function too: where a student's function returns what the wrong one returns, its message says what went wrong. What no
catalogue foresaw is looked for in the student's own text (`mistakes`), then among `relations`.
"""

import io
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lecture_lib.checks import mistakes, relations, source
from lecture_lib.checks.source import Written
from lecture_lib.checks.state import changed, snapshot
from lecture_lib.checks.task import Arguments, Mistake, NotYet, Task
from lecture_lib.checks.values import agree, close, read, wrong_type

__all__ = ["Mistake", "NotYet", "Task", "changed", "check", "snapshot"]

DRAWS = 3  # sets of cases for each check
SECONDS = 1.7  # for a check that fails, with the search for the mistake
# What torch says → what it means here.
EXPLANATIONS = {
    "does not require grad": "What you differentiate is cut off from the tensor that you differentiate by: look for "
    ".detach(), .item(), torch.no_grad() or a missing .requires_grad_().",
    "not have been used in the graph": "What you differentiate does not depend on the tensor that you differentiate "
    "by: compute it from that very tensor.",
    "implicitly created only for scalar": "One number is differentiated at a time: add up the scores first.",
    "backward through the graph a second time": "One graph is differentiated twice: every gradient needs a "
    "new forward pass.",
    "Expected pixels in [0, 1]": "Look at what you pass on: some step has left the range of pixels.",
    "must match the size of tensor b": "Two tensors meet whose axes don't fit: print their shapes.",
    "expected scalar type": "Numbers of two types meet: keep the type of what you are given.",
    "unary -: 'function'": "A function has no minus; what it returns has one.",
    "unary -: 'method'": "A function has no minus; what it returns has one.",
    "could not infer output dtype": "Truth values and whole numbers have no mean in torch: make "
    "other numbers of them first.",
    "should be the same": "Numbers of two types meet: keep the type of what you are given.",
}


@dataclass(frozen=True)
class Trial:
    """What became of one case."""

    case: Arguments
    expected: list[Tensor]
    returned: list[Tensor] | None  # None where there is a problem
    problem: str
    printed: str
    wrong_type: str | None = None

    @property
    def right(self) -> bool:
        """Whether the function returned what is right."""
        return self.returned is not None and self.wrong_type is None and agree(self.returned, self.expected)

    @property
    def size(self) -> int:
        """How many numbers the case holds."""
        return sum(value.numel() for value in self.case if isinstance(value, Tensor))


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
    trials = [_try(task, answer, case, text) for draw in range(DRAWS) for case in task.cases(DRAWS * seed + draw)]
    wrong = sorted((trial for trial in trials if not trial.right), key=lambda trial: trial.size)
    print((wrong or trials)[0].printed, end="")
    if wrong:
        raise NotYet(_explained(task, answer, text, trials, wrong, deadline))
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


# ---- one case ----------------------------------------------------------------------------------------------------


def copied(arguments: Arguments) -> Arguments:
    """The same arguments with tensors of their own."""
    return tuple(value.clone() if isinstance(value, Tensor) else value for value in arguments)


def _try(task: Task, answer: Callable[..., Any], case: Arguments, text: Written | None) -> Trial:
    """Run the student's function on a case; what it prints is kept, what it warns about is not."""
    expected = read(task.reference(*copied(case)), task.results)
    printed = io.StringIO()
    copies = copied(case)
    before = snapshot(copies)
    try:
        with redirect_stdout(printed), redirect_stderr(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            returned = answer(*copies)
            values = read(returned, task.results)
    except NotYet as problem:
        changed(before, copies)
        return Trial(case, expected, None, f"{task.name} {_why_none(str(problem), task, text)}", printed.getvalue())
    except Exception as error:
        changed(before, copies)
        return Trial(case, expected, None, _stopped(task, answer, error, text), printed.getvalue())
    if (what := changed(before, copies)) is not None:
        return Trial(case, expected, None, f"{task.name} {what}", printed.getvalue())
    return Trial(case, expected, values, "", printed.getvalue(), wrong_type(returned, task.results))


def _why_none(problem: str, task: Task, text: Written | None) -> str:
    """After "returns None.": where that comes from."""
    if problem != "returns None.":
        return problem
    if text is None or source.returns_nothing(text.tree, task.name):
        return "returns None: did you forget `return`?"
    if ".grad" in text.text:
        return (
            "returns None: only a tensor that `.requires_grad_()` was called on has a `.grad`, not what is computed."
        )
    return "returns None: look at what stands behind `return`."


def _stopped(task: Task, answer: Callable[..., Any], error: Exception, text: Written | None) -> str:
    """What an exception in the student's function means."""
    if (other := source.empty_inside(error, task.name)) is not None:
        return f"{task.name} calls {other}, which is still empty: write that one first."
    if isinstance(error, NotImplementedError) and source.STUB in str(error):
        if text is None:
            return f"{task.name} is still empty: write it in the cell above, then run this cell again."
        return f"{task.name} is not complete, or calls a function that is still empty."
    explained = next((f" {words}" for part, words in EXPLANATIONS.items() if part in str(error)), "")
    if isinstance(error, TypeError) and "positional argument" in str(error) and f"{task.name}()" in str(error):
        explained = " Leave the parameters of the function as they were."
    said = str(error).strip().split("\n")[0].rstrip(".")
    return f"{task.name} stopped with {type(error).__name__}: {said}.{source.line_of(error, answer)}{explained}"


def _demand_a_graph(task: Task, answer: Callable[..., Any], text: Written | None, case: Arguments) -> None:
    """Where the contract says so: the result can be differentiated, and rightly."""
    if not task.differentiable:
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
    return None if variant is None else variant(*copied(case))


# ---- what is said ------------------------------------------------------------------------------------------------


def _explained(
    task: Task,
    answer: Callable[..., Any],
    text: Written | None,
    trials: list[Trial],
    wrong: list[Trial],
    deadline: float,
) -> str:
    """The mistake in one line, and below it the smallest case that fails."""
    stopped = [trial for trial in wrong if trial.returned is None]
    shown = (stopped or wrong)[0]
    if stopped:
        only = _right_only_for(task, answer, trials) if len(stopped) < len(trials) or len(wrong) > 1 else None
        hint = shown.problem + (f" It is right for {only}." if only else "")
        if "stopped with" in hint and (found := _repair(task, text, wrong, deadline)):
            hint += f" {found}"
    elif all(trial.wrong_type and agree(trial.returned or [], trial.expected) for trial in wrong):
        hint = f"{task.name} {shown.wrong_type}"
    else:
        hint = f"{task.name}: {_named(task, answer, text, trials, wrong, deadline)}"
    return f"{hint} See {task.section}.\n{example(task, shown)}"


def _named(
    task: Task,
    answer: Callable[..., Any],
    text: Written | None,
    trials: list[Trial],
    wrong: list[Trial],
    deadline: float,
) -> str:
    """The mistake: from the catalogue, else by repair, else by a relation, else only that it is one."""
    if hint := _catalogued(task, trials):
        return hint
    if text is not None and (
        name := source.never_read(text.tree, task.name, [part.name for part in task.parameters])
    ):
        return f"`{name}` is never used, and the result should depend on it."
    if hint := _repair(task, text, wrong, deadline):
        return hint
    results = _pairs(trials)
    if results is None:
        return f"It should return {len(trials[0].expected)} values, but it returns {len(trials[0].returned or [])}."
    if hint := relations.describe(results):
        return hint
    if only := _right_only_for(task, answer, trials):
        return f"It is right for {only}."
    if name := _unused(task, answer, trials):
        return f"The result does not depend on {name}, and it should."
    vague = relations.describe(results, vague=True) or relations.outside(results)
    return vague or "The numbers differ."


def _pairs(trials: list[Trial]) -> list[relations.Pairs] | None:
    """For every result, what came and what is right in every case; None if it is not as many."""
    counts = {(len(trial.returned or []), len(trial.expected)) for trial in trials}
    if any(one != other for one, other in counts):
        return None
    if len(counts) > 1:  # a list of tensors, of different lengths
        return [[pair for trial in trials for pair in zip(trial.returned or [], trial.expected, strict=True)]]
    count = trials[0].expected
    return [
        [((trial.returned or [])[place], trial.expected[place]) for trial in trials] for place in range(len(count))
    ]


def _catalogued(task: Task, trials: list[Trial]) -> str | None:
    """The message of the first mistake that returns the same as the student's function, in every case."""
    return next(
        (mistake.message for mistake in task.mistakes if all(_fails_alike(task, mistake, t) for t in trials)), None
    )


def _fails_alike(task: Task, mistake: Mistake, trial: Trial) -> bool:
    try:
        values = read(mistake.wrong(*copied(trial.case)), task.results)
    except NotYet:
        return False
    except Exception:  # a wrong function may stop where the student's does not
        return False
    return trial.returned is not None and agree(trial.returned, values)


def _repair(task: Task, text: Written | None, wrong: list[Trial], deadline: float) -> str | None:
    """The mistake that an edit of the student's own text undoes."""
    if text is None or time.monotonic() > deadline:
        return None
    others: list[tuple[Arguments, list[Tensor]]] = []

    def accepts(function: Callable[..., Any]) -> bool:
        """Whether an edited function is right: in the smallest wrong case, then in all, then in new ones."""
        if not all(_is_right(task, function, trial.case, trial.expected) for trial in wrong):
            return False
        if not others:
            for case in task.cases(DRAWS * 1000):
                others.append((case, read(task.reference(*copied(case)), task.results)))
        return all(_is_right(task, function, case, expected) for case, expected in others)

    return mistakes.find(text, accepts, deadline)


def _is_right(task: Task, function: Callable[..., Any], case: Arguments, expected: Sequence[Tensor]) -> bool:
    copies = copied(case)
    before = snapshot(copies)
    silent = io.StringIO()
    try:
        with redirect_stdout(silent), redirect_stderr(silent), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = read(function(*copies), task.results)
    finally:
        what = changed(before, copies)
    return what is None and agree(values, expected)


def _passes(task: Task, function: Callable[..., Any], case: Arguments) -> bool:
    """As `_is_right`, where the right answer is not known yet, and a function that stops is wrong."""
    try:
        return _is_right(task, function, case, read(task.reference(*copied(case)), task.results))
    except Exception:
        return False


def _right_only_for(task: Task, answer: Callable[..., Any], trials: list[Trial]) -> str | None:
    cases, right = [trial.case for trial in trials], [trial.right for trial in trials]
    return relations.right_only_for(cases, right, lambda case: _passes(task, answer, case))


def _unused(task: Task, answer: Callable[..., Any], trials: list[Trial]) -> str | None:
    """Name of an argument that changes the right answer and never the student's, not even by rounding."""
    cases = [trial.case for trial in trials]
    for place, parameter in enumerate(task.parameters):
        stays: list[bool] = []
        for trial in trials:
            for other in relations.varied(trial.case, cases, place):
                if stays and not stays[-1]:
                    break
                right, ours = (_values(task, function, other) for function in (task.reference, answer))
                if right is not None and ours is not None and not agree(right, trial.expected):
                    stays.append(
                        len(ours) == len(trial.returned or []) and all(map(torch.equal, ours, trial.returned or []))
                    )
        if len(stays) > 1 and all(stays):
            return parameter.name
    return None


def _values(task: Task, function: Callable[..., Any], case: Arguments) -> list[Tensor] | None:
    """What a function returns; None if it stops."""
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(function(*copied(case)), task.results)
    except Exception:
        return None


def example(task: Task, trial: Trial) -> str:
    """A case in which the function is wrong: what it got, what it returned, and what was expected."""
    given = [f"{part.name} {_shown(value)}" for part, value in zip(task.parameters, trial.case, strict=True)]
    lines = ["The smallest case that fails: " + ", ".join(given)]
    if trial.returned is not None:
        lines.append("  returned " + "; ".join(map(_numbers, trial.returned)))
    lines.append("  expected " + "; ".join(map(_numbers, trial.expected)))
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"of shape {tuple(value.shape)}" if value.ndim else f"{value.item():.4g}"
    if isinstance(value, float):
        return f"= {value:.4g}"
    if isinstance(value, (int, str, tuple)):
        return f"= {value!r}"
    return f"({type(value).__name__})"


def _numbers(values: Tensor) -> str:
    """The first numbers of a tensor, and its shape."""
    flat = values.flatten()
    listed = ", ".join(f"{number:.4g}" for number in flat[:5].tolist()) + (", …" if len(flat) > 5 else "")
    return listed if values.ndim == 0 else f"[{listed}] of shape {tuple(values.shape)}"
