"""Bands along a feature: they are the predictions of the regressor, with the others typical."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, OneHotEncoder

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout.inspection import UncertaintyBandDisplay, _bands

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(60, 3))
Y = 100 * X[:, 0] + X[:, 1]
ASKED = {"n_samples": 5, "random_state": 0}


def regressor(**arguments):
    defaults = dict(dropout_rate=0.3, dropout="bernoulli", max_iter=4, cv=None, random_state=0)
    return DropoutMLPRegressor((40,), **defaults | arguments)


def draw(estimator, X=X, y=None, **options):
    options = ASKED | dict(grid_resolution=12) | options
    return UncertaintyBandDisplay.from_estimator(estimator, X, y, **options)


@pytest.mark.parametrize("cv", [None, 3], ids=["", "ensemble"])
@pytest.mark.parametrize("feature", [0, 2])
@pytest.mark.parametrize("wrap", ["", "pipeline", "search"])
def test_bands_are_those_of_the_regressor(cv, feature, wrap):
    model = regressor(cv=cv) if wrap == "" else make_pipeline(MaxAbsScaler(), regressor(cv=cv))
    if wrap == "search":
        model = GridSearchCV(model, {"dropoutmlpregressor__alpha": [0, 1]}, cv=2)
    display = draw(model.fit(X, Y), y=Y, feature=feature)
    rows = np.tile(np.median(X, axis=0), (12, 1))
    rows[:, feature] = display.grid
    best = model.best_estimator_ if wrap == "search" else model
    mean, std = best.predict(rows, return_std=True, consistent=True, **ASKED)
    assert_allclose(display.mean, mean)
    assert_allclose(display.std, std)
    assert_array_equal(display.line_.get_ydata(), display.mean)
    assert_array_equal(display.points_.get_xydata(), np.column_stack([X[:, feature], Y]))
    assert display.ax_.get_xlabel() == f"Feature {feature}"


def test_bands_reach_so_many_standard_deviations():
    display = draw(regressor().fit(X, Y))
    wide, narrow = (band.get_datalim(display.ax_.transData) for band in display.bands_)
    for n, box in ((2, wide), (1, narrow)):
        assert_allclose(box.y0, (display.mean - n * display.std).min())
        assert_allclose(box.y1, (display.mean + n * display.std).max())
    texts = [text.get_text() for text in display.legend_.get_texts()]
    bands = ["± 1 standard deviation", "± 2 standard deviations"]
    assert texts == ["prediction", *bands, "samples"]
    assert len(display.plot(n_std=[1.96]).bands_) == 1
    with pytest.raises(ValueError, match=r"n_std, each of them, must be a number in \(0, inf"):
        display.plot(n_std=[0])


def test_samples_without_targets_are_ticks_below():
    display = draw(regressor().fit(X, Y), scatter_kw={"color": "red"})
    assert_array_equal(display.points_.get_xdata(), X[:, 0])
    assert display.points_.get_color() == "red"
    low, high = display.ax_.get_ylim()
    assert low < (display.mean - 2 * display.std).min() < high  # ticks at 0.02 are no targets


def test_bands_may_be_drawn_without_samples():
    display = draw(regressor().fit(X, Y))
    bare = UncertaintyBandDisplay(display.grid, display.mean, display.std).plot()
    assert bare.points_ is None
    texts = [text.get_text() for text in bare.legend_.get_texts()]
    assert texts == ["prediction", "± 1 standard deviation", "± 2 standard deviations"]


@pytest.mark.parametrize("eps, margin", [(None, 0.2), (0, 0.0), (3.0, None)])
def test_the_picture_reaches_beyond_the_samples(eps, margin):
    display = draw(regressor().fit(X, Y), eps=eps)
    low, high = X[:, 0].min(), X[:, 0].max()
    margin = eps if margin is None else margin * (high - low)
    assert_allclose(display.ax_.get_xlim(), (low - margin, high + margin))


def test_one_of_several_targets():
    network = regressor().fit(X, np.column_stack([Y, -Y]))
    display = draw(network, y=np.column_stack([Y, -Y]), target=1)
    rows = np.tile(np.median(X, axis=0), (12, 1))
    rows[:, 0] = display.grid
    assert_allclose(display.mean, network.predict(rows)[:, 1])
    assert_array_equal(display.points_.get_ydata(), -Y)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_with_words_hold_them_at_the_most_frequent(library):
    columns = {"length": X[:, 0], "kind": np.array(["a", "b", "b"] * 20), "width": X[:, 1]}
    frame = pytest.importorskip(library).DataFrame(columns)
    words = (OneHotEncoder(sparse_output=False), ["kind"])
    prepare = make_column_transformer(words, remainder="passthrough")
    model = make_pipeline(prepare, regressor()).fit(frame, Y)
    y = pd.Series(Y, name="price")
    display = draw(model, frame, y, feature="length")
    width = np.median(X[:, 1])
    rows = type(frame)({"length": display.grid, "kind": ["b"] * 12, "width": [width] * 12})
    assert_allclose(display.mean, model.predict(rows))
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("length", "price")
    assert_array_equal(draw(model, frame).grid, display.grid)


@pytest.mark.parametrize("kind", ["numpy", "nullable", "arrow"])
def test_holes_are_no_values(kind):
    frame = pd.DataFrame({"a": X[:, 0], "b": [*X[:-1, 1], np.nan], "c": X[:, 2]})
    frame.loc[3, "a"] = np.nan
    frame["words"] = [None, *["a", "b", "b"] * 19, "a", "b"]
    if kind != "numpy":
        pytest.importorskip("pyarrow")
        backend = {"nullable": "numpy_nullable", "arrow": "pyarrow"}[kind]
        frame = frame.convert_dtypes(dtype_backend=backend)
    fill = FunctionTransformer(lambda table: table[["a", "b", "c"]].fillna(0.0).astype(float))
    model = make_pipeline(fill, regressor()).fit(frame, Y)
    display = draw(model, frame, Y, eps=0)
    assert_allclose(display.grid[[0, -1]], [frame["a"].min(), frame["a"].max()])
    rows = np.column_stack([display.grid, *[np.full(12, frame[c].median()) for c in "bc"]])
    names = pd.DataFrame(rows.astype(float), columns=list("abc"))
    assert_allclose(display.mean, model[-1].predict(names))


def test_most_frequent_words_and_the_median_of_numbers_are_typical():
    for column, typical in [
        (pd.Series(["a", "b", "b", None]), "b"),
        (pd.Series(["1", "2", "2"]), "2"),
        (pd.Series([True, True, False]), True),
        (pd.Series([1, 2, 9, None], dtype="Int64"), 2),
        (np.array([1.0, np.nan, 4.0]), 2.5),
    ]:
        assert _bands._typical(column) == typical


def test_a_feature_of_one_value():
    display = draw(regressor().fit(X, Y), np.zeros((4, 3)))
    assert_allclose(display.grid[[0, -1]], [-1, 1])


@pytest.mark.parametrize(
    "estimator, options, error",
    [
        (lambda: Ridge().fit(X, Y), {}, "needs a DropoutMLPRegressor, .* got Ridge"),
        (
            lambda: DropoutMLPClassifier(max_iter=2, cv=None).fit(X, Y > 0),
            {},
            "got DropoutMLPClassifier",
        ),
        (lambda: regressor(dropout_rate=0).fit(X, Y), {}, "all predictions are the same"),
        (lambda: regressor().fit(X, Y), {"feature": 3}, "feature must be an integer in"),
        (lambda: regressor().fit(X, Y), {"feature": "a"}, "X has no column 'a', but 0, 1, 2"),
        (lambda: regressor().fit(X, Y), {"target": 1}, "target must be an integer in"),
        (lambda: regressor().fit(X, Y), {"eps": -1}, "eps must be"),
        (lambda: regressor().fit(X, Y), {"grid_resolution": 1}, "grid_resolution must be"),
        (lambda: regressor().fit(X, Y), {"y": Y[1:]}, "inconsistent numbers of samples"),
    ],
)
def test_what_cannot_be_drawn_is_said(estimator, options, error):
    with pytest.raises(ValueError, match=error):
        draw(estimator(), **options)
    assert plt.get_fignums() == []


def test_a_regressor_that_is_not_fitted_says_so():
    with pytest.raises(NotFittedError):
        draw(regressor())
