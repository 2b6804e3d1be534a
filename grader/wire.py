"""Plain values through a socket: between the tests, and the process in which a student's functions run.

What comes from a student is JSON plus tensors in safetensors' format: reading it runs no code and makes no object
but numbers, strings, tensors, lists, tuples and dictionaries of them. Anything else arrives as a `Foreign`.
"""

import contextlib
import json
import socket
import struct
import sys
import time
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

LONGEST = 128 * 2**20  # bytes of one message
PAUSE = 0.2  # seconds between two looks at whether the time is up
DEEPEST = 20  # lists in lists


class WireError(Exception):
    """The other side went away, or sent what is no message."""


class Foreign:
    """Stands for a value that cannot be sent. Its class carries the name of the value's class."""


def _never() -> bool:
    return False


def send(connection: socket.socket, message: bytes, is_over: Callable[[], bool] = _never) -> None:
    """Send one message, its length first; errors as in `receive`."""
    rest = memoryview(struct.pack("!Q", len(message)) + message)
    while rest:
        rest = rest[_patiently(connection, is_over, connection.send, rest) :]


def receive(connection: socket.socket, is_over: Callable[[], bool] = _never) -> bytes:
    """Wait for one message.

    Parameters
    ----------
    connection : socket
        Where it comes from.
    is_over : function
        Whether the time is up.

    Raises
    ------
    WireError
        If the other side is gone, or the message is too long.
    TimeoutError
        If the time is up.
    """
    (length,) = struct.unpack("!Q", _exactly(connection, 8, is_over))
    if length > LONGEST:
        raise WireError(f"a value of {length} bytes is too large")
    return _exactly(connection, length, is_over)


def _patiently(
    connection: socket.socket, is_over: Callable[[], bool], action: Callable[[Any], Any], argument: Any
) -> Any:
    """Do something with a connection as soon as it is ready."""
    connection.settimeout(PAUSE)
    while True:
        with contextlib.suppress(TimeoutError):
            return action(argument)
        if is_over():
            raise TimeoutError


def _exactly(connection: socket.socket, length: int, is_over: Callable[[], bool]) -> bytes:
    parts, looked = bytearray(), time.monotonic()
    while len(parts) < length:
        if time.monotonic() > looked + PAUSE:  # it may come drop by drop
            looked = time.monotonic()
            if is_over():
                raise TimeoutError
        part = _patiently(connection, is_over, connection.recv, min(length - len(parts), 2**20))
        if not part:
            raise WireError("the process has ended")
        parts += part
    return bytes(parts)


def encode(value: Any) -> bytes:
    """Bytes of a plain value; what is none is replaced by the name of its class."""
    tensors: dict[str, Any] = {}
    tree = json.dumps(_tree(value, tensors, 0)).encode()
    blob = b""
    if tensors:
        from safetensors.torch import save

        blob = save(tensors)
    return struct.pack("!Q", len(tree)) + tree + blob


def decode(message: bytes) -> Any:
    """Value of bytes that nobody vouches for.

    Raises
    ------
    WireError
        If they are not what `encode` makes.
    """
    try:
        (length,) = struct.unpack_from("!Q", message)
        tree = json.loads(message[8 : 8 + length])
        blob, tensors = message[8 + length :], {}
        if blob:
            from safetensors.torch import load

            tensors = load(blob)
        return _value(tree, tensors)
    except Exception as error:  # of many kinds, all of them the sender's
        raise WireError(f"not a value: {type(error).__name__}") from None


def _tree(value: Any, tensors: dict[str, Any], depth: int) -> Any:
    """JSON for a value: plain ones as they are, everything else as [kind, content]."""
    kind = type(value)
    if value is None or kind in (bool, float) or (kind is int and abs(value) < 2**63):
        return value
    if kind is str:
        return value[:10_000]
    if kind in (list, tuple) and depth < DEEPEST:
        return [kind.__name__, [_tree(part, tensors, depth + 1) for part in value]]
    if kind is dict and depth < DEEPEST and all(type(key) is str for key in value):
        return ["dict", {key: _tree(part, tensors, depth + 1) for key, part in value.items()}]
    if isinstance(value, Real) and kind is not int:  # NumPy's numbers
        return int(value) if isinstance(value, Integral) else float(value)
    torch = sys.modules.get("torch")
    if (
        torch
        and kind in (torch.Tensor, torch.nn.Parameter)
        and value.layout is torch.strided
        and value.nbytes < LONGEST // 2
    ):
        tensors[str(len(tensors))] = value.detach().cpu().contiguous().clone()
        return ["tensor", str(len(tensors) - 1)]
    return ["foreign", kind.__name__[:100]]


def _value(tree: Any, tensors: dict[str, Any]) -> Any:
    if not isinstance(tree, list):
        return tree
    kind, content = tree
    if kind == "tensor":
        return tensors[content]
    if kind == "foreign":
        return type(str(content)[:100], (Foreign,), {})()
    if kind == "dict":
        return {str(key): _value(part, tensors) for key, part in content.items()}
    return {"list": list, "tuple": tuple}[kind](_value(part, tensors) for part in content)
