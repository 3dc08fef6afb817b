"""An old locale, no home folder, a folder that cannot be written: it works, or says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fairmedl_lite import FairMEDLRegressor, compare, load_diabetes_hospital, simulate_hiring
from tests.conftest import make_rows
from tools import ROOT

LINEAR = {"hidden": (), "random_effects": "intercept", "cluster_adversary": 0, "fairness": 0}
FLOW = """
from pathlib import Path
from fairmedl_lite import FairMEDLRegressor, compare, ladder, load_adult, load_wage_panel

assert len(load_adult()) > 40_000
data = load_wage_panel().take(range(800))
model = FairMEDLRegressor(hidden=(), random_effects="intercept", cluster_adversary=0, fairness=0)
model.fit(data.x, data.y, clusters=data.clusters).save("Gehälter.zip")
FairMEDLRegressor.load("Gehälter.zip").predict(data.x, clusters=data.clusters)
options = {"seeds": [0], "unseen_clusters": 0.2, "swap_rows": 0, "jobs": 1}
compare({"LMM": model}, data, output="Fälle.jsonl", **options)
print(sorted(path.name for path in Path().iterdir()) == ["Fälle.jsonl", "Gehälter.zip"])
"""
NO_HOME = "/dev/null/nobody"  # below a file there can be no folder, for root neither


@pytest.fixture(scope="module")
def model():
    data = make_rows()
    return FairMEDLRegressor(**LINEAR).fit(data.x, data.x["score"], clusters=data.clusters)


def run(code, folder, **environment):
    """Run code in a process of this folder; its exit status and all that it prints."""
    places = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])  # JAX lies in the second
    paths = {"PYTHONPATH": os.pathsep.join(places), "PYTHONDONTWRITEBYTECODE": "1"}
    kept = {name: value for name, value in os.environ.items() if name != "FAIRMEDL_DATA"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=kept | paths | environment,
        capture_output=True,
        encoding="utf-8",
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no LC_ALL and no HOME")
def test_an_old_locale_and_no_home_folder_do_not_matter(tmp_path):
    folder = tmp_path / "Übung"
    folder.mkdir()
    status, text = run(FLOW, folder, LC_ALL="C", HOME=NO_HOME)
    assert status == 0 and text.splitlines()[0] == "True", text


def test_a_download_that_cannot_be_kept_says_what_to_do(monkeypatch):
    monkeypatch.delenv("FAIRMEDL_DATA", raising=False)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", NO_HOME)
    with pytest.raises(OSError, match="Received: .*nobody.* FAIRMEDL_DATA") as found:
        load_diabetes_hospital()
    assert "diabetes130_compact.parquet" in str(found.value)


def unwritable(folder):
    """Paths that no user can write to, and the kind of each error."""
    (folder / "file").touch()
    yield folder / "absent" / "file", FileNotFoundError
    yield folder / "file" / "below", NotADirectoryError
    yield folder, IsADirectoryError
    if Path("/dev/full").exists():
        yield Path("/dev/full"), OSError


@pytest.mark.skipif(os.name == "nt", reason="Windows names other errors")
def test_what_cannot_be_written_says_what_to_do(model, tmp_path):
    for path, kind in unwritable(tmp_path):
        with pytest.raises(kind, match="path must be writable. Received: .* Name another"):
            model.save(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows names other errors")
def test_a_file_of_fits_that_cannot_be_written_is_refused_before_the_first_fit(tmp_path):
    data = simulate_hiring(firms=4, rows=20, seed=0).data
    options = {"seeds": [0], "unseen_clusters": 0.25, "jobs": 1}
    for path, kind in list(unwritable(tmp_path))[:3]:
        with pytest.raises(kind, match="output must be writable. Received: .* Name a file"):
            compare({}, data, output=path, **options)


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="whoever may write everywhere, root, is not held"
)
def test_a_read_only_folder_says_what_to_do(model, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(
        PermissionError, match="path must be writable. .* Permission denied.* Name another"
    ):
        model.save(tmp_path / "model.zip")
