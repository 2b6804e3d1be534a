"""Answers to exercise 08 (failures, or wrong questions?), written from the texts alone."""

RIGHT: dict[str, list[str]] = {
    "rank_correlation": [
        r"""
def rank_correlation(first, second):
    from scipy.stats import rankdata

    def centred_ranks(maps_):
        ranks = torch.from_numpy(rankdata(maps_.detach().flatten(1).numpy(), axis=1))
        return ranks - ranks.mean(dim=1, keepdim=True)

    return torch.nn.functional.cosine_similarity(centred_ranks(first), centred_ranks(second), dim=1)
""",
        r"""
def rank_correlation(first, second):
    import scipy.stats

    results = []
    for a, b in zip(first, second):
        a = a.detach().numpy().ravel()
        b = b.detach().numpy().ravel()
        results.append(float(scipy.stats.spearmanr(a, b)[0]))
    return torch.tensor(results)
""",
        r'''
def rank_correlation(first, second):
    """Without scipy: the place of a value is found by two binary searches in the sorted values."""

    def ranks(values):
        ordered = values.sort(dim=1).values
        before = torch.searchsorted(ordered, values, right=False)
        until = torch.searchsorted(ordered, values, right=True)
        return (before + until + 1).double() / 2

    x, y = ranks(first.detach().flatten(1)), ranks(second.detach().flatten(1))
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    return torch.einsum("np,np->n", x, y) / (x.norm(dim=1) * y.norm(dim=1))
''',
        r"""
def rank_correlation(first, second):
    def rank_one(map):
        values, inverse, counts = torch.unique(map.flatten(), return_inverse=True, return_counts=True)
        last = counts.cumsum(0).double()  # place of the last pixel that has this value
        shared = last - (counts - 1).double() / 2
        return shared[inverse]

    out = torch.zeros(len(first), dtype=torch.float64)
    for n in range(len(first)):
        both = torch.stack([rank_one(first[n].detach()), rank_one(second[n].detach())])
        out[n] = torch.corrcoef(both)[0, 1]
    return out
""",
    ],
    "shortcut_test": [
        r"""
def shortcut_test(network, own, swapped, labels):
    def accuracy(images):
        return (network(images).argmax(dim=1) == labels).double().mean().item()

    a, b = accuracy(own), accuracy(swapped)
    return a, b, a - b
""",
        r"""
def shortcut_test(network, own, swapped, labels):
    with torch.no_grad():
        first_answers = network(own).max(dim=1).indices
        second_answers = network(swapped).max(dim=1).indices
    right_own = 0
    right_swapped = 0
    for i in range(len(labels)):
        if first_answers[i] == labels[i]:
            right_own += 1
        if second_answers[i] == labels[i]:
            right_swapped += 1
    accuracy_own = right_own / len(labels)
    accuracy_swapped = right_swapped / len(labels)
    drop = accuracy_own - accuracy_swapped
    return accuracy_own, accuracy_swapped, drop
""",
        r"""
def shortcut_test(network, own, swapped, labels):
    hits = torch.stack([torch.eq(network(batch).argmax(-1), labels) for batch in (own, swapped)])
    shares = hits.to(torch.float64).mean(dim=1)
    return shares[0], shares[1], shares[0] - shares[1]
""",
        r"""
def shortcut_test(network, own, swapped, labels):
    import numpy as np

    truth = labels.numpy()
    accuracies = []
    for batch in [own, swapped]:
        # image by image, so that it also works for many large images
        guesses = np.array([int(network(batch[i : i + 1]).argmax()) for i in range(len(batch))])
        accuracies.append(float(np.mean(guesses == truth)))
    return accuracies + [accuracies[0] - accuracies[1]]
""",
    ],
    "part_saliency": [
        r"""
def part_saliency(map, masks):
    total = (map[:, None] * masks).sum(dim=(2, 3))
    return total / masks.sum(dim=(2, 3)), total
""",
        r"""
def part_saliency(map, masks):
    sums = torch.einsum("nhw,nphw->np", map, masks)
    area = torch.einsum("nphw->np", masks)
    return sums / area, sums
""",
        r"""
def part_saliency(map, masks):
    n_images, n_parts = masks.shape[:2]
    mean = torch.zeros(n_images, n_parts, dtype=map.dtype)
    total = torch.zeros(n_images, n_parts, dtype=map.dtype)
    for n in range(n_images):
        for p in range(n_parts):
            mask = masks[n][p]
            total[n, p] = (map[n] * mask).sum()
            mean[n, p] = total[n, p] / mask.sum()
    return mean, total
""",
        r"""
def part_saliency(map, masks):
    pixels = masks.flatten(2)  # (N, P, pixels)
    total = (pixels @ map.flatten(1).unsqueeze(-1)).squeeze(-1)
    weights = pixels / pixels.sum(-1, keepdim=True)  # add up to 1 in each part
    mean = torch.bmm(weights, map.flatten(1)[:, :, None])[:, :, 0]
    return mean, total
""",
    ],
    "removal_check": [
        r"""
def removal_check(score, images, removed):
    predicted = (gradients.gradient(score, images) * (images - removed)).sum(dim=(1, 2, 3))
    return predicted, score(images) - score(removed)
""",
        r"""
def removal_check(score, images, removed):
    x = images.detach().clone().requires_grad_(True)
    before = score(x)
    before.sum().backward()
    with torch.no_grad():
        after = score(removed)
        change = images - removed
        expected_fall = torch.einsum("nchw,nchw->n", x.grad, change)
    return expected_fall, before.detach() - after
""",
        r"""
def removal_check(score, images, removed):
    slopes = gradients.gradient(score, images)
    predictions = []
    for slope, image, other in zip(slopes, images, removed):
        difference = image - other
        predictions.append(torch.dot(slope.flatten(), difference.flatten()))
    with torch.no_grad():
        measured = -(score(removed) - score(images))
    return torch.stack(predictions), measured
""",
        r"""
def removal_check(score, images, removed):
    # walk a step t towards the other image: minus the derivative by t is the predicted fall
    start = images.detach()
    direction = removed.detach() - start
    t = torch.zeros(len(start), 1, 1, 1, dtype=start.dtype, requires_grad=True)
    values = score(start + t * direction)
    (slope,) = torch.autograd.grad(values.sum(), t)
    return -slope.flatten(), (values - score(removed)).detach()
""",
    ],
    "shuffled_parameters": [
        r"""
def shuffled_parameters(network, seed):
    generator = torch.Generator().manual_seed(seed)
    shuffled = []
    for values in network.parameters():
        order = torch.randperm(values.numel(), generator=generator)
        shuffled.append(values.flatten()[order].view_as(values))
    return shuffled
""",
        r"""
def shuffled_parameters(network, seed):
    generator = torch.Generator().manual_seed(seed)

    def shuffle(values):
        order = torch.randperm(values.numel(), generator=generator)
        return values.detach().take(order).reshape(values.shape)

    return [shuffle(values) for values in network.parameters()]
""",
        r"""
def shuffled_parameters(network, seed):
    gen = torch.Generator()
    gen.manual_seed(seed)
    result = []
    with torch.no_grad():
        for _name, parameter in network.named_parameters():
            flat = parameter.reshape(-1)
            order = torch.randperm(flat.shape[0], generator=gen)
            new = torch.empty_like(flat)
            for place, number in enumerate(order.tolist()):
                new[place] = flat[number]
            result.append(new.reshape(parameter.shape))
    return result
""",
        r"""
def shuffled_parameters(network, seed):
    rng = torch.Generator().manual_seed(seed)
    copies = [p.detach().clone() for p in network.parameters()]
    for copy in copies:
        order = torch.randperm(copy.numel(), generator=rng)
        flat = copy.numpy().reshape(-1)  # shares its memory with the copy, not with the network
        flat[:] = flat[order.numpy()]
    return copies
""",
    ],
}

WRONG: dict[str, list[tuple[str, str]]] = {
    "rank_correlation": [
        (
            r"""
def rank_correlation(first, second):
    def centred(map):
        places = map.detach().flatten(1).argsort(dim=1).double()
        return places - places.mean(dim=1, keepdim=True)

    return torch.nn.functional.cosine_similarity(centred(first), centred(second), dim=1)
""",
            "one argsort gives which pixel stands at each place, not the place of each pixel",
        ),
        (
            r"""
def rank_correlation(first, second):
    def centred(map):
        ranks = map.detach().flatten(1).argsort(dim=1).argsort(dim=1).double()
        return ranks - ranks.mean(dim=1, keepdim=True)

    return torch.nn.functional.cosine_similarity(centred(first), centred(second), dim=1)
""",
            "pixels of equal value get different places instead of sharing the mean",
        ),
        (
            r"""
def rank_correlation(first, second):
    a, b = first.detach().flatten(1), second.detach().flatten(1)
    a = a - a.mean(dim=1, keepdim=True)
    b = b - b.mean(dim=1, keepdim=True)
    return torch.nn.functional.cosine_similarity(a, b, dim=1)
""",
            "the Pearson correlation of the values themselves, without ranks",
        ),
        (
            r"""
def rank_correlation(first, second):
    from scipy.stats import rankdata

    a = torch.from_numpy(rankdata(first.detach().flatten(1).numpy(), axis=1))
    b = torch.from_numpy(rankdata(second.detach().flatten(1).numpy(), axis=1))
    return (a * b).sum(dim=1) / (a.norm(dim=1) * b.norm(dim=1))
""",
            "the cosine of the ranks without subtracting their mean",
        ),
        (
            r"""
def rank_correlation(first, second):
    from scipy.stats import rankdata

    def ranks(map):
        all_ranks = torch.from_numpy(rankdata(map.detach().flatten().numpy())).view(len(map), -1)
        return all_ranks - all_ranks.mean(dim=1, keepdim=True)

    return torch.nn.functional.cosine_similarity(ranks(first), ranks(second), dim=1)
""",
            "ranks the pixels of all maps together instead of map by map",
        ),
        (
            r"""
def rank_correlation(first, second):
    from scipy.stats import rankdata

    a = torch.from_numpy(rankdata(first.detach().flatten(1).numpy(), axis=1))
    b = torch.from_numpy(rankdata(second.detach().flatten(1).numpy(), axis=1))
    n = a.shape[1]
    return 1 - 6 * ((a - b) ** 2).sum(dim=1) / (n * (n**2 - 1))
""",
            "the short formula with squared differences holds only without ties",
        ),
        (
            r"""
def rank_correlation(first, second):
    from scipy.stats import rankdata

    def centred(map):
        ranks = torch.from_numpy(rankdata(map.detach().abs().flatten(1).numpy(), axis=1))
        return ranks - ranks.mean(dim=1, keepdim=True)

    return torch.nn.functional.cosine_similarity(centred(first), centred(second), dim=1)
""",
            "ranks the absolute values, so negative pixels stand in the wrong place",
        ),
        (
            r"""
def rank_correlation(first, second):
    from scipy.stats import rankdata

    a = torch.from_numpy(rankdata(first.detach().flatten(1).numpy(), axis=1))
    b = torch.from_numpy(rankdata(second.detach().flatten(1).numpy(), axis=1))
    a = (a - a.mean(dim=1, keepdim=True)) / a.std(dim=1, keepdim=True)
    b = (b - b.mean(dim=1, keepdim=True)) / b.std(dim=1, keepdim=True)
    return (a * b).mean(dim=1)
""",
            "std divides by n - 1 and mean by n, so the result is too small by a factor (n - 1) / n",
        ),
        (
            r"""
def rank_correlation(first, second):
    from scipy.stats import rankdata

    def centred(map):
        ranks = torch.from_numpy(rankdata(map.detach().numpy(), axis=1)).flatten(1)
        return ranks - ranks.mean(dim=1, keepdim=True)

    return torch.nn.functional.cosine_similarity(centred(first), centred(second), dim=1)
""",
            "without flattening first, the ranks are taken within each column instead of within the map",
        ),
        (
            r"""
def rank_correlation(first, second):
    from scipy.stats import spearmanr

    values = [spearmanr(a.flatten().numpy(), b.flatten().numpy())[0] for a, b in zip(first, second)]
    return torch.tensor(values).mean()
""",
            "returns the mean over the maps instead of one number for each",
        ),
    ],
    "shortcut_test": [
        (
            r"""
def shortcut_test(network, own, swapped, labels):
    def accuracy(images):
        return 100 * (network(images).argmax(dim=1) == labels).double().mean().item()

    a, b = accuracy(own), accuracy(swapped)
    return a, b, a - b
""",
            "percent instead of shares in [0, 1]",
        ),
        (
            r"""
def shortcut_test(network, own, swapped, labels):
    a = (network(own).argmax(dim=1) == labels).double().mean()
    b = (network(swapped).argmax(dim=1) == labels).double().mean()
    return a, b, b - a
""",
            "the drop has the wrong sign: swapped minus own",
        ),
        (
            r"""
def shortcut_test(network, own, swapped, labels):
    a = (network(own).argmax(dim=1) == labels).double().mean().item()
    b = (network(swapped).argmax(dim=1) == labels).double().mean().item()
    return a, b, abs(a - b)
""",
            "the absolute value: a rise in swapped landscapes looks like a drop",
        ),
        (
            r"""
def shortcut_test(network, own, swapped, labels):
    answers_own = network(own).argmax(dim=1)
    answers_swapped = network(swapped).argmax(dim=1)
    a = (answers_own == labels).double().mean().item()
    b = (answers_swapped == answers_own).double().mean().item()
    return a, b, a - b
""",
            "compares the answers in swapped landscapes with the answers before instead of with the labels",
        ),
        (
            r"""
def shortcut_test(network, own, swapped, labels):
    a = (network(own).argmax(dim=1) == labels).double().mean().item()
    b = (network(swapped).argmax(dim=1) == labels).double().mean().item()
    return a, b, (a - b) / a if a else 0.0
""",
            "a relative drop, as a share of the first accuracy",
        ),
        (
            r"""
def shortcut_test(network, own, swapped, labels):
    right_own = (network(own).argmax(dim=1) == labels).sum().item()
    right_swapped = (network(swapped).argmax(dim=1) == labels).sum().item()
    return right_own / 60, right_swapped / 60, (right_own - right_swapped) / 60
""",
            "hard-codes the 60 images of the notebook",
        ),
        (
            r"""
def shortcut_test(network, own, swapped, labels):
    right_own = network(own).argmax(dim=1) == labels
    right_swapped = (network(swapped).argmax(dim=1) == labels) & right_own
    a, b = right_own.double().mean().item(), right_swapped.double().mean().item()
    return a, b, a - b
""",
            "counts a bird in a swapped landscape only if it was right in its own one, too",
        ),
        (
            r"""
def shortcut_test(network, own, swapped, labels):
    rows = torch.arange(len(labels))
    a = network(own).softmax(dim=1)[rows, labels].mean().item()
    b = network(swapped).softmax(dim=1)[rows, labels].mean().item()
    return a, b, a - b
""",
            "the mean probability of the right class instead of the share of right answers",
        ),
        (
            r"""
def shortcut_test(network, own, swapped, labels):
    a = (network(own).argmax() == labels).double().mean().item()
    b = (network(swapped).argmax() == labels).double().mean().item()
    return a, b, a - b
""",
            "argmax without an axis: one position in the whole table of logits, compared with all labels",
        ),
        (
            r"""
def shortcut_test(network, own, swapped, labels):
    a = (network(own).argmax(dim=1) == labels).mean()
    b = (network(swapped).argmax(dim=1) == labels).mean()
    return a, b, a - b
""",
            "the mean of truth values is an error in torch",
        ),
    ],
    "part_saliency": [
        (
            r"""
def part_saliency(map, masks):
    product = map[:, None] * masks
    return product.mean(dim=(2, 3)), product.sum(dim=(2, 3))
""",
            "the mean over all pixels of the image instead of over those of the part",
        ),
        (
            r"""
def part_saliency(map, masks):
    inside = (masks > 0.5).float()
    total = (map[:, None] * inside).sum(dim=(2, 3))
    return total / inside.sum(dim=(2, 3)), total
""",
            "makes the masks hard (0 or 1) instead of using them as shares",
        ),
        (
            r"""
def part_saliency(map, masks):
    total = (map[:, None] * masks).sum(dim=(2, 3))
    n_pixels = (masks > 0).sum(dim=(2, 3))
    return total / n_pixels, total
""",
            "counts every touched pixel as a whole one in the area",
        ),
        (
            r"""
def part_saliency(map, masks):
    total = torch.einsum("nhw,nphw->np", map, masks)
    area = masks.sum(dim=(2, 3))
    return total, total / area
""",
            "returns the two tensors in the other order",
        ),
        (
            r"""
def part_saliency(map, masks):
    total = (map.clamp(min=0)[:, None] * masks).sum(dim=(2, 3))
    return total / masks.sum(dim=(2, 3)), total
""",
            "leaves out the negative values of the map",
        ),
        (
            r"""
def part_saliency(map, masks):
    total = (map[:, None] * masks).sum(dim=(2, 3))
    area = masks.sum(dim=(0, 2, 3))
    return total / area, total
""",
            "adds up the area of a part over all images",
        ),
        (
            r"""
def part_saliency(map, masks):
    total = (map[:, None] * masks).sum(dim=(2, 3))
    area = masks.sum(dim=(2, 3)) + 1
    return total / area, total
""",
            "adds 1 to the area against a division by 0, which falsifies small parts",
        ),
        (
            r"""
def part_saliency(map, masks):
    masks *= map[:, None]
    total = masks.sum(dim=(2, 3))
    return total / masks.sum(dim=(2, 3)), total
""",
            "multiplies in place: the masks are changed, and the mean is always 1",
        ),
        (
            r"""
def part_saliency(map, masks):
    total = (map[0] * masks).sum(dim=(2, 3))
    return total / masks.sum(dim=(2, 3)), total
""",
            "uses the first map for all images",
        ),
        (
            r"""
def part_saliency(map, masks):
    total = (map * masks).sum(dim=(2, 3))
    return total / masks.sum(dim=(2, 3)), total
""",
            "without the added axis the images meet the parts (an error, or, with N = P, the wrong pairs)",
        ),
    ],
    "removal_check": [
        (
            r"""
def removal_check(score, images, removed):
    predicted = (gradients.gradient(score, images) * (removed - images)).sum(dim=(1, 2, 3))
    return predicted, score(images) - score(removed)
""",
            "the predicted fall has the wrong sign",
        ),
        (
            r"""
def removal_check(score, images, removed):
    predicted = (gradients.gradient(score, images) * (images - removed)).sum(dim=(1, 2, 3))
    measured = score(removed) - score(images)
    return predicted, measured
""",
            "the measured fall has the wrong sign",
        ),
        (
            r"""
def removal_check(score, images, removed):
    predicted = (gradients.gradient(score, removed) * (images - removed)).sum(dim=(1, 2, 3))
    return predicted, score(images) - score(removed)
""",
            "the gradient at the scene without the part instead of at the image",
        ),
        (
            r"""
def removal_check(score, images, removed):
    predicted = (gradients.gradient(score, images) * (images - removed)).abs().sum(dim=(1, 2, 3))
    return predicted, score(images) - score(removed)
""",
            "adds up absolute values, so nothing can cancel",
        ),
        (
            r"""
def removal_check(score, images, removed):
    predicted = (gradients.gradient(score, images) * (images - removed)).mean(dim=(1, 2, 3))
    return predicted, score(images) - score(removed)
""",
            "the mean over channels and pixels instead of the sum",
        ),
        (
            r"""
def removal_check(score, images, removed):
    slope = gradients.gradient(score, images)
    predicted = torch.dot(slope.flatten(), (images - removed).flatten())
    return predicted.expand(len(images)), score(images) - score(removed)
""",
            "one product over the whole batch instead of image by image",
        ),
        (
            r"""
def removal_check(score, images, removed):
    slope = gradients.gradient(score, images)
    predicted = (slope * images).sum(dim=(1, 2, 3))
    return predicted, score(images) - score(removed)
""",
            "gradient times image: the change against black instead of against the scene without the part",
        ),
        (
            r"""
def removal_check(score, images, removed):
    slope = gradients.gradient(score, images)
    measured = score(images) - score(removed)
    images -= removed
    return (slope * images).sum(dim=(1, 2, 3)), measured
""",
            "subtracts in place and so changes the images it was given",
        ),
        (
            r"""
def removal_check(score, images, removed):
    middle = (images + removed) / 2
    predicted = (gradients.gradient(score, middle) * (images - removed)).sum(dim=(1, 2, 3))
    return predicted, score(images) - score(removed)
""",
            "the gradient half-way between the two images instead of at the image",
        ),
        (
            r"""
def removal_check(score, images, removed):
    slope = gradients.gradient(score, images).abs().amax(dim=1)
    change = (images - removed).abs().amax(dim=1)
    return (slope * change).sum(dim=(1, 2)), score(images) - score(removed)
""",
            "reduces the channels to their largest absolute value before the product",
        ),
    ],
    "shuffled_parameters": [
        (
            r"""
def shuffled_parameters(network, seed):
    shuffled = []
    for values in network.parameters():
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(values.numel(), generator=generator)
        shuffled.append(values.detach().flatten()[order].view_as(values))
    return shuffled
""",
            "a new generator for every parameter instead of one for all",
        ),
        (
            r"""
def shuffled_parameters(network, seed):
    generator = torch.Generator().manual_seed(seed)
    result = []
    for values in network.parameters():
        order = torch.randperm(values.numel(), generator=generator)
        result.append(values.detach().flatten()[order])
    return result
""",
            "the new tensors stay flat instead of having the shapes of the parameters",
        ),
        (
            r"""
def shuffled_parameters(network, seed):
    generator = torch.Generator().manual_seed(seed)
    result = []
    for values in network.parameters():
        order = torch.randperm(values.numel(), generator=generator)
        new = torch.empty(values.numel())
        new[order] = values.detach().flatten()
        result.append(new.view(values.shape))
    return result
""",
            "the inverse permutation: value i goes to place order[i]",
        ),
        (
            r"""
def shuffled_parameters(network, seed):
    generator = torch.Generator().manual_seed(seed)
    result = []
    for values in network.parameters():
        if values.dim() > 1:
            order = torch.randperm(values.numel(), generator=generator)
            result.append(values.detach().flatten()[order].view_as(values))
        else:
            result.append(values.detach().clone())
    return result
""",
            "shuffles only the weights and leaves biases as they are",
        ),
        (
            r"""
def shuffled_parameters(network, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for values in network.parameters():
            order = torch.randperm(values.numel(), generator=generator)
            values.copy_(values.flatten()[order].view_as(values))
    return list(network.parameters())
""",
            "shuffles the network itself instead of copies",
        ),
        (
            r"""
def shuffled_parameters(network, seed):
    generator = torch.Generator().manual_seed(seed)
    result = []
    for values in network.parameters():
        order = torch.randperm(len(values), generator=generator)
        result.append(values.detach()[order])
    return result
""",
            "shuffles only whole rows along the first axis",
        ),
        (
            r"""
def shuffled_parameters(network, seed):
    generator = torch.Generator().manual_seed(seed)
    shuffled = []
    for name, values in network.state_dict().items():
        order = torch.randperm(values.numel(), generator=generator)
        shuffled.append(values.flatten()[order].view_as(values))
    return shuffled
""",
            "the state dict also holds buffers (running means), which are no parameters",
        ),
        (
            r"""
def shuffled_parameters(network, seed):
    generator = torch.Generator().manual_seed(seed)
    shuffled = []
    for values in network.parameters():
        order = torch.randperm(values.numel(), generator=generator)
        shuffled.append(values.detach().flatten()[order].view_as(values))
        return shuffled
""",
            "returns inside the loop, after the first parameter",
        ),
        (
            r"""
def shuffled_parameters(network, seed):
    generator = torch.Generator().manual_seed(seed)
    parameters = list(network.parameters())
    everything = torch.cat([values.detach().flatten() for values in parameters])
    everything = everything[torch.randperm(everything.numel(), generator=generator)]
    pieces = everything.split([values.numel() for values in parameters])
    return [piece.view_as(values) for piece, values in zip(pieces, parameters)]
""",
            "shuffles the values of all parameters together instead of each within itself",
        ),
        (
            r"""
def shuffled_parameters(network, seed):
    generator = torch.Generator().manual_seed(seed)
    result = []
    for module in network.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
            for values in (module.weight, module.bias):
                if values is not None:
                    order = torch.randperm(values.numel(), generator=generator)
                    result.append(values.detach().flatten()[order].view_as(values))
    return result
""",
            "only reaches linear layers and convolutions, not normalisation layers or raw parameters",
        ),
    ],
}
