"""The drawn birds: the same seed gives the same scene, masks tell the truth, interventions change one thing."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, kruskal

from lecture_lib import birds

N, SEED = 48, 3


@pytest.fixture(scope="module")
def honest():
    return birds.scenes(N, SEED)


@pytest.fixture(scope="module")
def described():
    return birds.describe(4000, SEED)


def changed(images, others):
    """Which pixels differ by more than rounding, once for each stroke of the brush, explains: (N, 96, 96)."""
    return (images - others).abs().amax(dim=1) > 3 / 255


def mask_of(masks, *names):
    return sum(masks[:, birds.MASKS.index(name)] for name in names)


# ---- What comes out ---------------------------------------------------------------------------------------------


def test_shapes_types_and_ranges(honest):
    images, labels, masks = honest
    assert images.shape == (N, 3, 96, 96)
    assert masks.shape == (N, 7, 96, 96)
    assert labels.shape == (N,)
    assert (images.dtype, masks.dtype, labels.dtype) == (torch.float32, torch.float32, torch.int64)
    assert images.min() >= 0
    assert images.max() <= 1
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert set(labels.tolist()) == set(range(8))


def test_no_scenes_at_all():
    images, labels, masks = birds.scenes(0, SEED)
    assert (images.shape, labels.shape, masks.shape) == ((0, 3, 96, 96), (0,), (0, 7, 96, 96))


def test_same_seed_same_scenes_another_seed_others(honest):
    for ours, again in zip(honest, birds.scenes(N, SEED), strict=True):
        assert torch.equal(ours, again)
    assert (birds.scenes(N, SEED + 1)[0] - honest[0]).abs().mean() > 0.05


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(-(10**9), 10**9), n=st.integers(1, 4), more=st.integers(0, 4))
def test_a_scene_depends_on_seed_and_number_alone(seed, n, more):
    assert birds.describe(n, seed) == birds.describe(n + more, seed)[:n]
    few, many = birds.scenes(n, seed), birds.scenes(n + more, seed)
    assert all(torch.equal(a, b[:n]) for a, b in zip(few, many, strict=True))


def test_masks_share_every_pixel_among_them(honest):
    total = honest[2].sum(dim=1)
    assert (total - 1).abs().max() <= 2.001 / 255


def test_every_part_is_seen_in_every_scene(honest):
    areas = honest[2].sum(dim=(2, 3))
    smallest = dict(zip(birds.MASKS, areas.amin(dim=0).tolist(), strict=True))
    assert smallest["eye"] > 25
    assert smallest["feet"] > 20
    assert min(smallest[name] for name in ("beak", "wing", "tail")) > 30
    assert min(smallest[name] for name in ("body", "background")) > 300


def test_birds_stay_inside_the_picture():
    background = mask_of(birds.scenes(200, SEED + 2)[2], "background")
    frame = torch.cat([background[:, [0, -1]].flatten(), background[:, :, [0, -1]].flatten()])
    assert frame.min() == 1


def test_edges_are_anti_aliased(honest):
    masks = honest[2]
    partly = ((masks > 0.05) & (masks < 0.95)).float().sum(dim=(2, 3))
    assert (partly > 0).all()


def test_moving_a_bird_by_whole_pixels_moves_its_mask(described):
    scene = described[0]
    moved = replace(scene, place=(scene.place[0] + 1, scene.place[1] + 2))
    _, masks = birds.draw([scene, moved])
    torch.testing.assert_close(masks[1], masks[0].roll((-2, 1), dims=(1, 2)), atol=3 / 255, rtol=0)


def test_a_bird_that_looks_the_other_way_is_a_mirror_image(described):
    scene = replace(described[0], place=(48, 30))
    _, masks = birds.draw([scene, replace(scene, facing=-scene.facing)])
    torch.testing.assert_close(masks[1], masks[0].flip(2), atol=3 / 255, rtol=0)


# ---- Species ----------------------------------------------------------------------------------------------------


def test_no_part_alone_tells_the_species():
    for part, kinds in {"beak": 4, "wing": 4, "tail": 4, "eye": 2, "feet": 2}.items():
        counts = Counter(parts[part] for parts in birds.SPECIES.values())
        assert len(counts) == kinds
        assert set(counts.values()) == {8 // kinds}


def test_two_of_beak_wing_and_tail_tell_the_species():
    for pair in combinations(("beak", "wing", "tail"), 2):
        assert len({tuple(parts[part] for part in pair) for parts in birds.SPECIES.values()}) == 8


def test_species_differ_in_three_parts_at_least():
    for one, other in combinations(birds.SPECIES.values(), 2):
        assert sum(one[part] != other[part] for part in birds.PARTS) >= 3


@pytest.mark.parametrize("part", birds.PARTS)
def test_kinds_of_a_part_look_different(part):
    kinds = {parts[part]: species for species, parts in birds.SPECIES.items()}
    images = [birds.scenes(8, SEED, swap={part: species})[0] for species in kinds.values()]
    for one, other in combinations(images, 2):
        assert changed(one, other).sum(dim=(1, 2)).min() > 15


# ---- Chance -----------------------------------------------------------------------------------------------------


def independence(scenes):
    """The probability of a table of species against landscapes at least as uneven as this one, if chance made it."""
    table = np.zeros((8, 8))
    for scene in scenes:
        table[list(birds.SPECIES).index(scene.species), birds.LANDSCAPES.index(scene.landscape)] += 1
    return chi2_contingency(table).pvalue


def test_landscape_says_nothing_about_the_species(described):
    assert independence(described) > 0.01


def test_a_weak_shortcut_would_be_noticed():
    assert independence(birds.describe(4000, SEED, shortcut=0.2)) < 1e-6


@pytest.mark.parametrize("what", ["plumage", "light", "size", "place", "tilt", "facing", "wing_shade"])
def test_nothing_else_says_anything_about_the_species(described, what):
    values = np.array([np.atleast_1d(getattr(scene, what)) for scene in described])
    species = np.array([scene.species for scene in described])
    for column in values.T:
        assert kruskal(*(column[species == name] for name in birds.SPECIES)).pvalue > 0.001


def test_species_are_equally_probable(described):
    counts = Counter(scene.species for scene in described)
    assert all(abs(counts[name] - 500) < 4 * (4000 * 7 / 64) ** 0.5 for name in birds.SPECIES)


@pytest.mark.parametrize("probability", [0.0, 0.5, 0.95, 1.0])
def test_shortcut_ties_landscape_to_species_as_often_as_asked(probability):
    own = [
        scene.landscape == birds.LANDSCAPES[list(birds.SPECIES).index(scene.species)]
        for scene in birds.describe(4000, SEED, shortcut=probability)
    ]
    assert abs(np.mean(own) - probability) <= 4 * (probability * (1 - probability) / 4000) ** 0.5


def test_misleading_landscapes_are_spread_over_the_other_seven():
    counts = Counter(scene.landscape for scene in birds.describe(2100, SEED, species="plain conebill", shortcut=0.0))
    assert set(counts) == set(birds.LANDSCAPES) - {birds.LANDSCAPES[4]}
    assert min(counts.values()) > 230


# ---- Interventions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", birds.PARTS)
def test_leaving_a_part_out_changes_its_own_pixels_alone(honest, part):
    images, labels, masks = honest
    without, same_labels, masks_without = birds.scenes(N, SEED, without=part)
    assert torch.equal(labels, same_labels)
    assert mask_of(masks_without, part).max() == 0
    assert not (changed(images, without) & (mask_of(masks, part) == 0)).any()
    assert changed(images, without).sum(dim=(1, 2)).min() > 10


def test_leaving_out_several_parts(honest):
    _, _, masks = birds.scenes(N, SEED, without=birds.PARTS)
    assert mask_of(masks, *birds.PARTS).max() == 0
    assert (mask_of(masks, "body") >= mask_of(honest[2], "body") - 2 / 255).all()  # the parts hid some of it


@pytest.mark.parametrize("part", birds.PARTS)
def test_swapping_a_part_changes_the_old_and_the_new_part_alone(honest, part):
    images, labels, masks = honest
    swapped, same_labels, masks_swapped = birds.scenes(N, SEED, swap={part: "waving spoonbill"})
    assert torch.equal(labels, same_labels)
    outside = (mask_of(masks, part) == 0) & (mask_of(masks_swapped, part) == 0)
    assert not (changed(images, swapped) & outside).any()
    names = list(birds.SPECIES)
    kept = [birds.SPECIES[names[label]][part] == birds.SPECIES["waving spoonbill"][part] for label in labels]
    assert ((images == swapped).flatten(1).all(dim=1) == torch.tensor(kept)).all()


def test_all_parts_of_another_species_make_that_species():
    for donor in birds.SPECIES:
        images, labels, _ = birds.scenes(4, SEED, species=donor)
        swapped, _, _ = birds.scenes(4, SEED, swap=dict.fromkeys(birds.PARTS, donor))
        assert torch.equal(images, swapped)
        assert labels.tolist() == [list(birds.SPECIES).index(donor)] * 4


def test_every_bird_can_get_a_part_of_its_own_donor():
    donors = ["waving spoonbill", "plain conebill", "barred hookbill"]
    together = birds.scenes(3, SEED, swap={"tail": donors})[0]
    one_by_one = [birds.scenes(3, SEED, swap={"tail": donor})[0][i] for i, donor in enumerate(donors)]
    assert torch.equal(together, torch.stack(one_by_one))


def test_swapping_the_landscape_leaves_the_bird_as_it_was(honest):
    images, labels, masks = honest
    for name in birds.LANDSCAPES:
        elsewhere, same_labels, same_masks = birds.scenes(N, SEED, landscape=name)
        assert torch.equal(labels, same_labels)
        assert torch.equal(masks, same_masks)
        assert not (changed(images, elsewhere) & (mask_of(masks, "background") == 0)).any()


def test_landscapes_look_different():
    images = {name: birds.scenes(8, SEED, landscape=name)[0] for name in birds.LANDSCAPES}
    for one, other in combinations(birds.LANDSCAPES, 2):
        assert changed(images[one], images[other]).float().mean() > 0.3


@pytest.mark.parametrize("change", [{"shortcut": 0.0}, {"shortcut": 1.0}, {"landscape": "city"}])
def test_landscape_and_shortcut_change_nothing_else_in_the_description(change):
    for scene, other in zip(birds.describe(50, SEED), birds.describe(50, SEED, **change), strict=True):
        assert replace(other, landscape=scene.landscape) == scene


def test_interventions_leave_the_table_of_species_alone():
    before = {name: dict(parts) for name, parts in birds.SPECIES.items()}
    birds.scenes(2, SEED, swap={"beak": "plain conebill"}, without=("tail", "eye"))
    assert before == birds.SPECIES


# ---- Mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"species": "hookbill"}, "Unknown species 'hookbill'.*plain hookbill"),
        ({"landscape": "ocean"}, "Unknown landscape 'ocean'"),
        ({"without": "beek"}, "Unknown part 'beek'.*beak"),
        ({"without": ("beak", "body")}, "Unknown part 'body'"),
        ({"swap": {"bill": "plain conebill"}}, "Unknown part 'bill'"),
        ({"swap": {"beak": "conebill"}}, "Unknown species 'conebill'"),
        ({"species": ["plain conebill"]}, "Expected one species or 2 of them, received 1"),
        ({"shortcut": 1.5}, "probability from 0 to 1.*1.5"),
        ({"shortcut": 0.5, "landscape": "sea"}, "either landscape or shortcut"),
    ],
)
def test_mistakes_are_explained(options, message):
    with pytest.raises(ValueError, match=message):
        birds.scenes(2, SEED, **options)
