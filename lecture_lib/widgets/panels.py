"""Pictures of the widgets: panels side by side and a caption, as a piece of a web page.

Only pixels become image files. Titles, scales and numbers are text that the browser sets: sharp at any size, and
ready at once, where a figure would take longer to draw than a small preview takes to compute.
"""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import NamedTuple

import matplotlib
from matplotlib.colors import to_hex
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from lecture_lib.show import BLUE, SIGNED_COLOURS, UNSIGNED_COLOURS, VERMILION

SHOWN = (4, 16, 64)  # after so many samples, or steps, there is a picture: a quarter of a second, then a few seconds
PANEL = 'style="flex: 1 1 0; min-width: 0; max-width: 15em; margin: 0"'
ROW = "display: flex; gap: 1em; align-items: flex-start"


class Picture(NamedTuple):
    """Panels side by side, each a piece of HTML, and a caption with their numbers, which is text."""

    panels: Sequence[str]
    caption: str

    @property
    def html(self) -> str:
        """All of it, for a page; it loads nothing from elsewhere."""
        row = f'<div style="{ROW}">{"".join(self.panels)}</div>'
        return row + f'<p style="margin: 0.4em 0 0">{escape(self.caption)}</p>'


def image_panel(image: Tensor, title: str, note: str = "") -> str:
    """An image below its title, and a note below it.

    Parameters
    ----------
    image : Tensor, shape (1, C, H, W)
        Pixels; what lies outside [0, 1] is clipped.
    title, note : str
        What is seen.

    Returns
    -------
    str
        HTML.
    """
    return _panel(_address(to_pil_image(image[0].clamp(0, 1)), "jpeg"), title, escape(note))


def map_panel(
    map: Tensor, title: str, *, unit: str, limit: float, signed: bool | None = None, over: Tensor | None = None
) -> str:
    """A map in colour below its title, and a scale below it: as `lecture_lib.show.draw_map` draws it.

    Parameters
    ----------
    map : Tensor, shape (1, H, W)
        Signed or not; every cell is drawn as a square of one colour.
    title : str
        What is seen.
    unit : str
        Of its values.
    limit : float
        The absolute value of the last colour.
    signed : bool or None
        Whether the colours diverge from 0; by default, if a value is negative.
    over : Tensor or None, shape (1, C, H, W)
        An image to show in gray below the map, which is clear where it is 0.

    Returns
    -------
    str
        HTML.
    """
    signed = bool(map.min() < 0) if signed is None else signed
    limit = limit or 1.0
    place = (map[0] / limit / 2 + 0.5 if signed else map[0] / limit).clamp(0, 1)
    picture = Image.fromarray((255 * place).round().byte().numpy())
    picture.putpalette([round(255 * part) for colour in _colours(signed) for part in colour])
    if over is not None:
        gray = to_pil_image(over[0].mean(dim=0)).convert("RGB")
        opaque = to_pil_image((map[0].abs() / limit).clamp(0, 1))
        picture = Image.composite(picture.convert("RGB"), gray, opaque)
    below = _scale(limit, signed, unit, beyond=bool(map.abs().max() > limit))
    if over is None:
        return _panel(_address(picture, "png"), title, below, "pixelated")  # cells have sharp edges
    return _panel(_address(picture, "jpeg"), title, below)


def bars_panel(names: Sequence[str], now: Sequence[float], earlier: Sequence[float], title: str) -> str:
    """Probabilities as bars with numbers, and as marks what they were before.

    Parameters
    ----------
    names : sequence of N str
        Of the classes.
    now, earlier : sequences of N floats
        Probabilities.
    title : str
        What is seen.

    Returns
    -------
    str
        HTML.
    """
    rows = ""
    for name, after, before in zip(names, now, earlier, strict=True):
        mark = f"position: absolute; left: calc({before:.1%} - 0.4em); color: {VERMILION}; line-height: 0.8"
        bar = f"background: {BLUE}; height: 0.9em; width: {after:.1%}"
        rows += (
            f"<div>{escape(name)} {after:.0%}</div>"
            f'<div style="position: relative; border-left: 1px solid">'
            f'<div style="{mark}">◆</div><div style="{bar}"></div></div>'
        )
    legend = f'<div><span style="color: {VERMILION}">◆</span> before</div>'
    return f"<figure {PANEL}>{_title(title)}{rows}{legend}</figure>"


def figure_panel(png: bytes, alt: str) -> str:
    """A figure of matplotlib, which brings its own title.

    Parameters
    ----------
    png : bytes
        From `lecture_lib.show.png`.
    alt : str
        The figure in words.

    Returns
    -------
    str
        HTML.
    """
    return f'<img src="{data_url(png)}" alt="{escape(alt)}" style="max-width: 100%">'


def data_url(contents: bytes, kind: str = "png") -> str:
    """An address that holds the whole picture, for the browser.

    Parameters
    ----------
    contents : bytes
        Of a picture file.
    kind : {"png", "jpeg"}
        Of the file.

    Returns
    -------
    str
        As in ``<img src="…">``.
    """
    return f"data:image/{kind};base64,{b64encode(contents).decode()}"


def _address(picture: Image.Image, kind: str) -> str:
    picture.save(file := BytesIO(), format=kind, quality=90, compress_level=1)  # quick: 5 ms instead of 30
    return data_url(file.getvalue(), kind)


def _panel(address: str, title: str, below: str, look: str = "auto") -> str:
    style = f"display: block; width: 100%; max-width: none; image-rendering: {look}"
    return (
        f'<figure {PANEL}>{_title(title)}<img src="{address}" alt="{escape(title)}" style="{style}">{below}</figure>'
    )


def _title(title: str) -> str:
    return f'<figcaption style="font-weight: bold">{escape(title)}</figcaption>'


def _colours(signed: bool) -> list[list[float]]:
    """256 colours, from the lowest value to the highest: red, green and blue in [0, 1]."""
    colours: list[list[float]] = matplotlib.colormaps[SIGNED_COLOURS if signed else UNSIGNED_COLOURS](
        range(256)
    ).tolist()
    return [colour[:3] for colour in colours]


def _scale(limit: float, signed: bool, unit: str, beyond: bool) -> str:
    """The colours from low to high, and the values at both ends and at 0; some of the map's may lie beyond."""
    stops = ", ".join(to_hex((r, g, b)) for r, g, b in _colours(signed)[::51])
    high, low = (f"≥ {limit:.2g}", f"≤ −{limit:.2g}") if beyond else (f"{limit:.2g}", f"−{limit:.2g}")
    ticks = [low, "0", high] if signed else ["0", high]
    numbers = "".join(f"<span>{tick}</span>" for tick in ticks)
    strip = f"height: 0.8em; margin-top: 0.3em; background: linear-gradient(to right, {stops})"
    line = "display: flex; justify-content: space-between"
    return f'<div style="{strip}"></div><div style="{line}">{numbers}</div><div>{unit}</div>'
