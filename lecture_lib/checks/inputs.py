"""Random inputs for checks: in single precision as in the notebooks, and the same for the same seed."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from lecture_lib.networks import Network, Score

Module = TypeVar("Module", bound=nn.Module)


def seeded(seed: int) -> torch.Generator:
    """A fresh generator."""
    return torch.Generator().manual_seed(seed)


def uniform(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Uniform in [0, 1), like pixels."""
    return torch.rand(shape, generator=seeded(seed))


def normal(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal, like weights."""
    return torch.randn(shape, generator=seeded(seed))


def with_random_weights(make: Callable[[], Module], seed: int, factor: float = 1.0) -> Module:
    """What a function makes of this seed, each weight times a factor; torch's own seed stays as it is."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = make()
    for weight in module.parameters():
        weight.data *= factor
    return module


def small_network(seed: int, channels: int = 3, dtype: torch.dtype = torch.float64) -> Network:
    """A smooth random network for images (N, C, H, W) of any size.

    Parameters
    ----------
    seed : int
        Draws the weights.
    channels : int
        The C of its images.
    dtype : torch.dtype
        Of its weights.

    Returns
    -------
    Network
        With the five classes "a" to "e".
    """

    def make() -> nn.Module:
        """A convolution, and a linear layer that sees a 2 × 2 grid."""
        return nn.Sequential(
            nn.Conv2d(channels, 4, 3), nn.Softplus(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5)
        )

    model = with_random_weights(make, seed, 3)  # far from linear, so that mistakes show
    return Network(model, "abcde", mean=(0.4, 0.5, 0.6)[:channels], std=(0.2,) * channels).to(dtype)


def scores(seed: int) -> list[tuple[Score, Tensor]]:
    """Scores with images to differentiate them at: several images and one, square and not, three channels and one.

    Parameters
    ----------
    seed : int
        Draws networks and images.

    Returns
    -------
    list of (function, Tensor)
        The last score needs no network.
    """
    rgb, gray = (small_network(seed, channels, torch.float32) for channels in (3, 1))
    return [
        (rgb.score("b"), uniform(seed, (3, 3, 6, 5))),
        (rgb.score("d"), uniform(seed + 1, (1, 3, 5, 7))),
        (gray.score("c"), uniform(seed + 2, (2, 1, 6, 6))),
        (gray.score("a"), uniform(seed + 3, (1, 1, 5, 5))),
        (lambda images: images.pow(3).flatten(1).sum(1), uniform(seed + 4, (2, 1, 4, 5))),
    ]
