"""Labels come back in NumPy's type for what they were, from pandas, Arrow and polars too."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.ensemble import RandomForestClassifier

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor

pandas = pytest.importorskip("pandas")

X = np.random.default_rng(0).normal(size=(60, 3))
CODES = (X[:, 0] > 0).astype(int)
FLAGS = CODES.astype(bool)
WORDS = np.where(FLAGS, "yes", "no").astype(object)


def series(values, dtype):
    return pandas.Series(values, dtype=dtype)


def arrow(function):
    """Labels made by pyarrow."""
    return lambda: function(pytest.importorskip("pyarrow"))


def polar(function):
    """Labels made by polars, which takes pyarrow or not."""
    return lambda: function(pytest.importorskip("polars"))


PLAIN = {  # types that scikit-learn's classifiers bring back too
    "int64": lambda: (series(CODES, "int64"), "int64"),
    "int8": lambda: (series(CODES, "int8"), "int8"),
    "bool": lambda: (series(FLAGS, "bool"), "bool"),
    "object": lambda: (series(WORDS, object), "object"),
    "string": lambda: (series(WORDS, "string"), "object"),
    "category": lambda: (series(WORDS, "category"), "object"),
    "category of int64": lambda: (series(CODES, "category"), "int64"),
    "string[pyarrow]": arrow(lambda _: (series(WORDS, "string[pyarrow]"), "object")),
    "arrow int64": arrow(lambda pa: (pa.array(CODES), "int64")),
    "arrow bool": arrow(lambda pa: (pa.array(FLAGS), "bool")),
    "arrow string": arrow(lambda pa: (pa.array(WORDS), "object")),
    "arrow chunks": arrow(lambda pa: (pa.chunked_array([CODES[:9], CODES[9:]]), "int64")),
    "polars int64": polar(lambda pl: (pl.Series(CODES), "int64")),
    "polars bool": polar(lambda pl: (pl.Series(FLAGS), "bool")),
    "polars categorical": polar(
        lambda pl: (pl.Series(list(WORDS), dtype=pl.Categorical), "object")
    ),
}
NULLABLE = {  # which scikit-learn makes floats of
    "Int64": lambda: (series(CODES, "Int64"), "int64"),
    "UInt8": lambda: (series(CODES, "UInt8"), "uint8"),
    "boolean": lambda: (series(FLAGS, "boolean"), "bool"),
    "int64[pyarrow]": arrow(lambda _: (series(CODES, "int64[pyarrow]"), "int64")),
    "bool[pyarrow]": arrow(lambda _: (series(FLAGS, "bool[pyarrow]"), "bool")),
}


def network(estimator=DropoutMLPClassifier, **more):
    return estimator((8,), **{"learning_rate_init": 0.03, "max_iter": 100, "cv": None, **more})


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("name", [*PLAIN, *NULLABLE])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_labels_keep_their_type(name, cv):
    y, dtype = (PLAIN | NULLABLE)[name]()
    fitted = network(cv=cv).fit(X, y)
    predicted = fitted.predict(X)
    assert fitted.classes_.dtype == predicted.dtype == dtype
    assert_array_equal(fitted.classes_, np.unique(WORDS if dtype == "object" else CODES))
    assert fitted.score(X, y) == np.mean(predicted == np.asarray(y)) > 0.8


@pytest.mark.parametrize("name", PLAIN)
def test_they_are_those_of_other_classifiers(name):
    y, dtype = PLAIN[name]()
    assert RandomForestClassifier(3).fit(X, y).predict(X).dtype == dtype


@pytest.mark.parametrize("name", [*PLAIN, *NULLABLE])
def test_classes_of_a_stream_keep_their_type(name):
    y, dtype = (PLAIN | NULLABLE)[name]()
    classes = y.unique()
    fitted = network().partial_fit(X, y, classes=classes).partial_fit(X, y, classes=classes)
    assert fitted.classes_.dtype == dtype


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_nullable_labels_train_as_plain_ones_do():
    plain, nullable = (network(random_state=0).fit(X, y) for y in (CODES, series(CODES, "Int64")))
    assert_array_equal(plain.predict_proba(X), nullable.predict_proba(X))


MISSING = {
    "None": lambda: np.where(FLAGS, "yes", None),
    "a list": lambda: [None, *WORDS[1:]],
    "NaN": lambda: np.where(FLAGS, WORDS, np.nan),
    "object": lambda: series(np.where(FLAGS, "yes", None), object),
    "string": lambda: series(WORDS, "string").where(FLAGS),
    "category": lambda: series(WORDS, "category").where(FLAGS),
    "Int64": lambda: series(CODES, "Int64").where(FLAGS),
    "boolean": lambda: series(FLAGS, "boolean").where(FLAGS),
    "int64[pyarrow]": arrow(lambda _: series(CODES, "int64[pyarrow]").where(FLAGS)),
    "string[pyarrow]": arrow(lambda _: series(WORDS, "string[pyarrow]").where(FLAGS)),
    "arrow": arrow(lambda pa: pa.array([None, *WORDS[1:]])),
    "polars": polar(lambda pl: pl.Series([None, *WORDS[1:]])),
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_labels_are_counted(name):
    y = MISSING[name]()
    n = 1 if name in ("a list", "arrow", "polars") else (~FLAGS).sum()
    with pytest.raises(
        ValueError, match=rf"y must not have missing labels, got {n} among 60\. .*dr"
    ):
        network().fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_numbers_may_be_nullable():
    y = series(X[:, 0], "Float64")
    plain, nullable = (
        network(DropoutMLPRegressor, random_state=0).fit(X, numbers) for numbers in (X[:, 0], y)
    )
    assert_array_equal(plain.predict(X), nullable.predict(X))
    with pytest.raises(ValueError, match="y contains NaN"):
        network(DropoutMLPRegressor).fit(X, y.where(FLAGS))


def test_missing_dates_are_missing_labels():
    dates = np.array(["2020-01-01", "2020-01-02", "NaT"] * 20, "datetime64[D]")
    with pytest.raises(ValueError, match="y must not have missing labels, got 20 among 60"):
        DropoutMLPClassifier(max_iter=1).fit(np.zeros((60, 2)), dates)
