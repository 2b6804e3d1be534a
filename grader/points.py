"""`python -m grader.points`: check all your exercises at once, with a table of points.

It runs the same checks as the cells below the tasks, on the notebooks in exercises/. Grading runs these checks again,
on other inputs from the same generators: what is right here is right there.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from grader.names import is_test, mark, needed

SECONDS = 300  # per cell


@dataclass(frozen=True)
class Row:
    """One task."""

    exercise: str
    task: str
    points: float | None  # None for an answer that a human marks
    of: float
    message: str


def check_exercise(path: Path) -> Iterator[Row]:
    """Run an exercise's answers and checks, without its pictures.

    Parameters
    ----------
    path : Path
        The notebook.

    Yields
    ------
    Row
        For every task.
    """
    notebook = nbformat.read(path, as_version=4)
    tests = [cell for cell in notebook.cells if is_test(cell)]
    answers = [cell for cell in notebook.cells if cell.cell_type == "code" and mark(cell).get("solution")]
    wanted = [*tests, *answers, *needed(notebook.cells, [*tests, *answers])]
    problem = _run(notebook, [cell for cell in notebook.cells if cell in wanted], path.parent)
    for cell in notebook.cells:
        if is_test(cell):
            message = problem if cell.get("execution_count") is None and problem else _message(cell)
            points = 0.0 if message else float(mark(cell)["points"])
            yield Row(path.stem, _task(cell), points, float(mark(cell)["points"]), message)
        elif mark(cell).get("grade"):
            yield Row(path.stem, _task(cell), None, float(mark(cell)["points"]), "marked by hand")


def _run(notebook: NotebookNode, cells: list[NotebookNode], folder: Path) -> str:
    """Run cells and store their outputs; return why that stopped, if it did."""
    for cell in cells:
        cell.outputs, cell.execution_count = [], None
    shortened = nbformat.from_dict({**notebook, "cells": []})
    shortened.cells = cells
    client = NotebookClient(
        shortened,
        timeout=SECONDS,
        kernel_name="python3",
        allow_errors=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # or it warns of how it is connected, between the tables
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute(env={**os.environ, "TQDM_DISABLE": "1", "MPLBACKEND": "agg"})
    except CellTimeoutError:
        return f"a cell before it ran for more than {SECONDS} s"
    except DeadKernelError:
        return "a cell before it ended Python"
    return ""


def _message(cell: NotebookNode) -> str:
    """What the check says, if it does not pass: as in the notebook, in one line."""
    errors: list[Any] = [output for output in cell.outputs if output.output_type == "error"]
    if not errors:
        return "" if cell.execution_count is not None else "not run"
    said = errors[0].evalue.splitlines() or ["no message"]
    return said[0] if errors[0].ename == "NotYet" else f"{errors[0].ename}: {said[0]}"


def _task(cell: NotebookNode) -> str:
    return str(mark(cell)["grade_id"]).removesuffix("-test").replace("-", "_")


def table(rows: list[Row]) -> str:
    """The rows and a sum per exercise, as text."""
    lines = []
    for exercise in sorted({row.exercise for row in rows}):
        ours = [row for row in rows if row.exercise == exercise]
        by_machine = [row for row in ours if row.points is not None]
        lines.append(exercise)
        for row in ours:
            points = "–" if row.points is None else f"{row.points:g}"
            lines.append(f"  {row.task:<24}{points:>4} of {row.of:<4g}{row.message}".rstrip())
        reached = sum(row.points or 0 for row in by_machine)
        lines.append(f"  {'sum':<24}{reached:>3g} of {sum(row.of for row in by_machine):g}\n")
    return "\n".join(lines)


def main() -> int:
    """Check the exercises that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m grader.points", description="Check all your exercises at once.")
    parser.add_argument("exercises", nargs="*", help="beginnings of their names, for example 02 (default: all)")
    parser.add_argument("--folder", type=Path, default=Path("exercises"), help="where they lie (default: exercises/)")
    given = parser.parse_args()
    found = sorted(path for path in given.folder.glob("*/*.ipynb") if path.stem == path.parent.name)
    chosen = [path for path in found if not given.exercises or path.stem.startswith(tuple(given.exercises))]
    if not chosen:
        print(f"There is no such exercise in {given.folder}.", file=sys.stderr)
        return 1
    for path in chosen:
        print(f"Checking {path.stem} …", file=sys.stderr, flush=True)
        print(table(list(check_exercise(path))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
