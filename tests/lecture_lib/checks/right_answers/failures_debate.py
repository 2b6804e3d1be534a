"""Right answers to exercise 08, as students might write them."""

from copy import deepcopy

import numpy as np
import torch
from scipy import stats
from sklearn.metrics import accuracy_score

from lecture_lib.gradients import gradient

# --- rank_correlation -------------------------------------------------------------------------------------


def rank_correlation_scipy(first, second):
    pairs = zip(first, second, strict=True)
    return torch.tensor([stats.spearmanr(one.flatten(), other.flatten()).statistic for one, other in pairs])


def rank_correlation_counting(first, second):
    """A pixel's rank: how many pixels are below it, and half of those that are equal."""

    def ranks(map):
        values = map.flatten(1)
        below = (values[:, :, None] > values[:, None, :]).sum(dim=2)
        equal = (values[:, :, None] == values[:, None, :]).sum(dim=2)
        return (below + equal / 2).double()

    a, b = ranks(first), ranks(second)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return (a * b).sum(1) / ((a**2).sum(1) * (b**2).sum(1)).sqrt()


def rank_correlation_sorted(first, second):
    """The places of a sorted map, averaged over runs of equal values."""
    result = []
    for pair in zip(first, second, strict=True):
        ranks = []
        for map in pair:
            _, group, sizes = map.flatten().unique(return_inverse=True, return_counts=True)
            ranks.append((sizes.cumsum(0) - (sizes - 1) / 2)[group])
        result.append(torch.corrcoef(torch.stack(ranks))[0, 1])
    return torch.stack(result)


# --- shortcut_test ----------------------------------------------------------------------------------------


def shortcut_test_loop(network, own, swapped, labels):
    accuracies = []
    for images in (own, swapped):
        right = 0
        for image, label in zip(images, labels, strict=True):
            right += int(network(image[None])[0].argmax() == label)
        accuracies.append(right / len(labels))
    return accuracies[0], accuracies[1], accuracies[0] - accuracies[1]


def shortcut_test_one_call(network, own, swapped, labels):
    answers = network(torch.cat([own, swapped])).max(dim=1).indices.view(2, -1)
    before, after = torch.eq(answers, labels).float().mean(dim=1)
    return before, after, before.sub(after)


def shortcut_test_sklearn(network, own, swapped, labels):
    with torch.no_grad():
        before, after = (accuracy_score(labels, network(images).topk(1).indices[:, 0]) for images in (own, swapped))
    return [before, after, before - after]


def shortcut_test_names(network, own, swapped, labels):
    def accuracy(images):
        names = [answers[0][0] for answers in network.predict(images, top=1)]
        return np.mean([network.classes[label] == name for label, name in zip(labels, names, strict=True)])

    return accuracy(own), accuracy(swapped), accuracy(own) - accuracy(swapped)


# --- part_saliency ----------------------------------------------------------------------------------------


def part_saliency_loop(map, masks):
    n, parts = masks.shape[:2]
    mean, total = torch.zeros(n, parts), torch.zeros(n, parts)
    for i in range(n):
        for p in range(parts):
            total[i, p] = (map[i] * masks[i, p]).sum()
            mean[i, p] = total[i, p] / masks[i, p].sum()
    return mean, total


def part_saliency_einsum(map, masks):
    total = torch.einsum("nhw,nphw->np", map, masks)
    return total / torch.einsum("nphw->np", masks), total


def part_saliency_numpy(map, masks):
    values = np.broadcast_to(map.numpy()[:, None], masks.shape)
    mean, area = np.average(values, axis=(2, 3), weights=masks.numpy(), returned=True)
    return torch.from_numpy(mean), torch.from_numpy(mean * area)


def part_saliency_products(map, masks):
    shares = torch.nn.functional.normalize(masks.flatten(2), p=1, dim=2)
    pixels = map.flatten(1).unsqueeze(2)  # (N, pixels, 1)
    return [torch.bmm(weights, pixels).squeeze(2) for weights in (shares, masks.flatten(2))]


# --- removal_check ----------------------------------------------------------------------------------------


def removal_check_loop(score, images, removed):
    predicted, measured = [], []
    for image, without in zip(images.split(1), removed.split(1), strict=True):
        variable = image.clone().requires_grad_()
        before = score(variable)[0]
        before.backward()
        predicted.append(torch.dot(variable.grad.flatten(), (image - without).flatten()))
        measured.append(before.detach() - score(without)[0])
    return torch.stack(predicted), torch.stack(measured)


def removal_check_forward_mode(score, images, removed):
    before, predicted = torch.func.jvp(score, (images,), (images - removed,))
    return predicted, before - score(removed)


def removal_check_einsum(score, images, removed):
    before, after = score(torch.cat([images, removed])).split(len(images))
    return torch.einsum("nchw,nchw->n", gradient(score, images), images - removed), before - after


# --- shuffled_parameters ----------------------------------------------------------------------------------


def shuffled_parameters_of_a_copy(network, seed):
    generator = torch.Generator().manual_seed(seed)
    twin = deepcopy(network)
    with torch.no_grad():
        for values in twin.parameters():
            order = torch.randperm(values.numel(), generator=generator)
            values.copy_(values.reshape(-1)[order].reshape(values.shape))
    return list(twin.parameters())


def shuffled_parameters_take(network, seed):
    generator = torch.Generator()
    generator.manual_seed(seed)
    return [
        torch.take(values.detach(), torch.randperm(values.numel(), generator=generator).view(values.shape))
        for values in network.parameters()
    ]


def shuffled_parameters_loop(network, seed):
    generator, result = torch.Generator().manual_seed(seed), []
    for _, values in network.named_parameters():
        old, new = values.flatten().tolist(), []
        for place in torch.randperm(len(old), generator=generator).tolist():
            new.append(old[place])
        result.append(torch.tensor(new).view(values.size()))
    return result


def shuffled_parameters_numpy(network, seed):
    generator = torch.Generator().manual_seed(seed)
    arrays = [values.detach().numpy() for values in network.parameters()]
    orders = [torch.randperm(array.size, generator=generator).numpy() for array in arrays]
    return [torch.from_numpy(a.ravel()[o].reshape(a.shape)) for a, o in zip(arrays, orders, strict=True)]


ANSWERS = {
    "rank_correlation": [rank_correlation_scipy, rank_correlation_counting, rank_correlation_sorted],
    "shortcut_test": [
        shortcut_test_loop,
        shortcut_test_one_call,
        shortcut_test_sklearn,
        shortcut_test_names,
    ],
    "part_saliency": [part_saliency_loop, part_saliency_einsum, part_saliency_numpy, part_saliency_products],
    "removal_check": [removal_check_loop, removal_check_forward_mode, removal_check_einsum],
    "shuffled_parameters": [
        shuffled_parameters_of_a_copy,
        shuffled_parameters_take,
        shuffled_parameters_loop,
        shuffled_parameters_numpy,
    ],
}
