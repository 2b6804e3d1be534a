# %% [markdown]
# # Exercise 07 · Adversarial attacks
#
# You write the attacks of [lecture 07](../../notebooks/07_adversarial_attacks.ipynb) yourself: five short functions and
# one answer in words. About 80 minutes, 22 points.
#
# Below each task a cell checks your function on small networks, and says what a mistake looks like. Run it as often as
# you like. Then you try your function on a real network. Please write your own code instead of calling
# `lecture_lib.attacks`. What you may use: `gradient(score, images)` from chapter 02, for images (N, C, H, W) with pixels
# in [0, 1].
#
# Your functions leave what they are given as it is: arguments, networks, torch's settings and random numbers. A check and
# the points come from the same inputs: ✔ means full points. In the cells below the checks, `plain(…)` turns what your
# function returns into float32 tensors without a graph.

# %%
import matplotlib.pyplot as plt
import torch

from lecture_lib import networks, pictures, show
from lecture_lib.checks import check, plain
from lecture_lib.gradients import gradient
from lecture_lib.checks.tasks import adversarial_attacks as tasks

plt.style.use("lecture_lib.lecture")

network = networks.efficientnet_lite0()
camera = pictures.photo("camera")


def says(images):
    """The most probable class of one image, with its probability."""
    name, probability = network.predict(images)[0][0]
    return f"{name}, p = {probability:.1f}"


# %% [markdown]
# ## Task 1 · One step
#
# ●○○ · 10 minutes · 3 points
#
# Write `fgsm(score, images, epsilon)`: one step *up* the score, in which every pixel and channel moves in
# the direction of the sign of its derivative, by the `epsilon` of its image. Each image has an epsilon of its own.
# To attack a label, the score will be its loss, `network.loss("tripod")`.
#
# {contract adversarial_attacks.FGSM}
#
# <details><summary>Hint 1</summary>
#
# `torch.sign` gives -1, 0 or 1 for every entry.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Line `epsilon` up with the axis N before it meets the pixels. What has to happen to pixels that leave the range?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "fgsm", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fgsm(score, images, epsilon):
    """Images (N, C, H, W) after one sign step up the score."""
    ### BEGIN SOLUTION
    step = epsilon.view(-1, 1, 1, 1) * gradient(score, images).sign()
    return (images + step).clamp(0, 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fgsm-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.FGSM, fgsm)
### BEGIN HIDDEN TESTS
check(tasks.FGSM, fgsm, seed=41)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** Of all changes in which no pixel moves by more than $\varepsilon$, the sign step raises a linear score most:
# every term of $\nabla f \cdot r$ is as large as it can be. Usual mistakes: the gradient without its sign; the step clipped
# in place of the image; one epsilon for all images.

# %% [markdown]
# Your step of 1/255 on the camera man:
#
# <details><summary>Expected picture</summary>
#
# ![The man with the camera twice, without a visible difference: tripod, and harmonica.](expected/fgsm.png)
#
# </details>

# %% tags=["expected:fgsm"]
attacked = plain(fgsm(network.loss("tripod"), camera, torch.tensor([1 / 255])))
show.images(
    torch.cat([camera, attacked]),
    [says(camera), says(attacked)],
    title="Your step of 1/255",
    alt="The man with the camera twice, without a visible difference: tripod, and harmonica.",
)

# %% [markdown] tags=["solution"]
# **What there is to see.** Nothing: no pixel moved by more than one of 255 levels. The title tells that the class has changed.

# %% [markdown]
# ## Task 2 · Many steps
#
# ●●○ · 20 minutes · 5 points
#
# The lecture's attack forgets each gradient after its step. With **momentum** it remembers them. Write
# `bim(score, images, epsilon, step_size, n_steps, momentum=0.0)`: starting with $v_0 = 0$, each of the `n_steps` steps is
#
# $$v_t = \mu \, v_{t-1} + \frac{\nabla f(I_{t-1})}{\text{mean} \, \lvert \nabla f(I_{t-1}) \rvert}, \qquad
# I_t = I_{t-1} + \eta \operatorname{sign}(v_t),$$
#
# where $\eta$ is `step_size`, and the mean goes over all pixels and channels of *one* image. After every step, clip twice: no pixel is more
# than `epsilon` away from the *original*, and every pixel lies in $[0, 1]$. With $\mu = 0$ this is the lecture's BIM.
#
# {contract adversarial_attacks.BIM}
#
# <details><summary>Hint 1</summary>
#
# Keep three tensors: the current image and the velocity $v$, which change, and `images`, which doesn't.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `.clamp(low, high)` also takes tensors: a lower and an upper bound for every pixel.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Which axes does the mean of one image go over, and how do they stay, so that the quotient has the shape of the gradient?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "bim", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bim(score, images, epsilon, step_size, n_steps, momentum=0.0):
    """Images (N, C, H, W) after n_steps sign steps up the score, inside the ball around the original."""
    ### BEGIN SOLUTION
    current, velocity = images, torch.zeros_like(images)
    for _ in range(n_steps):
        slope = gradient(score, current)
        velocity = momentum * velocity + slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        stepped = current + step_size * velocity.sign()
        current = stepped.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "bim-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(tasks.BIM, bim)
### BEGIN HIDDEN TESTS
check(tasks.BIM, bim, seed=42)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** The sign does not care about the size of the gradient, but the sum does: without the division, a steep
# start would outvote all later steps. The ball lies around the original, which never changes. Usual mistakes: the
# velocity is set to the new gradient; the sign before the sum; clips around the current image, or only once at the end.

# %% [markdown]
# One step against many, for the same $\varepsilon$: the probability of “espresso” on the coffee.
#
# <details><summary>Expected picture</summary>
#
# ![Probability of espresso against epsilon: with one step it falls to about 0.2 and stays; with five steps it falls to 0.](expected/steps.png)
#
# </details>

# %% tags=["expected:steps"]
coffee = pictures.photo("coffee")
loss, espresso = network.loss("espresso"), network.probability("espresso")
levels = [0, 0.5, 1, 2, 4]
one = [espresso(plain(fgsm(loss, coffee, torch.tensor([level / 255])))).item() for level in levels]
many = [espresso(plain(bim(loss, coffee, level / 255, level / 255 / 3, 5, 0.5))).item() for level in levels]
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.plot(levels, one, "s-", color="C1", label="one step (FGSM)")
ax.plot(levels, many, "o-", color="black", label="five steps (BIM, momentum 0.5)")
ax.set(xlabel="ε · 255", ylabel="p(espresso)", title="One step against many", ylim=(-0.03, 1.03))
ax.legend()
show.figure(
    figure,
    alt="Probability of espresso against epsilon: with one step it falls to about 0.2 and stays; with five steps it "
    "falls to 0.",
)

# %% [markdown] tags=["solution"]
# **Answer.** One step goes straight along signs that hold only near the photograph; several steps look again on the way.

# %% [markdown]
# ## Task 3 · Towards a class
#
# ●●○ · 10 minutes · 4 points
#
# Write `towards(network, images, target, epsilon, step_size, n_steps)`: an attack like `bim` without momentum, which makes
# the network say `target`. It goes *down* the loss of the target. You may use your `bim`.
#
# {contract adversarial_attacks.TOWARDS}
#
# <details><summary>Hint 1</summary>
#
# `bim` climbs any score. Which function rises where the loss falls?
#
# </details>
# <details><summary>Hint 2</summary>
#
# A score is a function of images. It can be written where it is needed, with `lambda` or `def`.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "towards", "locked": false, "schema_version": 3, "solution": true, "task": false}
def towards(network, images, target, epsilon, step_size, n_steps):
    """Images (N, C, H, W) after n_steps sign steps down the loss of the target."""
    ### BEGIN SOLUTION
    loss = network.loss(target)
    return bim(lambda images: -loss(images), images, epsilon, step_size, n_steps)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "towards-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.TOWARDS, towards)
### BEGIN HIDDEN TESTS
check(tasks.TOWARDS, towards, seed=43)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** Minus the loss rises where the loss falls. A function has no minus, so a new function is needed that
# returns minus what the loss returns. To climb the logit of the target is another attack: the loss also asks that the
# other classes fall.

# %% [markdown]
# Choose any class of ImageNet for the camera man:

# %%
name, probability = network.predict(plain(towards(network, camera, "goldfish", 2 / 255, 0.5 / 255, 10)))[0][0]
print(f"{name}, surer than a half: {probability > 0.5}")

# %% [markdown] tags=["solution"]
# **Answer.** The network says goldfish, with more than one half. Any other class can be had in the same way.

# %% [markdown]
# ## Task 4 · The smallest ε
#
# ●●○ · 15 minutes · 4 points
#
# Write `smallest_epsilon(succeeds, low, high, n_halvings)`. You know that an attack fails at `low` and succeeds at `high`.
# Halve the interval `n_halvings` times by trying its middle, so that
# its lower end always fails and its upper end always succeeds. Return an end that is *known* to succeed.
#
# {contract adversarial_attacks.SMALLEST_EPSILON}
#
# <details><summary>Hint 1</summary>
#
# If the middle succeeds, which end does it replace? If it fails?
#
# </details>
# <details><summary>Hint 2</summary>
#
# What is true of the two ends before a round has to be true after it.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "smallest-epsilon", "locked": false, "schema_version": 3, "solution": true, "task": false}
def smallest_epsilon(succeeds, low, high, n_halvings):
    """The smallest epsilon known to succeed after n_halvings of the interval."""
    ### BEGIN SOLUTION
    for _ in range(n_halvings):
        middle = (low + high) / 2
        if succeeds(middle):
            high = middle
        else:
            low = middle
    return high
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "smallest-epsilon-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(tasks.SMALLEST_EPSILON, smallest_epsilon)
### BEGIN HIDDEN TESTS
check(tasks.SMALLEST_EPSILON, smallest_epsilon, seed=44)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** “Fails at low, succeeds at high” holds before the loop and after every round, so `high` is known to succeed,
# and it is at most $(high - low) / 2^n$ above the smallest one in its interval. Usual mistakes: the middle or the lower end is
# returned, where nobody knows; only one end moves.

# %% [markdown]
# The smallest step with which your `fgsm` flips the camera man, to two decimals of 1/255:


# %%
def flips(epsilon):
    """Whether one step of epsilon changes the class of the camera man."""
    step = torch.tensor([epsilon])
    return network.predict(plain(fgsm(network.loss("tripod"), camera, step)))[0][0][0] != "tripod"


epsilon = plain(smallest_epsilon(flips, 0, 1 / 255, 5)).item()
print(f"ε = {255 * epsilon:.2f}/255")

# %% [markdown] tags=["solution"]
# **Answer.** About a quarter of a level. It is the smallest *sign step* that flips this photograph, to the exactness of five halvings; with
# many steps less is needed.

# %% [markdown]
# ## Task 5 · An image that a file can hold
#
# ●○○ · 8 minutes · 3 points
#
# Write `stored(images)`: the whole numbers that a file stores. White is 255. Round to the *nearest* whole number. Pixels that lie
# outside $[0, 1]$ become black or white.
#
# {contract adversarial_attacks.STORED}
#
# <details><summary>Hint</summary>
#
# `.to(torch.uint8)` alone cuts the decimals off, and numbers that don't fit wrap around. What has to happen before, and in
# which order?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "stored", "locked": false, "schema_version": 3, "solution": true, "task": false}
def stored(images):
    """Whole numbers from 0 to 255, uint8, of the shape of the images."""
    ### BEGIN SOLUTION
    return (255 * images.clamp(0, 1)).round().to(torch.uint8)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "stored-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.STORED, stored)
### BEGIN HIDDEN TESTS
check(tasks.STORED, stored, seed=45)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** Clip, scale, round, convert. In another order, something is lost: converted before it is rounded, 7.9
# becomes 7; scaled before it is clipped to 1, everything is white.

# %% [markdown]
# Does the weakest attack of task 4 survive in a file? And a step of a whole level?

# %%
for level in (255 * epsilon, 1):
    attacked = plain(fgsm(network.loss("tripod"), camera, torch.tensor([level / 255])))
    print(f"ε = {level:.2f}/255: {says(attacked)}; from a file: {says(plain(stored(attacked)) / 255)}")

# %% [markdown] tags=["solution"]
# **Answer.** No: less than half a level is rounded away. A step of one whole level survives.

# %% [markdown]
# ## Task 6 · In your own words
#
# ●●○ · 15 minutes · 3 points, marked by hand
#
# A report says: “The smallest attack on the camera man changes every pixel by 0.25/255. So an attacker needs to change
# almost nothing, and nobody could tell the two files apart.” In three to five sentences: by which ruler is this attack
# small, and is there a smaller one by another ruler? What do your tasks 4 and 5 say about “the two files”? What should
# the report measure instead?

# %% [markdown] nbgrader={"grade": true, "grade_id": "own-words", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# It is small by the largest change of a pixel (L∞), and only among single sign steps: many steps need less, and by the
# L2 norm other attacks are smaller, although they change some pixels by more. A change
# of 0.25/255 is less than half a level, so rounding takes it back: the two files are equal, and the network says tripod
# to both. The report should round first and then look for the smallest change that still flips the class,
# for example a step of 1/255; and it should name the norm, the method and the loss that it used.

# %% [markdown] tags=["solution"]
# **How it is marked.** One point for the ruler: L∞, and one kind of attack. One point for rounding: the two files are equal. One point for what to
# measure: the smallest change that survives in a file, with norm and method named.
