"""The grader's parts: what is collected, how it is cleaned, what goes over the wire, who runs the tests."""

import json
import math
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
import zipfile

import cloudpickle
import nbformat
import numpy as np
import pytest
import torch

from grader import clean, collect, inside, names, points, wire
from grader.allowance import Allowance, computed_by, family
from grader.judge import HIDDEN, Judge, Remote
from lecture_lib.checks.judge import NotYet
from lecture_lib.checks.tasks.vanilla_saliency import small_network
from tests.shared import class_of_students as invented

IDS = {"plain": {"double", "double-test", "norm", "norm-test", "why"}, "other": {"a", "a-test"}}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return invented.tiny_course(tmp_path_factory.mktemp("course"), "plain")


@pytest.fixture
def right(course):
    return invented.solution(course, "plain")


# --- collect ----------------------------------------------------------------------------------------------


def collected(folder):
    found, failed = collect.collect(folder, IDS)
    return {(s.student, s.exercise) for s in found}, {f.student: f.problem for f in failed}


def test_a_student_is_a_folder_a_zip_file_or_the_name_of_a_notebook(tmp_path, right):
    for name in (
        "anna/plain.ipynb",
        "ben/hand in/my work.ipynb",
        "carla.zip",
        "dora_plain.ipynb",
        "plain-emil.ipynb",
    ):
        invented.hand_in(tmp_path / name, right)
    (tmp_path / ".DS_Store").write_text("")
    students, failed = collected(tmp_path)
    assert students == {(name, "plain") for name in ("anna", "ben", "carla", "dora", "emil")}
    assert failed == {}


@pytest.mark.parametrize(
    ("stem", "student"),
    [
        ("dora_plain", "dora"),
        ("plain (3)", ""),
        ("Dora Ny_1234_assignsubmission_file_plain", "Dora Ny_1234"),
        ("dora-plain (1)", "dora"),
    ],
)
def test_the_student_in_the_name_of_a_notebook(stem, student):
    assert collect.student_of(stem, IDS) == student


def test_nothing_leaves_a_zip_file_and_no_link_is_followed(tmp_path, right):
    secret = tmp_path / "secret.ipynb"
    secret.write_text(json.dumps(right))
    submissions = tmp_path / "submissions"
    invented.hand_in(submissions / "slip.zip", right)  # its entry is called ../../slip.ipynb
    with zipfile.ZipFile(submissions / "link.zip", "w") as archive:
        entry = zipfile.ZipInfo("plain.ipynb")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, str(secret))
    (submissions / "linked").symlink_to(tmp_path)
    (submissions / "inner").mkdir()
    (submissions / "inner" / "plain.ipynb").symlink_to(secret)
    os.mkfifo(submissions / "inner" / "pipe.ipynb")
    students, failed = collected(submissions)
    assert students == {("slip", "plain")}
    assert failed["link"] == "it is a link: links are not followed"
    assert failed["inner"] in ("it is a link: links are not followed", "it is no file")
    assert "linked" in failed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.ipynb", "submissions"]


@pytest.mark.parametrize(
    ("time", "secret", "kept"),
    [
        ("2024-05-06 07:08:09.123456 UTC\n", "5ec3e7", {"timestamp.txt", "submission_secret.txt"}),
        ("yesterday", "5ec3e7", {"submission_secret.txt"}),
        ("2024-05-06 07:08:09.123456 UTC", "../../5ec3e7", {"timestamp.txt"}),
        ("2024-13-32 07:08:09.123456 UTC", "5" * 1000 + "ü", set()),
    ],
)
def test_of_what_the_exchange_lays_beside_a_notebook_only_a_time_and_a_secret_are_kept(
    tmp_path, right, time, secret, kept
):
    invented.hand_in(tmp_path / "anna" / "plain" / "plain.ipynb", right)
    (tmp_path / "anna" / "plain" / "timestamp.txt").write_text(time)
    (tmp_path / "anna" / "plain" / "submission_secret.txt").write_text(secret)
    (submission,), failed = collect.collect(tmp_path, IDS)
    assert failed == []
    assert submission.exchange.keys() == kept


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("plain.ipynb", b"0" * (collect.LARGEST + 1))
    content = (tmp_path / "bomb.zip").read_bytes()
    size = (collect.LARGEST + 1).to_bytes(4, "little")
    (tmp_path / "liar.zip").write_bytes(content.replace(size, (100).to_bytes(4, "little")))
    _, failed = collected(tmp_path)
    assert "the limit is 20 MB" in failed["bomb"]
    assert "liar" in failed


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1, 2]", b'{"cells": 3}', b'{"cells": [1, null]}', b"\xff\xfe", b"[" * 100_000, b'{"cells": []}'],
)
def test_what_is_no_notebook_is_said_so(tmp_path, content):
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "plain.ipynb").write_bytes(content)
    students, failed = collected(tmp_path)
    assert not students
    assert failed["anna"].startswith("it is no notebook")


def test_a_notebook_that_belongs_to_no_exercise_is_said_so(tmp_path):
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "x.ipynb").write_text(json.dumps({"cells": [{"cell_type": "code", "source": "1"}]}))
    assert collected(tmp_path)[1] == {"anna": "this is no notebook of an exercise"}


def test_of_two_notebooks_the_one_with_the_right_name_counts(tmp_path, right):
    invented.hand_in(tmp_path / "anna" / "plain.ipynb", right)
    invented.hand_in(tmp_path / "anna" / "plain-Copy1.ipynb", right)
    (submission,), _ = collect.collect(tmp_path, IDS)
    assert submission.notes == ("2 notebooks for this exercise; graded: plain.ipynb",)


# --- clean ------------------------------------------------------------------------------------------------


def cleaned(course, notebook):
    source = nbformat.read(course / "solutions" / "plain" / "plain.ipynb", 4)
    return clean.clean(json.loads(json.dumps(notebook)), source, invented.untouched(course, "plain"))


def test_a_clean_notebook_stays_as_it_is_but_for_the_tests(course, right):
    notebook, notes = cleaned(course, right)
    assert notes == []
    assert [c.source for c in notebook.cells if not names.is_test(c)] == [
        c.source for c in right.cells if not names.is_test(c)
    ]
    assert "SECRET_OF_THE_TEST" in invented.cell(notebook, "double-test").source


@pytest.mark.parametrize("kept", [("source",), ("metadata", "source"), ("id", "source")])
def test_an_answer_is_found_by_grade_id_or_by_cell_id(course, right, kept):
    invented.cell(right, "double").source = "def double(number): return number + number"
    right.cells = [{"cell_type": c.cell_type, **{key: c[key] for key in kept}} for c in right.cells]
    notebook, _ = cleaned(course, right)
    everything = "\n".join(c.source for c in notebook.cells)
    assert "return number + number" in everything
    assert everything.count("SECRET_OF_THE_TEST = 7") == 1


def test_the_last_changed_copy_of_an_answer_counts(course, right):
    first, second, blank = (nbformat.from_dict(invented.cell(right, "double")) for _ in range(3))
    first.source, second.source = "def double(number): return 1", "def double(number): return 2"
    blank.source = invented.cell(invented.untouched(course, "plain"), "double").source
    right.cells += [first, second, blank]
    notebook, notes = cleaned(course, right)
    assert invented.cell(notebook, "double").source == "def double(number): return 2"
    assert "double is there twice" in notes


@pytest.mark.parametrize(
    "cell",
    [
        {"cell_type": "code", "source": 3},
        {"cell_type": "code", "source": ["a", 3]},
        {"cell_type": "raw", "source": "x"},
        {"cell_type": ["code"], "source": "x"},
        {"cell_type": "code", "source": "\ud800", "metadata": 5, "id": {"a": 1}},
        {"cell_type": "code", "source": "x", "metadata": {"nbgrader": ["grade"]}},
        {"cell_type": "code", "source": "x", "metadata": {"nbgrader": {"grade_id": ["double"]}}},
        {},
    ],
)
def test_odd_cells_do_no_harm(course, right, cell):
    right.cells.insert(0, cell)
    notebook, _ = cleaned(course, right)
    nbformat.validate(notebook)
    json.dumps(notebook).encode()


def test_added_cells_stay_where_they_are(course, right):
    place = right.cells.index(invented.cell(right, "norm"))
    right.cells.insert(place, nbformat.v4.new_code_cell("helper = 1"))
    notebook, _ = cleaned(course, right)
    sources = [c.source for c in notebook.cells]
    assert sources.index("helper = 1") == sources.index(invented.cell(right, "norm").source) - 1


# --- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "used", "bound"),
    [
        ("a = b", {"b"}, {"a"}),
        ("import numpy as np, os.path", set(), {"np", "os"}),
        ("def f(x):\n    return x + y", {"y"}, {"f"}),
        ("x = 1\nprint(x)", {"print"}, {"x"}),
        ("for k in range(3): total = k", {"range", "k"}, {"k", "total"}),  # too many do no harm
        ("[i for i in rows]", {"rows"}, set()),
        ("class A(B):\n    z = w", {"B", "w"}, {"A"}),
        ("%matplotlib inline", {"matplotlib", "inline"}, {"matplotlib", "inline"}),
    ],
)
def test_names_that_a_cell_uses_and_binds(source, used, bound):
    assert names.used(source) == used
    assert names.bound(source) == bound


def test_cells_that_nothing_needs_are_left_out():
    sources = ["import a", "b = a.f()", "picture = b", "wanted = b + 1", "later = a"]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    assert [c.source for c in names.needed(cells, [cells[3]])] == ["import a", "b = a.f()"]


# --- allowance --------------------------------------------------------------------------------------------


def test_time_that_is_computed_counts_and_by_the_clock_four_times_as_much(monkeypatch):
    clock, computed = [0.0], [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    allow = Allowance(lambda: computed[0], 10)
    for now, used, is_over in [(39, 100, False), (41, 100, True), (5, 109, False), (5, 111, True)]:
        clock[0], computed[0] = now, used
        assert allow.is_over() == is_over


def test_what_children_compute_counts_also_when_they_have_ended():
    before = computed_by(family(os.getpid()))
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert computed_by(family(os.getpid())) >= before + 0.5
    assert family(2**22 + 1) == []  # no process has such a number


# --- wire -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, True, 3, -2.5, "text", [1, (2.0, "x")], {"a": [None]}, (), math.inf, 2**62])
def test_plain_values_arrive_as_they_were(value):
    arrived = wire.decode(wire.encode(value))
    assert arrived == value
    assert type(arrived) is type(value)


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.int64, torch.bool, torch.bfloat16])
def test_tensors_arrive_as_they_were(kind):
    value = torch.arange(6).view(2, 3).to(kind).T  # not contiguous
    one, other = wire.decode(wire.encode((value, torch.tensor(2.5, requires_grad=True))))
    assert torch.equal(one, value)
    assert one.dtype == kind
    assert other.item() == 2.5


@pytest.mark.parametrize(("value", "arrives"), [(np.float32(0.5), 0.5), (np.float64(0.1), 0.1), (np.int64(3), 3)])
def test_numbers_of_numpy_arrive_as_plain_ones(value, arrives):
    arrived = wire.decode(wire.encode(value))
    assert arrived == arrives
    assert type(arrived) is type(arrives)


def test_a_parameter_arrives_as_a_tensor():
    arrived = wire.decode(wire.encode([torch.nn.Parameter(torch.ones(2))]))
    assert type(arrived[0]) is torch.Tensor
    assert arrived[0].tolist() == [1, 1]


class EqualToAll:
    def __eq__(self, other):
        return True

    __hash__ = None


class Disguised(torch.Tensor):
    pass


@pytest.mark.parametrize("value", [EqualToAll(), Disguised(), 10**30, {1: 2}, object, torch.nn.Linear(1, 1)])
def test_anything_else_arrives_as_the_name_of_its_class(value):
    arrived = wire.decode(wire.encode(value))
    assert isinstance(arrived, wire.Foreign)
    assert type(arrived).__name__ == type(value).__name__
    assert arrived != 3


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff" * 100,
        b"\0" * 8,
        wire.encode(1)[:-1] + b"[",
        b"\0" * 7 + b"\x02[]",
        b"\0" * 7 + b'\x0c["tensor","0"]'[:13],
        b"\0" * 7 + b"\x0e" + b'["eval", ["x"]]'[:14],
    ],
)
def test_rubbish_is_refused(message):
    with pytest.raises(wire.WireError):
        wire.decode(message)


def test_a_message_that_comes_drop_by_drop_ends_with_the_time():
    ours, theirs = socket.socketpair()

    def drip():
        theirs.sendall(b"\0\0\0\0\0\0\1\0")
        for _ in range(20):
            time.sleep(0.05)
            theirs.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    with pytest.raises(TimeoutError):
        wire.receive(ours, Allowance(time.monotonic, 0.3).is_over)
    thread.join()


def test_a_message_that_nobody_takes_ends_with_the_time():
    ours, theirs = socket.socketpair()
    with pytest.raises(TimeoutError):
        wire.send(ours, bytes(2**24), Allowance(time.monotonic, 0.3).is_over)
    theirs.close()


def test_a_message_that_is_too_long_is_refused():
    ours, theirs = socket.socketpair()
    theirs.sendall((2**40).to_bytes(8, "big"))
    with pytest.raises(wire.WireError, match="too large"):
        wire.receive(ours)


# --- judge ------------------------------------------------------------------------------------------------


class Student:
    """Answers requests as the sandbox would, in this process."""

    def __init__(self, **functions):
        self.functions = functions

    def connect(self):
        ours, theirs = socket.socketpair()
        threading.Thread(target=self.answer, args=(theirs,), daemon=True).start()
        return ours

    def answer(self, connection):
        while True:
            try:
                kind, name, *rest = pickle.loads(wire.receive(connection))
            except (wire.WireError, OSError):
                return
            if kind == "describe":
                reply = {n: ("function", None) if n in self.functions else ("missing", None) for n in name}
            else:
                try:
                    reply = {"value": self.functions[name](*rest[0], **rest[1])}
                except Exception as error:
                    reply = {"error": type(error).__name__, "message": str(error)}
            wire.send(connection, wire.encode(reply))


def judged(course, student, seconds=5):
    source = nbformat.read(course / "solutions" / "plain" / "plain.ipynb", 4)
    judge = Judge([c for c in source.cells if c.cell_type == "code"])
    cells = [c for c in source.cells if names.is_test(c)]
    judge.grade(cells, student.connect, lambda: Allowance(time.monotonic, seconds))
    errors = [[o for o in c.outputs if o.output_type == "error"] for c in cells]
    return [error[0] if error else None for error in errors]


def test_right_functions_pass(course):
    student = Student(double=lambda number: 2 * number, norm=lambda numbers: math.hypot(*numbers))
    assert judged(course, student) == [None, None]


def test_a_hidden_test_that_fails_is_marked_as_hidden(course):
    double, norm = judged(course, Student(double=lambda number: 4, norm=lambda numbers: 0))
    assert double.ename == "AssertionError" + HIDDEN
    assert norm.ename == "AssertionError"


def test_a_missing_function_and_one_that_raises(course):
    double, norm = judged(course, Student(norm=lambda numbers: 1 / 0))
    assert double.ename == "NameError"
    assert norm.ename == "ZeroDivisionError"


def test_no_connection_and_no_answer_give_no_points(course):
    class Gone:
        def connect(self):
            return None

    class Silent(Student):
        def answer(self, connection):
            time.sleep(1)
            connection.close()

    assert all(judged(course, Gone()))
    assert all(judged(course, Silent(), seconds=0.2))


def test_a_returned_object_cannot_pass_for_a_number(course):
    assert all(judged(course, Student(double=lambda number: EqualToAll(), norm=lambda numbers: EqualToAll())))


def spoil(images):
    return images.mul_(2)


def leave_hook(score, images):
    score.__closure__[1].cell_contents.register_forward_hook(lambda *_: None)
    return score(images)


@pytest.mark.parametrize(
    ("function", "arguments", "complaint"),
    [
        (spoil, lambda: (torch.ones(2),), "changes its input"),
        (leave_hook, lambda: (small_network(0).score("a"), torch.ones(1, 3, 4, 4).double()), "leaves a hook"),
    ],
)
def test_what_a_function_does_to_its_arguments_is_told_by_the_other_side(monkeypatch, function, arguments, complaint):
    monkeypatch.setattr(sys.modules["__main__"], "f", function, raising=False)

    def ask(request):
        return wire.decode(inside._reply(pickle.loads(cloudpickle.dumps(request))))

    with pytest.raises(NotYet, match=f"f {complaint}"):
        Remote("f", ask)(*arguments())


def test_scores_and_other_functions_of_the_student_arrive_as_arguments(monkeypatch):
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "apply", lambda function, value: function(value) + 1, raising=False)
    monkeypatch.setattr(main, "twice", lambda value: 2 * value, raising=False)

    def ask(request):
        return wire.decode(inside._reply(pickle.loads(cloudpickle.dumps(request))))

    apply, twice, weights = Remote("apply", ask), Remote("twice", ask), torch.tensor([1.0, 2.0])
    assert torch.equal(apply(lambda value: (weights * value).sum(), weights), torch.tensor(6.0))
    assert apply(twice, 3) == 7
    assert apply(lambda value: twice(value) + 10, 3) == 17


# --- make check -------------------------------------------------------------------------------------------


@pytest.mark.grading
def test_a_student_sees_the_points_of_all_exercises(course, tmp_path, monkeypatch, capsys):
    notebook = invented.untouched(course, "plain")
    ours = invented.solution(course, "plain")
    invented.cell(notebook, "double").source = invented.cell(ours, "double").source
    path = tmp_path / "plain" / "plain.ipynb"
    invented.hand_in(path, notebook)
    before = path.read_bytes()
    monkeypatch.setattr("sys.argv", ["points", "--folder", str(tmp_path)])
    assert points.main() == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[:5] == [
        "plain",
        "double 2 of 2",
        "norm 0 of 3 NotImplementedError: Your code is missing here.",
        "why – of 1 marked by hand",
        "sum 2 of 5",
    ]
    assert path.read_bytes() == before, "nothing is stored"


def test_an_exercise_that_is_not_there(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["points", "99", "--folder", str(tmp_path)])
    assert points.main() == 1
    assert "no such exercise" in capsys.readouterr().err
