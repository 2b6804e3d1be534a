"""The widgets on drawn birds without a browser, and the pure functions under them."""

import io

import pytest
import torch
from matplotlib import pyplot as plt
from PIL import Image
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from lecture_lib import activations, birds, explore, explore_birds, maps, networks
from lecture_lib.explore_birds import attention_picture

close = torch.testing.assert_close
IMAGE, _, MASKS = birds.scenes(1, seed=3)


@pytest.fixture(scope="module")
def network() -> networks.Network:
    """A vision transformer that nobody has trained: 3 layers, 2 heads, 6 × 6 patches."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = VisionTransformer(img_size=96, patch_size=16, num_classes=8, embed_dim=16, depth=3, num_heads=2)
    for block in model.blocks:
        block.attn.qkv.weight.data *= 30  # far from flat
    return networks.Network(model, list(birds.SPECIES), (0.5,) * 3, (0.5,) * 3, size=96)


@pytest.fixture
def flat() -> networks.Network:
    """All queries are 0, so every token attends to all tokens alike."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = VisionTransformer(img_size=96, patch_size=16, num_classes=8, embed_dim=16, depth=2, num_heads=2)
    for block in model.blocks:
        block.attn.qkv.weight.data.zero_()
        block.attn.qkv.bias.data.zero_()
    return networks.Network(model, list(birds.SPECIES), (0.5,) * 3, (0.5,) * 3, size=96)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The maps that are drawn, in their order."""
    found: list[Tensor] = []
    draw_map = explore_birds.show.draw_map
    monkeypatch.setattr(
        explore_birds.show, "draw_map", lambda ax, *rest, **o: (found.append(rest[0]), draw_map(ax, *rest, **o))
    )
    return found


@pytest.mark.parametrize(("layer", "head"), [(None, None), (0, None), (1, 1)])
def test_flat_attention_lies_on_each_part_by_its_area(
    flat: networks.Network, drawn: list[Tensor], layer: int | None, head: int | None
) -> None:
    picture = attention_picture(flat, 3, layer=layer, head=head)
    shares = {"bird": 1 - MASKS[:, -1], **dict(zip(birds.PARTS, MASKS[0], strict=False))}
    listed = ", ".join(f"{name} {mask.mean():.0%} ({mask.mean():.0%})" for name, mask in shares.items())
    assert picture.caption == f"Share of the map (of the area): {listed}."
    if layer is not None:
        close(drawn[0], torch.ones(1, 6, 6))  # once the mean weight
    else:  # with the identity: ((U + I) / 2)² = (3 U + I) / 4, U = 1/37 everywhere
        close(drawn[0], torch.full((1, 6, 6), 0.75))


@pytest.mark.parametrize(("layer", "head"), [(None, None), (None, 1), (0, None), (2, 0), (1, 1)])
def test_what_is_drawn_is_the_class_tokens_row(
    network: networks.Network, drawn: list[Tensor], layer: int | None, head: int | None
) -> None:
    picture = attention_picture(network, 3, layer=layer, head=head)
    rows = activations.attention(network, IMAGE)
    if layer is None:
        row, title = activations.rollout(rows)[0, 0], "rollout"
    elif head is None:
        row, title = rows[layer, 0, :, 0].mean(dim=0), f"layer {layer + 1}, mean of the heads"
    else:
        row, title = rows[layer, 0, head, 0], f"layer {layer + 1}, head {head + 1}"
    close(drawn[0], 37 * row[1:].view(1, 6, 6))
    close(drawn[1], maps.upsample(drawn[0], 96))
    assert picture.alt.startswith("Bird 3, ")
    assert picture.alt.endswith(f": {title}.")
    with Image.open(io.BytesIO(picture.png)) as image:
        assert image.format == "PNG"
        assert image.size[0] > 600
    assert not plt.get_fignums()


def test_the_widget_offers_every_bird_layer_and_head(network: networks.Network) -> None:
    (controls, picture) = explore.attention(network).children
    bird, layer, head = controls.children
    assert (bird.min, bird.max, bird.continuous_update) == (0, 99, False)
    assert [value for _, value in layer.options] == [None, 0, 1, 2]
    assert [label for label, _ in layer.options] == ["rollout of all", "1", "2", "3"]
    assert [value for _, value in head.options] == [None, 0, 1]
    assert 'alt="Bird 0, ' in picture.value
    assert ": rollout." in picture.value


def test_the_widget_follows_its_controls(network: networks.Network) -> None:
    (controls, picture) = explore.attention(network).children
    bird, layer, head = controls.children
    assert head.disabled
    layer.label = "3"
    assert not head.disabled
    assert ": layer 3, mean of the heads." in picture.value
    head.label = "2"
    assert ": layer 3, head 2." in picture.value
    bird.value = 7
    assert 'alt="Bird 7, ' in picture.value
    assert attention_picture(network, 7, layer=2, head=1).caption in picture.value
    layer.index = 0
    assert head.disabled
    assert ": rollout." in picture.value


def test_a_network_without_attention() -> None:
    cnn = networks.load("birds_cnn")
    with pytest.raises(ValueError, match="without self-attention"):
        explore.attention(cnn)
