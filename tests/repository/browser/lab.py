"""A JupyterLab, and what a learner does in it, by keyboard."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

# All cells stay in the page, for axe-core; and nothing is asked of the network.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
HOMES = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
)
OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--expose-app-in-browser",
    "--IdentityProvider.token=",
    "--LabApp.extension_manager=readonly",
    "--log-level=ERROR",
)
RUN = """async ([from, to, patience]) => {
  const notebook = jupyterapp.shell.currentWidget.content;
  const tooLong = new Promise((_, stop) =>
    setTimeout(() => stop(new Error(`cells ${from} to ${to} took too long`)), patience));
  for (let at = from; at <= to; at++) {
    notebook.activeCellIndex = at;
    await Promise.race([jupyterapp.commands.execute('notebook:run-cell'), tooLong]);
  }
}"""
SOURCES = """() => jupyterapp.shell.currentWidget.content.widgets.map(
  cell => cell.model.type === 'code' ? cell.model.sharedModel.getSource() : '')"""
READY = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  const kernel = panel?.sessionContext?.session?.kernel;
  return kernel?.status === 'idle' && panel.content.widgets.length > 1;
}"""
FAILURES = '[data-mime-type="application/vnd.jupyter.error"], [data-mime-type$="stderr"]'
# The Lab's body has no height, so axe-core would take all in it for invisible.
VISIBLE = "body { overflow: visible !important }"
OURS = ".jp-Notebook .jp-OutputArea-output"
PATIENCE = 180_000  # milliseconds: a lesson on a busy machine


@contextmanager
def server(course, home):
    """Starts JupyterLab in one folder, with its settings in another; gives its address."""
    for name, values in SETTINGS.items():
        path = home / "jupyterlab_settings_dir" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    environment = os.environ | {name: str(home / name.lower()) for name in HOMES}
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", *OPTIONS, f"--port={port}"]
    with (home / "server.log").open("w") as said:
        process = subprocess.Popen(command, cwd=course, env=environment, stdout=said, stderr=said)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(address, process, seconds=90):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and process.poll() is None:
        try:
            return urlopen(f"{address}/api", timeout=5).close()
        except URLError:
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not answer at {address} within {seconds} s")


class OpenLesson:
    """A lesson in the Lab: run its cells, guess, move an explorer, and read what it shows."""

    def __init__(self, page, address, name):
        self.page = page
        page.set_default_timeout(PATIENCE)
        page.goto(f"{address}/lab/workspaces/{name}/tree/notebooks/{name}.ipynb?reset")
        page.wait_for_function(READY)
        page.evaluate("() => jupyterapp.shell.collapseLeft()")
        page.evaluate("() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        page.add_style_tag(content=VISIBLE)
        self.sources = page.evaluate(SOURCES)

    def run(self, first, last=None):
        """Runs one cell, or those from `first` up to `last`, and waits until all is drawn."""
        self.page.evaluate(RUN, [first, first if last is None else last, PATIENCE])
        self.settle()

    def settle(self):
        self.page.wait_for_function(READY)
        self.page.wait_for_timeout(300)

    def close(self):
        """Ends the kernel: ten of them would fill the memory."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")

    def cell(self, position):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(position)

    def printed(self, position):
        """What stands below a cell, its lines joined."""
        texts = self.cell(position).locator(".jp-OutputArea-output").all_inner_texts()
        return " ".join(" ".join(texts).split())

    def failures(self):
        """The errors that cells raised, and what they wrote to stderr."""
        return self.page.locator(FAILURES).all_inner_texts()

    def speechless(self):
        """The pictures without a sentence; the Lab calls each that has no text "Image"."""
        images = self.page.locator(f"{OURS} img").evaluate_all("all => all.map(each => each.alt)")
        return [f"a picture whose text is {alt!r}" for alt in images if len(alt.split()) < 5]

    def answers(self, position):
        """The texts of a question's radio buttons."""
        labels = self.cell(position).locator(".widget-radio-box label").all_inner_texts()
        return [label.strip().split(". ", 1)[1] for label in labels]

    def pick(self, position, order):
        """Goes to a radio button by Tab alone and presses Space."""
        buttons = self.cell(position).locator("input[type=radio]")
        buttons.first.focus()
        for _ in range(order):
            self.page.keyboard.press("Tab")
        self.page.keyboard.press("Space")
        assert buttons.nth(order).is_checked(), f"Tab and Space did not reach answer {order}"
        self.settle()

    def spoken(self, position):
        """What a screen reader is told to speak when it changes."""
        return self.cell(position).locator("[role=status]").inner_text()

    def explored(self, position):
        """An explorer's sentence and its picture."""
        picture = self.cell(position).locator(".widget-html img").first
        return self.spoken(position), picture.get_attribute("src")

    def move(self, position):
        """Moves the first control of an explorer by keyboard."""
        numbers = self.cell(position).locator("input[type=number]")
        if not numbers.count():
            return self.pick(position, 1)
        before = numbers.first.input_value()
        for key in ("ArrowUp", "ArrowDown"):  # down where it stands at its end
            numbers.first.focus()
            self.page.keyboard.press(key)
            self.page.keyboard.press("Enter")
            self.settle()
            if numbers.first.input_value() != before:
                return
