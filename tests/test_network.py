"""The training pass and inference, held against the textbook network of `reference`."""

import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product

import numpy as np
import pytest
import reference
from cases import ALWAYS, CLASS_TARGETS, PENALTIES, SCHEMES, make_case
from numpy.testing import assert_allclose, assert_array_equal

from skdropout._network.network import Network
from skdropout._network.ops import Activation, BatchNorm, Dense, Dropout, RectifierDropout
from skdropout.constraints import MaxNorm
from skdropout.dropout import Batchwise
from skdropout.initializers import INITIALIZERS
from skdropout.optimizers import SGD, Adam

ACTIVATIONS = list(reference.ACTIVATIONS)

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
DTYPES = {"f64": np.float64, "f32": np.float32}

over_schemes = pytest.mark.parametrize("scheme", SCHEMES, ids=str)
over_targets = pytest.mark.parametrize("target", CLASS_TARGETS)
over_activations = pytest.mark.parametrize("activation", ACTIVATIONS)
over_dtypes = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
over_weights = pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
with_and_without_norm = pytest.mark.parametrize("batch_norm", [False, True], ids=["", "normalised"])


def assert_step_equals_reference(case):
    value = case.take_step()
    expected, *derivatives = case.reference_loss_and_gradient(**PENALTIES)
    tolerance = TOLERANCE[case.network.dtype]
    if case.network.batch_norm:
        tolerance *= TOLERANCE_FACTOR_OF_BATCH_NORM
    assert value == pytest.approx(expected, rel=tolerance)
    n_layers = case.network.n_layers
    dWs, dbs = ([case.gradient[f"{name}{i}"] for i in range(n_layers)] for name in "Wb")
    largest = max(np.abs(d).max() for of_kind in derivatives for d in of_kind)
    for found, wanted in zip((dWs, dbs, case.scales(case.gradient)), derivatives, strict=True):
        for d, d_wanted in zip(found, wanted, strict=True):
            assert_allclose(d, d_wanted, rtol=0, atol=tolerance * largest)


# Loss and gradient against the textbook


def cover_pairs():
    """Every activation with everything that is dropped, and any two values of all else in turn."""
    others = list(product(CLASS_TARGETS, [False, True], [False, True], DTYPES))
    for i, activation in enumerate(ACTIVATIONS):
        for j, drops in enumerate(DROPS):
            yield activation, drops, *others[(3 * i + 5 * j) % len(others)]


FACTORS = [ACTIVATIONS, list(DROPS), CLASS_TARGETS, [False, True], [False, True], list(DTYPES)]


def test_the_cases_below_hold_every_pair_of_values():
    cases = list(cover_pairs())
    for i, j in product(range(len(FACTORS)), repeat=2):
        if i < j:
            assert {(case[i], case[j]) for case in cases} == set(product(FACTORS[i], FACTORS[j]))


@pytest.mark.parametrize("activation, drops, target, batch_norm, weighted, dtype", cover_pairs())
def test_step_equals_reference(activation, drops, target, batch_norm, weighted, dtype):
    scheme, rates = DROPS[drops]
    case = make_case(
        target,
        scheme,
        activations=activation,
        rates=rates,
        batch_norm=batch_norm,
        weighted=weighted,
        dtype=DTYPES[dtype],
        penalties=PENALTIES,
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
    case = make_case(
        target, scheme, batch_norm=batch_norm, dtype=dtype, penalties=PENALTIES, **shape
    )
    assert_step_equals_reference(case)
    assert_step_equals_reference(case)


@with_and_without_norm
def test_step_equals_reference_on_parameters_of_many_blocks(batch_norm, monkeypatch):
    monkeypatch.setattr("skdropout._core.tuning.UPDATE_BLOCK", 16)
    assert_step_equals_reference(make_case(batch_norm=batch_norm, penalties=PENALTIES))


@with_and_without_norm
@over_targets
@over_schemes
@over_activations
def test_slope_equals_difference_quotient(activation, scheme, target, batch_norm):
    case = make_case(
        target,
        scheme,
        activations=activation,
        batch_norm=batch_norm,
        weighted=True,
        penalties=PENALTIES,
    )
    parameters, state = case.network.parameters.flat, case.rng.bit_generator.state
    p = parameters.copy()

    def value_at(moved):
        parameters[:] = moved
        case.rng.bit_generator.state = state  # the same masks again
        return case.take_step()

    value_at(p)
    gradient = case.gradient.flat.copy()
    _, zs = reference.forward(
        *case.reference_parameters(),
        case.X,
        case.network.activations,
        *case.reference_masks(),
        case.scales(),
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


# How a pass is compiled


@pytest.mark.parametrize(
    "activations, rates, kinds",
    [
        (("relu", "gelu"), (0.0, 0.0, 0.0), [Dense, RectifierDropout, Dense, Activation, Dense]),
        (("identity", "leaky_relu"), (0.0, 0.0, 0.0), [Dense, Dense, RectifierDropout, Dense]),
        (
            ("tanh", "identity"),
            (0.1, 0.2, 0.0),
            [Dropout, Dense, Activation, Dropout, Dense, Dense],
        ),
        (("relu", "identity"), (0.0, 0.2, 0.2), [Dense, RectifierDropout, Dense, Dropout, Dense]),
    ],
)
def test_a_pass_holds_the_operations_it_needs(activations, rates, kinds):
    operations = make_case(activations=activations, rates=rates).step.operations
    assert [type(operation) for operation in operations] == kinds
    asked_for_dx = [dense.dx is not None for dense in operations if isinstance(dense, Dense)]
    assert asked_for_dx == [False, True, True]


@pytest.mark.parametrize(
    "activations, rates, kinds",
    [
        ((), (0.0,), [Dense]),
        (("relu",), (0.0, 0.0), [Dense, BatchNorm, RectifierDropout, Dense]),
        (("identity",), (0.0, 0.2), [Dense, BatchNorm, Dropout, Dense]),
        (
            ("gelu", "tanh"),
            (0.1, 0.0, 0.2),
            [Dropout, Dense, BatchNorm, Activation, Dense, BatchNorm, Activation, Dropout, Dense],
        ),
    ],
)
def test_hidden_layers_are_normalised_before_their_activation(activations, rates, kinds):
    widths = (5, 7, 6)[: len(rates)]
    case = make_case(activations=activations, widths=widths, rates=rates, batch_norm=True)
    operations = case.step.operations
    assert [type(operation) for operation in operations] == kinds
    *hidden, last = (dense for dense in operations if isinstance(dense, Dense))
    assert all(dense.b is None for dense in hidden)  # batch normalisation has it
    assert last.b is not None


@over_dtypes
@pytest.mark.parametrize("has_b", [True, False])
@pytest.mark.parametrize("n_rows, n_in, n_out", [(4, 5, 6), (1, 5, 6), (4, 1, 6), (4, 5, 1)])
def test_products_are_the_products_and_nothing_else_is_written(n_rows, n_in, n_out, has_b, dtype):
    rng = np.random.default_rng(0)

    def matrix(*shape):  # whole numbers, whose sum is the same in any order
        return rng.integers(-4, 5, shape).astype(dtype)

    x, W, b, dy = (matrix(*s) for s in [(n_rows, n_in), (n_in, n_out), (n_out,), (n_rows, n_out)])
    ones = np.ones(n_rows, dtype)
    sizes = [n_rows * n_out, n_rows * n_in, n_in * n_out, n_out]
    memory = np.full(sum(sizes) + 1, np.nan, dtype)
    y, dx, dW, db, rest = np.split(memory, np.cumsum(sizes))
    y, dx, dW = y.reshape(n_rows, n_out), dx.reshape(n_rows, n_in), dW.reshape(n_in, n_out)
    dense = Dense(x, dx, y, dy, W, b if has_b else None, dW, db if has_b else None, ones)
    for _ in range(2):  # with the values of the moment
        x += 1
        W += 1
        dense.forward()
        dense.backward()
    assert_array_equal(y, x @ W + (b if has_b else 0))
    assert_array_equal(dx, dy @ W.T)
    assert_array_equal(dW, x.T @ dy)
    assert_array_equal(db, dy.sum(axis=0) if has_b else np.full(n_out, np.nan))
    assert_array_equal(rest, np.nan)


def test_each_layer_has_its_rate():
    case = make_case(widths=(50, 50, 50), rates=(0.1, 0.5, 0.8), n_rows=50)
    case.take_step()
    for mask, rate in zip(case.masks(), case.drops.rates, strict=True):
        assert_allclose(mask.max(), 1 / (1 - rate), rtol=1e-4)


@over_schemes
def test_each_pass_draws_new_masks(scheme):
    case = make_case(scheme=scheme, widths=(50, 50, 50))
    case.take_step()
    before = case.masks()
    case.take_step()
    for mask, new_mask in zip(before, case.masks(), strict=True):
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
        activations=activation,
        batch_norm=batch_norm,
        dtype=dtype,
        weighted=True,
        smoothing=0.1,
        penalties=PENALTIES,
    )
    state = case.rng.bit_generator.state
    value = case.take_step()
    gradient = case.gradient.flat.tobytes()

    case.rng.bit_generator.state = state
    case.step.work.flat.fill(np.nan)
    case.gradient.flat.fill(np.nan)
    assert case.take_step() == value
    assert case.gradient.flat.tobytes() == gradient


GRADIENTS = {
    "dense": {},
    "sparse": {"sparse": True},
    "normalised": {"batch_norm": True},
    "sparse and normalised": {"sparse": True, "batch_norm": True},
    "windows": {"costs": ALWAYS},
    "sparse windows": {"sparse": True, "costs": ALWAYS},
}


@over_dtypes
@over_schemes
@pytest.mark.parametrize("rates", [0.0, 0.5, (0.0, 0.5, 0.0), (0.5, 0.0, 0.5)], ids=str)
@pytest.mark.parametrize("arguments", GRADIENTS.values(), ids=GRADIENTS)
def test_every_pass_writes_the_whole_gradient(arguments, rates, scheme, dtype):
    """Whatever the last pass, an update or a new order of the units left there."""
    case = make_case(scheme=scheme, rates=rates, dtype=dtype, activations="selu", **arguments)
    has_windows = "costs" in arguments and isinstance(scheme, Batchwise) and rates != 0.0
    assert bool(case.windows.windows) == has_windows
    few = case.compile(4, larger=case.step)
    for step in (case.step, few, case.step):
        case.load(step)
        case.draw(step)
        case.gradient.flat.fill(np.nan)
        step.forward()
        step.backward()
        assert np.isfinite(case.gradient.flat).all()


@with_and_without_norm
@over_schemes
def test_passes_share_memory_and_do_not_disturb_each_other(scheme, batch_norm):
    shared, apart = (
        make_case(scheme=scheme, batch_norm=batch_norm, penalties=PENALTIES) for _ in range(2)
    )
    few, few_apart = shared.compile(4, larger=shared.step), apart.compile(4)
    assert np.shares_memory(few.work.flat, shared.step.work.flat)
    assert not np.shares_memory(few_apart.work.flat, apart.step.work.flat)
    for step, step_apart in [(shared.step, apart.step), (few, few_apart)] * 2:
        assert shared.take_step(step) == pytest.approx(apart.take_step(step_apart), rel=1e-14)
        assert_allclose(shared.gradient.flat, apart.gradient.flat, rtol=1e-13, atol=1e-15)


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
        rates=0.2,
        n_rows=extent["n_rows"],
        batch_norm=batch_norm,
        weighted=True,
        smoothing=0.1,
        penalties=PENALTIES,
        optimizer=optimizer,
        weight_decay=0.1,
        clip_norm=1.0,
    )
    case.take_step()
    tracemalloc.start()
    case.take_step()
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
        rates=0.2,
        batch_norm=batch_norm,
        dtype=np.float32,
        weighted=weighted,
        smoothing=0.1,
        penalties=PENALTIES,
        optimizer=Adam(),
        weight_decay=0.1,
        clip_norm=1.0,
        constraint=MaxNorm(2.0),
    )
    for _ in range(3):
        case.take_step()
    arrays = {}
    for name in ("network", "step", "update", "batches"):
        arrays |= arrays_in(vars(case)[name], name)
    paths = "step.operations[0].mask", "step.masks.buffer.flat", "batches.X"
    for path in (*paths, "update.state.memory", "update._blocks[0].tmp"):
        assert path in arrays
    for path, array in arrays.items():
        assert array.dtype == np.float32 or array.dtype.kind != "f", path


# Inference


@over_dtypes
@over_activations
@pytest.mark.parametrize("n_rows", [1, 3, 4, 10])
def test_predict_equals_reference_in_any_number_of_blocks(n_rows, activation, dtype, monkeypatch):
    monkeypatch.setattr("skdropout._core.tuning.INFERENCE_NUMBERS", 3 * 7)  # three rows at once
    case = make_case(activations=(activation, "tanh"), n_rows=n_rows, dtype=dtype)
    _, zs = reference.forward(
        *case.reference_parameters(), case.X.astype(np.float64), (activation, "tanh"), [None] * 3
    )
    z = case.network.predict(case.X)
    assert z.dtype == dtype
    assert_allclose(z, zs[-1], rtol=0, atol=TOLERANCE[z.dtype] * np.abs(zs[-1]).max())


@pytest.mark.parametrize("block", [1, 6 * 10, 7 * 10])
def test_predict_works_where_a_row_is_wider_than_a_block(block, monkeypatch):
    case = make_case(n_rows=10)
    z = case.network.predict(case.X)
    monkeypatch.setattr("skdropout._core.tuning.INFERENCE_NUMBERS", block)
    assert_allclose(case.network.predict(case.X), z, rtol=1e-13)


@pytest.mark.parametrize("with_inputs, n_rows", [(False, 20), (True, 6)])
def test_blocks_are_as_long_as_the_widest_layer_allows(with_inputs, n_rows, monkeypatch):
    """And as the inputs allow, if they have copies of them."""
    monkeypatch.setattr("skdropout._core.tuning.INFERENCE_NUMBERS", 300)
    network = Network([50, 15, 2], ("relu",), np.float64)
    blocks = network.blocks(33, with_inputs=with_inputs)
    assert [block.stop - block.start for block in blocks[:-1]] == [n_rows] * (33 // n_rows)
    assert blocks[-1].stop == 33


def test_predict_without_hidden_layer():
    case = make_case(activations=(), widths=(5,), rates=(0.0,))
    (W,), (b,) = case.reference_parameters()
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
    monkeypatch.setattr(
        "skdropout._core.tuning.INFERENCE_NUMBERS", 200 * 50
    )  # several blocks, so that threads take turns
    network = make_case(activations=ACTIVATIONS, widths=(50,) * 10, rates=0.0).network
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
    case.take_step()
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
    network.initialize(np.random.default_rng(0), ("auto",) * network.n_layers)
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
    network.initialize(np.random.default_rng(0), (name,) * network.n_layers)
    assert_array_equal(network.weights[0], INITIALIZERS[name](np.random.default_rng(0), 4, 5))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", ["W0", "b2", "scale1", "mean0", "variance1"])
def test_is_finite_sees_every_parameter(place, value):
    network = make_case(batch_norm=True).network
    assert network.is_finite()
    buffer = network.parameters if place in network.parameters.layout else network.statistics
    buffer[place].flat[-1] = value
    assert not network.is_finite()
