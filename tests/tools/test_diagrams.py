"""The committed diagrams are what the script writes, and speak."""

import re
from xml.etree import ElementTree

import pytest

from fairmedl_lite import diagram
from tools.lessons.diagrams import FOLDER, LADDER, PARTS, diagrams
from tools.lessons.drawing import Box

SVG = "{http://www.w3.org/2000/svg}"
named = pytest.mark.parametrize("name", sorted(diagrams()))


def test_committed_files_are_what_the_script_writes():
    committed = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")}
    assert committed == diagrams()


@named
def test_each_has_words_on_a_white_card_in_letters_of_twelve_pixels(name):
    root = ElementTree.fromstring(diagrams()[name])
    assert len(root.findtext(f"{SVG}title")) > 10 and len(root.findtext(f"{SVG}desc")) > 100
    card = root.find(f"{SVG}rect")
    assert (card.get("fill"), card.get("width")) == ("#ffffff", root.get("width"))
    sizes = [float(node.get("font-size")) for node in root.iter() if node.get("font-size")]
    assert min(sizes) >= 12
    # 350 pixels are left to a figure on a phone.
    assert min(sizes) * 350 / float(root.get("width")) >= 9


@named
def test_nothing_is_written_outside_the_card(name):
    root = ElementTree.fromstring(diagrams()[name])
    width, height = float(root.get("width")), float(root.get("height"))
    for node in root.iter(f"{SVG}text"):
        size = 0.56 * 15 * len("".join(node.itertext()))
        start = float(node.get("x")) - (size / 2 if node.get("text-anchor") == "middle" else 0)
        assert 0 <= start and start + size <= width
        assert 0 <= float(node.get("y")) <= height


@named
def test_a_lesson_gets_an_image_with_the_same_words(name):
    shown = diagram(name)._repr_html_()
    assert re.search(r'<img alt="[^"]{100,}" src="data:image/svg\+xml;base64,', shown)


def test_each_part_is_built_once_and_known_from_then_on():
    built = [part for parts, _ in LADDER.values() for part in parts]
    assert sorted(built) == sorted(PARTS)
    for part in PARTS:
        known = [part in parts for _, parts in LADDER.values()]
        assert known == sorted(known)


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(ValueError, match=r"name must be one of .*'fair_medl'.* Received: 'medl'"):
        diagram("medl")


def test_an_arrow_starts_at_the_edge_of_its_box():
    box = Box(0, 0, 40, 20, [])
    assert box.towards((120, 10)) == (40, 10)
    assert box.towards((20, -90)) == (20, 0)
