"""The benchmark at a tiny size: its checks of equality, its arithmetic, its table. No time is asserted."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks import __main__, cases, measure, memory, report, timing
from benchmarks.timing import Ratio, Times
from lecture_lib import gradients

close = torch.testing.assert_close
pytestmark = pytest.mark.filterwarnings("ignore")  # the other libraries warn about themselves


@cache
def tiny() -> cases.Subject:
    return cases.efficientnet(1, 64)


@cache
def tiny_resnet() -> cases.Subject:
    return cases.resnet18(2, 64)


ON_BOTH_NETWORKS = {
    "gradient": cases.gradient,
    "SmoothGrad": lambda subject: cases.smoothgrad(subject, 3),
    "Integrated Gradients": lambda subject: cases.integrated_gradients(subject, 3),
    "Grad-CAM": cases.grad_cam,
    "FGSM": cases.fgsm,
    "BIM": cases.bim,
}


@pytest.mark.parametrize("make", [tiny, tiny_resnet])
@pytest.mark.parametrize("method", ["gradient", "Grad-CAM", "FGSM", "BIM"])
def test_all_libraries_agree(make: Callable[[], cases.Subject], method: str) -> None:
    case = ON_BOTH_NETWORKS[method](make())
    assert case.peers
    for peer in case.peers:
        for network in (case.subject.network, case.subject.stock):
            assert measure.check(case, peer, network, peer.batch_sizes[-1]) >= 0


@pytest.mark.parametrize("method", ["SmoothGrad", "Integrated Gradients"])
def test_all_libraries_agree_with_every_batch_size(method: str) -> None:
    case = (cases.smoothgrad if method == "SmoothGrad" else cases.integrated_gradients)(tiny(), 5)
    assert next((peer.library, len(peer.batch_sizes)) for peer in case.peers) == ("captum", 2)
    for peer in case.peers:
        for batch_size in peer.batch_sizes:
            assert measure.check(case, peer, case.subject.network, batch_size) >= 0
        if peer.on_stock:
            assert measure.check(case, peer, case.subject.stock, 4) >= 0


def test_rollout_agrees_and_leaves_the_network_as_it_was() -> None:
    case = cases.rollout(cases.birds("birds_vit", 2))
    network = case.subject.network
    before = {
        name: (module.__dict__.get("fused_attn"), len(module._forward_hooks))
        for name, module in network.named_modules()
    }
    assert measure.check(case, case.peers[0], network, 0) <= 1e-6
    after = {
        name: (module.__dict__.get("fused_attn"), len(module._forward_hooks))
        for name, module in network.named_modules()
    }
    assert before == after


@pytest.mark.parametrize("method", ON_BOTH_NETWORKS)
def test_a_wrong_result_is_noticed(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours explains another class than theirs."""
    for name in ("score", "loss"):
        right = getattr(cases.networks.Network, name)
        monkeypatch.setattr(cases.networks.Network, name, lambda self, target, right=right: right(self, 7))
    case = ON_BOTH_NETWORKS[method](tiny())
    for peer in case.peers:
        with pytest.raises(measure.NotEqualError, match=peer.library):
            measure.check(case, peer, case.subject.network, peer.batch_sizes[-1])


def test_other_noise_is_noticed() -> None:
    case = cases.smoothgrad(tiny(), 3)
    case.noise.mul_(1.5)
    with pytest.raises(measure.NotEqualError, match="SmoothGrad, EfficientNet-Lite0, batch 1: captum differs by"):
        measure.check(case, case.peers[0], case.subject.network, 3)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_floor_sees_every_image_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    case = cases.smoothgrad(cases.birds("birds_cnn", 1), 3)
    seen: list[Tensor] = []
    forward = cases.networks.Network.forward
    monkeypatch.setattr(
        cases.networks.Network, "forward", lambda self, images: seen.append(images.detach()) or forward(self, images)
    )
    case.floor(size)
    assert [len(batch) for batch in seen] == {1: [1, 1, 1], 2: [2, 1], 3: [3]}[size]
    close(torch.cat(seen) - case.subject.images, case.noise)
    assert case.floor_batch_sizes == (3,)
    assert cases.smoothgrad(case.subject, 50).floor_batch_sizes == (4, 8, 21, 50)


# ---- arithmetic


def times(*wall: float) -> Times:
    return Times(wall, tuple(2 * seconds for seconds in wall))


def test_a_ratio_is_taken_round_by_round() -> None:
    """The machine is three times as slow in the last round, for both: the ratio doesn't notice."""
    assert timing.ratio(times(2.0, 4.0, 9.0), times(1.0, 1.0, 3.0)) == Ratio(3.0, 2.5, 3.5)
    assert timing.ratio(times(3.0), times(2.0)) == Ratio(1.5, 1.5, 1.5)
    assert times(1.0, 5.0, 2.0).median == 2.0


class Clock:
    """Time passes only where it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.calls = 0.0, list[str]()
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(timing.time, "process_time", lambda: 2 * self.now)

    def call(self, name: str, seconds: Iterator[float] | float) -> Callable[[], None]:
        def run() -> None:
            self.calls.append(name)
            self.now += seconds if isinstance(seconds, float) else next(seconds)

        return run


def test_calls_take_turns_and_short_ones_run_several_times(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    found = timing.in_turns({"long": clock.call("long", 1.0), "short": clock.call("short", 0.0125)}, rounds=2)
    assert clock.calls == ["long", "short", "long", *(["short"] * 3), *(["short"] * 3), "long"]
    assert found["long"].wall == pytest.approx((1.0, 1.0))
    assert found["short"].wall == pytest.approx((0.0125, 0.0125))
    assert found["short"].cpu == pytest.approx((0.025, 0.025))


def test_the_fastest_batch_size(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    seconds = {1: [3.0, 3.0], 4: [9.0, 1.0], 8: [2.0, 2.0]}  # cold at first: the better of two rounds counts
    calls = {size: clock.call(str(size), iter(values)) for size, values in seconds.items()}
    assert timing.fastest(calls) == 4
    assert timing.fastest({5: calls[1]}) == 5  # nothing to choose


def row(
    method: str = "FGSM", library: str = "torchattacks", stock: Times | None = None, **options: Times
) -> measure.Row:
    found = {"ours": times(1.0), "floor": times(0.9), "same": times(1.0), **options}
    return measure.Row(method, "net", 1, 1, library, found["ours"], found["floor"], found["same"], stock, {}, {})


def test_the_ratios_of_a_row() -> None:
    found = row(ours=times(2.0), floor=times(1.6), same=times(3.0), stock=times(8.0))
    assert found.to_floor.median == pytest.approx(1.25)
    assert found.a.median == pytest.approx(1.5)
    assert found.b.median == pytest.approx(4.0)
    assert found.b_at_most == pytest.approx(5.0)
    assert row().b is None
    assert row().b_at_most is None


def test_shortfalls() -> None:
    assert report.shortfalls([row(stock=times(1.2))], {"smoothgrad": 1.04}) == []
    (slow,) = report.shortfalls([row(same=times(0.8))], {})
    assert slow.startswith("(a) FGSM on net, batch 1, against torchattacks: 0.80")
    assert report.shortfalls([row(same=Times((0.8, 1.1, 0.9, 1.2), ()), ours=Times((1.0,) * 4, ()))], {}) == []
    (less,) = report.shortfalls([row(stock=times(1.15))], {})
    assert "wanted 1.2; this machine allows at most 1.28" in less
    (far,) = report.shortfalls([row("SmoothGrad", "captum", floor=times(0.8))], {})
    assert "1.25 (1.25–1.25) times the bare passes, wanted 1.15" in far
    assert report.shortfalls([row("gradient", "captum", floor=times(0.5))], {}) == []
    (grows,) = report.shortfalls([], {"smoothgrad": 1.2})
    assert grows == "Memory of smoothgrad grows 1.20 times, wanted 1.05."


# ---- the whole


def test_the_command_writes_table_numbers_and_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tiny()
    monkeypatch.setattr(
        cases, "all_cases", lambda: [cases.gradient(small), cases.rollout(cases.birds("birds_vit", 1))]
    )
    growth = {"methods": {"SmoothGrad": {"ours": 12.3, "captum": 45.6}}, "growth": {"smoothgrad": 1.01}}
    monkeypatch.setattr(memory, "in_a_child", lambda: growth)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--rounds", "2", "--out", str(tmp_path)])
    __main__.main()
    printed, text = capsys.readouterr().out, (tmp_path / "bench.md").read_text(encoding="utf-8")
    assert text.strip() in printed
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith(("| EfficientNet", "| birds_vit"))]
    assert [(cells[2], cells[6]) for cells in lines] == [
        ("gradient", "captum"),
        ("gradient", "PAIR saliency"),
        ("rollout", "timm's extractor"),
    ]
    assert "| SmoothGrad | ours 12, captum 46 |" in text
    stored = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    for entry, cells in zip(stored["rows"], lines, strict=True):
        assert len(entry["ours"]["wall"]) == 2
        assert cells[7] == f"{entry['a']['median']:.2f} ({entry['a']['low']:.2f}–{entry['a']['high']:.2f})"
        ratios = [their / our for their, our in zip(entry["same"]["wall"], entry["ours"]["wall"], strict=True)]
        assert entry["a"]["median"] == pytest.approx(sum(ratios) / 2)
        assert all(math.isfinite(value) for value in entry["to_floor"].values())
    assert (tmp_path / "bench.png").stat().st_size > 10_000


@pytest.mark.skipif(not memory.FORGET.exists(), reason="Only Linux tells the most memory of one call.")
def test_the_memory_of_a_call() -> None:
    for mib in (40, 80):
        grown, whole = memory.peak(lambda: torch.ones(mib, 2**18).sum())  # noqa: B023
        assert mib - 4 <= grown <= mib + 8
        assert whole > grown


@pytest.mark.skipif(not memory.FORGET.exists(), reason="Only Linux tells the most memory of one call.")
@pytest.mark.parametrize("method", [gradients.smoothgrad, gradients.integrated_gradients])
def test_memory_does_not_grow_with_the_samples(method: Callable[..., Tensor]) -> None:
    subject = cases.birds("birds_cnn", 1)
    name = "n_samples" if method is gradients.smoothgrad else "n_steps"
    few, many = (
        memory.peak(lambda: method(subject.score(), subject.images, **{name: n}))[1]  # noqa: B023
        for n in (50, 200)
    )
    assert many <= 1.05 * few
