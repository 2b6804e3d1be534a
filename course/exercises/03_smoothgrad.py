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
# Your functions leave what they are given as it is: arguments, networks, torch's settings and random numbers. A check and
# the points come from the same inputs: ✔ means full points. In the cells below the checks, `plain(…)` turns what your
# function returns into float32 tensors without a graph.
#
# **The random numbers come as an argument.** Your functions get `draws`: independent draws from the standard normal
# distribution, shape (n, N, C, H, W), one (N, C, H, W) for each of the n samples. So your result can be compared with the
# right one to the last digit. Do not draw any numbers yourself.

# %%
import matplotlib.pyplot as plt
import torch

from lecture_lib import gradients, maps, networks, pictures, show
from lecture_lib.checks import check, plain
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
# image.
#
# {contract smoothgrad.NOISE_SIGMA}
#
# <details><summary>Hint 1</summary>
#
# Solve the definition for $\sigma$. Which axes belong to one image?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `.amax(dim=…)` takes several axes at once.
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
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** $\sigma$ is the level times the range. Every image has its own range, so all axes but the first are
# merged. Usual mistakes: the range of the whole batch; a range for each channel; the brightest pixel alone.

# %% [markdown]
# Your σ for four photographs. Which of them uses the smallest part of the range from black to white?

# %%
names = ["camera", "cat", "rocket", "flower"]
photos = torch.cat([pictures.photo(name) for name in names])
for name, sigma in zip(names, plain(noise_sigma(photos, 0.2)), strict=True):
    print(f"{name:7} noise level 20 % means σ = {sigma:.2f}")

# %% [markdown] tags=["solution"]
# **Answer.** The one with the smallest σ. The same noise level is less noise for a picture with little contrast.

# %% [markdown]
# ## Task 2 · Noisy copies
#
# ●●○ · 8 minutes · 3 points
#
# Write `noisy_copies(images, sigma, draws)`: the samples $I_k = I_* + \sigma z_k$. Do not clip.
#
# {contract smoothgrad.NOISY_COPIES}
#
# <details><summary>Hint 1</summary>
#
# If two tensors have different numbers of axes, torch lines them up at the *last* axis. So images and draws meet rightly.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `sigma` has to be lined up with the axis N. How many axes come after N?
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
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** With three more axes of length 1, `sigma` meets the images at N; the draws have one axis more, in
# front, over which everything else is repeated. Usual mistakes: `sigma` lined up with the columns; the same draw in all
# copies; a clip to [0, 1], after which the noise is not normal any more.

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
copies = torch.cat(
    [plain(noisy_copies(cat, plain(noise_sigma(cat, level)), one_draw))[0] for level in (0.05, 0.2, 0.5)]
)
show.images(
    copies,
    ["noise level 5 %", "noise level 20 %", "noise level 50 %"],
    title="Your noisy copies",
    alt="The cat with noise of 5, 20 and 50 percent: grainier and grainier, but easy to recognise.",
)

# %% [markdown] tags=["solution"]
# **Answer.** We still see the cat at 50 %. The network need not: task 6 asks it.

# %% [markdown]
# ## Task 3 · SmoothGrad
#
# ●●○ · 12 minutes · 6 points
#
# Write `smoothgrad(score, images, noise_level, draws)`: the mean of the gradients at the noisy copies,
#
# $$\hat S(I_*) = \frac1n \sum_{k=1}^{n} \nabla_I f(I_* + \sigma z_k),$$
#
# with its signs. Every image gets its own map. You may use your functions of tasks 1 and 2, and `torch.autograd`.
#
# {contract smoothgrad.SMOOTHGRAD}
#
# <details><summary>Hint 1</summary>
#
# Each noisy copy is a batch (N, C, H, W), and gives one vanilla gradient of that shape.
#
# </details>
# <details><summary>Hint 2</summary>
#
# You wrote the vanilla gradient in exercise 02. What has to be done with a copy before the score is computed?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Which gradients are added up, and by which number is the sum divided: n, or N?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "smoothgrad", "locked": false, "schema_version": 3, "solution": true, "task": false}
def smoothgrad(score, images, noise_level, draws):
    """Mean gradient (N, C, H, W) over the noisy copies."""
    ### BEGIN SOLUTION
    total = torch.zeros_like(images)
    for sample in noisy_copies(images, noise_sigma(images, noise_level), draws):
        sample.requires_grad_()
        (gradient,) = torch.autograd.grad(score(sample).sum(), sample)
        total += gradient
    return total / len(draws)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "smoothgrad-test", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(tasks.SMOOTHGRAD, smoothgrad)
### BEGIN HIDDEN TESTS
check(tasks.SMOOTHGRAD, smoothgrad, seed=53)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** $\sigma$ is a constant: the gradient is taken by the noisy copy, with the noise held fixed. The mean goes
# over the n draws and not over the N images. Usual mistakes: one gradient at the mean of the copies; absolute values
# before the mean; a `.grad` to which every `.backward()` adds.

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
        "your SmoothGrad, 20 %, n = 16": maps.max_abs(
            plain(smoothgrad(missile, rocket, 0.2, normal_draws(16, rocket)))
        ),
    },
    same_scale=False,
    title="The class missile, before and after",
    alt="The rocket, its vanilla map without a clear shape, and the SmoothGrad map, in which the rocket is bright.",
)

# %% [markdown]
# ## Task 4 · Error against n
#
# ●●○ · 10 minutes · 2 points
#
# How far is a mean of $n$ gradients from the truth? You get many gradients at noisy copies, and the truth. Write
# `error_of_means(each, truth, n)`: split the T gradients into groups of $n$ neighbours (the first $n$, the next $n$, …),
# average within every group, and return the root mean square of (mean of the group − truth), over all groups, channels and
# pixels.
#
# {contract smoothgrad.ERROR_OF_MEANS}
#
# <details><summary>Hint 1</summary>
#
# `.view`, `.unflatten` and `.split` all make groups. After the first two, one axis counts the groups and the next goes
# through a group: over which goes the mean?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Root mean square, read from the right: first the square, then the mean, then the root.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "error-of-means", "locked": false, "schema_version": 3, "solution": true, "task": false}
def error_of_means(each, truth, n):
    """Root mean square error of the mean of n gradients."""
    ### BEGIN SOLUTION
    means = each.view(-1, n, *truth.shape).mean(dim=1)  # (groups, C, H, W)
    return (means - truth).square().mean().sqrt()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "error-of-means-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(tasks.ERROR_OF_MEANS, error_of_means)
### BEGIN HIDDEN TESTS
check(tasks.ERROR_OF_MEANS, error_of_means, seed=54)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** One axis of length T becomes two, (groups, n). If the gradients are independent, the error is that of
# one gradient divided by $\sqrt n$: the next task measures it. Usual mistakes: the mean over the groups; the root of every
# group's error before the mean.

# %% [markdown]
# ## Task 5 · The slope of the error
#
# ●○○ · 8 minutes · 2 points
#
# If the error is $c \cdot n^a$, then $\log \text{error} = \log c + a \log n$: on two logarithmic axes a straight line
# with slope $a$. Write `loglog_slope(sizes, errors)`: the slope of the line that fits best (least squares) through the
# points $(\log n, \log \text{error})$.
#
# {contract smoothgrad.LOGLOG_SLOPE}
#
# <details><summary>Hint 1</summary>
#
# With $x = \log n$ and $y = \log \text{error}$, the best slope is $\sum (x - \bar x)(y - \bar y) / \sum (x - \bar x)^2$.
#
# </details>
# <details><summary>Hint 2</summary>
#
# NumPy has a function for it, `polyfit`: import NumPy first, and look up what comes first in what it returns.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "loglog-slope", "locked": false, "schema_version": 3, "solution": true, "task": false}
def loglog_slope(sizes, errors):
    """Slope of the best line through (log n, log error)."""
    ### BEGIN SOLUTION
    x, y = sizes.log(), errors.log()
    from_mean = x - x.mean()
    return (from_mean * (y - y.mean())).sum() / from_mean.square().sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "loglog-slope-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(tasks.LOGLOG_SLOPE, loglog_slope)
### BEGIN HIDDEN TESTS
check(tasks.LOGLOG_SLOPE, loglog_slope, seed=55)
### END HIDDEN TESTS

# %% [markdown] tags=["solution"]
# **About the solution.** The slope of least squares is the covariance of x and y divided by the variance of x. Any base of the
# logarithm gives the same slope, if it is the same on both axes. Usual mistakes: a line through the origin; the slope
# from the first and the last point only.

# %% [markdown]
# Tasks 4 and 5 on a small network, where thousands of gradients cost nothing. As the truth we take the mean of 16384
# gradients at other noisy copies. What would you have to pay for half the error?
#
# <details><summary>Expected picture</summary>
#
# ![The error of the mean against n on two logarithmic axes: a straight line with slope −0.5.](expected/error.png)
#
# </details>


# %% tags=["expected:error"]
def gradients_at_copies(n, seed):
    """Gradients (n, C, H, W) of a small network at noisy copies of a tiny photograph."""
    tiny, small = pictures.photo("cat", 16), small_network(0, dtype=torch.float32)
    copies = plain(noisy_copies(tiny, plain(noise_sigma(tiny, 0.5)), normal_draws(n, tiny, seed)))
    return torch.cat(list(gradients.sample_gradients(small.score("a"), copies, batch_size=512)))


truth = gradients_at_copies(16384, seed=1).mean(dim=0)
each = gradients_at_copies(2048, seed=2)
sizes = torch.tensor([1.0, 2, 4, 8, 16, 32, 64])
errors = torch.tensor([plain(error_of_means(each, truth, int(n))).item() for n in sizes])

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.loglog(sizes, errors, "o-", label="measured")
ax.loglog(sizes, errors[0] / sizes.sqrt(), "--", color="gray", label="error of one gradient / √n")
ax.set(xlabel="samples n", ylabel="error of the mean", title=f"Your slope: {plain(loglog_slope(sizes, errors)):.1f}")
ax.legend()
show.figure(
    figure,
    alt="The error of the mean against n on two logarithmic axes: a straight line with slope −0.5.",
)

# %% [markdown] tags=["solution"]
# **Answer.** Four times as many samples: the slope is −0.5, so the error falls with $1 / \sqrt n$.

# %% [markdown]
# ## Task 6 · Pick a noise level, and defend it
#
# ●●● · 20 minutes · 4 points, marked by hand
#
# Choose a photograph and its class: change the first line of the next cell if you like (for example "coffee" and
# "espresso", or `pictures.load("your_own.jpg")` further down). The cell shows your SmoothGrad maps for five noise
# levels. Above each map stands $p$: the mean probability of the class over the noisy copies. The cell also prints how
# alike the map and the vanilla map are, seen in squares of 8 × 8 pixels.
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


def coarse(map):
    """Means of a map in squares of 8 × 8 pixels."""
    return torch.nn.functional.avg_pool2d(map, 8).flatten()


vanilla = coarse(maps.max_abs(gradients.gradient(score, photo)))
show.draw_image(axes[0, 0], photo, f"{target}: p = {gradients.evaluate(probability, photo).item():.2f}")
for ax, level in zip(axes.flat[1:], track(levels, True, "noise levels"), strict=True):
    found = maps.max_abs(plain(smoothgrad(score, photo, level, draws)))
    copies = plain(noisy_copies(photo, plain(noise_sigma(photo, level)), draws[:4])).flatten(0, 1)
    p = gradients.evaluate(probability, copies).mean().item()
    show.draw_map(ax, found, f"{level:.0%}: p = {p:.2f}", limit=found.quantile(0.995).item())
    alike = torch.corrcoef(torch.stack([vanilla, coarse(found)]))[0, 1].item()
    print(f"noise level {level:3.0%}: correlation with the vanilla map {alike:.1f}")
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
# For the camera man I choose 20 %. The map is the gradient of the smoothed score, so it says how small
# changes of the photograph would raise the *mean* score of copies with this noise, not the score of the photograph itself.
# At 20 % the network still gives tripod the probability 0.5 over the noisy copies,
# at 50 % hardly any: there the map would explain pictures in which the network sees no tripod. With the vanilla map, which
# explains the photograph itself, this map has a correlation of 0.6, and that for 50 % only 0.2: so it still is about
# a score near the one that I asked about. The legs of the tripod are clearest at 50 %, but that we find
# them there says that the map agrees with *us*, not that the network uses them at its decision. Somebody who chose 50 %
# would name the legs, somebody at 10 % the camera and the hands, and both would be right about their own score.

# %% [markdown] tags=["solution"]
# **How it is marked.** One point for what is explained: the smoothed score, not the score of the photograph. One point for a reason that rests on
# $p$ or on the noisy copies. One point for a second reason from a measurement; any that fits is fine. One point for
# “clear is not a reason, and another level is another question”. Other levels get full marks if they are defended
# like this.
