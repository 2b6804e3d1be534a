"""Everything that a function may not change is watched, and put back so that the next case is not spoilt."""

import random

import numpy as np
import pytest
import torch

from lecture_lib.checks.state import changed, snapshot
from tests.shared.networks import assert_same_state, state_of, stateful_network


def leave_grad(images, network):
    images.grad = torch.ones_like(images)


def accumulate(images, network):
    network.features[1].running_mean.add_(1)


def weights(images, network):
    network.head.weight.data[0, 0] += 1


def own_gradients(images, network):
    network.head.weight.grad = torch.ones_like(network.head.weight)


CHANGES = {
    "in place": (lambda images, network: images.mul_(2), "changes its input"),
    "asks for a gradient": (lambda images, network: images.requires_grad_(), "changes its input"),
    "leaves a .grad": (leave_grad, "changes its input"),
    "a weight": (weights, "changes the network"),
    "a buffer": (accumulate, "changes the network"),
    "a weight's .grad": (own_gradients, "changes the network"),
    "a weight asks": (lambda images, network: network.requires_grad_(), "changes the network"),
    "training": (lambda images, network: network.train(), "changes the network"),
    "a hook": (lambda images, network: network.head.register_forward_hook(print), "leaves a hook"),
    "a backward hook": (lambda images, network: network.head.register_full_backward_hook(print), "leaves a hook"),
    "no more gradients": (lambda images, network: torch.set_grad_enabled(False), "switches gradients off"),
    "another type": (lambda images, network: torch.set_default_dtype(torch.float64), "default type"),
    "torch's numbers": (lambda images, network: torch.rand(1), "random numbers"),
    "torch's seed": (lambda images, network: torch.manual_seed(5), "random numbers"),
    "NumPy's numbers": (lambda images, network: np.random.rand(), "random numbers"),  # noqa: NPY002
    "Python's numbers": (lambda images, network: random.random(), "random numbers"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_and_undone(name):
    change, message = CHANGES[name]
    network = stateful_network().model.requires_grad_(False)
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    state, before = state_of(network), snapshot((images, network))
    change(images, network)
    assert message in changed(before, (images, network))
    assert_same_state(state, state_of(network))
    assert torch.get_default_dtype() == torch.float32


def test_nothing_is_told_where_nothing_changed():
    network = stateful_network()
    images = torch.rand(2, 3, 8, 8, requires_grad=True)
    before = snapshot((images, network, "a name", 3))
    torch.autograd.grad(network(images * 1).sum(), images)
    assert changed(before, (images, network, "a name", 3)) is None


def test_the_network_inside_a_score_and_of_a_method_is_watched():
    network = stateful_network()
    for argument in (network.score("bee"), network.index):
        before = snapshot((argument,))
        network.model.head.weight.data[0, 0] += 1
        assert "changes the network" in changed(before, (argument,))
