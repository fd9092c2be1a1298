"""Masks: their values, mean, chances and independence; what a fit makes of a scheme."""

import pickle
import tracemalloc
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.stats import chi2, chisquare, kstest
from sklearn.base import clone
from sklearn.datasets import make_classification

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor, dropout
from skdropout._core.buffers import Buffer
from skdropout._core.losses import LOSSES
from skdropout._core.penalties import ElasticNet
from skdropout._estimators.conventions import random_streams
from skdropout._network import plan as _plan
from skdropout._network.network import Network
from skdropout._network.ops import SaturatingDropout
from skdropout._network.plan import Plan
from skdropout._training.descent import Descent
from skdropout.dropout import (
    DROPOUT_SCHEMES,
    Alpha,
    Batchwise,
    Bernoulli,
    DropConnect,
    DropoutScheme,
    Gaussian,
)
from skdropout.optimizers import OPTIMIZERS, Optimizer

SCHEMES = [Batchwise(), Bernoulli(), Gaussian(), Alpha(), DropConnect()]
BINARY = [scheme for scheme in SCHEMES if not isinstance(scheme, Gaussian)]  # zero or one value
ELEMENTWISE = [scheme for scheme in SCHEMES if not isinstance(scheme, Batchwise)]
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
    """The mean over the chance to be kept, as finely as a scheme resolves it."""
    n = n_units if isinstance(scheme, Batchwise) else 65536
    return scheme.mean(rate) * n / max(1, round((1 - rate) * n))


def assert_moments(values, mean, variance, excess):
    """Mean and variance are those of as many draws, to four standard errors.

    `excess` is the fourth central moment over the squared variance, minus one.
    """
    error_of_mean = 4 * np.sqrt(variance / values.size)
    error_of_variance = 4 * variance * np.sqrt(excess / values.size) + error_of_mean**2
    assert abs(values.mean(dtype=np.float64) - mean) < error_of_mean
    assert abs(values.var(dtype=np.float64) - variance) < error_of_variance


def test_every_scheme_has_a_name_and_is_tested():
    public = {getattr(dropout, name) for name in dropout.__all__} - {DropoutScheme}
    assert set(DROPOUT_SCHEMES.values()) == public == {type(scheme) for scheme in SCHEMES}


@pytest.mark.parametrize("rate", [*RATES, 1 / 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scheme", BINARY, ids=repr)
def test_values_are_zero_and_the_scale(scheme, dtype, rate):
    mask = draw(scheme, rate, 1000, 200, dtype=dtype)
    assert mask.dtype == dtype
    expected = [0, scale(scheme, rate, 200)]
    assert_allclose(np.unique(mask), expected, rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("scheme", BINARY, ids=repr)
def test_mean_of_a_million_draws(scheme, rate):
    masks = draw_many(scheme, rate, 500, 2000)
    keep, standard_error = 1 - rate, np.sqrt(rate / (1 - rate) / masks.size)
    mean = 1
    if isinstance(scheme, Alpha):
        mean = np.sqrt(keep / (1 + scheme.saturation**2 * rate))
    assert abs(masks.mean() / scheme.mean(rate) - 1) < 4 * standard_error
    assert abs((masks > 0).mean() - keep) < 4 * keep * standard_error + 2**-17
    assert scheme.mean(rate) == pytest.approx(mean, abs=2**-16 / np.sqrt(keep))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scheme", [Bernoulli(), DropConnect(), Gaussian()], ids=repr)
def test_variance_is_that_of_independent_drops(scheme, dtype, rate):
    masks = draw(scheme, rate, 1000, 1000, dtype=dtype)
    chance = rate if isinstance(scheme, Gaussian) else 1 - round((1 - rate) * 65536) / 65536
    variance = chance / (1 - chance)
    excess = 2 if isinstance(scheme, Gaussian) else 1 / (chance * (1 - chance)) - 4
    assert_moments(masks, 1, variance, excess)


@pytest.mark.parametrize("rate", [1e-6, *RATES, 1 - 1e-6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_masks_of_gaussian_are_normal(dtype, rate):
    mask = draw(Gaussian(), rate, 100, 100, dtype=dtype)
    assert mask.dtype == dtype
    z = (mask.ravel() - 1) / np.sqrt(rate / (1 - rate))
    assert kstest(z, "norm").pvalue > 0.001


SELU, _ = reference.ACTIVATIONS["selu"]
LOWER_BOUND = -reference.SELU_SCALE * reference.SELU_ALPHA
UNITS = {"standard normal": lambda z: z, "of a selu layer": SELU, "two-valued": np.sign}


def saturate(x, rate):
    """What the operation makes of units, and which of them it kept."""
    scheme, mask, y = Alpha(), np.empty_like(x), np.empty_like(x)
    scheme.draw(np.random.default_rng(1), rate, out=mask)
    SaturatingDropout(mask, x, y, None, scheme.saturation, scheme.mean(rate)).forward()
    return y, mask > 0


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("units", UNITS.values(), ids=UNITS)
def test_alpha_keeps_mean_and_variance(units, rate):
    """Of units with mean zero and variance one, however they are distributed."""
    y, _ = saturate(units(np.random.default_rng(0).normal(size=(1000, 1000))), rate)
    excess = np.mean(((y - y.mean()) / y.std()) ** 4) - 1
    assert_moments(y, 0, 1, excess)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_alpha_is_the_published_formula(dtype, rate):
    x = np.random.default_rng(0).normal(size=(50, 40)).astype(dtype)
    y, b = saturate(x, rate)
    s, q = LOWER_BOUND, max(1, round((1 - rate) * 65536)) / 65536
    a = (q + s**2 * q * (1 - q)) ** -0.5
    c = -a * s * (1 - q)
    assert y.dtype == dtype
    assert 0 < b.sum() < b.size
    assert_allclose(y, a * (x * b + s * (1 - b)) + c, atol=20 * np.finfo(dtype).eps)


def test_saturation_is_the_lower_bound_of_selu():
    assert Alpha.saturation == pytest.approx(LOWER_BOUND, rel=1e-14)
    assert {scheme.saturation for scheme in SCHEMES} == {0.0, Alpha.saturation}


@pytest.mark.parametrize("rate", [0.2, 0.5])
@pytest.mark.parametrize("scheme", ELEMENTWISE, ids=repr)
def test_units_are_independent(scheme, rate):
    n_rows = 100_000
    correlations = np.corrcoef(draw(scheme, rate, n_rows, 8).T) - np.eye(8)
    assert abs(correlations).max() < 5 / np.sqrt(n_rows)


@pytest.mark.parametrize("distance", [1, 2, 3, 4, 5, 8, 200, BLOCK])
@pytest.mark.parametrize("scheme", [Bernoulli(), Gaussian()], ids=repr)
def test_elements_are_independent(scheme, distance):
    mask = draw(scheme, 0.5, 1000, 200).ravel()
    correlation = np.corrcoef(mask[distance:], mask[:-distance])[0, 1]
    assert abs(correlation) < 5 / np.sqrt(mask.size - distance)


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_successive_draws_are_independent(scheme):
    n_draws = 10_000
    for unit in draw_many(scheme, 0.5, n_draws, 8).T:
        correlation = np.corrcoef(unit[1:], unit[:-1])[0, 1]
        assert abs(correlation) < 4 / np.sqrt(n_draws)


@pytest.mark.parametrize("scheme", BINARY, ids=repr)
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


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.99])
def test_each_row_of_a_stack_is_a_mask(rate):
    masks = np.full((1000, 20), np.nan)
    Batchwise().draw(np.random.default_rng(0), rate, masks)
    n_active = Batchwise().n_active(rate, 20)
    assert_array_equal(np.count_nonzero(masks, axis=1), n_active)
    assert_allclose(masks[masks > 0], 20 / n_active)
    often = np.count_nonzero(masks, axis=0) / 1000
    chance = n_active / 20
    assert (abs(often - chance) < 4.5 * np.sqrt(chance * (1 - chance) / 1000)).all()
    both = np.count_nonzero(masks[1:] * masks[:-1], axis=0) / 999  # of neighbours in the stack
    assert abs(both.mean() - chance**2) < 4.5 * np.sqrt(chance**2 / 999)


@pytest.mark.parametrize("scheme", [*SCHEMES, DropoutScheme()], ids=repr)
def test_shape_of_the_mask(scheme):
    is_one_row = isinstance(scheme, Batchwise)
    assert scheme.mask_shape(32, 7) == (1 if is_one_row else 32, 7)
    assert scheme.drops_weights == isinstance(scheme, DropConnect)
    assert scheme.draws_per_row == (not isinstance(scheme, Batchwise | DropConnect))
    assert scheme.batches_per_mask == 1


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


@pytest.mark.parametrize("scheme", BINARY, ids=repr)
def test_precision_changes_no_mask(scheme):
    single, double = (draw(scheme, 0.3, 50, 41, dtype=dtype) for dtype in (np.float32, np.float64))
    assert_array_equal(single == 0, double == 0)
    assert_allclose(single, double, rtol=2e-7)


@pytest.mark.parametrize("rate", [1 - 1e-6, 1 - 1e-12])
@pytest.mark.parametrize("scheme", [Bernoulli(), Alpha(), DropConnect()], ids=repr)
def test_at_least_something_is_kept(scheme, rate):
    """A chance that would be rounded to zero is rounded to 1/65536, a number of units to one."""
    mask, mean = draw(scheme, rate, 2000, 2000), scheme.mean(rate)
    assert_allclose(np.unique(mask), [0, 65536 * mean], rtol=1e-15)
    assert abs(mask.mean() / mean - 1) < 4 * np.sqrt(65536 / mask.size)
    assert_array_equal(np.sort(draw(Batchwise(), rate, 1, 9)), [[0] * 8 + [9]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [1e-300, 0.99, 1 - 1e-12])
@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_masks_are_finite_at_extreme_rates(scheme, rate, dtype):
    assert np.isfinite(draw(scheme, rate, 300, 70, dtype=dtype)).all()


@pytest.mark.parametrize("rate", [0.0, 1e-6])
@pytest.mark.parametrize("scheme", BINARY, ids=repr)
def test_rate_that_rounds_to_zero_drops_nothing(scheme, rate):
    assert (draw(scheme, rate, 300, 70) == 1).all()


def test_gaussian_of_rate_zero_drops_nothing():
    assert (draw(Gaussian(), 0.0, 300, 70) == 1).all()


def test_base_class_draws_nothing():
    with pytest.raises(NotImplementedError, match="DropoutScheme must implement draw"):
        draw(DropoutScheme(), 0.5, 2, 3)


# In a pass through a network.

OPTIONAL = [Batchwise(batches_per_mask=3), DropConnect(batches_per_mask=2)]
SIZES = (5, 7, 6, 3)
over_schemes = pytest.mark.parametrize("scheme", SCHEMES, ids=repr)


@dataclass(repr=False)
class Rest(Optimizer):
    """Leaves the parameters where they are and the gradient to be looked at."""

    def _update(self, p, g, *, tmp, t, lr):
        pass


class Pass:
    """A plan for selu layers with random parameters, and the data that it runs on."""

    def __init__(self, scheme, rates, *, sparse=False, dtype=np.float64, sizes=SIZES, n_rows=11):
        rng = np.random.default_rng(7)
        self.scheme, self.rates, self.sparse, self.rng = scheme, rates, sparse, rng
        self.network = Network(sizes, ("selu",) * (len(sizes) - 2), dtype)
        parameters = self.network.parameters
        parameters.flat[:] = rng.normal(scale=0.6, size=parameters.flat.size)
        self.X = rng.normal(size=(n_rows, sizes[0])) * (rng.random((n_rows, sizes[0])) < 0.7)
        self.y = np.eye(sizes[-1])[rng.integers(sizes[-1], size=n_rows)]
        self.weight = rng.uniform(0.5, 3.0, n_rows)
        self.descent = Descent(
            self.network,
            Rest(),
            penalty=ElasticNet(0.3, 0.4),
            bias_penalty=ElasticNet(0.2, 0.4),
            weight_decay=0.0,
            clip_norm=None,
            constraint=None,
        )
        self.gradient = Buffer(parameters.layout, dtype)
        self.plan = self.compile(self.gradient)

    def compile(self, gradient, **arguments):
        plan = Plan(
            self.network,
            gradient,
            LOSSES["softmax"],
            len(self.X),
            scheme=self.scheme,
            rates=self.rates,
            rng=self.rng,
            sparse=self.sparse,
            **arguments,
        )
        plan.y[:] = self.y
        plan.weight[:, 0] = self.weight / self.weight.sum()
        return plan

    def load(self, plan=None):
        """The plan, with the data in it."""
        plan = plan or self.plan
        if self.sparse:
            plan.x.rows = csr_array(self.X.astype(self.network.dtype))
        else:
            plan.x[:] = self.X
        return plan

    def run(self, plan=None, **arguments):
        """The loss of the batch; its gradient is in the buffer of the plan."""
        plan = self.load(plan)
        plan.run(**arguments)
        return plan.loss.value(plan.z, plan.y, plan.weight[:, 0])

    def masks(self, plan=None):
        """The masks drawn last: of the inputs, then of each hidden layer."""
        drawn = (mask.copy() for mask in (plan or self.plan).masks.values())
        return [next(drawn) if rate else None for rate in self.rates]

    def predictions(self, plan=None):
        """Raw predictions by the formula, with the masks drawn last."""
        s, h, masks = self.scheme.saturation, self.X, self.masks(plan)
        layers = zip(self.network.weights, self.network.biases, masks, self.rates, strict=True)
        for i, (W, b, mask, rate) in enumerate(layers):
            h = SELU(h) if i else h
            if mask is not None and self.scheme.drops_weights:
                W = W * mask
            elif mask is not None:
                h = (h - s) * mask + self.scheme.mean(rate) * s
            h = h @ W + b
        return h


ALL_RATES = [(0.2, 0.5, 0.3), (0.0, 0.5, 0.0), (0.3, 0.0, 0.0), (0.9, 0.9, 0.9)]
over_rates = pytest.mark.parametrize("rates", ALL_RATES, ids=str)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@over_rates
@over_schemes
def test_pass_is_the_formula(scheme, rates, dtype):
    case = Pass(scheme, rates, dtype=dtype)
    for _ in range(2):
        z = case.load().forward()
        assert z.dtype == dtype
        tolerance = 100 * np.finfo(dtype).eps * np.abs(z).max()
        assert_allclose(z, case.predictions(), rtol=0, atol=tolerance)


@over_rates
@over_schemes
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_slope_equals_difference_quotient(sparse, scheme, rates):
    if sparse and rates[0] and scheme.saturation:
        pytest.skip("refused by the estimators, see below")
    case = Pass(scheme, rates, sparse=sparse)
    parameters, state = case.network.parameters.flat, case.rng.bit_generator.state
    p = parameters.copy()

    def value_at(moved):
        parameters[:] = moved
        case.rng.bit_generator.state = state  # the same masks again
        return case.run()

    value_at(p)
    gradient, step = case.gradient.flat.copy(), 1e-6
    direction = np.random.default_rng(1).normal(size=p.size)
    direction /= np.linalg.norm(direction)
    quotient = value_at(p + step * direction) - value_at(p - step * direction)
    quotient /= 2 * step
    assert_allclose(quotient, gradient @ direction, rtol=1e-6, atol=1e-8)


@over_rates
def test_dropconnect_is_a_network_of_masked_weights(rates):
    """Loss and gradient are those of the textbook; the penalty is one of the weights themselves."""
    case = Pass(DropConnect(), rates)
    plan, network = case.compile(case.descent.gradient), case.network
    loss = case.run(plan) + case.descent.step(1e-2, case.weight.sum())
    masks = [1.0 if mask is None else mask for mask in case.masks(plan)]
    for mask, W, rate in zip(masks, network.weights, rates, strict=True):
        assert np.shape(mask) == (W.shape if rate else ())
    expected, dVs, dbs, *_ = reference.loss_and_gradient(
        [W * mask for W, mask in zip(network.weights, masks, strict=True)],
        network.biases,
        case.X,
        case.y,
        case.weight,
        network.activations,
        "softmax",
        [None] * 3,
        alpha=0,
        l1_ratio=0,
        bias_alpha=0,
        smoothing=0,
    )
    total = case.weight.sum()
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        of_W, dW = reference.elastic_net(W, 0.3, 0.4)
        of_b, db = reference.elastic_net(b, 0.2, 0.4)
        expected += (of_W + of_b) / total
        dW, db = dVs[i] * masks[i] + dW / total, dbs[i] + db / total
        assert_allclose(case.descent.gradient[f"W{i}"], dW, rtol=1e-10, atol=1e-13)
        assert_allclose(case.descent.gradient[f"b{i}"], db, rtol=1e-10, atol=1e-13)
    assert loss == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("scheme", [Batchwise(), DropConnect()], ids=repr)
def test_masks_stay_unless_they_are_redrawn(scheme, sparse):
    case = Pass(scheme, (0.2, 0.5, 0.5), sizes=(20, 30, 30, 3), sparse=sparse)
    loss = case.run()
    masks = case.masks()
    assert case.run(redraw=False) == loss
    for mask, other in zip(masks, case.masks(), strict=True):
        assert_array_equal(mask, other)
    assert case.run() != loss
    for mask, other in zip(masks, case.masks(), strict=True):
        assert (mask != other).any()


@pytest.mark.parametrize("ahead", [1, 3 * 150, 1 << 14], ids=["none", "some", "all"])
@over_schemes
def test_masks_drawn_ahead_are_used_once_each(scheme, ahead, monkeypatch):
    monkeypatch.setattr(_plan, "AHEAD", ahead)
    drawn = []

    class Recorder(type(scheme)):
        stackable = True

        def draw(self, rng, rate, out):
            super().draw(rng, rate, out)
            drawn.extend(out.ravel())

    case = Pass(Recorder(), (0.2, 0.0, 0.0), sizes=(50, 1, 1, 2), n_rows=3)
    plan = case.compile(case.gradient, n_passes=7)
    used = []
    for _ in range(21):  # a multiple of 3 and of 7
        case.run(plan)
        assert_allclose(plan.z, case.predictions(plan), rtol=1e-12, atol=1e-12)
        used.extend(case.masks(plan)[0].ravel())
    assert_array_equal(np.sort(used), np.sort(drawn))


class OneMask(Batchwise):
    """Knows masks of one row only."""

    def draw(self, rng, rate, out):
        (mask,) = out
        super().draw(rng, rate, out)
        assert mask.any()


class WholeSamples(Bernoulli):
    """Numbers of one row are one and the same."""

    def draw(self, rng, rate, out):
        assert out.shape[1] > 1
        out[:] = (rng.random((len(out), 1)) >= rate) / (1 - rate)


@pytest.mark.parametrize("scheme", [OneMask(), WholeSamples()], ids=repr)
def test_what_a_scheme_says_of_its_masks_is_not_said_of_those_of_a_subclass(scheme):
    assert not scheme.independent
    assert not scheme.stackable
    assert not scheme.exchangeable
    case = Pass(scheme, (0.5, 0.5, 0.5))
    plan = case.compile(case.gradient, n_passes=5)
    for _ in range(5):
        case.run(plan)
        for mask, n_units in zip(case.masks(plan), SIZES[:-1], strict=True):
            assert mask.shape == scheme.mask_shape(len(case.X), n_units)
            if isinstance(scheme, WholeSamples):
                assert_array_equal(mask, mask[:, :1] + np.zeros(n_units))


def test_masks_drawn_ahead_can_be_forgotten():
    case = Pass(Batchwise(), (0.2, 0.5, 0.5))
    plan = case.compile(case.gradient, n_passes=5)
    case.run(plan)
    state = case.rng.bit_generator.state
    losses = [case.run(plan) for _ in range(4)]
    assert case.rng.bit_generator.state == state
    plan.forget()
    assert case.run(plan) not in losses
    assert case.rng.bit_generator.state != state


def test_only_alpha_moves_what_it_drops():
    for scheme in SCHEMES:
        ops = Pass(scheme, (0.1, 0.2, 0.3)).plan.ops
        n_moving = sum(isinstance(op, SaturatingDropout) for op in ops)
        assert n_moving == (3 if isinstance(scheme, Alpha) else 0)


@pytest.mark.parametrize(
    "scheme, n_draws",
    [(Bernoulli(), 2), (Gaussian(), 2), (Alpha(), 2), (Batchwise(), 3), (DropConnect(), 3)],
    ids=str,
)
def test_neighbours_of_one_rate_are_drawn_together(scheme, n_draws):
    """Where each row has masks of its own; which masks these are, they do not tell."""
    sizes = []

    class Counter(type(scheme)):
        independent = scheme.independent

        def draw(self, rng, rate, out):
            super().draw(rng, rate, out)
            sizes.append(out.size)

    case = Pass(Counter(), (0.2, 0.5, 0.5))
    case.run()
    assert len(sizes) == n_draws
    assert sum(sizes) == sum(mask.size for mask in case.masks())
    assert case.run() != case.run()


# In a fit: 40 rows are batches of 16, 16 and 8.

X, Y = make_classification(40, n_features=4, random_state=0)
FITTED = [*SCHEMES, *OPTIONAL]
over_fitted = pytest.mark.parametrize("scheme", FITTED, ids=repr)


def network(estimator=DropoutMLPClassifier, **arguments):
    defaults = {"batch_size": 16, "learning_rate": "cosine", "max_iter": 4, "random_state": 0}
    return estimator(**{"hidden_layer_sizes": (5, 3), **defaults, **arguments})


def fit(X=X, y=Y, **arguments):
    return network(**arguments).fit(X, y)


def fit_selu(X=X, y=Y, **arguments):
    """A fit that any scheme can take part in, with dropout everywhere."""
    rates = {"dropout_rate": 0.4, "input_dropout_rate": 0.2}
    return fit(X, y, **{"activation": "selu", **rates, **arguments})


def assert_same_network(first, second):
    for array, other in zip(
        first.coefs_ + first.intercepts_, second.coefs_ + second.intercepts_, strict=True
    ):
        assert_array_equal(array, other)
    assert first.loss_curve_ == second.loss_curve_


def distance(first, second):
    """The largest difference of any weight."""
    pairs = zip(first.coefs_, second.coefs_, strict=True)
    return max(np.abs(array - other).max() for array, other in pairs)


def assert_finite(net, X=X):
    for p in net.coefs_ + net.intercepts_:
        assert np.isfinite(p).all()
    assert np.isfinite(net.loss_curve_).all()
    assert np.isfinite(net.decision_function(X)).all()


def recorder(scheme=None):
    """A scheme of the kind of another one, and the list of all that it is asked for."""
    calls, kind = [], DropoutScheme if scheme is None else type(scheme)

    @dataclass(repr=False)
    class Recorder(kind):
        independent, stackable = kind.independent, kind.stackable

        def draw(self, rng, rate, out):
            calls.append((rate, out.shape))
            if kind is not DropoutScheme:
                return super().draw(rng, rate, out)
            out[:] = (rng.random(out.shape) >= rate) / (1 - rate)

    return Recorder(**({} if scheme is None else scheme.get_params())), calls


def test_scheme_of_a_users_own():
    scheme, calls = recorder()
    fit(dropout=scheme, input_dropout_rate=0.1, dropout_rate=(0.2, 0.3))
    of_an_epoch = [
        (rate, (n_rows, n_units))
        for n_rows in (16, 16, 8)
        for rate, n_units in ((0.1, 4), (0.2, 5), (0.3, 3))
    ]
    assert calls == 4 * of_an_epoch


@pytest.mark.parametrize(
    "scheme, shapes",
    [
        (Batchwise(), {n_rows: [(1, 4), (1, 5), (1, 3)] for n_rows in (16, 8)}),
        *[
            (scheme, {n_rows: [(n_rows, 4), (n_rows, 5), (n_rows, 3)] for n_rows in (16, 8)})
            for scheme in (Bernoulli(), Gaussian(), Alpha())
        ],
        (DropConnect(), {n_rows: [(4, 5), (5, 3), (3, 1)] for n_rows in (16, 8)}),
    ],
    ids=lambda value: repr(value) if isinstance(value, DropoutScheme) else "",
)
def test_each_layer_has_its_rate_and_its_mask(scheme, shapes):
    scheme, calls = recorder(scheme)
    fit(dropout=scheme, activation="selu", input_dropout_rate=0.1, dropout_rate=(0.2, 0.3))
    rates = [0.1, 0.2, 0.3]
    of_an_epoch = [
        (rate, (n_batches * n, n_units))  # drawn for all batches of a size at once
        for n_rows, n_batches in {16: 2, 8: 1}.items()
        for rate, (n, n_units) in zip(rates, shapes[n_rows], strict=True)
    ]
    assert calls == 4 * of_an_epoch


@over_fitted
def test_every_rate_changes_the_fit(scheme):
    nets = [
        fit_selu(dropout=scheme, input_dropout_rate=of_inputs, dropout_rate=of_layers)
        for of_inputs, of_layers in [
            (0, 0),
            (0.5, 0),
            (0, (0.5, 0)),
            (0, (0, 0.5)),
            (0.25, (0.75, 0.5)),
        ]
    ]
    for first, second in combinations(nets, 2):
        assert distance(first, second) > 1e-6


@pytest.mark.parametrize("scheme", [None, *SCHEMES], ids=repr)
def test_only_layers_with_a_rate_are_asked(scheme):
    scheme, calls = recorder(scheme)
    fit(dropout=scheme, activation=("relu", "selu"), dropout_rate=(0, 0.3))
    assert {rate for rate, _ in calls} == {0.3}
    assert 3 in {n for _, shape in calls for n in shape}  # units of the second layer
    of_an_epoch = 3 if type(scheme).__bases__ == (DropoutScheme,) else 2  # batches, or their sizes
    assert len(calls) == 4 * of_an_epoch


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


def test_users_scheme_may_drop_weights_for_several_batches():
    shapes = []

    class DropInputsOfUnits(DropoutScheme):
        """All units of a layer lose the same inputs."""

        drops_weights = True
        batches_per_mask = 4

        def mask_shape(self, n_inputs, n_units):
            return n_inputs, 1

        def draw(self, rng, rate, out):
            shapes.append(out.shape)
            out[:] = (rng.random(out.shape) >= rate) / (1 - rate)

    net = fit(dropout=DropInputsOfUnits(), dropout_rate=0.5, input_dropout_rate=0.5)
    assert shapes == 3 * [(4, 1), (5, 1), (3, 1)]  # 12 batches
    assert distance(net, fit(dropout_rate=0)) > 1e-6


def test_users_scheme_may_saturate():
    """One that always keeps everything changes nothing but for rounding, wherever it saturates."""

    class KeepAll(DropoutScheme):
        saturation = -3.0

        def draw(self, rng, rate, out):
            out[:] = 1

    kept = fit(dropout=KeepAll(), dropout_rate=0.5, input_dropout_rate=0.5)
    plain = fit(dropout_rate=0)
    assert_allclose(kept.decision_function(X), plain.decision_function(X), rtol=1e-9)


@pytest.mark.parametrize("scheme", [*FITTED, *DROPOUT_SCHEMES, DropoutScheme()], ids=repr)
def test_rate_zero_asks_no_scheme(scheme):
    """Not even one that could not draw, or one for other activations."""
    rates = {"input_dropout_rate": 0, "dropout_rate": (0, 0.0)}
    assert_same_network(fit(dropout=scheme, **rates), fit(dropout_rate=0))


@pytest.mark.parametrize("scheme", BINARY, ids=repr)
def test_rate_that_rounds_to_zero_gives_the_network_without_dropout(scheme):
    net = fit_selu(dropout=scheme, dropout_rate=1e-6, input_dropout_rate=1e-9)
    plain = fit_selu(dropout_rate=0, input_dropout_rate=0)
    if not isinstance(scheme, Alpha):  # which rounds (x - s) + s
        assert_same_network(net, plain)
    assert distance(net, plain) < 1e-9


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


@pytest.mark.parametrize("estimator", [DropoutMLPClassifier, DropoutMLPRegressor])
@over_fitted
def test_random_state_decides(scheme, estimator):
    nets = [fit_selu(estimator=estimator, dropout=scheme, random_state=seed) for seed in (0, 0, 1)]
    assert_same_network(*nets[:2])
    assert distance(nets[0], nets[2]) > 1e-6


@pytest.mark.parametrize("name", DROPOUT_SCHEMES)
def test_a_name_stands_for_its_scheme(name):
    assert_same_network(fit_selu(dropout=name), fit_selu(dropout=DROPOUT_SCHEMES[name]()))


@pytest.mark.parametrize("first, second", combinations(FITTED, 2), ids=repr)
def test_schemes_train_different_networks(first, second):
    assert distance(fit_selu(dropout=first), fit_selu(dropout=second)) > 1e-6


@over_fitted
def test_precision_of_a_fit_is_that_of_the_data(scheme):
    for dtype in (np.float32, np.float64):
        net = fit_selu(X.astype(dtype), dropout=scheme)
        assert {p.dtype for p in net.coefs_ + net.intercepts_} == {np.dtype(dtype)}


@over_schemes
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_every_optimizer_takes_every_scheme(solver, scheme, monkeypatch):
    """The masks count, and nothing else is random."""
    arguments = {"dropout": scheme, "solver": solver, "learning_rate_init": 0.01}
    net = fit_selu(**arguments)
    assert_finite(net)

    def with_other_masks(random_state):
        return random_streams(random_state) | {"dropout": np.random.default_rng(99)}

    monkeypatch.setattr("skdropout._estimators.fitting.random_streams", with_other_masks)
    other = fit_selu(**arguments)
    assert_finite(other)
    assert distance(net, other) > 1e-7
    plain = fit(solver=solver, dropout_rate=0)
    monkeypatch.undo()
    assert_same_network(plain, fit(solver=solver, dropout_rate=0))


PENALTIES = {
    "alpha": {"alpha": 1.0},
    "l1_ratio": {"alpha": 1.0, "l1_ratio": 0.5},
    "bias_alpha": {"bias_alpha": 1.0, "learning_rate_init": 0.05},
    "weight_decay": {"weight_decay": 1.0},
    "max_norm": {"max_norm": 0.5},
    "clip_norm": {"clip_norm": 0.01, "solver": "sgd"},
    "label_smoothing": {"label_smoothing": 0.2},
}


@over_schemes
@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_takes_every_scheme(name, scheme):
    """It counts with dropout, and dropout counts with it."""
    arguments = PENALTIES[name]
    others = {other: value for other, value in arguments.items() if other != name}
    net = fit_selu(dropout=scheme, **arguments)
    assert_finite(net)
    assert distance(net, fit_selu(dropout=scheme, **others)) > 1e-6
    assert distance(net, fit_selu(dropout_rate=0, input_dropout_rate=0, **arguments)) > 1e-6
    if name == "max_norm":
        assert max(np.linalg.norm(W, axis=0).max() for W in net.coefs_) < 0.5 + 1e-12


EXTREMES = {
    "rate of .99": {"dropout_rate": 0.99, "input_dropout_rate": 0.99},
    "rate of almost 1": {"dropout_rate": 1 - 1e-12, "input_dropout_rate": 1 - 1e-12},
    "tiny rate": {"dropout_rate": 1e-300, "input_dropout_rate": 1e-9},
    "one row a batch": {"batch_size": 1},
    "one unit": {"hidden_layer_sizes": (1, 1), "dropout_rate": 0.99},
    "one unit, one row": {"hidden_layer_sizes": 1, "dropout_rate": 0.99, "batch_size": 1},
    "no hidden layer": {"hidden_layer_sizes": (), "input_dropout_rate": 0.99},
}
WIDE = make_classification(40, n_features=6, n_redundant=0, random_state=1)[0]
DATA = {
    "plain": X,
    "saturated": 1e3 * WIDE,
    "constant column": np.c_[np.zeros(40), X[:, 0], np.full(40, 5.0)],
    "one column": X[:, :1],
}


@over_fitted
@pytest.mark.parametrize("extreme", EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_extremes_stay_finite(data, extreme, scheme):
    arguments = {"activation": "selu", "dropout_rate": 0.4, "input_dropout_rate": 0.2, **extreme}
    sizes = arguments.pop("hidden_layer_sizes", (5, 3))
    net = network(dropout=scheme, max_iter=2).set_params(hidden_layer_sizes=sizes, **arguments)
    assert_finite(net.fit(data, Y), data)


@pytest.mark.parametrize("rate", [0.99, 1 - 1e-12])
@pytest.mark.parametrize("n_rows", [1, 5])
@pytest.mark.parametrize("factor", [0.0, 1.0, 1e3])
@over_schemes
def test_no_step_divides_by_zero(scheme, factor, n_rows, rate):
    """With one unit a layer, all of whose units may be dropped."""
    case = Pass(scheme, (rate,) * 3, sizes=(1, 1, 1, 2), n_rows=n_rows)
    case.X *= factor
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        losses = [case.run() for _ in range(20)]
    assert np.isfinite(losses).all()
    assert np.isfinite(case.gradient.flat).all()


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.parametrize(
    "scheme", [scheme for scheme in FITTED if not isinstance(scheme, Alpha)], ids=repr
)
def test_saturated_units_stay_finite(scheme, activation):
    net = fit(1e6 * X, dropout=scheme, dropout_rate=0.5, activation=activation)
    assert_finite(net, 1e6 * X)


@pytest.mark.parametrize("scheme", [Batchwise(), Batchwise(batches_per_mask=3)], ids=repr)
@pytest.mark.parametrize("sizes", [(1,), (1, 1), (5, 3)], ids=str)
def test_thinned_network_is_never_empty(sizes, scheme, monkeypatch):
    masks = record_masks(monkeypatch)
    net = network(dropout=scheme, dropout_rate=0.99, input_dropout_rate=0.99)
    net.set_params(hidden_layer_sizes=sizes).fit(X, Y)
    assert len(masks) == 12
    for of_batch in masks:
        assert [np.count_nonzero(mask) for mask in of_batch] == [1] * (len(sizes) + 1)


# Masks for several batches.


def record_masks(monkeypatch):
    """The list of the masks in each training step to come."""
    masks, run = [], Plan.run

    def recording_run(plan, **arguments):
        loss = run(plan, **arguments)
        masks.append([mask.copy() for mask in plan.masks.values()])
        return loss

    monkeypatch.setattr(Plan, "run", recording_run)
    return masks


def groups(masks):
    """For how many steps each mask stayed the same."""
    lengths, last = [], None
    for of_batch in masks:
        now = [mask.tobytes() for mask in of_batch]
        if now == last:
            lengths[-1] += 1
        else:
            lengths.append(1)
        last = now
    return lengths


@pytest.mark.parametrize("kind", [Batchwise, DropConnect])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "n, lengths",
    [(1, [1] * 12), (2, [2] * 6), (3, [3] * 4), (5, [5, 5, 2]), (12, [12]), (10**9, [12])],
)
def test_masks_stay_for_so_many_batches(kind, n, lengths, dtype, monkeypatch):
    """Across the smaller, last batch and across epochs: 12 batches in all."""
    masks = record_masks(monkeypatch)
    scheme = kind(batches_per_mask=n)
    net = network(dropout=scheme, dropout_rate=0.5, input_dropout_rate=0.4)
    net.set_params(hidden_layer_sizes=(20, 15)).fit(X.astype(dtype), Y)
    assert groups(masks) == lengths
    assert all((mask == 0).any() for of_batch in masks for mask in of_batch)


def test_batches_per_mask_of_one_is_the_default():
    for kind in (Batchwise, DropConnect):
        assert_same_network(fit_selu(dropout=kind(batches_per_mask=1)), fit_selu(dropout=kind()))


@pytest.mark.parametrize("kind", [Batchwise, DropConnect])
def test_a_call_of_partial_fit_begins_with_new_masks(kind, monkeypatch):
    masks = record_masks(monkeypatch)
    net = network(dropout=kind(batches_per_mask=2), dropout_rate=0.5)
    net.set_params(hidden_layer_sizes=(20, 15))
    for _ in range(3):
        net.partial_fit(X, Y, classes=[0, 1])
    assert groups(masks) == [2, 1] * 3


@pytest.mark.parametrize("kind", [Batchwise, DropConnect])
def test_masks_of_other_rates_are_new(kind, monkeypatch):
    masks = record_masks(monkeypatch)
    net = network(dropout=kind(batches_per_mask=100), dropout_rate=0.5, dropout_schedule="linear")
    net.set_params(hidden_layer_sizes=(20, 15)).fit(X, Y)
    assert groups(masks) == [3] * 4


@pytest.mark.parametrize(
    "n, error", [(0, ValueError), (-1, ValueError), (1.5, TypeError), (None, TypeError)], ids=str
)
@pytest.mark.parametrize("kind", [Batchwise, DropConnect])
def test_bad_batches_per_mask_is_refused(kind, n, error):
    message = rf"batches_per_mask must be an integer in \[1, inf\), got {n}"
    with pytest.raises(error, match=message):
        fit(dropout=kind(batches_per_mask=n))


@pytest.mark.parametrize("kind", [Batchwise, DropConnect])
def test_batches_per_mask_can_be_searched_over(kind):
    net = network(dropout=kind())
    assert net.get_params()["dropout__batches_per_mask"] == 1
    assert net.set_params(dropout__batches_per_mask=7).dropout == kind(batches_per_mask=7)


# Sparse inputs.


@pytest.mark.parametrize(
    "scheme", [scheme for scheme in FITTED if not scheme.draws_per_row], ids=repr
)
def test_sparse_is_dense_where_a_batch_has_one_mask(scheme):
    sparse, dense = (fit_selu(x, dropout=scheme) for x in (csr_array(X * (X > 0)), X * (X > 0)))
    assert distance(sparse, dense) < 1e-12
    assert_allclose(sparse.loss_curve_, dense.loss_curve_, rtol=1e-12)


@over_fitted
def test_sparse_is_dense_where_no_input_is_dropped(scheme):
    arguments = {"dropout": scheme, "input_dropout_rate": 0}
    sparse, dense = (fit_selu(x, **arguments) for x in (csr_array(X * (X > 0)), X * (X > 0)))
    assert distance(sparse, dense) < 1e-12


@pytest.mark.parametrize("scheme", [Bernoulli(), Gaussian()], ids=repr)
def test_every_entry_of_sparse_inputs_has_a_mask_of_its_own(scheme):
    rate = 0.3
    case = Pass(scheme, (rate, 0.0), sparse=True, sizes=(20, 2, 2), n_rows=5000)
    entries = csr_array(case.X).data
    case.run()
    mask = case.plan.x.rows.data / entries
    excess = 2 if isinstance(scheme, Gaussian) else 1 / (rate * (1 - rate)) - 4
    assert_moments(mask, 1, rate / (1 - rate), excess)
    assert len(np.unique(mask.round(9))) == 2 or isinstance(scheme, Gaussian)
    case.run()
    assert abs(np.corrcoef(mask, case.plan.x.rows.data / entries)[0, 1]) < 0.03


@pytest.mark.parametrize("scheme", [Bernoulli(), Gaussian()], ids=repr)
def test_empty_rows_of_sparse_inputs_do_no_harm(scheme):
    x = csr_array(X * (X > 0) * (np.arange(40) % 3 == 0)[:, None])
    assert_finite(fit_selu(x, dropout=scheme, batch_size=1), x)


@pytest.mark.parametrize("schedule", ["constant", "late"])
def test_alpha_dropout_of_sparse_inputs_is_refused(schedule, monkeypatch):
    before = fit_selu(dropout="alpha").set_params(dropout_schedule=schedule)
    attributes = vars(before).copy()
    monkeypatch.setattr(
        "skdropout._estimators.fitting.Training", None
    )  # nothing must come that far
    with pytest.raises(ValueError, match=r"dropout=Alpha\(\) .* set input_dropout_rate=0"):
        before.fit(csr_array(X), Y)
    assert vars(before) == attributes


# Where alpha dropout belongs.


@pytest.mark.parametrize("dropout", ["alpha", Alpha()], ids=repr)
@pytest.mark.parametrize(
    "activation, rate, named",
    [
        ("relu", 0.2, "'relu'"),
        (("selu", "tanh"), 0.2, "'tanh'"),
        (("tanh", "relu"), 0.2, "'relu', 'tanh'"),
        (("elu", "selu"), (0.1, 0), "'elu'"),
    ],
)
def test_alpha_without_selu_is_refused(dropout, activation, rate, named):
    message = f"dropout='alpha' needs activation='selu' in every layer .* got {named}"
    for net in (network(), network(DropoutMLPRegressor)):
        net.set_params(dropout=dropout, activation=activation, dropout_rate=rate)
        for method in (net.fit, net.partial_fit):
            with pytest.raises(ValueError, match=message):
                method(X, Y)
        assert set(vars(net)) == set(net.get_params(deep=False))


def test_alpha_beside_other_activations_is_fine_where_these_drop_nothing():
    net = fit(dropout="alpha", activation=("relu", "selu"), dropout_rate=(0, 0.3))
    assert distance(net, fit(activation=("relu", "selu"), dropout_rate=0)) > 1e-6
    assert_finite(fit(dropout="alpha", activation="relu", dropout_rate=0, input_dropout_rate=0.1))


# A scheme is a recipe.


@over_fitted
def test_copies_are_equal(scheme):
    for copy in (clone(scheme), pickle.loads(pickle.dumps(scheme))):
        assert copy is not scheme
        assert copy == scheme
    assert [scheme == other for other in FITTED].count(True) == 1
    names = {name: getattr(dropout, name) for name in dropout.__all__}
    assert eval(repr(scheme), names) == scheme


def test_masks_for_each_row_cannot_last_for_several_batches():
    class Lasting(Bernoulli):
        batches_per_mask = 3

    with pytest.raises(ValueError, match="batches_per_mask=3, but draws a mask for each row"):
        fit(dropout=Lasting(), dropout_rate=0.5)


def test_number_of_batches_per_mask_of_a_users_scheme_is_checked():
    class Never(Batchwise):
        batches_per_mask: int = 1

        def check(self):
            pass

    with pytest.raises(ValueError, match="batches_per_mask"):
        fit(dropout=Never(batches_per_mask=0), dropout_rate=0.5)
