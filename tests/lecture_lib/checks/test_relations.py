"""What an answer that no catalogue foresaw is told: the relation that holds, and none that does not."""

import re

import pytest
import torch
from torch import nn

from lecture_lib import gradients
from lecture_lib.checks import relations
from lecture_lib.checks.inputs import small_network
from lecture_lib.checks.judge import check
from lecture_lib.checks.task import NotYet, Parameter, Result, Task

SHAPES = [(3, 3, 6, 5), (1, 3, 4, 6), (2, 1, 5, 7), (1, 1, 4, 4), (2, 3, 5, 5)]
IMAGES = Parameter("images", "pixels in [0, 1]", "(N, C, H, W)")


def right(images):
    """Without any symmetry: every relation below makes a difference."""
    return (images - 0.4).pow(3) + 0.3 * images.roll(1, dims=3)


def cases(seed):
    generator = torch.Generator().manual_seed(seed)
    return [(torch.rand(shape, generator=generator, dtype=torch.float64),) for shape in SHAPES]


NUMBERS = Result("numbers", "(N, C, H, W)")


def task_of(reference, cases, parameters=(IMAGES,), results=(NUMBERS,)):
    return Task("f", "lecture 00", parameters, results, reference, cases, mistakes=())


TASK = task_of(right, cases)


def told(answer, task=TASK):
    with pytest.raises(NotYet) as caught:
        check(task, answer)
    message = str(caught.value)
    assert task.section in message or "returns None" in message
    assert message.split("\n")[0].count(". ") <= 4, "one or two sentences, and where to read"
    return message


def per_image(change):
    return lambda images: torch.stack([change(part) for part in right(images)])


def stretch(values):
    return (values - values.min()) / (values.max() - values.min())


RELATED = {
    "0 everywhere": lambda images: 0 * images,
    "sign is reversed": lambda images: -right(images),
    "absolute value": lambda images: right(images).abs(),
    "times one constant": lambda images: 0.3 * right(images),
    r"plus one constant\.": lambda images: right(images) + 1.5,
    "maximum of 1": lambda images: right(images) / right(images).abs().max(),
    "length 1": lambda images: right(images) / right(images).norm(),
    "sum of 1": per_image(lambda values: values / values.sum()),
    "range from 0 to 1": lambda images: stretch(right(images)),
    "negative in the right answer is 0": lambda images: right(images).clamp_min(0),
    "last two axes are exchanged": lambda images: right(images).mT,
    "Axis 1 .* wrong order": lambda images: right(images).flip(1),
    "Axis 0 .* wrong order": lambda images: right(images).flip(0),
    "axis 1 are the same": lambda images: right(images).mean(1, keepdim=True).expand_as(images),
    "axis 0 are the same": lambda images: right(images)[:1].expand_as(images),
    "shifted by one place": lambda images: right(images).roll(1, dims=2),
    "wrong places": lambda images: right(images).flatten(2).flip(2).view_as(images),
    "times a constant of its own": lambda images: right(images) * images.sum(),
    "plus a constant of its own": lambda images: right(images) + images.sum(),
    "right for square images": lambda images: right(images) + (images.shape[2] - images.shape[3]) * images,
    "should have the shape": lambda images: right(images).sum(dim=1),
    "NaN": lambda images: right(images) / 0,
    "return one value": lambda images: (right(images), images),
    "returns None": lambda images: None,
    "numbers differ": lambda images: right(images).exp().sin(),
}


@pytest.mark.parametrize("pattern", RELATED)
def test_the_relation_that_holds_is_named_and_no_other(pattern):
    said = told(RELATED[pattern])
    assert [other for other in RELATED if re.search(other, said)] == [pattern]


def every_relation():
    return [*relations.JOINT_RELATIONS, *relations.RELATIONS, *relations.VAGUE_RELATIONS]


@pytest.mark.parametrize("place", range(len(every_relation())))
def test_no_relation_holds_for_unrelated_numbers(place):
    relation, _ = every_relation()[place]
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        for shape in [(3, 3, 6, 5), (4,), (2, 5), (5, 1)]:
            one, other = torch.randn((2, *shape), generator=generator, dtype=torch.float64)
            assert not relation(one, other)


SUM = task_of(
    lambda x: x.sum(),
    lambda seed: [(torch.rand(3) + k,) for k in range(4)],
    (Parameter("x", "", "(n,)"),),
    (Result("a sum"),),
)


def test_no_relation_is_named_between_single_numbers_that_have_none():
    numbers = iter(range(1, 100))
    assert "numbers differ" in told(lambda x: torch.tensor(float(next(numbers)) ** 2), SUM)


def test_a_constant_factor_between_single_numbers_is_named():
    assert "times one constant" in told(lambda x: x.mean(), SUM)


def test_a_relation_of_one_result_says_of_which():
    results = (NUMBERS, NUMBERS)
    pair = task_of(lambda images: (images, right(images)), cases, results=results)
    said = told(lambda images: (images, -right(images)), pair)
    assert "The second result is wrong. The sign is reversed." in said


def test_what_holds_in_the_wrong_cases_only_is_not_said():
    """Clipping changes only cases that leave [0, 1]: that the other cases have one image is chance."""
    scaled = lambda images: images * (2 if len(images) > 1 else 1)  # noqa: E731
    task = task_of(lambda images: images * 1.5, cases)
    assert "right for" not in told(lambda images: scaled(images).clamp(0, 1), task)


def score_cases(seed):
    network = small_network(seed)
    generator = torch.Generator().manual_seed(seed)
    images = [torch.rand(shape, generator=generator, dtype=torch.float64) for shape in ((2, 3, 6, 5), (1, 3, 7, 6))]
    return [(network, images[0], "b"), (network, images[1], "d")]


SCORE = task_of(
    lambda network, images, target: network.score(target)(images),
    score_cases,
    (Parameter("network", ""), IMAGES, Parameter("target", "")),
    (Result("scores", "(N,)"),),
)


def test_a_class_that_is_not_used_is_named():
    assert "does not depend on target" in told(lambda network, images, target: network.score("a")(images), SCORE)


def test_a_class_that_is_used_is_not_named():
    assert "does not depend" not in told(lambda network, images, target: network.score(target)(images).exp(), SCORE)


def test_only_a_single_image():
    def mixes_the_batch(network, images, target):
        scores = network.score(target)(images)
        return scores.square() / scores.mean()

    assert "right for a single image" in told(mixes_the_batch, SCORE)


def test_only_a_single_image_when_a_batch_stops_it():
    def one(network, images, target):
        return torch.tensor([network.score(target)(images).item()])

    said = told(one, SCORE)
    assert "stopped with RuntimeError" in said
    assert "right for a single image" in said


def test_only_square_images_when_others_stop_it():
    said = told(lambda images: right(images) + images.mT - images.mT)
    assert "right for square images" in said


def leaves_hook(network, images, target):
    network.model[0].register_forward_hook(lambda *_: None)
    return network.score(target)(images)


def changes_weights(network, images, target):
    result = network.score(target)(images).clone()
    network.model[0].weight.data.mul_(1.5)
    return result


def trains(network, images, target):
    result = network.score(target)(images)
    network.model.train()
    return result


def shuffles_weights(network, images, target):
    """Same values, same sum, other places."""
    result = network.score(target)(images).clone()
    weight = network.model[0].weight.data
    weight.copy_(weight.flatten().flip(0).view_as(weight))
    return result


def leaves_gradients(network, images, target):
    network.requires_grad_()
    return network.score(target)(images).detach()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (leaves_hook, "leaves a hook on the network"),
        (changes_weights, "changes the network"),
        (shuffles_weights, "changes the network"),
        (trains, "changes the network"),
        (leaves_gradients, "changes the network"),
        (lambda network, images, target: network.score(target)(images.mul_(1)), "numbers|right"),
    ],
)
def test_what_is_done_to_the_network_is_named(answer, message):
    if message == "numbers|right":  # times 1, in place: nothing changes, nothing is said
        check(SCORE, answer)
    else:
        assert message in told(answer, SCORE)


def test_a_network_inside_a_score_is_watched():
    def sneaky(score, images):
        score.__closure__[1].cell_contents.model[0].register_forward_hook(lambda *_: None)
        return gradients.gradient(score, images)

    def score_task(seed):
        return [(small_network(seed).score("a"), torch.rand(1, 3, 6, 5, dtype=torch.float64))]

    task = task_of(gradients.gradient, score_task, (Parameter("score", ""), IMAGES))
    assert isinstance(score_task(0)[0][0].__closure__[1].cell_contents, nn.Module)
    assert "leaves a hook" in told(sneaky, task)


def test_a_hook_that_is_removed_is_not_named():
    def tidy(network, images, target):
        handle = network.model[0].register_forward_hook(lambda *_: None)
        result = network.score(target)(images)
        handle.remove()
        return result

    check(SCORE, tidy)


def slope_cases(seed):
    generator = torch.Generator().manual_seed(seed)
    return [(lambda images: images.pow(3).flatten(1).sum(1), torch.rand(2, 3, 4, 5, generator=generator))]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda score, images: torch.autograd.grad(score(images).sum(), images)[0], "cut off from the tensor"),
        (
            lambda score, images: torch.autograd.grad(
                score(images.clone().requires_grad_()).sum(), images.clone().requires_grad_()
            )[0],
            "does not depend on the tensor",
        ),
        (
            lambda score, images: torch.autograd.grad(
                score(leaf := images.clone().requires_grad_()),
                leaf,
            )[0],
            "add up the scores first",
        ),
        (lambda images: images, "Leave the parameters"),
    ],
)
def test_what_torch_says_is_explained(answer, message):
    task = task_of(gradients.gradient, slope_cases, (Parameter("score", ""), IMAGES))
    assert message in told(answer, task)
