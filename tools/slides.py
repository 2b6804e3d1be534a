"""Write lectures as HTML slides to build/slides; what they need lies beside them, so the folder works from a stick.

    python -m tools.slides course/lectures/02_vanilla_saliency.py …

reveal.js, MathJax and a font come from npm, once. For live cells and widgets use ``make present``.
"""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import matplotlib
import nbformat
from nbconvert import SlidesExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode
from PIL import Image

from lecture_lib.show import css_variables
from tools import build, npm
from tools.editions import STILL, room, slide_type

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "slides"
MODULES = npm.BUILD / "npm"
TEMPLATE = ROOT / "tools" / "deck"
SANS = "@fontsource/source-sans-3"
PACKAGES = ["reveal.js@5.2.1", "mathjax@3.2.2", f"{SANS}@5.3.1"]
SCRIPTS = [
    "reveal.js/dist/reveal.css",
    "reveal.js/dist/reveal.js",
    "reveal.js/plugin/notes/notes.js",
    "mathjax/es5/tex-svg-full.js",
]


def copy_scripts(folder: Path) -> None:
    """Lay the scripts, the style and the fonts that every deck loads into folder/scripts."""
    modules, target = npm.fetch(PACKAGES, MODULES), folder / "scripts"
    target.mkdir(parents=True, exist_ok=True)
    for script in [*(modules / name for name in SCRIPTS), TEMPLATE / "deck.js", TEMPLATE / "deck.css"]:
        shutil.copy(script, target)
    (target / "fonts.css").write_text(fonts(modules), encoding="utf-8")
    (target / "look.css").write_text(css_variables(), encoding="utf-8")


def fonts(modules: Path) -> str:
    """Return a style with its fonts inside: pages fit on every machine. Some browsers load no fonts from files."""
    sans, mono = modules / SANS, Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    licences = [f"/*\n{path.read_text(encoding='utf-8')}*/" for path in (sans / "LICENSE", mono / "LICENSE_DEJAVU")]
    source = re.compile(r"src: url\(\./(files/[\w-]+\.woff2)\)[^;]*")
    proportional = [
        source.sub(
            lambda found: f"src: url({_data_url(sans / found[1])})",
            (sans / f"{style}.css").read_text(encoding="utf-8"),
        )
        for style in ("400", "400-italic", "700")
    ]
    fixed = [
        f'@font-face {{font-family: "DejaVu Sans Mono"; font-weight: {weight}; src: url({_data_url(mono / file)})}}'
        for weight, file in ((400, "DejaVuSansMono.ttf"), (700, "DejaVuSansMono-Bold.ttf"))
    ]
    return "\n".join([*licences, *proportional, *fixed])


def _data_url(font: Path) -> str:
    return f"data:font/{font.suffix[1:]};base64,{base64.b64encode(font.read_bytes()).decode()}"


def deck(notebook: NotebookNode, name: str) -> str:
    """Return a lecture as a page of slides."""
    exporter = SlidesExporter(template_name=TEMPLATE.name, extra_template_basedirs=[str(TEMPLATE.parent)])
    exporter.register_preprocessor(CoalesceStreamsPreprocessor, enabled=True)
    prepared = prepare(notebook)
    resources = {"deck_title": heading(prepared.cells[0]), "metadata": {"name": name}}
    page, _ = exporter.from_notebook_node(prepared, resources=resources)
    return str(page)


def prepare(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without skipped cells, with pictures for widgets, and with notes and a title on every page."""
    copy = nbformat.from_dict(notebook)
    shown = [cell for cell in copy.cells if slide_type(cell) != "skip"]
    for cell in shown:
        if cell.cell_type == "markdown":
            cell.source = without_local_links(cell.source)
        for output in cell.get("outputs", []):
            prepare_output(output)
    chapter = heading(shown[0])
    copy.cells = []
    for group in groups(shown):
        where = " · ".join(dict.fromkeys([chapter, heading(group[0]) or chapter]))
        notes = [cell for cell in group if slide_type(cell) == "notes"]
        for number, page in enumerate(pages(group), start=1):
            if not any(slide_type(cell) == "notes" for cell in page):
                page += [nbformat.from_dict({**cell, "id": f"{cell.id}-{number}"}) for cell in notes[:1]]
            page[-1].metadata.where = where
            copy.cells += page
    return copy


def prepare_output(output: NotebookNode) -> None:
    """Say below the picture of a widget how it moves; note the shape of a picture."""
    data = output.get("data", {})
    if (page := data.get("text/html", "")).startswith(STILL):
        data["text/html"] = f'{page.rpartition("<p>")[0]}<p class="live">Live: <code>make present</code>.</p>'
    if picture := data.get("image/png"):
        output.metadata["image/png"]["ratio"] = ratio(picture)


def groups(cells: Iterable[NotebookNode]) -> Iterator[list[NotebookNode]]:
    """Yield the cells of every slide with its subslides."""
    return _split(cells, {"slide"})


def pages(cells: Iterable[NotebookNode]) -> Iterator[list[NotebookNode]]:
    """Yield the cells of every page: a slide, or one subslide."""
    return _split(cells, {"slide", "subslide"})


def _split(cells: Iterable[NotebookNode], starts: set[str]) -> Iterator[list[NotebookNode]]:
    part: list[NotebookNode] = []
    for cell in cells:
        if slide_type(cell) in starts and part:
            yield part
            part = []
        part.append(cell)
    yield part


def minutes(cells: Iterable[NotebookNode]) -> list[int]:
    """Return the minutes that the speaker notes state, "**3 minutes.** …", for every slide with its subslides."""
    notes = ("\n".join(cell.source for cell in group if slide_type(cell) == "notes") for group in groups(cells))
    return [sum(map(int, re.findall(r"^\*\*(\d+) minutes?\.\*\*", text, re.MULTILINE))) for text in notes]


def heading(cell: NotebookNode) -> str:
    """Return the first heading in a cell of prose, "" if there is none."""
    found = re.search(r"^#+ +(.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
    return found[1] if found else ""


def without_local_links(source: str) -> str:
    """Make links to files of the course plain text, and links to other lectures lead to their decks."""
    source = re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.html)", source)
    return re.sub(r"(?<!!)\[([^]]+)\]\((?!\w+\.html\))(?!\w+:|#)[^)]+\)", r"\1", source)


def ratio(picture: str) -> float:
    """Return height by width of a picture in base64."""
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        return round(image.height / image.width, 3)


def main(texts: list[str], folder: Path = FOLDER) -> int:
    """Convert the lectures whose texts are named on the command line."""
    try:
        copy_scripts(folder)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in map(Path, texts):
        stored = nbformat.read(path.parents[2] / "notebooks" / f"{path.stem}.ipynb", as_version=4)
        notebook = room(build.read(path), stored)
        target = folder / f"{path.stem}.html"
        target.write_text(deck(notebook, path.stem), encoding="utf-8")
        print(f"{target}: {sum(minutes(notebook.cells))} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
