"""Tell the gradebook what an exercise consists of, and what students got of it."""

import copy
import time
from pathlib import Path

import nbformat
import sqlalchemy.exc
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import GenerateAssignment, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, ClearSolutions

from grader import batch
from grader.names import is_test, mark


class Changed(Exception):  # noqa: N818 - nothing went wrong
    """An exercise has lost or got tests since it was first graded."""


def blank(source: NotebookNode, course: Path) -> NotebookNode:
    """The notebook that students got: without answers and hidden tests."""
    notebook = copy.deepcopy(source)
    config = batch.configuration(course, course, "")
    for step in (ClearSolutions, ClearHiddenTests, ClearMarkScheme):
        notebook, _ = step(config=config).preprocess(notebook, {})
    return notebook


def register(course: Path, output: Path, database: str, exercises: list[str]) -> None:
    """Enter exercises, with their tests and points, into the gradebook, unless they are there.

    Parameters
    ----------
    course, output : Path
        The folder with solutions/ and nbgrader_config.py; where results go.
    database : str
        The gradebook's address.
    exercises : list of str
        Their names.

    Raises
    ------
    Changed
        If the gradebook has marks for other tests of one of them.
    """
    for attempt in range(batch.ATTEMPTS):
        try:
            with Gradebook(database):  # makes the tables
                pass
            for exercise in exercises:
                if not _is_registered(course, database, exercise):
                    _generate(course, output, database, exercise)
            return
        except (sqlalchemy.exc.SQLAlchemyError, batch.BatchError):  # another grader was faster
            if attempt == batch.ATTEMPTS - 1:
                raise
            time.sleep(0.5 * 3**attempt)


def _is_registered(course: Path, database: str, exercise: str) -> bool:
    """Whether the gradebook has the same tests with the same points."""
    source = nbformat.read(course / "solutions" / exercise / f"{exercise}.ipynb", as_version=4)
    wanted = {mark(cell)["grade_id"]: cell.source for cell in source.cells if is_test(cell)}
    points = {mark(cell)["grade_id"]: float(mark(cell)["points"]) for cell in source.cells if mark(cell).get("grade")}
    with Gradebook(database) as gradebook:
        try:
            notebook = gradebook.find_notebook(exercise, exercise)
        except MissingEntry:
            return False
        sources = {cell.name: cell.source for cell in notebook.source_cells if cell.name in wanted}
        return sources == wanted and {cell.name: cell.max_score for cell in notebook.grade_cells} == points


def _generate(course: Path, output: Path, database: str, exercise: str) -> None:
    config = batch.configuration(course, output, database)
    config.CourseDirectory.release_directory = str(output / "registered")
    folders = CourseDirectory(config=config)
    folders.assignment_id = exercise
    converter = GenerateAssignment(coursedir=folders, config=config)
    converter.force = True
    try:
        converter.start()
    except NbGraderException:
        if _is_registered(course, database, exercise):  # another grader was faster
            return
        with Gradebook(database) as gradebook:
            if gradebook.assignment_submissions(exercise):
                message = f"{exercise} has other tests than those in the gradebook, which has marks for them."
                raise Changed(message) from None
        raise batch.BatchError(f"nbgrader cannot enter {exercise} into the gradebook") from None
