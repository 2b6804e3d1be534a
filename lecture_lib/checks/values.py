"""What a student's function returned, read by the contract: whatever unpacks to the right numbers is right."""

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lecture_lib.checks.task import NotYet, Result

TOLERANCE = 1e-4  # of the largest value: far above rounding in float32, far below any mistake


def read(returned: Any, results: Sequence[Result]) -> list[Tensor]:
    """The numbers that a function returned, in float64 and without a graph.

    Parameters
    ----------
    returned : object
        Tensors, NumPy's arrays and numbers, and numbers are read. Several values may be a tuple, a list, or one
        tensor that unpacks to them.
    results : sequence of Result
        What the contract asks for.

    Returns
    -------
    list of Tensor
        One for each result; of ``many``, one for each entry.

    Raises
    ------
    NotYet
        If it has another form; the message ends a sentence that begins with the function's name.
    """
    parts = _several(returned, len(results)) if len(results) > 1 else _entries(returned, results[0])
    if results[0].many:
        return [_tensor(part) for part in parts]
    return [_shaped(_tensor(part), result) for part, result in zip(parts, results, strict=True)]


def wrong_type(returned: Any, results: Sequence[Result]) -> str | None:
    """What to say about a type of numbers that the contract asks for and that is not there.

    Parameters
    ----------
    returned : object
        What the function returned.
    results : sequence of Result
        What the contract asks for.

    Returns
    -------
    str or None
        The end of a sentence that begins with the function's name; None if the type is right or doesn't matter.
    """
    wanted = results[0].dtype if len(results) == 1 else None
    dtype = getattr(returned, "dtype", type(returned).__name__)
    if wanted is None or dtype == wanted or str(dtype) == str(wanted).removeprefix("torch."):
        return None
    return f"returns the right numbers, but their type is {dtype}: the task asks for {wanted}."


def plain(returned: Any) -> Any:
    """A student's result as the cells below a task use it: float32, without a graph.

    Parameters
    ----------
    returned : object
        A tensor, an array or a number, or a tuple or list of several.

    Returns
    -------
    Tensor or tuple of Tensor
        Several values stay several.
    """
    if isinstance(returned, (tuple, list)):
        numbers = all(map(_is_number, returned))
        return _vector(returned) if numbers else tuple(map(plain, returned))
    return torch.as_tensor(returned).detach().float()


def close(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors agree: same shape, finite, and equal up to rounding.

    Parameters
    ----------
    one, other : Tensor
        What a student's function returned, and what is right.

    Returns
    -------
    bool
        True for a largest difference below `TOLERANCE` times the largest right value.
    """
    if one.shape != other.shape or not torch.isfinite(one).all():
        return False
    return one.numel() == 0 or bool((one - other).abs().max() <= TOLERANCE * other.abs().max())


def agree(some: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    """Whether as many values agree, one by one.

    Parameters
    ----------
    some, others : sequence of Tensor
        As `read` returns them.

    Returns
    -------
    bool
        As `close`, for all of them.
    """
    return len(some) == len(others) and all(map(close, some, others))


def _several(returned: Any, count: int) -> list[Any]:
    parts = list(returned) if _unpacks(returned) else [returned]
    _refuse_none(parts)
    if len(parts) != count:
        raise NotYet(f"should return {count} values, but it returns {'one' if _is_array(returned) else len(parts)}.")
    return parts


def _entries(returned: Any, result: Result) -> list[Any]:
    """One value; the entries of a list where the contract asks for one."""
    _refuse_none([returned])
    if result.many:
        if not _unpacks(returned):
            raise NotYet(f"should return a list of tensors, but it returns {type(returned).__name__}.")
        return list(returned)
    if not isinstance(returned, (tuple, list, Iterator)):
        return [returned]
    parts = list(returned)
    _refuse_none(parts)
    if result.shape.count(",") == 1 and parts and all(map(_is_number, parts)):  # (N,): one number for each image
        return [_vector(parts)]
    kind = "list" if isinstance(returned, list) else "tuple"
    if len(parts) == 1:
        raise NotYet(
            f"returns a {kind} with one entry where a tensor is asked for: return what is in it, not the {kind}."
        )
    raise NotYet(f"should return one value, but it returns a {kind} of {len(parts)}: make one tensor of them.")


def _unpacks(returned: Any) -> bool:
    return isinstance(returned, (tuple, list, Iterator)) or (_is_array(returned) and returned.ndim > 0)


def _refuse_none(parts: list[Any]) -> None:
    if any(part is None for part in parts):
        raise NotYet("returns None.")


def _is_array(value: Any) -> bool:
    return type(value) in (Tensor, nn.Parameter, np.ndarray)


def _is_number(value: Any) -> bool:
    return (isinstance(value, (Real, np.number, np.bool_))) or (_is_array(value) and value.ndim == 0)


def _vector(numbers: Sequence[Any]) -> Tensor:
    return torch.tensor([torch.as_tensor(number).item() for number in numbers], dtype=torch.float32)


def _tensor(part: Any) -> Tensor:
    if not _is_array(part) and not _is_number(part):
        raise NotYet(f"should return torch tensors, but it returns {type(part).__name__}.")
    if part.is_complex() if isinstance(part, Tensor) else np.iscomplexobj(part):
        raise NotYet("returns complex numbers.")
    if isinstance(part, np.ndarray) and part.dtype == object:
        raise NotYet("returns an array of objects, not of numbers.")
    return torch.as_tensor(part).detach().to("cpu", torch.float64)


def _shaped(value: Tensor, result: Result) -> Tensor:
    """One number may come with any number of axes of length 1."""
    return value.reshape(()) if not result.shape and value.numel() == 1 else value
