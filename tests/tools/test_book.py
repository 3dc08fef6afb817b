"""The book builds without a warning, its links lead somewhere, and its figures have words."""

import re
from html import unescape
from html.parser import HTMLParser
from importlib import import_module
from urllib.parse import unquote, urlsplit

import pytest

import fairmedl_lite
from tools.lessons import api, book, eye, questions, sources

LESSONS = sorted(path.stem for path in (book.ROOT / "notebooks").glob("[0-9]*.ipynb"))
ALT_WORDS = 5


class Page(HTMLParser):
    """The targets, names, sources and figures of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.names, self.loaded, self.alts = [], set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.names.add(named.get("id"))
        if tag == "a":
            self.links.append(named.get("href", ""))
        if tag in ("img", "script") and "src" in named or tag == "link":
            self.loaded.append(named.get("src") or named.get("href"))
        if tag == "img":
            self.alts.append(named.get("alt") or "")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The built pages by name, and the folder they stand in."""
    folder = tmp_path_factory.mktemp("build")
    assert book.build(folder) == 0, "sphinx warned: `make book` prints it"
    return {path.name: Page(path) for path in (folder / "book").glob("*.html")}, folder / "book"


def broken(pages, folder):
    """Each link of a page to a file or a place in a page that is not there."""
    for name, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            target = unquote(parts.path) or name
            if parts.scheme or not link.strip("#"):
                continue
            if not (folder / target).exists():
                yield f"{name}: {link}"
            elif target in pages and parts.fragment and parts.fragment not in pages[target].names:
                yield f"{name}: {link}"


def test_every_page_stands_in_the_contents(pages):
    links = pages[0]["index.html"].links
    others = ["api", "glossary", "accessibility", "study", "instructors", "lesson_by_lesson"]
    assert {f"{name}.html" for name in [*LESSONS, *others]} <= set(links)


def test_kit_links_to_the_slides_of_each_lesson(pages):
    links = pages[0]["lesson_by_lesson.html"].links
    assert {f"slides/{name}.html" for name in LESSONS} <= set(links)


def test_internal_links_resolve(pages):
    assert list(broken(*pages)) == []


def said(markup):
    """The words of a page, without its tags, its signs for code, and the form of its quotes."""
    text = unescape(re.sub(r"<[^>]*>", "", markup)).replace("`", "")
    return " ".join(text.translate(str.maketrans("‘’“”", "''\"\"")).split())


@pytest.fixture(scope="module")
def documented(pages):
    """Each documented name, without the package's, and what stands on the page from there on."""
    text = (pages[1] / "api.html").read_text(encoding="utf-8")
    parts = re.split(r'<dt [^>]*id="fairmedl_lite\.([\w.]+)">', text)
    return {name: said(part) for name, part in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("name", fairmedl_lite.__all__)
def test_every_public_name_stands_on_the_page_of_the_library(name, documented):
    first = getattr(fairmedl_lite, name).__doc__.strip().splitlines()[0]
    assert said(first) in documented[name]


def test_members_are_those_that_the_library_documents(documented):
    estimator = {
        name.split(".")[1] for name in documented if name.startswith("FairMEDLClassifier.")
    }
    assert {"fit", "predict_proba", "save", "load", "summary", "coef_"} <= estimator
    assert not estimator & {"get_params", "set_params", "set_fit_request", "get_metadata_routing"}
    effects = {name.split(".")[1] for name in documented if name.startswith("RandomEffects.")}
    assert "posterior" in effects and not effects & {"build", "call", "get_config", "add_weight"}


def test_arguments_are_those_of_the_constructor(documented):
    assert documented["GradientReversal"].startswith("class GradientReversal(weight=1.0, **kwargs)")
    assert documented["ladder"].startswith("ladder(kind=FairMEDLClassifier, **settings)")


def test_links_between_names_and_rooms(pages):
    text = said((pages[1] / "api.html").read_text(encoding="utf-8"))
    assert "#fairmedl_lite.simulate_linear" in pages[0]["api.html"].links
    for room in {home.split(".")[0] for home in fairmedl_lite._HOME}:
        about = import_module(f"fairmedl_lite.{room}").__doc__.split("\n\n")[0]
        assert f"{room}# {said(about)}" in text


@pytest.mark.parametrize(
    "docstring, prepared",
    [
        (
            "Frame of\n- `a`: one\n  more;\n- b.\nThen.",
            "Frame of\n\n- `a`: one\n  more;\n- b.\n\nThen.",
        ),
        ("So:\n\n    x = 1\n    y_\n\nThen.", "So:\n\n::\n\n    x = 1\n    y_\n\nThen."),
        ("Returns:\n    A `split`: all.", "Returns:\n    : A `split`: all."),
        ("A `Split`.", "A :py:obj:`Split <fairmedl_lite.Split>`."),
        ("``Split`` and `a.Split`", "``Split`` and `a.Split`"),
    ],
)
def test_docstrings_are_prepared_for_sphinx(docstring, prepared):
    assert api.markup(docstring) == prepared


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<a id="x" href="a.html#y"></a><a href="b.html"></a>')
    found = broken({"a.html": Page(tmp_path / "a.html")}, tmp_path)
    assert list(found) == ["a.html: a.html#y", "a.html: b.html"]


def test_pages_load_nothing_from_elsewhere(pages):
    loaded = [source for page in pages[0].values() for source in page.loaded if source]
    assert loaded and not [
        source for source in loaded if urlsplit(source).scheme in ("http", "https")
    ]


def test_every_figure_has_a_sentence(pages):
    alts = [(name, alt) for name, page in pages[0].items() for alt in page.alts]
    assert len(alts) > len(LESSONS)
    assert [found for found in alts if len(found[1].split()) < ALT_WORDS] == []


def test_solutions_are_folded_and_search_has_an_index(pages):
    folder = pages[1]
    text = (folder / "00_start_here.html").read_text(encoding="utf-8")
    folded = re.findall(r"<details>\s*<summary>Solution.*?</details>", text, re.DOTALL)
    assert folded and all("highlight" in solution for solution in folded)
    assert "threshold" in (folder / "searchindex.js").read_text(encoding="utf-8")


ANSWERED = {"guess": ("{}.see(", "Open the answer"), "quiz": (".{}'", "All answers")}


def told(text, block):
    """The reasons of a question that a page shows above its folded answers."""
    call, folded = ANSWERED[block.kind]
    place = text.find(eye.bare(folded), text.find(call.format(block.name)))
    return [sentence for sentence in eye.reasons(block) if eye.bare(sentence) in text[:place]]


@pytest.mark.parametrize("kind, call", [("guess", "who.see(x)"), ("quiz", 'quiz("00.who")')])
def test_a_page_that_tells_an_answer_is_found(kind, call):
    folded = ANSWERED[kind][1]
    block = questions.Question(kind, "who", "Who?", {"a": "They are rare among others."}, {})
    for shown, found in [("They are rare among others.", 1), ("", 0)]:
        page = f"<p>{call}</p><p>{shown}</p><details><summary>{folded}</summary>They are rare "
        page += "among others.</details><p>They are rare among others.</p>"
        assert len(told(eye.bare(eye.Page(page).text), block)) == found


@pytest.mark.parametrize("name", LESSONS)
def test_no_page_tells_an_answer(pages, name):
    text = eye.bare(eye.Page((pages[1] / f"{name}.html").read_text(encoding="utf-8")).text)
    blocks = questions.blocks(sources.SOURCES / f"{name}.md")
    asked = [block for block in blocks if isinstance(block, questions.Question)]
    assert asked and all(eye.bare(block.ask) in text for block in asked)
    assert [sentence for block in asked for sentence in told(text, block)] == []
    solved = [block for block in blocks if isinstance(block, questions.Exercise)]
    parts = [part for block in solved for part in eye.solving(block)]
    assert [part for part in parts if eye.bare(part) in text] == []


@pytest.mark.parametrize(
    "link, led",
    [
        ("05_fairness_adversary.ipynb", "05.ipynb"),
        ("05_fairness_adversary.ipynb#in-short", "05.ipynb#in-short"),
        ("../results/a.csv#L2", f"{book.REPOSITORY}/results/a.csv#L2"),
        ("https://arxiv.org/abs/1", "https://arxiv.org/abs/1"),
        ("#in-short", "#in-short"),
    ],
)
def test_links_lead_to_the_book_or_to_the_repository(link, led):
    known = {"notebooks/05_fairness_adversary.ipynb": "05.ipynb"}
    assert book.relinked(f"[x]({link})", "notebooks/06.ipynb", known) == f"[x]({led})"
