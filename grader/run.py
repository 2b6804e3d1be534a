"""Grade a folder of submissions: references first, then all that has not been graded yet, side by side."""

import contextlib
import fcntl
import hashlib
import json
import multiprocessing
import os
import queue
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from tqdm import tqdm

import lecture_lib
from grader import batch, clean, collect, register, report, sandbox
from grader.names import is_test, mark

HERE = Path(__file__).resolve().parent


class Refusal(Exception):  # noqa: N818 - it is no failure
    """Why nothing is graded; the message is for the instructor."""


@dataclass
class Options:
    """What the command line says.

    Parameters
    ----------
    submissions, course, output : Path
        What was handed in; the folder with solutions/ and nbgrader_config.py; where results go.
    database : str
        The gradebook's address.
    workers : int
        Submissions that are graded at a time.
    sandboxed : bool
        False runs submissions with the rights of whoever grades.
    seconds, memory : int
        Limits: time of a cell and of a test, megabytes of a process.
    pictures : bool
        Also run cells that only show something.
    """

    submissions: Path
    course: Path
    output: Path
    database: str
    workers: int
    sandboxed: bool
    seconds: int
    memory: int
    pictures: bool


def grade(options: Options) -> report.Summary:
    """Grade all submissions and write scores, feedback and report.

    Raises
    ------
    Refusal
        If there is no sandbox, or a reference solution does not get full marks.
    """
    if options.sandboxed and (problem := sandbox.problem()):
        raise Refusal(
            f"There is no sandbox: {problem} Without one, submissions run with your rights: they can read and change "
            "your files. Where you accept that (a machine for nothing else), add --unsafe."
        )
    if options.submissions.is_relative_to(options.output / "submitted"):
        raise Refusal(f"{options.submissions} is where cleaned copies go: put what was handed in elsewhere.")
    exercises = _exercises(options.course)
    found, failed = collect.collect(options.submissions, {name: _grade_ids(nb[0]) for name, nb in exercises.items()})
    names = sorted({submission.exercise for submission in found})
    jobs, notes = _jobs(options, found, exercises, failed)
    # nbgrader calls alembic by its name; threads that wait for one another on busy cores are slow.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    pool = Pool(options)
    try:
        _check_references(options, {name: exercises[name][0] for name in names}, pool)
        try:
            register.register(options.course, options.output, options.database, names)
        except register.Changed as changed:
            raise Refusal(f"{changed} For the new ones, take a new gradebook: another --output.") from None
        began = time.monotonic()
        results = pool.run(jobs, "Grading")
        seconds = time.monotonic() - began
    finally:
        pool.close()
    return report.write(options.output, options.database, jobs, results, notes, failed, seconds, pool.busy)


def _exercises(course: Path) -> dict[str, tuple[NotebookNode, NotebookNode]]:
    """Source and release of every exercise."""
    sources = {
        path.stem: path for path in sorted((course / "solutions").glob("*/*.ipynb")) if path.parent.name == path.stem
    }
    if not sources:
        raise Refusal(f"There is no exercise in {course / 'solutions'}.")
    read = {name: nbformat.read(path, as_version=4) for name, path in sources.items()}
    return {name: (source, register.blank(source, course)) for name, source in read.items()}


def _grade_ids(source: NotebookNode) -> set[str]:
    return {mark(cell)["grade_id"] for cell in source.cells if mark(cell).get("grade_id")}


def _jobs(
    options: Options,
    found: list[collect.Submission],
    exercises: dict[str, tuple[NotebookNode, NotebookNode]],
    failed: list[collect.Found],
) -> tuple[list[dict[str, Any]], dict[tuple[str, str], list[str]]]:
    """What there is to do, and what had to be put right, by exercise and student."""
    same = _digest_of_code() + json.dumps([options.seconds, options.memory, options.pictures])
    jobs: list[dict[str, Any]] = []
    notes: dict[tuple[str, str], list[str]] = {}
    for submission in found:
        student, exercise = report.identifier(submission.student), submission.exercise
        if (exercise, student) in notes:
            reason = f"as a file name, {student} is also somebody else's name: rename one"
            failed.append(collect.Found(submission.student, exercise, 0, None, reason))
            continue
        try:
            notebook, put_right = clean.clean(submission.content, *exercises[exercise])
        except Exception as error:  # whatever it is, the others get their marks
            reason = f"it cannot be cleaned ({type(error).__name__})"
            failed.append(collect.Found(submission.student, exercise, 0, None, reason))
            continue
        job: dict[str, Any] = {
            "exercise": exercise,
            "student": student,
            "notebook": notebook,
            "exchange": submission.exchange,
        }
        job["digest"] = hashlib.sha256((json.dumps(job, sort_keys=True) + same).encode()).hexdigest()
        jobs.append({**job, "output": str(options.output), "database": options.database})
        notes[exercise, student] = [*submission.notes, *put_right]
    return jobs, notes


def _digest_of_code() -> str:
    """Marks also depend on the checks in lecture_lib, and on these files."""
    folders = [HERE, Path(lecture_lib.__file__).parent]
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _check_references(options: Options, sources: dict[str, NotebookNode], pool: "Pool") -> None:
    """Grade the reference solutions like submissions, in a gradebook of their own."""
    output = options.output / "reference"
    database = f"sqlite:///{output}/gradebook.db"
    always = {"student": "reference", "digest": str(time.time_ns()), "exchange": {}}
    common: dict[str, Any] = {**always, "output": str(output), "database": database}
    jobs: list[dict[str, Any]] = [
        {**common, "exercise": name, "notebook": _without_outputs(source)} for name, source in sources.items()
    ]
    with open(options.output / "reference.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another command may be doing the same
        output.mkdir(exist_ok=True)
        try:
            register.register(options.course, output, database, list(sources))
        except register.Changed:  # tests came or went: a gradebook with marks does not take that
            shutil.rmtree(output)
            output.mkdir()
            register.register(options.course, output, database, list(sources))
        results = pool.run(jobs, "Reference solutions")
    for job, result in zip(jobs, results, strict=True):
        lost = [name for name, (points, most) in result.get("points", {}).items() if points < most]
        tests = sum(map(is_test, sources[job["exercise"]].cells))
        if lost or "problem" in result or len(result["points"]) < tests:
            what = f"no points for {', '.join(lost)}" if lost else result.get("problem", "tests are missing")
            page = output / "feedback" / "reference" / job["exercise"]
            raise Refusal(
                f"The reference solution of {job['exercise']} does not get full marks ({what}), so nothing was "
                f"graded. What its tests say: {page}."
            )


def _without_outputs(source: NotebookNode) -> NotebookNode:
    notebook = nbformat.from_dict(source)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


class Pool:
    """Processes that grade. One that hangs or dies is replaced, and costs one submission.

    Parameters
    ----------
    options : Options
        Of the run.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.workers: list[tuple[BaseProcess, Connection] | None] = [None] * options.workers
        self.busy = 0.0  # seconds of all processes together
        # By the clock: cells, again after each restart, and the tests; far more than any submission needs that ends.
        self.patience = 60 * options.seconds + 300

    def run(self, jobs: list[dict[str, Any]], title: str) -> list[dict[str, Any]]:
        """The result of every job, in order."""
        results: list[dict[str, Any]] = [{} for _ in jobs]
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(len(jobs)):
            waiting.put(number)
        places = range(min(len(self.workers), len(jobs)))
        for place in places:  # before there are threads
            if self.workers[place] is None:
                self._start(place)
        spent = [0.0] * len(self.workers)
        with tqdm(total=len(jobs), desc=title, unit="notebook") as bar:

            def work(place: int) -> None:
                began = time.monotonic()
                with contextlib.suppress(queue.Empty):
                    while True:
                        number = waiting.get_nowait()
                        results[number] = self._do(place, jobs[number])
                        bar.update()
                spent[place] = time.monotonic() - began

            threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in places]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.busy = sum(spent)
        return results

    def close(self) -> None:
        """End all processes."""
        for place in range(len(self.workers)):
            self._end(place)

    def _do(self, place: int, job: dict[str, Any]) -> dict[str, Any]:
        """One job; once more in a fresh process, if the first one ends."""
        for _ in range(2):
            _, connection = self.workers[place] or self._start(place)
            try:
                connection.send_bytes(json.dumps(job).encode())
                if not connection.poll(self.patience):
                    self._end(place)
                    return {"problem": "grading took too long"}
                result: dict[str, Any] = json.loads(connection.recv_bytes())
                return result
            except (EOFError, OSError):
                self._end(place)
        return {"problem": "the grading process ended twice"}

    def _start(self, place: int) -> tuple[BaseProcess, Connection]:
        """Start a process; where that can be done by forking, it need not import everything again."""
        context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        ours, theirs = context.Pipe()
        o = self.options
        settings = {"course": str(o.course), "sandboxed": o.sandboxed, "seconds": o.seconds, "memory": o.memory}
        arguments = ({**settings, "pictures": o.pictures}, o.output / f"grading-{place}.log", theirs)
        process = context.Process(target=batch.work, args=arguments, daemon=True)
        process.start()
        theirs.close()
        self.workers[place] = process, ours
        return process, ours

    def _end(self, place: int) -> None:
        if worker := self.workers[place]:
            worker[0].kill()
            worker[0].join()
            worker[1].close()
        self.workers[place] = None
