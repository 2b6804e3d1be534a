"""The drawing of the house in CONTRIBUTING.md says what import-linter holds, and what the files are."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "lecture_lib"


def drawn() -> list[set[str]]:
    """The rooms of every floor in the drawing, from the top down."""
    (drawing,) = re.findall(r"^```\n(widgets/.+?)^```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.M | re.S)
    return [set(re.findall(r"^(\w+/?)  ", floor, re.M)) for floor in drawing.split("----\n")]


def contracts() -> dict[str, list[set[str]]]:
    """The rooms of every floor as import-linter knows them, for the house and for every wing."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    return {
        contract["containers"][0]: [set(layer.split(" | ")) for layer in contract["layers"]]
        for contract in settings["contracts"]
    }


def test_the_drawing_has_the_floors_that_import_linter_holds() -> None:
    assert [{room.rstrip("/") for room in floor} for floor in drawn()] == contracts()["lecture_lib"]


def test_the_drawing_has_every_room_and_marks_the_wings() -> None:
    wings = {f"{path.parent.name}/" for path in HOUSE.glob("*/__init__.py")}
    modules = {path.stem for path in HOUSE.glob("[!_]*.py")}
    assert set().union(*drawn()) == wings | modules
    assert len(wings) == 4
    assert len(modules) <= 16


def test_every_wing_has_floors_of_its_own() -> None:
    wings = {f"lecture_lib.{path.parent.name}" for path in HOUSE.glob("*/__init__.py")}
    assert contracts().keys() == {"lecture_lib", *wings}
