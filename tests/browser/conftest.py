"""One browser for all tests of this folder, which `make browser` runs, and a log of them."""

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.browser import chromium, lab

FOLDER = Path(__file__).resolve().parents[2] / "build" / "browser"


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
def address(tmp_path_factory):
    with lab.server(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="session")
def log():
    """Adds lines to build/browser/log.txt, which is begun anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "log.txt").open("w", encoding="utf-8") as file:

        def write(*lines):
            print(*lines, sep="\n", file=file, flush=True)

        yield write
