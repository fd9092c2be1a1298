"""Reliability diagrams: their numbers are scikit-learn's, out of fold, for any classes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout.inspection import ReliabilityDisplay, _axes

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import same_color  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, KINDS = load_iris(return_X_y=True)
FLOWERS = np.array(["setosa", "versicolor", "virginica"])[KINDS]


def ensemble(y=FLOWERS, **arguments):
    arguments = dict(max_iter=8, cv=3, random_state=0) | arguments
    return DropoutMLPClassifier((32,), **arguments).fit(X, y)


def predictions(n=400, n_classes=5, seed=0):
    """Probabilities, and labels that are drawn by them."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(n_classes, 0.4), n)
    return np.array([rng.choice(n_classes, p=p) for p in proba]), proba


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("n_bins", [1, 4, 10, 15])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_points_are_those_of_calibration_curve(strategy, n_bins, n_classes):
    y, proba = predictions(n_classes=n_classes)
    right, confidence = proba.argmax(axis=1) == y, proba.max(axis=1)
    bins = dict(n_bins=n_bins, strategy=strategy)
    display = ReliabilityDisplay.from_predictions(y, proba, **bins)
    accuracy, mean = calibration_curve(right, confidence, **bins)
    assert_allclose(display.accuracy, accuracy, rtol=1e-12)
    assert_allclose(display.confidence, mean, rtol=1e-12)
    assert display.count.sum() == len(y)
    low, high = display.edges.T
    assert (low <= display.confidence).all()
    assert (display.confidence <= high).all()


def test_expected_calibration_error_is_its_formula():
    """Four predictions of 0.6, of which two are right, and one of 0.95, which is."""
    proba = np.array([[0.6, 0.4]] * 4 + [[0.05, 0.95]])
    display = ReliabilityDisplay.from_predictions([0, 0, 1, 1, 1], proba)
    assert_array_equal(display.count, [4, 1])
    assert_allclose(display.accuracy, [0.5, 1.0])
    assert_allclose(display.confidence, [0.6, 0.95])
    assert_allclose(display.edges, [[0.5, 0.6], [0.9, 1.0]])
    assert_allclose(display.expected_calibration_error, (4 * 0.1 + 1 * 0.05) / 5)
    assert_allclose(display.error, [np.sqrt(0.25 / 4), np.sqrt(2 / 9)])
    assert "expected calibration error 0.090" in display.legend_.get_texts()[1].get_text()


def test_probabilities_that_the_labels_are_drawn_by_are_calibrated():
    """Standardised by their errors, the distances from the diagonal are like normal numbers."""
    display = ReliabilityDisplay.from_predictions(*predictions(n=20_000))
    distances = (display.accuracy - display.confidence) / display.error
    assert np.abs(distances).max() < 4
    assert display.expected_calibration_error < 0.02


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("y", [FLOWERS, KINDS > 0], ids=["three", "two"])
def test_out_of_fold_predictions_are_the_fitted_ones(piped, y):
    network = DropoutMLPClassifier((32,), max_iter=8, cv=3, random_state=0)
    model = make_pipeline(MaxAbsScaler(), network) if piped else network
    display = ReliabilityDisplay.from_oof(model.fit(X, y), y)
    proba = network.oof_decision_function_
    expected = ReliabilityDisplay.from_predictions(y, proba, classes=network.classes_)
    assert_array_equal(display.accuracy, expected.accuracy)
    assert_array_equal(display.count, expected.count)
    assert np.average(display.accuracy, weights=display.count) == pytest.approx(network.oof_score_)
    assert display.name == "out of fold"


def test_rows_that_are_never_held_out_are_left_out():
    network = ensemble(cv=ShuffleSplit(2, test_size=0.2, random_state=0))
    display = ReliabilityDisplay.from_oof(network, FLOWERS)
    known = np.isfinite(network.oof_decision_function_).all(axis=1)
    assert display.count.sum() == known.sum() < len(X)


@pytest.mark.parametrize("classifier", [LogisticRegression(max_iter=500), RandomForestClassifier()])
def test_any_classifier_is_shown_on_other_rows(classifier):
    X, y = load_breast_cancer(return_X_y=True)
    classifier = make_pipeline(MaxAbsScaler(), classifier).fit(X[:300], y[:300])
    display = ReliabilityDisplay.from_estimator(classifier, X[300:], y[300:], name="theirs")
    assert np.average(display.accuracy, weights=display.count) == pytest.approx(
        classifier.score(X[300:], y[300:])
    )
    assert display.legend_.get_texts()[1].get_text().startswith("theirs: expected")


def test_labels_that_no_row_has_are_named_by_classes():
    y, proba = predictions(n_classes=4)
    rows = y != 3
    with pytest.raises(ValueError, match=r"each of the 3 classes, got the shape \(\d+, 4\)"):
        ReliabilityDisplay.from_predictions(y[rows], proba[rows])
    display = ReliabilityDisplay.from_predictions(y[rows], proba[rows], classes=range(4))
    assert display.count.sum() == rows.sum()


def test_two_classifiers_on_the_same_axes():
    first = ReliabilityDisplay.from_predictions(*predictions(), name="one")
    second = ReliabilityDisplay.from_predictions(
        *predictions(seed=1, n_classes=8), name="two", counts=False, ax=first.ax_
    )
    names = [text.get_text().partition(":")[0] for text in second.legend_.get_texts()]
    assert names == ["calibrated", "one", "two"]
    colors = [display.errorbar_.lines[0].get_color() for display in (first, second)]
    assert all(map(same_color, colors, _axes.COLORS))
    assert second.diagonal_ is second.bars_ is second.count_ax_ is None
    assert second.ax_.get_xlim()[0] == min(first.edges.min(), second.edges.min())
    second.figure_.canvas.draw()


def test_bars_are_the_numbers_of_predictions():
    display = ReliabilityDisplay.from_predictions(*predictions())
    assert_array_equal([bar.get_height() for bar in display.bars_], display.count)
    assert_allclose([bar.get_x() for bar in display.bars_], display.edges[:, 0])
    shown = [text.get_text() for text in display.count_ax_.texts]
    assert shown == [str(n) for n in display.count]


def test_numbers_are_written_where_there_is_room():
    y, proba = predictions()
    sure = 0.001 * proba + 0.999 * np.eye(5)[proba.argmax(axis=1)]
    display = ReliabilityDisplay.from_predictions(y, sure, strategy="quantile")
    assert {text.get_text() for text in display.count_ax_.texts} == {""}


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_a_classifier_that_is_always_sure(strategy):
    display = ReliabilityDisplay.from_predictions(
        [0, 1, 1], np.eye(2)[[0, 1, 0]], strategy=strategy
    )
    display.figure_.canvas.draw()
    assert_allclose(display.expected_calibration_error, 1 / 3)
    assert display.ax_.get_xlim() == (0.9, 1.0)


def test_options_of_the_points():
    look = {"color": "black", "linestyle": "none"}
    display = ReliabilityDisplay.from_predictions(*predictions(), line_kw=look)
    assert display.errorbar_.lines[0].get_color() == "black"
    with pytest.raises(TypeError, match="counts must be True or False"):
        display.plot(counts=1)


@pytest.mark.parametrize(
    "draw, error",
    [
        (
            lambda: ReliabilityDisplay.from_oof(ensemble(cv=None), FLOWERS),
            "oof_decision_function_, which this DropoutMLPClassifier does not have",
        ),
        (
            lambda: ReliabilityDisplay.from_oof(
                DropoutMLPRegressor(max_iter=2, cv=2).fit(X, KINDS), KINDS
            ),
            "which this DropoutMLPRegressor does not have",
        ),
        (lambda: ReliabilityDisplay.from_oof(ensemble(), FLOWERS[1:]), "inconsistent numbers"),
        (
            lambda: ReliabilityDisplay.from_oof(
                ensemble(np.column_stack([KINDS > 0, KINDS < 2])), np.ones((150, 2))
            ),
            "should be a 1d array",
        ),
        (
            lambda: ReliabilityDisplay.from_estimator(
                DropoutMLPRegressor(max_iter=2).fit(X, KINDS), X, KINDS
            ),
            "needs a classifier with predict_proba, got DropoutMLPRegressor",
        ),
        (
            lambda: ReliabilityDisplay.from_predictions([0, 1], [0.5, 0.4]),
            r"column for each of the 2 classes, got the shape \(2,\)",
        ),
        (
            lambda: ReliabilityDisplay.from_predictions([0, 1], [[0.5, 0.5], [-1, 2]]),
            "must be probabilities",
        ),
        (
            lambda: ReliabilityDisplay.from_predictions([0, 1], np.eye(2), n_bins=0),
            "n_bins must be an integer",
        ),
        (
            lambda: ReliabilityDisplay.from_predictions([0, 1], np.eye(2), strategy="equal"),
            "strategy must be one of 'uniform', 'quantile', got 'equal'",
        ),
    ],
)
def test_what_cannot_be_drawn_is_said(draw, error):
    with pytest.raises(ValueError, match=error):
        draw()
    assert plt.get_fignums() == []


def test_a_network_that_is_not_fitted_says_so():
    with pytest.raises(NotFittedError):
        ReliabilityDisplay.from_oof(DropoutMLPClassifier(), FLOWERS)


def test_labels_that_are_no_classes_are_refused():
    proba = np.full((4, 2), 0.5)
    with pytest.raises(ValueError, match=r"The labels \['c'\] are none of the classes"):
        ReliabilityDisplay.from_predictions(list("abca"), proba, classes=["a", "b"])
