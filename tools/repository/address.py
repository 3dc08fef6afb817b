"""Where the repository lives: pyproject.toml has it, and this writes another everywhere.

    python -m tools.repository.address https://github.com/OWNER/NAME

Links to the branch main, badges, and links that open a lesson on Binder, Colab or Codespaces
follow. Running it with the old address puts everything back.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tools import ROOT

FORM = re.compile(r"https://github\.com/(?!OWNER/)([\w-]+/[\w.-]+?)(?:\.git)?/?", re.ASCII)
HOSTS = rb"(?:github\.com|mybinder\.org/v2/gh|colab\.research\.google\.com/github|codespaces\.new)/"


def address(root: Path = ROOT) -> str:
    """The address, read from pyproject.toml."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["urls"]["Repository"]


def owner_and_name(url: str) -> str:
    """The part of an address that names the repository on every host."""
    if found := FORM.fullmatch(url):
        return found[1]
    raise ValueError(
        f"expected the address of a repository, in the form https://github.com/OWNER/NAME, and got "
        f"{url!r}. Run `make address URL=...` with the owner and the name of your fork."
    )


def rewritten(text: bytes, old: str, new: str) -> bytes:
    """A file's bytes, whose links to one repository lead to another."""
    links = re.compile(rb"(%b)%b(?![\w-]|\.\w)" % (HOSTS, re.escape(old).encode()))
    return links.sub(lambda link: link[1] + new.encode(), text)


def tracked(root: Path) -> list[Path]:
    """The files that git keeps."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    paths = [root / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def move(url: str, root: Path = ROOT) -> list[Path]:
    """Makes every link to the repository lead to this address; returns the changed files."""
    new, old, changed = owner_and_name(url), owner_and_name(address(root)), []
    for path in tracked(root):
        before = path.read_bytes()
        after = rewritten(before, old, new)
        if after != before:
            path.write_bytes(after)
            changed.append(path)
    return changed


if __name__ == "__main__":
    try:
        print(f"{len(move(' '.join(sys.argv[1:])))} files changed; the address is {address()}")
    except ValueError as error:
        sys.exit(str(error))
