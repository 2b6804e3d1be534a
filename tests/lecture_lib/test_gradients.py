"""Closed forms first, then captum and finite differences as witnesses, then what must not happen."""

import itertools
import math
import weakref
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from captum.attr import Saliency
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from tqdm import tqdm

from lecture_lib import gradients, networks, progress
from tests.shared.networks import (
    BAD_IMAGES,
    PIXELS,
    Logged,
    assert_same_state,
    efficientnet,
    linear_score,
    photographs,
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


# ---- gradient: closed forms


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "channels", "height", "width"), [(1, 1, 1, 1), (1, 1, 5, 3), (4, 3, 8, 6)])
def test_linear_score(n: int, channels: int, height: int, width: int, dtype: torch.dtype) -> None:
    images = random_images(n, channels, height, width, dtype=dtype)
    weight = random_weight(images)
    found = gradients.gradient(linear_score(weight, bias=3.0), images)
    assert found.dtype == dtype
    assert torch.equal(found, weight.expand_as(images))


def test_quadratic_score() -> None:
    images = random_images()
    weight = random_weight(images)
    close(gradients.gradient(quadratic_score(weight), images), weight * images)


def test_sine_score() -> None:
    images = random_images(dtype=torch.float64)
    weight = random_weight(images)
    close(gradients.gradient(sine_score(weight), images), weight * (weight * images).cos())


def test_a_dead_relu_has_gradient_zero_and_is_no_error() -> None:
    def score(images: Tensor) -> Tensor:  # relu(relu(x1) - 1 - relu(x2)) with x = 4 · pixel
        x1, x2 = 4 * images[:, 0, 0, 0], 4 * images[:, 0, 0, 1]
        return (x1.relu() - 1 - x2.relu()).relu()

    alive, dead = torch.tensor([[[[0.75, 0.25]]]]), torch.tensor([[[[0.25, 0.75]]]])
    assert gradients.gradient(score, alive).flatten().tolist() == [4.0, -4.0]
    assert gradients.gradient(score, dead).flatten().tolist() == [0.0, 0.0]


def test_gradients_of_probability_and_loss_follow_from_those_of_the_logits() -> None:
    network, images = smooth_network(), random_images(dtype=torch.float64)
    logits = torch.stack([gradients.gradient(network.score(c), images) for c in range(5)])  # (5, N, C, H, W)
    p = network(images).softmax(dim=1).T.view(5, -1, 1, 1, 1)
    expected = logits[2] - (p * logits).sum(dim=0)  # ∇ log p_c = ∇S_c - Σ_k p_k ∇S_k
    close(gradients.gradient(network.loss(2), images), -expected)
    close(gradients.gradient(network.probability(2), images), p[2] * expected)


# ---- gradient: witnesses


def test_finite_differences() -> None:
    network, image, h = smooth_network(), random_images(1, dtype=torch.float64), 1e-4
    steps = h * torch.eye(image.numel(), dtype=torch.float64).view(-1, *image.shape[1:])
    score = network.score("crow")
    differences = (score(image + steps) - score(image - steps)) / (2 * h)
    close(gradients.gradient(score, image).flatten(), differences, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("make_network", [efficientnet, random_resnet18])
def test_captum_agrees_on_real_photographs(make_network: Callable[[], networks.Network]) -> None:
    network, images = make_network(), photographs(("coffee", "camera"))
    targets = [967, 872]  # espresso, tripod

    def score(images: Tensor) -> Tensor:
        return network(images).gather(1, torch.tensor(targets).view(-1, 1)).squeeze(1)

    found = gradients.gradient(score, images)
    for absolute, ours in [(False, found), (True, found.abs())]:
        theirs = Saliency(network).attribute(images.clone().requires_grad_(), target=targets, abs=absolute)
        difference = (ours - theirs).abs().amax(dim=PIXELS) / theirs.abs().amax(dim=PIXELS)
        assert (theirs.abs().amax(dim=PIXELS) > 0).all()
        assert (difference <= 1e-4).all(), difference


# ---- gradient: properties


@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(0, 4), st.integers(0, 4))
@settings(max_examples=10, deadline=None)
def test_the_gradient_is_linear_in_the_score(a: float, b: float, first: int, second: int) -> None:
    network, images = smooth_network(), random_images(1, dtype=torch.float64)
    one, other = network.score(first), network.score(second)
    combined = gradients.gradient(lambda images: a * one(images) + b * other(images), images)
    expected = a * gradients.gradient(one, images) + b * gradients.gradient(other, images)
    close(combined, expected, rtol=1e-9, atol=1e-12)


@given(st.integers(1, 5), st.integers(0, 4), st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_a_batch_gives_what_its_images_give_one_by_one(n: int, target: int, seed: int) -> None:
    network, images = smooth_network(), random_images(n, seed=seed, dtype=torch.float64)
    score = network.score(target)
    one_by_one = torch.cat([gradients.gradient(score, image) for image in images.split(1)])
    close(gradients.gradient(score, images), one_by_one, rtol=1e-9, atol=1e-12)


def test_a_second_call_gives_the_same() -> None:
    score, image = efficientnet().score("tripod"), photographs(("camera",))
    assert torch.equal(gradients.gradient(score, image), gradients.gradient(score, image))


# ---- gradient: images as students pass them


def test_images_that_require_grad() -> None:
    images = random_images().requires_grad_()
    weight = random_weight(images.detach())
    found = gradients.gradient(quadratic_score(weight), images)
    close(found, weight * images.detach())
    assert images.grad is None
    assert images.requires_grad
    assert not found.requires_grad


def test_images_in_the_middle_of_a_graph() -> None:
    start = random_images().requires_grad_()
    images = start.clamp(0, 1) * 0.5
    weight = random_weight(start.detach())
    close(gradients.gradient(quadratic_score(weight), images), weight * start.detach() / 2)
    assert start.grad is None
    images.sum().backward()  # the caller's own graph still stands
    close(start.grad, torch.full_like(start, 0.5))


@pytest.mark.parametrize("layout", ["channels_last", "transposed", "expanded", "float16"])
def test_unusual_memory(layout: str) -> None:
    images = random_images()
    images = {
        "channels_last": images.to(memory_format=torch.channels_last),
        "transposed": images.transpose(2, 3),
        "expanded": images[:1].expand(2, -1, -1, -1),
        "float16": images.half(),
    }[layout]
    weight = random_weight(images)
    before = images.clone()
    close(gradients.gradient(quadratic_score(weight), images), weight * images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("made_inside", [False, True])
def test_grad_modes_of_the_caller(mode: type, made_inside: bool) -> None:
    network = stateful_network()
    expected = gradients.gradient(network.score("bee"), random_images())
    expected_model = gradients.class_model(network.score("bee"), (1, 3, 8, 8), n_steps=3, jitter=1)
    outside = random_images()
    with mode():
        state = (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
        images = random_images() if made_inside else outside
        close(gradients.gradient(network.score("bee"), images), expected)
        close(gradients.mean_gradient(network.score("bee"), iter([images] * 3), batch_size=2), expected)
        for _ in gradients.sample_gradients(network.score("bee"), [images] * 3, batch_size=2):
            assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == state
        close(gradients.evaluate(network.score("bee"), images), network.score("bee")(images))
        model = gradients.class_model(network.score("bee"), (1, 3, 8, 8), n_steps=3, jitter=1)
        close(model, expected_model)
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == state


def test_a_network_loaded_under_inference_mode_can_still_be_explained() -> None:
    with torch.inference_mode():
        network = networks.efficientnet_lite0()
    found = gradients.gradient(network.score("espresso"), photographs(("coffee",)))
    close(found, gradients.gradient(efficientnet().score("espresso"), photographs(("coffee",))))


# ---- mean_gradient and sample_gradients


@pytest.mark.parametrize("batch_size", [None, 1, 2, 3, 7, 100])
@pytest.mark.parametrize("n_images", [1, 2])
def test_the_mean_does_not_depend_on_the_batch_size(batch_size: int | None, n_images: int) -> None:
    samples = [random_images(n_images, seed=seed, dtype=torch.float64) for seed in range(7)]
    score = smooth_network().score("dove")
    single = torch.stack([gradients.gradient(score, sample) for sample in samples])
    found = gradients.mean_gradient(score, samples, batch_size=batch_size)
    close(found, single.mean(dim=0), rtol=1e-9, atol=1e-12)
    one_after_another = torch.stack(list(gradients.sample_gradients(score, samples, batch_size=batch_size)))
    close(one_after_another, single, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_samples", [1, 2, 9])
def test_the_mean_gradient_of_a_linear_score_is_its_weight(n_samples: int) -> None:
    samples = [random_images(seed=seed) for seed in range(n_samples)]
    weight = random_weight(samples[0])
    close(gradients.mean_gradient(linear_score(weight), samples), weight.expand(2, -1, -1, -1))


def test_the_mean_gradient_of_a_quadratic_score_is_its_gradient_at_the_mean_sample() -> None:
    samples = [random_images(seed=seed, dtype=torch.float64) for seed in range(5)]
    weight = random_weight(samples[0])
    expected = weight * torch.stack(samples).mean(dim=0)
    close(gradients.mean_gradient(quadratic_score(weight), samples, batch_size=2), expected)


@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_every_sample_is_evaluated_once_and_in_order(n_samples: int, batch_size: int, n_images: int) -> None:
    samples = [random_images(n_images, 1, 2, 2, seed=seed) for seed in range(n_samples)]
    score = Logged(quadratic_score(random_weight(samples[0])))
    gradients.mean_gradient(score, iter(samples), batch_size=batch_size)
    assert len(score.calls) == math.ceil(n_samples / batch_size)
    assert [len(call) for call in score.calls[:-1]] == [batch_size * n_images] * (len(score.calls) - 1)
    assert torch.equal(torch.cat(score.calls), torch.cat(samples))


def test_samples_are_drawn_only_when_their_gradient_is_due() -> None:
    drawn = []

    def endless() -> Iterator[Tensor]:
        for seed in itertools.count():
            drawn.append(seed)
            yield random_images(1, 1, 2, 2, seed=seed)

    found = gradients.sample_gradients(quadratic_score(torch.ones(1)), endless(), batch_size=2)
    assert not drawn
    three = list(itertools.islice(found, 3))
    assert drawn == [0, 1, 2, 3]
    for seed, sample_gradient in enumerate(three):
        close(sample_gradient, random_images(1, 1, 2, 2, seed=seed))


@pytest.mark.parametrize("batch_size", [1, 4])
def test_at_most_one_batch_of_samples_is_alive(batch_size: int) -> None:
    alive: list[weakref.ref[Tensor]] = []
    most = 0

    def samples() -> Iterator[Tensor]:
        nonlocal most
        for seed in range(20):
            sample = random_images(1, 1, 2, 2, seed=seed)
            alive.append(weakref.ref(sample))
            most = max(most, sum(reference() is not None for reference in alive))
            yield sample
            del sample

    gradients.mean_gradient(quadratic_score(torch.ones(1)), samples(), batch_size=batch_size)
    assert most <= batch_size


def test_samples_may_leave_the_range() -> None:
    samples = [random_images() + shift for shift in (-2.0, 3.0)]
    weight = random_weight(samples[0])
    close(gradients.mean_gradient(quadratic_score(weight), samples), weight * (random_images() + 0.5))


def test_the_samples_stay_as_they_are() -> None:
    samples = [random_images(seed=seed).requires_grad_() for seed in range(3)]
    found = gradients.mean_gradient(quadratic_score(torch.ones(1)), samples)
    assert not found.requires_grad
    for seed, sample in enumerate(samples):
        assert torch.equal(sample, random_images(seed=seed))
        assert sample.grad is None


@pytest.mark.parametrize("samples", [[], iter([]), torch.zeros(0, 1, 3, 8, 8)])
def test_no_sample(samples: object) -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        gradients.mean_gradient(linear_score(torch.ones(1)), samples)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batch_size_below_1(batch_size: int) -> None:
    with pytest.raises(ValueError, match=f"batch_size of at least 1, received {batch_size}"):
        gradients.mean_gradient(linear_score(torch.ones(1)), [random_images()], batch_size=batch_size)


@pytest.mark.parametrize(("value", "error", "message"), BAD_IMAGES)
def test_a_bad_sample_among_good_ones(value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gradients.mean_gradient(linear_score(torch.ones(1)), [random_images(), value, random_images()], batch_size=2)


@pytest.mark.parametrize("batch_size", [1, 2, 8])
@pytest.mark.parametrize("other", [random_images(3), random_images(1), random_images(2, height=4)])
def test_samples_of_different_shapes(other: Tensor, batch_size: int) -> None:
    with pytest.raises(ValueError, match="shape"):
        gradients.mean_gradient(linear_score(torch.ones(1)), [random_images(2), other], batch_size=batch_size)


@pytest.mark.parametrize("wanted", [False, True])
def test_progress_goes_to_stderr_and_only_on_request(
    wanted: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr(progress, "tqdm", partial(tqdm, disable=False))  # it read the variable when it was imported
    gradients.mean_gradient(linear_score(torch.ones(1)), [random_images()] * 3, progress=wanted)
    gradients.class_model(linear_score(torch.ones(1)), (1, 1, 2, 2), n_steps=2, progress=wanted)
    printed = capsys.readouterr()
    assert not printed.out
    assert ("samples" in printed.err, "steps" in printed.err) == (wanted, wanted)


def test_no_progress_bar_where_output_is_stored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setattr(progress, "tqdm", partial(tqdm, disable=False))
    gradients.mean_gradient(linear_score(torch.ones(1)), [random_images()] * 3, progress=True)
    assert not capsys.readouterr().err


# ---- class_model


@pytest.mark.parametrize("l2", [1.0, 4.0])
def test_the_class_model_of_a_linear_score(l2: float) -> None:
    weight = random_weight(random_images())
    found = gradients.class_model(linear_score(weight), (1, 3, 8, 8), l2=l2, n_steps=600, step_size=0.002)
    expected = (0.5 + weight / (2 * l2)).clamp(0, 1)
    assert (expected % 1 == 0).float().mean() > 0.1 or l2 > 1  # both kinds of pixels: clipped and free
    close(found, expected, rtol=0, atol=0.02)


def test_the_class_model_of_a_quadratic_score() -> None:
    typical, a, l2 = random_images(1), 3.0, 2.0  # max_I  -a ‖I - typical‖² - λ ‖I - 0.5‖²
    found = gradients.class_model(
        lambda images: -a * (images - typical).square().sum(PIXELS), (1, 3, 8, 8), l2=l2, n_steps=600, step_size=0.002
    )
    close(found, (a * typical + l2 * 0.5) / (a + l2), rtol=0, atol=0.02)


def test_a_larger_penalty_gives_a_smaller_norm() -> None:
    weight = random_weight(random_images())
    norms = [
        (gradients.class_model(linear_score(weight), (1, 3, 8, 8), l2=l2) - 0.5).norm().item() for l2 in (0.1, 1, 10)
    ]
    assert norms[0] > 1.2 * norms[1] > 1.2**2 * norms[2]


def test_the_class_model_of_a_network_raises_its_score() -> None:
    network = stateful_network()
    gray = torch.full((1, 3, 8, 8), 0.5)
    for target in ("ant", "dove"):
        model = gradients.class_model(network.score(target), (1, 3, 8, 8), n_steps=20)
        assert network.score(target)(model).item() > network.score(target)(gray).item()


@pytest.mark.parametrize("options", [{}, {"jitter": 2}, {"blur": 0.7}, {"jitter": 1, "blur": 0.5, "l2": 1.0}])
def test_the_class_model_stays_in_range(options: dict[str, float]) -> None:
    weight = random_weight(random_images())
    found = gradients.class_model(linear_score(weight), (2, 3, 8, 8), step_size=0.5, n_steps=10, **options)
    assert found.shape == (2, 3, 8, 8)
    assert found.min() >= 0
    assert found.max() <= 1


def test_steps_start_from_gray_and_have_the_given_length() -> None:
    score = Logged(linear_score(random_weight(random_images())))
    found = gradients.class_model(score, (1, 3, 8, 8), n_steps=4, step_size=0.01)
    assert len(score.calls) == 4
    assert torch.equal(score.calls[0], torch.full((1, 3, 8, 8), 0.5))
    for before, after in itertools.pairwise([*score.calls, found]):
        assert (after - before).square().mean().sqrt().item() == pytest.approx(0.01, rel=1e-4)


def test_no_steps_give_gray() -> None:
    found = gradients.class_model(linear_score(torch.ones(1)), (1, 1, 2, 2), n_steps=0)
    assert torch.equal(found, torch.full((1, 1, 2, 2), 0.5))


def test_a_flat_score_gives_gray() -> None:
    found = gradients.class_model(lambda images: 0 * images.sum(PIXELS), (1, 1, 2, 2), n_steps=3)
    assert torch.equal(found, torch.full((1, 1, 2, 2), 0.5))


def test_jitter_shifts_the_gradient_by_at_most_so_many_pixels_and_back() -> None:
    weight, shape = random_weight(random_images()), (1, 3, 8, 8)
    # From gray, one step of a linear score is the weight, rolled against the shift.
    steps = [gradients.class_model(linear_score(weight), shape, n_steps=1, jitter=2, seed=seed) for seed in range(20)]
    unshifted = gradients.class_model(linear_score(weight), shape, n_steps=1)
    rolls = {(i, j): unshifted.roll((i, j), dims=(2, 3)) for i in range(-2, 3) for j in range(-2, 3)}
    seen = {shift for step in steps for shift, roll in rolls.items() if torch.allclose(step, roll, atol=1e-6)}
    assert all(any(torch.allclose(step, roll, atol=1e-6) for roll in rolls.values()) for step in steps)
    assert len(seen) > 5


def test_jitter_changes_nothing_where_the_score_does_not_see_shifts() -> None:
    def score(images: Tensor) -> Tensor:
        return (5 * images * images.roll(1, dims=3)).sin().sum(PIXELS) + images[:, 0].sum((1, 2))

    plain = gradients.class_model(score, (1, 3, 6, 6), n_steps=20, step_size=0.01)
    close(gradients.class_model(score, (1, 3, 6, 6), n_steps=20, step_size=0.01, jitter=3), plain, atol=1e-4, rtol=0)


def test_the_seed_fixes_the_class_model() -> None:
    score = linear_score(random_weight(random_images()))
    models = [gradients.class_model(score, (1, 3, 8, 8), n_steps=3, jitter=3, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(models[0], models[1])
    assert not torch.equal(models[0], models[2])


def test_blur_smooths_and_keeps_what_is_smooth() -> None:
    weight = random_weight(random_images())
    rough, smooth = (
        gradients.class_model(linear_score(weight), (1, 3, 8, 8), n_steps=10, blur=blur).diff(dim=3).abs().mean()
        for blur in (0.0, 1.0)
    )
    assert smooth < rough / 2
    plain, blurred = (
        gradients.class_model(linear_score(torch.ones(1)), (1, 1, 8, 8), n_steps=5, blur=blur) for blur in (0.0, 1.0)
    )
    close(plain, blurred)


@pytest.mark.parametrize("shape", [(3, 8, 8), (8, 8), (0, 3, 8, 8)])
def test_class_model_of_a_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        gradients.class_model(linear_score(torch.ones(1)), shape, n_steps=1)


# ---- bad input (what all methods refuse: test_bad_input.py)


def test_evaluate_gives_scores_without_a_graph() -> None:
    images = random_images().requires_grad_()
    weight = random_weight(images.detach())
    found = gradients.evaluate(linear_score(weight), images)
    close(found, (weight * images).sum(PIXELS).detach())
    assert not found.requires_grad
    assert images.grad is None


@pytest.mark.parametrize("part", ["network", "layer"])
def test_a_network_in_training_mode(part: str) -> None:
    network = stateful_network()
    (network if part == "network" else network.model.features[1]).train()
    before = state_of(network)
    with pytest.raises(RuntimeError, match=r"training mode: call \.eval\(\)"):
        gradients.gradient(network.score("ant"), random_images())
    assert_same_state(before, state_of(network))


def test_wrong_number_of_channels() -> None:
    with pytest.raises(ValueError, match=r"shape \(N, 3, H, W\), received \(2, 1, 8, 8\)"):
        gradients.gradient(stateful_network().score("ant"), random_images(channels=1))


# ---- nothing of the network changes


def fails_at_the_second_call(network: networks.Network) -> networks.Score:
    calls = itertools.count()

    def score(images: Tensor) -> Tensor:
        values = network.score("ant")(images)
        if next(calls):
            raise ZeroDivisionError("in the middle")
        return values

    return score


@pytest.mark.parametrize("trainable", [False, True])
def test_nothing_of_the_network_changes(trainable: bool) -> None:
    network, images = stateful_network().requires_grad_(trainable), random_images()
    if trainable:
        network(images).sum().backward()  # a gradient that someone else still needs
    network.register_forward_hook(lambda *_: None)
    before = state_of(network)
    for score in (network.score("ant"), network.probability("bee"), network.loss("crow")):
        gradients.gradient(score, images)
        gradients.mean_gradient(score, [images] * 3, batch_size=2)
        gradients.class_model(score, (1, 3, 8, 8), n_steps=3, jitter=2, blur=0.5)
        gradients.evaluate(score, images)
    network.predict(images)
    assert_same_state(before, state_of(network))


@pytest.mark.parametrize(
    "call",
    [
        lambda score: gradients.mean_gradient(score, [random_images()] * 3, batch_size=1),
        lambda score: list(gradients.sample_gradients(score, [random_images()] * 3, batch_size=1)),
        lambda score: gradients.class_model(score, (1, 3, 8, 8), jitter=2),
        lambda score: [gradients.gradient(score, random_images()) for _ in range(2)],
    ],
    ids=["mean_gradient", "sample_gradients", "class_model", "gradient"],
)
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_nothing_changes_after_an_error_in_the_middle(call: Callable[[networks.Score], object], mode: type) -> None:
    network = stateful_network().requires_grad_()
    with mode():
        before = state_of(network)
        with pytest.raises(ZeroDivisionError, match="in the middle"):
            call(fails_at_the_second_call(network))
        assert_same_state(before, state_of(network))


def test_nothing_of_the_real_network_changes() -> None:
    network = efficientnet()
    before = state_of(network)
    gradients.gradient(network.score("tripod"), photographs(("camera",)))
    network.predict(photographs(("camera",)))
    assert_same_state(before, state_of(network))
