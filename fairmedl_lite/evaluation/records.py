"""A file of fits: one line of JSON for each, added when the fit is done."""

import json
import os

START = b'{"model": '


def append(path, record):
    """Add a record as one line, and see that it is on the disk.

    Args:
        path: A `Path`.
        record: Dictionary of what JSON can hold, of which `model` comes first, with `seed` and
            `settings`.
    """
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(record) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(path, fits):
    """Read the records of a file; the start of a line that was cut off is removed from it.

    Args:
        path: A `Path`. There need be no such file.
        fits: Dictionary of `(model, seed)` to a fit, with its `settings`.

    Returns:
        Dictionary of `(model, seed)` to record, of several the last.

    Raises:
        ValueError: If the file is another, or a record is of other settings or of no such fit.
    """
    if not path.exists():
        return {}
    whole, end, torn = path.read_bytes().rpartition(b"\n")
    records = [_checked(path, line, fits) for line in whole.splitlines()]
    if not START.startswith(torn[: len(START)]):
        _refuse(path, "whose last line is no record")
    os.truncate(path, len(whole + end))
    return {(record["model"], record["seed"]): record for record in records}


def _checked(path, line, fits):
    if not line.startswith(START):
        _refuse(path, "which is no such file")
    record = json.loads(line)
    key = record["model"], record["seed"]
    if key not in fits:
        _refuse(path, f"with {key[0]!r} at seed {key[1]}, which is not asked for")
    settings = fits[key].settings.items()
    changed = [name for name, value in settings if record["settings"].get(name) != value]
    if changed:
        _refuse(path, f"whose {key[0]!r} at seed {key[1]} has other {' and '.join(changed)}")
    return record


def _refuse(path, found):
    raise ValueError(
        "output must be a new file, or hold fits of the same models, data and seeds. "
        f"Received: {str(path)!r}, {found}. Name another file."
    )
