# %% [markdown]
# # Exercise 05 · CAM and Grad-CAM
#
# You write the methods of [lecture 05](../../notebooks/05_cam_and_gradcam.ipynb) yourself: five short functions and one
# answer in words. About 70 minutes, 20 points.
#
# Below each task a cell checks your function on small networks, and says what a mistake looks like. Run it as often as
# you like. Then a picture shows what your function does on a real network; compare it with the expected one. Please
# write your own code instead of calling `lecture_lib.activations` and `lecture_lib.regions`.
#
# Your functions leave what they are given as it is: arguments, networks, torch's settings and random numbers. A check and
# the points come from the same inputs: ✔ means full points. In the cells below the checks, `plain(…)` turns what your
# function returns into float32 tensors without a graph.

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

from lecture_lib import networks, pictures, show
from lecture_lib.checks import check, plain
from lecture_lib.checks.tasks import cam_and_gradcam as tasks

plt.style.use("lecture_lib.lecture")

network = networks.efficientnet_lite0()
last = network.model.bn2  # the last layer that returns maps
both = pictures.collage(pictures.photo("cat"), pictures.photo("coffee"))

# %% [markdown]
# ## Task 1 · Recording activations
#
# ●●○ · 15 minutes · 4 points
#
# Write `layer_output(network, layer, images)`: run the network on the images, and return what one of its layers returned
# on the way. Leave nothing in the network when you are done.
#
# Mind the trap: the layer that follows may work *in place*, and write over what you kept.
#
# {contract cam_and_gradcam.LAYER_OUTPUT}
#
# <details><summary>Hint 1</summary>
#
# `handle = layer.register_forward_hook(hook)` calls `hook(module, inputs, output)` whenever the layer has run.
# `handle.remove()` takes it out again.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A hook is a function inside your function. How can it leave something for your function to find?
#
# </details>
# <details><summary>Hint 3</summary>
#
# What the next layer does to a tensor does not reach a copy of it.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "layer-output", "locked": false, "schema_version": 3, "solution": true, "task": false}
def layer_output(network, layer, images):
    """What the layer returns while the network runs, shape (N, K, h, w)."""
    ### BEGIN SOLUTION
    kept = []

    def hook(module, inputs, output):
        kept.append(output.clone())

    handle = layer.register_forward_hook(hook)
    try:
        network(images)
    finally:
        handle.remove()
    return kept[0]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "layer-output-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.LAYER_OUTPUT, layer_output)
### BEGIN HIDDEN TESTS
check(tasks.LAYER_OUTPUT, layer_output, seed=51)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** The hook appends a copy to a list; `finally` removes it even if the network stops with an error. Without
# the copy, an in-place ReLU turns what you kept into its own output. Usual mistakes: the hook stays, so that every later
# call appends; the inner `network.model` is called, whose pixels are not normalised.

# %% [markdown]
# Four of the 1280 activation maps of the last layer, those with the largest mean.
#
# <details><summary>Expected picture</summary>
#
# ![A collage of a cat and a cup, and four coarse maps, bright in different cells.](expected/maps.png)
#
# </details>

# %% tags=["expected:maps"]
activation = plain(layer_output(network, last, both))
strongest = activation[0].mean(dim=(1, 2)).argsort(descending=True)[:4].tolist()
show.maps(
    both,
    {f"map {k}": activation[:, k] for k in strongest},
    label="activation",
    title="Four activation maps of the last layer",
    alt="A collage of a cat and a cup, and four coarse maps, bright in different cells.",
)

# %% [markdown] tags=["solution"]
# **What there is to see.** A map has 7 × 7 cells, and each of these is bright in other cells; what makes it bright is not
# written on it.

# %% [markdown]
# ## Task 2 · The class activation map
#
# ●○○ · 8 minutes · 3 points
#
# Write `class_activation_map(activation, classifier_weight, index)`: $\sum_k w_k A^k$, with its signs, where the $w_k$ are the
# weights of one class.
#
# {contract cam_and_gradcam.CLASS_ACTIVATION_MAP}
#
# <details><summary>Hint 1</summary>
#
# One row of the weights belongs to the class. It has one number for each of the K maps.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Which shape do K numbers need to be multiplied by maps of shape (N, K, h, w)?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "class-activation-map", "locked": false, "schema_version": 3, "solution": true, "task": false}
def class_activation_map(activation, classifier_weight, index):
    """Weighted sum (N, h, w) of the activation maps."""
    ### BEGIN SOLUTION
    return (classifier_weight[index][:, None, None] * activation).sum(dim=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "class-activation-map-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.CLASS_ACTIVATION_MAP, class_activation_map)
### BEGIN HIDDEN TESTS
check(tasks.CLASS_ACTIVATION_MAP, class_activation_map, seed=52)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** The class picks a row of the weights. The mean of the map over its cells is $\sum_k w_k \,
# \mathrm{mean}(A^k)$, which is the score without its bias: so no ReLU, and no division. Usual mistakes: a column in place of
# a row; a mean over k.

# %% [markdown]
# On a network that ends with global average pooling, the mean of your map plus the bias is the class score. Is it?

# %%
classifier = network.model.classifier
for target in ("tiger cat", "espresso"):
    index = network.index(target)
    cam = plain(class_activation_map(plain(layer_output(network, last, both)), classifier.weight, index))
    print(f"{target:9}: mean of the map + bias = {cam.mean() + classifier.bias[index]:.2f}, ", end="")
    print(f"score = {network.score(target)(both).item():.2f}")

# %% [markdown] tags=["solution"]
# **Answer.** Yes, to the printed digits: the score is linear in the maps, and the mean commutes with the sum.

# %% [markdown]
# ## Task 3 · Grad-CAM
#
# ●●● · 20 minutes · 5 points
#
# Write `grad_cam(network, images, target, layer)` for any layer:
# $\mathrm{ReLU}(\sum_k w_k A^k)$ with $w_k = \mathrm{mean}(\nabla_{A^k} S_c)$. The score $S_c$ is the logit of the class named
# `target`.
#
# Two things are different from task 1. The maps must be a part of the computation, so that the score can be
# differentiated by them: keep the *output itself*, and pass a copy on to the next layer. (If a hook returns something, the
# network goes on with that.) And the parameters are frozen, so nothing is tracked unless the images ask for it.
#
# {contract cam_and_gradcam.GRAD_CAM}
#
# <details><summary>Hint 1</summary>
#
# The hook of task 1 kept a copy and let the network go on with the output. Here it is the other way round.
#
# </details>
# <details><summary>Hint 2</summary>
#
# By what is the score differentiated, and which shape has the gradient? One weight for each map of each image is to be
# left.
#
# </details>
# <details><summary>Hint 3</summary>
#
# In which order: mean, product, sum, ReLU?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "grad-cam", "locked": false, "schema_version": 3, "solution": true, "task": false}
def grad_cam(network, images, target, layer):
    """Grad-CAM (N, h, w) of the target at a layer, without negative values."""
    ### BEGIN SOLUTION
    kept = []

    def hook(module, inputs, output):
        kept.append(output)
        return output.clone()

    handle = layer.register_forward_hook(hook)
    try:
        scores = network.score(target)(images.detach().clone().requires_grad_())
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(scores.sum(), kept[0])
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * kept[0].detach()).sum(dim=1).relu()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "grad-cam-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(tasks.GRAD_CAM, grad_cam)
### BEGIN HIDDEN TESTS
check(tasks.GRAD_CAM, grad_cam, seed=53)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** $w_k$ is the mean of the gradient over the cells: how fast the score would change if the whole map k grew
# evenly. Where a network ends with global average pooling, that gradient is the same in all cells, and Grad-CAM is
# CAM (after the ReLU) divided by the number of cells. Usual mistakes: the ReLU before the sum; a mean over the images;
# the softmax in the score; a hook that stays.

# %% [markdown]
# ## Task 4 · Upsampling
#
# ●○○ · 5 minutes · 2 points
#
# Write `upsample(map, size)`: the map at another size. Interpolate bilinearly. The value of a cell belongs to its middle.
#
# {contract cam_and_gradcam.UPSAMPLE}
#
# <details><summary>Hint 1</summary>
#
# `F.interpolate` wants four axes, (N, C, h, w). Add one and take it out again.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `mode` names the rule. One more option says whether the corners are aligned; look at the table in the lecture.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "upsample", "locked": false, "schema_version": 3, "solution": true, "task": false}
def upsample(map, size):
    """The map at another size, (N, H, W)."""
    ### BEGIN SOLUTION
    return F.interpolate(map[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "upsample-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(tasks.UPSAMPLE, upsample)
### BEGIN HIDDEN TESTS
check(tasks.UPSAMPLE, upsample, seed=55)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** With `align_corners=True` the first and last cells would sit at the edge of the picture, and everything
# would be stretched. Usual mistakes: `.squeeze()`, which also drops the axis of a single image; height and width
# exchanged.

# %% [markdown]
# Tasks 3 and 4 together: two classes, one picture.
#
# <details><summary>Expected picture</summary>
#
# ![A collage of a cat and a cup; the map of tiger cat glows on the left half, that of espresso on the right half.](expected/classes.png)
#
# </details>

# %% tags=["expected:classes"]
found = {
    target: plain(upsample(plain(grad_cam(network, both, target, last)), (224, 224)))
    for target in ("tiger cat", "espresso")
}
show.maps(
    both,
    {f"Grad-CAM: {target}": map for target, map in found.items()},
    label="score",
    percentile=100,
    title="Two classes, one picture",
    alt="A collage of a cat and a cup; the map of tiger cat glows on the left half, that of espresso on the right half.",
)

# %% [markdown] tags=["solution"]
# **What there is to see.** Each class glows on its own half. The picture is the same; the weights differ.

# %% [markdown]
# ## Task 5 · How much lies on its own half?
#
# ●●○ · 10 minutes · 3 points
#
# Write `share_inside(map, mask)`: which share of the *positive* part of a map lies inside a mask? Negative values count
# as 0.
#
# {contract cam_and_gradcam.SHARE_INSIDE}
#
# <details><summary>Hint 1</summary>
#
# A share is a quotient of two sums. What is added up above, what below?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Which axes belong to one map?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "share-inside", "locked": false, "schema_version": 3, "solution": true, "task": false}
def share_inside(map, mask):
    """Share (N,) of the positive part of each map that lies inside its mask."""
    ### BEGIN SOLUTION
    positive = map.clamp_min(0)
    return (positive * mask).sum(dim=(1, 2)) / positive.sum(dim=(1, 2))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "share-inside-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.SHARE_INSIDE, share_inside)
### BEGIN HIDDEN TESTS
check(tasks.SHARE_INSIDE, share_inside, seed=56)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** The positive part stands above and below the line. Usual mistakes: the ReLU only above; the area of the
# mask below, which gives a mean and not a share; one quotient for the whole batch. A share alone says little: compare it
# with the share of the area.

# %% [markdown]
# Does the separation depend on the layer? Your functions, on three collages and at four layers.
#
# <details><summary>Expected picture</summary>
#
# ![Shares on the own half against the layer: scattered between 20 and 90 percent at blocks 4 and 5, above 80 at the last.](expected/layers.png)
#
# </details>


# %% tags=["expected:layers"]
left = (torch.arange(224) < 112).float().expand(1, 224, 224)
layers = {"block 4": network.model.blocks[4], "block 5": network.model.blocks[5], "block 6": network.model.blocks[6]}
layers["last layer"] = last
classes = {"cat": "tiger cat", "coffee": "espresso", "camera": "tripod", "motorcycle": "moped"}

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for pair, marker in zip([("cat", "coffee"), ("camera", "coffee"), ("motorcycle", "camera")], "os^", strict=True):
    picture = pictures.collage(*[pictures.photo(name) for name in pair])
    for name, half, colour in zip(pair, [left, 1 - left], ["C0", "C1"], strict=True):
        shares = []
        for layer in layers.values():
            large = plain(upsample(plain(grad_cam(network, picture, classes[name], layer)), (224, 224)))
            shares.append(plain(share_inside(large, half)).item())
        ax.plot(list(layers), shares, marker + "-", color=colour, label=f"{classes[name]} in {pair[0]} | {pair[1]}")
ax.axhline(0.5, color="gray", linestyle=":")
ax.set(ylim=(0, 1), ylabel="share on the own half", title="Grad-CAM tells two classes apart at the last layers")
ax.legend()
show.figure(
    figure,
    alt="Shares on the own half against the layer: scattered between 20 and 90 percent at blocks 4 and 5, above 80 at the last.",
)

# %% [markdown] tags=["solution"]
# **Answer.** Yes. At the last layers nearly all of the map lies on its own half, at blocks 4 and 5 the share is anything from
# 20 to 90 %. This is a statement about Grad-CAM and not about the layers: there the gradient differs from cell to cell, and
# Grad-CAM keeps only its mean.

# %% [markdown]
# ## Task 6 · In your own words
#
# ●●○ · 10 minutes · 3 points, marked by hand
#
# A colleague shows you Grad-CAM of a bird classifier: more than half of the map lies on the landscape around the bird.
# “So the network looks at the landscape,” says the colleague, “and we can't trust it.” In three to five sentences: why does
# this not follow from the map, what would you do to find out, and what would you have to see to agree?

# %% [markdown] nbgrader={"grade": true, "grade_id": "own-words", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# More than half of the map is no large share if the landscape takes up far more than half of the picture: an even map would
# have its share of the area there, so this map may even prefer the bird. The map has few, large cells, and each cell depends on an area of the
# picture that is much larger than the square where it is drawn; a cell beside the bird still sees the bird. To find out,
# change the landscape and nothing else (the same bird elsewhere; on photographs, blur or replace the background), and
# measure how far the score falls and how many answers change. I would agree if the score fell clearly, or answers changed,
# with another landscape, and more than for changes of the bird that don't matter. A map alone cannot show it.

# %% [markdown] tags=["solution"]
# **How it is marked.** One point for why it does not follow: the area, or what a cell sees. One point for an experiment that changes the
# landscape and nothing else, with a measurement. One point for what one would have to see, with something to compare it with.
