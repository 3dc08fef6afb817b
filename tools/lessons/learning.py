"""A lesson's page in the book as a place to learn: what needed a kernel works by a plain script."""

import ast
import json
import re
import shutil
from html import escape
from pathlib import Path
from string import ascii_uppercase

from nbformat.v4 import new_markdown_cell, new_output

from tools.lessons import flipbook, glossary, slides
from tools.repository.address import address, owner_and_name

OPEN_ELSEWHERE = re.compile(
    r"^Open this lesson on\n.+?\n\n|^Open this lesson on\n.+\Z", re.M | re.S
)
TITLE = re.compile(r"\A(# .+\n)")
BINDER = "https://mybinder.org/v2/gh/{place}/main?urlpath=lab/tree/notebooks/{name}.ipynb"
COLAB = "https://colab.research.google.com/github/{place}/blob/main/notebooks/{name}.ipynb"
RUN = f"""
<p class="run-this"><a href="{BINDER}">Run this lesson on Binder</a>
<a href="{COLAB}">or on Colab</a></p>
"""
QUESTION = """<form class="question" data-kind="{kind}" data-name="{name}">
<fieldset><legend>{text}</legend>{options}</fieldset>
<p role="status" aria-live="polite"></p>
<script type="application/json">{data}</script></form>"""
FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)


def learn(notebook, name: str, source: Path, seen: set) -> None:
    """Changes a lesson's cells into what its page shows; writes flip-books beside the pages."""
    invite(notebook, name)
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = glossary.linked(cell.source, seen)
            continue
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            tags = {*cell.metadata.get("tags", []), "hide-input"}
            cell.metadata["tags"] = sorted(tags)
        if "remove-cell" not in cell.metadata.get("tags", []):
            asked(cell)
            explored(cell, f"{name[:2]}-{position}", source)


def invite(notebook, name: str) -> None:
    """Puts a button that runs the lesson under its title, in the place of the sentence there."""
    first = notebook.cells[0]
    text = OPEN_ELSEWHERE.sub("", first.source)
    button = RUN.format(place=owner_and_name(address()), name=name)
    if TITLE.match(text):
        first.source = TITLE.sub(lambda title: title[1] + button, text)
    else:
        notebook.cells.insert(0, new_markdown_cell(button))


def asked(cell) -> None:
    """Gives a question its buttons, and an answer that nobody has committed to its place."""
    tree = ast.parse(cell.source)
    names = [
        (node.value.func.id, node.targets[0].id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", "") == "guess"
    ]
    questions = slides.questions(cell.source)
    if questions:
        name = names[0][1] if names else f"quiz-{cell.id}"
        kept = [output for output in cell.outputs if is_folded(output)]
        forms = [shown(form(question, name)) for question in questions]
        others = [output for output in cell.outputs if not html_of(output)]
        cell.outputs = [*others, *forms, *map(marked, kept, [name] * len(kept))]
    elif seen := re.findall(r"(\w+)\.see\(", cell.source):
        cell.outputs = [
            marked(output, seen[0]) if is_folded(output) else output for output in cell.outputs
        ]


def html_of(output) -> str:
    """The HTML of an output, or nothing."""
    return output.get("data", {}).get("text/html", "")


def is_folded(output) -> bool:
    """Whether an output is the answers of a question, folded."""
    return "Open the answer" in html_of(output) or "All answers" in html_of(output)


def shown(html: str):
    """An output of HTML."""
    return new_output("display_data", data={"text/html": html, "text/plain": ""})


def marked(output, name: str):
    """Folded answers under the name of their question, for the script to find."""
    folded = FOLDED.search(html_of(output))[0]
    return shown(f'<div class="answer" data-name="{name}">{folded}</div>')


def form(question: slides.Question, name: str) -> str:
    """A question with radio buttons; what there is to say waits unseen until one is picked."""
    letters = dict(zip(ascii_uppercase, question.options, strict=False))
    options = "".join(
        f'<label><input type="radio" name="{name}" value="{letter}"> {letter}. {escape(option)}'
        "</label>"
        for letter, option in letters.items()
    )
    replies = {letter: reply(question, option) for letter, option in letters.items()}
    data = json.dumps({"replies": replies}).replace("<", "\\u003c")
    return QUESTION.format(
        kind=question.kind, name=name, text=escape(question.text), options=options, data=data
    )


def reply(question: slides.Question, option: str) -> list[str]:
    """What is said to who picked an option: the verdict, and the right answer's reason."""
    why = question.options[question.right]
    if option == question.right:
        return [f"Right: {option}.", why]
    name, because = question.wrong[option]
    answer = f"The answer is: {question.right}. {why}"
    parts = [f"Not so: {option}.", f"Misconception: {name}. {because}"]
    return parts if question.kind == "quiz" else [*parts, answer]


def explored(cell, name: str, source: Path) -> None:
    """Puts a flip-book in the place of an explorer."""
    folder = flipbook.drawn(cell)
    if folder is None:
        return
    shutil.copytree(
        folder, source / flipbook.FOLDER / name, ignore=shutil.ignore_patterns("*.json")
    )
    cell.outputs = [output for output in cell.outputs if "<details>" not in html_of(output)]
    cell.outputs.append(shown(flipbook.page(folder, name)))
