"""The checks of the exercises: right answers pass, every catalogued mistake is named, nothing wrong passes."""

import importlib
import pkgutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lecture_lib.checks import tasks as all_tasks
from lecture_lib.checks.judge import Mistake, NotYet, Task, check

MODULES = [
    importlib.import_module(f"lecture_lib.checks.tasks.{module.name}")
    for module in pkgutil.iter_modules(all_tasks.__path__)
    if not module.name.startswith("_")
]
TASKS = [
    pytest.param(task, id=f"{module.__name__.split('.')[-1]}-{task.name}")
    for module in MODULES
    for task in module.TASKS
]
MISTAKES = [
    pytest.param(task, mistake, id=f"{task.name}-{place}")
    for module in MODULES
    for task in module.TASKS
    for place, mistake in enumerate(task.mistakes)
]


@pytest.mark.parametrize("task", TASKS)
def test_the_reference_passes_with_one_line_and_nothing_on_stderr(task, capsys):
    for seed in range(3):
        check(task, task.reference, seed=seed)
        out, err = capsys.readouterr()
        assert out == f"✔ {task.name} is right.\n"
        assert err == ""


@pytest.mark.parametrize(("task", "mistake"), MISTAKES)
def test_every_catalogued_mistake_is_named(task, mistake):
    for seed in range(3):
        with pytest.raises(NotYet) as caught:
            check(task, mistake.wrong, seed=seed)
        assert mistake.message in str(caught.value)
        assert task.section in str(caught.value)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_at_least_five_mistakes_with_different_messages(task):
    assert len({mistake.message for mistake in task.mistakes}) == len(task.mistakes) >= 5


@pytest.mark.parametrize("task", TASKS)
def test_random_answers_of_the_right_shape_never_pass(task):
    def random_answer(*arguments):
        expected = task.reference(*arguments)
        parts = expected if isinstance(expected, (tuple, list)) else (expected,)
        drawn = tuple(torch.rand_like(torch.as_tensor(part, dtype=torch.float64)) for part in parts)
        return drawn if isinstance(expected, (tuple, list)) else drawn[0]

    with pytest.raises(NotYet):
        check(task, random_answer)


# What can be done to a right answer; the second argument is a random number.
CHANGES = {
    "scale": lambda x, a: a * x,
    "shift": lambda x, a: x + a,
    "noise": lambda x, a: x + a * torch.rand_like(x),
    "power": lambda x, a: x.sign() * x.abs() ** (2**a),
    "clip": lambda x, a: x.clamp(max=a * x.max()),
    "blank": lambda x, a: torch.where(torch.rand_like(x) < abs(a), 0, x),
    "round": lambda x, a: (x * 10**a).round() / 10**a,
    "mean": lambda x, a: x.mean().expand_as(x),
    "reverse": lambda x, a: x.flatten().flip(0).view_as(x),
    "move": lambda x, a: x.flatten().roll(int(a)).view_as(x),
    "sort": lambda x, a: x.flatten().sort()[0].view_as(x),
}


@settings(max_examples=150)
@given(
    task=st.sampled_from([task for module in MODULES for task in module.TASKS]),
    changes=st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), st.floats(-3, 3)), min_size=1, max_size=3),
    seed=st.integers(0, 1000),
)
def test_whatever_is_done_to_a_right_answer_only_what_leaves_it_right_passes(task, changes, seed):
    errors = []  # relative to the largest number, of all that the check has asked for

    def changed(part):
        right = wrong = torch.as_tensor(part, dtype=torch.float64).detach()
        for name, number in changes:
            wrong = CHANGES[name](wrong, number)
        error = (wrong - right).abs().max() / right.abs().max().clamp_min(1e-300)
        errors.append(float(error.nan_to_num(nan=torch.inf)))
        return wrong

    def answer(*arguments):
        returned = task.reference(*arguments)
        return tuple(map(changed, returned)) if isinstance(returned, (tuple, list)) else changed(returned)

    try:
        check(task, answer, seed=seed)
    except NotYet:
        assert max(errors) >= 1e-6
    else:
        assert max(errors) < 1e-3


@pytest.mark.parametrize("task", TASKS)
def test_an_answer_may_print_and_warn_without_a_trace(task, capsys):
    def noisy(*arguments):
        import sys
        import warnings

        print("debugging")
        print("debugging", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        return task.reference(*arguments)

    check(task, noisy)
    assert capsys.readouterr() == (f"✔ {task.name} is right.\n", "")


DOUBLE = Task(
    name="double",
    section="lecture 00",
    reference=lambda x: 2 * x - 1,
    cases=lambda seed: [(torch.randn(3, 4, generator=torch.Generator().manual_seed(seed + k)),) for k in range(2)],
    mistakes=(Mistake(lambda x: 2 * x**2 - 1, "The square is too much."),),
)


class EqualToAll:
    def __eq__(self, other):
        return True

    __hash__ = None


def change_input(x):
    x.mul_(2)
    return x - 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: 2 * x**2 - 1, "square is too much"),
        (lambda x: -(2 * x - 1), "sign is reversed"),
        (lambda x: (2 * x - 1).abs(), "absolute value"),
        (lambda x: 3 * (2 * x - 1), "times a constant"),
        (lambda x: 2 * x, "plus a constant"),
        (lambda x: 0 * x, "0 everywhere"),
        (lambda x: (2 * x - 1).T, "last two axes"),
        (lambda x: (2 * x - 1).flatten(), "shape"),
        (lambda x: (2 * x - 1) / 0, "NaN or infinity"),
        (lambda x: (2 * x - 1, x), "return 1 values"),
        (lambda x: None, "return"),
        (lambda x: EqualToAll(), "EqualToAll"),
        (lambda x: "2 x - 1", "str"),
        (change_input, "changes its input"),
        (lambda x: x.requires_grad_() * 2 - 1, "changes its input"),
        (lambda x: 1 / 0, "ZeroDivisionError"),
        (lambda x, y: x, "TypeError"),
        (lambda x: x.exp().sin(), "numbers differ"),
        (3.0, "should be a function"),
    ],
)
def test_what_a_wrong_answer_is_told(answer, message):
    with pytest.raises(NotYet, match=message):
        check(DOUBLE, answer)


def test_an_empty_answer_is_told_so():
    def empty(x):
        raise NotImplementedError

    with pytest.raises(NotYet, match="still empty"):
        check(DOUBLE, empty)


def test_the_message_is_shown_without_a_traceback():
    assert NotYet("The sign is reversed.")._render_traceback_() == ["Not yet. The sign is reversed."]


@given(factor=st.floats(-3, 3), offset=st.floats(-3, 3))
def test_only_the_right_line_passes(factor, offset):
    right = abs(factor - 2) < 1e-5 and abs(offset + 1) < 1e-5
    clearly_wrong = abs(factor - 2) > 1e-2 or abs(offset + 1) > 1e-2
    try:
        check(DOUBLE, lambda x: factor * x + offset)
    except NotYet:
        assert not right
    else:
        assert not clearly_wrong
