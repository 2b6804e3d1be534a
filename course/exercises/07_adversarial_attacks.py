# %% [markdown]
# # Exercise 07 · Adversarial attacks
#
# You write the attacks of [lecture 07](../../notebooks/07_adversarial_attacks.ipynb) yourself: five short functions and
# one answer in words. About 75 minutes, 22 points.
#
# Below each task a cell checks your function on small networks, and says what a mistake looks like. Run it as often as
# you like. Then you try your function on a real network. Please write your own code instead of calling
# `lecture_lib.attacks`. What you may use: `gradient(score, images)` from chapter 02, for images (N, C, H, W) with pixels
# in [0, 1].

# %%
import matplotlib.pyplot as plt
import torch

from lecture_lib import networks, pictures, show
from lecture_lib.checks import check
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
# Write `fgsm(score, images, epsilon)`: one step *up* the score, in which every pixel and channel moves by `epsilon` in
# the direction of the sign of its derivative. The result has the shape of the images, and its pixels lie in $[0, 1]$.
# To attack a label, the score will be its loss, `network.loss("tripod")`.
#
# <details><summary>Hint 1</summary>
#
# `torch.sign` gives -1, 0 or 1 for every entry.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `.clamp(0, 1)` cuts off what leaves the range.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "fgsm", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fgsm(score, images, epsilon):
    """Images (N, C, H, W) after one sign step up the score."""
    ### BEGIN SOLUTION
    return (images + epsilon * gradient(score, images).sign()).clamp(0, 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fgsm-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.FGSM, fgsm)
### BEGIN HIDDEN TESTS
check(tasks.FGSM, fgsm, seed=41)
weights = torch.tensor([3.0, -0.2, 0.0, 5.0]).view(1, 1, 2, 2)
corner = fgsm(
    lambda images: (weights * images).sum(dim=(1, 2, 3)), torch.tensor([0.5, 0.5, 0.5, 0.95]).view(1, 1, 2, 2), 0.1
)
torch.testing.assert_close(
    corner.flatten(),
    torch.tensor([0.6, 0.4, 0.5, 1.0]),
    check_dtype=False,
    msg="a step of 0.1 up, down, nowhere, up to 1",
)
### END HIDDEN TESTS

# %% [markdown]
# Your step of 1/255 on the camera man:
#
# <details><summary>Expected picture</summary>
#
# ![The man with the camera twice, without a visible difference: tripod, and harmonica.](expected/fgsm.png)
#
# </details>

# %% tags=["expected:fgsm"]
attacked = fgsm(network.loss("tripod"), camera, 1 / 255)
show.images(
    torch.cat([camera, attacked]),
    [says(camera), says(attacked)],
    title="Your step of 1/255",
    alt="The man with the camera twice, without a visible difference: tripod, and harmonica.",
)

# %% [markdown]
# ## Task 2 · Many steps
#
# ●●○ · 15 minutes · 5 points
#
# Write `bim(score, images, epsilon, step_size, n_steps)`: `n_steps` sign steps up the score, each of length
# `step_size`. After every step, clip twice: no pixel is more than `epsilon` away from the *original*, and every pixel
# lies in $[0, 1]$.
#
# <details><summary>Hint 1</summary>
#
# Keep two tensors: the current image, which changes, and `images`, which doesn't.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `.clamp(low, high)` also takes tensors: a lower and an upper bound for every pixel.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "bim", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bim(score, images, epsilon, step_size, n_steps):
    """Images (N, C, H, W) after n_steps sign steps up the score, inside the ball around the original."""
    ### BEGIN SOLUTION
    current = images
    for _ in range(n_steps):
        stepped = current + step_size * gradient(score, current).sign()
        current = stepped.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "bim-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(tasks.BIM, bim)
### BEGIN HIDDEN TESTS
check(tasks.BIM, bim, seed=42)
hill = bim(
    lambda images: -(images - 0.62).square().sum(dim=(1, 2, 3)),
    torch.tensor([0.5, 0.58]).view(1, 1, 1, 2),
    0.1,
    0.05,
    3,
)
torch.testing.assert_close(
    hill.flatten(),
    torch.tensor([0.6, 0.63]),
    check_dtype=False,
    msg="up to the edge of the ball; over the top and back",
)
### END HIDDEN TESTS

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
one = [espresso(fgsm(loss, coffee, level / 255)).item() for level in levels]
many = [espresso(bim(loss, coffee, level / 255, level / 255 / 3, 5)).item() for level in levels]
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.plot(levels, one, "s-", color="C1", label="one step (FGSM)")
ax.plot(levels, many, "o-", color="black", label="five steps (BIM)")
ax.set(xlabel="ε · 255", ylabel="p(espresso)", title="One step against many", ylim=(-0.03, 1.03))
ax.legend()
show.figure(
    figure,
    alt="Probability of espresso against epsilon: with one step it falls to about 0.2 and stays; with five steps it "
    "falls to 0.",
)

# %% [markdown]
# ## Task 3 · Towards a class
#
# ●●○ · 10 minutes · 4 points
#
# Write `towards(network, images, target, epsilon, step_size, n_steps)`: an attack like `bim`, which makes the network
# say `target`. It goes *down* the loss of the target, `network.loss(target)`.
#
# <details><summary>Hint 1</summary>
#
# Your `bim` climbs any score. Which function rises where the loss falls?
#
# </details>
# <details><summary>Hint 2</summary>
#
# A score is a function: `lambda images: …`.
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
small = tasks.small_network(43)
gray = torch.full((1, 3, 6, 6), 0.5, dtype=torch.float64)
for name in small.classes:
    assert small.probability(name)(towards(small, gray, name, 0.1, 0.02, 6)) > small.probability(name)(gray)
### END HIDDEN TESTS

# %% [markdown]
# Choose any class of ImageNet for the camera man:

# %%
name, probability = network.predict(towards(network, camera, "goldfish", 2 / 255, 0.5 / 255, 10))[0][0]
print(f"{name}, surer than a half: {probability > 0.5}")

# %% [markdown]
# ## Task 4 · The smallest ε
#
# ●●○ · 15 minutes · 4 points
#
# Write `smallest_epsilon(succeeds, low, high, n_halvings)`. `succeeds(epsilon)` says whether an attack succeeds; you
# know that it fails at `low` and succeeds at `high`. Halve the interval `n_halvings` times by trying its middle, so that
# its lower end always fails and its upper end always succeeds. Return an end that is *known* to succeed.
#
# <details><summary>Hint 1</summary>
#
# If the middle succeeds, which end does it replace? If it fails?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The loop has three lines: compute the middle, ask, replace `low` or `high`.
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
assert smallest_epsilon(lambda epsilon: epsilon >= 0.3, 0.0, 1.0, 3) == 0.375


def only_asked_for_middles(epsilon):
    """Succeeds above 0.6; stops whoever tries anything but the four middles on the way there."""
    if epsilon not in (0.5, 0.75, 0.625, 0.5625):
        raise ValueError(f"{epsilon} is no middle")
    return epsilon > 0.6


assert smallest_epsilon(only_asked_for_middles, 0.0, 1.0, 4) == 0.625
### END HIDDEN TESTS

# %% [markdown]
# The smallest step with which your `fgsm` flips the camera man, to two decimals of 1/255:


# %%
def flips(epsilon):
    """Whether one step of epsilon changes the class of the camera man."""
    return network.predict(fgsm(network.loss("tripod"), camera, epsilon))[0][0][0] != "tripod"


epsilon = smallest_epsilon(flips, 0, 1 / 255, 5)
print(f"ε = {255 * epsilon:.2f}/255")

# %% [markdown]
# ## Task 5 · An image that a file can hold
#
# ●○○ · 10 minutes · 3 points
#
# Write `stored(images)`: the whole numbers that a file stores, as a tensor of type `torch.uint8`, from images whose
# pixels should lie in $[0, 1]$. White is 255. Round to the *nearest* whole number. Pixels that lie outside $[0, 1]$
# become black or white.
#
# <details><summary>Hint 1</summary>
#
# `.to(torch.uint8)` alone cuts the decimals off, and numbers that don't fit wrap around. What has to happen before?
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
levels = stored(torch.tensor([7.6, 7.4, -3.0, 300.0]).view(1, 1, 2, 2) / 255)
assert levels.dtype == torch.uint8, "the type is uint8"
assert levels.flatten().tolist() == [8, 7, 0, 255]
### END HIDDEN TESTS

# %% [markdown]
# Does the weakest attack of task 4 survive in a file? And a step of a whole level?

# %%
for level in (255 * epsilon, 1):
    attacked = fgsm(network.loss("tripod"), camera, level / 255)
    print(f"ε = {level:.2f}/255: {says(attacked)}; from a file: {says(stored(attacked).float() / 255)}")

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
# L2 norm the minimal-norm attack of the lecture is smaller, although it changes some pixels by more (1 point). A change
# of 0.25/255 is less than half a level, so rounding takes it back: the two files are equal, and the network says tripod
# to both (1 point). The report should round first and then look for the smallest change that still flips the class,
# for example a step of 1/255; and it should name the norm, the method and the loss that it used (1 point).
