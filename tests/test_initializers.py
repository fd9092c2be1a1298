from math import sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest, norm, truncnorm, uniform

from skdropout._core.activations import ACTIVATIONS
from skdropout._core.initializers import INITIALIZERS, choose_initializer


def glorot(fan_in, fan_out):
    return 2 / (fan_in + fan_out)


def he(fan_in, fan_out):
    return 2 / fan_in


def lecun(fan_in, fan_out):
    return 1 / fan_in


# Distributions of variance one
UNIFORM = uniform(-sqrt(3), 2 * sqrt(3))
NORMAL = norm()
TRUNCATED_NORMAL = truncnorm(-2, 2, scale=1 / truncnorm(-2, 2).std())

LAWS = {
    "glorot_uniform": (glorot, UNIFORM),
    "glorot_normal": (glorot, NORMAL),
    "he_uniform": (he, UNIFORM),
    "he_normal": (he, NORMAL),
    "lecun_uniform": (lecun, UNIFORM),
    "lecun_normal": (lecun, NORMAL),
    "truncated_normal": (lecun, TRUNCATED_NORMAL),
}
SHAPES = [(300, 200), (200, 300), (1, 5), (5, 1)]

over_laws = pytest.mark.parametrize("name", LAWS)
over_names = pytest.mark.parametrize("name", INITIALIZERS)


def draw(name, fan_in, fan_out, seed=0):
    return INITIALIZERS[name](np.random.default_rng(seed), fan_in, fan_out)


def test_each_initializer_has_its_test():
    assert {*LAWS, "orthogonal"} == set(INITIALIZERS)


@pytest.mark.parametrize("fan_in, fan_out", [(300, 200), (200, 300)])
@over_laws
def test_mean_and_variance_equal_the_formula(name, fan_in, fan_out):
    variance, law = LAWS[name]
    W = draw(name, fan_in, fan_out)
    expected = variance(fan_in, fan_out)
    error_of_mean = sqrt(expected / W.size)
    error_of_variance = expected * sqrt((law.stats("k") + 2) / W.size)
    assert abs(W.mean()) < 4 * error_of_mean
    assert abs(W.var() - expected) < 4 * error_of_variance


@over_laws
def test_values_follow_the_distribution(name):
    variance, law = LAWS[name]
    values = draw(name, 300, 200).ravel() / sqrt(variance(300, 200))
    assert kstest(values, law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", [name for name, (_, law) in LAWS.items() if law is not NORMAL])
def test_values_fill_their_bounds_and_no_more(name):
    variance, law = LAWS[name]
    _, bound = law.support()
    largest = np.abs(draw(name, 300, 200)).max() / sqrt(variance(300, 200))
    assert 0.99 * bound < largest <= bound


@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonal_rows_or_columns(shape):
    W = draw("orthogonal", *shape)
    gram = W.T @ W if shape[0] >= shape[1] else W @ W.T
    assert_allclose(gram, np.eye(min(shape)), atol=1e-13)


def test_orthogonal_prefers_no_direction():
    """Without a correction of signs, a QR decomposition returns a corner of one sign."""
    corners = [draw("orthogonal", 3, 2, seed)[0, 0] for seed in range(400)]
    assert abs(np.mean(corners)) < 4 * sqrt(1 / 3 / 400)


@pytest.mark.parametrize("shape", SHAPES)
@over_names
def test_same_seed_same_weights(name, shape):
    W = draw(name, *shape, seed=1)
    assert W.shape == shape
    assert W.dtype == np.float64
    assert_array_equal(W, draw(name, *shape, seed=1))
    assert not np.array_equal(W, draw(name, *shape, seed=2))


@over_names
def test_a_name_stands_for_itself(name):
    for activation in ACTIVATIONS:
        assert choose_initializer(name, activation) is INITIALIZERS[name]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_auto_goes_by_activation(activation):
    expected = {
        "identity": "glorot_uniform",
        "logistic": "glorot_uniform",
        "tanh": "glorot_uniform",
        "relu": "he_uniform",
        "leaky_relu": "he_uniform",
        "elu": "he_uniform",
        "selu": "lecun_normal",
        "gelu": "he_uniform",
        "silu": "he_uniform",
    }
    assert choose_initializer("auto", activation) is INITIALIZERS[expected[activation]]
