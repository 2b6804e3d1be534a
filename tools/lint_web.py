"""Lay out and lint JavaScript and CSS with Biome, which npm fetches once.

    python -m tools.lint_web [--write]

With ``--write`` what can be mended is mended. Without npm nothing is checked; with REQUIRE_BROWSER or CI that is an
error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools import npm

ROOT = Path(__file__).resolve().parent.parent
MODULES = npm.BUILD / "biome"
BIOME = "@biomejs/biome@2.6.8"


def check(folder: Path, *options: str) -> int:
    """Check the files that the folder's biome.jsonc names; return 0 if nothing is to be said about them."""
    program = npm.fetch([BIOME], MODULES) / "@biomejs" / "biome" / "bin" / "biome"
    command = ["node", str(program), "check", "--error-on-warnings", *options]
    return subprocess.run(command, cwd=folder).returncode


def main(options: list[str], folder: Path = ROOT) -> int:
    """Check the course's files, or say why not."""
    if not shutil.which("npm"):
        required = os.environ.get("CI") or os.environ.get("REQUIRE_BROWSER")
        print("JavaScript and CSS are not checked: that needs Node.js's npm.", file=sys.stderr)
        return 1 if required else 0
    try:
        return check(folder, *options)
    except subprocess.CalledProcessError:
        print(f"npm could not fetch {BIOME}. Is there a network?", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
