"""Right answers to exercise 07, as students might write them."""

import bisect

import numpy as np
import torch
from skimage.util import img_as_ubyte
from torch.nn import functional as F

from lecture_lib.gradients import gradient

# --- fgsm -------------------------------------------------------------------------------------------------


def fgsm_loop(score, images, epsilon):
    result = []
    for image, step in zip(images, epsilon.tolist(), strict=True):
        image = image[None].clone().requires_grad_()
        score(image).sum().backward()
        moved = image.detach() + step * image.grad.sign()
        result.append(torch.clip(moved, 0, 1))
    return torch.cat(result)


def fgsm_where(score, images, epsilon):
    slope, epsilon = gradient(score, images), epsilon.reshape(len(images), 1, 1, 1)
    changed = torch.where(slope > 0, images + epsilon, torch.where(slope < 0, images - epsilon, images))
    return changed.clamp_max(1).clamp_min(0)


def fgsm_numpy(score, images, epsilon):
    slope = torch.func.grad(lambda batch: score(batch).sum())(images).numpy()
    return torch.from_numpy(np.clip(images.numpy() + epsilon.numpy()[:, None, None, None] * np.sign(slope), 0, 1))


# --- bim --------------------------------------------------------------------------------------------------


def bim_of_the_change(score, images, epsilon, step_size, n_steps, momentum=0.0):
    change, velocity = torch.zeros_like(images), 0
    for _ in range(n_steps):
        variable = change.clone().requires_grad_()
        (slope,) = torch.autograd.grad(score(images + variable).sum(), variable)
        velocity = momentum * velocity + slope / slope.abs().flatten(1).mean(dim=1).view(-1, 1, 1, 1)
        change = (change + step_size * torch.sign(velocity)).clamp(-epsilon, epsilon)
        change = (images + change).clamp(0, 1) - images
    return images + change


def bim_two_bounds(score, images, epsilon, step_size, n_steps, momentum=0.0):
    low, high = (images - epsilon).clamp_min(0), (images + epsilon).clamp_max(1)
    current, velocity = images.clone(), torch.zeros_like(images)
    while n_steps > 0:
        slope = gradient(score, current)
        velocity.mul_(momentum).add_(slope / slope.abs().mean((1, 2, 3), keepdim=True))
        current += step_size * velocity.sign()
        current = torch.minimum(torch.maximum(current, low), high)
        n_steps -= 1
    return current


def bim_image_by_image(score, images, epsilon, step_size, n_steps, momentum=0.0):
    found = []
    for original in images.split(1):
        image, velocity = torch.nn.Parameter(original.clone()), 0
        for _ in range(n_steps):
            image.grad = None
            score(image).sum().backward()
            with torch.no_grad():
                velocity = momentum * velocity + image.grad / image.grad.abs().mean()
                image += step_size * velocity.sign()
                image.copy_(original + (image - original).clip(-epsilon, epsilon)).clip_(0, 1)
        found.append(image.detach())
    return torch.cat(found)


def bim_numpy(score, images, epsilon, step_size, n_steps, momentum=0.0):
    start = images.numpy()
    current, velocity = start, np.zeros_like(start)
    for _ in range(n_steps):
        slope = torch.func.grad(lambda batch: score(batch).sum())(torch.from_numpy(current)).numpy()
        velocity = momentum * velocity + slope / np.abs(slope).mean(axis=(1, 2, 3), keepdims=True)
        current = np.clip(np.clip(current + step_size * np.sign(velocity), start - epsilon, start + epsilon), 0, 1)
    return torch.from_numpy(current)


# --- towards ----------------------------------------------------------------------------------------------


def towards_minus(network, images, target, epsilon, step_size, n_steps):
    loss, current = network.loss(target), images
    for _ in range(n_steps):
        current = current - step_size * gradient(loss, current).sign()
        current = images + (current - images).clamp(-epsilon, epsilon)
        current = current.clamp(0, 1)
    return current


def towards_log_probability(network, images, target, epsilon, step_size, n_steps):
    log_probability = lambda batch: network.probability(target)(batch).log()  # noqa: E731
    return bim_two_bounds(log_probability, images, epsilon, step_size, n_steps)


def towards_cross_entropy(network, images, target, epsilon, step_size, n_steps):
    labels = torch.tensor([network.index(target)] * len(images))

    def score(batch):
        return -F.cross_entropy(network(batch), labels[: len(batch)], reduction="none")

    return bim_of_the_change(score, images, epsilon, step_size, n_steps)


# --- smallest_epsilon -------------------------------------------------------------------------------------


def smallest_epsilon_recursion(succeeds, low, high, n_halvings):
    if n_halvings == 0:
        return high
    middle = 0.5 * (low + high)
    half = (low, middle) if succeeds(middle) else (middle, high)
    return smallest_epsilon_recursion(succeeds, *half, n_halvings - 1)


def smallest_epsilon_from_the_upper_end(succeeds, low, high, n_halvings):
    width = high - low
    for _ in range(n_halvings):
        width /= 2
        if succeeds(high - width):
            high -= width
    return torch.tensor(high)


def smallest_epsilon_bisect(succeeds, low, high, n_halvings):
    """Python's own bisection, over the numbers of the places where halving can end."""
    parts = 2**n_halvings
    place = lambda k: low + k * (high - low) / parts  # noqa: E731
    return place(1 + bisect.bisect_left(range(1, parts), True, key=lambda k: bool(succeeds(place(k)))))


# --- stored -----------------------------------------------------------------------------------------------


def stored_loop(images):
    whole = torch.zeros(images.shape, dtype=torch.uint8)
    for place in np.ndindex(tuple(images.shape)):
        whole[place] = round(255 * min(1, max(0, images[place].item())))
    return whole


def stored_half_up(images):
    return (images * 255 + 0.5).clamp(0, 255).byte()


def stored_numpy(images):
    return torch.from_numpy(np.rint(np.clip(images.numpy(), 0, 1) * 255).astype("uint8"))


def stored_skimage(images):
    return torch.tensor(img_as_ubyte(images.clip(0, 1).numpy()))


ANSWERS = {
    "fgsm": [fgsm_loop, fgsm_where, fgsm_numpy],
    "bim": [bim_of_the_change, bim_two_bounds, bim_image_by_image, bim_numpy],
    "towards": [towards_minus, towards_log_probability, towards_cross_entropy],
    "smallest_epsilon": [
        smallest_epsilon_recursion,
        smallest_epsilon_from_the_upper_end,
        smallest_epsilon_bisect,
    ],
    "stored": [stored_loop, stored_half_up, stored_numpy, stored_skimage],
}
