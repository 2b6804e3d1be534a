"""Right answers to exercise 03, as students might write them."""

import numpy as np
import torch
from scipy import stats

# --- noise_sigma ------------------------------------------------------------------------------------------


def noise_sigma_loop(images, noise_level):
    sigmas = []
    for image in images:
        sigmas.append(noise_level * (image.max().item() - image.min().item()))
    return torch.tensor(sigmas)


def noise_sigma_aminmax(images, noise_level):
    low, high = images.flatten(1).aminmax(dim=1)
    return noise_level * high - noise_level * low


def noise_sigma_numpy(images, noise_level):
    return torch.from_numpy(noise_level * np.ptp(images.numpy(), axis=(1, 2, 3)))


def noise_sigma_sorted(images, noise_level):
    pixels = images.reshape(len(images), -1).sort(dim=1).values
    return (pixels[:, -1] - pixels[:, 0]).mul(noise_level)


# --- noisy_copies -----------------------------------------------------------------------------------------


def noisy_copies_loop(images, sigma, draws):
    copies = torch.empty_like(draws)
    for k in range(len(draws)):
        for i in range(len(images)):
            copies[k, i] = images[i] + sigma[i] * draws[k, i]
    return copies


def noisy_copies_einsum(images, sigma, draws):
    return images.unsqueeze(0) + torch.einsum("i,kichw->kichw", sigma.to(draws), draws)


def noisy_copies_addcmul(images, sigma, draws):
    return torch.addcmul(images[None], sigma[None, :, None, None, None], draws)


# --- smoothgrad -------------------------------------------------------------------------------------------


def smoothgrad_one_image_at_a_time(score, images, noise_level, draws):
    result = []
    for i, image in enumerate(images):
        sigma = noise_level * (image.max() - image.min())
        mean = 0
        for z in draws[:, i]:
            copy = (image + sigma * z)[None].requires_grad_()
            score(copy).backward()
            mean = mean + copy.grad[0] / len(draws)
        result.append(mean)
    return torch.stack(result)


def smoothgrad_one_large_batch(score, images, noise_level, draws):
    sigma = noise_sigma_aminmax(images, noise_level)
    copies = (images + sigma[:, None, None, None] * draws).flatten(0, 1).requires_grad_()
    gradients = torch.autograd.grad(score(copies).sum(), copies)[0]
    return gradients.view_as(draws).mean(0)


def smoothgrad_of_the_mean_score(score, images, noise_level, draws):
    sigma = noise_sigma_sorted(images, noise_level)
    variable = images.clone().requires_grad_()
    smoothed = sum(score(copy) for copy in noisy_copies_addcmul(variable, sigma, draws)) / len(draws)
    return torch.autograd.grad(smoothed.sum(), variable)[0]


def smoothgrad_vmap(score, images, noise_level, draws):
    copies = noisy_copies_einsum(images, noise_sigma_numpy(images, noise_level), draws)
    return torch.vmap(torch.func.grad(lambda batch: score(batch).sum()))(copies).mean(dim=0)


# --- error_of_means ---------------------------------------------------------------------------------------


def error_of_means_loop(each, truth, n):
    total, count = 0.0, 0
    for group in each.split(n):
        deviation = group.mean(dim=0) - truth
        total += (deviation**2).sum().item()
        count += deviation.numel()
    return (total / count) ** 0.5


def error_of_means_unflatten(each, truth, n):
    means = each.unflatten(0, (-1, n)).mean(1)
    return torch.linalg.vector_norm(means - truth) / means.numel() ** 0.5


def error_of_means_pooling(each, truth, n):
    rows = each.flatten(1).T  # (entries, T)
    means = torch.nn.functional.avg_pool1d(rows[None], n)[0].T
    return torch.nn.functional.mse_loss(means, truth.flatten().expand_as(means)).sqrt()


def error_of_means_numpy(each, truth, n):
    groups = np.array_split(each.numpy(), len(each) // n)
    means = np.stack([np.mean(group, axis=0) for group in groups])
    return np.sqrt(np.mean((means - truth.numpy()) ** 2))


# --- loglog_slope -----------------------------------------------------------------------------------------


def loglog_slope_sums(sizes, errors):
    x, y = sizes.log2(), errors.log2()
    k = len(x)
    return (k * (x * y).sum() - x.sum() * y.sum()) / (k * (x**2).sum() - x.sum() ** 2)


def loglog_slope_covariance(sizes, errors):
    table = torch.cov(torch.stack([sizes.log10(), errors.log10()]))
    return table[0, 1] / table[0, 0]


def loglog_slope_polyfit(sizes, errors):
    return np.polyfit(np.log(sizes.numpy()), np.log(errors.numpy()), 1)[0]


def loglog_slope_scipy(sizes, errors):
    return float(stats.linregress(sizes.log().numpy(), errors.log().numpy()).slope)


def loglog_slope_least_squares(sizes, errors):
    design = torch.stack([torch.log(sizes), torch.ones_like(sizes)], dim=1)
    return torch.linalg.lstsq(design, torch.log(errors)[:, None]).solution[0, 0]


ANSWERS = {
    "noise_sigma": [noise_sigma_loop, noise_sigma_aminmax, noise_sigma_numpy, noise_sigma_sorted],
    "noisy_copies": [noisy_copies_loop, noisy_copies_einsum, noisy_copies_addcmul],
    "smoothgrad": [
        smoothgrad_one_image_at_a_time,
        smoothgrad_one_large_batch,
        smoothgrad_of_the_mean_score,
        smoothgrad_vmap,
    ],
    "error_of_means": [error_of_means_loop, error_of_means_unflatten, error_of_means_pooling, error_of_means_numpy],
    "loglog_slope": [
        loglog_slope_sums,
        loglog_slope_covariance,
        loglog_slope_polyfit,
        loglog_slope_scipy,
        loglog_slope_least_squares,
    ],
}
