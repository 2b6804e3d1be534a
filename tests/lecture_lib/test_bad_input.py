"""What all methods refuse alike, and what they say: images that are none, and scores that are none."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from lecture_lib import attacks, gradients, measure, networks, regions
from tests.shared.networks import (
    BAD_IMAGES,
    BAD_SCORES,
    BLIND_SCORES,
    OUT_OF_RANGE,
    Logged,
    linear_score,
    random_images,
    stateful_network,
)

Method = Callable[[networks.Score, Tensor], object]
MAP = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))

# From a score and images: first those that differentiate the score, then those that only evaluate it.
DIFFERENTIATING: dict[str, Method] = {
    "gradient": gradients.gradient,
    "smoothgrad": partial(gradients.smoothgrad, n_samples=1),
    "integrated_gradients": partial(gradients.integrated_gradients, n_steps=1),
    "fgsm": partial(attacks.fgsm, epsilon=0.1),
    "bim": partial(attacks.bim, epsilon=0.1),
    "linearity_error": lambda score, images: measure.linearity_error(score, images, torch.ones(1, 3, 8, 8), 0.1),
    "curvature": lambda score, images: measure.curvature(score, images, torch.ones(1, 3, 8, 8), [0.1]),
}
EVALUATING: dict[str, Method] = {
    "removal_effect": lambda score, images: regions.removal_effect(score, images, images),
    "deletion_curve": lambda score, images: regions.deletion_curve(score, images, MAP),
    "insertion_curve": lambda score, images: regions.insertion_curve(score, images, MAP),
}
WITHOUT_A_SCORE: dict[str, Method] = {
    "replace_region": lambda score, images: regions.replace_region(images, MAP),
    "minimal_perturbation": lambda score, images: attacks.minimal_perturbation(stateful_network(), images, "bee"),
    "quantize": lambda score, images: attacks.quantize(images),
}
# These take no images, or images that may leave [0, 1].
OWN_IMAGES: dict[str, Method] = {
    "mean_gradient": lambda score, images: gradients.mean_gradient(score, [images]),
    "class_model": lambda score, images: gradients.class_model(score, tuple(images.shape)),
}


def each(methods: dict[str, Method]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("method", methods.values(), ids=methods)


@each(DIFFERENTIATING | EVALUATING | WITHOUT_A_SCORE)
@pytest.mark.parametrize(("images", "error", "message"), [*BAD_IMAGES, *OUT_OF_RANGE])
def test_bad_images(method: Method, images: Tensor, error: type[Exception], message: str) -> None:
    score = Logged(linear_score(torch.ones(1)))
    with pytest.raises(error, match=message):
        method(score, images)
    assert not score.calls  # said before the network is asked


@each(DIFFERENTIATING | EVALUATING | OWN_IMAGES | {"evaluate": gradients.evaluate})
@pytest.mark.parametrize(("score", "error", "message"), BAD_SCORES)
def test_bad_scores(method: Method, score: networks.Score, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        method(score, random_images())


@each(DIFFERENTIATING | OWN_IMAGES)
@pytest.mark.parametrize("score", BLIND_SCORES)
def test_scores_that_do_not_see_the_image(method: Method, score: networks.Score) -> None:
    with pytest.raises(ValueError, match="depends on the image, received one that ignores it"):
        method(score, random_images())
