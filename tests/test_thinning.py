"""Units that are out left out of the products: the same as a mask of zeros, only faster."""

import tracemalloc
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor, _plan
from skdropout._buffers import Buffer
from skdropout._losses import LOSSES
from skdropout._network import Network
from skdropout._ops import Columns, Dense, Dropout, SmallDense, ThinDense
from skdropout._plan import Plan
from skdropout.dropout import Batchwise, Bernoulli, DropConnect, DropoutScheme

RATES = [(0.2, 0.5, 0.3), (0.0, 0.5, 0.0), (0.3, 0.0, 0.0), (0.0, 0.0, 0.4), (0.9, 0.9, 0.9)]
over_rates = pytest.mark.parametrize("rates", RATES, ids=str)
over_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])


@pytest.fixture(params=[True, False], ids=["thinned", "masked"])
def thinned(request, monkeypatch):
    monkeypatch.setattr(_plan, "WORTHWHILE", -inf if request.param else inf)
    return request.param


def force(monkeypatch, thinned):
    monkeypatch.setattr(_plan, "WORTHWHILE", -inf if thinned else inf)


class Case:
    """A network with random parameters, a batch, and the plan that runs it."""

    def __init__(self, rates, *, sizes=(9, 8, 7, 3), n_rows=6, dtype=np.float64, scheme=None):
        rng = np.random.default_rng(0)
        self.rates, self.scheme, self.rng = rates, scheme or Batchwise(), np.random.default_rng(1)
        self.network = Network(sizes, ("tanh", "gelu")[: len(sizes) - 2], dtype)
        flat = self.network.parameters.flat
        flat[:] = rng.normal(scale=0.5, size=flat.size)
        self.gradient = Buffer(self.network.parameters.layout, dtype)
        self.X = rng.normal(size=(n_rows, sizes[0]))
        self.y = rng.normal(size=(n_rows, sizes[-1]))
        self.weight = rng.uniform(0.5, 2.0, n_rows)
        self.plan = self.compile(n_rows)

    def compile(self, n_rows, larger=None, **arguments):
        arguments = {"scheme": self.scheme, "rates": self.rates, "rng": self.rng} | arguments
        loss = LOSSES["identity"]
        return Plan(self.network, self.gradient, loss, n_rows, larger=larger, **arguments)

    def run(self, plan=None, **arguments):
        """Raw predictions and gradient for the first rows."""
        plan = plan or self.plan
        plan.x[:], plan.y[:] = self.X[: plan.n_rows], self.y[: plan.n_rows]
        plan.weight[:, 0] = self.weight[: plan.n_rows] / self.weight[: plan.n_rows].sum()
        plan.run(**arguments)
        return plan.z.copy(), self.gradient.flat.copy()


def is_thin(plan):
    return any(isinstance(op, ThinDense) for op in plan.ops)


@over_dtypes
@over_rates
def test_pass_equals_the_one_with_masks(rates, dtype, monkeypatch):
    cases = []
    for thin in (True, False):
        force(monkeypatch, thin)
        cases.append(Case(rates, dtype=dtype))
        assert is_thin(cases[-1].plan) == thin
    thin, masked = cases
    for _ in range(3):
        for found, wanted in zip(thin.run(), masked.run(), strict=True):
            assert_allclose(found, wanted, rtol=0, atol=100 * np.finfo(dtype).eps)
        for name, mask in thin.plan.masks.items():
            assert_array_equal(mask, masked.plan.masks[name])


@over_rates
def test_weights_that_are_out_have_no_gradient(rates, thinned):
    case = Case(rates)
    case.run()
    drawn = (mask[0] > 0 for mask in case.plan.masks.values())
    layers = [
        next(drawn) if rate else np.ones(size) > 0
        for rate, size in zip((*rates, 0.0), case.network.sizes, strict=True)
    ]
    for i, (inputs, units) in enumerate(pairwise(layers)):
        assert_array_equal(case.gradient[f"W{i}"] != 0, inputs[:, None] & units)
        assert_array_equal(case.gradient[f"b{i}"] != 0, units)


def test_slope_equals_difference_quotient(monkeypatch):
    force(monkeypatch, True)
    case = Case((0.2, 0.5, 0.3))
    parameters = case.network.parameters.flat
    p, step = parameters.copy(), 1e-6
    _, gradient = case.run()
    direction = np.random.default_rng(2).normal(size=p.size)

    def value_at(moved):
        parameters[:] = moved
        z, _ = case.run(redraw=False)
        return LOSSES["identity"].value(z, case.y, case.weight)

    quotient = (value_at(p + step * direction) - value_at(p - step * direction)) / (2 * step)
    assert_allclose(quotient, gradient @ direction, rtol=1e-7)


def test_every_unit_is_in_equally_often(monkeypatch):
    force(monkeypatch, True)
    case, n_draws, rate = Case((0.0, 0.25, 0.0), sizes=(3, 8, 7, 3)), 4000, 0.25
    times = np.zeros(8)
    for _ in range(n_draws):
        case.run()
        times += case.gradient["b0"] != 0
    # exactly six of eight each time, so the sum is fixed: chi squared with seven degrees of freedom
    statistic = np.sum((times - 0.75 * n_draws) ** 2) / (n_draws * rate * 0.75) * 7 / 8
    assert times.sum() == 6 * n_draws
    assert statistic < 24.3  # one in a thousand


@over_dtypes
def test_garbage_in_work_space_changes_no_bit(dtype, monkeypatch):
    force(monkeypatch, True)
    case = Case((0.2, 0.5, 0.3), dtype=dtype)
    state = case.rng.bit_generator.state
    expected = case.run()
    case.rng.bit_generator.state = state
    case.plan.work.flat.fill(np.nan)
    case.plan.indices.flat.fill(-1)
    case.gradient.flat.fill(np.nan)
    for found, wanted in zip(case.run(), expected, strict=True):
        assert_array_equal(found, wanted)


def test_smaller_plan_trains_the_same_sub_network(thinned):
    case, apart = Case((0.2, 0.5, 0.3)), Case((0.2, 0.5, 0.3))
    few = case.compile(4, larger=case.plan)
    assert is_thin(few) == thinned
    case.run()
    apart.run()
    found = case.run(few, redraw=False)
    apart.X, apart.y, apart.weight = apart.X[:4], apart.y[:4], apart.weight[:4]
    force_same = apart.compile(4, larger=apart.plan)
    for name, mask in few.masks.items():
        assert_array_equal(mask, force_same.masks[name])
    assert_array_equal(found[0], apart.run(force_same, redraw=False)[0])
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("sizes, n_rows", [((300, 400, 500, 10), 8), ((30, 40, 50, 10), 4000)])
def test_second_pass_allocates_nothing_that_grows(sizes, n_rows, monkeypatch):
    force(monkeypatch, True)
    case = Case((0.2, 0.5, 0.3), sizes=sizes, n_rows=n_rows)
    case.plan.y[:], case.plan.weight[:] = 0.0, 1 / n_rows
    case.plan.run()
    tracemalloc.start()
    case.plan.run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 18  # two of the buffers of 64 kB that NumPy takes for a broadcast, twice


# Fits


def make_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 12))
    return X, (X[:, :3].sum(axis=1) > 0).astype(int)


@pytest.mark.parametrize("make", [DropoutMLPClassifier, DropoutMLPRegressor])
@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("batches_per_mask", [1, 3])
def test_fit_equals_the_one_with_masks(batches_per_mask, solver, make, monkeypatch):
    X, y = make_data()
    fitted = []
    for thin in (True, False):
        force(monkeypatch, thin)
        net = make(
            hidden_layer_sizes=(20, 10),
            activation=["relu", "silu"],
            dropout=Batchwise(batches_per_mask=batches_per_mask),
            dropout_rate=0.4,
            input_dropout_rate=0.2,
            solver=solver,
            weight_decay=0.01,
            max_norm=2.0,
            batch_size=16,  # three batches of 16 and one of 2
            learning_rate="cosine",
            max_iter=20,
            random_state=0,
        )
        fitted.append(net.fit(X, y))
    thinned, masked = fitted
    assert_allclose(thinned.loss_curve_, masked.loss_curve_, rtol=1e-9)
    for W, wanted in zip(thinned.coefs_, masked.coefs_, strict=True):
        assert_allclose(W, wanted, rtol=0, atol=1e-9)


def test_monte_carlo_predictions_equal_those_with_masks(monkeypatch):
    X, y = make_data()
    net = DropoutMLPClassifier((20, 10), learning_rate="cosine", max_iter=5).fit(X, y)
    draws = []
    for thin in (True, False):
        force(monkeypatch, thin)
        draws.append(net.predict_proba_samples(X, n_samples=7, random_state=0))
    assert_allclose(*draws, rtol=0, atol=1e-13)
    assert len(np.unique(draws[0], axis=0)) == 7


# When it is done


def plan_for(*, sizes=(784, 1024, 1024, 10), n_rows=128, rates=(0.2, 0.5, 0.5), **arguments):
    case = Case(rates, sizes=(3, 4, 4, 2))
    case.network = Network(
        sizes, ("relu",) * (len(sizes) - 2), np.float32, batch_norm=arguments.pop("norm", False)
    )
    case.gradient = Buffer(case.network.parameters.layout, np.float32)
    return case.compile(n_rows, **arguments)


@dataclass(repr=False)
class Odds(DropoutScheme):
    """Keeps every second unit; says nothing of their number."""

    def mask_shape(self, n_rows, n_units):
        return 1, n_units

    def draw(self, rng, rate, out):
        out[:] = 0
        out[:, rng.integers(2) :: 2] = 2


@dataclass(repr=False)
class CountedOdds(Odds):
    """Keeps every second of an even number of units."""

    def n_active(self, rate, n_units):
        return n_units // 2


@dataclass(repr=False)
class RowWise(Batchwise):
    """Keeps as many units of each row."""

    def mask_shape(self, n_rows, n_units):
        return n_rows, n_units

    def draw(self, rng, rate, out):
        n_active = self.n_active(rate, out.shape[1])
        out[:] = 0
        out[:, :n_active] = out.shape[1] / n_active
        rng.permuted(out, axis=1, out=out)


@dataclass(repr=False)
class Saturating(Batchwise):
    """Sets units to -1."""

    saturation = -1.0


@dataclass(repr=False)
class CountedWeights(DropConnect):
    """Says something of a number of units, but drops weights."""

    def n_active(self, rate, n_units):
        return n_units // 2


@dataclass(repr=False)
class Uneven(Batchwise):
    """Multiplies units by different numbers."""

    def draw(self, rng, rate, out):
        super().draw(rng, rate, out)
        out *= rng.uniform(0.5, 1.5, out.shape)


@dataclass(repr=False)
class Wrong(Batchwise):
    """Says a number that is not the one that it keeps."""

    says: object = 3

    def n_active(self, rate, n_units):
        return self.says

    def draw(self, rng, rate, out):
        out[:] = 0
        out[:, :2] = 1


@pytest.mark.parametrize(
    "arguments, thin",
    [
        ({}, True),
        ({"scheme": Uneven()}, True),
        ({"scheme": RowWise()}, False),
        ({"scheme": RowWise(), "one_mask": True}, True),
        ({"scheme": Saturating()}, False),
        ({"scheme": CountedWeights()}, False),
        ({"scheme": CountedOdds()}, True),
        ({"scheme": Odds()}, False),
        ({"scheme": Bernoulli()}, False),
        ({"norm": True}, False),
        ({"sparse": True}, False),
        ({"n_rows": 4}, False),
        ({"sizes": (60, 60, 30, 1), "n_rows": 16}, False),
        ({"rates": (0.0, 0.0, 0.0)}, False),
        ({"rates": (0.0, 1e-6, 1e-6)}, False),
    ],
)
def test_large_layers_of_a_fixed_number_are_thinned(arguments, thin):
    plan = plan_for(**arguments)
    assert is_thin(plan) == thin
    kinds = {type(op) for op in plan.ops}
    assert (Columns in kinds) == thin
    for op in plan.ops:
        if thin and isinstance(op, Dropout):
            assert op.mask.shape == (1, op.x.shape[1])  # of the units that are in


def test_layers_beside_no_dropout_are_whole(monkeypatch):
    force(monkeypatch, True)
    ops = [op for op in Case((0.0, 0.0, 0.4)).plan.ops if isinstance(op, Dense)]
    assert [type(op) for op in ops] == [SmallDense, ThinDense, ThinDense]


def test_scheme_of_ones_own_that_counts_trains(thinned):
    X, y = make_data()
    net = DropoutMLPClassifier((20, 10), dropout=CountedOdds(), learning_rate="cosine")
    net.set_params(learning_rate_init=0.01, batch_size=10, random_state=0)
    assert net.fit(X, y).score(X, y) > 0.9


def test_sparse_rows_keep_masks(monkeypatch):
    X, y = make_data()
    predictions = []
    for thin in (True, False):
        force(monkeypatch, thin)
        net = DropoutMLPClassifier((20,), learning_rate="cosine", max_iter=5, random_state=0)
        predictions.append(net.fit(csr_array(X), y).predict_proba(X))
    assert_array_equal(*predictions)


@pytest.mark.parametrize("scheme", [Uneven(), RowWise(), Saturating(), CountedWeights()], ids=repr)
def test_schemes_of_ones_own_train_the_same_in_both_forms(scheme, monkeypatch):
    X, y = make_data()
    losses = []
    for thin in (True, False):
        force(monkeypatch, thin)
        net = DropoutMLPClassifier((20, 10), dropout=scheme, dropout_rate=0.4, random_state=0)
        net.set_params(activation="tanh", learning_rate="cosine", max_iter=5).fit(X, y)
        losses.append(net.loss_curve_)
    assert_allclose(*losses, rtol=1e-12)


def test_a_wrong_number_of_units_is_noticed(monkeypatch):
    force(monkeypatch, True)
    X, y = make_data()
    with pytest.raises(ValueError, match=r"Wrong.*kept 2 of 20 units, but its n_active says 3"):
        DropoutMLPClassifier((20,), dropout=Wrong()).fit(X, y)


@pytest.mark.parametrize("says", [0, -1, 21, 1.5, "all"])
def test_an_impossible_number_of_units_is_refused(says):
    X, y = make_data()
    message = r"n_active of dropout=Wrong.*from 1 to the 20 units"
    with pytest.raises(ValueError, match=message):
        DropoutMLPClassifier((20,), dropout=Wrong(says=says)).fit(X, y)
