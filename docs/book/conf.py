"""The book: the executed lessons as they are stored, the study, and search; all of it offline."""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

from tools.lessons import api
from tools.repository.address import address

project = "fairmedl_lite"
author = "The fairmedl_lite developers"
copyright = "2026, " + author
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["README.md", "chapters.md"]  # other pages include them
nitpicky = True
default_role = "code"

nb_execution_mode = "off"
nb_code_prompt_show = "Show code"
nb_code_prompt_hide = "Hide code"
nb_ipywidgets_js = {}  # no kernel runs behind a page, and these come from a remote host
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
html_math_renderer = "mathml"  # drawn by the browser; MathJax would come from a remote host

add_module_names = False
autodoc_typehints = "none"
napoleon_numpy_docstring = False
napoleon_custom_sections = [
    ("Attributes", "params_style"),
    ("Call arguments", "params_style"),
    ("Input shape", "returns_style"),
    ("Output shape", "returns_style"),
]
toc_object_entries_show_parents = "hide"

html_theme = "sphinx_book_theme"
html_title = "Fair MEDL, a course"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_js_files = [(name, {"defer": "defer"}) for name in ("questions.js", "flip-book.js")]
html_sidebars = {"**": ["search-button-field.html", "sbt-sidebar-nav.html"]}
html_context = {"default_mode": "auto"}
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "repository_url": address(),
    "use_repository_button": True,
    "home_page_in_toc": True,
    "navbar_persistent": [],
    "use_download_button": False,
    "use_fullscreen_button": False,
}


def draw(page, node):
    """Adds a formula to a page as MathML."""
    is_block = node.tagname == "math_block"
    formula = str(tex2mathml(node.astext(), as_block=is_block))
    page.body.append(f'<div class="math">{formula}</div>' if is_block else formula)
    raise nodes.SkipNode


def setup(app):
    """Draws formulas, and lets docstrings be prepared before napoleon (priority 500) reads them."""
    app.add_html_math_renderer("mathml", (draw, None), (draw, None))
    app.connect("autodoc-process-docstring", api.prepare, priority=400)
    app.connect("autodoc-process-signature", api.sign)
