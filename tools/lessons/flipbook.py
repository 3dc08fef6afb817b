"""Flip-books: in the book, where no kernel runs, the figure of every stop of an explorer.

Drawing takes a while, so what was drawn is kept in build/flip-books, under a name that changes with
the code of the explorer and with what it was given.
"""

import ast
import base64
import hashlib
import io
import json
from contextlib import chdir
from html import escape
from inspect import getfile, unwrap
from pathlib import Path

from PIL import Image

from fairmedl_lite import explore
from fairmedl_lite.course.explore import explorer
from fairmedl_lite.plots.figure import Figure
from tools import ROOT

KEPT = ROOT / "build" / "flip-books"
FOLDER = "_static/flip-books"
COLORS = 64
# A script takes `hidden` away: without one, what stands in `noscript` serves.
PAGE = """<div class="flip-book">
<div class="settings" hidden>{controls}</div>
<div class="turned" tabindex="0" role="region" aria-label="{label}">{first}</div>
<p role="status" aria-live="polite">{sentence}</p>
<noscript>{others}</noscript>
<script type="application/json">{data}</script>
</div>"""


def called(source: str) -> tuple[str, int]:
    """The name of the explorer that a cell shows, or nothing, and how much it is given."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    for call in calls:
        if ast.unparse(call.func).startswith("explore."):
            return call.func.attr, len(call.args)
    return "", 0


def given(cell) -> list[str]:
    """What a cell's explorer was given when the cell ran, as `pack` wrote it."""
    kept = [output.get("metadata", {}).get("text/html", {}) for output in cell.outputs]
    return next((each["arguments"] for each in kept if "arguments" in each), [])


def opened(cell):
    """The explorer of a cell, with what it was given when the cell ran."""
    with chdir(ROOT / "notebooks"):
        make = unwrap(getattr(explore, called(cell.source)[0]))
        return make(*map(explorer.unpack, given(cell)))


def key(name: str, cell) -> str:
    """A name for what a cell's explorer draws, which changes when that does."""
    files = [unwrap(getattr(explore, name)), explorer.Explorer, Figure]
    code = b"".join(Path(getfile(each)).read_bytes() for each in files)
    tables = b"".join(
        path.read_bytes() for path in sorted((ROOT / "results").glob("*frontier.csv"))
    )
    inputs = json.dumps([given(cell), COLORS]).encode()
    digest = hashlib.sha256(code + inputs + tables).hexdigest()
    return f"{name}-{digest[:12]}"


def drawn(cell) -> Path | None:
    """The folder of a cell's flip-book: its pages as images, and what is said of them.

    `None` where a cell has no explorer, or one whose arguments were not kept.
    """
    name, arguments = called(cell.source)
    if not name or arguments > len(given(cell)):
        return None
    folder = KEPT / key(name, cell)
    if not (folder / "pages.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        draw(opened(cell), folder)
    return folder


def draw(one, folder: Path) -> None:
    """Draws each page of an explorer in one size, and writes the sentences and the settings."""
    pages = one.pages()
    figures = [one.at(page) for page in pages]
    images = [Image.open(io.BytesIO(base64.b64decode(figure._image))) for figure in figures]
    size = tuple(max(sides) for sides in zip(*(image.size for image in images), strict=True))
    for number, image in enumerate(images):
        sheet = Image.new("RGB", size, "white")
        sheet.paste(image.convert("RGB"))
        few = sheet.quantize(COLORS, dither=Image.Dither.NONE).convert("RGB")
        few.save(folder / f"{number}.webp", lossless=True, quality=90)
    told = {
        "sentences": [figure.alt for figure in figures],
        "settings": [[label, list(stops)] for label, stops in one.choices().values()],
        "numbers": [not isinstance(options, dict) for _, options in one.settings.values()],
        "positions": [pages.index(tuple(position)) for position in one.positions],
        "size": size,
    }
    (folder / "pages.json").write_text(json.dumps(told), encoding="utf-8")


def page(folder: Path, name: str) -> str:
    """The HTML of a flip-book, whose images stand in a folder of this name beside the pages."""
    told = json.loads((folder / "pages.json").read_text(encoding="utf-8"))
    first, *others = told["positions"]
    steps = stops_of(first, [len(stops) for _, stops in told["settings"]])
    controls = "".join(
        control(f"{name}-{place}", label, stops, step, number)
        for place, ((label, stops), step, number) in enumerate(
            zip(told["settings"], steps, told["numbers"], strict=True)
        )
    )
    data = {"folder": f"{FOLDER}/{name}", "sentences": told["sentences"]}
    return PAGE.format(
        controls=controls,
        label=escape("Figure by " + ", ".join(label for label, _ in told["settings"])),
        first=image(told, name, first),
        sentence=escape(told["sentences"][first]),
        others="".join(
            f'<div class="turned">{image(told, name, at)}</div>'
            f"<p>{escape(told['sentences'][at])}</p>"
            for at in others
        ),
        data=json.dumps(data).replace("<", "\\u003c"),
    )


def stops_of(page: int, sizes: list[int]) -> list[int]:
    """Which stop each setting has on a page."""
    steps = []
    for size in reversed(sizes):
        page, step = divmod(page, size)
        steps.insert(0, step)
    return steps


def control(name: str, label: str, stops: list[str], step: int, is_number: bool) -> str:
    """A slider through numbers, or radio buttons for a choice."""
    if not is_number:
        buttons = "".join(
            f'<label><input type="radio" name="{name}" value="{number}"'
            f"{' checked' if number == step else ''}> {escape(stop)}</label>"
            for number, stop in enumerate(stops)
        )
        return f"<fieldset><legend>{escape(label)}</legend>{buttons}</fieldset>"
    listed = escape(json.dumps(stops))
    return (
        f'<p><label for="{name}">{escape(label)}</label>: '
        f'<output for="{name}">{stops[step]}</output>'
        f'<input type="range" id="{name}" min="0" max="{len(stops) - 1}" value="{step}" '
        f'aria-valuetext="{stops[step]}" data-stops="{listed}"></p>'
    )


def image(told: dict, name: str, at: int) -> str:
    """One page's figure."""
    width, height = told["size"]
    return (
        f'<img src="{FOLDER}/{name}/{at}.webp" width="{width}" height="{height}" '
        f'alt="{escape(told["sentences"][at])}">'
    )
