r"""The solver under `lecture_lib.attacks.minimal_perturbation`.

Minimise :math:`\lVert r \rVert^2` while :math:`I_* + r` is in a class and in [0, 1]: a penalty instead of the first
constraint, L-BFGS with box constraints for the second, and a search for the weight of the penalty around it.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.optimize import Bounds, minimize
from torch import Tensor

from lecture_lib.gradients import evaluate, input_gradient
from lecture_lib.networks import Network, Score
from lecture_lib.progress import track

TINY = 1e-9  # where a slope or a margin is 0, so that nothing is divided by 0


def nearest_in_class(
    network: Network, index: int, image: Tensor, n_weights: int, n_steps: int, progress: bool
) -> Tensor:
    """The nearest image of a class that a search for the weight of the penalty finds, for one image (1, C, H, W)."""
    margin = ahead(network, index)
    behind = -evaluate(margin, image).item()
    if behind < 0:
        return image
    behind = max(behind, TINY)

    def reached(images: Tensor) -> bool:
        """Whether the images are in the class so clearly that another machine's rounding won't undo it."""
        return evaluate(margin, images).item() > behind / 1000

    softened = ahead(network, index, softness=behind / 20)
    slope = input_gradient(softened, image)
    weight = 2 * behind / max(slope.square().sum().item(), TINY)  # for a linear network, r = weight / 2 · slope
    too_small, enough, outside = 0.0, math.inf, []
    inside = image  # found with the largest weight that was too small: the next search starts from here
    for _ in track(range(n_weights), progress, "weights"):
        found = _penalised_minimum(softened, image, inside, weight, behind, n_steps)
        if reached(found):
            enough = weight
            outside.append(found)
        else:
            too_small, inside = weight, found
        weight = math.sqrt((too_small or enough / 4) * enough) if outside else 2 * too_small
    if not outside:
        return inside
    return _shortened(reached, image, min(outside, key=lambda found: (found - image).norm().item()))


def ahead(network: Network, index: int, softness: float = 0.0) -> Score:
    """How far a class is ahead of the largest other logit, or of their soft maximum, which has no kinks."""
    others = [k for k in range(len(network.classes)) if k != index]

    def score(images: Tensor) -> Tensor:
        """The logit of the class minus the maximum of the others."""
        logits = network(images)
        rest = logits[:, others]
        highest = softness * (rest / softness).logsumexp(dim=1) if softness else rest.amax(dim=1)
        return logits[:, index] - highest

    return score


def _penalised_minimum(
    margin: Score, image: Tensor, start: Tensor, weight: float, scale: float, n_steps: int
) -> Tensor:
    """Minimise (‖r‖² / weight - margin(image + r)) / scale with image + r in [0, 1], from a given start."""
    unit = math.sqrt(weight * scale / 2)  # of the solver's variables z = r / unit: it expects curvatures around 1

    def objective(variables: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        """The value to minimise, and its slope."""
        r = unit * torch.from_numpy(variables).to(image.device).view(image.shape)
        changed = (image + r).clamp(0, 1).to(image.dtype).requires_grad_()
        value = margin(changed)
        (slope,) = torch.autograd.grad(value.sum(), changed)
        uphill = unit * (2 * r / weight - slope) / scale
        return (r.square().sum() / weight - value).item() / scale, uphill.flatten().cpu().numpy()

    def variables(images: Tensor | float) -> np.ndarray[Any, Any]:
        """The solver's variables of an image, or of the bounds 0 and 1."""
        return ((images - image.double()) / unit).flatten().cpu().numpy()

    bounds, options = Bounds(variables(0), variables(1)), {"maxiter": n_steps, "maxfun": n_steps + 5, "ftol": 1e-4}
    with torch.inference_mode(False), torch.enable_grad():
        found = minimize(
            objective, variables(start), jac=True, method="L-BFGS-B", bounds=bounds, options=options | {"gtol": 0}
        )
    r = unit * torch.from_numpy(found.x).to(image.device).view(image.shape)
    return (image + r).clamp(0, 1).to(image.dtype)


def _shortened(reached: Callable[[Tensor], bool], image: Tensor, outside: Tensor) -> Tensor:
    """The last image on the line to one that reaches the class, coming from there, that was found to reach it too."""
    inside = image
    for _ in range(12):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if reached(middle) else (middle, outside)
    return outside
