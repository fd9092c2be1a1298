import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skdropout._core.tuning import VECTOR_PIECE
from skdropout._core.vectors import axpy, flush, is_finite, lerp, scal

over_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
over_factors = pytest.mark.parametrize("a", [0.0, 0.1, 1.0, -2.5])


def two_vectors(dtype):
    """Two vectors that lie in the middle of others."""
    both = np.random.default_rng(0).normal(size=(2, 29)).astype(dtype)
    return both[:, 10:19]


@over_dtypes
@over_factors
@pytest.mark.parametrize(
    "operation, expected",
    [
        (lambda a, x, y: scal(a, y), lambda a, x, y: a * y),
        (axpy, lambda a, x, y: y + a * x),
    ],
    ids=["scal", "axpy"],
)
def test_operation_changes_the_last_vector_and_nothing_else(operation, expected, a, dtype):
    x, y = two_vectors(dtype)
    whole, wanted = x.base.copy(), expected(a, x.astype(float), y.astype(float))
    operation(a, x, y)
    assert_allclose(y, wanted, rtol=0, atol=8 * np.finfo(dtype).eps)
    whole[1, 10:19] = y
    assert_array_equal(x.base, whole)


@over_dtypes
def test_nan_is_not_lost(dtype):
    x, y = two_vectors(dtype)
    x[3] = y[5] = np.nan
    axpy(0.5, x, y)
    assert_array_equal(np.flatnonzero(np.isnan(y)), [3, 5])
    scal(0.5, y)
    assert_array_equal(np.flatnonzero(np.isnan(y)), [3, 5])


@over_dtypes
@pytest.mark.parametrize(
    "size", [1, VECTOR_PIECE - 1, VECTOR_PIECE, VECTOR_PIECE + 1, 3 * VECTOR_PIECE + 7]
)
def test_long_vectors_are_added_whole(size, dtype):
    x, y = np.random.default_rng(0).normal(size=(2, size)).astype(dtype)
    expected = y + 0.25 * x
    axpy(0.25, x, y)
    assert_allclose(y, expected, rtol=0, atol=8 * np.finfo(dtype).eps)


@over_dtypes
@over_factors
def test_lerp(a, dtype):
    """It uses up the value, and changes nothing beside the two."""
    value, average = two_vectors(dtype)
    around = np.delete(value.base, np.s_[10:19], axis=1)
    expected = (1 - a) * average.astype(float) + a * value.astype(float)
    lerp(average, value, a)
    assert_allclose(average, expected, rtol=0, atol=8 * np.finfo(dtype).eps)
    assert_array_equal(np.delete(value.base, np.s_[10:19], axis=1), around)


@over_dtypes
@pytest.mark.parametrize("size", [1, 1000, 40_000, 250_000])
def test_lerp_of_long_vectors(size, dtype):
    average, value = np.random.default_rng(0).normal(size=(2, size)).astype(dtype)
    expected = average + 0.25 * (value - average)
    lerp(average, value, 0.25)
    assert_allclose(average, expected, rtol=0, atol=8 * np.finfo(dtype).eps)


@over_dtypes
def test_flush_leaves_no_subnormal_number(dtype):
    finfo = np.finfo(dtype)
    x = np.linspace(-finfo.tiny, finfo.tiny, 1001, dtype=dtype)
    x[::10] = finfo.smallest_subnormal * np.arange(-50, 51, dtype=dtype)
    flush(x)
    assert_array_equal(x, np.zeros_like(x))


@over_dtypes
def test_flush_changes_nothing_else(dtype):
    """By more than the smallest normal number, or than rounding."""
    finfo = np.finfo(dtype)
    rng = np.random.default_rng(0)
    x = 2.0 ** rng.uniform(np.log2(finfo.tiny), np.log2(finfo.max), 10_000)
    x = (x * rng.choice([-1, 1], x.size)).astype(dtype)
    flushed = x.copy()
    flush(flushed)
    assert_allclose(flushed, x, rtol=float(finfo.eps), atol=2 * float(finfo.tiny))
    large = abs(x) > 1e-15
    assert_array_equal(flushed[large], x[large])
    lost = np.array([np.inf, -np.inf, np.nan], dtype)
    flush(lost)
    assert_array_equal(lost, np.array([np.inf, -np.inf, np.nan], dtype))


@pytest.mark.parametrize(
    "values, finite",
    [
        ([], True),
        ([0, -1], True),
        ([1e30, -1e30], True),
        ([1, np.inf], False),
        ([-np.inf], False),
        ([np.inf, -np.inf], False),
        ([0, np.nan], False),
        ([1e30, np.nan], False),
    ],
)
@over_dtypes
def test_is_finite(values, finite, dtype):
    """Whether or not the squares are."""
    assert is_finite(np.array(values, dtype)) is finite
    assert is_finite(np.tile(values, 5000).astype(dtype)) is finite
