"""Run the cells of a submission in its kernel, with an end to time and output, and without its tests."""

import contextlib
import functools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import nbformat
import psutil
import zmq.asyncio
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from grader.allowance import Allowance, computed_by, family
from grader.names import is_test, mark

KEPT = 2**20  # bytes of output of one cell that are stored
FLOOD = 32 * KEPT  # more than this ends the kernel
LOOK = 2  # seconds between two looks at whether a cell's time is up
RESTARTS = 3
CROWD = 24  # processes
ARGUMENTS = [
    "--HistoryManager.hist_file=:memory:",
    "--IPKernelApp.exec_lines=import warnings; warnings.simplefilter('ignore')",
]


class _Client(NotebookClient):
    """Keeps little of a cell's output, ends a kernel that floods it, and is patient where the machine is slow."""

    received = 0
    kill: Callable[[], None]
    is_over: Callable[[], bool]

    async def _async_handle_timeout(self, timeout: int, cell: NotebookNode | None = None) -> dict[str, Any] | None:
        """Called every few seconds while a cell runs: interrupt it when its time is up."""
        return await super()._async_handle_timeout(timeout, cell) if self.is_over() else None

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Count what arrives; drop what is too much."""
        content = msg["content"]
        if msg["msg_type"] in ("stream", "display_data", "execute_result", "error", "update_display_data"):
            self.received += len(str(content))
            if self.received > FLOOD:
                self.kill()
                raise DeadKernelError("output")
            if self.received > KEPT:
                return None
        return super().process_message(msg, cell, cell_index)


class _Manager(AsyncKernelManager):
    """Its clients share its context, and with it the limits on messages."""

    def client(self, **kwargs: Any) -> Any:
        """A client for the kernel."""
        return super().client(context=self.context, **kwargs)


class _Watch(threading.Thread):
    """Ends a kernel whose processes together become too many or too large: limits hold for each alone."""

    def __init__(self, process: int, memory: int, kill: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.process, self.memory, self.kill = process, memory, kill
        self.over = threading.Event()
        self.peak = 0.0  # MB, of all processes together

    def run(self) -> None:
        """Look twice a second."""
        while not self.over.wait(0.5):
            processes = family(self.process)
            size = sum(map(_resident, processes)) / 2**20
            self.peak = max(self.peak, size)
            if len(processes) > CROWD or size > 2 * self.memory:
                self.kill()


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _resident(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


class StudentKernel:
    """The kernel of one submission.

    Parameters
    ----------
    notebook : NotebookNode
        The cleaned submission; outputs are stored in it.
    kernels : Path
        Folder with the kernelspec "student".
    seconds : int
        Limit of a cell, and of a test; all cells together have four times as long.
    tested : dict
        By the grade_id of a test: the names to remember when the run comes to its place.
    """

    def __init__(
        self, notebook: NotebookNode, kernels: Path, seconds: int, tested: dict[str, list[str]] | None = None
    ) -> None:
        self.notebook, self.kernels, self.seconds, self.tested = notebook, kernels, seconds, tested or {}
        self.used, self.peak = 0.0, 0.0  # seconds in cells; MB of memory
        self.before = 0.0  # seconds that kernels computed which have ended
        self.client: _Client | None = None
        self.provisioner: Any = None
        self.restarts = 0
        self.done: list[NotebookNode] = []  # what has to run again after a restart
        self.whole = Allowance(self._computed, 4 * seconds)

    def __enter__(self) -> "StudentKernel":
        """Start the kernel."""
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        """End it."""
        self._stop()

    def run(self, cells: list[NotebookNode]) -> None:
        """Run cells in order. One that ends the kernel is left out, and the others run again in a new one.

        A test does not run here: at its place, what it is about is remembered.
        """
        for cell in cells:
            if is_test(cell):
                self._keep(cell)
            elif self.client is None or self.whole.is_over():
                cell.outputs = [_error("NotRun", "This cell was not run: the cells before it took too long.")]
            elif died := self._execute(cell):
                cell.outputs = [*cell.outputs[:1], _error("KernelDied", f"This cell ended Python: {died}.")]
                self._restart()
            else:
                self.done.append(cell)

    def serve(self) -> Callable[[], socket.socket | None]:
        """Let the kernel answer tests; return a function that opens a connection for one of them."""
        if self.client is None or self.client.kc is None:
            return lambda: None
        number, control = self.provisioner.control_number, self.provisioner.control
        self.client.kc.execute(f"import grader.inside\ngrader.inside.serve({number})", silent=True)

        def connect() -> socket.socket | None:
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    socket.send_fds(control, [b"t"], [theirs.fileno()])
            except OSError:  # the kernel is gone
                ours.close()
                return None
            return ours

        return connect

    def allow(self) -> Allowance:
        """The time for a cell or a test, from now on."""
        return Allowance(self._computed, self.seconds)

    def _computed(self) -> float:
        return self.before + (computed_by(family(self.provisioner.pid)) if self.client else 0.0)

    def _start(self) -> None:
        self.context = context = zmq.asyncio.Context()
        # The grading process holds at most these messages: 1000 of any size would be the default.
        context.setsockopt(zmq.MAXMSGSIZE, FLOOD)
        context.setsockopt(zmq.RCVHWM, 20)
        specs = KernelSpecManager(kernel_dirs=[str(self.kernels)], ensure_native_kernel=False)
        manager = _Manager(kernel_name="student", kernel_spec_manager=specs, context=context)
        self.client = _Client(
            self.notebook,
            km=manager,
            allow_errors=True,
            interrupt_on_timeout=True,
            error_on_timeout=_error("TimeoutError", f"This cell ran longer than {self.seconds} s."),
            raise_on_iopub_timeout=True,
            record_timing=False,
            timeout=LOOK,
            iopub_timeout=15,  # a busy machine may be that late
            startup_timeout=300,
            extra_arguments=ARGUMENTS,
            shutdown_kernel="immediate",
        )
        self.client.start_new_kernel()
        self.provisioner = manager.provisioner
        group, memory = self.provisioner.pgid, self.provisioner.memory
        self.client.kill = functools.partial(_kill, group)
        self.watch = _Watch(self.provisioner.pid, memory, self.client.kill)
        self.watch.start()
        self.client.start_new_kernel_client()

    def _stop(self) -> None:
        if self.client is not None:
            self.watch.over.set()
            self.before = self._computed()
            self.peak = max(self.peak, self.watch.peak)
            self.client._cleanup_kernel()
            self.context.destroy(linger=0)
            self.client = None

    def _restart(self) -> None:
        """Start afresh and run again what had run well; give up after a few times."""
        self._stop()
        self.restarts += 1
        if self.restarts > RESTARTS:
            return
        self._start()
        for cell in self.done:
            if is_test(cell):
                self._keep(cell)
            elif self._execute(nbformat.from_dict(cell)):
                self._stop()
                return

    def _keep(self, test: NotebookNode) -> None:
        """Remember what a test's functions are at its place."""
        names = self.tested.get(mark(test).get("grade_id", ""), [])
        if self.client is not None and self.client.kc is not None:
            self.client.kc.execute(f"import grader.inside\ngrader.inside.keep({names!r})", silent=True)
            if test not in self.done:
                self.done.append(test)

    def _execute(self, cell: NotebookNode) -> str | None:
        """Run a cell; return why it ended the kernel, if it did."""
        assert self.client is not None
        self.client.received = 0
        allowance, began = self.allow(), time.monotonic()
        self.client.is_over = lambda: allowance.is_over() or self.whole.is_over()
        try:
            self.client.execute_cell(cell, self.notebook.cells.index(cell) if cell in self.notebook.cells else 0)
        except DeadKernelError:
            return "too much output" if self.client.received > FLOOD else "the process is gone"
        except CellTimeoutError:
            return "it could not be interrupted, or printed too much at once"
        finally:
            self.used += time.monotonic() - began
        return None


def _error(name: str, message: str) -> NotebookNode:
    return nbformat.v4.new_output("error", ename=name, evalue=message, traceback=[message])
