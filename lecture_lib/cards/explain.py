"""The explanation card: a map, the question that it answers, what it does not say, and what was measured for it.

Every method answers its own question (`METHODS`). Some things can be measured on the spot: whether the map predicts
a change of the score, whether it has settled, whether the network sees the class at all. Where such a number is
beyond its limit (`CHECKS`), the card carries a warning. A card without a warning is no proof that the map is right.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lecture_lib.cards.card import CHECKS, SLOPE_LEFT, Card
from lecture_lib.cards.methods import METHODS, Found, Method, last_layer_with_maps
from lecture_lib.compare import randomise
from lecture_lib.gradients import evaluate
from lecture_lib.measure import rank_correlation
from lecture_lib.networks import Network, Score
from lecture_lib.pictures import check_images
from lecture_lib.words import choose

TWIN_SAMPLES = 10  # steps or copies for the map of the randomised twin: its noise is not what is asked for
BASELINES = {"black": "black", "white": "white", "blur": "its blurred copy", "uniform": "random noise"}


def explanation_card(
    network: Network,
    images: Tensor,
    target: str | int,
    method: str = "gradient",
    *,
    score: str | Score = "logit",
    object_size: float | None = None,
    **options: Any,
) -> Card:
    """Explain one image, and explain the explanation.

    Parameters
    ----------
    network : Network
        The classifier.
    images : Tensor, shape (1, C, H, W)
        One image, pixels in [0, 1].
    target : str or int
        The class that is explained, as in `lecture_lib.networks.Network.index`.
    method : {"gradient", "smoothgrad", "integrated_gradients", "grad_cam"}
        A key of `METHODS`.
    score : {"logit", "probability", "loss"} or function
        Of the class; or a score of your own, which has no randomised twin to be compared with.
    object_size : float or None
        Side of what you ask about, in pixels, to be compared with a cell of the map.
    **options
        Of the method: ``noise_level``, ``n_samples`` and ``seed``; ``baseline``, ``n_steps`` and ``seed``; or
        ``layer``, by default the last one that returns maps.

    Returns
    -------
    Card
        With a warning for each number that is beyond its limit in `CHECKS`.

    Raises
    ------
    TypeError, ValueError
        If there is not exactly one image, if the class, the method, the score or an option is unknown, or the network
        has no layer with maps; and as in `lecture_lib.gradients.gradient`.

    References
    ----------
    Lecture notes, section 5. The randomised twin: Adebayo et al. 2018, arXiv:1810.03292.
    """
    image, name = _one_image(images), network.classes[network.index(target)]
    chosen = METHODS[choose(method, METHODS, "method")]
    options = _complete(chosen, options, network, image)
    function, explain = _score(network, name, score), partial(_explain, chosen, image, name, score)
    found = explain(network, options)
    tested = chosen.test(function, image, found, **options)
    numbers = {
        "score": float(evaluate(function, image)),
        "predicted change": tested.predicted,
        "measured change": tested.measured,
        **_about_the_class(network, function, image, name, method),
        "logits moved by shuffling the pixels": moved_by_shuffling(network, image),
        **found.numbers,
        **_resolution(found.map, image, object_size),
    }
    if isinstance(score, str):
        numbers["agreement with a randomised twin"] = _twin_agreement(network, found.map, explain, options)
    return Card(
        image=image,
        map=found.map,
        title=f"{chosen.name}: {name}",
        unit=chosen.unit,
        signed=chosen.signed,
        question=_question(chosen, name, score, found.map, options),
        not_said=chosen.not_said,
        test=f"For {tested.change}, the map predicts {tested.predicted:+.3g}. Measured: {tested.measured:+.3g}.",
        numbers=numbers,
        warnings=_warnings(numbers, network, image, name),
    )


def _one_image(images: Tensor) -> Tensor:
    if len(check_images(images)) != 1:
        raise ValueError(
            f"Expected one image, shape (1, C, H, W), received {tuple(images.shape)}: a card is for one."
        )
    return images.detach()


def _complete(chosen: Method, options: dict[str, Any], network: Network, image: Tensor) -> dict[str, Any]:
    """The options of the method, with its defaults for those that were not given."""
    for name in options:
        if name not in chosen.defaults:
            raise TypeError(f"Expected options from {list(chosen.defaults)} for this method, received {name!r}.")
    complete = {**chosen.defaults, **options}
    if "layer" in complete and complete["layer"] is None:
        complete["layer"] = last_layer_with_maps(network, image)
    return complete


def _score(network: Network, target: str, score: str | Score) -> Score:
    known = {"logit": network.score, "probability": network.probability, "loss": network.loss}
    return known[choose(score, known, "score")](target) if isinstance(score, str) else score


def _explain(
    chosen: Method, image: Tensor, target: str, score: str | Score, network: Network, options: dict[str, Any]
) -> Found:
    return chosen.explain(_score(network, target, score), image, **options)


def _question(chosen: Method, target: str, score: str | Score, map: Tensor, options: dict[str, Any]) -> str:
    """The question of the method, with its gaps filled."""
    words = f"the {score} of “{target}”" if isinstance(score, str) else "your score"
    baseline = options.get("baseline")
    start = BASELINES.get(baseline, "") if isinstance(baseline, str) else "another picture"
    cells = " × ".join(str(side) for side in map.shape[1:])
    return chosen.question.format(**{**options, "score": words, "baseline": start, "cells": cells})


# ---- The numbers ------------------------------------------------------------------------------------------------


def _about_the_class(network: Network, score: Score, image: Tensor, target: str, method: str) -> dict[str, float]:
    """The probability; and how much of the logit's slope is left, if the score is a probability or a loss."""
    pictures = torch.cat([image, image / 2])  # two, so that a score is not taken for another by chance
    values, p = evaluate(score, pictures), evaluate(network.probability(target), pictures)
    probability = float(p[0])
    numbers = {"probability of the class": probability}
    if method == "integrated_gradients":  # adds up all the slopes on the way: a flat end does no harm
        return numbers
    if torch.allclose(values, p):
        numbers[SLOPE_LEFT] = probability * (1 - probability)
    elif torch.allclose(values, evaluate(network.loss(target), pictures)):
        numbers[SLOPE_LEFT] = 1 - probability
    return numbers


def moved_by_shuffling(network: Network, image: Tensor) -> float:
    r"""How far the logits move when the pixels are put in random order: whether the network sees the content.

    The standard deviation, over the classes, of the change of the logits, divided by that of the logits themselves.
    The colours of the picture stay, and nothing else.

    Parameters
    ----------
    network : Network
        The classifier.
    image : Tensor, shape (1, C, H, W)
        Pixels in [0, 1].

    Returns
    -------
    float
        About 1 and more where the network has learnt to see; close to 0 where it answers the same to everything.
    """
    order = torch.randperm(image[0, 0].numel(), generator=torch.Generator().manual_seed(0))
    shuffled = image.flatten(2)[:, :, order].view_as(image)
    with torch.no_grad():
        logits, moved = network(torch.cat([image, shuffled]))
    return float((moved - logits).std(correction=0) / logits.std(correction=0).clamp_min(1e-12))


def _resolution(map: Tensor, image: Tensor, object_size: float | None) -> dict[str, float]:
    """Sides in pixels: of a cell of the map, and of the object in cells."""
    cell = max(image.shape[2] / map.shape[1], image.shape[3] / map.shape[2])
    numbers = {"side of a cell of the map, in pixels": cell}
    return numbers if object_size is None else {**numbers, "cells of the map across the object": object_size / cell}


def _twin_agreement(
    network: Network, map: Tensor, explain: Callable[[Network, dict[str, Any]], Found], options: dict[str, Any]
) -> float:
    """Rank correlation, of absolute values, with the map of a twin of the network with shuffled parameters."""
    twin, options = randomise(network), dict(options)
    for name in {"n_samples", "n_steps"} & options.keys():
        options[name] = min(options[name], TWIN_SAMPLES)
    if "layer" in options:
        places = {module: place for place, module in network.named_modules()}
        options["layer"] = twin.get_submodule(places[options["layer"]])
    agreement = rank_correlation(map.abs(), explain(twin, options).map.abs())
    return float(agreement.nan_to_num(0))  # NaN: one of them is the same everywhere


def _warnings(numbers: dict[str, float], network: Network, image: Tensor, target: str) -> tuple[str, ...]:
    ((top, top_probability),) = network.predict(image, top=1)[0]
    facts = {"target": target, "top": top, "top_probability": top_probability}
    return tuple(
        check.warning.format(value=numbers[check.number], **facts)
        for check in CHECKS
        if check.number in numbers and not check.low <= numbers[check.number] <= check.high
    )
