"""What a student's function may not change: its arguments, networks, torch's settings, and all random numbers."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lecture_lib.checks.task import Arguments

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@dataclass(frozen=True)
class Snapshot:
    """Copies of what must stay, for `changed`."""

    tensors: list[tuple[Tensor, Any]]
    networks: list[tuple[Any, Any, Any]]
    settings: tuple[bool, torch.dtype]
    random: tuple[Tensor, Any, Any]


def snapshot(arguments: Arguments) -> Snapshot:
    """Remember what a function must not change.

    Parameters
    ----------
    arguments : tuple
        What the function is going to get.

    Returns
    -------
    Snapshot
        For `changed`.
    """
    tensors = [(value.detach().clone(), _graph(value)) for value in arguments if isinstance(value, Tensor)]
    return Snapshot(tensors, [_state(network) for network in _networks(arguments)], _settings(), _random())


def changed(before: Snapshot, arguments: Arguments) -> str | None:
    """What a function did to its arguments and its surroundings; all but the tensors is put back.

    Parameters
    ----------
    before : Snapshot
        Their `snapshot`.
    arguments : tuple
        The same arguments after the call.

    Returns
    -------
    str or None
        The end of a sentence that begins with the function's name; None if nothing changed.
    """
    tensors = [value for value in arguments if isinstance(value, Tensor)]
    for (old, graph), new in zip(before.tensors, tensors, strict=True):
        if not _same(old, new.detach()) or graph != _graph(new):
            return "changes its input: work on a copy (`.detach().clone()`)."
    surroundings = _changed_surroundings(before)
    found = [
        _changed_network(old, network) for old, network in zip(before.networks, _networks(arguments), strict=True)
    ]
    return next((what for what in found if what is not None), surroundings)


def _changed_network(before: tuple[Any, Any, list[Tensor]], network: nn.Module) -> str | None:
    """What was done to a network, which is as before afterwards."""
    (hooks, modes, values), now = before, _state(network)
    left = hooks != now[0]
    if not left and modes == now[1] and all(map(_same, values, now[2])):
        return None
    _repaired(network, hooks, modes, values)
    if left:
        return "leaves a hook on the network: remove it at the end, also after an error."
    return "changes the network: leave its weights, gradients and mode as they were."


def _repaired(network: nn.Module, hooks: list[list[int]], modes: tuple[Any, Any], values: list[Tensor]) -> None:
    kinds = [(module, kind) for module in network.modules() for kind in HOOKS]
    for (module, kind), kept in zip(kinds, hooks, strict=True):
        for key in set(getattr(module, kind)) - set(kept):
            del getattr(module, kind)[key]
    for module, training in zip(network.modules(), modes[0], strict=True):
        module.training = training
    with torch.no_grad():
        for value, old in zip((*network.parameters(), *network.buffers()), values, strict=True):
            value.copy_(old)
    for weight, (asks, held) in zip(network.parameters(), modes[1], strict=True):
        weight.requires_grad_(asks)
        weight.grad = weight.grad if held is not None else None


def _changed_surroundings(before: Snapshot) -> str | None:
    now, drawn = _settings(), _random()
    torch.set_grad_enabled(before.settings[0])
    torch.set_default_dtype(before.settings[1])
    if now[0] != before.settings[0]:
        return "switches gradients off or on for all that follows: use `with torch.no_grad():` for what needs it."
    if now[1] != before.settings[1]:
        return "changes torch's default type for all that follows."
    if not _same_random(before.random, drawn):
        _put_back(before.random)
        return "draws or seeds the random numbers that all code shares: use what you are given, or a generator."
    return None


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and torch.equal(one.nan_to_num(), other.nan_to_num())
    return bool(one == other)


def _graph(value: Tensor) -> tuple[bool, int | None]:
    """Whether a tensor asks for a gradient, and which it holds."""
    held = value.grad if value.is_leaf else None
    return value.requires_grad, None if held is None else id(held)


def _networks(arguments: Arguments) -> list[nn.Module]:
    """Networks among the arguments, and those that a score among them uses."""
    inside = [part.cell_contents for value in arguments for part in getattr(value, "__closure__", None) or ()]
    owners = [getattr(value, "__self__", None) for value in arguments]
    return [value for value in (*arguments, *inside, *owners) if isinstance(value, nn.Module)]


def _state(network: nn.Module) -> tuple[Any, Any, list[Tensor]]:
    """Hooks; modes and what weights ask for; copies of weights and buffers."""
    modules, weights = list(network.modules()), list(network.parameters())
    hooks = [list(getattr(module, kind)) for module in modules for kind in HOOKS]
    modes = [module.training for module in modules], list(map(_graph, weights))
    return hooks, modes, [value.detach().clone() for value in (*weights, *network.buffers())]


def _settings() -> tuple[bool, torch.dtype]:
    return torch.is_grad_enabled(), torch.get_default_dtype()


def _random() -> tuple[Tensor, Any, Any]:
    """The states of the generators that all code shares: torch's, NumPy's and Python's."""
    return torch.random.get_rng_state(), np.random.get_state(legacy=True), random.getstate()  # noqa: NPY002


def _same_random(one: tuple[Tensor, Any, Any], other: tuple[Tensor, Any, Any]) -> bool:
    arrays = np.array_equal(one[1][1], other[1][1]) and one[1][2:] == other[1][2:]
    return torch.equal(one[0], other[0]) and arrays and one[2] == other[2]


def _put_back(state: tuple[Tensor, Any, Any]) -> None:
    torch.random.set_rng_state(state[0])
    np.random.set_state(state[1])  # noqa: NPY002
    random.setstate(state[2])
