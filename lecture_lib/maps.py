r"""From a signed tensor of the image's shape ``(N, C, H, W)`` to a map ``(N, H, W)``, one number per pixel.

The literature has no single rule. The rules here are those of the lecture notes and of their two companion
texts; they answer different questions, so name the one you use.
"""

from torch import Tensor


def max_abs(attribution: Tensor) -> Tensor:
    r"""How fast the fastest channel changes the score, in either direction: :math:`A_{ij} = \max_c |w_{cij}|`.

    Parameters
    ----------
    attribution : Tensor, shape (N, C, H, W)
        Signed, as the methods return it.

    Returns
    -------
    Tensor, shape (N, H, W)
        Never negative. For gray images (C = 1) just the absolute value.

    Raises
    ------
    ValueError
        If the attribution does not have four axes.

    References
    ----------
    Simonyan et al. 2013, arXiv:1312.6034, section 3.1.
    """
    return _checked(attribution).abs().amax(dim=1)


def mean(attribution: Tensor) -> Tensor:
    r"""Mean over the channels, with sign: :math:`A_{ij} = \frac1C \sum_c w_{cij}`.

    One third (for RGB) of the rate at which the score changes when all channels of the pixel brighten together.
    Channels of opposite sign cancel.

    Parameters
    ----------
    attribution : Tensor, shape (N, C, H, W)
        Signed, as the methods return it.

    Returns
    -------
    Tensor, shape (N, H, W)
        Signed.

    Raises
    ------
    ValueError
        If the attribution does not have four axes.

    References
    ----------
    Lecture notes, section 2.1, footnote 1.
    """
    return _checked(attribution).mean(dim=1)


def positive(attribution: Tensor) -> Tensor:
    r"""Mean over the channels of what raises the score: :math:`A_{ij} = \frac1C \sum_c \max(w_{cij}, 0)`.

    Parameters
    ----------
    attribution : Tensor, shape (N, C, H, W)
        Signed, as the methods return it.

    Returns
    -------
    Tensor, shape (N, H, W)
        Never negative.

    Raises
    ------
    ValueError
        If the attribution does not have four axes.

    References
    ----------
    The companion text on vanilla saliency reads maps this way; compare Springenberg et al. 2014,
    arXiv:1412.6806, which keeps positive gradients at every layer.
    """
    return _checked(attribution).clamp_min(0).mean(dim=1)


def _checked(attribution: Tensor) -> Tensor:
    if not isinstance(attribution, Tensor) or attribution.ndim != 4:
        received = tuple(attribution.shape) if isinstance(attribution, Tensor) else type(attribution).__name__
        raise ValueError(f"Expected an attribution of shape (N, C, H, W), received {received}.")
    return attribution
