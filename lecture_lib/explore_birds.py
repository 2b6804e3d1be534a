"""Widgets on drawn birds: choose a scene, and see what a network of ours makes of it."""

import ipywidgets as widgets
from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_lib import activations, birds, maps, regions, show
from lecture_lib.widget_parts import Picture, _html


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
    controls = {
        "bird": widgets.IntSlider(0, min=0, max=99, description="bird", continuous_update=False),
        "layer": widgets.Dropdown(
            options=[("rollout of all", None), *((str(k + 1), k) for k in range(layers))], description="layer"
        ),
        "head": widgets.Dropdown(
            options=[("mean", None), *((str(k + 1), k) for k in range(heads))], description="head"
        ),
    }
    picture = widgets.HTML()

    def redraw(_: object = None) -> None:
        """Show what the controls say."""
        controls["head"].disabled = controls["layer"].value is None  # rollout takes all heads
        values = {name: control.value for name, control in controls.items()}
        picture.value = _html(attention_picture(network, **values))

    for control in controls.values():
        control.observe(redraw, "value")
    redraw()
    return widgets.VBox([widgets.HBox(list(controls.values())), picture])


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
    figure = Figure(figsize=(3.2 * show.PANEL, show.PANEL + 0.3), layout="constrained")
    axes = figure.subplots(1, 3)
    limit = float(found.max())
    show.draw_image(axes[0], image, f"bird {bird}")
    show.draw_map(axes[1], found, f"{found.shape[1]} × {found.shape[2]} patches", limit=limit)
    show.draw_image(axes[2], image.mean(dim=1, keepdim=True), title)
    show.draw_map(axes[2], upsampled, title, label="multiples of the mean weight", limit=limit, see_through=True)
    caption = f"Share of the map (of the area): {', '.join(shares)}."
    return Picture(
        show.png(figure), f"Bird {bird}, the attention of its patches, and the map over it: {title}.", caption
    )


def _class_token(rows: Tensor, layer: int | None, head: int | None) -> tuple[str, Tensor]:
    """What is shown, and the class token's row (1, tokens) of attention (layers, 1, heads, tokens, tokens)."""
    if layer is None:
        return "rollout", activations.rollout(rows)[:, 0]
    if head is None:
        return f"layer {layer + 1}, mean of the heads", rows[layer].mean(dim=1)[:, 0]
    return f"layer {layer + 1}, head {head + 1}", rows[layer, :, head, 0]
