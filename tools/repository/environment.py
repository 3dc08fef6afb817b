"""Writes environment.yml and its copy for Binder from pyproject.toml and requirements.lock."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import ROOT

# Binder reads only its own folder, and a symlink breaks in a Windows clone: two equal files.
FILES = (ROOT / "environment.yml", ROOT / "binder" / "environment.yml")
PYTHON = "3.12"
HEAD = f"""\
# Written by `make lock`; the versions are those of requirements.lock.
name: fairmedl_lite
channels:
  - conda-forge
dependencies:
  - python={PYTHON}
  - pip
  - pip:
"""


def requirements() -> list[Requirement]:
    """What a reader of the lessons needs: the library, its CPU backend and JupyterLab."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [
        Requirement(line) for line in project["dependencies"] + extras["cpu"] + extras["notebooks"]
    ]


def pins() -> dict[str, str]:
    """The version of each package in the lock file."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)==(\S+)", lock, flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def environment() -> str:
    """The text of environment.yml."""
    versions = pins()
    lines = []
    for wanted in requirements():
        pin = f"{wanted.name}=={versions[canonicalize_name(wanted.name)]}"
        marker = f" ; {wanted.marker}".replace('"', "'") if wanted.marker else ""
        lines.append(f'    - "{pin}{marker}"\n')
    return HEAD + "".join(lines)


if __name__ == "__main__":
    for path in FILES:
        path.write_text(environment(), encoding="utf-8", newline="\n")
