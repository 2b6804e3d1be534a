"""A student's way through a notebook: a real browser opens it in JupyterLab, runs every cell and sees the figures."""

import os
import time
from pathlib import Path

import nbformat
import pytest

from tests.shared.browser import BROWSER, FLAGS, MARKS, ROOT

CHAPTER = "notebooks/02_vanilla_saliency.ipynb"
OTHERS = sorted(
    {str(p.relative_to(ROOT)) for p in [*ROOT.glob("notebooks/[0-9]*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")]}
    - {CHAPTER}
)
pytestmark = [*MARKS, pytest.mark.long]
slow = [
    pytest.mark.stage,
    pytest.mark.skipif(not os.environ.get("EVERY_NOTEBOOK"), reason="takes many minutes: EVERY_NOTEBOOK=1 insists"),
]


@pytest.mark.parametrize("name", [CHAPTER, *(pytest.param(name, marks=slow) for name in OTHERS)])
def test_notebook_runs_in_a_browser(name, lab):
    from playwright.sync_api import expect, sync_playwright

    assert BROWSER, "no Chromium found"
    address, folder = lab
    path = folder / name
    stored = nbformat.read(path, as_version=4)
    cells = sum(cell.cell_type == "code" for cell in stored.cells)
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS.split())
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(f"{address}/lab/tree/{name}?token=t")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        page.get_by_text("(ipykernel) | Idle").wait_for()  # the kernel is connected

        page.get_by_role("menuitem", name="Edit", exact=True).click()
        page.get_by_role("menuitem", name="Clear Outputs of All Cells").click()
        expect(page.locator(".jp-OutputArea-output img")).to_have_count(0)  # texts may have pictures, too
        wait_until_saved(page, path, [None] * cells)  # else the old file could be taken for the result
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()  # in the kernel that has just started
        wait_until_saved(page, path, list(range(1, cells + 1)))

        pictures = page.locator(".jp-OutputArea-output img")
        pictures.first.scroll_into_view_if_needed()
        assert pictures.first.evaluate("image => image.decode().then(() => image.naturalWidth > 100)")
        browser.close()

    before, after = all_outputs(stored), all_outputs(nbformat.read(path, as_version=4))
    assert count_pictures(after) == count_pictures(before) > 0
    assert not [output for output in after if output.output_type == "error" or output.get("name") == "stderr"]
    assert not errors


def wait_until_saved(page, path: Path, wanted: list[int | None], seconds: float = 400) -> None:
    """Save until the file on disk has these execution counts: the page draws only the cells that are in view."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        page.wait_for_timeout(1000)
        page.keyboard.press("Control+s")
        page.wait_for_timeout(500)
        try:
            notebook = nbformat.read(path, as_version=4)
        except nbformat.reader.NotJSONError:  # read while JupyterLab was writing it
            continue
        counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
        stopped = any(output.output_type == "error" for output in all_outputs(notebook))
        if counts == wanted or stopped:
            return
    raise AssertionError(f"after {seconds} s the cells have the execution counts {counts}, not {wanted}")


def all_outputs(notebook: nbformat.NotebookNode) -> list:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def count_pictures(outputs: list) -> int:
    shown = [output.get("data", {}) for output in outputs]
    return sum("image/png" in data and "text/html" not in data for data in shown)  # without stills of widgets
