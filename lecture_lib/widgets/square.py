"""The unit square: a classifier of its points, coloured by probability, with a point to drag and its gradient."""

from pathlib import Path

import anywidget
import ipywidgets as widgets
import torch
import traitlets
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from torch import Tensor

from lecture_lib import gradients, show
from lecture_lib.networks import Score
from lecture_lib.widgets.panels import data_url
from lecture_lib.widgets.stage import Screen, Stage

SIDE, MARGIN = 360, 50  # pixels: of the unit square in its picture, and around it
PLANE_ALT = (
    "Probability of a class over the unit square, with the boundary at 0.5 and an arrow field of its gradient."
)
LONGEST = 0.35  # length of the arrow at the point where the gradient is as large as the largest in the field


def plane(score: Score, points: Tensor | None = None, labels: Tensor | None = None) -> widgets.VBox:
    r"""A classifier of the points of the unit square, with a point to drag: its probability and its gradient.

    Parameters
    ----------
    score : function
        The probability of class 1: from "images" ``(N, 1, 1, 2)``, which hold :math:`x_1, x_2`, to numbers in [0, 1],
        shape ``(N,)``; for example `lecture_lib.networks.Network.probability`.
    points : Tensor or None, shape (M, 1, 1, 2)
        Examples to draw, in [0, 1].
    labels : Tensor of int or None, shape (M,)
        Their classes, 0 or 1. Errors are as in `plane_picture`.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell. The point follows the mouse, a finger, and the arrow keys.
    """
    png, largest = plane_picture(score, points, labels), float(_field(score)[1].norm(dim=1).max())
    point = DraggedPoint(picture=data_url(png), alt=PLANE_ALT)
    caption = Screen()

    def follow(_: object = None) -> None:
        """Set the arrow and the numbers to those of the point's place."""
        x, y = point.value
        value, (dx, dy) = at_point(score, x, y)
        point.arrow = [dx * LONGEST / (largest or 1), dy * LONGEST / (largest or 1)]
        caption.value = (
            f"x₁ = {x:.2f}, x₂ = {y:.2f}: probability {value:.2f}; "
            f"gradient ({dx:.2f}, {dy:.2f}), length {(dx**2 + dy**2) ** 0.5:.2f}"
        )

    follow()
    return Stage({"point": point}, [point], [caption], follow)


def at_point(score: Score, x: float, y: float) -> tuple[float, tuple[float, float]]:
    """The score and its gradient at one point of the unit square.

    Parameters
    ----------
    score : function
        From ``(N, 1, 1, 2)`` to ``(N,)``.
    x, y : float
        In [0, 1].

    Returns
    -------
    (float, (float, float))
        The score; its derivatives with respect to x and y.
    """
    image = torch.tensor([x, y]).view(1, 1, 1, 2)
    dx, dy = gradients.gradient(score, image).flatten().tolist()
    return float(gradients.evaluate(score, image)), (dx, dy)


def plane_picture(score: Score, points: Tensor | None = None, labels: Tensor | None = None) -> bytes:
    """The unit square, coloured by probability, with the boundary at 0.5, the gradient field, and given points.

    Parameters
    ----------
    score, points, labels
        As in `plane`.

    Returns
    -------
    bytes
        Of a PNG file. The unit square lies MARGIN pixels from the left and from the top, and its sides have SIDE
        pixels.

    Raises
    ------
    TypeError, ValueError
        If the score is no probability or does not depend on the point, or points and labels don't fit together.
    """
    figure, ax = plane_figure(score)
    ax.quiver(*torch.cat(_field(score), dim=1).T.numpy(), color="dimgray", angles="xy")
    if points is not None:
        _draw_points(ax, points.flatten(1), labels)
    ax.set_title("probability and gradient field", fontsize=show.WIDGET_POINTS)
    return show.png(figure, tight=False)


def _field(score: Score) -> tuple[Tensor, Tensor]:
    """Points on a grid, and the gradients there: each of shape (N, 2)."""
    axis = torch.linspace(0.05, 0.95, 13)
    points = torch.cartesian_prod(axis, axis)
    return points, gradients.gradient(score, points.view(-1, 1, 1, 2)).flatten(1)


def _draw_points(ax: Axes, points: Tensor, labels: Tensor | None) -> None:
    labels = torch.zeros(len(points)) if labels is None else labels
    for label, marker, colour in [(0, "o", "navy"), (1, "^", "darkred")]:  # dark: they lie on blue and red
        x, y = points[labels == label].T.numpy()
        ax.scatter(x, y, marker=marker, c=colour, s=18, edgecolors="white", linewidths=0.5)


# ---- A point that is dragged ------------------------------------------------------------------------------------


class DraggedPoint(anywidget.AnyWidget):
    """A picture of the unit square with a point on it: the browser moves the point, Python sets the arrow."""

    picture, alt = traitlets.Unicode().tag(sync=True), traitlets.Unicode().tag(sync=True)
    place = traitlets.List([MARGIN, SIDE]).tag(sync=True)
    value = traitlets.List([0.5, 0.5]).tag(sync=True)
    arrow = traitlets.List([0.0, 0.0]).tag(sync=True)
    _esm = Path(__file__).with_name("square.js")
    _css = show.css_variables() + Path(__file__).with_name("square.css").read_text(encoding="utf-8")

    @property
    def still(self) -> str:
        """The picture below the point, as a piece of a page."""
        return f'<img src="{self.picture}" alt="{self.alt}">'


def plane_figure(score: Score) -> tuple[Figure, Axes]:
    """The unit square as `draw_plane` draws it, with a colour bar, at a fixed place, in large type.

    Parameters
    ----------
    score
        As in `draw_plane`, and so are the errors.

    Returns
    -------
    (matplotlib Figure, matplotlib Axes)
        The axes lie MARGIN pixels from the left and from the top, and their sides have SIDE pixels.
    """
    width, height = SIDE + 3 * MARGIN, SIDE + 2 * MARGIN
    figure = Figure(figsize=(width / show.DPI, height / show.DPI))  # no pyplot: this may not be the main thread
    ax = figure.add_axes((MARGIN / width, MARGIN / height, SIDE / width, SIDE / height))
    beside = (SIDE + 1.2 * MARGIN) / width, MARGIN / height, 0.2 * MARGIN / width, SIDE / height
    bar = figure.colorbar(draw_plane(ax, score), cax=figure.add_axes(beside))
    bar.set_label("probability of class 1", fontsize=show.WIDGET_POINTS)
    for axis in (ax.xaxis, ax.yaxis, bar.ax.yaxis):
        axis.set_ticks([0, 1])
        axis.set_tick_params(labelsize=show.WIDGET_POINTS)
        axis.label.set_fontsize(show.WIDGET_POINTS)
        axis.labelpad = -10  # between the two numbers
    return figure, ax


def draw_plane(ax: Axes, score: Score) -> QuadMesh:
    """Draw the unit square into given axes: coloured by probability, with the boundary at 0.5.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    score : function
        The probability of class 1, from "images" ``(N, 1, 1, 2)``, which hold the two coordinates, to ``(N,)``.

    Returns
    -------
    matplotlib QuadMesh
        For a colour bar.

    Raises
    ------
    ValueError
        If the score is no probability.
    """
    axis = torch.linspace(0, 1, 101)
    values = gradients.evaluate(score, torch.cartesian_prod(axis, axis).view(-1, 1, 1, 2)).view(101, 101).T
    if not 0 <= values.min() <= values.max() <= 1:
        raise ValueError(
            f"Expected a score that is a probability, received values from {values.min():.2g} to {values.max():.2g}."
        )
    x, colours = axis.numpy(), values.numpy()
    background = ax.pcolormesh(x, x, colours, cmap=show.SIGNED_COLOURS, vmin=0, vmax=1, shading="nearest")
    ax.contour(x, x, colours, levels=[0.5], colors="black", linewidths=2)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="$x_1$", ylabel="$x_2$")
    return background
