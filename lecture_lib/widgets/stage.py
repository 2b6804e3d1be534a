"""What all widgets share: controls, work in the background that stops when it is outdated, and a picture.

Nothing here is about saliency maps. `Stage` is the base of all widgets; `Live` is a stage with one picture, which is
remembered.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path
from threading import RLock, local
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from lecture_lib.show import css_variables
from lecture_lib.widgets.panels import Picture

KEPT = 64  # pictures that are remembered, so that going back costs no time: about 10 MB

# ---- Work in the background -------------------------------------------------------------------------------------


class Outdated(Exception):  # noqa: N818 — nothing went wrong
    """A newer move came."""


class Background:
    """Does one piece of work at a time: the newest takes the place of a waiting one and stops a running one."""

    def __init__(self) -> None:
        self.worker, self.lock = ThreadPoolExecutor(max_workers=1), RLock()
        self.newest, self.waiting = 0, Future[None]()

    def turn(self) -> "Turn":
        """Make all other work outdated.

        Returns
        -------
        Turn
            For the newest work.
        """
        with self.lock:
            self.newest += 1
            return Turn(self, self.newest)

    def run(self, work: Callable[..., None], *arguments: Any) -> "Future[None]":
        """Make all other work outdated, and do this.

        Parameters
        ----------
        work : function
            Gets its Turn, which tells it whether it is outdated, and the arguments.
        *arguments
            Of the work.

        Returns
        -------
        Future
            Ends with the work.
        """
        turn = self.turn()
        self.waiting.cancel()
        self.waiting = self.worker.submit(work, turn, *arguments)
        return self.waiting


class Turn:
    """What a piece of work knows about newer work.

    Parameters
    ----------
    background : Background
        Where it runs.
    number : int
        It is outdated if there is a higher one.
    """

    def __init__(self, background: Background, number: int) -> None:
        self.background, self.number = background, number

    def check(self) -> None:
        """Stop here if newer work has come.

        Raises
        ------
        Outdated
            If so.
        """
        if self.number != self.background.newest:
            raise Outdated

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Let nothing newer come between a check and what is shown inside this context.

        Yields
        ------
        None
            Unless the work is outdated, which is an error as in `check`.
        """
        with self.background.lock:
            self.check()
            yield


# ---- What all widgets share -------------------------------------------------------------------------------------


class Screen(anywidget.AnyWidget):
    """Shows a piece of HTML as soon as its pictures are decoded; until then the last one stays. Makes type large."""

    value = traitlets.Unicode().tag(sync=True)
    _css = css_variables() + Path(__file__).with_name("stage.css").read_text(encoding="utf-8")
    _esm = Path(__file__).with_name("stage.js")

    @property
    def still(self) -> str:
        """What is shown, as a piece of a page."""
        return str(self.value)


class _Quiet(local):
    """Whether a thread changes controls by itself; each thread has its own."""

    on = False


class Stage(widgets.VBox):  # type: ignore[misc]
    """Controls, a button that puts them back, a bar and a message, above what they move.

    Parameters
    ----------
    controls : dict from name to widget
        In the order in which they are put back.
    row : sequence of widgets
        They and what stands beside them, as many side by side as there is room for.
    shown : sequence of widgets
        Below them.
    start : function
        Is called when a control has moved; its errors become sentences in the widget.
    """

    def __init__(
        self,
        controls: Mapping[str, widgets.ValueWidget],
        row: Sequence[widgets.Widget],
        shown: Sequence[widgets.Widget],
        start: Callable[[], object],
    ) -> None:
        self.controls, self.start, self.background, self.quiet = controls, start, Background(), _Quiet()
        self.first = {name: control.value for name, control in controls.items()}
        self.reset = widgets.Button(description="reset", layout={"width": "5em"})
        whole = {"description_width": "initial"}
        self.bar = widgets.IntProgress(description="working", style=whole, layout={"width": "16em"})
        self.bar.layout.visibility = "hidden"
        self.message = widgets.HTML()
        for control in controls.values():
            control.observe(self._changed, "value")
        self.reset.on_click(self._put_back)
        laid_out = widgets.HBox([*row, widgets.HBox([self.reset, self.bar])], layout={"flex_flow": "row wrap"})
        super().__init__([laid_out, self.message, *shown])
        self.add_class("stage")

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """What a notebook shows: the widget, and what it shows now as a page that stays when the kernel has ended."""
        stills = "".join(_stills(self))
        page = f'<div class="still">{stills}</div><p><i>Run this cell to move the controls.</i></p>'
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        return {**bundle, "text/html": page}

    def values(self) -> dict[str, Any]:
        """What the controls say.

        Returns
        -------
        dict
            From name to value.
        """
        return {name: control.value for name, control in self.controls.items()}

    def _changed(self, _: object = None) -> None:
        if self.quiet.on:
            return
        try:
            self._say(None)
            self.start()
        except Exception as error:  # nobody sees a log: say it in the widget
            self._say(error)

    def _put_back(self, _: object = None) -> None:
        with self._quietly():
            for name, value in self.first.items():
                self.controls[name].value = value
        self._changed()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Change controls without an answer to each change; what a hand changes meanwhile is answered."""
        before, self.quiet.on = self.quiet.on, True
        try:
            yield
        finally:
            self.quiet.on = before

    def _say(self, error: Exception | None) -> None:
        self.message.value = f'<b role="alert">{escape(str(error))}</b>' if error else ""

    def _safely(self, turn: Turn, work: Callable[..., None], *arguments: Any) -> None:
        """Work with a bar; an error becomes a sentence in the widget."""
        with suppress(Outdated):
            with turn.showing():
                self.bar.value, self.bar.layout.visibility = 0, "visible"
            failed = None
            try:
                work(turn, *arguments)
            except Outdated:
                raise
            except Exception as error:
                failed = error
            with turn.showing():
                self._finish(failed)

    def _finish(self, failed: Exception | None = None) -> None:
        self._say(failed)
        self.bar.layout.visibility = "hidden"


def _stills(widget: widgets.Widget) -> Iterator[str]:
    """What the widgets inside a widget show now, each as a piece of a page."""
    if still := getattr(widget, "still", ""):
        yield still
    for child in getattr(widget, "children", ()):
        yield from _stills(child)


class Live(Stage):
    """A picture that follows its controls.

    Parameters
    ----------
    draw : function
        Gets a function to call with the number of samples before each piece of work, which moves the bar and stops
        what is outdated, and the values of the controls by name. Yields Pictures, each better than the one before.
    controls
        As in `Stage`; ``n_samples`` or ``n_steps`` says how long the work is.
    """

    def __init__(self, draw: Callable[..., Iterable[Picture]], controls: Mapping[str, widgets.ValueWidget]) -> None:
        self.draw, self.kept, self.picture = draw, dict[Hashable, str](), Screen()
        super().__init__(controls, list(controls.values()), [self.picture], self._start)
        *_, best = draw(lambda count: None, **self.values())  # is there when the widget appears
        self.picture.value = best.html
        remember(self.kept, tuple(self.values().values()), best.html)

    def _start(self) -> None:
        if (html := self.kept.get(tuple(self.values().values()))) is None:
            self.background.run(self._safely, self._draw, self.values())
            return
        with self.background.turn().showing():
            self.picture.value = html
            self._finish()

    def _draw(self, turn: Turn, values: dict[str, Any]) -> None:
        def step(count: int) -> None:
            """Stop what is outdated, and move the bar."""
            turn.check()
            self.bar.value += count

        self.bar.max = values.get("n_samples", values.get("n_steps", 1))
        for picture in self.draw(step, **values):
            with turn.showing():
                self.picture.value = picture.html
        remember(self.kept, tuple(values.values()), picture.html)


def remember(kept: dict[Any, str], key: Hashable, value: str) -> None:
    """Keep a value; forget the oldest if there are more than KEPT.

    Parameters
    ----------
    kept : dict
        Is changed.
    key, value
        What to keep.
    """
    kept[key] = value
    if len(kept) > KEPT:
        del kept[next(iter(kept))]
