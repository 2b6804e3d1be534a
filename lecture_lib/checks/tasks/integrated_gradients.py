"""Exercise 04: samples on the path, both forms, completeness, two rules, a hiding baseline."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from lecture_lib import gradients, samples
from lecture_lib.checks.inputs import scores, uniform
from lecture_lib.checks.task import Arguments, Mistake, Parameter, Result, Task
from lecture_lib.networks import Score

Slope = Callable[[Tensor], Tensor]


def _pair(seed: int, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """An image and a baseline that is neither black nor the image, but equal to it in a column."""
    images, baseline = uniform(seed, shape), 0.6 * uniform(seed + 1000, shape)
    baseline[..., -1] = images[..., -1]
    return images, baseline


# --- path_samples(images, baseline, n_steps) --------------------------------------------------------------


def _on_path(points: list[float], images: Tensor, baseline: Tensor) -> Tensor:
    """Samples (points, N, C, H, W) at given points of the path."""
    return torch.stack(list(samples.path_samples(images, baseline, points)))


def _path_samples(images: Tensor, baseline: Tensor, n_steps: int, rule: str = "midpoint") -> Tensor:
    return _on_path(samples.path_points(n_steps, rule)[0], images, baseline)


def _both_ends(n_steps: int) -> list[float]:
    """A frequent slip: n points from 0 to 1 with both ends."""
    return torch.linspace(0, 1, n_steps).tolist()


def _pieces(images: Tensor, baseline: Tensor, n_steps: int) -> Tensor:
    return _on_path([(k + 1) / (n_steps + 1) for k in range(n_steps)], images, baseline)


def _path_cases(seed: int) -> list[Arguments]:
    return [
        (*_pair(seed, (2, 3, 4, 5)), 4),
        (*_pair(seed + 1, (1, 3, 6, 3)), 7),
        (*_pair(seed + 2, (3, 4, 3, 3)), 5),
        (*_pair(seed + 3, (1, 1, 2, 4)), 1),
        (*_pair(seed + 4, (2, 1, 3, 2)), 3),
    ]


PATH_SAMPLES = Task(
    name="path_samples",
    section="lecture 04, “Eq. (1) again: samples on a line”",
    parameters=(
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("baseline", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("n_steps", "a whole number, at least 1"),
    ),
    results=(Result("the samples, the one next to the baseline first", "(n_steps, N, C, H, W)"),),
    library=("samples.path_samples",),
    reference=_path_samples,
    cases=_path_cases,
    mistakes=(
        Mistake(
            lambda images, baseline, n_steps: _path_samples(baseline, images, n_steps),
            "The path is reversed: it starts at the image. The first sample lies next to the baseline.",
        ),
        Mistake(
            partial(_path_samples, rule="left"),
            "The samples lie at the left end of every step, so the first one is the baseline itself. "
            "Move each by half a step.",
        ),
        Mistake(
            partial(_path_samples, rule="right"),
            "The samples lie at the right end of every step, so the last one is the image itself. "
            "Move each by half a step.",
        ),
        Mistake(
            lambda images, baseline, n_steps: _on_path(_both_ends(n_steps), images, baseline),
            "Both ends of the path are among the samples. Cut the path into n_steps equal steps and take the middle "
            "of each.",
        ),
        Mistake(
            lambda images, baseline, n_steps: _path_samples(images, torch.zeros_like(images), n_steps),
            "The baseline is not used: these are fractions of the image, as if the baseline were black.",
        ),
        Mistake(
            lambda images, baseline, n_steps: _path_samples(images + baseline, baseline, n_steps),
            "The samples run from B towards I + B. What is added to the baseline is a fraction of the difference.",
        ),
        Mistake(
            lambda images, baseline, n_steps: _path_samples(2 * baseline - images, baseline, n_steps),
            "The path leaves the baseline in the opposite direction. Check the sign of the difference.",
        ),
        Mistake(
            lambda images, baseline, n_steps: _on_path([k + 0.5 for k in range(n_steps)], images, baseline),
            "The samples run far beyond the image. The positions have to stay between 0 and 1: divide by the number "
            "of steps.",
        ),
        Mistake(
            lambda images, baseline, n_steps: _path_samples(images, baseline, n_steps + 1),
            "There is one sample too many.",
        ),
        Mistake(
            lambda images, baseline, n_steps: _path_samples(images, baseline, n_steps).transpose(0, 1),
            "The axes are exchanged: the steps come first, then the images, (n_steps, N, C, H, W).",
        ),
        Mistake(
            lambda images, baseline, n_steps: _path_samples(images, baseline, n_steps).flatten(0, 1),
            "Steps and images share one axis. Stack the samples instead of joining them: (n_steps, N, C, H, W).",
        ),
        Mistake(
            _pieces,
            "The samples divide the path into n_steps + 1 pieces. Cut it into n_steps steps, and take the middle of "
            "each.",
        ),
    ),
)


# --- integrated_gradients(score, images, baseline, n_steps) -----------------------------------------------


def _along(score: Score, path: Tensor) -> Tensor:
    """Gradients at all samples of a path, (n_steps, N, C, H, W)."""
    return torch.stack([gradients.mean_gradient(score, [sample]) for sample in path])


def _both_forms(score: Score, images: Tensor, baseline: Tensor, n_steps: int) -> tuple[Tensor, Tensor]:
    mean = _along(score, _path_samples(images, baseline, n_steps)).mean(dim=0)
    return mean, mean * (images - baseline)


def _with_path(
    path: Callable[[Tensor, Tensor, int], Tensor], score: Score, images: Tensor, baseline: Tensor, n_steps: int
) -> tuple[Tensor, Tensor]:
    """Both forms from the samples of another path."""
    mean = _along(score, path(images, baseline, n_steps)).mean(dim=0)
    return mean, mean * (images - baseline)


def _with_factor(
    factor: Callable[[Tensor, Tensor], Tensor], score: Score, images: Tensor, baseline: Tensor, n_steps: int
) -> tuple[Tensor, Tensor]:
    """Both forms with another factor than the difference of image and baseline."""
    mean, _ = _both_forms(score, images, baseline, n_steps)
    return mean, mean * factor(images, baseline)


def _with_mean(
    merge: Callable[[Tensor], Tensor], score: Score, images: Tensor, baseline: Tensor, n_steps: int
) -> tuple[Tensor, Tensor]:
    """Both forms where the gradients along the path are merged in another way."""
    merged = merge(_along(score, _path_samples(images, baseline, n_steps)))
    return merged, merged * (images - baseline)


def _black(score: Score, images: Tensor, baseline: Tensor, n_steps: int) -> tuple[Tensor, Tensor]:
    return _both_forms(score, images, torch.zeros_like(images), n_steps)


def _score_cases(seed: int) -> list[Arguments]:
    pairs = zip(scores(seed), (4, 3, 5, 2, 6), strict=True)
    return [(score, *_pair(seed + k, tuple(images.shape)), n) for k, ((score, images), n) in enumerate(pairs)]


INTEGRATED_GRADIENTS = Task(
    name="integrated_gradients",
    section="lecture 04, “Two forms”",
    parameters=(
        Parameter("score", "a function: images (N, C, H, W) → one number for each image (N,)"),
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("baseline", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("n_steps", "a whole number, at least 2"),
    ),
    results=(
        Result("the notes' form", "(N, C, H, W)"),
        Result("Sundararajan's form", "(N, C, H, W)"),
    ),
    library=("gradients.integrated_gradients",),
    reference=_both_forms,
    cases=_score_cases,
    mistakes=(
        Mistake(
            partial(_with_factor, lambda images, baseline: torch.ones_like(images)),
            "The second form lacks its factor: multiply the mean gradient by image minus baseline.",
        ),
        Mistake(
            partial(_with_factor, lambda images, baseline: images),
            "The second form is multiplied by the image. The factor is the whole way from the baseline to the image.",
        ),
        Mistake(
            partial(_with_mean, lambda along: along.sum(dim=0)),
            "The gradients are added up. Eq. (1) takes their mean: divide by the number of steps.",
        ),
        Mistake(
            partial(_with_path, lambda images, baseline, n_steps: _on_path([0.0, 1.0], images, baseline)),
            "Only the two ends of the path are used. Take the gradient at all n_steps samples.",
        ),
        Mistake(
            partial(_with_path, partial(_path_samples, rule="left")),
            "This is the left rule: every gradient is taken where its step begins. Take it in the middle.",
        ),
        Mistake(
            partial(_with_path, partial(_path_samples, rule="right")),
            "This is the right rule: every gradient is taken where its step ends. Take it in the middle.",
        ),
        Mistake(
            partial(_with_path, lambda images, baseline, n_steps: _on_path(_both_ends(n_steps), images, baseline)),
            "Both ends of the path are among the samples. Take the middle of each of the n_steps steps.",
        ),
        Mistake(
            partial(_with_mean, lambda along: along.abs().mean(dim=0)),
            "This averages absolute values, so opposite slopes no longer cancel. Average the signed gradients.",
        ),
        Mistake(
            partial(_with_path, lambda images, baseline, n_steps: images[None]),
            "This is the gradient at the image only. Go along the path and average.",
        ),
        Mistake(
            partial(_with_mean, lambda along: along[-1]),
            "This is the gradient at the last sample only: does the loop overwrite its result?",
        ),
        Mistake(
            _black,
            "The baseline is not used: this is the result for a black one.",
        ),
        Mistake(
            partial(_with_factor, lambda images, baseline: baseline - images),
            "The second form has the wrong sign: its factor leads from the baseline to the image, not back.",
        ),
        Mistake(
            lambda score, images, baseline, n_steps: _both_forms(score, images, baseline, n_steps)[::-1],
            "The two forms are exchanged: return the mean gradient first, then the product.",
        ),
        Mistake(
            partial(_with_path, lambda images, baseline, n_steps: _path_samples(images, baseline, 1)),
            "This is the gradient in the middle of the path. Eq. (1) takes the gradient at every "
            "sample, and then the mean.",
        ),
    ),
)


# --- completeness_gap(score, images, baseline, attribution) -----------------------------------------------


def _total(attribution: Tensor) -> Tensor:
    return attribution.sum(dim=(1, 2, 3))


def _gap_cases(seed: int) -> list[Arguments]:
    gaps = ([0.7, -1.1, 0.3], [-0.5], [-0.2, 0.9], [0.8], [0.4, -0.6])
    pairs = enumerate(zip(scores(seed), gaps, strict=True))
    return [
        _with_gap(score, *_pair(seed + k, tuple(images.shape)), seed + k, gap) for k, ((score, images), gap) in pairs
    ]


def _with_gap(score: Score, images: Tensor, baseline: Tensor, seed: int, gaps: list[float]) -> Arguments:
    """A random attribution, shifted so that its gaps are of both signs."""
    attribution = uniform(seed + 2000, tuple(images.shape)) - 0.5
    missing = torch.tensor(gaps) - gradients.completeness_gap(score, images, baseline, attribution)
    return score, images, baseline, attribution + missing.view(-1, 1, 1, 1) / images[0].numel()


COMPLETENESS_GAP = Task(
    name="completeness_gap",
    section="lecture 04, “Completeness”",
    parameters=(
        Parameter("score", "a function: images (N, C, H, W) → one number for each image (N,)"),
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("baseline", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("attribution", "of either sign", "(N, C, H, W)"),
    ),
    results=(Result("the gap of every image, with its sign", "(N,)"),),
    library=("gradients.completeness_gap",),
    reference=gradients.completeness_gap,
    cases=_gap_cases,
    mistakes=(
        Mistake(
            lambda score, images, baseline, attribution: (
                -gradients.completeness_gap(score, images, baseline, attribution)
            ),
            "The sign is reversed: the gap is the sum of the map minus the rise of the score.",
        ),
        Mistake(
            lambda score, images, baseline, attribution: _total(attribution) - gradients.evaluate(score, images),
            "The score of the baseline is missing. The map shares out the *rise* of the score from B to I.",
        ),
        Mistake(
            lambda score, images, baseline, attribution: (
                _total(attribution) + gradients.evaluate(score, images) - gradients.evaluate(score, baseline)
            ),
            "The rise of the score is added. Subtract it: a perfect map has a gap of 0.",
        ),
        Mistake(
            lambda score, images, baseline, attribution: gradients.completeness_gap(
                score, images, baseline, attribution
            ).abs(),
            "The sign is gone. Keep it: it says whether the map gives out too much or too little.",
        ),
        Mistake(
            lambda score, images, baseline, attribution: (
                gradients.completeness_gap(score, images, baseline, attribution)
                / (gradients.evaluate(score, images) - gradients.evaluate(score, baseline))
            ),
            "This is the gap as a share of the rise. Return it in units of the score.",
        ),
        Mistake(
            lambda score, images, baseline, attribution: gradients.completeness_gap(
                score, images, baseline, attribution.abs()
            ),
            "The absolute values of the map are added up. Completeness is a statement about the signed entries.",
        ),
        Mistake(
            lambda score, images, baseline, attribution: gradients.completeness_gap(
                score, images, baseline, attribution / attribution[0].numel()
            ),
            "This takes the mean of the map. Its entries have to be added up.",
        ),
        Mistake(
            lambda score, images, baseline, attribution: gradients.completeness_gap(
                score, images, baseline, attribution * (images - baseline)
            ),
            "The map is multiplied by image minus baseline again. The attribution has that factor already.",
        ),
        Mistake(
            lambda score, images, baseline, attribution: (
                attribution.sum() - gradients.evaluate(score, images) + gradients.evaluate(score, baseline)
            ),
            "The maps of all images are added up. Every image has a gap of its own, shape (N,).",
        ),
        Mistake(
            lambda score, images, baseline, attribution: gradients.completeness_gap(
                score, images, baseline, attribution
            ).sum(),
            "This is one number for all images together. Every image has a gap of its own, shape (N,).",
        ),
        Mistake(
            lambda score, images, baseline, attribution: _total(attribution),
            "This is only the sum of the map. Compare it with the rise of the score.",
        ),
        Mistake(
            lambda score, images, baseline, attribution: (
                gradients.evaluate(score, images) - gradients.evaluate(score, baseline)
            ),
            "This is only the rise of the score. Compare the sum of the map with it.",
        ),
    ),
)


# --- two_rules(slope, n_steps) ----------------------------------------------------------------------------


def _rule(slope: Slope, n_steps: int, shift: float) -> Tensor:
    """Mean slope at the points of n equal steps, each shifted by a fraction of its step."""
    return slope((torch.arange(n_steps) + shift) / n_steps).mean()


def _two_rules(slope: Slope, n_steps: int, left: float = 0.0, middle: float = 0.5) -> tuple[Tensor, Tensor]:
    return _rule(slope, n_steps, left), _rule(slope, n_steps, middle)


def _trapezoid(slope: Slope, n_steps: int) -> Tensor:
    return (_rule(slope, n_steps, 0.0) + _rule(slope, n_steps, 1.0)) / 2


def _slope_cases(seed: int) -> list[Arguments]:
    a, b, c = (1 + uniform(seed, (3,))).tolist()
    return [
        (lambda points: a * points**2 + b * points + c, 3),
        (lambda points: a / (1 + b * points), 5),
        (lambda points: c * points**3 - a * points, 8),
        (lambda points: a * points - b, 1),
        (lambda points: c * torch.cos(3 * points), 49),  # here arange(0, 1, 1 / n) has n + 1 points
    ]


TWO_RULES = Task(
    name="two_rules",
    section="lecture 04, “Left, midpoint, right”",
    parameters=(
        Parameter("slope", "a function: a tensor of points (n,) → the slopes there (n,)"),
        Parameter("n_steps", "a whole number, at least 1"),
    ),
    results=(
        Result("the integral by the left rule"),
        Result("the integral by the midpoint rule"),
    ),
    reference=_two_rules,
    cases=_slope_cases,
    mistakes=(
        Mistake(
            lambda slope, n_steps: _two_rules(slope, n_steps)[::-1],
            "The two rules are exchanged: return the left one first.",
        ),
        Mistake(
            partial(_two_rules, left=1.0),
            "The first number is the right rule: it takes the slope where each step ends. Take it where the step "
            "begins.",
        ),
        Mistake(
            lambda slope, n_steps: tuple(n_steps * part for part in _two_rules(slope, n_steps)),
            "The slopes are added up. Every step is 1 / n_steps long.",
        ),
        Mistake(
            lambda slope, n_steps: (_rule(slope, n_steps, 0.0), _trapezoid(slope, n_steps)),
            "The second number averages the slopes at both ends of a step. Take the one slope in the middle.",
        ),
        Mistake(
            lambda slope, n_steps: (
                slope(torch.tensor(_both_ends(n_steps))).mean(),
                _rule(slope, n_steps, 0.5),
            ),
            "The first number uses points from 0 to 1 with both ends. The left rule never uses the end of the last "
            "step.",
        ),
        Mistake(
            partial(_two_rules, middle=0.0),
            "Both numbers are the left rule. Move the points of the second one by half a step.",
        ),
        Mistake(
            partial(_two_rules, left=0.5),
            "Both numbers are the midpoint rule. The first one takes the slope where each step begins.",
        ),
        Mistake(
            partial(_two_rules, middle=1.0),
            "The second number is the right rule: move the points by half a step, not by a whole one.",
        ),
        Mistake(
            lambda slope, n_steps: (
                _rule(slope, n_steps, 0.0),
                slope(torch.arange(n_steps) / n_steps + 0.5).mean(),
            ),
            "In the second number the points are moved by 0.5, half of the whole path. Move them by half a *step*.",
        ),
        Mistake(
            lambda slope, n_steps: (_rule(slope, n_steps, 0.0), slope(torch.tensor([0.5])).mean()),
            "The second number uses the middle of the whole path only. Take the middle of every step.",
        ),
        Mistake(
            lambda slope, n_steps: (
                slope(torch.tensor(_both_ends(n_steps))).mean(),
                slope(torch.tensor(_both_ends(n_steps)) + 0.5 / n_steps).mean(),
            ),
            "The points go from 0 to 1 with both ends, so they are too far apart: the last step begins before 1.",
        ),
    ),
)


# --- hiding_baseline(images, mask) ------------------------------------------------------------------------


def _hiding_baseline(images: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, images, torch.zeros_like(images))


def _mask_cases(seed: int) -> list[Arguments]:
    """Regions with holes; in the second batch one image has an empty region, and one a full one."""
    cases = []
    for place, shape in enumerate([(2, 3, 5, 7), (3, 4, 4, 4), (3, 1, 4, 5), (1, 3, 6, 4), (1, 1, 4, 4)]):
        mask = uniform(seed + 3000 + place, (shape[0], 1, *shape[2:])) < 0.4
        mask[..., 0], mask[..., 1] = True, False
        if place == 1:
            mask[0], mask[1] = False, True
        cases.append((0.1 + 0.8 * uniform(seed + place, shape), mask))
    return cases


def _mean_colour(images: Tensor, mask: Tensor) -> Tensor:
    colour = (images * mask).sum(dim=(2, 3), keepdim=True) / mask.sum(dim=(2, 3), keepdim=True).clamp_min(1)
    return colour * mask


HIDING_BASELINE = Task(
    name="hiding_baseline",
    section="lecture 04, “What a baseline hides”",
    parameters=(
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("mask", "`True` where the image is to be hidden, `False` elsewhere", "(N, 1, H, W)"),
    ),
    results=(Result("the baseline", "(N, C, H, W)"),),
    reference=_hiding_baseline,
    cases=_mask_cases,
    mistakes=(
        Mistake(
            lambda images, mask: _hiding_baseline(images, ~mask),
            "The mask is used the wrong way round: everything is hidden but the region.",
        ),
        Mistake(
            lambda images, mask: torch.zeros_like(images),
            "This baseline is black everywhere. It hides black pixels, not the region.",
        ),
        Mistake(
            lambda images, mask: images.clone(),
            "This baseline is the image itself: it hides everything. Outside the mask it should be black.",
        ),
        Mistake(
            lambda images, mask: mask.expand_as(images).float(),
            "This is the mask as a picture: white in the region. The region is hidden where B equals I.",
        ),
        Mistake(
            _mean_colour,
            "The region has its mean colour. Then most of its pixels still differ from the image a little.",
        ),
        Mistake(
            lambda images, mask: torch.where(mask, images, torch.ones_like(images)),
            "Outside the mask this baseline is white. The task asks for black.",
        ),
        Mistake(
            lambda images, mask: torch.where(mask, 1 - images, torch.zeros_like(images)),
            "The region is the negative of the image, which differs from it as much as it can. What is the factor in "
            "Sundararajan's form?",
        ),
        Mistake(
            lambda images, mask: torch.where(mask, torch.ones_like(images), images),
            "The image is kept outside the mask, and the region is painted white: that is the wrong way round.",
        ),
        Mistake(
            lambda images, mask: (images * mask).mean(dim=1, keepdim=True),
            "The channels are merged. A baseline has the shape of the images, (N, C, H, W).",
        ),
        Mistake(
            lambda images, mask: images * mask * (images > images.mean()),
            "Only bright pixels of the region are copied. Copy all of them.",
        ),
    ),
)

TASKS = (PATH_SAMPLES, INTEGRATED_GRADIENTS, COMPLETENESS_GAP, TWO_RULES, HIDING_BASELINE)
