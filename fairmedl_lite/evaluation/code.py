"""What a function or a class computes, so that fits of other code are not taken for its own."""

import functools
import inspect

import joblib

PLAIN = (str, bytes, int, float, complex, tuple, frozenset, type(None))
OTHERS = ("builtins", "sklearn", "abc", "typing")  # parents whose code is not looked at


def hash_code(thing) -> str:
    """A hash that changes with what a function, a class, or an object of one computes.

    It covers bytecode and constants: of a function, of what it names in its own module, and of a
    class and its parents. It does not cover other modules. Comments and line numbers are left out.

    Args:
        thing: A function, a `functools.partial`, a class or an object.

    Raises:
        ValueError: If it holds what cannot be hashed, such as an open file.
    """
    try:
        return joblib.hash(_parts(thing, set()))
    except Exception as error:  # whatever an object raises that does not want to be written
        raise ValueError(
            "Where output is given, measure and models must hold what can be compared with those "
            f"of an earlier run. Received: {thing!r}, {error}. Define functions by def in a module."
        ) from error


def _parts(thing, known):
    """Nested lists of what is to be hashed; a function or class that is known adds nothing."""
    thing = _plain_function(thing)
    if inspect.isbuiltin(thing):
        return f"{thing.__module__}.{thing.__qualname__}"  # its repr holds an address
    if isinstance(thing, PLAIN):
        return thing
    if inspect.isfunction(thing) or inspect.isclass(thing):
        if thing in known:
            return []
        known.add(thing)
        return (_of_class if inspect.isclass(thing) else _of_function)(thing, known)
    if isinstance(thing, functools.partial):
        return [_parts(thing.func, known), thing.args, thing.keywords]
    if type(thing).__module__.split(".")[0] in OTHERS or not hasattr(thing, "__dict__"):
        return thing
    state = [[name, _parts(value, known)] for name, value in sorted(vars(thing).items())]
    return [_parts(type(thing), known), state]


def _plain_function(thing):
    """The function of a property, of a method, or behind a decorator."""
    thing = getattr(thing, "fget", None) or getattr(thing, "__func__", thing)
    return inspect.unwrap(thing) if inspect.isfunction(thing) else thing


def _of_class(kind, known):
    found = [kind.__qualname__]
    for parent in kind.__mro__:
        if parent.__module__.split(".")[0] in OTHERS:
            continue
        for name, part in sorted(vars(parent).items()):
            part = _plain_function(part)
            own = isinstance(part, PLAIN) and not name.startswith("__")
            if own or inspect.isfunction(part):
                found.append([name, _parts(part, known)])
    return found


def _of_function(function, known):
    code, names = function.__code__, function.__globals__
    used = [names[name] for name in _names(code) if name in names]
    used = [
        part
        for part in used
        if isinstance(part, PLAIN) or getattr(part, "__module__", None) == function.__module__
    ]
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return [_of_code(code), *(_parts(part, known) for part in (*used, *cells, *given))]


def _names(code):
    """What a function and those within it name, in a fixed order."""
    inner = [part for part in code.co_consts if inspect.iscode(part)]
    return [*code.co_names, *(name for part in inner for name in _names(part))]


def _of_code(code):
    constants = [_of_constant(part) for part in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, constants]


def _of_constant(part):
    if isinstance(part, frozenset):  # each process has an order of its own
        return sorted(part, key=repr)
    return _of_code(part) if inspect.iscode(part) else part
