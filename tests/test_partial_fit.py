"""`partial_fit`: one pass a call, everything kept for the next one, also through a pickle."""

import copy
import gc
import io
import pickle
import tracemalloc
import warnings
from itertools import pairwise

import joblib
import numpy as np
import pandas as pd
import pytest
from interruption import Interrupted
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout.optimizers import Optimizer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(120, n_features=12, n_informative=6, n_classes=3, random_state=0)
TARGETS = {DropoutMLPClassifier: Y, DropoutMLPRegressor: Y + X[:, 0]}
over_estimators = pytest.mark.parametrize("estimator", TARGETS)


def network(estimator=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (16, 8), "learning_rate_init": 0.01, "batch_size": 50}
    defaults |= {"learning_rate": "constant", "max_iter": 200, "random_state": 0, "cv": None}
    return estimator(**{**defaults, **arguments})


def go_on(net, n_calls=1, X=X, y=None, **more):
    """Call `partial_fit` so many times, with the classes where they are known."""
    y = TARGETS[type(net)] if y is None else y
    if isinstance(net, DropoutMLPClassifier):
        more = {"classes": [0, 1, 2], **more}
    for _ in range(n_calls):
        net.partial_fit(X, y, **more)
    return net


def parameters(net):
    """All weights and biases, and with batch normalisation scales and running statistics."""
    return net._network.memory.copy()


def assert_unchanged(net, before, attributes):
    assert set(vars(net)) == attributes
    assert_array_equal(parameters(net), before)


# classes


def test_the_first_call_needs_the_classes():
    net = network()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        net.partial_fit(X, Y)
    assert not hasattr(net, "classes_")
    with pytest.raises(ValueError, match=r"classes: Found array with 0 sample"):
        net.partial_fit(X, np.zeros(120, int), classes=[])
    assert not hasattr(net, "classes_")


def test_a_single_class():
    net = network(dropout_rate=0.3)
    net.partial_fit(X, np.full(120, "a"), classes=["a"]).partial_fit(X, np.full(120, "a"))
    assert net.classes_ == ["a"]
    assert net.n_iter_ == 2
    assert np.isfinite(parameters(net)).all()
    assert_array_equal(net.predict_proba(X), np.ones((120, 1)))
    with pytest.raises(ValueError, match=r"`y` has \['b'\]"):
        net.partial_fit(X, np.full(120, "b"))


@pytest.mark.parametrize("labels", [np.array(["a", "b", "c"]), np.array([7, -1, 3])])
def test_classes_may_come_later(labels):
    net = network(batch_size=30, dropout_rate=0.3).partial_fit(
        X[Y < 2], labels[Y[Y < 2]], classes=labels
    )
    assert_array_equal(net.classes_, np.sort(labels))
    assert net.predict_proba(X).shape == (120, 3)
    assert_array_equal(net.predict(X), net.classes_[net.predict_proba(X).argmax(axis=1)])
    net.partial_fit(X[Y == 2], labels[Y[Y == 2]])
    for _ in range(60):
        net.partial_fit(X, labels[Y], classes=labels[::-1])
    assert net.score(X, labels[Y]) > 0.8


@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2, 3], ["a", "b", "c"]])
def test_other_classes_later_are_refused(classes):
    net = go_on(network())
    before, attributes = parameters(net), set(vars(net))
    with pytest.raises(ValueError, match="not the same as on last call to partial_fit"):
        net.partial_fit(X, Y, classes=classes)
    assert_unchanged(net, before, attributes)


def test_unseen_classes_are_refused():
    net = go_on(network())
    before, attributes = parameters(net), set(vars(net))
    with pytest.raises(ValueError, match=r"`y` has classes not in .*`y` has \[5\]"):
        net.partial_fit(X, np.where(Y == 2, 5, Y))
    assert_unchanged(net, before, attributes)
    with pytest.raises(ValueError, match=r"`y` has \[2\]"):
        network().partial_fit(X, Y, classes=[0, 1])


def test_many_labels_need_no_classes():
    x, y = make_multilabel_classification(120, 12, n_classes=4, random_state=0)
    net = network().partial_fit(x, y).partial_fit(x, y)
    assert net.predict(x).shape == y.shape
    assert net.t_ == 240
    assert network().partial_fit(x, y, classes=range(4)).n_outputs_ == 4
    with pytest.raises(ValueError, match="not the same as those of `y`"):
        network().partial_fit(x, y, classes=range(5))
    with pytest.raises(ValueError, match=r"y must have the form of the first y"):
        net.partial_fit(x, y[:, :3])
    with pytest.raises(ValueError, match=r"y must have the form of the first y"):
        net.partial_fit(x, y[:, 0])


# one pass a call


@over_estimators
def test_a_call_is_one_pass(estimator):
    net = network(estimator, max_iter=77)
    for n_calls in (1, 2, 3):
        assert go_on(net) is net
        assert net.t_ == 120 * n_calls
        assert {len(values) for values in net.history_.values()} == {n_calls}
        assert net.loss_curve_ == net.history_["loss"]
        assert net.loss_ == net.loss_curve_[-1]
        assert net.best_loss_ == min(net.loss_curve_)
        assert net.n_iter_ == n_calls
    go_on(net, X=X[:70], y=TARGETS[estimator][:70])
    assert net.t_ == 430


SOLVERS = ["adam", "nadam", "amsgrad", "rmsprop", "adagrad", "adadelta", "sgd"]


@over_estimators
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_calls_are_epochs_of_fit(estimator, solver, weighted):
    """To the last bit where nothing is standardised, as the calls do by what they know then."""
    weight = np.random.default_rng(0).uniform(0.5, 2, 120) if weighted else None
    net = network(estimator, solver=solver, shuffle=False, dropout_rate=0, standardize=False)
    called = go_on(clone(net), 5, sample_weight=weight)
    fitted = clone(net).set_params(max_iter=5).fit(X, TARGETS[estimator], weight)
    assert_array_equal(parameters(called), parameters(fitted))
    assert called.history_ == fitted.history_
    assert (called.t_, called.n_iter_) == (fitted.t_, fitted.n_iter_)


@over_estimators
@pytest.mark.parametrize("dropout", ["batchwise", "bernoulli"])
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive", "inverse_time"])
def test_calls_are_epochs_of_fit_with_dropout_and_in_any_order(estimator, dropout, learning_rate):
    """The streams go on, and so do the schedules."""
    net = network(
        estimator, dropout=dropout, dropout_rate=0.5, input_dropout_rate=0.2, n_iter_no_change=99
    ).set_params(learning_rate=learning_rate, standardize=False)
    called = go_on(clone(net), 6)
    fitted = clone(net).set_params(max_iter=6).fit(X, TARGETS[estimator])
    assert_array_equal(parameters(called), parameters(fitted))
    assert called.history_ == fitted.history_
    assert (len(set(called.history_["learning_rate"])) == 1) == (
        learning_rate in ("constant", "adaptive")
    )


# standardised by what has come so far


def in_parts(net, X, y, ends=(1, 2, 7, 50, 120), **more):
    """Calls for some rows after the others, by default one row first, and then one more."""
    weight = more.pop("sample_weight", np.ones(X.shape[0]))
    net.set_params(batch_size="auto")
    for first, end in pairwise([0, *ends]):
        rows = slice(first, end)
        go_on(net, X=X[rows], y=y[rows], sample_weight=weight[rows], **more)
    return net


@over_estimators
@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_statistics_are_those_of_all_rows_that_have_come(estimator, form, weighted):
    weight = np.random.default_rng(0).uniform(0.5, 2, 120) if weighted else np.ones(120)
    x, y = form(30 * X + 7), TARGETS[estimator]
    net = in_parts(network(estimator), x, y, sample_weight=weight)
    found, scaler = (
        net._standardizer.standardization(np.float64),
        StandardScaler().fit(30 * X + 7, None, weight),
    )
    if form is csr_array:
        assert_array_equal(found.mean, np.zeros(12))
        assert_allclose(found.scale, np.sqrt(scaler.var_ + scaler.mean_**2), rtol=1e-12)
    else:
        assert_allclose(found.mean, scaler.mean_, rtol=1e-12)
        assert_allclose(found.scale, scaler.scale_, rtol=1e-12)
    if estimator is DropoutMLPRegressor:
        scaler.fit(y.reshape(-1, 1), None, weight)
        assert_allclose(found.y_mean, scaler.mean_, rtol=1e-12)
        assert_allclose(found.y_scale, scaler.scale_, rtol=1e-12)


@over_estimators
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_new_statistics_leave_the_predictions_what_they_were(estimator, dtype):
    x, y = X.astype(dtype), TARGETS[estimator]
    net = go_on(network(estimator), 5, X=x, y=y)
    before, old = net._raw_predict(x), net._standardizer.standardization(np.float64)
    net.set_params(**REST, dropout_rate=0)
    for i in (1, 2, 3):
        go_on(
            net,
            X=(i * x + 3 * i).astype(dtype),
            y=y if estimator is DropoutMLPClassifier else i * y,
        )
    new = net._standardizer.standardization(np.float64)
    assert (new.scale > 1.5 * old.scale).all()
    assert_allclose(
        net._raw_predict(x), before, rtol=0, atol=1e-4 if dtype == np.float32 else 1e-12
    )


@over_estimators
@pytest.mark.parametrize("ends", [(120,), (50, 120), (1, 2, 3, 120)], ids=str)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_unit_of_the_data_makes_no_difference(estimator, scale, ends):
    """Even where a first row does not tell of it yet."""
    y = TARGETS[estimator]
    scales = scale ** (np.arange(12) / 11)
    unit = 1 if estimator is DropoutMLPClassifier else scale
    net = in_parts(network(estimator), X, y, ends)
    other = in_parts(network(estimator), X * scales + 5 * scales, y * unit, ends)
    assert_allclose(
        other._raw_predict(X * scales + 5 * scales), unit * net._raw_predict(X), rtol=1e-4
    )
    assert_allclose(other.loss_curve_, net.loss_curve_, rtol=1e-6)


@over_estimators
def test_a_column_that_was_constant_may_begin_to_vary(estimator):
    x, y = X.copy(), TARGETS[estimator]
    informative = np.abs(np.corrcoef(X.T, y)[-1, :-1]).argmax()
    x[:, informative] = 1000.0
    net = go_on(network(estimator), X=x, y=y)
    before = net._raw_predict(x)
    x[:, informative] = 1000.0 + 100 * X[:, informative]
    go_on(net.set_params(**REST), X=x, y=y)
    x[:, informative] = 1000.0
    assert_allclose(net._raw_predict(x), before, rtol=1e-9, atol=1e-9)


# what goes on from call to call


@over_estimators
def test_an_ensemble_goes_on_with_all_of_its_networks(estimator):
    y = TARGETS[estimator]
    net = network(estimator, cv=3, max_iter=3).fit(X, y)
    alone = [copy.deepcopy(member) for member in net.estimators_]
    t, n_epochs = net.t_, len(net.loss_curve_)
    go_on(net, 2)
    assert len(net.loss_curve_) == n_epochs + 2
    assert net.t_ == t + 3 * 2 * 120
    assert not hasattr(net, "oof_score_")
    for member, other in zip(net.estimators_, alone, strict=True):
        assert_array_equal(parameters(member), parameters(go_on(other, 2)))
    losses = [other.loss_ for other in alone]
    assert net.loss_ == pytest.approx(np.mean(losses), rel=1e-12)


@over_estimators
def test_adaptive_lowers_the_rate_over_calls(estimator):
    net = network(estimator, learning_rate="adaptive", tol=10, n_iter_no_change=2, dropout_rate=0)
    rates = go_on(net, 8).history_["learning_rate"]
    assert rates == pytest.approx([0.01] * 4 + [0.002] * 3 + [0.0004])


@over_estimators
@pytest.mark.parametrize("learning_rate", ["cosine", "flat_cosine", "one_cycle"])
def test_an_annealed_rate_ends_after_max_iter_calls(estimator, learning_rate):
    net = network(estimator, learning_rate=learning_rate, max_iter=8, standardize=False)
    called, fitted = go_on(clone(net), 8), clone(net).fit(X, TARGETS[estimator])
    assert_array_equal(parameters(called), parameters(fitted))
    assert called.history_ == fitted.history_
    rates = called.history_["learning_rate"]
    assert 0 <= rates[-1] < 0.1 * max(rates)
    before = parameters(called)
    late = go_on(called, 2).history_["learning_rate"][-2:]
    assert max(late) <= rates[-1]
    assert np.abs(parameters(called) - before).max() < 0.01


@over_estimators
def test_an_adaptive_rate_forgets_the_scores_of_an_earlier_fit(estimator):
    """A score is no loss to compare with: the rate stays as long as the loss falls."""
    net = network(estimator, learning_rate="adaptive", n_iter_no_change=2, dropout_rate=0)
    net.set_params(early_stopping=True, max_iter=2).fit(X, TARGETS[estimator])
    net.set_params(early_stopping=False, tol=0, learning_rate_init=1e-4)
    go_on(net, 8)
    assert (np.diff(net.loss_curve_[2:]) < 0).all()
    assert net.history_["learning_rate"][2:] == [1e-4] * 8


@over_estimators
@pytest.mark.parametrize("noise", [{"dropout_rate": 0.5}, {"dropout_rate": 0, "shuffle": True}])
def test_two_calls_draw_anew(estimator, noise):
    """At a rate too small to move the weights, what differs in the losses are masks and orders."""
    quiet = {"learning_rate_init": 1e-14, "shuffle": False, **noise}
    first, second, third = go_on(network(estimator, **quiet), 3).loss_curve_
    assert len({first, second, third}) == 3
    if quiet["shuffle"]:  # only the last bits of sums
        assert first == pytest.approx(third, rel=1e-9)
    else:
        assert abs(first - third) > 1e-4


# copies


def by_joblib(net, **more):
    file = io.BytesIO()
    joblib.dump(net, file, **more)
    file.seek(0)
    return joblib.load(file)


COPIES = [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), by_joblib]


@over_estimators
@pytest.mark.parametrize("batch_norm", [False, True], ids=["", "normalised"])
@pytest.mark.parametrize("dropout", ["batchwise", "bernoulli"])
@pytest.mark.parametrize("copy_of", COPIES, ids=["copy", "deepcopy", "pickle", "joblib"])
def test_a_copy_goes_on_as_if_nothing_were(estimator, dropout, copy_of, batch_norm):
    rates = {"dropout_rate": 0.5, "input_dropout_rate": 0.2}
    net = network(estimator, dropout=dropout, **rates, batch_norm=batch_norm)
    straight = go_on(clone(net), 5)
    net = go_on(net, 2)
    other = copy_of(net)
    assert_array_equal(parameters(go_on(other, 3)), parameters(straight))
    assert other.history_ == straight.history_
    assert other.t_ == straight.t_
    assert net.t_ == 240
    assert {len(values) for values in net.history_.values()} == {2}
    go_on(net, 3)  # which the copy has left alone
    assert_array_equal(parameters(net), parameters(straight))
    assert net.history_ == straight.history_


def test_optimizer_state_is_kept_only_after_partial_fit():
    net = network(hidden_layer_sizes=(300, 300), max_iter=2)
    n_bytes = parameters(net.fit(X, Y)).nbytes
    assert len(pickle.dumps(net)) < 1.1 * n_bytes + 20_000
    assert len(pickle.dumps(go_on(net))) > 2.9 * n_bytes


# a long stream

FEW_ROWS = X[:10], TARGETS[DropoutMLPRegressor][:10]


def measure_calls(net, n_calls=100):
    """Bytes that a call leaves behind on average, and those that it needs for a while, at best."""
    needed = np.empty(n_calls)
    tracemalloc.start()
    gc.collect()
    start, _ = tracemalloc.get_traced_memory()
    for i in range(n_calls):
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        net.partial_fit(*FEW_ROWS)
        needed[i] = tracemalloc.get_traced_memory()[1] - before
    gc.collect()
    end, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (end - start) / n_calls, needed.min()


def test_three_thousand_calls():
    """What a call needs does not grow with the calls before it, and it leaves a few numbers."""
    net = network(DropoutMLPRegressor, hidden_layer_sizes=4, batch_size="auto", dropout_rate=0.5)
    go_on(net, 100, *FEW_ROWS)
    _, needed_first = measure_calls(net)
    lists = net.history_, net.loss_curve_
    go_on(net, 1500 - net.n_iter_, *FEW_ROWS)
    other = by_joblib(pickle.loads(pickle.dumps(net)), compress=3)
    n_bytes = len(pickle.dumps(net))
    go_on(net, 2900 - net.n_iter_, *FEW_ROWS)
    left, needed = measure_calls(net)
    assert net.n_iter_ == len(net.loss_curve_) == 3_000
    assert net.t_ == 30_000
    assert left < 1024
    assert needed < needed_first + 4096
    assert len(pickle.dumps(net)) < n_bytes + 1500 * 64
    assert (net.history_, net.loss_curve_) == lists  # appended to, not copied for each call
    assert net.history_ is lists[0]
    assert net.best_loss_ == min(net.loss_curve_)
    go_on(other, 1500, *FEW_ROWS)
    assert_array_equal(parameters(other), parameters(net))
    assert other.history_ == net.history_


@over_estimators
@pytest.mark.parametrize("cv", [None, 3])
def test_a_call_that_fails_late_leaves_the_history_as_it_was(estimator, cv):
    """Here by a warning that is an error, when all else is done."""
    net = go_on(network(estimator, cv=cv, max_iter=2, batch_size=20).fit(X, TARGETS[estimator]), 2)
    history = copy.deepcopy(net.history_)
    with pytest.raises(UserWarning, match="larger than the 10 samples"):
        go_on(net, 1, X[:10], TARGETS[estimator][:10])
    assert net.history_ == history
    assert net.loss_curve_ == history["loss"]
    assert go_on(net).loss_curve_[:-1] == history["loss"]


def test_a_call_that_fails_late_leaves_no_new_curve():
    net = go_on(network(scoring="neg_log_loss", batch_size=20), 2)
    names = list(net.history_)
    assert "training_score" not in names
    net.set_params(scoring=None)
    with pytest.raises(UserWarning, match="larger than the 10 samples"):
        go_on(net, 1, X[:10], Y[:10])
    assert list(net.history_) == names
    history = go_on(net).history_
    assert np.isfinite(history["training_score"]).tolist() == [False, False, True]


def test_networks_of_an_ensemble_go_on_alone_with_curves_of_their_own():
    net = go_on(network(DropoutMLPRegressor, cv=3, max_iter=2).fit(X, Y))
    curve = net.loss_curve_.copy()
    for member in net.estimators_:
        assert go_on(member, y=Y).loss_curve_[:-1] == curve
    assert net.loss_curve_ == curve
    assert len({member.loss_ for member in net.estimators_}) == 3


# before and between


@over_estimators
def test_it_goes_on_after_fit(estimator):
    net = network(estimator, max_iter=4, dropout_rate=0).fit(X, TARGETS[estimator])
    before = parameters(net)
    go_on(net)
    assert net.t_ == 5 * 120
    assert len(net.loss_curve_) == 5
    assert 0 < np.abs(parameters(net) - before).max() < 0.1
    assert net.loss_curve_[-1] < net.loss_curve_[0]


@over_estimators
def test_fit_begins_anew_after_partial_fit(estimator):
    net = go_on(network(estimator, max_iter=3), 2).fit(X, TARGETS[estimator])
    fresh = network(estimator, max_iter=3).fit(X, TARGETS[estimator])
    assert_array_equal(parameters(net), parameters(fresh))
    assert net.t_ == fresh.t_
    assert net.history_ == fresh.history_


@over_estimators
def test_a_changed_rate_acts_at_once(estimator):
    net = go_on(network(estimator, dropout_rate=0, shuffle=False), 2)
    other = copy.deepcopy(net).set_params(dropout_rate=0.5)
    assert (parameters(go_on(net)) != parameters(go_on(other))).any()
    assert (net.history_["dropout_rate"], other.history_["dropout_rate"]) == ([0] * 3, [0, 0, 0.5])
    back = copy.deepcopy(net).set_params(learning_rate_init=1e-14)
    assert np.abs(parameters(go_on(back)) - parameters(net)).max() < 1e-10


# At a rate this small, calls of plain gradient descent leave every weight where it is.
REST = {"learning_rate_init": 1e-300, "solver": "sgd", "momentum": 0, "shuffle": False}
NO_DROPOUT = {"dropout_rate": 0, "input_dropout_rate": 0}
DROPOUT = [
    {"dropout_rate": 0.5},
    {"dropout_rate": (0.2, 0.5)},
    {"input_dropout_rate": 0.3},
    *[
        {"dropout": name, "dropout_rate": 0.5, "input_dropout_rate": 0.3}
        for name in ("batchwise", "bernoulli", "gaussian", "dropconnect")
    ],
    {"dropout": "alpha", "dropout_rate": 0.5, "input_dropout_rate": 0.3},
]
over_dropout = pytest.mark.parametrize("dropout", DROPOUT, ids=str)


def assert_same_bits(net, other):
    """But for what is left of biases that have moved from zero by nearly nothing."""
    assert_allclose(parameters(net), parameters(other), rtol=0, atol=1e-290)


def activation_for(dropout):
    """One without a corner at zero, where the biases are."""
    return {"activation": "selu" if dropout.get("dropout") == "alpha" else "tanh"}


@over_estimators
@over_dropout
def test_dropout_switched_on_is_that_of_a_network_that_begins_with_it(estimator, dropout):
    arguments = {**REST, **NO_DROPOUT, **activation_for(dropout), "standardize": False}
    net = go_on(network(estimator, **arguments), 2)
    fresh = network(estimator, **{**arguments, **dropout})
    assert_same_bits(go_on(copy.deepcopy(fresh)), net)
    net.set_params(**dropout, learning_rate_init=0.1)
    fresh.set_params(learning_rate_init=0.1)
    assert_same_bits(go_on(net), go_on(fresh))
    assert net.history_["dropout_rate"] == [0, 0, *fresh.history_["dropout_rate"]]
    assert net.history_["input_dropout_rate"] == [0, 0, *fresh.history_["input_dropout_rate"]]
    without = network(estimator, **{**arguments, "learning_rate_init": 0.1})
    assert (parameters(net) != parameters(go_on(without))).any()


@over_estimators
@over_dropout
def test_dropout_switched_off_leaves_no_trace(estimator, dropout):
    """Bit for bit the call of a network that has never dropped a unit."""
    arguments = {**REST, **activation_for(dropout), "standardize": False}
    net = go_on(network(estimator, **{**arguments, **dropout}), 2)
    net.set_params(**NO_DROPOUT, learning_rate_init=0.1, shuffle=True)
    fresh = network(estimator, **{**arguments, **NO_DROPOUT}).set_params(
        learning_rate_init=0.1, shuffle=True
    )
    assert_same_bits(go_on(net, 2), go_on(fresh, 2))
    assert net.loss_curve_[2:] == fresh.loss_curve_
    assert net.history_["dropout_rate"][2:] == net.history_["input_dropout_rate"][2:] == [0, 0]


@over_estimators
@pytest.mark.parametrize("batch_norm", [False, True], ids=["", "normalised"])
@over_dropout
def test_changed_dropout_acts_as_if_it_had_been_there(estimator, dropout, batch_norm):
    """State and arguments are apart: only what is set now decides what a call does."""
    first = {"dropout_rate": 0.25, "dropout": "bernoulli", **activation_for(dropout)}
    net = go_on(network(estimator, **first, batch_norm=batch_norm), 2)
    changed = {**first, **dropout}
    other = network(estimator, **changed, batch_norm=batch_norm)
    other.__setstate__({**copy.deepcopy(net).__getstate__(), **other.get_params()})
    straight = go_on(copy.deepcopy(net))
    go_on(net.set_params(**dropout))
    assert_array_equal(parameters(net), parameters(go_on(other)))
    assert (parameters(net) != parameters(straight)).any()


@over_estimators
@pytest.mark.parametrize("solvers", [("adam", "sgd"), ("rmsprop", "adam"), ("adam", "nadam")])
def test_another_solver_starts_afresh(estimator, solvers):
    """As a warm start does, which has no memory of the solver before."""
    first, second = solvers
    quiet = {"shuffle": False, "dropout_rate": 0}
    net = go_on(network(estimator, solver=first, **quiet), 3).set_params(solver=second)
    fresh = copy.deepcopy(net).set_params(warm_start=True, max_iter=1)
    fresh.fit(X, TARGETS[estimator])
    assert_array_equal(parameters(go_on(net)), parameters(fresh))


# what is refused


@over_estimators
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"early_stopping": True}, "partial_fit does not support early_stopping=True"),
        ({"hidden_layer_sizes": (16, 9)}, r"\(12, 16, 8, .\) units.*; got \(12, 16, 9, .\)"),
        ({"activation": "tanh"}, r"activations \('relu', 'relu'\).*; got .*\('tanh', 'tanh'\)"),
        ({"batch_norm": True}, "batch_norm=False .*; got .*, True and True"),
        ({"alpha": -1}, "alpha must be"),
    ],
)
def test_arguments_that_do_not_go_with_it(estimator, arguments, message):
    net = go_on(network(estimator), 2).set_params(**arguments)
    before, attributes = parameters(net), set(vars(net))
    with pytest.raises(ValueError, match=message):
        go_on(net)
    assert_unchanged(net, before, attributes)


def test_balanced_classes_are_refused():
    with pytest.raises(ValueError, match="class_weight='balanced' needs all samples at once"):
        go_on(network(class_weight="balanced"))
    by_hand = network(class_weight={0: 1, 1: 2, 2: 3})
    assert (parameters(go_on(by_hand)) != parameters(go_on(network()))).any()


@over_estimators
def test_lbfgs_does_not_have_it(estimator):
    net = network(estimator, solver="lbfgs", dropout_rate=0)
    assert not hasattr(net, "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        net.partial_fit(X, TARGETS[estimator])
    assert hasattr(net.set_params(solver="sgd"), "partial_fit")


NAN = np.where(np.arange(12) == 3, np.nan, X)
BAD_DATA = {
    "NaN": (NAN, None, {}, "Input X contains NaN"),
    "features": (X[:, :5], None, {}, "X has 5 features, but .* expecting 12"),
    "targets": (X, Y[:5], {}, "the same number of rows, got 120 and 5"),
    "no rows": (X[:0], Y[:0], {}, "0 sample"),
    "weights": (X, None, {"sample_weight": -np.ones(120)}, "sample_weight must not be negative"),
    "zero weights": (X, None, {"sample_weight": np.zeros(120)}, "sample_weight.*above zero"),
    "huge weights": (X, None, {"sample_weight": np.full(120, 1e308)}, "must have a finite sum"),
}
DIVERGING = 1e300 * X, None, {}, "non-finite.* in epoch"


@over_estimators
@pytest.mark.parametrize(
    "name, arguments",
    [*((name, {}) for name in BAD_DATA), ("diverging", {"standardize": False})],
)
def test_bad_data_later_harms_nothing(estimator, name, arguments):
    """Afterwards it predicts what it did and goes on as if the call had not been."""
    x, y, more, message = BAD_DATA.get(name, DIVERGING)
    net = go_on(network(estimator, batch_size=5, **arguments), 2)
    straight = go_on(copy.deepcopy(net))
    before, attributes = net.predict(X), set(vars(net))
    history = copy.deepcopy(net.history_)
    with pytest.raises(ValueError, match=message):
        go_on(net, X=x, y=y, **more)
    assert set(vars(net)) == attributes
    assert net.history_ == history
    assert_array_equal(net.predict(X), before)
    assert_array_equal(parameters(go_on(net)), parameters(straight))


@over_estimators
def test_a_first_call_that_fails_leaves_nothing(estimator):
    net = network(estimator)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        go_on(net, X=NAN)
    assert set(vars(net)) == set(vars(network(estimator)))


# what it is for


def test_a_stream_of_small_pieces_is_learned():
    net = network(batch_size=20, dropout_rate=0.2)
    for _ in range(60):
        for start in range(0, 120, 20):
            go_on(net, X=X[start : start + 20], y=Y[start : start + 20])
    assert net.score(X, Y) > 0.9


@pytest.mark.parametrize("size", [1e3, 1e30])
@pytest.mark.parametrize("form", [np.asarray, csr_array])
@pytest.mark.parametrize(
    "estimator, place",
    [(DropoutMLPClassifier, "X"), (DropoutMLPRegressor, "X"), (DropoutMLPRegressor, "y")],
)
def test_a_wrong_number_in_a_stream_costs_next_to_nothing(estimator, place, form, size):
    y, net = TARGETS[estimator], network(estimator, batch_size=20)

    def learn(n_times):
        for start in [0, 40, 80] * n_times:
            go_on(net, X=form(X[start : start + 40]), y=y[start : start + 40])

    learn(40)
    before = net.score(form(X), y)
    wrong, wrong_y = X[:40].copy(), y[:40].copy()
    if place == "X":
        wrong[0, 0] = size
    else:
        wrong_y[0] = -size
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        go_on(net, X=form(wrong), y=wrong_y)
    what = "column 0 of X" if place == "X" else "y"
    expected = f"Numbers in {what} are more than 1000 standard deviations"
    assert [str(warning.message).startswith(expected) for warning in told] == [True] * (size > 1e3)
    assert wrong[0, 0] == (size if place == "X" else X[0, 0])
    assert wrong_y[0] == (-size if place == "y" else y[0])
    assert net.score(form(X), y) > before - 0.1
    learn(20)
    assert net.score(form(X), y) > before - 0.03


def test_a_wrong_number_in_a_stream_of_single_rows_costs_next_to_nothing():
    net = network(batch_size=1)
    for start in range(120):
        go_on(net, X=X[start : start + 1], y=Y[start : start + 1])
    before = net._standardizer.standardization(float)
    with pytest.warns(UserWarning, match="Numbers in column 3 of X"):
        go_on(net, X=np.where(np.arange(12) == 3, 1e9, X[:1]), y=Y[:1])
    after = net._standardizer.standardization(float)
    assert (after.scale < 1.5 * before.scale).all()


def test_numbers_that_may_be_true_are_as_they_are():
    """Little is known of a stream after a few rows, or of a column that has been constant."""
    x = X.copy()
    x[:, 1] = 2.0
    net = go_on(network(batch_size=10), X=x[:10], y=Y[:10])
    x[10:, 0] *= 100.0
    go_on(net, X=x[10:], y=Y[10:])
    x[0, 1] = 1e6
    go_on(net, X=x, y=Y)
    seen = np.concatenate([x, x])
    seen[:120, 1] = 2.0
    known = net._standardizer.standardization(float)
    assert_allclose(known.mean, seen.mean(axis=0), atol=1e-9)
    deviations = seen.std(axis=0)
    assert_allclose(np.delete(known.scale, 1), np.delete(deviations, 1), rtol=1e-9)


@pytest.mark.parametrize("n_before", [25, 100, 400])
def test_a_number_at_most_doubles_a_variance(n_before):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n_before + 30, 2)), np.arange(n_before + 30.0)
    net = network(DropoutMLPRegressor, batch_size=20).partial_fit(x[:n_before], y[:n_before])
    x[-1] = [1e200, -1e200]
    with pytest.warns(UserWarning, match="column 0 of X, column 1 of X"):
        net.partial_fit(x[n_before:], y[n_before:])
    variance = net._standardizer.standardization(float).scale ** 2
    assert (variance > 1.5).all()
    assert (variance < 2 * x[:-1].var(axis=0) + 0.1).all()


def test_a_wrong_number_without_weight_is_nothing_to_tell_of():
    net, alone = (go_on(network(DropoutMLPRegressor)) for _ in range(2))
    x, y = np.full((240, 12), 1e30), np.full(240, -1e30)
    x[::2], y[::2] = X, TARGETS[DropoutMLPRegressor]
    net.partial_fit(x, y, sample_weight=np.tile([1.0, 0.0], 120))
    alone.partial_fit(X, TARGETS[DropoutMLPRegressor], sample_weight=np.ones(120))
    for name in ("mean", "scale", "y_mean", "y_scale"):
        of_both = (
            getattr(each._standardizer.standardization(float), name) for each in (net, alone)
        )
        assert_allclose(*of_both, rtol=1e-12)


def test_a_wrong_integer_is_a_number_like_others():
    net = network(DropoutMLPRegressor)
    net.partial_fit(X, Y)
    y = Y.copy()
    y[0] = 10**12
    with pytest.warns(UserWarning, match="Numbers in y are more"):
        net.partial_fit(X, y)
    assert net._standardizer.standardization(float).y_scale < 2 * Y.std()


@pytest.mark.parametrize("form", [np.asarray, csr_array])
@pytest.mark.parametrize("n_at_once", [1, 30])
def test_rare_numbers_may_be_of_any_size(form, n_at_once):
    """As amounts that are mostly zero, or words: the few that there were say little of others."""
    x = X.copy()
    x[:, 0] = 0.0
    x[40, 0], x[41, 0], x[100, 0] = 0.01, 1.0, 5.0
    net = network(batch_size=n_at_once)
    for start in range(0, 120, n_at_once):
        rows = slice(start, start + n_at_once)
        go_on(net, X=form(x[rows]), y=Y[rows])
    scale = net._standardizer.standardization(float).scale[0]
    if n_at_once == 30:
        assert scale == pytest.approx(2.5)  # half of the range
    elif form is csr_array:
        assert scale == pytest.approx(np.sqrt((x[:, 0] ** 2).mean()))
    else:
        assert scale == pytest.approx(x[:, 0].std())


def test_a_column_is_called_by_its_name():
    frame = pd.DataFrame(X, columns=[f"feature {i}" for i in range(12)])
    net = go_on(network(), X=frame)
    with pytest.warns(UserWarning, match="'feature 3' of X are more than"):
        go_on(net, X=frame.assign(**{"feature 3": 1e9}))


@over_estimators
@pytest.mark.parametrize("cv", [None, 3])
def test_a_warm_start_is_told_of_columns_that_are_wildly_wider(estimator, cv):
    net = network(estimator, cv=cv, warm_start=True, max_iter=20).fit(X, TARGETS[estimator])
    at_mean = X[:5].copy()
    at_mean[:, 2] = X[:, 2].mean()
    before = net._raw_predict(at_mean)
    x = X.copy()
    x[0, 2] = 1e9
    rest = {"learning_rate_init": 1e-13, "max_iter": 1, "weight_decay": 0.0}
    with pytest.warns(UserWarning, match="deviation of column 2 of X is more than 1000 times"):
        net.set_params(**rest).fit(x, TARGETS[estimator])
    if cv is None:  # else all is scaled anew
        assert_allclose(net._raw_predict(at_mean), before, rtol=1e-5, atol=1e-6)
    inside = [
        np.abs(m._network.weights[0][2]).max() * 1e9 for m in getattr(net, "estimators_", [net])
    ]
    assert max(inside) < 100


def test_class_weights_may_not_leave_nothing():
    net = network(DropoutMLPClassifier, class_weight={0: 0.0})
    of_class_0 = np.flatnonzero(Y == 0)
    with pytest.raises(ValueError, match="class_weight leave no sample"):
        go_on(net, X=X[of_class_0], y=Y[of_class_0])


def test_history_tells_the_rate_of_each_layer_in_every_epoch():
    net = DropoutMLPClassifier(
        (8, 6), dropout_rate=(0.5, 0.25), dropout_schedule="late", max_iter=4
    )
    assert net.fit(X, Y).history_["dropout_rate"] == [(0, 0)] * 2 + [(0.5, 0.25)] * 2


@over_estimators
def test_a_stream_has_no_end_to_anneal_for(estimator):
    """By default the learning rate falls to zero in `fit` and stays in `partial_fit`."""
    net = estimator(hidden_layer_sizes=(5,), max_iter=4, cv=None, random_state=0)
    assert net.get_params()["learning_rate"] == "auto"
    called, fitted = go_on(clone(net), 6), clone(net).fit(X, TARGETS[estimator])
    assert called.history_["learning_rate"] == [net.learning_rate_init] * 6
    cosine = clone(net).set_params(learning_rate="cosine").fit(X, TARGETS[estimator])
    assert fitted.history_ == cosine.history_
    assert fitted.history_["learning_rate"][-1] < 0.001


@over_estimators
def test_an_interrupted_call_is_as_if_it_had_not_been(estimator):
    net = network(estimator, solver=Interrupted(), batch_size=15)  # eight steps an epoch
    go_on(net)
    before, attributes = parameters(net), set(vars(net))
    with pytest.raises(KeyboardInterrupt):
        go_on(net)
    assert_unchanged(net, before, attributes)


def test_what_an_optimizer_remembers_is_not_called_weights():
    class Overflowing(Optimizer):
        slots = ("a",)

        def update(self, p, g, a, *, tmp, t, lr):
            a.fill(np.inf)

    with pytest.raises(ValueError, match=r"non-finite running averages of the gradients.*epoch 1"):
        go_on(network(solver=Overflowing()))


def test_an_optimizer_with_other_slots_starts_afresh():
    def optimizer(names):
        class Mine(Optimizer):
            slots = names

            def update(self, p, g, *slots, tmp, t, lr):
                p -= lr * g

        return Mine()

    net = go_on(network(solver=optimizer(("a",))))
    net.set_params(solver=optimizer(("a", "b")))
    assert np.isfinite(go_on(net).loss_)
