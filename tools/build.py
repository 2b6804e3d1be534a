"""Build notebooks from the texts in course/: jupytext reads, nbclient runs, nbgrader makes the student version.

    python tools/build.py course/lectures/NN_topic.py    → notebooks/NN_topic.ipynb
    python tools/build.py course/exercises/NN_topic.py   → solutions/NN_topic/ and, from it, exercises/NN_topic/

A build that fails leaves the old notebook as it was. ``make notebooks`` calls this for what is out of date.
"""

from __future__ import annotations

import base64
import importlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as a script, it knows only its own folder
from lecture_lib.show import small_png
from tools import course_map, editions

# The same on every machine: no Python version, no name of somebody's environment.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}
# Warnings are shown (and then fail the build), progress bars and the network are off.
KERNEL_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "default", "TQDM_DISABLE": "1"}
SECONDS_PER_CELL = 600
SOLUTION = "solution"  # the tag of cells that are in solutions/ only
CONTRACT = re.compile(r"^\{contract (\w+)\.(\w+)\}$", re.MULTILINE)  # {contract MODULE.TASK}
THUMBNAIL = (480, 270)  # pixels; the same for every chapter


class BuildError(Exception):
    """A text that cannot become a notebook; the message says which cell and why."""


def read(text: Path) -> NotebookNode:
    """Read a py:percent text as a notebook without outputs, with the same cell ids every time."""
    notebook = jupytext.read(text, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    ids = list(cell_ids(notebook))
    if repeated := [name for name, count in Counter(ids).items() if count > 1]:
        raise BuildError(f"{text.name}: two cells have the id {repeated[0]!r}; give one another heading or grade_id.")
    for cell, cell_id in zip(notebook.cells, ids, strict=True):
        cell.id = cell_id
        cell.source = CONTRACT.sub(_contract, cell.source)
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's memory of blank lines
    return notebook


def _contract(marker: re.Match[str]) -> str:
    """What a task's function gets and returns, as the checks read it."""
    from lecture_lib.checks import task  # here: whoever only reads lectures need not wait for torch

    tasks = importlib.import_module(f"lecture_lib.checks.tasks.{marker[1]}")
    return task.statement(getattr(tasks, marker[2]))


def cell_ids(notebook: NotebookNode) -> Iterator[str]:
    """Yield an id per cell: its grade_id, or nearest heading, kind and place below that heading.

    An edit under one heading therefore leaves the ids under all others alone.
    """
    heading, seen = "top", Counter[str]()
    for cell in notebook.cells:
        title = re.search(r"^#+ +(.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if title:
            heading = _numbered(re.sub(r"[^a-z0-9]+", "-", title[1].lower()).strip("-")[:40] or "section", seen)
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        yield grade_id or _numbered(f"{heading}-{cell.cell_type}", seen, first="-1")


def _numbered(name: str, seen: Counter[str], first: str = "") -> str:
    seen[name] += 1
    return f"{name}-{seen[name]}" if seen[name] > 1 else name + first


def execute(notebook: NotebookNode, folder: Path) -> float:
    """Run a notebook in a fresh kernel that works in `folder`; return the seconds that it took.

    An exception or a warning in a cell raises BuildError.
    """
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    began = time.monotonic()
    try:
        client.execute(env={**os.environ, **KERNEL_ENVIRONMENT})
    except (CellExecutionError, CellTimeoutError) as error:
        raise BuildError(str(error)) from None
    seconds = time.monotonic() - began
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise BuildError(f"This cell writes to stderr:\n{cell.source}\n--- stderr\n{output.text}")
    shrink_pictures(notebook)
    # nbclient adds this machine's Python version. The state of widgets stays: without it they show as broken.
    widgets = {key: value for key, value in notebook.metadata.items() if key == "widgets"}
    if "FloatProgressModel" in str(widgets):
        raise BuildError("A progress bar would be stored with its timing: pass disable= where TQDM_DISABLE is set.")
    notebook.metadata = nbformat.from_dict({**METADATA, **widgets})
    return seconds


def shrink_pictures(notebook: NotebookNode) -> None:
    """Store pictures with 256 colours."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                with Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))) as picture:
                    output.data["image/png"] = base64.b64encode(small_png(picture)).decode()


def save_pictures(notebook: NotebookNode, tag: str, folder: Path) -> None:
    """Write the last PNG output of every cell tagged ``TAG:NAME`` to folder/NAME.png; a ``thumbnail`` in its size."""
    shutil.rmtree(folder, ignore_errors=True)
    for cell in notebook.cells:
        for name in (
            name.removeprefix(f"{tag}:") for name in cell.metadata.get("tags", []) if name.startswith(f"{tag}:")
        ):
            images = [out.data["image/png"] for out in cell.outputs if "image/png" in out.get("data", {})]
            if not images:
                raise BuildError(f"The cell tagged {tag}:{name} shows no picture:\n{cell.source}")
            folder.mkdir(parents=True, exist_ok=True)
            picture = base64.b64decode(images[-1])
            (folder / f"{name}.png").write_bytes(thumbnail(picture) if name == "thumbnail" else picture)


def thumbnail(picture: bytes) -> bytes:
    """Fit a PNG picture into the size of all thumbnails, on white."""
    with Image.open(io.BytesIO(picture)) as image:
        return small_png(ImageOps.pad(image.convert("RGB"), THUMBNAIL, Image.Resampling.LANCZOS, "white"))


def write(notebook: NotebookNode, path: Path) -> None:
    """Validate and write a notebook in one step, so that a reader never sees half a file."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    nbformat.write(notebook, draft)
    draft.replace(path)


def build_lecture(text: Path, root: Path) -> float:
    """Build the reader's edition in notebooks/NN_topic.ipynb, executed.

    A cell tagged ``picture:NAME`` makes pictures/NN_topic/NAME.png.

    Returns the seconds that the notebook ran.
    """
    notebook = read(text)
    target = root / "notebooks" / f"{text.stem}.ipynb"
    target.parent.mkdir(exist_ok=True)
    seconds = execute(notebook, target.parent)
    save_pictures(notebook, "picture", target.parent / "pictures" / text.stem)
    write(editions.reader(notebook), target)
    return seconds


def build_exercise(text: Path, root: Path) -> float:
    """Build solutions/NN_topic/ (executed, with the expected pictures) and exercises/NN_topic/ from it.

    Returns the seconds that the solution ran.
    """
    notebook = read(text)
    folder = root / "solutions" / text.stem
    folder.mkdir(parents=True, exist_ok=True)
    seconds = execute(notebook, folder)
    save_pictures(notebook, "expected", folder / "expected")
    write(notebook, folder / f"{text.stem}.ipynb")
    release(text.stem, root=root)
    return seconds


def release(*names: str, root: Path) -> None:
    """Build exercises/NAME from solutions/NAME with nbgrader: no solutions, hidden tests, tagged cells, or outputs.

    nbgrader works in a temporary course folder, on the notebooks and their pictures only: it copies every other file
    that it finds to the students, and it removes the old release before it knows whether the new one succeeds.
    """
    with tempfile.TemporaryDirectory() as temporary:
        course = Path(temporary)
        shutil.copy(root / "nbgrader_config.py", course)
        for name in names:
            source = course / "solutions" / name
            source.mkdir(parents=True)
            notebook = nbformat.read(root / "solutions" / name / f"{name}.ipynb", as_version=4)
            notebook.cells = [cell for cell in notebook.cells if SOLUTION not in cell.metadata.get("tags", [])]
            nbformat.write(notebook, source / f"{name}.ipynb")
            if (pictures := root / "solutions" / name / "expected").exists():
                shutil.copytree(pictures, source / "expected")
        nbgrader("generate_assignment", "*", root=course)
        for name in names:
            target, draft = root / "exercises" / name, course / "exercises" / name
            keep_changes(target, draft, root)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(draft, target)


def keep_changes(target: Path, draft: Path, root: Path) -> None:
    """Before a release is replaced: if its notebook differs (it may hold somebody's work), put a copy aside."""
    old, new = target / f"{target.name}.ipynb", draft / f"{target.name}.ipynb"
    if not old.exists() or old.read_bytes() == new.read_bytes():
        return
    copy = root / "grading" / "replaced" / f"{target.name}-{datetime.now():%Y-%m-%d-%H%M%S}.ipynb"
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(old, copy)
    print(f"{old.relative_to(root)} had changed; a copy of what it held is {copy.relative_to(root)}")


def nbgrader(*arguments: str, root: Path) -> str:
    """Run nbgrader in the course folder `root`, whose nbgrader_config.py it reads; return its log."""
    # It calls `alembic` by name, and would read the configuration in the user's home as well.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "JUPYTER_CONFIG_DIR": str(root / ".jupyter")}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        raise BuildError(f"nbgrader {' '.join(arguments)} failed:\n{done.stdout}")
    return done.stdout


def main(texts: list[str]) -> int:
    """Build every text named on the command line; stop at the first that fails."""
    builders = {"lectures": build_lecture, "exercises": build_exercise}
    root = Path(__file__).resolve().parent.parent
    for text in map(Path, texts):
        print(f"Building {text} …", flush=True)
        try:
            seconds = builders[text.parent.name](text, root)
        except BuildError as error:
            print(f"{text} was not built.\n{error}", file=sys.stderr)
            return 1
        if text.stem[0].isdigit():  # a chapter
            course_map.publish(root / "README.md", text, seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
