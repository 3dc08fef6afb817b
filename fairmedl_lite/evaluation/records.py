"""A file of fits: one line of JSON for each, with its checksum, added when the fit is done."""

import json
import os
import zlib
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

START = b'{"model": '
CHECKSUM = b', "checksum": "'


class Records:
    """A file of fits that one run writes to at a time.

    Args:
        path: A `Path`. There need be no such file.

    Raises:
        ValueError: If another run holds the file, or it is no file of fits.
        OSError: If it cannot be written.
    """

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        with _writing():
            self.file = self.path.open("a+b")
        try:
            _lock(self.file)
        except BlockingIOError:
            self.file.close()
            self._refuse("to which another run is writing", "Wait for it, or name another file.")
        return self

    def __exit__(self, *error):
        self.file.close()  # and with it the lock ends, as it does with a run that is killed

    def append(self, record):
        """Add a record as one line, and see that it is on the disk.

        Args:
            record: Dictionary of what JSON can hold, of which `model` comes first, with `seed`
                and `settings`.
        """
        text = json.dumps(record).encode("ascii")
        with _writing():
            self.file.write(text[:-1] + CHECKSUM + _checksum(text) + b'"}\n')
            self.file.flush()
            os.fsync(self.file.fileno())

    def read(self, fits):
        """Read the records; the start of a line that was cut off is removed from the file.

        Args:
            fits: Dictionary of `(model, seed)` to a fit, with its `settings`.

        Returns:
            Dictionary of `(model, seed)` to record, of several the last.

        Raises:
            ValueError: If the file is another, or a record is changed, of other settings or of no
                such fit; the line is named.
        """
        self.file.seek(0)
        whole, end, torn = self.file.read().rpartition(b"\n")
        lines = enumerate(whole.split(b"\n") if end else [], start=1)
        records = [self._checked(line, number, fits) for number, line in lines]
        if not START.startswith(torn[: len(START)]):
            self._refuse("whose last line is no record")
        self.file.truncate(len(whole + end))
        return {(record["model"], record["seed"]): record for record in records}

    def _checked(self, line, number, fits):
        if not line.startswith(START):
            self._refuse(f"whose line {number} is no record")
        text, _, checksum = line.rpartition(CHECKSUM)
        if _checksum(text + b"}") + b'"}' != checksum:
            advice = f"Delete line {number} to have it fitted again, or name another file."
            self._refuse(f"whose line {number} was changed or cut off", advice)
        record = json.loads(text + b"}")
        key = record["model"], record["seed"]
        if key not in fits:
            self._refuse(f"with {key[0]!r} at seed {key[1]}, which is not asked for")
        settings = fits[key].settings.items()
        changed = [name for name, value in settings if record["settings"].get(name) != value]
        if changed:
            self._refuse(f"whose {key[0]!r} at seed {key[1]} has other {' and '.join(changed)}")
        return record

    def _refuse(self, found, advice="Name another file."):
        raise ValueError(
            "output must be a new file, or hold fits of the same models, data and seeds. "
            f"Received: {str(self.path)!r}, {found}. {advice}"
        )


@contextmanager
def _writing():
    """Within it, what the system says against writing the file becomes a sentence."""
    try:
        yield
    except OSError as error:
        raise type(error)(
            f"output must be writable. Received: {error}. Name a file in a folder of your own."
        ) from error


def _checksum(text):
    return b"%08x" % zlib.crc32(text)


def _lock(file):
    """Lock a file for this process; where a file system has no locks, it goes without."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        pass
