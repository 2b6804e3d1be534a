"""The widgets on drawn birds without a browser, and the pure functions under them."""

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from lecture_lib import activations, birds, maps, networks, widgets
from lecture_lib.widgets import birds as bird_widgets
from lecture_lib.widgets.birds import attention_picture
from tests.shared.widgets import settled

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
    map_panel = bird_widgets.map_panel
    monkeypatch.setattr(bird_widgets, "map_panel", lambda *a, **o: (found.append(a[0]), map_panel(*a, **o))[1])
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
    assert 'alt="bird 3"' in picture.panels[0]
    assert f'alt="{title}"' in picture.panels[2]


def test_the_widget_offers_every_bird_layer_and_head(network: networks.Network) -> None:
    widget = widgets.attention(network)
    bird, layer, head = widget.controls.values()
    assert (bird.min, bird.max, bird.continuous_update) == (0, 99, True)
    assert [value for _, value in layer.options] == [bird_widgets.ALL, 0, 1, 2]
    assert [label for label, _ in layer.options] == ["rollout of all", "1", "2", "3"]
    assert [value for _, value in head.options] == [bird_widgets.ALL, 0, 1]
    assert 'alt="bird 0"' in widget.picture.value
    assert 'alt="rollout"' in widget.picture.value


def test_the_widget_follows_its_controls(network: networks.Network) -> None:
    widget = widgets.attention(network)
    bird, layer, head = widget.controls.values()
    assert head.disabled
    layer.label = "3"
    assert not head.disabled
    assert 'alt="layer 3, mean of the heads"' in settled(widget).picture.value
    head.label = "2"
    assert 'alt="layer 3, head 2"' in settled(widget).picture.value
    bird.value = 7
    assert 'alt="bird 7"' in settled(widget).picture.value
    assert attention_picture(network, 7, layer=2, head=1).html == widget.picture.value
    layer.index = 0
    assert head.disabled
    assert 'alt="rollout"' in settled(widget).picture.value
    widget.reset.click()
    assert 'alt="bird 0"' in settled(widget).picture.value
    assert head.disabled
    assert (layer.index, head.index) == (0, 0)  # no index, no word in the menu


def test_a_network_without_attention() -> None:
    cnn = networks.load("birds_cnn")
    with pytest.raises(ValueError, match="without self-attention"):
        widgets.attention(cnn)
