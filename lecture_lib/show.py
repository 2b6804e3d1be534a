"""Figures: images and maps side by side, every one with a title, a scale and alt text."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from math import inf
from textwrap import fill
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.core.getipython import get_ipython
from IPython.display import HTML, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

if TYPE_CHECKING:  # that module imports this one
    from lecture_lib.card import Card

SIGNED_COLOURS = "RdBu_r"  # red raises the score, blue lowers it, white is 0; safe for colour-blind readers
UNSIGNED_COLOURS = "magma"
PANEL = 2.5  # inches
TITLE_WIDTH = 32  # characters that fit above a panel
FEW_COLOURS = 4096  # diagrams have fewer, photographs and maps have more
LEFT = "text-align: left"
WARNING = "background: #fff3cd; color: #5c4400; border-left: 0.3em solid #b8860b; padding: 0.5em"


def figure(figure: Figure, *, alt: str) -> None:
    """Show a finished figure in the notebook, together with a sentence for readers who can't see it.

    Parameters
    ----------
    figure : matplotlib Figure
        It is closed afterwards.
    alt : str
        What the figure shows, in words; stored as the picture's alt text.
    """
    data = {"image/png": b64encode(png(figure)).decode(), "text/plain": alt}
    plt.close(figure)
    if get_ipython() is None:
        return  # a plain script has no place to show it
    display(data, raw=True, metadata={"image/png": {"alt": alt}})


def png(figure: Figure, *, tight: bool = True) -> bytes:
    """The contents of a PNG file with a finished figure, at 100 pixels an inch.

    Parameters
    ----------
    figure : matplotlib Figure
        It stays open.
    tight : bool
        Whether to cut the figure to what is drawn; otherwise it keeps its size.

    Returns
    -------
    bytes
        Of a PNG file.
    """
    file = BytesIO()
    figure.savefig(file, format="png", dpi=100, bbox_inches="tight" if tight else None, facecolor="white")
    return file.getvalue()


def small_png(picture: Image.Image) -> bytes:
    """The contents of a PNG file with a picture in 256 colours: a third of the size, and the eye sees no difference.

    Parameters
    ----------
    picture : PIL Image
        In any mode; it stays as it is.

    Returns
    -------
    bytes
        Of a PNG file. A diagram gets the nearest colours. In all else, colours are mixed of dots (Floyd and Steinberg
        1976): smooth areas would show bands.
    """
    original = picture.convert("RGB")
    if original.getcolors(FEW_COLOURS):
        small = original.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    else:
        small = original.quantize(palette=original.quantize(256, Image.Quantize.FASTOCTREE))
    small.save(file := BytesIO(), format="png", optimize=True)
    return file.getvalue()


def images(images: Tensor, titles: Sequence[str], *, alt: str, title: str | None = None, columns: int = 5) -> None:
    """Show images in a grid.

    Parameters
    ----------
    images : Tensor, shape (N, C, H, W)
        Pixels in [0, 1]; C is 1 (gray) or 3 (RGB).
    titles : sequence of N str
        What is seen on each.
    alt : str
        The whole figure in words.
    title : str or None
        Title of the whole figure.
    columns : int
        At most so many images in a row.

    Raises
    ------
    ValueError
        If there are not as many titles as images.
    """
    if len(images) == 0:
        raise ValueError("Expected at least one image, received none.")
    if len(titles) != len(images):
        raise ValueError(f"Expected one title per image, received {len(titles)} titles for {len(images)} images.")
    grid, axes = _panels(len(images), columns, title)
    for ax, image, image_title in zip(axes, images, titles, strict=True):
        draw_image(ax, image, image_title)
    figure(grid, alt=alt)


def maps(
    image: Tensor,
    maps: Mapping[str, Tensor],
    *,
    alt: str,
    title: str | None = None,
    label: str = "score change per unit of intensity",
    same_scale: bool = True,
    percentile: float = 99.5,
    columns: int = 5,
) -> None:
    """Show one image and its maps side by side, with colour bars.

    Signed maps have diverging colours centred on 0, other maps have colours from 0 up.

    Parameters
    ----------
    image : Tensor, shape (1, C, H, W) or (C, H, W)
        Pixels in [0, 1].
    maps : dict from title to Tensor of shape (1, H, W) or (H, W)
        Drawn in their order.
    alt : str
        The whole figure in words.
    title : str or None
        Title of the whole figure.
    label : str
        What a colour means, with the unit.
    same_scale : bool
        One scale for all maps, so that colours can be compared; else each map has its own.
    percentile : float
        Values beyond this percentile of all absolute values share the last colour; the pointed end of the
        colour bar says so.
    columns : int
        At most so many panels in a row, the image included.

    Raises
    ------
    ValueError
        If there is no map, or the image or a map has another shape.
    """
    if not maps:
        raise ValueError("Expected at least one map, received none.")
    grid, axes = _panels(1 + len(maps), columns, title)
    draw_image(axes[0], image, "image")
    arrays = {name: _two_dimensional(values) for name, values in maps.items()}
    together = np.concatenate([array.ravel() for array in arrays.values()])
    for ax, (name, array) in zip(axes[1:], arrays.items(), strict=True):
        scale = together if same_scale else array
        draw_map(
            ax,
            torch.from_numpy(array),
            name,
            label=None if same_scale else label,
            limit=_limit(scale, percentile),
            signed=bool(scale.min() < 0),
        )
    if same_scale:
        _colour_bar(axes[-1].images[0], axes[1:], label)
    figure(grid, alt=alt)


def overlay(image: Tensor, map: Tensor, map_title: str, *, alt: str, label: str, percentile: float = 99.5) -> None:
    """Show an image, and next to it the map in colour on top of the image in gray.

    The map is opaque where its absolute value is large and clear where it is 0.

    Parameters
    ----------
    image : Tensor, shape (1, C, H, W) or (C, H, W)
        Pixels in [0, 1].
    map : Tensor, shape (1, H, W) or (H, W)
        Signed or not.
    map_title, alt, label, percentile
        As in `maps`.
    """
    grid, axes = _panels(2, 2, None)
    draw_image(axes[0], image, "image")
    axes[1].imshow(_array(image.mean(dim=-3, keepdim=True)), cmap="gray", vmin=0, vmax=1)
    draw_map(axes[1], map, map_title, label=label, limit=_limit(_two_dimensional(map), percentile), see_through=True)
    figure(grid, alt=alt)


def cards(*cards: "Card") -> None:
    """Show explanation cards side by side, with their numbers folded away.

    Parameters
    ----------
    *cards : Card
        From `lecture_lib.card.explanation_card`.
    """
    row = "".join(card_html(card, numbers=False) for card in cards)
    display(HTML(f'<div style="display: flex; flex-wrap: wrap; gap: 1em">{row}</div>'))


def card_html(card: "Card", *, numbers: bool = True) -> str:
    """An explanation card as a piece of a web page.

    Parameters
    ----------
    card : Card
        From `lecture_lib.card.explanation_card`.
    numbers : bool
        Whether the table of numbers is open; otherwise a click opens it.

    Returns
    -------
    str
        HTML with the image and the map inside; it loads nothing from elsewhere.
    """
    warnings = "".join(f'<p style="{WARNING}">⚠ <b>Warning.</b> {escape(text)}</p>' for text in card.warnings)
    wanted = {name: f"≥ {low:g}" if low > -inf else f"≤ {high:g}" for name, (low, high) in card.limits.items()}
    rows = "".join(
        f'<tr><td style="{LEFT}">{escape(name)}</td><td>{value:.2g}</td><td>{wanted.get(name, "")}</td></tr>'
        for name, value in card.numbers.items()
    )
    return f"""<figure style="width: 25em; margin: 0 0.6em 1em 0; line-height: 1.4">
        <img src="data:image/png;base64,{b64encode(_card_png(card)).decode()}" style="width: 100%"
             alt="An image and its map, {escape(card.title)}. It answers: {escape(card.question)}">
        <figcaption>{warnings or "<p>No check failed. (That is no proof that the map is right.)</p>"}
        <p><b>It answers:</b> {escape(card.question)}</p>
        <p><b>It does not say:</b> {escape(card.not_said)}</p>
        <p><b>Predicted and measured:</b> {escape(card.test)}</p>
        <details {"open" if numbers else ""}><summary>Numbers</summary><table style="line-height: 1.2">
        <tr><th style="{LEFT}">measured here</th><th>value</th><th>wanted</th></tr>{rows}</table></details>
        </figcaption></figure>"""


def draw_image(ax: Axes, image: Tensor, title: str) -> None:
    """Draw one image, gray or RGB, into given axes.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    image : Tensor, shape (1, C, H, W) or (C, H, W)
        Pixels in [0, 1].
    title : str
        What is seen.
    """
    ax.imshow(_array(image), cmap="gray", vmin=0, vmax=1)
    _frame(ax, title)


def draw_map(
    ax: Axes,
    map: Tensor,
    title: str,
    *,
    label: str | None = None,
    limit: float | None = None,
    signed: bool | None = None,
    see_through: bool = False,
) -> None:
    """Draw one map into given axes: diverging colours centred on 0 if it is signed, else colours from 0 up.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    map : Tensor, shape (1, H, W) or (H, W)
        Signed or not.
    title : str
        What is seen.
    label : str or None
        What a colour means, with the unit; adds a colour bar.
    limit : float or None
        The absolute value of the last colour; by default the largest in the map.
    signed : bool or None
        Which colours; by default those of the map's values.
    see_through : bool
        Whether the map is clear where it is 0, to be drawn over an image.

    Raises
    ------
    ValueError
        If the map has another shape.
    """
    values = _two_dimensional(map)
    limit = limit or _limit(values, 100)
    signed = bool(values.min() < 0) if signed is None else signed
    alpha = np.clip(np.abs(values) / limit, 0, 1) if see_through else None
    colours = SIGNED_COLOURS if signed else UNSIGNED_COLOURS
    picture = ax.imshow(values, cmap=colours, vmin=-limit if signed else 0, vmax=limit, alpha=alpha)
    _frame(ax, title)
    if label is not None:
        _colour_bar(picture, [ax], label)


def _card_png(card: "Card") -> bytes:
    """The image, and its map in colour; a coarse map lies over the image in gray, so that its cells can be placed."""
    grid = Figure(figsize=(2.9 * PANEL, 1.2 * PANEL))  # no pyplot: widgets draw in a thread
    left, right = grid.subplots(1, 2, width_ratios=(1, 1.25), gridspec_kw={"wspace": 0.03})
    draw_image(left, card.image, "image")
    size = card.image.shape[2:]
    coarse = card.map.shape[1:] != size
    if coarse:
        right.imshow(_array(card.image.mean(dim=1, keepdim=True)), cmap="gray", vmin=0, vmax=1)
    cells = interpolate(card.map[:, None], size=size, mode="nearest-exact")[0]  # each cell in one colour
    limit = _limit(cells.numpy(), 99.5)
    draw_map(right, cells, card.title, label=card.unit, limit=limit, signed=card.signed, see_through=coarse)
    with Image.open(BytesIO(png(grid))) as picture:
        return small_png(picture)


def _frame(ax: Axes, title: str) -> None:
    """A title, and a thin line that shows where a white picture ends."""
    ax.set_title(fill(title, TITLE_WIDTH), fontsize=10)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color="0.7", linewidth=0.5)


def _panels(count: int, columns: int, title: str | None) -> tuple[Figure, list[Axes]]:
    columns = min(count, columns)
    rows = -(-count // columns)
    size = (PANEL * columns, (PANEL + 0.3) * rows)
    grid = Figure(figsize=size, layout="constrained")  # pyplot doesn't know it: after an error nothing stays open
    axes = grid.subplots(rows, columns, squeeze=False)
    for ax in axes.flat[count:]:
        ax.axis("off")
    grid.suptitle(title or "", fontsize=12)
    return grid, list(axes.flat[:count])


def _array(image: Tensor) -> np.ndarray[Any, Any]:
    """(1, C, H, W) or (C, H, W) → (H, W, 3), or (H, W) for a gray image."""
    pixels = image.detach().cpu()
    pixels = pixels.unsqueeze(0) if pixels.ndim == 3 else pixels
    if pixels.ndim != 4 or len(pixels) != 1 or pixels.shape[1] not in (1, 3) or 0 in pixels.shape:
        raise ValueError(f"Expected one image of shape (1, 3, H, W) or (1, 1, H, W), received {tuple(image.shape)}.")
    array: np.ndarray[Any, Any] = pixels[0].permute(1, 2, 0).clamp(0, 1).numpy()
    return array[:, :, 0] if array.shape[2] == 1 else array


def _two_dimensional(map: Tensor) -> np.ndarray[Any, Any]:
    values = map.detach().cpu()
    values = values[0] if values.ndim == 3 and len(values) == 1 else values
    if values.ndim != 2:
        raise ValueError(f"Expected a map of shape (H, W) or (1, H, W), received {tuple(map.shape)}.")
    return values.numpy()


def _limit(values: np.ndarray[Any, Any], percentile: float) -> float:
    return float(np.percentile(np.abs(values), percentile)) or 1.0


def _colour_bar(picture: AxesImage, axes: Sequence[Axes], label: str) -> None:
    low, high = picture.get_clim()
    values = picture.get_array()
    beyond = values is not None and (values.max() > high or values.min() < low)
    extend = ("both" if low < 0 else "max") if beyond else "neither"  # pointed ends: some values lie beyond
    bar = axes[0].figure.colorbar(picture, ax=list(axes), extend=extend, shrink=0.8)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
