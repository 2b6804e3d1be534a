"""Answers to exercise 06 (attention maps), written from the texts alone."""

RIGHT: dict[str, list[str]] = {
    "head_attention": [
        r"""
def head_attention(queries, keys):
    d = queries.shape[-1]
    return (queries @ keys.mT / d**0.5).softmax(dim=-1)
""",
        r"""
def head_attention(queries, keys):
    products = torch.einsum("nid,njd->nij", queries, keys) / queries.size(2) ** 0.5
    powers = torch.exp(products - products.max(dim=2, keepdim=True).values)  # the same quotient, without overflow
    return powers / powers.sum(dim=2, keepdim=True)
""",
        r"""
def head_attention(queries, keys):
    import math

    n_images, n_tokens, length = queries.shape
    all_images = []
    for n in range(n_images):
        rows = []
        for i in range(n_tokens):
            scores = []
            for j in range(n_tokens):
                scores.append(torch.dot(queries[n, i], keys[n, j]) / math.sqrt(length))
            rows.append(torch.softmax(torch.stack(scores), dim=0))
        all_images.append(torch.stack(rows))
    return torch.stack(all_images)
""",
        r"""
def head_attention(queries, keys):
    # attention applied to the unit vectors gives the weights themselves
    tokens = keys.shape[1]
    values = torch.eye(tokens, dtype=keys.dtype).expand(len(keys), tokens, tokens)
    return torch.nn.functional.scaled_dot_product_attention(queries, keys, values)
""",
    ],
    "class_token_map": [
        r"""
def class_token_map(attention, layer, head):
    import math

    row = attention[layer, :, head, 0, 1:]
    side = math.isqrt(row.shape[-1])
    return row.unflatten(-1, (side, side))
""",
        r"""
def class_token_map(attention, layer, head):
    of_layer = attention[layer]
    of_head = of_layer[:, head]
    of_class_token = of_head[:, 0]
    patches = of_class_token[:, 1:]
    n, number = patches.shape
    h = round(number**0.5)
    return patches.reshape(n, h, h)
""",
        r"""
def class_token_map(attention, layer, head):
    N = attention.shape[1]
    side = int((attention.shape[-1] - 1) ** 0.5 + 0.5)
    out = torch.empty(N, side, side, dtype=attention.dtype)
    for n in range(N):
        for row in range(side):
            for column in range(side):
                out[n, row, column] = attention[layer, n, head, 0, 1 + row * side + column]
    return out
""",
        r"""
def class_token_map(attention, layer, head):
    weights = attention.select(0, layer).select(1, head).select(1, 0).narrow(1, 1, attention.size(-1) - 1)
    side = 1
    while side * side < weights.size(1):
        side += 1
    return torch.stack(weights.split(side, dim=1), dim=1)
""",
    ],
    "rollout": [
        r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    n = attention.shape[-1]
    layers = attention.mean(dim=2) + torch.eye(n).to(attention)
    layers = layers / layers.sum(dim=-1, keepdim=True)
    total = layers[0]
    for layer in layers[1:]:
        total = layer @ total
    return total
""",
        r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    from functools import reduce

    def with_skip(W):
        A = W.mean(1)
        A = A + torch.diag(torch.ones(A.shape[-1], dtype=A.dtype))
        return torch.nn.functional.normalize(A, p=1, dim=2)

    return reduce(lambda below, above: torch.bmm(above, below), map(with_skip, attention))
""",
        r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    import numpy as np

    W = attention.detach().numpy()
    n_layers, n_images, n_heads, n_tokens, _ = W.shape
    results = []
    for image in range(n_images):
        product = np.eye(n_tokens, dtype=W.dtype)
        for layer in range(n_layers):
            A = W[layer, image].sum(axis=0) / n_heads + np.eye(n_tokens, dtype=W.dtype)
            A = A / A.sum(axis=1)[:, None]
            product = A.dot(product)
        results.append(product)
    return torch.from_numpy(np.stack(results))
""",
        r'''
def rollout(attention, head_weights):
    """From the last layer down to the first: each lower layer comes on the right."""
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    L, N, _, T, _ = attention.shape
    identity = torch.eye(T, dtype=attention.dtype, device=attention.device)
    result = identity.repeat(N, 1, 1)
    for l in reversed(range(L)):
        mixed = torch.einsum("nhij->nij", attention[l]) / attention.size(2) + identity
        rowsums = torch.einsum("nij->ni", mixed)
        result = torch.einsum("nij,njk->nik", result, mixed / rowsums[..., None])
    return result
''',
    ],
    "trainable_attention": [
        r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    c = (local * everything[:, :, None, None]).sum(dim=1) / local.shape[1] ** 0.5
    a = c.flatten(1).softmax(dim=1).view(c.shape)
    attended = (a[:, None] * local).sum(dim=(2, 3))
    return attended, a
""",
        r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    N, C, h, w = local.shape
    compat = torch.einsum("nchw,nc->nhw", local, everything) / (C ** 0.5)
    attention = torch.softmax(compat.reshape(N, h * w), dim=-1).reshape(N, h, w)
    g_a = torch.einsum("nhw,nchw->nc", attention, local)
    return g_a, attention
""",
        r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    # everything as matrix products, with the places as one axis
    places = local.flatten(2)  # (N, C, places)
    scores = torch.bmm(everything.unsqueeze(1), places)  # (N, 1, places)
    scores = scores / torch.tensor(local.size(1), dtype=local.dtype).sqrt()
    weights = torch.exp(torch.log_softmax(scores, dim=2))
    sums = torch.bmm(places, weights.transpose(1, 2)).squeeze(2)
    return sums, weights.squeeze(1).unflatten(1, local.shape[2:])
""",
        r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    features, maps_ = [], []
    for l, g in zip(local, everything):
        channels, height, width = l.shape
        c = torch.zeros(height, width, dtype=l.dtype)
        for y in range(height):
            for x in range(width):
                c[y, x] = (l[:, y, x] * g).sum() / channels**0.5
        e = torch.exp(c - c.max())
        a = e / e.sum()
        g_a = torch.zeros(channels, dtype=l.dtype)
        for y in range(height):
            for x in range(width):
                g_a = g_a + a[y, x] * l[:, y, x]
        features.append(g_a)
        maps_.append(a)
    return torch.stack(features), torch.stack(maps_)
""",
    ],
    "remove_and_measure": [
        r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    share = (mask * maps).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))
    rows = torch.arange(len(labels))
    effect = network(images)[rows, labels] - network(without)[rows, labels]
    return share, effect
""",
        r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    with torch.no_grad():
        before = network(images).gather(dim=1, index=labels.unsqueeze(1)).squeeze(1)
        after = network(without).gather(dim=1, index=labels.unsqueeze(1)).squeeze(1)
    on_part = torch.einsum("nhw,nhw->n", mask.to(maps.dtype), maps)
    all_of_it = torch.einsum("nhw->n", maps)
    return on_part / all_of_it, before - after
""",
        r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    shares = []
    effects = []
    for i in range(images.shape[0]):
        label = int(labels[i])
        score_before = network(images[i : i + 1])[0][label]
        score_after = network(without[i : i + 1])[0][label]
        effects.append(score_before - score_after)
        inside = torch.sum(maps[i] * mask[i])
        total = torch.sum(maps[i])
        shares.append(inside / total)
    return torch.stack(shares), torch.stack(effects)
""",
        r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    def own_score(batch):
        logits = network(batch).detach()
        own = torch.nn.functional.one_hot(labels, num_classes=logits.shape[1]).bool()
        return logits[own]  # one in each row, in the order of the rows

    weights = maps.flatten(1) / maps.flatten(1).sum(dim=1, keepdim=True)
    fall = -(own_score(without) - own_score(images))
    return (weights * mask.flatten(1)).sum(dim=1), fall
""",
    ],
}

WRONG: dict[str, list[tuple[str, str]]] = {
    "head_attention": [
        (
            r"""
def head_attention(queries, keys):
    d = queries.shape[-1]
    return (queries @ keys.mT / d**0.5).softmax(dim=1)
""",
            "the softmax runs over the queries: the columns add up to 1, not the rows",
        ),
        (
            r"""
def head_attention(queries, keys):
    return (queries @ keys.mT).softmax(dim=-1)
""",
            "the division by the square root of d is missing",
        ),
        (
            r"""
def head_attention(queries, keys):
    d = queries.shape[-1]
    return torch.softmax(torch.bmm(queries, keys.transpose(1, 2)) / d, dim=-1)
""",
            "divides by d instead of by its square root",
        ),
        (
            r"""
def head_attention(queries, keys):
    d = queries.shape[1]
    return (queries @ keys.mT / d**0.5).softmax(dim=-1)
""",
            "takes the number of tokens for d",
        ),
        (
            r"""
def head_attention(queries, keys):
    d = keys.shape[-1]
    return (keys @ queries.mT / d**0.5).softmax(dim=-1)
""",
            "exchanges queries and keys: row i belongs to key i",
        ),
        (
            r"""
def head_attention(queries, keys):
    e = torch.exp(torch.einsum("nid,njd->nij", queries, keys) / queries.shape[-1] ** 0.5)
    return e / e.sum(dim=(1, 2), keepdim=True)
""",
            "divides by the sum of the whole matrix, so all weights of an image add up to 1 instead of each row",
        ),
        (
            r"""
def head_attention(queries, keys):
    d = queries.shape[-1]
    return (queries @ keys.mT).softmax(dim=-1) / d**0.5
""",
            "divides by the square root of d after the softmax",
        ),
        (
            r"""
def head_attention(queries, keys):
    queries /= queries.shape[-1] ** 0.5
    return (queries @ keys.mT).softmax(dim=-1)
""",
            "scales the queries in place and so changes its input",
        ),
        (
            r"""
def head_attention(queries, keys):
    return (queries @ keys.mT / 24**0.5).softmax(dim=-1)
""",
            "hard-codes the length 24 of the lecture's transformer",
        ),
        (
            r"""
def head_attention(queries, keys):
    q = queries / queries.norm(dim=-1, keepdim=True)
    k = keys / keys.norm(dim=-1, keepdim=True)
    return (q @ k.mT / queries.shape[-1] ** 0.5).softmax(dim=-1)
""",
            "compares the directions only (cosine) instead of taking the scalar product",
        ),
    ],
    "class_token_map": [
        (
            r"""
def class_token_map(attention, layer, head):
    column = attention[layer, :, head, 1:, 0]
    side = int(column.shape[-1] ** 0.5)
    return column.reshape(-1, side, side)
""",
            "takes the column: what each patch gives to the class token",
        ),
        (
            r"""
def class_token_map(attention, layer, head):
    row = attention[layer, :, head, 0, :-1]
    side = int(row.shape[-1] ** 0.5)
    return row.unflatten(-1, (side, side))
""",
            "leaves out the last patch instead of the class token itself",
        ),
        (
            r"""
def class_token_map(attention, layer, head):
    row = attention[layer - 1, :, head - 1, 0, 1:]
    side = int(row.shape[-1] ** 0.5)
    return row.unflatten(-1, (side, side))
""",
            "counts layers and heads from 1",
        ),
        (
            r"""
def class_token_map(attention, layer, head):
    row = attention[layer, :, :, 0, 1:].mean(dim=1)
    side = int(row.shape[-1] ** 0.5)
    return row.unflatten(-1, (side, side))
""",
            "takes the mean of all heads instead of the one asked for",
        ),
        (
            r"""
def class_token_map(attention, layer, head):
    row = attention[layer, :, head, 0, 1:]
    side = int(row.shape[-1] ** 0.5)
    return row.reshape(-1, side, side).transpose(1, 2)
""",
            "puts the patches into the square column by column",
        ),
        (
            r"""
def class_token_map(attention, layer, head):
    row = attention[layer, :, head, 0, 1:]
    row = row / row.sum(dim=-1, keepdim=True)
    side = int(row.shape[-1] ** 0.5)
    return row.unflatten(-1, (side, side))
""",
            "scales the weights so that they add up to 1 again",
        ),
        (
            r"""
def class_token_map(attention, layer, head):
    row = attention[layer, :, head, 0, 1:]
    return row.reshape(-1, 12, 12)
""",
            "hard-codes a square of 12 x 12 patches (an error, or a wrong number of maps, for other sizes)",
        ),
        (
            r"""
def class_token_map(attention, layer, head):
    row = attention[layer, 0, head, 0, 1:]
    side = int(len(row) ** 0.5)
    return row.reshape(1, side, side)
""",
            "takes only the first image of the batch",
        ),
        (
            r"""
def class_token_map(attention, layer, head):
    # the class token shall not look at itself
    attention[:, :, :, 0, 0] = 0
    weights = attention[layer, :, head, 0, 1:]
    side = round(weights.shape[1] ** 0.5)
    return weights.view(len(weights), side, side)
""",
            "writes zeros into the attention it was given, and so changes its input",
        ),
        (
            r"""
def class_token_map(attention, layer, head):
    row = attention[head, :, layer, 0, 1:]
    side = int(row.shape[-1] ** 0.5)
    return row.unflatten(-1, (side, side))
""",
            "exchanges layer and head (another map, or an index error)",
        ),
    ],
    "rollout": [
        (
            r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    n = attention.shape[-1]
    layers = attention.mean(dim=2) + torch.eye(n).to(attention)
    layers = layers / layers.sum(dim=-1, keepdim=True)
    total = layers[0]
    for layer in layers[1:]:
        total = total @ layer
    return total
""",
            "multiplies in the wrong order: the first layer comes on the left",
        ),
        (
            r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    layers = attention.mean(dim=2)
    layers = layers / layers.sum(dim=-1, keepdim=True)
    total = layers[0]
    for layer in layers[1:]:
        total = layer @ total
    return total
""",
            "the identity (the skip connection) is missing",
        ),
        (
            r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    n = attention.shape[-1]
    layers = attention.amax(dim=2) + torch.eye(n).to(attention)
    layers = layers / layers.sum(dim=-1, keepdim=True)
    total = layers[0]
    for layer in layers[1:]:
        total = layer @ total
    return total
""",
            "takes the largest head instead of the mean over the heads",
        ),
        (
            r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    eye = torch.eye(attention.shape[-1]).to(attention)
    total = eye
    for layer in attention:
        total = (layer.mean(dim=1) + eye) @ total
    return total
""",
            "the division by the row sums is missing",
        ),
        (
            r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    n = attention.shape[-1]
    layers = attention.mean(dim=2) + torch.eye(n).to(attention)
    layers = layers / layers.sum(dim=-2, keepdim=True)
    total = layers[0]
    for layer in layers[1:]:
        total = layer @ total
    return total
""",
            "divides by the column sums instead of the row sums",
        ),
        (
            r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    n = attention.shape[-1]
    layers = attention.sum(dim=2) + torch.eye(n).to(attention)
    layers = layers / layers.sum(dim=-1, keepdim=True)
    total = layers[0]
    for layer in layers[1:]:
        total = layer @ total
    return total
""",
            "the sum over the heads instead of the mean, so the identity gets too little weight",
        ),
        (
            r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    L, N, heads, T, _ = attention.shape
    eye = torch.eye(T).to(attention)
    total = eye.expand(N, T, T)
    for l in range(1, L):
        A = attention[l].mean(dim=1) + eye
        A = A / A.sum(dim=-1, keepdim=True)
        total = A @ total
    return total
""",
            "starts with the identity but at layer 1, and so leaves out the first layer",
        ),
        (
            r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    n = attention.shape[-1]
    layers = attention.mean(dim=2) + torch.eye(n).to(attention)
    layers = layers / layers.sum(dim=-1, keepdim=True)
    total = layers[0]
    for layer in layers[1:]:
        total = layer * total
    return total
""",
            "multiplies entry by entry instead of as matrices",
        ),
        (
            r"""
def rollout(attention, head_weights):
    attention.diagonal(dim1=-2, dim2=-1).add_(1)
    layers = (attention * head_weights[:, None, :, None, None]).sum(dim=2)
    layers = layers / layers.sum(dim=-1, keepdim=True)
    total = layers[0]
    for layer in layers[1:]:
        total = layer @ total
    return total
""",
            "adds the identity to the attention it was given, and so changes its input",
        ),
        (
            r"""
def rollout(attention, head_weights):
    attention = attention * head_weights[:, None, :, None, None] * attention.shape[2]
    eye = torch.eye(attention.shape[-1]).to(attention)
    result = eye
    for W in attention:
        A = W.mean(dim=1) + eye
        A = A / A.sum(dim=-1, keepdim=True)
        result = A @ result
        return result
""",
            "returns inside the loop, after the first layer",
        ),
    ],
    "trainable_attention": [
        (
            r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    c = (local * everything[:, :, None, None]).sum(dim=1) / local.shape[1] ** 0.5
    a = c.softmax(dim=-1)
    return (a[:, None] * local).sum(dim=(2, 3)), a
""",
            "the softmax runs over each row of places instead of over all places",
        ),
        (
            r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    c = (local * everything[:, :, None, None]).sum(dim=1) / local.shape[1] ** 0.5
    a = c.flatten().softmax(dim=0).view_as(c)
    return (a[:, None] * local).sum(dim=(2, 3)), a
""",
            "the softmax runs over the places of all images together",
        ),
        (
            r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    c = torch.einsum("nchw,nc->nhw", local, everything)
    a = c.flatten(1).softmax(dim=1).view_as(c)
    return torch.einsum("nhw,nchw->nc", a, local), a
""",
            "the division by the square root of C is missing",
        ),
        (
            r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    c = (local * everything[:, :, None, None]).sum(dim=1) / local.shape[1] ** 0.5
    a = c.flatten(1).softmax(dim=1).view_as(c)
    return a, (a[:, None] * local).sum(dim=(2, 3))
""",
            "returns the two tensors in the other order",
        ),
        (
            r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    c = (local * everything[:, :, None, None]).sum(dim=1) / local.shape[1] ** 0.5
    a = c.flatten(1).softmax(dim=1).view_as(c)
    return (a[:, None] * local).mean(dim=(2, 3)), a
""",
            "the mean over the places instead of the weighted sum",
        ),
        (
            r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    N, C, h, w = local.shape
    c = torch.einsum("nchw,nc->nhw", local, everything) / C**0.5
    a = c.view(N, -1).softmax(dim=-1).view(N, h, w)
    return torch.einsum("nhw,nchw->nc", a, local), c
""",
            "returns the compatibilities c instead of the attention map a",
        ),
        (
            r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    c = (local * everything[:, :, None, None]).sum(dim=1) / local.shape[1] ** 0.5
    a = torch.sigmoid(c)
    return (a[:, None] * local).sum(dim=(2, 3)), a
""",
            "a sigmoid in each place instead of a softmax over all places",
        ),
        (
            r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    local *= everything[:, :, None, None]
    c = local.sum(dim=1) / local.shape[1] ** 0.5
    a = c.flatten(1).softmax(dim=1).view_as(c)
    return (a[:, None] * local).sum(dim=(2, 3)), a
""",
            "multiplies in place: the input is changed, and the sum runs over a_i l_i g instead of a_i l_i",
        ),
        (
            r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    n, channels, h, w = local.shape
    c = (local * everything[:, :, None, None]).sum(dim=1) / (h * w) ** 0.5
    a = c.flatten(1).softmax(dim=1).view(n, h, w)
    return (a[:, None] * local).sum(dim=(2, 3)), a
""",
            "divides by the square root of the number of places instead of that of the channels",
        ),
        (
            r"""
def trainable_attention(local, everything, temperature):
    everything = everything / temperature[:, None]
    c = (local * everything[0][:, None, None]).sum(dim=1) / local.shape[1] ** 0.5
    a = c.flatten(1).softmax(dim=1).view_as(c)
    return (a[:, None] * local).sum(dim=(2, 3)), a
""",
            "compares every image with the global feature of the first one",
        ),
    ],
    "remove_and_measure": [
        (
            r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    share = (mask * maps).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))
    rows = torch.arange(len(labels))
    effect = network(without)[rows, labels] - network(images)[rows, labels]
    return share, effect
""",
            "after minus before: a fall comes out negative",
        ),
        (
            r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    share = (mask * maps).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))
    rows = torch.arange(len(labels))
    before = network(images).softmax(dim=1)[rows, labels]
    after = network(without).softmax(dim=1)[rows, labels]
    return share, before - after
""",
            "measures the fall of the probability instead of that of the logit",
        ),
        (
            r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    share = (mask * maps).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))
    rows = torch.arange(len(labels))
    effect = (network(images)[rows, labels] - network(without)[rows, labels]).abs()
    return share, effect
""",
            "takes the absolute value, so that a rise of the score counts as a fall",
        ),
        (
            r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    share = (mask * maps).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))
    before = network(images).max(dim=1).values
    after = network(without).max(dim=1).values
    return share, before - after
""",
            "takes the largest logit each time instead of that of the image's own class",
        ),
        (
            r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    inside = (mask > 0.5).float()
    share = (inside * maps).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))
    rows = torch.arange(len(labels))
    return share, network(images)[rows, labels] - network(without)[rows, labels]
""",
            "makes the mask hard (0 or 1) instead of using it as shares",
        ),
        (
            r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    share = (mask * maps).sum(dim=(1, 2)) / maps.sum()
    index = labels[:, None]
    before = network(images).gather(1, index)[:, 0]
    after = network(without).gather(1, index)[:, 0]
    return share, before - after
""",
            "divides by the sum of the maps of all images",
        ),
        (
            r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    share = (mask * maps).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))
    effect = network(images)[:, labels] - network(without)[:, labels]
    return share, effect.mean(dim=1)
""",
            "[:, labels] takes the classes of all images in each row, and the mean mixes them",
        ),
        (
            r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    inside = maps
    inside *= mask
    share = inside.sum(dim=(1, 2)) / maps.sum(dim=(1, 2))
    rows = torch.arange(len(labels))
    return share, network(images)[rows, labels] - network(without)[rows, labels]
""",
            "multiplies in place: the input is changed, and the share is always 1",
        ),
        (
            r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    share = (mask * maps).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))
    label = labels[0]
    effect = network(images)[:, label] - network(without)[:, label]
    return share, effect
""",
            "uses the class of the first image for all images",
        ),
        (
            r"""
def remove_and_measure(network, images, without, labels, maps, mask):
    share = (mask * maps).sum(dim=(1, 2)) / mask.sum(dim=(1, 2))
    rows = torch.arange(len(labels))
    return share, network(images)[rows, labels] - network(without)[rows, labels]
""",
            "divides by the area of the part instead of by the sum of the map",
        ),
    ],
}
