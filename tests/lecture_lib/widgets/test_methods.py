"""The pure functions under the widgets, and the widgets without a browser: traits stand in for hands."""

import io
import threading
from collections.abc import Callable

import pytest
import torch
from PIL import Image
from torch import Tensor

from lecture_lib import activations, gradients, maps, networks, pictures
from lecture_lib.widgets import methods, square, stage
from tests.shared.networks import linear_score, random_images, random_weight
from tests.shared.widgets import diagonal, settled, small_network

close = torch.testing.assert_close
IMAGE = random_images(1)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, list]:
    """What is drawn: images, and maps with their options."""
    found: dict[str, list] = {"images": [], "maps": []}
    image_panel, map_panel = methods.image_panel, methods.map_panel
    monkeypatch.setattr(methods, "image_panel", lambda *a: (found["images"].append(a[0]), image_panel(*a))[1])
    monkeypatch.setattr(
        methods, "map_panel", lambda *a, **o: (found["maps"].append((a[0], o)), map_panel(*a, **o))[1]
    )
    return found


# ---- pictures


def test_smoothgrad_pictures_get_better() -> None:
    score = linear_score(random_weight(IMAGE))
    made = list(methods.smoothgrad_pictures(score, IMAGE / 2, "of a cat", noise_level=0.2, n_samples=20))
    sigma = 0.2 * float(IMAGE.max() - IMAGE.min()) / 2
    starts = [
        "Mean of 4 gradients so far, of 20; the",
        "Mean of 16 gradients so far, of 20; the",
        "Mean of 20 gradients; the",
    ]
    for picture, start in zip(made, starts, strict=True):
        assert picture.caption.startswith(f"{start} noise has σ = {sigma:.2f} (20% of")
        assert len(picture.panels) == 3
        assert "of a cat" in picture.panels[2]


@pytest.mark.parametrize(("n_samples", "shown"), [(1, [1]), (4, [4]), (10, [4, 10]), (64, [4, 16, 64])])
def test_smoothgrad_pictures_draw_what_smoothgrad_finds(drawn, n_samples: int, shown: list[int]) -> None:
    seen: list[Tensor] = []

    def score(images: Tensor) -> Tensor:
        seen.append(images.detach())
        return images.pow(3).sum((1, 2, 3))

    list(methods.smoothgrad_pictures(score, IMAGE, "", noise_level=0.3, n_samples=n_samples))
    image, noisy = drawn["images"]
    assert torch.equal(image, IMAGE)
    assert torch.equal(noisy, torch.cat(seen)[:1])  # the copy that is shown is one that was used
    assert sum(map(len, seen)) == n_samples  # no work is done twice
    for count, (values, _) in zip(shown, drawn["maps"], strict=True):
        expected = gradients.smoothgrad(score, IMAGE, noise_level=0.3, n_samples=count)
        close(values, maps.max_abs(expected))


def test_integrated_gradients_pictures_tell_the_gap() -> None:
    def square(images: Tensor) -> Tensor:
        return images.square().sum((1, 2, 3))

    image = torch.full((1, 1, 2, 2), 1.0)
    (picture,) = methods.integrated_gradients_pictures(square, image, "of a cat", baseline="black", n_steps=1)
    # the midpoint rule is exact for a square
    assert picture.caption == "f(I) − f(B) = 4.00; the attribution adds up to 4.00. " + (
        "Completeness gap: 0.00 (0.0% of f(I) − f(B))."
    )
    assert "of a cat" in picture.panels[2]
    assert "baseline: black" in picture.panels[1]
    (cube,) = methods.integrated_gradients_pictures(
        lambda images: images.pow(3).sum((1, 2, 3)), image, "", baseline="black", n_steps=1
    )  # 4 · 3 · (1/2)² = 3, where 4 is right
    assert "Completeness gap: -1.00 (-25.0% of f(I) − f(B))." in cube.caption


@pytest.mark.parametrize(("n_steps", "shown"), [(8, [8]), (9, [4, 9]), (300, [4, 16, 64, 300])])
def test_integrated_gradients_pictures_start_with_few_steps(drawn, n_steps: int, shown: list[int]) -> None:
    def cube(images: Tensor) -> Tensor:
        return images.pow(3).sum((1, 2, 3))

    image = torch.rand(1, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    made = list(methods.integrated_gradients_pictures(cube, image, "", baseline="white", n_steps=n_steps))
    for count, picture, (values, _) in zip(shown, made, drawn["maps"], strict=True):
        expected = gradients.integrated_gradients(cube, image, baseline="white", n_steps=count)
        close(values, maps.mean(expected))
        assert picture.caption.startswith(f"With {count} steps, until {n_steps} are done: ") == (count < n_steps)


def test_no_share_of_a_difference_that_is_zero() -> None:
    image = torch.zeros(1, 1, 2, 2)
    (picture,) = methods.integrated_gradients_pictures(
        linear_score(torch.ones(1)), image, "", baseline="black", n_steps=2
    )
    assert picture.caption.endswith("Completeness gap: 0.00.")


@pytest.mark.parametrize("baseline", ["black", "white", "blur", "uniform"])
def test_every_baseline_can_be_drawn(baseline: str) -> None:
    score = linear_score(random_weight(IMAGE))
    (picture,) = methods.integrated_gradients_pictures(score, IMAGE, "", baseline=baseline, n_steps=2)
    assert f"baseline: {baseline}" in picture.html


def cells(weights: list[float]) -> tuple[torch.nn.Module, Callable[[Tensor], Tensor]]:
    """A layer that returns the image's columns in pairs as cells, and a score that weighs them."""
    layer = torch.nn.AvgPool2d((8, 2))
    return layer, lambda images: (layer(images) * torch.tensor(weights)).sum((1, 2, 3))


def test_grad_cam_pictures_tell_the_share_of_the_left_half() -> None:
    """Four cells with the image 1 everywhere; their gradients have the mean 1, so each cell of the map is 3 or 0."""
    layer, score = cells([3.0, 1.0, 0.0, 0.0])
    image = torch.zeros(1, 1, 8, 8)
    image[..., :2] = 1
    (picture,) = methods.grad_cam_pictures(score, image, "of a cat", layer=layer)
    # The map is 1, 0, 0, 0 times a constant. Upsampled it reaches the third pixel (3/4) and the fourth (1/4).
    assert picture.caption == "1 × 4 cells. 100% of what is positive lies on the left half."
    assert "of a cat" in picture.panels[2]
    image = torch.ones(1, 1, 8, 8)
    (picture,) = methods.grad_cam_pictures(score, image, "", layer=layer)
    assert "50% of what" in picture.caption


def test_grad_cam_pictures_without_anything_positive() -> None:
    layer, score = cells([-3.0, -1.0, -2.0, 0.0])
    for relu in (True, False):
        (picture,) = methods.grad_cam_pictures(score, torch.ones(1, 1, 8, 8), "", layer=layer, relu_attributions=relu)
        assert picture.caption == "1 × 4 cells. No cell is positive."


def test_grad_cam_pictures_draw_the_cells_and_the_upsampled_map(drawn) -> None:
    network, image = small_network(), pictures.photo("cat", 32)
    layer = network.model.features
    list(methods.grad_cam_pictures(network.score("lynx"), image, "", layer=layer, relu_attributions=False))
    found = activations.grad_cam(network.score("lynx"), image, layer)
    (cells, options), (upsampled, over_options) = drawn["maps"]
    close(cells, found)
    close(upsampled, maps.upsample(found, 32))
    assert torch.equal(over_options.pop("over"), image)
    assert options == over_options
    assert options["limit"] == float(found.abs().max())
    assert options["signed"] is bool(found.min() < 0)


# ---- the plane


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (0.3, 0.8), (1.0, 1.0)])
def test_numbers_at_a_point(x: float, y: float) -> None:
    value, (dx, dy) = square.at_point(diagonal, x, y)
    p = torch.tensor(4 * (x + 2 * y - 1)).sigmoid().item()
    assert value == pytest.approx(p, rel=1e-5)
    assert (dx, dy) == pytest.approx((4 * p * (1 - p), 8 * p * (1 - p)), rel=1e-3)


def colour(picture: bytes, x: float, y: float) -> tuple[int, ...]:
    """Of the pixel at a point of the unit square."""
    place = (
        round(square.MARGIN + x * square.SIDE),
        round(square.MARGIN + (1 - y) * square.SIDE),
    )
    with Image.open(io.BytesIO(picture)) as image:
        found = image.convert("RGB").getpixel(place)
    assert isinstance(found, tuple)
    return found


def test_the_plane_is_red_where_the_probability_is_high_and_lies_where_the_point_is_drawn() -> None:
    def steep(images: Tensor) -> Tensor:
        return (1000 * (images[:, 0, 0, 0] - 0.5)).sigmoid()

    picture = square.plane_picture(steep)
    for y in (0.007, 0.35, 0.993):
        for x, red in [(0.007, False), (0.45, False), (0.55, True), (0.993, True)]:
            r, _, b = colour(picture, x, y)
            assert (r > b) == red, (x, y)
    outside = [(-0.02, 0.5), (1.02, 0.5), (0.7, -0.03), (0.02, 1.03)]
    assert [colour(picture, x, y) for x, y in outside] == [(255, 255, 255)] * 4


def test_the_boundary_is_drawn_at_one_half() -> None:
    picture = square.plane_picture(diagonal)
    for x in (0.21, 0.43, 0.61):
        assert max(colour(picture, x, (1 - x) / 2)) < 60


def test_points_are_drawn_where_they_are_in_the_colour_of_their_class() -> None:
    points = torch.tensor([[0.613, 0.787], [0.137, 0.113]]).view(2, 1, 1, 2)
    picture = square.plane_picture(diagonal, points, torch.tensor([1, 0]))
    assert colour(picture, 0.613, 0.787) == (139, 0, 0)  # darkred
    assert colour(picture, 0.137, 0.113) == (0, 0, 128)  # navy
    assert square.plane_picture(diagonal, points) != picture


def test_a_score_that_is_no_probability() -> None:
    with pytest.raises(ValueError, match=r"a probability, received values from 0 to 2"):
        square.plane(lambda images: 2 * images[:, 0, 0, 0])


def test_a_score_without_a_gradient() -> None:
    with pytest.raises(ValueError, match="depends on the image"):
        square.plane(lambda images: torch.full((len(images),), 0.5))


def test_the_point_is_followed() -> None:
    widget = square.plane(diagonal)
    point, caption = widget.controls["point"], widget.children[-1]
    assert caption.value.startswith("x₁ = 0.50, x₂ = 0.50: probability 0.88; gradient (0.42, 0.84), length 0.94")
    before = point.arrow
    point.value = [0.0, 0.5]
    assert caption.value.startswith("x₁ = 0.00, x₂ = 0.50: probability 0.50; gradient (1.00, 2.00)")
    assert point.arrow[1] == pytest.approx(2 * point.arrow[0])
    assert point.arrow[0] == pytest.approx(before[0] / (4 * 0.105), rel=1e-2)  # p (1 - p) = 0.105 at p = 0.88
    field = gradients.gradient(diagonal, torch.rand(1000, 1, 1, 2)).flatten(1).norm(dim=1).max()
    length = (point.arrow[0] ** 2 + point.arrow[1] ** 2) ** 0.5
    assert length == pytest.approx(square.LONGEST * 5**0.5 / float(field), rel=0.05)


# ---- the widgets


MAKERS = pytest.mark.parametrize("make", [methods.smoothgrad, methods.integrated_gradients, methods.grad_cam])


@MAKERS
def test_a_widget_has_its_picture_at_once(make: Callable) -> None:
    network = small_network()
    widget = make(network)
    image = pictures.photo("camera", 32)
    best = [name for name, _ in network.predict(image)[0]]
    assert [value for _, value in widget.likely.options] == best
    assert 'alt="image"' in widget.picture.value
    assert f': {best[0]}"' in widget.picture.value
    assert widget.message.value == ""
    assert widget.bar.layout.visibility == "hidden"


@pytest.mark.parametrize("make", [methods.smoothgrad, methods.integrated_gradients])
def test_sliders_tell_every_place_on_the_way(make: Callable) -> None:
    sliders = [control for control in make(small_network()).options.values() if hasattr(control, "step")]
    assert sliders
    assert all(slider.continuous_update for slider in sliders)


def test_the_sliders_arrive_at_the_method() -> None:
    widget = methods.smoothgrad(small_network())
    widget.options["n_samples"].value = 3
    widget.options["noise_level"].value = 0.5
    assert "Mean of 3 gradients" in settled(widget).picture.value
    assert "(50% of" in widget.picture.value
    widget = methods.integrated_gradients(small_network())
    widget.options["baseline"].value = "white"
    assert "baseline: white" in settled(widget).picture.value


def test_the_layers_that_are_offered_return_maps() -> None:
    network = small_network()
    widget = methods.grad_cam(network)
    assert [name for name, _ in widget.options["layer"].options] == ["features", *[f"features.{k}" for k in range(4)]]
    assert widget.options["layer"].value is network.model.features[3]
    for name, layer in widget.options["layer"].options:
        assert layer is network.model.get_submodule(name)


def test_layer_and_relu_arrive_at_grad_cam(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[torch.nn.Module, bool]] = []
    grad_cam = activations.grad_cam

    def logged(score, images, layer, *, relu_attributions):
        calls.append((layer, relu_attributions))
        return grad_cam(score, images, layer, relu_attributions=relu_attributions)

    monkeypatch.setattr(activations, "grad_cam", logged)
    network = small_network()
    widget = methods.grad_cam(network)
    assert set(calls) == {(network.model.features[3], True)}
    widget.options["layer"].label = "features.1"
    settled(widget).options["relu_attributions"].value = False
    settled(widget)
    assert calls[-2:] == [(network.model.features[1], True), (network.model.features[1], False)]
    assert widget.message.value == ""


@pytest.mark.parametrize("name", methods.COLLAGES)
def test_a_collage_is_offered_with_the_classes_of_both_halves(name: str) -> None:
    network = small_network()
    widget = methods.grad_cam(network)
    widget.photo.value = name
    left, right = name.split(" | ")
    image = pictures.collage(pictures.photo(left, 32), pictures.photo(right, 32))
    best = network.predict(image)[0]
    assert settled(widget).likely.options == tuple((f"{known} ({p:.0%})", known) for known, p in best)
    assert "on the left half" in widget.picture.value
    assert widget.message.value == ""


def test_a_network_without_maps() -> None:
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 2))
    with pytest.raises(ValueError, match="layers that return activation maps"):
        methods.grad_cam(networks.Network(flat, "ab", [0.5] * 3, [0.5] * 3, size=32))


@MAKERS
def test_another_photograph_brings_its_own_classes(make: Callable) -> None:
    network = small_network()
    widget = make(network)
    widget.typed.value = "lynx"
    widget.photo.value = "coffee"
    best = network.predict(pictures.photo("coffee", 32))[0]
    assert widget.likely.options == tuple((f"{name} ({p:.0%})", name) for name, p in best)
    assert widget.typed.value == ""
    assert f': {best[0][0]}"' in settled(widget).picture.value


@MAKERS
def test_any_class_can_be_typed_and_the_list_takes_over_again(make: Callable) -> None:
    widget = make(small_network())
    for name in [value for _, value in widget.likely.options][1:]:
        widget.typed.value = f" {name} "
        assert f': {name}"' in settled(widget).picture.value
        widget.likely.value = name
        assert widget.typed.value == ""
        widget.likely.index = 0
    assert f': {widget.likely.value}"' in settled(widget).picture.value


@MAKERS
def test_an_unknown_class_is_answered_in_a_sentence_and_the_picture_stays(make: Callable) -> None:
    widget = make(small_network())
    before = widget.picture.value
    widget.typed.value = "<b>tabbby"
    assert "Unknown class" in settled(widget).message.value
    assert "tabby" in widget.message.value
    assert "<b>tabbby" not in widget.message.value.removeprefix("<b>")  # what was typed is text, not HTML
    assert widget.picture.value == before
    assert widget.bar.layout.visibility == "hidden"
    widget.typed.value = ""
    assert settled(widget).message.value == ""


def test_an_error_of_the_network_is_answered_in_a_sentence() -> None:
    network = small_network()
    widget = methods.smoothgrad(network)
    network.train()
    widget.options["n_samples"].value = 3
    assert "evaluation mode" in settled(widget).message.value
    network.eval()
    widget.options["n_samples"].value = 4
    assert settled(widget).message.value == ""


class Paused:
    """A network that stops in its next call outside the main thread, until it may go on; counts these calls."""

    def __init__(self, network: networks.Network) -> None:
        self.inside, self.go_on, self.calls = threading.Event(), threading.Event(), 0
        self.hook = network.register_forward_pre_hook(self.pause)

    def pause(self, *_: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            self.calls += 1
            self.inside.set()
            assert self.go_on.wait(timeout=60)

    def __enter__(self) -> "Paused":
        return self

    def __exit__(self, *_: object) -> None:
        self.hook.remove()


def test_a_newer_move_stops_the_work_on_an_older_one() -> None:
    network = small_network()
    widget = methods.smoothgrad(network)
    with Paused(network) as paused:
        widget.options["n_samples"].value = 100  # 25 calls of the network
        assert paused.inside.wait(timeout=60)  # the first of them
        for n_samples in (50, 40, 2):  # those before the last never start
            widget.options["n_samples"].value = n_samples
        paused.go_on.set()
        settled(widget)
    assert paused.calls == 2
    assert "Mean of 2 gradients;" in widget.picture.value
    assert widget.bar.layout.visibility == "hidden"


def test_fifty_moves_end_in_the_picture_of_the_last() -> None:
    network = small_network()
    widget = methods.smoothgrad(network)
    with Paused(network) as paused:
        widget.options["n_samples"].value = 30
        assert paused.inside.wait(timeout=60)
        for n_samples in range(99, 49, -1):
            widget.options["n_samples"].value = n_samples
            assert (
                widget.background.worker._work_queue.qsize() <= 50
            )  # cancelled ones are dropped when their turn comes
        paused.go_on.set()
        settled(widget)
    assert paused.calls == 1 + 13  # of 30 samples 4, of 50 all, four in a call
    assert "Mean of 50 gradients;" in widget.picture.value


def test_the_last_picture_stays_until_the_next_one_is_there() -> None:
    network = small_network()
    widget = methods.smoothgrad(network)
    before = widget.picture.value
    with Paused(network) as paused:
        widget.options["n_samples"].value = 30
        assert paused.inside.wait(timeout=60)
        assert widget.picture.value == before
        assert widget.bar.layout.visibility == "visible"
        paused.go_on.set()
        settled(widget)
    assert widget.picture.value != before


def test_going_back_costs_no_call_of_the_network() -> None:
    network = small_network()
    widget = methods.smoothgrad(network)
    first = widget.picture.value
    widget.options["n_samples"].value = 3
    settled(widget)
    with Paused(network) as paused:
        widget.options["n_samples"].value = 10
        assert widget.picture.value == first  # at once, without the background
        settled(widget)
    assert paused.calls == 0


def test_a_remembered_picture_is_not_replaced_by_one_that_comes_late() -> None:
    network = small_network()
    widget = methods.smoothgrad(network)
    first = widget.picture.value
    with Paused(network) as paused:
        widget.options["n_samples"].value = 3
        assert paused.inside.wait(timeout=60)
        widget.options["n_samples"].value = 10
        paused.go_on.set()
        settled(widget)
    assert widget.picture.value == first
    assert widget.bar.layout.visibility == "hidden"


def test_memory_has_a_limit() -> None:
    kept: dict[int, str] = {}
    for key in range(3 * stage.KEPT):
        stage.remember(kept, key, str(key))
    assert list(kept) == list(range(2 * stage.KEPT, 3 * stage.KEPT))


def test_reset_puts_everything_back_and_draws_once(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = methods.integrated_gradients(small_network())
    first, start = widget.picture.value, widget.values()
    widget.photo.value = "coffee"
    widget.likely.index = 2
    widget.typed.value = "lynx"
    widget.options["baseline"].value, widget.options["n_steps"].value = "white", 20
    assert settled(widget).picture.value != first
    starts: list[None] = []
    go = widget.start
    monkeypatch.setattr(widget, "start", lambda: (starts.append(None), go()))
    widget.reset.click()
    assert settled(widget).picture.value == first
    assert widget.values() == start
    assert len(starts) == 1


def test_reset_of_the_point() -> None:
    widget = square.plane(diagonal)
    caption = widget.children[-1]
    before = caption.value
    widget.controls["point"].value = [0.1, 0.9]
    assert caption.value != before
    widget.reset.click()
    assert caption.value == before


def test_an_error_on_the_way_of_the_point_is_answered_in_a_sentence() -> None:
    broken: list[None] = []

    def score(images: Tensor) -> Tensor:
        if broken:
            raise ValueError("The score is <broken>.")
        return diagonal(images)

    widget = square.plane(score)
    broken.append(None)
    widget.controls["point"].value = [0.1, 0.9]
    assert "The score is &lt;broken&gt;." in widget.message.value
    broken.clear()
    widget.controls["point"].value = [0.2, 0.9]
    assert widget.message.value == ""


def test_an_error_with_a_new_photograph_is_answered_in_a_sentence() -> None:
    network = small_network()
    widget = methods.smoothgrad(network)
    network.train()
    widget.photo.value = "coffee"
    assert "evaluation mode" in settled(widget).message.value


def test_the_bar_moves_with_the_samples() -> None:
    widget = methods.smoothgrad(small_network())
    seen: list[tuple[int, int, str]] = []
    widget.bar.observe(
        lambda change: seen.append((change.new, widget.bar.max, widget.bar.layout.visibility)), "value"
    )
    widget.options["n_samples"].value = 20
    settled(widget)
    assert [value for value, _, _ in seen] == [4, 8, 12, 16, 20]
    assert {(longest, visibility) for _, longest, visibility in seen} == {(20, "visible")}


def test_the_state_that_a_notebook_stores_is_small() -> None:
    widget = methods.smoothgrad(networks.efficientnet_lite0())
    assert len(widget.picture.value) < 200_000
