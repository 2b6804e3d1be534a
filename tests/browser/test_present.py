"""`make present`: a browser opens live slides, whose cells above the first widget have run in the same kernel."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.shared import browser as shared
from tools import build, editions, present

pytestmark = [*shared.MARKS, pytest.mark.stage]
ROOT = shared.ROOT

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
STILL = f'{editions.STILL}<img src="data:image/png;base64,{DOT}" alt="A knob."></div><p></p>'


def lecture() -> nbformat.NotebookNode:
    """A title, a cell that counts, a drawing without its code, a widget, and a cell that asks where it runs."""
    widget = new_output(
        "display_data", data={editions.WIDGET: {"model_id": "gone"}, "text/html": STILL, "text/plain": "IntSlider()"}
    )
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return new_notebook(
        cells=[
            new_markdown_cell("# Live", metadata=slide("slide")),
            new_markdown_cell("**1 minute.** Only for the speaker.", metadata=slide("notes")),
            new_code_cell(
                "import os\nhome = os.getpid()\nprint('six times seven is', 6 * 7)", metadata=slide("subslide")
            ),
            new_code_cell(
                "print('a drawing')  # whose code nobody wants to see",
                metadata={**slide("subslide"), "tags": ["hide-input"]},
            ),
            new_code_cell(
                "import ipywidgets\nipywidgets.IntSlider(3, description='knob')",
                metadata=slide("subslide"),
                outputs=[widget],
            ),
            new_code_cell("print('the same kernel:', os.getpid() == home)", metadata=slide("subslide")),
        ],
        metadata={"kernelspec": kernel},
    )


def slide(kind: str) -> dict:
    return {"slideshow": {"slide_type": kind}}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """What the command prints as its address, and the notebook on the stage."""
    text = tmp_path / "course" / "lectures" / "77_live.py"
    text.parent.mkdir(parents=True)
    jupytext.write(lecture(), text, fmt="py:percent")
    stored = build.read(text)
    for cell, with_outputs in zip(stored.cells, lecture().cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs = with_outputs.outputs
    build.write(editions.reader(stored), tmp_path / "notebooks" / "77_live.ipynb")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tools.present", "77", "--no-browser", f"--port={port}"]
    command += [f"--root={tmp_path}", f"--folder={tmp_path / 'stage'}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout
        address = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
        yield address, tmp_path / "stage" / "notebooks" / "77_live.ipynb"
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_live_slides_in_a_browser(stage) -> None:
    from playwright.sync_api import expect, sync_playwright

    assert shared.BROWSER, "no Chromium found"
    address, path = stage
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, None, None]  # nothing from the widget on
    assert [bool(cell.outputs) for cell in code] == [True, True, False, False]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shared.BROWSER, args=shared.FLAGS.split())
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(180_000)
        expect.set_options(timeout=180_000)
        page.goto(address)
        page.locator("body[data-jp-deck-mode='presenting']").wait_for(state="attached")
        on_screen = page.locator(".jp-Deck .jp-Cell.jp-deck-mod-visible")
        expect(on_screen).to_have_text(re.compile("Live"))
        size = on_screen.locator("p, h1").first.evaluate("element => parseFloat(getComputedStyle(element).fontSize)")
        assert size >= 26

        page.keyboard.press("Space")
        expect(on_screen).to_contain_text("six times seven is 42")
        page.keyboard.press("Space")
        expect(on_screen).to_contain_text("a drawing")
        assert not on_screen.get_by_text("nobody wants to see").is_visible()
        page.keyboard.press("Space")
        expect(on_screen).to_contain_text("knob")
        page.keyboard.press("Shift+Enter")  # runs the widget's cell, and goes on
        expect(on_screen).to_contain_text("the same kernel")
        page.keyboard.press("PageUp")  # as a remote control does
        expect(page.locator(".widget-slider", has_text="knob")).to_be_visible()
        page.keyboard.press("PageDown")
        expect(on_screen).to_contain_text("the same kernel")
        page.keyboard.press("Shift+Enter")
        expect(page.get_by_text("the same kernel: True")).to_be_visible()
        assert not page.get_by_text("Only for the speaker").locator("visible=true").count()
        browser.close()


def test_a_chapter_that_does_not_exist(tmp_path) -> None:
    (tmp_path / "notebooks").mkdir()
    with pytest.raises(SystemExit, match="no chapter 77"):
        present.stage("77", tmp_path / "notebooks", tmp_path / "stage")
