"""A place of its own for what a student wrote: bubblewrap, where the machine has and allows it.

Inside there is no network, no other process, and of the files only Python, its packages and this
library, to read, and one folder to write to. Students' work, solutions, the gradebook, home folders
and the variables of the environment do not exist there.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
from jupyter_client.manager import AsyncKernelManager
from traitlets import default

import fairmedl_lite

PROGRAM = "bwrap"
CHOICES = ("auto", "required", "no")
LIBRARY = Path(fairmedl_lite.__file__).resolve().parent
SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"]
SYSTEM += ["/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/sys/devices/system/cpu"]
KEPT = ["PATH", "LANG", "LC_ALL", "TZ", "KERAS_BACKEND", "CUDA_VISIBLE_DEVICES"]
KEPT += ["TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"]
SECRET = "CANARY_OF_THE_SANDBOX"
# Each line must fail inside. What worked is printed, by its name.
CANARY = """
import json, os, socket, sys
course, package, port, secret = sys.argv[1:]
def connect(): socket.create_connection(("127.0.0.1", int(port)), 2).close()
def write(): open(os.path.join(package, "canary"), "w").close()
def others(): assert sum(name.isdigit() for name in os.listdir("/proc")) > 5
attempts = {
    "the network": connect,
    "the class's folder": lambda: os.listdir(course),
    "changes to the library": write,
    "other processes": others,
    "the environment": lambda: os.environ[secret],
}
worked = []
for name, attempt in attempts.items():
    try:
        attempt()
        worked.append(name)
    except Exception:
        pass
open("answer", "w").close()
print(json.dumps(worked))
"""
ABSENT = (
    "WARNING: students' programs run without a sandbox, with all of your rights: {}. Read "
    "'Grade safely' in docs/instructors.md. To be stopped here instead: make grade "
    "SANDBOX=required."
)


def command(folder: Path, program: list[str], environment=os.environ) -> list[str]:
    """The command that runs a program in a sandbox.

    Args:
        folder: The one folder that it may write to. It starts there, and has it as home.
        program: What to run, with its arguments.
        environment: The variables of which a few are kept.

    Returns:
        The program and its arguments, after those of bubblewrap.
    """
    folder = str(Path(folder).resolve())
    line = [PROGRAM, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    line += ["--proc", "/proc", "--dev", "/dev"]
    for place in ("/tmp", "/dev/shm", folder):  # memory is no disk: nothing is kept in it
        line += ["--bind", folder, place]
    for path in readable(environment):
        line += ["--ro-bind-try", path, path]
    line += ["--remount-ro", "/", "--chdir", folder, "--clearenv"]
    for name, value in variables(folder, environment).items():
        line += ["--setenv", name, value]
    return [*line, "--", *program]


def readable(environment=os.environ) -> list[str]:
    """What may be read: the system's programs, this Python with its packages, the library."""
    python = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1])}
    added = [path for path in _added(environment) if Path(path).resolve() not in LIBRARY.parents]
    return [*SYSTEM, *sorted(python - {"/usr", "/"}), *added, str(LIBRARY)]


def variables(folder: str, environment=os.environ) -> dict[str, str]:
    """The variables inside: a few that are kept, and none that could hold a secret."""
    kept = {name: environment[name] for name in KEPT if name in environment}
    paths = [*_added(environment), str(LIBRARY.parent)]
    own = {"HOME": folder, "TMPDIR": folder, "USER": "student"}
    return kept | own | {"PYTHONPATH": os.pathsep.join(paths), "NBGRADER_EXECUTION": "autograde"}


def _added(environment):
    """The folders of PYTHONPATH."""
    paths = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    return list(map(os.path.abspath, paths))


def missing() -> str:
    """Why there can be no sandbox here, in words; empty if there can."""
    if sys.platform != "linux":
        return "bubblewrap is for Linux"
    if not shutil.which(PROGRAM):
        return "bubblewrap is not installed (Debian and Ubuntu: apt install bubblewrap)"
    with tempfile.TemporaryDirectory(prefix="sandbox_") as folder:
        done = subprocess.run(
            command(Path(folder), [sys.executable, "-c", "pass"]), capture_output=True, text=True
        )
    said = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
    return f"bubblewrap cannot start here ({said})" if done.returncode else ""


def leaks(course: Path, wrap=command) -> list[str]:
    """What a canary could reach from inside: nothing, or nobody should be graded here."""
    with tempfile.TemporaryDirectory(prefix="sandbox_") as folder, socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        given = [str(course), str(LIBRARY), str(server.getsockname()[1]), SECRET]
        program = wrap(Path(folder), [sys.executable, "-c", CANARY, *given])
        environment = os.environ | {SECRET: "known"}
        done = subprocess.run(program, capture_output=True, text=True, cwd=folder, env=environment)
        (LIBRARY / "canary").unlink(missing_ok=True)
        if done.returncode or not (Path(folder) / "answer").exists():
            return [f"a canary that could not run: {done.stderr.strip()[-300:]}"]
        return json.loads(done.stdout)


def choose(choice: str, course: Path) -> bool:
    """Whether to grade in a sandbox. Warns without one.

    Args:
        choice: `"auto"`, `"required"` or `"no"`.
        course: The class's folder, which must be out of sight.

    Raises:
        SystemExit: If a sandbox is required and there can be none, or if it leaks.
    """
    why = "you asked for none" if choice == "no" else missing()
    if why and choice == "required":
        raise SystemExit(f"No sandbox, so nobody is graded: {why}.")
    if why:
        print(ABSENT.format(why), file=sys.stderr)
    elif found := leaks(course):
        raise SystemExit(
            f"The sandbox leaks, so nobody is graded. From inside one reaches: {', '.join(found)}."
        )
    return not why


class Sandboxed(AsyncKernelManager):
    """A kernel in a sandbox. It speaks through files in the folder of its connection file."""

    @default("transport")
    def _no_network(self):
        return "ipc"

    def format_kernel_cmd(self, extra_arguments=None):
        """The kernel's command, in a sandbox."""
        folder = Path(self.connection_file).parent
        return command(folder, super().format_kernel_cmd(extra_arguments))

    async def interrupt_kernel(self):
        """Tells the kernel itself: a signal to bubblewrap, its parent's parent, would end it."""
        for first in psutil.Process(self.provisioner.pid).children():
            for kernel in first.children()[:1]:
                kernel.send_signal(signal.SIGINT)
