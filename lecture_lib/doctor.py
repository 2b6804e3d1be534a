"""Is this machine ready for the course? ``python -m lecture_lib.doctor`` says so, line by line.

Paste its output into a bug report.
"""

import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import psutil

PACKAGES = ("torch", "torchvision", "timm", "numpy", "matplotlib", "jupyterlab", "ipywidgets", "nbgrader", "nbval")
LEAST_PYTHON = (3, 11)
LEAST_MEMORY = 1.5  # GB: the network, JupyterLab and a browser tab fit into it


class MachineError(Exception):
    """A check that failed; the message says what was found, and what mends it."""


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise MachineError(otherwise)


def python_version() -> str:
    """Python's version, at least 3.11."""
    found = f"Python {platform.python_version()}"
    _demand(sys.version_info >= LEAST_PYTHON, f"this is {found}; install Python 3.11 or newer and set up again")
    return f"{found} on {platform.system()} {platform.machine()}"


def package_versions() -> str:
    """Versions of the packages that the course rests on.

    Raises
    ------
    MachineError
        If one is missing.
    """
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            raise MachineError(f"{package} is not installed; run: make setup") from None
    return ", ".join(found)


def free_memory() -> str:
    """Free memory in GB, enough for the course."""
    free = psutil.virtual_memory().available / 1e9
    found = f"{free:.1f} GB of memory are free"
    _demand(free >= LEAST_MEMORY, f"{found}; close other programs until {LEAST_MEMORY} GB are")
    return found


def weights_load() -> str:
    """Load EfficientNet-Lite0 and let it look at a photograph, on which it should see a tripod."""
    from lecture_lib import networks, pictures

    name, probability = networks.efficientnet_lite0().predict(pictures.photo("camera"), top=1)[0][0]
    _demand(name == "tripod", f"the network sees {name} instead of a tripod; run: make clean setup")
    return f"the weights load; the network sees a {name} (p = {probability:.2f}) on the photograph 'camera'"


def map_computed() -> str:
    """Compute a saliency map twice, and time the second; it should be finite, and not 0 everywhere."""
    from lecture_lib import gradients, maps, networks, pictures

    network, image = networks.efficientnet_lite0(), pictures.photo("camera")
    for _ in range(2):  # the first call warms up
        start = time.perf_counter()
        saliency = maps.max_abs(gradients.gradient(network.score("tripod"), image))
    _demand(0 < saliency.max().item() < float("inf"), "the saliency map is empty; run: make clean setup")
    return f"a saliency map is computed in {1000 * (time.perf_counter() - start):.0f} ms"


CHECKS: tuple[Callable[[], str], ...] = (python_version, package_versions, free_memory, weights_load, map_computed)


def report(check: Callable[[], str]) -> tuple[bool, str]:
    """Run one check.

    Parameters
    ----------
    check : function
        Returns what it found, or raises.

    Returns
    -------
    (bool, str)
        Whether it went well, and the line to print.
    """
    name = check.__name__.replace("_", " ")
    try:
        return True, f"OK    {name}: {check()}"
    except MachineError as problem:
        return False, f"FAIL  {name}: {problem}"
    except Exception as error:  # a broken installation can fail anywhere: report it, and go on to the next check
        return False, f"FAIL  {name}: {type(error).__name__}: {' '.join(str(error).split())}; run: make clean setup"


def main() -> int:
    """Print one line per check.

    Returns
    -------
    int
        0 if every check went well, else 1.
    """
    well = True
    for check in CHECKS:
        ok, line = report(check)
        well = well and ok
        print(line, flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
