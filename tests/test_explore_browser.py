"""Widgets in a real browser: sliders, a wrong name, and a point that is dragged with the mouse and the keyboard."""

import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests import test_browser

pytestmark = test_browser.pytestmark
lab = test_browser.lab
CELLS = [
    "import torch\nfrom lecture_lib import explore, networks\nnetwork = networks.efficientnet_lite0()",
    "explore.plane(lambda x: (8 * (x[:, 0, 0, 1] - x[:, 0, 0, 0] ** 2)).sigmoid())",
    "explore.smoothgrad(network)",
    "explore.integrated_gradients(network)",
]


def write_notebook(path: Path) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [new_code_cell(source) for source in CELLS]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def test_widgets_answer_in_a_browser(lab) -> None:
    from playwright.sync_api import expect, sync_playwright

    assert test_browser.BROWSER, "no Chromium found"
    address, folder = lab
    write_notebook(folder / "widgets.ipynb")
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=test_browser.BROWSER, args=test_browser.FLAGS.split())
        page = browser.new_page(viewport={"width": 1400, "height": 2400})  # all cells in view
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(f"{address}/lab/tree/widgets.ipynb?token=t")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        page.get_by_text("(ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

        drag_the_point(page, expect)
        move_a_slider(page, expect, "SmoothGrad", "samples", r"Mean of (\d+) gradients")
        move_a_slider(page, expect, "Integrated Gradients", "steps", r"adds up to (-?\d+\.\d\d)")
        mistype_a_class(page, expect)
        browser.close()
    assert not errors


def drag_the_point(page, expect) -> None:
    point = page.get_by_role("slider", name="point")
    numbers = page.locator(".widget-html", has_text="gradient (")
    expect(numbers).to_contain_text("x₁ = 0.50, x₂ = 0.50")
    arrow = page.locator(".jp-OutputArea svg line").first
    before = arrow.get_attribute("x2")
    box = point.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 42, y - 20, steps=5)
    page.mouse.move(x + 84, y - 42, steps=5)
    page.mouse.up()
    expect(numbers).to_contain_text("x₁ = 0.70, x₂ = 0.60")  # the square has 420 pixels
    expect(numbers).to_contain_text("probability 0.71")  # sigmoid(8 · (0.6 - 0.49)) = sigmoid(0.88)
    assert arrow.get_attribute("x2") != before
    page.mouse.move(x, y)  # the button is up: the point stays
    point.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(numbers).to_contain_text("x₁ = 0.68, x₂ = 0.62")


def move_a_slider(page, expect, method: str, slider: str, number: str) -> None:
    """Click in the middle of a slider: the numbers below the picture change, and the bar goes away at the end."""
    widget = page.locator(".jp-OutputArea-output", has=page.locator(f"img[alt*='{method}']"))
    caption = widget.locator("p")
    before = re.search(number, caption.inner_text())[1]
    widget.locator(".widget-slider", has_text=slider).locator(".noUi-base").click()
    expect(caption).not_to_contain_text(
        re.compile(number.replace(r"(\d+)", before).replace(r"(-?\d+\.\d\d)", before))
    )
    expect(widget.get_by_role("progressbar")).to_be_hidden()


def mistype_a_class(page, expect) -> None:
    widget = page.locator(".jp-OutputArea-output", has=page.locator("img[alt*='SmoothGrad']"))
    name = widget.get_by_label("other class")
    name.fill("tabbby")
    name.press("Enter")
    expect(widget).to_contain_text("Unknown class 'tabbby'. Did you mean")
    name.fill("tabby")
    name.press("Enter")
    expect(widget.locator("img[alt*='SmoothGrad: tabby']")).to_be_visible()
    expect(widget).not_to_contain_text("Unknown class")
