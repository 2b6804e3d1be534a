# %% [markdown]
# # Exercise 01 · Linear models
#
# You work out the explanations of [lecture 01](../../notebooks/01_linear_models.ipynb) by hand: five short functions and
# one answer in words. About 55 minutes, 18 points.
#
# Below each task a cell checks your function on small random inputs, and says what a mistake looks like. Run it as often
# as you like. Then a picture or a table shows what your function does on the faces. In tasks 1 to 3, please use neither
# `torch.autograd` nor `lecture_lib.gradients`: a pencil is enough.

# %%
import matplotlib.pyplot as plt
import torch
from sklearn.linear_model import LogisticRegression

from lecture_lib import gradients, pictures, show
from lecture_lib.checks import check
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
# every image. `weights` has the shape (C, H, W), `bias` is a number, `images` has the shape (N, C, H, W), and so has the
# result.
#
# <details><summary>Hint 1</summary>
#
# Write the sum out: $f(I) = w_{11} I_{11} + w_{12} I_{12} + \dots + b$. What is its derivative with respect to $I_{12}$?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Every image gets the same gradient. `.expand_as(…)` repeats a tensor until it has the shape of another.
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
small = torch.tensor([[[2.0, -3.0]]])
torch.testing.assert_close(
    linear_gradient(small, 5.0, torch.rand(2, 1, 1, 2)), torch.tensor([[[[2.0, -3.0]]]] * 2), check_dtype=False
)
### END HIDDEN TESTS

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
for column, (picture, slope) in enumerate(zip(three, linear_gradient(weights, bias, three), strict=True)):
    show.draw_image(axes[0, column], picture, f"picture {column + 1}")
    show.draw_map(axes[1, column], slope, "its gradient", label="score per unit" if column == 2 else None)
figure.suptitle("Your gradients: do they differ?")
show.figure(
    figure,
    alt="Three pictures, and below them three times the same weight image, which looks like a face.",
)

# %% [markdown]
# ## Task 2 · With and without the sigmoid
#
# ●●○ · 15 minutes · 4 points
#
# Logistic regression gives the probability $p(I) = \sigma(w \cdot I + b)$ with $\sigma(t) = 1 / (1 + e^{-t})$. Write
# `logistic_gradients(weights, bias, images)`. Return two tensors of the shape (N, C, H, W): first the gradient of the
# logit $w \cdot I + b$, then that of the probability.
#
# <details><summary>Hint 1</summary>
#
# Show on paper that $\sigma'(t) = \sigma(t) \, (1 - \sigma(t))$. Then use the chain rule.
#
# </details>
# <details><summary>Hint 2</summary>
#
# You need one probability per image: `torch.sigmoid((weights * images).sum(dim=(1, 2, 3)) + bias)`, shape (N,).
#
# </details>
# <details><summary>Hint 3</summary>
#
# `.view(-1, 1, 1, 1)` turns the shape (N,) into (N, 1, 1, 1), which can be multiplied by weights.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "logistic-gradients", "locked": false, "schema_version": 3, "solution": true, "task": false}
def logistic_gradients(weights, bias, images):
    """Gradients of the logit and of the probability, each (N, C, H, W)."""
    ### BEGIN SOLUTION
    p = torch.sigmoid((weights * images).sum(dim=(1, 2, 3)) + bias).view(-1, 1, 1, 1)
    of_logit = linear_gradient(weights, bias, images)
    return of_logit, p * (1 - p) * of_logit
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "logistic-gradients-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.LOGISTIC_GRADIENTS, logistic_gradients)
### BEGIN HIDDEN TESTS
check(tasks.LOGISTIC_GRADIENTS, logistic_gradients, seed=42)
undecided = logistic_gradients(torch.tensor([[[4.0, -4.0]]]), 0.0, torch.full((1, 1, 1, 2), 0.5))
torch.testing.assert_close(
    undecided[1], torch.tensor([[[[1.0, -1.0]]]]), check_dtype=False, msg="at p = 1/2 the factor is 1/4"
)
torch.testing.assert_close(
    logistic_gradients(weights, bias, images)[1],
    gradients.gradient(lambda i: logit(i).sigmoid(), images),
    check_dtype=False,
)
### END HIDDEN TESTS

# %% [markdown]
# How long is your second gradient, for each of the 200 pictures?
#
# <details><summary>Expected picture</summary>
#
# ![Length of the gradient of the probability against the probability: an arch that is 0 at both ends.](expected/factor.png)
#
# </details>

# %% tags=["expected:factor"]
of_logit, of_probability = logistic_gradients(weights, bias, images)
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

# %% [markdown]
# ## Task 3 · The shortest step to the boundary
#
# ●●○ · 10 minutes · 4 points
#
# Write `minimal_step(weights, bias, images)`: for every image the shortest change $r$ (L2 norm) with
# $f(I_* + r) = 0$, in the shape (N, C, H, W). Do not clip.
#
# <details><summary>Hint 1</summary>
#
# The shortest step is parallel to the gradient, $r = t \, w$ with a number $t$ for every image. Insert that into
# $f(I_* + r) = 0$.
#
# </details>
# <details><summary>Hint 2</summary>
#
# $f(I_* + t w) = f(I_*) + t \, (w \cdot w)$. Solve for $t$; mind the sign.
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
steps = minimal_step(torch.tensor([[[3.0, 4.0]]]), -2.0, torch.tensor([[[[1.0, 1.0]]]]))
torch.testing.assert_close(
    steps, torch.tensor([[[[-0.6, -0.8]]]]), check_dtype=False, msg="f = 5, ‖w‖ = 5: a step of length 1"
)
assert logit(images + minimal_step(weights, bias, images)).abs().max() < 1e-4
### END HIDDEN TESTS

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
after = faces + minimal_step(weights, bias, faces)
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

# %% [markdown]
# ## Task 4 · A shift
#
# ●○○ · 5 minutes · 2 points
#
# Write `shift_right(images, pixels)`: all images shifted to the right by `pixels` columns. The new columns on the left
# repeat the left edge; what moves out on the right is lost. The shape stays. `pixels` may be 0, and is always smaller than
# the width.
#
# <details><summary>Hint 1</summary>
#
# `torch.nn.functional.pad(images, (left, right, top, bottom), mode="replicate")` repeats the edges.
#
# </details>
# <details><summary>Hint 2</summary>
#
# After padding, the images are too wide. Keep the first W columns: `[..., :W]`.
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
row = torch.tensor([[[[0.1, 0.2, 0.3, 0.4]]]])
torch.testing.assert_close(shift_right(row, 2), torch.tensor([[[[0.1, 0.1, 0.1, 0.2]]]]), check_dtype=False)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5 · The shift test
#
# ●●○ · 10 minutes · 3 points
#
# Write `shift_test(score, images, labels, pixels)`: the accuracy of the model after all images are shifted to the right.
# `score` returns one logit per image; the model says “face” where it is above 0. A label is 1 for a face and 0 for
# another picture. Return one number, the share of right answers.
#
# <details><summary>Hint 1</summary>
#
# Use your `shift_right`. Then you have scores (N,) and labels (N,). When is an answer right?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `scores > 0` and `labels == 1` are both tensors of True and False. Where they are equal, the answer is right. The mean
# of `(…).float()` is a share.
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
two = torch.tensor([[[[0.9, 0.1]]], [[[0.1, 0.9]]]])
right_column = lambda images: images[:, 0, 0, 1] - 0.5  # noqa: E731
assert float(shift_test(right_column, two, torch.tensor([0, 1]), 0)) == 1.0
assert float(shift_test(right_column, two, torch.tensor([0, 1]), 1)) == 0.0, "the bright column has moved"
### END HIDDEN TESTS

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
accuracies = [float(shift_test(logit, images[150:], labels[150:], pixels)) for pixels in shifts]
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
# whatever the picture is (1 point). As everybody gets the same image, it can't say what was different about this picture;
# for that one needs the picture itself, for instance the products of weights and pixels, or the change from another
# picture (1 point). Task 3 tells how far this picture is from the decision, and in which direction it would have to
# change: often so little that it remains the same person. Task 5 tells that a face a few pixels off its usual place is
# likely to be missed, so the place may have been the reason and not the face (1 point for using at least one of the
# two measurements properly).
