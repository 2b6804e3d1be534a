"""Drawn birds on drawn landscapes, where we know which pixels make the class; and small networks trained on them.

`scene` describes and draws, with `parts`, `landscapes` and `drawing`; `classifiers` holds the networks, whose weights
lie in ``weights/``; ``python -m lecture_lib.birds.train`` trains them again.
"""

from lecture_lib.birds.scene import LANDSCAPES as LANDSCAPES
from lecture_lib.birds.scene import MASKS as MASKS
from lecture_lib.birds.scene import PARTS as PARTS
from lecture_lib.birds.scene import SIZE as SIZE
from lecture_lib.birds.scene import SPECIES as SPECIES
from lecture_lib.birds.scene import Scene as Scene
from lecture_lib.birds.scene import describe as describe
from lecture_lib.birds.scene import draw as draw
from lecture_lib.birds.scene import labels as labels
from lecture_lib.birds.scene import scenes as scenes
from lecture_lib.birds.scene import with_part as with_part
from lecture_lib.birds.scene import without_part as without_part
