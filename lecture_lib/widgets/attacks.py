r"""Widgets on attacks: move epsilon and watch the probabilities, or follow an attack step by step in a plane.

As in `methods`, a widget is a thin layer over a pure function that makes its pictures: `attack_pictures` and
`bim_path_picture`.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import ipywidgets as widgets
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_lib import attacks, gradients, show
from lecture_lib.networks import Network, Score
from lecture_lib.widgets.panels import SHOWN, Picture, bars_panel, figure_panel, image_panel
from lecture_lib.widgets.parts import Explorer
from lecture_lib.widgets.square import plane_figure
from lecture_lib.widgets.stage import Live

# ---- an attack on a photograph

DIRECTIONS = ("away from the class", "towards the class")


def attack(network: Network) -> widgets.VBox:
    """FGSM and BIM by hand: choose photograph, class, epsilon, number of steps, and away from the class or towards.

    Parameters
    ----------
    network
        As in `lecture_lib.widgets.methods.smoothgrad`.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell.
    """
    epsilon = widgets.FloatSlider(1, min=0, max=16, step=0.25, description="ε · 255")
    steps = widgets.IntSlider(1, min=1, max=20, description="steps")
    direction = widgets.Dropdown(options=DIRECTIONS, description="direction")
    controls = {"levels": epsilon, "n_steps": steps, "direction": direction}
    return Explorer(network, partial(attack_pictures, network), "Attack on", controls, score=network.loss)


def attack_pictures(
    network: Network, loss: Score, image: Tensor, title: str, *, levels: float, n_steps: int, direction: str
) -> Iterator[Picture]:
    """The image before and after an attack, what was added, and the five most probable classes after it.

    Parameters
    ----------
    network : Network
        The classifier, asked for probabilities.
    loss : function
        The loss of the class that is attacked; it is climbed, or for "towards the class" descended.
    image, title
        As in `lecture_lib.widgets.methods.smoothgrad_pictures`.
    levels : float
        Epsilon in units of 1/255.
    n_steps : int
        1 for FGSM, more for BIM with steps of a quarter of epsilon.
    direction : {"away from the class", "towards the class"}
        What to do with the loss.

    Yields
    ------
    Picture
        After some steps and after all, with the most probable class before and after in its caption.
    """

    def gain(images: Tensor) -> Tensor:
        """The loss with the wished sign."""
        return loss(images) if direction == DIRECTIONS[0] else -loss(images)

    epsilon = levels / 255
    step_size = epsilon if n_steps == 1 else epsilon / 4
    path = attacks.bim_path(gain, image, epsilon=epsilon, step_size=step_size, n_steps=n_steps)
    for count, changed in enumerate(path):
        if count == n_steps or count in SHOWN:
            so_far = f"{count} of {n_steps}" if count < n_steps else f"{n_steps}"
            how = "FGSM" if n_steps == 1 else f"BIM with {so_far} steps of ε/4"
            yield _attack_picture(network, image, changed, title, f"ε = {levels:g}/255, {how}.", epsilon)


def _attack_picture(
    network: Network, image: Tensor, changed: Tensor, title: str, how: str, epsilon: float
) -> Picture:
    with torch.no_grad():
        before, after = network(torch.cat([image, changed])).softmax(dim=1)
    most = [int(k) for k in after.topk(min(5, len(after))).indices]
    names = [network.classes[k] for k in most]
    top, change = int(before.argmax()), changed - image
    caption = (
        f"{how} Before: {network.classes[top]} ({before[top]:.0%}). After: {names[0]} ({after[most[0]]:.0%}). "
        f"L2 norm of the change: {change.norm():.2f}."
    )
    panels = [
        image_panel(image, "image"),
        image_panel(0.5 + change / (2 * epsilon or 1), "what is added", "gray: nothing"),
        image_panel(changed, title),
        bars_panel(names, after[most].tolist(), before[most].tolist(), "top classes"),
    ]
    return Picture(panels, caption)


# ---- the path of BIM in a plane


def bim_path(score: Score, start: tuple[float, float] = (0.5, 0.5)) -> widgets.VBox:
    """BIM step by step in the unit square: choose start, epsilon, step size and number of steps.

    Parameters
    ----------
    score : function
        The probability of class 1, which the attack climbs: from "images" ``(N, 1, 1, 2)``, which hold x₁ and x₂, to
        numbers in [0, 1], shape ``(N,)``.
    start : (float, float)
        Where the attack starts at first. Errors are as in `bim_path_picture`.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell.
    """
    controls = {
        "x1": widgets.FloatSlider(start[0], min=0, max=1, step=0.01, description="x₁"),
        "x2": widgets.FloatSlider(start[1], min=0, max=1, step=0.01, description="x₂"),
        "epsilon": widgets.FloatSlider(0.2, min=0, max=0.5, step=0.01, description="ε"),
        "step_size": widgets.FloatSlider(0.04, min=0.01, max=0.2, step=0.01, description="step α"),
        "n_steps": widgets.IntSlider(1, min=1, max=20, description="steps"),
    }

    def draw(_: object, *, x1: float, x2: float, **options: Any) -> list[Picture]:
        """Draw what the sliders say."""
        return [bim_path_picture(score, (x1, x2), **options)]

    return Live(draw, controls)


def bim_path_picture(
    score: Score, start: tuple[float, float], *, epsilon: float, step_size: float, n_steps: int
) -> Picture:
    """The unit square coloured by probability, the ball around the start, one step of FGSM and many of BIM.

    Parameters
    ----------
    score, start
        As in `bim_path`.
    epsilon, step_size, n_steps
        As in `lecture_lib.attacks.bim`.

    Returns
    -------
    Picture
        With the probabilities at the start and at both ends in its caption.

    Raises
    ------
    TypeError, ValueError
        If the score is no probability, or a number is out of range.
    """
    figure, ax = plane_figure(score)
    ends = draw_attacks(ax, score, start, epsilon=epsilon, step_size=step_size, n_steps=n_steps)
    values = [gradients.evaluate(score, end).item() for end in (torch.tensor(start).view(1, 1, 1, 2), *ends)]
    alt = "The unit square coloured by probability, a start, the square ball around it, and the paths of two attacks."
    caption = f"Probability at the start: {values[0]:.2f}; after FGSM: {values[1]:.2f}; after BIM: {values[2]:.2f}."
    return Picture([figure_panel(show.png(figure, tight=False), alt)], caption)


def draw_attacks(
    ax: Axes, score: Score, start: tuple[float, float], *, epsilon: float, step_size: float, n_steps: int
) -> tuple[Tensor, Tensor]:
    """Draw the ball around a start, the step of FGSM and the path of BIM into the axes of a unit square.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    score, start, epsilon, step_size, n_steps
        As in `bim_path_picture`.

    Returns
    -------
    (Tensor, Tensor), each of shape (1, 1, 1, 2)
        Where FGSM and BIM end.
    """
    image = torch.tensor(start).view(1, 1, 1, 2)
    one = attacks.fgsm(score, image, epsilon=epsilon).images
    steps = attacks.bim_path(score, image, epsilon=epsilon, step_size=step_size, n_steps=n_steps)
    path = torch.cat(list(steps)).flatten(1)
    corner = (start[0] - epsilon, start[1] - epsilon)
    ax.add_patch(Rectangle(corner, 2 * epsilon, 2 * epsilon, fill=False, linestyle="--", label="ε-ball"))
    ax.plot(*torch.cat([image, one]).flatten(1).T, "s-", color=show.ORANGE, markersize=6, label="FGSM: one step")
    ax.plot(*path.T, "o-", color="black", markersize=4, label="BIM: many steps")
    ax.plot(*start, "*", color="white", markeredgecolor="black", markersize=14, label="start")
    ax.legend(fontsize=show.STYLE["legend.fontsize"], loc="upper right")
    return one, path[-1].view(1, 1, 1, 2)
