# %% [markdown]
# # Exercise 02 · Vanilla saliency
#
# You write the methods of [lecture 02](../../notebooks/02_vanilla_saliency.ipynb) yourself: five short functions and
# one answer in words. About 60 minutes, 18 points.
#
# Below each task a cell checks your function on small networks, and says what a mistake looks like. Run it as often as
# you like. Then a picture shows what your function does on a real network; compare it with the expected one. Please
# write your own code instead of calling the functions of `lecture_lib` that do the same.

# %%
import matplotlib.pyplot as plt
import torch

from lecture_lib import networks, pictures, show
from lecture_lib.checks import check
from lecture_lib.checks.tasks import vanilla_saliency as tasks

plt.style.use("lecture_lib.lecture")

network = networks.efficientnet_lite0()
cat = pictures.photo("cat")

# %% [markdown]
# ## Task 1 · The class score
#
# ●○○ · 5 minutes · 2 points
#
# Write `class_score(network, images, target)`: the score $S_c(I)$ of the class named `target`, for every image. The
# images have the shape (N, C, H, W), the result has the shape (N,). `network(images)` returns the logits of all
# classes, shape (N, classes), and `network.index(target)` the number of a class.
#
# <details><summary>Hint 1</summary>
#
# The score is taken before the softmax. Which numbers does the network return?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Keep all images and pick one class: the first axis stays, the second gets one number.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "class-score", "locked": false, "schema_version": 3, "solution": true, "task": false}
def class_score(network, images, target):
    """Scores (N,) of the class named target."""
    ### BEGIN SOLUTION
    return network(images)[:, network.index(target)]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "class-score-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(tasks.CLASS_SCORE, class_score)
### BEGIN HIDDEN TESTS
check(tasks.CLASS_SCORE, class_score, seed=41)
both = torch.cat([cat, pictures.photo("coffee")])
torch.testing.assert_close(
    class_score(network, both, "espresso"), network(both)[:, 967], rtol=1e-4, atol=1e-4, check_dtype=False
)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2 · The gradient
#
# ●●○ · 10 minutes · 3 points
#
# Write `vanilla_gradient(score, images)`: the gradient $\nabla_I S_c(I)$ of any score with respect to the images, with
# its signs, in the shape of the images. Every image gets its own gradient. The tensor that you are given must not
# change.
#
# <details><summary>Hint 1</summary>
#
# Make a copy of the images that remembers what is computed from it: `.detach().clone().requires_grad_()`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.autograd.grad` differentiates one number. The sum of the scores is one number, and no score depends on another
# image.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `torch.autograd.grad` returns a tuple with one entry per input.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "vanilla-gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def vanilla_gradient(score, images):
    """Gradient (N, C, H, W) of the score at every image."""
    ### BEGIN SOLUTION
    images = images.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(score(images).sum(), images)
    return gradient
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "vanilla-gradient-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.VANILLA_GRADIENT, vanilla_gradient)
### BEGIN HIDDEN TESTS
check(tasks.VANILLA_GRADIENT, vanilla_gradient, seed=42)
weights = torch.linspace(-1, 1, 60).view(1, 3, 4, 5)
linear = vanilla_gradient(lambda images: (weights * images).sum(dim=(1, 2, 3)), torch.rand(2, 3, 4, 5))
torch.testing.assert_close(
    linear, weights.expand(2, -1, -1, -1), check_dtype=False, msg="the gradient of a linear score is its weights"
)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3 · The map
#
# ●○○ · 5 minutes · 2 points
#
# Write `max_abs_map(attribution)`: one number per pixel, $A_{ij} = \max_c \lvert w_{cij} \rvert$, from the shape
# (N, C, H, W) to (N, H, W).
#
# <details><summary>Hint</summary>
#
# Two methods of a tensor, one after the other: `.abs()` and `.amax(dim=…)`. Which axis holds the channels?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "max-abs-map", "locked": false, "schema_version": 3, "solution": true, "task": false}
def max_abs_map(attribution):
    """Map (N, H, W): the largest absolute value over the channels."""
    ### BEGIN SOLUTION
    return attribution.abs().amax(dim=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "max-abs-map-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(tasks.MAX_ABS_MAP, max_abs_map)
### BEGIN HIDDEN TESTS
check(tasks.MAX_ABS_MAP, max_abs_map, seed=43)
torch.testing.assert_close(
    max_abs_map(torch.tensor([[[[-3.0]], [[2.0]], [[1.0]]]])), torch.tensor([[[3.0]]]), check_dtype=False
)
### END HIDDEN TESTS

# %% [markdown]
# Tasks 1 to 3 together make the saliency map of the lecture. The picture that you should get:
#
# <details><summary>Expected picture</summary>
#
# ![The cat, and its saliency map for the class tiger cat: fine bright dots, densest below the eyes.](expected/map.png)
#
# </details>

# %% tags=["expected:map"]
saliency = max_abs_map(vanilla_gradient(lambda images: class_score(network, images, "tiger cat"), cat))
show.maps(
    cat,
    {"your saliency map": saliency},
    title="Where would a small change of a pixel change the score fastest?",
    alt="The cat, and its saliency map for the class tiger cat: fine bright dots, densest below the eyes.",
)

# %% [markdown]
# ## Task 4 · A class model
#
# ●●● · 15 minutes · 4 points
#
# Write `class_model(score, image, l2, step_size, n_steps)`: start from `image`, and climb
# $S_c(I) - \lambda \lVert I \rVert_2^2$ by plain gradient ascent. In each of the `n_steps` steps, the image changes by
# `step_size` times the gradient of the *whole* expression at the current image. `l2` is $\lambda$. Do not clip, do not
# scale the gradient.
#
# <details><summary>Hint 1</summary>
#
# You know the gradient of the first term from task 2. The gradient of $\lVert I \rVert_2^2 = \sum_i I_i^2$ takes one
# line on paper.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A loop with one line: `image = image + step_size * (… - …)`.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "class-model", "locked": false, "schema_version": 3, "solution": true, "task": false}
def class_model(score, image, l2, step_size, n_steps):
    """The image after n_steps of gradient ascent on score - l2 * ‖image‖²."""
    ### BEGIN SOLUTION
    for _ in range(n_steps):
        image = image + step_size * (vanilla_gradient(score, image) - 2 * l2 * image)
    return image
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "class-model-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.CLASS_MODEL, class_model)
### BEGIN HIDDEN TESTS
check(tasks.CLASS_MODEL, class_model, seed=44)
weights = torch.linspace(-1, 1, 12).view(1, 3, 2, 2)
optimum = class_model(lambda images: (weights * images).sum(dim=(1, 2, 3)), torch.zeros(1, 3, 2, 2), 0.5, 0.2, 200)
torch.testing.assert_close(
    optimum, weights, rtol=1e-4, atol=1e-4, check_dtype=False, msg="the optimum for a linear score is w / 2λ"
)
### END HIDDEN TESTS

# %% [markdown]
# Your ascent on the real network, from a gray image. What do you recognise?
#
# <details><summary>Expected picture</summary>
#
# ![Gray with a faint, fine texture; hints of the legs of a tripod.](expected/class_model.png)
#
# </details>

# %% tags=["expected:class_model"]
start = torch.full((1, 3, 128, 128), 0.5)
tripod = class_model(lambda images: class_score(network, images, "tripod"), start, 1e-4, 0.03, 30).clamp(0, 1)
show.images(
    tripod,
    [f"p(tripod) = {network.probability('tripod')(tripod).item():.1f}"],
    title="Your class model",
    alt="Gray with a faint, fine texture; hints of the legs of a tripod.",
)

# %% [markdown]
# ## Task 5 · The Taylor check
#
# ●●○ · 10 minutes · 4 points
#
# Write `taylor_check(score, image, direction, radius)`. Scale the `direction` to length 1 (L2 norm over all entries),
# and step by `radius` along it. Return two tensors of shape (1,): the change of the score that the gradient at `image`
# *predicts*, and the change that you *measure*. Do not clip.
#
# <details><summary>Hint 1</summary>
#
# The prediction is the first-order term of Taylor's expansion: gradient times step, added up over all pixels and
# channels.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `direction / direction.norm()` has length 1. `.sum(dim=(1, 2, 3))` adds up everything but the images.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "taylor-check", "locked": false, "schema_version": 3, "solution": true, "task": false}
def taylor_check(score, image, direction, radius):
    """Predicted and measured change of the score, each of shape (1,)."""
    ### BEGIN SOLUTION
    step = radius * direction / direction.norm()
    predicted = (vanilla_gradient(score, image) * step).sum(dim=(1, 2, 3))
    measured = score(image + step) - score(image)
    return predicted, measured
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "taylor-check-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.TAYLOR_CHECK, taylor_check)
### BEGIN HIDDEN TESTS
check(tasks.TAYLOR_CHECK, taylor_check, seed=45)
square = torch.full((1, 1, 2, 2), 0.5)
predicted, measured = taylor_check(
    lambda images: images.square().sum(dim=(1, 2, 3)), square, torch.ones(1, 1, 2, 2), 2.0
)
torch.testing.assert_close(predicted, torch.tensor([4.0]), check_dtype=False, msg="four times 2 · 0.5 · 1")
torch.testing.assert_close(measured, torch.tensor([8.0]), check_dtype=False, msg="four times 1.5² - 0.5²")
### END HIDDEN TESTS

# %% [markdown]
# The check on the real network, along the gradient of the cat. Where do the two lines part?
#
# <details><summary>Expected picture</summary>
#
# ![Predicted and measured rise of the score against the length of the step. The lines part near 0.1.](expected/taylor.png)
#
# </details>


# %% tags=["expected:taylor"]
def tiger_cat(images):
    """The score of task 1, for one class."""
    return class_score(network, images, "tiger cat")


uphill = vanilla_gradient(tiger_cat, cat)
radii = [0.01, 0.03, 0.1, 0.3, 1.0]
rises = [[part.item() for part in taylor_check(tiger_cat, cat, uphill, radius)] for radius in radii]
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.loglog(radii, [predicted for predicted, _ in rises], "o--", color="C1", label="predicted")
ax.loglog(radii, [measured for _, measured in rises], "s-", color="C0", label="measured")
ax.set(xlabel="length of the step (L2 norm)", ylabel="rise of the score", title="Your Taylor check on the cat")
ax.legend()
show.figure(
    figure,
    alt="Predicted and measured rise of the score against the length of the step. The lines part near 0.1.",
)

# %% [markdown]
# ## Task 6 · In your own words
#
# ●●○ · 10 minutes · 3 points, marked by hand
#
# A colleague shows you the saliency map of task 3 and says: “The bright pixels are the ones that made the network decide
# for tiger cat.” In three to five sentences: what does the map really say, which of your measurements shows that the
# colleague's sentence does not follow, and which experiment would test it?

# %% [markdown] nbgrader={"grade": true, "grade_id": "own-words", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The map shows $\max_c \lvert \nabla_I S_c(I_*) \rvert$: how fast the score would change if a pixel changed a tiny bit,
# in either direction (1 point). It is a statement about changes, not about causes. The Taylor check shows that it holds
# only for steps near 0.1 or shorter, in which no pixel changes visibly; taking a bright pixel away is a much larger
# change (1 point). The colleague's sentence can be tested by covering the bright regions and, for comparison, equally
# large dark ones, and measuring how far the score falls (1 point).
