"""Figures of the book on a small screen: they shrink only as far as their text can be read."""

import base64
import io
import re
from html import escape, unescape
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

IMAGE = re.compile(r"<img\b[^>]*>")
ALONE = re.compile(r"<p>(?=<img\b[^>]*\bmin-width: (\d+)px)")
SOURCE = re.compile(r'\bsrc="([^"]+)"')
LEAST = 9  # pixels of a screen
NARROWEST = 320  # screen, in pixels
TEXT, DENSITY = 10, 110  # points of Matplotlib's text, and dots an inch of `Figure`
SHRINK = LEAST / (TEXT * DENSITY / 72)


def legible(page: Path) -> None:
    """Writes the size of each figure of a page, and the width below which it scrolls."""
    text = page.read_text(encoding="utf-8")
    text = IMAGE.sub(lambda tag: sized(tag[0], page.parent), text)
    page.write_text(ALONE.sub(reachable, text), encoding="utf-8")


def reachable(found: re.Match) -> str:
    """The beginning of a paragraph that is a figure: one that may scroll does so by keyboard."""
    return '<p tabindex="0">' if int(found[1]) > NARROWEST else "<p>"


def sized(tag: str, folder: Path) -> str:
    """An image's tag with its size and its least width; as it is where it is no bitmap."""
    source = unescape(SOURCE.search(tag)[1]) if SOURCE.search(tag) else ""
    content = bitmap(source, folder)
    if content is None:
        return tag
    width, height = Image.open(io.BytesIO(content)).size
    bare = re.sub(r'\s(?:style|width|height)="[^"]*"', "", tag)
    style = escape(f"min-width: {round(width * SHRINK)}px")
    return bare.replace("<img", f'<img width="{width}" height="{height}" style="{style}"', 1)


def bitmap(source: str, folder: Path) -> bytes | None:
    """The bytes of an image inside the page or beside it."""
    if source.startswith("data:image/png;base64,"):
        return base64.b64decode(source.split(",", 1)[1])
    path = folder / unquote(source)
    is_there = source.endswith((".png", ".webp")) and path.is_file()
    return path.read_bytes() if is_there else None
