"""Exercise 03: noise level, noisy copies, SmoothGrad, error against the number of samples, slope of a line."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from lecture_lib import gradients
from lecture_lib.checks.inputs import normal, scores, uniform
from lecture_lib.checks.task import Arguments, Mistake, Parameter, Result, Task
from lecture_lib.networks import Score


def _photographs(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Images of different contrast: the k-th uses about 1 / k of the range; later channels are brighter."""
    contrast = (0.8 / torch.arange(1, shape[0] + 1)).view(-1, 1, 1, 1)
    brightness = (0.05 * torch.arange(1, shape[1] + 1)).view(1, -1, 1, 1)
    return brightness + contrast * uniform(seed, shape)


# --- noise_sigma(images, noise_level) ---------------------------------------------------------------------


def _range(images: Tensor, dim: tuple[int, ...] = (1, 2, 3)) -> Tensor:
    return images.amax(dim=dim) - images.amin(dim=dim)


def _noise_sigma(images: Tensor, noise_level: float) -> Tensor:
    return noise_level * _range(images)


def _noise_sigma_cases(seed: int) -> list[Arguments]:
    return [
        (_photographs(seed, (3, 3, 5, 7)), 0.2),
        (_photographs(seed + 1, (1, 3, 6, 4)), 0.35),
        (_photographs(seed + 2, (2, 1, 4, 4)), 0.1),
        (normal(seed + 3, (1, 4, 3, 3)), 0.5),
    ]


NOISE_SIGMA = Task(
    name="noise_sigma",
    section="lecture 03, “From noise level to σ”",
    parameters=(
        Parameter("images", "numbers; they may leave [0, 1]", "(N, C, H, W)"),
        Parameter("noise_level", "a number"),
    ),
    results=(Result("σ of every image", "(N,)"),),
    reference=_noise_sigma,
    cases=_noise_sigma_cases,
    mistakes=(
        Mistake(
            lambda images, noise_level: torch.full((len(images),), noise_level),
            "This is the noise level itself. It is a share of the image's own range, not an absolute σ.",
        ),
        Mistake(
            lambda images, noise_level: noise_level * (images.max() - images.min()) * torch.ones(len(images)),
            "The range is that of the whole batch. Every image has its own range, so its own σ.",
        ),
        Mistake(
            lambda images, noise_level: noise_level * (images.max() - images.min()),
            "This is one number, from the range of the whole batch. Return one σ for each image, shape (N,).",
        ),
        Mistake(
            lambda images, noise_level: noise_level * images.amax(dim=(1, 2, 3)),
            "This uses the brightest pixel alone. The range is the brightest minus the darkest.",
        ),
        Mistake(
            lambda images, noise_level: _noise_sigma(images, noise_level).square(),
            "This is the variance σ². The noise level states the standard deviation σ.",
        ),
        Mistake(
            lambda images, noise_level: _noise_sigma(images, noise_level).sqrt(),
            "This is the square root of σ. The noise level states the standard deviation already.",
        ),
        Mistake(
            lambda images, noise_level: noise_level * images.flatten(1).std(dim=1),
            "This uses the standard deviation of the pixels. The noise level refers to their range.",
        ),
        Mistake(
            lambda images, noise_level: noise_level * _range(images, (2, 3)),
            "This is one σ for each channel. The range goes over all pixels and channels of an image: shape (N,).",
        ),
        Mistake(
            lambda images, noise_level: noise_level * _range(images, (2, 3)).amax(dim=1),
            "This is the largest range of a single channel. The range goes over all channels together.",
        ),
        Mistake(
            lambda images, noise_level: _noise_sigma(images, noise_level).view(-1, 1, 1, 1),
            "The shape is (N, 1, 1, 1). Here it should be (N,); the extra axes come in the next task.",
        ),
        Mistake(
            lambda images, noise_level: noise_level / _range(images),
            "This divides by the range. From σ = level · range: a large range means much noise.",
        ),
        Mistake(
            lambda images, noise_level: _range(images),
            "This is the range alone. The noise level is missing.",
        ),
    ),
)


# --- noisy_copies(images, sigma, draws) -------------------------------------------------------------------


def _noisy_copies(images: Tensor, sigma: Tensor, draws: Tensor) -> Tensor:
    return images + sigma.view(-1, 1, 1, 1) * draws


def _noisy_copies_cases(seed: int) -> list[Arguments]:
    return [
        (_photographs(seed, (3, 3, 5, 7)), torch.tensor([0.4, 0.3, 0.1]), normal(seed, (4, 3, 3, 5, 7))),
        (_photographs(seed + 1, (1, 3, 6, 4)), torch.tensor([0.25]), normal(seed + 1, (6, 1, 3, 6, 4))),
        (_photographs(seed + 2, (2, 1, 4, 4)), torch.tensor([0.2, 0.5]), normal(seed + 2, (3, 2, 1, 4, 4))),
        (_photographs(seed + 3, (4, 4, 4, 4)), torch.tensor([0.1, 0.0, 0.3, 0.6]), normal(seed + 3, (1, 4, 4, 4, 4))),
    ]


NOISY_COPIES = Task(
    name="noisy_copies",
    section="lecture 03, “The mean of the gradients”",
    parameters=(
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("sigma", "one number for each image", "(N,)"),
        Parameter("draws", "standard normal draws $z_k$", "(n, N, C, H, W)"),
    ),
    results=(Result("the noisy copies", "(n, N, C, H, W)"),),
    reference=_noisy_copies,
    cases=_noisy_copies_cases,
    mistakes=(
        Mistake(
            lambda images, sigma, draws: _noisy_copies(images, sigma, draws[:1].expand_as(draws)),
            "All copies have the same noise. Every copy needs its own draw, draws[k].",
        ),
        Mistake(
            lambda images, sigma, draws: _noisy_copies(images, sigma, draws[0]),
            "This is a single copy, from draws[0]. Return one copy for each draw: shape (n, N, C, H, W).",
        ),
        Mistake(
            lambda images, sigma, draws: _noisy_copies(images, torch.ones_like(sigma), draws),
            "The noise has standard deviation 1. Scale every image's noise with its own σ.",
        ),
        Mistake(
            lambda images, sigma, draws: _noisy_copies(images, sigma.square(), draws),
            "The noise is multiplied with the variance σ². Multiplied with σ, it has the standard deviation σ.",
        ),
        Mistake(
            lambda images, sigma, draws: _noisy_copies(images, sigma.sqrt(), draws),
            "The noise is multiplied with the root of σ. σ is a standard deviation already.",
        ),
        Mistake(
            lambda images, sigma, draws: _noisy_copies(images, sigma, draws).clamp(0, 1),
            "The copies are clipped to [0, 1]. Then the noise is no longer normal; let the pixels leave the range.",
        ),
        Mistake(
            lambda images, sigma, draws: images * (1 + sigma.view(-1, 1, 1, 1) * draws),
            "The noise is multiplied with the image: dark pixels get none. Add it.",
        ),
        Mistake(
            lambda images, sigma, draws: sigma.view(-1, 1, 1, 1) * draws,
            "This is the noise alone. Add the image to it.",
        ),
        Mistake(
            lambda images, sigma, draws: _noisy_copies(images, -sigma, draws),
            "The noise is subtracted. Its distribution is the same, but please add it: so we can compare.",
        ),
        Mistake(
            lambda images, sigma, draws: _noisy_copies(images, sigma[:1].expand_as(sigma), draws),
            "All images get the σ of the first one. Each has its own.",
        ),
        Mistake(
            lambda images, sigma, draws: _noisy_copies(images, sigma.mean().expand_as(sigma), draws),
            "All images get the mean σ of the batch. Each has its own.",
        ),
        Mistake(
            lambda images, sigma, draws: _noisy_copies(images, sigma, draws.mean(dim=0)),
            "The noise is averaged before it is added. Keep the copies apart; the mean comes later.",
        ),
    ),
)


# --- smoothgrad(score, images, noise_level, draws) --------------------------------------------------------


def _copies(images: Tensor, noise_level: float, draws: Tensor) -> Tensor:
    return _noisy_copies(images, _noise_sigma(images, noise_level), draws)


def _smoothgrad(score: Score, images: Tensor, noise_level: float, draws: Tensor) -> Tensor:
    return gradients.mean_gradient(score, _copies(images, noise_level, draws))


def _at(
    samples: Callable[[Tensor, float, Tensor], Tensor],
    score: Score,
    images: Tensor,
    noise_level: float,
    draws: Tensor,
) -> Tensor:
    """The mean gradient at other samples."""
    return gradients.mean_gradient(score, samples(images, noise_level, draws))


def _merged(
    merge: Callable[[Tensor], Tensor], score: Score, images: Tensor, noise_level: float, draws: Tensor
) -> Tensor:
    """The gradients (n, N, C, H, W) at the right samples, merged in another way."""
    return merge(torch.stack(list(gradients.sample_gradients(score, _copies(images, noise_level, draws)))))


def _smoothgrad_cases(seed: int) -> list[Arguments]:
    """Scores of `scores`, at photographs; a single draw among the numbers of draws."""
    rest = enumerate(zip(scores(seed), (5, 4, 3, 1, 6), (0.4, 0.3, 0.2, 0.6, 0.5), strict=True))
    return [
        (score, _photographs(seed + k, tuple(images.shape)), level, normal(seed + k, (n, *images.shape)))
        for k, ((score, images), n, level) in rest
    ]


SMOOTHGRAD = Task(
    name="smoothgrad",
    section="lecture 03, “The mean of the gradients”",
    parameters=(
        Parameter("score", "a function: images (N, C, H, W) → one number for each image (N,)"),
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("noise_level", "a number"),
        Parameter("draws", "standard normal draws $z_k$", "(n, N, C, H, W)"),
    ),
    results=(Result("the mean gradient, with its signs", "(N, C, H, W)"),),
    library=("gradients.smoothgrad",),
    reference=_smoothgrad,
    cases=_smoothgrad_cases,
    mistakes=(
        Mistake(
            partial(_at, lambda images, level, draws: _copies(images, level, draws[:1])),
            "Only the first draw is used: drawn once, the noise does not average out. Take a new draw every time.",
        ),
        Mistake(
            partial(_at, lambda images, level, draws: images + level * draws),
            "σ is the noise level itself. Multiply it with the range I_max - I_min of every image.",
        ),
        Mistake(
            partial(_at, lambda images, level, draws: images + level * (images.max() - images.min()) * draws),
            "σ comes from the range of the whole batch. Every image has its own range.",
        ),
        Mistake(
            partial(_at, lambda images, level, draws: images + _range(images).view(-1, 1, 1, 1) * level**2 * draws),
            "The noise level is squared. It states a standard deviation, not a variance.",
        ),
        Mistake(
            partial(
                _at,
                lambda images, level, draws: _noisy_copies(images, _noise_sigma(images, level).square(), draws),
            ),
            "The noise is multiplied with the variance σ². Multiply with the standard deviation σ.",
        ),
        Mistake(
            partial(_at, lambda images, level, draws: _copies(images, level, draws).clamp(0, 1)),
            "The samples are clipped to [0, 1]. Then they are no longer normal; let the pixels leave the range.",
        ),
        Mistake(
            partial(_at, lambda images, level, draws: _copies(images, level, draws) - images),
            "The samples are noise alone. The noise is added to the image.",
        ),
        Mistake(
            partial(_at, lambda images, level, draws: _copies(images, level, draws.mean(dim=0, keepdim=True))),
            "The noisy images are averaged, and then one gradient is taken. Average the gradients, not the images.",
        ),
        Mistake(
            partial(_at, lambda images, level, draws: images[None]),
            "This is the vanilla gradient. Take the gradients at the noisy copies.",
        ),
        Mistake(
            partial(_merged, lambda each: each.abs().mean(dim=0)),
            "These are averaged absolute values: opposite slopes no longer cancel. Average the signed gradients.",
        ),
        Mistake(
            partial(_merged, lambda each: each.mean(dim=0).abs()),
            "The signs are gone. The mean gradient is signed; absolute values come later, in the map.",
        ),
        Mistake(
            partial(_merged, lambda each: each.sum(dim=0)),
            "This is the sum of the gradients. Divide by the number of samples.",
        ),
        Mistake(
            partial(_merged, lambda each: each.mean(dim=0) / each.shape[1]),
            "Every gradient is divided by the number of images. Average over the samples only.",
        ),
        Mistake(
            partial(_merged, lambda each: each.mean(dim=(0, 1))[None].expand_as(each[0])),
            "The images are averaged, too. Every image has a map of its own.",
        ),
        Mistake(
            partial(_merged, lambda each: each.amax(dim=0)),
            "This is the largest of the gradients, pixel by pixel. Eq. (1) takes the mean.",
        ),
        Mistake(
            lambda score, images, noise_level, draws: (
                gradients.gradient(score, images) + (_copies(images, noise_level, draws) - images).mean(dim=0)
            ),
            "The noise is added to the gradient. It belongs to the image, before the gradient is taken.",
        ),
    ),
)


# --- error_of_means(gradients, truth, n) ------------------------------------------------------------------


def _groups(each: Tensor, n: int) -> Tensor:
    """Means of n consecutive gradients, (groups, C, H, W)."""
    return each.view(-1, n, *each.shape[1:]).mean(dim=1)


def _rms(deviation: Tensor) -> Tensor:
    return deviation.square().mean().sqrt()


def _error_of_means(each: Tensor, truth: Tensor, n: int) -> Tensor:
    return _rms(_groups(each, n) - truth)


def _error_cases(seed: int) -> list[Arguments]:
    truth = normal(seed, (3, 4, 5))
    return [
        (0.3 * truth + 2 * normal(seed + 1, (12, 3, 4, 5)), truth, 4),
        (truth + normal(seed + 2, (30, 3, 4, 5)), truth, 5),
        (truth[:1] + 0.4 * normal(seed + 3, (14, 1, 4, 5)), truth[:1], 2),
        (truth[:, :3, :3] + normal(seed + 4, (6, 3, 3, 3)), truth[:, :3, :3], 6),
        (truth + normal(seed + 5, (5, 3, 4, 5)), truth, 1),
    ]


ERROR_OF_MEANS = Task(
    name="error_of_means",
    section="lecture 03, “How many samples?”",
    parameters=(
        Parameter("each", "gradients at noisy copies", "(T, C, H, W)"),
        Parameter("truth", "the gradient that they should have on average", "(C, H, W)"),
        Parameter("n", "the size of a group; T is a multiple of it"),
    ),
    results=(Result("the root mean square error of the means"),),
    reference=_error_of_means,
    cases=_error_cases,
    mistakes=(
        Mistake(
            lambda each, truth, n: _rms(each - truth),
            "This is the error of single gradients, whatever n is. Average n of them first.",
        ),
        Mistake(
            lambda each, truth, n: _rms(each - truth) / n**0.5,
            "This is what the theory predicts, error of one / √n. Here you measure: average groups of n gradients.",
        ),
        Mistake(
            lambda each, truth, n: _rms(each[:n].mean(dim=0) - truth),
            "This uses the first group only. Use all groups: so the error is itself less random.",
        ),
        Mistake(
            lambda each, truth, n: _rms(each.mean(dim=0) - truth),
            "This is the error of the mean of all gradients. Average groups of n.",
        ),
        Mistake(
            lambda each, truth, n: _error_of_means(each, truth, len(each) // n),
            "The groups have the wrong size: there are n of them, but each should hold n gradients.",
        ),
        Mistake(
            lambda each, truth, n: _rms(each.view(n, -1, *each.shape[1:]).mean(dim=0) - truth),
            "A group holds every k-th gradient. Statistically just as good, but please let neighbours form a group.",
        ),
        Mistake(
            lambda each, truth, n: _rms(each.view(-1, n, *each.shape[1:]).mean(dim=0) - truth),
            "The mean goes across the groups instead of within them. Which axis holds the n gradients of a group?",
        ),
        Mistake(
            lambda each, truth, n: _rms(n * _groups(each, n) - truth),
            "The gradients of a group are added up. Take their mean.",
        ),
        Mistake(
            lambda each, truth, n: (_groups(each, n) - truth).square().mean(),
            "This is the mean square. Its root is missing.",
        ),
        Mistake(
            lambda each, truth, n: (_groups(each, n) - truth).abs().mean(),
            "This is the mean absolute deviation. The task asks for the root of the mean square.",
        ),
        Mistake(
            lambda each, truth, n: (_groups(each, n) - truth).square().sum().sqrt(),
            "The squares are added up (a norm). Take their mean, so that the result does not grow with the groups.",
        ),
        Mistake(
            lambda each, truth, n: (_groups(each, n) - truth).square().flatten(1).mean(dim=1).sqrt().mean(),
            "The root is taken group by group, and then the mean. Take the mean of all squares first, then one root.",
        ),
        Mistake(
            lambda each, truth, n: _rms(_groups(each, n) - each.mean(dim=0)),
            "The deviation is taken from the mean of these gradients. Take it from the truth that is given.",
        ),
        Mistake(
            lambda each, truth, n: _rms(_groups(each, n)),
            "The truth is not subtracted.",
        ),
    ),
)


# --- loglog_slope(sizes, errors) --------------------------------------------------------------------------


def _least_squares(x: Tensor, y: Tensor) -> Tensor:
    """Slope of the line that fits best."""
    x = x - x.mean()
    return (x * (y - y.mean())).sum() / x.square().sum()


def _loglog_slope(sizes: Tensor, errors: Tensor) -> Tensor:
    return _least_squares(sizes.log(), errors.log())


def _intercept(sizes: Tensor, errors: Tensor) -> Tensor:
    return errors.log().mean() - _loglog_slope(sizes, errors) * sizes.log().mean()


def _loglog_slope_cases(seed: int) -> list[Arguments]:
    sizes = torch.tensor([1.0, 2.0, 5.0, 8.0, 20.0, 64.0])
    return [
        (sizes[:count], 3 * sizes[:count] ** power * (0.3 * normal(seed + count, (count,))).exp())
        for count, power in [(6, -0.5), (5, -0.4), (4, 0.7), (3, -1.0)]
    ]


LOGLOG_SLOPE = Task(
    name="loglog_slope",
    section="lecture 03, “How many samples?”",
    parameters=(
        Parameter("sizes", "positive numbers", "(k,)"),
        Parameter("errors", "positive numbers", "(k,)"),
    ),
    results=(Result("the slope of the line that fits best"),),
    reference=_loglog_slope,
    cases=_loglog_slope_cases,
    mistakes=(
        Mistake(
            _least_squares,
            "There is no logarithm. Fit the line on double-logarithmic paper: log error against log n.",
        ),
        Mistake(
            lambda sizes, errors: _least_squares(sizes, errors.log()),
            "The logarithm of n is missing. Both axes are logarithmic.",
        ),
        Mistake(
            lambda sizes, errors: _least_squares(sizes.log(), errors),
            "The logarithm of the error is missing. Both axes are logarithmic.",
        ),
        Mistake(
            lambda sizes, errors: _least_squares(errors.log(), sizes.log()),
            "The axes are swapped: n goes along the horizontal one.",
        ),
        Mistake(
            lambda sizes, errors: (errors[-1] / errors[0]).log() / (sizes[-1] / sizes[0]).log(),
            "This uses the first and the last point only. Fit a line to all points.",
        ),
        Mistake(
            lambda sizes, errors: (errors.log().diff() / sizes.log().diff()).mean(),
            "This is the mean of the slopes between neighbours. Fit one line to all points (least squares).",
        ),
        Mistake(
            lambda sizes, errors: (sizes.log() * errors.log()).sum() / sizes.log().square().sum(),
            "This line goes through the origin. Let it have an intercept, too.",
        ),
        Mistake(
            lambda sizes, errors: _least_squares(sizes.log10(), errors.log()),
            "Two kinds of logarithm are mixed. Any base will do, if it is the same on both axes.",
        ),
        Mistake(
            _intercept,
            "This is the intercept. np.polyfit returns the slope first.",
        ),
        Mistake(
            lambda sizes, errors: torch.stack([_loglog_slope(sizes, errors), _intercept(sizes, errors)]),
            "These are slope and intercept. Return the slope alone.",
        ),
        Mistake(
            lambda sizes, errors: torch.corrcoef(torch.stack([sizes.log(), errors.log()]))[0, 1],
            "This is the correlation of the two logarithms. The slope has a scale: it is a change per change.",
        ),
        Mistake(
            lambda sizes, errors: -_loglog_slope(sizes, errors),
            "The sign is reversed: a falling line has a negative slope.",
        ),
    ),
)

TASKS = (NOISE_SIGMA, NOISY_COPIES, SMOOTHGRAD, ERROR_OF_MEANS, LOGLOG_SLOPE)
