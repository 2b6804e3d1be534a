"""Times that can be compared: taken in turns, in one process."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LEAST = 0.03  # seconds that one measurement takes at least; what is shorter runs several times


@dataclass(frozen=True)
class Times:
    """Seconds that one call takes, one entry a round; wall clock, and CPU seconds over all cores."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]

    @property
    def median(self) -> float:
        """Wall clock; half of the rounds were faster."""
        return statistics.median(self.wall)


@dataclass(frozen=True)
class Ratio:
    """How many times as long the other takes: the median over the rounds, and the quartiles around it."""

    median: float
    low: float
    high: float


def in_turns(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Times]:
    """Times of all calls. In every round each of them runs once, so that other load on the machine hits all alike.

    Parameters
    ----------
    calls : mapping
        From a name to what is measured. Each is called once before, so that nothing is measured cold.
    rounds : int
        Number of rounds.

    Returns
    -------
    dict
        From the name to its times.
    """
    repeats = {name: max(1, math.ceil(LEAST / _seconds(call, 1)[0])) for name, call in calls.items()}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    names = list(calls)
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:  # each of them is the first at times
            found[name].append(_seconds(calls[name], repeats[name]))
    return {name: Times(*zip(*seconds, strict=True)) for name, seconds in found.items()}


def _seconds(call: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Wall-clock and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats


def ratio(theirs: Times, ours: Times) -> Ratio:
    """Their time divided by ours, round by round.

    Parameters
    ----------
    theirs, ours : Times
        Of the same rounds.

    Returns
    -------
    Ratio
        Above 1 where ours takes less.
    """
    ratios = [their / our for their, our in zip(theirs.wall, ours.wall, strict=True)]
    if len(ratios) == 1:
        return Ratio(ratios[0], ratios[0], ratios[0])
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(median, low, high)


def fastest(calls: Mapping[int, Callable[[], Any]], rounds: int = 2) -> int:
    """The batch size whose call takes the least time.

    Parameters
    ----------
    calls : mapping
        From a batch size to what runs with it.
    rounds : int
        Each call's best of so many rounds counts.

    Returns
    -------
    int
        The batch size.
    """
    if len(calls) == 1:
        return next(iter(calls))
    least = dict.fromkeys(calls, math.inf)
    for _ in range(rounds):
        for size, call in calls.items():
            least[size] = min(least[size], _seconds(call, 1)[0])
    return min(least, key=lambda size: least[size])
