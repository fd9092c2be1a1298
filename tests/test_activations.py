import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose, assert_array_equal

from skdropout._core.activations import ACTIVATIONS
from skdropout._network.ops import RectifierDropout

NAMES = list(ACTIVATIONS)
X = np.concatenate([np.linspace(-6, 6, 40), np.random.default_rng(0).normal(size=60)])

over_names = pytest.mark.parametrize("name", NAMES)
over_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])


def f(name, x, *, in_place=None):
    """``f(x)`` and ``f'(x)`` as a layer computes them, in memory that `x` may share with `y`."""
    function = ACTIVATIONS[name]
    x = x.copy()
    share = function.in_place if in_place is None else in_place
    y = x if share else np.full_like(x, np.nan)
    function.forward(x, y)
    value = y.copy()
    function.derivative(x, y)
    return value, x


def test_each_activation_has_a_definition():
    assert set(reference.ACTIVATIONS) == set(NAMES)


@over_names
def test_reference_derivative_equals_complex_step(name):
    value, derivative = reference.ACTIVATIONS[name]
    step = 1e-30
    assert_allclose(value(X + 1j * step).imag / step, derivative(X), rtol=1e-12, atol=1e-15)


@over_names
def test_forward_equals_definition(name):
    value, _ = f(name, X)
    assert_allclose(value, reference.ACTIVATIONS[name][0](X), rtol=1e-13, atol=1e-15)


@over_names
def test_derivative_equals_definition(name):
    _, derivative = f(name, X)
    assert_allclose(derivative, reference.ACTIVATIONS[name][1](X), rtol=1e-13, atol=1e-15)


@over_names
def test_derivative_equals_difference_quotient(name):
    step = 1e-5
    assert np.abs(X).min() > step  # no kink in between
    (above, _), (below, _) = f(name, X + step), f(name, X - step)
    _, derivative = f(name, X)
    assert_allclose((above - below) / (2 * step), derivative, rtol=1e-8, atol=1e-9)


@over_names
def test_sharing_memory_is_right_if_and_only_if_in_place(name):
    value, derivative = reference.ACTIVATIONS[name]
    shared = np.array(f(name, X, in_place=True))
    is_right = np.allclose(shared, [value(X), derivative(X)], rtol=1e-12, atol=1e-14)
    assert is_right == ACTIVATIONS[name].in_place


@over_dtypes
@pytest.mark.parametrize("name", [name for name in NAMES if ACTIVATIONS[name].is_rectifier])
def test_gate_is_the_activation_and_its_derivative(name, dtype):
    x = X.astype(dtype)
    value, derivative = f(name, x)
    gate = np.full_like(x, np.nan)
    RectifierDropout(ACTIVATIONS[name], None, gate, x, None).forward()
    assert_array_equal(gate, derivative)
    assert_array_equal(x, value)


@over_dtypes
@over_names
def test_saturated_inputs_reach_the_limits(name, dtype):
    extreme = np.array([-1e4, 1e4])
    value, derivative = f(name, extreme.astype(dtype))
    far = np.array([-40.0, 40.0])  # straight lines from here on; the definitions overflow later
    value_there, slope = (g(far) for g in reference.ACTIVATIONS[name])
    assert_allclose(value, value_there + slope * (extreme - far), rtol=1e-6, atol=1e-10)
    assert_allclose(derivative, slope, rtol=1e-6, atol=1e-10)


@over_dtypes
@over_names
def test_smallest_inputs_act_as_zero(name, dtype):
    tiny = np.finfo(dtype).tiny
    value, derivative = f(name, np.array([-tiny, -0.0, 0.0, tiny], dtype))
    at_zero = reference.ACTIVATIONS[name][0](np.zeros(4))
    assert_allclose(value, at_zero, rtol=1e-6, atol=2 * tiny)
    around = np.array([-1e-30, -1e-30, -1e-30, 1e-30])  # a kink belongs to its left side
    assert_allclose(derivative, reference.ACTIVATIONS[name][1](around), rtol=1e-6)


@over_names
def test_float32_is_as_exact_as_float32_can_be(name):
    values = f(name, X.astype(np.float32))
    expected = [g(X.astype(np.float32).astype(np.float64)) for g in reference.ACTIVATIONS[name]]
    for value, expected_value in zip(values, expected, strict=True):
        assert value.dtype == np.float32
        assert_allclose(value, expected_value, rtol=2e-6, atol=4e-7)
