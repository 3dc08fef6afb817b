"""The glossary, docs/glossary.md: its terms are links where the lessons first use them."""

import re
from functools import cache

from tools import ROOT

PAGE = ROOT / "docs" / "glossary.md"
HEADING = re.compile(r"^### (.+)$", re.MULTILINE)
BOLD = re.compile(r"\*\*([^*\n]+(?:\n[^*\n]+)?)\*\*(?!\])")


@cache
def terms() -> dict[str, str]:
    """Each name of a term in small letters, with the anchor that Sphinx gives its heading."""
    found = {}
    for heading in HEADING.findall(PAGE.read_text(encoding="utf-8")):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found |= {name.strip(): anchor for name in re.split(r"[(),]", heading.lower()) if name}
    return found


def linked(text: str, seen: set) -> str:
    """Markdown where the first bold use of each term, in all lessons read so far, is a link."""

    def link(match):
        anchor = terms().get(" ".join(match[1].lower().split()))
        if anchor is None or anchor in seen:
            return match[0]
        seen.add(anchor)
        return f"[{match[0]}](glossary.md#{anchor})"

    return BOLD.sub(link, text)
