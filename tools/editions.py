"""Two editions of a lecture from one text: a notebook for the reader, and one with slides and notes for the room.

The reader's edition lies in ``notebooks/``. It has no speaker notes; code that only draws is folded, and so are the
outputs below a question, until the reader opens or runs them. The room's edition has all that the text has, and
the outputs of the reader's edition; ``make slides`` and ``make present`` make it when they need it.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from html import unescape
from textwrap import fill

import nbformat
from matplotlib.figure import Figure
from nbformat import NotebookNode
from PIL import Image

from lecture_lib.show import png, small_png

WIDGET = "application/vnd.jupyter.widget-view+json"
STILL = '<div class="still">'  # what a widget showed, see lecture_lib.widgets.stage
PICTURE = re.compile(r"data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)")
QUESTION = "<details><summary>"  # the reader answers before the folded answer is opened


def slide_type(cell: NotebookNode) -> str:
    """Return the slide type of a cell, "-" if it has none."""
    return str(cell.metadata.get("slideshow", {}).get("slide_type", "-"))


def reader(notebook: NotebookNode) -> NotebookNode:
    """Return the reader's edition of an executed lecture; the notebook stays as it is."""
    edition = nbformat.from_dict(notebook)
    edition.cells = [cell for cell in edition.cells if slide_type(cell) != "notes"]
    edition.metadata.pop("widgets", None)
    asked = False
    for cell in edition.cells:
        if cell.cell_type == "markdown":
            asked = QUESTION in cell.source
            continue
        folded = {"source_hidden": "hide-input" in cell.metadata.get("tags", []), "outputs_hidden": asked}
        if any(folded.values()):
            cell.metadata["jupyter"] = {name: True for name, fold in folded.items() if fold}
        for output in cell.outputs:
            stand_still(output)
    return edition


def room(text: NotebookNode, stored: NotebookNode) -> NotebookNode:
    """Return the room's edition: the cells of a text, with the outputs that are stored in the reader's edition."""
    edition = nbformat.from_dict(text)
    outputs = {cell.id: cell.outputs for cell in stored.cells if cell.cell_type == "code"}
    code = [cell for cell in edition.cells if cell.cell_type == "code" and slide_type(cell) != "notes"]
    if missing := [cell.id for cell in code if cell.id not in outputs]:
        raise ValueError(f"The notebook is older than its text, it has no cell {missing[0]}: run make notebooks.")
    for cell in code:
        cell.outputs = outputs[cell.id]
    return edition


def stand_still(output: NotebookNode) -> None:
    """Put what a widget showed in its place: as a page, and as a picture for readers whose pages are taken apart."""
    data = output.get("data", {})
    if data.pop(WIDGET, None):
        shown = list(pictures(data["text/html"]))
        data["text/plain"] = " | ".join(words for words, _ in shown)
        data["image/png"] = base64.b64encode(side_by_side(shown)).decode()
        output.metadata["image/png"] = {"alt": data["text/plain"]}


def shows_widget(cell: NotebookNode) -> bool:
    """Return whether what a cell shows stands for a widget, or is one."""
    shown = [output.get("data", {}) for output in cell.get("outputs", [])]
    return any(WIDGET in data or "".join(data.get("text/html", "")).startswith(STILL) for data in shown)


def pictures(page: str) -> Iterator[tuple[str, bytes]]:
    """Yield the pictures in a page whose addresses hold their data, each with its words."""
    for tag in re.findall(r"<img [^>]*>", page):
        if data := PICTURE.search(tag):
            words = re.search(r'alt="([^"]*)"', tag)
            yield unescape(words[1]) if words else "", base64.b64decode(data[1])


def side_by_side(panels: list[tuple[str, bytes]]) -> bytes:
    """Return a PNG file with pictures in a row, each below its words."""
    grid = Figure(figsize=(3.2 * len(panels), 3.6), layout="constrained")
    for ax, (alt, picture) in zip(grid.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        with Image.open(io.BytesIO(picture)) as image:
            ax.imshow(image.convert("RGB"))
        ax.set_title(fill(alt, 40), fontsize=10)
        ax.axis("off")
    with Image.open(io.BytesIO(png(grid))) as whole:
        return small_png(whole)
