"""From data to batches: the hold-out split, the encoded targets, the rows of an epoch."""

import pickle
import sys
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from skdropout import DropoutMLPClassifier
from skdropout._core.losses import CLASS_LOSSES
from skdropout._network.training_pass import Batch
from skdropout._training.data import Batches, ClassTargets, DenseTargets, Samples, Targets
from skdropout._training.rows import hold_out

# The split


@pytest.mark.parametrize("fraction, n_held_out", [(0.1, 3), (0.11, 4), (0.5, 15), (0.9, 27)])
@pytest.mark.parametrize("stratified", [False, True])
def test_sizes_of_the_split(fraction, n_held_out, stratified):
    strata = np.arange(30) % 3 if stratified else None
    held_out = hold_out(np.arange(30), strata, fraction, np.random.default_rng(0))
    assert len(held_out) == n_held_out


@settings(deadline=None)
@given(
    n=st.integers(30, 60),
    n_strata=st.integers(0, 3),
    fraction=st.floats(0.05, 0.8),
    seed=st.integers(0, 2**32),
)
def test_split_takes_some_of_the_rows(n, n_strata, fraction, seed):
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(100, n, replace=False))  # those of positive weight, say
    strata = None
    if n_strata:
        strata = np.full(100, -1)  # what no row has
        strata[rows] = np.arange(n) % n_strata
    held_out = hold_out(rows, strata, fraction, rng)
    assert len(held_out) >= np.ceil(fraction * n)
    assert_array_equal(held_out, np.intersect1d(held_out, rows))


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_each_stratum_is_held_out_in_its_proportion(fraction):
    strata = np.repeat([0, 1, 2, 3], [100, 60, 40, 50])
    np.random.default_rng(0).shuffle(strata)
    rows = np.flatnonzero(strata < 3)
    held_out = hold_out(rows, strata, fraction, np.random.default_rng(0))
    assert_array_equal(np.bincount(strata[held_out]), np.array([100, 60, 40]) * fraction)


def test_each_stratum_is_held_out_at_least_once():
    strata = np.arange(40) % 8
    rows = np.arange(40)
    held_out = hold_out(rows, strata, 0.05, np.random.default_rng(0))
    assert_array_equal(np.sort(strata[held_out]), np.arange(8))
    assert_array_equal(np.unique(strata[np.setdiff1d(rows, held_out)]), np.arange(8))


@pytest.mark.parametrize("n_singles", [1, 3, 12])
def test_strata_of_one_row_are_trained_on(n_singles):
    strata = np.concatenate([np.zeros(20), np.ones(10), 2 + np.arange(n_singles)])
    rows = np.arange(len(strata))
    held_out = hold_out(rows, strata, 0.2, np.random.default_rng(0))
    assert len(held_out) == np.ceil(0.2 * len(rows))
    assert_array_equal(np.unique(strata[held_out]), [0, 1])


@pytest.mark.parametrize("fraction, n_held_out", [(0.5, 3), (0.6, 3), (0.8, 3)])
def test_no_more_are_held_out_than_leave_a_row_a_stratum(fraction, n_held_out):
    strata = np.array([0, 0, 1, 1, 2, 2])
    rows = np.arange(6)
    held_out = hold_out(rows, strata, fraction, np.random.default_rng(0))
    assert len(held_out) == n_held_out
    assert_array_equal(np.sort(strata[np.setdiff1d(rows, held_out)]), [0, 1, 2])


@pytest.mark.parametrize("seed", range(8))
def test_two_rows_are_one_of_each_of_two_strata(seed):
    strata = np.arange(20) % 2
    held_out = hold_out(np.arange(20), strata, 0.1, np.random.default_rng(seed))
    assert_array_equal(np.sort(strata[held_out]), [0, 1])


@pytest.mark.parametrize("strata", [np.arange(30), np.append(np.arange(29), 0)])
def test_strata_that_are_too_small_are_left_aside(strata):
    held_out = hold_out(np.arange(30), strata, 0.1, np.random.default_rng(0))
    plain = hold_out(np.arange(30), None, 0.1, np.random.default_rng(0))
    assert_array_equal(held_out, plain)


@pytest.mark.parametrize("strata", [None, np.arange(50) % 2], ids=["plain", "stratified"])
def test_generator_decides_the_split(strata):
    def split(seed):
        return hold_out(np.arange(50), strata, 0.2, np.random.default_rng(seed)).tolist()

    assert split(0) == split(0)
    assert len({tuple(sorted(split(seed))) for seed in range(5)}) == 5


def test_split_that_is_too_small_is_refused():
    with pytest.raises(
        ValueError, match=r"too small.*validation_fraction=0\.1 of 10 samples leaves 1"
    ):
        hold_out(np.arange(10), None, 0.1, np.random.default_rng(0))


@pytest.mark.parametrize(
    "strata, fraction, message",
    [
        ([0, 0, 1, 1], 0.9, "test_size=4"),
        ([0, 0, 0, 0, 0, 1], 0.1, "leaves 1"),
        ([0, 1], 0.1, "leaves 1"),
        (None, 0.9, "test_size=4"),
    ],
    ids=str,
)
def test_split_that_cannot_be_made_is_refused(strata, fraction, message):
    n = 4 if strata is None else len(strata)
    strata = None if strata is None else np.array(strata)
    with pytest.raises(ValueError, match=message):
        hold_out(np.arange(n), strata, fraction, np.random.default_rng(0))


# The targets


def encode(targets, rows, dtype=np.float64):
    """What is written into memory that holds anything."""
    out = np.full((len(rows), targets.n_outputs), np.nan, dtype)
    targets.encode(np.array(rows), out=out)
    return out


CODES = np.array([2, 0, 1, 2, 0])
INDICATORS = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 1], [0, 0, 0], [0, 0, 1]])
ROWS = [4, 0, 0, 3]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("n_classes", [3, 5])
def test_classes_are_one_hot(n_classes, smoothing):
    y = encode(ClassTargets(CODES.reshape(-1, 1), n_classes, smoothing), ROWS)
    expected = (1 - smoothing) * np.eye(n_classes)[CODES[ROWS]] + smoothing / n_classes
    assert_allclose(y, expected, rtol=1e-15)
    assert_allclose(y.sum(axis=1), np.ones(4), rtol=1e-15)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_indicators_are_taken_as_they_are(n_outputs, smoothing):
    indicators = INDICATORS[:, :n_outputs]
    y = encode(DenseTargets(indicators, smoothing), ROWS)
    assert_allclose(y, (1 - smoothing) * indicators[ROWS] + smoothing / 2, rtol=1e-15)


TARGETS = [ClassTargets(CODES.reshape(-1, 1), 3, 0.1), DenseTargets(INDICATORS, 0.1)]


@pytest.mark.parametrize("targets", TARGETS, ids=["classes", "indicators"])
def test_targets_of_float32(targets):
    y = encode(targets, ROWS, np.float32)
    assert_allclose(y, encode(targets, ROWS), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [None, np.arange(5.0)], ids=["", "weighted"])
def test_numbers_and_weights_take_the_type_of_the_batches(weight, dtype):
    targets = Targets(TARGETS[1], None, weight, weight, CLASS_LOSSES["logistic"]).astype(dtype)
    assert targets.encoded.values.dtype == dtype
    assert_array_equal(targets.encoded.values, INDICATORS)
    assert targets.encoded.smoothing == TARGETS[1].smoothing
    if weight is not None:
        assert targets.weight.dtype == dtype
        assert_array_equal(targets.weight, weight)


@pytest.mark.parametrize("targets", TARGETS, ids=["classes", "indicators"])
def test_smoothing_leaves_the_targets_alone(targets):
    assert_array_equal(encode(targets, ROWS), encode(targets, ROWS))


# The batches


def batches(n=10, *, batch_size=4, rows=None, weight=None, rng=None, smallest=1):
    """Batches of rows that hold three times their number, with two classes in turn."""
    X = 3.0 * np.arange(n).reshape(-1, 1) + np.array([0.0, 0.5])
    targets = DenseTargets(np.arange(n).reshape(-1, 1) % 2, 0.0)
    rows = np.arange(n) if rows is None else rows
    return Batches(X, targets, weight, rows, batch_size, rng, smallest=smallest)


def make_batch(n_rows):
    """Where a batch has to be put, in memory that holds anything."""
    shapes = (n_rows, 2), (n_rows, 1), (n_rows, 1)
    return Batch(*(np.full(shape, np.nan) for shape in shapes))


@settings(deadline=None)
@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 70),
    seed=st.none() | st.integers(0, 2**32),
)
def test_each_row_comes_once_an_epoch(n, batch_size, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    rows = 2 * np.arange(n)  # every other row takes part
    data = batches(2 * n, batch_size=batch_size, rows=rows, rng=rng)
    for _ in range(2):
        epoch = list(data)
        assert_array_equal(np.sort(np.concatenate(epoch)), rows)
        sizes = [len(batch) for batch in epoch]
        assert len(data) == len(epoch)
        assert all(size == batch_size for size in sizes[:-1])
        assert 1 <= sizes[-1] <= batch_size
        assert data.sizes == Counter(sizes)
        assert [*data.sizes] == sorted(set(sizes), reverse=True)


@pytest.mark.parametrize(
    "n, batch_size, sizes",
    [
        (10, 5, {5: 2}),
        (10, 4, {4: 2, 2: 1}),
        (10, 10, {10: 1}),
        (3, 10, {3: 1}),
        (4, 1, {1: 4}),
        (11, 10, {10: 1, 1: 1}),
    ],
)
def test_sizes(n, batch_size, sizes):
    assert batches(n, batch_size=batch_size).sizes == sizes


@settings(deadline=None)
@given(
    n=st.integers(2, 60),
    batch_size=st.integers(2, 70),
    smallest=st.integers(1, 2),
    seed=st.none() | st.integers(0, 2**32),
)
def test_a_last_batch_too_small_joins_the_one_before(n, batch_size, smallest, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    data = batches(n, batch_size=batch_size, smallest=smallest, rng=rng)
    for _ in range(2):
        epoch = list(data)
        sizes = [len(batch) for batch in epoch]
        assert_array_equal(np.sort(np.concatenate(epoch)), np.arange(n))
        assert len(data) == len(epoch)
        assert data.sizes == Counter(sizes)
        assert [*data.sizes] == sorted(set(sizes), reverse=True)
        assert set(sizes[:-1]) <= {batch_size}
        assert min(sizes) >= smallest
        assert max(sizes) <= batch_size + smallest - 1


@pytest.mark.parametrize(
    "n, batch_size, sizes",
    [
        (9, 4, {5: 1, 4: 1}),
        (5, 4, {5: 1}),
        (10, 4, {4: 2, 2: 1}),
        (8, 4, {4: 2}),
        (3, 2, {3: 1}),
        (7, 2, {3: 1, 2: 2}),
        (2, 2, {2: 1}),
        (3, 10, {3: 1}),
    ],
)
def test_sizes_with_at_least_two_rows(n, batch_size, sizes):
    assert batches(n, batch_size=batch_size, smallest=2).sizes == sizes


def test_a_merged_batch_loads_all_its_rows():
    data = batches(9, smallest=2, weight=np.arange(1.0, 10.0))
    *_, last = data
    into = make_batch(5)
    assert data.load(last, into) == 5 + 6 + 7 + 8 + 9
    assert_array_equal(into.x[:, 0], 3.0 * np.arange(4, 9))
    assert_allclose(into.weight.ravel(), np.arange(5, 10) / 35, rtol=1e-15)


def test_without_a_generator_the_order_is_kept():
    rows = np.array([7, 1, 4, 3, 9])
    data = batches(batch_size=2, rows=rows)
    for _ in range(2):
        assert [batch.tolist() for batch in data] == [[7, 1], [4, 3], [9]]


def test_generator_shuffles_each_epoch_anew():
    def epochs(seed):
        data = batches(30, rng=np.random.default_rng(seed))
        return [np.concatenate(list(data)).tolist() for _ in range(3)]

    first, second, third = epochs(0)
    assert first != second != third != first
    assert epochs(0) == [first, second, third]
    assert epochs(1)[0] != first


def test_shuffling_leaves_the_rows_alone():
    rows = np.arange(30)
    list(batches(30, rows=rows, rng=np.random.default_rng(0)))
    assert_array_equal(rows, np.arange(30))


@pytest.mark.parametrize("rows", [[3, 0, 9, 4], [9, 9], [5]], ids=str)
def test_load_gathers_the_rows(rows):
    data, into = batches(), make_batch(len(rows))
    assert data.load(np.array(rows), into) == len(rows)
    assert_array_equal(into.x, [[3 * row, 3 * row + 0.5] for row in rows])
    assert_array_equal(into.y, [[row % 2] for row in rows])
    assert_array_equal(into.weight, np.full((len(rows), 1), 1 / len(rows)))


@settings(deadline=None)
@given(weight=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30), seed=st.integers(0, 100))
def test_weights_of_a_batch_sum_to_one(weight, seed):
    weight = np.array(weight)
    data = batches(len(weight), batch_size=7, weight=weight.copy(), rng=np.random.default_rng(seed))
    total = 0.0
    for rows in data:
        into = make_batch(len(rows))
        of_batch = data.load(rows, into)
        assert type(of_batch) is float
        assert of_batch == pytest.approx(weight[rows].sum(), rel=1e-12)
        assert into.weight.sum() == pytest.approx(1, rel=1e-12)
        assert_allclose(into.weight.ravel() * of_batch, weight[rows], rtol=1e-12)
        total += of_batch
    assert total == pytest.approx(data.total_weight, rel=1e-12)
    assert_array_equal(data.weight.ravel(), weight)  # what is normalised is a copy


def test_total_weight_is_that_of_the_rows_that_take_part():
    rows = np.array([1, 2, 5])
    assert batches(rows=rows).total_weight == 3
    assert batches(rows=rows, weight=np.arange(10.0)).total_weight == 8


# Memory


@pytest.fixture(params=["in memory", "mapped"])
def wide_rows(request, tmp_path):
    """Rows of 32 MB, as an array or as a file that is mapped into memory."""
    X = np.random.default_rng(0).normal(size=(16_000, 500)).astype(np.float32)
    if request.param == "in memory":
        return X
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("standardize", [False, True])
def test_fit_keeps_no_copy_of_the_rows(standardize, early_stopping, solver, wide_rows):
    """But of the thousand rows that tell of the loss; those held out are gathered in blocks."""
    y = wide_rows[:, 0] > 0
    net = DropoutMLPClassifier(
        (10,),
        solver=solver,
        batch_size=100,
        max_iter=1,
        learning_rate="cosine",
        early_stopping=early_stopping,
        standardize=standardize,
        cv=None,
    )
    tracemalloc.start()
    net.fit(wide_rows, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    held_out = early_stopping * net.validation_fraction
    assert peak < (0.13 + 1.5 * held_out) * wide_rows.nbytes


def test_mapped_rows_train_the_same_network(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 7))
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    net = DropoutMLPClassifier((5,), max_iter=60, cv=None, random_state=0)
    y = (X[:, 0] > 0).astype(int) + (X[:, 0] > 1)
    expected = net.fit(X, y).predict_proba(X)
    assert_array_equal(net.fit(mapped, y).predict_proba(mapped), expected)


def test_samples_tell_how_many_bytes_a_message_takes():
    X = np.ones((1000, 3))
    targets = DenseTargets(X, 0.0)
    for rows, n_bytes in ((X, X.nbytes), (csr_array(np.eye(500)), 500 * 8)):
        assert 0 <= sys.getsizeof(Samples(rows, targets, None)) - n_bytes < 100


@pytest.mark.parametrize("weight", [np.ones((4, 1)), None], ids=["weighted", ""])
def test_samples_out_of_a_message_lie_where_numpy_can_take_rows_from(weight):
    X = np.arange(12.0).reshape(4, 3)
    for rows in (X, csr_array(X)):
        targets = DenseTargets(X, 0.0)
        buffers = []
        samples = Samples(rows, targets, weight)
        message = pickle.dumps(samples, protocol=5, buffer_callback=buffers.append)
        shifted = [bytearray(b"." + bytes(buffer.raw())) for buffer in buffers]
        found = pickle.loads(message, buffers=[memoryview(buffer)[1:] for buffer in shifted])
        numbers = found.X if rows is X else found.X.data
        for array in (numbers, found.targets.values):
            assert array.flags.aligned
        if weight is None:
            assert found.weight is None
        else:
            assert found.weight.flags.aligned
            assert_array_equal(found.weight, weight)
        assert_array_equal(found.X if rows is X else found.X.toarray(), X)
        assert_array_equal(found.targets.values, X)
