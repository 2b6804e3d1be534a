# %% [markdown]
# # Exercise 04 · Integrated Gradients
#
# You write the methods of [lecture 04](../../notebooks/04_integrated_gradients.ipynb) yourself: five short functions
# and one answer in words. About 60 minutes, 20 points.
#
# Below each task a cell checks your function on small networks, and says what a mistake looks like. Run it as often as
# you like. Then a picture shows what your function does on a real network; compare it with the expected one. Please
# write your own code instead of calling the functions of `lecture_lib` that do the same. What you may use:
# `gradient(score, images)` from chapter 02, for images (N, C, H, W).
#
# Your functions leave what they are given as it is: arguments, networks, torch's settings and random numbers. A check and
# the points come from the same inputs: ✔ means full points. In the cells below the checks, `plain(…)` turns what your
# function returns into float32 tensors without a graph.

# %%
import matplotlib.pyplot as plt
import torch

from lecture_lib import maps, networks, pictures, show
from lecture_lib.checks import check, plain
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
# equal steps, and return the image in the **middle** of every step, the one next to the baseline first.
#
# {contract integrated_gradients.PATH_SAMPLES}
#
# <details><summary>Hint 1</summary>
#
# A point of the line is $B + \alpha (I_* - B)$. Which $\alpha$ belong to 4 steps? Draw them on paper between 0 and 1.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The steps begin at $0, 1/n, 2/n, \dots$ How long is half a step? `torch.stack` joins a list of tensors along a new
# first axis.
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
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** Step k goes from k/n to (k + 1)/n, so its middle is $\alpha_k = (k + \frac12) / n$. Usual mistakes: n
# points from 0 to 1 with both ends; `torch.cat` in place of `torch.stack`; the baseline forgotten, which shows only
# where it is not black.

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
    plain(path_samples(camera, torch.ones_like(camera), 5)).flatten(0, 1),
    [f"sample {k + 1}" for k in range(5)],
    title="Your path from white to the photograph",
    alt="Five pictures: the camera man, from nearly white on the left to nearly the photograph on the right.",
)

# %% [markdown]
# ## Task 2 · Both forms
#
# ●●○ · 12 minutes · 6 points
#
# Write `integrated_gradients(score, images, baseline, n_steps)`. It returns the notes' form, which is the mean
# of the gradients at the samples of task 1, and Sundararajan's form, which is the notes' form times $(I_* - B)$. Both
# are signed. You may use your `path_samples`.
#
# {contract integrated_gradients.INTEGRATED_GRADIENTS}
#
# <details><summary>Hint 1</summary>
#
# A loop over the samples gives one tensor (N, C, H, W) after another. Which operation merges their gradients?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The two forms differ by one factor. Does it change along the path?
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


# %% nbgrader={"grade": true, "grade_id": "integrated-gradients-test", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(tasks.INTEGRATED_GRADIENTS, integrated_gradients)
### BEGIN HIDDEN TESTS
check(tasks.INTEGRATED_GRADIENTS, integrated_gradients, seed=42)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** On the path, $I(\alpha) = B + \alpha (I_* - B)$, so $\frac{d}{d\alpha} f(I(\alpha)) = \nabla f \cdot (I_* - B)$: the
# mean of the gradients times the whole way is the rise of the score, up to the error of the rule. Usual mistakes: the sum
# in place of the mean; the factor taken at every sample; the gradient of the mean score with respect to the image, which
# has another factor $\alpha$.

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
rates, attribution = plain(integrated_gradients(espresso, coffee, black, 20))
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

# %% [markdown] tags=["solution"]
# **Answer.** Sundararajan's form: its factor $I_* - B$ is the photograph itself when the baseline is black. Dark parts of the
# photograph are dark in the map whatever the network does.

# %% [markdown]
# ## Task 3 · The completeness gap
#
# ●○○ · 5 minutes · 3 points
#
# Write `completeness_gap(score, images, baseline, attribution)`: by how much the entries of the attribution
# (Sundararajan's form) add up to more than the rise of the score, $\sum_i A_i - (f(I_*) - f(B))$, in units
# of the score.
#
# {contract integrated_gradients.COMPLETENESS_GAP}
#
# <details><summary>Hint</summary>
#
# Which axes belong to one image? A score gives one number per image already.
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
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** A gap of 0 means that the entries share out the rise exactly; its sign says whether they give out too
# much or too little. Usual mistakes: the sum over the images, too; `- f(I) - f(B)` without the parentheses.

# %% [markdown]
# How complete is your map of the coffee? And with a white baseline?

# %%
white = torch.ones_like(coffee)
for name, start, values in (
    ("black", black, attribution),
    ("white", white, plain(integrated_gradients(espresso, coffee, white, 20))[1]),
):
    with torch.no_grad():
        gap, rise = plain(completeness_gap(espresso, coffee, start, values)), espresso(coffee) - espresso(start)
    print(f"{name}: the score rises by {rise.item():.1f}, your map misses by {gap.item():+.1f}")

# %% [markdown] tags=["solution"]
# **Answer.** With 20 steps, the map from black misses a fifth of the rise, the map from white hardly anything. The error is that of
# the rule on this path, not of the idea: more steps make it smaller.

# %% [markdown]
# ## Task 4 · Left and midpoint
#
# ●●○ · 10 minutes · 3 points
#
# Where in its step should a sample lie? Write `two_rules(slope, n_steps)`, which integrates the function `slope` from 0 to
# 1 in two ways. The **left rule** takes the slope at the beginning of every step, the **midpoint rule** in its middle.
#
# {contract integrated_gradients.TWO_RULES}
#
# <details><summary>Hint 1</summary>
#
# A step is $1/n$ long. Slope times length, added up over $n$ steps, is which mean?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Write the n beginnings of the steps on paper for n = 4: where does the last one lie? Then move them by half a step.
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
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** Both are means of n slopes. `torch.arange(n) / n` has n points for every n; `torch.arange(0, 1, 1 / n)` has
# n + 1 for some (49 is one), because 1 / n is rounded. `linspace(0, 1, n)` includes the end, so its points lie too far
# apart.

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
    results = [plain(two_rules(slope, n_steps)) for n_steps in counts]
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

# %% [markdown] tags=["solution"]
# **Answer.** At a jump both rules are about alike. The midpoint rule gains its second order from a slope that is smooth
# within a step; the one step with the jump in it spoils that.

# %% [markdown]
# ## Task 5 · A baseline that hides something
#
# ●○○ · 5 minutes · 2 points
#
# You would like to publish a map in which a certain region gets exactly 0, whatever the network does. You may not touch
# the network, the image or the method: only the baseline. Write `hiding_baseline(images, mask)`: a baseline that hides
# the region, and is black everywhere else.
#
# {contract integrated_gradients.HIDING_BASELINE}
#
# <details><summary>Hint</summary>
#
# Look at Sundararajan's form. One of its two factors does not depend on the network.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "hiding-baseline", "locked": false, "schema_version": 3, "solution": true, "task": false}
def hiding_baseline(images, mask):
    """A baseline (N, C, H, W) under which the region of the mask gets 0; black elsewhere."""
    ### BEGIN SOLUTION
    return torch.where(mask, images, torch.zeros_like(images))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "hiding-baseline-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(tasks.HIDING_BASELINE, hiding_baseline)
### BEGIN HIDDEN TESTS
check(tasks.HIDING_BASELINE, hiding_baseline, seed=45)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** Where $B = I_*$, the factor $I_* - B$ is 0, whatever the gradient is. Usual mistakes: a black or a gray
# region; the mask the wrong way round; `images[mask]`, which loses the shape.

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
hidden = plain(hiding_baseline(coffee, mask))
_, attribution_hidden = plain(integrated_gradients(espresso, coffee, hidden, 20))
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

# %% [markdown] tags=["solution"]
# **Answer.** At your baseline the score is nearly that of the photograph: the cup is in the baseline, so only what the rest adds is
# left to explain. The map says so correctly, and yet it answers another question than the reader thinks.

# %% [markdown]
# ## Task 6 · In your own words
#
# ●●○ · 15 minutes · 3 points, marked by hand
#
# A report says: “Integrated Gradients shows that the coat of the camera man does not matter for the class *tripod*: it
# gets 2 % of the map.” In three to five sentences: which two pieces of information does the report leave out, why can the
# number be small whatever the network does, and which experiment would tell you whether the coat matters?

# %% [markdown] nbgrader={"grade": true, "grade_id": "own-words", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# The report leaves out the baseline, and what the 2 % is a share of. Under a black baseline the factor $I_* - B$ of
# Sundararajan's form is close to 0 on a nearly black coat, so each entry is small however steep the score is there. And
# the share is taken of absolute values: entries of both signs add up to some hundred times the rise of the score, and
# nearly all of that cancels. Added up with their signs, the entries of the coat are about a tenth of the rise, with a minus sign, and under
# a white baseline about as much with a plus sign. Whether the coat matters is a question about another picture: paint it in several
# colours, or replace it by grass, and measure the score, compared with equally large changes elsewhere.

# %% [markdown] tags=["solution"]
# **How it is marked.** One point for two missing pieces of information: the baseline, and one of the number of steps, the completeness gap, or what the
# share is taken of. One point for the factor $I_* - B$, or for the cancellation of signs. One point for an experiment
# that changes the coat, with something to compare it with.
