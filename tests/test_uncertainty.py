"""Measures of uncertainty: their formulas, their bounds, and extreme numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax
from scipy.stats import entropy, mode

from skdropout._core.uncertainty import measure_classes, measure_spread

SHAPES = [(7, 5, 3), (2, 4, 2), (30, 1, 10), (6, 3, 4, 2), (5, 9, 1)]  # draws first, classes last


def log_probabilities(shape, scale=3.0, dtype=np.float64):
    z = scale * np.random.default_rng(0).normal(size=shape)
    return log_softmax(z.astype(dtype), axis=-1)


def overwritten(draws):
    """The draws one after the other, each in the memory of the one before."""
    memory = np.empty_like(draws[0])
    for draw in draws:
        memory[:] = draw
        yield memory
    memory.fill(np.nan)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("scale", [0.1, 3.0, 100.0])
def test_measures_equal_the_formulas(shape, scale):
    log_p = log_probabilities(shape, scale)
    p = np.exp(log_p)
    total, expected = entropy(p.mean(axis=0), axis=-1), entropy(p, axis=-1).mean(axis=0)
    formulas = {
        "mean_proba": p.mean(axis=0),
        "predictive_entropy": total,
        "expected_entropy": expected,
        "mutual_information": total - expected,
        "variation_ratio": 1 - mode(p.argmax(axis=-1), axis=0).count / shape[0],
    }
    measures = measure_classes(log_p)
    assert measures.keys() == formulas.keys()
    for name, value in formulas.items():
        assert measures[name].shape == value.shape
        assert_allclose(measures[name], value, rtol=1e-12, atol=1e-14, err_msg=name)


@st.composite
def draws_of_classes(draw):
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 4), st.integers(1, 5)))
    z = draw(arrays(np.float64, shape, elements=st.floats(-1e4, 1e4)))
    return log_softmax(z, axis=-1)


@settings(deadline=None)
@given(draws_of_classes())
def test_the_whole_is_the_sum_of_its_parts_and_bounded(log_p):
    n_draws, _, n_classes = log_p.shape
    measures = measure_classes(log_p)
    whole, noise = measures["predictive_entropy"], measures["expected_entropy"]
    information, ratio = measures["mutual_information"], measures["variation_ratio"]
    assert_allclose(noise + information, whole, rtol=0, atol=1e-14)
    assert (noise >= 0).all()
    assert (information >= 0).all()
    assert (information <= whole + 1e-14).all()
    assert (whole <= np.log(n_classes) + 1e-14).all()
    assert (ratio >= 0).all()
    assert (ratio <= 1 - np.ceil(n_draws / n_classes) / n_draws + 1e-14).all()
    assert_allclose(measures["mean_proba"].sum(axis=-1), 1, rtol=1e-10)


@settings(deadline=None)
@given(draws_of_classes(), st.randoms(use_true_random=False))
def test_order_of_draws_and_of_classes_makes_no_difference(log_p, random):
    draws, classes = list(range(len(log_p))), list(range(log_p.shape[-1]))
    random.shuffle(draws)
    random.shuffle(classes)
    measures = measure_classes(log_p)
    shuffled = measure_classes(log_p[draws][..., classes])
    assert_allclose(shuffled.pop("mean_proba"), measures["mean_proba"][:, classes], atol=1e-14)
    shuffled.pop("variation_ratio")  # equal probabilities vote for the first class of them
    for name, value in shuffled.items():
        assert_allclose(value, measures[name], atol=1e-13, err_msg=name)


@settings(deadline=None)
@given(draws_of_classes(), st.integers(1, 30))
def test_draws_that_agree_carry_no_information(log_p, n_draws):
    measures = measure_classes([log_p[0]] * n_draws)
    assert_allclose(measures["mutual_information"], 0, atol=1e-14)
    assert_array_equal(measures["variation_ratio"], 0)
    assert_allclose(measures["mean_proba"], np.exp(log_p[0]), rtol=1e-14)


def test_draws_that_are_sure_of_different_classes_are_all_information():
    log_p = np.where(np.eye(4) == 1, 0.0, -1e4)[:, np.newaxis]  # draw i is sure of class i
    measures = measure_classes(log_p)
    assert_array_equal(measures["mean_proba"], [[0.25] * 4])
    assert_array_equal(measures["expected_entropy"], [0])
    assert_allclose(measures["mutual_information"], np.log(4), rtol=1e-15)
    assert_array_equal(measures["variation_ratio"], [0.75])


def test_draws_that_are_unsure_are_all_noise():
    measures = measure_classes(np.full((3, 1, 5), -np.log(5)))
    assert_allclose(measures["expected_entropy"], np.log(5))
    assert_allclose(measures["mutual_information"], 0, atol=1e-15)


@pytest.mark.parametrize("votes, ratio", [("0011", 0.5), ("0121", 0.5), ("2222", 0), ("0122", 0.5)])
def test_variation_ratio_counts_votes(votes, ratio):
    log_p = np.log(np.full((4, 1, 3), 0.2))
    for draw, vote in zip(log_p, map(int, votes), strict=True):
        draw[0, vote] = np.log(0.6)
    assert measure_classes(log_p)["variation_ratio"] == ratio


@pytest.mark.parametrize("lowest", [-700.0, -745.0, -1e4, -1e300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_probabilities_stay_finite(lowest, dtype):
    lowest = max(lowest, float(np.finfo(dtype).min))
    log_p = np.array([[[0, lowest], [lowest, 0]], [[0, lowest], [0, lowest]]], dtype)
    measures = measure_classes(log_p)
    assert all(np.isfinite(value).all() for value in measures.values())
    assert_allclose(measures["mutual_information"], [0, np.log(2)], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("measure", [measure_classes, measure_spread])
def test_draws_are_read_once_and_may_share_their_memory(measure):
    draws = log_probabilities((9, 4, 3))
    before = draws.copy()
    expected = measure(list(draws))
    assert_array_equal(draws, before)
    for name, value in measure(overwritten(draws)).items():
        assert_array_equal(value, expected[name], err_msg=name)


@pytest.mark.parametrize("measure", [measure_classes, measure_spread])
def test_single_precision_stays(measure):
    draws = log_probabilities((20, 6, 3), dtype=np.float32)
    precise = measure(draws.astype(np.float64))
    for name, value in measure(draws).items():
        if name != "variation_ratio":  # a count, not a number from the draws
            assert value.dtype == np.float32
        assert_allclose(value, precise[name], rtol=1e-5, atol=1e-6, err_msg=name)


# standard deviations


@settings(deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.floats(-99, 99))
)
def test_spread_is_the_standard_deviation(draws):
    (std,) = measure_spread(draws).values()
    assert std.shape == draws.shape[1:]
    assert_allclose(std, np.std(draws, axis=0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(30, 5), (30, 5, 2), (2, 1), (2, 3, 1)], ids=str)
@pytest.mark.parametrize("mean, spread", [(0, 1), (1e8, 1), (-1e8, 1e-3)])
def test_spread_survives_a_large_mean(shape, mean, spread):
    noise = spread * np.random.default_rng(0).normal(size=shape)
    rounding = np.finfo(float).eps * abs(mean)
    (std,) = measure_spread(mean + noise).values()
    assert_allclose(std, np.std(noise, axis=0), rtol=1e-12, atol=rounding)


@pytest.mark.parametrize("value", [0.1, 1e8 + 0.1, -1e-300])
@pytest.mark.parametrize("n_draws", [1, 2, 30])
def test_spread_of_equal_draws_is_zero(value, n_draws):
    assert_array_equal(measure_spread([np.full(3, value)] * n_draws)["std"], np.zeros(3))
