"""The solver "lbfgs": the same minimum as scikit-learn's networks and linear models."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, LogisticRegression, PoissonRegressor, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._network.training_pass import TrainingPass

X, Y = make_classification(150, 12, n_informative=6, n_classes=3, random_state=0)
X_NUMBERS, NUMBERS = make_regression(150, 8, noise=20, random_state=0)
NUMBERS = scale(NUMBERS)
PROBLEMS = {DropoutMLPClassifier: (X, Y), DropoutMLPRegressor: (X_NUMBERS, NUMBERS)}
THEIRS = {DropoutMLPClassifier: MLPClassifier, DropoutMLPRegressor: MLPRegressor}

over_estimators = pytest.mark.parametrize("estimator", PROBLEMS)
unfinished = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def network(estimator=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (8,), "solver": "lbfgs", "dropout_rate": 0, "alpha": 1.0}
    defaults |= {"max_iter": 2000, "random_state": 0, "standardize": False}
    return estimator(**{**defaults, **arguments})


# the minimum


@over_estimators
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.parametrize("alpha", [0.3, 3.0])
def test_same_minimum_as_scikit_learn_from_the_same_start(estimator, activation, alpha):
    x, y = PROBLEMS[estimator]
    arguments = {"activation": activation, "alpha": alpha, "tol": 1e-6, "warm_start": True}
    arguments["hidden_layer_sizes"] = (8,)
    ours = network(estimator, max_iter=1, **arguments)
    theirs = THEIRS[estimator](solver="lbfgs", random_state=0, max_iter=1, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours.fit(x, y)
        theirs.fit(x, y)
    ours.coefs_, ours.intercepts_ = theirs.coefs_, theirs.intercepts_
    ours.set_params(max_iter=5000, tol=1e-10).fit(x, y)
    theirs.set_params(max_iter=5000).fit(x, y)
    assert ours.loss_ <= theirs.loss_ * (1 + 1e-6)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.05)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_hidden_layer_is_logistic_regression(n_classes, weighted):
    rows = n_classes > Y
    x, y = X[rows], Y[rows]
    weight = np.random.default_rng(0).uniform(0.5, 2, len(x)) if weighted else None
    clf = network(hidden_layer_sizes=(), tol=1e-12).fit(x, y, weight)
    theirs = LogisticRegression(C=1.0, tol=1e-9, max_iter=5000).fit(x, y, weight)
    assert_allclose(clf.predict_proba(x), theirs.predict_proba(x), atol=1e-5)
    assert_allclose(clf.coefs_[0].T, theirs.coef_, atol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
def test_no_hidden_layer_is_ridge(weighted):
    x, y = PROBLEMS[DropoutMLPRegressor]
    weight = np.random.default_rng(0).uniform(0.5, 2, len(x)) if weighted else None
    net = network(DropoutMLPRegressor, hidden_layer_sizes=(), tol=1e-12).fit(x, y, weight)
    theirs = Ridge(alpha=1.0).fit(x, y, weight)
    assert_allclose(net.coefs_[0][:, 0], theirs.coef_, atol=1e-6)
    assert_allclose(net.intercepts_[0], theirs.intercept_, atol=1e-6)


def test_no_hidden_layer_and_poisson_is_poisson_regression():
    x = X_NUMBERS
    y = np.random.default_rng(0).poisson(np.exp(NUMBERS / 2))
    net = network(DropoutMLPRegressor, loss="poisson", hidden_layer_sizes=(), tol=1e-9)
    theirs = PoissonRegressor(alpha=1 / len(x), tol=1e-9, max_iter=5000).fit(x, y)
    assert_allclose(net.fit(x, y).predict(x), theirs.predict(x), rtol=1e-4)


@unfinished
def test_l1_comes_close_to_the_elastic_net():
    """The penalty has a corner at zero, which a smooth method only comes close to."""
    x, y = PROBLEMS[DropoutMLPRegressor]
    net = network(DropoutMLPRegressor, hidden_layer_sizes=(), alpha=15.0, l1_ratio=0.5, tol=0)
    theirs = ElasticNet(alpha=15 / len(x), l1_ratio=0.5, tol=1e-10).fit(x, y)
    assert_allclose(net.fit(x, y).coefs_[0][:, 0], theirs.coef_, atol=0.01)


@unfinished
def test_penalties_act():
    plain = network(max_iter=20).fit(X, Y)
    for arguments in ({"alpha": 2.0}, {"l1_ratio": 0.5}, {"bias_alpha": 1.0}):
        other = network(max_iter=20, **arguments).fit(X, Y)
        assert (other.coefs_[0] != plain.coefs_[0]).any()


@over_estimators
def test_by_default_the_data_are_standardised(estimator):
    """Penalties and the gradient are meant inside, so the unit of a column is no matter."""
    x, y = PROBLEMS[estimator]
    net = network(estimator, hidden_layer_sizes=(), standardize=True, tol=1e-8)
    net.fit(scale(x), y)
    other = clone(net).fit(1e3 * x + 5e3, y)
    assert other.loss_ == pytest.approx(net.loss_, rel=1e-9)
    assert_allclose(other._raw_predict(1e3 * x + 5e3), net._raw_predict(scale(x)), atol=1e-5)


# what it does not know


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"dropout_rate": 0.2}, r"solver='lbfgs' cannot drop units.*got 0.2 and 0"),
        ({"dropout_rate": (0.1,)}, r"solver='lbfgs' cannot drop units"),
        ({"input_dropout_rate": 0.1}, r"cannot drop units.*got 0 and 0.1"),
        ({"max_norm": 3.0}, "solver='lbfgs' does not know max_norm, got 3.0"),
        ({"clip_norm": 1.0}, "solver='lbfgs' does not know clip_norm, got 1.0"),
        ({"weight_decay": 0.1}, "solver='lbfgs' does not know weight_decay, got 0.1"),
    ],
)
@over_estimators
def test_refused(estimator, arguments, message):
    with pytest.raises(ValueError, match=message):
        network(estimator, **arguments).fit(*PROBLEMS[estimator])


def test_no_dropout_in_any_form_is_allowed():
    assert network(dropout_rate=(0.0, 0), hidden_layer_sizes=(8, 4)).fit(X, Y).score(X, Y) > 0.9


# stopping


@over_estimators
def test_max_iter(estimator):
    net = network(estimator, max_iter=5)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 5 iterations"):
        net.fit(*PROBLEMS[estimator])
    assert net.n_iter_ == len(net.loss_curve_) == 5


def test_max_fun(monkeypatch):
    calls = []
    forward = TrainingPass.forward
    monkeypatch.setattr(TrainingPass, "forward", lambda self: calls.append(1) or forward(self))
    assert network().fit(X, Y).n_iter_ > 40
    n_free = len(calls)
    with pytest.warns(ConvergenceWarning, match="Increase max_iter or max_fun"):
        clf = network(max_fun=10).fit(X, Y)
    assert 10 <= len(calls) - n_free <= 30 < n_free  # the last line search is finished
    assert clf.n_iter_ < 30


@pytest.mark.parametrize("tol", [0.1, 1e-2, 1e-3])
def test_it_ends_where_the_gradient_is_at_most_tol(tol):
    y = Y > 0
    clf = network(hidden_layer_sizes=(), tol=tol).fit(X, y)
    error = expit(clf.decision_function(X)) - y
    gradient = np.r_[X.T @ error + clf.coefs_[0][:, 0], error.sum()] / len(X)
    assert np.abs(gradient).max() <= tol
    assert clf.n_iter_ < network(hidden_layer_sizes=(), tol=tol / 10).fit(X, y).n_iter_


@over_estimators
def test_the_curve_falls_and_is_the_history(estimator):
    net = network(estimator).fit(*PROBLEMS[estimator])
    assert (np.diff(net.loss_curve_) <= 0).all()
    assert net.loss_curve_ == net.history_["loss"]
    assert {len(values) for values in net.history_.values()} == {net.n_iter_}
    assert net.loss_ == net.best_loss_ == net.loss_curve_[-1]
    assert net.validation_scores_ is None
    assert net.best_validation_score_ is None


def test_verbose_prints_a_line_an_iteration(capsys):
    clf = network(verbose=True).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Iteration {i}, loss = {v:.8f}" for i, v in enumerate(clf.loss_curve_, 1)]


def test_silent_by_default(capfd):
    network().fit(X, Y)
    assert capfd.readouterr() == ("", "")


# data


@over_estimators
def test_float32(estimator):
    x, y = PROBLEMS[estimator]
    double = network(estimator, hidden_layer_sizes=()).fit(x, y)
    single = network(estimator, hidden_layer_sizes=()).fit(x.astype(np.float32), y)
    assert {p.dtype for p in single.coefs_ + single.intercepts_} == {np.dtype(np.float32)}
    assert_allclose(single.coefs_[0], double.coefs_[0], atol=0.01)
    assert single.loss_ == pytest.approx(double.loss_, rel=1e-4)


@unfinished
@over_estimators
def test_sparse_is_dense(estimator):
    x, y = PROBLEMS[estimator]
    x = np.where(np.abs(x) > 0.5, x, 0)
    net = network(estimator, max_iter=15)
    dense = clone(net).fit(x, y)
    net.fit(sparse.csc_matrix(x), y)
    assert_allclose(net.loss_curve_, dense.loss_curve_, rtol=1e-8)
    assert_allclose(net.coefs_[0], dense.coefs_[0], atol=1e-7)


@unfinished
@over_estimators
def test_weights_are_repetitions(estimator):
    x, y = PROBLEMS[estimator]
    weight = np.random.default_rng(0).integers(0, 3, len(x))
    net = network(estimator, max_iter=15)
    weighted = clone(net).fit(x, y, weight)
    repeated = clone(net).fit(x.repeat(weight, axis=0), y.repeat(weight))
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-8)
    assert_allclose(weighted.coefs_[0], repeated.coefs_[0], atol=1e-6)
    assert weighted.loss_ != clone(net).fit(x, y).loss_


@over_estimators
@pytest.mark.parametrize(
    "unit, standardize, message",
    [
        (1e300, False, r"non-finite.*data may contain large values"),
        (1e-312, True, r"Columns of X are too small.* give them in another unit"),
    ],
)
def test_data_of_a_wild_unit_give_a_clear_error_and_harm_nothing(
    estimator, unit, standardize, message
):
    x, y = PROBLEMS[estimator]
    net = network(estimator, standardize=standardize).fit(x, y)
    before, attributes = net.predict(x), set(vars(net))
    with pytest.raises(ValueError, match=message):
        net.fit(x * unit, y)
    assert set(vars(net)) == attributes
    assert_array_equal(net.predict(x), before)


def test_an_interruption_before_the_first_iteration_is_passed_on_and_harms_nothing(monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    net = network().fit(X, Y)
    before = net.predict(X)
    monkeypatch.setattr("skdropout._training.lbfgs.minimize", interrupt)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, Y)
    assert_array_equal(net.predict(X), before)


# going on


@unfinished
@over_estimators
def test_warm_start_goes_on(estimator):
    x, y = PROBLEMS[estimator]
    net = network(estimator, warm_start=True, max_iter=10).fit(x, y)
    first = net.loss_
    net.fit(x, y)
    assert len(net.loss_curve_) == 20
    assert net.n_iter_ == 10
    assert net.loss_curve_[10] < first
    assert (np.diff(net.loss_curve_) <= 0).all()
    fresh = clone(net).set_params(warm_start=False).fit(x, y)
    assert fresh.loss_ == first


@unfinished
@pytest.mark.parametrize("first, second", [("adam", "lbfgs"), ("lbfgs", "adam")])
def test_the_history_stays_rectangular_when_solvers_change(first, second):
    net = network(solver=first, warm_start=True, max_iter=6).fit(X, Y)
    net.set_params(solver=second).fit(X, Y)
    assert len(net.loss_curve_) == 12
    assert {len(values) for values in net.history_.values()} == {12}


@over_estimators
def test_the_order_of_the_rows_and_batches_do_not_count(estimator):
    x, y = PROBLEMS[estimator]
    first = network(estimator).fit(x, y)
    for arguments in ({"shuffle": False}, {"batch_size": 10}, {"learning_rate_init": 9.0}):
        other = network(estimator, **arguments).fit(x, y)
        assert_array_equal(other.coefs_[0], first.coefs_[0])
