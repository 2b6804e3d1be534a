import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lecture_lib import birds, regions, samples
from tests.shared.networks import (
    PIXELS,
    Logged,
    linear_score,
    random_images,
    random_weight,
    sine_score,
)

close = torch.testing.assert_close
IMAGES = random_images(n=2, height=4, width=6, dtype=torch.float64)
MAP = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
LEFT = (torch.arange(6) < 3).double().expand(2, 4, 6)
RED = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).view(1, 3, 1, 1)


def red_score(images: Tensor) -> Tensor:
    """Adds up the red channel."""
    return (RED * images).sum(PIXELS)


# ---- inside_fraction, pointing_game


def test_inside_fraction_by_hand() -> None:
    """3 of the 3 + 1 that are positive lie on the left; -5 counts as nothing; then half of a pixel of 2."""
    found = regions.inside_fraction(
        torch.tensor([[[3.0, -5.0, 1.0]], [[2.0, 0.0, 0.0]]]),
        torch.tensor([[[1.0, 1.0, 0.0]], [[0.5, 1.0, 1.0]]]),
    )
    close(found, torch.tensor([0.75, 0.5]))


def test_everything_and_nothing() -> None:
    ones = torch.ones_like(MAP)
    close(regions.inside_fraction(MAP, ones), torch.ones(2, dtype=torch.float64))
    close(regions.inside_fraction(MAP, 0 * ones), torch.zeros(2, dtype=torch.float64))


def test_a_map_without_structure_has_as_much_inside_as_the_region_has_pixels() -> None:
    mask = random_images(n=2, channels=1, height=4, width=6, dtype=torch.float64)[:, 0]
    close(regions.inside_fraction(torch.full_like(MAP, 0.3), mask), mask.mean(dim=(1, 2)))


@given(st.floats(0.01, 100))
def test_the_scale_of_a_map_does_not_matter(factor: float) -> None:
    close(regions.inside_fraction(factor * MAP, LEFT), regions.inside_fraction(MAP, LEFT))
    close(regions.pointing_game(factor * MAP, LEFT), regions.pointing_game(MAP, LEFT))


def test_a_map_without_a_positive_value_has_no_fraction() -> None:
    assert regions.inside_fraction(-MAP.abs(), LEFT).isnan().all()


def test_the_parts_of_a_scene_share_a_map_among_themselves() -> None:
    _, _, masks = birds.scenes(3, 0)
    mass = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(0))
    shares = torch.stack([regions.inside_fraction(mass, mask) for mask in masks.unbind(dim=1)])
    close(shares.sum(dim=0), torch.ones(3), rtol=0, atol=0.01)
    close(shares, masks.mean(dim=(2, 3)).T, rtol=0, atol=0.02)  # random mass lies everywhere alike


def test_pointing_game_by_hand() -> None:
    values = torch.tensor([[[1.0, 5.0], [2.0, 3.0]], [[-1.0, -5.0], [-0.5, -3.0]], [[7.0, 0.0], [0.0, 7.0]]])
    mask = torch.tensor([[[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.25, 1.0]], [[0.0, 1.0], [1.0, 1.0]]])
    close(regions.pointing_game(values, mask), torch.tensor([1.0, 0.25, 0.0]))


@pytest.mark.parametrize("measure", [regions.inside_fraction, regions.pointing_game])
def test_bad_masks(measure) -> None:
    with pytest.raises(ValueError, match=r"received \(2, 4, 6\) and \(2, 6, 4\)"):
        measure(MAP, torch.zeros(2, 6, 4))
    with pytest.raises(ValueError, match=r"received \(4, 6\) and \(4, 6\)"):
        measure(MAP[0], LEFT[0])
    for bad in (2 * LEFT, -LEFT, torch.full_like(LEFT, float("nan"))):
        with pytest.raises(ValueError, match=r"a mask with values in \[0, 1\]"):
            measure(MAP, bad)


# ---- removal


def test_the_effect_of_taking_pixels_out_of_a_linear_score_is_what_they_contribute() -> None:
    weight = random_weight(IMAGES)
    removed = regions.replace_region(IMAGES, LEFT, "black")
    effect = regions.removal_effect(linear_score(weight, bias=3.0), IMAGES, removed)
    close(effect, (weight * IMAGES)[..., :3].sum(PIXELS))


def test_what_takes_the_place_matters() -> None:
    weight = random_weight(IMAGES)
    for baseline in ("black", "white", "blur", IMAGES.flip(0)):
        other = samples.baseline_images(IMAGES, baseline)
        effect = regions.removal_effect(linear_score(weight), IMAGES, regions.replace_region(IMAGES, LEFT, baseline))
        close(effect, (weight * (IMAGES - other))[..., :3].sum(PIXELS))


def test_the_effect_of_a_missing_beak() -> None:
    """Counting a colour: exactly the pixels of the beak change."""
    whole, _, masks = birds.scenes(4, 0)
    without, _, _ = birds.scenes(4, 0, without="beak")
    changed = (whole != without).any(dim=1)
    assert changed.flatten(1).any(dim=1).all()
    effect = regions.removal_effect(lambda images: images.double().sum(PIXELS), whole, without)
    close(effect, ((whole - without).double() * changed[:, None]).sum(PIXELS))
    assert (masks[:, birds.MASKS.index("beak")][changed]).mean() > 0.5


def test_a_soft_mask_mixes() -> None:
    mask = torch.full_like(MAP, 0.25)
    close(regions.replace_region(IMAGES, mask, "white"), 0.75 * IMAGES + 0.25)


def test_only_the_region_changes() -> None:
    found = regions.replace_region(IMAGES, LEFT)
    close(found[..., 3:], IMAGES[..., 3:], rtol=0, atol=0)
    close(found[..., :3], samples.baseline_images(IMAGES, "blur")[..., :3])


def test_images_of_different_shapes() -> None:
    with pytest.raises(ValueError, match=r"of the same shape, received \(2, 3, 4, 6\) and \(1, 3, 4, 6\)"):
        regions.removal_effect(red_score, IMAGES, IMAGES[:1])
    with pytest.raises(ValueError, match=r"received \(2, 4, 6\) and \(1, 4, 6\)"):
        regions.replace_region(IMAGES, LEFT[:1])


# ---- deletion and insertion


def test_deletion_by_hand() -> None:
    """Four pixels with the values 1, 2, 4, 8 in red; the map says in which order they go."""
    image = torch.tensor([1.0, 2.0, 4.0, 8.0]).view(1, 1, 1, 4) / 8
    order = torch.tensor([[[0.5, -1.0, 9.0, 0.7]]])  # 4 first, then 8, 1, 2
    found = regions.deletion_curve(lambda images: 8 * images.sum(PIXELS), image, order, n_steps=4)
    close(found, torch.tensor([[15.0, 11.0, 3.0, 2.0, 0.0]]))
    found = regions.insertion_curve(lambda images: 8 * images.sum(PIXELS), image, order, n_steps=4)
    close(found, torch.tensor([[0.0, 4.0, 12.0, 13.0, 15.0]]))


def test_a_linear_score_falls_by_what_the_pixels_contribute() -> None:
    weight = random_weight(IMAGES)
    contributions = (weight * IMAGES).sum(dim=1)
    found = regions.deletion_curve(linear_score(weight), IMAGES, MAP, n_steps=24)
    by_value = contributions.flatten(1).gather(1, MAP.flatten(1).argsort(dim=1, descending=True))
    close(found[:, :1] - found, torch.cat([torch.zeros(2, 1), by_value.cumsum(dim=1)], dim=1))


def test_the_true_contributions_make_the_fastest_fall_of_a_linear_score() -> None:
    weight = random_weight(IMAGES)
    best = regions.deletion_curve(linear_score(weight), IMAGES, (weight * IMAGES).sum(dim=1), n_steps=12)
    other = regions.deletion_curve(linear_score(weight), IMAGES, MAP, n_steps=12)
    assert (best <= other + 1e-9).all()
    assert (best.mean(dim=1) < other.mean(dim=1)).all()


@pytest.mark.parametrize("baseline", ["black", "white", "blur", IMAGES.flip(0)], ids=str)
def test_the_curves_start_and_end_at_image_and_baseline(baseline) -> None:
    score = sine_score(random_weight(IMAGES))
    ends = torch.stack([score(IMAGES), score(samples.baseline_images(IMAGES, baseline))], dim=1)
    deletion = regions.deletion_curve(score, IMAGES, MAP, baseline=baseline, n_steps=5)
    insertion = regions.insertion_curve(score, IMAGES, MAP, baseline=baseline, n_steps=5)
    assert deletion.shape == insertion.shape == (2, 6)
    close(deletion[:, [0, -1]], ends)
    close(insertion[:, [-1, 0]], ends)


def test_insertion_is_deletion_of_the_reversed_map_run_backwards() -> None:
    score = sine_score(random_weight(IMAGES))
    insertion = regions.insertion_curve(score, IMAGES, MAP, n_steps=8)
    close(insertion.flip(1), regions.deletion_curve(score, IMAGES, -MAP, n_steps=8))


def test_equal_steps() -> None:
    logged = Logged(lambda images: images.sum(PIXELS))
    regions.deletion_curve(logged, torch.ones(1, 1, 5, 7), torch.rand(1, 5, 7), n_steps=4)
    gone = [35 - int(images.sum()) for images in logged.calls]
    assert gone == [0, 9, 18, 26, 35]  # 8.75 · k, rounded


def test_all_channels_of_a_pixel_go_together() -> None:
    logged = Logged(red_score)
    regions.deletion_curve(logged, IMAGES, MAP, baseline="white", n_steps=6)
    for images in logged.calls:
        white = (images == 1).sum(dim=1)
        assert set(white.unique().tolist()) <= {0, 3}


def test_only_the_order_counts() -> None:
    score = sine_score(random_weight(IMAGES))
    close(regions.deletion_curve(score, IMAGES, MAP), regions.deletion_curve(score, IMAGES, MAP.exp() - 7))


def test_equal_values_go_in_reading_order() -> None:
    logged = Logged(red_score)
    regions.deletion_curve(logged, IMAGES, torch.zeros_like(MAP), n_steps=24)
    assert [int((images[0, 0] == 0).sum()) for images in logged.calls] == list(range(25))
    assert not logged.calls[10][0, 0].flatten()[:10].any()


@pytest.mark.parametrize("curve", [regions.deletion_curve, regions.insertion_curve])
def test_bad_input(curve) -> None:
    for bad in (MAP[:1], MAP[:, None], torch.full_like(MAP, float("nan")), None):
        with pytest.raises(ValueError, match=r"a finite map of shape \(2, 4, 6\)"):
            curve(red_score, IMAGES, bad)
    with pytest.raises(ValueError, match="at least 1 step, received n_steps=0"):
        curve(red_score, IMAGES, MAP, n_steps=0)
    with pytest.raises(ValueError, match="baseline"):
        curve(red_score, IMAGES, MAP, baseline="purple")
