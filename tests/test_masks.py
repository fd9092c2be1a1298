"""Masks: their values, mean, chances and independence; what a pass makes of them."""

import pickle
import tracemalloc
from itertools import combinations

import numpy as np
import pytest
import reference
from cases import PENALTIES, make_case
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.stats import chi2, chisquare, kstest

from skdropout import dropout
from skdropout._core import tuning
from skdropout._network.masks import Drops, Masks
from skdropout._network.ops import SaturatingDropout
from skdropout.dropout import (
    DROPOUT_SCHEMES,
    Alpha,
    Batchwise,
    Bernoulli,
    DropConnect,
    DropoutScheme,
    Gaussian,
)

SCHEMES = [Batchwise(), Bernoulli(), Gaussian(), Alpha(), DropConnect()]
BINARY = [scheme for scheme in SCHEMES if not isinstance(scheme, Gaussian)]  # zero or one value
ELEMENTWISE = [scheme for scheme in SCHEMES if not isinstance(scheme, Batchwise)]
RATES = [0.01, 0.2, 0.5, 0.9, 0.99]
BLOCK = 4 * tuning.RANDOM_WORDS  # elements of a mask for which random words are drawn at once


def draw(scheme, rate, n_rows, n_units, *, rng=0, dtype=np.float64):
    """A mask, drawn into memory that holds anything."""
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
    monkeypatch.setattr(tuning, "RANDOM_WORDS", n_words)
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

over_schemes = pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
ALL_RATES = [(0.2, 0.5, 0.3), (0.0, 0.5, 0.0), (0.3, 0.0, 0.0), (0.9, 0.9, 0.9)]
over_rates = pytest.mark.parametrize("rates", ALL_RATES, ids=str)


def make_selu(scheme, rates, **arguments):
    """A case that any scheme can take part in."""
    defaults = {"activations": "selu", "weighted": True, "penalties": PENALTIES}
    return make_case(scheme=scheme, rates=rates, **defaults | arguments)


def predictions(case, step=None):
    """Raw predictions by the formula, with the masks drawn last."""
    h = case.X.astype(np.float64)
    Ws, bs = case.reference_parameters()
    layers = zip(Ws, bs, case.masks(step), case.drops.schemes, case.drops.rates, strict=True)
    for i, (W, b, mask, scheme, rate) in enumerate(layers):
        h = SELU(h) if i else h
        if mask is not None and scheme.drops_weights:
            W = W * mask
        elif mask is not None:
            h = (h - scheme.saturation) * mask + scheme.mean(rate) * scheme.saturation
        h = h @ W + b
    return h


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@over_rates
@over_schemes
def test_pass_is_the_formula(scheme, rates, dtype):
    case = make_selu(scheme, rates, dtype=dtype)
    for _ in range(2):
        case.run()
        z = case.step.z
        assert z.dtype == dtype
        tolerance = 100 * np.finfo(dtype).eps * np.abs(z).max()
        assert_allclose(z, predictions(case), rtol=0, atol=tolerance)


@over_rates
@over_schemes
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_slope_equals_difference_quotient(sparse, scheme, rates):
    if sparse and rates[0] and scheme.saturation:
        pytest.skip("refused by the estimators")
    case = make_selu(scheme, rates, sparse=sparse)
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
    case = make_selu(DropConnect(), rates)
    network, loss = case.network, case.take_step()
    masks = [1.0 if mask is None else mask for mask in case.masks()]
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
        alpha=[0] * 3,
        l1_ratio=[0] * 3,
        bias_alpha=[0] * 3,
        smoothing=0,
    )
    total = case.weight.sum()
    of_weights, of_biases = PENALTIES["weights"], PENALTIES["biases"]
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        of_W, dW = reference.elastic_net(W, of_weights.alpha, of_weights.l1_ratio)
        of_b, db = reference.elastic_net(b, of_biases.alpha, of_biases.l1_ratio)
        expected += (of_W + of_b) / total
        dW, db = dVs[i] * masks[i] + dW / total, dbs[i] + db / total
        assert_allclose(case.gradient[f"W{i}"], dW, rtol=1e-10, atol=1e-13)
        assert_allclose(case.gradient[f"b{i}"], db, rtol=1e-10, atol=1e-13)
    assert loss == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("scheme", [Batchwise(), DropConnect()], ids=repr)
def test_masks_stay_unless_they_are_redrawn(scheme, sparse):
    case = make_selu(scheme, (0.2, 0.5, 0.5), widths=(20, 30, 30), sparse=sparse)
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
    monkeypatch.setattr(tuning, "MASK_NUMBERS", ahead)
    drawn, n_draws = [], []

    class Recorder(type(scheme)):
        independent = scheme.independent

        def draw(self, rng, rate, out):
            super().draw(rng, rate, out)
            drawn.extend(out.ravel())
            n_draws.append(1)

    case = make_selu(Recorder(), (0.2, 0.0, 0.0), widths=(50, 1, 1), n_rows=3)
    step = case.compile(n_draws=7)
    used = []
    for k in range(21):  # a multiple of 3 and of 7
        case.run(step, k=k)
        assert_allclose(step.z, predictions(case, step), rtol=1e-12, atol=1e-12)
        used.extend(case.masks(step)[0].ravel())
    assert_array_equal(np.sort(used), np.sort(drawn))
    at_once = min(7, max(1, ahead // case.masks(step)[0].size))
    assert len(n_draws) == 21 // at_once


@pytest.mark.parametrize("n_draws", [1, 5])
@over_schemes
def test_an_epoch_takes_over_no_mask_that_was_drawn_ahead(scheme, n_draws):
    case = make_selu(scheme, (0.2, 0.5, 0.5))
    step = case.compile(n_draws=n_draws)
    losses = [case.run(step, k=0)]
    state = case.rng.bit_generator.state
    losses += [case.run(step, k=k) for k in range(1, 5)]
    assert (case.rng.bit_generator.state == state) == (n_draws == 5)
    assert case.run(step, k=0) not in losses
    assert case.rng.bit_generator.state != state


def test_schemes_with_a_mask_of_its_own_for_each_row_are_asked_for_those_of_one_batch():
    """Their rows may depend on each other, unless they say that all numbers are independent."""
    shapes = []

    class Halves(DropoutScheme):
        """Half of the rows lose a unit."""

        def draw(self, rng, rate, out):
            shapes.append(out.shape)
            out[:] = 2 * (rng.permuted(np.arange(len(out))) < len(out) // 2)[:, None]

    case = make_selu(Halves(), (0.5, 0.5, 0.5), n_rows=8)
    case.run(case.compile(n_draws=5))
    assert shapes == [(8, 5), (8, 7), (8, 6)]


class Mirrored(Batchwise):
    """Units next to each other are dropped together."""

    def draw(self, rng, rate, out):
        super().draw(rng, rate, out)
        out[:, 1::2] = out[:, : out.shape[1] // 2 * 2 : 2]


class WholeSamples(Bernoulli):
    """Numbers of one row are one and the same."""

    def draw(self, rng, rate, out):
        assert out.shape[1] > 1
        out[:] = (rng.random((len(out), 1)) >= rate) / (1 - rate)


@pytest.mark.parametrize("scheme", [Mirrored(), WholeSamples()], ids=repr)
def test_what_a_scheme_says_of_its_masks_is_not_said_of_those_of_a_subclass(scheme):
    assert not scheme.independent
    assert scheme.n_active(0.5, 10) is None
    case = make_selu(scheme, (0.5, 0.5, 0.5))
    step = case.compile(n_draws=5)
    for k in range(5):
        case.run(step, k=k)
        for mask, n_units in zip(case.masks(step), (5, 7, 6), strict=True):
            assert mask.shape == scheme.mask_shape(len(case.X), n_units)
            if isinstance(scheme, WholeSamples):
                assert_array_equal(mask, mask[:, :1] + np.zeros(n_units))
            else:
                assert_array_equal(mask[:, 1::2], mask[:, : n_units - n_units % 2 : 2])


def test_a_subclass_may_say_again_what_was_said_of_the_masks():
    class Counted(Batchwise):
        n_active = Batchwise.n_active

        def draw(self, rng, rate, out):
            super().draw(rng, rate, out)

    class Separate(Bernoulli):
        independent = True

        def draw(self, rng, rate, out):
            super().draw(rng, rate, out)

    class Renamed(Batchwise):
        """Draws as its base does."""

    class Fewer(Batchwise):
        """Other numbers of units; the draw of the base keeps to them."""

        def n_active(self, rate, n_units):
            return 1

    class Again(Counted):
        """What was said of the draw that it inherits holds."""

    assert Separate().independent
    for scheme in (Counted(), Renamed(), Again()):
        assert scheme.n_active(0.5, 10) == 5
    assert Fewer().n_active(0.5, 10) == 1
    assert np.count_nonzero(draw(Fewer(), 0.5, 1, 10)) == 1


def test_only_alpha_moves_what_it_drops():
    for scheme in SCHEMES:
        operations = make_selu(scheme, (0.1, 0.2, 0.3)).step.operations
        n_moving = sum(isinstance(operation, SaturatingDropout) for operation in operations)
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

    case = make_selu(Counter(), (0.2, 0.5, 0.5))
    case.run()
    assert len(sizes) == n_draws
    assert sum(sizes) == sum(mask.size for mask in case.masks())
    assert case.run() != case.run()


@pytest.mark.parametrize("scheme", [Bernoulli(), Gaussian()], ids=repr)
def test_every_entry_of_sparse_inputs_has_a_mask_of_its_own(scheme):
    rate = 0.3
    case = make_selu(scheme, (rate, 0.0), sparse=True, widths=(20, 2), n_rows=5000)
    entries = csr_array(case.X).data
    case.run()
    mask = case.step.batch.x.matrix.data / entries
    excess = 2 if isinstance(scheme, Gaussian) else 1 / (rate * (1 - rate)) - 4
    assert_moments(mask, 1, rate / (1 - rate), excess)
    assert len(np.unique(mask.round(9))) == 2 or isinstance(scheme, Gaussian)
    case.run()
    assert abs(np.corrcoef(mask, case.step.batch.x.matrix.data / entries)[0, 1]) < 0.03


@pytest.mark.parametrize("rate", [0.99, 1 - 1e-12])
@pytest.mark.parametrize("n_rows", [1, 5])
@pytest.mark.parametrize("factor", [0.0, 1.0, 1e3])
@over_schemes
def test_no_step_divides_by_zero(scheme, factor, n_rows, rate):
    """With one unit a layer, all of whose units may be dropped."""
    case = make_selu(scheme, (rate,) * 3, widths=(1, 1, 1), n_rows=n_rows)
    case.X *= factor
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        losses = [case.run() for _ in range(20)]
    assert np.isfinite(losses).all()
    assert np.isfinite(case.gradient.flat).all()


def test_layers_of_one_rate_have_masks_of_their_own_schemes():
    binary = Bernoulli()
    drops = Drops((binary, binary, Gaussian()), (0.5, 0.5, 0.5))
    masks = Masks((30, 20, 10, 3), drops, 40, np.dtype(float), np.random.default_rng(0))
    masks.draw()
    for i in (0, 1):
        assert_array_equal(np.unique(masks[i]), [0.0, 2.0])
    assert len(np.unique(masks[2])) == 40 * 10
