"""Masks: their values, mean, chances and independence; what a fit makes of a scheme."""

import pickle
import tracemalloc
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import chi2, chisquare
from sklearn.base import clone
from sklearn.datasets import make_classification

from skdropout import DropoutMLPClassifier, dropout
from skdropout.dropout import DROPOUT_SCHEMES, Batchwise, Bernoulli, DropoutScheme

SCHEMES = [Batchwise(), Bernoulli()]
RATES = [0.01, 0.2, 0.5, 0.9, 0.99]
BLOCK = 4 * dropout._WORDS  # elements of a mask for which random words are drawn at once


def draw(scheme, rate, n_rows, n_units, *, rng=0, dtype=np.float64):
    """A mask, drawn as a plan does it into memory that holds anything."""
    mask = np.full(scheme.mask_shape(n_rows, n_units), np.nan, dtype)
    scheme.draw(np.random.default_rng(rng), rate, mask)
    return mask


def draw_many(scheme, rate, n_draws, n_units):
    """The first rows of as many masks, drawn one after the other."""
    rng = np.random.default_rng(0)
    return np.vstack([draw(scheme, rate, 1, n_units, rng=rng) for _ in range(n_draws)])


def scale(scheme, rate, n_units):
    """One over the chance to be kept, as finely as a scheme resolves it."""
    n = n_units if isinstance(scheme, Batchwise) else 65536
    return n / max(1, round((1 - rate) * n))


def test_every_scheme_has_a_name_and_is_tested():
    public = {getattr(dropout, name) for name in dropout.__all__} - {DropoutScheme}
    assert set(DROPOUT_SCHEMES.values()) == public == {type(scheme) for scheme in SCHEMES}


@pytest.mark.parametrize("rate", [*RATES, 1 / 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_values_are_zero_and_the_scale(scheme, dtype, rate):
    mask = draw(scheme, rate, 1000, 200, dtype=dtype)
    assert mask.dtype == dtype
    assert set(np.unique(mask)) == {dtype(0), dtype(scale(scheme, rate, 200))}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_mean_is_one(scheme, rate):
    masks = draw_many(scheme, rate, 500, 2000)
    keep, standard_error = 1 - rate, np.sqrt(rate / (1 - rate) / masks.size)
    assert abs(masks.mean() - 1) < 4 * standard_error
    assert abs((masks > 0).mean() - keep) < 4 * keep * standard_error + 2**-17


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_units_of_bernoulli_are_independent(rate):
    n_rows = 100_000
    kept = draw(Bernoulli(), rate, n_rows, 8) > 0
    correlations = np.corrcoef(kept.T) - np.eye(8)
    assert abs(correlations).max() < 5 / np.sqrt(n_rows)


@pytest.mark.parametrize("distance", [1, 2, 3, 4, 5, 8, 200, BLOCK])
def test_elements_of_bernoulli_are_independent(distance):
    kept = draw(Bernoulli(), 0.5, 1000, 200).ravel() > 0
    correlation = np.corrcoef(kept[distance:], kept[:-distance])[0, 1]
    assert abs(correlation) < 5 / np.sqrt(kept.size - distance)


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_successive_draws_are_independent(scheme):
    n_draws = 10_000
    kept = draw_many(scheme, 0.5, n_draws, 8) > 0
    for unit in kept.T:
        correlation = np.corrcoef(unit[1:], unit[:-1])[0, 1]
        assert abs(correlation) < 4 / np.sqrt(n_draws)


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
@pytest.mark.parametrize("rate", [0.25, 0.5, 0.75])
def test_every_unit_is_dropped_as_often(scheme, rate):
    n_draws, n_units = 10_000, 12
    n_drops = (draw_many(scheme, rate, n_draws, n_units) == 0).sum(axis=0)
    statistic = np.sum((n_drops - rate * n_draws) ** 2) / (n_draws * rate * (1 - rate))
    n_free = n_units
    if isinstance(scheme, Batchwise):  # the sum of the drops is fixed
        statistic *= (n_units - 1) / n_units
        n_free = n_units - 1
    assert 0.001 < chi2.sf(statistic, n_free) < 0.999


def test_every_pair_of_units_is_dropped_as_often():
    masks = draw_many(Batchwise(), 0.4, 10_000, 5)
    counts = [np.all(masks[:, pair] == 0, axis=1).sum() for pair in combinations(range(5), 2)]
    assert sum(counts) == len(masks)
    assert 0.001 < chisquare(counts).pvalue < 0.999


@settings(deadline=None)
@given(
    n_units=st.integers(1, 20),
    rate=st.floats(0, 1, exclude_max=True),
    rng=st.integers(0, 2**32),
)
def test_batchwise_keeps_a_fixed_number_of_units(n_units, rate, rng):
    mask = draw(Batchwise(), rate, 16, n_units, rng=rng)
    n_active = max(1, round((1 - rate) * n_units))
    assert mask.shape == (1, n_units)
    assert np.count_nonzero(mask) == n_active
    assert mask.max() == n_units / n_active
    assert mask.mean() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    "n_units, rate, n_active",
    [(1, 0.99, 1), (3, 0.5, 2), (7, 0.99, 1), (10, 0.2, 8), (10, 0.96, 1), (20, 0.01, 20)],
)
def test_number_of_active_units(n_units, rate, n_active):
    assert np.count_nonzero(draw(Batchwise(), rate, 1, n_units)) == n_active


def test_shape_of_the_mask():
    assert Batchwise().mask_shape(32, 7) == (1, 7)
    assert Bernoulli().mask_shape(32, 7) == (32, 7)
    assert DropoutScheme().mask_shape(32, 7) == (32, 7)


SHAPES = [(1, 1), (3, 1), (3, 5), (7, 11), (1, BLOCK - 1), (1, BLOCK), (1, BLOCK + 1), (5, BLOCK)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("n_words", [1, 3])
def test_memory_for_random_words_makes_no_difference(shape, n_words, monkeypatch):
    mask = draw(Bernoulli(), 0.3, *shape)
    monkeypatch.setattr(dropout, "_WORDS", n_words)
    assert_array_equal(mask, draw(Bernoulli(), 0.3, *shape))
    assert set(np.unique(mask)) <= {0, scale(Bernoulli(), 0.3, shape[1])}


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_memory_does_not_grow_with_the_mask(scheme):
    mask, rng = np.empty(scheme.mask_shape(1000, 1000)), np.random.default_rng(0)
    tracemalloc.start()
    scheme.draw(rng, 0.5, mask)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300_000


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_state_of_the_generator_decides(scheme):
    rng = np.random.default_rng(5)
    draw(scheme, 0.5, 9, 40, rng=rng)  # leaves the start of the stream
    twin = pickle.loads(pickle.dumps(rng))
    first, second = (draw(scheme, 0.5, 9, 40, rng=rng) for _ in range(2))
    assert (first != second).any()
    assert_array_equal(draw(scheme, 0.5, 9, 40, rng=twin), first)
    assert_array_equal(draw(scheme, 0.5, 9, 40, rng=twin), second)


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_precision_changes_no_mask(scheme):
    single, double = (draw(scheme, 0.3, 50, 41, dtype=dtype) for dtype in (np.float32, np.float64))
    assert_array_equal(single, double.astype(np.float32))


@pytest.mark.parametrize("rate", [1 - 1e-6, 1 - 1e-12])
def test_at_least_something_is_kept(rate):
    """A chance that would be rounded to zero is rounded to 1/65536, a number of units to one."""
    mask = draw(Bernoulli(), rate, 2000, 2000)
    assert set(np.unique(mask)) == {0, 65536}
    assert abs(mask.mean() - 1) < 4 * np.sqrt(65536 / mask.size)
    assert_array_equal(np.sort(draw(Batchwise(), rate, 1, 9)), [[0] * 8 + [9]])


@pytest.mark.parametrize("rate", [0.0, 1e-6])
@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_rate_that_rounds_to_zero_drops_nothing(scheme, rate):
    assert (draw(scheme, rate, 300, 70) == 1).all()


def test_base_class_draws_nothing():
    with pytest.raises(NotImplementedError, match="DropoutScheme must implement draw"):
        draw(DropoutScheme(), 0.5, 2, 3)


# In a fit: 40 rows are batches of 16, 16 and 8.

X, Y = make_classification(40, n_features=4, random_state=0)


def fit(**arguments):
    return DropoutMLPClassifier(
        (5, 3), batch_size=16, learning_rate="cosine", max_iter=4, random_state=0, **arguments
    ).fit(X, Y)


def assert_same_network(first, second):
    for array, other in zip(
        first.coefs_ + first.intercepts_, second.coefs_ + second.intercepts_, strict=True
    ):
        assert_array_equal(array, other)
    assert first.loss_curve_ == second.loss_curve_


def recorder():
    """A scheme, and the list of all that it is asked for."""
    calls = []

    @dataclass(repr=False)
    class Recorder(DropoutScheme):
        def draw(self, rng, rate, out):
            calls.append((rate, out.shape))
            out[:] = (rng.random(out.shape) >= rate) / (1 - rate)

    return Recorder(), calls


def test_scheme_of_a_users_own():
    scheme, calls = recorder()
    fit(dropout=scheme, input_dropout_rate=0.1, dropout_rate=(0.2, 0.3))
    of_an_epoch = [
        (rate, (n_rows, n_units))
        for n_rows in (16, 16, 8)
        for rate, n_units in ((0.1, 4), (0.2, 5), (0.3, 3))
    ]
    assert calls == 4 * of_an_epoch


def test_only_layers_with_a_rate_are_asked():
    scheme, calls = recorder()
    fit(dropout=scheme, dropout_rate=(0, 0.3))
    assert set(calls) == {(0.3, (16, 3)), (0.3, (8, 3))}


def test_shape_of_a_users_mask_is_broadcast():
    @dataclass(repr=False)
    class DropSamples(DropoutScheme):
        def mask_shape(self, n_rows, n_units):
            return n_rows, 1

        def draw(self, rng, rate, out):
            assert out.shape[1] == 1
            out[:] = (rng.random(out.shape) >= rate) / (1 - rate)

    by_sample, plain = fit(dropout=DropSamples(), dropout_rate=0.5), fit(dropout_rate=0)
    assert abs(by_sample.decision_function(X) - plain.decision_function(X)).max() > 1e-6


def test_rate_zero_asks_no_scheme():
    plain = fit(dropout_rate=0)
    for scheme in (*SCHEMES, DropoutScheme()):  # the last of which cannot draw
        assert_same_network(fit(dropout=scheme, dropout_rate=(0, 0.0)), plain)


@pytest.mark.parametrize("shuffle", [True, False])
def test_dropout_changes_neither_start_nor_order(shuffle):
    """A scheme that draws, and then keeps everything, gives the network without dropout."""

    @dataclass(repr=False)
    class KeepAll(DropoutScheme):
        def draw(self, rng, rate, out):
            rng.random(out.size)
            out[:] = 1

    kept = fit(dropout=KeepAll(), input_dropout_rate=0.5, dropout_rate=0.5, shuffle=shuffle)
    assert_same_network(kept, fit(dropout_rate=0, shuffle=shuffle))


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_copies_are_equal(scheme):
    for copy in (clone(scheme), pickle.loads(pickle.dumps(scheme))):
        assert copy is not scheme
        assert copy == scheme
    assert [scheme == other for other in SCHEMES].count(True) == 1
    assert repr(scheme) == f"{type(scheme).__name__}()"
