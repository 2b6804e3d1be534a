"""Training: seeded, resumable; what is shipped is as good as its report says."""

import json
from dataclasses import replace
from functools import cache

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from lecture_lib import birds
from lecture_lib.birds import classifiers, train

FRESH_SEED = 31_415  # neither a seed of a recipe nor that of the reports
TINY = train.Recipe(scenes=48, epochs=2, batch_size=16)


@cache
def fresh(place):
    """Birds that no network has seen: anywhere, in their species' own landscape, in that of another species."""
    options = {"anywhere": {}, "own": {"shortcut": 1.0}, "other": {"shortcut": 0.0}}
    return birds.scenes(400, FRESH_SEED, **options[place])[:2]


@cache
def accuracy(name, place):
    images, labels = fresh(place)
    with torch.no_grad():
        return (classifiers.load(name)((images - 0.5) / 0.5).argmax(dim=1) == labels).float().mean().item()


@pytest.fixture(scope="module")
def reports():
    return {name: json.loads((classifiers.WEIGHTS / f"{name}.json").read_text()) for name in train.RECIPES}


def weights_of(model):
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


# ---- What is shipped --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "least"), [("birds_cnn", 0.97), ("birds_vit", 0.95), ("birds_attention", 0.95)])
def test_shipped_networks_know_birds_they_have_never_seen(name, least):
    assert accuracy(name, "anywhere") >= least


def test_the_honest_network_does_not_care_for_the_landscape():
    assert accuracy("birds_cnn", "own") - accuracy("birds_cnn", "other") < 0.05


def test_the_shortcut_network_falls_for_the_landscape():
    own, other = (accuracy("birds_shortcut", place) for place in ("own", "other"))
    assert own >= 0.97
    assert own - other >= 0.3


def test_reports_say_how_the_networks_came_about(reports):
    for name, report in reports.items():
        recipe = dict(report["recipe"])
        assert (recipe.pop("optimiser"), recipe.pop("schedule")) == ("AdamW", "OneCycleLR")
        assert train.Recipe(**recipe) == train.RECIPES[name]
        assert report["network"] == name
        assert report["classes"] == list(birds.SPECIES)
        assert report["bytes"] == (classifiers.WEIGHTS / f"{name}.safetensors").stat().st_size
        assert report["parameters"] == sum(p.numel() for p in classifiers.load(name).parameters())


def test_reports_were_made_with_other_scenes_than_training(reports):
    for report in reports.values():
        assert report["test"]["seed"] != report["recipe"]["seed"]
        assert report["test"]["scenes"] >= 1000


def test_reported_accuracy_is_that_on_fresh_scenes(reports):
    places = {"any_landscape": "anywhere", "own_landscape": "own", "landscape_of_another": "other"}
    for name, report in reports.items():
        for key, place in places.items():
            reported = report["test"]["accuracy"][key]
            spread = (max(reported * (1 - reported), 0.005) / 400) ** 0.5
            assert abs(accuracy(name, place) - reported) < 5 * spread


def test_all_weights_together_are_small():
    assert sum(path.stat().st_size for path in classifiers.WEIGHTS.glob("*.safetensors")) < 8_000_000


# ---- The networks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", classifiers.ARCHITECTURES)
def test_loaded_networks_are_frozen_and_in_evaluation_mode(name):
    model = classifiers.load(name)
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model(torch.zeros(2, 3, 96, 96)).shape == (2, 8)


def test_an_unknown_network_gets_a_suggestion():
    with pytest.raises(ValueError, match=r"Unknown network 'bird_cnn'.*birds_cnn"):
        classifiers.load("bird_cnn")


def test_the_cnn_ends_in_pooling_and_one_linear_layer():
    model = classifiers.load("birds_cnn")
    images = torch.rand(3, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    maps = model.features(images)
    assert maps.shape == (3, 96, 12, 12)
    class_maps = torch.einsum("kc,nchw->nkhw", model.classifier.weight, maps)
    torch.testing.assert_close(class_maps.mean(dim=(2, 3)) + model.classifier.bias, model(images))


def test_the_transformer_has_a_class_token_and_a_token_for_every_8_pixels():
    model = classifiers.load("birds_vit")
    assert isinstance(model, VisionTransformer)
    assert model.forward_features(torch.zeros(1, 3, 96, 96)).shape == (1, 1 + 12 * 12, 96)


def test_attention_maps_add_up_to_one():
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    maps = classifiers.load("birds_attention").attention(images)
    assert [tuple(attention.shape) for attention in maps] == [(2, 24, 24), (2, 12, 12)]
    for attention in maps:
        assert (attention >= 0).all()
        torch.testing.assert_close(attention.sum(dim=(1, 2)), torch.ones(2))


def test_attention_goes_where_local_and_global_features_agree():
    layer = classifiers.Attention(3, 3)
    layer.project.weight.data = torch.eye(3)[:, :, None, None]
    local = torch.eye(3).view(1, 3, 1, 3)  # the place number i holds the unit vector number i
    attended, attention = layer(local, torch.tensor([[0.0, 2.0, 0.0]]))
    expected = torch.tensor([0.0, 2.0 / 3**0.5, 0.0]).softmax(dim=0)
    torch.testing.assert_close(attention, expected.view(1, 1, 3))
    torch.testing.assert_close(attended, expected.view(1, 3))


def test_attention_reaches_the_classifier_and_nothing_else_does():
    model = classifiers.load("birds_attention")
    images = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    for layer in (model.attention_lower, model.attention_middle):
        layer.project.weight.data.zero_()
    torch.testing.assert_close(model(images)[0], model.classifier.bias)
    torch.testing.assert_close(model.attention(images)[1], torch.full((1, 12, 12), 1 / 144))


# ---- Training ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", classifiers.ARCHITECTURES)
def test_training_is_seeded(tmp_path, name):
    recipe = replace(TINY, epochs=1)
    first, again = (train.train(name, recipe, tmp_path / f"{i}.pt") for i in range(2))
    other = train.train(name, replace(recipe, seed=2), tmp_path / "other.pt")
    assert torch.equal(weights_of(first), weights_of(again))
    assert not torch.equal(weights_of(first), weights_of(other))


def test_training_leaves_the_random_numbers_of_others_alone(tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train.train("birds_cnn", TINY, tmp_path / "run.pt")
    assert torch.equal(torch.rand(3), expected)


def test_a_broken_run_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    whole = train.train("birds_cnn", TINY, tmp_path / "whole.pt")

    def power_cut(*_, **__):
        raise KeyboardInterrupt

    checkpoint = tmp_path / "broken.pt"
    with monkeypatch.context() as patch:
        save = train.Run.save
        patch.setattr(train.Run, "save", lambda *arguments: (save(*arguments), power_cut()))
        with pytest.raises(KeyboardInterrupt):
            train.train("birds_cnn", TINY, checkpoint)
    assert torch.load(checkpoint, weights_only=True)["epoch"] == 1
    resumed = train.train("birds_cnn", TINY, checkpoint)
    assert torch.equal(weights_of(whole), weights_of(resumed))
    with monkeypatch.context() as patch:  # what is finished is not trained again
        patch.setattr(train, "train_epoch", power_cut)
        finished = train.train("birds_cnn", TINY, checkpoint)
    assert torch.equal(weights_of(whole), weights_of(finished))


def test_a_checkpoint_of_another_recipe_is_not_used(tmp_path):
    train.train("birds_cnn", replace(TINY, learning_rate=1e-2), tmp_path / "run.pt")
    model = train.train("birds_cnn", TINY, tmp_path / "run.pt")
    assert torch.equal(weights_of(model), weights_of(train.train("birds_cnn", TINY, tmp_path / "new.pt")))


def test_training_learns(tmp_path):
    recipe = train.Recipe(scenes=160, epochs=4, batch_size=8, shortcut=1.0)  # landscapes are learnt fast
    model = train.train("birds_cnn", recipe, tmp_path / "run.pt")
    assert train.accuracy(model, *train.scenes(200, FRESH_SEED, 1.0)) > 0.5  # by chance: 1/8


def test_the_command_trains_tests_and_ships(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "RECIPES", {"birds_cnn": TINY})
    monkeypatch.setattr(train, "TEST_SCENES", 8)
    train.main(["birds_cnn", "--weights", str(tmp_path / "weights"), "--cache", str(tmp_path / "cache")])
    report = json.loads((tmp_path / "weights/birds_cnn.json").read_text())
    assert report["test"]["scenes"] == 8
    assert set(report["test"]["accuracy"]) == {"any_landscape", "own_landscape", "landscape_of_another"}
    assert "birds_cnn" in capsys.readouterr().out
    assert list((tmp_path / "cache").iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr(classifiers, "WEIGHTS", tmp_path / "weights")
        loaded = classifiers.load("birds_cnn")
    trained = train.train("birds_cnn", TINY, tmp_path / "again.pt")
    torch.testing.assert_close(weights_of(loaded), weights_of(trained), atol=1e-3, rtol=1e-3)  # half precision


def test_the_command_knows_its_networks(tmp_path):
    with pytest.raises(ValueError, match="Unknown network 'bird'"):
        train.main(["bird", "--cache", str(tmp_path)])
