"""Answers of students to exercise 04: four right ones and ten wrong ones for every coded task."""

RIGHT: dict[str, list[str]] = {
    "path_samples": [
        r'''
def path_samples(images, baseline, n_steps):
    """Samples (n_steps, N, C, H, W) in the middle of every step from the baseline to the images."""
    return torch.stack([baseline + (k + 0.5) / n_steps * (images - baseline) for k in range(n_steps)])
''',
        r"""
def path_samples(images, baseline, n_steps):
    alphas = ((torch.arange(n_steps) + 0.5) / n_steps).to(images.dtype).view(-1, 1, 1, 1, 1)
    return torch.lerp(baseline[None], images[None], alphas)
""",
        r"""
import numpy as np

def path_samples(images, baseline, n_steps):
    edges = np.linspace(0, 1, n_steps + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    b, i = baseline.numpy(), images.numpy()
    samples = np.multiply.outer(1 - middles, b) + np.multiply.outer(middles, i)
    return torch.from_numpy(samples.astype(i.dtype))
""",
        r"""
def path_samples(images, baseline, n_steps):
    n, c, h, w = images.shape
    result = torch.zeros((n_steps, n, c, h, w), dtype=images.dtype)
    one_step = (images - baseline) / n_steps
    sample = baseline + one_step / 2
    for k in range(n_steps):
        result[k] = sample
        sample = sample + one_step
    return result
""",
    ],
    "integrated_gradients": [
        r'''
def integrated_gradients(score, images, baseline, n_steps):
    """The notes' form and Sundararajan's form, each (N, C, H, W)."""
    total = torch.zeros_like(images)
    for k in range(n_steps):
        total += gradient(score, baseline + (k + 0.5) / n_steps * (images - baseline))
    mean = total / n_steps
    return mean, mean * (images - baseline)
''',
        r"""
def integrated_gradients(score, images, baseline, n_steps):
    alpha = (torch.arange(n_steps, dtype=images.dtype) + 0.5) / n_steps
    way = images - baseline
    samples = baseline + torch.einsum("k,nchw->knchw", alpha, way)
    slopes = gradient(score, samples.flatten(0, 1)).unflatten(0, (n_steps, len(images)))
    notes = slopes.mean(dim=0)
    return notes, torch.einsum("nchw,nchw->nchw", notes, way)
""",
        r"""
def integrated_gradients(score, images, baseline, n_steps):
    def my_gradient(x):
        x = x.detach().clone().requires_grad_()
        score(x).sum().backward()
        return x.grad

    all_gradients = []
    difference = images - baseline
    for step in range(1, n_steps + 1):
        alpha = (2 * step - 1) / (2 * n_steps)
        all_gradients.append(my_gradient(baseline + alpha * difference))
    notes_form = torch.stack(all_gradients, dim=0).mean(dim=0)
    sundararajan_form = difference * notes_form
    return notes_form, sundararajan_form
""",
        r"""
def integrated_gradients(score, images, baseline, n_steps):
    # image by image
    rates = torch.empty_like(images)
    for i in range(images.shape[0]):
        image, start = images[i : i + 1], baseline[i : i + 1]
        slopes = [gradient(score, torch.lerp(start, image, (k + 0.5) / n_steps)) for k in range(n_steps)]
        rates[i] = torch.cat(slopes).mean(dim=0)
    attributions = rates.clone()
    attributions *= images - baseline
    return rates, attributions
""",
    ],
    "completeness_gap": [
        r'''
def completeness_gap(score, images, baseline, attribution):
    """Sum of the attribution minus the rise of the score, (N,)."""
    return attribution.sum(dim=(1, 2, 3)) - (score(images) - score(baseline))
''',
        r"""
def completeness_gap(score, images, baseline, attribution):
    with torch.no_grad():
        rise = score(images).sub(score(baseline))
    total = torch.einsum("nchw->n", attribution)
    return total - rise
""",
        r"""
def completeness_gap(score, images, baseline, attribution):
    gaps = []
    for i in range(len(images)):
        f_image = score(images[i].unsqueeze(0))[0]
        f_baseline = score(baseline[i].unsqueeze(0))[0]
        the_sum = attribution[i].sum()
        gap = the_sum - (f_image - f_baseline)
        gaps.append(gap)
    return torch.stack(gaps)
""",
        r"""
import numpy as np

def completeness_gap(score, images, baseline, attribution):
    a = attribution.detach().numpy().reshape(attribution.shape[0], -1).sum(axis=1)
    before, after = score(baseline).detach().numpy(), score(images).detach().numpy()
    return torch.from_numpy(a - after + before)
""",
    ],
    "two_rules": [
        r'''
def two_rules(slope, n_steps):
    """The integral of the slope from 0 to 1, by the left rule and by the midpoint rule."""
    left = torch.arange(n_steps) / n_steps
    return slope(left).mean(), slope(left + 0.5 / n_steps).mean()
''',
        r"""
def two_rules(slope, n_steps):
    width = 1 / n_steps
    left, midpoint = 0.0, 0.0
    for k in range(n_steps):
        left += float(slope(torch.tensor([k / n_steps]))) * width
        midpoint += float(slope(torch.tensor([(k + 0.5) / n_steps]))) * width
    return left, midpoint
""",
        r"""
import numpy as np

def two_rules(slope, n_steps):
    borders = np.linspace(0.0, 1.0, n_steps + 1)
    middles = (borders[1:] + borders[:-1]) / 2
    at_left = slope(torch.from_numpy(borders[:-1])).numpy()
    at_middle = slope(torch.from_numpy(middles)).numpy()
    return float(np.sum(at_left * np.diff(borders))), float(np.sum(at_middle * np.diff(borders)))
""",
        r"""
def two_rules(slope, n_steps):
    def rule(offset):
        points = (torch.arange(n_steps, dtype=torch.float32) + offset) / n_steps
        return torch.sum(slope(points)) / n_steps

    return rule(0.0), rule(0.5)
""",
    ],
    "hiding_baseline": [
        r'''
def hiding_baseline(images, mask):
    """A baseline (N, C, H, W) under which the region of the mask gets 0; black elsewhere."""
    return torch.where(mask, images, torch.zeros_like(images))
''',
        r"""
def hiding_baseline(images, mask):
    return images * mask.to(images.dtype)
""",
        r"""
def hiding_baseline(images, mask):
    baseline = torch.zeros_like(images)
    for n in range(images.shape[0]):
        for c in range(images.shape[1]):
            hide = mask[n, 0]
            baseline[n, c][hide] = images[n, c][hide]
    return baseline
""",
        r"""
def hiding_baseline(images, mask):
    visible = torch.logical_not(mask)
    return images.clone().masked_fill(visible, 0.0)
""",
    ],
}

WRONG: dict[str, list[tuple[str, str]]] = {
    "path_samples": [
        (
            r"""
def path_samples(images, baseline, n_steps):
    return torch.stack([baseline + k / n_steps * (images - baseline) for k in range(n_steps)])
""",
            "Samples at the beginning of every step instead of in the middle.",
        ),
        (
            r"""
def path_samples(images, baseline, n_steps):
    alphas = torch.linspace(0, 1, n_steps)
    return torch.stack([baseline + a * (images - baseline) for a in alphas])
""",
            "linspace from 0 to 1: the ends of the line are samples, and the steps are too long.",
        ),
        (
            r"""
def path_samples(images, baseline, n_steps):
    return torch.stack([images + (k + 0.5) / n_steps * (baseline - images) for k in range(n_steps)])
""",
            "Goes from the image to the baseline, so the order is reversed.",
        ),
        (
            r"""
def path_samples(images, baseline, n_steps):
    return torch.cat([baseline + (k + 0.5) / n_steps * (images - baseline) for k in range(n_steps)])
""",
            "torch.cat instead of torch.stack: shape (n_steps · N, C, H, W).",
        ),
        (
            r"""
def path_samples(images, baseline, n_steps):
    samples = [baseline + (k + 0.5) / n_steps * (images - baseline) for k in range(n_steps)]
    return torch.stack(samples, dim=1)
""",
            "Stacks along the second axis: shape (N, n_steps, C, H, W).",
        ),
        (
            r"""
def path_samples(images, baseline, n_steps):
    samples = []
    for k in range(n_steps):
        samples.append(baseline + (k + 0.5) / n_steps * (images - baseline))
    return samples
""",
            "Returns a list of tensors instead of one tensor.",
        ),
        (
            r"""
def path_samples(images, baseline, n_steps):
    return torch.stack([baseline + (k + 1) / (n_steps + 1) * (images - baseline) for k in range(n_steps)])
""",
            "Equally spaced points inside the line, (k + 1) / (n + 1), which are not the middles of n steps.",
        ),
        (
            r"""
def path_samples(images, baseline, n_steps):
    return torch.stack([baseline + (k + 0.5) / n_steps * images for k in range(n_steps)])
""",
            "Adds a part of the image instead of a part of (image - baseline); right for black only.",
        ),
        (
            r"""
def path_samples(images, baseline, n_steps):
    step = (images - baseline) / n_steps
    sample = baseline + step / 2
    samples = []
    for _ in range(n_steps):
        samples.append(sample)
        sample += step
    return torch.stack(samples)
""",
            "In-place trap: the list holds the same tensor n_steps times, so all samples are equal.",
        ),
        (
            r"""
def path_samples(images, baseline, n_steps):
    alphas = ((torch.arange(n_steps) + 0.5) / n_steps).view(-1, 1, 1, 1)
    return baseline + alphas * (images - baseline)
""",
            "One axis too few for alpha: the steps share an axis with the images, and the batch is lost.",
        ),
    ],
    "integrated_gradients": [
        (
            r"""
def integrated_gradients(score, images, baseline, n_steps):
    total = torch.zeros_like(images)
    for k in range(n_steps):
        total += gradient(score, baseline + (k + 0.5) / n_steps * (images - baseline))
    mean = total / n_steps
    return mean * (images - baseline), mean
""",
            "Returns the two forms in the wrong order.",
        ),
        (
            r"""
def integrated_gradients(score, images, baseline, n_steps):
    total = torch.zeros_like(images)
    for k in range(n_steps):
        total += gradient(score, baseline + (k + 0.5) / n_steps * (images - baseline))
    return total, total * (images - baseline)
""",
            "Forgets to divide by n_steps: sum instead of mean.",
        ),
        (
            r"""
def integrated_gradients(score, images, baseline, n_steps):
    total = torch.zeros_like(images)
    for k in range(n_steps):
        total += gradient(score, baseline + (k + 0.5) / n_steps * (images - baseline))
    mean = total / n_steps
    return mean, mean * images
""",
            "Multiplies by the image instead of (image - baseline); right for black only.",
        ),
        (
            r"""
def integrated_gradients(score, images, baseline, n_steps):
    total = torch.zeros_like(images)
    for k in range(n_steps):
        total += gradient(score, baseline + (k + 0.5) / n_steps * (images - baseline))
    mean = total / n_steps
    return mean, mean * (baseline - images)
""",
            "Sign: multiplies by (baseline - image).",
        ),
        (
            r"""
def integrated_gradients(score, images, baseline, n_steps):
    mean = torch.zeros_like(images)
    for k in range(n_steps):
        mean += gradient(score, baseline + (k + 0.5) / n_steps * (images - baseline)) / n_steps
    attribution = mean
    attribution *= images - baseline
    return mean, attribution
""",
            "In-place multiplication on the same tensor: both results are Sundararajan's form.",
        ),
        (
            r"""
def integrated_gradients(score, images, baseline, n_steps):
    total = torch.zeros_like(images)
    for k in range(n_steps):
        total += gradient(score, baseline + (k + 0.5) / n_steps * (images - baseline))
        mean = total / n_steps
        return mean, mean * (images - baseline)
""",
            "The return stands inside the loop: only the first sample counts.",
        ),
        (
            r"""
def integrated_gradients(score, images, baseline, n_steps):
    samples = [baseline + (k + 0.5) / n_steps * (images - baseline) for k in range(n_steps)]
    average = torch.stack(samples).mean(dim=0)
    mean = gradient(score, average)
    return mean, mean * (images - baseline)
""",
            "Gradient at the mean of the samples instead of the mean of the gradients.",
        ),
        (
            r"""
def integrated_gradients(score, images, baseline, n_steps):
    total = torch.zeros_like(images)
    for alpha in torch.linspace(0, 1, n_steps):
        total += gradient(score, baseline + alpha * (images - baseline))
    mean = total / n_steps
    return mean, mean * (images - baseline)
""",
            "Samples from linspace(0, 1), ends included, instead of the middles of the steps.",
        ),
        (
            r"""
def integrated_gradients(score, images, baseline, n_steps):
    total = torch.zeros_like(images)
    for k in range(n_steps):
        total += gradient(score, baseline + (k + 0.5) / n_steps * (images - baseline))
    mean = (total / n_steps).abs()
    return mean, mean * (images - baseline)
""",
            "Takes the absolute value of the mean gradient, so both forms lose their signs.",
        ),
        (
            r"""
def integrated_gradients(score, images, baseline, n_steps):
    rates, attribution = torch.zeros_like(images), torch.zeros_like(images)
    for k in range(n_steps):
        sample = baseline + (k + 0.5) / n_steps * (images - baseline)
        slope = gradient(score, sample)
        rates += slope / n_steps
        attribution += slope * (sample - baseline) / n_steps
    return rates, attribution
""",
            "Multiplies every gradient by (sample - baseline) instead of (image - baseline).",
        ),
    ],
    "completeness_gap": [
        (
            r"""
def completeness_gap(score, images, baseline, attribution):
    return (score(images) - score(baseline)) - attribution.sum(dim=(1, 2, 3))
""",
            "Sign: rise minus sum instead of sum minus rise.",
        ),
        (
            r"""
def completeness_gap(score, images, baseline, attribution):
    gap = attribution.sum(dim=(1, 2, 3)) - (score(images) - score(baseline))
    return gap.abs()
""",
            "Absolute value: the sign of the gap is lost.",
        ),
        (
            r"""
def completeness_gap(score, images, baseline, attribution):
    rise = score(images) - score(baseline)
    return (attribution.sum(dim=(1, 2, 3)) - rise) / rise
""",
            "Relative gap instead of a gap in units of the score.",
        ),
        (
            r"""
def completeness_gap(score, images, baseline, attribution):
    return attribution.sum(dim=(1, 2, 3)) - score(images)
""",
            "Forgets the score at the baseline (assumes that it is 0).",
        ),
        (
            r"""
def completeness_gap(score, images, baseline, attribution):
    return attribution.sum() - (score(images) - score(baseline))
""",
            "Sums the attribution over the batch too; right for one image only.",
        ),
        (
            r"""
def completeness_gap(score, images, baseline, attribution):
    return attribution.sum(dim=(1, 2, 3)) - score(images) - score(baseline)
""",
            "Missing brackets: subtracts the score of the baseline instead of adding it.",
        ),
        (
            r"""
def completeness_gap(score, images, baseline, attribution):
    total = (attribution * (images - baseline)).sum(dim=(1, 2, 3))
    return total - (score(images) - score(baseline))
""",
            "Multiplies by (image - baseline) once more, though the attribution is Sundararajan's form already.",
        ),
        (
            r"""
def completeness_gap(score, images, baseline, attribution):
    return attribution.abs().sum(dim=(1, 2, 3)) - (score(images) - score(baseline))
""",
            "Sums absolute values of the attribution.",
        ),
        (
            r"""
def completeness_gap(score, images, baseline, attribution):
    return attribution.sum(dim=(2, 3)) - (score(images) - score(baseline))
""",
            "Does not sum over the channels: wrong shape, or raises for several images.",
        ),
        (
            r"""
def completeness_gap(score, images, baseline, attribution):
    return attribution.mean(dim=(1, 2, 3)) - (score(images) - score(baseline))
""",
            "Mean instead of sum of the attribution.",
        ),
    ],
    "two_rules": [
        (
            r"""
def two_rules(slope, n_steps):
    left = torch.arange(n_steps) / n_steps
    middle = left + 0.5 / n_steps
    return slope(middle).mean(), slope(left).mean()
""",
            "Returns the two numbers in the wrong order.",
        ),
        (
            r"""
def two_rules(slope, n_steps):
    left = torch.arange(n_steps) / n_steps
    return slope(left).sum(), slope(left + 0.5 / n_steps).sum()
""",
            "Forgets the length 1 / n of a step: sum instead of mean.",
        ),
        (
            r"""
def two_rules(slope, n_steps):
    ends = torch.arange(1, n_steps + 1) / n_steps
    middles = ends - 0.5 / n_steps
    return slope(ends).mean(), slope(middles).mean()
""",
            "Right rule instead of left rule: takes the slope at the end of every step.",
        ),
        (
            r"""
def two_rules(slope, n_steps):
    left = torch.arange(n_steps) / n_steps
    return slope(left).mean(), slope(left + 0.5).mean()
""",
            "Moves the points by 0.5 instead of half a step, 0.5 / n.",
        ),
        (
            r"""
def two_rules(slope, n_steps):
    points = torch.linspace(0, 1, n_steps)
    return slope(points).mean(), slope(points + 0.5 / n_steps).mean()
""",
            "linspace(0, 1, n) includes the end 1, so the points are too far apart.",
        ),
        (
            r"""
def two_rules(slope, n_steps):
    points = torch.arange(n_steps + 1) / n_steps
    values = slope(points)
    left = values[:-1].mean()
    midpoint = ((values[:-1] + values[1:]) / 2).mean()
    return left, midpoint
""",
            "Trapezoid rule instead of midpoint rule: mean of the slopes at both ends of a step.",
        ),
        (
            r"""
def two_rules(slope, n_steps):
    left = torch.arange(n_steps) / n_steps
    middle = (left + 0.5 / n_steps).mean().view(1)
    return slope(left).mean(), slope(middle)[0]
""",
            "Midpoint of the whole interval: one slope at 0.5 instead of one in the middle of every step.",
        ),
        (
            r"""
def two_rules(slope, n_steps):
    left = 0
    midpoint = 0
    for k in range(n_steps):
        left += slope(k / n_steps)
        midpoint += slope((k + 0.5) / n_steps)
    return left / n_steps, midpoint / n_steps
""",
            "Calls the slope with plain numbers instead of tensors of points: raises for slopes that need a tensor.",
        ),
        (
            r"""
def two_rules(slope, n_steps):
    left, midpoint = 0.0, 0.0
    for k in range(1, n_steps):
        left += slope(torch.tensor([k / n_steps])).item() / n_steps
        midpoint += slope(torch.tensor([(k + 0.5) / n_steps])).item() / n_steps
    return left, midpoint
""",
            "Off by one: the loop starts at 1 and leaves the first step out.",
        ),
        (
            r"""
def two_rules(slope, n_steps):
    left = torch.arange(n_steps) / n_steps
    return slope(left).abs().mean(), slope(left + 0.5 / n_steps).abs().mean()
""",
            "Takes absolute values, so slopes below 0 count as above 0.",
        ),
    ],
    "hiding_baseline": [
        (
            r"""
def hiding_baseline(images, mask):
    return torch.where(mask, torch.zeros_like(images), images)
""",
            "Inverted mask: black in the region, the image elsewhere.",
        ),
        (
            r"""
def hiding_baseline(images, mask):
    return torch.zeros_like(images)
""",
            "Black everywhere: nothing is hidden.",
        ),
        (
            r"""
def hiding_baseline(images, mask):
    color = images.mean(dim=(2, 3), keepdim=True)
    return torch.where(mask, color.expand_as(images), torch.zeros_like(images))
""",
            "Fills the region with the mean colour instead of the image.",
        ),
        (
            r"""
def hiding_baseline(images, mask):
    region = mask.any(dim=0, keepdim=True)
    return images * region
""",
            "Merges the masks of all images into one.",
        ),
        (
            r"""
def hiding_baseline(images, mask):
    baseline = images
    baseline[~mask.expand_as(images)] = 0
    return baseline
""",
            "Right values, but paints the images of the caller black (no clone).",
        ),
        (
            r"""
def hiding_baseline(images, mask):
    return torch.where(mask, images, torch.ones_like(images))
""",
            "White instead of black outside the region.",
        ),
        (
            r"""
def hiding_baseline(images, mask):
    return images * mask.repeat(1, 3, 1, 1)
""",
            "Hard-coded three channels: a gray image gets three channels, other numbers raise.",
        ),
        (
            r"""
def hiding_baseline(images, mask):
    baseline = torch.zeros_like(images)
    baseline[:, :1][mask] = images[:, :1][mask]
    return baseline
""",
            "Copies the first channel only; the other channels stay black in the region.",
        ),
        (
            r"""
def hiding_baseline(images, mask):
    gray = images.mean(dim=1, keepdim=True)
    return torch.where(mask, gray, torch.zeros_like(gray)).expand_as(images)
""",
            "Puts the gray value, the mean over the channels, into the region.",
        ),
        (
            r"""
def hiding_baseline(images, mask):
    return torch.where(mask, images, images.min())
""",
            "Takes the darkest value of the images for black, which need not be 0.",
        ),
    ],
}
