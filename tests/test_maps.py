from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from lecture_lib import maps

RULES = [maps.max_abs, maps.mean, maps.positive]
attributions = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=4, max_dims=4, max_side=4),
    elements=st.floats(-1e3, 1e3, allow_subnormal=False),
).map(torch.from_numpy)

# Two pixels in one row, three channels: (3, -1) red, (-4, -2) green, (1, 0) blue.
BY_HAND = torch.tensor([[[[3.0, -1.0]], [[-4.0, -2.0]], [[1.0, 0.0]]]])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [(maps.max_abs, [4.0, 2.0]), (maps.mean, [0.0, -1.0]), (maps.positive, [4 / 3, 0.0])],
)
def test_by_hand(rule: Callable[[Tensor], Tensor], expected: list[float]) -> None:
    torch.testing.assert_close(rule(BY_HAND), torch.tensor([[expected]]))


@given(attributions)
def test_against_numpy(attribution: Tensor) -> None:
    values = attribution.numpy()
    np.testing.assert_array_equal(maps.max_abs(attribution), np.abs(values).max(axis=1))
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


@given(attributions)
def test_what_raises_minus_what_lowers_is_the_mean(attribution: Tensor) -> None:
    difference = maps.positive(attribution) - maps.positive(-attribution)
    torch.testing.assert_close(difference, maps.mean(attribution), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
@given(attributions, st.randoms(use_true_random=False))
def test_the_order_of_the_channels_does_not_matter(
    rule: Callable[[Tensor], Tensor], attribution: Tensor, random: object
) -> None:
    order = list(range(attribution.shape[1]))
    random.shuffle(order)
    torch.testing.assert_close(rule(attribution[:, order]), rule(attribution), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_gray_images_have_one_channel(rule: Callable[[Tensor], Tensor]) -> None:
    attribution = torch.tensor([[[[2.0, -3.0]]]])
    expected = {"max_abs": [2.0, 3.0], "mean": [2.0, -3.0], "positive": [2.0, 0.0]}[rule.__name__]
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
