"""A live picture about a photograph and a class, which the widgets on methods and on attacks share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
from torch import Tensor

from lecture_lib import pictures
from lecture_lib.networks import Network, Score
from lecture_lib.widgets.panels import Picture
from lecture_lib.widgets.stage import Live

LAZY = {"continuous_update": False}  # a text counts when it is complete


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
