"""Small edits of a student's program, each with words for the mistake that it would undo.

An edit changes the tree in place and takes the change back, so that thousands can be tried in a second. The words say
what is wrong in the student's line; what would be right is left to the student.
"""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lecture_lib.checks.expressions import OPTIONS
from lecture_lib.checks.missing import ADDITIONS
from lecture_lib.checks.statements import new_blocks

Slot = tuple[Any, str, int | None]  # a node's place: parent, field, and place in a list


@dataclass(frozen=True)
class Edit:
    """One change of a tree: what stands at a slot instead, and what was wrong."""

    rank: int  # the likelier, the smaller
    kind: str  # edits of one kind may be made at several places at once
    line: int
    words: str
    slot: Slot
    new: Any

    @contextmanager
    def made(self) -> Iterator[None]:
        """The tree with the change, while the block runs."""
        parent, field, place = self.slot
        old = getattr(parent, field) if place is None else getattr(parent, field)[place]
        self._put(self.new)
        try:
            yield
        finally:
            self._put(old)

    def _put(self, value: Any) -> None:
        parent, field, place = self.slot
        if place is None:
            setattr(parent, field, value)
        else:
            getattr(parent, field)[place] = value


def edits(tree: ast.Module) -> list[Edit]:
    """Every edit of a program, the likeliest first.

    Parameters
    ----------
    tree : ast.Module
        The student's functions.

    Returns
    -------
    list of Edit
        For this very tree: an edit holds places in it.
    """
    names = _names(tree)
    found = [edit for slot in _slots(tree) for edit in _of_expression(slot, names)]
    found += [edit for block in _blocks(tree) for edit in _of_block(block, names)]
    return sorted(found, key=lambda edit: edit.rank)


def _names(tree: ast.Module) -> list[str]:
    given = {part.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for part in node.args}
    made = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return sorted(given | made)


def _slots(tree: ast.AST) -> Iterator[tuple[ast.expr, Slot]]:
    """Every expression that is read, with its place."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            for place, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
                    yield node, (parent, field, place)


def _of_expression(slot: tuple[ast.expr, Slot], names: list[str]) -> Iterator[Edit]:
    node, place = slot
    for maker in (maker for kind, maker in (*OPTIONS, *ADDITIONS) if isinstance(node, kind)):
        for rank, kind, words, other in maker(node, names):
            if not hasattr(other, "lineno"):  # a part of the student's own tree keeps its line
                ast.copy_location(other, node)
            ast.fix_missing_locations(other)
            yield Edit(rank, kind, node.lineno, words, place, other)


Block = tuple[Any, str]  # a node, and the field that holds its statements


def _blocks(tree: ast.AST) -> Iterator[Block]:
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            if (
                isinstance(getattr(node, field, None), list)
                and getattr(node, field)
                and not isinstance(node, ast.Module)
            ):
                yield node, field


def _of_block(block: Block, names: list[str]) -> Iterator[Edit]:
    node, field = block
    statements: list[ast.stmt] = getattr(node, field)
    for rank, kind, line, words, new in new_blocks(node, statements, names):
        for statement in new:
            ast.fix_missing_locations(statement)
        yield Edit(rank, kind, line, words, (node, field, None), new)
