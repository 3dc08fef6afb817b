"""One explorer: a few settings, and a sentence and a figure that follow them."""

from html import escape

import ipywidgets
import seaborn as sns
from IPython.display import HTML, display

from fairmedl_lite.course.quiz import spoken
from fairmedl_lite.plots.figure import PALETTE, Figure

SUMMARY = "The main positions, for where no kernel runs"
LAYOUT = {"style": {"description_width": "initial"}, "layout": {"width": "max-content"}}


class Explorer:
    """Show settings that keys can change, and below a sentence and a figure that follow them.

    Numbers are fields (arrow keys step them), and choices are radio buttons (Tab and Space).
    Neither sliders nor lists will do: JupyterLab takes their arrow keys for its own, and a
    slider's handle has no name that a screen reader could speak. What is set is kept when the
    notebook is saved. The figures of the main positions stand folded below.

    Args:
        controls: Dictionary of control to its label and its options: a tuple of lowest and
            highest number and step, or a dictionary of text to value.
        draw: Function that takes a value of each control by name, and returns a `Figure`, whose
            alternative text is the sentence.
        positions: List of tuples of a value for each control: the main positions. The first one
            is where the controls start.
    """

    def __init__(self, controls, draw, positions):
        self.draw = draw
        self.controls = {
            name: _control(label, options, start)
            for (name, (label, options)), start in zip(controls.items(), positions[0], strict=True)
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
            figure = self.draw(**dict(zip(self.controls, position, strict=True)))
            parts.append(f"<p>{escape(figure.alt)}</p>{figure._repr_html_()}")
        return "".join([*parts, "</details>"])


def _control(label, options, start):
    """A field for a number, or radio buttons for a choice."""
    if isinstance(options, dict):
        choices = list(options.items())
        return ipywidgets.RadioButtons(options=choices, value=start, description=label, **LAYOUT)
    low, high, step = options
    whole = isinstance(step, int)
    field = ipywidgets.BoundedIntText if whole else ipywidgets.BoundedFloatText
    return field(start, min=low, max=high, step=step, description=label, **LAYOUT)


LOOKS = list(zip(sns.color_palette(PALETTE), "osD^v", ("-", "--", "-.", ":", "-"), strict=False))


def _lines(axes, lines, at=None, markers=True):
    """Lines that differ in colour, marker and dashes, and a grey one at the position picked."""
    for (name, (x, y)), (color, marker, style) in zip(lines.items(), LOOKS, strict=False):
        look = {"color": color, "linestyle": style, "marker": marker if markers else ""}
        axes.plot(x, y, label=name, markersize=5, **look)
    if at is not None:
        axes.axvline(at, color="grey", linewidth=1)


def _finish(figure, words, data=None):
    """Put the legend of the first panel below all, and make the figure one with its sentence."""
    figure.tight_layout()
    handles, names = figure.axes[0].get_legend_handles_labels()
    if any(names):
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": len(names)}
        figure.legend(handles, names, **place)
    return Figure(figure, words, data)
