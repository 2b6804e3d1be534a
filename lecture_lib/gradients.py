r"""The gradient of a score with respect to the image, and its mean over samples (Eq. 1 of the notes).

SmoothGrad and Integrated Gradients are one formula,
:math:`\hat S(I_*) = \frac1n \sum_n \nabla_I f(I_n)`. They differ in how the samples :math:`I_n` are drawn.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import Any, Literal, overload

import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from lecture_lib.networks import Score
from lecture_lib.pictures import check_images
from lecture_lib.progress import track
from lecture_lib.samples import baseline_images, noisy_samples, path_points, path_samples

# So many pixels go through the network in one call: 3 images of 224 × 224, or 16 of 96 × 96. With fewer, the layers
# don't keep the cores busy. With more, what a layer returns is so large that a plain C library fetches it from the
# system every time, which takes longer than the layer; where memory is kept, more save little.
PIXELS_PER_CALL = 3 * 224**2
ON_A_GPU = 8  # a guess, not measured: so many times as much, for a GPU has more cores to keep busy


def gradient(score: Score, images: Tensor) -> Tensor:
    r"""Vanilla gradient: how fast the score changes with every pixel, :math:`\nabla_I f(I_*)`.

    Parameters
    ----------
    score : function
        From images ``(N, C, H, W)`` to one number per image ``(N,)``.
    images : Tensor, shape (N, C, H, W)
        Pixels in [0, 1].

    Returns
    -------
    Tensor, shape (N, C, H, W)
        Signed; score units per unit of pixel intensity.

    Raises
    ------
    TypeError, ValueError
        If the images are no valid batch (see `lecture_lib.pictures.check_images`), if the score does not
        return ``(N,)``, or if it does not depend on the images.

    References
    ----------
    Simonyan et al. 2013, arXiv:1312.6034, section 3; lecture notes, section 2.1.
    """
    return input_gradient(score, check_images(images))


def mean_gradient(
    score: Score,
    samples: Iterable[Tensor],
    *,
    weights: Sequence[float] | None = None,
    batch_size: int | None = None,
    progress: bool = False,
) -> Tensor:
    r"""Mean of the gradients at the samples, :math:`\frac1n \sum_n \nabla_I f(I_n)`: Eq. (1) of the notes.

    Parameters
    ----------
    score
        As in `gradient`.
    samples : iterable of Tensors, each of shape (N, C, H, W)
        The :math:`I_n`. Pixels may leave [0, 1]. One is drawn after another, so a generator needs
        no more memory for more samples.
    weights : sequence of floats or None
        One weight per sample for a weighted mean; by default all are equal.
    batch_size : int or None
        How many samples go through the network in one call; memory grows with it, the result doesn't change. By
        default the fastest number, see `PIXELS_PER_CALL`.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Tensor, shape (N, C, H, W)
        Signed; score units per unit of pixel intensity.

    Raises
    ------
    TypeError, ValueError
        If there is no sample or a sample is no valid batch, and as in `gradient`.

    References
    ----------
    Lecture notes, section 2.1, Eq. (1).
    """
    gradients = sample_gradients(score, samples, batch_size=batch_size, progress=progress)
    total, total_weight = torch.zeros(()), 0.0
    for sample_gradient, weight in zip_longest(gradients, weights or ()):
        if weights is not None and (sample_gradient is None or weight is None):
            raise ValueError("Expected as many weights as samples, received more of one than of the other.")
        weight = 1.0 if weights is None else weight
        total, total_weight = torch.add(total, sample_gradient, alpha=weight), total_weight + weight
    return total / total_weight


def sample_gradients(
    score: Score, samples: Iterable[Tensor], *, batch_size: int | None = None, progress: bool = False
) -> Iterator[Tensor]:
    r"""Gradients at the samples, :math:`\nabla_I f(I_n)`, one after another.

    Parameters
    ----------
    score, samples, batch_size, progress
        As in `mean_gradient`.

    Yields
    ------
    Tensor, shape (N, C, H, W)
        One gradient a sample, in the order of the samples.

    Raises
    ------
    TypeError, ValueError
        If there is no sample, a sample is no valid batch or has another shape, or batch_size is below 1; and as in
        `gradient`.

    References
    ----------
    Lecture notes, section 2.1, Eq. (1).
    """
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"Expected a batch_size of at least 1, received {batch_size}.")
    remaining = iter(track(samples, progress, "samples"))
    shape: torch.Size | None = None
    for first in remaining:
        chunk = [check_images(first, in_range=False)]
        others = islice(remaining, (batch_size or _samples_per_call(first)) - 1)
        chunk += [check_images(sample, in_range=False) for sample in others]
        shape = shape or first.shape  # (N, C, H, W)
        if any(sample.shape != shape for sample in chunk):
            raise ValueError(f"Expected samples of one shape, {tuple(shape)}, received one of another shape.")
        images = torch.cat(chunk)  # (k·N, C, H, W)
        del first, chunk  # frees these samples before the next ones are drawn
        yield from input_gradient(score, images).view(-1, *shape)  # k times (N, C, H, W)
        del images
    if shape is None:
        raise ValueError("Expected at least one sample, received none.")


def _samples_per_call(sample: Tensor) -> int:
    pixels = PIXELS_PER_CALL * (ON_A_GPU if sample.is_cuda else 1)
    return max(1, pixels // (sample.shape[0] * sample.shape[2] * sample.shape[3]))


def smoothgrad(
    score: Score,
    images: Tensor,
    *,
    noise_level: float = 0.15,
    n_samples: int = 50,
    seed: int | torch.Generator = 0,
    noise_blur: float = 0.0,
    correlation: Tensor | None = None,
    batch_size: int | None = None,
    progress: bool = False,
) -> Tensor:
    r"""SmoothGrad: the mean gradient over noisy copies of the image, :math:`I_n \sim \mathcal N(I_*, \Sigma)`.

    The expected value is the gradient of the smoothed score :math:`E[f(I_* + \text{noise})]`.

    Parameters
    ----------
    score, images
        As in `gradient`, and so are the errors.
    noise_level, n_samples, seed, noise_blur, correlation
        How the noise is drawn, see `noisy_samples` (for errors, too).
    batch_size, progress
        As in `mean_gradient`.

    Returns
    -------
    Tensor, shape (N, C, H, W)
        Signed; score units per unit of pixel intensity.

    References
    ----------
    Smilkov et al. 2017, arXiv:1706.03825; lecture notes, section 2.1, Eq. (1) and (2).
    """
    samples = noisy_samples(
        images,
        noise_level=noise_level,
        n_samples=n_samples,
        seed=seed,
        noise_blur=noise_blur,
        correlation=correlation,
    )
    return mean_gradient(score, track(samples, progress, "samples", n_samples), batch_size=batch_size)


@overload  # the kind of result depends on one option; `options` are the others, listed below
def integrated_gradients(
    score: Score, images: Tensor, *, return_completeness_gap: Literal[True], **options: Any
) -> tuple[Tensor, Tensor]: ...
@overload
def integrated_gradients(
    score: Score, images: Tensor, *, return_completeness_gap: Literal[False] = False, **options: Any
) -> Tensor: ...
def integrated_gradients(  # type: ignore[misc]
    score: Score,
    images: Tensor,
    *,
    baseline: str | Tensor = "black",
    n_steps: int = 50,
    multiply_by_inputs: bool = True,
    rule: str = "midpoint",
    seed: int = 0,
    return_completeness_gap: bool = False,
    batch_size: int | None = None,
    progress: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Integrated Gradients: the mean gradient along the line from a baseline :math:`B` to the image :math:`I_*`.

    Sundararajan's form is :math:`(I_* - B) \odot \int_0^1 \nabla_I f(B + \alpha (I_* - B)) \, d\alpha`; its entries
    add up to :math:`f(I_*) - f(B)` (completeness), apart from the error of the numerical integral. The notes' form,
    ``multiply_by_inputs=False``, is the mean gradient alone: Eq. (1) with samples on the line.

    Parameters
    ----------
    score, images
        As in `gradient`.
    baseline : {"black", "white", "blur", "uniform"} or Tensor
        Where the line starts, see `baseline_images`.
    n_steps : int
        Number of samples on the line, at least 1.
    multiply_by_inputs : bool
        Whether to multiply by :math:`I_* - B`.
    rule : {"midpoint", "left", "right", "gauss"}
        Where on the line the samples lie, see `path_points`.
    seed : int
        Fixes the baseline "uniform".
    return_completeness_gap : bool
        Whether to return a pair: the attribution, and the `completeness_gap` of Sundararajan's form.
    batch_size, progress
        As in `mean_gradient`.

    Returns
    -------
    Tensor, shape (N, C, H, W)
        Signed; in score units, or in score units per unit of intensity without the multiplication. With
        ``return_completeness_gap=True``, a second tensor of shape (N,) follows.

    Raises
    ------
    TypeError, ValueError
        As in `gradient`, `baseline_images` and `path_points`.

    References
    ----------
    Sundararajan et al. 2017, arXiv:1703.01365, section 3; lecture notes, section 2.1.
    """
    images = check_images(images).detach()
    start = baseline_images(images, baseline, seed=seed)
    points, weights = path_points(n_steps, rule)
    samples = track(path_samples(images, start, points), progress, "steps", n_steps)
    gradients = mean_gradient(score, samples, weights=weights, batch_size=batch_size)
    attribution = gradients * (images - start)
    result = attribution if multiply_by_inputs else gradients
    return (result, completeness_gap(score, images, start, attribution)) if return_completeness_gap else result


def completeness_gap(score: Score, images: Tensor, baseline: Tensor, attribution: Tensor) -> Tensor:
    r"""How far an attribution is from adding up, :math:`\sum_i A_i - (f(I_*) - f(B))`.

    Exactly 0 for Integrated Gradients with infinitely many steps. What remains is the error of the numerical
    integral, so it says how many steps are needed; it does not say whether the baseline makes sense.

    Parameters
    ----------
    score : function
        From images ``(N, C, H, W)`` to one number per image ``(N,)``.
    images, baseline : Tensors of shape (N, C, H, W)
        The image :math:`I_*` and the baseline :math:`B`, pixels in [0, 1].
    attribution : Tensor, shape (N, C, H, W)
        In score units: Integrated Gradients multiplied by :math:`I_* - B`.

    Returns
    -------
    Tensor, shape (N,)
        In score units; captum calls it convergence delta.

    Raises
    ------
    TypeError, ValueError
        If images, baseline or score are invalid, or the attribution has another shape than the images.

    References
    ----------
    Sundararajan et al. 2017, arXiv:1703.01365, proposition 1.
    """
    if attribution.shape != check_images(images).shape:
        raise ValueError(
            f"Expected an attribution of the shape {tuple(images.shape)}, received {tuple(attribution.shape)}."
        )
    difference = evaluate(score, images) - evaluate(score, check_images(baseline))
    return attribution.sum(dim=(1, 2, 3)) - difference


def class_model(
    score: Score,
    shape: tuple[int, int, int, int],
    *,
    l2: float = 1e-3,
    n_steps: int = 100,
    step_size: float = 0.02,
    jitter: int = 0,
    blur: float = 0.0,
    seed: int = 0,
    progress: bool = False,
) -> Tensor:
    r"""An image that the network finds typical of a class, :math:`\arg\max_I S_c(I) - \lambda \lVert I \rVert_2^2`.

    Gradient ascent from a gray image, clipped to [0, 1] after every step. The norm is measured from
    gray (0.5), which is the zero of a network that was trained on centred pixels. Steps have a fixed
    length: the gradient is divided by its root mean square.

    Parameters
    ----------
    score : function
        From images ``(N, C, H, W)`` to one number per image ``(N,)``; usually a logit.
    shape : (N, C, H, W)
        Shape of the result.
    l2 : float
        The weight :math:`\lambda` of the norm, in score units.
    n_steps : int
        Number of steps uphill.
    step_size : float
        Root mean square of the change of the pixels in one step.
    jitter : int
        Shift the image by up to so many pixels, at random, before every gradient.
    blur : float
        Standard deviation, in pixels, of a Gaussian blur after every step; 0 means none.
    seed : int
        Fixes the random shifts.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Tensor, shape (N, C, H, W)
        Pixels in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If the shape is not (N, C, H, W), n_steps, jitter or blur are negative; and as in `gradient`.

    References
    ----------
    Simonyan et al. 2013, arXiv:1312.6034, section 2 (without jitter and blur); jitter and blur are the
    usual remedies against high frequencies, see Olah et al. 2017, doi:10.23915/distill.00007.
    """
    if min(n_steps, jitter, blur) < 0:
        raise ValueError(f"Expected n_steps, jitter and blur from 0 up, received {n_steps}, {jitter} and {blur}.")
    generator = torch.Generator().manual_seed(seed)
    image = check_images(torch.full(shape, 0.5))
    for _ in track(range(n_steps), progress, "steps"):
        shift = torch.randint(-jitter, jitter + 1, (2,), generator=generator).tolist()
        uphill = input_gradient(score, image.roll(shift, dims=(2, 3))).roll([-s for s in shift], dims=(2, 3))
        uphill -= 2 * l2 * (image - 0.5)
        image = image + step_size * uphill / uphill.square().mean().sqrt().clamp_min(1e-12)
        if blur:
            image = gaussian_blur(image, kernel_size=2 * int(3 * blur + 0.5) + 1, sigma=blur)
        image = image.clamp(0, 1)
    return image


def evaluate(score: Score, images: Tensor) -> Tensor:
    """Scores of the images, checked, without a gradient.

    Parameters
    ----------
    score, images
        As in `gradient`, and so are the errors; but pixels may leave [0, 1].

    Returns
    -------
    Tensor, shape (N,)
        One number an image.
    """
    with torch.no_grad():
        return check_scores(score(images), images)


def input_gradient(score: Score, images: Tensor) -> Tensor:
    """Gradient of the score at images that may leave [0, 1], as noisy copies do: `gradient` without its checks.

    Parameters
    ----------
    score, images
        As in `gradient`.

    Returns
    -------
    Tensor, shape (N, C, H, W)
        Signed; score units per unit of pixel intensity.

    Raises
    ------
    TypeError, ValueError
        If the score does not return ``(N,)``, or does not depend on the images.
    """
    with torch.inference_mode(False), torch.enable_grad():  # even where the caller switched gradients off
        # What was made in inference mode can have no gradient, but a copy can.
        images = (images.clone() if images.is_inference() else images.detach()).requires_grad_()
        scores = check_scores(score(images), images)
        # The sum of the scores has every image's own gradient, for no score depends on another image.
        found = torch.autograd.grad(scores.sum(), images, allow_unused=True)[0] if scores.requires_grad else None
    if found is None:
        raise ValueError("Expected a score that depends on the image, received one that ignores it (or detaches it).")
    return found


def check_scores(scores: Tensor, images: Tensor) -> Tensor:
    """Make sure that a score returned one number per image.

    Parameters
    ----------
    scores : Tensor
        What the score returned for the images.
    images : Tensor, shape (N, C, H, W)

    Returns
    -------
    Tensor, shape (N,)
        The scores, unchanged.

    Raises
    ------
    TypeError, ValueError
        If they are no tensor, or have another shape.
    """
    if not isinstance(scores, Tensor):
        raise TypeError(f"Expected a score that returns a torch tensor, received {type(scores).__name__}.")
    if scores.shape != images.shape[:1]:
        raise ValueError(
            f"Expected a score that returns one number per image, shape ({len(images)},), "
            f"received shape {tuple(scores.shape)}."
        )
    return scores
