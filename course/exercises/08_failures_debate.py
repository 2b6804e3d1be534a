# %% [markdown]
# # Exercise 08 · Failures, or wrong questions?
#
# You write the measurements of [lecture 08](../../notebooks/08_failures_debate.ipynb) yourself: five short functions and
# one answer in words. About 70 minutes, 20 points.
#
# Below each task a cell checks your function on small inputs, and says what a mistake looks like. Run it as often as you
# like. Then a picture shows what your function measures on the bird networks; compare it with the expected one. Please
# write your own code instead of calling the functions of `lecture_lib` that do the same.
#
# Your functions leave what they are given as it is: arguments, networks, torch's settings and random numbers. A check and
# the points come from the same inputs: ✔ means full points. In the cells below the checks, `plain(…)` turns what your
# function returns into float32 tensors without a graph.

# %%
from copy import deepcopy

import matplotlib.pyplot as plt
import torch

from lecture_lib import activations, attacks, birds, gradients, maps, networks, show
from lecture_lib.checks import check, plain
from lecture_lib.checks.tasks import failures_debate as tasks

plt.style.use("lecture_lib.lecture")

honest, shortcut = networks.load("birds_cnn"), networks.load("birds_shortcut")


def score_of(network, classes):
    """The score of another class for every image."""
    return lambda images: network(images).gather(1, classes[:, None])[:, 0]


# %% [markdown]
# ## Task 1 · Are two maps alike?
#
# ●●○ · 15 minutes · 4 points
#
# Write `rank_correlation(first, second)`: Spearman's rank correlation of two maps, for each of the N pairs. It is the usual
# (Pearson) correlation of the *ranks*: replace every pixel
# by its place in the order of all pixels of its map; pixels of equal value share the mean of their places.
#
# Ties matter: a Grad-CAM map after its ReLU is 0 in many cells.
#
# {contract failures_debate.RANK_CORRELATION}
#
# <details><summary>Hint 1</summary>
#
# `scipy.stats.rankdata` gives ranks, and shares them as asked. It takes and returns NumPy arrays:
# `.numpy()` and `torch.from_numpy(…)` lead there and back. It ranks along *one* axis: which axes does a map have?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The correlation of $a$ and $b$ is the cosine of $a - \bar a$ and $b - \bar b$, with the means $\bar a$ and $\bar b$ of each
# map.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "rank-correlation", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rank_correlation(first, second):
    """Spearman's rank correlation (N,) of maps (N, H, W)."""
    ### BEGIN SOLUTION
    from scipy.stats import rankdata

    ranks = [torch.from_numpy(rankdata(map.flatten(1).numpy(), axis=1)) for map in (first, second)]
    one, other = (rank - rank.mean(dim=1, keepdim=True) for rank in ranks)
    return torch.cosine_similarity(one, other)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "rank-correlation-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.RANK_CORRELATION, rank_correlation)
### BEGIN HIDDEN TESTS
check(tasks.RANK_CORRELATION, rank_correlation, seed=81)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** A map is one list of pixels, so it is flattened first. Signs stay: a negative pixel ranks below all others.
# Usual mistakes: `argsort`, which gives the pixel at each place and not the place of each pixel, and breaks ties; ranks within rows;
# the formula with squared differences, which holds without ties only.

# %% [markdown]
# Your function at work: vanilla maps of 16 birds before and after an attack, and, as the null, maps of different
# birds. Would you have called 0.7 “similar”?
#
# <details><summary>Expected picture</summary>
#
# ![Two histograms of rank correlations that overlap: before and after an attack, and of different birds, both around 0.7.](expected/null.png)
#
# </details>

# %% tags=["expected:null"]
images, classes, _ = birds.scenes(16, seed=11)
loss = lambda batch: torch.nn.functional.cross_entropy(honest(batch), classes, reduction="none")  # noqa: E731
attacked = attacks.bim(loss, images, epsilon=4 / 255, step_size=1 / 255, n_steps=6).images
before, after = (maps.max_abs(gradients.gradient(score_of(honest, classes), batch)) for batch in (images, attacked))
first, second = torch.combinations(torch.arange(16)).T  # all pairs of different birds
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
bins = torch.linspace(0.3, 1, 22).tolist()
ax.hist(
    plain(rank_correlation(before, after)),
    bins,
    density=True,
    alpha=0.7,
    color="C5",
    label="same bird, after the attack",
)
ax.hist(
    plain(rank_correlation(before[first], before[second])),
    bins,
    density=True,
    alpha=0.6,
    color="C0",
    label="different birds",
)
ax.set(xlabel="rank correlation of vanilla maps", ylabel="density", title="An attack, beside the null")
ax.legend()
show.figure(
    figure,
    alt="Two histograms of rank correlations that overlap: before and after an attack, and of different birds, both around 0.7.",
)

# %% [markdown] tags=["solution"]
# **What there is to see.** The two histograms overlap: a map after the attack is about as like the map before as maps of two
# different birds are. A similarity of 0.7 means nothing without what it is compared with.

# %% [markdown]
# ## Task 2 · The shortcut test
#
# ●○○ · 8 minutes · 3 points
#
# Write `shortcut_test(network, own, swapped, labels)`: the
# accuracy in the own landscapes, the accuracy in swapped ones, and the drop.
#
# {contract failures_debate.SHORTCUT_TEST}
#
# <details><summary>Hint</summary>
#
# The class that the network names is the place of the largest logit. A mean is taken of numbers, not of truth values.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "shortcut-test", "locked": false, "schema_version": 3, "solution": true, "task": false}
def shortcut_test(network, own, swapped, labels):
    """Accuracy in the own landscapes, in swapped ones, and the drop."""
    ### BEGIN SOLUTION
    before, after = ((network(images).argmax(dim=1) == labels).double().mean() for images in (own, swapped))
    return before, after, before - after
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "shortcut-test-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.SHORTCUT_TEST, shortcut_test)
### BEGIN HIDDEN TESTS
check(tasks.SHORTCUT_TEST, shortcut_test, seed=82)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** Both accuracies compare the answers with the labels, not with each other. The drop may be negative. Usual
# mistakes: `.mean()` of truth values; a fixed number of images; probabilities.

# %% [markdown]
# Your test on both networks. Then change `shortcut=0.0` below to `shortcut=0.5`: what do you expect?

# %%
own, labels, _ = birds.scenes(60, seed=8, shortcut=1.0)
swapped = birds.scenes(60, seed=8, shortcut=0.0)[0]
for name, network in {"honest": honest, "shortcut": shortcut}.items():
    before_swap, after_swap, drop = (part.item() for part in plain(shortcut_test(network, own, swapped, labels)))
    print(f"{name:9} own landscape {before_swap:4.0%}, swapped {after_swap:4.0%}, drop {drop:4.0%}")

# %% [markdown] tags=["solution"]
# **Answer.** With `shortcut=0.5` half of the birds sit in the landscape of their species, so the “own” accuracy of the shortcut network falls
# to about a half, and the drop with it. The honest network does not care.

# %% [markdown]
# ## Task 3 · Per pixel, and in total
#
# ●●○ · 10 minutes · 3 points
#
# Write `part_saliency(map, masks)`: the mean of the map **per pixel** of each part, and its **sum** over each part. A mask
# holds *shares*: 0.3 means that 30 % of the pixel belong to the part.
#
# {contract failures_debate.PART_SALIENCY}
#
# <details><summary>Hint 1</summary>
#
# Start with the sum: multiply the map by every mask, then add up over the pixels. Which axis does the map lack?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Half a pixel counts half: what is the area of a part, in pixels?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "part-saliency", "locked": false, "schema_version": 3, "solution": true, "task": false}
def part_saliency(map, masks):
    """The map per pixel of every part, and its sum over every part, both (N, P)."""
    ### BEGIN SOLUTION
    total = (map[:, None] * masks).sum(dim=(2, 3))
    return total / masks.sum(dim=(2, 3)), total
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "part-saliency-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.PART_SALIENCY, part_saliency)
### BEGIN HIDDEN TESTS
check(tasks.PART_SALIENCY, part_saliency, seed=83)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** The area of a part is the sum of its mask. Usual mistakes: the mask as true or false; the number of all
# pixels in the mean; without the added axis the images meet the parts.

# %% [markdown]
# ## Task 4 · What the part really does
#
# ●●○ · 10 minutes · 4 points
#
# Write `removal_check(score, images, removed)`: the fall of the score that the gradient at `images` *predicts*,
# $\nabla_I f(I_*) \cdot (I_* - I_\text{removed})$, and the fall that you *measure*, $f(I_*) - f(I_\text{removed})$. A
# positive number means that the score falls without the part.
#
# {contract failures_debate.REMOVAL_CHECK}
#
# <details><summary>Hint 1</summary>
#
# `gradients.gradient(score, images)` is allowed here. The product is a sum over channels and pixels, image by image.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Where the two images are equal, their difference is 0: only the pixels of the part count.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "removal-check", "locked": false, "schema_version": 3, "solution": true, "task": false}
def removal_check(score, images, removed):
    """Predicted and measured fall of the score, each (N,)."""
    ### BEGIN SOLUTION
    predicted = (gradients.gradient(score, images) * (images - removed)).sum(dim=(1, 2, 3))
    return predicted, score(images) - score(removed)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "removal-check-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.REMOVAL_CHECK, removal_check)
### BEGIN HIDDEN TESTS
check(tasks.REMOVAL_CHECK, removal_check, seed=84)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** It is the Taylor check of exercise 02 for one particular step: $I_* \to I_\text{removed}$. Both falls are “before minus
# after”. Usual mistakes: the gradient times the image; absolute values; one sum for the whole batch.

# %% [markdown]
# Tasks 3 and 4 on 24 birds. Which ranking of the five parts would you have given to a user who asks “what matters
# most?”
#
# <details><summary>Expected picture</summary>
#
# ![Four bar charts for beak, wing, eye, tail and feet. Per pixel the eye leads, then the beak; in total the wing; the wing's removal costs most, far more than the gradient predicts.](expected/parts.png)
#
# </details>

# %% tags=["expected:parts"]
images, classes, masks = birds.scenes(24, seed=12)
score = score_of(honest, classes)
per_pixel, total = plain(part_saliency(maps.max_abs(gradients.gradient(score, images)), masks[:, :5]))
falls = []
for part in birds.PARTS:
    removed = birds.scenes(24, seed=12, without=part)[0]
    each = [
        plain(removal_check(honest.score(int(c)), *pair))
        for c, *pair in zip(classes, images.split(1), removed.split(1), strict=True)
    ]
    falls.append([torch.stack(parts) for parts in zip(*each, strict=True)])  # predicted, measured
panels = {
    "map per pixel": per_pixel.mean(dim=0),
    "map in total": total.mean(dim=0),
    "predicted fall": torch.stack([predicted.mean() for predicted, _ in falls]),
    "measured fall": torch.stack([measured.mean() for _, measured in falls]),
}
figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), sharey=True, layout="constrained")
figure.suptitle("Four rankings of the same five parts")
for ax, (title, values) in zip(axes, panels.items(), strict=True):
    ax.barh(birds.PARTS, values.detach().numpy(), color="C0")
    ax.set(xlabel="score" if "fall" in title else "score per unit of intensity", title=title)
axes[3].sharex(axes[2])
axes[0].invert_yaxis()
show.figure(
    figure,
    alt="Four bar charts for beak, wing, eye, tail and feet. Per pixel the eye leads, then the beak; in total the wing; "
    "the wing's removal costs most, far more than the gradient predicts.",
)

# %% [markdown] tags=["solution"]
# **Answer.** None of the two maps gives the measured ranking: per pixel the eye leads, in total the wing. What removal costs has to be
# measured; how well the gradient predicts it is the third panel.

# %% [markdown]
# ## Task 5 · Forget everything
#
# ●●● · 15 minutes · 3 points
#
# Write `shuffled_parameters(network, seed)`: a list of new tensors, one for each of `network.parameters()`, in their
# order and of their shapes. In each of them the values of that parameter are shuffled. So that your answer can be
# compared, shuffle like this: make **one** generator, `torch.Generator().manual_seed(seed)`; for every parameter, draw
# `order = torch.randperm(values.numel(), generator=generator)`; place i of the flattened result takes the value number
# `order[i]`. The network must stay as it is.
#
# {contract failures_debate.SHUFFLED_PARAMETERS}
#
# <details><summary>Hint 1</summary>
#
# Indexing with `order` makes a new tensor. Which shape does it have, and which one should it have?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `network.parameters()` gives weights, biases and raw parameters alike. Buffers, such as the means of a batch
# normalisation, are no parameters.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "shuffled-parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def shuffled_parameters(network, seed):
    """Shuffled copies of all parameters, in their order."""
    ### BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    shuffled = []
    for values in network.parameters():
        order = torch.randperm(values.numel(), generator=generator)
        shuffled.append(values.detach().flatten()[order].view_as(values))
    return shuffled
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "shuffled-parameters-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.SHUFFLED_PARAMETERS, shuffled_parameters)
### BEGIN HIDDEN TESTS
check(tasks.SHUFFLED_PARAMETERS, shuffled_parameters, seed=85)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** Every value stays, so each parameter keeps its mean and its spread; only what was learnt, the places, is lost.
# Usual mistakes: a new generator for each parameter, so that parameters of the same size get the same shuffle; `state_dict()`, which has
# buffers in it; shuffled rows.

# %% [markdown]
# A twin of the honest network that knows nothing, and three kinds of maps of both. Your rank correlation stands above
# each map of the twin.
#
# <details><summary>Expected picture</summary>
#
# ![A bird and three maps of the trained network above those of its shuffled twin. The lower row is nearly even texture; of the bird, Integrated Gradients keeps the dark pupil and edges.](expected/twin.png)
#
# </details>

# %% tags=["expected:twin"]
twin = deepcopy(honest)
with torch.no_grad():
    for values, new in zip(twin.parameters(), shuffled_parameters(honest, 0), strict=True):
        values.copy_(plain(new))

images, classes, _ = birds.scenes(6, seed=5)
rows = []
for network in (honest, twin):
    score = score_of(network, classes)
    integrated = gradients.integrated_gradients(score, images, n_steps=10, batch_size=1)
    rows.append(
        {
            "vanilla": maps.max_abs(gradients.gradient(score, images)),
            "Integrated Gradients": maps.max_abs(integrated),
            "Grad-CAM": maps.upsample(activations.grad_cam(score, images, network.model.features), 96),
        }
    )
figure, axes = plt.subplots(2, 4, figsize=(9, 4.8), layout="constrained")
figure.suptitle("Above: trained. Below: every parameter shuffled (each map on its own scale)")
for ax_row, found in zip(axes, rows, strict=True):
    show.draw_image(ax_row[0], images[0], "image" if found is rows[0] else "")
    for ax, (name, values) in zip(ax_row[1:], found.items(), strict=True):
        kept = plain(rank_correlation(rows[0][name], values)).mean().item()
        relative = values[0] / values[0].abs().quantile(0.995)
        title = name if found is rows[0] else f"rank correlation {kept:.1f}"
        show.draw_map(ax, relative, title, limit=1, signed=name == "Grad-CAM")
figure.colorbar(axes[0, 2].images[0], ax=list(axes[:, 2]), label="share of 99.5th percentile", shrink=0.7)
figure.colorbar(axes[0, 3].images[0], ax=list(axes[:, 3]), label="the same, with sign", shrink=0.7)
show.figure(
    figure,
    alt="A bird and three maps of the trained network above those of its shuffled twin. The lower row is "
    "nearly even texture; of the bird, Integrated Gradients keeps the dark pupil and edges.",
)

# %% [markdown] tags=["solution"]
# **What there is to see.** On these birds all three maps change: the correlations with the maps of the trained network are low, but not 0. Edges of
# the picture are in a map of a network that knows nothing, too. How low is low enough? That needs a null, as in task 1.

# %% [markdown]
# ## Task 6 · In your own words
#
# ●●○ · 10 minutes · 3 points, marked by hand
#
# A hospital buys a network that finds pneumonia in X-ray pictures, with saliency maps. The maps lie mostly on the lungs;
# the seller says: “So it looks at the lungs, and not at the label in the corner of the film, as other networks did.” In
# four to six sentences: which question do the maps answer, why does the seller's conclusion not follow (use a number that
# you measured above or saw in the lecture), and which test would you ask for?

# %% [markdown] nbgrader={"grade": true, "grade_id": "own-words", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The maps say where a small change of a pixel would change the score fastest, pixel by pixel; they do not say which
# part of the picture decides. The conclusion does not follow: our shortcut network falls from 100 % to a few
# percent when the landscapes are swapped, so the landscape decides, and yet on average its maps put no more on the landscape than its share of the
# area. A small label can decide with a small share of the map; and “mostly on the lungs” has to be compared with the area
# of the lungs, and with maps of a network that is known to be honest. The
# test is an intervention: cover, remove or exchange the label in the same pictures, and give it to healthy patients'
# pictures, and measure how the accuracy and the scores change; do the same with the lungs for comparison.

# %% [markdown] tags=["solution"]
# **How it is marked.** One point for the question that the maps answer. One point for a number that shows why the conclusion does not follow; any
# that is used correctly counts. One point for an intervention on the label, with a comparison.
