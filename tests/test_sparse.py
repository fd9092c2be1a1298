"""Sparse inputs: the same network as from dense ones, without ever making them dense."""

import tracemalloc

import numpy as np
import pytest
from cases import make_case
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout.dropout import Batchwise, Bernoulli, DropoutScheme

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(150, 20, n_informative=8, n_classes=3, random_state=0)
X = np.where(np.random.default_rng(0).random(X.shape) < 0.4, X, 0.0)
X[7] = 0  # an empty row
X[:, 5] = 0  # and an empty column
TARGETS = {DropoutMLPClassifier: Y, DropoutMLPRegressor: Y + X[:, 0]}

FORMS = [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.csc_array, sparse.coo_array]
over_forms = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
over_estimators = pytest.mark.parametrize("estimator", TARGETS)


def network(estimator=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (16, 8), "learning_rate_init": 0.01, "max_iter": 8}
    defaults |= {"batch_size": 40, "random_state": 0, "standardize": False, "cv": None}
    return estimator(**{**defaults, **arguments})


def predictions(net, x):
    names = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    return [getattr(net, name)(x) for name in names if hasattr(net, name)]


def assert_same_predictions(net, other, x, x_other, atol=1e-10):
    both = predictions(net, x), predictions(other, x_other)
    for mine, theirs in zip(*both, strict=True):
        assert type(mine) is np.ndarray
        assert mine.dtype == theirs.dtype
        assert_allclose(mine, theirs, rtol=0, atol=atol)


def assert_same_parameters(net, other, atol=1e-10):
    for mine, theirs in zip(
        net.coefs_ + net.intercepts_, other.coefs_ + other.intercepts_, strict=True
    ):
        assert mine.dtype == theirs.dtype
        assert_allclose(mine, theirs, rtol=0, atol=atol)


@over_forms
@over_estimators
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "rates",
    [{"dropout_rate": 0}, {"dropout_rate": 0.3}, {"dropout_rate": 0, "input_dropout_rate": 0.4}],
    ids=["no dropout", "hidden", "inputs"],
)
def test_sparse_is_dense(estimator, form, weighted, rates):
    """Batchwise masks are of the features, so they are the same for both."""
    y, weight = TARGETS[estimator], None
    if weighted:
        weight = np.random.default_rng(0).integers(0, 4, 150) / 2
    dense = network(estimator, **rates).fit(X, y, weight)
    net = network(estimator, **rates).fit(form(X), y, weight)
    assert_same_parameters(net, dense)
    assert_allclose(net.loss_curve_, dense.loss_curve_, rtol=1e-10)
    assert net.t_ == dense.t_
    assert_same_predictions(net, dense, form(X), X)
    assert_same_predictions(net, net, form(X), X)
    assert net.score(form(X), y) == pytest.approx(dense.score(X, y))


@over_forms
@over_estimators
@pytest.mark.parametrize("cv", [None, 3])
def test_standardising_divides_and_leaves_zeros_alone(estimator, form, cv):
    """Columns are divided by their root mean square, so their unit is no matter."""
    y, unit = TARGETS[estimator], np.random.default_rng(0).uniform(0.01, 100, X.shape[1])
    rms = np.sqrt(np.mean(np.square(X), axis=0))
    inside = network(estimator, standardize=True, cv=cv).fit(form(X * unit), y)
    before = network(estimator, standardize=True, cv=cv).fit(form(X / np.maximum(rms, 1e-9)), y)
    assert_allclose(inside.loss_curve_, before.loss_curve_, rtol=1e-9)
    x_before = form(X / np.maximum(rms, 1e-9))
    assert_same_predictions(inside, before, form(X * unit), x_before, atol=1e-8)
    assert_same_predictions(inside, inside, form(X * unit), X * unit)


@over_forms
@over_estimators
def test_partial_fit(estimator, form):
    more = {"classes": [0, 1, 2]} if estimator is DropoutMLPClassifier else {}
    dense, net, mixed = (network(estimator, input_dropout_rate=0.3) for _ in range(3))
    for call in range(4):
        dense.partial_fit(X, TARGETS[estimator], **more)
        net.partial_fit(form(X), TARGETS[estimator], **more)
        mixed.partial_fit(X if call % 2 else form(X), TARGETS[estimator], **more)
    assert_same_parameters(net, dense)
    assert_same_parameters(mixed, dense)


@over_estimators
@pytest.mark.parametrize("scoring", [None, "loss", "by scorer"])
def test_early_stopping(estimator, scoring):
    if scoring == "by scorer":
        scoring = "accuracy" if estimator is DropoutMLPClassifier else "r2"
    net = network(estimator, early_stopping=True, scoring=scoring, max_iter=30)
    dense = clone(net).fit(X, TARGETS[estimator])
    net.fit(sparse.csc_array(X), TARGETS[estimator])
    assert net.n_iter_ == dense.n_iter_
    assert_allclose(net.validation_scores_, dense.validation_scores_, atol=1e-9)
    assert_same_parameters(net, dense, atol=1e-9)


def test_validation_set_and_warm_start():
    net, dense = network(warm_start=True), network(warm_start=True)
    for _ in range(2):
        net.fit(sparse.csr_matrix(X), Y, X_val=sparse.csc_matrix(X[:30]), y_val=Y[:30])
        dense.fit(X, Y, X_val=X[:30], y_val=Y[:30])
    assert_same_parameters(net, dense)
    assert_allclose(net.history_["validation_loss"], dense.history_["validation_loss"])


@over_estimators
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
def test_types(estimator, dtype):
    x = (3 * X).astype(dtype)
    net = network(estimator).fit(sparse.csr_array(x), TARGETS[estimator])
    wanted = np.float32 if dtype == np.float32 else np.float64
    assert {p.dtype for p in net.coefs_ + net.intercepts_} == {np.dtype(wanted)}
    assert predictions(net, sparse.csr_array(x))[-1].dtype == wanted
    dense = network(estimator).fit(x, TARGETS[estimator])
    assert_same_parameters(net, dense, atol=1e-4 if dtype == np.float32 else 1e-10)


@over_forms
@pytest.mark.parametrize("dropout", ["batchwise", "bernoulli"])
def test_the_matrix_is_left_alone(form, dropout):
    x = form(X)
    before = x.copy()
    for array in (vars(x).get(name) for name in ("data", "indices", "indptr")):
        if array is not None:
            array.setflags(write=False)
    net = network(dropout=dropout, input_dropout_rate=0.5, early_stopping=True, batch_size=200)
    with pytest.warns(UserWarning, match="batch_size=200"):
        net.fit(x, Y)
    net.predict_proba(x)
    assert type(x) is form
    assert_array_equal(x.toarray(), before.toarray())
    assert x.nnz == before.nnz


@pytest.mark.parametrize("hidden_layer_sizes", [(), (5,)])
@pytest.mark.parametrize("scheme", [Bernoulli(), Batchwise()], ids=["bernoulli", "batchwise"])
@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_the_stated_fraction_of_stored_entries_is_dropped(hidden_layer_sizes, scheme, rate):
    x = sparse.random_array((200, 300), density=0.1, format="csr", random_state=0)
    x.data += 1
    widths = 300, *hidden_layer_sizes
    rates = (rate, *(0.0 for _ in hidden_layer_sizes))
    case = make_case("numbers", scheme, widths=widths, rates=rates, n_rows=200, sparse=True)
    case.batches.X = x
    passes = []
    for _ in range(20):
        case.run()
        dropped = case.step.batch.x.matrix
        passes.append(dropped.data / x.data)
        assert dropped.nnz == x.nnz
    assert len({mask.tobytes() for mask in passes}) == 20
    assert_allclose(np.unique(np.round(passes, 3)), [0, 1 / (1 - rate)])
    assert np.mean(np.equal(passes, 0)) == pytest.approx(rate, abs=0.01)
    assert np.mean(passes) == pytest.approx(1, abs=0.02)
    by_column = [len(np.unique(passes[0][x.indices == j] > 0)) for j in range(300)]
    assert (max(by_column) == 1) == isinstance(scheme, Batchwise)


def test_bernoulli_dropout_of_sparse_inputs_learns():
    net = network(dropout="bernoulli", dropout_rate=0.3, input_dropout_rate=0.2, max_iter=100)
    fitted = clone(net).fit(sparse.csr_array(X), Y)
    assert fitted.score(X, Y) > 0.75
    again = clone(net).fit(sparse.csr_matrix(X), Y)
    assert_array_equal(fitted.coefs_[0], again.coefs_[0])
    without = clone(net).set_params(input_dropout_rate=0).fit(sparse.csr_array(X), Y)
    assert (fitted.coefs_[0] != without.coefs_[0]).any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_entries_and_shapes_are_refused(value):
    bad = sparse.csr_array(X)
    bad.data[3] = value
    fitted = network().fit(sparse.csr_array(X), Y)
    for act in (lambda: fitted.fit(bad, Y), lambda: fitted.predict(bad)):
        with pytest.raises(ValueError, match="Input X contains"):
            act()
    with pytest.raises(ValueError, match=r"X has 5 features, but .* expecting 20"):
        fitted.predict(sparse.csr_array(X)[:, :5])


def test_unsorted_and_repeated_entries_count_as_scipy_says():
    x = sparse.csr_array(
        (np.r_[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], np.array([2, 0, 0, 1, 2, 1]), np.array([0, 3, 4, 6])),
        shape=(3, 3),
    )
    dense, y = x.toarray(), [0, 1, 1]
    assert dense[0, 0] == 5
    clf = network(dropout_rate=0, batch_size=2)
    assert_same_parameters(clone(clf).fit(x, y), clone(clf).fit(dense, y))


def test_text_like_data_stay_sparse():
    """The peak is a few times the 4 MB of the parameters plus the data, never the dense 2 GB.

    Five vectors of parameters: weights, gradient, the two moments of Adam, and the product of a
    batch with its errors; one more copy of the entries; and 2 MB for everything else.
    """
    n_rows, n_words, n_of_row = 10_000, 50_000, 50
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=n_rows)
    words = rng.integers(n_words, size=(n_rows, n_of_row))
    words[:, :5] = rng.integers(100, size=(n_rows, 5)) + 100 * y[:, None]  # of their subject
    x = sparse.csr_array(
        (
            np.ones(n_rows * n_of_row, np.float32),
            words.ravel(),
            np.arange(0, n_rows * n_of_row + 1, n_of_row),
        ),
        shape=(n_rows, n_words),
    )
    x.sum_duplicates()
    clf = network(
        hidden_layer_sizes=(20,),
        max_iter=1,
        batch_size=200,
        dropout_rate=0.2,
        input_dropout_rate=0.1,
    )
    tracemalloc.start()
    try:
        clf.fit(x, y)
        accuracy = clf.score(x, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    parameters = sum(p.nbytes for p in clf.coefs_ + clf.intercepts_)
    entries = x.data.nbytes + x.indices.nbytes + x.indptr.nbytes
    assert clf.coefs_[0].dtype == np.float32
    assert parameters == pytest.approx(4e6, rel=0.01)
    assert peak < 5 * parameters + entries + 2e6 < 2e9 / 70
    assert accuracy > 0.95


@pytest.mark.parametrize("scheme", ["bernoulli", "gaussian"])
def test_a_last_batch_of_one_row_is_dropped_like_the_others(scheme):
    """With many more features than units, where a mask of features would find no room."""
    X = np.random.default_rng(0).random((33, 1000))
    X = sparse.csr_array(np.where(X < 0.05, X, 0.0))
    clf = DropoutMLPClassifier(
        (4,), dropout=scheme, input_dropout_rate=0.2, batch_size=32, max_iter=2, random_state=0
    )
    clf.set_params(learning_rate="cosine").fit(X, np.arange(33) % 2)
    assert np.isfinite(clf.loss_)


class Rhythm(DropoutScheme):
    """Whose numbers depend on where they stand in the rows."""

    def draw(self, rng, rate, out):
        out[:] = 0
        out[:, ::2] = 2


def test_masks_of_rows_that_are_not_independent_are_refused_for_sparse_inputs():
    X = np.eye(6)
    net = DropoutMLPClassifier((4,), dropout=Rhythm(), learning_rate="cosine", max_iter=2)
    y = np.arange(6) % 2
    net.fit(sparse.csr_array(X), y)  # inputs are not dropped
    net.set_params(input_dropout_rate=0.5).fit(X, y)
    with pytest.raises(ValueError, match=r"Rhythm.*draws a mask for each row.*independent"):
        net.fit(sparse.csr_array(X), y)
    with pytest.raises(ValueError, match=r"Rhythm.*draws a mask for each row.*independent"):
        net.predict_proba_samples(sparse.csr_array(X))


class OneNumber(DropoutScheme):
    """Multiplies a whole layer."""

    def mask_shape(self, n_rows, n_units):
        return 1, 1

    def draw(self, rng, rate, out):
        out[:] = 1 + rng.choice([-rate, rate])


def test_a_mask_may_be_one_number():
    rates = {"dropout_rate": 0.3, "input_dropout_rate": 0.2}
    nets = [network(dropout=OneNumber(), **rates).fit(x, Y) for x in (X, sparse.csr_array(X))]
    assert_same_parameters(*nets)
    draws = [
        net.predict_proba_samples(x, 3, random_state=0)
        for net, x in zip(nets, (X, sparse.csr_array(X)), strict=True)
    ]
    assert_allclose(*draws, rtol=0, atol=1e-10)
    assert len(np.unique(draws[0], axis=0)) > 1


@pytest.mark.parametrize("dropout", ["bernoulli", "gaussian", "batchwise"])
def test_entries_stored_twice_are_one_entry(dropout):
    once = sparse.csr_array(np.arange(12.0).reshape(4, 3))
    halves = np.repeat(once.data / 2, 2), np.repeat(once.indices, 2), 2 * once.indptr
    twice = sparse.csr_array(halves, shape=once.shape)
    before = twice.copy()
    arguments = {"dropout": dropout, "input_dropout_rate": 0.4, "random_state": 0}
    nets = [
        DropoutMLPClassifier((5,), **arguments, learning_rate="cosine", max_iter=5).fit(
            X, [0, 1, 1, 0]
        )
        for X in (once, twice)
    ]
    expected, found = (
        net.predict_proba_samples(X, 5, random_state=0)
        for net, X in zip(nets, (once, twice), strict=True)
    )
    assert_allclose(found, expected, rtol=1e-12)
    assert twice.nnz == before.nnz == 2 * once.nnz  # what was handed in stays as it was
    assert_array_equal(twice.data, before.data)


def spoil(form, what):
    x = form(X)
    if what == "an index":
        x.indices[3] = 10**6
    elif what == "a negative index":
        x.indices[3] = -1
    elif what == "the end":
        x.indptr[-1] = 10**6
    else:
        x.indptr[1] = x.indptr[2] + 1
    return x


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
@pytest.mark.parametrize("what", ["an index", "a negative index", "the end", "the order"])
def test_indices_outside_are_an_error(form, what):
    bad = spoil(form, what)
    net = network().fit(X, Y)
    for call in (network().fit, net.partial_fit, net.score):
        with pytest.raises(ValueError, match=r"^X has sparse indices outside"):
            call(bad, Y)
    with pytest.raises(ValueError, match=r"^X_val has sparse indices outside"):
        network().fit(X, Y, X_val=bad, y_val=Y)
