"""What a block of a student's statements could have been, with words for what is wrong with it."""

import ast
from collections.abc import Iterator
from typing import Any

from lecture_lib.checks.expressions import OPERATORS

LOOPS = (ast.For, ast.While)


Blocks = Iterator[tuple[int, str, int, str, list[ast.stmt]]]


def new_blocks(node: Any, statements: list[ast.stmt], names: list[str]) -> Blocks:
    """What a block of statements could have been.

    Parameters
    ----------
    node : ast.AST
        Whose block it is.
    statements : list of ast.stmt
        The block.
    names : list of str
        The names of the program.

    Yields
    ------
    (int, str, int, str, list of ast.stmt)
        Rank, kind, line, words for what is wrong, and the other block.
    """
    for place, statement in enumerate(statements):
        before, after = statements[:place], statements[place + 1 :]
        yield from _changed_statement(statement, before, after)
        yield from _loop(statement, before, after)
        if place and not isinstance(statement, ast.Return):
            turned = [*statements[: place - 1], statement, statements[place - 1], *after]
            yield 3, "turned", statement.lineno, "two statements have changed places", turned
    if isinstance(node, LOOPS):
        yield from _in_loop(node, statements, names)


def _changed_statement(statement: ast.stmt, before: list[ast.stmt], after: list[ast.stmt]) -> Blocks:
    """A statement left out, or one that adds up instead of replacing, or the other way round."""
    line = statement.lineno
    if (before or after) and isinstance(statement, (ast.Assign, ast.AugAssign, ast.Expr)):
        yield 2, "delete", line, "this statement is too much", [*before, *after]
    if isinstance(statement, ast.AugAssign):
        replaced = _like(ast.Assign([statement.target], statement.value), statement)
        yield 1, "replace", line, "this adds to what was there before", [*before, replaced, *after]
        for other in OPERATORS.get(type(statement.op), []):
            changed = _like(ast.AugAssign(statement.target, other(), statement.value), statement)
            yield (
                2,
                f"aug{other.__name__}",
                line,
                "the wrong operation is combined with `=`",
                [*before, changed, *after],
            )
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        target = ast.Name(statement.targets[0].id, ast.Store())
        summed = _like(ast.AugAssign(target, ast.Add(), statement.value), statement)
        yield 1, "sum", line, "each round replaces what the rounds before had added up", [*before, summed, *after]
    yield from _blocks_too_much(statement, before, after)


def _blocks_too_much(statement: ast.stmt, before: list[ast.stmt], after: list[ast.stmt]) -> Blocks:
    """A condition the wrong way round, or a block around statements that should stand alone."""
    line = statement.lineno
    if isinstance(statement, ast.If):
        negated = ast.UnaryOp(ast.Not(), statement.test)
        inverse = _like(ast.If(negated, statement.body, statement.orelse), statement)
        yield 1, "if-not", line, "the condition is the wrong way round", [*before, inverse, *after]
        yield 1, "if-", line, "this `if` is too much", [*before, *statement.body, *after]
        yield (
            1,
            "if-all",
            line,
            "this `if` and what it does is too much",
            [*before, *(statement.orelse or [ast.Pass()]), *after],
        )
    if isinstance(statement, (ast.With, ast.Try)):
        yield 2, "with", line, "this block is too much", [*before, *statement.body, *after]


def _loop(statement: ast.stmt, before: list[ast.stmt], after: list[ast.stmt]) -> Blocks:
    """Statements that belong before, into or after a loop."""
    if not isinstance(statement, LOOPS):
        return
    body = statement.body
    if len(body) > 1 or isinstance(body[-1], ast.Return):
        last = body[-1]
        rest = [_with_body(statement, body[:-1])] if len(body) > 1 else []
        words = "this happens in every round; it should happen once, after the loop"
        if isinstance(last, ast.Return):
            words = "the function returns in the first round of the loop"
        yield 1, "out", last.lineno, words, [*before, *rest, last, *after]
        first = body[0]
        earlier = "this happens in every round; it should happen once, before the loop"
        yield 1, "out", first.lineno, earlier, [*before, first, _with_body(statement, body[1:]), *after]
    if before and not isinstance(before[-1], LOOPS):
        words = "this happens once, before the loop; it should happen in every round"
        for count in (1, 2):
            if len(before) >= count:
                moved = _with_body(statement, [*before[-count:], *body])
                yield 1, "into", before[-1].lineno, words, [*before[:-count], moved, *after]
    if after and not isinstance(after[0], ast.Return):
        words = "this happens once, after the loop; it should happen in every round"
        yield 1, "into", after[0].lineno, words, [*before, _with_body(statement, [*body, after[0]]), *after[1:]]


def _in_loop(node: Any, statements: list[ast.stmt], names: list[str]) -> Blocks:
    """What is missing in every round: an empty `.grad`, a fresh graph, a clip."""
    text = "\n".join(map(ast.unparse, statements))
    for name in names:
        target = ast.Name(name, ast.Store())
        if f"{name}.grad" in text:
            emptied = ast.Assign([ast.Attribute(ast.Name(name, ast.Load()), "grad", ast.Store())], ast.Constant(None))
            words = "`.grad` still holds the gradients of the rounds before: every `.backward()` adds to it"
            yield 0, "grad", node.lineno, words, [_like(emptied, node), *statements]
        if name in text:
            fresh = ast.parse(f"{name}.detach().clone().requires_grad_()", mode="eval").body
            words = f"the graph of `{name}` goes on from round to round: every round needs a fresh one"
            yield 2, "fresh", node.lineno, words, [_like(ast.Assign([target], fresh), node), *statements]
            clipped = ast.parse(f"{name}.clamp(0, 1)", mode="eval").body
            words = f"`{name}` is not clipped in every round"
            yield 3, "clip", node.lineno, words, [*statements, _like(ast.Assign([target], clipped), node)]
            alone = ast.parse(f"{name}.detach()", mode="eval").body
            words = f"the graph of `{name}` goes on from round to round"
            yield 3, "alone", node.lineno, words, [*statements, _like(ast.Assign([target], alone), node)]


def _like(statement: ast.stmt, node: ast.AST) -> ast.stmt:
    return ast.fix_missing_locations(ast.copy_location(statement, node))


def _with_body(loop: Any, body: list[ast.stmt]) -> ast.stmt:
    """The same loop around other statements."""
    if isinstance(loop, ast.For):
        return ast.copy_location(ast.For(loop.target, loop.iter, body, loop.orelse), loop)
    return ast.copy_location(ast.While(loop.test, body, loop.orelse), loop)
