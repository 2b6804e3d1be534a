"""Random inputs for checks: in double precision, and the same for the same seed."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from lecture_lib.networks import Network

Module = TypeVar("Module", bound=nn.Module)


def seeded(seed: int) -> torch.Generator:
    """A fresh generator."""
    return torch.Generator().manual_seed(seed)


def uniform(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Uniform in [0, 1), like pixels."""
    return torch.rand(shape, generator=seeded(seed), dtype=torch.float64)


def normal(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal, like weights."""
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def with_random_weights(make: Callable[[], Module], seed: int, factor: float = 1.0) -> Module:
    """What a function makes of this seed, each weight times a factor; torch's own seed stays as it is."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = make()
    for weight in module.parameters():
        weight.data *= factor
    return module


def small_network(seed: int) -> Network:
    """A smooth random network in double precision, for images (N, 3, H, W) of any size.

    Parameters
    ----------
    seed : int
        Draws the weights.

    Returns
    -------
    Network
        With the five classes "a" to "e".
    """

    def make() -> nn.Module:
        """A convolution, and a linear layer that sees a 2 × 2 grid."""
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.Softplus(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5)
        )

    model = with_random_weights(make, seed, 3)  # far from linear, so that mistakes show
    return Network(model, "abcde", mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.2)).double()
