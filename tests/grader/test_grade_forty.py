"""A class of more than forty on three real exercises: unbroken, and by two graders of whom one is killed.

Takes many minutes, so it runs only where GRADE_A_CLASS is set (`make test-grading`).
"""

import contextlib
import csv
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

pytest.importorskip("fcntl")
from tests.shared import class_of_students as invented

pytestmark = [
    pytest.mark.grading,
    pytest.mark.skipif(not os.environ.get("GRADE_A_CLASS"), reason="takes many minutes: make test-grading"),
]
EXERCISES = ("01_linear_models", "02_vanilla_saliency", "04_integrated_gradients")
ATTACKED, TASK = "02_vanilla_saliency", "max-abs-map"  # a task that no other task of the exercise uses
WRONG = "def max_abs_map(attribution):\n    return None\n"
MISTAKES = 5
OPTIONS = ["--workers", "2", "--seconds", "40", "--memory", "3072"]


def full_marks(course: Path, exercise: str) -> dict[str, float]:
    """Points of every test."""
    marks = [c.metadata.get("nbgrader", {}) for c in invented.solution(course, exercise).cells]
    return {m["grade_id"]: float(m["points"]) for m in marks if m.get("grade") and not m["solution"]}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    for exercise in EXERCISES:
        shutil.copytree(invented.ROOT / "solutions" / exercise, folder / "solutions" / exercise)
    shutil.copy(invented.ROOT / "nbgrader_config.py", folder)
    return folder


@pytest.fixture(scope="module")
def handed_in(course, tmp_path_factory):
    """The folder of submissions, and the expected points by student."""
    folder = tmp_path_factory.mktemp("submissions")
    return folder, {**ordinary(folder, course), **attackers(folder, course)}


def ordinary(folder: Path, course: Path) -> dict[str, dict[str, float]]:
    """Right, wrong in the catalogued ways, clumsy; and what cannot be read."""
    expected = {}
    for exercise in EXERCISES:
        right, full = invented.solution(course, exercise), full_marks(course, exercise)
        number = exercise[:2]

        def add(student, points, *changes, name=f"{exercise}.ipynb", right=right, number=number):
            invented.hand_in(folder / f"{student}-{number}" / name, right, *changes)
            expected[f"{student}-{number}"] = points

        nothing = dict.fromkeys(full, 0.0)
        add("right", full)
        first = next(iter(full)).removesuffix("-test")
        for place in range(MISTAKES):
            add(f"mistake{place}", nothing, *catalogued(exercise, place))
        invented.hand_in(folder / f"empty-{number}.zip", invented.untouched(course, exercise))
        expected[f"empty-{number}"] = nothing
        add("deleted", full, invented.delete_tests)
        add("doubled", full, invented.double_cells)
        add("odd", full, invented.odd_metadata, name="work.ipynb")
        last = list(full)[-1].removesuffix("-test")
        add("syntax", {**full, f"{last}-test": 0.0}, invented.with_answer(last, "def broken(:"))
        assert first != last
    (folder / "corrupt").mkdir()
    (folder / "corrupt" / "01_linear_models.ipynb").write_text("{")
    (folder / "link").mkdir()
    (folder / "link" / "01_linear_models.ipynb").symlink_to("/etc/passwd")
    (folder / "huge").mkdir()
    with open(folder / "huge" / "01_linear_models.ipynb", "wb") as file:
        file.truncate(200 * 2**20)
    return expected


def catalogued(exercise: str, place: int) -> list[invented.Change]:
    """Answers that make the mistake at one place of every task's catalogue."""
    module = f"lecture_lib.checks.tasks.{exercise.split('_', 1)[1]}"
    tasks = importlib.import_module(module).TASKS
    return [
        invented.with_answer(
            task.name.replace("_", "-"),
            f"import {module} as catalogue\n{task.name} = catalogue.TASKS[{number}].mistakes[{place}].wrong",
        )
        for number, task in enumerate(tasks)
    ]


def attackers(folder: Path, course: Path) -> dict[str, dict[str, float]]:
    right, full = invented.solution(course, ATTACKED), full_marks(course, ATTACKED)
    expected = {}
    patterns = [f"{course}/**/*", f"{folder}/**/*", f"{invented.ROOT}/solutions/**/*"]
    for name, source in invented.ATTACKS.items():
        source = source.replace("PORT", "9").replace("PATTERNS", repr(patterns))
        invented.hand_in(folder / name / f"{ATTACKED}.ipynb", right, invented.with_answer(TASK, source + WRONG))
        expected[name] = dict.fromkeys(full, 0.0) if name in invented.SPOILT else {**full, f"{TASK}-test": 0.0}
    return expected


def points_in(folder: Path) -> dict[str, dict[str, float]]:
    points: dict[str, dict[str, float]] = {}
    with open(folder / "tasks.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["task"].endswith("-test"):
                points.setdefault(row["student"], {})[row["task"]] = float(row["points"])
    return points


@pytest.fixture(scope="module")
def unbroken(course, handed_in):
    """The folder with the results of one run without interruption."""
    invented.skip_without_sandbox()
    code, output, errors = invented.run(handed_in[0], course, *OPTIONS)
    assert code == 0, errors
    print("\n" + output)
    return course / "grading", output


def test_every_mark_is_as_expected_and_nobody_gains_a_point(unbroken, handed_in):
    assert len(handed_in[1]) >= 40
    assert points_in(unbroken[0]) == handed_in[1]
    assert "3 could not be graded" in unbroken[1]


def test_feedback_tells_no_hidden_test(unbroken, handed_in):
    pages = {p.parent.parent.name: p.read_text() for p in unbroken[0].glob("feedback/*/*/*.html")}
    assert pages.keys() == handed_in[1].keys()
    for hidden in ("BEGIN HIDDEN TESTS", "seed=4", "the optimum for a linear score", "six entries of 1"):
        assert not [student for student, page in pages.items() if hidden in page]


@pytest.fixture(scope="module")
def postgresql():
    """The address of an empty gradebook on a server of its own."""
    if importlib.util.find_spec("psycopg") is None:
        invented.missing("the package psycopg is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found += [Path(path).parent for path in filter(None, [shutil.which("initdb")])]
    if not found:
        invented.missing("PostgreSQL is not installed (apt-get install postgresql)")
    with server(found[0]) as address:
        yield address


@contextlib.contextmanager
def server(programs: Path):
    """Start PostgreSQL in a folder of its own, not in pytest's: that one is for its owner only."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # The server refuses to run as root.
    as_user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if as_user:
            shutil.chown(folder, "postgres")
        data, log = Path(folder, "data"), Path(folder, "log")
        initialise = [programs / "initdb", "-D", data, "-U", "grader", "-A", "trust"]
        subprocess.run(initialise, check=True, capture_output=True, cwd=folder, **as_user)
        command = [
            programs / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            "-k",
            folder,
            "-c",
            "listen_addresses=127.0.0.1",
        ]
        with open(log, "w") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, cwd=folder, **as_user)
        try:
            wait_for(programs, port)
            yield f"postgresql+psycopg://grader@127.0.0.1:{port}/postgres"
            assert process.poll() is None, log.read_text()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def wait_for(programs: Path, port: int) -> None:
    """Wait until the server lets people in, which is later than it listens."""
    ask = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    for _ in range(300):
        if subprocess.run(ask).returncode == 0:
            return
        time.sleep(0.2)
    raise AssertionError("PostgreSQL does not answer")


def test_two_graders_on_postgresql_of_whom_one_is_killed_give_the_same_tables(
    unbroken, course, handed_in, postgresql, tmp_path
):
    halves = [tmp_path / "one", tmp_path / "two"]
    for place, path in enumerate(sorted(handed_in[0].iterdir())):
        halves[place % 2].mkdir(exist_ok=True)
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, halves[place % 2] / path.name, **({"symlinks": True} if path.is_dir() else {}))
    options = [*OPTIONS, "--workers", "1", "--database", postgresql]
    graders = [
        invented.start(half, course, *options, "--output", str(tmp_path / f"out-{half.name}")) for half in halves
    ]
    seed = random.randrange(1000)
    print(f"\nseed of the moment at which a grader is killed: {seed}")
    wanted, done = random.Random(seed).randrange(1, 12), tmp_path / "out-one"
    while len(list(done.glob("state/*/*.json"))) < wanted and graders[0].poll() is None:
        time.sleep(0.2)
    time.sleep(random.Random(seed).random() * 3)
    graders[0].send_signal(signal.SIGKILL)
    graders[0].communicate()
    graders[0] = invented.start(halves[0], course, *options, "--output", str(tmp_path / "out-one"))
    for grader in graders:
        output, errors = grader.communicate()
        assert grader.returncode == 0, errors
        print(output)
    code, _, errors = invented.run(halves[0], course, *options, "--output", str(tmp_path / "out-one"))
    assert code == 0, errors
    for table in ("scores.csv", "tasks.csv"):
        assert (tmp_path / "out-one" / table).read_bytes() == (unbroken[0] / table).read_bytes()
