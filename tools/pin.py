"""Print constraints.txt: the version of every package of the environment this runs in (``make constraints``)."""

from __future__ import annotations

import re
import sysconfig
from importlib.metadata import distributions

HEADER = """\
# The tested version of every package. Made by `make constraints` from a fresh environment with the newest
# versions that pyproject.toml allows; a pin of a package that is not needed on your system does nothing.
"""
HELD = {
    "jsonschema": "4.24.1",  # newer ones build a parser whenever Jupyter starts: 2 seconds in every process
    "soupsieve": "2.10",  # newer ones refuse Python 3.11.0 to 3.11.4, and Debian 12 has 3.11.2
}
NOT_PINNED = {"pip", "saliency-lectures"}  # the tool that installs, and this repository
CUDA = re.compile(r"(cuda|nvidia|triton)\b")


def canonical(name: str) -> str:
    """Return the name under which the package index knows a distribution."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """Return name → public version (without a local part like +cpu) of what is installed here."""
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}  # not what setuptools carries inside
    found = {canonical(dist.name): dist.version.split("+")[0] for dist in distributions(path=sorted(folders))}
    return {name: version for name, version in sorted(found.items()) if name not in NOT_PINNED}


def main() -> None:
    """Print the pins, those of the CUDA build of torch apart."""
    pins = {name: f"{name}=={version}" for name, version in {**installed(), **HELD}.items()}
    print(HEADER)
    print("\n".join(pin for name, pin in pins.items() if not CUDA.match(name)))
    print("\n# Only with the CUDA build of torch, the default on Linux.")
    print("\n".join(pin for name, pin in pins.items() if CUDA.match(name)))


if __name__ == "__main__":
    main()
