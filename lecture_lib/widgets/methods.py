r"""Widgets on methods: move a slider, and see what the method answers.

A widget is a thin layer over a pure function that makes its pictures: `smoothgrad_pictures`,
`integrated_gradients_pictures` and `grad_cam_pictures`. They are made in the background: a first one
soon, then better ones, until a newer move of a slider stops the work on an older one.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor, nn

from lecture_lib import activations, gradients, maps, regions
from lecture_lib.networks import Network, Score
from lecture_lib.samples import baseline_images, noisy_samples
from lecture_lib.widgets.panels import SHOWN, Picture, image_panel, map_panel
from lecture_lib.widgets.parts import Explorer

UNIT = "score per unit of intensity"
FIRST = 4  # samples in one call of the network: on two cores, the first picture takes a quarter of a second


# ---- SmoothGrad and Integrated Gradients on photographs


def smoothgrad(network: Network) -> widgets.VBox:
    """SmoothGrad by hand: choose photograph, class, noise level and number of samples.

    Parameters
    ----------
    network : Network
        A classifier of ImageNet's photographs.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell.
    """
    percent = widgets.FloatSlider(0.15, min=0, max=0.5, step=0.01, readout_format=".0%", description="noise level")
    count = widgets.IntSlider(10, min=1, max=100, description="samples")
    return Explorer(network, smoothgrad_pictures, "SmoothGrad", {"noise_level": percent, "n_samples": count})


def integrated_gradients(network: Network) -> widgets.VBox:
    """Integrated Gradients by hand: choose photograph, class, baseline and number of steps.

    Parameters
    ----------
    network
        As in `smoothgrad`.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell.
    """
    start = widgets.Dropdown(options=["black", "white", "blur", "uniform"], description="baseline")
    count = widgets.IntSlider(10, min=1, max=300, description="steps")
    controls = {"baseline": start, "n_steps": count}
    return Explorer(network, integrated_gradients_pictures, "Integrated Gradients", controls)


def smoothgrad_pictures(
    score: Score, image: Tensor, title: str, *, noise_level: float, n_samples: int
) -> Iterator[Picture]:
    """The image, its first noisy copy, and the SmoothGrad map of the samples so far: the largest value over channels.

    Parameters
    ----------
    score : function
        From images ``(N, C, H, W)`` to one number per image ``(N,)``.
    image : Tensor, shape (1, C, H, W)
        Pixels in [0, 1].
    title : str
        Title of the map.
    noise_level, n_samples
        As in `lecture_lib.gradients.smoothgrad`.

    Yields
    ------
    Picture
        After some of the samples and after all, with the standard deviation of the noise in its caption.
    """
    copy = next(noisy_samples(image, noise_level=noise_level))
    sigma = noise_level * float(image.max() - image.min())
    noise = f"the noise has σ = {sigma:.2f} ({noise_level:.0%} of I_max − I_min)."

    def maps_so_far() -> Iterator[tuple[Tensor, str]]:
        """The map of the samples so far, and what to say about it."""
        samples = noisy_samples(image, noise_level=noise_level, n_samples=n_samples)
        total = torch.zeros_like(image)
        for count, found in enumerate(gradients.sample_gradients(score, samples, batch_size=FIRST), start=1):
            total += found
            if count in SHOWN or count == n_samples:
                so_far = "" if count == n_samples else f" so far, of {n_samples}"
                yield maps.max_abs(total / count), f"Mean of {count} gradients{so_far}; {noise}"

    yield from _pictures(maps_so_far(), image, (copy, "one noisy copy"), title, UNIT)


def integrated_gradients_pictures(
    score: Score, image: Tensor, title: str, *, baseline: str, n_steps: int
) -> Iterator[Picture]:
    """The image, the baseline, and the map of Integrated Gradients: the mean over the channels, with sign.

    Parameters
    ----------
    score, image, title
        As in `smoothgrad_pictures`.
    baseline, n_steps
        As in `lecture_lib.gradients.integrated_gradients`.

    Yields
    ------
    Picture
        With few steps, which are done soon, and with all; the completeness gap is in the caption.
    """

    def maps_so_far() -> Iterator[tuple[Tensor, str]]:
        """The map of so many steps, and what to say about it."""
        for count in [*(few for few in SHOWN if 2 * few < n_steps), n_steps]:
            found, gap = gradients.integrated_gradients(
                score, image, baseline=baseline, n_steps=count, batch_size=FIRST, return_completeness_gap=True
            )
            so_far = "" if count == n_steps else f"With {count} steps, until {n_steps} are done: "
            yield maps.mean(found), so_far + _completeness(float(found.sum()), gap.item())

    start = (baseline_images(image, baseline), f"baseline: {baseline}")
    yield from _pictures(maps_so_far(), image, start, title, "score")


def _completeness(total: float, gap: float) -> str:
    difference = total - gap
    share = f" ({gap / difference:.1%} of f(I) − f(B))" if abs(difference) > 1e-6 else ""
    return (
        f"f(I) − f(B) = {difference:.2f}; the attribution adds up to {total:.2f}. Completeness gap: {gap:.2f}{share}."
    )


def _pictures(
    found: Iterable[tuple[Tensor, str]], image: Tensor, other: tuple[Tensor, str], title: str, unit: str
) -> Iterator[Picture]:
    """The image, another one with its title, and one map after another, each with its caption."""
    first = [image_panel(image, "image"), image_panel(*other)]
    for values, caption in found:
        limit = float(values.abs().flatten().quantile(0.995))
        yield Picture([*first, map_panel(values, title, unit=unit, limit=limit)], caption)


# ---- Grad-CAM on photographs and collages

COLLAGES = ("cat | coffee", "camera | coffee", "motorcycle | camera", "flower | motorcycle", "china | camera")


def grad_cam(network: Network) -> widgets.VBox:
    """Grad-CAM by hand: choose photograph or collage, class and layer, with or without the final ReLU.

    Parameters
    ----------
    network : Network
        A convolutional classifier of ImageNet's photographs.

    Returns
    -------
    ipywidgets VBox
        Shows itself at the end of a cell.
    """
    layers = _layers_with_maps(network)
    layer = widgets.Dropdown(options=layers, value=layers[-1][1], description="layer")
    relu = widgets.Checkbox(True, description="ReLU: only what raises the score", indent=False)
    options = {"layer": layer, "relu_attributions": relu}
    return Explorer(network, grad_cam_pictures, "Grad-CAM", options, COLLAGES)


def grad_cam_pictures(
    score: Score, image: Tensor, title: str, *, layer: nn.Module, relu_attributions: bool = True
) -> Iterator[Picture]:
    """The image, the map in its cells, and the upsampled map over the image in gray.

    Parameters
    ----------
    score, image, title
        As in `smoothgrad_pictures`.
    layer, relu_attributions
        As in `lecture_lib.activations.grad_cam`.

    Yields
    ------
    Picture
        One, with the number of cells in its caption, and how much of the positive map lies on the left half.
    """
    found = activations.grad_cam(score, image, layer, relu_attributions=relu_attributions)
    upsampled = maps.upsample(found, (image.shape[2], image.shape[3]))
    left = (torch.arange(image.shape[3]) < image.shape[3] // 2).to(upsampled).expand_as(upsampled)
    share = regions.inside_fraction(upsampled, left).item()
    rows, columns = found.shape[1:]
    caption = f"{rows} × {columns} cells. " + (
        "No cell is positive." if math.isnan(share) else f"{share:.0%} of what is positive lies on the left half."
    )
    scale: dict[str, Any] = {"limit": float(found.abs().max()), "signed": bool(found.min() < 0), "unit": "score"}
    cells = map_panel(found, f"{rows} × {columns} cells", **scale)
    yield Picture([image_panel(image, "image"), cells, map_panel(upsampled, title, over=image, **scale)], caption)


def _layers_with_maps(network: Network) -> list[tuple[str, nn.Module]]:
    """Names and layers that return activation maps of more than one cell, from the first to the last."""
    layers = [(name, layer) for name, layer in network.model.named_modules() if name and name.count(".") < 2]
    side: Any = network.preprocessing["size"]
    with ExitStack() as recorded, torch.no_grad():
        recordings = [recorded.enter_context(activations.record(layer)) for _, layer in layers]
        network(torch.zeros(1, network.mean.shape[1], side, side))
    found = [
        (name, layer)
        for (name, layer), recording in zip(layers, recordings, strict=True)
        if len(recording.outputs) == 1 and recording.output.ndim == 4 and recording.output[0, 0].numel() > 1
    ]
    if not found:
        raise ValueError("Expected a network with layers that return activation maps, received one without.")
    return found
