"""The training pass and inference, held against the textbook network of `reference`."""

import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose, assert_array_equal

from skdropout._core.initializers import INITIALIZERS
from skdropout._core.losses import LOSSES, RunningLoss
from skdropout._network import network as _network
from skdropout._network import plan as _plan
from skdropout._network.network import Network
from skdropout._network.ops import Activation, BatchNorm, Dense, Dropout, Gate, SmallDense
from skdropout._network.plan import Plan
from skdropout._training.batches import Batches, ClassTargets, DenseTargets
from skdropout._training.descent import Descent, ElasticNet
from skdropout.constraints import MaxNorm
from skdropout.dropout import Alpha, Batchwise, Bernoulli, DropConnect, Gaussian
from skdropout.optimizers import SGD, Adam, Optimizer

ACTIVATIONS = list(reference.ACTIVATIONS)
SCHEMES = [Bernoulli(), Batchwise(), Gaussian(), Alpha(), DropConnect()]
TARGETS = {"binary": ("logistic", 1), "multiclass": ("softmax", 3), "multilabel": ("logistic", 4)}
PENALTIES = {"alpha": 0.3, "l1_ratio": 0.4, "bias_alpha": 0.2}

# Relative to the largest entry of the gradient. Rounding errors of 1e-16 or 6e-8 lose two digits in
# sums of some dozen products, some of them scaled by 1 / keep = 8; float64 can spare two more.
# Batch normalisation divides by the deviation of a column, which may be small.
TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2e-5}
TOLERANCE_FACTOR_OF_BATCH_NORM = 10

# Rates are whole numbers of 1 / 65536, which is what masks are drawn by.
DROPS = {
    "nothing": (SCHEMES[0], (0.0, 0.0, 0.0)),
    **{f"{scheme} of inputs": (scheme, (0.25, 0.0, 0.0)) for scheme in SCHEMES},
    **{f"{scheme} of units": (scheme, (0.0, 0.5, 0.5)) for scheme in SCHEMES},
    **{f"{scheme} of most": (scheme, (0.25, 0.875, 0.875)) for scheme in SCHEMES},
}

over_schemes = pytest.mark.parametrize("scheme", SCHEMES, ids=str)
over_targets = pytest.mark.parametrize("target", TARGETS)
over_activations = pytest.mark.parametrize("activation", ACTIVATIONS)
over_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
over_weights = pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
with_and_without_norm = pytest.mark.parametrize("batch_norm", [False, True], ids=["", "normalised"])


@dataclass(repr=False)
class Rest(Optimizer):
    """Leaves the parameters where they are and the gradient to be looked at."""

    def _update(self, p, g, *, tmp, t, lr):
        pass


def make_case(
    target="multiclass",
    scheme=SCHEMES[0],
    *,
    activations=("tanh", "relu"),
    widths=(5, 7, 6),
    rates=(0.25, 0.5, 0.5),
    n_rows=11,
    dtype=np.float64,
    batch_norm=False,
    weighted=False,
    smoothing=0.0,
    optimizer=None,
    **descent,
):
    """A network with random parameters, data, and all that trains it on them."""
    out, n_outputs = TARGETS[target]
    rng = np.random.default_rng(5)
    network = Network((*widths, n_outputs), activations, dtype, batch_norm=batch_norm)
    network.parameters.flat[:] = rng.normal(scale=0.6, size=network.parameters.flat.size)

    X = rng.normal(size=(n_rows, widths[0])).astype(dtype)
    if target == "multiclass":
        codes = rng.integers(n_outputs, size=n_rows)
        y = np.eye(n_outputs)[codes]
        targets = ClassTargets(codes, n_outputs, smoothing, dtype)
    else:
        y = rng.integers(2, size=(n_rows, n_outputs))
        targets = DenseTargets(y, smoothing, dtype)
    weight = rng.uniform(0.5, 3.0, n_rows).astype(dtype) if weighted else None

    l1_ratio = PENALTIES["l1_ratio"]
    descent = {"weight_decay": 0.0, "clip_norm": None, "constraint": None} | descent
    case = SimpleNamespace(
        network=network,
        X=X,
        y=y,
        weight=np.ones(n_rows) if weight is None else weight.astype(np.float64),
        smoothing=smoothing,
        out=out,
        scheme=scheme,
        rates=rates,
        rng=rng,
        running_loss=RunningLoss(LOSSES[out], n_outputs, dtype),
        batches=Batches(X, targets, weight, np.arange(n_rows), n_rows, None),
        descent=Descent(
            network,
            optimizer or Rest(),
            penalty=ElasticNet(PENALTIES["alpha"], l1_ratio),
            bias_penalty=ElasticNet(PENALTIES["bias_alpha"], l1_ratio),
            **descent,
        ),
    )
    case.plan = make_plan(case, scheme, n_rows)
    return case


def make_plan(case, scheme, n_rows, larger=None):
    return Plan(
        case.network,
        case.descent.gradient,
        LOSSES[case.out],
        n_rows,
        scheme=scheme,
        rates=case.rates,
        rng=case.rng,
        larger=larger,
    )


def take_step(case, plan=None):
    """One training step on the first rows, as many as the plan takes; the loss with penalty."""
    plan = plan or case.plan
    weight = case.batches.load(case.batches.rows[: len(plan.x)], plan)
    plan.run()
    case.running_loss.add(plan.z, plan.y, plan.weight, 1.0)
    return case.running_loss.pop() + case.descent.step(1e-2, weight)


def masks_of(case):
    """The masks that were drawn last: of the inputs, then of each hidden layer."""
    drawn = (mask.astype(np.float64) for mask in case.plan.masks.values())
    return [next(drawn) if rate else None for rate in case.rates]


def reference_masks_of(case):
    """The masks that were drawn last, as the reference takes them: of units, and of weights."""
    masks, none = masks_of(case), [None] * len(case.rates)
    if isinstance(case.scheme, Alpha):
        of_units = zip(masks, case.rates, strict=True)
        masks = [(mask > 0, rate) if rate else None for mask, rate in of_units]
    return (none, masks) if case.scheme.drops_weights else (masks, none)


def parameters_of(case):
    """Weights and biases, in the precision of the reference."""
    parameters = case.network.weights, case.network.biases
    return [[p.astype(np.float64) for p in of_kind] for of_kind in parameters]


def scales_of(case, buffer):
    """What a buffer holds for the scales of the normalised layers."""
    n_layers = case.network.n_layers
    normalised = [f"scale{i}" for i in range(n_layers) if case.network.is_normalised(i)]
    return [buffer[name].astype(np.float64) for name in normalised]


def assert_step_equals_reference(case):
    value = take_step(case)
    masks, weight_masks = reference_masks_of(case)
    expected, *derivatives = reference.loss_and_gradient(
        *parameters_of(case),
        case.X.astype(np.float64),
        case.y,
        case.weight,
        case.network.activations,
        case.out,
        masks,
        weight_masks=weight_masks,
        scales=scales_of(case, case.network.parameters),
        smoothing=case.smoothing,
        **PENALTIES,
    )
    tolerance = TOLERANCE[case.network.dtype]
    if case.network.batch_norm:
        tolerance *= TOLERANCE_FACTOR_OF_BATCH_NORM
    assert value == pytest.approx(expected, rel=tolerance)
    gradient = case.descent.gradient
    n_layers = case.network.n_layers
    dWs, dbs = ([gradient[f"{name}{i}"] for i in range(n_layers)] for name in "Wb")
    largest = max(np.abs(d).max() for of_kind in derivatives for d in of_kind)
    for found, wanted in zip((dWs, dbs, scales_of(case, gradient)), derivatives, strict=True):
        for d, d_wanted in zip(found, wanted, strict=True):
            assert_allclose(d, d_wanted, rtol=0, atol=tolerance * largest)


# Loss and gradient against the textbook


@over_dtypes
@over_weights
@with_and_without_norm
@over_targets
@pytest.mark.parametrize("drops", DROPS.values(), ids=DROPS)
@over_activations
def test_step_equals_reference(activation, drops, target, batch_norm, weighted, dtype):
    scheme, rates = drops
    case = make_case(
        target,
        scheme,
        activations=(activation, activation),
        rates=rates,
        batch_norm=batch_norm,
        weighted=weighted,
        dtype=dtype,
    )
    assert_step_equals_reference(case)
    assert_step_equals_reference(case)  # with other masks, in used memory


SHAPES = {
    "mixed": {
        "activations": ("selu", "relu", "silu", "identity"),
        "widths": (5, 7, 8, 6, 9),
        "rates": (0.125, 0.5, 0.0, 0.25, 0.75),
    },
    "no hidden layer": {"activations": (), "widths": (5,), "rates": (0.0,)},
    "no hidden layer, inputs dropped": {"activations": (), "widths": (5,), "rates": (0.375,)},
    "one row": {"n_rows": 1},
    "one unit": {"widths": (4, 1, 3)},
    "one input": {"widths": (1, 4, 3), "rates": (0.0, 0.5, 0.5)},
    "weighted": {"weighted": True},
    "smoothed": {"smoothing": 0.2},
    "weighted and smoothed": {"weighted": True, "smoothing": 0.2},
    "one weighted row": {"n_rows": 1, "weighted": True},
}


@over_dtypes
@with_and_without_norm
@over_targets
@over_schemes
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_step_equals_reference_in_every_shape(shape, scheme, target, batch_norm, dtype):
    case = make_case(target, scheme, batch_norm=batch_norm, dtype=dtype, **shape)
    assert_step_equals_reference(case)
    assert_step_equals_reference(case)


@with_and_without_norm
def test_step_equals_reference_on_parameters_of_many_blocks(batch_norm, monkeypatch):
    monkeypatch.setattr("skdropout._training.descent.BLOCK", 16)
    assert_step_equals_reference(make_case(batch_norm=batch_norm))


@with_and_without_norm
@over_targets
@over_schemes
@over_activations
def test_slope_equals_difference_quotient(activation, scheme, target, batch_norm):
    case = make_case(
        target,
        scheme,
        activations=(activation, activation),
        batch_norm=batch_norm,
        weighted=True,
    )
    parameters, state = case.network.parameters.flat, case.rng.bit_generator.state
    p = parameters.copy()

    def value_at(moved):
        parameters[:] = moved
        case.rng.bit_generator.state = state  # the same masks again
        return take_step(case)

    value_at(p)
    gradient = case.descent.gradient.flat.copy()
    _, zs = reference.forward(
        *parameters_of(case),
        case.X,
        case.network.activations,
        *reference_masks_of(case),
        scales_of(case, case.network.parameters),
        case.weight,
    )
    step = 1e-6
    kinks = [np.abs(values).min() for values in (p, *zs[:-1])]
    assert min(kinks) > 5 * step  # no ramp and no absolute value turns a corner in between

    direction = np.random.default_rng(1).normal(size=p.size)
    direction /= np.linalg.norm(direction)
    quotient = value_at(p + step * direction) - value_at(p - step * direction)
    quotient /= 2 * step
    assert_allclose(quotient, gradient @ direction, rtol=1e-7, atol=1e-8)


# How a plan is compiled


@pytest.mark.parametrize(
    "activations, rates, kinds",
    [
        (("relu", "gelu"), (0.0, 0.0, 0.0), [Dense, Gate, Dense, Activation, Dense]),
        (("identity", "leaky_relu"), (0.0, 0.0, 0.0), [Dense, Dense, Gate, Dense]),
        (
            ("tanh", "identity"),
            (0.1, 0.2, 0.0),
            [Dropout, Dense, Activation, Dropout, Dense, Dense],
        ),
        (("relu", "identity"), (0.0, 0.2, 0.2), [Dense, Gate, Dense, Dropout, Dense]),
    ],
)
def test_plan_holds_the_operations_it_needs(activations, rates, kinds, monkeypatch):
    monkeypatch.setattr(_plan, "SMALL", 0)
    ops = make_case(activations=activations, rates=rates).plan.ops
    assert [type(op) for op in ops] == kinds
    asked_for_dx = [op.dx is not None for op in ops if isinstance(op, Dense)]
    assert asked_for_dx == [False, True, True]


@pytest.mark.parametrize(
    "activations, rates, kinds",
    [
        ((), (0.0,), [Dense]),
        (("relu",), (0.0, 0.0), [Dense, BatchNorm, Gate, Dense]),
        (("identity",), (0.0, 0.2), [Dense, BatchNorm, Dropout, Dense]),
        (
            ("gelu", "tanh"),
            (0.1, 0.0, 0.2),
            [Dropout, Dense, BatchNorm, Activation, Dense, BatchNorm, Activation, Dropout, Dense],
        ),
    ],
)
def test_hidden_layers_are_normalised_before_their_activation(
    activations, rates, kinds, monkeypatch
):
    monkeypatch.setattr(_plan, "SMALL", 0)
    widths = (5, 7, 6)[: len(rates)]
    case = make_case(activations=activations, widths=widths, rates=rates, batch_norm=True)
    assert [type(op) for op in case.plan.ops] == kinds
    *hidden, last = (op for op in case.plan.ops if isinstance(op, Dense))
    assert all(dense.b is None for dense in hidden)  # batch normalisation has it
    assert last.b is not None


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
@pytest.mark.parametrize("has_b", [True, False])
@pytest.mark.parametrize("n_rows, n_in, n_out", [(4, 5, 6), (1, 5, 6), (4, 1, 6), (4, 5, 1)])
def test_small_products_are_the_products(n_rows, n_in, n_out, has_b, dtype):
    rng = np.random.default_rng(0)

    def matrix(*shape):  # whole numbers, whose sum is the same in any order
        return rng.integers(-4, 5, shape).astype(dtype)

    x, W, b, dy = (matrix(*s) for s in [(n_rows, n_in), (n_in, n_out), (n_out,), (n_rows, n_out)])
    ones = np.ones(n_rows, dtype)
    sizes = [n_rows * n_out, n_rows * n_in, n_in * n_out, n_out]
    for kind in (Dense, SmallDense):
        memory = np.full(sum(sizes) + 1, np.nan, dtype)
        y, dx, dW, db, rest = np.split(memory, np.cumsum(sizes))
        y, dx, dW = y.reshape(n_rows, n_out), dx.reshape(n_rows, n_in), dW.reshape(n_in, n_out)
        op = kind(x, y, dx, dy, W, b if has_b else None, dW, db if has_b else None, ones)
        for _ in range(2):  # with the values of the moment
            x += 1
            W += 1
            op.forward()
            op.backward()
        assert_array_equal(y, x @ W + (b if has_b else 0))
        assert_array_equal(dx, dy @ W.T)
        assert_array_equal(dW, x.T @ dy)
        assert_array_equal(db, dy.sum(axis=0) if has_b else np.full(n_out, np.nan))
        assert_array_equal(rest, np.nan)


def test_only_small_products_leave_numpy():
    """SciPy may bring threads of its own, and large products wait where both have threads."""
    case = make_case(widths=(50, 200, 300), n_rows=8)
    kinds = [type(op) for op in case.plan.ops if isinstance(op, Dense)]
    assert kinds == [SmallDense, Dense, SmallDense]


def test_each_layer_has_its_rate():
    case = make_case(widths=(50, 50, 50), rates=(0.1, 0.5, 0.8), n_rows=50)
    take_step(case)
    for mask, rate in zip(masks_of(case), case.rates, strict=True):
        assert_allclose(mask.max(), 1 / (1 - rate), rtol=1e-4)


@over_schemes
def test_each_pass_draws_new_masks(scheme):
    case = make_case(scheme=scheme, widths=(50, 50, 50))
    take_step(case)
    before = masks_of(case)
    take_step(case)
    for mask, new_mask in zip(before, masks_of(case), strict=True):
        assert not np.array_equal(mask, new_mask)


# What a step leaves alone


@over_dtypes
@with_and_without_norm
@over_targets
@over_schemes
@over_activations
def test_garbage_in_work_space_changes_no_bit(activation, scheme, target, batch_norm, dtype):
    case = make_case(
        target,
        scheme,
        activations=(activation, activation),
        batch_norm=batch_norm,
        dtype=dtype,
        weighted=True,
        smoothing=0.1,
    )
    state = case.rng.bit_generator.state
    value = take_step(case)
    gradient = case.descent.gradient.flat.tobytes()

    case.rng.bit_generator.state = state
    case.plan.work.flat.fill(np.nan)
    case.descent.gradient.flat.fill(np.nan)
    assert take_step(case) == value
    assert case.descent.gradient.flat.tobytes() == gradient


@with_and_without_norm
@over_schemes
def test_plans_share_memory_and_do_not_disturb_each_other(scheme, batch_norm):
    shared, apart = (make_case(scheme=scheme, batch_norm=batch_norm) for _ in range(2))
    few = make_plan(shared, scheme, 4, larger=shared.plan)
    few_apart = make_plan(apart, scheme, 4)
    assert np.shares_memory(few.work.flat, shared.plan.work.flat)
    assert not np.shares_memory(few_apart.work.flat, apart.plan.work.flat)
    for plan, plan_apart in [(shared.plan, apart.plan), (few, few_apart)] * 2:
        assert take_step(shared, plan) == pytest.approx(take_step(apart, plan_apart), rel=1e-14)
        gradients = shared.descent.gradient.flat, apart.descent.gradient.flat
        assert_allclose(*gradients, rtol=1e-13, atol=1e-15)


# A second step may use two chunks of 8192 elements at a time, of 64 kB each: NumPy's buffers for a
# broadcast or a cast, or the raw words of a mask. The bound is twice that, and half of what one
# number for each row of the large batch, or for each unit or weight of the wide layers, would take.
BOUND = 1 << 18
EXTENTS = {
    "small": {"n_rows": 8, "widths": (3, 4)},
    "many rows": {"n_rows": 1 << 16, "widths": (2, 2)},
    "many units": {"n_rows": 2, "widths": (1, 1 << 16)},
    "many weights": {"n_rows": 8, "widths": (256, 256)},
}


@with_and_without_norm
@over_targets
@pytest.mark.parametrize("optimizer", [Adam(), SGD()], ids=str)
@over_schemes
@pytest.mark.parametrize("extent", EXTENTS.values(), ids=EXTENTS)
def test_second_step_allocates_nothing_that_grows(extent, scheme, optimizer, target, batch_norm):
    case = make_case(
        target,
        scheme,
        activations=ACTIVATIONS,
        widths=extent["widths"] * 5,
        rates=(0.2,) * 10,
        n_rows=extent["n_rows"],
        batch_norm=batch_norm,
        weighted=True,
        smoothing=0.1,
        optimizer=optimizer,
        weight_decay=0.1,
        clip_norm=1.0,
    )
    take_step(case)
    tracemalloc.start()
    take_step(case)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < BOUND


def arrays_in(thing, path):
    """Every array that can be reached from an object of the package, under its path."""
    if isinstance(thing, np.ndarray):
        yield path, thing
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield from arrays_in(value, f"{path}[{key!r}]")
    elif isinstance(thing, list | tuple):
        for i, value in enumerate(thing):
            yield from arrays_in(value, f"{path}[{i}]")
    elif type(thing).__module__.startswith("skdropout"):
        slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
        for name in slots or vars(thing):
            yield from arrays_in(getattr(thing, name), f"{path}.{name}")


@with_and_without_norm
@over_targets
@over_schemes
@over_weights
def test_float32_stays_float32(weighted, scheme, target, batch_norm):
    case = make_case(
        target,
        scheme,
        activations=ACTIVATIONS,
        widths=(5,) * 10,
        rates=(0.2,) * 10,
        batch_norm=batch_norm,
        dtype=np.float32,
        weighted=weighted,
        smoothing=0.1,
        optimizer=Adam(),
        weight_decay=0.1,
        clip_norm=1.0,
        constraint=MaxNorm(2.0),
    )
    for _ in range(3):
        take_step(case)
    arrays = {}
    for name in ("network", "plan", "descent", "batches"):
        arrays |= arrays_in(vars(case)[name], name)
    for path in ("plan.ops[0].mask", "descent.memory.flat", "descent._blocks[0].tmp", "batches.X"):
        assert path in arrays
    for path, array in arrays.items():
        assert array.dtype == np.float32 or array.dtype.kind != "f", path


# Inference


@over_dtypes
@over_activations
@pytest.mark.parametrize("n_rows", [1, 3, 4, 10])
def test_predict_equals_reference_in_any_number_of_blocks(n_rows, activation, dtype, monkeypatch):
    monkeypatch.setattr(_network, "BLOCK", 3 * 7)  # three rows at once
    case = make_case(activations=(activation, "tanh"), n_rows=n_rows, dtype=dtype)
    _, zs = reference.forward(
        *parameters_of(case), case.X.astype(np.float64), (activation, "tanh"), [None] * 3
    )
    z = case.network.predict(case.X)
    assert z.dtype == dtype
    assert_allclose(z, zs[-1], rtol=0, atol=TOLERANCE[z.dtype] * np.abs(zs[-1]).max())


@pytest.mark.parametrize("block", [1, 6 * 10, 7 * 10])
def test_predict_works_where_a_row_is_wider_than_a_block(block, monkeypatch):
    case = make_case(n_rows=10)
    z = case.network.predict(case.X)
    monkeypatch.setattr(_network, "BLOCK", block)
    assert_allclose(case.network.predict(case.X), z, rtol=1e-13)


def test_predict_without_hidden_layer():
    case = make_case(activations=(), widths=(5,), rates=(0.0,))
    (W,), (b,) = parameters_of(case)
    assert_allclose(case.network.predict(case.X), case.X @ W + b, rtol=1e-13)


def test_predictions_have_the_larger_of_two_types():
    case = make_case(dtype=np.float32)
    z = case.network.predict(case.X.astype(np.float64))
    assert z.dtype == np.float64
    assert_allclose(z, case.network.predict(case.X), rtol=1e-4, atol=1e-5)


def test_predict_leaves_rows_and_parameters_alone():
    case = make_case(activations=("identity", "leaky_relu"))
    X, parameters = case.X.copy(), case.network.parameters.flat.copy()
    case.network.predict(case.X)
    assert_array_equal(case.X, X)
    assert_array_equal(case.network.parameters.flat, parameters)


def test_predict_is_safe_from_several_threads(monkeypatch):
    monkeypatch.setattr(_network, "BLOCK", 200 * 50)  # several blocks, so that threads take turns
    network = make_case(activations=ACTIVATIONS, widths=(50,) * 10, rates=(0.0,) * 10).network
    rng = np.random.default_rng(0)
    Xs = [rng.normal(size=(900, 50)) for _ in range(24)]
    alone = [network.predict(X) for X in Xs]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(network.predict, Xs))
    finally:
        sys.setswitchinterval(interval)
    assert_array_equal(together, alone)


# Parameters


def test_parameters_are_one_vector_weights_first():
    network = make_case().network
    assert [W.shape for W in network.weights] == [(5, 7), (7, 6), (6, 3)]
    assert [b.shape for b in network.biases] == [(7,), (6,), (3,)]
    flat = network.parameters.flat
    assert_array_equal(np.concatenate([*map(np.ravel, network.weights), *network.biases]), flat)
    assert flat[network.weights_span].size == sum(W.size for W in network.weights)
    for i, p in enumerate([*network.weights, *network.biases]):
        p.fill(i)
    assert_array_equal(np.unique(flat), range(6))
    assert_array_equal(np.unique(flat[network.weights_span]), range(3))


def test_scales_come_after_the_biases_and_statistics_after_all_parameters():
    network = make_case(batch_norm=True).network
    names = ["W0", "W1", "W2", "b0", "b1", "b2", "scale0", "scale1"]
    assert list(network.parameters.layout) == names
    assert network.biases_span.stop == network.parameters.span("scale0").start
    names = ["mean0", "variance0", "n0", "mean1", "variance1", "n1"]
    assert list(network.statistics.layout) == names
    together = np.concatenate([network.parameters.flat, network.statistics.flat])
    assert_array_equal(together, network.memory)
    assert np.shares_memory(network.parameters.flat, network.memory)
    assert np.shares_memory(network.statistics.flat, network.memory)


@over_dtypes
@with_and_without_norm
@pytest.mark.parametrize(
    "duplicate",
    [Network.copy, lambda network: Network.from_state(network.get_state())],
    ids=["copy", "state"],
)
def test_duplicate_has_the_same_parameters_elsewhere(duplicate, batch_norm, dtype):
    case = make_case(batch_norm=batch_norm, dtype=dtype)
    take_step(case)
    network = case.network
    other = duplicate(network)
    assert other.batch_norm == batch_norm
    assert other.sizes == network.sizes
    assert other.activations == network.activations
    assert other.dtype == dtype
    assert_array_equal(other.memory, network.memory)
    assert_array_equal(other.statistics.flat, network.statistics.flat)
    assert np.any(network.statistics.flat) == batch_norm
    other.memory.fill(0.0)
    assert np.all(network.weights[0])


def test_state_does_not_follow_the_network():
    network = make_case().network
    before = network.parameters.flat.copy()
    state = network.get_state()
    network.parameters.flat.fill(0.0)
    assert_array_equal(Network.from_state(state).parameters.flat, before)


@with_and_without_norm
def test_initialize_goes_by_the_activation_that_the_weights_feed(batch_norm):
    network = Network((4, 5, 6, 3), ("selu", "relu"), np.float64, batch_norm=batch_norm)
    network.memory.fill(7.0)
    network.initialize(np.random.default_rng(0), "auto")
    rng = np.random.default_rng(0)
    names = ["lecun_normal", "he_uniform", "glorot_uniform"]
    for W, name, shape in zip(network.weights, names, pairwise(network.sizes), strict=True):
        assert_array_equal(W, INITIALIZERS[name](rng, *shape))
    for b in network.biases:
        assert_array_equal(b, 0.0)
    scales = network.parameters.flat[network.biases_span.stop :]
    assert_array_equal(scales, np.ones(5 + 6 if batch_norm else 0))
    assert_array_equal(network.statistics.flat, 0.0)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initialize_takes_a_name(name):
    network = Network((4, 5, 3), ("selu",), np.float64)
    network.initialize(np.random.default_rng(0), name)
    assert_array_equal(network.weights[0], INITIALIZERS[name](np.random.default_rng(0), 4, 5))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", ["W0", "b2", "scale1", "mean0", "variance1"])
def test_is_finite_sees_every_parameter(place, value):
    network = make_case(batch_norm=True).network
    assert network.is_finite()
    buffer = network.parameters if place in network.parameters.layout else network.statistics
    buffer[place].flat[-1] = value
    assert not network.is_finite()
