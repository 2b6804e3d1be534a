"""Integrated Gradients: closed forms, captum with the same rule, the points that it really evaluates, its axioms."""

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lecture_lib import gradients, networks, pictures, samples
from tests.shared.networks import (
    PIXELS,
    Logged,
    assert_same_state,
    efficientnet,
    linear_score,
    quadratic_score,
    random_images,
    random_resnet18,
    random_weight,
    sine_score,
    smooth_network,
    state_of,
    stateful_network,
)

close = torch.testing.assert_close
RULES = ["left", "midpoint", "right", "gauss"]
CAPTUM_RULES = {
    "left": "riemann_left",
    "midpoint": "riemann_middle",
    "right": "riemann_right",
    "gauss": "gausslegendre",
}
BASELINES = ["black", "white", "blur", "uniform"]
IMAGES = random_images(dtype=torch.float64)
OTHER = random_images(seed=5, dtype=torch.float64)


# ---- closed forms


@pytest.mark.parametrize("n_steps", [1, 7, 20])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("baseline", [*BASELINES, OTHER, OTHER[:1]])
def test_of_a_linear_score_it_is_weight_times_difference(baseline: str | Tensor, rule: str, n_steps: int) -> None:
    weight, start = random_weight(IMAGES), samples.baseline_images(IMAGES, baseline)
    found, gap = gradients.integrated_gradients(
        linear_score(weight, bias=2.0),
        IMAGES,
        baseline=baseline,
        rule=rule,
        n_steps=n_steps,
        return_completeness_gap=True,
    )
    close(found, weight * (IMAGES - start))
    close(gap, torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-10)


@pytest.mark.parametrize("rule", ["midpoint", "gauss"])
def test_of_a_quadratic_score_it_is_half_the_difference_of_squares(rule: str) -> None:
    weight = random_weight(IMAGES)
    found = gradients.integrated_gradients(quadratic_score(weight), IMAGES, baseline=OTHER, rule=rule, n_steps=3)
    close(found, weight * (IMAGES.square() - OTHER.square()) / 2)  # both rules are exact for straight lines


@pytest.mark.parametrize(("rule", "sign"), [("left", -1), ("right", 1)])
def test_left_and_right_rule_miss_a_quadratic_score_by_a_known_amount(rule: str, sign: int) -> None:
    weight, n = random_weight(IMAGES), 10
    found, gap = gradients.integrated_gradients(
        quadratic_score(weight), IMAGES, baseline=OTHER, rule=rule, n_steps=n, return_completeness_gap=True
    )
    error = sign * weight * (IMAGES - OTHER).square() / (2 * n)
    close(found, weight * (IMAGES.square() - OTHER.square()) / 2 + error)
    close(gap, error.sum(PIXELS))


def test_separable_function_of_three_variables() -> None:
    """5x + y² + sin z from (0.5, 1, 1) to (1, 2, 3) gives (2.5, 3, sin 3 - sin 1); pixels are a third of x, y, z."""

    def score(images: Tensor) -> Tensor:
        x, y, z = (3 * images).flatten(1).T
        return 5 * x + y.square() + z.sin()

    start = torch.tensor([0.5, 1, 1], dtype=torch.float64).view(1, 1, 1, 3) / 3
    image = torch.tensor([1.0, 2, 3], dtype=torch.float64).view(1, 1, 1, 3) / 3
    expected = torch.tensor([2.5, 3, math.sin(3) - math.sin(1)], dtype=torch.float64)
    rules: list[dict[str, Any]] = [{"rule": "gauss", "n_steps": 10}, {"n_steps": 1000}]
    for options in rules:
        found = gradients.integrated_gradients(score, image, baseline=start, **options)
        close(found.flatten(), expected, rtol=0, atol=1e-6)


def saturating(images: Tensor) -> Tensor:
    """relu(relu(x1) - 1 - relu(x2)), with pixels that are a quarter of x1, x2."""
    x1, x2 = (4 * images).flatten(1).T
    return (x1.relu() - 1 - x2.relu()).relu()


def test_a_function_with_a_kink() -> None:
    """From (0, 0) to (3, 1): the outer unit opens at α = 1/2, so the result is (1.5, -0.5)."""
    image = torch.tensor([3.0, 1.0], dtype=torch.float64).view(1, 1, 1, 2) / 4
    found, gap = gradients.integrated_gradients(saturating, image, n_steps=1000, return_completeness_gap=True)
    close(found.flatten(), torch.tensor([1.5, -0.5], dtype=torch.float64), rtol=0, atol=1e-6)
    assert abs(gap.item()) < 1e-6


def test_a_saturated_unit_has_no_gradient_but_an_attribution() -> None:
    def score(images: Tensor) -> Tensor:
        return 1 - (1 - 2 * images.flatten(1).sum(dim=1)).relu()  # flat from a sum of 0.5

    image = torch.tensor([0.75, 0.25], dtype=torch.float64).view(1, 1, 1, 2)
    assert gradients.gradient(score, image).abs().max() == 0
    found = gradients.integrated_gradients(score, image, n_steps=100)
    close(found.flatten(), torch.tensor([0.75, 0.25], dtype=torch.float64))


def test_the_two_forms_differ_by_the_factor() -> None:
    score = smooth_network().score("bee")
    notes = gradients.integrated_gradients(score, IMAGES, baseline=OTHER, multiply_by_inputs=False, n_steps=9)
    close(gradients.integrated_gradients(score, IMAGES, baseline=OTHER, n_steps=9), (IMAGES - OTHER) * notes)
    points, _ = samples.path_points(9)
    close(notes, gradients.mean_gradient(score, samples.path_samples(IMAGES, OTHER, points)))  # Eq. (1)


def test_pixels_that_equal_the_baseline_receive_nothing() -> None:
    images = IMAGES.clone()
    images[:, :, 2:4] = 0
    found = gradients.integrated_gradients(smooth_network().score("bee"), images, n_steps=5)
    assert found[:, :, 2:4].abs().max() == 0
    assert found.abs().amax(dim=PIXELS).min() > 0
    white = gradients.integrated_gradients(smooth_network().score("bee"), images, n_steps=5, baseline="white")
    assert white[:, :, 2:4].abs().max() > 0


# ---- completeness


@pytest.mark.parametrize(("rule", "order"), [("left", 1), ("right", 1), ("midpoint", 2)])
def test_order_of_the_completeness_gap(rule: str, order: int) -> None:
    steps = [32, 64, 128, 256]
    for score in (smooth_network().score("emu"), sine_score(random_weight(IMAGES))):
        gaps = torch.stack(
            [
                gradients.integrated_gradients(score, IMAGES, n_steps=n, rule=rule, return_completeness_gap=True)[1]
                for n in steps
            ]
        ).abs()
        for column in gaps.T:
            assert np.polyfit(np.log(steps), np.log(column.tolist()), 1)[0] == pytest.approx(-order, abs=0.05)


def test_gauss_needs_few_steps_where_the_score_is_smooth() -> None:
    score = sine_score(random_weight(IMAGES))
    gaps = {
        (rule, n): gradients.integrated_gradients(score, IMAGES, n_steps=n, rule=rule, return_completeness_gap=True)[
            1
        ].abs()
        for rule, n in [("gauss", 2), ("gauss", 4), ("gauss", 8), ("midpoint", 8)]
    }
    assert (gaps["gauss", 4] < gaps["gauss", 2] / 50).all()
    assert (gaps["gauss", 8] < 1e-9).all()
    assert (gaps["midpoint", 8] > 1e-5).all()


@pytest.mark.parametrize("multiply_by_inputs", [True, False])
def test_the_gap_is_that_of_the_multiplied_form(multiply_by_inputs: bool) -> None:
    score = smooth_network().score("emu")
    options = {"baseline": OTHER, "n_steps": 2, "rule": "left"}
    plain = gradients.integrated_gradients(score, IMAGES, **options)
    found, gap = gradients.integrated_gradients(
        score, IMAGES, **options, multiply_by_inputs=multiply_by_inputs, return_completeness_gap=True
    )
    assert torch.equal(found, plain) == multiply_by_inputs
    assert gap.shape == (2,)
    close(gap, plain.sum(PIXELS) - (score(IMAGES) - score(OTHER)))
    close(gap, gradients.completeness_gap(score, IMAGES, OTHER, plain))


def test_completeness_gap_of_any_attribution() -> None:
    score = linear_score(torch.ones(1))
    attribution = torch.zeros_like(IMAGES)
    close(gradients.completeness_gap(score, IMAGES, OTHER, attribution), (OTHER - IMAGES).sum(PIXELS))
    with pytest.raises(ValueError, match=r"attribution of the shape \(2, 3, 8, 8\), received \(2, 8, 8\)"):
        gradients.completeness_gap(score, IMAGES, OTHER, attribution[:, 0])


# ---- captum


@pytest.mark.parametrize(
    ("make_network", "rule", "n_steps"),
    [*((efficientnet, rule, 2) for rule in RULES), (efficientnet, "midpoint", 5), (random_resnet18, "midpoint", 3)],
)
def test_captum_agrees_on_real_photographs(
    make_network: Callable[[], networks.Network], rule: str, n_steps: int
) -> None:
    # In float64: a last bit that differs in a sample can switch a ReLU, and with it a few pixels' gradients.
    network, targets = deepcopy(make_network()).double(), [967, 872]
    images = torch.cat([pictures.photo(name, 64) for name in ("coffee", "camera")]).double()

    def score(images: Tensor) -> Tensor:  # samples come as (n · N, …)
        return network(images).gather(1, torch.tensor(targets).repeat(len(images) // 2).view(-1, 1)).squeeze(1)

    baseline = pictures.photo("cat", 64).double().expand_as(images) if n_steps == 5 else torch.zeros_like(images)
    ours, gap = gradients.integrated_gradients(
        score, images, baseline=baseline, rule=rule, n_steps=n_steps, return_completeness_gap=True
    )
    theirs, delta = IntegratedGradients(network).attribute(
        images, baseline, target=targets, n_steps=n_steps, method=CAPTUM_RULES[rule], return_convergence_delta=True
    )
    difference = (ours - theirs).abs().amax(dim=PIXELS) / theirs.abs().amax(dim=PIXELS)
    assert (difference <= 1e-6).all(), difference
    close(gap, delta, rtol=1e-5, atol=1e-5)


# ---- what the network is really asked


@given(st.integers(1, 20), st.integers(1, 9), st.integers(1, 3), st.sampled_from(RULES))
@settings(max_examples=40)
def test_the_network_sees_the_points_of_the_line(n_steps: int, batch_size: int, n_images: int, rule: str) -> None:
    images, start = (random_images(n_images, 1, 3, 4, seed=seed, dtype=torch.float64) for seed in (1, 2))
    score = Logged(quadratic_score(random_weight(images)))
    gradients.integrated_gradients(score, images, baseline=start, n_steps=n_steps, batch_size=batch_size, rule=rule)
    assert len(score.calls) == math.ceil(n_steps / batch_size)
    seen = torch.cat(score.calls).view(n_steps, *images.shape)
    alpha = (seen - start) / (images - start)  # the same number for all pixels: on the line
    expected = torch.tensor(samples.path_points(n_steps, rule)[0], dtype=torch.float64)
    close(alpha, expected.view(-1, 1, 1, 1, 1).expand_as(alpha), rtol=0, atol=1e-6)
    assert ((seen >= -1e-12) & (seen <= 1 + 1e-12)).all()


def test_the_gap_costs_two_more_calls_at_the_ends_of_the_line() -> None:
    score = Logged(quadratic_score(random_weight(IMAGES)))
    gradients.integrated_gradients(
        score, IMAGES, baseline=OTHER, n_steps=6, batch_size=4, return_completeness_gap=True
    )
    assert len(score.calls) == 4
    assert torch.equal(score.calls[2], IMAGES)
    assert torch.equal(score.calls[3], OTHER)


def test_samples_are_drawn_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = 0

    def counted(*arguments: object) -> Iterator[Tensor]:
        nonlocal drawn
        for sample in samples.path_samples(*arguments):
            drawn += 1
            yield sample

    asked: list[int] = []

    def score(images: Tensor) -> Tensor:
        asked.append(drawn)
        return images.square().sum(PIXELS)

    monkeypatch.setattr(gradients, "path_samples", counted)
    gradients.integrated_gradients(score, IMAGES, n_steps=10, batch_size=4)
    assert asked == [4, 8, 10]  # nothing is drawn ahead of the call that needs it


# ---- axioms and properties


@pytest.mark.parametrize("batch_size", [None, 1, 3, 100])
@pytest.mark.parametrize("rule", RULES)
def test_the_batch_size_changes_nothing(batch_size: int | None, rule: str) -> None:
    score = smooth_network().score("crow")
    found = gradients.integrated_gradients(score, IMAGES, n_steps=7, batch_size=batch_size, rule=rule)
    expected = gradients.integrated_gradients(score, IMAGES, n_steps=7, batch_size=7, rule=rule)
    close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("baseline", ["black", "white", "blur", OTHER, OTHER[:1]])
def test_every_image_gets_its_own(baseline: str | Tensor) -> None:
    score = smooth_network().score("crow")
    together, gaps = gradients.integrated_gradients(
        score, IMAGES, baseline=baseline, n_steps=3, return_completeness_gap=True
    )
    for n in range(2):
        start = baseline if isinstance(baseline, str) else baseline[n % len(baseline)][None]
        alone, gap = gradients.integrated_gradients(
            score, IMAGES[n : n + 1], baseline=start, n_steps=3, return_completeness_gap=True
        )
        close(alone[0], together[n])
        close(gap[0], gaps[n])


@given(st.floats(-3, 3), st.floats(-3, 3), st.sampled_from(RULES))
@settings(max_examples=15)
def test_linearity(a: float, b: float, rule: str) -> None:
    network, options = smooth_network(), {"n_steps": 4, "rule": rule, "baseline": OTHER}
    one, other = network.score(0), network.score(1)
    both = gradients.integrated_gradients(lambda x: a * one(x) + b * other(x), IMAGES, **options)
    parts = [gradients.integrated_gradients(score, IMAGES, **options) for score in (one, other)]
    close(both, a * parts[0] + b * parts[1], rtol=1e-9, atol=1e-12)


@given(st.integers(1, 12), st.integers(0, 50), st.sampled_from(RULES))
@settings(max_examples=15)
def test_the_reversed_path_changes_the_sign(n_steps: int, seed: int, rule: str) -> None:
    image, start = (random_images(1, seed=seed + k, dtype=torch.float64) for k in (0, 100))
    score = smooth_network().score("dove")
    back_rule = {"left": "right", "right": "left"}.get(rule, rule)
    forth = gradients.integrated_gradients(score, image, baseline=start, n_steps=n_steps, rule=rule)
    back = gradients.integrated_gradients(score, start, baseline=image, n_steps=n_steps, rule=back_rule)
    close(back, -forth, rtol=1e-9, atol=1e-12)


@given(st.integers(0, 50))
@settings(max_examples=10)
def test_symmetry(seed: int) -> None:
    """Pixels that the score treats alike, and that have the same values, receive the same."""
    image = random_images(1, 1, 1, 6, seed=seed, dtype=torch.float64)
    image[..., 4] = image[..., 1]

    def score(images: Tensor) -> Tensor:
        x = images.flatten(1).T
        return (x[1] * x[4]).exp() * x[0] + (x[1] + x[4] - x[5]).tanh()

    found = gradients.integrated_gradients(score, image, n_steps=5).flatten()
    close(found[1], found[4])
    assert found[[2, 3]].abs().max() == 0  # never used by the score: dummies receive nothing


def test_implementation_invariance() -> None:
    """Two ways to compute one function, tanh(x) = 2 sigmoid(2x) - 1, receive the same."""
    weight = random_weight(IMAGES)
    found = [
        gradients.integrated_gradients(score, IMAGES, n_steps=5)
        for score in (
            lambda x: (weight * x).sum(PIXELS).tanh(),
            lambda x: 2 * (2 * (weight * x).sum(PIXELS)).sigmoid() - 1,
        )
    ]
    close(*found, rtol=1e-9, atol=1e-12)


def test_the_seed_fixes_the_uniform_baseline_and_nothing_else_is_random() -> None:
    score = smooth_network().score("crow")
    found = [gradients.integrated_gradients(score, IMAGES, baseline="uniform", n_steps=3, seed=s) for s in (1, 1, 2)]
    assert torch.equal(found[0], found[1])
    assert not torch.allclose(found[0], found[2])
    own = samples.baseline_images(IMAGES, "uniform", seed=1)
    assert torch.equal(gradients.integrated_gradients(score, IMAGES, baseline=own, n_steps=3), found[0])


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("baseline", [*BASELINES, "own"])
def test_nothing_changes_and_no_graph_comes_back(mode: type, baseline: str) -> None:
    network = stateful_network().requires_grad_()
    options = {"n_steps": 3, "batch_size": 2, "return_completeness_gap": True}

    def attribute() -> tuple[Tensor, Tensor]:
        images = random_images().requires_grad_()
        start = random_images(seed=1) if baseline == "own" else baseline
        found = gradients.integrated_gradients(network.score("ant"), images, baseline=start, **options)
        assert torch.equal(images, random_images())
        assert images.grad is None
        return found

    expected = attribute()
    with mode():
        before = state_of(network)
        found = attribute()
        assert_same_state(before, state_of(network))
    close(found, expected)
    assert not any(value.requires_grad for value in found)


# ---- bad input (what all methods refuse: test_bad_input.py)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_steps": 0}, ValueError, "at least 1 step, received n_steps=0"),
        ({"n_steps": -2}, ValueError, "at least 1 step"),
        ({"batch_size": 0}, ValueError, "batch_size of at least 1"),
        ({"rule": "trapezoid"}, ValueError, "Unknown rule 'trapezoid'. Did you mean"),
        ({"rule": "Gauss"}, ValueError, "Did you mean 'gauss'"),
        ({"baseline": "grey"}, ValueError, "Unknown baseline 'grey'. Did you mean"),
        ({"baseline": "whyte"}, ValueError, "Did you mean 'white'"),
        ({"baseline": 0}, TypeError, "baseline as a string, received int"),
        ({"baseline": torch.zeros(2, 3, 8, 9)}, ValueError, r"baseline of shape \(2, 3, 8, 8\)"),
        ({"baseline": torch.zeros(3, 3, 8, 8)}, ValueError, r"baseline of shape \(2, 3, 8, 8\)"),
        ({"baseline": torch.zeros(3, 8, 8)}, ValueError, r"shape \(N, C, H, W\)"),
        ({"baseline": torch.full((1, 3, 8, 8), 1.2)}, ValueError, r"pixels in \[0, 1\]"),
        ({"baseline": torch.full((1, 3, 8, 8), math.nan)}, ValueError, "NaN or infinity"),
        ({"baseline": torch.zeros(1, 3, 8, 8, dtype=torch.int64)}, TypeError, "floating-point"),
    ],
)
def test_bad_options(options: dict[str, object], error: type[Exception], message: str) -> None:
    score = Logged(linear_score(torch.ones(1)))
    with pytest.raises(error, match=message):
        gradients.integrated_gradients(score, random_images(), **options)
    assert not score.calls
