"""Dropped units left out of the products: the same as a mask of zeros, only faster."""

import pickle
import tracemalloc
from dataclasses import replace
from itertools import pairwise
from math import inf

import numpy as np
import pytest
from cases import ALWAYS, NEVER, make_case, make_network, set_window_costs
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core import tuning
from skdropout._core.buffers import Buffer
from skdropout._network.masks import Drops, Masks
from skdropout._network.monte_carlo import MonteCarlo
from skdropout._network.network import Network
from skdropout._network.ops import Dense
from skdropout._network.sparse import SparseDense
from skdropout._network.windows import (
    COSTS,
    UnitPermutation,
    Window,
    WindowCosts,
    WindowDense,
    Windows,
)
from skdropout._training.update import ParameterUpdate
from skdropout.constraints import Constraint, MaxNorm
from skdropout.dropout import Batchwise, Bernoulli, DropConnect, DropoutScheme

pytestmark = pytest.mark.filterwarnings("ignore:The fit came to nothing")  # after a few epochs

RATES = [(0.2, 0.5, 0.3), (0.0, 0.5, 0.0), (0.3, 0.0, 0.4), (0.0, 0.0, 0.4), (0.9, 0.9, 0.9)]
over_rates = pytest.mark.parametrize("rates", RATES, ids=str)
over_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
as_sparse_rows = pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])


def make_windows(rates, *, costs=ALWAYS, **arguments):
    """A case with windows."""
    defaults = {"widths": (9, 8, 7), "n_rows": 6, "weighted": True}
    return make_case("numbers", Batchwise(), rates=rates, costs=costs, **defaults | arguments)


def run(case, step=None, **arguments):
    """Raw predictions and gradient of a pass."""
    step = step or case.step
    case.run(step, **arguments)
    return step.z.copy(), case.gradient.flat.copy()


def put_masks(step, masks):
    """Put the masks of another pass into place."""
    for i, mask in enumerate(masks):
        if mask is not None:
            step.masks[i][:] = mask


def is_in(window):
    """Which units are in a window."""
    inside = np.zeros(window.n_units, bool)
    for _, units in window.parts:
        inside[units] = True
    return inside


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
        outside = np.zeros(n_units, int)
        for rest in window.rest:
            outside[rest] += 1
        assert_array_equal(outside, ~is_in(window))


@over_dtypes
@over_rates
@as_sparse_rows
def test_pass_equals_the_one_with_masks(sparse, rates, dtype):
    case = make_windows(rates, dtype=dtype, sparse=sparse)
    masked = make_windows(rates, dtype=dtype, sparse=sparse, costs=NEVER)
    assert any(isinstance(operation, WindowDense) for operation in case.step.operations)
    assert not any(isinstance(operation, WindowDense) for operation in masked.step.operations)
    n_parts = set()
    for _ in range(30):
        found = run(case)
        masked.network.memory[:] = case.network.memory  # the units in the same places
        put_masks(masked.step, case.masks())
        for values, wanted in zip(found, run(masked, redraw=False), strict=True):
            scale = max(1.0, np.abs(wanted).max())
            assert_allclose(values, wanted, rtol=0, atol=100 * np.finfo(dtype).eps * scale)
        n_parts |= {tuple(len(window.parts) for window in case.step.windows.values())}
    wide = [window for window in case.step.windows.values() if window.n_active > 1]
    assert len(n_parts) == 2 ** len(wide)  # each around its end or not


@over_rates
@as_sparse_rows
def test_what_is_out_has_no_gradient(sparse, rates):
    case = make_windows(rates, activations="tanh", sparse=sparse)
    case.load()
    case.draw()
    case.gradient.flat.fill(np.nan)
    case.step.forward()
    case.step.backward()
    layers = [
        np.ones(size, bool) if mask is None else mask[0] > 0
        for mask, size in zip([*case.masks(), None], case.network.sizes, strict=True)
    ]
    if sparse:
        layers[0] &= case.step.batch.x.matrix.toarray().any(axis=0)
    for i, (inputs, units) in enumerate(pairwise(layers)):
        assert_array_equal(case.gradient[f"W{i}"] != 0, inputs[:, None] & units)
        assert_array_equal(case.gradient[f"b{i}"] != 0, units)
    assert np.isfinite(case.gradient.flat).all()


def test_slope_equals_difference_quotient():
    case = make_windows((0.2, 0.5, 0.3))
    parameters, step = case.network.parameters.flat, 1e-6
    _, gradient = run(case)
    p = parameters.copy()
    direction = np.random.default_rng(2).normal(size=p.size)

    def value_at(moved):
        parameters[:] = moved
        return case.run(redraw=False)

    quotient = (value_at(p + step * direction) - value_at(p - step * direction)) / (2 * step)
    assert_allclose(quotient, gradient @ direction, rtol=1e-7)


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.75])
def test_every_unit_is_in_equally_often(rate):
    """In every order, whatever it is, and so is each place."""
    case, n_draws = make_windows((0.0, rate, 0.0), widths=(3, 8, 7)), 8000
    starts, times, units = np.zeros((3, 8))
    for _ in range(n_draws):
        case.draw()
        window = case.step.windows[1]
        starts[window.parts[0][1].start] += 1
        times += is_in(window)
        units[case.windows.order[1]] += is_in(window)
    statistic = np.sum((starts - n_draws / 8) ** 2) / (n_draws / 8)
    assert statistic < 24.3  # chi squared with seven degrees of freedom: one in a thousand
    error = np.sqrt(n_draws * rate * (1 - rate))
    for counts in (times, units):
        assert counts.sum() == (1 - rate) * 8 * n_draws
        assert np.abs(counts - (1 - rate) * n_draws).max() < 4 * error


@over_dtypes
@as_sparse_rows
def test_garbage_in_work_space_and_gradient_changes_no_bit(sparse, dtype):
    case, other = (make_windows((0.2, 0.5, 0.3), dtype=dtype, sparse=sparse) for _ in range(2))
    expected = run(case)
    other.step.work.flat.fill(np.nan)
    other.gradient.flat.fill(np.nan)
    for found, wanted in zip(run(other), expected, strict=True):
        assert_array_equal(found, wanted)


def test_smaller_pass_trains_the_same_sub_network():
    case, apart = make_windows((0.2, 0.5, 0.3)), make_windows((0.2, 0.5, 0.3), costs=NEVER)
    few, alone = case.compile(4, larger=case.step), apart.compile(4)
    run(case)
    masks = case.masks()
    found = run(case, few, redraw=False)
    for mask, wanted in zip(case.masks(few), masks, strict=True):
        assert_array_equal(mask, wanted)
    apart.network.memory[:] = case.network.memory
    put_masks(alone, masks)
    for values, wanted in zip(found, run(apart, alone, redraw=False), strict=True):
        assert_allclose(values, wanted, rtol=0, atol=1e-14)


@pytest.mark.parametrize("widths, n_rows", [((300, 400, 500), 8), ((30, 40, 50), 4000)])
def test_second_pass_allocates_nothing_that_grows(widths, n_rows, monkeypatch):
    """But for new orders of the units, which are drawn now and then."""
    monkeypatch.setattr(tuning, "BATCHES_PER_PERMUTATION", inf)
    case = make_windows((0.2, 0.5, 0.3), widths=widths, n_rows=n_rows)
    case.run()
    step = case.step
    tracemalloc.start()
    for _ in range(5):
        case.draw()
        step.forward()
        step.backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 18  # two of the buffers of 64 kB that NumPy takes for a broadcast, twice


def test_layers_beside_no_dropout_are_whole():
    operations = make_windows((0.3, 0.0, 0.4)).step.operations
    kinds = [type(dense) for dense in operations if isinstance(dense, Dense)]
    assert kinds == [Dense, WindowDense, WindowDense]
    (sparse,) = (
        operation
        for operation in make_windows((0.3, 0.0, 0.4), sparse=True).step.operations
        if isinstance(operation, SparseDense)
    )
    assert (sparse.units.n_active, sparse.units.n_units) == (8, 8)


# The order of the units


SIZES = (5, 40, 30, 2)


def make_permutation():
    """A network, what is remembered of its parameters, and what moves both."""
    network = make_network(SIZES)
    memory, scratch = (Buffer(network.parameters.layout, np.float64) for _ in range(2))
    memory.flat[:] = network.memory
    return network, memory, UnitPermutation([network.parameters, memory], SIZES, scratch)


def make_orders(rates=(0.0, 0.5, 0.5)):
    """A network, and the windows that move its units."""
    network, _, permutation = make_permutation()
    return network, plan(permutation, drops=Drops((Batchwise(),) * len(rates), rates), costs=ALWAYS)


def plan(permutation, *, drops, rng=0, n_rows=128, n_draws=100, costs=COSTS):
    rng = np.random.default_rng(rng)
    return Windows.plan(permutation, drops, rng, n_rows=n_rows, n_draws=n_draws, costs=costs)


def draw_order(rng=0):
    """Some order of the hidden units; the others stay."""
    rng = np.random.default_rng(rng)
    inputs, *hidden, outputs = SIZES
    return [np.arange(inputs), *(rng.permutation(size) for size in hidden), np.arange(outputs)]


def test_predictions_depend_on_no_order():
    network, memory, permutation = make_permutation()
    X, before = np.random.default_rng(2).normal(size=(20, 5)), network.memory.copy()
    expected = network.predict(X)
    for rng in range(3):  # from one order to another
        permutation.apply(draw_order(rng))
        assert not np.array_equal(network.memory, before)
        assert_allclose(network.predict(X), expected, rtol=1e-12)
        assert_array_equal(memory.flat, network.memory)  # what is remembered goes along
    permutation.apply(permutation.natural)
    assert_array_equal(network.memory, before)
    assert_array_equal(memory.flat, before)


@pytest.mark.parametrize("n_rows", [1, 7, 64])
def test_units_lie_as_the_order_says(n_rows, monkeypatch):
    monkeypatch.setattr(tuning, "PERMUTED_ROWS", n_rows)
    network, _, permutation = make_permutation()
    W, b = [W.copy() for W in network.weights], [b.copy() for b in network.biases]
    permutation.apply(draw_order(1))
    order = draw_order(2)
    permutation.apply(order)
    assert permutation.current is order
    _, first, second, _ = order
    assert_array_equal(network.weights[0], W[0][:, first])
    assert_array_equal(network.weights[1], W[1][first][:, second])
    assert_array_equal(network.weights[2], W[2][second])
    assert_array_equal(network.biases[0], b[0][first])
    assert_array_equal(network.biases[1], b[1][second])
    assert_array_equal(network.biases[2], b[2])


def test_an_order_is_one_of_hidden_units():
    _, windows = make_orders()
    windows.begin(redraw=True)
    inputs, *hidden, outputs = windows.order
    assert_array_equal(inputs, np.arange(5))
    assert_array_equal(outputs, np.arange(2))
    for order in hidden:
        assert not np.array_equal(order, np.arange(len(order)))
        assert_array_equal(np.sort(order), np.arange(len(order)))
    assert windows.permutation.current is windows.order


def test_an_order_lasts_for_some_windows_and_comes_back(monkeypatch):
    monkeypatch.setattr(tuning, "BATCHES_PER_PERMUTATION", 3)
    network, windows = make_orders()
    natural, seen = network.memory.copy(), []
    for redraw in (True, False, True, True, False, True, False):
        windows.begin(redraw=redraw)
        seen.append(network.memory.copy())
    assert [np.array_equal(a, b) for a, b in pairwise(seen)] == [True] * 4 + [False, True]
    windows.end()
    assert_array_equal(network.memory, natural)
    windows.begin(redraw=False)  # the window goes on after an epoch
    assert_array_equal(network.memory, seen[-1])
    windows.end()
    windows.begin(redraw=True)
    assert not np.array_equal(network.memory, seen[-1])


def test_windows_begin_anew_where_a_mask_would_be_drawn_and_nowhere_else():
    _, windows = make_orders()
    places = []
    for redraw in (True, False, False, True, False):
        windows.begin(redraw=redraw)
        places.append([window.parts for window in windows.windows.values()])
    assert [a == b for a, b in pairwise(places)] == [True, True, False, True]


def test_each_unit_comes_to_each_place(monkeypatch):
    monkeypatch.setattr(tuning, "BATCHES_PER_PERMUTATION", 1)
    _, windows = make_orders((0.0, 0.5, 0.0))
    counts = np.zeros((40, 40))
    for _ in range(4000):
        windows.begin(redraw=True)
        counts[np.arange(40), windows.order[1]] += 1
        assert windows.order[2] is windows.permutation.natural[2]
    statistic = np.sum((counts - 100) ** 2) / 100 * 39 / 40
    assert abs(statistic - 39**2) < 4 * np.sqrt(2 * 39**2)  # chi squared


def test_without_windows_nothing_moves_and_nothing_is_drawn():
    network, windows = make_orders((0.5, 0.0, 0.0))
    before, state = network.memory.copy(), windows.rng.bit_generator.state
    windows.begin(redraw=True)
    windows.end()
    assert_array_equal(network.memory, before)
    assert windows.rng.bit_generator.state == state


# Fits


def make_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 12))
    return X, (X[:, :3].sum(axis=1) > 0).astype(int)


def record_masks(monkeypatch):
    """Write down each mask that is drawn, of the units in their own places."""
    records = []
    begin, draw, latest = Windows.begin, Masks.draw, []

    def begin_and_note(self, *, redraw):
        begin(self, redraw=redraw)
        latest[:] = [self]

    def draw_and_record(self, k):
        draw(self, k)
        (windows,), drawn = latest, {}
        for i, rate in enumerate(self.drops.rates):
            if not rate:
                continue
            mask, n_units = self[i], self.sizes[i]
            drawn[i] = np.zeros((1, n_units))
            if i in windows.windows:
                for at, units in windows.windows[i].parts:
                    drawn[i][:, windows.order[i][units]] = mask[:, at]
            else:
                drawn[i][:] = mask
        records.append(drawn)

    monkeypatch.setattr(Windows, "begin", begin_and_note)
    monkeypatch.setattr(Masks, "draw", draw_and_record)
    return records


def replay_masks(monkeypatch, masks):
    """Give the masks written down to the passes of a training with masks."""
    left = iter(masks)

    def replay(self, k):
        for i, mask in next(left).items():
            self[i][:] = mask

    monkeypatch.setattr(Masks, "draw", replay)
    return left


@pytest.mark.parametrize("make", [DropoutMLPClassifier, DropoutMLPRegressor])
@pytest.mark.parametrize(
    "solver, fit_intercept",
    [("adam", True), ("sgd", True), ("rmsprop", True), ("amsgrad", True), ("adam", False)],
)
@pytest.mark.parametrize("batches_per_mask", [1, 3])
def test_fit_equals_the_one_with_the_same_masks(
    batches_per_mask, solver, fit_intercept, make, monkeypatch
):
    X, y = make_data()
    monkeypatch.setattr(tuning, "BATCHES_PER_PERMUTATION", 2)
    net = make(
        hidden_layer_sizes=(20, 10),
        activation=["relu", "silu"],
        dropout=Batchwise(batches_per_mask=batches_per_mask),
        dropout_rate=[0.4, 0.3],
        input_dropout_rate=0.2,
        solver=solver,
        fit_intercept=fit_intercept,
        alpha=0.01,
        bias_alpha=0.01 if fit_intercept else 0.0,
        weight_decay=0.01,
        max_norm=2.0,
        clip_norm=1.0,
        batch_size=16,  # three batches of 16 and one of 2
        learning_rate="cosine",
        max_iter=20,
        random_state=0,
        cv=None,
    )
    with monkeypatch.context() as patch:
        set_window_costs(patch, ALWAYS)
        masks = record_masks(patch)
        losses = net.fit(X, y).loss_curve_
    coefs = net.coefs_
    with monkeypatch.context() as patch:
        set_window_costs(patch, NEVER)
        left = replay_masks(patch, masks)
        net.fit(X, y)
        assert next(left, None) is None
    assert len(masks) == -(-80 // batches_per_mask)
    assert len({drawn[1].tobytes() for drawn in masks}) > len(masks) / 2
    assert_allclose(losses, net.loss_curve_, rtol=1e-9)
    for W, wanted in zip(coefs, net.coefs_, strict=True):
        assert_allclose(W, wanted, rtol=0, atol=1e-9)


def make_net(**arguments):
    defaults = dict(hidden_layer_sizes=(20, 10), dropout_rate=0.4, learning_rate="cosine", cv=None)
    return DropoutMLPClassifier(**defaults | dict(random_state=0, batch_size=16) | arguments)


@pytest.mark.parametrize("dropout_schedule", ["constant", "linear", "early"])
def test_units_are_back_in_their_places_after_a_fit(dropout_schedule, monkeypatch):
    set_window_costs(monkeypatch, ALWAYS)
    X, y = make_data()
    arguments = {"learning_rate_init": 1e-12, "max_iter": 4, "weight_decay": 0}
    net = make_net(dropout_schedule=dropout_schedule, **arguments).fit(X, y)
    still = make_net(dropout_rate=0, **arguments).fit(X, y)
    for W, wanted in zip(net.coefs_, still.coefs_, strict=True):
        assert_allclose(W, wanted, rtol=0, atol=1e-9)


def test_units_are_back_in_their_places_after_an_interruption(monkeypatch):
    set_window_costs(monkeypatch, ALWAYS)
    X, y = make_data()
    step = ParameterUpdate.step

    def step_or_stop(self, *args):
        if self.state.t == 6:  # in the midst of the second epoch
            raise KeyboardInterrupt
        return step(self, *args)

    arguments = {"learning_rate_init": 1e-12, "max_iter": 4, "weight_decay": 0}
    still = make_net(dropout_rate=0, **arguments).fit(X, y)
    monkeypatch.setattr(ParameterUpdate, "step", step_or_stop)
    with pytest.warns(UserWarning, match="interrupted by user after 1 epoch"):
        net = make_net(**arguments).fit(X, y)
    for W, wanted in zip(net.coefs_, still.coefs_, strict=True):
        assert_allclose(W, wanted, rtol=0, atol=1e-9)


def test_units_of_the_best_network_are_in_their_places(monkeypatch):
    set_window_costs(monkeypatch, ALWAYS)
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


def record_plans(monkeypatch):
    """Write down all windows that are planned."""
    planned, plan = [], Windows.plan
    monkeypatch.setattr(
        Windows,
        "plan",
        lambda *args, **arguments: planned.append(plan(*args, **arguments)) or planned[-1],
    )
    return planned


@pytest.mark.parametrize(
    "constraint, has_windows",
    [(FirstHalf(), False), (HalfNorm(), False), (HalfNormAlike(), True), (MaxNorm(), True)],
    ids=repr,
)
def test_windows_need_constraints_to_which_no_order_matters(constraint, has_windows, monkeypatch):
    set_window_costs(monkeypatch, ALWAYS)
    X, y = make_data()
    planned = record_plans(monkeypatch)
    net = make_net(hidden_layer_sizes=(20,), max_norm=constraint, max_iter=3).fit(X, y)
    assert [list(windows.windows) for windows in planned] == [[1] if has_windows else []]
    if isinstance(constraint, FirstHalf):
        assert not net.coefs_[0][:, 10:].any()


@pytest.mark.parametrize("batch_norm", [False, True])
def test_normalised_layers_have_no_windows(batch_norm, monkeypatch):
    set_window_costs(monkeypatch, ALWAYS)
    planned = record_plans(monkeypatch)
    make_net(batch_norm=batch_norm, max_iter=3).fit(*make_data())
    assert [list(windows.windows) for windows in planned] == [[] if batch_norm else [1, 2]]


class Loud:
    """A draw that comes from beside."""

    def draw(self, rng, rate, out):
        out[:] = 1 + rng.choice([-rate, rate])


class LoudBatchwise(Loud, Batchwise):
    """Draws as the first of its bases."""


def test_no_promise_is_kept_for_a_draw_from_another_base():
    scheme = LoudBatchwise()
    assert not scheme.independent
    assert scheme.n_active(0.5, 10) is None


def test_partial_fit_goes_on_after_pickling(monkeypatch):
    set_window_costs(monkeypatch, ALWAYS)
    X, y = make_data()
    net = make_net(learning_rate="constant").partial_fit(X, y, classes=[0, 1])
    again = pickle.loads(pickle.dumps(net))
    for _ in range(3):
        net.partial_fit(X, y)
        again.partial_fit(X, y)
    for W, wanted in zip(again.coefs_, net.coefs_, strict=True):
        assert_array_equal(W, wanted)


def test_windows_learn(monkeypatch):
    set_window_costs(monkeypatch, ALWAYS)
    X, y = make_data()
    assert make_net(learning_rate_init=0.01).fit(X, y).score(X, y) > 0.9


# Predictions with dropout kept on


@pytest.mark.parametrize("container", [np.asarray, csr_array])
@pytest.mark.parametrize("dropout", ["batchwise", "bernoulli"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_smaller_networks_predict_what_masks_predict(batch_norm, dropout, container, monkeypatch):
    X, y = make_data()
    net = make_net(input_dropout_rate=0.2, batch_norm=batch_norm, dropout=dropout, max_iter=5)
    net.fit(container(X), y)
    thin, n_thinned = Network.thin, []

    def count(self, masks):
        n_thinned[-1] += 1
        return thin(self, masks)

    monkeypatch.setattr(Network, "thin", count)
    draws = []
    for calls in (-inf, inf):
        monkeypatch.setattr(tuning, "THINNING_CALLS", calls)
        n_thinned.append(0)
        draws.append(net.predict_proba_samples(container(X), n_samples=7, random_state=0))
    assert n_thinned == [7 if dropout == "batchwise" else 0, 0]
    assert_allclose(*draws, rtol=0, atol=1e-13)
    assert len(np.unique(draws[0], axis=0)) == 7


def test_a_smaller_network_is_the_whole_one_with_a_mask():
    case = make_windows(0.0)
    masks = [np.array([0, 2, 1.5] * 3), np.array([0, 1, 1, 2, 0, 0, 3, 1.0]), None]
    thinned = case.network.thin(masks)
    assert thinned.sizes == (9, 5, 7, 3)
    whole = case.network.copy()
    whole.weights[0][:] *= masks[0][:, None]
    whole.weights[1][:] *= masks[1][:, None]
    assert_allclose(thinned.predict(case.X), whole.predict(case.X), rtol=1e-12)


def thins(network, X, scheme, rng=None):
    """The predictions of random networks, and whether these are smaller ones."""
    drops, rng = Drops((scheme,) * 2, (0.2, 0.5)), rng or np.random.default_rng(0)
    of = MonteCarlo([network], X, 3, drops=drops, rng=rng, consistent=False, reach=1.0)
    return of, of.predict == of._predict_thin


@pytest.mark.parametrize("n_rows, has_smaller", [(10, False), (150, False), (400, True)])
def test_blocks_of_many_rows_have_smaller_networks(n_rows, has_smaller):
    network = Network((20, 1000, 5), ("relu",), np.float32)
    _, is_smaller = thins(network, np.zeros((n_rows, 20), np.float32), Batchwise())
    assert is_smaller == has_smaller


def test_a_mask_of_inputs_may_be_one_number():
    """Where hidden units are counted, so that there are smaller networks."""
    network = Network((20, 1000, 5), ("relu",), np.float64)
    network.initialize(np.random.default_rng(0), ("auto",) * 2)

    class OneForInputs(CountedOdds):
        def mask_shape(self, n_rows, n_units):
            return 1, 1 if n_units == 20 else n_units

    X = np.random.default_rng(1).normal(size=(400, 20))
    (many, many_thins), (few, few_thins) = (thins(network, x, OneForInputs()) for x in (X, X[:2]))
    assert many_thins
    assert not few_thins
    assert_allclose(many.stack(np.copy)[:, :2], few.stack(np.copy), rtol=1e-12)


# When it is done


class Odds(DropoutScheme):
    """Keeps every second unit; says nothing of their number."""

    def mask_shape(self, n_rows, n_units):
        return 1, n_units

    def draw(self, rng, rate, out):
        out[:] = 0
        out[:, rng.integers(2) :: 2] = 2


class CountedOdds(Odds):
    """Keeps every second of an even number of units."""

    def n_active(self, rate, n_units):
        return n_units // 2


class RowWise(Batchwise):
    """Keeps as many units of each row."""

    n_active = Batchwise.n_active

    def mask_shape(self, n_rows, n_units):
        return n_rows, n_units

    def draw(self, rng, rate, out):
        n_active = self.n_active(rate, out.shape[1])
        out[:] = 0
        out[:, :n_active] = out.shape[1] / n_active
        rng.permuted(out, axis=1, out=out)


class Rows(Batchwise):
    """Draws as its base class does, for each row."""

    def mask_shape(self, n_rows, n_units):
        return n_rows, n_units


class Saturating(Batchwise):
    """Sets units to -1."""

    saturation = -1.0


class CountedWeights(DropConnect):
    """Says something of a number of units, but drops weights."""

    def n_active(self, rate, n_units):
        return n_units // 2


class Uneven(Batchwise):
    """Multiplies units by different numbers."""

    def draw(self, rng, rate, out):
        super().draw(rng, rate, out)
        out *= rng.uniform(0.5, 1.5, out.shape)


class Wrong(Batchwise):
    """Says how many units it keeps."""

    says: object = 3

    def n_active(self, rate, n_units):
        return self.says


LARGE = (784, 1024, 1024, 10)


@pytest.mark.parametrize(
    "arguments, has_windows",
    [
        ({}, True),
        ({"n_draws": 2}, False),
        ({"n_draws": 10}, True),
        ({"rates": (0.2, 0.5, 0.0)}, True),
        ({"rates": (0.5, 0.0, 0.0)}, False),
        ({"scheme": Batchwise(batches_per_mask=3)}, True),
        ({"scheme": CountedOdds()}, True),
        ({"scheme": Uneven()}, False),
        ({"scheme": RowWise()}, False),
        ({"scheme": Rows()}, False),
        ({"scheme": Saturating()}, False),
        ({"scheme": CountedWeights()}, False),
        ({"scheme": Odds()}, False),
        ({"scheme": Bernoulli()}, False),
        ({"costs": NEVER}, False),
        ({"costs": ALWAYS}, True),
        ({"n_rows": 4}, False),
        ({"n_rows": 4, "costs": ALWAYS}, True),
        ({"sizes": (60, 60, 30, 1), "n_rows": 16}, False),
        ({"rates": (0.0, 0.0, 0.0)}, False),
        ({"rates": (0.0, 0.0, 0.0), "costs": ALWAYS}, False),
        ({"rates": (0.0, 1e-6, 1e-6)}, False),
        ({"rates": (0.0, 1e-6, 1e-6), "costs": ALWAYS}, False),
    ],
)
def test_large_layers_whose_units_are_alike_have_windows(arguments, has_windows):
    arguments = {"sizes": LARGE, "rates": (0.2, 0.5, 0.5), "scheme": Batchwise()} | arguments
    rates, scheme = arguments.pop("rates"), arguments.pop("scheme")
    drops = Drops((scheme,) * len(rates), rates)
    permutation = UnitPermutation([], arguments.pop("sizes"), None)
    windows = plan(permutation, drops=drops, **arguments)
    assert bool(windows.windows) == has_windows
    if has_windows:
        assert list(windows.windows) == [i for i, rate in enumerate(rates) if i and rate]
        assert all(window.n_active == 512 for window in windows.windows.values())
        for mask in windows.masks(np.float32).values():
            assert mask.dtype == np.float32
            assert_array_equal(mask, np.full((1, 512), 2))


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("n_rows", [1, 16, 128, 1024])
@pytest.mark.parametrize("n_draws", [1, 100])
def test_windows_pay_where_they_save_more_than_they_cost(n_draws, n_rows, rate):
    """A multiplication a row, three times, for each weight; whatever the costs are."""
    sizes, active = (20, 400, 300, 5), (20, round((1 - rate) * 400), round((1 - rate) * 300), 5)
    n_all = 20 * 400 + 400 * 300 + 300 * 5
    n_kept = sum(a * b for a, b in pairwise(active))
    gain = 3 * n_rows * (n_all - COSTS.pieces * n_kept)
    gain -= COSTS.clearing * n_all + COSTS.moving * n_all / n_draws + 3 * COSTS.calls
    assert COSTS.pay(sizes, active, n_rows=n_rows, n_draws=n_draws) == (gain > 0)
    assert ALWAYS.pay(sizes, active, n_rows=n_rows, n_draws=n_draws)
    assert not NEVER.pay(sizes, active, n_rows=n_rows, n_draws=n_draws)


def test_windows_that_save_what_they_cost_do_not_pay():
    even = WindowCosts(pieces=0.0, clearing=0.0, moving=0.0, calls=3 * 8 * 16 / 2)
    assert not even.pay((2, 4, 2), (2, 2, 2), n_rows=8, n_draws=1)
    assert replace(even, clearing=-0.1).pay((2, 4, 2), (2, 2, 2), n_rows=8, n_draws=1)


@pytest.mark.parametrize("input_dropout_rate", [0.0, 0.3])
def test_sparse_rows_have_the_same_windows(input_dropout_rate, monkeypatch):
    set_window_costs(monkeypatch, ALWAYS)
    X, y = make_data()
    X[X < 0] = 0.0
    fitted = []
    for x in (X, csr_array(X)):
        net = make_net(input_dropout_rate=input_dropout_rate, max_iter=5, max_norm=1.0)
        net.set_params(standardize=False)  # sparse rows are not centred
        fitted.append(net.fit(x, y).coefs_)
    for W, wanted in zip(*fitted, strict=True):
        assert_allclose(W, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "scheme",
    [Uneven(), RowWise(), Rows(), Saturating(), CountedWeights(), Odds()],
    ids=repr,
)
def test_schemes_of_ones_own_draw_by_themselves(scheme, monkeypatch):
    X, y = make_data()
    losses = []
    for costs in (ALWAYS, NEVER):
        set_window_costs(monkeypatch, costs)
        net = make_net(dropout=scheme, activation="tanh", max_iter=5)
        losses.append(net.fit(X, y).loss_curve_)
    assert_array_equal(*losses)


@pytest.mark.parametrize("says", [0, -1, 21, 1.5, "all"])
def test_an_impossible_number_of_units_is_refused(says):
    X, y = make_data()
    message = r"n_active of dropout=Wrong.*from 1 to the 20 units"
    with pytest.raises(ValueError, match=message):
        DropoutMLPClassifier((20,), dropout=Wrong(says=says), dropout_rate=0.5).fit(X, y)
