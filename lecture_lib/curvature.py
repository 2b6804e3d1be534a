"""How far a gradient can be trusted along a step."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_lib.gradients import _gradient, gradient
from lecture_lib.measure import _unit_length
from lecture_lib.networks import Score
from lecture_lib.pictures import check_images


class Curvature(NamedTuple):
    """How the gradient changes along a step; see `curvature`. Each of shape (len(lengths), N)."""

    change: Tensor  # ‖∇f(I + t d) - ∇f(I)‖ / ‖∇f(I)‖
    predicted: Tensor  # the same, proportional to t from the shortest length on
    cosine: Tensor  # of the angle between the two gradients


def curvature(score: Score, images: Tensor, direction: Tensor, lengths: Sequence[float]) -> Curvature:
    r"""How much the gradient changes along a step, compared with what the curvature at the start predicts.

    With :math:`d` the direction at length 1, the change is :math:`\lVert \nabla f(I + t d) - \nabla f(I) \rVert`,
    relative to :math:`\lVert \nabla f(I) \rVert`. For a small :math:`t` it is :math:`t \, \lVert H d \rVert` with the
    matrix :math:`H` of second derivatives. The shortest length serves as the finite difference that estimates
    :math:`\lVert H d \rVert`: a network of ReLUs has no second derivatives, its gradient jumps from piece to piece.

    Parameters
    ----------
    score : function
        From images ``(N, C, H, W)`` to one number per image ``(N,)``.
    images : Tensor, shape (N, C, H, W)
        Pixels in [0, 1].
    direction : Tensor, shape (N, C, H, W) or (1, C, H, W)
        Only its direction counts; for example the perturbation of an attack.
    lengths : sequence of floats
        The lengths :math:`t > 0` (L2 norm over all pixels). Pixels may leave [0, 1].

    Returns
    -------
    Curvature
        ``change``, ``predicted`` and ``cosine``, each of shape (len(lengths), N).

    Raises
    ------
    TypeError, ValueError
        If a length is not above 0, and as in `lecture_lib.measure.linearity_error`.

    References
    ----------
    Lecture notes, section 4.1, “Failure to explain adversarial attacks”.
    """
    if not lengths or min(lengths) <= 0:
        raise ValueError(f"Expected lengths above 0, received {list(lengths)}.")
    step, start = _unit_length(direction, check_images(images)), gradient(score, images).flatten(1)
    ends = torch.stack([_gradient(score, images + length * step).flatten(1) for length in lengths])
    change = (ends - start).norm(dim=2) / start.norm(dim=1)
    t = torch.tensor(lengths).to(change).view(-1, 1)
    return Curvature(change, t / t.min() * change[t.argmin()], torch.cosine_similarity(ends, start[None], dim=2))
