# %% [markdown] slideshow={"slide_type": "slide"}
# # 00 · Start here
#
# **Saliency maps, taught honestly.** A saliency map is a picture that is meant to explain a decision of an image
# classifier. In this course you compute such maps yourself, and you measure what they say and what they do not.
#
# Run the next two cells with **Shift + Enter**. They make your first map.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Ask the room what the dots mean before you go on. Collect answers such as “what the network looks at”
# and come back to them at the end of chapter 02: none of them will survive as it was said.

# %% slideshow={"slide_type": "subslide"}
from lecture_lib import gradients, maps, networks, pictures, show

cat, network = pictures.photo("cat"), networks.efficientnet_lite0()
saliency = maps.max_abs(gradients.gradient(network.score("tiger cat"), cat))

# %% slideshow={"slide_type": "fragment"} tags=["picture:thumbnail", "hide-input"]
show.maps(
    cat,
    {"saliency map, class tiger cat": saliency},
    title="Where would a small change of a pixel change the score fastest?",
    alt="Left: a tabby cat. Right: its saliency map, a field of fine bright dots, densest on the cat's face.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you just did
#
# `cat` is a photograph: a tensor of shape (N, C, H, W), which means images, colour channels, height, width. Its
# pixels lie between 0 (black) and 1 (white). `network` is EfficientNet-Lite0, a real network that was trained on the
# 1000 classes of ImageNet. This is what it sees:

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Only the words tensor, class and pixel range are needed here. Ask somebody to guess the three most
# probable classes before you show them.

# %% slideshow={"slide_type": "fragment"}
print(f"{tuple(cat.shape) = }, pixels from {cat.min():.2f} to {cat.max():.2f}")
for name, probability in network.predict(cat, top=3)[0]:
    print(f"{probability:5.2f}  {name}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A score
#
# Everything in this course rests on one word. A **score** is a function that takes images and returns one number for
# each of them. The score of a class is the number that the network gives this class. You can call it:

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** Take your time: every chapter calls a score. Let the room propose other functions of an image that
# are scores: the mean brightness, a difference of two classes, the probability. The second map makes the point:
# another question, another map.

# %% slideshow={"slide_type": "fragment"}
tiger_cat = network.score("tiger cat")
espresso = network.score("espresso")
print(f"tiger cat: {tiger_cat(cat).item():5.2f}")
print(f"espresso:  {espresso(cat).item():5.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# A method takes a score and images, and nothing else. So you can ask about any function of the images that you can
# write down. Here the question is “why a tiger cat *rather than* an Egyptian cat?”

# %% slideshow={"slide_type": "fragment"}
egyptian_cat = network.score("Egyptian cat")
difference = gradients.gradient(lambda images: tiger_cat(images) - egyptian_cat(images), cat)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
show.maps(
    cat,
    {"tiger cat": saliency, "tiger cat rather than Egyptian cat": maps.max_abs(difference)},
    title="Two questions, two maps, one scale",
    alt="The cat and two dotted maps. The second map, for the difference of two cat classes, has more dots on the eyes.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The question that everybody asks
#
# The lecture notes open with what people expect from a saliency map:
#
# > **Fundamental Question 1.** *How much does each region of the image contribute to a given decision?*
# > (Feragen 2023, section 1.1)
#
# Does the map above answer it? Do not believe us, and do not believe the map. Measure.

# %% [markdown] slideshow={"slide_type": "notes"}
# **12 minutes.** Read the question aloud and do not answer it. Then everybody writes down a number between 0 and 1
# before the cell runs; nobody may say “it depends”. Show the correlation, wait, and only then the two grids. Some
# squares raise the score when they are covered: ask why that can be.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## A prediction before you run the next cell
#
# We cover one square of 32 × 32 pixels with the photograph's mean colour, and see how far the score falls. Then the
# next square, until all 49 squares have had their turn. If the map says how much a region contributes, the squares
# with many bright dots are those that cost most.
#
# **What do you expect: how strongly do the two go together?** (1: perfectly, 0: not at all)
#
# <details><summary>Our answer, after you have written down yours</summary>
#
# Hardly at all: the rank correlation is about 0.1. The map answers another question. Chapter 02 says which.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
import torch

from lecture_lib.measure import rank_correlation

mean_colour, uncovered = cat.mean(dim=(2, 3), keepdim=True), tiger_cat(cat)
cost, brightness = torch.zeros(7, 7), torch.zeros(7, 7)
for row in range(7):
    for column in range(7):
        square = (..., slice(32 * row, 32 * row + 32), slice(32 * column, 32 * column + 32))
        covered = cat.clone()
        covered[square] = mean_colour
        cost[row, column] = (uncovered - tiger_cat(covered)).item()
        brightness[row, column] = saliency[square].mean()

correlation = rank_correlation(brightness[None], cost[None]).item()
print(f"rank correlation of mean brightness and cost of covering: {correlation:.1f}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
import matplotlib.pyplot as plt

plt.style.use("lecture_lib.lecture")

figure, axes = plt.subplots(1, 3, figsize=(9.5, 3), layout="constrained")
show.draw_image(axes[0], cat, "the photograph")
show.draw_map(axes[1], brightness, "mean of the map in each square", label="score per unit of intensity")
show.draw_map(axes[2], cost, "measured: fall of the score when covered", label="score")
show.figure(
    figure,
    alt="The cat, the mean brightness of the saliency map on a grid of 7 by 7 squares, and the fall of the score "
    "when each square is covered. The two grids look different: covering some squares even raises the score.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The map is not wrong. It answers a different question, and answers it exactly. **Most “failures” of saliency
# maps are failures to say which question a map answers.** That is the one idea of this course.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is your machine ready?
#
# The next cell runs the checks of `python -m lecture_lib.doctor`. If a line begins with FAIL, it says what to do.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Everybody runs this cell now, so that no machine fails in the middle of a lecture. A line that begins
# with FAIL says what to do.

# %% slideshow={"slide_type": "fragment"}
from lecture_lib import doctor

results = [doctor.report(check) for check in doctor.CHECKS]
for ok, line in results:
    if not ok:
        print(line)
print(f"{sum(ok for ok, line in results)} of {len(results)} checks are OK")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How the course works
#
# - **Lectures** are in `notebooks/`. Run them from top to bottom. Where a cell asks for your prediction, write it
#   down before you run on: you learn most where you are wrong.
# - **Exercises** are in `exercises/`, one for each lecture from chapter 01 on. You write short functions. Below each
#   task a cell checks your answer and says what the mistake looks like. Hints are folded away, from small to large.
# - Everything runs on a laptop without a GPU and without a network.
#
# A lecture follows Aasa Feragen's *Lecture notes on explainable AI: Saliency maps* (2023): same
# symbols, same order. Each claim is followed by the cell that could have refuted it.
#
# **Go on with** [chapter 01, linear models](01_linear_models.ipynb).
# %% [markdown] slideshow={"slide_type": "notes"}
# **2 minutes.** Point at the two folders, and at the rule of the house: write the prediction down before you run the
# cell.
