# %% [markdown]
# # Exercise 04 · Integrated Gradients
#
# You write the methods of [lecture 04](../../notebooks/04_integrated_gradients.ipynb) yourself: five short functions
# and one answer in words. About 75 minutes, 20 points.
#
# Below each task a cell checks your function on small networks, and says what a mistake looks like. Run it as often as
# you like. Then a picture shows what your function does on a real network; compare it with the expected one. Please
# write your own code instead of calling the functions of `lecture_lib` that do the same. What you may use:
# `gradient(score, images)` from chapter 02, for images (N, C, H, W).

# %%
import matplotlib.pyplot as plt
import torch

from lecture_lib import maps, networks, pictures, show
from lecture_lib.checks import check
from lecture_lib.gradients import gradient
from lecture_lib.checks.tasks import integrated_gradients as tasks

plt.style.use("lecture_lib.lecture")

network = networks.efficientnet_lite0()
coffee, camera = pictures.photo("coffee"), pictures.photo("camera")
espresso = network.score("espresso")

# %% [markdown]
# ## Task 1 · Samples on the path
#
# ●○○ · 10 minutes · 3 points
#
# Write `path_samples(images, baseline, n_steps)`. Cut the line from the baseline $B$ to the image $I_*$ into `n_steps`
# equal steps, and return the image in the **middle** of every step, the one next to the baseline first. `images` and
# `baseline` have the shape (N, C, H, W), the result has the shape (n_steps, N, C, H, W).
#
# <details><summary>Hint 1</summary>
#
# A point of the line is $B + \alpha (I_* - B)$. Which $\alpha$ belong to 4 steps? Draw them on paper between 0 and 1.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The middle of step $k = 0, \dots, n - 1$ is $\alpha_k = (k + \frac12) / n$. `torch.stack` joins a list of tensors along
# a new first axis.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "path-samples", "locked": false, "schema_version": 3, "solution": true, "task": false}
def path_samples(images, baseline, n_steps):
    """Samples (n_steps, N, C, H, W) in the middle of every step from the baseline to the images."""
    ### BEGIN SOLUTION
    return torch.stack([baseline + (k + 0.5) / n_steps * (images - baseline) for k in range(n_steps)])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "path-samples-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.PATH_SAMPLES, path_samples)
### BEGIN HIDDEN TESTS
check(tasks.PATH_SAMPLES, path_samples, seed=41)
halves = path_samples(torch.ones(1, 1, 1, 2), torch.tensor([0.0, 0.8]).view(1, 1, 1, 2), 2)
torch.testing.assert_close(
    halves.flatten(),
    torch.tensor([0.25, 0.85, 0.75, 0.95]),
    check_dtype=False,
    msg="a quarter and three quarters of the way",
)
### END HIDDEN TESTS

# %% [markdown]
# Your path from white to the camera man:
#
# <details><summary>Expected picture</summary>
#
# ![Five pictures: the camera man, from nearly white on the left to nearly the photograph on the right.](expected/path.png)
#
# </details>

# %% tags=["expected:path"]
show.images(
    path_samples(camera, torch.ones_like(camera), 5).flatten(0, 1),
    [f"sample {k + 1}" for k in range(5)],
    title="Your path from white to the photograph",
    alt="Five pictures: the camera man, from nearly white on the left to nearly the photograph on the right.",
)

# %% [markdown]
# ## Task 2 · Both forms
#
# ●●○ · 15 minutes · 5 points
#
# Write `integrated_gradients(score, images, baseline, n_steps)`. It returns a pair: the notes' form, which is the mean
# of the gradients at the samples of task 1, and Sundararajan's form, which is the notes' form times $(I_* - B)$. Both
# are signed and have the shape (N, C, H, W).
#
# <details><summary>Hint 1</summary>
#
# Loop over your samples: `for sample in path_samples(…)` gives one tensor (N, C, H, W) after another. Eq. (1) is a mean:
# add up the gradients, and divide at the end.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Start from `total = torch.zeros_like(images)`. After the loop: `mean = total / n_steps`.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "integrated-gradients", "locked": false, "schema_version": 3, "solution": true, "task": false}
def integrated_gradients(score, images, baseline, n_steps):
    """The notes' form and Sundararajan's form, each (N, C, H, W)."""
    ### BEGIN SOLUTION
    total = torch.zeros_like(images)
    for sample in path_samples(images, baseline, n_steps):
        total += gradient(score, sample)
    mean = total / n_steps
    return mean, mean * (images - baseline)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "integrated-gradients-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(tasks.INTEGRATED_GRADIENTS, integrated_gradients)
### BEGIN HIDDEN TESTS
check(tasks.INTEGRATED_GRADIENTS, integrated_gradients, seed=42)
square, half = torch.full((1, 1, 2, 2), 0.9), torch.full((1, 1, 2, 2), 0.5)
rate, share = integrated_gradients(lambda images: images.square().sum(dim=(1, 2, 3)), square, half, 3)
torch.testing.assert_close(
    rate, torch.full_like(square, 1.4), check_dtype=False, msg="the mean slope of x² from 0.5 to 0.9 is 0.5 + 0.9"
)
torch.testing.assert_close(share, torch.full_like(square, 0.56), check_dtype=False, msg="0.9² - 0.5²")
### END HIDDEN TESTS

# %% [markdown]
# Both forms on the coffee, with 20 steps from black. Which one shows you the photograph, and why?
#
# <details><summary>Expected picture</summary>
#
# ![The cup of coffee and two maps. In the notes' form cup and saucer are noisy dots; in Sundararajan's form dark parts of the photograph are dark in the map.](expected/forms.png)
#
# </details>

# %% tags=["expected:forms"]
black = torch.zeros_like(coffee)
rates, attribution = integrated_gradients(espresso, coffee, black, 20)
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3), layout="constrained")
show.draw_image(axes[0], coffee, "the photograph")
for ax, values, title, label in (
    (axes[1], rates, "the notes' form", "score per unit of intensity"),
    (axes[2], attribution, "Sundararajan's form", "score"),
):
    show.draw_map(ax, maps.max_abs(values), title, label=label, limit=values.abs().max().item() / 3)
figure.suptitle("Your two forms of Integrated Gradients")
show.figure(
    figure,
    alt="The cup of coffee and two maps. In the notes' form cup and saucer are noisy dots; in Sundararajan's form dark "
    "parts of the photograph are dark in the map.",
)

# %% [markdown]
# ## Task 3 · The completeness gap
#
# ●○○ · 10 minutes · 3 points
#
# Write `completeness_gap(score, images, baseline, attribution)`: by how much the entries of the attribution
# (Sundararajan's form) add up to more than the rise of the score, $\sum_i A_i - (f(I_*) - f(B))$. With its sign, in units
# of the score, one number per image: shape (N,).
#
# <details><summary>Hint</summary>
#
# `.sum(dim=(1, 2, 3))` adds up everything but the images. A score gives one number per image already.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "completeness-gap", "locked": false, "schema_version": 3, "solution": true, "task": false}
def completeness_gap(score, images, baseline, attribution):
    """Sum of the attribution minus the rise of the score, (N,)."""
    ### BEGIN SOLUTION
    return attribution.sum(dim=(1, 2, 3)) - (score(images) - score(baseline))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "completeness-gap-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.COMPLETENESS_GAP, completeness_gap)
### BEGIN HIDDEN TESTS
check(tasks.COMPLETENESS_GAP, completeness_gap, seed=43)
ones = torch.ones(2, 1, 2, 3)
gap = completeness_gap(lambda images: images.sum(dim=(1, 2, 3)), ones, 0.5 * ones, ones)
torch.testing.assert_close(
    gap, torch.tensor([3.0, 3.0]), check_dtype=False, msg="six entries of 1, and a rise of 6 - 3"
)
### END HIDDEN TESTS

# %% [markdown]
# How complete is your map of the coffee? And with a white baseline?

# %%
white = torch.ones_like(coffee)
for name, start, values in (
    ("black", black, attribution),
    ("white", white, integrated_gradients(espresso, coffee, white, 20)[1]),
):
    with torch.no_grad():
        gap, rise = completeness_gap(espresso, coffee, start, values), espresso(coffee) - espresso(start)
    print(f"{name}: the score rises by {rise.item():.1f}, your map misses by {gap.item():+.1f}")

# %% [markdown]
# ## Task 4 · Left and midpoint
#
# ●●○ · 10 minutes · 3 points
#
# Where in its step should a sample lie? Write `two_rules(slope, n_steps)`, which integrates the function `slope` from 0 to
# 1 in two ways and returns both numbers, `(left, midpoint)`. The **left rule** takes the slope at the beginning of every
# step, the **midpoint rule** in its middle. `slope` takes a tensor of points of shape (n,) and returns the slopes (n,).
#
# <details><summary>Hint 1</summary>
#
# A step is $1/n$ long. Slope times length, added up over $n$ steps, is the mean of the slopes.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.arange(n_steps) / n_steps` gives the beginning of every step. By how much do you move it for the middle?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "two-rules", "locked": false, "schema_version": 3, "solution": true, "task": false}
def two_rules(slope, n_steps):
    """The integral of the slope from 0 to 1, by the left rule and by the midpoint rule."""
    ### BEGIN SOLUTION
    points = torch.arange(n_steps) / n_steps
    return slope(points).mean(), slope(points + 0.5 / n_steps).mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "two-rules-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.TWO_RULES, two_rules)
### BEGIN HIDDEN TESTS
check(tasks.TWO_RULES, two_rules, seed=44)
left, midpoint = two_rules(lambda points: 3 * points**2, 2)
assert abs(float(left) - 0.375) < 1e-6, "half of 0 + 0.75"
assert abs(float(midpoint) - 0.9375) < 1e-6, "half of 0.1875 + 1.6875"
### END HIDDEN TESTS

# %% [markdown]
# Your two rules on a smooth slope, and on the slope of a unit that saturates at once, at $\alpha = 0.3$: it is
# $1 / 0.3$ before and 0 after, so the integral is 1. What does the jump do to the midpoint rule?
#
# <details><summary>Expected picture</summary>
#
# ![Two double logarithmic plots of the error against the number of steps. Smooth: the left rule falls with slope -1, the midpoint rule with slope -2. With a jump: both fall slowly and irregularly, about alike.](expected/rules.png)
#
# </details>

# %% tags=["expected:rules"]
smooth = (
    lambda points: 3 / torch.cosh(3 * torch.as_tensor(points)) ** 2,
    torch.tanh(torch.tensor(3.0)),
    "smooth: the slope of tanh(3α)",
)
jump = (lambda points: (points < 0.3) / 0.3, 1.0, "a jump: saturated from α = 0.3 on")
counts = [3, 4, 6, 9, 13, 18, 27, 38, 54]
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained", sharey=True)
for ax, (slope, truth, title) in zip(axes, (smooth, jump), strict=True):
    results = [two_rules(slope, n_steps) for n_steps in counts]
    for place, (rule, style) in enumerate({"left": "<--", "midpoint": "o-"}.items()):
        errors = [abs(float(result[place] - truth)) for result in results]
        ax.loglog(counts, errors, style, label=rule)
    ax.set(xlabel="steps", title=title)
    ax.set_xticks([3, 6, 13, 27, 54], ["3", "6", "13", "27", "54"])
    ax.minorticks_off()
axes[0].set(ylabel="error of the integral")
axes[0].legend()
show.figure(
    figure,
    alt="Two double logarithmic plots of the error against the number of steps. Smooth: the left rule falls with slope -1, "
    "the midpoint rule with slope -2. With a jump: both fall slowly and irregularly, about alike.",
)

# %% [markdown]
# ## Task 5 · A baseline that hides something
#
# ●●● · 15 minutes · 3 points
#
# You would like to publish a map in which a certain region gets exactly 0, whatever the network does. You may not touch
# the network, the image or the method: only the baseline. Write `hiding_baseline(images, mask)`: a baseline that hides
# the region, and is black everywhere else. `mask` is a tensor of `True` (hide) and `False` of the shape (N, 1, H, W),
# the result has the shape of the images, (N, C, H, W).
#
# <details><summary>Hint 1</summary>
#
# Look at Sundararajan's form. One of its two factors does not depend on the network.
#
# </details>
# <details><summary>Hint 2</summary>
#
# $I_* - B = 0$ where $B = I_*$. `torch.where(mask, …, …)` chooses pixel by pixel, and copies the mask to all channels.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "hiding-baseline", "locked": false, "schema_version": 3, "solution": true, "task": false}
def hiding_baseline(images, mask):
    """A baseline (N, C, H, W) under which the region of the mask gets 0; black elsewhere."""
    ### BEGIN SOLUTION
    return torch.where(mask, images, torch.zeros_like(images))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "hiding-baseline-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.HIDING_BASELINE, hiding_baseline)
### BEGIN HIDDEN TESTS
check(tasks.HIDING_BASELINE, hiding_baseline, seed=45)
gray = torch.full((1, 3, 1, 2), 0.7)
hidden = hiding_baseline(gray, torch.tensor([True, False]).view(1, 1, 1, 2))
torch.testing.assert_close(
    hidden,
    torch.tensor([0.7, 0.0]).expand(1, 3, 1, 2),
    check_dtype=False,
    msg="the image in the region, black outside",
)
### END HIDDEN TESTS

# %% [markdown]
# The network calls the photograph of the coffee “espresso”. Hide the cup from the map. Both maps below are Sundararajan's
# form. Compare the scores at the two baselines: what is left to explain?
#
# <details><summary>Expected picture</summary>
#
# ![The coffee; a baseline that is black but for the cup; and two maps. Under black the cup is bright; under the other baseline its region is empty.](expected/hidden.png)
#
# </details>

# %% tags=["expected:hidden"]
mask = torch.zeros(1, 1, 224, 224, dtype=torch.bool)
mask[..., :120, 30:175] = True  # the cup
hidden = hiding_baseline(coffee, mask)
_, attribution_hidden = integrated_gradients(espresso, coffee, hidden, 20)
figure, axes = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained")
show.draw_image(axes[0], coffee, "the photograph")
show.draw_image(axes[1], hidden, "your baseline")
for ax, (name, start, values) in zip(
    axes[2:], (("black", black, attribution), ("yours", hidden, attribution_hidden)), strict=True
):
    inside = values.abs()[mask.expand_as(values)].sum() / values.abs().sum()
    show.draw_map(ax, maps.max_abs(values), f"baseline {name}: {100 * inside.item():.0f} % in the region", limit=0.2)
    print(
        f"baseline {name}: its score is {espresso(start).item():.1f}, that of the photograph {espresso(coffee).item():.1f}"
    )
figure.suptitle("A map of the espresso without the cup (one scale)")
show.figure(
    figure,
    alt="The coffee; a baseline that is black but for the cup; and two maps. Under black the cup is bright; under the "
    "other baseline its region is empty.",
)

# %% [markdown]
# ## Task 6 · In your own words
#
# ●●○ · 15 minutes · 3 points, marked by hand
#
# A report says: “Integrated Gradients shows that the coat of the camera man does not matter for the class *tripod*: it
# gets 2 % of the map.” In three to five sentences: which two pieces of information does the report leave out, why can the
# number be small whatever the network does, and which experiment would tell you whether the coat matters?

# %% [markdown] nbgrader={"grade": true, "grade_id": "own-words", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The report names neither the baseline nor the completeness gap (or the number of steps); with a white baseline the same
# coat gets about 20 % (1 point for the baseline together with the gap or the steps). Sundararajan's form multiplies by
# $I_* - B$: the coat is nearly black, so under a black baseline its entries are close to 0 however steep the score is
# there (1 point). Paint the coat in several colours, or replace it by grass, and measure the score, compared with equally
# large changes elsewhere; in the lecture the score of 11 changed by about 1 at most (1 point).
