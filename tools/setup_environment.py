"""Make .venv with the tested version of every package, or say in one sentence why that is not possible.

    python3 tools/setup_environment.py          what students need
    python3 tools/setup_environment.py --dev    and what the tests and the builds need

On Linux, PyPI's torch brings 4 GB of libraries for NVIDIA GPUs. Where no such GPU is seen, the same version without
them is taken from PyTorch's own index, if that answers; TORCH=cpu and TORCH=cuda decide by hand.

Standard library only, and in the syntax of Python 3.7: an old Python must get as far as the sentence about itself.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"  # PyTorch's own index; TORCH_INDEX names a mirror
PATIENCE = 5  # seconds for that index to answer

# What pip and venv say → what the reader can do. The first match counts: a full disk or a missing network
# also makes pip say that it found no version of a package.
FULL = r"No space left on device|Errno 28|WinError 112|Disk quota exceeded"
CAUSES = [
    (
        FULL,
        "The disk is full ({venv:.1f} GB free here, {temporary:.1f} GB in the temporary folder): make room for about "
        "10 GB, or 3 GB with TORCH=cpu before the command, then run the same command again.",
    ),
    (
        r"No module named '?(ensurepip|venv)|ensurepip is not available",
        "This Python cannot make virtual environments, its venv package is missing: install it "
        "(on Debian and Ubuntu: sudo apt install python3-venv), then run the same command again.",
    ),
    (
        r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|Name or service not known"
        r"|ConnectTimeoutError|ReadTimeoutError|Network is unreachable|Connection refused|ProxyError"
        r"|Could not fetch URL|getaddrinfo failed|connection-failed|connection-timeout",
        "The package index cannot be reached: check the network connection (and proxy settings), then run the "
        "same command again; what has been downloaded is kept.",
    ),
    (
        r"ResolutionImpossible|No matching distribution found",
        "Not every tested version can be had for this Python ({python}): run the same command with another one, for "
        "example PYTHON=python3.12, or take the newest versions with python3 tools/setup_environment.py --newest.",
    ),
]


def main() -> int:
    """Read the command line, run the steps, and say why if one of them fails."""
    parser = argparse.ArgumentParser(description="Make the course's virtual environment.")
    parser.add_argument("--dev", action="store_true", help="also install what tests and builds need")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="where (default: .venv)")
    parser.add_argument("--newest", action="store_true", help="ignore constraints.txt: the newest versions")
    options = parser.parse_args()
    try:
        check_python()
        make_venv(options.venv)
        install(options.venv, options.dev, options.newest)
        mark_ready(options.venv, options.dev)
    except (SetupError, OSError) as error:
        reason = str(error) if isinstance(error, SetupError) else explain(str(error), options.venv)
        print("Setup stopped. " + reason)
        return 1
    return 0


class SetupError(Exception):
    """Setup cannot go on; the message is the one sentence that the reader gets."""


def check_python() -> None:
    """Stop unless this Python is new enough and can make virtual environments."""
    if sys.version_info[:2] < OLDEST:
        raise SetupError(
            "The course needs Python {}.{} or newer, and {} is Python {}.{}: install a newer one and name it, "
            "for example make lab PYTHON=python3.12.".format(*OLDEST, sys.executable, *sys.version_info[:2])
        )
    try:
        import ensurepip  # noqa: F401  Debian splits it off, and then `python3 -m venv` fails half-way
        import venv  # noqa: F401
    except ImportError:
        raise SetupError(explain("No module named ensurepip", ROOT)) from None


def make_venv(venv: Path) -> None:
    """Make the virtual environment unless there is one that works and has this Python."""
    same = "import pip, sys; sys.exit(sys.version_info[:2] != ({}, {}))".format(*sys.version_info[:2])
    check = [str(python_of(venv)), "-c", same]
    if python_of(venv).exists() and subprocess.run(check, stderr=subprocess.DEVNULL).returncode == 0:
        return
    if venv.exists() and not (venv / "pyvenv.cfg").exists() and any(venv.iterdir()):
        raise SetupError("{} holds something else: move it away, then run the same command again.".format(venv))
    say("Making {} with Python {}.{}".format(venv, *sys.version_info[:2]))
    succeed([sys.executable, "-m", "venv", "--clear", str(venv)], venv)


def install(venv: Path, dev: bool, newest: bool) -> None:
    """Install the course, editable, with the versions of constraints.txt."""
    build = torch_build(venv, newest)
    say("Installing the packages for {}".format("development" if dev else "the course"))
    if build != "present":
        say("{} GB to download, {} GB on the disk: about {} minutes at 50 Mbit/s".format(*amount(build, dev)))
    pinned = [] if newest else ["--constraint", str(ROOT / "constraints.txt")]
    wanted = [["--editable", str(ROOT) + ("[dev]" if dev else "")]] + ([["--no-deps", *peers()]] if dev else [])
    pip = [str(python_of(venv)), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off", *pinned]
    # uv takes a fifth of pip's time. What it can't do (pip may know of a proxy that uv doesn't), pip does.
    uv = [str(python_of(venv)), "-m", "uv", "pip", "install", "--python", str(python_of(venv)), "--compile-bytecode"]
    uv += [*index_of(pip), *pinned]
    quick = not run([*pip, "uv"])
    if build == "cpu":  # first and alone: everything else comes from PyPI, and finds torch there already
        succeed([*pip, "--no-deps", "--index-url", torch_index(), *torch_pins(newest, "+cpu")], venv)
    for requirements in wanted:
        if not (quick and not run([*uv, *requirements])):
            succeed([*pip, *requirements], venv)


def torch_build(venv: Path, newest: bool) -> str:
    """Return which build of torch to install: "cpu", "cuda" or, if one is there that may stay, "present"."""
    wish = os.environ.get("TORCH", "")
    if wish not in ("", "cpu", "cuda"):
        raise SetupError("TORCH says which build of torch to install, cpu or cuda, but it is {}.".format(wish))
    there = installed_torch(venv)
    if there and (not wish or not on_linux() or ("+cpu" in there) == (wish == "cpu")):
        return "present"
    if not on_linux():
        return "small"  # PyPI has no other
    if wish == "cuda" or (not wish and has_nvidia_gpu()):
        if there:  # the same version: pip would leave it
            succeed([str(python_of(venv)), "-m", "pip", "uninstall", "--yes", "torch", "torchvision"], venv)
        return "cuda"
    if all(offered(pin) for pin in torch_pins(newest, "+cpu")):
        return "cpu"
    if wish:
        raise SetupError(
            "The CPU build of torch cannot be had: {} does not answer within {} seconds, or has no {} for this "
            "Python. Run the same command again, or with TORCH=cuda.".format(
                torch_index(), PATIENCE, " and ".join(torch_pins(newest, "+cpu"))
            )
        )
    say("No NVIDIA GPU is seen, but the smaller build of torch cannot be had now: taking the one for GPUs")
    return "cuda"


def amount(build: str, dev: bool) -> "tuple[float, float, int]":
    """Return GB to download, GB on the disk, and minutes at 50 Mbit/s."""
    download, disk = (3.5, 5.5) if build == "cuda" else (0.6, 1.7)
    if dev:
        download, disk = download + 0.4, disk + 1.5
    return round(download, 1), round(disk, 1), round(download * 8000 / 50 / 60 + 1)


def on_linux() -> bool:
    """Return whether PyPI's torch brings libraries for GPUs."""
    return sys.platform.startswith("linux")


def has_nvidia_gpu() -> bool:
    """Return whether a driver for NVIDIA GPUs is there."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def installed_torch(venv: Path) -> str:
    """Return the version of torch in the environment, such as 2.9.0+cpu; nothing if there is none."""
    command = [str(python_of(venv)), "-c", "from importlib.metadata import version; print(version('torch'))"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def torch_index() -> str:
    """Return the address of PyTorch's own index, or of a mirror that the variable TORCH_INDEX names."""
    return os.environ.get("TORCH_INDEX", CPU_BUILDS).rstrip("/")


def torch_pins(newest: bool, build: str) -> "list[str]":
    """Return the requirements for torch and torchvision, with their tested versions and a build such as +cpu."""
    pins = dict(re.findall(r"^(torch|torchvision)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    return sorted(pins) if newest else ["{}=={}{}".format(name, pins[name], build) for name in sorted(pins)]


def offered(requirement: str) -> bool:
    """Return whether PyTorch's index answers soon, and has a wheel of this version for this Python and machine."""
    name, _, version = requirement.partition("==")
    tag = "(cp{}{}|py3)-".format(*sys.version_info[:2])
    wheel = '{}-{}-{}[^"<>]*({}|any)\\.whl'.format(name, re.escape(version) or "[^-]+", tag, platform.machine())
    try:
        with urllib.request.urlopen("{}/{}/".format(torch_index(), name), timeout=PATIENCE) as page:
            return re.search(wheel, urllib.parse.unquote(page.read().decode("utf-8", "replace"))) is not None
    except (OSError, ValueError):  # no answer, no such page, or no address
        return False


def succeed(command: "list[str]", venv: Path) -> None:
    """Run a command; stop the setup if it fails."""
    failure = run(command)
    if failure:
        raise SetupError(explain(failure, venv))


def index_of(pip: "list[str]") -> "list[str]":
    """Return the options by which uv takes packages from where pip is told to take them, if that is not PyPI."""
    settings = subprocess.run([*pip[:3], "config", "list"], stdout=subprocess.PIPE, universal_newlines=True).stdout
    found = re.search(r"\.index-url='(.*)'", settings)
    return ["--default-index", found.group(1)] if found else []


def peers() -> "list[str]":
    """Return the requirements of pyproject.toml's group of libraries that we are compared with."""
    import tomllib  # since Python 3.11, which check_python has made sure of

    with open(str(ROOT / "pyproject.toml"), "rb") as file:
        return tomllib.load(file)["dependency-groups"]["peers"]


def mark_ready(venv: Path, dev: bool) -> None:
    """Touch the files by which make knows what is installed; their names hold the Python version."""
    for kind in ["ready", "ready-dev"] if dev else ["ready"]:
        (venv / ".{}-{}.{}".format(kind, *sys.version_info[:2])).touch()
    say("{} is ready".format(venv))


def run(command: "list[str]") -> str:
    """Run a command and show its main steps; return all it said if it failed, else nothing."""
    process = subprocess.Popen(
        command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    )
    output = []
    for line in process.stdout or []:
        output.append(line)
        if re.match(r"\s*(Downloading|Installing collected|Building|Prepared|Installed)", line):
            print("   " + line.strip()[:100], flush=True)
    failed = process.wait() != 0
    return ("".join(output) or "no output") if failed else ""


def explain(output: str, venv: Path) -> str:
    """Return the sentence for what went wrong, or the last lines of the output when it is nothing foreseen."""
    temporary = Path(tempfile.gettempdir())
    if min(room(venv), room(temporary)) < 0.1:  # venv swallows the reason of its inner steps
        output += "No space left on device"
    for pattern, sentence in CAUSES:
        if re.search(pattern, output):
            return sentence.format(venv=room(venv), temporary=room(temporary), python=sys.version.split()[0])
    return "The last lines of the failed step were:\n" + "\n".join(output.strip().splitlines()[-15:])


def room(folder: Path) -> float:
    """Return the free space of a folder's disk in GB; the folder need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(str(folder)).free / 1e9


def python_of(venv: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def say(message: str) -> None:
    """Print a step."""
    print("== " + message, flush=True)


if __name__ == "__main__":
    sys.exit(main())
