"""Exercise 07: FGSM, BIM, an attack towards a class, the smallest epsilon by bisection, an image in a file."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from lecture_lib import attacks, gradients
from lecture_lib.checks.inputs import small_network, uniform
from lecture_lib.checks.task import Arguments, Mistake, Parameter, Result, Task
from lecture_lib.networks import Network, Score

Direction = Callable[[Tensor], Tensor]  # from a gradient to the direction of a step
Clip = Callable[[Tensor, Tensor, Tensor, float], Tensor]  # of (stepped, current image, original, epsilon)


def _photograph(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Some pixels are black and some are white, so that they can move one way only."""
    return (1.6 * uniform(seed, shape) - 0.3).clamp(0, 1)


def _slope(score: Score, images: Tensor) -> Tensor:
    """Gradient at images that may have left [0, 1], as those of wrong answers do."""
    return gradients.mean_gradient(score, [images])


def _left_half(images: Tensor) -> Tensor:
    """A score that ignores the right half of the image: there the gradient is 0."""
    half = images[..., : images.shape[-1] // 2]
    return (half - half.square() * torch.linspace(0.2, 2, half.shape[-1])).flatten(1).sum(1)


# --- fgsm(score, images, epsilon) -------------------------------------------------------------------------


def _column(epsilon: Tensor) -> Tensor:
    """One number for each image, ready to meet pixels."""
    return epsilon.view(-1, 1, 1, 1)


def _step(direction: Direction, score: Score, images: Tensor, epsilon: Tensor) -> Tensor:
    """One step of some kind."""
    return (images + _column(epsilon) * direction(_slope(score, images))).clamp(0, 1)


def _fgsm(score: Score, images: Tensor, epsilon: Tensor) -> Tensor:
    return _step(torch.sign, score, images, epsilon)


def _merged_channels(slope: Tensor) -> Tensor:
    return slope.mean(dim=1, keepdim=True).sign().expand_as(slope)


def _per_image(slope: Tensor, value: Tensor) -> Tensor:
    return slope / value.view(-1, 1, 1, 1)


def _attacked(seed: int) -> list[tuple[Score, Tensor]]:
    """Losses and scores with photographs: several and one, square and not, three channels and one."""
    rgb, gray = (small_network(seed, channels, torch.float32) for channels in (3, 1))
    return [
        (rgb.loss("b"), _photograph(seed, (3, 3, 6, 5))),
        (rgb.loss("d"), _photograph(seed + 1, (1, 3, 5, 7))),
        (_left_half, _photograph(seed + 2, (2, 1, 4, 6))),
        (gray.score("a"), _photograph(seed + 3, (1, 1, 6, 6))),
        (gray.loss("c"), _photograph(seed + 4, (2, 1, 5, 5))),
    ]


def _fgsm_cases(seed: int) -> list[Arguments]:
    pairs = enumerate(_attacked(seed))
    return [(score, images, 0.05 + 0.2 * uniform(seed + k + 50, (len(images),))) for k, (score, images) in pairs]


FGSM = Task(
    name="fgsm",
    section="lecture 07, “One step: FGSM”",
    parameters=(
        Parameter("score", "a function: images (N, C, H, W) → one number for each image (N,)"),
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("epsilon", "one number for each image", "(N,)"),
    ),
    results=(Result("the images after the step, pixels in [0, 1]", "(N, C, H, W)"),),
    library=(
        "attacks.fgsm",
        "attacks.bim",
    ),
    reference=_fgsm,
    cases=_fgsm_cases,
    mistakes=(
        Mistake(
            lambda score, images, epsilon: _fgsm(score, images, epsilon[:1].expand_as(epsilon)),
            "All images make a step of the same length, the first one's. Each has an epsilon of its own.",
        ),
        Mistake(
            partial(_step, lambda slope: slope),
            "The sign is missing: this is a step along the gradient itself, which is longer for steep pixels.",
        ),
        Mistake(
            partial(_step, lambda slope: -slope.sign()),
            "The step goes downhill. Add the sign of the gradient: what you are given is to rise.",
        ),
        Mistake(
            lambda score, images, epsilon: images + _column(epsilon) * _slope(score, images).sign(),
            "Some pixels have left [0, 1]. Clip them: the result has to be an image.",
        ),
        Mistake(
            partial(_step, lambda slope: slope.sign() / 255),
            "The step is 255 times too short. Here pixels go from 0 to 1 and epsilon is in their unit: don't divide "
            "it again.",
        ),
        Mistake(
            partial(_step, lambda slope: 255 * slope.sign()),
            "The step is 255 times too long. Here pixels go from 0 to 1, and so does epsilon.",
        ),
        Mistake(
            lambda score, images, epsilon: (_column(epsilon) * _slope(score, images).sign()).clamp(0, 1),
            "This is the change alone, without its negative part. Add it to the images, then clip.",
        ),
        Mistake(
            lambda score, images, epsilon: _column(epsilon) * _slope(score, images).sign(),
            "This is the change alone. Add it to the images, then clip.",
        ),
        Mistake(
            partial(_step, lambda slope: _per_image(slope, slope.flatten(1).norm(dim=1))),
            "The gradient is scaled to length 1. FGSM takes its sign, so that every pixel moves by epsilon.",
        ),
        Mistake(
            partial(_step, lambda slope: _per_image(slope, slope.flatten(1).abs().amax(dim=1))),
            "The gradient is scaled to a maximum of 1. FGSM takes its sign, so that every pixel moves by epsilon.",
        ),
        Mistake(
            partial(_step, lambda slope: torch.where(slope > 0, 1.0, -1.0)),
            "Pixels with a gradient of 0 have become darker. The sign of 0 is 0: use torch.sign.",
        ),
        Mistake(
            partial(_step, lambda slope: torch.where(slope < 0, -1.0, 1.0)),
            "Pixels with a gradient of 0 have become brighter. The sign of 0 is 0: use torch.sign.",
        ),
        Mistake(
            partial(_step, lambda slope: (slope > 0).float()),
            "Only pixels that raise the score by brightening have moved. The others have to darken.",
        ),
        Mistake(
            partial(_step, lambda slope: slope.sum(dim=0, keepdim=True).sign()),
            "All images make the same step, along the sign of the summed gradient. Every image has its own.",
        ),
        Mistake(
            partial(_step, _merged_channels),
            "The channels are merged. Every channel of a pixel moves along its own sign.",
        ),
        Mistake(
            lambda score, images, epsilon: images + (_column(epsilon) * _slope(score, images).sign()).clamp(0, 1),
            "The step is clipped, not the image: no pixel gets darker, and some leave [0, 1]. Add first, then clip.",
        ),
    ),
)


# --- bim(score, images, epsilon, step_size, n_steps, momentum) ---------------------------------------------


def _both(stepped: Tensor, _: Tensor, original: Tensor, epsilon: float) -> Tensor:
    return stepped.clamp(original - epsilon, original + epsilon).clamp(0, 1)


def _of_mean_one(slope: Tensor) -> Tensor:
    """Every image's gradient, scaled so that its mean absolute value is 1."""
    return slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)


def _walk(
    score: Score,
    images: Tensor,
    epsilon: float,
    step_size: float,
    n_steps: int,
    momentum: float = 0.0,
    clip: Clip = _both,
    direction: Direction = torch.sign,
    scale: Direction = _of_mean_one,
    merge: Callable[[Tensor | float, Tensor, float], Tensor] = lambda velocity, slope, mu: mu * velocity + slope,
) -> Tensor:
    """BIM with momentum, with one step to change."""
    current, velocity = images, torch.zeros_like(images)
    for _ in range(n_steps):
        velocity = merge(velocity, scale(_slope(score, current)), momentum)
        current = clip(current + step_size * direction(velocity), current, images, epsilon)
    return current


def _bim(score: Score, images: Tensor, epsilon: float, step_size: float, n_steps: int, momentum: float) -> Tensor:
    return _walk(score, images, epsilon, step_size, n_steps, momentum)


def _stale(
    score: Score, images: Tensor, epsilon: float, step_size: float, n_steps: int, momentum: float = 0.0
) -> Tensor:
    fixed = _slope(score, images)
    return _walk(lambda batch: (fixed * batch).flatten(1).sum(1), images, epsilon, step_size, n_steps, momentum)


def _clipped_at_the_end(
    score: Score, images: Tensor, epsilon: float, step_size: float, n_steps: int, momentum: float
) -> Tensor:
    end = _walk(score, images, epsilon, step_size, n_steps, momentum, clip=lambda stepped, *_: stepped)
    return _both(end, end, images, epsilon)


def _from_the_original(
    score: Score, images: Tensor, epsilon: float, step_size: float, n_steps: int, momentum: float
) -> Tensor:
    clip: Clip = lambda stepped, current, original, epsilon: _both(  # noqa: E731
        original + stepped - current, current, original, epsilon
    )
    return _walk(score, images, epsilon, step_size, n_steps, momentum, clip=clip)


def _l2_ball(stepped: Tensor, _: Tensor, original: Tensor, epsilon: float) -> Tensor:
    change = stepped - original
    length = change.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return (original + change * (epsilon / length).clamp(max=1)).clamp(0, 1)


def _bim_cases(seed: int) -> list[Arguments]:
    """A step longer than the ball; a single step; and no momentum."""
    options = [
        (0.3, 0.1, 5, 0.9),
        (0.2, 0.25, 3, 0.5),
        (0.25, 0.07, 6, 1.0),
        (0.15, 0.05, 4, 0.0),
        (0.2, 0.06, 1, 0.7),
    ]
    return [(*pair, *rest) for pair, rest in zip(_attacked(seed), options, strict=True)]


BIM = Task(
    name="bim",
    section="lecture 07, “Many steps: BIM”",
    parameters=(
        Parameter("score", "a function: images (N, C, H, W) → one number for each image (N,)"),
        Parameter("images", "pixels in [0, 1]", "(N, C, H, W)"),
        Parameter("epsilon", "a number"),
        Parameter("step_size", "a number"),
        Parameter("n_steps", "a whole number, at least 1"),
        Parameter("momentum", "$\\mu$: a number from 0 on"),
    ),
    results=(Result("the images after the last step, pixels in [0, 1]", "(N, C, H, W)"),),
    library=(
        "attacks.bim",
        "attacks.fgsm",
    ),
    reference=_bim,
    cases=_bim_cases,
    mistakes=(
        Mistake(
            partial(_walk, merge=lambda velocity, slope, mu: slope),
            "The momentum is not used: what the steps before have found is forgotten.",
        ),
        Mistake(
            partial(_walk, merge=lambda velocity, slope, mu: velocity + slope),
            "The gradients are added up without momentum: what was there before has to be multiplied by it.",
        ),
        Mistake(
            partial(_walk, merge=lambda velocity, slope, mu: mu * velocity + (1 - mu) * slope),
            "The new gradient is multiplied by 1 - momentum. The formula adds it as it is.",
        ),
        Mistake(
            partial(_walk, merge=lambda velocity, slope, mu: velocity + mu * slope),
            "The momentum stands at the new gradient. It belongs to what was there before.",
        ),
        Mistake(
            partial(_walk, scale=lambda slope: slope),
            "The gradient is not scaled before it is added: a steep image forgets nothing of its first gradients.",
        ),
        Mistake(
            partial(_walk, scale=lambda slope: slope / slope.abs().mean()),
            "The gradients of all images are divided by one mean. Each image has its own.",
        ),
        Mistake(
            partial(_walk, scale=torch.sign),
            "The sign is taken before the gradients are added up. It is the last operation of a step.",
        ),
        Mistake(
            partial(_walk, clip=lambda stepped, *_: stepped.clamp(0, 1)),
            "Pixels have moved by more than epsilon. After every step, clip to [I_* − ε, I_* + ε] too.",
        ),
        Mistake(
            partial(_walk, clip=lambda stepped, current, _, epsilon: _both(stepped, current, current, epsilon)),
            "The ball lies around the last image and walks along. It lies around the original, which never changes.",
        ),
        Mistake(
            partial(
                _walk,
                clip=lambda stepped, _, original, epsilon: stepped.clamp(original - epsilon, original + epsilon),
            ),
            "Some pixels have left [0, 1]. Clip to the ball and to valid pixels: two clips after every step.",
        ),
        Mistake(
            partial(_walk, clip=lambda stepped, *_: stepped),
            "Nothing is clipped. After every step, clip to the ball around the original and to [0, 1].",
        ),
        Mistake(
            _clipped_at_the_end,
            "The clips come only once, at the end. The gradient of the next step is needed at the clipped image.",
        ),
        Mistake(
            _stale,
            "The gradient is computed once, at the original. Compute it anew at every step.",
        ),
        Mistake(
            _from_the_original,
            "Every step starts from the original again. Add the step to the current image.",
        ),
        Mistake(
            partial(_walk, direction=lambda slope: slope),
            "The sign is missing: these are steps along the gradient itself.",
        ),
        Mistake(
            partial(_walk, direction=lambda slope: -slope.sign()),
            "The steps go downhill. Add the sign of the gradient: what you are given is to rise.",
        ),
        Mistake(
            partial(_walk, clip=_l2_ball),
            "The ball is round: this bounds the L2 norm. Here no pixel may move by more than epsilon.",
        ),
        Mistake(
            lambda score, images, epsilon, step_size, n_steps, momentum: _walk(
                score, images, epsilon, epsilon, n_steps, momentum
            ),
            "The steps have the length epsilon. Their length is step_size; epsilon bounds the whole way.",
        ),
        Mistake(
            lambda score, images, epsilon, step_size, n_steps, momentum: _walk(
                score, images, epsilon, epsilon / n_steps, n_steps, momentum
            ),
            "The steps have the length epsilon / n_steps. Use the step_size that is given.",
        ),
        Mistake(
            lambda score, images, epsilon, step_size, n_steps, momentum: _walk(
                score, images, epsilon, step_size, 1, momentum
            ),
            "Only one step is taken. Repeat it n_steps times.",
        ),
        Mistake(
            lambda score, images, epsilon, step_size, n_steps, momentum: _walk(
                score, images, epsilon, step_size, n_steps + 1, momentum
            ),
            "One step too many is taken.",
        ),
        Mistake(
            lambda score, images, epsilon, step_size, n_steps, momentum: _walk(
                score, images, epsilon, step_size, n_steps - 1, momentum
            ),
            "One step too few is taken.",
        ),
        Mistake(
            lambda score, images, epsilon, step_size, n_steps, momentum: (
                _bim(score, images, epsilon, step_size, n_steps, momentum) - images
            ),
            "This is the change alone. Return the images after the last step.",
        ),
    ),
)


# --- towards(network, images, target, epsilon, step_size, n_steps) ----------------------------------------


def _negative(score: Score) -> Score:
    return lambda images: -score(images)


def _away_from_the_top(network: Network, _: str) -> Score:
    return lambda images: -network(images).log_softmax(dim=1).amax(dim=1)


def _towards(network: Network, images: Tensor, target: str, epsilon: float, step_size: float, n_steps: int) -> Tensor:
    return _walk(_negative(network.loss(target)), images, epsilon, step_size, n_steps)


def _other_attack(
    network: Network,
    images: Tensor,
    target: str,
    epsilon: float,
    step_size: float,
    n_steps: int,
    score: Callable[[Network, str], Score] = lambda network, target: _negative(network.loss(target)),
    walk: Callable[..., Tensor] = _walk,
) -> Tensor:
    """Up another score, or with a mistake of the task before."""
    return walk(score(network, target), images, epsilon, step_size, n_steps)


def _towards_cases(seed: int) -> list[Arguments]:
    network = small_network(seed, dtype=torch.float32)
    options = [((3, 3, 8, 7), 0.3, 0.1, 5), ((1, 3, 6, 9), 0.2, 0.25, 3), ((1, 3, 5, 5), 0.25, 0.1, 4)]
    batches = [(_photograph(seed + number, shape), *rest) for number, (shape, *rest) in enumerate(options)]
    least = [network.classes[int(network(images).mean(dim=0).argmin())] for images, *_ in batches]
    cases = [(network, images, target, *rest) for (images, *rest), target in zip(batches, least, strict=True)]
    # A target that the network finds more probable than a half long before the last step.
    sure = _photograph(seed + 9, (2, 3, 5, 5))
    most = network.classes[int(network(sure).mean(dim=0).argmax())]
    return [*cases, (network, sure, most, 0.4, 0.1, 6), (network, sure[:1], most, 0.3, 0.07, 6)]


TOWARDS = Task(
    name="towards",
    section="lecture 07, “Towards a class”",
    parameters=(
        Parameter("network", "a network; `network.loss(target)` is the function that computes the loss of a class"),
        Parameter("images", "pixels in [0, 1]", "(N, 3, H, W)"),
        Parameter("target", "the name of a class, as text"),
        Parameter("epsilon", "a number"),
        Parameter("step_size", "a number"),
        Parameter("n_steps", "a whole number, at least 1"),
    ),
    results=(Result("the images after the last step, pixels in [0, 1]", "(N, 3, H, W)"),),
    reference=_towards,
    cases=_towards_cases,
    mistakes=(
        Mistake(
            partial(_other_attack, score=lambda network, target: network.loss(target)),
            "This climbs the loss of the target, so it flees from that class. Towards it, its loss has to fall.",
        ),
        Mistake(
            partial(_other_attack, score=_away_from_the_top),
            "This is the attack away from the present class; the target has no effect.",
        ),
        Mistake(
            partial(_other_attack, score=lambda network, target: network.score(target)),
            "This climbs the logit of the target. The loss also asks that the other classes fall: descend the loss.",
        ),
        Mistake(
            partial(_other_attack, score=lambda network, target: _negative(network.score(target))),
            "This lowers the logit of the target, so it flees from that class.",
        ),
        Mistake(
            partial(_other_attack, score=lambda network, target: attacks.margin(network, target)),
            "This climbs the distance to the next best class. Descend the loss of the target.",
        ),
        Mistake(
            partial(_other_attack, walk=partial(_walk, clip=lambda stepped, *_: stepped.clamp(0, 1))),
            "Pixels have moved by more than epsilon: the clip to the ball is missing.",
        ),
        Mistake(
            partial(_other_attack, walk=_stale),
            "The gradient is computed once, at the original. Compute it anew at every step.",
        ),
        Mistake(
            lambda network, images, target, epsilon, step_size, n_steps: _towards(
                network, images, target, epsilon, step_size, 1
            ),
            "Only one step is taken. Repeat it n_steps times.",
        ),
    ),
)


# --- smallest_epsilon(succeeds, low, high, n_halvings) ----------------------------------------------------

Succeeds = Callable[[float], bool]


def _bracket(succeeds: Succeeds, low: float, high: float, n_halvings: int) -> tuple[float, float]:
    for _ in range(n_halvings):
        middle = (low + high) / 2
        low, high = (low, middle) if succeeds(middle) else (middle, high)
    return low, high


def _smallest_epsilon(succeeds: Succeeds, low: float, high: float, n_halvings: int) -> float:
    return _bracket(succeeds, low, high, n_halvings)[1]


def _halved(succeeds: Succeeds, low: float, high: float, n_halvings: int) -> float:
    """Halves epsilon as long as it succeeds, and stops at the first failure."""
    for _ in range(n_halvings):
        if not succeeds(high / 2):
            break
        high /= 2
    return high


def _last_tried(succeeds: Succeeds, low: float, high: float, n_halvings: int) -> float:
    middle = high
    for _ in range(n_halvings):
        middle = (low + high) / 2
        low, high = (low, middle) if succeeds(middle) else (middle, high)
    return middle


def _from_above(succeeds: Succeeds, low: float, high: float, n_halvings: int) -> float:
    """Equal steps down from the top, as many as there should be halvings."""
    step = (high - low) / n_halvings
    for _ in range(n_halvings):
        if not succeeds(high - step):
            break
        high -= step
    return high


def _one_side(succeeds: Succeeds, low: float, high: float, n_halvings: int) -> float:
    for _ in range(n_halvings):
        middle = (low + high) / 2
        high = middle if succeeds(middle) else high
    return high


def _geometric(succeeds: Succeeds, low: float, high: float, n_halvings: int) -> float:
    for _ in range(n_halvings):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if succeeds(middle) else (middle, high)
    return high


def _above(edge: float) -> Succeeds:
    return lambda epsilon: epsilon >= edge


def _smallest_epsilon_cases(seed: int) -> list[Arguments]:
    edges = (0.1 + 0.75 * uniform(seed, (3,))).tolist()
    return [
        (_above(edges[0]), 0.0, 1.0, 7),
        (_above(0.03 + 0.05 * edges[1]), 0.03, 0.08, 6),
        (_above(0.2 + 0.3 * edges[2]), 0.2, 0.5, 5),
        (_above(0.9), 0.0, 1.0, 6),  # the upper half has to be searched, too
        (_above(0.502), 0.5, 1.0, 5),  # all middles succeed
        (_above(0.8), 0.1, 0.8, 4),  # no middle succeeds
        (_above(0.3), 0.2, 0.4, 1),
    ]


SMALLEST_EPSILON = Task(
    name="smallest_epsilon",
    section="lecture 07, “The smallest ε”",
    parameters=(
        Parameter("succeeds", "a function: epsilon → whether an attack succeeds"),
        Parameter("low", "a number at which it fails"),
        Parameter("high", "a number at which it succeeds"),
        Parameter("n_halvings", "a whole number, at least 1"),
    ),
    results=(Result("the smallest epsilon that is known to succeed"),),
    reference=_smallest_epsilon,
    cases=_smallest_epsilon_cases,
    mistakes=(
        Mistake(
            lambda succeeds, low, high, n_halvings: _bracket(succeeds, low, high, n_halvings)[0],
            "This is the lower end, where the attack fails. Return the upper end: it is known to succeed.",
        ),
        Mistake(
            lambda succeeds, low, high, n_halvings: sum(_bracket(succeeds, low, high, n_halvings)) / 2,
            "This is the middle of the last interval, which nobody has tried. Return the upper end.",
        ),
        Mistake(
            lambda succeeds, low, high, n_halvings: _smallest_epsilon(
                lambda epsilon: not succeeds(epsilon), low, high, n_halvings
            ),
            "The wrong half is kept. Where the middle succeeds, the smallest one lies below it: the middle is the "
            "new upper end.",
        ),
        Mistake(
            _last_tried,
            "This is the epsilon that was tried last, and it may have failed. Return the upper end.",
        ),
        Mistake(
            _one_side,
            "Only the upper end moves. Where the middle fails, it is the new lower end.",
        ),
        Mistake(
            _halved,
            "This halves epsilon until it fails. Halve the interval between a failure and a success instead.",
        ),
        Mistake(
            _from_above,
            "These are equal steps from above. Halving the interval is far more exact for as many tries.",
        ),
        Mistake(
            lambda succeeds, low, high, n_halvings: _smallest_epsilon(succeeds, low, high, n_halvings + 1),
            "The interval is halved once too often.",
        ),
        Mistake(
            lambda succeeds, low, high, n_halvings: _smallest_epsilon(succeeds, low, high, n_halvings - 1),
            "The interval is halved once too little.",
        ),
        Mistake(
            lambda succeeds, low, high, n_halvings: _smallest_epsilon(succeeds, 0.0, high, n_halvings),
            "The search starts at 0. Start at low.",
        ),
        Mistake(
            _geometric,
            "The geometric mean is tried. Halve the interval: try its middle.",
        ),
    ),
)


# --- stored(images) ---------------------------------------------------------------------------------------


def _stored(images: Tensor) -> Tensor:
    return (255 * attacks.quantize(images.clamp(0, 1))).round().to(torch.uint8)


def _stored_cases(seed: int) -> list[Arguments]:
    """Some leave [0, 1]; none lies half-way between two whole numbers, where rules and rounding differ."""
    drawn = [
        uniform(seed, (2, 3, 5, 4)),
        _photograph(seed + 1, (1, 1, 6, 7)),
        1.2 * uniform(seed + 2, (3, 3, 4, 4)) - 0.1,
        3 * uniform(seed + 3, (1, 4, 3, 3)) - 1,
    ]
    return [(torch.where(((255 * x) % 1 - 0.5).abs() < 0.01, x + 0.05 / 255, x),) for x in drawn]


STORED = Task(
    name="stored",
    section="lecture 07, “A valid image”",
    parameters=(Parameter("images", "numbers that should lie in [0, 1], and may not", "(N, C, H, W)"),),
    results=(Result("the whole numbers from 0 to 255", "(N, C, H, W)", torch.uint8),),
    reference=_stored,
    cases=_stored_cases,
    mistakes=(
        Mistake(
            lambda images: (255 * images.clamp(0, 1)).to(torch.uint8),
            "The decimals are cut off: 7.9 becomes 7. Round before you convert.",
        ),
        Mistake(
            lambda images: (255 * images.clamp(0, 1)).ceil(),
            "The values are rounded up. Round to the nearest whole number.",
        ),
        Mistake(
            lambda images: (255 * images).round().to(torch.uint8),
            "Pixels outside [0, 1] have wrapped around: 256 becomes 0. Clip before you convert.",
        ),
        Mistake(
            lambda images: (255 * images).round(),
            "Some values lie outside 0 to 255: no file can hold them. Clip first.",
        ),
        Mistake(
            lambda images: (256 * images.clamp(0, 1)).clamp(max=255).floor(),
            "The scale is 256. White is 255: multiply by 255 and round.",
        ),
        Mistake(
            lambda images: (256 * images.clamp(0, 1)).round().clamp(max=255),
            "The scale is 256. White is 255: multiply by 255.",
        ),
        Mistake(
            lambda images: images.clamp(0, 1).round(),
            "Only 0 and 1 are left. Multiply by 255 before you round.",
        ),
        Mistake(
            lambda images: images.clamp(0, 1).to(torch.uint8),
            "Only 0 and 1 are left. Multiply by 255 first.",
        ),
        Mistake(
            lambda images: attacks.quantize(images.clamp(0, 1)),
            "The values still go from 0 to 1. A file holds the whole numbers 0 to 255.",
        ),
        Mistake(
            lambda images: 255 * images.clamp(0, 1),
            "These are no whole numbers yet. Round them.",
        ),
        Mistake(
            lambda images: (255 * (images - images.min()) / (images.max() - images.min())).round(),
            "The brightness is stretched to the whole range. Keep it: 0 is black and 1 is white in every image.",
        ),
        Mistake(
            lambda images: 255 * images.clamp(0, 1).round(),
            "Only black and white are left: the rounding comes before the multiplication.",
        ),
    ),
)

TASKS = (FGSM, BIM, TOWARDS, SMALLEST_EPSILON, STORED)
