"""Kernels for code that nobody vouches for: a bubblewrap sandbox as a provisioner of jupyter_client.

Inside: no network; of the files only Python, the library and the exercise's own, all read-only; no tests, no
gradebook, no other submission. Memory, processes, CPU time and file sizes are limited; what is written lies in
memory and goes away with the kernel.
"""

import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Integer, Unicode

import lecture_lib

HERE = Path(__file__).resolve().parent
HOME = "/home/student"
MEGABYTE = 2**20
PROVISIONERS = {"bubblewrap": "grader.sandbox:Bubblewrap", "unsandboxed": "grader.sandbox:Unsandboxed"}
SCRATCH = {"/tmp": 256 * MEGABYTE, HOME: 64 * MEGABYTE, "/dev/shm": 64 * MEGABYTE}
SYSTEM = ("/lib", "/lib32", "/lib64", "/bin", "/sbin")
SETTINGS = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime", "/sys/devices/system/cpu")
# Nothing in the answers may depend on the machine; threads that wait for one another on busy cores are slow.
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "LANG": "C.UTF-8",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "TQDM_DISABLE": "1",
}


class Unsandboxed(LocalProvisioner):
    """A kernel with the rights of whoever grades, plus a socket to ask for the student's functions."""

    memory = Integer(4096, help="megabytes that one process may use").tag(config=True)
    cpu_seconds = Integer(600, help="CPU time of one process").tag(config=True)
    processes = Integer(100, help="processes and threads at a time").tag(config=True)
    files = Unicode("", help="folder whose files, notebooks excepted, the kernel can read").tag(config=True)
    control: socket.socket | None = None
    control_number = -1  # of the socket's other end, inside

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Add limits and variables to the command that starts the kernel."""
        kwargs = await super().pre_launch(**kwargs)
        kwargs["env"] = {**kwargs["env"], **ENVIRONMENT}
        kwargs["cmd"] = [*self._limits(), *kwargs["cmd"]]
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel with one end of a socket, and nowhere to write but to its messages."""
        self.control, theirs = socket.socketpair()
        self.control_number = theirs.fileno()
        kwargs.update(pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with theirs:
            return await super().launch_kernel(cmd, **kwargs)

    async def cleanup(self, restart: bool = False) -> None:
        """Close the socket."""
        if self.control:
            self.control.close()
        await super().cleanup(restart)

    def _limits(self) -> list[str]:
        """A command that runs the rest of its arguments under limits (on Linux; elsewhere there are none)."""
        if not (prlimit := shutil.which("prlimit")):
            return []
        data = self.memory * MEGABYTE
        # Address space counts what is only reserved, too: torch with CUDA's libraries reserves 8 GB and uses little.
        sizes = [f"--data={data}", f"--as={data + 16 * 2**30}", f"--fsize={256 * MEGABYTE}", "--core=0"]
        return [prlimit, *sizes, f"--nproc={self.processes}", f"--cpu={self.cpu_seconds}", "--"]


class Bubblewrap(Unsandboxed):
    """A kernel in a sandbox."""

    _private = ""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Wrap the kernel's command in bwrap; messages go through sockets in a private folder."""
        manager: Any = self.parent
        self._private = tempfile.mkdtemp(prefix="k")
        sockets, connection_file = Path(self._private, "s"), Path(self._private, "connection.json")
        sockets.mkdir()
        sockets.chmod(0o777)  # the kernel's user may be another; the folder around it is private
        manager.transport, manager.ip = "ipc", str(sockets / "k")
        manager.connection_file = str(connection_file)
        kwargs = await super().pre_launch(**kwargs)
        connection_file.chmod(0o644)
        mounts = [*mounts_of(self.files), *_folders_to(str(sockets)), "--bind", str(sockets), str(sockets)]
        mounts += ["--ro-bind", str(connection_file), str(connection_file), "--chdir", HOME]
        kwargs["cmd"] = [*command(mounts), *kwargs["cmd"]]
        kwargs["cwd"] = "/"
        return kwargs

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the sockets."""
        await super().cleanup(restart)
        if not restart:
            shutil.rmtree(self._private, ignore_errors=True)


def command(mounts: list[str]) -> list[str]:
    """The bwrap command before the program to be run.

    Root is no subject to limits on processes. So where root grades, the program gets a user of its own,
    different for every grading process, and a second bwrap takes away the right to make namespaces.
    """
    bwrap = shutil.which("bwrap") or "bwrap"
    unshare = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    common = [*unshare, "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    user = ["--unshare-user", "--disable-userns"] if _has_disable_userns() else ["--unshare-user"]
    variables = {**ENVIRONMENT, "HOME": HOME, "USER": "student", "JPY_PARENT_PID": "1"}
    variables["PATH"] = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    variables["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), str(_library().parent)])
    variables["MPLCONFIGDIR"] = "/tmp/matplotlib"
    common += [part for name, value in variables.items() for part in ("--setenv", name, value)]
    if os.geteuid() != 0:
        return [bwrap, *user, *common, *mounts, "--"]
    number = str(200_000 + os.getpid() % 1_000_000)
    drop = ["setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups"]
    inner = [bwrap, *user, "--dev-bind", "/", "/", "--chdir", HOME, "--cap-drop", "ALL", "--"]
    return [bwrap, *common, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", *mounts, "--", *drop, *inner]


def mounts_of(files: str = "") -> list[str]:
    """Arguments of bwrap: what can be read, and where can be written."""
    mounts = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for folder in SYSTEM:
        if Path(folder).is_symlink():
            mounts += ["--symlink", os.readlink(folder), folder]
        elif Path(folder).exists():
            mounts += ["--ro-bind", folder, folder]
    for folder, size in SCRATCH.items():
        mounts += ["--perms", "1777", "--size", str(size), "--tmpfs", folder]
    wanted = [*SETTINGS, sys.prefix, sys.base_prefix, str(_library())]
    wanted += [str(HERE / name) for name in ("__init__.py", "wire.py", "inside.py")]
    for path in dict.fromkeys(wanted):
        mounts += [*_folders_to(path), "--ro-bind-try", path, path]
    for file in sorted(Path(files).iterdir()) if files else []:
        if file.suffix != ".ipynb" and not file.is_symlink():
            mounts += ["--ro-bind", str(file), f"{HOME}/{file.name}"]
    if fonts := _font_list():
        mounts += [
            "--perms",
            "1777",
            "--dir",
            "/tmp/matplotlib",
            "--ro-bind",
            str(fonts),
            f"/tmp/matplotlib/{fonts.name}",
        ]
    return mounts


def _folders_to(path: str) -> list[str]:
    """Folders that a mount needs; without this, bwrap makes them for their owner only."""
    made = [parent for parent in reversed(Path(path).parents) if not str(parent).startswith("/usr")]
    return [
        part
        for parent in made[1:]
        if str(parent) not in SCRATCH
        for part in ("--perms", "0755", "--dir", str(parent))
    ]


@functools.cache
def _font_list() -> Path | None:
    """Matplotlib's list of fonts: without it, every kernel that draws spends seconds on making one."""
    import matplotlib.font_manager

    found = Path(matplotlib.get_cachedir()) / f"fontlist-v{matplotlib.font_manager.FontManager.__version__}.json"
    return found if found.exists() else None


def _library() -> Path:
    return Path(lecture_lib.__file__).resolve().parent


@functools.cache
def _has_disable_userns() -> bool:
    shown = subprocess.run(["bwrap", "--help"], capture_output=True, text=True, check=False)
    return "--disable-userns" in shown.stdout


def problem() -> str | None:
    """Why there can be no sandbox on this machine, in a sentence; None if there can."""
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed (on Debian and Ubuntu: sudo apt install bubblewrap)."
    test = [*command(mounts_of()), sys.executable, "-c", "import IPython"]
    done = subprocess.run(test, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    return f"bubblewrap does not work here: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"


def write_kernel(folder: Path, *, sandboxed: bool, files: Path | None, memory: int, seconds: int) -> None:
    """Write the kernelspec folder/student/kernel.json, whose kernels start in the sandbox."""
    known = KernelProvisionerFactory.instance().provisioners  # of an older installation: without these
    for name, value in PROVISIONERS.items():
        known.setdefault(name, EntryPoint(name, value, KernelProvisionerFactory.GROUP_NAME))
    limits = {"memory": memory, "cpu_seconds": 10 * seconds, "files": str(files or "")}
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python for submissions",
        "language": "python",
        "interrupt_mode": "message",
        "metadata": {
            "kernel_provisioner": {
                "provisioner_name": "bubblewrap" if sandboxed else "unsandboxed",
                "config": limits,
            }
        },
    }
    (folder / "student").mkdir(parents=True, exist_ok=True)
    (folder / "student" / "kernel.json").write_text(json.dumps(spec, indent=1))
