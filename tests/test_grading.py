"""Every exercise through nbgrader: right answers get all points, no answers and wrong answers get none."""

import importlib
from pathlib import Path

import pytest

EXERCISES = sorted(text.stem for text in (Path(__file__).parent.parent / "course" / "exercises").glob("*.py"))
# nbgrader does the same for every exercise, so five wrong submissions to one of them show it, and one does for the
# others. That each mistake of each task fails its check is tested without nbgrader, in test_check.py.
WRONG_SUBMISSIONS = {"02_vanilla_saliency": 5}

pytestmark = pytest.mark.grading


@pytest.mark.parametrize("exercise", EXERCISES)
def test_right_answers_get_all_points_and_no_and_wrong_answers_none(exercise, course):
    course = course(exercise)
    points = course.points()
    nothing = dict.fromkeys(points, 0)
    without_tests = course.solution()
    without_tests.cells = [c for c in without_tests.cells if not c.metadata.get("nbgrader", {}).get("grade")]
    wrong = {f"wrong-{place}": wrong_answers(course, place) for place in range(WRONG_SUBMISSIONS.get(exercise, 1))}
    scores = course.grade(
        {"right": course.solution(), "untouched": course.untouched(), "tests-deleted": without_tests, **wrong}
    )
    assert points
    assert scores["right"] == points
    assert scores["untouched"] == nothing
    assert {name: scores[name] for name in wrong} == dict.fromkeys(wrong, nothing)
    # A deleted test comes back. It may run too late to pass, but its points must not vanish from the total.
    assert scores["tests-deleted"].keys() == points.keys()
    assert all(grade_id in course.feedback("right") for grade_id in points)


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
