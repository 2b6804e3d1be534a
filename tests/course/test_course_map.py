"""The course map in the README: a row for every chapter, its minutes, and what its notebooks take."""

import re
from pathlib import Path

import pytest

from tools import build, course_map, slides

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LECTURES = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))

SMALL = """\
| chapter | you learn | runs in |
|---|---|---|
| [01 a](notebooks/01_a.ipynb) · [exercise](exercises/01_a/01_a.ipynb) | this | 10 s, 1.0 GB · 5 s, 0.9 GB |
| [02 b](notebooks/02_b.ipynb) | that | 3 s, 0.8 GB |

Measured on a machine of long ago.
The end.
"""


@pytest.mark.parametrize("stem", LECTURES)
def test_the_map_says_what_a_chapter_takes(stem):
    cells = course_map.row(README, stem)
    has_exercise = (ROOT / "exercises" / stem).exists()
    assert f"(exercises/{stem}/{stem}.ipynb)" in cells[0] or not has_exercise
    assert re.fullmatch(" · ".join([r"\d+ s, \d\.\d GB"] * (1 + has_exercise)), cells[-1])


@pytest.mark.parametrize("stem", LECTURES)
def test_the_map_has_the_minutes_of_the_speaker_notes(stem):
    text = build.read(ROOT / "course" / "lectures" / f"{stem}.py")
    assert course_map.row(README, stem)[-2] == str(sum(slides.minutes(text.cells)))


def test_a_measurement_changes_its_place_and_nothing_else():
    lecture = course_map.published(SMALL, "01_a", 0, "12 s, 1.1 GB")
    assert "| this | 12 s, 1.1 GB · 5 s, 0.9 GB |" in lecture
    solution = course_map.published(SMALL, "01_a", 1, "6 s, 0.7 GB")
    assert "| this | 10 s, 1.0 GB · 6 s, 0.7 GB |" in solution
    for changed in (lecture, solution):
        same = [line for line in changed.splitlines() if line in SMALL.splitlines()]
        assert len(same) == len(SMALL.splitlines()) - 2  # the row, and the machine
        assert course_map.machine() in changed


def test_a_chapter_without_a_row_is_named():
    with pytest.raises(ValueError, match="03_c"):
        course_map.published(SMALL, "03_c", 0, "1 s, 1.0 GB")


def test_memory_is_that_of_a_child():
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", "block = bytearray(300_000_000)"], check=True)
    assert course_map.largest_memory() > 0.3
