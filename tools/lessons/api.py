"""The book's page of the API, written from the package's own list of public names."""

import inspect
import re
from functools import cached_property
from importlib import import_module
from types import FunctionType

import fairmedl_lite

HEAD = """\
The library
===========

What ``from fairmedl_lite import ...`` offers, by the room it lives in. Everything here is the
library's own documentation: ``help(name)`` shows the same. Each example has imported the names of
the library that it uses, numpy as ``np`` and pandas as ``pd``."""
PROPERTIES = (property, cached_property)
METHODS = (FunctionType, classmethod, staticmethod, *PROPERTIES)
# A colon in the first line of these would be read as the end of a type.
UNTYPED = re.compile(r"^((?:Returns|Input shape|Output shape):\n +)", re.MULTILINE)
LITERAL = re.compile(r"^( *)(\S.*\n\n)(?=\1 )", re.MULTILINE)
DEFAULT = re.compile(r"<(?:class|function) '?[\w.]*?(\w+)'?>")
CODE = re.compile(r"(?<!`)`(\w+)`(?!`)")


def page() -> str:
    """The page: a heading for each room, what the room is for, and each of its public names."""
    rooms = {}
    for home, names in fairmedl_lite._HOME.items():
        rooms.setdefault(home.partition(".")[0], []).extend(names)
    return "\n\n".join([HEAD, *(chapter(room, names) for room, names in rooms.items())]) + "\n"


def chapter(room: str, names: list[str]) -> str:
    """A room's part of the page."""
    about = import_module(f"fairmedl_lite.{room}").__doc__.partition("\n\n")[0]
    title = f"{room}\n{'-' * len(room)}"
    return "\n\n".join([title, markup(about), *map(entry, names)])


def entry(name: str) -> str:
    """What makes autodoc document a public name, and what belongs to it."""
    thing, path = getattr(fairmedl_lite, name), f"fairmedl_lite.{name}"
    if not inspect.isclass(thing):
        return f".. autofunction:: {path}"
    shown = [f"   .. auto{kind}:: {path}.{member}" for member, kind in members(thing).items()]
    return "\n\n".join([f".. autoclass:: {path}", *shown])


def members(thing) -> dict[str, str]:
    """Of a class's public members, also inherited ones, those that the library documents."""
    ours = [base for base in inspect.getmro(thing) if base.__module__.startswith("fairmedl_lite")]
    found = {name: inspect.getattr_static(thing, name) for base in ours for name in vars(base)}
    return {
        name: "property" if isinstance(value, PROPERTIES) else "method"
        for name, value in found.items()
        if not name.startswith("_") and isinstance(value, METHODS) and value.__doc__
    }


def markup(text: str) -> str:
    """A docstring's Markdown as reStructuredText: blocks, lists, and links to public names."""
    text = UNTYPED.sub(r"\1: ", text)
    text = LITERAL.sub(r"\1\2\1::\n\n", text)
    return "\n".join(spaced(CODE.sub(linked, text).splitlines()))


def linked(code: re.Match) -> str:
    """A link, if this code is a public name; a plain word may be a column's name as well."""
    name = code[1]
    plain = name.isalpha() and name.islower()
    public = name in fairmedl_lite.__all__ and not plain
    return f":py:obj:`{name} <fairmedl_lite.{name}>`" if public else code[0]


def spaced(lines: list[str]) -> list[str]:
    """The lines with an empty one before and after each list."""
    found, depth = [], None
    for line in lines:
        indent, item = len(line) - len(line.lstrip()), line.lstrip().startswith("- ")
        ends = depth is not None and line and indent <= depth and not item
        if ends or item and depth is None:
            found.append("")
        if item or ends:
            depth = indent if item else None
        found.append(line)
    return found


def prepare(app, what, name, thing, options, lines) -> None:
    """Turns the lines of a docstring, before sphinx reads its sections."""
    # Of a property too, what precedes a colon would be read as its type.
    lines[:] = markup((": " if what == "property" else "") + "\n".join(lines)).splitlines()


def sign(app, what, name, thing, options, signature, result):
    """The arguments; those of a class are its constructor's, which Keras hides."""
    if what == "class":
        wanted = inspect.signature(thing.__init__).parameters.values()
        bare = [each.replace(annotation=each.empty) for each in wanted if each.name != "self"]
        return str(inspect.Signature(bare)), None
    return signature and DEFAULT.sub(r"\1", signature), result
