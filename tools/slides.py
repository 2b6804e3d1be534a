"""Write lectures as HTML slides to build/slides, with the scripts they need beside them, so that they work offline.

    python tools/slides.py notebooks/02_vanilla_saliency.ipynb …

The scripts (reveal.js, MathJax, …) come from npm. Without npm the slides are written all the same, but load
them from the network when they are opened. For live cells and widgets use ``make present``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from nbconvert import SlidesExporter

FOLDER = Path(__file__).resolve().parent.parent / "build" / "slides"
SCRIPTS = ["reveal.js@4.6.1", "mathjax@2.7.9", "requirejs@2.3.8", "jquery@3.7.1", "font-awesome@4.7.0"]
LOCAL = {
    "reveal_url_prefix": "node_modules/reveal.js",
    "mathjax_url": "node_modules/mathjax/MathJax.js?config=TeX-AMS_CHTML-full,Safe",
    "require_js_url": "node_modules/requirejs/require.js",
    "jquery_url": "node_modules/jquery/dist/jquery.min.js",
    "font_awesome_url": "node_modules/font-awesome/css/font-awesome.css",
    "mermaid_js_url": "data:text/javascript,export default {initialize() {}}",  # the course has no such diagrams
}


def fetch_scripts() -> bool:
    """Put the scripts into build/slides/node_modules unless they are there; return whether they are."""
    if (FOLDER / "node_modules" / ".package-lock.json").exists():
        return True
    if not (npm := shutil.which("npm")):
        return False
    print("== Fetching reveal.js and MathJax (about 100 MB, once)", flush=True)
    options = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    return subprocess.run([npm, "install", "--prefix", str(FOLDER), *options, *SCRIPTS]).returncode == 0


def main(notebooks: list[str]) -> None:
    """Convert the notebooks named on the command line."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    offline = fetch_scripts()
    # The theme "white" brings its own font; the default theme asks a font server.
    options = {"reveal_theme": "white", "reveal_scroll": True, "reveal_number": "c/t", **(LOCAL if offline else {})}
    exporter = SlidesExporter(**options)
    for notebook in map(Path, notebooks):
        page, _ = exporter.from_filename(str(notebook))
        target = FOLDER / f"{notebook.stem}.html"
        target.write_text(page, encoding="utf-8")
        print(target.relative_to(Path.cwd()))
    if not offline:
        print("npm did not deliver reveal.js and MathJax: these slides need the network when they are shown.")


if __name__ == "__main__":
    main(sys.argv[1:])
