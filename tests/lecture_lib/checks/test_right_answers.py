"""Right answers pass, however they are written: in the notebook's checks, in the hidden tests, and by the grader.

The answers lie in right_answers/, one module an exercise, several for every task.
"""

import ast
import copy
import importlib
import inspect
import linecache
import os
import socket
import sys
import textwrap
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from grader import inside
from grader.allowance import Allowance
from grader.judge import Judge
from grader.names import bound, mark, needed
from lecture_lib.checks.judge import check

SOLUTIONS = Path(__file__).parents[3] / "solutions"
EXERCISES = sorted(path.stem for path in SOLUTIONS.glob("*/*.ipynb"))
TASKS = {
    (exercise, task.name): task
    for exercise in EXERCISES
    for task in importlib.import_module(f"lecture_lib.checks.tasks.{exercise[3:]}").TASKS
}
ANSWERS = {
    (exercise, name): answers
    for exercise in EXERCISES
    for name, answers in importlib.import_module(
        f"tests.lecture_lib.checks.right_answers.{exercise[3:]}"
    ).ANSWERS.items()
}
EVERY_ANSWER = [
    pytest.param(exercise, name, answer, id=f"{exercise[:2]}-{answer.__name__}")
    for (exercise, name), answers in ANSWERS.items()
    for answer in answers
]


def test_every_task_has_at_least_three_answers():
    assert ANSWERS.keys() == TASKS.keys()
    assert min(map(len, ANSWERS.values())) >= 3


@pytest.mark.parametrize(("exercise", "name"), TASKS)
def test_they_are_written_differently(exercise, name):
    """As trees of Python's grammar, whatever the variables are called; the given solution is one of them."""
    answers = [ast.parse(textwrap.dedent(inspect.getsource(answer))).body[0] for answer in ANSWERS[exercise, name]]
    given = next(
        node
        for cell in cells_of(exercise)
        if mark(cell).get("solution") and cell.cell_type == "code" and name in bound(cell.source)
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    assert len({shape(function) for function in [given, *answers]}) == len(answers) + 1


def shape(function):
    """The body of a function without its docstring, and without the names of variables."""
    statements = [part for part in function.body if not isinstance(getattr(part, "value", None), ast.Constant)]
    nodes = [node for statement in statements for node in ast.walk(statement)]
    for node in nodes:
        for field in ("id", "arg"):
            if hasattr(node, field):
                setattr(node, field, "x")
    return "\n".join(map(ast.dump, statements))


@pytest.mark.parametrize(("exercise", "name", "answer"), EVERY_ANSWER)
def test_they_pass_the_check_without_running_the_reference(exercise, name, answer, capsys):
    task = TASKS[exercise, name]
    ran = set()

    def watched(*arguments):
        sys.setprofile(lambda frame, event, _: ran.add(frame.f_code))
        try:
            return answer(*arguments)
        finally:
            sys.setprofile(None)

    check(task, watched)
    assert answer.__code__ in ran
    assert task.reference.__code__ not in ran
    for seed in range(1, 5):
        check(task, answer, seed=seed)
    assert capsys.readouterr() == (5 * f"✔ {name} is right.\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the grader runs on Linux and macOS")
@pytest.mark.parametrize(("exercise", "name", "answer"), EVERY_ANSWER)
def test_they_pass_all_tests_as_the_grader_runs_them(exercise, name, answer, prepared):
    """Visible and hidden ones, at one end of a socket; the answer runs at its other end, in a process of its own."""
    judge, solutions = prepared(exercise)
    test = next(cell for cell in judge.cells if mark(cell).get("grade_id") == f"{name.replace('_', '-')}-test")
    alone, graded = copy.copy(judge), nbformat.from_dict(test)
    alone.cells = [cell for cell in judge.cells if cell is test or cell in judge.per_submission]
    children = []
    connect = lambda: another_process({**solutions, name: answer}, children)  # noqa: E731
    alone.grade([graded], connect, lambda: Allowance(time.monotonic, 60))
    for child in children:
        os.waitpid(child, 0)
    assert [output.traceback for output in graded.outputs if output.output_type == "error"] == []


def another_process(names, children):
    """A connection to a process that has these names, and answers as the kernel of a submission does."""
    ours, theirs = socket.socketpair()
    if child := os.fork():
        children.append(child)
        theirs.close()
        return ours
    try:
        ours.close()
        sys.modules["__main__"] = SimpleNamespace(**names)
        inside._answer(theirs)
    finally:  # with an error, when the other side hangs up
        os._exit(0)


@pytest.fixture(scope="module")
def prepared():
    """From an exercise to its tests, and to what its solution defines; made once, for all answers."""

    @cache
    def prepare(exercise):
        code = [cell for cell in cells_of(exercise) if cell.cell_type == "code"]
        solutions = [cell for cell in code if mark(cell).get("solution")]
        namespace = {}
        for cell in code:
            if cell in solutions or cell in needed(code, solutions):
                exec(cell.source, namespace)
        return Judge(code), namespace

    return prepare


def cells_of(exercise):
    return nbformat.read(SOLUTIONS / exercise / f"{exercise}.ipynb", as_version=4).cells


def test_the_grader_names_a_mistake_in_the_students_own_text(prepared):
    """It looks for it in the student's process, as the notebook does; there, an endless loop costs half a second."""
    text = (
        "def max_abs_map(attribution):\n"
        "    largest = attribution.abs().amax(dim=1)\n"
        "    while largest is None:\n"
        "        pass\n"
        "    return largest + 1\n"
    )
    judge, solutions = prepared("02_vanilla_saliency")
    test = next(cell for cell in judge.cells if mark(cell).get("grade_id") == "max-abs-map-test")
    alone, graded, children = copy.copy(judge), nbformat.from_dict(test), []
    alone.cells = [test]
    linecache.cache["<the student's cell>"] = (
        len(text),
        None,
        text.splitlines(keepends=True),
        "<the student's cell>",
    )
    namespace = dict(solutions)
    exec(compile(text, "<the student's cell>", "exec"), namespace)
    began = time.monotonic()
    alone.grade([graded], lambda: another_process(namespace, children), lambda: Allowance(time.monotonic, 60))
    assert time.monotonic() - began < 10
    for child in children:
        os.waitpid(child, 0)
    (error,) = (output for output in graded.outputs if output.output_type == "error")
    assert "line 5" in error.evalue
