"""The pictures under the widgets on attacks, and the widgets without a browser."""

from collections.abc import Callable

import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_lib import attacks, pictures
from lecture_lib.widgets import attacks as attack_widgets
from lecture_lib.widgets import parts
from tests.shared.networks import random_images
from tests.shared.widgets import diagonal, settled, small_network


def drawn_images(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    drawn: list[Tensor] = []
    image_panel = attack_widgets.image_panel
    monkeypatch.setattr(attack_widgets, "image_panel", lambda *a: (drawn.append(a[0]), image_panel(*a))[1])
    return drawn


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("direction", attack_widgets.DIRECTIONS)
def test_the_attack_is_drawn(monkeypatch: pytest.MonkeyPatch, n_steps: int, direction: str) -> None:
    drawn, network, image = drawn_images(monkeypatch), small_network(), random_images(1)
    loss = network.loss("lynx")
    (picture,) = attack_widgets.attack_pictures(
        network, loss, image, "of a cat", levels=4, n_steps=n_steps, direction=direction
    )
    sign = 1 if direction == "away from the class" else -1
    step_size = 4 / 255 / (1 if n_steps == 1 else 4)
    expected = attacks.bim(lambda x: sign * loss(x), image, epsilon=4 / 255, step_size=step_size, n_steps=n_steps)
    assert torch.equal(drawn[0], image)
    assert torch.equal(drawn[2], expected.images)
    torch.testing.assert_close(drawn[1], 0.5 + expected.perturbation * 255 / 8)
    name, probability = network.predict(expected.images)[0][0]
    assert f"After: {name} ({probability:.0%})" in picture.caption
    assert f"L2 norm of the change: {expected.l2.item():.2f}." in picture.caption
    assert ("FGSM" in picture.caption) == (n_steps == 1)
    assert "of a cat" in picture.panels[2]


def test_an_attack_of_many_steps_is_shown_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, network, image = drawn_images(monkeypatch), small_network(), random_images(1)
    loss = network.loss("lynx")
    made = list(
        attack_widgets.attack_pictures(
            network, loss, image, "", levels=4, n_steps=18, direction="away from the class"
        )
    )
    for place, (count, words) in enumerate([(4, "4 of 18"), (16, "16 of 18"), (18, "18")]):
        expected = attacks.bim(loss, image, epsilon=4 / 255, step_size=1 / 255, n_steps=count)
        assert torch.equal(drawn[3 * place + 2], expected.images)
        assert f"BIM with {words} steps of ε/4. Before" in made[place].caption


def test_an_epsilon_of_zero_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, network, image = drawn_images(monkeypatch), small_network(), random_images(1)
    (picture,) = attack_widgets.attack_pictures(
        network, network.loss(0), image, "", levels=0, n_steps=1, direction="away from the class"
    )
    assert torch.equal(drawn[2], image)
    assert picture.caption.endswith("L2 norm of the change: 0.00.")


def test_the_bars_are_the_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    network, image = small_network(), random_images(1)
    drawn: list[tuple] = []
    monkeypatch.setattr(attack_widgets, "bars_panel", lambda *a: (drawn.append(a), "")[1])
    options = {"levels": 8, "n_steps": 1, "direction": "away from the class"}
    list(attack_widgets.attack_pictures(network, network.loss("lynx"), image, "", **options))
    after = network.predict(attacks.fgsm(network.loss("lynx"), image, epsilon=8 / 255).images)[0]
    before = dict(network.predict(image)[0])
    ((names, now, earlier, _),) = drawn
    assert names == [name for name, _ in after]
    assert now == pytest.approx([p for _, p in after])
    assert earlier == pytest.approx([before[name] for name in names])


def test_the_widget_attacks_the_loss_of_the_chosen_class() -> None:
    network = small_network()
    widget = attack_widgets.attack(network)
    image = pictures.photo("camera", 32)
    label = network.predict(image)[0][0][0]
    assert widget.likely.value == label
    assert widget.message.value == ""
    widget.options["levels"].value = 8
    after = attacks.fgsm(network.loss(label), image, epsilon=8 / 255)
    name, probability = network.predict(after.images)[0][0]
    assert f"After: {name} ({probability:.0%})" in settled(widget).picture.value
    widget.options["n_steps"].value = 5
    assert "BIM with 5 steps" in settled(widget).picture.value
    assert widget.bar.value == widget.bar.max == 5
    widget.typed.value = "tabbby"
    assert "Unknown class" in settled(widget).message.value


def test_paths_in_the_plane_end_where_the_attacks_end() -> None:
    ax = plt.figure().add_subplot()
    one, many = attack_widgets.draw_attacks(ax, diagonal, (0.3, 0.2), epsilon=0.2, step_size=0.05, n_steps=2)
    torch.testing.assert_close(one.flatten(), torch.tensor([0.5, 0.4]))
    torch.testing.assert_close(many.flatten(), torch.tensor([0.4, 0.3]))
    ball, *_ = ax.patches
    assert isinstance(ball, Rectangle)
    assert (*ball.get_xy(), ball.get_width(), ball.get_height()) == pytest.approx((0.1, 0.0, 0.4, 0.4))
    plt.close()


def test_the_caption_tells_the_probabilities() -> None:
    picture = attack_widgets.bim_path_picture(diagonal, (0.3, 0.2), epsilon=0.2, step_size=0.05, n_steps=2)
    values = [diagonal(torch.tensor(point).view(1, 1, 1, 2)).item() for point in [(0.3, 0.2), (0.5, 0.4), (0.4, 0.3)]]
    expected = "Probability at the start: {:.2f}; after FGSM: {:.2f}; after BIM: {:.2f}.".format(*values)
    assert picture.caption == expected
    assert not plt.get_fignums()  # pyplot would not survive the background


def test_every_slider_of_the_path_redraws_it() -> None:
    widget = attack_widgets.bim_path(diagonal, (0.3, 0.2))
    seen = {widget.picture.value}
    for slider in widget.controls.values():
        assert slider.continuous_update
        slider.value += 5 * slider.step
        assert settled(widget).picture.value not in seen
        seen.add(widget.picture.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: attack_widgets.bim_path(lambda x: 2 * x[:, 0, 0, 0]), "a probability"),
        (
            lambda: attack_widgets.bim_path_picture(diagonal, (0.1, 0.1), epsilon=20, step_size=1, n_steps=1),
            "2/255, not 2",
        ),
    ],
)
def test_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_the_explorer_still_explains_logits_by_default() -> None:
    network = small_network()
    explorer = parts.Explorer(network, lambda *_: [attack_widgets.Picture([], "")], "", {})
    image = random_images(1)
    assert torch.equal(explorer.score("lynx")(image), network.score("lynx")(image))
