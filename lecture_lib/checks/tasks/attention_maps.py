"""Exercise 06: attention of a head, the class token's map, rollout, trainable attention, remove and measure."""

from collections.abc import Callable, Sequence
from functools import partial, reduce

import torch
from torch import Tensor

from lecture_lib import activations
from lecture_lib.checks.inputs import normal, small_network, uniform
from lecture_lib.checks.task import Arguments, Mistake, Task
from lecture_lib.networks import Network

# --- head_attention(queries, keys) ------------------------------------------------------------------------


def _scaled_products(queries: Tensor, keys: Tensor) -> Tensor:
    return queries @ keys.mT / queries.shape[-1] ** 0.5


def _head_attention(queries: Tensor, keys: Tensor) -> Tensor:
    return _scaled_products(queries, keys).softmax(dim=-1)


def _head_attention_cases(seed: int) -> list[Arguments]:
    shapes = [(2, 5, 3), (1, 4, 6), (3, 7, 2)]  # (N, tokens, d)
    return [(normal(seed + 2 * i, shape), normal(seed + 2 * i + 1, shape)) for i, shape in enumerate(shapes)]


HEAD_ATTENTION = Task(
    name="head_attention",
    section="lecture 06, “Attention of one head”",
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
    ]


CLASS_TOKEN_MAP = Task(
    name="class_token_map",
    section="lecture 06, “What the class token looks at”",
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


def _mean_over_heads(attention: Tensor) -> Tensor:
    return attention.mean(dim=2)


def _rows_to_one(matrices: Tensor) -> Tensor:
    return matrices / matrices.sum(dim=-1, keepdim=True)


def _multiplied(layers: Sequence[Tensor] | Tensor) -> Tensor:
    """The last layer times … times the first."""
    return reduce(lambda total, layer: layer @ total, layers)


def _rollout(
    attention: Tensor,
    merge: Callable[[Tensor], Tensor] = _mean_over_heads,
    identity: float = 1.0,
    scale: Callable[[Tensor], Tensor] = _rows_to_one,
    combine: Callable[[Tensor], Tensor] = _multiplied,
) -> Tensor:
    """Rollout with one step to change."""
    merged = merge(attention)
    return combine(scale(merged + identity * torch.eye(merged.shape[-1]).to(merged)))


def _rollout_cases(seed: int) -> list[Arguments]:
    return [(_attention(seed + i, *sizes),) for i, sizes in enumerate([(3, 2, 4, 2), (4, 1, 3, 3), (2, 3, 2, 2)])]


ROLLOUT = Task(
    name="rollout",
    section="lecture 06, “Rollout”",
    reference=activations.rollout,
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
            lambda attention: _rollout(attention.flip(0)),
            "The layers are multiplied in the wrong order. The tokens go through layer 1 first, "
            "so its matrix stands on the right.",
        ),
        Mistake(
            lambda attention: _rollout(attention.mT),
            "The attention is transposed. Row i says what token i collects; keep it a row.",
        ),
        Mistake(
            lambda attention: _rollout(attention).mT,
            "The result is transposed. Row i says from which patches token i is mixed.",
        ),
        Mistake(
            partial(_rollout, merge=lambda attention: attention.amax(dim=2)),
            "This takes the largest weight of the heads. The formula takes their mean.",
        ),
        Mistake(
            partial(_rollout, merge=lambda attention: attention.amin(dim=2)),
            "This takes the smallest weight of the heads. The formula takes their mean.",
        ),
        Mistake(
            partial(_rollout, merge=lambda attention: attention[:, :, 0]),
            "This takes the first head alone. The formula takes the mean of all heads.",
        ),
        Mistake(
            partial(_rollout, merge=lambda attention: attention.mean(dim=1)),
            "This is the mean over the images. The heads are axis 2 of (layers, N, heads, tokens, tokens).",
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
            lambda attention: _rows_to_one(
                _multiplied(attention.mean(dim=2)) + torch.eye(attention.shape[-1]).to(attention)
            ),
            "The identity is added once, after the product. Every layer has its own: add it before you multiply.",
        ),
        Mistake(
            lambda attention: _rollout(attention)[:, 0],
            "This is the row of the class token. Return the rows of all tokens, shape (N, tokens, tokens).",
        ),
    ),
)


# --- trainable_attention(local, everything) ---------------------------------------------------------------


def _compatibility(local: Tensor, everything: Tensor) -> Tensor:
    return (local * everything[:, :, None, None]).sum(dim=1) / local.shape[1] ** 0.5


def _softmax_of_places(compatibility: Tensor) -> Tensor:
    return compatibility.flatten(1).softmax(dim=1).view_as(compatibility)


def _weighted_sum(local: Tensor, everything: Tensor, attention: Tensor) -> Tensor:
    return (attention[:, None] * local).sum(dim=(2, 3))


def _trainable_attention(
    local: Tensor,
    everything: Tensor,
    compare: Callable[[Tensor, Tensor], Tensor] = _compatibility,
    normalise: Callable[[Tensor], Tensor] = _softmax_of_places,
    collect: Callable[[Tensor, Tensor, Tensor], Tensor] = _weighted_sum,
) -> tuple[Tensor, Tensor]:
    """Trainable attention with one step to change."""
    attention = normalise(compare(local, everything))
    return collect(local, everything, attention), attention


def _trainable_attention_cases(seed: int) -> list[Arguments]:
    shapes = [(2, 6, 3, 4), (1, 3, 5, 2), (3, 4, 3, 3)]  # (N, C, h, w)
    return [(normal(seed + i, shape), normal(seed + 9 + i, shape[:2])) for i, shape in enumerate(shapes)]


TRAINABLE_ATTENTION = Task(
    name="trainable_attention",
    section="lecture 06, “Attention that a CNN learns”",
    reference=_trainable_attention,
    cases=_trainable_attention_cases,
    mistakes=(
        Mistake(
            partial(_trainable_attention, compare=lambda x, g: _compatibility(x, g) * x.shape[1] ** 0.5),
            "The products are not divided by the root of the number of channels.",
        ),
        Mistake(
            partial(_trainable_attention, compare=lambda x, g: _compatibility(x, g) / x.shape[1] ** 0.5),
            "The products are divided by the number of channels. The formula takes its root.",
        ),
        Mistake(
            partial(
                _trainable_attention,
                compare=lambda x, g: torch.cosine_similarity(x, g[:, :, None, None].expand_as(x), dim=1),
            ),
            "This is the cosine of the angle. Here the lengths of the features count, too.",
        ),
        Mistake(
            partial(
                _trainable_attention,
                compare=lambda x, g: (x + g[:, :, None, None]).sum(dim=1) / x.shape[1] ** 0.5,
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
            lambda local, everything: _trainable_attention(local, everything)[::-1],
            "The two results have changed places: the attended feature comes first, then the map.",
        ),
        Mistake(
            lambda local, everything: _trainable_attention(local, everything)[1],
            "Only the map is returned. Return the attended feature and the map.",
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
    network = small_network(seed)
    cases: list[Arguments] = []
    for i, (n, height, width) in enumerate([(4, 8, 7), (1, 6, 9), (3, 7, 7)]):
        s = seed + 10 * i
        images, without = (uniform(s + j, (n, 3, height, width)) for j in (1, 2))
        ranks = torch.arange(n)  # from the lowest logit up, never the highest: so the labels differ
        labels = network(images).argsort(dim=1)[ranks, ranks]
        maps, mask = (uniform(s + j, (n, height, width)) for j in (3, 4))
        cases.append((network, images, without, labels, maps, mask))
    return cases


REMOVE_AND_MEASURE = Task(
    name="remove_and_measure",
    section="lecture 06, “Take it away and see”",
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
            partial(_remove_and_measure, share=lambda m, s: (m * s).sum(dim=(1, 2)) / s.sum(dim=(1, 2))),
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
