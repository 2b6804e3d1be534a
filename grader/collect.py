"""Find the notebooks in a folder of submissions, as students hand them in, without trusting a single file.

A student is a folder, a zip file, or the name of a notebook that lies in the folder itself. Nothing is unpacked to
disk, no link is followed, and nothing larger than a limit is read.
"""

import contextlib
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

LARGEST = 20 * 2**20  # bytes of a notebook
MOST_FILES = 2000  # of one student
DEEPEST = 8  # folders in folders
TIME, SECRET = "timestamp.txt", "submission_secret.txt"  # nbgrader's exchange lays them beside a notebook
TIME_FORMAT = "%Y-%m-%d %H:%M:%S.%f %Z"


@dataclass(frozen=True)
class Found:
    """A file that somebody handed in."""

    student: str
    name: str  # path inside the student's folder or zip file
    time: float
    content: dict[str, Any] | None  # the notebook
    problem: str = ""
    exchange: dict[str, str] = field(default_factory=dict)  # the contents of TIME and SECRET


@dataclass(frozen=True)
class Submission:
    """A student's notebook for one exercise."""

    student: str
    exercise: str
    content: dict[str, Any]
    notes: tuple[str, ...] = ()
    exchange: dict[str, str] = field(default_factory=dict)  # the contents of TIME and SECRET


def collect(folder: Path, grade_ids: dict[str, set[str]]) -> tuple[list[Submission], list[Found]]:
    """Sort what was handed in.

    Parameters
    ----------
    folder : Path
        The submissions.
    grade_ids : dict
        For every exercise, the names of its marked cells: by them a renamed notebook is recognised.

    Returns
    -------
    list of Submission
        One per student and exercise, by exercise and student.
    list of Found
        What cannot be graded, and why.
    """
    by_key: dict[tuple[str, str], list[Found]] = {}
    failed: list[Found] = []
    for found in _all_files(folder, grade_ids):
        exercise = found.content and exercise_of(found, grade_ids)
        if exercise and found.student:
            by_key.setdefault((exercise, found.student), []).append(found)
        elif found.content is None:
            failed.append(found)
        else:
            reason = (
                "this is no notebook of an exercise" if not exercise else "the name says not whose notebook it is"
            )
            failed.append(Found(found.student or "?", found.name, found.time, None, reason))
    chosen = [_choose(exercise, student, files) for (exercise, student), files in sorted(by_key.items())]
    return chosen, failed


def exercise_of(found: Found, grade_ids: dict[str, set[str]]) -> str | None:
    """The exercise with which the notebook shares most marked cells; if it has none, the one in its name."""
    own = {mark.get("grade_id") for cell in cells_of(found.content or {}) for mark in [mark_of(cell)]}
    own |= {cell.get("id") for cell in cells_of(found.content or {})}
    shared = {name: sum(grade_id in own for grade_id in wanted) for name, wanted in grade_ids.items()}
    best = max(shared, key=lambda name: (shared[name], name in found.name), default=None)
    if best and shared[best]:
        return best
    named = [name for name in grade_ids if name in found.name]
    return named[0] if named else None


def cells_of(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of a notebook that may be anything."""
    cells = content.get("cells")
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def mark_of(cell: dict[str, Any]) -> dict[str, Any]:
    """What nbgrader noted on a cell; nothing where that is no dictionary."""
    metadata = cell.get("metadata")
    mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return (
        {key: value for key, value in mark.items() if isinstance(value, str | bool)} if isinstance(mark, dict) else {}
    )


def _choose(exercise: str, student: str, files: list[Found]) -> Submission:
    """The one with the right name, else the newest."""
    best = max(files, key=lambda found: (Path(found.name).name == f"{exercise}.ipynb", found.time, found.name))
    notes = []
    if Path(best.name).name != f"{exercise}.ipynb":
        notes.append(f"the notebook is called {Path(best.name).name}")
    if len(files) > 1:
        notes.append(f"{len(files)} notebooks for this exercise; graded: {best.name}")
    return Submission(student, exercise, best.content or {}, tuple(notes), best.exchange)


def _all_files(folder: Path, grade_ids: Iterable[str]) -> Iterator[Found]:
    for path in sorted(folder.iterdir()):
        try:
            mode = path.lstat().st_mode
            if path.name.startswith((".", "__MACOSX")):
                continue
            if stat.S_ISDIR(mode):
                yield from _in_folder(path)
            elif path.suffix.lower() == ".zip" and stat.S_ISREG(mode):
                yield from _in_zip(path)
            elif path.suffix == ".ipynb":
                yield _read(student_of(path.stem, grade_ids), path.name, path)
            else:
                yield Found(path.stem, path.name, 0, None, "neither a folder, nor a zip file, nor a notebook")
        except Exception as error:  # whatever it is, the others get their marks
            yield Found(path.stem, path.name, 0, None, f"cannot be read ({type(error).__name__})")


def student_of(stem: str, grade_ids: Iterable[str]) -> str:
    """Name of a student in the name of a notebook: what is left without the exercise."""
    for exercise in sorted(grade_ids, key=len, reverse=True):
        stem = stem.replace(exercise, "")
    return re.sub(r"(_assignsubmission_file)?[\s_-]*(\(\d+\))?$", "", stem).strip(" _-")


def _in_folder(folder: Path) -> Iterator[Found]:
    seen, before = 0, 0
    for here, folders, names in os.walk(folder):
        inside = Path(here).relative_to(folder)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and len(inside.parts) < DEEPEST)
        for name in sorted(names):
            seen += 1
            if name.endswith(".ipynb"):
                before += 1
                found = _read(folder.name, str(inside / name), Path(here, name))
                yield replace(found, exchange=_exchange(Path(here)))
        if seen > MOST_FILES:
            yield Found(folder.name, folder.name, 0, None, f"more than {MOST_FILES} files")
            return
    if before == 0:
        yield Found(folder.name, folder.name, 0, None, "there is no notebook in this folder")


def _read(student: str, name: str, path: Path) -> Found:
    """Read a notebook; a link (or a pipe, a device …) is not followed."""
    try:
        handle = _open(path)
    except OSError:
        reason = "it is a link: links are not followed" if path.is_symlink() else "it cannot be opened"
        return Found(student, name, 0, None, reason)
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return Found(student, name, 0, None, "it is no file")
        return _parse(student, name, status.st_mtime, status.st_size, file.read(LARGEST + 1))


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


def _exchange(folder: Path) -> dict[str, str]:
    """When nbgrader says that a notebook was submitted, and the secret under which it finds its feedback."""
    found = {}
    for name in (TIME, SECRET):
        with contextlib.suppress(OSError, ValueError), open(_open(folder / name), "rb") as file:
            text = file.read(301).decode("ascii").strip()
            if name == TIME:
                datetime.strptime(text, TIME_FORMAT)
            elif not re.fullmatch(r"\w{1,300}", text):
                continue
            found[name] = text
    return found


def _in_zip(path: Path) -> Iterator[Found]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_FILES:
                yield Found(path.stem, path.name, 0, None, f"more than {MOST_FILES} files")
                return
            notebooks = [e for e in entries if e.filename.endswith(".ipynb") and not _is_hidden(e.filename)]
            for entry in notebooks:
                yield _read_entry(path.stem, archive, entry)
            if not notebooks:
                yield Found(path.stem, path.name, 0, None, "there is no notebook in this zip file")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        yield Found(path.stem, path.name, 0, None, "it is no zip file, or a damaged one")


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) and part not in ("..", ".") for part in Path(name).parts)


def _read_entry(student: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Found:
    if stat.S_ISLNK(entry.external_attr >> 16):
        return Found(student, entry.filename, 0, None, "it is a link: links are not followed")
    if entry.file_size > LARGEST:
        return _parse(student, entry.filename, 0, entry.file_size, b"")
    try:
        with archive.open(entry) as file:  # the size in the directory may be a lie: read no more than the limit
            content = file.read(LARGEST + 1)
    except Exception as error:
        return Found(student, entry.filename, 0, None, f"cannot be unpacked ({type(error).__name__})")
    moment = float("".join(f"{part:02d}" for part in entry.date_time))
    return _parse(student, entry.filename, moment, len(content), content)


def _parse(student: str, name: str, moment: float, size: int, content: bytes) -> Found:
    if max(size, len(content)) > LARGEST:
        megabytes = max(size, len(content)) / 2**20
        return Found(student, name, moment, None, f"it has {megabytes:.0f} MB; the limit is {LARGEST // 2**20} MB")
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return Found(student, name, moment, None, "it is no notebook: its JSON is damaged")
    if not isinstance(notebook, dict) or not cells_of(notebook):
        return Found(student, name, moment, None, "it is no notebook: it has no cells")
    kept = [{key: cell.get(key) for key in ("id", "cell_type", "source", "metadata")} for cell in cells_of(notebook)]
    return Found(student, name, moment, {"cells": kept})  # outputs can be large
