"""What students find stored in the notebooks. That every cell runs and says the same again is nbval's check."""

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
from matplotlib.colors import to_rgb

ROOT = Path(__file__).resolve().parents[2]
LECTURES = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTIONS = sorted((ROOT / "solutions").glob("*/[!.]*.ipynb"))
EXERCISES = sorted((ROOT / "exercises").glob("*/[!.]*.ipynb"))

SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", "-"}
PLACES = re.compile(r"(?<![\w.:/])/(home|root|Users|tmp|work|usr|opt|mnt)/|[A-Z]:\\\\|site-packages")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def cells(path: Path) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook.cells


def outputs(path: Path) -> list[nbformat.NotebookNode]:
    return [output for cell in cells(path) for output in cell.get("outputs", [])]


@pytest.mark.parametrize("path", LECTURES + SOLUTIONS, ids=name)
def test_no_error_and_no_warning_is_stored(path):
    assert outputs(path)
    assert not [output for output in outputs(path) if output.output_type == "error" or output.get("name") == "stderr"]


@pytest.mark.parametrize("path", LECTURES + SOLUTIONS + EXERCISES, ids=name)
def test_nothing_tells_on_which_machine_it_was_built(path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = ""
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
    assert not PLACES.search(json.dumps(notebook, ensure_ascii=False))
    assert "version" not in notebook.metadata.language_info


@pytest.mark.parametrize("path", LECTURES + SOLUTIONS, ids=name)
def test_every_picture_has_alt_text_of_its_own(path):
    pictures = [output for output in outputs(path) if "image/png" in output.get("data", {})]
    texts = [output.metadata.get("image/png", {}).get("alt", "") for output in pictures]
    assert all(len(text) > 20 for text in texts), texts
    assert len(texts) == len(set(texts)), "two pictures have the same alt text"


@pytest.mark.parametrize("path", LECTURES + SOLUTIONS, ids=name)
def test_diagrams_have_the_look_of_the_course(path):
    sources = "\n".join(cell.source for cell in cells(path) if cell.cell_type == "code")
    if "import matplotlib" in sources:
        assert 'plt.style.use("lecture_lib.lecture")' in sources
    assert not re.findall(r"tab:\w+|fontsize=[1-8]\b", sources)


# What is left of linear red, green, blue without receptors for red, and without those for green: Viénot et al. 1999.
WITHOUT_RED = torch.tensor([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
WITHOUT_GREEN = torch.tensor([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])


@pytest.mark.parametrize("receptors", [torch.eye(3), WITHOUT_RED, WITHOUT_GREEN], ids=["all", "no red", "no green"])
def test_colours_of_diagrams_can_be_told_apart(receptors):
    with plt.style.context("lecture_lib.lecture"):
        colours = torch.tensor([to_rgb(entry["color"]) for entry in plt.rcParams["axes.prop_cycle"]])
    linear = torch.where(colours > 0.04045, ((colours + 0.055) / 1.055) ** 2.4, colours / 12.92) @ receptors.T
    seen = linear.clamp(0, 1) ** (1 / 2.2)
    assert torch.pdist(seen).min() > 0.1


@pytest.mark.parametrize("path", LECTURES, ids=name)
def test_every_lecture_cell_has_a_place_in_the_slides(path):
    without = [
        cell.id for cell in cells(path) if cell.metadata.get("slideshow", {}).get("slide_type") not in SLIDE_TYPES
    ]
    assert not without


@pytest.mark.parametrize("path", EXERCISES, ids=name)
def test_exercise_gives_nothing_away(path):
    assert not outputs(path)
    sources = "\n".join(cell.source for cell in cells(path))
    assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS)", sources)
    files = [file for file in path.parent.rglob("*") if file.is_file() and ".ipynb_checkpoints" not in file.parts]
    assert not [file for file in files if file != path and file.parent.name != "expected"]


@pytest.mark.parametrize("path", LECTURES + SOLUTIONS + EXERCISES, ids=name)
def test_every_relative_link_leads_somewhere(path):
    prose = "\n".join(cell.source for cell in cells(path) if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)\s]+)", prose) + re.findall(r'(?:href|src)="([^"]+)"', prose)
    local = [link.split("#")[0] for link in links if not re.match(r"\w+:|#", link)]
    assert not [link for link in local if not (path.parent / link).exists()]
