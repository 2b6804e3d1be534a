import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from lecture_lib import compare, measure, networks
from lecture_lib.birds import classifiers
from tests.shared.networks import (
    Stateful,
    assert_same_state,
    efficientnet,
    random_images,
    state_of,
    stateful_network,
)

close = torch.testing.assert_close


def random_maps(n: int = 3, height: int = 9, width: int = 11, seed: int = 0) -> Tensor:
    return torch.randn(n, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- Top-k intersection -----------------------------------------------------------------------------------------


def test_counted_by_hand() -> None:
    first = torch.tensor([[[9.0, 8, 7, 0, 1]], [[0.0, 0, 0, 5, 6]]])
    second = torch.tensor([[[9.0, 0, 8, 7, 1]], [[5.0, 6, 7, 0, 0]]])
    close(compare.top_k_intersection(first, second, 3), torch.tensor([2 / 3, 1 / 3], dtype=torch.float64))
    close(compare.top_k_intersection(first, second, 1), torch.tensor([1.0, 0], dtype=torch.float64))
    close(compare.top_k_intersection(first, second, 5), torch.ones(2, dtype=torch.float64))


def test_bright_has_a_sign() -> None:
    map = random_maps()
    half = map[0].numel() // 2
    close(compare.top_k_intersection(map, -map, half), torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize("k", [1, 4, 20])
def test_a_constant_map_shares_its_places_equally(k: int) -> None:
    """Each of 20 tied pixels is in the top k with a share of k / 20, and so is the whole intersection."""
    values = torch.arange(20.0).view(1, 4, 5)
    close(compare.top_k_intersection(torch.ones(1, 4, 5), values, k), torch.tensor([k / 20], dtype=torch.float64))


def test_two_tied_pixels_for_one_place() -> None:
    first = torch.tensor([[[3.0, 2, 2, 0]]])
    close(compare.top_k_intersection(first, torch.tensor([[[3.0, 9, 0, 0]]]), 2), torch.tensor([0.75]).double())
    close(compare.top_k_intersection(first, first, 2), torch.ones(1, dtype=torch.float64))


def test_unrelated_maps_have_about_k_over_n_in_common() -> None:
    first, second = random_maps(200, 20, 20, seed=1), random_maps(200, 20, 20, seed=2)
    found = compare.top_k_intersection(first, second, 40).mean().item()
    assert abs(found - 0.1) < 0.01  # 7 standard errors


@given(st.integers(0, 10**6), st.integers(1, 12))
def test_the_order_of_the_pixels_does_not_matter(seed: int, k: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randint(0, 4, (2, 1, 3, 4), generator=generator).double()  # many ties
    order = torch.randperm(12, generator=generator)
    one, other = (map.flatten()[order].view(1, 3, 4) for map in (first, second))
    found = compare.top_k_intersection(first, second, k)
    close(compare.top_k_intersection(one, other, k), found)
    close(compare.top_k_intersection(second, first, k), found)
    assert 0 <= found.item() <= 1 + 1e-12


@pytest.mark.parametrize("k", [0, -1, 21])
def test_a_k_out_of_range(k: int) -> None:
    with pytest.raises(ValueError, match=f"from 1 to 20, the number of pixels, received {k}"):
        compare.top_k_intersection(torch.rand(1, 4, 5), torch.rand(1, 4, 5), k)


# ---- SSIM -------------------------------------------------------------------------------------------------------


def test_a_map_is_like_itself_and_like_its_positive_multiples() -> None:
    maps = random_maps()
    close(compare.ssim(maps, maps), torch.ones(3, dtype=torch.float64))
    close(compare.ssim(maps, 5 * maps - 3), torch.ones(3, dtype=torch.float64))


def test_one_window_against_the_formula() -> None:
    """On 7 × 7 pixels there is one window: (2 μν + c)(2 cov + d) / ((μ² + ν² + c)(var + var + d))."""
    one, other = (np.random.default_rng(seed).random((7, 7)) for seed in (1, 2))
    one, other = ((map - map.min()) / (map.max() - map.min()) for map in (one, other))
    c, d = 0.01**2, 0.03**2
    covariance = np.cov(one.ravel(), other.ravel())  # divides by 48, as skimage does
    expected = ((2 * one.mean() * other.mean() + c) * (2 * covariance[0, 1] + d)) / (
        (one.mean() ** 2 + other.mean() ** 2 + c) * (covariance[0, 0] + covariance[1, 1] + d)
    )
    found = compare.ssim(torch.from_numpy(one)[None], torch.from_numpy(other)[None])
    close(found, torch.tensor([expected]))


def test_every_pair_is_compared_as_scikit_image_compares_it() -> None:
    first, second = random_maps(seed=3), random_maps(seed=4)
    scaled = [
        (maps - maps.amin((1, 2), True)) / (maps.amax((1, 2), True) - maps.amin((1, 2), True))
        for maps in (first, second)
    ]
    expected = [structural_similarity(a.numpy(), b.numpy(), data_range=1) for a, b in zip(*scaled, strict=True)]
    close(compare.ssim(first, second), torch.tensor(expected, dtype=torch.float64))


def test_two_unrelated_maps_with_one_bright_pixel_each_look_alike_to_it() -> None:
    """Why the null distribution is needed: both maps are black nearly everywhere."""
    first, second = 0.001 * random_maps(1, 60, 60, seed=5).abs(), 0.001 * random_maps(1, 60, 60, seed=6).abs()
    first[0, 10, 10] = second[0, 50, 50] = 1
    assert compare.ssim(first, second).item() > 0.9
    assert abs(measure.rank_correlation(first, second).item()) < 0.1


def test_maps_that_ssim_cannot_take() -> None:
    assert compare.ssim(torch.ones(1, 8, 8), torch.rand(1, 8, 8)).isnan().all()
    with pytest.raises(ValueError, match=r"at least 7 × 7 pixels, received \(6, 9\)"):
        compare.ssim(torch.rand(1, 6, 9), torch.rand(1, 6, 9))


# ---- All three --------------------------------------------------------------------------------------------------


def test_similarity_is_the_three_of_them() -> None:
    first, second = random_maps(seed=7), random_maps(seed=8)
    found = compare.similarity(first, second, share=0.25)
    close(found.rank_correlation, measure.rank_correlation(first, second))
    close(found.top_k_intersection, compare.top_k_intersection(first, second, 25))  # 9 · 11 / 4, rounded
    close(found.ssim, compare.ssim(first, second))
    assert all(part.shape == (3,) for part in found)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_a_share_out_of_range(share: float) -> None:
    with pytest.raises(ValueError, match=f"a share above 0 and up to 1, received {share}"):
        compare.similarity(random_maps(), random_maps(), share=share)


@pytest.mark.parametrize(
    "function", [compare.similarity, compare.ssim, lambda a, b: compare.top_k_intersection(a, b, 1)]
)
@pytest.mark.parametrize("shapes", [((1, 8, 8), (1, 8, 9)), ((8, 8), (8, 8)), ((2, 1, 8, 8), (2, 1, 8, 8))])
def test_shapes_that_do_not_fit(function, shapes) -> None:
    with pytest.raises(ValueError, match=r"two maps of the same shape \(N, H, W\), received"):
        function(*(torch.rand(shape) for shape in shapes))


# ---- Null distribution and agreement ----------------------------------------------------------------------------


def test_all_pairs_in_their_order() -> None:
    maps = torch.tensor([1.0, 10, 100, 1000]).view(4, 1, 1)
    found = compare.null_distribution(maps, lambda first, second: (first + second).flatten())
    assert found.tolist() == [11, 101, 1001, 110, 1010, 1100]


def test_unrelated_noise_is_spread_around_0_as_statistics_says() -> None:
    """Spearman's ρ of n independent pixels has the standard deviation 1 / √(n - 1)."""
    found = compare.null_distribution(random_maps(40, 10, 10))
    assert len(found) == 40 * 39 // 2
    assert abs(found.mean().item()) < 0.02
    assert abs(found.std().item() * 99**0.5 - 1) < 0.15
    assert (found.abs() * 99**0.5 < norm.ppf(0.975)).double().mean().item() == pytest.approx(0.95, abs=0.03)


def test_maps_that_share_their_bright_middle_are_alike_though_unrelated() -> None:
    y, x = torch.meshgrid(torch.linspace(-1, 1, 20), torch.linspace(-1, 1, 20), indexing="ij")
    found = compare.null_distribution(random_maps(10, 20, 20) + 10 * torch.exp(-(x**2 + y**2)))
    assert found.min().item() > 0.5


@pytest.mark.parametrize("maps", [torch.rand(1, 8, 8), torch.rand(8, 8)])
def test_too_few_maps(maps: Tensor) -> None:
    with pytest.raises(ValueError, match="at least two maps"):
        compare.null_distribution(maps)


def test_agreement_by_hand() -> None:
    rising = torch.arange(6.0).view(1, 2, 3)
    maps = {
        "up": torch.cat([rising, rising]),
        "down": -torch.cat([rising, rising]),
        "both": torch.cat([rising, -rising]),
    }
    expected = torch.tensor([[1.0, -1, 0], [-1, 1, 0], [0, 0, 1]], dtype=torch.float64)
    close(compare.agreement_matrix(maps), expected)


def test_agreement_by_another_measure() -> None:
    maps = {"a": random_maps(seed=1), "b": random_maps(seed=2), "c": random_maps(seed=3)}
    found = compare.agreement_matrix(maps, compare.ssim)
    close(found, found.T)
    close(found[0, 2], compare.ssim(maps["a"], maps["c"]).mean())
    with pytest.raises(ValueError, match="at least one method"):
        compare.agreement_matrix({})


# ---- Randomisation ----------------------------------------------------------------------------------------------


class WithRawParameters(nn.Module):
    """A place embedding beside its layers, and two layers of one shape."""

    def __init__(self) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.arange(50.0))
        self.first, self.second = nn.Linear(12, 12), nn.Linear(12, 12)
        self.second.load_state_dict(self.first.state_dict())

    def forward(self, images: Tensor) -> Tensor:
        return self.second(self.first(images))


def values_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


@pytest.mark.parametrize("make", [WithRawParameters, Stateful])
def test_every_parameter_keeps_its_values_and_loses_their_places(make) -> None:
    network = make()
    before, after = values_of(network), values_of(compare.randomise(network))
    assert before.keys() == after.keys()
    for name, values in before.items():
        assert torch.equal(values.flatten().sort().values, after[name].flatten().sort().values), name
        if len(values.unique()) > 5:  # the gains of a fresh batch normalisation are all 1
            assert (values != after[name]).double().mean() > 0.5, name


def test_layers_of_the_same_shape_are_shuffled_differently() -> None:
    network = WithRawParameters()
    twin = compare.randomise(network)
    assert torch.equal(network.first.weight, network.second.weight)
    assert not torch.equal(twin.first.weight, twin.second.weight)
    assert not torch.equal(twin.first.bias, twin.second.bias)


def test_the_network_and_the_random_numbers_of_the_caller_stay() -> None:
    network = stateful_network()
    before = state_of(network)
    twin = compare.randomise(network)
    list(compare.cascade(network))
    assert_same_state(before, state_of(network))
    assert type(twin) is networks.Network
    assert twin.classes == network.classes
    assert not any(parameter.requires_grad for parameter in twin.parameters())
    assert not any(module.training for module in twin.modules())
    with torch.no_grad():
        next(twin.parameters()).add_(1)  # shares no memory with the network
    assert_same_state(before, state_of(network))


def test_the_seed_makes_the_twin() -> None:
    network, images = stateful_network(), random_images()
    one, again, other = (compare.randomise(network, seed=seed)(images) for seed in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)
    assert not torch.allclose(one, network(images))


def test_only_the_named_parameters() -> None:
    network = WithRawParameters()
    twin, all_shuffled = compare.randomise(network, ["pos_embed", "first.bias"]), compare.randomise(network)
    for name, values in values_of(twin).items():
        other = all_shuffled if name in ("pos_embed", "first.bias") else network
        assert torch.equal(values, dict(other.named_parameters())[name]), name
    with pytest.raises(ValueError, match=r"names of parameters, received first\.wait, head"):
        compare.randomise(network, ["first.wait", "head", "first.bias"])


def test_layers_from_the_last_to_the_raw_parameters() -> None:
    assert compare.layers(WithRawParameters()) == {
        "second": ["second.weight", "second.bias"],
        "first": ["first.weight", "first.bias"],
        "pos_embed": ["pos_embed"],
    }


def test_a_transformer_is_shuffled_from_the_head_to_the_class_token() -> None:
    network = networks.load("birds_vit") if (classifiers.WEIGHTS / "birds_vit.safetensors").exists() else None
    model = network.model if network else classifiers.bird_vit()
    found = list(compare.layers(model))
    assert found[0] == "head"
    assert set(found[-2:]) == {"cls_token", "pos_embed"}
    assert len({name for names in compare.layers(model).values() for name in names}) == len(values_of(model))


def test_the_cascade_goes_down_layer_by_layer_and_never_back() -> None:
    network = WithRawParameters()
    steps = list(compare.cascade(network, seed=5))
    assert [name for name, _ in steps] == ["second", "first", "pos_embed"]
    complete = values_of(compare.randomise(network, seed=5))
    done: set[str] = set()
    for (_, twin), names in zip(steps, compare.layers(network).values(), strict=True):
        done.update(names)
        for name, values in values_of(twin).items():
            expected = complete[name] if name in done else dict(network.named_parameters())[name]
            assert torch.equal(values, expected), name


@pytest.mark.parametrize("n_stages", [1, 4, 7, 50])
def test_stages_are_spread_evenly_and_end_with_everything(n_stages: int) -> None:
    network = efficientnet()
    names = list(compare.layers(network))
    reached = [
        name for name, _ in compare.cascade(nn.Sequential(*(nn.Linear(1, 1) for _ in names)), n_stages=n_stages)
    ]
    places = [len(names) - int(name) for name in reached]  # layers shuffled so far
    assert places[-1] == len(names) == 50
    gaps = np.diff([0, *places])
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize("n_stages", [0, -1, 4])
def test_stages_out_of_range(n_stages: int) -> None:
    with pytest.raises(ValueError, match=f"from 1 to 3 stages, the number of layers, received {n_stages}"):
        list(compare.cascade(WithRawParameters(), n_stages=n_stages))


def test_the_real_network_forgets_its_classes_but_still_reacts() -> None:
    network, images = efficientnet(), random_images(2, height=64, width=64)
    twin = compare.randomise(network)
    assert twin(images).isfinite().all()
    assert (twin(images)[0] - twin(images)[1]).abs().max() > 1e-2  # the signal has not died on its way
    assert torch.corrcoef(torch.stack([network(images)[0], twin(images)[0]]))[0, 1].abs() < 0.3
