"""The architecture: which module may import which, and which calls which."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

import skdropout
from skdropout import DropoutMLPClassifier, DropoutMLPRegressor

# The floors of the house, from the ground up. A module imports from its own floor and from those
# named, which are below; on its own floor imports make no circle.
FLOORS = {
    "_core": "",
    "recipes": "_core",
    "_network": "_core recipes",
    "_training": "_core recipes _network",
    "_estimators": "_core recipes _network _training",
    "datasets": "_core",
    "inspection": "_core recipes _network _estimators",
    "skdropout": "recipes _training _estimators",
}
RECIPES = {"_recipe", "constraints", "dropout", "initializers", "optimizers", "schedules"}

USE_SCIKIT_LEARN = {
    "_recipe",
    "_training.rows",
    "_training.job",
    "_training.lbfgs",
    "_training.parallel",
    "_training.training",
    "_estimators.base",
    "_estimators.callbacks",
    "_estimators.classifier",
    "_estimators.conventions",
    "_estimators.export",
    "_estimators.fitting",
    "_estimators.folds",
    "_estimators.labels",
    "_estimators.regressor",
    "_estimators.scoring",
    "_estimators.standardizer",
    "datasets._mnist",
    "datasets._sonar",
    "datasets._spirals",
    "inspection._bands",
    "inspection._pipelines",
    "inspection._reliability",
    "inspection._search",
    "inspection._training",
    "inspection._uncertainty",
}
ANYWHERE = {"skdropout", "numpy", "scipy", "sklearn"} | sys.stdlib_module_names
ANYWHERE |= {"joblib", "threadpoolctl"}  # which scikit-learn brings along
INSIDE_FUNCTIONS = {"matplotlib", "pandas", "ray"}  # whoever calls the function has them

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
        for_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        if not for_types and not isinstance(
            child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        ):
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


def floor_of(module):
    """The floor that a module belongs to."""
    top = module.partition(".")[0]
    return "recipes" if top in RECIPES else top


def imported_by(module):
    """The modules of the package that a module imports, but for its own packages."""
    read = {own_module(dotted) for dotted in imports_of(module)} - {None}
    return {other for other in read if other in FLOORS or "." in other or other in RECIPES}


@over_modules
def test_module_is_on_a_floor(module):
    assert floor_of(module) in FLOORS


@over_modules
def test_imports_go_downwards_only(module):
    floor = floor_of(module)
    allowed = {floor, *FLOORS[floor].split()}
    assert {floor_of(other) for other in imported_by(module)} <= allowed


def test_floors_lie_on_those_below():
    below = set()
    for floor, names in FLOORS.items():
        assert set(names.split()) <= below
        below.add(floor)


def test_imports_make_no_circle():
    left = {module: imported_by(module) - {module} for module in SOURCES}
    while left:
        ready = {module for module, read in left.items() if not read & set(left)}
        assert ready, f"a circle among {sorted(left)}"
        left = {module: read for module, read in left.items() if module not in ready}


@pytest.mark.parametrize("recipe", sorted(RECIPES - {"_recipe"}))
def test_recipes_never_import_each_other(recipe):
    assert not imported_by(recipe) & (RECIPES - {"_recipe"})


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


# A run


CASES = {
    "fit": lambda X, y: DropoutMLPClassifier((5,), max_iter=1).fit(X, y),
    "single": lambda X, y: DropoutMLPClassifier((5,), cv=None, max_iter=1).fit(X, y),
    "raw": lambda X, y: DropoutMLPClassifier((5,), standardize=False, max_iter=1).fit(X, y),
    "regressor": lambda X, y: DropoutMLPRegressor((5,), max_iter=1).fit(X, X[:, 0]),
    "partial_fit": lambda X, y: DropoutMLPClassifier((5,)).partial_fit(X, y, classes=[0, 1]),
    "lbfgs": lambda X, y: DropoutMLPClassifier((5,), solver="lbfgs", dropout_rate=0).fit(X, y),
    "sparse": lambda X, y: DropoutMLPClassifier((5,), max_iter=1).fit(csr_array(X), y),
    "predict": lambda X, y: DropoutMLPClassifier((5,), max_iter=1).fit(X, y).predict(X),
}


def module_of(frame):
    """The module of the package that a frame runs, None for other code."""
    path = Path(frame.f_code.co_filename)
    return name_of(path) if path.is_relative_to(PACKAGE) else None


def calls_in(run):
    """The calls within the package and into it: the module that calls, or None, and the frame."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 6))
    found = []

    def note(frame, event, _):
        if event == "call" and module_of(frame) is not None:
            found.append((module_of(frame.f_back), module_of(frame), frame.f_code.co_name))

    sys.setprofile(note)
    try:
        run(X, (X[:, 0] > 0).astype(int))
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("case", CASES)
def test_calls_go_downwards_only(case):
    heights = {floor: height for height, floor in enumerate(FLOORS)}
    calls = [(caller, callee) for caller, callee, _ in calls_in(CASES[case]) if caller]
    assert len(calls) > 100
    upward = {
        (caller, callee)
        for caller, callee in calls
        if heights[floor_of(caller)] < heights[floor_of(callee)]
    }
    assert not upward


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_few_modules_are_entered_before_the_loop_begins():
    entered = []
    for _, module, name in calls_in(CASES["fit"]):
        if (module, name) == ("_training.training", "_run"):
            break
        entered.append(module)
    else:
        raise AssertionError("the loop has another name")
    assert len(set(entered)) <= 20
