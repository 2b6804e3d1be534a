"""Right answers to exercise 01, as students might write them."""

import math

import numpy as np
import scipy.ndimage
import scipy.special
import torch
from sklearn.metrics import accuracy_score

# --- linear_gradient --------------------------------------------------------------------------------------


def linear_gradient_loop(weights, bias, images):
    result = torch.zeros_like(images)
    for n in range(len(images)):
        for c in range(images.shape[1]):
            result[n, c] = weights[c]
    return result


def linear_gradient_copies(weights, bias, images):
    return weights.repeat(len(images), 1, 1, 1)


def linear_gradient_autograd(weights, bias, images):
    variable = images.clone().requires_grad_()
    scores = torch.einsum("chw,nchw->n", weights, variable) + bias
    scores.sum().backward()
    return variable.grad


# --- logistic_gradients -----------------------------------------------------------------------------------


def logistic_gradients_loop(weights, bias, images):
    of_logit, of_probability = [], []
    for image in images:
        logit = float((weights * image).sum()) + bias
        probability = 1 / (1 + math.exp(-logit))
        of_logit.append(weights)
        of_probability.append(weights * probability * (1 - probability))
    return torch.stack(of_logit), torch.stack(of_probability)


def logistic_gradients_autograd(weights, bias, images):
    variable = images.detach().clone().requires_grad_()
    logits = variable.flatten(1) @ weights.flatten() + bias
    return [torch.autograd.grad(f.sum(), variable, retain_graph=True)[0] for f in (logits, logits.sigmoid())]


def logistic_gradients_scipy(weights, bias, images):
    w = weights.numpy()
    logits = np.tensordot(images.numpy(), w, axes=3) + bias
    slopes = scipy.special.expit(logits) * scipy.special.expit(-logits)
    return torch.from_numpy(np.stack([w] * len(images))), torch.from_numpy(np.multiply.outer(slopes, w))


# --- minimal_step -----------------------------------------------------------------------------------------


def minimal_step_loop(weights, bias, images):
    steps = []
    for image in images:
        f = (weights * image).sum() + bias
        steps.append(-f * weights / (weights * weights).sum())
    return torch.stack(steps)


def minimal_step_distance_times_normal(weights, bias, images):
    length = weights.norm()
    distances = (images.flatten(1).matmul(weights.flatten()) + bias) / length
    return -distances[:, None, None, None] * (weights / length)


def minimal_step_pseudoinverse(weights, bias, images):
    row = weights.reshape(1, -1)
    scores = images.reshape(len(images), -1) @ row.T + bias
    return (-scores @ torch.linalg.pinv(row).T).reshape(images.shape)


# --- shift_right ------------------------------------------------------------------------------------------


def shift_right_loop(images, pixels):
    shifted = images.clone()
    for column in range(images.shape[3]):
        shifted[:, :, :, column] = images[:, :, :, max(0, column - pixels)]
    return shifted


def shift_right_joined(images, pixels):
    n, c, h, w = images.shape
    edge = images[..., :1].expand(n, c, h, pixels)
    return torch.cat([edge, images[..., : w - pixels]], dim=3)


def shift_right_index(images, pixels):
    return images[..., (torch.arange(images.shape[-1]) - pixels).clamp(min=0)]


def shift_right_scipy(images, pixels):
    return torch.from_numpy(scipy.ndimage.shift(images.numpy(), (0, 0, 0, pixels), order=0, mode="nearest"))


# --- shift_test -------------------------------------------------------------------------------------------


def shift_test_loop(score, images, labels, pixels):
    right = 0
    for logit, label in zip(score(shift_right_loop(images, pixels)).tolist(), labels.tolist(), strict=True):
        says = 1 if logit > 0 else 0
        right += says == label
    return right / len(images)


def shift_test_product_of_signs(score, images, labels, pixels):
    sides = 2 * labels - 1
    return (sides * score(shift_right_index(images, pixels)) > 0).float().mean()


def shift_test_sklearn(score, images, labels, pixels):
    scores = score(shift_right_joined(images, pixels)).numpy()
    return accuracy_score(labels.numpy(), (scores > 0).astype(int))


ANSWERS = {
    "linear_gradient": [linear_gradient_loop, linear_gradient_copies, linear_gradient_autograd],
    "logistic_gradients": [logistic_gradients_loop, logistic_gradients_autograd, logistic_gradients_scipy],
    "minimal_step": [minimal_step_loop, minimal_step_distance_times_normal, minimal_step_pseudoinverse],
    "shift_right": [shift_right_loop, shift_right_joined, shift_right_index, shift_right_scipy],
    "shift_test": [shift_test_loop, shift_test_product_of_signs, shift_test_sklearn],
}
