# %% [markdown] slideshow={"slide_type": "slide"}
# # 06 · Attention maps
#
# **A network with attention draws its own map while it computes.** You need no gradient: read the weights off. The
# first network of this chapter looks at drawn birds (a world in which we know every part), with attention inside. Its
# map gives most of its weight to the landscape, and next to nothing to the bird's eye. Is that what matters to the
# network? On drawings, you can find out: change the landscape, or leave out the eye.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** Ask the room after the opening cell whether the map is wrong. (It is not. It says where the network
# reads, and the question was what matters.) The birds come from chapter 05; if you skipped it, show a few of them and
# their parts first. Short of time? Leave out “Another map, the same logits” and “Is rollout right about the mixing?”.

# %% slideshow={"slide_type": "subslide"}
import torch

from lecture_lib import activations, birds, maps, measure, networks, regions, show

images, labels, masks = birds.scenes(96, seed=606)
landscape, eye = masks[:, birds.MASKS.index("background")], masks[:, birds.MASKS.index("eye")]
others = [birds.LANDSCAPES[birds.LANDSCAPES.index(scene.landscape) - 3] for scene in birds.describe(96, seed=606)]
elsewhere, _, _ = birds.scenes(96, seed=606, landscape=others)  # the same birds, in another landscape
eyeless, _, _ = birds.scenes(96, seed=606, without="eye")

attentive = networks.load("birds_attention")


# %% slideshow={"slide_type": "fragment"}
def logits(network, images):
    """Logits (N, 8) of many images, 32 at a time."""
    with torch.no_grad():
        return torch.cat([network(batch) for batch in images.split(32)])


def percent(share):
    """The mean of shares in [0, 1], in percent."""
    return f"{100 * share.float().nanmean().item():.0f} %"


# %% slideshow={"slide_type": "subslide"}
_, middle = attentive.model.attention((images - attentive.mean) / attentive.std)
middle = maps.upsample(middle, 96)  # (N, 96, 96)
answers = logits(attentive, images).argmax(dim=1)
for name, mask, changed in (("landscape", landscape, elsewhere), ("eye", eye, eyeless)):
    same = logits(attentive, changed).argmax(dim=1) == answers
    print(f"{name}: {percent(mask)} of the area, {percent(regions.inside_fraction(middle, mask))} of the attention.")
    print(f"   Change it, and the answer stays the same for {percent(same)} of the birds.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The question
#
# The gradient, and Grad-CAM, are computed *about* a network, after the fact. Attention is a part of the network itself:
# somewhere inside, it mixes features from many places, and **attention** is the list of weights in this mixture. The
# lecture notes (section 2.3) point to two kinds: the attention of transformers, and trained weight images inside
# convolutional networks. Both can be upsampled and shown as a map.
#
# So an attention map answers this question:
#
# > *With which weights does this layer mix what it has found at the different places?*
#
# Compare it with Fundamental Question 1: *How much does each region of the image contribute to a given decision?* Are
# the two the same? The opening cell says no. This chapter finds out how far apart they are.

# %% [markdown] slideshow={"slide_type": "notes"}
# **2 minutes.** Let the room compare the two questions word by word. Where do they differ?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Attention that a CNN learns
#
# Jetley et al. (2018) put attention into the middle of a CNN. A layer has a **local feature** $l_i$ at each place $i$ (a
# vector of $C$ numbers), and the top of the network has one **global feature** $g$ of the whole picture. Then
#
# $$c_i = \frac{l_i \cdot g}{\sqrt C}, \qquad a_i = \frac{e^{c_i}}{\sum_j e^{c_j}}, \qquad g_a = \sum_i a_i \, l_i .$$
#
# In words: compare each place with the whole (the *compatibility* $c_i$), turn the results into weights that add up to 1
# (the attention map $a$), and take the weighted sum. **The classifier sees only such sums**, not $g$ itself. Nobody
# tells the network where to look. The maps are a by-product of learning to tell birds apart.

# %% [markdown] slideshow={"slide_type": "notes"}
# **8 minutes.** Our network is a small relative of that of the paper: two attended layers (24 × 24 and 12 × 12
# places), a linear map that brings the local features to the length of g, and the division by √C, which the paper
# doesn't have. The paper also tries another compatibility, u · (l + g). With a softmax, g drops out of that one: it
# adds the same number everywhere. Before the maps, ask where a network looks that has never been trained. The ringed
# eyes are found, the masked ones are not: finding nothing is the message.


# %% slideshow={"slide_type": "fragment"}
def trainable_attention(local, everything):
    """The three formulas: local features (N, C, h, w) and global features (N, C) → g_a (N, C), a (N, h, w)."""
    compatibility = (local * everything[:, :, None, None]).sum(dim=1) / local.shape[1] ** 0.5
    attention = compatibility.flatten(1).softmax(dim=1).view_as(compatibility)
    return (attention[:, None] * local).sum(dim=(2, 3)), attention


# %% slideshow={"slide_type": "subslide"}
def by_hand(network, images):
    """Local features, attended feature and map of both layers, for a network like ours."""
    model = network.model
    with torch.no_grad():
        lower = model.lower((images - network.mean) / network.std)  # (N, 64, 24, 24)
        middle = model.middle(lower)  # (N, 96, 12, 12)
        everything = model.upper(middle).mean(dim=(2, 3))  # (N, 96), the global feature
        locals_ = {"lower": model.attention_lower.project(lower), "middle": model.attention_middle.project(middle)}
        return {name: (local, *trainable_attention(local, everything)) for name, local in locals_.items()}


# %% slideshow={"slide_type": "fragment"}
layers = by_hand(attentive, images)
learnt = {name: map_ for name, (_, _, map_) in layers.items()}
attended = torch.cat([feature for _, feature, _ in layers.values()], dim=1)  # (N, 2 · 96)
difference = (attentive.model.classifier(attended) - logits(attentive, images)).abs().max()
print(f"maps of the shapes {', '.join(str(tuple(map_.shape)) for map_ in learnt.values())}")
print(f"largest difference to the network's own logits: {difference.item():.4f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What do the maps look like?
#
# **What do you expect: the same network with random weights, never trained. Where does it look?**
#
# <details><summary>Answer</summary>
#
# Everywhere alike. Random features hardly fit the global feature anywhere, so all compatibilities are near 0, and
# the softmax makes a flat map of them. Its share on each part is the share of the *area*. That is our yardstick: a map
# that knows nothing.
#
# </details>

# %% slideshow={"slide_type": "fragment"}
import matplotlib.pyplot as plt

from lecture_lib.birds.classifiers import BirdAttention

plt.style.use("lecture_lib.lecture")

torch.manual_seed(0)
untrained = networks.Network(BirdAttention(), attentive.classes, mean=(0.5,) * 3, std=(0.5,) * 3, size=96)
random_layers = by_hand(untrained, images)


# %% slideshow={"slide_type": "skip"}
def gallery(rows, columns, limit, label, title, alt):
    """Images above their maps: one column a bird, one row a kind of map, all on one scale."""
    figure, axes = plt.subplots(
        1 + len(rows), len(columns), figsize=(9, 1.75 * (1 + len(rows))), layout="constrained"
    )
    for ax, k in zip(axes[0], columns, strict=True):
        show.draw_image(ax, images[k], list(birds.SPECIES)[labels[k]])
    for row, (name, found) in zip(axes[1:], rows.items(), strict=True):
        for ax, k in zip(row, columns, strict=True):
            show.draw_map(ax, found[k], name, limit=limit, signed=False)
    bar = figure.colorbar(axes[-1, 0].images[0], ax=axes, extend="max", shrink=0.7)
    bar.set_label(label)
    figure.suptitle(title)
    show.figure(figure, alt=alt)


def multiples(map_):
    """Weights as multiples of the mean weight: 1 everywhere if the attention is flat."""
    return map_ * map_[0].numel()


# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
gallery(
    {f"{name}, trained": multiples(map_) for name, map_ in learnt.items()}
    | {f"{name}, random": multiples(map_) for name, (_, _, map_) in random_layers.items()},
    columns=[4, 2, 1, 0],
    limit=20,
    label="attention, in multiples of the mean weight",
    title="Trained attention is sharp, random attention is flat",
    alt="Four birds with two trained and two random attention maps each. Trained: two of the birds have one bright place "
    "at the eye in the lower map; the middle maps have one or two bright places near a wing or below the feet, or along "
    "the border of the picture. The random maps are evenly dark.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Sharp, but odd. The two birds on the left wear a *ringed* eye, and the lower map jumps onto it. The other two wear a
# *mask*, and the lower map falls apart. Three of the middle maps look at an empty place, or at the border of the picture.

# %% [markdown] slideshow={"slide_type": "subslide"}
# The usual way to show such a map is that of Fig. 9 in the lecture notes: upsampled, and laid over the picture. It looks
# convincing, and it holds no more than the 24 × 24 numbers above.

# %% slideshow={"slide_type": "fragment"} tags=["picture:thumbnail", "hide-input"]
show.overlay(
    images[4],
    maps.upsample(multiples(learnt["lower"]), 96)[4],
    "attention of the lower layer",
    label="multiples of the mean weight",
    alt="The barred conebill, and the same picture in gray with a bright spot on the eye.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Is that the rule? We measure which share of the map lies on the eye, by kind of eye.

# %% slideshow={"slide_type": "fragment"}
ringed = torch.tensor([birds.SPECIES[list(birds.SPECIES)[k]]["eye"] == "ringed" for k in labels])
lower_share = regions.inside_fraction(maps.upsample(learnt["lower"], 96), eye)
middle_share = regions.inside_fraction(maps.upsample(learnt["middle"], 96), eye)
print("share of the map on the eye      lower   middle")
print(
    f"   {ringed.sum()} birds with a ringed eye    {percent(lower_share[ringed]):>6}   {percent(middle_share[ringed]):>6}"
)
print(
    f"   {(~ringed).sum()} birds with a masked eye    {percent(lower_share[~ringed]):>6}   {percent(middle_share[~ringed]):>6}"
)
print(f"   share of the area            {percent(eye):>6}   {percent(eye):>6}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The lower map is a detector that either finds a ringed eye or finds nothing. For a masked bird, the eye gets no more
# than its area: **finding nothing is the message.** A reader of such a map would say that the eye played no role. Yet we
# saw in the first cell that it does.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Weights of what?
#
# The attention $a_i$ is a weight. What it weighs is the local feature $l_i$, and the map doesn't show it. In this
# network we can write down both. The classifier is linear, so the class score is a sum over places:
#
# $$S_c = b_c + \sum_i a_i \, (w_c \cdot l_i),$$
#
# over the places of both layers, with the classifier's weights $w_c$ for each layer. The product
# $a_i \, (w_c \cdot l_i)$ is what place $i$ adds to the score. Attention is never negative. The product can be.

# %% [markdown] slideshow={"slide_type": "notes"}
# **8 minutes.** A weight weighs something. Show the pair of pictures and let the room find the bright place with a
# negative value. At the end: the choice of places is essential to the network, and still not an explanation.

# %% slideshow={"slide_type": "subslide"}
weights = dict(zip(layers, attentive.model.classifier.weight.split(96, dim=1), strict=True))  # (8, 96) for each layer
values = {name: torch.einsum("kc,nchw->nkhw", weights[name], layers[name][0]) for name in layers}  # w_k · l_i
own = torch.arange(len(images)), labels  # picks each image's own class
contributions = {name: learnt[name] * values[name][own] for name in layers}

total = attentive.model.classifier.bias[labels] + sum(found.sum(dim=(1, 2)) for found in contributions.values())
print(
    f"largest difference between the sum and the score: {(total - logits(attentive, images)[own]).abs().max().item():.4f}"
)
for name, map_ in learnt.items():
    against = (map_ * (values[name][own] < 0)).sum(dim=(1, 2))
    print(
        f"{name} layer: adds {contributions[name].sum(dim=(1, 2)).mean().item():.1f} to the score on average; "
        f"{percent(against)} of the attention lies where w·l is negative"
    )

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
k = 11

figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained")
show.draw_image(axes[0], images[k], list(birds.SPECIES)[labels[k]])
show.draw_map(axes[1], multiples(learnt["lower"])[k], "attention a", label="multiples of the mean", limit=20)
show.draw_map(axes[2], values["lower"][own][k], "w · l: what it weighs", label="score")
show.draw_map(axes[3], contributions["lower"][k], "product: what it adds", label="score")
figure.suptitle("Lower layer: weight, value, and their product")
show.figure(
    figure,
    alt="A plain conebill and three maps of the lower layer: attention with one bright place on the wing; the values w · l, "
    "dark red below the feet and at the eye, and blue at the place on the wing; and their product, which is nearly 0 except at "
    "that place, where it is blue.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Look at the brightest place of the attention map. The value there is negative: **the network looks hardest at a place that
# lowers the score.** And the dark red place below the feet, which would raise it most, gets next to no weight. Is this
# bird an exception?


# %% slideshow={"slide_type": "fragment"}
brightest = learnt["lower"].flatten(1).argmax(dim=1, keepdim=True)
lowers = values["lower"][own].flatten(1).gather(1, brightest)[:, 0] < 0
print("the brightest place of the lower map lowers the score for")
print(
    f"   {percent(lowers[ringed])} of the birds with a ringed eye, {percent(lowers[~ringed])} of those with a masked eye"
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# It is the rule for a masked eye. (Such a place can still help, if it lowers the rivals even more. The map doesn't tell.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Together, weights and values are an exact account of the score. Does it say what matters? Add it up by region, and compare
# with the opening cell.


# %% slideshow={"slide_type": "fragment"}
def added_by(mask):
    """How much the places of a region add to the score, by layer. A cell on an edge belongs to both sides in parts."""
    cells = {
        name: torch.nn.functional.adaptive_avg_pool2d(mask, map_.shape[-1]) for name, (_, _, map_) in layers.items()
    }
    return [(contributions[name] * cells[name]).sum(dim=(1, 2)).mean().item() for name in layers]


print("           adds to the score: lower   middle")
for name in ("background", "eye"):
    lower, middle_ = added_by(masks[:, birds.MASKS.index(name)])
    print(f"{name:10}   {lower:z22.1f}   {middle_:z6.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The places on the landscape add more than a third of the score. Exchange the landscape, and no answer changes. Both are true.
# The global feature $g$ has seen the whole bird before a single weight is set. So the network can *answer by choosing a
# place*: “conebill, so I read below the feet”. What lies there hardly matters.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Does the choice matter?
#
# **What do you expect: we keep all features, and exchange only the maps. Each bird gets flat maps, or those of another
# bird. How many birds does the classifier still name?**
#
# <details><summary>Answer</summary>
#
# Hardly more than by guessing (1 of 8). The maps are no decoration: *where* the network reads carries most of its
# answer.
#
# </details>


# %% slideshow={"slide_type": "subslide"}
def with_maps(new):
    """Share of birds that are named rightly when the network reads with other maps."""
    features = [(new[name][:, None] * layers[name][0]).sum(dim=(2, 3)) for name in layers]
    return percent(attentive.model.classifier(torch.cat(features, dim=1)).argmax(dim=1) == labels)


print(f"its own maps:             {with_maps(learnt)}")
print(
    f"flat maps:                {with_maps({name: torch.full_like(m, 1 / m[0].numel()) for name, m in learnt.items()})}"
)
print(f"the maps of another bird: {with_maps({name: m.roll(1, dims=0) for name, m in learnt.items()})}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# So attention *is* essential to this network. And still its map doesn't show what the answer depends on. Keep both in mind:
# a part of the mechanism is not yet an explanation.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Another map, the same logits
#
# Turn the question around. Suppose that you know all eight logits, and all features. Is there only *one* attention map
# that leads there? Jain and Wallace (2019) asked this about texts: if a quite different map gives the same output, then
# the output alone cannot justify “the network decided so because it looked there”.
#
# Here we can search without luck. The lower layer's part of the logits is linear in the map $a$. So we ask a solver of
# linear programs for the map with the **least weight on the landscape**, under the conditions that all eight logits stay,
# no weight is negative, and the weights add up to 1.

# %% [markdown] slideshow={"slide_type": "notes"}
# **4 minutes.** This is the argument of “attention is not explanation”, without luck: a linear program finds the
# other map. Mention the reply, too: the network would never draw it by itself.

# %% slideshow={"slide_type": "subslide"}
from scipy.optimize import linprog

attention = learnt["lower"]
on_landscape = torch.nn.functional.avg_pool2d(landscape[:, None], 4)[:, 0]  # share of each cell of 4 × 4 pixels


def other_attention(k):
    """The attention of bird k with the least weight on the landscape, of all those that give the same logits."""
    now = attention[k].flatten().double().numpy()
    conditions = torch.cat([values["lower"][k].flatten(1), torch.ones(1, 24 * 24)]).double().numpy()
    found = linprog(on_landscape[k].flatten().numpy(), A_eq=conditions, b_eq=conditions @ now, bounds=(0, None))
    return torch.from_numpy(found.x.clip(min=0)).float().view(24, 24)


# %% slideshow={"slide_type": "subslide"}
few = 32
alternative = torch.stack([other_attention(k) for k in range(few)])
before, after = ((found * on_landscape[:few]).sum(dim=(1, 2)) for found in (attention[:few], alternative))
feature = (alternative[:, None] * layers["lower"][0][:few]).sum(dim=(2, 3))
after_logits = attentive.model.classifier(torch.cat([feature, attended[:few, 96:]], dim=1))
print(f"largest change of a logit: {(after_logits - logits(attentive, images[:few])).abs().max().item():.3f}")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
print("mean share of the lower map on the landscape   learnt   lowest with the same logits")
for name, which in (("ringed", ringed[:few]), ("masked", ~ringed[:few])):
    print(f"   {which.sum():2} birds with a {name} eye   {percent(before[which]):>24}   {percent(after[which]):>27}")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(1, 3, figsize=(9, 3.1), layout="constrained")
show.draw_image(axes[0], images[1], list(birds.SPECIES)[labels[1]])
for ax, found, name in zip(axes[1:], (attention[1], alternative[1]), ("learnt", "another one"), strict=True):
    show.draw_map(ax, found * 24**2, f"{name}: {percent(found * on_landscape[1] * 24**2)} on the landscape", limit=20)
figure.colorbar(axes[2].images[0], ax=axes, extend="max", shrink=0.8, label="multiples of the mean weight")
figure.suptitle("Two attention maps, the same eight logits")
show.figure(
    figure,
    alt="A plain conebill, its learnt lower attention map, spread over water, beach and sky, and another map with a few bright "
    "places that lie on the bird. Both give the same eight logits.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# For birds with a mask, nearly all of the landscape's weight can be moved onto the bird without a trace in the output. For
# ringed birds there was little to move. One caution (Wiegreffe and Pinter 2019): the network would never draw the second
# map by itself. The first one is what it *did*. It just isn't what the answer *needed*.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A transformer: tokens
#
# A **vision transformer** (ViT; Dosovitskiy et al. 2020) is made of attention. It cuts the picture into patches and turns
# each into a vector, a **token**. Our small one makes 12 × 12 tokens, of 8 × 8 pixels each. One more token has no place in
# the picture: the **class token**. Layer after layer, each token mixes into itself what it collects from all tokens. After
# the last layer, the classifier reads the class token alone.

# %% [markdown] slideshow={"slide_type": "notes"}
# **5 minutes.** For most rooms this is the first transformer. Draw three tokens and the class token on the board.
# Compare, softmax, weighted sum: it is the formula of before.

# %% slideshow={"slide_type": "fragment"}
vit = networks.load("birds_vit")
rows = activations.attention(vit, images)
print(
    f"(layers, images, heads, tokens, tokens) = {tuple(rows.shape)}; every row adds up to {rows.sum(dim=-1).mean().item():.2f}"
)
print(f"the network names {percent(logits(vit, images).argmax(dim=1) == labels)} of the birds rightly")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, ax = plt.subplots(figsize=(3.4, 3.6), layout="constrained")
show.draw_image(ax, images[0], "one picture, 144 patches")
for line in range(0, 97, 8):
    ax.axhline(line - 0.5, color="white", linewidth=0.6)
    ax.axvline(line - 0.5, color="white", linewidth=0.6)
show.figure(figure, alt="A spotted spearbill on a meadow, cut into 12 times 12 square patches by white lines.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Attention of one head
#
# A layer has several **heads**, here 4. A head makes three vectors of length $d$ from each token: a **query** $q_i$ (what I
# look for), a **key** $k_j$ (what I have), and a **value** $v_j$ (what I pass on). Then
#
# $$a_{ij} = \operatorname{softmax}_j \left( \frac{q_i \cdot k_j}{\sqrt d} \right), \qquad \text{token } i \text{ collects } \sum_j a_{ij} \, v_j .$$
#
# It is the formula that you know: compare, softmax, weighted sum. But now every token asks, and not just the global
# feature. Row $i$ of the matrix $a$ says what token $i$ looks at, and adds up to 1.

# %% slideshow={"slide_type": "fragment"}
with activations.record(vit.model.blocks[0].attn.qkv) as recording:
    vit(images[:1])
queries, keys, _ = recording.output.view(145, 3, 4, 24).permute(1, 2, 0, 3)  # each (heads, tokens, d)
heads = (queries @ keys.mT / 24**0.5).softmax(dim=-1)
print(f"largest difference to lecture_lib: {(heads - rows[0, 0]).abs().max().item():.4f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the class token looks at
#
# The classifier reads the class token, so its row is what people show. Leave out its first entry (what the class token
# gives to itself), and put the other 144 back into their square.

# %% [markdown] slideshow={"slide_type": "notes"}
# **6 minutes.** Twenty maps. Let three people tell a story with the map of their choice. Then the head that looks at
# the wing, and the vote: how many answers change without the wing?

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
class_rows = activations.token_map(rows[:, :, :, 0])  # (layers, N, heads, 12, 12)

figure, axes = plt.subplots(4, 6, figsize=(10.5, 7.2), layout="constrained")
for ax in axes[1:, 0]:
    ax.axis("off")
show.draw_image(axes[0, 0], images[0], "image")
for layer in range(5):
    for head in range(4):
        title = f"layer {layer + 1}, head {head + 1}"
        show.draw_map(axes[head, layer + 1], class_rows[layer, 0, head] * 145, title, limit=10)
bar = figure.colorbar(axes[0, 1].images[0], ax=axes, extend="max", shrink=0.6)
bar.set_label("attention, in multiples of the mean weight")
figure.suptitle("The class token's attention: 5 layers, 4 heads, one bird")
show.figure(
    figure,
    alt="Twenty attention maps. In layer 1 the heads look at beak, feet, eye, and the ground; in layers 2 to 4 most maps are "
    "nearly flat, one follows the clouds; in layer 5 two heads look at the beak.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# In layer 1 the heads share the work: beak, feet, eye, ground. Later most are nearly flat. Twenty maps, and you could
# tell a story with each. Which one is the explanation?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## A head that looks at the wing
#
# Head 4 of layer 1 looks at wings: over 96 birds, the wing gets about four times the weight that its area would get.
#
# **What do you expect: we leave out the wing. How many birds does the network now take for another species?**
#
# <details><summary>Answer</summary>
#
# None. The score hardly moves. The head collects something from the wing, and the answer does not depend on it.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
wing_head = maps.upsample(class_rows[0, :, 3], 96)
without = {part: birds.scenes(96, seed=606, without=part)[0] for part in birds.PARTS}
vit_logits = {part: logits(vit, changed) for part, changed in {"": images, **without}.items()}

print("part   attention / area   change of the score without it   birds with another answer")
for part, mask in zip(birds.PARTS, masks.unbind(dim=1), strict=False):
    lift = regions.inside_fraction(wing_head, mask).mean() / mask.mean()
    change = (vit_logits[""] - vit_logits[part])[own].abs().mean()
    other = vit_logits[""].argmax(dim=1) != vit_logits[part].argmax(dim=1)
    print(f"{part:5}  {lift.item():16.1f}   {change.item():30.1f}   {percent(other):>25}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Wing and tail: looked at almost as much as the beak, and without any effect. Eye: looked at by less than its area, and without
# it half of the answers change. **A head's map is a record of reading, not of using.** Of course this is one head of
# twenty. Can we combine them all?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Rollout
#
# There is a second problem with the maps of later layers. In layer 5, token 17 is no longer patch 17: it has collected from
# other tokens four times. **Attention rollout** (Abnar and Zuidema 2020) traces the mixture back to the patches. Each layer
# *adds* what it collects to the token, so
#
# $$A_l = \frac{\operatorname{mean}_{\text{heads}} W_l + I}{\text{row sums}}, \qquad \text{rollout} = A_L \cdots A_2 \, A_1 ,$$
#
# with the attention $W_l$ of layer $l$. The **identity** $I$ stands for the token that stays (the residual connection).
# Dividing by the **row sums** makes each row a mixture again, which adds up to 1. The first layer acts first, so it
# stands on the right.

# %% [markdown] slideshow={"slide_type": "notes"}
# **8 minutes.** Do the example with two patches by hand, on paper, before you run it. Then leave out the identity:
# the picture looks as good, and the number tells. Three quarters of the clean map lie on the landscape.

# %% [markdown] slideshow={"slide_type": "subslide"}
# By hand, with a class token and two patches A and B. In layer 1, A looks at B, the others look at themselves. In layer
# 2, the class token looks at A, the others look at themselves.
#
# **What do you expect: from what is the class token mixed in the end? The map of layer 2 alone says: all A.**
#
# <details><summary>Answer</summary>
#
# After layer 1, A is half A and half B. Layer 2 makes the class token half itself and half *that*: half class token, a
# quarter A, a quarter B.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
layer_1 = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, 0, 1]])  # rows and columns: class token, A, B
layer_2 = torch.tensor([[0.0, 1, 0], [0, 1, 0], [0, 0, 1]])


def rollout(attention):
    """The formula: (layers, N, heads, tokens, tokens) → (N, tokens, tokens)."""
    identity = torch.eye(attention.shape[-1])
    total = identity
    for weights in attention.mean(dim=2):
        mixing = weights + identity
        mixing = mixing / mixing.sum(dim=-1, keepdim=True)
        total = mixing @ total
    return total


# %% slideshow={"slide_type": "fragment"}
example = rollout(torch.stack([layer_1, layer_2])[:, None, None])
print(f"class token: {example[0, 0].tolist()}")
rolled = rollout(rows)
print(f"our ViT: largest difference to lecture_lib {(rolled - activations.rollout(rows)).abs().max().item():.4f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Why the identity, why the row sums?
#
# Leave each of them out, and look at the numbers.

# %% slideshow={"slide_type": "fragment"}
means = rows.mean(dim=2)
no_identity, no_row_sums = means[0], means[0] + torch.eye(145)
for weights_ in means[1:]:
    no_identity, no_row_sums = weights_ @ no_identity, (weights_ + torch.eye(145)) @ no_row_sums

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
print("                   row sum   share of the row in which two tokens differ")
for name, found in (("rollout", rolled), ("without identity", no_identity), ("without row sums", no_row_sums)):
    sums = found.sum(dim=-1)
    apart = (found[:, 20] - found[:, 100]).abs().sum(dim=1) / sums[:, 0] / 2
    print(f"{name:18} {sums.mean().item():7.0f}   {100 * apart.mean().item():41.1f} %")

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
gallery(
    {
        "class token, layer 5": class_rows[4].mean(dim=1) * 145,
        "rollout": activations.token_map(rolled[:, 0]) * 145,
        "without identity": activations.token_map(no_identity[:, 0]) * 145,
    },
    columns=[0, 1, 6, 11],
    limit=15,
    label="multiples of the mean weight",
    title="Rollout finds beak, eye and feet",
    alt="Four birds with three maps each: the class token's attention in layer 5, rollout, and rollout without the identity. "
    "Rollout has bright cells on beak, eye or feet; the last layer alone shows only some of them.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Without the identity, five layers of mixing leave *one* row for all tokens, wherever they are. Without the row sums, each
# layer doubles everything ($2^5 = 32$): here the picture would be the same, but its numbers would be no shares.
#
# Compare the last two rows of the figure. Without the identity, the class token's map looks as good as with it. But every
# patch of sky would show this very map as its own. The picture can't tell you; the number could.
#
# Rollout's maps are clean: beak, eye, feet.
#
# Clean to the eye, that is. Ask for the number again: how much of these maps lies on the landscape?

# %% slideshow={"slide_type": "fragment"}
rollout_map = maps.upsample(activations.token_map(rolled[:, 0]), 96)
print(f"of the rollout, {percent(regions.inside_fraction(rollout_map, landscape))} lies on the landscape")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Three quarters, spread so thin that the picture doesn't show it. A bright spot draws your eye; a faint haze over most of
# the picture can weigh more.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Is rollout right about the mixing?
#
# Rollout claims how much of a token at the end still comes from its own patch. That can be tested: take the gradient of
# the token's final vector with respect to the tokens at the start. Which share of its length belongs to the own patch?
#
# **What do you expect: more than rollout says, less, or the same?**
#
# <details><summary>Answer</summary>
#
# More, by far. In the formula, the token that stays has the weight ½ in every layer. The network is free to add less than
# that, and between two layers of attention it works on each token alone. Rollout knows neither.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    start = vit.model.patch_embed((images[:4] - vit.mean) / vit.std)  # (4, 144, 96)
start.requires_grad_()
end = vit.model.blocks(vit.model._pos_embed(start))  # (4, 145, 96)
generator = torch.Generator().manual_seed(0)

by_gradient, by_rollout = [], []
for token in range(1, 145, 6):
    direction = torch.randn(96, generator=generator)  # differentiate the vector along a random direction
    (slope,) = torch.autograd.grad((end[:, token] @ direction).sum(), start, retain_graph=True)
    lengths = slope.norm(dim=2)
    by_gradient.append((lengths[:, token - 1] / lengths.sum(dim=1)).mean())
    by_rollout.append((rolled[:4, token, token] / rolled[:4, token, 1:].sum(dim=1)).mean())
print("share of a token's own patch, at the end:")
print(f"   by rollout {percent(torch.stack(by_rollout))}, by the gradient {percent(torch.stack(by_gradient))}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Rollout is a *model* of the network: it knows the attention weights, and neither the values nor the layers in between. Useful,
# but to be tested like any model.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Take it away and see
#
# Now the test that counts. Three networks: the plain CNN of chapter 05, the CNN with attention, the ViT. For each part of
# the bird we measure on 96 birds:
#
# - how much of each **map** lies on the part, beside the share of the **area** that it fills;
# - how far the score of the bird's own species really falls when the part is **removed** (the same bird, without it);
# - and when it is **swapped** for the same part of another species.
#
# Removing and swapping ask different questions. *What if this evidence were missing?* *What if it spoke for somebody
# else?*

# %% [markdown] slideshow={"slide_type": "notes"}
# **9 minutes.** The longest part, and the reward. Everybody guesses the most important part first; the three networks
# do not agree among themselves. Read the table line by line, and end with the ranks of a single bird.

# %% slideshow={"slide_type": "subslide"}
from random import Random

random, names = Random(0), list(birds.SPECIES)


def donors(part):
    """For each bird, a species drawn from those with another kind of this part."""
    kinds = [birds.SPECIES[names[label]][part] for label in labels]
    return [random.choice([name for name in names if birds.SPECIES[name][part] != kind]) for kind in kinds]


swapped = {part: birds.scenes(96, seed=606, swap={part: donors(part)})[0] for part in birds.PARTS}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
show.images(
    torch.stack([images[1], *(without[part][1] for part in birds.PARTS)]),
    ["as it is", *(f"without {part}" for part in birds.PARTS)],
    columns=6,
    title="The same bird without each part",
    alt="A plain conebill, and the same picture without its beak, without its wing, eye, tail and feet.",
)

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
show.images(
    torch.stack([images[1], *(swapped[part][1] for part in birds.PARTS)]),
    ["as it is", *(f"another {part}" for part in birds.PARTS)],
    columns=6,
    title="The same bird with a part of another species",
    alt="A plain conebill, and the same picture with the beak, wing, eye, tail or feet of another species.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Make your guess before you look:** which part matters most to a network that tells these species apart? The wing is by far
# the largest. All three networks name nearly every bird rightly. Do they agree?

# %% slideshow={"slide_type": "fragment"}
cnn = networks.load("birds_cnn")
trained = {"CNN": cnn, "CNN with attention": attentive, "ViT": vit}
effects = {}
for name, network in trained.items():
    whole = logits(network, images)
    effects[name] = {
        kind: torch.stack([(whole - logits(network, changed[part]))[own] for part in birds.PARTS], dim=1)
        for kind, changed in {"removed": without, "swapped": swapped}.items()
    }  # each (N, parts)
    falls = [
        f"{part} {fall:z.1f}" for part, fall in zip(birds.PARTS, effects[name]["removed"].mean(dim=0), strict=True)
    ]
    print(f"{name:18}   right: {percent(whole.argmax(dim=1) == labels):>5}   fall without: {', '.join(falls)}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# They don't agree. The CNN suffers most without the wing, the CNN with attention without the eye, the ViT without the beak. The ViT
# ignores wing and tail altogether. **There is no such thing as “what matters in this picture”. There is what matters to
# this network.**

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now the maps. To be fair to attention, Grad-CAM joins in on the same networks, for the bird's own species, and at the
# same layers where it can.


# %% slideshow={"slide_type": "fragment"}
def grad_cam(network, layer):
    """Grad-CAM of each bird's own species, with ReLU."""
    return activations.grad_cam(lambda batch: network(batch)[own], images, layer, relu_attributions=True)


# %% slideshow={"slide_type": "fragment"}
found = {
    "CNN": {"Grad-CAM": grad_cam(cnn, cnn.model.features)},
    "CNN with attention": {
        "attention, lower": learnt["lower"],
        "attention, middle": learnt["middle"],
        "Grad-CAM, lower": grad_cam(attentive, attentive.model.lower),
        "Grad-CAM, middle": grad_cam(attentive, attentive.model.middle),
    },
    "ViT": {
        "class token, layer 5": class_rows[4].mean(dim=1),
        "rollout": activations.token_map(rolled[:, 0]),
        "Grad-CAM, patches": grad_cam(vit, vit.model.patch_embed.backbone),
    },
}


# %% slideshow={"slide_type": "subslide"}
def share_on_parts(coarse):
    """Share (N, parts) of each map on each part."""
    fine = maps.upsample(coarse, 96)
    return torch.stack([regions.inside_fraction(fine, masks[:, k]) for k in range(5)], dim=1)


area = masks[:, :5].mean(dim=(2, 3))  # (N, parts)
shares = {name: {kind: share_on_parts(coarse) for kind, coarse in kinds.items()} for name, kinds in found.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
print("share of the map on each part, in %            " + "".join(f"{part:>7}" for part in birds.PARTS))
for name, kinds in shares.items():
    for kind, share in kinds.items():
        print(f"{name:18}   {kind:24}  " + "".join(f"{100 * value:7.1f}" for value in share.nanmean(dim=0)))
print(f"{'share of the area':47}" + "".join(f"{100 * value:7.1f}" for value in area.mean(dim=0)))

# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
figure, axes = plt.subplots(3, 2, figsize=(12, 7), layout="constrained", sharex=True)
place, markers = torch.arange(5), "osD^"
for (left, right), name in zip(axes, trained, strict=True):
    for i, (kind, share) in enumerate(shares[name].items()):
        density = share.nanmean(dim=0) / area.mean(dim=0)
        left.plot((place + 0.12 * i - 0.18).tolist(), density.tolist(), markers[i], markersize=7, label=kind)
    left.axhline(1, color="gray", linewidth=0.8)
    left.set(yscale="log", ylim=(0.1, 20_000), ylabel="share of map / area", title=f"{name}: the maps")
    left.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    left.minorticks_off()
    left.legend(ncols=2, loc="upper right")
    for shift, (kind, fall) in zip((-0.2, 0.2), effects[name].items(), strict=True):
        right.bar((place + shift).tolist(), fall.mean(dim=0).tolist(), 0.38, label=kind)
    right.set(ylabel="fall of the score", title=f"{name}: what really happens")
    right.set_ylim(top=1.3 * right.get_ylim()[1])
    right.legend(ncols=2, loc="upper right")
    right.set_xticks(range(5), birds.PARTS)
figure.suptitle("Left: how densely each map covers a part (1: like its area). Right: the effect of the part")
show.figure(
    figure,
    alt="For three networks: on the left, the density of each map on beak, wing, eye, tail and feet; on the right, the fall of "
    "the score when the part is removed or swapped. For the ViT, rollout is above 1 exactly on beak, eye and feet, where the "
    "falls are. For the CNN with attention, the two attention maps differ by factors of a hundred on the eye.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Do the rankings agree?
#
# Rank the five parts by the map, and by the measured effect. The rank correlation is 1 for the same order. There are two
# ways to rank by a map: by the **share** that a part gets, and by its **density**, the share divided by the area. And
# five parts are few, so first: how large is the correlation by chance?

# %% slideshow={"slide_type": "subslide"}
from itertools import permutations

orders = torch.tensor(list(permutations(range(5))))
by_chance = measure.rank_correlation(orders, torch.arange(5).expand_as(orders))
print(
    f"by chance: 0.7 or more in {percent(by_chance > 0.69)} of all orders, 0.9 or more in {percent(by_chance > 0.89)}\n"
)


def agreement(first, second):
    """Rank correlation of two rankings of the parts, of the means over all birds."""
    return measure.rank_correlation(first.nanmean(dim=0)[None], second.mean(dim=0)[None]).item()


# %% slideshow={"slide_type": "subslide"} tags=["hide-input"]
print("                                            share, compared with   density, compared with")
print("                                              removed   swapped       removed   swapped")
for name, kinds in shares.items():
    for kind, share in kinds.items():
        density = share / area.mean(dim=0)
        numbers = [agreement(values_, effects[name][way]) for values_ in (share, density) for way in effects[name]]
        print(
            f"{name:18}   {kind:22}  {numbers[0]:z7.1f}  {numbers[1]:z8.1f}  {numbers[2]:z12.1f}  {numbers[3]:z8.1f}"
        )
print(
    "\nremoved compared with swapped: "
    + ", ".join(f"{name} {agreement(effect['removed'], effect['swapped']):.1f}" for name, effect in effects.items())
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Read it line by line.
#
# - **Share and density are two rankings.** The wing gets a large share because it is large. For the ViT, the share is
#   useless, and the density is good. A colour in a picture is a density; a sentence like “40 % of the attention” is a share.
# - **Rollout's density is right here** about the split that matters: above 1 on beak, eye, feet; 1 on wing and tail. So an
#   attention map *can* be close to the truth. The last layer alone does worse under swapping.
# - **The two maps of the attention CNN contradict each other** about eye and wing, and neither has the whole order. Grad-CAM
#   at the lower layer of the *same* network does better. At the middle layer it does not.
# - **Even the truth has two orders.** A missing eye is missing evidence. Another eye speaks for another species: in the drawn
#   world, swapping eye or feet hurts more than removing the wing.

# %% [markdown] slideshow={"slide_type": "subslide"}
# The table ranks *means over 96 birds*. A map is made for one bird. How well does it rank the parts of that one?

# %% slideshow={"slide_type": "fragment"}
print("rank correlation of density and effect of removal, bird by bird: median, and share of birds below 0")
for name, kinds in shares.items():
    for kind, share in kinds.items():
        each = measure.rank_correlation(share / area, effects[name]["removed"])
        each = each[~each.isnan()]
        print(f"{name:18}   {kind:22}  {each.quantile(0.5).item():z6.2f}   {percent(each < 0):>5}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# For the middle bird, the best map reaches 0.7, and some maps put the parts upside down for every third bird. Grad-CAM at the
# patches of the ViT was good in the mean, and is hardly better than chance for a single bird. If somebody shows you *one*
# map of *one* picture, remember this table.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the map does not say
#
# You have measured each of these:
#
# - **Not what matters.** Most of the attention lay on a landscape that can be exchanged. A head looked at wings that can be
#   left out.
# - **Not for or against.** Weights are never negative. What they weigh can be.
# - **Not what was found there.** “Nothing” can be the message.
# - **Not the only way to the answer.** Another map gave the same eight logits.
#
# And one more: **not for which class.** Attention has no $S_c$ in it. For the runner-up among the species, rollout shows
# the *same* map. Grad-CAM doesn't:

# %% [markdown] slideshow={"slide_type": "notes"}
# **3 minutes.** Every line was measured. The last one is new: attention has no class in it. The map of the runner-up
# is the same.

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    first, second = cnn(images).topk(2, dim=1).indices.T
each = torch.arange(96)
two = [
    activations.grad_cam(lambda batch, target=target: cnn(batch)[each, target], images, cnn.model.features)
    for target in (first, second)
]
print(
    f"Grad-CAM of the winner and of the runner-up: rank correlation {measure.rank_correlation(*two).mean().item():.1f}"
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Look for yourself
#
# Choose a bird, a layer and a head. Below the map you read how much of it lies on the bird and on each part.

# %% [markdown] slideshow={"slide_type": "notes"}
# **2 minutes.** One bird, one head: read the shares below the picture aloud, and compare them with what the eye says.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output", "hide-input"]
from lecture_lib import widgets

widgets.attention(vit)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - An attention map shows the weights with which a layer mixes what it found at different places. It is a true record of
#   what the network did.
# - Rollout traces the mixture back through the layers: mean over heads, plus identity, divided by row sums, multiplied.
# - Whether the weight lies on what matters must be measured. On birds: by rollout's density yes, roughly; by the CNN's own
#   attention no.
# - Say what you ranked by (share or density), and what truth you compared with (removed or swapped).
#
# **Now you:** [exercise 06](../exercises/06_attention_maps/06_attention_maps.ipynb).

# %% [markdown] slideshow={"slide_type": "notes"}
# **1 minute.** Ask: where on your own slides have you written “the network looks at”?

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Read on
#
# - Feragen, *Lecture notes on explainable AI: Saliency maps*, 2023, section 2.3.
# - Jetley, Lord, Lee, Torr, *Learn to pay attention*, 2018, arXiv:1804.02391.
# - Dosovitskiy et al., *An image is worth 16x16 words*, 2020, arXiv:2010.11929.
# - Abnar, Zuidema, *Quantifying attention flow in transformers*, 2020, arXiv:2005.00928.
# - Jain, Wallace, *Attention is not explanation*, 2019, arXiv:1902.10186, and the reply: Wiegreffe, Pinter, *Attention is
#   not not explanation*, 2019, arXiv:1908.04626.
# - Darcet et al., *Vision transformers need registers*, 2023, arXiv:2309.16588: large transformers, too, put attention on empty
#   background, and use it as a notepad.
#
# **With a network for photographs.** The functions of this chapter work on the vision transformers of torchvision and
# timm. The weights (about 330 MB) are fetched once, if your machine has a connection:
#
#     network = networks.load("vit_b_16")  # or timm's "deit_tiny_patch16_224"
#     cat = pictures.photo("cat", **network.preprocessing)
#     rows = activations.attention(network, cat)  # (12, 1, 12, 197, 197)
#     rolled = activations.rollout(rows)
#     map = maps.upsample(activations.token_map(rolled[:, 0]), 224)
#     show.overlay(cat, map, "rollout", label="weight", alt="The cat and the rollout of the class token.")
#
# Photographs have no parts that can be left out. `regions.replace_region` blurs a region instead, and
# `regions.removal_effect` measures what that does. Does rollout still find what matters?
