"""Exercise 06: attention of a head, the class token's map, rollout, trainable attention, remove and measure."""

from collections.abc import Callable, Sequence
from functools import partial, reduce

import torch
from torch import Tensor

from lecture_lib import activations
from lecture_lib.checks.inputs import normal, small_network, uniform
from lecture_lib.checks.task import Arguments, Mistake, Parameter, Result, Task
from lecture_lib.networks import Network

# --- head_attention(queries, keys) ------------------------------------------------------------------------


def _scaled_products(queries: Tensor, keys: Tensor) -> Tensor:
    return queries @ keys.mT / queries.shape[-1] ** 0.5


def _head_attention(queries: Tensor, keys: Tensor) -> Tensor:
    return _scaled_products(queries, keys).softmax(dim=-1)


def _head_attention_cases(seed: int) -> list[Arguments]:
    shapes = [(2, 5, 3), (1, 4, 6), (3, 7, 2), (1, 3, 3), (2, 4, 4)]  # (N, tokens, d)
    return [(normal(seed + 2 * i, shape), normal(seed + 2 * i + 1, shape)) for i, shape in enumerate(shapes)]


HEAD_ATTENTION = Task(
    name="head_attention",
    section="lecture 06, “Attention of one head”",
    parameters=(
        Parameter("queries", "one vector of length d for each token", "(N, tokens, d)"),
        Parameter("keys", "one vector of length d for each token", "(N, tokens, d)"),
    ),
    results=(Result("the attention weights; every row adds up to 1", "(N, tokens, tokens)"),),
    reference=_head_attention,
    cases=_head_attention_cases,
    mistakes=(
        Mistake(
            lambda queries, keys: (queries @ keys.mT).softmax(dim=-1),
            "The products are not scaled. Look at what stands below the fraction line in the formula.",
        ),
        Mistake(
            lambda queries, keys: (queries @ keys.mT / queries.shape[-1]).softmax(dim=-1),
            "The products are divided by the length of a query. The formula takes its root.",
        ),
        Mistake(
            lambda queries, keys: (queries @ keys.mT * queries.shape[-1] ** 0.5).softmax(dim=-1),
            "The products are multiplied by the root. The formula divides by it.",
        ),
        Mistake(
            lambda queries, keys: (queries @ keys.mT / queries.shape[-2] ** 0.5).softmax(dim=-1),
            "The products are scaled by the number of tokens. d is the length of one query.",
        ),
        Mistake(
            lambda queries, keys: _scaled_products(queries, keys).softmax(dim=-2),
            "The columns add up to 1. A row says how one token mixes its value, so each *row* adds up to 1.",
        ),
        Mistake(
            lambda queries, keys: _scaled_products(queries, keys).softmax(dim=0),
            "The softmax runs over the images. It runs over the tokens that are looked at.",
        ),
        Mistake(
            lambda queries, keys: _softmax_of_places(_scaled_products(queries, keys)),
            "The whole matrix adds up to 1. Each row has a softmax of its own.",
        ),
        Mistake(
            lambda queries, keys: _head_attention(keys, queries),
            "Queries and keys have changed places: row i belongs to query i.",
        ),
        Mistake(
            lambda queries, keys: _head_attention(queries, keys).mT,
            "The matrix is transposed: row i says what token i looks at.",
        ),
        Mistake(
            _scaled_products,
            "These are the products before the softmax: they can be negative, and rows don't add up to 1.",
        ),
        Mistake(
            lambda queries, keys: _scaled_products(queries, keys).exp(),
            "The exponentials are not normalised: each row has to add up to 1.",
        ),
        Mistake(
            lambda queries, keys: _scaled_products(queries, keys).sigmoid(),
            "This is a sigmoid, number by number. The softmax lets the tokens of a row compete.",
        ),
        Mistake(
            lambda queries, keys: _scaled_products(queries, keys).log_softmax(dim=-1),
            "This is the logarithm of the attention.",
        ),
        Mistake(
            lambda queries, keys: (queries @ keys.mT).softmax(dim=-1) / queries.shape[-1] ** 0.5,
            "The root comes after the softmax. It belongs to the products, before the softmax.",
        ),
        Mistake(
            lambda queries, keys: (queries @ keys.mT / 24**0.5).softmax(dim=-1),
            "The length 24 of the vectors is fixed. It is that of one network: take the length of "
            "the vectors that you are given.",
        ),
        Mistake(
            lambda queries, keys: (queries @ keys.mT / 24).softmax(dim=-1),
            "The length 24 of the vectors is fixed, and its root is missing. Take the length of the "
            "vectors that you are given.",
        ),
    ),
)


# --- class_token_map(attention, layer, head) --------------------------------------------------------------


def _grid(patches: Tensor) -> Tensor:
    side = round(patches.shape[-1] ** 0.5)
    return patches.unflatten(-1, (side, side))


def _class_token_map(attention: Tensor, layer: int, head: int) -> Tensor:
    return activations.token_map(attention[layer, :, head, 0])


def _attention(seed: int, layers: int, n: int, heads: int, side: int) -> Tensor:
    """Random attention weights with rows that add up to 1."""
    tokens = 1 + side**2
    return (2 * normal(seed, (layers, n, heads, tokens, tokens))).softmax(dim=-1)


def _class_token_cases(seed: int) -> list[Arguments]:
    return [
        (_attention(seed, 4, 2, 3, 3), 2, 1),
        (_attention(seed + 1, 3, 1, 4, 4), 0, 2),
        (_attention(seed + 2, 4, 3, 4, 2), 3, 0),
        (_attention(seed + 3, 2, 2, 3, 2), 0, 0),
    ]


CLASS_TOKEN_MAP = Task(
    name="class_token_map",
    section="lecture 06, “What the class token looks at”",
    parameters=(
        Parameter("attention", "weights; every row adds up to 1", "(layers, N, heads, tokens, tokens)"),
        Parameter("layer", "a whole number, from 0"),
        Parameter("head", "a whole number, from 0"),
    ),
    results=(Result("what the class token gives to each patch; tokens = 1 + h · h", "(N, h, h)"),),
    library=("activations.token_map",),
    reference=_class_token_map,
    cases=_class_token_cases,
    mistakes=(
        Mistake(
            lambda attention, layer, head: _grid(attention[layer, :, head, 1:, 0]),
            "This is the column: how much the patches look at the class token. Take the row of the class token.",
        ),
        Mistake(
            lambda attention, layer, head: _grid(attention[layer, :, head, 0, :-1]),
            "The last patch is missing, and the class token still there. Token 0 is the one to leave out.",
        ),
        Mistake(
            lambda attention, layer, head: _grid(attention[layer, :, head, 1, 1:]),
            "This is the row of the first patch. The class token is token 0.",
        ),
        Mistake(
            lambda attention, layer, head: _class_token_map(attention, layer, head).mT,
            "Rows and columns of the picture have changed places: the patches come row by row.",
        ),
        Mistake(
            lambda attention, layer, head: _class_token_map(attention, head, layer),
            "Layer and head have changed places: the shape is (layers, N, heads, tokens, tokens).",
        ),
        Mistake(
            lambda attention, layer, head: activations.token_map(attention[layer].mean(dim=1)[:, 0]),
            "This is the mean of all heads. Take the one that is asked for.",
        ),
        Mistake(
            lambda attention, layer, head: activations.token_map(attention[:, :, head].mean(dim=0)[:, 0]),
            "This is the mean of all layers. Take the one that is asked for.",
        ),
        Mistake(
            lambda attention, layer, head: activations.token_map(attention[layer, :, head].mean(dim=1)),
            "This is the mean of all rows. Take the row of the class token.",
        ),
        Mistake(
            lambda attention, layer, head: activations.token_map(attention[layer - 1, :, head - 1, 0]),
            "Layer and head are off by one: they count from 0 here, like everything in Python.",
        ),
        Mistake(
            lambda attention, layer, head: _scaled_to_sum(_class_token_map(attention, layer, head)),
            "The map is scaled so that it adds up to 1. Keep the weights: the class token has a share, too.",
        ),
        Mistake(
            lambda attention, layer, head: (
                _class_token_map(attention, layer, head) / _class_token_map(attention, layer, head).max()
            ),
            "The map is scaled to a maximum of 1. Keep the weights as they are: scaling is left to the figure.",
        ),
        Mistake(
            lambda attention, layer, head: _class_token_map(attention, layer, head)[0],
            "This is the map of the first image only. Return one map an image, shape (N, h, h).",
        ),
        Mistake(
            lambda attention, layer, head: attention[layer, :, head, 0, 1:],
            "These are the right numbers in a row. Put them back into their square grid, shape (N, h, h).",
        ),
    ),
)


def _scaled_to_sum(maps: Tensor) -> Tensor:
    return maps / maps.sum(dim=(1, 2), keepdim=True)


# --- rollout(attention) -----------------------------------------------------------------------------------


def _weighted_heads(attention: Tensor, head_weights: Tensor) -> Tensor:
    return torch.einsum("lh,lnhij->lnij", head_weights, attention)


def _rows_to_one(matrices: Tensor) -> Tensor:
    return matrices / matrices.sum(dim=-1, keepdim=True)


def _multiplied(layers: Sequence[Tensor] | Tensor) -> Tensor:
    """The last layer times … times the first."""
    return reduce(lambda total, layer: layer @ total, layers)


def _rollout(
    attention: Tensor,
    head_weights: Tensor,
    merge: Callable[[Tensor, Tensor], Tensor] = _weighted_heads,
    identity: float = 1.0,
    scale: Callable[[Tensor], Tensor] = _rows_to_one,
    combine: Callable[[Tensor], Tensor] = _multiplied,
) -> Tensor:
    """Rollout with one step to change."""
    merged = merge(attention, head_weights)
    return combine(scale(merged + identity * torch.eye(merged.shape[-1]).to(merged)))


def _rollout_cases(seed: int) -> list[Arguments]:
    """Heads of different weight."""
    sizes = [(3, 2, 4, 2), (4, 1, 3, 3), (2, 3, 2, 2)]
    return [
        (_attention(seed + i, *size), normal(seed + 9 + i, (size[0], size[2])).softmax(dim=1))
        for i, size in enumerate(sizes)
    ]


ROLLOUT = Task(
    name="rollout",
    section="lecture 06, “Rollout”",
    parameters=(
        Parameter(
            "attention",
            "weights of at least two layers; every row adds up to 1",
            "(layers, N, heads, tokens, tokens)",
        ),
        Parameter(
            "head_weights", "how much each head counts in each layer; every row adds up to 1", "(layers, heads)"
        ),
    ),
    results=(Result("the rollout; every row adds up to 1", "(N, tokens, tokens)"),),
    library=("activations.rollout",),
    reference=_rollout,
    cases=_rollout_cases,
    mistakes=(
        Mistake(
            partial(_rollout, identity=0.0),
            "The identity is missing: each layer *adds* what it collects to what the token already holds.",
        ),
        Mistake(
            partial(_rollout, scale=lambda mixing: mixing),
            "The rows are not renormalised after the identity was added: they grow with every layer.",
        ),
        Mistake(
            partial(_rollout, scale=lambda mixing: mixing / mixing.sum(dim=-2, keepdim=True)),
            "The columns are renormalised. Divide each row by its sum (and keep the axis: keepdim=True).",
        ),
        Mistake(
            partial(_rollout, scale=lambda mixing: mixing / mixing.sum(dim=(-2, -1), keepdim=True)),
            "Each matrix is divided by the sum of all its entries. Divide each row by its own sum.",
        ),
        Mistake(
            lambda attention, head_weights: _rollout(attention.flip(0), head_weights.flip(0)),
            "The layers are multiplied in the wrong order. The tokens go through layer 1 first, "
            "so its matrix stands on the right.",
        ),
        Mistake(
            lambda attention, head_weights: _rollout(attention.mT, head_weights),
            "The attention is transposed. Row i says what token i collects; keep it a row.",
        ),
        Mistake(
            lambda attention, head_weights: _rollout(attention, head_weights).mT,
            "The result is transposed. Row i says from which patches token i is mixed.",
        ),
        Mistake(
            partial(_rollout, merge=lambda attention, head_weights: attention.amax(dim=2)),
            "This takes the largest weight of the heads. The formula takes their sum, each head with its weight.",
        ),
        Mistake(
            partial(_rollout, merge=lambda attention, head_weights: attention.mean(dim=2)),
            "All heads count the same: this is their plain mean. Weight each head.",
        ),
        Mistake(
            partial(_rollout, merge=lambda attention, head_weights: attention[:, :, 0]),
            "This takes the first head alone. The formula takes all heads.",
        ),
        Mistake(
            partial(_rollout, merge=lambda a, weights: _weighted_heads(a, weights) / weights.shape[1]),
            "The weighted heads are averaged. The weights add up to 1 already: take the plain sum.",
        ),
        Mistake(
            partial(_rollout, merge=lambda a, weights: _weighted_heads(a, weights[:1].expand_as(weights))),
            "All layers use the head weights of the first layer. Each layer has its own.",
        ),
        Mistake(
            partial(_rollout, combine=lambda layers: layers.mean(dim=0)),
            "This is the mean of the layers. Multiply their matrices: each layer mixes what the last one made.",
        ),
        Mistake(
            partial(_rollout, combine=lambda layers: layers.prod(dim=0)),
            "The layers are multiplied number by number (*). Multiply them as matrices (@).",
        ),
        Mistake(
            partial(_rollout, combine=lambda layers: layers[-1]),
            "This is the last layer alone. Multiply with the layers before it.",
        ),
        Mistake(
            partial(_rollout, combine=lambda layers: _multiplied(layers[1:])),
            "The first layer is left out.",
        ),
        Mistake(
            lambda attention, head_weights: _rows_to_one(
                _multiplied(_weighted_heads(attention, head_weights)) + torch.eye(attention.shape[-1]).to(attention)
            ),
            "The identity is added once, after the product. Every layer has its own: add it before you multiply.",
        ),
        Mistake(
            lambda attention, head_weights: _rollout(attention, head_weights)[:, 0],
            "This is the row of the class token. Return the rows of all tokens, shape (N, tokens, tokens).",
        ),
    ),
)


# --- trainable_attention(local, everything) ---------------------------------------------------------------


def _compatibility(local: Tensor, everything: Tensor, temperature: Tensor) -> Tensor:
    products = (local * everything[:, :, None, None]).sum(dim=1)
    return products / local.shape[1] ** 0.5 / temperature.view(-1, 1, 1)


def _softmax_of_places(compatibility: Tensor) -> Tensor:
    return compatibility.flatten(1).softmax(dim=1).view_as(compatibility)


def _weighted_sum(local: Tensor, everything: Tensor, attention: Tensor) -> Tensor:
    return (attention[:, None] * local).sum(dim=(2, 3))


def _trainable_attention(
    local: Tensor,
    everything: Tensor,
    temperature: Tensor,
    compare: Callable[[Tensor, Tensor, Tensor], Tensor] = _compatibility,
    normalise: Callable[[Tensor], Tensor] = _softmax_of_places,
    collect: Callable[[Tensor, Tensor, Tensor], Tensor] = _weighted_sum,
) -> tuple[Tensor, Tensor]:
    """Trainable attention with one step to change."""
    attention = normalise(compare(local, everything, temperature))
    return collect(local, everything, attention), attention


def _trainable_attention_cases(seed: int) -> list[Arguments]:
    shapes = [(2, 6, 3, 4), (1, 3, 5, 2), (3, 4, 3, 3), (1, 2, 3, 3)]  # (N, C, h, w)
    drawn = [(normal(seed + i, shape), normal(seed + 9 + i, shape[:2])) for i, shape in enumerate(shapes)]
    return [(x, g, 0.3 + 1.5 * uniform(seed + 19 + i, (len(x),))) for i, (x, g) in enumerate(drawn)]


TRAINABLE_ATTENTION = Task(
    name="trainable_attention",
    section="lecture 06, “Attention that a CNN learns”",
    parameters=(
        Parameter("local", "a feature $l_i$ for each place", "(N, C, h, w)"),
        Parameter("everything", "the global feature $g$", "(N, C)"),
        Parameter("temperature", "$\\tau$: one positive number for each image", "(N,)"),
    ),
    results=(
        Result("the attended feature $g_a$", "(N, C)"),
        Result("the attention map $a$", "(N, h, w)"),
    ),
    reference=_trainable_attention,
    cases=_trainable_attention_cases,
    mistakes=(
        Mistake(
            partial(_trainable_attention, compare=lambda x, g, t: _compatibility(x, g, torch.ones_like(t))),
            "The temperature is not used.",
        ),
        Mistake(
            partial(_trainable_attention, compare=lambda x, g, t: _compatibility(x, g, 1 / t)),
            "The products are multiplied by the temperature. A high temperature has to make the map flatter.",
        ),
        Mistake(
            partial(_trainable_attention, compare=lambda x, g, t: _compatibility(x, g, t[:1].expand_as(t))),
            "All images get the temperature of the first one. Each has its own.",
        ),
        Mistake(
            partial(_trainable_attention, compare=lambda x, g, t: _compatibility(x, g, t) * x.shape[1] ** 0.5),
            "The products are not divided by the root of the number of channels.",
        ),
        Mistake(
            partial(_trainable_attention, compare=lambda x, g, t: _compatibility(x, g, t) / x.shape[1] ** 0.5),
            "The products are divided by the number of channels. The formula takes its root.",
        ),
        Mistake(
            partial(
                _trainable_attention,
                compare=lambda x, g, t: (
                    torch.cosine_similarity(x, g[:, :, None, None].expand_as(x), dim=1) / t.view(-1, 1, 1)
                ),
            ),
            "This is the cosine of the angle. Here the lengths of the features count, too.",
        ),
        Mistake(
            partial(
                _trainable_attention,
                compare=lambda x, g, t: (x + g[:, :, None, None]).sum(dim=1) / x.shape[1] ** 0.5 / t.view(-1, 1, 1),
            ),
            "Local and global feature are added. The compatibility is their product, channel by channel, added up.",
        ),
        Mistake(
            partial(_trainable_attention, normalise=lambda c: c.softmax(dim=2)),
            "The softmax runs along each row of the picture. All places of a picture share one softmax.",
        ),
        Mistake(
            partial(_trainable_attention, normalise=lambda c: c.softmax(dim=1)),
            "The softmax runs along each column of the picture. All places of a picture share one softmax.",
        ),
        Mistake(
            partial(_trainable_attention, normalise=lambda c: c.softmax(dim=0)),
            "The softmax runs over the images. All places of *one* picture share one softmax.",
        ),
        Mistake(
            partial(_trainable_attention, normalise=torch.sigmoid),
            "This is a sigmoid, place by place. The softmax lets the places compete: each map adds up to 1.",
        ),
        Mistake(
            partial(_trainable_attention, normalise=lambda c: c),
            "The softmax is missing: the map has negative entries, and doesn't add up to 1.",
        ),
        Mistake(
            partial(_trainable_attention, collect=lambda x, g, a: x.mean(dim=(2, 3))),
            "The attended feature is the plain mean of the local features. Weight each place by its attention.",
        ),
        Mistake(
            partial(_trainable_attention, collect=lambda x, g, a: (a[:, None] * x).mean(dim=(2, 3))),
            "The weighted features are averaged. Add them up: the weights add up to 1 already.",
        ),
        Mistake(
            partial(_trainable_attention, collect=lambda x, g, a: g),
            "The first result is the global feature. It should be the local features, weighted and added up.",
        ),
        Mistake(
            partial(_trainable_attention, collect=lambda x, g, a: a[:, None] * x),
            "The weighted features are not added up yet. The attended feature has shape (N, C).",
        ),
        Mistake(
            lambda local, everything, temperature: _trainable_attention(local, everything, temperature)[::-1],
            "The two results have changed places: the attended feature comes first, then the map.",
        ),
        Mistake(
            partial(
                _trainable_attention,
                compare=lambda x, g, t: _compatibility(x, g, t) * (x.shape[1] / x[0, 0].numel()) ** 0.5,
            ),
            "The products are divided by the root of the number of places. C is the number of channels.",
        ),
        Mistake(
            partial(_trainable_attention, compare=lambda x, g, t: _compatibility(x, g[:1].expand_as(g), t)),
            "All images are compared with the global feature of the first one. Each has its own.",
        ),
        Mistake(
            partial(_trainable_attention, normalise=lambda c: c.flatten().softmax(dim=0).view_as(c)),
            "The places of all images share one softmax. Each image has one of its own.",
        ),
    ),
)


# --- remove_and_measure(network, images, without, labels, maps, mask) ---------------------------------------


def _own_score(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.gather(1, labels[:, None])[:, 0]


def _fall(network: Network, images: Tensor, without: Tensor, labels: Tensor) -> Tensor:
    return _own_score(network(images), labels) - _own_score(network(without), labels)


def _share(maps: Tensor, mask: Tensor) -> Tensor:
    return (maps * mask).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))


def _remove_and_measure(
    network: Network,
    images: Tensor,
    without: Tensor,
    labels: Tensor,
    maps: Tensor,
    mask: Tensor,
    share: Callable[[Tensor, Tensor], Tensor] = _share,
    fall: Callable[[Network, Tensor, Tensor, Tensor], Tensor] = _fall,
) -> tuple[Tensor, Tensor]:
    """Share and fall with one of both to change."""
    return share(maps, mask), fall(network, images, without, labels)


def _remove_and_measure_cases(seed: int) -> list[Arguments]:
    """Images that lose and images that gain without the part; an empty mask, and one without shares."""
    network = small_network(seed, dtype=torch.float32)
    cases: list[Arguments] = []
    for i, (n, height, width) in enumerate([(4, 8, 7), (1, 6, 9), (3, 7, 7), (1, 5, 5)]):
        s = seed + 10 * i
        images, without = (uniform(s + j, (n, 3, height, width)) for j in (1, 2))
        ranks = torch.arange(n)  # from the lowest logit up, never the highest: so the labels differ
        labels = network(images).argsort(dim=1)[ranks, ranks]
        maps, mask = (uniform(s + j, (n, height, width)) for j in (3, 4))
        falls = _fall(network, images, without, labels) > 0
        keep = (falls == ((ranks + i) % 2 == 0)).view(-1, 1, 1, 1)
        images, without = torch.where(keep, images, without), torch.where(keep, without, images)
        if n > 3:
            mask[0], mask[1] = 0.0, (mask[1] > 0.5).float()
        cases.append((network, images, without, labels, maps, mask))
    return cases


REMOVE_AND_MEASURE = Task(
    name="remove_and_measure",
    section="lecture 06, “Take it away and see”",
    parameters=(
        Parameter("network", "a network; `network(images)` are the logits, shape (N, classes)"),
        Parameter("images", "pixels in [0, 1]", "(N, 3, H, W)"),
        Parameter("without", "the same images without the part", "(N, 3, H, W)"),
        Parameter("labels", "whole numbers: the class of each image", "(N,)"),
        Parameter("maps", "not negative", "(N, H, W)"),
        Parameter("mask", "the share of each pixel that belongs to the part, from 0 to 1", "(N, H, W)"),
    ),
    results=(
        Result("the share of the map on the part", "(N,)"),
        Result("the effect of the part, with its sign", "(N,)"),
    ),
    reference=_remove_and_measure,
    cases=_remove_and_measure_cases,
    mistakes=(
        Mistake(
            partial(_remove_and_measure, fall=lambda f, x, y, c: -_fall(f, x, y, c)),
            "The sign of the effect is wrong: it is the score *with* the part minus the score *without* it.",
        ),
        Mistake(
            partial(_remove_and_measure, fall=lambda f, x, y, c: _fall(f, x, y, c).abs()),
            "The sign of the effect is lost. Without the part the score may also rise.",
        ),
        Mistake(
            partial(
                _remove_and_measure,
                fall=lambda f, x, y, c: _own_score(f(x).softmax(dim=1), c) - _own_score(f(y).softmax(dim=1), c),
            ),
            "The effect is a difference of probabilities. The score is the logit, before the softmax.",
        ),
        Mistake(
            partial(_remove_and_measure, fall=lambda f, x, y, c: f(x).amax(dim=1) - f(y).amax(dim=1)),
            "The effect compares the largest logits, whichever class they belong to. Follow each image's own label.",
        ),
        Mistake(
            partial(_remove_and_measure, fall=lambda f, x, y, c: (f(x) - f(y))[:, c[0]]),
            "The effect follows the label of the first image for all of them. Each image has its own.",
        ),
        Mistake(
            partial(_remove_and_measure, fall=lambda f, x, y, c: (f(x) - f(y))[:, c]),
            "The effect pairs every image with every label, shape (N, N). Pair image i with label i: "
            "`logits[torch.arange(N), labels]`.",
        ),
        Mistake(
            partial(_remove_and_measure, fall=lambda f, x, y, c: _fall(f, x, y, c).mean()),
            "The effect is averaged over the images. Return one number an image.",
        ),
        Mistake(
            partial(_remove_and_measure, fall=lambda f, x, y, c: _fall(f, x, y, c) / _own_score(f(x), c)),
            "The effect is divided by the score. Keep it in units of the score.",
        ),
        Mistake(
            partial(_remove_and_measure, fall=lambda f, x, y, c: _own_score(f(y), c)),
            "The second result is the score without the part. The effect is the difference to the score with it.",
        ),
        Mistake(
            partial(
                _remove_and_measure, share=lambda m, s: (m * s).sum(dim=(1, 2)) / s.sum(dim=(1, 2)).clamp_min(1e-9)
            ),
            "The first result is the mean of the map on the part: divided by the area of the part. "
            "The share is divided by the sum of the whole map.",
        ),
        Mistake(
            partial(_remove_and_measure, share=lambda m, s: (m * s).sum(dim=(1, 2))),
            "The map on the part is not divided by the sum of the whole map.",
        ),
        Mistake(
            partial(_remove_and_measure, share=lambda m, s: (m * s).mean(dim=(1, 2))),
            "The first result is the mean over all pixels. The share is divided by the sum of the whole map.",
        ),
        Mistake(
            partial(_remove_and_measure, share=lambda m, s: s.mean(dim=(1, 2))),
            "The first result is the share of the *area*: the map does not enter.",
        ),
        Mistake(
            partial(_remove_and_measure, share=lambda m, s: _share(m, (s > 0.5).to(m))),
            "The mask is made hard at one half. A pixel on the edge belongs to the part by its share: multiply.",
        ),
        Mistake(
            partial(_remove_and_measure, share=lambda m, s: 1 - _share(m, s)),
            "The first result is the share *outside* of the part.",
        ),
        Mistake(
            partial(_remove_and_measure, share=lambda m, s: ((m * s).sum() / m.sum()).expand(len(m))),
            "The share is taken over all images together. Each image has its own.",
        ),
        Mistake(
            lambda *arguments: _remove_and_measure(*arguments)[::-1],
            "The two results have changed places: the share comes first, then the effect.",
        ),
    ),
)

TASKS = (HEAD_ATTENTION, CLASS_TOKEN_MAP, ROLLOUT, TRAINABLE_ATTENTION, REMOVE_AND_MEASURE)
