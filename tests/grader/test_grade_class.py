"""A small class on a tiny exercise, graded by the command: every mark as expected, and nobody gains a point."""

import csv
import os
import re
import shutil
import signal
import socket
import threading
import time
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import ExchangeReleaseFeedback
from nbgrader.utils import notebook_hash

pytest.importorskip("fcntl")
from grader import __main__
from grader.batch import configuration
from tests.shared import class_of_students as invented

pytestmark = [pytest.mark.grading, pytest.mark.long]
FULL = {"double-test": 2.0, "norm-test": 3.0}
ONLY_NORM = {"double-test": 0.0, "norm-test": 3.0}
NOTHING = {"double-test": 0.0, "norm-test": 0.0}
WRONG = "def double(number):\n    return 5\n"
# Who sends wrong messages from the sandbox spoils his own other answers, too.
# Those whose attack ends with the time limit are let loose in test_grade_forty.
SLOW = {
    "sends-without-end",
    "ignores-interrupts",
    "output-flood",
    "one-large-output",
    "memory-bomb",
    "fills-the-disk",
}
LIMITS = ["--seconds", "3", "--memory", "1024"]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return invented.tiny_course(tmp_path_factory.mktemp("course"), "plain")


@pytest.fixture(scope="module")
def listener():
    """A server that no submission should reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        reached, over = [], threading.Event()

        def listen():
            while not over.is_set():
                try:
                    reached.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], reached
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def graded(course, listener, tmp_path_factory):
    """Grade the class: killed after a few submissions, and started again. Expected points; what was printed."""
    invented.skip_without_sandbox()
    submissions = tmp_path_factory.mktemp("submissions")
    expected = fill(submissions, course, listener[0])
    process = invented.start(submissions, course, *LIMITS)
    done = lambda: len(list(course.glob("grading/state/plain/*.json")))  # noqa: E731
    while done() < 3 and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert 3 <= done() < len(expected)
    code, output, errors = invented.run(submissions, course, *LIMITS)
    assert code == 0, errors
    return submissions, expected, output


def fill(folder: Path, course: Path, port: int) -> dict[str, dict[str, float]]:
    """Write submissions of all kinds; return the expected points of those that can be graded."""
    right, expected = invented.solution(course, "plain"), {}

    def add(student, points, *changes, name="plain.ipynb"):
        invented.hand_in(folder / student / name, right, *changes)
        expected[student] = points

    add("right", FULL)
    add("renamed", FULL, name="sub/My Notebook (2).ipynb")
    add("partly", ONLY_NORM, invented.with_answer("double", "def double(number):\n    return 4"))
    add("syntax-error", ONLY_NORM, invented.with_answer("double", "def double(number:"))
    add("tests-deleted", FULL, invented.delete_tests)
    add("tests-edited", ONLY_NORM, invented.with_answer("double", WRONG), edit_tests)
    add("answers-doubled", FULL, invented.double_cells)
    add("odd-metadata", FULL, invented.odd_metadata)
    add("helper", FULL, helper_in_new_cell)
    add("name-used-again", FULL, name_used_again)
    add("by-the-exchange", FULL, name="plain/plain.ipynb")
    (folder / "by-the-exchange" / "plain" / "timestamp.txt").write_text("2024-05-06 07:08:09.123456 UTC")
    (folder / "by-the-exchange" / "plain" / "submission_secret.txt").write_text("5ec3e7")
    invented.hand_in(folder / "empty" / "plain.ipynb", invented.untouched(course, "plain"))
    invented.hand_in(folder / "zipped.zip", right)
    invented.hand_in(folder / "single_plain.ipynb", right)
    expected |= {"empty": NOTHING, "zipped": FULL, "single": FULL}
    patterns = [f"{course}/**/*", f"{folder}/**/*"]
    for name, source in invented.ATTACKS.items():
        if name in SLOW:
            continue
        source = source.replace("PORT", str(port)).replace("PATTERNS", repr(patterns))
        add(name, NOTHING if name in invented.SPOILT else ONLY_NORM, invented.with_answer("double", source + WRONG))
    (folder / "corrupt").mkdir()
    (folder / "corrupt" / "plain.ipynb").write_text('{"cells": [')
    (folder / "link").mkdir()
    (folder / "link" / "plain.ipynb").symlink_to(course / "solutions" / "plain" / "plain.ipynb")
    (folder / "huge").mkdir()
    with open(folder / "huge" / "plain.ipynb", "wb") as file:
        file.truncate(200 * 2**20)
    (folder / "no-zip.zip").write_bytes(b"PK\x03\x04 nothing")
    return expected


def edit_tests(notebook):
    for grade_id in FULL:
        invented.cell(notebook, grade_id).source = "pass"


def name_used_again(notebook):
    """In a last cell, the names of the functions stand for results."""
    notebook.cells.append(nbformat.v4.new_code_cell("double = double(2)\nnorm = None"))


def helper_in_new_cell(notebook):
    place = notebook.cells.index(invented.cell(notebook, "double"))
    notebook.cells.insert(place, nbformat.v4.new_code_cell("def twice(x):\n    return 2 * x"))
    invented.cell(notebook, "double").source = "def double(number):\n    return twice(number)"


def points_in(course: Path, name="grading") -> dict[str, dict[str, float]]:
    """Points of the tests in tasks.csv, by student."""
    points: dict[str, dict[str, float]] = {}
    with open(course / name / "tasks.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["task"] in FULL:
                points.setdefault(row["student"], {})[row["task"]] = float(row["points"])
    return points


def test_every_mark_is_as_expected_and_nobody_gains_a_point(graded, course):
    assert points_in(course) == graded[1]


def test_no_server_is_reached_and_no_file_changed(graded, course, listener):
    assert listener[1] == []
    outputs = [
        output.get("text", "")
        for student in ("opens-a-socket", "writes-to-the-gradebook")
        for cell in nbformat.read(course / f"grading/autograded/{student}/plain/plain.ipynb", 4).cells
        for output in cell.get("outputs", [])
    ]
    assert "blocked\n" in outputs
    assert "FOUND 0\n" in outputs


def test_feedback_is_there_and_tells_no_hidden_test(graded, course):
    pages = {path.parent.parent.name: path.read_text() for path in course.glob("grading/feedback/*/plain/plain.html")}
    assert pages.keys() == graded[1].keys()
    assert not [student for student, page in pages.items() if "SECRET_OF_THE_TEST" in page or "== 14" in page]
    assert "twice 2 is 4" in pages["right"], "the visible part is there"
    assert "CAPTURED" in pages["captures-tests"], "the attack did run"


def test_a_failing_hidden_test_is_told_without_its_text(course, graded):
    page = (course / "grading/feedback/partly/plain/plain.html").read_text()
    assert "A further test, with other inputs, fails." in page
    teacher = (course / "grading/autograded/partly/plain/plain.ipynb").read_text()
    assert "SECRET_OF_THE_TEST" in teacher


def test_feedback_can_be_released_through_nbgraders_exchange(graded, course, tmp_path):
    config = configuration(course, course / "grading", f"sqlite:///{course}/grading/gradebook.db")
    config.Exchange.root = str(tmp_path / "exchange")
    (tmp_path / "exchange").mkdir(mode=0o777)
    (tmp_path / "exchange").chmod(0o777)
    folders = CourseDirectory(config=config)
    folders.assignment_id, folders.student_id = "plain", "by-the-exchange"
    ExchangeReleaseFeedback(coursedir=folders, config=config).start()
    page = (
        tmp_path
        / "exchange"
        / "saliency"
        / "feedback"
        / f"{notebook_hash(secret='5ec3e7', notebook_id='plain')}.html"
    )
    assert "double-test" in page.read_text()
    with Gradebook(config.CourseDirectory.db_url) as gradebook:
        submitted = gradebook.find_submission("plain", "by-the-exchange")
        assert submitted.timestamp == datetime(2024, 5, 6, 7, 8, 9, 123456)


def test_the_report_says_what_could_not_be_graded_and_what_was_put_right(graded, course):
    report = (course / "grading" / "report.md").read_text()
    for line in (
        "- corrupt: plain.ipynb: it is no notebook: its JSON is damaged",
        "- link: plain.ipynb: it is a link: links are not followed",
        "- huge: plain.ipynb: it has 200 MB; the limit is 20 MB",
        "- no-zip: no-zip.zip: it is no zip file, or a damaged one",
        "- renamed: plain: the notebook is called My Notebook (2).ipynb",
        "- tests-deleted: plain: double-test is missing",
        "- answers-doubled: plain: double is there twice",
    ):
        assert line in report
    now = re.search(rf"{len(graded[1])} graded \((\d+) of them now\), 4 could not be graded", graded[2])
    assert now
    assert 0 < int(now[1]) <= len(graded[1]) - 3
    assert "a minute" in graded[2]
    assert "plain.ipynb" not in [path.name for path in (course / "grading" / "submitted" / "link").glob("**/*")]


def command(monkeypatch, capsys, *arguments) -> tuple[int, str, str]:
    """The command in this process, which has imported everything already."""
    monkeypatch.setattr("sys.argv", ["grader", *map(str, arguments)])
    monkeypatch.setenv("PATH", os.environ["PATH"])
    code = __main__.main()
    return code, *capsys.readouterr()


def test_a_second_run_grades_nothing_and_gives_the_same_tables(graded, course, monkeypatch, capsys):
    before = (course / "grading" / "scores.csv").read_bytes()
    options = ["--course", course, *LIMITS, "--workers", "1"]
    code, output, errors = command(monkeypatch, capsys, graded[0], *options)
    assert code == 0, errors
    assert "(0 of them now)" in output
    assert (course / "grading" / "scores.csv").read_bytes() == before


def test_nothing_is_graded_when_the_reference_solution_fails(course, graded, tmp_path, monkeypatch, capsys):
    broken = tmp_path / "broken"
    shutil.copytree(course / "solutions", broken / "solutions")
    shutil.copy(course / "nbgrader_config.py", broken)
    path = broken / "solutions" / "plain" / "plain.ipynb"
    notebook = nbformat.read(path, 4)
    invented.cell(notebook, "norm").source = "### BEGIN SOLUTION\ndef norm(numbers):\n    return 0\n### END SOLUTION"
    nbformat.write(notebook, path)
    few = tmp_path / "few"
    shutil.copytree(graded[0] / "right", few / "right")
    code, _, errors = command(monkeypatch, capsys, few, "--course", broken, *LIMITS)
    assert code == 1
    assert "The reference solution of plain does not get full marks (no points for norm-test)" in errors
    assert not (broken / "grading" / "scores.csv").exists()


def test_without_a_sandbox_the_command_says_so_and_stops(course, tmp_path, monkeypatch, capsys):
    (tmp_path / "submissions").mkdir()
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    options = ["--course", course, "--output", tmp_path / "out"]
    code, _, errors = command(monkeypatch, capsys, tmp_path / "submissions", *options)
    assert code == 1
    assert "bubblewrap is not installed" in errors
    assert "--unsafe" in errors


def test_cleaned_copies_are_not_taken_for_submissions(graded, course, monkeypatch, capsys):
    code, _, errors = command(monkeypatch, capsys, course / "grading" / "submitted", "--course", course)
    assert code == 1
    assert "put what was handed in elsewhere" in errors
