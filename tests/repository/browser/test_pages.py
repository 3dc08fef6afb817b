"""Every page of the book: nothing for axe-core to find, a silent console, and a search."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.repository.browser.chromium import listening, violations
from tools.lessons import book

pytestmark = pytest.mark.browser
LESSONS = sorted(path.stem for path in (book.ROOT / "notebooks").glob("[0-9]*.ipynb"))
NAMES = ["index", "search", "api", "study", "instructors", "lesson_by_lesson"]
NAMES += ["glossary", "accessibility"]
NAMES += [*LESSONS, *(f"slides/{name}" for name in LESSONS)]
# The rows of a table are alike, and the study's thousands take axe-core minutes.
FIRST_ROWS = {"exclude": ["tbody tr:nth-child(n+3)"]}


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Says nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build")
    assert book.build(folder) == 0
    handler = partial(Silent, directory=folder / "book")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", NAMES)
def test_page_is_accessible_and_quiet(name, page, site, log):
    heard = listening(page)
    page.goto(f"{site}/{name}.html", wait_until="networkidle")
    errors = list(heard)  # later ones come from axe-core, which looks for style sheets of its own
    found = violations(page, FIRST_ROWS)
    log(
        f"book, {name}: errors: {len(errors)} of the console; axe-core: {len(found)}",
        *(f"    {line}" for line in (*errors, *found)),
    )
    assert not errors and not found


def test_search_finds_a_lesson(page, site):
    page.goto(f"{site}/search.html?q=levelling")
    page.wait_for_selector("#search-results a[href*='05_fairness_adversary']")
