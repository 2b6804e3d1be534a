"""Answers to exercise 05 (CAM and Grad-CAM), written from the texts alone."""

RIGHT: dict[str, list[str]] = {
    "layer_output": [
        r"""
def layer_output(network, layer, images):
    kept = []

    def hook(module, inputs, output):
        kept.append(output.clone())

    handle = layer.register_forward_hook(hook)
    network(images)
    handle.remove()
    return kept[0]
""",
        r"""
def layer_output(network, layer, images):
    store = {}

    def remember(_module, _inputs, result):
        store["maps"] = result.detach().clone()

    handle = layer.register_forward_hook(remember)
    try:
        with torch.no_grad():
            network(images)
    finally:
        handle.remove()  # also when the network fails
    return store["maps"]
""",
        r'''
class Recorder:
    """Keeps copies of what a layer returns, while the with-block runs."""

    def __init__(self, layer):
        self.layer = layer
        self.copies = []

    def __enter__(self):
        self.handle = self.layer.register_forward_hook(self)
        return self

    def __call__(self, module, inputs, output):
        self.copies.append(torch.empty_like(output).copy_(output))

    def __exit__(self, *error):
        self.handle.remove()


def layer_output(network, layer, images):
    with Recorder(layer) as recorder:
        network(images)
    return recorder.copies[-1]
''',
        r"""
def layer_output(network, layer, images):
    # one hook for all modules, which only listens to the one we want
    from torch.nn.modules.module import register_module_forward_hook

    answer = None

    def listen(module, inputs, output):
        nonlocal answer
        if module is layer:
            answer = output + 0  # a new tensor

    handle = register_module_forward_hook(listen)
    network(images)
    handle.remove()
    return answer
""",
    ],
    "class_activation_map": [
        r"""
def class_activation_map(activation, classifier_weight, index):
    weights = classifier_weight[index]
    return (weights[:, None, None] * activation).sum(dim=1)
""",
        r"""
def class_activation_map(activation, classifier_weight, index):
    return torch.einsum("k,nkhw->nhw", classifier_weight[index], activation)
""",
        r"""
def class_activation_map(activation, classifier_weight, index):
    N, K, h, w = activation.shape
    cam = torch.zeros(N, h, w, dtype=activation.dtype)
    for n in range(N):
        for k in range(K):
            weight = classifier_weight[index][k]
            cam[n] = cam[n] + weight * activation[n][k]
    return cam
""",
        r"""
def class_activation_map(activation, classifier_weight, index):
    # a weighted sum over channels is a convolution with a 1 x 1 filter
    filters = classifier_weight[index].view(1, -1, 1, 1)
    return F.conv2d(activation, filters).squeeze(1)
""",
    ],
    "grad_cam": [
        r"""
def grad_cam(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        kept.append(output)
        return output.clone()

    handle = layer.register_forward_hook(hook)
    images = images.detach().clone().requires_grad_()
    scores = network.score(target)(images)
    handle.remove()
    maps = kept[0]
    (gradient,) = torch.autograd.grad(scores.sum(), maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * maps).sum(dim=1).relu()
""",
        r"""
def grad_cam(network, images, target, layer):
    # the maps become leaves of a new graph, so that the images need no gradient
    leaves = []

    def cut(module, inputs, output):
        leaf = output.detach().clone().requires_grad_(True)
        leaves.append(leaf)
        return leaf * 1

    handle = layer.register_forward_hook(cut)
    try:
        total = network.score(target)(images.detach()).sum()
    finally:
        handle.remove()
    A = leaves[-1]
    grad = torch.autograd.grad(total, A)[0]
    alpha = grad.flatten(2).mean(-1)
    return torch.einsum("nk,nkhw->nhw", alpha, A.detach()).clamp(min=0)
""",
        r"""
def grad_cam(network, images, target, layer):
    saved = {}

    def forward_hook(module, inputs, output):
        output.retain_grad()
        saved["activation"] = output
        return output.clone()

    x = images.clone().detach()
    x.requires_grad = True
    handle = layer.register_forward_hook(forward_hook)
    score = network.score(target)(x)
    handle.remove()
    score.sum().backward()

    activation = saved["activation"].detach()
    gradient = saved["activation"].grad
    number_of_cells = activation.shape[2] * activation.shape[3]
    weights = gradient.sum(dim=3).sum(dim=2) / number_of_cells
    weighted = activation * weights[:, :, None, None]
    cam = weighted.sum(dim=1)
    return F.relu(cam)
""",
        r'''
def grad_cam(network, images, target, layer):
    """One image after the other, and one map after the other."""
    score = network.score(target)

    def of_one(image):
        found = []
        handle = layer.register_forward_hook(lambda module, inputs, output: found.append(output) or output.clone())
        with torch.enable_grad():
            value = score(image.detach().clone().requires_grad_(True))[0]
        handle.remove()
        slope = torch.autograd.grad(outputs=value, inputs=found[0])[0][0]
        stack = found[0].detach()[0]
        total = torch.zeros_like(stack[0])
        for a, s in zip(stack, slope):
            total += s.mean() * a
        return torch.maximum(total, torch.zeros_like(total))

    return torch.stack([of_one(images[n : n + 1]) for n in range(len(images))])
''',
    ],
    "upsample": [
        r"""
def upsample(map, size):
    return F.interpolate(map[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
""",
        r"""
def upsample(map, size):
    # the images go where the channels should be: that is all the same to the interpolation
    layer = torch.nn.Upsample(size=tuple(size), mode="bilinear")
    return layer(map.unsqueeze(0)).squeeze(0)
""",
        r"""
def upsample(map, size):
    H, W = size
    n = map.shape[0]
    y = (2 * torch.arange(H, dtype=map.dtype) + 1) / H - 1  # the middles of the new cells, from -1 to 1
    x = (2 * torch.arange(W, dtype=map.dtype) + 1) / W - 1
    yy, xx = torch.meshgrid(y, x, indexing="ij")
    grid = torch.stack([xx, yy], dim=-1).expand(n, H, W, 2)
    out = F.grid_sample(map.unsqueeze(1), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return out.squeeze(1)
""",
        r'''
def upsample(map, size):
    """By hand: first along the rows, then along the columns, each time a matrix."""

    def matrix(old, new):
        M = torch.zeros(new, old, dtype=map.dtype)
        for i in range(new):
            place = (i + 0.5) * old / new - 0.5
            place = min(max(place, 0), old - 1)  # outside the outer middles: the outer value
            low = int(place)
            high = min(low + 1, old - 1)
            part = place - low
            M[i, low] += 1 - part
            M[i, high] += part
        return M

    rows = matrix(map.shape[1], size[0])
    columns = matrix(map.shape[2], size[1])
    return rows @ map @ columns.T
''',
    ],
    "share_inside": [
        r"""
def share_inside(map, mask):
    positive = map.clamp(min=0)
    return (positive * mask).sum(dim=(1, 2)) / positive.sum(dim=(1, 2))
""",
        r"""
def share_inside(map, mask):
    shares = []
    for one_map, one_mask in zip(map, mask):
        inside = 0.0
        everything = 0.0
        for value, m in zip(one_map.flatten().tolist(), one_mask.flatten().tolist()):
            if value > 0:
                everything += value
                if m == 1:
                    inside += value
        shares.append(inside / everything if everything > 0 else 0.0)
    return torch.tensor(shares, dtype=map.dtype)
""",
        r"""
def share_inside(map, mask):
    p = F.relu(map).flatten(start_dim=1)
    inside = torch.einsum("np,np->n", p, mask.flatten(start_dim=1).to(p.dtype))
    return torch.div(inside, p.sum(-1))
""",
        r"""
def share_inside(map, mask):
    import numpy as np

    values = np.maximum(map.detach().cpu().numpy(), 0)
    where = mask.cpu().numpy().astype(values.dtype)
    total = values.sum(axis=(1, 2))
    outside = (values * (1 - where)).sum(axis=(1, 2))
    return torch.from_numpy((total - outside) / total)
""",
    ],
}

WRONG: dict[str, list[tuple[str, str]]] = {
    "layer_output": [
        (
            r"""
def layer_output(network, layer, images):
    kept = []

    def hook(module, inputs, output):
        kept.append(output.detach())

    handle = layer.register_forward_hook(hook)
    network(images)
    handle.remove()
    return kept[0]
""",
            "detach makes no copy, so a following in-place layer writes over what was kept",
        ),
        (
            r"""
def layer_output(network, layer, images):
    kept = []

    def hook(module, inputs, output):
        kept.append(output.clone())

    layer.register_forward_hook(hook)
    network(images)
    return kept[0]
""",
            "the hook is never removed and stays in the network",
        ),
        (
            r"""
def layer_output(network, layer, images):
    kept = []

    def hook(module, inputs, output):
        kept.append(inputs[0].clone())

    handle = layer.register_forward_hook(hook)
    network(images)
    handle.remove()
    return kept[0]
""",
            "keeps what goes into the layer, not what it returns",
        ),
        (
            r"""
def layer_output(network, layer, images):
    outputs = []
    handle = layer.register_forward_hook(lambda m, i, o: outputs.append(o.clone()))
    network(images)
    handle.remove()
    return outputs
""",
            "returns the list of outputs instead of the tensor in it",
        ),
        (
            r"""
def layer_output(network, layer, images):
    features = {}

    def get_features(module, inp, out):
        features["out"] = out.detach().clone()

    h = layer.register_forward_hook(get_features)
    with torch.no_grad():
        network(images)
    h.remove()
    return features["out"].squeeze()
""",
            "squeeze drops the batch axis when there is a single image (and every other axis of length 1)",
        ),
        (
            r"""
def layer_output(network, layer, images):
    kept = []

    def hook(module, inputs, output):
        kept.append(output.clone().relu())

    handle = layer.register_forward_hook(hook)
    network(images)
    handle.remove()
    return kept[0]
""",
            "applies a ReLU to what the layer returned, so negative activations are lost",
        ),
        (
            r"""
def layer_output(network, layer, images):
    kept = []

    def hook(module, inputs, output):
        kept.append(output.clone())

    handle = layer.register_forward_hook(hook)
    for image in images:
        network(image[None])
        handle.remove()
        return kept[0]
""",
            "returns inside the loop: only the first image's maps come back",
        ),
        (
            r"""
def layer_output(network, layer, images):
    kept = []

    def hook(module, inputs, output):
        kept.append(output.clone())

    for module in network.modules():
        if type(module) == type(layer):
            handle = module.register_forward_hook(hook)
            break
    network(images)
    handle.remove()
    return kept[0]
""",
            "finds the layer by its type, and so hooks the first layer of this type instead of the one asked for",
        ),
        (
            r"""
def layer_output(network, layer, images):
    kept = []
    handle = layer.register_forward_hook(lambda module, inputs, output: kept.append(output.clone()))
    network(images)
    handle.remove()
    return torch.stack(kept)
""",
            "stacking the list adds an axis: the shape is (1, N, K, h, w)",
        ),
        (
            r"""
def layer_output(network, layer, images):
    kept = []

    def hook(module, inputs, output):
        kept.append(output.clone())

    handle = layer.register_forward_hook(hook)
    handle.remove()
    network(images)
    return kept[0]
""",
            "removes the hook before the network runs, so nothing is kept (IndexError)",
        ),
    ],
    "class_activation_map": [
        (
            r"""
def class_activation_map(activation, classifier_weight, index):
    weights = classifier_weight[index]
    return (weights[:, None, None] * activation).sum(dim=1).relu()
""",
            "applies a ReLU although the map keeps its signs",
        ),
        (
            r"""
def class_activation_map(activation, classifier_weight, index):
    w = classifier_weight[index].abs()
    return torch.einsum("k,nkhw->nhw", w, activation)
""",
            "takes the absolute values of the weights",
        ),
        (
            r"""
def class_activation_map(activation, classifier_weight, index):
    weights = classifier_weight[index]
    return (weights[:, None, None] * activation).mean(dim=1)
""",
            "the mean over the K maps instead of their sum",
        ),
        (
            r"""
def class_activation_map(activation, classifier_weight, index):
    activation *= classifier_weight[index][:, None, None]
    return activation.sum(dim=1)
""",
            "multiplies in place and so changes the activation maps it was given",
        ),
        (
            r"""
def class_activation_map(activation, classifier_weight, index):
    weights = classifier_weight[index]
    return (weights[:, None, None] * activation[0]).sum(dim=0)
""",
            "takes only the first image and loses the batch axis",
        ),
        (
            r"""
def class_activation_map(activation, classifier_weight, index):
    weights = classifier_weight[index].view(1, -1, 1, 1)
    weighted = weights * activation
    return weighted.sum(dim=(0, 1), keepdim=True)[0].expand(len(activation), -1, -1)
""",
            "also sums over the images of the batch",
        ),
        (
            r"""
def class_activation_map(activation, classifier_weight, index):
    cam = torch.zeros_like(activation[:, 0])
    for k in range(1, activation.shape[1]):
        cam += classifier_weight[index, k] * activation[:, k]
    return cam
""",
            "the loop starts at 1 and leaves out the first map",
        ),
        (
            r"""
def class_activation_map(activation, classifier_weight, index):
    cam = torch.einsum("nkhw,k->nhw", activation, classifier_weight[index])
    return cam / cam.abs().amax(dim=(1, 2), keepdim=True)
""",
            "scales each map to a largest absolute value of 1",
        ),
        (
            r"""
def class_activation_map(activation, classifier_weight, index):
    weights = classifier_weight.softmax(dim=0)[index]
    return (weights[:, None, None] * activation).sum(dim=1)
""",
            "a softmax over the classes turns the weights into shares and loses their signs",
        ),
        (
            r"""
def class_activation_map(activation, classifier_weight, index):
    weights = classifier_weight[:, index]
    return (weights[:, None, None] * activation).sum(dim=1)
""",
            "takes a column of the weights instead of the row of the class (an error unless there are K classes)",
        ),
    ],
    "grad_cam": [
        (
            r"""
def grad_cam(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        kept.append(output)
        return output.clone()

    handle = layer.register_forward_hook(hook)
    images = images.detach().clone().requires_grad_()
    scores = network.score(target)(images)
    handle.remove()
    (gradient,) = torch.autograd.grad(scores.sum(), kept[0])
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * kept[0]).sum(dim=1).detach()
""",
            "the ReLU is missing",
        ),
        (
            r"""
def grad_cam(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        kept.append(output)
        return output.clone()

    handle = layer.register_forward_hook(hook)
    images = images.detach().clone().requires_grad_()
    scores = network.score(target)(images)
    handle.remove()
    (gradient,) = torch.autograd.grad(scores.sum(), kept[0])
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return F.relu(weights * kept[0]).sum(dim=1).detach()
""",
            "the ReLU comes before the sum, so maps that speak against the class can't cancel anything",
        ),
        (
            r"""
def grad_cam(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        kept.append(output)
        return output.clone()

    handle = layer.register_forward_hook(hook)
    images = images.detach().clone().requires_grad_()
    scores = network.score(target)(images)
    handle.remove()
    maps = kept[0]
    (gradient,) = torch.autograd.grad(scores.sum(), maps)
    weights = gradient.mean(dim=(0, 2, 3))  # one weight per map
    return (weights[:, None, None] * maps).sum(dim=1).relu().detach()
""",
            "the mean also goes over the images, so that all images share the same weights",
        ),
        (
            r"""
def grad_cam(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        kept.append(output)
        return output.clone()

    handle = layer.register_forward_hook(hook)
    images = images.detach().clone().requires_grad_()
    scores = network.score(target)(images)
    handle.remove()
    maps = kept[0]
    (gradient,) = torch.autograd.grad(scores.sum(), maps)
    return (gradient * maps).sum(dim=1).relu().detach()
""",
            "multiplies gradient and map cell by cell, without taking the mean gradient first",
        ),
        (
            r"""
def grad_cam(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        kept.append(output)
        return output.clone()

    handle = layer.register_forward_hook(hook)
    x = images.detach().clone().requires_grad_()
    loss = network.score(target)(x).mean()
    handle.remove()
    grads = torch.autograd.grad(loss, kept[0])[0]
    alphas = grads.mean(dim=(2, 3))[:, :, None, None]
    return (alphas * kept[0]).sum(1).relu().detach()
""",
            "differentiates the mean of the scores: with N images every map is N times too small",
        ),
        (
            r"""
def grad_cam(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        kept.append(output)
        return output.clone()

    handle = layer.register_forward_hook(hook)
    images = images.detach().clone().requires_grad_()
    probabilities = network.probability(target)(images)
    handle.remove()
    (gradient,) = torch.autograd.grad(probabilities.sum(), kept[0])
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * kept[0]).sum(dim=1).relu().detach()
""",
            "differentiates the probability after the softmax instead of the logit",
        ),
        (
            r"""
def grad_cam(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        kept.append(output)

    handle = layer.register_forward_hook(hook)
    images = images.detach().clone().requires_grad_()
    scores = network.score(target)(images)
    handle.remove()
    maps = kept[0]
    (gradient,) = torch.autograd.grad(scores.sum(), maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * maps).sum(dim=1).relu().detach()
""",
            "passes no copy on, so an in-place layer changes the kept maps, and the gradient belongs to what it left",
        ),
        (
            r"""
def grad_cam(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        output.retain_grad()
        kept.append(output)
        return output.clone()

    handle = layer.register_forward_hook(hook)
    images.requires_grad_()
    network.score(target)(images).sum().backward()
    handle.remove()
    maps = kept[0].detach()
    weights = kept[0].grad.mean(dim=(2, 3), keepdim=True)
    return (weights * maps).sum(dim=1).relu()
""",
            "works on the images themselves: afterwards the caller's images require a gradient and have one in .grad",
        ),
        (
            r"""
def grad_cam(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        kept.append(output)
        return output.clone()

    layer.register_forward_hook(hook)
    images = images.detach().clone().requires_grad_()
    scores = network.score(target)(images)
    (gradient,) = torch.autograd.grad(scores.sum(), kept[-1])
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * kept[-1]).sum(dim=1).relu().detach()
""",
            "the hook is never removed and stays in the network",
        ),
        (
            r"""
def grad_cam(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        kept.append(output)
        return output.clone()

    handle = layer.register_forward_hook(hook)
    images = images.detach().clone().requires_grad_()
    scores = network.score(target)(images)
    handle.remove()
    (gradient,) = torch.autograd.grad(scores.sum(), kept[0])
    weights = gradient.sum(dim=(2, 3), keepdim=True)
    return (weights * kept[0]).sum(dim=1).relu().detach()
""",
            "the sum of the gradient instead of its mean: the map is h * w times too large",
        ),
    ],
    "upsample": [
        (
            r"""
def upsample(map, size):
    return F.interpolate(map[:, None], size=size, mode="bilinear", align_corners=True)[:, 0]
""",
            "aligns the corners, so a value belongs to the corner instead of the middle of its cell",
        ),
        (
            r"""
def upsample(map, size):
    return F.interpolate(map[:, None], size=size)[:, 0]
""",
            "the default mode is nearest, not bilinear",
        ),
        (
            r"""
def upsample(map, size):
    return F.interpolate(map.unsqueeze(1), size=size, mode="bicubic", align_corners=False).squeeze(1)
""",
            "interpolates bicubically",
        ),
        (
            r"""
def upsample(map, size):
    width, height = size
    return F.interpolate(map[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0]
""",
            "takes the size as (W, H)",
        ),
        (
            r"""
def upsample(map, size):
    return F.interpolate(map[:, None], size=size[0], mode="bilinear", align_corners=False)[:, 0]
""",
            "uses only the height and always makes a square",
        ),
        (
            r"""
def upsample(map, size):
    return F.interpolate(map[:, None], size=size, mode="bilinear", align_corners=False)
""",
            "forgets to take the added axis out again: the shape is (N, 1, H, W)",
        ),
        (
            r"""
def upsample(map, size):
    big = F.interpolate(map.unsqueeze(1), size=size, mode="bilinear", align_corners=False)
    return big.squeeze()
""",
            "squeeze drops the batch axis, too, when there is a single map",
        ),
        (
            r"""
def upsample(map, size):
    factor = size[0] // map.shape[1]
    return F.interpolate(map[:, None], scale_factor=factor, mode="bilinear", align_corners=False)[:, 0]
""",
            "works with a whole factor, the same along both axes, so the size is wrong when it is no such multiple",
        ),
        (
            r"""
def upsample(map, size):
    big = F.interpolate(map[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    return big / big.amax(dim=(1, 2), keepdim=True)
""",
            "scales every map so that its largest value is 1",
        ),
        (
            r"""
def upsample(map, size):
    return F.interpolate(map[:, None], size=(224, 224), mode="bilinear", align_corners=False)[:, 0]
""",
            "hard-codes the size of the lecture's images",
        ),
    ],
    "share_inside": [
        (
            r"""
def share_inside(map, mask):
    return (map * mask).sum(dim=(1, 2)) / map.sum(dim=(1, 2))
""",
            "negative values are not set to 0",
        ),
        (
            r"""
def share_inside(map, mask):
    strength = map.abs()
    return (strength * mask).sum(dim=(1, 2)) / strength.sum(dim=(1, 2))
""",
            "counts negative values with their absolute value instead of as 0",
        ),
        (
            r"""
def share_inside(map, mask):
    inside = (map * mask).clamp(min=0).sum(dim=(1, 2))
    return inside / map.sum(dim=(1, 2))
""",
            "the negative values are cut off only in the numerator",
        ),
        (
            r"""
def share_inside(map, mask):
    positive = map.clamp(0, 1)
    return (positive * mask).sum(dim=(1, 2)) / positive.sum(dim=(1, 2))
""",
            "the clamp also cuts off everything above 1",
        ),
        (
            r"""
def share_inside(map, mask):
    map[map < 0] = 0
    inside = (map * mask).sum(dim=(1, 2))
    return inside / map.sum(dim=(1, 2))
""",
            "sets the negative values to 0 in the map it was given, and so changes its input",
        ),
        (
            r"""
def share_inside(map, mask):
    positive = F.relu(map)
    return (positive * mask).sum(dim=(1, 2)) / positive.sum()
""",
            "divides by the sum over all images instead of each image's own",
        ),
        (
            r"""
def share_inside(map, mask):
    positive = (map > 0).float()
    return (positive * mask).sum(dim=(1, 2)) / positive.sum(dim=(1, 2))
""",
            "counts positive pixels instead of adding up their values",
        ),
        (
            r"""
def share_inside(map, mask):
    positive = map.clamp(min=0)
    inside = (positive * mask).sum(dim=(1, 2))
    outside = (positive * (1 - mask)).sum(dim=(1, 2))
    return inside / outside
""",
            "divides what is inside by what is outside instead of by everything",
        ),
        (
            r"""
def share_inside(map, mask):
    positive = map.clamp(min=0)
    return (positive * mask).sum(dim=(1, 2)) / mask.sum(dim=(1, 2))
""",
            "divides by the area of the mask: this is the mean inside, not a share",
        ),
        (
            r"""
def share_inside(map, mask):
    shares = []
    for m, inside in zip(map, mask):
        positive = m.clamp(min=0)
        shares.append((positive * inside).sum() / (positive.sum() + 1))
    return torch.stack(shares)
""",
            "adds 1 to the denominator against a division by 0, which makes every share too small",
        ),
    ],
}
