"""A process that grades one submission after another, as `run` asks for.

nbgrader does all but the running of cells: it checks the cells, keeps the marks in the gradebook, and writes the
feedback. Its own preprocessor, which would run tests and answers in one kernel, is replaced.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import jinja2
import nbformat
import sqlalchemy.exc
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from nbgrader import preprocessors as steps
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, BaseConverter, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearHiddenTests, GetGrades
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from grader import sandbox
from grader.judge import HIDDEN, Judge
from grader.names import is_test, mark, needed
from grader.student import StudentKernel

OWN_MEMORY = 6 * 2**30  # bytes for this process, whatever comes out of the sandbox
ATTEMPTS = 4  # when another grader writes to the same gradebook
HIDDEN_FAILURE = "A further test, with other inputs, fails."


class Batch:
    """What one process needs for all its submissions.

    Parameters
    ----------
    settings : dict
        ``course`` folder, ``sandboxed``, ``seconds``, ``memory`` and ``pictures``.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.course = Path(settings["course"])
        self.temporary = tempfile.TemporaryDirectory()
        self.judges: dict[str, Judge] = {}
        self.own, self.peak = 0.0, 0.0  # of the present submission: seconds of its cells and tests, MB of memory

    def grade(self, job: dict[str, Any]) -> dict[str, Any]:
        """Grade a submission unless that has been done; return what is noted about it.

        Parameters
        ----------
        job : dict
            ``exercise``, ``student``, ``output`` folder, ``database``, the ``notebook``, what nbgrader's ``exchange``
            lays beside it, and the ``digest`` of all that the marks depend on.
        """
        with self._claim(job) as state:
            done = json.loads(state.read_text()) if state.exists() else {}
            points, marks = (
                self._attempt(lambda: self._marks(job)) if done.get("digest") == job["digest"] else ({}, "")
            )
            if points and marks == done["marks"]:
                return {**done, "points": points, "fresh": False}
            self.own, self.peak = 0.0, 0.0
            if not points:
                self._write_submission(job)
                self._attempt(lambda: self._autograde(job))
                points, marks = self._attempt(lambda: self._marks(job))
            self._attempt(lambda: self._feedback(job))
            done = {"digest": job["digest"], "marks": marks}
            _replace(state, json.dumps(done))
            return {
                **done,
                "points": points,
                "fresh": True,
                "own": self.own,
                "kernel": self.peak,
                "grader": _memory(),
            }

    def _write_submission(self, job: dict[str, Any]) -> None:
        folder = Path(job["output"]) / "submitted" / job["student"] / job["exercise"]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, text in {f"{job['exercise']}.ipynb": json.dumps(job["notebook"]), **job["exchange"]}.items():
            _replace(folder / name, text)

    def _autograde(self, job: dict[str, Any]) -> None:
        """Let nbgrader grade."""
        converter = Autograde(coursedir=self._folders(job), config=self._config(job))
        converter.force = True
        converter.autograde_preprocessors = [
            lambda notebook, resources: (self._run(notebook, job["exercise"]), resources),
            steps.LimitOutput,
            steps.SaveAutoGrades,
            steps.AssignLatePenalties,
            steps.CheckCellMetadata,
        ]
        self._start(converter)

    def _run(self, notebook: NotebookNode, exercise: str) -> NotebookNode:
        """Fill in all outputs: the student's cells in their kernel, then the tests in this process."""
        source = self.course / "solutions" / exercise / f"{exercise}.ipynb"
        if exercise not in self.judges:
            ours = nbformat.read(source, as_version=4)
            self.judges[exercise] = Judge([cell for cell in ours.cells if cell.cell_type == "code"])
        kernels = Path(self.temporary.name, exercise)
        sandbox.write_kernel(
            kernels,
            sandboxed=self.settings["sandboxed"],
            files=source.parent,
            memory=self.settings["memory"],
            seconds=self.settings["seconds"],
        )
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        judge = self.judges[exercise]
        with StudentKernel(notebook, kernels, self.settings["seconds"], judge.tested) as kernel:
            kernel.run(self._cells(code, exercise))
            connect, began = kernel.serve(), time.monotonic()
            judge.grade(filter(is_test, code), connect, kernel.allow)
            self.own = kernel.used + time.monotonic() - began
        self.peak = kernel.peak
        return notebook

    def _cells(self, code: list[NotebookNode], exercise: str) -> list[NotebookNode]:
        """The student's cells, of ours those that they need (no pictures), and the tests, to mark their places."""
        ours = {cell.source for cell in self.judges[exercise].cells if not mark(cell)}
        theirs = [
            cell for cell in code if mark(cell).get("solution") or (cell.source not in ours and not is_test(cell))
        ]
        wanted = code if self.settings["pictures"] else [*theirs, *needed(code, theirs)]
        return [cell for cell in code if cell in wanted or is_test(cell)]

    def _feedback(self, job: dict[str, Any]) -> None:
        """Write the student's page."""
        converter = _Feedback(coursedir=self._folders(job), config=self._config(job))
        converter.force = True
        self._start(converter)

    def _start(self, converter: BaseConverter) -> None:
        """Run a step of nbgrader's, which logs what went wrong and raises an exception that does not say it."""
        try:
            converter.start()
        except NbGraderException:
            raise BatchError("nbgrader stopped; grading-*.log says why") from None

    def _marks(self, job: dict[str, Any]) -> tuple[dict[str, list[float]], str]:
        """Points and maximum of every test, and a digest of all marks and comments, also those made by hand."""
        try:
            with Gradebook(job["database"]) as gradebook:
                notebook = gradebook.find_submission_notebook(job["exercise"], job["exercise"], job["student"])
                points = {g.name: [g.auto_score, g.max_score] for g in notebook.grades if g.auto_score is not None}
                marks = sorted(f"{g.name} {g.auto_score} {g.manual_score} {g.extra_credit}" for g in notebook.grades)
                comments = sorted(f"{c.name} {c.auto_comment} {c.manual_comment}" for c in notebook.comments)
        except MissingEntry:
            return {}, ""
        return points, hashlib.sha256("\n".join(marks + comments).encode()).hexdigest()

    def _folders(self, job: dict[str, Any]) -> CourseDirectory:
        folders = CourseDirectory(config=self._config(job))
        folders.assignment_id, folders.student_id = job["exercise"], job["student"]
        return folders

    def _config(self, job: dict[str, Any]) -> Config:
        return configuration(self.course, Path(job["output"]), job["database"])

    @contextlib.contextmanager
    def _claim(self, job: dict[str, Any]) -> Iterator[Path]:
        """The file that says what was done; no other process works on this submission meanwhile."""
        folder = Path(job["output"]) / "state" / job["exercise"]
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"{job['student']}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder / f"{job['student']}.json"

    def _attempt(self, action: Callable[[], Any]) -> Any:
        """Do something with the gradebook; again, if another grader was writing the same lines."""
        for attempt in range(ATTEMPTS):
            try:
                return action()
            except (sqlalchemy.exc.SQLAlchemyError, BatchError):
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(0.2 * 3**attempt)
        raise AssertionError


class BatchError(Exception):
    """nbgrader could not grade a submission."""


class _HideTests(ClearHiddenTests):  # type: ignore[misc]
    """Takes the hidden tests, and what they print, out of a student's page."""

    def preprocess_cell(self, cell: NotebookNode, resources: Any, cell_index: int) -> tuple[NotebookNode, Any]:
        """Clear one cell, if it is a test: a student's cell may hold anything."""
        if not is_test(cell):
            return cell, resources
        for output in cell.get("outputs", []):
            if output.output_type == "error" and output.ename.endswith(HIDDEN):
                shown = [line for line in output.traceback if line.startswith("Not yet. ")]
                output.update(ename="Hidden test", evalue="", traceback=[HIDDEN_FAILURE, *shown])
        return super().preprocess_cell(cell, resources, cell_index)


class _Page(HTMLExporter):
    """Remembers the compiled templates, which nbgrader would compile for every page."""

    compiled = jinja2.FileSystemBytecodeCache()

    def _create_environment(self) -> jinja2.Environment:
        environment = super()._create_environment()
        environment.bytecode_cache = self.compiled
        return environment


class _Feedback(GenerateFeedback):  # type: ignore[misc]
    """nbgrader's page for a student, without hidden tests and without scripts."""

    exporter_class = _Page
    preprocessors = [_HideTests, GetGrades, *GenerateFeedback.preprocessors.default_args[0][1:]]  # noqa: RUF012


def configuration(course: Path, output: Path, database: str) -> Config:
    """The course's nbgrader_config.py, with the folders of this run."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.db_url = database
    for step in ("submitted", "autograded", "feedback"):
        config.CourseDirectory[f"{step}_directory"] = str(output / step)
    config.HTMLExporter.sanitize_html = True
    return config


def _replace(path: Path, text: str) -> None:
    """Write a file in one step: whoever is killed leaves the old one or the new one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _memory() -> float:
    """Largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def work(settings: dict[str, Any], log: Path, connection: Connection) -> None:
    """Grade what is asked for until nobody asks any more.

    Parameters
    ----------
    settings : dict
        For `Batch`.
    log : Path
        For what is printed here.
    connection : Connection
        Brings jobs and takes results, as JSON.
    """
    with contextlib.suppress(OSError):
        os.setsid()  # Ctrl-C is for the process that asks
    with open(log, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    logging.basicConfig(level=logging.ERROR, format="%(message)s", force=True)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (OWN_MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    batch, parent = Batch(settings), os.getppid()
    while os.getppid() == parent:
        if not connection.poll(1):
            continue
        try:
            result = batch.grade(json.loads(connection.recv_bytes()))
        except EOFError:
            return
        except Exception as error:
            result = {"problem": f"{type(error).__name__}: {error}"[:500]}
        connection.send_bytes(json.dumps(result).encode())
