"""Are two maps alike? Similarities, what they are worth (null distribution), and twins of a network without training.

A similarity says nothing alone: maps of two unrelated pictures can be similar, too. So put `null_distribution`
beside it. And a map that stays the same when what the network has learnt is destroyed shows something else than
what the network has learnt: `randomise`, `cascade`.
"""

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from copy import deepcopy
from itertools import combinations, pairwise
from typing import NamedTuple, TypeVar

import torch
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from lecture_lib.measure import rank_correlation

Comparison = Callable[[Tensor, Tensor], Tensor]  # from two maps (N, H, W) to one number for each pair, (N,)
AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)

# ---- Two maps ---------------------------------------------------------------------------------------------------


class Similarity(NamedTuple):
    """Three answers to “are these two maps alike?”; see `similarity`. Each of shape (N,); 1 is the same."""

    rank_correlation: Tensor
    top_k_intersection: Tensor
    ssim: Tensor


def similarity(first: Tensor, second: Tensor, *, share: float = 0.1) -> Similarity:
    """Rank correlation, intersection of the brightest pixels, and structural similarity of two maps.

    Parameters
    ----------
    first, second : Tensors of the same shape (N, H, W)
        Maps of N images; at least 7 pixels high and wide.
    share : float in (0, 1]
        Which share of the pixels counts as the brightest.

    Returns
    -------
    Similarity
        ``rank_correlation``, ``top_k_intersection`` and ``ssim``, each of shape (N,).

    Raises
    ------
    ValueError
        If a map has another shape, or the share is not in (0, 1].

    References
    ----------
    Adebayo et al. 2018, arXiv:1810.03292, section 3; Ghorbani et al. 2019, arXiv:1710.10547, section 2.
    """
    _check_pair(first, second)
    if not 0 < share <= 1:
        raise ValueError(f"Expected a share above 0 and up to 1, received {share}.")
    k = max(1, round(share * first[0].numel()))
    return Similarity(rank_correlation(first, second), top_k_intersection(first, second, k), ssim(first, second))


def top_k_intersection(first: Tensor, second: Tensor, k: int) -> Tensor:
    r"""Which share of the k brightest pixels two maps have in common, :math:`|T_k(A) \cap T_k(B)| / k`.

    Pixels that tie for the last places share these places equally, so the order of the pixels does not matter. For
    two unrelated maps about :math:`k / (H W)` is to be expected.

    Parameters
    ----------
    first, second : Tensors of the same shape (N, H, W)
        Maps; “bright” means large, with the sign.
    k : int
        How many pixels, from 1 to H · W.

    Returns
    -------
    Tensor, shape (N,)
        In [0, 1].

    Raises
    ------
    ValueError
        If a map has another shape, or k is out of range.

    References
    ----------
    Ghorbani et al. 2019, arXiv:1710.10547, section 2.
    """
    _check_pair(first, second)
    if not 1 <= k <= first[0].numel():
        raise ValueError(f"Expected a k from 1 to {first[0].numel()}, the number of pixels, received {k}.")
    one, other = (_membership(map.detach().flatten(1), k) for map in (first, second))
    return torch.minimum(one, other).sum(dim=1) / k


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Structural similarity: whether two maps look alike in windows of 7 × 7 pixels.

    Every map is first scaled to [0, 1] by its own minimum and maximum. Where a few pixels are far brighter than all
    others, the rest of both maps is then nearly black, and the similarity is high whatever the maps show. Look at
    the null distribution before you believe it.

    Parameters
    ----------
    first, second : Tensors of the same shape (N, H, W)
        Maps, at least 7 pixels high and wide. Scale and offset don't matter.

    Returns
    -------
    Tensor, shape (N,)
        In [-1, 1]; NaN where a map is constant.

    Raises
    ------
    ValueError
        If a map has another shape, or is smaller than the window.

    References
    ----------
    Wang et al. 2004, doi:10.1109/TIP.2003.819861; used for maps by Adebayo et al. 2018, arXiv:1810.03292.
    """
    _check_pair(first, second)
    if min(first.shape[1:]) < 7:
        raise ValueError(f"Expected maps of at least 7 × 7 pixels, received {tuple(first.shape[1:])}.")
    pairs = zip(_scaled(first), _scaled(second), strict=True)
    values = [structural_similarity(one.numpy(), other.numpy(), data_range=1.0) for one, other in pairs]
    return torch.tensor(values, dtype=torch.float64)


# ---- Many maps --------------------------------------------------------------------------------------------------


def null_distribution(maps: Tensor, compare: Comparison = rank_correlation) -> Tensor:
    r"""Similarities of maps that have nothing to do with one another: all pairs of N unrelated pictures.

    Its mean is seldom 0: many maps are brighter in the middle, and neighbouring pixels go together. A similarity
    means something only as far as it lies outside of this distribution.

    Parameters
    ----------
    maps : Tensor, shape (N, H, W)
        One map of one method for each of N unrelated pictures, at least 2.
    compare : function
        From two batches of maps to one number for each pair: `rank_correlation`, `ssim`, …

    Returns
    -------
    Tensor, shape (N (N - 1) / 2,)
        In the order (0, 1), (0, 2), …, (N - 2, N - 1).

    Raises
    ------
    ValueError
        If there are fewer than two maps.

    References
    ----------
    A reference distribution, as in any textbook on permutation tests; for the comparisons of the lecture notes,
    section 4.1, Fig. 15.
    """
    if maps.ndim != 3 or len(maps) < 2:
        raise ValueError(f"Expected at least two maps, shape (N, H, W), received {tuple(maps.shape)}.")
    first, second = torch.tensor(list(combinations(range(len(maps)), 2))).T
    return compare(maps[first], maps[second])


def agreement_matrix(maps: Mapping[str, Tensor], compare: Comparison = rank_correlation) -> Tensor:
    """How much methods agree with one another: the mean similarity of their maps of the same pictures.

    Parameters
    ----------
    maps : dict from the name of a method to Tensor, shape (N, H, W)
        For the same N pictures, at the same resolution.
    compare : function
        From two batches of maps to one number for each pair.

    Returns
    -------
    Tensor, shape (methods, methods)
        Symmetric, in the order of the names; on the diagonal every map is compared with itself.

    Raises
    ------
    ValueError
        If there is no method.

    References
    ----------
    Krishna et al. 2022, arXiv:2202.01602, section 3; lecture notes, section 5.
    """
    if not maps:
        raise ValueError("Expected the maps of at least one method, received none.")
    return torch.stack(
        [torch.stack([compare(one, other).mean() for other in maps.values()]) for one in maps.values()]
    )


# ---- A twin that has learnt nothing -----------------------------------------------------------------------------


def randomise(network: AnyNetwork, parameters: Collection[str] | None = None, *, seed: int = 0) -> AnyNetwork:
    """A copy of a network in which the values of parameters are shuffled, each parameter within itself.

    Shuffling keeps the mean, the scale and the very values of every weight tensor, so the signal neither dies nor
    explodes because of another scale; what was learnt is gone: which value stands where. Weights, biases and raw
    parameters such as ``pos_embed`` are all treated alike. Every parameter has a shuffle of its own, drawn from the
    seed and its name, so two layers of the same shape differ, and the shuffle of a layer does not depend on which
    others are shuffled. A parameter whose values are all equal stays as it is, and so do buffers, such as the running
    means of a batch normalisation.

    Parameters
    ----------
    network : Module
        Stays as it is.
    parameters : collection of str or None
        Names from ``network.named_parameters()``; by default all.
    seed : int
        The same seed gives the same twin.

    Returns
    -------
    Module
        Of the same kind as the network.

    Raises
    ------
    ValueError
        If the network has no parameter of a given name.

    References
    ----------
    Adebayo et al. 2018, arXiv:1810.03292, section 3, draw new values from the distribution of the first weights.
    """
    twin = deepcopy(network)
    known = dict(twin.named_parameters())
    chosen = known if parameters is None else parameters
    if unknown := set(chosen) - set(known):
        raise ValueError(f"Expected names of parameters, received {', '.join(sorted(unknown))}.")
    with torch.no_grad():
        for name in chosen:
            values = known[name]
            generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
            order = torch.randperm(values.numel(), generator=generator).to(values.device)
            values.copy_(values.flatten()[order].view_as(values))
    return twin


def layers(network: nn.Module) -> dict[str, list[str]]:
    """The names of the parameters, layer by layer, the last layer first.

    Parameters
    ----------
    network : Module
        Its layers must be defined in the order in which they are used, as is usual.

    Returns
    -------
    dict from str to list of str
        From the name of a layer to the names of its parameters, such as weight and bias. Raw parameters, which belong
        to a module with further layers inside, count as a layer of their own.
    """
    found: dict[str, list[str]] = {}
    for name, _ in network.named_parameters():
        owner = name.rpartition(".")[0]
        raw = next(network.get_submodule(owner).children(), None) is not None
        found.setdefault(name if raw else owner, []).append(name)
    return dict(reversed(found.items()))


def cascade(network: AnyNetwork, *, n_stages: int | None = None, seed: int = 0) -> Iterator[tuple[str, AnyNetwork]]:
    """Twins of a network that forget more and more: from the last layer down, until all parameters are shuffled.

    Parameters
    ----------
    network : Module
        Stays as it is.
    n_stages : int or None
        How many twins, evenly spaced over the layers; by default one a layer.
    seed : int
        See `randomise`. What one twin has shuffled, the next has shuffled alike.

    Yields
    ------
    (str, Module)
        The name of the layer down to which the twin is shuffled, and the twin. The last one has nothing left.

    Raises
    ------
    ValueError
        If there are more stages than layers, or none.

    References
    ----------
    Adebayo et al. 2018, arXiv:1810.03292, section 3.1, “cascading randomization”.
    """
    found = list(layers(network).items())
    n_stages = len(found) if n_stages is None else n_stages
    if not 1 <= n_stages <= len(found):
        raise ValueError(f"Expected from 1 to {len(found)} stages, the number of layers, received {n_stages}.")
    ends = [stage * len(found) // n_stages for stage in range(n_stages + 1)]
    for start, end in pairwise(ends):
        names = [name for _, names in found[start:end] for name in names]
        network = randomise(network, names, seed=seed)  # the last twin, in which further layers are shuffled
        yield found[end - 1][0], network


# ---- Helpers ----------------------------------------------------------------------------------------------------


def _check_pair(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.ndim != 3:
        raise ValueError(
            f"Expected two maps of the same shape (N, H, W), received {tuple(first.shape)} and {tuple(second.shape)}."
        )


def _membership(values: Tensor, k: int) -> Tensor:
    """How far each pixel belongs to the k largest of its row (N, pixels): 1, 0, or a share of the tied places."""
    threshold = values.topk(k, dim=1).values[:, -1:]
    above, tied = (values > threshold).double(), (values == threshold).double()
    return above + tied * (k - above.sum(dim=1, keepdim=True)) / tied.sum(dim=1, keepdim=True)


def _scaled(maps: Tensor) -> Tensor:
    """Every map from 0 to 1; NaN if it is constant."""
    maps = maps.detach().cpu().double()
    low, high = (extreme(maps, dim=(1, 2)).view(-1, 1, 1) for extreme in (torch.amin, torch.amax))
    return (maps - low) / (high - low)
