"""Answers of students to exercise 01: four right ones and ten wrong ones for every coded task."""

RIGHT: dict[str, list[str]] = {
    "linear_gradient": [
        r'''
def linear_gradient(weights, bias, images):
    """Gradient (N, C, H, W) of w · I + b at every image."""
    return weights.expand_as(images).clone()
''',
        r"""
import numpy as np

def linear_gradient(weights, bias, images):
    # d/dI of w*I + b is w, no matter which image
    w = weights.numpy()
    tiled = np.tile(w, (images.shape[0], 1, 1, 1))
    return torch.from_numpy(tiled)
""",
        r"""
def linear_gradient(weights, bias, images):
    ones = torch.ones(len(images), dtype=weights.dtype)
    return torch.einsum("n,chw->nchw", ones, weights)
""",
        r"""
def linear_gradient(weights, bias, images):
    result = torch.zeros_like(images)
    number_of_images = images.shape[0]
    channels = images.shape[1]
    height = images.shape[2]
    width = images.shape[3]
    for n in range(number_of_images):
        for c in range(channels):
            for i in range(height):
                for j in range(width):
                    # the derivative of w_cij * I_cij is w_cij, all others are constants
                    result[n, c, i, j] = weights[c, i, j]
    return result
""",
    ],
    "logistic_gradients": [
        r'''
def logistic_gradients(weights, bias, images):
    """Gradients of the logit and of the probability, each (N, C, H, W)."""
    p = torch.sigmoid((weights * images).sum(dim=(1, 2, 3)) + bias).view(-1, 1, 1, 1)
    return weights.expand_as(images), p * (1 - p) * weights
''',
        r"""
def logistic_gradients(weights, bias, images):
    t = torch.einsum("nchw,chw->n", images, weights) + bias
    sigma = 1 / (1 + torch.exp(-t))
    slope = sigma - sigma**2
    of_logit = torch.einsum("n,chw->nchw", torch.ones_like(slope), weights)
    of_probability = torch.einsum("n,chw->nchw", slope, weights)
    return of_logit, of_probability
""",
        r"""
def logistic_gradients(weights, bias, images):
    logit_list = []
    prob_list = []
    for image in images:
        logit = torch.sum(weights * image) + bias
        prob = torch.sigmoid(logit)
        derivative_of_sigmoid = prob * torch.sigmoid(-logit)  # 1 - sigmoid(t) = sigmoid(-t)
        logit_list.append(weights.clone())
        prob_list.append(derivative_of_sigmoid * weights)
    return torch.stack(logit_list), torch.stack(prob_list)
""",
        r"""
import numpy as np

def logistic_gradients(weights, bias, images):
    def dsigmoid(t):
        e = np.exp(-np.abs(t))  # the derivative is even, so |t| avoids the overflow
        return e / (1 + e) ** 2

    w, x = weights.numpy(), images.numpy()
    n = x.shape[0]
    t = x.reshape(n, -1) @ w.reshape(-1) + bias
    g_logit = np.repeat(w[np.newaxis], n, axis=0)
    g_prob = dsigmoid(t)[:, None, None, None] * g_logit
    return torch.from_numpy(g_logit), torch.from_numpy(g_prob)
""",
    ],
    "minimal_step": [
        r'''
def minimal_step(weights, bias, images):
    """The shortest step (N, C, H, W) from every image to the boundary."""
    f = (weights * images).sum(dim=(1, 2, 3)) + bias
    t = -f / (weights * weights).sum()
    return t.view(-1, 1, 1, 1) * weights
''',
        r"""
def minimal_step(weights, bias, images):
    scores = torch.einsum("chw,nchw->n", weights, images) + bias
    unit = weights / torch.linalg.vector_norm(weights)
    distance = scores / torch.linalg.vector_norm(weights)  # signed distance to the plane
    return -torch.einsum("n,chw->nchw", distance, unit)
""",
        r"""
def minimal_step(weights, bias, images):
    steps = torch.empty_like(images)
    w = weights.flatten()
    w_dot_w = torch.dot(w, w)
    for k in range(len(images)):
        score = torch.dot(w, images[k].flatten()) + bias
        factor = score / w_dot_w
        steps[k] = -factor * weights
    return steps
""",
        r"""
import numpy as np

def minimal_step(weights, bias, images):
    # minimum norm solution of  w^T r = -f  is  r = pinv(w^T) (-f)
    A = weights.numpy().reshape(1, -1)
    X = images.numpy().reshape(images.shape[0], -1)
    f = X @ A[0] + bias
    R = (np.linalg.pinv(A) @ (-f)[None, :]).T
    return torch.from_numpy(R.reshape(tuple(images.shape)))
""",
    ],
    "shift_right": [
        r'''
def shift_right(images, pixels):
    """Images (N, C, H, W), shifted to the right; the left edge is repeated."""
    padded = torch.nn.functional.pad(images, (pixels, 0, 0, 0), mode="replicate")
    return padded[..., : images.shape[-1]]
''',
        r"""
def shift_right(images, pixels):
    source = (torch.arange(images.shape[3]) - pixels).clamp(min=0)
    return images[:, :, :, source]
""",
        r"""
def shift_right(images, pixels):
    new = images.clone()
    width = images.size(-1)
    for column in range(width):
        if column < pixels:
            new[..., column] = images[..., 0]
        else:
            new[..., column] = images[..., column - pixels]
    return new
""",
        r"""
import numpy as np

def shift_right(images, pixels):
    n, c, h, w = images.shape
    wide = np.pad(images.numpy(), ((0, 0), (0, 0), (0, 0), (pixels, 0)), mode="edge")
    return torch.from_numpy(wide[:, :, :, 0:w].copy())
""",
    ],
    "shift_test": [
        r'''
def shift_test(score, images, labels, pixels):
    """Accuracy on the images after a shift to the right."""
    padded = torch.nn.functional.pad(images, (pixels, 0, 0, 0), mode="replicate")
    scores = score(padded[..., : images.shape[-1]])
    return ((scores > 0) == (labels == 1)).float().mean().item()
''',
        r"""
def shift_test(score, images, labels, pixels):
    def move(batch, k):
        left = batch[..., :1].expand(*batch.shape[:-1], k)
        return torch.cat([left, batch[..., : batch.shape[-1] - k]], dim=-1)

    right = 0
    for image, label in zip(move(images, pixels), labels):
        says_face = score(image.unsqueeze(0)).item() > 0
        is_face = label.item() == 1
        if says_face == is_face:
            right = right + 1
    return right / len(labels)
""",
        r"""
import numpy as np

def shift_test(score, images, labels, pixels):
    cols = torch.clamp(torch.arange(images.shape[-1]) - pixels, min=0)
    with torch.no_grad():
        f = score(images.index_select(-1, cols)).numpy()
    predictions = np.where(f > 0, 1, 0)
    return float(np.mean(predictions == labels.numpy()))
""",
        r"""
def shift_test(score, images, labels, pixels):
    shifted = images.clone()
    if pixels > 0:
        shifted[:, :, :, pixels:] = images[:, :, :, :-pixels]
        shifted[:, :, :, :pixels] = images[:, :, :, 0:1]
    s = score(shifted)
    true_positives = ((s > 0) & (labels == 1)).sum()
    true_negatives = ((s <= 0) & (labels == 0)).sum()
    accuracy = (true_positives + true_negatives) / labels.numel()
    return accuracy
""",
    ],
}

WRONG: dict[str, list[tuple[str, str]]] = {
    "linear_gradient": [
        (
            r"""
def linear_gradient(weights, bias, images):
    return weights
""",
            "Loses the batch: returns (C, H, W) instead of one gradient per image.",
        ),
        (
            r"""
def linear_gradient(weights, bias, images):
    # derivative of w * I
    return images.clone()
""",
            "Differentiates with respect to the weights, so the gradient is the image.",
        ),
        (
            r"""
def linear_gradient(weights, bias, images):
    return weights * images
""",
            "Gradient times input: gives the contributions w * I, not the gradient w.",
        ),
        (
            r"""
def linear_gradient(weights, bias, images):
    return weights.expand_as(images) + bias
""",
            "Keeps the bias, whose derivative is 0.",
        ),
        (
            r"""
def linear_gradient(weights, bias, images):
    return weights.abs().expand_as(images)
""",
            "Takes the absolute value, so the signs of the gradient are lost.",
        ),
        (
            r"""
def linear_gradient(weights, bias, images):
    direction = weights / weights.norm()
    return direction.expand_as(images)
""",
            "Scales the gradient to length 1.",
        ),
        (
            r"""
def linear_gradient(weights, bias, images):
    n = images.shape[0]
    return weights.repeat(n, 1, 1, 1) / n
""",
            "Divides by the number of images (gradient of the mean score over the batch).",
        ),
        (
            r"""
def linear_gradient(weights, bias, images):
    gradients_ = torch.zeros_like(images)
    for k in range(len(images)):
        gradients_[k] = weights
        return gradients_
""",
            "The return stands inside the loop, so only the first image gets its gradient, the others get 0.",
        ),
        (
            r"""
def linear_gradient(weights, bias, images):
    f = (weights * images).sum(dim=(1, 2, 3)) + bias
    # for a negative score we have to go the other way
    return torch.sign(f).view(-1, 1, 1, 1) * weights
""",
            "Flips the sign of the gradient for images with a negative score (gradient of |f|).",
        ),
        (
            r"""
def linear_gradient(weights, bias, images):
    grad_images = weights.expand_as(images)
    grad_bias = torch.ones(len(images))
    return grad_images, grad_bias
""",
            "Returns a tuple with the derivative for the bias as a second entry.",
        ),
    ],
    "logistic_gradients": [
        (
            r"""
def logistic_gradients(weights, bias, images):
    p = torch.sigmoid((weights * images).sum(dim=(1, 2, 3)) + bias).view(-1, 1, 1, 1)
    return p * (1 - p) * weights, weights.expand_as(images)
""",
            "Returns the two gradients in the wrong order.",
        ),
        (
            r"""
def logistic_gradients(weights, bias, images):
    p = torch.sigmoid((weights * images).sum(dim=(1, 2, 3)) + bias).view(-1, 1, 1, 1)
    return weights.expand_as(images), p * weights
""",
            "Multiplies by p instead of p (1 - p).",
        ),
        (
            r"""
def logistic_gradients(weights, bias, images):
    p = torch.sigmoid((weights * images).sum(dim=(1, 2, 3)))
    slope = (p * (1 - p)).view(-1, 1, 1, 1)
    return weights.expand_as(images), slope * weights
""",
            "Forgets the bias in the probability.",
        ),
        (
            r"""
def logistic_gradients(weights, bias, images):
    t = (weights * images).sum(dim=(1, 2, 3)) + bias
    of_logit = weights.expand_as(images)
    of_probability = (t * (1 - t)).view(-1, 1, 1, 1) * weights
    return of_logit, of_probability
""",
            "Forgets the sigmoid: uses t (1 - t) with the logit t instead of the probability.",
        ),
        (
            r"""
def logistic_gradients(weights, bias, images):
    p = torch.sigmoid((weights * images).sum(dim=(1, 2, 3)) + bias).view(-1, 1, 1, 1)
    return weights, p * (1 - p) * weights
""",
            "The first gradient loses the batch, shape (C, H, W).",
        ),
        (
            r"""
def logistic_gradients(weights, bias, images):
    p = torch.sigmoid((weights * images).sum() + bias)
    w = weights.expand_as(images)
    return w, p * (1 - p) * w
""",
            "Sums over the batch too, so all images share one probability.",
        ),
        (
            r"""
def logistic_gradients(weights, bias, images):
    p = torch.sigmoid((weights * images).sum(dim=(1, 2, 3)) + bias).view(-1, 1, 1, 1)
    of_logit = weights.expand_as(images).clone()
    of_probability = of_logit
    of_probability *= p * (1 - p)
    return of_logit, of_probability
""",
            "In-place multiplication on the same tensor: both results are the gradient of the probability.",
        ),
        (
            r"""
def logistic_gradients(weights, bias, images):
    e = torch.exp(-((weights * images).sum(dim=(1, 2, 3)) + bias)).view(-1, 1, 1, 1)
    return weights.expand_as(images), -e / (1 + e) ** 2 * weights
""",
            "Sign: forgets the inner derivative -1 of exp(-t) in the quotient rule.",
        ),
        (
            r"""
def logistic_gradients(weights, bias, images):
    s = torch.sigmoid(weights * images + bias)
    return weights.expand_as(images), s * (1 - s) * weights
""",
            "Takes the sigmoid of every pixel's product instead of the sum, one probability per pixel.",
        ),
        (
            r"""
def logistic_gradients(weights, bias, images):
    p = torch.sigmoid((weights * images).mean(dim=(1, 2, 3)) + bias).view(-1, 1, 1, 1)
    return weights.expand_as(images), weights * p * (1 - p)
""",
            "Mean instead of sum over the pixels in the logit.",
        ),
    ],
    "minimal_step": [
        (
            r"""
def minimal_step(weights, bias, images):
    f = (weights * images).sum(dim=(1, 2, 3)) + bias
    t = f / (weights * weights).sum()
    return t.view(-1, 1, 1, 1) * weights
""",
            "Sign: steps away from the boundary.",
        ),
        (
            r"""
def minimal_step(weights, bias, images):
    f = (weights * images).sum(dim=(1, 2, 3)) + bias
    return -(f / weights.norm()).view(-1, 1, 1, 1) * weights
""",
            "Divides by the norm of w instead of its square.",
        ),
        (
            r"""
def minimal_step(weights, bias, images):
    f = (weights * images).sum(dim=(1, 2, 3))
    t = -f / weights.square().sum()
    return t.view(-1, 1, 1, 1) * weights
""",
            "Forgets the bias in the score.",
        ),
        (
            r"""
def minimal_step(weights, bias, images):
    f = (weights * images).sum(dim=(1, 2, 3)) + bias
    distance = f.abs() / weights.norm()
    return -distance.view(-1, 1, 1, 1) * weights / weights.norm()
""",
            "Uses |f|, so images with a negative score step away from the boundary.",
        ),
        (
            r"""
def minimal_step(weights, bias, images):
    f = (weights * images).sum(dim=(1, 2, 3)) + bias
    t = -f / weights.abs().sum()
    return t.view(-1, 1, 1, 1) * weights.sign()
""",
            "The shortest step in the maximum norm (sign of w), not in the L2 norm.",
        ),
        (
            r"""
def minimal_step(weights, bias, images):
    f = (weights * images).sum(dim=(1, 2, 3)) + bias
    t = -f / (weights * weights).sum()
    return images + t.view(-1, 1, 1, 1) * weights
""",
            "Returns the image on the boundary, not the step.",
        ),
        (
            r"""
def minimal_step(weights, bias, images):
    f = (weights * images).sum(dim=(1, 2, 3)) + bias
    t = -f / (weights * weights).sum()
    on_boundary = (images + t.view(-1, 1, 1, 1) * weights).clamp(0, 1)
    return on_boundary - images
""",
            "Clips the stepped image to [0, 1], which the task forbids.",
        ),
        (
            r"""
def minimal_step(weights, bias, images):
    f = (weights * images).sum() + bias
    t = -f / (weights * weights).sum()
    return (t * weights).expand_as(images)
""",
            "Sums the score over the whole batch, so every image gets the same step.",
        ),
        (
            r"""
def minimal_step(weights, bias, images):
    # f(I + t I) = 0
    wi = (weights * images).sum(dim=(1, 2, 3))
    t = -(wi + bias) / wi
    return t.view(-1, 1, 1, 1) * images
""",
            "Steps along the image instead of along w: reaches the boundary, but not on the shortest way.",
        ),
        (
            r"""
def minimal_step(weights, bias, images):
    f = (weights * images).sum(dim=(1, 2, 3)) + bias
    ww = weights.square().sum(dim=(1, 2), keepdim=True)
    return -f.view(-1, 1, 1, 1) * weights / ww
""",
            "Takes w · w per channel instead of over all channels; wrong as soon as there is more than one channel.",
        ),
    ],
    "shift_right": [
        (
            r"""
def shift_right(images, pixels):
    return torch.roll(images, pixels, dims=3)
""",
            "Rolls: what leaves on the right comes in again on the left, instead of the repeated edge.",
        ),
        (
            r"""
def shift_right(images, pixels):
    padded = torch.nn.functional.pad(images, (0, pixels, 0, 0), mode="replicate")
    return padded[..., pixels:]
""",
            "Shifts to the left.",
        ),
        (
            r"""
def shift_right(images, pixels):
    shifted = torch.zeros_like(images)
    width = images.shape[-1]
    shifted[..., pixels:] = images[..., : width - pixels]
    return shifted
""",
            "The new columns are black instead of repeating the left edge.",
        ),
        (
            r"""
def shift_right(images, pixels):
    edge = images[..., :1].repeat(1, 1, 1, pixels)
    return torch.cat([edge, images[..., :-pixels]], dim=-1)
""",
            "For pixels = 0 the slice [:-0] is empty, so the image vanishes.",
        ),
        (
            r"""
def shift_right(images, pixels):
    padded = torch.nn.functional.pad(images, (0, 0, pixels, 0), mode="replicate")
    return padded[:, :, : images.shape[2], :]
""",
            "Wrong axis: shifts down instead of to the right.",
        ),
        (
            r"""
def shift_right(images, pixels):
    return torch.nn.functional.pad(images, (pixels, 0, 0, 0), mode="replicate")
""",
            "Forgets to cut the columns off that move out, so the images get wider.",
        ),
        (
            r"""
def shift_right(images, pixels):
    out = images.clone()
    for j in range(pixels, images.shape[-1]):
        out[..., j] = out[..., j - pixels]
    for j in range(pixels):
        out[..., j] = images[..., 0]
    return out
""",
            "In-place trap: reads columns that it has overwritten, so the first ones are repeated again and again.",
        ),
        (
            r"""
def shift_right(images, pixels):
    w = images.shape[-1]
    images[..., pixels:] = images[..., : w - pixels].clone()
    images[..., :pixels] = images[..., :1].clone()
    return images
""",
            "Returns the right values, but shifts the images of the caller in place.",
        ),
        (
            r"""
def shift_right(images, pixels):
    padded = torch.nn.functional.pad(images, (pixels, 0, 0, 0), mode="reflect")
    return padded[..., : images.shape[-1]]
""",
            "Mirrors at the left edge instead of repeating the edge.",
        ),
        (
            r"""
def shift_right(images, pixels):
    padded = torch.nn.functional.pad(images, (pixels, 0, 0, 0), mode="replicate")
    return padded[:, :, :, :25]
""",
            "Hard-coded width 25: images of another width change their shape.",
        ),
    ],
    "shift_test": [
        (
            r"""
def shift_test(score, images, labels, pixels):
    scores = score(images)
    return ((scores > 0) == (labels == 1)).float().mean().item()
""",
            "Forgets to shift the images.",
        ),
        (
            r"""
def shift_test(score, images, labels, pixels):
    padded = torch.nn.functional.pad(images, (pixels, 0, 0, 0), mode="replicate")
    scores = score(padded[..., : images.shape[-1]])
    return ((scores > 0.5) == (labels == 1)).float().mean()
""",
            "Uses the threshold 0.5 of a probability on the logit.",
        ),
        (
            r"""
def shift_test(score, images, labels, pixels):
    padded = torch.nn.functional.pad(images, (pixels, 0, 0, 0), mode="replicate")
    says_face = score(padded[..., : images.shape[-1]]) > 0
    return (says_face != (labels == 1)).float().mean()
""",
            "Returns the error rate, 1 - accuracy.",
        ),
        (
            r"""
def shift_test(score, images, labels, pixels):
    padded = torch.nn.functional.pad(images, (pixels, 0, 0, 0), mode="replicate")
    right = (score(padded[..., : images.shape[-1]]) > 0) == (labels == 1)
    return right.sum().item()
""",
            "Returns the number of right answers instead of their share.",
        ),
        (
            r"""
def shift_test(score, images, labels, pixels):
    padded = torch.nn.functional.pad(images, (0, pixels, 0, 0), mode="replicate")
    scores = score(padded[..., pixels:])
    return ((scores > 0) == (labels == 1)).float().mean()
""",
            "Shifts to the left.",
        ),
        (
            r"""
def shift_test(score, images, labels, pixels):
    cols = (torch.arange(images.shape[-1]) - pixels).clamp(min=0)
    correct = ((score(images[..., cols]) > 0).long() == labels.long()).sum()
    return correct.item() / 50
""",
            "Hard-coded number of test pictures, 50.",
        ),
        (
            r"""
def shift_test(score, images, labels, pixels):
    cols = (torch.arange(images.shape[-1]) - pixels).clamp(min=0)
    scores = score(images[..., cols])
    faces = labels == 1
    return (scores[faces] > 0).float().mean()
""",
            "Counts the faces only (share of faces found) and leaves out the other pictures.",
        ),
        (
            r"""
def shift_test(score, images, labels, pixels):
    scores = score(shift_right(images, pixels))
    says_face = scores > scores.mean()
    return (says_face == (labels == 1)).float().mean()
""",
            "Compares the scores with their mean instead of with 0.",
        ),
        (
            r"""
def shift_test(score, images, labels, pixels):
    padded = torch.nn.functional.pad(images, (pixels, 0, 0, 0), mode="replicate")
    shifted = padded[..., : images.shape[-1]]
    answers = torch.sign(score(shifted))
    return (answers == labels).float().mean()
""",
            "Compares the sign, -1 or 1, with labels 0 or 1, so a right “no face” never counts.",
        ),
        (
            r"""
def shift_test(score, images, labels, pixels):
    padded = torch.nn.functional.pad(images, (pixels, 0, 0, 0), mode="replicate")
    scores = score(padded[..., : images.shape[-1]])
    n_right = 0
    for s, label in zip(scores, labels):
        if (s > 0) == (label == 1):
            n_right += 1
        return n_right / len(labels)
""",
            "The return stands inside the loop, so only the first picture is counted.",
        ),
    ],
}
