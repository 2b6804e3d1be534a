"""Answers of students to exercise 02: four right ones and ten wrong ones for every coded task."""

RIGHT: dict[str, list[str]] = {
    "class_score": [
        r'''
def class_score(network, images, target):
    """Scores (N,) of the class named target."""
    return network(images)[:, network.index(target)]
''',
        r"""
def class_score(network, images, target):
    logits = network(images)
    c = torch.full((logits.shape[0], 1), network.index(target), dtype=torch.long)
    return logits.gather(dim=1, index=c).squeeze(1)
""",
        r"""
def class_score(network, images, target):
    all_scores = network(images)
    one_hot = torch.zeros(all_scores.shape[1], dtype=all_scores.dtype)
    one_hot[network.index(target)] = 1
    return torch.einsum("nk,k->n", all_scores, one_hot)
""",
        r"""
def class_score(network, images, target):
    number = network.index(target)
    scores = []
    for i in range(images.shape[0]):
        one_image = images[i : i + 1]
        logits_of_this_image = network(one_image)[0]
        scores.append(logits_of_this_image[number])
    return torch.stack(scores)
""",
    ],
    "vanilla_gradient": [
        r'''
def vanilla_gradient(score, images):
    """Gradient (N, C, H, W) of the score at every image."""
    x = images.detach().clone().requires_grad_()
    return torch.autograd.grad(score(x).sum(), x)[0]
''',
        r"""
def vanilla_gradient(score, images):
    copy = images.clone().detach()
    copy.requires_grad = True
    total_score = score(copy).sum()
    total_score.backward()
    return copy.grad.clone()
""",
        r"""
def vanilla_gradient(score, images):
    def total(batch):
        return score(batch).sum()

    return torch.func.grad(total)(images.detach())
""",
        r"""
def vanilla_gradient(score, images):
    result = torch.zeros_like(images)
    for k, image in enumerate(images):
        leaf = image.detach().clone()[None].requires_grad_(True)
        (slope,) = torch.autograd.grad(outputs=score(leaf)[0], inputs=leaf)
        result[k] = slope[0]
    return result
""",
    ],
    "max_abs_map": [
        r'''
def max_abs_map(attribution):
    """Map (N, H, W): the largest absolute value over the channels."""
    return attribution.abs().amax(dim=1)
''',
        r"""
import numpy as np

def max_abs_map(attribution):
    a = attribution.detach().numpy()
    return torch.from_numpy(np.abs(a).max(axis=1))
""",
        r"""
def max_abs_map(attribution):
    biggest = attribution[:, 0].abs()
    for channel in range(1, attribution.shape[1]):
        biggest = torch.maximum(biggest, attribution[:, channel].abs())
    return biggest
""",
        r"""
def max_abs_map(attribution):
    return torch.linalg.vector_norm(attribution, ord=float("inf"), dim=1)
""",
    ],
    "class_model": [
        r'''
def class_model(score, image, l2, step_size, n_steps):
    """The image after n_steps of gradient ascent on score - l2 * ‖image‖²."""
    for _ in range(n_steps):
        x = image.detach().clone().requires_grad_()
        slope = torch.autograd.grad(score(x).sum(), x)[0]
        image = image + step_size * (slope - 2 * l2 * image)
    return image
''',
        r"""
def class_model(score, image, l2, step_size, n_steps):
    current = image.detach().clone()
    for step in range(n_steps):
        current.requires_grad_(True)
        current.grad = None
        objective = score(current).sum() - l2 * (current**2).sum()
        objective.backward()
        with torch.no_grad():
            current = current + step_size * current.grad
    return current.detach()
""",
        r"""
def class_model(score, image, l2, step_size, n_steps):
    x = image.detach().clone().requires_grad_()
    optimizer = torch.optim.SGD([x], lr=step_size, maximize=True)
    for _ in range(n_steps):
        optimizer.zero_grad()
        (score(x).sum() - l2 * x.square().sum()).backward()
        optimizer.step()
    return x.detach()
""",
        r"""
def class_model(score, image, l2, step_size, n_steps):
    climb = torch.func.grad(lambda i: (score(i) - l2 * i.pow(2).sum(dim=(1, 2, 3))).sum())
    k = 0
    while k < n_steps:
        image = torch.add(image, climb(image), alpha=step_size)
        k += 1
    return image
""",
    ],
    "taylor_check": [
        r'''
def taylor_check(score, image, direction, radius):
    """Predicted and measured change of the score, each of shape (1,)."""
    step = radius * direction / direction.norm()
    x = image.detach().clone().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    predicted = (slope * step).sum(dim=(1, 2, 3))
    with torch.no_grad():
        measured = score(image + step) - score(image)
    return predicted, measured
''',
        r"""
def taylor_check(score, image, direction, radius):
    length = torch.sqrt(torch.sum(direction**2))
    unit = direction / length
    copy = image.clone().detach().requires_grad_(True)
    before = score(copy)
    before.sum().backward()
    after = score(image + radius * unit)
    predicted = radius * torch.dot(copy.grad.flatten(), unit.flatten())
    measured = after - before
    return predicted.reshape(1), measured.detach()
""",
        r"""
def taylor_check(score, image, direction, radius):
    step = radius * torch.nn.functional.normalize(direction.flatten(), dim=0).view_as(direction)
    with torch.no_grad():
        before, predicted = torch.func.jvp(score, (image,), (step,))
        measured = score(image + step) - before
    return predicted, measured
""",
        r"""
def taylor_check(score, image, direction, radius):
    def grad_of(i):
        i = i.detach().clone().requires_grad_()
        return torch.autograd.grad(score(i)[0], i)[0]

    unit = direction / torch.linalg.vector_norm(direction)
    predicted = torch.einsum("nchw,nchw->n", grad_of(image), unit) * radius
    there, here = score(torch.add(image, unit, alpha=radius)), score(image)
    return predicted.detach(), (there - here).detach()
""",
    ],
}

WRONG: dict[str, list[tuple[str, str]]] = {
    "class_score": [
        (
            r"""
def class_score(network, images, target):
    probabilities = torch.softmax(network(images), dim=1)
    return probabilities[:, network.index(target)]
""",
            "Returns the probability after the softmax instead of the logit.",
        ),
        (
            r"""
def class_score(network, images, target):
    return network(images).amax(dim=1)
""",
            "Takes the score of the predicted class, not of the target.",
        ),
        (
            r"""
def class_score(network, images, target):
    return network(images)[0, network.index(target)]
""",
            "Loses the batch: the score of the first image only, without an axis.",
        ),
        (
            r"""
def class_score(network, images, target):
    logits = network(images)
    return logits[network.index(target)]
""",
            "Wrong axis: picks an image with the number of the class; raises if there is no such image.",
        ),
        (
            r"""
def class_score(network, images, target):
    return network(images)[:, network.index(target)].sum()
""",
            "Adds up the scores of all images.",
        ),
        (
            r"""
def class_score(network, images, target):
    k = network.index(target)
    return network(images)[:, k : k + 1]
""",
            "Keeps the class axis, shape (N, 1) instead of (N,).",
        ),
        (
            r"""
def class_score(network, images, target):
    number = network.index(target)
    return network(images)[:, number - 1]  # counting starts at 0
""",
            "Off by one: takes the class before the target.",
        ),
        (
            r"""
def class_score(network, images, target):
    scores = network(images)[:, network.index(target)]
    return torch.relu(scores)
""",
            "Sets negative scores to 0.",
        ),
        (
            r"""
def class_score(network, images, target):
    logits = network(images)
    others = logits.mean(dim=1)
    return logits[:, network.index(target)] - others
""",
            "Subtracts the mean over the classes from the logit.",
        ),
        (
            r"""
def class_score(network, images, target):
    logits = network(images).squeeze()
    return logits[..., network.index(target)]
""",
            "The squeeze removes the batch axis if there is one image only.",
        ),
    ],
    "vanilla_gradient": [
        (
            r"""
def vanilla_gradient(score, images):
    images.requires_grad_(True)
    score(images).sum().backward()
    return images.grad
""",
            "Works on the given tensor: turns its requires_grad on, fills its .grad, and adds up over calls.",
        ),
        (
            r"""
def vanilla_gradient(score, images):
    x = images.detach().clone().requires_grad_()
    return torch.autograd.grad(score(x).sum(), x)
""",
            "Returns the tuple of torch.autograd.grad, without [0].",
        ),
        (
            r"""
def vanilla_gradient(score, images):
    x = images.detach().clone().requires_grad_()
    return torch.autograd.grad(score(x).mean(), x)[0]
""",
            "Mean instead of sum over the images, so every gradient is N times too small.",
        ),
        (
            r"""
def vanilla_gradient(score, images):
    x = images.detach().clone().requires_grad_()
    g, = torch.autograd.grad(score(x).sum(), x)
    return g.abs()
""",
            "Takes absolute values, so the signs are lost.",
        ),
        (
            r"""
def vanilla_gradient(score, images):
    x = images.detach().clone().requires_grad_()
    return torch.autograd.grad(score(x)[0], x)[0]
""",
            "Differentiates the score of the first image only; all other images get 0.",
        ),
        (
            r"""
def vanilla_gradient(score, images):
    x = images.detach().clone().requires_grad_()
    total = torch.zeros_like(images)
    for i in range(len(images)):
        score(x)[i].backward()
        total += x.grad
    return total
""",
            "Never clears x.grad in the loop, so the gradients of early images are counted several times.",
        ),
        (
            r"""
def vanilla_gradient(score, images):
    h = 0.1
    slopes = torch.zeros_like(images)
    with torch.no_grad():
        start = score(images)
        for c in range(images.shape[1]):
            for i in range(images.shape[2]):
                for j in range(images.shape[3]):
                    moved = images.clone()
                    moved[:, c, i, j] += h
                    slopes[:, c, i, j] = (score(moved) - start) / h
    return slopes
""",
            "One-sided finite differences with a large step: only exact for a linear score.",
        ),
        (
            r"""
def vanilla_gradient(score, images):
    x = images.detach().clone().requires_grad_()
    g = torch.autograd.grad(score(x).sum(), x)[0]
    return g / g.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
""",
            "Scales the gradient of every image to length 1.",
        ),
        (
            r"""
def vanilla_gradient(score, images):
    x = images.detach().clone().requires_grad_()
    loss = -score(x).sum()
    loss.backward()
    return x.grad
""",
            "Differentiates a loss, minus the score, so the sign is wrong.",
        ),
        (
            r"""
def vanilla_gradient(score, images):
    x = images.clone().requires_grad_()
    return torch.autograd.grad(score(x.detach()).sum(), x)[0]
""",
            "Detaches at the wrong place, after requires_grad_: raises, for the score does not depend on x any more.",
        ),
    ],
    "max_abs_map": [
        (
            r"""
def max_abs_map(attribution):
    return attribution.amax(dim=1)
""",
            "Missing absolute value.",
        ),
        (
            r"""
def max_abs_map(attribution):
    return attribution.amax(dim=1).abs()
""",
            "Absolute value after the maximum instead of before it.",
        ),
        (
            r"""
def max_abs_map(attribution):
    return attribution.abs().amax(dim=-1)
""",
            "Wrong axis: maximum over the columns instead of the channels.",
        ),
        (
            r"""
def max_abs_map(attribution):
    return attribution.abs().amax(dim=1, keepdim=True)
""",
            "Keeps the channel axis, shape (N, 1, H, W).",
        ),
        (
            r"""
def max_abs_map(attribution):
    return torch.max(torch.abs(attribution), dim=1)
""",
            "Returns the pair (values, indices) of torch.max.",
        ),
        (
            r"""
def max_abs_map(attribution):
    a = attribution.abs()
    red, green, blue = a[:, 0], a[:, 1 % a.shape[1]], a[:, 2 % a.shape[1]]
    return torch.maximum(red, torch.maximum(green, blue))
""",
            "Hard-coded to three channels: a fourth channel is ignored.",
        ),
        (
            r"""
def max_abs_map(attribution):
    result = attribution.abs().amax(dim=1)
    return result / result.max()
""",
            "Scales the map to a maximum of 1.",
        ),
        (
            r"""
def max_abs_map(attribution):
    return attribution.abs_().amax(dim=1)
""",
            "Right values, but abs_ overwrites the signs in the tensor of the caller.",
        ),
        (
            r"""
def max_abs_map(attribution):
    return attribution.norm(dim=1)
""",
            "L2 norm over the channels instead of the largest absolute value.",
        ),
        (
            r"""
def max_abs_map(attribution):
    return attribution.abs().amax(dim=1).squeeze()
""",
            "The squeeze loses the batch axis for one image (and axes of length 1).",
        ),
    ],
    "class_model": [
        (
            r"""
def class_model(score, image, l2, step_size, n_steps):
    for _ in range(n_steps):
        x = image.detach().clone().requires_grad_()
        slope = torch.autograd.grad(score(x).sum(), x)[0]
        image = image + step_size * (slope - l2 * image)
    return image
""",
            "Forgets the factor 2 in the gradient of the squared norm.",
        ),
        (
            r"""
def class_model(score, image, l2, step_size, n_steps):
    for _ in range(n_steps):
        x = image.detach().clone().requires_grad_()
        slope = torch.autograd.grad(score(x).sum(), x)[0]
        image = image + step_size * (slope + 2 * l2 * image)
    return image
""",
            "Sign of the penalty: rewards a large norm.",
        ),
        (
            r"""
def class_model(score, image, l2, step_size, n_steps):
    x = image.detach().clone().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    for _ in range(n_steps):
        image = image + step_size * (slope - 2 * l2 * image)
    return image
""",
            "Computes the gradient of the score once, at the start image, instead of at the current image.",
        ),
        (
            r"""
def class_model(score, image, l2, step_size, n_steps):
    for _ in range(n_steps):
        x = image.detach().clone().requires_grad_()
        objective = score(x).sum() - l2 * x.norm()
        image = image + step_size * torch.autograd.grad(objective, x)[0]
    return image
""",
            "The penalty is the norm, not the squared norm.",
        ),
        (
            r"""
def class_model(score, image, l2, step_size, n_steps):
    for _ in range(1, n_steps):
        x = image.detach().clone().requires_grad_()
        slope = torch.autograd.grad(score(x).sum(), x)[0]
        image = image + step_size * (slope - 2 * l2 * image)
    return image
""",
            "Off by one: makes n_steps - 1 steps.",
        ),
        (
            r"""
def class_model(score, image, l2, step_size, n_steps):
    for _ in range(n_steps):
        x = image.detach().clone().requires_grad_()
        slope = torch.autograd.grad(score(x).sum(), x)[0]
        image = (image + step_size * (slope - 2 * l2 * image)).clamp(0, 1)
    return image
""",
            "Clips to [0, 1] after every step, which the task forbids.",
        ),
        (
            r"""
def class_model(score, image, l2, step_size, n_steps):
    x = image.detach().clone().requires_grad_()
    for _ in range(n_steps):
        (score(x).sum() - l2 * x.square().sum()).backward()
        with torch.no_grad():
            x += step_size * x.grad
    return x.detach()
""",
            "Never clears x.grad, so the gradients of all earlier steps add up.",
        ),
        (
            r"""
def class_model(score, image, l2, step_size, n_steps):
    for _ in range(n_steps):
        x = image.detach().clone().requires_grad_()
        slope = torch.autograd.grad(score(x).sum(), x)[0]
        image = image + step_size * (slope - 2 * l2 * image)
        return image
""",
            "The return stands inside the loop: one step only (and None for 0 steps).",
        ),
        (
            r"""
def class_model(score, image, l2, step_size, n_steps):
    for _ in range(n_steps):
        x = image.detach().clone().requires_grad_()
        slope = torch.autograd.grad(score(x).sum(), x)[0]
        image = image + step_size * slope - 2 * l2 * image
    return image
""",
            "Missing brackets: the penalty is not multiplied by step_size.",
        ),
        (
            r"""
def class_model(score, image, l2, step_size, n_steps):
    for _ in range(n_steps):
        x = image.detach().clone().requires_grad_()
        objective = score(x).sum() - l2 * (x**2).mean()
        image = image + step_size * torch.autograd.grad(objective, x)[0]
    return image
""",
            "Mean instead of sum of the squares in the penalty.",
        ),
    ],
    "taylor_check": [
        (
            r"""
def taylor_check(score, image, direction, radius):
    x = image.detach().clone().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    step = radius * direction
    return (slope * step).sum(dim=(1, 2, 3)), (score(image + step) - score(image)).detach()
""",
            "Forgets to scale the direction to length 1.",
        ),
        (
            r"""
def taylor_check(score, image, direction, radius):
    x = image.detach().clone().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    step = radius * direction / direction.norm()
    return (slope * step).sum(dim=(1, 2, 3)), score(image + step).detach()
""",
            "The measured value is the new score, not its change.",
        ),
        (
            r"""
def taylor_check(score, image, direction, radius):
    x = image.detach().clone().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    step = radius * direction / direction.norm()
    predicted = radius * slope.flatten(1).norm(dim=1)
    measured = (score(image + step) - score(image)).detach()
    return predicted, measured
""",
            "Predicts radius times the length of the gradient, which holds along the gradient only.",
        ),
        (
            r"""
def taylor_check(score, image, direction, radius):
    step = radius * direction / direction.norm()
    x = (image + step).detach().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    predicted = (slope * step).sum(dim=(1, 2, 3))
    measured = (score(image + step) - score(image)).detach()
    return predicted, measured
""",
            "Takes the gradient at the end of the step instead of at the image.",
        ),
        (
            r"""
def taylor_check(score, image, direction, radius):
    step = radius * direction / direction.norm()
    x = image.clone().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    predicted = radius * (slope * step).sum()
    return predicted, (score(image + step) - score(image)).sum()
""",
            "Multiplies by the radius twice in the prediction.",
        ),
        (
            r"""
def taylor_check(score, image, direction, radius):
    x = image.detach().clone().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    step = radius * direction / direction.norm()
    predicted = (slope * step).sum(dim=(1, 2, 3))
    measured = (score(image + step) - score(image)).detach()
    return measured, predicted
""",
            "Returns the two numbers in the wrong order.",
        ),
        (
            r"""
def taylor_check(score, image, direction, radius):
    x = image.detach().clone().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    step = radius * direction / direction.norm()
    moved = (image + step).clamp(0, 1)
    predicted = (slope * step).sum(dim=(1, 2, 3))
    measured = (score(moved) - score(image)).detach()
    return predicted, measured
""",
            "Clips the moved image to [0, 1] before it measures.",
        ),
        (
            r"""
def taylor_check(score, image, direction, radius):
    x = image.detach().clone().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    unit = direction / direction.norm(dim=(2, 3), keepdim=True)
    predicted = (slope * radius * unit).sum(dim=(1, 2, 3))
    measured = (score(image + radius * unit) - score(image)).detach()
    return predicted, measured
""",
            "Scales every channel to length 1 on its own instead of the whole direction.",
        ),
        (
            r"""
def taylor_check(score, image, direction, radius):
    x = image.detach().clone().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    step = radius * direction / direction.norm()
    predicted = (slope * step).sum(dim=(1, 2, 3))
    measured = (score(image + step) - score(image - step)).detach() / 2
    return predicted, measured
""",
            "Measures a central difference instead of the change by one step forward.",
        ),
        (
            r"""
def taylor_check(score, image, direction, radius):
    x = image.detach().clone().requires_grad_()
    slope = torch.autograd.grad(score(x).sum(), x)[0]
    step = radius * direction / direction.norm()
    predicted = (slope * step).mean(dim=(1, 2, 3))
    measured = (score(image + step) - score(image)).detach()
    return predicted, measured
""",
            "Mean instead of sum over pixels and channels in the prediction.",
        ),
    ],
}
