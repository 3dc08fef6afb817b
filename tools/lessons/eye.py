"""What a reader of a lesson sees from top to bottom, where nothing has been opened yet."""

import ast
import re
from html.parser import HTMLParser
from string import ascii_uppercase
from typing import NamedTuple

from tools.lessons.counts import is_folded

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
HIDES = {"details", "script", "style", "template"}
WIDGET = "application/vnd.jupyter.widget-view+json"
FEW, MANY, NODES = 3, 5, 6  # words of an option or of a sentence, parts of an expression
SAID = re.compile(
    r"(?i)\b(?:the|this|each|next|last|second|first) (table|figure|picture|panel|plot)s?\b"
    r"(?! of (?:lesson|the paper))"
)
COLUMNS = re.compile(r"^\S.*? {2,}\S+.*$", re.MULTILINE)


class Page(HTMLParser):
    """The text of HTML that stands outside of what is folded or hidden."""

    def __init__(self, text):
        super().__init__()
        self.open, self.parts, self.tags = [], [], set()
        self.feed(text)

    @property
    def text(self):
        """The visible text as one line."""
        return joined("".join(self.parts))

    def handle_starttag(self, tag, attrs):
        """Notes what opens, and whether it hides what stands in it."""
        if not self.hidden():
            self.tags.add(tag)
            self.parts.append(" ")
        names = dict(attrs)
        opened = tag == "details" and "open" in names
        if tag not in VOID:
            self.open.append((tag, "hidden" in names or (tag in HIDES and not opened)))

    def handle_endtag(self, tag):
        """Closes an element, and what was left open in it."""
        while self.open and tag in [name for name, _ in self.open]:
            if self.open.pop()[0] == tag:
                break

    def handle_data(self, data):
        """Keeps a text that nothing hides."""
        if not self.hidden():
            self.parts.append(data)

    def hidden(self):
        """Whether something around this place hides it; a summary shows what its details hide."""
        around = [*self.open]
        for at, (tag, _) in enumerate(self.open):
            if tag == "summary":
                around = [each for i, each in enumerate(self.open) if i != at - 1]
        return any(hides for _, hides in around)


class Piece(NamedTuple):
    """Something that a reader sees, and the number of the cell it stands in."""

    cell: int
    kind: str
    text: str


def joined(text):
    """A text as one line."""
    return " ".join(text.split())


def seen(notebook):
    """All that is visible of a lesson, in order."""
    found = []
    for at, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            found.append(Piece(at, "prose", Page(cell.source).text))
        else:
            found += [Piece(at, "code", cell.source)] if not is_folded(cell) else []
            found += [Piece(at, "output", text) for text in map(shown, cell.outputs) if text]
    return found


def shown(output):
    """The visible text of an output in all of its forms: some readers show the plain one."""
    if output.output_type == "stream":
        return output.text
    data = output.get("data", {})
    return "\n".join([data.get("text/plain", ""), Page(data.get("text/html", "")).text])


def sentences(text, least=MANY):
    """The sentences of a text that are long enough to be known again."""
    parts = [joined(part) for part in re.split(r"(?<=[.?!:])\s+", text)]
    return [part for part in parts if len(part.split()) >= least]


def reasons(question):
    """The sentences that say why an option is right, or what a wrong one takes for true."""
    for why in question.options.values():
        for text in [why] if isinstance(why, str) else why:
            yield from sentences(text)


def right_of(question):
    """The right option of a question."""
    return next(option for option, why in question.options.items() if isinstance(why, str))


def letter(entry):
    """The letter of the right answer, as a learner sees it."""
    return ascii_uppercase[[isinstance(why, str) for why in entry["options"].values()].index(True)]


def spoilers(question, pieces):
    """Where a reader is told of an answer that nobody committed to, in words."""
    first, last = span(question, pieces)
    before = [piece for piece in pieces if piece.cell <= last]
    for sentence in reasons(question):
        for piece in before:
            if sentence.casefold() in joined(piece.text).casefold():
                yield f"{question.name}: cell {piece.cell} ({piece.kind}) says {sentence!r}"
    for piece in before:
        if piece.cell > first and piece.kind != "output" and singled_out(question, piece):
            yield f"{question.name}: cell {piece.cell} ({piece.kind}) names the right option alone"


def span(question, pieces):
    """The number of the cell that asks, and of the one that answers: of a quiz the same."""
    ask = re.compile(rf'\b{question.kind}\("\d\d\.{question.name}"')
    see = re.compile(rf"\b{question.name}\.see\(")
    code = [piece for piece in pieces if piece.kind == "code"]
    asked = [piece.cell for piece in code if ask.search(piece.text)]
    answered = [piece.cell for piece in code if see.search(piece.text)]
    return asked[0], (answered or asked)[-1]


def singled_out(question, piece):
    """Whether a piece names the right option, and not the others with it."""
    if piece.kind == "code":
        found = {part.value for part in ast.walk(ast.parse(piece.text)) if is_text(part)}
    else:
        text = piece.text.casefold()
        found = {option for option in question.options if option.casefold() in text}
        found = {option for option in found if len(option.split()) >= FEW}
    return right_of(question) in found and not set(question.options) <= found


def is_text(node):
    """Whether a piece of code is a plain string."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def bare(code):
    """Code without spaces, and with one kind of quotes."""
    return "".join(code.split()).replace('"', "'")


def solving(exercise):
    """The expressions that solve an exercise, as far as they are more than a constant."""
    wanted = {answer.name for answer in exercise.answers}
    for node in ast.walk(ast.parse(exercise.solution)):
        if isinstance(node, ast.Assign) and {getattr(t, "id", "") for t in node.targets} & wanted:
            if len(list(ast.walk(node.value))) >= NODES:
                yield ast.unparse(node.value)


def solved_too_soon(exercise, pieces):
    """Where the expression that solves an exercise is seen just before it, or in it."""
    check = re.compile(rf'^check\("\d\d\.{exercise.answers[0].name}"', re.MULTILINE)
    cells = [piece for piece in pieces if piece.kind == "code"]
    at = next(at for at, piece in enumerate(cells) if check.search(piece.text))
    for piece in cells[max(at - 2, 0) : at + 1]:  # the cell before, the starter, and the check
        if any(bare(expression) in bare(piece.text) for expression in solving(exercise)):
            yield f"{exercise.name}: cell {piece.cell} holds its solution"


def unshown(notebook):
    """Sentences that speak of a table or a figure beside which none is shown, in words."""
    cells = notebook.cells
    for at, cell in enumerate(cells):
        if cell.cell_type != "markdown" or "solution" in cell.metadata.get("tags", []):
            continue
        for sentence in sentences(Page(cell.source).text, least=1):
            for kind in SAID.findall(sentence):
                if not any(shows(kind, near) for near in beside(cells, at)):
                    yield f"cell {at}: no {kind} beside {sentence!r}"


def beside(cells, at):
    """The code cells that stand right before and right after a text."""
    for step in (-1, 1):
        place = at + step
        while 0 <= place < len(cells) and cells[place].cell_type == "code":
            yield cells[place]
            place += step


def shows(kind, cell):
    """Whether a cell shows a table, or a figure for every other kind."""
    for output in cell.outputs:
        data = output.get("data", {})
        tags = Page(data.get("text/html", "")).tags
        if kind.casefold() != "table" and ("img" in tags or "svg" in tags or WIDGET in data):
            return True
        printed = output.get("text", "") or data.get("text/plain", "")
        if kind.casefold() == "table" and ("table" in tags or len(COLUMNS.findall(printed)) > 1):
            return True
    return False
