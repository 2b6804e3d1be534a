"""Exercise 05: recording activations, CAM, Grad-CAM, upsampling, and the share of a map inside a region."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from lecture_lib import activations, maps, regions
from lecture_lib.checks.inputs import normal, uniform, with_random_weights
from lecture_lib.checks.task import Arguments, Mistake, Parameter, Result, Task
from lecture_lib.networks import Network


def pooling_network(seed: int) -> Network:
    """A random network that ends with global average pooling; its ReLUs work in place.

    Parameters
    ----------
    seed : int
        Draws the weights.

    Returns
    -------
    Network
        With the six classes "a" to "f", for images (N, 3, H, W) of any size from 7 × 7 on.
    """

    def make() -> nn.Module:
        """Two convolutions, pooling, and a linear layer."""
        return nn.Sequential(
            *(nn.Conv2d(3, 6, 3), nn.ReLU(inplace=True), nn.Conv2d(6, 8, 3), nn.ReLU(inplace=True)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 6)),
        )

    model = with_random_weights(make, seed, 2)  # the activations and the classes differ clearly
    return Network(model, "abcdef", mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.2))


# --- layer_output(network, layer, images) -----------------------------------------------------------------


def _layer_output(network: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
    with activations.record(layer) as recording:
        network(images)
    return recording.output


def _kept(network: nn.Module, layer: nn.Module, images: Tensor, what: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Something that a hook picks from input and output of the layer."""
    kept: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: kept.append(what(inputs[0], output)))
    network(images)
    handle.remove()
    return kept[0]


def _layer_cases(seed: int) -> list[Arguments]:
    network = pooling_network(seed)
    return [
        (network, network.model.get_submodule("0"), uniform(seed, (3, 3, 8, 7))),
        (network, network.model.get_submodule("2"), uniform(seed + 1, (1, 3, 7, 9))),
        (network, network.model.get_submodule("3"), uniform(seed + 2, (2, 3, 8, 8))),
        (network, network.model.get_submodule("0"), uniform(seed + 3, (1, 3, 7, 7))),
    ]


LAYER_OUTPUT = Task(
    name="layer_output",
    section="lecture 05, “What the network computes on the way”",
    parameters=(
        Parameter("network", "a network; `network(images)` are the logits, shape (N, classes)"),
        Parameter("layer", "a layer of the network, which returns maps (N, K, h, w)"),
        Parameter("images", "pixels in [0, 1]", "(N, 3, H, W)"),
    ),
    results=(Result("what the layer returns", "(N, K, h, w)"),),
    reference=_layer_output,
    cases=_layer_cases,
    mistakes=(
        Mistake(
            partial(_kept, what=lambda before, after: after),
            "The next layer works in place and has overwritten what you kept. Keep a copy: `.clone()`.",
        ),
        Mistake(
            partial(_kept, what=lambda before, after: before.clone()),
            "This is what goes into the layer. A forward hook gets (module, inputs, output): keep the output.",
        ),
        Mistake(
            lambda network, layer, images: _layer_output(network.model, layer, images),
            "The pixels were not normalised: call the network itself, not its inner model.",
        ),
        Mistake(
            lambda network, layer, images: network(images),
            "These are the logits at the end of the network. Keep what the layer returns on the way.",
        ),
        Mistake(
            lambda network, layer, images: _layer_output(network, layer, images).mean(dim=(2, 3)),
            "The cells are averaged away. Return the maps as they are, shape (N, K, h, w).",
        ),
        Mistake(
            lambda network, layer, images: _layer_output(network, layer, images).mean(dim=1),
            "The K maps are merged into one. Return them as they are, shape (N, K, h, w).",
        ),
        Mistake(
            lambda network, layer, images: _layer_output(network, layer, images)[0],
            "These are the maps of the first image only. Return those of all images, shape (N, K, h, w).",
        ),
    ),
)


# --- class_activation_map(activation, classifier_weight, index) --------------------------------------------


def _cam(activation: Tensor, classifier_weight: Tensor, index: int) -> Tensor:
    return torch.einsum("k,nkhw->nhw", classifier_weight[index], activation)


def _cam_cases(seed: int) -> list[Arguments]:
    sizes = [((2, 5, 3, 4), 3), ((1, 5, 4, 2), 1), ((3, 5, 3, 3), 4), ((1, 5, 2, 2), 2), ((2, 5, 2, 3), 0)]
    return [
        (uniform(seed + k, shape), normal(seed + 10 + k, (5, 5)), index) for k, (shape, index) in enumerate(sizes)
    ]


CLASS_ACTIVATION_MAP = Task(
    name="class_activation_map",
    section="lecture 05, “What the network computes on the way”",
    parameters=(
        Parameter("activation", "activation maps $A^k$", "(N, K, h, w)"),
        Parameter("classifier_weight", "of either sign", "(classes, K)"),
        Parameter("index", "the number of the class, from 0"),
    ),
    results=(Result("the weighted sum of the maps", "(N, h, w)"),),
    reference=_cam,
    cases=_cam_cases,
    mistakes=(
        Mistake(
            lambda activation, classifier_weight, index: (
                _cam(activation, classifier_weight, index) / activation.shape[1]
            ),
            "This is the mean of the weighted maps. CAM is their sum.",
        ),
        Mistake(
            lambda activation, classifier_weight, index: (
                _cam(activation, classifier_weight, index) / activation[0, 0].numel()
            ),
            "This is divided by the number of cells, as Grad-CAM is. CAM is not.",
        ),
        Mistake(
            lambda activation, classifier_weight, index: _cam(activation, classifier_weight.T, index),
            "These are the weights of one map for all classes. The classes are axis 0 of the weights: take a row.",
        ),
        Mistake(
            lambda activation, classifier_weight, index: _cam(activation, classifier_weight, 0),
            "These are the weights of the first class, whatever the index is.",
        ),
        Mistake(
            lambda activation, classifier_weight, index: torch.einsum("ck,nkhw->nhw", classifier_weight, activation),
            "This adds up the maps of all classes. Pick the weights of one class.",
        ),
        Mistake(
            lambda activation, classifier_weight, index: activation.sum(dim=1),
            "The weights are missing: every map counts the same, so the result doesn't depend on the class.",
        ),
        Mistake(
            lambda activation, classifier_weight, index: _cam(activation, classifier_weight.softmax(dim=1), index),
            "The weights went through a softmax. Take them as the linear layer has them, with their signs.",
        ),
        Mistake(
            lambda activation, classifier_weight, index: _cam(activation, classifier_weight.abs(), index),
            "The weights lost their signs. A negative weight says that the map speaks against the class.",
        ),
        Mistake(
            lambda activation, classifier_weight, index: _cam(activation, classifier_weight, index).relu(),
            "The negative part is gone. CAM is signed, otherwise its mean would not be the score.",
        ),
        Mistake(
            lambda activation, classifier_weight, index: _cam(activation, classifier_weight.relu(), index),
            "The negative weights are gone. CAM needs them: maps for and against the class cancel.",
        ),
        Mistake(
            lambda activation, classifier_weight, index: _cam(activation, classifier_weight, index).mean(dim=(1, 2)),
            "This is one number an image, the score without its bias. Keep the cells apart: shape (N, h, w).",
        ),
        Mistake(
            lambda activation, classifier_weight, index: classifier_weight[index][:, None, None] * activation,
            "The weighted maps are still apart. Add them up over axis 1: shape (N, h, w).",
        ),
    ),
)


# --- grad_cam(network, images, target, layer) --------------------------------------------------------------

Parts = Callable[[Tensor, Tensor], Tensor]  # from maps (N, K, h, w) and gradients of the same shape to the result


def _weights(gradient: Tensor) -> Tensor:
    return gradient.mean(dim=(2, 3), keepdim=True)


def _from_parts(
    network: Network,
    images: Tensor,
    target: str,
    layer: nn.Module,
    combine: Parts = lambda maps, gradient: (_weights(gradient) * maps).sum(dim=1).relu(),
    of: str = "score",
    copy: bool = True,
) -> Tensor:
    """Grad-CAM with another way to combine maps and gradients, of another function, or recorded without a copy."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        """Store what the layer returned; where ``copy`` is off, a ReLU in place changes it afterwards."""
        kept.append(output)
        return output.clone() if copy else output

    handle = layer.register_forward_hook(keep)
    scores = getattr(network, of)(target)(images.detach().clone().requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(scores.sum(), kept[0])
    return combine(kept[0].detach(), gradient)


def _grad_cam(network: Network, images: Tensor, target: str, layer: nn.Module) -> Tensor:
    return activations.grad_cam(network.score(target), images, layer, relu_attributions=True)


def _grad_cam_of_the_best(network: Network, images: Tensor, target: str, layer: nn.Module) -> Tensor:
    return activations.grad_cam(lambda batch: network(batch).amax(dim=1), images, layer, relu_attributions=True)


def _grad_cam_cases(seed: int) -> list[Arguments]:
    network = pooling_network(seed)
    first, middle, last = (network.model.get_submodule(name) for name in ("0", "2", "3"))
    return [
        (network, uniform(seed, (3, 3, 8, 7)), "b", first),
        (network, uniform(seed + 1, (1, 3, 7, 9)), "e", middle),
        (network, uniform(seed + 2, (2, 3, 9, 8)), "c", last),
        (network, uniform(seed + 3, (2, 3, 8, 8)), "f", middle),
        (network, uniform(seed + 4, (4, 3, 9, 9)), "d", first),
        (network, uniform(seed + 5, (1, 3, 7, 7)), "a", first),
    ]


def _combined(combine: Parts) -> Callable[..., Tensor]:
    return partial(_from_parts, combine=combine)


GRAD_CAM = Task(
    name="grad_cam",
    section="lecture 05, “Grad-CAM: weights from gradients”",
    parameters=(
        Parameter("network", "a network; `network.score(target)` is the function that computes the score of a class"),
        Parameter("images", "pixels in [0, 1]", "(N, 3, H, W)"),
        Parameter("target", "the name of a class, as text"),
        Parameter("layer", "a layer of the network, which returns maps (N, K, h, w)"),
    ),
    results=(Result("Grad-CAM, not negative", "(N, h, w)"),),
    library=("activations.grad_cam",),
    reference=_grad_cam,
    cases=_grad_cam_cases,
    mistakes=(
        Mistake(
            _combined(lambda maps, gradient: (_weights(gradient) * maps).sum(dim=1)),
            "The ReLU at the end is missing: set negative cells to 0, after the sum.",
        ),
        Mistake(
            _combined(lambda maps, gradient: (_weights(gradient) * maps).relu().sum(dim=1)),
            "The ReLU comes too early: first add up the weighted maps, then cut off what is negative.",
        ),
        Mistake(
            _combined(lambda maps, gradient: (_weights(gradient).relu() * maps).sum(dim=1).relu()),
            "The negative weights are gone before the sum. The ReLU comes last.",
        ),
        Mistake(
            _combined(lambda maps, gradient: (_weights(gradient.relu()) * maps).sum(dim=1).relu()),
            "The negative gradients are gone before their mean. Grad-CAM takes the mean of the signed gradient.",
        ),
        Mistake(
            _combined(lambda maps, gradient: (_weights(gradient) * maps).sum(dim=1).abs()),
            "This is the absolute value. The ReLU sets negative cells to 0 instead.",
        ),
        Mistake(
            _combined(lambda maps, gradient: (gradient.mean(dim=1, keepdim=True) * maps).sum(dim=1).relu()),
            "The mean goes over the maps. It goes over the cells (axes 2 and 3): one weight for each map.",
        ),
        Mistake(
            _combined(lambda maps, gradient: (gradient.mean(dim=(0, 2, 3), keepdim=True) * maps).sum(dim=1).relu()),
            "The mean goes over the images, too. Every image has weights of its own.",
        ),
        Mistake(
            _combined(lambda maps, gradient: (gradient.sum(dim=(2, 3), keepdim=True) * maps).sum(dim=1).relu()),
            "The weights are sums of the gradient. They are means over the cells.",
        ),
        Mistake(
            _combined(lambda maps, gradient: (gradient * maps).sum(dim=1).relu()),
            "Gradient times activation, cell by cell, is another method. Take the mean gradient of each map first.",
        ),
        Mistake(
            _combined(lambda maps, gradient: (_weights(maps) * gradient).sum(dim=1).relu()),
            "Maps and gradients have changed places: the weights come from the gradients.",
        ),
        Mistake(
            _combined(lambda maps, gradient: (_weights(gradient) * maps).mean(dim=1).relu()),
            "This is the mean of the weighted maps. Grad-CAM is their sum.",
        ),
        Mistake(
            partial(_from_parts, copy=False),
            "The maps are those after the in-place ReLU that follows the layer. Pass a copy on to it: return "
            "`output.clone()` from the hook.",
        ),
        Mistake(
            partial(_from_parts, of="probability"),
            "This differentiates the probability, after the softmax. The score is the logit, before it.",
        ),
        Mistake(
            partial(_from_parts, of="loss"),
            "This differentiates the loss. The score is the logit of the target.",
        ),
        Mistake(
            _grad_cam_of_the_best,
            "This is the map of the class that the network finds most probable. Use the target.",
        ),
    ),
)


# --- upsample(map, size) ----------------------------------------------------------------------------------


def _interpolated(map: Tensor, size: tuple[int, int], **options: object) -> Tensor:
    return interpolate(map[:, None], size=size, **options)[:, 0]  # type: ignore[arg-type]


def _upsample_cases(seed: int) -> list[Arguments]:
    shapes = [
        ((2, 3, 4), (7, 10)),
        ((1, 5, 3), (11, 8)),
        ((3, 2, 2), (5, 6)),
        ((2, 3, 3), (9, 9)),
        ((1, 2, 2), (4, 4)),
    ]
    return [(normal(seed + k, shape), size) for k, (shape, size) in enumerate(shapes)]


UPSAMPLE = Task(
    name="upsample",
    section="lecture 05, “From 7 × 7 cells to 224 × 224 pixels”",
    parameters=(
        Parameter("map", "numbers of either sign", "(N, h, w)"),
        Parameter("size", "(H, W): two whole numbers, not smaller than (h, w)"),
    ),
    results=(Result("the map in the new size", "(N, H, W)"),),
    library=("maps.upsample",),
    reference=maps.upsample,
    cases=_upsample_cases,
    mistakes=(
        Mistake(
            partial(_interpolated, mode="nearest"),
            "Every pixel has the value of one cell (nearest). Interpolate between the cells: bilinear.",
        ),
        Mistake(
            partial(_interpolated, mode="bilinear", align_corners=True),
            "The corners are aligned, which stretches the map outwards. The value of a cell belongs to its middle: "
            "align_corners=False.",
        ),
        Mistake(
            partial(_interpolated, mode="bicubic", align_corners=False),
            "This is bicubic: it overshoots. The task asks for bilinear.",
        ),
        Mistake(
            partial(_interpolated, mode="area"),
            "This averages over areas. The task asks for bilinear.",
        ),
        Mistake(
            lambda map, size: maps.upsample(map, size[::-1]),
            "Height and width have changed places: size is (H, W).",
        ),
        Mistake(
            lambda map, size: maps.upsample(map.transpose(1, 2), size),
            "The map is transposed: rows became columns. Keep the order of the axes.",
        ),
        Mistake(
            lambda map, size: maps.upsample(map, size)[:, None],
            "The axis that you added for interpolate is still there. Take it out: shape (N, H, W).",
        ),
        Mistake(
            lambda map, size: maps.upsample(map.relu(), size),
            "The negative values are gone. Upsampling keeps the signs.",
        ),
        Mistake(
            lambda map, size: (
                (maps.upsample(map, size) - map.amin(dim=(1, 2), keepdim=True))
                / (map.amax(dim=(1, 2), keepdim=True) - map.amin(dim=(1, 2), keepdim=True))
            ),
            "The map is scaled to the range from 0 to 1. Keep its unit: scaling is left to the figure.",
        ),
    ),
)


# --- share_inside(map, mask) -------------------------------------------------------------------------------


def _total(map: Tensor) -> Tensor:
    return map.sum(dim=(1, 2))


def _share_cases(seed: int) -> list[Arguments]:
    """Maps of very different scales; one mask is empty, one is full."""
    cases: list[Arguments] = []
    for k, shape in enumerate([(3, 6, 7), (1, 5, 4), (4, 4, 4), (1, 3, 3), (2, 4, 8)]):
        scale = torch.tensor([1.0, 0.03, 40.0, 0.3, 2.0][: shape[0]]).roll(k).view(-1, 1, 1)
        mask = (uniform(seed + 10 + k, shape) < 0.4).float()
        if k == 2:
            mask[0], mask[1] = 0.0, 1.0
        cases.append((scale * normal(seed + k, shape), mask))
    return cases


SHARE_INSIDE = Task(
    name="share_inside",
    section="lecture 05, “Two classes, one picture”",
    parameters=(
        Parameter("map", "numbers of either sign; each map has something positive", "(N, H, W)"),
        Parameter("mask", "1 inside, 0 outside; it may be empty", "(N, H, W)"),
    ),
    results=(Result("the share of every map, from 0 to 1", "(N,)"),),
    library=("regions.inside_fraction",),
    reference=regions.inside_fraction,
    cases=_share_cases,
    mistakes=(
        Mistake(
            lambda map, mask: _total(map * mask) / _total(map),
            "Negative values count, too. Set them to 0 first.",
        ),
        Mistake(
            lambda map, mask: regions.inside_fraction(map.abs(), mask),
            "Negative values count as if they were positive. Set them to 0 instead.",
        ),
        Mistake(
            lambda map, mask: regions.inside_fraction(map, 1 - mask),
            "This is the share outside the mask.",
        ),
        Mistake(
            lambda map, mask: _total(map.relu() * mask),
            "This is the sum inside the mask. A share is this sum, divided by the sum over the whole map.",
        ),
        Mistake(
            lambda map, mask: _total(map.relu() * mask) / _total(mask).clamp_min(1e-9),
            "This is divided by the number of pixels in the mask. Divide by the sum over the whole map.",
        ),
        Mistake(
            lambda map, mask: _total((map > 0) * mask) / _total(map > 0),
            "This counts positive pixels, as if they were all equally high. Add up their values.",
        ),
        Mistake(
            lambda map, mask: _total(map.relu() * mask) / _total(map.relu() * (1 - mask)).clamp_min(1e-9),
            "This is inside divided by outside. Divide by the sum over the whole map.",
        ),
        Mistake(
            lambda map, mask: (map.relu() * mask).sum() / map.relu().sum(),
            "All images are added up. Every image has a share of its own: shape (N,).",
        ),
        Mistake(
            lambda map, mask: (map.relu() * mask).sum(dim=2) / map.relu().sum(dim=2).clamp_min(1e-12),
            "This is one share for each row. Add up over both axes of the map: shape (N,).",
        ),
    ),
)

TASKS = (LAYER_OUTPUT, CLASS_ACTIVATION_MAP, GRAD_CAM, UPSAMPLE, SHARE_INSIDE)
