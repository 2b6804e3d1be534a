"""Every widget of the lectures in a real browser: moved by mouse and by keyboard, in a notebook and in a deck."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.shared import axe
from tests.shared import browser as shared

pytestmark = [*shared.MARKS, pytest.mark.stage]
SET_UP = """from lecture_lib import networks, widgets
network, vit = networks.efficientnet_lite0(), networks.load("birds_vit")
probability = lambda x: (8 * (x[:, 0, 0, 1] - x[:, 0, 0, 0] ** 2)).sigmoid()"""
WIDGETS = {
    "plane": "widgets.plane(probability)",
    "smoothgrad": "widgets.smoothgrad(network)",
    "integrated_gradients": "widgets.integrated_gradients(network)",
    "grad_cam": "widgets.grad_cam(network)",
    "attention": "widgets.attention(vit)",
    "attack": "widgets.attack(network)",
    "bim_path": "widgets.bim_path(probability, start=(0.45, 0.1))",
}
HEIGHT = 5200  # of the window: JupyterLab draws only what is in view


def test_every_widget_of_the_lectures_is_here() -> None:
    texts = [path.read_text("utf-8") for path in (shared.ROOT / "course" / "lectures").glob("*.py")]
    assert set(re.findall(r"widgets\.(\w+)\(", "".join(texts))) == set(WIDGETS)


def write_notebook(path: Path) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    slide = {"slideshow": {"slide_type": "slide"}}
    cells = [new_code_cell(source, metadata=slide) for source in (SET_UP, *WIDGETS.values())]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def open_widgets(browser, address: str, name: str, patience: int = 120):
    """A page with all widgets of the notebook, ready to be moved; waits at most so many seconds for each thing."""
    page = browser.new_page(viewport={"width": 1400, "height": HEIGHT})
    page.set_default_timeout(1000 * patience)
    page.errors, page.requests = [], []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(f"{address}/lab/tree/{name}?token=t")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.get_by_text("(ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.locator(".stage").nth(len(WIDGETS) - 1).wait_for()
    page.get_by_text("(ipykernel) | Idle").wait_for()
    return page


class Shown:
    """One widget on the page."""

    def __init__(self, page, name: str) -> None:
        from playwright.sync_api import expect

        self.page, self.expect = page, expect
        self.stage = page.locator(".stage").nth(list(WIDGETS).index(name))

    def slider(self, name: str):
        return self.stage.get_by_role("slider", name=name, exact=True)

    def says(self, words: str | re.Pattern[str]) -> None:
        self.expect(self.stage).to_contain_text(words)

    def is_done(self) -> None:
        bar = self.stage.get_by_role("progressbar", name="working", include_hidden=True)
        self.expect(bar).to_have_count(1)  # what is not there would count as hidden
        self.expect(bar).to_be_hidden()

    def drag(self, slider, right: float, steps: int = 5) -> None:
        """Press the button on a handle, move it to the right, and let go."""
        box = slider.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right, y, steps=steps)
        self.page.mouse.up()

    def type(self, control, *keys: str) -> None:
        for key in keys:
            control.press(key)  # with the focus on it, also where a redraw has taken it away since the last key


def test_widgets_answer_in_a_browser(lab) -> None:
    from playwright.sync_api import expect, sync_playwright

    assert shared.BROWSER, "no Chromium found"
    address, folder = lab
    write_notebook(folder / "widgets.ipynb")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shared.BROWSER, args=shared.FLAGS.split())
        expect.set_options(timeout=120_000)
        page = open_widgets(browser, address, "widgets.ipynb")
        for check in (plane, smoothgrad, integrated_gradients, grad_cam, attention, attack, bim_path):
            check(Shown(page, check.__name__))
        fifty_fast_moves(Shown(page, "smoothgrad"))
        mistype_a_class(Shown(page, "smoothgrad"))
        everybody_can_read(page)
        in_a_deck(page)
        browser.close()
    assert not page.errors
    assert not [url for url in page.requests if not url.startswith((address, "data:", "blob:"))]


def plane(shown: Shown) -> None:
    point, page = shown.stage.get_by_role("slider", name="point"), shown.page
    shown.says("x₁ = 0.50, x₂ = 0.50")
    arrow = shown.stage.locator("svg line")
    before = arrow.get_attribute("x2")
    box = point.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 36, y - 18, steps=5)
    page.mouse.move(x + 72, y - 36, steps=5)
    page.mouse.up()
    shown.says("x₁ = 0.70, x₂ = 0.60")  # the square has 360 pixels
    shown.says("probability 0.71")  # sigmoid(8 · (0.6 - 0.49)) = sigmoid(0.88)
    assert arrow.get_attribute("x2") != before
    page.mouse.move(x, y)  # the button is up: the point stays
    shown.type(point, "ArrowUp", "ArrowLeft")
    shown.says("x₁ = 0.68, x₂ = 0.62")
    shown.stage.get_by_role("button", name="reset").click()
    shown.says("x₁ = 0.50, x₂ = 0.50")
    shown.expect(arrow).to_have_attribute("x2", before)


def smoothgrad(shown: Shown) -> None:
    shown.says("Mean of 10 gradients;")
    shown.drag(shown.slider("samples"), 20)
    shown.says(re.compile(r"Mean of (?!10)\d\d gradients;"))
    shown.type(shown.slider("samples"), "Home", "ArrowRight", "ArrowRight")
    shown.says("Mean of 3 gradients;")
    shown.type(shown.slider("noise level"), "ArrowLeft")
    shown.says("(14% of I_max")
    shown.type(shown.stage.get_by_label("photograph"), "ArrowDown")
    shown.expect(shown.stage.locator("img[alt='SmoothGrad: tripod']")).to_have_count(0)
    shown.stage.get_by_role("button", name="reset").press("Enter")
    shown.says("Mean of 10 gradients; the noise has σ = 0.15 (15% of")
    shown.expect(shown.stage.locator("img[alt='SmoothGrad: tripod']")).to_be_visible()


def integrated_gradients(shown: Shown) -> None:
    shown.drag(shown.slider("steps"), 30)
    shown.says(re.compile("With 4 steps, until|Completeness gap"))
    shown.type(shown.slider("steps"), "Home")
    before = shown.stage.locator("p").inner_text()
    shown.type(shown.slider("steps"), "ArrowRight")
    shown.expect(shown.stage.locator("p")).not_to_have_text(before)
    shown.stage.get_by_label("baseline").select_option("white")
    shown.expect(shown.stage.locator("img[alt='baseline: white']")).to_be_visible()


def grad_cam(shown: Shown) -> None:
    shown.says("7 × 7 cells.")
    layer = shown.stage.get_by_label("layer")
    shown.type(layer, "Home")
    shown.says("112 × 112 cells.")
    shown.type(layer, "End", "ArrowUp")
    shown.says("7 × 7 cells.")
    shown.stage.get_by_role("button", name="reset").click()
    shown.says("7 × 7 cells.")
    shown.stage.get_by_label("ReLU").click()
    shown.says("−")  # the scale has a negative end
    shown.type(shown.stage.get_by_label("ReLU"), "Space")
    shown.expect(shown.stage).not_to_contain_text("−")
    shown.stage.get_by_label("photograph").select_option("cat | coffee")
    shown.expect(shown.stage.locator("img[alt*='Grad-CAM: tripod']")).to_have_count(0)
    shown.is_done()


def attention(shown: Shown) -> None:
    picture = shown.stage.locator("img").first
    shown.drag(shown.slider("bird"), 60)
    shown.expect(picture).not_to_have_attribute("alt", "bird 0")
    shown.type(shown.slider("bird"), "Home", "ArrowRight")
    shown.expect(picture).to_have_attribute("alt", "bird 1")
    shown.expect(shown.stage.get_by_label("head")).to_be_disabled()
    shown.type(shown.stage.get_by_label("layer"), "ArrowDown")
    shown.says("layer 1, mean of the heads")
    shown.type(shown.stage.get_by_label("head"), "ArrowDown")
    shown.says("layer 1, head 1")
    shown.stage.get_by_role("button", name="reset").click()
    shown.expect(shown.stage.get_by_label("layer")).to_have_value("rollout of all")
    shown.expect(shown.stage.get_by_label("head")).to_have_value("mean")
    shown.expect(shown.stage.locator("img[alt='rollout']")).to_be_visible()


def attack(shown: Shown) -> None:
    shown.says("ε = 1/255, FGSM.")
    shown.drag(shown.slider("ε · 255"), 40)
    shown.says(re.compile(r"ε = (?!1/)[\d.]+/255, FGSM\."))
    shown.type(shown.slider("steps"), "ArrowRight")
    shown.says("BIM with 2 steps of ε/4. Before: tripod")
    shown.type(shown.slider("ε · 255"), "Home")
    shown.says("ε = 0/255")
    shown.says(re.compile(r"Before: tripod \((\d+)%\)\. After: tripod \(\1%\)"))


def bim_path(shown: Shown) -> None:
    picture = shown.stage.locator("img")
    before, words = picture.get_attribute("src"), shown.stage.locator("p").inner_text()
    shown.type(shown.slider("steps"), "ArrowRight", "ArrowRight", "ArrowRight")
    shown.expect(picture).not_to_have_attribute("src", before)
    shown.expect(shown.stage.locator("p")).not_to_have_text(words)
    shown.drag(shown.slider("x₁"), 50)
    shown.expect(shown.stage.locator("p")).not_to_contain_text(words[: words.index(";")])


def fifty_fast_moves(shown: Shown) -> None:
    """The picture at the end belongs to the last place of the slider, and stays."""
    shown.stage.get_by_role("button", name="reset").click()
    for move in (
        lambda: shown.drag(shown.slider("noise level"), 100, steps=50),
        lambda: shown.type(shown.slider("noise level"), *["ArrowLeft"] * 25, *["ArrowRight"] * 25),
        lambda: shown.type(shown.slider("noise level"), *["ArrowLeft"] * 50),
    ):
        move()
        last = shown.stage.locator(".widget-slider", has_text="noise level").locator(".widget-readout").inner_text()
        shown.says(f"Mean of 10 gradients; the noise has σ = 0.{int(last[:-1]):02d} ({last} of I_max")
        shown.is_done()
        shown.page.wait_for_timeout(300)
        shown.says(f"({last} of I_max")


def mistype_a_class(shown: Shown) -> None:
    name = shown.stage.get_by_label("other class")
    name.fill("tabbby")
    name.press("Enter")
    shown.says("Unknown class 'tabbby'. Did you mean")
    shown.expect(shown.stage.locator("img[alt='SmoothGrad: tripod']")).to_be_visible()  # the last good picture
    name.fill("tabby")
    name.press("Enter")
    shown.expect(shown.stage.locator("img[alt='SmoothGrad: tabby']")).to_be_visible()
    shown.expect(shown.stage).not_to_contain_text("Unknown class")


def everybody_can_read(page) -> None:
    assert not axe.violations(page, ".stage")
    page.locator(".stage img").first.evaluate("image => image.removeAttribute('alt')")
    assert any(found.startswith("image-alt (critical)") for found in axe.violations(page, ".stage"))


def in_a_deck(page) -> None:
    """Keys move the control that has the focus, and not the slides; without the focus they move the slides."""
    from playwright.sync_api import expect

    page.set_viewport_size({"width": 1280, "height": 720})
    slides, shown = page.locator(".jp-Cell"), Shown(page, "smoothgrad")
    slides.nth(2).locator(".jp-InputPrompt").click()
    page.locator("[data-command='deck:toggle']").click()
    expect(slides.nth(1)).to_be_hidden()
    shown.type(shown.slider("noise level"), "Home", "ArrowRight", "ArrowUp", "ArrowRight", "ArrowDown", "ArrowLeft")
    shown.says("(1% of I_max")
    shown.type(shown.stage.get_by_label("photograph"), "ArrowDown")
    expect(shown.stage.get_by_label("photograph")).to_have_value("rocket")
    expect(slides.nth(2)).to_be_visible()
    box = shown.stage.bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 720  # it fits
    page.keyboard.press("Shift+Enter")
    expect(slides.nth(3)).to_be_visible()
    expect(slides.nth(2)).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(slides.nth(4)).to_be_visible()
