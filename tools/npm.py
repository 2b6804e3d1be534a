"""Packages of npm, fetched once: what decks, the lint of JavaScript and CSS, and tests in a browser need."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

BUILD = Path(__file__).resolve().parent.parent / "build"


def fetch(packages: list[str], folder: Path) -> Path:
    """Put packages of npm into a folder unless they are there; return the folder that holds them.

    Each set of packages needs a folder of its own: npm removes from it what it was not asked for.
    """
    here = folder / "node_modules"
    wanted = [name.rpartition("@") for name in packages]
    if all(f'"version": "{version}"' in _text(here / name / "package.json") for name, _, version in wanted):
        return here
    if not (npm := shutil.which("npm")):
        raise FileNotFoundError(f"{' and '.join(packages)} come from npm, once: please install Node.js's npm.")
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    subprocess.run([npm, "install", "--prefix", str(folder), *options, *packages], check=True)
    return here


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
