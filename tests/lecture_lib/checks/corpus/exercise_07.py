"""Answers to exercise 07 (adversarial attacks), written from the texts alone."""

RIGHT: dict[str, list[str]] = {
    "fgsm": [
        r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    return (images + epsilon * gradient(score, images).sign()).clamp(0, 1)
""",
        r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    x = images.detach().clone().requires_grad_(True)
    score(x).sum().backward()
    direction = torch.sign(x.grad)
    with torch.no_grad():
        moved = x + direction * epsilon
        moved = torch.clamp(moved, min=0.0, max=1.0)
    return moved
""",
        r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    derivative = gradient(score, images)
    up = torch.where(derivative > 0, images + epsilon, images)
    both = torch.where(derivative < 0, images - epsilon, up)  # a derivative of 0 moves nothing
    both = torch.where(both > 1, torch.ones_like(both), both)
    both = torch.where(both < 0, torch.zeros_like(both), both)
    return both
""",
        r"""
def fgsm(score, images, epsilon):
    import numpy as np

    epsilon = epsilon.view(-1, 1, 1, 1).numpy()

    g = gradient(score, images).detach().numpy()
    old = images.detach().numpy()
    new = np.clip(old + epsilon * np.sign(g), 0, 1)
    return torch.from_numpy(new).to(images.dtype)
""",
    ],
    "bim": [
        r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images.clone()
    for _ in range(n_steps):
        current = current + step_size * gradient(score, current).sign()
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
""",
        r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    # both clips are one box, which does not change
    lowest = torch.clamp(images - epsilon, min=0)
    highest = torch.clamp(images + epsilon, max=1)
    adversarial = images.detach().clone()
    step = 0
    while step < n_steps:
        adversarial.requires_grad_(True)
        (slope,) = torch.autograd.grad(score(adversarial).sum(), adversarial)
        adversarial = adversarial.detach() + step_size * torch.sign(slope)
        adversarial = torch.max(torch.min(adversarial, highest), lowest)
        step += 1
    return adversarial
""",
        r'''
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    """Keeps the change r, and adds it to the original."""
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    r = torch.zeros_like(images)
    for k in range(n_steps):
        r = r + step_size * gradient(score, images + r).sign()
        r = r.clamp(-epsilon, epsilon)
        r = (images + r).clamp(0, 1) - images
    return images + r
''',
        r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    def clip(values):
        into_ball = torch.minimum(torch.maximum(values, images - epsilon), images + epsilon)
        return into_ball.clip(0, 1)

    def walk(now, steps_left):
        if steps_left == 0:
            return now
        direction = gradient(score, now).sgn()
        return walk(clip(torch.add(now, direction, alpha=step_size)), steps_left - 1)

    return walk(images.detach().clone(), n_steps)
""",
    ],
    "towards": [
        r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    def climb(score, images, epsilon, step_size, n_steps):
        current = images
        for _ in range(n_steps):
            current = current + step_size * gradient(score, current).sign()
            current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
        return current

    loss = network.loss(target)
    return climb(lambda batch: -loss(batch), images, epsilon, step_size, n_steps)
""",
        r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    loss = network.loss(target)
    current = images.clone()
    for step in range(n_steps):
        slope = gradient(loss, current)
        current = current - step_size * slope.sign()  # down the loss
        current = torch.max(current, images - epsilon)
        current = torch.min(current, images + epsilon)
        current = current.clamp(0, 1)
    return current
""",
        r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    original = images.detach()
    x = original.clone()
    for _ in range(n_steps):
        leaf = x.clone().requires_grad_()
        objective = network.loss(target)(leaf).sum().neg()
        objective.backward()
        x = x + step_size * leaf.grad.sign()
        x = original + (x - original).clamp(min=-epsilon, max=epsilon)
        x = x.clamp(min=0, max=1)
    return x
""",
        r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images
    for _ in range(n_steps):
        stepped = current + step_size * gradient(score, current).sign()
        current = stepped.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current


def towards(network, images, target, epsilon, step_size, n_steps):
    def minus_loss(batch):
        return 0 - network.loss(target)(batch)

    return bim(score=minus_loss, images=images, epsilon=epsilon, step_size=step_size, n_steps=n_steps)
""",
    ],
    "smallest_epsilon": [
        r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    for _ in range(n_halvings):
        middle = (low + high) / 2
        if succeeds(middle):
            high = middle
        else:
            low = middle
    return high
""",
        r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    if n_halvings == 0:
        return high
    mid = low + (high - low) / 2
    if not succeeds(mid):
        return smallest_epsilon(succeeds, mid, high, n_halvings - 1)
    return smallest_epsilon(succeeds, low, mid, n_halvings - 1)
""",
        r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    # Only the upper end and the width are needed: the lower end is their difference.
    width = high - low
    while n_halvings > 0:
        width = width * 0.5
        if succeeds(high - width):
            high = high - width
        n_halvings = n_halvings - 1
    return high
""",
        r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    interval = {"fails": low, "succeeds": high}
    for halving in range(1, n_halvings + 1):
        epsilon = 0.5 * (interval["fails"] + interval["succeeds"])
        answer = "succeeds" if bool(succeeds(epsilon)) else "fails"
        interval[answer] = epsilon
    return interval["succeeds"]
""",
    ],
    "stored": [
        r"""
def stored(images):
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)
""",
        r"""
def stored(images):
    levels = torch.round(255 * images)
    levels = torch.where(levels < 0, torch.zeros_like(levels), levels)
    levels = torch.where(levels > 255, torch.full_like(levels, 255), levels)
    return levels.type(torch.uint8)
""",
        r"""
def stored(images):
    import numpy as np

    array = np.clip(images.detach().cpu().numpy(), 0.0, 1.0)
    return torch.from_numpy(np.rint(array * 255).astype(np.uint8))
""",
        r'''
def stored(images):
    """The conversion cuts off, so adding a half before makes it round."""
    out = torch.empty(images.shape, dtype=torch.uint8)
    for n in range(len(images)):
        for c in range(images.shape[1]):
            channel = images[n, c] * 255 + 0.5
            out[n, c] = channel.floor().clamp(min=0, max=255).byte()
    return out
''',
    ],
}

WRONG: dict[str, list[tuple[str, str]]] = {
    "fgsm": [
        (
            r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    return (images - epsilon * gradient(score, images).sign()).clamp(0, 1)
""",
            "steps down the score instead of up",
        ),
        (
            r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    return images + epsilon * gradient(score, images).sign()
""",
            "pixels are not clipped to [0, 1]",
        ),
        (
            r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    return (images + epsilon * gradient(score, images)).clamp(0, 1)
""",
            "the sign is missing: pixels move by epsilon times their derivative",
        ),
        (
            r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    slope = gradient(score, images)
    step = torch.where(slope > 0, epsilon, -epsilon)
    return (images + step).clamp(0, 1)
""",
            "pixels with derivative 0 move down by epsilon, although their sign is 0",
        ),
        (
            r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    slope = gradient(score, images).sum(dim=1, keepdim=True)
    return (images + epsilon * slope.sign()).clamp(0, 1)
""",
            "one sign for a pixel instead of one for every channel of it",
        ),
        (
            r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    images += epsilon * gradient(score, images).sign()
    return images.clamp(0, 1)
""",
            "adds in place and so changes the images it was given",
        ),
        (
            r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    step = (epsilon * gradient(score, images).sign()).clamp(0, 1)
    return images + step
""",
            "clips the step instead of the result: nothing ever gets darker, and pixels may exceed 1",
        ),
        (
            r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    return (images + epsilon / 255 * gradient(score, images).sign()).clamp(0, 1)
""",
            "divides epsilon by 255 although it is already on the scale of the pixels",
        ),
        (
            r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    attacked = images + epsilon * gradient(score, images).sign()
    attacked = attacked - attacked.min()
    return attacked / attacked.max()
""",
            "rescales everything to [0, 1] instead of clipping",
        ),
        (
            r"""
def fgsm(score, images, epsilon):
    epsilon = epsilon.view(-1, 1, 1, 1)
    slope = gradient(score, images)
    r = epsilon * slope / slope.abs().amax(dim=(1, 2, 3), keepdim=True)
    return (images + r).clamp(0, 1)
""",
            "scales the gradient to a largest change of epsilon instead of taking its sign",
        ),
    ],
    "bim": [
        (
            r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images
    for _ in range(n_steps):
        stepped = current + step_size * gradient(score, current).sign()
        current = stepped.clamp(current - epsilon, current + epsilon).clamp(0, 1)
    return current
""",
            "clips into the ball around the current image, so the change may grow with every step",
        ),
        (
            r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images
    direction = gradient(score, images).sign()
    for _ in range(n_steps):
        current = current + step_size * direction
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
""",
            "computes the gradient only once, at the original",
        ),
        (
            r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images
    for _ in range(n_steps):
        current = (current + step_size * gradient(score, current).sign()).clamp(0, 1)
    return current
""",
            "the clip into the ball around the original is missing",
        ),
        (
            r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images
    for _ in range(n_steps):
        current = current + step_size * gradient(score, current).sign()
        current = torch.max(torch.min(current, images + epsilon), images - epsilon)
    return current
""",
            "the clip to [0, 1] is missing",
        ),
        (
            r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images
    for _ in range(n_steps):
        current = current + step_size * gradient(score, current).sign()
    return current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
""",
            "clips only once, at the end",
        ),
        (
            r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images
    for _ in range(1, n_steps):
        current = current + step_size * gradient(score, current).sign()
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
""",
            "takes one step too few",
        ),
        (
            r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images
    for _ in range(n_steps):
        current = current + step_size * gradient(score, current).sign()
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
        return current
""",
            "returns inside the loop, after the first step",
        ),
        (
            r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images
    for _ in range(n_steps):
        current += step_size * gradient(score, current).sign()
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
""",
            "current is the same tensor as images, so the first step in place moves the original with its ball",
        ),
        (
            r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images
    low, high = images.min() - epsilon, images.max() + epsilon
    for _ in range(n_steps):
        current = current + step_size * gradient(score, current).sign()
        current = current.clamp(low, high).clamp(0, 1)
    return current
""",
            "one lower and one upper bound for the whole image instead of one for every pixel",
        ),
        (
            r"""
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    velocity, climbed = torch.zeros_like(images), score

    def score(batch):
        # its gradient is the velocity, which remembers the gradients of the steps before
        nonlocal velocity
        leaf = batch.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(climbed(leaf).sum(), leaf)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return (velocity * batch).sum(dim=(1, 2, 3))

    current = images
    for _ in range(n_steps):
        current = current + epsilon * gradient(score, current).sign()
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
""",
            "takes steps of length epsilon instead of step_size",
        ),
    ],
    "towards": [
        (
            r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    current = images
    for _ in range(n_steps):
        current = current + step_size * gradient(network.loss(target), current).sign()
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
""",
            "goes up the loss of the target, away from the class",
        ),
        (
            r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    current = images
    for _ in range(n_steps):
        current = current + step_size * gradient(network.score(target), current).sign()
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
""",
            "climbs the logit of the target instead of going down its loss",
        ),
        (
            r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    label = network(images).argmax(dim=1)
    loss = lambda batch: torch.nn.functional.cross_entropy(network(batch), label, reduction="none")
    current = images
    for _ in range(n_steps):
        current = current + step_size * gradient(loss, current).sign()
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
""",
            "attacks the present class, in any direction, and never uses the target",
        ),
        (
            r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    def bim(score, images, step_size, epsilon, n_steps):
        current = images
        for _ in range(n_steps):
            current = current + step_size * gradient(score, current).sign()
            current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
        return current

    return bim(lambda x: -network.loss(target)(x), images, epsilon, step_size, n_steps)
""",
            "epsilon and step_size are exchanged in the call",
        ),
        (
            r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    current = images
    for _ in range(n_steps):
        current = current - step_size * gradient(network.loss(target), current).sign()
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
        if (network.loss(target)(current) < 0.7).all():
            break
    return current
""",
            "stops as soon as the target is more probable than a half, not after n_steps",
        ),
        (
            r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    current = images
    for _ in range(n_steps):
        current = (current - step_size * gradient(network.loss(target), current).sign()).clamp(0, 1)
    return current
""",
            "the clip into the ball around the original is missing",
        ),
        (
            r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    r = torch.zeros_like(images)
    for _ in range(n_steps):
        r = r - step_size * gradient(network.loss(target), images + r).sign()
        r = r.clamp(-epsilon, epsilon)
    return images + r
""",
            "the clip to [0, 1] is missing",
        ),
        (
            r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    score = -network.loss(target)
    current = images
    for _ in range(n_steps):
        current = current + step_size * gradient(score, current).sign()
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
""",
            "puts the minus before the function itself instead of before its value (TypeError)",
        ),
        (
            r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    x = images.clone().requires_grad_()
    for _ in range(n_steps):
        network.loss(target)(x).sum().backward()  # x.grad is never set back
        with torch.no_grad():
            x -= step_size * x.grad.sign()
            x.copy_(x.clamp(images - epsilon, images + epsilon).clamp(0, 1))
    return x.detach()
""",
            "the gradients of all steps add up in x.grad, because it is never set back",
        ),
        (
            r"""
def towards(network, images, target, epsilon, step_size, n_steps):
    current = images
    for _ in range(n_steps):
        current = current - step_size * gradient(network.loss(target), current)
        current = current.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
""",
            "the sign is missing",
        ),
    ],
    "smallest_epsilon": [
        (
            r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    for _ in range(n_halvings):
        middle = (low + high) / 2
        if succeeds(middle):
            high = middle
        else:
            low = middle
    return low
""",
            "returns the lower end, which fails",
        ),
        (
            r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    middle = high
    for _ in range(n_halvings):
        middle = (low + high) / 2
        if succeeds(middle):
            high = middle
        else:
            low = middle
    return middle
""",
            "returns the middle that was tried last, which may have failed",
        ),
        (
            r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    for _ in range(n_halvings):
        middle = (low + high) / 2
        if succeeds(middle):
            low = middle
        else:
            high = middle
    return high
""",
            "replaces the wrong end",
        ),
        (
            r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    for _ in range(n_halvings - 1):
        middle = (low + high) / 2
        if succeeds(middle):
            high = middle
        else:
            low = middle
    return high
""",
            "halves once too few",
        ),
        (
            r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    for _ in range(n_halvings):
        middle = (low + high) / 2
        if succeeds(middle):
            high = middle
        else:
            low = middle
    return (low + high) / 2
""",
            "returns the middle of the last interval, which was never tried",
        ),
        (
            r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    for _ in range(n_halvings):
        middle = (low + high) / 2
        if succeeds(middle):
            return middle
        low = middle
    return high
""",
            "stops at the first middle that succeeds",
        ),
        (
            r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    middle = (low + high) / 2
    for _ in range(n_halvings):
        if succeeds(middle):
            high = middle
        else:
            low = middle
    return high
""",
            "computes the middle only once, before the loop",
        ),
        (
            r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    for _ in range(n_halvings):
        middle = (high - low) / 2
        if succeeds(middle):
            high = middle
        else:
            low = middle
    return high
""",
            "half the width of the interval instead of its middle: wrong as soon as low is not 0",
        ),
        (
            r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    for i in range(n_halvings):
        mid = (low + high) / 2
        if succeeds(mid):
            high = mid
    return high
""",
            "never raises the lower end, so after a failure it tries the same middle again and again",
        ),
        (
            r"""
def smallest_epsilon(succeeds, low, high, n_halvings):
    for _ in range(n_halvings):
        middle = (low * high) ** 0.5
        if succeeds(middle):
            high = middle
        else:
            low = middle
    return high
""",
            "the geometric mean instead of the middle; with low = 0 it always tries 0",
        ),
    ],
    "stored": [
        (
            r"""
def stored(images):
    return (images.clamp(0, 1) * 255).to(torch.uint8)
""",
            "cuts the decimals off instead of rounding",
        ),
        (
            r"""
def stored(images):
    return (images * 255).round().to(torch.uint8)
""",
            "without a clamp, numbers that don't fit wrap around",
        ),
        (
            r"""
def stored(images):
    return (images * 256).floor().clamp(0, 255).to(torch.uint8)
""",
            "multiplies by 256 and cuts off, which is not the nearest of the levels k/255",
        ),
        (
            r"""
def stored(images):
    return (images.clamp(0, 1) * 255).round()
""",
            "returns floating-point numbers instead of uint8",
        ),
        (
            r"""
def stored(images):
    return (images.clamp(0, 1).round() * 255).to(torch.uint8)
""",
            "rounds before the multiplication, so every pixel becomes black or white",
        ),
        (
            r"""
def stored(images):
    return torch.ceil(images.clamp(0, 1) * 255).to(torch.uint8)
""",
            "always rounds up",
        ),
        (
            r"""
def stored(images):
    images.clamp_(0, 1)
    return images.mul(255).round().to(torch.uint8)
""",
            "clips in place and so changes the images it was given",
        ),
        (
            r"""
def stored(images):
    scaled = (images - images.min()) / (images.max() - images.min())
    return (scaled * 255).round().to(torch.uint8)
""",
            "stretches the range of the images to [0, 1] instead of clipping",
        ),
        (
            r"""
def stored(images):
    return torch.minimum(images * 255, torch.tensor(255.0)).round().to(torch.uint8)
""",
            "only clips above: negative pixels wrap around instead of becoming black",
        ),
        (
            r"""
def stored(images):
    return (images.clamp(0, 255) * 255).round().to(torch.uint8)
""",
            "the clamp to 255 comes before the multiplication, so pixels above 1 still wrap around",
        ),
    ],
}
