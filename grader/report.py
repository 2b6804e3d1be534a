"""What an instructor gets: a table of scores, a table of tasks, and a page about what went wrong."""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook

from grader.collect import Found


@dataclass(frozen=True)
class Summary:
    """What is printed at the end."""

    graded: int
    fresh: int
    not_graded: int
    seconds: float
    beyond: float  # mean seconds of a fresh submission that its own cells and tests did not take
    grader_memory: float  # largest, in MB
    kernel_memory: float
    output: Path

    def __str__(self) -> str:
        """A few lines."""
        lines = [f"{self.graded} graded ({self.fresh} of them now), {self.not_graded} could not be graded"]
        if self.fresh:
            speed = 60 * self.fresh / self.seconds
            lines += [
                f"{self.seconds:.0f} s: {speed:.0f} a minute, {self.beyond:.1f} s each beyond their own cells",
                f"largest grading process: {self.grader_memory:.0f} MB; submission: {self.kernel_memory:.0f} MB",
            ]
        return "\n".join([*lines, f"See {self.output}/report.md, scores.csv, tasks.csv and feedback/"])


def identifier(student: str) -> str:
    """A student's name as nbgrader and file systems take it.

    Parameters
    ----------
    student : str
        As found; "anna lena" becomes "anna_lena".
    """
    return re.sub(r"[^\w.-]+", "_", student).strip("._") or "unnamed"


def write(
    output: Path,
    database: str,
    jobs: list[dict[str, Any]],
    results: list[dict[str, Any]],
    notes: Mapping[tuple[str, str], list[str]],
    failed: Iterable[Found],
    seconds: float,
    busy: float,
) -> Summary:
    """Write scores.csv, tasks.csv and report.md.

    Parameters
    ----------
    output : Path
        Where to.
    database : str
        The gradebook's address.
    jobs, results : list of dict
        What was to be graded, and what came out.
    notes : mapping
        What was put right, by exercise and student.
    failed : iterable of Found
        What could not even be read.
    seconds, busy : float
        How long it took, and how long all processes worked on it.
    """
    problems = {
        (job["exercise"], job["student"]): result["problem"]
        for job, result in zip(jobs, results, strict=True)
        if "problem" in result
    }
    scores, tasks = _scores(database, problems)
    _table(output / "scores.csv", ["student", "exercise", "points", "of", "to_mark_by_hand"], scores)
    _table(output / "tasks.csv", ["student", "exercise", "task", "points", "of"], tasks)
    unread = sorted((found.student, found.name, found.problem) for found in failed)
    _page(output / "report.md", scores, problems, unread, notes)
    fresh = [result for result in results if result.get("fresh")]
    own = sum(result["own"] for result in fresh)
    return Summary(
        graded=len(jobs) - len(problems),
        fresh=len(fresh),
        not_graded=len(problems) + len(unread),
        seconds=seconds,
        beyond=(busy - own) / max(1, len(fresh)),
        grader_memory=max((result["grader"] for result in fresh), default=0),
        kernel_memory=max((result["kernel"] for result in fresh), default=0),
        output=output,
    )


def _scores(database: str, problems: Mapping[tuple[str, str], str]) -> tuple[list[list[Any]], list[list[Any]]]:
    """Rows of both tables, from the gradebook: what other graders entered, and marks by hand, are in it."""
    scores, tasks = [], []
    with Gradebook(database) as gradebook:
        for exercise in gradebook.assignments:
            for submission in exercise.submissions:
                if (exercise.name, submission.student.id) in problems:
                    continue
                grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
                by_hand = sum(grade.needs_manual_grade for grade in grades)
                row = [submission.student.id, exercise.name]
                scores.append([*row, _number(submission.score), _number(submission.max_score), by_hand])
                tasks += [[*row, g.name, _number(g.score), _number(g.max_score)] for g in grades]
    return sorted(scores), sorted(tasks)


def _number(points: float | None) -> str:
    return f"{points or 0:g}"


def _table(path: Path, head: list[str], rows: list[list[Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])


def _page(
    path: Path,
    scores: list[list[Any]],
    problems: Mapping[tuple[str, str], str],
    unread: list[tuple[str, str, str]],
    notes: Mapping[tuple[str, str], list[str]],
) -> None:
    lines = ["# Grading report", "", "## Exercises", ""]
    for exercise in sorted({row[1] for row in scores}):
        rows = [row for row in scores if row[1] == exercise]
        mean = sum(float(row[2]) for row in rows) / len(rows)
        waiting = sum(row[4] > 0 for row in rows)
        lines.append(
            f"- {exercise}: {len(rows)} submissions, {mean:.1f} of {rows[0][3]} points in the mean; "
            f"{waiting} with answers to mark by hand"
        )
    lines += ["", "## Not graded", ""]
    lines += [f"- {student}: {_plain(name)}: {reason}" for student, name, reason in unread]
    lines += [
        f"- {student}: {exercise}: {_plain(problem)}" for (exercise, student), problem in sorted(problems.items())
    ]
    lines += ["", "## Put right before grading", ""]
    lines += [
        f"- {student}: {exercise}: {_plain(n)}" for (exercise, student), ns in sorted(notes.items()) for n in ns
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plain(text: str) -> str:
    """Text from outside, on one line and without markup."""
    return re.sub(r"[\x00-\x1f<>`\[\]]+", " ", text)[:300]
