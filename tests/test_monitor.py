"""What is measured on rows that a network has not seen: the temperature, and averages."""

import numpy as np
import pytest
from cases import make_network
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar

from skdropout._core.losses import CLASS_LOSSES, NUMBER_LOSSES
from skdropout._training.monitor import SHARPEST, SOFTEST, HeldOut, Validation, calibrate

OUTPUTS = {"logistic": 1, "softmax": 3}
over_losses = pytest.mark.parametrize("name", OUTPUTS)
over_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])


def make_problem(name, dtype=np.float64, n_rows=400):
    """Raw predictions, labels drawn by their probabilities, and weights."""
    loss, rng = CLASS_LOSSES[name], np.random.default_rng(0)
    z = rng.normal(scale=2, size=(n_rows, OUTPUTS[name]))
    p = loss.proba(z)
    if name == "softmax":
        y = np.eye(3)[(p.cumsum(axis=1) < rng.random((n_rows, 1))).sum(axis=1)]
    else:
        y = (rng.random(p.shape) < p).astype(float)
    weight = rng.uniform(0, 2, n_rows) * (rng.random(n_rows) < 0.8)
    return loss, z.astype(dtype), y.astype(dtype), weight.astype(dtype)


# calibrate


@over_dtypes
@over_losses
@pytest.mark.parametrize("weighted", [False, True])
def test_no_other_factor_has_a_smaller_loss(name, weighted, dtype):
    loss, z, y, weight = make_problem(name, dtype)
    weight = weight if weighted else None
    before = z.copy()
    factor = calibrate(loss, z, y, weight)
    assert type(factor) is float
    assert_array_equal(z, before)

    def value(k):
        return loss.value(k * z.astype(float), y.astype(float), weight)

    best = minimize_scalar(value, bounds=(SOFTEST, SHARPEST), method="bounded")
    assert factor == pytest.approx(best.x, rel=3e-3)


@over_losses
def test_predictions_that_tell_the_truth_stay_as_they_are(name):
    loss, z, y, _ = make_problem(name, n_rows=20_000)
    assert calibrate(loss, z, y, None) == pytest.approx(1, abs=0.05)


@over_losses
@pytest.mark.parametrize("times", [0.5, 3.0])
def test_too_sure_or_too_timid_logits_are_brought_back(name, times):
    loss, z, y, weight = make_problem(name)
    plain = calibrate(loss, z, y, weight)
    assert calibrate(loss, times * z, y, weight) * times == pytest.approx(plain, rel=3e-3)


@over_losses
def test_rows_without_weight_have_no_say(name):
    loss, z, y, weight = make_problem(name)
    some = weight > 0
    z[~some] *= -50
    factor = calibrate(loss, z, y, weight)
    assert factor == pytest.approx(calibrate(loss, z[some], y[some], weight[some]), rel=2e-3)


@over_losses
def test_perfect_and_hopeless_predictions_have_factors_with_bounds(name):
    loss, _, y, _ = make_problem(name)
    assert calibrate(loss, 2 * y - 1, y, None) == SHARPEST
    assert calibrate(loss, 1 - 2 * y, y, None) == SOFTEST
    assert 0 < SOFTEST < 1 < SHARPEST


# a validation of several networks


def make_validation(loss, n_outputs, places, *, calibrates=False):
    """Networks that each see some of ten rows, and the raw predictions of each."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(10, 4))
    seen = np.unique(np.concatenate(places))
    networks = [make_network((4, 5, n_outputs), seed=i) for i in range(len(places))]
    parts = [
        HeldOut(network, X, rows, np.searchsorted(seen, rows))
        for network, rows in zip(networks, places, strict=True)
    ]
    y = rng.integers(2, size=(len(seen), n_outputs)).astype(float)
    validation = Validation(parts, loss, y, None, None, calibrates=calibrates)
    return validation, [network.predict(X) for network in networks]


def test_rows_held_out_once_have_the_prediction_of_their_network():
    loss, places = CLASS_LOSSES["logistic"], [np.array([1, 7, 5]), np.array([0, 2, 9, 8])]
    validation, (one, other) = make_validation(loss, 2, places)
    entries = validation.measure()
    z = np.empty((7, 2))
    for row, i in zip([0, 1, 2, 5, 7, 8, 9], range(7), strict=True):
        z[i] = one[row] if row in (1, 5, 7) else other[row]
    assert_array_equal(validation.z, z)
    assert entries == {"validation_loss": pytest.approx(loss.value(z, validation.targets))}


@pytest.mark.parametrize("name", ["logistic", "squared_error", "poisson"])
def test_rows_held_out_several_times_have_the_mean_of_their_predictions(name):
    loss = {**CLASS_LOSSES, **NUMBER_LOSSES}[name]
    places = [np.arange(5), np.array([4, 3, 8]), np.array([3])]
    validation, draws = make_validation(loss, 2, places)
    validation.measure()
    mean_of = loss.proba if name == "logistic" else loss.mean
    found = mean_of(validation.z)  # of the rows 0 1 2 3 4 8
    assert_allclose(found[:3], mean_of(draws[0][:3]))
    assert_allclose(found[3], np.mean([mean_of(z[3]) for z in draws], axis=0))
    assert_allclose(found[4], np.mean([mean_of(z[4]) for z in draws[:2]], axis=0))
    assert_allclose(found[5], mean_of(draws[1][8]))


def test_what_is_measured_is_calibrated():
    loss, places = CLASS_LOSSES["logistic"], [np.arange(5), np.arange(5, 10)]
    plain, _ = make_validation(loss, 1, places)
    validation, _ = make_validation(loss, 1, places, calibrates=True)
    before, after = plain.measure()["validation_loss"], validation.measure()["validation_loss"]
    assert after < before
    assert plain.factor == 1
    assert validation.factor == calibrate(loss, plain.z, plain.targets, None)
    assert_allclose(validation.z, validation.factor * plain.z)


def test_predictions_that_are_not_finite_are_measured_as_nan():
    validation, _ = make_validation(CLASS_LOSSES["logistic"], 1, [np.arange(10)], calibrates=True)
    validation.parts[0].network.biases[-1][:] = np.inf
    assert np.isnan(validation.measure()["validation_loss"])
