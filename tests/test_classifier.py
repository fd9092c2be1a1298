"""The classifier as its users meet it: labels, weights, stopping, bad data, copies, randomness."""

import copy
import io
import pickle
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest
import reference
from interruption import Interrupted
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.metrics import accuracy_score, get_scorer, log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier
from skdropout.datasets import make_spirals
from skdropout.optimizers import Adam
from skdropout.schedules import Schedule

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(120, n_features=12, n_informative=6, weights=[0.7], random_state=0)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = StandardScaler().fit_transform(X_IRIS)
X_LABELS, Y_LABELS = make_multilabel_classification(150, 10, n_classes=4, random_state=0)
X_LABELS = StandardScaler().fit_transform(X_LABELS)

KINDS = {
    "binary": (X_IRIS, Y_IRIS > 0),
    "multiclass": (X_IRIS, Y_IRIS),
    "multilabel": (X_LABELS, Y_LABELS),
}


def network(**arguments):
    defaults = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.01, "max_iter": 60}
    defaults |= {"dropout_rate": 0.2, "learning_rate": "constant", "n_iter_no_change": 10}
    defaults |= {"cv": None}
    return DropoutMLPClassifier(**{**defaults, "random_state": 0, **arguments})


# targets


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["a", "b", "c"]),
        np.array(["a", "bb", "c"], dtype=object),
        np.array([-1, 5, 7]),
        np.array([0.0, 1.0, 4.0]),
        pd.Categorical(["x", "y", "z"]),
    ],
    ids=["str", "object", "int", "whole float", "categorical"],
)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("cv", [None, 3], ids=["", "ensemble"])
def test_labels_of_any_type(labels, n_classes, cv):
    rows = n_classes > Y_IRIS
    y = labels[Y_IRIS[rows]]
    clf = network(cv=cv).fit(X_IRIS[rows], y)
    assert_array_equal(clf.classes_, np.unique(np.asarray(y)))
    assert clf.predict(X_IRIS[rows]).dtype == clf.classes_.dtype
    assert clf.score(X_IRIS[rows], np.asarray(y)) > 0.9
    assert clf.n_outputs_ == (1 if n_classes == 2 else 3)
    assert clf.out_activation_ == ("logistic" if n_classes == 2 else "softmax")


def test_booleans():
    assert network().fit(X, Y > 0).predict(X).dtype == bool


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, lambda y: y.astype(bool)])
@pytest.mark.parametrize("cv", [None, 3], ids=["", "ensemble"])
def test_many_labels(form, cv):
    clf = network(max_iter=200, cv=cv).fit(X_LABELS, form(Y_LABELS))
    predicted = clf.predict(X_LABELS)
    assert predicted.shape == Y_LABELS.shape
    assert predicted.dtype.kind == "i"
    assert (predicted == Y_LABELS).mean() > 0.8
    assert_array_equal(predicted, clf.predict_proba(X_LABELS) > 0.5)
    assert_array_equal(clf.classes_, np.arange(4))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cv", [None, 3], ids=["", "ensemble"])
def test_predictions_fit_together(kind, dtype, cv):
    X, y = KINDS[kind]
    clf = network(cv=cv).fit(X.astype(dtype), y)
    z, p = clf.decision_function(X.astype(dtype)), clf.predict_proba(X.astype(dtype))
    log_p = clf.predict_log_proba(X.astype(dtype))
    assert {z.dtype, p.dtype, log_p.dtype} == {np.dtype(dtype)}
    assert_allclose(log_p, np.log(p), rtol=1e-5, atol=1e-6)
    if kind == "binary":
        assert z.shape == (len(X),)
        assert_allclose(z, np.log(p[:, 1] / p[:, 0]), rtol=1e-4, atol=1e-5)
    if kind != "multilabel":
        assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
        assert_array_equal(clf.predict(X), clf.classes_[p.argmax(axis=1)])


@pytest.mark.parametrize("y", [Y, Y_IRIS[:120]], ids=["binary", "multiclass"])
def test_log_proba_is_finite_on_saturated_networks(y):
    clf = network().fit(X, y)
    clf.coefs_[-1] *= 1e6
    log_p = clf.predict_log_proba(X)
    assert np.isfinite(log_p).all()
    assert log_p.min() < -1000
    assert (clf.predict_proba(X) >= 0).all()


def test_float32_and_float64_tell_the_same():
    double = network(max_iter=20).fit(X, Y)
    single = network(max_iter=20).fit(X.astype(np.float32), Y)
    assert {W.dtype for W in single.coefs_ + single.intercepts_} == {np.dtype(np.float32)}
    assert_allclose(single.predict_proba(X), double.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.longdouble])
def test_other_types_become_float64(dtype):
    clf = network().fit((10 * X).astype(dtype), Y)
    assert {W.dtype for W in clf.coefs_} == {np.dtype(np.float64)}


def test_no_hidden_layer_is_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    clf = network(
        hidden_layer_sizes=(),
        alpha=1.0,
        weight_decay=0,
        learning_rate_init=0.1,
        learning_rate="cosine",
        batch_size=len(X),
        max_iter=999,
        standardize=False,
    ).fit(X, Y)
    theirs = LogisticRegression(C=1.0, tol=1e-10).fit(X, Y)
    assert_allclose(clf.coefs_[0].T, theirs.coef_, atol=1e-4)


# weights


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_repetitions(kind):
    X, y = KINDS[kind]
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    clf = network(dropout_rate=0.5, input_dropout_rate=0.2)
    weighted = clone(clf).set_params(batch_size=np.count_nonzero(weight)).fit(X, y, weight)
    repeated = clone(clf).set_params(batch_size=weight.sum())
    repeated.fit(X.repeat(weight, axis=0), y.repeat(weight, axis=0))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-9)
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, atol=1e-9)
    assert weighted.t_ == repeated.t_


def test_equal_weights_are_no_weights():
    clf = network(batch_size=32, standardize=False)
    assert_array_equal(
        clone(clf).fit(X, Y, sample_weight=np.ones(len(X))).coefs_[0],
        clone(clf).fit(X, Y).coefs_[0],
    )


def test_balanced_classes_have_the_same_sum():
    clf = network(class_weight="balanced", batch_size=32)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    sums = np.bincount(Y, weights=weight)
    by_hand = {0: weight.sum() / (2 * sums[0]), 1: weight.sum() / (2 * sums[1])}
    assert_allclose(
        clone(clf).fit(X, Y, weight).predict_proba(X),
        clone(clf).set_params(class_weight=by_hand).fit(X, Y, weight).predict_proba(X),
    )


def test_class_weights_are_sample_weights():
    """But for what `X` is standardised by, which is the same for any class weights."""
    clf = network(standardize=False)
    assert_allclose(
        clone(clf).set_params(class_weight={0: 1, 1: 3}).fit(X, Y).predict_proba(X),
        clf.fit(X, Y, sample_weight=np.where(Y == 1, 3, 1)).predict_proba(X),
    )


def test_no_class_weights_are_ones():
    assert_array_equal(
        network(class_weight={}).fit(X, Y).predict_proba(X), network().fit(X, Y).predict_proba(X)
    )


def test_class_weights_of_many_labels_multiply():
    weights = [{0: 1, 1: 2}, {0: 1, 1: 1}, {0: 3, 1: 1}, {0: 1, 1: 1}]
    by_hand = np.where(Y_LABELS[:, 0], 2.0, 1.0) * np.where(Y_LABELS[:, 2], 1.0, 3.0)
    clf = network(standardize=False)
    assert_allclose(
        clone(clf).set_params(class_weight=weights).fit(X_LABELS, Y_LABELS).predict_proba(X_LABELS),
        clf.fit(X_LABELS, Y_LABELS, by_hand).predict_proba(X_LABELS),
    )


@pytest.mark.parametrize(
    "solver, decay",
    [("adam", 0.2), ("nadam", 0.2), ("amsgrad", 0.2), (Adam(beta_2=0.9), 0.2), ("rmsprop", 0)],
)
def test_automatic_weight_decay_is_that_of_adam(solver, decay):
    automatic = network(solver=solver, weight_decay="auto").fit(X, Y)
    by_hand = network(solver=solver, weight_decay=decay).fit(X, Y)
    other = network(solver=solver, weight_decay=decay + 0.1).fit(X, Y)
    assert_array_equal(automatic.coefs_[0], by_hand.coefs_[0])
    assert (automatic.coefs_[0] != other.coefs_[0]).any()


def test_automatic_weight_decay_changes_no_sign_at_any_learning_rate():
    automatic = network(weight_decay="auto", learning_rate_init=10, max_iter=2).fit(X, Y)
    by_hand = network(weight_decay=0.1, learning_rate_init=10, max_iter=2).fit(X, Y)
    assert_array_equal(automatic.coefs_[0], by_hand.coefs_[0])


def test_lbfgs_has_no_automatic_weight_decay():
    network(solver="lbfgs", dropout_rate=0, weight_decay="auto").fit(X, Y)
    with pytest.raises(ValueError, match="does not know weight_decay"):
        network(solver="lbfgs", dropout_rate=0, weight_decay=0.2).fit(X, Y)


@pytest.mark.parametrize("sample_weight", [None, np.full(len(Y), 1e30, np.float32)])
def test_class_weights_whose_product_is_too_large(sample_weight):
    clf = network(class_weight={0: 1e38, 1: 1e38})
    with pytest.raises(ValueError, match=r"class_weight=.* sum is too large for float32"):
        clf.fit(X.astype(np.float32), Y, sample_weight)


def test_a_hold_out_may_leave_a_single_class():
    y = np.zeros(len(X), int)
    y[:2] = 1  # two of them, both held out
    clf = network(early_stopping=True, validation_fraction=0.9).fit(X, y)
    assert_array_equal(clf.classes_, [0, 1])
    assert np.isfinite(clf.predict_proba(X)).all()


def test_a_hold_out_may_not_leave_nothing():
    labels = np.zeros((len(X), 3), int)
    labels[0] = 1  # the only sample with a weight, and held out
    clf = network(class_weight=[{0: 0, 1: 1}] * 3, early_stopping=True, validation_fraction=0.9)
    with pytest.raises(ValueError, match="sample_weight and class_weight leave no sample"):
        clf.fit(X, labels)


@pytest.mark.parametrize("arguments", [{}, {"solver": "lbfgs", "dropout_rate": 0}])
def test_weights_of_labels_and_samples_may_not_leave_nothing_together(arguments):
    labels = np.repeat([[1, 1, 1], [0, 0, 0]], len(X) // 2, axis=0)
    clf = network(class_weight=[{0: 0, 1: 1}] * 3, **arguments)
    with pytest.raises(ValueError, match="sample_weight and class_weight leave no sample"):
        clf.fit(X[: len(labels)], labels, labels[:, 0] == 0)


def test_many_labels_need_as_many_class_weights():
    labels = np.eye(3, dtype=int)[np.arange(len(X)) % 3]
    with pytest.raises(ValueError, match="a dict for each of the 3 labels, got 2"):
        network(class_weight=[{0: 1, 1: 2}] * 2).fit(X, labels)


CLASS_WEIGHTS = {
    "binary": {False: 3.0, True: 0.5},
    "multiclass": {0: 3.0, 2: 0.5},  # one for class 1
    "multilabel": [{0: 1, 1: 2}, {0: 0.5, 1: 1}, {0: 3, 1: 1}, {0: 1, 1: 1}],
}


def weights_by_class(kind, class_weight, y, weight):
    """The weight of each row times that of its class, or those of all its labels."""
    of_labels = kind == "multilabel"
    product = weight.copy()
    for i, column in enumerate(y.T if of_labels else [y]):
        for label in np.unique(column):
            there = column == label
            if class_weight == "balanced":
                n_classes = len(np.unique(column))
                product[there] *= weight.sum() / (n_classes * weight[there].sum())
            elif class_weight is not None:
                of_class = class_weight[i] if of_labels else class_weight
                product[there] *= of_class.get(label, 1.0)
    return product


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_balanced_labels_of_any_type(dtype):
    clf = network(class_weight="balanced", max_iter=3)
    expected = clone(clf).fit(X_LABELS, Y_LABELS).predict_proba(X_LABELS)
    fitted = clf.fit(X_LABELS, Y_LABELS.astype(dtype))
    assert_array_equal(fitted.predict_proba(X_LABELS), expected)


WEIGHTINGS = [
    (kind, class_weight, weighted)
    for kind in KINDS
    for class_weight in (None, "by hand", "balanced")
    for weighted in (False, True)
]


@pytest.mark.parametrize("kind, class_weight, weighted", WEIGHTINGS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("batch_norm", [False, True], ids=["", "normalised"])
def test_one_step_equals_the_reference(kind, class_weight, weighted, smoothing, batch_norm):
    """Label smoothing, class weights and sample weights together: the loss and its gradient."""
    X, y = KINDS[kind]
    weight = np.random.default_rng(0).uniform(0.2, 3, len(X)) if weighted else None
    class_weight = CLASS_WEIGHTS[kind] if class_weight == "by hand" else class_weight
    clf = network(
        activation="tanh",
        class_weight=class_weight,
        label_smoothing=smoothing,
        batch_norm=batch_norm,
        alpha=0.3,
        bias_alpha=0.2,
        l1_ratio=0.4,
        dropout_rate=0,
        solver="sgd",
        momentum=0,
        batch_size=len(X),
        max_iter=1,
        standardize=False,
    )
    start = clone(clf).set_params(learning_rate_init=1e-300).fit(X, y, weight)
    after = clone(clf).set_params(learning_rate_init=1.0).fit(X, y, weight)
    indicators = {
        "binary": lambda: y[:, np.newaxis],
        "multiclass": lambda: np.eye(3)[y],
        "multilabel": lambda: y,
    }[kind]()
    weight = np.ones(len(X)) if weight is None else weight
    loss, dWs, dbs, _ = reference.loss_and_gradient(
        start.coefs_,
        [np.zeros_like(b) for b in start.intercepts_],
        X,
        indicators,
        weights_by_class(kind, class_weight, y, weight),
        ("tanh",),
        start.out_activation_,
        [None, None],
        scales=[np.ones(16)] if batch_norm else (),
        alpha=[0.3] * 3,
        l1_ratio=[0.4] * 3,
        bias_alpha=[0.2] * 3,
        smoothing=smoothing,
    )
    assert after.loss_ == pytest.approx(loss, rel=1e-12)
    before = start.coefs_ + start.intercepts_
    moved = [p - q for p, q in zip(before, after.coefs_ + after.intercepts_, strict=True)]
    for found, wanted in zip(moved, dWs + dbs, strict=True):
        assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


# stopping


def test_early_stopping_goes_back_to_the_best_epoch():
    """The restored network scores on the rows held out what the best epoch scored."""
    seen = {}

    def scorer(estimator, X_val, y_val):
        seen["data"] = X_val, y_val
        return -log_loss(y_val, estimator.predict_proba(X_val))

    clf = network(early_stopping=True, scoring=scorer, learning_rate_init=0.1, max_iter=200)
    clf.fit(X, Y)
    assert clf.n_iter_ < 200
    assert len(seen["data"][1]) == 12
    assert scorer(clf, *seen["data"]) == clf.best_validation_score_ == max(clf.validation_scores_)
    assert clf.validation_scores_[-1] < clf.best_validation_score_


@pytest.mark.parametrize("scoring", [None, "loss", "balanced_accuracy", get_scorer("roc_auc")])
def test_scoring(scoring):
    clf = network(early_stopping=True, scoring=scoring, validation_fraction=0.3).fit(X, Y)
    if scoring == "loss":
        losses = clf.history_["validation_loss"]
        assert clf.validation_scores_ == [-loss for loss in losses]
    else:
        assert 0.5 < clf.best_validation_score_ <= 1


def test_scorers_of_frames_do_not_warn_of_feature_names():
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(12)])
    clf = network(early_stopping=True, scoring="accuracy", n_iter_no_change=np.inf).fit(frame, Y)
    assert_array_equal(clf.feature_names_in_, frame.columns)
    named = clone(clf).set_params(scoring=None).fit(frame, Y)
    assert named.validation_scores_ == clf.validation_scores_


def test_the_score_respects_weights():
    seen = []

    def scorer(estimator, X, y, sample_weight):
        seen.append(sample_weight)
        return accuracy_score(y, estimator.predict(X), sample_weight=sample_weight)

    weight = np.where(Y == 1, 2.0, 0.5)
    clf = network(early_stopping=True, scoring=scorer, n_iter_no_change=np.inf).fit(X, Y, weight)
    default = clone(clf).set_params(scoring=None).fit(X, Y, weight)
    assert set(seen[0]) == {2.0, 0.5}
    assert clf.validation_scores_ == default.validation_scores_


@pytest.mark.parametrize(
    "y, fraction, reason",
    [
        (np.zeros(40), 0.02, "too small"),
        (np.r_[np.zeros(20), np.ones(20)], 0.99, "validation_fraction=0.99 of 40 samples"),
    ],
)
def test_a_split_that_cannot_be_made_names_the_fraction(y, fraction, reason):
    clf = network(early_stopping=True, validation_fraction=fraction)
    with pytest.raises(ValueError, match=f"validation_fraction={fraction} of 40") as caught:
        clf.fit(X[:40], y)
    assert reason in str(caught.value)


def test_history_has_an_entry_an_epoch():
    clf = network(early_stopping=True).fit(X, Y)
    names = ["loss", "data_loss", "penalty", "training_score", "learning_rate"]
    names += ["dropout_rate", "input_dropout_rate"]
    of_validation = ["validation_loss", "validation_score"]
    assert list(clf.history_) == names + of_validation
    assert {len(values) for values in clf.history_.values()} == {clf.n_iter_}
    assert clf.history_["loss"] == clf.loss_curve_
    assert list(network().fit(X, Y).history_) == names


@pytest.mark.parametrize(
    "arguments, of_units",
    [
        ({"dropout_rate": 0.3}, 0.3),
        ({"dropout_rate": 0}, 0.0),
        ({"dropout_rate": (0.2, 0.2)}, 0.2),
        ({"dropout_rate": (0.2, 0.0)}, (0.2, 0.0)),
        ({"dropout_rate": 0.3, "hidden_layer_sizes": ()}, 0.0),
    ],
    ids=str,
)
def test_history_has_the_dropout_rates(arguments, of_units):
    sizes = {"hidden_layer_sizes": (6, 5)}
    clf = network(**{**sizes, **arguments}, input_dropout_rate=0.125, max_iter=3).fit(X, Y)
    assert clf.history_["dropout_rate"] == [of_units] * 3
    assert clf.history_["input_dropout_rate"] == [0.125] * 3


def test_history_has_no_dropout_rates_of_lbfgs():
    clf = network(solver="lbfgs", dropout_rate=0, warm_start=True, max_iter=5).fit(X, Y)
    assert "dropout_rate" not in clf.history_
    n_before = len(clf.loss_curve_)
    clf.set_params(solver="adam", dropout_rate=0.5, max_iter=2).fit(X, Y)
    rates = clf.history_["dropout_rate"]
    assert np.isnan(rates[:n_before]).all()
    assert rates[n_before:] == [0.5] * 2


def test_the_loss_holds_cross_entropy_and_penalty():
    clf = network(max_iter=1, dropout_rate=0, alpha=2.0, batch_size=len(X), standardize=False)
    start = clone(clf).set_params(learning_rate_init=1e-12).fit(X, Y)
    penalty = sum(np.square(W).sum() for W in start.coefs_) / len(X)
    expected = log_loss(Y, start.predict_proba(X)) + penalty
    assert_allclose(clf.fit(X, Y).loss_, expected, rtol=1e-6)


def test_verbose_prints_a_line_an_epoch():
    with redirect_stdout(io.StringIO()) as printed:
        clf = network(verbose=True, early_stopping=True, max_iter=3).fit(X, Y)
    lines = printed.getvalue().splitlines()
    assert len(lines) == 3
    for epoch, line in enumerate(lines):
        assert f"Iteration {epoch + 1}, loss = {clf.loss_curve_[epoch]:.8f}" in line
        assert f"validation score = {clf.validation_scores_[epoch]:.6f}" in line
        assert "learning rate = 0.01" in line


def test_verbose_tells_of_no_penalty_and_no_score_where_there_are_none(capsys):
    network(verbose=True, alpha=0, scoring="roc_auc", max_iter=2).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "penalty" not in line
        assert "score" not in line


@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_changes_nothing(early_stopping):
    clf = network(early_stopping=early_stopping)
    silent = clone(clf).fit(X, Y)
    with redirect_stdout(io.StringIO()):
        clf.set_params(verbose=True).fit(X, Y)
    assert clf.history_ == silent.history_
    assert_array_equal(clf.predict_proba(X), silent.predict_proba(X))


def test_silent_by_default(capsys):
    network().fit(X, Y)
    assert capsys.readouterr() == ("", "")


@pytest.mark.filterwarnings("error")
def test_unfinished_training_warns():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
        network(max_iter=2).fit(X, Y)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("schedule", ["cosine", "flat_cosine", "one_cycle"])
def test_an_annealed_training_ends_as_planned(schedule):
    clf = network(learning_rate=schedule, max_iter=40, tol=10).fit(X, Y)
    assert clf.n_iter_ == 40
    assert clf.history_["learning_rate"][-1] < 0.001
    stopped = network(learning_rate=schedule, max_iter=40, tol=10, early_stopping=True).fit(X, Y)
    assert stopped.n_iter_ == 12


def test_adaptive_lowers_the_rate_at_plateaus():
    clf = network(learning_rate="adaptive", tol=10, n_iter_no_change=1, max_iter=200).fit(X, Y)
    rates = clf.history_["learning_rate"]
    assert rates[:3] == [0.01] * 3
    assert rates[3] == pytest.approx(0.002)
    assert rates[-1] < 1e-6 < rates[-3]


def test_batches_larger_than_the_data_are_clipped():
    with pytest.warns(UserWarning, match="batch_size=500, larger than the 120 samples"):
        clipped = network(batch_size=500).fit(X, Y)
    assert_array_equal(clipped.coefs_[0], network(batch_size=120).fit(X, Y).coefs_[0])


def test_interrupt_keeps_the_epochs_done(monkeypatch):
    clf = network()
    calls = []

    def interrupt(self):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return [True]

    monkeypatch.setattr("skdropout._training.engine.Engine.are_finite", interrupt)
    with pytest.warns(UserWarning, match="interrupted by user after 4 epochs"):
        clf.fit(X, Y)
    assert clf.n_iter_ == len(clf.loss_curve_) == 4
    assert clf.t_ == 4 * len(X)


@pytest.mark.parametrize("cv", [None, 3])
def test_interrupting_a_validation_keeps_the_epochs_done(cv):
    calls = []

    def scorer(estimator, X, y):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return estimator.score(X, y)

    clf = network(scoring=scorer, cv=cv, early_stopping=cv is None)
    with pytest.warns(UserWarning, match="interrupted by user after 4 epochs"):
        clf.fit(X, Y)
    assert clf.n_iter_ == len(clf.loss_curve_) == 4
    assert clf.t_ == 4 * (len(X) * 2 if cv else len(X) * 0.9)


# warm start


def test_warm_start_goes_on():
    clf = network(warm_start=True, max_iter=5).fit(X, Y)
    first = copy.deepcopy(clf)
    clf.fit(X, Y)
    assert clf.loss_curve_[0] > clf.loss_curve_[5] > clf.loss_
    assert clf.loss_curve_[:5] == first.loss_curve_
    assert clf.t_ == 2 * first.t_ == 10 * len(X)
    assert clf.n_iter_ == 5
    cold = clone(clf).set_params(warm_start=False).fit(X, Y)
    assert_array_equal(cold.fit(X, Y).coefs_[0], first.coefs_[0])


@pytest.mark.parametrize(
    "change, y, message",
    [
        ({"hidden_layer_sizes": (7,)}, Y, r"layers of \(12, 16, 1\) units.*; got \(12, 7, 1\)"),
        ({"activation": "tanh"}, Y, "activations .*relu.*; got .*tanh"),
        ({"batch_norm": True}, Y, "batch_norm=False .*; got .*, True and True"),
        ({"fit_intercept": False}, Y, "fit_intercept=True; got .*, False and False"),
        ({}, Y + 1, r"same classes .* Previously got \[0 1\], `y` has \[1 2\]"),
    ],
)
def test_warm_start_refuses_another_network(change, y, message):
    clf = network(warm_start=True).fit(X, Y)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match=message):
        clf.set_params(**change).fit(X, y)
    assert_array_equal(clf.predict_proba(X), before)


def test_parameters_are_live():
    clf = network().fit(X, Y)
    clf.coefs_[0][:, 1:] = 0
    assert not clf.coefs_[0][:, 1:].any()
    clf.coefs_[-1] = np.zeros((16, 1))
    clf.intercepts_ = [np.zeros(16), np.ones(1)]
    assert_array_equal(clf.decision_function(X), np.ones(len(X)))
    with pytest.raises(ValueError, match=r"shapes \[\(16, 1\)\], got \[\(1, 16\)\]"):
        clf.coefs_[-1] = np.zeros((1, 16))


# few classes, few samples

ONE_CLASS = {
    "default": {},
    "no penalty": {"alpha": 0, "weight_decay": 0},
    "smoothed": {"label_smoothing": 0.3},
    "weighted": {"class_weight": "balanced"},
    "normalised": {"batch_norm": True},
    "clipped": {"clip_norm": 1.0},
    "sgd": {"solver": "sgd", "learning_rate": "adaptive"},
    "early stopping": {"early_stopping": True},
    "early stopping by loss": {"early_stopping": True, "scoring": "loss"},
    "warm start": {"warm_start": True},
    "lbfgs": {"solver": "lbfgs", "dropout_rate": 0},
    "lbfgs, no penalty": {"solver": "lbfgs", "dropout_rate": 0, "alpha": 0},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "ensemble": {"cv": 3},
    "data as they are": {"standardize": False},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("label", [0, 7, "a", False])
@pytest.mark.parametrize("name", ONE_CLASS)
def test_a_single_class_is_certain(name, label, dtype):
    y, rows = np.full(len(X), label), X.astype(dtype)
    clf = network(**ONE_CLASS[name]).fit(rows, y)
    if clf.warm_start:
        clf.fit(rows, y)
    assert clf.classes_.tolist() == [label]
    assert clf.n_outputs_ == 1
    assert np.isfinite(clf.loss_curve_).all()
    assert all(network.is_finite() for network in clf._networks)
    assert_array_equal(clf.predict(rows), y)
    assert_array_equal(clf.predict_proba(rows), np.ones((len(X), 1), dtype))
    assert_array_equal(clf.predict_log_proba(rows), np.zeros((len(X), 1), dtype))
    assert clf.decision_function(rows).shape == (len(X),)
    assert clf.score(rows, y) == 1
    copied = pickle.loads(pickle.dumps(clf))
    assert_array_equal(copied.predict(rows), y)


def test_draws_of_a_single_class_agree():
    clf = network().fit(X, np.full(len(X), "a"))
    assert_array_equal(clf.predict_proba_samples(X, 5), np.ones((5, len(X), 1)))
    measures = clf.predict_uncertainty(X, 5)
    assert_array_equal(measures.pop("mean_proba"), np.ones((len(X), 1)))
    for values in measures.values():
        assert_array_equal(values, np.zeros(len(X)))


def test_a_single_class_has_no_loss():
    clf = network(alpha=0, weight_decay=0, dropout_rate=0).fit(
        X, np.zeros(len(X)), X_val=X, y_val=Y * 0
    )
    assert set(clf.loss_curve_) == set(clf.history_["validation_loss"]) == {0}
    assert set(clf.validation_scores_) == {1}


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
@pytest.mark.parametrize("by", ["sample_weight", "class_weight"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_class_of_weight_zero_is_still_a_class(kind, by, early_stopping):
    X, Y = KINDS[kind]
    last = np.isin(Y, Y.max())
    weights = {"sample_weight": 1.0 - last} if by == "sample_weight" else {}
    more = {} if by == "sample_weight" else {"class_weight": {Y.max(): 0}}
    clf = network(early_stopping=early_stopping, **more).fit(X, Y, **weights)
    assert_array_equal(clf.classes_, np.unique(Y))
    p = clf.predict_proba(X)
    assert_allclose(p.sum(axis=1), 1)
    assert p[~last, -1].mean() < 0.5
    assert np.isfinite(clf.loss_curve_).all()


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_rows_of_weight_zero_are_left_out_but_for_their_class(class_weight):
    """Their rows change nothing, as other rows of the same classes show."""
    weight = np.where(Y_IRIS == 2, 0.0, 1.0)
    clf = network(class_weight=class_weight)
    expected = clf.fit(X_IRIS, Y_IRIS, weight).predict_proba(X_IRIS)
    few = np.arange(150) <= 100  # one of them is there
    assert_allclose(
        clf.fit(X_IRIS[few], Y_IRIS[few], weight[few]).predict_proba(X_IRIS), expected, rtol=1e-9
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scoring", [None, "loss"])
def test_a_class_of_one_sample_is_trained_on_with_early_stopping(n_classes, scoring):
    y = np.arange(40) % (n_classes - 1)
    y[17] = n_classes - 1
    seen = []

    def scorer(estimator, X, y):
        seen.extend(y)
        return estimator.score(X, y)

    clf = network(early_stopping=True, scoring=scorer).fit(X[:40], y)
    assert_array_equal(np.unique(seen), np.arange(n_classes - 1))
    assert clf.t_ == 36 * clf.n_iter_
    clf = network(early_stopping=True, scoring=scoring, tol=0, max_iter=200).fit(X[:40], y)
    assert_array_equal(clf.classes_, np.arange(n_classes))
    assert np.isfinite(clf.validation_scores_).all()


@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_classes_of_one_sample_each_are_split_at_random():
    y = np.arange(40)
    clf = network(early_stopping=True).fit(X[:40], y)
    assert clf.predict_proba(X).shape == (120, 40)
    assert clf.t_ == 36 * clf.n_iter_


@pytest.mark.parametrize("y", [np.zeros(10), np.r_[np.zeros(9), 1]], ids=["one", "one and a row"])
def test_a_validation_set_of_one_row_is_refused(y):
    with pytest.raises(ValueError, match="set is too small"):
        network(early_stopping=True).fit(X[:10], y)


# bad data

NAN = X.copy()
NAN[3, 3] = np.nan
BAD_DATA = {
    "no columns": ((X[:, 0], Y), {}, "Expected 2D array, got 1D array"),
    "too few targets": ((X, Y[:-1]), {}, "the same number of rows, got 120 and 119"),
    "no rows": ((X[:0], Y[:0]), {}, "0 sample"),
    "NaN": ((NAN, Y), {}, "Input X contains NaN"),
    "infinity": ((np.where(np.isnan(NAN), np.inf, X), Y), {}, "Input X contains infinity"),
    "NaN targets": ((X, np.where(Y, np.nan, 0)), {}, "Input y contains NaN"),
    "complex": ((X * 1j, Y), {}, "Complex data not supported"),
    "text": ((np.full(X.shape, "a"), Y), {}, "could not convert string to float"),
    "continuous": ((X, X[:, 0]), {}, "Unknown label type: continuous"),
    "many classes twice": ((X_IRIS, np.c_[Y_IRIS, Y_IRIS]), {}, "one class a sample or"),
    "labels of -1 and 1": ((X, 2 * np.c_[Y, 1 - Y] - 1), {}, r"0 and 1 alone, got \[-1\]"),
    "labels of 1 and 2": ((X, np.c_[Y, 1 - Y] + 1), {}, r"0 and 1 alone, got \[2\]"),
    "no targets": ((X, None), {}, "requires y to be passed"),
    "negative weights": ((X, Y), {"sample_weight": Y - 0.5}, "sample_weight must not be negative"),
    "short weights": ((X, Y), {"sample_weight": np.ones(5)}, r"each of the 120 samples.*\(5,\)"),
    "square weights": ((X, Y), {"sample_weight": np.ones((120, 2))}, r"sample_weight.*\(120, 2\)"),
    "NaN weights": ((X, Y), {"sample_weight": NAN[:, 3]}, "sample_weight must hold finite numbers"),
    "zero weights": ((X, Y), {"sample_weight": np.zeros(120)}, "sample_weight.*above zero"),
    "complex weights": ((X, Y), {"sample_weight": np.ones(120) * 1j}, "sample_weight .*complex"),
    "large weights": (
        (X.astype(np.float32), Y),
        {"sample_weight": np.full(120, 1e300)},
        r"sample_weight must hold numbers that float32 can hold, got 1e\+300",
    ),
}


@pytest.mark.parametrize("name", BAD_DATA)
@pytest.mark.parametrize("cv", [None, 3], ids=["", "ensemble"])
def test_bad_data_is_refused_and_harms_nothing(name, cv, monkeypatch):
    data, weights, message = BAD_DATA[name]
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(12)])
    fitted = network(cv=cv, max_iter=5).fit(frame, Y)
    before = fitted.predict_proba(frame)
    attributes = set(vars(fitted))
    monkeypatch.setattr(
        "skdropout._estimators.fitting.Training", None
    )  # nothing must come that far
    for clf in (fitted, network(cv=cv)):
        with pytest.raises(ValueError, match=message):
            clf.fit(*data, **weights)
    assert set(vars(fitted)) == attributes
    assert_array_equal(fitted.predict_proba(frame), before)


def test_a_number_as_sample_weight_is_that_of_each_sample():
    clf = network().fit(X, Y, sample_weight=2.0)
    assert_array_equal(clf.coefs_[0], network().fit(X, Y, np.full(120, 2.0)).coefs_[0])


def test_a_column_of_targets_is_taken_with_a_warning():
    with pytest.warns(DataConversionWarning):
        clf = network().fit(X, Y[:, np.newaxis])
    assert_array_equal(clf.coefs_[0], network().fit(X, Y).coefs_[0])


def test_diverging_training_names_epoch_and_rate_and_harms_nothing():
    clf = network(solver="sgd").fit(X, Y)
    before = clf.predict_proba(X)
    clf.set_params(learning_rate_init=1e200, activation="identity")
    with pytest.raises(
        ValueError, match=r"non-finite.* in epoch \d+ at a learning rate of 1e\+200"
    ):
        clf.fit(X, Y)
    assert_array_equal(clf.predict_proba(X), before)


def test_diverging_after_a_good_epoch_goes_back_to_it():
    slowly = {"learning_rate_init": 3, "alpha": 100, "n_iter_no_change": np.inf, "max_iter": 999}
    clf = network(solver="sgd", activation="identity", early_stopping=True, **slowly)
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch \d+ at a learning rate of 3"):
        clf.fit(X, Y)
    assert 1 < clf.n_iter_ < 999
    assert np.isnan(clf.validation_scores_[-1])
    assert np.isfinite(clf.best_validation_score_)
    assert np.isfinite(clf.decision_function(X)).all()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_unfitted_and_misshapen_predictions(method):
    with pytest.raises(NotFittedError):
        getattr(network(), method)(X)
    clf = network(max_iter=2).fit(X, Y)
    with pytest.raises(ValueError, match=r"X has 3 features, but .* expecting 12"):
        getattr(clf, method)(X[:, :3])
    assert len(getattr(clf, method)(X[:1])) == 1


def test_parameters_of_the_unfitted_do_not_exist():
    assert not hasattr(network(), "coefs_")
    assert not hasattr(network(), "intercepts_")


# copies and randomness


@pytest.mark.parametrize(
    "copy_of", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_copies_predict_the_same_and_are_their_own(copy_of):
    clf = network(max_iter=5, warm_start=True).fit(X, Y)
    other = copy_of(clf)
    assert_array_equal(other.predict_proba(X), clf.predict_proba(X))
    other.fit(X, Y)
    assert other.t_ == 2 * clf.t_
    assert_array_equal(clf.fit(X, Y).predict_proba(X), other.predict_proba(X))
    other.coefs_[0][:] = 0
    assert clf.coefs_[0].any()


def test_pickles_hold_little_more_than_the_weights():
    clf = network(hidden_layer_sizes=(300, 300), max_iter=3).fit(X, Y)
    n_bytes = sum(W.nbytes for W in clf.coefs_ + clf.intercepts_)
    assert len(pickle.dumps(clf)) < 1.1 * n_bytes + 20_000


def test_clone_is_unfitted():
    assert not hasattr(clone(network().fit(X, Y)), "classes_")


def test_the_same_seed_gives_the_same_bits():
    first, second = network(dropout="bernoulli").fit(X, Y), network(dropout="bernoulli").fit(X, Y)
    assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    third = network(dropout="bernoulli", random_state=np.random.RandomState(0))
    assert (third.fit(X, Y).predict_proba(X) != third.fit(X, Y).predict_proba(X)).any()


def test_global_random_state_is_left_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    network().fit(X, Y)
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_fit_does_not_change_the_data():
    frozen = X.copy(), Y.copy(), np.ones(120)
    for array in frozen:
        array.setflags(write=False)
    network(early_stopping=True, input_dropout_rate=0.5).fit(*frozen)
    assert_array_equal(frozen[0], X)


def test_grid_search_is_the_same_with_two_jobs():
    pipeline = make_pipeline(StandardScaler(), network(max_iter=10))
    grid = {
        "dropoutmlpclassifier__dropout_rate": [0, 0.2, 0.5],
        "dropoutmlpclassifier__hidden_layer_sizes": [(8,), (8, 8)],
    }
    one, two = (GridSearchCV(pipeline, grid, cv=3, n_jobs=n).fit(X, Y) for n in (1, 2))
    assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
    assert one.best_params_ == two.best_params_
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_frames_in_a_pipeline():
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(12)])
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), network())
    target = pd.Series(Y).map({0: "no", 1: "yes"})
    assert cross_val_score(model, frame, target, cv=3).mean() > 0.7
    assert_array_equal(model.fit(frame, target)[-1].feature_names_in_, frame.columns)


def test_a_scorer_that_knows_no_weights_gets_none_from_class_weights():
    clf = network(early_stopping=True, class_weight="balanced", n_iter_no_change=np.inf)
    plain = clone(clf).fit(X, Y)
    clf.set_params(scoring=lambda e, X, y: e.score(X, y)).fit(X, Y)
    assert clf.validation_scores_ == plain.validation_scores_


def test_a_class_without_weight_does_not_disturb_the_balance():
    clf = network(class_weight="balanced").fit(X_IRIS, Y_IRIS, np.where(Y_IRIS == 2, 0.0, 1.0))
    assert clf.score(X_IRIS[:100], Y_IRIS[:100]) == 1


@pytest.mark.parametrize(
    "weights, error",
    [
        ([{0: -1, 1: 1}] * 4, ValueError),
        ([{0: 0, 1: 0}] * 4, ValueError),
        ({0: 1, 1: 2}, TypeError),
        (3, TypeError),
    ],
)
def test_bad_class_weights_of_many_labels(weights, error):
    with pytest.raises(error, match="class_weight"):
        network(class_weight=weights).fit(X_LABELS, Y_LABELS)


def test_an_interrupted_first_validation_leaves_nothing():
    def scorer(estimator, X, y):
        raise KeyboardInterrupt

    clf = network(early_stopping=True, scoring=scorer)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, Y)
    assert not hasattr(clf, "coefs_")


def test_a_scorer_that_fails_is_named():
    with pytest.raises(ValueError, match="Target is multiclass") as caught:
        network(early_stopping=True, scoring="precision").fit(X_IRIS, Y_IRIS)
    assert "scoring='precision'" in caught.value.__notes__[0]


def test_scores_of_nan_are_refused():
    with pytest.raises(ValueError, match="scoring gives NaN on the 12 validation samples"):
        network(early_stopping=True, scoring=lambda e, X, y: np.nan).fit(X, Y)


def test_class_weights_of_zero_leave_the_validation_alone():
    clf = network(class_weight={0: 0}).fit(X_IRIS, Y_IRIS, X_val=X_IRIS, y_val=Y_IRIS)
    best = np.argmin(clf.history_["validation_loss"])
    assert clf.validation_scores_[best] == clf.score(X_IRIS, Y_IRIS)


@pytest.mark.parametrize("dropout", ["batchwise", "bernoulli"])
@pytest.mark.parametrize("size", [16, 100])
def test_noise_of_dropout_does_not_end_the_training(size, dropout):
    """One batch an epoch: its loss is mostly a matter of which units were dropped."""
    clf = network(hidden_layer_sizes=size, dropout=dropout, dropout_rate=0.5, max_iter=200)
    clf.set_params(learning_rate_init=1e-3).fit(X_IRIS, Y_IRIS)
    assert clf.n_iter_ == 200


def test_warm_starts_judge_scores_afresh():
    clf = network(early_stopping=True, warm_start=True).fit(X, Y)
    before = clf.coefs_[0].copy()
    clf.set_params(scoring="loss", max_iter=5).fit(X, Y)
    assert (clf.coefs_[0] != before).any()
    clf.set_params(early_stopping=False).fit(X, Y)
    assert clf.n_iter_ == 5
    assert clf.best_loss_ == min(clf.loss_curve_)
    assert len({len(values) for values in clf.history_.values()}) == 1


# what it is for


def test_it_learns_spirals():
    X, y = make_spirals(300, 3, noise=0.02, random_state=0)
    clf = network(hidden_layer_sizes=(100, 100), max_iter=300, dropout_rate=0.05, batch_size=32)
    assert clf.fit(X, y).score(*make_spirals(300, 3, noise=0.02, random_state=1)) > 0.95


def test_interrupting_a_training_gone_wild_is_an_error():
    class Jump(Schedule):
        anneals = True

        def __call__(self, progress):
            return 1e200 if progress.epoch else 1.0

    net = DropoutMLPClassifier(
        (5,), solver=Interrupted(), learning_rate=Jump(), batch_size=20, cv=None, random_state=0
    )
    X, y = make_classification(120, random_state=0)
    with pytest.raises(ValueError, match=r"non-finite.* in epoch 2"):
        net.fit(X, y)
    assert not hasattr(net, "coefs_")


@pytest.mark.parametrize(
    "n_rows, expected",
    [(2, 2), (31, 31), (64, 64), (65, 32), (3200, 32), (5000, 50), (30_000, 256)],
)
def test_automatic_batches_are_a_hundredth_of_the_samples(n_rows, expected):
    X, y = np.arange(float(n_rows)).reshape(-1, 1) % 7, np.arange(n_rows) % 2
    auto, given = (
        DropoutMLPClassifier((2,), batch_size=size, max_iter=1, cv=None, random_state=0).fit(X, y)
        for size in ("auto", expected)
    )
    assert_array_equal(auto.coefs_[0], given.coefs_[0])
