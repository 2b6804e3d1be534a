# %% [markdown] slideshow={"slide_type": "slide"}
# # 05 · CAM and Grad-CAM
#
# **One picture, two classes, two maps.** The left half of a picture shows a cat, the right half a cup of espresso. An
# activation map for each class tells them apart: nearly all of it lies on the half where the thing is.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Three moments carry the chapter: the map that is built up map by map, the two classes, and the birds,
# where we know what the class depends on. Short of time? Leave out ReLU and upsampling.

# %% slideshow={"slide_type": "subslide"}
from lecture_lib import activations, gradients, maps, measure, networks, pictures, regions, show

network = networks.efficientnet_lite0()
last = network.model.bn2  # the last layer that still has a place for everything
both = pictures.collage(pictures.photo("cat"), pictures.photo("coffee"))

for target in ("tiger cat", "espresso"):
    coarse = activations.grad_cam(network.score(target), both, last, relu_attributions=True)
    on_the_left = maps.upsample(coarse, 224)[:, :, :112].sum() / maps.upsample(coarse, 224).sum()
    print(f"{target:9}: {on_the_left:4.0%} of the map lies on the left half")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The question
#
# > **Fundamental Question 1.** *How much does each region of the image contribute to a given decision?*
# > (Feragen 2023, section 1.1)
#
# A gradient does not answer it: it speaks about small changes of pixels (chapter 02). **Activation maps** start
# elsewhere. They ask which *places* of the last layer add up to the class score. We will see how far this is an answer
# to the question about regions of the *image*.

# %% [markdown] slideshow={"slide_type": "notes"}
# **2 minutes.** The question is about regions of the image. Remember the last words: at the end of the chapter we
# measure them.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the network computes on the way
#
# A convolutional layer returns a stack of small images, the **activation maps** $A^1, A^2, \dots$ Each is large where
# its filter finds what it looks for. `record` keeps what a layer returns while the network runs.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Global average pooling and one linear layer, nothing else. Exchange sum and mean on the board: CAM
# falls out.

# %% slideshow={"slide_type": "fragment"}
with activations.record(last) as recording:
    logits = network(both)
maps_of_layer = recording.output[0]  # (K, h, w)

print(f"{tuple(both.shape)} → {tuple(recording.output.shape)}: 1280 maps of 7 × 7 cells for the picture")
print(f"side of a cell: {224 // 7} pixels; cells that are 0: {(maps_of_layer == 0).float().mean():.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# After this layer the network does only two things. It takes the mean of every map (**global average pooling**). Then
# one linear layer weighs the means:
#
# $$S_c = \sum_k w_k \, \mathrm{mean}(A^k) + b.$$
#
# Sum and mean may be exchanged. So the score is the mean of *one* map, plus the bias. This map is the **class
# activation map**, CAM (Zhou et al. 2016):
#
# $$S(I_*) = \sum_k w_k A^k, \qquad S_c = \mathrm{mean}(S(I_*)) + b.$$

# %% slideshow={"slide_type": "subslide"}
import torch

classifier = network.model.classifier
index = network.index("tiger cat")
weights = classifier.weight[index]  # (K,)

by_hand = (weights[:, None, None] * maps_of_layer).sum(dim=0)
from_library = activations.cam(network, both, "tiger cat")[0]
print(f"largest difference to lecture_lib: {(by_hand - from_library).abs().max():.4f}")
print(f"mean of the map + bias = {by_hand.mean() + classifier.bias[index]:.3f}, the score is {logits[0, index]:.3f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A map of maps, built up one by one
#
# We add the 1280 maps in the order of their share in the score, $\lvert w_k \, \mathrm{mean}(A^k) \rvert$, and look at
# the sum on the way. This is Figure 6 of the lecture notes, with real numbers in it.
#
# **What do you expect: after how many maps does the sum look like the final map?**
#
# <details><summary>Answer</summary>
#
# After very few. The sum of five maps has a correlation of 0.9 with the final one, that of 20 maps more than 0.95. For
# the *height* of the score many more are needed: 20 of 1280 maps make less than half of it.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** Let them guess the number of maps before the row is shown. The sum looks final after five maps, while
# its height is far from final. CAM is a bill; say that word, we come back to it.

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt

plt.style.use("lecture_lib.lecture")

contributions = weights * maps_of_layer.mean(dim=(1, 2))  # of each map to the score
order = contributions.abs().argsort(descending=True)
counts = [1, 5, 20, 100, 1280]
sums = [(weights[order[:n], None, None] * maps_of_layer[order[:n]]).sum(dim=0) for n in counts]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
figure, axes = plt.subplots(2, 5, figsize=(13, 5.4), layout="constrained")
show.draw_image(axes[0, 0], both, "image")
top = float(maps_of_layer[order[:4]].max())
for ax, k in zip(axes[0, 1:], order[:4].tolist(), strict=True):
    title = f"map {k}, weight {weights[k]:+.2f}"
    show.draw_map(ax, maps_of_layer[k], title, label="activation" if k == order[3] else None, limit=top)
for ax, n, total in zip(axes[1], counts, sums, strict=True):
    title = f"sum of {n} maps" if n > 1 else "the first map, weighted"
    show.draw_map(ax, total, title, label="score" if n == 1280 else "", signed=True)
figure.suptitle("Four of 1280 activation maps, and the weighted sum for “tiger cat” as it grows (note the scales)")
show.figure(
    figure,
    alt="Top row: the picture with a cat on the left and a cup on the right, and four coarse activation maps, bright at "
    "different cells of the left half. Bottom row: five sums of weighted maps; from the first on the left half is red, "
    "and the last has a clear border between the halves.",
)

# %% slideshow={"slide_type": "subslide"}
print("maps added   correlation with the whole sum   mean of the sum")
for n, total in zip(counts, sums, strict=True):
    correlation = torch.corrcoef(torch.stack([total.flatten(), by_hand.flatten()]))[0, 1]
    print(f"{n:10}   {correlation:30.2f}   {total.mean():15.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## The score, column by column
#
# CAM is a bill. Its 49 cells add up to the score, so we may ask which part comes from which side of the picture.

# %% slideshow={"slide_type": "fragment"}
print("part of the score that comes from …   columns 1–3   column 4   columns 5–7   bias    score")
for target in ("tiger cat", "espresso"):
    cells = activations.cam(network, both, target)[0] / 49
    left, middle, right = cells[:, :3].sum(), cells[:, 3].sum(), cells[:, 4:].sum()
    bias = classifier.bias[network.index(target)]
    print(
        f"{target:38}{left:z12.1f}{middle:z11.1f}{right:z14.1f}{bias:z7.1f}{network.score(target)(both).item():9.1f}"
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# Integrated Gradients wrote such a bill over pixels (chapter 04), with many steps and a baseline. CAM needs neither.
# Remember the bill: further down we test whether it is also right about the *pixels* under the cells.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Grad-CAM: weights from gradients
#
# CAM needs a network that ends in this special way. Grad-CAM (Selvaraju et al. 2017) works for any layer of any
# convolutional network. The weight of a map is the mean gradient of the score with respect to its cells:
#
# $$w_k = \mathrm{mean}(\nabla_{A^k} f(I_*)), \qquad \hat S(I_*) = \mathrm{ReLU}\Big(\sum_k w_k A^k\Big).$$
#
# The code is the formula. The parameters of the network are frozen, so the graph has to start at the image.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** The code is the formula. The straight line says it all: on this network both are the same but for a
# factor of 49.

# %% slideshow={"slide_type": "fragment"}
image = both.clone().requires_grad_()
with activations.record(last) as recording:
    score = network.score("tiger cat")(image)
(gradient,) = torch.autograd.grad(score.sum(), recording.output)  # (1, K, h, w)
gradient_weights = gradient.mean(dim=(2, 3))[0]  # (K,)
signed = (gradient_weights[:, None, None] * recording.output[0].detach()).sum(dim=0)

from_library = activations.grad_cam(network.score("tiger cat"), both, last)[0]
print(f"largest difference to lecture_lib: {(signed - from_library).abs().max():.4f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **What do you expect: this network has both, CAM's weights and Grad-CAM's. How are they related?**
#
# <details><summary>Answer</summary>
#
# They are the same but for one constant. The score depends on a cell only through the mean of its map, so the
# derivative is $w_k / (h w)$ in every cell, and so is its mean. Therefore CAM $= h \cdot w \times$ Grad-CAM, with
# $7 \cdot 7 = 49$ cells here.
#
# </details>

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(4.6, 4), layout="constrained")
ax.axline((0, 0), slope=1 / 49, color="C1", label="slope 1/49")
ax.plot(weights, gradient_weights, ".", markersize=3, color="C0", label="one of 1280 maps")
ax.set(xlabel="weight in the classifier", ylabel="mean gradient", title="Grad-CAM finds CAM's weights")
ax.legend()
show.figure(
    figure,
    alt="Mean gradients against the classifier's weights for 1280 maps: all dots lie on a line with slope 1/49.",
)

# %% slideshow={"slide_type": "subslide"}
print("largest difference between CAM and 49 × Grad-CAM, as a share of CAM's largest value:")
for name, target in {"cat": "tiger cat", "camera": "tripod", "motorcycle": "moped"}.items():
    photo = pictures.photo(name)
    cam = activations.cam(network, photo, target)
    grad_cam = activations.grad_cam(network.score(target), photo, last)
    print(f"{target:9}: below 0.00001: {bool((cam - 49 * grad_cam).abs().max() < 1e-5 * cam.abs().max())}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Two classes, one picture
#
# The notes' Figure 8 shows one photograph with a cat and a dog, and Grad-CAM for both. We have no such photograph. We
# have collages, and with them we can *measure*: how much of the map of each class lies on its own half?
#
# (`inside_fraction` counts only positive values, after upsampling to the size of the image. By chance it is 50 %.)

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Look at the collages in silence, then at the shares. Four pictures may be luck, so there are all 42
# pairs. The probability in place of the logit is a good vote: more on the cat, or less?

# %% slideshow={"slide_type": "subslide"}
LEFT = (torch.arange(224) < 112).float().expand(1, 224, 224)
TARGETS = {
    "cat": "tiger cat",
    "coffee": "espresso",
    "camera": "tripod",
    "motorcycle": "moped",
    "flower": "daisy",
    "rocket": "missile",
    "china": "palace",
}
photos = {name: pictures.photo(name) for name in TARGETS}
pairs = [("cat", "coffee"), ("camera", "coffee"), ("motorcycle", "camera"), ("flower", "motorcycle")]


def on_own_half(coarse, half):
    """Share of the positive part of coarse maps (N, h, w) that lies on a half of the image."""
    upsampled = maps.upsample(coarse.clamp_min(0), 224)
    return regions.inside_fraction(upsampled, half.expand_as(upsampled))


# %% slideshow={"slide_type": "skip"}
def draw_over(ax, image, coarse, title):
    """Draw the positive part of a map over its image in gray, as a share of the map's highest value."""
    show.draw_image(ax, image.mean(dim=1, keepdim=True), title)
    upsampled = maps.upsample(coarse.clamp_min(0) / coarse.max(), image.shape[-1])
    show.draw_map(ax, upsampled, title, see_through=True, signed=False, limit=1)


def colour_bar(axes, label="share of the map's highest value"):
    """One colour bar for all maps of a figure."""
    bar = axes[-1].figure.colorbar(axes[-1].images[-1], ax=list(axes), shrink=0.9)
    bar.set_label(label, fontsize=9)


# %% slideshow={"slide_type": "subslide"}
collage_maps = []  # one list a collage: class, map, share on its own half
for left, right in pairs:
    picture = pictures.collage(photos[left], photos[right])
    collage_maps.append([])
    for name, half in [(left, LEFT), (right, 1 - LEFT)]:
        coarse = activations.grad_cam(network.score(TARGETS[name]), picture, last, relu_attributions=True)
        share = on_own_half(coarse, half).item()
        collage_maps[-1].append((TARGETS[name], coarse, share))
        print(f"{left:>10} | {right:10} {TARGETS[name]:9}: {share:.0%} on its own half")

# %% slideshow={"slide_type": "subslide"} tags=["picture:thumbnail", "hide-input"]
figure, axes = plt.subplots(3, 4, figsize=(11, 8.2), layout="constrained")
for column, (left, right), of_collage in zip(axes.T, pairs, collage_maps, strict=True):
    picture = pictures.collage(photos[left], photos[right])
    show.draw_image(column[0], picture, f"{left} | {right}")
    for ax, (target, coarse, share) in zip(column[1:], of_collage, strict=True):
        draw_over(ax, picture, coarse, f"{target}: {share:.0%} on its own half")
colour_bar(axes[1:].ravel())
figure.suptitle("Grad-CAM of the class on the left (middle row) and of the class on the right (bottom row)")
show.figure(
    figure,
    alt="Four collages of two photographs. Below each, the map for the class on the left glows on the left half, and "
    "the map for the class on the right glows on the right half.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Four collages may be lucky ones. Here are all 42 that seven photographs allow, two maps each. This network needs no
# gradients for that: CAM is Grad-CAM times 49, and one forward pass serves every class.

# %% slideshow={"slide_type": "fragment"}
from itertools import permutations

all_pairs = list(permutations(TARGETS, 2))
with activations.record(last) as recording, torch.no_grad():
    for left, right in all_pairs:
        network(pictures.collage(photos[left], photos[right]))
all_maps = torch.cat(recording.outputs)  # (42, 1280, 7, 7)

shares = {}
for side, half in enumerate([LEFT, 1 - LEFT]):
    class_weights = classifier.weight[[network.index(TARGETS[pair[side]]) for pair in all_pairs]]  # (42, 1280)
    found = on_own_half(torch.einsum("nk,nkhw->nhw", class_weights, all_maps), half)
    shares |= {
        (pair[side], pair[1 - side], side): share for pair, share in zip(all_pairs, found.tolist(), strict=True)
    }

# %% slideshow={"slide_type": "subslide"}
print(f"{sum(share > 0.8 for share in shares.values())} of {len(shares)} maps have more than 80 % on their own half")
for (name, other, side), share in sorted(shares.items(), key=lambda item: item[1])[:4]:
    print(f"among the worst: {TARGETS[name]} on the {['left', 'right'][side]}, beside {other}: {share:.0%}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Coarse as they are, these maps depend on the class. That is less trivial than it seems: chapter 08 meets methods whose
# maps hardly do.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Logit or probability?
#
# **What do you expect: we differentiate the probability of the tiger cat instead of its logit. More of the map on the
# cat, or less?**
#
# <details><summary>Answer</summary>
#
# More. The probability falls when *another* class rises, so every cell that speaks for espresso counts against the
# cat. The probability asks “why this rather than the rest?”, and so does a difference of two logits. The paper and the
# notes take the score before the softmax.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
cat_score, espresso_score = network.score("tiger cat"), network.score("espresso")
questions = {
    "logit of tiger cat": cat_score,
    "probability of tiger cat": network.probability("tiger cat"),
    "logit of tiger cat − logit of espresso": lambda images: cat_score(images) - espresso_score(images),
}
for name, question in questions.items():
    coarse = activations.grad_cam(question, both, last)
    print(f"{name:38}: {on_own_half(coarse, LEFT).item():4.0%} of the positive part lies on the cat")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## ReLU: before or after?
#
# The ReLU of Grad-CAM comes last: first add, then cut off what is negative. What does it hide? And what happens if it
# comes earlier, so that every weighted map loses its negative part *before* the sum?

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** Blue is information: somebody speaks against. The in-place trap at the end is for those who will
# write their own hooks; it has cost many people a day.

# %% slideshow={"slide_type": "fragment"}
picture = pictures.collage(photos["camera"], photos["china"])
score = network.score("palace")
signed = activations.grad_cam(score, picture, last)
with activations.record(last) as recording:
    network(picture)
palace_weights = classifier.weight[network.index("palace")] / 49
relu_before = torch.einsum("k,nkhw->nhw", palace_weights.clamp_min(0), recording.output)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
figure, axes = plt.subplots(1, 4, figsize=(12, 3.1), layout="constrained")
limit = float(signed.abs().max())
show.draw_image(axes[0], picture, "camera | china")
show.draw_map(axes[1], signed, "no ReLU: signed", label="score", limit=limit)
show.draw_map(axes[2], signed.relu(), "ReLU after the sum", label="score", limit=limit)
show.draw_map(axes[3], relu_before, "ReLU before the sum", label="score")
figure.suptitle("Grad-CAM of “palace”: the ReLU hides the evidence against it")
show.figure(
    figure,
    alt="A collage of a camera man and a palace, and maps of 7 × 7 cells. The signed map is red on the palace and blue on "
    "the man. With the ReLU after the sum, the man's half is black. With the ReLU before the sum, both halves glow.",
)

# %% slideshow={"slide_type": "subslide"}
negative = -signed.clamp_max(0).sum() / signed.abs().sum()
print(f"share of the signed map that is negative: {negative.item():.0%}")
print(f"on the palace's half: ReLU after the sum {on_own_half(signed, 1 - LEFT).item():.0%}, ", end="")
print(f"before the sum {on_own_half(relu_before, 1 - LEFT).item():.0%}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The blue cells are information: the camera man speaks *against* the palace. The ReLU makes “nothing” and “against” look
# alike. And before the sum it does harm. Positive and negative maps cancel on the man; without the negative ones,
# nothing is left to cancel. That is why the functions of this course return the signed map, and the ReLU is a step of
# its own.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## The other ReLU: which side of the activation?
#
# The last convolution is followed by the network's own activation, a ReLU6. You may record before it or after it. And
# there is a trap: this ReLU6 works **in place**. It writes its result over the output of the convolution. Who keeps
# that output without a copy finds the values *after* the activation in it.

# %% slideshow={"slide_type": "subslide"}
convolution = network.model.conv_head
kept = []
handle = convolution.register_forward_hook(lambda module, inputs, output: kept.append(output))  # no copy
network(both)
handle.remove()
with activations.record(convolution) as recording:
    network(both)
print(f"smallest and largest value, kept without a copy: {kept[0].min():z.1f} and {kept[0].max():.1f}")
print(
    f"smallest and largest value, kept by record:      {recording.output.min():.1f} and {recording.output.max():.1f}"
)

print("\nGrad-CAM of espresso, recorded …   negative   on its own half")
for name, layer in {"before the activation": convolution, "after the activation": last}.items():
    coarse = activations.grad_cam(network.score("espresso"), both, layer)
    negative = -coarse.clamp_max(0).sum() / coarse.abs().sum()
    print(f"{name:34} {negative:8.0%}   {on_own_half(coarse, 1 - LEFT).item():15.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Both are “Grad-CAM at the last layer”, and they are different maps. Only after the activation is it CAM, divided by
# 49. So name the layer to the letter.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Which layer?
#
# Grad-CAM works at any layer. Earlier layers have more and smaller cells.
#
# **What do you expect: does a layer with 28 × 28 cells give a sharper version of the same map?**
#
# <details><summary>Answer</summary>
#
# No. One weight for a whole map makes sense when the gradient is about the same in all its cells. At the last layer it
# is exactly the same. Further down it is not: the mean gradient mixes cells that are used in different ways. The maps
# gain cells and lose the class: at block 5, most of the tiger cat's map lies on the cup.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Vote: does a layer with smaller cells give a sharper version of the same map? It gains cells and
# loses the class.

# %% slideshow={"slide_type": "subslide"}
model = network.model
layers = {f"block {k}": model.blocks[k] for k in (2, 4, 5, 6)} | {"last layer": last}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
figure, axes = plt.subplots(2, 6, figsize=(13, 4.9), layout="constrained")
for row, (target, half) in zip(axes, {"tiger cat": LEFT, "espresso": 1 - LEFT}.items(), strict=True):
    show.draw_image(row[0], both, f"image; maps for {target}")
    for ax, (name, layer) in zip(row[1:], layers.items(), strict=True):
        coarse = activations.grad_cam(network.score(target), both, layer, relu_attributions=True)
        share = on_own_half(coarse, half).item()
        show.draw_map(ax, coarse / coarse.max(), f"{name}: {coarse.shape[1]} × {coarse.shape[2]} cells, {share:.0%}")
colour_bar(axes[:, 1:].ravel())
figure.suptitle("Grad-CAM with ReLU at five layers; percent: share on the class's own half")
show.figure(
    figure,
    alt="Maps of tiger cat and espresso at five layers. At block 2 fine patterns on both halves; at the last two layers "
    "coarse cells on the right half of the picture for each class.",
)

# %% slideshow={"slide_type": "subslide"}
print("mean share on the own half, over both classes of four collages")
for name, layer in layers.items():
    found = []
    for left, right in pairs:
        picture = pictures.collage(photos[left], photos[right])
        for side, half in [(left, LEFT), (right, 1 - LEFT)]:
            coarse = activations.grad_cam(network.score(TARGETS[side]), picture, layer)
            found.append(on_own_half(coarse, half))
    print(f"{name:10} {coarse.shape[1]:3} × {coarse.shape[2]:<3} {torch.cat(found).mean():.0%}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## From 7 × 7 cells to 224 × 224 pixels
#
# A map of 7 × 7 cells is shown at the size of the image. The numbers in between are invented, by a rule. Here is one
# bright cell in the corner. It covers the pixels 0 to 31, so its middle lies at 15.5.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** 49 numbers become 50176. Ask which of the three pictures the room trusts most, and then what it
# knows. The small cat shows the price in pixels.

# %% slideshow={"slide_type": "fragment"}
import torch.nn.functional as F

RULES = {
    "nearest": {"mode": "nearest"},
    "bilinear": {"mode": "bilinear", "align_corners": False},
    "bilinear, corners aligned": {"mode": "bilinear", "align_corners": True},
    "bicubic": {"mode": "bicubic", "align_corners": False},
}
corner = torch.zeros(1, 1, 7, 7)
corner[..., 0, 0] = 1
print("rule                        centre of mass (pixels)   lowest value   highest value")
for name, options in RULES.items():
    upsampled = F.interpolate(corner, size=(224, 224), **options)[0, 0]
    centre = (upsampled.sum(dim=0) * torch.arange(224)).sum() / upsampled.sum()
    print(f"{name:27} {centre:23.1f}   {upsampled.min():12.2f}   {upsampled.max():13.2f}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
coarse = activations.grad_cam(cat_score, photos["cat"], last)

figure, axes = plt.subplots(1, 5, figsize=(13, 3), layout="constrained")
show.draw_image(axes[0], photos["cat"], "image")
for ax, (name, options) in zip(axes[1:], RULES.items(), strict=True):
    upsampled = F.interpolate(coarse[:, None], size=(224, 224), **options)[0]
    label = "score" if name == "bicubic" else None
    show.draw_map(ax, upsampled, name, limit=float(coarse.abs().max()), signed=False, label=label)
figure.suptitle("One map of 7 × 7 cells for “tiger cat”, upsampled by four rules")
show.figure(
    figure,
    alt="The cat and its map four times: as squares, smooth, smooth with the bright spots moved outwards, and smooth "
    "with stronger bright spots.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# `maps.upsample` is bilinear with the middles of the cells at their right places. With the corners aligned, the map is
# stretched outwards. Bicubic looks best and invents negative values. None of them knows more than 49 numbers.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What 7 × 7 cells can't resolve
#
# We move a small cat, 64 pixels wide, across a gray picture, and look where the map says it is: at its highest cell, or
# at its centre of mass.

# %% slideshow={"slide_type": "fragment"}
small = F.interpolate(photos["cat"], size=(64, 64), mode="bilinear", antialias=True).clamp(0, 1)
places = torch.arange(0, 161, 16)
canvases = torch.full((len(places), 3, 224, 224), 0.5)
for canvas, place in zip(canvases, places.tolist(), strict=True):
    canvas[:, 80:144, place : place + 64] = small[0]
coarse = activations.cam(network, canvases, "tiger cat")
upsampled = maps.upsample(coarse.clamp_min(0), 224)

true = places + 31.5
highest = 32 * coarse.amax(dim=1).argmax(dim=1) + 15.5  # middle of the highest cell
centre = (upsampled.sum(dim=1) * torch.arange(224)).sum(dim=1) / upsampled.sum(dim=(1, 2))
on_the_cat = regions.inside_fraction(upsampled, (canvases != 0.5).any(dim=1).float())

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
middle = len(places) // 2
show.draw_image(axes[0], canvases[middle], "one of the pictures")
draw_over(axes[1], canvases[middle : middle + 1], coarse[middle : middle + 1], "its map")
colour_bar(axes[:2])
axes[2].axline((0, 0), slope=1, color="gray", linestyle=":", label="where the cat is")
axes[2].plot(true, highest, "s", color="C1", label="highest cell")
axes[2].plot(true, centre, "o", color="C0", label="centre of mass")
axes[2].set(xlabel="middle of the cat (pixels)", ylabel="place in the map (pixels)", title="Where is the cat?")
axes[2].legend()
show.figure(
    figure,
    alt="A small cat on gray; its map, a blob wider than the cat; and places in the map against the true place: centres "
    "of mass near the diagonal, highest cells mostly below it.",
)

# %% slideshow={"slide_type": "fragment"}
print("root mean square error: ", end="")
print(f"highest cell {(highest - true).square().mean().sqrt():.0f} pixels, ", end="")
print(f"centre of mass {(centre - true).square().mean().sqrt():.0f} pixels")
print(f"share of the map on the cat: {on_the_cat.mean():.0%} (the cat covers {64**2 / 224**2:.0%} of the picture)")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The highest cell misses by 25 pixels, most of a cell. And three quarters of the map lie *beside* the cat. “The network
# looks at this pixel” is more than such a map can say.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What does a cell see?
#
# A cell covers 32 × 32 pixels of the picture. That is where we draw it. But what does its number depend on?
#
# **What do you expect: we take the CAM value of the middle cell, and its gradient with respect to the pixels. How much
# of this gradient lies on the cell's own square?**
#
# <details><summary>Answer</summary>
#
# About three percent. Every pixel of the picture has some influence on this cell, for the convolutions on the way look
# far: the cell's *receptive field* is the whole picture.
#
# </details>


# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** The guess is usually above 50 percent. It is three. The square that we colour is not what the cell
# has seen.


# %% slideshow={"slide_type": "fragment"}
def middle_cell(images):
    """The CAM value of tiger cat in the middle cell."""
    with activations.record(last) as recording:
        network(images)
    return recording.output[:, :, 3, 3] @ weights


sensitivity = gradients.gradient(middle_cell, photos["cat"]).abs().sum(dim=1)  # (1, 224, 224)


# %% slideshow={"slide_type": "subslide"}
def square(margin):
    """A mask of the middle cell, and so many cells around it."""
    mask = torch.zeros(1, 224, 224)
    mask[:, 32 * (3 - margin) : 32 * (4 + margin), 32 * (3 - margin) : 32 * (4 + margin)] = 1
    return mask


for margin, name in enumerate(["the cell's own square", "3 × 3 cells", "5 × 5 cells"]):
    print(f"{name:22}: {regions.inside_fraction(sensitivity, square(margin)).item():.0%} of the gradient")
print(f"pixels with some influence: {(sensitivity > 0).float().mean():.0%}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 2, figsize=(6.6, 3.2), layout="constrained")
show.draw_image(axes[0], photos["cat"], "the middle cell's square")
show.draw_map(
    axes[1], sensitivity, "what its value depends on", limit=float(sensitivity.quantile(0.99)), label="|gradient|"
)
for ax in axes:
    ax.add_patch(plt.Rectangle((96, 96), 32, 32, fill=False, edgecolor="cyan", linewidth=2))
show.figure(
    figure,
    alt="The cat with a small square in its middle, and a map of the pixels that this cell depends on: they fill most of "
    "the picture.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Birds: we know what the class depends on
#
# On photographs nobody knows the truth. On drawn birds we do. The eight species of `lecture_lib.birds` differ in five
# parts: beak, wing, eye, tail and feet. Body, plumage and landscape are drawn at random and say nothing. The network
# `birds_cnn` tells the species apart, and it ends with global average pooling over 12 × 12 cells.

# %% [markdown] slideshow={"slide_type": "notes"}
# **7 minutes.** Let the room guess the share of the map on the landscape before the table. Then the control: exchange
# the landscape, and nothing happens. A part of the blur is the cells, the rest is what a cell sees.

# %% slideshow={"slide_type": "subslide"}
from lecture_lib import birds

birds_network = networks.load("birds_cnn")
n, seed = 64, 5
scenes, labels, masks = birds.scenes(n, seed)


def own_class(images):
    """The logit of each bird's own species."""
    return birds_network(images).gather(1, labels[:, None])[:, 0]


# %% slideshow={"slide_type": "fragment"}
bird_maps = activations.grad_cam(own_class, scenes, birds_network.model.features)
upsampled = maps.upsample(bird_maps, 96)
accuracy = (birds_network(scenes).argmax(dim=1) == labels).float().mean()
print(f"right answers: {accuracy:.0%}; Grad-CAM with {bird_maps.shape[1]} × {bird_maps.shape[2]} cells")

names = list(birds.SPECIES)

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(2, 5, figsize=(11.5, 5), layout="constrained")
for k, (above, below) in enumerate(axes.T):
    show.draw_image(above, scenes[k], names[labels[k]])
    draw_over(below, scenes[k : k + 1], bird_maps[k : k + 1], "Grad-CAM")
colour_bar(axes[1])
figure.suptitle("Five birds, and Grad-CAM of their species")
show.figure(figure, alt="Five drawn birds on landscapes. Below, maps that glow on the bird and around it.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **What do you expect: how much of these maps lies on the five parts that make the class? And how much on the
# landscape, which says nothing?**
#
# <details><summary>Answer</summary>
#
# About 20 percent lie on the five parts together, and more than 60 percent on the landscape. But the landscape covers
# 86 percent of the picture. The third column of the table below corrects for this: 1 means “as much as chance”.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
share = torch.stack([regions.inside_fraction(upsampled, mask) for mask in masks.unbind(dim=1)], dim=1)  # (N, 7)
area = masks.mean(dim=(2, 3))
print("region        map on it   area   map / area")
for k, name in enumerate(birds.MASKS):
    on_it, covers = share[:, k].mean(), area[:, k].mean()
    print(f"{name:11} {on_it:11.1%} {covers:6.1%} {on_it / covers:12.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Is the network wrong, or the map?
#
# Chapter 08 shows networks that do look at the landscape. Does this one? We can try: the same birds in other
# landscapes.

# %% slideshow={"slide_type": "fragment"}
elsewhere = birds.scenes(n, seed, landscape=[birds.LANDSCAPES[k % 8] for k in range(n)])[0]
change = regions.removal_effect(own_class, scenes, elsewhere)
bill = (upsampled * masks[:, 6]).mean(dim=(1, 2)) * 144  # CAM's cells on the landscape, as a part of the score
print(f"mean score: {gradients.evaluate(own_class, scenes).mean():.1f}; ", end="")
print(f"of it, CAM puts {bill.mean():.1f} on the landscape")
print(f"another landscape changes the score by {change.mean():z.1f} on average, by ±{change.abs().mean():.1f} each")
changed_answers = (birds_network(elsewhere).argmax(dim=1) != labels).float().mean()
print(f"answers that change: {changed_answers:.0%}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The landscape does not matter, although more than half of the map lies on it. The map is blurred: a cell beside the
# bird still *sees* the bird. How much of this is due to the coarse cells alone? Suppose that a map knew exactly where
# the bird is, but had only 12 × 12 cells.

# %% slideshow={"slide_type": "subslide"}
bird = 1 - masks[:, 6]
perfect = maps.upsample(F.avg_pool2d(bird[:, None], 8)[:, 0], 96)
print(f"on the bird: perfect map of 12 × 12 cells {regions.inside_fraction(perfect, bird).mean():.0%}, ", end="")
print(f"Grad-CAM {regions.inside_fraction(upsampled, bird).mean():.0%}")
for pixels in (8, 16):
    near = F.max_pool2d(bird[:, None], 2 * pixels + 1, stride=1, padding=pixels)[:, 0]
    inside = regions.inside_fraction(upsampled, near).mean()
    print(f"Grad-CAM within {pixels:2} pixels of the bird: {inside:.0%} (area {near.mean():.0%})")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Coarse cells alone would put a quarter of the map beside the bird. The rest of the blur comes from what a cell sees,
# as with the cat: here 55 × 55 of the 96 × 96 pixels.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The true effect of each part
#
# Now take every part away, or swap it against that of the opposite species, *in the same scene*, and see how far the
# score falls. (Species number $i$ and number $7 - i$ differ in all five parts.)
#
# **What do you expect: which part gets most of the map, and which one matters most when it is gone?**
#
# <details><summary>Answer</summary>
#
# The wing gets most of the map, in every scene; it is the largest part. When parts are *taken away*, wing and eye
# matter about the same. When they are *swapped*, the eye matters most by far, though it has a quarter of the wing's
# share of the map.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Two votes: which part gets most of the map, and which matters most when it is gone? Both truths,
# removed and swapped, are true. They do not order the parts alike.

# %% slideshow={"slide_type": "subslide"}
opposite = [names[7 - label] for label in labels.tolist()]
without = {part: birds.scenes(n, seed, without=part)[0] for part in birds.PARTS}
swapped = {part: birds.scenes(n, seed, swap={part: opposite})[0] for part in birds.PARTS}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
show.images(
    torch.cat([scenes[:1], *[without[part][:1] for part in birds.PARTS]]),
    ["the bird", *[f"without {part}" for part in birds.PARTS]],
    columns=6,
    title=f"A {names[labels[0]]}, and the same scene without one part",
    alt="Six times the same scene with a bird: whole, and without beak, wing, eye, tail and feet.",
)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
show.images(
    torch.cat([scenes[:1], *[swapped[part][:1] for part in birds.PARTS]]),
    ["the bird", *[f"other {part}" for part in birds.PARTS]],
    columns=6,
    title=f"The same with one part of a {opposite[0]}",
    alt="Six times the same scene with a bird: whole, and with another beak, wing, eye, tail and other feet.",
)

# %% slideshow={"slide_type": "subslide"}
removal = torch.stack([regions.removal_effect(own_class, scenes, without[part]) for part in birds.PARTS], dim=1)
swap = torch.stack([regions.removal_effect(own_class, scenes, swapped[part]) for part in birds.PARTS], dim=1)

print("part   map on it   map / area   fall without it   fall when swapped   answers that a swap changes")
for k, part in enumerate(birds.PARTS):
    flips = (birds_network(swapped[part]).argmax(dim=1) != labels).float().mean()
    on_it, covers = share[:, k].mean(), area[:, k].mean()
    print(
        f"{part:5} {on_it:10.1%} {on_it / covers:12.1f} {removal[:, k].mean():17.1f} {swap[:, k].mean():19.1f}"
        f"{flips:30.0%}"
    )

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Two rankings
#
# Does the map order the parts as the truth does? We compare the orders bird by bird (rank correlation: 1 the same, 0
# unrelated).

# %% slideshow={"slide_type": "subslide"}
parts_share, per_area = share[:, :5], share[:, :5] / area[:, :5].clamp_min(1e-4)
for name, one, other in [
    ("map on the part, and fall without it", parts_share, removal),
    ("map / area, and fall without it", per_area, removal),
    ("map on the part, and fall when swapped", parts_share, swap),
    ("fall without it, and fall when swapped", removal, swap),
]:
    print(f"{name:40}: {measure.rank_correlation(one, other).mean():z.1f}")
agree = (parts_share.argmax(dim=1) == removal.argmax(dim=1)).float().mean()
print(f"birds whose first part in the map is also the first to matter: {agree:.0%}")

striking = torch.tensor([birds.SPECIES[names[label]]["wing"] in ("barred", "spotted") for label in labels.tolist()])
for kind, chosen in {"barred or spotted": striking, "plain or waving": ~striking}.items():
    on_it, fall = parts_share[chosen, 1].mean(), removal[chosen, 1].mean()
    print(f"wings, {kind:17}: {on_it:.0%} of the map on it, the score falls by {fall:.1f} without it")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for k, (part, marker) in enumerate(zip(birds.PARTS, "o^sDv", strict=True)):
    ax.plot(100 * parts_share[:, k], removal[:, k], marker, markersize=4, alpha=0.7, label=part)
ax.set(xlabel="part of the map on it (percent)", ylabel="fall of the score without it")
ax.set_title("The largest part gets the most map, but need not matter most")
ax.legend()
show.figure(
    figure,
    alt="Fall of the score without a part against the share of the map on this part, one dot for each bird and part. "
    "Wings lie far to the right, with falls from 0 to 6; eyes and beaks lie on the left, many of them just as high.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The rankings are related, and they are not equal. The map gives every wing the most, whether the network depends on
# it or not. And even the two *true* effects do not order the parts alike: “how much does this part matter?” has no
# answer until you say what takes its place.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the map does not say
#
# CAM is a bill of the last layer. Is it a bill of the picture, too? If it were, blurring the pixels under a cell would
# take away what the cell contributes. We blur 49 squares, one after another.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** The bill is exact for the last layer, and no bill of the picture. This closes the question of the
# second slide.

# %% slideshow={"slide_type": "fragment"}
from lecture_lib.progress import track
from lecture_lib.samples import baseline_images

squares = torch.zeros(49, 224, 224)
for k, one in enumerate(squares):
    one[32 * (k // 7) : 32 * (k // 7 + 1), 32 * (k % 7) : 32 * (k % 7 + 1)] = 1

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.3), layout="constrained")
for ax, name in track(list(zip(axes, ("cat", "coffee", "motorcycle"), strict=True)), True, "photographs"):
    photo, target = photos[name], TARGETS[name]
    billed = activations.cam(network, photo, target).flatten() / 49
    blurred = regions.replace_region(photo.expand(49, -1, -1, -1), squares, baseline_images(photo, "blur"))
    score = network.score(target)
    left_over = torch.cat([gradients.evaluate(score, few) for few in blurred.split(7)])
    lost = gradients.evaluate(score, photo) - left_over
    ax.axline((0, 0), slope=1, color="gray", linestyle=":", label="bill = measurement")
    ax.plot(billed, lost, "o", markersize=4, alpha=0.7, label="one cell")
    correlation = measure.rank_correlation(billed[None], lost[None]).item()
    ax.set(
        title=f"{target}: rank correlation {correlation:z.1f}", xlabel="CAM of the cell", ylabel="fall when blurred"
    )
    print(f"{target:9}: the bill adds up to {billed.sum():.1f}, the falls to {lost.sum():z.1f}; ", end="")
    print(f"rank correlation {correlation:z.1f}")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
show.figure(
    figure,
    alt="Three scatter plots: fall of the score when a square is blurred against CAM of its cell. The dots do not follow "
    "the diagonal; only for espresso there is a rising trend.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The bill is exact, and still no answer to Fundamental Question 1. A cell is not its square: it sees the whole picture,
# and the rest of the picture can stand in for what is gone. A cat with one blurred square is still a cat.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it
#
# Choose a photograph or a collage, a class and a layer.
#
# - `motorcycle | camera`: type `moped`, then `tripod`.
# - Switch the ReLU off. Where is the evidence against?
# - Go down to `blocks.2`. Would you trust this map?

# %% [markdown] slideshow={"slide_type": "notes"}
# **2 minutes.** On the collage of motorcycle and camera, type moped, then tripod. Switch the ReLU off and let the
# room find the evidence against.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
from lecture_lib import widgets

widgets.grad_cam(network)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - CAM writes the class score as a sum over the cells of the last layer. Grad-CAM takes the weights from gradients, and
#   with global average pooling it is CAM divided by the number of cells.
# - It depends on the class: on collages, 75 of 84 maps have more than 80 percent on their own half.
# - The signed map says more than the one after the ReLU. Layer, ReLU and upsampling are part of the method: name them.
# - Its cells are coarse and see much more than their square. On birds most of it lies on a landscape that doesn't
#   matter, and it orders the parts differently from their true effect.
#
# **Now you:** [exercise 05](../exercises/05_cam_and_gradcam/05_cam_and_gradcam.ipynb).

# %% [markdown] slideshow={"slide_type": "notes"}
# **2 minutes.** Layer, ReLU, upsampling: three things to name with every Grad-CAM.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Read on
#
# - Feragen, *Lecture notes on explainable AI: Saliency maps*, 2023, section 2.2.
# - Zhou, Khosla, Lapedriza, Oliva, Torralba, *Learning deep features for discriminative localization*, 2016,
#   arXiv:1512.04150.
# - Selvaraju et al., *Grad-CAM: visual explanations from deep networks via gradient-based localization*, 2017,
#   arXiv:1610.02391.
# - Draelos and Carin, *Use HiResCAM instead of Grad-CAM*, 2020, arXiv:2011.08891: what the mean over the gradient loses
#   before the last layer.
#
# **With another network.** Replace `networks.efficientnet_lite0()` by `networks.load("resnet50")`, and `last` by
# `network.model.layer4`. It has global average pooling, too: does CAM = 49 × Grad-CAM hold there?
