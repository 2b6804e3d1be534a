"""Widgets on drawn birds: choose a scene, and see what a network of ours makes of it."""

from typing import Any

import ipywidgets as widgets
from torch import Tensor, nn

from lecture_lib import activations, birds, maps, regions
from lecture_lib.widgets.panels import Picture, image_panel, map_panel
from lecture_lib.widgets.stage import Live

ALL = -1  # the value of a menu for all layers, or all heads: for None, ipywidgets would show an empty menu


def attention(network: nn.Module) -> widgets.VBox:
    """A vision transformer's attention by hand: choose bird, layer and head, or rollout.

    Parameters
    ----------
    network : Module
        A vision transformer for drawn birds, such as ``networks.load("birds_vit")``.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell.
    """
    layers, _, heads = activations.attention(network, birds.scenes(1, seed=0)[0]).shape[:3]
    every, mean = [("rollout of all", ALL)], [("mean", ALL)]
    controls = {
        "bird": widgets.IntSlider(0, min=0, max=99, description="bird"),
        "layer": widgets.Dropdown(options=every + [(str(k + 1), k) for k in range(layers)], description="layer"),
        "head": widgets.Dropdown(
            options=mean + [(str(k + 1), k) for k in range(heads)], description="head", disabled=True
        ),
    }

    def switch_head(_: object) -> None:
        """Rollout takes all heads."""
        controls["head"].disabled = controls["layer"].value == ALL

    def draw(_: object, bird: int, layer: int, head: int) -> list[Picture]:
        """Show what the controls say."""
        one_layer, one_head = (None if number == ALL else number for number in (layer, head))
        return [attention_picture(network, bird, layer=one_layer, head=one_head)]

    controls["layer"].observe(switch_head, "value")
    return Live(draw, controls)


def attention_picture(network: nn.Module, bird: int, *, layer: int | None = None, head: int | None = None) -> Picture:
    """A drawn bird, the class token's attention in its cells, and the upsampled map over the image in gray.

    Parameters
    ----------
    network : Module
        A vision transformer for drawn birds.
    bird : int
        The seed of the scene.
    layer, head : int or None
        From 0 up. Without a layer, rollout of all; without a head, the mean of all.

    Returns
    -------
    Picture
        With the shares of the bird and its parts in the caption, beside their shares of the area.
    """
    image, _, masks = birds.scenes(1, seed=bird)
    title, row = _class_token(activations.attention(network, image), layer, head)
    found = activations.token_map(row) * row.shape[-1]  # 1: as much as each token gets on average
    upsampled = maps.upsample(found, (image.shape[2], image.shape[3]))
    shares = [
        f"{name} {regions.inside_fraction(upsampled, mask).item():.0%} ({mask.mean().item():.0%})"
        for name, mask in {"bird": 1 - masks[:, -1], **dict(zip(birds.PARTS, masks.unbind(1), strict=False))}.items()
    ]
    cells = f"{found.shape[1]} × {found.shape[2]} patches"
    scale: dict[str, Any] = {"limit": float(found.max()), "unit": "multiples of the mean weight"}
    panels = [
        image_panel(image, f"bird {bird}"),
        map_panel(found, cells, **scale),
        map_panel(upsampled, title, over=image, **scale),
    ]
    return Picture(panels, f"Share of the map (of the area): {', '.join(shares)}.")


def _class_token(rows: Tensor, layer: int | None, head: int | None) -> tuple[str, Tensor]:
    """What is shown, and the class token's row (1, tokens) of attention (layers, 1, heads, tokens, tokens)."""
    if layer is None:
        return "rollout", activations.rollout(rows)[:, 0]
    if head is None:
        return f"layer {layer + 1}, mean of the heads", rows[layer].mean(dim=1)[:, 0]
    return f"layer {layer + 1}, head {head + 1}", rows[layer, :, head, 0]
