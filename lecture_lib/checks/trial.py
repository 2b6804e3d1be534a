"""One case of a check: run the student's function, read what it returns, and say what stopped it."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from lecture_lib.checks import source
from lecture_lib.checks.source import Written
from lecture_lib.checks.state import changed, snapshot
from lecture_lib.checks.task import Arguments, NotYet, Task
from lecture_lib.checks.values import agree, read, wrong_type

# What torch says → what it means here.
EXPLANATIONS = {
    "does not require grad": "What you differentiate is cut off from the tensor that you differentiate by: look for "
    ".detach(), .item(), torch.no_grad() or a missing .requires_grad_().",
    "not have been used in the graph": "What you differentiate does not depend on the tensor that you differentiate "
    "by: compute it from that very tensor.",
    "implicitly created only for scalar": "One number is differentiated at a time: add up the scores first.",
    "backward through the graph a second time": "One graph is differentiated twice: every gradient needs a "
    "new forward pass.",
    "Expected pixels in [0, 1]": "Look at what you pass on: some step has left the range of pixels.",
    "must match the size of tensor b": "Two tensors meet whose axes don't fit: print their shapes.",
    "expected scalar type": "Numbers of two types meet: keep the type of what you are given.",
    "unary -: 'function'": "A function has no minus; what it returns has one.",
    "unary -: 'method'": "A function has no minus; what it returns has one.",
    "could not infer output dtype": "Truth values and whole numbers have no mean in torch: make "
    "other numbers of them first.",
    "should be the same": "Numbers of two types meet: keep the type of what you are given.",
}


@dataclass(frozen=True)
class Trial:
    """What became of one case."""

    case: Arguments
    expected: list[Tensor]
    returned: list[Tensor] | None  # None where there is a problem
    problem: str
    printed: str
    wrong_type: str | None = None

    @property
    def right(self) -> bool:
        """Whether the function returned what is right."""
        return self.returned is not None and self.wrong_type is None and agree(self.returned, self.expected)

    @property
    def size(self) -> int:
        """How many numbers the case holds."""
        return sum(value.numel() for value in self.case if isinstance(value, Tensor))


def copied(arguments: Arguments) -> Arguments:
    """The same arguments with tensors of their own.

    Parameters
    ----------
    arguments : tuple
        A case.

    Returns
    -------
    tuple
        Networks and functions are the same ones.
    """
    return tuple(value.clone() if isinstance(value, Tensor) else value for value in arguments)


@contextmanager
def quiet(printed: io.StringIO) -> Iterator[None]:
    """Keep what is printed, drop what is warned about."""
    with redirect_stdout(printed), redirect_stderr(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def run(task: Task, answer: Callable[..., Any], case: Arguments, text: Written | None) -> Trial:
    """Run the student's function on a case.

    Parameters
    ----------
    task : Task
        What was to be written.
    answer : function
        What the student wrote.
    case : tuple
        The arguments.
    text : Written or None
        The student's text, for the line of an exception.

    Returns
    -------
    Trial
        What it returned, or what stopped it; and what it printed.
    """
    expected = read(task.reference(*copied(case)), task.results)
    printed, copies = io.StringIO(), copied(case)
    before, problem = snapshot(copies), ""
    values, other_type = None, None
    try:
        with quiet(printed):
            returned = answer(*copies)
            values = read(returned, task.results)
        other_type = wrong_type(returned, task.results)
    except NotYet as form:
        problem = _why_none(str(form).removeprefix(f"{task.name} "), task, text)
    except Exception as error:
        problem = _stopped(task, answer, error, text)
    if (what := changed(before, copies)) is not None and not problem:
        values, problem = None, what
    return Trial(case, expected, values, problem and f"{task.name} {problem}", printed.getvalue(), other_type)


def is_right(task: Task, function: Callable[..., Any], case: Arguments, expected: list[Tensor]) -> bool:
    """Whether a function returns what is expected and changes nothing.

    Parameters
    ----------
    task : Task
        What was to be written.
    function : function
        The student's, or an edited one.
    case : tuple
        The arguments.
    expected : list of Tensor
        What is right.

    Returns
    -------
    bool
        Whatever the function raises is raised.
    """
    copies = copied(case)
    before = snapshot(copies)
    try:
        with quiet(io.StringIO()):
            values = read(function(*copies), task.results)
    finally:
        what = changed(before, copies)
    return what is None and agree(values, expected)


def _why_none(problem: str, task: Task, text: Written | None) -> str:
    """After "returns None.": where that comes from."""
    if problem != "returns None.":
        return problem
    if text is None or source.returns_nothing(text.tree, task.name):
        return "returns None: did you forget `return`?"
    if ".grad" in text.text:
        return (
            "returns None: only a tensor that `.requires_grad_()` was called on has a `.grad`, not what is computed."
        )
    return "returns None: look at what stands behind `return`."


def _stopped(task: Task, answer: Callable[..., Any], error: Exception, text: Written | None) -> str:
    """What an exception in the student's function means."""
    if (other := source.empty_inside(error, task.name)) is not None:
        return f"calls {other}, which is still empty: write that one first."
    if isinstance(error, NotImplementedError) and source.STUB in str(error):
        if text is None:
            return "is still empty: write it in the cell above, then run this cell again."
        return "is not complete, or calls a function that is still empty."
    explained = next((f" {words}" for part, words in EXPLANATIONS.items() if part in str(error)), "")
    if (
        isinstance(error, TypeError)
        and "positional argument" in str(error)
        and f"{getattr(answer, '__name__', task.name)}()" in str(error)
    ):
        explained = " Leave the parameters of the function as they were."
    said = str(error).strip().split("\n")[0].rstrip(".")
    return f"stopped with {type(error).__name__}: {said}.{source.line_of(error, answer)}{explained}"
