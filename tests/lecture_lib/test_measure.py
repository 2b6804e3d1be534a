import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import spearmanr
from torch import Tensor

from lecture_lib import measure
from lecture_lib.gradients import gradient
from tests.shared.networks import (
    PIXELS,
    assert_same_state,
    linear_score,
    quadratic_score,
    random_images,
    random_weight,
    sine_score,
    smooth_network,
    state_of,
    stateful_network,
)

close = torch.testing.assert_close
IMAGES = random_images(dtype=torch.float64)
DIRECTION = random_weight(IMAGES, seed=7).repeat(2, 1, 1, 1) * torch.tensor([1.0, -3.0]).view(2, 1, 1, 1)
WEIGHT = random_weight(IMAGES)


def slope(radii: list[float], errors: list[float]) -> float:
    """Exponent k of errors ~ radii^k."""
    return float(np.polyfit(np.log(radii), np.log(errors), 1)[0])


@pytest.mark.parametrize("radius", [1e-3, 0.5, 100.0, -2.0])
def test_the_prediction_is_exact_for_a_linear_score(radius: float) -> None:
    found = measure.linearity_error(linear_score(WEIGHT, bias=2.0), IMAGES, DIRECTION, radius)
    unit = DIRECTION / DIRECTION.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    close(found.predicted, radius * (WEIGHT * unit).sum(PIXELS))
    close(found.measured, found.predicted)
    close(found.error, torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-11)


@pytest.mark.parametrize("radius", [0.1, 1.0, 3.0])
def test_a_quadratic_score_misses_by_half_its_curvature_times_the_square_of_the_radius(radius: float) -> None:
    found = measure.linearity_error(quadratic_score(WEIGHT), IMAGES, DIRECTION, radius)
    unit = DIRECTION / DIRECTION.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    close(found.predicted, radius * (WEIGHT * IMAGES * unit).sum(PIXELS))
    close(found.error, radius**2 * (WEIGHT * unit.square()).sum(PIXELS) / 2)
    close(found.measured, found.predicted + found.error)


def test_the_error_falls_with_the_square_of_the_radius_on_a_smooth_network() -> None:
    radii = [0.3 * 2.0**-k for k in range(7)]
    for score in (smooth_network().score("emu"), smooth_network().loss("emu"), sine_score(WEIGHT)):
        errors = torch.stack([measure.linearity_error(score, IMAGES, DIRECTION, r).error.abs() for r in radii])
        for column in errors.T:
            assert slope(radii, column.tolist()) == pytest.approx(2, abs=0.1)


def test_at_a_kink_the_error_falls_only_with_the_radius() -> None:
    def score(images: Tensor) -> Tensor:
        return (images - 0.5).relu().sum(PIXELS)

    image = torch.full((1, 1, 1, 1), 0.5, dtype=torch.float64)  # the gradient there is 0, the right slope 1
    radii = [0.4 * 2.0**-k for k in range(5)]
    errors = [measure.linearity_error(score, image, torch.ones_like(image), r).error.item() for r in radii]
    assert slope(radii, errors) == pytest.approx(1, abs=1e-9)
    close(torch.tensor(errors), torch.tensor(radii))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_only_the_direction_of_the_direction_counts(scale: float) -> None:
    found = measure.linearity_error(sine_score(WEIGHT), IMAGES, scale * DIRECTION, 0.3)
    for ours, expected in zip(
        found, measure.linearity_error(sine_score(WEIGHT), IMAGES, DIRECTION, 0.3), strict=True
    ):
        close(ours, expected)


def test_every_image_gets_its_own_numbers() -> None:
    score = smooth_network().score("ant")
    together = measure.linearity_error(score, IMAGES, DIRECTION, 0.2)
    for n in range(2):
        alone = measure.linearity_error(score, IMAGES[n : n + 1], DIRECTION[n : n + 1], 0.2)
        for ours, expected in zip(alone, together, strict=True):
            assert ours.shape == (1,)
            close(ours[0], expected[n])


def test_one_direction_serves_all_images() -> None:
    score = sine_score(WEIGHT)
    shared = measure.linearity_error(score, IMAGES, DIRECTION[:1], 0.2)
    for ours, expected in zip(
        shared, measure.linearity_error(score, IMAGES, DIRECTION[:1].repeat(2, 1, 1, 1), 0.2), strict=True
    ):
        close(ours, expected)


def test_radius_0_changes_nothing() -> None:
    found = measure.linearity_error(sine_score(WEIGHT), IMAGES, DIRECTION, 0.0)
    assert all(value.abs().max() == 0 for value in found)


@pytest.mark.parametrize(
    "direction",
    [random_images(3), random_images(2, 1), random_images(2, height=4), random_images(1)[0], torch.tensor(1.0)],
)
def test_a_direction_of_another_shape(direction: Tensor) -> None:
    with pytest.raises(ValueError, match=r"images' shape \(2, 3, 8, 8\), received \("):
        measure.linearity_error(linear_score(WEIGHT), IMAGES, direction, 0.1)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_direction_without_direction(value: float) -> None:
    direction = DIRECTION.clone()
    direction[1] = value
    with pytest.raises(ValueError, match="direction of a"):
        measure.linearity_error(linear_score(WEIGHT), IMAGES, direction, 0.1)


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_nothing_changes_and_no_graph_comes_back(mode: type) -> None:
    network = stateful_network().requires_grad_()
    images, direction = random_images().requires_grad_(), random_weight(random_images())
    with mode():
        before = state_of(network)
        found = measure.linearity_error(network.score("ant"), images, direction, 0.1)
        assert_same_state(before, state_of(network))
    assert not any(value.requires_grad for value in found)
    assert images.grad is None


# ---- rank_correlation


@given(arrays.arrays(np.int64, (2, 3, 2, 4), elements=st.integers(-3, 3)))  # few values: many ties
@settings(max_examples=50, deadline=None)
@pytest.mark.filterwarnings("ignore:An input array is constant")
def test_rank_correlation_is_scipys(values: np.ndarray) -> None:
    first, second = values.astype(np.float64)
    expected = [spearmanr(one.ravel(), other.ravel()).statistic for one, other in zip(first, second, strict=True)]
    found = measure.rank_correlation(torch.from_numpy(first), torch.from_numpy(second))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_rank_correlation_by_hand() -> None:
    order = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    for other, expected in [([10, 20, 30, 1000], 1), ([4, 3, 2, 1], -1), ([1, 2, 4, 3], 0.8), ([2, 4, 1, 3], 0)]:
        found = measure.rank_correlation(order, torch.tensor([other], dtype=torch.float32))
        assert found.tolist() == [pytest.approx(expected)]


def test_a_constant_map_has_no_order() -> None:
    assert measure.rank_correlation(torch.zeros(1, 4, 4), random_images(1, 1, 4, 4)[:, 0]).isnan().all()


def test_maps_of_different_shapes() -> None:
    with pytest.raises(ValueError, match=r"same shape, received \(1, 4, 4\) and \(1, 5, 5\)"):
        measure.rank_correlation(torch.zeros(1, 4, 4), torch.zeros(1, 5, 5))


# ---- curvature


def test_the_gradient_of_a_linear_score_does_not_change() -> None:
    images = random_images(dtype=torch.float64)
    found = measure.curvature(linear_score(random_weight(images)), images, random_weight(images), [0.1, 1.0])
    close(found.change, torch.zeros(2, 2).double(), atol=1e-12, rtol=0)
    close(found.cosine, torch.ones(2, 2).double())


def test_the_gradient_of_a_quadratic_score_changes_in_proportion() -> None:
    images, lengths = random_images(dtype=torch.float64), [0.5, 0.1, 2.0]
    weight, direction = random_weight(images), random_weight(images, seed=5)
    found = measure.curvature(quadratic_score(weight), images, direction, lengths)
    bend = (weight * direction / direction.norm()).norm()  # ‖H d‖
    start = (weight * images).flatten(1).norm(dim=1)
    close(found.change, torch.tensor(lengths).double()[:, None] * bend / start)
    close(found.predicted, found.change)


def test_where_the_curvature_itself_changes_the_prediction_fails_late() -> None:
    images, weight = random_images(dtype=torch.float64), random_weight(random_images(dtype=torch.float64))
    found = measure.curvature(sine_score(weight), images, weight, [1e-3, 1e-2, 20.0])
    close(found.predicted[1], found.change[1], rtol=0.02, atol=0)
    assert bool((found.change[2] < 0.5 * found.predicted[2]).all())
    g = gradient(sine_score(weight), images).flatten(1)
    end = weight * (weight * (images + 20 * weight / weight.norm())).cos()
    close(found.cosine[2], torch.cosine_similarity(end.flatten(1), g, dim=1))


@pytest.mark.parametrize("lengths", [[], [0.0], [-1.0, 1.0]])
def test_lengths_must_be_positive(lengths: list[float]) -> None:
    with pytest.raises(ValueError, match="lengths above 0"):
        measure.curvature(linear_score(torch.ones(1)), random_images(), torch.ones(1, 3, 8, 8), lengths)
