"""Regions of an image: how much of a map lies inside one, and what happens to the score without it."""

import torch
from torch import Tensor

from lecture_lib.gradients import evaluate
from lecture_lib.networks import Score
from lecture_lib.pictures import check_images
from lecture_lib.samples import baseline_images


def inside_fraction(map: Tensor, mask: Tensor) -> Tensor:
    r"""How much of a map lies inside a region: :math:`\sum_i M_i A_i^+ / \sum_i A_i^+`.

    Negative values count as 0, :math:`A^+ = \max(A, 0)`. For a map whose sign doesn't matter, pass ``map.abs()``.
    A map without any structure has as much inside as the region has pixels: compare with ``mask.mean(dim=(1, 2))``.

    Parameters
    ----------
    map : Tensor, shape (N, H, W)
        Signed or not, at the resolution of the mask: see `lecture_lib.maps.upsample`.
    mask : Tensor, shape (N, H, W)
        The share of each pixel that belongs to the region, in [0, 1].

    Returns
    -------
    Tensor, shape (N,)
        In [0, 1]; NaN where the map has no positive value.

    Raises
    ------
    ValueError
        If map and mask differ in shape, or the mask is not in [0, 1].

    References
    ----------
    Wang et al. 2020, arXiv:1910.01279, call it energy-based pointing game.
    """
    mask = _checked_mask(map, mask)
    positive = map.clamp_min(0)
    return (mask * positive).sum(dim=(1, 2)) / positive.sum(dim=(1, 2))


def pointing_game(map: Tensor, mask: Tensor) -> Tensor:
    r"""Whether the highest value of a map lies inside a region: :math:`M_i` at :math:`i = \arg\max_i A_i`.

    Parameters
    ----------
    map, mask
        As in `inside_fraction`, and so are the errors. If several pixels are highest, the first of them counts.

    Returns
    -------
    Tensor, shape (N,)
        1: inside, 0: outside, between: on the edge of a soft mask.

    References
    ----------
    Zhang et al. 2016, arXiv:1608.00507 (who allow a margin of 15 pixels; here there is none).
    """
    mask = _checked_mask(map, mask)
    highest = map.flatten(1).argmax(dim=1, keepdim=True)  # (N, 1)
    return mask.flatten(1).gather(1, highest)[:, 0]


def removal_effect(score: Score, images: Tensor, removed: Tensor) -> Tensor:
    r"""How far the score falls when something is taken out of the image: :math:`f(I_*) - f(I_{removed})`.

    What a region contributes depends on what takes its place. Best is a true intervention, the same scene without
    the part (`lecture_lib.birds.scenes` with ``without`` or ``swap``); on photographs, `replace_region` makes do.

    Parameters
    ----------
    score
        As in `lecture_lib.gradients.gradient`.
    images, removed : Tensors of the same shape (N, C, H, W)
        With and without the thing, pixels in [0, 1].

    Returns
    -------
    Tensor, shape (N,)
        In score units; positive where the thing speaks for the class.

    Raises
    ------
    TypeError, ValueError
        If the images are no valid batches of the same shape, or the score is invalid.

    References
    ----------
    Zeiler and Fergus 2013, arXiv:1311.2901.
    """
    if check_images(images).shape != check_images(removed).shape:
        raise ValueError(
            f"Expected images of the same shape, received {tuple(images.shape)} and {tuple(removed.shape)}."
        )
    return evaluate(score, images) - evaluate(score, removed)


def replace_region(images: Tensor, mask: Tensor, baseline: str | Tensor = "blur") -> Tensor:
    r"""Images whose region looks like a baseline: :math:`(1 - M) \odot I_* + M \odot B`.

    Parameters
    ----------
    images : Tensor, shape (N, C, H, W)
        Pixels in [0, 1].
    mask : Tensor, shape (N, H, W)
        The share of each pixel that is replaced, in [0, 1]. A soft edge draws no new outline.
    baseline : {"blur", "black", "white", "uniform"} or Tensor
        What takes the region's place, see `lecture_lib.samples.baseline_images`.

    Returns
    -------
    Tensor, shape (N, C, H, W)
        Pixels in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If images, mask or baseline are invalid.

    References
    ----------
    Fong and Vedaldi 2017, arXiv:1704.03296.
    """
    mask = _checked_mask(check_images(images)[:, 0], mask)[:, None]  # (N, 1, H, W)
    return (1 - mask) * images + mask * baseline_images(images, baseline)


def deletion_curve(
    score: Score, images: Tensor, map: Tensor, *, baseline: str | Tensor = "black", n_steps: int = 20
) -> Tensor:
    """The score while the pixels are replaced by a baseline, those with the highest values of a map first.

    The faster it falls, the better has the map found what this score needs, given this baseline. Compare with the
    curve of a random map.

    Parameters
    ----------
    score, images
        As in `lecture_lib.gradients.gradient`.
    map : Tensor, shape (N, H, W)
        Only the order of its values counts.
    baseline : {"black", "white", "blur", "uniform"} or Tensor
        What the pixels are replaced by, see `lecture_lib.samples.baseline_images`.
    n_steps : int
        In how many equal steps, at least 1.

    Returns
    -------
    Tensor, shape (N, n_steps + 1)
        Scores, from the whole image to the whole baseline; their mean is the area under the curve.

    Raises
    ------
    TypeError, ValueError
        If images, map, baseline or score are invalid, or there is no step.

    References
    ----------
    Petsiuk et al. 2018, arXiv:1806.07421.
    """
    if n_steps < 1:
        raise ValueError(f"Expected at least 1 step, received n_steps={n_steps}.")
    rank = _order(check_images(images), map)  # 0 for the first pixel to go
    pixels, other = rank[0].numel(), baseline_images(images, baseline)
    counts = [round(step * pixels / n_steps) for step in range(n_steps + 1)]
    scores = [evaluate(score, replace_region(images, (rank < count).to(images), other)) for count in counts]
    return torch.stack(scores, dim=1)


def insertion_curve(
    score: Score, images: Tensor, map: Tensor, *, baseline: str | Tensor = "black", n_steps: int = 20
) -> Tensor:
    """The score while the pixels appear on a baseline, those with the highest values of a map first.

    Deletion with image and baseline exchanged: here a fast rise speaks for the map.

    Parameters
    ----------
    score, images, map, baseline, n_steps
        As in `deletion_curve`, and so are the errors.

    Returns
    -------
    Tensor, shape (N, n_steps + 1)
        Scores, from the whole baseline to the whole image.

    References
    ----------
    Petsiuk et al. 2018, arXiv:1806.07421.
    """
    start = baseline_images(check_images(images), baseline)
    return deletion_curve(score, start, map, baseline=images, n_steps=n_steps)


def _order(images: Tensor, map: Tensor) -> Tensor:
    """The place (N, H, W) of every pixel when the values of its map are sorted from high to low."""
    if not isinstance(map, Tensor) or map.shape != images[:, 0].shape or not torch.isfinite(map).all():
        raise ValueError(
            f"Expected a finite map of shape {tuple(images[:, 0].shape)}, one value a pixel, "
            f"received {tuple(map.shape) if isinstance(map, Tensor) else type(map).__name__}."
        )
    by_value = map.flatten(1).argsort(dim=1, descending=True, stable=True)
    return by_value.argsort(dim=1).view_as(map)


def _checked_mask(map: Tensor, mask: Tensor) -> Tensor:
    if mask.shape != map.shape or map.ndim != 3:
        raise ValueError(
            f"Expected a map and a mask of the same shape (N, H, W), "
            f"received {tuple(map.shape)} and {tuple(mask.shape)}."
        )
    if not ((mask >= 0) & (mask <= 1)).all():
        raise ValueError("Expected a mask with values in [0, 1], received others.")
    return mask
