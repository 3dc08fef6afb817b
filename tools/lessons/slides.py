"""Slide outlines: of an executed lesson its promise, questions, figures and recap, as one page.

A page needs no network and no script: Page Down turns a slide, and a printer puts each on a sheet.
"""

import ast
import re
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from fairmedl_lite.course import bank
from tools.lessons.run import title_of

HEADING = re.compile(r"^#{2,3} (.+)\n", re.MULTILINE)
PROMISE = re.compile(r"^\*\*(.+?)\*\*$", re.MULTILINE | re.DOTALL)
GOALS = re.compile(r"^After this lesson you can\n(.+?)\n\n", re.MULTILINE | re.DOTALL)
MISLEADS = re.compile(r"^\*\*What could mislead you\.\*\* (.+?)(?:\n\n|\Z)", re.M | re.DOTALL)
RECAP = re.compile(r"^## In short\n(.+?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)
STYLE = """
html { scroll-snap-type: y mandatory; font: clamp(1rem, 1.9vw, 1.6rem)/1.45 sans-serif; }
body { margin: 0; color: #1a1a1a; background: #fff; counter-reset: slide; }
section { box-sizing: border-box; min-height: 100vh; padding: 5vh 7vw 8vh; position: relative;
  display: flex; flex-direction: column; justify-content: center; scroll-snap-align: start; }
section::after { counter-increment: slide; content: counter(slide); color: #595959;
  position: absolute; bottom: 3vh; right: 4vw; }
h1, h2 { color: #003f6b; line-height: 1.2; margin: 0 0 0.7em; }
img { width: 100%; max-height: 66vh; object-fit: contain; }
ol { list-style: upper-alpha; }
li { margin-bottom: 0.4em; }
a { color: #00538c; }
.promise { font-weight: bold; }
@media print { @page { size: 297mm 167mm; margin: 0; } html { font-size: 13pt; }
  section { height: 167mm; min-height: 0; break-after: page; break-inside: avoid; } }
"""
MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Question:
    """A `guess` or `quiz` of a lesson: its options are right or name a misconception."""

    kind: str
    text: str
    options: dict

    @property
    def right(self) -> str:
        """The right option."""
        return next(option for option, why in self.options.items() if isinstance(why, str))

    @property
    def wrong(self) -> dict:
        """Wrong option to its misconception and what to say."""
        pairs = {option: why for option, why in self.options.items() if option != self.right}
        return {option: (name.rstrip("."), why) for option, (name, why) in pairs.items()}


class Images(HTMLParser):
    """The source and the text of each image of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Notes an image."""
        named = dict(attrs)
        if tag == "img":
            self.found.append((named["src"], named.get("alt") or ""))


def questions(source: str) -> list[Question]:
    """The guesses and quizzes that a cell asks: those of the bank, or with options of its own."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    asked = [call for call in calls if getattr(call.func, "id", "") in ("guess", "quiz")]
    return [Question(call.func.id, *of_bank(*map(ast.literal_eval, call.args))) for call in asked]


def of_bank(text: str, options: dict | None = None) -> tuple[str, dict]:
    """A question and its options, of which only the name may be given."""
    if options:
        return text, options
    entry = bank.find(text, "options")
    return entry["ask"], entry["options"]


def images(cell) -> list[tuple[str, str]]:
    """The source and the text of each figure that a cell shows."""
    pages = [output.get("data", {}).get("text/html", "") for output in cell.get("outputs", [])]
    return [image for page in pages for image in Images(page).found]


def outline(notebook) -> list[tuple[str, str]]:
    """The slides after the first: a heading and what stands below it, both HTML."""
    slides, heading, text = [], "", prose(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            _, *parts = HEADING.split(cell.source)
            sections = list(zip(parts[::2], parts[1::2], strict=True))
            heading = MARKDOWN.renderInline(sections[-1][0]) if sections else heading
            slides += [(name, markdown(said)) for name, said in sections if name == "A question"]
        else:
            slides += [slide for question in questions(cell.source) for slide in both(question)]
            slides += [(heading, shown(*image)) for image in images(cell)]
    slides.append(("What could mislead you", markdown(MISLEADS.search(text)[1])))
    return [*slides, ("In short", markdown(RECAP.search(text)[1]))]


def prose(notebook) -> str:
    """All Markdown of a lesson."""
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def markdown(text: str) -> str:
    """HTML of Markdown."""
    return MARKDOWN.render(text)


def shown(source: str, alt: str) -> str:
    """HTML of a figure."""
    return f'<img src="{escape(source)}" alt="{escape(alt)}">'


def both(question: Question) -> list[tuple[str, str]]:
    """The slide that asks, and the one that answers."""
    options = "".join(f"<li>{escape(option)}</li>" for option in question.options)
    wrong = "".join(
        f"<li><q>{escape(option)}</q> <strong>{escape(name)}.</strong> {escape(why)}</li>"
        for option, (name, why) in question.wrong.items()
    )
    ask = f"<p>{escape(question.text)}</p><ol>{options}</ol>"
    answer = f"<p>{escape(question.options[question.right])}</p><ul>{wrong}</ul>"
    heading = "Guess first" if question.kind == "guess" else "Before you go"
    return [(heading, ask), (f"Answer: {escape(question.right)}", answer)]


def page(notebook, name: str) -> str:
    """The slides of a lesson as one HTML page."""
    text, title = prose(notebook), escape(title_of(notebook))
    rest = "\n".join(
        f"<section><h2>{heading}</h2>{body}</section>" for heading, body in outline(notebook)
    )
    promise, goals = markdown(PROMISE.search(text)[1]), markdown(GOALS.search(text)[1])
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Slides: {title}</title><style>{STYLE}</style></head>
<body><main>
<section><h1>{title}</h1><div class="promise">{promise}</div>
<p>After this lesson you can</p>{goals}
<p><a href="../{name}.html">The lesson</a>. Page Down: next slide.</p></section>
{rest}
</main></body>
</html>
"""
