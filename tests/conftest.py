"""A course folder in which nbgrader grades."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tools import build

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Course:
    """A temporary course folder with one exercise, whose submissions nbgrader grades."""

    root: Path
    exercise: str

    def solution(self, answers: dict[str, str] | None = None) -> NotebookNode:
        """The instructor's notebook, with other answers in the cells of these grade_ids."""
        notebook = self._read("solutions")
        cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
        for grade_id, source in (answers or {}).items():
            cells[grade_id].source = source
        return notebook

    def untouched(self) -> NotebookNode:
        """What a student gets."""
        return self._read("exercises")

    def points(self) -> dict[str, float]:
        """Points of every cell that is graded without a human, by grade_id."""
        marks = [cell.metadata.get("nbgrader", {}) for cell in self.solution().cells]
        return {mark["grade_id"]: mark["points"] for mark in marks if mark.get("grade") and not mark["solution"]}

    def grade(self, submissions: dict[str, NotebookNode]) -> dict[str, dict[str, float]]:
        """Grade one notebook per (invented) student in one run of nbgrader: name → grade_id → points.

        Only cells that are graded without a human are in the result. Cells that draw the expected pictures are left
        out: they are worth no points, and nbval runs them all.
        """
        from nbgrader.api import Gradebook

        for student, notebook in submissions.items():
            folder = self.root / "grading" / "submitted" / student / self.exercise
            shutil.copytree(self.root / "exercises" / self.exercise, folder)
            tags = [" ".join(cell.metadata.get("tags", [])) for cell in notebook.cells]
            kept = [cell for cell, tag in zip(notebook.cells, tags, strict=True) if "expected:" not in tag]
            nbformat.write(nbformat.from_dict({**notebook, "cells": kept}), folder / f"{self.exercise}.ipynb")
        build.nbgrader("autograde", self.exercise, root=self.root)
        with Gradebook(f"sqlite:///{self.root}/grading/gradebook.db") as gradebook:
            return {student: self._scores(gradebook, student) for student in submissions}

    def feedback(self, student: str) -> str:
        """Make the feedback for everybody who was graded; return that student's HTML page."""
        build.nbgrader("generate_feedback", self.exercise, root=self.root)
        folder = self.root / "grading" / "feedback" / student / self.exercise
        return (folder / f"{self.exercise}.html").read_text(encoding="utf-8")

    def _scores(self, gradebook, student: str) -> dict[str, float]:
        notebook = gradebook.find_submission_notebook(self.exercise, self.exercise, student)
        scores = {grade.name: grade.auto_score for grade in notebook.grades}
        return {grade_id: scores[grade_id] for grade_id in self.points()}

    def _read(self, kind: str) -> NotebookNode:
        return nbformat.read(self.root / kind / self.exercise / f"{self.exercise}.ipynb", as_version=4)


@pytest.fixture
def course(tmp_path: Path) -> Callable[[str], Course]:
    """Make a Course for an exercise of this repository."""

    def make(exercise: str) -> Course:
        shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
        shutil.copytree(ROOT / "solutions" / exercise, tmp_path / "solutions" / exercise)
        build.nbgrader("generate_assignment", exercise, root=tmp_path)
        return Course(tmp_path, exercise)

    return make
