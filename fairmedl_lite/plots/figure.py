"""A figure that a notebook shows with its words and its table."""

import base64
import io
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from PIL import Image

PALETTE = "colorblind"
MARKERS = "osD^vP"
TEXT = 10  # points: a figure 5 inches wide then has 9 pixels on a phone


class Figure:
    """A figure that a notebook shows as an image with a text alternative.

    Args:
        figure: A Matplotlib figure; it is closed once drawn.
        alt: One or more sentences: what is to be seen, with the numbers behind it.
        data: DataFrame behind the figure, or `None`. It is kept as `.data`, and its first 100
            rows stand folded below the image.

    Raises:
        ValueError: If `alt` is not at least a short sentence, or `data` is no DataFrame.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> Figure(plt.figure(), "An empty figure, to be drawn in.")
        Figure('An empty figure, to be drawn in.')
    """

    def __init__(self, figure, alt: str, data: pd.DataFrame | None = None):
        if len(alt.strip()) < 20:
            raise ValueError(f"alt must be a sentence on what is to be seen. Received: {alt!r}.")
        if not (data is None or isinstance(data, pd.DataFrame)):
            raise ValueError(f"data must be a DataFrame. Received: {type(data).__name__}.")
        self.alt, self.data = alt, data
        self._image = base64.b64encode(_small_png(figure)).decode()
        plt.close(figure)

    def save(self, path: str | Path) -> None:
        """Write the image to a PNG file; its text stands in `alt`."""
        Path(path).write_bytes(base64.b64decode(self._image))

    def __repr__(self):
        return f"Figure({self.alt!r})"

    def _repr_html_(self):
        source = f"data:image/png;base64,{self._image}"
        image = f'<img alt="{escape(self.alt)}" src="{source}" style="max-width: 100%">'
        return image + ("" if self.data is None else _folded_table(self.data))


def _small_png(figure):
    """The image with 256 colours: a third of the size, for a notebook that is kept in git."""
    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", dpi=110, bbox_inches="tight")
    image = Image.open(whole).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(small, format="png", optimize=True)
    return small.getvalue()


def _folded_table(data):
    """HTML of a table that unfolds: its named index as columns, numbers to four digits."""
    rows = data if isinstance(data.index, pd.RangeIndex) else data.reset_index()
    rows = rows.rename_axis(columns=None)  # or pandas adds a header row of empty cells
    table = rows.head(100).to_html(index=False, float_format="{:.4g}".format, border=0)
    shown = f", the first 100 of {len(data)} rows" if len(data) > 100 else ""
    return f"<details><summary>Data behind the figure{shown}</summary>{table}</details>"


def together(tables):
    """One table of those of several models."""
    return pd.concat(
        [table.assign(model=name) for name, table in tables.items()], ignore_index=True
    )
