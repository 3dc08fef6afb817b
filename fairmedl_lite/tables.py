"""Tables in a notebook: pandas leaves a header cell empty, which a screen reader stumbles over."""

import re
import sys

import pandas as pd

_EMPTY_HEADER = re.compile(r"<th>\s*</th>")


def mend_headers():
    """In a running notebook, show an empty header cell of a DataFrame as an ordinary one."""
    shell = "IPython" in sys.modules and sys.modules["IPython"].get_ipython()
    if shell:
        shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, mended)


def mended(table):
    """HTML of a DataFrame without empty header cells; `None` where pandas shows no HTML."""
    html = table._repr_html_()
    return html and _EMPTY_HEADER.sub("<td></td>", html)
