"""Courses and classes of invented students for the tests of the grader: good ones, clumsy ones, attackers."""

import copy
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from grader import sandbox
from tools import build

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "grader" / "tiny_exercises"
Change = Callable[[NotebookNode], None]
SPOILT = {"answers-for-the-worker", "sends-rubbish", "sends-without-end"}  # attacks that end the kernel


def tiny_course(folder: Path, *names: str) -> Path:
    """A course of tiny exercises, without outputs."""
    for name in names:
        build.write(build.read(TINY / f"{name}.py"), folder / "solutions" / name / f"{name}.ipynb")
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    return folder


def solution(course: Path, exercise: str) -> NotebookNode:
    """The instructor's notebook: what a student hands in who has everything right, with the tests as given out."""
    from grader.register import blank

    source = nbformat.read(course / "solutions" / exercise / f"{exercise}.ipynb", as_version=4)
    given_out = blank(source, course)
    for ours, theirs in zip(source.cells, given_out.cells, strict=True):
        if not ours.metadata.get("nbgrader", {}).get("solution"):
            ours.source = theirs.source
    return source


def cell(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    """The cell of this name."""
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def with_answer(grade_id: str, source: str) -> Change:
    """Another answer to one task."""

    def change(notebook: NotebookNode) -> None:
        cell(notebook, grade_id).source = source

    return change


def before_answer(grade_id: str, source: str) -> Change:
    """The right answer, and something else before it in the same cell."""

    def change(notebook: NotebookNode) -> None:
        cell(notebook, grade_id).source = source + "\n" + cell(notebook, grade_id).source

    return change


def hand_in(path: Path, notebook: NotebookNode, *changes: Change) -> None:
    """Write a submission."""
    notebook = copy.deepcopy(notebook)
    for change in changes:
        change(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../../" + path.stem + ".ipynb", json.dumps(notebook))
    else:
        path.write_text(json.dumps(notebook))


def untouched(course: Path, exercise: str) -> NotebookNode:
    """What students get."""
    from grader.register import blank

    return blank(nbformat.read(course / "solutions" / exercise / f"{exercise}.ipynb", as_version=4), course)


def start(submissions: Path, course: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command that instructors use."""
    command = [sys.executable, "-m", "grader", str(submissions), "--course", str(course), *options]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": path,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(submissions: Path, course: Path, *options: str) -> tuple[int, str, str]:
    """Run it; return its exit code, output and errors."""
    process = start(submissions, course, *options)
    output, errors = process.communicate()
    return process.returncode, output, errors


def missing(reason: str) -> None:
    """Skip a test that needs something of this machine; fail it where everything should be there."""
    if os.environ.get("REQUIRE_GRADING"):
        pytest.fail(reason)
    pytest.skip(reason)


# --- attacks: source that is put before right answers to all other tasks, and tries to gain points or to do harm ---
# Each goes into the cell of a task whose answer is wrong; that task must stay without points.

ATTACKS = {
    "captures-tests": """
import json
captured = []
get_ipython().events.register("pre_run_cell", lambda info: captured.append(info.raw_cell))
def show_all():
    print("CAPTURED", captured)
get_ipython().events.register("post_run_cell", lambda result: show_all())
""",
    "patches-asserts": """
import builtins, math, sys
math.isclose = lambda *a, **k: True
class Anything:
    def __eq__(self, other): return True
    def __float__(self): return 4.0
builtins.AssertionError = type("Quiet", (Exception,), {"__init__": lambda self, *a: None})
sys.settrace(lambda *a: None)
if "torch" in sys.modules:
    import torch
    torch.allclose = torch.equal = lambda *a, **k: True
    import lecture_lib.checks.judge, lecture_lib.checks.relations
    lecture_lib.checks.judge.check = check = lambda *a, **k: print("right")
    lecture_lib.checks.relations.close = lambda *a: True
""",
    "answers-for-the-worker": """
import grader.inside, grader.wire
grader.inside._answer = lambda connection: grader.wire.send(connection, grader.wire.encode(True))
grader.inside._called = lambda *a: grader.wire.encode({"value": True})
""",
    "sends-rubbish": """
import grader.wire
grader.wire.encode = lambda value: b"\\xff" * 100_000
""",
    "sends-without-end": """
import grader.wire, struct
def flood(connection, message):
    connection.sendall(struct.pack("!Q", 2**40))
    while True: connection.sendall(b"x" * 1_000_000)
grader.wire.send = flood
""",
    "writes-to-the-gradebook": """
import glob, os, pathlib, sqlite3
found = []
for pattern in PATTERNS:
    for path in glob.glob(pattern, recursive=True):
        found.append(path)
        try:
            sqlite3.connect(path).execute("update grade set auto_score = 99")
        except Exception: pass
        try: pathlib.Path(path).write_text("owned")
        except Exception: pass
print("FOUND", len(found))
""",
    "opens-a-socket": """
import socket
try:
    socket.create_connection(("127.0.0.1", PORT), timeout=2).sendall(b"gotcha")
    print("CONNECTED")
except OSError:
    print("blocked")
""",
    "infinite-loop": "while True: pass\n",
    "ignores-interrupts": """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    try:
        while True: pass
    except BaseException: pass
""",
    "memory-bomb": "hog = [bytearray(64 * 2**20) for _ in range(1000)]\n",
    "fork-bomb": """
import os
try:
    while True: os.fork()
except OSError: pass
while True: pass
""",
    "exits": "import os\nos._exit(0)\n",
    "output-flood": "while True: print('x' * 100_000)\n",
    "one-large-output": "print('x' * 200_000_000)\n",
    "fills-the-disk": """
import pathlib
for number in range(100):
    try: pathlib.Path(f"/tmp/{number}").write_bytes(b"x" * 2**24)
    except OSError: pass
""",
}


def skip_without_sandbox():
    """Attackers are only let loose in a sandbox."""
    if problem := sandbox.problem():
        missing(problem)


def delete_tests(notebook):
    notebook.cells = [c for c in notebook.cells if not c.metadata.get("nbgrader", {}).get("locked")]


def double_cells(notebook):
    notebook.cells = [copy for cell in notebook.cells for copy in (cell, nbformat.from_dict(cell))]


def odd_metadata(notebook):
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.update(schema_version=99, points="many", checksum=["x"], grade="yes")
        cell.outputs = [{"output_type": "stream", "name": "stderr", "text": "stray"}]
    notebook.metadata = {"kernelspec": {"name": "cobol"}, "nbgrader": 7}
