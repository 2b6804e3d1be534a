from collections.abc import Callable
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from lecture_lib import maps

RULES = [maps.max_abs, maps.mean_abs, maps.mean, maps.positive]
attributions = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=4, max_dims=4, max_side=4),
    elements=st.floats(-1e3, 1e3, allow_subnormal=False),
).map(torch.from_numpy)

# Two pixels in one row, three channels: (3, -1) red, (-4, -2) green, (1, 0) blue.
BY_HAND = torch.tensor([[[[3.0, -1.0]], [[-4.0, -2.0]], [[1.0, 0.0]]]])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (maps.max_abs, [4.0, 2.0]),
        (maps.mean_abs, [8 / 3, 1.0]),
        (maps.mean, [0.0, -1.0]),
        (maps.positive, [4 / 3, 0.0]),
    ],
)
def test_by_hand(rule: Callable[[Tensor], Tensor], expected: list[float]) -> None:
    torch.testing.assert_close(rule(BY_HAND), torch.tensor([[expected]]))


@given(attributions)
def test_against_numpy(attribution: Tensor) -> None:
    values = attribution.numpy()
    np.testing.assert_array_equal(maps.max_abs(attribution), np.abs(values).max(axis=1))
    np.testing.assert_allclose(maps.mean_abs(attribution), np.abs(values).mean(axis=1), atol=1e-9)
    np.testing.assert_allclose(maps.mean(attribution), values.mean(axis=1), atol=1e-9)
    np.testing.assert_allclose(maps.positive(attribution), np.maximum(values, 0).mean(axis=1), atol=1e-9)


@given(attributions)
def test_max_abs_does_not_see_the_sign(attribution: Tensor) -> None:
    assert torch.equal(maps.max_abs(attribution), maps.max_abs(-attribution))


@given(attributions, st.floats(-10, 10))
def test_mean_is_linear(attribution: Tensor, factor: float) -> None:
    other = attribution.flip(0, 1, 2, 3)
    combined = maps.mean(factor * attribution + other)
    torch.testing.assert_close(combined, factor * maps.mean(attribution) + maps.mean(other), rtol=1e-9, atol=1e-9)


@given(attributions)
def test_the_order_of_the_maps(attribution: Tensor) -> None:
    slack = 1e-9  # of rounding in the mean
    assert (maps.positive(attribution) >= 0).all()
    assert (maps.positive(attribution) <= maps.max_abs(attribution) + slack).all()
    assert (maps.mean(attribution).abs() <= maps.max_abs(attribution) + slack).all()
    assert (maps.mean(attribution) <= maps.positive(attribution) + slack).all()
    assert (maps.mean(attribution).abs() <= maps.mean_abs(attribution) + slack).all()
    assert (maps.mean_abs(attribution) <= maps.max_abs(attribution) + slack).all()


@given(attributions)
def test_what_raises_minus_what_lowers_is_the_mean(attribution: Tensor) -> None:
    difference = maps.positive(attribution) - maps.positive(-attribution)
    torch.testing.assert_close(difference, maps.mean(attribution), rtol=1e-9, atol=1e-9)
    total = maps.positive(attribution) + maps.positive(-attribution)
    torch.testing.assert_close(total, maps.mean_abs(attribution), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
@given(attributions, st.randoms(use_true_random=False))
def test_the_order_of_the_channels_does_not_matter(
    rule: Callable[[Tensor], Tensor], attribution: Tensor, random: Random
) -> None:
    order = list(range(attribution.shape[1]))
    random.shuffle(order)
    torch.testing.assert_close(rule(attribution[:, order]), rule(attribution), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_gray_images_have_one_channel(rule: Callable[[Tensor], Tensor]) -> None:
    attribution = torch.tensor([[[[2.0, -3.0]]]])
    expected = {"max_abs": [2.0, 3.0], "mean_abs": [2.0, 3.0], "mean": [2.0, -3.0], "positive": [2.0, 0.0]}[
        rule.__name__
    ]
    assert torch.equal(rule(attribution), torch.tensor([[expected]]))


@pytest.mark.parametrize("rule", RULES)
def test_shape_and_input_are_kept(rule: Callable[[Tensor], Tensor]) -> None:
    attribution = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    before = attribution.clone()
    assert rule(attribution).shape == (2, 4, 5)
    assert torch.equal(attribution, before)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("value", "received"),
    [
        (torch.zeros(3, 4, 5), r"\(3, 4, 5\)"),
        (torch.zeros(4, 5), r"\(4, 5\)"),
        (torch.tensor(1.0), r"\(\)"),
        (np.zeros((1, 3, 4, 5)), "ndarray"),
        ([1.0], "list"),
    ],
)
def test_wrong_shape(rule: Callable[[Tensor], Tensor], value: object, received: str) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"\(N, C, H, W\), received {received}"):
        rule(value)


# ---- upsampling


def random_map(n: int = 2, height: int = 3, width: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(n, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_upsampling_by_hand() -> None:
    """The middles of the two cells lie at 1/4 and 3/4; four pixels lie at 1/8, 3/8, 5/8, 7/8."""
    found = maps.upsample(torch.tensor([[[0.0, 1.0]]]), (2, 4))
    torch.testing.assert_close(found, torch.tensor([0.0, 0.25, 0.75, 1.0]).expand(1, 2, 4))


@pytest.mark.parametrize("size", [(3, 4), (7, 5), (2, 9), (12, 16)])
def test_upsampling_against_interpolation_by_numpy(size: tuple[int, int]) -> None:
    """Row by row, then column by column, between the middles of the cells, constant beyond the last."""
    values = random_map(n=1)[0].numpy()
    down, right = ((np.arange(new) + 0.5) / new * old - 0.5 for new, old in zip(size, values.shape, strict=True))
    wide = np.stack([np.interp(right, np.arange(4), row) for row in values])
    expected = np.stack([np.interp(down, np.arange(3), column) for column in wide.T], axis=1)
    np.testing.assert_allclose(maps.upsample(torch.from_numpy(values)[None], size)[0], expected, atol=1e-12)


def test_the_same_size_is_the_same_map() -> None:
    assert torch.equal(maps.upsample(random_map(), (3, 4)), random_map())


def test_a_constant_map_stays_constant() -> None:
    torch.testing.assert_close(maps.upsample(torch.full((2, 3, 3), 1.7), 20), torch.full((2, 20, 20), 1.7))


def test_one_number_is_a_square() -> None:
    assert maps.upsample(random_map(), 10).shape == (2, 10, 10)


@pytest.mark.parametrize("factor", [2, 8, 32])
def test_a_whole_factor_keeps_the_mean(factor: int) -> None:
    found = maps.upsample(random_map(), (3 * factor, 4 * factor))
    assert found.amin() >= random_map().amin() - 1e-12
    assert found.amax() <= random_map().amax() + 1e-12
    torch.testing.assert_close(found.mean(dim=(1, 2)), random_map().mean(dim=(1, 2)))


@given(st.floats(-5, 5))
def test_upsampling_is_linear(factor: float) -> None:
    one, other = random_map(seed=1), random_map(seed=2)
    expected = factor * maps.upsample(one, 9) + maps.upsample(other, 9)
    torch.testing.assert_close(maps.upsample(factor * one + other, 9), expected)


def test_upsampling_of_a_mirrored_map_is_mirrored() -> None:
    for axes in [(1,), (2,), (1, 2)]:
        torch.testing.assert_close(
            maps.upsample(random_map().flip(axes), (11, 13)), maps.upsample(random_map(), (11, 13)).flip(axes)
        )


def test_a_blob_in_the_corner_stays_where_its_cell_is() -> None:
    """Its centre of mass: nearest would say 15.5; align_corners=True moves it further into the corner."""
    corner = torch.zeros(1, 7, 7)
    corner[0, 0, 0] = 1
    found = maps.upsample(corner, 224)[0]
    centre = (found.sum(dim=1) * torch.arange(224)).sum() / found.sum()
    assert centre.item() == pytest.approx(16.8, abs=0.1)


@pytest.mark.parametrize(
    ("value", "received"),
    [
        (torch.zeros(3, 4), r"\(3, 4\)"),
        (torch.zeros(1, 1, 3, 4), r"\(1, 1, 3, 4\)"),
        (torch.zeros(1, 0, 4), r"\(1, 0, 4\)"),
        (np.zeros((1, 3, 4)), "ndarray"),
    ],
)
def test_what_is_no_map(value: object, received: str) -> None:
    with pytest.raises(ValueError, match=rf"\(N, h, w\), received {received}"):
        maps.upsample(value, 8)


@pytest.mark.parametrize("size", [0, (0, 4), (4, -1)])
def test_an_impossible_size(size: int | tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1 pixel, received"):
        maps.upsample(random_map(), size)
