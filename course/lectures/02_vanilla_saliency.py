# %% [markdown] slideshow={"slide_type": "slide"}
# # 02 · Vanilla saliency
#
# **A saliency map is a picture of slopes.** It says how fast the score of a class changes with every pixel. So it
# makes predictions, and you can test them. Here is one: step a tiny bit along the map, and the class score rises by
# the amount that the map says.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** The claim is the whole chapter: everything after it asks how far it carries. Let the room guess what
# happens at ten times the step before you reach that slide. Short of time? Leave out the class models.

# %% slideshow={"slide_type": "subslide"}
from lecture_lib import gradients, maps, measure, networks, pictures, show

network = networks.efficientnet_lite0()
cat = pictures.photo("cat")
score = network.score("tiger cat")
slope = gradients.gradient(score, cat)

predicted, measured, _ = measure.linearity_error(score, cat, direction=slope, radius=0.01)
print(f"The map predicts that the score rises by {predicted.item():.2f}. It rises by {measured.item():.2f}.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The question
#
# You know from calculus that the gradient of a function points where the function rises fastest. For an image
# classifier, the input is an image $I_*$, and the gradient has one number for every pixel. The lecture notes say what
# this answers:
#
# > **Fundamental Question 2.** *Which pixel intensities should I change at which rate in order to most efficiently
# > get a more certain positive prediction?* (Feragen 2023, section 2.1)
#
# Read it twice. It does not ask which pixels *caused* the prediction. It asks how to *change* it.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Everybody reads the question in silence, twice. Then ask: does it say anything about what the network
# looks at?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The class score
#
# A network ends with one number per class, the **logits**. The softmax turns them into probabilities,
# $p_c = e^{S_c} / \sum_k e^{S_k}$. The **class score** $S_c(I)$ is the logit of class $c$, before the softmax
# (Simonyan et al. 2013).

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Softmax and logit on one slide. The printed classes show what a network of 1000 classes is unsure
# about.

# %% slideshow={"slide_type": "fragment"}
logits = network(cat)  # (N, classes) = (1, 1000)
index = network.index("tiger cat")
print(f"{tuple(logits.shape) = }")
print(f"class score S_c = {logits[0, index]:.2f}, the same as score(cat) = {score(cat).item():.2f}")
print(f"probability p_c = {logits.softmax(dim=1)[0, index]:.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The gradient of the score
#
# Three steps make a vanilla saliency map:
#
# 1. a forward pass of the image $I_*$ gives the score $S_c(I_*)$,
# 2. a backward pass gives its gradient with respect to the pixels, $\nabla_I S_c(I_*)$,
# 3. the gradient is shown as a picture.
#
# The formula is one line of PyTorch. The rest of the function in `lecture_lib` checks its input.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** The formula is one line. Stay with the unit: score per unit of intensity. Somebody should compute
# aloud what a slope of 0.5 means for a change of 0.01.

# %% slideshow={"slide_type": "fragment"}
import torch

image = cat.clone().requires_grad_()  # a copy that remembers what is computed from it
(by_hand,) = torch.autograd.grad(score(image).sum(), image)

print(f"{tuple(by_hand.shape) = }: one slope for every pixel and channel")
print(f"largest difference to lecture_lib: {(by_hand - slope).abs().max().item():.0f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The unit of a slope is *score per unit of intensity*. From black to white is one unit. A slope of 0.5 says: brighten
# this channel of this pixel by 0.01, and the score rises by 0.005. At least for a small change: this is the first-order
# Taylor expansion around $I_*$,
#
# $$S_c(I) \approx S_c(I_*) + \nabla_I S_c(I_*) \cdot (I - I_*).$$

# %% [markdown] slideshow={"slide_type": "slide"}
# ## From gradient to map
#
# The gradient of a colour image has three numbers per pixel, a map has one. The literature knows several rules:
#
# | rule | formula | used by |
# |---|---|---|
# | largest absolute value | $\max_c \lvert w_{cij} \rvert$ | Simonyan et al. 2013 |
# | mean, with sign | $\frac13 \sum_c w_{cij}$ | lecture notes, section 2.1 |
# | mean of the positive part | $\frac13 \sum_c \max(w_{cij}, 0)$ | readers who ask only what *raises* the score |


# %% [markdown] slideshow={"slide_type": "notes"}
# **8 minutes.** Three rules, three pictures, one gradient. Ask which one they have seen in papers. The correlation of
# zero is no contradiction: how fast, and in which direction. The gray photograph is a good question for those who
# know calculus: are the three slopes equal?


# %% slideshow={"slide_type": "subslide"}
def three_rules(name, target):
    """Show one photograph and its gradient under three rules."""
    photo = pictures.photo(name)
    gradient = gradients.gradient(network.score(target), photo)
    show.maps(
        photo,
        {
            "max of absolute values": maps.max_abs(gradient),
            "mean, with sign": maps.mean(gradient),
            "mean of positive parts": maps.positive(gradient),
        },
        same_scale=False,
        title=f"One gradient, three maps: {target}",
        alt=f"The photograph {name} and three maps of the gradient for {target}: bright dots, red and blue dots that "
        "alternate from pixel to pixel, and bright dots again.",
    )


# %% slideshow={"slide_type": "subslide"} tags=["picture:thumbnail", "hide-input"]
three_rules("cat", "tiger cat")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
three_rules("coffee", "espresso")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Do the rules agree?
#
# The **rank correlation** compares how two maps order the pixels: 1 means the same order, 0 means unrelated.

# %% slideshow={"slide_type": "fragment"}
reference = maps.max_abs(slope)
for rule in (maps.mean, maps.positive):
    correlation = measure.rank_correlation(reference, rule(slope)).item()
    print(f"max of absolute values against {rule.__name__:8}: {correlation:z.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Against the signed mean it is zero. That is no contradiction: one rule asks *how fast*, the other asks *in which
# direction*. So name your rule. Two papers that show “the gradient” may show different things.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## A gray photograph
#
# The photograph `camera` is gray: its three channels are equal. The network still has three inputs.
#
# **What do you expect: are the three channels of the gradient equal, too?**
#
# <details><summary>Answer</summary>
#
# No. The network may react to a pixel that turns red differently from one that turns blue, even if it has never been
# shown a coloured version of this photograph. Equal inputs do not make equal slopes. If you want the map of a gray
# classifier, add the three slopes: brightening a gray pixel changes all channels at once.
#
# </details>

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
three_rules("camera", "tripod")

# %% slideshow={"slide_type": "fragment"}
camera = pictures.photo("camera")
camera_slope = gradients.gradient(network.score("tripod"), camera)
red, green, blue = camera_slope[0].flatten(1)
print(f"the channels of the image are equal: {bool((camera[:, 0] == camera[:, 1]).all())}")
print(f"correlation of the red and the green slopes: {torch.corrcoef(torch.stack([red, green]))[0, 1].item():.1f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Why the logit, and not the probability?
#
# **What do you expect: a photograph is classified with probability 0.999. How large is the gradient of this
# probability, compared with the gradient of the logit?**
#
# <details><summary>Answer</summary>
#
# About a thousand times smaller: a probability near 1 cannot rise any more. The chain rule gives
# $\nabla p_c = p_c \left( \nabla S_c - \sum_k p_k \nabla S_k \right)$. The bracket vanishes as $p_c \to 1$. It also
# points elsewhere, for it contains the other classes.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Vote before the table. The last column matters more than the first: the gradient of the probability
# also points elsewhere.

# %% slideshow={"slide_type": "subslide"}
espresso, probability = network.score("espresso"), network.probability("espresso")
photo = pictures.photo("coffee")
print("probability   length of ∇p / length of ∇S   angle between them, to the nearest 10°")
for _ in range(4):
    of_score, of_probability = gradients.gradient(espresso, photo), gradients.gradient(probability, photo)
    angle = torch.cosine_similarity(of_score.flatten(), of_probability.flatten(), dim=0).acos().rad2deg().item()
    ratio = (of_probability.norm() / of_score.norm()).item()
    print(f"{probability(photo).item():11.3f}   {ratio:28.3f}   {round(angle, -1):37.0f}°")
    photo = (photo + 0.5 * of_score / of_score.norm()).clamp(0, 1)  # a step towards more espresso

# %% [markdown] slideshow={"slide_type": "fragment"}
# The surer the network, the weaker and the more tilted is the gradient of the probability. The logit has no such
# ceiling. Not one of the two is “the right one”: they answer different questions. “What makes it more espresso?” is
# the logit's. “What makes it more espresso than everything else?” is the probability's.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How far does the gradient tell the truth?
#
# The map above is exact for steps of length zero. We step from the cat along the gradient, and compare the rise that
# the gradient predicts with the rise that we measure. The unit of the length is the L2 norm of the change, over all
# pixels.
#
# **What do you expect: how large may a step be before the prediction is off by a quarter? Large enough to be seen?**
#
# <details><summary>Answer</summary>
#
# No. At a length of 0.1 the prediction is off by a quarter, and no pixel has changed by more than about 1/255, which
# is the smallest step that an ordinary image file can store.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** The heart of the chapter. Let them write down a length. The prediction is off by a quarter as soon as
# some pixel changes by the smallest step that a file can store. Keep the random direction for the question: is it the
# size of the step, or its direction?

# %% slideshow={"slide_type": "subslide"}
radii = [0.01, 0.03, 0.1, 0.3, 1.0]
uphill = [measure.linearity_error(score, cat, slope, radius) for radius in radii]
largest = slope.abs().max() / slope.norm()  # of a step with length 1

print("length   largest change of a pixel   predicted   measured")
for radius, step in zip(radii, uphill, strict=True):
    print(
        f"{radius:6.2f}   {255 * radius * largest.item():19.1f}/255   "
        f"{step.predicted.item():9.2f}   {step.measured.item():8.2f}"
    )

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
import matplotlib.pyplot as plt

plt.style.use("lecture_lib.lecture")

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
ax.loglog(radii, [step.predicted.item() for step in uphill], "o--", color="C1", label="predicted")
ax.loglog(radii, [step.measured.item() for step in uphill], "s-", color="C0", label="measured")
ax.axvline(1 / 255 / largest.item(), color="gray", linestyle=":", label="some pixel changes by 1/255")
ax.set(xlabel="length of the step (L2 norm)", ylabel="rise of the score", title="The prediction holds for tiny steps")
ax.legend()
show.figure(
    figure,
    alt="Rise of the score against the length of the step, both axes logarithmic. The predicted line goes straight up; "
    "the measured line leaves it where the largest change of a pixel is about 1/255 and flattens.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Does the prediction fail in every direction? Here is the same test along a random direction (“aside”), and the
# error of the prediction in both.

# %% slideshow={"slide_type": "fragment"}
random = torch.randn(cat.shape, generator=torch.Generator().manual_seed(0))
print("length   error uphill   error aside   measured change aside")
for radius, step in zip(radii, uphill, strict=True):
    aside = measure.linearity_error(score, cat, random, radius)
    errors = f"{step.error.item():z12.1f}   {aside.error.item():z11.2f}"
    print(f"{radius:6.2f}   {errors}   {aside.measured.item():z21.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Aside the score hardly moves, and the gradient is right about that. A step of the same length uphill bends the score
# far more. Chapter 07 builds attacks from this direction.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A step that you can see
#
# Follow the gradient further, and look at what happens to the picture and to the prediction.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Look at the pictures first, then at the numbers above them. Nothing got more cat-like.

# %% slideshow={"slide_type": "fragment"}
lengths = [0.0, 1.0, 5.0]
stepped = torch.cat([(cat + length * slope / slope.norm()).clamp(0, 1) for length in lengths])
titles = [
    f"length {length:.0f}: p(tiger cat) = {probability:.2f}"
    for length, probability in zip(lengths, network.probability("tiger cat")(stepped).tolist(), strict=True)
]

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
show.images(
    stepped,
    titles,
    title="Steps along the gradient of the tiger cat's score",
    alt="Three times the cat. After a step of length 1 nothing can be seen; after length 5 there is faint noise.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# After a step of length 1 the network is surer, as Fundamental Question 2 asked. Five times the step gains less: the
# slope at $I_*$ no longer holds out there. And nothing that you can see got more cat-like. If the image is already in
# the middle of its class, the gradient leads *out of* the photographs that the network was trained on (lecture
# notes, section 5).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What does a class look like to the network?
#
# Start from gray and follow the gradient for many steps. A penalty keeps the image from running away. The result is a
# **class model**,
#
# $$\arg\max_I \; S_c(I) - \lambda \lVert I \rVert_2^2 .$$
#
# Simonyan et al. (2013) used this penalty alone. Later work added two tricks: shift the image a little before every
# step (*jitter*), and blur it slightly after every step. Both take away fine texture that no photograph has.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Let the room name the four pictures before you tell. What we see here is chosen by the penalty that
# we set.

# %% slideshow={"slide_type": "subslide"}
targets = ["tripod", "goldfish"]
settings = {"L2 only": {"l2": 0.1}, "L2, jitter and blur": {"l2": 0.001, "jitter": 16, "blur": 0.6}}
models, titles = [], []
for setting, keywords in settings.items():
    for target in targets:
        shape = (1, 3, 160, 160)
        models.append(
            gradients.class_model(network.score(target), shape, n_steps=60, step_size=0.03, progress=True, **keywords)
        )
        titles.append(f"{target}: {setting}, p = {network.probability(target)(models[-1]).item():.1f}")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
show.images(
    torch.cat(models),
    titles,
    title="What the network calls a tripod and a goldfish",
    columns=4,
    alt="Four generated images. With the L2 penalty alone: fine texture with hints of legs and fins. With jitter and "
    "blur: the legs of a tripod, and a body like that of a fish, both on gray.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The network is certain of all four. How many would you have named? A score can be very high where no photograph has
# ever been, and the penalty that *we* choose decides what we see there.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the map does not say
#
# Back to Fundamental Question 1: how much does each region *contribute*? Suppose that the gradient did answer it.
# Then it would predict what happens when a region is covered by the mean colour:
# $\nabla_I S_c(I_*) \cdot (I_\text{covered} - I_*)$. We cover 49 squares, one after another.


# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** Back to the question of chapter 00. The map is asked what it was not made for, and its answer is
# close to worthless. Say again: it did not fail.


# %% slideshow={"slide_type": "fragment"}
def cover_squares(image, side=32):
    """49 copies of the image; in each, another square has the mean colour."""
    copies = image.repeat(49, 1, 1, 1)
    for k in range(49):
        row, column = side * (k // 7), side * (k % 7)
        copies[k, :, row : row + side, column : column + side] = image.mean(dim=(0, 2, 3))[:, None, None]
    return copies


# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.3), layout="constrained")
for ax, (name, target) in zip(
    axes, {"cat": "tiger cat", "coffee": "espresso", "camera": "tripod"}.items(), strict=True
):
    photo, class_score = pictures.photo(name), network.score(target)
    change = cover_squares(photo) - photo
    predicted = (change * gradients.gradient(class_score, photo)).sum(dim=(1, 2, 3))
    measured = torch.stack([gradients.evaluate(class_score, photo + one[None])[0] for one in change])
    measured = measured - gradients.evaluate(class_score, photo)
    correlation = torch.corrcoef(torch.stack([predicted, measured]))[0, 1].item()
    ax.axline((0, 0), slope=1, color="gray", linestyle=":", label="prediction = measurement")
    ax.plot(predicted, measured, "o", markersize=4, alpha=0.7, label="one covered square")
    ax.set(title=f"{target}: correlation {correlation:.1f}", xlabel="predicted change", ylabel="measured change")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
show.figure(
    figure,
    alt="Three scatter plots of predicted against measured change of the score for 49 covered squares. "
    "The dots do not follow the diagonal in any of them.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The prediction is close to worthless. Covering a square is a *large* change, and the gradient speaks about small
# ones. The map did not fail. We asked it the wrong question.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - A vanilla saliency map shows $\nabla_I S_c(I_*)$: the rate at which each pixel changes the score, for tiny changes.
# - Its prediction along the gradient is off by a quarter as soon as some pixel changes by about 1/255.
# - “The map” depends on the rule that merges the channels, and on logit or probability. Name both.
# - It does not say how much a region contributes. We measured that it does not.
#
# **Now you:** [exercise 02](../exercises/02_vanilla_saliency/02_vanilla_saliency.ipynb).

# %% [markdown] slideshow={"slide_type": "notes"}
# **2 minutes.** Take the answers that you collected in chapter 00 and ask which of them is left.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Read on
#
# - Feragen, *Lecture notes on explainable AI: Saliency maps*, 2023, sections 2.1 and 5.
# - Simonyan, Vedaldi, Zisserman, *Deep inside convolutional networks*, 2013, arXiv:1312.6034.
# - Olah, Mordvintsev, Schubert, *Feature visualization*, Distill 2017, doi:10.23915/distill.00007.
# - Molnar, *Interpretable machine learning*, the chapter on pixel attribution.
#
# **With another network.** Replace `networks.efficientnet_lite0()` at the top by `networks.load("resnet50")`, and cut
# the photographs as that network expects them: `pictures.photo("cat", **network.preprocessing)`. The weights are
# fetched once, if your machine has a connection. Do the numbers above change? Does the conclusion?
