"""Numbers as large, as small and as many as there are."""

import tracemalloc
import warnings
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, random_array
from sklearn.datasets import make_classification

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core.activations import ACTIVATIONS
from skdropout._core.uncertainty import measure_spread
from skdropout._training.rows import Complement
from skdropout.optimizers import OPTIMIZERS
from skdropout.schedules import SCHEDULES

pytestmark = [
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer.*Maximum iterations"),
    pytest.mark.filterwarnings("ignore:The fit came to nothing"),
    pytest.mark.filterwarnings("ignore:Got batch_size"),
    pytest.mark.filterwarnings("ignore:lbfgs failed to converge"),
]

X, Y = make_classification(96, n_features=6, random_state=0)
X /= np.abs(X).max()
NUMBERS = X @ np.arange(1.0, 7.0)
NUMBERS /= np.abs(NUMBERS).max()
SIGNS = np.where(X > 0, 1.0, -1.0)
CLASSES = [DropoutMLPClassifier, DropoutMLPRegressor]

each_class = pytest.mark.parametrize("network", CLASSES)
each_dtype = pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
over_ways = pytest.mark.parametrize("way", ["single", "ensemble", "held out", "stream", "sparse"])


def make(network=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (12,), "max_iter": 20, "random_state": 0, "cv": None}
    return network(**{**defaults, "learning_rate_init": 0.02, **arguments})


def targets_of(network):
    return Y if network is DropoutMLPClassifier else NUMBERS


def learn(network, x, y, way, **arguments):
    """Fit in one way or another."""
    arguments |= {"ensemble": {"cv": 3}, "held out": {"early_stopping": True}}.get(way, {})
    estimator = make(network, **arguments)
    if way == "sparse":
        return estimator.fit(csr_array(x), y)
    if way != "stream":
        return estimator.fit(x, y)
    classes = {"classes": [0, 1]} if network is DropoutMLPClassifier else {}
    for _ in range(15):
        estimator.partial_fit(x, y, **classes)
    return estimator


def predict(estimator, x):
    """Probabilities or numbers."""
    return getattr(estimator, "predict_proba", estimator.predict)(x)


def memory(estimator):
    """All that its networks have learned."""
    return np.concatenate([network.memory for network in estimator._networks])


# the size of numbers


@each_class
@over_ways
@pytest.mark.parametrize("exponent", [1000, 600, 401, 400, -400, -401, -600, -1000])
def test_columns_of_any_size_are_learned_alike(network, way, exponent):
    y = targets_of(network)
    usual = predict(learn(network, X, y, way), X)
    far = np.ldexp(X, exponent)
    assert_allclose(predict(learn(network, far, y, way), far), usual, rtol=1e-6, atol=1e-9)


@each_class
@over_ways
@pytest.mark.parametrize("exponent", [1000, -1000])
def test_a_column_of_another_size_than_the_others_is_no_other_matter(network, way, exponent):
    y = targets_of(network)
    usual = predict(learn(network, X, y, way), X)
    mixed = np.ldexp(X, [0, exponent, 0, 0, 3, 0])
    assert_allclose(predict(learn(network, mixed, y, way), mixed), usual, rtol=1e-6, atol=1e-9)


@over_ways
@pytest.mark.parametrize("exponent", [1000, 401, -401, -1000])
def test_targets_of_any_size_are_learned_alike(way, exponent):
    usual = predict(learn(DropoutMLPRegressor, X, NUMBERS, way), X)
    # an ensemble is trained in single precision where the numbers have room in it
    close = {"rtol": 1e-3, "atol": 1e-3} if way == "ensemble" else {"rtol": 1e-9, "atol": 1e-12}
    far = learn(DropoutMLPRegressor, X, np.ldexp(NUMBERS, exponent), way)
    assert_allclose(np.ldexp(predict(far, X), -exponent), usual, **close)


@pytest.mark.parametrize("exponent", [1000, -1000])
def test_deviations_have_the_unit_of_the_targets(exponent):
    usual, far = (
        make(DropoutMLPRegressor, dropout_rate=0.2).fit(X, np.ldexp(NUMBERS, e))
        for e in (0, exponent)
    )
    (_, expected), (_, std) = (
        one.predict(X, return_std=True, random_state=0) for one in (usual, far)
    )
    assert_allclose(np.ldexp(std, -exponent), expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_spread_of_draws_is_that_of_any_unit(dtype):
    draws = np.random.default_rng(0).normal(size=(7, 5)).astype(dtype)
    most = np.finfo(dtype).maxexp - 4
    (expected,) = measure_spread(draws).values()
    for exponent in (most, -most // 2):
        (std,) = measure_spread(np.ldexp(draws, exponent)).values()
        assert_array_equal(np.ldexp(std, -exponent), expected)
    growing = np.ldexp(draws, np.arange(-30, 40, 10)[:, np.newaxis])
    (std,) = measure_spread(growing).values()
    assert_allclose(std, np.std(growing.astype(float), axis=0), rtol=1e-5)


@each_class
@each_dtype
@over_ways
def test_columns_go_up_to_the_largest_number_of_their_type(network, dtype, way):
    largest = np.finfo(dtype).max
    x = (SIGNS * largest).astype(dtype)
    x[::2] = (X[::2] * largest).astype(dtype)
    if way == "sparse" and dtype == np.float16:
        x = x.astype(np.float32)  # SciPy has no sparse rows of float16
    estimator = learn(network, x, targets_of(network), way)
    assert np.isfinite(memory(estimator)).all()
    assert np.isfinite(predict(estimator, x)).all()


@over_ways
def test_targets_go_up_to_the_largest_number(way):
    largest = np.finfo(float).max
    usual = learn(DropoutMLPRegressor, X, NUMBERS, way).predict(X)
    estimator = learn(DropoutMLPRegressor, X, NUMBERS * largest, way)
    predicted = estimator.predict(X)
    assert np.isfinite(predicted).all()
    assert np.corrcoef(predicted / largest, usual)[0, 1] > 0.95  # some stop at the largest
    assert np.isfinite(getattr(estimator, "oof_prediction_", 0.0)).all()


@each_class
def test_columns_of_subnormal_numbers_that_do_not_vary_are_no_trouble(network):
    y = targets_of(network)
    x = np.column_stack([X, np.full(len(X), 5e-324)])
    assert_allclose(
        predict(make(network).fit(x, y), x), predict(make(network).fit(x * 0.0 + x, y), x)
    )
    assert np.isfinite(predict(learn(network, x, y, "stream"), x)).all()


@each_class
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stream_may_have_a_constant_column_of_the_largest_number(network, dtype):
    constant = np.full(len(X), np.finfo(dtype).max)
    x, y = np.column_stack([X, constant]).astype(dtype), targets_of(network)
    estimator = learn(network, x, y, "stream")
    assert np.isfinite(predict(estimator, x)).all()
    assert np.isfinite(predict(estimator, -x)).all()
    assert estimator.score(x, y) > 0.7


TOO_SMALL = r"Columns of X are too small, .* give them in another unit"


@each_class
@over_ways
@pytest.mark.parametrize("dtype, unit", [(np.float32, 1e-43), (np.float64, 1e-320)])
def test_units_that_weights_have_no_numbers_for_are_named(network, way, dtype, unit):
    x, y = (X * unit).astype(dtype), targets_of(network)
    with pytest.raises(ValueError, match=TOO_SMALL):
        learn(network, x, y, way)


def test_the_first_call_of_a_stream_in_such_a_unit_leaves_nothing():
    estimator = make()
    with pytest.raises(ValueError, match=TOO_SMALL):
        estimator.partial_fit(X * 1e-320, Y, classes=[0, 1])
    assert not estimator.__sklearn_is_fitted__()


@pytest.mark.parametrize("unit", [1e150, 1e-150])
@over_ways
def test_targets_that_single_precision_has_no_numbers_for_are_refused(unit, way):
    with pytest.raises(ValueError, match=r"y too large or too small, .* in float32"):
        learn(DropoutMLPRegressor, X.astype(np.float32), NUMBERS * unit, way)


SAID = (
    r"data may contain large values and need to be preprocessed.*smaller learning_rate_init"
    "|came to nothing.*try standardize=True"
)


@pytest.mark.filterwarnings("error:The fit came to nothing")
@each_class
@pytest.mark.parametrize("unit", [np.finfo(float).max, 1e200])
def test_large_numbers_as_they_are_end_in_an_error_or_a_warning_that_says_what_to_do(network, unit):
    estimator = make(network, standardize=False)
    with pytest.raises((ValueError, UserWarning), match=SAID):
        estimator.fit(X * unit, targets_of(network))


@pytest.mark.filterwarnings("error:The fit came to nothing")
@pytest.mark.parametrize("unit", [np.finfo(float).max, 1e200])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_so_do_large_targets_as_they_are(unit, loss):
    estimator = make(DropoutMLPRegressor, standardize=False, loss=loss)
    with pytest.raises((ValueError, UserWarning), match=SAID):
        estimator.fit(X, np.abs(NUMBERS) * unit)


@each_class
@pytest.mark.parametrize("unit", [1e30, 1e-150, 1e-300])
def test_what_is_learned_of_other_numbers_as_they_are_is_finite(network, unit):
    estimator = make(network, standardize=False).fit(X * unit, targets_of(network))
    assert np.isfinite(memory(estimator)).all()
    assert np.isfinite(predict(estimator, X * unit)).all()


def test_the_unit_of_a_stream_may_become_smaller():
    chunks = [np.ldexp(X, exponent) for exponent in (1000, 0, -1000)]
    estimator = make()
    for chunk in chunks:
        estimator.partial_fit(chunk, Y, classes=[0, 1])
        assert np.isfinite(predict(estimator, chunk)).all()
    expected = np.ldexp(np.concatenate(chunks), -1000)
    known = estimator._standardizer.standardization(float)
    assert_allclose(np.ldexp(known.mean, -1000), expected.mean(axis=0), atol=1e-12)
    assert_allclose(np.ldexp(known.scale, -1000), expected.std(axis=0))


@pytest.mark.parametrize("order", [[0, 20], [-1000, -980], [990, 1010]], ids=str)
@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_the_unit_of_a_stream_may_become_larger(order, form):
    """What is far beyond all before is taken for nearer numbers, until there are more of them."""
    first, then = (form(np.ldexp(X, exponent)) for exponent in order)
    estimator = make().partial_fit(first, Y, classes=[0, 1])
    with pytest.warns(UserWarning, match="column 0 of X, .* more than 1000 standard deviations"):
        estimator.partial_fit(then, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(40):
            estimator.partial_fit(then, Y)
            assert np.isfinite(predict(estimator, then)).all()
    known = estimator._standardizer.standardization(float)
    ratio = np.ldexp(known.scale, -order[1]) / X.std(axis=0)
    assert (ratio > 0.7).all()
    assert (ratio < 1.1).all()


@each_class
def test_sums_of_single_precision_may_be_larger_than_its_largest_number(network):
    """The mean of a thousand rows of 3e38 is a number, and so is what is learned of them."""
    y = np.tile(targets_of(network), 11)
    x = np.tile(X, (11, 1)).astype(np.float32)
    far = x + np.float32(2.0)
    usual = predict(make(network).fit(far, y), far)
    unit = np.float32(2.0**126)
    assert_allclose(predict(make(network).fit(far * unit, y), far * unit), usual, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint64])
def test_integers_go_from_the_least_to_the_largest(dtype):
    lowest, highest = dtype(np.iinfo(dtype).min), dtype(np.iinfo(dtype).max)
    x, y = np.where(X > 0, highest, lowest), np.where(Y, highest, lowest)
    classifier = make().fit(x, y)
    assert np.isfinite(predict(classifier, x)).all()
    assert classifier.classes_.dtype == dtype
    assert_array_equal(classifier.classes_, [lowest, highest])
    assert set(classifier.predict(x)) <= {lowest, highest}
    predicted = make(DropoutMLPRegressor, max_iter=200).fit(X, y).predict(X)
    assert np.corrcoef(predicted, Y)[0, 1] > 0.7


# predictions far away


def outputs(estimator, x):
    """All that it predicts, with dropout and without."""
    yield from (estimator.predict(x), predict(estimator, x))
    if isinstance(estimator, DropoutMLPClassifier):
        yield estimator.predict_log_proba(x)
        yield from estimator.predict_uncertainty(x, random_state=0).values()
        yield estimator.predict_proba_samples(x, 3, random_state=0)
    else:
        yield from estimator.predict(x, return_std=True, random_state=0)
        yield estimator.predict_samples(x, 3, random_state=0)


@each_class
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"cv": 3},
        {"batch_norm": True},
        {"dropout": "bernoulli", "input_dropout_rate": 0.1},
        {"hidden_layer_sizes": ()},
        {"loss": "squared_error"},
        *({"activation": name, "hidden_layer_sizes": (6, 6)} for name in ACTIVATIONS),
    ],
    ids=str,
)
def test_a_row_of_the_largest_numbers_has_finite_predictions(network, dtype, arguments):
    arguments = {"dropout_rate": 0.2, **arguments}
    if arguments.get("hidden_layer_sizes") == ():
        arguments |= {"dropout_rate": 0, "input_dropout_rate": 0.2}
    estimator = make(network, **arguments).fit(X.astype(dtype), targets_of(network))
    far = (SIGNS * np.finfo(dtype).max).astype(dtype)
    sparse = () if estimator.input_dropout_rate else (csr_array(far),)
    for x in (far, far[:1], *sparse):
        for values in outputs(estimator, x):
            assert np.isfinite(values).all()


@pytest.mark.parametrize("cv", [None, 3])
def test_so_have_counts_whose_logarithm_is_large(cv):
    arguments = {"loss": "poisson", "dropout_rate": 0.2, "cv": cv}
    estimator = make(DropoutMLPRegressor, **arguments).fit(X, np.round(5 * np.abs(NUMBERS)))
    for unit in (1e3, 1e100, np.finfo(float).max):
        for values in outputs(estimator, SIGNS * unit):
            assert np.isfinite(values).all()
            assert values.min() >= 0.0


@each_class
def test_far_rows_are_predicted_as_those_on_the_way_to_them(network):
    estimator = make(network).fit(X, targets_of(network))
    nearer, far = (predict(estimator, SIGNS * unit) for unit in (1e200, np.finfo(float).max))
    if network is DropoutMLPClassifier:
        assert_allclose(far, nearer)
    else:
        assert_array_equal(np.sign(far), np.sign(nearer))
        assert (abs(far) > abs(nearer)).all()


def test_rows_beside_a_far_one_are_predicted_as_ever():
    estimator = make().fit(X, Y)
    together = predict(estimator, np.concatenate([X, SIGNS[:3] * np.finfo(float).max]))
    assert_allclose(together[:-3], predict(estimator, X), rtol=1e-12)


# weights

WEIGHT = np.random.default_rng(0).uniform(0.5, 2.0, len(X))
TRAININGS = {
    "single": {},
    "ensemble": {"cv": 3},
    "held out": {"early_stopping": True},
    "by a score": {"cv": 3, "scoring": "loss"},
    "watching": {"learning_rate": "constant", "max_iter": 60},
    "plateaus": {"learning_rate": "adaptive", "solver": "sgd", "max_iter": 60},
    "normalised": {"batch_norm": True},
    "clipped": {"clip_norm": 0.1},
    "raw": {"standardize": False},
    "lbfgs": {"solver": "lbfgs", "dropout_rate": 0.0},
}


@each_class
@pytest.mark.parametrize("unit", [1e-300, 1e-9, 1e9, 1e300])
@pytest.mark.parametrize("arguments", TRAININGS.values(), ids=TRAININGS)
def test_weights_may_have_any_unit(network, unit, arguments):
    """Without a penalty, which is one for each sample. In an ensemble the precision is another."""
    fit = partial(make(network, alpha=0, dropout_rate=0.0).set_params(**arguments).fit, X)
    y = targets_of(network)
    expected, n_epochs = memory(fit(y, WEIGHT)), fit(y, WEIGHT).n_iter_
    estimator = fit(y, WEIGHT * unit)
    assert estimator.n_iter_ == n_epochs
    assert_allclose(memory(estimator), expected, atol=1e-4 if "cv" in arguments else 1e-10)


@pytest.mark.parametrize("unit", [1e-300, 1e-9, 1e9, 1e300])
def test_class_weights_may_have_any_unit(unit):
    few, many = (
        make(alpha=0, class_weight={0: u, 1: 3 * u}).fit(X, Y).predict_proba(X) for u in (1.0, unit)
    )
    assert_allclose(many, few, rtol=1e-10)


@each_class
@pytest.mark.parametrize("unit", [1e-300, 1e-9, 1e9, 1e300])
def test_weights_of_a_stream_may_have_any_unit(network, unit):
    y, classes = targets_of(network), {"classes": [0, 1]}
    estimators = [make(network, alpha=0), make(network, alpha=0)]
    for estimator, weight in zip(estimators, (WEIGHT, WEIGHT * unit), strict=True):
        for _ in range(5):
            more = classes if network is DropoutMLPClassifier else {}
            estimator.partial_fit(X, y, sample_weight=weight, **more)
    assert_allclose(memory(estimators[1]), memory(estimators[0]), rtol=1e-10, atol=1e-14)


@each_class
@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_weights_of_a_stream_may_grow_beyond_all_bounds(network, form):
    """What came before then counts for nothing in means and scales."""
    y, classes = targets_of(network), {"classes": [0, 1]}
    more = classes if network is DropoutMLPClassifier else {}
    grown, alone = make(network, alpha=0), make(network, alpha=0)
    for unit in (1e-9, 1e9, 1e200):
        grown.partial_fit(form(X * unit**0.01), y, sample_weight=WEIGHT * unit, **more)
    alone.partial_fit(form(X * 1e200**0.01), y, sample_weight=WEIGHT, **more)
    first, second = (est._standardizer.standardization(float) for est in (grown, alone))
    for name in ("mean", "scale", "y_mean", "y_scale"):
        assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-10)


@each_class
@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_weights_of_a_stream_may_vanish_beside_those_before(network, form):
    more = {"classes": [0, 1]} if network is DropoutMLPClassifier else {}
    y, stream = targets_of(network), make(network, alpha=0)
    stream.partial_fit(form(X), y, sample_weight=WEIGHT * 1e200, **more)
    before = stream._standardizer.standardization(float)
    stream.partial_fit(form(X + 1), y, sample_weight=WEIGHT * 1e-200)
    after = stream._standardizer.standardization(float)
    assert_array_equal(after.mean, before.mean)
    assert_array_equal(after.scale, before.scale)
    assert np.isfinite(memory(stream)).all()


@pytest.mark.parametrize("unit", [1e-12, 1e-4, 1.0, 1e6])
def test_small_counts_are_predicted_about_their_mean(unit):
    """Rates a second, say, of rare events; their unit is not known to a loss with its own scale."""
    still = {"loss": "poisson", "max_iter": 1, "learning_rate_init": 1e-9}
    usual, other = (
        make(DropoutMLPRegressor, **still).fit(X, np.exp(X[:, 0]) * size) for size in (1.0, unit)
    )
    assert_allclose(other.predict(X) / unit, usual.predict(X), rtol=1e-6)


@pytest.mark.parametrize("arguments", [{"alpha": 1.0}, {"learning_rate": "invscaling"}], ids=str)
def test_two_things_count_samples_by_their_weight(arguments):
    arguments = {"alpha": 0, **arguments}
    light, heavy = (make(**arguments).fit(X, Y, WEIGHT * unit) for unit in (1.0, 1e3))
    assert abs(memory(light) - memory(heavy)).max() > 1e-3


@each_class
@pytest.mark.parametrize("arguments", TRAININGS.values(), ids=TRAININGS)
def test_rows_of_weight_zero_are_not_there_whatever_is_in_them(network, arguments):
    y = targets_of(network)
    there = np.random.default_rng(1).permutation(len(X) + 30) < len(X)
    x = np.full((len(there), 6), np.finfo(float).max)
    x[there], labels, weight = X, np.zeros(len(there)), np.zeros(len(there))
    labels[there], weight[there] = y, WEIGHT
    estimator = make(network, **arguments)
    expected = memory(estimator.fit(X, y, WEIGHT))
    if network is DropoutMLPClassifier:
        labels = labels.astype(int)
    assert_allclose(memory(estimator.fit(x, labels, weight)), expected, rtol=1e-9, atol=1e-12)


# how many there may be


def test_a_hundred_thousand_classes():
    """The network has three megabytes; probabilities take four bytes for each class and row."""
    classes = np.arange(100_000)
    rows = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
    estimator = make(hidden_layer_sizes=(4,), dropout_rate=0.5)
    estimator.partial_fit(rows, classes[-32:], classes=classes)
    many = np.tile(rows, (8, 1))
    tracemalloc.start()
    try:
        p = estimator.predict_proba(many)
        labels = estimator.predict(many)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * p.nbytes
    assert_allclose(p.sum(axis=1), 1.0, rtol=1e-3)
    assert_array_equal(labels, p.argmax(axis=1))
    uncertainty = estimator.predict_uncertainty(rows[:4], n_samples=3, random_state=0)
    assert uncertainty.mean_proba.shape == (4, 100_000)


@pytest.mark.parametrize("sparse", [True, False])
def test_a_million_columns(sparse):
    """Memory is a few times that of the data and of the weights."""
    n_rows, n_columns = (100, 1_000_000) if sparse else (10, 1_000_000)
    if sparse:
        n_entries = 50 * n_rows
        rng = np.random.default_rng(0)
        at = rng.integers(n_rows, size=n_entries), rng.integers(n_columns, size=n_entries)
        x = csr_array((rng.random(n_entries, np.float32), at), shape=(n_rows, n_columns))
    else:
        x = np.random.default_rng(0).random((n_rows, n_columns), np.float32)
    y = np.arange(n_rows) % 2
    estimator = make(hidden_layer_sizes=(2,), max_iter=2)
    tracemalloc.start()
    try:
        p = estimator.fit(x, y).predict_proba(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert_allclose(p.sum(axis=1), 1.0, rtol=1e-5)
    n_bytes = memory(estimator).nbytes
    assert peak < 12 * n_bytes + 80 * n_columns + (0 if sparse else 3 * x.nbytes)


def test_numbers_of_rows_go_beyond_thirty_two_bits():
    """No array has as many: a few around the limit are asked for."""
    for n_rows in (2**31 - 1, 2**31, 2**33):
        excluded = [3, n_rows // 2, n_rows - 2]
        rows = Complement(n_rows, excluded)
        assert len(rows) == n_rows - 3
        last = rows[len(rows) - 3 :]
        assert last.dtype == np.int64
        assert_array_equal(last, [n_rows - 4, n_rows - 3, n_rows - 1])
        middle = n_rows // 2
        assert_array_equal(rows[middle - 2 : middle], [middle - 1, middle + 1])
        assert_array_equal(rows.excluded, excluded)


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("learning_rate", SCHEDULES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stream_goes_on_after_a_billion_steps(solver, learning_rate, dtype):
    """As many as a chunk each minute makes in two thousand years."""
    estimator = make(solver=solver, learning_rate=learning_rate, dropout_rate=0.2)
    x, n_steps = X.astype(dtype), 10**9
    estimator.partial_fit(x, Y, classes=[0, 1])
    state = estimator._state
    n_samples = n_steps * len(x)
    state.progress.step = state.progress.epoch = state.optimizer.t = n_steps
    state.n_samples = state.progress.n_samples = float(n_samples)
    estimator._standardizer.inputs.scaler.n_samples_seen_ = np.int64(n_samples)
    before = memory(estimator)
    for _ in range(2):
        estimator.partial_fit(x, Y)
    assert np.isfinite(memory(estimator)).all()
    assert estimator.n_iter_ == n_steps + 2
    assert estimator.t_ == n_samples + 2 * len(x)
    assert isinstance(estimator.t_, int)
    rate = estimator.history_["learning_rate"][-1]
    assert 0 <= rate <= estimator.learning_rate_init
    if learning_rate in ("constant", "adaptive"):
        assert abs(memory(estimator) - before).max() > 0


def test_means_of_a_long_stream_hardly_move():
    """Each row has the same weight, those of a billion chunks before too."""
    estimator = make().partial_fit(X, Y, classes=[0, 1])
    inputs = estimator._standardizer.inputs
    inputs.scaler.n_samples_seen_ = np.int64(10**9 * len(X))
    before = inputs.mean
    estimator.partial_fit(X + 1.0, Y)
    assert_allclose(estimator._standardizer.inputs.mean - before, 1e-9, rtol=1e-5)


def test_counts_of_samples_are_exact_as_long_as_float64_is():
    estimator = make().partial_fit(X, Y, classes=[0, 1])
    estimator._state.n_samples = 2.0**53 - len(X)
    assert estimator.partial_fit(X, Y).t_ == 2**53


def test_wide_sparse_rows_of_any_size_wait_for_their_steps():
    """Lazy updates take the gradient as it comes, and standardised it is an ordinary one."""
    x = random_array(
        (64, 6_000), density=0.002, format="csr", random_state=np.random.default_rng(0)
    )
    y = np.arange(64) % 2
    usual = make(hidden_layer_sizes=(64,), max_iter=3).fit(x, y).predict_proba(x)
    for exponent in (1000, -1000):
        far = csr_array((np.ldexp(x.data, exponent), x.indices, x.indptr), shape=x.shape)
        found = make(hidden_layer_sizes=(64,), max_iter=3).fit(far, y).predict_proba(far)
        assert_allclose(found, usual, rtol=1e-6)
