"""Runs inside the sandbox, in the student's kernel, after the last cell: call the student's functions when asked.

Nothing here protects anything: the student's code shares the process, and may change this file's functions. It can
only make its own answers wrong. What must hold is checked on the other side, in `judge`.
"""

import linecache
import os
import pickle
import random
import signal
import socket
import sys
from typing import Any

from grader import wire

KEPT: dict[str, Any] = {}  # what the student's names stood for when the run came to their test
VARIANTS: dict[str, Any] = {}  # functions made from changed texts of the student's
LONGEST_TEXT = 20_000  # characters
LONGEST_TRY = 0.5  # seconds for a call of a variant


def keep(names: list[str]) -> None:
    """Remember what some names stand for now: a later cell may use them again for something else.

    Parameters
    ----------
    names : list of str
        Those of the functions of one task.
    """
    space = vars(sys.modules["__main__"])
    KEPT.update({name: space[name] for name in names if name in space and name not in KEPT})


def serve(control: int) -> None:
    """Answer each test in a process of its own: one test cannot break or slow down the next.

    Parameters
    ----------
    control : int
        A socket over which one end of a fresh pair arrives for every test.
    """
    child = 0
    with socket.socket(fileno=os.dup(control)) as listening:
        while True:
            _, received, _, _ = socket.recv_fds(listening, 1, 1)
            if child:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            if not received:
                return
            child = os.fork()
            if child == 0:
                try:
                    with socket.socket(fileno=received[0]) as connection:
                        _answer(connection)
                finally:
                    os._exit(0)
            os.close(received[0])


def _answer(connection: socket.socket) -> None:
    """Answer requests until the other side hangs up, and print nothing."""
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    _seed()
    while True:
        wire.send(connection, _reply(pickle.loads(wire.receive(connection))))


def _reply(request: tuple[Any, ...]) -> bytes:
    """The reply to ("describe", names), ("variant", name, text) or ("call", name, arguments, keywords), as bytes."""
    try:
        if request[0] == "describe":
            return wire.encode({name: _description(name) for name in request[1]})
        if request[0] == "variant":
            return wire.encode({"value": _variant(*request[1:])})
        return _called(*request[1:])
    except BaseException as error:
        return wire.encode({"error": type(error).__name__, "message": str(error)[:2000]})


def _description(name: str) -> tuple[str, Any]:
    if name not in KEPT and name not in vars(sys.modules["__main__"]):
        return "missing", None
    value = lookup(name)
    return ("function", _text(value)) if callable(value) else ("value", value)


def _text(function: Any) -> str | None:
    """The cell in which a function was written."""
    code = getattr(function, "__code__", None)
    text = "".join(linecache.getlines(code.co_filename)) if code else ""
    return text if 0 < len(text) <= LONGEST_TEXT else None


def _variant(name: str, text: str) -> str:
    """Make a function from a text, in a copy of the student's names; return what to call it by."""
    space = {**vars(sys.modules["__main__"]), **KEPT}
    exec(compile(text, "<a variant of the answer>", "exec"), space)
    alias = f"{name} {len(VARIANTS)}"
    VARIANTS[alias] = space[name]
    return alias


def _out_of_time(*_: Any) -> None:
    raise TimeoutError("a variant takes too long")


def _called(name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bytes:
    """Call a function; complain, as the check in the notebook does, when it changes what it was given."""
    checks = sys.modules.get("lecture_lib.checks.judge")
    before = checks.snapshot(arguments) if checks else None
    if name in VARIANTS:  # an edited loop may have no end
        signal.signal(signal.SIGALRM, _out_of_time)
        signal.setitimer(signal.ITIMER_REAL, LONGEST_TRY)
    try:
        value = lookup(name)(*arguments, **keywords)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    complaint = checks.changed(before, arguments) if checks else None
    return wire.encode({"complaint": complaint} if complaint else {"value": value})


def lookup(name: str) -> Any:
    """What the student calls by this name."""
    for names in (VARIANTS, KEPT, vars(sys.modules["__main__"])):
        if name in names:
            return names[name]
    raise NameError(f"name {name!r} is not defined")


def _seed() -> None:
    """Answers do not depend on what ran before."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
