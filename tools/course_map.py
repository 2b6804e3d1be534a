"""The course map in README.md: the minutes of every lecture, and the time and memory that its notebooks need.

The minutes come from the speaker notes. Seconds and memory are measured when ``make notebooks`` builds a notebook,
and written into the map there and then; the line below the map names the machine.
"""

from __future__ import annotations

import os
import platform
import re
import resource
import sys
from pathlib import Path

MACHINE = re.compile(r"^Measured on .+$", re.MULTILINE)
ROW = r"^\| \[[^\]]+\]\(notebooks/{stem}\.ipynb\).*\|$"


def publish(readme: Path, text: Path, seconds: float) -> None:
    """Write into the map how long the notebook of a text in course/ has just run, and how much memory it took."""
    before = readme.read_text(encoding="utf-8")
    place = {"lectures": 0, "exercises": 1}[text.parent.name]
    after = published(before, text.stem, place, f"{seconds:.0f} s, {largest_memory():.1f} GB")
    draft = readme.with_suffix(".part")
    draft.write_text(after, encoding="utf-8")
    draft.replace(readme)


def published(readme: str, stem: str, place: int, measured: str) -> str:
    """Return the README with a new measurement: place 0 for the lecture, 1 for the solution of its exercise."""
    *others, last = row(readme, stem)
    both = last.split(" · ")
    both[place : place + 1] = [measured]
    changed = f"| {' | '.join([*others, ' · '.join(both)])} |"
    readme = re.sub(ROW.format(stem=stem), lambda _: changed, readme, count=1, flags=re.MULTILINE)
    return MACHINE.sub(lambda _: machine(), readme, count=1)


def row(readme: str, stem: str) -> list[str]:
    """Return the cells of a chapter's row."""
    found = re.search(ROW.format(stem=stem), readme, re.MULTILINE)
    if not found:
        raise ValueError(f"Expected a row for notebooks/{stem}.ipynb in the course map of README.md, found none.")
    return [cell.strip() for cell in found[0].strip("|").split("|")]


def machine() -> str:
    """Return a sentence that names this machine's processor, and how much of it there is."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*: (.+)$", info.read_text(), re.MULTILINE) if info.exists() else []
    name = names[0] if names else platform.processor() or platform.machine()
    return f"Measured on {os.cpu_count()} cores ({name}) without a GPU, the start of Jupyter's kernel included."


def largest_memory() -> float:
    """Return the peak memory in GB of the largest process that this one has started, of those that have ended."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # in KiB, but in bytes on macOS
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9
