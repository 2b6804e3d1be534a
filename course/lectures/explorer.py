# %% [markdown] slideshow={"slide_type": "slide"}
# # Explain a picture, and explain the explanation
#
# Choose a picture, a network, a class, and methods. Each method answers its own question, so each gets a card: the map,
# the question, what the map does not say, and what was measured for this very picture. Where a check fails, the card
# carries a warning.
#
# A picture of your own (a file of at most 20 MB) stays in the memory of this computer. Nothing is written to disk.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output"]
from lecture_lib.widgets import CardExplorer

CardExplorer()
