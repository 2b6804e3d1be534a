"""A lecture as a reader opens it in JupyterLab: not marked as changed, nothing given away, widgets in sight."""

import re
import subprocess

import nbformat
import pytest

from tests.shared import browser as shared
from tools import build, editions

pytestmark = [*shared.MARKS, pytest.mark.stage]
LECTURES = sorted((shared.ROOT / "course" / "lectures").glob("[0-9]*.py"))


def first_words(cell: nbformat.NotebookNode) -> str:
    """How a speaker note begins, after its minutes, as it would stand on the page."""
    said = re.sub(r"^\*\*\d+ minutes?\.\*\*", "", cell.source).split()
    plain = " ".join(said[:8])
    return plain if not re.search(r"[$*`_\[]", plain) else ""


def test_every_lecture_opens_unchanged_and_gives_nothing_away(lab) -> None:
    from playwright.sync_api import sync_playwright

    address, folder = lab
    settings = folder.parent / "SETTINGS" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')  # every cell is in the page
    subprocess.run(["jupyter", "trust", *map(str, (folder / "notebooks").glob("*.ipynb"))], check=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shared.BROWSER, args=shared.FLAGS.split())
        for text in LECTURES:
            page = browser.new_context(viewport={"width": 1400, "height": 30_000}).new_page()  # all is in view
            page.goto(f"{address}/lab/tree/notebooks/{text.stem}.ipynb?token=t&reset")
            page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
            page.get_by_text("(ipykernel) | Idle").wait_for(timeout=120_000)
            page.wait_for_timeout(1500)
            assert page.locator(".jp-mod-dirty").count() == 0, text.stem
            shown = page.locator(".jp-Notebook").inner_text()
            whole = build.read(text)
            notes = [first_words(cell) for cell in whole.cells if editions.slide_type(cell) == "notes"]
            assert not [words for words in notes if words and words in shown], text.stem
            stored = nbformat.read(folder / "notebooks" / f"{text.stem}.ipynb", as_version=4)
            code = [cell for cell in stored.cells if cell.cell_type == "code"]
            folded = [cell for cell in code if cell.metadata.get("jupyter", {}).get("outputs_hidden")]
            assert page.locator(".jp-CodeCell").count() == len(code), text.stem
            assert page.locator(".jp-OutputPlaceholder").count() == len(folded), text.stem
            shown_outputs = page.locator(".jp-OutputArea-output:visible").count()
            assert shown_outputs <= sum(len(cell.outputs) for cell in code if cell not in folded), text.stem
            for still in page.locator(".still img").all():
                assert still.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
            page.context.close()
        browser.close()
