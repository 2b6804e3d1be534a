"""Answers of students to exercise 03: four right ones and ten wrong ones for every coded task."""

RIGHT: dict[str, list[str]] = {
    "noise_sigma": [
        r'''
def noise_sigma(images, noise_level):
    """Standard deviation (N,) of the noise for every image."""
    return noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
''',
        r"""
def noise_sigma(images, noise_level):
    lowest, highest = torch.aminmax(images.flatten(start_dim=1), dim=1)
    return (highest - lowest).mul(noise_level)
""",
        r"""
def noise_sigma(images, noise_level):
    sigmas = []
    for image in images:
        value_range = image.max() - image.min()
        sigmas.append(noise_level * value_range)
    return torch.stack(sigmas)
""",
        r"""
import numpy as np

def noise_sigma(images, noise_level):
    pixels = images.numpy().reshape(len(images), -1)
    return torch.from_numpy(np.ptp(pixels, axis=1) * noise_level)
""",
    ],
    "noisy_copies": [
        r'''
def noisy_copies(images, sigma, draws):
    """Noisy copies (n, N, C, H, W) of the images."""
    return images + sigma.view(-1, 1, 1, 1) * draws
''',
        r"""
def noisy_copies(images, sigma, draws):
    scaled = torch.einsum("i,kichw->kichw", sigma, draws)
    return images.unsqueeze(0).expand_as(draws) + scaled
""",
        r"""
def noisy_copies(images, sigma, draws):
    copies = torch.zeros_like(draws)
    for k in range(draws.shape[0]):
        for i in range(draws.shape[1]):
            copies[k, i] = images[i] + sigma[i] * draws[k, i]
    return copies
""",
        r"""
import numpy as np

def noisy_copies(images, sigma, draws):
    std = sigma.numpy()[np.newaxis, :, np.newaxis, np.newaxis, np.newaxis]
    return torch.from_numpy(images.numpy()[np.newaxis] + std * draws.numpy())
""",
    ],
    "smoothgrad": [
        r'''
def smoothgrad(score, images, noise_level, draws):
    """Mean gradient (N, C, H, W) over the noisy copies."""
    sigma = noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    total = torch.zeros_like(images)
    for z in draws:
        copy = (images + sigma.view(-1, 1, 1, 1) * z).requires_grad_()
        total += torch.autograd.grad(score(copy).sum(), copy)[0]
    return total / len(draws)
''',
        r"""
def smoothgrad(score, images, noise_level, draws):
    spread = images.flatten(1).max(dim=1).values - images.flatten(1).min(dim=1).values
    copies = images + (noise_level * spread)[:, None, None, None] * draws
    flat = copies.flatten(0, 1).detach().requires_grad_()  # all copies in one batch
    (slopes,) = torch.autograd.grad(score(flat).sum(), flat)
    return slopes.view_as(draws).mean(dim=0)
""",
        r"""
def smoothgrad(score, images, noise_level, draws):
    # all copies hang on the same image, so .grad collects the sum by itself
    x = images.detach().clone().requires_grad_()
    n = draws.shape[0]
    with torch.no_grad():
        maximum = torch.amax(images, dim=(1, 2, 3), keepdim=True)
        minimum = torch.amin(images, dim=(1, 2, 3), keepdim=True)
        sigma = noise_level * (maximum - minimum)
    for k in range(n):
        score(x + sigma * draws[k]).sum().backward()
    return x.grad / n
""",
        r"""
def smoothgrad(score, images, noise_level, draws):
    def one_gradient(image):
        leaf = image.unsqueeze(0).detach().clone().requires_grad_(True)
        return torch.autograd.grad(score(leaf)[0], leaf)[0].squeeze(0)

    result = []
    for i in range(images.shape[0]):
        sigma = noise_level * (images[i].max() - images[i].min())
        gradients_of_this_image = []
        for k in range(draws.shape[0]):
            noisy_image = images[i] + sigma * draws[k, i]
            gradients_of_this_image.append(one_gradient(noisy_image))
        result.append(torch.stack(gradients_of_this_image).mean(dim=0))
    return torch.stack(result)
""",
    ],
    "error_of_means": [
        r'''
def error_of_means(each, truth, n):
    """Root mean square error of the mean of n gradients."""
    means = each.view(-1, n, *truth.shape).mean(dim=1)
    return (means - truth).square().mean().sqrt()
''',
        r"""
def error_of_means(each, truth, n):
    errors = []
    for group in each.split(n):
        errors.append(group.mean(dim=0) - truth)
    return torch.sqrt(torch.mean(torch.stack(errors) ** 2)).item()
""",
        r"""
import numpy as np

def error_of_means(each, truth, n):
    g = each.numpy().reshape(each.shape[0] // n, n, -1)
    difference = np.mean(g, axis=1) - truth.numpy().reshape(1, -1)
    return float(np.sqrt(np.mean(np.square(difference))))
""",
        r"""
def error_of_means(each, truth, n):
    number_of_groups = len(each) // n
    sum_of_squares = 0.0
    for g in range(number_of_groups):
        mean = sum(each[g * n + i] for i in range(n)) / n
        sum_of_squares += float(((mean - truth) ** 2).sum())
    count = number_of_groups * truth.numel()
    return (sum_of_squares / count) ** 0.5
""",
    ],
    "loglog_slope": [
        r'''
def loglog_slope(sizes, errors):
    """Slope of the best line through (log n, log error)."""
    x, y = sizes.log(), errors.log()
    dx, dy = x - x.mean(), y - y.mean()
    return (dx * dy).sum() / dx.square().sum()
''',
        r"""
import numpy as np

def loglog_slope(sizes, errors):
    x = np.log(sizes.numpy().astype(float))
    y = np.log(errors.numpy().astype(float))
    return float(np.polyfit(x, y, 1)[0])
""",
        r"""
import math

def loglog_slope(sizes, errors):
    xs = [math.log10(s) for s in sizes.tolist()]
    ys = [math.log10(e) for e in errors.tolist()]
    k = len(xs)
    numerator = k * sum(x * y for x, y in zip(xs, ys)) - sum(xs) * sum(ys)
    denominator = k * sum(x * x for x in xs) - sum(xs) ** 2
    return numerator / denominator
""",
        r"""
def loglog_slope(sizes, errors):
    x = torch.log(sizes.double())
    y = torch.log(errors.double())
    A = torch.stack([x, torch.ones_like(x)], dim=1)
    solution = torch.linalg.lstsq(A, y.unsqueeze(1)).solution
    return solution[0, 0].item()
""",
    ],
}

WRONG: dict[str, list[tuple[str, str]]] = {
    "noise_sigma": [
        (
            r"""
def noise_sigma(images, noise_level):
    sigma = noise_level * (images.max() - images.min())
    return sigma.repeat(len(images))
""",
            "Takes the range over the whole batch instead of image by image.",
        ),
        (
            r"""
def noise_sigma(images, noise_level):
    spread = images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3))
    return noise_level / spread
""",
            "Divides by the range instead of multiplying with it.",
        ),
        (
            r"""
def noise_sigma(images, noise_level):
    return noise_level * images.std(dim=(1, 2, 3))
""",
            "Uses the standard deviation of the image instead of its range.",
        ),
        (
            r"""
def noise_sigma(images, noise_level):
    return noise_level * images.amax(dim=(1, 2, 3))
""",
            "Forgets to subtract the smallest value (assumes that it is 0).",
        ),
        (
            r"""
def noise_sigma(images, noise_level):
    return noise_level * (images.amax(dim=(2, 3)) - images.amin(dim=(2, 3)))
""",
            "Range of every channel on its own, shape (N, C).",
        ),
        (
            r"""
def noise_sigma(images, noise_level):
    top = images.amax(dim=(1, 2, 3), keepdim=True)
    bottom = images.amin(dim=(1, 2, 3), keepdim=True)
    return noise_level * (top - bottom)
""",
            "Keeps the axes, shape (N, 1, 1, 1) instead of (N,).",
        ),
        (
            r"""
def noise_sigma(images, noise_level):
    r = images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3))
    return noise_level / 100 * r
""",
            "Takes the noise level for a number in percent and divides it by 100.",
        ),
        (
            r"""
def noise_sigma(images, noise_level):
    a = images.abs()
    return noise_level * (a.amax(dim=(1, 2, 3)) - a.amin(dim=(1, 2, 3)))
""",
            "Takes absolute values first, so the range is wrong for images with negative values.",
        ),
        (
            r"""
def noise_sigma(images, noise_level):
    # images lie between 0 and 1
    return torch.full((images.shape[0],), noise_level)
""",
            "Assumes that every image uses the full range from 0 to 1.",
        ),
        (
            r"""
def noise_sigma(images, noise_level):
    per_channel = images.amax(dim=(2, 3)) - images.amin(dim=(2, 3))
    return noise_level * per_channel.mean(dim=1)
""",
            "Averages the ranges of the channels instead of taking one range over all channels.",
        ),
    ],
    "noisy_copies": [
        (
            r"""
def noisy_copies(images, sigma, draws):
    return (images + sigma.view(-1, 1, 1, 1) * draws).clamp(0, 1)
""",
            "Clips to [0, 1], which the task forbids.",
        ),
        (
            r"""
def noisy_copies(images, sigma, draws):
    return images + sigma.view(-1, 1, 1) * draws
""",
            "Lines sigma up with the channels instead of the images: right for one image only.",
        ),
        (
            r"""
def noisy_copies(images, sigma, draws):
    return images + sigma[0] * draws
""",
            "Uses the sigma of the first image for all images.",
        ),
        (
            r"""
def noisy_copies(images, sigma, draws):
    return images * (1 + sigma.view(-1, 1, 1, 1) * draws)
""",
            "Multiplies the noise with the image instead of adding it.",
        ),
        (
            r"""
def noisy_copies(images, sigma, draws):
    return (images + draws) * sigma.view(-1, 1, 1, 1)
""",
            "Wrong brackets: sigma multiplies the image as well.",
        ),
        (
            r"""
def noisy_copies(images, sigma, draws):
    noise = torch.randn(draws.shape, dtype=draws.dtype)
    return images + sigma.view(-1, 1, 1, 1) * noise
""",
            "Draws its own random numbers instead of using the draws.",
        ),
        (
            r"""
def noisy_copies(images, sigma, draws):
    copies = []
    for _ in range(len(draws)):
        copies.append(images + sigma.view(-1, 1, 1, 1) * draws[0])
    return torch.stack(copies)
""",
            "Uses the first draw for all copies.",
        ),
        (
            r"""
def noisy_copies(images, sigma, draws):
    return images + sigma.sqrt().view(-1, 1, 1, 1) * draws
""",
            "Takes sigma for a variance and multiplies by its square root.",
        ),
        (
            r"""
def noisy_copies(images, sigma, draws):
    draws *= sigma.view(-1, 1, 1, 1)
    draws += images
    return draws
""",
            "Right values, but overwrites the draws of the caller.",
        ),
        (
            r"""
def noisy_copies(images, sigma, draws):
    return torch.cat([images + sigma.view(-1, 1, 1, 1) * z for z in draws])
""",
            "torch.cat instead of torch.stack: shape (n · N, C, H, W).",
        ),
    ],
    "smoothgrad": [
        (
            r"""
def smoothgrad(score, images, noise_level, draws):
    sigma = noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    total = torch.zeros_like(images)
    for z in draws:
        copy = (images + sigma.view(-1, 1, 1, 1) * z).requires_grad_()
        total += torch.autograd.grad(score(copy).sum(), copy)[0]
    return total
""",
            "Forgets to divide by the number of copies: sum instead of mean.",
        ),
        (
            r"""
def smoothgrad(score, images, noise_level, draws):
    sigma = noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    copies = images + sigma.view(-1, 1, 1, 1) * draws
    average = copies.mean(dim=0).requires_grad_()
    return torch.autograd.grad(score(average).sum(), average)[0]
""",
            "Gradient at the mean of the copies instead of the mean of the gradients.",
        ),
        (
            r"""
def smoothgrad(score, images, noise_level, draws):
    sigma = noise_level * (images.max() - images.min())
    total = torch.zeros_like(images)
    for z in draws:
        noisy = (images + sigma * z).requires_grad_()
        total += torch.autograd.grad(score(noisy).sum(), noisy)[0]
    return total / len(draws)
""",
            "One sigma from the range of the whole batch (copied from the lecture's loop for one image).",
        ),
        (
            r"""
def smoothgrad(score, images, noise_level, draws):
    total = torch.zeros_like(images)
    for z in draws:
        noisy = (images + noise_level * z).requires_grad_()
        total += torch.autograd.grad(score(noisy).sum(), noisy)[0]
    return total / len(draws)
""",
            "Uses the noise level as sigma, without the range of the image.",
        ),
        (
            r"""
def smoothgrad(score, images, noise_level, draws):
    sigma = noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    total = torch.zeros_like(images)
    for z in draws:
        copy = (images + sigma.view(-1, 1, 1, 1) * z).requires_grad_()
        total += torch.autograd.grad(score(copy).sum(), copy)[0].abs()
    return total / len(draws)
""",
            "Mean of the absolute gradients, so the signs are lost.",
        ),
        (
            r"""
def smoothgrad(score, images, noise_level, draws):
    sigma = noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    total = torch.zeros_like(images)
    for z in draws:
        copy = (images + sigma.view(-1, 1, 1, 1) * z).requires_grad_()
        total = total + torch.autograd.grad(score(copy).sum(), copy)[0]
        return total / len(draws)
""",
            "The return stands inside the loop: only the first copy is used.",
        ),
        (
            r"""
def smoothgrad(score, images, noise_level, draws):
    sigma = noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    grads = []
    for z in draws:
        copy = (images + sigma.view(-1, 1, 1, 1) * z).clamp(0, 1).requires_grad_()
        grads.append(torch.autograd.grad(score(copy).sum(), copy)[0])
    return torch.stack(grads).mean(dim=0)
""",
            "Clips the noisy copies to [0, 1].",
        ),
        (
            r"""
def smoothgrad(score, images, noise_level, draws):
    sigma = noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    total = torch.zeros_like(images)
    for z in draws:
        copy = (images + sigma.view(-1, 1, 1, 1) * z).requires_grad_()
        total += torch.autograd.grad(score(copy).mean(), copy)[0]
    return total / len(draws)
""",
            "Mean of the scores over the batch instead of the sum: N times too small.",
        ),
        (
            r"""
def smoothgrad(score, images, noise_level, draws):
    sigma = noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    total = torch.zeros_like(images)
    copy = images.clone()
    for z in draws:
        copy = (copy.detach() + sigma.view(-1, 1, 1, 1) * z).requires_grad_()
        total += torch.autograd.grad(score(copy).sum(), copy)[0]
    return total / len(draws)
""",
            "Adds the noise to the last copy instead of the image: the noise piles up.",
        ),
        (
            r"""
def smoothgrad(score, images, noise_level, draws):
    sigma = noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    total = torch.zeros_like(images)
    for _ in range(len(draws)):
        z = torch.randn_like(images)
        copy = (images + sigma.view(-1, 1, 1, 1) * z).requires_grad_()
        total += torch.autograd.grad(score(copy).sum(), copy)[0]
    return total / len(draws)
""",
            "Draws its own random numbers instead of using the draws.",
        ),
    ],
    "error_of_means": [
        (
            r"""
def error_of_means(each, truth, n):
    means = each.view(-1, n, *each.shape[1:]).mean(dim=1)
    return (means - truth).abs().mean()
""",
            "Mean absolute error instead of root mean square.",
        ),
        (
            r"""
def error_of_means(each, truth, n):
    means = each.view(-1, n, *each.shape[1:]).mean(dim=1)
    return (means - truth).square().mean()
""",
            "Forgets the square root.",
        ),
        (
            r"""
def error_of_means(each, truth, n):
    mean = each[:n].mean(dim=0)
    return (mean - truth).square().mean().sqrt()
""",
            "Uses the first group only.",
        ),
        (
            r"""
def error_of_means(each, truth, n):
    means = each.view(n, -1, *each.shape[1:]).mean(dim=0)
    return (means - truth).square().mean().sqrt()
""",
            "Groups of n gradients that are not neighbours: view(n, -1) takes every (T / n)-th.",
        ),
        (
            r"""
def error_of_means(each, truth, n):
    rms = []
    for group in each.split(n):
        rms.append((group.mean(dim=0) - truth).square().mean().sqrt())
    return torch.stack(rms).mean()
""",
            "Root per group and then the mean of the roots, instead of one root at the end.",
        ),
        (
            r"""
def error_of_means(each, truth, n):
    error_of_one = (each - truth).square().mean().sqrt()
    return error_of_one / n**0.5
""",
            "Uses the law 1 / √n instead of measuring the means.",
        ),
        (
            r"""
def error_of_means(each, truth, n):
    means = each.view(-1, n, *each.shape[1:]).mean(dim=1)
    return (means - means.mean(dim=0)).square().mean().sqrt()
""",
            "Measures the spread around the mean of the groups instead of the distance to the truth.",
        ),
        (
            r"""
def error_of_means(each, truth, n):
    means = each.view(-1, n, *each.shape[1:]).mean(dim=1)
    return (means - truth).norm()
""",
            "Root of the sum of the squares instead of their mean.",
        ),
        (
            r"""
def error_of_means(each, truth, n):
    groups = each.view(-1, n, *each.shape[1:])
    return (groups.mean(dim=0) - truth).square().mean().sqrt()
""",
            "Wrong axis: averages over the groups instead of within every group.",
        ),
        (
            r"""
def error_of_means(each, truth, n):
    total = 0
    groups = each.split(n)
    for group in groups:
        total = total + (group.sum(dim=0) - truth).square().mean()
    return (total / len(groups)).sqrt()
""",
            "Sums within a group, and forgets to divide by n.",
        ),
    ],
    "loglog_slope": [
        (
            r"""
def loglog_slope(sizes, errors):
    x, y = sizes.float(), errors
    return ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
""",
            "Forgets both logarithms.",
        ),
        (
            r"""
def loglog_slope(sizes, errors):
    x, y = sizes.float(), errors.log()
    return ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
""",
            "Logarithm of the errors only.",
        ),
        (
            r"""
def loglog_slope(sizes, errors):
    x, y = torch.log2(sizes), torch.log(errors)
    return ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
""",
            "Two different logarithms: base 2 for n, base e for the error.",
        ),
        (
            r"""
import numpy as np

def loglog_slope(sizes, errors):
    x, y = np.log(sizes.numpy()), np.log(errors.numpy())
    return float(np.polyfit(y, x, 1)[0])
""",
            "Swaps x and y.",
        ),
        (
            r"""
import numpy as np

def loglog_slope(sizes, errors):
    x, y = np.log(sizes.numpy()), np.log(errors.numpy())
    return float(np.polyfit(x, y, 1)[1])
""",
            "Returns the intercept log c instead of the slope.",
        ),
        (
            r"""
def loglog_slope(sizes, errors):
    x, y = sizes.log(), errors.log()
    return (y[-1] - y[0]) / (x[-1] - x[0])
""",
            "Slope between the first and the last point only, no least squares.",
        ),
        (
            r"""
def loglog_slope(sizes, errors):
    x, y = sizes.log(), errors.log()
    return (x * y).sum() / x.square().sum()
""",
            "Forces the line through the origin: forgets to subtract the means.",
        ),
        (
            r"""
def loglog_slope(sizes, errors):
    points = torch.stack([sizes.log(), errors.log()])
    return torch.corrcoef(points)[0, 1]
""",
            "Returns the correlation instead of the slope.",
        ),
        (
            r"""
def loglog_slope(sizes, errors):
    x, y = sizes.log(), errors.log()
    slopes = (y[1:] - y[:-1]) / (x[1:] - x[:-1])
    return slopes.mean().item()
""",
            "Mean of the slopes between neighbours instead of the best line.",
        ),
        (
            r"""
import numpy as np

def loglog_slope(sizes, errors):
    x, y = np.log(sizes.numpy()), np.log(errors.numpy())
    return abs(float(np.polyfit(x, y, 1)[0]))
""",
            "Loses the sign of the slope.",
        ),
    ],
}
