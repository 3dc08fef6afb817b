"""The wheel holds every file of the package that git keeps, and nothing else of the repository."""

import shutil
import zipfile

import pytest

from tools import ROOT
from tools.repository import wheel

if not shutil.which("git") or not (ROOT / ".git").exists():
    pytest.skip("this is no git checkout", allow_module_level=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A wheel of the files as they are now, without what git does not keep."""
    source = tmp_path_factory.mktemp("source")
    for name in [*wheel.tracked(), "pyproject.toml", "README.md", "LICENSE"]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    return wheel.built(source, tmp_path_factory.mktemp("dist"), "build_wheel")


def test_it_carries_every_module_and_all_data(made):
    files = wheel.tracked()
    assert {"fairmedl_lite/data/adult.csv.gz", "fairmedl_lite/py.typed"} < files
    assert wheel.missing(made, files) == []


def test_it_carries_nothing_else_of_the_repository(made):
    with zipfile.ZipFile(made) as archive:
        others = {name for name in archive.namelist() if not name.startswith("fairmedl_lite-")}
    assert others == wheel.tracked()


def test_a_file_that_is_left_out_is_named(made):
    assert wheel.missing(
        made, {"fairmedl_lite/__init__.py", "fairmedl_lite/course/questions/x.json"}
    ) == ["fairmedl_lite/course/questions/x.json"]


def test_the_tag_of_a_release_must_be_its_version():
    with pytest.raises(SystemExit, match=f"expected the tag v{wheel.version()}.*got 'v9.9'"):
        wheel.main(["--tag", "v9.9"])
