"""One explorer: a few settings, and a sentence and a figure that follow them."""

import base64
import io
import zlib
from functools import wraps
from html import escape
from itertools import product

import ipywidgets
import pandas as pd
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
    notebook is saved. The figures of the main positions stand folded below. The book, where no
    kernel runs, has a flip-book in its place: the figure of every combination of its stops.

    Args:
        controls: Dictionary of control to its label and its options: a tuple of lowest and
            highest number and step, or a dictionary of text to value.
        draw: Function that takes a value of each control by name, and returns a `Figure`, whose
            alternative text is the sentence.
        positions: List of tuples of a value for each control: the main positions. The first one
            is where the controls start.
        stops: Dictionary of each control that is a number to its few values in the flip-book.
        arguments: What the explorer was given, as Series and DataFrames: it is kept beside the
            output, so that the book can draw what the notebook drew.
    """

    def __init__(self, controls, draw, positions, stops, arguments=()):
        self.settings, self.draw, self.positions = controls, draw, positions
        self.stops, self.arguments = stops, arguments

    def show(self):
        """Display the controls, and what they lead to."""
        self.controls = {
            name: _control(label, options, start)
            for (name, (label, options)), start in zip(
                self.settings.items(), self.positions[0], strict=True
            )
        }
        self.sentence, self.picture = ipywidgets.HTML(), ipywidgets.HTML()
        for control in self.controls.values():
            control.observe(self._update, "value")
        self._update()
        box = ipywidgets.VBox([*self.controls.values(), self.sentence, self.picture])
        kept = {"arguments": list(map(pack, self.arguments))} if self.arguments else None
        display(box, HTML(self._folded(), metadata=kept))

    def choices(self):
        """Of each control in the flip-book its label, and its stops by the text that names them."""
        return {
            name: (label, options)
            if isinstance(options, dict)
            else (label, {f"{stop:g}": stop for stop in self.stops[name]})
            for name, (label, options) in self.settings.items()
        }

    def pages(self):
        """Each combination of stops, in the order of the controls: the last one turns first."""
        return list(product(*(stops.values() for _, stops in self.choices().values())))

    def at(self, position):
        """The figure of a value for each control."""
        return self.draw(**dict(zip(self.settings, position, strict=True)))

    def _update(self, change=None):
        figure = self.at([control.value for control in self.controls.values()])
        self.sentence.value = spoken(figure.alt)
        self.picture.value = figure._repr_html_()

    def _folded(self):
        parts = [f"<details><summary>{SUMMARY}</summary>"]
        for figure in map(self.at, self.positions):
            parts.append(f"<p>{escape(figure.alt)}</p>{figure._repr_html_()}")
        return "".join([*parts, "</details>"])


def shows(make):
    """The function that shows the explorer which `make` makes; `make` stands in `__wrapped__`."""

    @wraps(make)
    def show(*args, **kwargs):
        make(*args, **kwargs).show()

    return show


def pack(table):
    """A Series or a DataFrame as a short text, its numbers to four decimals."""
    text = pd.DataFrame(table).to_csv(index=False, float_format="%.4f")
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpack(packed):
    """What was packed; of one column a Series."""
    text = zlib.decompress(base64.b64decode(packed)).decode()
    return pd.read_csv(io.StringIO(text), keep_default_na=False).squeeze("columns")


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
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": min(len(names), 3)}
        figure.legend(handles, names, **place)
    return Figure(figure, words, data)
