"""A button for a picture of your own: the browser sends it piece by piece to memory, and nothing is stored.

The upload button of ipywidgets keeps the file in its state, which a notebook may save, and it sends the file in one
piece, which a server refuses from 10 MB on without a word to the reader.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

LARGEST = 20  # MB, of a picture file
PIECE = 2**20  # bytes that are sent at once


def check_size(name: str, size: int) -> None:
    """Refuse a file that is too large to be looked at here.

    Parameters
    ----------
    name : str
        Of the file, for the message.
    size : int
        In bytes.

    Raises
    ------
    ValueError
        If it has more than 20 MB (a million bytes each).
    """
    if size > LARGEST * 10**6:
        raise ValueError(f"Expected a picture file of at most {LARGEST} MB, but {name} has {size / 10**6:.1f} MB.")


class Upload(anywidget.AnyWidget):
    """A button that lets the browser choose a file.

    Parameters
    ----------
    received : function
        Is called with the name and the contents of a file.
    refused : function
        Is called with the name and the size, in bytes, of a file that is too large; it was not sent.
    """

    limit = traitlets.Int(LARGEST * 10**6).tag(sync=True)
    piece = traitlets.Int(PIECE).tag(sync=True)
    _esm = Path(__file__).with_name("upload.js")

    def __init__(self, received: Callable[[str, bytes], None], refused: Callable[[str, int], None]) -> None:
        super().__init__()
        self.received, self.refused, self.pieces = received, refused, bytearray()
        self.on_msg(self._take)

    def _take(self, _: object, content: dict[str, Any], buffers: Sequence[bytes]) -> None:
        """Put the pieces together; hand the file on when it is complete."""
        name, size = content["name"], content["size"]
        if content.get("refused"):
            self.refused(name, size)
            return
        if content["start"] == 0:
            self.pieces = bytearray()
        self.pieces += buffers[0]
        if len(self.pieces) >= min(size, self.limit):
            contents, self.pieces = bytes(self.pieces), bytearray()
            self.received(name, contents)
