"""Every exercise through nbgrader: right answers get all points, no answers get none."""

import importlib
from pathlib import Path

import pytest

EXERCISES = sorted(text.stem for text in (Path(__file__).parent.parent / "course" / "exercises").glob("*.py"))

pytestmark = pytest.mark.grading


@pytest.mark.parametrize("exercise", EXERCISES)
def test_right_answers_get_all_points_and_no_answers_none(exercise, course):
    course = course(exercise)
    points = course.points()
    without_tests = course.solution()
    without_tests.cells = [c for c in without_tests.cells if not c.metadata.get("nbgrader", {}).get("grade")]
    scores = course.grade(
        {"right": course.solution(), "untouched": course.untouched(), "tests-deleted": without_tests}
    )
    assert points
    assert scores["right"] == points
    assert scores["untouched"] == dict.fromkeys(points, 0)
    # A deleted test comes back. It may run too late to pass, but its points must not vanish from the total.
    assert scores["tests-deleted"].keys() == points.keys()
    assert all(grade_id in course.feedback("right") for grade_id in points)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_five_wrong_answers_to_every_task_get_no_points(exercise, course):
    """Each submission answers every task with another mistake from its catalogue."""
    course = course(exercise)
    module = f"lecture_lib.tasks.{exercise.split('_', 1)[1]}"
    tasks = importlib.import_module(module).TASKS
    submissions = {
        f"wrong-{place}": course.solution(
            {
                task.name.replace("_", "-"): f"import {module} as catalogue\n"
                f"{task.name} = catalogue.TASKS[{number}].mistakes[{place}].wrong"
                for number, task in enumerate(tasks)
            }
        )
        for place in range(5)
    }
    nothing = dict.fromkeys(course.points(), 0)
    assert set(nothing) == {f"{task.name.replace('_', '-')}-test" for task in tasks}
    assert course.grade(submissions) == dict.fromkeys(submissions, nothing)
