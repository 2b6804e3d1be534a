"""The setup of the environment: each thing that stops it gives one sentence with the mend, and no traceback."""

import ast
import os
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tools import setup_environment

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "setup_environment.py"


def run_setup(venv: Path, *, site: Path | None = None, before: str = "", **environment: str) -> tuple[int, str]:
    """Run the script on an empty environment; `before` runs in its interpreter first (as a sitecustomize module)."""
    paths = []
    if before:
        (site / "sitecustomize.py").write_text(before)
        paths = [str(site)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--venv", str(venv)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
    )
    return done.returncode, done.stdout + done.stderr


def stopped(result: tuple[int, str]) -> str:
    """Return the one sentence with which setup stopped."""
    code, output = result
    assert code == 1
    assert "Traceback" not in output
    *_, last = output.strip().splitlines()
    assert last.startswith("Setup stopped. ")
    return last


def closed_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_python_without_venv_package(tmp_path):
    sentence = stopped(
        run_setup(tmp_path / "venv", site=tmp_path, before="import sys; sys.modules['ensurepip'] = None")
    )
    assert "apt install python3-venv" in sentence
    assert not (tmp_path / "venv").exists()


def test_old_python(tmp_path):
    before = "import sys; sys.version_info = (3, 9, 2, 'final', 0)"
    sentence = stopped(run_setup(tmp_path / "venv", site=tmp_path, before=before))
    assert "needs Python 3.11 or newer" in sentence
    assert "is Python 3.9" in sentence


def test_script_is_in_the_syntax_of_an_old_python():
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 7))


def test_no_network(tmp_path):
    # An index on a port of this machine where nobody answers; no other source of packages.
    unreachable = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": "",
        "PIP_INDEX_URL": f"http://127.0.0.1:{closed_port()}/simple",
        "PIP_RETRIES": "1",
    }
    sentence = stopped(run_setup(tmp_path / "venv", **unreachable))
    assert "package index cannot be reached" in sentence
    assert not list((tmp_path / "venv").glob(".ready*"))


def test_full_disk(tmp_path):
    # The mount lives in a namespace of its own and goes away with it.
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--user", "--map-root-user"]
    small_disk = 'mount -t tmpfs -o size=6m none "$0" && exec "$@"'
    disk = tmp_path / "disk"
    disk.mkdir()
    if not shutil.which("unshare") or subprocess.run([*namespace, "sh", "-c", small_disk, disk, "true"]).returncode:
        pytest.skip("a small disk to fill cannot be mounted here")
    setup = [sys.executable, SCRIPT, "--venv", disk / "venv"]
    done = subprocess.run([*namespace, "sh", "-c", small_disk, disk, *setup], capture_output=True, text=True)
    assert "The disk is full" in stopped((done.returncode, done.stdout + done.stderr))


def test_disk_that_fills_up_later():
    code = "open('/dev/full', 'w', buffering=1).write('x\\n')"
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "The disk is full" in setup_environment.explain(done.stderr, ROOT)


def test_tested_version_that_does_not_exist_for_this_python(tmp_path):
    # A folder without packages for an index: what pip then says is what it says of a version that it can't have.
    empty = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    assert "--newest" in stopped(run_setup(tmp_path / "venv", **empty))


def test_something_else_shows_the_last_lines():
    output = "\n".join(f"line {number}" for number in range(100))
    explained = setup_environment.explain(output, ROOT)
    assert explained.endswith("line 98\nline 99")
    assert "line 50" not in explained


def test_folder_that_is_no_environment_is_left_alone(tmp_path):
    (tmp_path / "letters").write_text("dear …")
    assert "holds something else" in stopped(run_setup(tmp_path))
    assert (tmp_path / "letters").read_text() == "dear …"


@pytest.fixture
def commands(monkeypatch):
    """Commands that an installation would run, and words whose commands fail."""
    done, failing = [], set()

    def run(command):
        done.append(command)
        return "it failed" if failing & set(command) else ""

    monkeypatch.setattr(setup_environment, "run", run)
    monkeypatch.setattr(setup_environment, "python_of", lambda venv: Path(sys.executable))
    return done, failing


def test_packages_are_installed_by_uv(commands):
    setup_environment.install(ROOT / ".venv", dev=True, newest=False)
    first, course, peers = commands[0]
    assert first[2:4] == ["pip", "install"]
    assert first[-1] == "uv"
    assert course[2:5] == peers[2:5] == ["uv", "pip", "install"]
    assert course[-1] == f"{ROOT}[dev]"
    assert "--no-deps" in peers
    assert all(str(ROOT / "constraints.txt") in command for command in commands[0])


@pytest.mark.parametrize("cannot", ["--compile-bytecode", "uv"], ids=["uv fails", "uv cannot be had"])
def test_pip_installs_what_uv_cannot(commands, cannot):
    commands[1].add(cannot)
    setup_environment.install(ROOT / ".venv", dev=False, newest=False)
    assert commands[0][-1][2:4] == ["pip", "install"]
    assert commands[0][-1][-1] == str(ROOT)


def test_installation_that_fails_stops_the_setup(commands):
    commands[1].add("--editable")
    with pytest.raises(setup_environment.SetupError, match="it failed"):
        setup_environment.install(ROOT / ".venv", dev=False, newest=False)


def test_uv_takes_packages_from_where_pip_does(monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    pip = [sys.executable, "-m", "pip", "install"]
    assert setup_environment.index_of(pip) == []
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://127.0.0.1/more")
    assert setup_environment.index_of(pip) == []
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1/simple")
    assert setup_environment.index_of(pip) == ["--default-index", "http://127.0.0.1/simple"]
