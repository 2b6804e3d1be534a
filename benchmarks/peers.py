"""The other libraries, each called as its own documentation does.

Every function takes pixels in [0, 1] and returns what ours returns, as far as the library offers it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import saliency.core
import torch
import torchattacks
from captum.attr import IntegratedGradients, NoiseTunnel, Saliency
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from timm.utils import AttentionExtract
from torch import Tensor, nn

# ---- captum


def captum_gradient(network: nn.Module, images: Tensor, target: int) -> Tensor:
    """Vanilla gradient."""
    return Saliency(network).attribute(images, target=target, abs=False)


def captum_smoothgrad(
    network: nn.Module, images: Tensor, target: int, *, sigma: float, n_samples: int, batch_size: int
) -> Tensor:
    """SmoothGrad; one image, whose sigma is in units of intensity."""
    return NoiseTunnel(Saliency(network)).attribute(
        images,
        nt_type="smoothgrad",
        nt_samples=n_samples,
        nt_samples_batch_size=batch_size,
        stdevs=sigma,
        target=target,
        abs=False,
    )


def captum_integrated_gradients(
    network: nn.Module, images: Tensor, target: int, *, n_steps: int, batch_size: int
) -> Tensor:
    """Integrated Gradients with the midpoint rule, from black."""
    return IntegratedGradients(network).attribute(
        images,
        torch.zeros_like(images),
        target=target,
        n_steps=n_steps,
        method="riemann_middle",
        internal_batch_size=batch_size,
    )


@contextmanager
def captum_noise(noise: Tensor) -> Iterator[None]:
    """In the block, captum draws this noise (n, C, H, W), in this order."""
    left = noise

    def draw(*arguments: Any, **options: Any) -> Tensor:
        """As many samples as are asked for."""
        nonlocal left
        drawn, left = left.split([len(arguments[1]), len(left) - len(arguments[1])])
        return drawn

    with patch.object(torch, "normal", draw):
        yield


# ---- PAIR saliency: NumPy images (H, W, C), one at a time


def _model_function(network: nn.Module) -> Any:
    """What the library asks its user for: gradients (n, H, W, C) at NumPy images."""

    def call(images: np.ndarray, call_model_args: Any = None, expected_keys: Any = None) -> dict[str, np.ndarray]:
        """Gradients of the target's logit, which is in the arguments."""
        batch = torch.tensor(np.moveaxis(images, 3, 1), dtype=torch.float32, requires_grad=True)
        logits = network(batch)[:, call_model_args]
        gradients = torch.autograd.grad(logits, batch, grad_outputs=torch.ones_like(logits))[0]
        return {saliency.core.INPUT_OUTPUT_GRADIENTS: np.moveaxis(gradients.numpy(), 1, 3)}

    return call


def _to_numpy(images: Tensor) -> np.ndarray:
    return images[0].permute(1, 2, 0).numpy()


def _to_tensor(mask: np.ndarray) -> Tensor:
    return torch.from_numpy(np.moveaxis(mask, 2, 0)).float()[None]


def pair_gradient(network: nn.Module, images: Tensor, target: int) -> Tensor:
    """Vanilla gradient."""
    explain = saliency.core.GradientSaliency()
    return _to_tensor(explain.GetMask(_to_numpy(images), _model_function(network), target))


def pair_smoothgrad(network: nn.Module, images: Tensor, target: int, *, noise_level: float, n_samples: int) -> Tensor:
    """SmoothGrad; it takes one sample at a time."""
    mask = saliency.core.GradientSaliency().GetSmoothedMask(
        *(_to_numpy(images), _model_function(network), target),
        stdev_spread=noise_level,
        nsamples=n_samples,
        magnitude=False,
    )
    return _to_tensor(mask)


def pair_integrated_gradients(
    network: nn.Module, images: Tensor, target: int, *, n_steps: int, batch_size: int
) -> Tensor:
    """Integrated Gradients from black; its points are 0, 1 / (n - 1), …, 1, all with weight 1 / n."""
    mask = saliency.core.IntegratedGradients().GetMask(
        *(_to_numpy(images), _model_function(network), target), x_steps=n_steps, batch_size=batch_size
    )
    return _to_tensor(mask)


@contextmanager
def pair_noise(noise: Tensor) -> Iterator[None]:
    """In the block, the library draws this noise (n, C, H, W), in this order."""
    draws = iter(noise.permute(0, 2, 3, 1).numpy())
    with patch.object(np.random, "normal", lambda *arguments: next(draws)):
        yield


# ---- pytorch-grad-cam, torchattacks, timm


def pytorch_grad_cam(network: nn.Module, images: Tensor, target: int, layer: nn.Module) -> Tensor:
    """Grad-CAM with ReLU, upsampled, from 0 to 1: (N, H, W)."""
    images = images.clone().requires_grad_()  # where the parameters are frozen, it finds no gradient otherwise
    with GradCAM(network, [layer]) as explain:
        return torch.from_numpy(explain(images, [ClassifierOutputTarget(target)] * len(images)))


def torchattacks_fgsm(network: nn.Module, images: Tensor, label: int, *, epsilon: float) -> Tensor:
    """Adversarial images."""
    attack = torchattacks.FGSM(network, eps=epsilon)
    return attack(images, torch.full((len(images),), label))


def torchattacks_bim(
    network: nn.Module, images: Tensor, label: int, *, epsilon: float, step_size: float, n_steps: int
) -> Tensor:
    """Adversarial images."""
    attack = torchattacks.BIM(network, eps=epsilon, alpha=step_size, steps=n_steps)
    return attack(images, torch.full((len(images),), label))


def timm_rollout(network: nn.Module, vit: nn.Module, images: Tensor) -> Tensor:
    """Rollout layer by layer, as in the paper, on what timm's own extractor finds: (N, tokens, tokens).

    There is no package for rollout to compare with. The extractor sees attention only where the fused kernel is off.
    """
    blocks: list[Any] = [module for module in vit.modules() if hasattr(module, "fused_attn")]
    for block in blocks:
        block.fused_attn = False
    try:
        extract: Any = AttentionExtract(vit, method="hook")
        with torch.no_grad():
            extract.model = network  # the hooks sit in the transformer; the images go through the normalisation
            layers = list(extract(images).values())
        for handle in extract.hooks._handles:
            handle.remove()
    finally:
        for block in blocks:
            block.fused_attn = True
    total = torch.eye(layers[0].shape[-1])
    for layer in layers:
        mixing = layer.mean(dim=1) + torch.eye(layer.shape[-1])
        total = (mixing / mixing.sum(dim=-1, keepdim=True)) @ total
    return total
