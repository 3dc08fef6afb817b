"""One browser for all tests of this folder, which `make browser` runs, and a log of them."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.repository.browser import chromium, lab

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "build" / "browser"


@pytest.fixture(scope="session")
def browser():
    path = chromium.executable()
    if path is None:
        pytest.skip(chromium.NOT_FOUND)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport=chromium.VIEW)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """A copy of the lessons and of what they read."""
    folder = tmp_path_factory.mktemp("course")
    for name in ("notebooks", "results"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def address(browser, course, tmp_path_factory):
    """Of a JupyterLab in that copy; not started where there is no browser."""
    with lab.server(course, tmp_path_factory.mktemp("home")) as started:
        yield started


@pytest.fixture(scope="session")
def log():
    """Adds lines to build/browser/log.txt, which is begun anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "log.txt").open("w", encoding="utf-8") as file:

        def write(*lines):
            print(*lines, sep="\n", file=file, flush=True)

        yield write
