"""The explanation card: its numbers in closed form, and its warnings on wrong and on right calls of real networks."""

import dataclasses
import re
from base64 import b64decode
from functools import cache
from io import BytesIO

import pytest
import torch
from matplotlib import pyplot as plt
from PIL import Image
from torch import Tensor, nn

from lecture_lib import birds, compare, gradients, maps, networks, pictures
from lecture_lib.activations import grad_cam
from lecture_lib.birds import classifiers
from lecture_lib.cards import explain
from lecture_lib.cards.card import CHECKS, Card, card_html
from lecture_lib.cards.explain import explanation_card
from lecture_lib.cards.methods import METHODS, last_layer_with_maps
from lecture_lib.samples import baseline_images, noisy_samples
from tests.shared.networks import (
    BAD_IMAGES,
    OUT_OF_RANGE,
    assert_same_state,
    efficientnet,
    photographs,
    random_images,
    random_weight,
    smooth_network,
    state_of,
    stateful_network,
)

pytestmark = pytest.mark.long
IMAGE = random_images(1, dtype=torch.float64)
EVERY_METHOD = pytest.mark.parametrize("method", METHODS)
FAST = {
    "gradient": {},
    "smoothgrad": {"n_samples": 4},
    "integrated_gradients": {"n_steps": 4},
    "grad_cam": {},
}


class Function(nn.Module):
    """A network with two logits: a function of the image, and 0."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        logit = self.function(images)
        return torch.stack([logit, torch.zeros_like(logit)], dim=1)


def network_of(function) -> networks.Network:
    return networks.Network(Function(function), ["yes", "no"], [0.0] * 3, [1.0] * 3, size=8).double()


def pixelwise(weight: Tensor) -> networks.Network:
    """A 1 × 1 convolution, global average pooling, and the identity: every pixel is a cell."""
    conv, head = nn.Conv2d(3, 2, 1, bias=False), nn.Linear(2, 2, bias=False)
    conv.weight.data = torch.stack([weight, -weight])[:, :, None, None]
    head.weight.data = torch.eye(2)
    model = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    return networks.Network(model, ["yes", "no"], [0.0] * 3, [1.0] * 3, size=8).double()


# ---- Closed forms


def test_linear_network() -> None:
    """The gradient is the weight: every prediction comes true, and every sample says the same."""
    weight = random_weight(IMAGE)
    network = network_of(lambda images: (weight * images).sum(dim=(1, 2, 3)))
    for method, options in list(FAST.items())[:3]:
        found = explanation_card(network, IMAGE, "yes", method, **options).numbers
        assert found["predicted change"] == pytest.approx(found["measured change"], rel=1e-9)
        for name in ("agreement of odd and even steps", "agreement of two halves of the copies"):
            assert found.get(name, 1) == pytest.approx(1)
        assert found.get("completeness gap, share of the rise", 0) < 1e-12
        assert found["score"] == pytest.approx((weight * IMAGE).sum().item())
        assert found["side of a cell of the map, in pixels"] == 1
    uphill = explanation_card(network, IMAGE, "yes").numbers["predicted change"]
    assert uphill == pytest.approx(0.1 / 255 * IMAGE.numel() ** 0.5 * weight.norm().item())


@pytest.mark.parametrize("n_steps", [1, 2, 3, 10])
def test_completeness_gap_of_a_cube(n_steps: int) -> None:
    """On the way from black, the midpoint rule finds 1 - 1 / (4 n²) of the rise of a cube."""
    network = network_of(lambda images: images.pow(3).sum(dim=(1, 2, 3)))
    found = explanation_card(network, IMAGE, "yes", "integrated_gradients", n_steps=n_steps)
    assert found.numbers["completeness gap, share of the rise"] == pytest.approx(1 / (4 * n_steps**2))
    rise = IMAGE.pow(3).sum().item()
    assert found.numbers["measured change"] == pytest.approx(rise)
    assert found.numbers["predicted change"] == pytest.approx(rise * (1 - 1 / (4 * n_steps**2)))
    assert any("miss the rise" in text for text in found.warnings) == (n_steps <= 2)  # 0.25, 0.06 | 0.03, 0.003


def test_agreement_of_odd_and_even_steps() -> None:
    """Slopes at 1/4 and 3/4 of the way: cos(2π/4 …) has opposite signs there, so the two halves are reversed."""
    weight = random_weight(IMAGE)
    network = network_of(lambda images: torch.sin(torch.pi * images / IMAGE).mul(weight * IMAGE).sum(dim=(1, 2, 3)))
    found = explanation_card(network, IMAGE, "yes", "integrated_gradients", n_steps=2)
    assert found.numbers["agreement of odd and even steps"] == pytest.approx(-1)
    assert any("odd and the even steps" in text for text in found.warnings)


def test_agreement_of_two_halves_is_that_of_two_independent_maps() -> None:
    network = smooth_network()
    score = network.score("bee")
    copies = list(noisy_samples(IMAGE, n_samples=6, seed=3))
    halves = [gradients.mean_gradient(score, copies[start::2]) for start in (0, 1)]
    found = explanation_card(network, IMAGE, "bee", "smoothgrad", n_samples=6, seed=3)
    expected = explain.rank_correlation(*halves).item()
    assert found.numbers["agreement of two halves of the copies"] == pytest.approx(expected)
    torch.testing.assert_close(found.map, maps.max_abs(gradients.smoothgrad(score, IMAGE, n_samples=6, seed=3)))


@pytest.mark.parametrize(("method", "word"), [("smoothgrad", "copies"), ("integrated_gradients", "steps")])
def test_one_sample_agrees_with_nothing(method: str, word: str) -> None:
    options = {"n_samples": 1} if method == "smoothgrad" else {"n_steps": 1}
    found = explanation_card(smooth_network(), IMAGE, "bee", method, **options)
    assert any(f"Take more {word}" in text for text in found.warnings)


def test_noise_that_no_number_of_copies_survives() -> None:
    """A wave much shorter than the noise: gradients at two copies have nothing to do with one another."""
    weight = 300 * random_weight(IMAGE)
    network = network_of(lambda images: torch.sin(weight * images).mean(dim=(1, 2, 3)))
    found = explanation_card(network, IMAGE, "yes", "smoothgrad", n_samples=10)
    assert abs(found.numbers["agreement of two halves of the copies"]) < 0.3
    calm = network_of(lambda images: torch.sin(weight / 300 * images).mean(dim=(1, 2, 3)))
    assert explanation_card(calm, IMAGE, "yes", "smoothgrad").numbers["agreement of two halves of the copies"] > 0.9


def test_maps_are_those_of_the_library() -> None:
    network, close = smooth_network(), torch.testing.assert_close
    score, layer = network.score("bee"), network.model[2]
    close(explanation_card(network, IMAGE, "bee").map, maps.max_abs(gradients.gradient(score, IMAGE)))
    attribution = gradients.integrated_gradients(score, IMAGE, baseline="white", n_steps=5)
    found = explanation_card(network, IMAGE, "bee", "integrated_gradients", baseline="white", n_steps=5)
    close(found.map, attribution.sum(dim=1))
    close(explanation_card(network, IMAGE, "bee", "grad_cam", layer=layer).map, grad_cam(score, IMAGE, layer))


def test_grad_cam_promises_the_value_of_its_strongest_cell() -> None:
    """Where every cell is a pixel, blurring a pixel changes the mean by what the blur changes at this pixel."""
    weight = torch.tensor([1.0, -2.0, 0.5])
    found = explanation_card(pixelwise(weight), IMAGE, "yes", "grad_cam").numbers
    shares = (weight.view(1, 3, 1, 1) * IMAGE).sum(dim=1) / 64
    blurred = (weight.view(1, 3, 1, 1) * baseline_images(IMAGE, "blur")).sum(dim=1) / 64
    assert found["predicted change"] == pytest.approx(-shares.max().item())
    assert found["measured change"] == pytest.approx((blurred - shares).flatten()[shares.argmax()].item())


@pytest.mark.parametrize("bias", [-3.0, 0.0, 5.0])
def test_what_the_softmax_leaves(bias: float) -> None:
    network = network_of(lambda images: images.mean(dim=(1, 2, 3)) + bias)
    p = network.probability("yes")(IMAGE).item()
    for score, expected in [("logit", None), ("probability", p * (1 - p)), ("loss", 1 - p)]:
        for given in (
            score,
            {"logit": network.score, "probability": network.probability, "loss": network.loss}[score]("yes"),
        ):
            found = explanation_card(network, IMAGE, "yes", score=given)
            value = found.numbers.get("share of the slope that the softmax leaves")
            assert value == (expected if expected is None else pytest.approx(expected))
            assert any("saturated" in text for text in found.warnings) == (expected is not None and expected < 0.1)
        path = explanation_card(network, IMAGE, "yes", "integrated_gradients", score=score)
        assert not any("saturated" in text for text in path.warnings)  # it adds up all slopes on the way
        assert path.numbers["completeness gap, share of the rise"] < 0.05


def test_a_network_that_does_not_see_the_order_of_the_pixels() -> None:
    blind = network_of(lambda images: images.mean(dim=(1, 2, 3)) + 1)
    found = explanation_card(blind, IMAGE, "yes")
    assert found.numbers["logits moved by shuffling the pixels"] == pytest.approx(0, abs=1e-12)
    assert any("random order" in text for text in found.warnings)
    weight = random_weight(IMAGE)
    sees = network_of(lambda images: (weight * images).sum(dim=(1, 2, 3)) + 1)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    shuffled = IMAGE.flatten(2)[:, :, order].view_as(IMAGE)
    logit, moved = ((weight * images).sum().item() + 1 for images in (IMAGE, shuffled))
    value = explanation_card(sees, IMAGE, "yes").numbers["logits moved by shuffling the pixels"]
    assert value == pytest.approx(abs(moved - logit) / abs(logit))


def test_the_twin_gives_the_same_map_where_parameters_play_no_part() -> None:
    found = explanation_card(network_of(lambda images: images.square().sum(dim=(1, 2, 3))), IMAGE, "yes")
    assert found.numbers["agreement with a randomised twin"] == pytest.approx(1)
    assert any("has learnt nothing" in text for text in found.warnings)
    network = smooth_network()
    twin_map = maps.max_abs(gradients.gradient(compare.randomise(network).score("bee"), IMAGE))
    found = explanation_card(network, IMAGE, "bee")
    expected = explain.rank_correlation(found.map, twin_map).item()
    assert found.numbers["agreement with a randomised twin"] == pytest.approx(expected)


def test_a_score_of_your_own() -> None:
    network = smooth_network()
    found = explanation_card(network, IMAGE, "bee", score=lambda x: network(x)[:, 1] - network(x)[:, 2])
    assert "your score" in found.question
    assert "agreement with a randomised twin" not in found.numbers


@pytest.mark.parametrize(("size", "cells", "fails"), [(4, 0.5, True), (8, 1, False), (24, 3, False)])
def test_resolution(size: float, cells: float, fails: bool) -> None:
    model = nn.Sequential(
        *(nn.Conv2d(3, 4, 8, stride=8), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    )
    network = networks.Network(model, list("abcde"), [0.5] * 3, [0.5] * 3, size=32)
    found = explanation_card(network, random_images(1, height=32, width=32), "a", "grad_cam", object_size=size)
    assert found.map.shape == (1, 4, 4)
    assert "4 × 4 cells" in found.question
    assert found.numbers["side of a cell of the map, in pixels"] == 8
    assert found.numbers["cells of the map across the object"] == cells
    assert any("smaller than a cell" in text for text in found.warnings) == fails


def test_the_layer_that_grad_cam_takes() -> None:
    network = efficientnet()
    assert last_layer_with_maps(network, photographs(("cat",))) is network.model.bn2
    scene = birds.scenes(1, 0)[0]
    cnn = networks.load("birds_cnn")
    assert last_layer_with_maps(cnn, scene) is cnn.model.features
    with pytest.raises(ValueError, match="this network has none"):
        last_layer_with_maps(
            networks.Network(classifiers.bird_vit(), list("abcdefgh"), (0.5,) * 3, (0.5,) * 3), scene
        )


# ---- Real networks: the wrong calls, and the same calls done right

PICTURES = {"cat": "tiger cat", "coffee": "espresso"}
RIGHT = {
    "gradient": {},
    "smoothgrad": {"n_samples": 20},
    "integrated_gradients": {"baseline": "uniform", "n_steps": 50},
    "grad_cam": {},
}


@cache
def of_photograph(name: str, target: str | None = None, method: str = "gradient", **options) -> Card:
    return explanation_card(efficientnet(), photographs((name,)), target or PICTURES[name], method, **options)


@pytest.mark.parametrize("name", PICTURES)
@EVERY_METHOD
def test_right_calls_have_no_warning(name: str, method: str) -> None:
    assert of_photograph(name, method=method, **RIGHT[method]).warnings == ()


@pytest.mark.parametrize("name", ["birds_cnn", "birds_attention"])
@EVERY_METHOD
def test_right_calls_on_birds_have_no_warning(name: str, method: str) -> None:
    network, (images, labels, _) = networks.load(name), birds.scenes(3, 3)
    for image, label in zip(images, labels.tolist(), strict=True):
        assert explanation_card(network, image[None], label, method, **RIGHT[method]).warnings == ()


@EVERY_METHOD
@pytest.mark.parametrize("seed", [0, 1])
def test_a_randomised_network(method: str, seed: int) -> None:
    """Even for the class that it is sure of."""
    network = compare.randomise(efficientnet(), seed=seed + 10)
    image = photographs(("coffee",))
    ((top, _),) = network.predict(image, top=1)[0]
    found = explanation_card(network, image, top, method, **FAST[method])
    assert "never trained" in found.warnings[0]
    assert found.numbers["logits moved by shuffling the pixels"] < 0.3


@pytest.mark.parametrize("baseline", ["black", "uniform"])
@pytest.mark.parametrize("name", PICTURES)
def test_three_steps(name: str, baseline: str) -> None:
    found = of_photograph(name, method="integrated_gradients", n_steps=3, baseline=baseline)
    assert len(found.warnings) == 2
    assert all("Take more steps" in text for text in found.warnings)


@pytest.mark.parametrize("method", ["gradient", "smoothgrad", "grad_cam"])
def test_a_saturated_softmax(method: str) -> None:
    options = {"n_samples": 8} if method == "smoothgrad" else {}
    found = of_photograph("coffee", method=method, score="probability", **options)  # p = 0.95
    assert any("saturated" in text for text in found.warnings)


def test_a_softmax_that_is_not_saturated() -> None:
    assert of_photograph("cat", score="probability").warnings == ()  # p = 0.39


@EVERY_METHOD
def test_a_class_that_is_not_there(method: str) -> None:
    found = of_photograph("coffee", "tiger cat", method, **FAST[method])
    assert any("does not see “tiger cat”" in text and "“espresso” (95%)" in text for text in found.warnings)


# ---- The card itself


@EVERY_METHOD
def test_a_card_changes_nothing(method: str) -> None:
    network, image = stateful_network(), random_images(1)
    before, pixels = state_of(network), image.clone()
    explanation_card(network, image, "bee", method, **FAST[method])
    assert_same_state(before, state_of(network))
    assert torch.equal(image, pixels)


@EVERY_METHOD
def test_a_card_says_the_same_twice_and_in_a_loop_without_gradients(method: str) -> None:
    network, image = stateful_network(), random_images(1)
    first = explanation_card(network, image, "bee", method, **FAST[method])
    with torch.no_grad():
        second = explanation_card(network, image, 1, method, **FAST[method])
    assert first.numbers == second.numbers
    assert torch.equal(first.map, second.map)
    assert (first.question, first.warnings) == (second.question, second.warnings)


def test_what_a_card_says() -> None:
    found = explanation_card(smooth_network(), IMAGE, "bee", "smoothgrad", n_samples=3, noise_level=0.2)
    assert found.title == "SmoothGrad: bee"
    assert "the logit of “bee”" in found.question
    assert "3 copies" in found.question
    assert "20% of its range" in found.question
    assert found.question.count(".") == 0
    assert found.question.endswith("?")
    assert f"{found.numbers['predicted change']:+.3g}" in found.test
    assert f"{found.numbers['measured change']:+.3g}" in found.test
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.warnings = ()


@pytest.mark.parametrize(
    ("baseline", "words"),
    [("black", "from black to"), ("uniform", "from random noise to"), (1 - IMAGE, "from another picture to")],
)
def test_the_baseline_is_part_of_the_question(baseline: str | Tensor, words: str) -> None:
    found = explanation_card(smooth_network(), IMAGE, "bee", "integrated_gradients", baseline=baseline, n_steps=3)
    assert words in found.question


@EVERY_METHOD
def test_every_method_says_what_it_answers_and_what_not(method: str) -> None:
    found = explanation_card(smooth_network(), IMAGE, "bee", method, **FAST[method])
    assert not re.search(r"[{}]", found.question + found.not_said + "".join(found.warnings))
    assert len(found.not_said) > 40
    assert found.signed == (method in {"integrated_gradients", "grad_cam"})


def test_every_check_has_one_limit() -> None:
    assert len({check.number for check in CHECKS}) == len(CHECKS)
    assert all((check.low == float("-inf")) != (check.high == float("inf")) for check in CHECKS)


@pytest.mark.parametrize(("value", "error", "message"), [*BAD_IMAGES, *OUT_OF_RANGE])
def test_bad_images(value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        explanation_card(smooth_network(), value, "bee")


def test_errors_say_what_was_expected() -> None:
    network = smooth_network()
    with pytest.raises(ValueError, match=r"one image, shape \(1, C, H, W\), received \(2, 3, 8, 8\)"):
        explanation_card(network, random_images(2, dtype=torch.float64), "bee")
    with pytest.raises(ValueError, match=r"Unknown class 'be'. Did you mean 'bee'"):
        explanation_card(network, IMAGE, "be")
    with pytest.raises(ValueError, match=r"Unknown method 'gradcam'. Did you mean 'grad_cam'"):
        explanation_card(network, IMAGE, "bee", "gradcam")
    with pytest.raises(ValueError, match=r"Unknown score 'logits'. Did you mean 'logit'"):
        explanation_card(network, IMAGE, "bee", score="logits")
    with pytest.raises(TypeError, match=r"n_samples.*received 'n_steps'"):
        explanation_card(network, IMAGE, "bee", "smoothgrad", n_steps=3)


# ---- As a piece of a page


@EVERY_METHOD
def test_html(method: str) -> None:
    found = explanation_card(stateful_network(), random_images(1), "bee", method, **FAST[method])
    page = found._repr_html_()
    for text in (found.question, found.not_said, found.test, *found.warnings, *found.numbers):
        assert text in page
    assert 'alt="An image and its map, ' in page
    assert "http" not in page
    with Image.open(BytesIO(b64decode(re.search(r"base64,([^\"]+)", page)[1]))) as image:
        assert image.format == "PNG"
        assert min(image.size) > 200
    assert not plt.get_fignums()  # pyplot would not survive the background


def test_html_is_text() -> None:
    found = explanation_card(smooth_network(), IMAGE, "bee")
    found = dataclasses.replace(found, warnings=('<script>"a"</script>',), question="1 < 2?")
    page = card_html(found)
    assert "<script>" not in page
    assert "1 &lt; 2?" in page


def test_without_a_warning_the_card_does_not_boast() -> None:
    found = dataclasses.replace(explanation_card(smooth_network(), IMAGE, "bee"), warnings=())
    assert "no proof" in card_html(found)
    assert "Warning" not in card_html(found)


def test_limits_are_shown() -> None:
    found = explanation_card(efficientnet(), pictures.photo("cat"), "tiger cat")
    assert found.limits["probability of the class"] == (0.01, float("inf"))
    assert "≥ 0.01" in card_html(found)
    assert "≤ 0.9" in card_html(found)
    assert set(found.limits) <= set(found.numbers)
