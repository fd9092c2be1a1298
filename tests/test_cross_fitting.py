"""Ensembles: networks on complementary folds, judged together by what they have not seen."""

import inspect
import pickle
import warnings
from functools import cache
from itertools import count

import joblib
import numpy as np
import pytest
import sklearn
from cases import Listener
from interruption import Interrupted
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_validate,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._training import parallel
from skdropout.dropout import Batchwise
from skdropout.optimizers import SGD
from skdropout.schedules import Schedule

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, LABELS = make_classification(
    90, 6, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=0
)
BINARY = (LABELS > 0).astype(int)
NUMBERS = X[:, 0] + X[:, 1] ** 2
NEW = np.random.default_rng(1).normal(size=(25, 6))
STILL = {"max_iter": 1, "learning_rate": "constant", "learning_rate_init": 1e-13}
"""An epoch that moves nothing."""

# name: (class, arguments, y)
KINDS = {
    "binary": (DropoutMLPClassifier, {}, BINARY),
    "multiclass": (DropoutMLPClassifier, {}, np.array(["x", "y", "z"])[LABELS]),
    "multilabel": (DropoutMLPClassifier, {}, np.c_[BINARY, LABELS == 1, X[:, 0] > 0].astype(int)),
    "numbers": (DropoutMLPRegressor, {}, NUMBERS),
    "columns of numbers": (DropoutMLPRegressor, {}, np.c_[1e3 * NUMBERS + 5, X[:, 2]]),
    "poisson": (DropoutMLPRegressor, {"loss": "poisson"}, LABELS),
}
OF_CLASSES = ["binary", "multiclass", "multilabel"]
OF_NUMBERS = ["numbers", "columns of numbers", "poisson"]
each_kind = pytest.mark.parametrize("kind", KINDS)
each_class = pytest.mark.parametrize("network", [DropoutMLPClassifier, DropoutMLPRegressor])


def make(network=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (8,), "max_iter": 10, "batch_size": 15, "random_state": 0}
    defaults |= {"learning_rate_init": 0.02, "cv": 3}
    return network(**{**defaults, **arguments})


def make_kind(kind, **arguments):
    network, own, y = KINDS[kind]
    return make(network, **own, **arguments), y


@cache
def fitted(kind):
    """An ensemble that nobody moves."""
    estimator, y = make_kind(kind)
    return estimator.fit(X, y)


def predict(estimator, rows):
    """Probabilities or numbers."""
    return getattr(estimator, "predict_proba", estimator.predict)(rows)


def out_of_fold(estimator):
    is_regressor = isinstance(estimator, DropoutMLPRegressor)
    return getattr(estimator, "oof_prediction_" if is_regressor else "oof_decision_function_")


def memories(estimator):
    return [network.memory for network in estimator._networks]


def assert_same(one, other):
    """All networks are equal bit for bit."""
    for mine, theirs in zip(memories(one), memories(other), strict=True):
        assert_array_equal(mine, theirs)


# the prediction


@each_kind
def test_the_prediction_is_the_mean_of_the_members(kind):
    estimator = fitted(kind)
    assert len(estimator.estimators_) == 3
    each = [predict(member, NEW) for member in estimator.estimators_]
    assert_allclose(predict(estimator, NEW), np.mean(each, axis=0), rtol=1e-12)
    assert np.std(each, axis=0).min() > 0


@each_kind
def test_members_are_fitted_estimators_of_the_same_class(kind):
    estimator = fitted(kind)
    for member in estimator.estimators_:
        check_is_fitted(member)
        assert type(member) is type(estimator)
        assert member.get_params() == {**estimator.get_params(), "cv": None}
        assert [W.shape for W in member.coefs_] == [
            W.shape for W in estimator.estimators_[0].coefs_
        ]
        assert member.coefs_[0].shape == (6, 8)
        assert member.n_features_in_ == 6
        assert member.n_iter_ == estimator.n_iter_
        assert member.loss_curve_ == estimator.loss_curve_
        assert np.isfinite(predict(member, NEW)).all()
        assert not hasattr(member, "estimators_")
    assert estimator.t_ == sum(member.t_ for member in estimator.estimators_)


@pytest.mark.parametrize("kind", OF_CLASSES)
def test_what_a_classifier_tells_is_consistent(kind):
    estimator = fitted(kind)
    p, z = estimator.predict_proba(NEW), estimator.decision_function(NEW)
    assert_allclose(np.exp(estimator.predict_log_proba(NEW)), p, rtol=1e-12)
    if kind == "multiclass":
        e = np.exp(z)
        assert_allclose(e / e.sum(axis=1, keepdims=True), p, rtol=1e-12)
        assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        assert_array_equal(estimator.predict(NEW), estimator.classes_[p.argmax(axis=1)])
    else:
        q = p[:, 1] if kind == "binary" else p
        assert_allclose(1 / (1 + np.exp(-z)), q, rtol=1e-10)
        expected = (q > 0.5).astype(int)
        assert_array_equal(estimator.predict(NEW), expected)


@pytest.mark.parametrize("kind", OF_CLASSES)
def test_far_away_logarithms_are_finite(kind):
    estimator = fitted(kind)
    far = NEW * 1e6
    assert (estimator.predict_proba(far).min(axis=0) == 0).any()
    assert np.isfinite(estimator.predict_log_proba(far)).all()
    assert np.isfinite(estimator.decision_function(far)).all()


def test_many_rows_are_predicted_in_blocks(monkeypatch):
    estimator = fitted("multiclass")
    expected = estimator.predict_proba(NEW)
    monkeypatch.setattr("skdropout._core.tuning.INFERENCE_NUMBERS", 64)
    assert_allclose(estimator.predict_proba(NEW), expected, rtol=1e-12)


def test_an_ensemble_has_no_weights_of_its_own():
    estimator = fitted("binary")
    for name in ("coefs_", "intercepts_"):
        assert not hasattr(estimator, name)
        with pytest.raises(AttributeError, match=rf"ensemble.*estimators_\[0\]\.{name}.*cv=None"):
            getattr(estimator, name)
        with pytest.raises(AttributeError, match="estimators_"):
            setattr(estimator, name, [])
    estimator.estimators_[0].coefs_[0] += 0  # those of the members are live


# out of fold


@each_kind
def test_out_of_fold_is_what_a_member_predicts_for_rows_it_has_not_seen(kind):
    splits = list(KFold(3, shuffle=True, random_state=1).split(X))
    estimator, y = make_kind(kind, cv=splits)
    estimator.fit(X, y)
    oof = out_of_fold(estimator)
    for member, (_, held_out) in zip(estimator.estimators_, splits, strict=True):
        assert_allclose(oof[held_out], predict(member, X[held_out]), rtol=1e-9)
    assert oof.shape == predict(estimator, X).shape
    assert oof.dtype == np.float64


def test_probabilities_out_of_fold_sum_to_one_in_the_precision_of_the_data():
    X, y = make_classification(150, n_classes=3, n_informative=4, random_state=0)
    estimator = DropoutMLPClassifier(8, max_iter=3, cv=3, random_state=0).fit(X, y)
    p = estimator.oof_decision_function_
    assert_allclose(p.sum(axis=1), 1.0, rtol=1e-14)  # they are trained in single precision


def test_a_member_has_not_seen_the_targets_of_its_fold():
    splits = list(KFold(3).split(X))
    arguments = {"cv": splits, "standardize": False, "max_iter": 1, "scoring": "r2"}
    before = make(DropoutMLPRegressor, **arguments).fit(X, NUMBERS)
    y = NUMBERS.copy()
    y[splits[1][1]] += 100
    after = make(DropoutMLPRegressor, **arguments).fit(X, y)
    pairs = zip(memories(before), memories(after), strict=True)
    assert [np.array_equal(*pair) for pair in pairs] == [False, True, False]


def test_random_labels_are_learned_by_heart_and_not_out_of_fold():
    rng, epochs = np.random.default_rng(0), count()
    x, y = rng.normal(size=(120, 30)), rng.integers(2, size=120)
    estimator = make(
        hidden_layer_sizes=(32,), max_iter=40, scoring=lambda e, X, y: float(next(epochs))
    )
    estimator.fit(x, y)
    for member in estimator.estimators_:
        assert member.score(x, y) > 0.75
    assert estimator.score(x, y) > 0.9
    predicted = estimator.oof_decision_function_.argmax(axis=1)
    assert 0.3 < accuracy_score(y, predicted) < 0.65


@each_class
def test_rows_that_are_never_held_out_are_nan(network):
    cv = ShuffleSplit(2, test_size=0.2, random_state=0)
    estimator = make(network, cv=cv).fit(X, BINARY)
    held_out = np.unique(np.concatenate([rows for _, rows in cv.split(X)]))
    oof = out_of_fold(estimator).reshape(90, -1)
    assert_array_equal(np.flatnonzero(~np.isnan(oof).any(axis=1)), held_out)
    assert 0 < len(held_out) < 36
    assert np.isfinite(estimator.oof_score_)


@pytest.mark.parametrize("kind", ["multiclass", "numbers"])
def test_rows_held_out_repeatedly_have_the_mean(kind):
    cv = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    estimator, y = make_kind(kind, cv=cv)
    estimator.fit(X, y)
    assert len(estimator.estimators_) == 6
    total = 0
    for member, (_, held_out) in zip(estimator.estimators_, cv.split(X), strict=True):
        part = np.zeros_like(out_of_fold(estimator))
        part[held_out] = predict(member, X[held_out])
        total = total + part / 2
    assert_allclose(out_of_fold(estimator), total, rtol=1e-9)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "numbers", "poisson"])
def test_the_score_is_that_of_the_predictions_out_of_fold(kind):
    estimator, (_, _, y) = fitted(kind), KINDS[kind]
    oof = out_of_fold(estimator)
    if kind in OF_CLASSES:
        expected = accuracy_score(y, estimator.classes_[oof.argmax(axis=1)])
    else:
        expected = r2_score(y, oof)
    assert estimator.oof_score_ == pytest.approx(expected, rel=1e-9)
    assert "validation_score" not in estimator.history_
    assert estimator.validation_scores_ is estimator.best_validation_score_ is None


@each_class
def test_weights_count_in_the_score(network):
    weight = np.random.default_rng(0).uniform(0.1, 3, 90)
    y = BINARY if network is DropoutMLPClassifier else NUMBERS
    estimator = make(network).fit(X, y, sample_weight=weight)
    oof = out_of_fold(estimator)
    predicted = oof.argmax(axis=1) if network is DropoutMLPClassifier else oof
    score = accuracy_score if network is DropoutMLPClassifier else r2_score
    assert estimator.oof_score_ == pytest.approx(score(y, predicted, sample_weight=weight))


# the folds


def groups_of(n_rows):
    return np.arange(n_rows) % 4


@pytest.mark.parametrize(
    "cv, n_members",
    [
        (2, 2),
        (np.int64(4), 4),
        (StratifiedKFold(3), 3),
        (list(KFold(3).split(X)), 3),
        (LeaveOneGroupOut(), 4),
        (GroupKFold(2), 2),
    ],
    ids=["int", "numpy", "splitter", "list", "groups", "folds of groups"],
)
@each_class
def test_what_cv_may_be(network, cv, n_members):
    groups = groups_of(90) if "Group" in type(cv).__name__ else None
    estimator = make(network, cv=cv).fit(X, BINARY, groups=groups)
    assert len(estimator.estimators_) == n_members
    assert np.isfinite(out_of_fold(estimator)).all()


def test_groups_are_kept_whole():
    """Labels that only a row of the same group tells of are not known out of fold."""
    rng, epochs = np.random.default_rng(0), count()
    groups = np.repeat(np.arange(20), 5)
    x = (rng.normal(size=(20, 8)) * 3)[groups] + 0.01 * rng.normal(size=(100, 8))
    y = rng.integers(2, size=20)[groups]
    found = {}
    for cv in (KFold(4, shuffle=True, random_state=0), GroupKFold(4)):
        scoring = lambda e, X, y: float(next(epochs))  # noqa: E731
        estimator = make(cv=cv, hidden_layer_sizes=(32,), max_iter=30, scoring=scoring)
        estimator.fit(x, y, groups=groups if isinstance(cv, GroupKFold) else None)
        predicted = estimator.oof_decision_function_.argmax(axis=1)
        found[type(cv)] = accuracy_score(y, predicted)
    assert found[KFold] > 0.9
    assert found[GroupKFold] < 0.75


def test_groups_are_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = make(cv=LeaveOneGroupOut()).set_fit_request(groups=True)
        found = cross_validate(
            estimator,
            X,
            BINARY,
            cv=GroupKFold(2),
            params={"groups": groups_of(90)},
            return_estimator=True,
        )
    assert [len(fit.estimators_) for fit in found["estimator"]] == [2, 2]


@pytest.mark.parametrize("cv", [3, "auto", KFold(3)], ids=str)
def test_folds_that_break_groups_are_warned_of(cv):
    with pytest.warns(UserWarning, match="groups parameter is ignored"):
        make(cv=cv).fit(X, BINARY, groups=groups_of(90))


def test_rows_held_out_that_break_groups_are_warned_of():
    stopped = make(cv=None, early_stopping=True)
    with pytest.warns(UserWarning, match="rows held out are of any of the groups"):
        stopped.fit(X, BINARY, groups=groups_of(90))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make(cv=None).fit(X, BINARY, groups=groups_of(90))  # where nothing is held out
    assert not [w for w in caught if "groups" in str(w.message)]


@pytest.mark.parametrize("cv", [None, 3, GroupKFold(3)], ids=str)
def test_groups_are_one_for_each_sample(cv):
    with pytest.raises(ValueError, match="groups must have one entry for each of the 90 samples"):
        make(cv=cv).fit(X, BINARY, groups=groups_of(45))


def test_groups_that_are_missing_are_asked_for():
    with pytest.raises(ValueError, match="groups"):
        make(cv=LeaveOneGroupOut()).fit(X, BINARY)


@pytest.mark.parametrize(
    "cv, message",
    [
        (1, r"cv, if it is not .* got 1"),
        (0, "cv, if it is not .* got 0"),
        (True, "cv, if it is not .* got True"),
        (91, "cv=91 needs as many samples"),
        ("five", "cv"),
        (2.5, "cv"),
        (
            ShuffleSplit(1, random_state=0),
            r"cv=ShuffleSplit.* gives 1 split: an ensemble needs two",
        ),
        ([(np.arange(60), np.arange(60, 90))], "gives 1 split"),
        ([], "gives 0 split"),
        ([(np.arange(0), np.arange(9))] * 2, "0 rows to train on and 9 held out"),
        ([(np.arange(9), np.arange(0))] * 2, "9 rows to train on and 0 held out"),
    ],
    ids=str,
)
@each_class
def test_what_cv_may_not_be(network, cv, message):
    estimator = make(network, cv=cv)
    with pytest.raises((TypeError, ValueError), match=message):
        estimator.fit(X, BINARY)
    assert not estimator.__sklearn_is_fitted__()


def test_lbfgs_has_no_epochs_to_judge():
    with pytest.raises(ValueError, match=r"solver='lbfgs'.*cv=None"):
        make(cv=5, solver="lbfgs", dropout_rate=0.0).fit(X, BINARY)


def test_folds_hold_the_classes_in_their_proportions():
    """Each member is judged by as many of the rare class, and none learns without it."""
    y = (np.arange(90) < 9).astype(int)
    estimator = make(cv=9, max_iter=1).fit(X, y)
    assert np.isfinite(estimator.oof_decision_function_).all()
    assert [member.t_ for member in estimator.estimators_] == [80] * 9


@pytest.mark.parametrize("n_rare", [1, 2])
@pytest.mark.parametrize("cv", [5, "auto"])
def test_a_class_may_have_fewer_rows_than_there_are_folds(n_rare, cv):
    y = np.where(np.arange(90) < n_rare, "rare", np.where(BINARY, "a", "b"))
    estimator = make(cv=cv).fit(X, y)
    assert estimator.classes_.tolist() == ["a", "b", "rare"]
    for each in (estimator, *estimator.estimators_):
        assert each.predict_proba(NEW).shape == (25, 3)
    assert np.isfinite(estimator.oof_decision_function_).all()


def test_all_classes_may_have_fewer_rows_than_there_are_folds():
    y = np.arange(90) // 2
    estimator = make(cv=5).fit(X, y)
    assert estimator.predict_proba(NEW).shape == (25, 45)


def test_a_single_class_is_no_trouble():
    estimator = make().fit(X, np.full(90, "rose"))
    assert_array_equal(estimator.predict_proba(NEW), 1)
    assert_array_equal(estimator.predict(NEW), "rose")


@each_class
def test_rows_without_weight_are_left_out(network):
    some = np.arange(90) % 5 > 0
    y = BINARY if network is DropoutMLPClassifier else NUMBERS
    weight = np.where(some, 1.5, 0.0)
    weighted = make(network).fit(X, y, sample_weight=weight)
    short = make(network).fit(X[some], y[some], sample_weight=weight[some])
    assert_allclose(predict(weighted, NEW), predict(short, NEW), rtol=1e-12)
    oof = out_of_fold(weighted)
    assert np.isnan(oof[~some]).all()
    assert_allclose(oof[some], out_of_fold(short), rtol=1e-12)
    assert weighted.oof_score_ == pytest.approx(short.oof_score_)


def test_so_it_is_with_a_splitter():
    some = np.arange(90) % 5 > 0
    estimator = make(cv=KFold(3)).fit(X, BINARY, sample_weight=some.astype(float))
    assert [member.t_ / estimator.n_iter_ for member in estimator.estimators_] == [48] * 3
    assert_array_equal(np.isnan(estimator.oof_decision_function_[:, 0]), ~some)


def test_class_weights_weigh_rows():
    scaled, of_class = StandardScaler().fit_transform(X), {0: 3.0, 1: 0.5}
    by_class = make(class_weight=of_class, standardize=False).fit(scaled, BINARY)
    weight = np.array([of_class[k] for k in BINARY])
    by_row = make(standardize=False).fit(scaled, BINARY, sample_weight=weight)
    assert_allclose(by_class.predict_proba(NEW), by_row.predict_proba(NEW), rtol=1e-12)
    balanced = make(class_weight="balanced").fit(X, BINARY)
    plain = make().fit(X, BINARY)
    assert balanced.predict_proba(X)[:, 0].mean() > plain.predict_proba(X)[:, 0].mean() + 0.03


@each_class
def test_sparse_rows(network):
    half = X[:45] * (np.random.default_rng(0).random((45, 6)) < [1, 0.6, 0.6, 0.6, 0.6, 0.6])
    x = np.concatenate([half, -half])  # of mean zero, so that nothing is to be centred
    y = BINARY if network is DropoutMLPClassifier else NUMBERS
    dense, sparse = make(network).fit(x, y), make(network).fit(csr_array(x), y)
    assert_allclose(predict(sparse, csr_array(x)), predict(dense, x), rtol=1e-7)
    assert_allclose(out_of_fold(sparse), out_of_fold(dense), rtol=1e-7)


# what decides


def of_history(estimator, name):
    return np.array(estimator.history_[name])


@each_kind
def test_the_epoch_of_least_loss_out_of_fold_is_kept(kind):
    estimator, y = make_kind(kind, max_iter=30, learning_rate="constant", learning_rate_init=0.2)
    estimator.fit(X, y)
    losses, oof = of_history(estimator, "validation_loss"), out_of_fold(estimator)
    if kind in ("binary", "multiclass"):
        reached = log_loss(y, oof)
    elif kind == "multilabel":
        reached = sum(log_loss(y[:, k], oof[:, k]) for k in range(3))
    elif kind == "poisson":
        reached = np.mean(oof - y * np.log(oof) + np.where(y > 0, y * np.log(np.fmax(y, 1)) - y, 0))
    else:
        y = y.reshape(90, -1)
        reached = 0.5 * np.square((y - oof.reshape(90, -1)) / y.std(axis=0)).sum(axis=1).mean()
    assert reached == pytest.approx(losses.min(), rel=1e-6)
    assert losses.argmin() < len(losses) - 1


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc", "neg_log_loss"])
def test_a_scorer_decides_if_there_is_one(scoring):
    estimator = make(max_iter=30, learning_rate="constant", scoring=scoring, n_iter_no_change=30)
    estimator.fit(X, BINARY)
    scores, p = of_history(estimator, "validation_score"), estimator.oof_decision_function_
    assert len(scores) == len(of_history(estimator, "validation_loss")) == 30
    assert estimator.oof_score_ == scores.max() == estimator.best_validation_score_
    reached = {
        "accuracy": lambda: accuracy_score(BINARY, p.argmax(axis=1)),
        "roc_auc": lambda: roc_auc_score(BINARY, p[:, 1]),
        "neg_log_loss": lambda: -log_loss(BINARY, p),
    }
    assert reached[scoring]() == pytest.approx(scores.max())


@each_class
def test_the_word_loss_is_the_loss(network):
    y = BINARY if network is DropoutMLPClassifier else NUMBERS
    by_default, by_word = make(network).fit(X, y), make(network, scoring="loss").fit(X, y)
    assert_same(by_default, by_word)
    losses = of_history(by_word, "validation_loss")
    assert_allclose(of_history(by_word, "validation_score"), -losses)
    assert by_word.oof_score_ == pytest.approx(-losses.min())


def test_a_callable_decides():
    """It is asked for all rows held out, and may keep the third epoch if it likes."""
    scores, asked = iter([1.0, 2.0, 9.0, 3.0, 9.0, 9.0]), []

    def score(estimator, x, y):
        asked.append((x, y, estimator.predict_proba(x)))
        return next(scores)

    estimator = make(scoring=score, max_iter=5).fit(X, BINARY)
    assert estimator.validation_scores_ == [1.0, 2.0, 9.0, 3.0, 9.0]
    for x, y, _ in asked:
        assert_array_equal(x, X)
        assert_array_equal(y, BINARY)
    assert_allclose(estimator.oof_decision_function_, asked[2][2], rtol=1e-12)
    assert np.abs(asked[2][2] - asked[4][2]).max() > 1e-3


def test_weights_reach_a_callable():
    weight, seen = np.linspace(1, 2, 90), []

    def score(estimator, x, y, sample_weight=None):
        seen.append(sample_weight)
        return 0.0

    make(scoring=score, max_iter=1).fit(X, BINARY, sample_weight=weight)
    assert_array_equal(seen[0], weight)


def test_what_a_scorer_says_is_passed_on():
    def score(estimator, x, y):
        raise RuntimeError("no score today")

    with pytest.raises(RuntimeError, match="no score today"):
        make(scoring=score).fit(X, BINARY)


def test_a_scorer_can_predict_no_other_rows():
    def score(estimator, x, y):
        return estimator.predict(x.copy()).mean()

    with pytest.raises(ValueError, match="a scorer can predict the X that it is given"):
        make(scoring=score).fit(X, BINARY)


@pytest.mark.parametrize("kind", OF_CLASSES)
def test_the_temperature_is_part_of_the_members(kind):
    """After a single epoch the networks are the same, whatever decides."""
    hot, y = make_kind(kind, max_iter=1, scoring=lambda e, X, y: 0.0)
    cold, _ = make_kind(kind, max_iter=1)
    hot.fit(X, y)
    cold.fit(X, y)
    pairs = list(zip(hot.estimators_, cold.estimators_, strict=True))
    ratios = [two.decision_function(NEW) / one.decision_function(NEW) for one, two in pairs]
    factor = ratios[0].ravel()[0]
    for ratio in ratios:
        assert_allclose(ratio, factor, rtol=1e-9)
    assert abs(factor - 1) > 0.02
    z = hot.oof_decision_function_
    z = np.log(z / (1 - z)) if kind == "multilabel" else np.log(z)

    def loss(k):
        if kind == "multilabel":
            return np.mean(np.log1p(np.exp(-k * z * (2 * y - 1))))
        p = np.exp(k * z)
        return log_loss(y, p / p.sum(axis=1, keepdims=True))

    assert loss(factor) < min(loss(0.97 * factor), loss(1.03 * factor))


@each_class
def test_training_stops_when_it_gets_no_better_out_of_fold(network):
    rng = np.random.default_rng(0)
    estimator = make(network, max_iter=400, n_iter_no_change=6, learning_rate_init=0.05)
    estimator.fit(X, rng.integers(2, size=90))
    losses = of_history(estimator, "validation_loss")
    assert estimator.n_iter_ == len(losses) < 100
    assert losses[-6:].min() > losses.min() - estimator.tol
    assert estimator.best_loss_ is None
    assert estimator.loss_ == estimator.loss_curve_[-1]


@each_kind
def test_history_has_lists_of_equal_length(kind):
    estimator = fitted(kind)
    names = ["loss", "data_loss", "penalty", "training_score", "learning_rate", "dropout_rate"]
    names += ["input_dropout_rate", "validation_loss"]
    assert list(estimator.history_) == names
    assert {len(values) for values in estimator.history_.values()} == {estimator.n_iter_} == {10}


# randomness


@each_class
def test_random_state_alone_decides(network):
    y = BINARY if network is DropoutMLPClassifier else NUMBERS
    arguments = {"hidden_layer_sizes": (40,), "dropout_rate": 0.3, "input_dropout_rate": 0.2}
    estimator = make(network, **arguments)
    first = clone(estimator).fit(X, y)
    np.random.rand(5)  # noqa: NPY002
    assert_same(first, clone(estimator).fit(X, y))
    by_instance = clone(estimator).set_params(random_state=np.random.RandomState(0)).fit(X, y)
    assert_same(first, by_instance)
    other = clone(estimator).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(memories(first)[0], memories(other)[0])
    assert len({memory[0] for memory in memories(first)}) == 3  # each with weights of its own


def test_dropout_changes_neither_folds_nor_first_weights():
    plain, dropped = (
        make(dropout_rate=rate, hidden_layer_sizes=(40,), **STILL).fit(X, BINARY)
        for rate in (0.0, 0.5)
    )
    assert_allclose(
        plain.estimators_[2].coefs_[0], dropped.estimators_[2].coefs_[0], rtol=1e-6, atol=1e-9
    )


PARALLEL = {
    "plain": {},
    "dropout": {"hidden_layer_sizes": (150,), "dropout_rate": 0.5, "input_dropout_rate": 0.2},
    "normalised": {"batch_norm": True, "learning_rate": "cosine"},
    "adaptive": {
        "learning_rate": "adaptive",
        "solver": "sgd",
        "n_iter_no_change": 1,
        "tol": 0.02,
        "learning_rate_init": 0.2,
        "max_iter": 40,
    },
    "shared masks": {"dropout": Batchwise(batches_per_mask=3), "dropout_rate": 0.4},
    "stops": {"n_iter_no_change": 2, "tol": 0.01, "max_iter": 50},
}


def assert_alike(one, other):
    """Networks, histories and what comes after are equal bit for bit."""
    assert_same(one, other)
    assert one.history_ == other.history_
    assert one.t_ == other.t_
    for _ in range(2):
        one, other = (clone_of(each).partial_fit(X, BINARY) for each in (one, other))
    assert_same(one, other)


def clone_of(estimator):
    return pickle.loads(pickle.dumps(estimator))


@pytest.mark.parametrize("arguments", PARALLEL.values(), ids=PARALLEL)
@pytest.mark.parametrize("n_steps", [1, 24, 300])
def test_threads_train_the_same_networks(arguments, n_steps, monkeypatch):
    monkeypatch.setattr(parallel, "N_STEPS", n_steps)
    alone = make(**arguments).fit(X, BINARY)
    with joblib.parallel_config("threading", n_jobs=2):
        together = make(**arguments).fit(X, BINARY)
    assert_alike(alone, together)


def test_processes_train_the_same_networks(monkeypatch):
    monkeypatch.setattr(parallel, "N_STEPS", 24)
    for arguments in PARALLEL.values():
        alone, together = (make(**arguments, n_jobs=n).fit(X, BINARY) for n in (1, 2))
        assert_alike(alone, together)


def test_processes_go_on_with_what_is_mapped_into_their_memory(monkeypatch):
    """Of arrays of a megabyte joblib's workers have a map that they must not write to.

    Layers of that size are not held to the one thread that workers have: here all have one.
    """
    monkeypatch.setattr(parallel, "N_STEPS", 1)
    large = {"hidden_layer_sizes": (400, 400), "cv": 2, "max_iter": 3}
    with threadpool_limits(1, user_api="blas"):
        alone, together = (make(**large, n_jobs=n).fit(X, BINARY) for n in (1, 2))
    assert_alike(alone, together)


def test_samples_do_not_travel_with_the_networks(monkeypatch):
    """What workers are told for some epochs, and what they answer, is without them."""
    pickles, run_some = [], parallel.run_some

    def run(members, n_epochs, samples):
        pickles.append(pickle.dumps(members))
        answer = run_some(members, n_epochs, samples)
        pickles.append(pickle.dumps(answer))
        return answer

    monkeypatch.setattr(parallel, "run_some", run)
    monkeypatch.setattr(parallel, "N_STEPS", 1)
    x, y = make_noise(3000, seed=0)
    with joblib.parallel_config("threading", n_jobs=2):
        make(hidden_layer_sizes=2, max_iter=3, standardize=False).fit(x, y)
    assert len(pickles) > 2
    assert max(map(len, pickles)) < x.nbytes / 4


def test_workers_are_not_asked_for_epochs_that_never_come():
    """A schedule is not asked beyond its end."""

    class Short(Schedule):
        anneals = True

        def __call__(self, progress):
            assert progress.epoch < 4
            return 1.0

    with joblib.parallel_config("threading", n_jobs=2):
        estimator = make(learning_rate=Short(), max_iter=4).fit(X, BINARY)
    assert estimator.n_iter_ == 4


# in the middle of it


class Watcher(Listener):
    """Keeps what fitted estimators predict in the middle of the training."""

    def __init__(self):
        self.seen = []

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "epoch":
            self.seen.append(predict(fitted_estimator, NEW))
            return len(self.seen) == 4


def test_callbacks_see_the_ensemble_and_can_stop_it():
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
    listener = Watcher()
    estimator = make(DropoutMLPRegressor).set_callbacks(listener).fit(X, NUMBERS)
    assert estimator.n_iter_ == len(listener.seen) == 4
    best = int(of_history(estimator, "validation_loss").argmin())
    assert_allclose(listener.seen[best], estimator.predict(NEW), rtol=1e-12)


@each_class
def test_verbose_prints_a_line_an_epoch(network, capsys):
    make(network, verbose=True, max_iter=3).fit(X, BINARY)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [f"Iteration {i}" for i in (1, 2, 3)]
    assert all("validation loss = " in line and "learning rate = " in line for line in lines)
    make(network, verbose=False, max_iter=3).fit(X, BINARY)
    assert capsys.readouterr().out == ""


class InterruptedLater(SGD):
    """Somebody presses Ctrl-C when the second network is in its fourth epoch."""

    def update(self, p, g, *slots, tmp, t, lr):
        if t == 4 * 4:
            reached.append(t)
            if len(reached) == 2:
                raise KeyboardInterrupt
        super().update(p, g, *slots, tmp=tmp, t=t, lr=lr)


reached: list[int] = []


@each_class
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("learning_rate", ["auto", "constant"])
def test_an_interruption_keeps_the_epochs_done(network, later, learning_rate):
    """Twelve steps are the third epoch of the first network, sixteen the fourth."""
    reached.clear()
    arguments = {"learning_rate": learning_rate, "learning_rate_init": 0.05, "scoring": "loss"}
    solver, n_epochs = (InterruptedLater(), 3) if later else (Interrupted(), 2)
    with pytest.warns(UserWarning, match=f"interrupted by user after {n_epochs} epochs"):
        estimator = make(network, solver=solver, **arguments).fit(X, BINARY)
    done = make(network, solver=SGD(), max_iter=n_epochs, **arguments).fit(X, BINARY)
    assert_same(estimator, done)
    assert estimator.history_ == done.history_
    assert estimator.n_iter_ == n_epochs
    assert estimator.t_ == done.t_ == n_epochs * 2 * 90
    assert_array_equal(out_of_fold(estimator), out_of_fold(done))


class Exploding(Schedule):
    """Goes well for three epochs."""

    def __call__(self, progress):
        return 1.0 if progress.epoch < 3 else 1e200


@each_class
def test_a_training_that_diverges_says_so(network):
    arguments = {"solver": "sgd", "learning_rate_init": 1e200, "learning_rate": "constant"}
    with pytest.raises(ValueError, match=r"non-finite.*in epoch 1.*learning_rate_init"):
        make(network, **arguments).fit(X, BINARY)


@each_class
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_with_a_good_epoch_behind_it_goes_back_to_that(network, n_jobs):
    arguments = {"solver": "sgd", "learning_rate_init": 0.05}
    with (
        pytest.warns(ConvergenceWarning, match=r"diverged in epoch 4.*best epoch before"),
        joblib.parallel_config("threading", n_jobs=n_jobs),
    ):
        estimator = make(network, learning_rate=Exploding(), **arguments).fit(X, BINARY)
    assert {len(values) for values in estimator.history_.values()} == {4}
    good = make(network, learning_rate="constant", max_iter=3, **arguments).fit(X, BINARY)
    assert_same(estimator, good)


# pickles


@pytest.mark.parametrize("hidden", [(256, 128), (64, 32)], ids=str)
@each_class
def test_a_pickle_holds_little_more_than_the_weights(network, hidden):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 60)).astype(np.float32)
    estimator = make(network, hidden_layer_sizes=hidden, cv=5, max_iter=40, n_iter_no_change=99)
    estimator.fit(x, x[:, 0] > 0)
    assert estimator.n_iter_ == 40
    weights = [p for member in estimator.estimators_ for p in member.coefs_ + member.intercepts_]
    n_bytes = sum(p.nbytes for p in weights)
    assert n_bytes < len(pickle.dumps(estimator)) <= 1.1 * n_bytes


@each_kind
def test_a_copy_from_a_pickle_is_the_same(kind):
    estimator = fitted(kind)
    other = clone_of(estimator)
    assert_array_equal(predict(other, NEW), predict(estimator, NEW))
    assert_array_equal(out_of_fold(other), out_of_fold(estimator))
    assert other.history_ == estimator.history_ == other.estimators_[1].history_
    assert other.oof_score_ == estimator.oof_score_
    assert other.estimators_[0].loss_curve_ == estimator.loss_curve_


def test_a_clone_is_not_fitted():
    anew = clone(fitted("binary"))
    assert not anew.__sklearn_is_fitted__()
    assert anew.cv == 3


# export


@each_kind
def test_scikit_learns_own_vote_is_the_same(kind):
    estimator, (network, _, y) = fitted(kind), KINDS[kind]
    if kind == "multilabel":
        with pytest.raises(ValueError, match=r"VotingClassifier.*many labels.*estimators_"):
            estimator.to_sklearn()
        return
    if kind == "poisson" and "loss" not in inspect.signature(MLPRegressor).parameters:
        pytest.skip("scikit-learn before 1.7 has no Poisson loss")
    if kind == "columns of numbers":
        with pytest.raises(ValueError, match=r"VotingRegressor.*several outputs.*estimators_"):
            estimator.to_sklearn()
        return
    vote = estimator.to_sklearn()
    check_is_fitted(vote)
    assert_allclose(predict(vote, NEW), predict(estimator, NEW), rtol=1e-9)
    assert_array_equal(vote.predict(NEW), estimator.predict(NEW)) if kind in OF_CLASSES else None
    assert vote.score(X, y) == pytest.approx(estimator.score(X, y))
    if network is DropoutMLPClassifier:
        assert type(vote) is VotingClassifier
        assert {type(each) for each in vote.estimators_} == {MLPClassifier}
        assert_array_equal(vote.classes_, estimator.classes_)
        assert vote.voting == "soft"
    else:
        assert type(vote) is VotingRegressor
        assert {type(each) for each in vote.estimators_} == {MLPRegressor}
    assert vote.n_features_in_ == 6


@pytest.mark.parametrize("kind", ["multiclass", "numbers"])
def test_the_vote_is_an_estimator_like_any_other(kind):
    vote, (_, _, y) = fitted(kind).to_sklearn(), KINDS[kind]
    parameters = vote.get_params()
    assert parameters["network2__hidden_layer_sizes"] == (8,)
    anew = clone(vote).set_params(network0__max_iter=3, network1__max_iter=3, network2__max_iter=3)
    anew.fit(X, y)
    assert anew.predict(NEW).shape == (25,)
    assert_allclose(predict(clone_of(vote), NEW), predict(vote, NEW))
    assert vote.transform(NEW).shape == ((3, 25, 3) if kind == "multiclass" else (25, 3))


def test_a_vote_leaves_the_ensemble_alone():
    estimator = fitted("numbers")
    before = estimator.predict(NEW)
    for network in estimator.to_sklearn().estimators_:
        network.coefs_[0][:] = 0
    assert_array_equal(estimator.predict(NEW), before)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "numbers"])
def test_onnx_predicts_the_same(kind):
    skl2onnx = pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    network, _, y = KINDS[kind]
    x = X.astype(np.float32)
    estimator = make(network).fit(x, y)
    vote = estimator.to_sklearn()
    options = {id(vote): {"zipmap": False}} if kind in OF_CLASSES else {}
    graph = skl2onnx.to_onnx(vote, x[:1], options=options)
    session = runtime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {session.get_inputs()[0].name: x})
    if kind in OF_CLASSES:
        assert_array_equal(found[0], estimator.predict(x))
        assert_allclose(found[1], estimator.predict_proba(x), atol=1e-5)
    else:
        assert_allclose(found[0].ravel(), estimator.predict(x), rtol=1e-4, atol=1e-5)


# uncertainty


@pytest.mark.parametrize("kind", OF_CLASSES)
def test_without_dropout_the_draws_are_the_members(kind):
    estimator = fitted(kind)
    each = [member.predict_proba(NEW) for member in estimator.estimators_]
    samples = estimator.predict_proba_samples(NEW, n_samples=3, random_state=0)
    assert_allclose(samples, each, rtol=1e-12)
    uncertainty = estimator.predict_uncertainty(NEW, n_samples=6, random_state=0)
    assert_allclose(uncertainty.mean_proba, estimator.predict_proba(NEW), rtol=1e-9)
    assert (uncertainty.mutual_information > 0).all()
    with pytest.raises(ValueError, match="Without dropout"):
        estimator.estimators_[0].predict_uncertainty(NEW)


@pytest.mark.parametrize("kind", OF_NUMBERS)
def test_so_they_are_of_a_regressor(kind):
    estimator = fitted(kind)
    each = [member.predict(NEW) for member in estimator.estimators_]
    samples = estimator.predict_samples(NEW, n_samples=3, random_state=0)
    assert_allclose(samples, each, rtol=1e-12)
    mean, std = estimator.predict(NEW, return_std=True, n_samples=6, random_state=0)
    assert_allclose(mean, estimator.predict(NEW))
    assert_allclose(std, np.std(each, axis=0), rtol=1e-9)


@pytest.mark.parametrize("n_samples", [3, 7, 30])
@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_all_members_take_part_in_about_as_many_draws(n_samples, rate):
    estimator = clone_of(fitted("numbers")).set_params(dropout_rate=rate)
    for k, member in enumerate(estimator.estimators_):
        member.coefs_[-1] = np.zeros((8, 1))
        member.intercepts_[-1] = [k]
    drawn = estimator.predict_samples(NEW, n_samples=n_samples, random_state=0)
    times = [(drawn[:, 0] == k).sum() for k in range(3)]
    assert sum(times) == n_samples
    assert max(times) - min(times) <= 1
    assert_array_equal(drawn, drawn[:, :1].repeat(25, axis=1))


def test_dropout_makes_an_ensemble_less_sure():
    estimator = clone_of(fitted("binary"))
    alone = estimator.predict_uncertainty(NEW, n_samples=60, random_state=0).mutual_information
    estimator.set_params(dropout_rate=0.5)
    both = estimator.predict_uncertainty(NEW, n_samples=60, random_state=0).mutual_information
    assert both.mean() > alone.mean()


# going on


@each_kind
def test_partial_fit_goes_on_with_all_members(kind):
    estimator, (_, _, y) = clone_of(fitted(kind)), KINDS[kind]
    before, t = [memory.copy() for memory in memories(estimator)], estimator.t_
    estimator.partial_fit(X[:40], y[:40])
    for old, new in zip(before, memories(estimator), strict=True):
        assert np.abs(new - old).max() > 0
    assert estimator.t_ == t + 3 * 40
    assert estimator.n_iter_ == 1
    assert {len(values) for values in estimator.history_.values()} == {11}
    assert estimator.cv == 3
    each = [predict(member, NEW) for member in estimator.estimators_]
    assert_allclose(predict(estimator, NEW), np.mean(each, axis=0), rtol=1e-12)


def test_after_that_nothing_is_out_of_fold_any_more():
    estimator = clone_of(fitted("binary")).partial_fit(X, BINARY)
    assert not hasattr(estimator, "oof_score_")
    assert not hasattr(estimator, "oof_decision_function_")


def test_partial_fit_learns_with_all_members():
    estimator = make(DropoutMLPRegressor, max_iter=1).fit(X, NUMBERS)
    for _ in range(60):
        estimator.partial_fit(X, NUMBERS)
    for member in estimator.estimators_:
        assert member.score(X, NUMBERS) > 0.8


def test_a_warm_start_goes_on_with_all_members():
    estimator = make(DropoutMLPRegressor, warm_start=True).fit(X, NUMBERS)
    before, t = estimator.predict(NEW), estimator.t_
    estimator.set_params(**STILL, weight_decay=0.0).fit(X, NUMBERS)
    assert len(estimator.estimators_) == 3
    assert_allclose(estimator.predict(NEW), before, rtol=1e-6)
    assert estimator.t_ == t + 2 * 90
    assert {len(values) for values in estimator.history_.values()} == {11}
    assert np.isfinite(estimator.oof_prediction_).all()


def test_a_warm_start_of_a_classifier_gets_better():
    estimator = make(warm_start=True, max_iter=3, learning_rate_init=0.005).fit(X, LABELS)
    first = min(estimator.history_["validation_loss"])
    for _ in range(8):
        estimator.fit(X, LABELS)
    assert len(estimator.estimators_) == 3
    assert min(estimator.history_["validation_loss"]) < 0.8 * first
    assert log_loss(LABELS, estimator.oof_decision_function_) < 0.8 * first


@pytest.mark.parametrize("before, after", [(3, 4), (3, None), (None, 3), (3, "auto")])
def test_a_warm_start_with_another_number_of_networks_is_refused(before, after):
    estimator = make(cv=before, warm_start=True).fit(X, BINARY)
    kept = vars(estimator).copy()
    with pytest.raises(ValueError, match=r"warm_start goes on with the . networks .* but cv"):
        estimator.set_params(cv=after).fit(X, BINARY)
    assert vars(estimator) == {**kept, "cv": after}


def test_a_new_fit_forgets_what_it_was():
    estimator = make().fit(X, BINARY).set_params(cv=None).fit(X, BINARY)
    assert len(estimator.coefs_) == 2
    for name in ("estimators_", "oof_score_", "oof_decision_function_"):
        assert not hasattr(estimator, name)
    estimator.set_params(cv=3).fit(X, BINARY)
    assert not hasattr(estimator, "coefs_")
    assert "_state" not in vars(estimator)
    assert_same(estimator, make().fit(X, BINARY))


def test_a_fit_that_fails_leaves_the_ensemble_as_it_was():
    estimator = make().fit(X, BINARY)
    before, kept = estimator.predict_proba(NEW), vars(estimator).copy()
    with pytest.raises(ValueError, match="non-finite"):
        estimator.set_params(solver="sgd", learning_rate_init=1e200, learning_rate="constant").fit(
            X, BINARY
        )
    assert vars(estimator).keys() == kept.keys()
    assert_array_equal(estimator.predict_proba(NEW), before)


# how good it is


def make_noise(n_rows, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, 10)), rng.integers(2, size=n_rows)


@pytest.mark.parametrize("hidden", [(8,), (64, 32)], ids=str)
def test_of_noise_it_says_the_base_rate(hidden):
    estimator = DropoutMLPClassifier(hidden, max_iter=50, random_state=0)
    estimator.fit(*make_noise(600, seed=0))
    x, y = make_noise(600, seed=1)
    assert log_loss(y, estimator.predict_proba(x)) < 1.01 * np.log(2)


def test_rare_classes_have_probabilities_of_their_frequency():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 6))
    y = np.zeros(2000, int)
    y[np.argsort(x[:, 0] + rng.normal(size=2000))[-20:]] = 1
    estimator = DropoutMLPClassifier((16,), max_iter=50, random_state=0).fit(x[::2], y[::2])
    rate = y[::2].mean()
    assert 0.005 < rate < 0.015
    for p in (estimator.predict_proba(x)[:, 1], estimator.oof_decision_function_[:, 1]):
        assert p.mean() == pytest.approx(rate, rel=0.2)


@each_class
def test_an_ensemble_is_better_than_its_members(network):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    signal = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]
    y = signal + rng.normal(size=300)
    y = (y > 0).astype(int) if network is DropoutMLPClassifier else y
    some = slice(0, 100), slice(100, 300)
    estimator = make(network, hidden_layer_sizes=(32,), cv=5, max_iter=50).fit(
        x[some[0]], y[some[0]]
    )

    def loss(each):
        if network is DropoutMLPClassifier:
            return log_loss(y[some[1]], each.predict_proba(x[some[1]]))
        return np.square(y[some[1]] - each.predict(x[some[1]])).mean()

    assert loss(estimator) < np.mean([loss(member) for member in estimator.estimators_])


def came_to_nothing(estimator, x, y):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(x, y)
    found = [w for w in caught if "The fit came to nothing" in str(w.message)]
    assert all(w.category is ConvergenceWarning and w.filename == __file__ for w in found)
    return len(found)


@each_class
@pytest.mark.parametrize(
    "arguments, where",
    [
        ({"cv": 3}, "held out"),
        ({"cv": None, "early_stopping": True, "validation_fraction": 0.4}, "held out"),
        ({"cv": None, **STILL, "hidden_layer_sizes": (50,)}, "training"),
    ],
    ids=["ensemble", "early stopping", "no training"],
)
def test_a_fit_that_came_to_nothing_is_warned_of(network, arguments, where):
    found = [
        came_to_nothing(make(network, **arguments), *make_noise(90, seed)) for seed in range(6)
    ]
    assert max(found) == 1
    if where == "training":
        assert min(found) == 1
    else:
        assert sum(found) >= 3
    y = BINARY if network is DropoutMLPClassifier else NUMBERS
    if where == "held out":
        assert came_to_nothing(make(network, **arguments, max_iter=40), X, y) == 0


def test_constant_targets_are_nothing_to_be_warned_of():
    assert came_to_nothing(make(DropoutMLPRegressor), X, np.full(90, 5.0)) == 0
    assert came_to_nothing(make(DropoutMLPRegressor, cv=None), X, np.full(90, 5.0)) == 0
    assert came_to_nothing(make(), X, np.full(90, 5.0)) == 0


def test_networks_of_a_stack_whose_rate_falls_by_their_samples_each_have_their_own(monkeypatch):
    X, y = make_classification(77, n_features=6, random_state=0)
    weight = np.arange(77) % 4 + 0.5
    arguments = {"hidden_layer_sizes": 5, "cv": 8, "max_iter": 6, "random_state": 0}
    estimator = DropoutMLPClassifier(learning_rate="invscaling", batch_size=16, **arguments)
    together = clone(estimator).fit(X, y, sample_weight=weight)
    monkeypatch.setattr("skdropout._training.stack.largest_stack", lambda member: 1)
    alone = clone(estimator).fit(X, y, sample_weight=weight)
    assert together.history_ == alone.history_
    for mine, its in zip(together.estimators_, alone.estimators_, strict=True):
        for one, other in zip(mine.coefs_, its.coefs_, strict=True):
            assert_array_equal(one, other)
