"""Right answers to exercise 02, as students might write them."""

import numpy as np
import torch
from captum.attr import Saliency
from torch.nn.functional import one_hot

# --- class_score ------------------------------------------------------------------------------------------


def class_score_loop(network, images, target):
    number = list(network.classes).index(target)
    scores = []
    for image in images:
        logits = network(image.unsqueeze(0))
        scores.append(logits[0][number])
    return torch.stack(scores)


def class_score_one_hot(network, images, target):
    logits = network(images)
    chosen = one_hot(torch.tensor(network.index(target)), logits.shape[1]).to(logits)
    return logits @ chosen


def class_score_gather(network, images, target):
    places = torch.full((len(images), 1), network.index(target))
    return network(images).gather(1, places).squeeze(1)


# --- vanilla_gradient -------------------------------------------------------------------------------------


def vanilla_gradient_loop(score, images):
    result = torch.empty_like(images)
    for n in range(len(images)):
        one = images[n : n + 1].clone()
        one.requires_grad = True
        score(one)[0].backward()
        result[n] = one.grad[0]
    return result


def vanilla_gradient_vector_product(score, images):
    inputs = images.clone().requires_grad_(True)
    scores = score(inputs)
    return torch.autograd.grad(scores, inputs, grad_outputs=torch.ones_like(scores))[0]


def vanilla_gradient_func(score, images):
    return torch.func.grad(lambda batch: score(batch).sum())(images)


def vanilla_gradient_captum(score, images):
    return Saliency(score).attribute(images.clone().requires_grad_(), abs=False)


# --- max_abs_map ------------------------------------------------------------------------------------------


def max_abs_map_loop(attribution):
    largest = torch.zeros_like(attribution[:, 0])
    for channel in attribution.unbind(1):
        largest = torch.where(channel.abs() > largest, channel.abs(), largest)
    return largest


def max_abs_map_two_ends(attribution):
    low, high = torch.aminmax(attribution, dim=1)
    return torch.maximum(high, -low)


def max_abs_map_norm(attribution):
    return torch.linalg.vector_norm(attribution, ord=float("inf"), dim=1)


def max_abs_map_numpy(attribution):
    return torch.from_numpy(np.abs(attribution.numpy()).max(axis=1))


# --- class_model ------------------------------------------------------------------------------------------


def class_model_whole_expression(score, image, l2, step_size, n_steps):
    current = image.clone()
    for _ in range(n_steps):
        current = current.detach().requires_grad_()
        objective = score(current).sum() - l2 * (current**2).sum()
        objective.backward()
        current = current + step_size * current.grad
    return current


def class_model_in_place(score, image, l2, step_size, n_steps):
    current = image.detach().clone()
    for _ in range(n_steps):
        uphill = vanilla_gradient_func(score, current)
        current.mul_(1 - 2 * step_size * l2).add_(uphill, alpha=step_size)
    return current


def class_model_optimizer(score, image, l2, step_size, n_steps):
    current = torch.nn.Parameter(image.clone())
    optimizer = torch.optim.SGD([current], lr=step_size, weight_decay=2 * l2, maximize=True)
    for _ in range(n_steps):
        optimizer.zero_grad()
        score(current).sum().backward()
        optimizer.step()
    return current


# --- taylor_check -----------------------------------------------------------------------------------------


def taylor_check_dot(score, image, direction, radius):
    unit = direction.flatten() / torch.sqrt((direction**2).sum())
    slope = vanilla_gradient_loop(score, image).flatten()
    after = image + radius * unit.view_as(image)
    return radius * torch.dot(slope, unit).view(1), (score(after) - score(image)).detach()


def taylor_check_forward_mode(score, image, direction, radius):
    step = torch.nn.functional.normalize(direction.flatten(), dim=0).reshape(image.shape) * radius
    before, predicted = torch.func.jvp(score, (image,), (step,))
    return predicted, score(image + step) - before


def taylor_check_along_a_line(score, image, direction, radius):
    length = torch.linalg.norm(direction.reshape(-1))
    t = torch.zeros((), dtype=image.dtype, requires_grad=True)
    line = lambda t: score(image + t * direction / length)  # noqa: E731
    (slope,) = torch.autograd.grad(line(t).sum(), t)
    with torch.no_grad():
        return (radius * slope)[None], line(radius) - line(0)


ANSWERS = {
    "class_score": [class_score_loop, class_score_one_hot, class_score_gather],
    "vanilla_gradient": [
        vanilla_gradient_loop,
        vanilla_gradient_vector_product,
        vanilla_gradient_func,
        vanilla_gradient_captum,
    ],
    "max_abs_map": [max_abs_map_loop, max_abs_map_two_ends, max_abs_map_norm, max_abs_map_numpy],
    "class_model": [class_model_whole_expression, class_model_in_place, class_model_optimizer],
    "taylor_check": [taylor_check_dot, taylor_check_forward_mode, taylor_check_along_a_line],
}
