"""The pipeline on small texts, and every derived file of the repository against its text."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from tools import build, editions

ROOT = Path(__file__).resolve().parents[2]
LECTURES = sorted((ROOT / "course" / "lectures").glob("*.py"))
EXERCISES = sorted((ROOT / "course" / "exercises").glob("*.py"))

LECTURE = """\
# %% [markdown] slideshow={"slide_type": "slide"}
# # One title

# %% slideshow={"slide_type": "fragment"}
1 + 1

# %% [markdown] slideshow={"slide_type": "notes"}
# ## One title

# %%
print("text")

"""

EXERCISE = '''\
# %% [markdown]
# # Double
# ![what to expect](expected/dot.png)

# %% nbgrader={"grade": false, "grade_id": "double", "locked": false, "schema_version": 3, "solution": true, "task": false}
def double(number):
    """Return twice the number."""
    ### BEGIN SOLUTION
    return number + number
    ### END SOLUTION

# %% tags=["expected:dot"]
import base64
from IPython.display import Image, display
dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
display(Image(base64.b64decode(dot)))

# %% nbgrader={"grade": true, "grade_id": "double-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
assert double(2) == 4
### BEGIN HIDDEN TESTS
assert double(-3) == -6
### END HIDDEN TESTS
'''


def project(tmp_path: Path, name: str, content: str) -> Path:
    """Lay a text into a small copy of the project."""
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    text = tmp_path / "course" / name
    text.parent.mkdir(parents=True)
    text.write_text(content, encoding="utf-8")
    return text


def without_outputs(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    bare = nbformat.from_dict(notebook)
    bare.metadata.pop("widgets", None)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


# On small texts


def test_ids_come_from_heading_kind_and_place(tmp_path):
    ids = [cell.id for cell in build.read(project(tmp_path, "lectures/01_x.py", LECTURE)).cells]
    assert ids == ["one-title-markdown-1", "one-title-code-1", "one-title-2-markdown-1", "one-title-2-code-1"]


def test_new_cell_leaves_ids_under_other_headings_alone(tmp_path):
    text = project(tmp_path, "lectures/01_x.py", LECTURE)
    before = [cell.id for cell in build.read(text).cells]
    text.write_text(LECTURE.replace("1 + 1\n", "1 + 1\n\n# %%\n2 + 2\n"), encoding="utf-8")
    after = [cell.id for cell in build.read(text).cells]
    assert [cell_id for cell_id in after if cell_id in before] == before
    assert len(after) == len(set(after)) == len(before) + 1


def test_repeated_grade_id_is_an_error(tmp_path):
    twice = EXERCISE.replace('"double-test"', '"double"')
    with pytest.raises(build.BuildError, match="two cells have the id 'double'"):
        build.read(project(tmp_path, "exercises/01_x.py", twice))


def test_second_build_of_a_lecture_is_the_same_to_the_byte(tmp_path):
    text = project(tmp_path, "lectures/01_x.py", LECTURE)
    built = tmp_path / "notebooks" / "01_x.ipynb"
    build.build_lecture(text, tmp_path)
    first = built.read_bytes()
    build.build_lecture(text, tmp_path)
    assert built.read_bytes() == first
    cells = nbformat.read(built, as_version=4).cells
    assert cells[1].outputs[0].data["text/plain"] == "2"
    assert cells[2].outputs[0].text == "text\n"
    assert [cell.metadata.get("slideshow", {}).get("slide_type") for cell in cells] == ["slide", "fragment", None]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "1 / 0"),
        ("import warnings; warnings.warn('watch out')", "watch out"),
        ("from ipywidgets import FloatProgress; FloatProgress()", "progress bar"),
    ],
)
def test_failing_build_says_where_and_keeps_the_old_notebook(tmp_path, code, message):
    text = project(tmp_path, "lectures/01_x.py", LECTURE.replace("1 + 1", code))
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_x.ipynb").write_text("old")
    with pytest.raises(build.BuildError, match=re.escape(message)):
        build.build_lecture(text, tmp_path)
    assert [path.read_text() for path in (tmp_path / "notebooks").iterdir()] == ["old"]


def test_exercise_has_the_pictures_but_neither_solution_nor_hidden_test(tmp_path):
    text = project(tmp_path, "exercises/01_x.py", EXERCISE)
    secret = tmp_path / "solutions" / "01_x" / "notes.py"  # must not reach the students
    secret.parent.mkdir(parents=True)
    secret.write_text("secret")
    build.build_exercise(text, tmp_path)
    released = tmp_path / "exercises" / "01_x"
    files = {str(path.relative_to(released)) for path in released.rglob("*") if path.is_file()}
    assert files == {"01_x.ipynb", "expected/dot.png"}
    picture = (released / "expected" / "dot.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    exercise = nbformat.read(released / "01_x.ipynb", as_version=4)
    sources = {cell.id: cell.source for cell in exercise.cells}
    assert "number + number" not in sources["double"]
    assert "NotImplementedError" in sources["double"]
    assert sources["double-test"] == "assert double(2) == 4"
    assert not any(cell.get("outputs") for cell in exercise.cells)


def test_expected_picture_that_is_not_there_is_an_error(tmp_path):
    text = project(tmp_path, "exercises/01_x.py", EXERCISE.replace("display(", "str("))
    with pytest.raises(build.BuildError, match="expected:dot"):
        build.build_exercise(text, tmp_path)


def test_nbgrader_that_fails_keeps_the_old_exercise(tmp_path):
    open_ended = EXERCISE.replace("    ### END SOLUTION\n", "")
    text = project(tmp_path, "exercises/01_x.py", open_ended)
    (tmp_path / "exercises" / "01_x").mkdir(parents=True)
    (tmp_path / "exercises" / "01_x" / "old").touch()
    with pytest.raises(build.BuildError, match="generate_assignment"):
        build.build_exercise(text, tmp_path)
    assert (tmp_path / "exercises" / "01_x" / "old").exists()


def test_work_in_an_exercise_is_put_aside_before_a_new_release(tmp_path, capsys):
    text = project(tmp_path, "exercises/01_x.py", EXERCISE)
    build.write(build.read(text), tmp_path / "solutions" / "01_x" / "01_x.ipynb")
    build.release("01_x", root=tmp_path)
    exercise = tmp_path / "exercises" / "01_x" / "01_x.ipynb"
    build.keep_changes(exercise.parent, exercise.parent, tmp_path)
    assert not (tmp_path / "grading" / "replaced").exists()  # unchanged: nothing to keep
    worked = exercise.read_text().replace("raise NotImplementedError", "return 2 * number")
    exercise.write_text(worked)
    build.release("01_x", root=tmp_path)
    (copy,) = (tmp_path / "grading" / "replaced").iterdir()
    assert copy.read_text() == worked
    assert copy.name in capsys.readouterr().out
    assert "return 2 * number" not in exercise.read_text()


def test_tagged_picture_of_a_lecture_becomes_a_file(tmp_path):
    cell = EXERCISE[EXERCISE.index("# %% tags") : EXERCISE.index("# %% nbgrader", EXERCISE.index("# %% tags"))]
    build.build_lecture(project(tmp_path, "lectures/01_x.py", cell.replace("expected:", "picture:")), tmp_path)
    assert set(contents(tmp_path / "notebooks" / "pictures" / "01_x")) == {"dot.png"}


def test_thumbnail_has_the_size_of_all_thumbnails(tmp_path):
    cell = EXERCISE[EXERCISE.index("# %% tags") : EXERCISE.index("# %% nbgrader", EXERCISE.index("# %% tags"))]
    text = project(tmp_path, "lectures/01_x.py", cell.replace("expected:dot", "picture:thumbnail"))
    build.build_lecture(text, tmp_path)
    with Image.open(tmp_path / "notebooks" / "pictures" / "01_x" / "thumbnail.png") as picture:
        assert picture.size == build.THUMBNAIL


@pytest.mark.parametrize("text", [text for text in LECTURES if text.stem[0].isdigit()], ids=lambda text: text.stem)
def test_every_chapter_has_a_thumbnail(text):
    assert (ROOT / "notebooks" / "pictures" / text.stem / "thumbnail.png").exists()


# On the files of the repository


def test_every_derived_file_has_a_text_and_every_text_its_files():
    names = [text.stem for text in EXERCISES]
    assert sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb")) == [f"{t.stem}.ipynb" for t in LECTURES]
    for kind in ("solutions", "exercises"):
        built = sorted(str(path.relative_to(ROOT / kind)) for path in (ROOT / kind).rglob("[!.]*.ipynb"))
        assert [path for path in built if ".ipynb_checkpoints" not in path] == [f"{n}/{n}.ipynb" for n in names]


@pytest.mark.parametrize("text", LECTURES + EXERCISES, ids=lambda text: f"{text.parent.name}/{text.stem}")
def test_notebook_says_what_its_text_says(text):
    folder = ROOT / "notebooks" if text in LECTURES else ROOT / "solutions" / text.stem
    built = nbformat.read(folder / f"{text.stem}.ipynb", as_version=4)
    expected = editions.reader(build.read(text)) if text in LECTURES else build.read(text)
    assert without_outputs(built) == expected, f"run `make notebooks`: {text.name} has changed"
    runs = [cell.execution_count for cell in built.cells if cell.cell_type == "code"]
    assert runs == list(range(1, len(runs) + 1))


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A copy of the project, with exercises that nbgrader has just made of the texts."""
    root = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "nbgrader_config.py", root)
    for text in EXERCISES:
        build.write(build.read(text), root / "solutions" / text.stem / f"{text.stem}.ipynb")
        shutil.copytree(ROOT / "solutions" / text.stem / "expected", root / "solutions" / text.stem / "expected")
    build.release(*(text.stem for text in EXERCISES), root=root)
    return root / "exercises"


@pytest.mark.parametrize("name", [text.stem for text in EXERCISES])
def test_exercise_is_what_nbgrader_makes_of_the_solution(name, released):
    files = [path.relative_to(released) for path in (released / name).rglob("*") if path.is_file()]
    assert Path(name, f"{name}.ipynb") in files
    for file in files:
        kept, made = ROOT / "exercises" / file, released / file
        assert kept.read_bytes() == made.read_bytes(), f"run `make notebooks`: {file} is out of date"


@pytest.mark.parametrize("text", LECTURES + EXERCISES, ids=lambda text: f"{text.parent.name}/{text.stem}")
def test_picture_files_are_those_of_the_notebook(text, tmp_path):
    if text in LECTURES:
        tag, folders, notebook = "picture", [ROOT / "notebooks" / "pictures" / text.stem], ROOT / "notebooks"
    else:
        tag, notebook = "expected", ROOT / "solutions" / text.stem
        folders = [ROOT / kind / text.stem / "expected" for kind in ("solutions", "exercises")]
    build.save_pictures(nbformat.read(notebook / f"{text.stem}.ipynb", as_version=4), tag, tmp_path / "again")
    for folder in folders:
        assert contents(folder) == contents(tmp_path / "again")
