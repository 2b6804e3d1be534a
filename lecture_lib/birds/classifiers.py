"""Small networks that tell the eight species of `lecture_lib.birds` apart, and their shipped weights.

All of them map normalised images ``(N, 3, 96, 96)``, that is ``(pixels - 0.5) / 0.5``, to logits ``(N, 8)``.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from timm.layers.hybrid_embed import HybridEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from lecture_lib.birds import SIZE, SPECIES
from lecture_lib.words import choose

WEIGHTS = Path(__file__).parent / "weights"


def conv(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """A 3 × 3 convolution with batch normalisation and ReLU.

    Parameters
    ----------
    channels_in, channels_out : int
        How many maps come in and go out.
    stride : int
        2 halves height and width.

    Returns
    -------
    Sequential
        From (N, channels_in, H, W) to (N, channels_out, H / stride, W / stride).
    """
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


class BirdCNN(nn.Module):
    """Convolutions, global average pooling, one linear layer: CAM applies to it exactly.

    Parameters
    ----------
    classes : int
        How many logits.

    References
    ----------
    Zhou et al. 2016, arXiv:1512.04150; lecture notes, section 2.2.
    """

    def __init__(self, classes: int = len(SPECIES)) -> None:
        super().__init__()
        self.features = nn.Sequential(  # (N, 3, 96, 96)
            conv(3, 16, stride=2),  # (N, 16, 48, 48)
            conv(16, 32, stride=2),  # (N, 32, 24, 24)
            conv(32, 48),
            conv(48, 64, stride=2),  # (N, 64, 12, 12)
            conv(64, 96),
            conv(96, 96),
        )
        self.classifier = nn.Linear(96, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of normalised images (N, 3, 96, 96)."""
        maps = self.features(images)  # (N, 96, 12, 12)
        pooled = maps.mean(dim=(2, 3))  # (N, 96)
        logits: Tensor = self.classifier(pooled)
        return logits


class Attention(nn.Module):
    r"""Trainable attention of one layer: which of its places fit what the whole network sees.

    .. math:: c_i = l_i \cdot g, \qquad a = \operatorname{softmax}(c), \qquad g_a = \sum_i a_i l_i

    Here :math:`l_i` is the local feature at place i, brought to the length of the global feature g. The paper also
    tries :math:`c_i = u \cdot (l_i + g)` with a learnt u; there, g adds the same to every place, and the softmax
    takes it out again. As in transformers, the product is divided by the root of its length, against saturation.

    Parameters
    ----------
    channels_local, channels_global : int
        Lengths c of the local and C of the global feature.

    References
    ----------
    Jetley et al. 2018, arXiv:1804.02391, section 3; lecture notes, section 2.3.
    """

    def __init__(self, channels_local: int, channels_global: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels_local, channels_global, kernel_size=1, bias=False)

    def forward(self, local: Tensor, everything: Tensor) -> tuple[Tensor, Tensor]:
        """Attended features (N, C) and attention map (N, h, w) of local (N, c, h, w) and global features (N, C)."""
        local = self.project(local)  # (N, C, h, w)
        compatibility = (local * everything[:, :, None, None]).sum(dim=1) / local.shape[1] ** 0.5  # (N, h, w)
        attention = compatibility.flatten(1).softmax(dim=1).view_as(compatibility)  # each map adds up to 1
        return (attention[:, None] * local).sum(dim=(2, 3)), attention


class BirdAttention(nn.Module):
    """A convolutional network that looks at its own middle layers: only what it attends to reaches the classifier.

    Parameters
    ----------
    classes
        As in `BirdCNN`.

    References
    ----------
    Jetley et al. 2018, arXiv:1804.02391; lecture notes, section 2.3.
    """

    def __init__(self, classes: int = len(SPECIES)) -> None:
        super().__init__()
        self.lower = nn.Sequential(conv(3, 16, stride=2), conv(16, 32, stride=2), conv(32, 64))  # (N, 64, 24, 24)
        self.middle = nn.Sequential(conv(64, 64, stride=2), conv(64, 96))  # (N, 96, 12, 12)
        self.upper = nn.Sequential(conv(96, 96, stride=2), conv(96, 96))  # (N, 96, 6, 6)
        self.attention_lower, self.attention_middle = Attention(64, 96), Attention(96, 96)
        self.classifier = nn.Linear(2 * 96, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of normalised images (N, 3, 96, 96)."""
        (lower, _), (middle, _) = self._attend(images)
        logits: Tensor = self.classifier(torch.cat([lower, middle], dim=1))
        return logits

    def attention(self, images: Tensor) -> list[Tensor]:
        """The attention maps of both layers.

        Parameters
        ----------
        images : Tensor, shape (N, 3, 96, 96)
            Normalised.

        Returns
        -------
        list of two Tensors, shapes (N, 24, 24) and (N, 12, 12)
            Not negative; each map adds up to 1.
        """
        return [attention for _, attention in self._attend(images)]

    def _attend(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        lower = self.lower(images)
        middle = self.middle(lower)
        everything = self.upper(middle).mean(dim=(2, 3))  # (N, 96)
        return [self.attention_lower(lower, everything), self.attention_middle(middle, everything)]


def bird_vit(classes: int = len(SPECIES)) -> VisionTransformer:
    """A small vision transformer: 12 × 12 tokens and a class token of length 96, 5 layers with 4 heads.

    Two convolutions come before the patches of 2 × 2 of their cells, that is 8 × 8 pixels: they make it learn faster.

    Parameters
    ----------
    classes : int
        How many logits.

    Returns
    -------
    VisionTransformer
        That of timm, so that what works with timm's networks works with it.

    References
    ----------
    Dosovitskiy et al. 2020, arXiv:2010.11929; Xiao et al. 2021, arXiv:2106.14881 (why convolutions help).
    """
    stem = nn.Sequential(conv(3, 24, stride=2), conv(24, 48, stride=2))  # (N, 48, 24, 24)
    return VisionTransformer(
        img_size=SIZE,
        patch_size=2,
        num_classes=classes,
        embed_dim=96,
        depth=5,
        num_heads=4,
        mlp_ratio=3,
        embed_layer=partial(HybridEmbed, backbone=stem),
    )


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "birds_cnn": BirdCNN,
    "birds_vit": bird_vit,
    "birds_attention": BirdAttention,
    "birds_shortcut": BirdCNN,  # like birds_cnn, but trained where the landscape goes with the species
}


def load(name: str) -> nn.Module:
    """A trained network with frozen parameters, in evaluation mode.

    Parameters
    ----------
    name : str
        From `ARCHITECTURES`.

    Returns
    -------
    Module
        Maps normalised images (N, 3, 96, 96) to logits (N, 8), in the order of `lecture_lib.birds.SPECIES`.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    model = ARCHITECTURES[choose(name, ARCHITECTURES, "network")]()
    model.load_state_dict(load_file(WEIGHTS / f"{name}.safetensors"))  # half precision, copied to full precision
    return model.eval().requires_grad_(False)
