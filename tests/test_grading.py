"""Every exercise through nbgrader: right answers get all points, no answers and wrong answers get none."""

import importlib
from pathlib import Path

import pytest

EXERCISES = sorted(text.stem for text in (Path(__file__).parent.parent / "course" / "exercises").glob("*.py"))
# nbgrader does the same for every exercise, so one of them gets five wrong submissions and one without tests, and the
# others one. That each mistake of each task fails its check is tested without nbgrader, in test_check.py.
THOROUGHLY = "02_vanilla_saliency"

pytestmark = pytest.mark.grading


@pytest.mark.parametrize("exercise", EXERCISES)
def test_right_answers_get_all_points_and_no_and_wrong_answers_none(exercise, course):
    course = course(exercise)
    points = course.points()
    wrong = {f"wrong-{place}": wrong_answers(course, place) for place in range(5 if exercise == THOROUGHLY else 1)}
    submissions = {"right": course.solution(), "untouched": course.untouched(), **wrong}
    if exercise == THOROUGHLY:
        submissions["tests-deleted"] = without_tests(course.solution())
    scores = course.grade(submissions)
    assert points
    assert scores["right"] == points
    assert {name: scores[name] for name in ("untouched", *wrong)} == dict.fromkeys(
        ("untouched", *wrong), dict.fromkeys(points, 0)
    )
    # A deleted test comes back. It may run too late to pass, but its points must not vanish from the total.
    assert all(score.keys() == points.keys() for score in scores.values())
    assert all(grade_id in course.feedback("right") for grade_id in points)


def without_tests(notebook):
    """A submission whose test cells were deleted."""
    notebook.cells = [cell for cell in notebook.cells if not cell.metadata.get("nbgrader", {}).get("grade")]
    return notebook


def wrong_answers(course, place):
    """A submission that answers every task with the mistake at this place of the task's catalogue."""
    module = f"lecture_lib.tasks.{course.exercise.split('_', 1)[1]}"
    tasks = importlib.import_module(module).TASKS
    cells = {task.name.replace("_", "-"): task.name for task in tasks}
    assert {f"{grade_id}-test" for grade_id in cells} == set(course.points())
    return course.solution(
        {
            grade_id: f"import {module} as catalogue\n{name} = catalogue.TASKS[{number}].mistakes[{place}].wrong"
            for number, (grade_id, name) in enumerate(cells.items())
        }
    )
