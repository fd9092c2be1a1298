"""A validation set of one's own: seen in the history, stopped by, checked, and in a pipeline."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, r2_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ALL, LABELS = make_classification(200, 12, n_informative=6, n_classes=3, flip_y=0.2, random_state=0)
X, X_VAL, Y, Y_VAL = ALL[:140], ALL[140:], LABELS[:140], LABELS[140:]
NUMBERS = LABELS + ALL[:, 0] + np.random.default_rng(0).normal(size=200)
TARGETS = {
    DropoutMLPClassifier: (Y, Y_VAL),
    DropoutMLPRegressor: (NUMBERS[:140], NUMBERS[140:]),
}
SCORES = {DropoutMLPClassifier: accuracy_score, DropoutMLPRegressor: r2_score}
NAMES = ["loss", "data_loss", "penalty", "training_score"]
NAMES += ["learning_rate", "dropout_rate", "input_dropout_rate"]
NAMES_OF_VALIDATION = ["validation_loss", "validation_score"]
over_estimators = pytest.mark.parametrize("estimator", TARGETS)


def network(estimator=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "max_iter": 25}
    defaults |= {"learning_rate": "constant", "batch_size": 40, "random_state": 0, "cv": None}
    return estimator(**{**defaults, **arguments})


def fit(net, **more):
    y, y_val = TARGETS[type(net)]
    return net.fit(X, y, **{"X_val": X_VAL, "y_val": y_val, **more})


def loss_of(net, x, y, weight=None):
    """The loss of a network, for numbers that are standardised by those of the training."""
    if isinstance(net, DropoutMLPRegressor):
        of_numbers = mean_squared_error(y, net.predict(x), sample_weight=weight) / 2
        return of_numbers / NUMBERS[:140].var()
    return log_loss(y, net.predict_proba(x), sample_weight=weight)


def best_epoch(net):
    """The number of the epoch that is kept, if the loss decides."""
    return int(np.argmin(net.history_["validation_loss"]))


# the history


@over_estimators
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("learning_rate", ["auto", "constant", "cosine"])
def test_history_of_a_validation(estimator, weighted, learning_rate):
    """The entries of the best epoch are loss and score of the network that is kept."""
    weight = np.random.default_rng(0).uniform(0.2, 2, 60) if weighted else None
    _, y_val = TARGETS[estimator]
    net = network(estimator, learning_rate=learning_rate, tol=0)
    net = fit(net, sample_weight_val=weight)
    best = best_epoch(net)
    assert list(net.history_) == NAMES + NAMES_OF_VALIDATION
    assert {len(values) for values in net.history_.values()} == {net.n_iter_}
    loss = loss_of(net, X_VAL, y_val, weight)
    assert net.history_["validation_loss"][best] == pytest.approx(loss)
    expected = SCORES[estimator](y_val, net.predict(X_VAL), sample_weight=weight)
    assert net.validation_scores_[best] == pytest.approx(expected)
    assert net.best_validation_score_ == max(net.validation_scores_)
    assert net.best_loss_ is None


@over_estimators
def test_a_validation_does_not_change_the_epochs(estimator):
    y, _ = TARGETS[estimator]
    net = fit(network(estimator, n_iter_no_change=np.inf))
    alone = network(estimator, n_iter_no_change=np.inf).fit(X, y)
    assert net.loss_curve_ == alone.loss_curve_
    assert alone.best_loss_ == min(net.loss_curve_)
    assert list(alone.history_) == NAMES


@over_estimators
def test_a_validation_set_decides_even_without_early_stopping(estimator):
    stopped, not_stopped = (
        fit(network(estimator, early_stopping=early_stopping, max_iter=500))
        for early_stopping in (True, False)
    )
    assert best_epoch(stopped) < stopped.n_iter_ < 500
    assert stopped.history_ == not_stopped.history_
    assert_array_equal(stopped.coefs_[0], not_stopped.coefs_[0])


@over_estimators
@pytest.mark.parametrize("early_stopping", [False, True])
def test_all_of_x_is_trained_on(estimator, early_stopping):
    net = fit(network(estimator, early_stopping=early_stopping))
    assert net.t_ == 140 * net.n_iter_
    split = network(estimator, early_stopping=early_stopping).fit(X, TARGETS[estimator][0])
    assert split.t_ == (126 if early_stopping else 140) * split.n_iter_


def test_weights_of_validation_alone_do_not_reach_the_training():
    weight = np.where(Y_VAL == 0, 5.0, 0.1)
    plain, weighted = fit(network()), fit(network(), sample_weight_val=weight)
    assert_array_equal(plain.coefs_[0], weighted.coefs_[0])
    assert plain.history_["validation_loss"] != weighted.history_["validation_loss"]


def test_rows_without_weight_are_left_out():
    weight = (np.arange(60) < 40).astype(float)
    weighted = fit(network(), sample_weight_val=weight)
    short = fit(network(), X_val=X_VAL[:40], y_val=Y_VAL[:40])
    assert_allclose(weighted.history_["validation_loss"], short.history_["validation_loss"])
    assert_allclose(weighted.validation_scores_, short.validation_scores_)


def test_class_weights_count_in_the_loss():
    of_class = {0: 1.0, 1: 4.0, 2: 0.5}
    net = fit(network(class_weight=of_class))
    weight = np.array([of_class[k] for k in Y_VAL])
    assert min(net.history_["validation_loss"]) == pytest.approx(loss_of(net, X_VAL, Y_VAL, weight))


def test_balanced_classes_weigh_in_a_validation_what_they_weigh_in_the_training():
    few = np.flatnonzero((Y_VAL != 1) | (np.arange(60) < 20))
    net = fit(network(class_weight="balanced"), X_val=X_VAL[few], y_val=Y_VAL[few])
    weight = compute_class_weight("balanced", classes=np.arange(3), y=Y)[Y_VAL[few]]
    expected = loss_of(net, X_VAL[few], Y_VAL[few], weight)
    assert min(net.history_["validation_loss"]) == pytest.approx(expected)


def test_balanced_labels_weigh_in_a_validation_what_they_weigh_in_the_training():
    x, y = make_multilabel_classification(200, 12, n_classes=2, random_state=0)
    net = network(class_weight="balanced").fit(x[:140], y[:140], X_val=x[140:], y_val=y[140:])
    columns = zip(y[:140].T, y[140:].T, strict=True)
    weights = [compute_class_weight("balanced", classes=np.arange(2), y=a)[b] for a, b in columns]
    p, y_val = net.predict_proba(x[140:]), y[140:]
    of_rows = -np.log(np.where(y_val == 1, p, 1 - p)).sum(axis=1)
    expected = np.average(of_rows, weights=np.prod(weights, axis=0))
    assert min(net.history_["validation_loss"]) == pytest.approx(expected)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_validation_needs_a_class_of_some_weight(early_stopping):
    net = network(class_weight={2: 0}, early_stopping=early_stopping, scoring="loss")
    with pytest.raises(ValueError, match=r"class_weight=.* leaves no validation sample"):
        fit(net, X_val=X_VAL[Y_VAL == 2], y_val=Y_VAL[Y_VAL == 2])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_predictions_too_large_for_a_scorer_do_not_end_the_training(early_stopping):
    """The mean of a Poisson loss, exp(z), is infinite where z is not."""
    arguments = {"loss": "poisson", "early_stopping": early_stopping, "learning_rate_init": 1e-3}
    net = network(DropoutMLPRegressor, **arguments)
    far, counts = X_VAL.copy(), Y
    far[:20] *= 1e5
    net.fit(X, counts, X_val=far, y_val=Y_VAL)
    assert net.n_iter_ == 25 or early_stopping
    assert np.isnan(net.validation_scores_).any()
    assert np.isfinite(net.coefs_[0]).all()


def test_a_class_may_be_missing_and_labels_may_be_many():
    few = Y_VAL < 2
    assert len(fit(network(), X_val=X_VAL[few], y_val=Y_VAL[few]).validation_scores_) == 25
    one = fit(network(), X_val=X_VAL[:1], y_val=Y_VAL[:1])
    assert set(one.validation_scores_) <= {0.0, 1.0}
    x, y = make_multilabel_classification(200, 12, n_classes=4, random_state=0)
    net = network().fit(x[:140], y[:140], X_val=x[140:], y_val=y[140:])
    score = accuracy_score(y[140:], net.predict(x[140:]))
    assert net.validation_scores_[best_epoch(net)] == score


# early stopping


@over_estimators
@pytest.mark.parametrize("scoring", [None, "loss", "by name"])
def test_early_stopping_goes_back_to_the_best_epoch(estimator, scoring):
    by_score = scoring == "by name"
    if by_score:
        scoring = {DropoutMLPClassifier: "neg_log_loss", DropoutMLPRegressor: "r2"}[estimator]
    net = fit(network(estimator, early_stopping=True, scoring=scoring, max_iter=500))
    y_val = TARGETS[estimator][1]
    assert 11 < net.n_iter_ < 500
    assert net.best_loss_ is None
    assert net.best_validation_score_ == max(net.validation_scores_)
    best = int(np.argmax(net.validation_scores_)) if by_score else best_epoch(net)
    assert loss_of(net, X_VAL, y_val) == pytest.approx(net.history_["validation_loss"][best])
    assert loss_of(net, X_VAL, y_val) != pytest.approx(net.history_["validation_loss"][-1])
    if scoring is None:
        score = SCORES[estimator](y_val, net.predict(X_VAL))
        assert score == pytest.approx(net.validation_scores_[best], rel=1e-12)


@over_estimators
@pytest.mark.parametrize("learning_rate", ["auto", "constant"])
@pytest.mark.parametrize("data", ["X_val", "folds"])
def test_the_best_epoch_is_where_a_shorter_training_ends(estimator, learning_rate, data):
    net = network(estimator, max_iter=500, learning_rate=learning_rate, batch_size=20)
    if data == "folds":
        net.set_params(cv=3).fit(X, TARGETS[estimator][0])
    else:
        fit(net)
    n_best = best_epoch(net) + 1
    assert n_best < net.n_iter_ < 500
    short = clone(net).set_params(max_iter=n_best)
    short = short.fit(X, TARGETS[estimator][0]) if data == "folds" else fit(short)
    assert short.history_["validation_loss"] == net.history_["validation_loss"][:n_best]
    assert_array_equal(short.predict(X), net.predict(X))


def test_validation_fraction_does_not_count():
    first = fit(network(early_stopping=True))
    second = fit(network(early_stopping=True, validation_fraction=0.5))
    assert_array_equal(first.coefs_[0], second.coefs_[0])


def test_a_single_row_of_numbers_has_a_loss_and_no_score():
    net = network(DropoutMLPRegressor, max_iter=3)
    fit(net, X_val=X_VAL[:1], y_val=NUMBERS[140:141])
    assert np.isfinite(net.history_["validation_loss"]).all()
    assert np.isnan(net.history_["validation_score"]).all()


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, pd.DataFrame])
def test_the_scorer_sees_the_validation_set(early_stopping, form):
    seen = []

    def scorer(estimator, X, y, sample_weight=None):
        seen.append((X, y, sample_weight))
        return accuracy_score(y, estimator.predict(X))

    weight = np.linspace(1, 2, 60)
    net = network(scoring=scorer, early_stopping=early_stopping)
    net.fit(form(X), Y, X_val=form(X_VAL), y_val=Y_VAL)
    net.fit(form(X), Y, X_val=form(X_VAL), y_val=Y_VAL, sample_weight_val=weight)
    for x, y, _ in seen:
        assert_array_equal(x.toarray() if sparse.issparse(x) else x, X_VAL)
        assert_array_equal(y, Y_VAL)
    assert seen[0][2] is None
    assert_array_equal(seen[-1][2], weight)
    assert sum(weights is None for *_, weights in seen) == len(seen) / 2 == net.n_iter_


# what is refused

NAN = X_VAL.copy()
NAN[3, 3] = np.nan
BAD = {
    "no y_val": ({"y_val": None}, "X_val and y_val must be given together"),
    "no X_val": ({"X_val": None}, "X_val and y_val must be given together"),
    "weights alone": (
        {"X_val": None, "y_val": None, "sample_weight_val": np.ones(60)},
        "sample_weight_val goes with X_val and y_val",
    ),
    "features": ({"X_val": X_VAL[:, :5]}, "X_val has 5 features, but X has 12"),
    "NaN": ({"X_val": NAN}, "Input X_val contains NaN"),
    "length": (
        {"X_val": X_VAL[:-1]},
        "X_val and y_val must have .*, got 59 and 60",
    ),
    "no rows": ({"X_val": X_VAL[:0], "y_val": Y_VAL[:0]}, "0 sample"),
    "weights": ({"sample_weight_val": -np.ones(60)}, "sample_weight_val must not be negative"),
    "few weights": ({"sample_weight_val": np.ones(5)}, "sample_weight_val must be one number"),
    "no weights": ({"sample_weight_val": np.zeros(60)}, "sample_weight_val must hold at least"),
}


@over_estimators
@pytest.mark.parametrize("name", BAD)
def test_bad_validation_sets_are_refused_and_harm_nothing(estimator, name, monkeypatch):
    more, message = BAD[name]
    fitted = network(estimator, max_iter=3).fit(X, TARGETS[estimator][0])
    before, attributes = fitted.predict(X), set(vars(fitted))
    monkeypatch.setattr(
        "skdropout._estimators.fitting.Training", None
    )  # nothing must come that far
    for net in (fitted, network(estimator)):
        with pytest.raises(ValueError, match=message):
            fit(net, **more)
    assert set(vars(fitted)) == attributes
    assert_array_equal(fitted.predict(X), before)


@pytest.mark.parametrize("y_val", [Y_VAL + 1, np.full(60, 7)])
def test_unknown_classes_are_refused(y_val):
    with pytest.raises(ValueError, match=rf"`y_val` has classes not in .*\[{y_val.max()}\]"):
        fit(network(), y_val=y_val)


def test_labels_of_another_form_are_refused():
    with pytest.raises(ValueError, match="y_val must have the form of the first y"):
        fit(network(), y_val=np.eye(3, dtype=int)[Y_VAL])


@pytest.mark.parametrize("scoring", [None, "loss"])
@pytest.mark.parametrize("n_outputs", [(1, 2), (2, 1), (2, 3)])
def test_another_number_of_outputs_is_refused(n_outputs, scoring, monkeypatch):
    y, y_val = (
        np.repeat(values[:, None], n, axis=1) if n > 1 else values
        for values, n in zip((Y, Y_VAL), n_outputs, strict=True)
    )
    monkeypatch.setattr(
        "skdropout._estimators.fitting.Training", None
    )  # nothing must come that far
    with pytest.raises(ValueError, match="output"):
        network(DropoutMLPRegressor, scoring=scoring).fit(X, y, X_val=X_VAL, y_val=y_val)


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="not negative, got -3"):
        network(DropoutMLPRegressor, loss="poisson").fit(X, Y, X_val=X_VAL, y_val=-Y_VAL - 1)


def test_feature_names_are_checked():
    columns = [f"x{i}" for i in range(12)]
    frame, frame_val = pd.DataFrame(X, columns=columns), pd.DataFrame(X_VAL, columns=columns)
    named = network().fit(frame, Y, X_val=frame_val, y_val=Y_VAL)
    assert_array_equal(named.feature_names_in_, columns)
    assert named.validation_scores_ == fit(network()).validation_scores_
    for other in (frame_val[columns[::-1]], frame_val.rename(columns={"x3": "z"})):
        with pytest.raises(ValueError, match="feature names should match"):
            network().fit(frame, Y, X_val=other, y_val=Y_VAL)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        network().fit(frame, Y, X_val=X_VAL, y_val=Y_VAL)


@over_estimators
def test_types_follow_the_training_data(estimator):
    y, y_val = TARGETS[estimator]
    single = network(estimator).fit(X.astype(np.float32), y, X_val=X_VAL, y_val=y_val)
    assert {W.dtype for W in single.coefs_} == {np.dtype(np.float32)}
    double = network(estimator).fit(X, y, X_val=X_VAL.astype(np.float32), y_val=y_val)
    assert {W.dtype for W in double.coefs_} == {np.dtype(np.float64)}
    losses = [net.history_["validation_loss"] for net in (single, double)]
    assert_allclose(*losses, rtol=1e-2)


@over_estimators
def test_lbfgs_knows_no_validation_set(estimator):
    with pytest.raises(ValueError, match=r"solver='lbfgs' .* X_val"):
        fit(network(estimator, solver="lbfgs", dropout_rate=0))


@over_estimators
def test_a_scorer_may_copy_the_network_from_the_first_epoch_on(estimator):
    n_epochs = []

    def score(net, X, y):
        shallow = copy.copy(net).set_params(scoring=None)  # a local function has no pickle
        for other in (shallow, copy.deepcopy(net), pickle.loads(pickle.dumps(shallow))):
            assert_array_equal(other.predict(X), net.predict(X))
            n_epochs.append(len(other.loss_curve_))
        return net.score(X, y)

    name = "accuracy" if estimator is DropoutMLPClassifier else "r2"
    net, plain = (fit(network(estimator, scoring=scoring)) for scoring in (score, name))
    assert n_epochs == [i for i in range(net.n_iter_) for _ in range(3)]
    assert_allclose(net.validation_scores_, plain.validation_scores_, rtol=1e-9)
    assert net.loss_curve_ == plain.loss_curve_


@over_estimators
@pytest.mark.parametrize("scoring", [None, "loss", "by name", "by hand"])
def test_folds_are_judged_together(estimator, scoring):
    """By the predictions for all rows, each by the network that has not seen it."""
    y, _ = TARGETS[estimator]
    score = SCORES[estimator]
    name = {DropoutMLPClassifier: "accuracy", DropoutMLPRegressor: "r2"}[estimator]
    seen = []

    def by_hand(net, X, y):
        seen.append((X, y))
        return score(y, net.predict(X))

    scoring = {"by name": name, "by hand": by_hand}.get(scoring, scoring)
    net = network(estimator, cv=3, scoring=scoring, n_iter_no_change=np.inf).fit(X, y)
    losses = net.history_["validation_loss"]
    if estimator is DropoutMLPClassifier:
        p = net.oof_decision_function_
        loss = log_loss(y, p)
        of_scores = score(y, net.classes_[p.argmax(axis=1)])
    else:
        loss = mean_squared_error(y, net.oof_prediction_) / 2 / y.var()
        of_scores = score(y, net.oof_prediction_)
    if scoring in (None, "loss"):
        best = best_epoch(net)
        assert net.oof_score_ == pytest.approx(-loss if scoring else of_scores)
    else:
        best = int(np.argmax(net.validation_scores_))
        assert net.oof_score_ == pytest.approx(of_scores) == net.validation_scores_[best]
    assert losses[best] == pytest.approx(loss)
    for rows, targets in seen:
        assert_array_equal(rows, X)
        assert_array_equal(targets, y)


def test_warm_start_with_and_without():
    net = fit(network(warm_start=True, max_iter=3)).fit(X, Y)
    assert {len(values) for values in net.history_.values()} == {6}
    assert np.isnan(net.validation_scores_[3:]).all()
    assert net.best_validation_score_ == max(net.validation_scores_[:3])
    late = fit(network(warm_start=True, max_iter=3).fit(X, Y))
    assert np.isnan(late.validation_scores_[:3]).all()
    assert np.isfinite(late.validation_scores_[3:]).all()


# in a pipeline


@over_estimators
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_pipeline_transforms_the_validation_set(estimator, early_stopping):
    y, y_val = TARGETS[estimator]
    scales = np.logspace(-2, 2, 12)
    net = network(estimator, early_stopping=early_stopping)
    with sklearn.config_context(enable_metadata_routing=True):
        last = clone(net).set_fit_request(X_val=True, y_val=True)
        model = Pipeline([("scale", StandardScaler()), ("net", last)], transform_input=["X_val"])
        model.fit(X * scales + 7, y, X_val=X_VAL * scales + 7, y_val=y_val)
    scaler = StandardScaler().fit(X)
    by_hand = net.fit(scaler.transform(X), y, X_val=scaler.transform(X_VAL), y_val=y_val)
    assert_allclose(
        model[-1].history_["validation_loss"], by_hand.history_["validation_loss"], rtol=1e-6
    )
    assert_allclose(model[-1].coefs_[0], by_hand.coefs_[0], atol=1e-6)
