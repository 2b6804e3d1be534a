"""Exercise 08: rank correlation, shortcut test, parts per pixel and in total, effect of a removal, randomisation."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import torch
from scipy.stats import kendalltau, rankdata
from torch import Tensor, nn

from lecture_lib import gradients, measure, regions
from lecture_lib.checks.inputs import scores, seeded, uniform, with_random_weights
from lecture_lib.checks.task import Arguments, Mistake, Parameter, Result, Task
from lecture_lib.networks import Network, Score

Pair = tuple[Tensor, Tensor]


# --- rank_correlation(first, second) ----------------------------------------------------------------------


def _maps_with_ties(seed: int, shape: tuple[int, ...]) -> Pair:
    """Two maps that go together loosely, with ties at 0 as after a ReLU, and with a few very bright pixels."""
    common, own = uniform(seed, shape), uniform(seed + 100, (2, *shape))
    rough = (0.5 * common + own).sub(0.4).clamp_min(0).mul(8).round()
    return rough[0].pow(3) / 20, rough[1].pow(2)


def _rank_cases(seed: int) -> list[Arguments]:
    """Maps that go together, and maps of both signs that go against each other."""
    shapes = [(3, 5, 7), (1, 6, 4), (2, 4, 9), (1, 5, 5), (2, 4, 4)]
    pairs = [_maps_with_ties(seed + k, shape) for k, shape in enumerate(shapes)]
    return [(first - k, second.amax() / 3 - second if k % 2 else second) for k, (first, second) in enumerate(pairs)]


def _pearson(one: Tensor, other: Tensor) -> Tensor:
    """Correlation of the rows (N, pixels)."""
    one, other = (values - values.mean(dim=1, keepdim=True) for values in (one, other))
    return (one * other).sum(dim=1) / (one.norm(dim=1) * other.norm(dim=1))


def _ranks(map: Tensor, method: str = "average") -> Tensor:
    return torch.from_numpy(rankdata(map.flatten(1).numpy(), method=method, axis=1)).double()


def _of_ranks(method: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Spearman's correlation with another rule for ties."""
    return lambda first, second: _pearson(_ranks(first, method), _ranks(second, method))


def _by_squared_differences(first: Tensor, second: Tensor) -> Tensor:
    n = first[0].numel()
    return 1 - 6 * (_ranks(first) - _ranks(second)).square().sum(dim=1) / (n * (n**2 - 1))


def _row_by_row(first: Tensor, second: Tensor) -> Tensor:
    """Ranks within every row of pixels instead of within the whole map."""
    one, other = (torch.from_numpy(rankdata(map.numpy(), axis=2)).flatten(1) for map in (first, second))
    return _pearson(one, other)


def _over_the_batch(first: Tensor, second: Tensor) -> Tensor:
    """Ranks over the images, pixel by pixel."""
    one, other = (torch.from_numpy(rankdata(map.flatten(1).numpy(), axis=0)) for map in (first, second))
    return torch.nan_to_num(_pearson(one, other))


def _all_images_together(first: Tensor, second: Tensor) -> Tensor:
    one, other = (torch.from_numpy(rankdata(map.numpy())).view(len(map), -1) for map in (first, second))
    return _pearson(one, other)


def _kendall(first: Tensor, second: Tensor) -> Tensor:
    pairs = zip(first.flatten(1), second.flatten(1), strict=True)
    return torch.tensor([kendalltau(one, other).statistic for one, other in pairs], dtype=torch.float64)


RANK_CORRELATION = Task(
    name="rank_correlation",
    section="lecture 08, “Similar, compared with what?”",
    parameters=(
        Parameter("first", "a map, of either sign; no map is constant", "(N, H, W)"),
        Parameter("second", "a map, of either sign; no map is constant", "(N, H, W)"),
    ),
    results=(Result("the rank correlation of every pair", "(N,)"),),
    library=("measure.rank_correlation",),
    reference=measure.rank_correlation,
    cases=_rank_cases,
    mistakes=(
        Mistake(
            lambda first, second: _pearson(first.flatten(1), second.flatten(1)),
            "This is Pearson's correlation of the values. Replace the values by their ranks first.",
        ),
        Mistake(
            _of_ranks("ordinal"),
            "Ties are broken by the place of the pixel, as argsort does. Pixels of equal value share their mean "
            "rank.",
        ),
        Mistake(
            _of_ranks("min"),
            "Pixels of equal value all get the lowest of their ranks. They should share the mean of them.",
        ),
        Mistake(
            _of_ranks("max"),
            "Pixels of equal value all get the highest of their ranks. They should share the mean of them.",
        ),
        Mistake(
            _of_ranks("dense"),
            "The ranks count different values, not pixels (“dense”). A tie of three pixels takes up three ranks.",
        ),
        Mistake(
            _by_squared_differences,
            "The shortcut with the squared differences of the ranks holds only without ties. Correlate the ranks.",
        ),
        Mistake(
            _row_by_row,
            "The ranks run within each row of pixels. Flatten a map first: it has one ranking.",
        ),
        Mistake(
            _over_the_batch,
            "The ranks run over the images. Every image has a ranking of its own pixels: axis 1 after flatten(1).",
        ),
        Mistake(
            _all_images_together,
            "All images are ranked together. Every image has a ranking of its own.",
        ),
        Mistake(
            lambda first, second: torch.cosine_similarity(_ranks(first), _ranks(second)),
            "The mean rank is not subtracted: this is the cosine of the ranks, not their correlation.",
        ),
        Mistake(
            lambda first, second: -measure.rank_correlation(first, second),
            "The sign is reversed: is one of the rankings from high to low?",
        ),
        Mistake(
            _kendall,
            "This is Kendall's rank correlation. Spearman's is the Pearson correlation of the ranks.",
        ),
        Mistake(
            lambda first, second: measure.rank_correlation(first, second).mean(),
            "This is the mean over the images. Return one number per pair of maps, shape (N,).",
        ),
        Mistake(
            lambda first, second: _pearson(*(map.flatten(1).argsort(dim=1).double() for map in (first, second))),
            "One argsort says which pixel stands at each place. A rank is the place at which each pixel stands.",
        ),
        Mistake(
            lambda first, second: _pearson(
                *(map.flatten(1).argsort(dim=1).argsort(dim=1).double() for map in (first, second))
            ),
            "Ties get different ranks with argsort. Pixels of equal value share their mean rank.",
        ),
        Mistake(
            lambda first, second: measure.rank_correlation(first, second) * (1 - 1 / first[0].numel()),
            "The result is too small by (n - 1) / n: the mean divides by n and the standard "
            "deviation by n - 1. Use one of both.",
        ),
        Mistake(
            lambda first, second: measure.rank_correlation(first.abs(), second.abs()),
            "The absolute values are ranked. A negative pixel stands below all others: rank the "
            "values with their signs.",
        ),
    ),
)


# --- shortcut_test(network, own, swapped, labels) ---------------------------------------------------------


def _colour_network(seed: int) -> Network:
    """Names images by their mean colour, so that random images fall into several classes."""
    make = lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))  # noqa: E731
    model = with_random_weights(make, seed)
    return Network(model, "abcde", mean=(0.5,) * 3, std=(0.1,) * 3)


def _shortcut_case(seed: int, n: int) -> Arguments:
    """Of n images, about half are right before the swap, fewer after it, and one in six never."""
    network, size = _colour_network(seed), (4, 6) if n % 2 else (5, 5)
    own, swapped = (uniform(seed + k, (n, 3, 1, 1)) + 0.1 * uniform(seed + k, (n, 3, *size)) for k in (11, 12))
    before, after = (network(images).argmax(dim=1) for images in (own, swapped))
    labels, third = before.clone(), n // 6
    labels[:third] = after[:third]
    labels[third : 2 * third] = (torch.maximum(before, after)[third : 2 * third] + 1) % 5
    return network, own, swapped, labels


def _is_telling(case: Arguments) -> bool:
    """Whether every plausible slip shows in the numbers."""
    network, own, swapped, labels = case
    before, after = (network(images).argmax(dim=1) for images in (own, swapped))
    shares = [
        (one == other).double().mean().item() for one, other in ((before, labels), (after, labels), (before, after))
    ]
    return 0 < shares[1] < shares[0] < 1 and len({*shares, 1 - shares[0], 1 - shares[1]}) == 5


def _shortcut_cases(seed: int) -> list[Arguments]:
    """In the last case the accuracy rises."""
    candidates = (_shortcut_case(100 * seed + k, n) for k in range(100) for n in (12, 19))
    found = list(islice(filter(_is_telling, candidates), 3))
    network, own, swapped, labels = found[-1]
    return [*found[:-1], (network, swapped, own, labels)]


def _correct(network: Network, images: Tensor, labels: Tensor) -> Tensor:
    return (network(images).argmax(dim=1) == labels).double()


def _shortcut_test(network: Network, own: Tensor, swapped: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    before, after = _correct(network, own, labels).mean(), _correct(network, swapped, labels).mean()
    return before, after, before - after


def _changed(change: Callable[[Tensor, Tensor, Tensor], Any]) -> Callable[..., Any]:
    """The right three numbers, rearranged."""
    return lambda network, own, swapped, labels: change(*_shortcut_test(network, own, swapped, labels))


def _changed_by(accuracy: Callable[[Network, Tensor, Tensor], Tensor]) -> Callable[..., Any]:
    """The three numbers from another kind of accuracy."""

    def wrong(network: Network, own: Tensor, swapped: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The wrong answer."""
        before, after = accuracy(network, own, labels), accuracy(network, swapped, labels)
        return before, after, before - after

    return wrong


SHORTCUT_TEST = Task(
    name="shortcut_test",
    section="lecture 08, the first slide",
    parameters=(
        Parameter("network", "a network; `network(images)` are the logits, shape (N, classes)"),
        Parameter("own", "birds in the landscapes of their species", "(N, 3, H, W)"),
        Parameter("swapped", "the same birds in other landscapes", "(N, 3, H, W)"),
        Parameter("labels", "whole numbers: the right classes", "(N,)"),
    ),
    results=(
        Result("the accuracy on `own`, from 0 to 1"),
        Result("the accuracy on `swapped`, from 0 to 1"),
        Result("the drop, own minus swapped"),
    ),
    reference=_shortcut_test,
    cases=_shortcut_cases,
    mistakes=(
        Mistake(
            _changed(lambda before, after, drop: (before, after, -drop)),
            "The drop has the wrong sign: it is positive when the accuracy falls, own minus swapped.",
        ),
        Mistake(
            lambda network, own, swapped, labels: _shortcut_test(network, own, own, labels),
            "Both accuracies are measured in the own landscapes. The second one needs the swapped images.",
        ),
        Mistake(
            lambda network, own, swapped, labels: _shortcut_test(network, swapped, own, labels),
            "The two accuracies are exchanged: first the own landscapes, then the swapped ones.",
        ),
        Mistake(
            lambda network, own, swapped, labels: _shortcut_test(network, own, swapped, network(own).argmax(dim=1)),
            "The predictions are compared with those in the own landscapes. Compare them with the labels.",
        ),
        Mistake(
            lambda network, own, swapped, labels: (
                _correct(network, own, labels).sum(),
                _correct(network, swapped, labels).sum(),
                (_correct(network, own, labels) - _correct(network, swapped, labels)).sum(),
            ),
            "These are numbers of images. An accuracy is a share: take the mean.",
        ),
        Mistake(
            _changed(lambda before, after, drop: (100 * before, 100 * after, 100 * drop)),
            "These are percentages. Return shares in [0, 1].",
        ),
        Mistake(
            _changed(lambda before, after, drop: (1 - before, 1 - after, drop)),
            "These are error rates. The accuracy is the share of right answers.",
        ),
        Mistake(
            _changed(lambda before, after, drop: (before, after, drop / before)),
            "The drop is divided by the first accuracy. Return the plain difference.",
        ),
        Mistake(
            lambda network, own, swapped, labels: tuple(
                network.probability(0)(images).mean() for images in (own, swapped, own)
            ),
            "This is a mean probability. The accuracy counts how often the largest logit is the label's.",
        ),
        Mistake(
            _changed_by(lambda network, images, labels: _correct(network, images, labels).sum() / 60),
            "The number of right answers is divided by a fixed number. Divide by the number of "
            "images that you are given.",
        ),
        Mistake(
            _changed_by(
                lambda network, images, labels: network(images).softmax(dim=1).gather(1, labels[:, None]).mean()
            ),
            "This is the mean probability of the right class. The accuracy counts how often the "
            "largest logit is the label's.",
        ),
    ),
)


# --- part_saliency(map, masks) ----------------------------------------------------------------------------


def _part_cases(seed: int) -> list[Arguments]:
    """Soft masks that add up to 1, with parts of very different sizes."""
    cases = []
    for k, (n, parts, height, width) in enumerate(
        [(3, 4, 6, 7), (1, 3, 8, 5), (2, 5, 5, 9), (1, 2, 4, 4), (2, 1, 5, 5)]
    ):
        sizes = torch.linspace(2, -2, parts).view(1, parts, 1, 1)
        masks = (4 * uniform(seed + k, (n, parts, height, width)) + sizes).softmax(dim=1)
        masks = torch.where(masks < 0.03, 0, masks)
        cases.append(
            (
                uniform(seed + k + 50, (n, height, width)).mul(2).sub(1).pow(3),
                masks / masks.sum(dim=1, keepdim=True) if parts > 1 else 0.7 * masks,
            )
        )
    return cases


def _part_saliency(map: Tensor, masks: Tensor) -> Pair:
    totals = (map[:, None] * masks).sum(dim=(2, 3))
    return totals / masks.sum(dim=(2, 3)), totals


def _with_masks(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Pair]:
    return lambda map, masks: _part_saliency(map, change(masks))


PART_SALIENCY = Task(
    name="part_saliency",
    section="lecture 08, case 5, “The beak is brighter than the wing”",
    parameters=(
        Parameter("map", "numbers of either sign", "(N, H, W)"),
        Parameter(
            "masks", "the share of each pixel that belongs to a part, from 0 to 1; no part is empty", "(N, P, H, W)"
        ),
    ),
    results=(
        Result("the mean per pixel of every part", "(N, P)"),
        Result("the sum over every part", "(N, P)"),
    ),
    reference=_part_saliency,
    cases=_part_cases,
    mistakes=(
        Mistake(
            lambda map, masks: _part_saliency(map, masks)[::-1],
            "The two results are exchanged: first per pixel, then in total.",
        ),
        Mistake(
            lambda map, masks: ((map[:, None] * masks).mean(dim=(2, 3)), _part_saliency(map, masks)[1]),
            "Per pixel, the sum is divided by the number of all pixels. Divide it by the area of the part, the "
            "sum of its mask.",
        ),
        Mistake(
            lambda map, masks: (_part_saliency(map, masks)[0], (map[:, None] * masks).mean(dim=(2, 3))),
            "In total, a mean is taken where a sum is asked for.",
        ),
        Mistake(
            lambda map, masks: (_part_saliency(map, masks)[0],) * 2,
            "Both results are per pixel. The second one is the plain sum over the part.",
        ),
        Mistake(
            lambda map, masks: (_part_saliency(map, masks)[1],) * 2,
            "Both results are totals. Divide the first one by the area of the part.",
        ),
        Mistake(
            _with_masks(lambda masks: (masks > 0).float()),
            "Every pixel that the part touches counts fully. A mask holds shares: multiply by it.",
        ),
        Mistake(
            lambda map, masks: (
                _part_saliency(map, masks)[1] / (masks > 0).float().sum(dim=(2, 3)),
                _part_saliency(map, masks)[1],
            ),
            "The area counts every pixel that the part touches. It is the sum of the mask, whose pixels are shares.",
        ),
        Mistake(
            _with_masks(lambda masks: masks.roll(1, dims=1)),
            "The parts are shifted by one: number k of the result should use mask number k.",
        ),
        Mistake(
            _with_masks(lambda masks: 1 - masks),
            "This is what lies outside of each part. Multiply by the mask itself.",
        ),
        Mistake(
            lambda map, masks: (
                _part_saliency(map, masks)[1] / masks.sum(dim=(0, 2, 3)),
                _part_saliency(map, masks)[1],
            ),
            "The area is that of all images together. Every image has an area of its own.",
        ),
        Mistake(
            lambda map, masks: ((map[:, None] * masks).amax(dim=(2, 3)), _part_saliency(map, masks)[1]),
            "Per pixel, the brightest pixel is taken. Take the mean over the part.",
        ),
        Mistake(
            lambda map, masks: (
                _part_saliency(map, masks)[0],
                _part_saliency(map, masks)[1] / map.sum(dim=(1, 2))[:, None],
            ),
            "In total, the sum is divided by the sum of the whole map. The plain sum is asked for.",
        ),
    ),
)


# --- removal_check(score, images, removed) ----------------------------------------------------------------


def _removal_check(score: Score, images: Tensor, removed: Tensor) -> Pair:
    slope = gradients.mean_gradient(score, [images])
    return (slope * (images - removed)).sum(dim=(1, 2, 3)), regions.removal_effect(score, images, removed)


def _signed(predicted: float, measured: float) -> Callable[[Score, Tensor, Tensor], Pair]:
    """The right two numbers, each times a factor."""

    def changed(score: Score, images: Tensor, removed: Tensor) -> Pair:
        """The wrong answer."""
        one, other = _removal_check(score, images, removed)
        return predicted * one, measured * other

    return changed


def _predicted_by(prediction: Callable[[Score, Tensor, Tensor], Tensor]) -> Callable[[Score, Tensor, Tensor], Pair]:
    """The right measurement, with another prediction."""
    return lambda score, images, removed: (
        prediction(score, images, removed),
        _removal_check(score, images, removed)[1],
    )


def _removal_cases(seed: int) -> list[Arguments]:
    """In each batch a part of the picture stays; of two single images with the roles exchanged, one score falls."""
    cases: list[Arguments] = []
    for k, (score, images) in enumerate(scores(seed)):
        removed = uniform(seed + k + 20, tuple(images.shape))
        removed[..., : images.shape[3] // 2] = images[..., : images.shape[3] // 2]
        cases.append((score, images, removed))
    score, images, removed = cases[1]
    return [*cases, (score, removed, images)]


REMOVAL_CHECK = Task(
    name="removal_check",
    section="lecture 08, case 5, “The beak is brighter than the wing”",
    parameters=(
        Parameter("score", "a function: images (N, C, H, W) → one number for each image (N,)"),
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("removed", "the same scenes without a part", "(N, C, H, W)"),
    ),
    results=(
        Result("the predicted fall of the score", "(N,)"),
        Result("the measured fall of the score", "(N,)"),
    ),
    library=("regions.removal_effect",),
    reference=_removal_check,
    cases=_removal_cases,
    mistakes=(
        Mistake(
            _signed(-1, -1),
            "Both signs are reversed: a fall is positive, the score before minus the score after.",
        ),
        Mistake(
            _signed(1, -1),
            "The measured fall has the wrong sign: the score before minus the score after.",
        ),
        Mistake(
            _signed(-1, 1),
            "The predicted fall has the wrong sign: the gradient times (images − removed).",
        ),
        Mistake(
            lambda score, images, removed: _removal_check(score, images, removed)[::-1],
            "The two results are exchanged: first predicted, then measured.",
        ),
        Mistake(
            lambda score, images, removed: tuple(part.abs() for part in _removal_check(score, images, removed)),
            "The signs are gone. A score can also rise when a part is removed: keep the sign.",
        ),
        Mistake(
            _predicted_by(
                lambda score, images, removed: (gradients.mean_gradient(score, [removed]) * (images - removed)).sum(
                    dim=(1, 2, 3)
                )
            ),
            "The gradient is taken where the part is removed already. Take it at the images.",
        ),
        Mistake(
            _predicted_by(
                lambda score, images, removed: (gradients.mean_gradient(score, [images]) * images).sum(dim=(1, 2, 3))
            ),
            "The prediction multiplies the gradient with the whole image. Multiply it with what is taken away, "
            "images − removed.",
        ),
        Mistake(
            _predicted_by(lambda score, images, removed: gradients.mean_gradient(score, [images]).sum(dim=(1, 2, 3))),
            "The prediction is the sum of the gradient alone. Multiply it, pixel by pixel, with images − removed.",
        ),
        Mistake(
            _predicted_by(
                lambda score, images, removed: (gradients.mean_gradient(score, [images]) * (images - removed)).mean(
                    dim=(1, 2, 3)
                )
            ),
            "The prediction is a mean over the pixels. The effects of all pixels add up: take the sum.",
        ),
        Mistake(
            _predicted_by(
                lambda score, images, removed: (
                    (gradients.mean_gradient(score, [images]) * (images - removed)).abs().sum(dim=(1, 2, 3))
                )
            ),
            "The prediction adds absolute values. Rises and falls cancel: add the products with their signs.",
        ),
        Mistake(
            lambda score, images, removed: (
                _removal_check(score, images, removed)[0],
                gradients.evaluate(score, removed),
            ),
            "The second result is the score without the part. Subtract it from the score with the part.",
        ),
        Mistake(
            lambda score, images, removed: tuple(part.mean() for part in _removal_check(score, images, removed)),
            "These are means over the images. Return one number per image, shape (N,).",
        ),
        Mistake(
            _predicted_by(
                lambda score, images, removed: (
                    gradients.mean_gradient(score, [images]).abs().amax(dim=1, keepdim=True) * (images - removed)
                ).sum(dim=(1, 2, 3))
            ),
            "The prediction uses the largest absolute value of the channels. Each channel has a "
            "slope of its own, with its sign.",
        ),
        Mistake(
            _predicted_by(
                lambda score, images, removed: (
                    (
                        gradients.mean_gradient(score, [images]).abs().amax(dim=1)
                        * (images - removed).abs().amax(dim=1)
                    )
                    .flatten(1)
                    .sum(dim=1)
                )
            ),
            "The prediction uses the largest absolute values of the channels. Multiply channel by channel, with the "
            "signs.",
        ),
    ),
)


# --- shuffled_parameters(network, seed) -------------------------------------------------------------------


class _WithRawParameter(nn.Module):
    """Two layers of the same shape and a parameter beside them, as in a vision transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.randn(1, 7, 4))
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.head = nn.Linear(4, 3)


def _parameter_cases(seed: int) -> list[Arguments]:
    makers: list[Callable[[], nn.Module]] = [
        _WithRawParameter,
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(5, 6)),
        lambda: nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.ReLU(), nn.Linear(4, 4)),  # has buffers
        lambda: nn.Linear(9, 4),
    ]
    modules = [with_random_weights(make, seed) for make in makers]
    return [(module.eval().requires_grad_(k == 1), seed + k) for k, module in enumerate(modules)]


def _shuffled(
    network: nn.Module,
    seed: int,
    choose: Callable[[str, Tensor], bool] = lambda name, values: True,
    shuffle: Callable[[Tensor, Tensor], Tensor] = lambda values, order: values.flatten()[order].view_as(values),
    fresh: bool = False,
) -> list[Tensor]:
    """Shuffle the parameters that are chosen, with one generator for all or a fresh one for each."""
    generator, found = seeded(seed), []
    for name, values in network.named_parameters():
        generator = seeded(seed) if fresh else generator
        order = torch.randperm(values.numel(), generator=generator)
        found.append(shuffle(values.detach(), order) if choose(name, values) else values.detach().clone())
    return found


def _into_places(values: Tensor, order: Tensor) -> Tensor:
    moved = torch.empty_like(values).flatten()
    moved[order] = values.flatten()
    return moved.view_as(values)


def _only_weights(network: nn.Module, seed: int) -> list[Tensor]:
    """Biases and the like stay, and no numbers are drawn for them."""
    generator, found = seeded(seed), []
    for values in network.parameters():
        chosen = values.ndim > 1
        order = torch.randperm(values.numel(), generator=generator) if chosen else torch.arange(values.numel())
        found.append(values.detach().flatten()[order].view_as(values))
    return found


def _all_together(network: nn.Module, seed: int) -> list[Tensor]:
    parameters = [values.detach() for values in network.parameters()]
    joined = torch.cat([values.flatten() for values in parameters])
    order = torch.randperm(len(joined), generator=seeded(seed))
    parts = joined[order].split([values.numel() for values in parameters])
    return [part.view_as(values) for part, values in zip(parts, parameters, strict=True)]


def _new_normal(network: nn.Module, seed: int) -> list[Tensor]:
    generator = seeded(seed)
    return [torch.randn(values.shape, generator=generator, dtype=values.dtype) for values in network.parameters()]


SHUFFLED_PARAMETERS = Task(
    name="shuffled_parameters",
    section="lecture 08, case 3, “The map survives the loss of everything learnt”",
    parameters=(
        Parameter("network", "any torch module"),
        Parameter("seed", "a whole number"),
    ),
    results=(Result("the shuffled parameters, in their order", "the shapes of `network.parameters()`", many=True),),
    reference=_shuffled,
    cases=_parameter_cases,
    mistakes=(
        Mistake(
            partial(_shuffled, fresh=True),
            "The generator starts anew for every parameter, so parameters of the same size get the same shuffle. "
            "Make it once, before the loop.",
        ),
        Mistake(
            _only_weights,
            "Only the weight matrices are shuffled. Biases are parameters, too: shuffle whatever "
            "network.parameters() gives.",
        ),
        Mistake(
            partial(_shuffled, choose=lambda name, values: not name.endswith("bias")),
            "The biases keep their places. Shuffle every parameter.",
        ),
        Mistake(
            partial(_shuffled, choose=lambda name, values: name != "pos_embed"),
            "The parameter that belongs to no layer (pos_embed) keeps its places. network.parameters() gives it, "
            "too.",
        ),
        Mistake(
            lambda network, seed: _shuffled(network, seed)[::-1],
            "The order of the list is reversed. Keep the order of network.parameters().",
        ),
        Mistake(
            partial(_shuffled, choose=lambda name, values: False),
            "Nothing is shuffled. Put values.flatten()[order] in the place of the values.",
        ),
        Mistake(
            partial(_shuffled, shuffle=_into_places),
            "A shuffle, but the other way round: place i should take the value number order[i], so that your answer "
            "can be compared.",
        ),
        Mistake(
            partial(_shuffled, shuffle=lambda values, order: values.flatten()[order]),
            "The parameters come out flat. Give each its shape back: .view_as(values).",
        ),
        Mistake(
            partial(_shuffled, shuffle=lambda values, order: values[order.argsort()[: len(values)].argsort()]),
            "Whole rows are moved, and each row stays together. Shuffle the single values: flatten first.",
        ),
        Mistake(
            _new_normal,
            "These are new normal numbers with another scale. Shuffle the values that are there, so that the scale "
            "of each parameter stays.",
        ),
        Mistake(
            lambda network, seed: _shuffled(network, seed + 1),
            "Another seed is used than the one that is given.",
        ),
        Mistake(
            _all_together,
            "The values of all parameters are shuffled together. Each parameter keeps its own values.",
        ),
    ),
)

TASKS = (RANK_CORRELATION, SHORTCUT_TEST, PART_SALIENCY, REMOVAL_CHECK, SHUFFLED_PARAMETERS)
