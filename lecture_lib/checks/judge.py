"""Feedback on exercises: run a student's function, compare it with the reference, and name the mistake.

A `Task` holds the reference, inputs to try, and a catalogue of mistakes. A mistake is a small wrong function
too: where a student's function returns what the wrong one returns, its message says what went wrong.
"""

import inspect
import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from lecture_lib.checks import relations
from lecture_lib.checks.task import Arguments, Mistake, Task

Values = list[Tensor]
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# What torch says → what it means here.
EXPLANATIONS = {
    "does not require grad": "What you differentiate is cut off from the tensor that you differentiate by: look for "
    ".detach(), .item(), torch.no_grad() or a missing .requires_grad_().",
    "not have been used in the graph": "What you differentiate does not depend on the tensor that you differentiate "
    "by: compute it from that very tensor.",
    "implicitly created only for scalar": "One number is differentiated at a time: add up the scores first.",
    "positional argument": "Leave the parameters of the function as they were.",
}


class NotYet(AssertionError):  # noqa: N818 - students read the name
    """The answer is not right yet; the message says what it looks like. Shown without a traceback."""

    def _render_traceback_(self) -> list[str]:  # asked for by IPython
        return [f"Not yet. {self}"]


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
    expected = [_tensors(task.reference(*_copy(arguments))) for arguments in cases]
    try:
        returned = [_run(task, answer, arguments) for arguments in cases]
    except NotYet as problem:
        if only := _right_only_for(task, answer, cases):
            raise NotYet(f"{problem} It is right for {only}.") from None
        raise
    if all(map(_agree, returned, expected)):
        print(f"✔ {task.name} is right.")
        return
    hint = _catalogued(task, cases, returned) or _uncatalogued(task, answer, cases, returned, expected)
    raise NotYet(f"{task.name}: {hint} See {task.section}.")


def snapshot(arguments: Arguments) -> tuple[Any, ...]:
    """Remember what a function must not change: tensors, and the networks among and inside its arguments.

    Parameters
    ----------
    arguments : tuple
        What the function is going to get.

    Returns
    -------
    tuple
        For `changed`.
    """
    tensors = [(value.clone(), value.requires_grad) for value in arguments if isinstance(value, Tensor)]
    return tensors, [_state(network) for network in _networks(arguments)]


def changed(before: tuple[Any, ...], arguments: Arguments) -> str | None:
    """What a function did to its arguments.

    Parameters
    ----------
    before : tuple
        Their `snapshot`.
    arguments : tuple
        The same arguments after the call.

    Returns
    -------
    str or None
        The end of a sentence that begins with the function's name; None if nothing changed.
    """
    tensors = [value for value in arguments if isinstance(value, Tensor)]
    for (old, needed_grad), new in zip(before[0], tensors, strict=True):
        if new.requires_grad != needed_grad or not torch.equal(old, new):
            return "changes its input: work on a copy (`.detach().clone()`)."
    for (old_hooks, *old_rest), (hooks, *rest) in zip(before[1], map(_state, _networks(arguments)), strict=True):
        if hooks != old_hooks:
            return "leaves a hook on the network: remove it at the end, also after an error."
        if rest != old_rest:
            return "changes the network: leave its weights, gradients and mode as they were."
    return None


def _networks(arguments: Arguments) -> list[nn.Module]:
    """Networks among the arguments, and those that a score among them uses."""
    inside = [part.cell_contents for value in arguments for part in getattr(value, "__closure__", None) or ()]
    owners = [getattr(value, "__self__", None) for value in arguments]
    return [value for value in (*arguments, *inside, *owners) if isinstance(value, nn.Module)]


def _state(network: nn.Module) -> tuple[int, list[bool], list[Any]]:
    """Hooks, modes, and what tells weights apart."""
    modules = list(network.modules())
    hooks = sum(len(getattr(module, kind)) for module in modules for kind in HOOKS)
    weights = [(w.requires_grad, w.grad is None, _fingerprint(w.detach())) for w in network.parameters()]
    return hooks, [module.training for module in modules], weights


def _fingerprint(values: Tensor) -> float:
    """A number that another value, or two values in each other's places, would change."""
    return float(values.double().flatten() @ torch.arange(1.0, values.numel() + 1, dtype=torch.float64))


def _copy(arguments: Arguments) -> Arguments:
    return tuple(value.clone() if isinstance(value, Tensor) else value for value in arguments)


def _run(task: Task, answer: Callable[..., Any], arguments: Arguments) -> Values:
    """Call the student's function on copies; nothing that it prints or warns about gets out."""
    copies = _copy(arguments)
    before = snapshot(copies)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            returned = answer(*copies)
    except NotYet:
        raise
    except NotImplementedError:
        raise NotYet(f"{task.name} is still empty: write it in the cell above, then run this cell again.") from None
    except Exception as error:
        explained = next((f" {text}" for part, text in EXPLANATIONS.items() if part in str(error)), "")
        said = f"{task.name} stopped with {type(error).__name__}: {str(error).rstrip('.')}."
        raise NotYet(f"{said}{explained} See {task.section}.") from error
    if what := changed(before, copies):
        raise NotYet(f"{task.name} {what} See {task.section}.")
    return _tensors(returned, task.name)


def _tensors(value: Any, name: str = "the reference") -> list[Tensor]:
    parts = list(value) if isinstance(value, (tuple, list)) else [value]
    if any(part is None for part in parts):
        raise NotYet(f"{name} returns None: did you forget `return`?")
    foreign = [part for part in parts if type(part) not in (Tensor, nn.Parameter) and not isinstance(part, Real)]
    if foreign:
        raise NotYet(f"{name} should return torch tensors, but it returns {type(foreign[0]).__name__}.")
    return [torch.as_tensor(part, dtype=torch.float64).detach() for part in parts]


def _agree(one: Values, other: Values) -> bool:
    return len(one) == len(other) and all(map(relations.close, one, other))


def _catalogued(task: Task, cases: list[Arguments], returned: list[Values]) -> str | None:
    """The message of the first mistake that returns the same as the student's function, in every case."""
    for mistake in task.mistakes:
        if all(_fails_alike(mistake, case, values) for case, values in zip(cases, returned, strict=True)):
            return mistake.message
    return None


def _fails_alike(mistake: Mistake, case: Arguments, returned: Values) -> bool:
    return _agree(returned, _tensors(mistake.wrong(*_copy(case))))


def _uncatalogued(
    task: Task, answer: Callable[..., Any], cases: list[Arguments], returned: list[Values], expected: list[Values]
) -> str:
    """What no catalogue foresaw: how the numbers, or what they depend on, differ from the right ones."""
    if len(returned[0]) != len(expected[0]):
        return f"It should return {len(expected[0])} values, but it returns {len(returned[0])}."
    pairs = [pair for ours in zip(returned, expected, strict=True) for pair in zip(*ours, strict=True)]
    if hint := relations.describe(pairs):
        return hint
    if name := _unused(task, answer, cases):
        return f"The result does not depend on {name}, and it should."
    if only := _right_only_for(task, answer, cases):
        return f"It is right for {only}."
    return relations.describe(pairs, vague=True) or relations.outside(pairs) or "The numbers differ."


def _unused(task: Task, answer: Callable[..., Any], cases: list[Arguments]) -> str | None:
    """Name of an argument that changes the right answer and never the student's."""
    for place, name in list(enumerate(inspect.signature(task.reference).parameters))[: len(cases[0])]:
        stays = []
        for case in cases:
            for other in relations.varied(case, cases, place):
                right, new = _quiet(task, task.reference, case), _quiet(task, task.reference, other)
                if right and new and not _agree(right, new):
                    ours, same = _quiet(task, answer, case), _quiet(task, answer, other)
                    stays.append(bool(ours and same) and _agree(ours or [], same or []))
        if stays and all(stays):
            return name
    return None


def _right_only_for(task: Task, answer: Callable[..., Any], cases: list[Arguments]) -> str | None:
    """Easier cases in which the function is right: the words of `relations.narrowed`."""
    easier: dict[str, list[Arguments]] = {}
    for case in cases:
        for words, arguments in relations.narrowed(case):
            easier.setdefault(words, []).append(arguments)
    for words, narrow in easier.items():
        results = [(_quiet(task, answer, case), _quiet(task, task.reference, case)) for case in narrow]
        if all(ours and right and _agree(ours, right) for ours, right in results):
            return words
    return None


def _quiet(task: Task, function: Callable[..., Any], arguments: Arguments) -> Values | None:
    """What a function returns; None if it stops."""
    try:
        return _run(task, function, arguments)
    except NotYet:
        return None
