"""Figures: images and maps side by side, every one with a title, a scale and alt text; and the look of the course."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.core.getipython import get_ipython
from IPython.display import display
from matplotlib import rc_params_from_file
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor  # who only asks for the look, such as tools/present.py, need not wait for torch

# ---- The look: what diagrams share is in lecture.mplstyle, all else here ----------------------------------------

STYLE = rc_params_from_file(Path(__file__).with_name("lecture.mplstyle"), use_default_template=False)
BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, VERMILION = STYLE["axes.prop_cycle"].by_key()["color"]  # "C0" to "C5"
SIGNED_COLOURS = "RdBu_r"  # red raises the score, blue lowers it, white is 0; safe for colour-blind readers
UNSIGNED_COLOURS = "magma"
INK = "#1a1a1a"  # of words
WARNING_INK, WARNING_PAPER, WARNING_EDGE = "#5c4400", "#fff3cd", "#b8860b"

# Sizes of type, in pixels of a page of 1280 × 720 that is seen from the back of a room
PROSE_SIZE = 26  # on slides
WIDGET_SIZE = 20
SMALL_SIZE = 18  # code on slides, controls of widgets

DPI = 100  # pixels an inch
TITLE_POINTS, LABEL_POINTS, TICK_POINTS = (STYLE["font.size"] - less for less in (1, 2, 3))  # of small panels
WIDGET_POINTS = 72 * WIDGET_SIZE / DPI  # in a figure: as large as a widget's words
PANEL = 2.5  # inches
TITLE_WIDTH = 32  # characters that fit above a panel
FEW_COLOURS = 4096  # diagrams have fewer, photographs and maps have more


def css_variables() -> str:
    """The look for style sheets, which write ``var(--course-blue)``.

    Returns
    -------
    str
        CSS: a rule with one variable for each colour and each size of type.
    """
    colours = {
        "blue": BLUE,
        "orange": ORANGE,
        "green": GREEN,
        "purple": PURPLE,
        "sky-blue": SKY_BLUE,
        "vermilion": VERMILION,
        "ink": INK,
    }
    sizes = {"prose-size": PROSE_SIZE, "widget-size": WIDGET_SIZE, "small-size": SMALL_SIZE}
    values = colours | {name: f"{size}px" for name, size in sizes.items()}
    return ":root {" + " ".join(f"--course-{name}: {value};" for name, value in values.items()) + "}\n"


# ---- Figures ----------------------------------------------------------------------------------------------------


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
    figure.savefig(file, format="png", dpi=DPI, bbox_inches="tight" if tight else None, facecolor="white")
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
    alt, title
        As in `images`.
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
    arrays = [_two_dimensional(values) for values in maps.values()]
    together = np.concatenate([array.ravel() for array in arrays])
    for ax, (name, values), array in zip(axes[1:], maps.items(), arrays, strict=True):
        scale = together if same_scale else array
        draw_map(
            ax,
            values,
            name,
            label=None if same_scale else label,
            limit=colour_limit(scale, percentile),
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
    map : Tensor, shape (1, H, W) or (H, W)
        Signed or not.
    image, map_title, alt, label, percentile
        As in `maps`.
    """
    grid, axes = _panels(2, 2, None)
    draw_image(axes[0], image, "image")
    draw_image(axes[1], image.mean(dim=-3, keepdim=True), "")
    draw_map(
        axes[1], map, map_title, label=label, limit=colour_limit(_two_dimensional(map), percentile), see_through=True
    )
    figure(grid, alt=alt)


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
    ax, map, title
        As in `draw_image`, but a map of shape (1, H, W) or (H, W), signed or not.
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
    limit = limit or colour_limit(values, 100)
    signed = bool(values.min() < 0) if signed is None else signed
    alpha = np.clip(np.abs(values) / limit, 0, 1) if see_through else None
    colours = SIGNED_COLOURS if signed else UNSIGNED_COLOURS
    picture = ax.imshow(values, cmap=colours, vmin=-limit if signed else 0, vmax=limit, alpha=alpha)
    _frame(ax, title)
    if label is not None:
        _colour_bar(picture, [ax], label)


def colour_limit(values: np.ndarray[Any, Any], percentile: float) -> float:
    """The absolute value that gets the last colour: a percentile of all absolute values, 1 if it is 0.

    Parameters
    ----------
    values : array
        Of one map, or of several that share a scale.
    percentile : float
        From 0 to 100.

    Returns
    -------
    float
        Above 0.
    """
    return float(np.percentile(np.abs(values), percentile)) or 1.0


def _frame(ax: Axes, title: str) -> None:
    """A title, and a thin line that shows where a white picture ends."""
    ax.set_title(fill(title, TITLE_WIDTH), fontsize=TITLE_POINTS)
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
    grid.suptitle(title or "", fontsize=STYLE["figure.titlesize"])
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


def _colour_bar(picture: AxesImage, axes: Sequence[Axes], label: str) -> None:
    low, high = picture.get_clim()
    values = picture.get_array()
    beyond = values is not None and (values.max() > high or values.min() < low)
    extend = ("both" if low < 0 else "max") if beyond else "neither"  # pointed ends: some values lie beyond
    bar = axes[0].figure.colorbar(picture, ax=list(axes), extend=extend, shrink=0.8)
    bar.set_label(label, fontsize=LABEL_POINTS)
    bar.ax.tick_params(labelsize=TICK_POINTS)
