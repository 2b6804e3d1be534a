"""Right answers to exercise 04, as students might write them."""

import numpy as np
import torch
from captum.attr import IntegratedGradients

# --- path_samples -----------------------------------------------------------------------------------------


def path_samples_loop(images, baseline, n_steps):
    samples = []
    step = (images - baseline) / n_steps
    current = baseline + step / 2
    for _ in range(n_steps):
        samples.append(current)
        current = current + step
    return torch.stack(samples)


def path_samples_broadcast(images, baseline, n_steps):
    alpha = (torch.arange(n_steps, dtype=images.dtype) + 0.5).div(n_steps).view(-1, 1, 1, 1, 1)
    return (1 - alpha) * baseline + alpha * images


def path_samples_lerp(images, baseline, n_steps):
    fractions = torch.linspace(0.5 / n_steps, 1 - 0.5 / n_steps, n_steps)
    return torch.cat([torch.lerp(baseline, images, fraction.item())[None] for fraction in fractions])


def path_samples_numpy(images, baseline, n_steps):
    return torch.from_numpy(np.linspace(baseline.numpy(), images.numpy(), 2 * n_steps + 1)[1::2])


# --- integrated_gradients ---------------------------------------------------------------------------------


def integrated_gradients_loop(score, images, baseline, n_steps):
    mean = torch.zeros_like(images)
    for k in range(n_steps):
        sample = (baseline + (k + 0.5) / n_steps * (images - baseline)).requires_grad_()
        score(sample).sum().backward()
        mean += sample.grad / n_steps
    return mean, mean * (images - baseline)


def integrated_gradients_one_large_batch(score, images, baseline, n_steps):
    samples = path_samples_broadcast(images, baseline, n_steps).requires_grad_()
    scores = score(samples.reshape(-1, *images.shape[1:]))
    rate = torch.autograd.grad(scores.sum(), samples)[0].mean(dim=0)
    return [rate, rate * images - rate * baseline]


def integrated_gradients_captum(score, images, baseline, n_steps):
    both = []
    for multiply in (False, True):
        method = IntegratedGradients(score, multiply_by_inputs=multiply)
        both.append(method.attribute(images, baseline, n_steps=n_steps, method="riemann_middle"))
    return tuple(both)


def integrated_gradients_vmap(score, images, baseline, n_steps):
    slope = torch.func.grad(lambda batch: score(batch).sum())
    rate = torch.vmap(slope)(path_samples_lerp(images, baseline, n_steps)).mean(0)
    return rate, torch.mul(images.sub(baseline), rate)


# --- completeness_gap -------------------------------------------------------------------------------------


def completeness_gap_loop(score, images, baseline, attribution):
    gaps = []
    for image, start, values in zip(images, baseline, attribution, strict=True):
        rise = score(image[None]).item() - score(start[None]).item()
        gaps.append(values.sum().item() - rise)
    return torch.tensor(gaps)


def completeness_gap_one_call(score, images, baseline, attribution):
    after, before = score(torch.cat([images, baseline])).chunk(2)
    return torch.einsum("nchw->n", attribution) - after + before


def completeness_gap_numpy(score, images, baseline, attribution):
    rise = np.subtract(*[score(batch).detach().numpy() for batch in (images, baseline)])
    return torch.as_tensor(attribution.numpy().reshape(len(images), -1).sum(axis=1) - rise)


# --- two_rules --------------------------------------------------------------------------------------------


def two_rules_loop(slope, n_steps):
    left = middle = 0.0
    for k in range(n_steps):
        left += slope(torch.tensor([k / n_steps])).item() / n_steps
        middle += slope(torch.tensor([(k + 0.5) / n_steps])).item() / n_steps
    return left, middle


def two_rules_edges(slope, n_steps):
    edges = torch.linspace(0, 1, n_steps + 1)
    widths = edges.diff()
    return slope(edges[:-1]) @ widths, slope((edges[1:] + edges[:-1]) / 2) @ widths


def two_rules_every_other(slope, n_steps):
    half_steps = slope(torch.from_numpy(np.linspace(0, 1, 2 * n_steps, endpoint=False))).numpy()
    return np.mean(half_steps[::2]), np.mean(half_steps[1::2])


# --- hiding_baseline --------------------------------------------------------------------------------------


def hiding_baseline_loop(images, mask):
    baseline = torch.zeros(images.shape)
    for n, _, y, x in mask.nonzero().tolist():
        baseline[n, :, y, x] = images[n, :, y, x]
    return baseline


def hiding_baseline_product(images, mask):
    return images * mask.float()


def hiding_baseline_fill(images, mask):
    return images.masked_fill(~mask, 0)


def hiding_baseline_numpy(images, mask):
    return torch.tensor(np.where(mask.numpy(), images.numpy(), 0))


ANSWERS = {
    "path_samples": [path_samples_loop, path_samples_broadcast, path_samples_lerp, path_samples_numpy],
    "integrated_gradients": [
        integrated_gradients_loop,
        integrated_gradients_one_large_batch,
        integrated_gradients_captum,
        integrated_gradients_vmap,
    ],
    "completeness_gap": [completeness_gap_loop, completeness_gap_one_call, completeness_gap_numpy],
    "two_rules": [two_rules_loop, two_rules_edges, two_rules_every_other],
    "hiding_baseline": [
        hiding_baseline_loop,
        hiding_baseline_product,
        hiding_baseline_fill,
        hiding_baseline_numpy,
    ],
}
