"""The reader's edition shows no note and no answer; the room's edition has the whole text, and the same outputs."""

import base64
import io
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from tools import build, editions

ROOT = Path(__file__).resolve().parents[2]
LECTURES = sorted((ROOT / "course" / "lectures").glob("[0-9]*.py"))


def picture(colour: str) -> str:
    Image.new("RGB", (20, 10), colour).save(file := io.BytesIO(), format="png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def lecture() -> nbformat.NotebookNode:
    """A question with two cells below it, a drawing, a note, and a widget."""
    still = f'{editions.STILL}<img src="{picture("red")}" alt="a red one"></div><p>Run this cell.</p>'
    data = {editions.WIDGET: {"model_id": "x"}, "text/html": still, "text/plain": "Stage(children=())"}
    return new_notebook(
        cells=[
            new_markdown_cell("How many?\n\n<details><summary>Answer</summary>\n\nTwo.\n\n</details>"),
            new_markdown_cell("**1 minute.** It is two.", metadata={"slideshow": {"slide_type": "notes"}}),
            new_code_cell("1 + 1", outputs=[new_output("stream", text="2")]),
            new_code_cell(
                "draw()", metadata={"tags": ["hide-input"]}, outputs=[new_output("stream", text="two dots")]
            ),
            new_markdown_cell("So it is two."),
            new_code_cell("2 + 2", outputs=[new_output("stream", text="4")]),
            new_code_cell("widget()", outputs=[new_output("display_data", data=data)]),
        ],
        metadata={"widgets": {"state": "long"}},
    )


def test_the_readers_edition_has_no_notes_and_folds_what_answers_a_question():
    whole = lecture()
    edition = editions.reader(whole)
    assert [cell.source for cell in edition.cells if "minute" in cell.source] == []
    folded = [cell.metadata.get("jupyter", {}) for cell in edition.cells if cell.cell_type == "code"]
    assert folded == [{"outputs_hidden": True}, {"source_hidden": True, "outputs_hidden": True}, {}, {}]
    assert whole == lecture() or len(whole.cells) == 7  # ids are drawn; the notebook itself stays as it is
    assert "jupyter" not in whole.cells[2].metadata


def test_a_widget_is_stored_as_what_it_showed():
    edition = editions.reader(lecture())
    (output,) = edition.cells[-1].outputs
    assert editions.WIDGET not in output.data
    assert output.data["text/plain"] == output.metadata["image/png"]["alt"] == "a red one"
    with Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))) as shown:
        colours = {colour for _, colour in shown.convert("RGB").getcolors(10**6)}
    assert any(red > 240 and green < 15 and blue < 15 for red, green, blue in colours)
    assert editions.shows_widget(edition.cells[-1])
    assert not editions.shows_widget(edition.cells[2])
    assert "widgets" not in edition.metadata


def test_the_rooms_edition_has_the_whole_text_and_the_stored_outputs():
    whole = lecture()
    text = nbformat.from_dict(whole)
    for cell in text.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    room = editions.room(text, editions.reader(whole))
    assert [cell.source for cell in room.cells] == [cell.source for cell in whole.cells]
    assert room.cells[2].outputs[0].text == "2"
    assert "jupyter" not in room.cells[3].metadata
    assert editions.shows_widget(room.cells[-1])


def test_a_notebook_that_is_older_than_its_text_is_said_to_be():
    older = editions.reader(lecture())  # its cells have other ids
    with pytest.raises(ValueError, match="run make notebooks"):
        editions.room(lecture(), older)


@pytest.mark.parametrize("text", LECTURES, ids=lambda text: text.stem)
def test_every_lecture_asks_before_it_answers(text):
    """In the stored notebook: no note, no open output below a question, no widget that needs its kernel."""
    stored = nbformat.read(ROOT / "notebooks" / f"{text.stem}.ipynb", as_version=4)
    assert not [cell for cell in stored.cells if editions.slide_type(cell) == "notes"]
    questions = [place for place, cell in enumerate(stored.cells) if editions.QUESTION in cell.source]
    for place in questions:
        below = stored.cells[place + 1]
        assert below.cell_type == "markdown" or below.metadata.jupyter.outputs_hidden
    assert "widgets" not in stored.metadata
    assert editions.WIDGET not in nbformat.writes(stored)


@pytest.mark.parametrize("text", LECTURES, ids=lambda text: text.stem)
def test_the_room_gets_every_cell_of_the_text(text):
    whole = build.read(text)
    room = editions.room(whole, nbformat.read(ROOT / "notebooks" / f"{text.stem}.ipynb", as_version=4))
    assert [cell.id for cell in room.cells] == [cell.id for cell in whole.cells]
    assert [cell for cell in room.cells if editions.slide_type(cell) == "notes"]
    assert any(cell.get("outputs") for cell in room.cells)


def test_saving_leaves_the_version_and_the_widget_out():
    """As JupyterLab's server does it, with the settings that `make lab` gives it."""
    code = (
        "from traitlets.config.loader import PyFileConfigLoader as L\n"
        "import json, sys\n"
        "c = L('jupyter_server_config.py', sys.argv[1]).load_config()\n"
        "model = json.load(sys.stdin)\n"
        "c.FileContentsManager.pre_save_hook(model)\n"
        "print(json.dumps(model))"
    )
    whole = lecture()
    whole.metadata["language_info"] = {"name": "python", "version": "9.9"}
    command = [sys.executable, "-c", code, str(ROOT / "tools" / "jupyter")]
    model = f'{{"type": "notebook", "content": {nbformat.writes(whole)}}}'
    done = subprocess.run(command, input=model, capture_output=True, text=True, check=True)
    saved = nbformat.reads(done.stdout[len('{"type": "notebook", "content": ') : -2], as_version=4)
    assert "version" not in saved.metadata.language_info
    assert editions.WIDGET not in nbformat.writes(saved)
    assert saved.cells[-1].outputs[0].data["text/html"].startswith(editions.STILL)
