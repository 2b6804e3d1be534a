# %% [markdown] slideshow={"slide_type": "slide"}
# # 09 · Explain the explanation
#
# **Would you sign this?** A network with 1000 classes looks at a cup of coffee. It is sure of what it sees, the map lies on
# the cup, and the code is right.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Let the room vote on the opening (“who would sign?”) before you show the second cell. The voters who
# wouldn't sign have to say what they miss.

# %% slideshow={"slide_type": "subslide"}
from lecture_lib import compare, gradients, maps, networks, pictures, show

coffee = pictures.photo("coffee")
strange = compare.randomise(networks.efficientnet_lite0(), seed=3)  # (what this line does: see the next slide)
name, probability = strange.predict(coffee, top=1)[0][0]

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
show.maps(
    coffee,
    {f"gradient, class {name}": maps.max_abs(gradients.gradient(strange.score(name), coffee))},
    title=f"The network says: {name}, with a probability of {probability:.0%}",
    alt="A cup of coffee, and a map with bright dots along the rim of the cup and on the spoon, and hardly any elsewhere.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Here is what the same network says about six other photographs:

# %% slideshow={"slide_type": "subslide"}
for photo in ("cat", "camera", "rocket", "motorcycle", "flower", "china"):
    name, probability = strange.predict(pictures.photo(photo), top=1)[0][0]
    print(f"{photo:11}  {name}, {probability:.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# It says *coffee mug* to everything. All its weights were shuffled: it has learnt nothing. (There is some stage-craft in it:
# every shuffle has a favourite class of its own, and we looked for one that fits a cup.)
#
# The map is computed correctly. It answers its question, “which pixels would change the logit fastest?”, also for a network
# that sees nothing. Nobody who gets only the picture can know. **A map must come with its question and with
# measurements.** This chapter makes that a habit: one card for each explanation.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The question behind all questions
#
# The lecture notes end where they began, with a question, now for any input and any decision:
#
# > **Fundamental Question 3.** *How much does each input feature contribute to a given AI decision?*
# > (Feragen 2023, section 5)
#
# The notes call it ill defined. Let us see whether that is fair. We take the smallest networks that there are, with two
# inputs. Both inputs are on, $(x_1, x_2) = (1, 1)$. There is nothing to estimate and nothing is hidden.
#
# $$\text{sum: } x_1 + x_2 \qquad \text{and: } x_1 x_2 \qquad \text{or: } x_1 + x_2 - x_1 x_2$$
#
# **What do you expect: how much does $x_1$ contribute to each of the three?** Write down three numbers.

# %% [markdown] slideshow={"slide_type": "notes"}
# **8 minutes.** Everybody writes down three numbers for x₁. The table has four columns, and somebody in the room will
# have each of them. Nobody was wrong. Beak and wing are the same lesson for scale.

# %% [markdown] slideshow={"slide_type": "subslide"}
# Here are four ways to find out. All of them are sensible, and all are computed exactly.

# %% slideshow={"slide_type": "fragment"}
import torch

functions = {
    "sum": lambda images: images.flatten(1).sum(dim=1),
    "and": lambda images: images.flatten(1).prod(dim=1),
    "or": lambda images: images.flatten(1).sum(dim=1) - images.flatten(1).prod(dim=1),
}
both, second, first, none = (
    torch.tensor(x).view(1, 1, 1, 2) for x in [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)]
)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
print("       change it     take it     it      share of the way")
print("       a little      away        alone   from (0, 0)")
for name, f in functions.items():
    little = gradients.gradient(f, both)[0, 0, 0, 0].item()
    away, alone = (f(both) - f(second)).item(), (f(first) - f(none)).item()
    way = gradients.integrated_gradients(f, both, n_steps=10)[0, 0, 0, 0].item()
    print(f"{name:4}{little:10.1f}{away:13.1f}{alone:11.1f}{way:13.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# For *or*, $x_1$ contributes nothing, nothing, everything, and a half. No more data and no better network can settle this.
# The columns are answers to four questions, and each of them is right. Only for the *sum*, a linear function, all agree:
# that is why chapter 01 was easy.

# %% [markdown] slideshow={"slide_type": "subslide"}
# And there is the matter of scale. Take a linear function again, where all four questions agree: a bird with a beak of 4
# pixels and a wing of 400.
#
# **What do you expect: which matters more?**

# %% slideshow={"slide_type": "fragment"}
slopes = {"beak": torch.full((4,), 1.0), "wing": torch.full((400,), 0.05)}
for part, slope in slopes.items():
    print(f"{part}: {slope.mean():.2f} per pixel, {slope.sum():.0f} in total")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Per pixel, the beak matters twenty times as much. In total, the wing matters five times as much. A map shows the first
# number. Readers want the second. Chapter 08 measured this on drawn birds.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Fill in the gaps
#
# The question becomes answerable when somebody fills in what it leaves open:
#
# > How much does **(a) which part** of this picture change **(b) which score**, if we **(c) change it how**, compared with
# > **(d) what**, counted **(e) per pixel or in total**?
#
# | method | (c) the change | (d) compared with | (e) counted |
# |---|---|---|---|
# | gradient | tiny | the picture itself | per pixel |
# | SmoothGrad | tiny | noisy copies | per pixel |
# | Integrated Gradients | all of the way | the baseline | per pixel, adds up |
# | CAM, Grad-CAM | a cell's features to 0 | a layer that is silent there | per cell |
# | cover and measure | replaced | what you paint there | per region |
# | attack | the worst there is | all pictures within $\varepsilon$ | the whole picture |
#
# Gap (b) is yours in every method: logit or probability, one class or a difference of two.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Read the question with its five gaps aloud, then fill them for one method together with the room.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The explanation card
#
# `explanation_card` returns a map together with
#
# - the **question** that it answers, with its gaps filled,
# - what it **does not say**,
# - a **test**: a change that the map predicts, and the same change measured on this very picture,
# - **numbers**, some with a limit, and a **warning** for each one beyond it.

# %% [markdown] slideshow={"slide_type": "notes"}
# **7 minutes.** Read one card in full, from the question to the test. Then ask what the number of warnings does not
# tell.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
from lecture_lib.cards import explanation_card, show_cards

network = networks.efficientnet_lite0()
cards = {method: explanation_card(network, coffee, "espresso", method) for method in ("gradient", "grad_cam")}

show_cards(*cards.values())

# %% [markdown] slideshow={"slide_type": "fragment"}
# Open “Numbers” to see what was measured. Compare the two tests. The gradient predicts too much, even for a step of a tenth
# of a gray level. The strongest cell of Grad-CAM keeps its promise on this picture; you will see whether it does on others.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
cards["smoothgrad"] = explanation_card(network, coffee, "espresso", "smoothgrad", n_samples=20)
cards["integrated_gradients"] = explanation_card(
    network, coffee, "espresso", "integrated_gradients", baseline="uniform", n_steps=40
)

show_cards(cards["smoothgrad"], cards["integrated_gradients"])

# %% [markdown] slideshow={"slide_type": "fragment"}
# “agreement of two halves of the copies” is low: at the level of single pixels, most of a SmoothGrad map with 20 copies of
# a photograph is noise. Your eye averages, so it looks better than it is.

# %% slideshow={"slide_type": "subslide"}
for card in cards.values():
    halves = card.numbers.get("agreement of two halves of the copies")
    print(f"{card.title}: {len(card.warnings)} warnings" + (f", halves agree by {halves:.1f}" if halves else ""))

# %% [markdown] slideshow={"slide_type": "subslide"}
# On a drawn bird and a small network, the same two methods settle at once.

# %% slideshow={"slide_type": "fragment"} tags=["nbval-ignore-output", "hide-input"]
from lecture_lib import birds

bird_network = networks.load("birds_cnn")
bird, (label,), _ = birds.scenes(1, seed=12)
bird_cards = [
    explanation_card(bird_network, bird, int(label), "smoothgrad", n_samples=50),
    explanation_card(bird_network, bird, int(label), "integrated_gradients", n_steps=50),
]

show_cards(*bird_cards)

# %% slideshow={"slide_type": "subslide"}
print(f"halves agree by {bird_cards[0].numbers['agreement of two halves of the copies']:.1f}")
print(f"completeness gap {bird_cards[1].numbers['completeness gap, share of the rise']:.0%}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Where does a limit come from?
#
# The first check asks whether the network sees anything at all. It puts the pixels of the picture in random order: same
# colours, no content. How far do the logits move, in units of their spread over the classes?
#
# A limit has to separate what is fine from what is not. So we measure both: four trained networks, and each of them with its
# weights shuffled, on photographs and on birds.

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** A limit is a measurement, too: trained networks on one side, shuffled ones on the other. Then the
# better-known test, and why it sees nothing wrong here.

# %% slideshow={"slide_type": "subslide"}
from lecture_lib.cards import CHECKS, moved_by_shuffling

limit = next(check.low for check in CHECKS if check.number.startswith("logits moved"))
photos = [pictures.photo(photo) for photo in pictures.photos()]
scenes = birds.scenes(len(photos), seed=12)[0].split(1)
moved = {"trained": [], "shuffled": []}
for name in ("efficientnet_lite0", "birds_cnn", "birds_vit", "birds_attention"):
    trained = networks.load(name)
    for kind, each in {"trained": trained, "shuffled": compare.randomise(trained)}.items():
        images = photos if name == "efficientnet_lite0" else scenes
        moved[kind].append([moved_by_shuffling(each, image) for image in images])

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
import matplotlib.pyplot as plt

plt.style.use("lecture_lib.lecture")

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
for kind, marker, colour in [("trained", "o", "C0"), ("shuffled", "x", "C5")]:
    for row, values in enumerate(moved[kind]):
        ax.plot(values, [row] * len(values), marker, color=colour, alpha=0.7, label=kind if row == 0 else None)
ax.axvline(limit, color="black", linestyle=":", label=f"limit: {limit}")
ax.set_yticks(range(4), ["EfficientNet-Lite0", "birds: CNN", "birds: ViT", "birds: attention CNN"])
ax.invert_yaxis()
ax.set(xscale="log", xlabel="logits moved by shuffling the pixels (in units of their spread)")
ax.set_title("Networks that have learnt something notice that the picture is gone")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show.figure(
    figure,
    alt="Dots for four networks on a logarithmic axis. All trained networks lie right of the limit of 0.5, all networks "
    "with shuffled weights left of it, with a clear gap.",
)

# %% slideshow={"slide_type": "fragment"}
low, high = min(map(min, moved["trained"])), max(map(max, moved["shuffled"]))
print(f"trained: all above {limit}: {low > limit}; shuffled: all below {limit}: {high < limit}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The better-known test compares the *map* with that of a network whose weights are shuffled (chapter 08, case 3). It answers
# another question: does the map depend on what was learnt? It does not tell that the network in your hands is the shuffled
# one.
#
# **What do you expect: the map of our strange network against that of a second one, shuffled differently?**

# %% slideshow={"slide_type": "fragment"}
twin = "agreement with a randomised twin"
sworn = explanation_card(strange, coffee, "coffee mug")
print(f"trained network and its twin:  {cards['gradient'].numbers[twin]:z.1f}")
print(f"strange network and its twin:  {sworn.numbers[twin]:z.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Two networks that have learnt nothing give two different maps. A test that compares maps sees nothing wrong. **Each check
# sees one mistake.** That is why a card has several.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Four wrong calls
#
# 1. the network with shuffled weights
# 2. Integrated Gradients with 3 steps
# 3. the gradient of a probability that is nearly 1
# 4. the map of a class that the network does not see
#
# **What do you expect: which of these maps look wrong?**

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Look at the five maps and let the room point at the wrong ones. Then the cards.

# %% slideshow={"slide_type": "subslide"}
wrong = {
    "shuffled weights": sworn,
    "three steps": explanation_card(network, coffee, "espresso", "integrated_gradients", n_steps=3),
    "saturated score": explanation_card(network, coffee, "espresso", score="probability"),
    "another class": explanation_card(network, coffee, "tiger cat"),
}

# %% slideshow={"slide_type": "fragment"} tags=["picture:thumbnail", "hide-input"]
figure, axes = plt.subplots(1, 5, figsize=(11, 2.6), layout="constrained")
for ax, (name, card) in zip(axes, {"done right: gradient": cards["gradient"], **wrong}.items(), strict=True):
    values = card.map.abs()
    show.draw_map(ax, values, name, limit=float(values.flatten().quantile(0.995)))
figure.suptitle("One right call and four wrong ones (absolute values; black is 0, each map on its own scale)")
show.figure(
    figure,
    alt="Five maps of the coffee cup in which the rim of the cup can be recognised; the wrong ones look as good as the "
    "right one.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# All of them look fine. The cards don't think so:

# %% slideshow={"slide_type": "fragment"} tags=["nbval-ignore-output"]
for name, card in wrong.items():
    print(f"{name.upper()}")
    for warning in card.warnings:
        print(f"  - {warning}")

# %% slideshow={"slide_type": "fragment"}
right = len(cards["gradient"].warnings) + len(cards["integrated_gradients"].warnings)
print(f"warnings: {', '.join(f'{name} {len(card.warnings)}' for name, card in wrong.items())}; done right {right}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two of them side by side, as a reader would get them:

# %% slideshow={"slide_type": "fragment"} tags=["nbval-ignore-output", "hide-input"]
show_cards(wrong["shuffled weights"], wrong["three steps"])

# %% [markdown] slideshow={"slide_type": "slide"}
# ## No warning is no proof
#
# Chapter 08 had a network that had learnt landscapes instead of birds. Here is one of its birds, at home in the landscape
# of its species.
#
# **What do you expect: will the card warn?**

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** No warning, and the network is a cheat. A card can't ask what you forget to ask. The bars at the end
# show that a prediction may be exact for its own question and no forecast for another.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
shortcut = networks.load("birds_shortcut")
own, labels, _ = birds.scenes(6, seed=8, shortcut=1.0)
species = shortcut.classes[labels[4]]
at_home = [explanation_card(shortcut, own[4:5], species, method) for method in ("gradient", "grad_cam")]

show_cards(*at_home)

# %% slideshow={"slide_type": "subslide"}
print(f"{species}: {sum(len(card.warnings) for card in at_home)} warnings")
elsewhere = birds.scenes(6, seed=8, shortcut=0.0)[0][4:5]  # the same bird in another landscape
for words, image in {"at home": own[4:5], "elsewhere": elsewhere}.items():
    name, probability = shortcut.predict(image, top=1)[0][0]
    print(f"{words}: {name}, {probability:.0%}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# No warning, and rightly so: each map answers its question. Whether the network looks at the bird is *another* question. It
# takes another experiment: move the bird. A card can't ask the questions that you forget to ask.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Predicted and measured
#
# The test on a card has no limit, for there is no right answer: it shows what the map is good for. Here it is for four
# photographs: a step uphill of a tenth of a gray level for the gradient, and blurring the strongest cell for Grad-CAM.

# %% slideshow={"slide_type": "subslide"}
targets = {"cat": "tiger cat", "coffee": "espresso", "camera": "tripod", "rocket": "missile"}
print("         a step uphill            blurring the strongest cell")
print("         predicted   measured     predicted   measured")
for photo, target in targets.items():
    found = []
    for method in ("gradient", "grad_cam"):
        known = photo == "coffee"  # its cards are above
        card = cards[method] if known else explanation_card(network, pictures.photo(photo), target, method)
        found += [card.numbers["predicted change"], card.numbers["measured change"]]
    print(f"{photo:8}{found[0]:10.2f}{found[1]:11.2f}{found[2]:14.2f}{found[3]:11.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The gradient is a tangent, and it leaves the curve almost at once. A tenth of a gray level per pixel is less than a file
# rounds away, and the map already promises one and a half to two times too much. The strongest cell holds what it promises on the coffee,
# where the evidence lies in one place. On the rocket, blurring it costs nothing: the network finds its evidence elsewhere. **A number that is exact for its own question is no forecast for yours.**

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Your turn: the explorer
#
# Choose a picture, also one of your own, a network, a class and methods. Type a class that is not there. Take more samples
# until a warning goes away. Move the attack slider, and look at the cards of the class that was there before.
#
# `make explorer` opens the same as a page without code, for people who don't want to see a notebook. Pictures of your own
# stay in memory.

# %% [markdown] slideshow={"slide_type": "notes"}
# **8 minutes.** Let somebody from the room drive, with a picture of their own. It stays in memory. Try a class that
# is not there, and read the warning together.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
from lecture_lib.widgets import CardExplorer

CardExplorer(("gradient", "grad_cam"))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A checklist for an explanation that you deploy
#
# If you build a tool that shows explanations, you are responsible for what its readers make of them (section 5 of the
# notes). Before you ship it:
#
# 1. **Question.** Is the question that the map answers written next to the map, in the reader's words?
# 2. **Gaps.** Score, class, change, baseline, scale: does the reader see how they were filled, and could he fill them
#    otherwise?
# 3. **Need.** Is this the question that the reader has? If he wants to know what happens without a region, take the region
#    away and measure.
# 4. **Settled.** Steps and samples: was it checked for *this* picture that more of them change nothing?
# 5. **Sees.** Is the class in the picture? Does the network notice when the content is gone?
# 6. **Resolution.** Is the thing in question larger than a cell of the map?

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Which of the twelve could your own last figure pass? Give the room a minute with a neighbour.

# %% [markdown] slideshow={"slide_type": "subslide"}
# 7. **Chance.** What would a similar map be worth: how alike are the maps of two unrelated pictures, or of a network
#    without training?
# 8. **Intervention.** Has at least one claim that readers will take from the map been tested by changing pictures?
# 9. **Shortcut.** Was the network tested where context and object don't go together?
# 10. **Colours.** One scale for maps that are compared, zero in the middle of signed ones, nothing hidden by rescaling?
# 11. **Silence.** What does the tool do when a check fails? (Showing the map all the same, without a word, is the usual
#     answer.)
# 12. **Readers.** Have you asked a few of them what the map says, and compared it with number 1?
#
# A card can help with 1, 2, 4, 5 and 6. The others need you.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the course showed
#
# Each surprise of this course was a question that nobody had asked.
#
# | chapter | what was expected | the question that had not been asked |
# |---|---|---|
# | 00 | bright squares matter most | *what if this is covered?* is not *how fast does it change?* |
# | 01 | a map explains a decision | the weights of a linear model are the same for every picture: *whose* explanation? |
# | 02 | the gradient says what to change | *by how much?* The tangent holds for tiny steps |
# | 03 | SmoothGrad removes noise | *of which score* is this the gradient? Of a smoother one |
# | 04 | the shares add up, so they are right | *compared with what?* And how much of it is the photograph itself? |
# | 05 | the bright area is the object | *how far does a cell see?* |
# | 06 | attention shows what counts | *what is mixed* is not *what matters*, and not for which class |
# | 07 | a tiny change can't matter | *measured with which ruler, in which direction?* |
# | 08 | six failures | each had an answer that nobody had asked for |

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Go through the table from the top; each row is a vote that the room lost, or won.

# %% [markdown] slideshow={"slide_type": "subslide"}
# Gradients are easy to criticise because they can be understood. The notes call this their strength (section 5). You have
# seen both halves: we could find every fault of these maps, because every one of them answers a question that can be
# written down and tested.
#
# The same holds for explanations whose question *cannot* be written down. Only that nobody finds their faults.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - “How much does each feature contribute?” has several right answers as soon as a function is not linear. Say which
#   change, compared with what, on which scale.
# - A correct map of a network that has learnt nothing looks like a correct map.
# - A card: the map, its question, what it does not say, a prediction and its measurement, numbers with limits that were
#   measured, warnings.
# - Each check sees one mistake. No warning is no proof.
#
# There is no exercise for this chapter. Take a network and a picture that matter to you, and write the card.

# %% [markdown] slideshow={"slide_type": "notes"}
# **1 minute.** No exercise: take a network and a picture that matter to you, and write the card.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Read on
#
# - Feragen, *Lecture notes on explainable AI: Saliency maps*, 2023, section 5.
# - Lipton, *The mythos of model interpretability*, 2016, arXiv:1606.03490: which questions people mean by “why”.
# - Doshi-Velez and Kim, *Towards a rigorous science of interpretable machine learning*, 2017, arXiv:1702.08608: how to
#   test explanations with readers.
# - Adebayo et al., *Sanity checks for saliency maps*, 2018, arXiv:1810.03292.
# - Mitchell et al., *Model cards for model reporting*, 2018, arXiv:1810.03993: the same idea for a whole network.
# - Rudin, *Stop explaining black box machine learning models for high stakes decisions and use interpretable models
#   instead*, 2018, arXiv:1811.10154: the other way out.
