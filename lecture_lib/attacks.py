r"""Adversarial attacks: changes of an image too small to be seen that change what a network says.

Every attack climbs a score. Untargeted, away from a class: ``network.loss(label)``. Targeted, towards a class:
``network.score(target)`` or `margin`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lecture_lib.gradients import evaluate, input_gradient
from lecture_lib.minimal_norm import ahead, nearest_in_class
from lecture_lib.networks import Network, Score
from lecture_lib.pictures import check_images
from lecture_lib.progress import track

Criterion = Callable[[Tensor], Tensor]  # from images (N, C, H, W) to one bool per image (N,)


@dataclass(frozen=True, eq=False)
class Attack:
    """What an attack found. All tensors have one entry per image."""

    original: Tensor  # (N, C, H, W), the images before the attack
    images: Tensor  # (N, C, H, W), the images after it, in [0, 1]
    score: Score  # what was climbed
    success: Tensor | None  # bool (N,): whether the criterion holds after the attack; None if there was none

    @cached_property  # an attack that nobody asks for its scores need not run the network for them
    def score_before(self) -> Tensor:
        """The score of the originals, shape (N,)."""
        return evaluate(self.score, self.original)

    @cached_property
    def score_after(self) -> Tensor:
        """The score of the changed images, shape (N,)."""
        return evaluate(self.score, self.images)

    @property
    def perturbation(self) -> Tensor:
        """What was added, :math:`r = I - I_*`, shape (N, C, H, W)."""
        return self.images - self.original

    @property
    def l2(self) -> Tensor:
        """Length of the perturbation over all pixels and channels, shape (N,)."""
        return self.perturbation.flatten(1).norm(dim=1)

    @property
    def linf(self) -> Tensor:
        """Largest change of a pixel, shape (N,)."""
        return self.perturbation.flatten(1).abs().amax(dim=1)


def fgsm(score: Score, images: Tensor, *, epsilon: float, until: Criterion | None = None) -> Attack:
    r"""Fast gradient sign method: one step uphill, the same length for every pixel.

    .. math:: I = \mathrm{clip}(I_* + \varepsilon \, \mathrm{sign} \nabla_I f(I_*))

    Every pixel moves by :math:`\varepsilon`, unless it would leave [0, 1] or its derivative is 0. It is `bim` with
    one step.

    Parameters
    ----------
    score, images, epsilon, until
        As in `bim`, and so are the errors.

    Returns
    -------
    Attack
        The changed images, norms, scores before and after.

    References
    ----------
    Goodfellow et al. 2014, arXiv:1412.6572, section 4; lecture notes, section 3.
    """
    return bim(score, images, epsilon=epsilon, step_size=epsilon, n_steps=1, until=until)


def bim(
    score: Score,
    images: Tensor,
    *,
    epsilon: float,
    step_size: float | None = None,
    n_steps: int = 10,
    until: Criterion | None = None,
    progress: bool = False,
) -> Attack:
    r"""Basic iterative method: many small sign steps uphill, each followed by a clip.

    .. math:: I_0 = I_*, \qquad I_{n+1} = \mathrm{clip}(I_n + \alpha \, \mathrm{sign} \nabla_I f(I_n)),

    where the clip leads back into the :math:`\varepsilon`-ball around the original,
    :math:`\lvert I - I_* \rvert \le \varepsilon` for every pixel, and into [0, 1].

    Parameters
    ----------
    score : function
        What to climb: from images ``(N, C, H, W)`` to one number per image ``(N,)``.
    images : Tensor, shape (N, C, H, W)
        The originals, pixels in [0, 1].
    epsilon : float
        Largest change of a pixel, in [0, 1]; for example 2/255.
    step_size : float or None
        The :math:`\alpha`, in (0, 1]; by default a quarter of epsilon.
    n_steps : int
        Number of steps, at least 1.
    until : function or None
        From images to one bool per image, for example `misclassified`. An image stops where it holds.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Attack
        The changed images, norms, scores before and after. ``success`` says whether ``until`` holds at the end.

    Raises
    ------
    TypeError, ValueError
        If epsilon, step_size or n_steps are out of range, or ``until`` returns no bools of shape (N,); and as in
        `lecture_lib.gradients.gradient`.

    References
    ----------
    Kurakin et al. 2016, arXiv:1607.02533, section 2.2; lecture notes, section 3.
    """
    steps = bim_path(score, images, epsilon=epsilon, step_size=step_size, n_steps=n_steps, until=until)
    *_, last = track(steps, progress, "steps", n_steps + 1)
    return _found(score, images.detach(), last, until)


def bim_path(
    score: Score,
    images: Tensor,
    *,
    epsilon: float,
    step_size: float | None = None,
    n_steps: int = 10,
    until: Criterion | None = None,
) -> Iterator[Tensor]:
    r"""The images :math:`I_0, I_1, …` that `bim` walks through, one after another.

    Parameters
    ----------
    score, images, epsilon, step_size, n_steps, until
        As in `bim`.

    Returns
    -------
    iterator of Tensors, each of shape (N, C, H, W)
        The originals first, then one tensor a step; it ends early where all images have stopped.

    Raises
    ------
    TypeError, ValueError
        As in `bim`.

    References
    ----------
    Kurakin et al. 2016, arXiv:1607.02533, section 2.2; lecture notes, section 3.
    """
    step_size = epsilon / 4 if step_size is None else step_size
    if not (0 <= epsilon <= 1 and 0 <= step_size <= 1):
        raise ValueError(
            f"Expected epsilon and step_size in units of intensity, from 0 to 1 (2/255, not 2), "
            f"received {epsilon} and {step_size}."
        )
    if n_steps < 1:
        raise ValueError(f"Expected at least 1 step, received n_steps={n_steps}.")
    return _walk(score, check_images(images).detach(), epsilon, step_size, n_steps, until)


def _walk(
    score: Score, images: Tensor, epsilon: float, step_size: float, n_steps: int, until: Criterion | None
) -> Iterator[Tensor]:
    low, high = _ball(images, epsilon)
    yield images
    for _ in range(n_steps):
        stopped = torch.zeros(len(images), dtype=torch.bool) if until is None else _check(until, images)
        if stopped.all():
            return
        uphill = input_gradient(score, images).sign_()
        stepped = images.add(uphill, alpha=step_size).clamp_(low, high)
        images = (
            torch.where(stopped.view(-1, 1, 1, 1).to(images.device), images, stepped) if stopped.any() else stepped
        )
        yield images


def _ball(images: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """The least and the largest value of every pixel: in [0, 1], and at most epsilon from the original.

    Rounding moves epsilon, and a number below 1, by at most a quarter of the machine's epsilon each. So much is taken
    off, and the bound holds to the last bit.
    """
    radius = max(epsilon - torch.finfo(images.dtype).eps / 2, 0)
    return (images - radius).clamp_min(0), (images + radius).clamp_max(1)


def _check(until: Criterion, images: Tensor) -> Tensor:
    with torch.no_grad():
        holds = until(images)
    if not isinstance(holds, Tensor) or holds.dtype != torch.bool or holds.shape != images.shape[:1]:
        received = f"{holds.dtype}, {tuple(holds.shape)}" if isinstance(holds, Tensor) else type(holds).__name__
        raise ValueError(
            f"Expected a criterion that returns one bool per image, ({len(images)},), received {received}."
        )
    return holds


def _found(score: Score, original: Tensor, images: Tensor, until: Criterion | None) -> Attack:
    return Attack(original, images, score, None if until is None else _check(until, images))


def misclassified(network: Network, label: str | int) -> Criterion:
    """The criterion that an untargeted attack wants: the most probable class is no longer this one.

    Parameters
    ----------
    network, label
        As network and target in `classified_as`, but the class is the one to get away from.

    Returns
    -------
    function
        From images ``(N, C, H, W)`` to bools ``(N,)``.

    References
    ----------
    Lecture notes, section 3.
    """
    still = classified_as(network, label)
    return lambda images: ~still(images)


def classified_as(network: Network, target: str | int) -> Criterion:
    """The criterion that a targeted attack wants: the most probable class is this one.

    Parameters
    ----------
    network : Network
        The classifier.
    target : str or int
        The class to reach, as in `lecture_lib.networks.Network.index`.

    Returns
    -------
    function
        From images ``(N, C, H, W)`` to bools ``(N,)``.

    References
    ----------
    Lecture notes, section 3.
    """
    index = network.index(target)
    return lambda images: network(images).argmax(dim=1) == index


def margin(network: Network, target: str | int) -> Score:
    r"""How far a class is ahead of all others, :math:`S_l(I) - \max_{k \ne l} S_k(I)`.

    It is 0 on the boundary of the class.

    Parameters
    ----------
    network, target
        The classifier and the class :math:`l`, as in `classified_as`.

    Returns
    -------
    function
        From images ``(N, C, H, W)`` to differences of logits ``(N,)``; positive where the class is the most probable.

    References
    ----------
    Carlini and Wagner 2016, arXiv:1608.04644, section 5, the function f6 with reversed sign.
    """
    return ahead(network, network.index(target))


def minimal_perturbation(
    network: Network,
    images: Tensor,
    target: str | int,
    *,
    n_weights: int = 5,
    n_steps: int = 8,
    progress: bool = False,
) -> Attack:
    r"""The smallest change towards a class: minimise :math:`\lVert r \rVert^2` while :math:`f(I_* + r) = l`.

    The constraint is replaced by a penalty: minimise :math:`\lVert r \rVert^2 - c \, m(I_* + r)` with
    :math:`I_* + r \in [0, 1]`, where :math:`m` is the `margin` of the class, by L-BFGS with box constraints. A search
    by bisection finds the least weight :math:`c` whose minimum reaches the class; at last, the best perturbation is
    shortened as far as it still does. Like every search on a curved landscape, it can miss a smaller one.

    Parameters
    ----------
    network : Network
        The classifier.
    images : Tensor, shape (N, C, H, W)
        The originals, pixels in [0, 1].
    target : str or int
        The class :math:`l` to reach, as in `lecture_lib.networks.Network.index`.
    n_weights : int
        How many weights c are tried.
    n_steps : int
        Steps of L-BFGS for each weight; each takes one gradient, or few.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Attack
        Its score is the margin. ``success`` is False where no weight reached the class. Images that belong to the
        class already stay as they are.

    Raises
    ------
    TypeError, ValueError
        If the images are no valid batch, there is no such class, or n_weights or n_steps are below 1.

    References
    ----------
    Szegedy et al. 2013, arXiv:1312.6199, section 4.1 (their penalty is the cross-entropy); lecture notes, section 3.
    """
    if n_weights < 1 or n_steps < 1:
        raise ValueError(f"Expected n_weights and n_steps of at least 1, received {n_weights} and {n_steps}.")
    images, index = check_images(images).detach(), network.index(target)
    nearest = [nearest_in_class(network, index, image[None], n_weights, n_steps, progress) for image in images]
    return _found(margin(network, target), images, torch.cat(nearest), classified_as(network, target))


def smallest_epsilon(
    attack: Callable[[float], Tensor],
    until: Criterion,
    *,
    largest: float = 8 / 255,
    n_scan: int = 32,
    tolerance: float = 0.01 / 255,
) -> float:
    r"""The smallest :math:`\varepsilon` with which an attack succeeds: a coarse scan from below, then bisection.

    More is not always better: an attack may succeed with a small :math:`\varepsilon` and fail with a larger one. So
    the scan starts from below and stops at the first success; bisection then goes on between this and the last
    failure. A window narrower than a step of the scan may be missed.

    Parameters
    ----------
    attack : function
        From epsilon to images ``(N, C, H, W)``, for example ``lambda e: fgsm(score, cat, epsilon=e).images``.
    until : function
        The criterion: from images to one bool per image, for example `misclassified`. It has to hold for all images.
    largest : float
        The end of the scan, in (0, 1].
    n_scan : int
        Number of equal steps of the scan, at least 1.
    tolerance : float
        The result is at most so much above the smallest one between the two that bisection started from.

    Returns
    -------
    float
        An epsilon that was tried and succeeded; infinity if none did.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Bisection: any textbook on numerical analysis; lecture notes, section 3.
    """
    if not 0 < largest <= 1 or n_scan < 1 or tolerance <= 0:
        raise ValueError(
            f"Expected largest in (0, 1], n_scan >= 1 and tolerance > 0, received {largest}, {n_scan}, {tolerance}."
        )

    def succeeds(epsilon: float) -> bool:
        """Whether the criterion holds for all images."""
        return bool(_check(until, attack(epsilon)).all())

    scan = [largest * k / n_scan for k in range(1, n_scan + 1)]
    high = next((epsilon for epsilon in scan if succeeds(epsilon)), math.inf)
    low = high - largest / n_scan
    while high < math.inf and high - low > tolerance:
        middle = (low + high) / 2
        low, high = (low, middle) if succeeds(middle) else (middle, high)
    return high


def quantize(images: Tensor, levels: int = 256) -> Tensor:
    r"""Images as a file stores them: :math:`\mathrm{round}(255 \, I) / 255`, the nearest of 256 levels.

    Parameters
    ----------
    images : Tensor, shape (N, C, H, W)
        Pixels in [0, 1].
    levels : int
        How many values a pixel can have, at least 2; 256 for 8 bits (uint8).

    Returns
    -------
    Tensor, shape (N, C, H, W)
        Multiples of 1 / (levels - 1), in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If the images are no valid batch, or there are fewer than two levels.

    References
    ----------
    Kurakin et al. 2016, arXiv:1607.02533, section 2.1, on images of 8 bits; lecture notes, section 3.
    """
    if levels < 2:
        raise ValueError(f"Expected at least 2 levels, received {levels}.")
    return (check_images(images) * (levels - 1)).round() / (levels - 1)
