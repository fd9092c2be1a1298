"""How starting weights are drawn: by name, by an object, by a function of a user's own."""

import pickle
from math import sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest, norm, truncnorm, uniform
from sklearn.base import clone

from skdropout import DropoutMLPClassifier
from skdropout._core.activations import ACTIVATIONS
from skdropout.initializers import (
    INITIALIZERS,
    Initializer,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    choose_initializer,
)


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


OWN_LAWS = [
    (Normal(0.5, 2.0), norm(0.5, 2.0)),
    (Uniform(-0.5, 2.0), uniform(-0.5, 2.5)),
    (TruncatedNormal(), truncnorm(-2, 2)),
    (TruncatedNormal(1.0, 0.5, 0.0, 1.2), truncnorm(-2, 0.4, loc=1.0, scale=0.5)),
    (VarianceScaling(3.0, "fan_out", "normal"), norm(0.0, sqrt(3 / 200))),
    (VarianceScaling(3.0, "fan_avg", "uniform"), uniform(-sqrt(9 / 250), 2 * sqrt(9 / 250))),
]


@pytest.mark.parametrize("initializer, law", OWN_LAWS, ids=[str(one) for one, _ in OWN_LAWS])
def test_an_object_follows_its_distribution(initializer, law):
    W = initializer(np.random.default_rng(0), 300, 200)
    assert W.shape == (300, 200)
    assert kstest(W.ravel(), law.cdf).pvalue > 1e-3


def test_gain_is_the_length_of_orthogonal_rows():
    W = Orthogonal(gain=3.0)(np.random.default_rng(0), 4, 7)
    assert_allclose(W @ W.T, 9 * np.eye(4), atol=1e-12)


@pytest.mark.parametrize(
    "initializer, message",
    [
        (Normal(mean=np.inf), r"mean must be a number in \(-inf, inf\), got inf"),
        (Normal(std=-1), r"std must be a number in \[0, inf\), got -1"),
        (Uniform(1, 1), r"high must be a number in \(1, inf\), got 1"),
        (Uniform(np.nan, 1), r"low must be a number in \(-inf, inf\), got nan"),
        (TruncatedNormal(std=0), r"std must be a number in \(0, inf\), got 0"),
        (TruncatedNormal(mean=np.nan), r"mean must be a number"),
        (TruncatedNormal(low=3), r"high must be a number in \(3, inf\), got 2.0"),
        (VarianceScaling(0), r"scale must be a number in \(0, inf\), got 0"),
        (VarianceScaling(mode="fan"), r"mode must be one of 'fan_in'.* got 'fan'"),
        (VarianceScaling(distribution="gamma"), r"distribution must be one of .* got 'gamma'"),
        (Orthogonal(gain=0), r"gain must be a number in \(0, inf\), got 0"),
    ],
    ids=str,
)
def test_bad_numbers_are_refused_before_any_work(initializer, message):
    with pytest.raises(ValueError, match=message):
        make_classifier(initializer).fit(X, Y)


X, Y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2


def make_classifier(weight_init):
    """A classifier that hardly moves from where it starts."""
    return DropoutMLPClassifier(
        (5,),
        weight_init=weight_init,
        learning_rate_init=1e-12,
        max_iter=1,
        standardize=False,
        cv=None,
        learning_rate="cosine",
        random_state=0,
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_each_layer_may_have_its_own():
    def ramp(rng, fan_in, fan_out):
        return np.arange(fan_in * fan_out).reshape(fan_in, fan_out) / 10

    first, second = make_classifier([ramp, Uniform(7, 8)]).fit(X, Y).coefs_
    assert_allclose(first, np.arange(15).reshape(3, 5) / 10, atol=1e-9)
    assert ((second > 7) & (second < 8)).all()


@pytest.mark.parametrize(
    "drawn, message",
    [
        (np.zeros((3, 4)), r"weight_init=.* the shape \(3, 5\), got the shape \(3, 4\)"),
        (np.zeros((3, 5), complex), r"weight_init=.* real numbers .* of complex128"),
        (0.0, r"weight_init=.* the shape \(3, 5\), got the shape \(\)"),
        (np.full((3, 5), np.nan), "weight_init=.* gave NaN, or more than float32 holds"),
        (np.full((3, 5), 1e200), "weight_init=.* gave NaN, or more than float32 holds"),
    ],
)
def test_what_a_function_returns_is_checked(drawn, message):
    with pytest.raises(ValueError, match=message):
        make_classifier(lambda *_: drawn).fit(X.astype(np.float32), Y)


def test_an_error_tells_what_may_stand_in_place_of_a_name():
    with pytest.raises(ValueError, match=r"class Initializer of skdropout\.initializers or a func"):
        make_classifier("gauss").fit(X, Y)


def test_an_initializer_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="Initializer must implement __call__"):
        make_classifier(Initializer()).fit(X, Y)


@pytest.mark.parametrize("initializer", [initializer for initializer, _ in OWN_LAWS], ids=str)
def test_copies_are_equal(initializer):
    for copy in (clone(initializer), pickle.loads(pickle.dumps(initializer))):
        assert copy is not initializer
        assert copy == initializer


def test_what_an_initializer_of_a_users_own_raises_is_told_of_by_name():
    def draw(rng, fan_in, fan_out):
        raise RuntimeError("no numbers today")

    network = DropoutMLPClassifier((4,), weight_init=draw, cv=None)
    with pytest.raises(RuntimeError, match="no numbers today") as raised:
        network.fit(np.eye(6), np.arange(6) % 2)
    (note,) = raised.value.__notes__
    assert note.startswith("This is what weight_init=<function")
    assert note.endswith("said of the shape (6, 4).")
