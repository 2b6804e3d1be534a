"""The explorer in a real browser, as a Voilà page and in JupyterLab: cards, an attack, pictures of one's own."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import to_pil_image

from lecture_lib import pictures
from tests.shared import axe
from tests.shared import browser as shared

pytestmark = [*shared.MARKS, pytest.mark.stage]
ROOT = shared.ROOT
NOTEBOOK = ROOT / "notebooks" / "explorer.ipynb"
SEARCHED = 2048  # bytes of the picture that are looked for on the disk


@pytest.fixture
def voila(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Voilà as `make explorer` starts it; whatever it writes goes to a folder of the test: (address, folder)."""
    folder = tmp_path / "written"
    places = {name: folder / name for name in ("TMPDIR", "HOME", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR")}
    for place in places.values():
        place.mkdir(parents=True)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {name: str(ROOT / "tools" / "jupyter") for name in ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH")}
    environment = os.environ | settings | {name: str(place) for name, place in places.items()}
    command = [sys.executable, "-m", "voila", str(NOTEBOOK), "--no-browser", f"--port={port}"]
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env={**environment, "PYTHONPATH": str(ROOT)}
        )
        try:
            shared.wait_for(f"http://127.0.0.1:{port}/voila/static/voila.js", server)
            yield f"http://127.0.0.1:{port}", folder
        finally:
            server.terminate()
            server.wait(timeout=60)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Files to upload: photographs, a text that calls itself a photograph, and a file that is too large."""
    folder = tmp_path / "files"
    folder.mkdir()
    noise = torch.rand(3, 2100, 2000, generator=torch.Generator().manual_seed(5))
    to_pil_image(noise).save(folder / "noise.bmp")  # 12.6 MB: more than a server takes in one piece
    to_pil_image(pictures.photo("cat", 300)[0]).save(folder / "my cat.png")
    (folder / "letter.jpg").write_text("This is no photograph. " * 100)
    (folder / "huge.png").write_bytes((folder / "noise.bmp").read_bytes() + bytes(range(256)) * 32_000)
    return {file.name: file for file in folder.iterdir()}


class Page:
    """The explorer in a browser, and what the browser complained about."""

    def __init__(self, playwright) -> None:
        from playwright.sync_api import expect

        assert shared.BROWSER, "no Chromium found"
        self.browser = playwright.chromium.launch(executable_path=shared.BROWSER, args=shared.FLAGS.split())
        self.page, self.expect = self.browser.new_page(viewport={"width": 1400, "height": 1600}), expect
        self.page.set_default_timeout(120_000)
        expect.set_options(timeout=120_000)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self._note(message))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _note(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def upload(self, file: Path) -> None:
        self.page.locator("input[type=file]").set_input_files(file)

    def card(self, title: str):
        return self.page.locator(f"figure:has(img[alt*='{title}'])")

    def sees(self, text: str | re.Pattern[str]) -> None:
        self.expect(self.page.locator("body")).to_contain_text(text)

    def sees_not(self, text: str) -> None:
        self.expect(self.page.locator("body")).not_to_contain_text(text)

    def is_done(self) -> None:
        bar = self.page.get_by_role("progressbar", name="working", include_hidden=True)
        self.expect(bar).to_have_count(1)  # what is not there would count as hidden
        self.expect(bar).to_be_hidden()


def test_the_page_of_make_explorer(voila, files) -> None:
    from playwright.sync_api import sync_playwright

    address, folder = voila
    with sync_playwright() as playwright:
        page = Page(playwright)
        page.page.goto(address)
        for name in ("Gradient", "SmoothGrad", "Integrated Gradients", "Grad-CAM"):
            page.expect(page.card(f"{name}: espresso")).to_contain_text("It answers:")
        for name in ("SmoothGrad", "Integrated Gradients"):  # the slow ones
            page.page.get_by_label(name, exact=True).uncheck()
        page.expect(page.page.locator("figure")).to_have_count(2)

        choose_a_picture_and_a_class(page)
        page.page.get_by_label("Grad-CAM", exact=True).press("Space")
        page.expect(page.page.locator("figure")).to_have_count(1)
        attack(page)
        upload_pictures(page, files)
        reset(page)
        assert not axe.violations(page.page)
        page.browser.close()
    assert not page.errors
    assert not [url for url in page.requests if not url.startswith((address, "data:", "blob:"))]
    nothing_is_left(folder, files)


def choose_a_picture_and_a_class(page: Page) -> None:
    page.page.get_by_label("picture", exact=True).select_option("cat")
    page.sees("The network says tiger cat (39%).")
    page.expect(page.card("Grad-CAM: tiger cat")).to_be_visible()
    page.page.get_by_label("class", exact=True).select_option(index=1)
    page.expect(page.card("Gradient: Egyptian cat")).to_be_visible()
    other = page.page.get_by_label("other class")
    other.fill("tabbby")
    other.press("Enter")
    page.sees("Unknown class 'tabbby'. Did you mean")
    other.fill("espresso")
    other.press("Enter")
    page.expect(page.card("Gradient: espresso")).to_contain_text("The network does not see “espresso” here")
    page.sees_not("Unknown class")
    other.fill("")
    other.press("Enter")
    page.expect(page.card("Gradient: Egyptian cat")).to_be_visible()


def attack(page: Page) -> None:
    slider = page.page.locator(".widget-slider", has_text="attack")
    slider.locator(".noUi-base").click()  # its middle: 4/255
    page.sees(re.compile(r"The network says tiger cat \(39%\)\. After the attack it says (?!tiger cat)"))
    slider.locator(".noUi-handle").press("Home")
    page.sees_not("After the attack")
    page.is_done()


def upload_pictures(page: Page, files: dict[str, Path]) -> None:
    page.page.get_by_label("picture", exact=True).select_option("coffee")
    page.sees("The network says espresso")
    page.upload(files["letter.jpg"])
    page.sees("Expected an image file, but letter.jpg can't be read as one.")
    page.upload(files["huge.png"])
    page.sees("Expected a picture file of at most 20 MB, but huge.png has 20.8 MB.")
    page.upload(files["my cat.png"])
    page.sees("your own: my cat.png")
    page.sees(re.compile(r"The network says (tiger cat|tabby|Egyptian cat)"))
    page.sees_not("huge.png")
    page.upload(files["noise.bmp"])
    page.sees("your own: noise.bmp")
    page.sees_not("cat (")
    page.expect(page.page.locator("figure")).to_have_count(1)
    path = page.page.get_by_label("or a path")
    path.fill(str(files["my cat.png"]))
    path.press("Enter")
    page.sees(re.compile(r"The network says (tiger cat|tabby|Egyptian cat)"))
    path.fill("nowhere.png")
    path.press("Enter")
    page.sees("there is no file at nowhere.png")
    page.is_done()


def reset(page: Page) -> None:
    page.page.get_by_role("button", name="reset").press("Enter")
    page.sees("The network says espresso")
    page.expect(page.page.get_by_label("picture", exact=True)).to_have_value("coffee")
    page.expect(page.page.locator("figure")).to_have_count(4)
    page.sees_not("there is no file")
    page.is_done()


def nothing_is_left(folder: Path, files: dict[str, Path]) -> None:
    """No file that the server wrote holds a part of a picture, neither as it was sent nor as it was decoded."""
    parts = [file.read_bytes()[-SEARCHED:] for file in files.values()]
    with Image.open(files["my cat.png"]) as cat:
        parts.append(cat.convert("RGB").tobytes()[-SEARCHED:])
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            contents = file.read_bytes()
            assert not any(part in contents for part in parts), file
            assert b"my cat" not in contents, file


def test_the_explorer_in_jupyterlab(lab, files) -> None:
    from playwright.sync_api import sync_playwright

    address, folder = lab
    notebook = folder / "notebooks" / "explorer.ipynb"  # two cards instead of four, for speed
    all_cards = notebook.read_text("utf-8")
    notebook.write_text(all_cards.replace("CardExplorer()", "CardExplorer(['gradient', 'grad_cam'])"), "utf-8")
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with sync_playwright() as playwright:
        page = Page(playwright)
        page.page.goto(f"{address}/lab/tree/notebooks/explorer.ipynb?token=t")
        page.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        page.page.get_by_text("(ipykernel) | Idle").wait_for()
        page.page.get_by_role("menuitem", name="Run", exact=True).click()
        page.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.page.get_by_text("(ipykernel) | Idle").wait_for()
        page.page.locator(".jp-OutputArea-prompt", has_text="[1]:").wait_for()
        page.upload(files["noise.bmp"])
        page.sees("your own: noise.bmp")
        page.sees_not("espresso")
        page.is_done()
        page.expect(page.page.locator("figure")).to_have_count(2)
        page.browser.close()
    assert not page.errors
    assert not [url for url in page.requests if not url.startswith((address, "data:", "blob:"))]
    part = files["noise.bmp"].read_bytes()[-SEARCHED:]
    written = [file for file in folder.rglob("*") if file.is_file() and before.get(file) != file.read_bytes()]
    assert not [file for file in written if part in file.read_bytes()]
