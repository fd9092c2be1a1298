"""Type hints: the package ships them, and whatever is public has them."""

import importlib
import inspect
from pathlib import Path

import pytest

import skdropout

MODULES = ["constraints", "datasets", "dropout", "inspection", "optimizers", "schedules"]
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in [skdropout, *(importlib.import_module(f"skdropout.{name}") for name in MODULES)]
    for name in module.__all__
    if inspect.isroutine(getattr(module, name)) or inspect.isclass(getattr(module, name))
}


def is_ours(thing):
    return getattr(thing, "__module__", "").partition(".")[0] == "skdropout"


def functions_of(thing):
    """A function itself; of a class the constructor and the public methods that we wrote."""
    if not inspect.isclass(thing):
        return {"": thing}
    found = {"__init__": thing.__init__} if is_ours(thing.__init__) else {}
    for name, value in inspect.getmembers_static(thing):
        if isinstance(value, property):
            value = value.fget
        elif isinstance(value, classmethod | staticmethod):
            value = value.__func__
        elif hasattr(value, "fn"):  # `available_if`
            value = value.fn
        if not name.startswith("_") and inspect.isroutine(value) and is_ours(value):
            found[name] = value
    return found


FUNCTIONS = {
    f"{name}.{method}".rstrip("."): function
    for name, thing in PUBLIC.items()
    for method, function in functions_of(thing).items()
}


def test_package_ships_its_types():
    assert (Path(skdropout.__file__).parent / "py.typed").exists()


def test_all_kinds_of_functions_are_found():
    assert FUNCTIONS.keys() >= {
        "skdropout.DropoutMLPClassifier.__init__",
        "skdropout.DropoutMLPClassifier.coefs_",
        "skdropout.DropoutMLPClassifier.fit",
        "skdropout.DropoutMLPRegressor.partial_fit",
        "skdropout.datasets.load_sonar",
        "skdropout.dropout.Alpha.draw",
        "skdropout.inspection.NetworkDisplay.from_estimator",
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_that_is_public_has_annotations(name):
    signature = inspect.signature(FUNCTIONS[name])
    bare = {
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is inspect.Parameter.empty
    }
    assert bare <= {"self", "cls"}
    assert signature.return_annotation is not inspect.Signature.empty
