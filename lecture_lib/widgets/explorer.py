r"""The explorer: explanation cards of any picture, network, class and method, side by side, also under attack.

The work is done by pure functions: `open_picture`, `attacked` and `lecture_lib.cards.explanation_card`. The widget
calls them in the background, where a newer choice stops the work on an older one. A picture of your own stays in
memory: nothing is written to disk.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cache
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import ipywidgets as widgets
import timm
import torch
import torchvision
from huggingface_hub import scan_cache_dir
from huggingface_hub.errors import CacheNotFound
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from lecture_lib import attacks, birds, networks, pictures
from lecture_lib.birds import classifiers
from lecture_lib.cards.card import card_html
from lecture_lib.cards.explain import explanation_card
from lecture_lib.cards.methods import METHODS
from lecture_lib.networks import Network
from lecture_lib.widgets.parts import LAZY
from lecture_lib.widgets.stage import Screen, Stage, Turn, remember
from lecture_lib.widgets.upload import Upload, check_size

BIRDS = [f"bird {number}" for number in range(1, 9)]  # drawn scenes, for the bird networks
BASELINES = {"random noise": "uniform", "black": "black", "white": "white", "blurred copy": "blur"}

# ---- Pure functions ---------------------------------------------------------------------------------------------


class Own(NamedTuple):
    """A picture file of your own, in memory."""

    name: str
    contents: bytes


def open_picture(source: str | Own, network: Network) -> Tensor:
    """A picture as a network wants it.

    Parameters
    ----------
    source : str or Own
        The name of a photograph or one of `BIRDS`, or a file in memory.
    network : Network
        Knows the size and the crop of its images.

    Returns
    -------
    Tensor, shape (1, 3, H, W)
        Pixels in [0, 1].

    Raises
    ------
    ValueError
        If there is no such photograph, or the file is too large or no image.
    """
    how: dict[str, Any] = dict(network.preprocessing)
    if isinstance(source, Own):
        check_size(source.name, len(source.contents))
        return pictures.decode(BytesIO(source.contents), source.name, **how)
    if source in BIRDS:
        return pictures.resize_and_crop(to_pil_image(_scenes()[BIRDS.index(source)]), **how)
    return pictures.photo(source, **how)


def read_file(path: str) -> Own:
    """A picture file from this computer, into memory.

    Parameters
    ----------
    path : str
        Of a file; ``~`` is your home.

    Returns
    -------
    Own
        Its name and contents.

    Raises
    ------
    ValueError
        If there is no such file, or it is too large.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"Expected the path of a picture file, but there is no file at {path}.")
    check_size(file.name, file.stat().st_size)
    return Own(file.name, file.read_bytes())


@cache
def _scenes() -> Tensor:
    return birds.scenes(len(BIRDS), seed=0, species=list(birds.SPECIES))[0]


def attacked(network: Network, image: Tensor, epsilon: float) -> tuple[Tensor, str]:
    """The image after an attack on its most probable class, and what the network says before and after.

    Parameters
    ----------
    network : Network
        The classifier.
    image : Tensor, shape (1, C, H, W)
        Pixels in [0, 1].
    epsilon : float
        Largest change of a pixel, see `lecture_lib.attacks.bim`; at 0 the image stays as it is.

    Returns
    -------
    (Tensor, str)
        The image, shape (1, C, H, W), and one sentence.
    """
    before = network.predict(image, top=1)[0][0]
    if epsilon:
        image = attacks.bim(network.loss(before[0]), image, epsilon=epsilon).images
    after = network.predict(image, top=1)[0][0]
    (name, p), (new_name, new_p) = before, after
    words = f"The network says {name} ({p:.0%})."
    return image, words if not epsilon else f"{words} After the attack it says {new_name} ({new_p:.0%})."


def known_networks() -> list[str]:
    """Names of networks that need no download: those of the course, and those whose weights are in the caches.

    Returns
    -------
    list of str
        For `lecture_lib.networks.load`.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    files = {file.name for file in folder.glob("*")}
    listed = torchvision.models.list_models(module=torchvision.models)
    fetched = [name for name in listed if _file_of_weights(name) in files] if files else []
    try:
        repositories = [repository.repo_id for repository in scan_cache_dir().repos]
    except CacheNotFound:
        repositories = []
    tagged = {name.removeprefix("timm/") for name in repositories} & set(timm.list_pretrained())
    return ["efficientnet_lite0", *classifiers.ARCHITECTURES, *fetched, *sorted(tagged)]


def _file_of_weights(name: str) -> str:
    return str(torchvision.models.get_model_weights(name).DEFAULT.url).rpartition("/")[2]


# ---- The widget -------------------------------------------------------------------------------------------------


class Choice(NamedTuple):
    """What was chosen when a piece of work began."""

    network: str
    source: str | Own
    likely: str  # the class in the list
    typed: str  # another class; wins, if there is one
    methods: tuple[str, ...]
    samples: int
    baseline: str
    epsilon: float


class CardExplorer(Stage):
    """Choose a picture, a network, a class and methods: one explanation card each, side by side. Attack the picture.

    Parameters
    ----------
    methods : sequence of str
        Which cards to show at first, from `METHODS`.
    """

    def __init__(self, methods: Sequence[str] = tuple(METHODS)) -> None:
        self.networks: dict[str, Network] = {}
        self.kept: dict[Any, str] = {}  # cards that were made already
        self.listed: tuple[str, str | Own] | None = None  # the network and the picture whose classes are listed
        self._make_controls(methods)
        boxes = {
            name: widgets.Checkbox(name in methods, description=METHODS[name].name, indent=False) for name in METHODS
        }
        self.methods, self.places = boxes, {name: Screen() for name in METHODS}
        self.finished, self.answer = dict.fromkeys(METHODS, ""), widgets.HTML()
        files, classes = [self.picture, self.upload, self.path], [self.network, self.likely, self.typed]
        row = [*files, *classes, *boxes.values(), self.samples, self.baseline, self.epsilon]
        names = ("picture", "network", "likely", "typed", "samples", "baseline", "epsilon")
        controls = {name: getattr(self, name) for name in names}
        cards = widgets.HBox([*self.places.values()], layout={"flex_flow": "row wrap"})
        super().__init__({**controls, **boxes}, row, [self.answer, cards], self._start)
        self._start().result()  # the first cards are there when the widget appears

    def _make_controls(self, methods: Sequence[str]) -> None:
        names = [(name, name) for name in (*pictures.photos(), *BIRDS)]
        self.picture = widgets.Dropdown(options=names, value="coffee", description="picture")
        self.upload = Upload(self._take, self._refuse)
        self.path = widgets.Text(description="or a path", placeholder="of a file", **LAZY)
        known = {"value": "efficientnet_lite0", "options": known_networks()}
        self.network = widgets.Combobox(**known, description="network", **LAZY)
        self.likely = widgets.Dropdown(description="class")
        self.typed = widgets.Text(description="other class", placeholder="any class it knows", **LAZY)
        self.samples = widgets.IntSlider(20, min=2, max=300, description="samples")
        self.baseline = widgets.Dropdown(options=BASELINES, description="baseline")
        self.epsilon = widgets.FloatSlider(0, min=0, max=8, step=0.5, description="attack ε · 255")
        for control in (self.picture, self.network, self.likely):
            control.observe(self._forget_typed, "value")
        self.path.observe(self._read, "value")

    # Controls that were moved

    def _forget_typed(self, _: object = None) -> None:
        """The class that was typed belonged to another picture, or one from the list was chosen."""
        if not self.quiet.on:
            with self._quietly():
                self.typed.value = ""

    def _put_back(self, _: object = None) -> None:
        self.listed, self.path.value = None, ""  # the most probable class is chosen again
        super()._put_back()

    def _start(self) -> "Future[None]":
        choice = Choice(
            network=self.network.value.strip(),
            source=self.picture.value,
            likely=self.likely.value or "",
            typed=self.typed.value.strip(),
            methods=tuple(name for name, box in self.methods.items() if box.value),
            samples=self.samples.value,
            baseline=self.baseline.value,
            epsilon=self.epsilon.value / 255,
        )
        return self.background.run(self._safely, self._draw, choice)

    def _read(self, _: object = None) -> None:
        if self.path.value.strip():
            self._use(lambda: read_file(self.path.value.strip()))

    def _take(self, name: str, contents: bytes) -> None:
        self._use(lambda: Own(name, contents))

    def _refuse(self, name: str, size: int) -> None:
        self._use(lambda: check_size(name, size))

    def _use(self, open_file: Callable[[], Any]) -> None:
        """Choose a picture of your own, or say why it is none."""
        try:
            own = open_file()
            pictures.decode(BytesIO(own.contents), own.name)
        except Exception as error:
            self._say(error)
            return
        names = [(label, value) for label, value in self.picture.options if isinstance(value, str)]
        with self._quietly():
            self.picture.options = [*names, (f"your own: {own.name}", own)]
            self.picture.value, self.typed.value = own, ""
        self._changed()

    # In the background

    def _draw(self, turn: Turn, choice: Choice) -> None:
        self.bar.max = len(METHODS)
        network = self._load(choice.network)
        image = open_picture(choice.source, network)
        target = self._target(turn, network, image, choice)
        with turn.showing():
            for name, place in self.places.items():
                place.value = f'<div style="opacity: 0.3">{self.finished[name]}</div>'  # it is about an older choice
        with network.register_forward_pre_hook(lambda *_: turn.check()):
            image, words = attacked(network, image, choice.epsilon)
            with turn.showing():
                self.answer.value = words
            for name in METHODS:
                chosen = name in choice.methods
                card = self._card(network, image, target, name, choice) if chosen else ""
                with turn.showing():
                    self.finished[name] = self.places[name].value = card
                    self.bar.value += 1

    def _load(self, name: str) -> Network:
        if name not in self.networks:
            self.message.value = f"Loading {escape(name)} …"
            self.networks[name] = networks.load(name)
        return self.networks[name]

    def _target(self, turn: Turn, network: Network, image: Tensor, choice: Choice) -> str:
        """The class to explain; lists the most probable ones if picture or network are new."""
        likely = choice.likely
        if self.listed != (choice.network, choice.source):
            predictions = network.predict(image)[0]
            likely = predictions[0][0]
            with turn.showing(), self._quietly():
                self.likely.options = [(f"{name} ({p:.0%})", name) for name, p in predictions]
                self.likely.index = 0
                self.listed = (choice.network, choice.source)
        return network.classes[network.index(choice.typed or likely)]

    def _card(self, network: Network, image: Tensor, target: str, method: str, choice: Choice) -> str:
        """A card as HTML, or a sentence why there is none."""
        own_options: dict[str, dict[str, Any]] = {
            "smoothgrad": {"n_samples": choice.samples},
            "integrated_gradients": {"n_steps": choice.samples, "baseline": choice.baseline},
        }
        options = own_options.get(method, {})
        key = (choice.network, choice.source, choice.epsilon, target, method, *options.values())
        if key not in self.kept:
            try:
                made = card_html(explanation_card(network, image, target, method, **options))
            except ValueError as error:  # such as: Grad-CAM needs a convolutional network
                return f"<p><b>{METHODS[method].name}.</b> {escape(str(error))}</p>"
            remember(self.kept, key, made)
        return self.kept[key]
