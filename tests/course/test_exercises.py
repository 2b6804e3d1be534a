"""Every exercise through nbgrader: right answers get all points, no answers and wrong answers get none.

To start nbgrader or a kernel takes far longer than what an exercise computes. So one process and one kernel do it
all, and the kernel forgets all names before the next notebook. nbval gives each solution a kernel of its own.
"""

import importlib
import os
import shutil
import sys
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbconvert.preprocessors import ExecutePreprocessor
from nbgrader import preprocessors as steps
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.validator import Validator
from traitlets.config.loader import PyFileConfigLoader

ROOT = Path(__file__).resolve().parents[2]
EXERCISES = sorted(text.stem for text in (ROOT / "course" / "exercises").glob("*.py"))

# Submissions that answer every task with a mistake of its catalogue. test_check tries all mistakes of all catalogues.
WRONG = {name: 5 if name.startswith("02") else 1 for name in EXERCISES}

pytestmark = [pytest.mark.grading, pytest.mark.long]


class SameKernel(steps.Execute):
    """Runs notebooks as nbgrader does, but all of them in one kernel."""

    manager: AsyncKernelManager | None = None

    def preprocess(self, notebook, resources):
        """Run a notebook in a kernel without names."""
        notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
        notebook, resources = ExecutePreprocessor.preprocess(self, notebook, resources, km=SameKernel.manager)
        assert not notebook.cells.pop(0).outputs
        return notebook, resources


class Course:
    """A course folder in which nbgrader grades."""

    def __init__(self, root):
        self.root = root
        shutil.copy(ROOT / "nbgrader_config.py", root)
        self.config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
        self.scores = cache(self.grade)

    def run(self, command, exercise, student="*"):
        """Run one of nbgrader's commands here, instead of in a process and a kernel of its own."""
        folders = CourseDirectory(config=self.config)
        folders.assignment_id, folders.student_id = exercise, student
        converter = command(coursedir=folders, config=self.config)
        if command is Autograde:
            usual = converter.autograde_preprocessors
            converter.autograde_preprocessors = [SameKernel if step is steps.Execute else step for step in usual]
        converter.start()

    def grade(self, exercise):
        """Points of all submissions of an exercise: student → grade_id → points."""
        shutil.copytree(ROOT / "solutions" / exercise, self.root / "solutions" / exercise)
        self.run(GenerateAssignment, exercise)
        right, untouched = (read(self.root / kind, exercise) for kind in ("solutions", "exercises"))
        wrong = {f"wrong-{place}": answered(right, mistakes(exercise, place)) for place in range(WRONG[exercise])}
        submissions = {"right": right, "untouched": untouched, **wrong}
        if exercise == EXERCISES[0]:  # what nbgrader does about it is the same in all
            submissions["tests-deleted"] = without_tests(right)
        for student, notebook in submissions.items():
            hand_in(self.root / "grading" / "submitted" / student / exercise / f"{exercise}.ipynb", notebook)
        self.run(Autograde, exercise)
        with Gradebook(self.config.CourseDirectory.db_url) as gradebook:
            found = {name: gradebook.find_submission_notebook(exercise, exercise, name) for name in submissions}
            return {
                student: {grade.name: grade.auto_score for grade in notebook.grades if is_code(grade.cell)}
                for student, notebook in found.items()
            }

    def problems(self, path):
        """First lines of the tests that Validate, the button for students, complains about."""
        validator = Validator(config=self.config)
        validator.preprocessors = [SameKernel if step is steps.Execute else step for step in validator.preprocessors]
        found = validator.validate(str(path))
        assert not found.keys() & {"changed", "type_changed"}
        return {part["source"].split("\n")[0] for part in found.get("failed", [])}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder, and a kernel that everything runs in."""
    with pytest.MonkeyPatch.context() as patch:  # nbgrader calls alembic by its name
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        # The first notebook starts it, with the arguments of nbgrader_config.py.
        SameKernel.manager = AsyncKernelManager(kernel_name="python3")
        yield Course(tmp_path_factory.mktemp("course"))
        run_sync(SameKernel.manager.shutdown_kernel)(now=True)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_right_answers_get_all_points_and_no_and_wrong_answers_none(exercise, course):
    marks = [mark_of(cell) for cell in read(ROOT / "solutions", exercise).cells]
    full = {mark["grade_id"]: mark["points"] for mark in marks if is_test(mark)}
    scores = {name: points for name, points in course.scores(exercise).items() if name != "tests-deleted"}
    assert scores.pop("right") == full
    assert len(scores) == 1 + WRONG[exercise]
    assert list(scores.values()) == len(scores) * [dict.fromkeys(full, 0)]


def test_a_deleted_test_comes_back(course):
    """It may run too late to pass, but its points must not vanish from the total."""
    scores = course.scores(EXERCISES[0])
    assert scores["tests-deleted"].keys() == scores["right"].keys()


def test_feedback_names_every_test(course):
    points = course.scores(EXERCISES[0])["right"]
    course.run(GenerateFeedback, EXERCISES[0], "right")
    folder = course.root / "grading" / "feedback" / "right" / EXERCISES[0]
    page = (folder / f"{EXERCISES[0]}.html").read_text(encoding="utf-8")
    assert all(grade_id in page for grade_id in points)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_validate_shows_students_what_is_missing(exercise, course, tmp_path):
    untouched = read(ROOT / "exercises", exercise)
    hand_in(tmp_path / "untouched.ipynb", untouched)
    tests = {cell.source.split("\n")[0] for cell in untouched.cells if is_test(mark_of(cell))}
    assert course.problems(tmp_path / "untouched.ipynb") >= tests


def test_validate_is_content_with_right_answers(course, tmp_path):
    untouched, solution = (read(ROOT / folder, EXERCISES[0]) for folder in ("exercises", "solutions"))
    answers = {mark_of(c)["grade_id"]: c.source for c in solution.cells if mark_of(c).get("solution")}
    hand_in(tmp_path / "right.ipynb", answered(untouched, answers))
    assert course.problems(tmp_path / "right.ipynb") == set()


@pytest.mark.parametrize("exercise", EXERCISES)
def test_explanations_and_answers_are_in_the_solutions_only(exercise):
    explained = [cell for cell in read(ROOT / "solutions", exercise).cells if "solution" in tags(cell)]
    assert sum(cell.source.startswith("**About the solution.**") for cell in explained) == 5
    assert sum(cell.source.startswith("**How it is marked.**") for cell in explained) == 1
    given_out = read(ROOT / "exercises", exercise).cells
    assert not any("solution" in tags(cell) for cell in given_out)
    assert not {cell.source for cell in explained} & {cell.source for cell in given_out}


def tags(cell):
    return cell.metadata.get("tags", [])


FORMS = {
    "arrays in float64": lambda part: np.asarray(torch.as_tensor(part).detach().double()),
    "float64 with a graph": lambda part: torch.as_tensor(part).detach().double().requires_grad_(),
}


# A student would see a warning of a cell; sockets that other tests have left behind are none.
@pytest.mark.filterwarnings("error", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_cells_run_after_any_tick(exercise, form, monkeypatch, capsys):
    """Whatever form a result has that the check accepts, no cell below it stops."""
    monkeypatch.chdir(ROOT / "solutions" / exercise)
    tasks = {task.name: task for task in importlib.import_module(f"lecture_lib.checks.tasks.{exercise[3:]}").TASKS}
    names, written = {"__name__": "__exercise__"}, {}
    with plt.rc_context({"backend": "agg"}):
        for cell in read(ROOT / "solutions", exercise).cells:
            if is_code(cell) and mark_of(cell).get("solution"):
                own = {**names, **written}  # a solution sees the other solutions as they are written
                exec(cell.source, own)
                written |= {name: own[name] for name in own.keys() & tasks.keys()}
                names |= {name: in_form(written[name], tasks[name], FORMS[form]) for name in written}
            elif is_code(cell):
                exec(cell.source, names)
            plt.close("all")
    assert capsys.readouterr().out.count("✔") == 2 * len(tasks)


def in_form(function, task, form):
    """The function with results in another form; what has to be differentiable, or has a type, stays as it is."""
    typed = task.differentiable or task.results[0].dtype

    def other(*arguments, **keywords):
        returned = function(*arguments, **keywords)
        several = isinstance(returned, (tuple, list))
        return returned if typed else [form(part) for part in returned] if several else form(returned)

    return other


def read(folder, exercise):
    return nbformat.read(folder / exercise / f"{exercise}.ipynb", as_version=4)


def mark_of(cell):
    return cell.metadata.get("nbgrader", {})


def is_test(mark):
    return mark.get("grade") and not mark["solution"]


def is_code(cell):
    return cell.cell_type == "code"


def answered(notebook, answers):
    """The notebook with other sources in cells with answers, by grade_id."""
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        cell.source = answers.get(mark_of(cell).get("grade_id"), cell.source)
    return notebook


def mistakes(exercise, place):
    """Answers to all tasks: the mistake at this place of each catalogue."""
    module = f"lecture_lib.checks.tasks.{exercise[3:]}"
    return {
        task.name.replace("_", "-"): f"import {module} as them\n{task.name} = them.TASKS[{k}].mistakes[{place}].wrong"
        for k, task in enumerate(importlib.import_module(module).TASKS)
    }


def without_tests(notebook):
    return nbformat.from_dict({**notebook, "cells": [c for c in notebook.cells if not is_test(mark_of(c))]})


def hand_in(path, notebook):
    """Write a notebook without the cells that only draw a picture: they are worth no points, and nbval runs them."""
    kept = [cell for cell in notebook.cells if "expected:" not in " ".join(cell.metadata.get("tags", []))]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.from_dict({**notebook, "cells": kept}), path)
