"""Boxes, arrows and words as SVG: what the course's diagrams are made of."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

TEXT, SMALL, LINE = 15, 13, 18  # pixels: of a text, of an index, from line to line
INK, PALE, LIT, BLUE, FILL = "#222222", "#666666", "#a63c00", "#0063a0", "#fdebd0"
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


class Look(NamedTuple):
    """How a box is drawn: colour and fill, and line and letters for whoever sees no colour."""

    stroke: str = INK
    fill: str = "#ffffff"
    width: float = 1.5
    dashes: str = ""
    weight: str = "normal"


PLAIN = Look()
BUILT = Look(LIT, FILL, 3.5, "", "bold")
LATER = Look(PALE, "#ffffff", 1.2, "2 4")


class Box(NamedTuple):
    """A box with lines of words; `_` makes the letter behind it an index."""

    x: float
    y: float
    width: float
    height: float
    lines: Sequence[str]

    @property
    def centre(self):
        """The middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    def towards(self, point):
        """Where the line from the middle to a point leaves the box."""
        (x, y), (to_x, to_y) = self.centre, point
        run, rise = to_x - x, to_y - y
        beyond = max(abs(run) / (self.width / 2), abs(rise) / (self.height / 2))
        return x + run / beyond, y + rise / beyond

    def draw(self, look=PLAIN):
        """The box and its words as SVG."""
        x, y = self.centre
        first = y - LINE * (len(self.lines) - 1) / 2 + TEXT / 3
        dashes = f' stroke-dasharray="{look.dashes}"' if look.dashes else ""
        rect = (
            f'<rect x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" '
            f'height="{self.height:g}" rx="7" fill="{look.fill}" stroke="{look.stroke}" '
            f'stroke-width="{look.width:g}"{dashes}/>'
        )
        color = PALE if look is LATER else INK
        lines = [
            words(line, x, first + LINE * number, color, "middle", look.weight)
            for number, line in enumerate(self.lines)
        ]
        return "\n".join([rect, *lines])


def words(text, x, y, color=INK, anchor="start", weight="normal"):
    """One line of words; the letter behind `_` is an index."""
    parts = text.split("_")
    shown = escape(parts[0])
    for part in parts[1:]:
        index = f'<tspan dy="4" font-size="{SMALL}">{escape(part[0])}</tspan>'
        rest = f'<tspan dy="-4">{escape(part[1:])}</tspan>' if part[1:] else ""
        shown += index + rest
    return (
        f'<text x="{x:g}" y="{y:.1f}" fill="{color}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{shown}</text>'
    )


def arrow(points, color=INK, width=1.8, dashes="", sign=""):
    """An arrow through points, with a sign in a ring at the middle of its last stretch."""
    *before, start, end = points
    foot, head = _head(start, end, color)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (*before, start, foot))
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    look = f'fill="none" stroke="{color}" stroke-width="{width:g}"{dashed}'
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    signs = [ring(*middle, sign, color)] if sign else []
    return "\n".join([f'<polyline points="{path}" {look}/>', head, *signs])


def ring(x, y, sign, color=INK):
    """A sign in a ring."""
    circle = f'<circle cx="{x:g}" cy="{y:g}" r="9" fill="#ffffff" stroke="{color}"/>'
    return circle + words(sign, x, y + TEXT / 3, color, "middle", "bold")


def between(start, end, **look):
    """A straight arrow from one box to another."""
    return arrow([start.towards(end.centre), end.towards(start.centre)], **look)


def _head(start, end, color, length=10, half=5):
    """The foot of the triangle that ends an arrow, and the triangle."""
    run, rise = end[0] - start[0], end[1] - start[1]
    size = (run**2 + rise**2) ** 0.5
    run, rise = run / size, rise / size
    x, y = end[0] - length * run, end[1] - length * rise
    corners = [end, (x - half * rise, y + half * run), (x + half * rise, y - half * run)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return (x, y), f'<polygon points="{path}" fill="{color}"/>'


def card(title, description, parts, width, height):
    """A whole SVG on a white card, so that it reads on a dark page too."""
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-labelledby="title desc" '
        f'font-family="{FONT}" font-size="{TEXT}">'
    )
    names = [
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(description)}</desc>',
    ]
    ground = f'<rect width="{width}" height="{height}" rx="10" fill="#ffffff"/>'
    return "\n".join([start, *names, ground, *parts, "</svg>", ""])
