"""The references of the tasks against what can be worked out by hand."""

import math

import pytest
import torch

from lecture_lib.checks.tasks import (
    adversarial_attacks,
    attention_maps,
    cam_and_gradcam,
    failures_debate,
    integrated_gradients,
    linear_models,
    smoothgrad,
    vanilla_saliency,
)
from lecture_lib.networks import Network

PIXELS = (1, 2, 3)
SQUARES = lambda images: images.square().sum(dim=PIXELS)  # noqa: E731
WEIGHTS = torch.linspace(-1, 1, 12).view(1, 3, 2, 2)
LINEAR = lambda images: (WEIGHTS * images).sum(dim=PIXELS)  # noqa: E731
ROW = torch.tensor([[[[0.1, 0.2, 0.3, 0.4]]]])
TWO = torch.tensor([[0.0, 1.0], [0.25, 0.75]]).view(2, 1, 1, 2)  # ranges 1 and 0.5
EYE = torch.eye(5)
CONVOLUTION = torch.nn.Conv2d(1, 1, 1)
torch.nn.init.constant_(CONVOLUTION.weight, 2.0)
torch.nn.init.constant_(CONVOLUTION.bias, -1.0)
TINY = torch.nn.Sequential(CONVOLUTION, torch.nn.ReLU(inplace=True))
PIXELS_ARE_LOGITS = Network(torch.nn.Flatten(), ["left", "right"], mean=[0.0], std=[1.0])
MEAN_COLOUR = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
COLOURS = Network(MEAN_COLOUR, ["red", "green", "blue"], mean=[0.0] * 3, std=[1.0] * 3)
RED, BLUE = (torch.tensor(colour).view(1, 3, 1, 1).expand(4, 3, 2, 2) for colour in ([1.0, 0, 0], [0.0, 0, 1]))


def tensor(*numbers, shape=None):
    return torch.tensor(numbers).view(shape or (len(numbers),))


CLOSED_FORMS = {
    "the weights": (
        linear_models.LINEAR_GRADIENT,
        (tensor(2.0, -3.0, shape=(1, 1, 2)), 5.0, torch.rand(2, 1, 1, 2)),
        tensor(2.0, -3.0, 2.0, -3.0, shape=(2, 1, 1, 2)),
    ),
    "at p = 1/2 the factor is 1/4": (
        linear_models.LOGISTIC_GRADIENTS,
        (tensor(4.0, -4.0, shape=(1, 1, 2)), 0.0, torch.full((1, 1, 1, 2), 0.5)),
        (tensor(4.0, -4.0, shape=(1, 1, 1, 2)), tensor(1.0, -1.0, shape=(1, 1, 1, 2))),
    ),
    "f = 5, ‖w‖ = 5: a step of length 1": (
        linear_models.MINIMAL_STEP,
        (tensor(3.0, 4.0, shape=(1, 1, 2)), -2.0, torch.ones(1, 1, 1, 2)),
        tensor(-0.6, -0.8, shape=(1, 1, 1, 2)),
    ),
    "two columns": (linear_models.SHIFT_RIGHT, (ROW, 2), tensor(0.1, 0.1, 0.1, 0.2, shape=(1, 1, 1, 4))),
    "the bright column has moved": (
        linear_models.SHIFT_TEST,
        (lambda images: images[:, 0, 0, 1] - 0.5, TWO.flip(0)[:, :, :, [1, 0]], torch.tensor([0, 1]), 1),
        torch.tensor(0.5),
    ),
    "one column of the logits": (
        vanilla_saliency.CLASS_SCORE,
        (PIXELS_ARE_LOGITS, TWO, "right"),
        tensor(1.0, 0.75),
    ),
    "the gradient of a linear score": (
        vanilla_saliency.VANILLA_GRADIENT,
        (LINEAR, torch.rand(2, 3, 2, 2)),
        WEIGHTS.expand(2, -1, -1, -1),
    ),
    "the largest is negative": (
        vanilla_saliency.MAX_ABS_MAP,
        (tensor(-3.0, 2.0, 1.0, shape=(1, 3, 1, 1)),),
        tensor(3.0, shape=(1, 1, 1)),
    ),
    "the optimum for a linear score is w / 2λ": (
        vanilla_saliency.CLASS_MODEL,
        (LINEAR, torch.zeros(1, 3, 2, 2), 0.5, 0.2, 200),
        WEIGHTS,
    ),
    "four times 2 · 0.5 · 1, four times 1.5² - 0.5²": (
        vanilla_saliency.TAYLOR_CHECK,
        (SQUARES, torch.full((1, 1, 2, 2), 0.5), 7 * torch.ones(1, 1, 2, 2), 2.0),
        (tensor(4.0), tensor(8.0)),
    ),
    "ranges 1 and 0.5": (smoothgrad.NOISE_SIGMA, (TWO, 0.2), tensor(0.2, 0.1)),
    "0.5 + σ z": (
        smoothgrad.NOISY_COPIES,
        (torch.full((2, 1, 1, 1), 0.5), tensor(0.1, 1.0), tensor(1.0, 1.0, -2.0, 3.0, shape=(2, 2, 1, 1, 1))),
        tensor(0.6, 1.5, 0.3, 3.5, shape=(2, 2, 1, 1, 1)),
    ),
    "2 (I + σ) if all draws are 1": (
        smoothgrad.SMOOTHGRAD,
        (SQUARES, TWO, 0.5, torch.ones(3, 2, 1, 1, 2)),
        2 * (TWO + tensor(0.5, 0.25, shape=(2, 1, 1, 1))),
    ),
    "means 2 and 0, so √((4 + 0) / 2)": (
        smoothgrad.ERROR_OF_MEANS,
        (tensor(1.0, 3.0, -1.0, 1.0, shape=(4, 1, 1, 1)), torch.zeros(1, 1, 1), 2),
        torch.tensor(math.sqrt(2)),
    ),
    "an exact power law": (
        smoothgrad.LOGLOG_SLOPE,
        (tensor(1.0, 3.0, 10.0, 30.0), 7 * tensor(1.0, 3.0, 10.0, 30.0) ** -0.25),
        torch.tensor(-0.25),
    ),
    "a quarter and three quarters of the way": (
        integrated_gradients.PATH_SAMPLES,
        (torch.ones(1, 1, 1, 2), tensor(0.0, 0.8, shape=(1, 1, 1, 2)), 2),
        tensor(0.25, 0.85, 0.75, 0.95, shape=(2, 1, 1, 1, 2)),
    ),
    "the mean slope of x² from 0.5 to 0.9, and 0.9² - 0.5²": (
        integrated_gradients.INTEGRATED_GRADIENTS,
        (SQUARES, torch.full((1, 1, 2, 2), 0.9), torch.full((1, 1, 2, 2), 0.5), 3),
        (torch.full((1, 1, 2, 2), 1.4), torch.full((1, 1, 2, 2), 0.56)),
    ),
    "six entries of 1, and a rise of 6 - 3": (
        integrated_gradients.COMPLETENESS_GAP,
        (
            lambda images: images.sum(dim=PIXELS),
            torch.ones(2, 1, 2, 3),
            torch.full((2, 1, 2, 3), 0.5),
            torch.ones(2, 1, 2, 3),
        ),
        tensor(3.0, 3.0),
    ),
    "half of 0 + 0.75, half of 0.1875 + 1.6875": (
        integrated_gradients.TWO_RULES,
        (lambda points: 3 * points**2, 2),
        (torch.tensor(0.375), torch.tensor(0.9375)),
    ),
    "the image in the region, black outside": (
        integrated_gradients.HIDING_BASELINE,
        (torch.full((1, 3, 1, 2), 0.7), torch.tensor([True, False]).view(1, 1, 1, 2)),
        tensor(0.7, 0.0, shape=(1, 1, 1, 2)).expand(1, 3, 1, 2),
    ),
    "2x - 1, before the ReLU": (
        cam_and_gradcam.LAYER_OUTPUT,
        (TINY, CONVOLUTION, tensor(0.0, 1.0, shape=(1, 1, 1, 2))),
        tensor(-1.0, 1.0, shape=(1, 1, 1, 2)),
    ),
    "3 · (1, 0) - 1 · (0, 2)": (
        cam_and_gradcam.CLASS_ACTIVATION_MAP,
        (tensor(1.0, 0.0, 0.0, 2.0, shape=(1, 2, 1, 2)), torch.tensor([[9.0, 9.0], [3.0, -1.0]]), 1),
        tensor(3.0, -2.0, shape=(1, 1, 2)),
    ),
    "between the middles of two cells": (
        cam_and_gradcam.UPSAMPLE,
        (tensor(0.0, 1.0, shape=(1, 1, 2)), (2, 4)),
        tensor(0.0, 0.25, 0.75, 1.0).expand(1, 2, 4),
    ),
    "3 of 3 + 1": (
        cam_and_gradcam.SHARE_INSIDE,
        (tensor(3.0, -5.0, 1.0, shape=(1, 1, 3)), tensor(1.0, 1.0, 0.0, shape=(1, 1, 3))),
        tensor(0.75),
    ),
    "odds of 1 to 3": (
        attention_maps.HEAD_ATTENTION,
        (tensor(2.0, 0.0, 0.0, 0.0, shape=(1, 1, 4)), torch.tensor([[[0.0] * 4, [math.log(3), 0, 0, 0]]])),
        tensor(0.25, 0.75, shape=(1, 1, 2)),
    ),
    "the first row, in a square": (
        attention_maps.CLASS_TOKEN_MAP,
        (torch.arange(25.0).view(1, 1, 1, 5, 5), 0, 0),
        tensor(1.0, 2.0, 3.0, 4.0, shape=(1, 2, 2)),
    ),
    "flat attention: ((U + I) / 2)³ with U² = U, so (I + 7 U) / 8": (
        attention_maps.ROLLOUT,
        (torch.full((3, 2, 4, 5, 5), 0.2), torch.rand(3, 4).softmax(dim=1)),
        ((EYE + 7 * 0.2) / 8).expand(2, 5, 5),
    ),
    "one head of weight 1 that permutes": (
        attention_maps.ROLLOUT,
        (torch.stack([EYE, EYE.roll(1, 0)]).view(1, 1, 2, 5, 5), torch.tensor([[0.0, 1.0]])),
        ((EYE + EYE.roll(1, 0)) / 2)[None],
    ),
    "odds of 1 to 1 to 4 at temperature 1/2": (
        attention_maps.TRAINABLE_ATTENTION,
        (tensor(0.0, 0.0, math.log(2), shape=(1, 1, 1, 3)), torch.ones(1, 1), tensor(0.5)),
        (tensor(2 / 3 * math.log(2), shape=(1, 1)), tensor(1 / 6, 1 / 6, 2 / 3, shape=(1, 1, 3))),
    ),
    "3 of 4 and 1 of 4, a fall of 2 and a rise of 1": (
        attention_maps.REMOVE_AND_MEASURE,
        (
            PIXELS_ARE_LOGITS,
            tensor(5.0, 1.0, 2.0, 7.0, shape=(2, 1, 1, 2)),
            tensor(3.0, 1.0, 2.0, 8.0, shape=(2, 1, 1, 2)),
            torch.tensor([0, 1]),
            tensor(1.0, 3.0, 2.0, 2.0, shape=(2, 1, 2)),
            tensor(0.0, 1.0, 0.5, 0.0, shape=(2, 1, 2)),
        ),
        (tensor(0.75, 0.25), tensor(2.0, -1.0)),
    ),
    "0.1 up, 0.1 down, nowhere, up to 1; half of it": (
        adversarial_attacks.FGSM,
        (
            lambda images: (tensor(3.0, -0.2, 0.0, 5.0, shape=(1, 1, 2, 2)) * images).sum(dim=PIXELS),
            tensor(0.5, 0.5, 0.5, 0.95, shape=(1, 1, 2, 2)).expand(2, -1, -1, -1),
            tensor(0.1, 0.05),
        ),
        tensor(0.6, 0.4, 0.5, 1.0, 0.55, 0.45, 0.5, 1.0, shape=(2, 1, 2, 2)),
    ),
    "without momentum: up to the edge of the ball; over the top and back": (
        adversarial_attacks.BIM,
        (
            lambda images: -(images - 0.62).square().sum(dim=PIXELS),
            tensor(0.5, 0.58, shape=(1, 1, 1, 2)),
            0.1,
            0.05,
            3,
            0.0,
        ),
        tensor(0.6, 0.63, shape=(1, 1, 1, 2)),
    ),
    "with momentum 1, one step further over the top: the first gradient, 4 times the second, goes on": (
        adversarial_attacks.BIM,
        (
            lambda images: -(images - 0.6).square().sum(dim=PIXELS),
            tensor(0.5, 0.55, shape=(1, 1, 1, 2)),
            0.3,
            0.1,
            2,
            1.0,
        ),
        tensor(0.7, 0.55, shape=(1, 1, 1, 2)),
    ),
    "the upper end of the bracket": (
        adversarial_attacks.SMALLEST_EPSILON,
        (lambda epsilon: epsilon >= 0.3, 0.0, 1.0, 3),
        torch.tensor(0.375),
    ),
    "nearest, and no wrapping round": (
        adversarial_attacks.STORED,
        (tensor(7.6, 7.4, -3.0, 300.0, shape=(1, 1, 2, 2)) / 255,),
        torch.tensor([8, 7, 0, 255], dtype=torch.uint8).view(1, 1, 2, 2),
    ),
    "ranks 1.5, 1.5, 3": (
        failures_debate.RANK_CORRELATION,
        (tensor(0.0, 0.0, 1.0, shape=(1, 1, 3)), tensor(1.0, 2.0, 3.0, shape=(1, 1, 3))),
        tensor(math.sqrt(0.75)),
    ),
    "three of four reds are labelled 0, one of four blues is labelled 2": (
        failures_debate.SHORTCUT_TEST,
        (COLOURS, RED, BLUE, torch.tensor([0, 0, 0, 2])),
        (torch.tensor(0.75), torch.tensor(0.25), torch.tensor(0.5)),
    ),
    "areas of 1.5": (
        failures_debate.PART_SALIENCY,
        (tensor(2.0, 4.0, 8.0, shape=(1, 1, 3)), tensor(1.0, 0.5, 0.0, 0.0, 0.5, 1.0, shape=(1, 2, 1, 3))),
        (tensor(8 / 3, 20 / 3, shape=(1, 2)), tensor(4.0, 10.0, shape=(1, 2))),
    ),
    "four times 2 · 0.5 · 0.5, four times 0.5²": (
        failures_debate.REMOVAL_CHECK,
        (SQUARES, torch.full((1, 1, 2, 2), 0.5), torch.zeros(1, 1, 2, 2)),
        (tensor(2.0), tensor(1.0)),
    ),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_form(name):
    task, arguments, expected = CLOSED_FORMS[name]
    returned = task.reference(*arguments)
    torch.testing.assert_close(
        torch.as_tensor(returned) if isinstance(returned, float) else returned, expected, check_dtype=False
    )


def test_grad_cam_is_cam_divided_by_the_number_of_cells_where_the_network_pools():
    network = cam_and_gradcam.pooling_network(54)
    last, classifier = network.model.get_submodule("3"), network.model.get_submodule("6")
    images = torch.rand(2, 3, 9, 8)
    activation = cam_and_gradcam.LAYER_OUTPUT.reference(network, last, images)
    cam = cam_and_gradcam.CLASS_ACTIVATION_MAP.reference(activation, classifier.weight, 2)
    found = cam_and_gradcam.GRAD_CAM.reference(network, images, "c", last)
    torch.testing.assert_close(found, cam.relu() / cam[0].numel())


def test_an_attack_towards_a_class_makes_it_more_probable():
    (network, images, *_), *_ = adversarial_attacks.TOWARDS.cases(0)
    for name in network.classes:
        attacked = adversarial_attacks.TOWARDS.reference(network, images, name, 0.1, 0.02, 6)
        assert (network.probability(name)(attacked) > network.probability(name)(images)).all()


def test_shuffled_parameters_keep_their_values_and_lose_their_places():
    network = torch.nn.Linear(30, 20)
    for old, new in zip(network.parameters(), failures_debate.SHUFFLED_PARAMETERS.reference(network, 3), strict=True):
        assert torch.equal(old.flatten().sort().values, new.flatten().sort().values)
        assert not torch.equal(old, new)
