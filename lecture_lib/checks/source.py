"""The student's own text: what it says, where it stopped, whether it is still the empty one or an older one."""

import ast
import inspect
import linecache
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

STUB = "Your code is missing here."  # what nbgrader puts in the place of a solution; see nbgrader_config.py
COMPILED = "<a variant of the answer>"  # the name of the file, for code that is made from a changed text


@dataclass(frozen=True)
class Written:
    """The text in which a student wrote a function, and what makes functions from changed texts.

    Parameters
    ----------
    text : str
        The cell, or the function alone where there is no cell.
    tree : ast.Module
        Its imports, assignments and functions.
    variant : function
        From a changed tree to the function that it defines; None if it defines none.
    """

    text: str
    tree: ast.Module
    variant: Callable[[ast.Module], Callable[..., Any] | None]

    def line(self, number: int) -> str:
        """The text of a line, from 1 on."""
        lines = self.text.splitlines()
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def written(answer: Callable[..., Any], name: str) -> Written | None:
    """The text of a student's function, if it can be found.

    Parameters
    ----------
    answer : function
        The student's; one that runs elsewhere brings its ``source`` and its ``variant`` along.
    name : str
        What the task calls it.

    Returns
    -------
    Written or None
        None for what was not defined by ``def`` in a cell or a file.
    """
    text = getattr(answer, "source", None) if hasattr(answer, "variant") else _text(answer)
    tree = _parsed(text or "")
    if tree is None or not any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body):
        return None
    elsewhere: Callable[[str], Callable[..., Any] | None] | None = getattr(answer, "variant", None)
    make = (lambda tree: elsewhere(ast.unparse(tree))) if elsewhere else _local_variant(answer, name)
    return Written(str(text), tree, make)


def untouched(tree: ast.Module, name: str) -> bool:
    """Whether a function's body is still the given one, which only raises NotImplementedError."""
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    body = [part for part in function.body if not isinstance(getattr(part, "value", None), ast.Constant)]
    return len(body) == 0 or (
        len(body) == 1 and isinstance(body[0], ast.Raise) and "NotImplementedError" in ast.unparse(body[0])
    )


def forbidden(tree: ast.AST, library: Sequence[str]) -> str | None:
    """The first function of ``lecture_lib`` in a text that does the very task, as "gradients.gradient"."""
    modules, functions = _imports(tree)
    for node in ast.walk(tree):
        called = ast.unparse(node) if isinstance(node, (ast.Attribute, ast.Name)) else ""
        head, _, rest = called.partition(".")
        full = f"{modules.get(head, head)}.{rest}" if rest else functions.get(called, "")
        for name in library:
            if full.removeprefix("lecture_lib.") == name:
                return name
    return None


def stale(answer: Callable[..., Any], name: str) -> str | None:
    """Why the function is not the one of the newest cell that writes it: a sentence; None if it is, or unknown."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    code = getattr(answer, "__code__", None)
    if shell is None or code is None or code.co_filename not in linecache.cache:
        return None
    pattern = re.compile(rf"^(async\s+)?def\s+{name}\b|^{name}\s*=", re.MULTILINE)
    newest = next((cell for cell in reversed(shell.user_ns.get("In", [])) if pattern.search(cell)), None)
    if newest is None or _has(newest, code):
        return None
    why = _why(newest)
    return f"The cell that writes {name} did not run to its end, so this is still the function from before: {why}"


def line_of(error: BaseException, answer: Callable[..., Any]) -> str:
    """The student's own line at which an exception passed, as " Line 3: `…`."; nothing if there is none."""
    code = getattr(answer, "__code__", None)
    found, trace = "", error.__traceback__
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if code is not None and filename == code.co_filename:
            text = linecache.getline(filename, trace.tb_lineno).strip()
            found = f" Line {trace.tb_lineno}: `{text}`." if text else ""
        trace = trace.tb_next
    return found


def empty_inside(error: BaseException, name: str) -> str | None:
    """The name of another function, called by the student's, that is still empty; None if it was none."""
    if not isinstance(error, NotImplementedError) or STUB not in str(error):
        return None
    frames = list(_frames(error))
    return frames[-1].co_name if frames and frames[-1].co_name != name else None


def returns_nothing(tree: ast.Module, name: str) -> bool:
    """Whether a function has no ``return`` with a value."""
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    inner = {id(part) for node in ast.walk(function) if node is not function and isinstance(node, ast.FunctionDef)
             for part in ast.walk(node)}  # fmt: skip
    return not any(
        isinstance(node, ast.Return) and node.value and id(node) not in inner for node in ast.walk(function)
    )


def never_read(tree: ast.Module, name: str, parameters: Sequence[str]) -> str | None:
    """The first parameter that the text of a function never reads, whatever the student calls it."""
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    given = [part.arg for part in (*function.args.posonlyargs, *function.args.args)]
    read = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    pairs = zip(given, parameters, strict=False)
    return next((parameter for ours, parameter in pairs if ours not in read and not function.args.vararg), None)


def definitions(tree: ast.Module) -> ast.Module:
    """What of a text defines something: no calls that print or draw."""
    kept = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    return ast.Module([node for node in tree.body if isinstance(node, kept)], [])


def extended(text: Written, more: str) -> ast.Module:
    """The program, and more text after it."""
    return ast.Module([*text.tree.body, *ast.parse(more).body], [])


def _text(answer: Callable[..., Any]) -> str | None:
    """The whole cell, so that lines have the numbers that the student sees; else the function alone."""
    code = getattr(inspect.unwrap(answer), "__code__", None)
    if code is None:
        return None
    lines = linecache.getlines(code.co_filename)
    if lines and (code.co_filename.startswith("<") or "ipykernel" in code.co_filename):
        return "".join(lines)
    try:
        return textwrap.dedent(inspect.getsource(answer))
    except (OSError, TypeError):
        return None


def _parsed(text: str) -> ast.Module | None:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    try:
        return definitions(ast.parse(shell.transform_cell(text) if shell else text))
    except (SyntaxError, ValueError):
        return None


def _local_variant(answer: Callable[..., Any], name: str) -> Callable[[ast.Module], Callable[..., Any] | None]:
    names = getattr(inspect.unwrap(answer), "__globals__", {})

    def variant(tree: ast.Module) -> Callable[..., Any] | None:
        """The function that a changed text defines, in a copy of the student's names."""
        space = dict(names)
        exec(compile(tree, COMPILED, "exec"), space)
        found = space.get(name)
        return found if callable(found) else None

    return variant


def _imports(tree: ast.AST) -> tuple[dict[str, str], dict[str, str]]:
    """What a text calls modules and functions that it imports: name → full name."""
    modules, functions = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update({part.asname: part.name for part in node.names if part.asname})
        elif isinstance(node, ast.ImportFrom):
            full = {part.asname or part.name: f"{node.module}.{part.name}" for part in node.names}
            modules.update(full)
            functions.update(full)
    return modules, functions


def _has(cell: str, code: CodeType) -> bool:
    """Whether a cell is the one that a function comes from."""
    lines = "".join(linecache.getlines(code.co_filename))
    return cell.strip() == lines.strip()


def _why(cell: str) -> str:
    try:
        ast.parse(cell)
    except SyntaxError as error:
        return f"line {error.lineno} is no valid Python ({error.msg}). Mend it, run that cell, then this one."
    return "an error stopped it. Mend it, run that cell, then this one."


def _frames(error: BaseException) -> Iterator[CodeType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code
        trace = trace.tb_next
