"""The methods on an explanation card: their map, the question that it answers, and a test of what it predicts."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lecture_lib import maps
from lecture_lib.activations import grad_cam
from lecture_lib.gradients import completeness_gap, evaluate, gradient, sample_gradients
from lecture_lib.measure import rank_correlation
from lecture_lib.networks import Network, Score
from lecture_lib.samples import baseline_images, noisy_samples, path_points, path_samples

STEP = 0.1 / 255  # mean length of the step uphill, a pixel; rounding to whole gray values moves pixels further
TEST_COPIES = 10  # noisy copies on which the step uphill is measured: more hardly change the mean


class Found(NamedTuple):
    """What a method found for one image; see `Method`."""

    map: Tensor  # (1, h, w)
    attribution: Tensor  # (1, C, H, W) or (1, h, w), signed
    numbers: dict[str, float]


class Tested(NamedTuple):
    """A change of the score: as the map predicts it, and as it was measured."""

    predicted: float
    measured: float
    change: str  # what was changed


class Method(NamedTuple):
    """A method of the course; ``{score}`` and the options fill the gaps of its question."""

    name: str
    explain: Callable[..., Found]
    test: Callable[..., Tested]
    defaults: Mapping[str, Any]
    unit: str
    signed: bool
    question: str
    not_said: str


def _gradient(score: Score, image: Tensor) -> Found:
    found = gradient(score, image)
    return Found(maps.max_abs(found), found, {})


def _smoothgrad(score: Score, image: Tensor, *, noise_level: float, n_samples: int, seed: int) -> Found:
    copies = noisy_samples(image, noise_level=noise_level, n_samples=n_samples, seed=seed)
    whole, agreement = _mean_and_agreement(score, copies)
    return Found(maps.max_abs(whole), whole, {"agreement of two halves of the copies": agreement})


def _integrated_gradients(score: Score, image: Tensor, *, baseline: str | Tensor, n_steps: int, seed: int) -> Found:
    start = baseline_images(image, baseline, seed=seed)
    whole, agreement = _mean_and_agreement(score, path_samples(image, start, path_points(n_steps)[0]))
    attribution = whole * (image - start)
    gap = float(completeness_gap(score, image, start, attribution))
    share = abs(gap) / max(abs(float(attribution.sum()) - gap), 1e-12)
    numbers = {"completeness gap, share of the rise": share, "agreement of odd and even steps": agreement}
    return Found(attribution.sum(dim=1), attribution, numbers)


def _grad_cam(score: Score, image: Tensor, *, layer: nn.Module) -> Found:
    found = grad_cam(score, image, layer)
    return Found(found, found, {})


def _mean_and_agreement(score: Score, samples: Iterable[Tensor]) -> tuple[Tensor, float]:
    """The mean gradient, and how alike the means of every other sample are: those with even and with odd numbers."""
    sums, counts = [torch.zeros(()), torch.zeros(())], [0, 0]
    for number, found in enumerate(sample_gradients(score, samples)):
        sums[number % 2], counts[number % 2] = sums[number % 2] + found, counts[number % 2] + 1
    agreement = rank_correlation(*sums).item() if counts[1] else 0.0  # one sample agrees with nothing
    return (sums[0] + sums[1]) / sum(counts), agreement


def _step_uphill(score: Score, image: Tensor, found: Found, **options: Any) -> Tested:
    """Step along the attribution; for SmoothGrad, the score is the mean over noisy copies."""
    copies = torch.cat(list(islice(noisy_samples(image, **options), TEST_COPIES))) if options else image
    direction = found.attribution / found.attribution.norm().clamp_min(1e-30)
    step = STEP * image.numel() ** 0.5 * direction
    rise = (evaluate(score, copies + step) - evaluate(score, copies)).mean()
    change = f"a step uphill of {255 * STEP:.1f}/255 per pixel"
    return Tested(float((found.attribution * step).sum()), float(rise), change)


def _whole_way(score: Score, image: Tensor, found: Found, *, baseline: str | Tensor, seed: int, **_: Any) -> Tested:
    """Go from the baseline to the image: the entries of the map should add up to the rise."""
    start = baseline_images(image, baseline, seed=seed)
    rise = float(evaluate(score, image) - evaluate(score, start))
    return Tested(float(found.attribution.sum()), rise, "the whole way from the baseline to this picture")


def _blur_the_strongest_cell(score: Score, image: Tensor, found: Found, **_: Any) -> Tested:
    """Blur what lies below the cell with the largest value: this tests whether the score falls by that value."""
    strongest = (found.map == found.map.max()).float()
    below = nn.functional.interpolate(strongest[:, None], size=image.shape[2:], mode="nearest").bool()
    blurred = torch.where(below, baseline_images(image, "blur"), image)
    change = float(evaluate(score, blurred) - evaluate(score, image))
    return Tested(-float(found.map.max()), change, "blurring the pixels below the strongest cell")


METHODS = {
    "gradient": Method(
        name="Gradient",
        explain=_gradient,
        test=_step_uphill,
        defaults={},
        unit="score per unit of intensity",
        signed=False,
        question="How fast would {score} change if one pixel of this picture changed a little?",
        not_said="How much a region contributes, or what happens when something is covered. The rates hold for tiny "
        "changes of this very picture.",
    ),
    "smoothgrad": Method(
        name="SmoothGrad",
        explain=_smoothgrad,
        test=_step_uphill,
        defaults={"noise_level": 0.15, "n_samples": 50, "seed": 0},
        unit="score per unit of intensity",
        signed=False,
        question="How fast would {score} change with each pixel, on average over {n_samples} copies of this picture "
        "with noise of {noise_level:.0%} of its range?",
        not_said="Anything about the picture without noise: this is the gradient of another, smoother score. Another "
        "noise level asks another question.",
    ),
    "integrated_gradients": Method(
        name="Integrated Gradients",
        explain=_integrated_gradients,
        test=_whole_way,
        defaults={"baseline": "black", "n_steps": 50, "seed": 0},
        unit="score",
        signed=True,
        question="How is the rise of {score}, from {baseline} to this picture, shared out among the pixels "
        "along the straight line between the two?",
        not_said="What happens when a pixel is removed. Another baseline shares out another rise. A pixel that "
        "equals the baseline gets 0, whatever the network does with it.",
    ),
    "grad_cam": Method(
        name="Grad-CAM",
        explain=_grad_cam,
        test=_blur_the_strongest_cell,
        defaults={"layer": None},
        unit="score",
        signed=True,
        question="In which of the {cells} cells of a layer are the features that raise {score}, if each feature "
        "counts by its mean slope?",
        not_said="Which pixels matter. A cell has seen far more of the picture than what lies below it, and nothing "
        "smaller than a cell can be told apart.",
    ),
}


def last_layer_with_maps(network: Network, images: Tensor) -> nn.Module:
    """The layer whose maps Grad-CAM takes by default: the last one that returns maps of more than one cell.

    Parameters
    ----------
    network : Network
        A convolutional network.
    images : Tensor, shape (N, C, H, W)
        Pixels in [0, 1]; to run the network once.

    Returns
    -------
    Module
        Part of the network.

    Raises
    ------
    ValueError
        If there is none, or if its maps are cut into tokens later, as in a transformer.
    """
    last: list[nn.Module | None] = [None]

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        """Remember a layer with maps; forget it when tokens (N, tokens, length) come after it."""
        if isinstance(output, Tensor) and output.ndim == 4 and output[0, 0].numel() > 1:
            last[0] = module
        elif isinstance(output, Tensor) and output.ndim == 3:
            last[0] = None

    with ExitStack() as hooks:
        for module in network.modules():
            hooks.callback(module.register_forward_hook(note).remove)
        evaluate(network.score(0), images)
    if last[0] is None:
        raise ValueError("Grad-CAM needs a layer with activation maps near the end, and this network has none.")
    return last[0]
