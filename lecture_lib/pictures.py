"""Real photographs, as batches of images ``(N, C, H, W)`` with pixels in [0, 1].

Every photograph comes with a package that the course installs anyway, so nothing is downloaded.
"""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms

from lecture_lib.words import choose

# name: (package, file inside the package, what is seen)
PHOTOS = {
    "cat": ("skimage", "data/chelsea.png", "a tabby cat looking past the camera"),
    "coffee": ("skimage", "data/coffee.png", "a cup of espresso on a saucer, with a spoon"),
    "camera": ("skimage", "data/camera.png", "a man in a black coat behind a camera on a tripod"),
    "rocket": ("skimage", "data/rocket.jpg", "a rocket between the masts of its launch pad"),
    "motorcycle": ("skimage", "data/motorcycle_left.png", "a motorcycle in a workshop"),
    "astronaut": ("skimage", "data/astronaut.png", "an astronaut in an orange suit, smiling"),
    "retina": ("skimage", "data/retina.jpg", "the back of an eye with its blood vessels"),
    "ihc": ("skimage", "data/ihc.png", "stained tissue under a microscope"),
    "flower": ("sklearn", "datasets/images/flower.jpg", "a dahlia with pointed petals"),
    "china": ("sklearn", "datasets/images/china.jpg", "a Chinese palace with curved roofs"),
    "grace_hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "a navy officer in uniform"),
}


def photos() -> list[str]:
    """Names of the photographs that `photo` knows.

    Returns
    -------
    list of str
        The names, in a fixed order.
    """
    return list(PHOTOS)


def photo(name: str, size: int = 224, *, crop_fraction: float = 0.875, interpolation: str = "bicubic") -> Tensor:
    """One real photograph, resized and cropped as an ImageNet network expects it.

    Parameters
    ----------
    name : str
        One of `photos`.
    size, crop_fraction, interpolation
        As in `resize_and_crop`.

    Returns
    -------
    Tensor, shape (1, 3, size, size)
        Pixels in [0, 1].

    Raises
    ------
    ValueError
        If the name is unknown.
    FileNotFoundError
        If the package that holds the photograph is not installed.
    """
    package, file, _ = PHOTOS[choose(name, PHOTOS, "photograph")]
    return load(_package_file(package, file), size, crop_fraction=crop_fraction, interpolation=interpolation)


def faces() -> tuple[Tensor, Tensor]:
    """200 small gray pictures, half of them faces: scikit-image's subset of Labeled Faces in the Wild.

    The order is mixed once and for all, so ``images[:150]`` and ``images[150:]`` are a fixed split for training and
    testing. About half of each are faces.

    Returns
    -------
    images : Tensor, shape (200, 1, 25, 25)
        Pixels in [0, 1].
    labels : Tensor of int, shape (200,)
        1: a face, 0: none.

    References
    ----------
    Huang et al. 2007, Labeled Faces in the Wild, University of Massachusetts, technical report 07-49.
    """
    arrays = np.load(_package_file("skimage", "data/lfw_subset.npy"))  # the first 100 are faces
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    images = torch.from_numpy(arrays).float().unsqueeze(1)[order]
    return images, (order < 100).long()


def _package_file(package: str, file: str) -> Path:
    spec = find_spec(package)  # finds the folder without the seconds that an import takes
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{file} comes with the package {package}, which is not installed: run make setup.")
    return Path(spec.origin).parent / file


def load(
    path: str | Path, size: int = 224, *, crop_fraction: float = 0.875, interpolation: str = "bicubic"
) -> Tensor:
    """Your own image file, resized and cropped as an ImageNet network expects it.

    Parameters
    ----------
    path : str or Path
        A JPEG, PNG or any other file that Pillow reads. Transparent parts become white.
    size, crop_fraction, interpolation
        As in `resize_and_crop`.

    Returns
    -------
    Tensor, shape (1, 3, size, size)
        Pixels in [0, 1].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no image.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Expected the path of an image file, but there is no file at {path}.")
    with path.open("rb") as file:
        return decode(file, path.name, size, crop_fraction=crop_fraction, interpolation=interpolation)


def decode(
    file: BinaryIO, name: str, size: int = 224, *, crop_fraction: float = 0.875, interpolation: str = "bicubic"
) -> Tensor:
    """An image from an open file, or from memory (``io.BytesIO``); nothing is written to disk.

    Parameters
    ----------
    file : binary file
        The contents of a file as `load` takes it.
    name : str
        For the message, if it is no image.
    size, crop_fraction, interpolation
        As in `resize_and_crop`.

    Returns
    -------
    Tensor, shape (1, 3, size, size)
        Pixels in [0, 1].

    Raises
    ------
    ValueError
        If the file is no image, or has too many pixels for the memory of a laptop.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # from 90 million pixels on
            with Image.open(file) as opened:
                image = _rgb(ImageOps.exif_transpose(opened))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ValueError(f"Expected an image of at most 90 million pixels, but {name} has more.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"Expected an image file, but {name} can't be read as one.") from error
    return resize_and_crop(image, size, crop_fraction=crop_fraction, interpolation=interpolation)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit gray: Pillow would clip it to white
        image = Image.fromarray((np.asarray(image, dtype=np.float64) / 65535 * 255).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def resize_and_crop(
    image: Image.Image, size: int = 224, *, crop_fraction: float = 0.875, interpolation: str = "bicubic"
) -> Tensor:
    """Resize the shorter side to ``size / crop_fraction`` pixels, then cut out the central square.

    The defaults are those of EfficientNet-Lite0: 256 pixels, then the central 224 × 224. Other networks
    carry theirs in `lecture_lib.networks.Network.preprocessing`.

    Parameters
    ----------
    image : PIL image
        In RGB or gray.
    size : int
        Height and width of the result, in pixels.
    crop_fraction : float
        Share of the shorter side that the central square keeps, in (0, 1].
    interpolation : {"bicubic", "bilinear"}
        How new pixels are computed from old ones.

    Returns
    -------
    Tensor, shape (1, C, size, size)
        Pixels in [0, 1].

    Raises
    ------
    ValueError
        If a number is out of range or the interpolation unknown.
    """
    if size < 1 or not 0 < crop_fraction <= 1:
        raise ValueError(f"Expected size >= 1 and 0 < crop_fraction <= 1, received {size} and {crop_fraction}.")
    mode = InterpolationMode(choose(interpolation, ("bicubic", "bilinear"), "interpolation"))
    resized = transforms.resize(image, [int(size / crop_fraction)], mode)
    pixels: Tensor = transforms.to_tensor(transforms.center_crop(resized, [size, size]))
    return pixels.unsqueeze(0)  # (1, C, size, size)


def collage(left: Tensor, right: Tensor) -> Tensor:
    """Two images in one: the middle of the first fills the left half, the middle of the second the right half.

    Parameters
    ----------
    left, right : Tensors of the same shape (N, C, H, W)
        Pixels in [0, 1].

    Returns
    -------
    Tensor, shape (N, C, H, W)
        Columns 0 to W // 2 - 1 come from the first, the others from the second image.

    Raises
    ------
    TypeError, ValueError
        If one is no valid batch, or the shapes differ.
    """
    if check_images(left).shape != check_images(right).shape:
        raise ValueError(f"Expected images of the same shape, received {tuple(left.shape)} and {tuple(right.shape)}.")
    width = left.shape[3]
    half, start = width // 2, width // 4
    return torch.cat([left[..., start : start + half], right[..., start : start + width - half]], dim=3)


def check_images(images: Tensor, *, in_range: bool = True) -> Tensor:
    """Return the images unchanged if they are a valid batch; otherwise say what is wrong.

    Parameters
    ----------
    images : Tensor, shape (N, C, H, W)
        Floating point, finite, pixels in [0, 1].
    in_range : bool
        Whether pixels outside [0, 1] are an error. Noisy copies of an image may leave the range.

    Returns
    -------
    Tensor
        The same tensor.

    Raises
    ------
    TypeError
        If it is no tensor, or not of a floating-point dtype.
    ValueError
        If the shape, a NaN or infinity, or the range is wrong.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"Expected images as a torch tensor, received {type(images).__name__}.")
    if not images.is_floating_point():
        raise TypeError(f"Expected images of a floating-point dtype with pixels in [0, 1], received {images.dtype}.")
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"Expected images of shape (N, C, H, W), received {tuple(images.shape)}.")
    low, high = images.aminmax()  # both are NaN if one pixel is
    if not (low.isfinite() and high.isfinite()):
        raise ValueError("Expected finite pixels, received NaN or infinity.")
    if in_range and (low < 0 or high > 1):
        raise ValueError(f"Expected pixels in [0, 1], received values from {low:.9g} to {high:.9g}.")
    return images
