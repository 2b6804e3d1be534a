r"""How the samples :math:`I_n` of Eq. (1) are drawn: around the image (SmoothGrad), or on a line (IG).

Both are generators: one sample is made after another, so memory doesn't grow with their number.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from lecture_lib.pictures import check_images
from lecture_lib.words import choose

RULES = {"left": 0.0, "midpoint": 0.5, "right": 1.0}  # where in its step a sample lies


def noisy_samples(
    images: Tensor,
    *,
    noise_level: float = 0.15,
    n_samples: int = 50,
    seed: int | torch.Generator = 0,
    noise_blur: float = 0.0,
    correlation: Tensor | None = None,
) -> Iterator[Tensor]:
    r"""Copies of the images with Gaussian noise, :math:`I_n \sim \mathcal N(I_*, \Sigma)`, one after another.

    The standard deviation of every pixel is :math:`\sigma = \text{noise level} \cdot (I_{max} - I_{min})`, image by
    image. By default the pixels vary independently: :math:`\Sigma = \sigma^2 \cdot \mathrm{identity}`, Eq. (2) of the
    notes. ``noise_blur`` or ``correlation`` make neighbours vary together, with the same :math:`\sigma`.

    Parameters
    ----------
    images : Tensor, shape (N, C, H, W)
        Pixels in [0, 1].
    noise_level : float
        :math:`\sigma / (I_{max} - I_{min})`, at least 0.
    n_samples : int
        How many copies to draw, at least 1.
    seed : int or Generator
        The same seed draws the same noise.
    noise_blur : float
        Standard deviation, in pixels, of a Gaussian that the noise is blurred with.
    correlation : Tensor or None, shape (H·W, H·W)
        Correlation matrix of the pixels, for small images: ones on the diagonal, positive definite.

    Returns
    -------
    iterator of Tensors, each of shape (N, C, H, W)
        Noisy images; their pixels may leave [0, 1]. Each is drawn when it is asked for.

    Raises
    ------
    TypeError, ValueError
        If the images are no valid batch, a number is out of range, or the matrix is no correlation matrix.

    References
    ----------
    Smilkov et al. 2017, arXiv:1706.03825, section 3; lecture notes, section 2.1, Eq. (2).
    """
    images = check_images(images)
    if n_samples < 1 or noise_level < 0 or noise_blur < 0:
        raise ValueError(
            f"Expected n_samples >= 1, noise_level >= 0 and noise_blur >= 0, "
            f"received {n_samples}, {noise_level} and {noise_blur}."
        )
    mix = _noise_mixer(images, noise_blur, correlation)
    return _draw_noisy(images, noise_level, n_samples, seed, mix)


def _draw_noisy(
    images: Tensor, noise_level: float, n_samples: int, seed: int | torch.Generator, mix: Callable[[Tensor], Tensor]
) -> Iterator[Tensor]:
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    sigma = noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3))).view(-1, 1, 1, 1)
    for _ in range(n_samples):
        noise = torch.randn(images.shape, generator=generator, dtype=images.dtype)
        yield images + sigma * mix(noise).to(images.device)


def _noise_mixer(images: Tensor, noise_blur: float, correlation: Tensor | None) -> Callable[[Tensor], Tensor]:
    """A function that makes independent noise of variance 1 correlated, still of variance 1."""
    height, width = images.shape[2:]
    if correlation is not None:
        root = _cholesky(correlation, height * width).to(images.dtype)
        return lambda noise: (noise.flatten(2) @ root.T).view(noise.shape)
    if noise_blur:
        # A Gaussian blur is a multiplication in frequency space. The edges wrap around: the variance is 1 everywhere.
        frequencies = torch.fft.fftfreq(height)[:, None] ** 2 + torch.fft.fftfreq(width)[None, :] ** 2
        kernel = torch.exp(-2 * (torch.pi * noise_blur) ** 2 * frequencies).to(images.dtype)
        kernel = kernel / kernel.square().mean().sqrt()
        return lambda noise: torch.fft.ifft2(torch.fft.fft2(noise) * kernel).real
    return lambda noise: noise


def _cholesky(correlation: Tensor, pixels: int) -> Tensor:
    """The matrix L with L Lᵀ = correlation: L times independent noise has this correlation."""
    if correlation.shape != (pixels, pixels) or not torch.allclose(correlation.diag(), correlation.new_ones(())):
        raise ValueError(
            f"Expected a correlation matrix of shape ({pixels}, {pixels}) with ones on the diagonal, "
            f"received shape {tuple(correlation.shape)}."
        )
    root, failed = torch.linalg.cholesky_ex(correlation)
    if failed:
        raise ValueError("Expected a correlation matrix that is positive definite, received one that is not.")
    return root


def path_points(n_steps: int, rule: str = "midpoint") -> tuple[list[float], list[float]]:
    r"""Where on the line from baseline (0) to image (1) the samples lie, and their weights.

    With :math:`k = 0, …, n - 1`: left :math:`k/n`, midpoint :math:`(k + \frac12)/n`, right :math:`(k + 1)/n`, all
    with weight :math:`1/n`; gauss: the points and weights of Gauss–Legendre.

    Parameters
    ----------
    n_steps : int
        Number of points, at least 1.
    rule : {"midpoint", "left", "right", "gauss"}
        The rule of numerical integration.

    Returns
    -------
    (list of float, list of float)
        Points in [0, 1] and weights with sum 1.

    Raises
    ------
    ValueError
        If there is no step or no such rule.

    References
    ----------
    Any textbook on numerical integration; Sundararajan et al. 2017, section 5, uses the right rule.
    """
    if n_steps < 1:
        raise ValueError(f"Expected at least 1 step, received n_steps={n_steps}.")
    if choose(rule, (*RULES, "gauss"), "rule") == "gauss":
        points, weights = np.polynomial.legendre.leggauss(n_steps)  # on [-1, 1]
        return list((points + 1) / 2), list(weights / 2)
    return [(k + RULES[rule]) / n_steps for k in range(n_steps)], [1 / n_steps] * n_steps


def path_samples(images: Tensor, start: Tensor, points: Iterable[float]) -> Iterator[Tensor]:
    r"""Images on the line from the baseline :math:`B` to the image, :math:`I_n = B + \alpha_n (I_* - B)`.

    Parameters
    ----------
    images, start : Tensors of shape (N, C, H, W)
        The image :math:`I_*` and the baseline :math:`B`.
    points : iterable of floats in [0, 1]
        The :math:`\alpha_n`, see `path_points`.

    Yields
    ------
    Tensor, shape (N, C, H, W)
        One sample per point.

    References
    ----------
    Sundararajan et al. 2017, arXiv:1703.01365, section 3; lecture notes, section 2.1.
    """
    for point in points:
        yield torch.lerp(start, images, point)


def baseline_images(images: Tensor, baseline: str | Tensor, *, seed: int = 0) -> Tensor:
    """The images where a path to the given images starts: what counts as “nothing to see”.

    Parameters
    ----------
    images : Tensor, shape (N, C, H, W)
        Pixels in [0, 1].
    baseline : {"black", "white", "blur", "uniform"} or Tensor
        All 0, all 1, the image itself blurred (standard deviation a tenth of the shorter side), independent uniform
        noise in [0, 1], or a tensor of shape (N, C, H, W) or (1, C, H, W), such as another photograph.
    seed : int
        Fixes the noise of "uniform".

    Returns
    -------
    Tensor, shape (N, C, H, W)
        Pixels in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, or a tensor is no valid batch or has another shape.

    References
    ----------
    Sturmfels et al. 2020, doi:10.23915/distill.00022.
    """
    if isinstance(baseline, Tensor):
        if check_images(baseline).shape not in (images.shape, images[:1].shape):
            raise ValueError(f"Expected a baseline of shape {tuple(images.shape)}, received {tuple(baseline.shape)}.")
        return baseline.expand_as(images)
    match choose(baseline, ("black", "white", "blur", "uniform"), "baseline"):
        case "black":
            return torch.zeros_like(images)
        case "white":
            return torch.ones_like(images)
        case "uniform":
            generator = torch.Generator().manual_seed(seed)
            return torch.rand(images.shape, generator=generator, dtype=images.dtype).to(images.device)
    sigma = min(images.shape[2:]) / 10
    size = min(2 * int(3 * sigma) + 1, 2 * min(images.shape[2:]) - 1)  # reflection allows no wider kernel
    return gaussian_blur(images, kernel_size=[size, size], sigma=sigma).clamp(0, 1)
