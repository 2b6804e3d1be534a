"""The table, the picture, and what was wanted beside what was found."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch

from benchmarks.measure import Row
from benchmarks.timing import Ratio
from lecture_lib import show

ENOUGH_B = {  # (method, library): how many times as long the peer should take on the stock network
    ("SmoothGrad", "captum"): 1.5,
    ("Integrated Gradients", "captum"): 1.5,
    ("Grad-CAM", "pytorch-grad-cam"): 1.2,
    ("FGSM", "torchattacks"): 1.2,
    ("BIM", "torchattacks"): 1.2,
}
TO_FLOOR = 1.15  # SmoothGrad and Integrated Gradients take at most so many times the bare passes
GROWTH = 1.05  # of the memory, from few samples to many


def machine() -> str:
    """What the numbers were measured on."""
    cores = os.cpu_count()
    return f"{platform.machine()}, {cores} cores, {torch.get_num_threads()} threads, CPU, torch {torch.__version__}"


def as_text(ratio: Ratio | None) -> str:
    """Median and quartiles."""
    return "–" if ratio is None else f"{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"


def table(rows: Sequence[Row]) -> str:
    """A Markdown table with one line for every peer of every case.

    Parameters
    ----------
    rows : sequence of Row
        What was measured.

    Returns
    -------
    str
        Ratios are their time / ours; in brackets the quartiles over the rounds.
    """
    head = "network | batch | method | n | ours [ms] | ours / floor | peer | (a) same network | (b) stock network"
    lines = [f"| {head} |", "|" + " --- |" * 9]
    for row in rows:
        cells = [
            *(row.network, str(row.batch), row.method, str(row.n), f"{1000 * row.ours.median:.1f}"),
            *(as_text(row.to_floor), row.library, as_text(row.a), as_text(row.b)),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def shortfalls(rows: Sequence[Row], growth: dict[str, float]) -> list[str]:
    """Every goal that was missed, in a sentence. A ratio of 1 counts as reached where it is within the quartiles.

    Parameters
    ----------
    rows : sequence of Row
        What was measured.
    growth : dict
        Memory with many samples, divided by that with few.

    Returns
    -------
    list of str
        Empty if all goals are reached.
    """
    found = []
    for row in rows:
        where = f"{row.method} on {row.network}, batch {row.batch}, against {row.library}"
        for letter, ratio in {"a": row.a, "b": row.b}.items():
            if ratio is not None and ratio.high < 1:
                found.append(f"({letter}) {where}: {as_text(ratio)}, wanted 1.0.")
        wanted = ENOUGH_B.get((row.method, row.library), 0)
        if row.b is not None and row.b_at_most is not None and row.b.median < wanted:
            found.append(
                f"(b) {where}: {as_text(row.b)}, wanted {wanted}; this machine allows at most {row.b_at_most:.2f}, "
                f"with bare passes through the network and nothing else."
            )
        if row.method in ("SmoothGrad", "Integrated Gradients") and row.to_floor.low > TO_FLOOR:
            found.append(f"{where}: {as_text(row.to_floor)} times the bare passes, wanted {TO_FLOOR}.")
    found += [
        f"Memory of {name} grows {factor:.2f} times, wanted {GROWTH}."
        for name, factor in growth.items()
        if factor > GROWTH
    ]
    return list(dict.fromkeys(found))


def memory_table(memory: dict[str, Any]) -> str:
    """MiB beyond what the process held before, for one photograph on EfficientNet-Lite0."""
    lines = [
        f"| {method} | " + ", ".join(f"{name} {mib:.0f}" for name, mib in libraries.items()) + " |"
        for method, libraries in memory.get("methods", {}).items()
    ]
    return "\n".join(["| method | memory [MiB] |", "| --- | --- |", *lines])


def as_json(rows: Sequence[Row], memory: dict[str, Any]) -> dict[str, Any]:
    """Everything, with the times of all rounds."""
    entries = []
    for row in rows:
        ratios = {"to_floor": row.to_floor, "a": row.a, "b": row.b}
        entries.append(asdict(row) | {name: ratio and asdict(ratio) for name, ratio in ratios.items()})
    return {"machine": machine(), "rows": entries, "memory": memory}


def draw(rows: Sequence[Row], file: Path) -> None:
    """Save the ratios as a picture: one line for every peer of every case.

    Parameters
    ----------
    rows : sequence of Row
        What was measured.
    file : Path
        Where to, for example a PNG.
    """
    figure, ax = plt.subplots(figsize=(8, 0.8 + 0.22 * len(rows)), layout="constrained")
    kinds = {"(a) the same network": ("o", show.BLUE, "a"), "(b) the stock network": ("s", show.VERMILION, "b")}
    for label, (marker, colour, attribute) in kinds.items():
        ratios = {y: getattr(row, attribute) for y, row in enumerate(rows) if getattr(row, attribute) is not None}
        if not ratios:
            continue
        medians = [ratio.median for ratio in ratios.values()]
        spread = [[r.median - r.low for r in ratios.values()], [r.high - r.median for r in ratios.values()]]
        ax.errorbar(medians, list(ratios), xerr=spread, fmt=marker, color=colour, ms=4, lw=1, label=label)
    ax.axvline(1, color="gray", lw=1)
    ax.set_yticks(
        range(len(rows)), [f"{r.method}, {r.network}, batch {r.batch}: {r.library}" for r in rows], fontsize=7
    )
    ax.invert_yaxis()
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("their time / ours; quartiles of the rounds")
    ax.set_title("Right of the line, ours takes less time")
    ax.legend(fontsize=8)
    figure.savefig(file, dpi=120)
    plt.close(figure)
