"""Attacks against closed forms, against torchattacks, and in the last bit."""

import importlib.util
import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lecture_lib import attacks, networks
from tests.shared.networks import (
    CLASSES,
    PIXELS,
    Logged,
    assert_same_state,
    efficientnet,
    linear_score,
    photographs,
    random_images,
    random_weight,
    smooth_network,
    state_of,
    stateful_network,
)

close = torch.testing.assert_close
GRAY = torch.full((1, 3, 4, 5), 0.5, dtype=torch.float64)
METHODS = pytest.mark.parametrize("attack", [attacks.fgsm, attacks.bim], ids=["fgsm", "bim"])


def linear_network(classes: int, like: Tensor, *, seed: int = 0, scale: float = 1.0) -> networks.Network:
    """Logits W · image + b."""
    generator = torch.Generator().manual_seed(seed)
    layer = nn.Linear(like[0].numel(), classes)
    layer.weight.data = scale * torch.randn(layer.weight.shape, generator=generator)
    layer.bias.data = scale * 0.1 * torch.randn(classes, generator=generator)
    model = nn.Sequential(nn.Flatten(), layer)
    return networks.Network(model, CLASSES[:classes], (0.0,) * like.shape[1], (1.0,) * like.shape[1]).to(like.dtype)


def weight_difference(network: networks.Network, target: int, label: int) -> Tensor:
    weight = network.model[1].weight
    return weight[target] - weight[label]


def in_the_ball(images: Tensor, original: Tensor, epsilon: float) -> bool:
    """In [0, 1] and at most epsilon away: compared exactly, in the images' precision and in a higher one."""
    exactly = (images.double() - original.double()).abs().max().item() <= epsilon
    as_floats = bool(((images - original).abs() <= epsilon).all())
    return exactly and as_floats and bool(((images >= 0) & (images <= 1)).all())


# ---- fgsm and bim: closed forms


@pytest.mark.parametrize("epsilon", [0.0, 2 / 255, 0.1])
def test_fgsm_moves_a_linear_score_by_epsilon_times_the_l1_norm(epsilon: float) -> None:
    weight = random_weight(GRAY)
    attack = attacks.fgsm(linear_score(weight), GRAY, epsilon=epsilon)
    close(attack.score_after - attack.score_before, epsilon * weight.abs().sum().view(1), atol=1e-12, rtol=1e-12)
    close(attack.perturbation, epsilon * weight.sign(), atol=1e-15, rtol=0)
    close(attack.l2, torch.tensor([epsilon * math.sqrt(60)]).double())
    close(attack.linf, torch.tensor([epsilon]).double())


def test_fgsm_moves_the_margin_of_a_linear_network() -> None:
    network = linear_network(2, GRAY)
    label = int(network(GRAY).argmax())
    target = 1 - label
    attack = attacks.fgsm(network.loss(label), GRAY, epsilon=0.01)
    rise = attacks.margin(network, target)(attack.images) - attacks.margin(network, target)(GRAY)
    close(rise.item(), 0.01 * weight_difference(network, target, label).abs().sum().item())


def test_bim_reaches_the_corner_of_the_ball_on_a_linear_score() -> None:
    weight = random_weight(GRAY)
    one = attacks.fgsm(linear_score(weight), GRAY, epsilon=0.1)
    many = attacks.bim(linear_score(weight), GRAY, epsilon=0.1, step_size=0.03, n_steps=4)
    assert torch.equal(one.images, many.images)


def test_steps_of_bim_by_hand() -> None:
    image, path = torch.full((1, 1, 1, 1), 0.5).double(), []
    path = list(attacks.bim_path(linear_score(-torch.ones(1)), image, epsilon=0.1, step_size=0.04, n_steps=4))
    assert [round(step.item(), 12) for step in path] == [0.5, 0.46, 0.42, 0.4, 0.4]


def test_bim_computes_a_fresh_gradient_at_every_step() -> None:
    """A parabola with its top at 0.52: a stale gradient would walk past it."""
    logged = Logged(lambda images: -(images - 0.52).square().sum(PIXELS))
    image = torch.full((1, 1, 1, 1), 0.5).double()
    path = list(attacks.bim_path(logged, image, epsilon=0.1, step_size=0.015, n_steps=4))
    assert [round(step.item(), 12) for step in path] == [0.5, 0.515, 0.53, 0.515, 0.53]
    assert [round(call.item(), 12) for call in logged.calls] == [0.5, 0.515, 0.53, 0.515]


def test_fgsm_is_bim_with_one_step() -> None:
    images, network = random_images(), stateful_network()
    one = attacks.fgsm(network.loss("bee"), images, epsilon=0.03)
    many = attacks.bim(network.loss("bee"), images, epsilon=0.03, step_size=0.03, n_steps=1)
    assert torch.equal(one.images, many.images)


def test_the_default_step_is_a_quarter_of_epsilon() -> None:
    path = list(attacks.bim_path(linear_score(torch.ones(1).double()), GRAY, epsilon=0.1))
    assert [round((step - GRAY).max().item(), 12) for step in path] == [0, 0.025, 0.05, 0.075] + [0.1] * 7


def test_pixels_without_a_gradient_stay() -> None:
    weight = random_weight(GRAY)
    weight[:, 1] = 0
    attack = attacks.bim(linear_score(weight), GRAY, epsilon=0.1)
    assert torch.equal(attack.images[:, 1], GRAY[:, 1])
    assert bool((attack.perturbation[:, [0, 2]].abs() > 0.09).all())


def test_the_attack_climbs_what_it_is_given() -> None:
    network, images = smooth_network(), random_images(dtype=torch.float64)
    away = attacks.bim(network.loss("bee"), images, epsilon=0.05)
    towards = attacks.bim(network.score("bee"), images, epsilon=0.05)
    back = attacks.bim(lambda x: -network.loss("bee")(x), images, epsilon=0.05)
    assert bool((away.score_after > away.score_before).all())
    assert bool((towards.score_after > towards.score_before).all())
    assert bool((back.score_after > back.score_before).all())
    close(away.score_before, network.loss("bee")(images))
    close(away.score_after, network.loss("bee")(away.images))


@METHODS
def test_images_do_not_influence_one_another(attack: Callable[..., attacks.Attack]) -> None:
    network, images = smooth_network(), random_images(3, dtype=torch.float64)
    together = attack(network.loss("bee"), images, epsilon=0.05).images
    alone = torch.cat([attack(network.loss("bee"), image[None], epsilon=0.05).images for image in images])
    close(together, alone, atol=1e-12, rtol=0)


@METHODS
def test_the_same_call_gives_the_same_images(attack: Callable[..., attacks.Attack]) -> None:
    network, images = stateful_network(), random_images()
    before = state_of(network)
    first = attack(network.loss("bee"), images, epsilon=0.05)
    assert torch.equal(first.images, attack(network.loss("bee"), images, epsilon=0.05).images)
    assert_same_state(before, state_of(network))
    assert torch.equal(images, random_images())
    assert not first.images.requires_grad
    assert not first.score_after.requires_grad


@METHODS
def test_gradients_may_be_switched_off_outside(attack: Callable[..., attacks.Attack]) -> None:
    network, images = stateful_network(), random_images()
    expected = attack(network.loss("bee"), images, epsilon=0.05).images
    with torch.no_grad():
        assert torch.equal(attack(network.loss("bee"), images, epsilon=0.05).images, expected)
    assert torch.equal(attack(network.loss("bee"), images.clone().requires_grad_(), epsilon=0.05).images, expected)


# ---- the ball and [0, 1], to the last bit


@given(
    seed=st.integers(0, 10**6),
    epsilon=st.one_of(st.sampled_from([k / 255 for k in range(9)]), st.floats(0, 1)),
    share=st.floats(0.05, 1),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_every_image_is_in_the_ball_and_in_range(seed: int, epsilon: float, share: float, dtype: torch.dtype) -> None:
    images = random_images(2, height=9, seed=seed, dtype=dtype)
    images[0] = (255 * images[0]).round() / 255
    images[1, 0] = images[1, 0].round()  # black and white
    images[1, 1] *= 1e-4
    score = linear_score(random_weight(images, seed=seed))
    assert in_the_ball(attacks.fgsm(score, images, epsilon=epsilon).images, images, epsilon)
    steps = attacks.bim_path(score, images, epsilon=epsilon, step_size=share * epsilon, n_steps=4)
    assert all(in_the_ball(step, images, epsilon) for step in steps)


def test_rounding_alone_would_leave_the_ball() -> None:
    """The test above can fail: plain float32 arithmetic leaves the ball by a last bit."""
    images = (255 * random_images(10)).round() / 255
    assert not in_the_ball((images + 2 / 255).clamp(0, 1), images, 2 / 255)


def test_the_ball_is_not_smaller_than_a_last_bit() -> None:
    images = random_images(2)
    low, high = attacks._ball(images, 2 / 255)
    close(low, (images - 2 / 255).clamp_min(0), atol=1e-7, rtol=0)
    close(high, (images + 2 / 255).clamp_max(1), atol=1e-7, rtol=0)
    assert not in_the_ball(high.nextafter(torch.tensor(2.0)), images, 2 / 255)


def test_the_ball_lies_around_the_original_not_around_the_last_image() -> None:
    attack = attacks.bim(linear_score(torch.ones(1)), random_images(), epsilon=0.05, step_size=0.05, n_steps=20)
    assert attack.linf.max() <= 0.05


# ---- stopping


def brightness_above(limit: float) -> attacks.Criterion:
    return lambda images: images.mean(dim=PIXELS) > limit


def test_an_image_stops_where_the_criterion_holds() -> None:
    images = torch.tensor([0.2, 0.3, 0.9]).double().view(3, 1, 1, 1)
    logged = Logged(linear_score(torch.ones(1)))
    options = {"epsilon": 0.5, "step_size": 0.1, "n_steps": 9, "until": brightness_above(0.45)}
    attack = attacks.bim(logged, images, **options)
    close(attack.images.flatten(), torch.tensor([0.5, 0.5, 0.9]).double())
    assert attack.success.tolist() == [True, True, True]
    assert torch.equal(attack.images[2], images[2])
    assert len(logged.calls) == 3  # the steps; the scores are computed when they are asked for, once
    for _ in range(2):
        assert bool((attack.score_after >= attack.score_before).all())
    assert len(logged.calls) == 3 + 2
    assert len(list(attacks.bim_path(logged, images, **options))) == 4


def test_success_says_which_images_got_there() -> None:
    images = torch.tensor([0.1, 0.4]).view(2, 1, 1, 1)
    attack = attacks.fgsm(linear_score(torch.ones(1)), images, epsilon=0.1, until=brightness_above(0.45))
    assert attack.success.tolist() == [False, True]
    assert attacks.fgsm(linear_score(torch.ones(1)), images, epsilon=0.1).success is None


def test_criteria_and_margin() -> None:
    network, images = stateful_network(), random_images(6)
    logits = network(images)
    for index, name in enumerate(CLASSES):
        rest = torch.stack([logits[:, k] for k in range(len(CLASSES)) if k != index], dim=1).amax(dim=1)
        close(attacks.margin(network, name)(images), logits[:, index] - rest)
        assert torch.equal(attacks.classified_as(network, name)(images), logits[:, index] > rest)
        assert torch.equal(attacks.misclassified(network, index)(images), logits[:, index] < rest)
    for make in (attacks.margin, attacks.classified_as, attacks.misclassified):
        with pytest.raises(ValueError, match="Unknown class 'bea'"):
            make(network, "bea")


# ---- another library

NO_WITNESS = pytest.mark.skipif(
    importlib.util.find_spec("torchattacks") is None,
    reason="torchattacks is not installed (it asks for an old requests): pip install --no-deps torchattacks==3.5.1",
)


@NO_WITNESS
@pytest.mark.parametrize("kind", ["small", "photographs"])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(("name", "options"), [("FGSM", {}), ("BIM", {"alpha": 0.6 / 255, "steps": 4})])
def test_torchattacks_gives_the_same_images(kind: str, targeted: bool, name: str, options: dict[str, Any]) -> None:
    import torchattacks

    network, images = (
        (stateful_network(), random_images(3)) if kind == "small" else (efficientnet(), photographs(("coffee",)))
    )
    label = int(network(images)[0].argmax())
    target = (label + 1) % len(network.classes)
    other = getattr(torchattacks, name)(network, eps=2 / 255, **options)
    if targeted:
        other.set_mode_targeted_by_label(quiet=True)
    theirs = other(images, torch.full((len(images),), target if targeted else label))
    score = (lambda x: -network.loss(target)(x)) if targeted else network.loss(label)
    if name == "FGSM":
        ours = attacks.fgsm(score, images, epsilon=2 / 255)
    else:
        ours = attacks.bim(score, images, epsilon=2 / 255, step_size=0.6 / 255, n_steps=4)
    close(ours.images, theirs, atol=1e-6, rtol=0)


# ---- minimal_perturbation


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_distance_to_a_plane(classes: int, scale: float, dtype: torch.dtype) -> None:
    images = 0.4 + 0.2 * random_images(2, height=4, width=4, dtype=dtype)
    network = linear_network(classes, images, scale=scale)
    for image in images.split(1):
        label, target = network(image)[0].topk(2).indices.tolist()
        w = weight_difference(network, target, label)
        behind = network(image)[0, label] - network(image)[0, target]
        attack = attacks.minimal_perturbation(network, image, target)
        assert attack.success.tolist() == [True]
        assert 1 - 1e-6 <= (attack.l2 * w.norm() / behind).item() < 1.01
        close(attack.perturbation.flatten() / attack.l2, w / w.norm(), atol=1e-2, rtol=0)
        close(attack.score_before.item(), -behind.item(), rtol=1e-4, atol=0)
        assert 0 < attack.score_after.item() < 0.01 * behind.item()


def test_pixels_at_the_edge_of_the_range_do_not_help() -> None:
    """Half of the pixels are white and would have to get brighter: the others do the work alone."""
    image = torch.full((1, 1, 4, 6), 0.5)
    image[..., :3] = 1
    network = linear_network(2, image)
    weight = network.model[1].weight
    weight.data[1] = weight[0] + 0.1 + random_images(1, 1, 4, 6).flatten()  # the difference is positive everywhere
    network.model[1].bias.data = torch.tensor([0.0, -weight_difference(network, 1, 0).dot(image.flatten()) - 0.7])
    attack = attacks.minimal_perturbation(network, image, 1)
    free = weight_difference(network, 1, 0).view(4, 6)[:, 3:]
    assert attack.success.all()
    assert attack.l2.item() == pytest.approx(0.7 / free.norm().item(), rel=0.01)
    assert torch.equal(attack.images[..., :3], image[..., :3])


def test_the_distance_to_a_circle() -> None:
    """Class 1 is outside a circle around gray: minimal norm = radius - distance from the centre, straight out."""

    class Circle(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            distance = (images - 0.5).flatten(1).norm(dim=1)
            return torch.stack([torch.zeros_like(distance), 20 * (distance.square() - 0.16)], dim=1)

    network = networks.Network(Circle(), ["inside", "outside"], [0.0], [1.0])
    image = torch.tensor([0.6, 0.55]).view(1, 1, 1, 2)
    attack = attacks.minimal_perturbation(network, image, "outside", n_steps=20, n_weights=8)
    assert attack.success.all()
    assert attack.l2.item() == pytest.approx(0.4 - math.hypot(0.1, 0.05), rel=0.01)
    close(attack.images.flatten() - 0.5, 0.4 * torch.tensor([0.1, 0.05]) / math.hypot(0.1, 0.05), atol=1e-2, rtol=0)


def smallest(attack: Callable[..., attacks.Attack], reached: attacks.Criterion) -> attacks.Attack:
    """The attack with the smallest epsilon that reaches its aim."""
    epsilon = attacks.smallest_epsilon(lambda e: attack(epsilon=e).images, reached, largest=1.0)
    return attack(epsilon=epsilon)


def test_it_needs_less_than_fgsm_and_bim() -> None:
    network, images = stateful_network(), random_images(4)
    for image in images.split(1):
        target = int(network(image)[0].topk(2).indices[1])
        score, reached = attacks.margin(network, target), attacks.classified_as(network, target)
        nearest = attacks.minimal_perturbation(network, image, target)
        assert nearest.success.all()
        for attack in (attacks.fgsm, attacks.bim):
            assert nearest.l2 < smallest(partial(attack, score, image), reached).l2


def test_a_tie_is_broken() -> None:
    image = torch.full((1, 3, 2, 2), 0.5)
    network = linear_network(2, image)
    network.model[1].bias.data = torch.zeros(2)
    network.model[1].weight.data -= network.model[1].weight.mean(dim=1, keepdim=True)  # both logits are 0 on gray
    attack = attacks.minimal_perturbation(network, image, 1)
    assert attack.l2 < 1e-3


def test_minimal_perturbations_are_valid_images_and_leave_the_network_alone() -> None:
    network, images = stateful_network(), random_images(3).round()
    before = state_of(network)
    attack = attacks.minimal_perturbation(network, images, "dove")
    assert_same_state(before, state_of(network))
    assert bool(((attack.images >= 0) & (attack.images <= 1)).all())
    assert attack.images.dtype == torch.float32
    assert not attack.images.requires_grad
    assert torch.equal(attack.success, attacks.classified_as(network, "dove")(attack.images))
    assert torch.equal(attack.images, attacks.minimal_perturbation(network, images, "dove").images)
    with torch.no_grad():
        assert torch.equal(attack.images, attacks.minimal_perturbation(network, images, "dove").images)


def test_images_of_the_class_stay_as_they_are() -> None:
    network, images = stateful_network(), random_images(1)
    attack = attacks.minimal_perturbation(network, images, int(network(images).argmax()))
    assert torch.equal(attack.images, images)
    assert attack.success.all()


def test_a_class_that_cannot_be_reached() -> None:
    image = torch.full((1, 3, 2, 2), 0.5)
    network = linear_network(2, image)
    network.model[1].bias.data = torch.tensor([1000.0, 0.0])
    attack = attacks.minimal_perturbation(network, image, 1)
    assert attack.success.tolist() == [False]
    assert bool(((attack.images >= 0) & (attack.images <= 1)).all())
    network.model[1].weight.data.zero_()  # no gradient either
    assert torch.equal(attacks.minimal_perturbation(network, image, 1).images, image)


def test_the_work_is_bounded() -> None:
    network, image = smooth_network(), random_images(1, dtype=torch.float64)
    calls = []
    with network.register_forward_pre_hook(lambda *_: calls.append(None)):
        attacks.minimal_perturbation(network, image, int(network(image).argmin()), n_weights=3, n_steps=4)
    assert len(calls) <= 1 + 2 + 3 * (4 + 5 + 20 + 1) + 12 + 3  # a line search may add up to 20 to the last step


@pytest.mark.parametrize("options", [{"n_weights": 0}, {"n_steps": 0}])
def test_no_work_is_an_error(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1, received"):
        attacks.minimal_perturbation(stateful_network(), random_images(1), 1, **options)


# ---- smallest_epsilon


def steps_at(*edges: float) -> Callable[[float], Tensor]:
    """An attack whose image is white between the first two edges, from the third on, …, and black elsewhere."""

    def attack(epsilon: float) -> Tensor:
        return torch.full((1, 1, 1, 1), float(sum(epsilon >= edge for edge in edges) % 2))

    return attack


@given(edge=st.floats(0.001, 0.99), tolerance=st.floats(1e-6, 1e-2), n_scan=st.integers(1, 20))
def test_bisection_finds_a_single_edge(edge: float, tolerance: float, n_scan: int) -> None:
    found = attacks.smallest_epsilon(
        steps_at(edge), brightness_above(0.5), largest=1.0, n_scan=n_scan, tolerance=tolerance
    )
    assert edge <= found <= edge + tolerance


def test_on_a_linear_score_it_is_the_gap_over_the_l1_norm() -> None:
    weight = random_weight(GRAY)
    score = linear_score(weight)
    goal = score(GRAY) + 0.3
    found = attacks.smallest_epsilon(
        lambda epsilon: attacks.fgsm(score, GRAY, epsilon=epsilon).images, lambda x: score(x) >= goal, tolerance=1e-7
    )
    assert 0 <= found - 0.3 / weight.abs().sum().item() <= 1e-7


def test_a_larger_epsilon_may_fail_again() -> None:
    """Success from 0.22 to 0.33 and from 0.8 on: the scan finds the first window, plain bisection would not."""
    found = attacks.smallest_epsilon(
        steps_at(0.22, 0.33, 0.8), brightness_above(0.5), largest=1.0, n_scan=10, tolerance=1e-3
    )
    assert 0.22 <= found <= 0.221
    coarse = attacks.smallest_epsilon(
        steps_at(0.22, 0.24, 0.8), brightness_above(0.5), largest=1.0, n_scan=10, tolerance=1e-3
    )
    assert 0.8 <= coarse <= 0.801  # as documented: narrower than a step of the scan


def test_no_epsilon_will_do() -> None:
    assert attacks.smallest_epsilon(steps_at(2.0), brightness_above(0.5)) == math.inf


def test_all_images_have_to_succeed() -> None:
    found = attacks.smallest_epsilon(
        lambda epsilon: torch.cat([steps_at(0.2)(epsilon), steps_at(0.6)(epsilon)]),
        brightness_above(0.5),
        largest=1.0,
    )
    assert found == pytest.approx(0.6, abs=1e-3)


@pytest.mark.parametrize("options", [{"largest": 0.0}, {"largest": 8.0}, {"n_scan": 0}, {"tolerance": 0.0}])
def test_numbers_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Expected largest in \(0, 1\]"):
        attacks.smallest_epsilon(steps_at(0.1), brightness_above(0.5), **options)


# ---- quantize


def test_quantize_rounds_to_the_nearest_level_as_a_file_does() -> None:
    images = random_images()
    stored = (images.double() * 255).round().to(torch.uint8).numpy()
    assert np.array_equal((attacks.quantize(images) * 255).round().to(torch.uint8).numpy(), stored)
    close(attacks.quantize(images), torch.from_numpy(stored).float() / 255)
    assert (attacks.quantize(images) - images).abs().max() <= 0.5 / 255 + 1e-7
    up, down = attacks.quantize(torch.tensor([7.6, 7.4]).view(2, 1, 1, 1) / 255).flatten() * 255
    assert (round(up.item(), 4), round(down.item(), 4)) == (8, 7)
    assert sorted(attacks.quantize(images, levels=2).unique().tolist()) == [0, 1]


def test_a_photograph_has_256_levels_already_and_whole_steps_survive() -> None:
    photo = photographs(("coffee",))
    assert torch.equal(attacks.quantize(photo), photo)
    attack = attacks.bim(linear_score(random_weight(photo)), photo, epsilon=2 / 255, step_size=1 / 255, n_steps=2)
    close(attacks.quantize(attack.images), attack.images, atol=1e-6, rtol=0)


def test_quantize_errors() -> None:
    with pytest.raises(ValueError, match="at least 2 levels, received 1"):
        attacks.quantize(random_images(), levels=1)


# ---- errors (what all methods refuse: test_bad_input.py)


@pytest.mark.parametrize("options", [{"epsilon": 2}, {"epsilon": -0.1}, {"epsilon": math.nan}, {"step_size": 1.5}])
def test_epsilon_in_levels_of_a_file_is_an_error(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"2/255, not 2"):
        attacks.bim(linear_score(torch.ones(1)), random_images(), **({"epsilon": 0.1} | options))


def test_no_steps_are_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="at least 1 step, received n_steps=0"):
        attacks.bim_path(linear_score(torch.ones(1)), random_images(), epsilon=0.1, n_steps=0)


@pytest.mark.parametrize(
    "until",
    [lambda x: x.sum(PIXELS), lambda x: True, lambda x: torch.tensor(True), lambda x: x > 0],
    ids=["scores", "a bool", "one for all", "one a pixel"],
)
def test_a_criterion_that_is_none(until: Any) -> None:
    with pytest.raises(ValueError, match="one bool per image"):
        attacks.bim(linear_score(torch.ones(1)), random_images(), epsilon=0.1, until=until)


def test_longer_attacks_in_a_path_come_nearer(capsys: pytest.CaptureFixture[str]) -> None:
    network, images = smooth_network(), random_images(dtype=torch.float64)
    path = attacks.bim_path(network.loss("bee"), images, epsilon=0.2, step_size=0.005, n_steps=8)
    losses = [network.loss("bee")(step) for step in path]
    assert all(bool((later > earlier).all()) for earlier, later in pairwise(losses))
    assert capsys.readouterr().out == ""
