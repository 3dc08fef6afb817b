"""Runs every target of `make help` but the study on a clean clone, and tells how each ended.

    python -m tools.repository.every                  # all, one after the other
    python -m tools.repository.every --only test-jax  # some of them, in the same clone

What is too dear for each change is run by this one command: see CONTRIBUTING. A target that waits
for a person, such as `lab`, is stopped once it answers.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pandas as pd

from tools import ROOT

CLONE = ROOT / "build" / "every"
# What a target is called with; by default nothing. The order is that of a first visit.
ARGUMENTS = {
    "lessons": ["ONLY=00"],
    "release": ["ONLY=03"],
    "grade": ["ONLY=03", "FROM=build/handed_in"],
    "address": ["URL=https://github.com/someone/their-course"],
}
LEFT_OUT = ("study", "every")  # hours, of which study-quick is a part; and this one itself
LAST = ("lock", "address", "clean")  # they change what the others stand on
WAITING = {"lab": "http://localhost:{port}/api"}
PORT = 8976
PATIENCE = 600  # seconds until a server answers


def targets(makefile: str) -> list[str]:
    """The targets that `make help` lists, those that change the clone at the end."""
    found = re.findall(r'@echo "make ([a-z-]+) ', makefile)
    return [name for name in found if name not in LAST] + [name for name in LAST if name in found]


def clone() -> None:
    """A clone without anything that was made here."""
    shutil.rmtree(CLONE, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(CLONE)], check=True)


def hand_in() -> None:
    """One submission to grade: the solution that `release` made."""
    folder = CLONE / "build" / "handed_in"
    folder.mkdir(parents=True, exist_ok=True)
    for path in (CLONE / "classroom" / "solution").glob("03*/*.ipynb"):
        shutil.copy(path, folder / "ann.ipynb")


def run(name: str) -> int:
    """The exit status of a target; of one that waits, 0 once it has answered."""
    command = ["make", name, *ARGUMENTS.get(name, [])]
    log = CLONE.parent / f"every-{name}.log"
    with log.open("wb") as file:
        options = {"cwd": CLONE, "stdout": file, "stderr": subprocess.STDOUT}
        if name in WAITING:
            return served(command, WAITING[name].format(port=PORT), options)
        return subprocess.run(command, **options).returncode


def served(command: list[str], address: str, options: dict) -> int:
    """0 if a server answers before the patience ends; it is stopped then."""
    environment = os.environ | {"JUPYTER_PORT": str(PORT), "BROWSER": "true", **for_root()}
    process = subprocess.Popen(command, **options, env=environment, start_new_session=True)
    try:
        for _ in range(PATIENCE):
            if process.poll() is not None:
                return process.returncode or 1
            try:
                urlopen(address, timeout=1).close()
                return 0
            except OSError:
                time.sleep(1)
        return 1
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def for_root() -> dict[str, str]:
    """Settings that let a server start for the superuser, as in a container."""
    if not hasattr(os, "geteuid") or os.geteuid():
        return {}
    folder = CLONE / "build" / "jupyter"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "jupyter_server_config.json").write_text('{"ServerApp": {"allow_root": true}}')
    return {"JUPYTER_CONFIG_DIR": str(folder)}


def main(arguments=None) -> int:
    """Runs the targets one after the other; the exit status is 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="names of targets")
    chosen = parser.parse_args(arguments).only
    if not chosen or not CLONE.exists():
        clone()
    rows = []
    for name in chosen or targets((ROOT / "Makefile").read_text(encoding="utf-8")):
        if name in LEFT_OUT:
            continue
        if name == "grade":
            hand_in()
        start = time.monotonic()
        rows.append({"target": name, "status": run(name), "seconds": time.monotonic() - start})
        print(f"{name:12}  {rows[-1]['status']}  {rows[-1]['seconds']:6.0f} s", flush=True)
    table = pd.DataFrame(rows).round({"seconds": 0})
    table.to_csv(Path(CLONE.parent) / "every.csv", index=False)
    return int(table["status"].any())


if __name__ == "__main__":
    sys.exit(main())
