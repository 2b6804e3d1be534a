# %% [markdown]
# # Exercise 01 · Linear models
#
# You work out the explanations of [lecture 01](../../notebooks/01_linear_models.ipynb) by hand: five short functions and
# one answer in words. About 55 minutes, 18 points.
#
# Below each task a cell checks your function on small random inputs, and says what a mistake looks like. Run it as often
# as you like. Then a picture or a table shows what your function does on the faces. In tasks 1 to 3, please use neither
# `torch.autograd` nor `lecture_lib.gradients`: a pencil is enough.
#
# Your functions leave what they are given as it is: arguments, networks, torch's settings and random numbers. A check and
# the points come from the same inputs: ✔ means full points. In the cells below the checks, `plain(…)` turns what your
# function returns into float32 tensors without a graph.

# %%
import matplotlib.pyplot as plt
import torch
from sklearn.linear_model import LogisticRegression

from lecture_lib import pictures, show
from lecture_lib.checks import check, plain
from lecture_lib.checks.tasks import linear_models as tasks

plt.style.use("lecture_lib.lecture")

images, labels = pictures.faces()
fitted = LogisticRegression(C=0.1, max_iter=1000).fit(images[:150].flatten(1), labels[:150])
weights = torch.from_numpy(fitted.coef_).float().view(1, 25, 25)  # (C, H, W)
bias = float(fitted.intercept_[0])


def logit(images):
    """The score f(I) = w · I + b of every image: (N, C, H, W) to (N,)."""
    return (weights * images).sum(dim=(1, 2, 3)) + bias


# %% [markdown]
# ## Task 1 · The gradient of a linear model
#
# ●○○ · 5 minutes · 2 points
#
# Write `linear_gradient(weights, bias, images)`: the gradient of $f(I) = w \cdot I + b$ with respect to the pixels, for
# every image.
#
# {contract linear_models.LINEAR_GRADIENT}
#
# <details><summary>Hint 1</summary>
#
# Write the sum out: $f(I) = w_{11} I_{11} + w_{12} I_{12} + \dots + b$. What is its derivative with respect to $I_{12}$?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Every image gets the same gradient. `.expand(…)` and `.repeat(…)` make a tensor as large as another.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "linear-gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def linear_gradient(weights, bias, images):
    """Gradient (N, C, H, W) of w · I + b at every image."""
    ### BEGIN SOLUTION
    return weights.expand_as(images)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "linear-gradient-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(tasks.LINEAR_GRADIENT, linear_gradient)
### BEGIN HIDDEN TESTS
check(tasks.LINEAR_GRADIENT, linear_gradient, seed=41)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** $\partial f / \partial I_{12} = w_{12}$: of the sum, one term depends on this pixel, and it is $w_{12}$
# times the pixel. The bias depends on no pixel, so it drops out; the image drops out as well, so all images have the same
# gradient. Usual mistakes: $w_i I_i$, which is a term of the score and not its slope; one gradient in place of N.

# %% [markdown]
# Three very different pictures, and your gradient for each.
#
# <details><summary>Expected picture</summary>
#
# ![Three pictures, and below them three times the same weight image, which looks like a face.](expected/gradients.png)
#
# </details>

# %% tags=["expected:gradients"]
three = torch.cat([images[labels == 1][:2], images[labels == 0][6:7]])
figure, axes = plt.subplots(2, 3, figsize=(6.5, 4.6), layout="constrained")
for column, (picture, slope) in enumerate(zip(three, plain(linear_gradient(weights, bias, three)), strict=True)):
    show.draw_image(axes[0, column], picture, f"picture {column + 1}")
    show.draw_map(axes[1, column], slope, "its gradient", label="score per unit" if column == 2 else None)
figure.suptitle("Your gradients: do they differ?")
show.figure(
    figure,
    alt="Three pictures, and below them three times the same weight image, which looks like a face.",
)

# %% [markdown] tags=["solution"]
# **Answer.** They don't differ: three times the same weight image. The gradient of a linear model says nothing about one
# picture.

# %% [markdown]
# ## Task 2 · With and without the sigmoid
#
# ●●○ · 15 minutes · 4 points
#
# Logistic regression gives the probability $p(I) = \sigma(w \cdot I + b)$ with $\sigma(t) = 1 / (1 + e^{-t})$. Write
# `logistic_gradients(weights, bias, images)`: for every image the gradient of the logit $w \cdot I + b$, then that of the
# probability.
#
# {contract linear_models.LOGISTIC_GRADIENTS}
#
# <details><summary>Hint 1</summary>
#
# Show on paper that $\sigma'(t) = \sigma(t) \, (1 - \sigma(t))$. Then use the chain rule.
#
# </details>
# <details><summary>Hint 2</summary>
#
# There is one logit, and so one probability, for each image. Over which axes does the sum go?
#
# </details>
# <details><summary>Hint 3</summary>
#
# A tensor of shape (N,) can't be multiplied by weights of shape (C, H, W). `.view(-1, 1, 1, 1)` gives it the axes that it
# lacks.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "logistic-gradients", "locked": false, "schema_version": 3, "solution": true, "task": false}
def logistic_gradients(weights, bias, images):
    """Gradients of the logit and of the probability, each (N, C, H, W)."""
    ### BEGIN SOLUTION
    p = torch.sigmoid((weights * images).sum(dim=(1, 2, 3)) + bias).view(-1, 1, 1, 1)
    return weights.expand_as(images), p * (1 - p) * weights
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "logistic-gradients-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.LOGISTIC_GRADIENTS, logistic_gradients)
### BEGIN HIDDEN TESTS
check(tasks.LOGISTIC_GRADIENTS, logistic_gradients, seed=42)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** $\sigma(t) = (1 + e^{-t})^{-1}$, so $\sigma'(t) = e^{-t} (1 + e^{-t})^{-2} = \sigma(t) \cdot
# \frac{e^{-t}}{1 + e^{-t}} = \sigma(t) (1 - \sigma(t))$. The chain rule gives $\nabla p = p (1 - p) \, w$: the same direction as
# before, times a number that is at most 1/4. Usual mistakes: only one of the two factors; the sigmoid of every pixel; a
# sum over the images, too.

# %% [markdown]
# How long is your second gradient, for each of the 200 pictures?
#
# <details><summary>Expected picture</summary>
#
# ![Length of the gradient of the probability against the probability: an arch that is 0 at both ends.](expected/factor.png)
#
# </details>

# %% tags=["expected:factor"]
of_logit, of_probability = plain(logistic_gradients(weights, bias, images))
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.plot(torch.sigmoid(logit(images)), of_logit.flatten(1).norm(dim=1), "s", markersize=4, label="∇ logit")
ax.plot(torch.sigmoid(logit(images)), of_probability.flatten(1).norm(dim=1), "o", markersize=4, label="∇ probability")
ax.set(xlabel="probability of a face", ylabel="length of the gradient", title="Your two gradients, 200 pictures")
ax.legend()
show.figure(
    figure,
    alt="Length of the gradient of the probability against the probability: an arch that is 0 at both ends. The length "
    "of the gradient of the logit is constant.",
)

# %% [markdown] tags=["solution"]
# **Answer.** Its length is $p (1 - p) \lVert w \rVert$: largest where the model is undecided, and nearly 0 where it is sure. The
# direction is the same for all. So a short gradient of a probability does not mean that pixels don't matter.

# %% [markdown]
# ## Task 3 · The shortest step to the boundary
#
# ●●○ · 10 minutes · 4 points
#
# Write `minimal_step(weights, bias, images)`: for every image the shortest change $r$ (L2 norm) with
# $f(I_* + r) = 0$. Do not clip.
#
# {contract linear_models.MINIMAL_STEP}
#
# <details><summary>Hint 1</summary>
#
# The shortest step is parallel to the gradient, $r = t \, w$ with a number $t$ for every image. Insert that into
# $f(I_* + r) = 0$.
#
# </details>
# <details><summary>Hint 2</summary>
#
# $f$ is linear, so $t$ is the solution of an equation with one unknown. Which sign has $t$ where the score is positive?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "minimal-step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def minimal_step(weights, bias, images):
    """The shortest step (N, C, H, W) from every image to the boundary."""
    ### BEGIN SOLUTION
    scores = (weights * images).sum(dim=(1, 2, 3)) + bias
    return (-scores / weights.square().sum()).view(-1, 1, 1, 1) * weights
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "minimal-step-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.MINIMAL_STEP, minimal_step)
### BEGIN HIDDEN TESTS
check(tasks.MINIMAL_STEP, minimal_step, seed=43)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** $f(I_* + t w) = f(I_*) + t \, (w \cdot w) = 0$ gives $t = -f(I_*) / (w \cdot w)$. Any other step that
# reaches the boundary is this one plus something along the boundary, which only makes it longer. Its length is
# $\lvert t \rvert \lVert w \rVert = \lvert f \rvert / \lVert w \rVert$. Usual mistakes: to divide by $\lVert w \rVert$ once only; to take $\lvert f \rvert$,
# so that images on one side walk away.

# %% [markdown]
# The length of your step is the distance of an image from the boundary. Does it agree with the formula
# $\lvert f(I_*) \rvert / \lVert w \rVert$? And what does the image look like after the step?
#
# <details><summary>Expected picture</summary>
#
# ![Three faces, and below them the same faces on the boundary: hardly changed.](expected/steps.png)
#
# </details>

# %% tags=["expected:steps"]
faces = images[150:][labels[150:] == 1][4:7]
after = faces + plain(minimal_step(weights, bias, faces))
for image, stepped in zip(faces, after, strict=True):
    formula = logit(image[None]).abs().item() / weights.norm().item()
    print(f"length of the step {(stepped - image).norm().item():.2f}, |f| / ‖w‖ = {formula:.2f}")
before_and_after = torch.cat([faces, after])
show.images(
    before_and_after,
    [f"p = {p:.2f}" for p in torch.sigmoid(logit(before_and_after)).tolist()],
    columns=3,
    title="Above: faces. Below: after your step",
    alt="Three faces, and below them the same faces on the boundary: hardly changed.",
)

# %% [markdown] tags=["solution"]
# **Answer.** Yes, to the printed digits. The faces on the boundary look nearly the same: the step spreads over all 625 pixels.

# %% [markdown]
# ## Task 4 · A shift
#
# ●○○ · 5 minutes · 2 points
#
# Write `shift_right(images, pixels)`: all images shifted to the right by `pixels` columns. The new columns on the left
# repeat the left edge; what moves out on the right is lost. The shape stays.
#
# {contract linear_models.SHIFT_RIGHT}
#
# <details><summary>Hint 1</summary>
#
# `torch.nn.functional.pad` with `mode="replicate"` repeats the edges. Look up in which order it wants the four sides.
#
# </details>
# <details><summary>Hint 2</summary>
#
# After padding, the images are too wide. Which columns do you keep?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "shift-right", "locked": false, "schema_version": 3, "solution": true, "task": false}
def shift_right(images, pixels):
    """Images (N, C, H, W), shifted to the right; the left edge is repeated."""
    ### BEGIN SOLUTION
    wide = torch.nn.functional.pad(images, (pixels, 0, 0, 0), mode="replicate")
    return wide[..., : images.shape[3]]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "shift-right-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(tasks.SHIFT_RIGHT, shift_right)
### BEGIN HIDDEN TESTS
check(tasks.SHIFT_RIGHT, shift_right, seed=44)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** Padding on the left only and cutting on the right works for `pixels = 0`, too. Usual mistakes:
# `roll`, which brings the right edge back on the left; `[..., :-pixels]`, which is empty for 0; writing into the images.

# %% [markdown]
# ## Task 5 · The shift test
#
# ●●○ · 10 minutes · 3 points
#
# Write `shift_test(score, images, labels, pixels)`: the accuracy of the model after all images are shifted to the right.
# The model says “face” where its logit is above 0. You may use your `shift_right`.
#
# {contract linear_models.SHIFT_TEST}
#
# <details><summary>Hint 1</summary>
#
# After the shift you have scores (N,) and labels (N,). When is an answer right?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Compare two tensors of True and False. A mean is taken of numbers, so make numbers of them first.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "shift-test", "locked": false, "schema_version": 3, "solution": true, "task": false}
def shift_test(score, images, labels, pixels):
    """Accuracy on the images after a shift to the right."""
    ### BEGIN SOLUTION
    says_face = score(shift_right(images, pixels)) > 0
    return (says_face == (labels == 1)).float().mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "shift-test-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.SHIFT_TEST, shift_test)
### BEGIN HIDDEN TESTS
check(tasks.SHIFT_TEST, shift_test, seed=45)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** An answer is right where “score above 0” and “label 1” are both true or both false. Usual mistakes:
# the threshold 0.5, which belongs to a probability; the share among the faces only; `.mean()` of truth values.

# %% [markdown]
# The test for the faces. The lecture showed the mean over four directions. This is one direction. How does it differ, and
# can you see in the weight image of task 1 why?
#
# <details><summary>Expected picture</summary>
#
# ![Accuracy against the shift: it falls from above 0.9 to about 0.55, no better than always saying no face.](expected/shift.png)
#
# </details>

# %% tags=["expected:shift"]
shifts = list(range(11))
accuracies = [plain(shift_test(logit, images[150:], labels[150:], pixels)).item() for pixels in shifts]
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.plot(shifts, accuracies, "o-", label="logistic regression")
ax.axhline(0.54, color="gray", linestyle=":", label="always “no face”")
ax.set(
    xlabel="shift to the right in pixels",
    ylabel="accuracy on 50 test pictures",
    ylim=(0.5, 1),
    title="Your shift test",
)
ax.legend()
show.figure(
    figure,
    alt="Accuracy against the shift: it falls from above 0.9 to about 0.55, no better than always saying no face.",
)

# %% [markdown] tags=["solution"]
# **Answer.** The accuracy falls within a few pixels. The weight image has bright and dark areas a few pixels wide; shifted
# by their width, a face meets weights of the other sign. One direction falls differently from the mean of four, because a
# face and what stands beside it are not the same to the left and to the right.

# %% [markdown]
# ## Task 6 · In your own words
#
# ●●○ · 10 minutes · 3 points, marked by hand
#
# Somebody wants to use the logistic regression of this exercise at a door, and shows the weight image to everybody whom
# the model did not take for a face: “This is why.” In three to five sentences: what does the weight image really say about
# the model, what does it say about this one picture, and what do your tasks 3 and 5 tell the person at the door that
# the image does not?

# %% [markdown] nbgrader={"grade": true, "grade_id": "own-words", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The weight image is the gradient of the score: how fast the score changes when a pixel gets brighter, for this model and
# whatever the picture is. As everybody gets the same image, it can't say what was different about this picture. For that
# one needs the picture, too: for instance what each pixel adds to the score, the product of weight and pixel, or the
# change from another picture. Task 3 tells how far this picture is from the decision, and in which direction it would have
# to change: often so little that it remains the same person. Task 5 tells that a face a few pixels off its usual place is
# likely to be missed, so the place may have been the reason and not the face.

# %% [markdown] tags=["solution"]
# **How it is marked.** One point for what the weight image says about the model: a rate of change, the same for every picture. One point for
# what it can't say about this picture, and what would be needed. One point for using the measurement of task 3 or of
# task 5 properly.
