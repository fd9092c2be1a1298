"""Data that are large, or a file mapped into memory: read batch by batch, never copied."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core import tuning
from skdropout._estimators import fitting, labels
from skdropout._network.standardization import StandardizedRows, standardize_rows
from skdropout._training import data, rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ONCE = {"max_iter": 1, "random_state": 0}


@pytest.fixture
def large(monkeypatch):
    """Let little data be treated as much."""
    monkeypatch.setattr(tuning, "COPIED_NUMBERS", 0)
    monkeypatch.setattr(tuning, "MIXED_ROWS", 1 << 11)
    monkeypatch.setattr(tuning, "INFERENCE_NUMBERS", 1 << 14)
    monkeypatch.setattr(rows, "SPLIT_ROWS", 1 << 11)
    monkeypatch.setattr(data, "AT_ONCE", 1 << 11)
    monkeypatch.setattr(labels, "AT_ONCE", 1 << 11)


def write(path, n_rows, n_columns=6, dtype=np.float32):
    """A file with rows of columns that differ in mean and scale; mapped, read-only."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_columns)) * np.geomspace(0.1, 10, n_columns) + 3.0
    np.save(path / "X.npy", X.astype(dtype))
    return np.load(path / "X.npy", mmap_mode="r")


def numbers(X):
    return (X[:, 0] - 3.0) * 10.0 + np.abs(X[:, 1] - 3.0).astype(float)


def classes(X):
    return np.array(["few", "more", "most"])[np.digitize(numbers(X), [0.0, 1.0])]


def outputs(estimator, X):
    """What a fit came to, as bytes that can be compared."""
    predicted = getattr(estimator, "predict_proba", estimator.predict)(X)
    told = [estimator.loss_curve_, estimator.history_.get("validation_loss", [])]
    return predicted.tobytes(), np.concatenate(told).tobytes()


FITS = {
    "classifier": (DropoutMLPClassifier((8,), cv=None, **ONCE), classes),
    "as they are": (DropoutMLPClassifier((8,), cv=None, standardize=False, **ONCE), classes),
    "held out": (DropoutMLPClassifier((8,), early_stopping=True, **ONCE), classes),
    "folds": (DropoutMLPClassifier((8,), cv=3, **ONCE), classes),
    "regressor": (DropoutMLPRegressor((8,), cv=None, **ONCE), numbers),
    "folds of numbers": (DropoutMLPRegressor((8,), cv=3, **ONCE), numbers),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator, target", FITS.values(), ids=FITS)
def test_a_mapped_file_trains_the_network_of_an_array(estimator, target, dtype, large, tmp_path):
    mapped = write(tmp_path, 3_000, dtype=dtype)
    before = (tmp_path / "X.npy").read_bytes()
    y = target(mapped)
    of_array = outputs(estimator.fit(mapped.copy(), y), mapped.copy())
    assert outputs(estimator.fit(mapped, y), mapped) == of_array
    assert (tmp_path / "X.npy").read_bytes() == before


@pytest.mark.parametrize("estimator, target", FITS.values(), ids=FITS)
def test_rows_standardised_when_they_are_read_are_those_of_a_copy(
    estimator, target, tmp_path, monkeypatch
):
    X = write(tmp_path, 1_000)
    y = target(X)
    of_copy = outputs(estimator.fit(X, y), X)
    monkeypatch.setattr(tuning, "COPIED_NUMBERS", 0)
    assert outputs(estimator.fit(X, y), X) == of_copy


def test_processes_train_the_same_networks_on_a_mapped_file(large, tmp_path):
    X = write(tmp_path, 3_000)
    y = classes(X)
    alone, parallel = (
        DropoutMLPClassifier((8,), cv=3, n_jobs=n_jobs, **ONCE).fit(X, y) for n_jobs in (1, 2)
    )
    assert outputs(alone, X) == outputs(parallel, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_of_a_mapped_file_are_standardised_as_scikit_learn_does(dtype, large, tmp_path):
    X = write(tmp_path, 3_000, dtype=dtype)
    fitted = DropoutMLPClassifier((8,), cv=None, **ONCE).fit(X, classes(X))
    known, expected = fitted._standardizer.standardization(dtype), StandardScaler().fit(X)
    assert_allclose(known.mean, expected.mean_, rtol=1e-6)
    assert_allclose(known.scale, expected.scale_, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_columns", [1, 7, 200_000])
def test_standardised_rows_are_read_like_an_array(n_columns, dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(11, n_columns)).astype(dtype)
    mean, scale = rng.normal(size=n_columns), rng.uniform(1, 2, n_columns)
    expected = ((X - mean) / scale).astype(np.float32)
    read = StandardizedRows(X, mean, scale, np.float32)
    places = np.array([[3, 0, 10], [3, 3, 1]])
    assert read.shape == X.shape
    assert read.dtype == np.float32
    for some in (slice(None), slice(2, 9, 3), places[0]):
        assert_array_equal(read[some], expected[some])
        assert read[some].dtype == np.float32
    assert_array_equal(read.take(places, axis=0, mode="clip"), expected[places])
    out = np.empty((3, n_columns), np.float32)
    assert read.take(places[0], axis=0, out=out, mode="clip") is out
    assert_array_equal(out, expected[places[0]])


def test_few_numbers_are_copied_and_many_are_not():
    zeros, ones = np.zeros(4), np.ones(4)
    few, many = np.ones((10, 4)), np.ones((tuning.COPIED_NUMBERS // 4 + 1, 4))
    assert isinstance(standardize_rows(few, zeros, ones, np.float32), np.ndarray)
    assert standardize_rows(many, zeros, ones, np.float32).X is many


# Memory

N_COLUMNS = 50
N_FEW, N_MANY = 21_000, 63_000


def peak(run):
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def fit(estimator):
    return lambda X, y: lambda: estimator.fit(X, y)


def fit_in_part(estimator):
    return lambda X, y: lambda: estimator.partial_fit(X, y, classes=np.unique(y))


def predict(estimator):
    return lambda X, y: lambda: estimator.predict(X)


SMALL = {"batch_size": 512, **ONCE}
RUNS = {
    "classifier": (fit(DropoutMLPClassifier((8,), cv=None, **SMALL)), classes, 4),
    "as they are": (
        fit(DropoutMLPClassifier((8,), cv=None, standardize=False, **SMALL)),
        classes,
        4,
    ),
    "by default": (fit(DropoutMLPClassifier((8,), **SMALL)), classes, 24),
    "held out": (fit(DropoutMLPClassifier((8,), early_stopping=True, **SMALL)), classes, 24),
    "regressor": (fit(DropoutMLPRegressor((8,), cv=None, **SMALL)), numbers, 4),
    "partial_fit": (fit_in_part(DropoutMLPClassifier((8,), **SMALL)), classes, 4),
}


@pytest.mark.parametrize("make, target, n_bytes", RUNS.values(), ids=RUNS)
def test_a_fit_takes_some_bytes_for_a_row_and_none_for_its_columns(
    make, target, n_bytes, large, tmp_path
):
    """A row takes 200 bytes; one that is held out in the end some 100 for what is predicted."""
    X = write(tmp_path, N_MANY, N_COLUMNS)
    y = target(X)
    few, many = (peak(make(X[:n_rows], y[:n_rows])) for n_rows in (N_FEW, N_MANY))
    assert many - few < n_bytes * (N_MANY - N_FEW)


@pytest.mark.parametrize("kind", [DropoutMLPClassifier, DropoutMLPRegressor])
def test_a_prediction_takes_memory_for_what_is_predicted(kind, large, tmp_path):
    X = write(tmp_path, N_MANY, N_COLUMNS)
    y = numbers(X) if kind is DropoutMLPRegressor else (numbers(X) > 0).astype(int)
    estimator = kind((8,), cv=None, **SMALL).fit(X[:2_000], y[:2_000])
    few, many = (peak(lambda n=n: estimator.predict(X[:n])) for n in (N_FEW, N_MANY))
    assert many - few < 14 * (N_MANY - N_FEW)


def test_by_default_a_tenth_is_held_out_but_no_more_than_is_needed(monkeypatch):
    X = np.random.default_rng(0).normal(size=(21_000, 2))
    y = (X[:, 0] > 0).astype(int)
    seen = []

    def count(estimator, X, y):
        seen.append(len(y))
        return 1.0

    network = DropoutMLPClassifier((2,), scoring=count, **SMALL)
    network.fit(X, y)
    monkeypatch.setattr(fitting, "MOST_HELD_OUT", 500)
    network.fit(X, y)
    network.set_params(early_stopping=True).fit(X, y)
    assert seen == [2_100, 500, 2_100]


def test_classes_are_found_and_told_in_all_pieces(large):
    X = np.linspace(-1, 1, 5_000).reshape(-1, 1)
    y = np.array(["a", "bb", "ccc"])[np.digitize(X[:, 0], [0.0, 0.999])]
    network = DropoutMLPClassifier((8,), batch_size=50, cv=None, random_state=0, max_iter=20)
    network.fit(X, y)
    assert_array_equal(network.classes_, ["a", "bb", "ccc"])
    assert network.score(X, y) > 0.99
    with pytest.raises(ValueError, match=r"not in `self\.classes_`"):
        network.partial_fit(X, np.where(X[:, 0] > 0.999, "d", y))
