"""Makes what Binder makes, without Docker, and opens every lesson in it: at most 1 GB of memory.

    python -m tools.repository.binder                 all lessons
    python -m tools.repository.binder --only 00 09    some

repo2docker says what it would build. Then, in build/binder: a clone of the last commit, a new
environment from the pip section of binder/environment.yml, postBuild, and a Jupyter server. Each
lesson is opened by the path of its badge, and its cells run in a kernel of that server. What conda
would add, Python itself, is the Python that runs this.
"""

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import yaml
from jupyter_client import BlockingKernelClient
from tqdm import tqdm

from tools.lessons.run import QUIET
from tools.lessons.sources import NOTEBOOKS, ROOT
from tools.lessons.watching import HOUR, Usage

FOLDER = ROOT / "build" / "binder"
CLONE, ENVIRONMENT, REPO2DOCKER = FOLDER / "clone", FOLDER / "environment", FOLDER / "repo2docker"
PROMISED = 1024  # megabytes of 2^20 bytes that mybinder.org promises
WANTED = (
    'env update -p ${NB_PYTHON_PREFIX} --file "binder/environment.yml"',
    "RUN ./binder/postBuild",
)


def environment(folder: Path, *packages: str) -> Path:
    """A new environment with these packages: the folder of its programs."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([programs / "python", "-m", "pip", "install", "-qq", *packages], check=True)
    return programs


def dockerfile() -> str:
    """What repo2docker would build of the clone."""
    program = environment(REPO2DOCKER, "jupyter-repo2docker") / "jupyter-repo2docker"
    command = [program, "--no-build", "--debug", "."]
    done = subprocess.run(command, cwd=CLONE, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def pip_section() -> list[str]:
    """The requirements that Binder gives to pip."""
    text = (CLONE / "binder" / "environment.yml").read_text(encoding="utf-8")
    (section,) = (part for part in yaml.safe_load(text)["dependencies"] if isinstance(part, dict))
    return section["pip"]


def build() -> Path:
    """Clone, environment and postBuild: the folder of the environment's programs."""
    shutil.rmtree(CLONE, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(CLONE)], check=True)
    missing = [line for line in WANTED if line not in dockerfile()]
    if missing:
        sys.exit(f"repo2docker would not run {missing}")
    print("repo2docker: uses binder/environment.yml and binder/postBuild")
    section = pip_section()
    programs = environment(ENVIRONMENT, *section)
    print(f"pip section: {len(section)} requirements resolved and installed")
    subprocess.run([CLONE / "binder" / "postBuild"], cwd=CLONE, env=inside(programs), check=True)
    print("postBuild: done")
    return programs


def inside(programs: Path) -> dict:
    """The environment variables of a session on Binder."""
    return os.environ | QUIET | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


class Server:
    """A Jupyter server in the clone, as Binder starts it."""

    def __init__(self, programs: Path):
        self.token, self.runtime = secrets.token_hex(), FOLDER / "runtime"
        shutil.rmtree(self.runtime, ignore_errors=True)
        command = [programs / "jupyter-lab", "--no-browser", "--allow-root", "--port=0"]
        variables = inside(programs) | {
            "JUPYTER_TOKEN": self.token,
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
        }
        with (FOLDER / "server.log").open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=CLONE, env=variables, stdout=log, stderr=log
            )
        self.address = self._address()

    def _address(self):
        while self.process.poll() is None:
            for path in self.runtime.glob("jpserver-*.json"):
                return json.loads(path.read_text())["url"]
            time.sleep(0.1)
        raise RuntimeError(f"the server did not start: see {FOLDER / 'server.log'}")

    def ask(self, path: str, data=None, method=None) -> bytes:
        """What the server answers; anything but success raises."""
        body = None if data is None else json.dumps(data).encode()
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.address + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=HOUR) as answer:
            return answer.read()

    @contextmanager
    def kernel(self, lesson: str):
        """A client of the kernel that the server starts for a lesson."""
        session = {"path": lesson, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
        made = json.loads(self.ask("api/sessions", session))
        path = self.runtime / f"kernel-{made['kernel']['id']}.json"
        client = BlockingKernelClient(connection_file=str(path))
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=HOUR)
        yield client
        client.stop_channels()
        self.ask(f"api/sessions/{made['id']}", method="DELETE")


def open_lesson(server: Server, name: str) -> dict:
    """Opens a lesson and runs its cells: seconds, and megabytes of the server with its kernel."""
    usage, start, path = Usage(), time.monotonic(), f"notebooks/{name}.ipynb"
    usage.watch(server.process.pid)
    if b"<title>JupyterLab" not in server.ask(f"lab/tree/{path}"):
        raise RuntimeError(f"lab/tree/{path} is no page of JupyterLab")
    cells = nbformat.read(CLONE / path, as_version=4).cells
    with server.kernel(path) as client:
        for cell in (cell for cell in cells if cell.cell_type == "code"):
            reply = client.execute_interactive(cell.source, output_hook=str, timeout=HOUR)
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"{name}: {reply['content']}")
    return {"seconds": time.monotonic() - start, "megabytes": usage.stop()}


def main() -> int:
    """Builds, opens the lessons, and fails where one needs more than Binder promises."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="numbers of lessons, such as 00 06")
    wanted = tuple(parser.parse_args().only) or tuple("0123456789")
    FOLDER.mkdir(parents=True, exist_ok=True)
    server, found = Server(build()), {}
    try:
        names = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
        for name in tqdm([name for name in names if name.startswith(wanted)], unit="lesson"):
            found[name] = open_lesson(server, name)
    finally:
        server.process.terminate()
    for name, row in found.items():
        print(f"{name:24}  {row['seconds']:5.1f} s  {row['megabytes']:5.0f} MB with the server")
    return int(max(row["megabytes"] for row in found.values()) > PROMISED)


if __name__ == "__main__":
    sys.exit(main())
