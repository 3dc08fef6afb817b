"""The environment files agree with pyproject.toml, with the lock file and with each other."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.repository.binder import WANTED
from tools.repository.environment import FILES, ROOT, environment, pins, requirements

# The packages that every reader is promised.
PROMISED = {"jupyterlab", "nbval", "keras", "tensorflow-cpu", "seaborn", "ipywidgets"}


def installed_by(path):
    """The pip requirements of an environment file."""
    parts = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    assert any(str(part).startswith("python=") for part in parts)
    return [Requirement(line) for part in parts if isinstance(part, dict) for line in part["pip"]]


def test_both_environment_files_are_what_make_lock_writes():
    for path in FILES:
        assert path.read_text(encoding="utf-8") == environment(), f"run `make lock` for {path}"


def test_promised_packages_are_named():
    assert {found.name for found in installed_by(FILES[0])} >= PROMISED


def test_environment_fits_pyproject_and_lock():
    found = {canonicalize_name(item.name): item for item in installed_by(FILES[1])}
    for wanted in requirements():
        item = found[canonicalize_name(wanted.name)]
        (pin,) = item.specifier
        assert pin.operator == "==" and wanted.specifier.contains(pin.version), item
        assert pin.version == pins()[canonicalize_name(wanted.name)], item
        assert item.marker == wanted.marker


def test_lock_names_no_host_and_hashes_everything():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    packages = lock.replace("\\\n", "").splitlines()
    assert all("--hash=sha256:" in line for line in packages if not line.startswith("#"))


@pytest.mark.skipif(sys.platform == "win32", reason="repo2docker does not run on Windows")
def test_binder_builds_from_its_own_folder():
    command = Path(sys.executable).with_name("jupyter-repo2docker")
    if not command.exists():
        pytest.skip("jupyter-repo2docker is not installed here")
    done = subprocess.run(
        [command, "--no-build", "--debug", "."], cwd=ROOT, capture_output=True, text=True
    )
    dockerfile = done.stdout + done.stderr
    assert done.returncode == 0, dockerfile
    assert all(line in dockerfile for line in WANTED)


def test_binder_installs_the_package_after_its_environment():
    script = (ROOT / "binder" / "postBuild").read_text(encoding="utf-8").splitlines()
    assert script[0].startswith("#!") and script[1] == "set -e"
    assert "pip install --no-deps -e ." in script
