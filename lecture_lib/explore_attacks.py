r"""Widgets on attacks: move epsilon and watch the probabilities, or follow an attack step by step in a plane.

As in `lecture_lib.explore`, a widget is a thin layer over a pure function that makes its picture: `attack_picture`
and `bim_path_picture`.
"""

from functools import partial

import ipywidgets as widgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_lib import attacks, gradients, show
from lecture_lib.networks import Network, Score
from lecture_lib.widget_parts import LAZY, Explorer, Picture, data_url, draw_plane

# ---- an attack on a photograph

DIRECTIONS = ("away from the class", "towards the class")


def attack(network: Network) -> widgets.VBox:
    """FGSM and BIM by hand: choose photograph, class, epsilon, number of steps, and away from the class or towards.

    Parameters
    ----------
    network : Network
        A classifier of ImageNet's photographs.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell.
    """
    epsilon = widgets.FloatSlider(1, min=0, max=16, step=0.25, description="ε · 255", **LAZY)
    steps = widgets.IntSlider(1, min=1, max=20, description="steps", **LAZY)
    direction = widgets.Dropdown(options=DIRECTIONS, description="direction")
    controls = {"levels": epsilon, "n_steps": steps, "direction": direction}
    return Explorer(network, partial(attack_picture, network), "Attack on", controls, score=network.loss)


def attack_picture(
    network: Network, loss: Score, image: Tensor, title: str, *, levels: float, n_steps: int, direction: str
) -> Picture:
    """The image before and after an attack, what was added, and the five most probable classes after it.

    Parameters
    ----------
    network : Network
        The classifier, asked for probabilities.
    loss : function
        The loss of the class that is attacked; it is climbed, or for "towards the class" descended.
    image : Tensor, shape (1, C, H, W)
        Pixels in [0, 1].
    title : str
        Names the attack, for readers who can't see the picture.
    levels : float
        Epsilon in units of 1/255.
    n_steps : int
        1 for FGSM, more for BIM with steps of a quarter of epsilon.
    direction : {"away from the class", "towards the class"}
        What to do with the loss.

    Returns
    -------
    Picture
        With the most probable class before and after in its caption.
    """

    def gain(images: Tensor) -> Tensor:
        """The loss with the wished sign."""
        return loss(images) if direction == DIRECTIONS[0] else -loss(images)

    epsilon = levels / 255
    step_size = epsilon if n_steps == 1 else epsilon / 4
    found = attacks.bim(gain, image, epsilon=epsilon, step_size=step_size, n_steps=n_steps)
    figure = Figure(
        figsize=(5 * show.PANEL, show.PANEL + 0.3), layout="constrained"
    )  # no pyplot: not the main thread
    axes = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.2))
    show.draw_image(axes[0], image, "image")
    show.draw_image(axes[1], 0.5 + found.perturbation / (2 * epsilon or 1), "what is added (gray: nothing)")
    show.draw_image(axes[2], found.images, "after the attack")
    draw_probabilities(axes[3], network, image, found.images)
    (name, before), (new_name, after) = (network.predict(each, top=1)[0][0] for each in (image, found.images))
    caption = (
        f"ε = {levels:g}/255, {'FGSM' if n_steps == 1 else f'BIM with {n_steps} steps of ε/4'}. "
        f"Before: {name} ({before:.0%}). After: {new_name} ({after:.0%}). "
        f"L2 norm of the change: {found.l2.item():.2f}."
    )
    return Picture(
        show.png(figure), f"{title}: the image, the enlarged change, the changed image, and bars.", caption
    )


def draw_probabilities(ax: Axes, network: Network, before: Tensor, after: Tensor, top: int = 5) -> None:
    """Draw the most probable classes of an image after an attack as bars, and their probabilities before it as marks.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    network : Network
        The classifier.
    before, after : Tensors, shape (1, C, H, W)
        Pixels in [0, 1].
    top : int
        How many classes.
    """
    names, probabilities = zip(*network.predict(after, top)[0], strict=True)
    with torch.no_grad():
        earlier = network(before).softmax(dim=1)[0, [network.classes.index(name) for name in names]].tolist()
    places = range(len(names))
    ax.barh(places, probabilities, color="tab:blue", label="after")
    ax.plot(earlier, places, "D", color="tab:orange", markeredgecolor="black", label="before")
    ax.set_yticks(places, [name[:18] for name in names], fontsize=8)
    ax.invert_yaxis()
    ax.set(xlim=(-0.03, 1.03), xlabel="probability")
    ax.set_title("most probable classes", fontsize=10)
    ax.legend(fontsize=8, loc="lower right")


# ---- the path of BIM in a plane


def bim_path(score: Score, start: tuple[float, float] = (0.5, 0.5)) -> widgets.VBox:
    """BIM step by step in the unit square: choose start, epsilon, step size and number of steps.

    Parameters
    ----------
    score : function
        The probability of class 1, which the attack climbs: from "images" ``(N, 1, 1, 2)``, which hold x₁ and x₂, to
        numbers in [0, 1], shape ``(N,)``.
    start : (float, float)
        Where the attack starts at first.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell.

    Raises
    ------
    TypeError, ValueError
        As in `bim_path_picture`.
    """
    x1, x2 = (
        widgets.FloatSlider(value, min=0, max=1, step=0.01, description=name, **LAZY)
        for value, name in zip(start, ("x₁", "x₂"), strict=True)
    )
    epsilon = widgets.FloatSlider(0.2, min=0, max=0.5, step=0.01, description="ε", **LAZY)
    step_size = widgets.FloatSlider(0.04, min=0.01, max=0.2, step=0.01, description="step α", **LAZY)
    steps = widgets.IntSlider(1, min=1, max=20, description="steps", **LAZY)
    picture = widgets.HTML()

    def redraw(_: object = None) -> None:
        """Draw what the sliders say."""
        made = bim_path_picture(
            score, (x1.value, x2.value), epsilon=epsilon.value, step_size=step_size.value, n_steps=steps.value
        )
        picture.value = f'<img src="{data_url(made)}" alt="{made.alt}"><p>{made.caption}</p>'

    for control in (x1, x2, epsilon, step_size, steps):
        control.observe(redraw, "value")
    redraw()
    return widgets.VBox([widgets.HBox([x1, x2]), widgets.HBox([epsilon, step_size, steps]), picture])


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
    figure = Figure(figsize=(5.6, 4.8), layout="constrained")
    ax = figure.add_subplot(aspect="equal")
    figure.colorbar(draw_plane(ax, score), ax=ax, label="probability of class 1")
    ends = draw_attacks(ax, score, start, epsilon=epsilon, step_size=step_size, n_steps=n_steps)
    values = [gradients.evaluate(score, end).item() for end in (torch.tensor(start).view(1, 1, 1, 2), *ends)]
    alt = "The unit square coloured by probability, a start, the square ball around it, and the paths of two attacks."
    caption = f"Probability at the start: {values[0]:.2f}; after FGSM: {values[1]:.2f}; after BIM: {values[2]:.2f}."
    return Picture(show.png(figure), alt, caption)


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
    path = torch.cat(
        list(attacks.bim_path(score, image, epsilon=epsilon, step_size=step_size, n_steps=n_steps))
    ).flatten(1)
    corner = (start[0] - epsilon, start[1] - epsilon)
    ax.add_patch(Rectangle(corner, 2 * epsilon, 2 * epsilon, fill=False, linestyle="--", label="ε-ball"))
    ax.plot(*torch.cat([image, one]).flatten(1).T, "s-", color="goldenrod", markersize=6, label="FGSM: one step")
    ax.plot(*path.T, "o-", color="black", markersize=4, label="BIM: many steps")
    ax.plot(*start, "*", color="white", markeredgecolor="black", markersize=14, label="start")
    ax.legend(fontsize=8, loc="lower left")
    return one, path[-1].view(1, 1, 1, 2)
