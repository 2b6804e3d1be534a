"""Right answers to exercise 05, as students might write them."""

import numpy as np
import torch
from captum.attr import LayerActivation, LayerGradCam
from skimage.transform import resize
from torch import nn
from torch.nn import functional as F

from lecture_lib import activations

# --- layer_output -----------------------------------------------------------------------------------------


def layer_output_dictionary(network, layer, images):
    found = {}
    handle = layer.register_forward_hook(lambda module, inputs, output: found.update(maps=output.detach().clone()))
    with torch.no_grad():
        network(images)
    handle.remove()
    return found["maps"]


def layer_output_other_forward(network, layer, images):
    """Without a hook: put another function in the place of the layer's own for a while."""
    original, kept = layer.forward, []

    def forward(*inputs):
        kept.append(original(*inputs))
        return kept[0].clone()

    layer.forward = forward
    try:
        network(images)
    finally:
        del layer.forward
    return kept[0]


def layer_output_image_by_image(network, layer, images):
    maps = []
    with layer.register_forward_hook(lambda module, inputs, output: maps.append(1.0 * output)):
        for image in images.split(1):
            network(image)
    return torch.cat(maps)


def layer_output_captum(network, layer, images):
    return LayerActivation(network, layer).attribute(images)


# --- class_activation_map ---------------------------------------------------------------------------------


def class_activation_map_loop(activation, classifier_weight, index):
    total = torch.zeros_like(activation[:, 0])
    for k in range(activation.shape[1]):
        total += classifier_weight[index, k] * activation[:, k]
    return total


def class_activation_map_matrix_product(activation, classifier_weight, index):
    n, k, h, w = activation.shape
    return (classifier_weight[index] @ activation.reshape(n, k, h * w)).reshape(n, h, w)


def class_activation_map_convolution(activation, classifier_weight, index):
    return F.conv2d(activation, classifier_weight[index].view(1, -1, 1, 1)).squeeze(1)


def class_activation_map_last_axis(activation, classifier_weight, index):
    return nn.functional.linear(activation.permute(0, 2, 3, 1), classifier_weight)[..., index]


# --- grad_cam ---------------------------------------------------------------------------------------------


def grad_cam_retained(network, images, target, layer):
    kept = []

    def hook(module, inputs, output):
        output.retain_grad()
        kept.append(output)
        return output.clone()

    handle = layer.register_forward_hook(hook)
    logits = network(images.clone().requires_grad_())
    handle.remove()
    logits[:, network.index(target)].sum().backward()
    (maps,) = kept
    weights = maps.grad.mean(dim=(2, 3))
    return F.relu(torch.einsum("nk,nkhw->nhw", weights, maps))


def grad_cam_image_by_image(network, images, target, layer):
    result = []
    for image in images:
        with activations.record(layer) as recording:
            score = network.score(target)(image[None].clone().requires_grad_())[0]
        gradient = torch.autograd.grad(score, recording.output)[0][0]
        maps = recording.output[0].detach()
        total = torch.zeros_like(maps[0])
        for k in range(len(maps)):
            total += gradient[k].mean() * maps[k]
        result.append(torch.clamp(total, min=0))
    return torch.stack(result)


def grad_cam_added_zeros(network, images, target, layer):
    """The gradient with respect to zeros that are added to the maps: the images need none."""
    kept = {}

    def hook(module, inputs, output):
        kept["maps"], kept["zeros"] = output.clone(), torch.zeros_like(output, requires_grad=True)
        return output + kept["zeros"]

    with layer.register_forward_hook(hook):
        scores = network.score(target)(images)
    gradient = torch.autograd.grad(scores.sum(), kept["zeros"])[0]
    weights = F.adaptive_avg_pool2d(gradient, 1)
    return (weights * kept["maps"]).sum(1).clamp_min(0)


def grad_cam_captum(network, images, target, layer):
    method = LayerGradCam(network.score(target), layer)
    return method.attribute(images.clone().requires_grad_(), relu_attributions=True).squeeze(1)


# --- upsample ---------------------------------------------------------------------------------------------


def upsample_loop(map, size):
    """Along the rows, then along the columns, from the two nearest middles."""

    def line(values, length):
        found = []
        for i in range(length):
            place = min(max((i + 0.5) * len(values) / length - 0.5, 0), len(values) - 1)
            below = int(place)
            above = min(below + 1, len(values) - 1)
            found.append((1 - (place - below)) * values[below] + (place - below) * values[above])
        return torch.stack(found)

    return torch.stack([line(line(one, size[0]).T, size[1]).T for one in map])


def upsample_matrices(map, size):
    def weights(few, many):
        places = (np.arange(many) + 0.5) * few / many - 0.5
        rows = [np.interp(places, np.arange(few), unit) for unit in np.eye(few)]
        return torch.tensor(np.array(rows)).to(map)  # (few, many)

    h, w = map.shape[1:]
    return weights(h, size[0]).T @ map @ weights(w, size[1])


def upsample_module(map, size):
    return nn.Upsample(size=tuple(size), mode="bilinear")(map.unsqueeze(1)).squeeze(1)


def upsample_skimage(map, size):
    resized = [resize(one.numpy(), size, order=1, mode="edge", anti_aliasing=False) for one in map]
    return torch.from_numpy(np.stack(resized))


# --- share_inside -----------------------------------------------------------------------------------------


def share_inside_loop(map, mask):
    shares = []
    for values, inside in zip(map, mask, strict=True):
        values = torch.where(values > 0, values, 0)
        shares.append(values[inside > 0.5].sum() / values.sum())
    return torch.stack(shares)


def share_inside_dot(map, mask):
    positive = F.relu(map).flatten(1)
    return torch.linalg.vecdot(positive, mask.flatten(1).to(positive)) / positive.sum(-1)


def share_inside_numpy(map, mask):
    height = np.maximum(map.numpy(), 0)
    inside = np.einsum("nhw,nhw->n", height, mask.numpy())
    return torch.from_numpy(inside / height.sum(axis=(1, 2)))


def share_inside_from_absolute_values(map, mask):
    positive = (map + map.abs()) / 2
    outside = (positive * (1 - mask)).sum((1, 2))
    return 1 - outside / positive.sum((1, 2))


ANSWERS = {
    "layer_output": [
        layer_output_dictionary,
        layer_output_other_forward,
        layer_output_image_by_image,
        layer_output_captum,
    ],
    "class_activation_map": [
        class_activation_map_loop,
        class_activation_map_matrix_product,
        class_activation_map_convolution,
        class_activation_map_last_axis,
    ],
    "grad_cam": [grad_cam_retained, grad_cam_image_by_image, grad_cam_added_zeros, grad_cam_captum],
    "upsample": [upsample_loop, upsample_matrices, upsample_module, upsample_skimage],
    "share_inside": [
        share_inside_loop,
        share_inside_dot,
        share_inside_numpy,
        share_inside_from_absolute_values,
    ],
}
