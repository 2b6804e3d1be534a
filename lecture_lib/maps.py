r"""From a signed tensor of the image's shape ``(N, C, H, W)`` to a map ``(N, H, W)``, one number per pixel.

The literature has no single rule. The rules here are those of the lecture notes and of their two companion
texts; they answer different questions, so name the one you use.
"""

from torch import Tensor
from torch.nn.functional import interpolate


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


def mean_abs(attribution: Tensor) -> Tensor:
    r"""How fast a channel changes the score on average, up or down: :math:`A_{ij} = \frac1C \sum_c |w_{cij}|`.

    Parameters
    ----------
    attribution
        As in `max_abs`, with the same error.

    Returns
    -------
    Tensor, shape (N, H, W)
        Never negative, and never above `max_abs`.

    References
    ----------
    Lecture notes, section 2.1, footnote 1, for the mean; Smilkov et al. 2017, arXiv:1706.03825, for the
    absolute values.
    """
    return _checked(attribution).abs().mean(dim=1)


def mean(attribution: Tensor) -> Tensor:
    r"""Mean over the channels, with sign: :math:`A_{ij} = \frac1C \sum_c w_{cij}`.

    One third (for RGB) of the rate at which the score changes when all channels of the pixel brighten together.
    Channels of opposite sign cancel.

    Parameters
    ----------
    attribution
        As in `max_abs`, with the same error.

    Returns
    -------
    Tensor, shape (N, H, W)
        Signed.

    References
    ----------
    Lecture notes, section 2.1, footnote 1.
    """
    return _checked(attribution).mean(dim=1)


def positive(attribution: Tensor) -> Tensor:
    r"""Mean over the channels of what raises the score: :math:`A_{ij} = \frac1C \sum_c \max(w_{cij}, 0)`.

    Parameters
    ----------
    attribution
        As in `max_abs`, with the same error.

    Returns
    -------
    Tensor, shape (N, H, W)
        Never negative.

    References
    ----------
    The companion text on vanilla saliency reads maps this way; compare Springenberg et al. 2014,
    arXiv:1412.6806, which keeps positive gradients at every layer.
    """
    return _checked(attribution).clamp_min(0).mean(dim=1)


def upsample(map: Tensor, size: int | tuple[int, int]) -> Tensor:
    r"""A coarse map at the resolution of the image: bilinear interpolation between the middles of the cells.

    Cell i of h covers the pixels from :math:`i H / h` to :math:`(i + 1) H / h`, so its value belongs to the middle of
    this stretch (``align_corners=False``). Beyond the outermost middles the map is constant. It looks smooth, but it
    says no more than its h · w cells.

    Parameters
    ----------
    map : Tensor, shape (N, h, w)
        Signed or not; as CAM, Grad-CAM and attention give it.
    size : int or (int, int)
        Height and width of the image in pixels; one number for a square.

    Returns
    -------
    Tensor, shape (N, H, W)
        In the unit of the map, between its lowest and its highest value.

    Raises
    ------
    ValueError
        If the map does not have three axes, or the size is below 1.

    References
    ----------
    Zhou et al. 2016, arXiv:1512.04150, section 2; lecture notes, section 2.2.
    """
    if not isinstance(map, Tensor) or map.ndim != 3 or 0 in map.shape:
        raise ValueError(f"Expected a map of shape (N, h, w), received {_shape(map)}.")
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ValueError(f"Expected a height and a width of at least 1 pixel, received {height} and {width}.")
    return interpolate(map[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0]


def _checked(attribution: Tensor) -> Tensor:
    if not isinstance(attribution, Tensor) or attribution.ndim != 4:
        raise ValueError(f"Expected an attribution of shape (N, C, H, W), received {_shape(attribution)}.")
    return attribution


def _shape(value: object) -> object:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
