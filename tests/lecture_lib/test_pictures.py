from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor

from lecture_lib import pictures
from tests.shared.networks import BAD_IMAGES, OUT_OF_RANGE, random_images

close = torch.testing.assert_close
ONE_BYTE = 1 / 255


def middle(image: Tensor) -> list[float]:
    """Colour of the central pixel in bytes."""
    return (255 * image[0, :, image.shape[2] // 2, image.shape[3] // 2]).tolist()


# ---- the photographs


def test_the_list_is_fixed_and_has_no_repetition() -> None:
    assert pictures.photos() == pictures.photos() == list(dict.fromkeys(pictures.photos()))
    assert {"cat", "coffee", "camera", "rocket", "motorcycle", "flower", "china"} <= set(pictures.photos())


def test_the_list_is_the_callers_own() -> None:
    pictures.photos().clear()
    assert "cat" in pictures.photos()


@pytest.mark.parametrize("name", pictures.photos())
def test_every_photograph(name: str) -> None:
    image = pictures.photo(name)
    assert image.shape == (1, 3, 224, 224)
    assert image.dtype == torch.float32
    assert image.min() >= 0
    assert image.max() <= 1
    assert image.max() - image.min() > 0.5  # a picture, not an empty area
    assert torch.equal(image, pictures.photo(name))
    assert not image.requires_grad


@pytest.mark.parametrize("size", [1, 32, 225])
def test_other_sizes(size: int) -> None:
    assert pictures.photo("cat", size).shape == (1, 3, size, size)


def test_the_photograph_is_the_file() -> None:
    path = Path(find_spec("skimage").origin).parent / "data/astronaut.png"  # 512 × 512
    pixels = torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1).unsqueeze(0) / 255
    close(pictures.photo("astronaut", 512, crop_fraction=1.0), pixels)


@pytest.mark.parametrize(("typed", "meant"), [("cofee", "coffee"), ("Cat", "cat"), ("grace hopper", "grace_hopper")])
def test_an_unknown_photograph_suggests_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"Unknown photograph {typed!r}. Did you mean {meant!r}"):
        pictures.photo(typed)


def test_a_photograph_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pictures.PHOTOS, "cat", ("no_such_package_at_all", "x.png", "a cat"))
    with pytest.raises(FileNotFoundError, match=r"package no_such_package_at_all\b.*run make setup"):
        pictures.photo("cat")


# ---- your own files


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_that_the_camera_held_sideways(orientation: int, tmp_path: Path) -> None:
    corners = np.zeros((64, 64, 3), dtype=np.uint8)  # every corner has its own colour
    corners[:32, 32:] = (255, 0, 0)
    corners[32:, :32] = (0, 255, 0)
    corners[32:, 32:] = (0, 0, 255)
    image = Image.fromarray(corners)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "side.jpg", quality=100, subsampling=0, exif=exif)
    # What a viewer does, by the definition of the tag: 6 is "turn clockwise by 90°" and so on.
    turn = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: np.swapaxes(a, 0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
        8: lambda a: np.rot90(a, 1),
    }[orientation]
    expected = torch.from_numpy(turn(corners).copy()).permute(2, 0, 1).unsqueeze(0) / 255
    close(pictures.load(tmp_path / "side.jpg", 64, crop_fraction=1.0), expected, rtol=0, atol=0.06)


def save_palette(path: Path) -> None:
    Image.new("RGB", (8, 8), (10, 200, 30)).quantize(4).save(path)


def save_palette_with_transparency(path: Path) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 200, 30, 0, 0, 0])
    image.save(path, transparency=0)


def save_half_transparent(path: Path) -> None:
    Image.new("RGBA", (8, 8), (100, 0, 50, 51)).save(path)  # one fifth opaque


def save_gray_with_alpha(path: Path) -> None:
    Image.new("LA", (8, 8), (100, 0)).save(path)


def save_16_bit(path: Path) -> None:
    Image.fromarray(np.full((8, 8), 0x8040, dtype=np.uint16)).save(path)


@pytest.mark.parametrize(
    ("save", "expected"),
    [
        (lambda path: Image.new("L", (8, 8), 77).save(path), [77, 77, 77]),
        (lambda path: Image.new("1", (8, 8), 1).save(path), [255, 255, 255]),
        (lambda path: Image.new("RGB", (8, 8), (1, 2, 3)).save(path), [1, 2, 3]),
        (save_palette, [10, 200, 30]),
        (save_palette_with_transparency, [255, 255, 255]),
        (lambda path: Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(path), [255, 255, 255]),
        (lambda path: Image.new("RGBA", (8, 8), (9, 9, 9, 255)).save(path), [9, 9, 9]),
        (save_half_transparent, [224, 204, 214]),  # 255 + (colour - 255) / 5
        (save_gray_with_alpha, [255, 255, 255]),
        (save_16_bit, [0x8040 / 257] * 3),
    ],
    ids=["gray", "1 bit", "RGB", "palette", "palette, clear", "clear", "opaque", "veil", "gray, clear", "16 bit"],
)
def test_colours_of_every_kind_of_png(save: Any, expected: list[float], tmp_path: Path) -> None:
    save(tmp_path / "image.png")
    found = pictures.load(tmp_path / "image.png", 8, crop_fraction=1.0)
    assert found.shape == (1, 3, 8, 8)
    assert middle(found) == pytest.approx(expected, abs=1)


def test_16_bit_gray_keeps_its_steps(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64).round().astype(np.uint16)
    Image.fromarray(np.tile(ramp, (64, 1))).save(tmp_path / "ramp.png")
    found = pictures.load(tmp_path / "ramp.png", 64, crop_fraction=1.0)
    expected = torch.from_numpy(ramp.astype(np.float32) / 65535).expand(1, 3, 64, 64)
    close(found, expected, rtol=0, atol=ONE_BYTE)


def test_cmyk_jpeg_and_gif(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "print.jpg", quality=100)
    Image.new("RGB", (8, 8), (0, 0, 255)).save(tmp_path / "web.gif")
    assert middle(pictures.load(tmp_path / "print.jpg", 8)) == pytest.approx([255, 0, 0], abs=3)
    assert middle(pictures.load(str(tmp_path / "web.gif"), 8)) == pytest.approx([0, 0, 255], abs=1)


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (1200, 12), (12, 1200), (5000, 3)])
def test_tiny_and_very_wide_images(size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", size, (40, 50, 60)).save(tmp_path / "odd.png")
    found = pictures.load(tmp_path / "odd.png", 32)
    assert found.shape == (1, 3, 32, 32)
    assert middle(found) == pytest.approx([40, 50, 60], abs=1)


def test_a_file_without_the_right_suffix_is_still_an_image(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "image", format="PNG")
    assert pictures.load(tmp_path / "image", 8).shape == (1, 3, 8, 8)


def write_text(path: Path) -> None:
    path.write_text("this is no image")


def write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def write_half_a_jpeg(path: Path) -> None:
    noise = (255 * random_images(1, 3, 64, 64)[0].permute(1, 2, 0)).byte().numpy()
    Image.fromarray(noise).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_broken_png(path: Path) -> None:
    Image.new("RGB", (8, 8)).save(path, format="PNG")
    data = bytearray(path.read_bytes())
    data[40:60] = bytes(20)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("write", [write_text, write_nothing, write_half_a_jpeg, write_broken_png])
def test_a_file_that_is_no_image(write: Any, tmp_path: Path) -> None:
    write(tmp_path / "holiday.png")
    with pytest.raises(ValueError, match=r"Expected an image file, but holiday\.png can't be read"):
        pictures.load(tmp_path / "holiday.png")


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file at .*nowhere\.png"):
        pictures.load(tmp_path / "nowhere.png")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file at"):
        pictures.load(tmp_path)


# ---- resize_and_crop


def test_the_central_square_is_cut_out() -> None:
    gray = Image.new("L", (80, 40), 0)
    gray.paste(255, (20, 0, 60, 40))  # the central square is white
    assert (pictures.resize_and_crop(gray, 40, crop_fraction=1.0) == 1).all()
    assert pictures.resize_and_crop(gray, 20, crop_fraction=0.5).shape == (1, 1, 20, 20)
    assert (pictures.resize_and_crop(gray, 20, crop_fraction=0.5) == 1).all()


def test_a_crop_fraction_keeps_that_share() -> None:
    ramp = Image.fromarray(np.tile(np.arange(0, 200, dtype=np.uint8), (200, 1)))
    found = 255 * pictures.resize_and_crop(ramp, 100, crop_fraction=0.5)[0, 0]  # 200 → 200, then the central 100
    close(found[0], torch.arange(50, 150, dtype=torch.float32))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_interpolations_are_pillows(interpolation: str) -> None:
    image = Image.fromarray((255 * random_images(1, 3, 50, 50)[0].permute(1, 2, 0)).byte().numpy())
    expected = np.asarray(ImageOps.fit(image, (20, 20), getattr(Image.Resampling, interpolation.upper())))
    found = pictures.resize_and_crop(image, 20, crop_fraction=1.0, interpolation=interpolation)
    close(found[0].permute(1, 2, 0), torch.from_numpy(expected / 255).float(), rtol=0, atol=1.5 * ONE_BYTE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size >= 1 .* received 0"),
        ({"size": -3}, "size >= 1 .* received -3"),
        ({"crop_fraction": 0}, "0 < crop_fraction <= 1, received 224 and 0"),
        ({"crop_fraction": 1.01}, "crop_fraction <= 1, received 224 and 1.01"),
        ({"crop_fraction": float("nan")}, "crop_fraction"),
        ({"interpolation": "bicubick"}, "Unknown interpolation 'bicubick'. Did you mean 'bicubic'"),
    ],
)
def test_sizes_and_fractions_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pictures.resize_and_crop(Image.new("RGB", (8, 8)), **options)
    with pytest.raises(ValueError, match=message):
        pictures.photo("cat", **options)


# ---- check_images


@pytest.mark.parametrize(("value", "error", "message"), [*BAD_IMAGES, *OUT_OF_RANGE])
def test_bad_images(value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pictures.check_images(value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_good_images_come_back_as_they_are(dtype: torch.dtype) -> None:
    images = torch.tensor([0.0, 0.5, 1.0], dtype=dtype).view(1, 3, 1, 1)
    assert pictures.check_images(images) is images


@pytest.mark.parametrize(("value", "error", "message"), OUT_OF_RANGE)
def test_the_range_may_be_left_on_request(value: Tensor, error: type[Exception], message: str) -> None:
    assert pictures.check_images(value, in_range=False) is value


@pytest.mark.parametrize(("value", "error", "message"), BAD_IMAGES)
def test_everything_else_is_checked_even_then(value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pictures.check_images(value, in_range=False)


@pytest.mark.parametrize("value", [1 + 1e-6, -1e-6])
def test_the_message_shows_how_the_range_is_left(value: float) -> None:
    with pytest.raises(ValueError, match="received values from") as raised:
        pictures.check_images(torch.tensor([0.5, value]).view(1, 1, 1, 2))
    low, high = (float(number) for number in str(raised.value).rstrip(".").split("from ")[1].split(" to "))
    assert low < 0 or high > 1


# ---- collages


def test_a_collage_shows_the_middles_of_both() -> None:
    columns = torch.arange(8.0).expand(1, 3, 2, 8) / 16
    found = pictures.collage(columns, columns + 0.5)
    torch.testing.assert_close(found[0, 0, 0] * 16, torch.tensor([2.0, 3, 4, 5, 10, 11, 12, 13]))
    assert found.shape == (1, 3, 2, 8)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 7, 224])
def test_a_collage_is_as_wide_as_its_images(width: int) -> None:
    black, white = torch.zeros(2, 1, 3, width), torch.ones(2, 1, 3, width)
    found = pictures.collage(black, white)
    assert found.shape == (2, 1, 3, width)
    assert not found[..., : width // 2].any()
    assert found[..., width // 2 :].all()


def test_a_collage_of_different_shapes() -> None:
    with pytest.raises(ValueError, match=r"same shape, received \(1, 3, 4, 4\) and \(1, 3, 4, 5\)"):
        pictures.collage(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 5))
    with pytest.raises(ValueError, match=r"pixels in \[0, 1\]"):
        pictures.collage(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 2.0))
