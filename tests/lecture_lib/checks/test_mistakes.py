"""A mistake that no catalogue has is found in the student's own text: its line, and what is wrong there."""

import ast
import linecache
import time
from itertools import count

import pytest
import torch

from lecture_lib.checks import mistakes, source
from lecture_lib.checks.edits import edits
from lecture_lib.checks.judge import check
from lecture_lib.checks.task import NotYet, Parameter, Result, Task

NUMBER = count()


def written(text):
    """The function that a cell with this text defines, as in a notebook: the text can be looked up."""
    name = f"<cell {next(NUMBER)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space = {"torch": torch}
    exec(compile(text, name, "exec"), space)
    return space["f"]


def task_of(reference, cases=lambda seed: [(torch.randn(3, 4, generator=torch.Generator().manual_seed(seed)),)]):
    return Task("f", "lecture 00", (Parameter("x", "", "(a, b)"),), (Result("", ""),), reference, cases, ())


def told(text, task):
    with pytest.raises(NotYet) as caught:
        check(task, written(text))
    return str(caught.value).split("\n")[0]


def ascent(x):
    """Steps up the sum of sines, clipped."""
    for _ in range(3):
        x = (x + 0.1 * x.cos()).clamp(-1, 1)
    return x


def gradients(x):
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad((leaf**3).sum(), leaf)[0]


SUM_OF_SQUARES = task_of(lambda x: (x**2).sum(dim=1))
ASCENT = task_of(ascent)
CUBES = task_of(lambda x: 6 * x**2)
FOUND = {
    "replaces what the rounds": (
        SUM_OF_SQUARES,
        "def f(x):\n    total = 0\n    for column in x.T:\n        total = column**2\n    return total",
        4,
    ),
    "returns in the first round": (
        SUM_OF_SQUARES,
        "def f(x):\n    total = 0\n    for column in x.T:\n        total = total + column**2\n        return total",
        5,
    ),
    "too much or too few": (
        SUM_OF_SQUARES,
        "def f(x):\n    total = 0\n    for k in range(1, 4):\n        total = total + x[:, k] ** 2\n    return total",
        3,
    ),
    "wrong axis": (SUM_OF_SQUARES, "def f(x):\n    return (x**2).sum(dim=0)", 2),
    "`mean` is the wrong operation": (SUM_OF_SQUARES, "def f(x):\n    return (x**2).mean(dim=1)", 2),
    "is too much": (SUM_OF_SQUARES, "def f(x):\n    return (x**2).sum(dim=1) + 1", 2),
    "a square is missing": (SUM_OF_SQUARES, "def f(x):\n    return x.sum(dim=1)", 2),
    "`-` is the wrong operation": (
        ASCENT,
        "def f(x):\n    for _ in range(3):\n        x = (x - 0.1 * x.cos()).clamp(-1, 1)\n    return x",
        3,
    ),
    "should happen in every round": (
        ASCENT,
        "def f(x):\n    s = x.cos()\n    for _ in range(3):\n        x = (x + 0.1 * s).clamp(-1, 1)\n    return x",
        2,
    ),
    "`.grad` still holds": (
        CUBES,
        "def f(x):\n    leaf, total = x.clone().requires_grad_(), 0\n    for _ in range(2):\n"
        "        (leaf**3).sum().backward()\n        total = total + leaf.grad.clone()\n    return total",
        3,
    ),
    "parentheses": (CUBES, "def f(x):\n    return (6 * x)**2", 2),
    "wrong variable": (
        SUM_OF_SQUARES,
        "def f(x):\n    y = x**2\n    z = y.sum(dim=1)\n    return y",
        4,
    ),
    "two arguments": (task_of(lambda x: x - 2 * x.abs()), "def f(x):\n    return torch.sub(2 * x.abs(), x)", 2),
    "wrong comparison": (task_of(lambda x: (x > 0).float()), "def f(x):\n    return (x < 0).float()", 2),
    "wrong order": (
        Task("f", "l", (Parameter("x", "", "(a, b)"),), (Result("", ""), Result("", "")), lambda x: (x, x + 1),
             lambda seed: [(torch.rand(2, 3),)], ()),
        "def f(x):\n    return x + 1, x",
        2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("words", FOUND)
def test_the_line_and_the_kind_are_named(words):
    task, text, line = FOUND[words]
    said = told(text, task)
    assert words in said
    assert f"line {line}" in said


def test_the_same_mistake_at_two_places_is_found():
    task = task_of(lambda x: x.sum(dim=1) / x.abs().sum(dim=1).clamp_min(1e-6) ** 2 + x.sum(dim=1))
    said = told(
        "def f(x):\n    a = x.mean(dim=1)\n    b = x.abs().sum(dim=1)\n    return a / b**2 + x.mean(dim=1)", task
    )
    assert "line 2 and line 4" in said


def test_what_would_be_right_is_not_said():
    assert "sum" not in told("def f(x):\n    return (x**2).mean(dim=1)", SUM_OF_SQUARES).split("`: ")[1]


def test_an_edit_that_is_right_by_chance_is_not_said():
    """The cases of a check are all positive here, so that many edits are right in them: further inputs decide."""
    cases = lambda seed: [(torch.rand(3, 4) - float(seed > 1000),)]  # noqa: E731
    task = task_of(lambda x: x.clamp_min(0) * 2, cases)
    assert "numbers differ" not in told("def f(x):\n    return x.abs() * 3", task)  # times a constant, in these cases
    assert "Look at" not in told("def f(x):\n    return x * 3", task)


def test_a_search_ends_in_time_and_a_loop_without_end_is_stopped():
    text = source.written(written("def f(x):\n    while x > 0:\n        x = x - 1\n    return x"), "f")
    began = time.monotonic()
    assert mistakes.find(text, lambda function: function(3) == 17, bool, began + 1) is None
    assert time.monotonic() - began < 1.5


def test_edits_leave_the_tree_as_it_was():
    tree = ast.parse("def f(x, y):\n    for k in range(3):\n        x += y.sum(dim=1)[k] - 2 * x\n    return x, y")
    before = ast.dump(tree)
    for edit in edits(tree):
        with edit.made():
            ast.fix_missing_locations(tree)
            compile(ast.unparse(tree), "<edited>", "exec") if "…" not in edit.words else None
        assert ast.dump(tree) == before


def test_a_variant_does_not_see_or_change_the_student_s_names():
    function = written("calls = []\ndef f(x):\n    calls.append(1)\n    return x")
    text = source.written(function, "f")
    assert text.variant(text.tree)(3) == 3
    assert function.__globals__["calls"] == []
