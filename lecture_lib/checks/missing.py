"""What may be missing at an expression of a student's: an operation, a factor, an axis."""

import ast
from collections.abc import Callable
from typing import Any

from lecture_lib.checks.expressions import Options, literal, plus, short

MISSING: list[tuple[str, list[Any], str]] = [
    ("clone", [], "no copy is made, so what is kept changes later"),
    ("abs", [], "the signs should be gone there"),
    ("clamp", [0], "negative values are still in it"),
    ("clamp", [0, 1], "values leave [0, 1]"),
    ("square", [], "a square is missing"),
    ("sqrt", [], "a root is missing"),
    ("mean", [], "what should be one number is not averaged"),
    ("sum", [], "what should be one number is not added up"),
    ("detach", [], "the graph is still attached"),
    ("round", [], "the numbers are not rounded"),
    ("log", [], "a logarithm is missing"),
    ("exp", [], "an exponential is missing"),
    ("float", [], "the type of the numbers does not fit"),
    ("sigmoid", [], "a sigmoid is missing"),
    ("sign", [], "the sign should be taken there"),
    ("flatten", [1], "the axes of an image are still apart"),
    ("flatten", [], "the axes are still apart"),
    ("item", [], "a plain number is needed there"),
    ("bool", [], "truth values are needed there"),
]


def _missing(node: ast.expr, names: list[str]) -> Options:
    """An operation more."""
    yield 3, "sign", f"the sign of `{short(node)}` is reversed", ast.UnaryOp(ast.USub(), node)
    for name, arguments, words in MISSING:
        call = ast.Call(ast.Attribute(node, name, ast.Load()), [ast.Constant(a) for a in arguments], [])
        yield 5, f"add{name}{arguments}", f"at `{short(node)}` {words}", call
    for axis in ((1, 2, 3), 1, 0, -1, (2, 3), (1, 2)):
        for name, words in (("sum", "not added up"), ("mean", "not averaged"), ("amax", "not merged")):
            call = ast.Call(ast.Attribute(node, name, ast.Load()), [], [ast.keyword("dim", literal(axis))])
            yield 6, f"add{name}{axis}", f"`{short(node)}` is {words} over the axes that it should be", call
    for transposed in ("mT",):
        yield (
            5,
            "addmT",
            f"the axes of `{short(node)}` are in the wrong order",
            ast.Attribute(node, transposed, ast.Load()),
        )
    yield (
        5,
        "add[0]",
        f"`{short(node)}` has one entry too much around it",
        ast.Subscript(node, ast.Constant(0), ast.Load()),
    )
    for step in (1, -1):
        yield 5, f"plus{step}", f"`{short(node)}` is too small or too large by one", plus(node, step)


def _factors(node: ast.expr, names: list[str]) -> Options:
    """A factor, a divisor or a term more, made of one name."""
    for name in names:
        operands: list[ast.expr] = [ast.Name(name, ast.Load())]
        operands.append(ast.Call(ast.Name("len", ast.Load()), [ast.Name(name, ast.Load())], []))
        for operand in operands:
            for op, words in (
                (ast.Div(), "a division"),
                (ast.Mult(), "a factor"),
                (ast.Sub(), "a term"),
                (ast.Add(), "a term"),
            ):
                yield (
                    7,
                    f"with{ast.dump(op)}{ast.dump(operand)}",
                    f"at `{short(node)}` {words} is missing",
                    ast.BinOp(node, op, operand),
                )


def _reshaped(node: ast.expr, names: list[str]) -> Options:
    """More axes at the end: a number for each image, ready to meet (N, C, H, W)."""
    for count in (1, 2, 3):
        index = ast.Tuple([ast.Constant(Ellipsis), *[ast.Constant(None)] * count], ast.Load())
        yield (
            6,
            f"axes{count}",
            f"`{short(node)}` has axes too few to meet the other side",
            ast.Subscript(node, index, ast.Load()),
        )


ADDITIONS: tuple[tuple[Any, Callable[..., Options]], ...] = (
    ((ast.BinOp, ast.Call, ast.Name, ast.Subscript, ast.Attribute), _missing),
    ((ast.BinOp, ast.Call, ast.Name, ast.Subscript), _factors),
    ((ast.Call, ast.Name, ast.BinOp), _reshaped),
)
