"""With dropout off and the same starting weights it is MLPClassifier, step for step."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import scale

from skdropout import DropoutMLPClassifier

SOLVERS = [
    {"solver": "adam", "learning_rate_init": 0.01},
    {"solver": "adam", "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-4},
    {"solver": "sgd", "learning_rate_init": 0.05},
    {"solver": "sgd", "learning_rate_init": 0.05, "nesterovs_momentum": False, "momentum": 0.5},
    {"solver": "sgd", "learning_rate_init": 0.1, "learning_rate": "invscaling", "power_t": 0.3},
    {"solver": "sgd", "learning_rate_init": 0.05, "learning_rate": "adaptive"},
]


def targets(kind):
    if kind == "multilabel":
        X, y = make_multilabel_classification(130, 20, n_classes=4, random_state=0)
        return scale(X), y
    X, y = make_classification(130, n_classes=3, n_informative=6, random_state=0)
    return X, y if kind == "multiclass" else y > 0


DEFAULTS = MLPClassifier().get_params()
NO_MORE = {"dropout_rate": 0, "weight_decay": 0, "standardize": False, "cv": None}


def fit_both(X, y, n_epochs=30, **arguments):
    """Both networks after `n_epochs` from weights that scikit-learn drew, on unshuffled data."""
    arguments = {
        **DEFAULTS,
        "batch_size": min(200, len(X)),
        "hidden_layer_sizes": (20, 10),
        "shuffle": False,
        "random_state": 0,
        "n_iter_no_change": 3,
        "tol": 0.01,
        "warm_start": True,
        **arguments,
    }
    arguments["max_iter"] = 1
    theirs = MLPClassifier(**arguments)
    ours = DropoutMLPClassifier(**arguments, **NO_MORE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, y)
        ours.fit(X, y)
        ours.coefs_, ours.intercepts_ = theirs.coefs_, theirs.intercepts_
        ours._state.patience.best = -theirs.best_loss_  # which warm starts go on from
        theirs.set_params(max_iter=n_epochs).fit(X, y)
        ours.set_params(max_iter=n_epochs).fit(X, y)
    return theirs, ours


def assert_same(theirs, ours, X):
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert_allclose(ours.loss_curve_[1:], theirs.loss_curve_[1:], rtol=0, atol=1e-8)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=1e-8)
    for mine, their in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert_allclose(mine, their, rtol=0, atol=1e-8)


@pytest.mark.parametrize("batch_size", [26, 33, 130], ids="batch_{}".format)
@pytest.mark.parametrize("alpha", [0, 0.01], ids="alpha_{}".format)
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_same_steps(activation, solver, kind, alpha, batch_size):
    X, y = targets(kind)
    theirs, ours = fit_both(
        X, y, activation=activation, alpha=alpha, batch_size=batch_size, **solver
    )
    assert_same(theirs, ours, X)


def test_same_names_and_attributes():
    X, y = targets("multiclass")
    theirs, ours = fit_both(X, y)
    assert set(theirs.get_params()) <= set(ours.get_params())
    public = {name for name in vars(theirs) if name.endswith("_")}
    assert {name for name in public if not hasattr(ours, name)} == set()


def test_the_first_two_arguments_are_positional_as_there():
    assert DropoutMLPClassifier((7,), "tanh").get_params()["activation"] == "tanh"
    with pytest.raises(TypeError, match="positional"):
        DropoutMLPClassifier((7,), "tanh", 0.5)


def test_same_early_stopping_rule():
    """The same score curve gives the same epoch to stop at; the split is drawn differently."""
    X, y = targets("binary")
    ours = DropoutMLPClassifier(
        early_stopping=True,
        scoring="accuracy",
        learning_rate_init=0.01,
        n_iter_no_change=4,
        random_state=0,
    ).fit(X, y)
    best, without_gain = -np.inf, 0
    for epoch, score in enumerate(ours.validation_scores_, start=1):
        without_gain = without_gain + 1 if score < best + ours.tol else 0
        best = max(best, score)
        assert (without_gain > 4) == (epoch == ours.n_iter_)
    assert ours.best_validation_score_ == best
