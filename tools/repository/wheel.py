"""Builds the wheel and the source archive from a clean clone, and tries the wheel elsewhere.

    python -m tools.repository.wheel              into dist/
    python -m tools.repository.wheel --tag v0.1.0 and the tag must be that of the version

The clone is of the last commit, so nothing uncommitted gets in. The wheel must hold every file that
git keeps of the package: modules, data and questions. It is then installed from the package index
into a new environment in a temporary folder, and there, far from the repository, the README's first
example and those of `guess` and `check` are run.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path

from tools import ROOT

PACKAGE = "fairmedl_lite"
DIST = ROOT / "dist"
BUILD = "import sys; from flit_core import buildapi as api; print(api.{}(sys.argv[1]))"
KINDS = ("build_wheel", "build_sdist")
# What is run beside the README's example: the installed package's own, never the repository's.
TRIAL = """
import doctest, sys
from pathlib import Path
import fairmedl_lite
home = Path(fairmedl_lite.__file__).parent
assert home.is_relative_to(sys.prefix), f"expected the installed package, and got {home}"
known = {name: getattr(fairmedl_lite, name) for name in ("guess", "check")}
runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
for name, public in known.items():
    for test in doctest.DocTestFinder().find(public, name, globs=dict(known)):
        runner.run(test)
assert runner.tries and not runner.failures, runner.summarize()
print(f"guess and check: {runner.tries} lines of examples do what they say")
"""


def version(root: Path = ROOT) -> str:
    """The version that pyproject.toml gives to the package."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]


def tracked(root: Path = ROOT) -> set[str]:
    """Every file of the package that git keeps: what a wheel must hold."""
    command = ["git", "ls-files", "-z", PACKAGE]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True)
    return {name for name in listed.stdout.decode().split("\0") if name}


def missing(wheel: Path, files: set[str]) -> list[str]:
    """The files that a wheel should hold and does not."""
    with zipfile.ZipFile(wheel) as archive:
        return sorted(files - set(archive.namelist()))


def built(source: Path, folder: Path, kind: str) -> Path:
    """Builds one kind of archive from a folder; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", BUILD.format(kind), str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True)
    return folder / done.stdout.split()[-1]


def example() -> str:
    """The README's first example, which fits the classifier to Adult."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.search(r"```python\n(.*?)```", text, flags=re.DOTALL)[1]


def installed(wheel: Path, folder: Path) -> Path:
    """A new environment that holds the wheel and its CPU backend: its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder / "environment"], check=True)
    python = folder / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "-qq", f"{wheel}[cpu]"], check=True)
    return python


def tried(wheel: Path) -> None:
    """Installs the wheel outside the repository and runs the examples there."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        python = installed(wheel, Path(folder))
        print(f"installed in {time.monotonic() - start:.0f} s", flush=True)
        for code in (TRIAL, example()):
            start = time.monotonic()
            # Isolated: neither PYTHONPATH nor the working folder can lend it the repository.
            subprocess.run([python, "-I", "-c", code], cwd=folder, check=True)
            print(f"ran in {time.monotonic() - start:.0f} s", flush=True)


def main(arguments=None) -> int:
    """Builds, checks and tries; the exit status is 1 if the wheel or the tag is not right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tag", default="", help="the release's tag, such as v0.1.0")
    tag = parser.parse_args(arguments).tag
    if tag and tag != f"v{version()}":
        sys.exit(f"expected the tag v{version()}, for pyproject.toml's version, and got {tag!r}.")
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        wheel, archive = (built(clone, DIST, kind) for kind in KINDS)
        if absent := missing(wheel, tracked(clone)):
            sys.exit(f"the wheel lacks {absent}: pyproject.toml must not exclude them.")
    for path in (wheel, archive):
        path.chmod(0o644)
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")
    tried(wheel)
    return 0


if __name__ == "__main__":
    sys.exit(main())
