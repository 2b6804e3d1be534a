"""Exercise 02: class score, gradient, map, class model, Taylor check."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from lecture_lib import gradients, maps, measure
from lecture_lib.checks.inputs import normal, scores, small_network, uniform
from lecture_lib.checks.task import Arguments, Mistake, Parameter, Result, Task
from lecture_lib.networks import Network, Score

# --- class_score(network, images, target) -----------------------------------------------------------------


def _class_score(network: Network, images: Tensor, target: str) -> Tensor:
    return network.score(target)(images)


def _class_score_cases(seed: int) -> list[Arguments]:
    network = small_network(seed, dtype=torch.float32)
    shapes = [(3, 3, 8, 7), (1, 3, 6, 9), (5, 3, 8, 8), (1, 3, 7, 7)]
    return [(network, uniform(seed + k, shape), "beda"[k]) for k, shape in enumerate(shapes)]


CLASS_SCORE = Task(
    name="class_score",
    section="lecture 02, “The class score”",
    parameters=(
        Parameter(
            "network",
            "a network; `network(images)` are the logits, shape (N, classes), and `network.index(target)` is the "
            "number of a class",
        ),
        Parameter("images", "pixels in [0, 1]", "(N, 3, H, W)"),
        Parameter("target", "the name of a class, as text"),
    ),
    results=(Result("the score of the class, for every image", "(N,)"),),
    differentiable="images",
    reference=_class_score,
    cases=_class_score_cases,
    mistakes=(
        Mistake(
            lambda network, images, target: network.probability(target)(images),
            "This is the probability, after the softmax. The score is the logit, before it.",
        ),
        Mistake(
            lambda network, images, target: -network.loss(target)(images),
            "This is the logarithm of the probability. The score is the logit itself.",
        ),
        Mistake(
            lambda network, images, target: network.loss(target)(images),
            "This is the loss. A loss is small for a sure network; the score is the logit.",
        ),
        Mistake(
            lambda network, images, target: network(images).amax(dim=1),
            "This is the largest logit of every image, whatever the target is. Pick the target's logit.",
        ),
        Mistake(
            lambda network, images, target: network(images).sum(dim=1),
            "This adds the logits of all classes. Pick the target's logit.",
        ),
        Mistake(
            lambda network, images, target: network(images)[0],
            "This is every class's logit for the first image. Logits have shape (N, classes): images come first.",
        ),
        Mistake(
            lambda network, images, target: network(images),
            "These are the logits of all classes. The score is one number per image, shape (N,).",
        ),
        Mistake(
            lambda network, images, target: network.score(target)(images).mean(),
            "This is the mean over the images. The score is one number per image, shape (N,).",
        ),
        Mistake(
            lambda network, images, target: network.score(target)(images)[:, None],
            "The shape is (N, 1). The score is one number per image, shape (N,): index the class, don't slice it.",
        ),
    ),
)


# --- vanilla_gradient(score, images) ----------------------------------------------------------------------


def _with_score(change: Callable[[Tensor], Tensor]) -> Callable[[Score, Tensor], Tensor]:
    """The gradient of another function of the score."""
    return lambda score, images: gradients.gradient(lambda batch: change(score(batch)), images)


VANILLA_GRADIENT = Task(
    name="vanilla_gradient",
    section="lecture 02, “The gradient of the score”",
    parameters=(
        Parameter("score", "a function: images (N, C, H, W) → one number for each image (N,)"),
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
    ),
    results=(Result("the gradient of the score, with its signs", "(N, C, H, W)"),),
    library=(
        "gradients.gradient",
        "gradients.mean_gradient",
        "gradients.sample_gradients",
        "gradients.input_gradient",
    ),
    reference=gradients.gradient,
    cases=lambda seed: list(scores(seed)),
    mistakes=(
        Mistake(
            lambda score, images: gradients.gradient(score, images).abs(),
            "The signs are gone. The gradient is signed; absolute values come later, in the map.",
        ),
        Mistake(
            lambda score, images: gradients.gradient(score, images).clamp_min(0),
            "The negative part is gone. The gradient is signed; choosing a part comes later, in the map.",
        ),
        Mistake(
            lambda score, images: -gradients.gradient(score, images),
            "The sign is reversed: this points where the score falls. Take the gradient of the score itself.",
        ),
        Mistake(
            lambda score, images: gradients.gradient(score, images) * images,
            "This is gradient × image, another method. Return the gradient alone.",
        ),
        Mistake(
            lambda score, images: gradients.gradient(score, images) / len(images),
            "Every gradient is divided by the number of images. Add the scores before differentiating, "
            "don't average them.",
        ),
        Mistake(
            lambda score, images: 2 * gradients.gradient(score, images),
            "Every gradient is twice too large: did two backward passes add up in .grad?",
        ),
        Mistake(
            lambda score, images: gradients.gradient(score, images) / gradients.gradient(score, images).abs().max(),
            "The gradient is scaled to a maximum of 1. Keep its unit: score per unit of intensity.",
        ),
        Mistake(
            lambda score, images: gradients.gradient(score, images).amax(dim=1),
            "The channels are merged already. The gradient has the shape of the images, (N, C, H, W).",
        ),
        Mistake(
            lambda score, images: gradients.gradient(score, images).sum(dim=0, keepdim=True),
            "The images are added up. Every image has a gradient of its own: shape (N, C, H, W).",
        ),
        Mistake(
            lambda score, images: score(images),
            "These are the scores themselves. Differentiate them with respect to the images.",
        ),
        Mistake(
            _with_score(torch.sigmoid),
            "This is the gradient after a sigmoid. Differentiate the score as it comes.",
        ),
        Mistake(
            _with_score(lambda scores: scores.softmax(dim=0)),
            "This is the gradient after a softmax over the images. Differentiate the score as it comes.",
        ),
    ),
)


# --- max_abs_map(attribution) -----------------------------------------------------------------------------


def _attribution_cases(seed: int) -> list[Arguments]:
    shapes = [(2, 3, 5, 7), (1, 3, 6, 4), (3, 1, 4, 4), (2, 4, 3, 3), (1, 1, 3, 4)]
    return [(normal(seed + k, shape),) for k, shape in enumerate(shapes)]


MAX_ABS_MAP = Task(
    name="max_abs_map",
    section="lecture 02, “From gradient to map”",
    parameters=(Parameter("attribution", "numbers of either sign", "(N, C, H, W)"),),
    results=(Result("one number for each pixel", "(N, H, W)"),),
    library=("maps.max_abs",),
    reference=maps.max_abs,
    cases=_attribution_cases,
    mistakes=(
        Mistake(
            lambda attribution: attribution.amax(dim=1),
            "The absolute value is missing: a channel with a large negative derivative is lost.",
        ),
        Mistake(
            lambda attribution: attribution.amax(dim=1).abs(),
            "The absolute value comes too late: take it first, then the maximum over the channels.",
        ),
        Mistake(
            lambda attribution: attribution.abs().mean(dim=1),
            "This is the mean over the channels. The map asks for the maximum.",
        ),
        Mistake(
            lambda attribution: attribution.abs().sum(dim=1),
            "This is the sum over the channels. The map asks for the maximum.",
        ),
        Mistake(
            lambda attribution: attribution.mean(dim=1).abs(),
            "This is the absolute value of the mean: channels of opposite sign cancel. Take absolute values first.",
        ),
        Mistake(
            lambda attribution: attribution.square().sum(dim=1).sqrt(),
            "This is the length of the colour vector. The map asks for the largest absolute value.",
        ),
        Mistake(
            lambda attribution: attribution.abs().amax(dim=1) / attribution.abs().amax(),
            "The map is scaled to a maximum of 1. Keep its unit: scaling is left to the figure.",
        ),
        Mistake(
            lambda attribution: attribution.abs().amax(dim=0),
            "This is the maximum over the images. The channels are axis 1 of (N, C, H, W).",
        ),
        Mistake(
            lambda attribution: attribution.abs().amax(dim=-1),
            "This is the maximum over the columns. The channels are axis 1 of (N, C, H, W).",
        ),
        Mistake(
            lambda attribution: attribution.abs().amax(dim=1, keepdim=True),
            "The channel axis is still there, with length 1. The map has shape (N, H, W).",
        ),
        Mistake(
            lambda attribution: attribution.abs(),
            "The channels are still apart. The map has one number per pixel, shape (N, H, W).",
        ),
        Mistake(
            lambda attribution: attribution[:, :3].abs().amax(dim=1),
            "Only three channels are looked at. Take the maximum over all channels, however many there are.",
        ),
    ),
)


# --- class_model(score, image, l2, step_size, n_steps) ----------------------------------------------------


def _ascent(
    score: Score,
    image: Tensor,
    l2: float,
    step_size: float,
    n_steps: int,
    pull: Callable[[Tensor], Tensor] = lambda image: 2 * image,
    sign: float = 1.0,
) -> Tensor:
    """Steps up the score, against l2 times a pull towards black."""
    for _ in range(n_steps):
        uphill = gradients.mean_gradient(score, [image]) - l2 * pull(image)
        image = image + sign * step_size * uphill
    return image


def _stale_ascent(score: Score, image: Tensor, l2: float, step_size: float, n_steps: int) -> Tensor:
    uphill = gradients.mean_gradient(score, [image]) - 2 * l2 * image
    return image + n_steps * step_size * uphill


def _class_model_cases(seed: int) -> list[Arguments]:
    rgb, gray = (small_network(seed, channels, torch.float32) for channels in (3, 1))
    return [
        (rgb.score("a"), 0.3 * uniform(seed, (1, 3, 6, 7)), 0.4, 0.05, 7),
        (gray.score("c"), uniform(seed + 1, (1, 1, 6, 6)), 0.9, 0.1, 4),
        (rgb.score("e"), uniform(seed + 2, (1, 3, 5, 5)), 0.7, 0.08, 1),
        (lambda images: images.pow(3).flatten(1).sum(1), uniform(seed + 3, (1, 1, 4, 5)), 0.5, 0.1, 5),
    ]


CLASS_MODEL = Task(
    name="class_model",
    section="lecture 02, “What does a class look like to the network?”",
    parameters=(
        Parameter("score", "a function: images (N, C, H, W) → one number for each image (N,)"),
        Parameter("image", "where to start: pixels in [0, 1]", "(1, C, H, W)"),
        Parameter("l2", "the number λ"),
        Parameter("step_size", "a number"),
        Parameter("n_steps", "a whole number, at least 1"),
    ),
    results=(Result("the image after the last step", "(1, C, H, W)"),),
    reference=_ascent,
    cases=_class_model_cases,
    mistakes=(
        Mistake(
            partial(_ascent, sign=-1.0),
            "The steps go downhill. Add the gradient: the score is to rise.",
        ),
        Mistake(
            partial(_ascent, pull=torch.zeros_like),
            "The term −λ‖I‖² has no effect: its gradient belongs into every step.",
        ),
        Mistake(
            partial(_ascent, pull=lambda image: -2 * image),
            "The norm is rewarded instead of punished: its term has a minus sign.",
        ),
        Mistake(
            partial(_ascent, pull=lambda image: image),
            "The gradient of ‖I‖² lacks its factor 2.",
        ),
        Mistake(
            partial(_ascent, pull=torch.sign),
            "This is the gradient of the sum of absolute values (L1). The formula has the squared L2 norm.",
        ),
        Mistake(
            partial(_ascent, pull=lambda image: image / image.norm()),
            "This is the gradient of ‖I‖. The formula has ‖I‖², squared.",
        ),
        Mistake(
            lambda score, image, l2, step_size, n_steps: _ascent(score, image, l2, step_size, 1),
            "Only one step is taken. Repeat it n_steps times.",
        ),
        Mistake(
            _stale_ascent,
            "The gradient is computed once, at the start. Compute it anew at every step.",
        ),
        Mistake(
            lambda score, image, l2, step_size, n_steps: _ascent(score, image, l2, step_size, n_steps + 1),
            "One step too many is taken.",
        ),
        Mistake(
            lambda score, image, l2, step_size, n_steps: _ascent(
                score, torch.zeros_like(image), l2, step_size, n_steps
            ),
            "The ascent starts from black. Start from the image that is given.",
        ),
    ),
)


# --- taylor_check(score, image, direction, radius) --------------------------------------------------------


def _taylor_check(score: Score, image: Tensor, direction: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    predicted, measured, _ = measure.linearity_error(score, image, direction, radius)
    return predicted, measured


def _unscaled(score: Score, image: Tensor, direction: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    return _taylor_check(score, image, direction, radius * direction.norm().item())


def _at_the_end(score: Score, image: Tensor, direction: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    step = radius * direction / direction.norm()
    slope = gradients.mean_gradient(score, [image + step])
    return (slope * step).sum(dim=(1, 2, 3)), _taylor_check(score, image, direction, radius)[1]


def _taylor_cases(seed: int) -> list[Arguments]:
    """Some directions lead uphill, some downhill: with each, the opposite one."""
    rgb, gray = (small_network(seed, channels, torch.float32) for channels in (3, 1))
    slanted, mixed = uniform(seed + 1, (1, 3, 6, 7)) - 0.3, uniform(seed + 3, (1, 1, 6, 6)) - 0.6
    cube = lambda images: images.pow(3).flatten(1).sum(1)  # noqa: E731
    return [
        (rgb.score("a"), uniform(seed, (1, 3, 6, 7)), slanted, 0.8),
        (rgb.score("a"), uniform(seed, (1, 3, 6, 7)), -3 * slanted, 0.8),
        (gray.score("d"), uniform(seed + 2, (1, 1, 6, 6)), mixed, 0.3),
        (cube, uniform(seed + 4, (1, 1, 4, 5)), -uniform(seed + 5, (1, 1, 4, 5)), 1.5),
        (cube, uniform(seed + 4, (1, 1, 4, 5)), uniform(seed + 6, (1, 1, 4, 5)), 0.7),
    ]


TAYLOR_CHECK = Task(
    name="taylor_check",
    section="lecture 02, “How far does the gradient tell the truth?”",
    parameters=(
        Parameter("score", "a function: images (N, C, H, W) → one number for each image (N,)"),
        Parameter("image", "pixels in [0, 1]", "(1, C, H, W)"),
        Parameter("direction", "of any length and either sign", "(1, C, H, W)"),
        Parameter("radius", "a number: the length of the step"),
    ),
    results=(
        Result("the predicted change of the score"),
        Result("the measured change of the score"),
    ),
    library=("measure.linearity_error",),
    reference=_taylor_check,
    cases=_taylor_cases,
    mistakes=(
        Mistake(
            _unscaled,
            "The direction is not scaled to length 1, so the step is not as long as radius says.",
        ),
        Mistake(
            _at_the_end,
            "The gradient is taken at the end of the step. Taylor's expansion takes it at the start, I_*.",
        ),
        Mistake(
            lambda score, image, direction, radius: (
                _taylor_check(score, image, direction, radius)[0],
                gradients.evaluate(score, image + radius * direction / direction.norm()),
            ),
            "The second number is the score after the step. Subtract the score before it.",
        ),
        Mistake(
            lambda score, image, direction, radius: tuple(
                -part for part in _taylor_check(score, image, direction, -radius)
            ),
            "The step goes backwards: move along +direction.",
        ),
        Mistake(
            lambda score, image, direction, radius: (
                _taylor_check(score, image, direction, radius)[0],
                -_taylor_check(score, image, direction, radius)[1],
            ),
            "The measured change has the wrong sign: it is after minus before.",
        ),
        Mistake(
            lambda score, image, direction, radius: _taylor_check(score, image, direction, radius)[::-1],
            "The two numbers are swapped: return predicted first, then measured.",
        ),
        Mistake(
            lambda score, image, direction, radius: (
                radius * gradients.gradient(score, image).flatten(1).norm(dim=1),
                _taylor_check(score, image, direction, radius)[1],
            ),
            "The prediction is that for a step along the gradient. Multiply the gradient with the step, pixel by "
            "pixel, and add up.",
        ),
        Mistake(
            lambda score, image, direction, radius: (
                (gradients.gradient(score, image) * direction / direction.norm()).sum(dim=(1, 2, 3)),
                _taylor_check(score, image, direction, radius)[1],
            ),
            "The prediction lacks the factor radius: it is a slope, not yet a change.",
        ),
        Mistake(
            lambda score, image, direction, radius: (
                _taylor_check(score, image, direction, radius)[0],
                gradients.evaluate(score, image + radius * direction / direction.norm()) / 2
                - gradients.evaluate(score, image - radius * direction / direction.norm()) / 2,
            ),
            "The measured change is taken over a step forward and a step back. It starts at the "
            "image: after minus before.",
        ),
    ),
)

TASKS = (CLASS_SCORE, VANILLA_GRADIENT, MAX_ABS_MAP, CLASS_MODEL, TAYLOR_CHECK)
