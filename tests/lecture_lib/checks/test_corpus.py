"""Answers that people wrote who had seen neither checks nor catalogues: four right and ten wrong ones for every task.

The visible check and the hidden test have to agree on every answer, and on random edits of the right ones.
"""

import ast
import contextlib
import importlib
import io
import linecache
import random
import time
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from lecture_lib.checks import judge, source
from lecture_lib.checks.edits import edits
from lecture_lib.checks.mistakes import TooLong, time_limit
from lecture_lib.checks.task import NotYet

COURSE = Path(__file__).parents[3] / "course" / "exercises"
NUMBERS = [path.stem[:2] for path in sorted(COURSE.glob("*.py"))]
VISIBLE, HIDDEN = 0, 41
FILES = count()
MUTANTS = 2  # of every right answer


@cache
def corpus(number):
    """Right and wrong answers, the tasks by name, and what the exercise imports."""
    answers = importlib.import_module(f"tests.lecture_lib.checks.corpus.exercise_{number}")
    tree = ast.parse(next(COURSE.glob(f"{number}_*.py")).read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {}
    exec(compile(ast.Module(imports, []), "<imports>", "exec"), names)
    tasks = {task.name: task for task in names["tasks"].TASKS}
    for name, sources in answers.RIGHT.items():  # earlier tasks, which later ones may use
        names[name] = written(sources[0], name, names)
    return answers, tasks, names


def written(text, name, names):
    """The function of a cell with this text, which can be looked up as in a notebook."""
    file = f"<answer {next(FILES)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space = dict(names)
    exec(compile(text, file, "exec"), space)
    return space[name]


def told(task, answer, seed):
    """What the check says; None for a tick."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
            judge.check(task, answer, seed=seed)
    except NotYet as not_yet:
        return str(not_yet)
    finally:
        assert not said.getvalue(), "nbgrader gives no points to a cell that writes to stderr"
    return None


@pytest.mark.parametrize("number", NUMBERS)
def test_there_are_four_right_and_ten_wrong_answers_to_every_task(number):
    answers, tasks, _ = corpus(number)
    assert answers.RIGHT.keys() == answers.WRONG.keys() == tasks.keys()
    assert {len(sources) for sources in answers.RIGHT.values()} == {4}
    assert {len(sources) for sources in answers.WRONG.values()} == {10}


@pytest.mark.parametrize("number", NUMBERS)
def test_right_answers_pass_and_wrong_ones_do_not_in_the_notebook_and_in_grading(number, monkeypatch):
    monkeypatch.setattr(judge, "SECONDS", 0)  # no search for the mistake
    answers, tasks, names = corpus(number)
    verdicts = [
        (name, text, expected, told(tasks[name], written(text, name, names), seed) is None)
        for name in tasks
        for expected, sources in ((True, answers.RIGHT[name]), (False, [text for text, _ in answers.WRONG[name]]))
        for text in sources
        for seed in (VISIBLE, HIDDEN)
    ]
    assert [(name, text) for name, text, expected, passes in verdicts if expected != passes] == []


@pytest.mark.parametrize("number", NUMBERS)
def test_notebook_and_grading_agree_on_random_edits_of_right_answers(number, monkeypatch):
    monkeypatch.setattr(judge, "SECONDS", 0)
    answers, tasks, names = corpus(number)
    chance, split = random.Random(0), []
    for name, task in tasks.items():
        for text in answers.RIGHT[name]:
            found = source.written(written(text, name, names), name)
            for edit in chance.sample(edits(found.tree), MUTANTS):
                with edit.made():
                    verdicts = {passes(task, found, seed) for seed in (VISIBLE, HIDDEN)}
                    if len(verdicts) > 1:
                        split.append(ast.unparse(found.tree))
    assert split == []


def passes(task, found, seed):
    """Whether the edited program passes; one that is no program, or does not end, does not."""
    try:
        with time_limit(time.monotonic() + 2):
            variant = found.variant(found.tree)
            return variant is not None and told(task, variant, seed) is None
    except (SyntaxError, ValueError, NameError, TypeError, TooLong):
        return False


@pytest.mark.long
@pytest.mark.parametrize("number", NUMBERS)
def test_nearly_every_mistake_is_named_in_two_seconds(number):
    answers, tasks, names = corpus(number)
    messages, times = [], []
    for name, task in tasks.items():
        for text, _ in answers.WRONG[name]:
            began = time.monotonic()
            messages.append(told(task, written(text, name, names), VISIBLE))
            times.append(time.monotonic() - began)
    named = [message for message in messages if "The numbers differ." not in message]
    assert len(named) >= 0.88 * len(messages)
    assert max(times) < 2.5, "two seconds, and some for a busy machine"
