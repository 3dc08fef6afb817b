"""A headless browser that listens: what the console said, and what axe-core finds."""

import shutil

from axe_playwright_python.sync_playwright import Axe

NAMES = ("chromium", "chromium-browser", "google-chrome")
# A container runs as root, without a sandbox and with a small /dev/shm.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
VIEW = {"width": 1280, "height": 1000}
UNFOLD = "() => document.querySelectorAll('details').forEach(folded => folded.open = true)"
NOT_FOUND = f"no browser: install one of {', '.join(NAMES)}"


def executable():
    """The path of an installed browser, or `None`."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def listening(page):
    """The list to which each error of the page's console and scripts is added."""
    errors = []

    def hear(message):
        address = (message.location or {}).get("url", "")
        if message.type == "error" and not address.endswith("favicon.ico"):
            errors.append(f"{message.text} {address}".strip())

    page.on("console", hear)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def violations(page, context=None):
    """What axe-core finds, as lines: rule, weight, number of places, and the first place.

    What is folded is unfolded first, for axe-core passes over what cannot be seen.
    """
    page.evaluate(UNFOLD)
    found = Axe().run(page, context).response
    # axe-core takes text in the colour of its background for text that is hidden on purpose.
    unseen = [
        {**rule, "nodes": [node for node in rule["nodes"] if "equalRatio" in str(node["any"])]}
        for rule in found["incomplete"]
        if rule["id"] == "color-contrast"
    ]
    return [
        f"{each['id']} ({each['impact']}), {len(each['nodes'])} times, first: "
        f"{each['nodes'][0]['html'][:160]!r}"
        for each in (*found["violations"], *unseen)
        if each["nodes"]
    ]
