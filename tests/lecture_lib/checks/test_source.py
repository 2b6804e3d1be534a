"""The student's own text: found, empty, older than it looks, or calling what it should be."""

import ast
import types

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from lecture_lib.checks import source
from lecture_lib.checks.judge import check
from lecture_lib.checks.task import NotYet, Parameter, Result, Task

TASK = Task(
    "triple", "lecture 00", (Parameter("x", "", "(a, b)"),), (Result("", "(a, b)"),), lambda x: 3 * x,
    lambda seed: [(torch.rand(2, 3),)], (), library=("maps.triple",),
)  # fmt: skip


@pytest.fixture
def shell(monkeypatch):
    shell = InteractiveShell.instance()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    yield shell
    InteractiveShell.clear_instance()


def run(shell, cell):
    shell.run_cell(cell, store_history=True)
    return shell.user_ns.get("triple")


def test_after_a_syntax_error_the_check_says_that_it_sees_the_function_from_before(shell, capsys):
    run(shell, "def triple(x):\n    return 2 * x\n")
    answer = run(shell, "def triple(x:\n    return 3 * x\n")
    with pytest.raises(NotYet, match=r"still the function from before: line 1 is no valid Python") as caught:
        check(TASK, answer)
    assert "2" not in str(caught.value)
    check(TASK, run(shell, "def triple(x):\n    return 3 * x\n"))


def test_after_an_error_above_the_function_too(shell, capsys):
    run(shell, "def triple(x):\n    return 3 * x\n")
    answer = run(shell, "nothing\n\ndef triple(x):\n    return 3 * x\n")
    with pytest.raises(NotYet, match="an error stopped it"):
        check(TASK, answer)


def test_lines_are_counted_in_the_cell(shell):
    answer = run(shell, "import math\n\ndef triple(x):\n    return 4 * x\n")
    with pytest.raises(NotYet, match="line 4, `return 4 \\* x`"):
        check(TASK, answer)


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ('def triple(x):\n    """Words."""\n    raise NotImplementedError("Your code is missing here.")', True),
        ("def triple(x):\n    raise NotImplementedError", True),
        ('def triple(x):\n    """Words."""\n    return 3 * x', False),
        ("def triple(x):\n    y = 3 * x\n    raise NotImplementedError", False),
    ],
)
def test_only_the_untouched_function_is_empty(text, empty):
    assert source.untouched(ast.parse(text), "triple") == empty


@pytest.mark.parametrize(
    "text",
    [
        "from lecture_lib import maps\ndef triple(x):\n    return maps.triple(x)",
        "def triple(x):\n    from lecture_lib.maps import triple as it\n    return it(x)",
        "import lecture_lib.maps as m\ndef triple(x):\n    return m.triple(x)",
        "import lecture_lib\ndef triple(x):\n    return lecture_lib.maps.triple(x)",
    ],
)
def test_the_function_of_the_library_is_seen_however_it_is_called(text):
    assert source.forbidden(ast.parse(text), ["maps.triple"]) == "maps.triple"


@pytest.mark.parametrize(
    "text", ["def triple(x):\n    return 3 * x", "def triple(x):\n    return x.triple(x) + maps.other(x)"]
)
def test_other_functions_are_allowed(text):
    assert source.forbidden(ast.parse(text), ["maps.triple"]) is None


def test_every_function_that_a_task_names_is_in_the_library():
    import importlib
    import pkgutil

    from lecture_lib.checks import tasks

    for module in pkgutil.iter_modules(tasks.__path__):
        for task in importlib.import_module(f"{tasks.__name__}.{module.name}").TASKS:
            for name in task.library:
                owner, function = name.split(".")
                found = getattr(importlib.import_module(f"lecture_lib.{owner}"), function)
                assert isinstance(found, types.FunctionType)


def test_calling_the_library_is_told_kindly(shell):
    answer = run(shell, "from lecture_lib import maps\ndef triple(x):\n    return maps.triple(x)\n")
    with pytest.raises(NotYet, match="this is the task itself, so please write it yourself"):
        check(TASK, answer)


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("def triple(x):\n    x * 3", True),
        ("def triple(x):\n    def inner(y):\n        return y\n    inner(x)", True),
        ("def triple(x):\n    if x:\n        return 3 * x", False),
    ],
)
def test_a_missing_return_is_seen(text, nothing):
    assert source.returns_nothing(ast.parse(text), "triple") == nothing


def test_a_parameter_that_is_never_read():
    tree = ast.parse("def f(a, b, c):\n    b = 2\n    return a + c")
    assert source.never_read(tree, "f", ["images", "target", "layer"]) == "target"
    assert source.never_read(ast.parse("def f(*given):\n    return given"), "f", ["images"]) is None
