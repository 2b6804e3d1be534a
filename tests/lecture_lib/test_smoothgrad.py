"""SmoothGrad: closed forms, captum on the same noise, the inputs that it really evaluates, and its properties."""

import math
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from captum.attr import NoiseTunnel, Saliency
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
KINDS = [{}, {"noise_blur": 1.0}, {"correlation": torch.eye(64, dtype=torch.float64)}]


# ---- closed forms


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("n_samples", [1, 2, 8, 13])
def test_of_a_linear_score_it_is_the_weight_and_no_draw_differs(n_samples: int, options: dict[str, object]) -> None:
    images = random_images(dtype=torch.float64)
    weight = random_weight(images)
    found = gradients.smoothgrad(linear_score(weight), images, n_samples=n_samples, noise_level=0.4, **options)
    close(found, weight.expand_as(images), rtol=1e-12, atol=1e-12)
    draws = samples.noisy_samples(images, n_samples=n_samples, noise_level=0.4, **options)
    every = torch.stack(list(gradients.sample_gradients(linear_score(weight), draws)))
    assert torch.equal(every, weight.expand_as(every))  # variance 0


def test_of_a_quadratic_score_it_is_the_gradient_at_the_mean_sample() -> None:
    images = random_images(dtype=torch.float64)
    weight = random_weight(images)
    found = gradients.smoothgrad(quadratic_score(weight), images, n_samples=20, noise_level=0.3, seed=3)
    mean = torch.stack(list(samples.noisy_samples(images, n_samples=20, noise_level=0.3, seed=3))).mean(dim=0)
    close(found, weight * mean)


def test_the_expectation_for_a_quadratic_score_is_its_gradient() -> None:
    images = random_images(1, 1, 4, 4, dtype=torch.float64)
    weight, n = random_weight(images), 4000
    found = gradients.smoothgrad(quadratic_score(weight), images, n_samples=n, noise_level=0.2, batch_size=500)
    sigma = 0.2 * float(images.max() - images.min())
    assert ((found - weight * images) / weight).abs().max() < 5 * sigma / n**0.5


def test_the_expectation_for_a_sine_is_damped_by_its_frequency() -> None:
    # E[cos(a (x + σ n))] = cos(a x) · exp(-(a σ)² / 2): the gradient of the smoothed score.
    images = random_images(1, 1, 4, 4, dtype=torch.float64)
    weight, n = 3 * random_weight(images), 4000
    found = gradients.smoothgrad(sine_score(weight), images, n_samples=n, noise_level=0.3, batch_size=500)
    sigma = 0.3 * float(images.max() - images.min())
    expected = weight * (weight * images).cos() * torch.exp(-((weight * sigma) ** 2) / 2)
    assert ((found - expected) / weight).abs().max() < 5 / n**0.5


def test_correlated_noise_smooths_only_along_its_correlation() -> None:
    # Two pixels that move together: E[cos(x1 - x2)] is not damped at all, E[cos(x1 + x2)] twice as much.
    image = torch.tensor([[[[0.2, 1.0, 0.0]]]], dtype=torch.float64)
    together = torch.tensor([[1, 0.999999, 0], [0.999999, 1, 0], [0, 0, 1]], dtype=torch.float64)

    def smoothed(sign: int, correlation: Tensor | None) -> float:
        def score(images: Tensor) -> Tensor:
            return (images[:, 0, 0, 0] + sign * images[:, 0, 0, 1]).sin()

        options = {"n_samples": 4000, "noise_level": 0.5, "batch_size": 500, "correlation": correlation}
        return gradients.smoothgrad(score, image, **options)[0, 0, 0, 0].item()

    for sign, correlation, variance in [(-1, together, 0), (1, together, 1), (-1, None, 0.5), (1, None, 0.5)]:
        expected = math.cos(0.2 + sign * 1.0) * math.exp(-variance / 2)
        assert smoothed(sign, correlation) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("n_samples", [1, 5])
def test_without_noise_it_is_the_gradient(n_samples: int) -> None:
    score, images = smooth_network().score("bee"), random_images(dtype=torch.float64)
    close(gradients.smoothgrad(score, images, noise_level=0, n_samples=n_samples), gradients.gradient(score, images))


# ---- captum, on the same noise


@pytest.mark.parametrize(("make_network", "n_samples"), [(efficientnet, 3), (random_resnet18, 2)])
def test_captum_agrees_on_the_same_noise(
    make_network: Callable[[], networks.Network], n_samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In float64: a last bit that differs in a sample can switch a ReLU, and with it a few pixels' gradients.
    network, targets = deepcopy(make_network()).double(), [967, 872]
    images = torch.cat([pictures.photo(name, 64) for name in ("coffee", "camera")]).double()

    def score(images: Tensor) -> Tensor:  # samples come as (n · N, …), image after image
        return network(images).gather(1, torch.tensor(targets).repeat(len(images) // 2).view(-1, 1)).squeeze(1)

    drawn = torch.stack(list(samples.noisy_samples(images, noise_level=0.2, n_samples=n_samples, seed=1)))
    ours = gradients.smoothgrad(score, images, noise_level=0.2, n_samples=n_samples, seed=1)
    # captum wants (N · n, …): the samples of an image one after another; its own normal() is given our noise.
    same_noise = (drawn - images).transpose(0, 1).flatten(0, 1)
    monkeypatch.setattr(torch, "normal", lambda *_, **__: same_noise)
    theirs = NoiseTunnel(Saliency(network)).attribute(
        images, nt_type="smoothgrad", nt_samples=n_samples, stdevs=1.0, target=targets, abs=False
    )
    difference = (ours - theirs).abs().amax(dim=PIXELS) / theirs.abs().amax(dim=PIXELS)
    assert (theirs.abs().amax(dim=PIXELS) > 0).all()
    assert (difference <= 1e-6).all(), difference


# ---- what the network is really asked


@given(st.integers(1, 20), st.integers(1, 9), st.integers(1, 3))
@settings(max_examples=30)
def test_the_network_sees_every_noisy_copy_once(n_samples: int, batch_size: int, n_images: int) -> None:
    images = random_images(n_images, 1, 3, 4)
    score = Logged(quadratic_score(random_weight(images)))
    gradients.smoothgrad(score, images, n_samples=n_samples, batch_size=batch_size, seed=2)
    assert len(score.calls) == math.ceil(n_samples / batch_size)
    assert max(map(len, score.calls)) <= batch_size * n_images
    assert torch.equal(
        torch.cat(score.calls), torch.cat(list(samples.noisy_samples(images, n_samples=n_samples, seed=2)))
    )


def test_the_noise_that_the_network_sees_is_centred_independent_and_scaled_by_image() -> None:
    images = torch.cat([random_images(1), 0.2 * random_images(1) + 0.4])
    score = Logged(linear_score(torch.ones(1)))
    gradients.smoothgrad(score, images, n_samples=400, noise_level=0.25)
    seen = torch.cat(score.calls).view(400, *images.shape) - images
    for n, image in enumerate(images):
        sigma = 0.25 * float(image.max() - image.min())
        assert seen[:, n].std().item() == pytest.approx(sigma, rel=0.02)
        assert abs(seen[:, n].mean().item()) < 0.02 * sigma
    flat = seen.flatten(1)
    assert (torch.corrcoef(flat[:, ::37].T) - torch.eye(len(range(0, flat.shape[1], 37)))).abs().max() < 0.3
    assert len({tuple(draw[:3].tolist()) for draw in flat}) == 400  # no draw twice


# ---- properties


@pytest.mark.parametrize("batch_size", [None, 1, 3, 100])
def test_the_batch_size_changes_nothing(batch_size: int | None) -> None:
    score, images = smooth_network().score("crow"), random_images(dtype=torch.float64)
    found = gradients.smoothgrad(score, images, n_samples=7, batch_size=batch_size)
    close(found, gradients.smoothgrad(score, images, n_samples=7, batch_size=7), rtol=1e-9, atol=1e-12)


def test_seeds_and_generators() -> None:
    score, images = smooth_network().score("crow"), random_images(dtype=torch.float64)
    maps = [gradients.smoothgrad(score, images, n_samples=3, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(maps[0], maps[1])
    assert not torch.allclose(maps[0], maps[2])
    generator = torch.Generator().manual_seed(1)
    assert torch.equal(gradients.smoothgrad(score, images, n_samples=3, seed=generator), maps[2])
    assert not torch.allclose(gradients.smoothgrad(score, images, n_samples=3, seed=generator), maps[2])


@given(st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 50))
@settings(max_examples=10)
def test_it_is_linear_in_the_score(a: float, b: float, seed: int) -> None:
    network, images = smooth_network(), random_images(1, dtype=torch.float64)
    one, other = network.score(0), network.score(1)
    both = gradients.smoothgrad(lambda x: a * one(x) + b * other(x), images, n_samples=4, seed=seed)
    parts = [gradients.smoothgrad(score, images, n_samples=4, seed=seed) for score in (one, other)]
    close(both, a * parts[0] + b * parts[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_nothing_changes_and_no_graph_comes_back(mode: type) -> None:
    network = stateful_network().requires_grad_()
    expected = gradients.smoothgrad(network.score("ant"), random_images(), n_samples=3)
    with mode():
        images = random_images().requires_grad_()
        before = state_of(network)
        found = gradients.smoothgrad(network.score("ant"), images, n_samples=3, batch_size=2)
        assert_same_state(before, state_of(network))
    close(found, expected)
    assert not found.requires_grad
    assert torch.equal(images, random_images())
    assert images.grad is None


# ---- bad input (what all methods refuse: test_bad_input.py)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_samples": 0}, "n_samples >= 1"),
        ({"noise_level": -0.2}, "noise_level >= 0"),
        ({"noise_blur": -0.2}, "noise_blur >= 0"),
        ({"batch_size": 0}, "batch_size of at least 1"),
        ({"correlation": torch.eye(3)}, "correlation matrix of shape"),
        ({"correlation": torch.ones(64, 64)}, "positive definite"),
    ],
)
def test_bad_options(options: dict[str, object], message: str) -> None:
    score = Logged(linear_score(torch.ones(1)))
    with pytest.raises(ValueError, match=message):
        gradients.smoothgrad(score, random_images(), **options)
    assert not score.calls
