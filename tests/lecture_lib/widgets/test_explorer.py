"""The explorer without a browser: its pure functions, its choices, pictures of one's own, and what it leaves."""

import threading
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.functional import to_pil_image

from lecture_lib import attacks, networks, pictures
from lecture_lib.widgets.explorer import BIRDS, CardExplorer, Own, attacked, known_networks, open_picture, read_file
from lecture_lib.widgets.upload import LARGEST, Upload, check_size
from tests.shared.networks import assert_same_state, random_images, state_of

CLASSES = ["tabby", "tiger cat", "lynx"]


def small_network(classes: list[str] = CLASSES) -> networks.Network:
    """Takes pictures of any kind, and is fast."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            *(nn.Conv2d(3, 4, 5, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
        )
    return networks.Network(model, classes, [0.5] * 3, [0.1] * 3, size=32)


def transformer() -> networks.Network:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.layer, self.head = nn.Conv2d(3, 4, 8, stride=8), nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, images: Tensor) -> Tensor:
            return self.head(self.layer(self.patches(images).flatten(2).transpose(1, 2)).mean(dim=1))

    return networks.Network(Tokens(), CLASSES, [0.5] * 3, [0.5] * 3, size=32)


LOADED = {
    "efficientnet_lite0": small_network(),
    "other": small_network(["ant", "bee", "crow"]),
    "transformer": transformer(),
}


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading takes no time."""

    def load(name: str) -> networks.Network:
        if name not in LOADED:
            raise ValueError(f"Unknown network {name!r}.")
        return LOADED[name]

    monkeypatch.setattr(networks, "load", load)


@pytest.fixture
def widget(loads: None) -> CardExplorer:
    """With one card, for speed."""
    return CardExplorer(("gradient",))


@pytest.fixture
def complete(loads: None) -> CardExplorer:
    """With all cards."""
    return CardExplorer()


def settled(widget: CardExplorer) -> CardExplorer:
    """Wait for the background."""
    widget.background.worker.submit(lambda: None).result(timeout=60)
    return widget


def file_of(image: Tensor, kind: str = "png") -> bytes:
    file = BytesIO()
    to_pil_image(image[0]).save(file, format=kind)
    return file.getvalue()


def cards(widget: CardExplorer) -> dict[str, str]:
    return {name: place.value for name, place in widget.places.items()}


def send(upload: Upload, name: str, contents: bytes, piece: int = 1000) -> None:
    """What the browser does."""
    for start in range(0, max(len(contents), 1), piece):
        message = {"name": name, "size": len(contents), "start": start}
        upload._take(upload, message, [memoryview(contents[start : start + piece])])


# ---- Pure functions


@pytest.mark.parametrize("source", ["cat", "bird 1", BIRDS[-1]])
def test_pictures_by_name(source: str) -> None:
    image = open_picture(source, small_network())
    assert image.shape == (1, 3, 32, 32)
    assert 0 <= image.min() < image.max() <= 1


def test_the_birds_are_those_that_the_networks_were_trained_on() -> None:
    network = networks.load("birds_cnn")
    images = torch.cat([open_picture(name, network) for name in BIRDS])
    assert (network(images).argmax(dim=1) == torch.arange(8)).float().mean() >= 7 / 8


def test_an_own_picture_is_read_as_pictures_load_reads_it(tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_bytes(file_of(random_images(1, height=50, width=70), "jpeg"))
    own = read_file(str(tmp_path / "mine.jpg"))
    assert own.name == "mine.jpg"
    assert torch.equal(open_picture(own, small_network()), pictures.load(tmp_path / "mine.jpg", 32))


def test_no_file_and_no_image(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no file at .*nowhere\.png"):
        read_file(str(tmp_path / "nowhere.png"))
    with pytest.raises(ValueError, match=r"image file, but letter\.txt can't be read"):
        open_picture(Own("letter.txt", b"Dear reader"), small_network())


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(LARGEST * 10**6 + 1)  # a hole: takes no room
    with pytest.raises(ValueError, match=r"at most 20 MB, but large\.png has 20\.0 MB"):
        read_file(str(tmp_path / "large.png"))
    check_size("just right", LARGEST * 10**6)


def test_a_picture_with_too_many_pixels() -> None:
    file = BytesIO()
    Image.new("L", (10_000, 10_000)).save(file, format="png")  # 100 million pixels in 100 kB
    with pytest.raises(ValueError, match=r"at most 90 million pixels, but bomb\.png has more"):
        open_picture(Own("bomb.png", file.getvalue()), small_network())


def test_an_attack_is_bim_on_the_most_probable_class() -> None:
    network, image = small_network(), random_images(1, height=32, width=32)
    same, words = attacked(network, image, 0)
    assert same is image
    ((name, p),) = network.predict(image, top=1)[0]
    assert words == f"The network says {name} ({p:.0%})."
    found, words = attacked(network, image, 4 / 255)
    assert torch.equal(found, attacks.bim(network.loss(name), image, epsilon=4 / 255).images)
    ((new, q),) = network.predict(found, top=1)[0]
    assert words.endswith(f"After the attack it says {new} ({q:.0%}).")


def test_networks_that_need_no_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    course = ["efficientnet_lite0", "birds_cnn", "birds_vit", "birds_attention", "birds_shortcut"]
    assert known_networks()[:5] == course
    assert "resnet50" not in known_networks()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "resnet50-11ad3fa6.pth").touch()
    assert "resnet50" in known_networks()


# ---- The widget


def test_all_cards_are_there_at_once(complete: CardExplorer) -> None:
    network = LOADED["efficientnet_lite0"]
    predictions = network.predict(open_picture("coffee", network))[0]
    assert list(complete.likely.options) == [(f"{name} ({p:.0%})", name) for name, p in predictions]
    titles = ("Gradient", "SmoothGrad", "Integrated Gradients", "Grad-CAM")
    for title, html in zip(titles, cards(complete).values(), strict=True):
        assert f"{title}: {predictions[0][0]}. It answers" in html
    assert complete.message.value == ""
    assert complete.bar.layout.visibility == "hidden"


def test_only_what_is_chosen(complete: CardExplorer) -> None:
    for name in ("smoothgrad", "grad_cam"):
        complete.methods[name].value = False
    assert [bool(html) for html in cards(settled(complete)).values()] == [True, False, True, False]


def test_the_sliders_arrive(complete: CardExplorer) -> None:
    complete.samples.value, complete.baseline.value = 7, "white"
    found = cards(settled(complete))
    assert "over 7 copies" in found["smoothgrad"]
    assert "from white to this picture" in found["integrated_gradients"]
    before = found["gradient"]
    complete.epsilon.value = 8
    assert "After the attack" in settled(complete).answer.value
    assert cards(complete)["gradient"] != before
    complete.epsilon.value = 0
    assert cards(settled(complete))["gradient"] == before
    assert "After" not in complete.answer.value


def test_any_class_can_be_typed_and_a_new_picture_or_network_forgets_it(widget: CardExplorer) -> None:
    widget.typed.value = "lynx"
    assert ": lynx." in cards(settled(widget))["gradient"]
    widget.picture.value = "camera"
    assert widget.typed.value == ""
    top = LOADED["efficientnet_lite0"].predict(pictures.photo("camera", 32))[0][0][0]
    assert f": {top}." in cards(settled(widget))["gradient"]
    widget.network.value = "other"
    assert settled(widget).likely.value in {"ant", "bee", "crow"}
    assert f": {widget.likely.value}." in cards(widget)["gradient"]


def test_the_list_of_classes_takes_over_again(widget: CardExplorer) -> None:
    names = [value for _, value in widget.likely.options]
    widget.typed.value = names[0]
    widget.likely.value = names[1]
    assert widget.typed.value == ""
    assert f": {names[1]}." in cards(settled(widget))["gradient"]


def test_near_names_are_suggested_and_the_cards_stay(widget: CardExplorer) -> None:
    before = cards(widget)
    widget.typed.value = "<b>tabbby"
    assert "Did you mean" in settled(widget).message.value
    assert "tabby" in widget.message.value
    assert "<b>tabbby" not in widget.message.value.removeprefix("<b>")
    assert cards(widget) == before
    widget.typed.value = ""
    assert settled(widget).message.value == ""
    widget.network.value = "efficientnet"
    assert "Unknown network" in settled(widget).message.value


def test_a_method_that_does_not_fit_says_so_on_its_card(widget: CardExplorer) -> None:
    widget.methods["grad_cam"].value = True
    widget.network.value = "transformer"
    found = cards(settled(widget))
    assert "Grad-CAM needs a layer with activation maps" in found["grad_cam"]
    assert "It answers" in found["gradient"]
    assert widget.message.value == ""


def test_going_back_costs_no_time(widget: CardExplorer) -> None:
    network, calls = LOADED["efficientnet_lite0"], []
    before = cards(widget)
    widget.epsilon.value = 1
    settled(widget)
    with network.register_forward_hook(lambda *_: calls.append(None)):
        widget.epsilon.value = 0
        assert cards(settled(widget)) == before
    assert len(calls) <= 3  # what it says about the picture


def test_reset_puts_everything_back(complete: CardExplorer) -> None:
    before, start = cards(complete), complete.values()
    complete.methods["smoothgrad"].value = False
    complete.picture.value = "camera"
    settled(complete).likely.index = 1
    complete.typed.value, complete.samples.value, complete.epsilon.value = "lynx", 5, 2
    assert cards(settled(complete)) != before
    complete.reset.click()
    assert cards(settled(complete)) == before
    start.pop("likely")  # the list is made anew, with the most probable class first
    assert {name: value for name, value in complete.values().items() if name != "likely"} == start
    assert complete.likely.index == 0


def test_a_hand_is_heard_while_the_widget_lists_the_classes(
    complete: CardExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[None] = []

    def move(_: object) -> None:
        if threading.current_thread() is not threading.main_thread() and not moved:
            moved.append(None)
            hand = threading.Thread(target=lambda: setattr(complete.samples, "value", 7))
            hand.start()
            hand.join(timeout=0.5)  # it may have to wait until the list is there

    complete.likely.observe(move, "options")
    complete.picture.value = "camera"
    for _ in range(2):
        settled(complete)
    assert moved
    assert "over 7 copies" in cards(complete)["smoothgrad"]


def test_a_newer_choice_stops_the_work_on_an_older_one(widget: CardExplorer) -> None:
    network = LOADED["efficientnet_lite0"]
    widget.methods["smoothgrad"].value = True
    settled(widget)
    inside, go_on, calls = threading.Event(), threading.Event(), []

    def pause(*_: object) -> None:
        calls.append(None)
        inside.set()
        assert go_on.wait(timeout=60)

    with network.register_forward_pre_hook(pause):
        widget.samples.value = 300
        assert inside.wait(timeout=60)
        widget.samples.value = 200
        widget.samples.value = 6
        go_on.set()
        settled(widget)
    assert len(calls) < 100  # the first two would need more
    assert "over 6 copies" in cards(widget)["smoothgrad"]
    assert widget.bar.layout.visibility == "hidden"


def test_cards_of_an_older_choice_are_pale(widget: CardExplorer) -> None:
    network, seen = LOADED["efficientnet_lite0"], []
    before = cards(widget)["gradient"]
    with network.register_forward_pre_hook(lambda *_: seen.append(cards(widget)["gradient"])):
        widget.epsilon.value = 2
        settled(widget)
    assert f'<div style="opacity: 0.3">{before}</div>' in seen
    assert "opacity" not in cards(widget)["gradient"] != before


def test_the_networks_stay_as_they_were(widget: CardExplorer) -> None:
    before = state_of(LOADED["efficientnet_lite0"])
    widget.epsilon.value = 4
    settled(widget)
    assert_same_state(before, state_of(LOADED["efficientnet_lite0"]))


# ---- Pictures of one's own


@pytest.mark.parametrize("piece", [1000, 10**6])
def test_an_upload(widget: CardExplorer, piece: int) -> None:
    contents = file_of(random_images(1, height=40, width=60))
    widget.typed.value = "lynx"
    send(widget.upload, "my holiday.png", contents, piece)
    assert widget.picture.label == "your own: my holiday.png"
    network = LOADED["efficientnet_lite0"]
    image = pictures.decode(BytesIO(contents), "", 32)
    assert settled(widget).answer.value == attacked(network, image, 0)[1]
    assert widget.message.value == ""
    assert widget.likely.value == network.predict(image)[0][0][0]


def test_the_next_upload_replaces_the_last(widget: CardExplorer) -> None:
    for number in range(2):
        send(widget.upload, f"{number}.png", file_of(random_images(1, seed=number)))
    labels = [label for label, _ in widget.picture.options]
    assert [label for label in labels if label.startswith("your own")] == ["your own: 1.png"]
    assert widget.upload.pieces == b""
    widget.picture.value = "cat"
    assert "your own: 1.png" in [label for label, _ in settled(widget).picture.options]


def test_a_path(widget: CardExplorer, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(file_of(random_images(1)))
    widget.path.value = str(tmp_path / "mine.png")
    assert settled(widget).picture.label == "your own: mine.png"
    widget.path.value = str(tmp_path / "none.png")
    assert "there is no file" in settled(widget).message.value
    assert [file.name for file in tmp_path.iterdir()] == ["mine.png"]


@pytest.mark.parametrize(
    "contents", [b"Dear reader", b"", file_of(random_images(1))[:60]], ids=["text", "empty", "cut off"]
)
def test_what_is_no_image(widget: CardExplorer, contents: bytes) -> None:
    before = cards(widget)
    send(widget.upload, "<i>letter.png", contents)
    assert (
        "Expected an image file, but &lt;i&gt;letter.png can&#x27;t be read as one" in settled(widget).message.value
    )
    assert cards(widget) == before
    assert widget.picture.value == "coffee"
    widget.samples.value = 5
    assert settled(widget).message.value == ""


def test_what_is_too_large(widget: CardExplorer) -> None:
    widget.upload._take(widget.upload, {"name": "huge.png", "size": 34_000_000, "refused": True}, [])
    assert "at most 20 MB, but huge.png has 34.0 MB" in widget.message.value
    contents = bytes(LARGEST * 10**6 + 5)  # a browser that does not keep to the rules
    send(widget.upload, "huge.png", contents, 10**7)
    assert widget.picture.value == "coffee"
    assert len(widget.upload.pieces) <= 5


def test_the_upload_is_not_part_of_the_state_that_a_notebook_may_save(widget: CardExplorer) -> None:
    contents = file_of(random_images(1))
    before = widget.upload.get_state()
    send(widget.upload, "mine.png", contents)
    assert settled(widget).upload.get_state() == before


def test_nothing_is_written(widget: CardExplorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    send(widget.upload, "mine.png", file_of(random_images(1)))
    settled(widget)
    assert not list(tmp_path.iterdir())
