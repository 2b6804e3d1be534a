# %% [markdown]
# # Exercise 02 · Vanilla saliency
#
# You write the methods of [lecture 02](../../notebooks/02_vanilla_saliency.ipynb) yourself: five short functions and
# one answer in words. About 55 minutes, 18 points.
#
# Below each task a cell checks your function on small networks, and says what a mistake looks like. Run it as often as
# you like. Then a picture shows what your function does on a real network; compare it with the expected one. Please
# write your own code instead of calling the functions of `lecture_lib` that do the same.
#
# Your functions leave what they are given as it is: arguments, networks, torch's settings and random numbers. A check and
# the points come from the same inputs: ✔ means full points. In the cells below the checks, `plain(…)` turns what your
# function returns into float32 tensors without a graph.

# %%
import matplotlib.pyplot as plt
import torch

from lecture_lib import networks, pictures, show
from lecture_lib.checks import check, plain
from lecture_lib.checks.tasks import vanilla_saliency as tasks

plt.style.use("lecture_lib.lecture")

network = networks.efficientnet_lite0()
cat = pictures.photo("cat")

# %% [markdown]
# ## Task 1 · The class score
#
# ●○○ · 5 minutes · 2 points
#
# Write `class_score(network, images, target)`: the score $S_c(I)$ of the class named `target`, for every image.
#
# {contract vanilla_saliency.CLASS_SCORE}
#
# <details><summary>Hint 1</summary>
#
# The score is taken before the softmax. Which numbers does the network return?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Keep all images and pick one class: what stands at the first axis of the index, what at the second?
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
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** The class is one column of the logits: the colon keeps the images. Usual mistakes: the softmax,
# after which one class also depends on all others; a slice, which keeps an axis of length 1; `.item()` or `no_grad`, which
# give the right number and no gradient.

# %% [markdown]
# ## Task 2 · The gradient
#
# ●●○ · 10 minutes · 3 points
#
# Write `vanilla_gradient(score, images)`: the gradient $\nabla_I S_c(I)$ of any score with respect to the images, with
# its signs. Every image gets its own gradient. Use `torch.autograd`.
#
# {contract vanilla_saliency.VANILLA_GRADIENT}
#
# <details><summary>Hint 1</summary>
#
# Make a copy of the images that remembers what is computed from it: `.requires_grad_()`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.autograd.grad` differentiates one number. No score depends on another image: which one number has all the
# gradients in it?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Look at what `torch.autograd.grad` returns: `type(…)` and `len(…)` tell.
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
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** The sum of the scores has, at image n, the gradient of score n alone, because the other scores don't
# depend on that image. The mean would divide every gradient by N. Usual mistakes: the tuple that `autograd.grad` returns;
# `.requires_grad_()` on the tensor that you are given; `.backward()` on a tensor that keeps its `.grad`, so that the next
# call adds to it.

# %% [markdown]
# ## Task 3 · The map
#
# ●○○ · 5 minutes · 2 points
#
# Write `max_abs_map(attribution)`: one number for each pixel, $A_{ij} = \max_c \lvert w_{cij} \rvert$, where c counts the channels.
#
# {contract vanilla_saliency.MAX_ABS_MAP}
#
# <details><summary>Hint</summary>
#
# Two operations, one after the other. Which comes first? Which axis holds the channels?
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
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** First the absolute value, then the maximum: the other order loses a channel with a large negative
# number. `amax` over one axis returns a tensor; `max` over one axis returns a pair, values and places.

# %% [markdown]
# Tasks 1 to 3 together make the saliency map of the lecture. The picture that you should get:
#
# <details><summary>Expected picture</summary>
#
# ![The cat, and its saliency map for the class tiger cat: fine bright dots, densest below the eyes.](expected/map.png)
#
# </details>

# %% tags=["expected:map"]
saliency = max_abs_map(plain(vanilla_gradient(lambda images: class_score(network, images, "tiger cat"), cat)))
show.maps(
    cat,
    {"your saliency map": plain(saliency)},
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
# `step_size` times the gradient of the *whole* expression at the current image. Do not clip, do not scale the gradient. You
# may use your `vanilla_gradient`, or `torch.autograd`.
#
# {contract vanilla_saliency.CLASS_MODEL}
#
# <details><summary>Hint 1</summary>
#
# You know the gradient of the first term from task 2. The gradient of $\lVert I \rVert_2^2 = \sum_i I_i^2$ takes one
# line on paper.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A loop: in every round both gradients at the current image, then one step.
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
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** $\partial / \partial I_j \sum_i I_i^2 = 2 I_j$, so a step is $\eta \, (\nabla S_c(I) - 2 \lambda I)$. For a linear score
# $w \cdot I$ the ascent ends where this is 0, at $I = w / 2 \lambda$: a check that you can do on paper. Usual mistakes: the
# gradient taken once, before the loop; `step_size` at one of the two terms only; `.grad` that is never emptied.

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
tripod = plain(class_model(lambda images: class_score(network, images, "tripod"), start, 1e-4, 0.03, 30)).clamp(0, 1)
show.images(
    tripod,
    [f"p(tripod) = {network.probability('tripod')(tripod).item():.1f}"],
    title="Your class model",
    alt="Gray with a faint, fine texture; hints of the legs of a tripod.",
)

# %% [markdown] tags=["solution"]
# **Answer.** Hardly anything: thin lines as of the legs of a tripod. The network is nearly sure all the same. What raises a
# score need not look like the class to us.

# %% [markdown]
# ## Task 5 · The Taylor check
#
# ●●○ · 10 minutes · 4 points
#
# Write `taylor_check(score, image, direction, radius)`. Scale the `direction` to length 1 (L2 norm over all entries),
# and step by `radius` along it. Return two numbers: the change of the score that the gradient at `image` *predicts*, and
# the change that you *measure*. Do not clip. You may use your `vanilla_gradient`, or `torch.autograd`.
#
# {contract vanilla_saliency.TAYLOR_CHECK}
#
# <details><summary>Hint 1</summary>
#
# The prediction is the first-order term of Taylor's expansion: gradient times step, added up over all pixels and
# channels.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A direction gets the length 1 when it is divided by the length that it has.
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
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** $f(I + s) \approx f(I) + \nabla f(I) \cdot s$: what is predicted is $\nabla f(I) \cdot s$, not the length of the
# gradient times the radius, which holds only along the gradient. Both numbers have a sign. Usual mistakes: the direction
# is not scaled; the gradient at the end of the step; the score after the step in place of its change.

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


uphill = plain(vanilla_gradient(tiger_cat, cat))
radii = [0.01, 0.03, 0.1, 0.3, 1.0]
rises = [[part.item() for part in plain(taylor_check(tiger_cat, cat, uphill, radius))] for radius in radii]
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.loglog(radii, [predicted for predicted, _ in rises], "o--", color="C1", label="predicted")
ax.loglog(radii, [measured for _, measured in rises], "s-", color="C0", label="measured")
ax.set(xlabel="length of the step (L2 norm)", ylabel="rise of the score", title="Your Taylor check on the cat")
ax.legend()
show.figure(
    figure,
    alt="Predicted and measured rise of the score against the length of the step. The lines part near 0.1.",
)

# %% [markdown] tags=["solution"]
# **Answer.** Near 0.1: there the measured rise leaves the predicted one. Spread over all pixels, a step of length 0.1 changes
# none of them visibly.

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
# in either direction. It is a statement about changes, not about causes. The Taylor check shows that it holds
# only for steps near 0.1 or shorter, in which no pixel changes visibly; taking a bright pixel away is a much larger
# change. The colleague's sentence can be tested by covering the bright regions and, for comparison, equally
# large dark ones, and measuring how far the score falls.

# %% [markdown] tags=["solution"]
# **How it is marked.** One point for what the map says: a rate of change, without its sign. One point for a measurement from which the
# colleague's sentence does not follow, such as the Taylor check. One point for an experiment that changes the picture and
# measures the score, with something to compare it with.
