"""Every figure through a real IPython shell, as a notebook gets it."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image
from traitlets.config import Config

from lecture_lib import show
from tests.shared.networks import random_images, random_weight

ALT = "A cat; the brightest pixels lie on its eyes."
RGB, GRAY = random_images(1), random_images(1, channels=1)
SIGNED = random_weight(GRAY)[0]  # (1, 8, 8)
UNSIGNED = SIGNED.abs()
mpl.use("agg")


@pytest.fixture(autouse=True, scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        config = Config()
        config.HistoryManager.enabled = False
        yield InteractiveShell.instance(config=config)
        InteractiveShell.clear_instance()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were shown, for a look inside."""
    figures: list[Figure] = []
    original = show.figure

    def remember(figure: Figure, *, alt: str) -> None:
        figures.append(figure)
        original(figure, alt=alt)

    monkeypatch.setattr(show, "figure", remember)
    return figures


def simple_figure() -> Figure:
    figure, ax = plt.subplots()
    ax.plot([0, 1], [0, 1])
    return figure


CALLS: dict[str, Callable[[], None]] = {
    "figure": lambda: show.figure(simple_figure(), alt=ALT),
    "images": lambda: show.images(random_images(2), ["one", "two"], alt=ALT),
    "images, gray": lambda: show.images(GRAY, ["one"], alt=ALT, title="all"),
    "images, three rows": lambda: show.images(random_images(7), list("abcdefg"), alt=ALT, columns=3),
    "maps": lambda: show.maps(RGB, {"gradient": SIGNED, "largest": UNSIGNED}, alt=ALT),
    "maps, own scales": lambda: show.maps(GRAY[0], {"m": SIGNED[0], "n": UNSIGNED}, alt=ALT, same_scale=False),
    "maps, two rows": lambda: show.maps(RGB[0], {str(n): UNSIGNED for n in range(4)}, alt=ALT, columns=3, title="t"),
    "maps, all zero": lambda: show.maps(RGB, {"nothing": torch.zeros(8, 8)}, alt=ALT),
    "overlay": lambda: show.overlay(RGB, SIGNED, "on top", alt=ALT, label="score per intensity"),
    "overlay, gray": lambda: show.overlay(GRAY, UNSIGNED[0], "on top", alt=ALT, label="score per intensity"),
    "overlay, all zero": lambda: show.overlay(RGB, torch.zeros(1, 8, 8), "on top", alt=ALT, label="nothing"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.filterwarnings("error")
def test_exactly_one_picture_with_alt_text_and_no_figure_left(call: Callable[[], None]) -> None:
    before = plt.get_fignums()
    with capture_output() as captured:
        call()
    assert not captured.stdout
    assert not captured.stderr
    assert len(captured.outputs) == 1
    output = captured.outputs[0]
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.data["text/plain"] == ALT
    assert output.metadata == {"image/png": {"alt": ALT}}
    pixels = np.asarray(Image.open(BytesIO(b64decode(output.data["image/png"]))).convert("RGB"))
    assert min(pixels.shape[:2]) > 100
    assert pixels.min() < 100 < 200 < pixels.max()  # something is drawn, on white
    assert plt.get_fignums() == before


def test_a_plain_script_stays_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "get_ipython", lambda: None)
    with capture_output() as captured:
        show.images(RGB, ["one"], alt=ALT)
    assert not captured.outputs
    assert not captured.stdout
    assert not plt.get_fignums()


def panels(figure: Figure) -> list[Any]:
    """Axes with an image, without colour bars and empty places."""
    return [ax for ax in figure.axes if ax.get_images() and ax.get_label() != "<colorbar>"]


def bars(figure: Figure) -> list[Any]:
    return [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]


def test_titles_and_pixels_of_images(drawn: list[Figure]) -> None:
    images = random_images(5)
    show.images(images, list("abcde"), alt=ALT, title="Five", columns=2)
    found = panels(drawn[0])
    assert [ax.get_title() for ax in found] == list("abcde")
    assert drawn[0].get_suptitle() == "Five"
    assert found[0].get_gridspec().get_geometry() == (3, 2)
    assert not any(len(ax.get_xticks()) + len(ax.get_yticks()) for ax in found)
    assert [ax.axison for ax in drawn[0].axes] == 5 * [True] + [False]  # a frame around each image, nothing beside
    for ax, image in zip(found, images, strict=True):
        np.testing.assert_allclose(ax.get_images()[0].get_array(), image.permute(1, 2, 0), atol=1e-6)


def test_gray_images_are_gray_from_0_to_1(drawn: list[Figure]) -> None:
    show.images(GRAY / 2, ["dim"], alt=ALT)
    picture = panels(drawn[0])[0].get_images()[0]
    assert picture.get_cmap().name == "gray"
    assert picture.get_clim() == (0, 1)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 1, 1, 5), (1, 1, 5, 1), (1, 3, 1, 1), (1, 3, 1, 5)])
def test_images_of_one_row_or_column(shape: tuple[int, ...], drawn: list[Figure]) -> None:
    show.images(torch.full(shape, 0.5), ["thin"], alt=ALT)
    assert panels(drawn[0])[0].get_images()[0].get_array().shape[:2] == shape[2:]


def test_images_are_not_changed_and_may_require_grad() -> None:
    image = RGB.clone().requires_grad_()
    show.images(image, ["one"], alt=ALT)
    show.maps(image, {"m": SIGNED.clone().requires_grad_()}, alt=ALT)
    assert torch.equal(image, RGB)
    assert image.grad is None


def test_titles_labels_and_colour_bar_of_maps(drawn: list[Figure]) -> None:
    show.maps(RGB, {"a": SIGNED, "b": 2 * SIGNED}, alt=ALT, title="Two maps", label="logit per intensity")
    assert [ax.get_title() for ax in panels(drawn[0])] == ["image", "a", "b"]
    assert drawn[0].get_suptitle() == "Two maps"
    assert [bar.get_ylabel() for bar in bars(drawn[0])] == ["logit per intensity"]


def test_signed_maps_are_centred_on_0(drawn: list[Figure]) -> None:
    show.maps(RGB, {"a": SIGNED + 0.3}, alt=ALT, percentile=100)
    picture = panels(drawn[0])[1].get_images()[0]
    low, high = picture.get_clim()
    assert -low == high == pytest.approx((SIGNED + 0.3).abs().max().item())
    assert picture.get_cmap().name == show.SIGNED_COLOURS
    assert picture.to_rgba(np.zeros(1))[0, :3].min() > 0.95  # 0 is white
    np.testing.assert_allclose(picture.get_array(), (SIGNED + 0.3)[0], rtol=1e-6)


def test_unsigned_maps_start_at_0(drawn: list[Figure]) -> None:
    show.maps(RGB, {"a": UNSIGNED + 1}, alt=ALT, percentile=100)
    picture = panels(drawn[0])[1].get_images()[0]
    assert picture.get_clim() == (0, pytest.approx((UNSIGNED + 1).max().item()))
    assert picture.get_cmap().name == show.UNSIGNED_COLOURS


def test_the_same_scale_for_all_maps_or_one_for_each(drawn: list[Figure]) -> None:
    maps = {"a": SIGNED, "b": 10 * SIGNED}
    show.maps(RGB, maps, alt=ALT)
    show.maps(RGB, maps, alt=ALT, same_scale=False)
    shared, own = ([ax.get_images()[0].get_clim()[1] for ax in panels(figure)[1:]] for figure in drawn)
    assert shared[0] == shared[1]
    assert own[1] == pytest.approx(10 * own[0])
    assert [len(bars(figure)) for figure in drawn] == [1, 2]


def test_with_its_own_scale_each_map_has_the_colours_of_its_own_sign(drawn: list[Figure]) -> None:
    show.maps(RGB, {"a": SIGNED, "b": UNSIGNED}, alt=ALT, same_scale=False)
    colours = [ax.get_images()[0].get_cmap().name for ax in panels(drawn[0])[1:]]
    assert colours == [show.SIGNED_COLOURS, show.UNSIGNED_COLOURS]


def test_the_percentile_cuts_off_single_pixels(drawn: list[Figure]) -> None:
    values = torch.arange(101, dtype=torch.float32).view(1, 101)
    show.maps(RGB, {"a": values}, alt=ALT, percentile=90)
    assert panels(drawn[0])[1].get_images()[0].get_clim() == (0, pytest.approx(90))


def test_the_overlay_is_clear_at_0_and_opaque_where_the_map_is_large(drawn: list[Figure]) -> None:
    values = torch.tensor([[0.0, 1.0], [-2.0, 4.0]])
    show.overlay(random_images(1, height=2, width=2), values, "where", alt=ALT, label="unit", percentile=100)
    found = panels(drawn[0])
    assert [ax.get_title() for ax in found] == ["image", "where"]
    below, above = found[1].get_images()
    assert below.get_cmap().name == "gray"
    np.testing.assert_allclose(above.get_alpha(), [[0, 0.25], [0.5, 1]])
    assert above.get_clim() == (-4, 4)
    assert [bar.get_ylabel() for bar in bars(drawn[0])] == ["unit"]


# ---- errors: said clearly, and no half-drawn figure stays behind


WITH_A_MAP = {
    "maps": lambda image, values: show.maps(image, {"a": values}, alt=ALT),
    "overlay": lambda image, values: show.overlay(image, values, "a", alt=ALT, label="unit"),
}
WITH_AN_IMAGE = {
    "images": lambda image: show.images(image, ["a"] * len(image), alt=ALT),
    "maps": lambda image: show.maps(image, {"a": SIGNED}, alt=ALT),
    "overlay": lambda image: show.overlay(image, SIGNED, "a", alt=ALT, label="unit"),
}
BAD_SHAPES = {
    "no rows": torch.zeros(1, 3, 0, 8),
    "no image": torch.zeros(0, 3, 8, 8),
    "two channels": random_images(1, channels=2),
    "no channels": RGB[0, 0],
}


@pytest.mark.parametrize("values", [torch.zeros(2, 8, 8), torch.zeros(8), torch.zeros(1, 3, 8, 8), torch.tensor(1.0)])
@pytest.mark.parametrize("call", WITH_A_MAP.values(), ids=WITH_A_MAP)
def test_a_map_of_a_wrong_shape(values: torch.Tensor, call: Callable[..., None]) -> None:
    with pytest.raises(ValueError, match=r"map of shape \(H, W\) or \(1, H, W\), received \("):
        call(RGB, values)
    assert not plt.get_fignums()


@pytest.mark.parametrize("image", BAD_SHAPES.values(), ids=BAD_SHAPES)
@pytest.mark.parametrize("call", WITH_AN_IMAGE.values(), ids=WITH_AN_IMAGE)
def test_an_image_of_a_wrong_shape(image: torch.Tensor, call: Callable[..., None]) -> None:
    with pytest.raises(ValueError, match=r"image.*received"):
        call(image)
    assert not plt.get_fignums()


@pytest.mark.parametrize("call", WITH_A_MAP.values(), ids=WITH_A_MAP)
def test_more_images_than_one(call: Callable[..., None]) -> None:
    with pytest.raises(ValueError, match=r"image.*received"):
        call(random_images(2), SIGNED)
    assert not plt.get_fignums()


@pytest.mark.parametrize("titles", [[], ["one"], ["one", "two", "three"]])
def test_one_title_an_image(titles: list[str]) -> None:
    with pytest.raises(ValueError, match=f"received {len(titles)} titles for 2 images"):
        show.images(random_images(2), titles, alt=ALT)
    assert not plt.get_fignums()


def test_no_maps() -> None:
    with pytest.raises(ValueError, match="at least one map"):
        show.maps(RGB, {}, alt=ALT)
    assert not plt.get_fignums()


@pytest.fixture(autouse=True)
def no_figure_left() -> Iterator[None]:
    yield
    plt.close("all")


def test_nothing_is_written_into_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    show.images(RGB, ["one"], alt=ALT)
    assert not list(tmp_path.iterdir())


def gradation() -> Image.Image:
    """Two smooth areas, of 256 gray values and of 256 reds: more colours than a small file has."""
    gray = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    red = np.stack([gray, gray // 3, gray // 5], axis=2)
    return Image.fromarray(np.concatenate([np.stack([gray] * 3, axis=2), red]))


def test_a_small_picture_shows_no_bands() -> None:
    with Image.open(BytesIO(show.small_png(gradation()))) as small:
        assert len(small.getcolors()) <= 256
        shown = np.asarray(small.convert("RGB"), dtype=float)
    original = np.asarray(gradation(), dtype=float)
    columns = np.abs(shown - original).reshape(2, 64, 256, 3).mean(axis=1)  # where each column has one colour
    assert columns.max() < 12
    means = np.abs((shown - original).reshape(2, 64, 32, 8, 3).mean(axis=(1, 3)))  # of areas of 64 × 8 pixels
    assert means.max() < 2


def test_a_small_picture_of_few_colours_is_the_picture() -> None:
    few = gradation().quantize(100, dither=Image.Dither.NONE).convert("RGB")
    with Image.open(BytesIO(show.small_png(few))) as small:
        assert np.array_equal(np.asarray(small.convert("RGB")), np.asarray(few))


# ---- the look


ROOT = Path(show.__file__).resolve().parents[1]
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for room in ("benchmarks", "course", "grader", "lecture_lib", "tools")
    for kind in ("css", "j2", "js", "mplstyle", "py")
    for path in (ROOT / room).rglob(f"*.{kind}")
    if "birds" not in path.parts  # the colours of a drawn bird are what a picture shows
}
PALETTE = re.findall(r'"([0-9A-F]{6})"', FILES["lecture_lib/lecture.mplstyle"])
COLOUR = re.compile(rf"#[0-9a-f]{{6}}\b|#[0-9a-f]{{3}}\b|\b(?:{'|'.join(PALETTE)})\b", re.IGNORECASE)


def test_colours_are_written_in_one_place() -> None:
    assert len(PALETTE) == 6
    found = {name: [colour.upper() for colour in COLOUR.findall(text)] for name, text in FILES.items()}
    written = [colour for colours in found.values() for colour in colours]
    assert len(written) == len(set(written))
    assert {name for name, colours in found.items() if colours} == {
        "lecture_lib/lecture.mplstyle",
        "lecture_lib/show.py",
    }


def test_style_sheets_know_the_colours_of_figures() -> None:
    offered = dict(re.findall(r"--course-([\w-]+): ([^;]+);", show.css_variables()))
    assert [offered[name] for name in ("blue", "orange", "green", "purple", "sky-blue", "vermilion")] == [
        f"#{colour}" for colour in PALETTE
    ]
    used = {name for file, text in FILES.items() for name in re.findall(r"var\(--course-([\w-]+)\)", text)}
    assert used == set(offered)


def luminance(colour: str) -> float:
    """WCAG 2.2: of a colour in sRGB."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


@pytest.mark.parametrize(
    ("ink", "paper"),
    [(show.INK, "white"), (show.WARNING_INK, show.WARNING_PAPER), (show.BLUE, "white")],
    ids=["words", "warnings", "links"],
)
def test_words_have_enough_contrast(ink: str, paper: str) -> None:
    assert (luminance(paper) + 0.05) / (luminance(ink) + 0.05) >= 4.5  # WCAG 2.2, success criterion 1.4.3
