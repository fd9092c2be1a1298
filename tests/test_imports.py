"""The architecture: which module may import which, read from the sources."""

import ast
import sys
from pathlib import Path

import pytest

import skdropout

# A line holds a module and what it may import from the package. A layer imports from the layers
# below it, never from itself or from above.
ARCHITECTURE = [
    # what users import
    {
        "skdropout": "_estimators.classifier _estimators.regressor constraints dropout optimizers schedules",
        "datasets": "datasets._mnist datasets._sonar datasets._spirals",
        "inspection": "inspection._network inspection._search inspection._training "
        "inspection._uncertainty",
    },
    # the estimators: they know the conventions of scikit-learn
    {
        "_estimators.classifier": "_estimators.base _estimators.export _training.targets _core.uncertainty _core.losses _core.checks _core.buffers",
        "_estimators.regressor": "_estimators.base _estimators.export _training.targets _core.uncertainty _core.losses _core.checks",
        "datasets._mnist": "_core.checks",
        "datasets._sonar": "_core.checks",
        "datasets._spirals": "_core.checks",
        "datasets.data": "",
        "inspection._network": "inspection._axes inspection._pipelines _estimators.settings _estimators.conventions "
        "_core.checks",
        "inspection._search": "inspection._axes",
        "inspection._training": "inspection._axes inspection._pipelines _core.checks",
        "inspection._uncertainty": "inspection._axes inspection._pipelines _core.checks",
    },
    {
        "_estimators.base": "_estimators.fitting _network.monte_carlo _training.training _estimators.settings _network.network _estimators.conventions _training.callbacks "
        "constraints dropout optimizers schedules _core.checks _core.buffers",
        "_estimators.export": "_core.losses",
    },
    {
        "_estimators.fitting": "_training.training _training.lbfgs _training.validation _estimators.settings _training.batches _training.descent _network.network _training.targets "
        "_estimators.conventions _training.callbacks schedules",
    },
    # training
    {
        "_training.training": "_training.batches _training.descent _network.order _network.plan _network.network _core.losses _training.callbacks dropout schedules",
        "_training.lbfgs": "_training.batches _network.plan _network.network _core.losses _core.penalties _training.callbacks _core.buffers",
        "_training.validation": "_network.network _core.losses _core.buffers",
        "_estimators.settings": "_core.losses _core.penalties _core.activations _core.initializers "
        "constraints dropout optimizers schedules _core.checks",
    },
    {
        "_training.batches": "_network.plan _training.targets _core.buffers",
        "_network.monte_carlo": "_network.plan _network.network dropout _core.buffers",
        "_training.descent": "_network.network _core.penalties constraints optimizers _core.vectors _core.buffers",
    },
    # the network
    {
        "_network.plan": "_network.network _network.ops _core.losses _core.activations dropout _core.buffers",
    },
    {
        "_network.network": "_network.ops _core.initializers _core.activations _core.vectors _core.buffers",
        "_network.order": "_core.buffers",
        "_core.uncertainty": "_core.buffers",
        "_training.targets": "_core.losses _core.buffers",
    },
    {
        "_network.ops": "_core.activations dropout _core.vectors _core.buffers",
    },
    # formulas, none of which knows another
    {
        "_core.losses": "_core.buffers",
        "_core.penalties": "_core.vectors _core.buffers",
        "_core.initializers": "",
        "_core.activations": "_core.buffers",
        "constraints": "_recipe _core.checks _core.buffers",
        "dropout": "_recipe _core.checks _core.vectors _core.buffers",
        "optimizers": "_recipe _core.checks _core.vectors",
        "schedules": "_recipe _core.checks",
    },
    # the ground
    {
        "_core.vectors": "_core.buffers",
        "_estimators.conventions": "_core.buffers",
    },
    {
        "_training.callbacks": "",
        "_recipe": "",
        "_core.checks": "",
        "_core.buffers": "",
        "inspection._axes": "",
        "inspection._pipelines": "",
        "_core": "",
        "_network": "",
        "_training": "",
        "_estimators": "",
    },
]
ALLOWED = {module: names.split() for layer in ARCHITECTURE for module, names in layer.items()}

USE_SCIKIT_LEARN = {
    "_estimators.classifier",
    "_estimators.regressor",
    "_estimators.base",
    "_estimators.fitting",
    "_estimators.export",
    "_estimators.conventions",
    "_training.callbacks",
    "_training.validation",
    "_training.lbfgs",
    "_training.training",
    "_training.batches",
    "_recipe",
    "datasets._mnist",
    "datasets._sonar",
    "datasets._spirals",
    "inspection._pipelines",
    "inspection._search",
    "inspection._training",
    "inspection._uncertainty",
}
ANYWHERE = {"skdropout", "numpy", "scipy", "sklearn"} | sys.stdlib_module_names
INSIDE_FUNCTIONS = {"matplotlib", "pandas"}  # whoever calls the function has them

# What scikit-learn means for other packages in spite of the underscore, and what it keeps to itself
PROTECTED = {"_doc_link_module", "_doc_link_template", "_init_callback_context", "_safe_indexing"}
PRIVATE = {"_check_sample_weight", "_fit_context", "_parameter_constraints", "_validate_params"}

PACKAGE = Path(skdropout.__file__).parent


def name_of(path):
    """The name of a module inside the package, that of the package for its own file."""
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return name.removesuffix(".__init__").removeprefix("skdropout.")


SOURCES = {name_of(path): ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}

over_modules = pytest.mark.parametrize("module", sorted(SOURCES))


def imports_in(nodes):
    """The dotted names that are imported, those of functions with the module they come from."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def imports_of(module):
    return list(imports_in(ast.walk(SOURCES[module])))


def outside_functions(node):
    """All nodes that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from outside_functions(child)


def own_module(dotted):
    """The module of the package that an import reads, None for other packages."""
    if dotted.partition(".")[0] != "skdropout":
        return None
    name = dotted.removeprefix("skdropout.")
    while name and name not in SOURCES:
        name = name.rpartition(".")[0]
    return name or "skdropout"


def is_private(dotted):
    """Whether a name of scikit-learn is not meant for other packages."""
    root, *parts = dotted.split(".")
    hidden = {part for part in parts if part.startswith("_")} - PROTECTED
    return root == "sklearn" and (bool(hidden) or parts[:2] == ["utils", "fixes"])


@over_modules
def test_module_has_a_place_in_the_architecture(module):
    assert module in ALLOWED, f"{module} is new: add a line to ARCHITECTURE for it"


def test_architecture_names_no_module_that_is_gone():
    assert set(ALLOWED) <= set(SOURCES)


@over_modules
def test_module_imports_what_it_may(module):
    read = {own_module(dotted) for dotted in imports_of(module)} - {None}
    assert read <= set(ALLOWED.get(module, ())), f"ARCHITECTURE does not allow it to {module}"


def test_imports_go_downwards_only():
    below = set()
    for layer in reversed(ARCHITECTURE):
        for module, names in layer.items():
            assert set(names.split()) <= below, f"{module} may not import its own layer or above"
        below |= set(layer)


@pytest.mark.parametrize("recipe", ["constraints", "dropout", "optimizers", "schedules"])
def test_recipes_need_the_ground_alone(recipe):
    assert set(ALLOWED[recipe]) <= {"_recipe", "_core.checks", "_core.vectors", "_core.buffers"}


@over_modules
def test_other_packages_are_few(module):
    roots = {dotted.partition(".")[0] for dotted in imports_of(module)}
    assert roots <= ANYWHERE | INSIDE_FUNCTIONS
    at_import = {d.partition(".")[0] for d in imports_in(outside_functions(SOURCES[module]))}
    assert at_import <= ANYWHERE


def test_few_modules_know_scikit_learn():
    knowing = {m for m in SOURCES if any(d.partition(".")[0] == "sklearn" for d in imports_of(m))}
    assert knowing == USE_SCIKIT_LEARN


@over_modules
def test_scikit_learn_is_used_by_its_public_names(module):
    nodes = list(ast.walk(SOURCES[module]))
    attributes = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
    assert not [dotted for dotted in {*imports_in(nodes), *attributes} if is_private(dotted)]
    names = {getattr(node, field, None) for node in nodes for field in ("id", "attr", "name")}
    assert not names & PRIVATE
