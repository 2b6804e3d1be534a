"""The setup of the environment: each thing that stops it gives one sentence with the mend, and no traceback."""

import ast
import os
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
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
        env={**os.environ, "TORCH": "cuda", "PYTHONPATH": os.pathsep.join(paths), **environment},
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


# ---- which build of torch

CPU = setup_environment.torch_pins(False, "+cpu")


def stand_in(folder: Path, requirement: str, tag: str = "py3-none-any") -> None:
    """Lay an empty wheel of this name and version into an index."""
    name, version = requirement.split("==")
    (folder / name).mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / name / f"{name}-{version}-{tag}.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package index on this machine, empty so far, in the place of PyTorch's; and a machine without a GPU."""
    folder = tmp_path / "index"
    folder.mkdir()
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("TORCH_INDEX", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.delenv("TORCH", raising=False)
        monkeypatch.setattr(setup_environment, "has_nvidia_gpu", lambda: False)
        monkeypatch.setattr(setup_environment, "on_linux", lambda: True)
        monkeypatch.setattr(setup_environment, "installed_torch", lambda venv: "")
        yield folder
        server.shutdown()


def test_the_cpu_build_is_installed_where_no_gpu_is_seen(index, monkeypatch, tmp_path, capsys):
    """From the index alone, before everything else; the rest comes from where it always does."""
    for requirement in CPU:
        stand_in(index, requirement)
    venv = tmp_path / "venv"
    setup_environment.make_venv(venv)
    commands = []

    def run(command):
        commands.append(command)
        return real(command) if "--index-url" in command else ""

    real = setup_environment.run
    monkeypatch.setattr(setup_environment, "run", run)
    setup_environment.install(venv, dev=False, newest=False)
    monkeypatch.undo()
    monkeypatch.delenv("TORCH", raising=False)
    assert setup_environment.installed_torch(venv) == CPU[0].split("==")[1]
    from_index = [command for command in commands if "--index-url" in command]
    assert len(from_index) == 1
    assert commands.index(from_index[0]) < commands.index(next(c for c in commands if "--editable" in c))
    assert "0.6 GB to download, 1.7 GB on the disk: about 3 minutes" in capsys.readouterr().out
    assert setup_environment.torch_build(venv, newest=False) == "present"  # a second run leaves it


@pytest.mark.parametrize(
    "offer",
    [
        pytest.param([], id="nothing"),
        pytest.param([(CPU[0], "py3-none-any")], id="no torchvision"),
        pytest.param([(pin, "cp37-cp37m-manylinux_2_28_x86_64") for pin in CPU], id="another Python"),
        pytest.param([(pin, "py3-none-win_amd64") for pin in CPU], id="another machine"),
        pytest.param([(pin + ".1", "py3-none-any") for pin in CPU], id="another build"),
    ],
)
def test_what_the_index_does_not_offer_comes_from_pypi(index, monkeypatch, capsys, offer):
    for requirement, tag in offer:
        stand_in(index, requirement, tag)
    assert setup_environment.torch_build(ROOT, newest=False) == "cuda"
    assert "smaller build of torch cannot be had now" in capsys.readouterr().out
    monkeypatch.setenv("TORCH", "cpu")
    with pytest.raises(setup_environment.SetupError, match="CPU build of torch cannot be had"):
        setup_environment.torch_build(ROOT, newest=False)


def test_an_index_out_of_reach_is_not_waited_for(index, monkeypatch):
    """Nobody answers on one port; on the other, somebody takes the call and says nothing."""
    monkeypatch.setenv("TORCH_INDEX", f"http://127.0.0.1:{closed_port()}")
    assert setup_environment.torch_build(ROOT, newest=False) == "cuda"
    monkeypatch.setattr(setup_environment, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("TORCH_INDEX", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert setup_environment.torch_build(ROOT, newest=False) == "cuda"


@pytest.mark.parametrize(
    ("wish", "gpu", "there", "linux", "build"),
    [
        ("", False, "", True, "cpu"),
        ("", True, "", True, "cuda"),
        ("cuda", False, "", True, "cuda"),
        ("cpu", True, "", True, "cpu"),
        ("", False, "2.9.0", True, "present"),  # a working environment is not made anew
        ("", True, "2.9.0+cpu", True, "present"),
        ("cpu", True, "2.9.0", True, "cpu"),
        ("cpu", True, "2.9.0+cpu", True, "present"),
        ("cuda", False, "2.9.0", True, "present"),
        ("", False, "", False, "small"),
        ("cpu", False, "", False, "small"),
    ],
)
def test_which_build_is_chosen(index, monkeypatch, wish, gpu, there, linux, build):
    for requirement in CPU:
        stand_in(index, requirement)
    monkeypatch.setenv("TORCH", wish)
    monkeypatch.setattr(setup_environment, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setattr(setup_environment, "on_linux", lambda: linux)
    monkeypatch.setattr(setup_environment, "installed_torch", lambda venv: there)
    assert setup_environment.torch_build(ROOT, newest=False) == build


def test_the_other_build_is_taken_away_first(index, monkeypatch, commands):
    """Both have the same version: an installer would leave what is there."""
    monkeypatch.setenv("TORCH", "cuda")
    monkeypatch.setattr(setup_environment, "installed_torch", lambda venv: "2.9.0+cpu")
    assert setup_environment.torch_build(ROOT, newest=False) == "cuda"
    assert commands[0][-1][2:5] == ["pip", "uninstall", "--yes"]


def test_a_wish_that_nobody_knows(monkeypatch):
    monkeypatch.setenv("TORCH", "rocm")
    with pytest.raises(setup_environment.SetupError, match="cpu or cuda, but it is rocm"):
        setup_environment.torch_build(ROOT, newest=False)
