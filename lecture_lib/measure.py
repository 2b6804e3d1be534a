"""Is it true? Measurements that test what a map claims."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lecture_lib.gradients import completeness_gap as completeness_gap  # a measurement, made where it is needed first
from lecture_lib.gradients import evaluate, gradient, input_gradient, sample_gradients
from lecture_lib.networks import Score
from lecture_lib.pictures import check_images


class Linearity(NamedTuple):
    """What the gradient predicted and what happened; see `linearity_error`. Each of shape (N,)."""

    predicted: Tensor
    measured: Tensor
    error: Tensor


def linearity_error(score: Score, images: Tensor, direction: Tensor, radius: float) -> Linearity:
    r"""Step from every image along a direction: compare the change that the gradient predicts with the real one.

    With :math:`d` the direction at length 1 and :math:`r` the radius, the first-order Taylor expansion predicts
    :math:`r \, \nabla_I f(I_*) \cdot d`; the measured change is :math:`f(I_* + r d) - f(I_*)`. Where the score is
    smooth, the difference shrinks with :math:`r^2`; at a kink of a ReLU only with :math:`r`.

    Parameters
    ----------
    score, images
        As in `lecture_lib.gradients.gradient`.
    direction : Tensor, shape (N, C, H, W) or (1, C, H, W)
        Only its direction counts: it is scaled to length 1 (L2 norm), image by image.
    radius : float
        Length of the step (L2 norm over all pixels). Pixels may leave [0, 1]; nothing is clipped.

    Returns
    -------
    Linearity
        ``predicted``, ``measured`` and ``error = measured - predicted``, each of shape (N,), in score units.

    Raises
    ------
    TypeError, ValueError
        If images or score are invalid (see `lecture_lib.gradients.gradient`), or the direction is zero or has
        another shape.

    References
    ----------
    Simonyan et al. 2013, arXiv:1312.6034, section 3, Eq. (3); lecture notes, section 2.1.
    """
    images = check_images(images)
    step = radius * _unit_length(direction, images)
    predicted = (gradient(score, images) * step).sum(dim=(1, 2, 3))
    measured = evaluate(score, images + step) - evaluate(score, images)
    return Linearity(predicted, measured, measured - predicted)


class Curvature(NamedTuple):
    """How the gradient changes along a step; see `curvature`. Each of shape (len(lengths), N)."""

    change: Tensor  # ‖∇f(I + t d) - ∇f(I)‖ / ‖∇f(I)‖
    predicted: Tensor  # the same, proportional to t from the shortest length on
    cosine: Tensor  # of the angle between the two gradients


def curvature(score: Score, images: Tensor, direction: Tensor, lengths: Sequence[float]) -> Curvature:
    r"""How much the gradient changes along a step, compared with what the curvature at the start predicts.

    With :math:`d` the direction at length 1, the change is :math:`\lVert \nabla f(I + t d) - \nabla f(I) \rVert`,
    relative to :math:`\lVert \nabla f(I) \rVert`. For a small :math:`t` it is :math:`t \, \lVert H d \rVert` with the
    matrix :math:`H` of second derivatives. The shortest length serves as the finite difference that estimates
    :math:`\lVert H d \rVert`: a network of ReLUs has no second derivatives, its gradient jumps from piece to piece.

    Parameters
    ----------
    score, images, direction
        As in `linearity_error`; a direction is, for example, the perturbation of an attack.
    lengths : sequence of floats
        The lengths :math:`t > 0` (L2 norm over all pixels). Pixels may leave [0, 1].

    Returns
    -------
    Curvature
        ``change``, ``predicted`` and ``cosine``, each of shape (len(lengths), N).

    Raises
    ------
    TypeError, ValueError
        If a length is not above 0, and as in `linearity_error`.

    References
    ----------
    Lecture notes, section 4.1, “Failure to explain adversarial attacks”.
    """
    if not lengths or min(lengths) <= 0:
        raise ValueError(f"Expected lengths above 0, received {list(lengths)}.")
    step, start = _unit_length(direction, check_images(images)), gradient(score, images).flatten(1)
    ends = torch.stack([input_gradient(score, images + length * step).flatten(1) for length in lengths])
    change = (ends - start).norm(dim=2) / start.norm(dim=1)
    t = torch.tensor(lengths).to(change).view(-1, 1)
    return Curvature(change, t / t.min() * change[t.argmin()], torch.cosine_similarity(ends, start[None], dim=2))


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    r"""Spearman's rank correlation of two maps: whether they order the pixels alike.

    The Pearson correlation of the ranks, :math:`\rho = \mathrm{corr}(\mathrm{rank}(A), \mathrm{rank}(B))`; ties share
    their mean rank. 1: the same order, 0: unrelated, -1: reversed. Scale and offset of the maps don't matter.

    Parameters
    ----------
    first, second : Tensors of the same shape (N, ...)
        Maps or attributions; one comparison for each of the N.

    Returns
    -------
    Tensor, shape (N,)
        In [-1, 1]; NaN where a map is constant, because then it orders nothing.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Spearman 1904, doi:10.2307/1412159; used for maps by Adebayo et al. 2018, arXiv:1810.03292, section 3.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"Expected two maps of the same shape, received {tuple(first.shape)} and {tuple(second.shape)}."
        )
    from scipy.stats import rankdata  # only here: it takes half a second

    one, other = (
        torch.from_numpy(rankdata(each.detach().flatten(1).cpu().numpy(), axis=1)) for each in (first, second)
    )
    one, other = one - one.mean(dim=1, keepdim=True), other - other.mean(dim=1, keepdim=True)
    return (one * other).sum(dim=1) / (one.norm(dim=1) * other.norm(dim=1))


def sampling_error(score: Score, samples: Iterable[Tensor], sizes: Sequence[int], **options: Any) -> Tensor:
    r"""Error of a mean gradient against the number of samples: how far means of n samples lie from the mean of all.

    The samples are split into groups of n; returned is the root mean square over groups and pixels of (mean of the
    group - mean of all), corrected for the sample that both share: :math:`\times \sqrt{N / (N - n)}`. For independent
    samples it falls like :math:`1 / \sqrt n`.

    Parameters
    ----------
    score, samples
        As in `lecture_lib.gradients.mean_gradient`; for example `lecture_lib.samples.noisy_samples`.
    sizes : sequence of int
        The group sizes n, each at most half the number of samples.
    **options
        ``batch_size`` and ``progress`` of `lecture_lib.gradients.sample_gradients`.

    Returns
    -------
    Tensor, shape (len(sizes),)
        In score units per unit of intensity.

    Raises
    ------
    ValueError
        If a size does not fit into half of the samples.

    References
    ----------
    The standard error of a mean, any textbook on statistics; lecture notes, section 2.1, Eq. (1).
    """
    found = sample_gradients(score, samples, **options)
    gradients = torch.stack([one.flatten() for one in found])  # (samples, pixels)
    total = len(gradients)
    if not all(1 <= size <= total / 2 for size in sizes):
        raise ValueError(f"Expected sizes from 1 to half of the {total} samples, received {list(sizes)}.")
    errors = []
    for size in sizes:
        groups = gradients[: total - total % size].view(-1, size, gradients.shape[1]).mean(dim=1)
        deviation = (groups - gradients.mean(dim=0)).square().mean().sqrt()
        errors.append(deviation * (total / (total - size)) ** 0.5)
    return torch.stack(errors)


def autocorrelation(gradients: Tensor, max_lag: int) -> Tensor:
    r"""How alike the gradients at two points of a line are, against the distance between the points.

    :math:`\rho(k)` is the mean over all points of :math:`g_t \cdot g_{t+k}`, divided by the mean of :math:`g_t \cdot
    g_t`, after the mean gradient along the line is taken away. 1 at lag 0. A fast fall means shattered gradients.

    Parameters
    ----------
    gradients : Tensor, shape (T, ...)
        Gradients at T equally spaced points of a line.
    max_lag : int
        The largest distance, in points; less than T.

    Returns
    -------
    Tensor, shape (max_lag + 1,)
        In [-1, 1], up to the noise of the estimate.

    Raises
    ------
    ValueError
        If there are not more points than lags, or all gradients are equal.

    References
    ----------
    Balduzzi et al. 2017, arXiv:1702.08591, section 2.
    """
    total = len(gradients)
    if not 0 <= max_lag < total:
        raise ValueError(f"Expected a max_lag from 0 to {total - 1}, received {max_lag}.")
    centred = (gradients - gradients.mean(dim=0)).reshape(total, -1)
    products = [(centred[: total - lag] * centred[lag:]).sum(dim=1).mean() for lag in range(max_lag + 1)]
    if products[0] == 0:
        raise ValueError("Expected gradients that differ along the line, received equal ones.")
    return torch.stack(products) / products[0]


def _unit_length(direction: Tensor, images: Tensor) -> Tensor:
    if direction.shape not in (images.shape, images[:1].shape):
        raise ValueError(
            f"Expected a direction of the images' shape {tuple(images.shape)}, received {tuple(direction.shape)}."
        )
    length = direction.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    if not ((length > 0) & length.isfinite()).all():
        raise ValueError("Expected a direction of a length above 0, received zeros or NaN.")
    unit: Tensor = direction / length
    return unit
