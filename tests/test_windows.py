"""Dropped units left out of the products: the same as a mask of zeros, only faster."""

import pickle
import tracemalloc
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core.buffers import Buffer
from skdropout._core.losses import LOSSES
from skdropout._network import monte_carlo as _monte_carlo
from skdropout._network import order as _order
from skdropout._network import plan as _plan
from skdropout._network.network import Network
from skdropout._network.ops import Dense, SmallDense, Window, WindowDense
from skdropout._network.order import UnitOrder
from skdropout._network.plan import Plan
from skdropout._training.descent import Descent
from skdropout.constraints import Constraint, MaxNorm
from skdropout.dropout import Batchwise, Bernoulli, DropConnect, DropoutScheme

RATES = [(0.2, 0.5, 0.3), (0.0, 0.5, 0.0), (0.3, 0.0, 0.4), (0.0, 0.0, 0.4), (0.9, 0.9, 0.9)]
over_rates = pytest.mark.parametrize("rates", RATES, ids=str)
over_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])


def force(monkeypatch, windows):
    """Let trainings have windows wherever they can, or nowhere."""
    monkeypatch.setattr(_plan, "WORTHWHILE", -inf if windows else inf)


class Case:
    """A network with random parameters, a batch, and the plan that runs it."""

    def __init__(self, rates, *, sizes=(9, 8, 7, 3), n_rows=6, dtype=np.float64, scheme=None):
        rng = np.random.default_rng(0)
        self.rates, self.scheme, self.rng = rates, scheme or Batchwise(), np.random.default_rng(1)
        self.network = Network(sizes, ("tanh", "relu")[: len(sizes) - 2], dtype)
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
        self.gradient.flat.fill(0.0)
        plan.run(**arguments)
        return plan.z.copy(), self.gradient.flat.copy()


def is_in(window):
    """Which units are in a window."""
    inside = np.zeros(window.n_units, bool)
    for _, units in window.parts:
        inside[units] = True
    return inside


def whole_masks(plan):
    """The masks of a pass, by layer, those of windows written out."""
    masks = {}
    for name, mask in plan.masks.items():
        i = int(name.removeprefix("mask"))
        masks[i] = mask.copy()
        if i in plan.windows:
            masks[i] = np.zeros((1, plan.network.sizes[i]), mask.dtype)
            for at, units in plan.windows[i].parts:
                masks[i][:, units] = mask[:, at]
    return masks


# A pass


@pytest.mark.parametrize("n_units, n_active", [(7, 7), (7, 1), (7, 3), (10, 9), (1, 1)])
def test_a_window_begins_anywhere_and_goes_around(n_units, n_active):
    window, places = Window(n_units, n_active), np.arange(n_units)
    assert window.parts == [(slice(0, n_active), slice(0, n_active))]
    for start in range(n_units):
        window.move(start)
        found = np.full(n_active, -1)
        for at, units in window.parts:
            found[at] = places[units]
        assert_array_equal(found, (start + np.arange(n_active)) % n_units)
        assert len(window.parts) == 1 + (start + n_active > n_units)


@over_dtypes
@over_rates
def test_pass_equals_the_one_with_masks(rates, dtype, monkeypatch):
    force(monkeypatch, True)
    case = Case(rates, dtype=dtype)
    force(monkeypatch, False)
    masked = Case(rates, dtype=dtype)
    assert any(isinstance(op, WindowDense) for op in case.plan.ops)
    assert not any(isinstance(op, WindowDense) for op in masked.plan.ops)
    n_parts = set()
    for _ in range(30):
        found = case.run()
        for i, mask in whole_masks(case.plan).items():
            masked.plan.masks[f"mask{i}"][:] = mask
        for values, wanted in zip(found, masked.run(redraw=False), strict=True):
            scale = max(1.0, np.abs(wanted).max())
            assert_allclose(values, wanted, rtol=0, atol=100 * np.finfo(dtype).eps * scale)
        n_parts |= {tuple(len(window.parts) for window in case.plan.windows.values())}
    wide = [window for window in case.plan.windows.values() if window.n_active > 1]
    assert len(n_parts) == 2 ** len(wide)  # each around its end or not


@over_rates
def test_what_is_out_has_no_gradient(rates, monkeypatch):
    force(monkeypatch, True)
    case = Case(rates)
    case.network = Network((9, 8, 7, 3), ("tanh", "tanh"), np.float64)
    case.network.memory[:] = np.random.default_rng(0).normal(size=case.network.memory.size)
    case.plan = case.compile(6)
    case.run()
    masks = whole_masks(case.plan)
    layers = [
        masks[i][0] > 0 if i in masks else np.ones(size) > 0
        for i, size in enumerate(case.network.sizes)
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


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.75])
def test_every_unit_is_in_equally_often(rate, monkeypatch):
    """In every order, whatever it is."""
    force(monkeypatch, True)
    case, n_draws = Case((0.0, rate, 0.0), sizes=(3, 8, 7, 3)), 8000
    starts = np.zeros(8)
    times = np.zeros(8)
    for _ in range(n_draws):
        case.plan.draw()
        starts[case.plan.windows[1].parts[0][1].start] += 1
        times += is_in(case.plan.windows[1])
    assert times.sum() == (1 - rate) * 8 * n_draws
    statistic = np.sum((starts - n_draws / 8) ** 2) / (n_draws / 8)
    assert statistic < 24.3  # chi squared with seven degrees of freedom: one in a thousand
    error = np.sqrt(n_draws * rate * (1 - rate))
    assert np.abs(times - (1 - rate) * n_draws).max() < 4 * error


@over_dtypes
def test_garbage_in_work_space_changes_no_bit(dtype, monkeypatch):
    force(monkeypatch, True)
    case = Case((0.2, 0.5, 0.3), dtype=dtype)
    state = case.rng.bit_generator.state
    expected = case.run()
    case.rng.bit_generator.state = state
    case.plan.work.flat.fill(np.nan)
    for found, wanted in zip(case.run(), expected, strict=True):
        assert_array_equal(found, wanted)


def test_smaller_plan_trains_the_same_sub_network(monkeypatch):
    force(monkeypatch, True)
    case, apart = Case((0.2, 0.5, 0.3)), Case((0.2, 0.5, 0.3))
    force(monkeypatch, False)  # the larger plan has decided
    few = case.compile(4, larger=case.plan)
    case.run()
    masks = whole_masks(case.plan)
    found = case.run(few, redraw=False)
    for i, mask in whole_masks(few).items():
        assert_array_equal(mask, masks[i])
    alone = apart.compile(4)
    for i, mask in masks.items():
        alone.masks[f"mask{i}"][:] = mask
    for values, wanted in zip(found, apart.run(alone, redraw=False), strict=True):
        assert_allclose(values, wanted, rtol=0, atol=1e-14)


@pytest.mark.parametrize("sizes, n_rows", [((300, 400, 500, 10), 8), ((30, 40, 50, 10), 4000)])
def test_second_pass_allocates_nothing_that_grows(sizes, n_rows, monkeypatch):
    force(monkeypatch, True)
    case = Case((0.2, 0.5, 0.3), sizes=sizes, n_rows=n_rows)
    case.plan.y[:], case.plan.weight[:] = 0.0, 1 / n_rows
    case.plan.run()
    tracemalloc.start()
    for _ in range(5):
        case.plan.run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 18  # two of the buffers of 64 kB that NumPy takes for a broadcast, twice


# The order of the units


def make_order(moving=(1, 2), *, seed=0):
    network = Network((5, 40, 30, 2), ("tanh", "relu"), np.float64)
    network.memory[:] = np.random.default_rng(1).normal(size=network.memory.size)
    layout = network.parameters.layout
    memory, scratch = (Buffer(layout, np.float64) for _ in range(2))
    memory.flat[:] = network.memory
    buffers = [network.parameters, memory]
    order = UnitOrder(buffers, network.sizes, moving, scratch, np.random.default_rng(seed))
    return network, memory, order


def test_predictions_depend_on_no_order():
    network, memory, order = make_order()
    X, before = np.random.default_rng(2).normal(size=(20, 5)), network.memory.copy()
    expected = network.predict(X)
    order.prepare(is_new=True)
    assert not np.array_equal(network.memory, before)
    assert_allclose(network.predict(X), expected, rtol=1e-12)
    assert_array_equal(memory.flat, network.memory)  # what is remembered goes along
    assert not order.scratch.flat.any()
    order.restore()
    assert_array_equal(network.memory, before)
    assert_array_equal(memory.flat, before)
    assert not order.scratch.flat.any()


def test_units_lie_as_the_order_says():
    network, _, order = make_order()
    W, b = [W.copy() for W in network.weights], [b.copy() for b in network.biases]
    order.prepare(is_new=True)
    inputs, first, second, outputs = order.drawn
    assert_array_equal(inputs, np.arange(5))
    assert_array_equal(outputs, np.arange(2))
    assert_array_equal(network.weights[0], W[0][:, first])
    assert_array_equal(network.weights[1], W[1][first][:, second])
    assert_array_equal(network.weights[2], W[2][second])
    assert_array_equal(network.biases[1], b[1][second])


def test_an_order_lasts_for_some_windows_and_comes_back(monkeypatch):
    monkeypatch.setattr(_order, "WINDOWS", 3)
    network, _, order = make_order()
    seen = []
    for is_new in (True, False, True, True, False, True, False):
        order.prepare(is_new=is_new)
        seen.append(network.memory.copy())
    assert [np.array_equal(a, b) for a, b in pairwise(seen)] == [True] * 4 + [False, True]
    natural = make_order()[0].memory
    order.restore()
    assert_array_equal(network.memory, natural)
    order.prepare(is_new=False)  # the window goes on after an epoch
    assert_array_equal(network.memory, seen[-1])
    order.restore()
    order.prepare(is_new=True)
    assert not np.array_equal(network.memory, seen[-1])


def test_each_unit_comes_to_each_place():
    _, _, order = make_order(moving=(1,))
    counts = np.zeros((40, 40))
    for _ in range(4000):
        order.n_left = 0
        order.prepare(is_new=True)
        counts[np.arange(40), order.drawn[1]] += 1
    statistic = np.sum((counts - 100) ** 2) / 100 * 39 / 40
    assert abs(statistic - 39**2) < 4 * np.sqrt(2 * 39**2)  # chi squared


def test_without_windows_nothing_moves_and_nothing_is_drawn():
    network, _, order = make_order(moving=())
    before, state = network.memory.copy(), order.rng.bit_generator.state
    order.prepare(is_new=True)
    order.restore()
    assert_array_equal(network.memory, before)
    assert order.rng.bit_generator.state == state


# Fits


def make_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 12))
    return X, (X[:, :3].sum(axis=1) > 0).astype(int)


def record_masks(monkeypatch):
    """Write down each mask that is drawn, of the units in their own order."""
    masks, orders = [], {}
    put, draw = UnitOrder._put, Plan.draw

    def put_and_note(self, order):
        put(self, order)
        orders["now"] = order

    def draw_and_record(self):
        draw(self)
        drawn = {}
        for i, mask in whole_masks(self).items():
            drawn[i] = np.empty_like(mask)
            drawn[i][:, orders["now"][i]] = mask
        masks.append(drawn)

    monkeypatch.setattr(UnitOrder, "_put", put_and_note)
    monkeypatch.setattr(Plan, "draw", draw_and_record)
    return masks


def replay_masks(monkeypatch, masks):
    """Give the masks written down to the passes of a training with masks."""
    left = iter(masks)

    def replay(self):
        for i, mask in next(left).items():
            self.masks[f"mask{i}"][:] = mask

    monkeypatch.setattr(Plan, "draw", replay)
    return left


@pytest.mark.parametrize("make", [DropoutMLPClassifier, DropoutMLPRegressor])
@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop", "amsgrad"])
@pytest.mark.parametrize("batches_per_mask", [1, 3])
def test_fit_equals_the_one_with_the_same_masks(batches_per_mask, solver, make, monkeypatch):
    X, y = make_data()
    monkeypatch.setattr(_order, "WINDOWS", 2)
    net = make(
        hidden_layer_sizes=(20, 10),
        activation=["relu", "silu"],
        dropout=Batchwise(batches_per_mask=batches_per_mask),
        dropout_rate=[0.4, 0.3],
        input_dropout_rate=0.2,
        solver=solver,
        alpha=0.01,
        bias_alpha=0.01,
        weight_decay=0.01,
        max_norm=2.0,
        clip_norm=1.0,
        batch_size=16,  # three batches of 16 and one of 2
        learning_rate="cosine",
        max_iter=20,
        random_state=0,
    )
    with monkeypatch.context() as patch:
        force(patch, True)
        masks = record_masks(patch)
        losses = net.fit(X, y).loss_curve_
    coefs = net.coefs_
    with monkeypatch.context() as patch:
        force(patch, False)
        left = replay_masks(patch, masks)
        net.fit(X, y)
        assert next(left, None) is None
    assert len(masks) == -(-80 // batches_per_mask)
    assert len({drawn[1].tobytes() for drawn in masks}) > len(masks) / 2
    assert_allclose(losses, net.loss_curve_, rtol=1e-9)
    for W, wanted in zip(coefs, net.coefs_, strict=True):
        assert_allclose(W, wanted, rtol=0, atol=1e-9)


def make_net(**arguments):
    defaults = dict(hidden_layer_sizes=(20, 10), dropout_rate=0.4, learning_rate="cosine")
    return DropoutMLPClassifier(**defaults | dict(random_state=0, batch_size=16) | arguments)


@pytest.mark.parametrize("dropout_schedule", ["constant", "linear", "early"])
def test_units_are_back_in_their_places_after_a_fit(dropout_schedule, monkeypatch):
    force(monkeypatch, True)
    X, y = make_data()
    arguments = {"learning_rate_init": 1e-12, "max_iter": 4, "weight_decay": 0}
    net = make_net(dropout_schedule=dropout_schedule, **arguments).fit(X, y)
    still = make_net(dropout_rate=0, **arguments).fit(X, y)
    for W, wanted in zip(net.coefs_, still.coefs_, strict=True):
        assert_allclose(W, wanted, rtol=0, atol=1e-9)


def test_units_are_back_in_their_places_after_an_interruption(monkeypatch):
    force(monkeypatch, True)
    X, y = make_data()
    step = Descent.step

    def step_or_stop(self, *args):
        if self.t == 6:  # in the midst of the second epoch
            raise KeyboardInterrupt
        return step(self, *args)

    arguments = {"learning_rate_init": 1e-12, "max_iter": 4, "weight_decay": 0}
    still = make_net(dropout_rate=0, **arguments).fit(X, y)
    monkeypatch.setattr(Descent, "step", step_or_stop)
    with pytest.warns(UserWarning, match="interrupted by user after 1 epoch"):
        net = make_net(**arguments).fit(X, y)
    for W, wanted in zip(net.coefs_, still.coefs_, strict=True):
        assert_allclose(W, wanted, rtol=0, atol=1e-9)


def test_units_of_the_best_network_are_in_their_places(monkeypatch):
    force(monkeypatch, True)
    X, y = make_data()
    arguments = {"learning_rate_init": 1e-12, "max_iter": 3, "weight_decay": 0}
    arguments |= {"early_stopping": True, "scoring": "loss"}
    net = make_net(**arguments).fit(X, y)
    still = make_net(**arguments, dropout_rate=0).fit(X, y)
    for W, wanted in zip(net.coefs_, still.coefs_, strict=True):
        assert_allclose(W, wanted, rtol=0, atol=1e-9)


class FirstHalf(Constraint):
    """Only the first half of the units has weights."""

    def project(self, W):
        W[:, W.shape[1] // 2 :] = 0


class HalfNorm(MaxNorm):
    """As MaxNorm, by another formula."""

    def project(self, W):
        W /= max(1.0, float(np.linalg.norm(W)))


class HalfNormAlike(HalfNorm):
    """Says that no order matters to it."""

    equivariant = True


@pytest.mark.parametrize(
    "constraint, has_windows",
    [(FirstHalf(), False), (HalfNorm(), False), (HalfNormAlike(), True), (MaxNorm(), True)],
    ids=repr,
)
def test_windows_need_constraints_to_which_no_order_matters(constraint, has_windows, monkeypatch):
    force(monkeypatch, True)
    X, y = make_data()
    moves = []
    put = UnitOrder._put
    monkeypatch.setattr(
        UnitOrder, "_put", lambda self, order: (moves.append(self.moving), put(self, order))
    )
    net = make_net(hidden_layer_sizes=(20,), max_norm=constraint, max_iter=3).fit(X, y)
    assert any(moves) == has_windows
    if isinstance(constraint, FirstHalf):
        assert not net.coefs_[0][:, 10:].any()


class Loud:
    """A draw that comes from beside."""

    def draw(self, rng, rate, out):
        out[:] = 1 + rng.choice([-rate, rate])


class LoudBatchwise(Loud, Batchwise):
    """Draws as the first of its bases."""


def test_no_promise_is_kept_for_a_draw_from_another_base():
    scheme = LoudBatchwise()
    assert [scheme.exchangeable, scheme.stackable, scheme.independent] == [False] * 3


def test_partial_fit_goes_on_after_pickling(monkeypatch):
    force(monkeypatch, True)
    X, y = make_data()
    net = make_net(learning_rate="constant").partial_fit(X, y, classes=[0, 1])
    again = pickle.loads(pickle.dumps(net))
    for _ in range(3):
        net.partial_fit(X, y)
        again.partial_fit(X, y)
    for W, wanted in zip(again.coefs_, net.coefs_, strict=True):
        assert_array_equal(W, wanted)


def test_windows_learn(monkeypatch):
    force(monkeypatch, True)
    X, y = make_data()
    assert make_net(learning_rate_init=0.01).fit(X, y).score(X, y) > 0.9


# Predictions with dropout kept on


@pytest.mark.parametrize("container", [np.asarray, csr_array])
@pytest.mark.parametrize("dropout", ["batchwise", "bernoulli"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_smaller_networks_predict_what_masks_predict(batch_norm, dropout, container, monkeypatch):
    X, y = make_data()
    net = make_net(input_dropout_rate=0.2, batch_norm=batch_norm, dropout=dropout, max_iter=5)
    net.fit(X, y)
    thin, n_thinned = Network.thin, []

    def count(self, masks):
        n_thinned[-1] += 1
        return thin(self, masks)

    monkeypatch.setattr(Network, "thin", count)
    draws = []
    for worthwhile in (-inf, inf):
        monkeypatch.setattr(_monte_carlo, "WORTHWHILE", worthwhile)
        n_thinned.append(0)
        draws.append(net.predict_proba_samples(container(X), n_samples=7, random_state=0))
    assert n_thinned == [7 if dropout == "batchwise" else 0, 0]
    assert_allclose(*draws, rtol=0, atol=1e-13)
    assert len(np.unique(draws[0], axis=0)) == 7


def test_a_smaller_network_is_the_whole_one_with_a_mask():
    case = Case((0.0, 0.0, 0.0))
    masks = [np.array([0, 2, 1.5] * 3), np.array([0, 1, 1, 2, 0, 0, 3, 1.0]), None]
    thinned = case.network.thin(masks)
    assert thinned.sizes == (9, 5, 7, 3)
    whole = case.network.copy()
    whole.weights[0][:] *= masks[0][:, None]
    whole.weights[1][:] *= masks[1][:, None]
    assert_allclose(thinned.predict(case.X), whole.predict(case.X), rtol=1e-12)


@pytest.mark.parametrize("n_rows, thins", [(10, False), (150, False), (400, True)])
def test_blocks_of_many_rows_have_smaller_networks(n_rows, thins):
    network = Network((20, 1000, 5), ("relu",), np.float32)
    arguments = {"scheme": Batchwise(), "rates": (0.2, 0.5), "rng": np.random.default_rng(0)}
    X = np.zeros((n_rows, 20), np.float32)
    assert _monte_carlo.MonteCarlo(network, X, 3, **arguments, consistent=False).thins == thins


def test_a_mask_of_inputs_may_be_one_number():
    """Where hidden units are counted, so that there are smaller networks."""
    network = Network((20, 1000, 5), ("relu",), np.float64)
    network.initialize(np.random.default_rng(0), "auto")

    class OneForInputs(CountedOdds):
        def mask_shape(self, n_rows, n_units):
            return 1, 1 if n_units == 20 else n_units

    X = np.random.default_rng(1).normal(size=(400, 20))
    draws = [
        _monte_carlo.MonteCarlo(
            network,
            x,
            3,
            scheme=OneForInputs(),
            rates=(0.2, 0.5),
            rng=np.random.default_rng(0),
            consistent=False,
        )
        for x in (X, X[:2])
    ]
    assert [of.thins for of in draws] == [True, False]
    many, few = (of.stack(np.copy) for of in draws)
    assert_allclose(many[:, :2], few, rtol=1e-12)


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
class Rows(Batchwise):
    """Draws as its base class does, for each row."""

    def mask_shape(self, n_rows, n_units):
        return n_rows, n_units


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
    """Says how many units it keeps."""

    says: object = 3

    def n_active(self, rate, n_units):
        return self.says


@dataclass(repr=False)
class Alike(CountedOdds):
    """Says that any half of the units will do."""

    exchangeable = True


@pytest.mark.parametrize(
    "arguments, has_windows",
    [
        ({}, True),
        ({"n_passes": 2}, False),
        ({"n_passes": 10}, True),
        ({"rates": (0.2, 0.5, 0.0)}, True),
        ({"rates": (0.5, 0.0, 0.0)}, False),
        ({"scheme": Batchwise(batches_per_mask=3)}, True),
        ({"scheme": Alike()}, True),
        ({"scheme": Uneven()}, False),
        ({"scheme": RowWise()}, False),
        ({"scheme": Rows()}, False),
        ({"scheme": Saturating()}, False),
        ({"scheme": CountedWeights()}, False),
        ({"scheme": CountedOdds()}, False),
        ({"scheme": Odds()}, False),
        ({"scheme": Bernoulli()}, False),
        ({"norm": True}, False),
        ({"sparse": True}, True),
        ({"n_rows": 4}, False),
        ({"sizes": (60, 60, 30, 1), "n_rows": 16}, False),
        ({"rates": (0.0, 0.0, 0.0)}, False),
        ({"rates": (0.0, 1e-6, 1e-6)}, False),
    ],
)
def test_large_layers_whose_units_are_alike_have_windows(arguments, has_windows):
    plan = plan_for(**{"n_passes": 100} | arguments)
    assert any(isinstance(op, WindowDense) for op in plan.ops) == has_windows
    assert bool(plan.windows) == has_windows
    if has_windows:
        rates = arguments.get("rates", (0.2, 0.5, 0.5))
        assert list(plan.windows) == [i for i, rate in enumerate(rates) if i and rate]
        assert all(window.n_active == 512 for window in plan.windows.values())


def test_predictions_have_no_windows(monkeypatch):
    force(monkeypatch, True)
    case = Case((0.2, 0.5, 0.3))
    case.gradient = None
    assert case.plan.windows
    assert not case.compile(6).windows


def test_layers_beside_no_dropout_are_whole(monkeypatch):
    force(monkeypatch, True)
    ops = [op for op in Case((0.3, 0.0, 0.4)).plan.ops if isinstance(op, Dense)]
    assert [type(op) for op in ops] == [SmallDense, WindowDense, WindowDense]


@pytest.mark.parametrize("input_dropout_rate", [0.0, 0.3])
def test_sparse_rows_have_the_same_windows(input_dropout_rate, monkeypatch):
    force(monkeypatch, True)
    X, y = make_data()
    X[X < 0] = 0.0
    fitted = []
    for x in (X, csr_array(X)):
        net = make_net(input_dropout_rate=input_dropout_rate, max_iter=5, max_norm=1.0)
        fitted.append(net.fit(x, y).coefs_)
    for W, wanted in zip(*fitted, strict=True):
        assert_allclose(W, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "scheme",
    [Uneven(), RowWise(), Rows(), Saturating(), CountedWeights(), CountedOdds()],
    ids=repr,
)
def test_schemes_of_ones_own_draw_by_themselves(scheme, monkeypatch):
    X, y = make_data()
    losses = []
    for windows in (True, False):
        force(monkeypatch, windows)
        net = make_net(dropout=scheme, activation="tanh", max_iter=5)
        losses.append(net.fit(X, y).loss_curve_)
    assert_array_equal(*losses)


@pytest.mark.parametrize("says", [0, -1, 21, 1.5, "all"])
def test_an_impossible_number_of_units_is_refused(says):
    X, y = make_data()
    message = r"n_active of dropout=Wrong.*from 1 to the 20 units"
    with pytest.raises(ValueError, match=message):
        DropoutMLPClassifier((20,), dropout=Wrong(says=says)).fit(X, y)
