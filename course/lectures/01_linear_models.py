# %% [markdown] slideshow={"slide_type": "slide"}
# # 01 · Linear models
#
# **A linear model gives the same explanation for every image.** Here is one that tells faces from other pictures. We
# ask it to explain 200 pictures, one by one, and measure how much the 200 explanations differ.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** The thread: one explanation for all pictures (exact, and useless for the single picture), then why
# the price is too high (shift), then a curved classifier, where the gradient becomes local. Everything in the second
# half of the course is a comment on the last third of this chapter. Ask for a show of hands at each prediction. Short
# of time? Leave out linear regression, and how many of the points have a detour.

# %% slideshow={"slide_type": "subslide"}
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from lecture_lib import gradients, measure, pictures, show

images, labels = pictures.faces()
train_images, train_labels = images[:150], labels[:150]
test_images, test_labels = images[150:], labels[150:]

fitted = LogisticRegression(C=0.1, max_iter=1000).fit(train_images.flatten(1), train_labels)
weights = torch.from_numpy(fitted.coef_).float().view(1, 1, 25, 25)
bias = float(fitted.intercept_[0])


def logit(images):
    """The score f(I) = w · I + b of every image."""
    return (weights * images).sum(dim=(1, 2, 3)) + bias


# %% slideshow={"slide_type": "fragment"}
explanations = gradients.gradient(logit, images)
print(f"{len(explanations)} explanations; the largest difference to the first: ", end="")
print(f"{(explanations - explanations[:1]).abs().max().item():.1f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The question
#
# The lecture notes speak of a classifier $f: \mathbb{R}^{H \times W} \to \mathbb{R}$: a gray image goes in, one
# number comes out. The larger the number, the surer the model is that it sees a face. The gradient
# $\nabla_I f(I_*)$ has one number per pixel, so it can be shown as an image. The notes say which question it answers:
#
# > **Fundamental Question 2.** *Which pixel intensities should I change at which rate in order to most efficiently
# > get a more certain positive prediction?* (Feragen 2023, section 2.1)
#
# In this chapter $f$ is so simple that you can check the answer with pencil and paper.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Read the question slowly: change, at which rate, most efficiently. Nothing in it says “because”. Show
# the pictures, and mention that the faces are centred: it will matter.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## The pictures
#
# 200 gray pictures of 25 × 25 pixels, half of them faces. The first 150 are for training, the last 50 for testing.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
examples = torch.cat([train_images[train_labels == 1][:5], train_images[train_labels == 0][5:10]])

show.images(
    examples,
    ["face"] * 5 + ["no face"] * 5,
    title="Ten of the training pictures",
    alt="Five faces, cropped closely and seen from the front, and five pieces of background.",
)

# %% slideshow={"slide_type": "subslide"}
print(f"{tuple(images.shape) = }, {train_labels.sum()} training faces, {test_labels.sum()} test faces")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Linear regression
#
# A linear model multiplies every pixel by a weight, adds up, and adds a bias:
#
# $$f(I) = w \cdot I + b = \sum_{ij} w_{ij} I_{ij} + b .$$
#
# How fast does $f$ change when pixel $(i, j)$ changes? By $w_{ij}$, whatever the image is. So
#
# $$\nabla_I f(I_*) = w \quad \text{for every } I_* .$$
#
# **Linear regression** chooses $w$ and $b$ such that $f(I)$ is close to $+1$ for faces and to $-1$ for the others.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Do the derivative on the board with two pixels. The largest difference is 0.0 because the gradient
# *is* the weights.

# %% slideshow={"slide_type": "subslide"}
regression = LinearRegression().fit(train_images.flatten(1), 2 * train_labels - 1)
regression_weights = torch.from_numpy(regression.coef_).float().view(1, 1, 25, 25)
regression_bias = float(regression.intercept_)


def regression_score(images):
    """Linear regression: near +1 for a face, near -1 for another picture."""
    return (regression_weights * images).sum(dim=(1, 2, 3)) + regression_bias


slopes = gradients.gradient(regression_score, images)
print(
    f"largest difference between a gradient and the weights: {(slopes - regression_weights).abs().max().item():.1f}"
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Logistic regression
#
# **Logistic regression** is the same sum, followed by a **sigmoid**, which squeezes it into a probability:
#
# $$p(I) = \sigma(f(I)), \qquad \sigma(t) = \frac{1}{1 + e^{-t}} .$$
#
# The number before the sigmoid is the **logit**, $f(I) = w \cdot I + b$. It is linear, so its gradient is $w$ again.
# That was the model of the first cell. Which of the two models is better?


# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** The room should say which model is better before the numbers appear. One picture of the 50 is 0.02:
# do not let anybody read more into it.


# %% slideshow={"slide_type": "subslide"}
def accuracy(score, images, labels):
    """Share of images on the right side of the boundary, score = 0."""
    return ((gradients.evaluate(score, images) > 0) == labels.bool()).float().mean().item()


for name, score in {"linear regression": regression_score, "logistic regression": logit}.items():
    on_train, on_test = accuracy(score, train_images, train_labels), accuracy(score, test_images, test_labels)
    print(f"{name:19}: {on_train:.2f} of the training pictures are right, {on_test:.2f} of the test pictures")

# %% [markdown] slideshow={"slide_type": "subslide"}
# On the test pictures they are equally good. (One of the 50 is 0.02: do not read much into small differences.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What do the weights look like?
#
# The weights are the only explanation that these models have to offer. Red: brighten this pixel, and the score rises.
# Blue: darken it, and the score rises.
#
# **What do you expect: both models are equally good. Does a face appear in the weights of both?**
#
# <details><summary>Answer</summary>
#
# No. A face appears for logistic regression only. Linear regression has 626 numbers to choose and 150 pictures to
# learn from. It fits all of them perfectly, and its weights look like noise. They work as well on new pictures.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Vote first. The noise of linear regression works as well as the face of logistic regression: this is
# the first time in the course that a nicer picture is not a better model. The row with growing penalties shows where
# the face comes from.

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt

plt.style.use("lecture_lib.lecture")

difference = (train_images[train_labels == 1].mean(dim=0) - train_images[train_labels == 0].mean(dim=0))[None]
panels = {
    "mean face − mean other": (difference, "difference of intensity"),
    "linear regression": (regression_weights, "score per unit of intensity"),
    "logistic regression": (weights, "score per unit of intensity"),
}

# %% slideshow={"slide_type": "fragment"} tags=["picture:thumbnail", "hide-input"]
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3), layout="constrained")
for ax, (name, (values, label)) in zip(axes, panels.items(), strict=True):
    show.draw_map(ax, values[0], name, label=label, signed=True)
figure.suptitle("A face in the weights of one model, noise in those of the other")
show.figure(
    figure,
    alt="Three signed maps. The difference of the means shows a face with bright forehead and cheeks. The weights of "
    "linear regression look like noise. Those of logistic regression show forehead, dark eyes, cheeks and a jaw.",
)

# %% slideshow={"slide_type": "subslide"}
for name, (values, _) in panels.items():
    correlation = torch.corrcoef(torch.stack([values.flatten(), difference.flatten()]))[0, 1].item()
    print(f"{name:22}: correlation with the difference of the means {correlation:.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Where does the face come from? Logistic regression was trained with a **penalty** on $\lVert w \rVert^2$: large weights
# cost. (In scikit-learn it is on, unless you switch it off.) Linear regression had none. We give it one, weak at
# first, then stronger and stronger.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
figure, axes = plt.subplots(1, 4, figsize=(10, 3), layout="constrained")
for ax, penalty in zip(axes, [1, 10, 100, 1000], strict=True):
    ridge = Ridge(alpha=penalty).fit(train_images.flatten(1), 2 * train_labels - 1)
    coefficients = torch.from_numpy(ridge.coef_).float().view(1, 25, 25)
    right = (torch.from_numpy(ridge.predict(test_images.flatten(1)) > 0) == test_labels.bool()).float().mean().item()
    correlation = torch.corrcoef(torch.stack([coefficients.flatten(), difference.flatten()]))[0, 1].item()
    name = f"penalty {penalty}: accuracy {right:.2f}, correlation {correlation:.1f}"
    show.draw_map(ax, coefficients / coefficients.abs().max(), name)
figure.suptitle("Linear regression: the stronger the penalty, the clearer the face (each map on its own scale)")
show.figure(
    figure,
    alt="Four weight images of linear regression. With the weakest penalty noise, with the strongest a smooth face.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The face comes with the penalty. With the strongest one, the weights nearly *are* the difference of the two means: a
# picture of the data. And this model is no better on test pictures than the one whose weights are noise. **A map that
# pleases the eye is not a better model, nor a truer explanation.** Every one of these maps is exactly right about its
# own model.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The gradient is perpendicular to the boundary
#
# The **boundary** is the set of images with $f(I) = 0$, where the model has no opinion. For a linear model it is a
# plane in a space of 625 dimensions. We can put real pictures on it: mix a face with another picture until the score
# is 0.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** A boundary in 625 dimensions is hard to imagine, so show pictures that lie on it. All 190 angles are
# right angles: say why, with the two equations.

# %% slideshow={"slide_type": "fragment"}
faces = images[(labels == 1) & (logit(images) > 0)][:20]
others = images[(labels == 0) & (logit(images) < 0)][5:25]
share = logit(faces) / (logit(faces) - logit(others))  # of the other picture in the mixture
on_boundary = faces + share.view(-1, 1, 1, 1) * (others - faces)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
show.images(
    on_boundary[:5],
    [f"score {value + 0.0:.1f}" for value in logit(on_boundary[:5]).round(decimals=1).tolist()],
    title="Five pictures on the boundary: part face, part something else",
    alt="Five blurry mixtures of a face and another picture.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The difference of two pictures on the boundary is a direction *inside* the boundary. Twenty pictures have 190
# differences. Which angle do they make with the gradient?


# %% slideshow={"slide_type": "fragment"}
def angle(first, second):
    """Angle in degrees between two sets of vectors, along the last axis."""
    return torch.rad2deg(torch.cosine_similarity(first.double(), second.double(), dim=-1).clamp(-1, 1).acos())


first, second = torch.triu_indices(20, 20, offset=1)
inside = (on_boundary[first] - on_boundary[second]).flatten(1)
angles = angle(inside, weights.flatten()[None])
print(f"{len(angles)} angles, from {angles.min().item():.2f}° to {angles.max().item():.2f}°")

# %% [markdown] slideshow={"slide_type": "fragment"}
# All are right angles, as they must be: from $w \cdot I_1 + b = 0$ and $w \cdot I_2 + b = 0$ follows
# $w \cdot (I_1 - I_2) = 0$.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The shortest way across
#
# Straight along the gradient is the shortest way to a plane. The distance of an image from the boundary is
#
# $$d = \frac{\lvert f(I_*) \rvert}{\lVert w \rVert}, \qquad \text{and the step is } \; -\frac{f(I_*)}{\lVert w \rVert^2} \, w .$$
#
# **What do you expect: a step of length $d$ in a random direction. How many of the 200 pictures cross the boundary?**
#
# <details><summary>Answer</summary>
#
# None. In 625 dimensions, a random direction is almost perpendicular to the gradient. It leads along the boundary,
# not across.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** Nearly everybody expects some of the random steps to cross. None does: in 625 dimensions a random
# direction is almost perpendicular to the gradient. The four faces are a first look at chapter 07.

# %% slideshow={"slide_type": "subslide"}
scores = logit(images).view(-1, 1, 1, 1)
step = -scores / weights.square().sum() * weights  # (200, 1, 25, 25)
noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
aside = noise / noise.flatten(1).norm(dim=1).view(-1, 1, 1, 1) * step.flatten(1).norm(dim=1).view(-1, 1, 1, 1)

for name, change in {"0.99 of the step": 0.99 * step, "1.01 of the step": 1.01 * step, "random": aside}.items():
    crossed = logit(images + change).sign() != logit(images).sign()
    print(f"{name:17}: {crossed.sum().item():3d} of 200 pictures cross the boundary")

# %% slideshow={"slide_type": "subslide"}
face = test_images[test_labels == 1][6:7]
face_step = -logit(face).view(-1, 1, 1, 1) / weights.square().sum() * weights
walk = torch.cat([face + times * face_step for times in (0, 1, 2, 4)])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
show.images(
    walk,
    [
        f"{name}: p = {p:.2f}"
        for name, p in zip(
            ["start", "1 step", "2 steps", "4 steps"], torch.sigmoid(logit(walk)).tolist(), strict=True
        )
    ],
    title="Straight through the boundary, against the gradient",
    alt="Four times the same face. After one step nothing much has changed; after four the forehead is darker and the "
    "eyes are paler.",
)

# %% slideshow={"slide_type": "fragment"}
print(f"length of the step {face_step.norm().item():.1f}, length of the image {face.norm().item():.1f}")
print(f"largest change of a pixel in one step: {face_step.abs().max().item():.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# One step, and the model is undecided. You still see the same person. The way out of a class can be short, compared with
# the image, and need not lead to anything that looks like the other class. Chapter 07 makes this a method.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Logit or probability?
#
# The notes let $f$ be a “probability, or confidence”. Does it matter which? The chain rule says
#
# $$\nabla_I \, p(I_*) = \sigma'(f(I_*)) \, \nabla_I f(I_*) = p \, (1 - p) \, w .$$
#
# **What do you expect: is the gradient of the probability also the same for all pictures?**
#
# <details><summary>Answer</summary>
#
# Its direction is, its length is not. The factor $p(1-p)$ is largest, 1/4, where the model is undecided. Where the model
# is sure, the gradient nearly vanishes.
#
# </details>


# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** The factor p (1 − p) is the whole slide. It is the reason why this course takes the logit.


# %% slideshow={"slide_type": "subslide"}
def probability(images):
    """The probability of a face, after the sigmoid."""
    return torch.sigmoid(logit(images))


of_probability = gradients.gradient(probability, images).flatten(1)
factor = of_probability.norm(dim=1) / weights.norm()
p = probability(images)
print(f"largest angle to the weights: {angle(of_probability, weights.flatten()[None]).max().item():.1f}°")
print(f"largest difference between the factor and p(1 - p): {(factor - p * (1 - p)).abs().max().item():.4f}")
print(f"the factor goes from {factor.min().item():.2f} to {factor.max().item():.2f}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
curve = torch.linspace(0, 1, 101)
ax.plot(curve, curve * (1 - curve), color="gray", label="p(1 − p)")
for label, name, marker, colour in [(1, "faces", "^", "C5"), (0, "others", "o", "C0")]:
    ax.plot(p[labels == label], factor[labels == label], marker, color=colour, alpha=0.6, markersize=5, label=name)
ax.set(
    xlabel="probability p of a face",
    ylabel="length of ∇p / length of ∇f",
    title="The surer the model, the shorter the gradient of p",
)
ax.legend()
show.figure(
    figure,
    alt="Length of the gradient of the probability, relative to that of the logit, against the probability for 200 "
    "pictures. All lie on the parabola p times one minus p.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# With two classes, logit and probability give the same picture up to its brightness. With more than two that is no
# longer true (chapter 02). The logit is the better habit: its gradient does not fade where the model is sure.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The price
#
# The weights show *one* face at *one* place. The lecture notes conclude that linear classifiers are poor predictors for
# raw images: they expect the object at the same coordinates every time. Is it so? We shift the test pictures by $k$
# pixels to the left, right, up and down; the pixels at the edge are repeated.


# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** Here the price for one explanation is named: one face at one place. Show what a shift does before you
# show the rivals. The code of the training may be passed over.

# %% slideshow={"slide_type": "fragment"}
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad


def shifted(images, right, down):
    """Images shifted by at most 10 pixels; the edge is repeated."""
    wide = pad(images, (10, 10, 10, 10), mode="replicate")
    return wide[:, :, 10 - down : 35 - down, 10 - right : 35 - right]


moved = torch.cat([shifted(face, *offset) for offset in [(0, 0), (5, 0), (-5, 0), (0, 10), (10, 0)]])

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
show.images(
    moved,
    ["not shifted", "5 to the right", "5 to the left", "10 down", "10 to the right"],
    title="What a shift does to a face",
    alt="A face, and the same face shifted to the right, left, and further down and to the right.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## The rivals
#
# A small **convolutional network** (CNN) looks for the same features at all places. Its last layers only ask whether a
# feature is found *anywhere*. And since the training pictures are all centred, we also train on 40 shifted copies of
# each: both the CNN and, to be fair, the linear model.


# %% slideshow={"slide_type": "fragment"}
def train(model, images, labels, n_steps, learning_rate):
    """Train a binary classifier with Adam; return its score. In double precision, so that all computers agree."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.double().parameters(), learning_rate, weight_decay=1e-4)
    for _ in range(n_steps):
        batch = torch.randint(len(images), (25,), generator=generator)
        loss = binary_cross_entropy_with_logits(model(4 * images[batch].double() - 2), labels[batch].double())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.float().requires_grad_(False)
    return lambda images: model(4 * images - 2)


# %% slideshow={"slide_type": "subslide"}
def small_cnn():
    """Two layers of convolutions; the largest activation anywhere in the image decides."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 12, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(12, 24, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1)),
        *(nn.Flatten(), nn.Linear(24, 1), nn.Flatten(0)),
    )


cnn = train(small_cnn(), train_images, train_labels, n_steps=300, learning_rate=0.003)

# %% slideshow={"slide_type": "subslide"}
offsets = torch.randint(-10, 11, (40, 2), generator=torch.Generator().manual_seed(0)).tolist()
copies = torch.cat([shifted(train_images, *offset) for offset in offsets])
copies_labels = train_labels.repeat(len(offsets))
cnn_shifts = train(small_cnn(), copies, copies_labels, n_steps=300, learning_rate=0.003)

refitted = LogisticRegression(C=0.1, max_iter=1000).fit(copies.flatten(1), copies_labels)
blurred_weights = torch.from_numpy(refitted.coef_).float().view(1, 1, 25, 25)


def logit_shifts(images):
    """Logistic regression, trained on shifted copies."""
    return (blurred_weights * images).sum(dim=(1, 2, 3)) + float(refitted.intercept_[0])


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Accuracy against shift
#
# **What do you expect of the four, at a shift of 10 pixels? Draw your four lines before you run on.**
#
# <details><summary>Answer</summary>
#
# The linear model falls from 0.92 to below 0.7. The CNN starts higher and falls as well, less deeply: being built of
# convolutions does not suffice, for it has never seen a face that is cut off. The CNN that was trained on shifted
# pictures does not fall at all. The linear model gains a little from the shifted pictures, and loses where it was good.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Let everybody draw four lines. Then show the table by direction: the mean hides that to the right
# nearly all faces are lost. The CNN is not saved by being a CNN, but by having seen shifted faces.

# %% slideshow={"slide_type": "subslide"}
rivals = {
    "linear": (logit, "o-", "C0"),
    "linear, trained on shifts": (logit_shifts, "o--", "C4"),
    "CNN": (cnn, "s-", "C1"),
    "CNN, trained on shifts": (cnn_shifts, "s--", "C5"),
}
pixels = list(range(11))
curves = {}
for name, (score, _, _) in rivals.items():
    curves[name] = []
    for k in pixels:
        moved = torch.cat([shifted(test_images, *offset) for offset in [(k, 0), (-k, 0), (0, k), (0, -k)]])
        curves[name].append(accuracy(score, moved, test_labels.repeat(4)))

print("shift in pixels                0      5     10")
for name, curve in curves.items():
    print(f"{name:25} " + " ".join(f"{curve[k]:6.3f}" for k in (0, 5, 10)))

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
for name, (_, style, colour) in rivals.items():
    ax.plot(pixels, curves[name], style, color=colour, label=name)
ax.axhline(0.54, color="gray", linestyle=":", label="always “no face”")
ax.set(
    xlabel="shift in pixels, mean of four directions",
    ylabel="accuracy on 50 test pictures",
    title="A CNN can learn to ignore a shift, a linear model can't",
    ylim=(0.35, 1.02),
)
ax.legend(loc="lower left", ncols=2)
show.figure(
    figure,
    alt="Accuracy against shift for four models. The linear model falls steeply, the CNN slowly, the CNN trained on "
    "shifts stays at the top, the linear model trained on shifts is low everywhere.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The accuracy is a mean over faces and other pictures, and over four directions. A mean can hide a lot. How many of the
# 23 test *faces* are found after a shift of 10 pixels, direction by direction?

# %% slideshow={"slide_type": "fragment"}
test_faces = test_images[test_labels == 1]
print("faces found                none  right   left   down     up")
for name, (score, _, _) in rivals.items():
    found = [
        accuracy(score, shifted(test_faces, *offset), torch.ones(len(test_faces)))
        for offset in [(0, 0), (10, 0), (-10, 0), (0, 10), (0, -10)]
    ]
    print(f"{name:25} " + " ".join(f"{share:6.2f}" for share in found))

# %% [markdown] slideshow={"slide_type": "subslide"}
# So the notes are right about the linear model, and more so than the mean could show: shifted sideways, about one face in
# ten is found. It says “no face” to almost everything, and half of the pictures are none. The reason is in
# its weights: one picture of weights cannot be a face at all places.
#
# The measurement adds two things to the notes. A CNN does not ignore shifts by itself: without shifted examples, it too
# loses more than half of the faces to the right. And shifted examples cure the CNN completely, the linear model only
# halfway.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## The gain: an explanation for this image
#
# The gradient of the CNN depends on the image. How much?

# %% slideshow={"slide_type": "fragment"}
people = test_images[test_labels == 1][:4]
cnn_slopes = gradients.gradient(cnn_shifts, people)

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(3, 4, figsize=(8, 6.3), layout="constrained")
for column in range(4):
    show.draw_image(axes[0, column], people[column], f"face {column + 1}")
    show.draw_map(axes[1, column], weights[0], "linear model")
    show.draw_map(axes[2, column], cnn_slopes[column], "CNN", limit=cnn_slopes.abs().max().item())
figure.suptitle("One map for all, or a map for each (every row on one scale)")
show.figure(
    figure,
    alt="Four faces; below each the gradient of the linear model, four times the same; below that the gradient of the "
    "CNN, different for every face.",
)

# %% slideshow={"slide_type": "subslide"}
unit = torch.nn.functional.normalize(gradients.gradient(cnn_shifts, test_images).flatten(1))
cosines = (unit @ unit.T)[~torch.eye(50, dtype=torch.bool)]
print(f"mean cosine between the gradients of two test pictures: linear 1.0, CNN {cosines.mean().abs().item():.1f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A boundary that bends
#
# To *see* a curved boundary we need images with two pixels only: tensors of shape (N, 1, 1, 2). Every such image is a
# point in a square. The two classes are crescents. A linear model and a small smooth network learn to tell them apart.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Two pixels are enough to see a boundary. Left one arrow everywhere, right another arrow at every
# point: this is Figure 1 of the notes. Ask where the arrows are long.

# %% slideshow={"slide_type": "fragment"}
from sklearn.datasets import make_moons

points, crescents = make_moons(300, noise=0.1, random_state=0)
points = 0.1 + 0.8 * (points - points.min(axis=0)) / (points.max(axis=0) - points.min(axis=0))
points, crescents = torch.from_numpy(points).float().view(-1, 1, 1, 2), torch.from_numpy(crescents)

plane = LogisticRegression(C=100).fit(points.flatten(1), crescents)
plane_weights = torch.from_numpy(plane.coef_).float().view(1, 1, 1, 2)


def straight(images):
    """A linear score of two pixels."""
    return (plane_weights * images).sum(dim=(1, 2, 3)) + float(plane.intercept_[0])


# %% slideshow={"slide_type": "subslide"}
torch.manual_seed(0)
model = nn.Sequential(
    *(nn.Flatten(), nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh()),
    *(nn.Linear(16, 1), nn.Flatten(0)),
)
curved = train(model, points, crescents, n_steps=1000, learning_rate=0.01)
for name, score in {"straight": straight, "curved": curved}.items():
    print(f"{name:8}: accuracy {accuracy(score, points, crescents):.2f}")


# %% slideshow={"slide_type": "skip"}
def draw_plane(ax, score, title, arrows=True):
    """The score in colours, its boundary, and arrows along its gradient; return the points of the boundary."""
    axis = torch.linspace(0, 1, 201)
    pixels = torch.cartesian_prod(axis, axis).view(-1, 1, 1, 2)
    values = gradients.evaluate(score, pixels).view(201, 201).T.numpy()
    limit, axis = abs(values).max(), axis.numpy()
    picture = ax.pcolormesh(axis, axis, values, cmap=show.SIGNED_COLOURS, vmin=-limit, vmax=limit, shading="gouraud")
    boundary = ax.contour(axis, axis, values, levels=[0], colors="black", linewidths=2).allsegs[0][0]
    if arrows:
        places = torch.cartesian_prod(*2 * [torch.linspace(0.05, 0.95, 10)])
        slopes = gradients.gradient(score, places.view(-1, 1, 1, 2)).flatten(1)
        ax.quiver(*places.T.numpy(), *slopes.T.numpy(), angles="xy")
    ax.set(title=title, xlabel="first pixel", ylabel="second pixel", aspect="equal", xlim=(0, 1), ylim=(0, 1))
    ax.figure.colorbar(picture, ax=ax, label="score", shrink=0.75)
    return torch.from_numpy(boundary).float()


# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
boundaries = {}
for ax, (name, score) in zip(axes, {"straight": straight, "curved": curved}.items(), strict=True):
    boundaries[name] = draw_plane(ax, score, f"{name} boundary")
    for label, marker in [(0, "o"), (1, "^")]:
        ax.plot(*points[crescents == label].flatten(1).T, marker, color="black", alpha=0.35, markersize=3)
figure.suptitle("One gradient for all points (left), or another one everywhere (right)")
show.figure(
    figure,
    alt="Two squares with points of two crescents. Left: a straight boundary, all arrows are equal and perpendicular to "
    "it. Right: a boundary that winds between the crescents; the arrows turn with it and differ in length.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# This is Figure 1 of the lecture notes, computed. Black lines: the boundary. Arrows: the gradient.

# %% [markdown] slideshow={"slide_type": "subslide"}
# Is the gradient still perpendicular to the boundary where the boundary bends? Two neighbouring points of the black line
# give its direction, the **tangent**. We measure its angle with the gradient, all along the line.

# %% slideshow={"slide_type": "fragment"}
for name, score in {"straight": straight, "curved": curved}.items():
    line = boundaries[name].clamp(0, 1)
    tangents, middles = line.diff(dim=0), (line[:-1] + line[1:]) / 2
    long_enough = tangents.norm(dim=1) > 1e-3  # shorter pieces are mostly rounding
    slopes = gradients.gradient(score, middles.view(-1, 1, 1, 2)).flatten(1)
    angles = angle(tangents[long_enough], slopes[long_enough])
    print(
        f"{name:8}: {angles.mean().item():.0f}° on average, at most {(angles - 90).abs().max().item():.0f}° off 90°"
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# Yes, at the boundary it is, for every smooth score. Along the boundary the score stays 0, so it has no slope in that
# direction. The rest is a question of distance.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Many quick routes
#
# Take a point of the upper crescent, some way from the boundary. We want to reach the other class. The gradient names
# one direction.
#
# **What do you expect: is the straight line along the gradient the shortest way to the curved boundary?**
#
# <details><summary>Answer</summary>
#
# No. It is more than half as long again as the shortest, which leads to the other side. The gradient knows the slope
# *here*; the boundary is over there. There is also a second short way, to the right, and it is not along the gradient
# either.
#
# </details>


# %% [markdown] slideshow={"slide_type": "notes"}
# **7 minutes.** Let two people defend the two short ways as “the explanation”. Neither can win. Keep the picture:
# chapter 09 comes back to it when it asks whether the fundamental question has an answer at all. At the widget, drag
# the point to where the gradient nearly vanishes, and ask why.


# %% slideshow={"slide_type": "subslide"}
def lengths_to_boundary(score, start, angles):
    """Length of the straight line from a point (2,) to the boundary, for every angle in degrees; inf if there is none."""
    directions = torch.stack([torch.deg2rad(angles).cos(), torch.deg2rad(angles).sin()], dim=1)
    lengths = torch.arange(0, 1, 0.002)
    along = start + lengths[:, None] * directions[:, None]  # (angles, lengths, 2)
    values = gradients.evaluate(score, along.view(-1, 1, 1, 2)).view(len(angles), -1)
    crossed = values.sign() != values[:, :1].sign()
    first = crossed.int().argmax(dim=1, keepdim=True).clamp_min(1)
    before, after = values.gather(1, first - 1), values.gather(1, first)
    at = (lengths[first] - 0.002 * after / (after - before)).flatten()  # the score is nearly linear in between
    return torch.where(crossed.any(dim=1), at, torch.inf)


# %% slideshow={"slide_type": "fragment"}
def follow_gradient(score, start, step=0.001):
    """The path that turns with the gradient, from a point (2,) with a negative score to the boundary."""
    path = [start]
    while score(path[-1].view(1, 1, 1, 2)) < 0:
        slope = gradients.gradient(score, path[-1].view(1, 1, 1, 2)).flatten()
        path.append(path[-1] + step * slope / slope.norm())
    return torch.stack(path)


# %% slideshow={"slide_type": "subslide"}
start = torch.tensor([0.585, 0.5])
slope = gradients.gradient(curved, start.view(1, 1, 1, 2)).flatten()
uphill = torch.rad2deg(torch.atan2(slope[1], slope[0])).view(1)  # its angle in degrees
path = follow_gradient(curved, start)

turns = torch.arange(0.0, 360.0)
lengths = lengths_to_boundary(curved, start, turns)
best = lengths.argmin()
to_the_right = torch.where(turns.deg2rad().cos() > 0, lengths, torch.inf)
routes = {  # name: angle, length
    "straight along the gradient": (uphill, lengths_to_boundary(curved, start, uphill).item()),
    "turning with the gradient": (None, path.diff(dim=0).norm(dim=1).sum().item()),
    "the shortest of all": (turns[best], lengths[best].item()),
    "the shortest to the right": (turns[to_the_right.argmin()], to_the_right.min().item()),
}
for name, (_, length) in routes.items():
    print(f"{name:27}: length {length:.2f}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(6.2, 4.8), layout="constrained")
draw_plane(ax, curved, "Four routes to the curved boundary", arrows=False)
styles = ["-", "--", "-", "-"]
for (name, (turn, length)), style, colour in zip(
    routes.items(), styles, ["black", "black", "gold", "violet"], strict=True
):
    line = path
    if turn is not None:
        direction = torch.stack([turn.deg2rad().cos(), turn.deg2rad().sin()]).flatten()
        line = torch.stack([start, start + length * direction])
    ax.plot(*line.T, style, color=colour, linewidth=3, label=f"{name}: {length:.2f}")
ax.plot(*start, "o", color="white", markeredgecolor="black", markersize=10)
ax.set(xlim=(0.35, 0.85), ylim=(0.25, 0.75))
ax.legend(loc="upper left")
show.figure(
    figure,
    alt="A point above a valley of the black boundary, and four routes to it: straight along the gradient down to the "
    "right, a dashed curve that bends to the right, the shortest to the left, and a short one to the right.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two ways are short: to the left and to the right. They change the first pixel in opposite ways. “Why is this point
# not in the other class? Because its first pixel is too large.” “No, because it is too small.” Both answers are
# true.
#
# Here is the length of the straight route in *every* direction. For comparison: a point that is equally far from the
# straight boundary.

# %% slideshow={"slide_type": "fragment"}
normal = plane_weights.flatten() / plane_weights.norm()
origin = start - (lengths.min() + straight(start.view(1, 1, 1, 2)) / plane_weights.norm()) * normal
straight_uphill = torch.rad2deg(torch.atan2(normal[1], normal[0]))

turns = torch.arange(-180.0, 180.0, 5.0)
by_turn = {
    "straight": lengths_to_boundary(straight, origin, turns + straight_uphill),
    "curved": lengths_to_boundary(curved, start, turns + uphill),
}

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for (name, ways), style in zip(by_turn.items(), ["--", "-"], strict=True):
    ax.plot(turns, ways, style, linewidth=2, label=f"{name} boundary")
ax.axvline(0, color="gray", linestyle=":", label="along the gradient")
ax.set(xlabel="angle between the route and the gradient in degrees", ylabel="length of the route", ylim=(0, 0.4))
ax.set_title("The gradient shows the shortest route to a plane, not to a curve")
ax.legend()
show.figure(
    figure,
    alt="Length of the straight route against its angle to the gradient. For the straight boundary one minimum, at "
    "angle 0. For the curved one two minima left and right of 0, both lower than the length at 0.",
)

# %% slideshow={"slide_type": "subslide"}
for name, ways in by_turn.items():
    print(f"{name:8}: shortest at {turns[ways.argmin()].item():4.0f}°, length {ways.min().item():.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# We chose this point, because it shows the effect well. Is it an exception? The same measurement, for all 150 points of
# the upper crescent:

# %% slideshow={"slide_type": "fragment"}
detours = []
for point in points[crescents == 0].flatten(1):
    slope = gradients.gradient(curved, point.view(1, 1, 1, 2)).flatten()
    straight_on = lengths_to_boundary(curved, point, torch.rad2deg(torch.atan2(slope[1], slope[0])).view(1))
    detours.append((straight_on / lengths_to_boundary(curved, point, torch.arange(0.0, 360.0, 10.0)).min()).item())

detours = torch.tensor(detours)
print(f"at most a tenth longer than the shortest : {(detours <= 1.1).float().mean().item():.0%} of the points")
print(
    f"longer than that                         : {((detours > 1.1) & detours.isfinite()).float().mean().item():.0%}"
)
print(f"never meets the boundary (up to length 1): {detours.isinf().float().mean().item():.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# So read the notes' “as efficiently as possible” with the word that stands before it: *locally*. The gradient is the
# best direction for an infinitely small step, everywhere. That a straight line along it leads to the boundary on the
# shortest way is true for planes, and close to the boundary. Elsewhere it may be a detour, or lead past it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Try it.** Drag the point, or move it by the arrow keys. Where does the gradient point to the nearest piece of the
# boundary? Where does it not? Where is it hardly there at all, and why? (The widget shows the gradient of the
# *probability*.)

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
from lecture_lib import widgets

widgets.plane(lambda images: torch.sigmoid(curved(images)), points, crescents)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the map does not say
#
# Back to the faces, where the boundary is a plane and the gradient is exactly right. Does the map of the weights say
# which pixels *decide*? Colour the pixels like a chessboard. One person may change the white fields only, the other the
# black fields only. Each follows the map on the allowed fields.
#
# **What do you expect: how much longer is the way to the boundary with half of the pixels?**
#
# <details><summary>Answer</summary>
#
# About 1.4 times, for both. If two sets of pixels share $\lVert w \rVert^2$ equally, each is
# $\sqrt 2$ times as far from the boundary.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** The chessboard is short and strong: two explanations without a common pixel. Then the falls of
# covered squares: they differ from face to face, while the map is the same for all.

# %% slideshow={"slide_type": "subslide"}
row, column = torch.meshgrid(torch.arange(25), torch.arange(25), indexing="ij")
for name, allowed in {"white fields": (row + column) % 2 == 0, "black fields": (row + column) % 2 == 1}.items():
    slopes = allowed * weights
    step = -scores / slopes.square().sum() * slopes
    crossed = logit(images + 1.01 * step).sign() != logit(images).sign()
    length = (step.flatten(1).norm(dim=1) * weights.norm() / scores.flatten().abs()).mean().item()
    print(
        f"{name}: {crossed.sum().item()} of 200 pictures cross, on a way {length:.1f} times as long as the shortest"
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# Two “explanations” that have not one pixel in common, and both work. Which pixels are *the* reason? The question has no
# answer. This is a first sign that Fundamental Question 1 is ill posed. Chapters 08 and 09 return to it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# And how much does a region contribute for *this* face? We cover 25 squares of 5 × 5 pixels by the mean intensity of
# the picture. The gradient's prediction of the fall, $\nabla_I f \cdot (I_* - I_\text{covered})$, is exact here, however
# large the change. In chapter 02 it won't be.


# %% slideshow={"slide_type": "fragment"}
def cover_squares(image, side=5):
    """25 copies of the image; in each, another square has the mean intensity."""
    copies = image.repeat(25, 1, 1, 1)
    for k in range(25):
        row, column = side * (k // 5), side * (k % 5)
        copies[k, :, row : row + side, column : column + side] = image.mean()
    return copies


# %% slideshow={"slide_type": "fragment"}
people = test_images[test_labels == 1]
falls = torch.stack([logit(face[None]) - logit(cover_squares(face[None])) for face in people])  # (23, 25)
predicted = torch.stack([(weights * (face[None] - cover_squares(face[None]))).sum(dim=(1, 2, 3)) for face in people])
print(f"largest difference between predicted and measured fall: {(predicted - falls).abs().max().item():.3f}")

# %% slideshow={"slide_type": "subslide"}
first, second = torch.triu_indices(len(people), len(people), offset=1)
alike = measure.rank_correlation(falls[first], falls[second])
print(
    f"rank correlation of the falls of two faces: {alike.mean().item():.1f} on average, {alike.min().item():.1f} at least"
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The falls differ from face to face, and the map is the same for all. So it can't be a list of what contributed. What
# contributed depends on the image *and* on what you put in its place. Chapter 04 puts both into the formula.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - The gradient of a linear model is its weights, for every image. It explains the model, not the image.
# - Whether the weights look like a face depends on how the model was trained. Weights that look like noise may work
#   as well.
# - The gradient of the probability is $p(1-p)$ times that of the logit: same direction, vanishing where $p$ is sure.
# - At the boundary, the gradient is perpendicular to it. To a plane it is also the shortest way, to a curve it need
#   not be, and there may be several ways that are almost as short.
# - The linear model pays for its one explanation: it fails when the face is elsewhere in the picture.
#
# **Now you:** [exercise 01](../exercises/01_linear_models/01_linear_models.ipynb).

# %% [markdown] slideshow={"slide_type": "notes"}
# **2 minutes.** Ask the room for the summary before you show it. The exercise begins with the gradient of a linear
# model by hand.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Read on
#
# - Feragen, *Lecture notes on explainable AI: Saliency maps*, 2023, section 2.1 and Figure 1.
# - Hastie, Tibshirani, Friedman, *The elements of statistical learning*, 2009, sections 3.4 (penalties), 4.4 and 4.5
#   (logistic regression, distance to a plane).
# - Haufe et al., *On the interpretation of weight vectors of linear models in multivariate neuroimaging*, NeuroImage
#   2014, doi:10.1016/j.neuroimage.2013.10.067: why weights must not be read as “where the signal is”.
# - Molnar, *Interpretable machine learning*, the chapters on linear and logistic regression.
# - Huang et al., *Labeled Faces in the Wild*, 2007: where the faces come from.
#
# **Your own experiment.** Shift by rolling, `images.roll(k, dims=3)`, instead of repeating the edge. Change the seed in
# `small_cnn` and in `train`. Train the linear model on shifts with another `C`. Which of the conclusions changes?
