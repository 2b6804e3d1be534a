"""Open a lecture as live slides in JupyterLab, with every cell before its first widget already run.

    python -m tools.present 03 [--port 8888] [--no-browser]

What is shown is a copy in build/present, so nothing that you change on stage gets into the course.
JupyterLab is started first, then its kernel for the copy; the cells run there, and the page that opens last attaches
to the same kernel.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import webbrowser
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_core.paths import jupyter_runtime_dir
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary

from lecture_lib.show import PROSE_SIZE, SMALL_SIZE
from tools import build
from tools.editions import room, shows_widget

ROOT = Path(__file__).resolve().parent.parent
# What differs from JupyterLab in daily use. Code that only draws is hidden …
STYLES = {
    # … unless the cell has still to be run
    ".jp-Deck [data-jpf-cell-tags*=',hide-input,']:not(.jp-mod-noOutputs) .jp-Cell-inputWrapper": {"display": "none"},
    ".jp-Deck .jp-RenderedImage img": {"width": "100%", "max-height": "62vh", "object-fit": "contain"},
    ".jp-Deck .jp-RenderedMarkdown": {"line-height": "1.35"},
    ".jp-Deck .jp-CodeCell .cm-line, .jp-Deck .jp-OutputArea-output pre": {"line-height": "1.25"},
}
# The page opens without the focus on a slide, where the deck's own keys would not be heard. The buttons of a remote
# control are Page Up and Page Down.
NO_FOCUS, ANY_FOCUS = (f"body[data-jp-deck-mode='presenting']{more}" for more in (":not(:has(:focus))", ""))
NEXT, PREVIOUS = {"direction": "down", "alternate": "forward"}, {"direction": "up", "alternate": "back"}
SHORTCUTS = [
    {"command": command, "args": arguments, "keys": [key], "selector": selector}
    for key, command, arguments, selector in [
        ("PageDown", "deck:go", NEXT, ANY_FOCUS),
        ("PageUp", "deck:go", PREVIOUS, ANY_FOCUS),
        ("Space", "deck:go", NEXT, NO_FOCUS),
        ("Shift Space", "deck:go", PREVIOUS, NO_FOCUS),
        ("ArrowRight", "deck:forward", {}, NO_FOCUS),
        ("ArrowLeft", "deck:back", {}, NO_FOCUS),
        ("ArrowDown", "deck:down", {}, NO_FOCUS),
        ("ArrowUp", "deck:up", {}, NO_FOCUS),
        ("Shift Enter", "notebook:run-cell-and-select-next", {}, NO_FOCUS),
    ]
]
SETTINGS: dict[str, dict[str, Any]] = {
    "jupyterlab-slideshow/plugin": {"active": True},
    "@deathbeds/jupyterlab-fonts/fonts": {"enabled": True, "styles": STYLES},
    "@jupyterlab/apputils-extension/themes": {
        "overrides": {
            "content-font-size1": f"{PROSE_SIZE}px",
            "code-font-size": f"{SMALL_SIZE}px",
            "ui-font-size1": f"{SMALL_SIZE}px",
        }
    },
    "@jupyterlab/shortcuts-extension/shortcuts": {"shortcuts": SHORTCUTS},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    "@jupyterlab/notebook-extension/tracker": {
        "windowingMode": "none"
    },  # as slides want it: else they switch it late
}


def stage(chapter: str, root: Path, folder: Path) -> Path:
    """Lay the lectures into a folder, the chosen one in the room's edition, and settings; return where it is."""
    texts = sorted((root / "course" / "lectures").glob(f"{chapter}*.py"))
    if not texts:
        raise SystemExit(f"There is no chapter {chapter} in course/lectures.")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / "notebooks", folder / "notebooks")
    (folder / "exercises").symlink_to(root / "exercises")  # links in the lectures lead there
    chosen = folder / "notebooks" / f"{texts[0].stem}.ipynb"
    nbformat.write(room(build.read(texts[0]), nbformat.read(chosen, as_version=4)), chosen)
    for plugin, values in SETTINGS.items():
        write_json(folder / "settings" / f"{plugin}.jupyterlab-settings", values)
    return chosen


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(values), encoding="utf-8")


def start_server(folder: Path, port: int, token: str) -> subprocess.Popen[bytes]:
    """Start JupyterLab in a folder, without a page."""
    write_json(folder / "config" / "jupyter_server_config.json", {"IdentityProvider": {"token": token}})
    environment = {
        "JUPYTER_CONFIG_PATH": os.pathsep.join([str(folder / "config"), str(ROOT / "tools" / "jupyter")]),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),  # no page of last time comes back
    }
    options = ["--no-browser", "--log-level=ERROR", f"--port={port}", "--ServerApp.port_retries=0"]
    command = [sys.executable, "-m", "jupyterlab", *options, "--ServerApp.allow_root=True"]
    return subprocess.Popen(command, env=os.environ | environment, cwd=folder)


def ask(address: str, token: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the server; with a body, tell it."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=60) as answer:
        return json.load(answer)


def wait_for(address: str, token: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers; leave if it has stopped."""
    while server.poll() is None:
        try:
            ask(f"{address}/api/status", token)
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("JupyterLab did not start. Is the port taken? Try another: make present PORT=8899")


def start_kernel(address: str, token: str, name: str) -> BlockingKernelClient:
    """Start the kernel to which the page will attach, and connect to it."""
    notebook = {"path": f"notebooks/{name}", "name": name, "type": "notebook"}
    session = ask(f"{address}/api/sessions", token, {**notebook, "kernel": {"name": "python3"}})
    client = BlockingKernelClient(
        connection_file=str(Path(jupyter_runtime_dir()) / f"kernel-{session['kernel']['id']}.json")
    )
    client.load_connection_file()
    client.start_channels()
    for attempt in range(60):
        try:
            client.wait_for_ready(timeout=60)
            break
        except RuntimeError:  # its heart does not beat yet
            if attempt == 59:
                raise
            time.sleep(0.5)
    return client


def run(path: Path, kernel: BlockingKernelClient) -> None:
    """Run a notebook up to its first widget, and store what its cells show; say which of them have failed."""
    notebook = nbformat.read(path, as_version=4)
    run_to_first_widget(notebook, kernel)
    nbformat.write(notebook, path)
    NotebookNotary().sign(notebook)  # these outputs were made here, and may be shown
    failed = [cell for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error"]
    if failed:
        print(f"== {len(failed)} cells have failed. The first of them:\n{failed[0].source}", file=sys.stderr)


def run_to_first_widget(notebook: NotebookNode, kernel: BlockingKernelClient) -> int:
    """Run the cells above the first one that has shown a widget; clear the others; return how many have run."""
    client = NotebookClient(notebook, allow_errors=True)
    client.kc = kernel
    client.reset_execution_trackers()
    cells = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    first = next((n for n, (_, cell) in enumerate(cells) if shows_widget(cell)), len(cells))
    for number, (index, cell) in enumerate(cells):
        if number < first:
            print(f"\r== Running cell {number + 1} of {first}", end="", flush=True)
            client.execute_cell(cell, index)
        elif shows_widget(cell):
            cell.outputs, cell.execution_count = [], None
    print()
    notebook.metadata.pop("widgets", None)  # the state of widgets that are no more
    return first


def main() -> None:
    """Present the chapter named on the command line until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Open a lecture as live slides in JupyterLab.")
    parser.add_argument("chapter", help="its number, such as 03")
    parser.add_argument("--port", type=int, default=8888)
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--root", type=Path, default=ROOT, help="where the course is")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "present", help="where their copies go")
    chosen = parser.parse_args()
    path = stage(chosen.chapter, chosen.root, chosen.folder)
    token, address = secrets.token_hex(16), f"http://localhost:{chosen.port}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that the server is stopped below
    server = start_server(chosen.folder, chosen.port, token)
    try:
        wait_for(address, token, server)
        kernel = start_kernel(address, token, path.name)
        run(path, kernel)
        kernel.stop_channels()
        page = f"{address}/lab/tree/notebooks/{path.name}?token={token}"
        print(f"== The slides (stop with Ctrl-C): {page}", flush=True)
        if not chosen.no_browser:
            webbrowser.open(page)
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()
        server.wait(timeout=30)


if __name__ == "__main__":
    main()
