"""What tests of widgets share."""

import torch
from torch import Tensor

from lecture_lib import networks
from lecture_lib.widgets.stage import Stage
from tests.shared.networks import Stateful


def small_network() -> networks.Network:
    """Takes photographs, knows three classes, and is fast."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Stateful(classes=3)
    return networks.Network(model, ["tabby", "tiger cat", "lynx"], [0.5] * 3, [0.5] * 3, size=32)


def settled(widget: Stage) -> Stage:
    """Wait for the background."""
    widget.background.worker.submit(lambda: None).result(timeout=60)
    return widget


def diagonal(images: Tensor) -> Tensor:
    """Probability sigmoid(4 · (x1 + 2 · x2 - 1))."""
    x1, x2 = images[:, 0, 0, 0], images[:, 0, 0, 1]
    return (4 * (x1 + 2 * x2 - 1)).sigmoid()
