"""Inputs and targets are standardised inside, and outside nobody has to know."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
import sklearn
from cases import Listener, make_network
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csc_array, csr_array, random_array
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._network.standardization import Standardization

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SCALED, LABELS = make_classification(
    96, 5, n_informative=4, n_redundant=0, n_classes=2, flip_y=0, random_state=0
)
LABELS[np.flatnonzero(LABELS == 0)[:1]] = 1 if (LABELS == 0).sum() > 48 else 0
RAW = SCALED * [1e3, 1e-4, 1.0, 30.0, 1e5] + [5e3, 1.0, -3.0, 0.0, -1e6]
NUMBERS = np.sin(SCALED[:, 0]) + SCALED[:, 1] ** 2 + 0.1 * SCALED[:, 2]
CLASSES = [DropoutMLPClassifier, DropoutMLPRegressor]
each_class = pytest.mark.parametrize("network", CLASSES)
over_cv = pytest.mark.parametrize("cv", [None, 3], ids=["single", "ensemble"])
STILL = {"max_iter": 1, "learning_rate": "constant", "learning_rate_init": 1e-13}
"""An epoch that moves nothing."""


def make(network=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (8,), "max_iter": 12, "batch_size": 16, "random_state": 0}
    defaults |= {"learning_rate_init": 0.02, "cv": None}
    return network(**{**defaults, **arguments})


def targets_of(network):
    return LABELS if network is DropoutMLPClassifier else NUMBERS


def predict(estimator, X):
    """Probabilities or numbers."""
    return getattr(estimator, "predict_proba", estimator.predict)(X)


def forward(estimator, X):
    """The forward pass of a textbook, by the weights that everybody can see."""
    h = np.asarray(X, float)
    layers = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    for i, (W, b) in enumerate(layers):
        h = h @ W + b
        if i < len(layers) - 1:
            h = np.maximum(h, 0)
    return h


# folding and unfolding

over_networks = pytest.mark.parametrize(
    "hidden", [(), (7,), (7, 6)], ids=["no hidden layer", "one", "two"]
)
over_norms = pytest.mark.parametrize("batch_norm", [False, True], ids=["", "normalised"])
over_outputs = pytest.mark.parametrize("n_outputs", [1, 3])
over_dtypes = pytest.mark.parametrize(
    "dtype, tol", [(np.float64, 1e-12), (np.float32, 2e-5)], ids=["f64", "f32"]
)


def make_coordinates(hidden, n_outputs, dtype, batch_norm):
    """A network with random parameters, coordinates, and inputs outside."""
    network = make_network((5, *hidden, n_outputs), dtype=dtype, batch_norm=batch_norm)
    rng = np.random.default_rng(1)
    network.statistics.flat[:] = rng.uniform(0.5, 2, network.statistics.flat.size)
    scale, y_scale = rng.uniform(0.1, 9, 5), rng.uniform(0.1, 9, n_outputs)
    y_mean = rng.normal(size=n_outputs)
    coordinates = Standardization(rng.normal(size=5), scale, y_mean, y_scale, np.dtype(dtype))
    return network, coordinates, rng.normal(size=(11, 5)).astype(dtype)


@over_networks
@over_norms
@over_outputs
@over_dtypes
def test_a_network_predicts_outside_what_it_predicts_inside(
    hidden, n_outputs, dtype, tol, batch_norm
):
    network, to, X = make_coordinates(hidden, n_outputs, dtype, batch_norm)
    before = network.memory.copy()
    outside = network.copy()
    to.to_outside(network, out=outside)
    expected = network.predict(((X - to.mean) / to.scale).astype(dtype)) * to.y_scale + to.y_mean
    assert_allclose(outside.predict(X), expected, rtol=tol, atol=10 * tol)
    assert outside.dtype == dtype
    assert_array_equal(network.memory, before)


@over_networks
@over_norms
@over_outputs
@over_dtypes
def test_there_and_back_it_is_the_same_network(hidden, n_outputs, dtype, tol, batch_norm):
    network, to, _ = make_coordinates(hidden, n_outputs, dtype, batch_norm)
    inside = to.inside(network)
    assert not np.shares_memory(inside.memory, network.memory)
    back = network.copy()
    to.to_outside(inside, out=back)
    assert_allclose(back.memory, network.memory, rtol=10 * tol, atol=10 * tol)


@over_networks
@over_norms
@over_outputs
@over_dtypes
def test_inputs_alone_can_be_inside(hidden, n_outputs, dtype, tol, batch_norm):
    network, to, X = make_coordinates(hidden, n_outputs, dtype, batch_norm)
    found = to.take_inputs(network).predict(((X - to.mean) / to.scale).astype(dtype))
    assert_allclose(found, network.predict(X), rtol=tol, atol=20 * tol)


@pytest.mark.parametrize("hidden", [(), (8,), (8, 6)], ids=str)
@each_class
def test_the_weights_are_those_for_the_data_as_they_are_given(network, hidden):
    estimator = make(network, hidden_layer_sizes=hidden).fit(RAW, targets_of(network))
    z = forward(estimator, RAW)[:, 0]
    if network is DropoutMLPClassifier:
        assert_allclose(z, estimator.decision_function(RAW), rtol=1e-10, atol=1e-10)
        assert_allclose(1 / (1 + np.exp(-z)), estimator.predict_proba(RAW)[:, 1], rtol=1e-8)
    else:
        assert_allclose(z, estimator.predict(RAW), rtol=1e-10, atol=1e-10)


@over_cv
def test_so_are_those_of_several_outputs(cv):
    y = np.c_[1e4 * NUMBERS + 7, SCALED[:, 1], 1e-3 * SCALED[:, 0] - 5]
    estimator = make(DropoutMLPRegressor, cv=cv).fit(RAW, y)
    members = [estimator] if cv is None else estimator.estimators_
    found = np.mean([forward(member, RAW) for member in members], axis=0)
    assert_allclose(found, estimator.predict(RAW), rtol=1e-9)


# the same as a scaler before


@over_cv
def test_a_regressor_is_that_of_scaled_data_without_standardize(cv):
    y_scaler = StandardScaler().fit(NUMBERS[:, np.newaxis])
    y = y_scaler.transform(NUMBERS[:, np.newaxis])[:, 0]
    X = StandardScaler().fit_transform(RAW)
    inside = make(DropoutMLPRegressor, cv=cv, standardize=False).fit(X, y)
    raw = make(DropoutMLPRegressor, cv=cv).fit(RAW, NUMBERS)
    expected = y_scaler.inverse_transform(inside.predict(X)[:, np.newaxis])[:, 0]
    assert_allclose(raw.predict(RAW), expected, rtol=1e-7, atol=1e-7)
    assert_allclose(raw.loss_curve_, inside.loss_curve_, rtol=1e-7)


@over_cv
@pytest.mark.parametrize("batch_norm", [False, True], ids=["", "normalised"])
def test_a_classifier_of_balanced_classes_is_that_of_scaled_data(cv, batch_norm):
    """Of other classes the first biases differ."""
    assert LABELS.mean() == 0.5
    X = StandardScaler().fit_transform(RAW)
    inside = make(cv=cv, standardize=False, batch_norm=batch_norm).fit(X, LABELS)
    raw = make(cv=cv, batch_norm=batch_norm).fit(RAW, LABELS)
    assert_allclose(raw.predict_proba(RAW), inside.predict_proba(X), rtol=1e-6)


@over_cv
@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "poisson", "dropped"])
def test_scaling_data_that_are_standardised_anyway_changes_nothing(cv, kind):
    X = StandardScaler().fit_transform(RAW)
    y, arguments, network = LABELS, {}, DropoutMLPClassifier
    if kind == "multiclass":
        y = np.where(SCALED[:, 2] > 1, "c", np.where(LABELS, "a", "b"))
    elif kind == "multilabel":
        y = np.c_[LABELS, SCALED[:, 2] > 1].astype(int)
    elif kind == "poisson":
        y, network, arguments = LABELS * 3, DropoutMLPRegressor, {"loss": "poisson"}
    else:
        arguments = {"dropout_rate": 0.3, "input_dropout_rate": 0.3, "max_norm": 2.0}
    scaled, raw = (make(network, cv=cv, **arguments).fit(Z, y) for Z in (X, RAW))
    assert_allclose(predict(raw, RAW), predict(scaled, X), rtol=1e-6, atol=1e-9)


# units


@over_cv
@pytest.mark.parametrize(
    "unit, offset", [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e4), (-3e3, -2e5), (1e-3, 1.0)]
)
def test_targets_may_come_in_any_unit(cv, unit, offset):
    plain = make(DropoutMLPRegressor, cv=cv).fit(SCALED, NUMBERS)
    other = make(DropoutMLPRegressor, cv=cv).fit(SCALED, NUMBERS * abs(unit) + offset)
    found = (other.predict(SCALED) - offset) / abs(unit)
    assert_allclose(found, plain.predict(SCALED), rtol=1e-6, atol=1e-6)
    assert_allclose(other.loss_curve_, plain.loss_curve_, rtol=1e-6)
    assert other.n_iter_ == plain.n_iter_
    if cv:
        found = (other.oof_prediction_ - offset) / abs(unit)
        assert_allclose(found, plain.oof_prediction_, rtol=1e-6, atol=1e-6)
        assert other.oof_score_ == pytest.approx(plain.oof_score_, rel=1e-6)


@over_cv
@each_class
@pytest.mark.parametrize(
    "units, offsets",
    [
        ([1e-6, 1e6, 1.0, 1e3, 1e-3], 0.0),
        (1.0, [1e4, -1e4, 0.0, 3.0, 1e6]),
        (1e-60, 0.0),
        (1e60, [0, 0, 1e61, 0, -1e60]),
    ],
    ids=["mixed", "offsets", "tiny", "huge"],
)
def test_columns_may_come_in_any_unit(network, cv, units, offsets):
    y = targets_of(network)
    X = SCALED * units + offsets
    plain, other = make(network, cv=cv).fit(SCALED, y), make(network, cv=cv).fit(X, y)
    assert_allclose(predict(other, X), predict(plain, SCALED), rtol=1e-6, atol=1e-7)


@each_class
def test_so_it_is_with_early_stopping_and_a_validation_set(network):
    y = targets_of(network)
    arguments = {"early_stopping": True, "validation_fraction": 0.3, "max_iter": 20}
    for more in ({}, {"X_val": slice(30), "y_val": y[:30]}):
        found = []
        for X in (SCALED, RAW):
            given = {k: X[v] if isinstance(v, slice) else v for k, v in more.items()}
            found.append(predict(make(network, **arguments).fit(X, y, **given), X))
        assert_allclose(*found, rtol=1e-6, atol=1e-7)


@each_class
def test_so_it_is_with_partial_fit(network):
    y = targets_of(network)
    classes = {"classes": [0, 1]} if network is DropoutMLPClassifier else {}
    found = []
    for X in (SCALED, RAW):
        estimator = make(network)
        for part in np.split(np.arange(96), 6) * 3:
            estimator.partial_fit(X[part], y[part], **classes)
        found.append(predict(estimator, X))
    assert_allclose(*found, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("unit, offset", [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e5)])
def test_and_with_targets_of_partial_fit(unit, offset):
    found = []
    for y in (NUMBERS, NUMBERS * unit + offset):
        estimator = make(DropoutMLPRegressor)
        for _ in range(40):
            estimator.partial_fit(SCALED, y)
        assert estimator.score(SCALED, y) > 0.8
        found.append(estimator.predict(SCALED))
    assert_allclose((found[1] - offset) / unit, found[0], rtol=1e-6, atol=1e-6)


@over_cv
@each_class
def test_the_type_of_the_inputs_is_that_of_the_network(network, cv):
    X = RAW.astype(np.float32)
    estimator = make(network, cv=cv).fit(X, targets_of(network))
    members = [estimator] if cv is None else estimator.estimators_
    for member in members:
        assert {p.dtype for p in member.coefs_ + member.intercepts_} == {np.dtype(np.float32)}
    assert predict(estimator, X).dtype == np.float32
    if cv:
        name = "oof_prediction_" if network is DropoutMLPRegressor else "oof_decision_function_"
        assert getattr(estimator, name).dtype == np.float32
    double = make(network, cv=cv).fit(X.astype(float), targets_of(network))
    assert_allclose(predict(estimator, X), predict(double, X.astype(float)), atol=0.02)


# odd columns

CONSTANTS = [0.0, 0.1, -7.0, 1e10 / 3, 1e-9 / 7, 1e140]


@over_cv
@each_class
@pytest.mark.parametrize("value", CONSTANTS)
def test_a_constant_column_is_never_used(network, cv, value):
    X = np.insert(RAW, 2, value, axis=1)
    estimator = make(network, cv=cv).fit(X, targets_of(network))
    for member in [estimator] if cv is None else estimator.estimators_:
        assert_array_equal(member.coefs_[0][2], 0)
    changed = X.copy()
    changed[:, 2] = 1e3
    assert_array_equal(predict(estimator, changed), predict(estimator, X))


@each_class
def test_a_column_that_varies_by_rounding_alone_is_constant(network):
    X = np.insert(RAW, 2, np.where(LABELS, 0.1 + 0.2, 0.3) * 1e9, axis=1)
    assert len(np.unique(X[:, 2])) == 2
    estimator = make(network).fit(X, targets_of(network))
    assert_allclose(estimator.coefs_[0][2], 0, atol=1e-18)


@each_class
def test_a_column_of_zeros_in_sparse_rows_is_never_used(network):
    X = np.insert(SCALED, 2, 0.0, axis=1)
    estimator = make(network).fit(csr_array(X), targets_of(network))
    changed = X.copy()
    changed[:, 2] = 1e3
    assert_array_equal(predict(estimator, csr_array(changed)), predict(estimator, csr_array(X)))


@over_cv
@each_class
def test_nothing_but_constants_is_no_information(network, cv):
    y = targets_of(network)
    estimator = make(network, cv=cv, **STILL).fit(np.full((96, 2), 3.0), y)
    expected = [0.5, 0.5] if network is DropoutMLPClassifier else y.mean()
    assert_allclose(predict(estimator, [[3.0, 3.0], [-9.0, 1.0]])[0], expected, rtol=1e-6)


@each_class
def test_an_offset_of_ten_billion_costs_no_more_than_digits(network):
    y = targets_of(network)
    plain = make(network).fit(SCALED, y)
    far = make(network).fit(SCALED + 1e10, y)
    assert_allclose(predict(far, SCALED + 1e10), predict(plain, SCALED), atol=1e-3)


@over_cv
@each_class
def test_numbers_too_small_for_weights_of_their_type_are_refused(network, cv):
    tiny = SCALED.astype(np.float32)
    tiny[:, 2] *= np.float32(1e-42)
    with pytest.raises(
        ValueError, match=r"X are too small, .* in float32: give them in another unit"
    ):
        make(network, cv=cv).fit(tiny, targets_of(network))
    assert make(network, cv=cv).fit(tiny.astype(float), targets_of(network)).n_iter_ == 12


@over_cv
def test_constant_targets_are_predicted(cv):
    estimator = make(DropoutMLPRegressor, cv=cv, max_iter=50).fit(RAW, np.full(96, -4e3))
    assert_allclose(estimator.predict(RAW), -4e3, rtol=1e-3)


# sparse


def symmetric():
    """Columns of mean zero, many of them zero, in different units, and what to predict."""
    half = SCALED[:48] * [1e3, 1e-4, 1.0, 30.0, 1e5]
    half[np.random.default_rng(0).random(half.shape) < 0.5] = 0.0
    return np.concatenate([half, -half])


@over_cv
@each_class
@pytest.mark.parametrize("kind", [csr_array, csc_array])
def test_sparse_rows_of_mean_zero_are_the_same_as_dense_ones(network, cv, kind):
    X, y = symmetric(), targets_of(network)
    dense, sparse = make(network, cv=cv).fit(X, y), make(network, cv=cv).fit(kind(X), y)
    assert_allclose(predict(sparse, kind(X)), predict(dense, X), rtol=1e-6, atol=1e-9)


def test_other_sparse_columns_are_divided_by_their_root_mean_square():
    X = np.abs(symmetric())
    scaled = csr_array(X / np.sqrt(np.square(X).mean(axis=0)))
    inside = make(standardize=False).fit(scaled, LABELS)
    raw = make().fit(csr_array(X), LABELS)
    assert_allclose(raw.predict_proba(X), inside.predict_proba(scaled), rtol=1e-6)


def test_sparse_rows_are_never_densified_and_left_alone():
    rng = np.random.default_rng(0)
    places = rng.integers(100, size=1000), rng.integers(100_000, size=1000)
    X = csr_array((rng.normal(size=1000), places), shape=(100, 100_000))
    before = X.copy()
    tracemalloc.start()
    make(hidden_layer_sizes=(2,), max_iter=2, cv=2).fit(X, LABELS.repeat(2)[:100])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * 100_000 * 8
    assert (before != X).nnz == 0


# whose statistics count


@each_class
def test_weights_are_repetitions_in_the_statistics_too(network):
    times = np.random.default_rng(0).integers(0, 4, 96)
    X, y = RAW.copy(), targets_of(network)
    X[times == 3] *= 2
    X[times == 0] *= 1e3
    again, y_again = X.repeat(times, axis=0), y.repeat(times)
    weighted = make(network, batch_size=int((times > 0).sum()), dropout_rate=0.3)
    weighted.fit(X, y, sample_weight=times)
    repeated = make(network, batch_size=len(again), dropout_rate=0.3).fit(again, y_again)
    assert_allclose(predict(weighted, X), predict(repeated, X), rtol=1e-6, atol=1e-7)


@over_cv
@each_class
def test_rows_without_weight_do_not_count(network, cv):
    y, weight = targets_of(network), np.ones(96)
    X, some = RAW.copy(), np.arange(96) % 4 > 0
    weight[~some] = 0
    X[~some] = 1e9
    weighted = make(network, cv=cv).fit(X, y, sample_weight=weight)
    short = make(network, cv=cv).fit(X[some], y[some], sample_weight=weight[some])
    assert_allclose(predict(weighted, RAW), predict(short, RAW), rtol=1e-9)


def test_rows_of_a_class_without_weight_do_not_count():
    X = RAW.copy()
    X[LABELS == 1] = 1e9
    y = np.where(LABELS == 1, 2, (SCALED[:, 0] > 0).astype(int))
    some = LABELS == 0
    weighted = make(class_weight={0: 1, 1: 1, 2: 0}).fit(X, y)
    centre, scale = RAW[some].mean(axis=0), RAW[some].std(axis=0)
    standardization = weighted._standardizer.standardization(RAW.dtype)
    assert_allclose(standardization.mean, centre)
    assert_allclose(standardization.scale, scale)


def test_rows_held_out_by_early_stopping_do_not_count():
    """Of twenty rows two are held out: only these can be moved without any difference."""
    arguments = {"early_stopping": True, "max_iter": 1}
    plain = make(DropoutMLPRegressor, **arguments).fit(RAW[:20], NUMBERS[:20])
    without_difference = 0
    for i in range(20):
        X, y = RAW[:20].copy(), NUMBERS[:20].copy()
        X[i], y[i] = 2 * X[i] + 1, y[i] + 3
        moved = make(DropoutMLPRegressor, **arguments).fit(X, y)
        without_difference += np.array_equal(moved.coefs_[0], plain.coefs_[0])
    assert without_difference == 2


def test_a_validation_set_does_not_count():
    plain, other = (
        make(DropoutMLPRegressor, max_iter=1).fit(RAW, NUMBERS, X_val=X_val, y_val=y_val)
        for X_val, y_val in [(RAW[:9], NUMBERS[:9]), (RAW[:7] * 10, NUMBERS[:7] + 100)]
    )
    assert_array_equal(plain.coefs_[0], other.coefs_[0])
    assert plain.history_["validation_loss"] != other.history_["validation_loss"]


# going on


@each_class
def test_partial_fit_keeps_running_statistics(network):
    y, weight = targets_of(network), np.random.default_rng(0).integers(1, 4, 96)
    estimator = make(network, batch_size="auto")
    for first, last in [(0, 1), (1, 2), (2, 40), (40, 96)]:
        part = slice(first, last)
        classes = {"classes": [0, 1]} if network is DropoutMLPClassifier and not first else {}
        estimator.partial_fit(RAW[part], y[part], sample_weight=weight[part], **classes)
        seen = StandardScaler().fit(RAW[:last], sample_weight=weight[:last])
        standardization = estimator._standardizer.standardization(RAW.dtype)
        assert_allclose(standardization.mean, seen.mean_, rtol=1e-9)
        assert_allclose(standardization.scale, seen.scale_, rtol=1e-6)
        assert np.isfinite(predict(estimator, RAW)).all()
    if network is DropoutMLPRegressor:
        mean = np.average(y, weights=weight)
        assert_allclose(standardization.y_mean, mean)
        spread = np.sqrt(np.average((y - mean) ** 2, weights=weight))
        assert_allclose(standardization.y_scale, spread)


@each_class
@over_cv
def test_they_run_on_from_those_of_fit(network, cv):
    y = targets_of(network)
    estimator = make(network, cv=cv).fit(RAW[:60], y[:60]).partial_fit(RAW[60:], y[60:])
    assert_allclose(estimator._standardizer.standardization(RAW.dtype).mean, RAW.mean(axis=0))
    assert_allclose(estimator._standardizer.standardization(RAW.dtype).scale, RAW.std(axis=0))


@each_class
def test_a_training_can_begin_with_a_single_row(network):
    y = targets_of(network)
    classes = {"classes": [0, 1]} if network is DropoutMLPClassifier else {}
    estimator = make(network, batch_size="auto").partial_fit(SCALED[:1], y[:1], **classes)
    for _ in range(60):
        estimator.partial_fit(SCALED, y)
    assert estimator.score(SCALED, y) > 0.8


@each_class
@over_cv
def test_going_on_with_other_statistics_begins_with_the_same_function(network, cv):
    y = targets_of(network)
    estimator = make(network, cv=cv).fit(RAW, y)
    before = predict(estimator, RAW)
    estimator.set_params(**STILL, weight_decay=0.0)
    estimator.partial_fit(RAW[:20] + 3 * RAW.std(axis=0), y[:20])
    assert_allclose(predict(estimator, RAW), before, rtol=1e-6, atol=1e-8)


@over_cv
def test_a_warm_start_takes_new_statistics_and_the_old_function(cv):
    estimator = make(DropoutMLPRegressor, cv=cv, scoring="r2").fit(RAW, NUMBERS)
    before = estimator.predict(RAW)
    estimator.set_params(**STILL, weight_decay=0.0, warm_start=True)
    X, y = RAW[::2] * 3 - 5, NUMBERS[::2] * 100
    estimator.fit(X, y)
    assert_allclose(estimator._standardizer.standardization(RAW.dtype).mean, X.mean(axis=0))
    assert_allclose(estimator._standardizer.standardization(RAW.dtype).y_scale, y.std())
    assert_allclose(estimator.predict(RAW), before, rtol=1e-6, atol=1e-8)


def test_a_warm_start_goes_on_where_it_was():
    estimator = make(DropoutMLPRegressor, warm_start=True, max_iter=30).fit(RAW, NUMBERS)
    first = estimator.loss_curve_.copy()
    estimator.fit(RAW, NUMBERS)
    assert estimator.loss_curve_[: len(first)] == first
    assert estimator.loss_curve_[len(first)] < 0.5 * first[0]


def test_standardize_can_be_switched_on_and_off_on_the_way():
    estimator = make(DropoutMLPRegressor).fit(SCALED, NUMBERS)
    before = estimator.predict(SCALED)
    estimator.set_params(**STILL, weight_decay=0.0)
    for standardize in (False, True, False):
        estimator.set_params(standardize=standardize).partial_fit(SCALED[:50], NUMBERS[:50])
        assert_allclose(estimator.predict(SCALED), before, rtol=1e-6, atol=1e-8)
        assert hasattr(estimator, "_standardizer") == standardize


# where it begins


@pytest.mark.parametrize("weighted", [False, True])
def test_a_classifier_begins_at_the_base_rate(weighted):
    y = np.repeat(["a", "b", "c"], [60, 30, 6])
    weight = np.where(y == "c", 5.0, 1.0) if weighted else np.ones(96)
    estimator = make(**STILL).fit(RAW, y, sample_weight=weight)
    centre = np.average(RAW, axis=0, weights=weight)
    rates = [weight[y == k].sum() / weight.sum() for k in "abc"]
    assert_allclose(estimator.predict_proba([centre])[0], rates, rtol=1e-6)


def test_a_classifier_of_two_classes_or_many_labels_does_too():
    y = (np.arange(96) % 8 == 0).astype(int)
    centre = [RAW.mean(axis=0)]
    assert_allclose(make(**STILL).fit(RAW, y).predict_proba(centre), [[7 / 8, 1 / 8]], rtol=1e-6)
    labels = np.c_[y, LABELS, np.zeros(96, int)]
    p = make(**STILL).fit(RAW, labels).predict_proba(centre)
    assert_allclose(p, [[1 / 8, 1 / 2, 0]], rtol=1e-6, atol=1e-5)


def test_class_weights_move_the_base_rate():
    y = (np.arange(96) % 8 == 0).astype(int)
    estimator = make(**STILL, class_weight="balanced").fit(RAW, y)
    assert_allclose(estimator.predict_proba([RAW.mean(axis=0)]), [[0.5, 0.5]], rtol=1e-6)


@pytest.mark.parametrize("loss, unit", [("poisson", 1.0), ("poisson", 1e5), ("squared_error", 1e5)])
def test_a_regressor_begins_at_the_mean(loss, unit):
    y = unit * np.c_[LABELS, 3 * LABELS + 1]
    estimator = make(DropoutMLPRegressor, loss=loss, **STILL).fit(RAW, y)
    assert_allclose(estimator.predict([RAW.mean(axis=0)])[0], y.mean(axis=0), rtol=1e-6)


# dropped inputs


def most_draws(samples):
    """What nearly all draws predict."""
    return np.median(samples, axis=0)


@each_class
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_a_dropped_input_is_at_its_mean(network, sparse):
    """Sparse ones are not centred: there it is zero."""
    y = targets_of(network)
    X = csr_array(SCALED) if sparse else RAW
    estimator = make(network, dropout="bernoulli", input_dropout_rate=0.3).fit(X, y)
    estimator.set_params(input_dropout_rate=0.999, dropout_rate=0.0)
    name = "predict_samples" if network is DropoutMLPRegressor else "predict_proba_samples"
    samples = getattr(estimator, name)(X[:6], n_samples=21, random_state=0)
    centre = np.zeros((1, 5)) if sparse else RAW.mean(axis=0, keepdims=True)
    expected = np.broadcast_to(predict(estimator, centre), samples.shape[1:])
    assert_allclose(most_draws(samples), expected, rtol=1e-9, atol=1e-10)
    assert np.abs(predict(estimator, X[:6]) - expected).max() > 0.1


def test_so_it_is_in_an_ensemble():
    estimator = make(DropoutMLPRegressor, dropout="bernoulli", cv=3).fit(RAW, NUMBERS)
    estimator.set_params(input_dropout_rate=0.999, dropout_rate=0.0)
    samples = estimator.predict_samples(RAW[:6], n_samples=63, random_state=0)
    for k, member in enumerate(estimator.estimators_):
        (expected,) = member.predict(RAW.mean(axis=0, keepdims=True))
        assert_allclose(most_draws(samples[21 * k : 21 * (k + 1)]), expected, rtol=1e-9)


def test_after_partial_fit_the_mean_is_that_of_all_rows():
    estimator = make(DropoutMLPRegressor, dropout="bernoulli")
    for part in np.split(np.arange(96), 4):
        estimator.partial_fit(RAW[part], NUMBERS[part])
    estimator.set_params(input_dropout_rate=0.999)
    samples = estimator.predict_samples(RAW[:6], n_samples=21, random_state=0)
    (expected,) = estimator.predict(RAW.mean(axis=0, keepdims=True))
    assert_allclose(most_draws(samples), expected, rtol=1e-9)


def test_draws_without_dropped_inputs_need_no_coordinates():
    """Hidden units are dropped of the folded network; what scatters does so around it."""
    estimator = make(DropoutMLPRegressor, hidden_layer_sizes=(40,), dropout_rate=0.1, max_iter=40)
    estimator.fit(RAW, NUMBERS * 1e4 + 3e5)
    samples = estimator.predict_samples(RAW, n_samples=200, random_state=0)
    spread = samples.std(axis=0)
    assert (spread > 0).all()
    assert (np.abs(samples.mean(axis=0) - estimator.predict(RAW)) < spread).all()


# copies, exports, and what others see


@each_class
@over_cv
@pytest.mark.parametrize(
    "copy_of", [copy.deepcopy, copy.copy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_copies_predict_and_go_on_alike(network, cv, copy_of):
    y = targets_of(network)
    estimator = make(network, cv=cv, dropout_rate=0.3).fit(RAW, y)
    other = copy_of(estimator)
    assert_array_equal(predict(other, RAW), predict(estimator, RAW))
    for each in (estimator, other) if copy_of is not copy.copy else ():
        each.partial_fit(RAW + RAW.std(axis=0), y)
    assert_array_equal(predict(other, RAW), predict(estimator, RAW))


@each_class
def test_a_clone_knows_nothing(network):
    estimator = make(network, standardize=False).fit(SCALED, targets_of(network))
    anew = clone(estimator.set_params(standardize=True))
    with pytest.raises(NotFittedError):
        check_is_fitted(anew)
    assert "_standardizer" not in vars(anew)
    assert anew.standardize is True


@each_class
@over_cv
@pytest.mark.parametrize("batch_norm", [False, True], ids=["", "normalised"])
def test_scikit_learns_own_network_takes_raw_data_too(network, cv, batch_norm):
    estimator = make(network, cv=cv, batch_norm=batch_norm).fit(RAW, targets_of(network))
    theirs = estimator.to_sklearn()
    assert_allclose(predict(theirs, RAW), predict(estimator, RAW), rtol=1e-8, atol=1e-9)


@each_class
@over_cv
def test_a_scorer_sees_an_estimator_for_raw_data(network, cv):
    """The best score is that of the estimator in the end: it was asked the same."""
    y, seen = targets_of(network), []

    def score(estimator, X, y):
        seen.append((X, estimator.score(X, y)))
        return seen[-1][1]

    validation = {} if cv else {"X_val": RAW[:40], "y_val": y[:40]}
    estimator = make(network, cv=cv, scoring=score).fit(RAW, y, **validation)
    best = max(value for _, value in seen)
    assert len(seen) >= estimator.n_iter_
    assert_array_equal(seen[0][0], RAW if cv else RAW[:40])
    assert estimator.validation_scores_ == [value for _, value in seen[: estimator.n_iter_]]
    if cv:
        assert estimator.best_validation_score_ == estimator.oof_score_ == best
    else:
        assert estimator.score(RAW[:40], y[:40]) == pytest.approx(best, rel=1e-9)


@each_class
@over_cv
def test_callbacks_see_an_estimator_for_raw_data(network, cv):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
    y, seen = targets_of(network), []

    class Watcher(Listener):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "epoch":
                seen.append(predict(fitted_estimator, RAW))

    arguments = {"tol": 0.0, "n_iter_no_change": 50, "scoring": lambda e, X, y: float(len(seen))}
    estimator = make(network, cv=cv, **arguments).set_callbacks(Watcher()).fit(RAW, y)
    assert len(seen) == estimator.n_iter_ == 12
    assert_allclose(seen[-1], predict(estimator, RAW), rtol=1e-9)
    if network is DropoutMLPRegressor:
        errors = [np.square(p - y).mean() for p in seen]
        assert errors[-1] < 0.7 * errors[0] < y.var()


@each_class
def test_columns_of_different_scale_are_warned_of_where_nothing_is_standardised(network):
    y = targets_of(network)
    with pytest.warns(UserWarning, match=r"differ in scale by a factor of .*standardize=True"):
        make(network, standardize=False).fit(RAW, y)
    make(network).fit(RAW, y)
    make(network, standardize=False).fit(np.insert(SCALED, 0, 1e9, axis=1)[:, 1:], y)


@pytest.mark.parametrize("value", ["yes", None, 2])
def test_standardize_is_a_flag(value):
    with pytest.raises((TypeError, ValueError), match="standardize"):
        make(standardize=value).fit(SCALED, LABELS)


def test_numbers_that_nobody_checks_are_standardised_too():
    with sklearn.config_context(assume_finite=True):
        estimator = make(max_iter=50).fit(RAW, LABELS)
    assert estimator.score(RAW, LABELS) > 0.9


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("unit", [1e20, 1e-23])
def test_sparse_columns_of_extreme_units_are_standardised_as_others_are(unit):
    X = random_array((80, 20), density=0.3, format="csr", random_state=0)
    y = (X[:, [0, 1, 2]].sum(axis=1) > 0.4).astype(int)
    net = DropoutMLPClassifier((8,), max_iter=5, cv=None, random_state=0)
    usual = net.fit(X.astype(np.float32), y).predict_proba(X.astype(np.float32))
    far = (X * unit).astype(np.float32)
    assert_allclose(net.fit(far, y).predict_proba(far), usual, atol=1e-4)
