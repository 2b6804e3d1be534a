# %% [markdown]
# # Exercise 03 · SmoothGrad
#
# You write the method of [lecture 03](../../notebooks/03_smoothgrad.ipynb) yourself, measure how its error falls, and
# choose a noise level for a photograph: five short functions and one answer in words. About 65 minutes, 20 points.
#
# Below each task a cell checks your function on small inputs, and says what a mistake looks like. Run it as often as you
# like. Then a picture shows what your function does on a real network; compare it with the expected one. Please write
# your own code instead of calling the functions of `lecture_lib` that do the same.
#
# **The random numbers come as an argument.** Your functions get `draws`: independent draws from the standard normal
# distribution, shape (n, N, C, H, W), one (N, C, H, W) for each of the n samples. So your result can be compared with the
# right one to the last digit. Do not draw any numbers yourself.

# %%
import matplotlib.pyplot as plt
import torch

from lecture_lib import gradients, maps, networks, pictures, show
from lecture_lib.checks import check
from lecture_lib.progress import track
from lecture_lib.checks.tasks import smoothgrad as tasks
from lecture_lib.checks.inputs import small_network

plt.style.use("lecture_lib.lecture")

network = networks.efficientnet_lite0()


# %%
def normal_draws(n, images, seed=0):
    """Standard normal draws, (n, N, C, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *images.shape, generator=generator, dtype=images.dtype)


# %% [markdown]
# ## Task 1 · From noise level to σ
#
# ●○○ · 5 minutes · 3 points
#
# Write `noise_sigma(images, noise_level)`: the standard deviation $\sigma$ that belongs to a noise level, for every
# image. The noise level is $\sigma / (I_{max} - I_{min})$, where the range goes over all pixels and channels of *one*
# image. The images have the shape (N, C, H, W), the result has the shape (N,).
#
# <details><summary>Hint 1</summary>
#
# Solve the definition for $\sigma$. Which axes belong to one image?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `images.amax(dim=(1, 2, 3))` is the largest value of every image.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "noise-sigma", "locked": false, "schema_version": 3, "solution": true, "task": false}
def noise_sigma(images, noise_level):
    """Standard deviation (N,) of the noise for every image."""
    ### BEGIN SOLUTION
    return noise_level * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "noise-sigma-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.NOISE_SIGMA, noise_sigma)
### BEGIN HIDDEN TESTS
check(tasks.NOISE_SIGMA, noise_sigma, seed=51)
two = torch.tensor([[0.0, 1.0], [0.25, 0.75]]).view(2, 1, 1, 2)
torch.testing.assert_close(noise_sigma(two, 0.2), torch.tensor([0.2, 0.1]), check_dtype=False, msg="ranges 1 and 0.5")
### END HIDDEN TESTS

# %% [markdown]
# Your σ for four photographs. Which of them uses the smallest part of the range from black to white?

# %%
names = ["camera", "cat", "rocket", "flower"]
photos = torch.cat([pictures.photo(name) for name in names])
for name, sigma in zip(names, noise_sigma(photos, 0.2), strict=True):
    print(f"{name:7} noise level 20 % means σ = {sigma:.2f}")

# %% [markdown]
# ## Task 2 · Noisy copies
#
# ●●○ · 8 minutes · 3 points
#
# Write `noisy_copies(images, sigma, draws)`: the samples $I_k = I_* + \sigma z_k$. The images have the shape
# (N, C, H, W), `sigma` has one number per image, shape (N,), and `draws` holds the $z_k$, shape (n, N, C, H, W). The
# result has the shape of `draws`. Do not clip.
#
# <details><summary>Hint 1</summary>
#
# If two tensors have different numbers of axes, torch lines them up at the *last* axis. So images + draws works.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `sigma` has to be lined up with the axis N: give it three more axes, `sigma.view(-1, 1, 1, 1)`.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "noisy-copies", "locked": false, "schema_version": 3, "solution": true, "task": false}
def noisy_copies(images, sigma, draws):
    """Noisy copies (n, N, C, H, W) of the images."""
    ### BEGIN SOLUTION
    return images + sigma.view(-1, 1, 1, 1) * draws
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "noisy-copies-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.NOISY_COPIES, noisy_copies)
### BEGIN HIDDEN TESTS
check(tasks.NOISY_COPIES, noisy_copies, seed=52)
gray = torch.full((2, 1, 1, 1), 0.5)
by_hand = noisy_copies(gray, torch.tensor([0.1, 1.0]), torch.tensor([[1.0, 1.0], [-2.0, 3.0]]).view(2, 2, 1, 1, 1))
torch.testing.assert_close(by_hand.flatten(), torch.tensor([0.6, 1.5, 0.3, 3.5]), check_dtype=False, msg="0.5 + σ z")
### END HIDDEN TESTS

# %% [markdown]
# Your noisy copies of the cat. From which noise level on would *you* doubt that it is a cat?
#
# <details><summary>Expected picture</summary>
#
# ![The cat with noise of 5, 20 and 50 percent: grainier and grainier, but easy to recognise.](expected/copies.png)
#
# </details>

# %% tags=["expected:copies"]
cat = pictures.photo("cat")
one_draw = normal_draws(1, cat)
copies = torch.cat([noisy_copies(cat, noise_sigma(cat, level), one_draw)[0] for level in (0.05, 0.2, 0.5)])
show.images(
    copies,
    ["noise level 5 %", "noise level 20 %", "noise level 50 %"],
    title="Your noisy copies",
    alt="The cat with noise of 5, 20 and 50 percent: grainier and grainier, but easy to recognise.",
)

# %% [markdown]
# ## Task 3 · SmoothGrad
#
# ●●○ · 12 minutes · 5 points
#
# Write `smoothgrad(score, images, noise_level, draws)`: the mean of the gradients at the noisy copies,
#
# $$\hat S(I_*) = \frac1n \sum_{k=1}^{n} \nabla_I f(I_* + \sigma z_k),$$
#
# with its signs, in the shape of the images (N, C, H, W). Every image gets its own map. You may use your functions of
# tasks 1 and 2, and `torch.autograd.grad`.
#
# <details><summary>Hint 1</summary>
#
# A loop over the noisy copies: each has the shape (N, C, H, W), so each gives one vanilla gradient of that shape.
#
# </details>
# <details><summary>Hint 2</summary>
#
# You wrote the vanilla gradient in exercise 02: a copy with `.requires_grad_()`, then
# `torch.autograd.grad(score(copy).sum(), copy)[0]`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Start with `total = torch.zeros_like(images)`, add every gradient, and divide by `len(draws)` at the end.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "smoothgrad", "locked": false, "schema_version": 3, "solution": true, "task": false}
def smoothgrad(score, images, noise_level, draws):
    """Mean gradient (N, C, H, W) over the noisy copies."""
    ### BEGIN SOLUTION
    total = torch.zeros_like(images)
    for copy in noisy_copies(images, noise_sigma(images, noise_level), draws):
        copy = copy.detach().requires_grad_()
        total += torch.autograd.grad(score(copy).sum(), copy)[0]
    return total / len(draws)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "smoothgrad-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check(tasks.SMOOTHGRAD, smoothgrad)
### BEGIN HIDDEN TESTS
check(tasks.SMOOTHGRAD, smoothgrad, seed=53)
two = torch.tensor([[0.0, 1.0], [0.25, 0.75]]).view(2, 1, 1, 2)
ones = torch.ones(3, 2, 1, 1, 2)
of_square = smoothgrad(lambda images: images.square().sum(dim=(1, 2, 3)), two, 0.5, ones)
torch.testing.assert_close(
    of_square,
    2 * (two + torch.tensor([0.5, 0.25]).view(2, 1, 1, 1)),
    check_dtype=False,
    msg="2 (I + σ) if all draws are 1",
)
weights = torch.linspace(-1, 1, 60).view(1, 3, 4, 5)
images = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
linear = smoothgrad(lambda images: (weights * images).sum(dim=(1, 2, 3)), images, 0.3, normal_draws(4, images))
torch.testing.assert_close(
    linear, weights.expand(2, -1, -1, -1), check_dtype=False, msg="a linear score: the weights, whatever the noise"
)
### END HIDDEN TESTS

# %% [markdown]
# Your method on the rocket. It is the same network as in the vanilla map beside it; only the score is smoothed.
#
# <details><summary>Expected picture</summary>
#
# ![The rocket, its vanilla map without a clear shape, and the SmoothGrad map, in which the rocket is bright.](expected/map.png)
#
# </details>

# %% tags=["expected:map"]
rocket, missile = pictures.photo("rocket"), network.score("missile")
show.maps(
    rocket,
    {
        "vanilla": maps.max_abs(gradients.gradient(missile, rocket)),
        "your SmoothGrad, 20 %, n = 16": maps.max_abs(smoothgrad(missile, rocket, 0.2, normal_draws(16, rocket))),
    },
    same_scale=False,
    title="The class missile, before and after",
    alt="The rocket, its vanilla map without a clear shape, and the SmoothGrad map, in which the rocket is bright.",
)

# %% [markdown]
# ## Task 4 · Error against n
#
# ●●○ · 12 minutes · 3 points
#
# How far is a mean of $n$ gradients from the truth? You get many gradients at noisy copies, `each` of shape
# (T, C, H, W), and the `truth`, shape (C, H, W). Write `error_of_means(each, truth, n)`: split the T gradients into
# groups of $n$ neighbours (the first $n$, the next $n$, …; T is a multiple of $n$), average within every group, and
# return the root mean square of (mean of the group − truth), over all groups, channels and pixels. One number.
#
# <details><summary>Hint 1</summary>
#
# `each.view(-1, n, C, H, W)` makes the groups: the first axis counts them, the second goes through a group. A loop over
# `each.split(n)` does it, too.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Root mean square, read from the right: `.square().mean().sqrt()`.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "error-of-means", "locked": false, "schema_version": 3, "solution": true, "task": false}
def error_of_means(each, truth, n):
    """Root mean square error of the mean of n gradients."""
    ### BEGIN SOLUTION
    groups = each.view(-1, n, *truth.shape).mean(dim=1)
    return (groups - truth).square().mean().sqrt()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "error-of-means-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.ERROR_OF_MEANS, error_of_means)
### BEGIN HIDDEN TESTS
check(tasks.ERROR_OF_MEANS, error_of_means, seed=54)
four = torch.tensor([1.0, 3.0, -1.0, 1.0]).view(4, 1, 1, 1)
assert abs(float(error_of_means(four, torch.zeros(1, 1, 1), 2)) - 2**0.5) < 1e-6, "means 2 and 0, so √((4 + 0) / 2)"
assert abs(float(error_of_means(four, torch.ones(1, 1, 1), 4))) < 1e-6, "the mean of all four is 1"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5 · The slope of the error
#
# ●○○ · 8 minutes · 2 points
#
# If the error is $c \cdot n^a$, then $\log \text{error} = \log c + a \log n$: on double-logarithmic paper a straight line
# with slope $a$. Write `loglog_slope(sizes, errors)`: the slope of the line that fits best (least squares) through the
# points $(\log n, \log \text{error})$. Both arguments are tensors of shape (k,). Return one number.
#
# <details><summary>Hint 1</summary>
#
# With $x = \log n$ and $y = \log \text{error}$, the best slope is $\sum (x - \bar x)(y - \bar y) / \sum (x - \bar x)^2$.
#
# </details>
# <details><summary>Hint 2</summary>
#
# NumPy can do it: `float(np.polyfit(x, y, 1)[0])`, with arrays `x` and `y`.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "loglog-slope", "locked": false, "schema_version": 3, "solution": true, "task": false}
def loglog_slope(sizes, errors):
    """Slope of the best line through (log n, log error)."""
    ### BEGIN SOLUTION
    x, y = sizes.log(), errors.log()
    x = x - x.mean()
    return (x * (y - y.mean())).sum() / x.square().sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "loglog-slope-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(tasks.LOGLOG_SLOPE, loglog_slope)
### BEGIN HIDDEN TESTS
check(tasks.LOGLOG_SLOPE, loglog_slope, seed=55)
sizes = torch.tensor([1.0, 3.0, 10.0, 30.0])
assert abs(float(loglog_slope(sizes, 7 * sizes**-0.25)) + 0.25) < 1e-5, "an exact power law"
### END HIDDEN TESTS

# %% [markdown]
# Tasks 4 and 5 on a small network, where thousands of gradients cost nothing. As the truth we take the mean of 16384
# gradients at other noisy copies. What would you have to pay for half the error?
#
# <details><summary>Expected picture</summary>
#
# ![The error of the mean against n on double-logarithmic axes: a straight line with slope −0.5.](expected/error.png)
#
# </details>


# %% tags=["expected:error"]
def gradients_at_copies(n, seed):
    """Gradients (n, C, H, W) of a small network at noisy copies of a tiny photograph."""
    tiny, small = pictures.photo("cat", 16).double(), small_network(0)
    copies = noisy_copies(tiny, noise_sigma(tiny, 0.5), normal_draws(n, tiny, seed))
    return torch.cat(list(gradients.sample_gradients(small.score("a"), copies, batch_size=512)))


truth = gradients_at_copies(16384, seed=1).mean(dim=0)
each = gradients_at_copies(2048, seed=2)
sizes = torch.tensor([1.0, 2, 4, 8, 16, 32, 64])
errors = torch.tensor([float(error_of_means(each, truth, int(n))) for n in sizes])

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.loglog(sizes, errors, "o-", label="measured")
ax.loglog(sizes, errors[0] / sizes.sqrt(), "--", color="gray", label="error of one gradient / √n")
ax.set(xlabel="samples n", ylabel="error of the mean", title=f"Your slope: {float(loglog_slope(sizes, errors)):.1f}")
ax.legend()
show.figure(
    figure,
    alt="The error of the mean against n on double-logarithmic axes: a straight line with slope −0.5.",
)

# %% [markdown]
# ## Task 6 · Pick a noise level, and defend it
#
# ●●● · 20 minutes · 4 points, marked by hand
#
# Choose a photograph and its class: change the first line of the next cell if you like (for example "coffee" and
# "espresso", or `pictures.load("your_own.jpg")` further down). The cell shows your SmoothGrad maps for five noise
# levels. Above each map stands $p$: the mean probability of the class over the noisy copies. The cell also prints how
# alike the maps of two separate halves of the draws are, seen in squares of 8 × 8 pixels.
#
# <details><summary>Expected picture for the camera man</summary>
#
# ![Maps of the camera man for noise levels from 5 to 50 percent; the legs of the tripod appear as the probability falls.](expected/levels.png)
#
# </details>

# %% tags=["expected:levels"]
name, target = "camera", "tripod"

photo, score, probability = pictures.photo(name), network.score(target), network.probability(target)
levels, draws = [0.05, 0.1, 0.2, 0.3, 0.5], normal_draws(8, photo)
figure, axes = plt.subplots(2, 3, figsize=(8.4, 6), layout="constrained")
figure.suptitle("Your SmoothGrad, n = 8; each map has its own scale")
show.draw_image(axes[0, 0], photo, f"{target}: p = {gradients.evaluate(probability, photo).item():.2f}")
for ax, level in zip(axes.flat[1:], track(levels, True, "noise levels"), strict=True):
    halves = [smoothgrad(score, photo, level, half) for half in draws.split(4)]
    both = maps.max_abs((halves[0] + halves[1]) / 2)
    copies = noisy_copies(photo, noise_sigma(photo, level), draws[:4]).flatten(0, 1)
    p = gradients.evaluate(probability, copies).mean().item()
    show.draw_map(ax, both, f"{level:.0%}: p = {p:.2f}", limit=both.quantile(0.995).item())
    seen = torch.stack([torch.nn.functional.avg_pool2d(maps.max_abs(half), 8).flatten() for half in halves])
    print(f"noise level {level:3.0%}: correlation of the two halves {torch.corrcoef(seen)[0, 1].item():.1f}")
show.figure(
    figure,
    alt="Maps of the camera man for noise levels from 5 to 50 percent; the legs of the tripod appear as the probability "
    "falls.",
)

# %% [markdown]
# Now write four to six sentences. Which noise level do you choose for your photograph, and what does your map then
# explain? Give two reasons that rest on numbers or pictures above, and say why “the map looks clearest there” is not one
# of them. What would somebody who chose another level see?

# %% [markdown] nbgrader={"grade": true, "grade_id": "own-words", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# A good answer for the camera man: I choose 20 %. The map is the gradient of the smoothed score, so it says how small
# changes of the photograph would raise the *mean* score of copies with this noise, not the score of the photograph itself
# (1 point: says what is explained). At 20 % the network still gives tripod the probability 0.5 over the noisy copies,
# at 50 % hardly any: there the map would explain pictures in which the network sees no tripod (1 point: a reason that
# rests on $p$ or on the noisy copies). The halves of the draws agree closely, so the bright regions are not an accident of the
# draws; at lower levels the map stays closer to the vanilla one, which a change of less than one gray level turns around
# (1 point: a second reason from a measurement; any that fits is fine). The legs of the tripod are clearest at 50 %, but that we find
# them there says that the map agrees with *us*, not that the network uses them at its decision; somebody who chose 50 %
# would name the legs, somebody at 10 % the camera and the hands, and both would be right about their own score (1 point: clear
# is not a reason, and another level is another question). Other levels get full marks if they are defended like this.
