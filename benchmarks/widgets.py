"""How long a widget takes to answer: from the mouse or the key to new pixels, in a real browser on JupyterLab.

    python -m benchmarks.widgets [--repeats 7] [--json build/widgets.json]

For every widget of the lectures: a move to a value that it has not seen (the first picture may be a preview with few
samples), and a move back to one that it remembers. The time ends with the first frame after the new picture, which
was decoded before, has been put into the page. Please leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser import test_widgets  # noqa: E402 — the same widgets as in the tests
from tests.shared import browser as shared  # noqa: E402

LIMITS = {"remembered": 100, "new": 500}  # ms
PORT = 18_988
CONTROLS = {  # one that is moved by the mouse, or None, and one that is moved by keys
    "plane": ("point", "point"),
    "smoothgrad": ("noise level", "noise level"),
    "integrated_gradients": ("steps", "steps"),
    "grad_cam": (None, "layer"),
    "attention": ("bird", "bird"),
    "attack": ("ε · 255", "ε · 255"),
    "bim_path": ("x₁", "x₁"),
}
# Waits for the first change of the picture after the first event of a hand; then for the frame that shows it.
WATCH = """stage => {
    let began = null;
    const start = event => { began ??= event.timeStamp; };
    const events = ["pointerdown", "keydown"];
    events.forEach(name => window.addEventListener(name, start, true));
    window.answer = new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error("no new picture within a minute")), 60000);
        const observer = new MutationObserver(changes => {
            const added = changes.flatMap(change => [...change.addedNodes]);
            const seen = added.some(node => node.nodeName === "DIV");  // a screen replaces what it shows as a whole
            if (began === null || !seen) return;
            observer.disconnect();
            events.forEach(name => window.removeEventListener(name, start, true));
            requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
        });
        observer.observe(stage, {childList: true, subtree: true});
    });
}"""


def main() -> None:
    """Measure, print a table, and write the numbers to a file on request."""
    parser = argparse.ArgumentParser(description="Time from the mouse or the key to new pixels.")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        test_widgets.write_notebook(Path(folder) / "widgets.ipynb")
        server = start_lab(Path(folder))
        try:
            rows = measure(f"http://127.0.0.1:{PORT}", chosen.repeats)
        finally:
            server.terminate()
            server.wait(timeout=60)
    report = {"machine": machine(), "limits": LIMITS, "milliseconds": rows}
    print_table(report)
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def start_lab(folder: Path) -> subprocess.Popen[bytes]:
    """JupyterLab on a folder, with settings of its own; torch has all cores, as for a student."""
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    private = {name: str(folder / name) for name in names}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    private |= {"JUPYTER_CONFIG_PATH": str(ROOT / "tools" / "jupyter"), "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    options = ["--no-browser", "--allow-root", f"--port={PORT}", "--ServerApp.port_retries=0"]
    command = [sys.executable, "-m", "jupyterlab", *options, "--IdentityProvider.token=t", "--log-level=ERROR"]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment | private, stdout=log, stderr=log)
    shared.wait_for(f"http://127.0.0.1:{PORT}/api", server, seconds=300)
    return server


def measure(address: str, repeats: int) -> list[dict[str, Any]]:
    """Milliseconds of every move, by widget, hand and kind."""
    rows = []
    with sync_playwright() as playwright:
        expect.set_options(timeout=120_000)
        browser = playwright.chromium.launch(executable_path=shared.BROWSER, args=shared.FLAGS.split())
        page = test_widgets.open_widgets(browser, address, "widgets.ipynb", patience=600)
        page.wait_for_timeout(2000)
        for name, (by_mouse, by_key) in CONTROLS.items():
            shown = test_widgets.Shown(page, name)
            for hand, control, move in (("mouse", by_mouse, click), ("keyboard", by_key, press)):
                if control:
                    times = there_and_back(shown, move, control, repeats)
                    rows += [{"widget": name, "hand": hand, "kind": kind, "times": times[kind]} for kind in times]
        browser.close()
    return rows


def there_and_back(shown: Any, move: Any, name: str, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of moves of a control to values that the widget has not seen, and back to one that it knows."""
    control = shown.stage.get_by_label(name) if name == "layer" else shown.slider(name)
    if move is click:
        move(shown, control, 0, back=True)
    times: dict[str, list[float]] = {"new": [], "remembered": []}
    for number in range(repeats):
        for kind, back in (("new", False), ("remembered", True)):
            settle(shown)
            control.focus()
            shown.stage.evaluate(WATCH)
            move(shown, control, number, back)
            times[kind].append(round(shown.page.evaluate("answer"), 1))
            print(f"{name}, {move.__name__}, {kind}: {times[kind][-1]:.0f} ms", file=sys.stderr, flush=True)
        settle(shown)
        if move is press:
            move(shown, control, number, back=False)  # from here, the next place is new
    return times


def settle(shown: Any) -> None:
    """Wait until the widget has nothing more to do."""
    shown.page.wait_for_timeout(300)
    shown.is_done()
    shown.page.wait_for_timeout(100)


def click(shown: Any, handle: Any, number: int, back: bool) -> None:
    """Click on the track of a slider, each time elsewhere, and then on its first place; or drag the point."""
    if shown.stage.locator("svg").count():
        shown.drag(handle, -9 if back else 9, steps=1)
        return
    track = handle.locator("xpath=ancestor::*[@class='noUi-base']").bounding_box()
    share = 0.05 if back else 0.35 + 0.08 * number  # not where the handle is: a click on it moves nothing
    shown.page.mouse.click(track["x"] + share * track["width"], track["y"] + track["height"] / 2)


def press(shown: Any, control: Any, number: int, back: bool) -> None:
    """Press an arrow key: to the next place, or back to where it was before."""
    keys = ("ArrowUp", "ArrowDown") if control.evaluate("e => e.tagName") == "SELECT" else ("ArrowRight", "ArrowLeft")
    control.focus()
    shown.page.keyboard.press(keys[back])


def machine() -> str:
    """The processor, and how busy it is."""
    load = os.getloadavg()[0]
    return f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at the end"


def print_table(report: dict[str, Any]) -> None:
    """Medians, and the slowest of each kind."""
    print(f"From the event to new pixels, milliseconds ({report['machine']})\n")
    print(f"{'widget':22}{'hand':10}{'value':12}{'median':>8}{'slowest':>9}{'limit':>7}")
    for row in report["milliseconds"]:
        limit = report["limits"][row["kind"]]
        late = "" if median(row["times"]) <= limit else "  late"
        print(
            f"{row['widget']:22}{row['hand']:10}{row['kind']:12}{median(row['times']):8.0f}{max(row['times']):9.0f}"
            f"{limit:7}{late}"
        )


if __name__ == "__main__":
    main()
