"""One explorer: a few lists to pick from, a figure and a sentence that follow the pick."""

from html import escape

import ipywidgets
from IPython.display import HTML, display

from fairmedl_lite.teaching import spoken

SUMMARY = "The main positions, for where no kernel runs"


class Explorer:
    """Show lists to pick from, by mouse or by arrow keys, and below a sentence and a figure.

    Lists, not sliders: a slider's handle has no name that a screen reader could speak. Each pick
    is kept when the notebook is saved. The figures of the main positions stand folded below.

    Args:
        controls: Dictionary of control to its label and its options: a list, or a dictionary of
            text to value.
        draw: Function that takes a value of each control by name, and returns a `Figure`, whose
            alternative text is the sentence.
        positions: List of dictionaries of control to value: the main positions. The first one is
            where the controls start.
    """

    def __init__(self, controls, draw, positions):
        self.draw, self.labels = draw, {name: label for name, (label, _) in controls.items()}
        self.controls = {
            name: ipywidgets.Dropdown(
                options=list(options.items()) if isinstance(options, dict) else options,
                value=positions[0][name],
                description=label,
                style={"description_width": "initial"},
                layout={"width": "max-content"},
            )
            for name, (label, options) in controls.items()
        }
        self.sentence, self.picture = ipywidgets.HTML(), ipywidgets.HTML()
        for control in self.controls.values():
            control.observe(self._update, "value")
        self._update()
        box = ipywidgets.VBox([*self.controls.values(), self.sentence, self.picture])
        display(box, HTML(self._folded(positions)))

    def _update(self, change=None):
        figure = self.draw(**{name: control.value for name, control in self.controls.items()})
        self.sentence.value = spoken(figure.alt)
        self.picture.value = figure._repr_html_()

    def _folded(self, positions):
        parts = [f"<details><summary>{SUMMARY}</summary>"]
        for position in positions:
            figure = self.draw(**position)
            parts.append(f"<p>{escape(figure.alt)}</p>{figure._repr_html_()}")
        return "".join([*parts, "</details>"])
