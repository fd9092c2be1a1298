"""What is said for each layer, networks without biases, and the squared error of probabilities."""

import pickle
from math import isnan

import numpy as np
import pytest
import reference
from cases import make_case, make_network, make_penalties, make_update
from joblib import Parallel, delayed, parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core.penalties import ElasticNet
from skdropout.constraints import MaxNorm
from skdropout.dropout import Alpha, Batchwise, Bernoulli, DropConnect, Gaussian
from skdropout.initializers import Uniform
from skdropout.optimizers import Optimizer

X, Y = make_classification(90, n_features=8, n_informative=5, random_state=0)
X3, Y3 = load_iris(return_X_y=True)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def network(**arguments):
    """A small classifier of two hidden layers, without dropout and with little else."""
    defaults = {"hidden_layer_sizes": (7, 5), "dropout_rate": 0, "cv": None, "max_iter": 5}
    defaults |= {"weight_decay": 0, "alpha": 0, "random_state": 0, "batch_size": 30}
    return DropoutMLPClassifier(**defaults | arguments)


# Penalties


OF_LAYERS = {
    "weights": (ElasticNet(0.5, 0.2), ElasticNet(0.0, 0.0), ElasticNet(0.3, 1.0)),
    "biases": (ElasticNet(0.1, 0.2), ElasticNet(0.4, 0.0), ElasticNet(0.4, 1.0)),
}


def test_a_step_with_a_penalty_for_each_layer_equals_the_reference():
    case = make_case(penalties=OF_LAYERS)
    value = case.take_step()
    loss, dWs, dbs, _ = case.reference_loss_and_gradient(**OF_LAYERS)
    assert value == pytest.approx(loss, rel=1e-12)
    for i, (dW, db) in enumerate(zip(dWs, dbs, strict=True)):
        assert_allclose(case.gradient[f"W{i}"], dW, rtol=1e-10, atol=1e-13)
        assert_allclose(case.gradient[f"b{i}"], db, rtol=1e-10, atol=1e-13)


def test_layers_next_to_each_other_with_one_penalty_are_one_span():
    net = make_network((4, 3, 2, 5))
    same, other = ElasticNet(0.5, 0.0), ElasticNet(0.1, 0.0)
    spans = make_penalties(weights=(same, same, other)).spans(net)
    p = net.parameters
    assert spans[:2] == [(p.span("W0", "W1"), same), (p.span("W2"), other)]
    assert spans[2:] == [(p.span("b0", "b2"), ElasticNet(0.0, 0.0))]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("name", ["alpha", "bias_alpha"])
def test_a_strong_penalty_shrinks_its_own_layer_alone(name, solver):
    start = network(solver=solver, max_iter=200, learning_rate_init=0.02).fit(X, Y)
    kind = "coefs_" if name == "alpha" else "intercepts_"
    for i in range(3):
        strengths = [0.0] * 3
        strengths[i] = 1e3
        fitted = clone(start).set_params(**{name: strengths}).fit(X, Y)
        sizes = [np.abs(p).max() for p in getattr(fitted, kind)]
        if i or name == "alpha":  # biases of the first layer stand for the means of the inputs
            assert sizes[i] < 0.05
        assert all(size > 0.05 for j, size in enumerate(sizes) if j != i)


def test_the_penalty_in_the_history_is_that_of_the_layers():
    fitted = network(
        alpha=[0.5, 0.0, 0.2],
        l1_ratio=[0.0, 0.0, 1.0],
        batch_size=90,
        max_iter=1,
        standardize=False,
        learning_rate_init=1e-9,
        learning_rate="constant",
    ).fit(X, Y)
    first, _, last = fitted.coefs_
    expected = (0.5 / 2 * np.sum(first**2) + 0.2 * np.sum(np.abs(last))) / 90
    assert fitted.history_["penalty"][0] == pytest.approx(expected, rel=1e-5)
    history = fitted.history_
    assert history["data_loss"][0] + history["penalty"][0] == pytest.approx(history["loss"][0])


# Constraints


@pytest.mark.parametrize("bounded", [0, 1, 2])
def test_max_norm_bounds_its_own_layer_alone(bounded):
    max_norm = [None] * 3
    max_norm[bounded] = 0.1
    fitted = network(max_norm=max_norm, standardize=False).fit(X, Y)
    norms = [np.linalg.norm(W, axis=0).max() for W in fitted.coefs_]
    assert norms[bounded] <= 0.1 * (1 + 1e-12)
    assert all(norm > 0.1 for i, norm in enumerate(norms) if i != bounded)


def test_each_layer_may_have_its_own_constraint():
    net = make_network((4, 3, 2))
    update = make_update(net, constraint=(MaxNorm(0.5), MaxNorm(0.1)))
    update.step(0.1, 1.0)
    first, second = (np.linalg.norm(W, axis=0) for W in net.weights)
    assert_allclose(first, np.minimum(first, 0.5))
    assert_allclose(second, 0.1)


def test_a_bound_of_the_outputs_alone_leaves_rows_of_sparse_input_waiting(monkeypatch):
    monkeypatch.setattr("skdropout._core.tuning.LAZY_WEIGHTS", 1)
    words = csr_array(np.random.default_rng(0).random((60, 200)) < 0.02, dtype=float)
    y = np.arange(60) % 2
    arguments = {"batch_size": 10, "solver": "adagrad", "max_norm": (None, 0.5, 0.5)}
    lazy = network(**arguments).fit(words, y)
    monkeypatch.setattr("skdropout._core.tuning.LAZY_WEIGHTS", 1e9)
    eager = network(**arguments).fit(words, y)
    assert_allclose(lazy.coefs_[0], eager.coefs_[0], rtol=1e-9, atol=1e-12)
    assert np.linalg.norm(lazy.coefs_[1], axis=0).max() <= 0.5 * (1 + 1e-12)


# Dropout


SCHEMES = (Bernoulli(), Batchwise(), Gaussian(), DropConnect())


@pytest.mark.parametrize("first", SCHEMES, ids=repr)
@pytest.mark.parametrize("second", SCHEMES, ids=repr)
def test_a_pass_with_two_schemes_equals_the_reference(first, second):
    case = make_case(scheme=(first, first, second), rates=(0.2, 0.5, 0.5))
    loss = case.run()
    expected, dWs, *_ = case.reference_loss_and_gradient()
    assert loss == pytest.approx(expected, rel=1e-12)
    for i, dW in enumerate(dWs):
        assert_allclose(case.gradient[f"W{i}"], dW, rtol=1e-10, atol=1e-13)


def test_alpha_and_another_scheme_equal_the_reference():
    schemes = Alpha(), Alpha(), Bernoulli()
    case = make_case(scheme=schemes, rates=(0.0, 0.25, 0.5), activations=("selu", "relu"))
    loss = case.run()
    expected, *_ = case.reference_loss_and_gradient()
    assert loss == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("cv", [None, 3])
def test_each_layer_is_dropped_by_its_own_scheme(cv):
    arguments = {"dropout_rate": 0.5, "cv": cv, "activation": ("selu", "relu")}
    fits = {
        schemes: network(dropout=schemes, **arguments).fit(X, Y).predict_proba(X)
        for schemes in (
            ("alpha", "bernoulli"),
            ("bernoulli", "bernoulli"),
            ("bernoulli", "batchwise"),
            ("bernoulli", "dropconnect"),
        )
    }
    probas = list(fits.values())
    for i, proba in enumerate(probas):
        assert all((proba != other).any() for other in probas[:i])


def test_monte_carlo_draws_by_the_scheme_of_each_layer():
    clf = network(dropout=("batchwise", "gaussian"), dropout_rate=(0.5, 0.0)).fit(X, Y)
    draws = clf.predict_proba_samples(X, 6, random_state=0)
    only_batchwise = clone(clf).set_params(dropout="batchwise").fit(X, Y)
    assert_array_equal(draws, only_batchwise.predict_proba_samples(X, 6, random_state=0))
    clf.set_params(dropout_rate=(0.5, 0.5))
    assert (clf.predict_proba_samples(X, 6, random_state=0) != draws).any()


# Networks without biases


def bend(x):
    return np.where(x > 0, x, 0)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("standardize", [False, True])
def test_without_biases_all_intercepts_are_zero(standardize, solver):
    clf = network(fit_intercept=False, standardize=standardize, solver=solver).fit(X, Y)
    assert all((b == 0).all() for b in clf.intercepts_)
    W0, W1, W2 = clf.coefs_
    assert_allclose(clf.decision_function(X), (bend(bend(X @ W0) @ W1) @ W2)[:, 0], rtol=1e-10)


class Shaker(Optimizer):
    """Moves all that it is given."""

    def update(self, p, g, *, tmp, t, lr):
        p += 1.0


def test_an_optimizer_does_not_touch_the_biases_that_are_not_there():
    clf = network(fit_intercept=False, solver=Shaker(), learning_rate="constant").fit(X, Y)
    assert all((b == 0).all() for b in clf.intercepts_)
    again = pickle.loads(pickle.dumps(clf.partial_fit(X, Y)))
    assert all((b == 0).all() for b in again.partial_fit(X, Y).intercepts_)


def test_a_column_that_was_constant_keeps_its_part_without_biases():
    x, rng = np.c_[X, np.ones(len(X))], np.random.default_rng(0)
    y = x[:, 0] + 3
    varied = np.c_[X, rng.normal(size=len(X))]
    for first, then in ((y, y), (np.full(len(y), 5.0), 100 * y)):
        net = DropoutMLPRegressor((6,), fit_intercept=False, cv=None, max_iter=20).fit(x, first)
        before = net.predict(x)
        net.set_params(learning_rate_init=1e-30).partial_fit(varied, then)
        assert_allclose(net.predict(x), before, rtol=1e-9)


def test_an_ensemble_without_biases():
    clf = network(fit_intercept=False, cv=3).fit(X, Y)
    for member in clf.estimators_:
        assert all((b == 0).all() for b in member.intercepts_)


def test_linear_regression_without_intercept():
    x, y = make_regression(80, 4, noise=3.0, bias=20.0, random_state=0)
    ours = DropoutMLPRegressor((), solver="lbfgs", alpha=0, fit_intercept=False, tol=1e-9)
    theirs = LinearRegression(fit_intercept=False).fit(x, y)
    assert_allclose(ours.fit(x, y).coefs_[0][:, 0], theirs.coef_, rtol=1e-4)
    assert ours.intercepts_[0] == 0


def test_a_column_of_ones_takes_the_place_of_a_bias():
    """As in a tutorial whose table has such a column: its weights are learnt."""
    table = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1.0]])
    clf = DropoutMLPClassifier(
        (8,), activation="tanh", dropout_rate=0, fit_intercept=False, random_state=0
    ).fit(table, [0, 1, 1, 0])
    assert clf.score(table, [0, 1, 1, 0]) == 1
    assert (clf.coefs_[0][2] != 0).any()


def test_to_sklearn_knows_networks_without_biases():
    clf = network(fit_intercept=False, alpha=[1, 2, 3]).fit(X, Y)
    theirs = clf.to_sklearn()
    assert isinstance(theirs, MLPClassifier)
    assert theirs.alpha == MLPClassifier().alpha
    assert_allclose(theirs.predict_proba(X), clf.predict_proba(X), rtol=1e-12)


# The squared error of probabilities


def brier(estimator, x, y):
    """Half of the squared error of the outputs, before they are divided by their sum."""
    z = estimator.decision_function(x)
    z = z[:, np.newaxis] if z.ndim == 1 else z
    targets = (y[:, np.newaxis] == estimator.classes_)[:, -z.shape[1] :]
    return np.mean(np.sum((reference.s(z) - targets) ** 2, axis=1) / 2)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_loss_is_the_squared_error_of_the_outputs(kind):
    x, y = (X, Y) if kind == "binary" else (X3, Y3)
    clf = network(loss="squared_error", early_stopping="monitor", max_iter=30)
    clf.fit(x, y, X_val=x[:50], y_val=y[:50])
    assert clf.out_activation_ == "logistic"
    assert clf.history_["validation_loss"][-1] == pytest.approx(brier(clf, x[:50], y[:50]))


def test_probabilities_of_many_classes_are_the_outputs_by_their_sum():
    clf = network(loss="squared_error", max_iter=200).fit(X3, Y3)
    outputs = reference.s(clf.decision_function(X3))
    expected = outputs / outputs.sum(axis=1, keepdims=True)
    assert_allclose(clf.predict_proba(X3), expected, rtol=1e-10)
    assert_allclose(clf.predict_log_proba(X3), np.log(expected), rtol=1e-8, atol=1e-10)
    assert_array_equal(clf.predict(X3), clf.classes_[expected.argmax(axis=1)])
    assert clf.score(X3, Y3) > 0.9


def test_an_ensemble_predicts_the_average_of_probabilities():
    clf = network(loss="squared_error", cv=5, max_iter=30).fit(X3, Y3)
    mean = np.mean([member.predict_proba(X3) for member in clf.estimators_], axis=0)
    assert_allclose(clf.predict_proba(X3), mean, rtol=1e-4)
    assert_array_equal(clf.predict(X3), clf.classes_[mean.argmax(axis=1)])


@pytest.mark.parametrize("cv", [None, 5])
def test_the_squared_error_learns_as_well(cv):
    clf = network(loss="squared_error", cv=cv, max_iter=300).fit(X3, Y3)
    assert clf.score(X3, Y3) > 0.95
    assert_allclose(clf.predict_proba(X3).sum(axis=1), 1)
    copy = pickle.loads(pickle.dumps(clf)).set_params(loss="log_loss")
    assert_array_equal(copy.predict_proba(X3), clf.predict_proba(X3))  # as it was trained


def test_the_squared_error_of_many_labels():
    labels = np.column_stack([Y, 1 - Y, X[:, 0] > 0]).astype(int)
    clf = network(loss="squared_error", max_iter=300).fit(X, labels)
    assert clf.score(X, labels) > 0.8
    assert_allclose(clf.predict_proba(X), reference.s(clf.decision_function(X)), rtol=1e-10)


def test_a_single_class_with_the_squared_error():
    clf = network(loss="squared_error").fit(X, np.zeros(len(X)))
    assert (clf.predict(X) == 0).all()
    assert_allclose(clf.predict_proba(X), 1)


def test_scikit_learn_has_no_logistic_outputs_for_many_classes():
    clf = network(loss="squared_error").fit(X3, Y3)
    with pytest.raises(ValueError, match="MLPClassifier has no logistic outputs for more than two"):
        clf.to_sklearn()
    binary = network(loss="squared_error").fit(X, Y)
    assert_allclose(binary.to_sklearn().predict_proba(X), binary.predict_proba(X))


# The history


@pytest.mark.parametrize("y", [Y, Y3], ids=["two", "many"])
def test_the_training_score_is_the_accuracy_of_the_epoch(y):
    x = X if y is Y else X3
    clf = network(learning_rate_init=1e-12, learning_rate="constant", max_iter=1).fit(x, y)
    assert clf.history_["training_score"] == [pytest.approx(clf.score(x, y))]


def test_the_training_score_goes_by_weight():
    weight = np.random.default_rng(0).uniform(0.1, 3.0, len(X))
    clf = network(learning_rate_init=1e-12, learning_rate="constant", max_iter=1)
    clf.fit(X, Y, weight)
    expected = accuracy_score(Y, clf.predict(X), sample_weight=weight)
    assert clf.history_["training_score"] == [pytest.approx(expected)]


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_the_training_score_of_numbers_is_r2(loss, n_outputs):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(70, 4))
    y = 1e3 + rng.poisson(np.exp(x[:, :n_outputs])).squeeze()
    net = DropoutMLPRegressor(
        (6,),
        loss=loss,
        weight_init=Uniform(-0.1, 0.1),
        learning_rate_init=1e-12,
        learning_rate="constant",
        max_iter=1,
        cv=None,
        random_state=0,
    ).fit(x, y)
    expected = r2_score(y, net.predict(x))
    assert net.history_["training_score"] == [pytest.approx(expected, abs=1e-5)]


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("constant", [1.0, 0.1, 1e6 + 0.1])
def test_the_training_score_of_constant_numbers_is_nan(constant, cv, standardize):
    net = DropoutMLPRegressor((6,), max_iter=3, cv=cv, standardize=standardize)
    net.fit(X, np.full(len(X), constant))
    assert all(isnan(score) for score in net.history_["training_score"])


@pytest.mark.parametrize("scoring, is_told", [("accuracy", True), ("roc_auc", False)])
def test_the_training_score_is_told_where_it_compares_with_that_of_the_validation(scoring, is_told):
    clf = network(scoring=scoring, early_stopping=True).fit(X, Y)
    assert ("training_score" in clf.history_) == is_told
    assert "validation_score" in clf.history_


def test_a_pickle_tells_the_same():
    clf = network(alpha=1.0, early_stopping=True).fit(X, Y)
    copy = pickle.loads(pickle.dumps(clf))
    assert list(copy.history_) == list(clf.history_)
    assert copy.history_ == clf.history_
    clf.set_params(early_stopping=False)
    copy.set_params(early_stopping=False)
    assert copy.partial_fit(X, Y).history_ == clf.partial_fit(X, Y).history_


def test_an_ensemble_tells_the_mean_of_its_networks():
    clf = network(cv=3, hidden_layer_sizes=(4,), max_iter=4).fit(X, Y)
    assert all(0 <= score <= 1 for score in clf.history_["training_score"])
    assert len(clf.history_["training_score"]) == clf.n_iter_


# A validation that only watches


def test_a_monitored_training_is_the_one_that_has_no_validation():
    arguments = {"max_iter": 40, "learning_rate": "constant", "n_iter_no_change": np.inf}
    plain = network(**arguments).fit(X[:60], Y[:60])
    watched = network(**arguments, early_stopping="monitor")
    watched.fit(X[:60], Y[:60], X_val=X[60:], y_val=Y[60:])
    assert_array_equal(watched.coefs_[0], plain.coefs_[0])
    assert len(watched.history_["validation_loss"]) == 40
    assert watched.validation_scores_ == watched.history_["validation_score"]
    assert watched.history_["validation_score"][-1] == watched.score(X[60:], Y[60:])


def test_monitor_holds_a_part_out_and_goes_on_to_the_end():
    clf = network(
        early_stopping="monitor", learning_rate="constant", tol=10.0, max_iter=60, cv="auto"
    ).fit(X, Y)
    assert clf.n_iter_ == 60
    assert clf.best_loss_ == min(clf.loss_curve_)
    assert len(clf.history_["validation_score"]) == 60
    ended = clone(clf).set_params(n_iter_no_change=3).fit(X, Y)
    assert ended.n_iter_ < 60


def test_stacks_and_workers_watch_the_same():
    grid = {"random_state": [0, 1, 2]}
    clf = network(early_stopping="monitor", learning_rate="cosine", max_iter=9)
    plain = GridSearchCV(clf, grid, cv=2).fit(X, Y)
    with parallel_config("skdropout"):
        stacked = GridSearchCV(clf, grid, cv=2).fit(X, Y)
    assert_array_equal(plain.cv_results_["mean_test_score"], stacked.cv_results_["mean_test_score"])
    fits = [clone(clf).set_params(cv=3, n_jobs=n_jobs).fit(X, Y) for n_jobs in (1, 2)]
    with parallel_config("skdropout"):
        (stacked,) = Parallel()([delayed(clone(clf).fit)(X, Y)])
    alone = clone(clf).fit(X, Y)
    assert stacked.history_ == alone.history_
    assert fits[0].history_ == fits[1].history_


def test_an_adaptive_rate_falls_where_a_validation_only_watches():
    arguments = {"learning_rate": "adaptive", "max_iter": 400, "tol": 1e-2}
    watched = network(**arguments, early_stopping="monitor").fit(X, Y, X_val=X, y_val=Y)
    plain = network(**arguments).fit(X, Y)
    assert watched.history_["learning_rate"] == plain.history_["learning_rate"]
    assert watched.history_["learning_rate"][-1] < 1e-4


def test_scikit_learns_network_can_be_fitted_again():
    theirs = network(early_stopping="monitor").fit(X, Y).to_sklearn()
    assert clone(theirs).fit(X, Y).early_stopping is False


def test_folds_may_be_only_watched():
    clf = network(early_stopping="monitor", cv=3, learning_rate="cosine", max_iter=9).fit(X, Y)
    assert clf.n_iter_ == 9
    assert np.isfinite(clf.oof_decision_function_).all()
    loss = clf.history_["validation_loss"][-1]
    expected = -np.log(clf.oof_decision_function_[np.arange(len(X)), Y]).mean()
    assert loss == pytest.approx(expected, rel=1e-4)


def test_a_planned_number_of_epochs_warns_of_nothing(recwarn):
    network(early_stopping="monitor", learning_rate="constant", max_iter=20).fit(X, Y)
    assert not [str(w.message) for w in recwarn if "Maximum iterations" in str(w.message)]


@pytest.mark.parametrize("drops", [0, 0.5])
def test_monitor_prints_what_it_watches(capsys, drops):
    network(early_stopping="monitor", verbose=True, alpha=1.0, dropout_rate=drops).fit(X, Y)
    first, *_ = capsys.readouterr().out.splitlines()
    for word in ("loss = ", "(penalty ", "training score = ", "validation score = "):
        assert word in first
