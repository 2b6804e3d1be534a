"""Check that all give the same, then time them in turns."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from benchmarks.cases import Case, Peer
from benchmarks.timing import Ratio, Times, fastest, in_turns, ratio


class NotEqualError(AssertionError):
    """Two libraries disagree about what should be the same."""


@dataclass(frozen=True)
class Row:
    """One peer of one case. The comparisons: (a) the same network, (b) the peer on the stock network."""

    method: str
    network: str
    batch: int
    n: int
    library: str
    ours: Times
    floor: Times
    same: Times
    stock: Times | None
    batch_sizes: dict[str, int]  # that were the fastest: floor, same, stock
    differences: dict[str, float]  # between the results: same, stock

    @property
    def to_floor(self) -> Ratio:
        """Our time divided by that of the bare passes."""
        return ratio(self.ours, self.floor)

    @property
    def a(self) -> Ratio:
        """The method alone."""
        return ratio(self.same, self.ours)

    @property
    def b(self) -> Ratio | None:
        """As a user would do it."""
        return None if self.stock is None else ratio(self.stock, self.ours)

    @property
    def b_at_most(self) -> float | None:
        """The ratio of a method that takes no time besides the bare passes."""
        return None if self.stock is None else ratio(self.stock, self.floor).median


def check(case: Case, peer: Peer, network: nn.Module, batch_size: int) -> float:
    """How far the results are apart, if that is within the tolerance.

    Parameters
    ----------
    case, peer, network, batch_size
        What to compare with ours.

    Returns
    -------
    float
        By the measure of the case.

    Raises
    ------
    NotEqualError
        If they are further apart.
    """
    ours = (peer.expected or case.ours)()
    if peer.same_noise is None or case.noise is None:
        theirs = peer.run(network, batch_size)
    else:
        with peer.same_noise(case.noise):
            theirs = peer.run(network, batch_size)
    if theirs.shape != ours.shape:
        raise NotEqualError(f"{case.name}: ours has the shape {tuple(ours.shape)}, {peer.library}'s {theirs.shape}.")
    same = network is case.subject.network
    agree = case.agree if same else case.agree_on_stock or case.agree
    difference, tolerance = agree(ours, theirs.detach()), case.tolerance if same else case.tolerance_on_stock
    if not difference <= tolerance:
        raise NotEqualError(f"{case.name}: {peer.library} differs by {difference:.1e}, more than {tolerance:.1e}.")
    return difference


def measure(case: Case, rounds: int = 7) -> list[Row]:
    """One row for every peer; all are timed in the same rounds.

    Parameters
    ----------
    case : Case
        The method, the network, the peers.
    rounds : int
        How often everything runs.

    Returns
    -------
    list of Row
        In the order of the peers.

    Raises
    ------
    NotEqualError
        If the results differ: then no time means anything.
    """
    kinds: dict[str, nn.Module | None] = {"same": case.subject.network, "stock": case.subject.stock}
    floor = fastest({size: partial(case.floor, size) for size in case.floor_batch_sizes})
    calls: dict[str, Callable[[], object]] = {"ours": case.ours, "floor": partial(case.floor, floor)}
    sizes: dict[str, dict[str, int]] = {}
    differences: dict[str, dict[str, float]] = {}
    for peer in case.peers:
        sizes[peer.library], differences[peer.library] = {"floor": floor}, {}
        for kind, network in kinds.items():
            if network is None or (kind == "stock" and not peer.on_stock):
                continue
            best = fastest({size: partial(peer.run, network, size) for size in peer.batch_sizes}, rounds=1)
            calls[f"{peer.library} {kind}"] = partial(peer.run, network, best)
            sizes[peer.library][kind] = best
            differences[peer.library][kind] = check(case, peer, network, best)
    times = in_turns(calls, rounds)
    what = (case.method, case.subject.name, len(case.subject.images), case.n)
    return [
        Row(
            *(*what, peer.library, times["ours"], times["floor"]),
            *(times[f"{peer.library} same"], times.get(f"{peer.library} stock")),
            *(sizes[peer.library], differences[peer.library]),
        )
        for peer in case.peers
    ]
