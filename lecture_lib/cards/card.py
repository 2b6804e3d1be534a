"""What a card is: a map with its question, its numbers and their limits; and how it looks on a page."""

from base64 import b64encode
from dataclasses import dataclass
from html import escape
from io import BytesIO
from math import inf
from typing import NamedTuple

from IPython.display import HTML, display
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from lecture_lib.show import (
    PANEL,
    WARNING_EDGE,
    WARNING_INK,
    WARNING_PAPER,
    colour_limit,
    draw_image,
    draw_map,
    png,
    small_png,
)

SLOPE_LEFT = "share of the slope that the softmax leaves"
LEFT = "text-align: left"
WARNING = (
    f"background: {WARNING_PAPER}; color: {WARNING_INK}; border-left: 0.3em solid {WARNING_EDGE}; padding: 0.5em"
)

# ---- Limits -----------------------------------------------------------------------------------------------------


class Check(NamedTuple):
    """A number of the card, what to say where it is below or above a limit, and the limits."""

    number: str
    warning: str  # may name {value}, {target}, {top} and {top_probability}
    low: float = -inf
    high: float = inf


CHECKS = (
    Check(
        "logits moved by shuffling the pixels",
        "The network answers nearly the same when the pixels of this picture are put in random order. So it does not "
        "see what is in the picture. Networks that were never trained do that.",
        low=0.5,  # trained networks: 0.8 and more; with random parameters: 0.3 and less
    ),
    Check(
        "probability of the class",
        "The network does not see “{target}” here (probability {value:.1g}), but “{top}” ({top_probability:.0%}). "
        "The map is about a class that is not there.",
        low=0.01,  # the most probable class of our photographs: 0.08 and more; classes out of sight: below 0.001
    ),
    Check(
        SLOPE_LEFT,
        "The score is saturated: at this probability it hardly changes any more (factor {value:.2g}). The map is "
        "faint, and part of it is about the other classes. Ask about the logit.",
        low=0.1,  # of a probability, p (1 - p): 0.24 at p = 0.6, but 0.09 at p = 0.9
    ),
    Check(
        "completeness gap, share of the rise",
        "The entries of the map miss the rise of the score by {value:.0%} of it. Take more steps, or another "
        "baseline.",
        high=0.05,  # photographs: 0.05 with 50 steps from noise, 0.03 with 300 from black; up to 0.3 with 50 from it
    ),
    Check(
        "agreement of odd and even steps",
        "The odd and the even steps give different maps (rank correlation {value:.2f}). Take more steps.",
        low=0.5,  # photographs: 0.7 and more with 20 steps, below 0.4 with 3; it sees what a lucky gap hides
    ),
    Check(
        "agreement of two halves of the copies",
        "Two halves of the noisy copies give different maps (rank correlation {value:.2f}). Take more copies.",
        low=0.05,  # photographs: 0.1 to 0.3 with 50 copies; at 0.05, a map of half the copies is 19/20 noise
    ),
    Check(
        "agreement with a randomised twin",
        "A twin of the network that has learnt nothing gives nearly the same map (rank correlation {value:.2f}). The "
        "map shows the picture, not what the network has learnt.",
        high=0.9,  # photographs: up to 0.75, by chance, for the few cells of Grad-CAM; up to 0.5 for the others
    ),
    Check(
        "cells of the map across the object",
        "The object is smaller than a cell of the map. The map can't say what is in it and what is beside it.",
        low=1.0,
    ),
)

# ---- The card ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Card:
    """A map with what a reader needs to know about it; shows itself at the end of a cell.

    `lecture_lib.cards.explanation_card` makes it.
    """

    image: Tensor  # (1, C, H, W)
    map: Tensor  # (1, h, w): max-abs (gradient, SmoothGrad), sum over channels (IG), or as it is (Grad-CAM)
    title: str  # the method and the class
    unit: str  # of the map
    signed: bool  # whether the map tells up from down
    question: str  # that the map answers, in one sentence
    not_said: str  # what it does not say
    test: str  # a change of the score: predicted by the map, and measured
    numbers: dict[str, float]  # measured for this very picture
    warnings: tuple[str, ...]  # one for each number that is beyond its limit

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """The lowest and the highest value that a number should have, where it has limits."""
        return {check.number: (check.low, check.high) for check in CHECKS if check.number in self.numbers}

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return card_html(self)


def show_cards(*cards: Card) -> None:
    """Show explanation cards side by side, with their numbers folded away.

    Parameters
    ----------
    *cards : Card
        From `lecture_lib.cards.explanation_card`.
    """
    row = "".join(card_html(card, numbers=False) for card in cards)
    display(HTML(f'<div style="display: flex; flex-wrap: wrap; gap: 1em">{row}</div>'))


def card_html(card: Card, *, numbers: bool = True) -> str:
    """An explanation card as a piece of a web page.

    Parameters
    ----------
    card : Card
        From `lecture_lib.cards.explanation_card`.
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


def _card_png(card: Card) -> bytes:
    """The image, and its map in colour; a coarse map lies over the image in gray, so that its cells can be placed."""
    grid = Figure(figsize=(2.9 * PANEL, 1.2 * PANEL))  # no pyplot: widgets draw in a thread
    left, right = grid.subplots(1, 2, width_ratios=(1, 1.25), gridspec_kw={"wspace": 0.03})
    draw_image(left, card.image, "image")
    size = card.image.shape[2:]
    coarse = card.map.shape[1:] != size
    if coarse:
        draw_image(right, card.image.mean(dim=1, keepdim=True), "")
    cells = interpolate(card.map[:, None], size=size, mode="nearest-exact")[0]  # each cell in one colour
    limit = colour_limit(cells.numpy(), 99.5)
    draw_map(right, cells, card.title, label=card.unit, limit=limit, signed=card.signed, see_through=coarse)
    with Image.open(BytesIO(png(grid))) as picture:
        return small_png(picture)
