"""Measurements about samples: error against their number, and likeness along a line."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from torch import Tensor

from lecture_lib import measure, samples
from tests.shared.networks import (
    Logged,
    linear_score,
    quadratic_score,
    random_images,
    random_weight,
    smooth_network,
)

close = torch.testing.assert_close


def ramp(count: int) -> list[Tensor]:
    return [torch.full((1, 1, 1, 1), float(k), dtype=torch.float64) for k in range(count)]


HALF_SQUARE = quadratic_score(torch.ones(1))  # its gradient is the image itself


# ---- rank_correlation (by hand and against SciPy: see test_measure)


@given(st.integers(0, 100), st.sampled_from([torch.exp, torch.atan, lambda x: 3 * x + 5, lambda x: x**3]))
@settings(max_examples=20)
def test_rank_correlation_does_not_see_a_rising_rescaling(seed: int, rising) -> None:
    first, second = random_images(2, seed=seed) - 0.5, random_images(2, seed=seed + 1)
    expected = measure.rank_correlation(first, second)
    close(measure.rank_correlation(rising(first), second), expected)
    close(measure.rank_correlation(second, first), expected)
    close(measure.rank_correlation(-first, second), -expected)
    close(measure.rank_correlation(first, rising(first)), torch.ones(2, dtype=torch.float64))


def test_ties_share_their_rank() -> None:
    first, second = torch.tensor([[1.0, 1, 2, 3]]), torch.tensor([[1.0, 2, 2, 4]])
    # ranks 1.5 1.5 3 4 and 1 2.5 2.5 4, around 2.5: products 1.5 + 0 + 0 + 2.25, squares 4.5 each
    assert measure.rank_correlation(first, second).item() == pytest.approx(3.75 / 4.5)


def test_a_constant_map_among_others_is_the_only_nan() -> None:
    first = random_images(3)
    first[1] = 0.25
    assert measure.rank_correlation(first, random_images(3, seed=4)).isnan().tolist() == [False, True, False]


# ---- sampling_error


@pytest.mark.parametrize("options", [{}, {"batch_size": 100}])
def test_the_error_falls_with_the_root_of_the_number_of_independent_samples(options: dict[str, int]) -> None:
    image, sizes = random_images(dtype=torch.float64), [1, 2, 4, 8, 16, 32]
    draws = samples.noisy_samples(image, noise_level=0.3, n_samples=256)
    errors = measure.sampling_error(quadratic_score(torch.ones(1)), draws, sizes, **options)
    assert np.polyfit(np.log(sizes), np.log(errors.tolist()), 1)[0] == pytest.approx(-0.5, abs=0.03)
    sigma = 0.3 * (image.amax(dim=(1, 2, 3)) - image.amin(dim=(1, 2, 3)))
    expected = sigma.square().mean().sqrt().item()  # the gradient is the image: its error is that of the noise
    assert errors[0].item() == pytest.approx(expected, rel=0.02)


def test_the_error_falls_so_on_a_network_too() -> None:
    image, sizes = random_images(1, dtype=torch.float64), [1, 2, 4, 8, 16]
    draws = samples.noisy_samples(image, noise_level=0.3, n_samples=512)
    errors = measure.sampling_error(smooth_network().score("ant"), draws, sizes, batch_size=64)
    assert np.polyfit(np.log(sizes), np.log(errors.tolist()), 1)[0] == pytest.approx(-0.5, abs=0.1)


def test_the_correction_makes_half_the_samples_unbiased() -> None:
    """Without it, the error at half the samples would come out smaller by the root of 2."""
    draws = [torch.randn(1, 1, 100, 100, generator=torch.Generator().manual_seed(k)) for k in range(8)]
    errors = measure.sampling_error(HALF_SQUARE, draws, [1, 2, 4])
    assert errors.tolist() == pytest.approx([1, 2**-0.5, 4**-0.5], rel=0.02)


def test_the_error_by_hand() -> None:
    """Gradients 0, 1, 2, 3 around 1.5; groups of two have means 0.5 and 2.5."""
    found = measure.sampling_error(HALF_SQUARE, ramp(4), [1, 2])
    assert found.tolist() == pytest.approx([(1.25 * 4 / 3) ** 0.5, (1.0 * 4 / 2) ** 0.5])


def test_a_size_that_does_not_divide_leaves_the_last_samples_out_of_the_groups() -> None:
    found = measure.sampling_error(HALF_SQUARE, ramp(5), [2])  # means 0.5 and 2.5 around 2
    assert found.tolist() == pytest.approx([((2.25 + 0.25) / 2 * 5 / 3) ** 0.5])


def test_a_linear_score_has_no_sampling_error() -> None:
    image = random_images()
    draws = samples.noisy_samples(image, n_samples=8)
    assert measure.sampling_error(linear_score(random_weight(image)), draws, [1, 4]).max() < 1e-6


def test_samples_are_evaluated_once_and_no_graph_comes_back() -> None:
    score = Logged(HALF_SQUARE)
    found = measure.sampling_error(score, ramp(10), [1, 2, 5], batch_size=4)
    assert [len(call) for call in score.calls] == [4, 4, 2]
    assert not found.requires_grad


@pytest.mark.parametrize("sizes", [[0], [-1], [1, 6], [11]])
def test_sizes_that_do_not_fit(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="from 1 to half of the 10 samples, received"):
        measure.sampling_error(HALF_SQUARE, ramp(10), sizes)


def test_no_samples() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        measure.sampling_error(HALF_SQUARE, [], [1])


# ---- autocorrelation


@pytest.mark.parametrize("phi", [0.9, 0.5, 0.0, -0.6])
def test_of_an_autoregressive_series_it_is_a_power(phi: float) -> None:
    noise = np.random.default_rng(0).standard_normal((20_000, 8))
    series = torch.from_numpy(lfilter([1], [1, -phi], noise, axis=0)).view(-1, 2, 2, 2)
    found = measure.autocorrelation(series, 6)
    assert found.tolist() == pytest.approx([phi**lag for lag in range(7)], abs=0.03)


def test_by_hand() -> None:
    series = torch.tensor([1.0, -1.0, 1.0, -1.0])
    assert measure.autocorrelation(series, 3).tolist() == [1.0, -1.0, 1.0, -1.0]
    # 0 1 2 around 1: squares 1 0 1; products at lag 1: 0 0; at lag 2: -1. Means 2/3, 0, -1.
    assert measure.autocorrelation(torch.tensor([0.0, 1.0, 2.0]), 2).tolist() == pytest.approx([1, 0, -1.5])


@given(st.floats(0.1, 10), st.floats(-5, 5))
@settings(max_examples=20)
def test_scale_and_mean_do_not_matter(scale: float, shift: float) -> None:
    series = random_images(30, dtype=torch.float64)
    close(measure.autocorrelation(scale * series + shift, 5), measure.autocorrelation(series, 5))


def test_pixels_weigh_by_their_variance() -> None:
    loud = torch.tensor([1.0, -1, 1, -1, 1, -1, 1, -1])
    quiet = 0.01 * torch.tensor([1.0, 1, 1, 1, -1, -1, -1, -1])
    assert measure.autocorrelation(torch.stack([loud, quiet], dim=1), 1)[1].item() == pytest.approx(-1, abs=1e-3)


@pytest.mark.parametrize("max_lag", [-1, 4, 10])
def test_lags_that_do_not_fit(max_lag: int) -> None:
    with pytest.raises(ValueError, match=f"max_lag from 0 to 3, received {max_lag}"):
        measure.autocorrelation(torch.arange(4.0), max_lag)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_equal_gradients_have_no_autocorrelation(value: float) -> None:
    with pytest.raises(ValueError, match="differ along the line, received equal ones"):
        measure.autocorrelation(torch.full((4, 3, 2, 2), value), 2)
