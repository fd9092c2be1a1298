"""scikit-learn's own tests of its networks, run on ours with their defaults and nothing more.

They are taken from the scikit-learn that is installed; only the import of its classes is left out.
"""

import ast
import inspect
from dataclasses import make_dataclass
from typing import Any

import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

import skdropout

theirs = pytest.importorskip("sklearn.neural_network.tests.test_mlp")

LEFT_OUT = {
    "test_fit": "sets private attributes",
    "test_gradient": "calls private methods",
    "test_learning_rate_warmstart": "reads the private optimizer",
    "test_adaptive_learning_rate": "reads the private optimizer",
    "test_n_iter_no_change": "reads a private counter",
    "test_early_stopping_stratified": "refuses a class of one sample, which ours trains on",
    "test_n_iter_no_change_inf": "reads a private counter",
}

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def _their_automatic_batches(monkeypatch):
    suit = "skdropout._estimators.automatic.suit_batch_size"
    monkeypatch.setattr(suit, lambda n_samples: min(200, n_samples))


def with_defaults_of(their_class, our_class):
    """Our class with the defaults of theirs: no dropout, raw data, a single network."""
    ours = our_class().get_params()
    no_more = {"dropout_rate": 0.0, "weight_decay": 0.0, "standardize": False, "cv": None}
    defaults = no_more | their_class().get_params()
    fields = [(k, Any, v) for k, v in defaults.items() if k in ours and v != ours[k]]

    made = make_dataclass(
        our_class.__name__,
        fields,
        bases=(our_class,),
        eq=False,
        repr=False,
        kw_only=True,
    )
    made.__module__ = __name__  # for pickling
    return made


DropoutMLPClassifier = with_defaults_of(MLPClassifier, skdropout.DropoutMLPClassifier)
DropoutMLPRegressor = with_defaults_of(MLPRegressor, skdropout.DropoutMLPRegressor)


def collect():
    """Run the source of their tests on our classes, and return what it defines."""
    tree = ast.parse(inspect.getsource(theirs))
    tree.body = [
        statement
        for statement in tree.body
        if not (isinstance(statement, ast.ImportFrom) and "neural_network" in statement.module)
    ]
    names = {"MLPClassifier": DropoutMLPClassifier, "MLPRegressor": DropoutMLPRegressor}
    exec(compile(tree, theirs.__file__, "exec"), names)
    return {name: test for name, test in names.items() if name.startswith("test_")}


@pytest.fixture
def global_random_seed():
    return 42


TESTS = collect()
globals().update({name: test for name, test in TESTS.items() if name not in LEFT_OUT})


def test_nothing_is_left_out_in_vain():
    assert set(LEFT_OUT) <= set(TESTS)
