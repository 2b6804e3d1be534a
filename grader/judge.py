"""Run the tests of an exercise, here, on functions that run elsewhere.

The tests, the reference and what compares them never share a process with a student's code. Where a test calls the
student's function, the arguments are pickled and sent into the sandbox; the result comes back as a plain value.
The reference solutions go the same way, so that an exercise whose tests cannot be run like this is noticed at once.
"""

import contextlib
import io
import socket
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import cloudpickle
import nbformat
from nbformat import NotebookNode

from grader import inside, wire
from grader.allowance import Allowance
from grader.names import bound, is_test, mark, needed, used

HIDDEN = " (hidden test)"  # in the name of an error: keep it from students
BEGIN, END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"


class Remote:
    """A student's function. Calling it runs it in the student's process.

    Parameters
    ----------
    name : str
        What the student calls it.
    ask : function
        From a request to the reply's value.
    source : str or None
        The cell in which the student wrote it, as the student's process says.
    """

    def __init__(self, name: str, ask: Callable[[tuple[Any, ...]], Any], source: str | None = None) -> None:
        self.__name__ = self._name = name
        self._ask, self.source = ask, source

    def variant(self, text: str) -> "Remote | None":
        """The function that a changed text defines, in the student's process; None if it defines none."""
        reply = self._ask(("variant", self.__name__, text))
        alias = reply.get("value")
        return Remote(alias, self._ask) if isinstance(alias, str) else None

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """What the student's function returns, or raises."""
        reply = self._ask(("call", self._name, arguments, keywords))
        if "error" in reply:
            if reply["error"] == "NotImplementedError":
                raise NotImplementedError(reply.get("message"))
            raise type(str(reply["error"])[:100], (Exception,), {})(reply.get("message"))
        if "complaint" in reply:
            from lecture_lib.checks.judge import NotYet

            raise NotYet(f"{self._name} {str(reply['complaint'])[:500]}")
        return reply.get("value")

    def __reduce__(self) -> tuple[Any, ...]:
        """As an argument, it becomes the student's own function again."""
        return inside.lookup, (self._name,)


@dataclass
class Judge:
    """The tests of one exercise.

    Parameters
    ----------
    cells : list of NotebookNode
        The instructor's code cells.
    """

    cells: list[NotebookNode]
    names: list[str] = field(init=False)  # what the solutions define
    tested: dict[str, list[str]] = field(init=False)  # by a test's grade_id: what the solutions above it define
    shared: dict[str, Any] = field(init=False)  # what the tests need of other cells
    per_submission: list[NotebookNode] = field(init=False)  # cells that tests need and that use student's functions

    def __post_init__(self) -> None:
        """Run, once for all submissions, what the tests need of other cells."""
        self.names = sorted(
            {name for cell in self.cells if mark(cell).get("solution") for name in bound(cell.source)}
        )
        self.tested, above = {}, set[str]()
        for cell in self.cells:
            if mark(cell).get("solution"):
                above |= bound(cell.source)
            elif is_test(cell):
                self.tested[mark(cell)["grade_id"]], above = sorted(above), set()
        fixed, self.per_submission = self._needed()
        self.shared = {"__name__": "__tests__"}
        for cell in fixed:
            exec(compile(cell.source, "<cell>", "exec"), self.shared)

    def grade(
        self,
        cells: Iterable[NotebookNode],
        connect: Callable[[], socket.socket | None],
        allow: Callable[[], Allowance],
    ) -> None:
        """Run the tests in the instructor's order, and store their outputs in the cells of a submission.

        Parameters
        ----------
        cells : iterable of NotebookNode
            The submission's tests.
        connect : function
            Opens a connection to the student's process, if it still runs.
        allow : function
            The time for one test, from now on.
        """
        namespace, before = dict(self.shared), list[NotebookNode]()
        results = {mark(cell)["grade_id"]: cell for cell in cells}
        for cell in self.cells:
            if is_test(cell):
                with _Line(connect(), allow()) as line:
                    results[mark(cell)["grade_id"]].outputs = self._test(cell.source, before, namespace, line)
                before = []
            elif cell in self.per_submission:
                before.append(cell)

    def _test(
        self, source: str, before: list[NotebookNode], namespace: dict[str, Any], line: "_Line"
    ) -> list[NotebookNode]:
        """Outputs of a test: first of what students see, then, if that passes, of the hidden part."""
        printed, outputs, hidden = io.StringIO(), [], 0
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
                line.bind(self.names, namespace)
                for cell in before:
                    exec(compile(cell.source, "<cell>", "exec"), namespace)
                for hidden, part in enumerate(_parts(source)):  # noqa: B007 - read where it stops
                    exec(part, namespace)
        except Exception as error:
            outputs.append(_failure(error, bool(hidden)))
        if printed.getvalue():
            outputs.insert(0, nbformat.v4.new_output("stream", name="stdout", text=printed.getvalue()[:10_000]))
        return outputs

    def _needed(self) -> tuple[list[NotebookNode], list[NotebookNode]]:
        """Cells that define what tests use: those without, and those with functions of the student's."""
        theirs = set(self.names)
        fixed: list[NotebookNode] = []
        per_submission: list[NotebookNode] = []
        for cell in needed(self.cells, filter(is_test, self.cells)):
            if used(cell.source) & theirs:
                theirs |= bound(cell.source)
                per_submission.append(cell)
            else:
                fixed.append(cell)
        return fixed, per_submission


class _Line:
    """A connection to the student's process for one test; without one, every question fails."""

    def __init__(self, connection: socket.socket | None, allowance: Allowance) -> None:
        self.connection, self.allowance = connection, allowance

    def __enter__(self) -> "_Line":
        """Nothing to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        if self.connection:
            self.connection.close()

    def bind(self, names: list[str], namespace: dict[str, Any]) -> None:
        """Put the student's functions, and plain values, under their names."""
        found = self.ask(("describe", names))
        for name in names:
            kind, value = found.get(name, ("missing", None))
            if kind == "missing":
                namespace.pop(name, None)
            else:
                source = value if isinstance(value, str) else None
                namespace[name] = Remote(name, self.ask, source) if kind == "function" else value

    def ask(self, request: tuple[Any, ...]) -> Any:
        """The reply's value; after a failure there is no second question."""
        if self.connection is None:
            raise RuntimeError("there is no Python process left that could run your function")
        try:
            message = cloudpickle.dumps(request)
            wire.send(self.connection, message, self.allowance.is_over)
            reply = wire.decode(wire.receive(self.connection, self.allowance.is_over))
            if not isinstance(reply, dict):
                raise wire.WireError("not a reply")
            return reply
        except (OSError, wire.WireError) as error:
            self.connection.close()
            self.connection = None
            if isinstance(error, TimeoutError):
                raise TimeoutError("it takes too long") from None
            raise RuntimeError(f"your function ended Python, or returns too much ({error})") from None


def _parts(source: str) -> list[CodeType]:
    """The visible and the hidden part of a test, each with the other's lines blank."""
    visible, hidden, inside_hidden = [], [], False
    for line in source.split("\n"):
        marker = BEGIN in line or END in line
        inside_hidden = (inside_hidden or BEGIN in line) and END not in line
        visible.append("" if inside_hidden or marker else line)
        hidden.append(line if inside_hidden and not marker else "")
    return [compile("\n".join(lines), "<test>", "exec") for lines in (visible, hidden)]


def _failure(error: Exception, hidden: bool) -> NotebookNode:
    """The error as nbgrader stores it; where the exception knows what to show a student, that."""
    shown = getattr(error, "_render_traceback_", None)
    lines = shown() if shown else traceback.format_exception(error)[-20:]
    name = type(error).__name__ + (HIDDEN if hidden else "")
    message = str(error)[:2000]
    return nbformat.v4.new_output("error", ename=name, evalue=message, traceback=[line[:2000] for line in lines])
