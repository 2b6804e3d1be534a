"""pyproject.toml, environment.yml, constraints.txt and what is installed say the same."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from tools.pin import canonical, installed

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"pytorch": "torch"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, PEERS = PYPROJECT["project"], PYPROJECT["dependency-groups"]["peers"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)


def bounds(requirements: list[str]) -> dict[str, str]:
    """Split "name>=1.0" into name and bound."""
    split = [re.fullmatch(r"([\w.-]+)(.*)", requirement).groups() for requirement in requirements]
    return {canonical(CONDA_NAMES.get(name, name)): bound for name, bound in split}


def test_conda_environment_says_what_pyproject_says():
    from_conda = [entry for entry in CONDA["dependencies"] if isinstance(entry, str)]
    from_pip = next(entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict))
    assert "--editable ." in from_pip
    stated = bounds(from_conda + [entry for entry in from_pip if not entry.startswith("--")])
    assert stated.pop("python") == PROJECT["requires-python"]
    assert stated.pop("pip") == ""
    assert stated == bounds(PROJECT["dependencies"])
    assert CONDA["name"] == PROJECT["name"]


def test_conda_sets_the_same_variables_as_make():
    in_make = dict(re.findall(r"(MALLOC_\w+)=(\d+)", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert in_make
    assert CONDA["variables"] == in_make


@pytest.mark.parametrize("requirements", [PROJECT["dependencies"], PROJECT["optional-dependencies"]["dev"], PEERS])
def test_every_requirement_has_a_lower_bound_and_a_pin_that_respects_it(requirements):
    for name, bound in bounds(requirements).items():
        assert bound.startswith(">="), name
        assert version(PINS[name]) >= version(bound.removeprefix(">=")), name


def test_everything_installed_is_pinned_at_its_version():
    assert {name: PINS.get(name) for name in installed()} == installed()


def test_everything_installed_runs_on_the_oldest_python():
    oldest = PROJECT["requires-python"].removeprefix(">=") + ".0"
    needs = {dist.name: dist.metadata["Requires-Python"] or "" for dist in distributions()}
    assert not {name: need for name, need in needs.items() if not SpecifierSet(need).contains(oldest)}


def version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        (
            "lecture_lib",
            {"torch", "numpy", "matplotlib"},
        ),  # torch and friends come with the first module that is used
        ("lecture_lib.networks", {"matplotlib", "scipy", "ipywidgets"}),  # seconds on the way to the first map
        ("tools.present", {"torch"}),  # which only asks for sizes of type
    ],
)
def test_an_import_does_not_load_what_it_does_not_need(module, unwanted):
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not unwanted & set(loaded.stdout.split())
