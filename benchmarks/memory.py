"""How much memory a method needs: ``python -m benchmarks.memory`` prints it as JSON, from a process of its own.

The most that the process held during the call, less what it held before. Linux forgets the most on request, so one
process can measure one call after another; elsewhere there are no numbers.
"""

import ctypes
import gc
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATUS, FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
FEW, MANY = 50, 1000  # samples, steps: memory must not grow


def peak(call: Callable[[], Any]) -> tuple[float, float]:
    """MiB that the process held at most during the call: more than before, and in all.

    Parameters
    ----------
    call : function
        Without arguments. It runs twice: what stays after a first call is not counted.

    Returns
    -------
    (float, float)
        The growth, the whole.
    """
    call()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # freed memory that was kept would hide what the call needs
    FORGET.write_text("5")
    before = _held("VmRSS")
    call()
    return _held("VmHWM") - before, _held("VmHWM")


def _held(key: str) -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1024


def in_a_child() -> dict[str, Any]:
    """What `main` prints, or nothing where the system does not tell.

    Returns
    -------
    dict
        ``methods``: from the method to the library to MiB; ``growth``: whole process with many samples / with few.
    """
    if not FORGET.exists():
        return {}
    done = subprocess.run([sys.executable, "-m", "benchmarks.memory"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure and print."""
    from benchmarks import cases

    one, cnn = cases.efficientnet(1), cases.birds("birds_cnn", 1)
    found: dict[str, dict[str, float]] = {}
    for case in (
        cases.gradient(one),
        cases.smoothgrad(one, 12),
        cases.integrated_gradients(one, 12),
        cases.grad_cam(one),
        cases.fgsm(one),
        cases.bim(one),
    ):
        found[case.method] = {"ours": peak(case.ours)[0]}
        for peer in case.peers:
            batch_size = 4 if len(peer.batch_sizes) > 1 else peer.batch_sizes[0]  # as many as ours take
            found[case.method][peer.library] = peak(lambda: peer.run(one.network, batch_size))[0]  # noqa: B023
    growth = {}
    for make in (cases.smoothgrad, cases.integrated_gradients):
        few, many = (make(cnn, n).ours for n in (FEW, MANY))
        growth[make.__name__] = peak(many)[1] / peak(few)[1]
    print(json.dumps({"methods": found, "growth": growth}))


if __name__ == "__main__":
    main()
