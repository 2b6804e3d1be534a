"""Which cells need which: by the names that they bind and use."""

import ast
import re
import symtable
from collections.abc import Iterable
from typing import Any

from nbformat import NotebookNode


def mark(cell: NotebookNode) -> dict[str, Any]:
    """What nbgrader noted on one of our cells."""
    noted: dict[str, Any] = cell.metadata.get("nbgrader", {})
    return noted


def is_test(cell: NotebookNode) -> bool:
    """Whether a cell's points come from running it."""
    return bool(cell.cell_type == "code" and mark(cell).get("grade") and not mark(cell).get("solution"))


def needed(cells: list[NotebookNode], wanted: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Cells without points that bind a name which a wanted cell below uses, directly or through others."""
    wanted, names = list(wanted), set[str]()
    found: list[NotebookNode] = []
    for cell in reversed(cells):
        if cell in wanted:
            names |= used(cell.source)
        elif not mark(cell) and names & bound(cell.source):
            names |= used(cell.source)
            found.insert(0, cell)
    return found


def bound(source: str) -> set[str]:
    """Names that the top level of some code binds; all words of it, if it is no Python."""
    try:
        return {name for statement in ast.parse(source).body for name in _bound(statement)}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _words(source)


def used(source: str) -> set[str]:
    """Names that some code takes from outside; all words of it, if it is no Python."""
    inner: set[str] = set()
    outer: set[str] = set()
    try:
        for statement in ast.parse(source).body:
            outer |= _free(symtable.symtable(ast.unparse(statement), "<cell>", "exec")) - inner
            inner |= _bound(statement)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _words(source)
    return outer


def _words(source: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", source))


def _bound(statement: ast.stmt) -> set[str]:
    table = symtable.symtable(ast.unparse(statement), "<cell>", "exec")
    return {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}


def _free(table: symtable.SymbolTable) -> set[str]:
    """Names that are looked up as globals, in this block or in one inside it."""
    top = table.get_type() == "module"
    names = {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    return names.union(*(_free(child) for child in table.get_children()))
