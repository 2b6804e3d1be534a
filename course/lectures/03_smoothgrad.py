# %% [markdown] slideshow={"slide_type": "slide"}
# # 03 · SmoothGrad
#
# **Noise that you cannot see turns many slopes around.** Add noise with a standard deviation of 1 % to the
# photograph of the camera man, and compare the gradients before and after.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** The score hardly moves, and the slopes turn: ask the room which of the two a map shows. A share of
# 0.5 would mean that the signs after the noise are a coin toss. Short of time? Leave out noise with structure and
# shattered gradients.

# %% slideshow={"slide_type": "subslide"}
import torch

from lecture_lib import gradients, maps, measure, networks, pictures, samples, show

network = networks.efficientnet_lite0()
camera, tripod = pictures.photo("camera"), network.score("tripod")
noisy_camera = next(samples.noisy_samples(camera, noise_level=0.01, seed=1)).clamp(0, 1)

vanilla = gradients.gradient(tripod, camera)
turned = (vanilla * gradients.gradient(tripod, noisy_camera) < 0).float().mean().item()
print(f"score: {tripod(camera).item():.1f} before, {tripod(noisy_camera).item():.1f} after")
print(f"share of the slopes that change their sign: {turned:.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Vanilla maps look noisy
#
# The gradient is as stable as the classifier, not more. Here are the vanilla maps of three photographs.

# %% [markdown] slideshow={"slide_type": "notes"}
# **2 minutes.** Three photographs, three clouds of dots. Ask whether better colours would help, and leave the
# question open.

# %% slideshow={"slide_type": "fragment"}
import matplotlib.pyplot as plt

plt.style.use("lecture_lib.lecture")

targets = {"camera": "tripod", "rocket": "missile", "cat": "tiger cat"}

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(2, 3, figsize=(8.4, 5.6), layout="constrained")
figure.suptitle("Vanilla maps look noisy")
for column, (name, target) in enumerate(targets.items()):
    photo = pictures.photo(name)
    show.draw_image(axes[0, column], photo, name)
    map = maps.max_abs(gradients.gradient(network.score(target), photo))
    limit = map.quantile(0.995).item()
    show.draw_map(axes[1, column], map, target, label="score per unit of intensity", limit=limit)
show.figure(
    figure,
    alt="Camera man, rocket and cat; below each its vanilla map. All three maps are clouds of fine bright dots in which "
    "the object can hardly be made out.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Is this noise in the *picture of the map*, a bad choice of colours? Or does the network really react to neighbouring
# pixels so differently? The next slides look at one pixel.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One pixel, on the way to a noisy copy
#
# Take the noisy copy from the first slide, $I_* + \epsilon$. Walk there on a straight line in 49 points, and watch the
# three slopes (red, green, blue) of a single pixel. We take the brightest pixel of the vanilla map.
#
# **What do you expect: how often does such a slope change its sign on the way?**
#
# <details><summary>Answer</summary>
#
# About four times on average over all pixels and channels, and more than 20 times at most. Only about one slope in
# seven keeps its sign. With a finer walk you would find even more changes, so these numbers are lower bounds.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** Everybody writes down a number of sign changes. The three curves are the answer to the question of
# colours: the slopes themselves jump.

# %% slideshow={"slide_type": "fragment"}
points = torch.linspace(0, 1, 49)
line = samples.path_samples(noisy_camera, camera, points.tolist())
slopes = torch.cat(list(gradients.sample_gradients(tripod, line, progress=True)))  # (points, 3, H, W)

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
row, column = divmod(maps.max_abs(vanilla).argmax().item(), 224)

figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for channel, (colour, style) in enumerate({"C5": "-", "C2": "--", "C0": ":"}.items()):
    label = ["red", "green", "blue"][channel]
    ax.plot(points, slopes[:, channel, row, column], style, color=colour, marker=".", label=label)
ax.axhline(0, color="black", linewidth=0.8)
ax.set(xlabel="position on the line from I (0) to I + ε (1)", ylabel="score per unit of intensity")
ax.set_title("The slopes of one pixel jump, and change their sign")
ax.legend()
show.figure(
    figure,
    alt="Slopes of the red, green and blue channel of one pixel against the position on the line. All three jump, green "
    "most of all, and cross zero.",
)


# %% slideshow={"slide_type": "subslide"}
def sign_changes(slopes):
    """How often each slope changes its sign from one point of the line to the next."""
    return (slopes[1:] * slopes[:-1] < 0).sum(dim=0).float()


for step, text in [(1, "49 points"), (4, "13 points")]:
    changes = sign_changes(slopes[::step])
    print(
        f"{text}: {changes.mean():.1f} sign changes per slope; {(changes > 0).float().mean():.2f} change at least once"
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# So it is not the colours. The slopes really jump. Which of the 49 maps would you hang on the wall? SmoothGrad says:
# none of them. Take the mean.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The mean of the gradients
#
# Draw $n$ images $I_n$ near the photograph, and average their gradients:
#
# $$\hat S(I_*) = \frac1n \sum_n \nabla_I f(I_n), \qquad I_n \sim \mathcal N(I_*, \Sigma) \tag{1}$$
#
# This is **SmoothGrad** (Smilkov et al. 2017). The simplest $\Sigma$ has $\sigma^2$ on the diagonal and 0 elsewhere:
# every pixel and every channel gets its own noise, $I_n = I_* + \sigma z_n$, where all entries of $z_n$ are independent
# draws from the standard normal distribution.

# %% [markdown] slideshow={"slide_type": "notes"}
# **8 minutes.** Read Eq. (1) from the inside: draw, differentiate, take the mean. The noise level is a share of the
# range of this image: have them compute σ for the rocket. Then ask from which n on they recognise something, and show
# the five maps.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## From noise level to σ
#
# How large is $\sigma$? A photograph that uses only half of the range from black to white should get half the noise.
# So one states the **noise level** $\sigma / (I_{max} - I_{min})$. The range is taken *image by image*, over all pixels
# and channels. The noisy pixels may leave $[0, 1]$; nothing is clipped, or else they would no longer be normal.

# %% slideshow={"slide_type": "fragment"}
three = torch.cat([pictures.photo(name) for name in targets])
ranges = three.amax(dim=(1, 2, 3)) - three.amin(dim=(1, 2, 3))
for name, spread in zip(targets, ranges, strict=True):
    print(f"{name:6}: I_max - I_min = {spread:.2f}, so noise level 20 % means σ = {0.2 * spread:.2f}")

one_sample = next(samples.noisy_samples(three, noise_level=0.2, seed=0))
measured = (one_sample - three).std(dim=(1, 2, 3))
print("measured standard deviations:", [round(value, 2) for value in measured.tolist()])

# %% [markdown] slideshow={"slide_type": "subslide"}
# By hand, SmoothGrad is a short loop. The function of `lecture_lib` draws the same noise for the same seed, and sends
# several samples through the network at once.

# %% slideshow={"slide_type": "fragment"}
generator = torch.Generator().manual_seed(0)
sigma = 0.2 * (camera.max() - camera.min())
total = torch.zeros_like(camera)
for _ in range(4):
    noise = torch.randn(camera.shape, generator=generator)  # new noise for every sample
    noisy = (camera + sigma * noise).requires_grad_()
    total += torch.autograd.grad(tripod(noisy).sum(), noisy)[0]
by_hand = total / 4
library = gradients.smoothgrad(tripod, camera, noise_level=0.2, n_samples=4, seed=0)
print(
    f"largest difference, as a share of the largest slope: {((by_hand - library).abs().max() / library.abs().max()).item():.3f}"
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Fifty gradients
#
# **What do you expect: with how many samples can you recognise something?**
#
# <details><summary>Answer</summary>
#
# One gradient at a noisy copy is as noisy as the vanilla map. From about four samples on the man comes out, with a dozen
# the joint of the tripod as well.
#
# </details>

# %% slideshow={"slide_type": "fragment"}
noisy_copies = samples.noisy_samples(camera, noise_level=0.2, n_samples=50, seed=0)
fifty = torch.cat(list(gradients.sample_gradients(tripod, noisy_copies, progress=True)))  # (50, 3, H, W)

# %% slideshow={"slide_type": "subslide"} tags=["picture:thumbnail", "hide-input"]
show.maps(
    camera,
    {
        "vanilla": maps.max_abs(vanilla),
        **{f"n = {n}": maps.max_abs(fifty[:n].mean(dim=0, keepdim=True)) for n in (1, 4, 12, 50)},
    },
    same_scale=False,
    columns=3,
    title="SmoothGrad for tripod, noise level 20 %: the mean of n gradients",
    alt="The camera man; his vanilla map; and means of 1, 4, 12 and 50 gradients. The dots get finer and the man, his camera "
    "and the joint of the tripod come out.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# Each map has its own scale: the slopes of the mean of 50 gradients are about five times smaller than those of one, for most of it
# cancels. Say it now; we measure it below.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What is smoothed?
#
# The lecture notes say: Gaussian smoothing *over image space*. That is the space in which every *image* is a point.
# SmoothGrad does not blur the map across neighbouring pixels. It averages over neighbouring *images*.
#
# An image with a single pixel $x$ shows it best. Its score be $f(x) = \sin 3x + 0.03 \sin 60 x$: a wave with ripples that
# you hardly see. For normal noise the mean of $\sin \omega (x + \sigma z)$ is known, $e^{-\omega^2 \sigma^2 / 2} \sin
# \omega x$. So we can draw the smoothed score exactly.

# %% [markdown] slideshow={"slide_type": "notes"}
# **9 minutes.** “Smoothing over image space” is misread by nearly everybody as a blur of the map. One pixel with
# ripples shows what it is. The equation is worth the board: a derivative is linear, so SmoothGrad is the gradient of
# another score. The table checks it on the network.

# %% slideshow={"slide_type": "fragment"}
x = torch.linspace(-1.5, 1.5, 601, dtype=torch.float64)
waves = [(3.0, 1.0), (60.0, 0.03)]  # frequency ω and height


def ripples(x, sigma):
    """The score smoothed with noise of standard deviation sigma, and its slope."""
    damped = [(w, height * torch.tensor(-(w**2) * sigma**2 / 2).exp()) for w, height in waves]
    return sum(a * torch.sin(w * x) for w, a in damped), sum(a * w * torch.cos(w * x) for w, a in damped)


# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
for sigma, style in {0.0: "-", 0.05: "--"}.items():
    for ax, curve in zip(axes, ripples(x, sigma), strict=True):
        ax.plot(x, curve, style, label=f"smoothed with σ = {sigma}" if sigma else "as it is")
axes[0].set(title="The score: ripples hardly matter", xlabel="pixel x", ylabel="score")
axes[1].set(title="The slope: ripples are all you see", xlabel="pixel x", ylabel="score per unit of intensity")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
show.figure(
    figure,
    alt="Left: a wave with tiny ripples, and the same wave smoothed; the two nearly coincide. Right: their slopes; the "
    "slope of the rippled wave swings wildly, that of the smoothed wave is a calm curve.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now the two ways to the dashed slope: differentiate the smoothed score, or average the slopes at noisy pixels.

# %% slideshow={"slide_type": "fragment"}
z = torch.randn(100_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
print("   x   slope of the smoothed score   mean of 100 000 slopes   slope without smoothing")
for pixel in [-1.0, 0.0, 0.5]:
    here = torch.tensor(pixel, dtype=torch.float64)
    mean = ripples(here + 0.05 * z, sigma=0.0)[1].mean()
    print(f"{pixel:4.1f}   {ripples(here, 0.05)[1]:27.1f}   {mean:22.1f}   {ripples(here, 0.0)[1]:23.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## The gradient of the smoothed score
#
# That was no luck. A derivative is linear, so it may be pulled out of a mean:
#
# $$\frac1n \sum_n \nabla_I f(I_* + \sigma z_n) = \nabla_I \Big[ \frac1n \sum_n f(I_* + \sigma z_n) \Big].$$
#
# **SmoothGrad is the vanilla gradient of another score**: the mean score of the noisy copies. With the *same* noise on
# both sides this is exact for any $n$. We check it on the network with $n = 8$: the mean of 8 gradients predicts the rise of
# the mean score for a step along it. Beside it the same for the vanilla gradient and the score itself. “Came true” is the
# measured rise, divided by the predicted one.

# %% slideshow={"slide_type": "subslide"}
eight = torch.cat(list(samples.noisy_samples(camera, noise_level=0.2, n_samples=8, seed=0))) - camera


def smoothed(images, noise=eight):
    """Mean score of the noisy copies of every image."""
    return torch.stack([tripod(image + noise).mean() for image in images])


smooth = fifty[:8].mean(dim=0, keepdim=True)  # seed 0 again: the same noise


def rise(score, direction, radius):
    """How far the score rises after a step from the camera man; the direction is scaled to length 1."""
    step = radius * direction / direction.norm()
    return (gradients.evaluate(score, camera + step) - gradients.evaluate(score, camera)).item()


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
print("length    smoothed score          score")
print("of step   predicted  came true    predicted  came true")
for radius in [0.03, 0.1, 1.0]:
    of_smoothed, of_score = radius * smooth.norm().item(), radius * vanilla.norm().item()
    true_smoothed, true_score = rise(smoothed, smooth, radius) / of_smoothed, rise(tripod, vanilla, radius) / of_score
    print(f"{radius:7.2f}   {of_smoothed:9.1f}  {true_smoothed:9.1f}    {of_score:9.1f}  {true_score:9.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The equation holds: the first prediction comes true. And something is gained. At length 0.1 a third of the vanilla
# prediction is lost already; of the smoothed one, a third is lost only at length 1. The smoothed score is straighter, so its
# gradient carries about ten times as far.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Which noise level?
#
# The noise level is a knob. Smilkov et al. recommend 10 to 20 %. We turn it from 0 to 50 %, for three photographs. To
# save time we take only 8 samples each. Above each map stands the mean probability of the class over four of the noisy
# copies: *does the network still recognise what we are explaining?*

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Let the room choose the best map first. Then show the probabilities above the maps: the prettiest map
# explains images that the network does not recognise.

# %% slideshow={"slide_type": "subslide"}
levels = [0.0, 0.05, 0.1, 0.2, 0.3, 0.5]
by_level = {name: [] for name in targets}
recognised = {name: [] for name in targets}
for name, target in targets.items():
    photo = pictures.photo(name)
    for level in levels:
        n = 8 if level else 1  # without noise all samples are equal
        smooth_map = gradients.smoothgrad(network.score(target), photo, noise_level=level, n_samples=n, progress=True)
        by_level[name].append(maps.max_abs(smooth_map))
        copies = torch.cat(list(samples.noisy_samples(photo, noise_level=level, n_samples=4)))
        recognised[name].append(gradients.evaluate(network.probability(target), copies).mean().item())

# %% slideshow={"slide_type": "subslide"} tags=["picture:gallery", "hide-input"]
figure, axes = plt.subplots(3, 7, figsize=(11.5, 5.6), layout="constrained")
for line_of_axes, (name, target) in zip(axes, targets.items(), strict=True):
    show.draw_image(line_of_axes[0], pictures.photo(name), target)
    for ax, level, map, p in zip(line_of_axes[1:], levels, by_level[name], recognised[name], strict=True):
        show.draw_map(ax, map, f"{level:.0%} (p = {p:.2f})", limit=map.quantile(0.995).item())
figure.suptitle("SmoothGrad against the noise level, n = 8; each map has its own scale, dark is 0")
show.figure(
    figure,
    alt="A grid of three photographs and six noise levels. For the tripod, legs appear at 30 and 50 percent; the missile "
    "gets clear from 5 percent on; for the cat, the nose is bright at 10 percent and the eyes at 50 percent. The probability falls to 0 at 50 "
    "percent.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The tripod's legs are clearest at 50 %. But there the network no longer sees a tripod at all: the mean probability is
# near 0. **The prettiest map explains images that the network does not recognise.** A good noise level is not the one
# whose map looks best. Look at the noisy copies, too.

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
copies = [next(samples.noisy_samples(camera, noise_level=level, n_samples=1)) for level in levels]

show.images(
    torch.cat(copies),
    [f"{level:.0%}: p(tripod) = {p:.2f}" for level, p in zip(levels, recognised["camera"], strict=True)],
    columns=3,
    title="What the network is shown at each noise level",
    alt="The camera man with more and more noise. At 50 percent he is still easy to recognise for a human.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How many samples?
#
# The mean of $n$ random gradients is itself random. Statistics says how far it lies from the mean of infinitely many:
# the **standard error** falls like $1/\sqrt n$, for independent samples with a finite variance. Four times the samples,
# half the error.
#
# **What do you expect: on double-logarithmic paper, which slope does the error have?**
#
# <details><summary>Answer</summary>
#
# $\log (c / \sqrt n) = \log c - \frac12 \log n$: a straight line with slope $-\frac12$, whatever the network.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** The slope of one half is statistics, and holds for any network. Then the better question: are 50
# enough for what you want to read off? For regions yes, for signs no.

# %% [markdown] slideshow={"slide_type": "subslide"}
# Samples of the real network are dear, so we measure twice: 32 samples of the tripod's score, and 4096 samples of a
# small network that tells faces from other pictures.

# %% slideshow={"slide_type": "fragment"}
from sklearn.neural_network import MLPClassifier

faces, labels = pictures.faces()  # 200 gray images of 25 × 25 pixels
mlp = MLPClassifier((32,), activation="tanh", max_iter=100, tol=0.01, random_state=0)
mlp.fit(faces.flatten(1).numpy(), labels.numpy())
(w1, w2), (b1, b2) = ([torch.from_numpy(part).float() for part in parts] for parts in (mlp.coefs_, mlp.intercepts_))


def face_score(images):
    """Logit of “face”: two layers with a tanh between them."""
    return (torch.tanh(images.flatten(1) @ w1 + b1) @ w2 + b2).squeeze(1)


# %% slideshow={"slide_type": "fragment"}
sizes, many_sizes = [1, 2, 4, 8, 16], [1, 4, 16, 64, 256, 1024]
draws = samples.noisy_samples(camera, noise_level=0.2, n_samples=32, seed=1)
error = measure.sampling_error(tripod, draws, sizes, progress=True)
face_draws = samples.noisy_samples(faces[:1], noise_level=0.2, n_samples=4096, seed=1)
face_error = measure.sampling_error(face_score, face_draws, many_sizes, batch_size=256)

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
import numpy as np

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for label, n, errors, style in [
    ("EfficientNet-Lite0, tripod", sizes, error, "o-"),
    ("small network, face", many_sizes, face_error, "s--"),
]:
    fitted, _ = np.polyfit(np.log(n), errors.log().numpy(), 1)
    print(f"{label}: slope {fitted:.1f}")
    ax.loglog(n, errors / errors[0], style, label=label)
ax.set(xlabel="samples n", ylabel="error / error of one sample", title="The error falls like 1/√n")
ax.legend()
show.figure(
    figure,
    alt="Error against the number of samples, both axes logarithmic. Two straight lines that fall by half for every "
    "fourfold number of samples.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Are 50 samples enough?
#
# An error is large or small only in comparison with what it disturbs. So compare two maps from two separate draws of 25
# samples. If the map were settled, they would agree.

# %% slideshow={"slide_type": "subslide"}
first, second = fifty[:25].mean(dim=0, keepdim=True), fifty[25:].mean(dim=0, keepdim=True)


def squares(map):
    """Mean of a map over squares of 8 × 8 pixels: what you see from further away."""
    return torch.nn.functional.avg_pool2d(map, 8)


print("rank correlation of two draws, n = 25 each")
for text, one, other in [
    ("slopes with sign, pixel by pixel  ", first, second),
    ("max of absolute values, by pixel  ", maps.max_abs(first), maps.max_abs(second)),
    ("the same, in squares of 8 × 8     ", squares(maps.max_abs(first)), squares(maps.max_abs(second))),
]:
    print(f"{text} {measure.rank_correlation(one, other).item():.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The *sign* of a single pixel means next to nothing at this $n$: what is left of the noise is larger than what we
# measure. The *regions* are settled all right. So read a SmoothGrad map as you look at it, from a distance, and do not
# colour it by sign unless $n$ is in the hundreds.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Noise with structure
#
# In Eq. (2) of the lecture notes $\Sigma$ is $\sigma^2$ on the diagonal: the pixels vary independently. That is easy to
# draw, but no photograph varies like this. $\Sigma$ may have entries off the diagonal, so that neighbours vary together.
# Given a matrix $L$ with $L L^\top = \Sigma$, the product $L z$ has covariance $\Sigma$ if $z$ is independent.
#
# The 25 × 25 faces are small enough to write $\Sigma$ down: 625 × 625 numbers. We let the correlation fall with the
# distance $d$ of two pixels like $e^{-d/3}$.

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** Σ is a part of the question. Most people expect a smoother map from smoother noise; it is the other
# way round. The linear score at the end needs no averaging at all.

# %% slideshow={"slide_type": "subslide"}
places = torch.cartesian_prod(torch.arange(25.0), torch.arange(25.0))  # (625, 2)
correlation = torch.exp(-torch.cdist(places, places) / 3)

face = faces[labels == 1][:1]
options = {"noise_level": 0.2, "n_samples": 400}
independent = torch.cat(list(samples.noisy_samples(face, **options))) - face
together = torch.cat(list(samples.noisy_samples(face, **options, correlation=correlation))) - face
for text, noise in [("diagonal", independent), ("correlated", together)]:
    apart = [(noise[..., d:] * noise[..., :-d]).mean() / noise.square().mean() for d in (1, 5)]
    print(f"{text:10}: σ = {noise.std():.2f}, correlation of pixels 1 apart {apart[0]:z.1f}, 5 apart {apart[1]:z.1f}")
wanted = [torch.tensor(-d / 3).exp().item() for d in (1, 5)]
print(f"the matrix says                        1 apart {wanted[0]:.1f}, 5 apart {wanted[1]:.1f}")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
show.images(
    torch.cat([0.5 + independent[:1], 0.5 + together[:1], face, face + independent[:1], face + together[:1]]),
    ["noise, diagonal Σ", "noise, correlated Σ", "a face", "with diagonal Σ", "with correlated Σ"],
    title="The same σ, with and without correlation",
    alt="Fine-grained noise and blotchy noise on gray; a face, and the face with each of them added.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# A photograph of 224 × 224 pixels would need a matrix of 50176 × 50176. There we blur independent noise instead, and
# scale it back to the same $\sigma$.
#
# **What do you expect: noise without fine grain, so a map without fine grain?**
#
# <details><summary>Answer</summary>
#
# The other way round. The score is smoothed only in those directions in which the noise varies. Blurred noise leaves
# the fine ripples of the score as they are, and the mean gradient stays large and grainy.
#
# </details>

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(2, 3, figsize=(8.4, 5.6), layout="constrained")
figure.suptitle("Noise level 20 %, three kinds of noise, n = 8")
mean_slopes = {}
for column, blur in enumerate([0, 2, 8]):
    options = {"noise_level": 0.2, "n_samples": 8, "seed": 0, "noise_blur": blur}
    mean_slopes[blur] = gradients.smoothgrad(tripod, camera, **options, progress=True) if blur else smooth
    noise = next(samples.noisy_samples(camera, **options)) - camera
    show.draw_image(
        axes[0, column], 0.5 + noise, f"noise, blurred by {blur} pixels" if blur else "noise, independent"
    )
    map = maps.max_abs(mean_slopes[blur])
    limit = map.quantile(0.995).item()
    show.draw_map(axes[1, column], map, "SmoothGrad", label="score per unit of intensity", limit=limit)
show.figure(
    figure,
    alt="Top: independent, slightly blurred and strongly blurred noise. Bottom: the three SmoothGrad maps. The more the "
    "noise is blurred, the more the map looks like clouds of dots, with larger slopes.",
)

# %% slideshow={"slide_type": "subslide"}
for blur, slope in mean_slopes.items():
    print(f"noise blurred by {blur} pixels: root mean square of the mean slopes {slope.square().mean().sqrt():.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# So $\Sigma$ is part of the question, not a detail of the computation. One case needs no averaging at all: if the score
# is *linear*, all gradients are equal, whatever $\Sigma$ is. SmoothGrad then returns the weights, from a single sample.

# %% slideshow={"slide_type": "fragment"}
weights = (w1 @ w2).view(1, 1, 25, 25)  # the network of the faces, with its tanh left out


def linear(images):
    """A score that is linear in the image."""
    return (images * weights).sum(dim=(1, 2, 3))


for matrix in (None, correlation):
    found = gradients.smoothgrad(linear, face, noise_level=0.5, n_samples=1, correlation=matrix)
    kind = "diagonal" if matrix is None else "correlated"
    print(f"{kind:10}: largest difference to the weights {(found - weights).abs().max().item():.0e}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Shattered gradients
#
# Why are the slopes so wild? Balduzzi et al. (2017) found that they get wilder with *depth*, in networks that have never
# been trained. A network of ReLUs is piecewise linear: its gradient is constant on each piece and jumps at the borders.
# More layers make more borders.
#
# Walk on a circle around 0 in the plane, and record the gradient of a random ReLU network. Its **autocorrelation** says
# how alike the gradients at two points are, against the distance of the points: 1 means equal, 0 means unrelated.


# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** Why are the slopes so wild? Depth. Walk around the circle with a finger. The left figure holds for
# random networks, the right one for the real network; do not mix them up.


# %% slideshow={"slide_type": "fragment"}
def gradients_on_a_circle(depth, seed, width=200, n_points=256):
    """Gradients (points, 2) of a random ReLU network along the unit circle, in double precision."""
    generator = torch.Generator().manual_seed(seed)
    angle = 2 * torch.pi * torch.arange(n_points, dtype=torch.float64) / n_points
    place = torch.stack([angle.cos(), angle.sin()], dim=1).requires_grad_()
    layer = place
    for _ in range(depth):
        matrix = torch.randn(layer.shape[1], width, generator=generator, dtype=torch.float64)
        layer = (layer @ matrix).relu() * (2 / width) ** 0.5
    score = layer @ torch.randn(width, generator=generator, dtype=torch.float64)
    return torch.autograd.grad(score.sum(), place)[0]


# %% slideshow={"slide_type": "subslide"}
depths = [1, 3, 10, 20]
on_circle = {
    depth: torch.stack([measure.autocorrelation(gradients_on_a_circle(depth, seed), 64) for seed in range(20)]).mean(
        0
    )
    for depth in depths
}

# %% [markdown] slideshow={"slide_type": "subslide"}
# For infinitely wide networks there is a formula. Each layer turns the angle $\theta$ between two inputs into a smaller
# one, and keeps the share $1 - \theta / \pi$ of what two gradients have in common (Cho and Saul 2009). The dashed lines are
# computed from this alone.


# %% slideshow={"slide_type": "fragment"}
def predicted(depth, n_points=256):
    """Autocorrelation for infinite width, after the mean over the circle is taken away."""
    angle = 2 * torch.pi * torch.arange(n_points, dtype=torch.float64) / n_points
    angle = torch.minimum(angle, 2 * torch.pi - angle)  # the short way round
    common = torch.ones_like(angle)
    for _ in range(depth):
        common = common * (1 - angle / torch.pi)
        angle = torch.acos(((angle.sin() + (torch.pi - angle) * angle.cos()) / torch.pi).clamp(-1, 1))
    return (common - common.mean()) / (1 - common.mean())


# %% slideshow={"slide_type": "subslide"}
def half(curve):
    """The first distance, in points, at which a curve lies below one half."""
    return (curve < 0.5).nonzero()[0].item()


for depth in depths:
    degrees, expected = (half(curve) * 360 / 256 for curve in (on_circle[depth], predicted(depth)))
    print(f"depth {depth:2}: half forgotten after {degrees:2.0f}°, predicted {expected:2.0f}°")

# %% slideshow={"slide_type": "subslide"}
on_line = measure.autocorrelation(slopes, 24)
flat = slopes.flatten(1)  # the same without taking the mean along the line away
kept = torch.stack([(flat[: 49 - lag] * flat[lag:]).sum(dim=1).mean() for lag in range(25)])
kept = kept / kept[0]
gray_levels = 2.55 * points[:25]  # the noise has σ = 0.01, which is 2.55 of 255 gray levels

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained", sharey=True)
for depth, colour in zip(depths, ["C0", "C1", "C2", "C5"], strict=True):
    degrees = torch.arange(65) * 360 / 256
    axes[0].plot(degrees, on_circle[depth], color=colour, label=f"depth {depth}")
    axes[0].plot(degrees, predicted(depth)[:65], "--", color=colour, linewidth=1)
axes[0].plot([], [], "--", color="gray", label="predicted")
axes[0].set(title="Random networks: deeper forgets faster", xlabel="distance on the circle in degrees")
axes[0].set_ylabel("autocorrelation of the gradient")
axes[0].legend()
axes[1].plot(gray_levels, on_line, "-", color="black", label="mean along the line taken away")
axes[1].plot(gray_levels, kept, "--", color="C3", label="mean kept")
axes[1].legend()
axes[1].set(title="EfficientNet-Lite0, from I to I + ε", xlabel="σ of the change, in gray levels of 255")
for ax in axes:
    ax.axhline(0.5, color="gray", linestyle=":")
show.figure(
    figure,
    alt="Left: autocorrelation against distance for random networks of depth 1, 3, 10 and 20; deeper curves fall faster, "
    "each close to its dashed prediction. Right: the autocorrelation of the real network falls below one half after "
    "a change of about a quarter of a gray level, or of one gray level if the mean is kept.",
)

# %% slideshow={"slide_type": "subslide"}
print(f"EfficientNet-Lite0: half forgotten at σ = {gray_levels[half(on_line)]:.1f} gray levels of 255")
print(f"with the mean along the line kept, at σ = {gray_levels[half(kept)]:.0f} gray level")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Deeper networks forget faster, and at short distances about as fast as the formula says. The real network forgets half
# of its slopes within about one gray level, the smallest change that an 8-bit image can store. How much less depends on the bookkeeping:
# whatever all 49 points share is either taken away first, as usual for an autocorrelation, or kept. A vanilla map shows
# the slopes of one piece of this broken landscape. A SmoothGrad map averages over very many pieces.

# %% [markdown] slideshow={"slide_type": "notes"}
# The solid lines leave the dashed ones further out: 20 networks of width 200 are neither many nor infinitely wide. EfficientNet
# has skip connections, which slow the forgetting down, so depth alone does not tell its number: ask what a plain network of
# the same depth would do (Balduzzi et al. 2017, their main point).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What SmoothGrad does not say
#
# **1. It is not the vanilla map, blurred.** We compare maps as you see them, in squares of 8 × 8 pixels. If SmoothGrad
# were a blur, then a blurred vanilla map would come close to it.

# %% [markdown] slideshow={"slide_type": "notes"}
# **8 minutes.** Four things, one slide each. Take the second slowly: for “how should I change this image?” the ugly
# vanilla map is the better answer. End with the widget: who finds a level at which the map names another region?

# %% slideshow={"slide_type": "fragment"}
from torchvision.transforms.functional import gaussian_blur

reference = squares(maps.max_abs(first))
others = {"SmoothGrad, another draw": maps.max_abs(second), "vanilla": maps.max_abs(vanilla)}
for width in [2, 4, 8]:
    others[f"vanilla, blurred by {width} pixels"] = gaussian_blur(maps.max_abs(vanilla), 6 * width + 1, width)
print("rank correlation with SmoothGrad")
for text, map in others.items():
    print(f"{text:28} {measure.rank_correlation(reference, squares(map)).item():.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **2. It is not about your image.** It is the gradient of the smoothed score, so it says how to change the photograph
# *and all its noisy copies*. Which direction raises which score? We step by 1 along both gradients. The smoothed score
# is measured with fresh noise.

# %% slideshow={"slide_type": "fragment"}
fresh = torch.cat(list(samples.noisy_samples(camera, noise_level=0.2, n_samples=8, seed=2))) - camera
print("step of length 1 along    the score rises by   the smoothed score rises by")
for text, direction in [("the vanilla gradient", vanilla), ("SmoothGrad, n = 50", fifty.mean(dim=0, keepdim=True))]:
    on_fresh = rise(lambda images: smoothed(images, fresh), direction, 1.0)
    print(f"{text:22}   {rise(tripod, direction, 1.0):19.2f}   {on_fresh:27.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# For the question “how should I change *this* image?” (Fundamental Question 2) the noisy vanilla map is the better
# answer, by far. SmoothGrad answers for the neighbourhood. Neither is wrong; they have different scores.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **3. Another noise level is another question.** How alike are the maps of two levels? For comparison: two draws of 25
# at the *same* level agreed almost perfectly.

# %% slideshow={"slide_type": "fragment"}
print("rank correlation with noise level 20 %, in squares")
print("level  " + "".join(f"{level:6.0%}" for level in levels))
for name, of_levels in by_level.items():
    alike = [measure.rank_correlation(squares(of_levels[3]), squares(map)).item() for map in of_levels]
    print(f"{name:7}" + "".join(f"{value:6.2f}" for value in alike))

# %% [markdown] slideshow={"slide_type": "fragment"}
# All levels use the same draws, only scaled, which makes them look more alike than they are. Even so, for the cat 10 % and
# 20 % name quite different regions. “The SmoothGrad map” does not exist. State
# the level, $\Sigma$ and $n$ with every map.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **4. The order of mean and absolute value matters.** SmoothGrad averages *signed* slopes, and opposite slopes cancel. If
# you take absolute values first, nothing cancels, and you get another map: where the slopes are *large*, not where
# they *agree*.

# %% slideshow={"slide_type": "fragment"}
mean_then_abs = fifty.mean(dim=0, keepdim=True).abs()
abs_then_mean = fifty.abs().mean(dim=0, keepdim=True)
remaining = (mean_then_abs.mean() / abs_then_mean.mean()).item()
print(f"mean slope that is left after the signs have cancelled: {remaining:.2f} of the mean absolute slope")
print(f"if all signs were coin tosses, it would be {(1 / 50) ** 0.5:.2f}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
show.maps(
    camera,
    {"|mean of the slopes|": maps.max_abs(mean_then_abs), "mean of |slopes|": maps.max_abs(abs_then_mean)},
    same_scale=False,
    title="Fifty samples, two orders of operations",
    alt="The camera man, his SmoothGrad map, and the much smoother map of mean absolute slopes, where the man, the "
    "camera and the tripod's outline are seen.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Four fifths cancel; with coin tosses it would be about six sevenths. So most of what is bright in a SmoothGrad map of 50
# samples is bright because slopes are large there, and only a little because they agree. The right map looks smoother,
# but it has no sign left and is no gradient of anything.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Turn the knobs yourself
#
# Noise level and number of samples, for every photograph and class. Find a level at which the map names another region.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
from lecture_lib import widgets

widgets.smoothgrad(network)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - A vanilla map changes completely under noise that nobody sees; the deeper the network, the worse.
# - SmoothGrad is the mean gradient over noisy copies, and exactly the gradient of the smoothed score.
# - Its error falls like $1/\sqrt n$. At $n = 50$ regions are settled, single pixels and signs are not.
# - Noise level and $\Sigma$ are part of the question. State them, and check that the network still recognises the copies.
# - It does not say how to change your image best, and it is not a blurred map.
#
# **Now you:** [exercise 03](../exercises/03_smoothgrad/03_smoothgrad.ipynb).

# %% [markdown] slideshow={"slide_type": "notes"}
# **2 minutes.** Ask for the three numbers that belong to every SmoothGrad map: level, covariance, samples.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Read on
#
# - Feragen, *Lecture notes on explainable AI: Saliency maps*, 2023, section 2.1, Eq. (1) and (2).
# - Smilkov, Thorat, Kim, Viégas, Wattenberg, *SmoothGrad: removing noise by adding noise*, 2017, arXiv:1706.03825.
# - Balduzzi et al., *The shattered gradients problem*, 2017, arXiv:1702.08591. It also shows what skip connections do.
# - Cho, Saul, *Kernel methods for deep learning*, NeurIPS 2009: the angles in random ReLU networks.
# - Adebayo et al., *Sanity checks for saliency maps*, 2018, arXiv:1810.03292: chapter 08 comes back to it.
