"""Right answers to exercise 06, as students might write them."""

import math
from functools import reduce

import numpy as np
import scipy.special
import torch
from torch.nn import functional as F

# --- head_attention ---------------------------------------------------------------------------------------


def head_attention_loop(queries, keys):
    n, tokens, d = queries.shape
    weights = torch.zeros(n, tokens, keys.shape[1])
    for image in range(n):
        for i in range(tokens):
            row = [math.exp(float(queries[image, i] @ key) / math.sqrt(d)) for key in keys[image]]
            weights[image, i] = torch.tensor(row) / sum(row)
    return weights


def head_attention_einsum(queries, keys):
    logits = torch.einsum("nid,njd->nij", queries, keys) / math.sqrt(keys.size(-1))
    powers = torch.exp(logits - logits.amax(dim=2, keepdim=True))
    return powers / powers.sum(dim=2, keepdim=True)


def head_attention_of_torch(queries, keys):
    """torch mixes values by the attention weights; if the values are the unit vectors, it returns the weights."""
    return F.scaled_dot_product_attention(queries, keys, torch.eye(keys.shape[1]).to(keys).expand(len(keys), -1, -1))


def head_attention_scipy(queries, keys):
    products = np.matmul(queries.numpy(), keys.numpy().swapaxes(1, 2)) / np.sqrt(queries.shape[2])
    return torch.from_numpy(scipy.special.softmax(products, axis=2))


# --- class_token_map --------------------------------------------------------------------------------------


def class_token_map_loop(attention, layer, head):
    n, tokens = attention.shape[1], attention.shape[-1]
    side = math.isqrt(tokens - 1)
    result = torch.zeros(n, side, side, dtype=attention.dtype)
    for image in range(n):
        for patch in range(tokens - 1):
            result[image, patch // side, patch % side] = attention[layer, image, head, 0, patch + 1]
    return result


def class_token_map_chunks(attention, layer, head):
    row = attention[layer][:, head][:, 0].narrow(-1, 1, attention.shape[-1] - 1)
    return torch.stack(row.chunk(math.isqrt(row.shape[-1]), dim=-1), dim=1)


def class_token_map_numpy(attention, layer, head):
    without_itself = np.delete(attention.numpy()[layer, :, head, 0], 0, axis=-1)
    side = int(np.sqrt(without_itself.shape[-1]))
    return torch.from_numpy(without_itself.reshape(-1, side, side))


# --- rollout ----------------------------------------------------------------------------------------------


def rollout_loop(attention, head_weights):
    result = []
    for image in range(attention.shape[1]):
        total = torch.eye(attention.shape[-1]).to(attention)
        for layer, weights in zip(attention[:, image], head_weights, strict=True):
            mixed = sum(weight * head for weight, head in zip(weights, layer, strict=True))
            mixed = mixed + torch.eye(len(mixed))
            total = torch.matmul(mixed / mixed.sum(1)[:, None], total)
        result.append(total)
    return torch.stack(result)


def rollout_from_the_last_layer(attention, head_weights):
    half = (
        torch.einsum("lnhij,lh->lnij", attention, head_weights) + torch.eye(attention.size(-1))
    ) / 2  # the rows of the attention add up to 1
    product = half[-1]
    for earlier in half[:-1].flip(0):
        product = torch.bmm(product, earlier)
    return product


def rollout_reduce(attention, head_weights):
    mean = (attention.movedim(1, 0) * head_weights[..., None, None]).sum(dim=2).movedim(0, 1).contiguous()
    mean.diagonal(dim1=-2, dim2=-1).add_(1)
    return reduce(lambda done, layer: layer @ done, F.normalize(mean, p=1, dim=-1))


def rollout_numpy(attention, head_weights):
    mean = np.einsum("lnhij,lh->lnij", attention.numpy(), head_weights.numpy())
    matrices = mean + np.identity(mean.shape[-1])
    matrices = matrices / matrices.sum(axis=-1, keepdims=True)
    per_image = [matrices[::-1, i] for i in range(matrices.shape[1])]
    return torch.from_numpy(np.stack([np.linalg.multi_dot(list(layers)) for layers in per_image]))


# --- trainable_attention ----------------------------------------------------------------------------------


def trainable_attention_loop(local, everything, temperature):
    features, maps = [], []
    for places, whole, t in zip(local, everything, temperature.tolist(), strict=True):
        c, h, w = places.shape
        columns = places.reshape(c, -1).T  # one local feature in each row
        compatibility = torch.stack([whole @ feature for feature in columns]) / (t * c**0.5)
        weights = torch.softmax(compatibility, dim=0)
        features.append(sum(weight * feature for weight, feature in zip(weights, columns, strict=True)))
        maps.append(weights.reshape(h, w))
    return torch.stack(features), torch.stack(maps)


def trainable_attention_einsum(local, everything, temperature):
    powers = torch.exp(torch.einsum("nchw,nc,n->nhw", local, everything, 1 / temperature) / math.sqrt(local.shape[1]))
    attention = powers / torch.einsum("nhw->n", powers)[:, None, None]
    return torch.einsum("nhw,nchw->nc", attention, local), attention


def trainable_attention_products(local, everything, temperature):
    everything = everything.div(temperature.unsqueeze(1))
    rows = local.flatten(2)  # (N, C, places)
    attention = F.softmax(torch.bmm(everything[:, None], rows) * rows.shape[1] ** -0.5, dim=2)
    return (attention @ rows.mT)[:, 0], attention.reshape(len(local), *local.shape[2:])


def trainable_attention_of_torch(local, everything, temperature):
    keys = local.flatten(2).mT
    everything = everything / temperature[:, None]
    feature = F.scaled_dot_product_attention(everything[:, None], keys, keys)
    weights = F.scaled_dot_product_attention(everything[:, None], keys, torch.eye(keys.shape[1]).to(keys)[None])
    return feature.squeeze(1), weights.reshape(len(local), *local.shape[-2:])


# --- remove_and_measure -----------------------------------------------------------------------------------


def remove_and_measure_loop(network, images, without, labels, maps, mask):
    shares, effects = [], []
    for i, label in enumerate(labels.tolist()):
        shares.append((maps[i] * mask[i]).sum() / maps[i].sum())
        effects.append(network(images[i : i + 1])[0, label] - network(without[i : i + 1])[0, label])
    return torch.stack(shares), torch.stack(effects)


def remove_and_measure_scores(network, images, without, labels, maps, mask):
    effects = []
    for image, removed, label in zip(images.split(1), without.split(1), labels, strict=True):
        score = network.score(int(label))
        effects.append((score(image) - score(removed)).item())
    return (maps * mask).flatten(1).sum(1) / maps.flatten(1).sum(1), torch.tensor(effects)


def remove_and_measure_loss(network, images, without, labels, maps, mask):
    before, after = (F.nll_loss(network(batch), labels, reduction="none") for batch in (images, without))
    normed = F.normalize(maps.flatten(1), p=1)
    return torch.linalg.vecdot(normed, mask.flatten(1)), after - before


def remove_and_measure_one_hot(network, images, without, labels, maps, mask):
    before, after = network(torch.cat([images, without])).chunk(2)
    chosen = F.one_hot(labels, before.shape[1])
    share = torch.einsum("nhw,nhw->n", maps, mask).div(torch.einsum("nhw->n", maps))
    return share, ((before - after) * chosen).sum(dim=1)


ANSWERS = {
    "head_attention": [
        head_attention_loop,
        head_attention_einsum,
        head_attention_of_torch,
        head_attention_scipy,
    ],
    "class_token_map": [class_token_map_loop, class_token_map_chunks, class_token_map_numpy],
    "rollout": [rollout_loop, rollout_from_the_last_layer, rollout_reduce, rollout_numpy],
    "trainable_attention": [
        trainable_attention_loop,
        trainable_attention_einsum,
        trainable_attention_products,
        trainable_attention_of_torch,
    ],
    "remove_and_measure": [
        remove_and_measure_loop,
        remove_and_measure_scores,
        remove_and_measure_loss,
        remove_and_measure_one_hot,
    ],
}
