"""Every lecture as a deck from a stick: no network, everything fits, formulas drawn, notes only for the speaker."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.shared import axe
from tests.shared import browser as shared
from tools import build, slides
from tools.editions import STILL

ROOT = shared.ROOT
LECTURES = sorted((ROOT / "course" / "lectures").glob("[0-9]*.py"))
SMALLEST = {"--prose": 26, "--code": 17}  # pixels of a page of 720: 3.6 % and 2.4 % of its height
LONGEST = 20  # lines of code on a page, to be read from the last row
MINUTES = (30, 60)
in_browser = [
    pytest.mark.stage,
    pytest.mark.browser,
    pytest.mark.xdist_group("decks"),  # all in one process, which writes the decks once
    pytest.mark.skipif(
        not (shared.BROWSER and shutil.which("npm")) and not shared.REQUIRED,
        reason="no Chromium or no npm found (REQUIRE_BROWSER=1 insists on both)",
    ),
]

# Each page with all its fragments and answers: what does not fit, what is missing, what should not be seen.
WALK = """() => Reveal.getSlides().map(slide => {
    const {h, v} = Reveal.getIndices(slide);
    Reveal.slide(h, v || 0, 999);
    slide.querySelectorAll(".prose details").forEach(details => details.open = true);
    fit(slide);
    const page = slide.querySelector(".page"), all = query => [...page.querySelectorAll(query)];
    const inside = element => {
        const box = element.getBoundingClientRect();
        return box.left >= 0 && box.top >= 0 && box.right <= innerWidth + 1 && box.bottom <= innerHeight + 1;
    };
    const found = {
        where: `${h + 1}.${(v || 0) + 1} ${page.innerText.trim().slice(0, 60)}`,
        empty: page.querySelectorAll(".cell").length == 0,
        too_high: page.scrollHeight - page.clientHeight,
        too_wide: page.scrollWidth - page.clientWidth,
        outside: all(".prose, .code, .printed, .figure img").filter(e => e.checkVisibility() && !inside(e)).length,
        hidden: all(".prose, .code, .printed, .html > :not(.still), .figure").filter(
            e => !e.checkVisibility({visibilityProperty: true})).length,
        prose: parseFloat(page.style.getPropertyValue("--prose")),
        code: parseFloat(page.style.getPropertyValue("--code")),
        lines: all(".code pre").map(code => code.textContent.trim().split("\\n").length),
        figures: all(".figure img, .still img").map(image => [image.clientWidth, image.clientHeight]),
        broken: all("img").filter(image => !image.complete || !image.naturalWidth).length,
        without_alt: all("img").filter(image => !image.alt).length,
        formulas: all("mjx-container svg").length,
        wrong_formulas: all("mjx-merror, [data-mjx-error]").length,
        raw_formulas: all(".prose").filter(element => {
            const copy = element.cloneNode(true);
            copy.querySelectorAll("code, mjx-container").forEach(part => part.remove());
            return /\\$|\\\\[a-z]/.test(copy.textContent);
        }).length,
        widgets: all(".live").length,
        notes_seen: all("aside.notes").filter(e => e.checkVisibility()).length,
        notes: all("aside.notes").map(e => e.textContent.trim()).join(""),
    };
    slide.querySelectorAll(".prose details").forEach(details => details.open = false);
    fit(slide);
    return found;
})"""
# All pages below one another, as a reader of the whole deck (or axe) sees them.
UNROLL = """() => {
    Reveal.getSlides().concat([...document.querySelectorAll(".slides > section")]).forEach(section => {
        section.hidden = false;
        section.removeAttribute("aria-hidden");
        section.style.cssText = "display: block !important; position: static; visibility: visible; opacity: 1;"
            + "transform: none; height: auto";
        section.className = "present";
    });
    document.querySelectorAll(".fragment").forEach(fragment => fragment.classList.add("visible"));
    document.querySelectorAll(".reveal, .slides, body, html").forEach(element => {
        element.style.cssText = "position: static; overflow: visible; height: auto; transform: none";
    });
}"""


class Show:
    """One browser for all decks, which notes what it should not have been asked for."""

    def __init__(self, folder: Path, browser) -> None:
        self.folder, self.context = folder, browser.new_context(viewport={"width": 1280, "height": 720})
        self.context.route(re.compile(r"^(?!file:|data:|about:|blob:)"), self._refuse)
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("requestfailed", lambda request: self.errors.append(request.url[:200]))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    def _refuse(self, route) -> None:
        self.requests.append(route.request.url)
        route.abort()

    def open(self, path: Path):
        """Show the first page of a deck, once its formulas are drawn."""
        self.requests.clear()
        self.errors.clear()
        self.page.goto("about:blank")
        self.page.goto(path.as_uri())
        self.page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=60_000)
        return self.page


@pytest.fixture(scope="module")
def show(tmp_path_factory) -> Iterator[Show]:
    """All decks, as `make slides` writes them, in a folder that moves afterwards: onto the stick."""
    from playwright.sync_api import sync_playwright

    assert shared.BROWSER, "no Chromium found"
    built, stick = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("a stick") / "slides"
    assert slides.main([str(path) for path in LECTURES], built) == 0
    shutil.move(built, stick)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shared.BROWSER, args=shared.FLAGS.split())
        yield Show(stick, browser)
        browser.close()


class TestDecks:
    pytestmark = in_browser

    @pytest.mark.parametrize("lecture", LECTURES, ids=lambda path: path.stem)
    def test_every_page_fits_and_works_without_a_network(self, show, lecture):
        deck = show.open(show.folder / f"{lecture.stem}.html")
        pages = deck.evaluate(WALK)
        assert len(pages) == len(list(slides.pages(slides.prepare(build.read(lecture)).cells)))
        for page in pages:
            where = page["where"]
            assert not page["empty"], where
            assert page["too_high"] <= 1, f"{where}: {page['too_high']} pixels too high"
            assert page["too_wide"] <= 1, f"{where}: {page['too_wide']} pixels too wide"
            assert not page["outside"], where
            assert not page["hidden"], where
            assert page["prose"] >= SMALLEST["--prose"], where
            assert page["code"] >= SMALLEST["--code"], where
            assert sum(page["lines"]) <= 1.5 * LONGEST, where
            assert max(page["lines"], default=0) <= LONGEST, where
            assert all(min(size) > 150 for size in page["figures"]), where
            assert not page["broken"], where
            assert len(page["figures"]) >= page["widgets"], where
            assert not page["without_alt"], where
            assert not page["wrong_formulas"], where
            assert not page["raw_formulas"], where
            assert page["notes"], where
            assert not page["notes_seen"], where
        formulas = sum(cell.source.count("$") for cell in build.read(lecture).cells if has_prose(cell))
        assert (
            sum(page["formulas"] for page in pages) >= formulas // 4
        )  # a display formula has four signs, others two
        assert not show.errors
        assert not show.requests

    @pytest.mark.parametrize("lecture", LECTURES, ids=lambda path: path.stem)
    def test_deck_can_be_read_by_everybody(self, show, lecture):
        deck = show.open(show.folder / f"{lecture.stem}.html")
        deck.evaluate(UNROLL)
        assert not axe.violations(deck)

    @pytest.mark.parametrize("lecture", LECTURES, ids=lambda path: path.stem)
    def test_no_font_of_the_system_is_used(self, show, lecture):
        """Not even for a symbol: how much fits on a page would depend on the machine."""
        deck = show.open(show.folder / f"{lecture.stem}.html")
        deck.evaluate(UNROLL)
        protocol = show.context.new_cdp_session(deck)
        protocol.send("DOM.enable")
        protocol.send("CSS.enable")
        root = protocol.send("DOM.getDocument")["root"]["nodeId"]
        nodes = protocol.send(
            "DOM.querySelectorAll", {"nodeId": root, "selector": ".slides :not(aside, aside *, mjx-container *)"}
        )
        fonts = [
            font
            for node in nodes["nodeIds"]
            for font in protocol.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        ]
        assert not [font for font in fonts if not font["isCustomFont"]]
        assert len({font["familyName"] for font in fonts}) == 2
        protocol.detach()

    def test_speaker_sees_notes_in_a_window_of_their_own(self, show):
        deck = show.open(show.folder / f"{LECTURES[1].stem}.html")
        with show.context.expect_page() as opened:
            deck.keyboard.press("s")
        window = opened.value
        window.wait_for_function(
            "document.querySelector('.speaker-controls-notes .value')?.textContent.includes('minutes.')"
        )
        deck.keyboard.press("ArrowRight")
        second = deck.evaluate(
            "Reveal.getCurrentSlide().querySelector('aside.notes').textContent.trim().slice(0, 40)"
        )
        window.wait_for_function(f"document.body.textContent.includes({json.dumps(second)})")
        assert not deck.locator("aside.notes:visible").count()
        window.close()
        assert not show.requests


def has_prose(cell: nbformat.NotebookNode) -> bool:
    return cell.cell_type == "markdown" and slides.slide_type(cell) not in ("skip", "notes")


@pytest.mark.parametrize("lecture", LECTURES, ids=lambda path: path.stem)
def test_every_slide_has_notes_with_minutes_that_add_up_to_a_lecture(lecture):
    cells = build.read(lecture).cells
    minutes = slides.minutes(cells)
    without = [
        slides.heading(group[0]) for group, time in zip(slides.groups(cells), minutes, strict=True) if not time
    ]
    assert not [heading for heading in without if heading != "Read on"]
    assert MINUTES[0] <= sum(minutes) <= MINUTES[1]


# On a small deck


def cell(source: str, slide_type: str = "slide", kind: str = "markdown", **more) -> nbformat.NotebookNode:
    make = new_markdown_cell if kind == "markdown" else new_code_cell
    return make(source, metadata={"slideshow": {"slide_type": slide_type}, **more.pop("metadata", {})}, **more)


def test_minutes_are_added_up_by_slide():
    cells = [
        cell("# One"),
        cell("**3 minutes.** Talk.", "notes"),
        cell("more", "subslide"),
        cell("**1 minute.** Ask.", "notes"),
        cell("## Two"),
        cell("Say **5 minutes.** or so", "notes"),
    ]
    assert slides.minutes(cells) == [4, 0]


def test_preparing_a_deck():
    still = f'{STILL}<img src="data:image/png;base64,{DOT}" alt="A dot."></div><p><i>Run this cell.</i></p>'
    view = new_output("display_data", data={"text/html": still, "text/plain": "A dot."})
    notebook = new_notebook(
        cells=[
            cell(
                "# 07 · Dots\n[chapter](02_vanilla_saliency.ipynb), [task](../exercises/a.ipynb), [web](https://a.b)"
            ),
            cell("**2 minutes.** Talk.", "notes"),
            cell("widget()", "subslide", "code", outputs=[view]),
            cell("left out", "skip"),
        ],
    )
    first, notes, widget, again = slides.prepare(notebook).cells
    assert first.source.endswith("[chapter](02_vanilla_saliency.html), task, [web](https://a.b)")
    assert notes.source == again.source
    assert DOT in widget.outputs[0].data["text/html"]
    assert 'alt="A dot."' in widget.outputs[0].data["text/html"]
    assert "make present" in widget.outputs[0].data["text/html"]
    assert notebook.cells[2].outputs[0].data["text/html"] == still  # the notebook stays as it is
    page = slides.deck(notebook, "07_dots")
    assert "left out" not in page
    assert "07 · Dots" in page
    assert not re.search(r"(src|href)=.?(https?:)?//(?!a\.b)", page)


def test_code_of_a_drawing_can_be_left_out():
    drawing = cell("draw(\n    'much')", "subslide", "code", metadata={"tags": ["hide-input"]})
    drawing.outputs = [new_output("stream", name="stdout", text="drawn")]
    page = slides.deck(new_notebook(cells=[cell("# One"), drawing]), "one")
    assert "much" not in page
    assert "drawn" in page


def test_without_npm_the_command_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(slides, "MODULES", tmp_path / "nothing")
    assert slides.main([], tmp_path) == 1
    assert "npm" in capsys.readouterr().err


def test_npm_that_fails_is_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: "npm")
    monkeypatch.setattr(slides, "MODULES", tmp_path / "nothing")

    def fail(command, **options):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", fail)
    assert slides.main([], tmp_path) == 1
    assert "npm" in capsys.readouterr().err


DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
