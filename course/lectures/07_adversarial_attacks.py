# %% [markdown] slideshow={"slide_type": "slide"}
# # 07 · Adversarial attacks
#
# **A change that nobody sees can change what a network says.** Here no channel of any pixel changes by more than 2 of
# 255 levels, and a cup of espresso becomes a magnifying glass.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Leave the first picture on the screen while people come in: most ask for the difference between left
# and right. The chapter has one thread: the gradient of chapter 02 says how to change the image, and an attack takes
# it at its word. Tables that take longer show a bar; start them before you talk. Short of time? Leave out the solver
# in the plane.

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
import torch

from lecture_lib import attacks, birds, gradients, maps, networks, pictures, show

plt.style.use("lecture_lib.lecture")

network = networks.efficientnet_lite0()
coffee = pictures.photo("coffee")

attack = attacks.bim(network.loss("espresso"), coffee, epsilon=2 / 255, n_steps=10)
for images in (coffee, attack.images):
    name, probability = network.predict(images)[0][0]
    print(f"{name}: {probability:.2f}")
print(f"largest change: {255 * attack.linf.item():.1f}/255")


# %% slideshow={"slide_type": "skip"}
def enlarged(r):
    """The mean change of a pixel's channels as a gray image: middle gray is 0."""
    r = r.mean(dim=1, keepdim=True)
    return (0.5 + 0.5 * r / r.abs().flatten().quantile(0.995)).clamp(0, 1)


def show_attack(image, changed, title, alt):
    """The image, what was added, and the changed image, each with what the network says."""
    (before, p_before), (after, p_after) = (network.predict(each)[0][0] for each in (image, changed))
    r = changed - image
    show.images(
        torch.cat([image, enlarged(r).expand_as(image), changed]),
        [
            f"{before}, p = {p_before:.2f}",
            "change, much enlarged",
            f"{after}, p = {p_after:.2f}",
        ],
        title=title,
        alt=alt,
    )


# %% slideshow={"slide_type": "subslide"} tags=["picture:thumbnail", "hide-input"]
show_attack(
    coffee,
    attack.images,
    "The network sees two things, you see one",
    alt="A cup of coffee, a gray pattern of noise, and the same cup of coffee, which the network calls a loupe.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The question
#
# Given are an image $I_*$, a classifier $f$ that returns a class, and a **target** class $l$. An **adversarial attack**
# looks for the smallest change $r$ that makes the network say $l$, and that leaves a valid image (lecture notes,
# section 3; Szegedy et al. 2013):
#
# $$\text{minimise } \lVert r \rVert^2 \quad \text{while} \quad f(I_* + r) = l, \quad I_* + r \in [0, 1]^{H \times W}.$$
#
# We look for the nearest crossing of the boundary of a class. An attack is **targeted** if the class $l$ is given, and
# **untargeted** if every class but the right one will do.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Valid image, smallest change, and two rulers. Let the room say which of the two rulers the eye uses.

# %% [markdown] slideshow={"slide_type": "fragment"}
# Two rulers measure the change. The **L2 norm** $\lVert r \rVert$ is the ordinary length over all pixels and channels.
# The **L∞ norm** $\max_i \lvert r_i \rvert$ is the largest change of a single one. Keep both in mind: they will disagree.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Where the answer is known: a linear classifier
#
# Let a linear model with the score $w \cdot I + b$ tell faces from other pictures. Its boundary is a plane. The nearest
# point of a plane lies straight along $w$, and the way has the length
#
# $$\lVert r \rVert = \frac{\lvert w \cdot I_* + b \rvert}{\lVert w \rVert}.$$
#
# So for this model the smallest attack *is* the saliency map, times a number.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** For a linear model the smallest attack is the saliency map. The two columns agree: now the solver can
# be trusted elsewhere.

# %% slideshow={"slide_type": "subslide"}
from sklearn.linear_model import LogisticRegression

images, labels = pictures.faces()
fit = LogisticRegression(max_iter=1000).fit(images[:150].flatten(1), labels[:150])
w, b = torch.from_numpy(fit.coef_).float(), float(fit.intercept_[0])

layer = torch.nn.Linear(625, 2)  # two logits, whose difference is w · I + b
layer.weight.data, layer.bias.data = torch.cat([-w, w]) / 2, torch.tensor([-b, b]) / 2
linear = networks.Network(
    torch.nn.Sequential(torch.nn.Flatten(), layer), ["other", "face"], mean=[0], std=[1], size=25
)

# %% slideshow={"slide_type": "fragment"}
faces = images[attacks.classified_as(linear, "face")(images) & (labels == 1)][:5]
nearest = attacks.minimal_perturbation(linear, faces, "other")
formula = attacks.margin(linear, "face")(faces) / w.norm()

print("face   length by the formula   length that the solver needs")
for k in range(5):
    print(f"{k + 1:4}   {formula[k].item():21.2f}   {nearest.l2[k].item():28.2f}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
show.images(
    torch.cat([faces[:1], enlarged(nearest.perturbation[:1]), nearest.images[:1]]),
    ["face", f"change: {formula[0].item():.1f} of {faces[0].norm().item():.0f} long", "other"],
    title="For a linear classifier the smallest change is the weight image, reversed",
    alt="A face; a pattern with a dark forehead, dark eyes and a dark mouth on a brighter ground; and the face again, with a hint of the pattern.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The solver does not know that the classifier is linear, and finds the length of the formula. Now you know what to
# expect from it where there is no formula.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A solver for the minimal-norm problem
#
# The constraint $f(I_* + r) = l$ is a nuisance: it is true or false and has no slope. Szegedy et al. (2013) replace it
# by a **penalty** with a weight $c$. We take as penalty how far the class is behind the best other one, the **margin**
#
# $$m(I) = S_l(I) - \max_{k \ne l} S_k(I),$$
#
# which is 0 on the boundary:
#
# $$\text{minimise } \lVert r \rVert^2 - c \, m(I_* + r) \quad \text{while} \quad I_* + r \in [0, 1]^{H \times W}.$$
#
# A small $c$ stays at home, a large $c$ goes too far. The smallest $c$ that crosses the boundary is the one we want.
# (Szegedy et al. take the cross-entropy of the class instead of the margin.)

# %% [markdown] slideshow={"slide_type": "notes"}
# **7 minutes.** The penalty turns a yes or no into a slope. Follow the black line of minima with growing c in the
# picture: the last one touches the boundary. A million tries find the same length.

# %% [markdown] slideshow={"slide_type": "subslide"}
# To *see* it, take images with two pixels: points of a square. The boundary is a valley. The constraint $[0, 1]$ is a
# box, and `L-BFGS-B` is a minimiser that uses gradients and respects a box.


# %% slideshow={"slide_type": "fragment"}
class Valley(torch.nn.Module):
    """Two logits for two pixels: "above" wins above a parabola."""

    def forward(self, images):
        first, second = images[:, 0, 0, 0], images[:, 0, 0, 1]
        height = 8 * (second - 0.3 - 2 * (first - 0.5) ** 2)
        return torch.stack([torch.zeros_like(height), height], dim=1)


valley = networks.Network(Valley(), ["below", "above"], mean=[0], std=[1], size=2)
margin = attacks.margin(valley, "above")
start = torch.tensor([0.8, 0.2]).view(1, 1, 1, 2)

# %% slideshow={"slide_type": "subslide"}
from scipy.optimize import minimize


def penalised_minimum(c):
    """The r that minimises ‖r‖² - c · m(I_* + r) with I_* + r in [0, 1]."""

    def objective(r):
        changed = (start + torch.tensor(r).float().view_as(start)).clamp(0, 1)
        slope = 2 * r - c * gradients.gradient(margin, changed).flatten().double().numpy()
        return (r**2).sum() - c * margin(changed).item(), slope

    box = [(0 - pixel, 1 - pixel) for pixel in start.flatten().tolist()]
    found = minimize(objective, [0.0, 0.0], jac=True, method="L-BFGS-B", bounds=box)
    return torch.tensor(found.x).float().view_as(start)


# %% slideshow={"slide_type": "subslide"}
weights = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
changes = [penalised_minimum(c) for c in weights]
print("   c   length of r   margin")
for c, r in zip(weights, changes, strict=True):
    print(f"{c:4.2f}   {r.norm().item():11.2f}   {margin(start + r).item():z6.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# In the plane we can check the solver by brute force: try a million points.

# %% slideshow={"slide_type": "fragment"}
axis = torch.linspace(0, 1, 1001)
grid = torch.cartesian_prod(axis, axis).view(-1, 1, 1, 2)
distances = (grid[margin(grid) > 0] - start).flatten(1).norm(dim=1)
smallest = attacks.minimal_perturbation(valley, start, "above")
print(f"nearest of a million points:        {distances.min().item():.2f}")
print(f"penalty, and a search for its weight: {smallest.l2.item():.2f}")

slope = gradients.gradient(margin, start).flatten()
cosine = torch.cosine_similarity(smallest.perturbation.flatten(), slope, dim=0).item()
print(f"angle between the shortest way and the gradient: {torch.rad2deg(torch.tensor(cosine).acos()).item():.0f}°")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
from lecture_lib.widgets import draw_plane

figure, ax = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
figure.colorbar(draw_plane(ax, valley.probability("above")), ax=ax, label="probability of “above”")
steps = torch.cat([start, *(start + r for r in changes)]).flatten(1)
ax.plot(*steps.T, "o-", color="black", markersize=5, label="minima for growing $c$")
ax.add_patch(
    plt.Circle(start.flatten().tolist(), smallest.l2.item(), fill=False, linestyle=":", label="shortest length")
)
tip = start.flatten() + 0.25 * slope / slope.norm()
ax.annotate(
    "", tip.tolist(), start.flatten().tolist(), arrowprops={"arrowstyle": "->", "linewidth": 2, "color": "purple"}
)
ax.text(0.7, 0.22, "gradient", color="purple", ha="right")
ax.plot(*start.flatten(), "*", color="white", markeredgecolor="black", markersize=14, label="$I_*$")
ax.set(title="The penalised problem walks to the boundary", aspect="equal")
ax.legend(loc="upper left")
show.figure(
    figure,
    alt="A square with a valley as boundary. From a start below it, points for growing weights lead to the nearest "
    "point of the boundary, where a circle around the start touches it. The gradient at the start points more to the "
    "left.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The gradient at the start shows a quick route, but not the shortest one: this boundary bends (chapter 01). The solver
# asks for new gradients on its way.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The smallest change of a photograph
#
# The same solver on 150,528 numbers instead of two. How small a change turns the espresso into a cup? (To the network a
# `cup` is a class of its own.)

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** The same solver on 150,528 numbers. Let them guess the factor for a random direction; most guesses
# are far too small.

# %% slideshow={"slide_type": "fragment"}
to_cup = attacks.minimal_perturbation(network, coffee, "cup", n_weights=3, progress=True)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
show_attack(
    coffee,
    to_cup.images,
    "Figure 10 of the lecture notes, computed: I, r and I + r",
    alt="The cup of coffee, a pattern that is strongest on the coffee, the spoon and the rim of the cup, and the cup again.",
)

# %% slideshow={"slide_type": "subslide"}
print(f"length of the image: {coffee.norm().item():.0f}, of the change: {to_cup.l2.item():.1f}")
print(f"no value changes by more than 4/255: {to_cup.linf.item() <= 4 / 255}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **What do you expect: how long must a change in a *random* direction be to do the same?**
#
# <details><summary>Answer</summary>
#
# Hundreds of times as long, if it succeeds at all. In a space of 150,528 dimensions nearly all directions are almost
# perpendicular to any given one. The direction matters, and the gradient knows it.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
noise = torch.randn(coffee.shape, generator=torch.Generator().manual_seed(0))
print("length of the noise / length of the attack   class")
for factor in (1, 10, 100, 500):
    noisy = (coffee + factor * to_cup.l2 * noise / noise.norm()).clamp(0, 1)
    print(f"{factor:42}   {network.predict(noisy)[0][0][0]}")

toward_cup = gradients.gradient(attacks.margin(network, "cup"), coffee)
for name, direction in {"the gradient": toward_cup, "the noise": noise}.items():
    cosine = torch.cosine_similarity(direction.flatten(), to_cup.perturbation.flatten(), dim=0).item()
    print(f"cosine of the angle between the attack and {name}: {cosine:z.1f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One step: FGSM
#
# The solver takes dozens of gradients. Goodfellow et al. (2014) take one. With the loss $\mathcal L$ of the true class
# $y$, the **fast gradient sign method** is
#
# $$r = \varepsilon \, \mathrm{sign}(\nabla_I \mathcal L(\theta, I_*, y)).$$
#
# It walks uphill on the loss: away from the true class. Every pixel moves by the same $\varepsilon$, so the L∞ norm is
# $\varepsilon$. Pixels that would leave $[0, 1]$ are clipped.


# %% [markdown] slideshow={"slide_type": "notes"}
# **8 minutes.** One gradient, one step. Ask why the sign is the best answer to the ruler of the largest change. Then
# the vote on more and more ε: it fails again, and this surprises everybody.


# %% slideshow={"slide_type": "fragment"}
def fgsm(score, images, epsilon):
    """One step up a score, every pixel by epsilon."""
    return (images + epsilon * gradients.gradient(score, images).sign()).clamp(0, 1)


camera = pictures.photo("camera")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
show_attack(
    camera,
    fgsm(network.loss("tripod"), camera, 1 / 255),
    "Figure 12 of the lecture notes, computed: one step of 1/255",
    alt="The man with the camera, a fine pattern of black, white and gray, and the man with the camera again, which "
    "the network now calls a harmonica.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Why the sign?
#
# Among all changes with $\lvert r_i \rvert \le \varepsilon$, which one raises a *linear* function most? Every pixel
# should move as far as it may, in the direction of its own slope: that is the sign. The rise is $\varepsilon$ times the
# sum of all absolute slopes, $\varepsilon \lVert \nabla_I \mathcal L \rVert_1$.
#
# We compare three changes with the same $\varepsilon$: the sign, the gradient scaled to the same largest change, and
# random signs.

# %% slideshow={"slide_type": "subslide"}
loss = network.loss("tripod")
slope = gradients.gradient(loss, camera)
random_signs = torch.randint(0, 2, camera.shape, generator=torch.Generator().manual_seed(0)) * 2.0 - 1
directions = {"sign": slope.sign(), "gradient": slope / slope.abs().max(), "random signs": random_signs}

print("r = ε · …       ε · 255   predicted rise of the loss   measured rise")
for name, direction in directions.items():
    for epsilon in (0.01 / 255, 0.1 / 255):
        predicted = epsilon * (slope * direction).sum().item()
        changed = (camera + epsilon * direction).clamp(0, 1)
        measured = (loss(changed) - loss(camera)).item()
        print(f"{name:12}   {255 * epsilon:8.2f}   {predicted:z26.2f}   {measured:z13.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The sign wins by far. But look at $\varepsilon = 0.1/255$: the loss rises by nearly twice what the gradient predicts.
# One gradient holds for tiny steps only (chapter 02).

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Is more better?
#
# **What do you expect: FGSM fails on the coffee with $\varepsilon = 1/255$ and succeeds with $2/255$. What happens at
# $4/255$ and at $8/255$?**
#
# <details><summary>Answer</summary>
#
# It fails again. One step goes along a straight line. The line enters another class and leaves it again: the gradient
# at $I_*$ knows nothing about that place.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
epsilons = torch.linspace(0, 8, 33) / 255
leads = {}
for name, label in {"coffee": "espresso", "camera": "tripod"}.items():
    photo, lead = pictures.photo(name), attacks.margin(network, label)
    direction = gradients.gradient(network.loss(label), photo).sign()
    leads[name] = [lead((photo + epsilon * direction).clamp(0, 1)).item() for epsilon in epsilons]
    for level in (1, 2, 4, 8):
        print(f"{name}, ε = {level}/255: {'holds' if leads[name][4 * level] > 0 else 'flips'}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for (name, lead), marker in zip(leads.items(), "os", strict=True):
    ax.plot(255 * epsilons, lead, marker + "-", markersize=4, label=f"{name}: lead of the true class")
ax.axhline(0, color="black", linewidth=1)
ax.set(xlabel="ε · 255", ylabel="lead over the best other class (logits)", title="FGSM: a larger ε may fail again")
ax.legend()
show.figure(
    figure,
    alt="Lead of the true class against epsilon for two photographs. Both fall steeply at first. The coffee's line "
    "dips below zero near 2/255 and rises again; the camera's crosses zero early and stays below.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Many steps: BIM
#
# The **basic iterative method** (Kurakin et al. 2016) takes small steps, and a new gradient for each:
#
# $$I_0^{adv} = I_*, \qquad
# I_{n+1}^{adv} = \mathrm{Clip}\left(I_n^{adv} + \alpha \, \mathrm{sign}(\nabla_I \mathcal L(\theta, I_n^{adv}, y))\right).$$
#
# The notes' $\mathrm{Clip}$ keeps the pixels valid. Kurakin et al. clip twice, and so do we: to valid pixels, and into
# the **ε-ball** $\lvert I - I_* \rvert \le \varepsilon$ around the *original*. Without it the change grows with every
# step.


# %% [markdown] slideshow={"slide_type": "notes"}
# **7 minutes.** Two clips, not one. Compare the two pictures of the valley: near the boundary one step is enough, far
# away it misses. Then every photograph of the course falls.


# %% slideshow={"slide_type": "subslide"}
def bim(score, images, epsilon, step_size, n_steps):
    """Small steps up a score; after each, back into the ball around the original and into [0, 1]."""
    current = images
    for _ in range(n_steps):
        stepped = current + step_size * gradients.gradient(score, current).sign()
        current = stepped.clamp(images - epsilon, images + epsilon).clamp(0, 1)
    return current


ours = bim(network.loss("tripod"), camera, 2 / 255, 1 / 255, 3)
library = attacks.bim(network.loss("tripod"), camera, epsilon=2 / 255, step_size=1 / 255, n_steps=3)
print(f"largest difference to lecture_lib: {255 * (ours - library.images).abs().max().item():.3f}/255")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## One step against many
#
# The two attacks in the valley. The ε-ball of the L∞ norm is a square, and signs only know diagonals.

# %% slideshow={"slide_type": "fragment"}
from lecture_lib.widgets import draw_attacks

above = valley.probability("above")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
titles = {"near the boundary, one step is enough": ((0.45, 0.22), 0.14), "far away it misses": ((0.45, 0.1), 0.3)}
for ax, (title, (place, epsilon)) in zip(axes, titles.items(), strict=True):
    colours = draw_plane(ax, above)
    ends = draw_attacks(ax, above, place, epsilon=epsilon, step_size=0.04, n_steps=10)
    probabilities = [above(end).item() for end in ends]
    print(f"{title:38}: p(above) after FGSM {probabilities[0]:.2f}, after BIM {probabilities[1]:.2f}")
    ax.set(title=title, aspect="equal")
figure.colorbar(colours, ax=axes, label="probability of “above”", shrink=0.8)
figure.suptitle("Figures 11 and 13 of the lecture notes, computed")
show.figure(
    figure,
    alt="Two squares with a valley as boundary, a start, and a dashed square around it. Left: one diagonal step crosses "
    "the boundary. Right: the long diagonal step ends below the boundary; the path of many steps zigzags up and "
    "crosses it.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Every photograph
#
# BIM with $\varepsilon = 2/255$ and steps of 1/255 on all photographs of the course. An image stops as soon as its class
# has changed. (The label is what the network says first; for some photographs that is nonsense, but it can be attacked
# all the same.)

# %% slideshow={"slide_type": "fragment"} tags=["nbval-ignore-output"]
flipped = {}
for name in pictures.photos():
    photo = pictures.photo(name)
    label = network.predict(photo)[0][0][0]
    left = attacks.misclassified(network, label)
    found = attacks.bim(network.loss(label), photo, epsilon=2 / 255, step_size=1 / 255, n_steps=10, until=left)
    flipped[name] = (label, found)

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
print("photograph     before             after                largest change")
for name, (label, found) in flipped.items():
    answer = network.predict(found.images)[0][0][0]
    print(f"{name:12}   {label:16}   {answer:18}   {255 * found.linf.item():.0f}/255")

# %% slideshow={"slide_type": "fragment"}
print(f"{sum(found.success.item() for _, found in flipped.values())} of {len(flipped)} photographs flip")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Towards a class
#
# Both methods climb. Until now they climbed the loss of the class that we want to leave. To reach a class, go *down* its
# loss, or in other words, climb its negative loss.


# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Down the loss of the class that you want. Let the room choose a class, and try it.


# %% slideshow={"slide_type": "fragment"}
def towards(target):
    """The score to climb for an attack towards a class."""
    return lambda images: -network.loss(target)(images)


print("target      after one step of 2/255    after ten steps within 2/255")
for target in ("goldfish", "tabby"):
    one = attacks.fgsm(towards(target), coffee, epsilon=2 / 255)
    many = attacks.bim(towards(target), coffee, epsilon=2 / 255, n_steps=10)
    print(f"{target:9}   {network.predict(one.images)[0][0][0]:20}       {network.predict(many.images)[0][0][0]}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
show_attack(
    coffee,
    many.images,
    "The same coffee, on the way to a tabby",
    alt="The cup of coffee, a pattern of noise, and the cup of coffee again, which the network now calls a tabby.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Any class will do, not only the neighbours. One step is too coarse for that.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The smallest ε
#
# How small may $\varepsilon$ be? **Bisection** keeps an interval with a failure at its lower end and a success at its
# upper end, and tries the middle. Each try halves the interval.
#
# You saw the trap: success at one $\varepsilon$ does not mean success at all larger ones. So we first scan from below in
# coarse steps, and bisect between the first success and the failure before it.


# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** Bisection needs a failure below and a success above, and the slide before has shown the trap. The
# winner depends on the ruler.


# %% slideshow={"slide_type": "subslide"}
def weakest_attacks(network, image, largest=8 / 255):
    """Images of FGSM and BIM at their smallest flipping epsilon, and of the minimal-norm attack to BIM's class."""
    label = network.predict(image)[0][0][0]
    loss, left = network.loss(label), attacks.misclassified(network, label)
    direction = gradients.gradient(loss, image).sign()  # FGSM's direction does not depend on epsilon

    def one_step(epsilon):
        return (image + epsilon * direction).clamp(0, 1)

    def many_steps(epsilon):
        return attacks.bim(loss, image, epsilon=epsilon, step_size=epsilon / 3, n_steps=5, until=left).images

    found = {}
    for name, method in {"FGSM": one_step, "BIM": many_steps}.items():
        epsilon = attacks.smallest_epsilon(method, left, largest=largest, n_scan=16, tolerance=largest / 200)
        found[name] = method(epsilon)
    target = network.predict(found["BIM"])[0][0][0]
    found["minimal L2"] = attacks.minimal_perturbation(network, image, target, n_weights=3).images
    return label, found


# %% slideshow={"slide_type": "subslide"}
from lecture_lib.progress import track

bird_network = networks.load("birds_cnn")
bird_images, *_ = birds.scenes(2, seed=11)
subjects = [(name, network, pictures.photo(name), 8 / 255) for name in ("coffee", "camera")]
subjects += [(f"bird {k + 1}", bird_network, bird_images[k : k + 1], 32 / 255) for k in range(2)]

table = {name: weakest_attacks(*rest) for name, *rest in track(subjects, True, "images")}
originals = {name: image for name, _, image, _ in subjects}


# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output"]
methods = ("FGSM", "BIM", "minimal L2")


def norms(name, order):
    """The norm of each change of one image."""
    _, found = table[name]
    return {method: (changed - originals[name]).flatten().norm(p=order).item() for method, changed in found.items()}


print("              L2 norm of the change             largest change · 255")
print(" " * 10 + "".join(f"{method:>12}" for method in methods) * 2)
for name in table:
    numbers = [*norms(name, 2).values(), *(255 * largest for largest in norms(name, torch.inf).values())]
    print(f"{name:10}" + "".join(f"{number:12.2f}" for number in numbers))

# %% slideshow={"slide_type": "subslide"}
shortest = [min(methods, key=norms(name, 2).get) for name in table]
flattest = [min(methods, key=norms(name, torch.inf).get) for name in table]
print(f"The minimal-norm attack has the smallest L2 norm on {shortest.count('minimal L2')} of {len(table)} images.")
print(f"BIM has the smallest L∞ norm on {flattest.count('BIM')} of {len(table)} images.")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Which one is “the smallest attack”? That depends on the ruler. (The last digits of the table depend on your machine.)
#
# The reason: FGSM and BIM spread the change evenly, the minimal-norm attack puts it where the slope is steep. How much
# of the squared L2 norm lies in the 1 % of numbers that changed most?

# %% slideshow={"slide_type": "fragment"} tags=["nbval-ignore-output"]
_, found = table["coffee"]
for method in methods:
    squares = (found[method] - coffee).flatten().square().sort(descending=True).values
    share = (squares[: len(squares) // 100].sum() / squares.sum()).item()
    print(f"{method:10}: {share:.0%}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A valid image
#
# A file stores whole numbers from 0 to 255. So a change of 0.2/255 cannot be stored.
#
# **What do you expect: which of the attacks on the photographs in the table still work after their images have been
# rounded to 256 levels?**
#
# <details><summary>Answer</summary>
#
# Hardly any. BIM's pixels move by less than half a level, and rounding brings every one of them back: the file holds
# the original. The minimal-norm attack keeps a few pixels, which are not enough.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** The smallest attack on paper is none in a file. Those who save pictures by a bare conversion will not
# forget the number 101.

# %% slideshow={"slide_type": "subslide"}
print("still flipped after rounding, and the share of numbers that differ from the original")
print(" " * 10 + "".join(f"{method:>14}" for method in methods))
for name in ("coffee", "camera"):
    label, found = table[name]
    cells = []
    for method in methods:
        rounded = attacks.quantize(found[method])
        flips = "yes" if attacks.misclassified(network, label)(rounded).item() else "no"
        cells.append(f"{flips:>8} {(rounded != originals[name]).float().mean().item():5.0%}")
    print(f"{name:10}" + "".join(cells))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Here the smallest attack on paper is no attack on a file. With whole steps of 1/255, rounding changes nothing. We write
# the flipped photographs as PNG files (into memory), read them back, and ask again.

# %% slideshow={"slide_type": "subslide"}
from io import BytesIO

import numpy as np
from PIL import Image


def through_a_file(image):
    """The image after it was written to a PNG file and read again."""
    levels = (255 * image[0]).round().to(torch.uint8)  # round: a conversion alone would cut 7.9 down to 7
    file = BytesIO()
    Image.fromarray(levels.permute(1, 2, 0).numpy()).save(file, format="PNG")
    read = np.array(Image.open(file))
    return torch.from_numpy(read).permute(2, 0, 1)[None].float() / 255


# %% slideshow={"slide_type": "fragment"}
survivors = [
    attacks.misclassified(network, label)(through_a_file(found.images)).item() for label, found in flipped.values()
]
print(f"{sum(survivors)} of {len(survivors)} photographs are still flipped after a trip through a file")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Mind the rounding. A bare conversion to `uint8` cuts the decimals off, and `to_pil_image` of torchvision does so, too.
# Sums of multiples of 1/255 are not exact: what should be 102 may be 101.99999, and becomes 101.

# %% slideshow={"slide_type": "fragment"}
_, found = flipped["coffee"]
rounded, cut = (255 * found.images).round(), (255 * found.images).floor()
print(
    f"cut off instead of rounded: {(rounded != cut).float().mean().item():.0%} of the coffee's numbers are one too low"
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the map does not say
#
# The gradient shows where the score rises fastest. If the boundary were a plane, it would also tell how far away the
# boundary is: the lead of the class divided by the length of the gradient. Is that so?

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Distance and direction of the boundary, from one gradient: roughly right. It does not say why a tiny
# change is enough.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-ignore-output"]
ratios, cosines = [], []
print("         length: found / by the gradient   cosine of the two directions")
for name, subject_network, image, _ in subjects:
    _, found = table[name]
    target = subject_network.predict(found["minimal L2"])[0][0][0]
    lead = attacks.margin(subject_network, target)
    slope, r = gradients.gradient(lead, image), found["minimal L2"] - image
    ratios.append((r.norm() * slope.norm() / -lead(image)).item())
    cosines.append(torch.cosine_similarity(slope.flatten(), r.flatten(), dim=0).item())
    print(f"{name:8}   {ratios[-1]:30.2f}   {cosines[-1]:28.2f}")

# %% slideshow={"slide_type": "subslide"}
print(f"All lengths are right to within a half: {all(0.5 < ratio < 1.5 for ratio in ratios)}")
print(f"All cosines lie between 0.5 and 0.9: {all(0.5 < cosine < 0.9 for cosine in cosines)}")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
show.maps(
    camera,
    {
        "gradient: largest absolute value": maps.max_abs(gradients.gradient(network.loss("tripod"), camera)),
        "smallest change that flips": maps.max_abs(table["camera"][1]["minimal L2"] - camera) * 255,
    },
    same_scale=False,
    label="slope, or change · 255",
    title="The attack goes where the slopes are steep",
    alt="The man with the camera and two maps of bright dots. Both are brightest around his hands and "
    "the camera on the tripod.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# So one gradient tells distance and direction of the nearest crossing roughly, not exactly: the boundary bends.
#
# Nor does the gradient say *why* a tiny change is enough. It only says in which direction. That a saliency map hardly
# changes when the class does is the subject of chapter 08.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it
#
# Move $\varepsilon$, the number of steps (1 is FGSM) and the direction. When does one step fail where many succeed?

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Set one step and look for an ε that works; then a larger one that does not.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
from lecture_lib import widgets

widgets.attack(network)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The path of BIM in the valley. Add one step after the other.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
widgets.bim_path(valley.probability("above"), start=(0.45, 0.1))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - An attack is the nearest crossing of a boundary, and the gradient shows the way: the attack on a linear model *is* its
#   saliency map.
# - FGSM takes one sign step, BIM many with two clips, the minimal-norm solver a penalty and a search for its weight.
# - A larger $\varepsilon$ may fail where a smaller one succeeds; many small steps don't have this trouble.
# - “Smallest” needs a ruler: L2 and L∞ have different winners. And a change smaller than half a level is none in a file.
#
# **Now you:** [exercise 07](../exercises/07_adversarial_attacks/07_adversarial_attacks.ipynb).

# %% [markdown] slideshow={"slide_type": "notes"}
# **1 minute.** Ask which chapter the attack comes from. (The second.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Read on
#
# - Feragen, *Lecture notes on explainable AI: Saliency maps*, 2023, section 3.
# - Szegedy et al., *Intriguing properties of neural networks*, 2013, arXiv:1312.6199.
# - Goodfellow, Shlens, Szegedy, *Explaining and harnessing adversarial examples*, 2014, arXiv:1412.6572.
# - Kurakin, Goodfellow, Bengio, *Adversarial examples in the physical world*, 2016, arXiv:1607.02533.
# - Carlini, Wagner, *Towards evaluating the robustness of neural networks*, 2016, arXiv:1608.04644: the margin as penalty.
# - Ilyas et al., *Adversarial examples are not bugs, they are features*, 2019, arXiv:1905.02175: why tiny changes suffice.
#
# **With another network.** Replace `networks.efficientnet_lite0()` at the top by `networks.load("resnet50")`, and cut
# the photographs as that network expects them: `pictures.photo("cat", **network.preprocessing)`. Does it need a larger
# $\varepsilon$?
