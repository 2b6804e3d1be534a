# %% [markdown]
# # Exercise 06 · Attention maps
#
# You write the methods of [lecture 06](../../notebooks/06_attention_maps.ipynb) yourself: five short functions and one
# answer in words. About 75 minutes, 20 points.
#
# Below each task a cell checks your function on small random inputs, and says what a mistake looks like. Run it as often
# as you like. Then a picture shows what your function does on real networks, which tell drawn birds apart; compare it with
# the expected one. Please write your own code instead of calling the functions of `lecture_lib` that do the same.

# %%
import matplotlib.pyplot as plt
import torch

from lecture_lib import activations, birds, maps, networks, show
from lecture_lib.checks import check
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
# `queries` and `keys` have the shape (N, tokens, d): one vector of length $d$ for each token. The result has the shape
# (N, tokens, tokens). Row $i$ belongs to query $i$ and adds up to 1.
#
# <details><summary>Hint 1</summary>
#
# All products at once are one matrix product: `queries @ keys.mT`. `.mT` exchanges the last two axes.
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
query, pair = (
    torch.tensor([[[2.0, 0, 0, 0]]]),
    torch.tensor([[[0.0, 0, 0, 0], [torch.log(torch.tensor(3.0)), 0, 0, 0]]]),
)
torch.testing.assert_close(
    head_attention(query, pair), torch.tensor([[[0.25, 0.75]]]), check_dtype=False, msg="odds of 1 to 3"
)
### END HIDDEN TESTS

# %% [markdown]
# Your function on the transformer of the lecture: we take the queries and keys of a layer out of the network, and compare
# your weights with those that it uses itself.


# %%
def all_heads(layer, images):
    """Your attention for every head of a layer: (N, heads, tokens, tokens)."""
    with torch.no_grad(), activations.record(vit.model.blocks[layer].attn.qkv) as recording:
        vit(images)
    queries, keys, _ = recording.output.unflatten(-1, (3, 4, 24)).permute(2, 3, 0, 1, 4)  # each (heads, N, tokens, d)
    return torch.stack([head_attention(q, k) for q, k in zip(queries, keys, strict=True)], dim=1)


rows = torch.stack([all_heads(layer, images[:3]) for layer in range(5)])  # (layers, N, heads, tokens, tokens)
difference = (rows - activations.attention(vit, images[:3])).abs().max().item()
print(f"{tuple(rows.shape) = }, largest difference to the network's own weights: {difference:.4f}")

# %% [markdown]
# ## Task 2 · What the class token looks at
#
# ●○○ · 5 minutes · 2 points
#
# Write `class_token_map(attention, layer, head)`. `attention` has the shape (layers, N, heads, tokens, tokens), as above;
# `layer` and `head` count from 0. Take the row of the class token (token 0), leave out what it gives to itself, and put
# the other h · h weights back into their square, row by row. Don't scale them. The result has the shape (N, h, h).
#
# <details><summary>Hint 1</summary>
#
# One line of indexing takes you to the shape (N, h · h): a number for the layer, `:` for the images, a number for the
# head, the row, and then all columns but one.
#
# </details>
# <details><summary>Hint 2</summary>
#
# 144 patches fill a square of 12 × 12. `.unflatten(-1, (side, side))` cuts the last axis in two; `math.isqrt` finds the
# side.
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
numbered = torch.arange(25.0).view(1, 1, 1, 5, 5)
torch.testing.assert_close(
    class_token_map(numbered, 0, 0), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), check_dtype=False
)
### END HIDDEN TESTS

# %% [markdown]
# The four heads of the first layer. Which parts of the bird do they look at?
#
# <details><summary>Expected picture</summary>
#
# ![A plain conebill and the maps of four heads. They are bright at the feet, again at the feet, at beak and eye, and on the wing.](expected/heads.png)
#
# </details>

# %% tags=["expected:heads"]
show.maps(
    images[1],
    {f"layer 1, head {head + 1}": 145 * class_token_map(rows, 0, head)[1] for head in range(4)},
    label="multiples of the mean weight",
    title="Your maps of the class token",
    alt="A plain conebill and the maps of four heads. They are bright at the feet, again at the feet, at beak and eye, and on "
    "the wing.",
)

# %% [markdown]
# ## Task 3 · Rollout
#
# ●●● · 20 minutes · 5 points
#
# Write `rollout(attention)`, from (layers, N, heads, tokens, tokens) to (N, tokens, tokens):
#
# $$A_l = \frac{\operatorname{mean}_{\text{heads}} W_l + I}{\text{row sums}}, \qquad \text{rollout} = A_L \cdots A_2 \, A_1 .$$
#
# <details><summary>Hint 1</summary>
#
# First make all $A_l$ at once: a mean over one axis, plus `torch.eye(…)`, divided by `.sum(dim=…, keepdim=True)`. Your
# matrices may be float64: `torch.eye(n).to(attention)` fits them.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Then loop over the layers. The tokens go through layer 1 first, so its matrix is the rightmost: each new layer comes on
# the left, `total = layer @ total`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Check yourself: every row of the result adds up to 1.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "rollout", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rollout(attention):
    """Rollout (N, tokens, tokens): from which patches each token is mixed in the end."""
    ### BEGIN SOLUTION
    mixing = attention.mean(dim=2) + torch.eye(attention.shape[-1]).to(attention)
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
flat = rollout(torch.full((3, 2, 4, 5, 5), 0.2))
expected = (torch.eye(5) + 7 * 0.2) / 8  # ((U + I) / 2)³ with U² = U: (I + 7 U) / 8
torch.testing.assert_close(flat, expected.expand(2, 5, 5), check_dtype=False, msg="flat attention has a closed form")
### END HIDDEN TESTS

# %% [markdown]
# Your rollout on three birds. Does it agree with the map of a single head?
#
# <details><summary>Expected picture</summary>
#
# ![Three birds, and below each its rollout: bright cells on beak, eye or feet.](expected/rollout.png)
#
# </details>

# %% tags=["expected:rollout"]
rolled = rollout(rows)
rollout_maps = maps.upsample(rolled[:, 0, 1:].unflatten(-1, (12, 12)), 96)
figure, axes = plt.subplots(2, 3, figsize=(7.5, 5), layout="constrained")
for k, (above, below) in enumerate(axes.T):
    show.draw_image(above, images[k], list(birds.SPECIES)[labels[k]])
    show.draw_map(below, 145 * rollout_maps[k], "rollout", limit=15)
figure.colorbar(axes[1, 0].images[0], ax=axes, extend="max", shrink=0.6, label="multiples of the mean weight")
figure.suptitle("Your rollout")
show.figure(figure, alt="Three birds, and below each its rollout: bright cells on beak, eye or feet.")

# %% [markdown]
# ## Task 4 · Attention that a CNN learns
#
# ●●○ · 15 minutes · 4 points
#
# Write `trainable_attention(local, everything)`. `local` holds a feature $l_i$ for each place, shape (N, C, h, w);
# `everything` is the global feature $g$, shape (N, C). Return two tensors, the attended feature $g_a$, shape (N, C), and
# the attention map $a$, shape (N, h, w):
#
# $$c_i = \frac{l_i \cdot g}{\sqrt C}, \qquad a_i = \frac{e^{c_i}}{\sum_j e^{c_j}}, \qquad g_a = \sum_i a_i \, l_i ,$$
#
# where the sums run over *all* places of one image.
#
# <details><summary>Hint 1</summary>
#
# `everything[:, :, None, None]` has the shape (N, C, 1, 1), which multiplies with `local`. Which axis does the product
# $l_i \cdot g$ add up?
#
# </details>
# <details><summary>Hint 2</summary>
#
# A softmax over all places: `.flatten(1)` makes one axis of rows and columns, and `.view(…)` brings them back.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "trainable-attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
def trainable_attention(local, everything):
    """The attended feature (N, C), and the attention map (N, h, w)."""
    ### BEGIN SOLUTION
    compatibility = (local * everything[:, :, None, None]).sum(dim=1) / local.shape[1] ** 0.5
    attention = compatibility.flatten(1).softmax(dim=1).view_as(compatibility)
    return (attention[:, None] * local).sum(dim=(2, 3)), attention
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "trainable-attention-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.TRAINABLE_ATTENTION, trainable_attention)
### BEGIN HIDDEN TESTS
check(tasks.TRAINABLE_ATTENTION, trainable_attention, seed=44)
places = torch.tensor([[[[0.0, 0.0, torch.log(torch.tensor(2.0))]]]])  # one channel, one row: odds of 1 to 1 to 2
feature, weights = trainable_attention(places, torch.ones(1, 1))
torch.testing.assert_close(weights, torch.tensor([[[0.25, 0.25, 0.5]]]), check_dtype=False)
torch.testing.assert_close(feature, 0.5 * torch.log(torch.tensor([[2.0]])), check_dtype=False)
### END HIDDEN TESTS

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
    _, lower_map = trainable_attention(attentive.model.attention_lower.project(lower), whole)
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

# %% [markdown]
# ## Task 5 · Remove and measure
#
# ●●○ · 15 minutes · 3 points
#
# The test that counts: compare what the map says about a part with what happens without it. Write
# `remove_and_measure(network, images, without, labels, maps, mask)`. It gets images (N, C, H, W), the same images
# `without` a part, the number of each image's own class, maps and masks (N, H, W). A mask holds the share of each pixel
# that belongs to the part, from 0 to 1. Return two tensors of shape (N,), one number for each image:
#
# 1. the **share** of the map on the part, $\sum_i M_i A_i \,/ \sum_i A_i$,
# 2. the **effect** of the part: how far the score of the image's own class *falls* when the part is removed.
#
# <details><summary>Hint 1</summary>
#
# The score is the logit. `network(images)` has the shape (N, classes), and `labels` says which column to take in each row.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `logits[torch.arange(len(labels)), labels]` takes one number from each row.
#
# </details>
# <details><summary>Hint 3</summary>
#
# A fall is positive: before minus after.
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
pixels_are_logits = networks.Network(torch.nn.Flatten(), ["left", "right"], mean=[0.0], std=[1.0])
share, effect = remove_and_measure(
    pixels_are_logits,
    torch.tensor([[[[5.0, 1.0]]], [[[2.0, 7.0]]]]),
    torch.tensor([[[[3.0, 1.0]]], [[[2.0, 8.0]]]]),
    torch.tensor([0, 1]),
    torch.tensor([[[1.0, 3.0]], [[2.0, 2.0]]]),
    torch.tensor([[[0.0, 1.0]], [[0.5, 0.0]]]),
)
torch.testing.assert_close(share, torch.tensor([0.75, 0.25]), check_dtype=False)
torch.testing.assert_close(effect, torch.tensor([2.0, -1.0]), check_dtype=False)
### END HIDDEN TESTS

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
all_maps = maps.upsample(rollout(all_rows)[:, 0, 1:].unflatten(-1, (12, 12)), 96)
densities, effects = [], []
for number, part in enumerate(birds.PARTS):
    changed, _, _ = birds.scenes(24, seed=606, without=part)
    with torch.no_grad():
        share, effect = remove_and_measure(vit, images, changed, labels, all_maps, masks[:, number])
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
# The map shows the weights with which one layer (or, with rollout, a model of all layers) mixes features of different places;
# it is a true record of this step, but it has no sign, no class, and does not say what was found at a place (1 point). That
# the decision depends on the bright places does not follow: in the lecture most of a CNN's attention lay on the landscape,
# which could be exchanged without changing an answer; a head of the ViT looked at wings that had no effect; and another map
# gave the same eight logits (1 point for one such measurement). The company should take parts away, or swap them, on many
# pictures, and report how well the ranking by the map agrees with the ranking by the effect, next to what chance would give;
# one picture shows nothing (1 point).
