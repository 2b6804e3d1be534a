"""What is measured: every method of the course on every network, ours and theirs, with the same work to do."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor, nn
from torchvision.transforms import Normalize

from benchmarks import peers
from lecture_lib import activations, attacks, gradients, maps, networks, pictures, samples

EPSILON, STEPS = 2 / 255, 10  # of the attacks; BIM's steps add up to epsilon, so that only the last one may clip:
STEP = EPSILON / STEPS  # a last bit at the clip would switch ReLUs in all further steps
NOISE_LEVEL = 0.15
BATCH_SIZES = (4, 8, 21)  # that are tried where there is one to choose; and all samples at once

Call = Callable[[], Tensor]


@dataclass(frozen=True)
class Subject:
    """A network twice: as this course gives it, and as the package does from which it comes."""

    name: str
    network: networks.Network  # frozen, folded
    stock: nn.Module | None  # normalisation, then the package's network as it is; None where there is none
    images: Tensor
    layer: str  # of the last activation maps, in the network

    @cached_property
    def target(self) -> int:
        """The class that is explained, and attacked: the most probable one of the first image."""
        return int(self.network(self.images[:1]).argmax())

    def score(self) -> networks.Score:
        """Its logit."""
        return self.network.score(self.target)


@dataclass(frozen=True)
class Peer:
    """Another library's version of a method."""

    library: str
    run: Callable[[nn.Module, int], Tensor]  # from a network and the number of samples in one call
    batch_sizes: tuple[int, ...] = (0,)  # to choose from
    expected: Call | None = None  # what ours gives for what theirs computes, where that isn't the default
    same_noise: Callable[[Tensor], AbstractContextManager[None]] | None = None
    on_stock: bool = True  # whether to try it on the stock network, too


@dataclass(frozen=True)
class Case:
    """One method on one network: ours, the others', and the passes through the network that it can't do without."""

    method: str
    subject: Subject
    ours: Call
    floor: Callable[[int], object]  # with so many images in one call
    floor_batch_sizes: tuple[int, ...]
    peers: list[Peer] = field(default_factory=list)
    n: int = 1  # samples, steps
    agree: Callable[[Tensor, Tensor], float] = lambda ours, theirs: relative_difference(ours, theirs)
    tolerance: float = 1e-2  # a last bit that switches a ReLU makes 1e-3; another class or other noise makes 1
    agree_on_stock: Callable[[Tensor, Tensor], float] | None = None  # where the stock network needs another measure
    tolerance_on_stock: float = 5e-2  # the same function, rounded in other places: more such switches
    noise: Tensor | None = None

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.method}, {self.subject.name}, batch {len(self.subject.images)}"


def relative_difference(ours: Tensor, theirs: Tensor) -> float:
    """Length of the difference, in lengths of theirs. A last bit that switches a ReLU changes a few pixels."""
    return ((ours - theirs).norm() / theirs.norm().clamp_min(1e-12)).item()


def share_of_pixels(ours: Tensor, theirs: Tensor) -> float:
    """Share of the values that differ: where a derivative is almost 0, a last bit decides on its sign."""
    return ((ours - theirs).abs() > 1e-6).double().mean().item()


# ---- The networks


def efficientnet(n_images: int, size: int = 224) -> Subject:
    """EfficientNet-Lite0 with its ImageNet weights; the stock one is timm's."""
    stock = timm.create_model("tf_efficientnet_lite0")
    stock.load_state_dict(networks.efficientnet_lite0(fold=False).model.state_dict())
    return Subject(
        "EfficientNet-Lite0",
        networks.efficientnet_lite0(),
        nn.Sequential(Normalize((0.5,) * 3, (0.5,) * 3), stock).eval(),
        photographs(n_images, size),
        "bn2",
    )


def resnet18(n_images: int, size: int = 224) -> Subject:
    """ResNet-18 of torchvision with random weights, so that nothing has to be fetched."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stock = torchvision.models.resnet18(weights=None).eval()
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    network = networks.Network(deepcopy(stock), networks.IMAGENET_CLASSES, mean, std)
    return Subject(
        "ResNet-18",
        networks._faster(network, fold=True),  # what networks.load does once it has the weights
        nn.Sequential(Normalize(mean, std), stock).eval(),
        photographs(n_images, size),
        "layer4",
    )


def birds(name: str, n_images: int) -> Subject:
    """A small network of this course; there is no other stock of it."""
    size = 96
    return Subject(name, networks.load(name), None, photographs(n_images, size), "features")


def photographs(n: int, size: int) -> Tensor:
    """The first n photographs, over and over if there are fewer."""
    names = sorted(pictures.photos())
    return torch.cat([pictures.photo(names[k % len(names)], size) for k in range(n)])


# ---- The methods


def gradient(subject: Subject) -> Case:
    """Vanilla gradient."""
    images = subject.images
    found = [Peer("captum", lambda network, _: peers.captum_gradient(network, images, subject.target))]
    if len(images) == 1:  # the other library takes one image at a time
        found.append(Peer("PAIR saliency", lambda network, _: peers.pair_gradient(network, images, subject.target)))
    passes = _passes(subject, images)
    return Case("gradient", subject, lambda: gradients.gradient(subject.score(), images), *passes, found)


def smoothgrad(subject: Subject, n: int) -> Case:
    """SmoothGrad of one image; the results are compared on the same noise."""
    image = subject.images[:1]
    drawn = torch.cat(list(samples.noisy_samples(image, noise_level=NOISE_LEVEL, n_samples=n)))
    sigma = NOISE_LEVEL * (image.max() - image.min()).item()
    found = [
        Peer(
            "captum",
            lambda network, batch_size: peers.captum_smoothgrad(
                network, image, subject.target, sigma=sigma, n_samples=n, batch_size=batch_size
            ),
            _sizes(n),
            same_noise=peers.captum_noise,
        ),
        Peer(
            "PAIR saliency",
            lambda network, _: peers.pair_smoothgrad(
                network, image, subject.target, noise_level=NOISE_LEVEL, n_samples=n
            ),
            same_noise=peers.pair_noise,
            on_stock=False,
        ),
    ]
    ours = lambda: gradients.smoothgrad(subject.score(), image, noise_level=NOISE_LEVEL, n_samples=n)  # noqa: E731
    return Case("SmoothGrad", subject, ours, *_passes(subject, drawn), found, n=n, noise=drawn - image)


def integrated_gradients(subject: Subject, n: int) -> Case:
    """Integrated Gradients of one image, from black."""
    image = subject.images[:1]
    start = torch.zeros_like(image)
    path = torch.cat(list(samples.path_samples(image, start, samples.path_points(n)[0])))

    def on_their_points() -> Tensor:
        """The rule of PAIR saliency counts both ends of the line."""
        points = torch.linspace(0, 1, n).tolist()
        return image * gradients.mean_gradient(subject.score(), samples.path_samples(image, start, points))

    sizes = _sizes(n)
    found = [
        Peer(
            "captum",
            lambda net, b: peers.captum_integrated_gradients(net, image, subject.target, n_steps=n, batch_size=b),
            sizes,
        ),
        Peer(
            "PAIR saliency",
            lambda net, b: peers.pair_integrated_gradients(net, image, subject.target, n_steps=n, batch_size=b),
            sizes,
            expected=on_their_points,
            on_stock=False,
        ),
    ]
    ours = lambda: gradients.integrated_gradients(subject.score(), image, n_steps=n)  # noqa: E731
    return Case("Integrated Gradients", subject, ours, *_passes(subject, path), found, n=n)


def grad_cam(subject: Subject) -> Case:
    """Grad-CAM with ReLU, brought to the size of the image."""
    images = subject.images

    def ours() -> Tensor:
        """What pytorch-grad-cam returns: from 0 to 1 in every image."""
        layer = subject.network.model.get_submodule(subject.layer)
        coarse = activations.grad_cam(subject.score(), images, layer, relu_attributions=True)
        found = maps.upsample(coarse, (images.shape[2], images.shape[3]))
        low, high = found.amin(dim=(1, 2), keepdim=True), found.amax(dim=(1, 2), keepdim=True)
        return (found - low) / (high - low).clamp_min(1e-7)  # where all is negative, the map is 0

    def theirs(network: nn.Module, _: int) -> Tensor:
        """The layer sits in the inner network, whichever it is."""
        inner = network.model if isinstance(network, networks.Network) else network.get_submodule("1")
        return peers.pytorch_grad_cam(network, images, subject.target, inner.get_submodule(subject.layer))

    floor, sizes = _passes(subject, images, backward=False)  # the way back from the last layer takes almost no time
    return Case("Grad-CAM", subject, ours, floor, sizes, [Peer("pytorch-grad-cam", theirs)])


def fgsm(subject: Subject) -> Case:
    """FGSM away from the most probable class."""
    images, climb = subject.images, subject.network.loss(subject.target)
    peer = Peer("torchattacks", lambda net, _: peers.torchattacks_fgsm(net, images, subject.target, epsilon=EPSILON))
    ours = lambda: attacks.fgsm(climb, images, epsilon=EPSILON).images  # noqa: E731
    return Case("FGSM", subject, ours, *_passes(subject, images), [peer], agree=share_of_pixels)


def bim(subject: Subject) -> Case:
    """BIM away from the most probable class."""
    images, climb = subject.images, subject.network.loss(subject.target)
    options: dict[str, Any] = {"epsilon": EPSILON, "step_size": STEP, "n_steps": STEPS}
    peer = Peer("torchattacks", lambda net, _: peers.torchattacks_bim(net, images, subject.target, **options))
    once, sizes = _passes(subject, images)

    def gained(ours: Tensor, theirs: Tensor) -> float:
        """How far the losses that were reached are apart, in parts of what was gained.

        Ten steps make of a last bit of the network another image, as good as the first.
        """
        before, our, their = (gradients.evaluate(climb, reached) for reached in (images, ours, theirs))
        return ((our - their).abs() / (their - before)).max().item()

    return Case(
        "BIM",
        subject,
        lambda: attacks.bim(climb, images, **options).images,
        lambda size: [once(size) for _ in range(STEPS)],
        sizes,
        [peer],
        n=STEPS,
        agree=share_of_pixels,
        agree_on_stock=gained,
    )


def rollout(subject: Subject) -> Case:
    """Attention rollout."""
    images, network = subject.images, subject.network
    peer = Peer("timm's extractor", lambda net, _: peers.timm_rollout(net, network.model, images))
    ours = lambda: activations.rollout(activations.attention(network, images))  # noqa: E731
    return Case("rollout", subject, ours, *_passes(subject, images, backward=False), [peer])


def _passes(
    subject: Subject, images: Tensor, *, backward: bool = True
) -> tuple[Callable[[int], None], tuple[int, ...]]:
    """The bare passes through the network for these images, as a function of how many go into one call."""
    target = subject.target

    def run(size: int) -> None:
        """Nothing but the network and its gradient."""
        for batch in images.split(size):
            if backward:
                inputs = batch.detach().requires_grad_()
                torch.autograd.grad(subject.network(inputs)[:, target].sum(), inputs)
            else:
                with torch.no_grad():
                    subject.network(batch)

    return run, _sizes(len(images))


def _sizes(n: int) -> tuple[int, ...]:
    return (*(size for size in BATCH_SIZES if size < n), n)


def all_cases() -> list[Case]:
    """What ``python -m benchmarks`` measures; fewer samples and methods where a network is large."""
    found = []
    for make in (efficientnet, resnet18):
        one, eight = make(1), make(8)
        found += [
            gradient(one),
            smoothgrad(one, 8),
            integrated_gradients(one, 8),
            grad_cam(one),
            fgsm(one),
            bim(one),
        ]
        found += [gradient(eight), grad_cam(eight)] + ([fgsm(eight)] if make is efficientnet else [])
    for n_images in (1, 8):
        cnn, vit = birds("birds_cnn", n_images), birds("birds_vit", n_images)
        found += [gradient(cnn), grad_cam(cnn), fgsm(cnn), bim(cnn), rollout(vit)]
        if n_images == 1:
            found += [smoothgrad(cnn, 50), integrated_gradients(cnn, 50)]
    return found
