"""What moves: widgets that follow a slider or a dragged point.

`methods`, `attacks`, `birds` and `square` hold one widget for each method, `explorer` the page with all cards. They
stand on `stage` (work in a thread, where the newest move wins), `panels` (their pictures), `parts` and `upload`.
"""

from lecture_lib.widgets.attacks import attack as attack
from lecture_lib.widgets.attacks import bim_path as bim_path
from lecture_lib.widgets.attacks import draw_attacks as draw_attacks
from lecture_lib.widgets.birds import attention as attention
from lecture_lib.widgets.explorer import CardExplorer as CardExplorer
from lecture_lib.widgets.methods import grad_cam as grad_cam
from lecture_lib.widgets.methods import integrated_gradients as integrated_gradients
from lecture_lib.widgets.methods import smoothgrad as smoothgrad
from lecture_lib.widgets.square import draw_plane as draw_plane
from lecture_lib.widgets.square import plane as plane
