"""The pictures of the widgets, as HTML: what is in the image files, and what is text."""

import io
import re
from base64 import b64decode

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib import pyplot as plt
from PIL import Image

from lecture_lib import show
from lecture_lib.widgets.panels import Picture, bars_panel, figure_panel, image_panel, map_panel

MAP = torch.tensor([[[-2.0, -1.0, 0.0], [0.5, 1.0, 4.0]]])


def pixels(panel: str) -> np.ndarray:
    """Of the one image in a panel, (H, W, 3) from 0 to 255."""
    (contents,) = re.findall(r"data:image/(?:png|jpeg);base64,([^\"]*)", panel)
    with Image.open(io.BytesIO(b64decode(contents))) as image:
        return np.asarray(image.convert("RGB"), dtype=int)


def text(panel: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", panel).split())


def drawn(map: torch.Tensor, **options) -> np.ndarray:
    """The colours that show.draw_map gives to every cell."""
    ax = plt.figure().add_subplot()
    show.draw_map(ax, map, "", **options)
    (image,) = ax.images
    colours = image.to_rgba(image.get_array())[:, :, :3]
    plt.close()
    return (255 * colours).round().astype(int)


def test_an_image() -> None:
    image = torch.zeros(1, 3, 16, 24)
    image[:, 0], image[:, 1] = 1.2, -0.3  # clipped
    panel = image_panel(image, "<red>", "a & b")
    assert pixels(panel).shape == (16, 24, 3)
    assert np.abs(pixels(panel) - [255, 0, 0]).max() <= 3  # JPEG
    assert text(panel) == "&lt;red&gt; a &amp; b"
    assert 'alt="&lt;red&gt;"' in panel
    gray = image_panel(torch.full((1, 1, 8, 8), 0.5), "")
    assert np.abs(pixels(gray) - 127.5).max() <= 2


@pytest.mark.parametrize("signed", [True, False])
def test_a_map_has_the_colours_of_the_figures(signed: bool) -> None:
    map = MAP if signed else MAP.abs()
    found = pixels(map_panel(map, "", unit="", limit=4))
    assert np.abs(found - drawn(map, limit=4)).max() <= 3  # next to each other among 256 colours
    if signed:
        assert np.ptp(found[0, 2]) <= 3  # 0 is gray or white
    assert np.abs(pixels(map_panel(map, "", unit="", limit=1))[1, 2] - drawn(map, limit=1)[1, 2]).max() == 0


def test_a_map_that_could_be_signed() -> None:
    panel = map_panel(MAP.abs(), "", unit="", limit=4, signed=True)
    assert np.abs(pixels(panel) - drawn(MAP.abs(), limit=4, signed=True)).max() <= 3


@pytest.mark.parametrize(
    ("map", "limit", "ticks"),
    [
        (MAP, 4, "−4 0 4"),
        (MAP, 2, "≤ −2 0 ≥ 2"),
        (MAP.abs(), 4, "0 4"),
        (MAP.abs(), 0.1234, "0 ≥ 0.12"),
        (0 * MAP, 0, "0 1"),
    ],
)
def test_the_scale(map: torch.Tensor, limit: float, ticks: str) -> None:
    assert text(map_panel(map, "title", unit="score", limit=limit)) == f"title {ticks} score"


def test_the_strip_shows_the_colours_of_the_map() -> None:
    for map, name in [(MAP, show.SIGNED_COLOURS), (MAP.abs(), show.UNSIGNED_COLOURS)]:
        stops = re.findall("#[0-9a-f]{6}", map_panel(map, "", unit="", limit=4))
        ends = [round(255 * part) for end in (0.0, 1.0) for part in colormaps[name](end)[:3]]
        assert [int(stop[k : k + 2], 16) for stop in (stops[0], stops[-1]) for k in (1, 3, 5)] == ends


def test_a_map_over_an_image_is_clear_where_it_is_zero() -> None:
    map = torch.zeros(1, 16, 32)
    map[..., 16:] = 2.0
    image = torch.tensor([0.0, 0.6, 0.9]).view(1, 3, 1, 1).expand(1, 3, 16, 32)
    found = pixels(map_panel(map, "", unit="", limit=2, over=image))
    assert np.abs(found[:, :8] - 127.5).max() <= 3  # the mean of the channels, gray
    assert np.abs(found[:, 24:] - drawn(map, limit=2)[:, 24:]).max() <= 6
    halfway = pixels(map_panel(map / 2, "", unit="", limit=2, over=image))[8, 28]
    half_colour = drawn(map / 2, limit=2)[8, 28]
    assert np.abs(halfway - (half_colour + 127.5) / 2).max() <= 6


def test_bars() -> None:
    panel = bars_panel(["cat", "<dog>"], [0.75, 0.05], [0.1, 0.9], "classes")
    assert text(panel) == "classes cat 75% ◆ &lt;dog&gt; 5% ◆ ◆ before"
    assert re.findall(r"width: ([\d.]+)%", panel) == ["75.0", "5.0"]
    assert re.findall(r"calc\(([\d.]+)%", panel) == ["10.0", "90.0"]


def test_a_figure_brings_its_words() -> None:
    figure = plt.figure(figsize=(1, 1))
    panel = figure_panel(show.png(figure, tight=False), 'a "figure"')
    plt.close()
    assert pixels(panel).shape == (100, 100, 3)
    assert 'alt="a &quot;figure&quot;"' in panel


def test_captions_are_text_and_panels_stand_side_by_side() -> None:
    html = Picture(["<i>one</i>", "<i>two</i>"], "1 < 2").html
    assert "<i>one</i><i>two</i>" in html
    assert "1 &lt; 2" in html
