"""What an expression of a student's could have been, with words for what is wrong with it."""

import ast
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

Options = Iterator[tuple[int, str, str, ast.expr]]  # rank, kind, words, what could stand there instead

OPERATORS: dict[type[ast.operator], list[type[ast.operator]]] = {
    ast.Add: [ast.Sub, ast.Mult],
    ast.Sub: [ast.Add, ast.Div],
    ast.Mult: [ast.Div, ast.Add, ast.MatMult],
    ast.Div: [ast.Mult, ast.Sub],
    ast.MatMult: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.FloorDiv: [ast.Div],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
}
COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Gt: [ast.Lt, ast.GtE, ast.LtE],
    ast.Lt: [ast.Gt, ast.LtE, ast.GtE],
    ast.GtE: [ast.Gt, ast.Lt, ast.LtE],
    ast.LtE: [ast.Lt, ast.Gt, ast.GtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
}
SIGNS = {
    **{"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "MatMult": "@", "Pow": "**", "FloorDiv": "//"},
    **{"BitAnd": "&", "BitOr": "|", "Gt": ">", "Lt": "<", "GtE": ">=", "LtE": "<=", "Eq": "==", "NotEq": "!="},
}
MERGING = ("sum", "mean", "amax", "amin", "max", "min", "median", "std", "var", "norm", "prod")
SWAPS = {
    **{name: [other for other in ("sum", "mean", "amax", "amin", "norm") if other != name] for name in MERGING},
    **{"std": ["var", "mean"], "argmax": ["amax", "argmin"], "argmin": ["argmax"], "any": ["all"], "all": ["any"]},
    **{"log1p": ["log"], "log10": ["log"], "log2": ["log"], "log": ["log1p"], "sqrt": ["square"], "sign": ["abs"]},
    **{"zeros_like": ["ones_like"], "ones_like": ["zeros_like"], "zeros": ["ones"], "T": ["mT"]},
    **{"rand": ["randn"], "rand_like": ["randn_like"], "floor": ["round"], "ceil": ["round"], "trunc": ["round"]},
    **{"stack": ["cat"], "cat": ["stack"], "repeat": ["repeat_interleave"], "repeat_interleave": ["repeat"]},
    **{"softmax": ["log_softmax", "sigmoid"], "log_softmax": ["softmax"], "sigmoid": ["softmax"]},
    **{"probability": ["score"], "loss": ["score", "probability"], "score": ["loss"]},
    **{"minimum": ["maximum"], "maximum": ["minimum"], "clamp_min": ["clamp_max"], "clamp_max": ["clamp_min"]},
    **{"abs": ["square", "relu"], "relu": ["abs"], "square": ["abs"], "expand": ["repeat"]},
}
AXES: list[Any] = [0, 1, 2, 3, 4, -1, -2, (1, 2), (2, 3), (1, 2, 3), (-2, -1), (0, 1), (0, 2, 3)]
ALONG = {
    *MERGING,
    *(
        "softmax",
        "log_softmax",
        "argmax",
        "argmin",
        "cumsum",
        "flip",
        "roll",
        "sort",
        "argsort",
        "unsqueeze",
        "squeeze",
    ),
    *("stack", "cat", "flatten", "diff", "cosine_similarity", "normalize", "any", "all", "select", "rankdata"),
}


def short(node: ast.AST) -> str:
    """The text of a part, cut where it is long."""
    text = ast.unparse(node)
    return text if len(text) <= 30 else text[:29] + "…"


def _operand(node: ast.AST) -> str:
    return f"({short(node)})" if isinstance(node, ast.BinOp) else short(node)


def _index(node: ast.Subscript) -> str:
    return (
        short(node.slice).removeprefix("(").removesuffix(")")
        if isinstance(node.slice, ast.Tuple)
        else short(node.slice)
    )


def _operators(node: ast.BinOp, names: list[str]) -> Options:
    sign = SIGNS.get(type(node.op).__name__, "")
    for other in OPERATORS.get(type(node.op), []):
        yield (
            2,
            f"op{sign}{other.__name__}",
            f"`{sign}` is the wrong operation there",
            ast.BinOp(node.left, other(), node.right),
        )
    if not isinstance(node.op, (ast.Add, ast.Mult)):
        turned = ast.BinOp(node.right, node.op, node.left)
        yield 2, f"turn{sign}", f"the two sides of `{sign}` have changed places", turned
    for side, too_much in (("left", node.right), ("right", node.left)):
        rank = 1 if isinstance(too_much, ast.Constant) else 3
        shown = f"{sign} {_operand(too_much)}" if side == "left" else f"{_operand(too_much)} {sign}"
        yield rank, f"{side}{sign}", f"`{shown}` is too much", getattr(node, side)
    for other_tree in _parentheses(node):
        yield (
            4,
            "parentheses",
            f"the parentheses around `{sign}` are missing or wrong, so an operation comes too early",
            other_tree,
        )


def _parentheses(node: ast.BinOp) -> Iterator[ast.expr]:
    """The same operands and operations, in another order."""
    left, right = node.left, node.right
    if isinstance(left, ast.BinOp):  # (a ∘ b) • c for a ∘ (b • c)
        yield ast.BinOp(left.left, left.op, ast.BinOp(left.right, node.op, right))
    if isinstance(right, ast.BinOp):  # a ∘ (b • c) for (a ∘ b) • c
        yield ast.BinOp(ast.BinOp(left, node.op, right.left), right.op, right.right)
    if isinstance(left, ast.BinOp) and isinstance(left.right, ast.BinOp):  # (x + a * b) - c for x + a * (b - c)
        inner = left.right
        yield ast.BinOp(left.left, left.op, ast.BinOp(inner.left, inner.op, ast.BinOp(inner.right, node.op, right)))
    if isinstance(left, ast.UnaryOp) and isinstance(left.op, ast.USub):
        yield ast.UnaryOp(ast.USub(), ast.BinOp(left.operand, node.op, right))


def _terms(node: ast.BinOp, names: list[str]) -> Options:
    """A factor or a sign for one of two terms."""
    if isinstance(node.op, (ast.Add, ast.Sub)):
        for value in (2, 0.5):
            yield (
                6,
                f"factor{value}",
                "one of the two terms has a wrong factor",
                ast.BinOp(node.left, node.op, ast.BinOp(ast.Constant(value), ast.Mult(), node.right)),
            )
            yield (
                6,
                f"factor{value}",
                "one of the two terms has a wrong factor",
                ast.BinOp(ast.BinOp(ast.Constant(value), ast.Mult(), node.left), node.op, node.right),
            )


def _comparisons(node: ast.Compare, names: list[str]) -> Options:
    if len(node.ops) == 1:
        sign = SIGNS.get(type(node.ops[0]).__name__, "")
        for other in COMPARISONS.get(type(node.ops[0]), []):
            yield (
                2,
                f"cmp{sign}{other.__name__}",
                f"`{sign}` is the wrong comparison",
                ast.Compare(node.left, [other()], node.comparators),
            )
        turned = ast.Compare(node.comparators[0], node.ops, [node.left])
        for number in (0, 0.5, 1):
            with_number = ast.Compare(node.left, node.ops, [ast.Constant(number)])
            yield 2, "cmp-number", f"`{short(node.left)}` is compared with the wrong number", with_number
        yield 4, "cmp-turn", f"the two sides of `{sign}` have changed places", turned


def _signs(node: ast.UnaryOp, names: list[str]) -> Options:
    if not isinstance(node.operand, ast.Constant):
        yield 1, "sign", f"the sign of `{short(node.operand)}` is reversed", node.operand


def _constants(node: ast.Constant, names: list[str]) -> Options:
    value = node.value
    if isinstance(value, bool):
        yield 1, f"bool{value}", f"the option `{value}` is the wrong one", ast.Constant(not value)
    elif isinstance(value, (int, float)):
        others: list[float] = [value + 1, value - 1, 0, 1, 2 * value, value / 2, -value, 0.5, 2, 3, -1, -2]
        for other in dict.fromkeys(other for other in others if other != value):
            whole = int(other) if isinstance(value, int) and float(other).is_integer() else other
            yield 3, f"number{value}>{other}", f"the number {value} is wrong", ast.Constant(whole)
    elif isinstance(value, str):
        for other_text in ("bilinear", "replicate", "average", "none"):
            if value != other_text:
                yield 3, "text", f"the option {value!r} is the wrong one", ast.Constant(other_text)
    elif value is None:
        for axis in (0, 1):
            yield 6, "none", "`None` is wrong there", ast.Constant(axis)


def _axes(node: ast.Call, names: list[str]) -> Options:
    """Another axis, an axis more, or the axis kept."""
    name = _called(node)
    if name not in ALONG:
        return
    shown = f"`{name}` runs over the wrong axis or axes"
    given = [word for word in node.keywords if word.arg in {"dim", "axis", "dims"}]
    others = [word for word in node.keywords if word not in given]
    is_function = _is_module_call(node)
    start = 1 if is_function else 0
    positional = node.args[start:] if name not in {"roll", "norm", "var", "std"} else []
    for axis in AXES:
        new = [ast.keyword(given[0].arg if given else "dim", literal(axis))]
        if given or not positional:
            rank = 2 if given else 5
            yield rank, f"axis{name}{axis}", shown, ast.Call(node.func, node.args, [*others, *new])
        elif len(positional) >= 1:
            yield (
                2,
                f"axis{name}{axis}",
                shown,
                ast.Call(node.func, [*node.args[:start], literal(axis), *node.args[start + 1 :]], others),
            )
    if given or positional:
        everything = ast.Call(node.func, node.args[:start] if not given else node.args, others)
        yield 4, f"axis{name}-", shown, everything


def _kept_axes(node: ast.Call, names: list[str]) -> Options:
    """The axis that is merged stays, with length 1."""
    name = _called(node)
    merged = any(word.arg in {"dim", "axis"} for word in node.keywords) or len(node.args) > _is_module_call(node)
    if name in ALONG and merged and not any(word.arg in {"keepdim", "keepdims"} for word in node.keywords):
        kept = [*node.keywords, ast.keyword("keepdim", ast.Constant(True))]
        words = f"the axis that `{name}` takes away is missed later"
        yield 2, "keepdim", words, ast.Call(node.func, node.args, kept)


def _calls(node: ast.Call, names: list[str]) -> Options:
    name = _called(node)
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value
        for other in SWAPS.get(name, []):
            swapped = ast.Attribute(owner, other, ast.Load())
            rest = node.args, node.keywords
            yield 2, f"swap{name}{other}", f"`{name}` is the wrong operation there", ast.Call(swapped, *rest)
        if not _is_module_call(node):
            yield 2, f"drop{name}", f"`.{name}(…)` is too much", owner
        if name == "argsort":
            twice = ast.Call(ast.Attribute(node, "argsort", ast.Load()), node.args, node.keywords)
            yield 3, "argsort", "`argsort` gives places, not ranks", twice
    if node.args and (_is_module_call(node) or isinstance(node.func, ast.Name)):
        yield 3, f"drop{name}", f"`{name}(…)` is too much", node.args[0]


def _arguments(node: ast.Call, names: list[str]) -> Options:
    """Arguments that have changed places, and options or arguments too much."""
    name = _called(node)
    for place in range(len(node.args) - 1):
        turned = [*node.args]
        turned[place], turned[place + 1] = turned[place + 1], turned[place]
        yield (
            3,
            "arguments",
            f"two arguments of `{name}` have changed places",
            ast.Call(node.func, turned, node.keywords),
        )
    for place, word in enumerate(node.keywords):
        rest_words = node.keywords[:place] + node.keywords[place + 1 :]
        yield 4, f"keyword{word.arg}", f"the option `{word.arg}` is wrong", ast.Call(node.func, node.args, rest_words)
    if len(node.args) > 1:
        yield (
            5,
            "argument",
            f"an argument of `{name}` is too much",
            ast.Call(node.func, node.args[:-1], node.keywords),
        )


def _rounds(node: ast.Call, names: list[str]) -> Options:
    """Other ends of a range, or of what a loop goes through."""
    if isinstance(node.func, ast.Name) and node.func.id == "range" and not node.keywords:
        low, high = (ast.Constant(0), node.args[0]) if len(node.args) == 1 else node.args[:2]
        step = node.args[2:]
        words = "the loop has a round too much or too few, or starts at the wrong number"
        for first, last in ((0, 1), (0, -1), (1, 0), (1, 1), (-1, 0), (-1, -1), (-1, 1), (1, -1)):
            yield (
                1,
                f"range{first}{last}",
                words,
                ast.Call(node.func, [plus(low, first), plus(high, last), *step], []),
            )
        whole = ast.Call(node.func, [high], [])
        if len(node.args) > 1:
            yield 1, "range-", words, whole


def _subscripts(node: ast.Subscript, names: list[str]) -> Options:
    yield 3, "index-", f"the index `[{_index(node)}]` is too much", node.value
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    everything = ast.Slice()
    for order in permutations(parts) if 1 < len(parts) <= 4 else []:
        if list(order) != parts:
            other = ast.Subscript(node.value, ast.Tuple(list(order), ast.Load()), ast.Load())
            yield 3, "index-order", f"the index `[{_index(node)}]` picks along the wrong axis", other
    for extra in (
        [everything, *parts],
        [everything, everything, *parts],
        [ast.Constant(Ellipsis), *parts],
        [*parts, ast.Constant(None)],
    ):
        other = ast.Subscript(node.value, ast.Tuple(extra, ast.Load()), ast.Load())
        yield 3, "index-axis", f"the index `[{_index(node)}]` picks along the wrong axis", other


def _subscript_parts(node: ast.Subscript, names: list[str]) -> Options:
    """One part of an index with other ends, left out, or with all its entries."""
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    for place, part in enumerate(parts):
        if isinstance(part, ast.Slice):
            for low, high in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                ends = ast.Slice(_end(part.lower, low), _end(part.upper, high), part.step)
                new: list[ast.expr] = [*parts[:place], ends, *parts[place + 1 :]]
                inner = new[0] if len(new) == 1 else ast.Tuple(new, ast.Load())
                yield (
                    4,
                    "slice",
                    f"`[{_index(node)}]` begins or ends at the wrong place",
                    ast.Subscript(node.value, inner, ast.Load()),
                )
        elif len(parts) > 1:
            fewer = [*parts[:place], *parts[place + 1 :]]
            inner = fewer[0] if len(fewer) == 1 else ast.Tuple(fewer, ast.Load())
            yield (
                4,
                "index-part",
                f"the index `[{_index(node)}]` has an axis too much",
                ast.Subscript(node.value, inner, ast.Load()),
            )
            whole: list[ast.expr] = [*parts[:place], ast.Slice(), *parts[place + 1 :]]
            picked = ast.Subscript(node.value, ast.Tuple(whole, ast.Load()), ast.Load())
            yield 4, "index-all", f"the index `[{_index(node)}]` leaves out too much", picked


def _tuples(node: ast.Tuple, names: list[str]) -> Options:
    if not 1 < len(node.elts) <= 4:
        return
    for order in permutations(node.elts):
        if list(order) != node.elts:
            yield 1, "order", "the values stand in the wrong order", ast.Tuple(list(order), node.ctx)
    for place in range(len(node.elts)):
        yield 3, "part", "a value is too much", ast.Tuple(node.elts[:place] + node.elts[place + 1 :], node.ctx)


def _other_names(node: ast.Name, names: list[str]) -> Options:
    if node.id in names:
        for name in names:
            if name != node.id:
                yield (
                    2,
                    f"name{node.id}>{name}",
                    f"`{node.id}` is the wrong variable there",
                    ast.Name(name, ast.Load()),
                )


def _attributes(node: ast.Attribute, names: list[str]) -> Options:
    for other in SWAPS.get(node.attr, []) if node.attr == "T" else []:
        yield 2, "T", "`.T` exchanges other axes than are meant", ast.Attribute(node.value, other, ast.Load())
    if node.attr in {"mT", "T", "data", "model"}:
        yield 2, f"drop{node.attr}", f"`.{node.attr}` is too much", node.value


def _choices(node: ast.IfExp, names: list[str]) -> Options:
    yield 2, "choice", "the two branches have changed places", ast.IfExp(node.test, node.orelse, node.body)


OPTIONS: tuple[tuple[Any, Callable[..., Options]], ...] = (
    (ast.BinOp, _operators),
    (ast.BinOp, _terms),
    (ast.Compare, _comparisons),
    (ast.UnaryOp, _signs),
    (ast.Constant, _constants),
    (ast.Call, _rounds),
    (ast.Call, _axes),
    (ast.Call, _kept_axes),
    (ast.Call, _calls),
    (ast.Call, _arguments),
    (ast.Subscript, _subscripts),
    (ast.Subscript, _subscript_parts),
    (ast.Tuple, _tuples),
    (ast.Name, _other_names),
    (ast.Attribute, _attributes),
    (ast.IfExp, _choices),
)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _is_module_call(node: ast.Call) -> bool:
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    while isinstance(owner, ast.Attribute):
        owner = owner.value
    return isinstance(owner, ast.Name) and owner.id in {"torch", "np", "numpy", "F", "math", "nn", "scipy", "stats"}


def literal(value: Any) -> ast.expr:
    """A number, or a tuple of numbers, as an expression."""
    return (
        ast.Tuple([literal(part) for part in value], ast.Load()) if isinstance(value, tuple) else ast.Constant(value)
    )


def plus(node: ast.expr, step: int) -> ast.expr:
    """An expression plus a whole number."""
    if step == 0:
        return node
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return ast.Constant(node.value + step)
    return ast.BinOp(node, ast.Add() if step > 0 else ast.Sub(), ast.Constant(abs(step)))


def _end(node: ast.expr | None, step: int) -> ast.expr | None:
    if step == 0:
        return node
    return ast.Constant(step) if node is None else plus(node, step)
