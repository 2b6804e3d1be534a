"""The machinery under `lecture_lib.explore`: controls, work in the background, and a point that is dragged.

Nothing here is about saliency maps.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from html import escape
from typing import Any, NamedTuple

import anywidget
import ipywidgets as widgets
import torch
import traitlets
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from torch import Tensor

from lecture_lib import gradients, pictures, show
from lecture_lib.networks import Network, Score

SIDE, MARGIN = 420, 60  # pixels: of the unit square in its picture, and around it
LAZY = {"continuous_update": False}  # a slider reports where it was let go, not every place on the way


class Picture(NamedTuple):
    """A picture as the contents of a PNG file, and in words; the caption holds its numbers."""

    png: bytes
    alt: str
    caption: str


class Explorer(widgets.VBox):  # type: ignore[misc]
    """Controls above a picture, with progress and errors between them.

    Parameters
    ----------
    network : Network
        A classifier of photographs.
    make : function
        Makes a Picture of a score, an image, a title, and the values of the options by their names.
    method : str
        Its name, for the title.
    options : dict from name to widget
        The method's own controls; ``n_samples`` or ``n_steps`` says how long the work is.
    collages : sequence of str
        Offered below the photographs: the names of two of them with " | " between.
    score : function or None
        Makes a score of the name of a class; by default ``network.score``, the logit.
    """

    def __init__(
        self,
        network: Network,
        make: Callable[..., Picture],
        method: str,
        options: Mapping[str, widgets.ValueWidget],
        collages: Sequence[str] = (),
        score: Callable[[str], Score] | None = None,
    ) -> None:
        self.network, self.make, self.method, self.options = network, make, method, options
        self.score = score or network.score
        names = [*pictures.photos(), *collages]
        self.photo = widgets.Dropdown(options=names, value="camera", description="photograph")
        self.likely = widgets.Dropdown(description="class")
        self.typed = widgets.Text(
            description="other class", placeholder="any class it knows", continuous_update=False
        )
        self.bar = widgets.IntProgress(description="working", layout={"visibility": "hidden"})
        self.message, self.picture, self.background = widgets.HTML(), widgets.HTML(), _Background()
        for control in options.values():
            control.observe(self._redraw, "value")
        self.photo.observe(self._new_photo, "value")
        self.likely.observe(self._new_class, "value")
        self.typed.observe(self._redraw, "value")
        rows = [widgets.HBox([self.photo, self.likely, self.typed]), widgets.HBox([*options.values(), self.bar])]
        super().__init__([*rows, self.message, self.picture])
        self._new_photo().result()  # the first picture is there when the widget appears

    def _new_photo(self, _: object = None) -> "Future[None]":
        predictions = self.network.predict(_photograph(self.network, self.photo.value))[0]
        self.likely.options = [(f"{name} ({p:.0%})", name) for name, p in predictions]
        self.likely.index = 0
        return self._new_class()

    def _new_class(self, _: object = None) -> "Future[None]":
        self.typed.value = ""
        return self._redraw()

    def _redraw(self, _: object = None) -> "Future[None]":
        values = {name: control.value for name, control in self.options.items()}
        return self.background.run(
            self._draw, self.photo.value, self.typed.value.strip() or self.likely.value, values
        )

    def _draw(self, check: Callable[[], None], photo: str, target: str, values: dict[str, Any]) -> None:
        try:
            check()
            self.bar.value, self.bar.max = 0, values.get("n_samples", values.get("n_steps", 1))
            self.bar.layout.visibility = "visible"
            score = _watched(self.score(target), self.bar, check)
            picture = self.make(score, _photograph(self.network, photo), f"{self.method}: {target}", **values)
            self.picture.value, self.message.value = _html(picture), ""
        except _Outdated:
            return
        except Exception as error:  # nobody sees a traceback of the background: say it in the widget
            self.message.value = f"<b>{escape(str(error))}</b>"
        self.bar.layout.visibility = "hidden"


def _photograph(network: Network, name: str) -> Tensor:
    preprocessing: dict[str, Any] = dict(network.preprocessing)
    photographs = [pictures.photo(each, **preprocessing) for each in name.split(" | ")]
    return photographs[0] if len(photographs) == 1 else pictures.collage(*photographs)


class _Outdated(Exception):  # noqa: N818 — nothing went wrong
    """A newer move came."""


class _Background:
    """Does one piece of work at a time. A new one makes those before it outdated, which their `check` tells them."""

    def __init__(self) -> None:
        self.worker = ThreadPoolExecutor(max_workers=1)
        self.newest = 0

    def run(self, work: Callable[..., None], *arguments: Any) -> "Future[None]":
        """Queue the work; it gets a function to call now and then, which stops it once it is outdated."""
        self.newest += 1
        number = self.newest

        def check() -> None:
            """Stop if newer work has come."""
            if number != self.newest:
                raise _Outdated

        return self.worker.submit(work, check, *arguments)


def _watched(score: Score, bar: widgets.IntProgress, check: Callable[[], None]) -> Score:
    """The same score. Every call moves the bar, and stops work that is outdated."""

    def watched(images: Tensor) -> Tensor:
        """Check, move the bar, then score."""
        check()
        bar.value += len(images)
        return score(images)

    return watched


def _html(picture: Picture) -> str:
    alt, caption = escape(picture.alt), escape(picture.caption)
    return f'<img src="{data_url(picture)}" alt="{alt}" style="max-width: 100%"><p>{caption}</p>'


def data_url(picture: Picture) -> str:
    """An address that holds the whole picture, for the browser.

    Parameters
    ----------
    picture : Picture
        What to show.

    Returns
    -------
    str
        As in ``<img src="…">``.
    """
    return f"data:image/png;base64,{b64encode(picture.png).decode()}"


class DraggedPoint(anywidget.AnyWidget):
    """A picture of the unit square with a point on it: the browser moves the point, Python sets the arrow."""

    picture, alt = traitlets.Unicode().tag(sync=True), traitlets.Unicode().tag(sync=True)
    place = traitlets.List([MARGIN, SIDE]).tag(sync=True)
    point = traitlets.List([0.5, 0.5]).tag(sync=True)
    arrow = traitlets.List([0.0, 0.0]).tag(sync=True)
    _esm = """
    function render({ model, el }) {
      const [margin, side] = model.get("place");
      el.innerHTML = `<div style="position: relative; display: inline-block">
        <img src="${model.get("picture")}" alt="${model.get("alt")}" draggable="false" style="max-width: none">
        <svg style="position: absolute; left: ${margin}px; top: ${margin}px; overflow: visible"
             width="${side}" height="${side}">
          <line stroke="black" stroke-width="4"></line>
          <path d="M -12 -6 L 0 0 L -12 6 Z"></path>
          <circle r="9" fill="gold" stroke="black" stroke-width="2" tabindex="0" role="slider"
                  aria-label="point" style="cursor: grab; touch-action: none"></circle>
        </svg></div>`;
      const [svg, line, head, circle] = ["svg", "line", "path", "circle"].map((name) => el.querySelector(name));
      const draw = () => {
        const [x, y] = [model.get("point")[0] * side, (1 - model.get("point")[1]) * side];  // SVG counts from the top
        const [dx, dy] = [model.get("arrow")[0] * side, -model.get("arrow")[1] * side];
        circle.setAttribute("cx", x), circle.setAttribute("cy", y);
        circle.setAttribute("aria-valuetext", model.get("point").map((each) => each.toFixed(2)).join(", "));
        line.setAttribute("x1", x), line.setAttribute("y1", y);
        line.setAttribute("x2", x + dx), line.setAttribute("y2", y + dy);
        const angle = Math.atan2(dy, dx) * 180 / Math.PI;
        head.setAttribute("transform", `translate(${x + dx} ${y + dy}) rotate(${angle})`);
      };
      const move = (x, y) => {
        model.set("point", [x, y].map((each) => Math.min(1, Math.max(0, each))));
        model.save_changes();
      };
      circle.addEventListener("pointerdown", (event) => circle.setPointerCapture(event.pointerId));
      circle.addEventListener("pointermove", (event) => {
        if (!circle.hasPointerCapture(event.pointerId)) return;
        const box = svg.getBoundingClientRect();
        move((event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height);
      });
      const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
      circle.addEventListener("keydown", (event) => {
        if (!(event.key in keys)) return;
        event.preventDefault(), event.stopPropagation();  // the notebook would go to the next cell
        move(...model.get("point").map((each, axis) => each + 0.02 * keys[event.key][axis]));
      });
      model.on("change:point change:arrow", draw);
      draw();
    }
    export default { render };
    """


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
