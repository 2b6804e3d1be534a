"""Exercise 01: gradients of linear and logistic regression by hand, minimal step, shift test."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import pad

from lecture_lib.checks.inputs import normal, uniform
from lecture_lib.checks.task import Arguments, Mistake, Parameter, Result, Task
from lecture_lib.networks import Score


def _weights(seed: int, shape: tuple[int, ...]) -> Tensor:
    return normal(seed + 1000, shape)


def _logit(weights: Tensor, bias: float, images: Tensor) -> Tensor:
    """The logit (N, 1, 1, 1), ready to be multiplied with weights."""
    return (weights * images).sum(dim=(1, 2, 3), keepdim=True) + bias


def _linear_cases(seed: int) -> list[Arguments]:
    """Weights, bias, images: in a batch, and among single images, scores of both signs occur."""
    cases: list[Arguments] = []
    shapes = [(6, 1, 4, 5), (1, 3, 3, 4), (3, 3, 4, 4), (1, 1, 3, 3), (1, 3, 4, 3)]
    for k, (shape, shift) in enumerate(zip(shapes, (0, -1.3, 0, 1.3, 0.9), strict=True)):
        weights, images = 0.7 * _weights(seed + k, shape[1:]), uniform(seed + k, shape)
        cases.append((weights, shift - float(_logit(weights, 0.0, images).mean()), images))
    return cases


# --- linear_gradient(weights, bias, images) ---------------------------------------------------------------


def _linear_gradient(weights: Tensor, bias: float, images: Tensor) -> Tensor:
    return weights.expand_as(images)


LINEAR_GRADIENT = Task(
    name="linear_gradient",
    section="lecture 01, “Linear regression”",
    parameters=(
        Parameter("weights", "of the model, of either sign", "(C, H, W)"),
        Parameter("bias", "a number"),
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
    ),
    results=(Result("the gradient of the score, for every image", "(N, C, H, W)"),),
    library=(
        "gradients.gradient",
        "gradients.mean_gradient",
    ),
    reference=_linear_gradient,
    cases=_linear_cases,
    mistakes=(
        Mistake(
            lambda weights, bias, images: weights * images,
            "This is weights × image, the terms of the sum. How fast does such a term change when its pixel changes?",
        ),
        Mistake(
            lambda weights, bias, images: weights * images + bias,
            "These are the terms of the score. How fast does such a term change when its pixel changes?",
        ),
        Mistake(
            lambda weights, bias, images: _logit(weights, bias, images).flatten(),
            "These are the scores themselves. Differentiate them with respect to the pixels.",
        ),
        Mistake(
            lambda weights, bias, images: images,
            "This is the gradient with respect to the weights. Here the pixels change, and the weights are fixed.",
        ),
        Mistake(
            lambda weights, bias, images: (weights + bias).expand_as(images),
            "The bias is in it. It doesn't depend on the image: what is the derivative of a constant?",
        ),
        Mistake(
            lambda weights, bias, images: (-weights).expand_as(images),
            "The sign is reversed: this points where the score falls.",
        ),
        Mistake(
            lambda weights, bias, images: weights.abs().expand_as(images),
            "The signs are gone. The score falls where a pixel with a negative weight gets brighter.",
        ),
        Mistake(
            lambda weights, bias, images: (weights / weights.norm()).expand_as(images),
            "The gradient is scaled to length 1. Keep its unit: score per unit of intensity.",
        ),
        Mistake(
            lambda weights, bias, images: (weights / weights.numel()).expand_as(images),
            "Every slope is divided by the number of pixels. The score is a sum over the pixels, not a mean.",
        ),
        Mistake(
            lambda weights, bias, images: (weights * len(images)).expand_as(images),
            "Every slope is multiplied by the number of images. Each image has a gradient of its own.",
        ),
        Mistake(
            lambda weights, bias, images: (weights / len(images)).expand_as(images),
            "Every slope is divided by the number of images. Each image has a gradient of its own.",
        ),
        Mistake(
            lambda weights, bias, images: weights[None],
            "The numbers are right, but there is one gradient only. Return one for every image, (N, C, H, W).",
        ),
        Mistake(
            lambda weights, bias, images: weights,
            "The numbers are right, but the axis of the images is missing. Return the shape (N, C, H, W).",
        ),
    ),
)


# --- logistic_gradients(weights, bias, images) ------------------------------------------------------------


def _logistic_gradients(
    weights: Tensor,
    bias: float,
    images: Tensor,
    factor: Callable[[Tensor], Tensor] = lambda p: p * (1 - p),
) -> tuple[Tensor, Tensor]:
    """The two gradients, the second with a given factor in place of p (1 - p)."""
    p = torch.sigmoid(_logit(weights, bias, images))
    return weights.expand_as(images), factor(p) * weights


LOGISTIC_GRADIENTS = Task(
    name="logistic_gradients",
    section="lecture 01, “Logit or probability?”",
    parameters=(
        Parameter("weights", "of the model, of either sign", "(C, H, W)"),
        Parameter("bias", "a number"),
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
    ),
    results=(
        Result("the gradient of the logit", "(N, C, H, W)"),
        Result("the gradient of the probability", "(N, C, H, W)"),
    ),
    library=(
        "gradients.gradient",
        "gradients.mean_gradient",
    ),
    reference=_logistic_gradients,
    cases=_linear_cases,
    mistakes=(
        Mistake(
            partial(_logistic_gradients, factor=lambda p: p),
            "The second gradient has only a part of its factor. Differentiate the sigmoid once more on paper: it has "
            "two parts.",
        ),
        Mistake(
            partial(_logistic_gradients, factor=lambda p: 1 - p),
            "The second gradient is that of the logarithm of the probability. Which factor turns it into that of the "
            "probability itself?",
        ),
        Mistake(
            partial(_logistic_gradients, factor=lambda p: -p * (1 - p)),
            "The sign of the second gradient is reversed: a brighter pixel with a positive weight raises the "
            "probability.",
        ),
        Mistake(
            partial(_logistic_gradients, factor=torch.ones_like),
            "Both gradients are the same. The chain rule gives the second one a factor, the slope of the sigmoid.",
        ),
        Mistake(
            partial(_logistic_gradients, factor=lambda p: p.square()),
            "The factor of the second gradient is p². The slope of the sigmoid is small where p is near 1, too.",
        ),
        Mistake(
            partial(_logistic_gradients, factor=lambda p: torch.sigmoid(p) * (1 - torch.sigmoid(p))),
            "The sigmoid is taken twice: its slope is computed from the probability, not from the logit.",
        ),
        Mistake(
            partial(_logistic_gradients, factor=lambda p: (p * (1 - p)).mean(dim=0, keepdim=True).expand_as(p)),
            "All images get the same factor, the mean. Every image has a probability of its own.",
        ),
        Mistake(
            lambda weights, bias, images: (
                weights.expand_as(images),
                _logistic_gradients(weights, 0.0, images)[1],
            ),
            "The bias is forgotten in the probability. It has no slope of its own, but it shifts the sigmoid.",
        ),
        Mistake(
            lambda weights, bias, images: _logistic_gradients(weights, bias, images)[::-1],
            "The two gradients are swapped: return that of the logit first.",
        ),
        Mistake(
            lambda weights, bias, images: (
                weights.expand_as(images),
                (_logistic_gradients(weights, bias, images)[1] * images),
            ),
            "The second one is multiplied by the image. That is another method; return the gradient alone.",
        ),
        Mistake(
            lambda weights, bias, images: (
                weights.expand_as(images),
                torch.sigmoid(_logit(weights, bias, images)) * (1 - torch.sigmoid(_logit(weights, bias, images))),
            ),
            "The second one is the slope of the sigmoid alone. The chain rule multiplies it by the gradient of the "
            "logit.",
        ),
        Mistake(
            lambda weights, bias, images: (weights, _logistic_gradients(weights, bias, images)[1]),
            "The first gradient lacks the axis of the images: return the shape (N, C, H, W) for both.",
        ),
        Mistake(
            lambda weights, bias, images: (
                weights.expand_as(images),
                weights * torch.sigmoid(weights * images + bias) * (1 - torch.sigmoid(weights * images + bias)),
            ),
            "The sigmoid is taken of every pixel. An image has one logit, the sum over all pixels, "
            "and one probability.",
        ),
        Mistake(
            lambda weights, bias, images: (
                weights.expand_as(images),
                (1 - _logit(weights, bias, images)) * _logit(weights, bias, images) * weights,
            ),
            "The second gradient multiplies with the logit where the probability belongs: the sigmoid is missing.",
        ),
    ),
)


# --- minimal_step(weights, bias, images) ------------------------------------------------------------------


def _minimal_step(weights: Tensor, bias: float, images: Tensor) -> Tensor:
    return -_logit(weights, bias, images) / weights.square().sum() * weights


MINIMAL_STEP = Task(
    name="minimal_step",
    section="lecture 01, “The shortest way across”",
    parameters=(
        Parameter("weights", "of the model, of either sign", "(C, H, W)"),
        Parameter("bias", "a number"),
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
    ),
    results=(Result("the shortest step to the boundary, for every image", "(N, C, H, W)"),),
    reference=_minimal_step,
    cases=_linear_cases,
    mistakes=(
        Mistake(
            lambda weights, bias, images: -_minimal_step(weights, bias, images),
            "The step leads away from the boundary. Where the score is positive, it has to fall.",
        ),
        Mistake(
            lambda weights, bias, images: -_logit(weights, bias, images).abs() / weights.square().sum() * weights,
            "Images with a negative score walk away from the boundary: keep the sign of the score.",
        ),
        Mistake(
            lambda weights, bias, images: _logit(weights, bias, images).abs() / weights.square().sum() * weights,
            "Images with a positive score walk away from the boundary: look at the minus in the formula.",
        ),
        Mistake(
            lambda weights, bias, images: _minimal_step(weights, bias, images) * weights.norm(),
            "The direction is right, the length isn't: it is |f|. The direction w has a length of its own; divide it "
            "out once more.",
        ),
        Mistake(
            lambda weights, bias, images: _minimal_step(weights, bias, images) * weights.square().sum(),
            "The direction is right, the length isn't. By how much does a step along w change the score?",
        ),
        Mistake(
            lambda weights, bias, images: (-weights / weights.norm()).expand_as(images),
            "Every step has length 1. How far an image has to go depends on its score.",
        ),
        Mistake(
            lambda weights, bias, images: 2 * _minimal_step(weights, bias, images),
            "The step is twice too long: it ends on the other side, as far from the boundary as it began.",
        ),
        Mistake(
            lambda weights, bias, images: _minimal_step(weights, 0.0, images),
            "The bias is forgotten in the score.",
        ),
        Mistake(
            lambda weights, bias, images: images + _minimal_step(weights, bias, images),
            "This is the image after the step. Return the step alone.",
        ),
        Mistake(
            lambda weights, bias, images: _logit(weights, bias, images).flatten().abs() / weights.norm(),
            "These are the distances. Return the steps, in the shape of the images.",
        ),
        Mistake(
            lambda weights, bias, images: -_logit(weights, bias, images) / weights.abs().sum() * weights.sign(),
            "The step reaches the boundary by changing all pixels equally. A shorter one (L2 norm) uses the large "
            "weights more.",
        ),
        Mistake(
            lambda weights, bias, images: (
                -torch.sigmoid(_logit(weights, bias, images)) / weights.square().sum() * weights
            ),
            "The step is computed from the probability. The boundary is where the logit is 0: use the logit.",
        ),
        Mistake(
            lambda weights, bias, images: (
                -_logit(weights, bias, images) / (weights * images).sum(dim=(1, 2, 3), keepdim=True) * images
            ),
            "The step goes along the image. It reaches the boundary, but not on the shortest way: "
            "which direction changes the score fastest?",
        ),
    ),
)


# --- shift_right(images, pixels) --------------------------------------------------------------------------


def _shift_right(images: Tensor, pixels: int) -> Tensor:
    return pad(images, (pixels, 0, 0, 0), mode="replicate")[..., : images.shape[3]]


def _shift_cases(seed: int) -> list[Arguments]:
    return [
        (uniform(seed, (3, 1, 4, 7)), 2),
        (uniform(seed + 1, (1, 3, 5, 6)), 1),
        (uniform(seed + 2, (2, 1, 6, 5)), 4),
        (uniform(seed + 3, (2, 1, 3, 4)), 0),
        (uniform(seed + 4, (1, 4, 4, 4)), 1),
    ]


def _filled(images: Tensor, pixels: int, value: Tensor | float) -> Tensor:
    """Shifted to the right, with a value in the new columns."""
    shifted = _shift_right(images, pixels).clone()
    shifted[..., :pixels] = value
    return shifted


SHIFT_RIGHT = Task(
    name="shift_right",
    section="lecture 01, “The price”",
    parameters=(
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("pixels", "a whole number from 0 to W - 1"),
    ),
    results=(Result("the shifted images", "(N, C, H, W)"),),
    reference=_shift_right,
    cases=_shift_cases,
    mistakes=(
        Mistake(
            lambda images, pixels: images.roll(pixels, dims=3),
            "What leaves the picture on the right comes in again on the left. Repeat the left edge instead.",
        ),
        Mistake(
            lambda images, pixels: _filled(images, pixels, 0.0),
            "The new columns are black. Repeat the left edge instead.",
        ),
        Mistake(
            lambda images, pixels: _filled(images, pixels, images.mean()),
            "The new columns have the mean intensity. Repeat the left edge instead.",
        ),
        Mistake(
            lambda images, pixels: _filled(images, pixels, images[..., -1:]),
            "The new columns repeat the right edge. They come in on the left: repeat that edge.",
        ),
        Mistake(
            lambda images, pixels: _filled(images, pixels, images[..., :pixels]),
            "The new columns still hold the old pixels. Repeat the left edge: one column, several times.",
        ),
        Mistake(
            lambda images, pixels: _shift_right(images.flip(3), pixels).flip(3),
            "The picture moves to the left. To the right, a pixel gets a larger column number.",
        ),
        Mistake(
            lambda images, pixels: _shift_right(images.mT, pixels).mT if pixels < images.shape[2] else images,
            "The picture moves down. The axes are (N, C, H, W): columns are the last.",
        ),
        Mistake(
            lambda images, pixels: _shift_right(images.mT.flip(3), pixels).flip(3).mT,
            "The picture moves up. The axes are (N, C, H, W): columns are the last.",
        ),
        Mistake(
            lambda images, pixels: _shift_right(images, pixels + 1),
            "The picture moves one pixel too far.",
        ),
        Mistake(
            lambda images, pixels: _shift_right(images, max(pixels - 1, 0)),
            "The picture does not move far enough: one pixel is missing.",
        ),
        Mistake(
            lambda images, pixels: pad(images, (pixels, 0, 0, 0), mode="replicate"),
            "The picture gets wider. Cut the right edge off, so that the shape stays.",
        ),
        Mistake(
            lambda images, pixels: images,
            "The picture does not move at all.",
        ),
    ),
)


# --- shift_test(score, images, labels, pixels) ------------------------------------------------------------


def _shift_test(
    score: Score,
    images: Tensor,
    labels: Tensor,
    pixels: int,
    decide: Callable[[Tensor], Tensor] = lambda scores: scores > 0,
    shift: Callable[[Tensor, int], Tensor] = _shift_right,
) -> Tensor:
    """Accuracy after a shift, with another decision or another shift on demand."""
    return (decide(score(shift(images, pixels))) == labels.bool()).double().mean()


def _shift_test_cases(seed: int) -> list[Arguments]:
    """Scores and labels of random images; several, for an accuracy is a coarse number."""
    cases: list[Arguments] = []
    for k, pixels in enumerate([1, 2, 3, 4, 0, 5]):
        shape = (3, 6, 6) if k % 2 else (1, 5, 8)
        weights, images = _weights(seed + k, shape), uniform(seed + k, (20 + 3 * k, *shape))
        scores = (weights * images).sum(dim=(1, 2, 3))
        labels = (scores + 0.5 * _weights(seed + k, (len(images),)) > scores.median()).long()
        cases.append((_linear_score(weights, -float(scores.median()) - 0.2), images, labels, pixels))
    return cases


def _linear_score(weights: Tensor, bias: float) -> Score:
    return lambda images: (weights * images).sum(dim=(1, 2, 3)) + bias


SHIFT_TEST = Task(
    name="shift_test",
    section="lecture 01, “Accuracy against shift”",
    parameters=(
        Parameter(
            "score", "a function: images (N, C, H, W) → one logit for each image (N,), which is never exactly 0"
        ),
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("labels", "whole numbers: 1 for a face, 0 for another picture", "(N,)"),
        Parameter("pixels", "a whole number from 0 to W - 1"),
    ),
    results=(Result("the share of right answers, from 0 to 1"),),
    reference=_shift_test,
    cases=_shift_test_cases,
    mistakes=(
        Mistake(
            partial(_shift_test, shift=lambda images, pixels: images),
            "This is the accuracy without a shift. Shift the images before you ask for their scores.",
        ),
        Mistake(
            partial(_shift_test, decide=lambda scores: scores < 0),
            "This is the share of wrong answers. Accuracy is the share of right ones; a positive score means a face.",
        ),
        Mistake(
            partial(_shift_test, decide=lambda scores: scores > 0.5),
            "The decision falls at a score of 0.5. That is the boundary of a probability, not of a logit.",
        ),
        Mistake(
            partial(_shift_test, decide=lambda scores: torch.sigmoid(scores) > 0),
            "Every image counts as a face: a probability is never below 0.",
        ),
        Mistake(
            lambda score, images, labels, pixels: len(images) * _shift_test(score, images, labels, pixels),
            "This is the number of right answers. Accuracy is their share.",
        ),
        Mistake(
            lambda score, images, labels, pixels: (score(_shift_right(images, pixels)) > 0).double().mean(),
            "This is the share of images that are called a face. Compare the answers with the labels.",
        ),
        Mistake(
            lambda score, images, labels, pixels: (
                (score(_shift_right(images, pixels)) > 0)[labels == 1].double().mean()
            ),
            "This is the share among the faces only. Count the other images, too.",
        ),
        Mistake(
            lambda score, images, labels, pixels: (
                (score(_shift_right(images, pixels)) > 0) == labels.bool()
            ).double(),
            "This says for every image whether the answer is right. Return one number, their share.",
        ),
        Mistake(
            lambda score, images, labels, pixels: score(_shift_right(images, pixels)).mean(),
            "This is the mean score. Accuracy asks how often the sign of the score fits the label.",
        ),
        Mistake(
            partial(_shift_test, shift=lambda images, pixels: _shift_right(_shift_right(images, pixels), pixels)),
            "The images are shifted twice.",
        ),
        Mistake(
            partial(_shift_test, shift=lambda images, pixels: _shift_right(images.flip(3), pixels).flip(3)),
            "The images are shifted to the left.",
        ),
        Mistake(
            partial(_shift_test, shift=lambda images, pixels: images.roll(pixels, dims=3)),
            "The images are rolled: what leaves on the right comes in on the left. Use your shift_right.",
        ),
        Mistake(
            lambda score, images, labels, pixels: _shift_test(score, images, labels, pixels) * len(images) / 50,
            "The number of right answers is divided by a fixed number. Divide by the number of "
            "images that you are given.",
        ),
    ),
)

TASKS = (LINEAR_GRADIENT, LOGISTIC_GRADIENTS, MINIMAL_STEP, SHIFT_RIGHT, SHIFT_TEST)
