r"""Widgets: move a slider or drag a point, and see what the method answers.

A widget is a thin layer over a pure function that makes its picture: `smoothgrad_picture`,
`integrated_gradients_picture`, `grad_cam_picture` and `plane_picture`. The picture is made in the background, so a
newer move of a slider stops the work on an older one.
"""

import math
from contextlib import ExitStack
from typing import Any

import ipywidgets as widgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_lib import activations, gradients, maps, regions, show
from lecture_lib.explore_attacks import attack as attack
from lecture_lib.explore_attacks import bim_path as bim_path
from lecture_lib.explore_birds import attention as attention
from lecture_lib.networks import Network, Score
from lecture_lib.samples import baseline_images, noisy_samples
from lecture_lib.widget_parts import LAZY, MARGIN, SIDE, DraggedPoint, Explorer, Picture, data_url, draw_plane

UNIT = "score per unit of intensity"


# ---- SmoothGrad and Integrated Gradients on photographs


def smoothgrad(network: Network) -> widgets.VBox:
    """SmoothGrad by hand: choose photograph, class, noise level and number of samples.

    Parameters
    ----------
    network : Network
        A classifier of ImageNet's photographs.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell.
    """
    percent = widgets.FloatSlider(
        0.15, min=0, max=0.5, step=0.01, readout_format=".0%", description="noise level", **LAZY
    )
    count = widgets.IntSlider(10, min=1, max=100, description="samples", **LAZY)
    return Explorer(network, smoothgrad_picture, "SmoothGrad", {"noise_level": percent, "n_samples": count})


def integrated_gradients(network: Network) -> widgets.VBox:
    """Integrated Gradients by hand: choose photograph, class, baseline and number of steps.

    Parameters
    ----------
    network : Network
        A classifier of ImageNet's photographs.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell.
    """
    start = widgets.Dropdown(options=["black", "white", "blur", "uniform"], description="baseline")
    count = widgets.IntSlider(10, min=1, max=300, description="steps", **LAZY)
    controls = {"baseline": start, "n_steps": count}
    return Explorer(network, integrated_gradients_picture, "Integrated Gradients", controls)


def smoothgrad_picture(score: Score, image: Tensor, title: str, *, noise_level: float, n_samples: int) -> Picture:
    """The image, the first of its noisy copies, and the SmoothGrad map: the largest absolute value over the channels.

    Parameters
    ----------
    score : function
        From images ``(N, C, H, W)`` to one number per image ``(N,)``.
    image : Tensor, shape (1, C, H, W)
        Pixels in [0, 1].
    title : str
        Title of the map.
    noise_level, n_samples
        As in `lecture_lib.gradients.smoothgrad`.

    Returns
    -------
    Picture
        With the standard deviation of the noise in its caption.
    """
    found = gradients.smoothgrad(score, image, noise_level=noise_level, n_samples=n_samples)
    noisy = next(noisy_samples(image, noise_level=noise_level))
    sigma = noise_level * float(image.max() - image.min())
    caption = f"Mean of {n_samples} gradients; the noise has σ = {sigma:.2f} ({noise_level:.0%} of I_max − I_min)."
    return _three_panels(image, noisy, "one noisy copy", maps.max_abs(found), title, UNIT, caption)


def integrated_gradients_picture(score: Score, image: Tensor, title: str, *, baseline: str, n_steps: int) -> Picture:
    """The image, the baseline, and the map of Integrated Gradients: the mean over the channels, with sign.

    Parameters
    ----------
    score : function
        From images ``(N, C, H, W)`` to one number per image ``(N,)``.
    image : Tensor, shape (1, C, H, W)
        Pixels in [0, 1].
    title : str
        Title of the map.
    baseline, n_steps
        As in `lecture_lib.gradients.integrated_gradients`.

    Returns
    -------
    Picture
        With the completeness gap in its caption.
    """
    found, gap = gradients.integrated_gradients(
        score, image, baseline=baseline, n_steps=n_steps, return_completeness_gap=True
    )
    total, difference = float(found.sum()), float(found.sum() - gap)
    share = f" ({gap.item() / difference:.1%} of f(I) − f(B))" if abs(difference) > 1e-6 else ""
    caption = (
        f"f(I) − f(B) = {difference:.2f}; the attribution adds up to {total:.2f}. "
        f"Completeness gap: {gap.item():.2f}{share}."
    )
    start = baseline_images(image, baseline)
    return _three_panels(image, start, f"baseline: {baseline}", maps.mean(found), title, "score", caption)


def _three_panels(
    image: Tensor, second: Tensor, second_title: str, values: Tensor, title: str, label: str, caption: str
) -> Picture:
    figure = Figure(
        figsize=(3.2 * show.PANEL, show.PANEL + 0.3), layout="constrained"
    )  # no pyplot: not the main thread
    axes = figure.subplots(1, 3)
    show.draw_image(axes[0], image, "image")
    show.draw_image(axes[1], second, second_title)
    limit = float(values.abs().flatten().quantile(0.995))
    show.draw_map(axes[2], values, title, label=label, limit=limit)
    return Picture(show.png(figure), f"The image, {second_title}, and a map: {title}.", caption)


# ---- Grad-CAM on photographs and collages

COLLAGES = ("cat | coffee", "camera | coffee", "motorcycle | camera", "flower | motorcycle", "china | camera")


def grad_cam(network: Network) -> widgets.VBox:
    """Grad-CAM by hand: choose photograph or collage, class and layer, with or without the final ReLU.

    Parameters
    ----------
    network : Network
        A convolutional classifier of ImageNet's photographs.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell.
    """
    layers = _layers_with_maps(network)
    layer = widgets.Dropdown(options=layers, value=layers[-1][1], description="layer")
    relu = widgets.Checkbox(True, description="ReLU: only what raises the score")
    options = {"layer": layer, "relu_attributions": relu}
    return Explorer(network, grad_cam_picture, "Grad-CAM", options, COLLAGES)


def grad_cam_picture(
    score: Score, image: Tensor, title: str, *, layer: nn.Module, relu_attributions: bool = True
) -> Picture:
    """The image, the map in its cells, and the upsampled map over the image in gray.

    Parameters
    ----------
    score : function
        From images ``(N, C, H, W)`` to one number per image ``(N,)``.
    image : Tensor, shape (1, C, H, W)
        Pixels in [0, 1].
    title : str
        Title of the map.
    layer, relu_attributions
        As in `lecture_lib.activations.grad_cam`.

    Returns
    -------
    Picture
        With the number of cells in its caption, and how much of the positive map lies on the left half.
    """
    found = activations.grad_cam(score, image, layer, relu_attributions=relu_attributions)
    upsampled = maps.upsample(found, (image.shape[2], image.shape[3]))
    left = (torch.arange(image.shape[3]) < image.shape[3] // 2).to(upsampled).expand_as(upsampled)
    share = regions.inside_fraction(upsampled, left).item()
    rows, columns = found.shape[1:]
    caption = f"{rows} × {columns} cells. " + (
        "No cell is positive." if math.isnan(share) else f"{share:.0%} of what is positive lies on the left half."
    )
    figure = Figure(figsize=(3.2 * show.PANEL, show.PANEL + 0.3), layout="constrained")
    axes = figure.subplots(1, 3)
    limit, signed = float(found.abs().max()), bool(found.min() < 0)
    show.draw_image(axes[0], image, "image")
    show.draw_map(axes[1], found, f"{rows} × {columns} cells", limit=limit, signed=signed)
    show.draw_image(axes[2], image.mean(dim=1, keepdim=True), title)
    show.draw_map(axes[2], upsampled, title, label="score", limit=limit, signed=signed, see_through=True)
    return Picture(show.png(figure), f"The image, its map in cells, and the map over the image: {title}.", caption)


def _layers_with_maps(network: Network) -> list[tuple[str, nn.Module]]:
    """Names and layers that return activation maps of more than one cell, from the first to the last."""
    layers = [(name, layer) for name, layer in network.model.named_modules() if name and name.count(".") < 2]
    side: Any = network.preprocessing["size"]
    with ExitStack() as recorded, torch.no_grad():
        recordings = [recorded.enter_context(activations.record(layer)) for _, layer in layers]
        network(torch.zeros(1, network.mean.shape[1], side, side))
    found = [
        (name, layer)
        for (name, layer), recording in zip(layers, recordings, strict=True)
        if len(recording.outputs) == 1 and recording.output.ndim == 4 and recording.output[0, 0].numel() > 1
    ]
    if not found:
        raise ValueError("Expected a network with layers that return activation maps, received one without.")
    return found


# ---- a point in a plane

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
        Their classes, 0 or 1.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell. The point follows the mouse, a finger, and the arrow keys.

    Raises
    ------
    TypeError, ValueError
        As in `plane_picture`.
    """
    picture, largest = plane_picture(score, points, labels), float(_field(score)[1].norm(dim=1).max())
    point = DraggedPoint(picture=data_url(picture), alt=picture.alt)
    caption = widgets.HTML()

    def follow(_: object = None) -> None:
        """Set the arrow and the numbers to those of the point's place."""
        x, y = point.point
        value, (dx, dy) = at_point(score, x, y)
        point.arrow = [dx * LONGEST / (largest or 1), dy * LONGEST / (largest or 1)]
        caption.value = (
            f"x₁ = {x:.2f}, x₂ = {y:.2f}: probability {value:.2f}; "
            f"gradient ({dx:.2f}, {dy:.2f}), length {(dx**2 + dy**2) ** 0.5:.2f}"
        )

    point.observe(follow, "point")
    follow()
    return widgets.VBox([point, caption])


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


def plane_picture(score: Score, points: Tensor | None = None, labels: Tensor | None = None) -> Picture:
    """The unit square, coloured by probability, with the boundary at 0.5, the gradient field, and given points.

    Parameters
    ----------
    score, points, labels
        As in `plane`.

    Returns
    -------
    Picture
        The unit square lies MARGIN pixels from the left and from the top, and its sides have SIDE pixels.

    Raises
    ------
    TypeError, ValueError
        If the score is no probability or does not depend on the point, or points and labels don't fit together.
    """
    width, height = SIDE + 2.5 * MARGIN, SIDE + 2 * MARGIN
    figure = Figure(figsize=(width / 100, height / 100))
    ax = figure.add_axes((MARGIN / width, MARGIN / height, SIDE / width, SIDE / height))
    background = draw_plane(ax, score)
    ax.quiver(*torch.cat(_field(score), dim=1).T.numpy(), color="dimgray", angles="xy")
    if points is not None:
        _draw_points(ax, points.flatten(1), labels)
    ax.set_title("probability, boundary and gradient field")
    bar_axes = figure.add_axes(((SIDE + 1.2 * MARGIN) / width, MARGIN / height, 0.2 * MARGIN / width, SIDE / height))
    figure.colorbar(background, cax=bar_axes, label="probability of class 1")
    alt = "Probability of a class over the unit square, with the boundary at 0.5 and an arrow field of its gradient."
    return Picture(show.png(figure, tight=False), alt, "")


def _field(score: Score) -> tuple[Tensor, Tensor]:
    """Points on a grid, and the gradients there: each of shape (N, 2)."""
    axis = torch.linspace(0.05, 0.95, 13)
    points = torch.cartesian_prod(axis, axis)
    return points, gradients.gradient(score, points.view(-1, 1, 1, 2)).flatten(1)


def _draw_points(ax: Axes, points: Tensor, labels: Tensor | None) -> None:
    labels = torch.zeros(len(points)) if labels is None else labels
    for label, marker, colour in [(0, "o", "navy"), (1, "^", "darkred")]:
        x, y = points[labels == label].T.numpy()
        ax.scatter(x, y, marker=marker, c=colour, s=18, edgecolors="white", linewidths=0.5)
