"""What a student reads whose function is not right: the mistake in one line, and the smallest case that fails."""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from lecture_lib.checks import mistakes, relations, source
from lecture_lib.checks.source import Written
from lecture_lib.checks.task import Arguments, Mistake, Task
from lecture_lib.checks.trial import Trial, copied, is_right, quiet
from lecture_lib.checks.values import agree, read

DRAW, DRAWS = 10_000, 2  # for inputs on which a mistake is tried before it is said


@dataclass(frozen=True)
class Wrong:
    """A function that is wrong in some case.

    Parameters
    ----------
    task : Task
        What was to be written.
    answer : function
        What the student wrote.
    text : Written or None
        The student's text, if it is known.
    trials : list of Trial
        All cases.
    deadline : float
        When the explanation has to be there, by ``time.monotonic``.
    """

    task: Task
    answer: Callable[..., Any]
    text: Written | None
    trials: list[Trial]
    deadline: float

    @cached_property
    def failed(self) -> list[Trial]:
        """The cases in which it is wrong, the smallest first; those that stopped it before the others."""
        wrong = [trial for trial in self.trials if not trial.right]
        return sorted(wrong, key=lambda trial: (trial.returned is not None, trial.size))


def explained(wrong: Wrong) -> str:
    """The mistake in one line, and below it the smallest case that fails.

    Parameters
    ----------
    wrong : Wrong
        The function, and what became of it.

    Returns
    -------
    str
        For the student. What would be right is not in it.
    """
    shown = wrong.failed[0]
    if shown.returned is None:
        hint = _stopped(wrong, shown)
    elif all(trial.wrong_type and agree(trial.returned or [], trial.expected) for trial in wrong.failed):
        hint = f"{wrong.task.name} {shown.wrong_type}"
    else:
        hint = f"{wrong.task.name}: {next(_hints(wrong))}"
    return f"{hint} See {wrong.task.section}.\n{_example(wrong.task, shown)}"


def _stopped(wrong: Wrong, shown: Trial) -> str:
    """What stopped the function, for which inputs it is right, and the mistake in the text."""
    hint = shown.problem
    if (only := _right_only_for(wrong)) is not None:
        hint += f" It is right for {only}."
    if "stopped with" in hint and (found := _repair(wrong)) is not None:
        hint += f" {found}"
    return hint


def _hints(wrong: Wrong) -> Iterator[str]:
    """From the catalogue, else by repair of the text, else by a relation, else only that it is wrong."""
    yield from filter(
        None, (look(wrong) for look in (_catalogued, _never_read, _repair, _counted, _related, _right_for, _unused))
    )
    results = _pairs(wrong)
    yield relations.describe(results, vague=True) or relations.outside(results) or "The numbers differ."


def _catalogued(wrong: Wrong) -> str | None:
    """The message of the first mistake that returns the same as the student's function, in every case."""
    alike = (
        one for one in wrong.task.mistakes if all(_fails_alike(wrong.task, one, trial) for trial in wrong.trials)
    )
    return next((mistake.message for mistake in alike), None)


def _fails_alike(task: Task, mistake: Mistake, trial: Trial) -> bool:
    values = _values(task, mistake.wrong, trial.case)
    return values is not None and trial.returned is not None and agree(trial.returned, values)


def _never_read(wrong: Wrong) -> str | None:
    names = [part.name for part in wrong.task.parameters]
    name = wrong.text and source.never_read(wrong.text.tree, wrong.task.name, names)
    if (
        not name or next(_stays(wrong, names.index(name)), None) is None
    ):  # the right answer does not depend on it, either
        return None
    return f"`{name}` is never used, and the result should depend on it."


def _repair(wrong: Wrong) -> str | None:
    """The mistake that an edit of the student's own text undoes."""
    if wrong.text is None or time.monotonic() > wrong.deadline:
        return None
    task = wrong.task

    def accepts(function: Callable[..., Any]) -> bool:
        """Whether an edited function is right in the cases in which the student's is wrong."""
        return all(is_right(task, function, trial.case, trial.expected) for trial in wrong.failed)

    def confirms(function: Callable[..., Any]) -> bool:
        """Whether it is right for inputs that were not tried before."""
        cases = [case for draw in range(DRAWS) for case in task.cases(DRAW + draw)]
        return all(
            is_right(task, function, case, read(task.reference(*copied(case)), task.results)) for case in cases
        )

    return mistakes.find(wrong.text, accepts, confirms, wrong.deadline)


def _counted(wrong: Wrong) -> str | None:
    """That a list has too many or too few entries."""
    counts = [(len(trial.returned or []), len(trial.expected)) for trial in wrong.failed]
    ours, right = next(((ours, right) for ours, right in counts if ours != right), (0, 0))
    return f"The list should have {right} tensors in this case, but it has {ours}." if ours != right else None


def _related(wrong: Wrong) -> str | None:
    return relations.describe(_pairs(wrong))


def _pairs(wrong: Wrong) -> list[relations.Pairs]:
    """For every result, what came and what is right in every case; the entries of a list of tensors together."""
    pairs = [list(zip(trial.returned or [], trial.expected, strict=False)) for trial in wrong.trials]
    if wrong.task.results[0].many:
        return [list(chain.from_iterable(pairs))]
    return [list(parts) for parts in zip(*pairs, strict=True)]


def _right_for(wrong: Wrong) -> str | None:
    only = _right_only_for(wrong)
    return f"It is right for {only}." if only else None


def _right_only_for(wrong: Wrong) -> str | None:
    cases, right = [trial.case for trial in wrong.trials], [trial.right for trial in wrong.trials]
    return relations.right_only_for(cases, right, lambda case: _passes(wrong, case))


def _passes(wrong: Wrong, case: Arguments) -> bool:
    """Whether the function is right in a case that was not among the trials; one that stops is wrong."""
    try:
        return is_right(wrong.task, wrong.answer, case, read(wrong.task.reference(*copied(case)), wrong.task.results))
    except Exception:
        return False


def _unused(wrong: Wrong) -> str | None:
    """Name of an argument that changes the right answer and never the student's, not even by rounding."""
    for place, parameter in enumerate(wrong.task.parameters):
        stays = list(_stays(wrong, place))
        if len(stays) > 1 and all(stays):
            return f"The result does not depend on {parameter.name}, and it should."
    return None


def _stays(wrong: Wrong, place: int) -> Iterator[bool]:
    """Whether the student's result stays, for every change of an argument that changes the right one."""
    cases = [trial.case for trial in wrong.trials]
    for trial in wrong.trials:
        for other in relations.varied(trial.case, cases, place):
            right, ours = (_values(wrong.task, function, other) for function in (wrong.task.reference, wrong.answer))
            if right is not None and ours is not None and not agree(right, trial.expected):
                same = len(ours) == len(trial.returned or []) and all(map(torch.equal, ours, trial.returned or []))
                yield same
                if not same:
                    return


def _values(task: Task, function: Callable[..., Any], case: Arguments) -> list[Tensor] | None:
    """What a function returns; None if it stops, as a wrong function may."""
    try:
        with quiet(io.StringIO()):
            return read(function(*copied(case)), task.results)
    except Exception:
        return None


# ---- the smallest case -------------------------------------------------------------------------------------------


def _example(task: Task, trial: Trial) -> str:
    """A case in which the function is wrong: what it got, what it returned, and what was expected."""
    given = [f"{part.name} {_shown(value)}" for part, value in zip(task.parameters, trial.case, strict=True)]
    lines = ["The smallest case that fails: " + ", ".join(given)]
    if trial.returned is not None:
        lines.append("  returned " + "; ".join(map(_numbers, trial.returned)))
    return "\n".join([*lines, "  expected " + "; ".join(map(_numbers, trial.expected))])


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
