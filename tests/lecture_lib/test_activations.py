import threading

import pytest
import timm
import torch
import torchvision
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import vision_transformer as torchvision_vit

from lecture_lib import activations, gradients, maps, networks
from lecture_lib.activations import attention, cam, grad_cam, record, rollout, token_map
from lecture_lib.birds import classifiers
from tests.shared.networks import (
    BAD_IMAGES,
    BAD_SCORES,
    BLIND_SCORES,
    CLASSES,
    OUT_OF_RANGE,
    assert_same_state,
    random_images,
    smooth_network,
    state_of,
    stateful_network,
)

close = torch.testing.assert_close
IMAGES = random_images(n=3, height=12, width=10)


def seeded(make, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def wrapped(make, classes=CLASSES, size=32):
    model = seeded(make)
    return networks.Network(model, classes[: last_width(model)] or classes, (0.5,) * 3, (0.25,) * 3, size=size)


def last_width(model):
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1].out_features


def plain_cnn():
    """Conv, ReLU, GAP, linear: CAM in closed form."""
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 3, stride=2), nn.ReLU(), nn.Conv2d(6, 7, 3), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(7, 5)),
    )


# ---- record


class Twice(nn.Module):
    """One layer, used at two places."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()

    def forward(self, images):
        return self.relu(self.conv(self.relu(self.conv(images)))).mean(dim=(2, 3))


def test_record_keeps_what_the_layer_returns() -> None:
    model = seeded(plain_cnn)
    with record(model[1]) as recording:
        model(IMAGES)
    close(recording.output, F.relu(model[0](IMAGES)), rtol=0, atol=0)


def test_what_is_kept_carries_the_graph() -> None:
    network = wrapped(plain_cnn)
    with record(network.model[2]) as recording:
        scores = network.score("bee")(IMAGES.clone().requires_grad_())
    (gradient,) = torch.autograd.grad(scores.sum(), recording.output)
    maps = recording.output  # d logit / d A = w / cells where the ReLU is open
    expected = network.model[6].weight[1][:, None, None] * (maps > 0) / maps[0, 0].numel()
    close(gradient, expected)


@pytest.mark.parametrize("inplace", [nn.ReLU(inplace=True), nn.ReLU6(inplace=True), nn.Hardtanh(inplace=True)])
def test_an_activation_that_works_in_place_does_not_change_what_is_kept(inplace: nn.Module) -> None:
    conv = seeded(lambda: nn.Conv2d(3, 6, 3))
    expected = conv(IMAGES)
    assert expected.min() < 0
    with record(conv) as before, record(inplace) as after, torch.no_grad():
        inplace(conv(IMAGES))
    close(before.output, expected.detach(), rtol=0, atol=0)
    close(after.output, inplace(expected.detach()), rtol=0, atol=0)


def test_an_addition_in_place_does_not_change_what_is_kept() -> None:
    block = seeded(lambda: torchvision.models.resnet.BasicBlock(3, 3)).eval()
    with torch.no_grad():
        with record(block.bn2) as recording:
            result = block(IMAGES)  # out += identity
        inner = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(IMAGES)))))
    close(recording.output, inner, rtol=0, atol=0)
    close(result, F.relu(inner + IMAGES))


def test_recording_does_not_change_what_the_network_returns() -> None:
    network = stateful_network()
    expected = network(IMAGES)
    for module in network.model.modules():
        with record(module):
            close(network(IMAGES), expected, rtol=0, atol=0)


def test_every_call_is_kept_in_its_order() -> None:
    model = seeded(Twice)
    with record(model.conv) as recording:
        model(IMAGES)
    first = model.conv(IMAGES)
    close(recording.outputs, [first, model.conv(first.relu())], rtol=0, atol=0)
    with pytest.raises(ValueError, match="called once, this one was called 2 times"):
        recording.output  # noqa: B018
    with pytest.raises(ValueError, match="called 0 times"), record(model.conv) as recording:
        recording.output  # noqa: B018


def test_records_of_two_layers_and_of_one_layer_twice() -> None:
    model = seeded(plain_cnn)
    with record(model[0]) as outer, record(model[1]) as other:
        with record(model[0]) as inner:
            model(IMAGES)
        model(IMAGES)
    assert (len(outer.outputs), len(inner.outputs), len(other.outputs)) == (2, 1, 2)
    close(outer.outputs[0], inner.output)


class StopError(Exception):
    pass


def fail(*_):
    raise StopError


@pytest.mark.parametrize(("broken", "calls"), [("features.0", 0), ("features.2", 1), ("", 1)])
def test_nothing_is_left_in_the_network_after_an_error(broken: str, calls: int) -> None:
    network = stateful_network()
    with (
        network.model.get_submodule(broken).register_forward_pre_hook(fail, prepend=True)
        if broken
        else (network.register_forward_hook(fail))
    ):
        before = state_of(network)
        with pytest.raises(StopError), record(network.model.features[0]) as recording:
            network(IMAGES)
        assert_same_state(before, state_of(network))
    assert len(recording.outputs) == calls


def test_a_layer_that_does_not_return_one_tensor() -> None:
    layer = nn.MultiheadAttention(4, 2)
    before = state_of(layer)
    with pytest.raises(TypeError, match="returns one tensor, received tuple"), record(layer):
        layer(*[torch.zeros(1, 2, 4)] * 3)
    assert_same_state(before, state_of(layer))


@pytest.mark.parametrize("layer", ["conv_head", None, torch.zeros(2)])
def test_what_is_no_layer(layer: object) -> None:
    with pytest.raises(TypeError, match="Expected a layer of the network"), record(layer):
        pass


# ---- CAM


def own_resnet():
    """A ResNet of torchvision, narrow."""
    return torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=5)


GAP_NETWORKS = {
    "conv, GAP, linear": plain_cnn,
    "torchvision resnet": own_resnet,
    "timm resnet": lambda: timm.create_model("resnet10t", num_classes=5),
    "timm efficientnet-lite0": lambda: timm.create_model("tf_efficientnet_lite0", num_classes=5),
    "torchvision mobilenet": lambda: torchvision.models.mobilenet_v3_small(num_classes=5).features.append(
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(576, 5))
    ),
    "torchvision densenet": lambda: torchvision.models.DenseNet(8, (2, 2), 8, num_classes=5),  # F.relu(inplace=True)
    "max pooling before the average": lambda: nn.Sequential(
        nn.Conv2d(3, 8, 4, stride=4), nn.GELU(), nn.Conv2d(8, 6, 3, padding=1), nn.AdaptiveMaxPool2d(4)
    ).append(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5))),
    "birds": lambda: classifiers.BirdCNN(5),
}
IN_64 = random_images(n=2, height=64, width=96)


@pytest.mark.parametrize("name", GAP_NETWORKS)
def test_mean_of_the_map_plus_bias_is_the_logit(name: str) -> None:
    network = wrapped(GAP_NETWORKS[name])
    bias = [module for module in network.modules() if isinstance(module, nn.Linear)][-1].bias
    with torch.no_grad():
        logits = network(IN_64)
    for number, target in enumerate(network.classes):
        found = cam(network, IN_64, target)
        assert found.ndim == 3
        assert found[0].numel() > 1
        close(found.mean(dim=(1, 2)) + bias[number], logits[:, number], rtol=1e-4, atol=1e-5)


def test_cam_by_hand() -> None:
    """Two activation maps: the image itself and twice the image; weights 3 and -1; so the map is the image."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2, bias=False)
    )
    with torch.no_grad():
        model[0].weight[:] = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
        model[3].weight[:] = torch.tensor([[0.0, 0.0], [3.0, -1.0]])
    network = networks.Network(model, ["nothing", "image"], [0.0], [1.0], size=4)
    images = random_images(2, channels=1, height=4, width=5)
    close(cam(network, images, "image"), images[:, 0])
    close(cam(network, images, "nothing"), torch.zeros(2, 4, 5))
    close(grad_cam(network.score("image"), images, model[0]), images[:, 0] / 20)


CAM_LAYERS = {
    "conv, GAP, linear": lambda model: model[3],
    "torchvision resnet": lambda model: model.layer4,
    "timm efficientnet-lite0": lambda model: model.bn2,
    "birds": lambda model: model.features,
}


@pytest.mark.parametrize("name", CAM_LAYERS)
def test_cam_is_the_number_of_cells_times_grad_cam(name: str) -> None:
    network = wrapped(GAP_NETWORKS[name])
    found = cam(network, IN_64, "crow")
    cells = found[0].numel()
    coarse = grad_cam(network.score("crow"), IN_64, CAM_LAYERS[name](network.model))
    assert (cells * coarse - found).abs().max() <= 1e-5 * found.abs().max()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            lambda: nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 5)),
            id="pooling to 2 × 2 cells",
        ),
        pytest.param(lambda: small_vit(), id="transformer"),
        pytest.param(lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 96, 5)), id="linear"),
        pytest.param(
            lambda: nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), id="no linear layer"
        ),
        pytest.param(lambda: plain_cnn().append(nn.Softmax(dim=1)), id="softmax at the end"),
        pytest.param(lambda: plain_cnn().append(nn.ReLU()).append(nn.Linear(5, 5)), id="two linear layers"),
        pytest.param(
            lambda: nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(6, 5)),
            id="max pooling",
        ),
    ],
)
def test_cam_needs_global_average_pooling_and_one_linear_layer(make) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = networks.Network(make(), CLASSES, (0.5,) * 3, (0.25,) * 3)
    before = state_of(network)
    with pytest.raises(ValueError, match="global average pooling and one linear layer"):
        cam(network, IN_64[:, :, :64, :64] if network.model.__class__ is VisionTransformer else IN_64, "ant")
    assert_same_state(before, state_of(network))


def test_cam_of_an_unknown_class() -> None:
    with pytest.raises(ValueError, match="Unknown class"):
        cam(wrapped(plain_cnn), IMAGES, "wasp")


# ---- Grad-CAM


def layers_of(network: networks.Network):
    return [module for module in network.model.children() if isinstance(module, nn.Conv2d | nn.ReLU)]


@pytest.mark.parametrize("place", range(4))
def test_grad_cam_against_the_formula_at_any_layer(place: int) -> None:
    network = wrapped(plain_cnn).double()
    images = IMAGES.double()
    score = network.score("dove")
    lower, upper = network.model[: place + 1], network.model[place + 1 :]
    activation = lower((images - 0.5) / 0.25).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(upper(activation)[:, 3].sum(), activation)
    expected = torch.einsum("nk,nkhw->nhw", gradient.mean(dim=(2, 3)), activation.detach())
    close(grad_cam(score, images, network.model[place]), expected)
    close(grad_cam(score, images, network.model[place], relu_attributions=True), expected.relu())


def test_every_image_of_a_batch_has_its_own_map() -> None:
    network = smooth_network()
    images = random_images(n=3, dtype=torch.float64)
    together = grad_cam(network.score("emu"), images, network.model[3])
    alone = [grad_cam(network.score("emu"), image[None], network.model[3]) for image in images]
    close(together, torch.cat(alone))


def test_grad_cam_of_a_difference_is_the_difference_of_grad_cams() -> None:
    """The score calls the network twice."""
    network = wrapped(plain_cnn)
    ant, bee = network.score("ant"), network.score("bee")
    for layer in (network.model[1], network.model[3]):
        found = grad_cam(lambda images: 2 * ant(images) - bee(images), IMAGES, layer)
        close(found, 2 * grad_cam(ant, IMAGES, layer) - grad_cam(bee, IMAGES, layer))


def test_grad_cam_before_and_after_an_activation_in_place() -> None:
    network = stateful_network()
    before, after = network.model.features[1], network.model.features[2]  # batch norm, ReLU(inplace=True)
    with torch.no_grad():
        maps = before(network.model.features[0]((IMAGES - 0.4) / 0.25))
    weight, cells = network.model.head.weight[2], maps[0, 0].numel()
    opened = (maps > 0).float().mean(dim=(2, 3))  # the share of cells whose gradient is not 0
    score = network.score("crow")
    close(grad_cam(score, IMAGES, before), torch.einsum("nk,nkhw->nhw", weight * opened / cells, maps))
    close(grad_cam(score, IMAGES, after), torch.einsum("k,nkhw->nhw", weight / cells, maps.relu()))


def test_grad_cam_where_gradients_are_switched_off() -> None:
    network = wrapped(plain_cnn)
    expected = grad_cam(network.score("ant"), IMAGES, network.model[1])
    with torch.no_grad():
        close(grad_cam(network.score("ant"), IMAGES, network.model[1]), expected)
    with torch.inference_mode():
        close(grad_cam(network.score("ant"), IMAGES, network.model[1]), expected)


def test_the_map_is_finished() -> None:
    network = wrapped(plain_cnn)
    for found in (grad_cam(network.score("ant"), IMAGES, network.model[1]), cam(network, IMAGES, "ant")):
        assert not found.requires_grad
        assert found.shape == {5: (3, 5, 4), 3: (3, 3, 2)}[found.shape[1]]


def test_nothing_is_changed_or_left_behind() -> None:
    network = stateful_network()
    images, before = IMAGES.clone(), state_of(network)
    grad_cam(network.score("ant"), images, network.model.features)
    cam(network, images, "ant")
    assert_same_state(before, state_of(network))
    assert torch.equal(images, IMAGES)
    assert not images.requires_grad


@pytest.mark.parametrize("broken", ["features.2", "head"])
def test_hooks_are_gone_after_an_error_in_the_middle(broken: str) -> None:
    network = stateful_network()
    with network.model.get_submodule(broken).register_forward_hook(fail):
        before = state_of(network)
        with pytest.raises(StopError):
            grad_cam(network.score("ant"), IMAGES, network.model.features[0])
        with pytest.raises(StopError):
            cam(network, IMAGES, "ant")
        assert_same_state(before, state_of(network))


def test_a_layer_that_is_never_called() -> None:
    network = wrapped(plain_cnn)
    with pytest.raises(ValueError, match="the score calls, received one that it never calls"):
        grad_cam(network.score("ant"), IMAGES, nn.Conv2d(3, 3, 3))


def test_a_layer_without_maps() -> None:
    network = wrapped(plain_cnn)
    with pytest.raises(ValueError, match=r"\(N, K, h, w\), received shape \(3, 5\)"):
        grad_cam(network.score("ant"), IMAGES, network.model[6])


def test_a_layer_with_two_places() -> None:
    network = networks.Network(seeded(Twice), "abc", (0.5,) * 3, (0.25,) * 3)
    with pytest.raises(ValueError, match="used at several"):
        grad_cam(network.score("a"), IMAGES, network.model.relu)


class SideBranch(nn.Module):
    """A layer is called, but what it returns is used for nothing, or only without a gradient."""

    def __init__(self, use):
        super().__init__()
        self.conv, self.side, self.use = nn.Conv2d(3, 2, 3), nn.Conv2d(3, 2, 3), use

    def forward(self, images):
        return (self.conv(images) + self.use(self.side(images))).mean(dim=(2, 3))


@pytest.mark.parametrize(
    "use",
    [lambda maps: 0, lambda maps: maps.detach(), lambda maps: maps.sign().long()],
    ids=["unused", "detached", "rounded"],
)
def test_a_layer_that_the_score_does_not_depend_on(use) -> None:
    network = networks.Network(seeded(lambda: SideBranch(use)), "ab", (0.5,) * 3, (0.25,) * 3)
    with pytest.raises(ValueError, match="between the images and the score"):
        grad_cam(network.score("a"), IMAGES, network.model.side)


@pytest.mark.parametrize("score", BLIND_SCORES)
def test_a_score_that_ignores_the_image(score) -> None:
    layer = nn.Identity()

    def through_the_layer(images: Tensor) -> Tensor:
        layer(images)
        return score(images)

    with pytest.raises(ValueError, match="between the images and the score"):
        grad_cam(through_the_layer, IMAGES, layer)


@pytest.mark.parametrize(("score", "error", "message"), BAD_SCORES)
def test_bad_scores(score, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        grad_cam(score, IMAGES[:2], nn.Identity())


@pytest.mark.parametrize(("images", "error", "message"), [*BAD_IMAGES, *OUT_OF_RANGE])
def test_bad_images(images, error: type[Exception], message: str) -> None:
    network = wrapped(plain_cnn)
    for call in (
        lambda: grad_cam(network.score("ant"), images, network.model[0]),
        lambda: cam(network, images, "ant"),
        lambda: attention(wrapped(small_vit), images),
    ):
        with pytest.raises(error, match=message):
            call()


# ---- pytorch-grad-cam


@pytest.mark.parametrize(
    ("make", "layer"),
    [
        (lambda: timm.create_model("tf_efficientnet_lite0"), "conv_head"),
        (lambda: timm.create_model("tf_efficientnet_lite0"), "bn2"),
        (lambda: timm.create_model("tf_efficientnet_lite0"), "blocks.4"),
        (torchvision.models.resnet18, "layer4"),
        (torchvision.models.resnet18, "layer2"),
    ],
)
def test_against_pytorch_grad_cam(make, layer: str) -> None:
    pytorch_grad_cam = pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.utils.image import scale_cam_image
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network = networks.Network(seeded(make), [str(k) for k in range(1000)], (0.5,) * 3, (0.5,) * 3)
    images = random_images(n=2, height=96, width=96)
    module = network.model.get_submodule(layer)
    for target in (3, 284):
        ours = grad_cam(network.score(target), images, module, relu_attributions=True)
        assert (ours.flatten(1).amax(dim=1) > 0).all()
        scaled = scale_cam_image(scale_cam_image(ours.numpy(), (96, 96)))  # its own scaling, which it does twice
        with pytorch_grad_cam.GradCAM(network, [module.requires_grad_()]) as theirs:
            expected = theirs(images.clone().requires_grad_(), [ClassifierOutputTarget(target)] * 2)
        module.requires_grad_(False)
        assert abs(scaled - expected).max() <= 1e-4
        upsampled = maps.upsample(ours, 96)  # OpenCV's bilinear rule is ours
        normalised = upsampled - upsampled.amin(dim=(1, 2), keepdim=True)
        normalised = normalised / normalised.amax(dim=(1, 2), keepdim=True)
        assert abs(normalised.numpy() - expected).max() <= 1e-4


# ---- attention


def small_vit(**options):
    settings = {"img_size": 64, "patch_size": 16, "num_classes": 5, "embed_dim": 24, "depth": 3, "num_heads": 3}
    return VisionTransformer(**{**settings, **options})


def small_torchvision_vit():
    return torchvision_vit.VisionTransformer(
        image_size=64, patch_size=16, num_layers=3, num_heads=3, hidden_dim=24, mlp_dim=48, num_classes=5
    )


VITS = {"timm": small_vit, "torchvision": small_torchvision_vit}
SQUARES = random_images(n=2, height=64, width=64)


@pytest.mark.parametrize("make", VITS.values(), ids=VITS)
def test_attention_is_not_negative_and_its_rows_add_up_to_one(make) -> None:
    found = attention(wrapped(make), SQUARES)
    assert found.shape == (3, 2, 3, 17, 17)
    assert (found >= 0).all()
    close(found.sum(dim=-1), torch.ones(3, 2, 3, 17))
    assert not found.requires_grad


def test_attention_of_timm_against_its_formula() -> None:
    network = wrapped(small_vit)
    block = network.model.blocks[0]
    with record(block.norm1) as recording, torch.no_grad():
        network(SQUARES)
        query, key, _ = block.attn.qkv(recording.output).view(2, 17, 3, 3, 8).permute(2, 0, 3, 1, 4)
    expected = (query @ key.mT / 8**0.5).softmax(dim=-1)
    close(attention(network, SQUARES)[0], expected)


def test_attention_of_torchvision_against_its_formula() -> None:
    network = wrapped(small_torchvision_vit)
    for layer, block in enumerate(network.model.encoder.layers):
        with record(block.ln_1) as recording, torch.no_grad():
            network(SQUARES)
            inside = block.self_attention
            projected = F.linear(recording.output, inside.in_proj_weight, inside.in_proj_bias)
            query, key, _ = projected.view(2, 17, 3, 3, 8).permute(2, 0, 3, 1, 4)
        expected = (query @ key.mT / 8**0.5).softmax(dim=-1)
        close(attention(network, SQUARES)[layer], expected)


@pytest.mark.parametrize("make", VITS.values(), ids=VITS)
def test_looking_at_attention_changes_nothing(make) -> None:
    network = wrapped(make)
    fused = [module.fused_attn for module in network.modules() if hasattr(module, "fused_attn")]
    before, logits = state_of(network), network(SQUARES)
    attention(network, SQUARES)
    assert_same_state(before, state_of(network))
    assert fused == [module.fused_attn for module in network.modules() if hasattr(module, "fused_attn")]
    close(network(SQUARES), logits, rtol=0, atol=0)


@pytest.mark.parametrize("make", VITS.values(), ids=VITS)
def test_an_error_in_the_middle_leaves_nothing_behind(make) -> None:
    network = wrapped(make)
    blocks = network.model.blocks if make is small_vit else network.model.encoder.layers
    fused = [module.fused_attn for module in network.modules() if hasattr(module, "fused_attn")]
    with blocks[1].register_forward_hook(fail):
        before = state_of(network)
        with pytest.raises(StopError):
            attention(network, SQUARES)
        assert_same_state(before, state_of(network))
    assert fused == [module.fused_attn for module in network.modules() if hasattr(module, "fused_attn")]


@pytest.mark.parametrize("fused", [True, False])
def test_fused_attention_is_as_it_was(fused: bool) -> None:
    network = wrapped(small_vit)
    for block in network.model.blocks:
        block.attn.fused_attn = fused
    attention(network, SQUARES)
    assert all(block.attn.fused_attn is fused for block in network.model.blocks)


def test_the_transformer_of_the_birds() -> None:
    found = attention(networks.load("birds_vit"), random_images(n=1, height=96, width=96))
    assert found.shape == (5, 1, 4, 145, 145)
    rolled = rollout(found)
    close(rolled.sum(dim=-1), torch.ones(1, 145))
    assert token_map(rolled[:, 0]).shape == (1, 12, 12)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(plain_cnn, id="no attention"),
        pytest.param(lambda: classifiers.BirdAttention(5), id="trainable attention"),
    ],
)
def test_a_network_without_self_attention(make) -> None:
    with pytest.raises(ValueError, match="a network without self-attention"):
        attention(wrapped(make), random_images(n=1, height=96, width=96))


class TwoGrids(nn.Module):
    """Layers over different numbers of tokens."""

    def __init__(self):
        super().__init__()
        self.first, self.second = (nn.MultiheadAttention(3, 1, batch_first=True) for _ in range(2))

    def forward(self, images):
        tokens = images.flatten(2).mT
        tokens = self.first(tokens, tokens, tokens)[0][:, ::2]
        return self.second(tokens, tokens, tokens)[0].mean(dim=1)


def test_layers_of_different_sizes() -> None:
    network = networks.Network(seeded(TwoGrids), "abc", (0.5,) * 3, (0.5,) * 3)
    with pytest.raises(ValueError, match="of different sizes"):
        attention(network, random_images(n=2))


# ---- rollout and the map of tokens


def random_attention(layers: int = 3, n: int = 2, heads: int = 2, tokens: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(layers, n, heads, tokens, tokens, generator=generator, dtype=torch.float64)
    return (2 * logits).softmax(dim=-1)


def test_rollout_by_hand() -> None:
    """Two layers, one head, two tokens; halves of the residual connection and products worked out on paper."""
    first, second = torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    rolled = rollout(torch.stack([first, second])[:, None, None])
    # A_1 = [[1, 0], [1/4, 3/4]], A_2 = [[1/2, 1/2], [0, 1]], A_2 A_1:
    close(rolled, torch.tensor([[[5 / 8, 3 / 8], [1 / 4, 3 / 4]]]))


def test_rollout_takes_the_mean_over_the_heads() -> None:
    first = random_attention(heads=3)
    close(rollout(first), rollout(first.mean(dim=2, keepdim=True)))


def test_rows_of_a_rollout_add_up_to_one() -> None:
    rolled = rollout(random_attention(layers=7))
    close(rolled.sum(dim=-1), torch.ones(2, 5, dtype=torch.float64))
    assert (rolled >= 0).all()


def test_rows_that_do_not_add_up_to_one_are_scaled() -> None:
    close(rollout(torch.full((1, 1, 1, 2, 2), 3.0)), torch.tensor([[[4 / 7, 3 / 7], [3 / 7, 4 / 7]]]))


@pytest.mark.parametrize("layers", [1, 2, 6])
def test_uniform_attention_in_closed_form(layers: int) -> None:
    """A = (I + U) / 2 with U = 1/t everywhere, and U U = U: the product is 2^-L I + (1 - 2^-L) U."""
    tokens = 5
    uniform = torch.full((layers, 2, 3, tokens, tokens), 1 / tokens, dtype=torch.float64)
    share = 0.5**layers
    expected = share * torch.eye(tokens).double() + (1 - share) / tokens
    close(rollout(uniform), expected.expand(2, -1, -1))


def test_attention_to_itself_alone_moves_nothing() -> None:
    close(rollout(torch.eye(4).expand(3, 1, 2, 4, 4)), torch.eye(4)[None])


def test_the_last_layer_is_on_the_left() -> None:
    shift = torch.eye(5, dtype=torch.float64).roll(1, dims=1)
    layers = random_attention(layers=2, heads=1)
    first, second = ((layer[:, 0] + torch.eye(5)) / 2 for layer in layers)
    close(rollout(layers), second @ first)
    assert not torch.allclose(rollout(layers), first @ second)
    close(rollout(shift.expand(1, 1, 1, 5, 5)), ((shift + torch.eye(5)) / 2)[None])


@pytest.mark.parametrize("shape", [(2, 2, 3, 3), (2, 1, 2, 3, 4), (0, 1, 1, 3, 3), (3, 3)])
def test_rollout_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(layers, N, heads, tokens, tokens\), received \("):
        rollout(torch.zeros(shape))


def test_token_map_puts_the_patches_row_by_row() -> None:
    rows = torch.arange(10.0).expand(3, 2, 10)
    expected = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    close(token_map(rows), expected.expand(3, 2, 3, 3))
    close(token_map(rows[0, 0]), expected)


def test_the_grid_of_tokens_lies_on_the_image_as_the_patches_do() -> None:
    """timm's first layer cuts the patches: mark the patch in row 1, column 2, and find its token."""
    network = wrapped(small_vit)
    images = torch.zeros(1, 3, 64, 64)
    images[:, :, 16:32, 32:48] = 1
    with torch.no_grad():
        tokens = network.model.patch_embed(images)  # (1, 16, 24)
        changed = (tokens - network.model.patch_embed(torch.zeros_like(images))).norm(dim=2)
    found = token_map(torch.cat([torch.zeros(1, 1), changed], dim=1))
    assert found.nonzero().tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("shape", [(5, 11), (16,), (2, 1), (3, 0), ()])
def test_tokens_that_fill_no_square(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="the patches of a square"):
        token_map(torch.zeros(shape))


def test_one_weighted_sum_serves_both() -> None:
    weights, maps_ = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.arange(8.0).view(2, 2, 1, 2)
    close(activations._weighted_sum(weights, maps_), torch.tensor([[[4.0, 7.0]], [[-6.0, -7.0]]]))


def test_the_mean_gradient_is_what_the_gradient_function_finds() -> None:
    """At a layer that returns the image itself, the weights are the means of the vanilla gradient."""
    layer, network = nn.Identity(), wrapped(plain_cnn)
    score = network.score("emu")
    found = grad_cam(lambda images: score(layer(images)), IMAGES, layer)
    slope = gradients.gradient(score, IMAGES).mean(dim=(2, 3), keepdim=True)
    close(found, (slope * IMAGES).sum(dim=1))


def test_what_another_thread_does_with_the_network_is_not_recorded() -> None:
    network, images = smooth_network(), random_images(dtype=torch.float64)
    layer = network.model[0]

    def predict() -> None:
        network.predict(images)

    with activations.record(layer) as recording:
        network(images)
        thread = threading.Thread(target=predict)
        thread.start()
        thread.join()
    assert len(recording.outputs) == 1
