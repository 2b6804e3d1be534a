"""Parts of the widgets under `lecture_lib.explore`: photograph and class, a point that is dragged, and its plane."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import anywidget
import ipywidgets as widgets
import torch
import traitlets
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from torch import Tensor

from lecture_lib import gradients, pictures, show
from lecture_lib.explore_panels import Picture
from lecture_lib.explore_stage import Live
from lecture_lib.networks import Network, Score

SIDE, MARGIN = 360, 50  # pixels: of the unit square in its picture, and around it
LAZY = {"continuous_update": False}  # a text counts when it is complete

# ---- About a photograph and a class -----------------------------------------------------------------------------


class Explorer(Live):
    """A live picture about a photograph and a class.

    Parameters
    ----------
    network : Network
        A classifier of photographs.
    make : function
        Yields Pictures, each better than the one before, of a score, an image, a title, and the values of the options
        by their names.
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
        make: Callable[..., Iterable[Picture]],
        method: str,
        options: Mapping[str, widgets.ValueWidget],
        collages: Sequence[str] = (),
        score: Callable[[str], Score] | None = None,
    ) -> None:
        self.network, self.make, self.method, self.options = network, make, method, options
        self.score, self.predictions = score or network.score, dict[str, list[tuple[str, float]]]()
        names = [*pictures.photos(), *collages]
        self.photo = widgets.Dropdown(options=names, value="camera", description="photograph")
        self.likely = widgets.Dropdown(description="class")
        self.typed = widgets.Text(description="other class", placeholder="any class it knows", **LAZY)
        self._list_classes()
        self.photo.observe(self._new_photo, "value")
        self.likely.observe(self._forget_typed, "value")
        choices = {"photo": self.photo, "likely": self.likely, "typed": self.typed}
        super().__init__(self._pictures, {**choices, **options})

    def _new_photo(self, _: object = None) -> None:
        try:
            with self._quietly():
                self._list_classes()
        except Exception as error:
            self._say(error)

    def _list_classes(self) -> None:
        name = self.photo.value
        if name not in self.predictions:
            self.predictions[name] = self.network.predict(_photograph(self.network, name))[0]
        self.likely.options = [(f"{known} ({p:.0%})", known) for known, p in self.predictions[name]]
        self.likely.index, self.typed.value = 0, ""

    def _forget_typed(self, _: object) -> None:
        with self._quietly():
            self.typed.value = ""

    def _pictures(
        self, step: Callable[[int], None], photo: str, likely: str, typed: str, **values: Any
    ) -> Iterable[Picture]:
        target = typed.strip() or likely
        score = _watched(self.score(target), step)
        return self.make(score, _photograph(self.network, photo), f"{self.method}: {target}", **values)


def _photograph(network: Network, name: str) -> Tensor:
    preprocessing: dict[str, Any] = dict(network.preprocessing)
    photographs = [pictures.photo(each, **preprocessing) for each in name.split(" | ")]
    return photographs[0] if len(photographs) == 1 else pictures.collage(*photographs)


def _watched(score: Score, step: Callable[[int], None]) -> Score:
    """The same score, which tells how many images it is asked for."""

    def watched(images: Tensor) -> Tensor:
        """Tell, then score."""
        step(len(images))
        return score(images)

    return watched


# ---- A point that is dragged ------------------------------------------------------------------------------------


class DraggedPoint(anywidget.AnyWidget):
    """A picture of the unit square with a point on it: the browser moves the point, Python sets the arrow."""

    picture, alt = traitlets.Unicode().tag(sync=True), traitlets.Unicode().tag(sync=True)
    place = traitlets.List([MARGIN, SIDE]).tag(sync=True)
    value = traitlets.List([0.5, 0.5]).tag(sync=True)
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
        const [x, y] = [model.get("value")[0] * side, (1 - model.get("value")[1]) * side];  // SVG counts from the top
        const [dx, dy] = [model.get("arrow")[0] * side, -model.get("arrow")[1] * side];
        circle.setAttribute("cx", x), circle.setAttribute("cy", y);
        circle.setAttribute("aria-valuetext", model.get("value").map((each) => each.toFixed(2)).join(", "));
        line.setAttribute("x1", x), line.setAttribute("y1", y);
        line.setAttribute("x2", x + dx), line.setAttribute("y2", y + dy);
        const angle = Math.atan2(dy, dx) * 180 / Math.PI;
        head.setAttribute("transform", `translate(${x + dx} ${y + dy}) rotate(${angle})`);
      };
      const move = (x, y) => {
        model.set("value", [x, y].map((each) => Math.min(1, Math.max(0, each))));
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
        move(...model.get("value").map((each, axis) => each + 0.02 * keys[event.key][axis]));
      });
      model.on("change:value change:arrow", draw);
      draw();
    }
    export default { render };
    """


def plane_figure(score: Score) -> tuple[Figure, Axes]:
    """The unit square as `draw_plane` draws it, with a colour bar, at a fixed place, in large type.

    Parameters
    ----------
    score : function
        As in `draw_plane`.

    Returns
    -------
    (matplotlib Figure, matplotlib Axes)
        The axes lie MARGIN pixels from the left and from the top, and their sides have SIDE pixels.

    Raises
    ------
    ValueError
        If the score is no probability.
    """
    width, height = SIDE + 3 * MARGIN, SIDE + 2 * MARGIN
    figure = Figure(figsize=(width / 100, height / 100))  # no pyplot: this may not be the main thread
    ax = figure.add_axes((MARGIN / width, MARGIN / height, SIDE / width, SIDE / height))
    beside = (SIDE + 1.2 * MARGIN) / width, MARGIN / height, 0.2 * MARGIN / width, SIDE / height
    bar = figure.colorbar(draw_plane(ax, score), cax=figure.add_axes(beside))
    bar.set_label("probability of class 1", fontsize=15)
    for axis in (ax.xaxis, ax.yaxis, bar.ax.yaxis):
        axis.set_ticks([0, 1])
        axis.set_tick_params(labelsize=14)
        axis.label.set_fontsize(15)
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
