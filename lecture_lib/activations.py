r"""What a network computes on the way: activation maps (CAM, Grad-CAM) and attention (by layer and head, rollout).

CAM and Grad-CAM are the same weighted sum of activation maps, :math:`\sum_k w_k A^k`; they differ in the weights.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import isqrt
from threading import get_ident
from typing import Any

import torch
from timm.models.vision_transformer import Attention
from torch import Tensor, nn

from lecture_lib.gradients import check_scores
from lecture_lib.networks import Network, Score
from lecture_lib.pictures import check_images

# ---- What a layer returns ---------------------------------------------------------------------------------------


class Recording:
    """What a layer returned, call by call; see `record`."""

    def __init__(self) -> None:
        self.outputs: list[Tensor] = []  # one entry a call, in their order

    @property
    def output(self) -> Tensor:
        """What the layer returned in its only call.

        Returns
        -------
        Tensor
            With its graph, so that a score can be differentiated with respect to it.

        Raises
        ------
        ValueError
            If the layer was not called, or more than once; then look at ``outputs``.
        """
        if len(self.outputs) != 1:
            raise ValueError(f"Expected a layer that is called once, this one was called {len(self.outputs)} times.")
        return self.outputs[0]


@contextmanager
def record(module: nn.Module, *, start_graph: bool = False) -> Iterator[Recording]:
    """Keep what a layer returns while the block runs.

    The next layer gets a copy, so a ReLU that works in place does not change what is kept. Nothing is left in the
    network after the block, whether it ends well or with an error.

    Parameters
    ----------
    module : Module
        A layer, or a block of layers.
    start_graph : bool
        Whether a graph starts at what the layer returns. A score can then be differentiated with respect to it, and
        the layers before it are computed as without a gradient: in less time and memory.

    Yields
    ------
    Recording
        ``recording.output`` is what the layer returned; ``recording.outputs`` lists all calls. Without
        ``start_graph``, they carry a graph where the images do: call ``images.requires_grad_()`` first, for the
        parameters are frozen.

    Raises
    ------
    TypeError
        If it is no module, or returns something else than one tensor.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"Expected a layer of the network (a torch module), received {type(module).__name__}.")
    recording, thread = Recording(), get_ident()

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        """Store what the layer returned; give the next layer a copy."""
        if get_ident() != thread:
            return output  # a widget may use the same network at the same time
        if not isinstance(output, Tensor):
            raise TypeError(f"Expected a layer that returns one tensor, received {type(output).__name__}.")
        if start_graph:
            output = output.detach().requires_grad_(output.is_floating_point())
        recording.outputs.append(output)
        return output.clone()  # the network goes on with the copy

    handle = module.register_forward_hook(keep)
    try:
        yield recording
    finally:
        handle.remove()


# ---- Class activation maps --------------------------------------------------------------------------------------


def cam(network: Network, images: Tensor, target: str | int) -> Tensor:
    r"""Class activation map: the last activation maps, weighted as in the class score, :math:`\sum_k w_k A^k`.

    For networks that end with global average pooling and one linear layer. There the logit is
    :math:`S_c = \sum_k w_k \, \mathrm{mean}(A^k) + b`, so the mean of the map plus the bias is the logit.

    Parameters
    ----------
    network : Network
        Ends with activation maps, their means, and one linear layer.
    images : Tensor, shape (N, C, H, W)
        Pixels in [0, 1].
    target : str or int
        The class, as in `lecture_lib.networks.Network.index`.

    Returns
    -------
    Tensor, shape (N, h, w)
        Signed, in score units, with the resolution of the activation maps.

    Raises
    ------
    TypeError, ValueError
        If images or target are invalid, or the network ends in another way.

    References
    ----------
    Zhou et al. 2016, arXiv:1512.04150, section 2; lecture notes, section 2.2.
    """
    index = network.index(target)
    with torch.no_grad():
        activations, classifier = _pooled_activations(network, check_images(images))
        return _weighted_sum(classifier.weight[index].expand(len(images), -1), activations)


def grad_cam(score: Score, images: Tensor, layer: nn.Module, *, relu_attributions: bool = False) -> Tensor:
    r"""Grad-CAM: the activation maps of any layer, weighted by the mean gradient, :math:`\sum_k w_k A^k`.

    .. math:: w_k = \mathrm{mean}(\nabla_{A^k} f(I_*))

    Where `cam` applies, it is h · w times Grad-CAM, with the number h · w of the cells.

    Parameters
    ----------
    score, images
        As in `lecture_lib.gradients.gradient`.
    layer : Module
        The layer of the network that returns the activation maps :math:`A^k`, shape (N, K, h, w).
    relu_attributions : bool
        Whether to set negative values to 0, as the paper does.

    Returns
    -------
    Tensor, shape (N, h, w)
        In score units, signed unless ``relu_attributions``, with the resolution of the activation maps.

    Raises
    ------
    TypeError, ValueError
        If images or score are invalid, the layer is never called or returns no maps, or the score does not depend
        on it.

    References
    ----------
    Selvaraju et al. 2017, arXiv:1610.02391, section 3; lecture notes, section 2.2.
    """
    activations, gradients = _activations_and_gradients(score, check_images(images), layer)
    attribution = _weighted_sum(gradients.mean(dim=(2, 3)), activations)
    return attribution.clamp_min(0) if relu_attributions else attribution


def _weighted_sum(weights: Tensor, activations: Tensor) -> Tensor:
    """Activation maps (N, K, h, w), weighted by (N, K) and added up: (N, h, w)."""
    return (weights[:, :, None, None] * activations).sum(dim=1)


def _pooled_activations(network: Network, images: Tensor) -> tuple[Tensor, nn.Linear]:
    """The maps (N, K, h, w) whose means enter the last linear layer, and this layer: found by running the network."""
    last: dict[str, Any] = {}

    def keep_the_last(module: nn.Module, inputs: Any, returned: Any) -> None:
        """Overwrite what an earlier layer left: in the end, the last maps and the last linear layer remain."""
        if isinstance(module, nn.Linear):
            last.update(classifier=module, pooled=inputs[0], logits=returned)
        elif isinstance(returned, Tensor) and returned.ndim == 4 and returned[0, 0].numel() > 1:
            last["maps"] = returned  # no copy: where a ReLU works in place on it, its result is what is pooled

    with ExitStack() as hooks:
        for module in network.modules():
            hooks.callback(module.register_forward_hook(keep_the_last).remove)
        logits = network(images)
    fits = len(last) == 4 and _close(last["maps"].mean(dim=(2, 3)), last["pooled"]) and _close(last["logits"], logits)
    if not fits:
        raise ValueError(
            "Expected a network that ends with activation maps, global average pooling and one linear layer, "
            "received one that ends in another way. grad_cam works on it, too."
        )
    return last["maps"], last["classifier"]


@torch.inference_mode(False)  # right even where the caller switched gradients off
@torch.enable_grad()
def _activations_and_gradients(score: Score, images: Tensor, layer: nn.Module) -> tuple[Tensor, Tensor]:
    """What the layer returns, and the gradient of the score with respect to it: both (N, K, h, w)."""
    with record(layer, start_graph=True) as recording:
        scores = check_scores(score(images.detach().clone()), images)
    outputs = _activations(recording)
    differentiable = scores.requires_grad and all(output.requires_grad for output in outputs)
    found = torch.autograd.grad(scores.sum(), outputs, allow_unused=True) if differentiable else ()
    gradients = [gradient for gradient in found if gradient is not None]
    if not gradients:
        raise ValueError("Expected a layer between the images and the score, received one that changes no score.")
    # A difference of two class scores calls the network twice: the calls return the same, their gradients add up.
    return outputs[0].detach(), torch.stack(gradients).sum(dim=0)


def _activations(recording: Recording) -> list[Tensor]:
    outputs = recording.outputs
    if not outputs:
        raise ValueError("Expected a layer that the score calls, received one that it never calls.")
    if outputs[0].ndim != 4:
        raise ValueError(
            f"Expected a layer that returns activation maps (N, K, h, w), received shape {tuple(outputs[0].shape)}."
        )
    if not all(_close(output, outputs[0]) for output in outputs):
        raise ValueError("Expected a layer with one place in the network, received one that is used at several.")
    return outputs


def _close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-5)


# ---- Attention --------------------------------------------------------------------------------------------------


def attention(network: nn.Module, images: Tensor) -> Tensor:
    r"""Attention weights of a vision transformer, by layer and head: :math:`\mathrm{softmax}(Q K^T / \sqrt d)`.

    Row i of a matrix says how token i mixes its new value from the values of all tokens.

    Parameters
    ----------
    network : Module
        A transformer of timm (``VisionTransformer``) or of torchvision (``vit_b_16`` and its kin), usually inside a
        `Network`.
    images : Tensor, shape (N, C, H, W)
        Pixels in [0, 1].

    Returns
    -------
    Tensor, shape (layers, N, heads, tokens, tokens)
        Not negative; every row adds up to 1. Token 0 is the class token, where the network has one.

    Raises
    ------
    TypeError, ValueError
        If the images are invalid, or the network has no layer of self-attention, or its layers differ in shape.

    References
    ----------
    Vaswani et al. 2017, arXiv:1706.03762, Eq. (1); Dosovitskiy et al. 2020, arXiv:2010.11929; lecture notes,
    section 2.3.
    """
    images = check_images(images)
    with torch.no_grad(), _recorded_attention(network) as layers:
        network(images)
    if not layers:
        raise ValueError("Expected a transformer of timm or torchvision, received a network without self-attention.")
    if len({layer.shape for layer in layers}) > 1 or len(layers[0]) != len(images):
        raise ValueError(
            "Expected layers that attend to all tokens, received layers of windows or of different sizes."
        )
    return torch.stack(layers)


def rollout(attention: Tensor) -> Tensor:
    r"""Attention rollout: from which image patches the tokens of the last layer are mixed, :math:`A_L \cdots A_1`.

    .. math:: A_l = (\mathrm{mean}_{heads} W_l + I) / \text{row sums}

    Each layer adds what its attention :math:`W_l` collects to the token itself (the residual connection), which the
    identity matrix I stands for.

    Parameters
    ----------
    attention : Tensor, shape (layers, N, heads, tokens, tokens)
        As `attention` returns it.

    Returns
    -------
    Tensor, shape (N, tokens, tokens)
        Not negative; every row adds up to 1.

    Raises
    ------
    ValueError
        If the shape is wrong.

    References
    ----------
    Abnar and Zuidema 2020, arXiv:2005.00928, section 3.
    """
    if attention.ndim != 5 or attention.shape[-1] != attention.shape[-2] or 0 in attention.shape:
        raise ValueError(
            f"Expected attention of shape (layers, N, heads, tokens, tokens), received {tuple(attention.shape)}."
        )
    with_residual = attention.mean(dim=2) + torch.eye(attention.shape[-1]).to(attention)
    mixing = with_residual / with_residual.sum(dim=-1, keepdim=True)  # (layers, N, tokens, tokens)
    total = mixing[0]
    for layer in mixing[1:]:
        total = layer @ total
    return total


def token_map(rows: Tensor) -> Tensor:
    """Rows of attention as maps: the patch tokens back in their square grid, without the class token.

    Parameters
    ----------
    rows : Tensor, shape (..., tokens)
        Token 0 is the class token; then come h · h patches, row by row. For example the class token's row of
        `rollout`, ``rolled[:, 0]``.

    Returns
    -------
    Tensor, shape (..., h, h)
        What the class token gives itself is left out, so a map adds up to less than 1.

    Raises
    ------
    ValueError
        If the patches fill no square.

    References
    ----------
    Dosovitskiy et al. 2020, arXiv:2010.11929, section 3.1: the order of the tokens.
    """
    patches = rows.shape[-1] - 1 if rows.ndim else 0
    side = isqrt(max(patches, 0))
    if side == 0 or side**2 != patches:
        raise ValueError(
            f"Expected one class token and the patches of a square, such as 1 + 14 · 14 tokens, "
            f"received {tuple(rows.shape)}."
        )
    return rows[..., 1:].unflatten(-1, (side, side))


@contextmanager
def _recorded_attention(network: nn.Module) -> Iterator[list[Tensor]]:
    """The attention weights (N, heads, tokens, tokens) of every layer that is called in the block, in their order."""
    layers: list[Tensor] = []
    with ExitStack() as undo:
        for module in network.modules():
            if isinstance(module, Attention):  # timm's: its fused attention never makes the weights
                undo.callback(setattr, module, "fused_attn", module.fused_attn)
                module.fused_attn = False  # type: ignore[misc]
                weights = module.attn_drop.register_forward_hook(lambda _, inputs, output: layers.append(inputs[0]))
                undo.callback(weights.remove)
            elif isinstance(module, nn.MultiheadAttention):  # torchvision's: it is called with need_weights=False
                ask = module.register_forward_pre_hook(_ask_for_weights, with_kwargs=True)
                undo.callback(ask.remove)
                weights = module.register_forward_hook(lambda _, inputs, output: layers.append(output[1]))
                undo.callback(weights.remove)
        yield layers


def _ask_for_weights(module: nn.Module, inputs: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return inputs, {**options, "need_weights": True, "average_attn_weights": False}
