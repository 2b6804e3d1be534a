# %% [markdown] slideshow={"slide_type": "slide"}
# # 08 · Failures, or wrong questions?
#
# **A network can be right for a wrong reason.** Here are two networks that name drawn birds. Both are (nearly) perfect.
# Then every bird moves to another landscape. Nothing else changes.

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** The order matters: let the room vote on every prediction, for in this chapter the numbers disagree
# with the critics of saliency maps, and with their defenders, too. Short of time? Leave out cases 4 and 6.

# %% slideshow={"slide_type": "subslide"}
import torch

from lecture_lib import birds, networks

bird_networks = {"honest": networks.load("birds_cnn"), "shortcut": networks.load("birds_shortcut")}


def accuracy(network, images, labels):
    """Share of the images whose most probable class is the label."""
    with torch.no_grad():
        return (network(images).argmax(dim=1) == labels).double().mean().item()


# %% slideshow={"slide_type": "fragment"}
own, labels, masks = birds.scenes(100, seed=8, shortcut=1.0)  # every species in the landscape that goes with it
swapped = birds.scenes(100, seed=8, shortcut=0.0)[0]  # the same birds, each in a landscape of another species
print("network    own landscape   another landscape")
for name, network in bird_networks.items():
    print(f"{name:8}{accuracy(network, own, labels):16.0%}{accuracy(network, swapped, labels):20.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The second network was trained where 95 % of the birds stand in the landscape of their species. It learnt the
# landscapes. A test set from the same place would never have told.
#
# **Would a saliency map have told?** That is the first of six cases in this chapter.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The debate
#
# Saliency maps have been called false hope. They point at things that should not matter. They stay the same when an
# attack changes the class. They contradict one another. The lecture notes (section 4) answer: these are no failures of
# the maps, but of what we expect from them. Basic calculus, they say, predicts what the maps do.
#
# We put both sides to the test. **Each case ends with four lines:**
#
# | | |
# |---|---|
# | *expected* | what people hope the map will say |
# | *the map answers* | the question that it really answers |
# | *calculus predicts* | what follows from that |
# | *measured* | what came out, whoever likes it |

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** The four lines at the end of each case are the point of the chapter. Give half of the room the role
# of the critics, the other half that of the defenders.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Four methods in one place
#
# The methods of chapters 02 to 05, as signed attributions. To save time, SmoothGrad and Integrated Gradients take only
# six samples or steps here; that is enough for their ranks, not for their sums.

# %% slideshow={"slide_type": "fragment"}
from lecture_lib import activations, gradients, maps

METHODS = ("vanilla", "SmoothGrad", "Integrated Gradients", "Grad-CAM")
COLOURS = dict(zip(METHODS, ("C0", "C1", "C2", "C3"), strict=True))  # safe for colour-blind readers


# %% slideshow={"slide_type": "fragment"}
def attributions(score, images, layer):
    """Signed attributions of the four methods; that of Grad-CAM is coarse, with one channel."""
    return {
        "vanilla": gradients.gradient(score, images),
        "SmoothGrad": gradients.smoothgrad(score, images, n_samples=6),
        "Integrated Gradients": gradients.integrated_gradients(score, images, n_steps=6),
        "Grad-CAM": activations.grad_cam(score, images, layer)[:, None],
    }


# %% slideshow={"slide_type": "subslide"}
def to_map(name, attribution):
    """One number a pixel or cell: with sign for Grad-CAM, else the largest absolute value of the channels."""
    return attribution[:, 0] if name == "Grad-CAM" else maps.max_abs(attribution)


def score_of(network, classes):
    """The score of another class for every image; works on several copies of the batch, too."""
    return lambda images: network(images).gather(1, classes.repeat(len(images) // len(classes))[:, None])[:, 0]


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Case 1 · The map points at the context
#
# In Fig. 14 of the notes, a network for mammograms is shown with maps that lie outside of the lesion. Its critics say:
# the maps fail, for the doctor looks at the lesion. The notes reply: if the network *uses* the context, then the map
# *should* show it.
#
# With a mammogram, nobody knows what the network uses. With our birds we do. Here is Fig. 14 in our world: birds in the
# wrong landscape, and four maps of the shortcut network for the species that it names.

# %% [markdown] slideshow={"slide_type": "notes"}
# **9 minutes.** Votes before the shares. That the map of the shortcut network has less than its area on the landscape
# is against all expectation; the measured fall of the score settles what the map cannot.

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt

from lecture_lib import show

plt.style.use("lecture_lib.lecture")

chosen = [2, 4, 9]
shortcut = bird_networks["shortcut"]
pictures_14 = swapped[chosen]
named = shortcut(pictures_14).argmax(dim=1)
found = attributions(score_of(shortcut, named), pictures_14, shortcut.model.features)

# %% slideshow={"slide_type": "subslide"} tags=["picture:thumbnail", "hide-input"]
figure, axes = plt.subplots(3, 5, figsize=(10, 6.6), layout="constrained")
figure.suptitle("The shortcut network on birds in another species' landscape (line: the bird's outline)")
for row, ax_row in enumerate(axes):
    bird, species = 1 - masks[chosen[row], -1], network.classes[labels[chosen[row]]]
    show.draw_image(ax_row[0], pictures_14[row], f"{species}, called a {network.classes[named[row]]}")
    for ax, name in zip(ax_row[1:], METHODS, strict=True):
        values = maps.upsample(to_map(name, found[name])[row : row + 1].clamp_min(0), 96)
        show.draw_map(ax, values / values.max(), name if row == 0 else "")
        ax.contour(bird, levels=[0.5], colors="white", linewidths=0.8)
bar = figure.colorbar(axes[0, 1].images[0], ax=list(axes.flat), shrink=0.5)
bar.set_label("share of the map's largest value")
show.figure(
    figure,
    alt="Three drawn birds, all called by a wrong name, and four maps for each. The dots of vanilla and Integrated "
    "Gradients are densest on and around the bird, SmoothGrad is spread over the picture, and the bright areas of "
    "Grad-CAM lie in the landscape.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## How much of each map lies on the landscape?
#
# Every bird has a mask, so we can add up. The landscape fills most of the picture; a map without any structure would put
# that share on it.
#
# **What do you expect: does the shortcut network's map lie on the landscape by more than the landscape's area?**
#
# <details><summary>Answer</summary>
#
# No, by less, with all four methods. Compared with the honest network, all four have moved *towards* the landscape. But
# nobody has an honest twin of his network at hand.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
from lecture_lib.regions import inside_fraction

few, landscape = slice(0, 12), masks[:12, -1]
bird_maps, shares = {}, {}
for kind, network in bird_networks.items():
    found = attributions(score_of(network, labels[few]), own[few], network.model.features)
    bird_maps[kind] = {name: maps.upsample(to_map(name, found[name]), 96) for name in METHODS}
    shares[kind] = [inside_fraction(bird_maps[kind][name], landscape).mean().item() for name in METHODS]

area = landscape.mean().item()
print("share of the map on the landscape:   " + "   ".join(METHODS))
for kind, row in shares.items():
    values = "   ".join(f"{value:{len(name)}.1f}" for name, value in zip(METHODS, row, strict=True))
    print(f"{kind + ' network':36} {values}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
for offset, (kind, row) in zip((-0.2, 0.2), shares.items(), strict=True):
    places = [place + offset for place in range(4)]
    colour = {"honest": "C4", "shortcut": "C5"}[kind]
    ax.bar(places, row, width=0.38, color=colour, label=f"{kind} network", hatch="//" if kind == "shortcut" else None)
ax.axhline(area, color="black", linestyle="--", label=f"share of the area: {area:.2f}")
ax.set(
    xticks=range(4),
    ylim=(0, 1.25),
    ylabel="share on the landscape",
    title="All maps move to the landscape, none beyond its area",
)
ax.set_xticklabels(METHODS)
ax.legend(ncols=3, loc="upper center")
show.figure(
    figure,
    alt="Two bars for each of four methods, and a dashed line at 0.86. The bars of the shortcut network are higher than "
    "those of the honest one for every method, and all bars end below the line.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What the network really uses
#
# We draw every scene once more, with another landscape behind the same bird, and with another species' parts in the same
# landscape. The fall of the score is no map's opinion. It is a measurement.

# %% slideshow={"slide_type": "fragment"}
species = list(birds.SPECIES)
others = [species[(label + 3) % 8] for label in labels.tolist()]
other_bird = birds.scenes(100, seed=8, shortcut=1.0, swap=dict.fromkeys(birds.PARTS, others))[0]

print("mean fall of the score:   another landscape   another bird")
for kind, network in bird_networks.items():
    score = score_of(network, labels)
    before = gradients.evaluate(score, own)
    falls = [(before - gradients.evaluate(score, images)).mean().item() for images in (swapped, other_bird)]
    print(f"{kind + ' network':23}   {falls[0]:z17.1f}   {falls[1]:z12.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Verdict on case 1
#
# | | |
# |---|---|
# | *expected* | the map tells whether the network looks at the bird |
# | *the map answers* | where a small change would move the score fastest, pixel by pixel |
# | *calculus predicts* | the map of a network that uses the landscape has weight on the landscape |
# | *measured* | yes: all four maps move to the landscape. But each puts *less* on it than its area, for a pixel of the bird is still steeper than a pixel of the sky. Only the swap shows that the landscape decides |
#
# The notes are right: **the map is not wrong, the network is.** And there is a lesson that they leave out: reading
# “mostly on the bird's outline” as “it looks at the bird” would have been a mistake. If you suspect a shortcut,
# intervene.

# %% [markdown] slideshow={"slide_type": "notes"}
# The share below the area surprises everybody, authors included. Do not explain it away: a map of slopes is steep at
# edges, and the bird has more edges per pixel than the sky. If somebody asks for a threshold: there is none.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A shortcut in a real network?
#
# Li et al. (2023) found that ImageNet networks use a watermark of Chinese characters as evidence for the class
# *carton*. We try something similar on EfficientNet-Lite0: one line of translucent text. The font is DejaVu Sans, which
# comes with matplotlib and has no Chinese characters, so this is a *weaker* test than theirs. As a control we shuffle
# the columns of the text: the same ink, but nothing to read.
#
# **What do you expect: does the score of “carton” rise? Does the network change its mind?**

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** A weak imitation of a famous experiment, and said to be one. The shuffled ink is the control that
# such headlines often lack.

# %% slideshow={"slide_type": "subslide"}
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont
from torchvision.transforms.functional import pil_to_tensor

from lecture_lib import pictures

canvas = Image.new("L", (224, 224))
font = ImageFont.truetype(findfont("DejaVu Sans"), 24)
ImageDraw.Draw(canvas).text((112, 112), "SAMPLE PICTURE", font=font, fill=255, anchor="mm")
text = pil_to_tensor(canvas)[None] / 255  # 1 on the letters, 0 elsewhere
ink = text[..., torch.randperm(224, generator=torch.Generator().manual_seed(0))]
band = torch.zeros(1, 224, 224)
band[:, 96:128] = 1

# %% slideshow={"slide_type": "subslide"}
network = networks.efficientnet_lite0()
carton, last_layer = network.score("carton"), network.model.bn2
written, carton_cams = {}, {}
print("            score of carton        p(carton)   Grad-CAM of carton   most probable class")
print("          plain   text    ink      with text    on the band            plain → text")
for name in ("cat", "coffee", "camera", "rocket", "flower"):
    photo = pictures.photo(name)
    three = torch.cat([photo, *(photo + 0.5 * layer * (1 - photo) for layer in (text, ink))])
    cams = activations.grad_cam(carton, three[:2], last_layer, relu_attributions=True)
    cams = maps.upsample(cams, 224)
    written[name], carton_cams[name] = three[:2], cams
    scores = "".join(f"{value:z7.1f}" for value in carton(three).tolist())
    inside = inside_fraction(cams, band.expand(2, -1, -1)).tolist()
    tops = " → ".join(f"{top} {p:.1f}" for ((top, p),) in network.predict(three[:2], top=1))
    probability = network.probability("carton")(three)[1].item()
    print(f"{name:8}{scores}{probability:13.2f}       {inside[0]:.1f} → {inside[1]:.1f}          {tops}")
print(f"share of the area that the band covers: {band.mean().item():.2f}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(2, 4, figsize=(9.6, 5), layout="constrained")
figure.suptitle("The text moves the map of “carton”, and hardly moves the network")
limit = max(carton_cams[name].max().item() for name in ("coffee", "flower"))
for row, name in enumerate(("coffee", "flower")):
    for k, case in enumerate(("plain", "with text")):
        show.draw_image(axes[row, 2 * k], written[name][k], f"{name}, {case}")
        show.draw_map(axes[row, 2 * k + 1], carton_cams[name][k], "Grad-CAM of “carton”", limit=limit, signed=False)
bar = figure.colorbar(axes[0, 1].images[0], ax=list(axes.flat), shrink=0.6)
bar.set_label("score of carton per cell, positive part")
show.figure(
    figure,
    alt="Coffee and flower, plain and with a line of pale text across the middle, each beside its Grad-CAM for the class "
    "carton. Without text the maps are faint; with text they are brightest along a part of the line.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Report the numbers, not the headline: the score of carton rises clearly on two of five photographs, and on one of them
# shuffled ink does as much. Its probability stays at 0. *This* text is no shortcut of *this* network. Where the top class
# changes, the network was not sure before (0.4 and 0.3). Still, on coffee and flower Grad-CAM of carton moves onto the
# text, even if there is little to be moved on the flower. It answers “where is the evidence for carton, if there is any?”,
# not “is there a carton?”.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Case 2 · The map does not notice an attack
#
# Fig. 15 of the notes: an attack changes the class, and the saliency maps look the same as before. Critics count this
# as a failure. The notes reply: the map shows the gradient, the attack is a tiny step, so the map changes only if the
# gradient changes quickly along a tiny step.
#
# Three things can be measured here: how similar the maps are, how similar maps of *unrelated* photographs are, and how
# quickly the gradient changes. We attack four photographs with BIM (chapter 07).

# %% [markdown] slideshow={"slide_type": "notes"}
# **15 minutes.** The longest case. Three steps: they look alike; alike compared with what; and how much may they
# change. Do not skip the null: 0.7 is nothing if unrelated birds reach it. Then the picture of the four methods on
# the way, and the proof that CAM has to move.

# %% slideshow={"slide_type": "subslide"}
from lecture_lib import attacks
from lecture_lib.progress import track

EPSILON = 2 / 255
photographs = {"coffee": "espresso", "camera": "tripod", "cat": "tiger cat", "rocket": "missile"}
attacked = {}
for name, target in track(photographs.items(), True, "attacks"):
    photo, loss = pictures.photo(name), network.loss(target)
    attacked[name] = attacks.bim(loss, photo, epsilon=EPSILON, step_size=EPSILON / 4, n_steps=8)
    (top, probability), length = (
        network.predict(attacked[name].images, top=1)[0][0],
        attacked[name].perturbation.norm(),
    )
    print(f"{name:8} {target:10} → {top:18} p = {probability:.2f}, length of the attack: {length.item():.0f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The question must stay the same before and after. So all maps explain the score of the *old* class, on the photograph
# and on its attacked copy. For one photograph we add FGSM, the attack with a single step.

# %% slideshow={"slide_type": "fragment"}
before, after = {}, {}
for name, target in track(photographs.items(), True, "photographs"):
    score, attack = network.score(target), attacked[name]
    before[name] = attributions(score, attack.original, last_layer)
    after[name] = attributions(score, attack.images, last_layer)

camera, tripod = pictures.photo("camera"), network.score("tripod")
one_step = attacks.fgsm(network.loss("tripod"), camera, epsilon=EPSILON).images
rows = {
    "no attack: tripod": (camera, before["camera"]),
    f"FGSM: {network.predict(one_step, top=1)[0][0][0]}": (one_step, attributions(tripod, one_step, last_layer)),
    f"BIM: {network.predict(attacked['camera'].images, top=1)[0][0][0]}": (
        attacked["camera"].images,
        after["camera"],
    ),
}

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(3, 5, figsize=(10.4, 6.9), layout="constrained")
figure.suptitle("Maps of the class tripod, before and after attacks (one scale in every column)")
for row, (title, (image, found)) in enumerate(rows.items()):
    show.draw_image(axes[row, 0], image, title)
    for ax, name in zip(axes[row, 1:], METHODS, strict=True):
        limit = to_map(name, before["camera"][name]).abs().quantile(0.995).item()
        signed = name == "Grad-CAM"
        show.draw_map(ax, to_map(name, found[name]), "" if row else name, limit=limit, signed=signed)
for column in range(1, 5):
    picture, unit = axes[2, column].images[0], "score" if column > 2 else "score / intensity"
    figure.colorbar(picture, ax=list(axes[:, column]), location="bottom", shrink=0.8, label=unit)
show.figure(
    figure,
    alt="Three rows: camera man without attack, after FGSM, after BIM. The photographs look equal. The maps of SmoothGrad "
    "and Integrated Gradients look alike in all rows. The vanilla map is a cloud of dots in each, fainter after FGSM and "
    "spread wider after BIM. The red cells of Grad-CAM fade after FGSM, and after BIM hardly any is left.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Similar, compared with what?
#
# “They look the same” is no measurement. Three numbers are in use: the rank correlation, the share of the brightest 10 %
# of the pixels that two maps have in common, and SSIM, a similarity of small windows. None of them means anything
# alone. So beside each stands its **null**: the mean similarity of the maps of two *unrelated* photographs.
#
# **What do you expect of the vanilla map after the attack: near 1, near the null, or in between?**
#
# <details><summary>Answer</summary>
#
# Nearer to the null than to 1. It is a cloud of dots before and after. But the dots are other dots.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
from lecture_lib import compare

old_maps, new_maps = (
    {name: torch.cat([to_map(name, found[photo][name]) for photo in photographs]) for name in METHODS}
    for found in (before, after)
)
for kept_maps, found in ((old_maps, before), (new_maps, after)):  # the notes' form: without the factor I - B
    rates = [found[photo]["Integrated Gradients"] / pictures.photo(photo).clamp_min(1 / 255) for photo in photographs]
    kept_maps["… without the factor"] = maps.max_abs(torch.cat(rates))

first, second = torch.combinations(torch.arange(4)).T  # the six pairs of unrelated photographs

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 3, figsize=(10.4, 3.4), layout="constrained", sharey=True)
figure.suptitle("Maps before and after BIM at 2/255, and maps of unrelated photographs")
rows_shown = ("vanilla", "SmoothGrad", "Integrated Gradients", "… without the factor", "Grad-CAM")
for row, name in enumerate(rows_shown):
    kept = compare.similarity(old_maps[name], new_maps[name])
    null = compare.similarity(old_maps[name][first], old_maps[name][second])
    for ax, values, unrelated in zip(axes, kept, null, strict=True):
        ax.plot(unrelated, [row + 0.15] * 6, "|", color="gray", markersize=11, label="null: unrelated photographs")
        ax.plot(values, [row - 0.15] * 4, "o", color="C5", label="the same photograph, after the attack")
for ax, title in zip(axes, ("rank correlation", "brightest 10 % in common", "SSIM"), strict=True):
    ax.set(title=title, xlim=(-0.75, 1.05), yticks=range(5))
    ax.axvline(0, color="gray", linewidth=0.5)
axes[0].set_yticklabels(rows_shown)
axes[0].invert_yaxis()
handles, labels_shown = axes[0].get_legend_handles_labels()
figure.legend(handles[:2], labels_shown[:2], loc="outside lower center", ncols=2)
show.figure(
    figure,
    alt="Three panels of dots for five kinds of maps. SmoothGrad after the attack lies at 0.6 to 0.8, far from its null near "
    "0.1; Integrated Gradients at 0.5 to 0.7, without the factor at about 0.4; vanilla at 0.2 to 0.4, close to its null "
    "near 0.1; in SSIM vanilla and its null mix. Grad-CAM is spread from -0.6 to 0.6, its null from 0.2 to 0.6.",
)

# %% slideshow={"slide_type": "fragment"}
means = {name: compare.rank_correlation(old_maps[name], new_maps[name]).mean().item() for name in rows_shown[:3]}
print("mean rank correlation after the attack: " + ", ".join(f"{name} {mean:.1f}" for name, mean in means.items()))

# %% [markdown] slideshow={"slide_type": "subslide"}
# Four different stories. **SmoothGrad** keeps most of its map. The **vanilla** map keeps little. **Integrated Gradients**
# keeps a lot, but a part of that is the factor $I_* - B$, the photograph itself, which the attack does not change. And
# **Grad-CAM** of the old class, averaged over the photographs, keeps less than two unrelated photographs have in common.
# SSIM shows why the null is needed: for the vanilla map 0.3 or 0.4 sounds like something, and unrelated photographs reach it, too.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Calculus: how much *may* the map change?
#
# Let $g = \nabla_I f(I_*)$, and $g + \Delta$ the gradient after the attack $r$. If $\lVert\Delta\rVert = \rho \lVert
# g\rVert$ with $\rho < 1$, the gradient can't have turned by more than $\arcsin\rho$. And $\rho$ is bounded by the
# curvature $K$ on the way: $\lVert\Delta\rVert \le K \lVert r\rVert$.
#
# That is what the notes rest on. But our network is made of pieces without curvature, with kinks between them, where the
# gradient *jumps*. So we measure: how far has the attribution changed after 1/32, 1/8, 1/2 of the attack? If it bends
# evenly, the change grows with the length, ×32 in all. If the jumps point anywhere, like the steps of a random walk, it
# grows with the root, ×5.7.

# %% slideshow={"slide_type": "fragment"}
espresso, attack = network.score("espresso"), attacked["coffee"]
fractions = [1 / 32, 1 / 8, 1 / 2, 1]
on_the_way = []
for fraction in track(fractions[:-1], True, "points on the way"):
    on_the_way.append(attributions(espresso, attack.original + fraction * attack.perturbation, last_layer))
on_the_way.append(after["coffee"])


# %% slideshow={"slide_type": "subslide"}
def relative_change(one, other):
    """ρ = ‖other - one‖ / ‖one‖."""
    return ((other - one).norm() / one.norm()).item()


changes = {n: [relative_change(before["coffee"][n], found[n]) for found in on_the_way] for n in METHODS}
ranks = {
    n: [compare.rank_correlation(to_map(n, before["coffee"][n]), to_map(n, found[n])).item() for found in on_the_way]
    for n in METHODS
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
print("coffee                 ρ at 1/32   if it bends evenly: ρ at 1")
for name, change in changes.items():
    print(f"{name:22}{change[0]:9.1g}{32 * change[0]:29.0f}")


# %% slideshow={"slide_type": "fragment"}
def angle(name, photo):
    """Angle in degrees between the attributions before and after the attack."""
    pair = (before[photo][name].flatten(), after[photo][name].flatten())
    return torch.cosine_similarity(*pair, dim=0).acos().rad2deg().item()


# %% slideshow={"slide_type": "subslide"}
lengths = [fraction * attack.perturbation.norm().item() for fraction in fractions]
margin = attacks.margin(network, "espresso")
flip = next(
    t for t in torch.linspace(0, 1, 17) if margin(attack.original + t * attack.perturbation).item() < 0
).item()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.8), layout="constrained")
for row, (name, marker) in enumerate(zip(METHODS, "os^D", strict=True)):
    axes[0].loglog(lengths, changes[name], marker + "-", color=COLOURS[name], label=name)
    axes[1].semilogx(lengths, ranks[name], marker + "-", color=COLOURS[name])
    axes[2].plot([angle(name, photo) for photo in photographs], [row] * 4, marker, color=COLOURS[name])
for power, style in ((1, "--"), (0.5, ":")):
    start = changes["SmoothGrad"][0]
    line = [start * (length / lengths[0]) ** power for length in lengths]
    axes[0].loglog(lengths, line, style, color="gray", label="∝ length" if power == 1 else "∝ √length")
for ax in axes[:2]:
    ax.axvline(flip * lengths[-1], color="black", linewidth=1)
    ax.set(xlabel="length of the step (L2 norm)")
axes[0].set(ylabel="relative change ρ", title="coffee: how far the attribution changes")
axes[1].set(ylabel="rank correlation", title="coffee: how similar the map stays")
axes[1].axhline(0, color="gray", linewidth=0.5)
figure.legend(loc="outside lower center", ncols=6)
axes[1].text(flip * lengths[-1], -0.6, "the class flips ", ha="right")
axes[2].axvline(90, color="black", linestyle=":")
axes[2].set(xlim=(0, 180), xticks=range(0, 181, 30), xlabel="degrees", title="all four: angle after the attack")
axes[2].set_yticks(range(4), METHODS)
axes[2].invert_yaxis()
show.figure(
    figure,
    alt="Left: relative change of four attributions against the length of the step, both axes logarithmic. SmoothGrad "
    "follows the root of the length; the vanilla gradient starts higher; Grad-CAM starts lowest and rises steeply at the "
    "end. Right: rank correlation with the first map; where the class flips, SmoothGrad, Integrated Gradients and "
    "Grad-CAM are above 0.7 and vanilla near 0.5; at the end Grad-CAM falls below 0. Third: the angles are about 85 degrees "
    "for vanilla, 35 for SmoothGrad, 60 to 75 for Integrated Gradients, and from 20 to 140 for Grad-CAM.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# - **SmoothGrad** follows the root. $\rho = 0.6$ allows a turn of 37° at most; it turns by about 33°.
# - **Vanilla**: $\rho$ ends near $\sqrt 2$. Two vectors of equal length that are $\sqrt 2$ apart are *perpendicular*. No bound
#   forbids it: the gradient after the attack is a different gradient, on every photograph.
# - **Grad-CAM** starts as the calmest of all, and then changes fastest. The first 1/32 of the way predicts nothing.
#
# At the line where the class has just changed, the maps of coffee are still much alike: the critics' observation holds
# for a *small* attack. Ours went on until the network was sure of the wrong class.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Why Grad-CAM has to move
#
# On this network, CAM is Grad-CAM times the number of cells (chapter 05), and the mean of CAM plus the bias **is** the
# logit. The attack has lowered the logit. So the map of the old class must fall by the same amount: here is a map that
# *can't* overlook an attack.

# %% slideshow={"slide_type": "fragment"}
print("          score of the old class    halves or worse  largest difference to mean of its CAM + bias")
for name, target in photographs.items():
    both = torch.cat([attacked[name].original, attacked[name].images])
    logits, bias = network.score(target)(both).tolist(), network.model.classifier.bias[network.index(target)].item()
    means = [(maps_of[name]["Grad-CAM"].sum().item() + bias) for maps_of in (before, after)]  # mean of 49 × Grad-CAM
    apart = max(abs(logit - mean) for logit, mean in zip(logits, means, strict=True))
    print(f"{name:8}{logits[0]:15.0f}{logits[1] < logits[0] / 2!s:>20}{apart:30.2f}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(3, 4, figsize=(9, 7), layout="constrained")
figure.suptitle("Grad-CAM before and after BIM at 2/255")
for column, (name, target) in enumerate(photographs.items()):
    photo, new = attacked[name].images, network.predict(attacked[name].images, top=1)[0][0][0]
    new_map = activations.grad_cam(network.score(new), photo, last_layer)
    trio = (before[name]["Grad-CAM"][0], after[name]["Grad-CAM"][0], new_map)
    titles = (f"{target}, before", f"{target}, after", f"{new}, after")
    limits = [trio[k].abs().max().item() for k in (0, 0, 2)]  # the old class on one scale
    for ax, values, title, limit in zip(axes[:, column], trio, titles, limits, strict=True):
        ax.imshow(photo[0].mean(dim=0).numpy(), cmap="gray", vmin=0, vmax=1)
        relative = maps.upsample(values, 224) / limit
        show.draw_map(ax, relative, title, limit=1, signed=True, see_through=True)
bar = figure.colorbar(axes[0, 0].images[-1], ax=list(axes.flat), shrink=0.5)
bar.set_label("rows 1, 2: share of the largest value before; row 3: share of its own")
show.figure(
    figure,
    alt="Grad-CAM over four photographs in three rows: the old class before the attack in red on the object; the old "
    "class after it, faint, and blue on the cup; the new class after it, on camera and rocket at another place.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The map of the *new* class, in the last row, is the one that many papers show. On coffee and cat it lies where the old
# one lay: cup against loupe, cat against cat. On camera it moves to the hands and the face, on rocket to the ground.
# “Grad-CAM does not notice attacks” is not true in general.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## The same on birds, with attention
#
# Twelve birds, three networks, BIM at 4/255 (2/255 flips few of them). Twelve pictures give 66 unrelated pairs for the
# null. The attention maps are those of chapter 06: class token of the last layer, rollout, and the trained attention of a
# CNN.

# %% slideshow={"slide_type": "fragment"}
images, classes, _ = birds.scenes(12, seed=11)


def loss_of(network, classes):
    """The cross-entropy of another class for every image."""
    return lambda images: torch.nn.functional.cross_entropy(network(images), classes, reduction="none")


# %% slideshow={"slide_type": "subslide"}
def bird_maps_of(kind, network, images):
    """Maps at their own resolution, each (N, h, w), for the true class."""
    score, normalised = score_of(network, classes), (images - network.mean) / network.std
    found = {"vanilla": maps.max_abs(gradients.gradient(score, images))}
    if kind == "birds_cnn":
        found["SmoothGrad"] = maps.max_abs(gradients.smoothgrad(score, images, n_samples=6, batch_size=1))
        found["Grad-CAM"] = activations.grad_cam(score, images, network.model.features)
    elif kind == "birds_vit":
        weights = activations.attention(network, images)  # (layers, N, heads, tokens, tokens)
        found["attention, last layer"] = activations.token_map(weights[-1].mean(dim=1)[:, 0])
        found["rollout"] = activations.token_map(activations.rollout(weights)[:, 0])
    else:
        found["attention, 24 × 24"], found["attention, 12 × 12"] = network.model.attention(normalised)
    return found


# %% slideshow={"slide_type": "subslide"}
print("network          flipped   map                      rank correlation   null")
for kind in track(("birds_cnn", "birds_vit", "birds_attention"), True, "networks"):
    network_b = networks.load(kind)
    loss = loss_of(network_b, classes)
    attack = attacks.bim(loss, images, epsilon=4 / 255, step_size=1 / 255, n_steps=5)
    flipped = 1 - accuracy(network_b, attack.images, classes)
    old, new = (bird_maps_of(kind, network_b, batch) for batch in (images, attack.images))
    for name in old:
        kept, null = compare.rank_correlation(old[name], new[name]), compare.null_distribution(old[name])
        print(f"{kind:17}{flipped:6.0%}    {name:24}{kept.mean().item():14.1f}{null.mean().item():z12.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Here the null is essential. After the attack, the vanilla map of the CNN is about as similar to the map before as to that
# of *any other bird*: 0.7 says nothing, because all birds sit in the same place. Rollout keeps its map: it depends on where
# the network looks, not on what it concludes.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Verdict on case 2
#
# | | |
# |---|---|
# | *expected* | the map changes when the class changes |
# | *the map answers* | where a further small change would move the score of *one* class |
# | *calculus predicts* | no change as long as $\rho \ll 1$; CAM must fall by as much as the logit |
# | *measured* | SmoothGrad and rollout stay far above the null, Integrated Gradients partly by its factor. The vanilla gradient turns by a right angle within 2/255. Grad-CAM of the old class fades or turns over; that of the new class moves on camera and rocket |
#
# The notes' argument is right, and its assumption often isn't: along an attack, the gradient of this network *does*
# change dramatically. A cloud of dots just looks like a cloud of dots.

# %% [markdown] slideshow={"slide_type": "notes"}
# The notes argue with a gradient that changes little; chapter 02 showed that on this network it is good for lengths below
# 0.1, and the attack is twenty times as long. Both sides of the debate mostly compare by eye. Ask: what would have
# convinced you that a map *does* notice?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Case 3 · The map survives the loss of everything learnt
#
# Adebayo et al. (2018) destroy a network from its last layer down, and watch the map. A map that stays the same
# can't show what the network has learnt. We shuffle the values of every parameter within itself, so that each keeps its
# scale.
#
# **What do you expect: which of the four maps of the coffee cup survives best when nothing is left?**
#
# <details><summary>Answer</summary>
#
# Integrated Gradients. The cup stays visible in it. The reason is on the slide after the next.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Let the room vote which map survives. The table names the culprit: the brightness of the photograph
# is in the formula of Integrated Gradients.

# %% slideshow={"slide_type": "subslide"}
coffee = pictures.photo("coffee")
stages = {"trained": before["coffee"]}
shuffled = ("last third of the layers shuffled", "two thirds shuffled", "all shuffled")
twins = track(compare.cascade(network, n_stages=3), True, "stages", 3)
for stage, (deepest, twin) in zip(shuffled, twins, strict=True):
    print(f"{stage}: down to {deepest}")
    stages[stage] = attributions(twin.score("espresso"), coffee, twin.model.bn2)

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(4, 4, figsize=(9.4, 9), layout="constrained")
figure.suptitle("Maps of espresso while the network forgets, from its last layer down (each map on its own scale)")
for row, name in enumerate(METHODS):
    for column, (stage, found) in enumerate(stages.items()):
        values = to_map(name, found[name])
        title = f"{name}: {stage}" if column == 0 else "" if row else stage
        values, signed = values / values.abs().quantile(0.995), name == "Grad-CAM"
        show.draw_map(axes[row, column], values, title, limit=1, signed=signed)
    label = "share of the 99.5th percentile" if row in (0, 3) else None
    if label:
        figure.colorbar(axes[row, 3].images[0], ax=list(axes[row]), label=label)
show.figure(
    figure,
    alt="Four methods in rows, four states of the network in columns. Grad-CAM turns from red on the cup to blue all over "
    "at the first stage, SmoothGrad to even noise. In the vanilla map the outline of the cup is seen up to the third column "
    "and faintly in the last, in Integrated Gradients clearly to the end.",
)

# %% slideshow={"slide_type": "subslide"}
brightness = coffee.abs().amax(dim=1)  # |I - B| for the black baseline
print("rank correlation    with the trained map, stage by stage   with the brightness of the picture")
print("                    1/3    2/3   nothing left               trained   nothing left")
for name in METHODS:
    shrunk = maps.max_abs(torch.nn.functional.avg_pool2d(coffee, 32)) if name == "Grad-CAM" else brightness
    all_maps = [to_map(name, found[name]) for found in stages.values()]
    kept = "".join(
        f"{compare.rank_correlation(all_maps[0], one).item():z7.1f}" for one in all_maps[1:]
    )  # three stages
    bright = [compare.rank_correlation(shrunk, one).item() for one in (all_maps[0], all_maps[-1])]
    print(f"{name:20}{kept}{bright[0]:z26.1f}{bright[1]:z13.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Verdict on case 3
#
# | | |
# |---|---|
# | *expected* | the map shows what the network has learnt |
# | *the map answers* | vanilla, SmoothGrad, Grad-CAM: slopes of this very network. Integrated Gradients: slopes **times the picture** |
# | *calculus predicts* | the factor $I_* - B$ does not depend on the network. It stays when all weights are shuffled |
# | *measured* | with nothing left, the other maps are at the level of chance; Integrated Gradients keeps a rank correlation of 0.5, with the photograph's brightness in it. The vanilla map keeps 0.4 as long as the first layers are intact: they see the edges, trained or not |
#
# So this is no failure of Integrated Gradients: the factor is in its definition. It is a failure to say that a part of
# what you see is the photograph. The notes' form (chapter 04, without the factor) does not have it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Case 4 · The methods disagree with one another
#
# If all these maps answered Fundamental Question 1, they would have to agree. Here is how far they do: the mean
# rank correlation of every two methods on the same pictures. We have the maps already.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Four questions, four maps. Ask which two methods should agree, and why.

# %% slideshow={"slide_type": "fragment"}
photo_maps = {  # every fourth pixel in each direction: enough for the ranks
    name: torch.cat([maps.upsample(to_map(name, before[photo][name]), 224) for photo in photographs])[:, ::4, ::4]
    for name in METHODS
}
worlds = {"four photographs, EfficientNet-Lite0": photo_maps, "twelve birds, honest network": bird_maps["honest"]}


def with_another_picture(one, other):
    """The null: the map of one method is compared with that of the next picture."""
    return compare.rank_correlation(one, other.roll(1, dims=0))


# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(2, 2, figsize=(9.4, 7.6), layout="constrained")
figure.suptitle("How much do the methods agree? Above: on the same picture. Below: on different pictures")
for column, (world, world_maps) in enumerate(worlds.items()):
    for row, comparison in enumerate((compare.rank_correlation, with_another_picture)):
        matrix, ax = compare.agreement_matrix(world_maps, comparison), axes[row, column]
        picture = ax.imshow(matrix.numpy(), cmap=show.SIGNED_COLOURS, vmin=-1, vmax=1)
        for i in range(4):
            for j in range(4):
                colour = "white" if matrix[i, j] > 0.6 else "black"
                ax.text(j, i, f"{matrix[i, j]:z.1f}", ha="center", va="center", color=colour)
        ax.set(title="null: another picture" if row else world, xticks=range(4), yticks=range(4))
        ax.set_xticklabels(METHODS if row else [], rotation=25, ha="right")
        ax.set_yticklabels([] if column else METHODS)
figure.colorbar(picture, ax=list(axes.flat), label="mean rank correlation", shrink=0.6)
show.figure(
    figure,
    alt="Four matrices of four by four methods. On the same photograph the values off the diagonal lie between 0.2 and "
    "0.4, on different photographs between 0 and 0.2. On the same bird they lie between 0.3 and 0.7, on different birds "
    "between 0.2 and 0.6.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# | | |
# |---|---|
# | *expected* | four explanations of one decision agree |
# | *the maps answer* | four questions: slope here, mean slope nearby, share of the way from black, evidence in a coarse cell |
# | *calculus predicts* | they agree where the score is linear and the picture is flat; no reason to agree elsewhere |
# | *measured* | on photographs hardly. On birds better, but most of that is the null: two birds in the middle of two pictures “agree”, too |

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Case 5 · The beak is brighter than the wing
#
# The notes, section 5: *if a bird's beak has higher saliency than the bird's wings, the wings might still impact the
# classification more because they contain far more pixels.* Might. Here we can look.
#
# For every part: the mean of the vanilla map **per pixel**, its **sum**, and what happens when the part is really taken
# away or exchanged for that of another species.

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Three rankings of the same parts. The notes say “might”; here it is true. And the sum is no better
# guide than the mean.

# %% slideshow={"slide_type": "fragment"}
honest = bird_networks["honest"]
n = 30
images, classes, part_masks = birds.scenes(n, seed=12)
score = score_of(honest, classes)
vanilla = maps.max_abs(gradients.gradient(score, images))
totals = (vanilla[:, None] * part_masks).sum(dim=(2, 3))  # (N, 7): the sum over every part
share_of_map = (totals / totals.sum(dim=1, keepdim=True)).mean(dim=0)
per_pixel = totals.sum(dim=0) / part_masks.sum(dim=(0, 2, 3))
per_pixel = per_pixel / per_pixel.max()


# %% slideshow={"slide_type": "subslide"}
def donor(label, part):
    """The next species in the list whose part is of another kind."""
    others = species[label + 1 :] + species[:label]
    return next(other for other in others if birds.SPECIES[other][part] != birds.SPECIES[species[label]][part])


effects = {"removed": {}, "exchanged": {}}
for part in birds.PARTS:
    donors = [donor(label, part) for label in classes.tolist()]
    changed = {"removed": birds.scenes(n, seed=12, without=part)[0]}
    changed["exchanged"] = birds.scenes(n, seed=12, swap={part: donors})[0]
    for way, others in changed.items():
        fall = gradients.evaluate(score, images) - gradients.evaluate(score, others)
        effects[way][part] = (fall.mean().item(), accuracy(honest, others, classes))
elsewhere = [birds.LANDSCAPES[(label + 3) % 8] for label in classes.tolist()]
others = birds.scenes(n, seed=12, landscape=elsewhere)[0]
fall = gradients.evaluate(score, images) - gradients.evaluate(score, others)
effects["exchanged"]["background"] = (fall.mean().item(), accuracy(honest, others, classes))

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
print("            per pixel   sum: share     fall of the score when     right answers when")
print("            (max = 1)   of the map     removed    exchanged       removed   exchanged")
for k, part in enumerate(birds.MASKS):
    line = f"{part:11}{per_pixel[k].item():10.1f}{share_of_map[k].item():13.2f}"
    for place, width in ((0, 13), (1, 14)):
        for way in ("removed", "exchanged"):
            value = effects[way].get(part)
            shown = "–" if value is None else f"{value[0]:z.1f}" if place == 0 else f"{value[1]:.0%}"
            line += f"{shown:>{width}}"
    print(line)

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained", sharey=True)
figure.suptitle("Per pixel, in total, and measured: three rankings of the parts")
falls = [effects["exchanged"].get(part, (float("nan"), 0))[0] for part in birds.MASKS]
panels = {
    "map per pixel (max = 1)": per_pixel,
    "map in total (share)": share_of_map,
    "fall of the score when exchanged": falls,
}
for ax, (title, values) in zip(axes, panels.items(), strict=True):
    colours = ["C5" if part == "beak" else "C0" if part == "wing" else "silver" for part in birds.MASKS]
    ax.barh(birds.MASKS, [float(value) for value in values], color=colours)
    ax.set(title=title)
    ax.title.set_fontsize(10)
axes[0].invert_yaxis()
show.figure(
    figure,
    alt="Bars for beak, wing, eye, tail, feet, body and background. Per pixel the eye leads, the beak is above the wing "
    "and the background is last. In total the background leads, and the wing is far above the beak. When exchanged, the "
    "eye counts most, then feet and wing, then the beak; the background counts nothing.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# | | |
# |---|---|
# | *expected* | brighter means more important |
# | *the map answers* | slope per pixel; nobody has added anything up |
# | *calculus predicts* | a change of a whole part is a sum over its pixels, so the area counts, and a large change leaves the tangent |
# | *measured* | per pixel beak > wing; in total wing > beak, nearly four times; removing the wing costs about twice as much as removing the beak. The notes' “might” is true here |
#
# But the sum is no better guide: more than half of the map's total lies on the background, which does nothing at all.
# **Neither “per pixel” nor “in total” is the importance.** Both are right answers to their own question.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Case 6 · Many directions lead to the boundary
#
# “*The* explanation” needs a single answer. There is one gradient, but the notes (section 2.1, Fig. 1, and section 5)
# point out that there are many quick routes to the boundary. We count some: split the pixels at random into eight sets, and
# let each direction touch one set only. No two of the directions have a pixel in common: they are **perpendicular**.
#
# Calculus predicts the distance to the boundary along each: $m / \lVert g_k\rVert$, with the margin $m$ (the score minus the
# best other) and the gradient $g_k$ on set $k$. An eighth of the pixels has about $1/\sqrt 8$ of the length: about 2.8 times
# as far as along the whole gradient.

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Every eighth of the pixels is enough. Remind the room of the two short ways of chapter 01.

# %% slideshow={"slide_type": "subslide"}
two_birds, two_labels, two_masks = birds.scenes(2, seed=11)
which_eighth = torch.randint(0, 8, (96, 96), generator=torch.Generator().manual_seed(0))
steps = torch.arange(0, 8.1, 0.25)  # lengths to try
distances = []
for image, label, mask in zip(two_birds.split(1), two_labels.tolist(), two_masks, strict=True):
    sets = {"all pixels": torch.ones(96, 96)} | {f"random eighth {k + 1}": which_eighth == k for k in range(8)}
    sets |= {"only the bird": mask[-1] < 0.5, "only the landscape": mask[-1] > 0.5}
    margin = attacks.margin(honest, label)
    directions = -gradients.gradient(margin, image) * torch.stack([one.float() for one in sets.values()])[:, None]
    lengths = directions.flatten(1).norm(dim=1)  # of the gradient on every set
    unit = directions / lengths.view(-1, 1, 1, 1)
    crossed = torch.stack([gradients.evaluate(margin, image + step * unit) < 0 for step in steps])  # (steps, sets)
    measured = [f"{steps[int(c.int().argmax())].item():.1f}" if c.any() else "> 8" for c in crossed.T]
    distances.append(list(zip((margin(image) / lengths).tolist(), measured, strict=True)))

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
print("distance to the boundary        first bird             second bird")
print("change only …               predicted  measured    predicted  measured")
for name, (one, one_measured), (other, other_measured) in zip(sets, *distances, strict=True):
    print(f"{name:22}{one:14.1f}{one_measured:>10}{other:13.1f}{other_measured:>10}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Every eighth of the pixels is enough, for both birds. For the second bird the predicted distances fit. For the first they
# are only half of the real ones: its score bends before the boundary comes, and the gradient knows nothing of that.
#
# The same with a photograph and an attack of many steps. Each of four attacks may change one quarter of the picture only.

# %% slideshow={"slide_type": "fragment"}
y, x = torch.meshgrid(torch.arange(224) // 112, torch.arange(224) // 112, indexing="ij")
quarters = torch.stack([2 * y + x == k for k in range(4)])[:, None].float()


def within(images):
    """The camera man, changed in one quarter of the picture: the first image in the first, and so on."""
    return camera + quarters * (images - camera)


# %% slideshow={"slide_type": "subslide"}
loss = network.loss("tripod")
four = attacks.bim(lambda images: loss(within(images)), camera.repeat(4, 1, 1, 1), epsilon=EPSILON, n_steps=6)
four_images = within(four.images)
changes_4 = (four_images - camera).flatten(1)
titles = [
    f"{name}, p = {probability:.1f}, length {length:.1f}"
    for ((name, probability),), length in zip(
        network.predict(four_images, top=1), changes_4.norm(dim=1).tolist(), strict=True
    )
]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
figure, axes = plt.subplots(1, 4, figsize=(10, 3.2), layout="constrained")
figure.suptitle("Four perpendicular attacks on a tripod: 40 × the change of each, on gray")
for ax, change, title in zip(axes, four_images - camera, titles, strict=True):
    show.draw_image(ax, 0.5 + 40 * change, title)
show.figure(
    figure,
    alt="Four pictures, each with coloured noise in another quarter and plain gray elsewhere. The titles say that the "
    "network calls the camera man a harmonica or a violin.",
)

# %% slideshow={"slide_type": "subslide"}
cosines = torch.nn.functional.normalize(changes_4) @ torch.nn.functional.normalize(changes_4).T
print(f"flipped: {int((network(four_images).argmax(dim=1) != network.index('tripod')).sum())} of 4")
print(f"largest cosine between two of the four: {(cosines - torch.eye(4)).abs().max().item():.0f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# | | |
# |---|---|
# | *expected* | the map shows *the* reason |
# | *the map answers* | which direction is steepest |
# | *calculus predicts* | many other directions are nearly as good: $1/\sqrt q$ times as far with a share $q$ of $\lVert g \rVert^2$ |
# | *measured* | every eighth of the pixels, and every quarter of the photograph, is enough to flip the class. The distances fit for one bird, and are half of the real ones for the other |

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Whose failure?
#
# | case | question asked | question answered | who was right? |
# |---|---|---|---|
# | context | does it look at the bird? | where is the score steep? | the notes: the network is at fault. But the map alone doesn't prove it |
# | attack | why did the class change? | where is the score of one class steep *here*? | both, in part: smooth maps stay, the vanilla gradient and Grad-CAM don't |
# | shuffled weights | what has it learnt? | slopes, or slopes times the picture | the critics, about what we see; the definition, about why |
# | disagreement | what is the explanation? | four different things | the notes: four maps, four questions |
# | beak and wing | which part counts? | slope per pixel | the notes: per pixel isn't in total. But in total isn't the effect |
# | many routes | what is the reason? | the steepest direction | the notes: the question is ill posed |

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Close with the room's votes from the predictions: where was the majority wrong? A fair summary: the
# notes' calculus is right wherever its premise (a gradient that changes little) holds, and we measured where it
# doesn't.

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Fundamental Question 3.** *How much does each input feature contribute to a given AI decision?* (Feragen 2023,
# > section 5)
#
# It has no single answer, because it does not say compared with what, by which change, or for how many pixels together.
# A map that comes with *its* question, and with a measurement, is an explanation. Chapter 09 builds one.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - A similarity of maps means nothing without the null: that of unrelated pictures.
# - A share means nothing without the area, and neither replaces an intervention.
# - An attack of 2/255 turns the vanilla gradient of a real network by a right angle; Grad-CAM of the old class must follow
#   its logit down.
# - What survives shuffled weights in Integrated Gradients is the photograph.
# - Before you call it a failure, write down the question that the map answers.
#
# **Now you:** [exercise 08](../exercises/08_failures_debate/08_failures_debate.ipynb).

# %% [markdown] slideshow={"slide_type": "notes"}
# **1 minute.** One sentence to take home: before you call it a failure, write down the question that the map answers.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Read on
#
# - Feragen, *Lecture notes on explainable AI: Saliency maps*, 2023, sections 4, 4.1 and 5.
# - Barnett et al., *A case-based interpretable deep learning model for classification of mass lesions in digital
#   mammography*, 2021: the source of Fig. 14.
# - Ghassemi, Oakden-Rayner, Beam, *The false hope of current approaches to explainable artificial intelligence in health
#   care*, 2021; Gu, Tresp, *Saliency methods for explaining adversarial attacks*, 2019, arXiv:1908.08413: Fig. 15.
# - Adebayo et al., *Sanity checks for saliency maps*, 2018, arXiv:1810.03292.
# - Ghorbani, Abid, Zou, *Interpretation of neural networks is fragile*, 2019, arXiv:1710.10547: attacks on the map itself.
# - Krishna et al., *The disagreement problem in explainable machine learning*, 2022, arXiv:2202.01602.
# - Li et al., *A whac-a-mole dilemma: shortcuts come in multiples*, 2023, arXiv:2212.04825.
# - Geirhos et al., *Shortcut learning in deep neural networks*, 2020, arXiv:2004.07780.
