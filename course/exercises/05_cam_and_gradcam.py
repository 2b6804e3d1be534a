# %% [markdown]
# # Exercise 05 · CAM and Grad-CAM
#
# You write the methods of [lecture 05](../../notebooks/05_cam_and_gradcam.ipynb) yourself: five short functions and one
# answer in words. About 70 minutes, 20 points.
#
# Below each task a cell checks your function on small networks, and says what a mistake looks like. Run it as often as
# you like. Then a picture shows what your function does on a real network; compare it with the expected one. Please
# write your own code instead of calling `lecture_lib.activations` and `lecture_lib.regions`.

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

from lecture_lib import networks, pictures, show
from lecture_lib.checks import check
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
# on the way, shape (N, K, h, w). Leave nothing in the network when you are done.
#
# Mind the trap: the layer that follows may work *in place*, and write over what you kept.
#
# <details><summary>Hint 1</summary>
#
# `handle = layer.register_forward_hook(hook)` calls `hook(module, inputs, output)` whenever the layer has run.
# `handle.remove()` takes it out again.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A hook is a function inside your function. Let it append to a list that you made before: `kept.append(…)`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# A copy of a tensor is made by `.clone()`. What the next layer does to the original does not reach the copy.
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
convolution = torch.nn.Conv2d(1, 1, 1)
convolution.weight.data[:], convolution.bias.data[:] = 2.0, -1.0
tiny = torch.nn.Sequential(convolution, torch.nn.ReLU(inplace=True))
before = layer_output(tiny, convolution, torch.tensor([[[[0.0, 1.0]]]]))
torch.testing.assert_close(before, torch.tensor([[[[-1.0, 1.0]]]]), check_dtype=False, msg="2x - 1, before the ReLU")
assert not convolution._forward_hooks, "no hook is left"
### END HIDDEN TESTS

# %% [markdown]
# Four of the 1280 activation maps of the last layer, those with the largest mean.
#
# <details><summary>Expected picture</summary>
#
# ![A collage of a cat and a cup, and four coarse maps, bright in different cells.](expected/maps.png)
#
# </details>

# %% tags=["expected:maps"]
activation = layer_output(network, last, both)
strongest = activation[0].mean(dim=(1, 2)).argsort(descending=True)[:4].tolist()
show.maps(
    both,
    {f"map {k}": activation[:, k] for k in strongest},
    label="activation",
    title="Four activation maps of the last layer",
    alt="A collage of a cat and a cup, and four coarse maps, bright in different cells.",
)

# %% [markdown]
# ## Task 2 · The class activation map
#
# ●○○ · 10 minutes · 3 points
#
# Write `class_activation_map(activation, classifier_weight, index)`: $\sum_k w_k A^k$, with its signs. The activation
# maps have the shape (N, K, h, w), the weights of the classifier (classes, K), and `index` is the number of the class.
# The result has the shape (N, h, w).
#
# <details><summary>Hint 1</summary>
#
# One row of the weights belongs to the class. It has one number for each of the K maps.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `weights[:, None, None]` has the shape (K, 1, 1), and can be multiplied with maps of shape (N, K, h, w).
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
two_maps = torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])
found = class_activation_map(two_maps, torch.tensor([[9.0, 9.0], [3.0, -1.0], [9.0, 9.0]]), 1)
torch.testing.assert_close(found, torch.tensor([[[3.0, -2.0]]]), check_dtype=False, msg="3 · (1, 0) - 1 · (0, 2)")
### END HIDDEN TESTS

# %% [markdown]
# On a network that ends with global average pooling, the mean of your map plus the bias is the class score. Is it?

# %%
classifier = network.model.classifier
for target in ("tiger cat", "espresso"):
    index = network.index(target)
    cam = class_activation_map(layer_output(network, last, both), classifier.weight, index)
    print(f"{target:9}: mean of the map + bias = {cam.mean() + classifier.bias[index]:.2f}, ", end="")
    print(f"score = {network.score(target)(both).item():.2f}")

# %% [markdown]
# ## Task 3 · Grad-CAM
#
# ●●● · 20 minutes · 5 points
#
# Write `grad_cam(network, images, target, layer)` for any layer:
# $\mathrm{ReLU}(\sum_k w_k A^k)$ with $w_k = \mathrm{mean}(\nabla_{A^k} S_c)$, shape (N, h, w). The score $S_c$ is the
# logit of the class named `target`; `network.score(target)` is the function that computes it.
#
# Two things are different from task 1. The maps must be a part of the computation, so that the score can be
# differentiated by them. So keep the *output itself*, and pass a copy on to the next layer: if a hook returns something,
# the network goes on with that. And the parameters are frozen, so nothing is tracked unless the images ask for it.
#
# <details><summary>Hint 1</summary>
#
# In the hook: `kept.append(output)`, then `return output.clone()`. Before the forward pass:
# `images = images.detach().clone().requires_grad_()`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `(gradient,) = torch.autograd.grad(scores.sum(), maps)` has the shape of the maps. Over which axes does the mean go, so
# that one weight for each map of each image is left?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `gradient.mean(dim=(2, 3), keepdim=True)` has the shape (N, K, 1, 1). The ReLU comes last.
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
pooling = tasks.pooling_network(54)
pictures_ = torch.rand(2, 3, 9, 8, dtype=torch.float64)
at_the_end = pooling.model.get_submodule("3")
maps_ = layer_output(pooling, at_the_end, pictures_)
cam_ = torch.einsum("k,nkhw->nhw", pooling.model.get_submodule("6").weight[2], maps_)
found = grad_cam(pooling, pictures_, "c", at_the_end)
torch.testing.assert_close(
    found, cam_.relu() / cam_[0].numel(), check_dtype=False, msg="CAM is the number of cells times Grad-CAM"
)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4 · Upsampling
#
# ●○○ · 5 minutes · 2 points
#
# Write `upsample(map, size)`: from (N, h, w) to (N, H, W), where `size` is (H, W). Interpolate bilinearly. The value of a
# cell belongs to its middle.
#
# <details><summary>Hint 1</summary>
#
# `F.interpolate` wants four axes, (N, C, h, w). Add one and take it out again: `map[:, None]`, then `[:, 0]`.
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
found = upsample(torch.tensor([[[0.0, 1.0]]]), (2, 4))
torch.testing.assert_close(
    found,
    torch.tensor([0.0, 0.25, 0.75, 1.0]).expand(1, 2, 4),
    check_dtype=False,
    msg="between the middles of two cells",
)
### END HIDDEN TESTS

# %% [markdown]
# Tasks 3 and 4 together: two classes, one picture.
#
# <details><summary>Expected picture</summary>
#
# ![A collage of a cat and a cup; the map of tiger cat glows on the left half, that of espresso on the right half.](expected/classes.png)
#
# </details>

# %% tags=["expected:classes"]
found = {target: upsample(grad_cam(network, both, target, last), (224, 224)) for target in ("tiger cat", "espresso")}
show.maps(
    both,
    {f"Grad-CAM: {target}": map for target, map in found.items()},
    label="score",
    percentile=100,
    title="Two classes, one picture",
    alt="A collage of a cat and a cup; the map of tiger cat glows on the left half, that of espresso on the right half.",
)

# %% [markdown]
# ## Task 5 · How much lies on its own half?
#
# ●●○ · 10 minutes · 3 points
#
# Write `share_inside(map, mask)`: which share of the *positive* part of a map lies inside a mask? Map and mask have the
# shape (N, H, W), the mask is 1 inside and 0 outside, and the result has the shape (N,). Negative values count as 0.
#
# <details><summary>Hint 1</summary>
#
# Three sums would do: what is positive, what of it is inside, and their quotient needs only two of them.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `.sum(dim=(1, 2))` adds up everything but the images.
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
found = share_inside(torch.tensor([[[3.0, -5.0, 1.0]]]), torch.tensor([[[1.0, 1.0, 0.0]]]))
torch.testing.assert_close(found, torch.tensor([0.75]), check_dtype=False, msg="3 of 3 + 1")
### END HIDDEN TESTS

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
        shares = [
            share_inside(upsample(grad_cam(network, picture, classes[name], layer), (224, 224)), half).item()
            for layer in layers.values()
        ]
        ax.plot(list(layers), shares, marker + "-", color=colour, label=f"{classes[name]} in {pair[0]} | {pair[1]}")
ax.axhline(0.5, color="gray", linestyle=":")
ax.set(ylim=(0, 1), ylabel="share on the own half", title="Only the last layers tell two classes apart")
ax.legend()
show.figure(
    figure,
    alt="Shares on the own half against the layer: scattered between 20 and 90 percent at blocks 4 and 5, above 80 at the last.",
)

# %% [markdown]
# ## Task 6 · In your own words
#
# ●●○ · 10 minutes · 3 points, marked by hand
#
# A colleague shows you Grad-CAM of a bird classifier: more than half of the map lies on the landscape around the bird.
# “So the network looks at the landscape”, she says, “and we can't trust it.” In three to five sentences: why does this
# not follow from the map, what would you do to find out, and what would you have to see to agree with her?

# %% [markdown] nbgrader={"grade": true, "grade_id": "own-words", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The map has few, large cells, and each cell depends on an area of the picture that is much larger than the square where
# it is drawn; a cell beside the bird still sees the bird, so mass on the landscape does not show that the landscape is
# used (1 point). To find out, change the landscape and nothing else (the same bird elsewhere; on photographs, blur or
# replace the background), and measure how far the score falls and how many answers change (1 point). She would be right
# if the score fell clearly, or answers changed, with another landscape, and more than for changes of the bird that
# don't matter; a map alone cannot show it, and in the lecture the landscape had over 60 percent of the map and no effect
# (1 point).
