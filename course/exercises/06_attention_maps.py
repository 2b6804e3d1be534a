# %% [markdown]
# # Exercise 06 · Attention maps
#
# You write the methods of [lecture 06](../../notebooks/06_attention_maps.ipynb) yourself: five short functions and one
# answer in words. About 75 minutes, 20 points.
#
# Below each task a cell checks your function on small random inputs, and says what a mistake looks like. Run it as often
# as you like. Then a picture shows what your function does on real networks, which tell drawn birds apart; compare it with
# the expected one. Please write your own code instead of calling the functions of `lecture_lib` that do the same.
#
# Your functions leave what they are given as it is: arguments, networks, torch's settings and random numbers. A check and
# the points come from the same inputs: ✔ means full points. In the cells below the checks, `plain(…)` turns what your
# function returns into float32 tensors without a graph.

# %%
import matplotlib.pyplot as plt
import torch

from lecture_lib import activations, birds, maps, networks, show
from lecture_lib.checks import check, plain
from lecture_lib.checks.tasks import attention_maps as tasks

plt.style.use("lecture_lib.lecture")

vit, attentive = networks.load("birds_vit"), networks.load("birds_attention")
images, labels, masks = birds.scenes(24, seed=606)

# %% [markdown]
# ## Task 1 · Attention of one head
#
# ●○○ · 10 minutes · 3 points
#
# Write `head_attention(queries, keys)`: the attention weights
#
# $$a_{ij} = \operatorname{softmax}_j \left( \frac{q_i \cdot k_j}{\sqrt d} \right).$$
#
# Row $i$ belongs to query $i$.
#
# {contract attention_maps.HEAD_ATTENTION}
#
# <details><summary>Hint 1</summary>
#
# All products of a query with a key at once are one matrix product. Which axes of the keys have to change places?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `.softmax(dim=…)`: which axis counts the $j$?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "head-attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
def head_attention(queries, keys):
    """Attention weights (N, tokens, tokens); every row adds up to 1."""
    ### BEGIN SOLUTION
    return (queries @ keys.mT / queries.shape[-1] ** 0.5).softmax(dim=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "head-attention-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.HEAD_ATTENTION, head_attention)
### BEGIN HIDDEN TESTS
check(tasks.HEAD_ATTENTION, head_attention, seed=41)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** Row i of `queries @ keys.mT` holds the products of query i with all keys. Without $\sqrt d$ the products grow
# with d, and the softmax would choose one token. Usual mistakes: the softmax over i, so that columns add up to 1; the root
# after the softmax; `.T`, which turns all axes round.

# %% [markdown]
# Your function on the transformer of the lecture: we take the queries and keys of a layer out of the network, and compare
# your weights with those that it uses itself.


# %%
def all_heads(layer, images):
    """Your attention for every head of a layer: (N, heads, tokens, tokens)."""
    with torch.no_grad(), activations.record(vit.model.blocks[layer].attn.qkv) as recording:
        vit(images)
    queries, keys, _ = recording.output.unflatten(-1, (3, 4, 24)).permute(2, 3, 0, 1, 4)  # each (heads, N, tokens, d)
    return torch.stack([plain(head_attention(q, k)) for q, k in zip(queries, keys, strict=True)], dim=1)


rows = torch.stack([all_heads(layer, images[:3]) for layer in range(5)])  # (layers, N, heads, tokens, tokens)
difference = (rows - activations.attention(vit, images[:3])).abs().max().item()
print(f"{tuple(rows.shape) = }, largest difference to the network's own weights: {difference:.4f}")

# %% [markdown] tags=["solution"]
# **Answer.** Up to rounding, your weights are those that the network uses.

# %% [markdown]
# ## Task 2 · What the class token collects
#
# ●○○ · 5 minutes · 2 points
#
# Write `class_token_map(attention, layer, head)`. Take the row of the class token (token 0), leave out what it gives to
# itself, and put the other h · h weights back into their square, row by row. Don't scale them.
#
# {contract attention_maps.CLASS_TOKEN_MAP}
#
# <details><summary>Hint 1</summary>
#
# Indexing takes you to the shape (N, h · h). What stands at each of the five axes?
#
# </details>
# <details><summary>Hint 2</summary>
#
# 144 patches fill a square of 12 × 12: the side is the root of their number. `.unflatten` cuts an axis in two.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "class-token-map", "locked": false, "schema_version": 3, "solution": true, "task": false}
def class_token_map(attention, layer, head):
    """Maps (N, h, h): what the class token gives to each patch."""
    ### BEGIN SOLUTION
    patches = attention[layer, :, head, 0, 1:]
    side = round(patches.shape[-1] ** 0.5)
    return patches.unflatten(-1, (side, side))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "class-token-map-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(tasks.CLASS_TOKEN_MAP, class_token_map)
### BEGIN HIDDEN TESTS
check(tasks.CLASS_TOKEN_MAP, class_token_map, seed=42)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** The row says what the class token collects; the column would say who collects from it. The map adds up to
# less than 1: the class token has a share, too. Usual mistakes: the column; the last patch left out in place of the
# class token; a fixed side.

# %% [markdown]
# The four heads of the first layer. On which parts of the bird are their maps bright?
#
# <details><summary>Expected picture</summary>
#
# ![A plain conebill and the maps of four heads. They are bright at the feet, again at the feet, at beak and eye, and on the wing.](expected/heads.png)
#
# </details>

# %% tags=["expected:heads"]
show.maps(
    images[1],
    {f"layer 1, head {head + 1}": 145 * plain(class_token_map(rows, 0, head))[1] for head in range(4)},
    label="multiples of the mean weight",
    title="Your maps of the class token",
    alt="A plain conebill and the maps of four heads. They are bright at the feet, again at the feet, at beak and eye, and on "
    "the wing.",
)

# %% [markdown] tags=["solution"]
# **Answer.** Two at the feet, one at beak and eye, one on the wing. Bright means that much is collected there; it does not
# mean that the answer depends on it.

# %% [markdown]
# ## Task 3 · Rollout
#
# ●●● · 20 minutes · 5 points
#
# The lecture's rollout takes the plain mean of the heads. Here some heads count more than others: in layer $l$, head $h$ has
# the weight $w_{lh}$. Write `rollout(attention, head_weights)`:
#
# $$A_l = \frac{\sum_h w_{lh} W_{lh} + I}{\text{row sums}}, \qquad \text{rollout} = A_L \cdots A_2 \, A_1 .$$
#
# {contract attention_maps.ROLLOUT}
#
# <details><summary>Hint 1</summary>
#
# Where does the axis of the heads stand, and which shape must `head_weights` have to meet it?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The tokens go through layer 1 first, so its matrix is the rightmost.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Check yourself: every row of the result adds up to 1.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "rollout", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rollout(attention, head_weights):
    """Rollout (N, tokens, tokens): from which patches each token is mixed in the end."""
    ### BEGIN SOLUTION
    weights = head_weights[:, None, :, None, None]
    mixing = (weights * attention).sum(dim=2) + torch.eye(attention.shape[-1])
    mixing = mixing / mixing.sum(dim=-1, keepdim=True)
    total = mixing[0]
    for layer in mixing[1:]:
        total = layer @ total
    return total
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "rollout-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(tasks.ROLLOUT, rollout)
### BEGIN HIDDEN TESTS
check(tasks.ROLLOUT, rollout, seed=43)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** `head_weights` meets the attention at axes 0 and 2. The rows of the weighted sum add up to 1, with the
# identity to 2, after the division to 1; and the product of matrices whose rows add up to 1 has such rows again. With
# equal weights this is the lecture's rollout. Usual mistakes: the first layer on the left; the columns divided; the identity added once, at
# the end.

# %% [markdown]
# Your rollout on three birds. Does it agree with the map of a single head?
#
# <details><summary>Expected picture</summary>
#
# ![Three birds, and below each its rollout: bright cells on beak, eye or feet.](expected/rollout.png)
#
# </details>

# %% tags=["expected:rollout"]
even = torch.full((5, 4), 0.25)  # all heads count the same
rolled = plain(rollout(rows, even))
rollout_maps = maps.upsample(rolled[:, 0, 1:].unflatten(-1, (12, 12)), 96)
figure, axes = plt.subplots(2, 3, figsize=(7.5, 5), layout="constrained")
for k, (above, below) in enumerate(axes.T):
    show.draw_image(above, images[k], list(birds.SPECIES)[labels[k]])
    show.draw_map(below, 145 * rollout_maps[k], "rollout", limit=15)
figure.colorbar(axes[1, 0].images[0], ax=axes, extend="max", shrink=0.6, label="multiples of the mean weight")
figure.suptitle("Your rollout")
show.figure(figure, alt="Three birds, and below each its rollout: bright cells on beak, eye or feet.")

# %% [markdown] tags=["solution"]
# **Answer.** It agrees with no single head: it mixes all heads of all layers. Beak, eye and feet are bright on most birds.

# %% [markdown]
# ## Task 4 · Attention that a CNN learns
#
# ●●○ · 15 minutes · 4 points
#
# The lecture's attention, with a dial. Write `trainable_attention(local, everything, temperature)`: the attended feature
# $g_a$ and the attention map $a$,
#
# $$c_i = \frac{l_i \cdot g}{\sqrt C}, \qquad a_i = \frac{e^{c_i / \tau}}{\sum_j e^{c_j / \tau}}, \qquad g_a = \sum_i a_i \, l_i ,$$
#
# where the sums run over *all* places of one image. A high temperature $\tau$ makes a map flat, a low one lets the best
# place win.
#
# {contract attention_maps.TRAINABLE_ATTENTION}
#
# <details><summary>Hint 1</summary>
#
# $g$ is the same at all places of an image. Which axes does it lack, and over which axis is the product $l_i \cdot g$ added
# up?
#
# </details>
# <details><summary>Hint 2</summary>
#
# A softmax over all places needs them on one axis. Bring the two axes back afterwards.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Each image has a temperature of its own: line it up with the axis N.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "trainable-attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
def trainable_attention(local, everything, temperature):
    """The attended feature (N, C), and the attention map (N, h, w)."""
    ### BEGIN SOLUTION
    products = (local * everything[:, :, None, None]).sum(dim=1) / local.shape[1] ** 0.5
    compatibility = products / temperature[:, None, None]
    attention = compatibility.flatten(1).softmax(dim=1).view_as(compatibility)
    return (attention[:, None] * local).sum(dim=(2, 3)), attention
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "trainable-attention-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.TRAINABLE_ATTENTION, trainable_attention)
### BEGIN HIDDEN TESTS
check(tasks.TRAINABLE_ATTENTION, trainable_attention, seed=44)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** The softmax runs over h · w places at once, so each map adds up to 1, and the weighted sum needs no further
# division. As $\tau$ grows, $a_i$ goes to $1 / hw$; as it falls to 0, the place with the largest $c_i$ gets everything. Usual
# mistakes: the softmax along rows; the mean of the weighted features; the temperature lined up with the channels.

# %% [markdown]
# Your attention inside the CNN: we give it the network's own features. Two birds wear a ringed eye, two a mask.
#
# <details><summary>Expected picture</summary>
#
# ![Four birds with the attention of the lower layer. Two have a single bright place at the eye, two have weak spots all over.](expected/trainable.png)
#
# </details>

# %% tags=["expected:trainable"]
with torch.no_grad():
    lower = attentive.model.lower((images - attentive.mean) / attentive.std)
    whole = attentive.model.upper(attentive.model.middle(lower)).mean(dim=(2, 3))
    _, lower_map = plain(
        trainable_attention(attentive.model.attention_lower.project(lower), whole, torch.ones(len(images)))
    )
figure, axes = plt.subplots(2, 4, figsize=(9, 4.5), layout="constrained")
for k, (above, below) in zip([4, 2, 1, 0], axes.T, strict=True):
    show.draw_image(above, images[k], list(birds.SPECIES)[labels[k]])
    show.draw_map(below, 24**2 * lower_map[k], "lower layer", limit=20)
figure.colorbar(axes[1, 0].images[0], ax=axes, extend="max", shrink=0.6, label="multiples of the mean")
figure.suptitle("Your attention in the CNN")
show.figure(
    figure,
    alt="Four birds with the attention of the lower layer. Two have a single bright place at the eye, two have weak spots all "
    "over.",
)

# %% [markdown] tags=["solution"]
# **What there is to see.** Where there is a ringed eye, nearly all of this layer's attention goes there. Where there is none, it is
# spread over weak spots.

# %% [markdown]
# ## Task 5 · Remove and measure
#
# ●●○ · 15 minutes · 3 points
#
# The test that counts: compare what the map says about a part with what happens without it. Write
# `remove_and_measure(network, images, without, labels, maps, mask)`. Return, one number for each image,
#
# 1. the **share** of the map on the part, $\sum_i M_i A_i \,/ \sum_i A_i$,
# 2. the **effect** of the part: how far the score of the image's own class *falls* when the part is removed.
#
# {contract attention_maps.REMOVE_AND_MEASURE}
#
# <details><summary>Hint 1</summary>
#
# The score is the logit. `network(images)` has one row for each image, and `labels` says which column to take in each row.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Indexing with two tensors, one of rows and one of columns, takes one number for each pair. `.gather` does it, too.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Which comes first in the difference, so that a fall is positive?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "remove-and-measure", "locked": false, "schema_version": 3, "solution": true, "task": false}
def remove_and_measure(network, images, without, labels, maps, mask):
    """Share of the map on the part, and effect of the part: each (N,)."""
    ### BEGIN SOLUTION
    share = (maps * mask).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))
    change = network(images) - network(without)
    return share, change[torch.arange(len(labels)), labels]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "remove-and-measure-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.REMOVE_AND_MEASURE, remove_and_measure)
### BEGIN HIDDEN TESTS
check(tasks.REMOVE_AND_MEASURE, remove_and_measure, seed=45)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** `logits[torch.arange(N), labels]` pairs row n with its label; `logits[:, labels]` would pair every row with
# every label. Usual mistakes: the largest logit in place of the own class; probabilities; the area in place of the sum of
# the map.

# %% [markdown]
# Rollout on 24 birds, part by part: on the left how densely your rollout covers a part (its share of the map, divided by
# its share of the area), on the right how far the score falls without it.
#
# <details><summary>Expected picture</summary>
#
# ![Two bar charts over beak, wing, eye, tail and feet. The rollout is dense on beak, eye and feet, and the score falls without beak, eye or feet; wing and tail have density 1 and no effect.](expected/parts.png)
#
# </details>

# %% tags=["expected:parts"]
all_rows = torch.stack([all_heads(layer, images) for layer in range(5)])
all_maps = maps.upsample(plain(rollout(all_rows, even))[:, 0, 1:].unflatten(-1, (12, 12)), 96)
densities, effects = [], []
for number, part in enumerate(birds.PARTS):
    changed, _, _ = birds.scenes(24, seed=606, without=part)
    with torch.no_grad():
        share, effect = plain(remove_and_measure(vit, images, changed, labels, all_maps, masks[:, number]))
    densities.append((share.mean() / masks[:, number].mean()).item())
    effects.append(effect.mean().item())

figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
axes[0].bar(birds.PARTS, densities, color="C0")
axes[0].axhline(1, color="gray", linewidth=0.8)
axes[0].set(ylabel="share of map / share of area", title="What your rollout says")
axes[1].bar(birds.PARTS, effects, color="C1")
axes[1].set(ylabel="fall of the score", title="What removing the part does")
show.figure(
    figure,
    alt="Two bar charts over beak, wing, eye, tail and feet. The rollout is dense on beak, eye and feet, and the score falls "
    "without beak, eye or feet; wing and tail have density 1 and no effect.",
)

# %% [markdown] tags=["solution"]
# **What there is to see.** On the left a density: the share of the map, divided by the share of the area; an even map has 1
# everywhere. Here the parts with a high density are those without which the score falls. That is a finding about this
# network and these birds, measured in both panels, and no property of attention.

# %% [markdown]
# ## Task 6 · In your own words
#
# ●●○ · 10 minutes · 3 points, marked by hand
#
# A company sells a bird recogniser with attention. Its brochure shows the attention map of one picture, and says:
# “Transparent by design: see for yourself what the decision was based on.” In three to five sentences: what does the
# map really show, which measurement from the lecture or from above speaks against the brochure, and what would you ask the
# company to measure?

# %% [markdown] nbgrader={"grade": true, "grade_id": "own-words", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The map shows the weights with which one layer (or, with rollout, a model of all layers) mixes features of different
# places. It has no sign and no class, and does not say what was found at a place, or how large it was. That the decision depends on the bright places does not follow: a
# place that gets much weight can hold a feature that changes no answer, and each place depends on a larger area of the picture
# than is drawn. Of one network there are also several maps, of other layers and heads, which are bright elsewhere; in the first layer above,
# two heads are bright at the feet and one on the wing. The last figure above shows what is needed: parts are taken away, and the fall of the score is measured. The company should
# take parts away, or exchange them, on many pictures, and report how well the ranking by the map agrees with the ranking
# by the effect, next to what chance would give.

# %% [markdown] tags=["solution"]
# **How it is marked.** One point for what the map shows, and what it lacks. One point for a measurement or an argument against the
# brochure: several maps of one network, or an effect that the map does not tell; numbers have to be read as
# densities where areas differ. One point for a test that changes many pictures, with a comparison.
