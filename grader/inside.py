"""Runs inside the sandbox, in the student's kernel, after the last cell: call the student's functions when asked.

Nothing here protects anything: the student's code shares the process, and may change this file's functions. It can
only make its own answers wrong. What must hold is checked on the other side, in `judge`.
"""

import os
import pickle
import random
import signal
import socket
import sys
from typing import Any

from grader import wire


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
    """The reply to ("describe", names) or to ("call", name, arguments, keywords), as bytes."""
    try:
        if request[0] == "describe":
            return wire.encode({name: _description(name) for name in request[1]})
        return _called(*request[1:])
    except BaseException as error:
        return wire.encode({"error": type(error).__name__, "message": str(error)[:2000]})


def _description(name: str) -> tuple[str, Any]:
    if name not in vars(sys.modules["__main__"]):
        return "missing", None
    value = lookup(name)
    return ("function", None) if callable(value) else ("value", value)


def _called(name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bytes:
    """Call a function; complain, as the check in the notebook does, when it changes what it was given."""
    checks = sys.modules.get("lecture_lib.checks.judge")
    before = checks.snapshot(arguments) if checks else None
    value = lookup(name)(*arguments, **keywords)
    complaint = checks.changed(before, arguments) if checks else None
    return wire.encode({"complaint": complaint} if complaint else {"value": value})


def lookup(name: str) -> Any:
    """What the student calls by this name."""
    return vars(sys.modules["__main__"])[name]


def _seed() -> None:
    """Answers do not depend on what ran before."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
