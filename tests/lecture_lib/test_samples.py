"""How samples are drawn: moments and correlations of the noise, and points on the line."""

import weakref
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lecture_lib import samples
from tests.shared.networks import BAD_IMAGES, OUT_OF_RANGE, photographs, random_images

close = torch.testing.assert_close
MANY = 4000


def noise(images: Tensor, n_samples: int = MANY, **options: object) -> Tensor:
    """(n_samples, N, C, H, W): what was added to the images."""
    return torch.stack(list(samples.noisy_samples(images, n_samples=n_samples, **options))) - images


# ---- noisy_samples: moments


@pytest.mark.parametrize("level", [0.05, 0.15, 0.5])
def test_sigma_is_a_share_of_the_range_of_every_image(level: float) -> None:
    images = torch.cat([random_images(1), 0.3 * random_images(1) + 0.5, 0.01 * random_images(1)])
    drawn = noise(images, 500, noise_level=level)  # 500 · 192 numbers an image
    for n, image in enumerate(images):
        sigma = level * float(image.max() - image.min())
        assert drawn[:, n].std().item() == pytest.approx(sigma, rel=0.02)
        assert abs(drawn[:, n].mean().item()) < 0.02 * sigma


def test_the_range_is_taken_over_all_channels_together() -> None:
    image = torch.full((1, 3, 4, 4), 0.5)
    image[0, 0, 0, 0], image[0, 2, 0, 0] = 0.2, 0.8
    assert noise(image, noise_level=0.1).std().item() == pytest.approx(0.06, rel=0.02)


def test_the_noise_is_normal() -> None:
    drawn = noise(random_images(1, 1, 4, 4, dtype=torch.float64), noise_level=0.2).flatten()
    standard = drawn / drawn.std()
    for power, moment in [(1, 0), (3, 0), (4, 3)]:
        assert standard.pow(power).mean().item() == pytest.approx(moment, abs=0.1)
    assert (standard.abs() > 1.96).double().mean().item() == pytest.approx(0.05, abs=0.005)


def test_pixels_channels_images_and_draws_are_independent() -> None:
    drawn = noise(random_images(2, 2, 2, 3), noise_level=0.2).flatten(1)  # (draws, 24)
    correlation = torch.corrcoef(drawn.T)
    assert (correlation - torch.eye(24)).abs().max() < 5 / MANY**0.5
    lagged = (drawn[1:] * drawn[:-1]).mean(dim=0) / drawn.var(dim=0)
    assert lagged.abs().max() < 5 / MANY**0.5


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_a_flat_image_and_level_0_get_no_noise(level: float) -> None:
    images = torch.full((1, 3, 4, 4), 0.3) if level else random_images(1, height=4, width=4)
    for sample in samples.noisy_samples(images, noise_level=level, n_samples=3):
        assert torch.equal(sample, images)


# ---- noisy_samples: correlated noise


def periodic_distance(size: int) -> Tensor:
    steps = torch.arange(size)
    return torch.minimum(steps, size - steps)


@pytest.mark.parametrize("blur", [0.7, 1.5])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (15, 20)])
def test_blurred_noise_has_variance_1_everywhere_and_a_gaussian_correlation(
    blur: float, height: int, width: int
) -> None:
    image = torch.zeros(1, 1, height, width, dtype=torch.float64)
    image[0, 0, 0, 0] = 1  # a range of 1
    drawn = noise(image, noise_level=1.0, noise_blur=blur).squeeze(dim=(1, 2))
    variance = drawn.var(dim=0)
    assert (variance - 1).abs().max() < 6 * (2 / MANY) ** 0.5  # the edges and corners too
    for dim, size in [(1, height), (2, width)]:
        lags = range(1, 5)
        found = [(drawn * drawn.roll(lag, dims=dim)).mean().item() for lag in lags]
        # A Gaussian blurred with itself is a Gaussian of twice the variance: exp(-d² / 4σ²).
        expected = [np.exp(-(int(periodic_distance(size)[lag]) ** 2) / (4 * blur**2)) for lag in lags]
        assert found == pytest.approx(expected, abs=0.02)


def test_blurred_noise_keeps_channels_and_images_apart() -> None:
    drawn = noise(random_images(2, 2, 6, 6), noise_level=0.2, noise_blur=1.0)[:, :, :, 0, 0].flatten(1)
    assert (torch.corrcoef(drawn.T) - torch.eye(4)).abs().max() < 5 / MANY**0.5


def test_sigma_does_not_depend_on_the_blur_on_a_photograph() -> None:
    photograph = photographs(("camera",))
    for blur in (0.0, 1.0, 8.0):
        drawn = noise(photograph, 8, noise_level=0.2, noise_blur=blur)
        assert drawn.std().item() == pytest.approx(
            0.2 * float(photograph.max() - photograph.min()), rel=0.01 + 0.03 * (blur > 2)
        )


def correlation_matrix(pixels: int) -> Tensor:
    """Of an AR(1) process along the pixels: 0.8 to the power of the distance."""
    steps = torch.arange(pixels, dtype=torch.float64)
    return 0.8 ** (steps[:, None] - steps[None, :]).abs()


def test_noise_has_the_correlation_that_was_asked_for() -> None:
    wanted = correlation_matrix(6)
    image = random_images(1, 2, 2, 3, dtype=torch.float64)
    drawn = noise(image, noise_level=0.4, correlation=wanted)
    sigma = 0.4 * float(image.max() - image.min())
    for channel in range(2):
        covariance = torch.cov(drawn[:, 0, channel].flatten(1).T)
        assert (covariance / sigma**2 - wanted).abs().max() < 6 * (2 / MANY) ** 0.5
    between = torch.corrcoef(drawn.flatten(1).T)[:6, 6:]
    assert between.abs().max() < 5 / MANY**0.5  # channels stay independent


def test_the_identity_as_correlation_is_independent_noise() -> None:
    image = random_images(2, 3, 3, 4)
    close(noise(image, 5, correlation=torch.eye(12)), noise(image, 5))


# ---- noisy_samples: randomness


def test_the_same_seed_draws_the_same_noise_and_another_seed_other_noise() -> None:
    image = random_images(1)
    assert torch.equal(noise(image, 3, seed=7), noise(image, 3, seed=7))
    assert not torch.equal(noise(image, 3, seed=7), noise(image, 3, seed=8))
    drawn = noise(image, 3)
    assert not torch.equal(drawn[0], drawn[1])


def test_more_samples_begin_with_those_of_fewer() -> None:
    image = random_images(1)
    assert torch.equal(noise(image, 5, seed=1)[:3], noise(image, 3, seed=1))


def test_a_generator_goes_on_where_it_stood() -> None:
    image = random_images(1)
    generator = torch.Generator().manual_seed(5)
    together = torch.cat([noise(image, 2, seed=generator), noise(image, 3, seed=generator)])
    assert torch.equal(together, noise(image, 5, seed=5))


@pytest.mark.parametrize("options", [{}, {"noise_blur": 1.0}, {"correlation": torch.eye(64)}])
def test_the_global_random_numbers_are_left_alone(options: dict[str, object]) -> None:
    before = torch.random.get_rng_state()
    first = noise(random_images(1), 2, **options)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    assert torch.equal(noise(random_images(1), 2, **options), first)
    torch.random.set_rng_state(before)


# ---- both generators: nothing is kept


GENERATORS: dict[str, Callable[[Tensor], Iterator[Tensor]]] = {
    "noise": lambda images: samples.noisy_samples(images, n_samples=50),
    "blurred noise": lambda images: samples.noisy_samples(images, n_samples=50, noise_blur=1.0),
    "path": lambda images: samples.path_samples(images, torch.zeros_like(images), np.linspace(0, 1, 50).tolist()),
}


@pytest.mark.parametrize("make", GENERATORS.values(), ids=GENERATORS)
def test_one_sample_is_alive_at_a_time_and_the_images_stay(make: Callable[[Tensor], Iterator[Tensor]]) -> None:
    images = random_images()
    alive: list[weakref.ref[Tensor]] = []
    for sample in make(images):
        alive.append(weakref.ref(sample))
        assert sample.shape == images.shape
        del sample
        assert sum(reference() is not None for reference in alive) <= 1
    assert len(alive) == 50
    assert torch.equal(images, random_images())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", [{}, {"noise_blur": 1.0}, {"correlation": torch.eye(64)}])
def test_samples_have_the_dtype_of_the_images(dtype: torch.dtype, options: dict[str, object]) -> None:
    assert next(samples.noisy_samples(random_images(dtype=dtype), **options)).dtype == dtype


# ---- noisy_samples: bad input, said before the first sample is asked for


@pytest.mark.parametrize(("value", "error", "message"), [*BAD_IMAGES, *OUT_OF_RANGE])
def test_bad_images(value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        samples.noisy_samples(value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_samples": 0}, "n_samples >= 1.* received 0"),
        ({"n_samples": -3}, "received -3"),
        ({"noise_level": -0.1}, "noise_level >= 0.*-0.1"),
        ({"noise_blur": -1.0}, "noise_blur >= 0.*-1.0"),
    ],
)
def test_numbers_out_of_range(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        samples.noisy_samples(random_images(), **options)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (torch.eye(63), r"shape \(64, 64\) with ones on the diagonal, received shape \(63, 63\)"),
        (torch.ones(64), r"received shape \(64,\)"),
        (2 * torch.eye(64), "ones on the diagonal"),
        (torch.ones(64, 64), "positive definite"),
        (torch.eye(64) - 0.9 * torch.eye(64).roll(1, 0) - 0.9 * torch.eye(64).roll(-1, 0), "positive definite"),
    ],
    ids=["size", "rank", "diagonal", "singular", "indefinite"],
)
def test_a_matrix_that_is_no_correlation(matrix: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        samples.noisy_samples(random_images(), correlation=matrix)


# ---- path_points


@pytest.mark.parametrize("n_steps", [1, 2, 5, 50])
@pytest.mark.parametrize(("rule", "offset"), [("left", 0.0), ("midpoint", 0.5), ("right", 1.0)])
def test_equal_steps(rule: str, offset: float, n_steps: int) -> None:
    points, weights = samples.path_points(n_steps, rule)
    assert points == pytest.approx([(k + offset) / n_steps for k in range(n_steps)])
    assert weights == pytest.approx([1 / n_steps] * n_steps)


@given(st.integers(1, 30), st.integers(0, 60))
@settings(max_examples=60)
def test_gauss_is_exact_up_to_degree_2n_minus_1(n_steps: int, degree: int) -> None:
    points, weights = samples.path_points(n_steps, "gauss")
    assert len(points) == len(weights) == n_steps
    assert all(0 < point < 1 for point in points)
    found = sum(w * p**degree for p, w in zip(points, weights, strict=True))
    if degree < 2 * n_steps:
        assert found == pytest.approx(1 / (degree + 1), rel=1e-9)
    else:
        assert found < 1 / (degree + 1)  # the error term of Gauss has one sign


@given(st.integers(1, 100), st.sampled_from(["midpoint", "gauss"]))
@settings(max_examples=30)
def test_midpoint_and_gauss_are_the_same_from_both_ends(n_steps: int, rule: str) -> None:
    points, weights = samples.path_points(n_steps, rule)
    assert [1 - point for point in reversed(points)] == pytest.approx(points, abs=1e-12)
    assert list(reversed(weights)) == pytest.approx(weights)
    assert sum(weights) == pytest.approx(1)


@pytest.mark.parametrize("n_steps", [0, -1])
def test_no_step(n_steps: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 step, received n_steps={n_steps}"):
        samples.path_points(n_steps)


def test_an_unknown_rule_and_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"Unknown rule 'midpiont'\. Did you mean 'midpoint'"):
        samples.path_points(3, "midpiont")


# ---- path_samples


def test_path_samples_are_convex_combinations() -> None:
    images, start = random_images(dtype=torch.float64), random_images(seed=3, dtype=torch.float64)
    points = [0.0, 0.25, 0.9, 1.0]
    for point, sample in zip(points, samples.path_samples(images, start, points), strict=True):
        close(sample, (1 - point) * start + point * images)


# ---- baseline_images


def test_baselines() -> None:
    images = random_images(3)
    assert torch.equal(samples.baseline_images(images, "black"), torch.zeros_like(images))
    assert torch.equal(samples.baseline_images(images, "white"), torch.ones_like(images))
    own = random_images(3, seed=9)
    assert torch.equal(samples.baseline_images(images, own), own)
    assert torch.equal(samples.baseline_images(images, own[:1]), own[:1].expand(3, -1, -1, -1))


def test_uniform_baseline() -> None:
    images = random_images(2, height=40, width=40)
    found = samples.baseline_images(images, "uniform", seed=4)
    assert found.shape == images.shape
    assert 0 <= found.min() < 0.01
    assert 0.99 < found.max() <= 1
    assert found.mean().item() == pytest.approx(0.5, abs=0.02)
    assert found.var().item() == pytest.approx(1 / 12, abs=0.003)
    assert torch.equal(found, samples.baseline_images(images, "uniform", seed=4))
    assert not torch.equal(found, samples.baseline_images(images, "uniform", seed=5))
    assert not torch.equal(found[0], found[1])


@pytest.mark.parametrize("shape", [(2, 3, 224, 224), (1, 1, 25, 25), (1, 1, 1, 1), (1, 3, 2, 7), (1, 1, 1, 30)])
def test_the_blurred_baseline_keeps_what_is_flat_and_the_range(shape: tuple[int, int, int, int]) -> None:
    flat = torch.full(shape, 0.3)
    close(samples.baseline_images(flat, "blur"), flat)
    images = random_images(*shape)
    found = samples.baseline_images(images, "blur")
    assert found.shape == images.shape
    assert found.min() >= images.min() - 1e-6
    assert found.max() <= images.max() + 1e-6


def test_the_blurred_baseline_is_a_gaussian_of_a_tenth_of_the_side() -> None:
    image = torch.zeros(1, 1, 101, 101, dtype=torch.float64)
    image[0, 0, 50, 50] = 1
    found = samples.baseline_images(image, "blur")[0, 0]
    place = torch.arange(101.0, dtype=torch.float64) - 50
    assert found.sum().item() == pytest.approx(1)
    assert (found.sum(dim=0) * place.square()).sum().item() ** 0.5 == pytest.approx(10.1, rel=0.02)
    assert (found.sum(dim=1) * place.square()).sum().item() ** 0.5 == pytest.approx(10.1, rel=0.02)


def test_an_unknown_baseline_and_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"Unknown baseline 'blak'\. Did you mean 'black'"):
        samples.baseline_images(random_images(), "blak")


@pytest.mark.parametrize("other", [random_images(3), random_images(2, 1), random_images(2, height=4)])
def test_a_baseline_of_another_shape(other: Tensor) -> None:
    with pytest.raises(ValueError, match=r"baseline of shape \(2, 3, 8, 8\), received \("):
        samples.baseline_images(random_images(2), other)


@pytest.mark.parametrize(("value", "error", "message"), OUT_OF_RANGE)
def test_a_baseline_out_of_range(value: Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        samples.baseline_images(random_images(1), value)


@pytest.mark.parametrize("value", [None, 0, 0.5])
def test_a_baseline_that_is_neither_name_nor_tensor(value: object) -> None:
    with pytest.raises(TypeError, match="baseline as a string, received"):
        samples.baseline_images(random_images(), value)
