"""The course's diagrams: one of Fair MEDL that grows, and the causes in the simulated worlds."""

import base64
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from fairmedl_lite.checks import check_choice

FOLDER = Path(__file__).parent / "diagrams"
TAG = "{http://www.w3.org/2000/svg}"


class Diagram:
    """A drawing that a notebook shows as an image, with its own words as text alternative.

    Args:
        svg: String. An SVG with a `title` and a `desc`.
    """

    def __init__(self, svg: str):
        root = ElementTree.fromstring(svg)
        self.alt = f"{root.findtext(f'{TAG}title')}. {root.findtext(f'{TAG}desc')}"
        self._image = base64.b64encode(svg.encode()).decode()

    def __repr__(self):
        return f"Diagram({self.alt!r})"

    def _repr_html_(self):
        source = f"data:image/svg+xml;base64,{self._image}"
        look = "width: 560px; max-width: 100%; height: auto"
        return f'<img alt="{escape(self.alt)}" src="{source}" style="{look}">'


def diagram(name: str) -> Diagram:
    """A diagram of the course. No path of the notebook's folder is needed, and no network.

    Args:
        name: `"fair_medl"`, the whole model, or with one part brought out and what the course
            has not built yet pale: `"fair_medl_fixed_effects"`, `"fair_medl_random_effects"`,
            `"fair_medl_cluster_adversary"`, `"fair_medl_fairness_adversaries"`. Or what causes
            what in a simulated world: `"causes_typists"`, `"causes_probe"`, `"causes_hiring"`.

    Returns:
        A `Diagram`, with its words in `alt`.

    Raises:
        ValueError: If there is no such diagram.

    Example:
        >>> diagram("causes_typists").alt
        "Causal diagram of the typists. An arrow from speed to errors with a plus: ..."
    """
    check_choice("name", name, sorted(path.stem for path in FOLDER.glob("*.svg")))
    return Diagram((FOLDER / f"{name}.svg").read_text(encoding="utf-8"))
