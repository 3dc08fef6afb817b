"""Every page of the book: nothing for axe-core to find, a silent console, and a search."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.repository.browser.chromium import listening, violations
from tests.repository.browser.reading import SCHEMES, SIZES, answer, faults_of_form, turn
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


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in SCHEMES], ids="-".join)
def view(request, browser):
    """A page of one size, on a device that asks for light or for dark."""
    size, scheme = request.param
    opened = browser.new_page(viewport=SIZES[size], color_scheme=scheme)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", NAMES)
def test_page_is_accessible_and_quiet(name, view, site, log, request):
    heard = listening(view)
    view.goto(f"{site}/{name}.html", wait_until="networkidle")
    errors = list(heard)  # later ones come from axe-core, which looks for style sheets of its own
    found = [] if "slides/" in name else faults_of_form(view)
    found += violations(view, FIRST_ROWS)
    log(
        f"book, {request.node.callspec.id}: errors: {len(errors)} of the console; "
        f"axe-core and form: {len(found)}",
        *(f"    {line}" for line in (*errors, *found)),
    )
    assert not errors and not found


@pytest.mark.parametrize("name", LESSONS)
def test_questions_and_flip_books_work_by_keyboard(name, page, site):
    page.goto(f"{site}/{name}.html", wait_until="networkidle")
    for form in page.locator("form.question").all():
        assert answer(page, form) == {"Right", "Not so"}
    for explorer in page.locator(".flip-book").all():
        assert turn(page, explorer) == []


def test_without_a_script_answers_are_folded_and_key_figures_stand(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/02_random_effects.html")
    assert page.locator(".flip-book img").count() == 3
    assert not page.locator(".flip-book .settings").is_visible()
    assert page.locator(".answer details").count() and not page.locator(".verdict").count()
    context.close()


def test_what_is_cut_or_small_is_noticed(page):
    box = "<div class='bd-article' style='overflow: hidden'>"
    image = "<img width='800' src='data:,' style='width: 200px'>"
    page.set_content(f"{box}<table style='width: 3000px'><tr><td>x</table>{image}</div>")
    cut, small = faults_of_form(page)
    assert cut.startswith("cut: <table") and small.startswith("text of a figure of 3.8 px")


def test_search_finds_a_lesson(page, site):
    page.goto(f"{site}/search.html?q=levelling")
    page.wait_for_selector("#search-results a[href*='05_fairness_adversary']")
