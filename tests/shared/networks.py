"""Scores and small networks with gradients in closed form, and a record of everything that a call could change."""

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from lecture_lib import networks, pictures

PIXELS = (1, 2, 3)  # the axes of one image
CLASSES = ("ant", "bee", "crow", "dove", "emu")


def random_images(
    n: int = 2,
    channels: int = 3,
    height: int = 8,
    width: int = 8,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, channels, height, width, generator=generator, dtype=dtype)


def random_weight(like: Tensor, *, seed: int = 1) -> Tensor:
    """Normal numbers of the shape of one image, (1, C, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, *like.shape[1:], generator=generator, dtype=like.dtype)


def linear_score(weight: Tensor, bias: float = 0.0) -> networks.Score:
    """Gradient: the weight."""
    return lambda images: (weight * images).sum(dim=PIXELS) + bias


def quadratic_score(weight: Tensor) -> networks.Score:
    """Gradient: weight · image."""
    return lambda images: (weight * images.square() / 2).sum(dim=PIXELS)


def sine_score(weight: Tensor) -> networks.Score:
    """Gradient: weight · cos(weight · image)."""
    return lambda images: (weight * images).sin().sum(dim=PIXELS)


class Logged:
    """A score that keeps every batch it was asked for."""

    def __init__(self, score: networks.Score) -> None:
        self.score = score
        self.calls: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        self.calls.append(images.detach().clone())
        return self.score(images)


class Stateful(nn.Module):
    """Everything that a careless method could change: batch norm, dropout, an in-place ReLU, a hook."""

    def __init__(self, channels: int = 3, classes: int = len(CLASSES)) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Dropout(0.5)
        )
        self.head = nn.Linear(6, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).mean(dim=(2, 3)))


def _seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def stateful_network(channels: int = 3) -> networks.Network:
    model = _seeded(lambda: Stateful(channels))
    return networks.Network(model, CLASSES, mean=[0.4] * channels, std=[0.25] * channels, size=8)


def smooth_network() -> networks.Network:
    """Infinitely often differentiable, in float64: for finite differences and Taylor's theorem."""
    model = _seeded(
        lambda: nn.Sequential(
            *(nn.Conv2d(3, 6, 3), nn.Softplus(), nn.Conv2d(6, 6, 3), nn.Tanh()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, len(CLASSES))),
        )
    )
    return networks.Network(model, CLASSES, (0.5,) * 3, (0.25,) * 3, size=8).double()


@cache
def efficientnet() -> networks.Network:
    """Loaded once for all tests; none of them may change it."""
    return networks.efficientnet_lite0()


@cache
def photographs(names: tuple[str, ...]) -> Tensor:
    return torch.cat([pictures.photo(name) for name in names])


def state_of(network: nn.Module) -> dict[str, Any]:
    """What a method must leave alone, copied."""
    return {
        "parameters": {name: value.detach().clone() for name, value in network.named_parameters()},
        "buffers": {name: value.clone() for name, value in network.named_buffers()},
        "grads": {name: value.grad for name, value in network.named_parameters()},
        "requires_grad": {name: value.requires_grad for name, value in network.named_parameters()},
        "training": {name: module.training for name, module in network.named_modules()},
        "hooks": {name: _hooks(module) for name, module in network.named_modules()},
        "grad_mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "torch_random": torch.random.get_rng_state(),
        "numpy_random": np.random.get_state(),  # noqa: NPY002 — the global state is what must stay
        "python_random": random.getstate(),
    }


def _hooks(module: nn.Module) -> dict[str, list[int]]:
    return {name: list(value) for name, value in vars(module).items() if name.endswith("_hooks")}


def assert_same_state(before: Any, after: Any, place: str = "state") -> None:
    """Equal in every bit, compared entry by entry so that the failure names the place."""
    assert type(before) is type(after), place
    if isinstance(before, dict):
        assert before.keys() == after.keys(), place
        for key in before:
            assert_same_state(before[key], after[key], f"{place}.{key}")
    elif isinstance(before, Tensor):
        assert torch.equal(before, after), place
    elif isinstance(before, tuple | list):
        assert len(before) == len(after), place
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            assert_same_state(one, other, f"{place}[{number}]")
    elif isinstance(before, np.ndarray):
        np.testing.assert_array_equal(before, after, err_msg=place)
    else:
        assert before == after, place


# What a student may pass as images by mistake: (value, kind of error, a part of the message).
BAD_IMAGES = [
    pytest.param([[0.1, 0.2]], TypeError, "torch tensor, received list", id="list"),
    pytest.param(np.zeros((1, 3, 8, 8)), TypeError, "torch tensor, received ndarray", id="numpy"),
    pytest.param(None, TypeError, "torch tensor, received NoneType", id="none"),
    pytest.param(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), TypeError, "torch.uint8", id="uint8"),
    pytest.param(torch.zeros(1, 3, 8, 8, dtype=torch.int64), TypeError, "torch.int64", id="int64"),
    pytest.param(torch.zeros(1, 3, 8, 8, dtype=torch.bool), TypeError, "torch.bool", id="bool"),
    pytest.param(torch.zeros(1, 3, 8, 8, dtype=torch.complex64), TypeError, "torch.complex64", id="complex"),
    pytest.param(torch.zeros(3, 8, 8), ValueError, r"\(N, C, H, W\), received \(3, 8, 8\)", id="no batch axis"),
    pytest.param(torch.zeros(8, 8), ValueError, r"received \(8, 8\)", id="rank 2"),
    pytest.param(torch.zeros(1, 1, 3, 8, 8), ValueError, r"received \(1, 1, 3, 8, 8\)", id="rank 5"),
    pytest.param(torch.tensor(0.5), ValueError, r"received \(\)", id="scalar"),
    pytest.param(torch.zeros(0, 3, 8, 8), ValueError, r"received \(0, 3, 8, 8\)", id="empty batch"),
    pytest.param(torch.zeros(1, 3, 0, 8), ValueError, r"received \(1, 3, 0, 8\)", id="no rows"),
    pytest.param(torch.full((1, 3, 8, 8), float("nan")), ValueError, "NaN or infinity", id="nan"),
    pytest.param(torch.full((1, 3, 8, 8), float("inf")), ValueError, "NaN or infinity", id="inf"),
    pytest.param(torch.full((1, 3, 8, 8), float("-inf")), ValueError, "NaN or infinity", id="minus inf"),
]
OUT_OF_RANGE = [
    pytest.param(torch.full((1, 3, 8, 8), 1.5), ValueError, r"\[0, 1\], received values from 1.5", id="above 1"),
    pytest.param(torch.full((1, 3, 8, 8), -0.5), ValueError, r"\[0, 1\], received values from -0.5", id="below 0"),
    pytest.param(torch.rand(1, 3, 8, 8) * 255, ValueError, r"\[0, 1\]", id="0 to 255"),
]
BAD_SCORES = [
    pytest.param(
        lambda x: x.flatten(1).sum(1, keepdim=True), ValueError, r"\(2,\), received shape \(2, 1\)", id="(N, 1)"
    ),
    pytest.param(lambda x: x.sum(), ValueError, r"received shape \(\)", id="scalar"),
    pytest.param(lambda x: x.sum((2, 3)), ValueError, r"received shape \(2, 3\)", id="(N, classes)"),
    pytest.param(lambda x: x.sum(PIXELS)[:1], ValueError, r"received shape \(1,\)", id="one too few"),
    pytest.param(lambda x: x.sum().item(), TypeError, "torch tensor, received float", id="float"),
    pytest.param(lambda x: x.detach().sum(PIXELS).numpy(), TypeError, "received ndarray", id="numpy"),
    pytest.param(lambda x: None, TypeError, "received NoneType", id="nothing"),
]
BLIND_SCORES = [
    pytest.param(lambda x: torch.ones(len(x)), id="ignores the image"),
    pytest.param(lambda x: torch.ones(len(x), requires_grad=True) * 2, id="depends on something else"),
    pytest.param(lambda x: x.detach().sum(PIXELS), id="detaches"),
    pytest.param(lambda x: x.flatten(1).argmax(1), id="has no derivative"),
]


def random_resnet18() -> networks.Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = resnet18(weights=None)
    return networks.Network(model, networks.IMAGENET_CLASSES, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
