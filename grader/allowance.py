"""How long a piece of a submission may take. A busy machine costs nobody points: time counts that is computed."""

import contextlib
import time
from collections.abc import Callable

import psutil

WAITING = 4  # by the clock, it may take so many times as long


class Allowance:
    """Time for one cell or one test.

    Parameters
    ----------
    computed : function
        Seconds that the processes have computed so far.
    seconds : float
        How many more they may.
    """

    def __init__(self, computed: Callable[[], float], seconds: float) -> None:
        self.computed, self.most = computed, computed() + seconds
        self.deadline = time.monotonic() + WAITING * seconds

    def is_over(self) -> bool:
        """Whether the time is used up, also by doing nothing."""
        return time.monotonic() > self.deadline or self.computed() > self.most


def family(process: int) -> list[psutil.Process]:
    """A process and all that descend from it; none, if it is gone."""
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(process)
        return [first, *first.children(recursive=True)]
    return []


def computed_by(processes: list[psutil.Process]) -> float:
    """Seconds of all processes together, with those of children that have ended."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
