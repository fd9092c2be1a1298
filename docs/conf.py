"""How Sphinx builds the documentation; `make docs` runs it, without any network."""

from importlib.metadata import version as version_of
from warnings import filterwarnings

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.addnodes import pending_xref

from skdropout.datasets._mnist import find_file

project = "skdropout"
author = "The skdropout developers"
copyright = author
version = release = version_of(project)

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# The signature shows the defaults; types and shapes stand in the docstrings.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"
autosummary_generate = True
numpydoc_show_class_members = False

SECTIONS = ["classics", "dropout", "training", "streams", "scikit_learn"]
MNIST = find_file()
if MNIST is None:
    print("There is no mnist.npz in a folder SKDROPOUT_DATA: examples that need it are not run.")

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_" if MNIST else "/plot_(?!mnist)",
    "subsection_order": [f"../examples/{name}" for name in SECTIONS],
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "parallel": True,  # as many at once as sphinx has jobs
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
}
filterwarnings("ignore", category=UserWarning, message=".*FigureCanvasAgg is non-interactive")

html_theme = "pydata_sphinx_theme"
html_title = "skdropout"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_use_index = html_domain_indices = False  # the reference is the index
html_math_renderer = "mathml"
html_sidebars = {"*": []}  # folders of pages keep theirs
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 4,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}

# Other projects' pages by the pattern of their addresses: an inventory would have to be fetched.
ELSEWHERE = {
    "sklearn": "https://scikit-learn.org/stable/modules/generated/{}.html",
    "matplotlib": "https://matplotlib.org/stable/api/_as_gen/{}.html",
    "joblib": "https://joblib.readthedocs.io/en/stable/generated/{}.html",
}
# Labels in docstrings that come from scikit-learn
SCORES = "https://scikit-learn.org/stable/modules/model_evaluation.html"
LABELS = {"accuracy_score": f"{SCORES}#accuracy-score", "r2_score": f"{SCORES}#r2-score"}


def link_elsewhere(app, env, node, text):
    """Answer a reference that nothing here answers, where the address is known."""
    target = node["reftarget"]
    address = LABELS.get(target) or ELSEWHERE.get(target.partition(".")[0])
    if address is None:
        return None
    return nodes.reference("", "", text, internal=False, refuri=address.format(target))


def remove_citations(app, doctree):
    """In lists of names leave out the sources: their numbers mean something on their own page."""
    for table in doctree.findall(nodes.table):
        for reference in [*table.findall(pending_xref)]:
            if reference["refdomain"] == "citation":
                before = reference.parent[reference.parent.index(reference) - 1]
                reference.parent.replace(before, nodes.Text(before.rstrip()))
                reference.parent.remove(reference)


def visit_math(translator, node):
    """Formulas as MathML, which browsers show without a script."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def visit_math_block(translator, node):
    """Formulas on lines of their own, which a narrow screen scrolls."""
    mathml = tex2mathml(node.astext(), as_block=True)
    translator.body.append(f'<div class="formula">{mathml}</div>\n')
    raise nodes.SkipNode


def setup(app):
    app.connect("missing-reference", link_elsewhere)
    app.connect("doctree-read", remove_citations)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
