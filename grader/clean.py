"""Rebuild a submission from our own notebook: the student's answers, and everything else as we gave it out.

Deleted, doubled or edited tests, wrong metadata and stray outputs then make no difference. Cells that a student
added stay at their place.
"""

from typing import Any

import nbformat
from nbformat import NotebookNode

from grader.collect import cells_of, mark_of

LONGEST = 200_000  # characters of a cell
MOST_ADDED = 200  # cells


def clean(content: dict[str, Any], source: NotebookNode, release: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The notebook to be graded.

    Parameters
    ----------
    content : dict
        What the student handed in; anything that JSON can hold.
    source : NotebookNode
        The instructor's notebook, with tests and answers.
    release : NotebookNode
        The notebook that students got.

    Returns
    -------
    NotebookNode
        The instructor's notebook with the student's answers, without outputs.
    list of str
        What was put right.
    """
    answers, added, notes = _sort(content, source, release)
    cells = []
    for place, cell in enumerate(source.cells):
        mark = cell.metadata.get("nbgrader", {})
        ours = nbformat.from_dict(cell)
        if mark.get("solution"):
            blank = _blank(release, mark["grade_id"]) if cell.cell_type == "markdown" else ""
            ours.source = answers.get(mark["grade_id"], blank)
        if ours.cell_type == "code":
            ours.outputs, ours.execution_count = [], None
        cells += [ours, *_new_cells(added.get(place, []), place)]
    return nbformat.from_dict({**source, "cells": _new_cells(added.get(-1, []), -1) + cells}), notes


def _sort(
    content: dict[str, Any], source: NotebookNode, release: NotebookNode
) -> tuple[dict[str, str], dict[int, list[dict[str, Any]]], list[str]]:
    """Answers by grade_id; added cells by the place of our cell before them; what was found wrong."""
    marks = [cell.metadata.get("nbgrader", {}) for cell in source.cells]
    places = {mark["grade_id"]: place for place, mark in enumerate(marks) if mark.get("grade_id")}
    ids = {cell.get("id"): place for place, cell in enumerate(source.cells)}
    texts = {
        cell.source.strip(): place for place, cell in enumerate(release.cells) if len(release.cells) == len(marks)
    }
    answers: dict[str, str] = {}
    added: dict[int, list[dict[str, Any]]] = {}
    notes, seen, here = [], set(), -1
    for cell in cells_of(content):
        text = _text(cell)
        name = mark_of(cell).get("grade_id")
        place = places.get(name, ids.get(_hashable(cell.get("id")), texts.get(text.strip())))
        if place is None:
            added.setdefault(here, []).append({"cell_type": str(cell.get("cell_type")), "source": text})
            continue
        here = place
        grade_id = marks[place].get("grade_id")
        if marks[place].get("solution"):
            if grade_id in answers:
                notes.append(f"{grade_id} is there twice")
            if grade_id not in answers or text.strip() != _blank(release, grade_id).strip():
                answers[grade_id] = text
        elif grade_id is None and text.strip() not in texts:
            added.setdefault(here, []).append({"cell_type": str(cell.get("cell_type")), "source": text})
        seen.add(place)
    missing = [name for name, place in places.items() if place not in seen]
    notes += [f"{name} is missing" for name in missing]
    if sum(map(len, added.values())) > MOST_ADDED:
        return answers, {}, [*notes, f"more than {MOST_ADDED} added cells: left out"]
    return answers, added, notes


def _new_cells(added: list[dict[str, Any]], place: int) -> list[NotebookNode]:
    """Added cells, with ids of ours and without anything else."""
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    kept = [
        (number, cell) for number, cell in enumerate(added) if cell["cell_type"] in make and cell["source"].strip()
    ]
    return [make[cell["cell_type"]](cell["source"], id=f"added-{place + 1}-{number}") for number, cell in kept]


def _text(cell: dict[str, Any]) -> str:
    """The source of a cell: a string or a list of strings, in the format; anything, in a submission."""
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    # What cannot be encoded could not be stored either.
    return source[:LONGEST].encode("utf-8", "replace").decode() if isinstance(source, str) else ""


def _blank(release: NotebookNode, grade_id: str) -> str:
    """What students found in the place of an answer."""
    sources = [c.source for c in release.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id]
    return str(sources[0]) if sources else ""


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str) else None
