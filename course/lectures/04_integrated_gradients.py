# %% [markdown] slideshow={"slide_type": "slide"}
# # 04 · Integrated Gradients
#
# **Integrated Gradients shares out a score.** The entries of its map add up to the rise of the score, from a black
# picture to the photograph. That is a promise that you can check. Here is the check, with the 50 steps that many people use.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Ask who has used this method with 50 steps. Then run the check: it is off by a quarter. The surprises
# of this chapter are the random numbers (slide “What the factor draws”) and the nearly black pictures (slide “Where
# the gap comes from”): let the room guess first. Short of time? Leave out “Same function, other code”.

# %% slideshow={"slide_type": "subslide"}
import torch

from lecture_lib import gradients, maps, measure, networks, pictures, show

network = networks.efficientnet_lite0()

tiger_cat, cat = network.score("tiger cat"), pictures.photo("cat")
cat_rates = gradients.integrated_gradients(tiger_cat, cat, baseline="black", n_steps=50, multiply_by_inputs=False)
attribution = cat_rates * cat  # a mean rate of change, times the way from black to the photograph
rise = tiger_cat(cat) - tiger_cat(torch.zeros_like(cat))
print(f"The entries of the map add up to {attribution.sum().item():.1f}. The score rises by {rise.item():.1f}.")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The promise is not kept. This chapter shows why, what it takes to keep it, and what a kept promise is worth.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The question
#
# The gradient asks how the score *would change*. Fundamental Question 1 of the lecture notes asks for something else:
# how much each region *contributes*. Integrated Gradients gives an answer of this kind, but only after you say what
# the image is compared with:
#
# > *Start from a baseline image $B$, and go to the image $I_*$ in a straight line. Which pixels made the score rise on
# > the way, and by how much?*
#
# Keep the two conditions in mind: **a baseline**, and **a straight line**. Both are our choice. The network knows
# neither.

# %% [markdown] slideshow={"slide_type": "notes"}
# **2 minutes.** Two choices are ours: the baseline and the straight line. Write both on the board and leave them
# there.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Where the gradient says 0
#
# Take the smallest network there is: one input, $f(x) = 1 - \mathrm{relu}(1 - x)$. It rises from 0 to 1 until $x = 1$, and
# then stays there. Such a unit is **saturated** beyond 1. Our input is $x = 2$, the baseline is 0.
#
# **What do you expect: what is the gradient at $x = 2$? And how much of the score 1 is due to the input?**
#
# <details><summary>Answer</summary>
#
# The gradient is 0, for a little more or less input changes nothing. But without the input the score would be 0
# instead of 1: all of it is due to the input. Both are true. Integrated Gradients answers the second question.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Both answers to the first vote are true: the gradient is 0, and the input is the reason for all of
# the score. Do the example with two inputs on paper. That three steps are worse than two is worth a pause.

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt

from lecture_lib.samples import path_points, path_samples

plt.style.use("lecture_lib.lecture")


def saturated(images):
    """One unit that rises from 0 to 1, and then stays at 1."""
    return (1 - torch.relu(1 - images)).sum(dim=(1, 2, 3))


x, b = torch.full((1, 1, 1, 1), 2.0), torch.zeros(1, 1, 1, 1)
samples = list(path_samples(x, b, path_points(100)[0]))
slopes = torch.cat(list(gradients.sample_gradients(saturated, samples))).flatten()  # ∂f/∂x at 100 points
inputs = torch.cat(samples).flatten()

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
axes[0].plot(inputs, [saturated(sample).item() for sample in samples], color="C0")
axes[0].plot(2, 1, "ko", label="the input: slope 0")
axes[0].set(xlabel="input $x$", ylabel="score $f(x)$", title="The score stops rising at 1")
axes[0].legend(loc="lower right")
axes[1].fill_between(inputs, slopes, step="mid", color="C1", alpha=0.5, label="area: 1")
axes[1].set(xlabel="input $x$", ylabel="slope $f'(x)$", title="All of the rise happens early on the way")
axes[1].legend()
show.figure(
    figure,
    alt="Left: a line that rises from 0 to 1 and is flat from x = 1 on; the input lies at x = 2, on the flat part. Right: "
    "its slope is 1 up to x = 1, then 0; the area below is 1.",
)

# %% slideshow={"slide_type": "fragment"}
print(f"gradient at the image: {slopes[-1].item() + 0.0:.1f}")
print(f"mean slope on the way, times the way x - b = 2: {(slopes.mean() * (x - b)).item():.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two inputs, so that there is something to share:
#
# $$f(x_1, x_2) = \mathrm{relu}(\mathrm{relu}(x_1) - 1 - \mathrm{relu}(x_2)), \qquad \text{input } (3, 1), \quad \text{baseline } (0, 0).$$
#
# On paper: on the line $(3\alpha, \alpha)$ the outer relu sees $2\alpha - 1$. So the unit is off for the first half of the
# way, with slopes $(0, 0)$, and on for the second, with slopes $(1, -1)$. Mean slopes: $(\frac12, -\frac12)$. Times the
# way $(3, 1)$: **$(1.5, -0.5)$**. Their sum is the rise, 1.


# %% slideshow={"slide_type": "fragment"}
def two_inputs(images):
    """relu(relu(x1) - 1 - relu(x2)) for images of two pixels."""
    first, second = images.flatten(1).T
    return torch.relu(torch.relu(first) - 1 - torch.relu(second))


x, b = torch.tensor([3.0, 1.0]).view(1, 1, 1, 2), torch.zeros(1, 1, 1, 2)


def two_input_sum(n_steps):
    """Integrated Gradients of the two inputs."""
    return gradients.mean_gradient(two_inputs, path_samples(x, b, path_points(n_steps)[0])) * (x - b)


# %% slideshow={"slide_type": "subslide"}
for n_steps in (1, 2, 3, 4, 5, 1000):
    first, second = two_input_sum(n_steps).flatten().tolist()
    print(f"{n_steps:4} steps: ({first:.2f}, {second:.2f}), sum {first + second:.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# 2 steps are right to the last digit, and 3 steps are wrong. **At the kink of a ReLU, more steps can be worse**: what
# counts is on which side of the kink a sample falls. You will meet this again on photographs.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Eq. (1) again: samples on a line
#
# Chapter 03 smoothed the gradient by averaging over samples,
#
# $$\hat S(I_*) = \frac1n \sum_n \nabla_I f(I_n). \tag{1}$$
#
# There, the samples were noisy copies. Now they lie on the line from the baseline to the image, equally spaced:
#
# $$I_k = B + \alpha_k (I_* - B), \qquad \alpha_k = \frac{k + \frac12}{n}, \quad k = 0, \dots, n - 1.$$
#
# Each sample is in the middle of its step (the *midpoint rule*). Nothing else changes.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** The same equation as in chapter 03, with other samples. The seven pictures are what the network is
# asked about; the photograph is only the last of them.

# %% slideshow={"slide_type": "fragment"}
coffee, espresso = pictures.photo("coffee"), network.score("espresso")
black = torch.zeros_like(coffee)
points, _ = path_points(6)

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
show.images(
    torch.cat(list(path_samples(coffee, black, points))),
    [f"α = {point:.2f}" for point in points],
    title="Six samples on the line from black to the photograph",
    columns=6,
    alt="Six times the cup of coffee, from nearly black on the left to nearly full brightness on the right.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The code is the formula.


# %% slideshow={"slide_type": "fragment"}
def notes_form(score, image, baseline, n_steps):
    """Eq. (1) with samples on the line from the baseline to the image."""
    total = torch.zeros_like(image)
    for k in range(n_steps):
        sample = baseline + (k + 0.5) / n_steps * (image - baseline)
        total += gradients.gradient(score, sample)
    return total / n_steps


by_hand = notes_form(espresso, coffee, black, 3)
library = gradients.integrated_gradients(espresso, coffee, baseline="black", n_steps=3, multiply_by_inputs=False)
print(
    f"largest difference to lecture_lib, in units of the largest entry: {(by_hand - library).abs().max() / library.abs().max():.3f}"
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# In `lecture_lib`, SmoothGrad and Integrated Gradients call the same function with other samples:
#
#     mean_gradient(score, noisy_samples(image, noise_level=0.15))      # SmoothGrad
#     mean_gradient(score, path_samples(image, baseline, points))       # Integrated Gradients

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Two forms
#
# Two formulas go by the name Integrated Gradients. Say which one you use.
#
# | form | formula | unit | in code |
# |---|---|---|---|
# | the lecture notes' | $\frac1n \sum_k \nabla_I f(I_k)$ | score per unit of intensity | `multiply_by_inputs=False` |
# | Sundararajan's (2017) | $(I_* - B) \odot \frac1n \sum_k \nabla_I f(I_k)$ | score | `multiply_by_inputs=True` |
#
# The first is a mean *rate*. The second multiplies each rate by the *way* that the pixel goes ($\odot$: pixel by pixel).
# Only the second adds up to a score.

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Say which form you mean, each time. The two cells with 300 steps take longest: start them, then
# explain the helper. Let the room compare the middle and the last column before you ask where the photograph comes
# from.

# %% [markdown] slideshow={"slide_type": "subslide"}
# We need one helper. It walks along the path, and returns the mean gradient. On the way it notes how steeply the
# score rises *along the path*: $\nabla_I f(I_k) \cdot (I_* - B)$, the slope of $f$ in the direction in which we go.
#
# Coffee and camera man walk in 300 steps instead of 50. Why so many? You will see. Their samples lie at the right end of
# each step, so the last one is the photograph itself.

# %% slideshow={"slide_type": "fragment"}
from lecture_lib.progress import track


def walk(score, image, points, weights):
    """Mean gradient from black to the image, and the slope of the score along the path at every point."""
    total, slopes = torch.zeros_like(image), []
    samples = track(path_samples(image, torch.zeros_like(image), points), True, "steps", len(points))
    for gradient, weight in zip(gradients.sample_gradients(score, samples, batch_size=4), weights, strict=True):
        total += weight * gradient
        slopes.append((gradient * image).sum())  # I - B = I, for B is black
    return total, torch.stack(slopes)


# %% slideshow={"slide_type": "subslide"}
targets = {"cat": "tiger cat", "coffee": "espresso", "camera": "tripod", "rocket": "missile"}
photos = {name: pictures.photo(name) for name in targets}
scores = {name: network.score(target) for name, target in targets.items()}
mean_gradients, slopes_of = {"cat": cat_rates}, {}  # the cat has made its walk already, above

mean_gradients["coffee"], slopes_of["coffee"] = walk(espresso, coffee, *path_points(300, "right"))

# %% slideshow={"slide_type": "fragment"}
camera, tripod = photos["camera"], scores["camera"]
mean_gradients["camera"], slopes_of["camera"] = walk(tripod, camera, *path_points(300, "right"))

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
import numpy as np

figure, axes = plt.subplots(3, 4, figsize=(11, 7.6), layout="constrained")
for row, name in zip(axes, mean_gradients, strict=True):
    photo = photos[name]
    rates = {
        "gradient at the image": gradients.gradient(scores[name], photo),
        "the notes' form": mean_gradients[name],
        "Sundararajan's form": mean_gradients[name] * photo,
    }
    show.draw_image(row[0], photo, f"{name}: {targets[name]}, {50 if name == 'cat' else 300} steps")
    for ax, (title, values) in zip(row[1:], rates.items(), strict=True):
        map_ = maps.max_abs(values)
        label = "score" if "Sunda" in title else "score per intensity"
        show.draw_map(ax, map_, title, label=label, limit=np.percentile(map_, 99.5))
figure.suptitle("Gradient and Integrated Gradients from black (largest absolute value of the channels)")
show.figure(
    figure,
    alt="Cat, coffee and camera man, each with three maps: the gradient at the image, which is noisy; the notes' form, "
    "noisy but denser on the object; and Sundararajan's form, in which the photograph itself can be recognised.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# In the last column you recognise the photographs. Is that because the network looks at these things?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the factor draws
#
# **What do you expect: replace the mean gradient by random numbers, and multiply them by $I_* - B$. What does the map
# look like?**
#
# <details><summary>Answer</summary>
#
# Like the photograph. The factor draws it, whatever the network does.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** Vote first, then show the random numbers. It is the moment that people remember. The test with the
# painted pixels does not notice it either.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
noise = {name: torch.randn(photo.shape, generator=torch.Generator().manual_seed(0)) for name, photo in photos.items()}

figure, axes = plt.subplots(1, 4, figsize=(11, 2.9), layout="constrained")
for pair, name in zip(axes.reshape(2, 2), ("coffee", "camera"), strict=True):
    for ax, (title, values) in zip(
        pair, {"mean gradient × way": mean_gradients[name], "random numbers × way": noise[name]}.items(), strict=True
    ):
        map_ = maps.max_abs(values * photos[name])
        show.draw_map(ax, map_, f"{name}: {title}", limit=np.percentile(map_, 99.5))
figure.suptitle("One of each pair has never seen the network (each map on its own scale)")
show.figure(
    figure,
    alt="Two maps of the coffee cup and two of the camera man. The maps made from random numbers show the outlines of "
    "cup, spoon and camera man as clearly as the maps made from the network's gradients.",
)

# %% slideshow={"slide_type": "subslide"}
print("rank correlation with the brightness of the photograph")
print("photograph   notes' form   Sundararajan's form   random numbers × way")
for name in ("cat", "coffee"):
    photo, brightness = photos[name], maps.mean(photos[name])
    found = [
        round(measure.rank_correlation(maps.max_abs(values), brightness).item(), 1) + 0.0
        for values in (mean_gradients[name], mean_gradients[name] * photo, noise[name] * photo)
    ]
    print(f"{name:10}   {found[0]:11.1f}   {found[1]:19.1f}   {found[2]:20.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Without the factor the maps hardly follow the brightness. With it they do, and so does noise. **A map in which you
# recognise the photograph may show you the photograph.** Under a black baseline, bright pixels go a long way, so they
# get large entries.

# %% [markdown] slideshow={"slide_type": "subslide"}
# A popular test of a map: paint the top 20 % of its pixels black, and see how far the score falls. Does it notice
# the difference?


# %% slideshow={"slide_type": "fragment"}
def fall(score, photo, map_, share=0.2):
    """Fall of the score when the pixels with the largest values of the map are painted black."""
    threshold = torch.quantile(map_, 1 - share)
    painted = torch.where(map_[:, None] > threshold, torch.zeros_like(photo), photo)
    return (gradients.evaluate(score, photo) - gradients.evaluate(score, painted)).item()


print("fall of the score: top 20 % of    Integrated Gradients   random numbers × way   random numbers")
for name, total in mean_gradients.items():
    score, photo = scores[name], photos[name]
    falls = [fall(score, photo, maps.max_abs(values)) for values in (total * photo, noise[name] * photo, noise[name])]
    print(f"{name:31}   {falls[0]:20.0f}   {falls[1]:20.0f}   {falls[2]:14.0f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# It does not. Random numbers times the way do as well in this test as Integrated Gradients, or better. On the coffee
# even pixels drawn at random do more harm. Painting bright pixels black is simply a large change.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Completeness
#
# For the exact integral, the entries of Sundararajan's form add up to the rise of the score:
#
# $$\sum_i A_i = f(I_*) - f(B).$$
#
# This is the fundamental theorem of calculus along the path: add up the slope $\nabla_I f(I_k) \cdot (I_* - B)$ of every
# little step, and you get the whole rise. With $n$ steps it holds only approximately. What is left over is the
# **completeness gap**, $\sum_i A_i - (f(I_*) - f(B))$.

# %% [markdown] slideshow={"slide_type": "subslide"}
# So the sum of a map is the mean of the slopes along the path, which `walk` has noted. And every sixth of our 300 samples
# lies in the middle of one of 50 steps. That gives us the 50-step gap of coffee and camera for free.
#
# **What do you expect: the cat's map handed out too much, with 50 steps. How large is the gap of the other two?**
#
# <details><summary>Answer</summary>
#
# Smaller than the cat's, but not negligible, and different from photograph to photograph. (50 steps are the default of
# captum, a widely used library.)
#
# </details>


# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** A theorem, and what is left of it with 50 steps. Ask what 2.9 units of score mean that nobody gave.


# %% slideshow={"slide_type": "subslide"}
def rise_from_black(name):
    """How far the score rises from the black image to the photograph."""
    score, photo = scores[name], photos[name]
    return (gradients.evaluate(score, photo) - gradients.evaluate(score, torch.zeros_like(photo))).item()


rises = {name: rise_from_black(name) for name in targets}
cat_gap = gradients.completeness_gap(tiger_cat, cat, torch.zeros_like(cat), attribution).item()
gaps = {"cat": cat_gap} | {name: slopes[2::6].mean().item() - rises[name] for name, slopes in slopes_of.items()}
print("black baseline, 50 steps   rise f(I) - f(B)   gap: sum of the map - rise")
for name, gap in gaps.items():
    print(f"{name:24}   {rises[name]:16.1f}   {gap:+8.1f} = {100 * gap / rises[name]:+4.0f} %")

# %% [markdown] slideshow={"slide_type": "fragment"}
# What does a gap of 29 % mean? The map of the cat hands out 2.9 units of score that the network never gave. You cannot
# tell from the picture which pixels got them. **A map without its gap is a measurement without its error.**

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Left, midpoint, right
#
# The gap is the error of a numerical integral. How it shrinks depends on where in its step each sample lies: at the
# left end, in the middle, or at the right end. Gauss–Legendre points are spaced unevenly and weighted, to be exact for
# polynomials. First a function whose integral we know: a unit that saturates smoothly, $f(\alpha) = \tanh(3\alpha)$.

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** First the textbook, then the network, where the textbook does not help. Point at the dips: a small
# gap may be an accident.

# %% slideshow={"slide_type": "fragment"}
steps = [2, 4, 8, 16, 32, 64]
errors = {}
for rule in ("left", "right", "midpoint", "gauss"):
    errors[rule] = []
    for n_steps in steps:
        points, weights = map(np.array, path_points(n_steps, rule))
        integral = (weights * 3 / np.cosh(3 * points) ** 2).sum()  # the slope of tanh(3α)
        errors[rule].append(abs(integral - np.tanh(3)))

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for rule, style in {"left": "<--", "right": ">:", "midpoint": "o-", "gauss": "s-."}.items():
    ax.loglog(steps, errors[rule], style, label=rule)
ax.set(
    xlabel="steps $n$", ylabel="error of the integral", title="A smooth function: the rule matters", ylim=(1e-9, 10)
)
ax.set_xticks(steps, [str(n_steps) for n_steps in steps])
ax.minorticks_off()
ax.legend()
show.figure(
    figure,
    alt="Error against the number of steps, both logarithmic. Left and right fall along one line of slope -1, midpoint "
    "along a line of slope -2, and gauss drops to nothing.",
)

# %% slideshow={"slide_type": "subslide"}
for rule in ("left", "right", "midpoint"):
    order = np.log(errors[rule][-1] / errors[rule][-2]) / np.log(2)
    print(f"{rule:8}: error ∝ n^{order:.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# On a smooth function, double the steps and the midpoint rule is four times better, the left rule only twice. And on
# the network? Our slopes at $k/300$ hold all three rules for every number of steps that divides 300 (midpoint: 150).


# %% slideshow={"slide_type": "fragment"}
def percent(sum_of_map, name):
    """Completeness gap in percent of the rise."""
    return 100 * (sum_of_map.item() - rises[name]) / rises[name]


def gaps_by_rule(name):
    """Completeness gap in percent: rule → number of steps → gap."""
    right = slopes_of[name]  # at 1/300, 2/300, …, 1
    left = torch.cat([walk(scores[name], photos[name], [0.0], [1.0])[1], right[:-1]])  # at 0, 1/300, …, 299/300
    found = {"left": {}, "midpoint": {}, "right": {}}
    for n_steps in (5, 10, 15, 25, 30, 50, 75, 150, 300):
        step = 300 // n_steps
        found["left"][n_steps] = percent(left[::step].mean(), name)
        found["right"][n_steps] = percent(right[step - 1 :: step].mean(), name)
        if step % 2 == 0:
            found["midpoint"][n_steps] = percent(right[step // 2 - 1 :: step].mean(), name)
    return found


# %% slideshow={"slide_type": "subslide"}
by_rule = {name: gaps_by_rule(name) for name in slopes_of}
for name, rules in by_rule.items():
    print(f"{name},  50 steps:", ", ".join(f"{rule} {gaps[50]:+.0f} %" for rule, gaps in rules.items()))
    print(
        f"{name}, 300 steps: left and right miss by less than {np.ceil(max(abs(rules['left'][300]), abs(rules['right'][300]))):.0f} %"
    )

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained", sharey=True)
for ax, (name, rules) in zip(axes, by_rule.items(), strict=True):
    for rule, style in {"left": "<--", "right": ">:", "midpoint": "o-"}.items():
        ax.loglog(rules[rule].keys(), [abs(gap) for gap in rules[rule].values()], style, label=rule)
    ax.axhline(5, color="gray", linewidth=0.8)
    ax.set_xticks([5, 10, 25, 50, 150, 300], ["5", "10", "25", "50", "150", "300"])
    ax.set(xlabel="steps $n$", title=f"{name}: no rule wins")
    ax.minorticks_off()
axes[0].set_yticks([0.1, 1, 5, 10, 100], ["0.1", "1", "5", "10", "100"])
axes[0].set_ylabel("|gap| in % of the rise")
axes[0].legend()
show.figure(
    figure,
    alt="Absolute completeness gap against the number of steps for coffee and camera, both axes logarithmic. All rules "
    "start near 50 percent or above and fall irregularly, with accidental dips; at 300 steps all lie below 5 percent.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The textbook does not help here. At 50 steps the midpoint rule is the *worst*, on both photographs. At this resolution the
# score is not smooth along the path, so whether a sample falls on a steep place is a matter of luck. A small gap can
# be an accident, too: look at the dips. With 300 steps both photographs are below 3 %. No choice of a rule spares you
# from **looking at the gap**.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Where the gap comes from
#
# **What do you expect: the photograph gets brighter and brighter, from black. Which share of the whole rise has happened
# at 5 % of the brightness?**
#
# <details><summary>Answer</summary>
#
# More than half of it, on three of the four photographs. You see almost nothing there; the network does.
# The rocket needs twice the light.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** More than half of the rise happens in pictures in which you see nothing. Show the dark pictures for
# some seconds without a word.

# %% slideshow={"slide_type": "fragment"}
alphas = [*np.linspace(0, 0.1, 11), 0.13, 0.16, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85, 1.0]


def scores_on_path(name, alphas):
    """The score of the photograph at every brightness."""
    return torch.cat([gradients.evaluate(scores[name], float(alpha) * photos[name]) for alpha in alphas])


# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for name, style in {"cat": "-", "coffee": "--", "camera": "-.", "rocket": ":"}.items():
    curve = scores_on_path(name, alphas)
    share = 100 * (curve - curve[0]) / rises[name]
    ax.plot(alphas, share, style, label=name)
    print(
        f"{name:6}: {share[5].item():3.0f} % of the rise at 5 % of the brightness, {share[10].item():3.0f} % at 10 %"
    )
ax.set(
    xlabel="brightness α on the path from black", ylabel="% of the rise", title="Most of the rise happens in the dark"
)
ax.legend()
show.figure(
    figure,
    alt="Share of the rise of the score against brightness, for four photographs. All curves jump up within the first "
    "tenth of the path and change little afterwards.",
)

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
dark = [0.01, 0.03, 0.05, 0.1, 1.0]

show.images(
    torch.cat([alpha * coffee for alpha in dark]),
    [f"brightness {100 * alpha:.0f} %, score {espresso(alpha * coffee).item():.1f}" for alpha in dark],
    title="What the network scores as espresso",
    alt="Five times the coffee. At brightness 1, 3, 5 and 10 percent the picture is black or nearly black, but the score "
    "has already reached more than half of its final value at 5 percent.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# This is saturation, on a real network: the photograph sits on a plateau, and the rise lies far away, near black. So
# the map is made of gradients at pictures that nobody has ever looked at.

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now the gap. In each of the 50 steps, compare the rise that the midpoint's slope predicts with the rise that really
# happens between the two ends of the step.

# %% slideshow={"slide_type": "fragment"}
happens = scores_on_path("coffee", torch.linspace(0, 1, 51)).diff()
predicted = slopes_of["coffee"][2::6] / 50  # in the middle of each of 50 steps
error = predicted - happens

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.2), layout="constrained")
first = range(1, 11)
axes[0].plot(first, predicted[:10], "o-", color="C1", label="predicted by the slope in the middle")
axes[0].plot(first, happens[:10], "s--", color="C0", label="happens")
axes[0].set(
    xlabel="step (of 50)", ylabel="rise of the score", title="The first ten steps: a steep slope, sampled coarsely"
)
axes[0].legend()
axes[1].bar(range(1, 51), error.numpy(), color="gray")
axes[1].set(xlabel="step (of 50)", ylabel="error of the step", title="Nearly all of the gap is made near black")
show.figure(
    figure,
    alt="Left: predicted and real rise in the first ten steps; both are large and differ in single steps. Right: the error "
    "of each of the 50 steps; only the first few are visible.",
)

# %% slideshow={"slide_type": "fragment"}
print(f"gap {error.sum().item():.1f}, of which the first 5 of 50 steps make {error[:5].sum().item():.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# So you know the remedy: more steps, above all near black. Or a baseline from which the score rises less abruptly.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Compared with what?
#
# The baseline is a part of the question. “Why espresso *rather than a black picture*?” is not “why espresso *rather
# than this blurred scene*?”. Five baselines for the camera man:

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Five baselines, five questions. The cup in the last map is the best picture of the chapter: the map
# explains a difference of two pictures.

# %% slideshow={"slide_type": "fragment"}
from lecture_lib.samples import baseline_images

baselines = {name: baseline_images(camera, name) for name in ("black", "white", "blur", "uniform")} | {
    "another photograph": coffee
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
show.images(
    torch.cat([camera, *baselines.values()]),
    ["image", *baselines],
    title="Where the path can start",
    columns=6,
    alt="The camera man, and five baselines: black, white, the camera man blurred, coloured noise, the cup of coffee.",
)

# %% slideshow={"slide_type": "subslide"}
attributions = {}
print("baseline             score of the baseline   completeness gap")
for name, start in baselines.items():
    attributions[name] = gradients.integrated_gradients(
        tripod, camera, baseline=start, n_steps=20, batch_size=4, progress=True
    )
    missing = gradients.completeness_gap(tripod, camera, start, attributions[name]).item()
    print(f"{name:18}   {tripod(start).item():21.1f}   {missing:+16.1f}")

# %% slideshow={"slide_type": "subslide"} tags=["picture:thumbnail", "hide-input"]
baseline_maps = {name: maps.max_abs(values) for name, values in attributions.items()}

show.maps(
    camera,
    baseline_maps,
    columns=3,
    label="score",
    percentile=97,
    title="One image, one class, one method: five baselines",
    alt="The camera man and five maps. Under black the coat is empty; under white it is bright and the sky is empty; "
    "under blur and noise most entries are small; under the cup of coffee the cup shows.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Look at the last map: there is a cup in it. The photograph has no cup. The map explains a *difference* of two pictures,
# so it shows both.

# %% [markdown] slideshow={"slide_type": "subslide"}
# How much do they agree? We compare every two maps by their rank correlation, and take one more number as a yardstick:
# two maps with the *same* baseline, black, whose samples lie at other places of the path (these 20 midpoints, and the 300
# right ends from before). That is what numerical error alone does.

# %% slideshow={"slide_type": "fragment"}
names = list(baseline_maps)
matrix = torch.tensor(
    [[measure.rank_correlation(baseline_maps[a], baseline_maps[b]).item() for a in names] for b in names]
)
same = measure.rank_correlation(baseline_maps["black"], maps.max_abs(mean_gradients["camera"] * camera))

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
picture = ax.imshow(matrix.numpy(), cmap="RdBu_r", vmin=-1, vmax=1)
ax.set_xticks(range(5), names, rotation=30, ha="right")
ax.set_yticks(range(5), names)
for row in range(5):
    for column in range(5):
        colour = "white" if matrix[row, column] > 0.7 else "black"
        ax.text(column, row, f"{matrix[row, column]:.2f}", ha="center", va="center", color=colour)
ax.set_title("Maps from different baselines hardly agree")
figure.colorbar(picture, label="rank correlation", shrink=0.8)
show.figure(
    figure,
    alt="A table of rank correlations between the five maps: 1 on the diagonal, about 0.4 or less everywhere else.",
)

# %% slideshow={"slide_type": "subslide"}
others = matrix[~torch.eye(5, dtype=torch.bool)]
print(f"the two most similar baselines: {others.max().item():.1f}")
print(f"the same baseline, other samples: {same.item():.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The baseline decides most of the map. None of the five is wrong: each answers its own question. A map that does not
# name its baseline answers none.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What a baseline hides
#
# The factor $I_* - B$ is 0 where the image equals the baseline. There the map is 0, **whatever the network does**.
# The camera man wears a black coat.
#
# **What do you expect: which share of the map's total lies on the coat, under the black baseline and under the white?**
#
# <details><summary>Answer</summary>
#
# Under black next to nothing, under white more than its share of the area. The network is the same.
#
# </details>
#
# We define the coat so that you can check it: darker than 0.2, in the rows 60 to 165, and to the left of column 85.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** The same network, the same coat. Under black it does not count, under white it does.

# %% slideshow={"slide_type": "fragment"}
coat = torch.zeros(1, 224, 224, dtype=torch.bool)
coat[:, 60:165, :85] = camera[:, 0, 60:165, :85] < 0.2

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.1), layout="constrained")
show.draw_image(
    axes[0], torch.where(coat[:, None], torch.tensor([1.0, 0.6, 0.0]).view(1, 3, 1, 1), camera), "the coat (orange)"
)
limit = np.percentile(torch.cat([baseline_maps["black"], baseline_maps["white"]]), 99.5)
show.draw_map(axes[1], baseline_maps["black"], "baseline black", label="score", limit=limit)
show.draw_map(axes[2], baseline_maps["white"], "baseline white", label="score", limit=limit)
figure.suptitle("The coat is empty under black, and full under white")
show.figure(
    figure,
    alt="The camera man with his coat marked in orange, and two maps on one scale. Under black the coat is a dark hole; "
    "under white it is among the brightest regions.",
)

# %% slideshow={"slide_type": "subslide"}
print(f"share of the picture's area: {100 * coat.float().mean().item():.0f} %")
for name, values in attributions.items():
    share = values.abs()[coat[:, None].expand_as(values)].sum() / values.abs().sum()
    print(f"share of the sum of absolute values, baseline {name}: {100 * share.item():.0f} %")

# %% [markdown] slideshow={"slide_type": "subslide"}
# And exactly nothing? The coat is very dark, but not 0. Where an entry is exactly black, the rule holds exactly:

# %% slideshow={"slide_type": "fragment"}
entries = (mean_gradients["coffee"] * coffee)[coffee == 0]
rates = mean_gradients["coffee"][coffee == 0]
print(f"entries of the coffee that are exactly 0: {len(entries)}")
print(
    f"with a mean gradient other than 0: {(rates != 0).sum().item()}; with an attribution other than 0: {(entries != 0).sum().item()}"
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Same function, other code
#
# A network is a function, and it is also a piece of code. Should a map depend on the code? Sundararajan et al. say no,
# and call this **implementation invariance**. Here are two codes of one function:
#
# $$f = \mathrm{relu}(\mathrm{relu}(x_1) - 1 - \mathrm{relu}(x_2)), \qquad g = \mathrm{relu}(\mathrm{relu}(x_1 - 1) - \mathrm{relu}(x_2)).$$


# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Two codes of one function. Completeness does not make a map right: both add up to 1.


# %% slideshow={"slide_type": "subslide"}
def other_code(images):
    """relu(relu(x1 - 1) - relu(x2)) for images of two pixels."""
    first, second = images.flatten(1).T
    return torch.relu(torch.relu(first - 1) - torch.relu(second))


anywhere = 10 * torch.rand(10_000, 1, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 5
difference = (two_inputs(anywhere) - other_code(anywhere)).abs().max().item()
print(f"largest difference of f and g at 10000 random points: {difference:.6f}")
for name, code in {"f": two_inputs, "g": other_code}.items():
    first, second = (
        (gradients.mean_gradient(code, path_samples(x, b, path_points(1000)[0])) * (x - b)).flatten().tolist()
    )
    print(f"Integrated Gradients of {name}: ({first:.2f}, {second:.2f})")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Integrated Gradients uses nothing but gradients of the whole function, so it can't tell the codes apart. Now a method
# that can: go through the network unit by unit, replace the derivative of each unit by a **finite difference** between
# image and baseline, and multiply as in the chain rule. (This is the rescale rule of DeepLIFT, Shrikumar et al. 2017.)


# %% slideshow={"slide_type": "fragment"}
def ratio(now, before):
    """Finite difference of a relu: change of its output per change of its input."""
    return (max(now, 0) - max(before, 0)) / (now - before)


# f: the first units see x1 and x2, the last one sees relu(x1) - 1 - relu(x2): 1 at the image, -1 at the baseline
of_f = (3 * ratio(3, 0) * ratio(1, -1), -1 * ratio(1, 0) * ratio(1, -1))
# g: the first units see x1 - 1 and x2, the last one sees relu(x1 - 1) - relu(x2): 1 at the image, 0 at the baseline
of_g = (3 * ratio(2, -1) * ratio(1, 0), -1 * ratio(1, 0) * ratio(1, 0))
for name, (first, second) in {"f": of_f, "g": of_g}.items():
    print(f"finite differences through {name}: ({first:.2f}, {second:.2f}), sum {first + second:.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Both add up to 1, so both are complete. But the same function got two answers. **Completeness alone does not make a map
# right**: there are many ways to share out one sum.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the map does not say
#
# The map shares out a rise. It is tempting to read it as “take this region away, and the score falls by its share”. We
# measure: paint one square of 32 × 32 pixels black, which is the baseline, and compare the fall of the score with the
# sum of the map in this square.


# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** One square holds more than half of the rise, and nothing falls when it goes. Then paint the coat: to
# learn what a region does, change the region.


# %% slideshow={"slide_type": "fragment"}
def paint_squares(image, side=32):
    """49 copies of the image; in each, another square is black."""
    copies = image.repeat(49, 1, 1, 1)
    for k in range(49):
        row, column = side * (k // 7), side * (k % 7)
        copies[k, :, row : row + side, column : column + side] = 0
    return copies


# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for ax, name in zip(axes, ("coffee", "camera"), strict=True):
    score, photo = scores[name], photos[name]
    in_square = torch.nn.functional.avg_pool2d((mean_gradients[name] * photo).sum(dim=1), 32).flatten() * 32 * 32
    after = torch.cat([gradients.evaluate(score, painted[None]) for painted in paint_squares(photo)])
    falls = gradients.evaluate(score, photo) - after
    correlation = torch.corrcoef(torch.stack([in_square, falls]))[0, 1].item()
    largest = in_square.argmax()
    print(
        f"{name}: the square with the largest share, {in_square[largest].item():.1f}, costs {falls[largest].item():.1f}"
    )
    ax.axline((0, 0), slope=1, color="gray", linestyle=":", label="fall = share")
    ax.plot(in_square, falls, "o", markersize=4, alpha=0.7, label="one square")
    ax.set(
        title=f"{name}: correlation {correlation:.1f}",
        xlabel="sum of the map in the square",
        ylabel="fall when painted black",
    )
axes[0].legend()
show.figure(
    figure,
    alt="Two scatter plots: the sum of the map in each of 49 squares against the fall of the score when the square is "
    "painted black. The dots do not follow the diagonal; the shares spread wider than the falls.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The shares add up to the whole rise, but a single share says little about its square. One square of the coffee holds
# more than half of the rise, and the score does not even fall when it goes. The map speaks about a path on which *all*
# pixels darken together. No picture on this path ever loses one square.

# %% [markdown] slideshow={"slide_type": "subslide"}
# And the coat? Black says that it does not count, white says that it counts a lot. Ask the network: paint it.

# %% slideshow={"slide_type": "fragment"}
print(f"as it is: score {tripod(camera).item():.1f}")
for gray in (0.0, 0.25, 0.5, 0.75, 1.0):
    painted = torch.where(coat[:, None], torch.full_like(camera, gray), camera)
    print(f"coat painted with intensity {gray:.2f}: score {tripod(painted).item():.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Whatever the colour, the score changes by about 1 of 11 at most. White's large entries on the coat are real slopes on the
# path from a white picture; they are no evidence that the network needs the coat. To learn what a region does, change
# the region.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it
#
# Choose photograph, class, baseline and steps. Watch the gap next to the map.

# %% [markdown] slideshow={"slide_type": "notes"}
# **1 minute.** Watch the gap beside the map while you turn the steps up.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
from lecture_lib import widgets

widgets.integrated_gradients(network)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - Integrated Gradients is Eq. (1) with samples on the line from a baseline to the image. The notes stop there;
#   Sundararajan's form multiplies by $I_* - B$. Say which one you show.
# - Sundararajan's form adds up to $f(I_*) - f(B)$. With 50 steps from black it missed by 9 to 29 %; with 300 steps, on
#   coffee and camera, by less than 3 %. Report the gap.
# - Most of the rise happens below a tenth of the brightness, and so does nearly all of the error.
# - The baseline decides most of the map, and hides whatever equals it. Compared with what?
# - Its shares do not predict what happens when a region is taken away. We measured that they do not.
#
# **Now you:** [exercise 04](../exercises/04_integrated_gradients/04_integrated_gradients.ipynb).

# %% [markdown] slideshow={"slide_type": "notes"}
# **1 minute.** Which form, which baseline, how many steps, which gap: four things to write under every map.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Read on
#
# - Feragen, *Lecture notes on explainable AI: Saliency maps*, 2023, section 2.1, Fig. 5.
# - Sundararajan, Taly, Yan, *Axiomatic attribution for deep networks*, 2017, arXiv:1703.01365. The two codes of one
#   function are from its appendix.
# - Sturmfels, Lundberg, Lee, *Visualizing the impact of feature attribution baselines*, Distill 2020,
#   doi:10.23915/distill.00022.
# - Shrikumar, Greenside, Kundaje, *Learning important features through propagating activation differences*, 2017,
#   arXiv:1704.02685.
# - Kapishnikov et al., *Guided Integrated Gradients*, 2021, arXiv:2106.09788: another path than the straight line.
#
# **With another network.** Replace `networks.efficientnet_lite0()` at the top by `networks.load("resnet50")`, and cut
# the photographs as that network expects them: `pictures.photo("cat", **network.preprocessing)`. Is its rise near
# black, too? How many steps does it need for a gap below 5 %?
