"""Every target that `make help` lists is run on a clean clone, and none is forgotten."""

import re
import socket
import subprocess
import sys

from tools import ROOT
from tools.repository import every

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_help_lists_every_target_and_each_is_run_or_left_out_by_name():
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split()
    assert set(every.targets(MAKEFILE)) | {"help"} == set(phony)
    assert set(every.ARGUMENTS) | set(every.WAITING) | set(every.LEFT_OUT) <= set(phony)


def test_what_changes_the_clone_comes_last():
    assert every.targets(MAKEFILE)[-1] == "clean"
    text = '@echo "make clean  c"\n@echo "make lab  x"\n@echo "make test-jax  y"'
    assert every.targets(text) == ["lab", "test-jax", "clean"]


def test_a_server_is_stopped_once_it_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(every, "CLONE", tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = str(probe.getsockname()[1])
    serve = [sys.executable, "-m", "http.server", free, "--bind", "127.0.0.1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    assert every.served(serve, f"http://127.0.0.1:{free}/", quiet) == 0


def test_a_command_that_ends_without_an_answer_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(every, "CLONE", tmp_path)
    ends = [sys.executable, "-c", "raise SystemExit(3)"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    assert every.served(ends, "http://127.0.0.1:9/", quiet) == 3
