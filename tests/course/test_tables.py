"""A notebook's tables have no empty header cell."""

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from fairmedl_lite.course.quiz import _mended, accessible_tables


@pytest.fixture
def notebook():
    yield InteractiveShell.instance().display_formatter.formatters["text/html"]
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("index", [None, pd.Index(["a", "b"], name="ward")])
def test_no_header_is_empty(notebook, index):
    table = pd.DataFrame({"rate": [0.5, 1.0]}, index=index)
    assert "<th></th>" in table._repr_html_()
    accessible_tables()
    html = notebook(table)
    assert "<th></th>" not in html
    assert html.replace("<td></td>", "<th></th>") == table._repr_html_()


def test_outside_of_a_notebook_nothing_changes():
    table = pd.DataFrame({"rate": [0.5]})
    with pd.option_context("display.notebook_repr_html", False):
        assert _mended(table) is None


def test_importing_a_quiz_changes_no_table(notebook):
    import fairmedl_lite.course.quiz  # noqa: F401

    assert pd.DataFrame not in notebook.type_printers
