"""The lint of JavaScript and CSS: sees every file, finds mistakes, and says when it can't run."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.shared import browser as shared
from tools import lint_web, npm

FILES = [
    path.relative_to(lint_web.ROOT)
    for room in ("lecture_lib", "tools")
    for kind in ("js", "css")
    for path in (lint_web.ROOT / room).rglob(f"*.{kind}")
]
with_npm = pytest.mark.skipif(
    not shutil.which("npm") and not shared.REQUIRED, reason="no npm found (REQUIRE_BROWSER=1 insists on it)"
)
MISTAKES = {".js": "const  same = (a, b) => a == b", ".css": "a {color: red; color: blue}"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the course's configuration, for files to check."""
    shutil.copy(lint_web.ROOT / "biome.jsonc", tmp_path)
    return tmp_path


def put(text: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@with_npm
def test_a_mistake_in_any_file_is_found(copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for path in FILES:
        put(MISTAKES[path.suffix], copy / path)
    assert lint_web.main(["--max-diagnostics=none"], copy) != 0
    said = "".join(capfd.readouterr())
    assert len(FILES) >= 5
    assert not [path for path in FILES if path.as_posix() not in said]
    assert "noDoubleEquals" in said
    assert "noDuplicateProperties" in said


@with_npm
def test_what_can_be_mended_is_mended(copy: Path) -> None:
    put("const  a = 1\nexport default a", path := copy / "tools" / "a.js")
    assert lint_web.main([], copy) != 0
    assert lint_web.main(["--write"], copy) == 0
    assert path.read_text(encoding="utf-8") == "const a = 1;\nexport default a;\n"
    assert lint_web.main([], copy) == 0


@pytest.mark.parametrize(("variable", "code"), [(None, 0), ("CI", 1), ("REQUIRE_BROWSER", 1)])
def test_without_npm(
    variable: str | None, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    for name in ("CI", "REQUIRE_BROWSER"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "1")
    assert lint_web.main([]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert "not checked" in line


def test_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(command: list[str], **options: object) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(subprocess, "run", fail)
    monkeypatch.setattr(lint_web, "MODULES", tmp_path)
    assert lint_web.main([]) == 1
    assert "network" in capsys.readouterr().err


@with_npm
def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    modules = npm.fetch([lint_web.BIOME], tmp_path)
    before = (modules / "@biomejs" / "biome" / "package.json").stat().st_mtime_ns
    assert npm.fetch([lint_web.BIOME], tmp_path) == modules
    assert (modules / "@biomejs" / "biome" / "package.json").stat().st_mtime_ns == before
